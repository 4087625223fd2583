//! The interfaces of virtual MAC addresses: made, found again, removed, and who gets in the way.

use crate::lab::frames::Arp;
use crate::lab::injector::Injector;
use crate::lab::process::Process;
use crate::lab::recorder::{Frame, Recorder};
use crate::lab::{poll, wall_clock, Host, Lab, SOON, VIP};
use crate::setup::{dead_end, toml, vipd, wait_master, V3};
use crate::vmac::{is_up, link, wait_down, with_vmac, DEVICE, VMAC};
use std::net::Ipv4Addr;

/// A router alone, MASTER.
fn alone() -> (Lab, Host, Process) {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let process = start(&lab, &a, &with_vmac(100));
    (lab, a, process)
}

fn start(lab: &Lab, a: &Host, toml: &str) -> Process {
    let process = lab.vipd(vipd(), a, toml);
    wait_master(&process);
    lab.wait_holder(a, SOON);
    process
}

fn setting(host: &Host, name: &str) -> String {
    let path = format!("/proc/sys/net/ipv4/conf/{name}");
    let text = host.namespace.run(|| std::fs::read_to_string(&path));
    text.unwrap_or_else(|error| panic!("{path}: {error}")).trim().to_owned()
}

/// What is set on the interface below.
fn below(host: &Host) -> [String; 2] {
    [setting(host, "eth0/arp_ignore"), setting(host, "eth0/arp_announce")]
}

#[test]
fn v3_101_v3_103_the_interface_and_its_settings() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    a.namespace.set("ipv4/conf/eth0/arp_announce", "1");
    let process = start(&lab, &a, &with_vmac(100));
    let says = link(&a, DEVICE);
    for text in ["mode private", "addrgenmode none", "00:00:5e:00:01:33", "alias vipd: vip "] {
        assert!(says.contains(text), "{text}: {says}");
    }
    assert!(is_up(&a, DEVICE));
    assert_eq!(below(&a), ["1", "2"]);
    for (name, value) in [
        ("arp_ignore", "1"),
        ("arp_announce", "2"),
        ("rp_filter", "0"),
        ("accept_local", "1"),
        ("promote_secondaries", "1"),
    ] {
        assert_eq!(setting(&a, &format!("{DEVICE}/{name}")), value, "{name}");
    }
    let addresses = a.namespace.ip_output(&["-o", "address", "show", "dev", DEVICE]);
    assert!(
        addresses.contains(&format!("{VIP}/24")) && !addresses.contains("inet6"),
        "{addresses}"
    );
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    assert_eq!(link(&a, DEVICE), "");
    assert_eq!(below(&a), ["0", "1"], "what was there before");
    assert!(process.lines("cannot").is_empty());
}

#[test]
fn a_killed_run_is_gone_on_with() {
    let (lab, a, process) = alone();
    process.signal("KILL");
    process.wait_end(SOON);
    assert!(is_up(&a, DEVICE) && a.holds(VIP), "it has left all as it was");
    let tap = lab.tap(&a);
    let client = lab.host("c", "10.77.0.3/24");
    let again = lab.vipd(vipd(), &a, &with_vmac(100));
    wait_master(&again);
    assert_eq!(tap.wait_advert(0, SOON).frame[6..12], VMAC);
    assert_eq!(Injector::open(&client).holders(VIP), [VMAC]);
    assert_eq!(below(&a), ["1", "2"]);
    again.signal("TERM");
    assert!(again.wait_end(SOON).success());
    assert_eq!((link(&a, DEVICE).as_str(), below(&a)), ("", ["0".into(), "0".into()]));
    assert!(again.lines("cannot").is_empty());
}

/// Its instance has no virtual MAC address any more; and one that is not ours stays.
#[test]
fn what_a_killed_run_has_left_is_removed() {
    let (lab, a, process) = alone();
    process.signal("KILL");
    process.wait_end(SOON);
    a.ip(&["link add link eth0 name other type macvlan mode private", "link set other alias mine"]);
    let again = start(&lab, &a, &toml(100, V3));
    again.wait_log("removing the interface vrrp.51: an earlier run has left it there", SOON);
    assert_eq!(link(&a, DEVICE), "");
    assert_eq!(below(&a), ["0", "0"]);
    assert!(link(&a, "other").contains("alias mine"));
    let client = lab.host("c", "10.77.0.3/24");
    assert_eq!(Injector::open(&client).holders(VIP), [a.mac]);
}

/// Two instances on one interface, and one on another.
#[test]
fn instances_share_what_is_below() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    dead_end(&a);
    let more = |name: &str, interface: &str, vrid: u8, vip: &str| {
        format!(
            "[vrrp_instance.{name}]\ninterface = \"{interface}\"\nvirtual_router_id = {vrid}\n\
             {V3}\nuse_vmac = true\nvirtual_ipaddress = [\"{vip}\"]\n"
        )
    };
    let config = with_vmac(100)
        + &more("second", "eth0", 52, "10.77.0.101/32")
        + &more("same", "eth1", 51, "10.88.0.100/32");
    let process = start(&lab, &a, &config);
    for name in ["second", "same"] {
        process.wait_log(&format!("{name}: BACKUP -> MASTER"), SOON);
    }
    for (device, below) in [(DEVICE, "eth0"), ("vrrp.52", "eth0"), ("vrrp-2.51", "eth1")] {
        assert!(link(&a, device).contains(&format!("{device}@{below}:")), "{device}");
        assert!(is_up(&a, device), "{device}");
    }
    let client = lab.host("c", "10.77.0.3/24");
    let injector = Injector::open(&client);
    assert_eq!(injector.holders(VIP), [VMAC]);
    assert_eq!(injector.holders(Ipv4Addr::new(10, 77, 0, 101)), [[0, 0, 0x5e, 0, 1, 52]]);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    for device in [DEVICE, "vrrp.52", "vrrp-2.51"] {
        assert_eq!(link(&a, device), "");
    }
    assert_eq!(below(&a), ["0", "0"]);
    assert_eq!(setting(&a, "eth1/arp_ignore"), "0");
    assert!(process.lines("cannot").is_empty());
}

#[test]
fn a_name_that_somebody_else_has() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    a.ip(&[&format!("link add {DEVICE} type veth peer name nobody")]);
    let process = lab.vipd(vipd(), &a, &with_vmac(100));
    process.wait_log(
        "vip: INIT -> FAULT: there is another interface vrrp.51, which is no macvlan",
        SOON,
    );
    assert_eq!(below(&a), ["0", "0"]);
    a.ip(&[&format!("link delete {DEVICE}")]);
    process.wait_log("vip: FAULT -> BACKUP: over: the virtual MAC address cannot be used", SOON);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    lab.wait_holder(&a, SOON);
}

/// As in a container: the interface is a macvlan itself.
#[test]
fn on_top_of_a_macvlan() {
    let lab = Lab::new();
    let a = lab.unplugged("a", "10.77.0.1/24");
    lab.plug(&a);
    // It is on the same segment, and would answer for every address of the host.
    a.namespace.set("ipv4/conf/eth0/arp_ignore", "1");
    a.ip(&[
        "link add mv0 link eth0 address 02:00:00:00:77:77 type macvlan mode bridge",
        "address add 10.77.0.1/24 dev mv0",
        "link set mv0 up",
    ]);
    let toml = with_vmac(100).replace("eth0", "mv0");
    let process = start(&lab, &a, &toml);
    let client = lab.host("c", "10.77.0.3/24");
    let injector = Injector::open(&client);
    assert_eq!(injector.holders(VIP), [VMAC]);
    process.signal("KILL");
    process.wait_end(SOON);
    let process = start(&lab, &a, &toml);
    assert_eq!(injector.holders(VIP), [VMAC]);
    let better = lab.vipd(vipd(), &lab.host("b", "10.77.0.2/24"), &with_vmac(150));
    better.wait_log("vip: BACKUP -> MASTER", SOON);
    process.wait_log("vip: MASTER -> BACKUP: 10.77.0.2 has priority 150", SOON);
    wait_down(&a);
    better.signal("TERM");
    process.wait_log("vip: BACKUP -> MASTER: 10.77.0.2 resigned", SOON);
    a.ip(&["link delete mv0"]);
    process.wait_log("-> FAULT: mv0 ", SOON);
    poll(SOON, "it is removed", || link(&a, DEVICE).is_empty());
}

/// The port of a bridge cannot have one.
#[test]
fn an_interface_that_can_have_none() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    a.ip(&["link add bridge0 type bridge", "link set eth0 master bridge0"]);
    let process = lab.vipd(vipd(), &a, &with_vmac(100));
    process.wait_log("vip: INIT -> FAULT: cannot make vrrp.51 on eth0: ", SOON);
    process.wait_log("is that a port of a bridge or a bond?", SOON);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
}

#[test]
fn the_interface_below_is_deleted_and_made_again() {
    let (lab, a, process) = alone();
    a.ip(&["link delete eth0"]);
    process.wait_log("vip: MASTER -> FAULT: eth0 ", SOON);
    assert_eq!(link(&a, DEVICE), "");
    lab.plug(&a);
    let tap = lab.tap(&a);
    let again = process.mark();
    a.ip(&["address add 10.77.0.1/24 dev eth0"]);
    process.wait_log_after(again, "vip: BACKUP -> MASTER", SOON);
    lab.wait_holder(&a, SOON);
    assert_eq!(tap.wait_advert(0, SOON).frame[6..12], VMAC);
    assert_eq!(below(&a), ["1", "2"]);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    assert_eq!(below(&a), ["0", "0"]);
    assert!(process.lines("cannot").is_empty());
}

#[test]
fn the_interface_below_goes_down_and_comes_up() {
    let (lab, a, process) = alone();
    lab.carrier(&a, false);
    process.wait_log("vip: MASTER -> FAULT: eth0 is down", SOON);
    wait_down(&a);
    lab.carrier(&a, true);
    process.wait_log("vip: FAULT -> BACKUP: over: eth0 is down", SOON);
    lab.wait_holder(&a, SOON);
    let client = lab.host("c", "10.77.0.3/24");
    assert_eq!(Injector::open(&client).holders(VIP), [VMAC]);
}

#[test]
fn an_interface_that_gets_another_name_is_given_up() {
    let (lab, a, process) = alone();
    a.ip(&["link set eth0 name eth7"]);
    process.wait_log("vip: MASTER -> FAULT: eth0 ", SOON);
    poll(SOON, "the macvlan is removed", || link(&a, DEVICE).is_empty());
    a.ip(&["link set eth7 name eth0"]);
    lab.wait_holder(&a, SOON);
    assert!(process.lines("cannot").is_empty());
}

/// Somebody else's hands: the daemon has the last word, and stays MASTER.
#[test]
fn somebody_deletes_it_or_sets_it_down() {
    let (lab, a, process) = alone();
    let client = lab.host("c", "10.77.0.3/24");
    let injector = Injector::open(&client);
    let tap = lab.tap(&a);
    for command in ["link set vrrp.51 down", "link delete vrrp.51", "link set vrrp.51 down"] {
        let before = wall_clock();
        a.ip(&[command]);
        poll(SOON, "it is up again", || is_up(&a, DEVICE));
        lab.wait_holder(&a, SOON);
        assert_eq!(injector.holders(VIP), [VMAC]);
        tap.wait_adverts(before, 5, SOON);
    }
    assert!(tap.adverts().iter().all(|advert| advert.frame[6..12] == VMAC));
    assert_eq!(process.lines("vip: MASTER -> ").len(), 0, "the state is what it was");
}

#[test]
fn somebody_sets_it_up_on_a_backup() {
    let lab = Lab::new();
    let (a, b) = (lab.host("a", "10.77.0.1/24"), lab.host("b", "10.77.0.2/24"));
    let _better = start(&lab, &b, &with_vmac(200));
    let process = lab.vipd(vipd(), &a, &with_vmac(100));
    process.wait_log("vip: INIT -> BACKUP", SOON);
    for _ in 0..3 {
        a.ip(&["link set vrrp.51 up"]);
        wait_down(&a);
    }
    assert_eq!(lab.holders(VIP), ["b"]);
}

/// An owner whose address is nowhere but on its virtual MAC address: not even when it starts does
/// anybody hear of another one.
#[test]
fn v3_102_an_owner_never_shows_its_own_mac() {
    let lab = Lab::new();
    let a = lab.unplugged("a", "10.77.0.1/24");
    lab.plug(&a);
    let frames = Recorder::open(&lab, &a);
    let tap = lab.tap(&a);
    let process = start(&lab, &a, &with_vmac(255));
    for advert in tap.wait_adverts(0, 3, SOON) {
        advert.assert_envelope(VMAC, VIP);
    }
    let client = lab.host("c", "10.77.0.3/24");
    assert_eq!(Injector::open(&client).holders(VIP), [VMAC]);
    let other = lab.host("d", "10.77.0.4/24");
    let mut ping = a.namespace.command("ping".as_ref());
    ping.args(["-q", "-c", "1", "-W", "5", &other.address.to_string()]);
    assert!(ping.output().expect("ping can be run").status.success());
    let arps: Vec<Arp> = frames.after(0).iter().filter_map(Frame::arp).collect();
    assert!(arps.len() >= 2 && arps.iter().all(|arp| arp.sender_mac == VMAC), "{arps:?}");
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    assert_eq!(
        tap.adverts().last().map(|last| (last.priority, last.source)),
        Some((0, VIP.into()))
    );

    // On the interface itself it would be answered for with the wrong one: that is told.
    a.ip(&[&format!("address add {VIP}/24 dev eth0")]);
    let process = start(&lab, &a, &with_vmac(255));
    process.wait_log("vip: 10.77.0.100 is on eth0 as well, and eth0 answers for it", SOON);
    process.wait_log("remove it there", SOON);
}
