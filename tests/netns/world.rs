//! Interfaces and addresses that come, go and change under the daemon.

use crate::lab::injector::Injector;
use crate::lab::process::Process;
use crate::lab::{poll, wall_clock, Host, Lab, SOON, VIP};
use crate::setup::{toml, vipd, Pair, V3};

/// A router alone, MASTER.
fn alone() -> (Lab, Host, Process) {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let process = lab.vipd(vipd(), &a, &toml(100, V3));
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    lab.wait_holder(&a, SOON);
    (lab, a, process)
}

#[test]
fn an_interface_that_comes_later() {
    let lab = Lab::new();
    let a = lab.unplugged("a", "10.77.0.1/24");
    let process = lab.vipd(vipd(), &a, &toml(100, V3));
    process.wait_log("vip: INIT -> FAULT: eth0 does not exist", SOON);
    process.wait_log("there is no interface eth0 here: FAULT until it appears", SOON);
    lab.plug(&a);
    a.ip(&["address add 10.77.0.1/24 dev eth0"]);
    process.wait_log("vip: FAULT -> BACKUP: over: ", SOON);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    lab.wait_holder(&a, SOON);
    lab.tap(&a).wait_advert(0, SOON);
}

#[test]
fn a_carrier_that_is_lost_and_found() {
    let pair = Pair::new();
    let (a, b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    pair.lab.carrier(&pair.a, false);
    a.wait_log("vip: MASTER -> FAULT: eth0 is down", SOON);
    b.wait_log("vip: BACKUP -> MASTER: ", SOON);
    pair.lab.wait_holder(&pair.b, SOON);
    pair.lab.carrier(&pair.a, true);
    a.wait_log("vip: FAULT -> BACKUP: over: eth0 is down", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    b.wait_log("vip: MASTER -> BACKUP: 10.77.0.1 has priority 150", SOON);
}

#[test]
fn an_interface_that_is_set_down_and_up() {
    let (lab, a, process) = alone();
    let tap = lab.tap(&a);
    a.ip(&["link set eth0 down"]);
    process.wait_log("vip: MASTER -> FAULT: eth0 is down", SOON);
    let up = wall_clock();
    a.ip(&["link set eth0 up"]);
    process.wait_log("vip: FAULT -> BACKUP: over: eth0 is down", SOON);
    tap.wait_advert(up, SOON);
    tap.wait_announcement(up, VIP, SOON);
    lab.wait_holder(&a, SOON);
    assert_eq!(process.lines("cannot").len(), 0);
}

#[test]
fn a_primary_address_that_is_removed_and_put_back() {
    let (lab, a, process) = alone();
    let tap = lab.tap(&a);
    // Without this the kernel removes the VIP too, as it is a secondary address of the same prefix.
    a.namespace.set("ipv4/conf/eth0/promote_secondaries", "1");
    a.ip(&["address delete 10.77.0.1/24 dev eth0"]);
    let fault = process.wait_log("vip: MASTER -> FAULT: eth0 has no address to send from", SOON);
    poll(SOON, "the address is gone", || lab.holders(VIP).is_empty());
    a.ip(&["address add 10.77.0.1/24 dev eth0"]);
    process.wait_log("vip: FAULT -> BACKUP: over: eth0 has no address to send from", SOON);
    lab.wait_holder(&a, SOON);
    let adverts = tap.adverts_after(fault.at);
    assert!(adverts.iter().all(|advert| advert.source == a.address), "{adverts:?}");
}

/// The same, but the kernel takes the VIP away with the address that it was a secondary of.
#[test]
fn a_primary_address_that_takes_the_vip_with_it() {
    let (lab, a, process) = alone();
    a.namespace.set("ipv4/conf/eth0/promote_secondaries", "0");
    a.ip(&["address delete 10.77.0.1/24 dev eth0"]);
    process.wait_log("vip: MASTER -> FAULT: eth0 has no address to send from", SOON);
    poll(SOON, "the address is gone", || lab.holders(VIP).is_empty());
    a.ip(&["address add 10.77.0.1/24 dev eth0"]);
    lab.wait_holder(&a, SOON);
    assert_eq!(process.lines("cannot change").len(), 0);
}

#[test]
fn a_vip_that_somebody_deletes_is_put_back() {
    let (lab, a, process) = alone();
    let tap = lab.tap(&a);
    let deleted = wall_clock();
    a.ip(&[&format!("address delete {VIP}/24 dev eth0")]);
    process.wait_log("10.77.0.100 has vanished from eth0: putting it back", SOON);
    poll(SOON, "it is back", || a.holds(VIP));
    tap.wait_announcement(deleted, VIP, SOON);
    let client = lab.host("client", "10.77.0.200/24");
    assert_eq!(Injector::open(&client).holders(VIP), [a.mac]);
    tap.wait_adverts(wall_clock(), 5, SOON);
    assert_eq!(process.lines("vip: MASTER -> ").len(), 0, "the state is what it was");
    assert_eq!(process.lines("putting it back").len(), 1);
}

#[test]
fn a_vip_that_was_there_before_is_used_and_left() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    a.ip(&[&format!("address add {VIP}/24 dev eth0")]);
    let tap = lab.tap(&a);
    let process = lab.vipd(vipd(), &a, &toml(100, V3));
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    tap.wait_announcement(0, VIP, SOON);
    assert_eq!(tap.wait_advert(0, SOON).source, a.address, "not from the virtual address");
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    assert!(a.holds(VIP), "it is not ours to remove");
    assert_eq!(process.lines("cannot").len(), 0);
}

#[test]
fn an_interface_that_is_deleted_and_made_again() {
    let (lab, a, process) = alone();
    a.ip(&["link delete eth0"]);
    // On its way out it is down first, and that may be heard before the rest.
    process.wait_log("vip: MASTER -> FAULT: eth0 ", SOON);
    lab.plug(&a);
    a.ip(&["address add 10.77.0.1/24 dev eth0"]);
    let tap = lab.tap(&a);
    process.wait_log("vip: FAULT -> BACKUP: over: ", SOON);
    lab.wait_holder(&a, SOON);
    tap.wait_adverts(0, 3, SOON);
    // It hears as well as it speaks.
    let b = lab.host("b", "10.77.0.2/24");
    let better = lab.vipd(vipd(), &b, &toml(150, V3));
    better.wait_log("vip: BACKUP -> MASTER", SOON);
    process.wait_log("vip: MASTER -> BACKUP: 10.77.0.2 has priority 150", SOON);
    lab.wait_holder(&b, SOON);
}

/// Old and new news come in one go: the name is the same, the interface is another.
#[test]
fn an_interface_that_is_replaced_while_the_daemon_stands() {
    let (lab, a, process) = alone();
    process.stop();
    a.ip(&["link delete eth0"]);
    lab.plug(&a);
    a.ip(&["address add 10.77.0.1/24 dev eth0"]);
    let tap = lab.tap(&a);
    process.signal("CONT");
    tap.wait_adverts(0, 3, SOON);
    tap.wait_announcement(0, VIP, SOON);
    lab.wait_holder(&a, SOON);
    let b = lab.host("b", "10.77.0.2/24");
    let better = lab.vipd(vipd(), &b, &toml(150, V3));
    better.wait_log("vip: BACKUP -> MASTER: 10.77.0.1 has priority 100", SOON);
    process.wait_log("vip: MASTER -> BACKUP: 10.77.0.2 has priority 150", SOON);
    lab.wait_holder(&b, SOON);
}

#[test]
fn a_second_address_changes_nothing() {
    let (lab, a, process) = alone();
    let tap = lab.tap(&a);
    let added = wall_clock();
    a.ip(&["address add 10.77.0.3/24 dev eth0", "address add 10.1.1.1/8 dev eth0"]);
    let adverts = tap.wait_adverts(added, 5, SOON);
    assert!(adverts.iter().all(|advert| advert.source == a.address));
    a.ip(&["address delete 10.77.0.3/24 dev eth0"]);
    let adverts = tap.wait_adverts(wall_clock(), 3, SOON);
    assert!(adverts.iter().all(|advert| advert.source == a.address));
    assert_eq!(process.lines("vip: MASTER -> ").len(), 0);
}

/// More news than the daemon's socket holds while it does not run: it reads everything again.
#[test]
fn ten_thousand_changes_elsewhere() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    a.ip(&["link add else0 type veth peer name else1", "link set else0 up"]);
    let process = lab.vipd(vipd(), &a, &toml(100, "version = 3\nadvert_int = 1"));
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    lab.wait_holder(&a, SOON);
    let tap = lab.tap(&a);

    let commands = |verb: &str| -> Vec<String> {
        let address = |n: u32| format!("10.{}.{}.1/24", 100 + n / 250, n % 250);
        (0..5000).map(|n| format!("address {verb} {} dev else0", address(n))).collect()
    };
    let commands = [commands("add"), commands("delete")].concat();
    let begin = wall_clock();
    // While it stands, its socket cannot be emptied.
    process.stop();
    let (stopped, running) = commands.split_at(4000);
    a.ip(&stopped.iter().map(String::as_str).collect::<Vec<_>>());
    process.signal("CONT");
    process.wait_log("missed changes of interfaces or addresses: reading them all again", SOON);
    a.ip(&running.iter().map(String::as_str).collect::<Vec<_>>());

    tap.wait_adverts(wall_clock(), 3, SOON);
    assert!(tap.adverts_after(begin).iter().all(|advert| advert.priority == 100));
    assert_eq!(process.lines("vip: MASTER -> ").len(), 0);
    assert_eq!(lab.holders(VIP), ["a"]);
    // It still hears what concerns it.
    a.ip(&[&format!("address delete {VIP}/24 dev eth0")]);
    process.wait_log("10.77.0.100 has vanished from eth0: putting it back", SOON);
    poll(SOON, "it is back", || a.holds(VIP));
}
