//! Messages, read and made.

use super::*;

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const PSEUDO: &str = "310a6401006405fdc0000201";
const MESSAGE: &str = "310a64010064a88ec0000201";
const V2: &str = "210a64010001b8f1c00002010000000000000000";
const V2_PASS: &str = "210a640101017ba5c00002017365637265740000";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn meta() -> Meta {
    Meta { source: SOURCE, destination: Family::V4.group(), ttl: 255 }
}

fn fields(version: Version, addresses: &[IpAddr]) -> Fields<'_> {
    let vrid = Vrid::new(10).unwrap();
    Fields { version, vrid, interval: Interval::SECOND, auth_pass: None, addresses }
}

fn refuse(message: &[u8]) -> Discard {
    parse(&meta(), message).expect_err("should be refused")
}

/// Puts the right checksum (message only) into a message that a test has changed.
fn repair(message: &mut [u8]) {
    message[6..8].fill(0);
    let sum = Sum::default().add_bytes(message).finish();
    message[6..8].copy_from_slice(&sum.to_be_bytes());
}

#[test]
fn v3_030_v3_033_v2_006_golden_messages_are_emitted() {
    let vip = [VIP];
    let emit = |fields: &Fields<'_>, priority, form| {
        Template::new(fields, SOURCE, Family::V4.group()).message(Priority(priority), form).to_vec()
    };
    let v3 = fields(Version::V3, &vip);
    assert_eq!(emit(&v3, 100, ChecksumForm::PseudoHeader), hex(PSEUDO));
    assert_eq!(emit(&v3, 100, ChecksumForm::Message), hex(MESSAGE));
    assert_eq!(emit(&v3, 0, ChecksumForm::Message), hex("310a000100640c8fc0000201"));
    let v2 = fields(Version::V2, &vip);
    assert_eq!(emit(&v2, 100, ChecksumForm::PseudoHeader), hex(V2));
    let pass = Fields { auth_pass: Some(*b"secret\0\0"), ..v2 };
    assert_eq!(emit(&pass, 100, ChecksumForm::Message), hex(V2_PASS));
    let two = [VIP, Ipv4Addr::new(192, 0, 2, 3).into()];
    let fast = Fields {
        vrid: Vrid::new(255).unwrap(),
        interval: Interval::from_centiseconds(1).unwrap(),
        ..fields(Version::V3, &two)
    };
    let golden = hex("31fffe0200014bf7c0000201c0000203");
    assert_eq!(emit(&fast, 254, ChecksumForm::Message), golden);
    let slow = Fields { vrid: Vrid::new(1).unwrap(), interval: Interval::MAX_V3, ..v3 };
    assert_eq!(emit(&slow, 1, ChecksumForm::Message), hex("310101010ffffbfcc0000201"));
}

/// RFC 9568 §5.2.8 over IPv6, by the golden message of the checklist.
#[test]
fn v3_031_golden_message_over_ipv6() {
    let source: IpAddr = "fe80::2".parse().unwrap();
    let addresses = ["fe80::1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    let golden =
        hex("310a640200644023fe80000000000000000000000000000120010db8000000000000000000000001");
    let mut template = Template::new(&fields(Version::V3, &addresses), source, Family::V6.group());
    assert_eq!(template.message(Priority(100), ChecksumForm::Message), golden);
    let meta = Meta { source, destination: Family::V6.group(), ttl: 255 };
    let advert = parse(&meta, &golden).unwrap();
    assert!(advert.addresses.iter().eq(addresses));
}

#[test]
fn golden_messages_are_read() {
    for (text, version, checksum, kind) in [
        (PSEUDO, Version::V3, ChecksumForm::PseudoHeader, None),
        (MESSAGE, Version::V3, ChecksumForm::Message, None),
        (V2, Version::V2, ChecksumForm::Message, Some(0)),
        (V2_PASS, Version::V2, ChecksumForm::Message, Some(1)),
    ] {
        let message = hex(text);
        let advert = parse(&meta(), &message).unwrap();
        assert_eq!((advert.version, advert.checksum), (version, checksum));
        assert_eq!((advert.vrid.get(), advert.priority), (10, Priority(100)));
        assert_eq!(advert.interval, Interval::SECOND);
        assert_eq!(advert.authentication.map(|a| a.kind), kind);
        assert!(advert.addresses.iter().eq([VIP]));
        assert_eq!(advert.addresses.len(), 1);
    }
}

#[test]
fn v3_005_v3_040_v2_003_ttl_is_255() {
    for ttl in [254, 1, 0] {
        assert_eq!(parse(&Meta { ttl, ..meta() }, &hex(PSEUDO)), Err(Discard::IpTtl));
    }
}

#[test]
fn v3_015_v3_041_v2_001_version_is_2_or_3() {
    for version in [0, 1, 4, 15] {
        let mut message = hex(MESSAGE);
        message[0] = version << 4 | 1;
        repair(&mut message);
        assert_eq!(refuse(&message), Discard::Version);
    }
}

#[test]
fn v3_016_v3_042_v2_002_type_is_1() {
    for kind in [0, 2, 15] {
        let mut message = hex(MESSAGE);
        message[0] = 0x30 | kind;
        repair(&mut message);
        assert_eq!(refuse(&message), Discard::InvalidType);
    }
}

#[test]
fn v3_017_vrid_is_not_0() {
    let mut message = hex(MESSAGE);
    message[1] = 0;
    repair(&mut message);
    assert_eq!(refuse(&message), Discard::Vrid);
}

#[test]
fn v3_021_v3_047_count_is_not_0() {
    let mut message = hex("310ac80000640000");
    repair(&mut message);
    assert_eq!(refuse(&message), Discard::CountZero);
}

#[test]
fn in_version_2_there_may_be_no_address() {
    let addresses = [];
    let fields = Fields { addresses: &addresses, ..fields(Version::V2, &addresses) };
    let (from, to) = (meta().source, meta().destination);
    let mut template = Template::new(&fields, from, to);
    let message = template.message(Priority(7), ChecksumForm::Message);
    assert_eq!((message.len(), message[3]), (16, 0));
    assert!(parse(&meta(), message).unwrap().addresses.is_empty());
}

#[test]
fn v3_022_reserved_bits_are_ignored() {
    let mut message = hex(MESSAGE);
    message[4..6].copy_from_slice(&[0xf0, 0x14]);
    repair(&mut message);
    assert_eq!(parse(&meta(), &message).unwrap().interval.centiseconds(), 20);
}

#[test]
fn v3_049_interval_is_not_0() {
    for text in [MESSAGE, V2] {
        let mut message = hex(text);
        message[5] = 0;
        repair(&mut message);
        assert_eq!(refuse(&message), Discard::Interval);
    }
}

/// Too short by any number of octets, and too long by one or more.
#[test]
fn v3_043_v3_044_v2_007_length_is_what_the_count_says() {
    for text in [PSEUDO, MESSAGE, V2, V2_PASS] {
        let message = hex(text);
        for length in 0..message.len() {
            assert_eq!(refuse(&message[..length]), Discard::PacketLength, "{length}");
        }
        for more in 1..30 {
            let mut long = message.clone();
            long.resize(message.len() + more, 0);
            let reason = refuse(&long);
            assert_eq!(reason, Discard::PacketLength, "{more}");
        }
    }
}

#[test]
fn v3_034_any_flipped_bit_is_found() {
    for text in [PSEUDO, MESSAGE, V2, V2_PASS] {
        let message = hex(text);
        for bit in 0..message.len() * 8 {
            let mut bad = message.clone();
            bad[bit / 8] ^= 0x80 >> (bit % 8);
            assert!(parse(&meta(), &bad).is_err(), "bit {bit} of {text}");
        }
    }
    let mut bad = hex(PSEUDO);
    bad[6] ^= 0x55;
    bad[7] ^= 0x55;
    assert_eq!(refuse(&bad), Discard::Checksum);
}

/// The checksum of one pair of addresses does not fit another.
#[test]
fn v3_033_the_pseudo_header_is_part_of_the_sum() {
    let other = Meta { source: Ipv4Addr::new(192, 0, 2, 9).into(), ..meta() };
    assert_eq!(parse(&other, &hex(PSEUDO)), Err(Discard::Checksum));
    assert!(parse(&other, &hex(MESSAGE)).is_ok());
}

#[test]
fn v3_054_carp_is_told_by_its_name() {
    let mut message = vec![0u8; 36];
    message[..4].copy_from_slice(&[0x21, 10, 0, 7]);
    repair(&mut message);
    assert_eq!(refuse(&message), Discard::Carp);
}

#[test]
fn v2_009_auth_type_is_known() {
    let mut message = hex(V2);
    message[4] = 3;
    repair(&mut message);
    assert_eq!(refuse(&message), Discard::InvalidAuthType);
}

/// Whatever was emitted is read back as what it was.
#[test]
fn parse_undoes_emit() {
    let addresses: Vec<IpAddr> = (0..255u8).map(|n| Ipv4Addr::new(10, 0, n, 1).into()).collect();
    for (version, pass) in
        [(Version::V2, None), (Version::V2, Some(*b"12345678")), (Version::V3, None)]
    {
        for count in [1, 2, 20, 255] {
            let fields = Fields { auth_pass: pass, ..fields(version, &addresses[..count]) };
            let mut template = Template::new(&fields, SOURCE, Family::V4.group());
            for form in [ChecksumForm::Message, ChecksumForm::PseudoHeader] {
                for priority in [0, 1, 100, 254, 255] {
                    let message = template.message(Priority(priority), form);
                    let advert = parse(&meta(), message).unwrap();
                    assert_eq!(advert.priority, Priority(priority));
                    assert!(advert.addresses.iter().eq(addresses[..count].iter().copied()));
                    assert!(version == Version::V2 || advert.checksum == form);
                }
            }
        }
    }
}
