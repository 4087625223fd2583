//! Both versions at once (V3-120), and signed adverts.

use crate::bench::{adverts, centis, peer, remarks, takes_over, v3, yields, Bench, DOWN, INTERVAL};
use std::net::IpAddr;
use std::time::Duration;
use vipd::vrrp::auth_hmac::{AntiReplay, AuthHmac, Mode, Settings as Hmac};
use vipd::vrrp::event::{Event, Remark};
use vipd::vrrp::settings::{Election, Settings};
use vipd::vrrp::StateName;
use vipd::wire::advert::{parse, Template};
use vipd::wire::sha256::Key;
use vipd::wire::trailer::Stamp;
use vipd::wire::{Discard, Family, Interval, Meta, Priority, Version};

/// VRRPv3 with 20 cs, and VRRPv2 with the second that is the next.
fn both() -> Settings {
    Settings { election: Election { both_versions: true, ..Election::default() }, ..v3() }
}

/// The next advert of a peer is of VRRPv2, with this interval.
fn in_v2(bench: &mut Bench, centiseconds: u16) {
    bench.theirs =
        Settings { version: Version::V2, advert_int: centis(centiseconds), ..bench.theirs.clone() };
}

fn in_v3(bench: &mut Bench) {
    bench.theirs = v3();
}

#[test]
fn v3_120_both_versions_are_sent_at_the_configured_rate() {
    let mut bench = Bench::master(both());
    let before = bench.router.statistics().advertisement_sent;
    assert_eq!(adverts(&bench.run()), [100]);
    assert_eq!(bench.remaining(), INTERVAL, "a fifth of a second");
    assert_eq!(bench.router.statistics().advertisement_sent, before + 2);
    let settings = bench.router.settings();
    let v2 = settings.fields_of_v2().expect("both");
    assert_eq!((v2.version, v2.interval), (Version::V2, Interval::SECOND));
    assert_eq!((settings.fields().version, settings.fields().interval), (Version::V3, centis(20)));
    assert_eq!(v3().fields_of_v2().map(|fields| fields.version), None);
}

/// A MASTER of VRRPv2 that is there is heard before anybody takes over.
#[test]
fn v3_120_who_begins_waits_for_version_2() {
    let bench = Bench::started(both());
    let second = Duration::from_secs(1);
    assert_eq!(bench.remaining(), 3 * second + second * 156 / 256);
    assert_eq!(Bench::started(v3()).remaining(), DOWN);
}

/// RFC 9568 §8.4.2: seconds become centiseconds.
#[test]
fn v3_120_a_backup_goes_by_the_rate_of_the_master() {
    let mut bench = Bench::started(both());
    in_v2(&mut bench, 100);
    bench.advert(200, 9);
    let down = |interval: Duration| 3 * interval + interval * 156 / 256;
    assert_eq!(bench.remaining(), down(Duration::from_secs(1)));
    in_v2(&mut bench, 500);
    bench.advert(200, 9);
    assert_eq!(bench.remaining(), down(Duration::from_secs(5)), "of whatever interval");
    assert_eq!(bench.counted(Discard::Interval), 1, "and it is told");
    assert!(takes_over(&bench.run()));
    in_v3(&mut bench);
    assert!(yields(&bench.advert(200, 9)));
    assert_eq!(bench.remaining(), DOWN);
}

#[test]
fn v3_120_version_2_of_a_master_that_is_heard_in_version_3_is_ignored() {
    let mut bench = Bench::started(both());
    let quick = |bench: &mut Bench| {
        in_v3(bench);
        bench.advert(200, 9);
        in_v2(bench, 100);
        bench.advert(200, 9);
    };
    quick(&mut bench);
    assert_eq!(bench.remaining(), DOWN, "not three seconds");
    // That of another counts.
    bench.advert(210, 8);
    assert!(bench.remaining() > Duration::from_secs(3));
    // Whoever has gone silent in version 3 is heard in version 2 again.
    quick(&mut bench);
    bench.pass(DOWN - Duration::from_nanos(1));
    bench.advert(200, 9);
    assert!(bench.remaining() < Duration::from_secs(1), "still ignored");
    bench.pass(Duration::from_nanos(1));
    bench.advert(200, 9);
    assert!(bench.remaining() > Duration::from_secs(3));
    // Who resigns is heeded in either.
    quick(&mut bench);
    bench.advert(0, 9);
    assert!(bench.remaining() < INTERVAL);
}

#[test]
fn v3_120_a_master_ignores_it_too() {
    let mut bench = Bench::master(both());
    bench.advert(50, 9);
    in_v2(&mut bench, 100);
    bench.pass(INTERVAL * 2);
    assert_eq!(adverts(&bench.advert(50, 9)), [], "answered already");
    in_v3(&mut bench);
    assert_eq!(adverts(&bench.advert(50, 9)), [100]);
}

#[test]
fn v3_120_a_master_that_sends_only_one_is_told_of() {
    for version in [Version::V2, Version::V3] {
        let mut bench = Bench::started(both());
        if version == Version::V2 {
            in_v2(&mut bench, 100);
        }
        let told: Vec<_> = (0..10).flat_map(|_| remarks(&bench.advert(200, 9))).collect();
        assert_eq!(told, [Remark::OneVersion { source: peer(9), version }]);
    }
    let mut bench = Bench::started(both());
    for _ in 0..10 {
        in_v3(&mut bench);
        assert_eq!(remarks(&bench.advert(200, 9)), []);
        in_v2(&mut bench, 100);
        assert_eq!(remarks(&bench.advert(200, 9)), []);
    }
}

/// Without it, the other version is refused as ever.
#[test]
fn v3_120_it_has_to_be_asked_for() {
    let mut bench = Bench::backup(v3());
    in_v2(&mut bench, 100);
    let message = bench.message(200, 9);
    bench.refuses(&message, Discard::Version);
}

/// The password goes with version 2 alone.
#[test]
fn v3_120_version_2_keeps_its_password() {
    let secret = Settings { auth_pass: Some(*b"secret\0\0"), ..both() };
    let mut bench = Bench::backup(secret);
    in_v3(&mut bench);
    assert_eq!(remarks(&bench.advert(200, 9)), []);
    in_v2(&mut bench, 100);
    let message = bench.message(200, 8);
    bench.refuses(&message, Discard::AuthTypeMismatch);
    bench.theirs.auth_pass = Some(*b"secret\0\0");
    bench.advert(200, 8);
    assert_eq!(bench.router.master().map(|master| master.address), Some(peer(8)));
}

const NOON: Stamp = Stamp::of_clock(1_800_000_000, 0);

fn hmac(key: u8, mode: Mode) -> AuthHmac {
    let settings = Hmac { active_key: 1, anti_replay: AntiReplay::Time(5), mode };
    AuthHmac::new(settings, vec![(1, Key::new(&[key; 32]))])
}

/// An advert of 192.0.2.9 with priority 200, signed or not, heard at noon and so many seconds.
fn signed(bench: &mut Bench, sender: Option<&mut AuthHmac>, late: u64) -> Vec<Remark> {
    let source: IpAddr = peer(9);
    let mut template = Template::new(&bench.theirs.fields(), source, Family::V4.group());
    let signature = sender.and_then(|sender| sender.sign(NOON));
    let bytes = template.signed(Priority(200), bench.form, signature.as_ref()).to_vec();
    let meta = Meta { source, destination: Family::V4.group(), ttl: 255 };
    let advert = parse(&meta, &bytes).expect("an advert");
    let clock = Stamp(NOON.0 + (late << 32));
    remarks(&bench.event(Event::Advert { source, clock, advert: &advert }))
}

fn bench(mode: Mode) -> Bench {
    let mut bench = Bench::started(v3());
    bench.router.set_auth_hmac(hmac(1, mode));
    bench
}

#[test]
fn what_is_not_signed_right_changes_a_counter_and_nothing_else() {
    let refuse = |reason| vec![Remark::Discarded { source: peer(9), reason }];
    let mut enforcing = bench(Mode::Enforce);
    let deadline = enforcing.router.deadline();
    assert_eq!(signed(&mut enforcing, None, 0), refuse(Discard::HmacMissing));
    let mut forger = hmac(2, Mode::Enforce);
    let told = signed(&mut enforcing, Some(&mut forger), 0);
    assert_eq!(told, refuse(Discard::HmacFailure));
    assert_eq!(signed(&mut enforcing, Some(&mut forger), 6), refuse(Discard::HmacStale));
    let count = |reason| enforcing.counted(reason);
    assert_eq!([count(Discard::HmacMissing), count(Discard::HmacFailure)], [1, 1]);
    assert_eq!(enforcing.router.deadline(), deadline);
    assert_eq!(enforcing.router.statistics().advertisement_rcvd, 0);
    assert_eq!(signed(&mut enforcing, Some(&mut hmac(1, Mode::Enforce)), 0), []);
    assert_eq!(enforcing.router.master().map(|master| master.address), Some(peer(9)));
    // Who has no auth_hmac takes none that is signed.
    let mut plain = Bench::started(v3());
    let told = signed(&mut plain, Some(&mut hmac(1, Mode::Enforce)), 0);
    assert_eq!(told, refuse(Discard::Signed));
    assert_eq!(plain.state(), StateName::Backup);
}

#[test]
fn what_the_next_step_would_part_is_told() {
    let mut permissive = bench(Mode::Permissive);
    assert_eq!(signed(&mut permissive, None, 0), [Remark::NotSigned { source: peer(9) }]);
    assert_eq!(signed(&mut permissive, None, 0), [], "once");
    assert_eq!(signed(&mut bench(Mode::ReceiveOnly), None, 0), []);
    let apart = signed(&mut bench(Mode::Enforce), Some(&mut hmac(1, Mode::Enforce)), 3);
    assert_eq!(apart, [Remark::ClockApart { source: peer(9), behind: 3 }]);
    assert_eq!(signed(&mut bench(Mode::Enforce), Some(&mut hmac(1, Mode::Enforce)), 2), []);
}

/// Both versions have a signature each, and the second is newer than the first.
#[test]
fn v3_120_both_versions_are_signed() {
    let mut master = Bench::master(both());
    master.router.set_auth_hmac(hmac(1, Mode::Enforce));
    let first = master.router.sign(NOON).map(|signature| signature.stamp);
    let second = master.router.sign(NOON).map(|signature| signature.stamp);
    assert!(second.zip(first).is_some_and(|(second, first)| second.is_after(first)));
    assert!(Bench::master(v3()).router.sign(NOON).is_none());
}
