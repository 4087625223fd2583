//! Signed adverts. The other router is a keepalived of 2.4 or newer, if `VIPD_KEEPALIVED` says where
//! one is, else another vipd; both read the same `keepalived.conf`.

use crate::lab::frames::{Envelope, Message};
use crate::lab::injector::Injector;
use crate::lab::process::Process;
use crate::lab::tap::Advert;
use crate::lab::{poll, wall_clock, SOON, VIP, VIP_LOCAL};
use crate::setup::{counter, keepalived, keepalived_v6, toml, toml_v6, vipd, Pair, V3, VRID};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use vipd::wire::advert::{ChecksumForm, Fields, Template};
use vipd::wire::sha256::Key;
use vipd::wire::trailer::{Signature, Stamp};
use vipd::wire::{Family, Interval, Priority, Version, Vrid};

/// In nanoseconds.
const SECOND: u64 = 1_000_000_000;
/// Octets of a trailer, as keepalived's source has them.
const TRAILER: usize = 28;
const KEY: &str = "0123456789abcdef0123456789abcdef";
const HMAC: &str = "auth_hmac {\nkey 1 0123456789abcdef0123456789abcdef\nactive_key 1\n}";

/// For TOML, with a mode.
fn ours(mode: &str) -> String {
    format!("auth_hmac = {{ key = {{ 1 = \"{KEY}\" }}, active_key = 1, mode = \"{mode}\" }}\n")
}

/// For `keepalived.conf`, with a mode, or nothing at all.
fn theirs(mode: &str) -> String {
    match mode {
        "none" => String::new(),
        mode => HMAC.replace("active_key 1", &format!("active_key 1\nmode {mode}")),
    }
}

/// Starts the other router on `a` with a file of keepalived's.
fn other(pair: &Pair, conf: &str) -> Process {
    let file = pair.lab.file("a.conf", conf);
    match std::env::var_os("VIPD_KEEPALIVED").map(PathBuf::from) {
        Some(program) => pair.lab.keepalived_at(&program, &pair.a, &file, &[]),
        None => pair.lab.vipd_of(vipd(), &pair.a, &file, &[]),
    }
}

/// How the two speak with each other: TOML for ours, `keepalived.conf` for the other.
struct Dialect {
    ours: fn(u8) -> String,
    theirs: fn(u8) -> String,
    address: IpAddr,
    /// Octets of a message without its trailer.
    length: usize,
}

const V2: Dialect = Dialect {
    ours: |priority| toml(priority, &format!("version = 2\n{}", ours("enforce"))),
    theirs: |priority| keepalived(priority, &format!("version 2\nadvert_int 1\n{HMAC}")),
    address: IpAddr::V4(VIP),
    length: 20,
};

const V3_OVER_IPV4: Dialect = Dialect {
    ours: |priority| toml(priority, &format!("{V3}\n{}", ours("enforce"))),
    theirs: |priority| keepalived(priority, &format!("version 3\nadvert_int 0.2\n{HMAC}")),
    address: IpAddr::V4(VIP),
    length: 12,
};

const UNICAST: Dialect = Dialect {
    ours: |priority| {
        let peer = "unicast_peer = [\"10.77.0.1\"]";
        toml(priority, &format!("{V3}\n{peer}\n{}", ours("enforce")))
    },
    theirs: |priority| {
        let peer = "unicast_peer {\n10.77.0.2\n}";
        keepalived(priority, &format!("version 3\nadvert_int 0.2\n{peer}\n{HMAC}"))
    },
    ..V3_OVER_IPV4
};

const OVER_IPV6: Dialect = Dialect {
    ours: |priority| toml_v6(priority, &format!("advert_int = 0.2\n{}", ours("enforce"))),
    theirs: |priority| keepalived_v6(priority, &format!("version 3\nadvert_int 0.2\n{HMAC}")),
    address: IpAddr::V6(VIP_LOCAL),
    length: 40,
};

/// Nothing was discarded, and all that was sent is signed.
#[track_caller]
fn assert_signed(pair: &Pair, process: &Process, dialect: &Dialect) {
    let discarded = process.lines("discarding adverts");
    assert!(discarded.is_empty(), "{discarded:?}");
    let all = [pair.hears_a.adverts(), pair.hears_b.adverts()].concat();
    assert!(all.iter().all(|advert| advert.message().len() == dialect.length + TRAILER));
    assert!(pair.hears_a.refused().is_empty() && pair.hears_b.refused().is_empty());
}

/// The other is better, and then gone: vipd believes it, and so knows that it is gone.
fn vipd_believes(dialect: &Dialect) {
    let pair = Pair::new();
    let better = other(&pair, &(dialect.theirs)(150));
    pair.lab.wait_holder_of(dialect.address, &pair.a, SOON);
    let process = pair.start_b(&(dialect.ours)(100));
    pair.hears_a.wait_adverts(wall_clock(), 5, SOON);
    assert!(pair.hears_b.adverts().is_empty(), "it follows the better one");
    let mark = process.mark();
    better.signal("TERM");
    better.wait_end(SOON);
    process.wait_log_after(mark, "resigned", SOON);
    pair.lab.wait_holder_of(dialect.address, &pair.b, SOON);
    // One that has begun anew signs later than it did before.
    let _better = other(&pair, &(dialect.theirs)(150));
    pair.lab.wait_holder_of(dialect.address, &pair.a, SOON);
    process.wait_log_after(mark, "has priority 150, higher", SOON);
    assert_signed(&pair, &process, dialect);
}

/// vipd is better: the other believes it, and keeps still.
fn vipd_is_believed(dialect: &Dialect) {
    let pair = Pair::new();
    let _worse = other(&pair, &(dialect.theirs)(100));
    pair.lab.wait_holder_of(dialect.address, &pair.a, SOON);
    let process = pair.start_b(&(dialect.ours)(150));
    pair.lab.wait_holder_of(dialect.address, &pair.b, SOON);
    let since = wall_clock();
    pair.hears_b.wait_adverts(since, 5, SOON);
    assert!(pair.hears_a.adverts_after(since).is_empty(), "it follows");
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    // After its skew time, and not after three intervals: priority 0 was believed, too.
    let resigned = pair.hears_b.adverts().pop().expect("it resigned");
    assert_eq!(resigned.priority, 0);
    pair.lab.wait_holder_of(dialect.address, &pair.a, SOON);
    assert_signed(&pair, &process, dialect);
}

#[test]
fn vipd_believes_version_2() {
    vipd_believes(&V2);
}

#[test]
fn vipd_is_believed_in_version_2() {
    vipd_is_believed(&V2);
}

#[test]
fn vipd_believes_version_3() {
    vipd_believes(&V3_OVER_IPV4);
}

#[test]
fn vipd_is_believed_in_version_3() {
    vipd_is_believed(&V3_OVER_IPV4);
}

#[test]
fn vipd_believes_a_unicast_peer() {
    vipd_believes(&UNICAST);
}

#[test]
fn vipd_is_believed_by_a_unicast_peer() {
    vipd_is_believed(&UNICAST);
}

#[test]
fn vipd_believes_over_ipv6() {
    vipd_believes(&OVER_IPV6);
}

#[test]
fn vipd_is_believed_over_ipv6() {
    vipd_is_believed(&OVER_IPV6);
}

/// The steps of a roll-out: ours, and the other's.
const STEPS: [(&str, &str); 6] = [
    ("receive-only", "none"),
    ("receive-only", "receive-only"),
    ("receive-only", "permissive"),
    ("permissive", "receive-only"),
    ("permissive", "enforce"),
    ("enforce", "permissive"),
];

/// Whoever is better is heard, whichever of the two has taken the step already.
fn step((ours_is, theirs_is): (&str, &str), ours_has: u8) {
    let pair = Pair::new();
    let conf = format!("version 3\nadvert_int 0.2\n{}", theirs(theirs_is));
    let _other = other(&pair, &keepalived(100, &conf));
    pair.lab.wait_holder(&pair.a, SOON);
    let process = pair.start_b(&toml(ours_has, &format!("{V3}\n{}", ours(ours_is))));
    let (better, listener, host) = match ours_has {
        150 => (&pair.hears_b, &pair.hears_a, &pair.b),
        _ => (&pair.hears_a, &pair.hears_b, &pair.a),
    };
    pair.lab.wait_holder(host, SOON);
    let since = wall_clock();
    let adverts = better.wait_adverts(since, 6, SOON);
    pair.lab.wait_holder(host, SOON);
    assert!(listener.adverts_after(since).is_empty(), "{ours_is} with {theirs_is}");
    assert!(process.lines("discarding adverts").is_empty(), "{ours_is} with {theirs_is}");
    let signs = if ours_has == 150 { ours_is } else { theirs_is };
    let expected = match signs {
        "none" | "receive-only" => 12,
        _ => 12 + TRAILER,
    };
    assert!(adverts.iter().all(|advert| advert.message().len() == expected), "{signs}");
}

#[test]
fn every_step_of_a_roll_out_hears_the_next_as_backup() {
    for both in STEPS {
        step(both, 50);
    }
}

#[test]
fn every_step_of_a_roll_out_is_heard_by_the_next_as_master() {
    for both in STEPS {
        step(both, 150);
    }
}

/// Two steps at once part the group: this is what the steps are for.
#[test]
fn who_does_not_sign_is_not_heard_in_the_end() {
    let pair = Pair::new();
    let _other = other(&pair, &keepalived(150, "version 3\nadvert_int 0.2"));
    pair.lab.wait_holder(&pair.a, SOON);
    let process = pair.start_b(&toml(100, &format!("{V3}\n{}", ours("enforce"))));
    process.wait_log("discarding adverts from 10.77.0.1: they are not signed", SOON);
    process.wait_log("vip: BACKUP -> MASTER: no advert from anybody", SOON);
    poll(SOON, "both hold the address", || pair.lab.holders(VIP) == ["a", "b"]);
    assert!(counter(&process, "vip", "hmac_missing") > 0);
}

/// An advert of priority 200 from 10.77.0.1, signed with a key so many seconds ago.
fn forged(key: &str, key_id: u8, ago: u64) -> Vec<u8> {
    let fields = Fields {
        version: Version::V3,
        vrid: Vrid::new(VRID).expect("not 0"),
        interval: Interval::from_centiseconds(20).expect("not 0"),
        auth_pass: None,
        addresses: &[VIP.into()],
    };
    let source = "10.77.0.1".parse().expect("an address");
    let mut template = Template::new(&fields, source, Family::V4.group());
    let clock = wall_clock();
    let stamp = Stamp::of_clock(clock / SECOND - ago, (clock % SECOND) as u32);
    let key = Key::new(key.as_bytes());
    let signature = Signature { key_id, key: &key, stamp };
    template.signed(Priority(200), ChecksumForm::Message, Some(&signature)).to_vec()
}

/// What a stranger on the link can send is counted, told once, and changes nothing.
#[test]
fn nobody_without_the_key_takes_part() {
    let pair = Pair::new();
    let (first, second) = pair.start_both(
        &toml(150, &format!("{V3}\n{}", ours("enforce"))),
        &toml(100, &format!("{V3}\n{}", ours("enforce"))),
    );
    let enemy = pair.lab.host("enemy", "10.77.0.66/24");
    let injector = Injector::open(&enemy);
    let recorded: Vec<Advert> = pair.hears_a.wait_adverts(0, 3, SOON);
    first.kill();
    second.wait_log("vip: BACKUP -> MASTER: no advert from 10.77.0.1", SOON);
    let send = |message: &[u8]| {
        let envelope = Envelope::new(enemy.mac, "10.77.0.1".parse().expect("an address"));
        injector.send(&envelope.frame(message));
    };
    let wrong = "another key, that nobody has but me";
    for (name, message) in [
        ("hmac_missing", Message::v3(VRID, 200, 20, VIP).bytes()),
        ("hmac_failures", forged(wrong, 1, 0)),
        ("hmac_unknown_key", forged(KEY, 2, 0)),
        ("hmac_stale", forged(KEY, 1, 60)),
        ("hmac_replayed", recorded.last().expect("it was heard").message().to_vec()),
    ] {
        send(&message);
        poll(SOON, name, || counter(&second, "vip", name) == 1);
    }
    second.wait_log("from 10.77.0.1: their clock and ours are further apart", SOON);
    let lines = second.lines("(theirs is 6");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(second.lines("discarding adverts from 10.77.0.1").len(), 5);
    assert!(second.lines("vip: MASTER -> ").is_empty());
    // With the key it would have been another matter.
    send(&forged(KEY, 1, 0));
    second.wait_log("vip: MASTER -> BACKUP: 10.77.0.1 has priority 200", SOON);
}

/// The key stands in a file that nobody else should read; it may be written as digits there.
#[test]
fn a_key_in_a_file_is_the_same_key() {
    let pair = Pair::new();
    let digits: String = KEY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let path = pair.lab.file("vipd.key", &format!("hex:{digits}\n"));
    let in_file = ours("enforce").replace(KEY, &format!("file:{}", path.display()));
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
    mode(0o600).expect("it is ours");
    let words = format!("{V3}\n{in_file}");
    let (first, second) =
        pair.start_both(&toml(150, &format!("{V3}\n{}", ours("enforce"))), &toml(100, &words));
    assert!(second.lines("discarding adverts").is_empty());
    assert!(second.lines("this key").is_empty(), "nothing to warn of");
    second.signal("TERM");
    assert!(second.wait_end(SOON).success());
    mode(0o640).expect("it is ours");
    let third = pair.start_b(&toml(100, &words));
    third.wait_log("others than its owner may read or change this key (mode 640)", SOON);
    third.signal("TERM");
    third.wait_end(SOON);
    std::fs::remove_file(&path).expect("it is ours");
    let fourth = pair.lab.vipd_with(vipd(), &pair.b, &toml(100, &words), &[]);
    assert_eq!(fourth.wait_end(SOON).code(), Some(78));
    fourth.wait_log("key 1: ", SOON);
    assert!(first.is_running());
}
