//! How the adverts of a virtual router travel: to a multicast group, or to each of its peers.

use crate::config::VrrpInstance;
use crate::wire::{is_link_local, Discard, Family, TTL};
use std::net::IpAddr;

/// The transport of one virtual router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transport {
    /// `unicast_src_ip`: the address to send from.
    pub source: Option<IpAddr>,
    /// `track_src_ip`: not while that address is missing.
    pub track_src_ip: bool,
    /// The multicast group.
    group: IpAddr,
    /// `unicast_peer`; if there are any, nothing is sent to the group.
    peers: Vec<Peer>,
    /// `unicast_ttl`
    unicast_ttl: u8,
    /// `check_unicast_src`
    check_unicast_src: bool,
}

/// A unicast peer, and the TTLs that its packets may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Peer {
    address: IpAddr,
    min_ttl: u8,
    max_ttl: u8,
}

impl Transport {
    /// What an instance asks for, as far as a family is concerned.
    #[must_use]
    pub fn new(from: &VrrpInstance, family: Family) -> Self {
        let of_family = |address: &IpAddr| Family::of(*address) == family;
        let from = &from.transport;
        let peers = from.unicast_peer.iter().filter(|peer| of_family(&peer.address));
        let peer = |peer: &crate::config::UnicastPeer| Peer {
            address: peer.address,
            min_ttl: peer.min_ttl,
            max_ttl: peer.max_ttl,
        };
        Self {
            source: from.source.iter().copied().find(of_family),
            track_src_ip: from.track_src_ip,
            group: from.group.iter().copied().find(of_family).unwrap_or(family.group()),
            peers: peers.map(peer).collect(),
            unicast_ttl: from.unicast_ttl,
            check_unicast_src: from.check_unicast_src,
        }
    }

    /// The group to join; none if there are peers.
    #[must_use]
    pub fn group(&self) -> Option<IpAddr> {
        self.peers.is_empty().then_some(self.group)
    }

    /// Where adverts go to.
    pub fn destinations(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.group().into_iter().chain(self.peers.iter().map(|peer| peer.address))
    }

    /// The TTL of what is sent, if it is another than the sockets have.
    #[must_use]
    pub fn ttl(&self) -> Option<u8> {
        Some(self.unicast_ttl).filter(|ttl| !self.peers.is_empty() && *ttl != TTL)
    }

    /// Whether an address of ours is one to send from: over IPv6 a link-local one (V3-007), unless a
    /// peer is further away than the link.
    #[must_use]
    pub fn may_send_from(&self, address: IpAddr) -> bool {
        let far = self.peers.iter().any(|peer| !is_link_local(peer.address));
        Family::of(address) == Family::of(self.group)
            && (address.is_ipv4() || is_link_local(address) != far)
    }

    /// Whether a peer has that address.
    #[must_use]
    pub fn is_peer(&self, address: IpAddr) -> bool {
        self.peers.iter().any(|peer| peer.address == address)
    }

    /// Whether packets that were sent to an address can be for this virtual router.
    #[must_use]
    pub fn listens_to(&self, destination: IpAddr) -> bool {
        match self.group() {
            Some(group) => destination == group,
            None => !destination.is_multicast(),
        }
    }

    /// Whether a packet comes from where it may come from. What is multicast was looked at when it
    /// was read.
    ///
    /// # Errors
    /// Why it is to be discarded.
    pub fn check(&self, source: IpAddr, ttl: u8) -> Result<(), Discard> {
        if self.peers.is_empty() {
            return Ok(());
        }
        match self.peers.iter().find(|peer| peer.address == source) {
            Some(peer) if (peer.min_ttl..=peer.max_ttl).contains(&ttl) => Ok(()),
            Some(_) => Err(Discard::UnicastTtl),
            None if self.check_unicast_src => Err(Discard::UnicastSource),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transport(peers: &[(&str, u8, u8)], check_unicast_src: bool) -> Transport {
        let peer = |(address, min_ttl, max_ttl): &(&str, u8, u8)| Peer {
            address: address.parse().unwrap(),
            min_ttl: *min_ttl,
            max_ttl: *max_ttl,
        };
        Transport {
            source: None,
            track_src_ip: false,
            group: Family::V4.group(),
            peers: peers.iter().map(peer).collect(),
            unicast_ttl: 64,
            check_unicast_src,
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn multicast_goes_to_the_group_alone() {
        let it = transport(&[], true);
        assert_eq!(it.destinations().collect::<Vec<_>>(), [ip("224.0.0.18")]);
        assert!(it.listens_to(ip("224.0.0.18")) && !it.listens_to(ip("10.0.0.1")));
        assert!(!it.listens_to(ip("224.0.0.19")));
        assert_eq!((it.ttl(), it.check(ip("10.0.0.9"), 255)), (None, Ok(())));
    }

    #[test]
    fn unicast_is_for_peers() {
        let it = transport(&[("10.0.0.2", 0, 255), ("10.0.0.3", 254, 255)], true);
        assert_eq!(it.destinations().count(), 2);
        assert!(!it.listens_to(ip("224.0.0.18")) && it.listens_to(ip("10.0.0.1")));
        assert_eq!(it.ttl(), Some(64));
        for (source, ttl, result) in [
            ("10.0.0.2", 1, Ok(())),
            ("10.0.0.3", 254, Ok(())),
            ("10.0.0.3", 253, Err(Discard::UnicastTtl)),
            ("10.0.0.4", 255, Err(Discard::UnicastSource)),
        ] {
            assert_eq!(it.check(ip(source), ttl), result, "{source} {ttl}");
        }
        let it = transport(&[("10.0.0.2", 0, 255)], false);
        assert_eq!(it.check(ip("10.0.0.4"), 1), Ok(()));
    }
}
