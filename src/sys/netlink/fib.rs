//! Routes, as the kernel tells of them.

use super::{attributes, u16_at, u32_at, AF_INET, AF_INET6};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A route is there, or has changed.
pub const RTM_NEWROUTE: u16 = 24;
/// A route is gone.
pub const RTM_DELROUTE: u16 = 25;
/// Asks for routes.
pub const RTM_GETROUTE: u16 = 26;

/// Groups of events: IPv4 routes.
pub const RTNLGRP_IPV4_ROUTE: u32 = 7;
/// IPv6 routes.
pub const RTNLGRP_IPV6_ROUTE: u32 = 11;

/// The table that is asked first, or what has no other.
pub const RT_TABLE_MAIN: u32 = 254;
/// There is no such table.
pub const ENOENT: i32 = libc::ENOENT;

/// There is no such family here.
pub const EAFNOSUPPORT: i32 = libc::EAFNOSUPPORT;
/// Nobody knows of such a family here.
pub const EOPNOTSUPP: i32 = libc::EOPNOTSUPP;

const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_MULTIPATH: u16 = 9;
const RTA_TABLE: u16 = 15;
const RTA_VIA: u16 = 18;
/// A copy that the kernel keeps of what it has learnt.
const RTM_F_CLONED: u32 = 0x200;
/// The kinds of routes on which packets go somewhere.
const RTN_UNICAST: u8 = 1;
const RTN_MULTICAST: u8 = 5;
/// Its interface is down.
const RTNH_F_DEAD: u32 = 1;
/// Its interface has no carrier.
const RTNH_F_LINKDOWN: u32 = 16;

/// A route.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    /// Its destination, which says of which family it is.
    pub to: IpAddr,
    /// Length of the destination's prefix.
    pub prefix_len: u8,
    /// Its table.
    pub table: u32,
    kind: u8,
    flags: u32,
    attributes: &'a [u8],
}

/// One of the ways of a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nexthop {
    /// The gateway, if there is one.
    pub via: Option<IpAddr>,
    /// Index of the interface; 0 if it has none.
    pub interface: u32,
    flags: u32,
}

impl<'a> Route<'a> {
    /// Reads the body of a message.
    #[must_use]
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let [family, prefix_len, _, _, table, _, _, kind, ..] = *body else { return None };
        let rest = body.get(12..)?;
        let mut to = match family {
            AF_INET => Ipv4Addr::UNSPECIFIED.into(),
            AF_INET6 => Ipv6Addr::UNSPECIFIED.into(),
            _ => return None,
        };
        let mut table = u32::from(table);
        for (kind, value) in attributes(rest) {
            match kind {
                RTA_DST => to = ip(value)?,
                RTA_TABLE => table = u32_at(value, 0)?,
                _ => {}
            }
        }
        let flags = u32_at(body, 8)?;
        Some(Self { to, prefix_len, table, kind, flags, attributes: rest })
    }

    /// Whether packets go anywhere on it at all: not so if it says `unreachable` or the like.
    #[must_use]
    pub const fn leads_somewhere(&self) -> bool {
        self.flags & RTM_F_CLONED == 0 && self.kind >= RTN_UNICAST && self.kind <= RTN_MULTICAST
    }

    /// Its ways whose interface is up and has a carrier.
    pub fn usable(&self) -> impl Iterator<Item = Nexthop> + 'a {
        let several = attributes(self.attributes).find(|(kind, _)| *kind == RTA_MULTIPATH);
        let one = several.is_none().then(|| nexthop(self.flags, 0, self.attributes));
        let several = several.map(|(_, value)| value).unwrap_or_default();
        one.into_iter()
            .chain(multipath(several))
            .filter(|way| way.flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN) == 0)
    }
}

/// The `struct rtnexthop` of RTA_MULTIPATH, as far as their lengths are true.
fn multipath(mut bytes: &[u8]) -> impl Iterator<Item = Nexthop> + '_ {
    const HEADER: usize = 8;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let rest = bytes.get(HEADER..length)?;
        let (flags, interface) = (u32::from(*bytes.get(2)?), u32_at(bytes, 4)?);
        bytes = bytes.get(super::align(length)..).unwrap_or_default();
        Some(nexthop(flags, interface, rest))
    })
}

fn nexthop(flags: u32, interface: u32, rest: &[u8]) -> Nexthop {
    let mut way = Nexthop { via: None, interface, flags };
    for (kind, value) in attributes(rest) {
        match kind {
            RTA_OIF => way.interface = u32_at(value, 0).unwrap_or_default(),
            RTA_GATEWAY => way.via = ip(value),
            // A family, and an address of it.
            RTA_VIA => way.via = value.get(2..).and_then(ip),
            _ => {}
        }
    }
    way
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(octets).ok().map(|octets| Ipv6Addr::from(octets).into())
}

/// Appends a request for all routes of a family in a table. A kernel before 4.20 answers with those
/// of other tables as well.
pub fn ask(requests: &mut super::Builder<'_>, family: u8, table: u32, seq: u32) {
    requests.begin(RTM_GETROUTE, super::NLM_F_REQUEST | super::NLM_F_DUMP, seq);
    let mut header = [0; 12];
    header[0] = family;
    requests.header(&header);
    requests.attribute(RTA_TABLE, &table.to_ne_bytes());
    requests.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::netlink::{messages, Netlink, NLMSG_DONE, NLMSG_ERROR};
    use crate::sys::poll_readable;
    use crate::sys::testnet::{built, with_pair};
    use std::os::fd::AsFd;

    /// All routes of a table: destination, length, and ways.
    fn routes(family: u8, table: u32) -> Vec<(String, Vec<Nexthop>)> {
        let socket = Netlink::open(&[], 0).unwrap();
        socket.check_strictly();
        socket.send(&built(|requests| ask(requests, family, table, 7))).unwrap();
        let (mut all, mut buffer) = (Vec::new(), Vec::new());
        loop {
            assert!(poll_readable(socket.as_fd(), 5000).unwrap());
            let length = socket.receive(&mut buffer).unwrap().unwrap();
            for message in messages(&buffer[..length]) {
                match message.kind {
                    NLMSG_DONE | NLMSG_ERROR => return all,
                    RTM_NEWROUTE => {
                        let route = Route::parse(message.body).unwrap();
                        assert!(route.table == table && route.leads_somewhere(), "{route:?}");
                        let to = format!("{}/{}", route.to, route.prefix_len);
                        all.push((to, route.usable().collect()));
                    }
                    kind => panic!("{kind}"),
                }
            }
        }
    }

    #[test]
    fn the_routes_of_a_table_are_told() {
        with_pair(|pair| {
            pair.to_a();
            let way = |interface| Nexthop { via: None, interface, flags: 0 };
            let expected = ("10.9.0.0/24".to_owned(), vec![way(pair.a_index)]);
            assert_eq!(routes(AF_INET, RT_TABLE_MAIN), [expected]);
            let expected = ("fe80::/64".to_owned(), vec![way(pair.a_index)]);
            assert!(routes(AF_INET6, RT_TABLE_MAIN).contains(&expected));
            assert_eq!(routes(AF_INET, 77), []);
        });
    }

    #[test]
    fn several_ways_are_read_and_those_of_a_dead_interface_left_out() {
        let way = |flags: u8, interface: u32, gateway: [u8; 4]| {
            let mut bytes = vec![16, 0, flags, 0];
            bytes[..2].copy_from_slice(&16u16.to_ne_bytes());
            bytes.extend(interface.to_ne_bytes());
            bytes.extend(built(|way| way.attribute(RTA_GATEWAY, &gateway)));
            bytes
        };
        let ways = [way(0, 3, [10, 0, 0, 1]), way(16, 4, [10, 0, 0, 2]), way(1, 5, [10, 0, 0, 3])];
        let mut body = vec![AF_INET, 0, 0, 0, 254, 4, 0, RTN_UNICAST, 0, 0, 0, 0];
        body.extend(built(|route| {
            route.attribute(RTA_TABLE, &1000u32.to_ne_bytes());
            route.attribute(RTA_MULTIPATH, &ways.concat());
        }));
        let route = Route::parse(&body).unwrap();
        assert_eq!((route.to, route.table), (Ipv4Addr::UNSPECIFIED.into(), 1000));
        let usable: Vec<_> = route.usable().map(|way| (way.interface, way.via)).collect();
        assert_eq!(usable, [(3, Some(Ipv4Addr::new(10, 0, 0, 1).into()))]);
        for length in 0..body.len() {
            if let Some(route) = Route::parse(&body[..length]) {
                assert!(route.usable().count() <= 1);
            }
        }
        body[7] = 7;
        assert!(!Route::parse(&body).unwrap().leads_somewhere(), "unreachable");
    }
}
