//! A start that goes on where another run has left off.

use super::Legacy;
use crate::daemon::notify::{News, Told};
use crate::daemon::track::{Kind, Sense};
use crate::daemon::Daemon;
use crate::vrrp::event::Event;
use crate::vrrp::reason::Span;
use crate::vrrp::router::memory::{Memory, State};
use crate::vrrp::time::Instant;
use crate::vrrp::StateName;
use crate::wire::Priority;
use std::time::Duration;

/// So much later than the start the file of the earlier run is replaced, if it is gone on with.
const GOES_ON: Duration = Duration::from_millis(1);

impl Daemon {
    /// What a daemon that was killed has left for us, if it is of any use.
    pub(in crate::daemon) fn find_legacy(&self) -> Option<Legacy> {
        match self.state.read() {
            Ok(left) => left.map(Legacy::of_dead),
            Err(error) => {
                log::warn!(
                    "cannot use {}, which an earlier run has left: {error}",
                    self.state.path().display()
                );
                None
            }
        }
    }

    /// Addresses of an earlier run that the configuration may not know any more are looked for, too.
    pub(in crate::daemon) fn look_for_addresses_of(&mut self, legacy: &Legacy) {
        for (interface, left) in legacy.addresses() {
            let link = self.links.watch(&interface);
            self.addresses.add_left(link, &left);
        }
    }

    /// What each virtual router knew, by number; empty if there is no legacy.
    pub(in crate::daemon) fn memories(&self, legacy: &Legacy) -> Vec<Option<Memory>> {
        let memory = |it: &crate::daemon::router::VirtualRouter| {
            let key =
                (self.links.get(it.link).name.as_str(), self.instances[it.instance].name.as_str());
            legacy.memory(key, it.core.settings(), self.now)
        };
        let mut memories: Vec<_> = self.routers.iter().map(memory).collect();
        // An instance is MASTER with all its virtual routers, and so is a group.
        for group in &self.groups {
            let is_master = |router: &usize| is_master(memories[*router].as_ref());
            if !legacy.is_handed_over() && !group.routers.iter().all(is_master) {
                for router in &group.routers {
                    if let Some(memory) = &mut memories[*router] {
                        memory.state = State::Init;
                    }
                }
            }
        }
        memories
    }

    /// Instances and groups keep the states that people and scripts know of, if they go on; checks
    /// count as they did until they have results.
    pub(in crate::daemon) fn adopt_names(&mut self, legacy: &Legacy, memories: &[Option<Memory>]) {
        for instance in &mut self.instances {
            let mut known = instance.routers.iter().filter_map(|router| memories[*router].as_ref());
            let Some(state) = known.next().map(|memory| name_of(&memory.state)) else { continue };
            if state == StateName::Init {
                continue;
            }
            (instance.state, instance.since) = (state, self.now);
            // Unless it has another name now.
            let before = legacy.instance(&instance.name);
            if let Some((_, since, reason, _)) = before.filter(|before| before.0 == state) {
                (instance.since, instance.reason) = (since, reason);
            }
        }
        for group in &mut self.groups {
            let mut members = group.instances.iter().map(|it| self.instances[*it].state);
            let known = group.name.as_deref().and_then(|name| legacy.group(name));
            let first = members.next().unwrap_or(StateName::Init);
            if members.all(|it| it == first) {
                group.state = first;
            } else if let Some((state, _)) = known.filter(|_| legacy.is_handed_over()) {
                group.state = state;
            }
            group.moved = true;
            self.groups_moved = true;
        }
        // It is no older than if we had not been away; of a run that ended long ago it says nothing.
        let goes_on = memories.iter().any(|memory| is_master(memory.as_ref()));
        if !goes_on && !legacy.is_handed_over() {
            return;
        }
        for number in 0..self.trackers.len() {
            let it = &self.trackers[number];
            let Some(verdict) = legacy.verdict(&it.label()) else { continue };
            match it.kind {
                Kind::Script(script) => self.scripts[script].check.presume(verdict),
                Kind::Tcp(probe) | Kind::Ping(probe) => self.probes[probe].check.presume(verdict),
                Kind::File(_)
                | Kind::Process(_)
                | Kind::Interface(_)
                | Kind::Route(_)
                | Kind::NoAccept => continue,
            }
            self.trackers[number].sense = Sense::Verdict(verdict);
        }
    }

    /// Who was MASTER keeps what it has: before anything of an earlier run is removed.
    pub(in crate::daemon) fn adopt_addresses(
        &mut self,
        memories: &[Option<Memory>],
    ) -> Vec<(usize, usize)> {
        let mut new = Vec::new();
        self.fib.adopts = true;
        for (router, memory) in memories.iter().enumerate() {
            if is_master(memory.as_ref()) {
                let there: Vec<usize> = self.vips_there(router).collect();
                let mut held = Vec::new();
                self.hold_on(router, &mut held);
                // What was there is not announced: nobody has missed it.
                new.extend(held.into_iter().filter(|(_, vip)| !there.contains(vip)));
            }
        }
        self.fib.adopts = false;
        new
    }

    /// The addresses of a virtual router that are on their interfaces, whoever has put them there.
    fn vips_there(&self, router: usize) -> impl Iterator<Item = usize> + '_ {
        self.routers[router].vips.iter().copied().filter(|vip| {
            let (link, address) = self.addresses.get(*vip);
            self.links.get(link).find(address).is_some()
        })
    }

    /// Each virtual router begins, or goes on.
    pub(in crate::daemon) fn begin_or_go_on(
        &mut self,
        legacy: &Legacy,
        memories: &[Option<Memory>],
        deaf_until: Instant,
    ) {
        self.pending.clear();
        for (router, memory) in memories.iter().enumerate() {
            match memory {
                None => self.feed(router, Event::Startup { deaf_until }),
                Some(memory) if matches!(memory.state, State::Init) => {
                    let memory = Memory { deaf_until, ..memory.clone() };
                    self.feed(router, Event::Resume(&memory));
                }
                Some(memory) => {
                    self.feed(router, Event::Resume(memory));
                    self.routers[router].stand = self.routers[router].core.stand();
                }
            }
        }
        if memories.iter().any(|memory| is_master(memory.as_ref())) && !legacy.is_handed_over() {
            // Their adverts go out in the next turn. Who is killed before that has sent none.
            self.state.put_off(self.now + GOES_ON);
        }
        self.tell_who_goes_on(legacy);
    }

    /// Says who is still MASTER. Scripts that have not heard of it to their ends hear of it now.
    fn tell_who_goes_on(&mut self, legacy: &Legacy) {
        let away = Span(legacy.away(self.now));
        for instance in 0..self.instances.len() {
            let it = &self.instances[instance];
            if it.state != StateName::Master {
                continue;
            }
            if !legacy.is_handed_over() {
                log::warn!("{}: still MASTER: vipd was away for {away}", it.name);
            }
            let told = legacy.instance(&it.name).is_some_and(|(.., told)| told);
            if !told {
                let priority = it
                    .routers
                    .first()
                    .map(|router| self.routers[*router].core.effective_priority());
                let priority = priority.unwrap_or(Priority(0));
                self.notify(instance, is_still_master(priority, it.reason.clone()));
            }
        }
        for group in 0..self.groups.len() {
            let it = &self.groups[group];
            let (Some(name), Some(teller)) = (&it.name, it.teller) else { continue };
            let told = legacy.group(name).is_some_and(|(_, told)| told);
            if it.state == StateName::Master && !told {
                let reasons = it.instances.first().map(|it| self.instances[*it].reason.clone());
                self.notify(teller, is_still_master(Priority(0), reasons.unwrap_or_default()));
            }
        }
    }
}

fn is_still_master(priority: Priority, reason: String) -> News {
    let told = Told::State(StateName::Master);
    News { told, previous: StateName::Backup, priority, reason }
}

/// Whether somebody was MASTER.
pub fn is_master(memory: Option<&Memory>) -> bool {
    matches!(memory.map(|memory| &memory.state), Some(State::Master(_)))
}

const fn name_of(state: &State) -> StateName {
    match state {
        State::Init => StateName::Init,
        State::Backup(_) => StateName::Backup,
        State::Master(_) => StateName::Master,
        State::Fault(_) => StateName::Fault,
    }
}
