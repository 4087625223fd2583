//! What differs between two configurations, in words for a person.

use crate::config::Config;
use std::collections::{BTreeMap, BTreeSet};

/// One line for each section that was added, removed or changed, in the order of the new file.
pub(super) fn between(old: &Config, new: &Config) -> Vec<String> {
    let mut changes = Vec::new();
    if old.global_defs != new.global_defs {
        changes.push("global_defs changed".to_owned());
    }
    macro_rules! sections {
        ($($field:ident),*) => {
            $(compare(stringify!($field), &old.$field, &new.$field, |it| &it.name, &mut changes);)*
        };
    }
    sections!(
        vrrp_script,
        track_file,
        track_process,
        track_route,
        track_tcp,
        track_ping,
        vrrp_instance,
        vrrp_sync_group,
        interface_up_down_delays
    );
    for (what, differ) in [
        ("static_ipaddress", old.static_ipaddress != new.static_ipaddress),
        ("static_routes", old.static_routes != new.static_routes),
        ("static_rules", old.static_rules != new.static_rules),
    ] {
        if differ {
            changes.push(format!("{what} changed"));
        }
    }
    changes
}

/// The sections of one keyword.
fn compare<T: PartialEq>(
    keyword: &str,
    old: &[T],
    new: &[T],
    name: impl Fn(&T) -> &str,
    changes: &mut Vec<String>,
) {
    let old_names: BTreeMap<&str, &T> = old.iter().map(|it| (name(it), it)).collect();
    let new_names: BTreeSet<&str> = new.iter().map(&name).collect();
    for it in new {
        match old_names.get(name(it)) {
            None => changes.push(format!("{keyword} {} added", name(it))),
            Some(before) if *before != it => {
                changes.push(format!("{keyword} {} changed", name(it)));
            }
            Some(_) => {}
        }
    }
    for it in old.iter().filter(|it| !new_names.contains(name(it))) {
        changes.push(format!("{keyword} {} removed", name(it)));
    }
}
