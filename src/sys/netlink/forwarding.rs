//! Whether an interface forwards IPv6, out of what rtnetlink tells of it.

use super::{attributes, u32_at};

/// That a setting of a family on an interface has changed (Linux 3.8).
pub const RTM_NEWNETCONF: u16 = 80;
/// That there are no settings any more, as a family has left an interface.
pub const RTM_DELNETCONF: u16 = 81;
/// Group of events: settings of IPv6.
pub const RTNLGRP_IPV6_NETCONF: u32 = 25;

/// In RTM_NEWLINK: what each family says of the interface.
const IFLA_AF_SPEC: u16 = 26;
/// In that of IPv6: its settings, 32 bits each.
const IFLA_INET6_CONF: u16 = 2;
/// In RTM_NEWNETCONF: the interface, and the setting.
const NETCONFA_IFINDEX: u16 = 1;
const NETCONFA_FORWARDING: u16 = 2;
/// `struct netconfmsg`, with its padding.
const NETCONF: usize = 4;

/// The setting in the attributes of RTM_NEWLINK; `None` if it is not told.
#[must_use]
pub fn of_link(link: &[u8]) -> Option<bool> {
    let find = |bytes, wanted| attributes(bytes).find(|(kind, _)| *kind == wanted).map(|it| it.1);
    let families = find(link, IFLA_AF_SPEC)?;
    let settings = find(find(families, libc::AF_INET6 as u16)?, IFLA_INET6_CONF)?;
    // The setting is the first.
    u32_at(settings, 0).map(|value| value != 0)
}

/// Interface and setting in RTM_NEWNETCONF; `None` if it is about something else.
#[must_use]
pub fn of_netconf(body: &[u8]) -> Option<(u32, bool)> {
    if body.first().copied() != Some(libc::AF_INET6 as u8) {
        return None;
    }
    let (mut index, mut forwarding) = (None, None);
    for (kind, value) in attributes(body.get(NETCONF..)?) {
        match kind {
            NETCONFA_IFINDEX => index = u32_at(value, 0),
            NETCONFA_FORWARDING => forwarding = u32_at(value, 0).map(|value| value != 0),
            _ => {}
        }
    }
    Some((index?, forwarding?))
}

/// The interface that IPv6 has left, in RTM_DELNETCONF; `None` if it is about something else.
#[must_use]
pub fn gone(body: &[u8]) -> Option<u32> {
    if body.first().copied() != Some(libc::AF_INET6 as u8) {
        return None;
    }
    let index = attributes(body.get(NETCONF..)?).find(|(kind, _)| *kind == NETCONFA_IFINDEX);
    index.and_then(|(_, value)| u32_at(value, 0))
}

#[cfg(test)]
mod tests {
    use super::super::{
        messages, IfInfo, Netlink, NLM_F_DUMP, NLM_F_REQUEST, RTM_GETLINK, RTM_NEWLINK,
    };
    use super::*;
    use crate::sys::poll_readable;
    use crate::sys::testnet::{built, with_pair};
    use std::os::fd::AsFd;

    /// What the next datagrams say, until something says it.
    fn heard<T>(socket: &Netlink, read: impl Fn(u16, &[u8]) -> Option<T>) -> T {
        let mut buffer = Vec::new();
        loop {
            assert!(poll_readable(socket.as_fd(), 5000).unwrap(), "nothing is told");
            let length = socket.receive(&mut buffer).unwrap().unwrap();
            let found = messages(&buffer[..length]).find_map(|it| read(it.kind, it.body));
            if let Some(found) = found {
                return found;
            }
        }
    }

    fn asked(index: u32) -> bool {
        let socket = Netlink::open(&[], 0).unwrap();
        let request = built(|request| {
            request.begin(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 9);
            request.header(&[0; 16]);
            request.end();
        });
        socket.send(&request).unwrap();
        heard(&socket, |kind, body| {
            let (info, rest) = IfInfo::parse(body).filter(|_| kind == RTM_NEWLINK)?;
            of_link(rest).filter(|_| info.index == index)
        })
    }

    #[test]
    fn forwarding_is_asked_for_and_told() {
        with_pair(|pair| {
            let news = Netlink::open(&[RTNLGRP_IPV6_NETCONF], 0).unwrap();
            assert!(!asked(pair.a_index));
            for (value, on) in [("1", true), ("0", false)] {
                std::fs::write("/proc/sys/net/ipv6/conf/a0/forwarding", value).unwrap();
                let told = heard(&news, |kind, body| {
                    assert_eq!(kind, RTM_NEWNETCONF);
                    of_netconf(body)
                });
                assert_eq!(told, (pair.a_index, on));
                assert_eq!(asked(pair.a_index), on);
            }
        });
    }

    #[test]
    fn what_is_cut_off_or_about_ipv4_says_nothing() {
        let body = built(|body| {
            body.header(&[libc::AF_INET6 as u8, 0, 0, 0]);
            body.attribute(NETCONFA_IFINDEX, &7u32.to_ne_bytes());
            body.attribute(NETCONFA_FORWARDING, &1u32.to_ne_bytes());
        });
        assert_eq!(of_netconf(&body), Some((7, true)));
        for length in 0..body.len() {
            assert_eq!(of_netconf(&body[..length]), None, "{length}");
        }
        let other = [&[libc::AF_INET as u8], &body[1..]].concat();
        assert_eq!(of_netconf(&other), None);
        let link = built(|link| {
            let ipv6 = built(|ipv6| ipv6.attribute(IFLA_INET6_CONF, &[1, 0, 0, 0, 5, 0, 0, 0]));
            let families = built(|families| families.attribute(libc::AF_INET6 as u16, &ipv6));
            link.attribute(IFLA_AF_SPEC, &families);
        });
        assert!(of_link(&link).is_some());
        for length in 0..link.len() {
            assert_eq!(of_link(&link[..length]), None, "{length}");
        }
    }
}
