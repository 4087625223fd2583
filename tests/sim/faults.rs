//! Seeded stories: a world, faults for a while, then peace, in which the strongest must end up
//! with the addresses, alone, within a bound.

use crate::lan::{settings, Lan, Medium};
use crate::node::Life;
use crate::random::Random;
use crate::reload::Change;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use vipd::vrrp::check;
use vipd::vrrp::event::Link;
use vipd::vrrp::settings::{Election, Settings};
use vipd::vrrp::time::Instant;
use vipd::vrrp::tracker::{Effect, Weight};
use vipd::vrrp::StateName;
use vipd::wire::advert::{ChecksumForm, Template};
use vipd::wire::{Family, Interval, Priority, Version};

/// Seeds of a run for which nobody asked otherwise.
const SEEDS: u64 = 1500;

/// One thing that goes wrong, or right again.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Medium(Medium),
    Cut(usize, usize),
    Mend(usize, usize),
    Crash(usize),
    ShutDown(usize),
    Start(usize),
    Stall(usize),
    Wake(usize),
    Link(usize, Link),
    LoseAddress(usize),
    RestoreAddress(usize),
    Track(usize, Effect),
    Health(usize, bool),
    Reload(usize, Change),
    Drain(usize, Option<bool>),
    CrashPeer(usize),
    StartPeer(usize),
    PeerPriority(usize, u8),
    /// A stranger says 0, so many times.
    Zeros(u64),
    /// A stranger claims to be MASTER.
    Claim(u8),
}

/// A number from the environment.
fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// A kind of world: the name of its test, and how one is made.
type Kind = (&'static str, fn(&mut Random, u64) -> Lan);

#[test]
fn seeds() {
    play_all(("seeds", world), SEEDS);
}

/// Hosts with a sync group of two routers, each on a segment of its own.
#[test]
fn groups() {
    play_all(("groups", world_of_groups), SEEDS / 5);
}

/// One or two of ours, one or two of keepalived's.
#[test]
fn peers() {
    play_all(("peers", world_with_keepalived), SEEDS / 2);
}

pub fn play_all(kind: Kind, seeds: u64) {
    if let Some(seed) = from_environment("SEED") {
        let lan = play(kind, seed, true);
        println!("{}", lan.story.unwrap_or_default().join("\n"));
        return;
    }
    for seed in 0..from_environment("SEEDS").unwrap_or(seeds) {
        // Without a story it is faster; a seed that fails is told again with one.
        let quiet = std::panic::catch_unwind(|| drop(play(kind, seed, false)));
        if quiet.is_err() {
            play(kind, seed, true);
            panic!("seed {seed} fails only at times: something is not deterministic");
        }
    }
}

/// Plays the story of one seed.
fn play((test, make): Kind, seed: u64, tell: bool) -> Lan {
    let mut random = Random::new(seed);
    let mut lan = make(&mut random, seed);
    lan.story = tell.then(Vec::new);
    lan.replay = Some((test, seed));
    lan.start_all();
    let span = lan.longest_wait() * (2 + random.below(8) as u32);
    for (after, fault) in plan(&mut random, &lan, span) {
        lan.run_for(after);
        inflict(&mut lan, fault);
        if test.starts_with(crate::explain::TEST) {
            crate::explain::judge(&lan);
        }
    }
    make_peace(&mut lan, &mut random);
    lan.run_for(bound(&lan));
    judge(&lan);
    let settled = last_change(&lan);
    lan.run_for(lan.longest_wait() * 3);
    judge(&lan);
    if last_change(&lan) != settled {
        lan.fail("somebody changed its state in peace");
    }
    lan
}

fn last_change(lan: &Lan) -> Option<Instant> {
    let nodes = lan.nodes.iter().map(|node| node.since);
    nodes.chain(lan.peers.iter().map(|peer| peer.since)).max()
}

/// 2 to 5 routers.
pub fn world(random: &mut Random, seed: u64) -> Lan {
    let version = random.pick(&[Version::V2, Version::V3, Version::V3]);
    let interval = match version {
        Version::V2 => random.pick(&[100, 100, 200]),
        Version::V3 => random.pick(&[1, 2, 10, 33, 100]),
    };
    let mixed = version == Version::V3 && random.percent(20);
    let nopreempt = random.percent(30);
    let fast = random.percent(70);
    let count = 2 + random.index(4);
    let owner = random.percent(15).then(|| random.index(count));
    let down_timer_adverts = down_timer_adverts(random);
    let mut all = Vec::new();
    for node in 0..count {
        let priority = match random.below(4) {
            0 => random.pick(&[1, 99, 100, 101, 254]),
            _ => 1 + random.below(254) as u8,
        };
        let priority = if owner == Some(node) { 255 } else { priority };
        let interval = if mixed { random.pick(&[1, 10, 50]) } else { interval };
        all.push(Settings {
            version,
            advert_int: Interval::from_centiseconds(interval).expect("not 0"),
            preempt: !(nopreempt && random.percent(70)),
            election: Election {
                // Who adopts a shorter interval from a weak MASTER has to be told of a better one.
                lower_prio_no_advert: !mixed && random.percent(15),
                ..election(random, down_timer_adverts)
            },
            fast_handover: fast,
            v3_checksum: random.pick(&[
                None,
                None,
                Some(ChecksumForm::Message),
                Some(ChecksumForm::PseudoHeader),
            ]),
            ..garp(random, settings(priority))
        });
    }
    let mut lan = Lan::new(seed, all);
    for node in 0..count {
        lan.nodes[node].local_first = random.percent(50);
        if random.percent(40) {
            let weight = random.pick(&[0, 0, 20, -50, 100]);
            let weight = Weight::new(weight, random.percent(10)).expect("in range");
            lan.nodes[node].add_script(script(random), weight);
        }
    }
    lan
}

/// 2 to 4 hosts with two routers each. The routers of a host agree about their priority, or no host
/// could be the strongest; but not about whose address is greater.
pub fn world_of_groups(random: &mut Random, seed: u64) -> Lan {
    let intervals = [1, 10, 100].map(|centis| Interval::from_centiseconds(centis).expect("not 0"));
    let intervals = [random.pick(&intervals), random.pick(&intervals)];
    let count = 2 + random.index(3);
    let owner = random.percent(10).then(|| random.index(count));
    let nopreempt = random.percent(20);
    let fast_handover = random.percent(70);
    let down_timer_adverts = down_timer_adverts(random);
    let mut all = Vec::new();
    for host in 0..count {
        let any = 1 + random.below(254) as u8;
        let priority = random.pick(&[50, 99, 100, 101, 200, any]);
        let priority = if owner == Some(host) { 255 } else { priority };
        let preempt = !(nopreempt && random.percent(70));
        for advert_int in intervals {
            let election = election(random, down_timer_adverts);
            let settings = settings(priority);
            let asked = Settings { advert_int, preempt, fast_handover, election, ..settings };
            all.push(Settings { grouped: true, ..garp(random, asked) });
        }
    }
    let mut lan = Lan::new(seed, all);
    lan.members = 2;
    if random.percent(50) {
        lan.reverse_addresses(1);
    }
    for host in 0..count {
        if random.percent(40) {
            let weight = Weight::new(0, false).expect("in range");
            lan.nodes[2 * host + random.index(2)].add_script(script(random), weight);
        }
    }
    lan
}

/// All routers of a LAN have to agree about it.
fn down_timer_adverts(random: &mut Random) -> u8 {
    random.pick(&[3, 3, 3, 2, 5, 10])
}

fn election(random: &mut Random, down_timer_adverts: u8) -> Election {
    let delays = [Duration::ZERO, Duration::from_millis(300), Duration::from_secs(5)];
    Election {
        preempt_delay: if random.percent(20) { random.pick(&delays) } else { Duration::ZERO },
        down_timer_adverts,
        lower_prio_no_advert: random.percent(15),
        higher_prio_send_advert: random.percent(15),
        ..Election::default()
    }
}

/// One or two of ours, as everywhere with the fast hand-over, and one or two of keepalived's; each
/// with a priority of its own, for a tie is told by addresses that say nothing here.
pub fn world_with_keepalived(random: &mut Random, seed: u64) -> Lan {
    let advert_int = random.pick(&[1, 10, 100]);
    let advert_int = Interval::from_centiseconds(advert_int).expect("not 0");
    let down_timer_adverts = down_timer_adverts(random);
    let mut priorities = vec![50, 99, 100, 101, 150, 200, 254];
    let mut some = |random: &mut Random| {
        let priority = priorities.remove(random.index(priorities.len()));
        let election = election(random, down_timer_adverts);
        Settings { advert_int, election, ..settings(priority) }
    };
    let ours = (0..1 + random.index(2)).map(|_| some(random)).collect();
    let mut lan = Lan::new(seed, ours);
    for _ in 0..1 + random.index(2) {
        lan.add_keepalived(some(random));
    }
    lan
}

/// Announcements now and then, so that their timers take part.
pub fn garp(random: &mut Random, mut settings: Settings) -> Settings {
    let spans = [Duration::ZERO, Duration::from_millis(35), Duration::from_secs(5)];
    settings.garp.master_delay = random.pick(&spans);
    settings.garp.master_refresh = random.pick(&spans);
    settings.garp.lower_prio_delay = random.pick(&spans);
    settings.garp.lower_prio_repeat = random.pick(&[0, 1, 5]);
    settings
}

fn script(random: &mut Random) -> check::Settings {
    let interval = Duration::from_millis(random.pick(&[20, 100, 500]));
    check::Settings {
        interval,
        timeout: interval,
        rise: 1 + random.below(3) as u32,
        fall: 1 + random.below(3) as u32,
        init_fail: random.percent(20),
        is_bodiless: false,
        gated: false,
        start_delay: Duration::ZERO,
        fault_hold: Duration::ZERO,
    }
}

/// Faults, each with the time since the one before.
fn plan(random: &mut Random, lan: &Lan, span: Duration) -> Vec<(Duration, Fault)> {
    let mut moments = Vec::new();
    for _ in 0..2 + random.below(14) {
        let at = random.span(span);
        let (fault, cure) = fault(random, lan);
        moments.push((at, fault));
        if let Some(cure) = cure {
            moments.push((at + random.span(span - at), cure));
        }
    }
    moments.sort_by_key(|(at, _)| *at);
    let mut last = Duration::ZERO;
    moments.into_iter().map(|(at, fault)| (at - core::mem::replace(&mut last, at), fault)).collect()
}

/// A fault and what may end it before peace does.
fn fault(random: &mut Random, lan: &Lan) -> (Fault, Option<Fault>) {
    let node = random.index(lan.nodes.len());
    let other = random.index(lan.nodes.len() + lan.peers.len());
    if !lan.peers.is_empty() && random.percent(40) {
        let peer = random.index(lan.peers.len());
        return match random.below(3) {
            0 => (Fault::CrashPeer(peer), Some(Fault::StartPeer(peer))),
            1 => (Fault::Cut(lan.nodes.len() + peer, node), Some(Fault::Mend(node, other))),
            _ => (Fault::PeerPriority(peer, 1 + random.below(254) as u8), None),
        };
    }
    match random.below(18) {
        16 | 17 => (Fault::Drain(node, Some(random.percent(30))), Some(Fault::Drain(node, None))),
        0 | 1 => (Fault::Crash(node), Some(Fault::Start(node))),
        2 => (Fault::ShutDown(node), Some(Fault::Start(node))),
        3 | 4 => (Fault::Stall(node), Some(Fault::Wake(node))),
        5 | 6 => (Fault::Cut(node, other), Some(Fault::Mend(node, other))),
        7 => {
            let link = random.pick(&[Link::Down, Link::Missing]);
            (Fault::Link(node, link), Some(Fault::Link(node, Link::Up)))
        }
        8 => (Fault::LoseAddress(node), Some(Fault::RestoreAddress(node))),
        9 | 10 => (Fault::Track(node, effect(random)), Some(Fault::Track(node, effect(random)))),
        11 => (Fault::Health(node, false), Some(Fault::Health(node, true))),
        12 => match random.below(2) {
            0 => (Fault::Zeros(1 + random.below(20)), None),
            _ => (Fault::Claim(random.next() as u8), None),
        },
        13 | 14 => {
            let change = Change::any(random, lan, lan.host(node));
            (Fault::Reload(node, change), None)
        }
        _ => (Fault::Medium(medium(random, lan)), Some(Fault::Medium(Medium::default()))),
    }
}

fn effect(random: &mut Random) -> Effect {
    match random.below(6) {
        0 => Effect::Fault,
        1 => Effect::Hold,
        2 => Effect::Add(0),
        _ => Effect::Add(random.below(507) as i16 - 253),
    }
}

fn medium(random: &mut Random, lan: &Lan) -> Medium {
    let delays = [Duration::ZERO, Duration::from_micros(500), lan.longest_wait() / 3];
    Medium {
        loss: random.pick(&[0, 5, 30, 70]),
        duplicates: random.pick(&[0, 0, 20]),
        corrupt: random.pick(&[0, 0, 10]),
        delay: random.pick(&delays),
    }
}

fn inflict(lan: &mut Lan, fault: Fault) {
    match fault {
        Fault::Medium(medium) => {
            lan.note(0, &format!("and all: {medium:?}"));
            lan.medium = medium;
        }
        Fault::Cut(from, to) => lan.cut(from, to),
        Fault::Mend(from, to) => lan.mend(from, to),
        Fault::Crash(node) => for_host(lan, node, Lan::crash),
        Fault::ShutDown(node) => for_host(lan, node, Lan::shut_down),
        Fault::Start(node) => for_host(lan, node, |lan, node| match lan.nodes[node].life {
            Life::Dead | Life::Stopped => lan.start(node),
            Life::Running | Life::Stalled => {}
        }),
        Fault::Stall(node) => for_host(lan, node, Lan::stall),
        Fault::Wake(node) => for_host(lan, node, Lan::wake),
        Fault::Link(node, link) => lan.set_link(node, link),
        Fault::LoseAddress(node) => lan.lose_address(node),
        Fault::RestoreAddress(node) => lan.restore_address(node),
        Fault::Reload(node, change) => {
            for_host(lan, node, |lan, node| lan.reload(node, &change));
        }
        Fault::Track(node, effect) => lan.track(node, effect),
        Fault::Drain(node, drained) => lan.drain(lan.host(node), drained),
        Fault::Health(node, healthy) => {
            lan.note(node, if healthy { "healthy" } else { "not healthy" });
            lan.nodes[node].set_health(healthy);
        }
        Fault::CrashPeer(peer) => lan.crash_peer(peer),
        Fault::StartPeer(peer) => lan.start_peer(peer),
        Fault::PeerPriority(peer, priority) => lan.set_peer_priority(peer, priority),
        Fault::Zeros(times) => (0..times).for_each(|_| forge(lan, Priority::RESIGN)),
        Fault::Claim(priority) => forge(lan, Priority(priority)),
    }
}

/// What happens to one router of a host happens to all.
fn for_host(lan: &mut Lan, node: usize, what: impl Fn(&mut Lan, usize)) {
    for node in lan.members_of(lan.host(node)) {
        what(lan, node);
    }
}

/// A stranger sends an advertisement of this priority.
pub fn forge(lan: &mut Lan, priority: Priority) {
    let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 77));
    let mut template = Template::new(&lan.nodes[0].settings().fields(), source, Family::V4.group());
    let bytes = template.message(priority, ChecksumForm::PseudoHeader).to_vec();
    lan.note(0, &format!("and all: {source} says {priority}"));
    lan.forge(source, &bytes);
}

/// All is well again, but that some are gone for good.
fn make_peace(lan: &mut Lan, random: &mut Random) {
    lan.note(0, "and all: peace");
    lan.medium = Medium::default();
    lan.cut.iter_mut().for_each(|row| row.fill(false));
    for peer in 0..lan.peers.len() {
        lan.start_peer(peer);
        lan.set_peer_priority(peer, lan.peers[peer].settings.priority.0);
    }
    let hosts = lan.nodes.len() / lan.members;
    let survivor = random.index(hosts);
    for host in 0..hosts {
        let gone = host != survivor && random.percent(15);
        let weight = if lan.peers.is_empty() { random.below(41) as i16 - 20 } else { 0 };
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
fn bound(lan: &Lan) -> Duration {
    let wait = lan.longest_wait();
    let under_way = wait / 3;
    let rise = Duration::from_millis(500) * 4;
    let contest = if lan.members == 1 { Duration::ZERO } else { wait + wait / 3 };
    let ours = lan.nodes.iter().map(|node| node.settings().election.preempt_delay);
    let theirs = lan.peers.iter().map(|peer| peer.settings.election.preempt_delay);
    let delay = ours.chain(theirs).max().unwrap_or_default();
    under_way + rise + wait + wait + contest + delay + Duration::from_millis(1)
}

/// Exactly one host holds the addresses, and nobody who would preempt is stronger.
fn judge(lan: &Lan) {
    let hosts = lan.nodes.len() / lan.members;
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
