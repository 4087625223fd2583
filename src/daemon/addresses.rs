//! The virtual addresses as desired state: who wants which, and whether it is ours to remove.
//!
//! An address may be wanted by more than one instance; it goes when nobody wants it any more. What
//! was on the interface before us is used and announced, and never removed; neither is what somebody
//! else has put there instead of ours.

mod secondaries;
mod vip;

use super::link::{Address, Left, Links, Refusal};
use crate::config::VirtualIpAddress;
use crate::sys::netlink as nl;
use crate::vrrp::time::Instant;
use crate::wire::is_link_local;
use std::net::IpAddr;
use std::time::Duration;
use vip::{flags, Orders, There, Vip};

/// An address that is there until somebody removes it.
const FOREVER: u32 = u32::MAX;

/// The sequence number of a request whose answer is about nothing that we still have.
const NOBODY: u32 = (1 << 28) - 1;

/// What one that somebody removes again and again is put back after.
pub const PAUSE: Duration = Duration::from_millis(30);

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

/// What has become of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restored {
    /// Somebody had removed it: it is put back. With what is to be added if that should be told.
    Again(Option<String>),
    /// It could not be there for a while.
    AtLast,
    /// Somebody has put it there instead of ours.
    Replaced,
}

/// An address as the kernel knows it, for the next run to find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftAddress {
    /// Itself.
    pub address: IpAddr,
    /// Length of its prefix, or of that of the other end.
    pub prefix_len: u8,
    /// The other end.
    pub peer: Option<IpAddr>,
}

/// All virtual addresses of the configuration.
#[derive(Debug, Default)]
pub struct Addresses {
    vips: Vec<Vip>,
    /// What this turn asks of the kernel.
    orders: Orders,
    /// One that is not there has to wait a moment.
    waits: bool,
    /// The kernel has not taken a batch, and that was said.
    not_taken: bool,
    times_not_taken: u32,
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
            label: vip.label.clone(),
            brd: vip.brd.map(|address| address.octets()),
            scope: vip.scope,
            peer: vip.peer,
            preferred_lft: vip.preferred_lft,
            flags: flags(vip.address, vip.flags),
            fixed: true,
            ..Vip::new(link, vip.address, vip.prefix_len)
        });
        self.vips.len() - 1
    }

    /// One that an earlier run may have put there: unless somebody wants it by then,
    /// [`Addresses::remove_leftovers`] removes it.
    pub fn add_left(&mut self, link: usize, left: &LeftAddress) {
        let known = |known: &Vip| known.link == link && known.address == left.address;
        if !self.vips.iter().any(known) {
            let new = Vip::new(link, left.address, left.prefix_len);
            self.vips.push(Vip { peer: left.peer, ..new });
        }
    }

    /// Those that we have put on interfaces, by their numbers.
    pub fn ours(&self) -> impl Iterator<Item = (usize, LeftAddress)> + '_ {
        let ours = self.vips.iter().filter(|vip| vip.held == Held::Ours);
        ours.map(|vip| {
            let Vip { address, prefix_len, peer, .. } = *vip;
            (vip.link, LeftAddress { address, prefix_len, peer })
        })
    }

    /// The interface and the address of a number.
    #[must_use]
    pub fn vip(&self, vip: usize) -> &Vip {
        &self.vips[vip]
    }

    /// The interface, by its number in the link table, and the address.
    #[must_use]
    pub fn get(&self, vip: usize) -> (usize, IpAddr) {
        (self.vips[vip].link, self.vips[vip].address)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.vips.len()
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

    /// Keeps what is wanted now, whoever lets go of it: until a reload has found out who wants it.
    pub fn hold(&mut self) {
        self.vips.iter_mut().filter(|it| it.wanted > 0).for_each(|it| it.wanted += 1);
    }

    /// Takes over what is on the interfaces after a reload; `links` has the new number of each
    /// interface. What nobody can want any more goes, and what is to look otherwise is replaced.
    pub fn inherit(&mut self, old: Self, numbers: &[usize], links: &mut Links) {
        (self.not_taken, self.times_not_taken) = (old.not_taken, old.times_not_taken);
        for mut before in old.vips {
            before.link = numbers[before.link];
            let same = |vip: &&mut Vip| (vip.link, vip.address) == (before.link, before.address);
            let heir = self.vips.iter_mut().find(same);
            let looks_same = heir.as_ref().is_some_and(|heir| heir.looks_like(&before));
            match (heir, before.held) {
                (Some(heir), Held::Ours) if looks_same => {
                    heir.held = Held::Ours;
                    (heir.refused, heir.refusal_told) = (before.refused, before.refusal_told);
                    heir.valid_lft = before.valid_lft;
                }
                (Some(heir), Held::Foreign | Held::Not) => {
                    heir.held = before.held;
                    (heir.refused, heir.refusal_told) = (before.refused, before.refusal_told);
                }
                (Some(_) | None, Held::Ours) => before.remove(&mut self.orders, NOBODY, links),
                (None, Held::Foreign | Held::Not) => {}
            }
        }
    }

    /// Removes what we have put there and nobody wants after a reload.
    pub fn sweep(&mut self, links: &mut Links) {
        for (number, vip) in self.vips.iter_mut().enumerate() {
            if vip.wanted == 0 {
                if vip.held == Held::Ours {
                    vip.leaving = true;
                    vip.remove(&mut self.orders, number as u32, links);
                }
                (vip.held, vip.refused) = (Held::Not, None);
            }
        }
    }

    /// Whether it is on its interface, as far as we know.
    #[must_use]
    pub fn is_held(&self, vip: usize) -> bool {
        self.vips[vip].held != Held::Not
    }

    /// How often the kernel has not taken a batch.
    #[must_use]
    pub const fn times_not_taken(&self) -> u32 {
        self.times_not_taken
    }

    /// The netlink requests of this turn, for what goes with the addresses.
    pub fn batch(&mut self) -> &mut Vec<u8> {
        &mut self.orders.batch
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
            let ours = it.held == Held::Ours && it.there(links) != There::Foreign;
            it.held = Held::Not;
            (it.refused, it.put_back) = (None, false);
            it.leaving = ours;
            it.valid_lft = FOREVER;
            if ours {
                it.remove(&mut self.orders, vip as u32, links);
            }
        }
    }

    /// Requests were lost, and what is there was read anew: removes what is there still and was to be
    /// removed.
    pub fn remove_again(&mut self, links: &mut Links) {
        for vip in 0..self.vips.len() {
            let it = &self.vips[vip];
            if it.leaving && it.wanted == 0 {
                match links.get(it.link).find(it.address) {
                    Some(_) => it.remove(&mut self.orders, vip as u32, links),
                    None => self.vips[vip].leaving = false,
                }
            }
        }
    }

    /// Whether an address on its interface is ours to take away, or would be.
    #[must_use]
    pub fn is_ours(&self, vip: usize, links: &Links) -> bool {
        let it = &self.vips[vip];
        match it.held {
            Held::Ours => true,
            Held::Foreign => false,
            Held::Not => links.get(it.link).find(it.address).is_none_or(|there| there.ours),
        }
    }

    /// Whether we have put an address on any interface.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        self.vips.iter().any(|vip| vip.address == address && vip.held == Held::Ours)
    }

    /// When it is put on its interface next, it is there for so many seconds.
    pub fn set_lifetime(&mut self, vip: usize, seconds: u32) {
        self.vips[vip].valid_lft = seconds;
    }

    /// From now on these are there for so many seconds, and all others for good. They are in order.
    pub fn renew(&mut self, lifetimes: &[(usize, u32)], links: &Links) {
        for number in 0..self.vips.len() {
            let it = &mut self.vips[number];
            let found = lifetimes.binary_search_by_key(&number, |(vip, _)| *vip);
            let seconds = found.ok().and_then(|at| lifetimes.get(at)).map_or(FOREVER, |it| it.1);
            if seconds == FOREVER && it.valid_lft == FOREVER {
                continue;
            }
            it.valid_lft = seconds;
            let index = links.get(it.link).index.filter(|_| it.held == Held::Ours);
            if let Some(index) = index {
                let flags = nl::NLM_F_REQUEST | nl::NLM_F_CREATE | nl::NLM_F_REPLACE;
                it.request(&mut self.orders.batch, nl::RTM_NEWADDR, flags, number as u32, index);
            }
        }
    }

    /// Puts back what is wanted on an interface and is not there; returns what has become of it. What
    /// the kernel has refused is tried again, and returned when it is there.
    pub fn restore(
        &mut self,
        now: Instant,
        link: usize,
        links: &mut Links,
    ) -> Vec<(usize, Restored)> {
        let mut restored = Vec::new();
        for vip in 0..self.vips.len() {
            let it = &mut self.vips[vip];
            if it.link != link || it.wanted == 0 {
                continue;
            }
            match (it.there(links), it.held) {
                (There::Soon, _) => {}
                (there @ (There::Ours | There::Foreign), _) if it.refused.is_some() => {
                    it.held = if there == There::Ours { Held::Ours } else { Held::Foreign };
                    it.refused = None;
                    restored.push((vip, Restored::AtLast));
                }
                // The kernel has told of it only now.
                (There::Ours, _) => it.held = Held::Ours,
                (There::Foreign, Held::Ours) => {
                    it.held = Held::Foreign;
                    restored.push((vip, Restored::Replaced));
                }
                (There::Foreign, _) => it.held = Held::Foreign,
                (There::Not, _) if it.restored_at.is_some_and(|at| now < at + PAUSE) => {
                    self.waits = true;
                }
                (There::Not, held) => {
                    if it.refused.is_none() {
                        let what = match held {
                            Held::Not => Restored::AtLast,
                            Held::Ours | Held::Foreign => Restored::Again(it.told.tell(now)),
                        };
                        it.put_back = matches!(what, Restored::Again(_));
                        it.restored_at = Some(now);
                        restored.push((vip, what));
                    }
                    self.put_in_place(vip, links);
                }
            }
        }
        restored
    }

    /// An address of somebody else that came when one of ours was the first of its prefix is put before
    /// ours: what the host sends is to come from its own. Returns which that is, and which of ours was
    /// before it.
    pub fn put_behind(&mut self, link: usize, links: &mut Links) -> Option<(IpAddr, IpAddr)> {
        let there = &links.get(link).addresses;
        let held = |vip: &&Vip| vip.link == link && vip.held == Held::Ours;
        let is_ours = |it: &Address| {
            let is_it = |vip: &Vip| (vip.address, vip.prefix_len) == (it.address, it.prefix_len);
            it.ours || self.vips.iter().filter(held).any(is_it)
        };
        let mut first = self.vips.iter().filter(held).filter_map(|vip| {
            let other = secondaries::go_with(vip.address, vip.prefix_len, there, is_ours)?;
            Some((other, (vip.address, vip.prefix_len)))
        });
        let (other, network) = first.next()?;
        let behind = |vip: &Vip| {
            vip.link == link
                && vip.held == Held::Ours
                && secondaries::same_network((vip.address, vip.prefix_len), network)
        };
        for (number, vip) in self.vips.iter().enumerate().filter(|(_, vip)| behind(vip)) {
            vip.remove(&mut self.orders, number as u32, links);
        }
        for number in 0..self.vips.len() {
            if behind(&self.vips[number]) {
                self.put_in_place(number, links);
            }
        }
        Some((other, network.0))
    }

    /// Whether one that is not there has to wait a moment, since this was last asked.
    pub fn take_waits(&mut self) -> bool {
        std::mem::take(&mut self.waits)
    }

    /// Removes what is ours from an interface that has another name now: it is meant for the one
    /// that has, or gets, the old name. Returns how many addresses that was.
    pub fn leave(&mut self, left: &Left, links: &mut Links) -> usize {
        let mut count = 0;
        for vip in self.vips.iter_mut().filter(|vip| vip.link == left.link) {
            if vip.held == Held::Ours {
                let flags = nl::NLM_F_REQUEST;
                vip.request(&mut self.orders.batch, nl::RTM_DELADDR, flags, NOBODY, left.index);
                // It may have the old name again already; the kernel has changed labels then.
                if links.get(left.link).index == Some(left.index) {
                    links.forget(left.link, vip.address, vip.prefix_len);
                }
                count += 1;
            }
            vip.held = Held::Not;
        }
        count
    }

    /// Whether any of them is on its interface, whoever has put it there.
    #[must_use]
    pub fn any_there(&self, links: &Links) -> bool {
        self.vips.iter().any(|vip| links.get(vip.link).find(vip.address).is_some())
    }

    /// Removes what bears our mark and is to have another length of its prefix now: nobody would find
    /// it any more. The numbers of those that are to be.
    pub fn remove_misfits(&mut self, links: &mut Links) -> Vec<usize> {
        let mut found = Vec::new();
        for (number, it) in self.vips.iter().enumerate() {
            let is_misfit = |there: &&Address| {
                there.ours && there.address == it.address && there.prefix_len != it.prefix_len
            };
            let misfits = links.get(it.link).addresses.iter().filter(is_misfit);
            let misfits: Vec<u8> = misfits.map(|there| there.prefix_len).collect();
            for len in misfits {
                Vip::new(it.link, it.address, len).remove(&mut self.orders, NOBODY, links);
                found.push(number);
            }
        }
        found
    }

    /// Removes what bears our mark and nobody wants: a crash has left it.
    pub fn remove_leftovers(&mut self, links: &mut Links) -> Vec<usize> {
        let left = |vip: &Vip| {
            let there = links.get(vip.link).find(vip.address);
            vip.wanted == 0 && there.is_some_and(|there| there.ours)
        };
        let left: Vec<usize> = (0..self.vips.len()).filter(|vip| left(&self.vips[*vip])).collect();
        for vip in &left {
            self.vips[*vip].remove(&mut self.orders, *vip as u32, links);
        }
        left
    }

    fn put_in_place(&mut self, vip: usize, links: &mut Links) {
        let it = &mut self.vips[vip];
        let Some(index) = links.get(it.link).index else {
            it.held = Held::Not;
            return;
        };
        it.leaving = false;
        match (it.there(links), it.held) {
            (There::Soon, _) => {}
            (There::Ours, Held::Not) => it.held = Held::Ours,
            (There::Foreign, Held::Not) => it.held = Held::Foreign,
            (There::Ours | There::Foreign, Held::Ours | Held::Foreign) => {}
            (There::Not, Held::Not | Held::Ours | Held::Foreign) => {
                it.held = Held::Ours;
                links.expect(it.link, it.address, it.prefix_len);
                let flags = nl::NLM_F_REQUEST | nl::NLM_F_CREATE | nl::NLM_F_EXCL;
                it.request(&mut self.orders.batch, nl::RTM_NEWADDR, flags, vip as u32, index);
            }
        }
    }

    /// Sends the requests of this turn, all in one system call. If the kernel does not take them, it is
    /// time for [`Links::resync`], and to ask for all again that is missing.
    pub fn flush(&mut self, links: &mut Links) {
        if self.orders.batch.is_empty() {
            return;
        }
        let sent = links.submit(&self.orders.batch);
        self.orders.batch.clear();
        secondaries::end(&mut self.orders.promoted);
        match sent {
            Ok(()) => {
                if std::mem::take(&mut self.not_taken) {
                    log::info!("addresses and routes can be changed again");
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.not_taken, true) {
                    log::error!("cannot change addresses and routes: {error}; trying again");
                }
                self.times_not_taken = self.times_not_taken.saturating_add(1);
                self.doubt(&error, links);
            }
        }
    }

    /// What was asked for last may not have come.
    fn doubt(&mut self, error: &std::io::Error, links: &mut Links) {
        let errno = error.raw_os_error().unwrap_or(0);
        for it in self.vips.iter_mut().filter(|it| it.wanted > 0 && it.held == Held::Ours) {
            if links.get(it.link).find(it.address).is_some_and(|there| there.expected) {
                (it.held, it.refused) = (Held::Not, Some(errno));
                links.forget(it.link, it.address, it.prefix_len);
            }
        }
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
                links.was_there(it.link, it.address);
            }
            (errno, _) => {
                if it.refuse(errno) {
                    let why = why(it.address, errno);
                    log::error!("cannot change {}/{} on {name}: {why}", it.address, it.prefix_len);
                }
                it.held = Held::Not;
                links.forget(it.link, it.address, it.prefix_len);
                if it.leaving && it.wanted == 0 {
                    // It is there still.
                    links.set_stale();
                }
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
