//! `track_route`: whether a route is in a table of the kernel.

use crate::lab::{Host, Lab, SOON};
use crate::scripts::{status, wait_priority, FAST};
use crate::setup::{toml, vipd, VRID};

fn host(lab: &Lab) -> Host {
    let host = lab.host("a", "10.77.0.1/24");
    host.ip(&[
        "link add wan1 type veth peer name end1",
        "link set wan1 up",
        "link set end1 up",
        "address add 192.0.2.1/24 dev wan1",
        "address add 2001:db8:1::1/64 dev wan1 nodad",
    ]);
    host
}

fn tracking(route: &str, entry: &str) -> String {
    toml(100, &format!("{FAST}\ntrack_route = [\"{entry}\"]\n[track_route.uplink]\n{route}"))
}

#[test]
fn a_route_that_goes_is_fault_and_one_that_comes_leads_back() {
    for (to, route) in [
        ("default", "default via 192.0.2.254"),
        ("::/0", "default via 2001:db8:1::fe"),
        ("198.51.100.0/24", "198.51.100.0/24 via 192.0.2.254"),
        ("2001:db8:2::/48", "2001:db8:2::/48 via 2001:db8:1::fe"),
    ] {
        let lab = Lab::new();
        let a = host(&lab);
        let ip = |what: &str| a.ip(&[&format!("route {what} {route}")]);
        let vipd = lab.vipd(vipd(), &a, &tracking(&format!("to = \"{to}\""), "uplink"));
        vipd.wait_log("vip: INIT -> FAULT: route uplink failed: there is no route to ", SOON);
        ip("add");
        vipd.wait_log("vip: FAULT -> BACKUP: route uplink is fine again", SOON);
        vipd.wait_log("vip: BACKUP -> MASTER", SOON);
        assert!(status(&vipd, "route uplink").contains("OK, there is a route to "), "{to}");
        ip("delete");
        vipd.wait_log("vip: MASTER -> FAULT: route uplink failed: there is no route to ", SOON);
    }
}

#[test]
fn a_weight_is_added_while_the_route_is_there() {
    let lab = Lab::new();
    let a = host(&lab);
    let tap = lab.tap(&a);
    let vipd = lab.vipd(vipd(), &a, &tracking("to = \"default\"\nweight = 20", "uplink"));
    wait_priority(&tap, VRID, 100, 0);
    a.ip(&["route add default via 192.0.2.254"]);
    vipd.wait_log("vip: priority 100 -> 120", SOON);
    wait_priority(&tap, VRID, 120, 0);
    a.ip(&["route delete default"]);
    vipd.wait_log("vip: priority 120 -> 100", SOON);
    assert!(vipd.lines("-> FAULT").is_empty());
}

/// Two routes of different metric: the loss of one is not the loss of all.
#[test]
fn the_last_of_several_counts() {
    let lab = Lab::new();
    let a = host(&lab);
    a.ip(&["route add default via 192.0.2.254", "route add default via 192.0.2.253 metric 9"]);
    let vipd = lab.vipd(vipd(), &a, &tracking("to = \"default\"", "uplink"));
    vipd.wait_log("vip: BACKUP -> MASTER", SOON);
    a.ip(&["route delete default via 192.0.2.254"]);
    a.ip(&["route delete default metric 9"]);
    vipd.wait_log("vip: MASTER -> FAULT: route uplink failed", SOON);
    // The other way round, and with an interface: the kernel does not tell of these routes.
    a.ip(&["route add default via 192.0.2.254", "route add default via 192.0.2.253 metric 9"]);
    vipd.wait_log("vip: FAULT -> BACKUP", SOON);
    let mark = vipd.mark();
    a.ip(&["link set wan1 down"]);
    vipd.wait_log_after(mark, "route uplink: there is no route to 0.0.0.0/0", SOON);
}

#[test]
fn table_gateway_and_interface_must_fit() {
    for (wanted, wrong, right) in [
        ("table = 100", "default via 192.0.2.254", "default via 192.0.2.254 table 100"),
        ("via = \"192.0.2.9\"", "default via 192.0.2.254", "default via 192.0.2.9 metric 5"),
        ("dev = \"wan1\"", "default via 10.77.0.9", "default via 192.0.2.9 metric 5"),
        ("", "unreachable default", "default via 192.0.2.9 metric 5"),
    ] {
        let lab = Lab::new();
        let a = host(&lab);
        let route = format!("to = \"default\"\n{wanted}");
        a.ip(&[&format!("route add {wrong}")]);
        let vipd = lab.vipd(vipd(), &a, &tracking(&route, "uplink"));
        vipd.wait_log("vip: INIT -> FAULT: route uplink failed", SOON);
        a.ip(&[&format!("route add {right}")]);
        vipd.wait_log("vip: FAULT -> BACKUP: route uplink is fine again", SOON);
    }
}

/// A router with a large table: nothing of it is kept, and what is tracked is still found.
#[test]
fn ten_thousand_other_routes_do_not_matter() {
    let lab = Lab::new();
    let a = host(&lab);
    let tap = lab.tap(&a);
    let vipd = lab.vipd(vipd(), &a, &tracking("to = \"default\"\nweight = 20", "uplink"));
    wait_priority(&tap, VRID, 100, 0);
    let before = resident(&vipd);
    let many: Vec<String> = (0..10_000)
        .map(|n| format!("route add 100.{}.{}.0/24 via 192.0.2.254", n / 256, n % 256))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    a.ip(&many);
    a.ip(&["route add default via 192.0.2.254"]);
    vipd.wait_log("vip: priority 100 -> 120", SOON);
    a.ip(&["route delete default"]);
    vipd.wait_log("vip: priority 120 -> 100", SOON);
    let grown = resident(&vipd).saturating_sub(before);
    assert!(grown < 1024, "{grown} KiB more");
}

/// The resident memory of a process in KiB.
fn resident(process: &crate::lab::process::Process) -> u64 {
    let path = format!("/proc/{}/status", process.pid());
    let status = std::fs::read_to_string(path).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it has memory");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}
