//! Routes, rules and addresses that are not advertised: they come behind the addresses and go before
//! them, and nobody else's are touched. What `ip` shows is compared.

use crate::lab::process::Process;
use crate::lab::{holds_within, poll, Host, Lab, SOON, VIP};
use crate::scripts::{Knob, FAST};
use crate::setup::{toml, vipd, Pair, V3};
use std::net::IpAddr;

/// What is seen of the routes of a table, sorted, without what differs between programs.
fn routes(host: &Host, arguments: &[&str]) -> Vec<String> {
    shown(host, &[&["-o", "-N"], arguments].concat())
}

/// The lines that `ip` prints, sorted, without the protocol numbers that say who made it.
fn shown(host: &Host, arguments: &[&str]) -> Vec<String> {
    let text = host.namespace.ip_output(arguments);
    let plain = |line: &str| {
        let line = line.replace('\\', " ").replace("proto 112", "").replace("proto 18", "");
        let line = line.replace("proto keepalived", "");
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let mut lines: Vec<String> = text.lines().map(plain).filter(|it| !it.is_empty()).collect();
    lines.sort();
    lines
}

/// Everything that routes and rules can be seen by.
fn everything(host: &Host) -> Vec<String> {
    let mut all = Vec::new();
    for family in ["-4", "-6"] {
        all.extend(routes(host, &[family, "route", "show", "table", "all"]));
        all.extend(shown(host, &[family, "rule", "show"]));
    }
    // What the kernel makes of addresses is not of interest here.
    all.retain(|line| {
        !line.contains("table 255") && !line.contains("proto 2 ") && !line.contains("fe80::/64")
    });
    all
}

#[track_caller]
fn wait_shown(host: &Host, arguments: &[&str], lines: &[&str]) {
    let mut last = Vec::new();
    let what = format!("ip {arguments:?} has {lines:?}");
    let there = holds_within(SOON, || {
        last = shown(host, arguments);
        lines.iter().all(|line| last.iter().any(|it| it == line))
    });
    assert!(there, "{what}, and not {last:#?}");
}

#[track_caller]
fn wait_not_shown(host: &Host, arguments: &[&str], part: &str) {
    let what = format!("ip {arguments:?} has no {part}");
    poll(SOON, &what, || !shown(host, arguments).iter().any(|it| it.contains(part)));
}

const ROUTES: &[&str] = &["-4", "route", "show"];
const RULES: &[&str] = &["-4", "rule", "show"];

fn master(lab: &Lab, host: &Host, toml: &str) -> Process {
    let process = lab.vipd(vipd(), host, toml);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    process
}

/// A host with a second interface, which leads nowhere.
fn with_spare(lab: &Lab) -> Host {
    let host = lab.host("a", "10.77.0.1/24");
    host.ip(&[
        "link add eth1 type veth peer name spare",
        "link set spare up",
        "link set eth1 up",
        "address add 10.78.0.1/24 dev eth1",
    ]);
    host
}

/// Sets a route and a rule that are somebody else's; returns all that is there then.
fn not_ours(host: &Host) -> Vec<String> {
    host.ip(&[
        "route add 198.51.100.0/24 via 10.77.0.8",
        "rule add from 192.0.2.7 table 7 pref 700",
    ]);
    everything(host)
}

#[test]
fn routes_and_rules_come_and_go_with_the_addresses() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let before = not_ours(&a);
    let more = format!(
        "{V3}\n\
         virtual_routes = [\n\
         \"default via 10.77.0.9 dev eth0 metric 50 src 10.77.0.100\",\n\
         \"203.0.113.0/24 dev eth0 mtu lock 1400 advmss 1300 tos 10\",\n\
         \"192.0.2.0/24 table 100 nexthop via 10.77.0.8 weight 2 nexthop via 10.77.0.9 dev eth0\",\n\
         \"blackhole 192.0.2.128/25\",\n\
         \"unreachable 2001:db8:9::/48\",\n\
         \"2001:db8:8::/48 via fe80::9 dev eth0 metric 77 pref high\",\n\
         \"192.0.2.64/26 via inet6 fe80::9 dev eth0\",\n\
         ]\n\
         virtual_rules = [\n\
         \"from 10.77.0.100 table 100 preference 1000\",\n\
         \"not to 10.0.0.0/8 fwmark 0x10/0xff iif eth0 ipproto tcp dport 80-81 lookup 100 priority 1001\",\n\
         \"inet6 from 2001:db8::/32 uidrange 5-6 blackhole preference 1002\",\n\
         \"goto 32766 preference 1003\",\n\
         \"lookup main suppress_prefixlength 0 preference 1004\",\n\
         ]"
    );
    let process = master(&lab, &a, &toml(100, &more));
    wait_shown(
        &a,
        ROUTES,
        &[
            "default via 10.77.0.9 dev eth0 src 10.77.0.100 metric 50",
            "203.0.113.0/24 tos 0x10 dev eth0 scope link mtu lock 1400 advmss 1300",
            "blackhole 192.0.2.128/25",
            "192.0.2.64/26 via inet6 fe80::9 dev eth0",
        ],
    );
    wait_shown(
        &a,
        &["-o", "-4", "route", "show", "table", "100"],
        &["192.0.2.0/24 nexthop via 10.77.0.8 dev eth0 weight 2 nexthop via 10.77.0.9 dev eth0 weight 1"],
    );
    wait_shown(
        &a,
        &["-6", "route", "show"],
        &[
            "unreachable 2001:db8:9::/48 dev lo metric 1024 pref medium",
            "2001:db8:8::/48 via fe80::9 dev eth0 metric 77 pref high",
        ],
    );
    wait_shown(
        &a,
        RULES,
        &[
            "1000: from 10.77.0.100 lookup 100",
            "1001: not from all to 10.0.0.0/8 fwmark 0x10/0xff iif eth0 ipproto tcp dport 80-81 lookup 100",
            "1003: from all goto 32766",
            "1004: from all lookup main suppress_prefixlength 0",
        ],
    );
    wait_shown(&a, &["-6", "rule", "show"], &["1002: from 2001:db8::/32 uidrange 5-6 blackhole"]);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    assert_eq!(everything(&a), before, "what was there before us, and nothing else");
    assert!(process.lines("cannot").is_empty());
}

/// Debian's keepalived, with the same file.
#[test]
fn keepalived_makes_the_same_routes_of_the_same_lines() {
    let text = "vrrp_instance vip {\n\
        interface eth0\n\
        virtual_router_id 51\n\
        priority 100\n\
        virtual_ipaddress {\n10.77.0.100/24\n}\n\
        virtual_ipaddress_excluded {\n10.77.0.101/32\n2001:db8:77::1/64\n}\n\
        virtual_routes {\n\
        default via 10.77.0.9 dev eth0 metric 50 src 10.77.0.100\n\
        198.51.100.0/24 via 10.77.0.8 mtu 1400 initcwnd 20 hoplimit 9\n\
        203.0.113.0/24 dev eth0 scope link table 100\n\
        blackhole 192.0.2.0/24\n\
        unreachable 192.0.3.0/24 priority 8\n\
        prohibit 192.0.4.0/24\n\
        throw 192.0.5.0/24 table 100\n\
        192.0.6.0/24 nexthop via 10.77.0.8 dev eth0 weight 3 nexthop via 10.77.0.9 dev eth0 onlink\n\
        2001:db8:1::/48 via 2001:db8:77::9 dev eth0 preference 5\n\
        }\n\
        virtual_rules {\n\
        from 10.77.0.100 table 100 preference 1000\n\
        to 192.0.2.0/24 fwmark 5/7 lookup 100 priority 1001\n\
        iif eth0 blackhole preference 1002\n\
        not from 2001:db8::/32 table 100 preference 1003\n\
        }\n\
        }\n";
    let pair = [Lab::new(), Lab::new()].map(|lab| (lab.host("a", "10.77.0.1/24"), lab));
    let [(ours, ours_lab), (theirs, theirs_lab)] = &pair;
    let before = everything(ours);
    let file = ours_lab.file("keepalived.conf", text);
    let process = ours_lab.vipd_of(vipd(), ours, &file, &[]);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    let keepalived = theirs_lab.keepalived(theirs, text);
    keepalived.wait_log("(vip) Entering MASTER STATE", SOON);
    let mut last = (Vec::new(), Vec::new());
    let same = holds_within(SOON, || {
        last = (everything(ours), everything(theirs));
        last.0 == last.1
    });
    assert!(same, "vipd: {:#?}\nkeepalived: {:#?}", last.0, last.1);
    assert_eq!(last.0.len(), before.len() + 13, "{:#?}", last.0);
}

#[test]
fn what_somebody_removes_is_put_back_without_a_change_of_state() {
    let lab = Lab::new();
    let a = with_spare(&lab);
    let more = format!(
        "{V3}\n\
         virtual_routes = [\"192.0.2.0/24 via 10.78.0.9 no_track\", \"203.0.113.0/24 dev eth0 src 10.77.0.100\"]\n\
         virtual_rules = [\"from 10.77.0.100 table 100 preference 1000\"]"
    );
    let process = master(&lab, &a, &toml(100, &more));
    let (route, rule) =
        ("192.0.2.0/24 via 10.78.0.9 dev eth1", "1000: from 10.77.0.100 lookup 100");
    let sourced = "203.0.113.0/24 dev eth0 scope link src 10.77.0.100";
    wait_shown(&a, ROUTES, &[route, sourced]);
    wait_shown(&a, RULES, &[rule]);
    let mark = process.mark();
    a.ip(&["route del 192.0.2.0/24", "rule del pref 1000"]);
    process.wait_log_after(mark, "route 192.0.2.0/24 via 10.78.0.9 no_track had vanished", SOON);
    process.wait_log_after(mark, "rule from 10.77.0.100 table 100 preference 1000 had", SOON);
    wait_shown(&a, ROUTES, &[route]);
    wait_shown(&a, RULES, &[rule]);
    // The kernel says nothing of this one.
    a.ip(&["address del 10.77.0.100/24 dev eth0"]);
    process.wait_log_after(mark, "10.77.0.100 has vanished from eth0", SOON);
    wait_shown(&a, ROUTES, &[sourced]);
    // Nor of this.
    a.ip(&["link set eth1 down"]);
    wait_not_shown(&a, ROUTES, "192.0.2.0/24");
    a.ip(&["link set eth1 up"]);
    wait_shown(&a, ROUTES, &[route]);
    // Again and again: put back each time, and told no more.
    for _ in 0..3 {
        a.ip(&["rule del pref 1000"]);
        wait_shown(&a, RULES, &[rule]);
    }
    let told = process.lines("rule from 10.77.0.100 table 100 preference 1000 had vanished");
    assert_eq!(told.len(), 1);
    assert!(process.lines_after(mark, "MASTER ->").is_empty(), "no change of state");
}

#[test]
fn a_route_of_two_instances_stays_until_both_have_given_it_up() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let (first, second) = (Knob::turned_on(&lab, "first"), Knob::turned_on(&lab, "second"));
    let instance = |name: &str, id: u8, check: &Knob| {
        format!(
            "[vrrp_script.{name}]\nscript = \"{}\"\ninterval = 0.1\n[vrrp_instance.{name}]\n\
             interface = \"eth0\"\nvirtual_router_id = {id}\n{FAST}\ntrack_script = [\"{name}\"]\n\
             virtual_ipaddress = [\"10.77.0.{id}\"]\n\
             virtual_routes = [\"192.0.2.0/24 via 10.77.0.9\"]\n\
             virtual_rules = [\"from 192.0.2.0/24 table 9 preference 9\"]\n",
            check.command()
        )
    };
    let text = instance("one", 101, &first) + &instance("two", 102, &second);
    let process = lab.vipd(vipd(), &a, &text);
    for name in ["one", "two"] {
        process.wait_log(&format!("{name}: BACKUP -> MASTER"), SOON);
    }
    let (route, rule) =
        (["192.0.2.0/24 via 10.77.0.9 dev eth0"], ["9: from 192.0.2.0/24 lookup 9"]);
    wait_shown(&a, ROUTES, &route);
    first.off();
    process.wait_log("one: MASTER -> FAULT", SOON);
    // The state is told after everything is done.
    assert!(shown(&a, ROUTES).iter().any(|line| line == route[0]), "two wants it still");
    assert!(shown(&a, RULES).iter().any(|line| line == rule[0]), "two wants it still");
    second.off();
    process.wait_log("two: MASTER -> FAULT", SOON);
    wait_not_shown(&a, ROUTES, "192.0.2.0/24");
    wait_not_shown(&a, RULES, "192.0.2.0/24");
    first.on();
    wait_shown(&a, ROUTES, &route);
    assert!(process.lines("had vanished").is_empty());
}

#[test]
fn what_a_crash_has_left_is_removed_by_the_next_start() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let before = not_ours(&a);
    let more = format!(
        "{V3}\n\
         virtual_routes = [\"192.0.2.0/24 via 10.77.0.9\", \"blackhole 2001:db8::/32 table 1000\"]\n\
         virtual_rules = [\"from 10.77.0.100 table 100 preference 1000\", \"inet6 nop preference 5\"]"
    );
    let process = master(&lab, &a, &toml(100, &more));
    wait_shown(&a, ROUTES, &["192.0.2.0/24 via 10.77.0.9 dev eth0"]);
    process.signal("KILL");
    process.wait_end(SOON);
    assert_eq!(everything(&a).len(), before.len() + 4);
    // Without any of them.
    let process = lab.vipd(vipd(), &a, &toml(100, V3));
    process.wait_log("removing 2 routes and 2 rules: an earlier run has left them there", SOON);
    assert_eq!(everything(&a), before);
}

#[test]
fn what_was_there_before_us_is_used_and_stays() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    a.ip(&[
        "route add 192.0.2.0/24 via 10.77.0.9 proto static",
        "route add unreachable 2001:db8::/32",
        "rule add from 10.77.0.100 table 100 pref 1000 protocol boot",
    ]);
    let before = everything(&a);
    let more = format!(
        "{V3}\n\
         virtual_routes = [\"192.0.2.0/24 via 10.77.0.9 protocol static\", \"unreachable 2001:db8::/32\"]\n\
         virtual_rules = [\"from 10.77.0.100 table 100 preference 1000 protocol boot\"]"
    );
    let process = master(&lab, &a, &toml(100, &more));
    for what in
        ["route 192.0.2.0/24 via", "route unreachable 2001:db8::/32", "rule from 10.77.0.100"]
    {
        let log = process.wait_log(what, SOON);
        assert!(log.text.ends_with("was there already: using it, never removing it"), "{log:?}");
    }
    assert_eq!(everything(&a), before);
    process.signal("TERM");
    process.wait_end(SOON);
    assert_eq!(everything(&a), before);
}

#[test]
fn a_route_that_the_kernel_refuses_is_told_with_the_reason_and_tried_again() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let more = format!(
        "{V3}\n\
         virtual_routes = [\"192.0.2.0/24 via 10.99.0.9 no_track\", \"203.0.113.0/24 dev eth1 no_track\",\n\
         \"198.51.100.0/24 via 10.77.0.9\"]"
    );
    let process = master(&lab, &a, &toml(100, &more));
    let refused = process.wait_log("cannot set route 192.0.2.0/24 via 10.99.0.9", SOON);
    assert!(refused.text.contains("Network is unreachable"), "{refused:?}");
    assert!(refused.text.contains("is the gateway in a network of one of our"), "{refused:?}");
    let refused = process.wait_log("cannot set route 203.0.113.0/24 dev eth1", SOON);
    assert!(refused.text.contains("its interface is not there; trying again"), "{refused:?}");
    wait_shown(&a, ROUTES, &["198.51.100.0/24 via 10.77.0.9 dev eth0"]);
    a.ip(&[
        "link add eth1 type veth peer name spare",
        "link set spare up",
        "link set eth1 up",
        "address add 10.99.0.1/24 dev eth1",
    ]);
    let fine = ["192.0.2.0/24 via 10.99.0.9 dev eth1", "203.0.113.0/24 dev eth1 scope link"];
    wait_shown(&a, ROUTES, &fine);
    process.wait_log("route 203.0.113.0/24 dev eth1 no_track can be set now", SOON);
    process.wait_log("route 192.0.2.0/24 via 10.99.0.9 no_track can be set now", SOON);
    assert!(process.lines("MASTER ->").is_empty());
}

#[test]
fn what_is_static_is_there_while_the_daemon_runs() {
    let pair = Pair::new();
    let _strong = pair.start_a(&toml(200, V3));
    let text = toml(100, V3)
        + "[static_ipaddress]\naddress = [\"10.79.0.1/24 dev eth0\"]\n\
           [static_routes]\nroute = [\"192.0.2.0/24 via 10.79.0.9\"]\n\
           [static_rules]\nrule = [\"from 192.0.2.0/24 table 9 preference 9\"]\n";
    let before = everything(&pair.b);
    let process = pair.start_b(&text);
    process.wait_log("vip: INIT -> BACKUP", SOON);
    let (route, rule) =
        (["192.0.2.0/24 via 10.79.0.9 dev eth0"], ["9: from 192.0.2.0/24 lookup 9"]);
    wait_shown(&pair.b, ROUTES, &route);
    wait_shown(&pair.b, RULES, &rule);
    // The address takes the route along.
    pair.b.ip(&["address del 10.79.0.1/24 dev eth0", "rule del pref 9"]);
    pair.b.ip(&["route flush 192.0.2.0/24"]);
    wait_shown(&pair.b, ROUTES, &route);
    wait_shown(&pair.b, RULES, &rule);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    assert_eq!(everything(&pair.b), before);
    assert!(!pair.b.holds(std::net::Ipv4Addr::new(10, 79, 0, 1)));
    assert!(process.lines("MASTER").is_empty(), "it was BACKUP all the time");
}

#[test]
fn excluded_addresses_are_set_and_not_advertised() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let tap = lab.tap(&a);
    let more = format!(
        "{V3}\n\
         virtual_ipaddress_excluded = [\"10.77.0.101/32\", \"2001:db8:77::1\", \"2001:db8:77::2/64\",\n\
         \"2001:db8:77::3/64 -nodad preferred_lft 600 noprefixroute\",\n\
         \"10.77.0.102/24 peer 10.80.0.2/30 preferred_lft 0\"]"
    );
    let process = master(&lab, &a, &toml(100, &more));
    let address = |text: &str| {
        let all = shown(&a, &["-o", "address", "show", "dev", "eth0"]);
        let found = all.iter().find(|line| line.contains(&format!(" {text}"))).cloned();
        found.unwrap_or_else(|| panic!("{text}: {all:#?}"))
    };
    poll(SOON, "the last address", || {
        shown(&a, &["-o", "address", "show"]).iter().any(|line| line.contains("10.77.0.102"))
    });
    let lone = address("2001:db8:77::1/128");
    assert!(lone.contains("nodad") && lone.contains("deprecated"), "{lone}");
    assert!(lone.contains("preferred_lft 0sec"), "{lone}");
    let usual = address("2001:db8:77::2/64");
    assert!(usual.contains("nodad") && usual.contains("preferred_lft forever"), "{usual}");
    let dad = address("2001:db8:77::3/64");
    assert!(!dad.contains("nodad") && dad.contains("noprefixroute"), "{dad}");
    assert!(dad.contains("preferred_lft 6") || dad.contains("preferred_lft 5"), "{dad}");
    let peer = address("10.77.0.102 peer 10.80.0.2/30");
    assert!(peer.contains("deprecated"), "{peer}");
    assert_eq!(tap.wait_advert(0, SOON).addresses, [IpAddr::V4(VIP)]);
    process.signal("TERM");
    process.wait_end(SOON);
    let left = shown(&a, &["-o", "address", "show", "dev", "eth0"]);
    let gone = ["10.77.0.100", "10.77.0.101", "10.77.0.102", "2001:db8:77"];
    assert!(left.iter().all(|line| gone.iter().all(|it| !line.contains(it))), "{left:#?}");
}

/// For those whose address moves by a notify script.
#[test]
fn an_instance_without_addresses_is_elected_and_has_its_routes() {
    let pair = Pair::new();
    let text = |priority: u8| {
        format!(
            "[vrrp_instance.vip]\ninterface = \"eth0\"\nvirtual_router_id = 51\n\
             priority = {priority}\nno_virtual_ipaddress = true\n\
             virtual_routes = [\"192.0.2.0/24 via 10.77.0.9\", \"blackhole 2001:db8::/32\"]\n"
        )
    };
    let strong = pair.start_a(&text(200));
    let weak = pair.start_b(&text(100));
    strong.wait_log("vip: BACKUP -> MASTER", SOON);
    wait_shown(&pair.a, ROUTES, &["192.0.2.0/24 via 10.77.0.9 dev eth0"]);
    wait_shown(
        &pair.a,
        &["-6", "route", "show"],
        &["blackhole 2001:db8::/32 dev lo metric 1024 pref medium"],
    );
    strong.signal("TERM");
    weak.wait_log("vip: BACKUP -> MASTER", SOON);
    wait_shown(&pair.b, ROUTES, &["192.0.2.0/24 via 10.77.0.9 dev eth0"]);
    assert!(weak.lines("discarding").is_empty());
}

/// What the text cannot tell: the names of tables, interfaces, and how long a packet may be.
#[test]
fn what_a_host_has_to_say_of_routes_is_told_by_a_check() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    a.ip(&["link set eth0 mtu 600"]);
    let vips: Vec<String> = (1..=160).map(|host| format!("\"10.88.0.{host}\"")).collect();
    let text = format!(
        "[vrrp_instance.vip]\ninterface = \"eth0\"\nvirtual_router_id = 51\n\
         virtual_ipaddress = [{}]\n\
         virtual_routes = [\"10.0.0.0/8 dev eth9 table no-such\", \"10.1.0.0/16 dev eth8 table main\"]\n\
         virtual_rules = [\"from 10.0.0.0/8 table nor-this preference 5\"]\n",
        vips.join(", ")
    );
    let file = lab.file("vipd.toml", &text);
    let judge = |option: &str| {
        let mut command = a.namespace.command(vipd());
        command.args([option, "-f"]).arg(&file);
        let output = command.output().expect("vipd can be run");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = judge("-t");
    assert_eq!(code, Some(78), "{said}");
    for part in [
        "error: there is no routing table no-such: /etc/iproute2/rt_tables does not have it",
        "error: there is no routing table nor-this",
        "warning: there is no interface eth9 here",
        "warning: there is no interface eth8 here",
        "error: 160 addresses do not fit into one advert on eth0, whose packets have 600 bytes",
        "put them into virtual_ipaddress_excluded",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (code, said) = judge("-T");
    assert_eq!((code, said.as_str()), (Some(0), ""));
}
