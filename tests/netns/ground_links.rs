//! Interfaces: bridges and their ports, carriers that flap, an MTU that is too small for an advert, and
//! more news of others than a socket holds.

use crate::lab::injector::Injector;
use crate::lab::tap::gaps;
use crate::lab::{poll, wall_clock, Lab, SOON, VIP};
use crate::setup::{toml, vipd, Pair, TICK, V3};

/// The only port of a bridge loses its carrier: so does the bridge.
#[test]
fn a_bridge_loses_its_port_and_gets_another_mac_address() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let client = lab.host("client", "10.77.0.200/24");
    a.ip(&[
        "address flush dev eth0",
        "link add br9 type bridge forward_delay 0 mcast_snooping 0",
        "link set eth0 master br9",
        "link set br9 up",
        "address add 10.77.0.1/24 dev br9",
    ]);
    let process = lab.vipd(vipd(), &a, &toml(100, V3).replace("eth0", "br9"));
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    lab.wait_holder(&a, SOON);
    lab.carrier(&a, false);
    process.wait_log("vip: MASTER -> FAULT: br9 is down", SOON);
    lab.carrier(&a, true);
    process.wait_log("vip: FAULT -> BACKUP: over: br9 is down", SOON);
    lab.wait_holder(&a, SOON);

    // A bridge takes the smallest MAC address of its ports.
    let tap = lab.tap(&a);
    let changed = wall_clock();
    a.ip(&[
        "link add port0 address 02:00:00:00:00:01 type veth peer name port1",
        "link set port0 master br9 up",
    ]);
    process.wait_log("br9 has another MAC address, 02:00:00:00:00:01: announcing", SOON);
    tap.wait_announcement(changed, VIP, SOON);
    assert_eq!(Injector::open(&client).holders(VIP), [[2, 0, 0, 0, 0, 1]]);
    a.ip(&["link delete port0"]);
    process.wait_log("br9 has another MAC address, 02:00:00:00:77:01: announcing", SOON);
    assert_eq!(process.lines("MASTER -> ").len(), 1);
}

/// It hears nobody then, and that is said: also by a daemon that starts.
#[test]
fn an_interface_that_becomes_a_port() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let process = lab.vipd(vipd(), &a, &toml(100, V3));
    lab.wait_holder(&a, SOON);
    a.ip(&["link add br9 type bridge", "link set br9 up", "link set eth0 master br9"]);
    let says = "eth0 is a port of a bridge or a bond, which has what arrives there";
    process.wait_log(says, SOON);
    a.ip(&["link set eth0 nomaster"]);
    let mark = process.mark();
    a.ip(&["link set eth0 master br9"]);
    process.wait_log_after(mark, says, SOON);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    let process = lab.vipd(vipd(), &a, &toml(100, V3));
    process.wait_log(says, SOON);
    assert_eq!(process.lines(says).len(), 1);
}

/// Each flap is shorter than the delay: it stays MASTER, and tells the switch where it is when the
/// carrier is back.
#[test]
fn a_carrier_that_flaps_within_its_delay() {
    let pair = Pair::new();
    let delays = "[interface_up_down_delays.eth0]\ndown_delay = 5\nup_delay = 0.1\n";
    let slow = "version = 3\nadvert_int = 3";
    let a = pair.start_a(&(toml(150, slow) + delays));
    a.wait_log("vip: BACKUP -> MASTER", 5 * SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    for _ in 0..5 {
        let mark = a.mark();
        pair.lab.carrier(&pair.a, false);
        poll(SOON, "it is heard of", || {
            let show = pair.a.namespace.ip_output(&["link", "show", "eth0"]);
            show.contains("NO-CARRIER")
        });
        let before = wall_clock();
        pair.lab.carrier(&pair.a, true);
        a.wait_log_after(mark, "eth0 is up again: announcing what is on it again", SOON);
        pair.hears_a.wait_announcement(before, VIP, SOON);
    }
    assert_eq!(a.lines("FAULT").len() + a.lines("MASTER -> ").len(), 0);
    assert_eq!(pair.lab.holders(VIP), ["a"]);
}

/// An advert that is longer than the MTU travels in pieces, and is heard.
#[test]
fn an_mtu_too_small_for_the_advert() {
    let pair = Pair::new();
    let many: Vec<String> = (100..160).map(|last| format!("\"10.77.0.{last}/24\"")).collect();
    let with = |priority| toml(priority, V3).replace(&format!("\"{VIP}/24\""), &many.join(", "));
    let (a, b) = pair.start_both(&with(150), &with(100));
    for mtu in [100, 1500, 68, 1500] {
        let changed = wall_clock();
        pair.a.ip(&[&format!("link set eth0 mtu {mtu}")]);
        // Longer than the other one waits.
        poll(SOON, "time passes", || wall_clock() > changed + 8 * TICK.as_nanos() as u64);
    }
    pair.hears_a.wait_adverts(wall_clock(), 3, SOON);
    assert_eq!(a.lines("MASTER -> ").len() + b.lines("BACKUP -> ").len(), 0);
    assert_eq!(a.lines("cannot").len(), 0);
    assert_eq!(pair.lab.holders(VIP), ["a"]);
}

fn foreign(verb: &str, count: u32) -> Vec<String> {
    let address = |n: u32| format!("10.{}.{}.1/24", 100 + n / 250, n % 250);
    (0..count).map(|n| format!("address {verb} {} dev else0", address(n))).collect()
}

/// Ten thousand changes while it runs: the adverts go on.
#[test]
fn a_flood_of_news_delays_no_advert() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    a.ip(&["link add else0 type veth peer name else1", "link set else0 up"]);
    let routes: Vec<String> =
        (0..50).map(|n| format!("\"198.51.{n}.0/24 via 10.77.0.200\"")).collect();
    let more = format!("{V3}\nvirtual_routes = [{}]", routes.join(", "));
    let process = lab.vipd(vipd(), &a, &toml(100, &more));
    lab.wait_holder(&a, SOON);
    let tap = lab.tap(&a);
    let begin = wall_clock();
    let all = [foreign("add", 5000), foreign("delete", 5000)].concat();
    a.ip(&all.iter().map(String::as_str).collect::<Vec<_>>());
    tap.wait_adverts(wall_clock(), 3, SOON);
    let longest = gaps(&tap.adverts_after(begin)).into_iter().max();
    assert!(longest.is_some_and(|gap| gap < 5 * TICK), "{longest:?}");
    assert!(process.lines("missed changes").len() <= 1);
    assert_eq!(process.lines("MASTER -> ").len() + process.lines("vanished").len(), 0);
    // It hears what concerns it, at once.
    a.ip(&[&format!("address delete {VIP}/24 dev eth0")]);
    process.wait_log("10.77.0.100 has vanished from eth0: putting it back", SOON);
    lab.wait_holder(&a, SOON);
}

/// What waits in a socket that has overflowed is older than what is read then: the interface went down
/// before the flood and came up after it, and the address was removed then.
#[test]
fn lost_news_do_not_undo_what_is_true() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    a.ip(&["link add else0 type veth peer name else1", "link set else0 up"]);
    let process = lab.vipd(vipd(), &a, &toml(100, V3));
    lab.wait_holder(&a, SOON);
    let tap = lab.tap(&a);
    process.stop();
    a.ip(&["link set eth0 down"]);
    let flood = foreign("add", 5000);
    a.ip(&flood.iter().map(String::as_str).collect::<Vec<_>>());
    a.ip(&["link set eth0 up", &format!("address delete {VIP}/24 dev eth0")]);
    let woken = wall_clock();
    process.signal("CONT");
    process.wait_log("missed changes of interfaces or addresses: reading them all again", SOON);
    process.wait_log("10.77.0.100 has vanished from eth0: putting it back", SOON);
    lab.wait_holder(&a, SOON);
    tap.wait_adverts(woken, 5, SOON);
    assert_eq!(process.lines("FAULT").len() + process.lines("MASTER -> ").len(), 0);
    assert_eq!(process.lines("missed changes").len(), 1);
    // The groups are joined: it hears a better one.
    let b = lab.host("b", "10.77.0.2/24");
    let better = lab.vipd(vipd(), &b, &toml(150, V3));
    better.wait_log("vip: BACKUP -> MASTER: 10.77.0.1 has priority 100", SOON);
    process.wait_log("vip: MASTER -> BACKUP: 10.77.0.2 has priority 150", SOON);
}
