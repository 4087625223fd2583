//! Checks and other trackers: what has not changed keeps its verdict and the run under way. What has
//! changed counts as it did until it has a result of its own: nobody leaves MASTER because of a
//! reload alone.

use super::{Heirs, Old};
use crate::config::{Config, TrackPing, TrackProcess, TrackTcp, VrrpScript};
use crate::daemon::track::Tracker;
use crate::daemon::{script, Daemon};
use crate::vrrp::check::Event;
use crate::vrrp::tracker::Weight;
use std::collections::BTreeMap;

impl Daemon {
    /// What is known of whatever is tracked, before anybody looks again.
    pub(super) fn inherit_trackers(&mut self, old: &mut Old, heirs: &mut Heirs) {
        let known: BTreeMap<String, &Tracker> =
            old.trackers.iter().map(|it| (it.label(), it)).collect();
        for it in &mut self.trackers {
            if let Some(before) = known.get(&it.label()) {
                it.sense = before.sense;
                it.says.clone_from(&before.says);
            }
        }
        self.inherit_checks(old, heirs);
        self.inherit_probes(old);
        self.files.inherit(&old.files);
        let same = same_processes(&old.config, &self.config);
        self.processes.inherit(std::mem::take(&mut old.processes), same);
    }

    fn inherit_checks(&mut self, old: &mut Old, heirs: &mut Heirs) {
        heirs.scripts = vec![None; old.scripts.len()];
        for number in 0..self.scripts.len() {
            let it = &mut self.scripts[number];
            let found = old.config.vrrp_script.iter().position(|before| before.name == it.name);
            let Some(before) = found else { continue };
            let new = &self.config.vrrp_script[number];
            let ran = !old.trackers[old.scripts[before].tracker].subscribers.is_empty();
            let runs = !self.trackers[it.tracker].subscribers.is_empty();
            let same = ran && runs && is_same_check(&old.config.vrrp_script[before], new);
            let before_it = &mut old.scripts[before];
            if same {
                it.check = before_it.check.clone();
                it.last = before_it.last.take();
                heirs.scripts[before] = Some(number);
            } else if ran && runs {
                it.check.presume(before_it.check.verdict());
            }
        }
    }

    fn inherit_probes(&mut self, old: &mut Old) {
        let (tcp, ping) = (self.first_ping, self.probes.len());
        for number in 0..ping {
            let config = (&old.config, &self.config);
            let (before, same) = match number.checked_sub(tcp) {
                None => tcp_before(config, number),
                Some(ping) => {
                    let (before, same) = ping_before(config, ping);
                    (before.map(|before| old.first_ping + before), same)
                }
            };
            let Some(before) = before.and_then(|before| old.probes.get_mut(before)) else {
                continue;
            };
            let ran = !old.trackers[before.tracker].subscribers.is_empty();
            let runs = !self.trackers[self.probes[number].tracker].subscribers.is_empty();
            if ran && runs {
                self.probes[number].inherit(before, same);
                self.take_over_try(number);
            }
        }
    }

    /// Begins to look at what is new or has changed.
    pub(super) fn start_sensing(&mut self, heirs: &Heirs) {
        let count = self.scripts.len();
        for number in 0..count {
            let goes_on = heirs.scripts.contains(&Some(number));
            let tracked = !self.trackers[self.scripts[number].tracker].subscribers.is_empty();
            if tracked && !goes_on {
                let interval = self.scripts[number].check.settings().interval;
                let (first, phase) = script::start_times(number, count, interval);
                self.check_event(number, Event::Startup { first, phase });
            }
        }
        for instance in 0..self.instances.len() {
            self.turn_gates(instance);
        }
        self.go_on_probing();
        if let Err(error) = self.start_files() {
            log::error!("cannot hear of changes of files: {error}");
        }
        if let Err(error) = self.go_on_asking_for_routes() {
            log::error!("cannot hear of changes of routes: {error}");
        }
        self.go_on_with_processes();
    }
}

/// Whether a check does the same as before; what it is worth is the instances' affair.
fn is_same_check(before: &VrrpScript, now: &VrrpScript) -> bool {
    let worthless = |it: &VrrpScript| VrrpScript { weight: Weight::default(), ..it.clone() };
    worthless(before) == worthless(now)
}

fn same_processes(before: &Config, now: &Config) -> bool {
    let worthless = |it: &TrackProcess| TrackProcess { weight: Weight::default(), ..it.clone() };
    let (before, now) = (&before.track_process, &now.track_process);
    before.iter().map(worthless).eq(now.iter().map(worthless))
}

/// The number that a `track_tcp` had, and whether it does the same.
fn tcp_before((old, new): (&Config, &Config), number: usize) -> (Option<usize>, bool) {
    let Some(now) = new.track_tcp.get(number) else { return (None, false) };
    let found = old.track_tcp.iter().position(|before| before.name == now.name);
    let worthless = |it: &TrackTcp| {
        let mut it = it.clone();
        it.schedule.weight = Weight::default();
        it
    };
    let same = |before: usize| old.track_tcp.get(before).map(worthless) == Some(worthless(now));
    (found, found.is_some_and(same))
}

/// The number that a `track_ping` had, and whether it does the same.
fn ping_before((old, new): (&Config, &Config), number: usize) -> (Option<usize>, bool) {
    let Some(now) = new.track_ping.get(number) else { return (None, false) };
    let found = old.track_ping.iter().position(|before| before.name == now.name);
    let worthless = |it: &TrackPing| {
        let mut it = it.clone();
        it.schedule.weight = Weight::default();
        it
    };
    let same = |before: usize| old.track_ping.get(before).map(worthless) == Some(worthless(now));
    (found, found.is_some_and(same))
}
