//! What the kernel tells of interfaces and addresses, and what we know before it does.

use super::{address, Address, Fresh, Left, Link, Links, Refusal};
use crate::sys::netlink::{self as nl, forwarding};
use std::net::IpAddr;

/// What a message says of an interface.
struct Said<'a> {
    name: &'a str,
    index: u32,
    running: bool,
    mac: Option<[u8; 6]>,
    /// If it says that at all.
    forwarding: Option<bool>,
    port: Option<bool>,
}

impl<'a> Said<'a> {
    /// `None` if it does not say the name.
    fn read(info: &nl::IfInfo, rest: &'a [u8]) -> Option<Self> {
        let (mut name, mut mac) = (None, None);
        for (kind, value) in nl::attributes(rest) {
            match kind {
                nl::IFLA_IFNAME => name = nl::text(value),
                nl::IFLA_ADDRESS => mac = <[u8; 6]>::try_from(value).ok(),
                _ => {}
            }
        }
        Some(Self {
            name: name?,
            index: info.index,
            running: info.flags & nl::IFF_UP != 0 && info.flags & nl::IFF_RUNNING != 0,
            mac,
            forwarding: forwarding::of_link(rest),
            // A bridge tells of its ports too, in fewer words.
            port: (info.family == 0).then(|| nl::link::is_port(rest)),
        })
    }
}

impl Links {
    pub(super) fn message(&mut self, kind: u16, seq: u32, body: &[u8]) {
        self.changed |= kind != nl::NLMSG_ERROR;
        match kind {
            nl::RTM_NEWLINK => self.new_link(body),
            nl::RTM_DELLINK => self.del_link(body),
            forwarding::RTM_NEWNETCONF => self.forwarding(body),
            forwarding::RTM_DELNETCONF => self.no_ipv6(body),
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
        let Some(said) = Said::read(&info, rest) else { return };
        for (number, (link, dirty)) in self.table.iter_mut().zip(&mut self.dirty).enumerate() {
            let named = link.name == said.name;
            if link.index == Some(said.index) && !named {
                // What is ours on it is not meant for it.
                let name = said.name.to_owned();
                self.left.push(Left { link: number, index: said.index, name });
                link.is_gone();
                *dirty = true;
            }
            if named {
                // It may have had another name, and addresses that nobody tells of again.
                self.unread |= link.index != Some(said.index);
                *dirty |= link.is_told(&said);
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
                link.is_gone();
                *dirty = true;
            }
        }
        self.left.retain(|left| left.index != info.index);
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

    /// IPv6 has left an interface, and its groups with it: an MTU that is too small does that.
    fn no_ipv6(&mut self, body: &[u8]) {
        let Some(index) = forwarding::gone(body) else { return };
        for (link, dirty) in self.table.iter_mut().zip(&mut self.dirty) {
            if link.index == Some(index) {
                link.births = link.births.wrapping_add(1);
                *dirty = true;
            }
        }
    }

    fn address(&mut self, added: bool, body: &[u8]) {
        let Some((info, rest)) = nl::IfAddr::parse(body) else { return };
        let Some(link) = self.table.iter().position(|link| link.index == Some(info.index)) else {
            return;
        };
        let Some(mut address) = address::read(&info, rest) else { return };
        let addresses = &mut self.table[link].addresses;
        let known = addresses.iter().position(|known| known.is(&address));
        match known {
            // This may be older than our asking for it. Of an address of IPv6 that is gone again soon
            // nothing else is told.
            Some(at) if !added && addresses[at].expected => {
                (self.unread, self.doubtful) = (true, true);
                return;
            }
            Some(at) if !added => {
                addresses.remove(at);
            }
            Some(at) => {
                address.remember(&addresses[at]);
                addresses[at] = address;
            }
            None if added => addresses.push(address),
            None => {}
        }
        self.marks |= added && address.ours;
        self.dirty[link] = true;
    }

    /// Enters an interface that we have made: the event comes later.
    pub fn found(&mut self, link: usize, index: u32, mac: [u8; 6]) {
        let it = &mut self.table[link];
        if it.index != Some(index) {
            it.is_gone();
            (it.index, it.mac) = (Some(index), Some(mac));
            self.dirty[link] = true;
        }
    }

    /// Enters the hardware address that we have given an interface: the event comes later.
    pub fn got_mac(&mut self, link: usize, mac: [u8; 6]) {
        self.table[link].mac = Some(mac);
    }

    /// Takes an address out of the table: we have asked the kernel to remove it.
    pub fn forget(&mut self, link: usize, address: IpAddr, prefix_len: u8) {
        let is_it = |it: &Address| (it.address, it.prefix_len) == (address, prefix_len);
        self.table[link].addresses.retain(|known| !is_it(known));
    }

    /// Puts an address into the table: we have asked the kernel to add it.
    pub fn expect(&mut self, link: usize, address: IpAddr, prefix_len: u8) {
        self.forget(link, address, prefix_len);
        let (secondary, tentative, ours, expected) = (true, false, true, true);
        let created = 0;
        let new = Address { address, prefix_len, secondary, tentative, ours, expected, created };
        self.table[link].addresses.push(new);
    }

    /// The kernel had an address already that we have asked it for. Whose it is says a look at all
    /// of them.
    pub fn was_there(&mut self, link: usize, address: IpAddr) {
        for known in &mut self.table[link].addresses {
            if known.address == address && known.expected {
                (known.ours, known.expected) = (false, false);
                self.stale = true;
            }
        }
    }
}

impl Link {
    /// There is no interface of this name any more, or it is another. What listens on one that comes
    /// has to join its groups there.
    fn is_gone(&mut self) {
        let births = self.births.wrapping_add(1);
        *self = Self { name: std::mem::take(&mut self.name), births, ..Self::default() };
    }

    /// How an interface of this name is. True if it was another, or otherwise.
    fn is_told(&mut self, said: &Said<'_>) -> bool {
        if self.index.is_some_and(|known| known != said.index) {
            self.is_gone();
        }
        let before = self.clone_without_addresses();
        (self.index, self.running, self.mac) = (Some(said.index), said.running, said.mac);
        self.forwarding = said.forwarding.unwrap_or(self.forwarding);
        self.port = said.port.unwrap_or(self.port);
        self.compare(&before);
        (before.index, before.running, before.mac, before.forwarding, before.port)
            != (self.index, self.running, self.mac, self.forwarding, self.port)
    }

    fn clone_without_addresses(&self) -> Self {
        let Self { index, running, mac, forwarding, port, .. } = *self;
        Self { index, running, mac, forwarding, port, ..Self::default() }
    }

    /// What the segment should hear of, if the interface was like this before.
    pub(super) fn compare(&mut self, before: &Self) {
        if self.index.is_none() || self.index != before.index {
            return;
        }
        if before.mac.is_some() && self.mac.is_some() && before.mac != self.mac {
            self.fresh = Some(Fresh::Mac);
        } else if self.running && !before.running {
            self.fresh = self.fresh.or(Some(Fresh::Up));
        }
    }
}
