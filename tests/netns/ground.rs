//! The ground moves under a MASTER and moves back: afterwards it is where a fresh start would be. Each
//! move is made twice: with the daemon watching, and while it stands still, so that it hears of it all
//! in one go when it is over.

use crate::lab::namespace::Namespace;
use crate::lab::process::Process;
use crate::lab::tap::Tap;
use crate::lab::{poll, wall_clock, Host, Lab, SOON, VIP, VIP_GLOBAL, VIP_LOCAL};
use crate::setup::{dead_end, toml_both, vipd, V3};
use std::net::{IpAddr, Ipv4Addr};
use vipd::sys::netns::interface_index;

/// Not advertised.
const EXCLUDED: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 101);
const ROUTES: [&str; 2] =
    ["198.51.100.0/24 via 10.77.0.200 dev eth0", "198.51.101.0/24 via 10.77.0.200"];

/// A MASTER of both families, with all that it can have.
struct Ground {
    a: Host,
    process: Process,
    tap: Tap,
    lab: Lab,
}

/// There and back.
type Move = fn(&Ground, there: bool);

impl Ground {
    fn new() -> Self {
        let lab = Lab::new();
        let a = lab.host("a", "10.77.0.1/24");
        let tap = lab.tap(&a);
        let process = Self::start(&lab, &a);
        let ground = Self { a, process, tap, lab };
        ground.wait_settled();
        ground
    }

    fn start(lab: &Lab, a: &Host) -> Process {
        let routes = ROUTES.map(|route| format!("\"{route}\"")).join(", ");
        let more = format!(
            "{V3}\nvirtual_ipaddress_excluded = [\"{EXCLUDED}/24\"]\nvirtual_routes = [{routes}]"
        );
        lab.vipd(vipd(), a, &toml_both(100, &more))
    }

    /// MASTER, with everything.
    #[track_caller]
    fn wait_settled(&self) {
        let addresses: [IpAddr; 4] =
            [VIP.into(), VIP_LOCAL.into(), VIP_GLOBAL.into(), EXCLUDED.into()];
        poll(SOON, "it is MASTER and has everything", || {
            let routes = self.a.namespace.ip_output(&["route", "show"]);
            addresses.iter().all(|address| self.a.holds(*address))
                && ROUTES.iter().all(|route| routes.contains(&route[..24]))
        });
        self.tap.wait_advert(wall_clock(), SOON);
        poll(SOON, "both virtual routers say so", || {
            let mark = self.process.mark();
            self.process.signal("USR1");
            self.process.wait_log_after(mark, "status: interface", SOON);
            self.process.lines_after(mark, ": MASTER for ").len() == 2
        });
    }

    /// What there is on the host, and what the daemon has of it.
    fn picture(&self) -> Vec<String> {
        let show = |arguments: &[&str]| {
            let text = self.a.namespace.ip_output(arguments);
            let mut lines: Vec<String> = text.lines().map(normal).collect();
            lines.sort();
            lines
        };
        let fds = std::fs::read_dir(format!("/proc/{}/fd", self.process.pid()));
        let mut all = show(&["-o", "address", "show"]);
        all.extend(show(&["-4", "route", "show", "table", "all"]));
        all.extend(show(&["-6", "route", "show", "table", "all"]));
        all.extend(show(&["maddress", "show", "dev", "eth0"]));
        all.push(format!("{} descriptors", fds.expect("it runs").count()));
        let last = self.tap.wait_advert(wall_clock(), SOON);
        all.push(format!("{} {:?}", last.priority, &last.frame[..12]));
        all
    }

    /// The picture when it does not change any more.
    fn settled(&self) -> Vec<String> {
        self.wait_settled();
        let mut last = self.picture();
        poll(SOON, "nothing changes any more", || {
            let before = std::mem::replace(&mut last, self.picture());
            before == last
        });
        last
    }

    #[track_caller]
    fn assert_like_a_fresh_start(&mut self, what: &str) {
        let now = self.settled();
        self.process.signal("TERM");
        assert!(self.process.wait_end(SOON).success());
        assert!(!self.a.holds(VIP) && !self.a.holds(EXCLUDED), "{what}: it has left something");
        let trouble = [self.process.lines("cannot "), self.process.lines(" error ")].concat();
        // A route that goes through an address that is not there cannot be set, and that is said.
        let mut expected = vec!["cannot set route"];
        if !self.process.lines("address to send from").is_empty() {
            // One family's last address may have gone when the other's takes both along.
            expected.push("hears that we resign");
        }
        let trouble: Vec<_> = trouble
            .iter()
            .filter(|line| !expected.iter().any(|text| line.text.contains(text)))
            .collect();
        assert!(trouble.is_empty(), "{what}: {trouble:?}");
        self.process = Self::start(&self.lab, &self.a);
        let fresh = self.settled();
        let only = |a: &[String], b: &[String]| -> Vec<String> {
            a.iter().filter(|line| !b.contains(line)).cloned().collect()
        };
        let (more, less) = (only(&now, &fresh), only(&fresh, &now));
        assert_eq!(now, fresh, "{what}: more than a fresh start: {more:#?}, less: {less:#?}");
    }
}

/// Without what differs from one time to the next.
fn normal(line: &str) -> String {
    let words = line.split_whitespace().filter(|word| !word.ends_with(':') && *word != "\\");
    let words: Vec<&str> = words.take_while(|word| *word != "valid_lft").collect();
    // Not the number of the interface.
    words.join(" ").trim_start_matches(char::is_numeric).replace("eth0@if", "eth0 ")
}

/// The daemon watches. `says` is what it has to tell of.
#[track_caller]
fn watched(says: &[&str], step: Move) {
    let mut ground = Ground::new();
    let mark = ground.process.mark();
    step(&ground, true);
    for text in says {
        ground.process.wait_log_after(mark, text, SOON);
    }
    step(&ground, false);
    ground.assert_like_a_fresh_start("watched");
}

/// The daemon stands still, and hears of everything at once.
#[track_caller]
fn unwatched(step: Move) {
    let mut ground = Ground::new();
    ground.process.stop();
    step(&ground, true);
    step(&ground, false);
    ground.process.signal("CONT");
    ground.assert_like_a_fresh_start("unwatched");
}

const ADDRESS: &str = "address add 10.77.0.1/24 dev eth0";

fn down(ground: &Ground, there: bool) {
    ground.a.ip(&[if there { "link set eth0 down" } else { "link set eth0 up" }]);
}

#[test]
fn down_and_up() {
    watched(&["vip: MASTER -> FAULT: eth0 is down"], down);
    unwatched(down);
}

fn carrier(ground: &Ground, there: bool) {
    ground.lab.carrier(&ground.a, !there);
}

#[test]
fn the_carrier_goes_and_comes() {
    watched(&["vip: MASTER -> FAULT: eth0 is down"], carrier);
    unwatched(carrier);
}

fn rename(ground: &Ground, there: bool) {
    let (from, to) = if there { ("eth0", "eth7") } else { ("eth7", "eth0") };
    ground.a.ip(&[&format!("link set {from} name {to}")]);
}

#[test]
fn another_name_and_the_old_one() {
    let says = ["vip: MASTER -> FAULT: eth0 does not exist", "eth0 is eth7 now: removing our"];
    watched(&says, |ground, there| {
        rename(ground, there);
        if there {
            poll(SOON, "nothing of ours stays on it", || {
                let all = ground.a.namespace.ip_output(&["address", "show", "dev", "eth7"]);
                let routes = ground.a.namespace.ip_output(&["route", "show"]);
                let gone = |address: &dyn ToString| !all.contains(&address.to_string());
                gone(&VIP)
                    && gone(&EXCLUDED)
                    && gone(&VIP_GLOBAL)
                    && !routes.contains("198.51.100.0/24")
            });
        }
    });
    unwatched(rename);
}

/// Another has our name: whatever is on it is meant, and nothing is left on the old one.
fn swap(ground: &Ground, there: bool) {
    let (a, b) = if there { ("eth0", "eth1") } else { ("eth1", "eth0") };
    if there {
        dead_end(&ground.a);
    }
    let (first, second) = (format!("link set {a} name eth9"), format!("link set {b} name {a}"));
    ground.a.ip(&[&first, &second, &format!("link set eth9 name {b}")]);
}

fn swap_and_look(ground: &Ground, there: bool) {
    swap(ground, there);
    let other = if there { "eth1" } else { "eth0" };
    if there {
        poll(SOON, "the addresses are where the name is", || {
            let on = |dev: &str| ground.a.namespace.ip_output(&["address", "show", "dev", dev]);
            on("eth0").contains(&format!("{VIP}/")) && !on(other).contains(&format!("{VIP}/"))
        });
    } else {
        poll(SOON, "they are back", || {
            let on = |dev: &str| ground.a.namespace.ip_output(&["address", "show", "dev", dev]);
            on("eth0").contains(&format!("{VIP}/")) && !on("eth1").contains(&format!("{VIP}/"))
        });
        ground.a.ip(&["link delete eth1"]);
    }
}

#[test]
fn another_interface_gets_the_name() {
    watched(&["eth0 is eth9 now: removing our"], swap_and_look);
    unwatched(|ground, there| {
        swap(ground, there);
        if !there {
            ground.a.ip(&["link delete eth1"]);
        }
    });
}

fn delete(ground: &Ground, there: bool) {
    if there {
        ground.a.ip(&["link delete eth0"]);
    } else {
        ground.lab.plug(&ground.a);
        ground.a.ip(&[ADDRESS]);
    }
}

/// The ears are on the port that goes with it.
#[test]
fn deleted_and_made_again() {
    for stands in [false, true] {
        let mut ground = Ground::new();
        let mark = ground.process.mark();
        if stands {
            ground.process.stop();
        }
        delete(&ground, true);
        if !stands {
            // On its way out it is down first, and that may be heard before the rest.
            ground.process.wait_log_after(mark, "vip: MASTER -> FAULT: eth0 ", SOON);
        }
        delete(&ground, false);
        ground.tap = ground.lab.tap(&ground.a);
        ground.process.signal("CONT");
        ground.assert_like_a_fresh_start("deleted");
    }
}

/// It keeps its number, for nobody has that over there: it is another interface all the same.
fn namespace(ground: &Ground, there: bool) {
    let home = &ground.a.namespace.name;
    let away = format!("{home}-away");
    if there {
        let index = ground.a.namespace.run(|| interface_index("eth0"));
        let (away, before) = (Namespace::add(&away), index.expect("it is there"));
        ground.a.ip(&[&format!("link set eth0 netns {}", away.name)]);
        assert_eq!(away.run(|| interface_index("eth0")).expect("it is there"), before);
    } else {
        let away = Namespace { name: away };
        away.ip(&[&format!("link set eth0 netns {home}")]);
        ground.a.ip(&["link set eth0 up", ADDRESS]);
        away.remove();
    }
}

#[test]
fn into_another_namespace_and_back() {
    watched(&["vip: MASTER -> FAULT: eth0 "], namespace);
    unwatched(namespace);
}

fn mtu(ground: &Ground, there: bool) {
    ground.a.ip(&[if there { "link set eth0 mtu 100" } else { "link set eth0 mtu 1500" }]);
}

/// Too small for IPv6.
#[test]
fn a_small_mtu_and_a_large_one() {
    watched(&["vip: MASTER -> FAULT: eth0 has no link-local address"], mtu);
    unwatched(mtu);
}

fn mac(ground: &Ground, there: bool) {
    let last = if there { "99" } else { "01" };
    ground.a.ip(&[&format!("link set eth0 address 02:00:00:00:77:{last}")]);
}

#[test]
fn another_mac_address_and_the_old_one() {
    watched(&["eth0 has another MAC address, 02:00:00:00:77:99: announcing"], mac);
    unwatched(mac);
}

fn primary(ground: &Ground, there: bool) {
    let verb = if there { "delete" } else { "add" };
    ground.a.ip(&[&format!("address {verb} 10.77.0.1/24 dev eth0")]);
}

fn promoting(ground: &Ground, there: bool) {
    ground.a.namespace.set("ipv4/conf/eth0/promote_secondaries", "1");
    primary(ground, there);
}

#[test]
fn the_primary_address_goes_and_comes() {
    let says = ["vip: MASTER -> FAULT: eth0 has no address to send from"];
    for step in [primary as Move, promoting] {
        watched(&says, step);
        unwatched(step);
    }
}

fn flush(ground: &Ground, there: bool) {
    if there {
        ground.a.ip(&["address flush dev eth0"]);
    } else {
        let local = format!("address add {}/64 dev eth0", ground.a.link_local);
        ground.a.ip(&[ADDRESS, &local]);
    }
}

#[test]
fn all_addresses_are_flushed() {
    watched(&["vip: MASTER -> FAULT: "], flush);
    unwatched(flush);
}

fn ipv6(ground: &Ground, there: bool) {
    let value = if there { "1" } else { "0" };
    ground.a.namespace.set("ipv6/conf/eth0/disable_ipv6", value);
}

#[test]
fn ipv6_is_switched_off_and_on() {
    watched(&["vip: MASTER -> FAULT: eth0 has no link-local address"], ipv6);
    unwatched(ipv6);
}
