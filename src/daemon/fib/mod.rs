//! Routes and rules as desired state: who wants which, and whether it is ours to remove.
//!
//! A route may be wanted by more than one instance; it goes when nobody wants it any more. What was
//! there before us is used, and never removed: every request names our mark (RTPROT), so that the
//! kernel takes away nothing else. It drops routes without a word when an interface goes down or a
//! source address vanishes; whenever something has changed, all that is wanted is asked for again,
//! and the kernel says of each whether it was there.

mod encode;
mod events;
mod tables;

use super::link::{Links, Refusal, ADDRESS_PROTO};
use crate::config::route::{Route, Rule, RuleAction, VirtualRoute, VirtualRule};
use crate::sys::netlink::route as nl;
use crate::sys::netlink::{
    fib, EADDRNOTAVAIL, EEXIST, ENODEV, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST,
};
use crate::vrrp::time::Instant;
pub use events::{remove_leftovers, Heard, Watch};
use std::io;
use std::time::Duration;
pub use tables::number as table_number;

/// What one that somebody removes again and again is put back after.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the log tells of the same one.
const TOLD: Duration = Duration::from_secs(60);

/// What a request was for stands in the upper four bits of its sequence number. Those of addresses
/// have 0 there.
const KIND: u32 = 28;
/// To set what was not wanted before.
const SET: u32 = 4;
/// To set again what may be there.
const AGAIN: u32 = 5;
/// To remove.
const REMOVE: u32 = 6;

/// The fixed parts of a request.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// RTM_
    pub kind: u16,
    /// NLM_F_
    pub flags: u16,
    /// Its sequence number.
    pub seq: u32,
}

/// Where we stand with a route or a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// Not there, as far as we are concerned.
    Not,
    /// We put it there.
    Ours,
    /// It was there before us.
    Foreign,
}

/// A route, or a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Route(Route),
    Rule(Rule),
}

/// A route or a rule that somebody may want.
#[derive(Debug)]
struct Item {
    what: What,
    /// What it is called in the log: `route default via 192.0.2.1`.
    text: String,
    /// The interfaces that it names, by number in the link table, in its own order.
    devs: Vec<usize>,
    /// The number of its table; 0 for a rule without.
    table: u32,
    /// How many want it.
    wanted: usize,
    held: Held,
    /// Why it could not be set, told already.
    failed: Option<i32>,
    /// Somebody has removed it.
    gone: bool,
    /// When it was put back last.
    restored_at: Option<Instant>,
    /// When that was told last, and how often it has happened since.
    told: (Option<Instant>, u32),
}

/// All routes and rules of the configuration.
#[derive(Debug, Default)]
pub struct Fib {
    items: Vec<Item>,
    /// Somebody has removed one of them.
    any_gone: bool,
}

impl Fib {
    /// The number of a route; the same for the same.
    pub fn add_route(&mut self, from: &VirtualRoute, links: &mut Links) -> Option<usize> {
        let table = self.table(&from.route.table, &from.line.text)?;
        let hops = from.route.nexthops.iter().filter_map(|hop| hop.dev.as_deref());
        let devs = from.route.dev.as_deref().into_iter().chain(hops);
        let devs = devs.map(|dev| links.watch(dev)).collect();
        let text = format!("route {}", from.line.text);
        Some(self.add(What::Route(from.route.clone()), text, devs, table))
    }

    /// The number of a rule; the same for the same.
    pub fn add_rule(&mut self, from: &VirtualRule) -> Option<usize> {
        let table = match &from.rule.action {
            RuleAction::Table(table) => self.table(table, &from.line.text)?,
            _ => 0,
        };
        let text = format!("rule {}", from.line.text);
        Some(self.add(What::Rule(from.rule.clone()), text, Vec::new(), table))
    }

    /// The configuration was checked, so a table that has no name now has lost it since.
    fn table(&self, table: &crate::config::route::Table, text: &str) -> Option<u32> {
        table_number(table).map_err(|error| log::error!("{text}: {error}")).ok()
    }

    fn add(&mut self, what: What, text: String, devs: Vec<usize>, table: u32) -> usize {
        if let Some(known) = self.items.iter().position(|item| item.what == what) {
            return known;
        }
        self.items.push(Item {
            what,
            text,
            devs,
            table,
            wanted: 0,
            held: Held::Not,
            failed: None,
            gone: false,
            restored_at: None,
            told: (None, 0),
        });
        self.items.len() - 1
    }

    /// Whether there is none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Who may have put something of ours there, beside our own mark: what the configuration says.
    pub fn protocols(&self) -> impl Iterator<Item = u8> + '_ {
        let said = |item: &Item| match &item.what {
            What::Route(route) => route.protocol,
            What::Rule(rule) => rule.protocol,
        };
        self.items.iter().filter_map(said).chain([ADDRESS_PROTO])
    }

    /// One more wants it.
    pub fn acquire(&mut self, number: usize, links: &Links, batch: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(number) else { return };
        item.wanted += 1;
        if item.held == Held::Not {
            item.set(number, SET, links, batch);
        }
    }

    /// One less wants it.
    pub fn release(&mut self, number: usize, links: &Links, batch: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(number) else { return };
        item.wanted = item.wanted.saturating_sub(1);
        if item.wanted > 0 {
            return;
        }
        let ours = item.held == Held::Ours;
        (item.held, item.failed, item.gone) = (Held::Not, None, false);
        if ours {
            let kind = match item.what {
                What::Route(_) => fib::RTM_DELROUTE,
                What::Rule(_) => nl::RTM_DELRULE,
            };
            let seq = REMOVE << KIND | number as u32;
            // Without its interface it is not there.
            let _ = item.request(Request { kind, flags: NLM_F_REQUEST, seq }, links, batch);
        }
    }

    /// Asks for all that is wanted: something has changed, and nobody says what that took along.
    pub fn set_again(&mut self, links: &Links, batch: &mut Vec<u8>) {
        for (number, item) in self.items.iter_mut().enumerate().filter(|(_, it)| it.wanted > 0) {
            item.set(number, AGAIN, links, batch);
        }
    }

    /// Asks for what somebody has removed. Returns false if one of them has to wait a moment.
    pub fn put_back(&mut self, now: Instant, links: &Links, batch: &mut Vec<u8>) -> bool {
        if !std::mem::take(&mut self.any_gone) {
            return true;
        }
        let mut all = true;
        for (number, item) in self.items.iter_mut().enumerate().filter(|(_, it)| it.gone) {
            if item.restored_at.is_some_and(|at| now < at + PAUSE) {
                all = false;
                continue;
            }
            item.gone = false;
            item.set(number, AGAIN, links, batch);
        }
        self.any_gone = !all;
        all
    }

    /// The kernel tells that something is gone.
    pub fn is_gone(&mut self, message: &crate::sys::netlink::Message<'_>) {
        let Some((header, rest)) = nl::Header::parse(message.body) else { return };
        for item in self.items.iter_mut().filter(|item| item.wanted > 0) {
            let is_it = match (&item.what, message.kind) {
                (What::Route(route), fib::RTM_DELROUTE) => {
                    events::is_route(route, item.table, &header, rest)
                }
                (What::Rule(rule), nl::RTM_DELRULE) => events::is_rule(rule, &header, rest),
                _ => false,
            };
            item.gone |= is_it;
            self.any_gone |= is_it;
        }
    }

    /// The kernel has answered a request. False if it was none of ours.
    pub fn answered(&mut self, refusal: Refusal, now: Instant) -> bool {
        let kind = refusal.seq >> KIND;
        if !(SET..=REMOVE).contains(&kind) {
            return false;
        }
        let number = (refusal.seq & ((1 << KIND) - 1)) as usize;
        if let Some(item) = self.items.get_mut(number) {
            item.answered(kind, refusal.errno, now);
        }
        true
    }
}

impl Item {
    /// Asks the kernel for it.
    fn set(&mut self, number: usize, purpose: u32, links: &Links, batch: &mut Vec<u8>) {
        // In front of a route with another gateway, as keepalived does it: only what is there
        // already in all its parts is refused. A second rule would be one too many.
        let (kind, own) = match self.what {
            What::Route(_) => (fib::RTM_NEWROUTE, 0),
            What::Rule(_) => (nl::RTM_NEWRULE, NLM_F_EXCL),
        };
        let ack = if purpose == AGAIN { NLM_F_ACK } else { 0 };
        let flags = NLM_F_REQUEST | NLM_F_CREATE | own | ack;
        let seq = purpose << KIND | number as u32;
        match self.request(Request { kind, flags, seq }, links, batch) {
            Some(()) if purpose == SET => self.held = Held::Ours,
            Some(()) => {}
            None => self.refused(ENODEV),
        }
    }

    /// `None` if an interface that it names is not there.
    fn request(&self, request: Request, links: &Links, batch: &mut Vec<u8>) -> Option<()> {
        let index: Option<Vec<u32>> = self.devs.iter().map(|dev| links.get(*dev).index).collect();
        match &self.what {
            What::Route(route) => encode::route(request, route, self.table, &index?, batch),
            What::Rule(rule) => encode::rule(request, rule, self.table, batch),
        }
        Some(())
    }

    fn answered(&mut self, kind: u32, errno: i32, now: Instant) {
        match (kind, errno) {
            // It was removed before us, or went with its interface.
            (REMOVE, 0 | nl::ESRCH | fib::ENOENT | ENODEV | EADDRNOTAVAIL) => {}
            (REMOVE, errno) => {
                let error = io::Error::from_raw_os_error(errno);
                log::error!("cannot remove {}: {error}", self.text);
            }
            _ if self.wanted == 0 => {}
            (SET, EEXIST) => {
                log::info!("{} was there already: using it, never removing it", self.text);
                (self.held, self.failed) = (Held::Foreign, None);
            }
            (AGAIN, EEXIST) => {
                if self.held == Held::Not {
                    self.held = Held::Foreign;
                }
                self.failed = None;
            }
            (_, 0) => self.is_back(now),
            (_, errno) => self.refused(errno),
        }
    }

    /// It was not there, and is now.
    fn is_back(&mut self, now: Instant) {
        self.held = Held::Ours;
        if self.failed.take().is_some() {
            log::info!("{} can be set now", self.text);
            return;
        }
        self.restored_at = Some(now);
        let (told, again) = self.told;
        if told.is_some_and(|at| now < at + TOLD) {
            self.told.1 = again.saturating_add(1);
            return;
        }
        let often = match again {
            0 => String::new(),
            again => format!(", {again} times since this was last told"),
        };
        log::warn!("{} had vanished: it is put back{often}", self.text);
        self.told = (Some(now), 0);
    }

    fn refused(&mut self, errno: i32) {
        self.held = Held::Not;
        if self.failed.replace(errno) == Some(errno) {
            return;
        }
        let why = match errno {
            ENODEV if !self.devs.is_empty() => "its interface is not there".into(),
            errno => io::Error::from_raw_os_error(errno).to_string(),
        };
        log::error!("cannot set {}: {why}{}; trying again", self.text, self.hint(errno));
    }

    fn hint(&self, errno: i32) -> &'static str {
        let What::Route(route) = &self.what else { return "" };
        match errno {
            nl::ENETUNREACH | nl::EHOSTUNREACH => {
                ": is the gateway in a network of one of our addresses?"
            }
            nl::EINVAL if route.src.is_some() => ": is src one of our addresses?",
            nl::EINVAL => ": the kernel does not take a part of it",
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests;
