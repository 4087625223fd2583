//! Where received packets lie until they have been looked at.

use crate::sys::clock::nanoseconds;
use crate::sys::socket::{self, Control};
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Room for a few packets, made once.
pub struct Inbox {
    slot_size: usize,
    data: Vec<u8>,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
    vectors: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

/// A packet that came in.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// What follows the IP header.
    pub payload: &'a [u8],
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// TTL or hop limit; 0 if the kernel did not tell.
    pub ttl: u8,
    /// Index of the interface that it came in by; 0 if the kernel did not tell.
    pub ifindex: u32,
    /// When it arrived, in nanoseconds since 1970; 0 if the kernel did not tell.
    pub arrived_ns: u64,
    /// It did not fit.
    pub truncated: bool,
}

impl Inbox {
    /// For so many packets of so many bytes at most.
    #[must_use]
    pub fn new(slots: usize, slot_size: usize) -> Self {
        // SAFETY: all-zero is a valid value of all three C structures.
        let (name, vector, header) = unsafe { (mem::zeroed(), mem::zeroed(), mem::zeroed()) };
        Self {
            slot_size,
            data: vec![0; slots * slot_size],
            names: vec![name; slots],
            controls: vec![Control::EMPTY; slots],
            vectors: vec![vector; slots],
            headers: vec![header; slots],
        }
    }

    /// For how many packets there is room.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.headers.len()
    }

    /// Points every header to its memory; the kernel changes lengths with every call.
    pub(super) fn point(&mut self) -> &mut [libc::mmsghdr] {
        let slots = self.data.chunks_exact_mut(self.slot_size.max(1));
        let parts = slots.zip(&mut self.names).zip(&mut self.controls).zip(&mut self.vectors);
        for ((((data, name), control), vector), header) in parts.zip(&mut self.headers) {
            vector.iov_base = data.as_mut_ptr().cast();
            vector.iov_len = data.len() as _;
            let header = &mut header.msg_hdr;
            header.msg_name = std::ptr::from_mut(name).cast();
            header.msg_namelen = mem::size_of_val(name) as _;
            header.msg_iov = vector;
            header.msg_iovlen = 1;
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = control.0.len() as _;
            header.msg_flags = 0;
        }
        &mut self.headers
    }

    /// A packet of the last `receive`.
    ///
    /// # Panics
    /// If there is no such slot.
    #[must_use]
    pub fn packet(&self, slot: usize) -> Packet<'_> {
        let header = &self.headers[slot];
        let length = (header.msg_len as usize).min(self.slot_size);
        let bytes = &self.data[slot * self.slot_size..][..length];
        let truncated = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
        let source = socket::from_sockaddr(&self.names[slot]);
        let destination = Ipv4Addr::UNSPECIFIED.into();
        let mut packet = Packet {
            payload: bytes,
            source,
            destination,
            ttl: 0,
            ifindex: 0,
            arrived_ns: 0,
            truncated,
        };
        packet.read_control(&header.msg_hdr);
        if source.is_ipv4() {
            packet.strip_header();
        }
        packet
    }
}

impl Packet<'_> {
    fn read_control(&mut self, header: &libc::msghdr) {
        // SAFETY: the header is one that the kernel has filled in, its control memory is live.
        let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
        while !next.is_null() {
            // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR only return what lies within the control
            // memory, aligned; the kernel wrote a whole structure behind each header.
            unsafe {
                let data = libc::CMSG_DATA(next);
                match ((*next).cmsg_level, (*next).cmsg_type) {
                    (libc::IPPROTO_IP, libc::IP_TTL)
                    | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                        self.ttl = data.cast::<libc::c_int>().read_unaligned() as u8;
                    }
                    (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                        let time = data.cast::<libc::timespec>().read_unaligned();
                        self.arrived_ns = nanoseconds(&time);
                    }
                    (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                        let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                        self.ifindex = info.ipi_ifindex as u32;
                        self.destination =
                            Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()).into();
                    }
                    (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                        let info = data.cast::<libc::in6_pktinfo>().read_unaligned();
                        self.ifindex = info.ipi6_ifindex as u32;
                        self.destination = Ipv6Addr::from(info.ipi6_addr.s6_addr).into();
                    }
                    _ => {}
                }
                next = libc::CMSG_NXTHDR(header, next);
            }
        }
    }

    /// A raw IPv4 socket delivers the IP header as well, options and all. Nothing is left of what
    /// has no proper one.
    fn strip_header(&mut self) {
        let first = self.payload.first().copied().unwrap_or(0);
        let header_length = usize::from(first & 0x0f) * 4;
        let proper = first >> 4 == 4 && header_length >= 20;
        let payload = self.payload.get(header_length..).filter(|_| proper);
        self.payload = payload.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet whose bytes, IP header and all, are these.
    fn stripped(payload: &[u8]) -> &[u8] {
        let nobody = Ipv4Addr::UNSPECIFIED.into();
        let mut packet = Packet {
            payload,
            source: nobody,
            destination: nobody,
            ttl: 0,
            ifindex: 0,
            arrived_ns: 0,
            truncated: false,
        };
        packet.strip_header();
        packet.payload
    }

    #[test]
    fn the_ipv4_header_goes_options_and_all() {
        let mut bytes = [0u8; 30];
        (bytes[0], bytes[20], bytes[24]) = (0x46, 1, 7);
        assert_eq!(stripped(&bytes), [7, 0, 0, 0, 0, 0]);
        bytes[0] = 0x45;
        assert_eq!(stripped(&bytes), [1, 0, 0, 0, 7, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_malformed_header_leaves_nothing() {
        let mut bytes = [1u8; 30];
        for first in [0x00, 0x44, 0x4f, 0x65, 0xff] {
            bytes[0] = first;
            assert_eq!(stripped(&bytes), [], "{first:x}");
        }
        bytes[0] = 0x45;
        for length in 0..=20 {
            assert_eq!(stripped(&bytes[..length]), [], "{length}");
        }
        assert_eq!(stripped(&bytes[..21]), [1]);
    }
}
