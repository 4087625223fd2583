//! The table of leases in the kernel: `netdev vipd`.

use super::rules::{self, LEASE_4, LEASE_6, V4, V6};
use crate::sys::host;
use crate::sys::netlink::nft::{is_unsupported, Batch, Nft, Refused, NFPROTO_NETDEV};
use crate::vrrp::time::Instant;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::time::Duration;

const COMMENT: &str = "made by vipd, which removes it";
/// The run directory whose table has the plain name.
const RUN_DIRECTORY: &str = "/run/vipd";
/// The first kernel that gives an element that is there another time.
const RENEWS: (u32, u32) = (6, 12);
/// Room in a set for each address.
const SPARE: usize = 4;
/// The longest name of a table, but for some air.
const LONGEST: usize = 200;

/// An address, and when its lease ends.
pub type Entry = (IpAddr, Instant);

/// An interface that addresses are on, by its index, and its name.
pub type Hook = (u32, String);

/// What is to be changed about the leases.
#[derive(Debug, Default)]
pub struct Change {
    /// Leased from now on.
    pub fresh: Vec<Entry>,
    /// Leased already, and for longer now.
    pub renewed: Vec<Entry>,
    /// Not leased any more.
    pub gone: Vec<Entry>,
}

/// The keys of one message, of both families.
#[derive(Debug, Default)]
struct Keys {
    v4: Vec<([u8; 4], Option<Duration>)>,
    v6: Vec<([u8; 16], Option<Duration>)>,
}

/// The table.
#[derive(Debug)]
pub struct Table {
    name: String,
    nft: Option<Nft>,
    batch: Batch,
    keys: Keys,
    /// It is there, for these interfaces.
    hooks: Option<Vec<Hook>>,
    /// For how many addresses there is room.
    room: usize,
    /// Somebody waits for what is refused.
    watched: bool,
    /// The kernel gives an element that is there another time. An older one has to lose it first.
    pub(super) renews: bool,
}

impl Table {
    /// The table of a daemon with this run directory: each has its own, as each has its own
    /// directory.
    #[must_use]
    pub fn new(run_directory: &Path) -> Self {
        let name = name(run_directory);
        Self {
            nft: None,
            batch: Batch::new(NFPROTO_NETDEV, &name),
            keys: Keys::default(),
            hooks: None,
            room: 0,
            watched: false,
            renews: host::kernel_version() >= RENEWS,
            name,
        }
    }

    /// Its family and name.
    #[must_use]
    pub fn name(&self) -> String {
        format!("netdev {}", self.name)
    }

    /// Whether it is there, as far as we know.
    #[must_use]
    pub fn is_made(&self) -> bool {
        self.hooks.is_some()
    }

    /// Whether it is there, for these interfaces, and has room for so many addresses.
    #[must_use]
    pub fn is_for(&self, hooks: &[Hook], addresses: usize) -> bool {
        self.hooks.as_deref() == Some(hooks) && addresses <= self.room
    }

    /// Whether an earlier run has left it. Without nftables there is none.
    pub fn is_left(&mut self) -> bool {
        matches!(self.find(), Ok(Some(true)))
    }

    /// Whether there is a table of our name: one of ours?
    fn find(&mut self) -> io::Result<Option<bool>> {
        let nft = match &mut self.nft {
            Some(nft) => nft,
            none => none.insert(Nft::open()?),
        };
        // Not by the comment: not every kernel keeps one.
        nft.find(NFPROTO_NETDEV, &self.name, LEASE_4)
    }

    /// Makes it for so many addresses at most, in one go in the place of what is there. `now`: what
    /// has ended already is leased to nobody.
    ///
    /// # Errors
    /// What the kernel would not have, in words for a person.
    pub fn make(
        &mut self,
        (hooks, addresses): (&[Hook], usize),
        entries: &[Entry],
        now: Instant,
    ) -> Result<(), String> {
        self.hooks = None;
        match self.find() {
            Ok(None | Some(true)) => {}
            Ok(Some(false)) => {
                return Err("there is one that vipd has not made: give yours another name".into())
            }
            Err(error) => return Err(format!("{error}{}", remedy(&error))),
        }
        let Self { batch, keys, .. } = self;
        batch.clear();
        // A table that is not there cannot be removed.
        batch.add_table(COMMENT);
        batch.delete_table();
        batch.add_table(COMMENT);
        // An element that is replaced, or has ended, counts for some time yet.
        let size = u32::try_from(SPARE * addresses.max(entries.len())).unwrap_or(u32::MAX);
        rules::sets(batch, size.max(SPARE as u32));
        rules::rules(batch);
        for (index, name) in hooks {
            rules::hook(batch, name, *index);
        }
        keys.fill(entries.iter().map(|(address, _)| (*address, None)));
        keys.add(batch, V4, V6);
        keys.fill(entries.iter().filter(|(_, ends)| *ends > now).map(|it| timed(*it, now)));
        keys.add(batch, LEASE_4, LEASE_6);
        let refused = |it: Refused| format!("{}: {}{}", it.what, it.error, remedy(&it.error));
        self.commit().map_err(refused)?;
        (self.hooks, self.room) = (Some(hooks.to_vec()), addresses);
        Ok(())
    }

    /// Changes leases, all at once. What the kernel says of it comes later ([`Table::refused`]).
    ///
    /// # Errors
    /// What it says of sending.
    pub fn change(&mut self, change: &Change, now: Instant) -> io::Result<()> {
        let Self { batch, keys, renews, .. } = self;
        batch.clear();
        let leased = change.renewed.iter().chain(&change.fresh);
        keys.fill(leased.map(|entry| timed(*entry, now)));
        if !*renews {
            // One that has ended is not there any more, and could not be removed.
            keys.add(batch, LEASE_4, LEASE_6);
            keys.delete(batch, LEASE_4, LEASE_6);
        }
        keys.add(batch, LEASE_4, LEASE_6);
        keys.fill(change.fresh.iter().map(|(address, _)| (*address, None)));
        keys.add(batch, V4, V6);
        keys.fill(change.gone.iter().map(|(address, _)| (*address, None)));
        keys.delete(batch, V4, V6);
        // What is left of their leases ends by itself.
        match &mut self.nft {
            Some(nft) if !self.batch.is_empty() => nft.post(&mut self.batch),
            Some(_) | None => Ok(()),
        }
    }

    /// What becomes readable when a change was refused; once, for whoever waits for that.
    pub fn new_fd(&mut self) -> Option<RawFd> {
        let fd = self.nft.as_ref()?.as_raw_fd();
        (!std::mem::replace(&mut self.watched, true)).then_some(fd)
    }

    /// Why a change was refused: the table is not as it was left.
    pub fn refused(&mut self) -> Option<io::Error> {
        self.nft.as_mut()?.refused()
    }

    fn commit(&mut self) -> Result<(), Refused> {
        let Some(nft) = &mut self.nft else { return Ok(()) };
        // What is still to be heard is about what is being replaced.
        let _ = nft.refused();
        nft.commit(&mut self.batch)
    }

    /// Removes it, if it is ours.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn remove(&mut self) -> io::Result<()> {
        self.hooks = None;
        if self.nft.is_none() || !self.is_left() {
            return Ok(());
        }
        self.batch.clear();
        self.batch.delete_table();
        self.commit().map_err(|refused| refused.error)
    }
}

impl Keys {
    fn fill(&mut self, keys: impl Iterator<Item = (IpAddr, Option<Duration>)>) {
        self.v4.clear();
        self.v6.clear();
        for (address, time) in keys {
            match address {
                IpAddr::V4(address) => self.v4.push((address.octets(), time)),
                IpAddr::V6(address) => self.v6.push((address.octets(), time)),
            }
        }
    }

    fn add(&self, batch: &mut Batch, v4: &str, v6: &str) {
        batch.add_elements(v4, &self.v4);
        batch.add_elements(v6, &self.v6);
    }

    fn delete(&self, batch: &mut Batch, v4: &str, v6: &str) {
        batch.delete_elements(v4, &self.v4);
        batch.delete_elements(v6, &self.v6);
    }
}

/// How long a lease lasts from now on.
fn timed((address, ends): Entry, now: Instant) -> (IpAddr, Option<Duration>) {
    (address, Some(ends.since(now)))
}

/// Whether there is the table of a daemon with this run directory, and its name.
///
/// # Errors
/// What the kernel says.
pub fn is_there(nft: &mut Nft, run_directory: &Path) -> io::Result<Option<String>> {
    let name = name(run_directory);
    Ok(nft.find(NFPROTO_NETDEV, &name, LEASE_4)?.map(|_| name))
}

/// `vipd`; with another run directory than the usual one that follows.
pub(super) fn name(run_directory: &Path) -> String {
    if run_directory == Path::new(RUN_DIRECTORY) {
        return "vipd".into();
    }
    let path = run_directory.to_string_lossy();
    let word: String =
        path.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '_' }).collect();
    // The end of a path tells more than its beginning.
    let cut = word.len().saturating_sub(LONGEST);
    format!("vipd_{}", word.get(cut..).unwrap_or_default().trim_start_matches('_'))
}

/// What to do about an error.
fn remedy(error: &io::Error) -> &'static str {
    match is_unsupported(error) {
        true => {
            ": does the kernel have nftables for what comes in on an interface \
             (CONFIG_NF_TABLES_NETDEV, CONFIG_NETFILTER_INGRESS; OpenWrt: kmod-nft-netdev)?"
        }
        false => "",
    }
}
