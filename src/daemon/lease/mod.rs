//! The kernel lets go when we cannot: `vip_lease`.
//!
//! What we are MASTER for is ours for a while, and we go on renewing it. Whoever is killed, or stands
//! still, renews nothing, and the kernel takes the addresses away before the most eager peer takes
//! them over ([`Router::unrivalled_until`]), but not before 100 ms are over.
//!
//! ```text
//! nft        the addresses are in a set of an nftables table of the family netdev, and for a while
//!            in another one. What comes in on their interfaces for an address that is in the first
//!            alone is dropped: ARP, neighbour solicitations and IP.
//! lifetime   the addresses have a valid_lft of a few whole seconds, at least 1
//! ```
//!
//! All are renewed in one go, in the turn in which an advertisement was sent: only that makes a lease
//! last longer. While many virtual routers advertise at different times, this is put off for some
//! time, so that each turn of the loop does not have one of its own.
//!
//! An address counts, not its interface: whoever asks for it from another side is not answered
//! either. While we are at work nothing is ever dropped. What was on an interface before us is not
//! leased, as it is not ours to take away.
//!
//! [`Router::unrivalled_until`]: crate::vrrp::router::Router::unrivalled_until

mod renewal;
mod rules;
pub(crate) mod table;

use crate::config::VipLease;
use crate::vrrp::time::Instant;
use std::path::Path;
use std::time::Duration;
use table::{Change, Entry, Hook, Table};

/// The shortest lease. A shorter one would end whenever the machine is busy.
const SHORTEST: Duration = Duration::from_millis(100);
/// The shortest that an address can have: the kernel counts whole seconds.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(1);

/// All leases.
pub struct Lease {
    table: Table,
    /// Why there are no leases of nftables.
    failure: Option<String>,
    /// What nftables has, by address.
    held: Vec<Entry>,
    /// What it is to have.
    wanted: Vec<Entry>,
    change: Change,
    /// The addresses of MASTERs that want no leases of nftables.
    free: Vec<std::net::IpAddr>,
    /// The interfaces that addresses are on.
    hooks: Vec<Hook>,
    /// The same while they are looked for, by their numbers in the link table.
    found: Vec<usize>,
    /// How many addresses there are, leased or not.
    addresses: usize,
    /// Addresses with a lifetime, by their number, and how many seconds.
    lifetimes: Vec<(usize, u32)>,
    /// Somebody wants leases.
    in_use: bool,
    /// Somebody wants those of nftables, and not only the best that there are.
    insists: bool,
    /// An advertisement was sent since leases were last renewed.
    advertised: bool,
    /// When they are renewed at the earliest.
    next: Instant,
}

impl Lease {
    /// No leases yet, of a daemon with this run directory.
    #[must_use]
    pub fn new(run_directory: &Path) -> Self {
        Self {
            table: Table::new(run_directory),
            failure: None,
            held: Vec::new(),
            wanted: Vec::new(),
            change: Change::default(),
            free: Vec::new(),
            hooks: Vec::new(),
            addresses: 0,
            found: Vec::new(),
            lifetimes: Vec::new(),
            in_use: false,
            insists: false,
            advertised: false,
            next: Instant::ZERO,
        }
    }

    /// What somebody gets who has asked for this: the next best where the kernel cannot.
    fn kind(&self, asked: Option<VipLease>) -> VipLease {
        match asked {
            Some(VipLease::Off) => VipLease::Off,
            Some(VipLease::Lifetime) => VipLease::Lifetime,
            Some(VipLease::Nft) | None if self.failure.is_none() => VipLease::Nft,
            Some(VipLease::Nft) | None => VipLease::Lifetime,
        }
    }

    /// By what an address is leased; `None` if it is not, or not there.
    #[must_use]
    pub fn of(&self, vip: usize, address: std::net::IpAddr) -> Option<VipLease> {
        if self.held.binary_search_by_key(&address, |it| it.0).is_ok() {
            return Some(VipLease::Nft);
        }
        let has_lifetime = self.lifetimes.iter().any(|(it, _)| *it == vip);
        has_lifetime.then_some(VipLease::Lifetime)
    }

    /// When leases are to be renewed.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.advertised.then_some(self.next)
    }

    /// Makes the change that was collected, or the whole table if it is for other interfaces.
    fn commit(&mut self, now: Instant) {
        let whole = !self.table.is_for(&self.hooks, self.addresses);
        let sent = if whole { Ok(()) } else { self.table.change(&self.change, now) };
        self.enter();
        if whole || sent.is_err() {
            self.make(now);
        }
    }

    /// Makes the table anew if a change was refused.
    fn look(&mut self, now: Instant) {
        let Some(error) = self.table.refused() else { return };
        if self.table.is_made() {
            // Somebody has removed it, as `flush ruleset` does.
            // Until now nothing was dropped: a person is to know who has to leave it alone.
            log::warn!("nftables: {error}: making the table {} anew", self.table.name());
            self.make(now);
        }
    }

    /// Makes the table, as it should be.
    fn make(&mut self, now: Instant) {
        let name = self.table.name();
        match (self.table.make((&self.hooks, self.addresses), &self.held, now), self.failure.take())
        {
            (Ok(()), Some(_)) => log::info!("the nftables table {name} is in place now"),
            (Ok(()), None) => {}
            (Err(why), failed) => {
                let level = if self.insists { log::Level::Error } else { log::Level::Info };
                if failed.as_ref() != Some(&why) {
                    log::log!(
                        level,
                        "vip_lease: cannot make the nftables table {name}: {why}; the addresses \
                         have a lifetime instead"
                    );
                }
                // What is not renewed any more must not be in the way.
                let _ = self.table.remove();
                self.held.clear();
                self.failure = Some(why);
            }
        }
    }

    /// Enters what the change has made of the leases.
    fn enter(&mut self) {
        let Self { held, change: Change { fresh, renewed, gone }, .. } = self;
        let find = |list: &[Entry], address| list.binary_search_by_key(&address, |it| it.0);
        held.retain(|entry| find(gone, entry.0).is_err());
        for entry in held.iter_mut() {
            if let Some(renewed) = find(renewed, entry.0).ok().and_then(|at| renewed.get(at)) {
                entry.1 = renewed.1;
            }
        }
        held.append(fresh);
        held.sort_unstable();
    }

    /// Puts what is wanted into the change: all three of its lists by address.
    fn compare(&mut self, is_ours: impl Fn(std::net::IpAddr) -> bool) {
        first_of_each(&mut self.wanted);
        let Self { held, wanted, free, change: Change { fresh, renewed, gone }, .. } = self;
        let find = |list: &[Entry], address| list.binary_search_by_key(&address, |it| it.0);
        fresh.clear();
        renewed.clear();
        gone.clear();
        for entry in wanted.iter() {
            match find(held, entry.0).ok().and_then(|at| held.get(at)) {
                None => fresh.push(*entry),
                Some(held) if held.1 != entry.1 => renewed.push(*entry),
                Some(_) => {}
            }
        }
        // An address that nobody renews may still be there, until a script lets it go. But who is
        // MASTER without a lease, since a reload, is not to be dropped.
        let stays = |address| is_ours(address) && !free.contains(&address);
        let over = |entry: &&Entry| find(wanted, entry.0).is_err() && !stays(entry.0);
        gone.extend(held.iter().filter(over));
    }
}

/// Of several with the same key, the one with the least value: whoever shares an address with others
/// has the shortest lease of theirs.
fn first_of_each<K: Ord + Copy, V: Ord + Copy>(list: &mut Vec<(K, V)>) {
    list.sort_unstable();
    list.dedup_by_key(|entry| entry.0);
}

#[cfg(test)]
mod tests;
