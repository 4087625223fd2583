//! `track_process`: which processes run, without starting any.
//!
//! At the start all of /proc is looked through. After that the kernel tells who forks, executes and
//! ends (the proc connector); where it does not, /proc is looked through once an interval, a slice a
//! turn, and a pidfd tells at once of the end of each process that was found. What is lost of what the
//! kernel tells is made up for by looking through all.

use super::pattern::Pattern;
use super::proc::{life, Life, Reader, Scan};
use crate::config::TrackProcess;
use crate::sys::proc_events::{lost, ProcEvent, ProcEvents};
use crate::vrrp::process::{Event, Quorum, Settings};
use crate::vrrp::time::Instant;
use crate::vrrp::tracker::Verdict;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Processes that are looked at in one turn of the loop: for a fraction of a millisecond.
const SLICE: usize = 32;
/// Events that are read in one turn; one that makes us look at a process counts for several.
const EFFORT: usize = 128;
const LOOK: usize = 4;
/// So many of the processes found have a pidfd; the end of the others is noticed otherwise.
const PIDFDS: usize = 256;
/// So many processes are kept, and no more counted.
const MOST: usize = 65_536;
/// From one look through all to the next at least, where the kernel tells and some of it was lost.
const PAUSE: Duration = Duration::from_secs(1);

/// All tracked processes.
#[derive(Default)]
pub struct Processes {
    kinds: Vec<Kind>,
    reader: Reader,
    /// The processes of these kinds, by their number.
    found: BTreeMap<u32, Found>,
    pidfds: usize,
    events: Option<ProcEvents>,
    /// More events may be waiting than one turn takes.
    more_events: bool,
    scan: Option<Scan>,
    /// Counts the looks through all.
    round: u32,
    began: Instant,
    next_scan: Option<Instant>,
    /// After a reload not all have been looked through yet.
    learning: bool,
    /// There is no /proc; that has been said.
    blind: bool,
    /// Some could not be looked at in this round, because something has run out.
    incomplete: bool,
    /// That was said.
    short: bool,
    refusals: u32,
    interval: Duration,
}

/// A `track_process`.
pub struct Kind {
    /// Its name.
    pub name: String,
    /// Its number among the trackers.
    pub tracker: usize,
    pattern: Pattern,
    /// How many there should be, and are.
    pub quorum: Quorum,
    count: u32,
}

/// A process that is of one kind at least.
#[derive(Debug)]
struct Found {
    kinds: Vec<usize>,
    pidfd: Option<OwnedFd>,
    /// When it was last seen.
    round: u32,
}

/// What the daemon has to do about descriptors.
pub enum Watch {
    /// Tell us when it is readable; the number is that of the process.
    Begin(RawFd, u32),
    /// It is about to be closed.
    End(RawFd),
}

impl Processes {
    /// Adds one out of the configuration.
    pub fn add(&mut self, from: &TrackProcess, tracker: usize) {
        let TrackProcess { quorum, quorum_max, fork_delay, terminate_delay, .. } = *from;
        let settings = Settings { quorum, quorum_max, fork_delay, terminate_delay };
        self.interval = match self.kinds.is_empty() {
            true => from.interval,
            false => self.interval.min(from.interval),
        };
        self.kinds.push(Kind {
            name: from.name.clone(),
            tracker,
            pattern: Pattern::new(from),
            quorum: Quorum::new(settings),
            count: 0,
        });
    }

    /// Takes over from those before a reload. If they are the same ones, everything; else all
    /// processes are looked through again, a slice a turn, and nothing is said until that is done.
    pub fn inherit(&mut self, mut old: Self, same: bool) {
        let began = old.began != Instant::ZERO;
        if same && began {
            for (it, before) in self.kinds.iter().zip(&mut old.kinds) {
                before.tracker = it.tracker;
            }
            *self = old;
            return;
        }
        (self.events, self.more_events) = (old.events, old.more_events);
        self.refusals = old.refusals;
        self.learning = true;
    }

    /// Whether there is a look through all to come, after a reload.
    #[must_use]
    pub const fn is_learning(&self) -> bool {
        self.learning
    }

    /// Begins with that. Returns the descriptor of what the kernel tells, if that is new.
    pub fn learn(&mut self, now: Instant) -> Option<RawFd> {
        self.set_reader();
        let new = self.events.is_none();
        if new {
            self.events = listen().ok();
        }
        self.begin_scan(now);
        self.more_events = self.events.is_some();
        self.events.as_ref().filter(|_| new).map(AsRawFd::as_raw_fd)
    }

    /// Those that there are.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// How often all are looked through where the kernel does not tell.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// Asks the kernel to tell, and looks through all processes. Returns the descriptor of what the
    /// kernel tells, or why it does not.
    pub fn start(
        &mut self,
        now: Instant,
        watch: &mut dyn FnMut(Watch) -> bool,
    ) -> io::Result<RawFd> {
        self.set_reader();
        let events = listen();
        self.begin_scan(now);
        while self.scan.is_some() {
            self.scan_slice(now, watch);
        }
        let events = events?;
        let fd = events.as_raw_fd();
        self.events = Some(events);
        // What happened meanwhile has been told without waking us.
        self.more_events = true;
        self.next_scan = std::mem::take(&mut self.incomplete).then_some(now + PAUSE);
        Ok(fd)
    }

    fn set_reader(&mut self) {
        let command = self.kinds.iter().map(|kind| kind.pattern.length()).max().unwrap_or(0);
        let comm = self.kinds.iter().any(|kind| !kind.pattern.wants_command());
        self.reader = Reader::new(comm, command);
    }

    /// When something is to be done, whatever happens.
    #[must_use]
    pub fn due_at(&self) -> Option<Instant> {
        let quorums = self.kinds.iter().filter_map(|kind| kind.quorum.deadline());
        quorums.chain(self.next_scan).min()
    }

    /// Whether there is something to do at once.
    #[must_use]
    pub const fn backlog(&self) -> bool {
        self.more_events || self.scan.is_some()
    }

    /// The kernel has something to tell.
    pub const fn told(&mut self) {
        self.more_events = true;
    }

    /// Does what is to be done in this turn: a little, so that no advert is late.
    pub fn work(&mut self, now: Instant, watch: &mut dyn FnMut(Watch) -> bool) {
        if self.more_events {
            self.read_events(now, watch);
        }
        if self.scan.is_none() && self.next_scan.is_some_and(|at| at <= now) {
            self.begin_scan(now);
        }
        self.scan_slice(now, watch);
        if self.scan.is_none() && std::mem::take(&mut self.incomplete) {
            self.next_scan = Some(self.next_scan.map_or(now + PAUSE, |at| at.min(now + PAUSE)));
        }
    }

    /// Takes the counts over; returns the kinds of which something has changed: whether it is the
    /// verdict, or the number alone.
    pub fn settle(&mut self, now: Instant) -> Vec<(usize, bool)> {
        let mut changed = Vec::new();
        if self.learning {
            return changed;
        }
        for (number, kind) in self.kinds.iter_mut().enumerate() {
            let first = kind.quorum.verdict() == Verdict::Unknown;
            let counted = first || kind.count != kind.quorum.count();
            let count = counted.then_some(Event::Count(kind.count));
            let mut verdict = false;
            for event in count.into_iter().chain([Event::Timer]) {
                verdict |= kind.quorum.handle(now, event);
            }
            if counted || verdict {
                changed.push((number, verdict));
            }
        }
        changed
    }

    fn read_events(&mut self, now: Instant, watch: &mut dyn FnMut(Watch) -> bool) {
        let mut effort = 0;
        while effort < EFFORT {
            let Some(events) = &self.events else { return };
            effort += match events.read() {
                Ok(Some(event)) => self.event(event, watch),
                Ok(None) => {
                    self.more_events = false;
                    return;
                }
                Err(error) => self.lost(now, &error),
            };
        }
    }

    fn lost(&mut self, now: Instant, error: &io::Error) -> usize {
        if !lost(error) {
            log::error!("cannot hear of processes: {error}");
            (self.events, self.more_events) = (None, false);
        } else if self.next_scan.is_none() {
            log::info!(
                "more happened to processes than the kernel could tell: looking through all"
            );
        }
        self.next_scan.get_or_insert(now.max(self.began + PAUSE));
        1
    }

    /// Takes an event; returns the effort.
    fn event(&mut self, event: ProcEvent, watch: &mut dyn FnMut(Watch) -> bool) -> usize {
        match event {
            ProcEvent::Fork { parent, child } => {
                let kinds = self.found.get(&parent).map(|found| found.kinds.clone());
                if let Some(kinds) = kinds {
                    self.insert(child, kinds, watch);
                }
            }
            ProcEvent::Exec(pid) | ProcEvent::Comm(pid) => {
                self.look(pid, watch);
                return LOOK;
            }
            ProcEvent::Exit(pid) => {
                // A pidfd knows of the other threads, too.
                if self.found.get(&pid).is_some_and(|found| found.pidfd.is_none()) {
                    self.remove(pid, watch);
                }
            }
            ProcEvent::Answer(_) => {}
        }
        1
    }

    fn begin_scan(&mut self, now: Instant) {
        self.round = self.round.wrapping_add(1);
        (self.began, self.next_scan) = (now, None);
        match Scan::new() {
            Ok(scan) => (self.scan, self.blind) = (Some(scan), false),
            Err(error) => {
                if !std::mem::replace(&mut self.blind, true) {
                    log::error!("cannot look through the processes: /proc: {error}");
                }
                self.next_scan = Some(now + self.interval.max(PAUSE));
            }
        }
    }

    fn scan_slice(&mut self, now: Instant, watch: &mut dyn FnMut(Watch) -> bool) {
        for _ in 0..SLICE {
            let Some(scan) = &mut self.scan else { return };
            match scan.next() {
                Some(pid) => self.look(pid, watch),
                None => {
                    self.scan = None;
                    self.end_scan(now, watch);
                }
            }
        }
    }

    fn end_scan(&mut self, now: Instant, watch: &mut dyn FnMut(Watch) -> bool) {
        let round = self.round;
        self.learning = false;
        let gone = self.found.iter().filter(|(_, found)| found.round != round);
        let gone: Vec<u32> = gone.map(|(pid, _)| *pid).collect();
        gone.into_iter().for_each(|pid| self.remove(pid, watch));
        if !self.incomplete && std::mem::take(&mut self.short) {
            log::info!("processes can be looked at again");
        }
        if self.events.is_none() {
            // Looking takes half of the time at most.
            let took = now.since(self.began);
            self.next_scan = Some((self.began + self.interval).max(now + took));
        }
    }

    /// Looks at a process: of which kinds it is.
    fn look(&mut self, pid: u32, watch: &mut dyn FnMut(Watch) -> bool) {
        let (comm, command) = match self.reader.read(pid) {
            Ok(Some(read)) => read,
            Ok(None) => {
                self.remove(pid, watch);
                return;
            }
            Err(error) => {
                self.not_seen(pid, &error);
                return;
            }
        };
        let is_one =
            |(number, kind): (usize, &Kind)| kind.pattern.matches(comm, command).then_some(number);
        let kinds: Vec<usize> = self.kinds.iter().enumerate().filter_map(is_one).collect();
        if kinds.is_empty() {
            self.remove(pid, watch);
        } else {
            self.insert(pid, kinds, watch);
        }
    }

    /// Something has run out: what was known of a process stands, and all are looked through again.
    fn not_seen(&mut self, pid: u32, error: &io::Error) {
        if let Some(found) = self.found.get_mut(&pid) {
            found.round = self.round;
        }
        self.incomplete = true;
        self.refusals = self.refusals.saturating_add(1);
        if !std::mem::replace(&mut self.short, true) {
            log::error!("cannot look at processes: {error}: those that were found last count");
        }
    }

    /// How often a process could not be looked at because something had run out.
    #[must_use]
    pub const fn refusals(&self) -> u32 {
        self.refusals
    }

    fn insert(&mut self, pid: u32, kinds: Vec<usize>, watch: &mut dyn FnMut(Watch) -> bool) {
        let round = self.round;
        if let Some(found) = self.found.get_mut(&pid) {
            found.round = round;
            if found.kinds != kinds {
                let before = std::mem::replace(&mut found.kinds, kinds.clone());
                self.count(&before, false);
                self.count(&kinds, true);
            }
            // Without a pidfd, looking is all that tells of its end.
            let blind = self.found.get(&pid).is_some_and(|found| found.pidfd.is_none());
            if blind && matches!(life(pid, false), Life::Ended) {
                self.remove(pid, watch);
            }
            return;
        }
        if self.found.len() == MOST {
            return;
        }
        let Life::Running(pidfd) = life(pid, self.pidfds < PIDFDS) else { return };
        let pidfd = pidfd.filter(|fd| watch(Watch::Begin(fd.as_raw_fd(), pid)));
        self.pidfds += usize::from(pidfd.is_some());
        self.count(&kinds, true);
        self.found.insert(pid, Found { kinds, pidfd, round });
    }

    /// A process has ended, or is of no kind any more.
    pub fn remove(&mut self, pid: u32, watch: &mut dyn FnMut(Watch) -> bool) {
        let Some(found) = self.found.remove(&pid) else { return };
        if let Some(fd) = &found.pidfd {
            watch(Watch::End(fd.as_raw_fd()));
            self.pidfds -= 1;
        }
        self.count(&found.kinds, false);
    }

    fn count(&mut self, kinds: &[usize], one_more: bool) {
        for kind in kinds {
            let Some(kind) = self.kinds.get_mut(*kind) else { continue };
            kind.count = match one_more {
                true => kind.count + 1,
                false => kind.count.saturating_sub(1),
            };
        }
    }
}

/// Asks the kernel to tell. It answers at once, or never.
fn listen() -> io::Result<ProcEvents> {
    let events = ProcEvents::open()?;
    loop {
        match events.read()? {
            Some(ProcEvent::Answer(0)) => return Ok(events),
            Some(ProcEvent::Answer(error)) => return Err(io::Error::from_raw_os_error(error)),
            Some(_) => {}
            None => return Err(io::Error::other("the kernel does not answer")),
        }
    }
}
