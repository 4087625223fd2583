//! Requirements of the RFCs that only a kernel can show, by their numbers.

use crate::lab::frames::{mac_text, Envelope, Message};
use crate::lab::injector::Injector;
use crate::lab::{wall_clock, Host, SOON, VIP};
use crate::setup::{counter, dead_end, toml, Pair, V3, VRID};
use std::path::Path;

/// Destination 224.0.0.18 and its hardware address, TTL 255, protocol 112, from the first to the
/// last, and nothing else of VRRP.
#[test]
fn v3_002_v3_004_v3_006_v3_013_adverts_go_to_the_group() {
    let pair = Pair::new();
    let a = pair.start_a(&toml(150, V3));
    pair.hears_a.wait_adverts(0, 4, SOON);
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    let adverts = pair.hears_a.adverts();
    assert!(adverts.len() >= 5 && adverts.last().is_some_and(|last| last.priority == 0));
    for advert in &adverts {
        advert.assert_envelope(pair.a.mac, pair.a.address);
    }
    assert_eq!(pair.hears_a.refused(), Vec::<String>::new());
}

#[test]
fn v3_014_own_adverts_are_not_heard() {
    let pair = Pair::new();
    let a = pair.start_a(&toml(150, V3));
    pair.hears_a.wait_adverts(0, 10, SOON);
    assert!(counter(&a, "vip", "advertisement_sent") >= 10);
    assert_eq!(counter(&a, "vip", "advertisement_rcvd"), 0);
    assert!(a.lines("discarding").is_empty());
}

/// Two virtual routers on one interface, a third on another: what one hears is nothing to the
/// others.
#[test]
fn v3_045_v3_064_each_virtual_router_stands_alone() {
    let pair = Pair::new();
    dead_end(&pair.a);
    let more = |name: &str, interface: &str, vrid: u8, vip: &str| {
        format!(
            "[vrrp_instance.{name}]\ninterface = \"{interface}\"\nvirtual_router_id = {vrid}\n\
             {V3}\nvirtual_ipaddress = [\"{vip}\"]\n"
        )
    };
    let elsewhere = VRID + 9;
    let config = toml(100, V3)
        + &more("second", "eth0", VRID + 1, "10.77.0.101/32")
        + &more("other", "eth1", elsewhere, "10.88.0.100/32");
    let a = pair.start_a(&config);
    for name in ["vip", "second", "other"] {
        a.wait_log(&format!("{name}: BACKUP -> MASTER"), SOON);
    }
    let injector = Injector::open(&pair.b);
    let envelope = Envelope::new(pair.b.mac, pair.b.address);
    injector.send(&envelope.frame(&Message::v3(elsewhere, 200, 20, VIP).bytes()));
    injector.send(&envelope.frame(&Message::v3(VRID, 200, 20, VIP).bytes()));
    a.wait_log("vip: MASTER -> BACKUP: 10.77.0.2 has priority 200", SOON);
    assert_eq!(counter(&a, "interface eth0 ipv4", "vrid_errors"), 1);
    for name in ["second", "other"] {
        assert!(a.lines(&format!("{name}: MASTER ->")).is_empty());
        assert_eq!(counter(&a, name, "advertisement_rcvd"), 0);
    }
}

/// Whether a host answers what is sent to the virtual address by its hardware address.
fn answers(from: &Host, through: &Host) -> bool {
    let mac = mac_text(through.mac);
    from.ip(&[&format!("neighbour replace {VIP} lladdr {mac} dev eth0")]);
    let mut ping = from.namespace.command(Path::new("ping"));
    ping.args(["-q", "-c", "2", "-i", "0.2", "-W", "1", &VIP.to_string()]);
    ping.output().expect("ping can be run").status.success()
}

#[test]
fn v3_070_v2_016_v3_074_v3_110_the_master_alone_answers() {
    let pair = Pair::new();
    let client = pair.lab.host("c", "10.77.0.3/24");
    let (a, _b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    let injector = Injector::open(&client);
    assert_eq!(injector.holders(VIP), [pair.a.mac]);
    assert!(answers(&client, &pair.a));
    assert!(!answers(&client, &pair.b));
    let before = wall_clock();
    a.kill();
    pair.a.ip(&[&format!("address del {VIP}/24 dev eth0")]);
    pair.hears_b.wait_announcement(before, VIP, SOON);
    assert_eq!(injector.holders(VIP), [pair.b.mac]);
    assert!(answers(&client, &pair.b));
    assert!(!answers(&client, &pair.a));
}
