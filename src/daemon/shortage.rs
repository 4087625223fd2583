//! When something has run out: descriptors, processes, memory, room in a queue, a reader of the log.
//!
//! What could not be done is counted, told once, and tried again; adverts go on meanwhile. Nothing here
//! decides anything about the election: a check that cannot be started has failed, as any other.

use super::{Daemon, Source};
use crate::log;
use crate::sys::limits;
use crate::sys::shortage::{self, What};
use crate::vrrp::time::Instant;
use mio::unix::SourceFd;
use mio::Interest;
use std::io;
use std::time::Duration;

/// How often lines that wait for the log are tried, if nobody tells when it takes them: a full disk.
const LOOK: Duration = Duration::from_secs(1);
/// How soon is tried again what could not be done: a script that was not started, a file not written.
pub const RETRY: Duration = Duration::from_secs(1);

/// So many descriptors are wanted, if we may: for two sockets of each interface, two of each script that
/// runs, and those of processes. On kernels before 5.9 each child closes as many, one by one.
const DESCRIPTORS: u32 = 16_384;

/// Makes room where we may, before anything is short.
pub fn begin() {
    if let Err(error) = limits::raise_descriptors(DESCRIPTORS) {
        ::log::debug!("cannot raise the limit of open files: {error}");
    }
}

/// What could not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// A script was not started.
    Script,
    /// An announcement was not sent.
    Announcement,
    /// The timer was not set.
    Timer,
}

/// The names of the counters, in the order of [`Lack`].
const NAMES: [&str; 3] = ["scripts_not_started", "announcements_not_sent", "timer_not_set"];

/// What has run out, and how often.
#[derive(Debug, Default)]
pub struct Shortage {
    counts: [u32; NAMES.len()],
    /// The timer is not set, and this is due next.
    not_armed_for: Option<Instant>,
    /// Announcements are refused, and that was said.
    pub silent: bool,
}

impl Shortage {
    /// Once more.
    pub fn count(&mut self, lack: Lack) {
        self.add(lack, 1);
    }

    /// So many times more.
    pub fn add(&mut self, lack: Lack, times: u32) {
        if let Some(count) = self.counts.get_mut(lack as usize) {
            *count = count.saturating_add(times);
        }
    }

    /// By name.
    fn counters(&self) -> impl Iterator<Item = (&'static str, u32)> {
        NAMES.into_iter().zip(self.counts)
    }
}

/// Why a script could not be started, and what a person can do about it.
#[must_use]
pub fn not_started(error: &io::Error) -> String {
    // Those with words of their own say what could not be done.
    let what = if error.raw_os_error().is_some() { "cannot be started: " } else { "" };
    let remedy = match shortage::of(error) {
        Some(What::Descriptors) => "; raise the limit of open files (ulimit -n, LimitNOFILE)",
        Some(What::SystemFiles) => "; raise fs.file-max",
        Some(What::Processes) => {
            "; its user or the control group has too many processes (ulimit -u, TasksMax)"
        }
        Some(What::Memory) => "; the memory is full",
        Some(What::Queue | What::Watches) | None => "",
    };
    format!("{what}{error}{remedy}")
}

impl Daemon {
    /// What could not be done, and how often.
    pub(super) fn lacks(&self) -> impl Iterator<Item = (&'static str, u32)> {
        let others = [
            ("changes_not_taken", self.addresses.times_not_taken()),
            ("looks_refused", self.files.refusals().saturating_add(self.processes.refusals())),
            ("log_lines_lost", log::lost()),
            ("state_not_written", self.state.failures()),
            ("events_not_written", self.history.failures()),
        ];
        self.shortage.counters().chain(others)
    }

    /// How long the loop may sleep, if it may sleep and no longer than `wait`; `None` for as long as the
    /// timer says.
    pub(super) fn longest_sleep(&self, at_once: bool, wait: Option<Duration>) -> Option<Duration> {
        let now = at_once.then_some(Duration::ZERO);
        let log = log::is_waiting().then_some(LOOK);
        let timer = self.shortage.not_armed_for.map(|at| at.since(self.now));
        let output = self.children.due_at().map(|at| at.since(self.now));
        now.into_iter().chain(wait).chain(log).chain(timer).chain(output).min()
    }

    /// Sets the timer. Without it the loop does not sleep longer than until then.
    pub(super) fn arm(&mut self, at: Instant) {
        match self.timer.arm(at.as_nanos()) {
            Ok(()) => {
                self.armed = Some(at);
                if self.shortage.not_armed_for.take().is_some() {
                    ::log::info!("the timer can be set again");
                }
            }
            Err(error) => {
                self.armed = None;
                self.shortage.count(Lack::Timer);
                if self.shortage.not_armed_for.replace(at).is_none() {
                    ::log::error!("cannot set the timer: {error}; waking up without it");
                }
            }
        }
    }

    /// All that [`Daemon::log_status`] says finds room, if the reader of the log is slow.
    pub(super) fn make_room_in_log(&self) {
        let checked = self.scripts.len() + self.trackers.len();
        log::make_room(self.routers.len() + checked + self.nets.len());
    }

    /// Writes lines that wait for the log, and is told when it takes more. It is watched only then:
    /// every read of its reader would wake us.
    pub(super) fn go_on_logging(&mut self) {
        if !log::is_waiting() && !self.log_watched {
            return;
        }
        log::go_on();
        let Some(fd) = log::descriptor() else { return };
        let (registry, mut source) = (self.poll.registry(), SourceFd(&fd));
        if log::is_waiting() != self.log_watched {
            self.log_watched = !self.log_watched;
            // A file cannot be watched, and tells of no room.
            let _ = match self.log_watched {
                true => registry.register(&mut source, Source::Log.token(), Interest::WRITABLE),
                false => registry.deregister(&mut source),
            };
        }
    }
}
