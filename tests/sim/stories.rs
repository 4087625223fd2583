//! Stories of ten lines: what a LAN of virtual routers does when one thing happens.

use crate::faults::{forge, Forged};
use crate::lan::{settings, Lan, LATENCY};
use std::time::Duration;
use vipd::vrrp::check;
use vipd::vrrp::event::Link;
use vipd::vrrp::settings::Settings;
use vipd::vrrp::timers::{master_down_interval, skew_time};
use vipd::vrrp::tracker::{Effect, Weight};
use vipd::vrrp::StateName::{Backup, Fault, Master};
use vipd::wire::{Interval, Priority, Version};

const SECOND: Duration = Duration::from_secs(1);

fn skew(priority: u8) -> Duration {
    skew_time(Version::V3, Priority(priority), Interval::SECOND)
}

fn down(priority: u8) -> Duration {
    master_down_interval(Version::V3, 3, Priority(priority), Interval::SECOND)
}

fn nopreempt(priority: u8) -> Settings {
    Settings { preempt: false, ..settings(priority) }
}

#[test]
fn a_crashed_master_is_replaced_after_the_master_down_interval() {
    let mut lan = Lan::with_priorities([200, 100]);
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [0]);
    lan.run_until_advert(0);
    lan.crash(0);
    assert_eq!(lan.time_until_master(1), LATENCY + down(100));
}

#[test]
fn a_master_that_stops_is_replaced_after_the_skew_time() {
    let mut lan = Lan::with_priorities([200, 100]);
    lan.run_until_quiet();
    lan.shut_down(0);
    assert_eq!(lan.time_until_master(1), LATENCY + skew(100));
}

#[test]
fn it_takes_the_addresses_back_when_it_returns_unless_nopreempt() {
    for (first, holder) in [(settings(200), 0), (nopreempt(200), 1)] {
        let mut lan = Lan::of([first, settings(100)]);
        lan.run_until_quiet();
        lan.crash(0);
        lan.run_until_quiet();
        lan.start(0);
        lan.run_until_quiet();
        assert_eq!(lan.holders(), [holder]);
    }
}

#[test]
fn equal_priorities_that_start_at_once_are_told_apart_by_their_addresses() {
    let mut lan = Lan::with_priorities([100, 100, 100]);
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [2]);
    let masters = |node: usize| lan.nodes[node].router.statistics().master_transitions;
    assert_eq!([masters(0), masters(1), masters(2)], [1, 1, 1]);
}

#[test]
fn a_late_comer_of_equal_priority_and_greater_address_stays_backup() {
    let mut lan = Lan::with_priorities([100, 100]);
    lan.crash(1);
    lan.run_until_quiet();
    lan.start(1);
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [0]);
}

/// A backlog is heard out before a timer is believed (V3-082).
#[test]
fn a_backup_that_wakes_up_under_a_good_master_stays_backup() {
    let mut lan = Lan::with_priorities([200, 100]);
    lan.run_until_quiet();
    lan.stall(1);
    lan.run_for(SECOND * 60);
    lan.wake(1);
    lan.run_until_quiet();
    assert_eq!((lan.sent(1), lan.state(1)), (0, Backup));
}

#[test]
fn a_master_that_wakes_up_yields_without_a_word() {
    for (first, winner) in [(settings(200), 0), (nopreempt(200), 1)] {
        let mut lan = Lan::of([first, settings(100)]);
        lan.run_until_quiet();
        lan.stall(0);
        lan.run_for(SECOND * 10);
        assert_eq!(lan.holders(), [0, 1]);
        let sent = lan.sent(0);
        lan.wake(0);
        assert_eq!((lan.state(0), lan.sent(0)), (Backup, sent));
        lan.run_until_quiet();
        assert_eq!(lan.holders(), [winner]);
    }
}

#[test]
fn a_master_that_was_only_late_goes_on() {
    let mut lan = Lan::with_priorities([200, 100]);
    lan.run_until_quiet();
    lan.run_until_advert(0);
    lan.stall(0);
    lan.run_for(SECOND * 2 + SECOND / 2);
    lan.wake(0);
    lan.run_until_quiet();
    let transitions = [0, 1].map(|n| lan.nodes[n].router.statistics().master_transitions);
    assert_eq!(transitions, [1, 0]);
}

/// A machine that runs both stood still. Whoever wakes up first, nothing has happened.
#[test]
fn routers_that_stood_still_together_go_on_as_they_were() {
    for order in [[0, 1], [1, 0]] {
        let mut lan = Lan::with_priorities([200, 100]);
        lan.run_until_quiet();
        lan.stall(0);
        lan.stall(1);
        lan.run_for(SECOND * 60);
        for node in order {
            lan.wake(node);
            lan.run_for(SECOND);
        }
        lan.run_until_quiet();
        let transitions = [0, 1].map(|n| lan.nodes[n].router.statistics().master_transitions);
        assert_eq!(transitions, [1, 0]);
    }
}

/// The MASTER has died meanwhile: that takes one more interval to see.
#[test]
fn a_backup_that_wakes_up_alone_takes_over_an_interval_later() {
    let mut lan = Lan::with_priorities([200, 100]);
    lan.run_until_quiet();
    lan.stall(1);
    lan.crash(0);
    lan.run_for(SECOND * 60);
    lan.wake(1);
    // It counts the silence from the last advert that was heard: its timer is far too late.
    assert_eq!(lan.time_until_master(1), SECOND + skew(100));
}

/// What it does not know yet it must not say: another has taken over meanwhile.
#[test]
fn a_master_that_wakes_up_to_a_changed_priority_says_nothing() {
    let mut lan = Lan::with_priorities([200, 100]);
    lan.run_until_quiet();
    lan.nodes[0].local_first = true;
    lan.stall(0);
    lan.run_for(SECOND * 10);
    let sent = lan.sent(0);
    lan.track(0, Effect::Add(-10));
    lan.wake(0);
    assert_eq!((lan.state(0), lan.sent(0)), (Backup, sent));
    assert_eq!(lan.state(1), Master);
}

#[test]
fn a_master_that_falls_is_replaced_by_the_next_after_its_skew_time() {
    let mut lan = Lan::with_priorities([200, 150, 100]);
    lan.run_until_quiet();
    lan.track(0, Effect::Add(-110));
    assert_eq!(lan.time_until_master(1), LATENCY + skew(150));
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [1]);
    assert_eq!(lan.sent(2), 0);
}

#[test]
fn without_fast_handover_it_takes_three_intervals_more() {
    let slow = |priority| Settings { fast_handover: false, ..settings(priority) };
    let mut lan = Lan::of([slow(200), slow(150)]);
    lan.run_until_quiet();
    lan.run_until_advert(0);
    let sent = lan.sent(0);
    lan.track(0, Effect::Add(-110));
    assert_eq!(lan.sent(0), sent);
    assert_eq!(lan.time_until_master(1), LATENCY + down(150));
}

/// Router 0 is deaf to 1, so both are MASTER; 2 hears them both, and follows whichever it heard
/// last. When one falls, the other is still there.
#[test]
fn fast_handover_leaves_a_second_master_time_to_speak() {
    let mut lan = Lan::with_priorities([150, 200, 100]);
    lan.cut(1, 0);
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [0, 1]);
    lan.track(1, Effect::Add(-110));
    lan.run_until_quiet();
    assert_eq!((lan.state(2), lan.sent(2)), (Backup, 0));
}

/// It had ignored the MASTER of 150 while it was stronger itself.
#[test]
fn a_backup_that_becomes_weaker_follows_whom_it_had_ignored() {
    let slow = |priority| Settings { fast_handover: false, ..settings(priority) };
    let mut lan = Lan::of([slow(150), slow(100)]);
    lan.run_until_quiet();
    lan.track(1, Effect::Add(100));
    lan.run_until_advert(0);
    lan.run_until_advert(0);
    lan.run_until_advert(0);
    lan.run_for(SECOND / 100);
    lan.track(1, Effect::Add(0));
    lan.run_until_quiet();
    assert_eq!((lan.holders(), lan.sent(1)), (vec![0], 0));
}

#[test]
fn an_owner_without_a_result_listens_and_then_takes_over_at_once() {
    let mut lan = Lan::with_priorities([100, 255]);
    lan.crash(1);
    lan.run_until_quiet();
    lan.nodes[1].set_effect(Effect::Hold);
    lan.start(1);
    lan.run_for(SECOND * 60);
    assert_eq!(lan.state(1), Backup);
    lan.track(1, Effect::Add(0));
    assert_eq!(lan.state(1), Master);
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [1]);
}

/// "BACKUP at most" is about the way up: a tracker that a reload adds does not unseat a MASTER
/// that works.
#[test]
fn a_hold_does_not_unseat_a_master() {
    let mut lan = Lan::with_priorities([200, 100]);
    lan.run_until_quiet();
    lan.track(0, Effect::Hold);
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [0]);
}

#[test]
fn a_backup_that_was_held_too_long_takes_over_when_it_may() {
    let mut lan = Lan::with_priorities([200, 100]);
    lan.run_until_quiet();
    lan.track(1, Effect::Hold);
    lan.crash(0);
    lan.run_for(SECOND * 60);
    assert_eq!((lan.holders(), lan.state(1)), (vec![], Backup));
    lan.track(1, Effect::Add(0));
    assert_eq!(lan.holders(), [1]);
}

/// Each of them would begin the skew time anew.
#[test]
fn a_flood_of_zeros_does_not_put_the_succession_off() {
    let mut lan = Lan::with_priorities([200, 100]);
    lan.run_until_quiet();
    lan.shut_down(0);
    let begin = lan.now;
    while lan.now < begin + LATENCY + skew(100) {
        lan.run_for(SECOND / 50);
        forge(&mut lan, Priority::RESIGN, Forged::default());
    }
    assert_eq!(lan.nodes[1].since, begin + LATENCY + skew(100));
    assert_eq!(lan.state(1), Master);
}

#[test]
fn a_flood_of_zeros_makes_a_master_answer_once_an_interval() {
    let mut lan = Lan::with_priorities([200]);
    lan.run_until_quiet();
    let sent = lan.sent(0);
    for _ in 0..1000 {
        lan.run_for(SECOND / 100);
        forge(&mut lan, Priority::RESIGN, Forged::default());
    }
    let more = lan.sent(0) - sent;
    assert!((10..=21).contains(&more), "{more} adverts in 10 s");
}

#[test]
fn a_cable_that_is_pulled_is_a_crash_to_the_others() {
    let mut lan = Lan::with_priorities([200, 100]);
    lan.run_until_quiet();
    lan.run_until_advert(0);
    lan.run_for(SECOND / 10);
    let sent = lan.sent(0);
    lan.set_link(0, Link::Down);
    assert_eq!((lan.state(0), lan.sent(0)), (Fault, sent));
    assert_eq!(lan.time_until_master(1), LATENCY + down(100) - SECOND / 10);
    lan.set_link(0, Link::Up);
    assert_eq!(lan.time_until_master(0), down(200));
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [0]);
}

#[test]
fn an_address_that_is_lost_is_a_fault_and_nothing_is_sent() {
    let mut lan = Lan::with_priorities([200, 100]);
    lan.run_until_quiet();
    let sent = lan.sent(0);
    lan.lose_address(0);
    assert_eq!((lan.state(0), lan.sent(0)), (Fault, sent));
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [1]);
    lan.restore_address(0);
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [0]);
}

const CHECK: check::Settings = check::Settings {
    is_bodiless: false,
    interval: Duration::from_secs(2),
    timeout: Duration::from_secs(2),
    rise: 2,
    fall: 2,
    init_fail: false,
    gated: false,
    start_delay: Duration::ZERO,
    fault_hold: Duration::ZERO,
};

/// A check without a weight: two failures are FAULT, two successes lead back.
#[test]
fn a_check_without_weight_moves_the_addresses_and_back() {
    let mut lan = Lan::new(1, vec![settings(100), settings(90)]);
    lan.story = Some(Vec::new());
    lan.nodes[0].add_script(CHECK, Weight::default());
    lan.start_all();
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [0]);
    lan.nodes[0].set_health(false);
    lan.run_until_quiet();
    assert_eq!((lan.holders(), lan.state(0)), (vec![1], Fault));
    lan.nodes[0].set_health(true);
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [0]);
}

/// Weight 20: what is added while it works lifts 100 above a peer of 110.
#[test]
fn a_check_with_weight_moves_the_addresses_past_a_peer_in_between() {
    let mut lan = Lan::new(1, vec![settings(100), settings(110)]);
    lan.story = Some(Vec::new());
    lan.nodes[0].add_script(CHECK, Weight::new(20, false).expect("in range"));
    lan.start_all();
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [0]);
    lan.nodes[0].set_health(false);
    lan.run_until_quiet();
    assert_eq!((lan.holders(), lan.state(0)), (vec![1], Backup));
}

/// A check that fails and works in turns, each for less than `fall`, moves nothing.
#[test]
fn a_check_that_flaps_below_its_thresholds_moves_nothing() {
    let mut lan = Lan::new(1, vec![settings(100), settings(90)]);
    lan.story = Some(Vec::new());
    lan.nodes[0].add_script(CHECK, Weight::default());
    lan.start_all();
    lan.run_until_quiet();
    let since = lan.nodes[0].since;
    for round in 0..50 {
        lan.nodes[0].set_health(round % 2 == 0);
        lan.run_for(SECOND * 2);
    }
    assert_eq!((lan.holders(), lan.nodes[0].since), (vec![0], since));
}

/// After a cut the hosts have heard from both: a winner that hears of it announces again.
#[test]
fn after_a_contest_the_winner_announces_again() {
    let mut lan = Lan::with_priorities([200, 100]);
    lan.cut(0, 1);
    lan.cut(1, 0);
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [0, 1]);
    let announced = lan.nodes[0].announced;
    assert_eq!(announced, 10);
    lan.mend(1, 0);
    lan.run_until_advert(1);
    lan.mend(0, 1);
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [0]);
    assert!(lan.nodes[0].announced >= announced + 5, "{}", lan.nodes[0].announced);
}

/// V3-066: at 10 ms and with neighbours in priority, the strongest always fires first.
#[test]
fn at_ten_milliseconds_the_strongest_always_comes_first() {
    let fast = |priority| Settings {
        advert_int: Interval::from_centiseconds(1).expect("not 0"),
        ..settings(priority)
    };
    let mut lan = Lan::of([fast(254), fast(250), fast(240)]);
    lan.run_until_quiet();
    for _ in 0..100 {
        lan.crash(0);
        lan.time_until_master(1);
        lan.start(0);
        lan.run_until_quiet();
        assert_eq!(lan.holders(), [0]);
    }
    assert_eq!(lan.sent(2), 0);
}

/// A LAN that loses a third of its packets, doubles some and shuffles all.
#[test]
fn a_bad_cable_is_survived() {
    let mut lan = Lan::with_priorities([200, 150, 100]);
    lan.medium.loss = 33;
    lan.medium.duplicates = 10;
    lan.medium.delay = SECOND;
    lan.run_for(SECOND * 1000);
    lan.medium = Default::default();
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [0]);
}
