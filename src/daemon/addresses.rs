//! The virtual addresses as desired state: who wants which, and whether it is ours to remove.
//!
//! An address may be wanted by more than one instance; it goes when nobody wants it any more. What
//! was on the interface before us is used and announced, and never removed.

use super::link::{Address, Links, Refusal, ADDRESS_PROTO};
use crate::config::{AddressFlags, VirtualIpAddress};
use crate::sys::netlink::{self as nl, Builder};
use crate::wire::is_link_local;
use std::net::IpAddr;

/// Where we stand with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// Not on the interface, as far as we are concerned.
    Not,
    /// We put it there.
    Ours,
    /// It was there before us.
    Foreign,
}

/// How an address came to be there that had not been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// Somebody had removed it: it is put back.
    Again,
    /// The kernel has refused it for a while.
    AtLast,
}

/// One virtual address on one interface.
#[derive(Debug)]
struct Vip {
    link: usize,
    address: IpAddr,
    prefix_len: u8,
    label: Option<String>,
    brd: Option<[u8; 4]>,
    scope: u8,
    peer: Option<IpAddr>,
    preferred_lft: u32,
    /// IFA_F_
    flags: u32,
    /// It is static, and no instance has it.
    fixed: bool,
    /// How many instances want it.
    wanted: usize,
    held: Held,
    /// The kernel has refused it with this error, and that was told.
    refused: Option<i32>,
}

/// All virtual addresses of the configuration.
#[derive(Debug, Default)]
pub struct Addresses {
    vips: Vec<Vip>,
    /// The netlink requests of this turn.
    batch: Vec<u8>,
}

impl Addresses {
    /// The number of an address on an interface; the same for the same two.
    pub fn add(&mut self, link: usize, vip: &VirtualIpAddress) -> usize {
        let number = self.add_fixed(link, vip);
        self.vips[number].fixed = false;
        number
    }

    /// The number of an address that is static; the same as that of a virtual one.
    pub fn add_fixed(&mut self, link: usize, vip: &VirtualIpAddress) -> usize {
        let known = |known: &Vip| known.link == link && known.address == vip.address;
        if let Some(vip) = self.vips.iter().position(known) {
            return vip;
        }
        self.vips.push(Vip {
            link,
            address: vip.address,
            prefix_len: vip.prefix_len,
            label: vip.label.clone(),
            brd: vip.brd.map(|address| address.octets()),
            scope: vip.scope,
            peer: vip.peer,
            preferred_lft: vip.preferred_lft,
            flags: flags(vip.address, vip.flags),
            fixed: true,
            wanted: 0,
            held: Held::Not,
            refused: None,
        });
        self.vips.len() - 1
    }

    /// The interface and the address of a number.
    #[must_use]
    pub fn get(&self, vip: usize) -> (usize, IpAddr) {
        (self.vips[vip].link, self.vips[vip].address)
    }

    /// Whether an address is a virtual one, on any interface, or one that an earlier run has left.
    /// What is static is neither. A link-local address is another on another link.
    #[must_use]
    pub fn is_virtual(&self, link: usize, address: &Address) -> bool {
        let known = |vip: &&Vip| {
            vip.address == address.address && (vip.link == link || !is_link_local(vip.address))
        };
        if self.vips.iter().filter(known).any(|vip| !vip.fixed) {
            return true;
        }
        address.ours && !self.vips.iter().any(|vip| known(&vip))
    }

    /// The netlink requests of this turn, for what goes with the addresses.
    pub fn batch(&mut self) -> &mut Vec<u8> {
        &mut self.batch
    }

    /// One more instance wants it.
    pub fn acquire(&mut self, vip: usize, links: &mut Links) {
        self.vips[vip].wanted += 1;
        self.put_in_place(vip, links);
    }

    /// One instance less wants it.
    pub fn release(&mut self, vip: usize, links: &mut Links) {
        let it = &mut self.vips[vip];
        it.wanted = it.wanted.saturating_sub(1);
        if it.wanted == 0 {
            let ours = it.held == Held::Ours;
            it.held = Held::Not;
            it.refused = None;
            if ours {
                self.remove(vip, links);
            }
        }
    }

    /// Puts back what is wanted on an interface and is not there; returns what has vanished. What
    /// the kernel has refused is tried again, and returned when it is there.
    pub fn restore(&mut self, link: usize, links: &mut Links) -> Vec<(usize, Restored)> {
        let mut restored = Vec::new();
        for vip in 0..self.vips.len() {
            let it = &mut self.vips[vip];
            if it.link != link || it.wanted == 0 {
                continue;
            }
            match links.get(link).find(it.address) {
                Some(there) if there.expected || it.refused.is_none() => {}
                Some(_) => {
                    it.refused = None;
                    restored.push((vip, Restored::AtLast));
                }
                None => {
                    if it.refused.is_none() {
                        restored.push((vip, Restored::Again));
                    }
                    self.put_in_place(vip, links);
                }
            }
        }
        restored
    }

    /// Whether any of them is on its interface, whoever has put it there.
    #[must_use]
    pub fn any_there(&self, links: &Links) -> bool {
        self.vips.iter().any(|vip| links.get(vip.link).find(vip.address).is_some())
    }

    /// Removes what bears our mark and nobody wants: a crash has left it.
    pub fn remove_leftovers(&mut self, links: &mut Links) -> Vec<usize> {
        let left = |vip: &Vip| {
            let there = links.get(vip.link).find(vip.address);
            vip.wanted == 0 && there.is_some_and(|there| there.ours)
        };
        let left: Vec<usize> = (0..self.vips.len()).filter(|vip| left(&self.vips[*vip])).collect();
        for vip in &left {
            self.remove(*vip, links);
        }
        left
    }

    fn put_in_place(&mut self, vip: usize, links: &mut Links) {
        let it = &mut self.vips[vip];
        let link = links.get(it.link);
        let Some(index) = link.index else {
            it.held = Held::Not;
            return;
        };
        match (link.find(it.address), it.held) {
            (Some(there), Held::Not) if there.ours => it.held = Held::Ours,
            (Some(_), Held::Not) => it.held = Held::Foreign,
            (Some(_), Held::Ours | Held::Foreign) => {}
            (None, Held::Not | Held::Ours | Held::Foreign) => {
                it.held = Held::Ours;
                links.expect(it.link, it.address, it.prefix_len);
                let flags = nl::NLM_F_REQUEST | nl::NLM_F_CREATE | nl::NLM_F_EXCL;
                it.request(&mut self.batch, nl::RTM_NEWADDR, flags, vip as u32, index);
            }
        }
    }

    fn remove(&mut self, vip: usize, links: &mut Links) {
        let it = &self.vips[vip];
        links.forget(it.link, it.address);
        if let Some(index) = links.get(it.link).index {
            it.request(&mut self.batch, nl::RTM_DELADDR, nl::NLM_F_REQUEST, vip as u32, index);
        }
    }

    /// Sends the requests of this turn, all in one system call.
    pub fn flush(&mut self, links: &mut Links) {
        if self.batch.is_empty() {
            return;
        }
        if let Err(error) = links.submit(&self.batch) {
            log::error!("cannot change addresses: {error}");
        }
        self.batch.clear();
    }

    /// The kernel has refused a request. Some refusals say that all is as it should be.
    pub fn refused(&mut self, refusal: Refusal, links: &mut Links) {
        let Some(it) = self.vips.get_mut(refusal.seq as usize) else { return };
        let name = &links.get(it.link).name;
        match (refusal.errno, it.held) {
            // It was removed before us, or its interface was.
            (nl::EADDRNOTAVAIL | nl::ENODEV | nl::ENXIO, Held::Not) => {}
            (nl::EEXIST, _) => {
                log::info!("{} was on {name} already: using it, never removing it", it.address);
                it.held = Held::Foreign;
            }
            (errno, _) => {
                if it.refused != Some(errno) {
                    let why = why(it.address, errno);
                    log::error!("cannot change {}/{} on {name}: {why}", it.address, it.prefix_len);
                }
                it.refused = Some(errno);
                it.held = Held::Not;
                links.forget(it.link, it.address);
            }
        }
    }
}

/// What an error of the kernel means here.
fn why(address: IpAddr, errno: i32) -> String {
    match errno {
        // Of IPv6 alone, and no question of rights: those have been looked at.
        nl::EACCES if address.is_ipv6() => "IPv6 is off there (disable_ipv6)".into(),
        _ => std::io::Error::from_raw_os_error(errno).to_string(),
    }
}

impl Vip {
    fn request(&self, batch: &mut Vec<u8>, kind: u16, flags: u16, seq: u32, index: u32) {
        let mut builder = Builder::new(batch);
        builder.begin(kind, flags, seq);
        let family = match self.address {
            IpAddr::V4(_) => nl::AF_INET,
            IpAddr::V6(_) => nl::AF_INET6,
        };
        builder.header(&nl::if_addr(family, self.prefix_len, 0, self.scope, index));
        let has_local = self.address.is_ipv4() || self.peer.is_some();
        if has_local {
            address(&mut builder, nl::IFA_LOCAL, self.address);
        }
        address(&mut builder, nl::IFA_ADDRESS, self.peer.unwrap_or(self.address));
        if kind == nl::RTM_NEWADDR {
            self.details(&mut builder);
        }
        builder.end();
    }
    /// What only a request to add it needs.
    fn details(&self, builder: &mut Builder<'_>) {
        const FOREVER: u32 = u32::MAX;
        if let Some(brd) = self.brd {
            builder.attribute(nl::IFA_BROADCAST, &brd);
        }
        if let Some(label) = &self.label {
            builder.attribute(nl::IFA_LABEL, &[label.as_bytes(), &[0]].concat());
        }
        if self.flags != 0 {
            builder.attribute(nl::IFA_FLAGS, &self.flags.to_ne_bytes());
        }
        if self.preferred_lft != FOREVER {
            // Preferred, valid, and when it was made and changed, which the kernel knows.
            let times = [self.preferred_lft, FOREVER, 0, 0].map(u32::to_ne_bytes);
            builder.attribute(nl::IFA_CACHEINFO, &times.concat());
        }
        builder.attribute(nl::IFA_PROTO, &[ADDRESS_PROTO]);
    }
}

/// IFA_F_. A virtual address of IPv6 is used at once: who had it before may still answer for it,
/// and a duplicate that is found would be the end of it.
fn flags(address: IpAddr, said: AddressFlags) -> u32 {
    let AddressFlags { home, dad, mngtmpaddr, noprefixroute, autojoin } = said;
    let is_ipv6 = address.is_ipv6();
    [
        (is_ipv6 && !dad, nl::IFA_F_NODAD),
        (is_ipv6 && home, nl::IFA_F_HOMEADDRESS),
        (is_ipv6 && mngtmpaddr, nl::IFA_F_MANAGETEMPADDR),
        (noprefixroute, nl::IFA_F_NOPREFIXROUTE),
        (autojoin, nl::IFA_F_MCAUTOJOIN),
    ]
    .into_iter()
    .fold(0, |flags, (is_set, flag)| if is_set { flags | flag } else { flags })
}

fn address(builder: &mut Builder<'_>, kind: u16, address: IpAddr) {
    match address {
        IpAddr::V4(address) => builder.attribute(kind, &address.octets()),
        IpAddr::V6(address) => builder.attribute(kind, &address.octets()),
    }
}
