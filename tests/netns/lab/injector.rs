//! Sends arbitrary frames from a host, and asks the others by ARP or neighbour discovery.

use super::frames::{Arp, BROADCAST};
use super::frames6::{solicitation, solicitation_to, Neighbour};
use super::{pass, poll, wall_clock, Host, SOON};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use vipd::sys::netns::interface_index;
use vipd::sys::packet::PacketSocket;
use vipd::sys::poll_readable;

/// How long nobody must have answered to count as nobody.
const SILENCE: Duration = Duration::from_millis(300);

/// A host's hand on the wire.
pub struct Injector {
    socket: PacketSocket,
    capture: PacketSocket,
    index: u32,
    host: Host,
}

impl Injector {
    /// On `eth0` of a host.
    pub fn open(host: &Host) -> Self {
        let (socket, capture, index) = host.namespace.run(|| {
            let index = interface_index("eth0").expect("the host has an eth0");
            let socket = PacketSocket::open().expect("root may send frames");
            (socket, PacketSocket::capture(index).expect("root may capture"), index)
        });
        Self { socket, capture, index, host: host.clone() }
    }

    /// Sends a frame.
    #[track_caller]
    pub fn send(&self, frame: &[u8]) {
        self.socket.send(self.index, frame, frame.len()).expect("the frame is sent");
    }

    /// Sends a frame `count` times, so many a second.
    #[track_caller]
    pub fn send_at_rate(&self, frame: &[u8], count: u32, a_second: u32) {
        let begin = Instant::now();
        for number in 0..count {
            let due = Duration::from_secs(1) * number / a_second;
            pass(due.saturating_sub(begin.elapsed()));
            self.send(frame);
        }
    }

    /// Who answers when asked for an address that somebody has: hardware addresses. A question or
    /// an answer may be lost while a port comes up, or be late on a busy machine; so it is asked
    /// until there is an answer.
    #[track_caller]
    pub fn holders(&self, address: impl Into<IpAddr>) -> Vec<[u8; 6]> {
        let address = address.into();
        let mut answers = Vec::new();
        poll(SOON, "somebody answers", || {
            answers = self.who_has(address, SILENCE);
            !answers.is_empty()
        });
        // An answer to an earlier question may count for a later one.
        answers.sort_unstable();
        answers.dedup();
        answers
    }

    /// Who answers when asked for an address once, until the deadline: hardware addresses.
    pub fn who_has(&self, address: impl Into<IpAddr>, deadline: Duration) -> Vec<[u8; 6]> {
        match address.into() {
            IpAddr::V4(address) => self.who_has_v4(address, deadline),
            IpAddr::V6(address) => {
                let answers = self.solicit(address, deadline);
                answers.into_iter().filter_map(|answer| answer.link_layer).collect()
            }
        }
    }

    fn who_has_v4(&self, address: Ipv4Addr, deadline: Duration) -> Vec<[u8; 6]> {
        let (sender_mac, sender, target) = (self.host.mac, self.host.address, address);
        let probe = Arp { operation: 1, sender_mac, sender, target_mac: [0; 6], target };
        let read = |frame: &[u8]| {
            let arp = frame.get(14..).filter(|_| frame[12..14] == [8, 6]).and_then(Arp::parse)?;
            (arp.operation == 2 && arp.sender == address).then_some(arp.sender_mac)
        };
        self.ask(&probe.frame(BROADCAST), read, deadline)
    }

    /// The answers to a neighbour solicitation that is sent once, until the deadline.
    pub fn solicit(&self, address: Ipv6Addr, deadline: Duration) -> Vec<Neighbour> {
        self.solicit_by(&solicitation(self.host.mac, address), address, deadline)
    }

    /// The answers to a solicitation that goes to the address itself, as when a host makes sure
    /// that its neighbour is still there.
    pub fn probe(&self, address: Ipv6Addr, mac: [u8; 6], deadline: Duration) -> Vec<Neighbour> {
        let question = solicitation_to(self.host.mac, address, (address, mac));
        self.solicit_by(&question, address, deadline)
    }

    fn solicit_by(&self, question: &[u8], address: Ipv6Addr, deadline: Duration) -> Vec<Neighbour> {
        let read = |frame: &[u8]| {
            Neighbour::parse(frame).filter(|it| it.solicited && it.target == address)
        };
        self.ask(question, read, deadline)
    }

    /// Sends a question and collects the answers that come in until the deadline.
    fn ask<T>(
        &self,
        question: &[u8],
        read: impl Fn(&[u8]) -> Option<T>,
        deadline: Duration,
    ) -> Vec<T> {
        let asked = wall_clock();
        self.send(question);
        let (end, mut answers) = (Instant::now() + deadline, Vec::new());
        let mut buffer = [0; 2048];
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let wait = left.as_millis() as i32 + 1;
            if !poll_readable(self.capture.as_fd(), wait).expect("poll") {
                break;
            }
            while let Ok(Some(frame)) = self.capture.receive(&mut buffer) {
                if !frame.outgoing && frame.time_ns >= asked {
                    answers.extend(read(&buffer[..frame.len]));
                }
            }
        }
        answers
    }
}
