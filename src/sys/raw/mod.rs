//! Raw IP sockets of one protocol on one interface, and the packets that go through them.

mod inbox;
mod outbox;

pub use inbox::{Inbox, Packet};
pub use outbox::Outbox;

use super::{cvt, cvt_len, if_ready, retry, shortage, socket};
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// SO_MEMINFO, and where in it the drops are counted.
const SO_MEMINFO: libc::c_int = 55;
const MEMINFO_DROPS: usize = 8;
const MEMINFO_VARS: usize = 9;
const IPV6_FREEBIND: libc::c_int = 78;
/// TC_PRIO_INTERACTIVE: into the first band of the interface's queue, and nobody's right is needed.
const PRIORITY: libc::c_int = 6;

/// What kind of socket is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// IPv6 instead of IPv4.
    pub ipv6: bool,
    /// IP protocol.
    pub protocol: u8,
    /// Name of the interface that the socket is bound to.
    pub interface: &'a str,
    /// Its index.
    pub ifindex: u32,
    /// Multicast group to join, if any; of the same family.
    pub group: Option<IpAddr>,
    /// TTL or hop limit of what is sent.
    pub ttl: u8,
    /// TOS or traffic class of what is sent.
    pub traffic_class: u8,
    /// Size of the receive buffer in bytes, as the kernel counts; 0 for the system's own.
    pub receive_buffer: usize,
    /// What is sent may bear an address that another interface has, or none.
    pub free_source: bool,
}

/// An instruction of a classic BPF program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// How many to skip if true.
    pub jt: u8,
    /// How many to skip if false.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// Refuses all: keeps no byte of any packet.
const NOTHING: [Instruction; 1] =
    [Instruction { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: 0 }];

/// A raw socket, bound to an interface and member of a multicast group.
#[derive(Debug)]
pub struct RawSocket {
    fd: OwnedFd,
    group: Option<IpAddr>,
    ifindex: u32,
}

impl RawSocket {
    /// Opens it; from the first packet on it hears only what the filter lets through.
    ///
    /// # Errors
    /// ENODEV if the name is none of an interface, and what the kernel says.
    pub fn open(options: &Options<'_>, filter: &[Instruction]) -> io::Result<Self> {
        let domain = if options.ipv6 { libc::AF_INET6 } else { libc::AF_INET };
        let fd = socket::open(domain, libc::SOCK_RAW, i32::from(options.protocol))?;
        let raw = Self { fd, group: options.group, ifindex: options.ifindex };
        // It hears every interface from the first system call on. So it is to hear nothing, what
        // was faster is thrown away, and it opens its ears when all else is set.
        raw.attach_filter(&NOTHING)?;
        raw.discard_queue();
        socket::bind_to_device(&raw.fd, options.interface)?;
        socket::receive_buffer(&raw.fd, options.receive_buffer)?;
        socket::set(&raw.fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1i32)?;
        if options.ipv6 {
            raw.set_up_v6(options)?;
        } else {
            raw.set_up_v4(options)?;
        }
        // After IP_TOS, which sets a priority of its own.
        socket::set(&raw.fd, libc::SOL_SOCKET, libc::SO_PRIORITY, &PRIORITY)?;
        raw.join()?;
        raw.attach_filter(filter)?;
        Ok(raw)
    }

    fn set_up_v4(&self, options: &Options<'_>) -> io::Result<()> {
        let (ttl, tos) = (libc::c_int::from(options.ttl), libc::c_int::from(options.traffic_class));
        if options.free_source {
            socket::set(&self.fd, libc::IPPROTO_IP, libc::IP_TRANSPARENT, &1i32)?;
        }
        for (name, value) in [
            (libc::IP_TTL, ttl),
            (libc::IP_MULTICAST_TTL, ttl),
            (libc::IP_TOS, tos),
            (libc::IP_MULTICAST_LOOP, 0),
            (libc::IP_MULTICAST_ALL, 0),
            (libc::IP_PKTINFO, 1),
            (libc::IP_RECVTTL, 1),
            (libc::IP_TRANSPARENT, libc::c_int::from(options.free_source)),
        ] {
            socket::set(&self.fd, libc::IPPROTO_IP, name, &value)?;
        }
        socket::set(
            &self.fd,
            libc::IPPROTO_IP,
            libc::IP_MULTICAST_IF,
            &self.mreqn(Ipv4Addr::UNSPECIFIED),
        )
    }

    fn set_up_v6(&self, options: &Options<'_>) -> io::Result<()> {
        let ttl = libc::c_int::from(options.ttl);
        if options.free_source {
            socket::set(&self.fd, libc::IPPROTO_IPV6, IPV6_FREEBIND, &1i32)?;
        }
        for (name, value) in [
            (libc::IPV6_UNICAST_HOPS, ttl),
            (libc::IPV6_MULTICAST_HOPS, ttl),
            (libc::IPV6_TCLASS, libc::c_int::from(options.traffic_class)),
            (libc::IPV6_MULTICAST_LOOP, 0),
            (libc::IPV6_MULTICAST_ALL, 0),
            (libc::IPV6_MULTICAST_IF, options.ifindex as libc::c_int),
            (libc::IPV6_RECVPKTINFO, 1),
            (libc::IPV6_RECVHOPLIMIT, 1),
        ] {
            socket::set(&self.fd, libc::IPPROTO_IPV6, name, &value)?;
        }
        Ok(())
    }

    /// One that another program has opened for us.
    #[must_use]
    pub const fn of_fd(fd: OwnedFd, group: Option<IpAddr>, ifindex: u32) -> Self {
        Self { fd, group, ifindex }
    }

    /// Replaces the filter. Packets that are queued already stay.
    ///
    /// # Errors
    /// EINVAL if the program is not valid.
    pub fn attach_filter(&self, filter: &[Instruction]) -> io::Result<()> {
        socket::attach_filter(&self.fd, filter)
    }

    fn discard_queue(&self) {
        let mut byte = [0u8];
        let fd = self.fd.as_raw_fd();
        // SAFETY: `byte` is writable for its length until the call returns.
        let mut receive = || cvt_len(unsafe { libc::recv(fd, byte.as_mut_ptr().cast(), 1, 0) });
        while let Ok(Some(_)) = if_ready(&mut receive) {}
    }

    /// Leaves the multicast group, to join it again.
    pub fn leave(&self) {
        let _ = self.membership(false);
    }

    /// Joins the multicast group.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn join(&self) -> io::Result<()> {
        self.membership(true)
    }

    fn membership(&self, join: bool) -> io::Result<()> {
        match self.group {
            None => Ok(()),
            Some(IpAddr::V4(group)) => {
                let name = if join { libc::IP_ADD_MEMBERSHIP } else { libc::IP_DROP_MEMBERSHIP };
                socket::set(&self.fd, libc::IPPROTO_IP, name, &self.mreqn(group))
            }
            Some(IpAddr::V6(group)) => {
                let name =
                    if join { libc::IPV6_ADD_MEMBERSHIP } else { libc::IPV6_DROP_MEMBERSHIP };
                let request = libc::ipv6_mreq {
                    ipv6mr_multiaddr: libc::in6_addr { s6_addr: group.octets() },
                    ipv6mr_interface: self.ifindex as _,
                };
                socket::set(&self.fd, libc::IPPROTO_IPV6, name, &request)
            }
        }
    }

    fn mreqn(&self, group: Ipv4Addr) -> libc::ip_mreqn {
        libc::ip_mreqn {
            imr_multiaddr: libc::in_addr { s_addr: u32::from_ne_bytes(group.octets()) },
            imr_address: libc::in_addr { s_addr: 0 },
            imr_ifindex: self.ifindex as _,
        }
    }

    /// Takes in as many packets as there are, and no more than there are slots; fewer than slots
    /// means that there are no more.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn receive(&self, inbox: &mut Inbox) -> io::Result<usize> {
        let headers = inbox.point();
        let (fd, flags) = (self.fd.as_raw_fd(), libc::MSG_DONTWAIT);
        let (first, count) = (headers.as_mut_ptr(), headers.len());
        // SAFETY: every header points to live memory of the inbox, with its length.
        let call =
            || unsafe { libc::recvmmsg(fd, first, count as _, flags as _, std::ptr::null_mut()) };
        let received = if_ready(|| cvt(call()))?;
        Ok(received.map_or(0, |count| count as usize))
    }

    /// Sends what is in the outbox, in one system call unless something is refused: that is told,
    /// with its number and the error, and left out. What the kernel had no memory for is tried a second
    /// time, at once: an advert of priority 0 is not sent again.
    pub fn send(&self, outbox: &mut Outbox, mut refused: impl FnMut(usize, io::Error)) {
        let headers = outbox.point();
        let flags = libc::MSG_DONTWAIT | libc::MSG_DONTROUTE | libc::MSG_NOSIGNAL;
        let (mut next, mut tried) = (0, false);
        while let Some(rest) = headers.get_mut(next..).filter(|rest| !rest.is_empty()) {
            match retry(|| socket::send_many(&self.fd, rest, flags)) {
                Ok(sent) => (next, tried) = (next + sent.max(1), false),
                Err(error) if !tried && shortage::is_momentary(&error) => tried = true,
                // The kernel stops at a message that it refuses; that is the first of the next call.
                Err(error) => {
                    refused(next, error);
                    (next, tried) = (next + 1, false);
                }
            }
        }
    }

    /// How many packets did not fit the receive buffer since the socket was opened.
    #[must_use]
    pub fn dropped(&self) -> u32 {
        let mut info = [0u32; MEMINFO_VARS];
        let mut length = mem::size_of_val(&info) as libc::socklen_t;
        // SAFETY: `info` is writable for `length` bytes until the call returns.
        let result = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_SOCKET,
                SO_MEMINFO,
                info.as_mut_ptr().cast(),
                &mut length,
            )
        };
        cvt(result).map_or(0, |_| info[MEMINFO_DROPS])
    }
}

impl AsRawFd for RawSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl AsFd for RawSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests;
