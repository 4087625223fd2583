//! What the kernel tells of routes and rules: those that are gone, and those that a crash has left.

use super::super::link::ADDRESS_PROTO;
use super::encode::family;
use crate::config::route::{Route, Rule};
use crate::sys::netlink::fib::ENOENT;
use crate::sys::netlink::route::{self as nl, Header, EAFNOSUPPORT, EOPNOTSUPP};
use crate::sys::netlink::{
    self, fib, is_overrun, messages, Builder, Message, Netlink, AF_INET, AF_INET6, NLMSG_DONE,
    NLMSG_ERROR, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST,
};
use crate::sys::raw::Instruction;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};

/// Room for events that wait: of those that nobody wants to hear none comes in.
const EVENT_BUFFER: usize = 256 << 10;
/// Events that one turn takes in.
const TURN: usize = 1024;
/// The sequence number of a dump.
const DUMP: u32 = u32::MAX;
/// How often a dump is begun again because the kernel's tables changed under it.
const DUMP_TRIES: u32 = 5;

/// Listens for routes and rules of ours that are removed.
#[derive(Debug)]
pub struct Watch {
    socket: Netlink,
    buffer: Vec<u8>,
}

/// What came of listening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// All that there was.
    All,
    /// There may be more.
    More,
    /// Some of it was lost.
    Lost,
}

impl Watch {
    /// Begins to listen, for what these have put there.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open(protocols: impl Iterator<Item = u8>) -> io::Result<Self> {
        let groups = [
            fib::RTNLGRP_IPV4_ROUTE,
            fib::RTNLGRP_IPV6_ROUTE,
            nl::RTNLGRP_IPV4_RULE,
            nl::RTNLGRP_IPV6_RULE,
        ];
        let mut protocols: Vec<u8> = protocols.collect();
        protocols.sort_unstable();
        protocols.dedup();
        let socket = Netlink::open(&groups, EVENT_BUFFER)?;
        socket.attach_filter(&filter(&protocols))?;
        Ok(Self { socket, buffer: Vec::new() })
    }

    /// The descriptor that becomes readable when something was removed.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Hands out what waits, or as much as one turn may take.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn drain(&mut self, mut gone: impl FnMut(&Message<'_>)) -> io::Result<Heard> {
        for _ in 0..TURN {
            match self.socket.receive(&mut self.buffer) {
                Ok(Some(length)) => {
                    messages(&self.buffer[..length]).for_each(|message| gone(&message));
                }
                Ok(None) => return Ok(Heard::All),
                Err(error) if is_overrun(&error) => return Ok(Heard::Lost),
                Err(error) => return Err(error),
            }
        }
        Ok(Heard::More)
    }
}

/// A classic BPF program that lets through routes that are removed and were put there by one of
/// these, and rules that are removed. A router that learns its routes changes thousands of others.
fn filter(protocols: &[u8]) -> Vec<Instruction> {
    const LD_H_ABS: u16 = 0x28;
    const LD_B_ABS: u16 = 0x30;
    const JEQ_K: u16 = 0x15;
    const RET_K: u16 = 0x06;
    /// In `struct nlmsghdr` and `struct rtmsg`.
    const TYPE: u32 = 4;
    const PROTOCOL: u32 = 16 + 5;
    const ALL: u32 = u32::MAX;
    let op = |code, jt, jf, k| Instruction { code, jt, jf, k };
    // The program reads the type as big endian, the kernel writes it in its own order.
    let kind = |kind: u16| u32::from(u16::from_be_bytes(kind.to_ne_bytes()));
    let mut program = vec![
        op(LD_H_ABS, 0, 0, TYPE),
        op(JEQ_K, 0, 1, kind(nl::RTM_DELRULE)),
        op(RET_K, 0, 0, ALL),
        op(JEQ_K, 1, 0, kind(fib::RTM_DELROUTE)),
        op(RET_K, 0, 0, 0),
        op(LD_B_ABS, 0, 0, PROTOCOL),
    ];
    for protocol in protocols {
        program.push(op(JEQ_K, 0, 1, u32::from(*protocol)));
        program.push(op(RET_K, 0, 0, ALL));
    }
    program.push(op(RET_K, 0, 0, 0));
    program
}

/// Whether a message is about a route.
pub fn is_route(route: &Route, table: u32, header: &Header, rest: &[u8]) -> bool {
    let to = match nl::octets(rest, nl::RTA_DST) {
        None => header.dst_len == 0,
        Some(octets) => match route.to.address {
            IpAddr::V4(address) => address.octets() == octets,
            IpAddr::V6(address) => address.octets() == octets,
        },
    };
    let its_table = nl::number(rest, nl::RTA_TABLE).unwrap_or(u32::from(header.table));
    let metric = nl::number(rest, nl::RTA_PRIORITY).unwrap_or(0);
    to && header.family == family(route.to.address)
        && header.dst_len == route.to.len
        && header.tos == route.tos
        && its_table == table
        && route.metric.is_none_or(|wanted| wanted == metric)
}

/// Whether a message is about a rule.
pub fn is_rule(rule: &Rule, header: &Header, rest: &[u8]) -> bool {
    let family = if rule.is_ipv6 { AF_INET6 } else { AF_INET };
    let preference = nl::number(rest, nl::FRA_PRIORITY).unwrap_or(0);
    header.family == family && preference == rule.preference
}

/// Removes all that bears our mark and is not to be kept: a crash has left it. Returns how many
/// routes and rules that were.
///
/// # Errors
/// What the kernel says.
pub fn remove_leftovers(mut keep: impl FnMut(&Message<'_>) -> bool) -> io::Result<(usize, usize)> {
    let is_ours = |message: &Message<'_>, _: &Header, rest: &[u8]| {
        nl::octets(rest, nl::FRA_PROTOCOL) == Some(&[ADDRESS_PROTO]) && !keep(message)
    };
    let rules = remove((nl::RTM_GETRULE, nl::RTM_NEWRULE, nl::RTM_DELRULE), 0, is_ours)?;
    let is_ours = |message: &Message<'_>, header: &Header, _: &[u8]| {
        header.protocol == ADDRESS_PROTO && !keep(message)
    };
    let kinds = (fib::RTM_GETROUTE, fib::RTM_NEWROUTE, fib::RTM_DELROUTE);
    let routes = remove(kinds, ADDRESS_PROTO, is_ours)?;
    Ok((routes, rules))
}

/// Sends what is dumped back, as a request to remove it. The kernel hands out what is of this
/// protocol; an old one everything.
fn remove(
    (ask, told, remove): (u16, u16, u16),
    protocol: u8,
    mut is_ours: impl FnMut(&Message<'_>, &Header, &[u8]) -> bool,
) -> io::Result<usize> {
    let socket = Netlink::open(&[], 0)?;
    socket.check_strictly();
    let mut all = 0;
    for family in [AF_INET, AF_INET6] {
        let header = Header { family, protocol, ..Header::default() };
        let (requests, count) = leftovers(&socket, ask, &header, |message| {
            let body = Header::parse(message.body);
            (message.kind == told
                && body.is_some_and(|(header, rest)| is_ours(message, &header, rest)))
            .then_some(remove)
        })?;
        netlink::chunks(&requests).try_for_each(|chunk| socket.send(chunk))?;
        all += count;
    }
    Ok(all)
}

/// Requests with the bodies of the messages that are to be sent back, and how many they are.
fn leftovers(
    socket: &Netlink,
    ask: u16,
    header: &Header,
    mut request: impl FnMut(&Message<'_>) -> Option<u16>,
) -> io::Result<(Vec<u8>, usize)> {
    for _ in 0..DUMP_TRIES {
        let (mut requests, mut count) = (Vec::new(), 0);
        let consistent = dump(socket, ask, header, |message| {
            if let Some(kind) = request(message) {
                let mut builder = Builder::new(&mut requests);
                builder.begin(kind, NLM_F_REQUEST, 0);
                builder.header(message.body);
                builder.end();
                count += 1;
            }
        })?;
        if consistent {
            return Ok((requests, count));
        }
    }
    Err(io::Error::other("the kernel's tables change faster than they can be read"))
}

/// Asks for everything of a kind. False if the kernel's tables changed meanwhile.
fn dump(
    socket: &Netlink,
    kind: u16,
    header: &Header,
    mut each: impl FnMut(&Message<'_>),
) -> io::Result<bool> {
    let mut request = Vec::new();
    let mut builder = Builder::new(&mut request);
    builder.begin(kind, NLM_F_REQUEST | NLM_F_DUMP, DUMP);
    builder.header(&header.bytes());
    builder.end();
    socket.send(&request)?;
    let (mut consistent, mut buffer) = (true, Vec::new());
    loop {
        let Some(length) = socket.receive(&mut buffer)? else {
            return Err(io::Error::other("the kernel did not finish its answer"));
        };
        for message in messages(&buffer[..length]).filter(|message| message.seq == DUMP) {
            consistent &= message.flags & NLM_F_DUMP_INTR == 0;
            match message.kind {
                NLMSG_DONE | NLMSG_ERROR => {
                    return match netlink::error_code(message.body) {
                        0 => Ok(consistent),
                        // No family of that kind, or no protocol in it.
                        EAFNOSUPPORT | EOPNOTSUPP | ENOENT => Ok(true),
                        errno => Err(io::Error::from_raw_os_error(errno)),
                    };
                }
                _ => each(&message),
            }
        }
    }
}
