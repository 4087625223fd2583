//! `track_process` in the daemon: its descriptors, its time, and whom it is told to.

use super::super::{Daemon, Object, Source};
use super::processes::{Kind as Process, Watch};
use super::{Kind, Sense, Tracker};
use crate::config::Config;
use crate::vrrp::process::Settings;
use crate::vrrp::reason::Span;
use crate::vrrp::tracker::Verdict;
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use std::io;

impl Daemon {
    /// Makes them out of the configuration.
    pub(in super::super) fn add_processes(&mut self, config: &Config) {
        for (number, from) in config.track_process.iter().enumerate() {
            self.processes.add(from, self.trackers.len());
            self.trackers.push(Tracker::new(Kind::Process(number), &from.name));
        }
    }

    /// Looks through all processes, and begins to hear of them.
    pub(in super::super) fn start_processes(&mut self) -> io::Result<()> {
        let is_tracked = |it: &Process| !self.trackers[it.tracker].subscribers.is_empty();
        if !self.processes.kinds().iter().any(is_tracked) {
            return Ok(());
        }
        let Self { poll, processes, now, .. } = self;
        match processes.start(*now, &mut |watch| register(poll.registry(), &watch)) {
            Ok(fd) => self.watch(fd, Source::Processes)?,
            Err(error) => log::info!(
                "the kernel does not tell of processes here ({error}): /proc is looked through every \
                 {}",
                Span(self.processes.interval())
            ),
        }
        self.settle_processes();
        Ok(())
    }

    /// After a reload: looks through all again, if others are tracked now.
    pub(in super::super) fn go_on_with_processes(&mut self) {
        let is_tracked = |it: &Process| !self.trackers[it.tracker].subscribers.is_empty();
        if !self.processes.kinds().iter().any(is_tracked) {
            self.processes = super::processes::Processes::default();
            return;
        }
        if self.processes.is_learning() {
            if let Some(fd) = self.processes.learn(self.now) {
                // Without that, /proc tells the same, later.
                let _ = self.watch(fd, Source::Processes);
            }
        }
        self.touch(Object::Processes);
    }

    /// Goes on with whatever there is to do about processes.
    pub(in super::super) fn work_on_processes(&mut self) {
        let Self { poll, processes, now, .. } = self;
        processes.work(*now, &mut |watch| register(poll.registry(), &watch));
        self.settle_processes();
    }

    /// The pidfd of a process is readable.
    pub(in super::super) fn process_ended(&mut self, pid: u32) {
        let Self { poll, processes, .. } = self;
        processes.remove(pid, &mut |watch| register(poll.registry(), &watch));
        self.settle_processes();
    }

    /// Tells of what has changed.
    fn settle_processes(&mut self) {
        for (number, verdict) in self.processes.settle(self.now) {
            let it = &self.processes.kinds()[number];
            let (tracker, now) = (it.tracker, it.quorum.verdict());
            let says = says(it);
            match now {
                _ if !verdict => log::debug!("process {}: {says}", it.name),
                Verdict::Up => log::info!("process {}: {says}: is fine now", it.name),
                Verdict::Down => log::warn!("process {}: {says}: has failed now", it.name),
                Verdict::Unknown => {}
            }
            self.trackers[tracker].says = says;
            if verdict {
                self.sense(tracker, Sense::Verdict(now));
            }
        }
        self.touch(Object::Processes);
    }
}

/// `1 runs, quorum 2 to 9`
fn says(it: &Process) -> String {
    let Settings { quorum, quorum_max, .. } = *it.quorum.settings();
    let verb = if it.quorum.count() == 1 { "runs" } else { "run" };
    let wanted = match (quorum, quorum_max) {
        (_, 0) => "none should".to_owned(),
        (least, u32::MAX) => format!("quorum {least}"),
        (least, most) => format!("quorum {least} to {most}"),
    };
    format!("{} {verb}, {wanted}", it.quorum.count())
}

/// Whether it could be done.
fn register(registry: &Registry, watch: &Watch) -> bool {
    match watch {
        Watch::Begin(fd, pid) => {
            let token = Source::Process(*pid).token();
            registry.register(&mut SourceFd(fd), token, Interest::READABLE).is_ok()
        }
        Watch::End(fd) => registry.deregister(&mut SourceFd(fd)).is_ok(),
    }
}
