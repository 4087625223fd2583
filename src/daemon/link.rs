//! Interfaces and their addresses, as rtnetlink tells of them.
//!
//! One socket hears events, another makes requests. An event socket that overflowed (ENOBUFS) is a
//! reason to ask for everything again, not to guess.

use crate::sys::netlink::{self as nl, forwarding, Builder, Netlink};
use crate::vrrp::debounce::{self, Debounce};
use crate::vrrp::time::Instant;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

/// Our mark on the addresses that we add (IFA_PROTO): the number of VRRP's own protocol.
pub const ADDRESS_PROTO: u8 = crate::wire::PROTOCOL;

/// Room for events: some thousand address changes.
const EVENT_BUFFER: usize = 1 << 20;
/// Room for error replies to a batch of all addresses of many instances.
const REPLY_BUFFER: usize = 1 << 20;
/// Datagrams of events that one turn takes in, so that no flood of them can starve the timers.
const TURN: usize = 1024;
/// How often a dump is begun again because the kernel's tables changed under it.
const DUMP_TRIES: u32 = 5;

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
    /// Its addresses, in the kernel's order.
    pub addresses: Vec<Address>,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub address: IpAddr,
    /// Length of its prefix.
    pub prefix_len: u8,
    /// IPv4: another address of the same prefix came first.
    pub secondary: bool,
    /// IPv6: not to be used yet, or never.
    pub tentative: bool,
    /// It bears our mark.
    pub ours: bool,
    /// We have asked for it, and the kernel has not told of it yet.
    pub expected: bool,
}

/// A request that the kernel refused, or acknowledged if that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The sequence number of the request.
    pub seq: u32,
    /// The error number; 0 if all is well.
    pub errno: i32,
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
    refusals: Vec<Refusal>,
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
            refusals: Vec::new(),
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

    /// Asks for everything anew.
    ///
    /// # Errors
    /// What the kernel says; then what was known before still stands.
    pub fn resync(&mut self) -> io::Result<()> {
        let known = self.table.clone();
        for link in &mut self.table {
            *link = Link { name: std::mem::take(&mut link.name), ..Link::default() };
        }
        self.dirty.fill(true);
        let read = self.dump(nl::RTM_GETLINK).and_then(|()| self.dump(nl::RTM_GETADDR));
        self.stale = read.is_err();
        if read.is_err() {
            self.table = known;
        }
        read
    }

    fn dump(&mut self, kind: u16) -> io::Result<()> {
        for _ in 0..DUMP_TRIES {
            let mut request = Vec::new();
            let mut builder = Builder::new(&mut request);
            builder.begin(kind, nl::NLM_F_REQUEST | nl::NLM_F_DUMP, u32::MAX);
            // The wider of the two headers (struct ifinfomsg); family 0: all.
            builder.header(&[0; 16]);
            builder.end();
            self.requests.send(&request)?;
            if self.read_dump()? {
                return Ok(());
            }
        }
        Err(io::Error::other("the kernel's tables change faster than they can be read"))
    }

    /// False if the dump is not consistent.
    fn read_dump(&mut self) -> io::Result<bool> {
        let mut consistent = true;
        loop {
            let mut buffer = std::mem::take(&mut self.buffer);
            let read = self.requests.receive(&mut buffer);
            let Some(length) = read? else {
                return Err(io::Error::other("the kernel did not finish its answer"));
            };
            let (mut done, mut failed) = (false, 0);
            for message in nl::messages(&buffer[..length]) {
                consistent &= message.flags & nl::NLM_F_DUMP_INTR == 0;
                match message.kind {
                    nl::NLMSG_DONE | nl::NLMSG_ERROR if message.seq == u32::MAX => {
                        done = true;
                        failed = failed.max(nl::error_code(message.body));
                    }
                    _ => self.message(message.kind, message.seq, message.body),
                }
            }
            self.buffer = buffer;
            match (done, failed) {
                (false, _) => {}
                (true, 0) => return Ok(consistent),
                (true, errno) => return Err(io::Error::from_raw_os_error(errno)),
            }
        }
    }

    /// Takes in the events that wait, or as many as one turn may take; true if there may be more.
    ///
    /// # Errors
    /// What the kernel says, but for ENOBUFS, which is answered with `resync`.
    pub fn drain_events(&mut self) -> io::Result<bool> {
        for _ in 0..TURN {
            match self.take_in(false) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) if nl::is_overrun(&error) => {
                    log::warn!("missed changes of interfaces or addresses: reading them all again");
                    self.resync()?;
                }
                Err(error) => {
                    self.stale = true;
                    return Err(error);
                }
            }
        }
        Ok(true)
    }

    /// Takes in the answers to requests, and hands out what was refused.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn drain_refusals(&mut self) -> io::Result<Vec<Refusal>> {
        loop {
            match self.take_in(true) {
                Ok(true) => {}
                Ok(false) => return Ok(std::mem::take(&mut self.refusals)),
                // Some refusals are lost: what became of the requests has to be looked up.
                Err(error) if nl::is_overrun(&error) => self.stale = true,
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads one datagram, of answers or of events; false if there is none.
    fn take_in(&mut self, answers: bool) -> io::Result<bool> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let socket = if answers { &self.requests } else { &self.events };
        let read = socket.receive(&mut buffer);
        if let Ok(Some(length)) = read {
            for message in nl::messages(&buffer[..length]) {
                self.message(message.kind, message.seq, message.body);
            }
        }
        self.buffer = buffer;
        read.map(|length| length.is_some())
    }

    /// Sends a batch of requests in one system call; the kernel has carried them out when this
    /// returns.
    ///
    /// # Errors
    /// What the kernel says of the batch as a whole; then nobody knows what was carried out.
    pub fn submit(&mut self, batch: &[u8]) -> io::Result<()> {
        let sent = nl::chunks(batch).try_for_each(|chunk| self.requests.send(chunk));
        self.stale |= sent.is_err();
        sent
    }

    /// What is known may not be true any more: it is time for `resync`.
    #[must_use]
    pub const fn is_stale(&self) -> bool {
        self.stale
    }

    fn message(&mut self, kind: u16, seq: u32, body: &[u8]) {
        self.changed |= kind != nl::NLMSG_ERROR;
        match kind {
            nl::RTM_NEWLINK => self.new_link(body),
            nl::RTM_DELLINK => self.del_link(body),
            forwarding::RTM_NEWNETCONF => self.forwarding(body),
            nl::RTM_NEWADDR | nl::RTM_DELADDR => self.address(kind == nl::RTM_NEWADDR, body),
            nl::NLMSG_ERROR => {
                // Without an error it is what somebody asked for: an answer in any case.
                self.refusals.push(Refusal { seq, errno: nl::error_code(body) });
            }
            _ => {}
        }
    }

    fn new_link(&mut self, body: &[u8]) {
        let Some((info, rest)) = nl::IfInfo::parse(body) else { return };
        let mut name = None;
        let mut mac = None;
        for (kind, value) in nl::attributes(rest) {
            match kind {
                nl::IFLA_IFNAME => name = nl::text(value),
                nl::IFLA_ADDRESS => mac = <[u8; 6]>::try_from(value).ok(),
                _ => {}
            }
        }
        let forwarding = forwarding::of_link(rest);
        let running = info.flags & nl::IFF_UP != 0 && info.flags & nl::IFF_RUNNING != 0;
        for (link, dirty) in self.table.iter_mut().zip(&mut self.dirty) {
            let named = Some(link.name.as_str()) == name;
            if link.index == Some(info.index) && !named {
                // It has another name now.
                *link = Link { name: std::mem::take(&mut link.name), ..Link::default() };
                *dirty = true;
            }
            if named {
                if link.index != Some(info.index) {
                    link.addresses.clear();
                }
                let forwarding = forwarding.unwrap_or(link.forwarding);
                let new = (Some(info.index), running, mac, forwarding);
                *dirty |= (link.index, link.running, link.mac, link.forwarding) != new;
                (link.index, link.running, link.mac, link.forwarding) = new;
            }
        }
    }

    fn del_link(&mut self, body: &[u8]) {
        let Some((info, rest)) = nl::IfInfo::parse(body) else { return };
        // A port that leaves a bridge is told of in the same words, for another family.
        if info.family != 0 || nl::attributes(rest).next().is_none() {
            return;
        }
        for (link, dirty) in self.table.iter_mut().zip(&mut self.dirty) {
            if link.index == Some(info.index) {
                *link = Link { name: std::mem::take(&mut link.name), ..Link::default() };
                *dirty = true;
            }
        }
    }

    fn forwarding(&mut self, body: &[u8]) {
        let Some((index, forwarding)) = forwarding::of_netconf(body) else { return };
        for (link, dirty) in self.table.iter_mut().zip(&mut self.dirty) {
            if link.index == Some(index) && link.forwarding != forwarding {
                link.forwarding = forwarding;
                *dirty = true;
            }
        }
    }

    fn address(&mut self, added: bool, body: &[u8]) {
        let Some((info, rest)) = nl::IfAddr::parse(body) else { return };
        let Some(link) = self.table.iter().position(|link| link.index == Some(info.index)) else {
            return;
        };
        let Some(address) = address(&info, rest) else { return };
        self.forget(link, address.address);
        if added {
            self.table[link].addresses.push(address);
        }
        self.dirty[link] = true;
    }

    /// Enters an interface that we have made: the event comes later.
    pub fn found(&mut self, link: usize, index: u32, mac: [u8; 6]) {
        let it = &mut self.table[link];
        if it.index != Some(index) {
            *it = Link { name: std::mem::take(&mut it.name), ..Link::default() };
            (it.index, it.mac) = (Some(index), Some(mac));
            self.dirty[link] = true;
        }
    }

    /// Takes an address out of the table: we have asked the kernel to remove it.
    pub fn forget(&mut self, link: usize, address: IpAddr) {
        self.table[link].addresses.retain(|known| known.address != address);
    }

    /// Puts an address into the table: we have asked the kernel to add it.
    pub fn expect(&mut self, link: usize, address: IpAddr, prefix_len: u8) {
        self.forget(link, address);
        let (secondary, tentative, ours, expected) = (true, false, true, true);
        let address = Address { address, prefix_len, secondary, tentative, ours, expected };
        self.table[link].addresses.push(address);
    }
}

impl Link {
    /// An address of this interface.
    #[must_use]
    pub fn find(&self, address: IpAddr) -> Option<&Address> {
        self.addresses.iter().find(|known| known.address == address)
    }
}

/// Reads the attributes of an address.
fn address(info: &nl::IfAddr, attributes: &[u8]) -> Option<Address> {
    let mut flags = u32::from(info.flags);
    let (mut local, mut peer, mut ours) = (None, None, false);
    for (kind, value) in nl::attributes(attributes) {
        match kind {
            nl::IFA_LOCAL => local = ip(value),
            nl::IFA_ADDRESS => peer = ip(value),
            nl::IFA_FLAGS => {
                flags = <[u8; 4]>::try_from(value).map_or(flags, u32::from_ne_bytes);
            }
            nl::IFA_PROTO => ours = value == [ADDRESS_PROTO],
            _ => {}
        }
    }
    let unusable = nl::IFA_F_TENTATIVE | nl::IFA_F_DADFAILED;
    Some(Address {
        // Without IFA_LOCAL (IPv6) the address is in IFA_ADDRESS.
        address: local.or(peer)?,
        prefix_len: info.prefix_len,
        secondary: local.is_some() && flags & nl::IFA_F_SECONDARY != 0,
        tentative: flags & unusable != 0,
        ours,
        expected: false,
    })
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(octets).ok().map(|octets| Ipv6Addr::from(octets).into())
}
