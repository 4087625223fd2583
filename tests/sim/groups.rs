//! Stories of sync groups: hosts with a router on a LAN (even numbers) and one on a WAN (odd).

use crate::lan::{settings, Lan, LATENCY};
use std::time::Duration;
use vipd::vrrp::event::Link;
use vipd::vrrp::settings::Settings;
use vipd::vrrp::timers::{master_down_interval, skew_time};
use vipd::vrrp::tracker::Effect;
use vipd::vrrp::StateName::{Backup, Fault, Master};
use vipd::wire::{Interval, Priority, Version};

const SECOND: Duration = Duration::from_secs(1);

fn down(priority: u8) -> Duration {
    master_down_interval(Version::V3, 3, Priority(priority), Interval::SECOND)
}

/// Hosts with these priorities on the LAN and on the WAN, all started at once.
fn hosts<const N: usize>(priorities: [(u8, u8); N]) -> Lan {
    let mut lan = asleep(priorities, |settings| settings);
    lan.start_all();
    lan
}

/// The same, not started yet, and with other settings.
fn asleep<const N: usize>(priorities: [(u8, u8); N], change: fn(Settings) -> Settings) -> Lan {
    let both = priorities.into_iter().flat_map(|(lan, wan)| [lan, wan]);
    let all = both.map(|priority| Settings { grouped: true, ..change(settings(priority)) });
    let mut lan = Lan::new(1, all.collect());
    lan.members = 2;
    lan.story = Some(Vec::new());
    lan
}

fn told(lan: &Lan, what: &str) -> usize {
    lan.story.iter().flatten().filter(|line| line.contains(what)).count()
}

#[test]
fn a_host_that_crashes_is_replaced_on_both_segments_in_one_turn() {
    let mut lan = hosts([(200, 200), (100, 100)]);
    lan.run_until_quiet();
    assert_eq!(lan.whole_holders(), [0]);
    lan.run_until_advert(0);
    lan.crash(0);
    lan.crash(1);
    assert_eq!(lan.time_until_master(2), LATENCY + down(100));
    assert_eq!(lan.whole_holders(), [1]);
}

/// The LAN is cut in two: it has no MASTER beyond the cut, but the WAN has the stronger one.
#[test]
fn a_segment_that_loses_its_master_does_not_pull_the_other_along() {
    let mut lan = hosts([(200, 200), (100, 100)]);
    lan.run_until_quiet();
    lan.cut(0, 2);
    lan.cut(2, 0);
    lan.run_for(SECOND * 600);
    assert_eq!((lan.whole_holders(), lan.sent(2), lan.sent(3)), (vec![0], 0, 0));
    assert_eq!(told(&lan, "router 2  GroupWaits"), 1);
    assert_eq!(told(&lan, "router 3  GroupWaits"), 0);
    // Now the WAN loses it as well, and nobody has to wait for the LAN again.
    lan.run_until_advert(1);
    lan.crash(0);
    lan.crash(1);
    assert_eq!(lan.time_until_master(2), LATENCY + down(100));
    assert_eq!(lan.whole_holders(), [1]);
}

/// Both are MASTER of everything; then they hear each other on the LAN again, and nowhere else.
#[test]
fn who_yields_on_one_segment_yields_on_all_without_a_word() {
    let mut lan = hosts([(200, 200), (100, 100)]);
    for (from, to) in [(0, 2), (2, 0), (1, 3), (3, 1)] {
        lan.cut(from, to);
    }
    lan.run_until_quiet();
    assert_eq!(lan.whole_holders(), [0, 1]);
    let resigned =
        |lan: &Lan, node: usize| lan.nodes[node].router.statistics().priority_zero_pkts_sent;
    lan.mend(0, 2);
    lan.mend(2, 0);
    lan.run_until_quiet();
    assert_eq!((lan.whole_holders(), lan.state(3), resigned(&lan, 3)), (vec![0], Backup, 0));
    assert_eq!(
        told(&lan, "router 3  MASTER -> BACKUP: another member of its group has yielded"),
        1
    );
}

/// The hosts of the WAN have heard the loser last, and no packet there tells the winner.
#[test]
fn the_winner_of_a_contest_announces_on_all_segments() {
    let mut lan = hosts([(200, 200), (100, 100)]);
    for (from, to) in [(0, 2), (2, 0), (1, 3), (3, 1)] {
        lan.cut(from, to);
    }
    lan.run_until_quiet();
    let announced = lan.nodes[1].announced;
    lan.mend(2, 0);
    lan.run_until_advert(2);
    lan.mend(0, 2);
    lan.run_until_quiet();
    assert!(lan.nodes[1].announced >= announced + 5);
}

#[test]
fn a_fault_of_one_member_is_a_fault_of_all() {
    let mut lan = hosts([(200, 200), (100, 100)]);
    lan.run_until_quiet();
    lan.track(1, Effect::Fault);
    assert_eq!((lan.state(0), lan.state(1), lan.holders()), (Fault, Fault, vec![]));
    // Both have resigned: there is only a skew time to wait for.
    let skew = skew_time(Version::V3, Priority(100), Interval::SECOND);
    assert_eq!(lan.time_until_master(2), LATENCY + skew);
    assert_eq!(lan.whole_holders(), [1]);
    // A second cause, on the other member: only the last to go ends it.
    lan.set_link(0, Link::Down);
    lan.track(1, Effect::Add(0));
    assert_eq!((lan.state(0), lan.state(1)), (Fault, Fault));
    lan.set_link(0, Link::Up);
    assert_eq!((lan.state(0), lan.state(1)), (Backup, Backup));
    lan.run_until_quiet();
    assert_eq!(lan.whole_holders(), [0]);
    assert_eq!(told(&lan, "router 1  FAULT -> BACKUP"), 1);
}

/// All have one priority, and the addresses say different things on the two segments: each of the
/// hosts yields to the other, once.
#[test]
fn addresses_in_another_order_are_no_endless_contest() {
    let mut lan = asleep([(100, 100), (100, 100)], |settings| settings);
    lan.reverse_addresses(1);
    lan.start_all();
    lan.run_until_quiet();
    assert_eq!(lan.whole_holders().len(), 1);
    assert!(told(&lan, "-> MASTER") <= 6);
}

/// Each is the stronger one on one segment. That is a fault of the configuration, but whoever is
/// first keeps all, and the log of the other tells.
#[test]
fn priorities_that_cross_are_no_endless_contest() {
    for priorities in [[(200, 100), (100, 200)], [(200, 50), (100, 150)], [(100, 200), (200, 100)]]
    {
        let mut lan = hosts(priorities);
        lan.run_until_quiet();
        assert_eq!(lan.whole_holders().len(), 1);
        assert!(told(&lan, "-> MASTER") <= 6);
        let since = lan.nodes.iter().map(|node| node.since).max();
        lan.run_for(SECOND * 600);
        assert_eq!(lan.nodes.iter().map(|node| node.since).max(), since);
        assert_eq!(told(&lan, "GroupWaits"), 1);
    }
}

/// V3-062: at once, but not one without the other.
#[test]
fn owners_are_master_at_once_if_all_can() {
    let mut lan = hosts([(255, 255)]);
    assert_eq!(lan.whole_holders(), [0]);
    lan.crash(0);
    lan.crash(1);
    lan.nodes[1].set_effect(Effect::Hold);
    lan.start_all();
    lan.run_for(SECOND * 60);
    assert_eq!(lan.holders(), []);
    lan.track(1, Effect::Add(0));
    assert_eq!(lan.whole_holders(), [0]);
}

#[test]
fn a_returning_group_takes_over_unless_nopreempt() {
    for preempt in [true, false] {
        let change: fn(Settings) -> Settings = match preempt {
            true => |settings| settings,
            false => |settings| Settings { preempt: false, ..settings },
        };
        let mut lan = asleep([(200, 200), (100, 100)], change);
        lan.start(2);
        lan.start(3);
        lan.run_until_quiet();
        assert_eq!(lan.whole_holders(), [1]);
        lan.start(0);
        lan.start(1);
        lan.run_until_quiet();
        assert_eq!(lan.whole_holders(), [usize::from(!preempt)]);
    }
}

/// A group's own priority falls on all segments at once: so does the hand-over.
#[test]
fn a_group_that_falls_is_replaced_after_the_skew_time() {
    let mut lan = hosts([(200, 200), (100, 100)]);
    lan.run_until_quiet();
    lan.track(0, Effect::Add(-150));
    lan.run_for(SECOND * 60);
    assert_eq!((lan.whole_holders(), lan.state(2)), (vec![0], Backup));
    lan.track(1, Effect::Add(-150));
    assert!(lan.time_until_master(3) <= SECOND);
    assert_eq!((lan.whole_holders(), lan.state(2), lan.state(0)), (vec![0, 1], Master, Master));
    lan.run_for(LATENCY);
    assert_eq!(lan.whole_holders(), [1]);
}

/// Only one is stalled out of its mastership on the LAN, but the group has lost it.
#[test]
fn a_group_that_wakes_up_late_yields_as_a_whole() {
    let mut lan = hosts([(200, 200), (100, 100)]);
    lan.run_until_quiet();
    lan.stall(0);
    lan.stall(1);
    lan.run_for(SECOND * 10);
    assert_eq!(lan.whole_holders(), [0, 1]);
    lan.wake(0);
    lan.wake(1);
    assert_eq!((lan.state(0), lan.state(1)), (Backup, Backup));
    lan.run_until_quiet();
    assert_eq!(lan.whole_holders(), [0]);
}
