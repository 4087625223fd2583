//! Stories with keepalived as the other router: who hands over faster than it expects does no harm.

use crate::lan::{settings, Lan, LATENCY};
use crate::peer::Kind;
use std::time::Duration;
use vipd::vrrp::settings::{Election, Settings};
use vipd::vrrp::timers::{master_down_interval, skew_time};
use vipd::vrrp::tracker::Effect;
use vipd::vrrp::StateName::Backup;
use vipd::wire::{Interval, Priority, Version};

const SECOND: Duration = Duration::from_secs(1);

fn skew(priority: u8) -> Duration {
    skew_time(Version::V3, Priority(priority), Interval::SECOND)
}

fn down(adverts: u8, priority: u8) -> Duration {
    master_down_interval(Version::V3, adverts, Priority(priority), Interval::SECOND)
}

fn adverts(down_timer_adverts: u8, priority: u8) -> Settings {
    let election = Election { down_timer_adverts, ..Election::default() };
    Settings { election, ..settings(priority) }
}

fn delay(seconds: u64, priority: u8) -> Settings {
    let preempt_delay = Duration::from_secs(seconds);
    let election = Election { preempt_delay, ..Election::default() };
    Settings { election, ..settings(priority) }
}

/// Ours first, then keepalived's, in peace.
fn lan(ours: &[Settings], theirs: &[Settings]) -> Lan {
    let mut lan = Lan::new(1, ours.to_vec());
    lan.story = Some(Vec::new());
    lan.start_all();
    for settings in theirs {
        lan.add_peer(Kind::Keepalived, settings.clone());
    }
    lan.run_until_quiet();
    lan.together = Duration::ZERO;
    lan
}

/// Runs until this one holds the addresses alone; says how long that took.
fn time_until_alone(lan: &mut Lan, holder: usize) -> Duration {
    let begin = lan.now;
    while lan.holders() != [holder] {
        if lan.now.since(begin) > SECOND * 60 {
            lan.fail(&format!("router {holder} never holds the addresses alone"));
        }
        lan.run_for(LATENCY);
    }
    lan.now.since(begin)
}

/// Its next advert says it, and then only the skew time is waited for.
#[test]
fn keepalived_falls_and_we_take_over() {
    for count in [1, 3, 10] {
        let mut lan = lan(&[adverts(count, 100)], &[adverts(count, 200)]);
        assert_eq!(lan.holders(), [1]);
        lan.set_peer_priority(0, 90);
        let took = time_until_alone(&mut lan, 0);
        assert!(took <= SECOND + skew(100) + LATENCY * 4, "{took:?}");
        assert!(lan.together <= LATENCY, "{:?}", lan.together);
        lan.run_until_quiet();
        assert_eq!(lan.holders(), [0]);
    }
}

/// It discards our adverts at once and waits for its own timer, as if we had not said anything: it
/// is no slower for it, and no two are MASTER.
#[test]
fn we_fall_and_keepalived_takes_over_in_its_time() {
    for count in [1, 3, 10] {
        let mut lan = lan(&[adverts(count, 200)], &[adverts(count, 100)]);
        assert_eq!(lan.holders(), [0]);
        lan.run_until_advert(0);
        lan.run_for(SECOND / 10);
        lan.track(0, Effect::Add(-110));
        let took = time_until_alone(&mut lan, 1);
        assert!(took <= down(count, 100), "{took:?}");
        assert!(lan.together <= LATENCY, "{:?}", lan.together);
        lan.run_until_quiet();
        assert_eq!((lan.holders(), lan.state(0)), (vec![1], Backup));
    }
}

/// A stronger keepalived needs its three intervals; we are MASTER until it takes over from us.
#[test]
fn between_us_and_a_stronger_keepalived_nobody_is_master_twice() {
    let mut lan = lan(&[settings(200), settings(100)], &[settings(150)]);
    lan.run_until_advert(0);
    lan.track(0, Effect::Add(-110));
    let ours = time_until_alone(&mut lan, 1);
    assert!(ours <= skew(100) + LATENCY * 4, "{ours:?}");
    let theirs = time_until_alone(&mut lan, 2);
    assert!(ours + theirs <= down(3, 150) + LATENCY * 4, "{theirs:?}");
    assert!(lan.together <= LATENCY, "{:?}", lan.together);
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [2]);
}

/// A weaker keepalived follows whoever is stronger, and never says a word.
#[test]
fn a_weaker_keepalived_looks_on() {
    let mut lan = lan(&[settings(200), settings(150)], &[settings(100)]);
    lan.track(0, Effect::Add(-110));
    let took = time_until_alone(&mut lan, 1);
    assert!(took <= skew(150) + LATENCY * 4, "{took:?}");
    lan.run_until_quiet();
    assert_eq!((lan.holders(), lan.together <= LATENCY), (vec![1], true));
}

/// Its preempt_delay runs from our first advert below its priority; nothing of ours shortens it.
#[test]
fn we_fall_and_keepalived_keeps_to_its_preempt_delay() {
    let mut lan = lan(&[settings(200)], &[delay(30, 100)]);
    lan.track(0, Effect::Add(-110));
    let took = time_until_alone(&mut lan, 1);
    let earliest = SECOND * 30;
    assert!(took >= earliest && took <= earliest + down(3, 100) + LATENCY * 4, "{took:?}");
    assert!(lan.together <= LATENCY, "{:?}", lan.together);
}

/// And ours: no fast hand-over while it runs, as keepalived means it.
#[test]
fn keepalived_falls_and_we_keep_to_our_preempt_delay() {
    let mut lan = lan(&[delay(30, 100)], &[settings(200)]);
    lan.set_peer_priority(0, 90);
    let took = time_until_alone(&mut lan, 0);
    let earliest = SECOND * 30;
    assert!(took >= earliest && took <= earliest + down(3, 100) + SECOND, "{took:?}");
    assert!(lan.together <= LATENCY, "{:?}", lan.together);
}

/// A lower MASTER that goes silent is not waited for.
#[test]
fn a_preempt_delay_is_about_a_master_that_speaks() {
    let mut lan = lan(&[delay(600, 100)], &[settings(200)]);
    lan.set_peer_priority(0, 90);
    lan.run_for(SECOND * 10);
    assert_eq!(lan.holders(), [1]);
    lan.crash_peer(0);
    assert!(time_until_alone(&mut lan, 0) <= down(3, 100));
}
