//! Messages that go out together.

use crate::sys::socket::{self, Control};
use std::mem;
use std::net::IpAddr;

/// Messages to send, kept together; nothing allocates once it has been as full as it gets.
#[derive(Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    items: Vec<Item>,
    controls: Vec<Control>,
    vectors: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

struct Item {
    length: usize,
    name: libc::sockaddr_storage,
    name_length: libc::socklen_t,
    source: Option<IpAddr>,
    ifindex: u32,
    ttl: Option<u8>,
}

impl Outbox {
    /// Nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
    }

    /// Puts in a message, without its IP header. Without a source the kernel chooses one, without a
    /// TTL or hop limit it is that of the socket.
    pub fn push(
        &mut self,
        message: &[u8],
        source: Option<IpAddr>,
        destination: IpAddr,
        ifindex: u32,
        ttl: Option<u8>,
    ) {
        let (name, name_length) = socket::to_sockaddr(destination, ifindex);
        self.bytes.extend_from_slice(message);
        self.items.push(Item { length: message.len(), name, name_length, source, ifindex, ttl });
    }

    /// Points every header to its memory, which may have moved.
    pub(in crate::sys) fn point(&mut self) -> &mut [libc::mmsghdr] {
        let count = self.items.len();
        // SAFETY: all-zero is a valid value of both C structures.
        let (vector, header) = unsafe { (mem::zeroed(), mem::zeroed()) };
        self.controls.resize(count, Control::EMPTY);
        self.vectors.resize(count, vector);
        self.headers.clear();
        self.headers.resize(count, header);
        let parts = self.items.iter_mut().zip(&mut self.controls).zip(&mut self.vectors);
        let mut bytes = self.bytes.as_mut_slice();
        for (((item, control), vector), header) in parts.zip(&mut self.headers) {
            let (message, rest) = bytes.split_at_mut(item.length);
            bytes = rest;
            vector.iov_base = message.as_mut_ptr().cast();
            vector.iov_len = message.len() as _;
            let header = &mut header.msg_hdr;
            header.msg_name = std::ptr::from_mut(&mut item.name).cast();
            header.msg_namelen = item.name_length;
            header.msg_iov = vector;
            header.msg_iovlen = 1;
            let mut length = 0;
            if let Some(source) = item.source {
                length += write_source(control, source, item.ifindex);
            }
            if let Some(ttl) = item.ttl {
                length += write_ttl(control, length, item.name.ss_family, ttl);
            }
            if length > 0 {
                header.msg_control = control.0.as_mut_ptr().cast();
                header.msg_controllen = length as _;
            }
        }
        &mut self.headers
    }
}

/// Writes the control message that sets the source address; returns its length.
fn write_source(control: &mut Control, source: IpAddr, ifindex: u32) -> usize {
    match source {
        IpAddr::V4(address) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: ifindex as _,
                ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            write_control(control, 0, (libc::IPPROTO_IP, libc::IP_PKTINFO), info)
        }
        IpAddr::V6(address) => {
            let info = libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr { s6_addr: address.octets() },
                ipi6_ifindex: ifindex as _,
            };
            write_control(control, 0, (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO), info)
        }
    }
}

/// Writes the control message that sets the TTL or hop limit behind those of `at` bytes; returns its
/// length.
fn write_ttl(control: &mut Control, at: usize, family: libc::sa_family_t, ttl: u8) -> usize {
    let kind = match i32::from(family) {
        libc::AF_INET => (libc::IPPROTO_IP, libc::IP_TTL),
        _ => (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT),
    };
    write_control(control, at, kind, libc::c_int::from(ttl))
}

fn write_control<T: Copy>(
    control: &mut Control,
    at: usize,
    (level, kind): (i32, i32),
    value: T,
) -> usize {
    let size = mem::size_of::<T>() as u32;
    // SAFETY: `at` is 0 or CMSG_SPACE of what was written before, so it keeps the alignment of the
    // headers; the memory of 128 bytes is larger than CMSG_SPACE of the two largest together.
    unsafe {
        let header = control.0.as_mut_ptr().add(at).cast::<libc::cmsghdr>();
        (*header).cmsg_level = level;
        (*header).cmsg_type = kind;
        (*header).cmsg_len = libc::CMSG_LEN(size) as _;
        libc::CMSG_DATA(header).cast::<T>().write_unaligned(value);
        libc::CMSG_SPACE(size) as usize
    }
}
