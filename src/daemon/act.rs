//! Performs actions; the only reader of [`Action`].
//!
//! A turn's actions are performed kind by kind: all advertisements, in one system call for each
//! interface; all addresses, in one; all announcements; and then the log and the scripts. What one
//! virtual router wants stays in its order, as each of them wants these kinds in this order.

use super::instance::Instance;
use super::notify::{News, Told};
use super::{Daemon, Object};
use crate::vrrp::event::{Action, Remark};
use crate::vrrp::reason::{Fault, Reason, Span};
use crate::vrrp::StateName;
use crate::wire::Discard;

impl Daemon {
    /// Performs all that is pending, and what comes of it.
    pub(super) fn perform(&mut self) {
        while !self.pending.is_empty() {
            let mut actions = std::mem::take(&mut self.pending);
            self.advertise(&actions);
            self.change_addresses(&actions);
            self.announce(&actions);
            for (instance, action) in &actions {
                self.tell(*instance, action);
            }
            actions.clear();
            if self.pending.is_empty() {
                self.pending = actions;
            }
        }
        self.addresses.flush(&mut self.links);
    }

    fn advertise(&mut self, actions: &[(usize, Action)]) {
        for (instance, action) in actions {
            let Action::Advertise { priority, checksum } = *action else { continue };
            let Instance { router, template, net, .. } = &mut self.instances[*instance];
            let Some(template) = template else { continue };
            let net = &mut self.nets[*net];
            let group = router.family().group();
            net.outbox.push(
                template.message(priority, checksum),
                router.source(),
                group,
                net.ifindex,
            );
        }
        for net in 0..self.nets.len() {
            if !self.nets[net].outbox.is_empty() {
                self.send(net);
            }
        }
    }

    /// Sends a net's advertisements. A failure is said once, until it works again.
    fn send(&mut self, net: usize) {
        let name = self.links.get(self.nets[net].link).name.as_str();
        let up = self.links.get(self.nets[net].link).up;
        let net = &mut self.nets[net];
        let Some(socket) = &net.socket else {
            net.outbox.clear();
            return;
        };
        let mut failed = None;
        socket.send(&mut net.outbox, |_, error| {
            net.send_errors += 1;
            failed = Some(error);
        });
        net.outbox.clear();
        match failed {
            None => net.send_failed = false,
            // An interface that is down is a FAULT, with its reason.
            Some(_) if !up || net.send_failed => {}
            Some(error) => {
                net.send_failed = true;
                let hint = match error.kind() {
                    std::io::ErrorKind::PermissionDenied => {
                        "; does a firewall drop IP protocol 112 on its way out?"
                    }
                    _ => "",
                };
                log::error!("cannot send adverts on {name}: {error}{hint}");
            }
        }
    }

    fn change_addresses(&mut self, actions: &[(usize, Action)]) {
        for (instance, action) in actions {
            let vips = &self.instances[*instance].vips;
            match action {
                Action::Acquire => {
                    for vip in vips {
                        self.addresses.acquire(*vip, &mut self.links);
                    }
                }
                Action::Release => {
                    for vip in vips {
                        self.addresses.release(*vip, &mut self.links);
                    }
                }
                Action::Advertise { .. }
                | Action::Announce { .. }
                | Action::Transition { .. }
                | Action::PriorityChange { .. }
                | Action::Remark(_) => {}
            }
        }
        self.addresses.flush(&mut self.links);
    }

    /// Announces the addresses of whoever is still MASTER: each address of each once, then all of
    /// them again, in as few system calls as there are interfaces.
    fn announce(&mut self, actions: &[(usize, Action)]) {
        let repeats = |(instance, action): &(usize, Action)| match action {
            Action::Announce { repeat } => Some((*instance, *repeat)),
            Action::Advertise { .. }
            | Action::Acquire
            | Action::Release
            | Action::Transition { .. }
            | Action::PriorityChange { .. }
            | Action::Remark(_) => None,
        };
        let rounds = actions.iter().filter_map(repeats).map(|(_, repeat)| repeat).max();
        for round in 0..rounds.unwrap_or(0) {
            for (instance, repeat) in actions.iter().filter_map(repeats) {
                if repeat > round && self.is_in(instance, StateName::Master) {
                    for burst in &self.instances[instance].announcements {
                        self.announcer.add(burst);
                    }
                }
            }
        }
        self.announcer.flush();
    }

    fn tell(&mut self, instance: usize, action: &Action) {
        match action {
            Action::Transition { from, to, reason } => {
                self.transition(instance, *from, *to, *reason)
            }
            Action::PriorityChange { from, to } => {
                log::info!("{}: priority {from} -> {to}", self.instances[instance].name);
            }
            Action::Remark(remark) => self.remark(instance, remark),
            Action::Advertise { .. }
            | Action::Acquire
            | Action::Release
            | Action::Announce { .. } => {}
        }
    }

    fn transition(&mut self, instance: usize, from: StateName, to: StateName, reason: Reason) {
        let why = self.explain(instance, reason);
        let now = self.now;
        let it = &mut self.instances[instance];
        let level = match (from, to) {
            (_, StateName::Init) => log::Level::Info,
            (StateName::Master, _) | (_, StateName::Master | StateName::Fault) => log::Level::Warn,
            (_, StateName::Backup) => log::Level::Info,
        };
        log::log!(level, "{}: {from} -> {to}: {why}", it.name);
        it.since = now;
        it.reason.clone_from(&why);
        let told = match to {
            StateName::Init => Told::Stop,
            StateName::Backup | StateName::Master | StateName::Fault => Told::State(to),
        };
        let priority = it.router.effective_priority();
        self.notify(instance, News { told, previous: from, priority, reason: why });
        self.turn_gates(instance);
        self.touch(Object::Router(instance));
    }

    /// A reason in words, with the name of the tracker.
    pub(super) fn explain(&self, instance: usize, reason: Reason) -> String {
        match reason {
            Reason::Fault(Fault::Tracker(slot)) => self.explain_tracker(instance, slot),
            Reason::Recovered(Fault::Tracker(slot)) => {
                let script = self.instances[instance].checks.get(slot);
                let name = script.map_or("", |script| self.scripts[*script].name.as_str());
                format!("check {name} is fine again")
            }
            Reason::Fault(
                Fault::InterfaceMissing | Fault::InterfaceDown | Fault::NoPrimaryAddress,
            )
            | Reason::Recovered(
                Fault::InterfaceMissing | Fault::InterfaceDown | Fault::NoPrimaryAddress,
            ) => {
                let name = &self.links.get(self.instances[instance].link).name;
                reason.to_string().replacen("the interface", name, 1)
            }
            Reason::Startup
            | Reason::Shutdown
            | Reason::MasterTimeout { .. }
            | Reason::Resigned { .. }
            | Reason::Preempt { .. }
            | Reason::Owner
            | Reason::HigherPriority { .. }
            | Reason::GreaterAddress { .. }
            | Reason::Stalled { .. } => reason.to_string(),
        }
    }

    fn explain_tracker(&self, instance: usize, slot: usize) -> String {
        match self.instances[instance].checks.get(slot) {
            Some(script) => {
                let script = &self.scripts[*script];
                format!("check {} failed: {}", script.name, script.last_result())
            }
            None => format!("tracker {slot} failed"),
        }
    }

    fn remark(&self, instance: usize, remark: &Remark) {
        let Instance { name, router, .. } = &self.instances[instance];
        match remark {
            Remark::Discarded { source, reason } => {
                let extra = match reason {
                    Discard::Version => {
                        alloc::format!(" (ours is {})", router.settings().version)
                    }
                    Discard::Interval => {
                        alloc::format!(" (ours is {})", router.settings().advert_int)
                    }
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
            Remark::OtherFault(fault) => {
                log::warn!("{name}: still FAULT: {}", self.explain(instance, Reason::Fault(*fault)));
            }
            Remark::Late { by } => log::warn!(
                "{name}: woke up {} late for an advert: is the machine overloaded or was it \
                 suspended?",
                Span(*by)
            ),
        }
    }
}
