//! What a message says, be it right or wrong: more than the daemon wants to know of those that it
//! discards.

use crate::wire::checksum::Sum;
use crate::wire::{Family, Interval, Meta};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const HEADER: usize = 8;
/// Octets of VRRPv2's authentication data.
const AUTH_DATA: usize = 8;
const CARP_LENGTH: usize = 36;
const CARP_AUTH_LENGTH: u8 = 7;

/// A message, as far as there is any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// VRRP.
    Vrrp(Vrrp),
    /// CARP, which has VRRP's protocol number, groups and MAC addresses.
    Carp {
        /// Number of the virtual host.
        vhid: u8,
        /// Seconds from one to the next.
        advbase: u8,
        /// And so many 256ths of a second more; less is better.
        advskew: u8,
    },
}

/// A message of VRRP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vrrp {
    /// As it says, right or wrong.
    pub version: u8,
    /// Virtual router id; 0 is wrong.
    pub vrid: u8,
    /// Priority.
    pub priority: u8,
    /// From one to the next; `None` for 0.
    pub interval: Option<Interval>,
    /// The addresses, as many as there are.
    pub addresses: Vec<IpAddr>,
    /// What its checksum is.
    pub checksum: Checksum,
    /// VRRPv2's type of authentication and its data, if there are any.
    pub authentication: Option<(u8, [u8; AUTH_DATA])>,
}

/// What a checksum is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Right, over the message alone.
    Message,
    /// Right, over a pseudo-header and the message.
    PseudoHeader,
    /// Neither.
    Wrong {
        /// What it is.
        is: u16,
        /// What it should be over the message alone, where that is allowed.
        message: Option<u16>,
        /// What it should be with the pseudo-header, where that is allowed.
        pseudo_header: Option<u16>,
    },
    /// There is not all that it is about.
    Unchecked,
}

/// Reads a message. `None` if there is not even its header.
#[must_use]
pub fn read(meta: &Meta, bytes: &[u8], cut: bool) -> Option<Message> {
    let ([first, vrid, priority, count, hi, lo, ..], body) = bytes.split_first_chunk::<HEADER>()?;
    let (vrid, priority, count, hi, lo) = (*vrid, *priority, *count, *hi, *lo);
    let family = Family::of(meta.source);
    if *first == 0x21 && bytes.len() == CARP_LENGTH && count == CARP_AUTH_LENGTH {
        return Some(Message::Carp { vhid: vrid, advbase: lo, advskew: priority });
    }
    let version = first >> 4;
    let length = family.address_len();
    let (list, rest) = body.split_at_checked(usize::from(count) * length).unwrap_or((body, &[]));
    let address = |octets: &[u8]| -> Option<IpAddr> {
        match family {
            Family::V4 => <[u8; 4]>::try_from(octets).ok().map(|o| Ipv4Addr::from(o).into()),
            Family::V6 => <[u8; 16]>::try_from(octets).ok().map(|o| Ipv6Addr::from(o).into()),
        }
    };
    let data = rest.first_chunk::<AUTH_DATA>().filter(|_| version == 2);
    let behind = data.map_or(0, |_| AUTH_DATA);
    let whole = !cut && list.len() == usize::from(count) * length && (version != 2 || behind > 0);
    let covered = match family {
        Family::V4 => bytes.get(..HEADER + list.len() + behind)?,
        Family::V6 => bytes,
    };
    let checksum = if whole { checksum(meta, version, covered) } else { Checksum::Unchecked };
    let interval = match version {
        2 => Interval::from_seconds(lo),
        _ => Interval::from_centiseconds(u16::from_be_bytes([hi & 0x0f, lo])),
    };
    Some(Message::Vrrp(Vrrp {
        version,
        vrid,
        priority,
        interval,
        addresses: list.chunks_exact(length).filter_map(address).collect(),
        checksum,
        authentication: data.map(|data| (hi, *data)),
    }))
}

/// What the checksum is, of all that it covers.
fn checksum(meta: &Meta, version: u8, covered: &[u8]) -> Checksum {
    let (message, pseudo) = match (version, Family::of(meta.source)) {
        (2, Family::V4) => (true, false),
        (3, Family::V4) => (true, true),
        (3, Family::V6) => (false, true),
        _ => return Checksum::Unchecked,
    };
    let (Some((before, [hi, lo, behind @ ..])), Ok(length)) =
        (covered.split_at_checked(6), u16::try_from(covered.len()))
    else {
        return Checksum::Unchecked;
    };
    let sum = Sum::default().add_bytes(before).add_bytes(behind);
    let with = sum.add_pseudo_header(meta.source, meta.destination, length);
    let is = u16::from_be_bytes([*hi, *lo]);
    // Both zeros are one: what is added up with the field tells.
    let fits = |sum: Sum| sum.add_word(is).finish() == 0;
    if pseudo && fits(with) {
        Checksum::PseudoHeader
    } else if message && fits(sum) {
        Checksum::Message
    } else {
        let message = message.then(|| sum.finish());
        Checksum::Wrong { is, message, pseudo_header: pseudo.then(|| with.finish()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::advert::{parse, ChecksumForm};

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2)
            .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
            .collect()
    }

    fn meta(source: &str) -> Meta {
        let source: IpAddr = source.parse().unwrap();
        Meta { source, destination: Family::of(source).group(), ttl: 255 }
    }

    fn vrrp(source: &str, bytes: &[u8], cut: bool) -> Vrrp {
        match read(&meta(source), bytes, cut) {
            Some(Message::Vrrp(vrrp)) => vrrp,
            other => panic!("{other:?}"),
        }
    }

    /// Made with scapy, checked with tshark and tcpdump.
    #[test]
    fn what_is_right_is_read_as_the_daemon_does() {
        for (source, text, centiseconds) in [
            ("192.0.2.2", "310a64010064a88ec0000201", 100),
            ("192.0.2.2", "310a6401006405fdc0000201", 100),
            ("192.0.2.2", "310a000100640c8fc0000201", 100),
            ("192.0.2.2", "31fffe0200014bf7c0000201c0000203", 1),
            ("192.0.2.2", "310101010ffffbfcc0000201", 4095),
            ("192.0.2.2", "210a64010001b8f1c00002010000000000000000", 100),
            ("192.0.2.2", "210a640101017ba5c00002017365637265740000", 100),
            (
                "fe80::2",
                "310a640200644023fe80000000000000000000000000000120010db8000000000000000000000001",
                100,
            ),
        ] {
            let bytes = hex(text);
            let advert = parse(&meta(source), &bytes).unwrap();
            let read = vrrp(source, &bytes, false);
            assert_eq!(read.interval.map(Interval::centiseconds), Some(centiseconds));
            assert_eq!((read.vrid, read.priority), (advert.vrid.get(), advert.priority.0));
            assert!(read.addresses.iter().copied().eq(advert.addresses.iter()));
            let authentication = advert.authentication.map(|it| (it.kind, it.data));
            assert_eq!(read.authentication, authentication);
            let form = match advert.checksum {
                ChecksumForm::Message => Checksum::Message,
                ChecksumForm::PseudoHeader => Checksum::PseudoHeader,
            };
            assert_eq!(read.checksum, form, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_read_as_far_as_it_goes() {
        let wrong = vrrp("192.0.2.2", &hex("310a640100641234c0000201"), false);
        let should = (Some(0xa88e), Some(0x05fd));
        let (message, pseudo_header) = should;
        assert_eq!(wrong.checksum, Checksum::Wrong { is: 0x1234, message, pseudo_header });
        let cut = vrrp("192.0.2.2", &hex("310a6403006405fdc0000201c000"), true);
        assert_eq!((cut.addresses.len(), cut.checksum), (1, Checksum::Unchecked));
        assert_eq!(read(&meta("192.0.2.2"), &[0x31; 7], true), None);
        let zero = vrrp("192.0.2.2", &hex("3100640100000000c0000201"), false);
        assert_eq!((zero.vrid, zero.interval), (0, None));
    }

    #[test]
    fn carp_is_not_vrrp() {
        let mut bytes = hex("2107640700010000");
        bytes.resize(36, 0);
        let carp = Message::Carp { vhid: 7, advbase: 1, advskew: 100 };
        assert_eq!(read(&meta("192.0.2.2"), &bytes, false), Some(carp));
        assert_eq!(parse(&meta("192.0.2.2"), &bytes), Err(crate::wire::Discard::Carp));
    }
}
