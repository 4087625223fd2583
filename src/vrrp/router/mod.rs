//! One virtual router: RFC 9568 §6.4 and RFC 3768 §6.4, one function a state.

mod backup;
mod drain;
mod hmac;
mod lease;
mod master;
mod member;
pub mod memory;
mod packet;
mod resume;
mod suspend;
mod versions;

pub use backup::Heard;

use crate::vrrp::auth_hmac::AuthHmac;
use crate::vrrp::duplicate::{Duplicates, Sighting};
use crate::vrrp::event::{Action, Event, Link, Remark};
use crate::vrrp::reason::{Fault, Reason};
use crate::vrrp::remarks::Remarks;
use crate::vrrp::settings::Settings;
use crate::vrrp::statistics::Statistics;
use crate::vrrp::time::Instant;
use crate::vrrp::tracker::Effect;
use crate::vrrp::StateName;
use crate::wire::advert::ChecksumForm;
use crate::wire::{Discard, Family, Priority};
use alloc::vec;
use alloc::vec::Vec;
use backup::Backup;
use core::net::IpAddr;
use memory::State;
use versions::Versions;

/// One virtual router.
#[derive(Clone, Debug)]
pub struct Router {
    settings: Settings,
    state: State,
    link: Link,
    source: Option<IpAddr>,
    effects: Vec<Effect>,
    effective_priority: Priority,
    /// What the group says: FAULT until it recovers.
    group_fault: bool,
    /// A person wants another router to be MASTER.
    drained: bool,
    /// The delay of the start.
    deaf_until: Instant,
    checksum: ChecksumForm,
    auth_hmac: Option<AuthHmac>,
    versions: Versions,
    remarks: Remarks,
    /// Why the last advertisement that was not taken was not.
    last_discard: Option<Discard>,
    duplicates: Duplicates,
    statistics: Statistics,
}

impl Router {
    /// In INIT, with its interface missing. `trackers` is the number of slots.
    #[must_use]
    pub fn new(settings: Settings, trackers: usize) -> Self {
        Self {
            state: State::Init,
            link: Link::Missing,
            source: None,
            effects: vec![Effect::Add(0); trackers],
            effective_priority: settings.priority,
            group_fault: false,
            drained: false,
            deaf_until: Instant::ZERO,
            checksum: settings.v3_checksum.unwrap_or(ChecksumForm::PseudoHeader),
            auth_hmac: None,
            versions: Versions::default(),
            remarks: Remarks::default(),
            last_discard: None,
            duplicates: Duplicates::default(),
            statistics: Statistics::default(),
            settings,
        }
    }

    /// Makes it a member of a group: it becomes MASTER when that says so.
    pub fn join_group(&mut self) {
        self.settings.grouped = true;
    }

    /// What was asked for.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> StateName {
        match self.state {
            State::Init => StateName::Init,
            State::Backup(_) => StateName::Backup,
            State::Master(_) => StateName::Master,
            State::Fault(_) => StateName::Fault,
        }
    }

    /// The priority after what the trackers do to it.
    #[must_use]
    pub const fn effective_priority(&self) -> Priority {
        self.effective_priority
    }

    /// The address that we send from.
    #[must_use]
    pub const fn source(&self) -> Option<IpAddr> {
        self.source
    }

    /// The state with its timers.
    #[must_use]
    pub const fn memory_of_state(&self) -> &State {
        &self.state
    }

    /// The form of checksum that is sent over IPv4.
    #[must_use]
    pub const fn checksum(&self) -> ChecksumForm {
        self.checksum
    }

    /// The end of the delay of the start.
    #[must_use]
    pub const fn deaf_until(&self) -> Instant {
        self.deaf_until
    }

    /// What the trackers do, by slot.
    #[must_use]
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// The counters.
    #[must_use]
    pub const fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Why the last advertisement that was not taken was not.
    #[must_use]
    pub const fn last_discard(&self) -> Option<Discard> {
        self.last_discard
    }

    /// Who is there and should not be, as far as advertisements show it.
    #[must_use]
    pub fn duplicates(&self) -> &[Sighting] {
        self.duplicates.going_on()
    }

    /// Goes on with what its predecessor knows of these.
    pub fn inherit_duplicates(&mut self, before: &Self) {
        self.duplicates.clone_from(&before.duplicates);
    }

    /// What keeps us in FAULT; the first of it, if it is more than one thing.
    #[must_use]
    pub fn fault_cause(&self) -> Option<Fault> {
        match self.state {
            State::Fault(_) => self.fault(),
            State::Init | State::Backup(_) | State::Master(_) => None,
        }
    }

    /// The MASTER as a BACKUP knows it: whom it follows, else who is there with a lower priority.
    #[must_use]
    pub const fn master(&self) -> Option<Heard> {
        match &self.state {
            State::Backup(Backup { master: Some(heard), .. }) => Some(*heard),
            State::Backup(Backup { lower, .. }) => *lower,
            State::Init | State::Master(_) | State::Fault(_) => None,
        }
    }

    /// When `handle` wants to be called with [`Event::Timer`] at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Init | State::Fault(_) => None,
            State::Backup(backup) if backup.overdue => backup.group_waits_at,
            State::Backup(backup) => Some(backup.master_down_at),
            State::Master(master) => {
                let again = master.announce_again.map(|(at, _)| at);
                [again, master.refresh_at].into_iter().flatten().chain([master.adver_at]).min()
            }
        }
    }

    /// Takes an event and appends what is to be done about it, in order.
    pub fn handle(&mut self, now: Instant, event: Event<'_>, out: &mut Vec<Action>) {
        self.duplicates.look(now, self.settings.advert_int.duration(), out);
        match event {
            Event::Startup { deaf_until } => self.startup(now, deaf_until, out),
            Event::Shutdown => self.shutdown(out),
            Event::Timer => self.timer(now, out),
            Event::Advert { source, clock, advert } => {
                self.advert(now, (source, clock), advert, out);
            }
            Event::Discarded { source, reason } => self.discard(now, source, reason, out),
            Event::Link(link) => {
                self.link = link;
                self.settle(now, out);
            }
            Event::Source(source) => {
                self.source = source;
                self.settle(now, out);
            }
            Event::Tracker { slot, effect } => self.tracker(now, slot, effect, out),
            Event::Group(command) => self.group(now, command, out),
            Event::Suspended { span } => self.suspended(now, span, out),
            Event::Resume(memory) => self.resume(now, memory, out),
            Event::Drain { force } => self.drain(now, force, out),
            Event::EndDrain => self.end_drain(now),
            Event::Priority(priority) => self.set_priority(now, priority, out),
        }
    }

    /// RFC 9568 §6.4.1 (V3-062, V3-063).
    fn startup(&mut self, now: Instant, deaf_until: Instant, out: &mut Vec<Action>) {
        match self.state {
            State::Init => {
                self.deaf_until = deaf_until;
                self.tell_priority(now, self.settings.priority, out);
                match self.fault() {
                    Some(fault) => self.enter_fault(fault, out),
                    None => self.begin(now, Reason::Startup, out),
                }
            }
            State::Backup(_) | State::Master(_) | State::Fault(_) => {}
        }
    }

    /// V3-075, V3-085: only a MASTER has something to give up.
    fn shutdown(&mut self, out: &mut Vec<Action>) {
        match self.state {
            State::Init => return,
            State::Backup(_) | State::Fault(_) => {}
            State::Master(_) => self.resign(out),
        }
        self.change(State::Init, Reason::Shutdown, out);
    }

    fn timer(&mut self, now: Instant, out: &mut Vec<Action>) {
        let ours = self.effective_priority;
        match &mut self.state {
            State::Init | State::Fault(_) => {}
            State::Backup(backup) if backup.overdue => self.group_waits(now, out),
            State::Backup(backup) if now < backup.master_down_at => {}
            State::Backup(backup) if backup.woke_too_late(now, &self.settings) => {
                backup.listen_again(now, &self.settings, ours);
            }
            State::Backup(_) => {
                self.nobody_took_over(now, out);
                self.master_down(now, out);
            }
            State::Master(_) => self.master_timer(now, out),
        }
    }

    /// The Master_Down_Timer has fired.
    fn master_down(&mut self, now: Instant, out: &mut Vec<Action>) {
        let (waits, ours) = (self.held() || self.settings.grouped, self.effective_priority);
        let drained = self.drained;
        match &mut self.state {
            State::Backup(backup) if waits => backup.fired(now, &self.settings, ours, drained),
            State::Backup(_) => self.take_over(now, out),
            State::Init | State::Master(_) | State::Fault(_) => {}
        }
    }

    /// V3-076.
    fn take_over(&mut self, now: Instant, out: &mut Vec<Action>) {
        let State::Backup(backup) = &self.state else { return };
        let reason = backup.why_master(now, &self.settings, self.effective_priority);
        self.become_master(now, reason, out);
    }

    fn tracker(&mut self, now: Instant, slot: usize, effect: Effect, out: &mut Vec<Action>) {
        let was_held = self.held();
        let Some(at) = self.effects.get_mut(slot) else { return };
        *at = effect;
        let before = self.effective_priority;
        self.effective_priority = self.settings.effective_priority(&self.effects);
        // Before the beginning nobody has heard of another.
        if self.effective_priority != before && !matches!(self.state, State::Init) {
            out.push(Action::PriorityChange { from: before, to: self.effective_priority });
            if self.fault().is_none() {
                self.priority_changed(now, before, out);
            }
        }
        self.settle(now, out);
        if was_held && !self.held() {
            self.let_go(now);
        }
    }

    /// If the timer had fired while a tracker held us back, it fires now: not here, but after the
    /// packets that may still be waiting (V3-082).
    fn let_go(&mut self, now: Instant) {
        match &mut self.state {
            State::Backup(backup) if backup.overdue => {
                backup.overdue = false;
                backup.master_down_at = now;
            }
            State::Init | State::Backup(_) | State::Master(_) | State::Fault(_) => {}
        }
    }

    /// A MASTER says so at once (design.md §4); a BACKUP's timer moves by what its skew changed.
    fn priority_changed(&mut self, now: Instant, before: Priority, out: &mut Vec<Action>) {
        let ours = self.effective_priority;
        // After a stall the packets have to be heard first.
        let speaks = self.settings.fast_handover && self.stalled(now).is_none();
        match &mut self.state {
            State::Init | State::Fault(_) => {}
            State::Backup(backup) => {
                backup.priority_changed(now, &self.settings, before, ours);
            }
            State::Master(_) if speaks => self.advertise(ours, out),
            State::Master(_) => {}
        }
    }

    /// Goes into FAULT or out of it, as what is known of the world demands.
    fn settle(&mut self, now: Instant, out: &mut Vec<Action>) {
        match (&self.state, self.fault()) {
            (State::Init, _) | (State::Backup(_) | State::Master(_), None) => {}
            // Our own cause is gone: if it was the last of the group, this ends in the same turn.
            (State::Fault(_), Some(Fault::Group)) => {}
            (State::Fault(was), Some(fault)) if *was != fault => {
                self.state = State::Fault(fault);
                out.push(Action::Remark(Remark::OtherFault(fault)));
            }
            (State::Fault(_), Some(_)) => {}
            (State::Backup(_) | State::Master(_), Some(fault)) => self.enter_fault(fault, out),
            (State::Fault(was), None) => self.begin(now, Reason::Recovered(*was), out),
        }
    }

    /// RFC 9568 §6.4.1: an owner becomes MASTER at once, anybody else listens. A start that is
    /// delayed begins for both when the delay ends.
    fn begin(&mut self, now: Instant, reason: Reason, out: &mut Vec<Action>) {
        let start = now.max(self.deaf_until);
        let owner = self.settings.is_owner();
        if owner && start == now && !self.held() && !self.settings.grouped {
            self.become_master(now, Reason::Owner, out);
            return;
        }
        let mut backup = Backup::new(start, &self.settings, self.effective_priority);
        if owner {
            backup.master_down_at = start;
        }
        if owner && start == now {
            backup.fired(now, &self.settings, self.effective_priority, self.drained);
        }
        self.change(State::Backup(backup), reason, out);
    }

    fn enter_fault(&mut self, fault: Fault, out: &mut Vec<Action>) {
        // A member does not leave FAULT by itself.
        self.group_fault = self.settings.grouped;
        if matches!(self.state, State::Master(_)) {
            self.resign(out);
        }
        self.change(State::Fault(fault), Reason::Fault(fault), out);
    }

    fn advertise(&mut self, priority: Priority, out: &mut Vec<Action>) {
        let versions = 1 + u64::from(self.settings.election.both_versions);
        self.statistics.advertisement_sent += versions;
        if priority == Priority::RESIGN {
            self.statistics.priority_zero_pkts_sent += versions;
        }
        out.push(Action::Advertise { priority, checksum: self.checksum });
    }

    fn change(&mut self, state: State, reason: Reason, out: &mut Vec<Action>) {
        let from = self.state();
        self.state = state;
        self.remarks = Remarks::default();
        out.push(Action::Transition { from, to: self.state(), reason });
    }

    /// The first thing that is in the way.
    fn fault(&self) -> Option<Fault> {
        self.own_fault().or(self.group_fault.then_some(Fault::Group))
    }

    fn own_fault(&self) -> Option<Fault> {
        match (self.link, self.source) {
            (Link::Missing, _) => Some(Fault::InterfaceMissing),
            (Link::Down, _) if !self.settings.dont_track_primary => Some(Fault::InterfaceDown),
            (Link::NoVirtualMac, _) => Some(Fault::NoVirtualMac),
            (Link::Down | Link::Up, None) => Some(Fault::NoPrimaryAddress),
            (Link::Down | Link::Up, Some(_)) => {
                self.effects.iter().position(|effect| *effect == Effect::Fault).map(Fault::Tracker)
            }
        }
    }

    /// Whether something keeps us from becoming MASTER: a tracker without a result, or a person.
    fn held(&self) -> bool {
        self.drained || self.effects.contains(&Effect::Hold)
    }

    /// The family of the virtual addresses.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.settings.family
    }
}
