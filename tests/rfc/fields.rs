//! RFC 9568 §5: the fields, as they are sent and as they are read.

use crate::bench::{adverts, centis, owner, peer, repair, takes_over, v3, yields, Bench, INTERVAL};
use crate::bench::{MILLI, OWN};
use std::net::Ipv6Addr;
use std::time::Duration;
use vipd::vrrp::event::{Action, Event};
use vipd::vrrp::settings::Settings;
use vipd::wire::advert::{parse, ChecksumForm, Template};
use vipd::wire::{Discard, Family, Interval, Meta, Priority, Version, Vrid, TTL};

/// What our router sends when it is told to.
fn sent(settings: &Settings, priority: u8, form: ChecksumForm) -> Vec<u8> {
    let mut template = Template::new(&settings.fields(), peer(2), Family::V4.group());
    template.message(Priority(priority), form).to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn v3_015_v3_016_version_3_and_type_1_are_sent() {
    assert_eq!(sent(&v3(), 100, ChecksumForm::Message)[0], 0x31);
}

#[test]
fn v3_017_there_is_no_vrid_0() {
    assert_eq!(Vrid::new(0), None);
    for vrid in [1, 10, 255] {
        let virtual_router_id = Vrid::new(vrid).expect("not 0");
        let settings = Settings { virtual_router_id, ..v3() };
        assert_eq!(sent(&settings, 100, ChecksumForm::Message)[1], vrid);
    }
}

#[test]
fn v3_018_v3_019_v3_020_the_priority_that_is_sent() {
    let mut bench = Bench::new(owner(v3()));
    assert_eq!(adverts(&bench.start()), [255]);
    let mut bench = Bench::started(v3());
    assert_eq!(adverts(&bench.run()), [100]);
    assert_eq!(adverts(&bench.event(Event::Shutdown)), [0]);
    for priority in [0, 1, 100, 254, 255] {
        assert_eq!(sent(&v3(), priority, ChecksumForm::Message)[2], priority);
    }
}

#[test]
fn v3_021_v3_024_v3_026_the_addresses_are_sent_in_their_order() {
    let addresses = vec![peer(7), peer(1), peer(3)];
    let message = sent(&Settings { addresses, ..v3() }, 100, ChecksumForm::Message);
    assert_eq!(message[3], 3);
    assert_eq!(hex(&message[8..]), "c0000207c0000201c0000203");
}

#[test]
fn v3_022_v3_023_the_interval_has_12_bits_and_4_that_are_0() {
    for centiseconds in [1, 100, 4095] {
        let settings = Settings { advert_int: centis(centiseconds), ..v3() };
        let message = sent(&settings, 100, ChecksumForm::Message);
        assert_eq!(u16::from_be_bytes([message[4], message[5]]), centiseconds);
    }
    assert_eq!(Interval::from_centiseconds(0), None);
    assert!(!centis(4096).fits(Version::V3));
}

#[test]
fn v3_022_reserved_bits_do_not_change_the_interval_that_is_adopted() {
    let mut bench = Bench::backup(v3());
    let mut message = bench.message(200, 9);
    message[4..6].copy_from_slice(&[0xf0, 0x14]);
    repair(&mut message);
    bench.pass(MILLI * 300);
    assert_eq!(bench.receive(9, &message), []);
    assert_eq!(bench.remaining(), crate::bench::DOWN);
}

#[test]
fn v3_023_the_longest_interval_is_adopted_exactly() {
    let mut bench = Bench::backup(v3());
    bench.theirs.advert_int = Interval::MAX_V3;
    bench.advert(200, 9);
    assert_eq!(bench.remaining(), Duration::from_nanos(147_803_906_250));
}

/// A message over IPv4 carries IPv4 addresses: with octets for one of IPv6 its length is wrong.
#[test]
fn v3_024_an_address_of_the_other_family_is_a_wrong_length() {
    let mut bench = Bench::backup(v3());
    let mut message = bench.message(200, 9);
    message.truncate(8);
    message.extend(Ipv6Addr::LOCALHOST.octets());
    repair(&mut message);
    bench.refuses(&message, Discard::PacketLength);
}

#[test]
fn v3_030_v3_032_v3_033_golden_messages_with_either_checksum() {
    let settings = Settings { advert_int: Interval::SECOND, ..v3() };
    let message = hex(&sent(&settings, 100, ChecksumForm::Message));
    assert_eq!(message, "310a64010064a88ec0000201");
    let pseudo = hex(&sent(&settings, 100, ChecksumForm::PseudoHeader));
    assert_eq!(pseudo, "310a6401006405fdc0000201");
}

#[test]
fn v3_033_both_forms_are_read() {
    for form in [ChecksumForm::Message, ChecksumForm::PseudoHeader] {
        let bytes = sent(&v3(), 100, form);
        let meta = Meta { source: peer(2), destination: Family::V4.group(), ttl: TTL };
        assert_eq!(parse(&meta, &bytes).map(|advert| advert.checksum), Ok(form));
    }
}

/// `auto`: what was heard last, at first with the pseudo-header.
#[test]
fn v3_032_v3_033_the_form_last_heard_is_sent() {
    let form = |actions: &[Action]| match actions[0] {
        Action::Advertise { checksum, .. } => checksum,
        _ => panic!("{actions:?}"),
    };
    let mut bench = Bench::started(v3());
    let taken = bench.run();
    assert!(takes_over(&taken));
    assert_eq!(form(&taken), ChecksumForm::PseudoHeader);
    bench.form = ChecksumForm::Message;
    assert!(yields(&bench.advert(200, 9)));
    assert_eq!(form(&bench.run()), ChecksumForm::Message);
    let fixed = Settings { v3_checksum: Some(ChecksumForm::PseudoHeader), ..v3() };
    let mut bench = Bench::started(fixed);
    bench.form = ChecksumForm::Message;
    bench.advert(200, 9);
    assert_eq!(form(&bench.run()), ChecksumForm::PseudoHeader);
}

/// The address in the sum is that of the header: the router's own, wherever it is in order.
#[test]
fn v3_033_a_sum_made_for_another_source_is_refused() {
    let mut bench = Bench::master(v3());
    let message = bench.message(200, OWN + 1);
    bench.refuses(&message, Discard::Checksum);
    assert_eq!(bench.remaining(), INTERVAL);
}
