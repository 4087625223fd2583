//! Interfaces and their addresses, as rtnetlink tells of them.
//!
//! One socket hears events, another makes requests. An event socket that overflowed (ENOBUFS) is a
//! reason to ask for everything again, not to guess.

mod address;
mod news;
mod read;

use super::told::Told;
use crate::sys::netlink::{self as nl, forwarding, Builder, Netlink};
use crate::vrrp::debounce::{self, Debounce};
use crate::vrrp::time::Instant;
pub use address::Address;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

/// Our mark on the addresses that we add (IFA_PROTO): the number of VRRP's own protocol.
pub const ADDRESS_PROTO: u8 = crate::wire::PROTOCOL;

/// Room for events: some thousand address changes.
const EVENT_BUFFER: usize = 1 << 20;
/// Room for error replies to a batch of all addresses of many instances.
const REPLY_BUFFER: usize = 1 << 20;

/// An interface that the configuration names, there or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its index; `None` while there is no interface of that name.
    pub index: Option<u32>,
    /// Up, and with a carrier.
    pub running: bool,
    /// The same, as far as it counts: after the delay that the interface has.
    pub up: bool,
    /// Its hardware address, if it is one of Ethernet.
    pub mac: Option<[u8; 6]>,
    /// It forwards IPv6, so it says in neighbour advertisements that it is a router.
    pub forwarding: bool,
    /// It is a port of a bridge or a bond, which has what arrives on it.
    pub port: bool,
    /// Its addresses, in the kernel's order.
    pub addresses: Vec<Address>,
    /// A number that is another one whenever sockets have to join their groups on it anew.
    pub births: u32,
    /// Whoever is MASTER should announce its addresses there again.
    fresh: Option<Fresh>,
}

/// Why the segment should hear again where addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// The interface has another hardware address.
    Mac,
    /// It was down, and is up again.
    Up,
}

/// An interface that has another name now than the one that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Its number in the table, by its old name.
    pub link: usize,
    /// Its index.
    pub index: u32,
    /// Its new name; empty if that was missed.
    pub name: String,
}

/// A request that the kernel refused, or acknowledged if that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The sequence number of the request.
    pub seq: u32,
    /// The error number; 0 if all is well.
    pub errno: i32,
}

/// What was known of an interface before a reload.
pub struct Known {
    link: Link,
    delay: Option<Debounce>,
    /// Nobody named it any more already.
    retired: bool,
}

/// What is known of the interfaces.
pub struct Links {
    events: Netlink,
    requests: Netlink,
    buffer: Vec<u8>,
    table: Vec<Link>,
    dirty: Vec<bool>,
    /// Those with a delay.
    delays: Vec<Option<Debounce>>,
    /// From this number on nobody names them any more: a reload has to clear up there.
    retired: usize,
    refusals: Vec<Refusal>,
    /// There is an interface whose addresses have not been read.
    unread: bool,
    /// An address that we have asked for may be gone already.
    doubtful: bool,
    /// Those that have other names now.
    left: Vec<Left>,
    /// The kernel keeps our mark on addresses (Linux 5.18).
    marks: bool,
    /// When everything was read again because events were lost, and how often that was told.
    recovered_at: Option<Instant>,
    told: Told,
    /// Some interface or address has changed, also one that nobody watches.
    changed: bool,
    /// What is known may not be true any more.
    stale: bool,
}

impl Links {
    /// Opens the sockets; nothing is known yet.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open() -> io::Result<Self> {
        let groups = [
            nl::RTNLGRP_LINK,
            nl::RTNLGRP_IPV4_IFADDR,
            nl::RTNLGRP_IPV6_IFADDR,
            forwarding::RTNLGRP_IPV6_NETCONF,
        ];
        Ok(Self {
            events: Netlink::open(&groups, EVENT_BUFFER)?,
            requests: Netlink::open(&[], REPLY_BUFFER)?,
            buffer: Vec::with_capacity(32 * 1024),
            table: Vec::new(),
            dirty: Vec::new(),
            delays: Vec::new(),
            retired: usize::MAX,
            refusals: Vec::new(),
            unread: false,
            doubtful: false,
            left: Vec::new(),
            marks: false,
            recovered_at: None,
            told: Told::default(),
            changed: false,
            stale: false,
        })
    }

    /// Makes sure that we may change addresses at all, with a request that changes nothing: to
    /// remove an address from the interface with index 0, which there is none. The kernel looks at
    /// our rights first.
    ///
    /// # Errors
    /// EPERM without CAP_NET_ADMIN; what the kernel says.
    pub fn probe_rights(&mut self) -> io::Result<()> {
        let mut request = Vec::new();
        let mut builder = Builder::new(&mut request);
        builder.begin(nl::RTM_DELADDR, nl::NLM_F_REQUEST | nl::NLM_F_ACK, u32::MAX);
        builder.header(&nl::if_addr(nl::AF_INET, 32, 0, 0, 0));
        builder.end();
        self.requests.send(&request)?;
        let Some(length) = self.requests.receive(&mut self.buffer)? else {
            return Err(io::Error::other("the kernel did not answer"));
        };
        let refused = nl::messages(&self.buffer[..length])
            .filter(|message| message.kind == nl::NLMSG_ERROR)
            .map(|message| io::Error::from_raw_os_error(nl::error_code(message.body)))
            .find(|error| error.kind() == io::ErrorKind::PermissionDenied);
        refused.map_or(Ok(()), Err)
    }

    /// The descriptor that becomes readable when something changes.
    #[must_use]
    pub fn events_fd(&self) -> RawFd {
        self.events.as_raw_fd()
    }

    /// The descriptor that becomes readable when a request is refused.
    #[must_use]
    pub fn requests_fd(&self) -> RawFd {
        self.requests.as_raw_fd()
    }

    /// The number of an interface name; from the next `resync` on it is looked after.
    pub fn watch(&mut self, name: &str) -> usize {
        if let Some(link) = self.table.iter().position(|link| link.name == name) {
            return link;
        }
        self.table.push(Link { name: name.to_owned(), ..Link::default() });
        self.dirty.push(true);
        self.delays.push(None);
        self.table.len() - 1
    }

    /// Takes out all that is known; from here on interfaces are named anew.
    pub fn begin_anew(&mut self) -> Vec<Known> {
        let retired = std::mem::replace(&mut self.retired, usize::MAX);
        self.dirty.clear();
        self.left.clear();
        let known = self.table.drain(..).zip(self.delays.drain(..)).enumerate();
        known
            .map(|(number, (link, delay))| Known { link, delay, retired: number >= retired })
            .collect()
    }

    /// Takes over what was known. What nobody names any more stays until the next time, behind the
    /// others. Returns the new number of each, and whether there are names of which nothing is known.
    pub fn inherit(&mut self, known: &mut [Known]) -> (Vec<usize>, bool) {
        let named = self.table.len();
        let mut unknown = vec![true; named];
        let numbers = known.iter_mut().map(|it| {
            // Nothing has the number of one that had retired before.
            if it.retired && !self.table.iter().any(|link| link.name == it.link.name) {
                return usize::MAX;
            }
            let link = self.watch(&it.link.name);
            if let Some(unknown) = unknown.get_mut(link) {
                *unknown = false;
            }
            self.table[link] = it.link.clone();
            if let (Some(delay), Some(before)) = (&mut self.delays[link], &it.delay) {
                delay.inherit(before);
            }
            // Without a delay it counts as what it is.
            self.table[link].up = match &self.delays[link] {
                Some(delay) if it.delay.is_some() => delay.is_up(),
                Some(_) | None => it.link.running,
            };
            link
        });
        let numbers = numbers.collect();
        self.retired = named;
        (numbers, unknown.contains(&true))
    }

    /// An interface, by its number.
    #[must_use]
    pub fn get(&self, link: usize) -> &Link {
        &self.table[link]
    }

    /// From now on an interface counts as down, or up, only after it has been so for that long.
    pub fn delay(&mut self, link: usize, down: Duration, up: Duration) {
        self.delays[link] = Some(Debounce::new(down, up));
    }

    /// Whether its changes count after a delay.
    #[must_use]
    pub fn has_delay(&self, link: usize) -> bool {
        self.delays[link].is_some()
    }

    /// When an interface that has changed will count as changed.
    #[must_use]
    pub fn settles_at(&self, link: usize) -> Option<Instant> {
        self.delays[link]?.deadline()
    }

    /// What happens to an interface as far as its delay is concerned; true if it counts as
    /// something else from now on.
    pub fn settle(&mut self, now: Instant, link: usize, event: debounce::Event) -> bool {
        let it = &mut self.table[link];
        let before = it.up;
        it.up = match &mut self.delays[link] {
            Some(debounce) => {
                debounce.handle(now, event);
                debounce.is_up()
            }
            None => it.running,
        };
        it.up != before
    }

    /// The same, as the kernel says that the interface is.
    pub fn settle_as_it_is(&mut self, now: Instant, link: usize) {
        let it = &self.table[link];
        let event = match it.index {
            Some(_) => debounce::Event::Running(it.running),
            None => debounce::Event::Gone,
        };
        self.settle(now, link, event);
    }

    /// Something has changed about it.
    pub fn set_dirty(&mut self, link: usize) {
        self.dirty[link] = true;
    }

    /// Everything may have changed about all of them.
    pub fn set_all_dirty(&mut self) {
        self.dirty.fill(true);
    }

    /// Whether one of them has this MAC address.
    #[must_use]
    pub fn has_mac(&self, mac: [u8; 6]) -> bool {
        self.table.iter().any(|link| link.mac == Some(mac))
    }

    /// How many interfaces are watched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether something may have changed since this was last asked.
    pub fn take_dirty(&mut self, link: usize) -> bool {
        self.dirty.get_mut(link).is_some_and(std::mem::take)
    }

    /// Whether any interface or address may have changed since this was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }
    /// The interfaces that have other names now, each once.
    pub fn take_left(&mut self) -> Vec<Left> {
        std::mem::take(&mut self.left)
    }

    /// Why whoever is MASTER should announce its addresses on an interface again, told once.
    pub fn take_fresh(&mut self, link: usize) -> Option<Fresh> {
        self.table.get_mut(link)?.fresh.take()
    }

    /// Whether the kernel keeps our mark on addresses, as far as we have seen.
    #[must_use]
    pub const fn marks(&self) -> bool {
        self.marks
    }

    /// What is known may not be true any more.
    pub fn set_stale(&mut self) {
        self.stale = true;
    }

    /// What is known may not be true any more: it is time for `recover`.
    #[must_use]
    pub const fn is_stale(&self) -> bool {
        self.stale
    }
}
