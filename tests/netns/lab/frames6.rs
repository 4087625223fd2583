//! The same for IPv6: VRRP over it, and neighbour discovery.

use super::frames::checksum;
use std::net::Ipv6Addr;

/// Where VRRP over IPv6 goes, on Ethernet.
pub const GROUP_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 0x12];
/// Where VRRP over IPv6 goes.
pub const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
/// All nodes, on Ethernet.
pub const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
/// All nodes.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

const VRRP: u8 = 112;
const ICMPV6: u8 = 58;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// Octets of the headers of Ethernet and IPv6.
const HEADERS: usize = 14 + 40;

/// The link-local address that a hardware address leads to (RFC 4291, appendix A).
pub fn link_local(mac: [u8; 6]) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac;
    let id = [a ^ 2, b, c, 0xff, 0xfe, d, e, f];
    Ipv6Addr::from(0xfe80 << 112 | u128::from(u64::from_be_bytes(id)))
}

/// The group that whoever has an address listens to (RFC 4291 §2.7.1).
pub fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c])
}

/// What a frame with VRRP in it says below VRRP.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    /// Hardware address of the sender.
    pub mac: [u8; 6],
    /// Source of the IPv6 header.
    pub source: Ipv6Addr,
    /// Destination of the IPv6 header.
    pub destination: Ipv6Addr,
    /// Hop limit.
    pub hop_limit: u8,
}

impl Envelope {
    /// As it should be.
    pub fn new(mac: [u8; 6], source: Ipv6Addr) -> Self {
        Self { mac, source, destination: GROUP, hop_limit: 255 }
    }

    /// A whole Ethernet frame around a message, which gets the checksum that is right in it.
    pub fn frame(&self, message: &[u8]) -> Vec<u8> {
        let mut message = message.to_vec();
        if let Some(field) = message.get_mut(6..8) {
            field.fill(0);
            let sum = sum(self.source, self.destination, VRRP, &message);
            message[6..8].copy_from_slice(&sum.to_be_bytes());
        }
        self.frame_as_it_is(&message)
    }

    /// A whole Ethernet frame around a message, with the checksum that stands in it.
    pub fn frame_as_it_is(&self, message: &[u8]) -> Vec<u8> {
        frame(GROUP_MAC, self, VRRP, message)
    }
}

fn frame(to: [u8; 6], envelope: &Envelope, next_header: u8, message: &[u8]) -> Vec<u8> {
    let mut frame = [&to[..], &envelope.mac, &[0x86, 0xdd, 0x6c, 0, 0, 0]].concat();
    frame.extend((message.len() as u16).to_be_bytes());
    frame.extend([next_header, envelope.hop_limit]);
    frame.extend(envelope.source.octets());
    frame.extend(envelope.destination.octets());
    frame.extend(message);
    frame.resize(frame.len().max(60), 0);
    frame
}

fn sum(source: Ipv6Addr, destination: Ipv6Addr, next_header: u8, message: &[u8]) -> u16 {
    let length = (message.len() as u32).to_be_bytes();
    let last = [0, 0, 0, next_header];
    checksum(&[&source.octets(), &destination.octets(), &length, &last, message])
}

/// Source, destination, hop limit, next header and payload of an IPv6 frame without options.
pub fn open(frame: &[u8]) -> Option<(Ipv6Addr, Ipv6Addr, u8, u8, &[u8])> {
    let header = frame.get(14..HEADERS)?;
    let address = |at: usize| {
        <[u8; 16]>::try_from(&header[at..at + 16]).map(Ipv6Addr::from).expect("16 octets")
    };
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let payload = frame.get(HEADERS..HEADERS + length)?;
    Some((address(8), address(24), header[7], header[6], payload))
}

/// Asks, from a host's link-local address, who has an address.
pub fn solicitation(mac: [u8; 6], target: Ipv6Addr) -> Vec<u8> {
    let destination = solicited_node(target);
    let [.., a, b, c] = destination.octets();
    solicitation_to(mac, target, (destination, [0x33, 0x33, 0xff, a, b, c]))
}

/// The same, of whoever is there: address and hardware address.
pub fn solicitation_to(
    mac: [u8; 6],
    target: Ipv6Addr,
    (destination, to): (Ipv6Addr, [u8; 6]),
) -> Vec<u8> {
    let envelope = Envelope { destination, ..Envelope::new(mac, link_local(mac)) };
    let mut message = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    message.extend(target.octets());
    message.extend([1, 1]);
    message.extend(mac);
    let sum = sum(envelope.source, destination, ICMPV6, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    frame(to, &envelope, ICMPV6, &message)
}

/// A neighbour advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Hardware address that it came from.
    pub mac: [u8; 6],
    /// Hardware address that it went to.
    pub to: [u8; 6],
    /// Source of the IPv6 header.
    pub source: Ipv6Addr,
    /// Destination of the IPv6 header.
    pub destination: Ipv6Addr,
    /// Hop limit.
    pub hop_limit: u8,
    /// The flag R: the sender is a router.
    pub router: bool,
    /// The flag S: somebody has asked.
    pub solicited: bool,
    /// The flag O: forget what you knew.
    pub overrides: bool,
    /// The address that it is about.
    pub target: Ipv6Addr,
    /// Where that is.
    pub link_layer: Option<[u8; 6]>,
}

impl Neighbour {
    /// Reads a frame; `None` if it is no neighbour advertisement with the right checksum.
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let (source, destination, hop_limit, next_header, message) = open(frame)?;
        if next_header != ICMPV6 || message.first() != Some(&ADVERTISEMENT) {
            return None;
        }
        if sum(source, destination, ICMPV6, message) != 0 {
            return None;
        }
        let flags = *message.get(4)?;
        let link_layer = message.get(24..32).filter(|option| option[..2] == [2, 1]);
        Some(Self {
            to: frame[..6].try_into().ok()?,
            mac: frame[6..12].try_into().ok()?,
            source,
            destination,
            hop_limit,
            router: flags & 0x80 != 0,
            solicited: flags & 0x40 != 0,
            overrides: flags & 0x20 != 0,
            target: Ipv6Addr::from(<[u8; 16]>::try_from(message.get(8..24)?).ok()?),
            link_layer: link_layer.and_then(|option| option[2..].try_into().ok()),
        })
    }

    /// A whole Ethernet frame.
    pub fn frame(&self) -> Vec<u8> {
        let Self { mac, source, destination, hop_limit, .. } = *self;
        let envelope = Envelope { mac, source, destination, hop_limit };
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let flags =
            flag(self.router, 0x80) | flag(self.solicited, 0x40) | flag(self.overrides, 0x20);
        let mut message = vec![ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0];
        message.extend(self.target.octets());
        if let Some(link_layer) = self.link_layer {
            message.extend([2, 1]);
            message.extend(link_layer);
        }
        let sum = sum(source, destination, ICMPV6, &message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        frame(self.to, &envelope, ICMPV6, &message)
    }

    /// Nobody has asked, everybody is told.
    pub fn is_announcement(&self) -> bool {
        !self.solicited && self.destination == ALL_NODES
    }
}
