//! Frames that tell the hosts of a link where a virtual address is now.

use core::net::Ipv4Addr;

/// Octets of a gratuitous ARP with its Ethernet header.
pub const ARP_FRAME: usize = 42;

const BROADCAST: [u8; 6] = [0xff; 6];
const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
/// Ethernet, IPv4, address lengths 6 and 4, operation 1 (request).
const ARP_REQUEST: [u8; 8] = [0, 1, 0x08, 0x00, 6, 4, 0, 1];

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
    let mut at = 0;
    for part in parts {
        frame[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v3_090_gratuitous_arp() {
        let mac = [0x02, 0, 0, 0, 0, 0x0a];
        let frame = gratuitous_arp(mac, Ipv4Addr::new(192, 0, 2, 1));
        let expected = [
            &[0xff; 6][..],
            &mac,
            &[0x08, 0x06],
            &[0, 1, 8, 0, 6, 4, 0, 1],
            &mac,
            &[192, 0, 2, 1],
            &mac,
            &[192, 0, 2, 1],
        ]
        .concat();
        assert_eq!(frame.as_slice(), expected);
    }
}
