//! Frames that tell the hosts of a link where a virtual address is now.

use super::checksum::Sum;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Octets of a gratuitous ARP with its Ethernet header.
pub const ARP_FRAME: usize = 42;
/// Octets of an unsolicited neighbour advertisement with its Ethernet and IPv6 headers.
pub const NEIGHBOUR_FRAME: usize = ETHERNET + IPV6 + ADVERTISEMENT;

pub(super) const BROADCAST: [u8; 6] = [0xff; 6];
pub(super) const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
/// Ethernet, IPv4, address lengths 6 and 4, operation 1 (request).
pub(super) const ARP_REQUEST: [u8; 8] = [0, 1, 0x08, 0x00, 6, 4, 0, 1];

pub(super) const ETHERNET: usize = 14;
pub(super) const IPV6: usize = 40;
/// The message (RFC 4861 §4.4) and its one option.
const ADVERTISEMENT: usize = 24 + 8;
/// All nodes of the link, as an address and on Ethernet (RFC 2464 §7).
pub(super) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
pub(super) const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
/// The only hop limit that neighbour discovery takes (RFC 4861 §7.1.2).
pub(super) const HOP_LIMIT: u8 = 255;
pub(super) const ICMPV6: u8 = 58;
pub(super) const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const ROUTER: u8 = 0x80;
const OVERRIDE: u8 = 0x20;
/// Option 2, one unit of eight octets.
pub(super) const TARGET_LINK_LAYER_ADDRESS: [u8; 2] = [2, 1];
/// Where the checksum stands.
pub(super) const CHECKSUM: usize = ETHERNET + IPV6 + 2;

/// An announcement of either family, ready to be sent. Announcements of a family have one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// A gratuitous ARP.
    Arp([u8; ARP_FRAME]),
    /// An unsolicited neighbour advertisement.
    Neighbour([u8; NEIGHBOUR_FRAME]),
}

impl Announcement {
    /// The announcement of an address that is now at `mac`. `router` is for IPv6 alone: whether the
    /// sender forwards packets.
    #[must_use]
    pub fn new(mac: [u8; 6], address: IpAddr, router: bool) -> Self {
        match address {
            IpAddr::V4(address) => Self::Arp(gratuitous_arp(mac, address)),
            IpAddr::V6(address) => Self::Neighbour(neighbour_advertisement(mac, address, router)),
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

/// A gratuitous ARP: a broadcast request whose sender and target are the virtual address (V3-090;
/// the target's hardware address too is ours, as erratum 7947 wants).
#[must_use]
pub fn gratuitous_arp(mac: [u8; 6], address: Ipv4Addr) -> [u8; ARP_FRAME] {
    let mut frame = [0; ARP_FRAME];
    let parts: [&[u8]; 8] = [
        &BROADCAST,
        &mac,
        &ETHERTYPE_ARP,
        &ARP_REQUEST,
        &mac,
        &address.octets(),
        &mac,
        &address.octets(),
    ];
    fill(&mut frame, &parts);
    frame
}

/// An unsolicited neighbour advertisement to all nodes (V3-091, RFC 4861 §7.2.6): S=0, O=1, and R
/// as `router` says. It comes from the virtual address itself, which is an address of the sender
/// whenever this is sent; hosts take no notice of the source, they go by the target.
#[must_use]
pub fn neighbour_advertisement(
    mac: [u8; 6],
    address: Ipv6Addr,
    router: bool,
) -> [u8; NEIGHBOUR_FRAME] {
    let flags = if router { ROUTER | OVERRIDE } else { OVERRIDE };
    let mut frame = [0; NEIGHBOUR_FRAME];
    let parts: [&[u8]; 12] = [
        &ALL_NODES_MAC,
        &mac,
        &ETHERTYPE_IPV6,
        // Version 6, no traffic class, no flow.
        &[0x60, 0, 0, 0],
        &[0, ADVERTISEMENT as u8, ICMPV6, HOP_LIMIT],
        &address.octets(),
        &ALL_NODES.octets(),
        // Type, code 0, and room for the checksum.
        &[NEIGHBOUR_ADVERTISEMENT, 0, 0, 0],
        &[flags, 0, 0, 0],
        &address.octets(),
        &TARGET_LINK_LAYER_ADDRESS,
        &mac,
    ];
    fill(&mut frame, &parts);
    let checksum = Sum::default()
        .add_address(address.into())
        .add_address(ALL_NODES.into())
        .add_word(ADVERTISEMENT as u16)
        .add_word(u16::from(ICMPV6))
        .add_bytes(&frame[ETHERNET + IPV6..])
        .finish();
    frame[CHECKSUM..CHECKSUM + 2].copy_from_slice(&checksum.to_be_bytes());
    frame
}

/// Puts parts into a frame one behind the other. They fit: the callers' sizes are constants.
pub(super) fn fill(frame: &mut [u8], parts: &[&[u8]]) {
    let mut at = 0;
    for part in parts {
        frame[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use core::fmt::Write;

    const MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x0a];

    #[test]
    fn v3_090_gratuitous_arp() {
        let frame = gratuitous_arp(MAC, Ipv4Addr::new(192, 0, 2, 1));
        let expected = [
            &[0xff; 6][..],
            &MAC,
            &[0x08, 0x06],
            &[0, 1, 8, 0, 6, 4, 0, 1],
            &MAC,
            &[192, 0, 2, 1],
            &MAC,
            &[192, 0, 2, 1],
        ]
        .concat();
        assert_eq!(frame.as_slice(), expected);
    }

    /// Made elsewhere, and tshark finds nothing wrong with them: flags 0xa0000000 and 0x20000000,
    /// checksum correct.
    #[test]
    fn v3_091_neighbour_advertisement() {
        for (address, router, golden) in [
            (
                "2001:db8::1",
                true,
                "33330000000102000000000a86dd6000000000203aff\
                 20010db8000000000000000000000001ff020000000000000000000000000001\
                 88007921a000000020010db80000000000000000000000010201\
                 02000000000a",
            ),
            (
                "fe80::1",
                false,
                "33330000000102000000000a86dd6000000000203aff\
                 fe800000000000000000000000000001ff020000000000000000000000000001\
                 8800579220000000fe8000000000000000000000000000010201\
                 02000000000a",
            ),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(hex(Announcement::new(MAC, address, router).bytes()), golden);
        }
    }

    fn hex(bytes: &[u8]) -> String {
        let mut text = String::new();
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}
