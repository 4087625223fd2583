//! Ethernet frames, sent and captured.

use super::clock::nanoseconds;
use super::raw::Instruction;
use super::socket::{self, Control};
use super::{cvt, cvt_len, if_ready, retry, shortage};
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

/// What was not sent.
#[derive(Debug)]
pub struct Refused {
    /// Why the first of them was not.
    pub error: io::Error,
    /// How many.
    pub frames: u32,
}

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

    /// A socket that hears frames of one ethertype on one interface, of those only what the filter
    /// lets through, and none that this host sends. `receive_buffer` is in bytes, as the kernel
    /// counts: what does not fit is only counted, and wakes nobody.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn hear(
        ifindex: u32,
        ethertype: u16,
        receive_buffer: usize,
        filter: &[Instruction],
    ) -> io::Result<Self> {
        // Without a protocol it hears nothing until it is bound.
        let socket = Self(socket::open(libc::AF_PACKET, libc::SOCK_RAW, 0)?);
        let fd = &socket.0;
        socket.attach_filter(filter)?;
        socket::receive_buffer(fd, receive_buffer)?;
        let (name, length) = address(ifindex, ethertype);
        // SAFETY: `name` is readable for `length` bytes.
        cvt(unsafe { libc::bind(fd.as_raw_fd(), std::ptr::from_ref(&name).cast(), length) })?;
        Ok(socket)
    }

    /// Replaces the filter. Frames that wait already stay.
    ///
    /// # Errors
    /// EINVAL if the program is not valid.
    pub fn attach_filter(&self, filter: &[Instruction]) -> io::Result<()> {
        socket::attach_filter(&self.0, filter)
    }

    /// How many frames did not fit the receive buffer since this was last asked; 0 if the kernel
    /// does not tell.
    #[must_use]
    pub fn take_dropped(&self) -> u32 {
        let mut statistics = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut length = mem::size_of_val(&statistics) as libc::socklen_t;
        // SAFETY: `statistics` is writable for `length` bytes until the call returns.
        let result = unsafe {
            libc::getsockopt(
                self.0.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                std::ptr::from_mut(&mut statistics).cast(),
                &mut length,
            )
        };
        cvt(result).map_or(0, |_| statistics.tp_drops)
    }

    /// Sends frames of one length that lie back to back. An incomplete last one is left out, and what
    /// the kernel refuses. What it had no room for is tried a second time, at once.
    ///
    /// # Errors
    /// The first refusal.
    pub fn send(&self, ifindex: u32, frames: &[u8], frame_len: usize) -> Result<(), Refused> {
        let (mut name, name_length) = address(ifindex, 0);
        let mut refused = None;
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
            self.send_batch(&mut headers[..count], &mut refused);
        }
        refused.map_or(Ok(()), Err)
    }

    fn send_batch(&self, headers: &mut [libc::mmsghdr], refused: &mut Option<Refused>) {
        let (mut next, mut tried) = (0, false);
        while let Some(rest) = headers.get_mut(next..).filter(|rest| !rest.is_empty()) {
            match retry(|| socket::send_many(&self.0, rest, libc::MSG_DONTWAIT)) {
                Ok(sent) => (next, tried) = (next + sent.max(1), false),
                Err(error) if !tried && shortage::is_momentary(&error) => tried = true,
                Err(error) => {
                    refused.get_or_insert(Refused { error, frames: 0 }).frames += 1;
                    (next, tried) = (next + 1, false);
                }
            }
        }
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

pub(super) fn address(ifindex: u32, protocol: u16) -> (libc::sockaddr_ll, libc::socklen_t) {
    // SAFETY: all-zero is a valid sockaddr_ll.
    let mut name: libc::sockaddr_ll = unsafe { mem::zeroed() };
    name.sll_family = libc::AF_PACKET as _;
    name.sll_protocol = protocol.to_be();
    name.sll_ifindex = ifindex as _;
    name.sll_halen = 6;
    (name, mem::size_of::<libc::sockaddr_ll>() as _)
}

/// The kernel's time stamp of a frame; 0 if there is none.
pub(super) fn time_of(header: &libc::msghdr) -> u64 {
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

    /// A program that looks for a number at an offset, and lets that through.
    fn only(at: u32, number: u32) -> Vec<Instruction> {
        let op = |code, jt, jf, k| Instruction { code, jt, jf, k };
        vec![op(0x30, 0, 0, at), op(0x15, 0, 1, number), op(0x06, 0, 0, 0xffff), op(0x06, 0, 0, 0)]
    }

    #[test]
    fn ears_hear_what_the_filter_lets_through_and_count_what_does_not_fit() {
        with_pair(|pair| {
            pair.to_b();
            let far = PacketSocket::hear(pair.b_index, 0x88b5, 4096, &only(14, 7)).unwrap();
            let other = PacketSocket::hear(pair.b_index, 0x88b6, 4096, &only(14, 7)).unwrap();
            pair.to_a();
            let near = PacketSocket::hear(pair.a_index, 0x88b5, 4096, &only(14, 7)).unwrap();
            let socket = PacketSocket::open().unwrap();
            let mut buffer = [0; 100];
            let send = |frames: &[u8]| socket.send(pair.a_index, frames, LEN).unwrap();
            send(&frames(20));
            assert!(poll_readable(far.as_fd(), 5000).unwrap());
            let frame = far.receive(&mut buffer).unwrap().unwrap();
            assert_eq!((frame.len, frame.outgoing, buffer[14]), (LEN, false, 7));
            for deaf in [&far, &other, &near] {
                assert_eq!(deaf.receive(&mut buffer).unwrap(), None);
            }
            assert_eq!(far.take_dropped(), 0);
            far.attach_filter(&only(14, 8)).unwrap();
            (0..100).for_each(|_| send(&frames(20)));
            let mut heard = 0;
            // What fits is there first; the last to come may still be on its way.
            let mut dropped = 0;
            while heard + dropped < 100 {
                assert!(poll_readable(far.as_fd(), 5000).unwrap() || dropped > 0);
                dropped += far.take_dropped();
                while let Some(frame) = far.receive(&mut buffer).unwrap() {
                    assert_eq!((frame.len, buffer[14]), (LEN, 8));
                    heard += 1;
                }
            }
            assert!(heard > 0 && dropped > 0, "{heard} {dropped}");
            assert_eq!(heard + dropped, 100);
        });
    }

    #[test]
    fn what_cannot_be_sent_is_told() {
        with_pair(|pair| {
            let socket = PacketSocket::open().unwrap();
            let refused = socket.send(4711, &frames(3), LEN).unwrap_err();
            assert_eq!((refused.error.raw_os_error(), refused.frames), (Some(libc::ENXIO), 3));
            for (bytes, len) in [(&[][..], LEN), (&[0; 13], LEN), (&frames(1), 0)] {
                socket.send(pair.a_index, bytes, len).unwrap();
            }
            assert!(PacketSocket::capture(4711).is_err());
        });
    }
}
