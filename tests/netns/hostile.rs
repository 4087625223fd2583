//! Packets that must not be taken: they change a counter and nothing else. Above all they do not
//! move the raster of a MASTER's advertisements, judged by the kernel's stamps.

use crate::lab::frames::{seal, Envelope, Message};
use crate::lab::injector::Injector;
use crate::lab::process::Process;
use crate::lab::tap::{gaps, Advert, Tap};
use crate::lab::{wall_clock, Host, Lab, SOON, VIP};
use crate::setup::{counter, toml, vipd, TICK, V3, VRID};
use std::net::Ipv4Addr;
use std::time::Duration;

const RATE: u32 = 20;
const COUNT: u32 = 40;

/// A MASTER with priority 100, and an enemy.
struct Scene {
    process: Process,
    tap: Tap,
    enemy: Host,
    injector: Injector,
    tick: Duration,
    begin: u64,
    _lab: Lab,
}

impl Scene {
    fn new(more: &str, tick: Duration) -> Self {
        let lab = Lab::new();
        let a = lab.host("a", "10.77.0.1/24");
        let enemy = lab.host("enemy", "10.77.0.66/24");
        let (tap, injector) = (lab.tap(&a), Injector::open(&enemy));
        let process = lab.vipd(vipd(), &a, &toml(100, more));
        process.wait_log("vip: BACKUP -> MASTER", SOON);
        let begin = wall_clock();
        tap.wait_adverts(begin, 2, SOON);
        Self { process, tap, enemy, injector, tick, begin, _lab: lab }
    }

    fn v3() -> Self {
        Self::new(V3, TICK)
    }

    fn envelope(&self) -> Envelope {
        Envelope::new(self.enemy.mac, self.enemy.address)
    }

    /// Sends a message in a proper packet, again and again.
    fn send(&self, message: &[u8]) {
        self.injector.send_at_rate(&self.envelope().frame(message), COUNT, RATE);
    }

    /// The state is what it was, and no advertisement came early, late, or not at all.
    #[track_caller]
    fn assert_unmoved(&self) {
        assert_eq!(self.process.lines("vip: MASTER -> ").len(), 0);
        let adverts = self.tap.wait_adverts(wall_clock(), 2, SOON);
        assert_eq!(adverts.iter().filter(|advert| advert.priority != 100).count(), 0);
        assert_raster(&self.tap.adverts_after(self.begin), self.tick);
    }

    /// So many were counted under this name, and the log has one line about it.
    #[track_caller]
    fn assert_counted(&self, name: &str, count: u32) {
        assert_eq!(counter(&self.process, "vip", name), u64::from(count), "{name}");
    }

    #[track_caller]
    fn assert_said_once(&self, reason: &str) {
        let lines = self.process.lines("discarding adverts from 10.77.0.66: ");
        let lines: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains(reason), "{lines:?}");
    }

    /// A message that has to be refused.
    #[track_caller]
    fn refuses(&self, message: &[u8], counter: &str, reason: &str) {
        self.send(message);
        self.assert_unmoved();
        self.assert_counted(counter, COUNT);
        self.assert_said_once(reason);
        assert_eq!(crate::setup::counter(&self.process, "vip", "advertisement_rcvd"), 0);
    }
}

/// Every advertisement stands on the raster that the first began. A machine that is busy may be
/// late once in a while; a raster that moved would be wrong from then on.
#[track_caller]
fn assert_raster(adverts: &[Advert], tick: Duration) {
    let gaps = gaps(adverts);
    assert!(gaps.len() >= 3, "too few to judge: {gaps:?}");
    for gap in &gaps {
        let ratio = gap.as_secs_f64() / tick.as_secs_f64();
        assert!((0.6..1.4).contains(&ratio), "{gap:?} instead of {tick:?}, among {gaps:?}");
    }
    let all: Duration = gaps.iter().sum();
    let ticks = all.as_secs_f64() / tick.as_secs_f64();
    assert!((ticks - gaps.len() as f64).abs() < 0.4, "{} in {ticks} ticks", gaps.len());
}

fn better() -> Message {
    Message::v3(VRID, 200, 20, VIP)
}

#[test]
fn a_wrong_checksum() {
    let mut message = better().bytes();
    message[6] ^= 0x55;
    Scene::v3().refuses(&message, "checksum_errors", "wrong checksum");
}

#[test]
fn a_wrong_ttl() {
    let scene = Scene::v3();
    for ttl in [254, 1] {
        let envelope = Envelope { ttl, ..scene.envelope() };
        let frame = envelope.frame(&better().bytes());
        scene.injector.send_at_rate(&frame, COUNT / 2, RATE);
    }
    scene.assert_unmoved();
    scene.assert_counted("ip_ttl_errors", COUNT);
    scene.assert_said_once("TTL is not 255");
}

#[test]
fn a_wrong_version() {
    let scene = Scene::v3();
    let v2 = Message::v2(VRID, 200, 1, VIP).bytes();
    let v4 = Message { version: 4, ..better() }.bytes();
    for message in [v2, v4] {
        let frame = scene.envelope().frame(&message);
        scene.injector.send_at_rate(&frame, COUNT / 2, RATE);
    }
    scene.assert_unmoved();
    scene.assert_counted("version_errors", COUNT);
    scene.assert_said_once("another VRRP version than ours");
}

#[test]
fn a_wrong_type() {
    let message = Message { kind: 2, ..better() }.bytes();
    Scene::v3().refuses(&message, "invalid_type_pkts_rcvd", "their type is not 1");
}

#[test]
fn an_interval_of_zero() {
    let message = Message { middle: 0, ..better() }.bytes();
    Scene::v3().refuses(&message, "interval_errors", "their interval is 0");
}

#[test]
fn a_count_of_zero() {
    let message = Message { addresses: Vec::new(), ..better() }.bytes();
    Scene::v3().refuses(&message, "address_list_errors", "they carry no address");
}

#[test]
fn lengths_that_lie() {
    let scene = Scene::v3();
    let whole = better().bytes();
    let more = Message { count: Some(2), ..better() }.bytes();
    let trailing = [whole.as_slice(), &[0, 0]].concat();
    let mut messages: Vec<Vec<u8>> =
        (2..whole.len()).map(|length| whole[..length].to_vec()).collect();
    messages.extend([more, trailing]);
    for message in &mut messages {
        if message.len() >= 8 {
            seal(message);
        }
        scene.injector.send_at_rate(&scene.envelope().frame(message), 4, RATE);
    }
    scene.assert_unmoved();
    scene.assert_counted("packet_length_errors", 4 * messages.len() as u32);
    scene.assert_said_once("wrong length");
}

#[test]
fn another_virtual_router_id() {
    let scene = Scene::v3();
    let message = Message { vrid: VRID + 1, ..better() }.bytes();
    scene.send(&message);
    scene.send(&Message { vrid: 0, ..better() }.bytes());
    scene.assert_unmoved();
    assert_eq!(counter(&scene.process, "interface eth0 ipv4", "vrid_errors"), u64::from(2 * COUNT));
    assert_eq!(scene.process.lines("discarding").len(), 0);
}

#[test]
fn carp() {
    let mut message = vec![0x21, VRID, 0, 7, 0, 1, 0, 0];
    message.resize(36, 0x5a);
    seal(&mut message);
    Scene::v3().refuses(&message, "packet_length_errors", "they are CARP, not VRRP");
}

#[test]
fn v2_with_the_wrong_password_type_interval_or_list() {
    let pass = "authentication = { auth_type = \"PASS\", auth_pass = \"secret\" }";
    let scene = Scene::new(pass, Duration::from_secs(1));
    let right = Message {
        middle: 0x0101,
        authentication: Some(*b"secret\0\0"),
        ..Message::v2(VRID, 200, 1, VIP)
    };
    let elsewhere = vec![Ipv4Addr::new(10, 77, 0, 101).into()];
    let wrong = [
        ("auth_failures", Message { authentication: Some(*b"Secret\0\0"), ..right.clone() }),
        ("auth_type_mismatch", Message { middle: 0x0001, ..right.clone() }),
        ("invalid_auth_type", Message { middle: 0x0301, ..right.clone() }),
        ("interval_errors", Message { middle: 0x0102, ..right.clone() }),
        ("address_list_errors", Message { addresses: elsewhere, ..right.clone() }),
    ];
    for (_, message) in &wrong {
        let frame = scene.envelope().frame(&message.bytes());
        scene.injector.send_at_rate(&frame, COUNT / 2, RATE);
    }
    scene.assert_unmoved();
    for (name, _) in &wrong {
        scene.assert_counted(name, COUNT / 2);
    }
    let lines = scene.process.lines("discarding adverts from 10.77.0.66: ");
    assert_eq!(lines.len(), wrong.len(), "one line a reason: {lines:?}");
    // And what is right is taken: the messages above were wrong for the reason that was given.
    scene.injector.send(&scene.envelope().frame(&right.bytes()));
    scene.process.wait_log("vip: MASTER -> BACKUP: 10.77.0.66 has priority 200", SOON);
}

#[test]
fn a_flood_of_bad_packets() {
    let scene = Scene::v3();
    let mut message = better().bytes();
    message[7] ^= 0x0f;
    let frame = scene.envelope().frame(&message);
    scene.injector.send_at_rate(&frame, 6000, 2000);
    scene.assert_unmoved();
    scene.assert_counted("checksum_errors", 6000);
    scene.assert_said_once("wrong checksum");
}

/// Valid, of lower priority: each demands an answer, but a flood does not get a flood.
#[test]
fn a_flood_of_losing_adverts_is_answered_once_an_interval() {
    let scene = Scene::v3();
    let message = Message::v3(VRID, 50, 20, VIP).bytes();
    let frame = scene.envelope().frame(&message);
    let begin = wall_clock();
    scene.injector.send_at_rate(&frame, 300, 100);
    let end = wall_clock();
    let sent = scene.tap.adverts_after(begin);
    let sent = sent.iter().filter(|advert| advert.at < end).count() as u128;
    let ticks = u128::from(end - begin) / TICK.as_nanos();
    assert!(sent > ticks + 2, "they are answered: {sent} in {ticks} ticks");
    assert!(sent <= 2 * ticks + 3, "at most once an interval: {sent} in {ticks} ticks");
    assert_eq!(scene.process.lines("vip: MASTER -> ").len(), 0);
    assert_eq!(scene.process.lines(" claims to be MASTER as well, we keep").len(), 1);
    assert_eq!(counter(&scene.process, "vip", "advertisement_rcvd"), 300);
}

/// That the tests above would have noticed: the same message, whole, is taken.
#[test]
fn what_is_right_is_taken() {
    let scene = Scene::v3();
    let options = &[1, 1, 1, 1];
    let envelope = Envelope { options, ..scene.envelope() };
    scene.injector.send(&envelope.frame(&better().bytes()));
    scene.process.wait_log("vip: MASTER -> BACKUP: 10.77.0.66 has priority 200", SOON);
    assert_eq!(counter(&scene.process, "vip", "advertisement_rcvd"), 1);
}
