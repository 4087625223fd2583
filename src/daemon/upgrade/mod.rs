//! Upgrade in place (SIGUSR2): the file that now stands at our path takes over, as the same process.
//!
//! ```text
//!   rehearsal   the file is run as a child: does it start here, with this configuration, and does it
//!     │         understand what we would hand over? If not, we go on.
//!   waiting     until no notify script runs, and for a moment when nothing is due
//!   handing     what we know goes into a file in memory, sockets and the lock stay open, and the
//!     over      file is executed in our place; it begins as at a start, and takes all that over
//!   back        if it fails before it has begun, it executes our own file again, which goes on
//! ```
//!
//! A check that runs is ended if there is no moment without one, and runs again; verdicts stay. Who
//! reads a FIFO, and what notify scripts have left behind, is handed over.

mod handing;
mod handover;
mod taking;

pub use handover::Handover;
pub use taking::take_limits;

use super::children::{Ended, Owner};
use super::command::Runnable;
use super::state::file::{FORMAT, KIND};
use super::{Daemon, Object};
use crate::sys::exec::{self, Image};
use crate::sys::process::Exit;
use crate::vrrp::check;
use crate::vrrp::reason::Span;
use crate::vrrp::time::Instant;
use crate::vrrp::tracker::Verdict;
use mio::Events;
use signal_hook::consts::SIGKILL;
use std::os::fd::RawFd;
use std::time::Duration;

/// Says to a vipd that it is to try whether it would take over, from this folder.
pub const REHEARSAL: &str = "VIPD_REHEARSAL";
/// Says to a vipd that it takes over: where what it has to know is.
const HANDOVER: &str = "VIPD_HANDOVER";
/// How long it may take to say so.
const REHEARSAL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long we wait for notify scripts.
const PATIENCE: Duration = Duration::from_secs(60);
/// Handing over begins when nothing is due for so long, or after a while all the same.
const ROOM: Duration = Duration::from_millis(20);
const ROOM_PATIENCE: Duration = Duration::from_secs(1);

/// What a vipd that is tried says if it would take over: that it understands what is handed over.
#[must_use]
pub fn ready() -> String {
    format!("ready to take over: {KIND} {FORMAT}")
}

/// Where an upgrade stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    None,
    /// Until when.
    Rehearsal(Instant),
    /// Since when.
    Waiting(Instant),
}

/// An upgrade, and what it needs.
#[derive(Debug, Default)]
pub struct Upgrade {
    image: Option<Image>,
    /// The locked pid file.
    lock: RawFd,
    stage: Stage,
}

impl Upgrade {
    /// None yet, of a daemon that holds this lock.
    #[must_use]
    pub fn new(lock: RawFd) -> Self {
        let image = Image::of_this_process();
        let image =
            image.map_err(|error| log::info!("an upgrade in place is not possible: {error}"));
        Self { image: image.ok(), lock, stage: Stage::None }
    }
}

impl Daemon {
    /// Somebody wants an upgrade: first the other one has to show that it can.
    pub(super) fn want_upgrade(&mut self) {
        let Some(image) = self.upgrade.image.as_ref().filter(|_| self.stopping.is_none()) else {
            log::warn!("upgrade: not now, or not here");
            return;
        };
        if self.upgrade.stage != Stage::None {
            log::info!("upgrade: there is one under way");
            return;
        }
        let path = image.path.display().to_string();
        let started = Runnable::of_program(&image.path, &image.arguments).and_then(|runnable| {
            let folder = image.folder.to_string_lossy();
            let (registry, variables) = (self.poll.registry(), [(REHEARSAL, folder.as_ref())]);
            self.children
                .start(registry, self.now, Owner::Upgrade, &runnable, &[], &variables)
                .map_err(|error| error.to_string())
        });
        match started {
            Ok(()) => {
                log::info!("upgrade: trying {path}");
                self.upgrade.stage = Stage::Rehearsal(self.now + REHEARSAL_TIMEOUT);
            }
            Err(error) => log::error!("upgrade: {path}: {error}; going on as before"),
        }
        self.touch(Object::Upgrade);
    }

    /// When something is to be done about it.
    pub(super) fn upgrade_due_at(&self) -> Option<Instant> {
        match self.upgrade.stage {
            Stage::None => None,
            Stage::Rehearsal(until) => Some(until),
            // Each turn looks whether it is time: one has to come.
            Stage::Waiting(since) => Some(since + ROOM_PATIENCE).filter(|at| *at > self.now),
        }
    }

    /// The rehearsal takes too long.
    pub(super) fn upgrade_overdue(&mut self) {
        if let Stage::Rehearsal(_) = self.upgrade.stage {
            self.children.signal(Owner::Upgrade, SIGKILL);
            self.upgrade.stage = Stage::None;
            log::error!(
                "upgrade: it has not begun after {}; going on as before",
                Span(REHEARSAL_TIMEOUT)
            );
        }
    }

    /// The rehearsal has ended.
    pub(super) fn rehearsal_ended(&mut self, ended: &Ended) {
        let Stage::Rehearsal(_) = self.upgrade.stage else { return };
        self.upgrade.stage = Stage::None;
        if ended.exit == Exit::Code(0) && ended.output == ready() {
            self.upgrade.stage = Stage::Waiting(self.now);
        } else {
            let path = self.upgrade.image.as_ref().map(|image| image.path.display().to_string());
            log::error!(
                "upgrade: {} would not take over: {}, it said: {}; going on as before",
                path.unwrap_or_default(),
                ended.exit,
                ended.output
            );
        }
        self.touch(Object::Upgrade);
    }

    /// Whether it is time to hand over: nobody is being told anything, nothing is due, and no check
    /// runs.
    pub(super) fn upgrade_is_timely(&mut self) -> bool {
        let Stage::Waiting(since) = self.upgrade.stage else { return false };
        let waited = self.now.since(since);
        if self.stopping.is_some() {
            self.upgrade.stage = Stage::None;
            return false;
        }
        let told = self.tellers.iter().all(|it| it.queue.is_idle()) && self.pres_are_idle();
        if !told && waited >= PATIENCE {
            log::error!(
                "upgrade: notify scripts have been running for {}; going on as before",
                Span(waited)
            );
            self.upgrade.stage = Stage::None;
            return false;
        }
        let due = self.wheel.earliest().is_some_and(|next| next <= self.now + ROOM);
        let checks = self.children.owners().any(|owner| matches!(owner, Owner::Check(_)));
        told && ((!due && !checks) || waited >= ROOM_PATIENCE)
    }

    /// Executes the file at our path in our place. Returns only if that is not possible, or not yet.
    pub(super) fn hand_over(&mut self, events: &mut Events) {
        // It may be another than at the rehearsal, and with a bad one nobody could begin.
        let stage = self.upgrade.stage;
        let refused = match self.read_anew(events) {
            Ok((Some(_), _)) => None,
            Ok((None, report)) => Some(report.to_string()),
            Err(error) => Some(error),
        };
        if let Some(refused) = refused {
            self.upgrade.stage = Stage::None;
            log::error!("upgrade: the configuration has changed: {refused}; going on as before");
            return;
        }
        // Something may have happened meanwhile.
        if self.upgrade.stage != stage || !self.upgrade_is_timely() {
            return;
        }
        self.upgrade.stage = Stage::None;
        let Some(image) = self.upgrade.image.take() else { return };
        log::info!("upgrade: {} takes over", image.path.display());
        self.go_on_logging();
        self.children.end(|owner| !matches!(owner, Owner::Fifo(_)));
        let error = self
            .parcel(&image)
            .give(|variable| exec::exec(&image.path, &image.arguments, (HANDOVER, variable)));
        log::error!("upgrade: {}: {error}; going on as before", image.path.display());
        self.upgrade.image = Some(image);
        // Whoever was ended says nothing any more: what was true stays true.
        for script in 0..self.scripts.len() {
            if self.scripts[script].check.is_running() {
                let success = self.scripts[script].check.verdict() != Verdict::Down;
                self.check_event(script, check::Event::Ended { success });
            }
        }
        self.finish_turn();
    }
}
