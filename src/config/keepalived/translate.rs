//! What keepalived makes of values that vipd would not take: harmless ones are put right, as it does,
//! and told.

use crate::config::dialect::absent;
use crate::config::error::{quote, Place, Report};
use crate::config::schema;
use crate::config::tree::{Data, Entry, LeftOut, Section, Tree, Value, Word};
use core::net::IpAddr;
use std::collections::BTreeSet;

/// The longest password that an advert carries.
const PASSWORD: usize = 8;

/// Puts the values of a tree right.
pub fn translate(tree: &mut Tree, report: &mut Report) {
    let mut version = "2".to_owned();
    for section in tree.sections.iter_mut().filter(|s| s.keyword.text == "global_defs") {
        globals(section, report);
        version = word_of(section, "vrrp_version").unwrap_or(version);
    }
    first_scripts(tree, report);
    for section in tree.sections.iter_mut().filter(|s| s.keyword.text == "vrrp_script") {
        script(section, report);
    }
    let left_out = &mut tree.left_out;
    for section in tree.sections.iter_mut().filter(|s| s.keyword.text == "vrrp_instance") {
        instance(section, &version, left_out, report);
    }
    leave_out_ipv6(tree, report);
}

/// The one word behind a keyword.
fn word_of(section: &Section, keyword: &str) -> Option<String> {
    let entry = section.entries.iter().find(|entry| entry.word.text == keyword)?;
    Some(entry.value.word()?.text)
}

fn line(text: &str, place: Place) -> Value {
    Value { data: Data::Line(vec![Word { text: text.into(), place }]), place }
}

/// Whether a flag without a value, or with one, is on.
fn is_on(value: &Value) -> bool {
    value.word().is_none_or(|word| schema::truth(&word.text) != Some(false))
}

/// keepalived takes 1 where 0 makes no sense.
fn one_for_none(section: &mut Section, keyword: &str, report: &mut Report) {
    for entry in section.entries.iter_mut().filter(|entry| entry.word.text == keyword) {
        if schema::time(&entry.value).is_some_and(|time| time.is_zero()) {
            report.warning(entry.value.place, format!("{keyword} 0 is taken for 1"));
            entry.value = line("1", entry.value.place);
        }
    }
}

fn globals(section: &mut Section, report: &mut Report) {
    literally(section, report);
    checksum(section);
    for word in ["vrrp_garp_master_repeat", "vrrp_garp_master_refresh_repeat"] {
        one_for_none(section, word, report);
    }
    let Some(at) = section.entries.iter().position(|entry| entry.word.text == "vrrp_min_garp")
    else {
        return;
    };
    let entry = section.entries.remove(at);
    if !is_on(&entry.value) {
        return;
    }
    for (word, value) in [("vrrp_garp_master_repeat", "1"), ("vrrp_garp_master_delay", "0")] {
        if word_of(section, word).is_none() {
            let word = Word { text: word.into(), place: entry.word.place };
            section.entries.push(Entry { word, value: line(value, entry.word.place) });
        }
    }
}

/// `v3_checksum_as_v2` is one of three ways here.
fn checksum(section: &mut Section) {
    let is = |entry: &Entry| entry.word.text == "v3_checksum_as_v2";
    section.entries.retain(|entry| !is(entry) || is_on(&entry.value));
    for entry in section.entries.iter_mut().filter(|entry| is(entry)) {
        entry.word.text = "v3_checksum".into();
        entry.value = line("rfc9568", entry.word.place);
    }
}

/// Of two scripts of one name keepalived runs the first, and says nothing.
fn first_scripts(tree: &mut Tree, report: &mut Report) {
    let mut seen = BTreeSet::new();
    let left_out = &mut tree.left_out;
    tree.sections.retain(|section| {
        let Some(name) = section.name.as_ref().filter(|_| section.keyword.text == "vrrp_script")
        else {
            return true;
        };
        if seen.insert(name.text.clone()) {
            return true;
        }
        let reason = "there is a vrrp_script of that name already, and the first one counts";
        report.warning(name.place, reason);
        let text = format!("vrrp_script {} {{ ... }}", name.text);
        left_out.push(LeftOut { text, reason: reason.into(), place: name.place });
        false
    });
}

fn script(section: &mut Section, report: &mut Report) {
    literally(section, report);
    one_for_none(section, "interval", report);
    // That is what no timeout means, too.
    section.entries.retain(|entry| {
        entry.word.text != "timeout" || entry.value.word().is_none_or(|word| word.text != "0")
    });
}

fn instance(
    section: &mut Section,
    global_version: &str,
    left_out: &mut Vec<LeftOut>,
    report: &mut Report,
) {
    literally(section, report);
    checksum(section);
    for word in ["garp_master_repeat", "garp_master_refresh_repeat"] {
        one_for_none(section, word, report);
    }
    let version = word_of(section, "version").unwrap_or_else(|| global_version.into());
    state(section, report);
    if version == "3" {
        no_authentication(section, report);
    } else {
        unknown_type(section, report);
        whole_seconds(section, report);
    }
    for entry in &mut section.entries {
        match entry.word.text.as_str() {
            "authentication" => password(&mut entry.value, report),
            "virtual_ipaddress" => {
                address_words(&mut entry.value, left_out, report);
                addresses(&mut entry.value, report);
            }
            _ => {}
        }
    }
}

/// A state that is none has no effect, as one that is one has none.
fn state(section: &mut Section, report: &mut Report) {
    let is_state =
        |word: &str| ["MASTER", "BACKUP"].iter().any(|known| known.eq_ignore_ascii_case(word));
    let said = word_of(section, "state");
    section.entries.retain(|entry| {
        let word = entry.value.word().filter(|word| !is_state(&word.text));
        let Some(word) = word.filter(|_| entry.word.text == "state") else {
            return true;
        };
        let message = format!("unknown state {}: it is passed over", quote(&word.text));
        report
            .warning(word.place, message)
            .help("MASTER or BACKUP, and neither has an effect: the priority decides");
        false
    });
    let master = said.is_some_and(|state| state.eq_ignore_ascii_case("MASTER"));
    if master && word_of(section, "priority").is_none() {
        let place = section.name.as_ref().map_or(section.keyword.place, |name| name.place);
        let message =
            "state MASTER without priority: keepalived takes priority 255 then, and so it \
                       is here";
        report.warning(place, message).help("write a priority");
        let word = Word { text: "priority".into(), place };
        section.entries.push(Entry { word, value: line("255", place) });
    }
}

/// Words that keepalived makes something else of than they say, or nothing. Here they mean what they
/// say, and whoever relies on the rest is told.
fn literally(section: &Section, report: &mut Report) {
    const OFF_IS_ON: [&str; 4] =
        ["nopreempt", "skip_check_adv_addr", "vrrp_skip_check_adv_addr", "v3_checksum_as_v2"];
    let master =
        word_of(section, "state").is_some_and(|state| state.eq_ignore_ascii_case("MASTER"));
    for Entry { word, value } in &section.entries {
        let message = match word.text.as_str() {
            off if OFF_IS_ON.contains(&off) && !is_on(value) => {
                format!("keepalived takes even this for {off}: here it means what it says")
            }
            "nopreempt" if master => "keepalived drops nopreempt where state is MASTER: here it \
                                      holds, this router does not take over from one of lower \
                                      priority"
                .into(),
            "init_fail" if is_on(value) => "init_fail is without effect in keepalived: here the \
                                            check has failed until it first succeeds"
                .into(),
            _ => continue,
        };
        report.warning(word.place, message);
    }
}

/// A type that is none is no authentication: it must be that on all routers or on none.
fn unknown_type(section: &mut Section, report: &mut Report) {
    section.entries.retain(|entry| {
        let Data::Table(entries) = &entry.value.data else {
            return true;
        };
        let mut types = entries.iter().filter(|entry| entry.word.text == "auth_type");
        let unknown = types.find_map(|entry| {
            entry.value.word().filter(|word| !["PASS", "AH"].contains(&word.text.as_str()))
        });
        let Some(word) = unknown.filter(|_| entry.word.text == "authentication") else {
            return true;
        };
        let message =
            format!("unknown auth_type {}: there is no authentication", quote(&word.text));
        report
            .warning(word.place, message)
            .help("keepalived does the same. It knows PASS; write it so, on all routers at once");
        false
    });
}

/// VRRPv3 has none, and keepalived passes it over.
fn no_authentication(section: &mut Section, report: &mut Report) {
    section.entries.retain(|entry| {
        if entry.word.text != "authentication" {
            return true;
        }
        report
            .warning(entry.word.place, "authentication is passed over: VRRPv3 has none")
            .help("leave it out, or use version 2");
        false
    });
}

/// VRRPv2 counts in whole seconds, and keepalived rounds.
fn whole_seconds(section: &mut Section, report: &mut Report) {
    for entry in section.entries.iter_mut().filter(|entry| entry.word.text == "advert_int") {
        let Some((word, time)) = entry.value.word().zip(schema::time(&entry.value)) else {
            continue;
        };
        if time.subsec_nanos() != 0 && time.as_secs() < 255 {
            let up = u64::from(time.subsec_nanos() >= 500_000_000);
            let rounded = (time.as_secs() + up).max(1);
            let message = format!(
                "advert_int {} is taken for {rounded}: VRRPv2 counts in whole seconds",
                word.text
            );
            report.warning(word.place, message).help("version 3 allows hundredths of a second");
            entry.value = line(&rounded.to_string(), entry.value.place);
        }
    }
}

fn password(value: &mut Value, report: &mut Report) {
    let Data::Table(entries) = &mut value.data else {
        return;
    };
    for entry in entries.iter_mut().filter(|entry| entry.word.text == "auth_pass") {
        let Some(word) = entry.value.word().filter(|word| word.text.len() > PASSWORD) else {
            continue;
        };
        // Half a letter cannot be said here: that is for the schema to refuse.
        let Some(text) = word.text.get(..PASSWORD) else {
            continue;
        };
        let message =
            format!("auth_pass has {} bytes: the first {PASSWORD} count", word.text.len());
        report
            .warning(word.place, message)
            .secret(true)
            .help("keepalived does the same: shorten it, here and on all other routers");
        entry.value = line(text, entry.value.place);
    }
}

/// Words behind an address that vipd has no use for yet.
fn address_words(value: &mut Value, left_out: &mut Vec<LeftOut>, report: &mut Report) {
    const WITH_VALUE: [&str; 3] = ["peer", "preferred_lft", "track_group"];
    let Data::List(items) = &mut value.data else {
        return;
    };
    for item in items {
        let Data::Line(words) = &mut item.data else {
            continue;
        };
        let mut at = 1;
        while let Some(word) = words.get(at).cloned() {
            let Some(effect) = absent("virtual_ipaddress", &word.text) else {
                at += 1;
                continue;
            };
            let end = at + 1 + usize::from(WITH_VALUE.contains(&word.text.as_str()));
            let gone: Vec<_> = words.drain(at..end.min(words.len())).map(|w| w.text).collect();
            let reason = format!("is not supported yet: {effect}");
            report.warning(word.place, format!("{} {reason}", word.text));
            left_out.push(LeftOut { text: gone.join(" "), reason, place: word.place });
        }
    }
}

/// An address that is there twice is there once.
fn addresses(value: &mut Value, report: &mut Report) {
    let Data::List(items) = &mut value.data else {
        return;
    };
    let mut seen = BTreeSet::new();
    items.retain(|item| match first_address(item) {
        Some(address) if !seen.insert(address) => {
            report.warning(item.place, format!("{address} is there already"));
            false
        }
        _ => true,
    });
}

fn first_address(item: &Value) -> Option<IpAddr> {
    let words = item.words()?;
    words.first()?.text.split('/').next()?.parse().ok()
}

/// IPv6 is not there yet: an instance whose first address is one of it is left out.
fn leave_out_ipv6(tree: &mut Tree, report: &mut Report) {
    let is_ipv6 = |section: &Section| {
        let addresses = section.entries.iter().find(|e| e.word.text == "virtual_ipaddress")?;
        first_address(addresses.value.items().first()?).filter(IpAddr::is_ipv6)
    };
    let left_out = &mut tree.left_out;
    tree.sections.retain(|section| {
        if section.keyword.text != "vrrp_instance" || is_ipv6(section).is_none() {
            return true;
        }
        let name = section.name.as_ref();
        let place = name.map_or(section.keyword.place, |name| name.place);
        let text = name.map_or("", |name| &name.text);
        let reason = "IPv6 is not supported yet: nobody here answers for its addresses";
        report.warning(place, format!("vrrp_instance {text} is left out: {reason}"));
        let text = format!("vrrp_instance {text} {{ ... }}");
        left_out.push(LeftOut { text, reason: reason.into(), place });
        false
    });
}
