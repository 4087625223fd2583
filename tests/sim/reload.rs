//! Reloads: a router goes on where it was, under other settings; and under the same ones nothing is
//! different at all.

use crate::invariants::{Kind, Snapshot};
use crate::lan::Lan;
use crate::node::{tracker, Life, Node, Outcome, SCRIPT, SLOT};
use crate::random::Random;
use std::time::Duration;
use vipd::daemon::state::{self, words::Words};
use vipd::vrrp::event::Event;
use vipd::vrrp::router::memory::Memory;
use vipd::vrrp::router::Router;
use vipd::vrrp::settings::{Garp, Settings};
use vipd::vrrp::time::Instant;
use vipd::wire::{Interval, Priority, Version};

/// What is different in the new file, of one host.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    priority: Option<Priority>,
    advert_int: Option<Interval>,
    preempt: Option<bool>,
    preempt_delay: Option<Duration>,
    garp: Option<Garp>,
}

impl Change {
    /// Something that leaves the world one in which the strongest can be told: intervals differ only
    /// where everybody adopts them and answers, the members of a host agree, and nobody shares
    /// keepalived's priorities.
    pub fn any(random: &mut Random, lan: &Lan) -> Self {
        let all = || lan.nodes.iter().map(Node::settings);
        let alone = lan.members == 1 && lan.peers.is_empty();
        let adopts = |it: &Settings| it.version == Version::V3 && !it.election.lower_prio_no_advert;
        let priority = random.pick(&[1, 99, 100, 101, 200, 254, 255]);
        let centis = random.pick(&[1, 2, 10, 33, 100]);
        let mut some = |percent: u64, may: bool| random.percent(percent) && may;
        let (priority_too, interval_too) =
            (some(50, lan.peers.is_empty()), some(40, alone && all().all(adopts)));
        let (preempt_too, delay_too, garp_too) = (some(20, alone), some(20, true), some(30, true));
        let garp = crate::worlds::garp(random, all().next().expect("one").clone()).garp;
        Self {
            priority: priority_too.then_some(Priority(priority)),
            advert_int: interval_too.then(|| Interval::from_centiseconds(centis).expect("not 0")),
            preempt: preempt_too.then(|| random.percent(50)),
            preempt_delay: delay_too
                .then(|| random.pick(&[0, 300, 5000]))
                .map(Duration::from_millis),
            garp: garp_too.then_some(garp),
        }
    }

    fn apply(&self, settings: &mut Settings) {
        settings.priority = self.priority.unwrap_or(settings.priority);
        settings.advert_int = self.advert_int.unwrap_or(settings.advert_int);
        settings.preempt = self.preempt.unwrap_or(settings.preempt);
        let delay = &mut settings.election.preempt_delay;
        *delay = self.preempt_delay.unwrap_or(*delay);
        settings.garp = self.garp.unwrap_or(settings.garp);
    }
}

impl Lan {
    /// Only who runs reads its file.
    pub fn reload(&mut self, node: usize, change: &Change) {
        if self.nodes[node].life != Life::Running {
            return;
        }
        self.note(node, &format!("reloads: {change:?}"));
        let mut settings = self.nodes[node].settings().clone();
        change.apply(&mut settings);
        let others =
            self.nodes.iter().enumerate().filter(|(it, _)| self.host(*it) != self.host(node));
        let owned =
            others.map(|(_, other)| other.settings().priority).any(|it| it == Priority::OWNER);
        if owned && settings.priority == Priority::OWNER {
            // Two owners of one address are a mistake that nothing leads out of.
            settings.priority = Priority(254);
        }
        self.intervals_seen();
        let mut outcome = Outcome::default();
        let result = self.nodes[node].reload(self.now, settings, &mut outcome);
        self.intervals_seen();
        self.after(node, outcome, result);
        self.settle(self.host(node));
    }
}

impl Node {
    /// All tables are made anew, and the new virtual router goes on where the old one was.
    fn reload(
        &mut self,
        now: Instant,
        settings: Settings,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        let now = self.begin(now);
        let old = self.handed_over()?;
        let before = Snapshot::of(&self.router);
        self.set_settings(settings);
        let mut actions = Vec::new();
        self.router = self.successor(now);
        self.router.handle(now, Event::Resume(&old), &mut actions);
        self.judge(now, Kind::Reload, &before, actions, outcome)
    }

    /// What the router knows, by way of the text that another process would read.
    fn handed_over(&self) -> Result<Memory, String> {
        let memory = self.router.memory();
        let mut line = "router".to_owned();
        state::memory::write(&memory, &mut line);
        let read = state::memory::read(&Words::of(&line), self.settings());
        if read != memory {
            return Err(format!("{line:?} is\n{memory:?}\nand reads as\n{read:?}"));
        }
        Ok(read)
    }

    /// A virtual router in INIT that knows the world as this one does.
    fn successor(&self, now: Instant) -> Router {
        let mut router = Router::new(self.settings().clone(), 2);
        if self.router.is_drained() {
            router.handle(now, Event::Drain { force: false }, &mut Vec::new());
        }
        let effects = self.router.effects();
        for event in [
            Event::Link(self.router_link()),
            Event::Source(self.router.source()),
            tracker(SLOT, effects[SLOT]),
            tracker(SCRIPT, effects[SCRIPT]),
        ] {
            // What comes of it counts for nothing.
            router.handle(now, event, &mut Vec::new());
        }
        router
    }

    /// A reload of what is in force already changes nothing, at whatever moment.
    pub fn reload_of_the_same(&self, now: Instant) -> Result<(), String> {
        let memory = self.handed_over()?;
        let mut router = self.successor(now);
        let mut actions = Vec::new();
        router.handle(now, Event::Resume(&memory), &mut actions);
        if !actions.is_empty() {
            return Err(format!("a reload of the same does {actions:?}"));
        }
        let (was, is) = (&self.router, &router);
        let same = is.memory() == memory
            && (is.deadline(), is.stand(), is.effects())
                == (was.deadline(), was.stand(), was.effects());
        if !same {
            return Err(format!("a reload of the same changes\n{was:?}\ninto\n{is:?}"));
        }
        Ok(())
    }
}
