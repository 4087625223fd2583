//! Bytes to values and back. No state, no clock, no I/O.
//!
//! Nothing in here panics, whatever the bytes are: a packet is either a value or a named
//! [`Discard`]. The names of the fields are those of RFC 9568 §5.2.

pub mod advert;
pub mod announce;
pub mod checksum;
pub mod claim;
pub mod sha256;
pub mod trailer;

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

/// IP protocol number of VRRP (V3-006).
pub const PROTOCOL: u8 = 112;
/// The only TTL or hop limit that an advertisement may carry (V3-004, V3-009).
pub const TTL: u8 = 255;
/// DSCP CS6: what the peers set, and no requirement.
pub const TRAFFIC_CLASS: u8 = 0xc0;
/// RFC 9568 §5.2.5 counts addresses in one octet.
pub const MAX_ADDRESSES: usize = 255;

/// Address family. A virtual router belongs to one (V3-064).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Octets of an address.
    #[must_use]
    pub const fn address_len(self) -> usize {
        match self {
            Self::V4 => 4,
            Self::V6 => 16,
        }
    }

    /// Where advertisements go: 224.0.0.18 (V3-002) or ff02::12 (V3-008).
    #[must_use]
    pub const fn group(self) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18)),
            Self::V6 => IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12)),
        }
    }

    /// The virtual MAC address of a virtual router (V3-012).
    #[must_use]
    pub const fn virtual_mac(self, vrid: Vrid) -> [u8; 6] {
        let family = match self {
            Self::V4 => 1,
            Self::V6 => 2,
        };
        [0x00, 0x00, 0x5e, 0x00, family, vrid.get()]
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        })
    }
}

/// Whether an address is one of IPv6 for the link alone (fe80::/10).
#[must_use]
pub const fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// Version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// RFC 3768.
    V2,
    /// RFC 9568, and RFC 5798 before it.
    V3,
}

impl Version {
    /// The number in the first four bits of a message.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}

/// Virtual Router Identifier, 1 to 255 (V3-017).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vrid(u8);

impl Vrid {
    /// `None` for 0, which is no identifier.
    #[must_use]
    pub const fn new(vrid: u8) -> Option<Self> {
        match vrid {
            0 => None,
            _ => Some(Self(vrid)),
        }
    }

    /// The number, 1 to 255.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Priority of a virtual router, 0 to 255; more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(pub u8);

impl Priority {
    /// The MASTER resigns (V3-020).
    pub const RESIGN: Self = Self(0);
    /// Where nothing is configured (V3-019).
    pub const DEFAULT: Self = Self(100);
    /// The router that owns the addresses (V3-018).
    pub const OWNER: Self = Self(255);
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Advertisement interval in whole centiseconds, never 0. VRRPv2 carries seconds (1 to 255),
/// VRRPv3 centiseconds (1 to 4095).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval(u16);

impl Interval {
    /// One second, the default of both versions.
    pub const SECOND: Self = Self(100);
    /// The longest that VRRPv3 can say: 40.95 s (V3-023).
    pub const MAX_V3: Self = Self(4095);
    /// The longest that VRRPv2 can say: 255 s (V2-004).
    pub const MAX_V2: Self = Self(25_500);

    /// `None` for 0 and for more than 255 s.
    #[must_use]
    pub const fn from_centiseconds(centiseconds: u16) -> Option<Self> {
        match centiseconds {
            1..=25_500 => Some(Self(centiseconds)),
            _ => None,
        }
    }

    /// `None` for 0.
    #[must_use]
    pub const fn from_seconds(seconds: u8) -> Option<Self> {
        Self::from_centiseconds(seconds as u16 * 100)
    }

    /// 1 to 25,500.
    #[must_use]
    pub const fn centiseconds(self) -> u16 {
        self.0
    }

    /// The same span of time, exactly.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64 * 10)
    }

    /// As many seconds, or the next whole number of them.
    #[must_use]
    pub const fn whole_seconds(self) -> Self {
        Self(self.0.div_ceil(100) * 100)
    }

    /// Whether a version can carry it.
    #[must_use]
    pub const fn fits(self, version: Version) -> bool {
        match version {
            Version::V2 => self.0 % 100 == 0,
            Version::V3 => self.0 <= Self::MAX_V3.0,
        }
    }
}

impl fmt::Display for Interval {
    /// In seconds, without needless digits: `1 s`, `0.1 s`, `0.01 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match (rest, rest % 10) {
            (0, _) => write!(f, "{whole} s"),
            (_, 0) => write!(f, "{whole}.{} s", rest / 10),
            _ => write!(f, "{whole}.{rest:02} s"),
        }
    }
}

/// Why a received packet was not taken. Each is a counter, with the name that RFC 8347 has for it,
/// and each is a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Discard {
    /// `ip-ttl-errors` (V3-005, V3-010).
    IpTtl,
    /// `version-errors`: neither 2 nor 3, or not the version of the virtual router (V3-041, V2-001).
    Version,
    /// `checksum-errors` (V3-034, V2-006).
    Checksum,
    /// `vrid-errors`: 0, or not configured on the interface for this family (V3-045).
    Vrid,
    /// `packet-length-errors`: shorter or longer than its own count says (V3-043, V3-044, V2-007).
    PacketLength,
    /// A message of CARP, which shares VRRP's protocol number, group and MAC addresses; counted with
    /// the `packet-length-errors` (V3-054).
    Carp,
    /// `invalid-type-pkts-rcvd` (V3-016, V2-002).
    InvalidType,
    /// A message without an address; counted with the `address-list-errors` (V3-021, V3-047).
    CountZero,
    /// A message over IPv6 whose first address is not link-local; counted with the
    /// `address-list-errors` (V3-048).
    NotLinkLocal,
    /// `interval-errors`: an interval of 0 (V3-049), or in VRRPv2 another than ours (V2-005).
    Interval,
    /// `address-list-errors`: another list than ours, in VRRPv2 (V2-010).
    AddressList,
    /// `invalid-auth-type`: none that VRRPv2 knows (V2-009).
    InvalidAuthType,
    /// `auth-type-mismatch`: not the one configured (V2-009).
    AuthTypeMismatch,
    /// `auth-failures`: another password (V2A-02).
    AuthFailure,
    /// In VRRPv2 the owner of the addresses takes no advertisement from anybody (V2-008).
    Owner,
    /// Sent to us alone, and not by a `unicast_peer`.
    UnicastSource,
    /// From a `unicast_peer`, outside of its `min_ttl` and `max_ttl`; counted with the
    /// `ip-ttl-errors`.
    UnicastTtl,
    /// Signed, and we have no `auth_hmac`: it is longer than its own count says; counted with the
    /// `packet-length-errors`.
    Signed,
    /// Not signed, and our `auth_hmac` demands it.
    HmacMissing,
    /// Signed in a way that we do not know.
    HmacUnknownKind,
    /// Signed with a key that we have not.
    HmacUnknownKey,
    /// The signature is wrong.
    HmacFailure,
    /// Signed longer ago than `time_window`, or that far in the future.
    HmacStale,
    /// Not signed after the last one that was taken from there.
    HmacReplayed,
}

impl Discard {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 24] = [
        Self::IpTtl,
        Self::Version,
        Self::Checksum,
        Self::Vrid,
        Self::PacketLength,
        Self::Carp,
        Self::InvalidType,
        Self::CountZero,
        Self::NotLinkLocal,
        Self::Interval,
        Self::AddressList,
        Self::InvalidAuthType,
        Self::AuthTypeMismatch,
        Self::AuthFailure,
        Self::Owner,
        Self::UnicastSource,
        Self::UnicastTtl,
        Self::Signed,
        Self::HmacMissing,
        Self::HmacUnknownKind,
        Self::HmacUnknownKey,
        Self::HmacFailure,
        Self::HmacStale,
        Self::HmacReplayed,
    ];

    /// Whether what was discarded is of a virtual router that is like ours, and claims to be its
    /// MASTER: it is whole, and only set up in another way.
    #[must_use]
    pub const fn is_of_a_router(self) -> bool {
        match self {
            Self::Version
            | Self::Interval
            | Self::AddressList
            | Self::InvalidAuthType
            | Self::AuthTypeMismatch
            | Self::AuthFailure
            | Self::Owner
            | Self::UnicastSource
            | Self::Signed
            | Self::HmacMissing
            | Self::HmacUnknownKind
            | Self::HmacUnknownKey
            | Self::HmacFailure
            | Self::HmacStale => true,
            Self::IpTtl
            | Self::Checksum
            | Self::Vrid
            | Self::PacketLength
            | Self::Carp
            | Self::InvalidType
            | Self::CountZero
            | Self::NotLinkLocal
            | Self::UnicastTtl
            | Self::HmacReplayed => false,
        }
    }

    /// What to tell a person, after "discarding adverts from ADDRESS: ".
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::IpTtl => "TTL is not 255, so they crossed a router or were forged",
            Self::Version => "another VRRP version than ours; set the same version on both routers",
            Self::Checksum => "wrong checksum",
            Self::Vrid => "no virtual router of ours has that virtual_router_id on this interface",
            Self::PacketLength => "wrong length for their number of addresses",
            Self::Carp => "they are CARP, not VRRP; give one of the two another id",
            Self::InvalidType => "their type is not 1 (ADVERTISEMENT)",
            Self::CountZero => "they carry no address",
            Self::NotLinkLocal => "the first of their addresses is not link-local, as ours is",
            Self::Interval => "their interval is 0, or not our advert_int",
            Self::AddressList => "they carry other addresses than our virtual_ipaddress",
            Self::InvalidAuthType => "their authentication type is unknown",
            Self::AuthTypeMismatch => "their auth_type is not ours",
            Self::AuthFailure => "their auth_pass is not ours",
            Self::Owner => "we own the addresses (priority 255) and listen to nobody in VRRPv2",
            Self::UnicastSource => "that address is not in our unicast_peer",
            Self::UnicastTtl => "their TTL is not within min_ttl and max_ttl of that unicast_peer",
            Self::Signed => "they are signed; set the same auth_hmac here, or leave it out there",
            Self::HmacMissing => {
                "they are not signed; until all routers do it, set mode permissive or receive-only \
                 in auth_hmac"
            }
            Self::HmacUnknownKind => "they are signed in a way that we do not know",
            Self::HmacUnknownKey => "they are signed with a key that our auth_hmac does not have",
            Self::HmacFailure => {
                "their signature is wrong: their key has the id of ours and is another, or somebody \
                 forges them"
            }
            Self::HmacStale => {
                "their clock and ours are further apart than time_window, or somebody repeats old \
                 ones; set both clocks"
            }
            Self::HmacReplayed => {
                "they are older than what we have heard before: somebody repeats them, or their \
                 clock was set back"
            }
        }
    }
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// What the kernel tells of a received packet beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Source address of the IP header.
    pub source: IpAddr,
    /// Destination address of the IP header; part of the pseudo-header.
    pub destination: IpAddr,
    /// TTL or hop limit as received.
    pub ttl: u8,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn v3_012_v2_020_virtual_mac_addresses() {
        for vrid in [1, 10, 255] {
            let of = |family: Family| family.virtual_mac(Vrid::new(vrid).unwrap());
            assert_eq!(of(Family::V4), [0x00, 0x00, 0x5e, 0x00, 0x01, vrid]);
            assert_eq!(of(Family::V6), [0x00, 0x00, 0x5e, 0x00, 0x02, vrid]);
        }
    }

    #[test]
    fn intervals_are_what_they_say() {
        for (centis, millis, text) in
            [(1, 10, "0.01 s"), (10, 100, "0.1 s"), (100, 1000, "1 s"), (4095, 40_950, "40.95 s")]
        {
            let interval = Interval::from_centiseconds(centis).unwrap();
            assert_eq!(interval.duration(), Duration::from_millis(millis));
            assert_eq!(interval.to_string(), text);
        }
        assert_eq!(Interval::from_seconds(255), Some(Interval::MAX_V2));
        assert_eq!(Interval::from_seconds(0), None);
        assert_eq!(Interval::from_centiseconds(0), None);
        assert_eq!(Interval::from_centiseconds(25_501), None);
    }

    #[test]
    fn an_interval_fits_a_version() {
        assert!(Interval::SECOND.fits(Version::V2) && Interval::SECOND.fits(Version::V3));
        assert!(!Interval::from_centiseconds(10).unwrap().fits(Version::V2));
        assert!(!Interval::from_centiseconds(4096).unwrap().fits(Version::V3));
    }

    #[test]
    fn reasons_are_numbered_in_order() {
        for (number, reason) in Discard::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
        }
    }
}
