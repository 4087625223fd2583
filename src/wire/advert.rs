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
mod tests;
