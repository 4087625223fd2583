//! Performs actions; the only reader of [`Action`].
//!
//! A turn's actions are performed kind by kind: all advertisements, in one system call for each
//! interface; all addresses, in one; all announcements; and then the log and the scripts. What one
//! virtual router wants stays in its order, as each of them wants these kinds in this order.

use super::notify::{News, Told};
use super::pre::Moves;
use super::router::VirtualRouter;
use super::track::Tracker;
use super::{hmac, Daemon, Happened, Object};
use crate::vrrp::event::{Action, Remark};
use crate::vrrp::reason::{Fault, Reason, Span};
use crate::vrrp::StateName;
use crate::wire::{Discard, Family, Priority};

impl Daemon {
    /// Performs all that is pending, and what comes of it.
    pub(super) fn perform(&mut self) {
        self.settle_groups();
        while !self.pending.is_empty() || self.has_ready_moves() {
            let actions = std::mem::take(&mut self.pending);
            self.raise_vmacs(&actions);
            let Moves { now: mut actions, dropped } = self.hold_moves(actions);
            self.advertise(&actions);
            self.lease_longer(&actions);
            self.filter(&actions, Action::Acquire);
            self.lease_first(&actions);
            self.change_addresses(&actions);
            self.filter(&actions, Action::Release);
            self.lease_no_more(&actions);
            self.lower_vmacs(&actions);
            self.lower_vmacs(&dropped);
            self.announce(&actions);
            self.write_held();
            for (router, action) in &actions {
                self.tell(*router, action);
            }
            self.tell_of_moves();
            actions.clear();
            self.settle_groups();
            if self.pending.is_empty() {
                self.pending = actions;
            }
        }
        self.addresses.flush(&mut self.links);
    }

    fn change_addresses(&mut self, actions: &[(usize, Action)]) {
        for (router, action) in actions {
            match action {
                Action::Acquire => {
                    for vip in &self.routers[*router].vips {
                        self.addresses.acquire(*vip, &mut self.links);
                    }
                    self.acquire_routes(*router);
                }
                Action::Release => {
                    self.release_routes(*router);
                    for vip in &self.routers[*router].vips {
                        self.addresses.release(*vip, &mut self.links);
                    }
                }
                Action::Advertise { .. }
                | Action::Announce { .. }
                | Action::Transition { .. }
                | Action::PriorityChange { .. }
                | Action::LowerPriority { .. }
                | Action::Remark(_) => {}
            }
        }
        self.addresses.flush(&mut self.links);
    }

    /// Announces the addresses of whoever is still MASTER: each address of each once, then all of
    /// them again, in as few system calls as there are interfaces.
    fn announce(&mut self, actions: &[(usize, Action)]) {
        let repeats = |(router, action): &(usize, Action)| match action {
            Action::Announce { repeat } => Some((*router, *repeat)),
            Action::Advertise { .. }
            | Action::Acquire
            | Action::Release
            | Action::Transition { .. }
            | Action::PriorityChange { .. }
            | Action::LowerPriority { .. }
            | Action::Remark(_) => None,
        };
        let rounds = actions.iter().filter_map(repeats).map(|(_, repeat)| repeat).max();
        for round in 0..rounds.unwrap_or(0) {
            for (router, repeat) in actions.iter().filter_map(repeats) {
                if repeat > round && self.is_in(router, StateName::Master) {
                    for burst in &self.routers[router].announcements {
                        self.announcer.add(burst);
                    }
                }
            }
        }
        self.flush_announcements();
    }

    fn tell(&mut self, router: usize, action: &Action) {
        match action {
            Action::Transition { to, reason, .. } => {
                self.watch_addresses_of(router, *to);
                self.transition(router, *to, *reason);
            }
            Action::PriorityChange { from, to } => {
                let it = &self.instances[self.routers[router].instance];
                // Its virtual routers have the same priority.
                if it.routers.first() == Some(&router) {
                    log::info!("{}: priority {from} -> {to}", it.name);
                    self.history.push(&Happened {
                        event: "priority",
                        name: &it.name,
                        from: from.0.into(),
                        to: to.0.into(),
                        reason: "",
                        peer: None,
                        late_by: None,
                    });
                    self.state.changed = true;
                    self.write_priority(self.routers[router].instance, *to);
                }
            }
            Action::LowerPriority { source, priority } => {
                self.heard_lower(router, *source, *priority);
            }
            Action::Remark(Remark::Duplicate { kind, source }) => {
                self.suspect(router, *kind, *source);
            }
            Action::Remark(Remark::Over(sighting)) => self.tell_of_over(router, sighting),
            Action::Remark(remark @ Remark::NobodyTookOver { .. }) => {
                self.remark(router, remark);
                self.nobody_took_over(router);
            }
            Action::Remark(remark) => self.remark(router, remark),
            Action::Advertise { .. }
            | Action::Acquire
            | Action::Release
            | Action::Announce { .. } => {}
        }
    }

    fn heard_lower(&mut self, router: usize, source: std::net::IpAddr, of: Priority) {
        let reason = format!("{source} with priority {of} claims to be MASTER as well");
        let it = &self.routers[router];
        let (previous, priority) = (it.core.state(), it.core.effective_priority());
        let news = News { told: Told::LowerPriority, previous, priority, reason };
        self.notify_lower_priority(it.instance, news);
    }

    /// A virtual router has changed its state. Its instance has when all of its have.
    fn transition(&mut self, router: usize, to: StateName, reason: Reason) {
        let why = self.explain(router, reason);
        if to != StateName::Master {
            self.sends_no_more(router);
        }
        let (now, instance) = (self.now, self.routers[router].instance);
        let it = &mut self.instances[instance];
        let why = it.why.take().filter(|(state, _)| *state == to).map_or(why, |(_, why)| why);
        let all = it.routers.iter().all(|router| self.routers[*router].core.state() == to);
        if !all || it.state == to {
            it.why = Some((to, why)).filter(|_| !all);
            return;
        }
        let from = std::mem::replace(&mut it.state, to);
        let level = match (from, to) {
            (_, StateName::Init) => log::Level::Info,
            (StateName::Master, _) | (_, StateName::Master | StateName::Fault) => log::Level::Warn,
            (_, StateName::Backup) => log::Level::Info,
        };
        log::log!(level, "{}: {from} -> {to}: {why}", it.name);
        self.state.changed = true;
        it.since = now;
        it.reason.clone_from(&why);
        it.last_event = Some(reason.last_event());
        it.new_master_reason = Some(reason.new_master_reason());
        self.history.push(&Happened {
            event: "instance",
            name: &it.name,
            from: from.as_str().into(),
            to: to.as_str().into(),
            reason: &why,
            peer: reason.peer(),
            late_by: self.routers[router].late_by.take(),
        });
        let priority = self.routers[router].core.effective_priority();
        if let Some(told) = self.told(instance, to) {
            self.notify(instance, News { told, previous: from, priority, reason: why.clone() });
        }
        self.group_transition(instance, &why);
        self.turn_gates(instance);
        self.touch(Object::Router(router));
    }

    /// What the scripts of an instance are told of a state. One that a reload has removed is in FAULT
    /// for those who know of nothing else; one that begins anew is told of when it has begun.
    fn told(&self, instance: usize, to: StateName) -> Option<Told> {
        match to {
            StateName::Backup | StateName::Master | StateName::Fault => Some(Told::State(to)),
            StateName::Init if self.stopping.is_some() => Some(Told::Stop),
            StateName::Init if !self.instances[instance].leaves => None,
            StateName::Init => Some(match self.tellers[instance].scripts.deleted {
                Some(_) => Told::Deleted,
                None => Told::State(StateName::Fault),
            }),
        }
    }

    /// The name of a virtual router for the log: that of its instance, with the family if there is
    /// another.
    pub(super) fn router_name(&self, router: usize) -> String {
        let VirtualRouter { instance, core, .. } = &self.routers[router];
        let it = &self.instances[*instance];
        match it.routers.len() {
            0 | 1 => it.name.clone(),
            _ => format!("{} ({})", it.name, core.family()),
        }
    }

    /// A reason in words, with the name of the tracker.
    pub(super) fn explain(&self, router: usize, reason: Reason) -> String {
        let it = &self.routers[router];
        let tracker = |slot: usize| {
            self.instances[it.instance].trackers.get(slot).map(|number| &self.trackers[*number])
        };
        match reason {
            Reason::Fault(Fault::Tracker(slot)) => match tracker(slot) {
                Some(tracker) => format!("{} failed: {}", tracker.label(), tracker.says),
                None => format!("tracker {slot} failed"),
            },
            Reason::Recovered(Fault::Tracker(slot)) => {
                let label = tracker(slot).map_or_else(String::new, Tracker::label);
                format!("{label} is fine again")
            }
            Reason::Fault(
                Fault::InterfaceMissing | Fault::InterfaceDown | Fault::NoPrimaryAddress,
            )
            | Reason::Recovered(
                Fault::InterfaceMissing | Fault::InterfaceDown | Fault::NoPrimaryAddress,
            ) => {
                let name = &self.links.get(it.link).name;
                let text = reason.to_string().replacen("the interface", name, 1);
                match it.core.family() {
                    Family::V4 => text,
                    // V3-007: no other will do.
                    Family::V6 => text.replacen("no address", "no link-local address", 1),
                }
            }
            Reason::Fault(Fault::NoVirtualMac) => {
                let problem = it.vmac.and_then(|vmac| self.vmacs.problem(vmac.number));
                problem.map_or_else(|| reason.to_string(), str::to_owned)
            }
            Reason::Recovered(Fault::NoVirtualMac) => reason.to_string(),
            Reason::Shutdown if self.stopping.is_none() => {
                match self.instances[it.instance].leaves {
                    true => "a reload has removed it".to_owned(),
                    false => "a reload has made another virtual router of it".to_owned(),
                }
            }
            Reason::Startup
            | Reason::Shutdown
            | Reason::MasterTimeout { .. }
            | Reason::Resigned { .. }
            | Reason::Preempt { .. }
            | Reason::Owner
            | Reason::HigherPriority { .. }
            | Reason::GreaterAddress { .. }
            | Reason::Stalled { .. }
            | Reason::Drained
            | Reason::Suspended { .. } => reason.to_string(),
            // What was in the way of another member is what was told of.
            Reason::Recovered(Fault::Group) => {
                format!("over: {}", self.instances[it.instance].reason)
            }
            Reason::GroupBackup | Reason::Fault(Fault::Group) => {
                self.explain_group(router).unwrap_or_else(|| reason.to_string())
            }
        }
    }

    fn remark(&self, number: usize, remark: &Remark) {
        let name = self.router_name(number);
        let router = &self.routers[number].core;
        match remark {
            Remark::Discarded { source, reason } => {
                let extra = match reason {
                    Discard::Version => {
                        alloc::format!(" (ours is {})", router.settings().version)
                    }
                    Discard::Interval => {
                        alloc::format!(" (ours is {})", router.settings().advert_int)
                    }
                    Discard::HmacStale => hmac::how_stale(router),
                    _ => alloc::string::String::new(),
                };
                log::warn!("{name}: discarding adverts from {source}: {reason}{extra}");
            }
            Remark::OtherInterval { source, interval } => log::warn!(
                "{name}: {source} advertises every {interval}, we every {}: set the same advert_int",
                router.settings().advert_int
            ),
            Remark::OtherAddresses { source } => log::warn!(
                "{name}: {source} has other addresses in its virtual_ipaddress than we"
            ),
            Remark::OtherOrder { source } => log::info!(
                "{name}: {source} has our virtual_ipaddress in another order; that is harmless"
            ),
            Remark::EqualPriority { source } => log::warn!(
                "{name}: {source} has our priority {}: the greater address wins a tie; \
                 give each router its own",
                router.effective_priority()
            ),
            Remark::TwoOwners { source } => {
                log::warn!("{name}: {source} has priority 255 too: only one can own the addresses");
            }
            Remark::DuplicateSource { source } => log::error!(
                "{name}: somebody else sends adverts from our own address {source}: \
                 a duplicate address or a loop"
            ),
            Remark::Contest { source, priority } => log::warn!(
                "{name}: {source} with priority {priority} claims to be MASTER as well, \
                 we keep the addresses with {}",
                router.effective_priority()
            ),
            Remark::NotSigned { source } => log::info!(
                "{name}: {source} does not sign its adverts yet: with mode enforce in auth_hmac we \
                 would not hear it"
            ),
            Remark::ClockApart { source, behind } => log::warn!(
                "{name}: the clock of {source} is {} s {} ours: from {} s on its adverts are \
                 discarded; set both clocks",
                behind.unsigned_abs(),
                hmac::direction(*behind),
                hmac::window(router)
            ),
            Remark::OneVersion { source, version } => log::info!(
                "{name}: {source} sends VRRPv{version} alone, we send both: routers of the other \
                 version do not hear it"
            ),
            Remark::OtherFault(fault) => {
                log::warn!("{name}: still FAULT: {}", self.explain(number, Reason::Fault(*fault)));
            }
            Remark::GroupWaits { silent } => self.tell_of_wait(number, Span(*silent)),
            Remark::DrainedAlone { silent } => log::warn!(
                "{name}: is drained, and has heard no MASTER for {}: vipctl resume lets it take over",
                Span(*silent)
            ),
            Remark::NobodyTookOver { silent } => log::warn!(
                "{name}: nobody has taken over within {}: it is not drained any more",
                Span(*silent)
            ),
            // These are told of when more is known of them.
            Remark::Duplicate { .. } | Remark::Over(_) => {}
        }
    }
}
