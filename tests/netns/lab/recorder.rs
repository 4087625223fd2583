//! Keeps every frame that a host sends, whatever is in it.

use super::frames::Arp;
use super::{Host, Lab};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{mpsc, Arc, Mutex, PoisonError};
use vipd::sys::netns::interface_index;
use vipd::sys::packet::PacketSocket;
use vipd::sys::poll_readable;

/// How often it looks whether it is still wanted.
const LOOK: i32 = 100;

/// A frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// When, in nanoseconds since 1970.
    pub at: u64,
    /// The whole of it.
    pub bytes: Vec<u8>,
}

impl Frame {
    /// The hardware address it says it comes from.
    pub fn source(&self) -> &[u8] {
        &self.bytes[6..12]
    }

    /// The ARP packet in it.
    pub fn arp(&self) -> Option<Arp> {
        (self.bytes[12..14] == [8, 6]).then(|| Arp::parse(&self.bytes[14..])).flatten()
    }
}

/// Records the frames of a port until it is dropped.
pub struct Recorder {
    frames: Arc<Mutex<Vec<Frame>>>,
    stop: Arc<AtomicBool>,
}

impl Recorder {
    /// What a host sends; when this returns, nothing is missed any more.
    pub fn open(lab: &Lab, host: &Host) -> Self {
        let port = host.port.as_str();
        let socket = lab.segment().run(|| {
            let index = interface_index(port).expect("the port exists");
            PacketSocket::capture(index).expect("root may capture")
        });
        let (frames, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (to, until) = (Arc::clone(&frames), Arc::clone(&stop));
        let (ready, began) = mpsc::channel();
        std::thread::spawn(move || {
            let _ = ready.send(());
            let mut buffer = vec![0; 4096];
            while !until.load(Ordering::Relaxed) {
                let _ = poll_readable(socket.as_fd(), LOOK);
                while let Ok(Some(frame)) = socket.receive(&mut buffer) {
                    if !frame.outgoing && frame.len >= 14 {
                        let bytes = buffer[..frame.len].to_vec();
                        let mut all = to.lock().unwrap_or_else(PoisonError::into_inner);
                        all.push(Frame { at: frame.time_ns, bytes });
                    }
                }
            }
        });
        began.recv().expect("the thread has begun");
        Self { frames, stop }
    }

    /// The frames after a moment.
    pub fn after(&self, at: u64) -> Vec<Frame> {
        let all = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|frame| frame.at > at).cloned().collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
