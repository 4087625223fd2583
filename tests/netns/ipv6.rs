//! VRRP over IPv6: what is sent, what is refused, and who answers neighbour solicitations.

use crate::lab::capture::{dissect, Capture};
use crate::lab::frames::{mac_text, Message};
use crate::lab::frames6::{self, solicited_node, Envelope, Neighbour};
use crate::lab::injector::Injector;
use crate::lab::process::Process;
use crate::lab::tap::Tap;
use crate::lab::{poll, span, wall_clock, Host, Lab, SOON, VIP_GLOBAL, VIP_LOCAL};
use crate::setup::{assert_about, counter, down, toml_v6, vipd, Pair, TICK, V3_INT, VRID};
use std::net::Ipv6Addr;
use std::time::Duration;

/// How long nobody must have answered to count as nobody.
const SILENCE: Duration = Duration::from_millis(300);

/// A router alone, MASTER, and what it sends.
pub struct Alone {
    pub a: Host,
    pub tap: Tap,
    pub process: Process,
    pub lab: Lab,
}

impl Alone {
    pub fn new() -> Self {
        Self::prepared(|_| {})
    }

    /// The host is made ready first.
    fn prepared(prepare: impl FnOnce(&Host)) -> Self {
        let lab = Lab::new();
        let a = lab.host("a", "10.77.0.1/24");
        prepare(&a);
        let tap = lab.tap(&a);
        let process = lab.vipd(vipd(), &a, &toml_v6(100, V3_INT));
        process.wait_log("vip: BACKUP -> MASTER", SOON);
        for address in [VIP_LOCAL, VIP_GLOBAL] {
            lab.wait_holder_of(address, &a, SOON);
        }
        Self { a, tap, process, lab }
    }

    /// The first announcement of an address after a moment.
    #[track_caller]
    fn announcement(&self, after: u64, address: Ipv6Addr) -> Neighbour {
        self.tap.wait_announcement(after, address, SOON);
        self.tap.neighbours_after(after, address)[0].1
    }
}

/// Virtual router 10, priority 100, 1 s, fe80::1 and 2001:db8::1, from fe80::2; made with scapy,
/// checked with tshark and tcpdump.
const GOLDEN: &str =
    "310a640200644023fe80000000000000000000000000000120010db8000000000000000000000001";

/// From the link-local address, to ff02::12, hop limit 255, the link-local virtual address first,
/// the checksum over the pseudo-header as tshark counts it; from the first to the last, which
/// resigns.
#[test]
fn v3_007_v3_008_v3_009_v3_025_v3_031_adverts_over_ipv6() {
    let lab = Lab::new();
    let a = lab.host("a", "192.0.2.2/24");
    a.ip(&[
        &format!("address delete {}/64 dev eth0", a.link_local),
        "address add fe80::2/64 dev eth0",
        "address add 2001:db8::2/64 dev eth0",
    ]);
    let (tap, capture) = (lab.tap(&a), Capture::begin(&lab, &a, "ip6 proto 112"));
    let process = lab.vipd(
        vipd(),
        &a,
        "[vrrp_instance.vip]\ninterface = \"eth0\"\nvirtual_router_id = 10\n\
         virtual_ipaddress = [\"fe80::1/64\", \"2001:db8::1/64\"]\n",
    );
    tap.wait_adverts(0, 3, SOON);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    let adverts = tap.adverts();
    let hex: String = adverts[0].message().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, GOLDEN);
    assert_eq!(adverts.last().map(|last| last.priority), Some(0));
    let source: Ipv6Addr = "fe80::2".parse().expect("an address");
    for advert in &adverts {
        advert.assert_envelope(a.mac, source);
    }
    assert_eq!(tap.refused(), Vec::<String>::new());
    let file = capture.end(adverts.iter().map(|advert| advert.frame.len()));
    let fields = ["vrrp.checksum.status", "ipv6.hlim", "_ws.expert", "_ws.malformed"];
    let packets = dissect(&file, &[], &fields);
    assert_eq!(packets.len(), adverts.len());
    assert!(packets.iter().all(|packet| packet.join(",") == "1,255,,"), "{packets:?}");
}

/// Sends better adverts that must not be taken, and shows that they are not.
#[track_caller]
fn refused(name: &str, reason: &str, frame: impl Fn(Envelope, &[u8]) -> Vec<u8>) {
    let alone = Alone::new();
    let enemy = alone.lab.host("enemy", "10.77.0.66/24");
    let injector = Injector::open(&enemy);
    let message = Message::v3(VRID, 200, 20, VIP_LOCAL).bytes();
    let frame = frame(Envelope::new(enemy.mac, enemy.link_local), &message);
    let begin = wall_clock();
    injector.send_at_rate(&frame, 20, 20);
    assert_eq!(counter(&alone.process, "vip", name), 20, "{name}");
    let adverts = alone.tap.wait_adverts(wall_clock(), 2, SOON);
    assert!(adverts.iter().all(|advert| advert.priority == 100));
    assert!(alone.tap.adverts_after(begin).len() >= 5, "its adverts went on");
    assert_eq!(alone.process.lines("vip: MASTER -> ").len(), 0);
    let lines = alone.process.lines(&format!("discarding adverts from {}", enemy.link_local));
    assert_eq!(lines.len(), 1);
    assert!(lines[0].text.contains(reason), "{}", lines[0].text);
    // One that is right is taken.
    let right = Message::v3(VRID, 200, 20, VIP_LOCAL).bytes();
    injector.send(&Envelope::new(enemy.mac, enemy.link_local).frame(&right));
    alone.process.wait_log("vip: MASTER -> BACKUP: ", SOON);
}

#[test]
fn v3_010_v3_040_a_hop_limit_that_is_not_255() {
    refused("ip_ttl_errors", "TTL is not 255", |envelope, message| {
        Envelope { hop_limit: 254, ..envelope }.frame(message)
    });
}

/// The kernel is not asked to check it: it would not tell.
#[test]
fn v3_035_a_wrong_checksum_is_counted() {
    refused("checksum_errors", "wrong checksum", |envelope, message| {
        envelope.frame_as_it_is(message)
    });
}

#[test]
fn v3_048_a_first_address_that_is_not_link_local() {
    refused("address_list_errors", "not link-local", |envelope, _| {
        envelope.frame(&Message::v3(VRID, 200, 20, VIP_GLOBAL).bytes())
    });
}

/// The advert, then what the neighbours have to know; R as the interface forwards.
#[test]
fn v3_076_v3_091_a_new_master_announces_its_addresses() {
    let Alone { a, tap, process, lab: _lab } = &Alone::new();
    let first = tap.adverts()[0].at;
    for address in [VIP_LOCAL, VIP_GLOBAL] {
        let at = tap.wait_announcement(0, address, SOON);
        assert!(at >= first, "not before the advert");
        let it = tap.neighbours_after(0, address)[0].1;
        let expected = Neighbour {
            mac: a.mac,
            to: frames6::ALL_NODES_MAC,
            source: address,
            destination: frames6::ALL_NODES,
            hop_limit: 255,
            router: false,
            solicited: false,
            overrides: true,
            target: address,
            link_layer: Some(a.mac),
        };
        assert_eq!(it, expected);
    }
    assert_eq!(process.lines("cannot").len(), 0);
}

#[test]
fn v3_091_v3_097_a_router_says_that_it_is_one() {
    let alone = Alone::prepared(|a| a.namespace.set("ipv6/conf/eth0/forwarding", "1"));
    for address in [VIP_LOCAL, VIP_GLOBAL] {
        assert!(alone.announcement(0, address).router);
    }
    let client = alone.lab.host("client", "10.77.0.200/24");
    let injector = Injector::open(&client);
    poll(SOON, "who asks hears that it is a router", || {
        let answers = injector.solicit(VIP_LOCAL, SILENCE);
        answers.iter().any(|it| it.router && it.link_layer == Some(alone.a.mac))
    });
    // It stops being one. The addresses are put back and announced anew by what is true then.
    alone.a.namespace.set("ipv6/conf/eth0/forwarding", "0");
    let before = wall_clock();
    alone.a.ip(&[&format!("address delete {VIP_GLOBAL}/64 dev eth0")]);
    assert!(!alone.announcement(before, VIP_GLOBAL).router);
}

/// Groups of an interface, as the kernel prints them.
fn is_member(host: &Host, group: Ipv6Addr) -> bool {
    let text = host.namespace.ip_output(&["-6", "maddress", "show", "dev", "eth0"]);
    text.lines().any(|line| line.split_whitespace().nth(1) == Some(&group.to_string()))
}

#[test]
fn v3_071_v3_092_v3_096_the_master_alone_listens_and_answers() {
    let pair = Pair::new();
    let client = Injector::open(&pair.lab.host("client", "10.77.0.200/24"));
    let a = pair.start_a(&toml_v6(150, V3_INT));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let b = pair.start_b(&toml_v6(100, V3_INT));
    b.wait_log("vip: INIT -> BACKUP", SOON);
    for (address, mac) in [(VIP_LOCAL, pair.a.mac), (VIP_GLOBAL, pair.a.mac)] {
        assert_eq!(client.holders(address), [mac]);
        assert!(is_member(&pair.a, solicited_node(address)));
        assert!(!is_member(&pair.b, solicited_node(address)));
    }
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    for address in [VIP_LOCAL, VIP_GLOBAL] {
        pair.lab.wait_holder_of(address, &pair.b, SOON);
        assert_eq!(client.holders(address), [pair.b.mac]);
        poll(SOON, "the new one listens", || is_member(&pair.b, solicited_node(address)));
        poll(SOON, "the old one does not", || !is_member(&pair.a, solicited_node(address)));
    }
}

/// Adverts stop; the other follows by the formula. Then a resignation, by the skew time.
#[test]
fn take_over_times() {
    let pair = Pair::new();
    let a = pair.start_a(&toml_v6(150, V3_INT));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let b = pair.start_b(&toml_v6(100, V3_INT));
    b.wait_log("vip: INIT -> BACKUP", SOON);
    pair.hears_a.wait_adverts(wall_clock(), 5, SOON);
    assert!(pair.hears_b.adverts().is_empty());
    a.kill();
    let (skew, down) = down(100, TICK);
    let last = pair.hears_a.adverts().pop().expect("it was MASTER");
    let first = pair.hears_b.wait_advert(last.at, SOON);
    assert_about("take-over from a killed MASTER", span(last.at, first.at), down);
    let why = format!("vip: BACKUP -> MASTER: no advert from {}", pair.a.link_local);
    b.wait_log(&why, SOON);

    let a = pair.start_a(&toml_v6(150, V3_INT));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    pair.lab.wait_holder_of(VIP_GLOBAL, &pair.a, SOON);
    let mark = b.mark();
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    b.wait_log_after(mark, "vip: BACKUP -> MASTER: ", SOON);
    let resigned = pair.hears_a.adverts().pop().expect("it resigned");
    assert_eq!(resigned.priority, 0);
    let first = pair.hears_b.wait_advert(resigned.at, SOON);
    assert_about("take-over from one that resigned", span(resigned.at, first.at), skew);
}

/// As numbers: fe80::9 is less than fe80::a, and fe80::a is less than fe80::10.
#[test]
fn v3_089_a_tie_goes_to_the_greater_address() {
    for (a, b) in [("fe80::9", "fe80::a"), ("fe80::a", "fe80::10")] {
        let pair = Pair::new();
        for (host, address) in [(&pair.a, a), (&pair.b, b)] {
            pair.lab.isolate(host, true);
            host.ip(&[
                &format!("address delete {}/64 dev eth0", host.link_local),
                &format!("address add {address}/64 dev eth0"),
            ]);
        }
        let loser = pair.start_a(&toml_v6(100, V3_INT));
        let winner = pair.start_b(&toml_v6(100, V3_INT));
        for process in [&loser, &winner] {
            process.wait_log("vip: BACKUP -> MASTER", SOON);
        }
        pair.lab.isolate(&pair.a, false);
        pair.lab.isolate(&pair.b, false);
        let why = format!(
            "vip: MASTER -> BACKUP: {b} has our priority and a greater address than our {a}"
        );
        loser.wait_log(&why, SOON);
        pair.lab.wait_holder_of(VIP_GLOBAL, &pair.b, SOON);
        pair.hears_b.wait_adverts(wall_clock(), 5, SOON);
        assert_eq!(winner.lines("vip: MASTER -> ").len(), 0);
    }
}

/// keepalived's users often leave the link-local address out. Two such routers understand each other.
#[test]
fn without_a_link_local_virtual_address() {
    let pair = Pair::new();
    let toml = |priority| toml_v6(priority, V3_INT).replace(&format!("\"{VIP_LOCAL}/64\", "), "");
    let a = pair.start_a(&toml(150));
    a.wait_log("is the first IPv6 address, and not link-local", SOON);
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let b = pair.start_b(&toml(100));
    b.wait_log("vip: INIT -> BACKUP", SOON);
    pair.hears_a.wait_adverts(wall_clock(), 8, SOON);
    assert!(pair.hears_b.adverts().is_empty());
    assert_eq!(b.lines("discarding").len(), 0);
}

/// Where a host is now is believed without having been asked, in either state.
#[test]
fn v3_107_unsolicited_neighbour_advertisements_are_taken() {
    let pair = Pair::new();
    let host = pair.lab.host("host", "10.77.0.200/24");
    let injector = Injector::open(&host);
    let (a, b) = (pair.start_a(&toml_v6(150, V3_INT)), pair.start_b(&toml_v6(100, V3_INT)));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    b.wait_log("vip: INIT -> BACKUP", SOON);
    let moved = [2, 0, 0, 0, 0x77, 0x99];
    for router in [&pair.a, &pair.b] {
        // It has been spoken with.
        let neighbour =
            format!("neigh replace {} lladdr 02:00:00:00:77:98 dev eth0", host.link_local);
        router.ip(&[&format!("{neighbour} nud stale")]);
        poll(SOON, "its new place is known", || {
            injector.send(&vipd::wire::announce::neighbour_advertisement(
                moved,
                host.link_local,
                false,
            ));
            let table = router.namespace.ip_output(&["-6", "neigh", "show", "dev", "eth0"]);
            table.contains(&format!("{} lladdr {}", host.link_local, mac_text(moved)))
        });
    }
}
