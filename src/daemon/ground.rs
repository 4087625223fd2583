//! What the segment has to hear of when the ground moves under a MASTER, and what is not to stay
//! behind.

use super::link::Fresh;
use super::vmac::mac_text;
use super::Daemon;
use crate::vrrp::event::Action;
use crate::vrrp::StateName;

impl Daemon {
    /// What is ours goes from interfaces that have other names now: whoever has the old name, or gets
    /// it, is who it is meant for.
    pub(super) fn clear_what_is_left(&mut self) {
        for left in self.links.take_left() {
            let count = self.addresses.leave(&left, &mut self.links);
            self.fib.leave(&left, &self.links, self.addresses.batch());
            self.addresses.flush(&mut self.links);
            // Without a new name it may be gone altogether.
            if count > 0 && !left.name.is_empty() {
                let (old, new) = (&self.links.get(left.link).name, left.name);
                log::warn!("{old} is {new} now: removing our addresses ({count}) from it");
            }
        }
    }

    /// Says once that adverts do not arrive on an interface that is a port.
    pub(super) fn tell_of_port(&mut self, net: usize) {
        let number = self.nets[net].link;
        let link = self.links.get(number);
        let told = std::mem::replace(&mut self.nets[net].port_told, link.port);
        // Once for both families.
        let is_first = !self.nets[..net].iter().any(|it| it.link == number);
        if link.port && !told && is_first {
            log::warn!(
                "{} is a port of a bridge or a bond, which has what arrives there: adverts of \
                 others are not heard; name that in interface",
                link.name
            );
        }
    }

    /// Whoever is MASTER announces its addresses on an interface that has another hardware address,
    /// or is up again: the switch may have another port for it.
    pub(super) fn announce_link_again(&mut self, link: usize) {
        let Some(fresh) = self.links.take_fresh(link) else { return };
        let here = |vip: &usize| self.addresses.get(*vip).0 == link;
        let concerned = |router: &usize| {
            self.is_in(*router, StateName::Master) && self.routers[*router].vips.iter().any(here)
        };
        let masters: Vec<usize> = (0..self.routers.len()).filter(concerned).collect();
        if masters.is_empty() {
            return;
        }
        let it = self.links.get(link);
        let name = &it.name;
        match (fresh, it.mac) {
            (Fresh::Mac, Some(mac)) => {
                let mac = mac_text(mac);
                log::info!("{name} has another MAC address, {mac}: announcing what is on it again");
            }
            (Fresh::Up | Fresh::Mac, _) => {
                log::info!("{name} is up again: announcing what is on it again");
            }
        }
        for router in masters {
            let repeat = self.routers[router].core.settings().garp.master_repeat;
            self.pending.push((router, Action::Announce { repeat }));
        }
    }
}
