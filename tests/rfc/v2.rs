//! RFC 3768, and RFC 2338's simple password. What is as in RFC 9568 is tested with that.

use crate::bench::{adverts, centis, owner, peer, repair, takes_over, v2, yields, Bench};
use std::time::Duration;
use vipd::vrrp::event::{Event, Remark};
use vipd::vrrp::settings::Settings;
use vipd::wire::{Discard, Interval, Version};

const SKEW: Duration = Duration::from_nanos(609_375_000);
const DOWN: Duration = Duration::from_nanos(3_609_375_000);
const SECRET: [u8; 8] = *b"secret\0\0";

/// A message of priority 200 with one change and its checksum right, refused in both states.
#[track_caller]
fn refused(settings: &Settings, change: impl Fn(&mut Vec<u8>), reason: Discard) {
    for mut bench in [Bench::backup(settings.clone()), Bench::master(settings.clone())] {
        let mut message = bench.message(200, 9);
        change(&mut message);
        repair(&mut message);
        bench.refuses(&message, reason);
    }
}

#[test]
fn v2_001_version_is_2() {
    let mut bench = Bench::master(v2());
    bench.theirs.version = Version::V3;
    let message = bench.message(200, 9);
    bench.refuses(&message, Discard::Version);
    bench.theirs.version = Version::V2;
    assert_eq!(bench.message(200, 9)[0], 0x21);
}

#[test]
fn v2_002_type_is_1() {
    refused(&v2(), |message| message[0] = 0x22, Discard::InvalidType);
    refused(&v2(), |message| message[0] = 0x20, Discard::InvalidType);
}

#[test]
fn v2_003_ttl_is_255() {
    let mut bench = Bench::backup(v2());
    bench.ttl = 254;
    let message = bench.message(200, 9);
    bench.refuses(&message, Discard::IpTtl);
}

#[test]
fn v2_004_the_interval_is_in_seconds() {
    let bench = Bench::new(Settings { advert_int: centis(300), ..v2() });
    assert_eq!(bench.message(100, 9)[5], 3);
    assert!(!centis(150).fits(Version::V2));
    assert!(Interval::MAX_V2.fits(Version::V2));
}

#[test]
fn v2_005_another_interval_is_refused() {
    refused(&v2(), |message| message[5] = 2, Discard::Interval);
    refused(&v2(), |message| message[5] = 0, Discard::Interval);
}

#[test]
fn v2_006_the_checksum_covers_the_authentication_data() {
    let mut bench = Bench::backup(v2());
    let mut message = bench.message(200, 9);
    message[19] ^= 1;
    bench.refuses(&message, Discard::Checksum);
}

#[test]
fn v2_007_the_authentication_data_is_part_of_the_message() {
    refused(&v2(), |message| message.truncate(12), Discard::PacketLength);
    refused(&v2(), |message| message.truncate(19), Discard::PacketLength);
}

#[test]
fn v2_008_an_owner_listens_to_nobody() {
    let mut bench = Bench::master(owner(v2()));
    for priority in [0, 100, 255] {
        let message = bench.message(priority, 9);
        bench.refuses(&message, Discard::Owner);
    }
}

#[test]
fn v2_009_the_authentication_type_is_ours() {
    refused(&v2(), |message| message[4] = 1, Discard::AuthTypeMismatch);
    refused(&v2(), |message| message[4] = 3, Discard::InvalidAuthType);
    let secret = Settings { auth_pass: Some(SECRET), ..v2() };
    refused(&secret, |message| message[4] = 0, Discard::AuthTypeMismatch);
}

#[test]
fn v2_010_another_list_is_refused_unless_the_owner_sends_it() {
    refused(&v2(), |message| message[11] = 77, Discard::AddressList);
    let mut bench = Bench::master(v2());
    bench.theirs.addresses = vec![peer(77)];
    assert!(yields(&bench.advert(255, 9)));
    let mut bench = Bench::master(Settings { skip_check_adv_addr: true, ..v2() });
    bench.theirs.addresses = vec![peer(77)];
    assert!(yields(&bench.advert(200, 9)));
    // The order does not matter.
    let addresses = vec![peer(1), peer(3)];
    let mut bench = Bench::master(Settings { addresses, ..v2() });
    bench.theirs.addresses.reverse();
    assert!(yields(&bench.advert(200, 9)));
}

#[test]
fn v2_011_without_authentication_its_data_is_0_and_not_looked_at() {
    let mut bench = Bench::master(v2());
    let mut message = bench.message(200, 9);
    assert_eq!(message[12..], [0; 8]);
    message[12..].fill(0xaa);
    repair(&mut message);
    assert!(yields(&bench.receive(9, &message)));
}

#[test]
fn v2_012_the_skew_is_of_a_second_whatever_the_interval() {
    for seconds in [1, 5] {
        let settings = Settings { advert_int: centis(seconds * 100), ..v2() };
        let mut bench = Bench::backup(settings);
        let down = Duration::from_secs(3 * u64::from(seconds)) + SKEW;
        assert_eq!(bench.remaining(), down);
        assert!(takes_over(&bench.run()));
    }
}

#[test]
fn v2_013_priority_0_sets_the_skew_time() {
    let mut bench = Bench::backup(v2());
    bench.advert(0, 9);
    assert_eq!(bench.remaining(), SKEW);
}

/// RFC 3768 discards silently; we answer as RFC 9568 wants it, once an interval.
#[test]
fn v2_014_a_losing_advert_is_discarded_and_answered() {
    let mut bench = Bench::master(v2());
    assert_eq!(adverts(&bench.advert(50, 9)), [100]);
    assert_eq!(adverts(&bench.advert(50, 9)), []);
    assert_eq!(bench.remaining(), Duration::from_secs(1));
}

#[test]
fn v2_019_preemption() {
    let mut bench = Bench::backup(v2());
    bench.pass(Duration::from_secs(1));
    bench.advert(99, 8);
    assert_eq!(bench.remaining(), DOWN - Duration::from_secs(1));
    let mut bench = Bench::backup(Settings { preempt: false, ..v2() });
    bench.pass(Duration::from_secs(1));
    bench.advert(99, 8);
    assert_eq!(bench.remaining(), DOWN);
}

#[test]
fn v2a_01_authentication_is_a_matter_of_the_virtual_router() {
    let mut with = Bench::master(Settings { auth_pass: Some(SECRET), ..v2() });
    let mut without = Bench::master(v2());
    let (secret, plain) = (with.message(200, 9), without.message(200, 9));
    with.refuses(&plain, Discard::AuthTypeMismatch);
    without.refuses(&secret, Discard::AuthTypeMismatch);
    assert!(yields(&with.receive(9, &secret)));
    assert!(yields(&without.receive(9, &plain)));
}

#[test]
fn v2a_02_the_password_is_compared_whole() {
    let secret = Settings { auth_pass: Some(SECRET), ..v2() };
    for octet in 12..20 {
        refused(&secret, |message| message[octet] ^= 1, Discard::AuthFailure);
    }
    let bench = Bench::new(secret);
    assert_eq!(bench.message(200, 9)[12..], SECRET);
}

/// Type 2, the IP Authentication Header, is known and not spoken.
#[test]
fn v2a_04_type_2_is_refused_by_name() {
    refused(&v2(), |message| message[4] = 2, Discard::AuthTypeMismatch);
    let secret = Settings { auth_pass: Some(SECRET), ..v2() };
    refused(&secret, |message| message[4] = 2, Discard::AuthTypeMismatch);
}

/// With several faults at once the first of the RFC's order is counted: TTL, version, length,
/// checksum, authentication, interval, addresses.
#[test]
fn v2a_06_the_first_fault_counts() {
    let mut bench = Bench::backup(Settings { auth_pass: Some(SECRET), ..v2() });
    let mut message = bench.message(200, 9);
    message[11] = 77;
    repair(&mut message);
    bench.refuses(&message, Discard::AddressList);
    message[5] = 2;
    repair(&mut message);
    bench.refuses(&message, Discard::Interval);
    message[12] ^= 1;
    repair(&mut message);
    bench.refuses(&message, Discard::AuthFailure);
    message[6] ^= 1;
    bench.refuses(&message, Discard::Checksum);
    message.pop();
    bench.refuses(&message, Discard::PacketLength);
    message[0] = 0x11;
    bench.refuses(&message, Discard::Version);
    bench.ttl = 1;
    bench.refuses(&message, Discard::IpTtl);
}

#[test]
fn v2_009_a_remark_names_the_sender() {
    let mut bench = Bench::backup(v2());
    bench.theirs.auth_pass = Some(SECRET);
    let remark = Remark::Discarded { source: peer(9), reason: Discard::AuthTypeMismatch };
    assert_eq!(crate::bench::remarks(&bench.advert(200, 9)), [remark]);
    assert_eq!(bench.event(Event::Timer), []);
}
