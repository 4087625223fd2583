//! Announcements on their way out: many in one system call, which wants frames of one length and one
//! interface.

use crate::sys::packet::{PacketSocket, Refused};
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
        Self::add(bursts, ifindex, announcement.bytes());
    }

    /// Puts a frame behind those of its length and interface.
    pub fn add(bursts: &mut Vec<Self>, ifindex: u32, frame: &[u8]) {
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
    /// What was not sent since this was last asked, and the interface of the first.
    refused: Option<(u32, Refused)>,
    /// There was something to send since this was last asked.
    sent: bool,
}

/// What became of announcements.
#[derive(Debug)]
pub enum Outcome {
    /// There were none.
    Nothing,
    /// All were sent.
    Sent,
    /// Some were not, the first of them on the interface with this index.
    Refused(u32, Refused),
}

impl Announcer {
    /// Opens the socket.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open() -> io::Result<Self> {
        let socket = PacketSocket::open()?;
        Ok(Self { socket, waiting: Default::default(), refused: None, sent: false })
    }

    /// Adds announcements to those that wait; they are sent together by `flush`, or earlier if
    /// there is no room or they are for another interface.
    pub fn add(&mut self, burst: &Burst) {
        let kind = usize::from(burst.frame_len != ARP_FRAME);
        if !self.waiting[kind].takes(burst) {
            self.send(kind);
        }
        let waiting = &mut self.waiting[kind];
        waiting.ifindex = burst.ifindex;
        waiting.frame_len = burst.frame_len;
        waiting.frames.extend_from_slice(&burst.frames);
    }

    /// Sends frames that are no announcements.
    pub fn send_now(&self, burst: &Burst) {
        if let Err(refused) = self.socket.send(burst.ifindex, &burst.frames, burst.frame_len) {
            log::debug!("cannot ask on interface {}: {}", burst.ifindex, refused.error);
        }
    }

    /// Sends all that waits. Returns what became of it, and of what was sent before it.
    pub fn flush(&mut self) -> Outcome {
        for kind in 0..self.waiting.len() {
            self.send(kind);
        }
        match (self.refused.take(), std::mem::take(&mut self.sent)) {
            (Some((ifindex, refused)), _) => Outcome::Refused(ifindex, refused),
            (None, true) => Outcome::Sent,
            (None, false) => Outcome::Nothing,
        }
    }

    fn send(&mut self, kind: usize) {
        let Burst { ifindex, frame_len, frames } = &mut self.waiting[kind];
        self.sent |= !frames.is_empty();
        if let Err(new) = self.socket.send(*ifindex, frames, *frame_len) {
            match &mut self.refused {
                Some((_, before)) => before.frames += new.frames,
                none => *none = Some((*ifindex, new)),
            }
        }
        frames.clear();
    }
}
