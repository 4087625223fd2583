//! Who has leases, and when they are renewed.

use super::{first_of_each, Lease, SHORTEST, SHORTEST_LIFETIME};
use crate::config::VipLease;
use crate::daemon::router::VirtualRouter;
use crate::daemon::state::Legacy;
use crate::daemon::{now, Daemon, Object, Source};
use crate::vrrp::event::Action;
use crate::vrrp::time::Instant;
use std::time::Duration;

impl Daemon {
    /// Begins: removes what an earlier run has left, after the addresses that it has left, and makes
    /// the table if anything may be put into it.
    pub(in crate::daemon) fn start_leases(&mut self, before_us: bool, legacy: &Legacy) {
        let nft = self.who_leases();
        if (nft || before_us) && self.lease.table.is_left() {
            let name = self.lease.table.name();
            if !legacy.is_handed_over() {
                log::warn!("removing the nftables table {name}: an earlier run has left it");
            }
            if let Err(error) = self.lease.table.remove() {
                log::error!("cannot remove the nftables table {name}: {error}");
            }
        }
        if nft {
            self.find_hooks();
            // Without an interface nobody can say whether it works.
            if !self.lease.hooks.is_empty() {
                self.lease.make(self.now);
            }
        }
    }

    /// Finds out who wants leases; true if anybody wants one of nftables.
    fn who_leases(&mut self) -> bool {
        let asked = |kind| self.routers.iter().any(|it| it.lease == kind);
        let (best, insists) = (asked(None), asked(Some(VipLease::Nft)));
        self.lease.insists = insists;
        self.lease.in_use = best || insists || asked(Some(VipLease::Lifetime));
        best || insists
    }

    /// How many leases there are, if anybody wants any.
    pub(in crate::daemon) fn log_leases(&self) {
        let Lease { table, held, lifetimes, in_use, .. } = &self.lease;
        if *in_use {
            let (table, held, live) = (table.name(), held.len(), lifetimes.len());
            log::info!("status: leases: {held} in {table}, {live} with a lifetime");
        }
    }

    /// After a reload: what is leased from now on is leased before its addresses come. What is not
    /// leased any more is seen to at the end of the turn, when its addresses have gone.
    pub(in crate::daemon) fn lease_anew(&mut self) {
        self.who_leases();
        self.renew_all();
        (self.lease.advertised, self.lease.next) = (true, self.now);
    }

    /// A clean end.
    pub(in crate::daemon) fn end_leases(&mut self) {
        if !self.lease.table.is_made() {
            return;
        }
        if let Err(error) = self.lease.table.remove() {
            let name = self.lease.table.name();
            log::error!("cannot remove the nftables table {name}: {error}");
        }
    }

    /// Tries again what has failed.
    pub(in crate::daemon) fn retry_leases(&mut self) {
        if self.lease.failure.is_some() {
            self.find_hooks();
            self.lease.make(self.now);
        }
    }

    /// Leases for whoever becomes MASTER: before the addresses come.
    pub(in crate::daemon) fn lease_first(&mut self, actions: &[(usize, Action)]) {
        let mut any = false;
        self.lease.wanted.clear();
        self.lease.lifetimes.clear();
        for (router, _) in actions.iter().filter(|(_, action)| *action == Action::Acquire) {
            self.want(*router, now());
            any = true;
        }
        if !any {
            return;
        }
        first_of_each(&mut self.lease.lifetimes);
        for (vip, seconds) in &self.lease.lifetimes {
            self.addresses.set_lifetime(*vip, *seconds);
        }
        if self.lease.wanted.is_empty() {
            return;
        }
        self.find_hooks();
        // What others have is none of this change's business.
        self.lease.compare(|_| true);
        self.lease.commit(now());
    }

    /// No leases any more for whoever is not MASTER: after the addresses have gone.
    pub(in crate::daemon) fn lease_no_more(&mut self, actions: &[(usize, Action)]) {
        if self.lease.in_use && actions.iter().any(|(_, action)| *action == Action::Release) {
            self.renew_all();
        }
    }

    /// An advertisement was sent: leases may last longer.
    pub(in crate::daemon) fn lease_longer(&mut self, actions: &[(usize, Action)]) {
        let sent = |(_, action): &(usize, Action)| matches!(action, Action::Advertise { .. });
        if self.lease.in_use && !self.lease.advertised && actions.iter().any(sent) {
            self.lease.advertised = true;
            self.touch(Object::Lease);
        }
    }

    /// Renews all leases if that is due. At the end of a turn: only what has decided by then that it
    /// is still MASTER, after all that was to be heard.
    pub(in crate::daemon) fn renew_leases(&mut self) {
        if self.lease.deadline().is_none_or(|at| at > self.now) {
            return;
        }
        self.lease.advertised = false;
        self.touch(Object::Lease);
        self.renew_all();
    }

    /// The kernel has refused to change a lease.
    pub(in crate::daemon) fn read_leases(&mut self) {
        self.lease.look(now());
    }

    fn renew_all(&mut self) {
        // Later than this turn's time: what this turn has done may have taken long.
        let now = now();
        let stalled = |until: Instant| until <= now;
        if self.routers.iter().filter_map(|it| it.core.unrivalled_until()).any(stalled) {
            // We were stopped in the middle of this turn, and somebody else may be MASTER by now: that
            // is to be heard first, in the next one.
            (self.lease.advertised, self.lease.next) = (true, now);
            self.touch(Object::Lease);
            return;
        }
        self.lease.wanted.clear();
        self.lease.free.clear();
        self.lease.lifetimes.clear();
        let mut pause = None::<Duration>;
        for router in 0..self.routers.len() {
            if !self.want(router, now) {
                continue;
            }
            let VirtualRouter { core, lease, .. } = &self.routers[router];
            let interval = core.settings().advert_int.duration();
            let shortest = match self.lease.kind(*lease) {
                VipLease::Lifetime => SHORTEST_LIFETIME,
                VipLease::Nft | VipLease::Off => SHORTEST,
            };
            let rest = core.patience().max(shortest).saturating_sub(interval) / 4;
            pause = Some(pause.map_or(rest, |pause| pause.min(rest)));
        }
        self.lease.next = now + pause.unwrap_or_default();
        self.find_hooks();
        let addresses = &self.addresses;
        self.lease.compare(|address| addresses.holds(address));
        if !self.lease.wanted.is_empty() || !self.lease.held.is_empty() {
            self.lease.commit(now);
        }
        if self.lease.hooks.is_empty() && self.lease.held.is_empty() {
            // Nobody needs it any more.
            self.end_leases();
        }
        first_of_each(&mut self.lease.lifetimes);
        if let Some(fd) = self.lease.table.new_fd() {
            if let Err(error) = self.watch(fd, Source::Leases) {
                log::error!("cannot hear what becomes of leases: {error}");
            }
        }
        self.addresses.renew(&self.lease.lifetimes, &self.links);
        self.addresses.flush(&mut self.links);
    }

    /// Enters the addresses of a virtual router, if it is MASTER and they are leased: whether.
    fn want(&mut self, router: usize, now: Instant) -> bool {
        let Self { routers, lease, addresses, links, .. } = self;
        let it = &routers[router];
        let Some(until) = it.core.unrivalled_until() else { return false };
        let ends = until.max(now + SHORTEST);
        let vips = it.vips.iter().filter(|vip| addresses.is_ours(**vip, links));
        let kind = lease.kind(it.lease);
        if kind != VipLease::Nft {
            lease.free.extend(it.vips.iter().map(|vip| addresses.get(*vip).1));
        }
        match kind {
            VipLease::Off => return false,
            VipLease::Nft => {
                lease.wanted.extend(vips.map(|vip| (addresses.get(*vip).1, ends)));
            }
            VipLease::Lifetime => {
                let seconds = u32::try_from(ends.since(now).as_secs()).unwrap_or(u32::MAX).max(1);
                lease.lifetimes.extend(vips.map(|vip| (*vip, seconds)));
            }
        }
        true
    }

    /// The interfaces that addresses are asked for on: that of the virtual router, and that of the
    /// address if it is another one. What is for a virtual MAC address comes in on the interface
    /// below as well. What this host asks itself is answered in any case.
    fn find_hooks(&mut self) {
        let Self { routers, lease, addresses, links, nets, .. } = self;
        let mut found = std::mem::take(&mut lease.found);
        found.clear();
        for it in routers.iter().filter(|it| lease.kind(it.lease) == VipLease::Nft) {
            let home = it.vmac.map(|vmac| nets[vmac.net].link);
            let of = |vip: &usize| addresses.get(*vip).0;
            found.push(it.link);
            found.extend(it.vips.iter().map(of).filter(|link| Some(*link) != home));
        }
        found.sort_unstable();
        found.dedup();
        let named = |link: &usize| {
            let it = links.get(*link);
            it.index.filter(|_| it.name != "lo").map(|index| (index, it.name.as_str()))
        };
        let known = lease.hooks.iter().map(|(index, name)| (*index, name.as_str()));
        let same = found.iter().filter_map(named).eq(known);
        if !same {
            let new = found.iter().filter_map(named);
            lease.hooks = new.map(|(index, name)| (index, name.to_owned())).collect();
        }
        lease.found = found;
        lease.addresses = addresses.count();
    }
}
