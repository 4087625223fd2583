//! With keepalived as the other router, as the distribution has it.

use crate::lab::process::Process;
use crate::lab::{poll, span, wall_clock, Host, SOON, VIP, VIP_GLOBAL};
use crate::setup::{
    assert_about, down, keepalived, keepalived_v6, toml, toml_v6, vipd, Pair, TICK,
};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How the two speak with each other.
struct Dialect {
    /// What stands in a TOML file; without it vipd reads the file of keepalived.
    vipd: Option<&'static str>,
    keepalived: &'static str,
    version: u8,
    interval: Duration,
    ipv6: bool,
}

impl Dialect {
    /// The virtual address that is looked at.
    fn vip(&self) -> IpAddr {
        if self.ipv6 {
            VIP_GLOBAL.into()
        } else {
            VIP.into()
        }
    }

    /// What a router sends from.
    fn source(&self, host: &Host) -> IpAddr {
        if self.ipv6 {
            host.link_local.into()
        } else {
            host.address.into()
        }
    }

    fn toml(&self, priority: u8, words: &str) -> String {
        if self.ipv6 {
            toml_v6(priority, words)
        } else {
            toml(priority, words)
        }
    }

    fn keepalived(&self, priority: u8) -> String {
        if self.ipv6 {
            keepalived_v6(priority, self.keepalived)
        } else {
            keepalived(priority, self.keepalived)
        }
    }
}

const V2: Dialect = Dialect {
    vipd: Some("version = 2"),
    keepalived: "version 2\nadvert_int 1",
    version: 2,
    interval: Duration::from_secs(1),
    ipv6: false,
};

const V2_PASS: Dialect = Dialect {
    vipd: Some("version = 2\nauthentication = { auth_type = \"PASS\", auth_pass = \"secret\" }"),
    keepalived: "version 2\nadvert_int 1\nauthentication {\nauth_type PASS\nauth_pass secret\n}",
    version: 2,
    interval: Duration::from_secs(1),
    ipv6: false,
};

const V3: Dialect = Dialect {
    vipd: Some("version = 3\nadvert_int = 0.2"),
    keepalived: "version 3\nadvert_int 0.2",
    version: 3,
    interval: TICK,
    ipv6: false,
};

/// One file for both, that gives every router its priority by its id.
const SAME_FILE_V2: Dialect = Dialect {
    vipd: None,
    keepalived: "version 2\nadvert_int 1\n\
                 authentication {\nauth_type PASS\nauth_pass longer-than-eight\n}",
    version: 2,
    interval: Duration::from_secs(1),
    ipv6: false,
};

const SAME_FILE_V3: Dialect = Dialect { vipd: None, ..V3 };

/// IPv6 has VRRPv3 alone, and keepalived goes by the addresses.
const IPV6: Dialect =
    Dialect { vipd: Some("advert_int = 0.2"), keepalived: "advert_int 0.2", ipv6: true, ..V3 };

const SAME_FILE_IPV6: Dialect = Dialect { vipd: None, ..IPV6 };

/// keepalived says this when it becomes MASTER and when it follows somebody else.
const MASTER: &str = "Entering MASTER STATE";
const BACKUP: &str = "Entering BACKUP STATE";

/// keepalived on `a`, vipd on `b`.
fn start_keepalived(pair: &Pair, priority: u8, dialect: &Dialect) -> Process {
    match dialect.vipd {
        Some(_) => pair.lab.keepalived(&pair.a, &dialect.keepalived(priority)),
        None => pair.lab.keepalived_of(&pair.a, &one_file(pair, dialect), &["-i", &id(priority)]),
    }
}

fn start_vipd(pair: &Pair, priority: u8, dialect: &Dialect) -> Process {
    let Some(words) = dialect.vipd else {
        let (file, id) = (one_file(pair, dialect), id(priority));
        let process = pair.lab.vipd_of(vipd(), &pair.b, &file, &["-i", &id]);
        process.wait_log(" starts", SOON);
        return process;
    };
    pair.start_b(&dialect.toml(priority, words))
}

/// The file that both are started from.
fn one_file(pair: &Pair, dialect: &Dialect) -> PathBuf {
    let lines = [150, 100].map(|priority| format!("@{} priority {priority}\n", id(priority)));
    let text = dialect.keepalived(1).replace("priority 1\n", &lines.concat());
    pair.lab.file("keepalived.conf", &text)
}

fn id(priority: u8) -> String {
    format!("router-{priority}")
}

/// keepalived is preferred: it dies, comes back, and resigns.
fn vipd_takes_over(dialect: &Dialect) -> Pair {
    let pair = Pair::new();
    let theirs = dialect.source(&pair.a);
    let other = start_keepalived(&pair, 150, dialect);
    other.wait_log(MASTER, SOON);
    let ours = start_vipd(&pair, 100, dialect);
    ours.wait_log("vip: INIT -> BACKUP", SOON);
    pair.hears_a.wait_adverts(wall_clock(), 5, SOON);
    assert!(pair.hears_b.adverts().is_empty(), "it follows the better one");
    assert_eq!(pair.lab.holders(dialect.vip()), ["a"]);

    other.kill();
    let last = pair.hears_a.adverts().pop().expect("it was MASTER");
    assert_eq!((last.version, last.priority), (dialect.version, 150));
    let first = pair.hears_b.wait_advert(last.at, SOON);
    let (skew, down) = down(100, dialect.interval);
    assert_about("take-over from a killed keepalived", span(last.at, first.at), down);
    ours.wait_log(&format!("vip: BACKUP -> MASTER: no advert from {theirs}"), SOON);
    pair.hears_b.wait_announcement(last.at, dialect.vip(), SOON);
    poll(SOON, "the address is on b", || pair.b.holds(dialect.vip()));

    let other = start_keepalived(&pair, 150, dialect);
    other.wait_log(MASTER, SOON);
    ours.wait_log(&format!("vip: MASTER -> BACKUP: {theirs} has priority 150, higher"), SOON);
    pair.lab.wait_holder_of(dialect.vip(), &pair.a, SOON);

    let mark = ours.mark();
    other.signal("TERM");
    other.wait_end(SOON);
    ours.wait_log_after(mark, &format!("vip: BACKUP -> MASTER: {theirs} resigned"), SOON);
    let resigned = pair.hears_a.adverts().pop().expect("it resigned");
    assert_eq!(resigned.priority, 0);
    let first = pair.hears_b.wait_advert(resigned.at, SOON);
    assert_about("take-over from a resigned keepalived", span(resigned.at, first.at), skew);
    pair.lab.wait_holder_of(dialect.vip(), &pair.b, SOON);
    assert_understood(&pair, &ours);
    pair
}

/// vipd is preferred: it dies, comes back, and resigns.
fn keepalived_takes_over(dialect: &Dialect) -> Pair {
    let pair = Pair::new();
    let theirs = dialect.source(&pair.a);
    let other = start_keepalived(&pair, 100, dialect);
    other.wait_log(MASTER, SOON);
    let ours = start_vipd(&pair, 150, dialect);
    ours.wait_log(&format!("vip: BACKUP -> MASTER: {theirs} has priority 100, lower"), SOON);
    other.wait_log(BACKUP, SOON);
    pair.lab.wait_holder_of(dialect.vip(), &pair.b, SOON);

    let mark = other.mark();
    ours.kill();
    other.wait_log_after(mark, MASTER, SOON);
    pair.hears_a.wait_announcement(wall_clock() - 5_000_000_000, dialect.vip(), SOON);
    poll(SOON, "the address is on a", || pair.a.holds(dialect.vip()));

    let ours = start_vipd(&pair, 150, dialect);
    ours.wait_log("vip: BACKUP -> MASTER", SOON);
    pair.lab.wait_holder_of(dialect.vip(), &pair.b, SOON);

    let mark = other.mark();
    ours.signal("TERM");
    assert!(ours.wait_end(SOON).success());
    other.wait_log_after(mark, MASTER, SOON);
    pair.lab.wait_holder_of(dialect.vip(), &pair.a, SOON);
    assert_understood(&pair, &ours);
    pair
}

/// Nobody has complained of the other's packets.
#[track_caller]
fn assert_understood(pair: &Pair, ours: &Process) {
    assert_eq!(ours.lines("discarding").len(), 0);
    assert_eq!(pair.hears_a.refused(), Vec::<String>::new());
    assert_eq!(pair.hears_b.refused(), Vec::<String>::new());
}

/// Both become MASTER on their own; then they meet. `a` is keepalived.
fn tie(a: &str, b: &str, winner: &str) {
    let pair = Pair::with(a, b);
    pair.lab.isolate(&pair.a, true);
    pair.lab.isolate(&pair.b, true);
    let other = start_keepalived(&pair, 100, &V3);
    let ours = start_vipd(&pair, 100, &V3);
    other.wait_log(MASTER, SOON);
    ours.wait_log("vip: BACKUP -> MASTER", SOON);
    pair.lab.isolate(&pair.a, false);
    pair.lab.isolate(&pair.b, false);
    let (winner, ear) = match winner {
        "a" => (&pair.a, &pair.hears_a),
        _ => (&pair.b, &pair.hears_b),
    };
    pair.lab.wait_holder(winner, SOON);
    ear.wait_adverts(wall_clock(), 10, SOON);
    assert_eq!(pair.lab.holders(VIP), [winner.name.as_str()]);
}

#[test]
fn vipd_takes_over_from_keepalived_v2() {
    vipd_takes_over(&V2);
}

#[test]
fn vipd_takes_over_from_keepalived_v2_with_a_password() {
    vipd_takes_over(&V2_PASS);
}

#[test]
fn vipd_takes_over_from_keepalived_v3() {
    vipd_takes_over(&V3);
}

#[test]
fn keepalived_takes_over_from_vipd_v2() {
    keepalived_takes_over(&V2);
}

#[test]
fn keepalived_takes_over_from_vipd_v2_with_a_password() {
    keepalived_takes_over(&V2_PASS);
}

#[test]
fn keepalived_takes_over_from_vipd_v3() {
    keepalived_takes_over(&V3);
}

#[test]
fn vipd_takes_over_with_the_file_of_keepalived_v2_and_a_long_password() {
    assert_cut(&vipd_takes_over(&SAME_FILE_V2));
}

#[test]
fn keepalived_takes_over_with_the_same_file_v2_and_a_long_password() {
    assert_cut(&keepalived_takes_over(&SAME_FILE_V2));
}

#[test]
fn vipd_takes_over_with_the_file_of_keepalived_v3() {
    vipd_takes_over(&SAME_FILE_V3);
}

#[test]
fn keepalived_takes_over_with_the_same_file_v3() {
    keepalived_takes_over(&SAME_FILE_V3);
}

#[test]
fn vipd_takes_over_from_keepalived_over_ipv6() {
    vipd_takes_over(&IPV6);
}

#[test]
fn keepalived_takes_over_from_vipd_over_ipv6() {
    keepalived_takes_over(&IPV6);
}

#[test]
fn vipd_takes_over_with_the_file_of_keepalived_over_ipv6() {
    vipd_takes_over(&SAME_FILE_IPV6);
}

#[test]
fn keepalived_takes_over_with_the_same_file_over_ipv6() {
    keepalived_takes_over(&SAME_FILE_IPV6);
}

/// Both have sent the first eight octets of the password.
#[track_caller]
fn assert_cut(pair: &Pair) {
    for tap in [&pair.hears_a, &pair.hears_b] {
        let adverts = tap.adverts();
        assert!(!adverts.is_empty());
        assert!(adverts.iter().all(|advert| advert.message().ends_with(b"longer-t")));
    }
}

#[test]
fn a_tie_with_keepalived_goes_to_the_greater_address() {
    tie("10.77.0.9/24", "10.77.0.10/24", "b");
}

#[test]
fn a_tie_with_keepalived_goes_to_the_greater_address_also_if_that_is_keepalived() {
    tie("10.77.0.10/24", "10.77.0.9/24", "a");
}
