//! Adverts that are sent to peers instead of a group.

use crate::lab::frames::{Envelope, Message};
use crate::lab::injector::Injector;
use crate::lab::tap::{Advert, Tap};
use crate::lab::{poll, wall_clock, Host, SOON, VIP};
use crate::setup::{counter, keepalived, keepalived_v6, toml, toml_v6, Pair, V3, VRID};
use std::net::Ipv4Addr;

const A: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 9);

fn peers(list: &str, more: &str) -> String {
    format!("{V3}\nunicast_peer = [{list}]\n{more}")
}

fn to_b(more: &str) -> String {
    peers("\"10.77.0.2\"", more)
}

fn to_a(more: &str) -> String {
    peers("\"10.77.0.1\"", more)
}

/// Destination and TTL in the IPv4 header of an advert.
fn header(advert: &Advert) -> ([u8; 4], u8) {
    let ip = &advert.frame[14..];
    ([ip[16], ip[17], ip[18], ip[19]], ip[8])
}

/// Waits until a host has sent so many more adverts: what came before them has been heard.
fn beats(tap: &Tap, count: usize) {
    tap.wait_adverts(wall_clock(), count, SOON);
}

/// To the peer alone, and to its own address; the election is as ever.
#[test]
fn adverts_go_to_the_peers_and_nowhere_else() {
    let pair = Pair::new();
    let more = "unicast_ttl = 64";
    let (a, b) = pair.start_both(&toml(150, &to_b(more)), &toml(100, &to_a("")));
    for advert in pair.hears_a.wait_adverts(0, 4, SOON) {
        assert_eq!(header(&advert), (B.octets(), 64));
        assert_eq!(advert.frame[..6], pair.b.mac);
        assert_eq!((advert.source, advert.frame[15]), (A.into(), 0xc0));
    }
    a.kill();
    b.wait_log("vip: BACKUP -> MASTER: no advert from 10.77.0.1", SOON);
    // The other was killed and could not clean up.
    poll(SOON, "b has the address", || pair.b.holds(VIP));
    let advert = pair.hears_b.wait_advert(0, SOON);
    assert_eq!(header(&advert), (A.octets(), 255));
    assert!(pair.hears_a.refused().is_empty() && pair.hears_b.refused().is_empty());
}

/// What a stranger sends is counted and changes nothing, unless nobody is to look.
#[test]
fn only_peers_are_heeded() {
    for (more, heeded) in [("", false), ("check_unicast_src = false", true)] {
        let pair = Pair::new();
        let a = pair.start_a(&toml(150, &to_b(more)));
        a.wait_log("vip: BACKUP -> MASTER", SOON);
        let mark = a.mark();
        let frame = Envelope { destination: A, ..Envelope::new(pair.b.mac, STRANGER) };
        let message = Message::v3(VRID, 200, 20, VIP);
        let injector = Injector::open(&pair.b);
        injector.send(&frame.frame(&message.bytes()));
        if heeded {
            a.wait_log_after(mark, "vip: MASTER -> BACKUP: 10.77.0.9 has priority 200", SOON);
        } else {
            a.wait_log_after(mark, "discarding adverts from 10.77.0.9", SOON);
            assert_eq!(counter(&a, "vip", "unicast_source_errors"), 1);
            beats(&pair.hears_a, 3);
            assert!(a.lines_after(mark, "->").is_empty());
        }
    }
}

/// `min_ttl` and `max_ttl` are for those who know how far away a peer is.
#[test]
fn a_peer_from_too_far_away_is_not_heeded() {
    let pair = Pair::new();
    let list = "{ address = \"10.77.0.2\", min_ttl = 254 }";
    let a = pair.start_a(&toml(150, &peers(list, "")));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let mark = a.mark();
    let injector = Injector::open(&pair.b);
    let message = Message::v3(VRID, 200, 20, VIP);
    let envelope = Envelope { destination: A, ttl: 253, ..Envelope::new(pair.b.mac, B) };
    injector.send(&envelope.frame(&message.bytes()));
    a.wait_log_after(mark, "discarding adverts from 10.77.0.2", SOON);
    assert_eq!(counter(&a, "vip", "ip_ttl_errors"), 1);
    assert!(a.lines_after(mark, "->").is_empty());
    injector.send(&Envelope { ttl: 254, ..envelope }.frame(&message.bytes()));
    a.wait_log_after(mark, "vip: MASTER -> BACKUP: 10.77.0.2 has priority 200", SOON);
}

/// What is multicast is nothing to a virtual router that has peers, and the other way round.
#[test]
fn unicast_and_multicast_do_not_hear_each_other() {
    let pair = Pair::new();
    let a = pair.start_a(&toml(150, &to_b("")));
    let b = pair.start_b(&toml(100, V3));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    b.wait_log("vip: BACKUP -> MASTER", SOON);
    beats(&pair.hears_a, 4);
    beats(&pair.hears_b, 4);
    for process in [&a, &b] {
        assert!(process.lines("MASTER -> BACKUP").is_empty());
        assert_eq!(counter(process, "vip", "advertisement_rcvd"), 0);
    }
}

/// Two virtual routers with one id on one interface: each has its own peer.
#[test]
fn one_virtual_router_id_for_two_with_other_peers() {
    let pair = Pair::new();
    let two = |priority: u8| {
        let second = toml(priority, &peers("\"10.77.0.9\"", ""))
            .replace("vrrp_instance.vip", "vrrp_instance.other")
            .replace(&VIP.to_string(), "10.77.0.200");
        toml(priority, &to_b("")) + &second
    };
    let a = pair.start_a(&two(100));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    a.wait_log("other: BACKUP -> MASTER", SOON);
    let mark = a.mark();
    let b = pair.start_b(&toml(200, &to_a("")));
    b.wait_log("vip: BACKUP -> MASTER", SOON);
    a.wait_log_after(mark, "vip: MASTER -> BACKUP: 10.77.0.2 has priority 200", SOON);
    beats(&pair.hears_b, 3);
    assert!(a.lines_after(mark, "other: MASTER").is_empty());
    // And one that has both peers is an error of the configuration.
    let same = two(100).replace("10.77.0.9", "10.77.0.2");
    let file = pair.lab.file("same.toml", &same);
    let refused = pair.lab.start(
        &pair.b,
        crate::setup::vipd(),
        &["-T", "-f", file.to_str().expect("a path of UTF-8")],
    );
    assert_eq!(refused.wait_end(SOON).code(), Some(78));
    refused.wait_log("virtual_router_id 51 on eth0 with the unicast_peer 10.77.0.2 is that", SOON);
}

/// The address to send from need not be the first; while it is missing and tracked it is FAULT.
#[test]
fn the_source_address_is_followed() {
    let pair = Pair::new();
    let more = "unicast_src_ip = \"10.77.0.11\"\ntrack_src_ip = true";
    let a = pair.start_a(&toml(150, &to_b(more)));
    a.wait_log("vip: INIT -> FAULT", SOON);
    pair.a.namespace.ip(&["address add 10.77.0.11/24 dev eth0"]);
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    assert_eq!(pair.hears_a.wait_advert(0, SOON).source, Ipv4Addr::new(10, 77, 0, 11));
    let mark = a.mark();
    pair.a.namespace.ip(&["address del 10.77.0.11/24 dev eth0"]);
    a.wait_log_after(mark, "vip: MASTER -> FAULT", SOON);
    assert!(!pair.lab.holders(VIP).contains(&pair.a.name));
}

/// Without `track_src_ip` it is sent from an address that is not there yet, as keepalived does.
#[test]
fn a_source_address_that_is_not_there_is_used_all_the_same() {
    let pair = Pair::new();
    let a = pair.start_a(&toml(150, &format!("{V3}\nmcast_src_ip = \"10.77.0.11\"")));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    pair.hears_a.wait_advert(0, SOON).assert_envelope(pair.a.mac, Ipv4Addr::new(10, 77, 0, 11));
}

/// `mcast_dst_ip` is another group; those of the usual one are not heard.
#[test]
fn another_group_is_another_world() {
    let pair = Pair::new();
    let more = format!("{V3}\nmcast_dst_ip = \"224.0.0.77\"");
    let (a, b) = pair.start_both(&toml(150, &more), &toml(100, &more));
    assert_eq!(header(&pair.hears_a.wait_advert(0, SOON)), ([224, 0, 0, 77], 255));
    let message = Message::v3(VRID, 255, 20, VIP);
    let usual = Envelope::new(pair.b.mac, B);
    let mark = a.mark();
    Injector::open(&pair.b).send(&usual.frame(&message.bytes()));
    beats(&pair.hears_a, 3);
    assert!(a.lines_after(mark, "->").is_empty());
    a.kill();
    b.wait_log("vip: BACKUP -> MASTER: no advert from 10.77.0.1", SOON);
}

/// Both take over from each other.
fn with_keepalived(pair: &Pair, conf: impl Fn(u8) -> String, vipd: impl Fn(u8) -> String) {
    let theirs = pair.lab.keepalived(&pair.a, &conf(150));
    theirs.wait_log("Entering MASTER STATE", SOON);
    let ours = pair.start_b(&vipd(100));
    ours.wait_log("vip: INIT -> BACKUP", SOON);
    beats(&pair.hears_a, 20);
    assert!(ours.lines("BACKUP -> MASTER").is_empty(), "it hears keepalived");
    theirs.signal("TERM");
    ours.wait_log("resigned (priority 0)", SOON);
    theirs.wait_end(SOON);
    let back = pair.lab.keepalived(&pair.a, &conf(50));
    back.wait_log("Entering BACKUP STATE", SOON);
    beats(&pair.hears_b, 20);
    assert!(back.lines("Entering MASTER STATE").is_empty(), "keepalived hears us");
    ours.signal("TERM");
    back.wait_log("Entering MASTER STATE", SOON);
    assert!(ours.lines("discarding").is_empty(), "{:?}", ours.lines("discarding"));
}

#[test]
fn with_keepalived_as_the_peer() {
    let pair = Pair::new();
    let conf = |priority| {
        let more = "version 3\nadvert_int 0.2\nunicast_src_ip 10.77.0.1\n\
                    unicast_peer {\n10.77.0.2\n}";
        keepalived(priority, more)
    };
    with_keepalived(&pair, conf, |priority| toml(priority, &to_a("")));
}

/// The link-local address of a host.
fn link_local(host: &Host) -> String {
    let mut found = String::new();
    poll(SOON, "the link-local address is ready", || {
        let list = host.namespace.ip_output(&["-6", "-o", "address", "show", "dev", "eth0"]);
        let ready = |line: &&str| line.contains("fe80::") && !line.contains("tentative");
        let address = list.lines().find(ready).and_then(|line| line.split_whitespace().nth(3));
        found = address.and_then(|it| it.split('/').next()).unwrap_or_default().to_owned();
        !found.is_empty()
    });
    found
}

#[test]
fn with_keepalived_as_the_peer_over_ipv6() {
    let pair = Pair::new();
    let (a, b) = (link_local(&pair.a), link_local(&pair.b));
    let conf = |priority| {
        let more =
            format!("advert_int 0.2\nunicast_src_ip {a}\nunicast_peer {{\n{b}\n}}\nversion 3");
        keepalived_v6(priority, &more)
    };
    let vipd = |priority| toml_v6(priority, &format!("advert_int = 0.2\nunicast_peer = [\"{a}\"]"));
    with_keepalived(&pair, conf, vipd);
}
