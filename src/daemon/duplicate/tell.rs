//! What people are told of duplicates: in the log once when it begins and once when it is over, and
//! in the status as long as it goes on.

use super::Daemon;
use crate::vrrp::conflict::Claimed;
use crate::vrrp::duplicate::{Duplicate, Sighting};
use crate::vrrp::reason::Span;
use crate::vrrp::time::Instant;
use crate::vrrp::StateName;
use std::net::IpAddr;
use std::time::Duration;

/// Conflicts that are told of in each span of `MINUTE`, of all addresses.
const LINES: u32 = 10;
const MINUTE: Duration = Duration::from_secs(60);

/// So many addresses may be claimed that each with its line would fill the log.
#[derive(Debug, Default)]
pub struct Quiet {
    since: Option<Instant>,
    lines: u32,
}

impl Quiet {
    /// Whether there is a line left, and whether this is the last one.
    fn take(&mut self, now: Instant) -> (bool, bool) {
        if self.since.is_none_or(|since| now.since(since) >= MINUTE) {
            (self.since, self.lines) = (Some(now), 0);
        }
        self.lines = self.lines.saturating_add(1);
        (self.lines <= LINES, self.lines == LINES)
    }
}

/// A duplicate that goes on, as the status shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its virtual router, as the log calls it.
    pub name: String,
    /// `address_conflict`, `duplicate_source`, or what [`Duplicate::as_str`] says.
    pub kind: &'static str,
    /// The virtual address that another host has, or who advertises.
    pub address: IpAddr,
    /// Where it is, if that is known.
    pub mac: Option<[u8; 6]>,
    /// There are more of them.
    pub others: bool,
    /// When it began, and when it was last heard.
    pub since: Instant,
    /// The last time that it was heard.
    pub last: Instant,
    /// How often it was heard.
    pub count: u64,
}

impl Daemon {
    pub(super) fn tell_of_conflict(&mut self, watch: usize, claimed: Claimed) {
        let (line, is_last) = self.duplicates.quiet.take(self.now);
        let it = &mut self.duplicates.watches[watch];
        it.told = line;
        if !line {
            return;
        }
        let (router, address, is_source) = (it.router, it.address, it.is_source);
        let Some(address) = address else { return };
        let (name, who) = (self.router_name(router), self.station(claimed.mac));
        let (span, count) = (Span(claimed.last.since(claimed.since)), claimed.count);
        match is_source {
            false => log::error!(
                "{name}: {who} has {address} as well, and has said so {count} times in {span}: \
                 announcing ours again; take it off there"
            ),
            true => log::error!(
                "{name}: {who} has {address}, which we advertise from, as well, and has said so \
                 {count} times in {span}: if it is a router of ours, neither of us hears the other; \
                 give it another address"
            ),
        }
        if is_last {
            log::error!("more of our addresses are on other hosts: SIGUSR1 shows all of them");
        }
    }

    pub(super) fn tell_of_end(&mut self, watch: usize, claimed: Claimed) {
        let it = &mut self.duplicates.watches[watch];
        if !std::mem::take(&mut it.told) {
            return;
        }
        let (router, Some(address)) = (it.router, it.address) else { return };
        let (name, who) = (self.router_name(router), mac_text(claimed.mac));
        let span = Span(claimed.last.since(claimed.since));
        let more = if claimed.others { " and others" } else { "" };
        match self.is_in(router, StateName::Master) {
            true => log::info!(
                "{name}: over: {who}{more} had {address} as well, for {span}, {} claims",
                claimed.count
            ),
            false => log::info!(
                "{name}: we are no longer MASTER; {who}{more} had {address} as well, for {span}, \
                 {} claims",
                claimed.count
            ),
        }
    }

    /// Who advertises as it should not, when its MAC address is known, or nobody has told it.
    pub(super) fn tell_who(&mut self, suspect: usize) {
        let it = &self.duplicates.suspects[suspect];
        let name = self.router_name(it.router);
        let (source, kind) = (it.address, it.kind);
        let place = match it.mac {
            Some(mac) => format!("at {}", mac_text(mac)),
            None => "at a MAC address that it did not tell".to_owned(),
        };
        match kind {
            Duplicate::UnheardMaster => log::error!(
                "{name}: two MASTERs: {source} {place} is one too, and we discard its adverts: so \
                 neither of us yields"
            ),
            Duplicate::Source | Duplicate::Owner | Duplicate::Master | Duplicate::Group => {
                log::warn!("{name}: {source}, which {}, is {place}", does(kind));
            }
            Duplicate::Priority => {
                log::info!("{name}: {source}, which {}, is {place}", does(kind));
            }
        }
    }

    /// Adverts no longer show it.
    pub(in crate::daemon) fn tell_of_over(&mut self, router: usize, it: &Sighting) {
        let name = self.router_name(router);
        let mac = self.mac_of(router, it.kind);
        let at = mac.map_or_else(String::new, |mac| format!(" at {}", mac_text(mac)));
        let more = if it.others { " and others" } else { "" };
        let span = Span(it.last.since(it.since));
        log::info!(
            "{name}: over: {}{at}{more} {}, for {span}, {} adverts",
            it.source,
            did(it.kind),
            it.count
        );
        self.duplicates.suspects.retain(|old| (old.router, old.kind) != (router, it.kind));
    }

    fn mac_of(&self, router: usize, kind: Duplicate) -> Option<[u8; 6]> {
        let same =
            self.duplicates.suspects.iter().find(|it| (it.router, it.kind) == (router, kind));
        same.and_then(|it| it.mac)
    }

    /// What goes on, for the status.
    pub(in crate::daemon) fn duplicates(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for router in 0..self.routers.len() {
            let name = || self.router_name(router);
            for watch in self.duplicates.of_router(router) {
                let it = &self.duplicates.watches[watch];
                let Some(Claimed { mac, others, since, last, count }) = it.conflict.claimed()
                else {
                    continue;
                };
                let Some(address) = it.address else { continue };
                let kind = if it.is_source { "duplicate_source" } else { "address_conflict" };
                let mac = Some(mac);
                rows.push(Row { name: name(), kind, address, mac, others, since, last, count });
            }
            for it in self.routers[router].core.duplicates() {
                let Sighting { kind, source: address, others, since, last, count, .. } = *it;
                let (mac, kind) = (self.mac_of(router, kind), kind.as_str());
                rows.push(Row { name: name(), kind, address, mac, others, since, last, count });
            }
        }
        rows
    }

    /// The same, to the log.
    pub(in crate::daemon) fn log_duplicates(&self) {
        for row in self.duplicates() {
            let Row { name, kind, address, mac, others, since, last, count } = row;
            let mac = mac.map_or_else(|| "unknown".to_owned(), mac_text);
            let more = if others { " and others" } else { "" };
            let (since, last) = (Span(self.now.since(since)), Span(self.now.since(last)));
            log::info!(
                "status: {name}: {kind}: {address} at {mac}{more}, for {since}, {count} times, the \
                 last {last} ago"
            );
        }
        for ears in self.duplicates.ears.iter().filter(|ears| ears.dropped > 0) {
            let name = &self.links.get(ears.link).name;
            let (family, dropped) = (ears.family, ears.dropped);
            log::info!("status: interface {name} {family}: claims_dropped {dropped}");
        }
    }

    /// Who has a MAC address.
    fn station(&self, mac: [u8; 6]) -> String {
        let text = mac_text(mac);
        match mac {
            [0, 0, 0x5e, 0, 1 | 2, vrid] => {
                format!("another VRRP router ({text}, the virtual MAC address of VRID {vrid})")
            }
            _ => match interface_with(&text) {
                Some(name) => format!("our own interface {name} ({text})"),
                None => format!("another host ({text})"),
            },
        }
    }
}

/// An interface of ours that the configuration need not name.
fn interface_with(mac: &str) -> Option<String> {
    let all = std::fs::read_dir("/sys/class/net").ok()?;
    let has = |entry: &std::fs::DirEntry| {
        let address = std::fs::read_to_string(entry.path().join("address"));
        address.is_ok_and(|address| address.trim() == mac)
    };
    all.flatten().find(has)?.file_name().into_string().ok()
}

/// `02:00:00:00:00:01`
pub(in crate::daemon) fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

/// What somebody does who goes on.
const fn does(kind: Duplicate) -> &'static str {
    match kind {
        Duplicate::Priority => "has our priority",
        Duplicate::Owner => "owns the addresses too",
        Duplicate::Source => "sends from our own address",
        Duplicate::Group => "has other virtual addresses",
        Duplicate::Master => "claims to be MASTER as well",
        Duplicate::UnheardMaster => "is MASTER as well",
    }
}

/// What somebody did who does so no longer.
const fn did(kind: Duplicate) -> &'static str {
    match kind {
        Duplicate::Priority => "had our priority",
        Duplicate::Owner => "owned the addresses too",
        Duplicate::Source => "sent from our own address",
        Duplicate::Group => "had other virtual addresses",
        Duplicate::Master => "claimed to be MASTER as well",
        Duplicate::UnheardMaster => "was MASTER as well, and we discarded its adverts",
    }
}
