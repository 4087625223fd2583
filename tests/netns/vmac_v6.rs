//! Virtual MAC addresses over IPv6, and of an instance with both families.

use crate::lab::frames6::{open, Neighbour};
use crate::lab::injector::Injector;
use crate::lab::recorder::{Frame, Recorder};
use crate::lab::{poll, wall_clock, Host, SOON, VIP, VIP_GLOBAL, VIP_LOCAL};
use crate::setup::{toml, Pair, V3, VRID};
use crate::vmac::{is_up, link, VMAC};
use std::path::Path;
use std::time::Duration;

/// V3-012: 00-00-5E-00-02-VRID.
const VMAC6: [u8; 6] = [0, 0, 0x5e, 0, 2, VRID];
const DEVICE6: &str = "vrrp6.51";

/// Both families in one instance.
fn dual(priority: u8) -> String {
    let both = format!("\"{VIP}/24\", \"{VIP_LOCAL}/64\", \"{VIP_GLOBAL}/64\"");
    let more = format!("{V3}\nuse_vmac = true");
    toml(priority, &more).replace(&format!("\"{VIP}/24\""), &both)
}

fn ping(from: &Host, arguments: &[&str]) -> bool {
    let mut ping = from.namespace.command(Path::new("ping"));
    ping.args(["-6", "-q", "-c", "3", "-i", "0.2", "-W", "2"]).args(arguments);
    ping.output().expect("ping can be run").status.success()
}

/// Neighbour solicitations, by whom and with which hardware address of the sender.
fn questions(frames: &[Frame]) -> Vec<(std::net::Ipv6Addr, Vec<u8>, Vec<u8>)> {
    let question = |frame: &Frame| {
        let (source, _, _, next_header, message) = open(&frame.bytes)?;
        let asks = next_header == 58 && message.first() == Some(&135);
        let link_layer = message.get(24..32).filter(|option| asks && option[..2] == [1, 1])?;
        Some((source, frame.source().to_vec(), link_layer[2..].to_vec()))
    };
    frames.iter().filter_map(question).collect()
}

/// Adverts, announcements, answers and questions of a MASTER; the host need not be a router.
#[test]
fn v3_011_v3_098_v3_099_ipv6_has_its_virtual_mac_too() {
    let pair = Pair::new();
    let client = pair.lab.host("c", "10.77.0.3/24");
    pair.a.ip(&["address add 2001:db8:77::1/64 dev eth0"]);
    client.ip(&["address add 2001:db8:77::3/64 dev eth0"]);
    let (of_a, of_b) = (Recorder::open(&pair.lab, &pair.a), Recorder::open(&pair.lab, &pair.b));
    let (a, b) = pair.start_both(&dual(150), &dual(100));
    for (device, host, up) in [(DEVICE6, &pair.a, true), (DEVICE6, &pair.b, false)] {
        assert!(link(host, device).contains("addrgenmode none") && is_up(host, device) == up);
    }
    let injector = Injector::open(&client);
    for address in [VIP_LOCAL, VIP_GLOBAL] {
        assert_eq!(injector.holders(address), [VMAC6], "{address}");
        for answer in injector.solicit(address, Duration::from_millis(300)) {
            assert!(answer.router && answer.mac == VMAC6, "{answer:?}");
        }
        pair.hears_a.wait_announcement(0, address, SOON);
    }
    assert_eq!(injector.holders(VIP), [VMAC]);
    assert_eq!(injector.holders(pair.a.link_local), [pair.a.mac]);
    assert!(ping(&client, &[&VIP_GLOBAL.to_string()]));
    assert!(ping(&pair.a, &["-I", &VIP_GLOBAL.to_string(), "2001:db8:77::3"]));
    assert!(ping(&client, &[&format!("{VIP_LOCAL}%eth0")]));

    let before = wall_clock();
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    b.wait_log("vip: BACKUP -> MASTER", SOON);
    pair.hears_b.wait_announcement(before, VIP_GLOBAL, SOON);
    assert_eq!(injector.holders(VIP_GLOBAL), [VMAC6]);

    let adverts = pair.hears_a.adverts();
    assert_eq!(adverts.iter().filter(|advert| advert.priority == 0).count(), 2);
    for advert in &adverts {
        match advert.source.is_ipv6() {
            true => advert.assert_envelope(VMAC6, pair.a.link_local),
            false => advert.assert_envelope(VMAC, pair.a.address),
        }
    }
    let all = of_a.after(0);
    for it in all.iter().filter_map(|frame| Neighbour::parse(&frame.bytes)) {
        if [VIP_LOCAL, VIP_GLOBAL].contains(&it.target) {
            assert_eq!((it.mac, it.link_layer, it.router), (VMAC6, Some(VMAC6), true), "{it:?}");
        }
    }
    for (source, from, says) in questions(&all) {
        let virtually = [VIP_LOCAL, VIP_GLOBAL].contains(&source);
        let mac = if virtually { VMAC6 } else { pair.a.mac };
        assert_eq!((from, says), (mac.to_vec(), mac.to_vec()), "{source}");
    }
    // Nothing came from it while it was not MASTER, and no address was made out of it (V3-101).
    let early = |frame: &&Frame| frame.at < before && frame.source() == VMAC6;
    assert_eq!(of_b.after(0).iter().filter(early).count(), 0);
    assert_eq!(link(&pair.a, DEVICE6), "");
}

/// With a mind of its own about its neighbours, and stopped and started in between.
#[test]
fn ipv6_goes_back_and_forth() {
    let pair = Pair::new();
    let client = Injector::open(&pair.lab.host("c", "10.77.0.3/24"));
    let of_b = Recorder::open(&pair.lab, &pair.b);
    let (a, b) = pair.start_both(&dual(150), &dual(100));
    a.signal("KILL");
    a.wait_end(SOON);
    b.wait_log("vip: BACKUP -> MASTER: no advert from", SOON);
    let again = pair.start_a(&dual(150));
    again.wait_log("vip: BACKUP -> MASTER", SOON);
    b.wait_log("vip: MASTER -> BACKUP", SOON);
    // Up to here the kernel may have told its groups again, as a MASTER's.
    let given_up = wall_clock();
    pair.lab.wait_holder_of(VIP_GLOBAL, &pair.a, SOON);
    assert_eq!(client.holders(VIP_GLOBAL), [VMAC6]);
    poll(SOON, "it is down", || !is_up(&pair.b, DEVICE6));
    // Not even that it leaves its groups: a switch would take it for the MASTER again.
    let late = of_b.after(given_up);
    assert!(late.iter().all(|frame| ![VMAC, VMAC6].contains(&frame.source().try_into().unwrap())));
    assert!(again.lines("discarding").is_empty() && b.lines("discarding").is_empty());
    assert!(again.lines("cannot").is_empty() && b.lines("cannot").is_empty());
}
