//! From what was captured to the packet in it: link-layer headers, and VLAN tags.

use crate::sys::sniffer;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// 802.1Q and 802.1ad.
const TAGS: [u16; 2] = [0x8100, 0x88a8];
/// More tags than this nobody stacks.
const MOST_TAGS: usize = 4;
/// The bits of a tag that number the VLAN.
const VLAN_ID: u16 = 0x0fff;
/// What Linux calls a packet that the host sends itself.
const OUTGOING: u16 = 4;

/// A packet as it was captured, without its link-layer header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured<'a> {
    /// When, in nanoseconds since 1970.
    pub time_ns: u64,
    /// The hardware address of the sender.
    pub source_mac: Option<[u8; 6]>,
    /// The VLAN that it was tagged with, the outer one of several.
    pub vlan: Option<u16>,
    /// It was sent by the host that captured it.
    pub outgoing: bool,
    /// Its ethertype.
    pub ethertype: u16,
    /// The packet, from the IP header on.
    pub packet: &'a [u8],
}

/// How the packets of a file begin, by the LINKTYPE_ numbers of pcap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// 1: Ethernet.
    Ethernet,
    /// 101: with the IP header.
    Raw,
    /// 113: Linux' own, of several interfaces.
    LinuxSll,
    /// 276: the same, version 2.
    LinuxSll2,
}

impl LinkType {
    /// `None` for one that VRRP is not looked for in.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        // The upper half of a file header's word tells of checksums of frames.
        match number & 0xffff {
            1 => Some(Self::Ethernet),
            101 => Some(Self::Raw),
            113 => Some(Self::LinuxSll),
            276 => Some(Self::LinuxSll2),
            _ => None,
        }
    }
}

/// What a file holds of a packet. `None` if not even the headers are whole.
#[must_use]
pub fn of_file(link: LinkType, time_ns: u64, bytes: &[u8]) -> Option<Captured<'_>> {
    let word = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let mac = |at: usize| bytes.get(at..at + 6)?.try_into().ok();
    let captured = match link {
        LinkType::Ethernet => {
            let (source_mac, ethertype) = (Some(mac(6)?), word(12)?);
            Captured {
                time_ns,
                source_mac,
                vlan: None,
                outgoing: false,
                ethertype,
                packet: bytes.get(14..)?,
            }
        }
        LinkType::Raw => {
            let ethertype = match bytes.first()? >> 4 {
                4 => IPV4,
                _ => IPV6,
            };
            let (source_mac, vlan, outgoing) = (None, None, false);
            Captured { time_ns, source_mac, vlan, outgoing, ethertype, packet: bytes }
        }
        LinkType::LinuxSll => Captured {
            time_ns,
            source_mac: mac(6).filter(|_| word(4) == Some(6)),
            vlan: None,
            outgoing: word(0)? == OUTGOING,
            ethertype: word(14)?,
            packet: bytes.get(16..)?,
        },
        LinkType::LinuxSll2 => Captured {
            time_ns,
            source_mac: mac(12).filter(|_| bytes.get(11) == Some(&6)),
            vlan: None,
            outgoing: bytes.get(10).copied().map(u16::from)? == OUTGOING,
            ethertype: word(0)?,
            packet: bytes.get(20..)?,
        },
    };
    captured.without_tags()
}

/// What was heard on an interface.
#[must_use]
pub fn of_interface<'a>(heard: &sniffer::Heard, packet: &'a [u8]) -> Option<Captured<'a>> {
    let sniffer::Heard { time_ns, source_mac, vlan, outgoing, protocol: ethertype, .. } = *heard;
    Captured { time_ns, source_mac, vlan, outgoing, ethertype, packet }.without_tags()
}

impl Captured<'_> {
    fn without_tags(mut self) -> Option<Self> {
        for _ in 0..MOST_TAGS {
            if !TAGS.contains(&self.ethertype) {
                break;
            }
            let [tag @ .., high, low] = self.packet.first_chunk::<4>()?;
            let inside = u16::from_be_bytes([*high, *low]);
            // Of a tag that the kernel has put there only the ethertype is seen: what follows is IP.
            let is_tag = TAGS.contains(&inside) || [IPV4, IPV6].contains(&inside);
            match self.packet.first()? >> 4 {
                4 if !is_tag => self.ethertype = IPV4,
                6 if !is_tag => self.ethertype = IPV6,
                _ => {}
            }
            if !TAGS.contains(&self.ethertype) {
                break;
            }
            self.vlan = self.vlan.or(Some(u16::from_be_bytes(*tag) & VLAN_ID));
            self.ethertype = inside;
            self.packet = self.packet.get(4..)?;
        }
        [IPV4, IPV6].contains(&self.ethertype).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: &[u8] = &[0x45, 1, 2, 3];
    const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 7];

    fn frame(between: &[u8]) -> Vec<u8> {
        [&[1, 0, 0x5e, 0, 0, 0x12], &MAC[..], between, IP].concat()
    }

    #[test]
    fn every_kind_of_header_is_taken_off() {
        let captured = |vlan, outgoing, source_mac| Captured {
            time_ns: 5,
            source_mac,
            vlan,
            outgoing,
            ethertype: IPV4,
            packet: IP,
        };
        let sll = [&[0, 4, 0, 1, 0, 6], &MAC[..], &[0, 0, 8, 0], IP].concat();
        let sll2 = [&[8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6], &MAC[..], &[0, 0], IP].concat();
        for (number, bytes, expected) in [
            (1, frame(&[8, 0]), captured(None, false, Some(MAC))),
            (1, frame(&[0x81, 0, 0xe0, 7, 8, 0]), captured(Some(7), false, Some(MAC))),
            (
                1,
                frame(&[0x88, 0xa8, 0, 9, 0x81, 0, 0, 7, 8, 0]),
                captured(Some(9), false, Some(MAC)),
            ),
            (101, IP.to_vec(), captured(None, false, None)),
            (113, sll, captured(None, true, Some(MAC))),
            (276, sll2, captured(None, false, Some(MAC))),
        ] {
            let link = LinkType::new(number).unwrap();
            assert_eq!(of_file(link, 5, &bytes), Some(expected), "{link:?}");
            for length in 0..bytes.len() - IP.len() {
                assert_eq!(of_file(link, 5, &bytes[..length]), None, "{link:?} {length}");
            }
        }
    }

    #[test]
    fn what_is_no_ip_is_left_out() {
        assert_eq!(of_file(LinkType::Ethernet, 5, &frame(&[8, 6])), None);
        let endless = frame(&[0x81, 0, 0, 1].repeat(9));
        assert_eq!(of_file(LinkType::Ethernet, 5, &endless), None);
        assert_eq!(LinkType::new(105), None);
    }
}
