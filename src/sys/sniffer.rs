//! Packets of an interface, of whatever kind that is, as somebody sees them who only listens.

use super::packet::{address, time_of};
use super::raw::Instruction;
use super::socket::{self, Control};
use super::{cvt, cvt_len, if_ready};
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Bytes that may wait for us, as the kernel counts.
const RECEIVE_BUFFER: usize = 1 << 20;

/// A packet socket that hears packets without their link-layer headers: those that come in and those
/// that this host sends.
#[derive(Debug)]
pub struct Sniffer(OwnedFd);

/// A packet that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its length, which may be more than what fits the buffer.
    pub len: usize,
    /// Its ethertype.
    pub protocol: u16,
    /// It was sent by this host.
    pub outgoing: bool,
    /// Where it came from, if that is an address of six octets.
    pub source_mac: Option<[u8; 6]>,
    /// Its VLAN, if it was tagged.
    pub vlan: Option<u16>,
    /// When, in nanoseconds since 1970, by the kernel.
    pub time_ns: u64,
}

/// What the kernel says of a packet in PACKET_AUXDATA.
#[repr(C)]
#[derive(Clone, Copy)]
struct AuxData {
    status: u32,
    len: u32,
    snaplen: u32,
    mac: u16,
    net: u16,
    vlan_tci: u16,
    vlan_tpid: u16,
}

/// TP_STATUS_VLAN_VALID: `vlan_tci` means something.
const VLAN_VALID: u32 = 1 << 4;
/// The bits of a tag that number the VLAN.
const VLAN_ID: u16 = 0x0fff;

impl Sniffer {
    /// On one interface, which also takes in what is for these groups' hardware addresses. It hears
    /// what the filter lets through, which sees packets without their link-layer header.
    ///
    /// # Errors
    /// What the kernel says; EPERM without CAP_NET_RAW.
    pub fn open(ifindex: u32, groups: &[[u8; 6]], filter: &[Instruction]) -> io::Result<Self> {
        // Without a protocol it hears nothing until it is bound.
        let fd = socket::open(libc::AF_PACKET, libc::SOCK_DGRAM, 0)?;
        socket::attach_filter(&fd, filter)?;
        socket::receive_buffer(&fd, RECEIVE_BUFFER)?;
        socket::set(&fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1i32)?;
        socket::set(&fd, libc::SOL_PACKET, libc::PACKET_AUXDATA, &1i32)?;
        for group in groups {
            let mut membership = libc::packet_mreq {
                mr_ifindex: ifindex as _,
                mr_type: libc::PACKET_MR_MULTICAST as _,
                mr_alen: 6,
                mr_address: [0; 8],
            };
            membership.mr_address[..6].copy_from_slice(group);
            // An interface that knows no groups hears everything anyway.
            let _ = socket::set(&fd, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &membership);
        }
        let (name, length) = address(ifindex, libc::ETH_P_ALL as u16);
        // SAFETY: `name` is readable for `length` bytes.
        cvt(unsafe { libc::bind(fd.as_raw_fd(), std::ptr::from_ref(&name).cast(), length) })?;
        Ok(Self(fd))
    }

    /// The next packet; `None` if there is none. What does not fit the buffer is cut off.
    ///
    /// # Errors
    /// What the kernel says: ENETDOWN when the interface has gone down.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Heard>> {
        let mut control = Control::EMPTY;
        let mut vector =
            libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() as _ };
        // SAFETY: all-zero is a valid value of both C structures.
        let (mut name, mut header): (libc::sockaddr_ll, libc::msghdr) =
            unsafe { (mem::zeroed(), mem::zeroed()) };
        header.msg_name = std::ptr::from_mut(&mut name).cast();
        header.msg_namelen = mem::size_of_val(&name) as _;
        header.msg_iov = &mut vector;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = control.0.len() as _;
        let (fd, flags) = (self.0.as_raw_fd(), libc::MSG_DONTWAIT | libc::MSG_TRUNC);
        // SAFETY: the header points to live memory, with its length.
        let mut receive = || unsafe { libc::recvmsg(fd, &mut header, flags) };
        let Some(len) = if_ready(|| cvt_len(receive()))? else { return Ok(None) };
        Ok(Some(Heard {
            len,
            protocol: u16::from_be(name.sll_protocol),
            outgoing: name.sll_pkttype == libc::PACKET_OUTGOING,
            source_mac: socket::mac(&name),
            vlan: vlan_of(&header),
            time_ns: time_of(&header),
        }))
    }
}

impl AsFd for Sniffer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The VLAN of a packet whose tag the kernel has taken off.
fn vlan_of(header: &libc::msghdr) -> Option<u16> {
    // SAFETY: the header is one that the kernel has filled in, its control memory is live.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !next.is_null() {
        // SAFETY: what is not null lies within the control memory, aligned; the kernel wrote a
        // whole structure behind each header.
        unsafe {
            if ((*next).cmsg_level, (*next).cmsg_type) == (libc::SOL_PACKET, libc::PACKET_AUXDATA) {
                let data = libc::CMSG_DATA(next).cast::<AuxData>().read_unaligned();
                return (data.status & VLAN_VALID != 0).then_some(data.vlan_tci & VLAN_ID);
            }
            next = libc::CMSG_NXTHDR(header, next);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::packet::PacketSocket;
    use crate::sys::poll_readable;
    use crate::sys::testnet::with_pair;

    /// Bytes of a packet that the filter below lets through.
    const PACKET: &[u8] = b"\x45\x00\x00\x04 and more";

    fn frame(head: &[u8]) -> Vec<u8> {
        let mut frame = [&[1, 0, 0x5e, 0, 0, 0x12][..], &[2, 0, 0, 0, 0, 1], head, PACKET].concat();
        frame.resize(60, 0);
        frame
    }

    #[test]
    fn packets_are_heard_at_both_ends_with_what_was_taken_off() {
        // Only what begins with 0x45.
        let op = |code, jt, jf, k| Instruction { code, jt, jf, k };
        let filter =
            [op(0x30, 0, 0, 0), op(0x15, 0, 1, 0x45), op(0x06, 0, 0, 0xffff), op(0x06, 0, 0, 0)];
        with_pair(|pair| {
            let groups = [[1, 0, 0x5e, 0, 0, 0x12]];
            pair.to_b();
            let far = Sniffer::open(pair.b_index, &groups, &filter).unwrap();
            pair.to_a();
            let near = Sniffer::open(pair.a_index, &[], &filter).unwrap();
            let socket = PacketSocket::open().unwrap();
            for (head, vlan) in [(&[8, 0][..], None), (&[0x81, 0, 0xe0, 7, 8, 0][..], Some(7u16))] {
                let frame = frame(head);
                socket.send(pair.a_index, &frame, frame.len()).unwrap();
                let mut buffer = [0; 8];
                assert!(poll_readable(far.as_fd(), 5000).unwrap());
                let heard = far.receive(&mut buffer).unwrap().unwrap();
                let source_mac = Some([2, 0, 0, 0, 0, 1]);
                let len = frame.len() - 12 - head.len();
                assert_eq!((heard.len, heard.protocol, heard.outgoing), (len, 0x0800, false));
                assert_eq!((heard.source_mac, heard.vlan), (source_mac, vlan));
                assert_eq!(buffer, PACKET[..8]);
                assert_eq!(far.receive(&mut buffer).unwrap(), None);
            }
            assert!(poll_readable(near.as_fd(), 5000).unwrap());
            assert!(near.receive(&mut [0; 8]).unwrap().unwrap().outgoing);
        });
    }
}
