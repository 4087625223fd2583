//! Warnings: what is legal, and yet not what it seems.

use crate::config::error::{Place, Report};
use crate::config::{Config, TrackScript, Tracked, VrrpInstance};
use crate::vrrp::tracker::{Effect, Verdict};
use crate::wire::Priority;
use std::collections::BTreeSet;

/// Places that the configuration does not keep.
#[derive(Debug, Default)]
pub struct Notes {
    /// The first `state`.
    pub state: Option<Place>,
    /// The first `auth_pass`.
    pub password: Option<Place>,
    /// The `weight` of each `vrrp_script`; its beginning if it has none.
    pub weights: Vec<Place>,
    /// The `virtual_router_id` of each `vrrp_instance` that could be read.
    pub routers: Vec<Place>,
}

/// Gives all advice on a configuration without errors.
pub fn give(config: &Config, notes: &Notes, report: &mut Report) {
    if let Some(place) = notes.state {
        let message =
            "state has no effect on the election: every router starts as BACKUP, and the \
                       highest priority wins";
        report.warning(place, message);
    }
    if let Some(place) = notes.password {
        let message = "auth_pass keeps nobody out: every advert carries it in plain text";
        report.warning(place, message).secret(true);
    }
    weights(config, notes, report);
    owners(config, report);
    let used = tracked(config);
    for (script, _) in config.vrrp_script.iter().zip(&used).filter(|(_, used)| !**used) {
        let message = format!("no vrrp_instance tracks {}: it is not run", script.name);
        report.warning(script.place, message);
    }
    for (name, place) in untracked(config) {
        report.warning(place, format!("no vrrp_instance tracks {name}: it has no effect"));
    }
}

/// Which scripts are tracked at all.
fn tracked(config: &Config) -> Vec<bool> {
    let mut used = vec![false; config.vrrp_script.len()];
    for track in config.vrrp_instance.iter().flat_map(|instance| &instance.track_script) {
        if let Some(used) = used.get_mut(track.script) {
            *used = true;
        }
    }
    used
}

/// The other things that are not tracked: name and place.
fn untracked(config: &Config) -> Vec<(&str, Place)> {
    let all = || config.vrrp_instance.iter().flat_map(|instance| &instance.track);
    let files = config.track_file.iter().enumerate();
    let files = files.map(|(at, it)| (it.name.as_str(), it.place, Tracked::File(at)));
    let processes = config.track_process.iter().enumerate();
    let processes = processes.map(|(at, it)| (it.name.as_str(), it.place, Tracked::Process(at)));
    let routes = config.track_route.iter().enumerate();
    let routes = routes.map(|(at, it)| (it.name.as_str(), it.place, Tracked::Route(at)));
    let tcp = config.track_tcp.iter().enumerate();
    let tcp = tcp.map(|(at, it)| (it.name.as_str(), it.place, Tracked::Tcp(at)));
    let ping = config.track_ping.iter().enumerate();
    let ping = ping.map(|(at, it)| (it.name.as_str(), it.place, Tracked::Ping(at)));
    let used: BTreeSet<_> = all().map(|track| &track.tracked).collect();
    let unused = files
        .chain(processes)
        .chain(routes)
        .chain(tcp)
        .chain(ping)
        .filter(|(.., it)| !used.contains(it));
    unused.map(|(name, place, _)| (name, place)).collect()
}

/// A weight cannot move the priority of an owner.
fn owners(config: &Config, report: &mut Report) {
    let owners = config.vrrp_instance.iter().filter(|it| it.priority == Priority::OWNER);
    for (instance, track) in owners.flat_map(|it| it.track.iter().map(move |track| (it, track))) {
        let name = match track.tracked {
            Tracked::File(at) => config.track_file.get(at).map(|it| &it.name),
            Tracked::Process(at) => config.track_process.get(at).map(|it| &it.name),
            Tracked::Interface(_) | Tracked::Route(_) | Tracked::Tcp(_) | Tracked::Ping(_) => None,
        };
        let Some(name) = name.filter(|_| track.weight.value() != 0) else { continue };
        let message = format!(
            "weight {}: {name} cannot change the priority of {}, 255 is never moved",
            track.weight.value(),
            instance.name
        );
        report.warning(track.place, message);
    }
}

/// What the weights do, once for each script: the first instance that tracks it is the example.
fn weights(config: &Config, notes: &Notes, report: &mut Report) {
    let mut told = vec![false; config.vrrp_script.len()];
    for instance in &config.vrrp_instance {
        for track in instance.track_script.iter().filter(|track| track.weight.value() != 0) {
            let (Some(script), Some(told)) =
                (config.vrrp_script.get(track.script), told.get_mut(track.script))
            else {
                continue;
            };
            if core::mem::replace(told, true) {
                continue;
            }
            let own = notes.weights.get(track.script).filter(|_| script.weight == track.weight);
            let place = own.copied().unwrap_or(track.place);
            weight(instance, track, &script.name, place, report);
        }
    }
}

fn weight(
    instance: &VrrpInstance,
    track: &TrackScript,
    check: &str,
    place: Place,
    report: &mut Report,
) {
    let value = track.weight.value();
    let reverse = if track.weight.reverse() { " reverse" } else { "" };
    let name = &instance.name;
    if instance.priority == Priority::OWNER {
        let message = format!(
            "weight {value}{reverse}: {check} cannot change the priority of {name}, 255 is never moved"
        );
        report.warning(place, message);
        return;
    }
    let up = priority(instance, track, Verdict::Up);
    let down = priority(instance, track, Verdict::Down);
    let message = if up == down {
        format!(
            "weight {value}{reverse}: {check} failing changes nothing, {name} has priority {up} \
             with and without it"
        )
    } else {
        let verb = if down < up { "lowers" } else { "raises" };
        format!(
            "weight {value}{reverse}: {check} failing {verb} {name} from {up} to {down}, it does \
             not put it in FAULT"
        )
    };
    let warning = report.warning(place, message);
    if down < up {
        warning.help("leave weight out for that");
    }
}

/// The priority when one check has this verdict and all others succeed.
fn priority(instance: &VrrpInstance, track: &TrackScript, verdict: Verdict) -> i32 {
    let mut sum = i32::from(instance.priority.0);
    for other in &instance.track_script {
        let verdict = if other.script == track.script { verdict } else { Verdict::Up };
        if let Effect::Add(add) = other.weight.effect(verdict) {
            sum += i32::from(add);
        }
    }
    // A file has 0 in it as a rule.
    let others = instance.track.iter().filter(|it| !matches!(it.tracked, Tracked::File(_)));
    for other in others {
        if let Effect::Add(add) = other.weight.effect(Verdict::Up) {
            sum += i32::from(add);
        }
    }
    sum.clamp(1, 254)
}
