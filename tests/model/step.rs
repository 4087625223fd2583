//! What can be done to a small world at a moment: what happens next by itself, in any order, and the
//! faults that are left.

use crate::key::{key, Key};
use crate::lan::by_hand::{Due, PacketKey};
use crate::lan::Lan;
use crate::node::Life;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;
use vipd::vrrp::time::Instant;
use vipd::vrrp::tracker::Effect;

/// How many faults are left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// Packets that are lost.
    pub lost: u8,
    /// Packets that travel longer than an interval.
    pub delayed: u8,
    /// A host crashes, or stands still for a while.
    pub stops: u8,
    /// A check changes what it says, and may change it back.
    pub checks: u8,
}

impl Display for Faults {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let all = [
            (self.lost, "lost"),
            (self.delayed, "delayed"),
            (self.stops, "crash or stall"),
            (self.checks, "check"),
        ];
        let there: Vec<_> = all.iter().filter(|(count, _)| *count > 0).collect();
        let texts: Vec<String> = there.iter().map(|(count, of)| format!("{count} {of}")).collect();
        f.write_str(&texts.join(" and "))
    }
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Lost,
    /// By so much.
    Delayed(Duration),
}

/// One thing that is done.
#[derive(Clone, Debug)]
pub enum Step {
    /// By itself; of the packets that come of it these have another fate than to arrive in time.
    Happens(Due, Vec<(usize, Fate)>),
    Crash(usize),
    Start(usize),
    Stall(usize),
    Wake(usize),
    Check(usize, Effect),
}

/// A world at a moment.
#[derive(Clone)]
pub struct World {
    pub lan: Lan,
    pub left: Faults,
    /// Since when each host stands still.
    pub stalled: Vec<Option<Instant>>,
    /// What a check does that has changed.
    pub effect: Effect,
    /// How much longer a packet may travel.
    pub delay: Duration,
}

impl World {
    pub fn key(&self) -> Key {
        key(&self.lan, self.left, &self.stalled)
    }

    /// All that can be done now.
    pub fn steps(&self) -> Vec<Step> {
        let mut all = Vec::new();
        let too_long = self.lan.longest_wait() * 2;
        for host in 0..self.lan.hosts() {
            if self.stalled[host].is_some_and(|at| self.lan.now.since(at) > too_long) {
                // Time does not go on without it.
                return vec![Step::Wake(host)];
            }
            self.faults_of(host, &mut all);
        }
        for due in self.lan.due() {
            let sent = self.sent_by(due);
            let mut fates = Vec::new();
            self.fates(due, sent, 0, self.left, &mut fates, &mut all);
        }
        all
    }

    fn faults_of(&self, host: usize, all: &mut Vec<Step>) {
        let first = &self.lan.nodes[host * self.lan.members];
        match first.life {
            Life::Running if self.left.stops > 0 => {
                all.extend([Step::Crash(host), Step::Stall(host)]);
            }
            Life::Running => {}
            Life::Stalled => all.push(Step::Wake(host)),
            Life::Dead | Life::Stopped => all.push(Step::Start(host)),
        }
        match first.effect() {
            Effect::Add(0) if self.left.checks > 0 => all.push(Step::Check(host, self.effect)),
            Effect::Add(0) => {}
            _ => all.push(Step::Check(host, Effect::Add(0))),
        }
    }

    /// How many packets come of it.
    fn sent_by(&self, due: Due) -> usize {
        if self.left.lost == 0 && self.left.delayed == 0 {
            return 0;
        }
        let mut lan = self.lan.clone();
        let before = lan.flown();
        lan.happen(due);
        lan.under_way(before).len()
    }

    /// Each set of fates that so many packets can have.
    fn fates(
        &self,
        due: Due,
        sent: usize,
        packet: usize,
        left: Faults,
        fates: &mut Vec<(usize, Fate)>,
        all: &mut Vec<Step>,
    ) {
        if packet == sent {
            all.push(Step::Happens(due, fates.clone()));
            return;
        }
        self.fates(due, sent, packet + 1, left, fates, all);
        if left.lost > 0 {
            fates.push((packet, Fate::Lost));
            let left = Faults { lost: left.lost - 1, ..left };
            self.fates(due, sent, packet + 1, left, fates, all);
            fates.pop();
        }
        if left.delayed > 0 {
            fates.push((packet, Fate::Delayed(self.delay)));
            let left = Faults { delayed: left.delayed - 1, ..left };
            self.fates(due, sent, packet + 1, left, fates, all);
            fates.pop();
        }
    }

    pub fn take(&mut self, step: &Step) {
        let for_host = |lan: &mut Lan, host: usize, what: fn(&mut Lan, usize)| {
            lan.members_of(host).for_each(|node| what(lan, node));
        };
        match step {
            Step::Happens(due, fates) => {
                let before = self.lan.flown();
                self.lan.happen(*due);
                let sent = self.lan.under_way(before);
                for (packet, fate) in fates {
                    self.befall(sent[*packet], *fate);
                }
            }
            Step::Crash(host) => {
                self.left.stops -= 1;
                for_host(&mut self.lan, *host, Lan::crash);
            }
            Step::Stall(host) => {
                self.left.stops -= 1;
                self.stalled[*host] = Some(self.lan.now);
                for_host(&mut self.lan, *host, Lan::stall);
            }
            Step::Start(host) => for_host(&mut self.lan, *host, Lan::start),
            Step::Wake(host) => {
                self.stalled[*host] = None;
                for_host(&mut self.lan, *host, Lan::wake);
            }
            Step::Check(host, effect) => {
                self.left.checks -= u8::from(*effect != Effect::Add(0));
                self.lan.track(host * self.lan.members, *effect);
            }
        }
    }

    fn befall(&mut self, key: PacketKey, fate: Fate) {
        match fate {
            Fate::Lost => {
                self.left.lost -= 1;
                self.lan.note(0, &format!("and all: packet {} is lost", key.1));
                self.lan.befall(key, None);
            }
            Fate::Delayed(by) => {
                self.left.delayed -= 1;
                self.lan.note(0, &format!("and all: packet {} is late by {by:?}", key.1));
                self.lan.befall(key, Some(by));
            }
        }
    }
}
