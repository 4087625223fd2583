//! Ethernet frames, sent and captured.

use super::clock::nanoseconds;
use super::socket::{self, Control};
use super::{cvt, cvt_len, if_ready, retry};
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Frames of one system call.
const BATCH: usize = 64;
/// Bytes that may wait for a slow interface, as the kernel counts: over a thousand short frames.
const SEND_BUFFER: libc::c_int = 1 << 20;

/// A packet socket.
#[derive(Debug)]
pub struct PacketSocket(OwnedFd);

/// A frame that was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its length; what did not fit the buffer is cut off.
    pub len: usize,
    /// It was sent by this host.
    pub outgoing: bool,
    /// When, in nanoseconds since 1970, by the kernel.
    pub time_ns: u64,
}

impl PacketSocket {
    /// A socket that sends on any interface and receives nothing.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open() -> io::Result<Self> {
        let fd = socket::open(libc::AF_PACKET, libc::SOCK_RAW, 0)?;
        // Without the right to it the system's limit has to do.
        let _ = socket::set(&fd, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, &SEND_BUFFER);
        Ok(Self(fd))
    }

    /// A socket that hears everything on one interface.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn capture(ifindex: u32) -> io::Result<Self> {
        let capture = Self::open()?;
        let fd = &capture.0;
        socket::receive_buffer(fd, 16 << 20)?;
        socket::set(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1i32)?;
        let (name, length) = address(ifindex, libc::ETH_P_ALL as u16);
        // SAFETY: `name` is readable for `length` bytes.
        cvt(unsafe { libc::bind(fd.as_raw_fd(), std::ptr::from_ref(&name).cast(), length) })?;
        let promiscuous = libc::packet_mreq {
            mr_ifindex: ifindex as _,
            mr_type: libc::PACKET_MR_PROMISC as _,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        socket::set(fd, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &promiscuous)?;
        Ok(capture)
    }

    /// Sends frames of one length that lie back to back. An incomplete last one is left out.
    ///
    /// # Errors
    /// The first refusal; what comes after it is not sent.
    pub fn send(&self, ifindex: u32, frames: &[u8], frame_len: usize) -> io::Result<()> {
        let (mut name, name_length) = address(ifindex, 0);
        if frame_len == 0 {
            return Ok(());
        }
        for batch in frames.chunks(frame_len.saturating_mul(BATCH)) {
            // SAFETY: all-zero is a valid value of both C structures.
            let (mut vectors, mut headers): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) =
                unsafe { (mem::zeroed(), mem::zeroed()) };
            let mut count = 0;
            for ((frame, vector), header) in
                batch.chunks_exact(frame_len).zip(&mut vectors).zip(&mut headers)
            {
                vector.iov_base = frame.as_ptr().cast_mut().cast();
                vector.iov_len = frame.len() as _;
                header.msg_hdr.msg_name = std::ptr::from_mut(&mut name).cast();
                header.msg_hdr.msg_namelen = name_length;
                header.msg_hdr.msg_iov = vector;
                header.msg_hdr.msg_iovlen = 1;
                count += 1;
            }
            self.send_batch(&mut headers[..count])?;
        }
        Ok(())
    }

    fn send_batch(&self, headers: &mut [libc::mmsghdr]) -> io::Result<()> {
        let mut sent = 0;
        while sent < headers.len() {
            let rest = &mut headers[sent..];
            sent += retry(|| socket::send_many(&self.0, rest, libc::MSG_DONTWAIT))?.max(1);
        }
        Ok(())
    }

    /// The next captured frame; `None` if there is none.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Frame>> {
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
        let fd = self.0.as_raw_fd();
        // SAFETY: the header points to live memory, with its length.
        let mut receive = || unsafe { libc::recvmsg(fd, &mut header, libc::MSG_DONTWAIT) };
        let Some(len) = if_ready(|| cvt_len(receive()))? else { return Ok(None) };
        let outgoing = name.sll_pkttype == libc::PACKET_OUTGOING;
        Ok(Some(Frame { len, outgoing, time_ns: time_of(&header) }))
    }
}

impl AsRawFd for PacketSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn address(ifindex: u32, protocol: u16) -> (libc::sockaddr_ll, libc::socklen_t) {
    // SAFETY: all-zero is a valid sockaddr_ll.
    let mut name: libc::sockaddr_ll = unsafe { mem::zeroed() };
    name.sll_family = libc::AF_PACKET as _;
    name.sll_protocol = protocol.to_be();
    name.sll_ifindex = ifindex as _;
    name.sll_halen = 6;
    (name, mem::size_of::<libc::sockaddr_ll>() as _)
}

/// The kernel's time stamp of a frame; 0 if there is none.
fn time_of(header: &libc::msghdr) -> u64 {
    // SAFETY: the header is one that the kernel has filled in, its control memory is live.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !next.is_null() {
        // SAFETY: what is not null lies within the control memory, aligned; the kernel wrote a
        // whole structure behind each header.
        unsafe {
            if ((*next).cmsg_level, (*next).cmsg_type) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS)
            {
                let time = libc::CMSG_DATA(next).cast::<libc::timespec>().read_unaligned();
                return nanoseconds(&time);
            }
            next = libc::CMSG_NXTHDR(header, next);
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testnet::with_pair;
    use crate::sys::{clock, poll_readable};

    const LEN: usize = 60;

    /// Broadcast frames of an ethertype for experiments, numbered.
    fn frames(count: u8) -> Vec<u8> {
        let mut all = Vec::new();
        for number in 0..count {
            let mut frame = [0; LEN];
            frame[..6].fill(0xff);
            frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
            (frame[12], frame[13], frame[14]) = (0x88, 0xb5, number);
            all.extend_from_slice(&frame);
        }
        all
    }

    /// The numbers of our frames, which a capture hears among others.
    fn numbers(capture: &PacketSocket, wanted: usize, outgoing: bool) -> Vec<u8> {
        let (mut found, mut buffer) = (Vec::new(), [0; 2000]);
        let (seconds, _) = clock::realtime();
        while found.len() < wanted {
            assert!(poll_readable(capture.as_fd(), 5000).unwrap(), "{} heard", found.len());
            let frame = capture.receive(&mut buffer).unwrap().unwrap();
            if buffer[12..14] == [0x88, 0xb5] {
                assert_eq!((frame.len, frame.outgoing), (LEN, outgoing));
                assert!((frame.time_ns / 1_000_000_000).abs_diff(seconds as u64) <= 10);
                found.push(buffer[14]);
            }
        }
        found
    }

    #[test]
    fn frames_go_out_in_order_and_are_captured_at_both_ends() {
        with_pair(|pair| {
            pair.to_b();
            let far = PacketSocket::capture(pair.b_index).unwrap();
            pair.to_a();
            let near = PacketSocket::capture(pair.a_index).unwrap();
            let socket = PacketSocket::open().unwrap();
            // More than two calls' worth, and an incomplete one at the end.
            let mut bytes = frames(150);
            bytes.extend_from_slice(&[0xff; 20]);
            socket.send(pair.a_index, &bytes, LEN).unwrap();
            let wanted: Vec<u8> = (0..150).collect();
            assert_eq!(numbers(&far, 150, false), wanted);
            assert_eq!(numbers(&near, 150, true), wanted);
            assert_eq!(socket.receive(&mut [0; 100]).unwrap(), None);
        });
    }

    #[test]
    fn what_cannot_be_sent_is_told() {
        with_pair(|pair| {
            let socket = PacketSocket::open().unwrap();
            let error = socket.send(4711, &frames(3), LEN).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ENXIO));
            for (bytes, len) in [(&[][..], LEN), (&[0; 13], LEN), (&frames(1), 0)] {
                socket.send(pair.a_index, bytes, len).unwrap();
            }
            assert!(PacketSocket::capture(4711).is_err());
        });
    }
}
