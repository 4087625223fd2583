//! Trackers: whatever can change the priority of an instance or put it in FAULT. A sensor finds out
//! how a thing is; from here it goes to all who track that thing.

mod content;
pub mod file;
mod interface;
mod pattern;
pub mod ping;
pub mod probe;
mod proc;
mod process;
pub mod processes;
pub mod route;
mod tcp;
mod walk;

use super::Daemon;
use crate::config::{Track, Tracked};
use crate::vrrp::event::Event;
use crate::vrrp::tracker::{Effect, Verdict, Weight};

/// A thing that is tracked.
#[derive(Debug)]
pub struct Tracker {
    /// What it is.
    pub kind: Kind,
    /// Its name in the configuration.
    pub name: String,
    /// Who tracks it.
    pub subscribers: Vec<Subscriber>,
    /// How it is.
    pub sense: Sense,
    /// The same in words, for the log: what comes behind `failed: `.
    pub says: String,
}

/// The kinds of things; a number is that of the sensor among those of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `vrrp_script`
    Script(usize),
    /// `track_file`
    File(usize),
    /// `track_process`
    Process(usize),
    /// `track_interface`: the number in the link table.
    Interface(usize),
    /// `track_route`
    Route(usize),
    /// `track_tcp`
    Tcp(usize),
    /// `track_ping`
    Ping(usize),
    /// Whether the kernel drops what instances with `no_accept` do not accept.
    NoAccept,
}

/// Who tracks a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// The instance.
    pub instance: usize,
    /// Which of its trackers this is.
    pub slot: usize,
    /// What it is worth there.
    pub weight: Weight,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// It works, or not, or nobody knows yet.
    Verdict(Verdict),
    /// A number that is multiplied by the weight.
    Number(i32),
}

impl Tracker {
    /// Of which nothing is known yet, and which nobody tracks.
    #[must_use]
    pub fn new(kind: Kind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            subscribers: Vec::new(),
            sense: Sense::Verdict(Verdict::Unknown),
            says: "no result yet".to_owned(),
        }
    }

    /// Somebody tracks it.
    pub fn subscribe(&mut self, instance: usize, slot: usize, weight: Weight) {
        self.subscribers.push(Subscriber { instance, slot, weight });
    }

    /// What it is called in the log: `check web`.
    #[must_use]
    pub fn label(&self) -> String {
        match self.kind {
            Kind::Script(_) => format!("check {}", self.name),
            Kind::File(_) => format!("file {}", self.name),
            Kind::Process(_) => format!("process {}", self.name),
            Kind::Interface(_) => format!("interface {}", self.name),
            Kind::Route(_) => format!("route {}", self.name),
            Kind::Tcp(_) => format!("tcp {}", self.name),
            Kind::Ping(_) => format!("ping {}", self.name),
            Kind::NoAccept => self.name.clone(),
        }
    }
}

impl Sense {
    /// What this does to somebody who tracks with a weight.
    #[must_use]
    pub fn effect(self, weight: Weight) -> Effect {
        match self {
            Self::Verdict(verdict) => weight.effect(verdict),
            Self::Number(number) => weight.times(number),
        }
    }
}

impl Daemon {
    /// The tracker of what an instance tracks.
    pub(super) fn tracker_of(&mut self, track: &Track) -> Option<usize> {
        match &track.tracked {
            Tracked::Interface(name) => Some(self.interface_tracker(name)),
            Tracked::Route(number) => self.tracked_routes.tracker(*number),
            Tracked::Tcp(number) => self.probes.get(*number).map(|probe| probe.tracker),
            // They stand behind those.
            Tracked::Ping(number) => {
                self.probes.get(self.first_ping + *number).map(|probe| probe.tracker)
            }
            Tracked::File(number) => self.files.tracker(*number),
            Tracked::Process(number) => {
                self.processes.kinds().get(*number).map(|kind| kind.tracker)
            }
        }
    }

    /// Goes on with what one turn of the loop is not to take all the time for.
    pub(super) fn go_on_sensing(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        if self.files.backlog {
            self.files_ready();
        }
        if self.processes.backlog() {
            self.work_on_processes();
        }
    }

    /// A sensor has found something out.
    pub(super) fn sense(&mut self, tracker: usize, sense: Sense) {
        let before = std::mem::replace(&mut self.trackers[tracker].sense, sense);
        if before != sense {
            self.state.refresh = true;
            self.remember_sense(tracker, before);
        }
        for at in 0..self.trackers[tracker].subscribers.len() {
            let Subscriber { instance, slot, weight } = self.trackers[tracker].subscribers[at];
            let effect = sense.effect(weight);
            for at in 0..self.instances[instance].routers.len() {
                let router = self.instances[instance].routers[at];
                self.feed(router, Event::Tracker { slot, effect });
            }
        }
    }
}
