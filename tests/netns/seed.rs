//! What seed.md prints, as it is printed: `vipd -f keepalived.conf`, with its notify script and a
//! haproxy for the check to look for.

use crate::lab::process::Process;
use crate::lab::router::{signal_vipd, Router, SEED};
use crate::lab::tap::Tap;
use crate::lab::{poll, wall_clock, Lab, SOON};
use crate::scripts::wait_priority;
use crate::setup::vipd;
use std::net::Ipv4Addr;

const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 100);
const VRID: u8 = 5;

/// The router as it is printed, with priority 100, and another with 110. haproxy adds 20.
struct Scene {
    r1: Router,
    r2: Router,
    /// What the first one sends.
    hears_r1: Tap,
    lab: Lab,
}

impl Scene {
    fn new() -> Self {
        let peer =
            SEED.replace("state MASTER", "state BACKUP").replace("priority 100", "priority 110");
        assert_ne!(peer, SEED);
        let lab = Lab::new();
        let (r1, r2) = (lab.host("r1", "192.168.1.1/24"), lab.host("r2", "192.168.1.2/24"));
        let hears_r1 = lab.tap(&r1);
        let router = |host, text| Router::new(&lab, host, vipd(), "keepalived.conf", text);
        Self { r1: router(r1, SEED), r2: router(r2, &peer), hears_r1, lab }
    }

    /// Waits until one router and no other has address and haproxy.
    #[track_caller]
    fn wait_holder(&self, router: &Router) {
        self.lab.wait_holder_of(VIP, &router.host, SOON);
        poll(SOON, &format!("haproxy runs on {}", router.name()), || router.has_haproxy());
    }
}

/// Waits until the notify script of a router was called for a state, and has called service(8), so
/// many times.
#[track_caller]
fn wait_notified(router: &Router, state: &str, verb: &str, count: usize) {
    let begin = format!("notify-haproxy.sh INSTANCE api_vip {state} ");
    let end = format!(" -> service haproxy {verb}");
    poll(SOON, &format!("{} notifies {state}", router.name()), || {
        let calls = std::fs::read_to_string(&router.calls).unwrap_or_default();
        let found = calls.lines().filter(|line| line.contains(&begin) && line.ends_with(&end));
        found.count() >= count
    });
}

/// Starts the router as it is printed, alone, and waits until all is well with it.
fn start_first(scene: &Scene) -> Process {
    let first = scene.r1.start(&scene.lab);
    first.wait_log("api_vip: INIT -> BACKUP: started", SOON);
    first.wait_log("api_vip: BACKUP -> MASTER: no advert from anybody for ", SOON);
    wait_notified(&scene.r1, "BACKUP", "stop", 1);
    wait_notified(&scene.r1, "MASTER", "start", 1);
    first.wait_log("check chk_haproxy: is fine now (rise 2)", SOON);
    first.wait_log("api_vip: priority 100 -> 120", SOON);
    scene.wait_holder(&scene.r1);
    let advert = wait_priority(&scene.hears_r1, VRID, 120, 0);
    assert_eq!((advert.version, advert.interval), (2, 100));
    assert_eq!(advert.addresses, [VIP]);
    first
}

/// Starts the other router, which follows the first.
fn start_second(scene: &Scene) -> Process {
    let second = scene.r2.start(&scene.lab);
    second.wait_log("api_vip: INIT -> BACKUP: started", SOON);
    let mark = second.mark();
    poll(SOON, "the second follows the first", || {
        signal_vipd(&second, "USR1");
        let follows = "priority 110 of 110, MASTER is 192.168.1.1 with 120";
        !second.lines_after(mark, follows).is_empty()
    });
    assert_eq!(second.lines("-> MASTER").len(), 0);
    second
}

#[test]
fn the_seed_as_it_is_printed() {
    let scene = Scene::new();
    let (r1, r2) = (&scene.r1, &scene.r2);
    let first = start_first(&scene);
    let second = start_second(&scene);
    wait_notified(r2, "BACKUP", "stop", 1);
    assert!(!r2.has_haproxy());

    // The check fails twice: 120 is 100, and the other has 110.
    let (stopped, mark) = (wall_clock(), first.mark());
    r1.stop_haproxy().expect("service(8) is there");
    first.wait_log_after(mark, "check chk_haproxy: exit 1, it said: haproxy: no process", SOON);
    first.wait_log_after(mark, "check chk_haproxy: has failed now (fall 2): exit 1", SOON);
    first.wait_log("api_vip: priority 120 -> 100", SOON);
    wait_priority(&scene.hears_r1, VRID, 100, stopped);
    second.wait_log(
        "api_vip: BACKUP -> MASTER: 192.168.1.1 has priority 100, lower than our 110",
        SOON,
    );
    first.wait_log(
        "api_vip: MASTER -> BACKUP: 192.168.1.2 has priority 110, higher than our 100",
        SOON,
    );
    wait_notified(r1, "BACKUP", "stop", 2);
    wait_notified(r2, "MASTER", "start", 1);
    scene.wait_holder(r2);
    second.wait_log("api_vip: priority 110 -> 130", SOON);
    assert!(!r1.has_haproxy());

    // The other resigns: the address comes back, and haproxy with it.
    let mark = first.mark();
    signal_vipd(&second, "TERM");
    assert!(second.wait_end(SOON).success());
    second.wait_log("api_vip: notify for STOP: exit 1 after ", SOON);
    second.wait_log("it said: unknown state", SOON);
    first.wait_log_after(mark, "api_vip: BACKUP -> MASTER: 192.168.1.2 resigned", SOON);
    wait_notified(r1, "MASTER", "start", 2);
    first.wait_log_after(mark, "api_vip: priority 100 -> 120", SOON);
    scene.wait_holder(r1);
    // Nobody has stopped it there: the script knows no STOP.
    r2.stop_haproxy().expect("service(8) is there");
    let second = start_second(&scene);
    scene.wait_holder(r1);

    // FAULT is for a link that is lost; with a weight the check does not lead there.
    assert_eq!(first.lines("-> FAULT").len(), 0);
    scene.lab.carrier(&r1.host, false);
    first.wait_log("api_vip: MASTER -> FAULT: eth0 is down", SOON);
    wait_notified(r1, "FAULT", "stop", 1);
    second.wait_log("api_vip: BACKUP -> MASTER", SOON);
    scene.wait_holder(r2);
}
