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

use super::link::{Left, Links, Refusal, ADDRESS_PROTO};
use super::told::Told;
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

/// What a request was for stands in the upper four bits of its sequence number. Those of addresses
/// have 0 there.
const KIND: u32 = 28;
/// To set what was not wanted before.
const SET: u32 = 4;
/// To set again what may be there.
const AGAIN: u32 = 5;
/// To remove.
const REMOVE: u32 = 6;

/// The number of what we do not have any more.
const NOBODY: usize = (1 << KIND) - 1;

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
    /// It was ours, and we have asked the kernel to remove it.
    leaving: bool,
    /// Why it could not be set, told already.
    failed: Option<i32>,
    /// What is there is what an earlier run has put there.
    adopted: bool,
    /// Somebody has removed it.
    gone: bool,
    /// When it was put back last.
    restored_at: Option<Instant>,
    /// When that was told last.
    told: Told,
}

/// All routes and rules of the configuration.
#[derive(Debug, Default)]
pub struct Fib {
    items: Vec<Item>,
    /// Somebody has removed one of them.
    any_gone: bool,
    /// What is wanted now and is there was put there by an earlier run.
    pub adopts: bool,
    /// When all of them were asked for last.
    set_at: Option<Instant>,
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
            leaving: false,
            failed: None,
            adopted: false,
            gone: false,
            restored_at: None,
            told: Told::default(),
        });
        self.items.len() - 1
    }

    /// Keeps what is wanted now, whoever lets go of it: until a reload has found out who wants it.
    pub fn hold(&mut self) {
        self.items.iter_mut().filter(|it| it.wanted > 0).for_each(|it| it.wanted += 1);
    }

    /// Takes over what is there after a reload; `numbers` has the new number of each interface. What
    /// nobody can want any more goes.
    pub fn inherit(&mut self, old: Self, numbers: &[usize], links: &Links, batch: &mut Vec<u8>) {
        for mut before in old.items {
            before.devs.iter_mut().for_each(|dev| *dev = numbers[*dev]);
            match self.items.iter_mut().find(|item| item.what == before.what) {
                Some(heir) => {
                    (heir.held, heir.failed, heir.gone) = (before.held, before.failed, before.gone);
                    (heir.restored_at, heir.told) = (before.restored_at, before.told);
                }
                None if before.held == Held::Ours => before.remove(NOBODY, links, batch),
                None => {}
            }
        }
        self.any_gone = old.any_gone;
    }

    /// Removes what we have put there and nobody wants after a reload.
    pub fn sweep(&mut self, links: &Links, batch: &mut Vec<u8>) {
        for (number, item) in self.items.iter_mut().enumerate().rev() {
            if item.wanted == 0 {
                if item.held == Held::Ours {
                    item.leaving = true;
                    item.remove(number, links, batch);
                }
                (item.held, item.failed, item.gone) = (Held::Not, None, false);
            }
        }
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

    /// Whether something of ours that an earlier run has left is wanted now.
    #[must_use]
    pub fn is_wanted(&self, message: &crate::sys::netlink::Message<'_>) -> bool {
        let Some((header, rest)) = nl::Header::parse(message.body) else { return false };
        let wanted = self.items.iter().filter(|item| item.wanted > 0);
        wanted.into_iter().any(|item| match (&item.what, message.kind) {
            (What::Route(route), fib::RTM_NEWROUTE) => {
                events::is_route(route, item.table, &header, rest)
            }
            (What::Rule(rule), nl::RTM_NEWRULE) => events::is_rule(rule, &header, rest),
            _ => false,
        })
    }

    /// One more wants it.
    pub fn acquire(&mut self, number: usize, links: &Links, batch: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(number) else { return };
        item.wanted += 1;
        item.adopted = self.adopts;
        item.leaving = false;
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
        item.leaving = ours;
        if ours {
            item.remove(number, links, batch);
        }
    }

    /// Removes what is ours and goes by an interface that has another name now: it is meant for the
    /// one that has, or gets, the old name.
    pub fn leave(&mut self, left: &Left, links: &Links, batch: &mut Vec<u8>) {
        let ours = |item: &&mut Item| item.held == Held::Ours && item.devs.contains(&left.link);
        for item in self.items.iter_mut().filter(ours) {
            let index = |dev: &usize| match *dev == left.link {
                true => Some(left.index),
                false => links.get(*dev).index,
            };
            let indices: Option<Vec<u32>> = item.devs.iter().map(index).collect();
            if let (What::Route(route), Some(indices)) = (&item.what, indices) {
                let (kind, flags) = (fib::RTM_DELROUTE, NLM_F_REQUEST);
                let request = Request { kind, flags, seq: REMOVE << KIND | NOBODY as u32 };
                encode::route(request, route, item.table, &indices, batch);
            }
            item.held = Held::Not;
        }
    }

    /// Requests were lost: removes once more what was to be removed and may be there still.
    pub fn remove_again(&mut self, links: &Links, batch: &mut Vec<u8>) {
        for (number, item) in self.items.iter_mut().enumerate().filter(|(_, it)| it.leaving) {
            item.remove(number, links, batch);
        }
    }

    /// Asks for all that is wanted: something has changed, and nobody says what that took along.
    pub fn set_again(&mut self, now: Instant, links: &Links, batch: &mut Vec<u8>) {
        self.set_at = Some(now);
        for (number, item) in self.items.iter_mut().enumerate().filter(|(_, it)| it.wanted > 0) {
            item.set(number, AGAIN, links, batch);
        }
    }

    /// Whether all of them were asked for so short a time ago.
    #[must_use]
    pub fn was_set_within(&self, span: Duration, now: Instant) -> bool {
        self.set_at.is_some_and(|at| now < at + span)
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

    fn remove(&self, number: usize, links: &Links, batch: &mut Vec<u8>) {
        let kind = match self.what {
            What::Route(_) => fib::RTM_DELROUTE,
            What::Rule(_) => nl::RTM_DELRULE,
        };
        let seq = REMOVE << KIND | number as u32;
        // Without its interface it is not there.
        let _ = self.request(Request { kind, flags: NLM_F_REQUEST, seq }, links, batch);
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
            // It has our mark, or the kernel will not remove it for us.
            (SET, EEXIST) if std::mem::take(&mut self.adopted) => self.held = Held::Ours,
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
        if let Some(often) = self.told.tell(now) {
            log::warn!("{} had vanished: it is put back{often}", self.text);
        }
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
