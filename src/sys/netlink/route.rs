//! Routes and rules, as the kernel is told of them: what a request is made of, and what can be told
//! of one that is gone.

use super::{attributes, u32_at, Builder};

/// A rule is there.
pub const RTM_NEWRULE: u16 = 32;
/// A rule is gone.
pub const RTM_DELRULE: u16 = 33;
/// Asks for rules.
pub const RTM_GETRULE: u16 = 34;

/// Groups of events: rules of IPv4.
pub const RTNLGRP_IPV4_RULE: u32 = 8;
/// Rules of IPv6.
pub const RTNLGRP_IPV6_RULE: u32 = 19;

/// Attributes of a route: its destination.
pub const RTA_DST: u16 = 1;
/// Index of its interface.
pub const RTA_OIF: u16 = 4;
/// Its gateway, of the family of the route.
pub const RTA_GATEWAY: u16 = 5;
/// Its metric.
pub const RTA_PRIORITY: u16 = 6;
/// The address to send from.
pub const RTA_PREFSRC: u16 = 7;
/// What it tells the protocols above it.
pub const RTA_METRICS: u16 = 8;
/// Its ways, if there are several.
pub const RTA_MULTIPATH: u16 = 9;
/// Its table, of 32 bits.
pub const RTA_TABLE: u16 = 15;
/// Its gateway, of the other family: the family and the address.
pub const RTA_VIA: u16 = 18;
/// How much it is worth as that of a router, IPv6.
pub const RTA_PREF: u16 = 20;
/// In [`RTA_METRICS`]: which of the others stay as they are, one bit for each.
pub const RTAX_LOCK: u16 = 1;
/// The gateway is behind the interface, whatever its address.
pub const RTNH_F_ONLINK: u8 = 4;

/// Attributes of a rule: the destination it is for.
pub const FRA_DST: u16 = 1;
/// The source it is for.
pub const FRA_SRC: u16 = 2;
/// The interface that packets come in by.
pub const FRA_IIFNAME: u16 = 3;
/// The rule to go on at.
pub const FRA_GOTO: u16 = 4;
/// Its preference.
pub const FRA_PRIORITY: u16 = 6;
/// The mark of a packet.
pub const FRA_FWMARK: u16 = 10;
/// Which prefixes do not count.
pub const FRA_SUPPRESS_PREFIXLEN: u16 = 14;
/// Its table, of 32 bits.
pub const FRA_TABLE: u16 = 15;
/// Which bits of the mark count.
pub const FRA_FWMASK: u16 = 16;
/// The interface that a socket is bound to.
pub const FRA_OIFNAME: u16 = 17;
/// First and last user.
pub const FRA_UID_RANGE: u16 = 20;
/// Who has added it.
pub const FRA_PROTOCOL: u16 = 21;
/// The protocol of the packet.
pub const FRA_IP_PROTO: u16 = 22;
/// First and last source port.
pub const FRA_SPORT_RANGE: u16 = 23;
/// First and last destination port.
pub const FRA_DPORT_RANGE: u16 = 24;

/// What a rule does: it asks a table.
pub const FR_ACT_TO_TBL: u8 = 1;
/// It goes on at another rule.
pub const FR_ACT_GOTO: u8 = 2;
/// Nothing.
pub const FR_ACT_NOP: u8 = 3;
/// It drops.
pub const FR_ACT_BLACKHOLE: u8 = 6;
/// It answers that the network is unreachable.
pub const FR_ACT_UNREACHABLE: u8 = 7;
/// It answers that it is forbidden.
pub const FR_ACT_PROHIBIT: u8 = 8;
/// It is for what does not fit.
pub const FIB_RULE_INVERT: u32 = 2;

/// There is no such route.
pub const ESRCH: i32 = libc::ESRCH;
/// The kernel does not take it.
pub const EINVAL: i32 = libc::EINVAL;
/// No route leads to the gateway.
pub const ENETUNREACH: i32 = libc::ENETUNREACH;
/// No route leads to the gateway, IPv6.
pub const EHOSTUNREACH: i32 = libc::EHOSTUNREACH;
/// The interface is down.
pub const ENETDOWN: i32 = libc::ENETDOWN;
/// The kernel does not know the address family.
pub const EAFNOSUPPORT: i32 = libc::EAFNOSUPPORT;
/// The kernel cannot do it.
pub const EOPNOTSUPP: i32 = libc::EOPNOTSUPP;

/// The fixed part of a message about a route or a rule: `struct rtmsg`, or `struct fib_rule_hdr`,
/// which has the same form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Address family.
    pub family: u8,
    /// Length of the destination's prefix.
    pub dst_len: u8,
    /// Length of the source's prefix.
    pub src_len: u8,
    /// Type of service.
    pub tos: u8,
    /// The table, if it fits; else it is in an attribute.
    pub table: u8,
    /// A route's: who has added it.
    pub protocol: u8,
    /// A route's: how far its destination is.
    pub scope: u8,
    /// The kind of a route; what a rule does.
    pub kind: u8,
    /// Flags.
    pub flags: u32,
}

impl Header {
    /// As the kernel wants it.
    #[must_use]
    pub fn bytes(&self) -> [u8; 12] {
        let [a, b, c, d] = self.flags.to_ne_bytes();
        let Self { family, dst_len, src_len, tos, table, protocol, scope, kind, .. } = *self;
        [family, dst_len, src_len, tos, table, protocol, scope, kind, a, b, c, d]
    }

    /// Reads it, and returns the attributes behind it.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<(Self, &[u8])> {
        let [family, dst_len, src_len, tos, table, protocol, scope, kind, ..] = *body else {
            return None;
        };
        let flags = u32_at(body, 8)?;
        let header = Self { family, dst_len, src_len, tos, table, protocol, scope, kind, flags };
        Some((header, body.get(12..)?))
    }
}

/// Appends one of several ways: `struct rtnexthop`, and what is in it.
pub fn nexthop(
    ways: &mut Vec<u8>,
    (flags, weight, interface): (u8, u16, u32),
    inside: impl FnOnce(&mut Builder<'_>),
) {
    let begin = ways.len();
    // The kernel counts from 0.
    let hops = u8::try_from(weight.saturating_sub(1)).unwrap_or(u8::MAX);
    ways.extend([0, 0, flags, hops]);
    ways.extend(interface.to_ne_bytes());
    inside(&mut Builder::new(ways));
    let length = u16::try_from(ways.len() - begin).unwrap_or_default();
    if let Some(field) = ways.get_mut(begin..begin + 2) {
        field.copy_from_slice(&length.to_ne_bytes());
    }
}

/// An attribute of 32 bits.
#[must_use]
pub fn number(rest: &[u8], kind: u16) -> Option<u32> {
    let (_, value) = attributes(rest).find(|(found, _)| *found == kind)?;
    u32_at(value, 0)
}

/// An attribute of octets.
#[must_use]
pub fn octets(rest: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(rest).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_they_are_written() {
        let header =
            Header { family: 2, dst_len: 24, table: 254, flags: 0x1234, ..Header::default() };
        let mut bytes = header.bytes().to_vec();
        Builder::new(&mut bytes).attribute(RTA_PRIORITY, &7u32.to_ne_bytes());
        let (read, rest) = Header::parse(&bytes).unwrap();
        assert_eq!((read, number(rest, RTA_PRIORITY)), (header, Some(7)));
        assert_eq!(octets(rest, RTA_PRIORITY), Some(&7u32.to_ne_bytes()[..]));
        assert_eq!((number(rest, RTA_DST), octets(rest, RTA_DST)), (None, None));
        for length in 0..12 {
            assert_eq!(Header::parse(&bytes[..length]), None);
        }
    }

    #[test]
    fn a_way_knows_its_length() {
        let mut ways = vec![9; 4];
        nexthop(&mut ways, (RTNH_F_ONLINK, 256, 3), |way| way.attribute(RTA_GATEWAY, &[1; 4]));
        let mut expected = vec![9; 4];
        expected.extend(16u16.to_ne_bytes());
        expected.extend([4, 255]);
        expected.extend(3u32.to_ne_bytes());
        expected.extend(8u16.to_ne_bytes());
        expected.extend(RTA_GATEWAY.to_ne_bytes());
        expected.extend([1; 4]);
        assert_eq!(ways, expected);
    }
}
