//! Ethernet frames, made and read byte by byte: the tests' own view of what is right.

use std::net::{IpAddr, Ipv4Addr};

/// Where VRRP over IPv4 goes, on Ethernet.
pub const GROUP_MAC: [u8; 6] = [0x01, 0x00, 0x5e, 0x00, 0x00, 0x12];
/// Where VRRP over IPv4 goes.
pub const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// Everybody, on Ethernet.
pub const BROADCAST: [u8; 6] = [0xff; 6];

/// `02:00:00:00:77:01`
pub fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

/// RFC 1071's checksum.
pub fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for part in parts {
        for word in part.chunks(2) {
            let low = word.get(1).copied().unwrap_or(0);
            sum += u32::from(word[0]) << 8 | u32::from(low);
        }
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// What a frame with VRRP in it says below VRRP.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    /// Hardware address of the sender.
    pub mac: [u8; 6],
    /// Source of the IP header.
    pub source: Ipv4Addr,
    /// Destination of the IP header.
    pub destination: Ipv4Addr,
    /// Time to live.
    pub ttl: u8,
    /// IP options, in whole words.
    pub options: &'static [u8],
}

impl Envelope {
    /// As it should be.
    pub fn new(mac: [u8; 6], source: Ipv4Addr) -> Self {
        Self { mac, source, destination: GROUP, ttl: 255, options: &[] }
    }

    /// A whole Ethernet frame around a message, padded to the shortest that Ethernet allows.
    pub fn frame(&self, message: &[u8]) -> Vec<u8> {
        let header = 20 + self.options.len();
        let mut ip = vec![0x40 | (header / 4) as u8, 0xc0];
        ip.extend(((header + message.len()) as u16).to_be_bytes());
        ip.extend([0, 0, 0, 0, self.ttl, 112, 0, 0]);
        ip.extend(self.source.octets());
        ip.extend(self.destination.octets());
        ip.extend(self.options);
        let sum = checksum(&[&ip]);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        let mut frame = [&GROUP_MAC[..], &self.mac, &[0x08, 0x00], &ip, message].concat();
        frame.resize(frame.len().max(60), 0);
        frame
    }
}

/// A VRRP message, to be made right or wrong.
#[derive(Clone, Debug)]
pub struct Message {
    /// 2 or 3, or what is none.
    pub version: u8,
    /// 1 is ADVERTISEMENT.
    pub kind: u8,
    /// Virtual router id.
    pub vrid: u8,
    /// Priority.
    pub priority: u8,
    /// What stands in the field for the number of addresses; `None` for what is true.
    pub count: Option<u8>,
    /// The next two octets: in VRRPv3 the interval in centiseconds, in VRRPv2 the type of
    /// authentication and the interval in seconds.
    pub middle: u16,
    /// The virtual addresses.
    pub addresses: Vec<IpAddr>,
    /// VRRPv2's authentication data.
    pub authentication: Option<[u8; 8]>,
}

impl Message {
    /// VRRPv3.
    pub fn v3(vrid: u8, priority: u8, centiseconds: u16, address: impl Into<IpAddr>) -> Self {
        let (count, middle, addresses) = (None, centiseconds, vec![address.into()]);
        Self { version: 3, kind: 1, vrid, priority, count, middle, addresses, authentication: None }
    }

    /// VRRPv2 without a password.
    pub fn v2(vrid: u8, priority: u8, seconds: u8, address: Ipv4Addr) -> Self {
        let (version, middle, authentication) = (2, u16::from(seconds), Some([0; 8]));
        Self { version, middle, authentication, ..Self::v3(vrid, priority, 0, address) }
    }

    /// The message with a checksum over itself alone.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.version << 4 | self.kind, self.vrid, self.priority];
        bytes.push(self.count.unwrap_or(self.addresses.len() as u8));
        bytes.extend(self.middle.to_be_bytes());
        bytes.extend([0, 0]);
        for address in &self.addresses {
            match address {
                IpAddr::V4(address) => bytes.extend(address.octets()),
                IpAddr::V6(address) => bytes.extend(address.octets()),
            }
        }
        bytes.extend(self.authentication.iter().flatten());
        seal(&mut bytes);
        bytes
    }
}

/// Puts the checksum over a message alone into it.
pub fn seal(message: &mut [u8]) {
    message[6..8].fill(0);
    let sum = checksum(&[message]);
    message[6..8].copy_from_slice(&sum.to_be_bytes());
}

/// An ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// 1 request, 2 reply.
    pub operation: u16,
    /// Hardware address of the sender.
    pub sender_mac: [u8; 6],
    /// Address of the sender.
    pub sender: Ipv4Addr,
    /// Hardware address of the target.
    pub target_mac: [u8; 6],
    /// Address of the target.
    pub target: Ipv4Addr,
}

impl Arp {
    /// Sender and target are the same: an announcement.
    pub fn is_gratuitous(&self) -> bool {
        self.sender == self.target
    }

    /// A whole Ethernet frame.
    pub fn frame(&self, to: [u8; 6]) -> Vec<u8> {
        let mut frame = [&to[..], &self.sender_mac, &[8, 6, 0, 1, 8, 0, 6, 4]].concat();
        frame.extend(self.operation.to_be_bytes());
        frame.extend(self.sender_mac);
        frame.extend(self.sender.octets());
        frame.extend(self.target_mac);
        frame.extend(self.target.octets());
        frame.resize(60, 0);
        frame
    }

    /// Reads what follows the Ethernet header.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let packet = packet.get(..28)?;
        if packet[..6] != [0, 1, 8, 0, 6, 4] {
            return None;
        }
        let mac = |at: usize| <[u8; 6]>::try_from(&packet[at..at + 6]).ok();
        let address = |at: usize| <[u8; 4]>::try_from(&packet[at..at + 4]).ok().map(Ipv4Addr::from);
        Some(Self {
            operation: u16::from_be_bytes([packet[6], packet[7]]),
            sender_mac: mac(8)?,
            sender: address(14)?,
            target_mac: mac(18)?,
            target: address(24)?,
        })
    }
}
