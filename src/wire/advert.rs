//! The ADVERTISEMENT message, in VRRPv2 (RFC 3768 §5.1) and VRRPv3 (RFC 9568 §5.2).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! |Version| Type  |     VRID      |   Priority    |  Addr Count   |
//! |  v3: rsvd(4) | Max Advertise Interval, cs (12)|   Checksum    |
//! |  v2: Auth Type | Advertisement Interval, s (8) |   Checksum    |
//! |                     Address (1..n), 4 or 16 octets             |
//! |  v2 only: Authentication Data, 8 octets                        |
//! |  if signed: a trailer of 28 octets, see [`super::trailer`]     |
//! ```

use super::checksum::Sum;
use super::trailer::{self, Signature, Trailer};
use super::{Discard, Family, Interval, Meta, Priority, Version, Vrid, MAX_ADDRESSES, TTL};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Octets before the addresses.
const HEADER: usize = 8;
/// Octets of VRRPv2's authentication data.
const AUTH_DATA: usize = 8;
/// The one type of message there is (V3-016).
const ADVERTISEMENT: u8 = 1;
/// Offset of the checksum field.
const CHECKSUM: usize = 6;

/// A message of CARP has 36 octets and 7 where VRRP counts its addresses (V3-054).
const CARP_LENGTH: usize = 36;
const CARP_AUTH_LENGTH: u8 = 7;

/// The longest message: a header, 255 IPv6 addresses and a trailer.
pub const MAX_MESSAGE: usize = HEADER + 16 * MAX_ADDRESSES + trailer::LENGTH;

/// What a VRRPv3 checksum over IPv4 covers. IPv6 always has the pseudo-header, VRRPv2 never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecksumForm {
    /// The message alone: RFC 9568 §5.2.8 (V3-032).
    Message,
    /// A pseudo-header and the message: as RFC 5798 was widely read (V3-033).
    PseudoHeader,
}

/// VRRPv2's Auth Type and Authentication Data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// 0 none, 1 simple text password, 2 IP Authentication Header.
    pub kind: u8,
    /// The password, padded with zeros, for type 1.
    pub data: [u8; AUTH_DATA],
}

/// An advertisement as it was received, its checksum found right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advert<'a> {
    /// 2 or 3.
    pub version: Version,
    /// Virtual router id.
    pub vrid: Vrid,
    /// 0: the sender resigns.
    pub priority: Priority,
    /// Advertisement_Interval (v2) or Max Advertise Interval (v3) of the sender.
    pub interval: Interval,
    /// What the checksum covers.
    pub checksum: ChecksumForm,
    /// VRRPv2 only.
    pub authentication: Option<Authentication>,
    /// The sender's virtual addresses, at least one.
    pub addresses: Addresses<'a>,
    /// If it is signed, by whom is yet to be seen.
    pub trailer: Option<Trailer<'a>>,
}

/// The list of addresses in a message, still as octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses<'a> {
    family: Family,
    bytes: &'a [u8],
}

impl<'a> Addresses<'a> {
    /// How many there are, 1 to 255.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len() / self.family.address_len()
    }

    /// Never true of a parsed message (V3-021).
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The addresses, in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + 'a {
        let family = self.family;
        self.bytes.chunks_exact(family.address_len()).filter_map(move |octets| match family {
            Family::V4 => <[u8; 4]>::try_from(octets).ok().map(|o| Ipv4Addr::from(o).into()),
            Family::V6 => <[u8; 16]>::try_from(octets).ok().map(|o| Ipv6Addr::from(o).into()),
        })
    }
}

/// The virtual router id that a message claims, to say whose counter a discarded message goes to.
#[must_use]
pub fn claimed_vrid(message: &[u8]) -> Option<Vrid> {
    message.get(1).copied().and_then(Vrid::new)
}

/// Reads a message, in the order of RFC 9568 §7.1: what is checked later relies on what was
/// checked before. What needs the configuration (version, authentication, interval and list of
/// VRRPv2) is left to the virtual router.
///
/// # Errors
/// The first check that failed.
pub fn parse<'a>(meta: &Meta, message: &'a [u8]) -> Result<Advert<'a>, Discard> {
    if meta.ttl != TTL && meta.destination.is_multicast() {
        return Err(Discard::IpTtl);
    }
    let family = Family::of(meta.source);
    let [version_type, vrid, priority, count, hi, lo, _, _, body @ ..] = message else {
        return Err(Discard::PacketLength);
    };
    let version = match (version_type >> 4, family) {
        (2, Family::V4) => Version::V2,
        (3, Family::V4 | Family::V6) => Version::V3,
        _ => return Err(Discard::Version),
    };
    if version_type & 0x0f != ADVERTISEMENT {
        return Err(Discard::InvalidType);
    }
    if version == Version::V2 && message.len() == CARP_LENGTH && *count == CARP_AUTH_LENGTH {
        return Err(Discard::Carp);
    }
    let (addresses, rest) = body
        .split_at_checked(usize::from(*count) * family.address_len())
        .ok_or(Discard::PacketLength)?;
    let (authentication, rest) = match (version, rest.split_first_chunk()) {
        (Version::V2, None) => return Err(Discard::PacketLength),
        (Version::V2, Some((data, rest))) => {
            (Some(Authentication { kind: *hi, data: *data }), rest)
        }
        (Version::V3, _) => (None, rest),
    };
    let unsigned = message.get(..message.len() - rest.len()).unwrap_or(message);
    let trailer = Trailer::new(unsigned, rest);
    if trailer.is_none() && !rest.is_empty() {
        return Err(Discard::PacketLength);
    }
    let covered = if family == Family::V4 { unsigned } else { message };
    let checksum = verify(meta, version, covered).ok_or(Discard::Checksum)?;
    let vrid = Vrid::new(*vrid).ok_or(Discard::Vrid)?;
    if authentication.is_some_and(|authentication| authentication.kind > 2) {
        return Err(Discard::InvalidAuthType);
    }
    let addresses = Addresses { family, bytes: addresses };
    // VRRPv2 says nothing of the kind: an instance of keepalived with no_virtual_ipaddress has none.
    if addresses.is_empty() && version == Version::V3 {
        return Err(Discard::CountZero);
    }
    let interval = match version {
        Version::V2 => Interval::from_seconds(*lo),
        Version::V3 => Interval::from_centiseconds(u16::from_be_bytes([hi & 0x0f, *lo])),
    }
    .ok_or(Discard::Interval)?;
    let priority = Priority(*priority);
    Ok(Advert { version, vrid, priority, interval, checksum, authentication, addresses, trailer })
}

/// Which form of checksum the message has; `None` if none fits.
fn verify(meta: &Meta, version: Version, message: &[u8]) -> Option<ChecksumForm> {
    let plain = Sum::default().add_bytes(message);
    let length = u16::try_from(message.len()).ok()?;
    let pseudo = plain.add_pseudo_header(meta.source, meta.destination, length);
    match (version, Family::of(meta.source)) {
        (Version::V2, _) => (plain.finish() == 0).then_some(ChecksumForm::Message),
        (Version::V3, Family::V6) => (pseudo.finish() == 0).then_some(ChecksumForm::PseudoHeader),
        (Version::V3, Family::V4) if pseudo.finish() == 0 => Some(ChecksumForm::PseudoHeader),
        (Version::V3, Family::V4) => (plain.finish() == 0).then_some(ChecksumForm::Message),
    }
}

/// What all advertisements of a virtual router have in common.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// 2 or 3.
    pub version: Version,
    /// Virtual router id.
    pub vrid: Vrid,
    /// Advertisement_Interval; must fit the version.
    pub interval: Interval,
    /// VRRPv2's password (auth type 1), padded with zeros.
    pub auth_pass: Option<[u8; AUTH_DATA]>,
    /// The virtual addresses, 1 to 255 of one family.
    pub addresses: &'a [IpAddr],
}

/// An advertisement made ready before it is needed: to send it, only the priority and the checksum
/// have to be put in.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: Vec<u8>,
    /// Octets of the message; a trailer may stand behind it.
    length: usize,
    version: Version,
    vrid: Vrid,
    source: IpAddr,
    /// The sum of the message with priority and checksum 0.
    message: Sum,
    /// The same with the pseudo-header.
    pseudo: Sum,
}

impl Template {
    /// Makes the message that goes from `source` to `destination`.
    ///
    /// # Panics
    /// If there is no address (but for VRRPv2) or there are more than 255, or the interval does not
    /// fit the version: the configuration has made sure of both.
    #[must_use]
    pub fn new(fields: &Fields<'_>, source: IpAddr, destination: IpAddr) -> Self {
        let least = usize::from(fields.version == Version::V3);
        assert!((least..=MAX_ADDRESSES).contains(&fields.addresses.len()));
        assert!(fields.interval.fits(fields.version));
        let bytes = fields.bytes();
        let &Fields { version, vrid, .. } = fields;
        let length = bytes.len();
        let message = Sum::default().add_bytes(&bytes);
        let pseudo = message.add_pseudo_header(source, destination, length as u16);
        Self { bytes, length, version, vrid, source, message, pseudo }
    }

    /// The message with this priority, its checksum in this form where there is a choice.
    pub fn message(&mut self, priority: Priority, form: ChecksumForm) -> &[u8] {
        self.signed(priority, form, None)
    }

    /// The same, and behind it the trailer if it is to be signed.
    pub fn signed(
        &mut self,
        priority: Priority,
        form: ChecksumForm,
        signature: Option<&Signature<'_>>,
    ) -> &[u8] {
        self.bytes.truncate(self.length);
        self.bytes[2] = priority.0;
        let mut sum = match (self.version, self.source, form) {
            (Version::V2, ..) | (Version::V3, IpAddr::V4(_), ChecksumForm::Message) => self.message,
            (Version::V3, IpAddr::V6(_), _) | (Version::V3, _, ChecksumForm::PseudoHeader) => {
                self.pseudo
            }
        };
        sum = sum.add_word(u16::from(priority.0) << 8);
        if let Some(signature) = signature {
            let trailer = signature.trailer(self.version, self.vrid, self.source, &self.bytes);
            self.bytes.extend_from_slice(&trailer);
            if self.source.is_ipv6() {
                // The length in the pseudo-header has grown as well.
                sum = sum.add_word(trailer::LENGTH as u16).add_bytes(&trailer);
            }
        }
        self.bytes[CHECKSUM..HEADER].copy_from_slice(&sum.finish().to_be_bytes());
        &self.bytes
    }
}

impl Fields<'_> {
    /// The message with priority and checksum 0.
    fn bytes(&self) -> Vec<u8> {
        let interval = self.interval.centiseconds();
        let [hi, lo] = match self.version {
            Version::V2 => [u8::from(self.auth_pass.is_some()), (interval / 100) as u8],
            Version::V3 => interval.to_be_bytes(),
        };
        let version_type = self.version.number() << 4 | ADVERTISEMENT;
        let count = self.addresses.len() as u8;
        let most = HEADER + 16 * self.addresses.len() + AUTH_DATA;
        let mut bytes = Vec::with_capacity(most + trailer::LENGTH);
        bytes.extend([version_type, self.vrid.get(), 0, count, hi, lo, 0, 0]);
        for address in self.addresses {
            match address {
                IpAddr::V4(address) => bytes.extend(address.octets()),
                IpAddr::V6(address) => bytes.extend(address.octets()),
            }
        }
        if self.version == Version::V2 {
            bytes.extend(self.auth_pass.unwrap_or_default());
        }
        bytes.shrink_to(bytes.len() + trailer::LENGTH);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const PSEUDO: &str = "310a6401006405fdc0000201";
    const MESSAGE: &str = "310a64010064a88ec0000201";
    const V2: &str = "210a64010001b8f1c00002010000000000000000";
    const V2_PASS: &str = "210a640101017ba5c00002017365637265740000";

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
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
            Template::new(fields, SOURCE, Family::V4.group())
                .message(Priority(priority), form)
                .to_vec()
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
        let mut template =
            Template::new(&fields(Version::V3, &addresses), source, Family::V6.group());
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
        let addresses: Vec<IpAddr> =
            (0..255u8).map(|n| Ipv4Addr::new(10, 0, n, 1).into()).collect();
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
}
