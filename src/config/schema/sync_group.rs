//! `vrrp_sync_group NAME`

use super::settings::Settings;
use super::table::VRRP_SYNC_GROUP;
use super::tracked::{self, Sensors};
use super::value::did_you_mean;
use super::{named, notify, track};
use crate::config::error::{quote, Report};
use crate::config::tree::{Section, Tree, Value, Word};
use crate::config::{Track, TrackScript, Tracked, VrrpInstance, VrrpSyncGroup};
use crate::vrrp::bounds;
use crate::vrrp::tracker::Weight;

/// Reads all groups. What they track goes to their members.
pub fn read(
    tree: &Tree,
    globals: &Settings<'_>,
    sensors: &Sensors<'_>,
    instances: &mut [VrrpInstance],
    report: &mut Report,
) -> Vec<VrrpSyncGroup> {
    let mut taken: Vec<Option<String>> = vec![None; instances.len()];
    let mut groups = Vec::new();
    for (name, section) in named(tree, "vrrp_sync_group", bounds::INSTANCES, report) {
        let label = (format!("vrrp_sync_group {}", name.text), name.place);
        let entries = &section.entries;
        let settings = Settings::read("vrrp_sync_group", VRRP_SYNC_GROUP, label, entries, report)
            .with_globals(globals);
        let group = members(name, &settings, section, instances, &mut taken, report);
        if group.is_empty() {
            continue;
        }
        if settings.flag("sync_group_tracking_weight") != Some(true) {
            for member in &group {
                without_weights(&mut instances[*member], report);
            }
        }
        let script = track::track_script(&settings, &sensors.scripts, report);
        let others = tracked::read(&settings, sensors, None, report);
        for member in &group {
            also_track(&mut instances[*member], &script, &others, report);
        }
        let notify = notify::read(&settings, report);
        for member in &group {
            let own = &mut instances[*member].notify.notify_priority_changes;
            *own = own.or(notify.notify_priority_changes);
        }
        groups.push(VrrpSyncGroup { name: name.text.clone(), place: name.place, group, notify });
    }
    groups
}

/// `group`: the members that there are and that no other group has.
fn members(
    name: &Word,
    settings: &Settings<'_>,
    section: &Section,
    instances: &[VrrpInstance],
    taken: &mut [Option<String>],
    report: &mut Report,
) -> Vec<usize> {
    let help = report.example_list("group", "VI_1");
    let items = settings.need("group", &help, report).map(Value::items).unwrap_or_default();
    let mut group = Vec::new();
    for word in items.iter().filter_map(|item| whole(item, instances)).flatten() {
        let Some(index) = instances.iter().position(|it| it.name == word.text) else {
            let help = did_you_mean(&word.text, instances.iter().map(|it| it.name.as_str()));
            let message = format!("there is no vrrp_instance {}", quote(&word.text));
            report.error(word.place, message).help(help);
            continue;
        };
        match taken[index].replace(name.text.clone()) {
            None => group.push(index),
            Some(other) => {
                let message = format!("{} is a member of {other} already", word.text);
                report.error(word.place, message).help("an instance has one group");
            }
        }
    }
    let place = section.keyword.place;
    match group.as_slice() {
        [] if items.is_empty() && settings.has("group") => {
            settings.error("group", "group is empty".into(), report).help(help);
        }
        [_] if items.len() == 1 => {
            let message = format!("vrrp_sync_group {} has one member: it does nothing", name.text);
            report.warning(place, message);
        }
        _ => {}
    }
    unequal(&group, instances, name, report);
    group
}

/// A name may have blanks in it; without quotes, a line may hold several names.
fn whole(item: &Value, instances: &[VrrpInstance]) -> Option<Vec<Word>> {
    let is_name = |word: &Word| instances.iter().any(|it| it.name == word.text);
    match item.word().filter(is_name) {
        Some(word) => Some(vec![word]),
        None => item.words(),
    }
}

/// Members that are stronger here and weaker there keep the group where it is.
fn unequal(group: &[usize], instances: &[VrrpInstance], name: &Word, report: &mut Report) {
    let Some((first, others)) = group.split_first() else { return };
    let first = &instances[*first];
    let other = others.iter().map(|at| &instances[*at]).find(|it| it.priority != first.priority);
    if let Some(other) = other {
        let message = format!(
            "{} has priority {} and {} has {}: the group {} moves only where all its members win",
            first.name, first.priority, other.name, other.priority, name.text
        );
        report.warning(other.place, message).help("give all members of a group one priority");
    }
}

/// Weights would make one member stronger than the others; as with keepalived only those of the
/// group count, unless `sync_group_tracking_weight` is there.
fn without_weights(instance: &mut VrrpInstance, report: &mut Report) {
    let mut told = |place, what: &str, weight: Weight, effect: &str| {
        let message = format!(
            "{what} has weight {} in a member of a vrrp_sync_group: {effect}",
            weight.value()
        );
        let help = "track it in the group, or add sync_group_tracking_weight";
        report.warning(place, message).help(help);
    };
    instance.track_script.retain(|track| {
        let counts = track.weight.value() == 0;
        if !counts {
            told(track.place, "a script", track.weight, "it is not tracked");
        }
        counts
    });
    instance.track.retain_mut(|track| match (&track.tracked, track.weight.value()) {
        (_, 0) => true,
        (Tracked::Interface(name), _) => {
            let what = format!("interface {name}");
            told(track.place, &what, track.weight, "the weight is 0, down is FAULT");
            track.weight = Weight::default();
            true
        }
        // That is the default, which nobody may have chosen.
        (Tracked::File(_), 1) => {
            told(track.place, "a file", track.weight, "the weight is 0, any number but 0 is FAULT");
            track.weight = Weight::new(0, track.weight.reverse()).unwrap_or_default();
            true
        }
        (Tracked::File(_), _) => {
            told(track.place, "a file", track.weight, "it is not tracked");
            false
        }
        (Tracked::Process(_) | Tracked::Route(_) | Tracked::Tcp(_) | Tracked::Ping(_), _) => {
            told(track.place, "a tracker", track.weight, "it is not tracked");
            false
        }
    });
}

/// What the group tracks counts for every member alike.
fn also_track(
    instance: &mut VrrpInstance,
    scripts: &[TrackScript],
    others: &[Track],
    report: &mut Report,
) {
    let name = instance.name.clone();
    let twice = |place, report: &mut Report| {
        let message = format!("{name} tracks this as well: what the group says counts");
        report.warning(place, message);
    };
    for script in scripts {
        match instance.track_script.iter_mut().find(|own| own.script == script.script) {
            Some(own) => {
                twice(own.place, report);
                *own = script.clone();
            }
            None => instance.track_script.push(script.clone()),
        }
    }
    for other in others {
        let own = Tracked::Interface(instance.interface.clone());
        if other.tracked == own && !instance.dont_track_primary {
            let message = format!(
                "track_interface {}: it is the interface of {}, which is FAULT anyway while it is \
                 down",
                instance.interface, instance.name
            );
            report.warning(other.place, message);
            continue;
        }
        match instance.track.iter_mut().find(|own| own.tracked == other.tracked) {
            Some(own) if own.implicit => *own = other.clone(),
            Some(own) => {
                twice(own.place, report);
                *own = other.clone();
            }
            None => instance.track.push(other.clone()),
        }
    }
    instance.track.truncate(bounds::TRACKERS);
}
