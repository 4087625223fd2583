//! Virtual routers, instances and groups go on where they were; and those that are no more resign.

use super::{Heirs, Old};
use crate::config::Config;
use crate::daemon::announcer::Burst;
use crate::daemon::Daemon;
use crate::vrrp::event::Event;
use crate::vrrp::time::Instant;
use crate::vrrp::StateName;
use crate::wire::announce::Announcement;

impl Daemon {
    /// Who has no heir resigns, as long as there are its sockets. What is on the interfaces stays
    /// until it is known who wants it then.
    pub(super) fn resign_without_heir(&mut self, heirs: &Heirs, config: &Config) {
        let heir = |router: &usize| heirs.routers[*router];
        let gone: Vec<usize> = (0..self.routers.len()).filter(|it| heir(it).is_none()).collect();
        if gone.is_empty() {
            return;
        }
        self.addresses.hold();
        self.fib.hold();
        self.filter.firewall.hold();
        for router in &gone {
            // What becomes of the others of its group is not for it to decide any more.
            if let Some(group) = self.routers[*router].group.take() {
                self.groups[group].routers.retain(|member| member != router);
            }
            let it = &mut self.instances[self.routers[*router].instance];
            it.leaves = !config.vrrp_instance.iter().any(|new| new.name == it.name);
            self.feed(*router, Event::Shutdown);
        }
        self.perform();
        self.let_these_move(&gone);
        self.perform();
    }

    /// Instances and groups keep the states that people and scripts know of.
    pub(super) fn inherit_instances(&mut self, old: &mut Old, heirs: &mut Heirs) {
        let named = |name: &str| self.instances.iter().position(|it| it.name == name);
        heirs.instances = old.instances.iter().map(|it| named(&it.name)).collect();
        for (router, before) in heirs.predecessors.iter().enumerate() {
            let Some(before) = *before else { continue };
            self.routers[router].peers = std::mem::take(&mut old.routers[before].peers);
            let (heir, before) = (self.routers[router].instance, old.routers[before].instance);
            let name = &mut heirs.instances[before];
            // It has another name now, unless there is one of the old name.
            *name = name.or(Some(heir));
            let (it, before) = (&mut self.instances[heir], &old.instances[before]);
            (it.state, it.since) = (before.state, before.since);
            (it.last_event, it.new_master_reason) = (before.last_event, before.new_master_reason);
            it.reason.clone_from(&before.reason);
            it.why.clone_from(&before.why);
        }
        for group in &mut self.groups {
            let before = old.groups.iter().find(|before| before.name == group.name);
            let mut states = group.instances.iter().map(|it| self.instances[*it].state);
            let first = states.next().unwrap_or(StateName::Init);
            let common = if states.all(|state| state == first) { first } else { StateName::Init };
            group.state = before.filter(|it| it.name.is_some()).map_or(common, |it| it.state);
            group.moved = true;
            self.groups_moved = true;
        }
    }

    /// All virtual routers hear how their world is, and go on.
    pub(super) fn resume(&mut self, old: &mut Old, heirs: &Heirs) {
        self.links.set_all_dirty();
        self.refresh_links();
        for tracker in 0..self.trackers.len() {
            self.sense(tracker, self.trackers[tracker].sense);
        }
        // Nobody has begun: what comes of it is what comes of going on.
        self.pending.clear();
        self.inherit_pres(old, heirs);
        let mut new = Vec::new();
        for router in 0..self.routers.len() {
            let before = heirs.predecessors[router].map(|before| &old.routers[before].core);
            let Some(before) = before else {
                self.feed(router, Event::Startup { deaf_until: Instant::ZERO });
                continue;
            };
            if before.state() == StateName::Master {
                self.hold_on(router, &mut new);
            }
            self.feed(router, Event::Resume(&before.memory()));
            self.routers[router].stand = self.routers[router].core.stand();
        }
        if self.filter.firewall.inherit(std::mem::take(&mut old.filter.firewall)) {
            if let Err(error) = self.watch_filter() {
                log::error!("cannot hear of changes of nftables: {error}");
            }
        }
        self.sense_filter();
        self.lease_anew();
        self.perform();
        self.addresses.sweep(&mut self.links);
        self.fib.sweep(&self.links, self.addresses.batch());
        self.addresses.flush(&mut self.links);
        self.announce_new(&new);
    }

    /// A MASTER wants what it has, and what is new. Appends the addresses that are new, with its
    /// number.
    pub(in crate::daemon) fn hold_on(&mut self, router: usize, new: &mut Vec<(usize, usize)>) {
        let it = &self.routers[router];
        for element in &it.no_accept {
            self.filter.firewall.put(*element);
        }
        if let Some(element) = it.no_reports {
            self.filter.firewall.take(element);
        }
        if let Some(vmac) = it.vmac {
            self.vmacs.raise(vmac.number);
            self.vmacs.flush();
        }
        let it = &self.routers[router];
        for vip in &it.vips {
            if !self.addresses.is_held(*vip) {
                new.push((router, *vip));
            }
            self.addresses.acquire(*vip, &mut self.links);
        }
        self.acquire_routes(router);
    }

    /// Announces addresses that a MASTER has got, and no others.
    pub(in crate::daemon) fn announce_new(&mut self, new: &[(usize, usize)]) {
        let mut rounds: Vec<(u8, Vec<Burst>)> = Vec::new();
        for (router, vip) in new {
            if !self.is_in(*router, StateName::Master) {
                continue;
            }
            let (link, address) = self.addresses.get(*vip);
            let link = self.links.get(link);
            let (Some(index), Some(mac)) = (link.index, link.mac) else { continue };
            let repeat = self.routers[*router].core.settings().garp.master_repeat;
            let at = rounds.iter().position(|(of, _)| *of == repeat).unwrap_or_else(|| {
                rounds.push((repeat, Vec::new()));
                rounds.len() - 1
            });
            let announcement = Announcement::new(mac, address, link.forwarding);
            Burst::collect(&mut rounds[at].1, index, &announcement);
        }
        for (repeat, bursts) in &rounds {
            for _ in 0..*repeat {
                bursts.iter().for_each(|burst| self.announcer.add(burst));
            }
        }
        self.flush_announcements();
    }
}
