//! An upgrade of a router that uses everything at once, and of one with a thousand instances.

use crate::lab::monitor::Monitor;
use crate::lab::ping::Ping;
use crate::lab::tap::gaps;
use crate::lab::{poll, wall_clock, SOON};
use crate::reload::thousand;
use crate::setup::{dead_end, Pair};
use crate::upgrade::{own_vipd, upgrade};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// Both families, a virtual MAC address, a group, unicast, routes, rules, trackers, a filter.
fn everything(directory: &std::path::Path) -> String {
    let state = directory.join("fine").display().to_string();
    format!(
        r#"
[vrrp_script.fine]
script = "test -e {state}"
interval = 0.3
weight = 20

[vrrp_instance.both]
interface = "eth0"
virtual_router_id = 10
priority = 150
advert_int = 0.1
version = 3
accept = false
virtual_ipaddress = ["10.77.0.100/24", "fe80::77:100/64", "2001:db8:77::100/64"]
track_script = ["fine"]
track_interface = ["eth1 weight 5"]
virtual_routes = ["192.0.2.0/24 via 10.77.0.9 dev eth0", "blackhole 198.51.100.0/24"]
virtual_rules = ["from 10.77.0.100 table 100 preference 1000"]

[vrrp_instance.inside]
interface = "eth1"
virtual_router_id = 11
priority = 150
advert_int = 0.1
version = 3
virtual_ipaddress = ["10.88.0.100/24"]

[vrrp_sync_group.group]
group = ["both", "inside"]
sync_group_tracking_weight = true

[vrrp_instance.mac]
interface = "eth0"
virtual_router_id = 12
priority = 150
advert_int = 0.1
version = 3
use_vmac = true
virtual_ipaddress = ["10.77.0.112/24"]

[vrrp_instance.leased]
interface = "eth0"
virtual_router_id = 13
priority = 150
advert_int = 0.1
version = 3
vip_lease = "lifetime"
unicast_peer = ["10.77.0.2"]
virtual_ipaddress = ["10.77.0.113/24"]
"#
    )
}

#[test]
fn everything_that_it_has_stays() {
    let pair = Pair::new();
    dead_end(&pair.a);
    let path = own_vipd(&pair);
    pair.lab.file("fine", "");
    let a = pair.lab.vipd(&path, &pair.a, &everything(pair.lab.directory()));
    let masters = || a.lines("BACKUP -> MASTER").len();
    // Four instances and a group.
    poll(SOON, "all are MASTER", || masters() >= 4 && !a.lines("group: ").is_empty());
    poll(SOON, "the check has succeeded", || {
        pair.hears_a.adverts_after(0).last().is_some_and(|_| {
            pair.hears_a.adverts_after(0).iter().any(|it| it.vrid == 10 && it.priority == 175)
        })
    });
    let objects = ["address", "link", "route", "rule"];
    let everything = || {
        let ip = |arguments: &[&str]| pair.a.namespace.ip_output(arguments);
        [
            ip(&["-o", "address", "show", "dev", "eth0"]),
            ip(&["-o", "link"]),
            ip(&["route"]),
            ip(&["-6", "route"]),
            ip(&["rule"]),
        ]
        .concat()
        .lines()
        // A lease of the kernel is renewed all the time.
        .filter(|line| !line.contains("10.77.0.113"))
        .map(str::to_owned)
        .collect::<Vec<_>>()
    };
    let monitor = Monitor::begin(&pair.lab, &pair.a, &objects);
    let (before, changes) = (everything(), a.lines("->").len());
    let (seen, from) = (monitor.mark(), wall_clock());
    let ping = Ping::begin(&pair.b, "10.77.0.112".parse::<IpAddr>().expect("an address"));
    for _ in 0..5 {
        upgrade(&a);
        pair.hears_a.wait_adverts(wall_clock(), 8, SOON);
    }
    let (pings, unanswered) = ping.end();
    println!("{unanswered} of {pings} pings were not answered");
    assert_eq!(unanswered, 0, "of {pings}");
    pair.a.ip(&["address add 127.9.9.8/32 dev lo"]);
    monitor.wait(seen, "127.9.9.8");
    let heard = monitor.lines_after(seen, "");
    // The kernel tells of a macvlan that is made to be what it is already.
    let same = "vrrp.12@eth0: <BROADCAST,MULTICAST,UP,LOWER_UP>";
    let foreign = |text: &str| {
        !text.contains("127.9.9.8")
            && !text.contains("10.77.0.113")
            && (!text.contains(same) || text.contains("Deleted"))
    };
    let heard: Vec<_> = heard.iter().map(|it| &it.text).filter(|it| foreign(it)).collect();
    assert!(heard.is_empty(), "{heard:#?}");
    assert_eq!(everything(), before);
    assert_eq!(a.lines("->").len(), changes, "no change of state");
    let mut by_router: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for advert in pair.hears_a.adverts_after(from) {
        assert!(advert.priority == 150 || advert.priority == 175, "{advert:?}");
        by_router.entry((advert.vrid, advert.source.is_ipv6())).or_default().push(advert);
    }
    assert_eq!(by_router.len(), 4, "VRIDs 10, 10 of IPv6, 12 and 13");
    for (router, adverts) in by_router {
        let longest = gaps(&adverts).into_iter().max().unwrap_or_default();
        println!("{router:?}: longest gap {longest:?} at an interval of 100 ms");
        assert!(longest < Duration::from_millis(200), "{router:?}: {longest:?}");
        let priorities: Vec<u8> = adverts.iter().map(|advert| advert.priority).collect();
        assert!(priorities.windows(2).all(|pair| pair[0] == pair[1]), "{priorities:?}");
    }
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    assert!(everything().iter().all(|line| !line.contains("10.77.0.1")
        || line.contains("10.77.0.1/24")
        || line.contains("src 10.77.0.1")));
}

#[test]
fn a_thousand_instances_are_upgraded_without_a_missed_advert() {
    let pair = Pair::new();
    dead_end(&pair.a);
    let path = own_vipd(&pair);
    let a = pair.lab.vipd(&path, &pair.a, &thousand(""));
    let masters = || a.lines("BACKUP -> MASTER").len();
    poll(3 * SOON, "all are MASTER", || masters() == 1000);
    let (from, mark) = (wall_clock(), a.mark());
    let upgrades = 3;
    for _ in 0..upgrades {
        upgrade(&a);
    }
    pair.hears_a.wait_adverts(wall_clock(), 1000, SOON);
    assert_eq!(a.lines_after(mark, "->").len(), 0, "nobody has changed its state");
    let mut by_router: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for advert in pair.hears_a.adverts_after(from) {
        by_router.entry((advert.vrid, advert.source.is_ipv6())).or_default().push(advert);
    }
    assert_eq!(by_router.len(), 500, "two families on eth0");
    let longest = by_router.values().filter_map(|adverts| gaps(adverts).into_iter().max()).max();
    let longest = longest.unwrap_or_default();
    println!("{upgrades} upgrades, longest gap {longest:?} at an interval of 1 s");
    assert!(longest < Duration::from_secs(2), "{longest:?}");
}
