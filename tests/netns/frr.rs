//! With FRR's vrrpd as the other router. It speaks VRRPv3 alone, always with the virtual MAC, and does
//! not answer a losing advertisement (RFC 5798).

use crate::lab::frr::{virtual_mac, Frr, Order};
use crate::lab::injector::Injector;
use crate::lab::process::Process;
use crate::lab::{poll, span, wall_clock, SOON, VIP, VIP_GLOBAL, VIP_LOCAL};
use crate::setup::{assert_about, down, toml, toml_v6, vipd, Pair, TICK, V3, V3_INT, VRID};
use std::net::IpAddr;

const MASTER: &str = "Backup -> Master";
const BACKUP: &str = "Master -> Backup";

/// What they speak.
#[derive(Clone, Copy)]
enum Over {
    Ipv4,
    Ipv6,
}

impl Over {
    fn vip(self) -> IpAddr {
        match self {
            Self::Ipv4 => VIP.into(),
            Self::Ipv6 => VIP_GLOBAL.into(),
        }
    }

    fn mac(self) -> [u8; 6] {
        virtual_mac(VRID, self.vip())
    }

    fn toml(self, priority: u8) -> String {
        match self {
            Self::Ipv4 => toml(priority, V3),
            Self::Ipv6 => toml_v6(priority, V3_INT),
        }
    }
}

/// FRR on `a`.
#[track_caller]
fn start_frr(pair: &Pair, priority: u8, over: Over) -> Frr {
    let addresses: &[IpAddr] = match over {
        Over::Ipv4 => &[IpAddr::V4(VIP)],
        Over::Ipv6 => &[IpAddr::V6(VIP_LOCAL), IpAddr::V6(VIP_GLOBAL)],
    };
    let interval_ms = TICK.as_millis() as u32;
    Frr::start(&pair.lab, &pair.a, &Order { vrid: VRID, priority, interval_ms, addresses })
}

/// vipd on `b`.
fn start_vipd(pair: &Pair, priority: u8, over: Over) -> Process {
    pair.lab.vipd(vipd(), &pair.b, &over.toml(priority))
}

/// Nobody has complained of the other's packets.
#[track_caller]
fn assert_understood(pair: &Pair, ours: &Process) {
    assert_eq!(ours.lines("discarding").len(), 0);
    assert_eq!(pair.hears_a.refused(), Vec::<String>::new());
    assert_eq!(pair.hears_b.refused(), Vec::<String>::new());
}

/// FRR is preferred: it dies, comes back, and resigns.
fn vipd_takes_over(over: Over) {
    let pair = Pair::new();
    let client = Injector::open(&pair.lab.host("client", "10.77.0.200/24"));
    let frr = start_frr(&pair, 150, over);
    frr.vrrpd.wait_log(MASTER, SOON);
    let ours = start_vipd(&pair, 100, over);
    ours.wait_log("vip: INIT -> BACKUP", SOON);
    let adverts = pair.hears_a.wait_adverts(wall_clock(), 5, SOON);
    assert!(pair.hears_b.adverts().is_empty(), "it follows the better one");
    let theirs = adverts[0].source;
    adverts[0].assert_envelope(over.mac(), theirs);
    assert_eq!(client.holders(over.vip()), [over.mac()]);

    frr.kill();
    let last = pair.hears_a.adverts().pop().expect("it was MASTER");
    let first = pair.hears_b.wait_advert(last.at, SOON);
    let (skew, down) = down(100, TICK);
    assert_about("take-over from a killed FRR", span(last.at, first.at), down);
    ours.wait_log(&format!("vip: BACKUP -> MASTER: no advert from {theirs}"), SOON);
    pair.hears_b.wait_announcement(last.at, over.vip(), SOON);
    poll(SOON, "the address is on b", || pair.b.holds(over.vip()));

    let frr = start_frr(&pair, 150, over);
    frr.vrrpd.wait_log(MASTER, SOON);
    ours.wait_log(&format!("vip: MASTER -> BACKUP: {theirs} has priority 150, higher"), SOON);
    poll(SOON, "the address has left b", || !pair.b.holds(over.vip()));
    assert_eq!(client.holders(over.vip()), [over.mac()]);

    let mark = ours.mark();
    frr.stop();
    ours.wait_log_after(mark, &format!("vip: BACKUP -> MASTER: {theirs} resigned"), SOON);
    let resigned = pair.hears_a.adverts().pop().expect("it resigned");
    assert_eq!(resigned.priority, 0);
    let first = pair.hears_b.wait_advert(resigned.at, SOON);
    assert_about("take-over from a resigned FRR", span(resigned.at, first.at), skew);
    poll(SOON, "the address is on b", || pair.b.holds(over.vip()));
    assert_understood(&pair, &ours);
}

/// vipd is preferred: it dies, comes back, and resigns.
fn frr_takes_over(over: Over) {
    let pair = Pair::new();
    let client = Injector::open(&pair.lab.host("client", "10.77.0.200/24"));
    let frr = start_frr(&pair, 100, over).vrrpd;
    frr.wait_log(MASTER, SOON);
    let ours = start_vipd(&pair, 150, over);
    ours.wait_log(" has priority 100, lower", SOON);
    frr.wait_log(BACKUP, SOON);
    poll(SOON, "b alone answers", || client.holders(over.vip()) == [pair.b.mac]);

    let (mark, killed) = (frr.mark(), wall_clock());
    ours.kill();
    frr.wait_log_after(mark, MASTER, SOON);
    pair.hears_a.wait_announcement(killed, over.vip(), SOON);

    let mark = frr.mark();
    let ours = start_vipd(&pair, 150, over);
    ours.wait_log("vip: BACKUP -> MASTER", SOON);
    frr.wait_log_after(mark, BACKUP, SOON);

    let mark = frr.mark();
    ours.signal("TERM");
    assert!(ours.wait_end(SOON).success());
    frr.wait_log_after(mark, MASTER, SOON);
    let resigned = pair.hears_b.adverts().pop().expect("it resigned");
    assert_eq!(resigned.priority, 0);
    let first = pair.hears_a.wait_advert(resigned.at, SOON);
    // It counts in whole centiseconds, so it may be a little early. Over IPv6 it loses its first
    // advert: its device has just been turned on, and has no address yet.
    let (skew, _) = down(100, TICK);
    let waited = span(resigned.at, first.at);
    assert!(waited > skew * 97 / 100 && waited < 2 * (skew + TICK), "{waited:?}");
    poll(SOON, "a alone answers", || client.holders(over.vip()) == [over.mac()]);
    assert_understood(&pair, &ours);
}

#[test]
fn vipd_takes_over_from_frr() {
    vipd_takes_over(Over::Ipv4);
}

#[test]
fn vipd_takes_over_from_frr_over_ipv6() {
    vipd_takes_over(Over::Ipv6);
}

#[test]
fn frr_takes_over_from_vipd() {
    frr_takes_over(Over::Ipv4);
}

#[test]
fn frr_takes_over_from_vipd_over_ipv6() {
    frr_takes_over(Over::Ipv6);
}

/// Both become MASTER on their own; then they meet. `a` is FRR.
fn tie(a: &str, b: &str, frr_wins: bool) {
    let (pair, over) = (Pair::with(a, b), Over::Ipv4);
    pair.lab.isolate(&pair.a, true);
    pair.lab.isolate(&pair.b, true);
    let frr = start_frr(&pair, 100, over).vrrpd;
    let ours = start_vipd(&pair, 100, over);
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
    assert_eq!(pair.b.holds(over.vip()), !frr_wins);
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
