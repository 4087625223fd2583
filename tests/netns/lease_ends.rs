//! `vip_lease`: a MASTER that was killed or stands still stops answering before another one begins
//! (nft), a moment after that (lifetime), or never (off).
//!
//! A client asks for the addresses all the time, by ARP and by neighbour solicitation; the ports of
//! the routers hear who answers.

use crate::lab::asking::{answers, Asking};
use crate::lab::process::Process;
use crate::lab::{poll, span, wall_clock, Host, SOON, VIP, VIP_GLOBAL, VIP_LOCAL};
use crate::setup::{toml_both, Pair};
use std::net::IpAddr;
use std::time::Duration;

const SECOND: &str = "version = 3\nadvert_int = 1";
const TENTH: &str = "version = 3\nadvert_int = 0.1";
/// As long as an address with a lifetime may stay too long, for the issue has promised that.
const BOUND: Duration = Duration::from_millis(1300);

fn addresses() -> [IpAddr; 3] {
    [VIP.into(), VIP_LOCAL.into(), VIP_GLOBAL.into()]
}

/// Two routers with three addresses, the first is MASTER; and a client that asks for them.
struct Scene {
    a: Process,
    b: Process,
    _asking: Asking,
    pair: Pair,
}

impl Scene {
    /// `of_b` is the priority of the second router, which follows the first in any case.
    fn new(of_b: u8, more: &str) -> Self {
        let follows = format!("{more}\nnopreempt = true");
        Self::of(&toml_both(150, more), &toml_both(of_b, &follows))
    }

    /// Of these configurations.
    fn of(of_a: &str, of_b: &str) -> Self {
        let pair = Pair::new();
        let client: Host = pair.lab.host("client", "10.77.0.9/24");
        let asking = Asking::for_all(&client, &addresses());
        let (a, b) = pair.start_both(of_a, of_b);
        let scene = Self { a, b, _asking: asking, pair };
        scene.wait_answers(true, 0);
        scene
    }

    fn tap(&self, of_a: bool) -> &crate::lab::tap::Tap {
        if of_a {
            &self.pair.hears_a
        } else {
            &self.pair.hears_b
        }
    }

    /// Waits until a router has answered for all addresses after a moment.
    #[track_caller]
    fn wait_answers(&self, of_a: bool, after: u64) {
        for address in addresses() {
            poll(SOON, &format!("it answers for {address}"), || {
                answers(self.tap(of_a), address, after).len() > 3
            });
        }
    }

    /// Ends the first router by a signal, and waits until the second answers. For each address, when
    /// the first has answered last and the second first.
    #[track_caller]
    fn end(&self, signal: &str) -> Vec<(IpAddr, u64, u64)> {
        self.a.signal(signal);
        let ended = wall_clock();
        self.b.wait_log("vip: BACKUP -> MASTER: no advert from 10.77.0.1", SOON);
        self.wait_answers(false, ended);
        let moments = |address: IpAddr| {
            let last =
                answers(self.tap(true), address, 0).into_iter().max().expect("it was MASTER");
            let first = answers(self.tap(false), address, 0)[0];
            println!(
                "{signal}: {address}: the old one's last answer after {:?}, the new one's first \
                 after {:?}",
                span(ended, last),
                span(ended, first)
            );
            (address, last, first)
        };
        addresses().into_iter().map(moments).collect()
    }

    /// The old one was silent before the new one said anything, and stays so.
    #[track_caller]
    fn assert_silent_before(&self, moments: &[(IpAddr, u64, u64)]) {
        for (address, last, first) in moments {
            assert!(last < first, "{address}: {:?} too long", span(*first, *last));
        }
        self.wait_answers(false, wall_clock());
        for (address, last, _) in moments {
            assert!(answers(self.tap(true), *address, *last).is_empty(), "{address}: again");
        }
    }
}

fn silent_before(of_b: u8, more: &str, signal: &str) {
    let scene = Scene::new(of_b, more);
    let moments = scene.end(signal);
    scene.assert_silent_before(&moments);
}

#[test]
fn killed_with_adverts_every_second() {
    silent_before(100, SECOND, "KILL");
}

#[test]
fn stopped_with_adverts_every_second() {
    silent_before(100, SECOND, "STOP");
}

#[test]
fn killed_with_ten_adverts_a_second() {
    silent_before(100, TENTH, "KILL");
}

#[test]
fn stopped_with_ten_adverts_a_second() {
    silent_before(100, TENTH, "STOP");
}

/// Nobody waits for a shorter time than whoever has priority 254.
#[test]
fn killed_and_the_other_one_is_as_eager_as_can_be() {
    silent_before(254, TENTH, "KILL");
}

/// Both routers have the virtual MAC address; the addresses are on interfaces of their own.
#[test]
fn killed_with_virtual_mac_addresses() {
    silent_before(100, &format!("{TENTH}\nuse_vmac = true"), "KILL");
}

#[test]
fn stopped_with_virtual_mac_addresses() {
    silent_before(100, &format!("{TENTH}\nuse_vmac = true"), "STOP");
}

/// Two instances have the same addresses, and one of them advertises more often.
#[test]
fn killed_with_addresses_of_two_instances() {
    let both = |priority| {
        let slow = toml_both(priority, SECOND);
        let slow = slow.replace(".vip]", ".other]").replace("= 51", "= 52");
        toml_both(priority, TENTH) + &slow
    };
    let scene = Scene::of(&both(150), &both(100));
    let moments = scene.end("KILL");
    scene.assert_silent_before(&moments);
}

/// On waking, the old MASTER hears the other one before it renews anything.
#[test]
fn stopped_and_going_on_when_somebody_else_is_master() {
    let scene = Scene::new(200, TENTH);
    let moments = scene.end("STOP");
    scene.assert_silent_before(&moments);
    let woken = wall_clock();
    scene.a.signal("CONT");
    scene.a.wait_log("vip: MASTER -> BACKUP", SOON);
    scene.wait_answers(false, wall_clock());
    for address in addresses() {
        assert!(answers(scene.tap(true), address, woken).is_empty(), "{address}");
    }
    assert_eq!(scene.b.lines("vip: MASTER -> ").len(), 0, "nobody has disturbed it");
}

/// The kernel looks for addresses whose time is over a few times a second.
fn not_much_longer(more: &str, signal: &str) {
    let scene = Scene::new(100, &format!("{more}\nvip_lease = \"lifetime\""));
    for (address, _, first) in scene.end(signal) {
        poll(SOON, &format!("{address} is gone"), || !scene.pair.a.holds(address));
        scene.wait_answers(false, wall_clock());
        let last = answers(scene.tap(true), address, 0).into_iter().max().expect("it was MASTER");
        let too_long = span(first, last);
        println!("{signal}: {address}: both have answered for {too_long:?}");
        assert!(too_long < BOUND, "{address}: {too_long:?} too long");
    }
}

#[test]
fn a_lifetime_ends_when_killed_with_adverts_every_second() {
    not_much_longer(SECOND, "KILL");
}

#[test]
fn a_lifetime_ends_when_stopped_with_adverts_every_second() {
    not_much_longer(SECOND, "STOP");
}

#[test]
fn a_lifetime_ends_when_killed_with_ten_adverts_a_second() {
    not_much_longer(TENTH, "KILL");
}

#[test]
fn a_lifetime_ends_when_stopped_with_ten_adverts_a_second() {
    not_much_longer(TENTH, "STOP");
}

#[test]
fn a_lifetime_of_virtual_mac_addresses_ends_when_killed() {
    not_much_longer(&format!("{TENTH}\nuse_vmac = true"), "KILL");
}

#[test]
fn without_a_lease_both_answer() {
    for (more, signal) in [(SECOND, "STOP"), (TENTH, "KILL"), (TENTH, "STOP")] {
        let scene = Scene::new(100, &format!("{more}\nvip_lease = \"off\""));
        scene.end(signal);
        let both = wall_clock();
        scene.wait_answers(false, both);
        scene.wait_answers(true, both);
    }
}
