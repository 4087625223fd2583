//! Addresses and routes of a MASTER that somebody else removes: they are there again within 100 ms, and
//! announced, and nothing else changes. Addresses of somebody else that are equal to ours.

use crate::lab::injector::Injector;
use crate::lab::monitor::Monitor;
use crate::lab::process::Process;
use crate::lab::tap::{gaps, Tap};
use crate::lab::{poll, span, wall_clock, Host, Lab, SOON, VIP, VIP_GLOBAL, VIP_LOCAL};
use crate::setup::{dead_end, toml, toml_both, vipd, Pair, TICK, V3};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const EXCLUDED: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 101);
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 100);
/// How soon it has to be back.
const QUICK: Duration = Duration::from_millis(100);
/// A machine may be busy for once, but not so often.
const TRIES: usize = 5;

/// A MASTER with addresses of all kinds, and `ip monitor` beside it.
struct Scene {
    a: Host,
    process: Process,
    tap: Tap,
    monitor: Monitor,
    lab: Lab,
}

impl Scene {
    fn new() -> Self {
        let lab = Lab::new();
        let a = lab.host("a", "10.77.0.1/24");
        dead_end(&a);
        let tap = lab.tap(&a);
        let more = format!(
            "{V3}\nvirtual_ipaddress_excluded = [\"{EXCLUDED}/24\", \"{ELSEWHERE}/24 dev eth1\"]\n\
             virtual_routes = [\"198.51.100.0/24 via 10.77.0.200\"]"
        );
        let process = lab.vipd(vipd(), &a, &toml_both(100, &more));
        for address in [VIP, EXCLUDED, ELSEWHERE] {
            lab.wait_holder_of(address, &a, SOON);
        }
        lab.wait_holder_of(VIP_GLOBAL, &a, SOON);
        let monitor = Monitor::begin(&lab, &a, &["address", "route"]);
        Self { a, process, tap, monitor, lab }
    }

    /// From the line of `ip monitor` that says that something is gone to the one that says that it is
    /// there.
    fn away(&self, what: &str, command: &str) -> Duration {
        let mark = self.monitor.mark();
        let words: Vec<&str> = command.split(' ').collect();
        self.a.namespace.ip_output(&words);
        let is_gone = |line: &&crate::lab::process::Line| line.text.starts_with("Deleted");
        let find = |gone: bool, from: u64| {
            let lines = self.monitor.lines_after(mark, what);
            lines.iter().find(|line| is_gone(line) == gone && line.at >= from).map(|line| line.at)
        };
        poll(SOON, &format!("{what} goes"), || find(true, 0).is_some());
        let gone = find(true, 0).expect("it is gone");
        poll(SOON, &format!("{what} comes back"), || find(false, gone).is_some());
        span(gone, find(false, gone).expect("it is back"))
    }

    #[track_caller]
    fn is_quick(&self, what: &str, command: &str) {
        let mut spans = Vec::new();
        for _ in 0..TRIES {
            spans.push(self.away(what, command));
            if spans.last().is_some_and(|span| *span < QUICK) {
                println!("{command}: {what} was away for {spans:?}");
                return;
            }
        }
        panic!("{command}: {what} was away for {spans:?}");
    }
}

#[test]
fn what_somebody_removes_is_back_within_100_ms_and_announced() {
    let scene = Scene::new();
    let begin = wall_clock();
    let delete = |address: IpAddr, length, dev| {
        (address, format!("address delete {address}/{length} dev {dev}"))
    };
    let all = [
        delete(VIP.into(), 24, "eth0"),
        delete(VIP_GLOBAL.into(), 64, "eth0"),
        delete(VIP_LOCAL.into(), 64, "eth0"),
        delete(EXCLUDED.into(), 24, "eth0"),
        delete(ELSEWHERE.into(), 24, "eth1"),
        (VIP.into(), format!("address flush dev eth0 to {VIP}/32")),
        (VIP_GLOBAL.into(), "-6 address flush dev eth0 scope global".into()),
        (ELSEWHERE.into(), "address flush dev eth1".into()),
    ];
    for (address, command) in all {
        let before = wall_clock();
        scene.is_quick(&format!("{address}/"), &command);
        if address != IpAddr::from(ELSEWHERE) {
            scene.tap.wait_announcement(before, address, SOON);
        }
    }
    scene.is_quick("198.51.100.0/24", "route delete 198.51.100.0/24");
    // Nothing else has happened.
    let adverts = scene.tap.wait_adverts(wall_clock(), 3, SOON);
    assert!(adverts.iter().all(|advert| advert.priority == 100));
    assert_eq!(scene.process.lines("MASTER -> ").len(), 0);
    assert!(scene.tap.adverts_after(begin).iter().all(|advert| advert.priority == 100));
    for address in [VIP.to_string(), VIP_GLOBAL.to_string()] {
        let told = scene.process.lines(&format!("{address} has vanished from eth0: putting it"));
        assert_eq!(told.len(), 1, "the second time it is counted");
    }
    scene.process.signal("TERM");
    assert!(scene.process.wait_end(SOON).success());
    for address in [VIP, EXCLUDED, ELSEWHERE] {
        assert!(scene.lab.holders(address).is_empty(), "{address} was ours");
    }
}

/// It takes the virtual ones of its prefix with it, if the kernel is not told otherwise. There is
/// another address to send from.
#[test]
fn the_first_address_goes_with_what_comes_behind_it() {
    for promote in ["0", "1"] {
        let scene = Scene::new();
        scene.a.namespace.set("ipv4/conf/eth0/promote_secondaries", promote);
        scene.a.ip(&["address add 10.66.0.1/24 dev eth0"]);
        let mark = scene.monitor.mark();
        let gone = wall_clock();
        scene.a.ip(&["address delete 10.77.0.1/24 dev eth0"]);
        let advert = scene.tap.wait_adverts(gone, 4, SOON).pop().expect("four");
        let source: IpAddr = advert.source;
        assert!(source.is_ipv6() || source == IpAddr::from([10, 66, 0, 1]), "{source}");
        for address in [VIP, EXCLUDED] {
            scene.lab.wait_holder_of(address, &scene.a, SOON);
            let deleted = scene.monitor.lines_after(mark, &format!("{address}/24"));
            let deleted = deleted.iter().any(|line| line.text.starts_with("Deleted"));
            assert_eq!(deleted, promote == "0", "{address}");
        }
        // It comes back, behind ours, and is put before them again.
        scene.a.ip(&["address add 10.77.0.1/24 dev eth0"]);
        scene.process.wait_log("10.77.0.1 came to eth0 behind 10.77.0.", SOON);
        poll(SOON, "it is the first", || {
            let show = scene.a.namespace.ip_output(&["-o", "-4", "address", "show", "dev", "eth0"]);
            let secondary = |address: &str| {
                show.lines().any(|line| line.contains(address) && line.contains("secondary"))
            };
            secondary("10.77.0.100/24") && secondary("10.77.0.101/24") && !secondary("10.77.0.1/24")
        });
        assert_eq!(scene.process.lines("MASTER -> ").len(), 0);
        scene.process.signal("TERM");
        assert!(scene.process.wait_end(SOON).success());
        assert!(scene.a.holds(scene.a.address), "it is not ours to remove");
        let path = ["net", "ipv4", "conf", "eth0", "promote_secondaries"].join("/");
        let set = scene.a.namespace.run(|| std::fs::read_to_string(format!("/proc/sys/{path}")));
        assert_eq!(set.expect("it can be read").trim(), promote, "as it was");
    }
}

/// While they are MASTER, the greater address wins; it counts as it is now.
#[test]
fn the_address_that_breaks_a_tie_is_the_one_of_now() {
    let pair = Pair::new();
    let (a, b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    a.signal("TERM");
    pair.lab.wait_holder(&pair.b, SOON);
    // The same priority and a smaller address: it follows.
    let a = pair.start_a(&toml(100, V3));
    a.wait_log("vip: INIT -> BACKUP", SOON);
    let mark = a.mark();
    poll(SOON, "it follows", || {
        a.signal("USR1");
        !a.lines_after(mark, "MASTER is 10.77.0.2").is_empty()
    });
    // Both are MASTER on a segment that is cut in two, and one has got a greater address meanwhile.
    pair.lab.isolate(&pair.a, true);
    pair.lab.isolate(&pair.b, true);
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    pair.a.namespace.set("ipv4/conf/eth0/promote_secondaries", "1");
    pair.a.ip(&["address add 10.77.0.9/24 dev eth0", "address delete 10.77.0.1/24 dev eth0"]);
    let changed = wall_clock();
    poll(SOON, "it sends from the other", || {
        let last = pair.hears_a.adverts_after(changed).pop();
        last.is_some_and(|advert| advert.source == IpAddr::from([10, 77, 0, 9]))
    });
    pair.lab.isolate(&pair.a, false);
    pair.lab.isolate(&pair.b, false);
    b.wait_log("vip: MASTER -> BACKUP: 10.77.0.9 has our priority and a greater address", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    assert_eq!(a.lines("MASTER -> ").len(), 0);
}

/// Somebody removes it again and again: it is put back as often, at some distance, and the log does not
/// overflow.
#[test]
fn a_fight_over_an_address_is_bounded() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let tap = lab.tap(&a);
    let process = lab.vipd(vipd(), &a, &toml(100, V3));
    lab.wait_holder(&a, SOON);
    let monitor = Monitor::begin(&lab, &a, &["address"]);
    let (mark, begin) = (monitor.mark(), wall_clock());
    let script = format!("while :; do ip address delete {VIP}/24 dev eth0 2>&-; done");
    let mut command = a.namespace.command("sh".as_ref());
    command.args(["-c", &script]);
    let fight = lab.spawn("fight", command);
    poll(SOON, "it is removed many times", || monitor.lines_after(mark, "Deleted").len() >= 20);
    let spent = span(begin, wall_clock());
    fight.kill();
    let deleted = monitor.lines_after(mark, "Deleted").len();
    let most = spent.as_millis() / 30 + 10;
    assert!((deleted as u128) < most, "{deleted} times in {spent:?}");
    assert_eq!(process.lines("has vanished").len(), 1);
    lab.wait_holder(&a, SOON);
    assert_eq!(process.lines("MASTER -> ").len(), 0);
    let longest = gaps(&tap.adverts_after(begin)).into_iter().max();
    assert!(longest.is_some_and(|gap| gap < 10 * TICK), "{longest:?}");
}

/// A MASTER with the virtual address that somebody else had put there.
fn using_theirs(prefix: &str) -> (Lab, Host, Process) {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    a.ip(&[&format!("address add {VIP}/{prefix} dev eth0")]);
    let process = lab.vipd(vipd(), &a, &toml(100, V3));
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    (lab, a, process)
}

fn shown(a: &Host) -> Vec<String> {
    let show = a.namespace.ip_output(&["-o", "-4", "address", "show", "dev", "eth0"]);
    let of_vip = show.split_whitespace().filter(|word| word.starts_with(&format!("{VIP}/")));
    let mut all: Vec<String> = of_vip.map(str::to_owned).collect();
    all.sort();
    all
}

#[test]
fn an_address_of_somebody_else_with_another_prefix_is_used_and_stays() {
    let (lab, a, process) = using_theirs("16");
    assert_eq!(shown(&a), ["10.77.0.100/16"], "used, and not put there once more");
    lab.tap(&a).wait_adverts(0, 3, SOON);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    assert_eq!(shown(&a), ["10.77.0.100/16"]);
}

/// Ours is put there when theirs goes, and goes with us; theirs that comes then stays.
#[test]
fn an_address_that_they_remove_and_add_again_stays() {
    for prefix in ["16", "24"] {
        let (_lab, a, process) = using_theirs(prefix);
        let theirs = format!("10.77.0.100/{prefix}");
        a.ip(&[&format!("address delete {theirs} dev eth0")]);
        process.wait_log("10.77.0.100 has vanished from eth0: putting it back", SOON);
        poll(SOON, "ours is there", || shown(&a) == ["10.77.0.100/24"]);
        // With the prefix that we have the kernel takes it from nobody else while ours is there.
        if prefix == "16" {
            a.ip(&[&format!("address add {theirs} dev eth0")]);
            assert_eq!(shown(&a), ["10.77.0.100/16", "10.77.0.100/24"]);
            // And goes again: ours is still there, and still ours.
            a.ip(&[&format!("address delete {theirs} dev eth0")]);
            a.ip(&[&format!("address add {theirs} dev eth0")]);
        }
        process.signal("TERM");
        assert!(process.wait_end(SOON).success());
        let left = if prefix == "16" { vec![theirs] } else { vec![] };
        assert_eq!(shown(&a), left);
    }
}

/// In one go, so that we hear of it when theirs is there.
#[test]
fn an_address_that_somebody_puts_in_place_of_ours_stays() {
    for theirs in ["10.77.0.100/24", "10.77.0.100/16"] {
        let lab = Lab::new();
        let a = lab.host("a", "10.77.0.1/24");
        let process = lab.vipd(vipd(), &a, &toml(100, V3));
        lab.wait_holder(&a, SOON);
        process.stop();
        a.ip(&[
            &format!("address delete {VIP}/24 dev eth0"),
            &format!("address add {theirs} dev eth0"),
        ]);
        process.signal("CONT");
        process.wait_log("10.77.0.100 on eth0 is somebody else's now: using it", SOON);
        assert_eq!(shown(&a), [theirs]);
        process.signal("TERM");
        assert!(process.wait_end(SOON).success());
        assert_eq!(shown(&a), [theirs]);
    }
}

/// It is the same address still, whatever becomes of our mark: it goes with us.
#[test]
fn an_address_of_ours_that_somebody_changes_is_still_ours() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let process = lab.vipd(vipd(), &a, &toml_both(100, V3));
    lab.wait_holder_of(VIP_GLOBAL, &a, SOON);
    lab.wait_holder(&a, SOON);
    a.ip(&[
        &format!("address change {VIP}/24 dev eth0 preferred_lft 1000 valid_lft 2000"),
        &format!("address change {VIP_GLOBAL}/64 dev eth0 preferred_lft 1000 valid_lft 2000"),
    ]);
    lab.tap(&a).wait_adverts(wall_clock(), 4, SOON);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    assert!(!a.holds(VIP) && !a.holds(VIP_GLOBAL));
    assert_eq!(process.lines("cannot").len(), 0);
}

/// The segment hears at once where the addresses are.
#[test]
fn another_mac_address_is_announced() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let client = lab.host("client", "10.77.0.200/24");
    let process = lab.vipd(vipd(), &a, &toml_both(100, V3));
    lab.wait_holder_of(VIP_GLOBAL, &a, SOON);
    let tap = lab.tap(&a);
    let new = [2, 0, 0, 0, 0x77, 0x99];
    let changed = wall_clock();
    a.ip(&["link set eth0 address 02:00:00:00:77:99"]);
    tap.wait_announcement(changed, VIP, SOON);
    tap.wait_announcement(changed, VIP_GLOBAL, SOON);
    let arps = tap.announcements_after(changed, VIP);
    assert!(arps.iter().all(|(_, arp)| arp.sender_mac == new), "{arps:?}");
    process.wait_log("eth0 has another MAC address, 02:00:00:00:77:99: announcing", SOON);
    let advert = tap.wait_adverts(changed, 4, SOON).pop().expect("four");
    assert_eq!(advert.frame[6..12], new);
    assert_eq!(Injector::open(&client).holders(VIP), [new]);
    assert_eq!(process.lines("MASTER -> ").len(), 0);
}

/// The virtual MAC address is not for somebody else to change.
#[test]
fn another_mac_address_on_a_macvlan_is_changed_back() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let client = lab.host("client", "10.77.0.200/24");
    let process = lab.vipd(vipd(), &a, &toml(100, &format!("{V3}\nuse_vmac = true")));
    lab.wait_holder(&a, SOON);
    let tap = lab.tap(&a);
    let changed = wall_clock();
    a.ip(&["link set vrrp.51 address 02:00:00:00:77:99"]);
    process.wait_log("vrrp.51 has another MAC address: giving it 00:00:5e:00:01:33 again", SOON);
    tap.wait_announcement(changed, VIP, SOON);
    let vmac = [0, 0, 0x5e, 0, 1, 51];
    assert!(tap.announcements_after(changed, VIP).iter().all(|(_, arp)| arp.sender_mac == vmac));
    assert_eq!(tap.wait_adverts(wall_clock(), 3, SOON)[2].frame[6..12], vmac);
    assert_eq!(Injector::open(&client).holders(VIP), [vmac]);
    assert_eq!(process.lines("MASTER -> ").len(), 0);
}
