//! Echo requests and their replies, one socket for all hosts of a family.

use super::raw::{Instruction, Outbox};
use super::socket::{self, Control};
use super::{cvt_len, if_ready, retry};
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// ICMP_FILTER, at level SOL_RAW: a bit for each type that is not wanted.
const ICMP_FILTER: libc::c_int = 1;
const SOL_RAW: libc::c_int = 255;
/// ICMPV6_FILTER, at level IPPROTO_ICMPV6.
const ICMPV6_FILTER: libc::c_int = 1;
/// SO_EE_ORIGIN_LOCAL: an error that no packet told of.
const ORIGIN_LOCAL: u8 = 1;

/// Type, code, checksum, identifier and sequence number.
const HEADER: usize = 8;
/// The longest packet that is looked at: an IPv4 header with options, and an echo of a few bytes.
const LONGEST: usize = 256;

/// A socket that sends echo requests and hears the replies to them.
pub struct EchoSocket {
    fd: OwnedFd,
    ipv6: bool,
    identifier: u16,
    outbox: Outbox,
    buffer: [u8; LONGEST],
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo<'a> {
    /// Who was asked, and answers if it is a reply.
    pub host: IpAddr,
    /// The sequence number.
    pub sequence: u16,
    /// What was sent along; of a refusal as much as was quoted, which may be nothing.
    pub payload: &'a [u8],
    /// Why the request did not get there; 0 if this is a reply.
    pub errno: i32,
}

impl EchoSocket {
    /// Opens it. Only replies to this identifier wake us, and what tells that a request did not get
    /// there.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW; what else the kernel says.
    pub fn open(ipv6: bool, identifier: u16) -> io::Result<Self> {
        let (domain, protocol) = if ipv6 {
            (libc::AF_INET6, libc::IPPROTO_ICMPV6)
        } else {
            (libc::AF_INET, libc::IPPROTO_ICMP)
        };
        let fd = socket::open(domain, libc::SOCK_RAW, protocol)?;
        socket::attach_filter(&fd, &filter(ipv6, identifier))?;
        if ipv6 {
            let mut unwanted = [u32::MAX; 8];
            unwanted[usize::from(REPLY_V6 / 32)] &= !(1 << (REPLY_V6 % 32));
            socket::set(&fd, libc::IPPROTO_ICMPV6, ICMPV6_FILTER, &unwanted)?;
            socket::set(&fd, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, &1i32)?;
        } else {
            socket::set(&fd, SOL_RAW, ICMP_FILTER, &!(1u32 << REPLY_V4))?;
            socket::set(&fd, libc::IPPROTO_IP, libc::IP_RECVERR, &1i32)?;
        }
        Ok(Self { fd, ipv6, identifier, outbox: Outbox::default(), buffer: [0; LONGEST] })
    }

    /// Sends a request with a short payload; through this interface, whatever the routes say, or
    /// with index 0 as they say.
    ///
    /// # Errors
    /// What the kernel says: ENETUNREACH without a route, ENODEV without that interface. Also what
    /// came of an earlier request to somebody else, unless [`Self::refusal`] has been asked until
    /// it had nothing more.
    pub fn send(
        &mut self,
        host: IpAddr,
        ifindex: u32,
        sequence: u16,
        payload: &[u8],
    ) -> io::Result<()> {
        let kind = if self.ipv6 { REQUEST_V6 } else { REQUEST_V4 };
        let [i, d] = self.identifier.to_be_bytes();
        let [s, n] = sequence.to_be_bytes();
        let mut message = [0; LONGEST];
        let length = (HEADER + payload.len()).min(LONGEST);
        message[..HEADER].copy_from_slice(&[kind, 0, 0, 0, i, d, s, n]);
        for (place, byte) in message[HEADER..].iter_mut().zip(payload) {
            *place = *byte;
        }
        if !self.ipv6 {
            // In IPv6 it covers the addresses, and the kernel makes it.
            let sum = checksum(&message[..length]).to_be_bytes();
            message[2..4].copy_from_slice(&sum);
        }
        let any: IpAddr =
            if self.ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        self.outbox.clear();
        self.outbox.push(&message[..length], Some(any), host, ifindex, None);
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let headers = self.outbox.point();
        retry(|| socket::send_many(&self.fd, headers, flags)).map(drop)
    }

    /// The next reply; `None` if there is none.
    ///
    /// # Errors
    /// What the kernel says. Also what came of a request, as with [`Self::send`].
    pub fn reply(&mut self) -> io::Result<Option<Echo<'_>>> {
        loop {
            let Some((length, host, _)) = self.receive(0)? else { return Ok(None) };
            if self.is_reply(length) {
                return Ok(self.echo(length, host, 0));
            }
        }
    }

    /// The next request that is known not to have got there; `None` if there is none.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn refusal(&mut self) -> io::Result<Option<Echo<'_>>> {
        loop {
            let Some((length, host, errno)) = self.receive(libc::MSG_ERRQUEUE)? else {
                return Ok(None);
            };
            if errno != 0 && self.is_request(length) {
                return Ok(self.echo(length, host, errno));
            }
        }
    }

    /// The message that was received. A raw IPv4 socket delivers the IP header as well, but not of
    /// what is quoted to us.
    fn message(&self, length: usize, quoted: bool) -> &[u8] {
        let bytes = self.buffer.get(..length).unwrap_or_default();
        let first = usize::from(bytes.first().copied().unwrap_or_default());
        let header = if self.ipv6 || quoted { 0 } else { (first & 0x0f) * 4 };
        bytes.get(header..).unwrap_or_default()
    }

    fn is_reply(&self, length: usize) -> bool {
        let kind = if self.ipv6 { REPLY_V6 } else { REPLY_V4 };
        self.is_ours(self.message(length, false), kind)
    }

    fn is_request(&self, length: usize) -> bool {
        let kind = if self.ipv6 { REQUEST_V6 } else { REQUEST_V4 };
        self.is_ours(self.message(length, true), kind)
    }

    fn is_ours(&self, message: &[u8], kind: u8) -> bool {
        let [i, d] = self.identifier.to_be_bytes();
        matches!(message, [k, 0, _, _, a, b, _, _, ..] if (*k, *a, *b) == (kind, i, d))
    }

    fn echo(&self, length: usize, host: IpAddr, errno: i32) -> Option<Echo<'_>> {
        let message = self.message(length, errno != 0);
        let (header, payload) = message.split_at_checked(HEADER)?;
        let sequence = u16::from_be_bytes([*header.get(6)?, *header.get(7)?]);
        Some(Echo { host, sequence, payload, errno })
    }

    /// Receives a packet into the buffer: its length, who sent it or, of an error, whom it was sent
    /// to, and the error's number.
    fn receive(&mut self, flags: i32) -> io::Result<Option<(usize, IpAddr, i32)>> {
        // SAFETY: all-zero is a valid value of both C structures.
        let (mut name, mut header): (libc::sockaddr_storage, libc::msghdr) =
            unsafe { (mem::zeroed(), mem::zeroed()) };
        let mut control = Control::EMPTY;
        let mut vector =
            libc::iovec { iov_base: self.buffer.as_mut_ptr().cast(), iov_len: LONGEST as _ };
        let mut receive = || {
            header.msg_name = std::ptr::from_mut(&mut name).cast();
            header.msg_namelen = mem::size_of_val(&name) as _;
            header.msg_iov = &mut vector;
            header.msg_iovlen = 1;
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = control.0.len() as _;
            let flags = flags | libc::MSG_DONTWAIT;
            // SAFETY: name, vector and control memory are writable for the lengths in the header.
            cvt_len(unsafe { libc::recvmsg(self.fd.as_raw_fd(), &mut header, flags) })
        };
        let received = if_ready(&mut receive)?;
        let errno = errno_in(&header);
        Ok(received.map(|length| (length.min(LONGEST), socket::from_sockaddr(&name), errno)))
    }
}

/// The error that a message of the error queue is about; 0 if it is about none.
fn errno_in(header: &libc::msghdr) -> i32 {
    // SAFETY: the header is one that the kernel has filled in, its control memory is live.
    let first = unsafe { libc::CMSG_FIRSTHDR(header) };
    if first.is_null() {
        return 0;
    }
    // SAFETY: CMSG_FIRSTHDR only returns what lies within the control memory, aligned; the kernel
    // wrote a whole structure behind the header.
    unsafe {
        match ((*first).cmsg_level, (*first).cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) => {
                let error =
                    libc::CMSG_DATA(first).cast::<libc::sock_extended_err>().read_unaligned();
                // Too long a packet is none of ours.
                match error.ee_errno as i32 {
                    libc::EMSGSIZE => 0,
                    _ if error.ee_origin == ORIGIN_LOCAL => 0,
                    errno => errno,
                }
            }
            _ => 0,
        }
    }
}

impl AsRawFd for EchoSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

const REQUEST_V4: u8 = 8;
const REPLY_V4: u8 = 0;
const REQUEST_V6: u8 = 128;
const REPLY_V6: u8 = 129;

/// A classic BPF program that lets through the replies to one identifier. A raw IPv4 socket sees
/// the IP header, an IPv6 one not.
fn filter(ipv6: bool, identifier: u16) -> [Instruction; 7] {
    const LDX_B_MSH: u16 = 0xb1;
    const LDX_W_IMM: u16 = 0x01;
    const LD_B_IND: u16 = 0x50;
    const LD_H_IND: u16 = 0x48;
    const JEQ_K: u16 = 0x15;
    const RET_K: u16 = 0x06;
    let op = |code, jt, jf, k| Instruction { code, jt, jf, k };
    let (begin, kind) = if ipv6 { (LDX_W_IMM, REPLY_V6) } else { (LDX_B_MSH, REPLY_V4) };
    [
        op(begin, 0, 0, 0),
        op(LD_B_IND, 0, 0, 0),
        op(JEQ_K, 0, 3, u32::from(kind)),
        op(LD_H_IND, 0, 0, 4),
        op(JEQ_K, 0, 1, u32::from(identifier)),
        op(RET_K, 0, 0, u32::MAX),
        op(RET_K, 0, 0, 0),
    ]
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or_default();
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::poll_readable;
    use crate::sys::testnet::{configure, with_pair, A4, A6, B4, B6};
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    const PAYLOAD: &[u8] = b"sixteen bytes it";

    /// What becomes of a request, if it is known within ten seconds.
    fn answer(socket: &mut EchoSocket, refused: bool) -> (IpAddr, u16, Vec<u8>, i32) {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let next = if refused { socket.refusal() } else { socket.reply() };
            if let Some(echo) = next.unwrap() {
                return (echo.host, echo.sequence, echo.payload.to_vec(), echo.errno);
            }
            assert!(Instant::now() < end, "no answer");
            let _ = poll_readable(socket.fd.as_fd(), 100);
        }
    }

    #[test]
    fn a_reply_has_what_was_sent() {
        with_pair(|pair| {
            pair.to_a();
            for (host, here) in [(B4, A4), (B6, A6)] {
                let mut socket = EchoSocket::open(host.is_ipv6(), 4711).unwrap();
                let mut other = EchoSocket::open(host.is_ipv6(), 4712).unwrap();
                // The neighbour may have to be found first.
                socket.send(host, pair.a_index, 1, PAYLOAD).unwrap();
                assert_eq!(answer(&mut socket, false), (host, 1, PAYLOAD.to_vec(), 0), "{here}");
                // The other identifier hears nothing of it, nor does anybody hear requests.
                assert_eq!(other.reply().unwrap(), None);
                assert_eq!(socket.reply().unwrap(), None);
                assert_eq!(socket.refusal().unwrap(), None);
                other.send(host, pair.a_index, 2, &[]).unwrap();
                assert_eq!(answer(&mut other, false), (host, 2, vec![], 0));
            }
        });
    }

    #[test]
    fn a_host_that_is_not_there_is_told() {
        with_pair(|pair| {
            pair.to_a();
            // The kernel tells it to itself.
            configure("lo", &[]);
            for (host, errno) in
                [("10.9.0.77", libc::EHOSTUNREACH), ("fe80::77", libc::EHOSTUNREACH)]
            {
                let host: IpAddr = host.parse().unwrap();
                let mut socket = EchoSocket::open(host.is_ipv6(), 4711).unwrap();
                socket.send(host, pair.a_index, 7, PAYLOAD).unwrap();
                let refusal = answer(&mut socket, true);
                assert_eq!(refusal, (host, 7, PAYLOAD.to_vec(), errno));
                // Whoever is asked next is not blamed for it.
                let next = if host.is_ipv6() { B6 } else { B4 };
                socket.send(next, pair.a_index, 8, PAYLOAD).unwrap();
                assert_eq!(answer(&mut socket, false).1, 8);
            }
        });
    }

    #[test]
    fn what_needs_nobody_else_is_told_at_once() {
        with_pair(|pair| {
            pair.to_a();
            for (host, ifindex, errno) in [
                ("203.0.113.1", 0, libc::ENETUNREACH),
                ("2001:db8::1", 0, libc::ENETUNREACH),
                ("10.9.0.2", 77, libc::ENODEV),
            ] {
                let host: IpAddr = host.parse().unwrap();
                let mut socket = EchoSocket::open(host.is_ipv6(), 4711).unwrap();
                let error = socket.send(host, ifindex, 1, PAYLOAD).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(errno), "{host}");
            }
        });
    }

    #[test]
    fn checksums() {
        assert_eq!(checksum(&[8, 0, 0, 0, 0, 1, 0, 2]), 0xf7fc);
        assert_eq!(checksum(&[0xff, 0xff, 1]), 0xfeff);
    }
}
