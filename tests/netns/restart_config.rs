//! A daemon that is killed and started again, and what it has put in place: it stays where it is wanted
//! still, goes where it is not, and nothing of anybody else's is touched.

use crate::lab::monitor::Monitor;
use crate::lab::{poll, wall_clock, Host, SOON, VIP};
use crate::restart::{kill, state_file, wait_state, SLOW};
use crate::setup::{dead_end, toml, toml_both, Pair};
use std::net::IpAddr;
use std::path::Path;
use vipd::sys::netlink::{self as nl, Builder, Netlink};
use vipd::sys::netns::interface_index;

fn nft(host: &Host, arguments: &[&str]) -> String {
    let output = host.namespace.command(Path::new("nft")).args(arguments).output().expect("nft(8)");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What is somebody else's: addresses with another mark or none, routes, rules and a table of nftables.
fn put_others(host: &Host) {
    host.ip(&[
        "address add 10.77.0.50/24 dev eth0",
        "route add 198.51.100.0/24 via 10.77.0.8 proto 18",
        "route add 192.0.2.0/24 via 10.77.0.8 metric 50",
        "rule add from 192.0.2.7 table 7 pref 700",
    ]);
    for address in ["10.77.0.51", "2001:db8:77::51"] {
        put_marked(host, address.parse().expect("an address"), 18);
    }
    nft(host, &["add table inet vipdother"]);
    nft(host, &["add table netdev other"]);
}

/// An address on eth0 with somebody's mark (IFA_PROTO), which not every ip(8) can set.
fn put_marked(host: &Host, address: IpAddr, mark: u8) {
    let (family, len, octets) = match address {
        IpAddr::V4(it) => (nl::AF_INET, 24, it.octets().to_vec()),
        IpAddr::V6(it) => (nl::AF_INET6, 64, it.octets().to_vec()),
    };
    host.namespace.run(|| {
        let index = interface_index("eth0").expect("it is there");
        let (socket, mut bytes) = (Netlink::open(&[], 1 << 16).expect("netlink"), Vec::new());
        let mut builder = Builder::new(&mut bytes);
        builder.begin(nl::RTM_NEWADDR, nl::NLM_F_REQUEST | nl::NLM_F_CREATE, 1);
        builder.header(&nl::if_addr(family, len, 0, 0, index));
        builder.attribute(nl::IFA_LOCAL, &octets);
        builder.attribute(nl::IFA_ADDRESS, &octets);
        builder.attribute(nl::IFA_PROTO, &[mark]);
        builder.end();
        socket.send(&bytes).expect("the kernel takes it");
    });
    poll(SOON, "it is there", || host.holds(address));
}

/// All addresses, routes, rules and tables, in lines, without what counts down.
fn all(host: &Host) -> Vec<String> {
    let mut lines = Vec::new();
    for arguments in [
        ["-o", "-N", "address", "show"].as_slice(),
        &["-o", "-N", "-4", "route", "show", "table", "all"],
        &["-o", "-N", "-6", "route", "show", "table", "all"],
        &["-4", "rule", "show"],
        &["-6", "rule", "show"],
    ] {
        lines.extend(host.namespace.ip_output(arguments).lines().map(str::to_owned));
    }
    lines.extend(nft(host, &["list", "tables"]).lines().map(str::to_owned));
    lines.retain(|line| !line.contains("127.9.9."));
    lines.sort();
    lines
}

/// Addresses, routes, rules, filters and leases of one instance of both families.
fn things() -> String {
    toml_both(
        150,
        &format!(
            "{SLOW}\naccept = false\n\
             virtual_routes = [\"192.0.2.0/24 via 10.77.0.9\", \"203.0.113.0/24 dev eth0 src 10.77.0.100\"]\n\
             virtual_rules = [\"from 10.77.0.100 table 100 preference 1000\"]"
        ),
    )
}

#[test]
fn who_goes_on_keeps_all_it_has_and_who_does_not_leaves_what_is_not_its_own() {
    let pair = Pair::new();
    put_others(&pair.a);
    let before = all(&pair.a);
    let a = pair.start_a(&things());
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    wait_state(&pair.lab, "state=MASTER");
    wait_state(&pair.lab, "address=2001:db8:77::100 ");
    let tables = nft(&pair.a, &["list", "table", "inet", "vipd"]);
    let held = all(&pair.a);
    assert!(held.len() > before.len() + 5, "{held:?}");
    let monitor = Monitor::begin(&pair.lab, &pair.a, &["address", "route", "rule"]);
    let seen = monitor.mark();
    kill(&a);
    let a = pair.start_a(&things());
    a.wait_log("vip: still MASTER", SOON);
    pair.a.ip(&["address add 127.9.9.8/32 dev lo"]);
    monitor.wait(seen, "127.9.9.8");
    let moved = monitor.lines_after(seen, "");
    let moved: Vec<_> = moved.iter().filter(|line| !line.text.contains("127.9.9.")).collect();
    assert!(moved.is_empty(), "{moved:?}");
    assert_eq!(all(&pair.a), held);
    assert_eq!(nft(&pair.a, &["list", "table", "inet", "vipd"]), tables);
    // Now it is of no use what it has left.
    kill(&a);
    std::fs::remove_file(state_file(&pair.lab)).expect("it has left a file");
    let config = things().replace("priority = 150", "priority = 150\npreempt_delay = 60");
    let a = pair.start_a(&config);
    a.wait_log("vip: INIT -> BACKUP", SOON);
    a.wait_log("removing 1 routes and 1 rules: an earlier run has left them there", SOON);
    a.signal("TERM");
    a.wait_end(SOON);
    assert_eq!(all(&pair.a), before, "all that is somebody else's, and nothing more");
}

/// An address that somebody else has put there is used, also by one that goes on, and never removed.
#[test]
fn what_is_somebody_elses_is_still_so_for_the_next_run() {
    let pair = Pair::new();
    put_marked(&pair.a, VIP.into(), 18);
    pair.a.ip(&["route add 192.0.2.0/24 via 10.77.0.9 proto static"]);
    let config = toml(
        150,
        &format!("{SLOW}\nvirtual_routes = [\"192.0.2.0/24 via 10.77.0.9 protocol static\"]"),
    );
    let before = all(&pair.a);
    let mut a = pair.start_a(&config);
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    for _ in 0..2 {
        wait_state(&pair.lab, "told=1");
        kill(&a);
        a = pair.start_a(&config);
        a.wait_log("vip: still MASTER", SOON);
        wait_state(&pair.lab, "told=1");
        let text = std::fs::read_to_string(state_file(&pair.lab)).expect("the file");
        assert!(!text.contains("\naddress "), "{text}");
    }
    kill(&a);
    // Too late: its peers would have taken over.
    std::fs::remove_file(state_file(&pair.lab)).expect("it has left a file");
    let a = pair.start_a(&config);
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    a.signal("TERM");
    a.wait_end(SOON);
    assert_eq!(all(&pair.a), before);
}

/// An instance, an address and an interface that the new configuration does not know any more.
#[test]
fn what_nobody_is_to_have_any_more_goes() {
    let pair = Pair::new();
    dead_end(&pair.a);
    let other = "[vrrp_instance.other]\ninterface = \"eth1\"\nvirtual_router_id = 52\n\
        priority = 150\nversion = 3\nadvert_int = 2\nvirtual_ipaddress = [\"10.88.0.100/24\", \
        \"10.99.0.1 peer 10.99.1.1/32\"]\n";
    let two = toml(150, SLOW).replace(".100/24\"", ".100/24\", \"10.77.0.101/24\"");
    // Nobody else's, though it looks like it.
    pair.a.ip(&["address add 10.88.0.100/32 dev lo", "address add 10.88.0.101/24 dev eth1"]);
    let a = pair.start_a(&(two + other));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    a.wait_log("other: BACKUP -> MASTER", SOON);
    wait_state(&pair.lab, "interface=eth1 address=10.88.0.100 prefix_len=24");
    wait_state(&pair.lab, "address=10.77.0.101 ");
    kill(&a);
    let from = wall_clock();
    let one = toml(150, SLOW).replace(".100/24\"", ".100/24\", \"10.77.0.102/24\"");
    let a = pair.start_a(&one);
    a.wait_log("vip: still MASTER", SOON);
    a.wait_log("removing 10.77.0.101 from eth0: an earlier run has left it there", SOON);
    a.wait_log("removing 10.88.0.100 from eth1: an earlier run has left it there", SOON);
    a.wait_log("removing 10.99.0.1 from eth1: an earlier run has left it there", SOON);
    let last = [10, 77, 0, 102];
    poll(SOON, "it has what is new", || pair.a.holds(last) && !pair.a.holds([10, 77, 0, 101]));
    pair.hears_a.wait_announcement(from, last, SOON);
    assert!(pair.hears_a.announcements_after(from, VIP).is_empty(), "nobody has missed it");
    let there = pair.a.namespace.ip_output(&["-o", "address", "show"]);
    assert!(!there.contains("10.99.0.1 "), "{there}");
    assert!(!there.contains("10.88.0.100/24") && there.contains("10.88.0.100/32"), "{there}");
    assert!(there.contains("10.88.0.101/24"), "{there}");
    assert!(pair.a.holds(VIP));
}

/// One that is to have another length of its prefix is another for the kernel.
#[test]
fn what_looks_otherwise_now_is_replaced() {
    let pair = Pair::new();
    let lines = || {
        let text = pair.a.namespace.ip_output(&["-o", "address", "show", "dev", "eth0"]);
        let own = |line: &&str| line.contains("10.77.0.100/") || line.contains("2001:db8:77::100/");
        text.lines()
            .filter(own)
            .map(|line| line.split_whitespace().nth(3).unwrap_or("").to_owned())
            .collect::<Vec<_>>()
    };
    let config = |len: [u8; 2]| {
        let vips = format!(
            "\"10.77.0.100/{}\", \"fe80::77:100/64\", \"2001:db8:77::100/{}\"",
            len[0], len[1]
        );
        toml(150, SLOW).replace("\"10.77.0.100/24\"", &vips)
    };
    let a = pair.start_a(&config([24, 64]));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    poll(SOON, "they are there", || lines() == ["10.77.0.100/24", "2001:db8:77::100/64"]);
    wait_state(&pair.lab, "told=1");
    wait_state(&pair.lab, "address=2001:db8:77::100 prefix_len=64");
    kill(&a);
    let a = pair.start_a(&config([32, 128]));
    a.wait_log("vip: still MASTER", SOON);
    poll(SOON, "they are others", || lines() == ["10.77.0.100/32", "2001:db8:77::100/128"]);
    wait_state(&pair.lab, "address=2001:db8:77::100 prefix_len=128");
    kill(&a);
    // Nor is it in the way of one that does not go on.
    std::fs::remove_file(state_file(&pair.lab)).expect("it has left a file");
    let a = pair.start_a(&config([24, 64]));
    a.wait_log("vip: INIT -> BACKUP", SOON);
    poll(SOON, "they are gone", || lines().is_empty());
    a.signal("TERM");
    a.wait_end(SOON);
    assert!(lines().is_empty());
}

/// The same when all of it is too old to go on with.
#[test]
fn what_is_too_old_to_go_on_with_still_says_what_is_left() {
    let pair = Pair::new();
    let off = format!("{SLOW}\nvip_lease = \"off\"");
    let a = pair.start_a(&toml(150, &off));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    wait_state(&pair.lab, "address=10.77.0.100 ");
    kill(&a);
    let text = std::fs::read_to_string(state_file(&pair.lab)).expect("the file");
    let (head, rest) = text.split_once(",1\n").expect("a heartbeat");
    std::fs::write(state_file(&pair.lab), format!("{head},0\n{rest}")).expect("the file");
    let other = toml(150, &off).replace(".100/24", ".101/24");
    let a = pair.start_a(&other);
    a.wait_log("removing 10.77.0.100 from eth0: an earlier run has left it there", SOON);
    a.wait_log("vip: INIT -> BACKUP", SOON);
    poll(SOON, "it is gone", || !pair.a.holds(VIP));
}
