//! RFC 9568 §7.1: what is refused, in both states, and that refusing has no consequences.

use crate::bench::{adverts, centis, owner, repair, v3, yields, Bench, DOWN, INTERVAL, MILLI, OWN};
use std::time::Duration;
use vipd::vrrp::event::{Event, Remark};
use vipd::wire::advert::ChecksumForm;
use vipd::wire::Discard;

/// A message of priority 200 with one change and its checksum right, refused by a BACKUP and by a
/// MASTER.
#[track_caller]
fn refused(change: fn(&mut Vec<u8>), reason: Discard) {
    for mut bench in [Bench::backup(v3()), Bench::master(v3())] {
        bench.pass(MILLI * 50);
        bench.form = ChecksumForm::Message;
        let mut message = bench.message(200, 9);
        change(&mut message);
        if message.len() >= 8 {
            repair(&mut message);
        }
        bench.refuses(&message, reason);
        bench.refuses(&message, reason);
    }
}

#[test]
fn v3_005_v3_040_ttl_is_255() {
    for mut bench in [Bench::backup(v3()), Bench::master(v3())] {
        for ttl in [254, 1, 0] {
            bench.ttl = ttl;
            let message = bench.message(200, 9);
            bench.refuses(&message, Discard::IpTtl);
        }
        assert_eq!(bench.counted(Discard::IpTtl), 3);
    }
}

#[test]
fn v3_015_v3_041_version_is_3() {
    refused(|message| message[0] = 0x41, Discard::Version);
    refused(|message| message[0] = 0x11, Discard::Version);
    // A good message of version 2.
    let mut bench = Bench::master(v3());
    bench.theirs = crate::bench::v2();
    let message = bench.message(200, 9);
    bench.refuses(&message, Discard::Version);
}

#[test]
fn v3_016_v3_042_type_is_1() {
    refused(|message| message[0] = 0x30, Discard::InvalidType);
    refused(|message| message[0] = 0x32, Discard::InvalidType);
    refused(|message| message[0] = 0x3f, Discard::InvalidType);
}

#[test]
fn v3_017_vrid_is_not_0() {
    refused(|message| message[1] = 0, Discard::Vrid);
}

#[test]
fn v3_021_v3_047_count_is_not_0() {
    refused(
        |message| {
            message[3] = 0;
            message.truncate(8);
        },
        Discard::CountZero,
    );
}

#[test]
fn v3_034_the_checksum_is_right() {
    for mut bench in [Bench::backup(v3()), Bench::master(v3())] {
        let mut message = bench.message(200, 9);
        message[6] ^= 0x55;
        message[7] ^= 0x55;
        bench.refuses(&message, Discard::Checksum);
    }
}

#[test]
fn v3_043_the_message_is_complete() {
    refused(|message| message.truncate(0), Discard::PacketLength);
    refused(|message| message.truncate(7), Discard::PacketLength);
    refused(|message| message.truncate(8), Discard::PacketLength);
    refused(|message| message.truncate(11), Discard::PacketLength);
    refused(|message| message[3] = 2, Discard::PacketLength);
    refused(|message| message[3] = 255, Discard::PacketLength);
}

#[test]
fn v3_044_nothing_comes_after_the_message() {
    refused(|message| message.push(0), Discard::PacketLength);
    refused(|message| message.extend([0; 34]), Discard::PacketLength);
}

#[test]
fn v3_046_an_owner_processes_what_it_hears() {
    let mut bench = Bench::master(owner(v3()));
    let actions = bench.advert(255, OWN + 1);
    assert!(yields(&actions));
    assert!(matches!(crate::bench::remarks(&actions)[..], [Remark::TwoOwners { .. }]));
}

#[test]
fn v3_049_the_interval_is_not_0() {
    refused(|message| message[4..6].fill(0), Discard::Interval);
    refused(|message| message[4..6].copy_from_slice(&[0xf0, 0]), Discard::Interval);
}

#[test]
fn v3_050_a_flood_of_bad_packets_is_one_remark() {
    let mut bench = Bench::master(v3());
    let mut bad = bench.message(200, 9);
    bad[6] ^= 1;
    let remarks: usize = (0..1000).map(|_| bench.receive(9, &bad).len()).sum();
    assert_eq!((remarks, bench.counted(Discard::Checksum)), (1, 1000));
}

#[test]
fn v3_051_another_interval_is_counted_and_adopted() {
    let mut bench = Bench::backup(v3());
    bench.theirs.advert_int = centis(30);
    let actions = bench.advert(200, 9);
    assert!(matches!(crate::bench::remarks(&actions)[..], [Remark::OtherInterval { .. }]));
    assert_eq!(bench.counted(Discard::Interval), 1);
    assert_eq!(bench.remaining(), Duration::from_nanos(1_082_812_500));
}

#[test]
fn v3_052_another_list_of_addresses_is_counted_and_taken() {
    let mut bench = Bench::master(v3());
    bench.theirs.addresses = vec![crate::bench::peer(77)];
    let actions = bench.advert(200, 9);
    assert!(yields(&actions));
    assert!(matches!(crate::bench::remarks(&actions)[..], [Remark::OtherAddresses { .. }]));
    assert_eq!(bench.counted(Discard::AddressList), 1);
}

/// 20 bad packets a second, of every kind, for 2 s: 10 adverts, each at its moment.
#[test]
fn v3_053_bad_packets_do_not_keep_a_master_from_advertising() {
    let mut bench = Bench::master(v3());
    let begin = bench.now;
    let mut sent = Vec::new();
    for number in 0..40 {
        bench.pass(MILLI * 50);
        if bench.router.deadline() == Some(bench.now) {
            let at = bench.now.since(begin);
            sent.extend(adverts(&bench.event(Event::Timer)).iter().map(|_| at));
        }
        let mut bad = bench.message(200, 9);
        bad[number % 6] ^= 0xff;
        bench.receive(9, &bad);
    }
    assert_eq!(sent, (1..=10).map(|n| INTERVAL * n).collect::<Vec<_>>());
    assert_eq!(bench.router.statistics().advertisement_rcvd, 0);
}

#[test]
fn v3_053_bad_packets_do_not_keep_a_backup_waiting() {
    let mut bench = Bench::backup(v3());
    for _ in 0..7 {
        bench.pass(MILLI * 100);
        let mut bad = bench.message(200, 9);
        bad[7] ^= 1;
        bench.refuses(&bad, Discard::Checksum);
    }
    assert_eq!(bench.remaining(), DOWN - MILLI * 700);
}

#[test]
fn v3_054_carp_is_named() {
    let mut bench = Bench::master(v3());
    let mut carp = vec![0; 36];
    carp[..4].copy_from_slice(&[0x21, 10, 0, 7]);
    repair(&mut carp);
    bench.refuses(&carp, Discard::Carp);
}
