//! How a story goes: a world, faults for a while, then peace, in which the strongest must end up with
//! the addresses, alone, within a bound. One that fails is told as short as it can be.

use crate::faults::{self, inflict, Fault};
use crate::lan::{Lan, Medium};
use crate::node::{Life, Node};
use crate::random::Random;
use crate::shrink::shrink;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::{Duration, Instant as Clock};
use vipd::vrrp::event::Link;
use vipd::vrrp::time::Instant;
use vipd::vrrp::tracker::Effect;
use vipd::vrrp::StateName;
use vipd::wire::Priority;

/// What stories have in common that one test tells.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The name of the test.
    pub test: &'static str,
    /// Makes a world that a seed determines.
    pub world: fn(&mut Random, u64) -> Lan,
    /// A fault, and what may end it before peace does.
    pub fault: fn(&mut Random, &Lan) -> (Fault, Option<Fault>),
    /// What must be true after each step.
    pub judge: fn(&Lan),
}

impl Kind {
    pub fn new(test: &'static str, world: fn(&mut Random, u64) -> Lan) -> Self {
        Self { test, world, fault: faults::any, judge: |_| {} }
    }
}

/// Something that happens at a moment of a story.
pub type Step = (Duration, Fault);

/// A story, but for its end.
#[derive(Clone)]
pub struct Story {
    pub kind: Kind,
    pub seed: u64,
    pub steps: Vec<Step>,
    /// Hosts that are not there.
    pub absent: Vec<usize>,
}

/// A number from the environment.
fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Tells so many stories, or that of the environment's SEED, or SEEDS of them.
pub fn play_all(kind: Kind, seeds: u64) {
    if let Some(seed) = from_environment("SEED") {
        let lan = Story::new(kind, seed).play(true);
        println!("{}", lan.story.unwrap_or_default().join("\n"));
        return;
    }
    let seeds = from_environment("SEEDS").unwrap_or(seeds);
    let (begin, mut hours) = (Clock::now(), 0.0);
    for seed in 0..seeds {
        let story = Story::new(kind, seed);
        match story.ends_well() {
            Some(simulated) => hours += simulated,
            None => tell(&story),
        }
    }
    let took = begin.elapsed().as_secs_f64();
    println!("{}: {seeds} stories, {hours:.0} router-hours in {took:.1} s", kind.test);
}

/// Ends the test with the shortest story that fails like this one.
fn tell(story: &Story) -> ! {
    let short = shrink(story);
    short.play(true);
    panic!("seed {} fails only at times: something is not deterministic", story.seed);
}

impl Story {
    pub fn new(kind: Kind, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let lan = (kind.world)(&mut random, seed);
        let span = lan.longest_wait() * (2 + random.below(8) as u32);
        let mut steps = Vec::new();
        for _ in 0..2 + random.below(14) {
            let at = random.span(span);
            let (fault, cure) = (kind.fault)(&mut random, &lan);
            steps.push((at, fault));
            steps.extend(cure.map(|cure| (at + random.span(span - at), cure)));
        }
        steps.sort_by_key(|(at, _)| *at);
        Self { kind, seed, steps, absent: Vec::new() }
    }

    /// How many hours of routers it has simulated, if nothing was wrong.
    pub fn ends_well(&self) -> Option<f64> {
        // Without a word it is faster.
        let lan = catch_unwind(AssertUnwindSafe(|| self.play(false))).ok()?;
        let routers = (lan.nodes.len() + lan.peers.len()) as f64;
        Some(routers * lan.now.since(Instant::ZERO).as_secs_f64() / 3600.0)
    }

    /// Plays it to its end.
    pub fn play(&self, tell: bool) -> Lan {
        let mut lan = (self.kind.world)(&mut Random::new(self.seed), self.seed);
        lan.story = tell.then(Vec::new);
        lan.replay = Some((self.kind.test, self.seed));
        for host in (0..lan.hosts()).filter(|host| !self.absent.contains(host)) {
            lan.members_of(host).for_each(|node| lan.start(node));
        }
        let begin = lan.now;
        for (at, fault) in &self.steps {
            lan.run_for((begin + *at).since(lan.now));
            if !fault.host(&lan).is_some_and(|host| self.absent.contains(&host)) {
                inflict(&mut lan, *fault);
            }
            (self.kind.judge)(&lan);
        }
        make_peace(&mut lan, &mut Random::new(!self.seed), &self.absent);
        lan.run_for(bound(&lan));
        judge(&lan);
        let settled = last_change(&lan);
        lan.run_for(lan.longest_wait() * 3);
        judge(&lan);
        if last_change(&lan) != settled {
            lan.fail("somebody changed its state in peace");
        }
        (self.kind.judge)(&lan);
        lan
    }
}

fn last_change(lan: &Lan) -> Option<Instant> {
    let nodes = lan.nodes.iter().map(|node| node.since);
    nodes.chain(lan.peers.iter().map(|peer| peer.since)).max()
}

/// All is well again, but that some are gone for good.
fn make_peace(lan: &mut Lan, random: &mut Random, absent: &[usize]) {
    lan.note(0, "and all: peace");
    lan.medium = Medium::default();
    lan.cut.iter_mut().for_each(|row| row.fill(false));
    for peer in 0..lan.peers.len() {
        lan.start_peer(peer);
        lan.set_peer_priority(peer, lan.peers[peer].settings.priority.0);
    }
    let survivor = random.index(lan.hosts());
    for host in 0..lan.hosts() {
        let gone = host != survivor && random.percent(15);
        let weight = if lan.peers.is_empty() { random.below(41) as i16 - 20 } else { 0 };
        if absent.contains(&host) {
            continue;
        }
        for node in lan.members_of(host) {
            match lan.nodes[node].life {
                Life::Running | Life::Stalled if gone => lan.crash(node),
                Life::Running => {}
                Life::Stalled => lan.wake(node),
                Life::Dead | Life::Stopped if gone => {}
                Life::Dead | Life::Stopped => lan.start(node),
            }
        }
        for node in lan.members_of(host) {
            lan.set_link(node, Link::Up);
            lan.restore_address(node);
            lan.track(node, Effect::Add(weight));
            lan.nodes[node].set_health(true);
        }
        lan.drain(host, None);
    }
}

/// How long peace takes at most: packets still under way arrive, check scripts rise, then the
/// strongest waits for its Master_Down_Interval, and its first advert travels. Where intervals
/// differ, a BACKUP may have adopted the longest. A node that just let go of the past (a stale
/// packet, a recovered check) begins to wait only then, hence the second interval. Groups that yield
/// to each other need a third.
pub fn bound(lan: &Lan) -> Duration {
    let wait = lan.longest_wait();
    let under_way = wait / 3;
    let rise = lan.nodes.iter().map(Node::rises_in).max().unwrap_or_default();
    let contest = if lan.members == 1 { Duration::ZERO } else { wait + wait / 3 };
    let ours = lan.nodes.iter().map(|node| node.settings().election.preempt_delay);
    let theirs = lan.peers.iter().map(|peer| peer.settings.election.preempt_delay);
    let delay = ours.chain(theirs).max().unwrap_or_default();
    let slow = (rise + delay) * 100 / u32::try_from(lan.slowest_rate()).expect("about 100");
    under_way + slow + wait + wait + contest + Duration::from_millis(1)
}

/// Exactly one host holds the addresses, and nobody who would preempt is stronger.
pub fn judge(lan: &Lan) {
    let hosts = lan.hosts();
    let first = |host: usize| &lan.nodes[host * lan.members];
    let eligible = (0..hosts)
        .filter(|host| first(*host).life == Life::Running)
        .filter(|host| first(*host).state() != StateName::Fault)
        .map(|host| (host, first(host).router.effective_priority(), first(host).settings()));
    let peers = lan.peers.iter().enumerate().filter(|(_, peer)| peer.runs());
    let peers = peers.map(|(number, peer)| (hosts + number, peer.priority(), &peer.settings));
    let all: Vec<_> = eligible.chain(peers).collect();
    let mut holders = lan.whole_holders();
    let peers = lan.peers.iter().enumerate().filter(|(_, peer)| peer.is_master());
    holders.extend(peers.map(|(number, _)| hosts + number));
    if all.is_empty() && holders.is_empty() {
        return;
    }
    let held = all.iter().find(|(host, ..)| holders == [*host]);
    let Some((holder, priority, _)) = held else {
        lan.fail(&format!("the addresses are held by {holders:?}"));
    };
    for (host, stronger, settings) in &all {
        let preempts = settings.preempt || settings.priority == Priority::OWNER;
        if preempts && stronger > priority {
            lan.fail(&format!("{holder} holds the addresses, but {host} is stronger"));
        }
    }
}
