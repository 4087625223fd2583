//! Small worlds: what they are like.

use crate::explore::explore;
use crate::lan::{settings, Lan};
use crate::step::{Faults, World};
use std::time::Duration;
use vipd::vrrp::settings::{Garp, Settings};
use vipd::vrrp::tracker::Effect;

/// Without announcements in the course of time: they change no state.
fn plain(settings: Settings) -> Settings {
    let garp = Garp {
        master_delay: Duration::ZERO,
        master_refresh: Duration::ZERO,
        lower_prio_repeat: 0,
        ..settings.garp
    };
    Settings { garp, ..settings }
}

pub fn world(all: Vec<Settings>, members: usize, left: Faults, effect: Effect) -> World {
    let mut lan = Lan::new(1, all.into_iter().map(plain).collect());
    lan.members = members;
    lan.nodes.iter_mut().for_each(|node| node.tries_reload = false);
    lan.start_all();
    let stalled = vec![None; lan.hosts()];
    World { lan, left, stalled, effect, delay: Duration::from_millis(1300) }
}

pub fn nopreempt(priority: u8) -> Settings {
    Settings { preempt: false, ..settings(priority) }
}

pub fn grouped(settings: Settings) -> Settings {
    Settings { grouped: true, ..settings }
}

/// Pairs of routers whose elections differ.
pub fn pairs() -> [(&'static str, [Settings; 2]); 3] {
    [
        ("two routers", [settings(200), settings(100)]),
        ("two of the same priority", [settings(100), settings(100)]),
        ("two with nopreempt", [nopreempt(200), nopreempt(100)]),
    ]
}

/// Three routers whose elections differ.
pub fn threes() -> [(&'static str, [Settings; 3]); 3] {
    [
        ("three routers", [settings(200), settings(150), settings(100)]),
        ("three, two of the same priority", [settings(150), settings(150), settings(100)]),
        ("three with nopreempt", [nopreempt(200), nopreempt(150), nopreempt(100)]),
    ]
}

/// Two hosts with a sync group of two each: one is stronger, or each on one segment.
pub fn groups() -> [(&'static str, [Settings; 4]); 3] {
    let of = |priorities: [u8; 4]| priorities.map(settings).map(grouped);
    [
        ("two groups of two", of([200, 200, 100, 100])),
        ("two groups of the same priority", of([100; 4])),
        ("two groups with nopreempt", [200, 200, 100, 100].map(nopreempt).map(grouped)),
    ]
}

pub const NONE: Faults = Faults { lost: 0, delayed: 0, stops: 0, checks: 0 };

/// Goes through a world with each of these faults, and prints how many states it has.
pub fn go_through(name: &str, all: &[Settings], members: usize, faults: &[Faults]) {
    let effect = match (all.len(), members) {
        // Below the other one, below the next one, and for a whole group.
        (2, _) => Effect::Add(-150),
        (_, 1) => Effect::Add(-75),
        (_, _) => Effect::Fault,
    };
    for left in faults {
        explore(&format!("{name}, {left}"), &world(all.to_vec(), members, *left, effect));
    }
}
