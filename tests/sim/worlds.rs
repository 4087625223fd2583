//! Worlds to tell stories of: who is there, and how they are set up.

use crate::lan::{settings, Lan};
use crate::peer;
use crate::random::Random;
use std::time::Duration;
use vipd::vrrp::check;
use vipd::vrrp::settings::{Election, Settings};
use vipd::vrrp::tracker::Weight;
use vipd::wire::advert::ChecksumForm;
use vipd::wire::{Interval, Version};

/// 2 to 5 routers, now and then up to 16, of one version or of both.
pub fn alone(random: &mut Random, seed: u64) -> Lan {
    let speaks = random.pick(&[Speaks::V2, Speaks::V3, Speaks::V3, Speaks::V3, Speaks::Mixed]);
    let interval = match speaks {
        Speaks::V2 | Speaks::Mixed => random.pick(&[100, 100, 200]),
        Speaks::V3 => random.pick(&[1, 2, 10, 33, 100, 1000, 4095]),
    };
    // Who speaks both says one thing in VRRPv3, and another, in whole seconds, in VRRPv2.
    let fraction = speaks == Speaks::Mixed && random.percent(30);
    let interval = if fraction { 20 } else { interval };
    let mixed = speaks == Speaks::V3 && interval <= 100 && random.percent(20);
    let old =
        if fraction { None } else { random.pick(&[None, Some(Version::V2), Some(Version::V3)]) };
    let nopreempt = random.percent(30);
    let fast = random.percent(70);
    let count = if random.percent(4) { 6 + random.index(11) } else { 2 + random.index(4) };
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
        let (version, both_versions) = speaks.of_one(random, old);
        all.push(Settings {
            version,
            advert_int: Interval::from_centiseconds(interval).expect("not 0"),
            preempt: !(nopreempt && random.percent(70)),
            election: Election {
                // Who adopts a shorter interval from a weak MASTER has to be told of a better one.
                lower_prio_no_advert: !mixed && random.percent(15),
                both_versions,
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
    clocks(random, &mut lan);
    for node in 0..count {
        lan.nodes[node].local_first = random.percent(50);
        if random.percent(40) {
            let weight = random.pick(&[0, 0, 20, -50, 100]);
            let weight = Weight::new(weight, random.percent(10)).expect("in range");
            // Nobody looks a hundred times between two adverts.
            let slow = if interval >= 1000 { 20 } else { 1 };
            let script = script(random);
            let interval = script.interval * slow;
            let script = check::Settings { interval, timeout: interval, ..script };
            lan.nodes[node].add_script(script, weight);
        }
    }
    lan
}

/// Which versions the routers of a world speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaks {
    V2,
    V3,
    /// Some both, the others all the same one: as when a LAN moves from VRRPv2 to VRRPv3 (V3-120).
    Mixed,
}

impl Speaks {
    /// The version of one router, and whether it speaks both.
    fn of_one(self, random: &mut Random, old: Option<Version>) -> (Version, bool) {
        match (self, old) {
            (Self::V2, _) => (Version::V2, false),
            (Self::V3, _) => (Version::V3, false),
            (Self::Mixed, Some(one)) if random.percent(50) => (one, false),
            (Self::Mixed, _) => (Version::V3, true),
        }
    }
}

/// In half of the worlds each clock is wrong by up to 5 %.
fn clocks(random: &mut Random, lan: &mut Lan) {
    let wrong = random.percent(50);
    for host in 0..lan.hosts() {
        let rate = if wrong { 95 + random.below(11) } else { 100 };
        for node in lan.members_of(host) {
            lan.nodes[node].clock.rate = rate;
        }
    }
}

/// 2 to 4 hosts with two to four routers each. The routers of a host agree about their priority, or no host
/// could be the strongest; but not about whose address is greater.
pub fn groups(random: &mut Random, seed: u64) -> Lan {
    let intervals = [1, 10, 100].map(|centis| Interval::from_centiseconds(centis).expect("not 0"));
    let members = random.pick(&[2, 2, 2, 3, 4]);
    let intervals: Vec<Interval> = (0..members).map(|_| random.pick(&intervals)).collect();
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
        for advert_int in intervals.iter().copied() {
            let election = election(random, down_timer_adverts);
            let settings = settings(priority);
            let asked = Settings { advert_int, preempt, fast_handover, election, ..settings };
            all.push(Settings { grouped: true, ..garp(random, asked) });
        }
    }
    let mut lan = Lan::new(seed, all);
    lan.members = members;
    clocks(random, &mut lan);
    if random.percent(50) {
        lan.reverse_addresses(1);
    }
    for host in 0..count {
        if random.percent(40) {
            let weight = Weight::new(0, false).expect("in range");
            lan.nodes[members * host + random.index(members)].add_script(script(random), weight);
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

/// One or two of ours, as everywhere with the fast hand-over, and one or two of another kind; each
/// with a priority of its own, for a tie is told by addresses that say nothing here.
pub fn with_others(random: &mut Random, seed: u64) -> Lan {
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
    clocks(random, &mut lan);
    for _ in 0..1 + random.index(2) {
        let kind = random.pick(&[peer::Kind::Keepalived, peer::Kind::Rfc5798]);
        lan.add_peer(kind, some(random));
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

/// Where nothing is lost on the way, and all clocks are right or wrong: who is killed or stands still
/// is no longer answered for when another takes over.
pub fn leased(random: &mut Random, seed: u64) -> Lan {
    let interval = Interval::from_centiseconds(random.pick(&[10, 33, 100])).expect("not 0");
    let version = random.pick(&[Version::V2, Version::V3, Version::V3]);
    let interval = if version == Version::V2 { Interval::SECOND } else { interval };
    let count = 2 + random.index(4);
    let all = (0..count).map(|_| {
        let preempt = random.percent(70);
        let base = settings(1 + random.below(254) as u8);
        let base = garp(random, base);
        Settings { version, advert_int: interval, preempt, ..base }
    });
    let all = all.collect();
    let mut lan = Lan::new(seed, all);
    clocks(random, &mut lan);
    lan
}
