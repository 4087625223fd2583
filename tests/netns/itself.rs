//! That the lab can be believed.

use crate::lab::capture::{dissect, Capture};
use crate::lab::frames::{Envelope, Message};
use crate::lab::frames6;
use crate::lab::injector::Injector;
use crate::lab::{ip, poll, wall_clock, Lab, SOON, VIP, VIP_GLOBAL, VIP_LOCAL};
use crate::setup::{keepalived, keepalived_v6, VRID};
use std::time::Duration;

#[test]
fn hosts_hear_each_other_unless_isolated() {
    let lab = Lab::new();
    let (a, b) = (lab.host("a", "10.77.0.1/24"), lab.host("b", "10.77.0.2/24"));
    let injector = Injector::open(&a);
    let wait = Duration::from_millis(300);
    assert_eq!(injector.holders(b.address), [b.mac]);
    lab.isolate(&a, true);
    lab.isolate(&b, true);
    assert!(injector.who_has(b.address, wait).is_empty());
    lab.isolate(&a, false);
    assert_eq!(injector.holders(b.address), [b.mac]);
    lab.carrier(&b, false);
    assert!(injector.who_has(b.address, wait).is_empty());
}

#[test]
fn an_ear_hears_its_host_and_nobody_else() {
    let lab = Lab::new();
    let (a, b) = (lab.host("a", "10.77.0.1/24"), lab.host("b", "10.77.0.2/24"));
    let (hears_a, hears_b) = (lab.tap(&a), lab.tap(&b));
    let before = wall_clock();
    let message = Message::v3(VRID, 77, 20, VIP);
    Injector::open(&a).send(&Envelope::new(a.mac, a.address).frame(&message.bytes()));
    let advert = hears_a.wait_advert(before, SOON);
    assert_eq!((advert.version, advert.vrid, advert.priority, advert.interval), (3, VRID, 77, 20));
    assert_eq!(advert.message(), message.bytes());
    advert.assert_envelope(a.mac, a.address);
    Injector::open(&b).send(&Envelope::new(b.mac, b.address).frame(&[0x31, VRID]));
    poll(SOON, "what cannot be read is kept too", || hears_b.refused().len() == 1);
    assert!(hears_b.adverts().is_empty() && hears_a.adverts().len() == 1);
}

#[test]
fn programs_are_heard_and_nothing_is_left() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let tap = lab.tap(&a);
    let daemon = lab.keepalived(&a, &keepalived(200, "version 3\nadvert_int 0.1"));
    daemon.wait_log("Entering MASTER STATE", SOON);
    lab.wait_holder(&a, SOON);
    tap.wait_announcement(0, VIP, SOON);
    assert_eq!(tap.wait_advert(0, SOON).priority, 200);
    let (pids, directory) = (daemon.children(), lab.directory().to_owned());
    assert!(!pids.is_empty() && directory.exists());
    let (mine, others) = (a.namespace.name.clone(), lab.segment().name.clone());
    drop(lab);
    let list = ip::output(&["netns", "list"]);
    assert!(!list.contains(&mine) && !list.contains(&others), "{list}");
    assert!(!directory.exists());
    poll(SOON, "its processes are gone", || {
        pids.iter().all(|pid| !std::path::Path::new("/proc").join(pid.to_string()).exists())
    });
}

#[test]
fn hosts_answer_over_ipv6() {
    let lab = Lab::new();
    let (a, b) = (lab.host("a", "10.77.0.1/24"), lab.host("b", "10.77.0.2/24"));
    let (injector, tap) = (Injector::open(&a), lab.tap(&b));
    assert_eq!(injector.holders(b.link_local), [b.mac]);
    let answer = tap.neighbours().pop().expect("it has answered").1;
    assert_eq!((answer.target, answer.destination), (b.link_local, a.link_local));
    assert_eq!((answer.router, answer.solicited, answer.overrides), (false, true, true));
    b.namespace.set("ipv6/conf/eth0/forwarding", "1");
    poll(SOON, "a router says that it is one", || {
        injector.solicit(b.link_local, Duration::from_millis(300)).iter().any(|it| it.router)
    });
    let nobody = "fe80::1234".parse::<std::net::Ipv6Addr>().expect("an address");
    assert!(injector.who_has(nobody, Duration::from_millis(300)).is_empty());
}

#[test]
fn an_ear_hears_ipv6() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let tap = lab.tap(&a);
    let before = wall_clock();
    let envelope = frames6::Envelope::new(a.mac, a.link_local);
    let message = Message::v3(VRID, 77, 20, VIP_LOCAL).bytes();
    let injector = Injector::open(&a);
    injector.send(&envelope.frame(&message));
    let advert = tap.wait_advert(before, SOON);
    assert_eq!((advert.version, advert.vrid, advert.priority, advert.interval), (3, VRID, 77, 20));
    assert_eq!(advert.addresses, [VIP_LOCAL]);
    advert.assert_envelope(a.mac, a.link_local);
    // The checksum over the message alone is wrong here.
    injector.send(&envelope.frame_as_it_is(&message));
    poll(SOON, "what cannot be read is kept too", || tap.refused().len() == 1);
    assert_eq!(tap.adverts().len(), 1);
}

#[test]
fn keepalived_is_heard_over_ipv6_and_tshark_agrees() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let tap = lab.tap(&a);
    let capture = Capture::begin(&lab, &a, "ip6 proto 112 or icmp6[0] == 136");
    lab.keepalived(&a, &keepalived_v6(200, "version 3\nadvert_int 0.1"));
    for address in [VIP_LOCAL, VIP_GLOBAL] {
        lab.wait_holder_of(address, &a, SOON);
        tap.wait_announcement(0, address, SOON);
    }
    let adverts = tap.wait_adverts(0, 3, SOON);
    for advert in &adverts {
        advert.assert_envelope(a.mac, a.link_local);
        assert_eq!((advert.priority, advert.interval), (200, 10));
        assert_eq!(advert.addresses, [VIP_LOCAL, VIP_GLOBAL]);
    }
    let announcement = tap.neighbours_after(0, VIP_GLOBAL)[0].1;
    assert_eq!((announcement.mac, announcement.to), (a.mac, frames6::ALL_NODES_MAC));
    assert_eq!((announcement.link_layer, announcement.hop_limit), (Some(a.mac), 255));
    let file = capture.end(adverts.iter().map(|advert| advert.frame.len()));
    let fields = ["vrrp.checksum.status", "icmpv6.checksum.status"];
    let packets = dissect(&file, &[], &fields);
    assert!(packets.len() >= 3);
    assert!(packets.iter().all(|fields| fields.concat() == "1"), "{packets:?}");
}
