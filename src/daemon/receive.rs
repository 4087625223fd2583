//! Packets: from a socket to the virtual router that they are for.

use super::{hmac, Daemon};
use crate::sys::clock;
use crate::sys::raw::Packet;
use crate::vrrp::event::Event;
use crate::vrrp::time::Instant;
use crate::wire::advert::{claimed_vrid, parse};
use crate::wire::trailer::Stamp;
use crate::wire::{Discard, Meta, Vrid};
use std::net::IpAddr;
use std::time::Duration;

/// Packets that are read of one socket in one turn: more than a receive buffer holds by default, so
/// that a backlog is always heard out, and not so many that a flood could starve the timers.
const TURN: usize = 512;

/// A packet that waited for us counts from its arrival, if that was no longer ago than this: what
/// it takes to wake up is not to be charged to the MASTER's patience. After a stall it counts from
/// now, for the newest packets may have been lost.
const WAKE_UP: Duration = Duration::from_millis(5);

impl Daemon {
    /// Reads what waits in the socket of a net.
    pub(super) fn receive(&mut self, net: usize) {
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
            for slot in 0..count {
                let packet = inbox.packet(slot);
                let age = Duration::from_nanos(wall.saturating_sub(packet.arrived_ns));
                let at = if age <= WAKE_UP { self.now - age } else { self.now };
                self.packet(net, (at, clock), &packet);
            }
            read += count;
            self.nets[net].backlog = count == inbox.slots() && read >= TURN;
            if count < inbox.slots() || read >= TURN {
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
        match (router, parsed) {
            (Some(router), Ok(advert)) => {
                self.feed_at(at, router, Event::Advert { source, clock, advert: &advert });
            }
            (Some(router), Err(reason)) => {
                self.feed_at(at, router, Event::Discarded { source, reason });
            }
            (None, Ok(_)) => self.nets[net].statistics.count(Discard::Vrid),
            (None, Err(reason)) => self.nets[net].statistics.count(reason),
        }
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
