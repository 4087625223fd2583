//! `version = "2+3"`: a router between those that speak VRRPv2 and those that speak VRRPv3.

use crate::lab::{poll, span, wall_clock, SOON, VIP};
use crate::setup::{assert_about, down, keepalived, toml, Pair, TICK};
use std::time::Duration;

const BOTH: &str = "version = \"2+3\"\nadvert_int = 0.2";
const SECOND: Duration = Duration::from_secs(1);

/// One keepalived of each version follows it; both versions leave at its own rate, which VRRPv2
/// cannot even say.
#[test]
fn v3_120_routers_of_both_versions_follow() {
    let pair = Pair::new();
    let c = pair.lab.host("c", "10.77.0.3/24");
    let hears_c = pair.lab.tap(&c);
    let ours = pair.start_a(&toml(150, BOTH));
    ours.wait_log("vip: BACKUP -> MASTER", SOON);
    let old = pair.lab.keepalived(&pair.b, &keepalived(120, "version 2\nadvert_int 1"));
    let new = pair.lab.keepalived(&c, &keepalived(100, "version 3\nadvert_int 0.2"));
    old.wait_log("Entering BACKUP STATE", SOON);
    new.wait_log("Entering BACKUP STATE", SOON);
    // Longer than either of them would wait for a MASTER that it does not hear.
    let since = wall_clock();
    let adverts = pair.hears_a.wait_adverts(since, 40, 2 * SOON);
    assert!(pair.hears_b.adverts().is_empty() && hears_c.adverts().is_empty());
    assert_eq!(pair.lab.holders(VIP), ["a"]);
    for (version, interval) in [(2, 100), (3, 20)] {
        let of: Vec<_> = adverts.iter().filter(|advert| advert.version == version).collect();
        assert!(of.len().abs_diff(adverts.len() / 2) <= 1, "version {version}: {}", of.len());
        assert!(of.iter().all(|advert| advert.interval == interval));
        let took = span(of[0].at, of[of.len() - 1].at);
        assert_about("all of its intervals", took, TICK * (of.len() as u32 - 1));
    }
    assert!(pair.hears_a.refused().is_empty());
    // It resigns in both, and then each of them takes over: they do not hear each other.
    ours.signal("TERM");
    assert!(ours.wait_end(SOON).success());
    poll(SOON, "both have taken over", || pair.lab.holders(VIP) == ["b", "c"]);
    let all = pair.hears_a.adverts();
    let last: Vec<_> = all.iter().rev().take(2).map(|it| (it.version, it.priority)).collect();
    assert_eq!(last, [(2, 0), (3, 0)]);
}

/// It hears VRRPv2 alone, and takes over when the MASTER of that would be missed.
#[test]
fn v3_120_a_master_of_version_2_is_followed_at_its_rate() {
    let pair = Pair::new();
    let old = pair.lab.keepalived(&pair.a, &keepalived(150, "version 2\nadvert_int 1"));
    pair.lab.wait_holder(&pair.a, SOON);
    let ours = pair.start_b(&toml(100, BOTH));
    ours.wait_log("10.77.0.1 sends VRRPv2 alone", SOON);
    assert!(pair.hears_b.adverts().is_empty());
    old.kill();
    let last = pair.hears_a.adverts().pop().expect("it was MASTER");
    let first = pair.hears_b.wait_advert(last.at, SOON);
    let (_, wait) = down(100, SECOND);
    assert_about("three of its intervals and the skew", span(last.at, first.at), wait);
    assert!(ours.lines("discarding adverts").is_empty());
}

/// Both speak both: the shorter interval of VRRPv3 is what counts.
#[test]
fn v3_120_a_master_of_both_is_followed_at_the_rate_of_version_3() {
    let pair = Pair::new();
    let (first, second) = pair.start_both(&toml(150, BOTH), &toml(100, BOTH));
    pair.hears_a.wait_adverts(wall_clock(), 10, SOON);
    first.kill();
    let last = pair.hears_a.adverts().pop().expect("it was MASTER");
    let taken = pair.hears_b.wait_advert(last.at, SOON);
    let (_, wait) = down(100, TICK);
    assert_about("three intervals and the skew", span(last.at, taken.at), wait);
    assert!(second.lines(" alone, we send both").is_empty());
    assert!(second.lines("discarding adverts").is_empty());
}

/// A router of VRRPv3 alone does not hear it in VRRPv2, and is heard.
#[test]
fn v3_120_a_master_of_version_3_is_told_of() {
    let pair = Pair::new();
    let new = pair.lab.keepalived(&pair.a, &keepalived(150, "version 3\nadvert_int 0.2"));
    pair.lab.wait_holder(&pair.a, SOON);
    let ours = pair.start_b(&toml(100, BOTH));
    ours.wait_log("10.77.0.1 sends VRRPv3 alone", SOON);
    new.kill();
    ours.wait_log("vip: BACKUP -> MASTER: no advert from 10.77.0.1", SOON);
    poll(SOON, "b has the address", || pair.b.holds(VIP));
}
