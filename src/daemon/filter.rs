//! `no_accept`: what the firewall drops for whom, and what if it cannot (V3-110 to V3-113, V2-015,
//! V2-018). And a virtual MAC address that is silent while we are not MASTER.

use super::firewall::Firewall;
use super::track::{Kind, Sense, Tracker};
use super::{Daemon, Source};
use crate::config::{Config, NoAcceptFailure, VrrpInstance};
use crate::daemon::state::Legacy;
use crate::vrrp::event::Action;
use crate::vrrp::tracker::Verdict;
use crate::wire::{Family, Priority};
use std::io;

/// The firewall, and who depends on it.
#[derive(Default)]
pub struct Filter {
    /// The rules.
    pub firewall: Firewall,
    /// What puts instances in FAULT without the rules, if that is wanted.
    pub tracker: Option<usize>,
}

/// Whether packets for the addresses of an instance are to be dropped. Never those of an owner.
#[must_use]
pub fn is_wanted(instance: &VrrpInstance) -> bool {
    !instance.accept && instance.priority != Priority::OWNER
}

impl Daemon {
    /// Makes what instances may subscribe to.
    pub(super) fn prepare_filter(&mut self, config: &Config) {
        let fault = config.global_defs.no_accept_failure == NoAcceptFailure::Fault;
        if fault && config.vrrp_instance.iter().any(is_wanted) {
            self.filter.tracker = Some(self.trackers.len());
            self.trackers.push(Tracker::new(Kind::NoAccept, "no_accept"));
        }
    }

    /// What keeps packets from addresses of an instance.
    pub(super) fn no_accept(&mut self, from: &VrrpInstance, vips: &[usize]) -> Vec<usize> {
        let wanted = vips.iter().filter(|_| is_wanted(from));
        let element = |vip: &usize| {
            let (link, address) = self.addresses.get(*vip);
            self.filter.firewall.no_accept(&self.links.get(link).name, address)
        };
        wanted.map(element).collect()
    }

    /// What keeps reports of multicast groups off the virtual MAC address of an instance, and does so
    /// until it is MASTER. A MASTER sends them, so that switches let neighbour solicitations through
    /// to it (V3-092). Who is no longer MASTER gives addresses up and would report that it leaves
    /// their groups: switches would send to it what is for the next MASTER.
    pub(super) fn no_reports(&mut self, from: &VrrpInstance, family: Family) -> Option<usize> {
        let name = from.use_vmac.as_ref()?.name(family);
        let element = self.filter.firewall.no_reports(name);
        self.filter.firewall.put(element);
        Some(element)
    }

    /// Begins. `before_us`: there are virtual addresses already, so there may be rules as well.
    pub(super) fn start_filter(&mut self, before_us: bool, legacy: &Legacy) -> io::Result<()> {
        self.filter.firewall.start(before_us, legacy.is_handed_over());
        self.watch_filter()?;
        self.sense_filter();
        Ok(())
    }

    /// Hears of changes of the rules.
    pub(super) fn watch_filter(&self) -> io::Result<()> {
        match self.filter.firewall.news_fd() {
            Some(fd) => self.watch(fd, Source::Nftables),
            None => Ok(()),
        }
    }

    /// Puts the rules for whoever becomes MASTER in place, or removes those of whoever no longer is.
    /// They are there before the addresses come, and until they are gone.
    pub(super) fn filter(&mut self, actions: &[(usize, Action)], what: Action) {
        for (router, _) in actions.iter().filter(|(_, action)| *action == what) {
            let it = &self.routers[*router];
            let firewall = &mut self.filter.firewall;
            if what == Action::Acquire {
                it.no_accept.iter().for_each(|element| firewall.put(*element));
                it.no_reports.iter().for_each(|element| firewall.take(*element));
            } else {
                it.no_accept.iter().for_each(|element| firewall.take(*element));
                it.no_reports.iter().for_each(|element| firewall.put(*element));
            }
            let failure = self.filter.firewall.failure().filter(|_| !it.no_accept.is_empty());
            if let Some(why) = failure.filter(|_| what == Action::Acquire) {
                let name = self.router_name(*router);
                log::warn!("{name}: answers on its addresses in spite of no_accept: {why}");
            }
        }
        self.filter.firewall.flush();
        self.sense_filter();
    }

    pub(super) fn read_nftables(&mut self) {
        self.filter.firewall.read_news();
        self.sense_filter();
    }

    pub(super) fn retry_filter(&mut self) {
        self.filter.firewall.retry();
        self.sense_filter();
    }

    /// Tells who depends on the rules how they stand, if that has changed.
    pub(super) fn sense_filter(&mut self) {
        if self.filter.firewall.is_short() {
            self.upkeep_soon();
        }
        let Some(tracker) = self.filter.tracker else { return };
        let failure = self.filter.firewall.failure();
        let sense = Sense::Verdict(failure.map_or(Verdict::Up, |_| Verdict::Down));
        if self.trackers[tracker].sense != sense {
            self.trackers[tracker].says = failure.unwrap_or_default().to_owned();
            self.sense(tracker, sense);
        }
    }
}
