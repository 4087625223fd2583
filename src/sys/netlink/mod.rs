//! rtnetlink: the socket, and messages written and read without trust in their lengths. The same
//! form carries nftables' requests: [`nft`].

pub mod nft;

pub mod fib;
pub mod forwarding;
pub mod link;
pub mod route;

use super::{cvt, cvt_len, if_ready, retry, shortage, socket};
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Message types.
pub const NLMSG_ERROR: u16 = 2;
/// The end of a dump.
pub const NLMSG_DONE: u16 = 3;
/// An interface is there, or has changed.
pub const RTM_NEWLINK: u16 = 16;
/// An interface is gone.
pub const RTM_DELLINK: u16 = 17;
/// Asks for interfaces.
pub const RTM_GETLINK: u16 = 18;
/// An address is there, or has changed.
pub const RTM_NEWADDR: u16 = 20;
/// An address is gone.
pub const RTM_DELADDR: u16 = 21;
/// Asks for addresses.
pub const RTM_GETADDR: u16 = 22;

/// Flags of a message: a request.
pub const NLM_F_REQUEST: u16 = 1;
/// Answer in any case.
pub const NLM_F_ACK: u16 = 4;
/// The tables changed during the dump.
pub const NLM_F_DUMP_INTR: u16 = 0x10;
/// Everything.
pub const NLM_F_DUMP: u16 = 0x300;
/// Changes it if it exists.
pub const NLM_F_REPLACE: u16 = 0x100;
/// Not if it exists.
pub const NLM_F_EXCL: u16 = 0x200;
/// If it does not exist.
pub const NLM_F_CREATE: u16 = 0x400;

/// Groups of events.
pub const RTNLGRP_LINK: u32 = 1;
/// IPv4 addresses.
pub const RTNLGRP_IPV4_IFADDR: u32 = 5;
/// IPv6 addresses.
pub const RTNLGRP_IPV6_IFADDR: u32 = 9;

/// Attributes of an interface: its hardware address.
pub const IFLA_ADDRESS: u16 = 1;
/// Its name.
pub const IFLA_IFNAME: u16 = 3;
/// Attributes of an address: the address, or the peer's.
pub const IFA_ADDRESS: u16 = 1;
/// Our own, on IPv4.
pub const IFA_LOCAL: u16 = 2;
/// Label.
pub const IFA_LABEL: u16 = 3;
/// Broadcast address.
pub const IFA_BROADCAST: u16 = 4;
/// How long it is preferred, and how long it is there: `struct ifa_cacheinfo`.
pub const IFA_CACHEINFO: u16 = 6;
/// Flags, 32 bits.
pub const IFA_FLAGS: u16 = 8;
/// Who has added it.
pub const IFA_PROTO: u16 = 11;

/// Flags of an address: not the first of its prefix.
pub const IFA_F_SECONDARY: u32 = 0x01;
/// It is used at once, without asking whether somebody else has it.
pub const IFA_F_NODAD: u32 = 0x02;
/// The home address of Mobile IPv6.
pub const IFA_F_HOMEADDRESS: u32 = 0x10;
/// Temporary addresses are made from it.
pub const IFA_F_MANAGETEMPADDR: u32 = 0x100;
/// No route to its network is made.
pub const IFA_F_NOPREFIXROUTE: u32 = 0x200;
/// A multicast group, which is joined.
pub const IFA_F_MCAUTOJOIN: u32 = 0x400;
/// Somebody else has it.
pub const IFA_F_DADFAILED: u32 = 0x08;
/// Not known yet whether somebody else has it.
pub const IFA_F_TENTATIVE: u32 = 0x40;

/// Flags of an interface: it is up.
pub const IFF_UP: u32 = libc::IFF_UP as u32;
/// It is up and has a carrier.
pub const IFF_RUNNING: u32 = libc::IFF_RUNNING as u32;

/// Address families.
pub const AF_INET: u8 = libc::AF_INET as u8;
/// IPv6.
pub const AF_INET6: u8 = libc::AF_INET6 as u8;

/// Errors that the kernel answers with.
pub const EEXIST: i32 = libc::EEXIST;
/// There is no such address.
pub const EADDRNOTAVAIL: i32 = libc::EADDRNOTAVAIL;
/// IPv6 is off on the interface.
pub const EACCES: i32 = libc::EACCES;
/// There is nothing of IPv6 on the interface.
pub const ENXIO: i32 = libc::ENXIO;
/// There is no such interface.
pub const ENODEV: i32 = libc::ENODEV;

/// What the kernel puts into one datagram at most.
const DATAGRAM: usize = 32 * 1024;
const HEADER: usize = 16;

/// A netlink socket: for routes, links and addresses, or one of nftables.
#[derive(Debug)]
pub struct Netlink(OwnedFd);

impl Netlink {
    /// Opens it, and joins these groups of events. A receive buffer of 0 bytes is the system's own.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open(groups: &[u32], receive_buffer: usize) -> io::Result<Self> {
        Self::open_protocol(libc::NETLINK_ROUTE, groups, receive_buffer)
    }

    fn open_protocol(protocol: i32, groups: &[u32], receive_buffer: usize) -> io::Result<Self> {
        let fd = socket::open(libc::AF_NETLINK, libc::SOCK_RAW, protocol)?;
        // SAFETY: all-zero is a valid sockaddr_nl.
        let mut name: libc::sockaddr_nl = unsafe { mem::zeroed() };
        name.nl_family = libc::AF_NETLINK as _;
        let length = mem::size_of_val(&name) as libc::socklen_t;
        // SAFETY: `name` is readable for `length` bytes.
        cvt(unsafe { libc::bind(fd.as_raw_fd(), std::ptr::from_ref(&name).cast(), length) })?;
        socket::receive_buffer(&fd, receive_buffer)?;
        // Errors come back without the message that they are about.
        socket::set(&fd, libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, &1i32)?;
        for group in groups {
            socket::set(&fd, libc::SOL_NETLINK, libc::NETLINK_ADD_MEMBERSHIP, group)?;
        }
        Ok(Self(fd))
    }

    /// Asks the kernel to heed all that a request for a dump says, so that it leaves out what is
    /// not asked for. A kernel before 4.20 cannot.
    pub fn check_strictly(&self) {
        const NETLINK_GET_STRICT_CHK: libc::c_int = 12;
        let _ = socket::set(&self.0, libc::SOL_NETLINK, NETLINK_GET_STRICT_CHK, &1i32);
    }

    /// Lets through only the events that a classic BPF program wants.
    ///
    /// # Errors
    /// EINVAL if the program is not valid.
    pub fn attach_filter(&self, filter: &[super::raw::Instruction]) -> io::Result<()> {
        socket::attach_filter(&self.0, filter)
    }

    /// Sends one or more messages to the kernel; a second time, at once, if it had no memory for them.
    ///
    /// # Errors
    /// What the kernel says of sending; what it says of the messages comes back as messages.
    pub fn send(&self, messages: &[u8]) -> io::Result<()> {
        // SAFETY: all-zero is a valid sockaddr_nl, and is the kernel's address.
        let mut kernel: libc::sockaddr_nl = unsafe { mem::zeroed() };
        kernel.nl_family = libc::AF_NETLINK as _;
        // SAFETY: both pointers are readable for the lengths that are given with them.
        let send = || unsafe {
            libc::sendto(
                self.0.as_raw_fd(),
                messages.as_ptr().cast(),
                messages.len(),
                libc::MSG_DONTWAIT,
                std::ptr::from_ref(&kernel).cast(),
                mem::size_of_val(&kernel) as libc::socklen_t,
            )
        };
        match retry(|| cvt_len(send())) {
            Err(error) if shortage::is_momentary(&error) => retry(|| cvt_len(send())).map(drop),
            sent => sent.map(drop),
        }
    }

    /// Reads one datagram into the beginning of a buffer, which grows as needed; `None` if there is
    /// none. What did not come from the kernel is passed over.
    ///
    /// # Errors
    /// ENOBUFS if events were lost ([`is_overrun`]), and what else the kernel says.
    pub fn receive(&self, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
        buffer.resize(buffer.len().max(DATAGRAM), 0);
        loop {
            // First its length, without taking it out.
            let peeked = self.receive_from(&mut [], libc::MSG_PEEK | libc::MSG_TRUNC)?;
            let Some((size, _)) = peeked else { return Ok(None) };
            buffer.resize(buffer.len().max(size), 0);
            match self.receive_from(buffer, 0)? {
                Some((read, 0)) => return Ok(Some(read)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// The length of the next datagram, and the port of who sent it; the kernel's is 0.
    fn receive_from(&self, buffer: &mut [u8], flags: i32) -> io::Result<Option<(usize, u32)>> {
        // SAFETY: all-zero is a valid sockaddr_nl.
        let mut from: libc::sockaddr_nl = unsafe { mem::zeroed() };
        let mut length = mem::size_of_val(&from) as libc::socklen_t;
        // SAFETY: buffer and name are writable for the lengths that are given with them.
        let mut receive = || unsafe {
            libc::recvfrom(
                self.0.as_raw_fd(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                libc::MSG_DONTWAIT | flags,
                std::ptr::from_mut(&mut from).cast(),
                &mut length,
            )
        };
        let read = if_ready(|| cvt_len(receive()))?;
        Ok(read.map(|read| (read, from.nl_pid)))
    }
}

impl AsRawFd for Netlink {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Events were lost because nobody read them in time.
#[must_use]
pub fn is_overrun(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOBUFS)
}

/// Writes messages, one after the other.
pub struct Builder<'a> {
    bytes: &'a mut Vec<u8>,
    message: usize,
}

impl<'a> Builder<'a> {
    /// Appends to these bytes.
    #[must_use]
    pub fn new(bytes: &'a mut Vec<u8>) -> Self {
        let message = bytes.len();
        Self { bytes, message }
    }

    /// Begins a message.
    pub fn begin(&mut self, kind: u16, flags: u16, seq: u32) {
        self.message = self.bytes.len();
        self.bytes.extend(0u32.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(flags.to_ne_bytes());
        self.bytes.extend(seq.to_ne_bytes());
        self.bytes.extend(0u32.to_ne_bytes());
    }

    /// Appends the fixed header of the message's family.
    pub fn header(&mut self, header: &[u8]) {
        self.bytes.extend_from_slice(header);
        self.align();
    }

    /// Appends an attribute. One beyond 65,531 bytes does not fit the format and is left out.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) {
        let Ok(length) = u16::try_from(4 + value.len()) else { return };
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.align();
    }

    /// Appends an attribute that is text, with a NUL behind it. One that is too long is left out.
    pub fn text(&mut self, kind: u16, text: &str) {
        let Ok(length) = u16::try_from(4 + text.len() + 1) else { return };
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        self.align();
    }

    /// Appends an attribute that consists of attributes. What is beyond the 65,531 bytes that the
    /// format can hold is left out, with the whole attribute.
    pub fn nested(&mut self, kind: u16, inside: impl FnOnce(&mut Self)) {
        const NESTED: u16 = 0x8000;
        let begin = self.bytes.len();
        self.attribute(kind | NESTED, &[]);
        inside(self);
        match u16::try_from(self.bytes.len() - begin) {
            Ok(length) => {
                if let Some(field) = self.bytes.get_mut(begin..begin + 2) {
                    field.copy_from_slice(&length.to_ne_bytes());
                }
            }
            Err(_) => self.bytes.truncate(begin),
        }
    }

    /// Ends the message: now its length is known.
    pub fn end(&mut self) {
        let length = (self.bytes.len() - self.message) as u32;
        if let Some(field) = self.bytes.get_mut(self.message..self.message + 4) {
            field.copy_from_slice(&length.to_ne_bytes());
        }
    }

    fn align(&mut self) {
        let length = self.bytes.len() - self.message;
        self.bytes.resize(self.message + align(length), 0);
    }
}

const fn align(length: usize) -> usize {
    (length + 3) & !3
}

/// A message that was received.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its type.
    pub kind: u16,
    /// Its flags.
    pub flags: u16,
    /// The sequence number of the request that it answers.
    pub seq: u32,
    /// What follows its header.
    pub body: &'a [u8],
}

/// The messages of a datagram, as far as their lengths are true.
pub fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = u32_at(bytes, 0)? as usize;
        let body = bytes.get(HEADER..length)?;
        let (kind, flags) = (u16_at(bytes, 4)?, u16_at(bytes, 6)?);
        let seq = u32_at(bytes, 8)?;
        bytes = bytes.get(align(length)..).unwrap_or_default();
        Some(Message { kind, flags, seq, body })
    })
}

/// What one system call takes at most: beyond it a socket's send buffer could be too small.
const CHUNK: usize = 64 << 10;

/// Messages back to back, in pieces that a socket takes, none of which ends within a message.
pub fn chunks(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let mut end = 0;
        while let Some(length) = u32_at(bytes.get(end..)?, 0) {
            let next = end + align(length as usize);
            if length == 0 || next > bytes.len() || (end > 0 && next > CHUNK) {
                break;
            }
            end = next;
        }
        let (chunk, rest) = bytes.split_at_checked(end)?;
        bytes = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// The attributes of a message, as far as their lengths are true.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    /// NLA_F_NESTED and NLA_F_NET_BYTEORDER are not part of the type.
    const TYPE: u16 = 0x3fff;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let value = bytes.get(4..length)?;
        let kind = u16_at(bytes, 2)? & TYPE;
        bytes = bytes.get(align(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Text of an attribute, without the NUL at its end.
#[must_use]
pub fn text(value: &[u8]) -> Option<&str> {
    let text = value.split(|byte| *byte == 0).next()?;
    std::str::from_utf8(text).ok()
}

/// The error number in the body of NLMSG_ERROR; 0 is an acknowledgement. A body that is too short
/// for one says EPROTO.
#[must_use]
pub fn error_code(body: &[u8]) -> i32 {
    u32_at(body, 0).map_or(libc::EPROTO, |code| (code as i32).saturating_neg())
}

/// `struct ifinfomsg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfInfo {
    /// Address family; 0 for the interface itself.
    pub family: u8,
    /// Index of the interface.
    pub index: u32,
    /// Its flags.
    pub flags: u32,
}

impl IfInfo {
    /// Reads it, and returns the attributes behind it.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<(Self, &[u8])> {
        let (index, flags) = (u32_at(body, 4)?, u32_at(body, 8)?);
        Some((Self { family: *body.first()?, index, flags }, body.get(16..)?))
    }
}

/// `struct ifaddrmsg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfAddr {
    /// Address family.
    pub family: u8,
    /// Length of the prefix.
    pub prefix_len: u8,
    /// The first eight flags.
    pub flags: u8,
    /// Scope.
    pub scope: u8,
    /// Index of the interface.
    pub index: u32,
}

impl IfAddr {
    /// Reads it, and returns the attributes behind it.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<(Self, &[u8])> {
        let [family, prefix_len, flags, scope, ..] = *body else { return None };
        let index = u32_at(body, 4)?;
        Some((Self { family, prefix_len, flags, scope, index }, body.get(8..)?))
    }
}

/// When an address was made, in hundredths of a second of some clock: in `struct ifa_cacheinfo`.
#[must_use]
pub fn address_created(cacheinfo: &[u8]) -> Option<u32> {
    u32_at(cacheinfo, 8)
}

/// Writes `struct ifaddrmsg`.
#[must_use]
pub fn if_addr(family: u8, prefix_len: u8, flags: u8, scope: u8, index: u32) -> [u8; 8] {
    let [a, b, c, d] = index.to_ne_bytes();
    [family, prefix_len, flags, scope, a, b, c, d]
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests;
