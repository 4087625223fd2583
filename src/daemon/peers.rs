//! Who else speaks VRRP or CARP on our segments, whether we heed it or not. The tables are small, and
//! nobody can fill them in the place of those that we heed.

use super::Daemon;
use crate::sys::raw::Packet;
use crate::vrrp::time::Instant;
use crate::wire::advert::{Advert, ChecksumForm};
use crate::wire::{Discard, Family, Interval, Vrid};
use std::net::IpAddr;
use std::time::Duration;

/// Peers of one virtual router that are remembered.
const PEERS: usize = 8;
/// Strangers of one interface and family that are.
const STRANGERS: usize = 16;
/// Addresses of a stranger that are.
const ADDRESSES: usize = 4;
/// Who was not heard for so long is nobody any more.
const GONE: Duration = Duration::from_secs(600);
/// Free VRIDs that are named.
const FREE: usize = 3;

/// A speaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// The virtual router id that it claims, or CARP's vhid.
    pub vrid: u8,
    /// 2 or 3, or what else it claims; of CARP 2.
    pub version: u8,
    /// Its priority, or CARP's advskew.
    pub priority: u8,
    /// Its interval, if its message could be read.
    pub interval: Option<Interval>,
    /// Of VRRPv3 over IPv4.
    pub checksum: Option<ChecksumForm>,
    /// The first of its virtual addresses, if its message could be read.
    pub addresses: Vec<IpAddr>,
    /// How many it has.
    pub count: usize,
    /// They are those of our virtual router.
    pub same_addresses: bool,
    /// Adverts that were heeded.
    pub adverts: u64,
    /// Why its last was not, if one was not.
    pub rejected: Option<Discard>,
    /// How many were not.
    pub rejections: u64,
    /// When it was last heard.
    pub last: Instant,
}

/// What was heard.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// The packet.
    pub packet: &'a Packet<'a>,
    /// What it says, or why it cannot be read.
    pub parsed: &'a Result<Advert<'a>, Discard>,
    /// Why it was not heeded.
    pub rejected: Option<Discard>,
    /// It has our virtual addresses.
    pub same_addresses: bool,
    /// When.
    pub at: Instant,
}

/// Those of one virtual router, or the strangers of one interface and family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers(Vec<Peer>);

impl Peers {
    /// All of them.
    pub fn iter(&self, now: Instant) -> impl Iterator<Item = &Peer> {
        self.0.iter().filter(move |peer| now.since(peer.last) < GONE)
    }

    /// A packet has come for our virtual router.
    pub fn heard(&mut self, heard: &Heard<'_>) {
        self.update(heard, PEERS, 0);
    }

    /// A packet has come for nobody here.
    pub fn heard_stranger(&mut self, heard: &Heard<'_>) {
        self.update(heard, STRANGERS, ADDRESSES);
    }

    fn update(&mut self, heard: &Heard<'_>, most: usize, addresses: usize) {
        let payload = heard.packet.payload;
        let [first, vrid, priority, ..] = *payload else { return };
        let source = heard.packet.source;
        let place = self.0.iter().position(|it| it.address == source && it.vrid == vrid);
        let Some(place) = place.or_else(|| self.room(source, vrid, heard, most)) else { return };
        let it = &mut self.0[place];
        (it.version, it.priority, it.last) = (first >> 4, priority, heard.at);
        if let Ok(advert) = heard.parsed {
            it.interval = Some(advert.interval);
            let v3 = first >> 4 == 3 && Family::of(source) == Family::V4;
            it.checksum = v3.then_some(advert.checksum);
            it.same_addresses = heard.same_addresses;
            it.count = advert.addresses.len();
            if addresses > 0
                && !it.addresses.iter().copied().eq(advert.addresses.iter().take(addresses))
            {
                it.addresses.clear();
                it.addresses.extend(advert.addresses.iter().take(addresses));
            }
        } else if heard.rejected == Some(Discard::Carp) {
            it.interval = payload.get(5).and_then(|base| Interval::from_seconds(*base));
        }
        match heard.rejected {
            None => it.adverts = it.adverts.saturating_add(1),
            Some(reason) => {
                it.rejected = Some(reason);
                it.rejections = it.rejections.saturating_add(1);
            }
        }
    }

    /// A place for a new one, if there is one: whoever is heeded takes that of one who is not.
    fn room(&mut self, address: IpAddr, vrid: u8, heard: &Heard<'_>, most: usize) -> Option<usize> {
        let new = Peer {
            address,
            vrid,
            version: 0,
            priority: 0,
            interval: None,
            checksum: None,
            addresses: Vec::new(),
            count: 0,
            same_addresses: false,
            adverts: 0,
            rejected: None,
            rejections: 0,
            last: heard.at,
        };
        if self.0.len() < most {
            self.0.push(new);
            return Some(self.0.len() - 1);
        }
        let gone = |it: &Peer| heard.at.since(it.last) >= GONE;
        let may_go = |it: &Peer| gone(it) || it.adverts == 0 || heard.rejected.is_none();
        let (place, _) = (self.0.iter().enumerate())
            .filter(|(_, it)| may_go(it))
            .min_by_key(|(_, it)| (it.adverts > 0 && !gone(it), it.last))?;
        self.0[place] = new;
        Some(place)
    }
}

impl Peer {
    /// Whether it speaks CARP.
    #[must_use]
    pub fn is_carp(&self) -> bool {
        self.rejected == Some(Discard::Carp) && self.adverts == 0
    }

    /// Whether it is of another group than ours, with our virtual router id: both have the same
    /// virtual MAC address then. A peer of ours whose configuration differs in one thing is none.
    #[must_use]
    pub fn collides(&self, interval: Interval) -> bool {
        let apart = self.rejected.is_some() || self.interval != Some(interval);
        self.is_carp() || self.count > 0 && !self.same_addresses && apart
    }
}

impl Daemon {
    /// VRIDs that nobody has on the interface of a virtual router, of either family: the next ones.
    pub(super) fn free_vrids(&self, router: usize) -> Vec<u8> {
        let it = &self.routers[router];
        let mut taken = [false; 256];
        for other in self.routers.iter().filter(|other| other.link == it.link) {
            taken[usize::from(other.core.settings().virtual_router_id.get())] = true;
        }
        for net in self.nets.iter().filter(|net| net.link == it.link) {
            net.strangers_heard.0.iter().for_each(|it| taken[usize::from(it.vrid)] = true);
        }
        let own = it.core.settings().virtual_router_id.get();
        let next = (1..=255).map(|step: u8| own.wrapping_add(step));
        let free = next.filter(|vrid| !taken[usize::from(*vrid)]);
        free.filter(|vrid| Vrid::new(*vrid).is_some()).take(FREE).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::advert::{parse, Fields, Template};
    use crate::wire::{Meta, Priority, Version};
    use std::net::Ipv4Addr;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn hear(peers: &mut Peers, from: u8, seconds: u64, rejected: Option<Discard>) {
        let source = IpAddr::V4(Ipv4Addr::new(10, 0, 0, from));
        let vip = [IpAddr::V4(Ipv4Addr::new(10, 0, 0, 100))];
        let fields = Fields {
            version: Version::V3,
            vrid: Vrid::new(5).unwrap(),
            interval: Interval::SECOND,
            auth_pass: None,
            addresses: &vip,
        };
        let group = Family::V4.group();
        let mut template = Template::new(&fields, source, group);
        let message = template.message(Priority(from), ChecksumForm::Message);
        let meta = Meta { source, destination: group, ttl: 255 };
        let parsed = parse(&meta, message);
        let packet = Packet {
            source,
            destination: group,
            ttl: 255,
            arrived_ns: 0,
            payload: message,
            truncated: false,
            ifindex: 0,
        };
        let at = at(seconds);
        peers.heard(&Heard {
            packet: &packet,
            parsed: &parsed,
            rejected,
            same_addresses: true,
            at,
        });
    }

    fn addresses(peers: &Peers, seconds: u64) -> Vec<u8> {
        peers.iter(at(seconds)).map(|it| it.priority).collect()
    }

    #[test]
    fn who_is_heard_is_known() {
        let mut peers = Peers::default();
        hear(&mut peers, 7, 1, None);
        hear(&mut peers, 7, 2, None);
        hear(&mut peers, 7, 3, Some(Discard::AuthFailure));
        let it = peers.iter(at(3)).next().unwrap();
        assert_eq!((it.priority, it.version, it.interval), (7, 3, Some(Interval::SECOND)));
        assert_eq!((it.adverts, it.rejections, it.last), (2, 1, at(3)));
        assert_eq!((it.checksum, it.count), (Some(ChecksumForm::Message), 1));
        assert_eq!(peers.iter(at(1000)).count(), 0, "it has gone");
    }

    #[test]
    fn whoever_is_not_heeded_takes_nobodys_place() {
        let mut peers = Peers::default();
        for from in 1..=6 {
            hear(&mut peers, from, u64::from(from), None);
        }
        for from in 100..200 {
            hear(&mut peers, from, u64::from(from), Some(Discard::Checksum));
        }
        assert_eq!(addresses(&peers, 200)[..6], [1, 2, 3, 4, 5, 6]);
        assert_eq!(peers.0.len(), PEERS);
        // The heeded ones take the place of the others first, and then of the oldest.
        for from in 7..=9 {
            hear(&mut peers, from, 200 + u64::from(from), None);
        }
        let mut all = addresses(&peers, 210);
        all.sort_unstable();
        assert_eq!(all, [2, 3, 4, 5, 6, 7, 8, 9]);
        hear(&mut peers, 250, 211, Some(Discard::Checksum));
        assert_eq!(peers.0.len(), PEERS);
        assert!(!addresses(&peers, 211).contains(&250));
    }

    #[test]
    fn another_group_is_told_from_a_peer_with_a_mistake() {
        let mut peers = Peers::default();
        hear(&mut peers, 7, 1, Some(Discard::AuthFailure));
        let peer = peers.0[0].clone();
        assert!(!peer.collides(Interval::SECOND), "it has our addresses");
        let other = Peer { same_addresses: false, ..peer.clone() };
        assert!(other.collides(Interval::SECOND));
        let new = Peer { rejected: None, ..other };
        assert!(!new.collides(Interval::SECOND), "one address more, in the middle of a change");
        let carp = Peer { rejected: Some(Discard::Carp), adverts: 0, ..peer };
        assert!(carp.collides(Interval::SECOND) && carp.is_carp());
    }
}
