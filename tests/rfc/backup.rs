//! RFC 9568 §6.4.2: Backup.

use crate::bench::{centis, peer, takes_over, v3, Bench, DOWN, INTERVAL, MILLI, SKEW};
use std::time::Duration;
use vipd::vrrp::event::{Action, Event};
use vipd::vrrp::reason::Reason;
use vipd::vrrp::settings::Settings;
use vipd::vrrp::tracker::Effect;
use vipd::vrrp::StateName::{Backup, Init};
use vipd::wire::Priority;

fn fast() -> Settings {
    Settings { fast_handover: true, ..v3() }
}

#[test]
fn v3_075_a_backup_that_stops_says_nothing() {
    let mut bench = Bench::backup(v3());
    let stops = Action::Transition { from: Backup, to: Init, reason: Reason::Shutdown };
    assert_eq!(bench.event(Event::Shutdown), [stops]);
    assert_eq!(bench.router.deadline(), None);
    assert_eq!(bench.event(Event::Shutdown), []);
}

#[test]
fn v3_076_when_the_timer_fires_it_is_master() {
    let mut bench = Bench::backup(v3());
    bench.pass(DOWN - Duration::from_nanos(1));
    assert_eq!(bench.event(Event::Timer), []);
    bench.pass(Duration::from_nanos(1));
    assert!(takes_over(&bench.event(Event::Timer)));
    assert_eq!(bench.remaining(), INTERVAL);
}

#[test]
fn v3_020_v3_077_priority_0_sets_the_skew_time() {
    let mut bench = Bench::backup(v3());
    bench.pass(MILLI * 500);
    assert_eq!(bench.advert(0, 9), []);
    assert_eq!(bench.remaining(), SKEW);
    let taken = bench.run();
    assert!(takes_over(&taken));
    let Some(Action::Transition { reason, .. }) = taken.last() else { panic!("{taken:?}") };
    assert_eq!(*reason, Reason::Resigned { master: peer(9) });
}

/// RFC 9568 says so of any; but more of them do not put the end off.
#[test]
fn v3_078_priority_0_from_a_stranger_too_but_only_the_first() {
    let mut bench = Bench::backup(v3());
    bench.advert(0, 77);
    assert_eq!(bench.remaining(), SKEW);
    bench.pass(MILLI * 100);
    bench.advert(0, 78);
    bench.advert(0, 9);
    assert_eq!(bench.remaining(), SKEW - MILLI * 100);
    bench.advert(200, 9);
    assert_eq!(bench.remaining(), DOWN);
    bench.advert(0, 77);
    assert_eq!(bench.remaining(), SKEW);
}

#[test]
fn v3_079_the_interval_of_the_master_is_adopted() {
    let mut bench = Bench::backup(v3());
    bench.theirs.advert_int = centis(100);
    bench.advert(200, 9);
    assert_eq!(bench.remaining(), Duration::from_nanos(3_609_375_000));
    // And the skew with it, which is new in RFC 9568.
    bench.advert(0, 9);
    assert_eq!(bench.remaining(), Duration::from_nanos(609_375_000));
}

#[test]
fn v3_079_equal_priority_or_no_preemption_re_arms() {
    for (preempt, priority) in [(true, 100), (true, 254), (false, 100), (false, 1)] {
        let mut bench = Bench::backup(Settings { preempt, ..v3() });
        bench.pass(MILLI * 500);
        bench.advert(priority, 8);
        assert_eq!(bench.remaining(), DOWN, "{preempt} {priority}");
        assert_eq!(bench.router.master().map(|heard| heard.address), Some(peer(8)));
    }
}

#[test]
fn v3_080_a_lower_priority_does_not_stop_the_timer() {
    let mut bench = Bench::backup(v3());
    for _ in 0..5 {
        bench.pass(MILLI * 100);
        assert_eq!(bench.advert(99, 8), []);
    }
    assert_eq!(bench.remaining(), DOWN - MILLI * 500);
    let taken = bench.run();
    assert!(takes_over(&taken));
    let Some(Action::Transition { reason, .. }) = taken.last() else { panic!("{taken:?}") };
    let ours = Priority(100);
    assert_eq!(*reason, Reason::Preempt { master: peer(8), priority: Priority(99), ours });
}

#[test]
fn v3_080_the_faster_hand_over_waits_for_the_skew_time() {
    let mut bench = Bench::backup(fast());
    bench.pass(MILLI * 100);
    bench.advert(99, 9);
    assert_eq!(bench.remaining(), SKEW);
    bench.pass(MILLI * 50);
    bench.advert(98, 9);
    assert_eq!(bench.remaining(), SKEW - MILLI * 50);
}

#[test]
fn v3_080_the_faster_hand_over_is_for_the_master_that_fell_alone() {
    // Another than the one it follows.
    let mut bench = Bench::backup(fast());
    bench.advert(99, 8);
    assert_eq!(bench.remaining(), DOWN);
    // Never followed: at the start.
    let mut bench = Bench::started(fast());
    bench.advert(99, 9);
    assert_eq!(bench.remaining(), DOWN);
    // Without preemption it is followed.
    let mut bench = Bench::backup(Settings { preempt: false, ..fast() });
    bench.pass(MILLI);
    bench.advert(99, 9);
    assert_eq!(bench.remaining(), DOWN);
    // A second one that is not weaker keeps its interval.
    let mut bench = Bench::started(fast());
    bench.advert(150, 8);
    bench.pass(MILLI * 100);
    bench.advert(200, 9);
    bench.pass(MILLI * 100);
    bench.advert(99, 9);
    assert_eq!(bench.remaining(), DOWN - MILLI * 200);
    // Never later than the timer that runs already.
    let mut bench = Bench::backup(fast());
    bench.pass(DOWN - MILLI);
    bench.advert(99, 9);
    assert_eq!(bench.remaining(), MILLI);
}

#[test]
fn v3_081_addresses_are_not_compared() {
    for last in [4, 6] {
        let mut bench = Bench::backup(v3());
        bench.pass(MILLI * 300);
        bench.advert(100, last);
        assert_eq!((bench.state(), bench.remaining()), (Backup, DOWN));
    }
}

/// The loop hands over the packets first: so a timer long due does nothing any more.
#[test]
fn v3_082_packets_before_an_overdue_timer() {
    let mut bench = Bench::backup(v3());
    bench.pass(Duration::from_secs(60));
    bench.advert(200, 9);
    assert_eq!(bench.event(Event::Timer), []);
    assert_eq!((bench.state(), bench.remaining()), (Backup, DOWN));
}

/// The same with a tracker's first result in the same turn: it makes the timer due, no more.
#[test]
fn v3_082_packets_before_a_hold_that_ends() {
    let mut bench = Bench::backup(v3());
    bench.event(Event::Tracker { slot: 1, effect: Effect::Hold });
    bench.run();
    assert_eq!((bench.state(), bench.router.deadline()), (Backup, None));
    assert_eq!(bench.event(Event::Tracker { slot: 1, effect: Effect::Add(0) }), []);
    assert_eq!(bench.remaining(), Duration::ZERO);
    bench.advert(200, 9);
    assert_eq!(bench.event(Event::Timer), []);
    assert_eq!((bench.state(), bench.remaining()), (Backup, DOWN));
}

/// A priority that changes moves the timer as if it had been so when the timer was set.
#[test]
fn v3_079_a_priority_that_changes_moves_the_timer_by_the_skew() {
    let mut bench = Bench::backup(v3());
    bench.event(Event::Tracker { slot: 0, effect: Effect::Add(64) });
    assert_eq!(bench.remaining(), DOWN - MILLI * 50);
    bench.event(Event::Tracker { slot: 0, effect: Effect::Add(-64) });
    assert_eq!(bench.remaining(), DOWN + MILLI * 50);
    bench.pass(DOWN);
    bench.event(Event::Tracker { slot: 0, effect: Effect::Add(64) });
    assert_eq!(bench.remaining(), Duration::ZERO);
}

/// What was ignored because it was weaker is followed when it is not so any more.
#[test]
fn v3_079_a_priority_that_falls_follows_the_strongest_that_was_ignored() {
    let mut bench = Bench::started(v3());
    bench.pass(MILLI * 600);
    bench.advert(90, 8);
    bench.advert(80, 9);
    assert_eq!(bench.remaining(), DOWN - MILLI * 600);
    bench.event(Event::Tracker { slot: 0, effect: Effect::Add(-36) });
    assert_eq!(bench.router.master().map(|heard| heard.address), Some(peer(8)));
    let skew = INTERVAL * (256 - 64) / 256;
    assert_eq!(bench.remaining(), INTERVAL * 3 + skew);
}
