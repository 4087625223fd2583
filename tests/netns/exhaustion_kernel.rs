//! What the kernel has no room or memory for: adverts, announcements, changes of addresses, the timer.

use crate::exhaustion::Scene;
use crate::lab::shortage::Injection;
use crate::lab::tap::gaps;
use crate::lab::{poll, wall_clock, Host, Lab, SOON, VIP};
use crate::scripts::{assert_steady, of_router, status, FAST, FAST_TICK};
use crate::setup::{counter, dead_end, toml, vipd, Pair, VRID};
use std::path::Path;

/// Single adverts that the kernel has no memory for are sent all the same.
#[test]
fn a_refused_advert_is_tried_once_more_at_once() {
    let scene = Scene::new(|_| String::new());
    let begin = wall_clock();
    let injection = Injection::begin(&scene.process, "sendmmsg:error=ENOBUFS:when=3+5");
    injection.wait(10);
    scene.assert_steady_since(begin);
    drop(injection);
    assert_eq!(scene.process.lines("cannot send adverts").len(), 0);
    assert_eq!(counter(&scene.process, "interface eth0 ipv4", "send_errors"), 0);
}

#[test]
fn adverts_are_refused_for_a_while() {
    let scene = Scene::new(|_| String::new());
    for time in 1..=2 {
        let begin = wall_clock() - 2 * FAST_TICK.as_nanos() as u64;
        let injection = Injection::begin(&scene.process, "sendmmsg:error=ENOBUFS");
        injection.wait(40);
        drop(injection);
        poll(SOON, "it is told when it is over", || {
            scene.process.lines("adverts go out on eth0 again: ").len() == time
        });
        assert_eq!(scene.process.lines("cannot send adverts on eth0: No buffer space").len(), time);
        // The raster has stayed where it was.
        let sent = of_router(&scene.tap.adverts_after(begin), VRID);
        let longest = gaps(&sent).into_iter().max().unwrap_or_default();
        assert!(longest > 3 * FAST_TICK, "they were refused: {longest:?}");
        scene.assert_steady_since(wall_clock());
    }
    assert!(counter(&scene.process, "interface eth0 ipv4", "send_errors") >= 40);
}

#[test]
fn a_resignation_that_is_refused_is_told_with_what_it_means() {
    let scene = Scene::new(|_| String::new());
    let injection = Injection::begin(&scene.process, "sendmmsg:error=ENOBUFS");
    injection.wait(1);
    scene.process.signal("TERM");
    let line = "nobody on eth0 hears that we resign: No buffer space available";
    scene.process.wait_log(line, SOON);
    drop(injection);
    assert!(scene.process.wait_end(SOON).success());
}

/// A queue that takes nothing away: the socket is full after some hundred adverts.
#[test]
fn the_queue_of_the_interface_stands_still() {
    // They share a socket, and this one fills it.
    let busy = "[vrrp_instance.busy]\ninterface = \"eth0\"\nvirtual_router_id = 53\nversion = 3\n\
                virtual_ipaddress = [\"10.77.0.102/24\"]\nadvert_int = 0.01\n";
    let scene = Scene::new(|_| busy.to_owned());
    scene.process.wait_log("busy: BACKUP -> MASTER", SOON);
    tc(&scene.a, STILL);
    scene.process.wait_log("cannot send adverts on eth0: No buffer space available", 3 * SOON);
    tc(&scene.a, "delete dev eth0 root");
    let end = wall_clock();
    scene.process.wait_log("adverts go out on eth0 again: ", SOON);
    scene.assert_steady_since(end);
    scene.assert_said_once("cannot send adverts");
    assert!(scene.process.lines("probe: MASTER -> ").is_empty());
}

/// A byte a second.
const STILL: &str = "add dev eth0 root tbf rate 8bit burst 1600 limit 10000000";

fn tc(host: &Host, line: &str) {
    let mut command = host.namespace.command(Path::new("tc"));
    let status = command.arg("qdisc").args(line.split(' ')).status();
    assert!(status.is_ok_and(|status| status.success()), "tc qdisc {line}");
}

/// Announcements that do not fit a short queue: what is refused is counted, and the others go out.
#[test]
fn announcements_are_refused() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let tap = lab.tap(&a);
    tc(&a, "add dev eth0 root tbf rate 1mbit burst 1600 limit 200");
    let process = lab.vipd(
        vipd(),
        &a,
        &toml(100, &format!("{FAST}\ngarp_master_delay = 1\ngarp_master_repeat = 100")),
    );
    process.wait_log("cannot announce addresses on eth0: No buffer space available", SOON);
    let sent = tap.wait_announcement(0, VIP, SOON);
    tc(&a, "delete dev eth0 root");
    // Those of a second later.
    let more = || tap.announcements_after(sent + 500_000_000, VIP).len();
    poll(SOON, "the second hundred go out", || more() >= 100);
    assert_eq!(process.lines("cannot announce").len(), 1);
    assert!(
        status(&process, "shortage:").contains(" announcements_not_sent "),
        "some of a hundred"
    );
}

/// The kernel has no memory for requests: what was to go goes, and what was to come comes.
#[test]
fn addresses_cannot_be_changed_for_a_moment() {
    let pair = Pair::new();
    // No lease, which talks to the kernel all the time.
    let process = pair.start_a(&toml(100, &format!("{FAST}\nvip_lease = \"off\"")));
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    let injection = Injection::begin(&process, "sendto:error=ENOBUFS:when=1..3");
    let other = pair.start_b(&toml(200, FAST));
    process.wait_log("vip: MASTER -> BACKUP", SOON);
    injection.wait(2);
    process.wait_log("cannot change addresses and routes: No buffer space", SOON);
    pair.lab.wait_holder(&pair.b, SOON);
    process.wait_log("addresses and routes can be changed again", SOON);
    drop(injection);
    let injection = Injection::begin(&process, "sendto:error=ENOMEM:when=1..3");
    other.signal("TERM");
    process.wait_log("vip: BACKUP -> MASTER: 10.77.0.2 resigned", SOON);
    injection.wait(2);
    pair.lab.wait_holder(&pair.a, SOON);
    process.wait_log(&format!("{VIP} is on eth0 at last"), SOON);
    let announced =
        pair.hears_a.wait_announcement(process.lines("at last")[0].at - 100_000_000, VIP, SOON);
    assert!(announced > 0);
    assert!(status(&process, "shortage:").contains(" changes_not_taken 2"));
    assert_eq!(process.lines("has vanished").len(), 0);
}

#[test]
fn the_timer_cannot_be_set() {
    let scene = Scene::new(|_| String::new());
    let begin = wall_clock();
    let injection = Injection::begin(&scene.process, "timerfd_settime:error=ENOMEM");
    injection.wait(20);
    scene.assert_steady_since(begin);
    scene.assert_said_once("cannot set the timer: ");
    drop(injection);
    scene.process.wait_log("the timer can be set again", SOON);
    assert!(scene.shortage("timer_not_set") >= 20);
    scene.assert_steady_since(wall_clock());
}

/// An interface comes back when there is no descriptor for its socket.
#[test]
fn a_socket_cannot_be_opened() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let tap = lab.tap(&a);
    dead_end(&a);
    let other =
        "[vrrp_instance.other]\ninterface = \"eth1\"\nvirtual_router_id = 52\nversion = 3\n\
                 virtual_ipaddress = [\"10.88.0.100/24\"]\nadvert_int = 0.1\n";
    let process = lab.vipd(vipd(), &a, &(toml(100, FAST) + other));
    process.wait_log("other: BACKUP -> MASTER", SOON);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    let begin = wall_clock();
    let injection = Injection::begin(&process, "socket:error=EMFILE");
    a.ip(&["link delete eth1"]);
    process.wait_log("other: MASTER -> FAULT: eth1 ", SOON);
    dead_end(&a);
    let says = "cannot open a socket on eth1: Too many open files";
    process.wait_log(says, SOON);
    // At once, and then once a second; it asks whether the interface is still there, which fails, too.
    injection.wait(6);
    assert_eq!(process.lines(says).len(), 1);
    let sent = || of_router(&tap.adverts_after(begin), VRID);
    poll(SOON, "ten more adverts", || sent().len() > 10);
    assert_steady(&sent(), FAST_TICK);
    let mark = process.mark();
    drop(injection);
    process.wait_log_after(mark, "other: BACKUP -> MASTER", SOON);
    assert!(process.lines("vip: MASTER -> ").is_empty());
}
