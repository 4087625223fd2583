//! Announcements on their way out: many in one system call, which wants frames of one length and one
//! interface.

use crate::sys::packet::PacketSocket;
use crate::wire::announce::{Announcement, ARP_FRAME};
use std::io;

/// Octets that are put together before they are sent.
const ROOM: usize = 256 * ARP_FRAME;

/// Announcements of one length for one interface, back to back.
#[derive(Debug, Default)]
pub struct Burst {
    ifindex: u32,
    frame_len: usize,
    frames: Vec<u8>,
}

impl Burst {
    /// Puts an announcement behind those of its kind and interface.
    pub fn collect(bursts: &mut Vec<Self>, ifindex: u32, announcement: &Announcement) {
        let frame = announcement.bytes();
        let (frame_len, frames) = (frame.len(), Vec::new());
        let found = |it: &Self| it.ifindex == ifindex && it.frame_len == frame_len;
        let at = bursts.iter().position(found).unwrap_or_else(|| {
            bursts.push(Self { ifindex, frame_len, frames });
            bursts.len() - 1
        });
        bursts[at].frames.extend_from_slice(frame);
    }

    fn takes(&self, more: &Self) -> bool {
        self.ifindex == more.ifindex && self.frames.len() + more.frames.len() <= ROOM
    }
}

/// Sends announcements.
#[derive(Debug)]
pub struct Announcer {
    socket: PacketSocket,
    /// What waits: gratuitous ARPs and neighbour advertisements. Two, so that virtual routers of
    /// both families do not end each other's bursts.
    waiting: [Burst; 2],
}

impl Announcer {
    /// Opens the socket.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open() -> io::Result<Self> {
        Ok(Self { socket: PacketSocket::open()?, waiting: Default::default() })
    }

    /// Adds announcements to those that wait; they are sent together by `flush`, or earlier if
    /// there is no room or they are for another interface.
    pub fn add(&mut self, burst: &Burst) {
        let waiting = &mut self.waiting[usize::from(burst.frame_len != ARP_FRAME)];
        if !waiting.takes(burst) {
            send(&self.socket, waiting);
            waiting.ifindex = burst.ifindex;
        }
        waiting.frame_len = burst.frame_len;
        waiting.frames.extend_from_slice(&burst.frames);
    }

    /// Sends all that waits.
    pub fn flush(&mut self) {
        for waiting in &mut self.waiting {
            send(&self.socket, waiting);
        }
    }
}

fn send(socket: &PacketSocket, burst: &mut Burst) {
    let Burst { ifindex, frame_len, frames } = burst;
    if let Err(error) = socket.send(*ifindex, frames, *frame_len) {
        log::debug!("cannot announce addresses on interface {ifindex}: {error}");
    }
    frames.clear();
}
