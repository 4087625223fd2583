//! Raw IP sockets of one protocol on one interface, and the packets that go through them.

use super::socket::{self, Control};
use super::{cvt, cvt_len};
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// SO_MEMINFO, and where in it the drops are counted.
const SO_MEMINFO: libc::c_int = 55;
const MEMINFO_DROPS: usize = 8;
const MEMINFO_VARS: usize = 9;

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
    /// Multicast group to join; of the same family.
    pub group: IpAddr,
    /// TTL or hop limit of what is sent.
    pub ttl: u8,
    /// TOS or traffic class of what is sent.
    pub traffic_class: u8,
    /// Size of the receive buffer in bytes.
    pub receive_buffer: usize,
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

/// A raw socket, bound to an interface and member of a multicast group.
#[derive(Debug)]
pub struct RawSocket {
    fd: OwnedFd,
    group: IpAddr,
    ifindex: u32,
}

impl RawSocket {
    /// Opens it; from the first packet on it hears only what the filter lets through.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open(options: &Options<'_>, filter: &[Instruction]) -> io::Result<Self> {
        let domain = if options.ipv6 { libc::AF_INET6 } else { libc::AF_INET };
        let fd = socket::open(domain, libc::SOCK_RAW, i32::from(options.protocol))?;
        let raw = Self { fd, group: options.group, ifindex: options.ifindex };
        raw.attach_filter(filter)?;
        raw.bind_to_device(options.interface)?;
        // Between the first system call and the filter something may have come in.
        raw.discard_queue();
        socket::receive_buffer(&raw.fd, options.receive_buffer)?;
        socket::set(&raw.fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1i32)?;
        if options.ipv6 {
            raw.set_up_v6(options)?;
        } else {
            raw.set_up_v4(options)?;
        }
        raw.join(true)?;
        Ok(raw)
    }

    fn set_up_v4(&self, options: &Options<'_>) -> io::Result<()> {
        let (ttl, tos) = (libc::c_int::from(options.ttl), libc::c_int::from(options.traffic_class));
        for (name, value) in [
            (libc::IP_TTL, ttl),
            (libc::IP_MULTICAST_TTL, ttl),
            (libc::IP_TOS, tos),
            (libc::IP_MULTICAST_LOOP, 0),
            (libc::IP_MULTICAST_ALL, 0),
            (libc::IP_PKTINFO, 1),
            (libc::IP_RECVTTL, 1),
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

    fn bind_to_device(&self, interface: &str) -> io::Result<()> {
        // SAFETY: the name is readable for its length.
        cvt(unsafe {
            libc::setsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_BINDTODEVICE,
                interface.as_ptr().cast(),
                interface.len() as libc::socklen_t,
            )
        })
        .map(drop)
    }

    /// Replaces the filter. Packets that are queued already stay.
    ///
    /// # Errors
    /// If the program is not valid.
    pub fn attach_filter(&self, filter: &[Instruction]) -> io::Result<()> {
        let mut program: Vec<libc::sock_filter> = filter
            .iter()
            .map(|op| libc::sock_filter { code: op.code, jt: op.jt, jf: op.jf, k: op.k })
            .collect();
        let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
        socket::set(&self.fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
    }

    fn discard_queue(&self) {
        let mut byte = [0u8];
        // SAFETY: `byte` is writable for its length until the call returns.
        while unsafe { libc::recv(self.fd.as_raw_fd(), byte.as_mut_ptr().cast(), 1, 0) } >= 0 {}
    }

    /// Leaves the multicast group and joins it again, so that the switches hear of it anew.
    ///
    /// # Errors
    /// What the kernel says of the joining.
    pub fn rejoin(&self) -> io::Result<()> {
        let _ = self.join(false);
        self.join(true)
    }

    fn join(&self, join: bool) -> io::Result<()> {
        match self.group {
            IpAddr::V4(group) => {
                let name = if join { libc::IP_ADD_MEMBERSHIP } else { libc::IP_DROP_MEMBERSHIP };
                socket::set(&self.fd, libc::IPPROTO_IP, name, &self.mreqn(group))
            }
            IpAddr::V6(group) => {
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
    /// means that there are no more. An interruption counts as no packet.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn receive(&self, inbox: &mut Inbox) -> io::Result<usize> {
        inbox.point();
        // SAFETY: every header points to live memory of the inbox, with its length.
        let count = unsafe {
            libc::recvmmsg(
                self.fd.as_raw_fd(),
                inbox.headers.as_mut_ptr(),
                inbox.headers.len() as _,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        match cvt(count) {
            Ok(count) => Ok(count as usize),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
                _ => Err(error),
            },
        }
    }

    /// Sends what is in the outbox, in one system call unless something is refused: that is told,
    /// with its number and the error, and left out.
    pub fn send(&self, outbox: &mut Outbox, mut refused: impl FnMut(usize, io::Error)) {
        outbox.point();
        let mut next = 0;
        while next < outbox.headers.len() {
            let rest = &mut outbox.headers[next..];
            let flags = libc::MSG_DONTWAIT | libc::MSG_DONTROUTE | libc::MSG_NOSIGNAL;
            // SAFETY: every header points to live memory of the outbox, with its length.
            let sent = unsafe {
                libc::sendmmsg(self.fd.as_raw_fd(), rest.as_mut_ptr(), rest.len() as _, flags as _)
            };
            match cvt(sent) {
                Ok(sent) => next += (sent as usize).max(1),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    refused(next, error);
                    next += 1;
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
    fn point(&mut self) {
        let slots = self.data.chunks_exact_mut(self.slot_size);
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
                        self.arrived_ns = time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64;
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

    /// A raw IPv4 socket delivers the IP header as well, options and all.
    fn strip_header(&mut self) {
        let header_length = self.payload.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
        self.payload = self.payload.get(header_length.max(20)..).unwrap_or_default();
    }
}

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

    /// Puts in a message, without its IP header. Without a source the kernel chooses one.
    pub fn push(
        &mut self,
        message: &[u8],
        source: Option<IpAddr>,
        destination: IpAddr,
        ifindex: u32,
    ) {
        let (name, name_length) = socket::to_sockaddr(destination, ifindex);
        self.bytes.extend_from_slice(message);
        self.items.push(Item { length: message.len(), name, name_length, source, ifindex });
    }

    fn point(&mut self) {
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
            if let Some(source) = item.source {
                header.msg_control = control.0.as_mut_ptr().cast();
                header.msg_controllen = write_source(control, source, item.ifindex) as _;
            }
        }
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
            write_control(control, libc::IPPROTO_IP, libc::IP_PKTINFO, info)
        }
        IpAddr::V6(address) => {
            let info = libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr { s6_addr: address.octets() },
                ipi6_ifindex: ifindex as _,
            };
            write_control(control, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
        }
    }
}

fn write_control<T: Copy>(control: &mut Control, level: i32, kind: i32, value: T) -> usize {
    let size = mem::size_of::<T>() as u32;
    let header = control.0.as_mut_ptr().cast::<libc::cmsghdr>();
    // SAFETY: the control memory is aligned for a header and, at 128 bytes, larger than
    // CMSG_SPACE of the two structures that are written here.
    unsafe {
        (*header).cmsg_level = level;
        (*header).cmsg_type = kind;
        (*header).cmsg_len = libc::CMSG_LEN(size) as _;
        libc::CMSG_DATA(header).cast::<T>().write_unaligned(value);
        libc::CMSG_SPACE(size) as usize
    }
}

/// One datagram into a buffer, for sockets of other kinds; `None` if there is none.
pub(super) fn receive_one(
    fd: &OwnedFd,
    buffer: &mut [u8],
    flags: i32,
) -> io::Result<Option<usize>> {
    // SAFETY: `buffer` is writable for its length until the call returns.
    let read =
        unsafe { libc::recv(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), flags) };
    match cvt_len(read) {
        Ok(length) => Ok(Some(length)),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
            _ => Err(error),
        },
    }
}
