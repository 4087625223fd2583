//! The LAN: routers, the packets between them, virtual time; and the story of what happened.

#[path = "by_hand.rs"]
pub mod by_hand;

use crate::invariants::{longest_said, patience};
use crate::node::{Input, Life, Node, Outcome};
use crate::peer::{self, Peer, Sent};
use crate::random::Random;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use vipd::vrrp::event::Link;
use vipd::vrrp::settings::Settings;
use vipd::vrrp::time::Instant;
use vipd::vrrp::tracker::Effect;
use vipd::vrrp::StateName;
use vipd::wire::{Family, Meta, Priority, Vrid, TTL};

/// How long a packet travels when nothing is wrong.
pub const LATENCY: Duration = Duration::from_micros(50);

/// What the medium does to packets at the moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Medium {
    /// Of a hundred packets so many are lost.
    pub loss: u64,
    /// … delivered twice.
    pub duplicates: u64,
    /// … delivered with a flipped bit.
    pub corrupt: u64,
    /// Added to the latency of each packet, at random up to this: so they overtake each other.
    pub delay: Duration,
}

/// A packet under way.
#[derive(Clone)]
struct Flight {
    to: usize,
    meta: Meta,
    bytes: Vec<u8>,
}

#[derive(Clone)]
pub struct Lan {
    pub now: Instant,
    pub nodes: Vec<Node>,
    /// Routers of another kind; they are numbered after ours.
    pub peers: Vec<Peer>,
    /// The longest time that two have held the addresses.
    pub together: Duration,
    together_since: Option<Instant>,
    /// The longest time that hosts got an answer from two.
    pub both_answer: Duration,
    both_answer_since: Option<Instant>,
    pub medium: Medium,
    /// `cut[from][to]`: packets do not pass this way.
    pub cut: Vec<Vec<bool>>,
    flights: BTreeMap<(Instant, u64), Flight>,
    flown: u64,
    random: Random,
    last_transition: Instant,
    /// What happened, if anybody wants to know.
    pub story: Option<Vec<String>>,
    /// How to run this again: the test and its seed.
    pub replay: Option<(&'static str, u64)>,
    /// So many routers, one after the other, are one host: a sync group, each on a LAN of its own.
    pub members: usize,
    /// The shortest and the longest interval that anybody has had before a reload.
    intervals: Option<(Duration, Duration)>,
}

/// What all stories begin with: VRRPv3, one second, preemption, no repeated announcements.
pub fn settings(priority: u8) -> Settings {
    let (vrid, vip) = (Vrid::new(5).expect("not 0"), Ipv4Addr::new(192, 0, 2, 100));
    Settings::new(vrid, Priority(priority), vec![vip.into()])
}

impl Lan {
    /// Routers of these priorities, the first with the smallest address, all started at once.
    pub fn with_priorities<const N: usize>(priorities: [u8; N]) -> Self {
        Self::of(priorities.map(settings))
    }

    /// Routers of these settings, all started at once.
    pub fn of<const N: usize>(all: [Settings; N]) -> Self {
        let mut lan = Self::new(1, all.into());
        lan.story = Some(Vec::new());
        lan.start_all();
        lan
    }

    /// Routers that are not started yet.
    pub fn new(seed: u64, all: Vec<Settings>) -> Self {
        let count = all.len();
        let nodes = all.into_iter().zip(1..).map(|(settings, last)| {
            let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
            Node::new(address, settings)
        });
        Self {
            now: Instant::ZERO + Duration::from_secs(1),
            nodes: nodes.collect(),
            peers: Vec::new(),
            together: Duration::ZERO,
            together_since: None,
            both_answer: Duration::ZERO,
            both_answer_since: None,
            medium: Medium::default(),
            cut: vec![vec![false; count]; count],
            flights: BTreeMap::new(),
            flown: 0,
            random: Random::new(seed),
            last_transition: Instant::ZERO,
            story: None,
            replay: None,
            members: 1,
            intervals: None,
        }
    }

    // What a story says.

    pub fn start_all(&mut self) {
        for node in 0..self.nodes.len() {
            self.start(node);
        }
    }

    /// Starts it, or restarts it after a crash or a stop.
    pub fn start(&mut self, node: usize) {
        self.note(node, "starts");
        let mut outcome = Outcome::default();
        let result = self.nodes[node].start(self.now, &mut outcome);
        self.after(node, outcome, result);
        self.settle(self.host(node));
    }

    pub fn crash(&mut self, node: usize) {
        self.note(node, "crashes");
        self.nodes[node].crash();
    }

    /// Its process is killed; the kernel answers for its addresses until their lease ends.
    pub fn kill(&mut self, node: usize) {
        if matches!(self.nodes[node].life, Life::Running | Life::Stalled) {
            self.note(node, "is killed");
            self.nodes[node].kill();
        }
    }

    /// Another router, of another kind; started.
    pub fn add_peer(&mut self, kind: peer::Kind, settings: Settings) {
        let last = u8::try_from(self.peers.len()).expect("few") + 101;
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
        let mut peer = Peer::new(kind, address, settings);
        peer.start(self.now);
        self.peers.push(peer);
        let all = self.nodes.len() + self.peers.len();
        self.cut = vec![vec![false; all]; all];
    }

    /// Its scripts have changed its priority.
    pub fn set_peer_priority(&mut self, peer: usize, priority: u8) {
        self.note(self.nodes.len() + peer, &format!("(other) priority {priority}"));
        self.peers[peer].set_priority(Priority(priority));
    }

    pub fn crash_peer(&mut self, peer: usize) {
        self.note(self.nodes.len() + peer, "(other) crashes");
        self.peers[peer].crash(self.now);
    }

    pub fn start_peer(&mut self, peer: usize) {
        self.note(self.nodes.len() + peer, "(other) starts");
        self.peers[peer].start(self.now);
    }

    pub fn shut_down(&mut self, node: usize) {
        if self.nodes[node].life != Life::Running {
            return;
        }
        self.note(node, "is stopped in order");
        let mut outcome = Outcome::default();
        let result = self.nodes[node].stop(self.now, &mut outcome);
        self.after(node, outcome, result);
    }

    pub fn stall(&mut self, node: usize) {
        if self.nodes[node].life == Life::Running {
            self.note(node, "stalls");
            self.nodes[node].life = Life::Stalled;
        }
    }

    pub fn wake(&mut self, node: usize) {
        if self.nodes[node].life == Life::Stalled {
            self.note(node, "wakes up");
            self.nodes[node].life = Life::Running;
            self.turn(node);
            self.settle(self.host(node));
        }
    }

    pub fn set_link(&mut self, node: usize, link: Link) {
        self.local(node, Input::Link(link));
    }

    pub fn lose_address(&mut self, node: usize) {
        self.local(node, Input::Source(None));
    }

    pub fn restore_address(&mut self, node: usize) {
        self.local(node, Input::Source(Some(self.nodes[node].address)));
    }

    /// All routers of a host, by force or not; `None` ends it.
    pub fn drain(&mut self, host: usize, drained: Option<bool>) {
        for node in self.members_of(host) {
            self.note(node, &format!("is drained: {drained:?}"));
            self.nodes[node].put(Input::Drain(drained));
            if self.nodes[node].life == Life::Running {
                self.turn(node);
            }
        }
        self.settle(host);
    }

    /// Nobody has taken over from one of them: none is drained any more.
    pub fn give_up_drains(&mut self, host: usize) {
        let members = self.members_of(host);
        if members.clone().any(|node| std::mem::take(&mut self.nodes[node].gave_up)) {
            for node in members {
                self.nodes[node].put(Input::Drain(None));
                if self.nodes[node].life == Life::Running {
                    self.turn(node);
                }
            }
        }
    }

    pub fn track(&mut self, node: usize, effect: Effect) {
        self.local(node, Input::Effect(effect));
    }

    /// Packets from the one no longer reach the other; the way back is another matter.
    pub fn cut(&mut self, from: usize, to: usize) {
        self.note(from, &format!("is no longer heard by {to}"));
        self.cut[from][to] = true;
    }

    pub fn mend(&mut self, from: usize, to: usize) {
        self.note(from, &format!("is heard by {to} again"));
        self.cut[from][to] = false;
    }

    /// A packet that no router of ours has sent.
    pub fn forge(&mut self, source: IpAddr, ttl: u8, bytes: &[u8]) {
        for to in 0..self.nodes.len() + self.peers.len() {
            self.send(Meta { source, destination: Family::V4.group(), ttl }, to, bytes);
        }
    }

    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(next) = self.next_moment().filter(|at| *at <= end) {
            self.step(next);
        }
        self.now = end;
    }

    /// Until nobody has changed its state for twice as long as anybody waits.
    pub fn run_until_quiet(&mut self) {
        let quiet = self.longest_wait() * 2;
        let limit = self.now + quiet * 50;
        let begin = self.now;
        while self.now < limit {
            self.run_for(quiet / 20);
            if self.now.since(self.last_transition.max(begin)) >= quiet {
                return;
            }
        }
        self.fail("never quiet");
    }

    /// Runs until the router is MASTER and says how long that took.
    pub fn time_until_master(&mut self, node: usize) -> Duration {
        let begin = self.now;
        let limit = begin + self.longest_wait() * 10;
        while !self.nodes[node].is_master() {
            match self.next_moment().filter(|at| *at <= limit) {
                Some(next) => self.step(next),
                None => self.fail(&format!("router {node} does not become MASTER")),
            }
        }
        self.now.since(begin)
    }

    /// Runs until the router has sent one more advertisement.
    pub fn run_until_advert(&mut self, node: usize) {
        let sent = self.sent(node);
        let limit = self.now + self.longest_wait() * 10;
        while self.sent(node) == sent {
            match self.next_moment().filter(|at| *at <= limit) {
                Some(next) => self.step(next),
                None => self.fail(&format!("router {node} does not advertise")),
            }
        }
    }

    pub fn sent(&self, node: usize) -> u64 {
        self.nodes[node].router.statistics().advertisement_sent
    }

    pub fn state(&self, node: usize) -> StateName {
        self.nodes[node].state()
    }

    /// Who holds the addresses, running or not.
    pub fn holders(&self) -> Vec<usize> {
        let ours = self.nodes.iter().map(|node| node.holds);
        let all = ours.chain(self.peers.iter().map(Peer::is_master));
        all.enumerate().filter_map(|(number, holds)| holds.then_some(number)).collect()
    }

    /// The intervals of all count for ever: somebody may have adopted them.
    pub fn intervals_seen(&mut self) {
        self.intervals = Some(self.all_intervals());
    }

    /// The shortest and the longest.
    fn all_intervals(&self) -> (Duration, Duration) {
        let of = |node: &Node| {
            let said = longest_said(node.settings());
            (node.settings().advert_int.duration(), said)
        };
        let now = self.nodes.iter().map(of);
        let all = now.chain(self.intervals);
        all.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or_default()
    }

    /// The longest Master_Down_Interval that anybody can come to.
    pub fn longest_wait(&self) -> Duration {
        let (_, longest) = self.all_intervals();
        let waits = self.nodes.iter().map(|n| patience(n.settings(), Priority(1), longest));
        let slowest = u32::try_from(self.slowest_rate()).expect("about 100");
        waits.max().unwrap_or_default() * 100 / slowest
    }

    /// That of the clock that is the furthest behind.
    pub fn slowest_rate(&self) -> u64 {
        let all = self.nodes.iter().map(|node| node.clock.rate);
        // Those of another kind are right.
        all.chain((!self.peers.is_empty()).then_some(100)).min().unwrap_or(100)
    }

    // How it works.

    fn local(&mut self, node: usize, input: Input) {
        self.note(node, &format!("{input:?}"));
        self.nodes[node].put(input);
        if self.nodes[node].life == Life::Running {
            self.turn(node);
            self.settle(self.host(node));
        }
    }

    fn next_moment(&self) -> Option<Instant> {
        let flight = self.flights.keys().next().map(|(at, _)| *at);
        let wakes = self.nodes.iter().filter_map(Node::wakes_at);
        let peers = self.peers.iter().filter_map(Peer::wakes_at);
        wakes.chain(peers).chain(flight).min()
    }

    /// Everything that is due at that moment: the packets, then the routers whose timers are due.
    fn step(&mut self, moment: Instant) {
        self.now = self.now.max(moment);
        while let Some(entry) = self.flights.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let flight = entry.remove();
            if let Some(peer) = flight.to.checked_sub(self.nodes.len()) {
                let sent = self.peers[peer].packet(self.now, &flight.meta, &flight.bytes);
                self.after_peer(peer, sent);
                continue;
            }
            self.nodes[flight.to].put(Input::Packet(flight.meta, flight.bytes));
            if self.nodes[flight.to].life == Life::Running {
                self.turn(flight.to);
            }
        }
        for node in 0..self.nodes.len() {
            if self.nodes[node].wakes_at().is_some_and(|at| at <= self.now) {
                self.turn(node);
            }
        }
        for peer in 0..self.peers.len() {
            if self.peers[peer].wakes_at().is_some_and(|at| at <= self.now) {
                let sent = self.peers[peer].timer(self.now);
                self.after_peer(peer, sent);
            }
        }
        for host in 0..self.hosts() {
            self.settle(host);
        }
        self.watch_together();
    }

    /// How long two have held the addresses, and how long two have answered for them.
    fn watch_together(&mut self) {
        let now = self.now;
        let two = |count: usize, since: &mut Option<Instant>, longest: &mut Duration| {
            let begin = (count >= 2).then(|| since.unwrap_or(now));
            *longest = begin.map_or(*longest, |begin| now.since(begin).max(*longest));
            *since = begin;
        };
        two(self.holders().len(), &mut self.together_since, &mut self.together);
        let answer =
            self.nodes.iter().filter(|node| node.answers(now) && !self.is_beaten(node)).count();
        two(answer, &mut self.both_answer_since, &mut self.both_answer);
    }

    /// It no longer runs, and somebody stronger has taken its addresses, which its lease cannot
    /// foresee: it would have yielded upon the first advert.
    fn is_beaten(&self, dead: &Node) -> bool {
        let ours = dead.router.effective_priority();
        let beats = |node: &Node| node.is_master() && node.acquired_with > ours;
        dead.life != Life::Running && self.nodes.iter().any(beats)
    }

    fn turn(&mut self, node: usize) {
        let mut outcome = Outcome::default();
        let result = self.nodes[node].turn(self.now, &mut outcome);
        self.after(node, outcome, result);
    }

    /// Sends what the turn has made, and judges it by what the others are.
    pub fn after(&mut self, node: usize, outcome: Outcome, result: Result<(), String>) {
        for line in &outcome.story {
            self.note(node, line);
        }
        if let Err(what) = result {
            self.fail(&format!("router {node}: {what}"));
        }
        if self.nodes[node].since == self.now {
            self.last_transition = self.now;
        }
        if outcome.contest {
            self.announce_everywhere(node);
        }
        if outcome.acquired {
            self.no_stronger_master_is_heard(node);
        }
        let source = self.nodes[node].address;
        if self.nodes[node].link != Link::Up {
            return;
        }
        self.multicast(node, source, &outcome.sent);
    }

    fn after_peer(&mut self, peer: usize, sent: Sent) {
        let Peer { address, since, .. } = self.peers[peer];
        let number = self.nodes.len() + peer;
        if since == self.now {
            self.last_transition = self.now;
            let state = if self.peers[peer].is_master() { "MASTER" } else { "BACKUP" };
            self.note(number, &format!("(other) is {state}"));
        }
        self.multicast(number, address, &sent);
    }

    fn multicast(&mut self, from: usize, source: IpAddr, messages: &[Vec<u8>]) {
        let all = self.nodes.len() + self.peers.len();
        for bytes in messages {
            for to in (0..all).filter(|to| *to != from) {
                if !self.cut[from][to] && self.segment(from) == self.segment(to) {
                    let meta = Meta { source, destination: Family::V4.group(), ttl: TTL };
                    self.send(meta, to, bytes);
                }
            }
        }
    }

    fn send(&mut self, meta: Meta, to: usize, bytes: &[u8]) {
        let copies = 1 + usize::from(self.random.percent(self.medium.duplicates));
        for _ in 0..copies {
            if self.random.percent(self.medium.loss) {
                continue;
            }
            let mut bytes = bytes.to_vec();
            if self.random.percent(self.medium.corrupt) {
                let bit = self.random.index(bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            let at = self.now + LATENCY + self.random.span(self.medium.delay);
            self.flown += 1;
            self.flights.insert((at, self.flown), Flight { to, meta, bytes });
        }
    }

    /// Nobody takes the addresses while it hears a MASTER that is stronger, or as strong, or any if
    /// it does not preempt, and that is one. An owner need not listen (RFC 9568 §6.4.1). Where intervals differ, that of
    /// the last advert is adopted (V3-079), so only the shortest can be relied upon.
    fn no_stronger_master_is_heard(&mut self, node: usize) {
        let me = &self.nodes[node];
        let ours = me.router.effective_priority();
        if ours == Priority::OWNER {
            return;
        }
        let (shortest, _) = self.all_intervals();
        let wait = me.clock.when(Instant::ZERO + patience(me.settings(), ours, shortest));
        // Clocks of different speeds round to whole nanoseconds.
        let wait = wait.since(Instant::ZERO).saturating_sub(Duration::from_nanos(10));
        let nodes = self.nodes.iter().map(|node| (node.address, node.is_master(), node.since));
        let peers = self.peers.iter().map(|peer| (peer.address, peer.is_master(), peer.since));
        for (number, (address, is_master, since)) in nodes.chain(peers).enumerate() {
            let Some(heard) = me.heard.get(&address) else { continue };
            let stronger = heard.priority >= ours || !me.settings().preempt;
            // What was heard of an earlier reign says nothing about this one.
            let recent = heard.at >= since && self.now.since(heard.at) < wait;
            if number != node && is_master && stronger && recent {
                let what = format!("router {node} takes the addresses, but hears {number}");
                self.fail(&what);
            }
        }
    }

    pub fn note(&mut self, node: usize, what: &str) {
        let now = self.now.as_nanos();
        if let Some(story) = &mut self.story {
            let (s, us) = (now / 1_000_000_000, now / 1000 % 1_000_000);
            story.push(format!("{s:4}.{us:06}  router {node}  {what}"));
        }
    }

    /// Ends the test with its story.
    #[track_caller]
    pub fn fail(&self, what: &str) -> ! {
        let Some(story) = &self.story else {
            // Silently: whoever did not ask for the story will ask again with one.
            std::panic::resume_unwind(Box::new(what.to_owned()));
        };
        let replay = match self.replay {
            Some((test, seed)) => format!("\nreplay: SEED={seed} cargo test --test sim {test}"),
            None => String::new(),
        };
        let routers: Vec<String> = self.nodes.iter().enumerate().map(describe).collect();
        let story = story.join("\n");
        panic!(
            "\n{}\n{story}\n{:.6} s: {what}{replay}\n",
            routers.join("\n"),
            self.now.since(Instant::ZERO).as_secs_f64()
        );
    }
}

fn describe((number, node): (usize, &Node)) -> String {
    let settings = node.settings();
    format!(
        "router {number}: {} v{} priority {} advert_int {}{}{}; is {} ({:?}), priority {}",
        node.address,
        settings.version,
        settings.priority,
        settings.advert_int,
        if settings.preempt { "" } else { " nopreempt" },
        if settings.fast_handover { "" } else { " no fast_handover" },
        node.state(),
        node.life,
        node.router.effective_priority(),
    )
}
