//! Packets: from a socket to the virtual router that they are for.

use super::peers::Heard;
use super::{hmac, Daemon};
use crate::sys::clock;
use crate::sys::raw::Packet;
use crate::vrrp::event::Event;
use crate::vrrp::time::Instant;
use crate::wire::advert::{claimed_vrid, parse, Advert};
use crate::wire::trailer::Stamp;
use crate::wire::{Discard, Meta, Vrid};
use std::net::IpAddr;
use std::time::Duration;

/// Packets that are read of one socket in one turn: more than a receive buffer holds by default, so
/// that a backlog is always heard out, and not so many that a flood could starve the timers.
const TURN: usize = 512;

/// As much as a receive buffer of ours holds, and more.
const BUFFER: usize = 8192;

/// A packet that waited for us counts from its arrival, if that was no longer ago than this: what
/// it takes to wake up is not to be charged to the MASTER's patience. After a stall it counts from
/// now, for the newest packets may have been lost.
const WAKE_UP: Duration = Duration::from_millis(5);

/// How long ago a packet has arrived, by the clock of the day.
fn age(wall: u64, arrived_ns: u64) -> Duration {
    Duration::from_nanos(wall.saturating_sub(arrived_ns))
}

/// When a packet counts as heard. The kernel stamps packets by the clock of the day alone: however
/// that is set meanwhile, it is a moment of the last 5 ms.
fn heard_at(now: Instant, age: Duration) -> Instant {
    if age <= WAKE_UP {
        now - age
    } else {
        now
    }
}

impl Daemon {
    /// Reads what waits in the socket of a net, so much that a flood cannot hold us up.
    pub(super) fn receive(&mut self, net: usize) {
        self.read(net, TURN);
    }

    /// Reads everything that has come before this moment: nothing may be decided without it. That
    /// is a receive buffer at most.
    pub(super) fn hear_out(&mut self, net: usize) {
        self.read(net, BUFFER);
    }

    fn read(&mut self, net: usize, most: usize) {
        let Some(mut inbox) = self.inbox.take() else { return };
        let (seconds, nanos) = clock::realtime();
        let wall = seconds as u64 * 1_000_000_000 + u64::from(nanos);
        let clock = Stamp::of_clock(seconds as u64, nanos);
        let mut read = 0;
        while let Some(socket) = self.nets.get(net).and_then(|net| net.socket.as_ref()) {
            let count = match socket.receive(&mut inbox) {
                Ok(count) => count,
                Err(error) => {
                    // ENETDOWN is told of by netlink too, and there with a reason.
                    log::debug!("cannot receive on {}: {error}", self.net_name(net));
                    0
                }
            };
            let mut newer = false;
            for slot in 0..count {
                let packet = inbox.packet(slot);
                let age = age(wall, packet.arrived_ns);
                let at = heard_at(self.now, age);
                if packet.arrived_ns > 0 {
                    self.stall.waited(age);
                }
                newer |= packet.arrived_ns > wall;
                self.packet(net, (at, clock), &packet);
            }
            read += count;
            let enough = read >= most || read >= TURN && newer;
            self.nets[net].backlog = count == inbox.slots() && enough;
            if count < inbox.slots() || enough {
                break;
            }
        }
        self.inbox = Some(inbox);
    }

    /// Goes on where the last turn had to stop.
    pub(super) fn receive_backlog(&mut self) {
        if self.more_link_events {
            self.read_link_events();
        }
        if self.more_route_events {
            self.read_route_events();
        }
        for net in 0..self.nets.len() {
            if self.nets[net].backlog {
                self.receive(net);
            }
        }
    }

    fn packet(&mut self, net: usize, (at, clock): (Instant, Stamp), packet: &Packet<'_>) {
        let Packet { source, destination, ttl, .. } = *packet;
        let meta = Meta { source, destination, ttl };
        let parsed = match packet.truncated {
            true => Err(Discard::PacketLength),
            false => parse(&meta, packet.payload),
        };
        let vrid = match &parsed {
            Ok(advert) => Some(advert.vrid),
            Err(_) => claimed_vrid(packet.payload),
        };
        let router = vrid.and_then(|vrid| self.addressee(net, vrid, source, destination));
        let parsed = match router {
            Some(router) => {
                let from = self.routers[router].transport.check(source, ttl);
                parsed.and_then(|advert| from.map(|()| advert))
            }
            None => parsed,
        };
        match (router, &parsed) {
            (Some(router), Ok(advert)) => {
                let before = self.routers[router].core.statistics().advertisement_rcvd;
                self.feed_at(at, router, Event::Advert { source, clock, advert });
                let it = &mut self.routers[router];
                let taken = it.core.statistics().advertisement_rcvd != before;
                let rejected = it.core.last_discard().filter(|_| !taken);
                let same_addresses = it.core.settings().same_addresses(&advert.addresses);
                it.peers.heard(&Heard { packet, parsed: &parsed, rejected, same_addresses, at });
            }
            (Some(router), Err(reason)) => {
                let rejected = Some(*reason);
                self.feed_at(at, router, Event::Discarded { source, reason: *reason });
                let heard = Heard { packet, parsed: &parsed, rejected, same_addresses: false, at };
                self.routers[router].peers.heard(&heard);
            }
            (None, _) => {
                let reason = parsed.as_ref().err().copied().unwrap_or(Discard::Vrid);
                self.nets[net].statistics.count(reason);
                self.hear_stranger(net, at, packet, &parsed);
            }
        }
    }

    /// A stranger's packet may have waited for long.
    fn hear_stranger(
        &mut self,
        net: usize,
        at: Instant,
        packet: &Packet<'_>,
        parsed: &Result<Advert<'_>, Discard>,
    ) {
        let (seconds, nanos) = clock::realtime();
        let wall = seconds as u64 * 1_000_000_000 + u64::from(nanos);
        let waited = match packet.arrived_ns {
            0 => Duration::ZERO,
            arrived => age(wall, arrived),
        };
        let rejected = parsed.as_ref().err().copied();
        let heard = Heard { packet, parsed, rejected, same_addresses: false, at: at - waited };
        self.nets[net].strangers_heard.heard_stranger(&heard);
    }

    /// Whom a packet is for. Of several unicast ones with that VRID it is the one that has the sender
    /// among its peers.
    fn addressee(
        &self,
        net: usize,
        vrid: Vrid,
        source: IpAddr,
        destination: IpAddr,
    ) -> Option<usize> {
        let first = self.nets[net].router(vrid);
        let all = || std::iter::successors(first, |router| self.routers[*router].same_vrid);
        let all = || all().filter(|it| self.routers[*it].transport.listens_to(destination));
        all().find(|it| self.routers[*it].transport.is_peer(source)).or_else(|| all().next())
    }

    /// Counts what came for VRIDs that are not ours. Those packets wake nobody: they are looked at
    /// when the counters are asked for, and now and then.
    pub(super) fn count_strangers(&mut self) {
        let Some(mut inbox) = self.inbox.take() else { return };
        let at = (self.now, hmac::stamp());
        for net in 0..self.nets.len() {
            let mut read = 0;
            while let Some(strangers) = &self.nets[net].strangers {
                let count = strangers.receive(&mut inbox).unwrap_or(0);
                for slot in 0..count {
                    self.packet(net, at, &inbox.packet(slot));
                }
                read += count;
                if count < inbox.slots() || read >= TURN {
                    break;
                }
            }
            let dropped = self.nets[net].strangers_dropped();
            self.nets[net].statistics.discarded[Discard::Vrid as usize] += u64::from(dropped);
        }
        self.inbox = Some(inbox);
    }

    pub(super) fn net_name(&self, net: usize) -> &str {
        &self.links.get(self.nets[net].link).name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_moves_no_packet_by_more_than_it_takes_to_wake_up() {
        let heard_at = |now, wall, arrived| heard_at(now, age(wall, arrived));
        let now = Instant::ZERO + Duration::from_secs(1000);
        let day = 1_790_000_000_000_000_000u64;
        let hour = 3_600_000_000_000i64;
        for step in [0, 1, -1, 4_999_999, 5_000_001, -5_000_000, 5 * hour, -5 * hour, i64::MIN] {
            let at = heard_at(now, day.saturating_add_signed(step), day);
            assert!(at <= now && now.since(at) <= WAKE_UP, "{step} ns");
        }
        assert_eq!(heard_at(now, 0, u64::MAX), now);
        assert_eq!(heard_at(now, u64::MAX, 0), now);
        assert_eq!(heard_at(now, day + 3_000_000, day), now - Duration::from_millis(3));
    }
}
