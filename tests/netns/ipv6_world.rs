//! Interfaces, link-local addresses and virtual ones of IPv6 that come, go and change under the daemon.

use crate::ipv6::Alone;
use crate::lab::{poll, wall_clock, Lab, SOON, VIP_GLOBAL, VIP_LOCAL};
use crate::setup::{toml_v6, vipd, Pair, V3_INT};
use std::net::Ipv6Addr;

/// The kernel would ask for a second whether somebody else has the address, and if so, never use it.
#[test]
fn v3_106_a_virtual_address_is_used_at_once_though_another_has_it() {
    let pair = Pair::new();
    pair.a.namespace.set("ipv6/conf/eth0/accept_dad", "1");
    pair.b.ip(&[&format!("address add {VIP_GLOBAL}/64 dev eth0")]);
    let a = pair.start_a(&toml_v6(150, V3_INT));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    poll(SOON, "it has the address", || pair.a.holds(VIP_GLOBAL));
    let show = pair.a.namespace.ip_output(&["-6", "address", "show", "dev", "eth0"]);
    let line = show.lines().find(|line| line.contains(&VIP_GLOBAL.to_string()));
    let line = line.expect("it was there");
    assert!(line.contains(" nodad"), "{line}");
    assert!(!line.contains("tentative") && !line.contains("dadfailed"), "{line}");
    pair.hears_a.wait_announcement(0, VIP_GLOBAL, SOON);
}

/// Nobody is to send from an address that stands alone: it may be gone the next moment.
#[test]
fn a_virtual_address_of_128_bits_is_deprecated() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let toml = toml_v6(100, V3_INT).replace(&format!("{VIP_GLOBAL}/64"), &VIP_GLOBAL.to_string());
    let process = lab.vipd(vipd(), &a, &toml);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    poll(SOON, "it has the address", || a.holds(VIP_GLOBAL));
    let show = a.namespace.ip_output(&["-6", "address", "show", "dev", "eth0"]);
    for (address, deprecated) in [(VIP_GLOBAL, true), (VIP_LOCAL, false)] {
        let line = show.lines().find(|line| line.contains(&address.to_string()));
        let line = line.expect("it was there");
        assert_eq!(line.contains(" deprecated"), deprecated, "{line}");
    }
}

/// While the kernel asks whether somebody else has the link-local address, nothing is sent.
#[test]
fn v3_007_v3_104_a_link_local_address_that_is_tentative_is_waited_for() {
    let lab = Lab::new();
    let a = lab.unplugged("a", "10.77.0.1/24");
    a.namespace.set("ipv6/conf/default/accept_dad", "1");
    a.namespace.set("ipv6/conf/default/dad_transmits", "3");
    lab.plug(&a);
    let tap = lab.tap(&a);
    let process = lab.vipd(vipd(), &a, &toml_v6(100, V3_INT));
    process.wait_log("vip: INIT -> FAULT: eth0 has no link-local address to send from", SOON);
    let ready =
        process.wait_log("vip: FAULT -> BACKUP: over: eth0 has no link-local address", SOON);
    let advert = tap.wait_advert(0, SOON);
    assert!(advert.at > ready.at, "nothing before");
    assert_eq!(advert.source, a.link_local);
    assert!(tap.wait_announcement(0, VIP_GLOBAL, SOON) >= advert.at, "nor announced");
}

/// Somebody else has it: it is never used.
#[test]
fn v3_007_a_link_local_address_that_another_has_is_not_used() {
    let lab = Lab::new();
    let a = lab.unplugged("a", "10.77.0.1/24");
    let b = lab.host("b", "10.77.0.2/24");
    b.ip(&[&format!("address add {}/64 dev eth0", a.link_local)]);
    a.namespace.set("ipv6/conf/default/accept_dad", "1");
    lab.plug(&a);
    let tap = lab.tap(&a);
    let process = lab.vipd(vipd(), &a, &toml_v6(100, V3_INT));
    process.wait_log("vip: INIT -> FAULT: eth0 has no link-local address to send from", SOON);
    poll(SOON, "the kernel hears of the other", || {
        let show = a.namespace.ip_output(&["-6", "address", "show", "dev", "eth0"]);
        show.contains("dadfailed")
    });
    a.ip(&["address add fe80::7/64 dev eth0 nodad"]);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    let source: Ipv6Addr = "fe80::7".parse().expect("an address");
    tap.wait_advert(0, SOON);
    assert!(tap.adverts().iter().all(|advert| advert.source == source));
}

#[test]
fn v3_007_a_link_local_address_that_is_lost_and_found() {
    let Alone { a, tap, process, lab } = &Alone::new();
    a.ip(&[&format!("address delete {}/64 dev eth0", a.link_local)]);
    process.wait_log("vip: MASTER -> FAULT: eth0 has no link-local address to send from", SOON);
    poll(SOON, "the addresses are gone", || lab.holders(VIP_GLOBAL).is_empty());
    assert!(!a.holds(VIP_LOCAL), "and the virtual one is not used instead");
    let found = wall_clock();
    a.ip(&[&format!("address add {}/64 dev eth0", a.link_local)]);
    process.wait_log("vip: FAULT -> BACKUP: over: eth0 has no link-local address", SOON);
    lab.wait_holder_of(VIP_GLOBAL, a, SOON);
    assert_eq!(tap.wait_advert(found, SOON).source, a.link_local);
    assert_eq!(process.lines("cannot").len(), 0);
}

#[test]
fn ipv6_that_is_switched_off_and_on() {
    let Alone { a, tap, process, lab } = &Alone::new();
    a.namespace.set("ipv6/conf/eth0/disable_ipv6", "1");
    process.wait_log("vip: MASTER -> FAULT: eth0 has no link-local address to send from", SOON);
    let on = wall_clock();
    a.namespace.set("ipv6/conf/eth0/disable_ipv6", "0");
    process.wait_log("vip: FAULT -> BACKUP: over: ", SOON);
    lab.wait_holder_of(VIP_LOCAL, a, SOON);
    lab.wait_holder_of(VIP_GLOBAL, a, SOON);
    tap.wait_announcement(on, VIP_GLOBAL, SOON);
    // The group is heard again, too.
    let better = lab.host("b", "10.77.0.2/24");
    let other = lab.vipd(vipd(), &better, &toml_v6(150, V3_INT));
    other.wait_log("vip: BACKUP -> MASTER", SOON);
    process.wait_log("vip: MASTER -> BACKUP: ", SOON);
}

#[test]
fn an_interface_that_is_set_down_and_up() {
    let Alone { a, tap, process, lab } = &Alone::new();
    a.ip(&["link set eth0 down"]);
    process.wait_log("vip: MASTER -> FAULT: eth0 is down", SOON);
    let up = wall_clock();
    a.ip(&["link set eth0 up"]);
    process.wait_log("vip: FAULT -> BACKUP: over: ", SOON);
    tap.wait_advert(up, SOON);
    tap.wait_announcement(up, VIP_GLOBAL, SOON);
    lab.wait_holder_of(VIP_LOCAL, a, SOON);
    lab.wait_holder_of(VIP_GLOBAL, a, SOON);
}

#[test]
fn a_vip_that_somebody_deletes_is_put_back() {
    let Alone { a, tap, process, lab } = &Alone::new();
    for address in [VIP_LOCAL, VIP_GLOBAL] {
        let deleted = wall_clock();
        a.ip(&[&format!("address delete {address}/64 dev eth0")]);
        process.wait_log(&format!("{address} has vanished from eth0: putting it back"), SOON);
        lab.wait_holder_of(address, a, SOON);
        tap.wait_announcement(deleted, address, SOON);
    }
    assert_eq!(process.lines("vip: MASTER -> ").len(), 0);
}

/// Below 1280 octets there is no IPv6, and its sockets have lost their groups when it is back.
#[test]
fn an_interface_that_gets_too_small_for_ipv6_and_large_again() {
    let Alone { a, process, lab, .. } = &Alone::new();
    a.ip(&["link set eth0 mtu 1000"]);
    process.wait_log("vip: MASTER -> FAULT: eth0 has no link-local address to send from", SOON);
    a.ip(&["link set eth0 mtu 1500"]);
    process.wait_log("vip: FAULT -> BACKUP: over: ", SOON);
    lab.wait_holder_of(VIP_GLOBAL, a, SOON);
    let better = lab.host("b", "10.77.0.2/24");
    let other = lab.vipd(vipd(), &better, &toml_v6(150, V3_INT));
    other.wait_log("vip: BACKUP -> MASTER", SOON);
    process.wait_log("vip: MASTER -> BACKUP: ", SOON);
}

/// The address goes to another interface, which takes none of IPv6 for a while. That is said once.
#[test]
fn a_virtual_address_where_ipv6_is_switched_off() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    a.ip(&["link add eth1 type veth peer name nobody", "link set nobody up", "link set eth1 up"]);
    a.namespace.set("ipv6/conf/eth1/disable_ipv6", "1");
    let here = format!("{VIP_GLOBAL}/64");
    let toml = toml_v6(100, V3_INT).replace(&here, &format!("{here} dev eth1"));
    let process = lab.vipd(vipd(), &a, &toml);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    process.wait_log(&format!("cannot change {here} on eth1: IPv6 is off there"), SOON);
    // It is tried again all the time; here are two more times.
    let tap = lab.tap(&a);
    tap.wait_adverts(wall_clock(), 12, SOON);
    assert_eq!(process.lines("cannot change").len(), 1);
    assert_eq!(process.lines("has vanished").len(), 0);
    a.namespace.set("ipv6/conf/eth1/disable_ipv6", "0");
    poll(SOON, "it is there in the end", || a.holds(VIP_GLOBAL));
    assert_eq!(process.lines("vip: MASTER -> ").len(), 0);
}
