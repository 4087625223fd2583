//! Whose notify scripts are told of changes: an instance or a sync group.

use super::command::{Runnable, Runnables};
use super::notify::{Queue, Script, Told};
use crate::config::{Command, Notify};
use crate::vrrp::time::Instant;
use crate::vrrp::StateName;

/// Notify scripts at work.
pub struct Teller {
    /// `INSTANCE` or `GROUP`, as the scripts are told.
    pub kind: &'static str,
    /// The name of the instance or the group.
    pub name: String,
    /// The scripts.
    pub scripts: Scripts,
    /// What they are told.
    pub queue: Queue,
    /// The script that is running.
    pub notifying: Option<Notifying>,
    /// Something has run out, so that the script could not be started: when that is tried again.
    pub again_at: Option<Instant>,
    /// Whose scripts have to end before: those of the members of a group.
    pub after: Vec<usize>,
    /// The FIFOs that are told as well.
    pub fifos: Vec<usize>,
    /// These are told of changes of priority, too.
    pub priority_changes: bool,
}

impl Teller {
    /// Whether it speaks for the same instance or group.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.kind, &self.name) == (other.kind, &other.name)
    }

    /// Makes the scripts ready that can be run.
    #[must_use]
    pub fn new(
        kind: &'static str,
        name: &str,
        from: &Notify,
        runnables: &mut Runnables<'_>,
    ) -> Self {
        let mut ready = |command: &Option<Command>| {
            let runnable = runnables.get(command.as_ref()?);
            runnable.map_err(|error| log::error!("{name}: notify script: {error}")).ok()
        };
        let scripts = Scripts {
            master: ready(&from.notify_master),
            backup: ready(&from.notify_backup),
            fault: ready(&from.notify_fault),
            stop: ready(&from.notify_stop),
            deleted: ready(&from.notify_deleted),
            lower_priority: ready(&from.notify_master_rx_lower_pri),
            general: ready(&from.notify),
            timeout: from.notify_timeout,
        };
        Self {
            kind,
            name: name.to_owned(),
            scripts,
            queue: Queue::default(),
            notifying: None,
            again_at: None,
            after: Vec::new(),
            fifos: Vec::new(),
            priority_changes: from.notify_priority_changes == Some(true),
        }
    }
}

/// The notify scripts of an instance.
#[derive(Default)]
pub struct Scripts {
    /// `notify_master`
    pub master: Option<Runnable>,
    /// `notify_backup`
    pub backup: Option<Runnable>,
    /// `notify_fault`
    pub fault: Option<Runnable>,
    /// `notify_stop`
    pub stop: Option<Runnable>,
    /// `notify_deleted`
    pub deleted: Option<Runnable>,
    /// `notify_master_rx_lower_pri`
    pub lower_priority: Option<Runnable>,
    /// `notify`
    pub general: Option<Runnable>,
    /// How long one may take.
    pub timeout: std::time::Duration,
}

/// A notify script under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notifying {
    /// When it is told to stop, and if it was told before, killed.
    pub deadline: Instant,
    /// It was told to stop already.
    pub terminated: bool,
}

impl Scripts {
    /// Whether there is a script for a change of state.
    #[must_use]
    pub fn any_for(&self, told: Told) -> bool {
        [Script::Specific, Script::General].iter().any(|it| self.find(told, *it).is_some())
    }

    /// The script for a change of state, if there is one.
    #[must_use]
    pub fn find(&self, told: Told, script: Script) -> Option<&Runnable> {
        match (script, told) {
            (Script::General, Told::State(_) | Told::Stop | Told::Deleted) => self.general.as_ref(),
            (Script::General, Told::LowerPriority) => None,
            (Script::Specific, Told::LowerPriority) => self.lower_priority.as_ref(),
            (Script::Specific, Told::State(StateName::Master)) => self.master.as_ref(),
            (Script::Specific, Told::State(StateName::Backup)) => self.backup.as_ref(),
            (Script::Specific, Told::State(StateName::Fault)) => self.fault.as_ref(),
            (Script::Specific, Told::State(StateName::Init)) => None,
            (Script::Specific, Told::Stop) => self.stop.as_ref(),
            (Script::Specific, Told::Deleted) => self.deleted.as_ref(),
        }
    }
}

/// The keyword of a script, for the log.
#[must_use]
pub const fn keyword(told: Told, script: Script) -> &'static str {
    match (script, told) {
        (Script::General, _) => "notify",
        (Script::Specific, Told::State(StateName::Master)) => "notify_master",
        (Script::Specific, Told::State(StateName::Backup)) => "notify_backup",
        (Script::Specific, Told::State(StateName::Fault | StateName::Init)) => "notify_fault",
        (Script::Specific, Told::Stop) => "notify_stop",
        (Script::Specific, Told::Deleted) => "notify_deleted",
        (Script::Specific, Told::LowerPriority) => "notify_master_rx_lower_pri",
    }
}
