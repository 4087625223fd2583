//! Whoever says that an address is at its MAC address: ARP and neighbour advertisements that are
//! heard, and the questions that bring them forth.

use super::announce::{
    fill, ARP_FRAME, ARP_REQUEST, BROADCAST, CHECKSUM, ETHERNET, ETHERTYPE_ARP, ETHERTYPE_IPV6,
    HOP_LIMIT, ICMPV6, IPV6, NEIGHBOUR_ADVERTISEMENT, TARGET_LINK_LAYER_ADDRESS,
};
use super::checksum::Sum;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Octets of a neighbour solicitation without options, with its Ethernet and IPv6 headers.
const SOLICITATION_FRAME: usize = ETHERNET + IPV6 + SOLICITATION;
const SOLICITATION: usize = 24;
const NEIGHBOUR_SOLICITATION: u8 = 135;
/// Where things are in an ARP frame: the ethertype, the operation, the sender's addresses.
const TYPE: core::ops::Range<usize> = 12..14;
const KINDS: core::ops::Range<usize> = 14..20;
const OPERATION: core::ops::Range<usize> = 20..22;
const SENDER_MAC: core::ops::Range<usize> = 22..28;
const SENDER: core::ops::Range<usize> = 28..32;
/// Where things are in a neighbour advertisement.
const TARGET: core::ops::Range<usize> = 8..24;
const OPTIONS: core::ops::RangeFrom<usize> = 24..;

/// An address, and the MAC address that somebody says it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The address.
    pub address: IpAddr,
    /// Where it is said to be.
    pub mac: [u8; 6],
}

/// What an ARP frame claims, Ethernet header and all: its sender's addresses, whatever it asks or
/// answers (RFC 5227 §2.4). `None` if it is no proper one, or an ARP probe, which claims nothing.
#[must_use]
pub fn arp(frame: &[u8]) -> Option<Claim> {
    let proper = frame.get(TYPE)? == ETHERTYPE_ARP
        && frame.get(KINDS)? == ARP_REQUEST.get(..6)?
        && matches!(frame.get(OPERATION)?, [0, 1 | 2]);
    let address = Ipv4Addr::from(<[u8; 4]>::try_from(frame.get(SENDER)?).ok()?);
    let claims = proper && !address.is_unspecified() && frame.len() >= ARP_FRAME;
    let mac = mac(frame.get(SENDER_MAC)?)?;
    claims.then_some(Claim { address: address.into(), mac })
}

/// What a neighbour advertisement claims that came with this hop limit (RFC 4861 §7.1.2). `None` if
/// it is no valid one, or says no MAC address. Whoever received it has verified its checksum.
#[must_use]
pub fn neighbour(hop_limit: u8, message: &[u8]) -> Option<Claim> {
    let valid = hop_limit == HOP_LIMIT && message.get(..2)? == [NEIGHBOUR_ADVERTISEMENT, 0];
    let target = Ipv6Addr::from(<[u8; 16]>::try_from(message.get(TARGET)?).ok()?);
    let mut options = message.get(OPTIONS)?;
    let mut found = None;
    while let [kind, units, ..] = options {
        let length = usize::from(*units) * 8;
        // An option of no length, or beyond the end, makes all of it invalid.
        let option = options.get(..length).filter(|option| !option.is_empty())?;
        if [*kind, *units] == TARGET_LINK_LAYER_ADDRESS {
            found = found.or(mac(option.get(2..)?));
        }
        options = options.get(length..)?;
    }
    let mac = found.filter(|_| valid && options.is_empty() && !target.is_multicast())?;
    Some(Claim { address: target.into(), mac })
}

/// The MAC address of one station: neither none nor a group's.
fn mac(octets: &[u8]) -> Option<[u8; 6]> {
    let mac = <[u8; 6]>::try_from(octets).ok()?;
    (mac != [0; 6] && mac[0] & 1 == 0).then_some(mac)
}

/// A question for whoever has an address, which nobody learns anything from but that it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// An ARP probe.
    Arp([u8; ARP_FRAME]),
    /// A neighbour solicitation, as duplicate address detection sends it.
    Neighbour([u8; SOLICITATION_FRAME]),
}

impl Question {
    /// Who has the address, asked from this MAC address.
    #[must_use]
    pub fn new(mac: [u8; 6], address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::Arp(arp_probe(mac, address)),
            IpAddr::V6(address) => Self::Neighbour(solicitation(mac, address)),
        }
    }

    /// The whole frame.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        match self {
            Self::Arp(bytes) => bytes,
            Self::Neighbour(bytes) => bytes,
        }
    }
}

/// RFC 5227 §1.1: a broadcast request whose sender has no address, so that no cache changes.
fn arp_probe(mac: [u8; 6], address: Ipv4Addr) -> [u8; ARP_FRAME] {
    let mut frame = [0; ARP_FRAME];
    let parts: [&[u8]; 8] = [
        &BROADCAST,
        &mac,
        &ETHERTYPE_ARP,
        &ARP_REQUEST,
        &mac,
        &Ipv4Addr::UNSPECIFIED.octets(),
        &[0; 6],
        &address.octets(),
    ];
    fill(&mut frame, &parts);
    frame
}

/// RFC 4862 §5.4.2: from no address, without options, to those that share the address's last 24
/// bits. Whoever has it answers to all nodes (RFC 4861 §7.2.4).
fn solicitation(mac: [u8; 6], address: Ipv6Addr) -> [u8; SOLICITATION_FRAME] {
    let [.., a, b, c] = address.octets();
    let group =
        Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]));
    let mut frame = [0; SOLICITATION_FRAME];
    let parts: [&[u8]; 10] = [
        &[0x33, 0x33, 0xff, a, b, c],
        &mac,
        &ETHERTYPE_IPV6,
        // Version 6, no traffic class, no flow.
        &[0x60, 0, 0, 0],
        &[0, SOLICITATION as u8, ICMPV6, HOP_LIMIT],
        &Ipv6Addr::UNSPECIFIED.octets(),
        &group.octets(),
        // Type, code 0, room for the checksum, and four octets that are reserved.
        &[NEIGHBOUR_SOLICITATION, 0, 0, 0],
        &[0; 4],
        &address.octets(),
    ];
    fill(&mut frame, &parts);
    let checksum = Sum::default()
        .add_address(Ipv6Addr::UNSPECIFIED.into())
        .add_address(group.into())
        .add_word(SOLICITATION as u16)
        .add_word(u16::from(ICMPV6))
        .add_bytes(&frame[ETHERNET + IPV6..])
        .finish();
    frame[CHECKSUM..CHECKSUM + 2].copy_from_slice(&checksum.to_be_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::announce::{gratuitous_arp, neighbour_advertisement};
    use alloc::vec::Vec;

    const MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x0a];
    const V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0x12, 0x3456);

    #[test]
    fn what_we_announce_is_a_claim() {
        let claim = Claim { address: V4.into(), mac: MAC };
        assert_eq!(arp(&gratuitous_arp(MAC, V4)), Some(claim));
        let frame = neighbour_advertisement(MAC, V6, true);
        let claim = Claim { address: V6.into(), mac: MAC };
        assert_eq!(neighbour(255, &frame[ETHERNET + IPV6..]), Some(claim));
    }

    #[test]
    fn a_reply_and_a_padded_frame_are_claims() {
        let mut frame = gratuitous_arp(MAC, V4).to_vec();
        frame[21] = 2;
        frame.resize(60, 0);
        assert_eq!(arp(&frame).map(|claim| claim.mac), Some(MAC));
    }

    #[test]
    fn a_question_claims_nothing() {
        let question = Question::new(MAC, V4.into());
        assert_eq!(arp(question.bytes()), None);
        let question = Question::new(MAC, V6.into());
        assert_eq!(neighbour(255, &question.bytes()[ETHERNET + IPV6..]), None);
    }

    #[test]
    fn what_is_no_proper_arp_claims_nothing() {
        let good = gratuitous_arp(MAC, V4);
        for at in (12..22).chain([22]) {
            let mut bad = good;
            bad[at] ^= 1;
            // Operations 0 and 3, of ARP's types, and a group's MAC address.
            assert_eq!(arp(&bad), None, "{at}");
        }
        for length in 0..good.len() {
            assert_eq!(arp(&good[..length]), None, "{length}");
        }
        let mut nobody = good;
        nobody[22..28].fill(0);
        assert_eq!(arp(&nobody), None);
    }

    #[test]
    fn what_is_no_valid_advertisement_claims_nothing() {
        let frame = neighbour_advertisement(MAC, V6, false);
        let good = &frame[ETHERNET + IPV6..];
        assert_eq!(neighbour(254, good), None);
        for length in 0..good.len() {
            assert_eq!(neighbour(255, &good[..length]), None, "{length}");
        }
        let changed = |at: usize, to: u8| {
            let mut bad = good.to_vec();
            bad[at] = to;
            neighbour(255, &bad)
        };
        for (at, to) in [(0, 135), (1, 1), (8, 0xff), (24, 1), (25, 0), (25, 2), (26, 1)] {
            assert_eq!(changed(at, to), None, "{at}");
        }
    }

    #[test]
    fn other_options_do_not_matter() {
        let frame = neighbour_advertisement(MAC, V6, false);
        let (fixed, option) = frame[ETHERNET + IPV6..].split_at(24);
        let other = [14, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for options in [[&other[..], option].concat(), [option, &other[..]].concat()] {
            let message: Vec<u8> = [fixed, &options].concat();
            assert_eq!(neighbour(255, &message).map(|claim| claim.mac), Some(MAC));
        }
    }

    /// RFC 5227 §2.1.1: the sender's IP address is all zeros, and the target's hardware address.
    #[test]
    fn rfc5227_an_arp_probe() {
        let expected = [
            &[0xff; 6][..],
            &MAC,
            &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1],
            &MAC,
            &[0; 4],
            &[0; 6],
            &[192, 0, 2, 1],
        ]
        .concat();
        assert_eq!(Question::new(MAC, V4.into()).bytes(), expected);
    }

    #[test]
    fn rfc4862_a_solicitation() {
        let Question::Neighbour(frame) = Question::new(MAC, V6.into()) else { panic!() };
        assert_eq!(frame[..12], [0x33, 0x33, 0xff, 0x12, 0x34, 0x56, 2, 0, 0, 0, 0, 0x0a]);
        assert_eq!(frame[18..22], [0, 24, 58, 255]);
        assert_eq!(frame[22..38], [0; 16]);
        assert_eq!(frame[38..54], [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x12, 0x34, 0x56]);
        assert_eq!(frame[54..56], [135, 0]);
        assert_eq!(frame[62..78], V6.octets());
        let again = Sum::default()
            .add_bytes(&frame[22..54])
            .add_word(24)
            .add_word(58)
            .add_bytes(&frame[54..]);
        assert_eq!(again.finish(), 0);
    }
}
