//! `vip_conflict`: another host that has a virtual address, a second MASTER that we do not hear, and
//! routers that have our priority, our address or our VRID. Each is told of once, with who it is, and
//! once more when it is over.

use crate::lab::frames::{mac_text, Arp, Envelope, Message, BROADCAST};
use crate::lab::frames6::{Neighbour, ALL_NODES, ALL_NODES_MAC};
use crate::lab::injector::Injector;
use crate::lab::process::Process;
use crate::lab::tap::Tap;
use crate::lab::{poll, span, wall_clock, Host, Lab, SOON, VIP, VIP_GLOBAL, VIP_LOCAL};
use crate::setup::{keepalived, toml, toml_v6, vipd, Pair, TICK, V3, V3_INT, VRID};
use std::time::Duration;

/// A conflict is over after 12 s of silence.
const LATER: Duration = Duration::from_secs(30);

/// A MASTER with priority 100, and a client.
struct Scene {
    process: Process,
    a: Host,
    tap: Tap,
    client: Host,
    begin: u64,
    lab: Lab,
}

impl Scene {
    fn new(toml: &str) -> Self {
        let lab = Lab::new();
        let (a, client) = (lab.host("a", "10.77.0.1/24"), lab.host("client", "10.77.0.66/24"));
        let tap = lab.tap(&a);
        let process = lab.vipd(vipd(), &a, toml);
        process.wait_log("vip: BACKUP -> MASTER", SOON);
        let begin = wall_clock();
        tap.wait_adverts(begin, 2, SOON);
        Self { process, a, tap, client, begin, lab }
    }

    fn v4(more: &str) -> Self {
        // The announcements of the take-over are not in the way of those that are counted.
        Self::new(&toml(100, &format!("{V3}\ngarp_master_delay = 0\n{more}")))
    }

    fn conflict(&self) -> String {
        format!("vip: another host ({}) has ", mac_text(self.client.mac))
    }

    /// The lines of the state that name a kind.
    fn status(&self, kind: &str) -> Vec<String> {
        status(&self.process, kind)
    }

    /// It was told of once, and goes on being there without another word.
    #[track_caller]
    fn assert_said_once(&self) {
        assert_eq!(self.process.lines(" as well, and has said so ").len(), 1);
        assert_eq!(self.process.lines("vip: over: ").len(), 0);
        assert_eq!(self.process.lines("vip: MASTER -> ").len(), 0);
    }

    #[track_caller]
    fn wait_over(&self) {
        self.process.wait_log("vip: over: ", LATER);
        assert_eq!(self.status("address_conflict"), [""; 0]);
        assert_eq!(self.process.lines("vip: over: ").len(), 1);
        assert_eq!(self.process.lines("vip: MASTER -> ").len(), 0);
    }
}

/// The lines of the state that name a kind of what is twofold.
fn status(process: &Process, kind: &str) -> Vec<String> {
    let mark = process.mark();
    process.signal("USR1");
    process.wait_log_after(mark, "status: interface", SOON);
    let lines = process.lines_after(mark, &format!(": {kind}: "));
    lines.into_iter().map(|line| line.text).collect()
}

/// A client that was given our address by hand: it announces itself, and answers whoever asks.
#[test]
fn rfc5227_a_host_that_has_the_address() {
    let scene = Scene::v4("");
    scene.client.ip(&[&format!("address add {VIP}/32 dev eth0")]);
    let begin = wall_clock();
    let announcement = claim(scene.client.mac).frame(BROADCAST);
    Injector::open(&scene.client).send(&announcement);
    let line = scene.process.wait_log(&scene.conflict(), SOON);
    assert!(line.text.contains(&VIP.to_string()), "{line:?}");
    // RFC 5227 §2.4: ours is announced again, and not more than once in 10 s.
    let defended = scene.tap.wait_announcement(begin, VIP, SOON);
    assert!(defended < line.at);
    let status = scene.status("address_conflict");
    assert_eq!(status.len(), 1, "{status:?}");
    let who = format!("{VIP} at {}, for ", mac_text(scene.client.mac));
    assert!(status[0].contains(&who), "{status:?}");
    // It goes on without another announcement of the client: it is asked.
    let asked = wall_clock();
    let question = |(at, arp): &(u64, Arp)| *at > asked && arp.sender.is_unspecified();
    poll(SOON, "it is asked again", || scene.tap.arps().iter().any(question));
    scene.assert_said_once();
    scene.client.ip(&[&format!("address delete {VIP}/32 dev eth0")]);
    scene.wait_over();
    let announced = scene.tap.announcements_after(begin, VIP).len();
    let most = span(begin, wall_clock()).as_secs() / 10 + 2;
    assert!(announced as u64 <= most, "{announced}, not more than {most}");
}

/// Requests from the address, as of a host that has it among others: each is a claim, too.
#[test]
fn rfc5227_a_host_that_asks_from_the_address() {
    let scene = Scene::v4("");
    let mac = scene.client.mac;
    let (sender, target) = (VIP, scene.a.address);
    let request = Arp { operation: 1, sender_mac: mac, sender, target_mac: [0; 6], target };
    let injector = Injector::open(&scene.client);
    injector.send_at_rate(&request.frame(BROADCAST), 20, 5);
    scene.process.wait_log(&scene.conflict(), SOON);
    scene.assert_said_once();
}

/// One claim, of somebody who does not answer then: it may have been the MASTER before us.
#[test]
fn a_single_claim_is_answered_and_not_told_of() {
    let scene = Scene::v4("");
    let begin = wall_clock();
    let claim = claim(scene.client.mac);
    Injector::open(&scene.client).send(&claim.frame(BROADCAST));
    scene.tap.wait_announcement(begin, VIP, SOON);
    scene.tap.wait_adverts(wall_clock(), 20, SOON);
    assert_eq!(scene.process.lines(" as well").len(), 0);
    assert_eq!(scene.tap.announcements_after(begin, VIP).len(), 1);
}

fn claim(mac: [u8; 6]) -> Arp {
    Arp { operation: 1, sender_mac: mac, sender: VIP, target_mac: mac, target: VIP }
}

#[test]
fn vip_conflict_off_hears_nothing() {
    let scene = Scene::v4("vip_conflict = \"off\"");
    let begin = wall_clock();
    let claim = claim(scene.client.mac).frame(BROADCAST);
    Injector::open(&scene.client).send_at_rate(&claim, 20, 10);
    assert_eq!(scene.tap.announcements_after(begin, VIP).len(), 0);
    assert_eq!(scene.process.lines(" as well").len(), 0);
    assert_eq!(scene.status("address_conflict"), [""; 0]);
}

/// The old MASTER's kernel answers though its daemon is dead: it is asked when we take over.
#[test]
fn rfc5227_probes_go_with_the_take_over() {
    let lab = Lab::new();
    let (a, client) = (lab.host("a", "10.77.0.1/24"), lab.host("client", "10.77.0.66/24"));
    client.ip(&[&format!("address add {VIP}/32 dev eth0")]);
    let tap = lab.tap(&a);
    let more = format!("{V3}\nvip_conflict = \"probe\"\ngarp_master_delay = 0");
    let process = lab.vipd(vipd(), &a, &toml(100, &more));
    let line = process.wait_log(&format!("({}) has {VIP} as well", mac_text(client.mac)), SOON);
    let advert = tap.adverts()[0].at;
    let probes: Vec<_> =
        tap.arps().into_iter().filter(|(_, it)| it.sender.is_unspecified()).collect();
    let (first, probe) = probes[0];
    let announced = tap.announcements_after(0, VIP)[0].0;
    assert!(advert < announced && announced < first && first < line.at, "urgent things first");
    let expected = Arp {
        operation: 1,
        sender_mac: a.mac,
        sender: [0; 4].into(),
        target_mac: [0; 6],
        target: VIP,
    };
    assert_eq!(probe, expected);
}

/// A MASTER that takes over, and announces itself, is no conflict.
#[test]
fn a_peer_that_takes_over_is_no_conflict() {
    let pair = Pair::new();
    let more = format!("{V3}\nvip_conflict = \"probe\"");
    let (a, b) = pair.start_both(&toml(100, &more), &toml(50, &more));
    b.signal("TERM");
    b.wait_end(SOON);
    let b = pair.start_b(&toml(150, &more));
    b.wait_log("vip: BACKUP -> MASTER", SOON);
    a.wait_log("vip: MASTER -> BACKUP", SOON);
    // The questions of the take-over are asked within 3 s of it.
    let taken = pair.hears_b.wait_advert(0, SOON).at;
    pair.hears_b.wait_adverts(wall_clock(), 20, SOON);
    let asks = |arp: &Arp| arp.sender.is_unspecified() && arp.target == VIP;
    let asked = pair.hears_b.arps().iter().filter(|(_, arp)| asks(arp)).count();
    // A last word of the MASTER before, its answer to the first question, is looked into by the next.
    let crossed = pair.hears_a.arps().iter().any(|(at, arp)| *at >= taken && arp.sender == VIP);
    assert!(asked == 3 || crossed && asked == 2, "{asked} questions, crossed {crossed}");
    for process in [&a, &b] {
        assert_eq!(process.lines(" as well").len(), 0);
        assert_eq!(status(process, "address_conflict"), [""; 0]);
    }
}

/// Neighbour advertisements of another host, and its answer when asked.
#[test]
fn a_host_that_has_an_address_of_ipv6() {
    let scene = Scene::new(&toml_v6(100, V3_INT));
    scene.client.ip(&[&format!("address add {VIP_GLOBAL}/64 dev eth0")]);
    let begin = wall_clock();
    let mac = scene.client.mac;
    Injector::open(&scene.client).send(&advertisement(mac, VIP_GLOBAL));
    let line = scene.process.wait_log(&scene.conflict(), SOON);
    assert!(line.text.contains(&VIP_GLOBAL.to_string()), "{line:?}");
    assert!(scene.tap.wait_announcement(begin, VIP_GLOBAL, SOON) < line.at);
    assert_eq!(scene.tap.neighbours_after(begin, VIP_LOCAL).len(), 0, "the other is left alone");
    assert_eq!(scene.status("address_conflict").len(), 1);
    scene.assert_said_once();
    scene.client.ip(&[&format!("address delete {VIP_GLOBAL}/64 dev eth0")]);
    scene.wait_over();
}

/// To all nodes, and it overrides what they know.
fn advertisement(mac: [u8; 6], target: std::net::Ipv6Addr) -> Vec<u8> {
    Neighbour {
        mac,
        to: ALL_NODES_MAC,
        source: target,
        destination: ALL_NODES,
        hop_limit: 255,
        router: false,
        solicited: false,
        overrides: true,
        target,
        link_layer: Some(mac),
    }
    .frame()
}

/// keepalived with another password: neither heeds the other, both are MASTER, both announce.
#[test]
fn two_masters_that_do_not_hear_each_other() {
    let pair = Pair::new();
    let pass = |pass: &str| format!("authentication {{\nauth_type PASS\nauth_pass {pass}\n}}");
    let ours = "authentication = { auth_type = \"PASS\", auth_pass = \"ours\" }";
    let a = pair.start_a(&toml(100, ours));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let b = pair.lab.keepalived(&pair.b, &keepalived(150, &pass("theirs")));
    let mac = mac_text(pair.b.mac);
    let address = pair.b.address;
    a.wait_log(&format!("vip: two MASTERs: {address} at {mac} is one too"), SOON);
    a.wait_log(&format!("vip: another host ({mac}) has {VIP} as well"), SOON);
    assert_eq!(pair.lab.holders(VIP), ["a", "b"]);
    for kind in ["address_conflict", "unheard_master"] {
        let status = status(&a, kind);
        assert!(status.len() == 1 && status[0].contains(&mac), "{kind}: {status:?}");
    }
    b.kill();
    pair.b.ip(&[&format!("address delete {VIP}/24 dev eth0")]);
    a.wait_log(&format!("vip: over: {address} at {mac} was MASTER as well"), LATER);
    a.wait_log(&format!("vip: over: {mac} had {VIP} as well"), LATER);
    assert_eq!(a.lines("two MASTERs").len(), 1);
    assert_eq!(a.lines(" as well, and has said so ").len(), 1);
    assert_eq!(status(&a, "unheard_master"), [""; 0]);
}

/// A router that advertises to us what it should not: who it is, once, and that it is over, once.
#[test]
fn v3_046_v3_052_v3_088_v3_089_v3_117_routers_that_are_twofold() {
    let other = "10.77.0.101".parse::<std::net::IpAddr>().expect("an address");
    for (kind, priority, ours, address, says) in [
        ("second_master", 50, 100, VIP.into(), "which claims to be MASTER as well, is at"),
        ("duplicate_priority", 100, 100, VIP.into(), "which has our priority, is at"),
        ("other_addresses", 50, 100, other, "which has other virtual addresses, is at"),
        ("duplicate_owner", 255, 255, VIP.into(), "which owns the addresses too, is at"),
    ] {
        // Ours is the greater address of the two: we stay MASTER.
        let lab = Lab::new();
        let (a, b) = (lab.host("a", "10.77.0.9/24"), lab.host("b", "10.77.0.2/24"));
        let process = lab.vipd(vipd(), &a, &toml(ours, V3));
        process.wait_log("-> MASTER", SOON);
        let message = Message::v3(VRID, priority, 20, address).bytes();
        let frame = Envelope::new(b.mac, b.address).frame(&message);
        let injector = Injector::open(&b);
        injector.send_at_rate(&frame, 20, 10);
        let line = process.wait_log(says, SOON);
        let who = format!("vip: {}, {says} {}", b.address, mac_text(b.mac));
        assert!(line.text.ends_with(&who), "{line:?}");
        let shown = status(&process, kind);
        let who = format!("{} at {}, for ", b.address, mac_text(b.mac));
        assert!(shown.len() == 1 && shown[0].contains(&who), "{kind}: {shown:?}");
        process.wait_log(&format!("vip: over: {} at {}", b.address, mac_text(b.mac)), SOON);
        poll(SOON, "all of it is over", || status(&process, kind).is_empty());
        assert_eq!(process.lines(says).len(), 1);
        assert_eq!(process.lines("MASTER -> ").len(), 0, "{kind}");
    }
}

/// Somebody with our own address: both are MASTER, for the kernel drops adverts that seem to come
/// from itself. The MAC address tells who it is.
#[test]
fn v3_089_another_router_with_our_own_address() {
    let pair = Pair::new();
    let a = pair.start_a(&toml(100, V3));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let address = pair.a.address;
    pair.b.ip(&["address flush dev eth0", &format!("address add {address}/24 dev eth0")]);
    let b = pair.start_b(&toml(50, V3));
    b.wait_log("vip: BACKUP -> MASTER", SOON);
    // Whoever it talks to is asked for from that address.
    let (sender_mac, sender) = (pair.b.mac, address);
    let target = [10, 77, 0, 7].into();
    let request = Arp { operation: 1, sender_mac, sender, target_mac: [0; 6], target };
    Injector::open(&pair.b).send(&request.frame(BROADCAST));
    let mac = mac_text(pair.b.mac);
    let says = format!("vip: another host ({mac}) has {address}, which we advertise from, as well");
    a.wait_log(&says, SOON);
    let status = status(&a, "duplicate_source");
    assert!(status.len() == 1 && status[0].contains(&mac), "{status:?}");
    a.wait_log(&format!("vip: another host ({mac}) has {VIP} as well"), SOON);
    b.signal("TERM");
    b.wait_end(SOON);
    pair.b.ip(&[&format!("address delete {address}/24 dev eth0")]);
    a.wait_log(&format!("vip: over: {mac} had {address} as well"), LATER);
    a.wait_log(&format!("vip: over: {mac} had {VIP} as well"), LATER);
}

/// A reload in the middle of it is no beginning and no end.
#[test]
fn a_reload_during_a_conflict() {
    let scene = Scene::v4("");
    scene.client.ip(&[&format!("address add {VIP}/32 dev eth0")]);
    let announcement = claim(scene.client.mac).frame(BROADCAST);
    Injector::open(&scene.client).send(&announcement);
    scene.process.wait_log(&scene.conflict(), SOON);
    let more = "garp_master_delay = 0\nvip_conflict = \"probe\"";
    let more = toml(100, &format!("{V3}\n{more}")) + OTHER;
    scene.lab.file("a.toml", &more);
    scene.process.signal("HUP");
    scene.process.wait_log("reload: ", SOON);
    let status = scene.status("address_conflict");
    assert_eq!(status.len(), 1, "{status:?}");
    scene.assert_said_once();
    let before = wall_clock();
    let asked = |(at, arp): &(u64, Arp)| *at > before && arp.sender.is_unspecified();
    poll(SOON, "it is asked again", || scene.tap.arps().iter().any(asked));
    scene.client.ip(&[&format!("address delete {VIP}/32 dev eth0")]);
    scene.wait_over();
}

const OTHER: &str = "[vrrp_instance.a_new_one]\ninterface = \"eth0\"\nvirtual_router_id = 77\n\
    virtual_ipaddress = [\"10.77.0.177/24\"]\n";

/// It wakes us twice a second at most, is one line, and no advertisement is late because of it.
#[test]
fn a_flood_of_claims() {
    let scene = Scene::v4("");
    let injector = Injector::open(&scene.client);
    let claim = claim(scene.client.mac).frame(BROADCAST);
    let wakes = || wakes(scene.process.pid());
    let (begin, before) = (wall_clock(), wakes());
    injector.send_at_rate(&claim, 40_000, 10_000);
    let (took, woken) = (span(begin, wall_clock()), wakes() - before);
    scene.process.wait_log(&scene.conflict(), SOON);
    scene.assert_said_once();
    let adverts = took.as_secs_f64() / TICK.as_secs_f64();
    let most = adverts + 5.0 * took.as_secs_f64() + 20.0;
    println!("{woken} wake-ups in {took:?} with 40,000 claims, {adverts:.0} adverts");
    assert!((woken as f64) < most, "{woken} wake-ups in {took:?}");
    let dropped = crate::setup::counter(&scene.process, "interface eth0 ipv4", "claims_dropped");
    println!("{dropped} were not read");
    let gaps = crate::lab::tap::gaps(&scene.tap.adverts_after(scene.begin));
    assert!(gaps.iter().all(|gap| *gap < TICK * 2), "{gaps:?}");
    assert_eq!(scene.lab.holders(VIP), ["a"]);
}

/// How often a process has gone to sleep.
fn wakes(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = text.lines().find(|line| line.starts_with("voluntary_ctxt_switches"));
    line.and_then(|line| line.split_whitespace().last()?.parse().ok()).expect("a number")
}
