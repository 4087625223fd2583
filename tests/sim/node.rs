//! One router of the LAN: the real virtual router, its sockets, its addresses, its check script;
//! and what the daemon does with them in one turn of its loop: packets first, then timers.

use crate::invariants::{patience, Kind, Snapshot, Watch};
use std::cell::Cell;
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
use vipd::wire::advert::{parse, Advert, Template};
use vipd::wire::trailer::Stamp;
use vipd::wire::{Discard, Family, Meta, Priority, Version, TTL};

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
    /// Its power is off, or its process was killed: then the addresses stay until their lease ends.
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

/// The clock of a host, which runs at a speed of its own.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// So many of its seconds pass in a hundred.
    pub rate: u64,
}

impl Clock {
    /// What it shows at a moment of the LAN.
    pub fn shows(self, at: Instant) -> Instant {
        scaled(at, self.rate, 100)
    }

    /// The first moment of the LAN at which it shows this.
    pub fn when(self, shows: Instant) -> Instant {
        let at = scaled(shows, 100, self.rate);
        match self.shows(at) >= shows {
            true => at,
            false => at + Duration::from_nanos(1),
        }
    }
}

fn scaled(at: Instant, by: u64, of: u64) -> Instant {
    if by == of {
        return at;
    }
    let nanos = u128::from(at.as_nanos()) * u128::from(by) / u128::from(of);
    Instant::ZERO + Duration::from_nanos(u64::try_from(nanos).expect("not for ever"))
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

#[derive(Clone)]
pub struct Node {
    pub address: IpAddr,
    pub router: Router,
    pub life: Life,
    pub clock: Clock,
    /// The moment of this turn, by the LAN's clock.
    at: Instant,
    /// The virtual addresses are on the interface.
    pub holds: bool,
    /// Its priority when it last acquired them.
    pub acquired_with: Priority,
    /// The kernel answers for them until then, by this host's clock, if nobody renews that.
    leased_until: Instant,
    /// How often it has announced each of them.
    pub announced: u32,
    pub heard: BTreeMap<IpAddr, Heard>,
    /// Whose VRRPv2 says nothing new, until when by this host's clock.
    echoes: BTreeMap<IpAddr, Instant>,
    pub since: Instant,
    pub link: Link,
    /// What the router was told of it.
    told_link: Link,
    source: Option<IpAddr>,
    effect: Effect,
    settings: Settings,
    /// One, or two for both versions.
    templates: Vec<Template>,
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
    /// After each turn that has changed something, and now and then after another, a reload of the
    /// same settings is tried: it may change nothing.
    pub tries_reload: bool,
    turns: u64,
    /// What `wakes_at` has found, until something changes it.
    wakes: Cell<Option<Option<Instant>>>,
}

/// The shortest lease of the daemon's.
const SHORTEST_LEASE: Duration = Duration::from_millis(100);

/// How long a run of the check script takes.
const RUN: Duration = Duration::from_millis(3);

impl Node {
    pub fn new(address: IpAddr, settings: Settings) -> Self {
        Self {
            address,
            router: Router::new(settings.clone(), 2),
            life: Life::Dead,
            clock: Clock { rate: 100 },
            at: Instant::ZERO,
            holds: false,
            acquired_with: Priority::RESIGN,
            leased_until: Instant::ZERO,
            announced: 0,
            heard: BTreeMap::new(),
            echoes: BTreeMap::new(),
            since: Instant::ZERO,
            link: Link::Up,
            told_link: Link::Missing,
            source: Some(address),
            effect: Effect::Add(0),
            settings,
            templates: Vec::new(),
            inbox: VecDeque::new(),
            drained: None,
            gave_up: false,
            script: None,
            watch: Watch::default(),
            actions: Vec::new(),
            local_first: false,
            tries_reload: true,
            turns: 0,
            wakes: Cell::new(None),
        }
    }

    /// What waits for it. (The model asks.)
    #[allow(dead_code)]
    pub fn inbox(&self) -> impl Iterator<Item = &Input> {
        self.inbox.iter()
    }

    /// What the tracker in its slot says. (The model asks.)
    #[allow(dead_code)]
    pub fn effect(&self) -> Effect {
        self.effect
    }

    pub fn set_address(&mut self, address: IpAddr) {
        self.address = address;
        self.source = Some(address);
    }

    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
        self.set_template(self.source);
    }

    /// A turn begins at a moment of the LAN: what the host's own clock shows.
    pub fn begin(&mut self, at: Instant) -> Instant {
        self.at = at;
        self.wakes.set(None);
        self.clock.shows(at)
    }

    /// Whether hosts that ask for the addresses get an answer.
    pub fn answers(&self, at: Instant) -> bool {
        let renewed = self.life == Life::Running || self.clock.shows(at) < self.leased_until;
        self.holds && renewed && self.link == Link::Up
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

    /// How long its check script takes to say that all is well again.
    pub fn rises_in(&self) -> Duration {
        let time = |script: &Script| script.settings.interval * (script.settings.rise + 1);
        self.script.as_ref().map(time).unwrap_or_default()
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
        let now = self.begin(now);
        self.router = Router::new(self.settings.clone(), 2);
        self.watch = Watch::default();
        self.heard.clear();
        self.echoes.clear();
        self.inbox.clear();
        self.life = Life::Running;
        self.holds = false;
        self.since = self.at;
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
        let now = self.begin(now);
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
        let now = self.begin(now);
        self.event(now, Kind::Group, Event::Group(command), outcome)
    }

    /// Without a word, and with its power.
    pub fn crash(&mut self) {
        self.kill();
        self.holds = false;
    }

    /// Without a word; the kernel goes on.
    pub fn kill(&mut self) {
        self.life = Life::Dead;
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
        match self.life {
            Life::Running => {}
            Life::Dead => return self.holds.then(|| self.clock.when(self.leased_until)),
            Life::Stalled | Life::Stopped => return None,
        }
        if let Some(known) = self.wakes.get() {
            return known;
        }
        let script = self.script.as_ref();
        let check = script.and_then(|script| script.check.deadline());
        let ends = script.and_then(|script| script.ends_at);
        let first = [self.router.deadline(), check, ends].into_iter().flatten().min();
        let at = first.map(|at| self.clock.when(at));
        self.wakes.set(Some(at));
        at
    }

    /// One turn of the loop: everything that has arrived, then the timers.
    pub fn turn(&mut self, now: Instant, outcome: &mut Outcome) -> Result<(), String> {
        let now = self.begin(now);
        if self.life == Life::Dead {
            self.holds = false;
            return Ok(());
        }
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
        self.turns += 1;
        if self.tries_reload && (self.turns % 256 == 0 || !outcome.story.is_empty()) {
            self.reload_of_the_same(now)?;
        }
        Ok(())
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
        let both = [Some(self.settings.fields()), self.settings.fields_of_v2()];
        self.templates.clear();
        for fields in both.iter().flatten() {
            let of = |source| Template::new(fields, source, Family::V4.group());
            self.templates.extend(source.map(of));
        }
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
            Ok(_) if meta.ttl != TTL => return Err("an advert from elsewhere is read".into()),
            Ok(advert) if advert.interval.duration() != interval_of(bytes) => {
                return Err(format!("an interval is read as {:?}", advert.interval));
            }
            Err(Discard::Interval) => return Err("an interval is refused".into()),
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
            self.echoes.remove(&source);
        } else if !self.is_echo(now, source, &advert) {
            let heard = Heard { priority: advert.priority, at: self.at };
            self.heard.insert(source, heard);
        }
        Ok(())
    }

    /// What one says in VRRPv2 that has just said it in VRRPv3 (V3-120).
    fn is_echo(&mut self, now: Instant, source: IpAddr, advert: &Advert<'_>) -> bool {
        if advert.version == Version::V2 {
            return self.echoes.get(&source).is_some_and(|until| now < *until);
        }
        if self.settings.election.both_versions {
            let ours = self.router.effective_priority();
            let wait = patience(&self.settings, ours, advert.interval.duration());
            self.echoes.insert(source, now + wait);
        }
        false
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
        let spoke = actions.iter().any(|action| matches!(action, Action::Advertise { .. }));
        for action in actions.drain(..) {
            self.perform(action, outcome)?;
        }
        self.actions = actions;
        if self.holds != (self.state() == StateName::Master) {
            return Err(format!("{} and holds={}", self.state(), self.holds));
        }
        if let Some(until) = self.router.unrivalled_until().filter(|_| spoke) {
            self.leased_until = until.max(now + SHORTEST_LEASE);
        }
        Ok(())
    }

    fn perform(&mut self, action: Action, outcome: &mut Outcome) -> Result<(), String> {
        match action {
            Action::Advertise { priority, checksum } => {
                if self.templates.is_empty() {
                    return Err("an advertisement without an address to send it from".into());
                }
                for template in &mut self.templates {
                    outcome.sent.push(template.message(priority, checksum).to_vec());
                }
            }
            Action::Acquire => {
                (self.holds, outcome.acquired) = (true, true);
                self.acquired_with = self.router.effective_priority();
            }
            Action::Release => self.holds = false,
            Action::Announce { repeat } => self.announced += u32::from(repeat),
            Action::Transition { from, to, reason } => {
                self.since = self.at;
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

/// What an advert says about its interval, in seconds (VRRPv2) or in twelve bits of centiseconds.
fn interval_of(bytes: &[u8]) -> Duration {
    let milliseconds = match bytes[0] >> 4 {
        2 => u64::from(bytes[5]) * 1000,
        _ => u64::from(u16::from_be_bytes([bytes[4], bytes[5]]) & 0x0fff) * 10,
    };
    Duration::from_millis(milliseconds)
}

pub fn tracker(slot: usize, effect: Effect) -> Event<'static> {
    Event::Tracker { slot, effect }
}
