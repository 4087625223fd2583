//! What goes wrong on a LAN, and comes right again.

use crate::lan::{Lan, Medium};
use crate::node::Life;
use crate::random::Random;
use crate::reload::Change;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use vipd::vrrp::event::Link;
use vipd::vrrp::tracker::Effect;
use vipd::wire::advert::{ChecksumForm, Template};
use vipd::wire::{Family, Priority, Version, TTL};

/// One thing that goes wrong, or right again.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    Medium(Medium),
    Cut(usize, usize),
    Mend(usize, usize),
    /// With its power.
    Crash(usize),
    /// The process alone.
    Kill(usize),
    ShutDown(usize),
    Start(usize),
    Stall(usize),
    Wake(usize),
    Link(usize, Link),
    LoseAddress(usize),
    RestoreAddress(usize),
    Track(usize, Effect),
    Health(usize, bool),
    Reload(usize, Change),
    Drain(usize, Option<bool>),
    CrashPeer(usize),
    StartPeer(usize),
    PeerPriority(usize, u8),
    /// A stranger says 0, so many times.
    Zeros(u64),
    /// A stranger claims to be MASTER.
    Claim(u8),
    /// The same, with reserved bits that are not 0.
    Reserved(u8),
    /// The same, from beyond a router.
    Routed(u8),
}

impl Fault {
    /// Whom it befalls.
    pub fn host(&self, lan: &Lan) -> Option<usize> {
        match *self {
            Self::Cut(node, _)
            | Self::Mend(node, _)
            | Self::Crash(node)
            | Self::Kill(node)
            | Self::ShutDown(node)
            | Self::Start(node)
            | Self::Stall(node)
            | Self::Wake(node)
            | Self::Link(node, _)
            | Self::LoseAddress(node)
            | Self::RestoreAddress(node)
            | Self::Track(node, _)
            | Self::Health(node, _)
            | Self::Reload(node, _)
            | Self::Drain(node, _) => (node < lan.nodes.len()).then(|| lan.host(node)),
            Self::Medium(_)
            | Self::CrashPeer(_)
            | Self::StartPeer(_)
            | Self::PeerPriority(..)
            | Self::Zeros(_)
            | Self::Claim(_)
            | Self::Reserved(_)
            | Self::Routed(_) => None,
        }
    }
}

/// A fault and what may end it before peace does.
pub fn any(random: &mut Random, lan: &Lan) -> (Fault, Option<Fault>) {
    let node = random.index(lan.nodes.len());
    let other = random.index(lan.nodes.len() + lan.peers.len());
    if !lan.peers.is_empty() && random.percent(40) {
        let peer = random.index(lan.peers.len());
        return match random.below(3) {
            0 => (Fault::CrashPeer(peer), Some(Fault::StartPeer(peer))),
            1 => (Fault::Cut(lan.nodes.len() + peer, node), Some(Fault::Mend(node, other))),
            _ => (Fault::PeerPriority(peer, 1 + random.below(254) as u8), None),
        };
    }
    match random.below(20) {
        18 | 19 => (Fault::Kill(node), Some(Fault::Start(node))),
        16 | 17 => (Fault::Drain(node, Some(random.percent(30))), Some(Fault::Drain(node, None))),
        0 | 1 => (Fault::Crash(node), Some(Fault::Start(node))),
        2 => (Fault::ShutDown(node), Some(Fault::Start(node))),
        3 | 4 => (Fault::Stall(node), Some(Fault::Wake(node))),
        5 | 6 => (Fault::Cut(node, other), Some(Fault::Mend(node, other))),
        7 => {
            let link = random.pick(&[Link::Down, Link::Missing]);
            (Fault::Link(node, link), Some(Fault::Link(node, Link::Up)))
        }
        8 => (Fault::LoseAddress(node), Some(Fault::RestoreAddress(node))),
        9 | 10 => (Fault::Track(node, effect(random)), Some(Fault::Track(node, effect(random)))),
        11 => (Fault::Health(node, false), Some(Fault::Health(node, true))),
        12 => match random.below(5) {
            0 | 1 => (Fault::Zeros(1 + random.below(20)), None),
            2 => (Fault::Reserved(random.next() as u8), None),
            3 => (Fault::Routed(random.next() as u8), None),
            _ => (Fault::Claim(random.next() as u8), None),
        },
        13 | 14 => {
            let change = Change::any(random, lan);
            (Fault::Reload(node, change), None)
        }
        _ => (Fault::Medium(medium(random, lan)), Some(Fault::Medium(Medium::default()))),
    }
}

fn effect(random: &mut Random) -> Effect {
    match random.below(6) {
        0 => Effect::Fault,
        1 => Effect::Hold,
        2 => Effect::Add(0),
        _ => Effect::Add(random.below(507) as i16 - 253),
    }
}

fn medium(random: &mut Random, lan: &Lan) -> Medium {
    let delays = [Duration::ZERO, Duration::from_micros(500), lan.longest_wait() / 3];
    Medium {
        loss: random.pick(&[0, 5, 30, 70]),
        duplicates: random.pick(&[0, 0, 20]),
        corrupt: random.pick(&[0, 0, 10]),
        delay: random.pick(&delays),
    }
}

pub fn inflict(lan: &mut Lan, fault: Fault) {
    match fault {
        Fault::Medium(medium) => {
            lan.note(0, &format!("and all: {medium:?}"));
            lan.medium = medium;
        }
        Fault::Cut(from, to) => lan.cut(from, to),
        Fault::Mend(from, to) => lan.mend(from, to),
        Fault::Crash(node) => for_host(lan, node, Lan::crash),
        Fault::Kill(node) => for_host(lan, node, Lan::kill),
        Fault::ShutDown(node) => for_host(lan, node, Lan::shut_down),
        Fault::Start(node) => for_host(lan, node, |lan, node| match lan.nodes[node].life {
            Life::Dead | Life::Stopped => lan.start(node),
            Life::Running | Life::Stalled => {}
        }),
        Fault::Stall(node) => for_host(lan, node, Lan::stall),
        Fault::Wake(node) => for_host(lan, node, Lan::wake),
        Fault::Link(node, link) => lan.set_link(node, link),
        Fault::LoseAddress(node) => lan.lose_address(node),
        Fault::RestoreAddress(node) => lan.restore_address(node),
        Fault::Reload(node, change) => {
            for_host(lan, node, |lan, node| lan.reload(node, &change));
        }
        Fault::Track(node, effect) => lan.track(node, effect),
        Fault::Drain(node, drained) => lan.drain(lan.host(node), drained),
        Fault::Health(node, healthy) => {
            lan.note(node, if healthy { "healthy" } else { "not healthy" });
            lan.nodes[node].set_health(healthy);
        }
        Fault::CrashPeer(peer) => lan.crash_peer(peer),
        Fault::StartPeer(peer) => lan.start_peer(peer),
        Fault::PeerPriority(peer, priority) => lan.set_peer_priority(peer, priority),
        Fault::Zeros(times) => {
            (0..times).for_each(|_| forge(lan, Priority::RESIGN, Forged::default()));
        }
        Fault::Claim(priority) => forge(lan, Priority(priority), Forged::default()),
        Fault::Reserved(priority) => {
            forge(lan, Priority(priority), Forged { reserved: 0xf000, ..Forged::default() });
        }
        Fault::Routed(priority) => {
            forge(lan, Priority(priority), Forged { ttl: TTL - 1, ..Forged::default() });
        }
    }
}

/// What happens to one router of a host happens to all.
fn for_host(lan: &mut Lan, node: usize, what: impl Fn(&mut Lan, usize)) {
    for node in lan.members_of(lan.host(node)) {
        what(lan, node);
    }
}

/// How a stranger's advertisement differs from a good one.
#[derive(Clone, Copy, Debug)]
pub struct Forged {
    pub ttl: u8,
    /// Set in the word that has the interval of VRRPv3.
    pub reserved: u16,
}

impl Default for Forged {
    fn default() -> Self {
        Self { ttl: TTL, reserved: 0 }
    }
}

/// A stranger sends an advertisement of this priority.
pub fn forge(lan: &mut Lan, priority: Priority, forged: Forged) {
    let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 77));
    let fields = lan.nodes[0].settings().fields();
    let mut template = Template::new(&fields, source, Family::V4.group());
    let mut bytes = template.message(priority, ChecksumForm::PseudoHeader).to_vec();
    if fields.version == Version::V3 {
        set_reserved(&mut bytes, forged.reserved);
    }
    lan.note(0, &format!("and all: {source} says {priority} ({forged:?})"));
    lan.forge(source, forged.ttl, &bytes);
}

/// Sets bits that were 0, and makes the checksum right again (RFC 1624).
fn set_reserved(bytes: &mut [u8], bits: u16) {
    bytes[4] |= (bits >> 8) as u8;
    bytes[5] |= bits as u8;
    let sum = u32::from(!u16::from_be_bytes([bytes[6], bytes[7]])) + u32::from(bits);
    let folded = (sum & 0xffff) + (sum >> 16);
    bytes[6..8].copy_from_slice(&(!(folded as u16)).to_be_bytes());
}
