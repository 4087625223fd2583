//! What hears others claim our addresses: a socket for each interface and family, with a filter for
//! exactly that.

use super::program;
use crate::sys::netns::is_still;
use crate::sys::packet::PacketSocket;
use crate::sys::raw::{Inbox, Options, RawSocket};
use crate::vrrp::time::Instant;
use crate::wire::claim::{self, Claim};
use crate::wire::Family;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

/// Nobody is heard for so long after somebody was, so that a flood of claims wakes us once in that
/// time. What comes meanwhile waits, or is counted if it does not fit.
const PAUSE: Duration = Duration::from_secs(1);
/// Claims that may wait, as the kernel counts: a hundred or so.
const RECEIVE_BUFFER: usize = 64 * 1024;
/// Claims that are read in one turn.
const TURN: usize = 512;
const ETHERTYPE_ARP: u16 = 0x0806;
const ICMPV6: u8 = 58;
/// All nodes of the link: where those answer whom nobody has asked, or who has no address.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

enum Socket {
    /// With Ethernet headers.
    Arp(PacketSocket),
    /// As IPv6 delivers it: what is forwarded has not to pass a filter of ours. Verified, and with
    /// the drops that were counted.
    Neighbour(RawSocket, u32),
}

/// One interface and family.
pub struct Ears {
    /// The interface, by its number in the link table.
    pub link: usize,
    /// The family.
    pub family: Family,
    socket: Option<Socket>,
    /// The interface that the socket is bound to.
    ifindex: u32,
    /// What the filter is made of.
    hears: (Option<[u8; 6]>, Vec<IpAddr>),
    /// It waits to be read.
    pub ready: bool,
    /// It is not listened to until then.
    pub paused_until: Option<Instant>,
    /// Claims that did not fit.
    pub dropped: u64,
    /// It could not be opened, and that was told.
    failed: bool,
}

/// What became of a change.
pub enum Change {
    /// All is as it should be.
    None,
    /// A new socket, to be watched.
    Opened(RawFd),
    /// It cannot be opened. The first time it is to be told.
    Failed(io::Error),
}

impl Ears {
    /// Of an interface; closed.
    #[must_use]
    pub fn new(link: usize, family: Family) -> Self {
        Self {
            link,
            family,
            socket: None,
            ifindex: 0,
            hears: (None, Vec::new()),
            ready: false,
            paused_until: None,
            dropped: 0,
            failed: false,
        }
    }

    /// Takes over the socket of its predecessor. What was heard is what that was for.
    pub fn inherit(&mut self, old: &mut Self) {
        *self = Self { link: self.link, ..std::mem::replace(old, Self::new(0, self.family)) };
    }

    /// The descriptor, if it is open.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        self.socket.as_ref().map(|socket| match socket {
            Socket::Arp(socket) => socket.as_raw_fd(),
            Socket::Neighbour(socket, _) => socket.as_raw_fd(),
        })
    }

    /// From now on it hears what others claim of these addresses, which are in order. It stays open
    /// without any: the kernel takes its time to close such a socket.
    pub fn listen(
        &mut self,
        (name, index, mac): (&str, Option<u32>, Option<[u8; 6]>),
        addresses: Vec<IpAddr>,
    ) -> Change {
        let Some(index) = index else {
            *self = Self { dropped: self.dropped, ..Self::new(self.link, self.family) };
            return Change::None;
        };
        let opens = self.socket.is_none() || self.ifindex != index;
        if opens && addresses.is_empty() || !opens && self.hears == (mac, addresses.clone()) {
            return Change::None;
        }
        let changed = match opens {
            true => self.open(name, index, mac, &addresses),
            false => self.attach(mac, &addresses),
        };
        match changed {
            Ok(()) => {
                self.hears = (mac, addresses);
                self.failed = false;
                self.fd().filter(|_| opens).map_or(Change::None, Change::Opened)
            }
            Err(error) => {
                self.socket = None;
                if !is_still(name, index) {
                    return Change::None;
                }
                match std::mem::replace(&mut self.failed, true) {
                    true => Change::None,
                    false => Change::Failed(error),
                }
            }
        }
    }

    /// Hears nothing any more, and keeps nothing.
    pub fn fall_silent(&mut self) {
        let _ = self.attach(None, &[]);
        self.paused_until = None;
    }

    fn open(
        &mut self,
        name: &str,
        index: u32,
        mac: Option<[u8; 6]>,
        addresses: &[IpAddr],
    ) -> io::Result<()> {
        self.ready = false;
        self.paused_until = None;
        let program = self.program(mac, addresses);
        self.socket = Some(match self.family {
            Family::V4 => {
                Socket::Arp(PacketSocket::hear(index, ETHERTYPE_ARP, RECEIVE_BUFFER, &program)?)
            }
            Family::V6 => {
                let options = Options {
                    ipv6: true,
                    protocol: ICMPV6,
                    interface: name,
                    ifindex: index,
                    group: Some(ALL_NODES.into()),
                    ttl: u8::MAX,
                    traffic_class: 0,
                    receive_buffer: RECEIVE_BUFFER,
                    free_source: false,
                };
                Socket::Neighbour(RawSocket::open(&options, &program)?, 0)
            }
        });
        self.ifindex = index;
        Ok(())
    }

    fn attach(&self, mac: Option<[u8; 6]>, addresses: &[IpAddr]) -> io::Result<()> {
        let program = self.program(mac, addresses);
        match &self.socket {
            None => Ok(()),
            Some(Socket::Arp(socket)) => socket.attach_filter(&program),
            Some(Socket::Neighbour(socket, _)) => socket.attach_filter(&program),
        }
    }

    fn program(
        &self,
        mac: Option<[u8; 6]>,
        addresses: &[IpAddr],
    ) -> Vec<crate::sys::raw::Instruction> {
        match self.family {
            Family::V4 => {
                let v4 = |address: &IpAddr| match address {
                    IpAddr::V4(address) => Some(*address),
                    IpAddr::V6(_) => None,
                };
                let addresses: Vec<_> = addresses.iter().filter_map(v4).collect();
                program::arp(mac.unwrap_or_default(), &addresses)
            }
            Family::V6 => {
                let v6 = |address: &IpAddr| match address {
                    IpAddr::V4(_) => None,
                    IpAddr::V6(address) => Some(*address),
                };
                let addresses: Vec<_> = addresses.iter().filter_map(v6).collect();
                program::neighbour(&addresses)
            }
        }
    }

    /// Reads what waits, and hands out the claims.
    pub fn read(&mut self, now: Instant, inbox: &mut Inbox, mut claimed: impl FnMut(Claim)) {
        self.ready = false;
        self.paused_until = Some(now + PAUSE);
        match &mut self.socket {
            None => {}
            Some(Socket::Arp(socket)) => {
                let mut buffer = [0; 64];
                for _ in 0..TURN {
                    let Ok(Some(frame)) = socket.receive(&mut buffer) else { break };
                    let frame = buffer.get(..frame.len).unwrap_or(&buffer);
                    claim::arp(frame).into_iter().for_each(&mut claimed);
                }
                self.dropped += u64::from(socket.take_dropped());
            }
            Some(Socket::Neighbour(socket, counted)) => {
                let mut read = 0;
                while read < TURN {
                    let count = socket.receive(inbox).unwrap_or(0);
                    for slot in 0..count {
                        let packet = inbox.packet(slot);
                        let claim = claim::neighbour(packet.ttl, packet.payload);
                        claim.into_iter().for_each(&mut claimed);
                    }
                    read += count;
                    if count < inbox.slots() {
                        break;
                    }
                }
                let dropped = socket.dropped();
                self.dropped += u64::from(dropped.wrapping_sub(*counted));
                *counted = dropped;
            }
        }
    }
}
