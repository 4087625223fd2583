//! A LAN on which somebody else chooses what happens next, one thing at a time: the model.

#![allow(dead_code)]

use super::Lan;
use crate::node::{Input, Life};
use std::time::Duration;
use vipd::vrrp::time::Instant;
use vipd::wire::Meta;

/// When a packet arrives, and its number.
pub type PacketKey = (Instant, u64);

/// Something that happens next.
#[derive(Clone, Copy, Debug)]
pub enum Due {
    Packet(PacketKey),
    Timer(Instant, usize),
}

impl Lan {
    /// What is due first; all of it at the same moment.
    pub fn due(&self) -> Vec<Due> {
        let Some(first) = self.next_moment() else { return Vec::new() };
        let packets = self.flights.range(..=(first, u64::MAX)).map(|(key, _)| Due::Packet(*key));
        let nodes = self.nodes.iter().enumerate();
        let timers = nodes.filter(|(_, node)| node.wakes_at().is_some_and(|at| at <= first));
        packets.chain(timers.map(|(number, _)| Due::Timer(first, number))).collect()
    }

    /// Lets one thing happen that is due.
    pub fn happen(&mut self, due: Due) {
        let node = match due {
            Due::Packet(key) => {
                self.now = self.now.max(key.0);
                let flight = self.flights.remove(&key).expect("a packet under way");
                self.nodes[flight.to].put(Input::Packet(flight.meta, flight.bytes));
                flight.to
            }
            Due::Timer(at, node) => {
                self.now = self.now.max(at);
                node
            }
        };
        if self.nodes[node].life != Life::Stalled {
            self.turn(node);
        }
        self.settle(self.host(node));
        self.watch_together();
    }

    /// The packets under way that were sent after so many.
    pub fn under_way(&self, after: u64) -> Vec<PacketKey> {
        let mut all: Vec<_> = self.flights.keys().copied().filter(|key| key.1 > after).collect();
        all.sort_by_key(|key| key.1);
        all
    }

    /// How many packets were sent.
    pub fn flown(&self) -> u64 {
        self.flown
    }

    /// A packet is lost, or travels for longer.
    pub fn befall(&mut self, key: PacketKey, later: Option<Duration>) {
        let flight = self.flights.remove(&key).expect("a packet under way");
        if let Some(later) = later {
            self.flights.insert((key.0 + later, key.1), flight);
        }
    }

    /// When each packet under way arrives, at whom, and what it says.
    pub fn packets(&self) -> impl Iterator<Item = (Instant, usize, &Meta, &[u8])> {
        self.flights.iter().map(|((at, _), it)| (*at, it.to, &it.meta, &it.bytes[..]))
    }
}
