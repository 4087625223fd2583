//! One router of the LAN: the real virtual router, its sockets, its addresses, its check script;
//! and what the daemon does with them in one turn of its loop: packets first, then timers.

use crate::invariants::{Kind, Snapshot, Watch};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;
use vipd::vrrp::check::{self, Check};
use vipd::vrrp::event::{Action, Event, Link};
use vipd::vrrp::group::Command;
use vipd::vrrp::router::Router;
use vipd::vrrp::settings::Settings;
use vipd::vrrp::time::Instant;
use vipd::vrrp::tracker::{Effect, Weight};
use vipd::vrrp::StateName;
use vipd::wire::advert::{parse, Template};
use vipd::wire::trailer::Stamp;
use vipd::wire::{Family, Meta, Priority};

/// The tracker slot that a story or a fault sets directly.
pub const SLOT: usize = 0;
/// The tracker slot of the check script.
pub const SCRIPT: usize = 1;

/// Whether the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Running,
    /// Stopped (SIGSTOP) or starved; its addresses and sockets stay.
    Stalled,
    /// Its power is off.
    Dead,
    /// Ended in order.
    Stopped,
}

/// What waits for the next turn.
#[derive(Clone, Debug)]
pub enum Input {
    Packet(Meta, Vec<u8>),
    Link(Link),
    Source(Option<IpAddr>),
    Effect(Effect),
    /// A person wants another to be MASTER, by force or not; or not any more.
    Drain(Option<bool>),
}

/// A check script, and the world that it looks at.
#[derive(Clone, Debug)]
struct Script {
    settings: check::Settings,
    weight: Weight,
    check: Check,
    healthy: bool,
    ends_at: Option<Instant>,
}

/// The last thing heard of a peer, in the order in which it was handled.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    pub priority: Priority,
    pub at: Instant,
}

/// What a turn has done that others can see.
#[derive(Debug, Default)]
pub struct Outcome {
    pub sent: Vec<Vec<u8>>,
    pub acquired: bool,
    /// It has won a contest.
    pub contest: bool,
    pub story: Vec<String>,
}

pub struct Node {
    pub address: IpAddr,
    pub router: Router,
    pub life: Life,
    /// The virtual addresses are on the interface.
    pub holds: bool,
    /// How often it has announced each of them.
    pub announced: u32,
    pub heard: BTreeMap<IpAddr, Heard>,
    pub since: Instant,
    pub link: Link,
    /// What the router was told of it.
    told_link: Link,
    source: Option<IpAddr>,
    effect: Effect,
    settings: Settings,
    template: Option<Template>,
    inbox: VecDeque<Input>,
    /// What the daemon keeps for its next run.
    drained: Option<bool>,
    /// Nobody has taken over from it.
    pub gave_up: bool,
    script: Option<Script>,
    watch: Watch,
    actions: Vec<Action>,
    /// On waking, what is not a packet is handled before the packets.
    pub local_first: bool,
}

/// How long a run of the check script takes.
const RUN: Duration = Duration::from_millis(3);

impl Node {
    pub fn new(address: IpAddr, settings: Settings) -> Self {
        Self {
            address,
            router: Router::new(settings.clone(), 2),
            life: Life::Dead,
            holds: false,
            announced: 0,
            heard: BTreeMap::new(),
            since: Instant::ZERO,
            link: Link::Up,
            told_link: Link::Missing,
            source: Some(address),
            effect: Effect::Add(0),
            settings,
            template: None,
            inbox: VecDeque::new(),
            drained: None,
            gave_up: false,
            script: None,
            watch: Watch::default(),
            actions: Vec::new(),
            local_first: false,
        }
    }

    pub fn set_address(&mut self, address: IpAddr) {
        self.address = address;
        self.source = Some(address);
    }

    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
        self.set_template(self.source);
    }

    pub fn router_link(&self) -> Link {
        self.told_link
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn state(&self) -> StateName {
        self.router.state()
    }

    pub fn is_master(&self) -> bool {
        self.life == Life::Running && self.state() == StateName::Master
    }

    pub fn add_script(&mut self, settings: check::Settings, weight: Weight) {
        let check = Check::new(settings);
        self.script = Some(Script { settings, weight, check, healthy: true, ends_at: None });
    }

    /// What the slot says when the process is started.
    pub fn set_effect(&mut self, effect: Effect) {
        self.effect = effect;
    }

    pub fn set_health(&mut self, healthy: bool) {
        if let Some(script) = &mut self.script {
            script.healthy = healthy;
        }
    }

    /// A new process: it knows nothing, and takes every address off that it finds.
    pub fn start(&mut self, now: Instant, outcome: &mut Outcome) -> Result<(), String> {
        self.router = Router::new(self.settings.clone(), 2);
        self.watch = Watch::default();
        self.heard.clear();
        self.inbox.clear();
        self.life = Life::Running;
        self.holds = false;
        self.since = now;
        self.set_template(self.source);
        self.event(now, Kind::Local, Event::Link(self.link), outcome)?;
        self.event(now, Kind::Local, Event::Source(self.source), outcome)?;
        self.event(now, Kind::Local, tracker(SLOT, self.effect), outcome)?;
        if let Some(force) = self.drained {
            self.event(now, Kind::Local, Event::Drain { force }, outcome)?;
        }
        if let Some(script) = &mut self.script {
            script.check = Check::new(script.settings);
            script.ends_at = None;
            let effect = script.weight.effect(script.check.verdict());
            let (first, phase) = (Duration::from_millis(1), Duration::ZERO);
            script.check.handle(now, check::Event::Startup { first, phase }, &mut Vec::new());
            self.event(now, Kind::Local, tracker(SCRIPT, effect), outcome)?;
        }
        self.event(now, Kind::Startup, Event::Startup { deaf_until: now }, outcome)
    }

    pub fn stop(&mut self, now: Instant, outcome: &mut Outcome) -> Result<(), String> {
        self.event(now, Kind::Shutdown, Event::Shutdown, outcome)?;
        self.life = Life::Stopped;
        self.inbox.clear();
        Ok(())
    }

    /// What its group says.
    pub fn command(
        &mut self,
        now: Instant,
        command: Command,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        self.event(now, Kind::Group, Event::Group(command), outcome)
    }

    /// Without a word.
    pub fn crash(&mut self) {
        self.life = Life::Dead;
        self.holds = false;
        self.inbox.clear();
    }

    /// The world changes whether or not anybody runs who notices.
    pub fn put(&mut self, input: Input) {
        match &input {
            Input::Packet(..) if self.link != Link::Up => return,
            Input::Packet(..) => {}
            Input::Link(link) => self.link = *link,
            Input::Source(source) => self.source = *source,
            Input::Effect(effect) => self.effect = *effect,
            Input::Drain(drained) => self.drained = *drained,
        }
        match self.life {
            Life::Running | Life::Stalled => self.inbox.push_back(input),
            Life::Dead | Life::Stopped => {}
        }
    }

    /// When it wants to run next.
    pub fn wakes_at(&self) -> Option<Instant> {
        if self.life != Life::Running {
            return None;
        }
        let script = self.script.as_ref();
        let check = script.and_then(|script| script.check.deadline());
        let ends = script.and_then(|script| script.ends_at);
        [self.router.deadline(), check, ends].into_iter().flatten().min()
    }

    /// One turn of the loop: everything that has arrived, then the timers.
    pub fn turn(&mut self, now: Instant, outcome: &mut Outcome) -> Result<(), String> {
        let inbox = core::mem::take(&mut self.inbox);
        let (packets, local): (Vec<_>, Vec<_>) =
            inbox.into_iter().partition(|input| matches!(input, Input::Packet(..)));
        let (first, second) = if self.local_first { (local, packets) } else { (packets, local) };
        for input in first.into_iter().chain(second) {
            self.input(now, input, outcome)?;
        }
        self.script_turn(now, outcome)?;
        if self.router.deadline().is_some_and(|at| at <= now) {
            self.event(now, Kind::Timer, Event::Timer, outcome)?;
        }
        self.gave_up = self.drained.is_some() && !self.router.is_drained();
        self.drained = self.drained.filter(|_| !self.gave_up);
        self.reload_of_the_same(now)
    }

    fn input(&mut self, now: Instant, input: Input, outcome: &mut Outcome) -> Result<(), String> {
        match input {
            Input::Packet(meta, bytes) => self.packet(now, &meta, &bytes, outcome),
            Input::Link(link) => self.event(now, Kind::Local, Event::Link(link), outcome),
            Input::Source(source) => {
                self.set_template(source);
                self.event(now, Kind::Local, Event::Source(source), outcome)
            }
            Input::Effect(effect) => self.event(now, Kind::Local, tracker(SLOT, effect), outcome),
            Input::Drain(Some(force)) => {
                self.event(now, Kind::Local, Event::Drain { force }, outcome)
            }
            Input::Drain(None) => self.event(now, Kind::Local, Event::EndDrain, outcome),
        }
    }

    /// An advert is made ready when its source changes, as the daemon does it.
    fn set_template(&mut self, source: Option<IpAddr>) {
        let fields = self.settings.fields();
        self.template = source.map(|source| Template::new(&fields, source, Family::V4.group()));
    }

    fn packet(
        &mut self,
        now: Instant,
        meta: &Meta,
        bytes: &[u8],
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        let source = meta.source;
        let advert = match parse(meta, bytes) {
            Ok(advert) if advert.vrid == self.settings.virtual_router_id => advert,
            Ok(_) => return Ok(()),
            Err(reason) => {
                let event = Event::Discarded { source, reason };
                return self.event(now, Kind::Refused, event, outcome);
            }
        };
        let taken = self.router.statistics().advertisement_rcvd;
        let kind = Kind::Packet { priority: advert.priority, interval: advert.interval };
        self.event(
            now,
            kind,
            Event::Advert { source, clock: Stamp::default(), advert: &advert },
            outcome,
        )?;
        if self.router.statistics().advertisement_rcvd == taken {
            return Ok(());
        }
        if advert.priority == Priority::RESIGN {
            // RFC 9568 §6.4.2: whoever it is from, only the skew time is waited for.
            self.heard.clear();
        } else {
            let heard = Heard { priority: advert.priority, at: now };
            self.heard.insert(source, heard);
        }
        Ok(())
    }

    fn script_turn(&mut self, now: Instant, outcome: &mut Outcome) -> Result<(), String> {
        let Some(script) = &mut self.script else { return Ok(()) };
        let mut actions = Vec::new();
        if script.ends_at.is_some_and(|at| at <= now) {
            script.ends_at = None;
            let success = script.healthy;
            script.check.handle(now, check::Event::Ended { success }, &mut actions);
        }
        if script.check.deadline().is_some_and(|at| at <= now) {
            script.check.handle(now, check::Event::Timer, &mut actions);
        }
        for action in actions {
            let Some(script) = &mut self.script else { return Ok(()) };
            match action {
                check::Action::Run => script.ends_at = Some(now + RUN),
                check::Action::Terminate | check::Action::Kill => script.ends_at = Some(now),
                check::Action::Verdict(verdict) => {
                    let effect = script.weight.effect(verdict);
                    self.event(now, Kind::Local, tracker(SCRIPT, effect), outcome)?;
                }
            }
        }
        Ok(())
    }

    /// Hands one event to the virtual router, watches what it does, and does it.
    fn event(
        &mut self,
        now: Instant,
        kind: Kind,
        event: Event<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        let before = Snapshot::of(&self.router);
        let mut actions = core::mem::take(&mut self.actions);
        if let Event::Link(link) = event {
            self.told_link = link;
        }
        self.router.handle(now, event, &mut actions);
        self.judge(now, kind, &before, actions, outcome)
    }

    /// Watches what the virtual router has done, and does it.
    pub fn judge(
        &mut self,
        now: Instant,
        kind: Kind,
        before: &Snapshot,
        mut actions: Vec<Action>,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        let after = Snapshot::of(&self.router);
        self.watch.check(&self.settings, now, kind, before, &after, &actions)?;
        for action in actions.drain(..) {
            self.perform(now, action, outcome)?;
        }
        self.actions = actions;
        if self.holds != (self.state() == StateName::Master) {
            return Err(format!("{} and holds={}", self.state(), self.holds));
        }
        Ok(())
    }

    fn perform(
        &mut self,
        now: Instant,
        action: Action,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        match action {
            Action::Advertise { priority, checksum } => {
                let Some(template) = &mut self.template else {
                    return Err("an advertisement without an address to send it from".into());
                };
                outcome.sent.push(template.message(priority, checksum).to_vec());
            }
            Action::Acquire => (self.holds, outcome.acquired) = (true, true),
            Action::Release => self.holds = false,
            Action::Announce { repeat } => self.announced += u32::from(repeat),
            Action::Transition { from, to, reason } => {
                self.since = now;
                if matches!(to, StateName::Init | StateName::Fault) || from == StateName::Fault {
                    // Whoever begins anew waits for a whole interval and owes nothing to the past.
                    self.heard.clear();
                }
                outcome.story.push(format!("{from} -> {to}: {reason}"));
            }
            Action::PriorityChange { from, to } => {
                outcome.story.push(format!("priority {from} -> {to}"));
            }
            Action::LowerPriority { source, priority } => {
                outcome.contest = true;
                outcome.story.push(format!("{source} claims to be MASTER with {priority}"));
            }
            Action::Remark(remark) => outcome.story.push(format!("{remark:?}")),
        }
        Ok(())
    }
}

pub fn tracker(slot: usize, effect: Effect) -> Event<'static> {
    Event::Tracker { slot, effect }
}
