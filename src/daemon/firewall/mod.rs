//! What the kernel drops for us: packets for addresses that are not to be accepted (V3-111), and the
//! kernel's own reports of multicast groups where a virtual MAC address is at work.
//!
//! The table `inet vipd` is ours. It stays when we are killed, so that what is not to be accepted
//! is not accepted then either: the address stays as well. The next start removes it. A table that
//! goes with its owner (NFT_TABLE_F_OWNER) would fail open, and kernels before 5.12 have none. When
//! somebody else removes it, as `flush ruleset` does, it is put back at once.
//!
//! ```text
//! input    neighbour solicitations and advertisements pass (V3-112)
//!          drop what is for an address in no_accept_4, no_accept_6, no_accept_link
//! forward  drop it here too: should the address be missing for a moment, it must not go back to
//!          where it came from (V3-113)
//! output   drop IGMP and MLD reports that go out on an interface in no_reports: the virtual MAC
//!          addresses of whoever is not MASTER
//! ```
//!
//! A link-local address counts on its own interface alone, any other on all: whoever asks for it
//! from another side is not answered either.

mod rules;

use crate::sys::netlink::nft::{is_unsupported, Batch, News, Nft, Refused, Told, NFPROTO_INET};
use crate::sys::shortage;
use rules::{LINK_LOCAL, REPORTS, V4, V6};
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};

const TABLE: &str = "vipd";
const COMMENT: &str = "made by vipd, which removes it";

/// Something that a set can hold.
#[derive(Debug)]
struct Element {
    set: &'static str,
    key: Vec<u8>,
    /// How many want it in there.
    wanted: usize,
}

/// The rules that we want, and those that are there.
pub struct Firewall {
    nft: Option<Nft>,
    news: Option<News>,
    elements: Vec<Element>,
    /// The changes of this turn.
    batch: Batch,
    /// The table is there, for so many elements.
    built: usize,
    /// Why it is not.
    failure: Option<String>,
    /// Because something has run out.
    short: bool,
}

impl Default for Firewall {
    fn default() -> Self {
        Self {
            nft: None,
            news: None,
            elements: Vec::new(),
            batch: Batch::new(NFPROTO_INET, TABLE),
            built: 0,
            failure: None,
            short: false,
        }
    }
}

/// Whether there is the table of a daemon.
///
/// # Errors
/// What the kernel says.
pub fn is_there(nft: &mut Nft) -> io::Result<bool> {
    Ok(nft.find(NFPROTO_INET, TABLE, V4)?.is_some())
}

impl Firewall {
    /// The number of an address on an interface, for [`Firewall::put`]: it is not accepted then.
    pub fn no_accept(&mut self, interface: &str, address: IpAddr) -> usize {
        match address {
            IpAddr::V4(address) => self.element(V4, address.octets().to_vec()),
            IpAddr::V6(address) if address.segments()[0] & 0xffc0 == 0xfe80 => {
                let key = [&name(interface)[..], &address.octets()].concat();
                self.element(LINK_LOCAL, key)
            }
            IpAddr::V6(address) => self.element(V6, address.octets().to_vec()),
        }
    }

    /// The number of an interface, for [`Firewall::put`]: the kernel's IGMP and MLD reports do not
    /// go out on it then. It need not exist yet.
    pub fn no_reports(&mut self, interface: &str) -> usize {
        self.element(REPORTS, name(interface).to_vec())
    }

    fn element(&mut self, set: &'static str, key: Vec<u8>) -> usize {
        let known = |known: &Element| known.set == set && known.key == key;
        self.elements.iter().position(known).unwrap_or_else(|| {
            self.elements.push(Element { set, key, wanted: 0 });
            self.elements.len() - 1
        })
    }

    /// From the next [`Firewall::flush`] on it is in force, until it was taken as often as put.
    pub fn put(&mut self, element: usize) {
        let Some(it) = self.elements.get_mut(element) else { return };
        it.wanted += 1;
        if it.wanted == 1 {
            self.batch.add_element(it.set, &it.key);
        }
    }

    /// The opposite of [`Firewall::put`].
    pub fn take(&mut self, element: usize) {
        let Some(it) = self.elements.get_mut(element) else { return };
        it.wanted = it.wanted.saturating_sub(1);
        if it.wanted == 0 {
            // A batch with an element that is not there would fail as a whole.
            self.batch.add_element(it.set, &it.key);
            self.batch.delete_element(it.set, &it.key);
        }
    }

    /// Removes what an earlier run has left, and makes the table if anything may be put into it.
    /// `look`: there may be something left although nothing is wanted now; `expected`: and that is
    /// as it should be.
    pub fn start(&mut self, look: bool, expected: bool) {
        if self.elements.is_empty() && !look {
            return;
        }
        // Without nftables nothing can be left.
        if matches!(self.find(), Ok(Some(true))) {
            if !expected {
                log::warn!("removing the nftables table inet {TABLE}: an earlier run has left it");
            }
            self.remove();
        }
        if self.elements.is_empty() {
            self.nft = None;
            return;
        }
        let news = News::open();
        self.build();
        match news {
            Ok(news) => self.news = Some(news),
            // What has failed is tried again.
            Err(_) if self.failure.is_some() => {}
            Err(error) => log::error!("cannot hear of changes of nftables: {error}"),
        }
    }

    /// Keeps what is wanted now, whoever lets go of it: until a reload has found out who wants it.
    pub fn hold(&mut self) {
        self.elements.iter_mut().filter(|it| it.wanted > 0).for_each(|it| it.wanted += 1);
    }

    /// Takes over the table after a reload, when everybody has said what is wanted: only what differs
    /// is changed. True if its news have to be watched.
    pub fn inherit(&mut self, old: Self) -> bool {
        let watched = old.news.is_some();
        (self.nft, self.news, self.failure) = (old.nft, old.news, old.failure);
        self.batch.clear();
        if self.elements.is_empty() {
            self.remove();
            (self.nft, self.failure) = (None, None);
            return false;
        }
        if !watched {
            self.start(false, false);
            return self.news.is_some();
        }
        let wanted = |elements: &[Element]| {
            let wanted = elements.iter().filter(|it| it.wanted > 0);
            wanted.map(|it| (it.set, it.key.clone())).collect::<BTreeSet<_>>()
        };
        let (before, now) = (wanted(&old.elements), wanted(&self.elements));
        self.built = old.built.min(self.elements.len());
        let kinds = |elements: &[Element]| elements.iter().any(|it| it.set == REPORTS);
        let others = |elements: &[Element]| elements.iter().any(|it| it.set != REPORTS);
        let same_rules = kinds(&old.elements) == kinds(&self.elements)
            && others(&old.elements) == others(&self.elements);
        if !same_rules {
            self.built = 0;
            self.build();
        } else if old.built == old.elements.len() {
            self.built = self.elements.len();
        }
        for (set, key) in now.difference(&before) {
            self.batch.add_element(set, key);
        }
        for (set, key) in before.difference(&now) {
            // A batch with an element that is not there would fail as a whole.
            self.batch.add_element(set, key);
            self.batch.delete_element(set, key);
        }
        self.flush();
        false
    }

    /// What becomes readable when nftables' rules change.
    #[must_use]
    pub fn news_fd(&self) -> Option<RawFd> {
        self.news.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Why the rules are not in force.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Whether they are not because something has run out, so that it is worth while to try again soon.
    #[must_use]
    pub const fn is_short(&self) -> bool {
        self.failure.is_some() && self.short
    }

    /// Whether there is a table of our name: one of ours?
    fn find(&mut self) -> io::Result<Option<bool>> {
        let nft = match &mut self.nft {
            Some(nft) => nft,
            none => none.insert(Nft::open()?),
        };
        // Not by the comment: not every kernel keeps one.
        nft.find(NFPROTO_INET, TABLE, V4)
    }

    /// Makes the changes of this turn, all at once.
    pub fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        if self.failure.is_some() {
            return self.batch.clear();
        }
        if self.built < self.elements.len() {
            return self.build();
        }
        let Some(nft) = &mut self.nft else { return };
        if let Err(Refused { what, error }) = nft.commit(&mut self.batch) {
            log::debug!("nftables: {what}: {error}: making the table inet {TABLE} anew");
            self.build();
        }
    }

    /// Tries again what has failed.
    pub fn retry(&mut self) {
        if self.failure.is_some() {
            self.build();
        }
    }

    /// Takes in what has changed about nftables' rules. A table that was removed is put back, also if
    /// somebody has made it anew meanwhile: that is another vipd, and our part of it is gone.
    pub fn read_news(&mut self) {
        let Some(news) = &mut self.news else { return };
        match news.drain(NFPROTO_INET, TABLE) {
            Ok(Told::Nothing) => return,
            Ok(Told::Deleted) if self.failure.is_none() => {
                log::warn!("somebody has removed the nftables table inet {TABLE}: putting it back");
            }
            Ok(Told::Deleted | Told::Unknown) => {}
            Err(error) => log::error!("cannot hear of changes of nftables: {error}"),
        }
        self.build();
    }

    /// The whole table, as it should be. What is there already stays.
    fn build(&mut self) {
        self.built = 0;
        let result = self.try_build();
        self.batch.clear();
        match (result, self.failure.take()) {
            (Ok(()), failed) => {
                self.built = self.elements.len();
                if failed.is_some() {
                    log::info!("the nftables table inet {TABLE} is in place now");
                }
            }
            (Err(why), failed) => {
                let failure = format!("cannot make the nftables table inet {TABLE}: {why}");
                if failed.as_ref() != Some(&failure) {
                    log::error!("cannot make the nftables table inet {TABLE}: {why}");
                }
                self.failure = Some(failure);
            }
        }
    }

    fn try_build(&mut self) -> Result<(), String> {
        match self.find() {
            Ok(None | Some(true)) => {}
            Ok(Some(false)) => {
                return Err("there is one that vipd has not made: give yours another name".into())
            }
            Err(error) => {
                self.short = shortage::of(&error).is_some();
                return Err(format!("{error}{}", remedy(&error)));
            }
        }
        self.describe();
        let Some(nft) = &mut self.nft else { return Ok(()) };
        let Err(Refused { what, error }) = nft.commit(&mut self.batch) else { return Ok(()) };
        self.short = shortage::of(&error).is_some();
        Err(format!("{what}: {error}{}", remedy(&error)))
    }

    /// Puts all of the table into the batch.
    fn describe(&mut self) {
        let Self { batch, elements, .. } = self;
        batch.clear();
        batch.add_table(COMMENT);
        rules::sets(batch);
        if elements.iter().any(|element| element.set != REPORTS) {
            rules::accept(batch);
        }
        if elements.iter().any(|element| element.set == REPORTS) {
            rules::reports(batch);
        }
        for element in elements.iter().filter(|element| element.wanted > 0) {
            batch.add_element(element.set, &element.key);
        }
    }

    /// Removes the table, if it is ours.
    pub fn remove(&mut self) {
        self.news = None;
        if self.nft.is_none() || !matches!(self.find(), Ok(Some(true))) {
            return;
        }
        self.batch.clear();
        self.batch.delete_table();
        let Some(nft) = &mut self.nft else { return };
        if let Err(refused) = nft.commit(&mut self.batch) {
            log::error!("cannot remove the nftables table inet {TABLE}: {}", refused.error);
        }
        self.built = 0;
    }
}

/// What to do about an error.
fn remedy(error: &io::Error) -> &'static str {
    match is_unsupported(error) {
        true => {
            ": does the kernel have nftables (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET; OpenWrt: \
             kmod-nft-core)?"
        }
        false => "",
    }
}

/// The name of an interface as nftables compares it.
fn name(interface: &str) -> [u8; 16] {
    let mut name = [0; 16];
    for (to, from) in name.iter_mut().zip(interface.bytes().take(15)) {
        *to = from;
    }
    name
}

#[cfg(test)]
mod tests;
