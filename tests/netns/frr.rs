//! With FRR's vrrpd as the other router. It speaks VRRPv3 alone, always with the virtual MAC, and does
//! not answer a losing advertisement (RFC 5798).

use crate::lab::frr::{virtual_mac, Frr, Order};
use crate::lab::injector::Injector;
use crate::lab::process::Process;
use crate::lab::{poll, span, wall_clock, SOON, VIP};
use crate::setup::{assert_about, down, toml, vipd, Pair, TICK, V3, VRID};
use std::net::IpAddr;

const MASTER: &str = "Backup -> Master";
const BACKUP: &str = "Master -> Backup";

/// FRR on `a`.
#[track_caller]
fn start_frr(pair: &Pair, priority: u8) -> Frr {
    let addresses = [IpAddr::V4(VIP)];
    let interval_ms = TICK.as_millis() as u32;
    Frr::start(
        &pair.lab,
        &pair.a,
        &Order { vrid: VRID, priority, interval_ms, addresses: &addresses },
    )
}

/// vipd on `b`.
fn start_vipd(pair: &Pair, priority: u8) -> Process {
    pair.lab.vipd(vipd(), &pair.b, &toml(priority, V3))
}

/// Nobody has complained of the other's packets.
#[track_caller]
fn assert_understood(pair: &Pair, ours: &Process) {
    assert_eq!(ours.lines("discarding").len(), 0);
    assert_eq!(pair.hears_a.refused(), Vec::<String>::new());
    assert_eq!(pair.hears_b.refused(), Vec::<String>::new());
}

/// FRR is preferred: it dies, comes back, and resigns.
#[test]
fn vipd_takes_over_from_frr() {
    let pair = Pair::new();
    let client = Injector::open(&pair.lab.host("client", "10.77.0.200/24"));
    let frr = start_frr(&pair, 150);
    frr.vrrpd.wait_log(MASTER, SOON);
    let ours = start_vipd(&pair, 100);
    ours.wait_log("vip: INIT -> BACKUP", SOON);
    let adverts = pair.hears_a.wait_adverts(wall_clock(), 5, SOON);
    assert!(pair.hears_b.adverts().is_empty(), "it follows the better one");
    adverts[0].assert_envelope(virtual_mac(VRID, VIP.into()), pair.a.address);
    assert_eq!(client.holders(VIP), [virtual_mac(VRID, VIP.into())]);

    frr.kill();
    let last = pair.hears_a.adverts().pop().expect("it was MASTER");
    let first = pair.hears_b.wait_advert(last.at, SOON);
    let (skew, down) = down(100, TICK);
    assert_about("take-over from a killed FRR", span(last.at, first.at), down);
    ours.wait_log("vip: BACKUP -> MASTER: no advert from 10.77.0.1", SOON);
    pair.hears_b.wait_announcement(last.at, VIP, SOON);
    poll(SOON, "the address is on b", || pair.b.holds(VIP));

    let frr = start_frr(&pair, 150);
    frr.vrrpd.wait_log(MASTER, SOON);
    ours.wait_log("vip: MASTER -> BACKUP: 10.77.0.1 has priority 150, higher", SOON);
    poll(SOON, "the address has left b", || !pair.b.holds(VIP));
    assert_eq!(client.holders(VIP), [virtual_mac(VRID, VIP.into())]);

    let mark = ours.mark();
    frr.stop();
    ours.wait_log_after(mark, "vip: BACKUP -> MASTER: 10.77.0.1 resigned", SOON);
    let resigned = pair.hears_a.adverts().pop().expect("it resigned");
    assert_eq!(resigned.priority, 0);
    let first = pair.hears_b.wait_advert(resigned.at, SOON);
    assert_about("take-over from a resigned FRR", span(resigned.at, first.at), skew);
    poll(SOON, "the address is on b", || pair.b.holds(VIP));
    assert_understood(&pair, &ours);
}

/// vipd is preferred: it dies, comes back, and resigns.
#[test]
fn frr_takes_over_from_vipd() {
    let pair = Pair::new();
    let client = Injector::open(&pair.lab.host("client", "10.77.0.200/24"));
    let frr = start_frr(&pair, 100).vrrpd;
    frr.wait_log(MASTER, SOON);
    let ours = start_vipd(&pair, 150);
    ours.wait_log("vip: BACKUP -> MASTER: 10.77.0.1 has priority 100, lower", SOON);
    frr.wait_log(BACKUP, SOON);
    poll(SOON, "b alone answers", || client.holders(VIP) == [pair.b.mac]);

    let (mark, killed) = (frr.mark(), wall_clock());
    ours.kill();
    frr.wait_log_after(mark, MASTER, SOON);
    pair.hears_a.wait_announcement(killed, VIP, SOON);

    let mark = frr.mark();
    let ours = start_vipd(&pair, 150);
    ours.wait_log("vip: BACKUP -> MASTER", SOON);
    frr.wait_log_after(mark, BACKUP, SOON);

    let mark = frr.mark();
    ours.signal("TERM");
    assert!(ours.wait_end(SOON).success());
    frr.wait_log_after(mark, MASTER, SOON);
    let resigned = pair.hears_b.adverts().pop().expect("it resigned");
    assert_eq!(resigned.priority, 0);
    let first = pair.hears_a.wait_advert(resigned.at, SOON);
    // It counts in whole centiseconds, so it may be a little early.
    let (skew, _) = down(100, TICK);
    assert_about("FRR takes over from one that resigned", span(resigned.at, first.at), skew);
    poll(SOON, "a alone answers", || client.holders(VIP) == [virtual_mac(VRID, VIP.into())]);
    assert_understood(&pair, &ours);
}

/// Both become MASTER on their own; then they meet. `a` is FRR.
fn tie(a: &str, b: &str, frr_wins: bool) {
    let pair = Pair::with(a, b);
    pair.lab.isolate(&pair.a, true);
    pair.lab.isolate(&pair.b, true);
    let frr = start_frr(&pair, 100).vrrpd;
    let ours = start_vipd(&pair, 100);
    frr.wait_log(MASTER, SOON);
    ours.wait_log("vip: BACKUP -> MASTER", SOON);
    pair.lab.isolate(&pair.a, false);
    pair.lab.isolate(&pair.b, false);
    let ear = if frr_wins {
        ours.wait_log("vip: MASTER -> BACKUP: ", SOON);
        &pair.hears_a
    } else {
        frr.wait_log(BACKUP, SOON);
        &pair.hears_b
    };
    ear.wait_adverts(wall_clock(), 10, SOON);
    assert_eq!(pair.b.holds(VIP), !frr_wins);
    assert_eq!(frr.lines(BACKUP).len(), usize::from(!frr_wins));
}

#[test]
fn a_tie_with_frr_goes_to_the_greater_address() {
    tie("10.77.0.9/24", "10.77.0.10/24", false);
}

#[test]
fn a_tie_with_frr_goes_to_the_greater_address_also_if_that_is_frr() {
    tie("10.77.0.10/24", "10.77.0.9/24", true);
}
