//! The Internet checksum (RFC 1071), with and without the pseudo-header.

use core::net::IpAddr;

/// A one's-complement sum under way. Parts of odd length may only come last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u32);

impl Sum {
    /// Adds octets, as 16-bit words in network byte order.
    #[must_use]
    pub fn add_bytes(self, bytes: &[u8]) -> Self {
        let mut words = bytes.chunks_exact(2);
        let mut sum = self.0;
        for word in words.by_ref() {
            sum += u32::from(u16::from_be_bytes([word[0], word[1]]));
        }
        if let [last] = words.remainder() {
            sum += u32::from(u16::from_be_bytes([*last, 0]));
        }
        Self(fold(sum))
    }

    /// Adds one word.
    #[must_use]
    pub fn add_word(self, word: u16) -> Self {
        Self(fold(self.0 + u32::from(word)))
    }

    /// Adds the pseudo-header of an upper-layer message: RFC 8200 §8.1 for IPv6 (V3-031), and for
    /// IPv4 the twelve octets that RFC 5798 was read to ask for (V3-033).
    #[must_use]
    pub fn add_pseudo_header(self, source: IpAddr, destination: IpAddr, length: u16) -> Self {
        self.add_address(source)
            .add_address(destination)
            .add_word(u16::from(super::PROTOCOL))
            .add_word(length)
    }

    /// Adds an address, as a part of a pseudo-header.
    pub(super) fn add_address(self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => self.add_bytes(&address.octets()),
            IpAddr::V6(address) => self.add_bytes(&address.octets()),
        }
    }

    /// The value of the checksum field; over a message that includes its checksum, 0 means right.
    #[must_use]
    pub fn finish(self) -> u16 {
        !(self.0 as u16)
    }
}

/// Sums of at most 65,535 octets stay below 2^31, so two rounds are enough.
const fn fold(sum: u32) -> u32 {
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum & 0xffff) + (sum >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    /// RFC 1071 §3: the example of the text.
    #[test]
    fn v3_030_the_example_of_rfc_1071() {
        let sum = Sum::default().add_bytes(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.finish(), !0xddf2);
    }

    #[test]
    fn an_odd_octet_counts_as_the_high_half() {
        assert_eq!(Sum::default().add_bytes(&[0x12]), Sum::default().add_bytes(&[0x12, 0x00]));
    }

    #[test]
    fn the_pseudo_header_is_source_destination_protocol_and_length() {
        let source = Ipv4Addr::new(192, 0, 2, 2);
        let destination = Ipv4Addr::new(224, 0, 0, 18);
        let by_hand = Sum::default().add_bytes(&[192, 0, 2, 2, 224, 0, 0, 18, 0, 112, 0, 12]);
        let sum = Sum::default().add_pseudo_header(source.into(), destination.into(), 12);
        assert_eq!(sum, by_hand);
    }
}
