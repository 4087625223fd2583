//! SIGHUP: what has changed is applied, and nobody notices anything else.

use crate::lab::monitor::Monitor;
use crate::lab::tap::gaps;
use crate::lab::{poll, wall_clock, SOON, VIP};
use crate::setup::{reload, toml, Pair, V3, V3_ONCE};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

const SECOND: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 101);

/// Virtual routers of one interface and family.
const EACH: usize = 250;

/// Writes a new configuration for a host and has it read.
fn two(first: &str, second: &str) -> String {
    toml(150, V3_ONCE).replace(&format!("\"{VIP}/24\""), &format!("\"{first}\", \"{second}\""))
}

#[test]
fn nothing_new_is_nothing_done() {
    let pair = Pair::new();
    let (a, b) = pair.start_both(&toml(150, V3_ONCE), &toml(100, V3));
    let monitor = Monitor::begin(&pair.lab, &pair.a, &["address", "link", "route"]);
    let (seen, mark, from) = (monitor.mark(), a.mark(), wall_clock());
    for _ in 0..10 {
        let mark = a.mark();
        a.signal("HUP");
        a.wait_log_after(mark, "reload: ", SOON);
    }
    assert_eq!(a.lines_after(mark, "says nothing new").len(), 10);
    assert_eq!(a.lines_after(mark, "vip:").len(), 0, "no word about the instance");
    pair.hears_a.wait_adverts(from, 5, SOON);
    assert!(pair.hears_a.announcements_after(from, VIP).is_empty());
    assert!(pair.hears_b.adverts_after(from).is_empty());
    // The monitor has told of everything up to here when it tells of this.
    pair.a.ip(&["address add 127.9.9.8/32 dev lo"]);
    monitor.wait(seen, "127.9.9.8");
    let about = |text: &str| monitor.lines_after(seen, text).len();
    assert_eq!((about("eth0"), about(&VIP.to_string())), (0, 0));
    assert!(b.lines("MASTER").iter().all(|line| line.at < from));
}

#[test]
fn an_error_leaves_everything_as_it_is() {
    let pair = Pair::new();
    let (a, _b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    let from = wall_clock();
    reload(&pair.lab, "a", &a, &toml(50, "prioritty = 3"));
    a.wait_log("prioritty", SOON);
    a.wait_log("the configuration stays as it is", SOON);
    let adverts = pair.hears_a.wait_adverts(from, 5, SOON);
    assert!(adverts.iter().all(|advert| advert.priority == 150));
    // And a file that is not there.
    std::fs::remove_file(pair.lab.directory().join("a.toml")).expect("the file");
    let mark = a.mark();
    a.signal("HUP");
    a.wait_log_after(mark, "the configuration stays as it is: cannot read ", SOON);
    pair.hears_a.wait_adverts(wall_clock(), 3, SOON);
}

/// V3-105: and only that one is announced.
#[test]
fn v3_105_an_added_address_is_announced_alone() {
    let pair = Pair::new();
    let (a, b) = pair.start_both(&toml(150, V3_ONCE), &toml(100, V3));
    let (from, mark) = (wall_clock(), a.mark());
    reload(&pair.lab, "a", &a, &two(&format!("{VIP}/24"), &format!("{SECOND}/24")));
    poll(SOON, "it is there", || pair.a.holds(SECOND));
    pair.hears_a.wait_announcement(from, SECOND, SOON);
    let adverts = pair.hears_a.wait_adverts(from, 5, SOON);
    assert!(adverts.iter().any(|advert| advert.addresses.len() == 2));
    assert!(pair.hears_a.announcements_after(from, VIP).is_empty(), "the other is where it was");
    assert_eq!(a.lines_after(mark, "->").len(), 0, "no change of state");

    // And away again.
    let (from, mark) = (wall_clock(), a.mark());
    reload(&pair.lab, "a", &a, &toml(150, V3_ONCE));
    poll(SOON, "it is gone", || !pair.a.holds(SECOND));
    assert!(pair.a.holds(VIP));
    pair.hears_a.wait_adverts(from, 3, SOON);
    assert_eq!(a.lines_after(mark, "->").len(), 0);
    assert!(b.lines("BACKUP -> MASTER").is_empty());
}

#[test]
fn priority_and_interval_change_in_place() {
    let pair = Pair::new();
    let (a, b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    let mark = a.mark();
    let from = wall_clock();
    reload(&pair.lab, "a", &a, &toml(140, V3));
    let first = pair.hears_a.wait_advert(from, SOON);
    assert_eq!(first.priority, 140, "it is told at once");
    assert_eq!(a.lines_after(mark, "vip: priority 150 -> 140").len(), 1);
    let from = wall_clock();
    reload(&pair.lab, "a", &a, &toml(140, "version = 3\nadvert_int = 0.1"));
    let adverts = pair.hears_a.wait_adverts(from, 8, SOON);
    assert!(adverts[2..].iter().all(|advert| advert.interval == 10));
    // The other way round: a BACKUP that is worth more now takes over by the normal rules.
    reload(&pair.lab, "b", &b, &toml(160, V3));
    b.wait_log("vip: BACKUP -> MASTER: 10.77.0.1 has priority 140, lower than our 160", SOON);
    pair.lab.wait_holder(&pair.b, SOON);
    // And a MASTER that is worth less loses.
    reload(&pair.lab, "b", &b, &toml(100, V3));
    a.wait_log("vip: BACKUP -> MASTER: 10.77.0.2 has priority 100", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
}

#[test]
fn an_instance_that_is_removed_resigns() {
    let pair = Pair::new();
    let other = toml(150, V3).replace(".vip]", ".other]").replace("= 51", "= 52");
    let other = other.replace(&VIP.to_string(), &SECOND.to_string());
    let both = format!("{}\n{other}", toml(150, V3));
    let told = pair.lab.directory().join("told");
    let deleted = format!("notify_deleted = \"echo deleted >> {}\"", told.display());
    let a = pair.start_a(&format!("{both}\n{deleted}\n"));
    a.wait_log("other: BACKUP -> MASTER", SOON);
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let b = pair.start_b(&both.replace("150", "100"));
    b.wait_log("other: INIT -> BACKUP", SOON);
    let from = wall_clock();
    reload(&pair.lab, "a", &a, &toml(150, V3));
    a.wait_log("other: MASTER -> INIT: a reload has removed it", SOON);
    b.wait_log("other: BACKUP -> MASTER: 10.77.0.1 resigned", SOON);
    pair.lab.wait_holder_of(SECOND, &pair.b, SOON);
    poll(SOON, "notify_deleted has run", || {
        std::fs::read_to_string(&told).is_ok_and(|text| text == "deleted\n")
    });
    let resigned = pair.hears_a.adverts_after(from);
    let resigned = resigned.iter().filter(|advert| advert.priority == 0);
    assert_eq!(resigned.map(|advert| advert.vrid).collect::<Vec<_>>(), [52]);
    pair.lab.wait_holder(&pair.a, SOON);
    assert!(b.lines("vip: BACKUP -> MASTER").is_empty());

    // It comes back, with preemption.
    reload(&pair.lab, "a", &a, &both);
    a.wait_log("other: INIT -> BACKUP", SOON);
    a.wait_log("other: BACKUP -> MASTER: 10.77.0.2 has priority 100", SOON);
    pair.lab.wait_holder_of(SECOND, &pair.a, SOON);
}

/// Moved from one instance to another, an address is never away.
#[test]
fn an_address_moves_from_one_instance_to_another() {
    let pair = Pair::new();
    let other = |addresses: &str| {
        toml(150, V3)
            .replace(".vip]", ".other]")
            .replace("= 51", "= 52")
            .replace(&format!("\"{VIP}/24\""), addresses)
    };
    let with = |first: &str, second: &str| {
        format!("{}\n{}", toml(150, V3).replace(&format!("\"{VIP}/24\""), first), other(second))
    };
    let (one, two) = (format!("\"{VIP}/24\""), format!("\"{SECOND}/24\""));
    let a = pair.start_a(&with(&format!("{one}, {two}"), "\"10.77.0.102/24\""));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    a.wait_log("other: BACKUP -> MASTER", SOON);
    poll(SOON, "all are there", || pair.a.holds(SECOND) && pair.a.holds(VIP));
    let monitor = Monitor::begin(&pair.lab, &pair.a, &["address"]);
    let (seen, mark) = (monitor.mark(), a.mark());
    reload(&pair.lab, "a", &a, &with(&one, &format!("\"10.77.0.102/24\", {two}")));
    // Then the whole first instance goes, and the second has its address as well.
    let all = format!("\"10.77.0.102/24\", {two}, {one}");
    reload(&pair.lab, "a", &a, &other(&all));
    pair.a.ip(&["address add 127.9.9.8/32 dev lo"]);
    monitor.wait(seen, "127.9.9.8");
    assert_eq!(monitor.lines_after(seen, "eth0").len(), 0, "nothing came and nothing went");
    assert_eq!(a.lines_after(mark, "other:").iter().filter(|it| it.text.contains("->")).count(), 0);
    assert!(pair.a.holds(VIP) && pair.a.holds(SECOND));
}

/// The gap between two adverts of an instance that has not changed, while others come, change and go
/// at every reload. The measure is the gaps of the same run without reloads.
#[test]
fn adverts_of_an_untouched_instance_are_on_time() {
    let pair = Pair::new();
    let fast = toml(150, "version = 3\nadvert_int = 0.01");
    let a = pair.start_a(&fast);
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let quiet = pair.hears_a.wait_adverts(wall_clock(), 200, SOON);
    let from = wall_clock();
    for round in 0..20 {
        let other = toml(100 + round, V3).replace(".vip]", ".other]").replace("= 51", "= 52");
        let other = other.replace(&VIP.to_string(), &format!("10.77.0.{}", 110 + round % 3));
        let more = if round % 4 == 3 { String::new() } else { other };
        reload(&pair.lab, "a", &a, &format!("{fast}\n{more}"));
    }
    pair.hears_a.wait_adverts(wall_clock(), 20, SOON);
    let adverts = pair.hears_a.adverts_after(from);
    let ours: Vec<_> = adverts.into_iter().filter(|advert| advert.vrid == 51).collect();
    assert!(ours.iter().all(|advert| advert.priority == 150));
    let median = |mut gaps: Vec<Duration>| {
        gaps.sort();
        gaps[gaps.len() / 2]
    };
    let longest = |gaps: &[Duration]| gaps.iter().max().copied().unwrap_or_default();
    let (calm, reloads) = (gaps(&quiet), gaps(&ours));
    println!(
        "gaps: calm median {:?} longest {:?}, reloads median {:?} longest {:?}",
        median(calm.clone()),
        longest(&calm),
        median(reloads.clone()),
        longest(&reloads)
    );
    assert!(median(reloads.clone()) < median(calm).mul_f64(1.05));
    // A busy machine is late now and then; but none is left out.
    assert!(longest(&reloads) < 30 * Duration::from_millis(10), "{:?}", longest(&reloads));
}

/// A thousand instances, on two interfaces and in both families. `more`: another address of the first,
/// with a comma before it.
pub fn thousand(more: &str) -> String {
    let instance = |interface: &str, vrid: usize, address: String, more: &str| {
        format!(
            "[vrrp_instance.\"{interface} {address}\"]\ninterface = \"{interface}\"\n\
             virtual_router_id = {vrid}\npriority = 200\nversion = 3\nadvert_int = 1\n\
             virtual_ipaddress = [\"{address}\"{more}]\n"
        )
    };
    let one = |number: usize| {
        let vrid = number % EACH + 1;
        let more = if number == 0 { more } else { "" };
        match number / EACH {
            0 => instance("eth0", vrid, format!("10.99.0.{vrid}/24"), more),
            1 => instance("eth0", vrid, format!("fe80::99:{vrid:x}/64"), ""),
            2 => instance("eth1", vrid, format!("10.98.0.{vrid}/24"), ""),
            _ => instance("eth1", vrid, format!("fe80::98:{vrid:x}/64"), ""),
        }
    };
    (0..4 * EACH).map(one).collect()
}

/// Each goes on advertising, whatever is reloaded.
#[test]
fn a_thousand_instances_reload_without_a_missed_advert() {
    let pair = Pair::new();
    crate::setup::dead_end(&pair.a);
    let all = thousand;
    let a = pair.start_a(&all(""));
    let masters = || a.lines("BACKUP -> MASTER").len();
    poll(3 * SOON, "all are MASTER", || masters() == 4 * EACH);
    let (from, mark) = (wall_clock(), a.mark());
    let by_router = || {
        let mut by_router: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for advert in pair.hears_a.adverts_after(from) {
            by_router.entry((advert.vrid, advert.source.is_ipv6())).or_default().push(advert);
        }
        by_router
    };
    let mut reloads = 0;
    poll(3 * SOON, "each has advertised six times", || {
        let more = if reloads % 2 == 0 { ", \"10.99.1.1/24\"" } else { "" };
        reload(&pair.lab, "a", &a, &all(more));
        reloads += 1;
        by_router().values().filter(|adverts| adverts.len() >= 6).count() == 2 * EACH
    });
    assert_eq!(a.lines_after(mark, "->").len(), 0, "nobody has changed its state");
    let longest = by_router().values().filter_map(|adverts| gaps(adverts).into_iter().max()).max();
    let longest = longest.unwrap_or_default();
    println!("{reloads} reloads, longest gap {longest:?} at an interval of 1 s");
    assert!(
        longest > Duration::from_millis(500) && longest < Duration::from_secs(2),
        "{longest:?}"
    );
}
