//! One instance with addresses of both families: two virtual routers behind one name, with one state.

use crate::lab::frames::{Envelope, Message};
use crate::lab::frames6;
use crate::lab::frr::{virtual_mac, Frr, Order};
use crate::lab::injector::Injector;
use crate::lab::process::Process;
use crate::lab::tap::Advert;
use crate::lab::{poll, span, wall_clock, Host, Lab, SOON, VIP, VIP_GLOBAL, VIP_LOCAL};
use crate::setup::{
    assert_about, down, keepalived, keepalived_v6, toml, toml_both, toml_v6, vipd, Pair, TICK, V3,
    V3_INT, VRID,
};
use std::net::IpAddr;

const ALL: [IpAddr; 3] = [IpAddr::V4(VIP), IpAddr::V6(VIP_LOCAL), IpAddr::V6(VIP_GLOBAL)];

#[track_caller]
fn wait_all(lab: &Lab, host: &Host) {
    for address in ALL {
        lab.wait_holder_of(address, host, SOON);
    }
}

/// Of which family an advert is.
fn is_v6(advert: &Advert) -> bool {
    advert.source.is_ipv6()
}

/// A MASTER alone.
fn alone() -> (Lab, Host, Process) {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let process = lab.vipd(vipd(), &a, &toml_both(100, V3));
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    wait_all(&lab, &a);
    (lab, a, process)
}

/// Two adverts, two kinds of announcements, one line in the log, one call of a script.
#[test]
fn one_name_and_one_state() {
    let pair = Pair::new();
    let called = pair.lab.file("called", "");
    let text = format!("#!/bin/sh\necho \"$@\" >>{}\n", called.display());
    let notify = pair.lab.script("notify.sh", &text);
    let more = format!("{V3}\nnotify = \"{}\"", notify.display());
    let a = pair.start_a(&toml_both(150, &more));
    wait_all(&pair.lab, &pair.a);
    for address in ALL {
        pair.hears_a.wait_announcement(0, address, SOON);
    }
    pair.hears_a.wait_adverts(wall_clock(), 6, SOON);
    let adverts = pair.hears_a.adverts();
    for advert in &adverts {
        assert_eq!((advert.vrid, advert.version, advert.priority), (VRID, 3, 150));
        let of_v6 = advert.addresses == [VIP_LOCAL, VIP_GLOBAL];
        assert!(if is_v6(advert) { of_v6 } else { advert.addresses == [VIP] });
    }
    let v6 = adverts.iter().filter(|advert| is_v6(advert)).count();
    assert!(v6.abs_diff(adverts.len() - v6) <= 1, "as many of each: {v6} of {}", adverts.len());
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    poll(SOON, "all adresses are gone", || ALL.iter().all(|it| !pair.a.holds(*it)));
    let last: Vec<Advert> = pair.hears_a.adverts().into_iter().rev().take(2).collect();
    assert!(last.iter().all(|advert| advert.priority == 0) && is_v6(&last[0]) != is_v6(&last[1]));
    for text in ["vip: INIT -> BACKUP", "vip: BACKUP -> MASTER", "vip: MASTER -> INIT"] {
        assert_eq!(a.lines(text).len(), 1, "{text}");
    }
    let calls = std::fs::read_to_string(&called).expect("what was called");
    let states: Vec<&str> =
        calls.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(states, ["BACKUP", "MASTER", "STOP"]);
}

/// Killed, come back, resigned: all addresses move, each family by its own timer.
#[test]
fn two_of_them_take_over_from_each_other() {
    let pair = Pair::new();
    let a = pair.start_a(&toml_both(150, V3));
    wait_all(&pair.lab, &pair.a);
    let b = pair.start_b(&toml_both(100, V3));
    b.wait_log("vip: INIT -> BACKUP", SOON);
    pair.hears_a.wait_adverts(wall_clock(), 10, SOON);
    assert!(pair.hears_b.adverts().is_empty());
    a.kill();
    b.wait_log("vip: BACKUP -> MASTER: no advert from ", SOON);
    let last = pair.hears_a.adverts().pop().expect("it was MASTER");
    let first = pair.hears_b.wait_advert(last.at, SOON);
    let (skew, down) = down(100, TICK);
    assert_about("take-over from a killed MASTER", span(last.at, first.at), down);
    for address in ALL {
        poll(SOON, "the other has all", || pair.b.holds(address));
        pair.hears_b.wait_announcement(last.at, address, SOON);
    }

    let a = pair.start_a(&toml_both(150, V3));
    wait_all(&pair.lab, &pair.a);
    let mark = b.mark();
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    b.wait_log_after(mark, "vip: BACKUP -> MASTER: ", SOON);
    let resigned = pair.hears_a.adverts().pop().expect("it resigned");
    let first = pair.hears_b.wait_advert(resigned.at, SOON);
    assert_about("take-over from one that resigned", span(resigned.at, first.at), skew);
    wait_all(&pair.lab, &pair.b);
    assert_eq!(b.lines("vip: BACKUP -> MASTER").len(), 2, "each time once");
}

/// A stronger MASTER of one family: the addresses of the other go as well, in both directions.
#[test]
fn who_loses_one_family_gives_up_both() {
    let (lab, a, process) = alone();
    let enemy = lab.host("enemy", "10.77.0.66/24");
    let injector = Injector::open(&enemy);
    let v4 = Message::v3(VRID, 200, 20, VIP).bytes();
    let v6 = Message::v3(VRID, 200, 20, VIP_LOCAL).bytes();
    let v4 = Envelope::new(enemy.mac, enemy.address).frame(&v4);
    let v6 = frames6::Envelope::new(enemy.mac, enemy.link_local).frame(&v6);
    for (frame, source) in [(v6, enemy.link_local.to_string()), (v4, enemy.address.to_string())] {
        let mark = process.mark();
        injector.send(&frame);
        let why = format!("vip: MASTER -> BACKUP: {source} has priority 200, higher than our 100");
        process.wait_log_after(mark, &why, SOON);
        poll(SOON, "all addresses are gone", || ALL.iter().all(|it| !a.holds(*it)));
        process.wait_log_after(mark, "vip: BACKUP -> MASTER", SOON);
        wait_all(&lab, &a);
    }
    assert_eq!(process.lines("vip: MASTER -> BACKUP").len(), 2);
}

/// What one family cannot do without is missing: the other resigns, so that a peer takes over at
/// once.
#[test]
fn a_fault_of_one_family_is_one_of_both() {
    let (lab, a, process) = alone();
    let tap = lab.tap(&a);
    for (address, why, v6_resigns) in [
        ("10.77.0.1/24".to_owned(), "eth0 has no address to send from", true),
        (format!("{}/64", a.link_local), "eth0 has no link-local address to send from", false),
    ] {
        let (mark, lost) = (process.mark(), wall_clock());
        a.namespace.set("ipv4/conf/eth0/promote_secondaries", "1");
        a.ip(&[&format!("address delete {address} dev eth0")]);
        process.wait_log_after(mark, &format!("vip: MASTER -> FAULT: {why}"), SOON);
        poll(SOON, "all addresses are gone", || ALL.iter().all(|it| !a.holds(*it)));
        poll(SOON, "the other family resigns", || {
            let resigned = |it: &Advert| it.priority == 0 && is_v6(it) == v6_resigns;
            tap.adverts_after(lost).iter().any(resigned)
        });
        a.ip(&[&format!("address add {address} dev eth0")]);
        process.wait_log_after(mark, "vip: FAULT -> BACKUP: over: ", SOON);
        process.wait_log_after(mark, "vip: BACKUP -> MASTER", SOON);
        wait_all(&lab, &a);
    }
    assert_eq!(process.lines("vip: MASTER -> FAULT").len(), 2);
}

/// The defaults: VRRPv2 for IPv4, VRRPv3 for IPv6, once a second.
#[test]
fn version_2_beside_version_3() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let tap = lab.tap(&a);
    let process = lab.vipd(vipd(), &a, &toml_both(200, ""));
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    let adverts = tap.wait_adverts(0, 4, SOON);
    assert!(adverts.iter().all(|advert| advert.version == if is_v6(advert) { 3 } else { 2 }));
    assert!(adverts.iter().any(is_v6) && !adverts.iter().all(is_v6));
    wait_all(&lab, &a);
}

/// keepalived needs two instances and a group for the same.
fn keepalived_both(priority: u8) -> String {
    let more = "version 3\nadvert_int 0.2";
    let one = |text: String, name: &str| {
        text.replace("vrrp_instance vip ", &format!("vrrp_instance {name} "))
    };
    "vrrp_sync_group both {\ngroup {\nfour\nsix\n}\n}\n".to_owned()
        + &one(keepalived(priority, more), "four")
        + &one(keepalived_v6(priority, more), "six")
}

const KEEPALIVED_MASTER: &str = "(both) Syncing instances to MASTER state";

#[test]
fn takes_over_from_the_group_of_keepalived() {
    let pair = Pair::new();
    let other = pair.lab.keepalived(&pair.a, &keepalived_both(150));
    other.wait_log(KEEPALIVED_MASTER, SOON);
    wait_all(&pair.lab, &pair.a);
    let ours = pair.start_b(&toml_both(100, V3));
    ours.wait_log("vip: INIT -> BACKUP", SOON);
    pair.hears_a.wait_adverts(wall_clock(), 10, SOON);
    assert!(pair.hears_b.adverts().is_empty(), "it follows the better one");

    other.kill();
    let last = pair.hears_a.adverts().pop().expect("it was MASTER");
    ours.wait_log("vip: BACKUP -> MASTER: no advert from ", SOON);
    for address in ALL {
        poll(SOON, "all addresses are on b", || pair.b.holds(address));
        pair.hears_b.wait_announcement(last.at, address, SOON);
    }

    let other = pair.lab.keepalived(&pair.a, &keepalived_both(150));
    other.wait_log(KEEPALIVED_MASTER, SOON);
    ours.wait_log("vip: MASTER -> BACKUP: ", SOON);
    wait_all(&pair.lab, &pair.a);
    other.signal("TERM");
    other.wait_end(SOON);
    wait_all(&pair.lab, &pair.b);
    assert_eq!(ours.lines("discarding").len(), 0);
    assert_eq!(pair.hears_b.refused(), Vec::<String>::new());
}

#[test]
fn the_group_of_keepalived_takes_over() {
    let pair = Pair::new();
    let other = pair.lab.keepalived(&pair.a, &keepalived_both(100));
    other.wait_log(KEEPALIVED_MASTER, SOON);
    let ours = pair.start_b(&toml_both(150, V3));
    ours.wait_log("vip: BACKUP -> MASTER: ", SOON);
    wait_all(&pair.lab, &pair.b);

    ours.kill();
    for address in ALL {
        poll(SOON, "all addresses are on a", || pair.a.holds(address));
    }
    let ours = pair.start_b(&toml_both(150, V3));
    ours.wait_log("vip: BACKUP -> MASTER: ", SOON);
    wait_all(&pair.lab, &pair.b);
    ours.signal("TERM");
    assert!(ours.wait_end(SOON).success());
    wait_all(&pair.lab, &pair.a);
    assert_eq!(ours.lines("discarding").len(), 0);
}

/// FRR has both families behind one id, each with a state of its own.
#[test]
fn frr_with_both_families() {
    let pair = Pair::new();
    let client = Injector::open(&pair.lab.host("client", "10.77.0.200/24"));
    let order = |priority| Order { vrid: VRID, priority, interval_ms: 200, addresses: &ALL };
    let frr = Frr::start(&pair.lab, &pair.a, &order(150));
    for family in ["[IPv4]", "[IPv6]"] {
        frr.vrrpd.wait_log(&format!("{family} Backup -> Master"), SOON);
    }
    let ours = pair.start_b(&toml_both(100, V3));
    ours.wait_log("vip: INIT -> BACKUP", SOON);
    pair.hears_a.wait_adverts(wall_clock(), 10, SOON);
    assert!(pair.hears_b.adverts().is_empty(), "it follows the better one");
    frr.stop();
    ours.wait_log("vip: BACKUP -> MASTER: ", SOON);
    for address in ALL {
        poll(SOON, "all addresses are on b", || pair.b.holds(address));
    }
    let frr = Frr::start(&pair.lab, &pair.a, &order(150));
    ours.wait_log("vip: MASTER -> BACKUP: ", SOON);
    for address in ALL {
        let mac = virtual_mac(VRID, address);
        poll(SOON, "the virtual MAC answers", || client.holders(address) == [mac]);
        assert!(!pair.b.holds(address));
    }
    assert_eq!(ours.lines("vip: MASTER -> ").len(), 1);
    frr.stop();
    ours.wait_log("vip: BACKUP -> MASTER: ", SOON);
}

/// Two instances, one for each family, understand one with both.
#[test]
fn two_instances_and_one_with_both() {
    let pair = Pair::new();
    let six = toml_v6(150, V3_INT).replace("vrrp_instance.vip", "vrrp_instance.six");
    let a = pair.start_a(&(toml(150, V3) + &six));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    a.wait_log("six: BACKUP -> MASTER", SOON);
    let b = pair.start_b(&toml_both(100, V3));
    b.wait_log("vip: INIT -> BACKUP", SOON);
    pair.hears_a.wait_adverts(wall_clock(), 10, SOON);
    assert!(pair.hears_b.adverts().is_empty());
    wait_all(&pair.lab, &pair.a);
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    b.wait_log("vip: BACKUP -> MASTER: ", SOON);
    wait_all(&pair.lab, &pair.b);
}
