//! Who else speaks, as JSON: a line for each speaker.

use super::{Daemon, Doing};
use crate::daemon::peers::Peer;
use crate::json::Object;
use crate::wire::advert::ChecksumForm;
use crate::wire::Family;

impl Daemon {
    pub(super) fn begin_peers(&mut self) -> Doing {
        self.count_strangers();
        Doing::Peers(0)
    }

    /// Tells of the peers of one more virtual router, or of the strangers of one more interface; true
    /// if that was all.
    pub(super) fn write_peers(&self, next: &mut usize, out: &mut String) -> bool {
        let number = *next;
        *next += 1;
        if let Some(router) = self.routers.get(number) {
            let settings = router.core.settings();
            let interval = settings.advert_int;
            for peer in router.peers.iter(self.now) {
                let mut it = Object::new(out);
                let name = self.instances[router.instance].name.as_str();
                self.put_place(router.link, settings.family, peer, Some(name), &mut it);
                self.put_peer(peer, &mut it);
                if peer.collides(interval) {
                    it.put("collision", true);
                    let mut free = it.array("free_virtual_router_ids");
                    self.free_vrids(number).iter().for_each(|vrid| free.put(*vrid));
                } else {
                    it.put("collision", false);
                    it.array("free_virtual_router_ids");
                }
                drop(it);
                out.push('\n');
            }
            return false;
        }
        let Some(net) = self.nets.get(number - self.routers.len()) else { return true };
        for peer in net.strangers_heard.iter(self.now) {
            let mut it = Object::new(out);
            self.put_place(net.link, net.family, peer, None, &mut it);
            self.put_peer(peer, &mut it);
            it.put("collision", false);
            it.array("free_virtual_router_ids");
            drop(it);
            out.push('\n');
        }
        false
    }

    fn put_place(
        &self,
        link: usize,
        family: Family,
        peer: &Peer,
        instance: Option<&str>,
        out: &mut Object<'_>,
    ) {
        out.put("interface", self.links.get(link).name.as_str());
        out.show("family", family);
        out.put("protocol", if peer.is_carp() { "CARP" } else { "VRRP" });
        out.put("virtual_router_id", peer.vrid);
        out.put("instance", instance);
    }

    pub(super) fn put_peer(&self, peer: &Peer, out: &mut Object<'_>) {
        out.show("address", peer.address);
        out.put("version", peer.version);
        out.put("priority", peer.priority);
        out.put("advert_int", peer.interval.map(|it| it.duration()));
        let checksum = peer.checksum.map(|form| match form {
            ChecksumForm::Message => "message",
            ChecksumForm::PseudoHeader => "pseudo-header",
        });
        out.put("checksum", checksum);
        let mut list = out.array("virtual_ipaddress");
        peer.addresses.iter().for_each(|address| list.show(address));
        drop(list);
        out.put("addresses", peer.count);
        out.put("same_addresses", peer.same_addresses);
        out.put("adverts", peer.adverts);
        out.put("rejected", peer.rejected.map(|reason| reason.text()));
        out.put("rejections", peer.rejections);
        out.put("last_seen", self.wall(peer.last));
    }
}
