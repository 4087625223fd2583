//! What tells one state of a world from another. Moments count by how far they are away: a world that
//! is as it was an interval ago has been seen.

use crate::lan::Lan;
use crate::node::{Input, Node};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use vipd::vrrp::router::memory::{Backup, Master, Memory, State};
use vipd::vrrp::router::Heard;
use vipd::vrrp::time::Instant;

/// What happened longer ago is all the same: four times as long as anybody waits here.
const LONG_AGO: i64 = 16_000_000_000;

/// A number for a state; two that are different have the same one once in 2^64 worlds.
pub type Key = u128;

/// Two hashes side by side, and the moment that all others are measured from.
struct Writer {
    now: Instant,
    halves: [DefaultHasher; 2],
}

impl Writer {
    fn put(&mut self, value: impl Hash) {
        self.halves.iter_mut().for_each(|half| value.hash(half));
    }

    fn moment(&mut self, at: Instant) {
        let away = at.as_nanos() as i64 - self.now.as_nanos() as i64;
        self.put(away.max(-LONG_AGO));
    }

    fn some_moment(&mut self, at: Option<Instant>) {
        self.put(at.is_some());
        if let Some(at) = at {
            self.moment(at);
        }
    }

    fn heard(&mut self, heard: Option<Heard>) {
        self.put(heard.is_some());
        if let Some(Heard { address, priority, interval, at }) = heard {
            self.put((address, priority.0, interval.centiseconds()));
            self.moment(at);
        }
    }

    fn backup(&mut self, backup: &Backup) {
        // `since` is for people.
        let Backup {
            master_down_at,
            active_adver_interval,
            overdue,
            group_waits_at,
            since: _,
            master,
            other,
            lower,
            lower_at,
            yielded,
            handicap,
            silent,
            woke_late,
            preempt_at,
            handing_over,
            resigned,
        } = backup;
        self.moment(*master_down_at);
        self.put(active_adver_interval.centiseconds());
        self.put((overdue, yielded, silent, woke_late, handing_over, resigned));
        for at in [*group_waits_at, Some(*lower_at), *preempt_at, handicap.map(|(_, at)| at)] {
            self.some_moment(at);
        }
        self.put(handicap.map(|(span, _)| span));
        [*master, *other, *lower].into_iter().for_each(|heard| self.heard(heard));
    }

    fn memory(&mut self, memory: &Memory) {
        // Neither what was said nor what was counted decides anything; the worlds differ in their
        // settings, not in time; all speak one version and sign nothing.
        let Memory {
            state,
            priority,
            version: _,
            advert_int: _,
            first_interval: _,
            down_timer_adverts: _,
            preempt_delay: _,
            grouped: _,
            group_fault,
            deaf_until: _,
            checksum: _,
            versions: _,
            remarks: _,
            statistics: _,
            signatures: _,
        } = memory;
        self.put((priority.0, group_fault));
        match state {
            State::Init => self.put(0),
            State::Fault(fault) => self.put((1, format!("{fault:?}"))),
            State::Backup(backup) => {
                self.put(2);
                self.backup(backup);
            }
            State::Master(master) => {
                self.put(3);
                let Master { adver_at, announce_again, refresh_at, answered_at } = master;
                let again = announce_again.map(|(at, _)| at);
                for at in [Some(*adver_at), again, *refresh_at, *answered_at] {
                    self.some_moment(at);
                }
            }
        }
    }

    fn node(&mut self, node: &Node) {
        self.put((format!("{:?}", node.life), node.holds, node.router.is_drained()));
        self.put(format!("{:?}", (node.link, node.effect())));
        self.moment(node.since);
        self.memory(&node.router.memory());
        for (address, heard) in &node.heard {
            self.put((address, heard.priority.0));
            self.moment(heard.at);
        }
        for input in node.inbox() {
            match input {
                Input::Packet(meta, bytes) => self.put((meta.source, bytes)),
                other => self.put(format!("{other:?}")),
            }
        }
    }
}

/// Of a LAN, and whatever else counts.
pub fn key(lan: &Lan, more: impl Hash, moments: &[Option<Instant>]) -> Key {
    let mut halves = [DefaultHasher::new(), DefaultHasher::new()];
    1.hash(&mut halves[1]);
    let mut writer = Writer { now: lan.now, halves };
    lan.nodes.iter().for_each(|node| writer.node(node));
    for (at, to, meta, bytes) in lan.packets() {
        writer.moment(at);
        writer.put((to, meta.source, bytes));
    }
    moments.iter().for_each(|at| writer.some_moment(*at));
    writer.put(more);
    let [high, low] = writer.halves.map(|half| u128::from(half.finish()));
    high << 64 | low
}
