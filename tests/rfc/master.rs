//! RFC 9568 §6.4.3: Active.

use crate::bench::{adverts, centis, owner, peer, takes_over, v3, yields, Bench};
use crate::bench::{DOWN, INTERVAL, MILLI, OWN, SKEW};
use std::time::Duration;
use vipd::vrrp::event::{Action, Event, Remark};
use vipd::vrrp::reason::Reason;
use vipd::vrrp::settings::{Garp, Settings};
use vipd::vrrp::tracker::Effect;
use vipd::vrrp::StateName::{Backup, Fault, Init, Master};
use vipd::wire::Priority;

#[test]
fn v3_083_preempt_mode_is_not_looked_at() {
    let mut bench = Bench::master(Settings { preempt: false, ..v3() });
    assert!(yields(&bench.advert(200, 9)));
}

#[test]
fn v3_084_regular_adverts_are_on_a_raster() {
    let mut bench = Bench::master(v3());
    let begin = bench.now;
    for number in 1..=1000 {
        assert_eq!(adverts(&bench.run()), [100]);
        assert_eq!(bench.now, begin + INTERVAL * number);
    }
    // Late by less than an interval: the raster stays.
    bench.pass(INTERVAL + MILLI * 30);
    assert_eq!(adverts(&bench.event(Event::Timer)), [100]);
    assert_eq!(bench.remaining(), INTERVAL - MILLI * 30);
}

#[test]
fn v3_084_the_own_interval_not_the_adopted_one() {
    let mut bench = Bench::started(v3());
    bench.theirs.advert_int = centis(100);
    bench.advert(200, 9);
    assert!(takes_over(&bench.run()));
    assert_eq!(bench.remaining(), INTERVAL);
}

#[test]
fn v3_084_others_packets_do_not_move_the_raster() {
    let mut bench = Bench::master(v3());
    for _ in 0..19 {
        bench.pass(MILLI * 10);
        bench.advert(50, 9);
        bench.advert(100, OWN - 1);
    }
    assert_eq!(bench.remaining(), MILLI * 10);
}

#[test]
fn v3_085_a_master_that_stops_resigns_once() {
    let mut bench = Bench::master(v3());
    let actions = bench.event(Event::Shutdown);
    assert_eq!(adverts(&actions), [0]);
    let stops = Action::Transition { from: Master, to: Init, reason: Reason::Shutdown };
    assert_eq!(actions[1..], [Action::Release, stops]);
    assert_eq!(bench.router.statistics().priority_zero_pkts_sent, 1);
    assert_eq!((bench.router.deadline(), bench.event(Event::Timer)), (None, vec![]));
}

#[test]
fn v3_020_v3_085_a_master_that_fails_resigns_once() {
    let mut bench = Bench::master(v3());
    let actions = bench.event(Event::Tracker { slot: 1, effect: Effect::Fault });
    assert_eq!(adverts(&actions), [0]);
    assert!(matches!(
        actions[1..],
        [Action::Release, Action::Transition { from: Master, to: Fault, .. }]
    ));
}

#[test]
fn v3_086_priority_0_is_answered_and_the_timer_begins_anew() {
    let mut bench = Bench::master(v3());
    bench.pass(MILLI * 150);
    assert_eq!(adverts(&bench.advert(0, 9)), [100]);
    assert_eq!((bench.state(), bench.remaining()), (Master, INTERVAL));
    assert_eq!(bench.router.statistics().priority_zero_pkts_rcvd, 1);
    // A flood of them is answered once an interval.
    bench.pass(MILLI * 150);
    assert_eq!(bench.advert(0, 9), []);
    assert_eq!(bench.remaining(), MILLI * 50);
}

#[test]
fn v3_087_a_higher_priority_is_followed() {
    let mut bench = Bench::master(v3());
    bench.theirs.advert_int = centis(100);
    assert!(yields(&bench.advert(101, 4)));
    assert_eq!(bench.remaining(), Duration::from_nanos(3_609_375_000));
    assert_eq!(bench.router.statistics().priority_zero_pkts_sent, 0);
    bench.advert(0, 4);
    assert_eq!(bench.remaining(), Duration::from_nanos(609_375_000));
}

#[test]
fn v3_087_equal_priority_and_a_greater_address_is_followed() {
    let mut bench = Bench::master(v3());
    assert!(yields(&bench.advert(100, 6)));
    assert_eq!((bench.state(), bench.remaining()), (Backup, DOWN));
}

#[test]
fn v3_088_a_losing_advert_is_answered_at_once() {
    for (priority, last) in [(50, 9), (100, 4), (99, 254)] {
        let mut bench = Bench::master(v3());
        bench.pass(MILLI * 50);
        let actions = bench.advert(priority, last);
        assert_eq!(adverts(&actions), [100], "{priority} {last}");
        assert_eq!((bench.state(), bench.remaining()), (Master, MILLI * 150));
    }
}

#[test]
fn v3_088_answers_are_at_most_one_an_interval() {
    let mut bench = Bench::master(v3());
    let mut answers = 0;
    for _ in 0..20 {
        bench.pass(MILLI * 10);
        answers += adverts(&bench.advert(50, 9)).len();
        answers += adverts(&bench.advert(0, 8)).len();
    }
    assert_eq!(answers, 1);
}

#[test]
fn v3_088_after_a_contest_the_addresses_are_announced_again() {
    let garp = Garp { lower_prio_delay: MILLI * 100, lower_prio_repeat: 3, ..v3().garp };
    let mut bench = Bench::master(Settings { garp, ..v3() });
    let actions = bench.advert(50, 9);
    assert!(actions.contains(&Action::Announce { repeat: 3 }));
    assert_eq!(bench.remaining(), MILLI * 100);
    assert_eq!(bench.run(), [Action::Announce { repeat: 3 }]);
    assert_eq!(bench.remaining(), MILLI * 100);
    assert_eq!(adverts(&bench.run()), [100]);
}

/// 192.0.2.9 is less than 192.0.2.10, whatever a comparison of text says.
#[test]
fn v3_089_addresses_are_numbers() {
    let mut bench = Bench::master(v3());
    bench.event(Event::Source(Some(peer(9))));
    assert!(yields(&bench.advert(100, 10)));
    let mut bench = Bench::master(v3());
    bench.event(Event::Source(Some(peer(10))));
    assert_eq!(adverts(&bench.advert(100, 9)), [100]);
}

#[test]
fn v3_089_the_own_address_at_equal_priority_makes_nobody_yield() {
    let mut bench = Bench::master(v3());
    let duplicate = Action::Remark(Remark::DuplicateSource { source: peer(OWN) });
    assert_eq!(bench.advert(100, OWN), [duplicate]);
    assert_eq!(bench.advert(100, OWN), []);
    assert_eq!(bench.state(), Master);
    // Nor after a stall: it is nobody who has taken over.
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.advert(100, OWN), []);
    assert_eq!(bench.state(), Master);
}

/// Two owners are told apart as any two.
#[test]
fn v3_046_v3_087_an_owner_listens_to_another_owner() {
    let mut bench = Bench::master(owner(v3()));
    assert_eq!(adverts(&bench.advert(255, OWN - 1)), [255]);
    assert!(yields(&bench.advert(255, OWN + 1)));
    assert_eq!(bench.router.statistics().advertisement_rcvd, 2);
}

/// A peer has waited for us longer than any patience: whoever speaks now has taken over.
#[test]
fn v3_082_a_master_that_was_stalled_yields_to_anybody() {
    let mut bench = Bench::master(v3());
    bench.pass(INTERVAL * 3 + INTERVAL * 2 / 256);
    let actions = bench.advert(1, 4);
    assert!(yields(&actions), "{actions:?}");
    assert_eq!(bench.remaining(), INTERVAL * 3 + SKEW);
    let mut bench = Bench::master(v3());
    bench.pass(INTERVAL * 3);
    assert_eq!(adverts(&bench.advert(1, 4)), [100]);
}

#[test]
fn v3_084_a_priority_that_changes_is_said_at_once_with_fast_handover() {
    for fast_handover in [true, false] {
        let mut bench = Bench::master(Settings { fast_handover, ..v3() });
        bench.pass(MILLI * 50);
        let actions = bench.event(Event::Tracker { slot: 0, effect: Effect::Add(-20) });
        let change = Action::PriorityChange { from: Priority(100), to: Priority(80) };
        assert_eq!(actions[0], change);
        assert_eq!(adverts(&actions).len(), usize::from(fast_handover));
        assert_eq!(bench.remaining(), MILLI * 150);
        assert_eq!(adverts(&bench.run()), [80]);
    }
}
