//! Who becomes MASTER, when, and what is seen of it on the wire.

use crate::lab::tap::gaps;
use crate::lab::{poll, span, wall_clock, SOON, VIP};
use crate::setup::{assert_about, down, toml, Pair, TICK, V3};
use std::time::Duration;

const ADVERT_100MS: &str = "version = 3\nadvert_int = 0.1";
const ADVERT_10MS: &str = "version = 3\nadvert_int = 0.01";

#[test]
fn the_higher_priority_wins_whoever_starts_first() {
    let pair = Pair::new();
    let b = pair.start_b(&toml(100, V3));
    b.wait_log("vip: BACKUP -> MASTER: no advert from anybody", SOON);
    pair.lab.wait_holder(&pair.b, SOON);
    let before = wall_clock();
    let a = pair.start_a(&toml(150, V3));
    let line = a.wait_log("vip: BACKUP -> MASTER: ", SOON);
    assert!(line.text.contains("10.77.0.2 has priority 100, lower than our 150"), "{line:?}");
    b.wait_log("vip: MASTER -> BACKUP: 10.77.0.1 has priority 150, higher than our 100", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    // One is enough to make the other let go, and nobody resigns.
    let after = pair.hears_a.adverts_after(before)[0].at;
    assert!(pair.hears_b.adverts_after(after + 50_000_000).is_empty());
    assert!(pair.hears_b.adverts().iter().all(|advert| advert.priority == 100));
    pair.hears_a.wait_announcement(before, VIP, SOON);
}

#[test]
fn a_killed_master_is_replaced_after_the_master_down_interval() {
    let pair = Pair::new();
    let (a, b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    a.kill();
    let last = pair.hears_a.adverts().pop().expect("it was MASTER");
    assert_ne!(last.priority, 0, "a killed daemon cannot resign");
    let first = pair.hears_b.wait_advert(last.at, SOON);
    let (_, down) = down(100, TICK);
    assert_about("from the last advert to the take-over", span(last.at, first.at), down);
    b.wait_log("vip: BACKUP -> MASTER: no advert from 10.77.0.1 for ", SOON);
    let told = pair.hears_b.wait_announcement(last.at, VIP, SOON);
    assert!(told >= first.at, "the advert makes an old MASTER let go before the hosts hear of us");
    poll(SOON, "the address is on b", || pair.b.holds(VIP));

    // Nobody has cleaned up behind it: the next start does.
    assert!(pair.a.holds(VIP));
    let a = pair.start_a(&toml(150, V3));
    a.wait_log("removing 10.77.0.100 from eth0: an earlier run has left it there", SOON);
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
}

#[test]
fn a_stopped_master_resigns_once_and_is_replaced_after_the_skew_time() {
    let pair = Pair::new();
    let (a, b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    assert!(!pair.a.holds(VIP), "the address is gone with the daemon");
    let resigned: Vec<_> =
        pair.hears_a.adverts().into_iter().filter(|advert| advert.priority == 0).collect();
    assert_eq!(resigned.len(), 1);
    assert_eq!(pair.hears_a.adverts().last().map(|advert| advert.at), Some(resigned[0].at));
    let first = pair.hears_b.wait_advert(resigned[0].at, SOON);
    let (skew, _) = down(100, TICK);
    assert_about("from the resignation to the take-over", span(resigned[0].at, first.at), skew);
    b.wait_log("vip: BACKUP -> MASTER: 10.77.0.1 resigned (priority 0)", SOON);
    pair.lab.wait_holder(&pair.b, SOON);

    // It comes back and is preferred again.
    let a = pair.start_a(&toml(150, V3));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    b.wait_log("vip: MASTER -> BACKUP: 10.77.0.1 has priority 150, higher than our 100", SOON);
}

#[test]
fn nopreempt_leaves_a_lower_master_alone() {
    let pair = Pair::new();
    let b = pair.start_b(&toml(100, V3));
    b.wait_log("vip: BACKUP -> MASTER", SOON);
    let a = pair.start_a(&toml(150, &format!("{V3}\nnopreempt = true")));
    a.wait_log("vip: INIT -> BACKUP", SOON);
    // Three times as long as it would have waited.
    pair.hears_b.wait_adverts(wall_clock(), 12, SOON);
    assert!(pair.hears_a.adverts().is_empty());
    assert_eq!(pair.lab.holders(VIP), ["b"]);
    // But when the lower one goes, it is there.
    b.signal("TERM");
    a.wait_log("vip: BACKUP -> MASTER: 10.77.0.2 resigned", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
}

/// As text, "10.77.0.9" is greater than "10.77.0.10". As a number it is not.
#[test]
fn a_tie_goes_to_the_greater_address_as_a_number() {
    let pair = Pair::with("10.77.0.9/24", "10.77.0.10/24");
    // Each on its own, both become MASTER.
    pair.lab.isolate(&pair.a, true);
    pair.lab.isolate(&pair.b, true);
    let a = pair.start_a(&toml(100, V3));
    let b = pair.start_b(&toml(100, V3));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    b.wait_log("vip: BACKUP -> MASTER", SOON);
    pair.lab.isolate(&pair.a, false);
    pair.lab.isolate(&pair.b, false);
    let line = a.wait_log("vip: MASTER -> BACKUP: ", SOON);
    assert!(line.text.contains("10.77.0.10 has our priority and a greater address"), "{line:?}");
    pair.lab.wait_holder(&pair.b, SOON);
    pair.hears_b.wait_adverts(line.at, 10, SOON);
    assert_eq!(b.lines("MASTER -> ").len(), 0, "the winner stays what it was");
    assert_eq!(pair.lab.holders(VIP), ["b"]);
}

#[test]
fn an_owner_is_master_at_once() {
    let pair = Pair::new();
    // VRRPv2 with 1 s: anybody else would wait for 3 s and more.
    let started = wall_clock();
    let a = pair.start_a(&toml(255, ""));
    a.wait_log("vip: INIT -> MASTER: we own the addresses (priority 255)", SOON);
    let advert = pair.hears_a.wait_advert(started, SOON);
    assert_eq!((advert.version, advert.priority), (2, 255));
    assert!(span(started, advert.at) < Duration::from_secs(2), "{:?}", span(started, advert.at));
    pair.hears_a.wait_announcement(started, VIP, SOON);
    pair.lab.wait_holder(&pair.a, SOON);
}

fn fast(interval: &str, tick: Duration, margin: u32) {
    let pair = Pair::new();
    let (a, _) = pair.start_both(&toml(150, interval), &toml(100, interval));
    let adverts = pair.hears_a.wait_adverts(wall_clock(), 50, SOON);
    let mut gaps = gaps(&adverts);
    gaps.sort();
    let median = gaps[gaps.len() / 2];
    assert!(median > tick * 9 / 10 && median < tick * 11 / 10, "one advert every {median:?}");
    a.kill();
    let last = pair.hears_a.adverts().pop().expect("it was MASTER");
    let first = pair.hears_b.wait_advert(last.at, SOON);
    let (_, down) = down(100, tick);
    let took = span(last.at, first.at);
    assert!(took > down * 9 / 10 && took < down * margin, "{took:?}, should be {down:?}");
    poll(SOON, "the address is on b", || pair.b.holds(VIP));
}

#[test]
fn v3_at_100_ms() {
    fast(ADVERT_100MS, Duration::from_millis(100), 2);
}

/// On a machine that does other things too, so the margin is wide.
#[test]
fn v3_at_10_ms() {
    fast(ADVERT_10MS, Duration::from_millis(10), 5);
}

/// It must hear what it missed before it concludes that nobody spoke.
#[test]
fn a_backup_that_was_stopped_says_nothing_when_it_goes_on() {
    let pair = Pair::new();
    let (_a, b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    b.stop();
    // 3 s: four times its Master_Down_Interval.
    let stopped = wall_clock();
    pair.hears_a.wait_adverts(stopped, 15, SOON);
    let resumed = wall_clock();
    b.signal("CONT");
    pair.hears_a.wait_adverts(resumed, 8, SOON);
    assert!(pair.hears_b.adverts().is_empty(), "not one advert");
    assert!(pair.hears_b.announcements_after(0, VIP).is_empty(), "not one announcement");
    assert_eq!(b.lines("vip: BACKUP -> ").len(), 0);
    assert_eq!(pair.lab.holders(VIP), ["a"]);
}

/// The one that was stopped ranks lower: it yields, and nobody hears of it.
#[test]
fn a_master_that_was_stopped_yields_without_a_word() {
    let pair = Pair::new();
    let nopreempt = format!("{V3}\nnopreempt = true");
    let (a, b) = pair.start_both(&toml(100, V3), &toml(150, &nopreempt));
    a.stop();
    b.wait_log("vip: BACKUP -> MASTER: no advert from 10.77.0.1", SOON);
    let resumed = wall_clock();
    a.signal("CONT");
    let line = a.wait_log("vip: MASTER -> BACKUP: ", SOON);
    assert!(line.text.contains("10.77.0.2 has taken over"), "{line:?}");
    pair.lab.wait_holder(&pair.b, SOON);
    pair.hears_b.wait_adverts(resumed, 8, SOON);
    assert!(pair.hears_a.adverts_after(resumed).is_empty(), "not one advert");
    assert!(pair.hears_a.announcements_after(resumed, VIP).is_empty(), "not one announcement");
    assert_eq!(pair.lab.holders(VIP), ["b"]);
}

/// The one that was stopped ranks higher: it listens first, and then takes the address back as any
/// router would that has just come.
#[test]
fn a_better_master_that_was_stopped_listens_before_it_speaks() {
    let pair = Pair::new();
    let (a, b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    a.stop();
    b.wait_log("vip: BACKUP -> MASTER: no advert from 10.77.0.1", SOON);
    let resumed = wall_clock();
    a.signal("CONT");
    let line = a.wait_log("vip: MASTER -> BACKUP: we woke up ", SOON);
    assert!(line.text.contains("10.77.0.2 has taken over"), "{line:?}");
    let first = pair.hears_a.wait_advert(resumed, SOON);
    let (_, down) = down(150, TICK);
    assert_about("from waking up to the first advert", span(resumed, first.at), down);
    a.wait_log("vip: BACKUP -> MASTER: 10.77.0.2 has priority 100, lower than our 150", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
}
