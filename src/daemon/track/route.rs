//! `track_route`: whether a route is in a table of the kernel.
//!
//! Events only say that something may have changed: which of several ways of a route is left behind
//! a deleted one, and which routes went with an interface without a word, is asked of the kernel. It
//! tells all routes of a table, and only those that are tracked are looked at: nothing is kept of
//! the others, however many they are. A filter keeps events about other lengths of prefixes away,
//! so that a router with all routes of the Internet is not woken for each.

use super::{Kind, Sense, Tracker};
use crate::config::{Config, TrackRoute};
use crate::daemon::link::Links;
use crate::daemon::{Daemon, Object, Source};
use crate::sys::netlink::fib::{self, Nexthop, Route};
use crate::sys::netlink::{self as nl, Builder, Netlink};
use crate::sys::raw::Instruction;
use crate::vrrp::time::Instant;
use crate::vrrp::tracker::Verdict;
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// Room for events that were let through.
const EVENT_BUFFER: usize = 256 * 1024;
/// Datagrams of events that are read in one turn, and of an answer: each is 32 KiB at most. What is
/// left of an answer waits until packets and timers have had their turn.
const TURN: usize = 64;
/// From one question to the next, at least.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a question is put again because the tables changed meanwhile.
const TRIES: u32 = 5;

/// A route that is tracked.
struct Wanted {
    to: (IpAddr, u8),
    table: u32,
    via: Option<IpAddr>,
    /// The interface, by its number in the link table.
    dev: Option<usize>,
    tracker: usize,
    /// It was in the answer that is being read.
    found: bool,
}

/// The routes that are tracked.
#[derive(Default)]
pub struct Routes {
    wanted: Vec<Wanted>,
    sockets: Option<Sockets>,
    /// Something may have changed since the last question was put.
    stale: bool,
    /// When the next question is put, or more of the answer read.
    due_at: Option<Instant>,
    question: Option<Question>,
    buffer: Vec<u8>,
}

struct Sockets {
    events: Netlink,
    answers: Netlink,
}

/// The question under way: the tables that are left to ask for, the first of which has been.
struct Question {
    tables: Vec<(u8, u32)>,
    began: Instant,
    tries: u32,
    changed: bool,
}

impl Wanted {
    fn family(&self) -> u8 {
        if self.to.0.is_ipv6() {
            nl::AF_INET6
        } else {
            nl::AF_INET
        }
    }

    fn is(&self, route: &Route<'_>, links: &Links) -> bool {
        let dev = self.dev.map(|dev| links.get(dev).index);
        let fits = |way: &Nexthop| {
            self.via.is_none_or(|via| way.via == Some(via))
                && dev.is_none_or(|index| index == Some(way.interface))
        };
        (self.to, self.table) == ((route.to, route.prefix_len), route.table)
            && route.leads_somewhere()
            && route.usable().any(|way| fits(&way))
    }
}

impl Routes {
    /// The tracker of a `track_route`.
    #[must_use]
    pub fn tracker(&self, number: usize) -> Option<usize> {
        self.wanted.get(number).map(|wanted| wanted.tracker)
    }

    /// When the kernel is asked next, or more of its answer read.
    #[must_use]
    pub const fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    fn open(&mut self) -> io::Result<()> {
        let groups = [
            fib::RTNLGRP_IPV4_ROUTE,
            fib::RTNLGRP_IPV6_ROUTE,
            // Routes that go with an interface or an address go without a word.
            nl::RTNLGRP_LINK,
            nl::RTNLGRP_IPV4_IFADDR,
        ];
        let lengths = self.wanted.iter().map(|wanted| wanted.to.1).collect();
        let events = Netlink::open(&groups, EVENT_BUFFER)?;
        events.attach_filter(&filter(&lengths))?;
        let answers = Netlink::open(&[], 0)?;
        answers.check_strictly();
        self.sockets = Some(Sockets { events, answers });
        Ok(())
    }

    /// Takes in what events wait; true if one of them matters.
    fn drain(&mut self) -> bool {
        let Some(sockets) = &self.sockets else { return false };
        let mut matters = false;
        for _ in 0..TURN {
            match sockets.events.receive(&mut self.buffer) {
                // What the filter lets through is reason enough to ask.
                Ok(Some(_)) => matters = true,
                Ok(None) => return matters,
                // ENOBUFS: events were lost.
                Err(_) => matters = true,
            }
        }
        true
    }

    /// Puts a question.
    fn ask(&mut self, now: Instant) -> io::Result<()> {
        let tables: BTreeSet<_> =
            self.wanted.iter().map(|wanted| (wanted.family(), wanted.table)).collect();
        self.stale = false;
        self.wanted.iter_mut().for_each(|wanted| wanted.found = false);
        let tables = tables.into_iter().collect();
        self.question = Some(Question { tables, began: now, tries: 0, changed: false });
        self.send()
    }

    /// Asks for the first of the tables that are left.
    fn send(&mut self) -> io::Result<()> {
        let (Some(sockets), Some(question)) = (&self.sockets, &self.question) else {
            return Ok(());
        };
        let Some((family, table)) = question.tables.first() else { return Ok(()) };
        let mut request = Vec::new();
        fib::ask(&mut Builder::new(&mut request), *family, *table, 1);
        sockets.answers.send(&request)
    }

    /// Reads the answer, or a part of it; true if that was the last.
    fn read(&mut self, links: &Links) -> io::Result<bool> {
        for _ in 0..TURN {
            let (Some(sockets), Some(question)) = (&self.sockets, &mut self.question) else {
                return Ok(true);
            };
            let Some(length) = sockets.answers.receive(&mut self.buffer)? else {
                return Err(io::Error::other("the kernel did not finish its answer"));
            };
            let mut done = false;
            for message in nl::messages(&self.buffer[..length]) {
                question.changed |= message.flags & nl::NLM_F_DUMP_INTR != 0;
                match message.kind {
                    nl::NLMSG_DONE | nl::NLMSG_ERROR => {
                        done = true;
                        match nl::error_code(message.body) {
                            // There is no such table, or no IPv6.
                            0 | fib::ENOENT | fib::EAFNOSUPPORT | fib::EOPNOTSUPP => {}
                            errno => return Err(io::Error::from_raw_os_error(errno)),
                        }
                    }
                    fib::RTM_NEWROUTE => {
                        let Some(route) = Route::parse(message.body) else { continue };
                        for wanted in &mut self.wanted {
                            wanted.found |= wanted.is(&route, links);
                        }
                    }
                    _ => {}
                }
            }
            if done && self.next_table()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The answer for one table is complete: asks for the next, or for this one again; true if
    /// there is none.
    fn next_table(&mut self) -> io::Result<bool> {
        let Some(question) = &mut self.question else { return Ok(true) };
        if std::mem::take(&mut question.changed) && question.tries < TRIES {
            question.tries += 1;
        } else if !question.tables.is_empty() {
            question.tables.remove(0);
        }
        if question.tables.is_empty() {
            return Ok(true);
        }
        self.send().map(|()| false)
    }
}

impl Daemon {
    /// Makes a tracker of each `track_route`.
    pub(in crate::daemon) fn add_routes(&mut self, config: &Config) {
        for (number, from) in config.track_route.iter().enumerate() {
            let TrackRoute { name, to, table, via, dev, .. } = from;
            let tracker = self.trackers.len();
            self.trackers.push(Tracker::new(Kind::Route(number), name));
            let dev = dev.as_deref().map(|dev| self.links.watch(dev));
            let (to, table, via) = (*to, *table, *via);
            self.tracked_routes.wanted.push(Wanted { to, table, via, dev, tracker, found: false });
        }
    }

    /// Asks for the first time, and waits for the answer: nobody becomes MASTER before it is known.
    pub(in crate::daemon) fn start_tracked_routes(&mut self) -> io::Result<()> {
        if self.tracked_routes.wanted.is_empty() {
            return Ok(());
        }
        self.tracked_routes.open()?;
        if let Some(sockets) = &self.tracked_routes.sockets {
            self.watch(sockets.events.as_raw_fd(), Source::TrackedRoutes)?;
        }
        self.tracked_routes.ask(self.now)?;
        while !self.tracked_routes.read(&self.links)? {}
        self.routes_known();
        Ok(())
    }

    /// After a reload: asks anew, without waiting for the answer.
    pub(in crate::daemon) fn go_on_asking_for_routes(&mut self) -> io::Result<()> {
        if self.tracked_routes.wanted.is_empty() {
            return Ok(());
        }
        self.tracked_routes.open()?;
        if let Some(sockets) = &self.tracked_routes.sockets {
            self.watch(sockets.events.as_raw_fd(), Source::TrackedRoutes)?;
        }
        self.routes_stale();
        Ok(())
    }

    /// An interface has changed: `dev` of a route may be another one now.
    pub(in crate::daemon) fn sense_dev(&mut self, link: usize) {
        if self.tracked_routes.wanted.iter().any(|wanted| wanted.dev == Some(link)) {
            self.routes_stale();
        }
    }

    /// Something may have changed.
    pub(in crate::daemon) fn read_tracked_routes(&mut self) {
        if self.tracked_routes.drain() {
            self.routes_stale();
        }
    }

    /// The kernel is asked anew, soon: at once if that was not done for a while.
    fn routes_stale(&mut self) {
        if self.tracked_routes.sockets.is_none() {
            return;
        }
        self.tracked_routes.stale = true;
        // A pause that is running, or an answer that is being read, comes first.
        self.tracked_routes.due_at.get_or_insert(self.now);
        self.touch(Object::TrackedRoutes);
    }

    /// It is time to ask, or to read on.
    pub(in crate::daemon) fn routes_due(&mut self) {
        self.tracked_routes.due_at = None;
        self.touch(Object::TrackedRoutes);
        // What waits is older than the answer, if that is asked for now.
        self.tracked_routes.stale |= self.tracked_routes.drain();
        if self.tracked_routes.question.is_none() && !self.tracked_routes.stale {
            return;
        }
        let asked = match self.tracked_routes.question {
            Some(_) => Ok(()),
            None => self.tracked_routes.ask(self.now),
        };
        match asked.and_then(|()| self.tracked_routes.read(&self.links)) {
            Ok(true) => self.routes_known(),
            Ok(false) => self.tracked_routes.due_at = Some(self.now),
            Err(error) => {
                log::error!("cannot read the routes: {error}; trying again");
                self.tracked_routes.question = None;
                self.tracked_routes.stale = true;
                self.tracked_routes.due_at = Some(self.now + Duration::from_secs(1));
            }
        }
    }

    /// The answer is complete.
    fn routes_known(&mut self) {
        let began = self.tracked_routes.question.take().map_or(self.now, |question| question.began);
        // The longer the answer, the rarer the question: at most a quarter of our time.
        let took = crate::daemon::now().since(began);
        self.tracked_routes.due_at = Some(self.now + PAUSE.max(took * 3));
        for number in 0..self.tracked_routes.wanted.len() {
            let wanted = &self.tracked_routes.wanted[number];
            let verdict = if wanted.found { Verdict::Up } else { Verdict::Down };
            let (tracker, sense) = (wanted.tracker, Sense::Verdict(verdict));
            let before = std::mem::replace(&mut self.trackers[tracker].sense, sense);
            if before == sense {
                continue;
            }
            let to = format!("{}/{}", wanted.to.0, wanted.to.1);
            let it = &mut self.trackers[tracker];
            if wanted.found {
                it.says = format!("there is a route to {to}");
                log::info!("route {}: {}", it.name, it.says);
            } else {
                it.says = format!("there is no route to {to}");
                log::warn!("route {}: {}", it.name, it.says);
            }
            self.sense(tracker, sense);
        }
    }
}

/// A classic BPF program for events: of routes it lets through those whose prefix has one of these
/// lengths, and of all else what can take routes away. The fields are in our own byte order, which BPF does not know.
fn filter(lengths: &BTreeSet<u8>) -> Vec<Instruction> {
    const LD_H_ABS: u16 = 0x28;
    const LD_B_ABS: u16 = 0x30;
    const JEQ_K: u16 = 0x15;
    const RET_K: u16 = 0x06;
    const KIND: u32 = 4;
    const PREFIX_LEN: u32 = 17;
    let op = |code, jt, jf, k| Instruction { code, jt, jf, k };
    let kind = |kind: u16| u32::from(u16::from_be_bytes(kind.to_ne_bytes()));
    let mut program = vec![
        op(LD_H_ABS, 0, 0, KIND),
        op(JEQ_K, 4, 0, kind(fib::RTM_NEWROUTE)),
        op(JEQ_K, 3, 0, kind(fib::RTM_DELROUTE)),
        op(JEQ_K, 0, 1, kind(nl::RTM_NEWADDR)),
        op(RET_K, 0, 0, 0),
        op(RET_K, 0, 0, u32::MAX),
        op(LD_B_ABS, 0, 0, PREFIX_LEN),
    ];
    for length in lengths {
        program.push(op(JEQ_K, 0, 1, u32::from(*length)));
        program.push(op(RET_K, 0, 0, u32::MAX));
    }
    program.push(op(RET_K, 0, 0, 0));
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would do with the few instructions that we use.
    fn lets_through(program: &[Instruction], packet: &[u8]) -> bool {
        let (mut a, mut at) = (0u32, 0usize);
        loop {
            let op = &program[at];
            let k = op.k as usize;
            at += 1;
            match op.code {
                0x28 => a = u32::from(u16::from_be_bytes([packet[k], packet[k + 1]])),
                0x30 => a = u32::from(packet[k]),
                0x15 => at += usize::from(if a == op.k { op.jt } else { op.jf }),
                0x06 => return op.k != 0,
                code => panic!("unknown instruction {code:#x}"),
            }
        }
    }

    #[test]
    fn events_of_other_lengths_are_kept_away() {
        let program = filter(&BTreeSet::from([0, 24]));
        for (kind, length, expected) in [
            (fib::RTM_NEWROUTE, 0, true),
            (fib::RTM_NEWROUTE, 16, false),
            (fib::RTM_NEWROUTE, 24, true),
            (fib::RTM_DELROUTE, 24, true),
            (fib::RTM_DELROUTE, 32, false),
            (nl::RTM_NEWLINK, 16, true),
            (nl::RTM_DELADDR, 32, true),
            (nl::RTM_NEWADDR, 24, false),
        ] {
            let mut message = Vec::new();
            let mut builder = Builder::new(&mut message);
            builder.begin(kind, 0, 0);
            builder.header(&[nl::AF_INET, length, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0]);
            builder.end();
            assert_eq!(lets_through(&program, &message), expected, "{kind} {length}");
        }
    }
}
