//! `vipctl peers`: who else speaks on the segment, and what is wrong with it.

use crate::lab::frames::{seal, Envelope, Message};
use crate::lab::injector::Injector;
use crate::lab::{poll, SOON, VIP};
use crate::setup::{keepalived, reload, toml, Pair, V3, VRID};
use crate::vipctl::Vipctl;
use std::net::Ipv4Addr;
use tinyjson::JsonValue;

const ANOTHER: u8 = 77;

/// The line about a speaker.
fn of<'a>(all: &'a [JsonValue], address: &str) -> Option<&'a JsonValue> {
    all.iter().find(|it| it["address"].get::<String>().is_some_and(|it| it == address))
}

fn text(it: &JsonValue, key: &str) -> String {
    it[key].get::<String>().cloned().unwrap_or_default()
}

fn number(it: &JsonValue, key: &str) -> f64 {
    it[key].get::<f64>().copied().unwrap_or(-1.0)
}

#[test]
fn everybody_on_the_segment_is_shown_rightly() {
    let pair = Pair::new();
    let a = pair.start_a(&toml(150, V3));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let ctl = Vipctl::of(&pair.lab, &pair.a);
    poll(SOON, "it answers", || ctl.run(&["status"]).code == 0);
    assert_eq!(ctl.ok(&["peers"]), "nobody else was heard\n");

    // Another group, of keepalived.
    let version = "version 3\nadvert_int 0.2";
    let other = keepalived(100, version).replace(&format!("router_id {VRID}"), "router_id 77");
    let k = pair.lab.keepalived(&pair.b, &other.replace("10.77.0.100", "10.77.0.177"));
    k.wait_log("Entering MASTER STATE", SOON);
    // And all kinds of things with our VRID.
    let host = pair.lab.host("c", "10.77.0.3/24");
    let injector = Injector::open(&host);
    let from = |last: u8| Envelope::new(host.mac, Ipv4Addr::new(10, 77, 0, last));
    let mut carp = vec![0x21, VRID, 9, 7, 0, 1, 0, 0];
    carp.resize(36, 0x5a);
    seal(&mut carp);
    let right = Message::v3(VRID, 100, 20, VIP);
    let mut damaged = right.bytes();
    damaged[6] ^= 1;
    let elsewhere = vec![Ipv4Addr::new(192, 0, 2, 1).into()];
    let other_group = Message { middle: 100, addresses: elsewhere, ..right.clone() };
    let v2 = Message::v2(VRID, 100, 1, VIP);
    let frames = [
        from(11).frame(&right.bytes()),
        from(12).frame(&carp),
        from(13).frame(&damaged),
        from(14).frame(&other_group.bytes()),
        from(15).frame(&v2.bytes()),
    ];
    poll(SOON, "all are heard", || {
        frames.iter().for_each(|frame| injector.send(frame));
        let all = ctl.json(&["peers"]);
        (11..16).all(|last| of(&all, &format!("10.77.0.{last}")).is_some())
            && of(&all, "10.77.0.2").is_some()
    });
    let all = ctl.json(&["peers"]);
    let get = |address: &str| of(&all, address).unwrap_or_else(|| panic!("no {address}"));

    let stranger = get("10.77.0.2");
    assert_eq!(number(stranger, "virtual_router_id"), f64::from(ANOTHER));
    assert!((text(stranger, "instance").as_str(), number(stranger, "priority")) == ("", 100.0));
    assert!((number(stranger, "advert_int") - 0.2).abs() < 1e-6, "{stranger:?}");
    assert_eq!(text(stranger, "checksum"), "pseudo-header", "as keepalived sends it");
    for (address, protocol, rejected, collision) in [
        ("10.77.0.11", "VRRP", "", false),
        ("10.77.0.12", "CARP", "they are CARP, not VRRP; give one of the two another id", true),
        ("10.77.0.13", "VRRP", "wrong checksum", false),
        ("10.77.0.14", "VRRP", "", true),
        (
            "10.77.0.15",
            "VRRP",
            "another VRRP version than ours; set the same version on both routers",
            false,
        ),
    ] {
        let it = get(address);
        assert_eq!(text(it, "protocol"), protocol, "{address}");
        assert_eq!(text(it, "rejected").as_str(), rejected, "{address}");
        assert_eq!(it["collision"].get::<bool>(), Some(&collision), "{address}");
        assert_eq!(text(it, "instance"), "vip");
    }
    assert_eq!(text(get("10.77.0.11"), "checksum"), "message");

    // For people.
    let said = ctl.ok(&["peers"]);
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    assert!(said.contains("eth0      77   10.77.0.2             VRRPv3   100  200 ms"), "{said}");
    let flat = said.replace("\n  ", " ");
    for says in [
        "10.77.0.14 is of another group with our virtual_router_id 51",
        "give one of them another, such as 52, 53, 54",
        "adverts of 10.77.0.15 were not heeded: another VRRP version than ours; set the same",
    ] {
        assert!(flat.contains(says), "{says}: {said}");
    }
    // It is not forgotten by a reload.
    reload(&pair.lab, "a", &a, &toml(160, V3));
    ctl.ok(&["reload"]);
    assert!(ctl.ok(&["status", "vip"]).contains("10.77.0.11: priority 100"));
    assert!(of(&ctl.json(&["peers"]), "10.77.0.2").is_some());
}
