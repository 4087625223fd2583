//! From an IP packet to the VRRP message in it.

use crate::wire::{Meta, PROTOCOL};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IP Authentication Header.
const AH: u8 = 51;
/// Extension headers of IPv6 that say their length in units of eight octets.
const EXTENSIONS: [u8; 4] = [0, 43, 60, 135];
const FRAGMENT: u8 = 44;
/// More headers than this before a message are a game that somebody plays.
const MOST_HEADERS: usize = 16;

/// A message of VRRP's protocol number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// What the IP header says.
    pub meta: Meta,
    /// As much of the message as there is.
    pub message: &'a [u8],
    /// There is not all of it: it was captured in part, or is a fragment.
    pub cut: bool,
    /// It is inside of an IP Authentication Header.
    pub ah: bool,
}

/// What an IP packet holds. `None` if that is something else, or does not begin here.
#[must_use]
pub fn read(packet: &[u8]) -> Option<Datagram<'_>> {
    match packet.first()? >> 4 {
        4 => v4(packet),
        6 => v6(packet),
        _ => None,
    }
}

fn v4(packet: &[u8]) -> Option<Datagram<'_>> {
    let header = packet.first_chunk::<20>()?;
    let [first, _, len_hi, len_lo, _, _, fragment_hi, fragment_lo, ttl, protocol, ..] = *header;
    let (_, source) = header.split_at_checked(12)?;
    let source: [u8; 4] = source.get(..4)?.try_into().ok()?;
    let destination: [u8; 4] = header.get(16..)?.try_into().ok()?;
    let meta = Meta {
        source: Ipv4Addr::from(source).into(),
        destination: Ipv4Addr::from(destination).into(),
        ttl,
    };
    let total = usize::from(u16::from_be_bytes([len_hi, len_lo]));
    let begin = usize::from(first & 0x0f) * 4;
    let body = packet.get(begin.max(20)..packet.len().min(total).max(20))?;
    let fragment = u16::from_be_bytes([fragment_hi, fragment_lo]);
    if fragment & 0x1fff != 0 {
        return None;
    }
    // Another fragment follows.
    let cut = total > packet.len() || fragment & 0x2000 != 0;
    inside(protocol, body, Datagram { meta, message: &[], cut, ah: false })
}

fn v6(packet: &[u8]) -> Option<Datagram<'_>> {
    let (header, rest) = packet.split_first_chunk::<40>()?;
    let [_, _, _, _, len_hi, len_lo, next, ttl, ..] = *header;
    let address = |at: usize| -> Option<IpAddr> {
        let octets: [u8; 16] = header.get(at..at + 16)?.try_into().ok()?;
        Some(Ipv6Addr::from(octets).into())
    };
    let meta = Meta { source: address(8)?, destination: address(24)?, ttl };
    let total = usize::from(u16::from_be_bytes([len_hi, len_lo]));
    let body = rest.get(..total).unwrap_or(rest);
    inside(next, body, Datagram { meta, message: &[], cut: total > rest.len(), ah: false })
}

/// Goes over the headers between IP and the message.
fn inside<'a>(mut next: u8, mut body: &'a [u8], mut it: Datagram<'a>) -> Option<Datagram<'a>> {
    for _ in 0..MOST_HEADERS {
        if next == PROTOCOL {
            return Some(Datagram { message: body, ..it });
        }
        let [following, units, ..] = *body else { return None };
        let length = match next {
            AH => (usize::from(units) + 2) * 4,
            FRAGMENT => 8,
            _ if it.meta.source.is_ipv6() && EXTENSIONS.contains(&next) => {
                (usize::from(units) + 1) * 8
            }
            _ => return None,
        };
        if next == FRAGMENT {
            let [.., hi, lo] = *body.first_chunk::<4>()?;
            let fragment = u16::from_be_bytes([hi, lo]);
            if fragment & 0xfff8 != 0 || it.meta.source.is_ipv4() {
                return None;
            }
            it.cut |= fragment & 1 != 0;
        }
        it.ah |= next == AH;
        body = body.get(length..)?;
        next = following;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = &[0x31, 10, 100, 1, 0, 100, 0xa8, 0x8e, 192, 0, 2, 1];

    fn v4_packet(options: &[u8], protocol: u8, inside: &[u8]) -> Vec<u8> {
        let header = 20 + options.len();
        let mut packet = vec![0x40 | (header / 4) as u8, 0xc0];
        packet.extend(((header + inside.len()) as u16).to_be_bytes());
        packet.extend([0, 0, 0, 0, 255, protocol, 0, 0, 192, 0, 2, 2, 224, 0, 0, 18]);
        packet.extend(options);
        packet.extend(inside);
        packet
    }

    fn v6_packet(next: u8, inside: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend((inside.len() as u16).to_be_bytes());
        packet.extend([next, 255]);
        packet.extend("fe80::2".parse::<Ipv6Addr>().unwrap().octets());
        packet.extend("ff02::12".parse::<Ipv6Addr>().unwrap().octets());
        packet.extend(inside);
        packet
    }

    #[test]
    fn a_message_is_found_behind_whatever_headers() {
        let ah = [&[112, 4, 0, 0][..], &[7; 20], MESSAGE].concat();
        let hops = [&[112, 1, 0, 0][..], &[7; 12], MESSAGE].concat();
        let both = [&[44, 0, 0, 0, 0, 0, 0, 0][..], &[112, 0, 0, 0, 0, 0, 0, 1], MESSAGE].concat();
        for (packet, is_ah) in [
            (v4_packet(&[], 112, MESSAGE), false),
            (v4_packet(&[0x94, 4, 0, 0], 112, MESSAGE), false),
            (v4_packet(&[], 51, &ah), true),
            (v6_packet(112, MESSAGE), false),
            (v6_packet(0, &hops), false),
            (v6_packet(60, &both), false),
            (v6_packet(51, &ah), true),
        ] {
            let padded = [&packet[..], &[0; 14]].concat();
            let datagram = read(&padded).unwrap();
            assert_eq!((datagram.message, datagram.cut, datagram.ah), (MESSAGE, false, is_ah));
            assert_eq!((datagram.meta.ttl, datagram.meta.destination.is_multicast()), (255, true));
            let cut = read(&packet[..packet.len() - 1]).unwrap();
            assert_eq!((cut.message, cut.cut), (&MESSAGE[..MESSAGE.len() - 1], true));
        }
    }

    #[test]
    fn other_things_and_pieces_are_not() {
        assert_eq!(read(&v4_packet(&[], 17, MESSAGE)), None);
        assert_eq!(read(&v6_packet(58, MESSAGE)), None);
        // A chain of headers that leads nowhere, and one beyond the end.
        assert_eq!(read(&v6_packet(0, &[0; 400])), None);
        assert_eq!(read(&v6_packet(0, &[112, 255, 0, 0])), None);
        let mut fragment = v4_packet(&[], 112, MESSAGE);
        fragment[7] = 1;
        assert_eq!(read(&fragment), None, "the second");
        (fragment[6], fragment[7]) = (0x20, 0);
        assert!(read(&fragment).unwrap().cut, "the first");
        for length in 0..20 {
            assert_eq!(read(&v4_packet(&[], 112, MESSAGE)[..length]), None);
        }
    }
}
