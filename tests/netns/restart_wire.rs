//! A daemon that is killed and started again, as its peers and the kernel see it: nothing happens if it
//! is back in time, and otherwise it joins as one that knows nothing.

use crate::lab::monitor::Monitor;
use crate::lab::process::Process;
use crate::lab::second::VIP_SECOND;
use crate::lab::tap::{gaps, Advert};
use crate::lab::{poll, span, wall_clock, Lab, SOON, VIP};
use crate::restart::{kill, wait_state, SLOW};
use crate::scripts::{FAST, FAST_TICK};
use crate::setup::{dead_end, down, toml, vipd, Pair};
use std::time::Duration;

/// So often a start is tried that has to be quicker than a busy machine may allow.
const TRIES: usize = 20;

/// What a restart looked like.
struct Restart {
    again: Process,
    /// When it was killed.
    from: u64,
    went_on: bool,
    /// From the last advert before to the first after it.
    gap: Duration,
}

/// Kills the MASTER `a` and starts it again at once.
fn restart(pair: &Pair, a: &Process, config: &str) -> Restart {
    wait_state(&pair.lab, "state=MASTER");
    let from = wall_clock();
    kill(a);
    let again = pair.start_a(config);
    poll(SOON, "it has begun", || {
        !again.lines("vip: still MASTER").is_empty() || !again.lines("vip: INIT -> ").is_empty()
    });
    let went_on = !again.lines("vip: still MASTER").is_empty();
    let first = pair.hears_a.wait_advert(from, SOON).at;
    let before: Vec<Advert> =
        pair.hears_a.adverts().into_iter().filter(|advert| advert.at < first).collect();
    let gap = before.last().map_or(Duration::ZERO, |last| span(last.at, first));
    Restart { again, from, went_on, gap }
}

/// At 100 ms adverts a busy machine may be too slow now and then: then it must have been so.
#[test]
fn within_three_short_intervals_nobody_notices() {
    let config = toml(150, FAST);
    let mut tried = Vec::new();
    for _ in 0..TRIES {
        let pair = Pair::new();
        let (a, b) = pair.start_both(&config, &toml(100, FAST));
        let monitor = Monitor::begin(&pair.lab, &pair.a, &["address"]);
        let seen = monitor.mark();
        let it = restart(&pair, &a, &config);
        tried.push(it.gap);
        println!("100 ms adverts: went on {}, longest gap {:?}", it.went_on, it.gap);
        if !it.went_on {
            assert!(it.gap > 3 * FAST_TICK, "it had the time to go on: {:?}", it.gap);
            continue;
        }
        // The most eager of all peers would have waited so long.
        assert!(it.gap < down(254, FAST_TICK).1 + FAST_TICK / 2, "too late: {:?}", it.gap);
        if it.gap >= down(100, FAST_TICK).1 {
            continue;
        }
        let sent = pair.hears_a.wait_adverts(it.from, 5, SOON);
        assert!(sent.iter().all(|advert| advert.priority == 150), "nobody has resigned");
        assert!(pair.hears_b.adverts_after(it.from).is_empty(), "the other has noticed nothing");
        assert!(b.lines("BACKUP -> MASTER").is_empty());
        assert!(pair.hears_a.announcements_after(it.from, VIP).is_empty(), "no storm");
        assert!(monitor.lines_after(seen, "eth0").is_empty(), "the address was there all the time");
        assert!(it.again.lines("->").is_empty(), "it has not left MASTER");
        return;
    }
    panic!("never in time: {tried:?}");
}

#[test]
fn at_1_s_adverts_of_vrrpv2_nobody_notices() {
    let pair = Pair::new();
    let (config, other) = (toml(150, ""), toml(100, ""));
    let (a, b) = pair.start_both(&config, &other);
    let it = restart(&pair, &a, &config);
    println!("1 s adverts: longest gap {:?}", it.gap);
    assert!(it.went_on);
    assert!(it.gap < down(254, Duration::from_secs(1)).1);
    let sent = pair.hears_a.wait_adverts(it.from, 3, SOON);
    assert!(sent.iter().all(|advert| advert.priority == 150));
    assert!(gaps(&sent).iter().all(|gap| *gap < Duration::from_secs(2)));
    assert!(pair.hears_b.adverts_after(it.from).is_empty());
    assert!(b.lines("BACKUP -> MASTER").is_empty());
    assert!(pair.hears_a.announcements_after(it.from, VIP).is_empty());
}

/// It has not been away for a second of its own knowledge, but the other has taken over.
#[test]
fn after_a_second_the_other_has_it_and_keeps_it_until_it_is_heard() {
    let pair = Pair::new();
    let config = toml(150, FAST);
    let (a, b) = pair.start_both(&config, &toml(100, FAST));
    wait_state(&pair.lab, "state=MASTER");
    kill(&a);
    b.wait_log("vip: BACKUP -> MASTER", SOON);
    pair.hears_b.wait_adverts(0, 7, SOON);
    let from = wall_clock();
    let again = pair.start_a(&config);
    again.wait_log("vip: INIT -> BACKUP", SOON);
    again.wait_log("vip: BACKUP -> MASTER", SOON);
    assert!(again.lines("still MASTER").is_empty());
    // By the rules: it has listened for three intervals, for the other ranks lower.
    let first = pair.hears_a.wait_advert(from, SOON);
    assert!(span(from, first.at) >= 3 * FAST_TICK, "{:?}", span(from, first.at));
    pair.lab.wait_holder(&pair.a, SOON);
}

#[test]
fn unicast_goes_on_as_well() {
    let pair = Pair::new();
    let to = |peer: &str| format!("{SLOW}\nunicast_peer = [\"{peer}\"]");
    let config = toml(150, &to("10.77.0.2"));
    let (a, b) = pair.start_both(&config, &toml(100, &to("10.77.0.1")));
    let it = restart(&pair, &a, &config);
    assert!(it.went_on);
    pair.hears_a.wait_adverts(it.from, 3, SOON);
    assert!(pair.hears_b.adverts_after(it.from).is_empty());
    assert!(b.lines("BACKUP -> MASTER").is_empty());
}

/// The interface has no carrier any more: it is MASTER no longer than it takes to see that.
#[test]
fn what_has_happened_to_the_interface_meanwhile_counts() {
    let pair = Pair::new();
    let config = toml(150, SLOW);
    let a = pair.start_a(&config);
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    wait_state(&pair.lab, "told=1");
    kill(&a);
    pair.a.ip(&["link set eth0 down"]);
    let a = pair.start_a(&config);
    a.wait_log("vip: MASTER -> FAULT: eth0 is down", SOON);
    poll(SOON, "the address is gone", || !pair.a.holds(VIP));
    pair.a.ip(&["link set eth0 up"]);
    a.wait_log("vip: BACKUP -> MASTER", SOON);
}

/// Somebody has cleaned up behind a daemon that was killed.
#[test]
fn an_address_that_is_gone_is_put_back_and_announced() {
    let pair = Pair::new();
    let (a, b) = pair.start_both(&toml(150, SLOW), &toml(100, SLOW));
    wait_state(&pair.lab, "told=1");
    kill(&a);
    pair.a.ip(&["address delete 10.77.0.100/24 dev eth0"]);
    let from = wall_clock();
    let a = pair.start_a(&toml(150, SLOW));
    a.wait_log("vip: still MASTER", SOON);
    pair.hears_a.wait_announcement(from, VIP, SOON);
    assert!(pair.a.holds(VIP));
    assert!(pair.hears_b.adverts_after(from).is_empty() && b.lines("-> MASTER").is_empty());
}

/// Two instances on two interfaces, and a third where it is wanted.
fn group(more: &str) -> String {
    format!(
        "[vrrp_instance.lan]\ninterface = \"eth0\"\nvirtual_router_id = 51\npriority = 150\n{SLOW}\n\
         virtual_ipaddress = [\"{VIP}/24\"]\n\
         [vrrp_instance.wan]\ninterface = \"eth1\"\nvirtual_router_id = 52\npriority = 150\n{SLOW}\n\
         virtual_ipaddress = [\"{VIP_SECOND}/24\"]\n{more}"
    )
}

const BOTH: &str = "[vrrp_sync_group.gate]\ngroup = [\"lan\", \"wan\"]\n";

#[test]
fn a_group_goes_on_as_a_whole_or_not_at_all() {
    let pair = Pair::new();
    dead_end(&pair.a);
    let a = pair.start_a(&group(BOTH));
    a.wait_log("group gate: BACKUP -> MASTER", SOON);
    wait_state(&pair.lab, "group name=gate state=MASTER told=1");
    kill(&a);
    let a = pair.start_a(&group(BOTH));
    a.wait_log("lan: still MASTER", SOON);
    a.wait_log("wan: still MASTER", SOON);
    assert!(pair.a.holds(VIP) && pair.a.holds(VIP_SECOND));
    assert!(a.lines("->").is_empty());
    // With a member that was none before, nobody can be MASTER before that one is.
    wait_state(&pair.lab, "group name=gate state=MASTER told=1");
    kill(&a);
    let new = "[vrrp_instance.new]\ninterface = \"eth1\"\nvirtual_router_id = 53\npriority = 150\n\
        version = 3\nadvert_int = 2\nvirtual_ipaddress = [\"10.88.0.101/24\"]\n\
        [vrrp_sync_group.gate]\ngroup = [\"lan\", \"wan\", \"new\"]\n";
    let from = wall_clock();
    let a = pair.start_a(&group(new));
    for member in ["lan", "wan", "new"] {
        a.wait_log(&format!("{member}: INIT -> BACKUP"), SOON);
    }
    a.wait_log("group gate: INIT -> BACKUP", SOON);
    for address in [VIP, VIP_SECOND] {
        a.wait_log(&format!("removing {address} from "), SOON);
    }
    assert!(a.lines("still MASTER").is_empty());
    assert!(pair.hears_a.adverts_after(from).iter().all(|advert| advert.priority != 0));
    a.wait_log("group gate: BACKUP -> MASTER", SOON);
}

/// Both have the same mark on their addresses, but each knows its own.
#[test]
fn two_daemons_with_a_run_directory_each_do_not_touch_each_other() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let tap = lab.tap(&a);
    let start = |number: u8| {
        let name = format!("{number}.toml");
        let config = toml(150, FAST).replace("= 51", &format!("= {number}"));
        let file = lab.file(&name, &config.replace(".100/", &format!(".{number}/")));
        let run = lab.directory().join(format!("run-{number}")).display().to_string();
        let file = file.display().to_string();
        lab.start(&a, vipd(), &["-n", "-l", "stderr", "-f", &file, "-r", &run])
    };
    let (one, two) = (start(61), start(62));
    for it in [&one, &two] {
        it.wait_log("vip: BACKUP -> MASTER", SOON);
    }
    let monitor = Monitor::begin(&lab, &a, &["address"]);
    let (seen, from) = (monitor.mark(), wall_clock());
    kill(&two);
    let again = start(62);
    poll(SOON, "it has begun", || again.lines("vip: ").len() + again.lines("removing").len() > 0);
    again.signal("TERM");
    again.wait_end(SOON);
    let sent = || {
        let sent = tap.adverts_after(from).into_iter();
        sent.filter(|advert| advert.vrid == 61).collect::<Vec<_>>()
    };
    poll(SOON, "ten more adverts of the first", || sent().len() > 10);
    assert!(monitor.lines_after(seen, "10.77.0.61").is_empty());
    assert!(a.holds([10, 77, 0, 61]) && !a.holds([10, 77, 0, 62]));
    let tables = a.namespace.command(std::path::Path::new("nft")).args(["list", "tables"]).output();
    let tables = tables.expect("nft");
    let tables = String::from_utf8_lossy(&tables.stdout).into_owned();
    assert_eq!(tables.lines().count(), 1, "the lease of the first: {tables}");
    assert!(one.lines("MASTER -> ").is_empty());
}
