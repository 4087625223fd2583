//! What changes about interfaces and addresses, and what follows from it.

use super::addresses::{self, Restored};
use super::announcer::Burst;
use super::{Daemon, Object};
use crate::sys::netns::is_still;
use crate::vrrp::event::{Event, Link};
use crate::vrrp::StateName;
use crate::wire::announce::Announcement;
use crate::wire::Family;
use std::time::Duration;

/// How often the interfaces are looked after when all is well.
const UPKEEP: Duration = Duration::from_secs(60);
/// How soon something that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

impl Daemon {
    pub(super) fn read_link_events(&mut self) {
        match self.links.drain_events(self.now) {
            Ok(more) => self.more_link_events = more,
            Err(error) => log::error!("cannot hear of changes of interfaces: {error}"),
        }
    }

    pub(super) fn read_refusals(&mut self) {
        match self.links.drain_refusals() {
            Ok(refusals) => {
                for refusal in refusals {
                    if !self.fib.answered(refusal, self.now) {
                        self.addresses.refused(refusal, &mut self.links);
                        self.upkeep_soon();
                    }
                }
            }
            Err(error) => log::error!("cannot hear what became of a change: {error}"),
        }
    }

    /// What a crash has left on the interfaces goes before anything else happens.
    pub(super) fn remove_leftovers(&mut self) {
        let left = self.addresses.remove_leftovers(&mut self.links);
        self.tell_of_leftovers(&left);
        self.addresses.flush(&mut self.links);
    }

    /// And before anybody goes on with it, what does not look as it should now.
    pub(super) fn remove_misfits(&mut self) {
        let left = self.addresses.remove_misfits(&mut self.links);
        self.tell_of_leftovers(&left);
    }

    fn tell_of_leftovers(&self, left: &[usize]) {
        for vip in left {
            let (link, address) = self.addresses.get(*vip);
            let name = &self.links.get(link).name;
            log::warn!("removing {address} from {name}: an earlier run has left it there");
        }
    }

    /// Looks at every interface of which something was heard.
    pub(super) fn refresh_links(&mut self) {
        let mut dirty = Vec::new();
        self.clear_what_is_left();
        for link in 0..self.links.len() {
            if self.links.take_dirty(link) {
                self.links.settle_as_it_is(self.now, link);
                if self.links.has_delay(link) {
                    self.touch(Object::Link(link));
                }
                self.refresh_vmacs(link);
                self.refresh_sockets(link);
                self.duplicates.link_changed(link);
                self.refresh_routers(link);
                self.sense_interface(link);
                self.sense_dev(link);
                dirty.push(link);
            }
        }
        // Whoever has lost what it needs is to give its addresses up, not to get them back.
        if !dirty.is_empty() {
            self.settle_groups();
            self.perform();
        }
        for link in dirty {
            self.restore_addresses(link);
            self.announce_link_again(link);
        }
        if self.links.take_changed() {
            self.routes_may_be_gone();
        }
    }

    pub(super) fn refresh_sockets(&mut self, link: usize) {
        let it = self.links.get(link);
        let (index, up, births) = (it.index, it.running, it.births);
        for net in
            (0..self.nets.len()).filter(|net| self.nets[*net].link == link).collect::<Vec<_>>()
        {
            let it = &mut self.nets[net];
            match index {
                None => it.close(),
                Some(index) if it.socket.is_some() && it.ifindex == index => {
                    // The switch may have forgotten us while the link was down.
                    let came_up = up && !it.was_up && it.vmac.is_none();
                    if came_up || it.births != births {
                        it.rejoin();
                    }
                }
                Some(index) => self.open(net, index),
            }
            (self.nets[net].was_up, self.nets[net].births) = (up, births);
            self.tell_of_port(net);
        }
    }

    fn open(&mut self, net: usize, index: u32) {
        let name = self.links.get(self.nets[net].link).name.clone();
        let it = &mut self.nets[net];
        let opened = it.open(&name, index);
        let fd = it.socket.as_ref().map(std::os::fd::AsRawFd::as_raw_fd);
        let watched =
            opened.and_then(|()| fd.map_or(Ok(()), |fd| self.watch(fd, super::Source::Net(net))));
        let it = &mut self.nets[net];
        match watched {
            Ok(()) => it.open_failed = false,
            Err(error) => {
                let is_there = is_still(&name, index);
                if !it.open_failed && is_there {
                    log::error!("cannot open a socket on {name}: {error}; trying again");
                }
                it.close();
                it.open_failed |= is_there;
                self.upkeep_soon();
            }
        }
    }

    /// Tells the virtual routers of an interface how it stands, and makes their frames ready.
    fn refresh_routers(&mut self, link: usize) {
        for number in 0..self.routers.len() {
            let it = &self.routers[number];
            let mac = it.vmac.is_some_and(|vmac| self.nets[vmac.net].link == link);
            let own = it.link == link || mac;
            if !own && !it.vips.iter().any(|vip| self.addresses.get(*vip).0 == link) {
                continue;
            }
            let Self { routers, links, addresses, .. } = self;
            routers[number].prepare_announcements(links, |vip| addresses.get(vip));
            if own {
                self.refresh_router(number);
            }
        }
    }

    pub(super) fn refresh_router(&mut self, number: usize) {
        let Self { routers, instances, links, addresses, nets, vmacs, duplicates, .. } = self;
        let it = &mut routers[number];
        let own = it.link;
        let source = it.choose_source(links, |address| addresses.is_virtual(own, address));
        if source != it.core.source() {
            it.prepare_advert(source);
        }
        duplicates.source_is(number, source);
        if it.core.family() == Family::V6 {
            for net in [Some(it.net), it.vmac.map(|vmac| vmac.net)].into_iter().flatten() {
                nets[net].has_ipv6(source.is_some());
            }
        }
        let link = links.get(it.link);
        it.tell_of_two_homes(link, &instances[it.instance].name);
        let no_vmac = it.vmac.is_some_and(|vmac| {
            nets[vmac.net].socket.is_none() || vmacs.problem(vmac.number).is_some()
        });
        let state = match (link.index, link.up, &nets[it.net].socket) {
            (None, ..) | (Some(_), _, None) => Link::Missing,
            (Some(_), false, Some(_)) => Link::Down,
            (Some(_), true, Some(_)) if no_vmac => Link::NoVirtualMac,
            (Some(_), true, Some(_)) => Link::Up,
        };
        // The better news last, so that the reason that is given is the one that counts.
        if state == Link::Up {
            self.feed(number, Event::Source(source));
            self.feed(number, Event::Link(state));
        } else {
            self.feed(number, Event::Link(state));
            self.feed(number, Event::Source(source));
        }
    }

    /// Puts back the addresses that somebody else has removed while we are MASTER, without a change
    /// of state, and announces them.
    fn restore_addresses(&mut self, link: usize) {
        if self.stopping.is_some() || self.links.get(link).index.is_none() {
            return;
        }
        if let Some((other, ours)) = self.addresses.put_behind(link, &mut self.links) {
            let name = &self.links.get(link).name;
            log::info!("{other} came to {name} behind {ours}: putting it first");
        }
        let mut bursts = Vec::new();
        for (vip, restored) in self.addresses.restore(self.now, link, &mut self.links) {
            let (link, address) = self.addresses.get(vip);
            let it = self.links.get(link);
            let name = &it.name;
            match restored {
                Restored::Again(Some(often)) => {
                    log::warn!("{address} has vanished from {name}: putting it back{often}");
                }
                Restored::Again(None) => {}
                Restored::AtLast => log::info!("{address} is on {name} at last"),
                Restored::Replaced => log::warn!(
                    "{address} on {name} is somebody else's now: using it, never removing it"
                ),
            }
            let (Some(index), Some(mac)) = (it.index, it.mac) else { continue };
            let announcement = Announcement::new(mac, address, it.forwarding);
            Burst::collect(&mut bursts, index, &announcement);
        }
        self.addresses.flush(&mut self.links);
        for burst in &bursts {
            self.announcer.add(burst);
        }
        self.flush_announcements();
        if self.addresses.take_waits() {
            self.upkeep_within(addresses::PAUSE);
        }
    }

    pub(super) fn upkeep_soon(&mut self) {
        self.upkeep_within(RETRY);
    }

    /// Something has to be looked after, at the latest when this has passed.
    pub(super) fn upkeep_within(&mut self, span: Duration) {
        self.upkeep_at = self.upkeep_at.min(self.now + span);
        self.touch(Object::Interfaces);
    }

    /// Tries again what has failed, and counts what nobody was woken for.
    pub(super) fn look_after_interfaces(&mut self) {
        self.upkeep_at = self.now + UPKEEP;
        self.count_strangers();
        if self.links.is_stale() {
            match self.links.recover(self.now) {
                Ok(()) => {
                    self.unread_told = false;
                    self.addresses.remove_again(&mut self.links);
                    self.fib.remove_again(&self.links, self.addresses.batch());
                }
                Err(error) if std::mem::replace(&mut self.unread_told, true) => {
                    log::debug!("cannot read the interfaces and addresses: {error}");
                }
                Err(error) => {
                    log::error!("cannot read the interfaces and addresses: {error}; trying again");
                }
            }
            self.refresh_links();
        }
        self.retry_vmacs();
        for net in 0..self.nets.len() {
            let it = &self.nets[net];
            let Some(index) = self.links.get(it.link).index.filter(|_| it.socket.is_none()) else {
                continue;
            };
            self.open(net, index);
            if self.nets[net].socket.is_some() {
                let link = self.nets[net].link;
                self.refresh_routers(link);
            }
        }
        for link in 0..self.links.len() {
            self.restore_addresses(link);
        }
        // Somebody may have removed it, and what is counted changes all the time.
        self.state.refresh = true;
        self.touch(super::Object::State);
        self.retry_filter();
        self.retry_leases();
        self.set_routes_again();
        self.put_routes_back();
    }

    /// Whether a virtual router is in a state.
    pub(super) fn is_in(&self, router: usize, state: StateName) -> bool {
        self.routers[router].core.state() == state
    }
}
