//! One virtual router: RFC 9568 §6.4 and RFC 3768 §6.4, one function a state.

pub use super::backup::Heard;

use super::backup::Backup;
use super::event::{Action, Event, Link, Remark};
use super::group::{Command, Stand};
use super::reason::{Fault, Reason};
use super::remarks::Remarks;
use super::settings::Settings;
use super::statistics::Statistics;
use super::time::Instant;
use super::tracker::Effect;
use super::StateName;
use crate::wire::advert::{Advert, ChecksumForm};
use crate::wire::{Discard, Family, Priority, Version};
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

/// What a virtual router remembers. A timer lives in the state that uses it: leaving the state is
/// cancelling the timer.
#[derive(Clone, Debug)]
enum State {
    Init,
    Backup(Backup),
    Master(Master),
    Fault(Fault),
}

/// RFC 9568 §6.4.3.
#[derive(Clone, Debug)]
struct Master {
    /// Adver_Timer.
    adver_at: Instant,
    /// When the announcements are repeated, and how often each is then sent.
    announce_again: Option<(Instant, u8)>,
    /// `garp_master_refresh`.
    refresh_at: Option<Instant>,
    /// When an advertisement was last sent out of turn because of a packet.
    answered_at: Option<Instant>,
}

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
    /// The delay of the start.
    deaf_until: Instant,
    checksum: ChecksumForm,
    remarks: Remarks,
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
            deaf_until: Instant::ZERO,
            checksum: settings.v3_checksum.unwrap_or(ChecksumForm::PseudoHeader),
            remarks: Remarks::default(),
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

    /// What keeps us in FAULT; the first of it, if it is more than one thing.
    #[must_use]
    pub fn fault_cause(&self) -> Option<Fault> {
        match self.state {
            State::Fault(_) => self.fault(),
            State::Init | State::Backup(_) | State::Master(_) => None,
        }
    }

    /// Where we stand, for [`decide`](super::group::decide).
    #[must_use]
    pub fn stand(&self) -> Stand {
        match &self.state {
            State::Init => Stand::Init,
            State::Fault(_) if self.own_fault().is_some() => Stand::Fault,
            State::Fault(_) => Stand::Waits,
            State::Backup(backup) => backup.stand(self.held()),
            State::Master(_) => Stand::Master,
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
        match event {
            Event::Startup { deaf_until } => self.startup(now, deaf_until, out),
            Event::Shutdown => self.shutdown(out),
            Event::Timer => self.timer(now, out),
            Event::Advert { source, advert } => self.advert(now, source, advert, out),
            Event::Discarded { source, reason } => self.discard(source, reason, out),
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
        }
    }

    /// RFC 9568 §6.4.1 (V3-062, V3-063).
    fn startup(&mut self, now: Instant, deaf_until: Instant, out: &mut Vec<Action>) {
        match self.state {
            State::Init => {
                self.deaf_until = deaf_until;
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
        let waits = self.held() || self.settings.grouped;
        let ours = self.effective_priority;
        match &mut self.state {
            State::Init | State::Fault(_) => {}
            State::Backup(backup) if backup.overdue => self.group_waits(now, out),
            State::Backup(backup) if now < backup.master_down_at => {}
            State::Backup(backup) if waits => backup.fired(&self.settings, ours),
            State::Backup(_) => self.take_over(now, out),
            State::Master(_) => self.master_timer(now, out),
        }
    }

    /// V3-076.
    fn take_over(&mut self, now: Instant, out: &mut Vec<Action>) {
        let State::Backup(backup) = &self.state else { return };
        let reason = backup.why_master(now, &self.settings, self.effective_priority);
        self.become_master(now, reason, out);
    }

    /// We would be MASTER if we were alone.
    fn group_waits(&mut self, now: Instant, out: &mut Vec<Action>) {
        let held = self.held();
        let State::Backup(backup) = &mut self.state else { return };
        if backup.group_waits_at.is_some_and(|at| now >= at) {
            backup.group_waits_at = None;
            if !held {
                let silent = now.since(backup.master.map_or(backup.since, |master| master.at));
                self.remarks.make(Remark::GroupWaits { silent }, out);
            }
        }
    }

    /// What the group says, if it is news to us.
    fn group(&mut self, now: Instant, command: Command, out: &mut Vec<Action>) {
        match (command, &self.state) {
            (Command::Master, State::Backup(_)) if !self.held() => self.take_over(now, out),
            (Command::Backup, State::Master(_)) => {
                let backup = Backup::new(now, &self.settings, self.effective_priority);
                out.push(Action::Release);
                self.change(State::Backup(backup), Reason::GroupBackup, out);
            }
            (Command::Announce, State::Master(_)) => self.announce_after_contest(now, out),
            (Command::Master | Command::Backup | Command::Announce, _) => {}
            (Command::Fault, _) => {
                self.group_fault = true;
                self.settle(now, out);
            }
            (Command::Recover, _) => {
                self.group_fault = false;
                self.settle(now, out);
            }
        }
    }

    /// V3-084: in our own interval, on a raster that neither packets nor delays shift.
    fn master_timer(&mut self, now: Instant, out: &mut Vec<Action>) {
        let interval = self.settings.advert_int.duration();
        let garp = self.settings.garp;
        let State::Master(master) = &mut self.state else { return };
        let late = now.since(master.adver_at);
        let advertise = now >= master.adver_at;
        if advertise {
            master.adver_at = later(master.adver_at + interval, now, interval);
        }
        let again = master.announce_again.filter(|(at, _)| now >= *at).map(|(_, repeat)| repeat);
        if again.is_some() {
            master.announce_again = None;
        }
        let refresh = master.refresh_at.filter(|at| now >= *at);
        if let Some(at) = refresh {
            master.refresh_at = Some(later(at + garp.master_refresh, now, garp.master_refresh));
        }
        if advertise {
            self.advertise(self.effective_priority, out);
        }
        if late >= interval {
            self.remarks.make(Remark::Late { by: late }, out);
        }
        if let Some(repeat) = again.or(refresh.map(|_| garp.master_refresh_repeat)) {
            out.push(Action::Announce { repeat });
        }
    }

    /// An advertisement for our VRID. What is refused changes a counter and nothing else (V3-053).
    fn advert(&mut self, now: Instant, source: IpAddr, advert: &Advert<'_>, out: &mut Vec<Action>) {
        if let Err(reason) = self.settings.accepts(advert, self.effective_priority) {
            self.discard(source, reason, out);
            return;
        }
        self.statistics.advertisement_rcvd += 1;
        if advert.priority == Priority::RESIGN {
            self.statistics.priority_zero_pkts_rcvd += 1;
        }
        self.compare(source, advert, out);
        if self.settings.v3_checksum.is_none() && advert.version == Version::V3 {
            self.checksum = advert.checksum;
        }
        match self.state {
            State::Init | State::Fault(_) => {}
            State::Backup(_) if now < self.deaf_until => {}
            State::Backup(_) => self.backup_advert(now, source, advert),
            State::Master(_) => self.master_advert(now, source, advert, out),
        }
        self.remarks.good_packet(now);
    }

    /// What differs from our own configuration is worth a remark, not a refusal (V3-046, V3-051,
    /// V3-052).
    fn compare(&mut self, source: IpAddr, advert: &Advert<'_>, out: &mut Vec<Action>) {
        if advert.interval != self.settings.advert_int {
            self.statistics.count(Discard::Interval);
            let interval = advert.interval;
            self.remarks.make(Remark::OtherInterval { source, interval }, out);
        }
        if !self.settings.same_order(&advert.addresses) {
            if self.settings.same_addresses(&advert.addresses) {
                self.remarks.make(Remark::OtherOrder { source }, out);
            } else {
                self.statistics.count(Discard::AddressList);
                self.remarks.make(Remark::OtherAddresses { source }, out);
            }
        }
        if Some(source) == self.source {
            self.remarks.make(Remark::DuplicateSource { source }, out);
        } else if advert.priority == Priority::OWNER && self.settings.is_owner() {
            self.remarks.make(Remark::TwoOwners { source }, out);
        } else if advert.priority == self.effective_priority {
            self.remarks.make(Remark::EqualPriority { source }, out);
        }
    }

    fn discard(&mut self, source: IpAddr, reason: Discard, out: &mut Vec<Action>) {
        self.statistics.count(reason);
        self.remarks.make(Remark::Discarded { source, reason }, out);
        self.remarks.bad_packet();
    }

    /// RFC 9568 §6.4.2, with the faster hand-over of design.md §4.
    fn backup_advert(&mut self, now: Instant, source: IpAddr, advert: &Advert<'_>) {
        let (settings, ours) = (&self.settings, self.effective_priority);
        let State::Backup(backup) = &mut self.state else { return };
        let heard = Heard {
            address: source,
            priority: advert.priority,
            interval: advert.interval,
            at: now,
        };
        if advert.priority == Priority::RESIGN {
            // V3-077, V3-078: whoever it is from. More of them do not put it off again: a flood
            // would keep the addresses from everybody.
            if backup.resigned.is_none() {
                backup.master_down_at =
                    now + settings.skew_time(ours, backup.active_adver_interval);
                backup.overdue = false;
                backup.resigned = Some(source);
            }
            backup.forget(source);
        } else if advert.priority >= ours || !settings.preempts() || backup.delays(now, settings) {
            // V3-079, V3-081: addresses are not compared here.
            backup.follow(heard, settings, ours);
        } else {
            // V3-080: the timer keeps running; but a MASTER that has come down to where we would
            // win is only given the time that those above us need, and a second MASTER, if one
            // was heard, keeps its three intervals.
            let fell =
                backup.master.is_some_and(|m| m.address == source && m.priority > advert.priority);
            backup.ignore(heard, settings, ours);
            if settings.fast_handover && fell && !backup.overdue {
                let skew = settings.skew_time(ours, backup.active_adver_interval);
                let other = backup.other.map_or(now, |other| {
                    other.at + settings.master_down_interval(ours, other.interval)
                });
                let soon = other.max(now + skew);
                backup.master_down_at = backup.master_down_at.min(soon);
            }
        }
    }

    /// RFC 9568 §6.4.3.
    fn master_advert(
        &mut self,
        now: Instant,
        source: IpAddr,
        advert: &Advert<'_>,
        out: &mut Vec<Action>,
    ) {
        let ours = self.effective_priority;
        let resigns = advert.priority == Priority::RESIGN;
        let another = !resigns && Some(source) != self.source;
        if let Some(late) = self.stalled(now).filter(|_| another) {
            let reason = Reason::Stalled { master: source, late };
            self.step_down(now, source, advert, reason, out);
        } else if resigns {
            // V3-086.
            let interval = self.settings.advert_int.duration();
            let State::Master(master) = &mut self.state else { return };
            if master.may_answer(now, interval) {
                master.adver_at = now + interval;
                self.advertise(ours, out);
            }
        } else if advert.priority > ours {
            let reason = Reason::HigherPriority { master: source, priority: advert.priority, ours };
            self.step_down(now, source, advert, reason, out);
        } else if let Some(own) = self.source.filter(|own| advert.priority == ours && source > *own)
        {
            // V3-087, V3-089: IpAddr of one family compares as the number in network byte order.
            let reason = Reason::GreaterAddress { master: source, ours: own };
            self.step_down(now, source, advert, reason, out);
        } else if Some(source) != self.source {
            self.answer(now, source, advert.priority, out);
        }
    }

    /// V3-088, at most once an interval; and the hosts are told again who is right.
    fn answer(&mut self, now: Instant, source: IpAddr, priority: Priority, out: &mut Vec<Action>) {
        let interval = self.settings.advert_int.duration();
        self.remarks.make(Remark::Contest { source, priority }, out);
        let State::Master(master) = &mut self.state else { return };
        if !master.may_answer(now, interval) {
            return;
        }
        if !self.settings.election.lower_prio_no_advert {
            self.advertise(self.effective_priority, out);
        }
        self.announce_after_contest(now, out);
        out.push(Action::LowerPriority { source, priority });
    }

    fn announce_after_contest(&mut self, now: Instant, out: &mut Vec<Action>) {
        let garp = self.settings.garp;
        let State::Master(master) = &mut self.state else { return };
        if garp.lower_prio_repeat == 0 {
            return;
        }
        if !garp.lower_prio_delay.is_zero() {
            master.announce_again = Some((now + garp.lower_prio_delay, garp.lower_prio_repeat));
        }
        out.push(Action::Announce { repeat: garp.lower_prio_repeat });
    }

    fn tracker(&mut self, now: Instant, slot: usize, effect: Effect, out: &mut Vec<Action>) {
        let Some(at) = self.effects.get_mut(slot) else { return };
        *at = effect;
        let before = self.effective_priority;
        self.effective_priority = self.settings.effective_priority(&self.effects);
        if self.effective_priority != before {
            out.push(Action::PriorityChange { from: before, to: self.effective_priority });
            if self.fault().is_none() {
                self.priority_changed(now, before, out);
            }
        }
        self.settle(now, out);
        self.let_go(now);
    }

    /// If the timer had fired while a tracker held us back, it fires now: not here, but after the
    /// packets that may still be waiting (V3-082).
    fn let_go(&mut self, now: Instant) {
        let held = self.held();
        match &mut self.state {
            State::Backup(backup) if backup.overdue && !held => {
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
            backup.overdue = start == now;
        }
        self.change(State::Backup(backup), reason, out);
    }

    /// The advert goes out first: it makes an old MASTER let go before the hosts hear of us.
    fn become_master(&mut self, now: Instant, reason: Reason, out: &mut Vec<Action>) {
        let garp = self.settings.garp;
        self.statistics.master_transitions += 1;
        self.advertise(self.effective_priority, out);
        out.push(Action::Acquire);
        out.push(Action::Announce { repeat: garp.master_repeat });
        let again = (now + garp.master_delay, garp.master_repeat);
        let master = Master {
            adver_at: now + self.settings.advert_int.duration(),
            announce_again: (!garp.master_delay.is_zero()).then_some(again),
            refresh_at: (!garp.master_refresh.is_zero()).then_some(now + garp.master_refresh),
            answered_at: None,
        };
        self.change(State::Master(master), reason, out);
    }

    /// V3-087: follows whoever has won. No advertisement of priority 0: the winner is there.
    fn step_down(
        &mut self,
        now: Instant,
        source: IpAddr,
        advert: &Advert<'_>,
        reason: Reason,
        out: &mut Vec<Action>,
    ) {
        let ours = self.effective_priority;
        let heard = Heard {
            address: source,
            priority: advert.priority,
            interval: advert.interval,
            at: now,
        };
        let stronger = advert.priority >= ours;
        let follows = stronger || !self.settings.preempts();
        let backup = Backup {
            master: follows.then_some(heard),
            lower: (!follows).then_some(heard),
            yielded: true,
            ..Backup::waiting(now, &self.settings, ours, advert.interval)
        };
        if stronger && self.settings.election.higher_prio_send_advert {
            self.advertise(ours, out);
        }
        out.push(Action::Release);
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

    /// V3-085: one advertisement of priority 0, and the addresses are gone. With the interface
    /// down or without an address of our own there is nothing to send it from (V3-001).
    fn resign(&mut self, out: &mut Vec<Action>) {
        if self.link == Link::Up && self.source.is_some() {
            self.advertise(Priority::RESIGN, out);
        }
        out.push(Action::Release);
    }

    fn advertise(&mut self, priority: Priority, out: &mut Vec<Action>) {
        self.statistics.advertisement_sent += 1;
        if priority == Priority::RESIGN {
            self.statistics.priority_zero_pkts_sent += 1;
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

    /// Whether a tracker without a result keeps us from becoming MASTER.
    fn held(&self) -> bool {
        self.effects.contains(&Effect::Hold)
    }

    /// How late we are, if that is longer than the most eager peer waits for a MASTER.
    fn stalled(&self, now: Instant) -> Option<Duration> {
        let State::Master(master) = &self.state else { return None };
        let interval = self.settings.advert_int;
        let patience = self.settings.master_down_interval(Priority(254), interval);
        let late = now.since(master.adver_at);
        (late + interval.duration() >= patience).then_some(late)
    }

    /// The family of the virtual addresses.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.settings.family
    }
}

impl Master {
    /// At most one advertisement an interval is sent because of somebody else's packets.
    fn may_answer(&mut self, now: Instant, interval: Duration) -> bool {
        let may = self.answered_at.is_none_or(|at| now.since(at) >= interval);
        if may {
            self.answered_at = Some(now);
        }
        may
    }
}

/// The next moment of a raster that lies in the future; a raster that was missed begins anew.
fn later(next: Instant, now: Instant, interval: Duration) -> Instant {
    if next > now {
        next
    } else {
        now + interval
    }
}
