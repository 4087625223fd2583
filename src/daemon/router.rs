//! A virtual router at work, and what a transition sends, made ready before it is needed.

use super::announcer::Burst;
use super::link::{Link, Links};
use super::peers::Peers;
use super::transport::Transport;
use crate::config::{V3Checksum, VipLease, VrrpInstance};
use crate::vrrp::group::Stand;
use crate::vrrp::router::Router;
use crate::vrrp::settings::{Election, Garp, Settings};
use crate::wire::advert::{ChecksumForm, Template};
use crate::wire::announce::Announcement;
use crate::wire::{Family, Version};
use std::net::IpAddr;
use std::time::Duration;

/// A virtual router and all that belongs to it. An instance has one for each family.
pub struct VirtualRouter {
    /// The instance that it belongs to.
    pub instance: usize,
    /// The group that it belongs to.
    pub group: Option<usize>,
    /// Where it stood when its group last looked.
    pub stand: Stand,
    /// What decides.
    pub core: Router,
    /// Its sockets, by number.
    pub net: usize,
    /// Its interface, by number in the link table.
    pub link: usize,
    /// Its virtual MAC address.
    pub vmac: Option<VirtualMac>,
    /// Its virtual addresses, by number in the table of addresses: those that it advertises, and
    /// then those that it does not.
    pub vips: Vec<usize>,
    /// What keeps packets from its virtual addresses, by number in the firewall; empty if it takes
    /// them.
    pub no_accept: Vec<usize>,
    /// What takes its virtual addresses away when we cannot; `None` is the best that there is.
    pub lease: Option<VipLease>,
    /// What keeps reports of multicast groups off its virtual MAC address, by number in the firewall.
    pub no_reports: Option<usize>,
    /// Its routes, and then its rules, by number in their table.
    pub fib: Vec<usize>,
    /// How its advertisements travel.
    pub transport: Transport,
    /// Another virtual router with its VRID and its sockets, told apart by the peers of both.
    pub same_vrid: Option<usize>,
    /// Its advertisement for each destination and version; there is none without an address to send
    /// from.
    pub templates: Vec<(IpAddr, Template)>,
    /// The announcements of its addresses.
    pub announcements: Vec<Burst>,
    /// Who else speaks for it.
    pub peers: Peers,
    /// How long after its moment its timer was last heard of; until that was told.
    pub late_by: Option<Duration>,
    /// One of the adverts that are being sent was refused.
    pub refused: bool,
    /// One of its last adverts was refused.
    pub sends_in_vain: bool,
}

/// The virtual MAC address of a virtual router.
#[derive(Clone, Copy, Debug)]
pub struct VirtualMac {
    /// Its number in the table of them.
    pub number: usize,
    /// Its sockets, by number: those of its macvlan.
    pub net: usize,
    /// Adverts leave from there, and not from the interface.
    pub sends: bool,
    /// It was said that the interface has a virtual address of it, too.
    pub told: bool,
}

/// The settings of the virtual router of a family that an instance asks for.
#[must_use]
pub fn settings(instance: &VrrpInstance, family: Family) -> Settings {
    let addresses: Vec<IpAddr> = instance.addresses(family).map(|vip| vip.address).collect();
    let version = match family {
        Family::V4 => instance.version,
        Family::V6 => Version::V3,
    };
    Settings {
        family,
        version,
        virtual_router_id: instance.virtual_router_id,
        priority: instance.priority,
        advert_int: instance.advert_int,
        preempt: !instance.nopreempt,
        election: Election {
            both_versions: instance.election.both_versions && family == Family::V4,
            ..instance.election
        },
        grouped: false,
        dont_track_primary: instance.dont_track_primary,
        fast_handover: instance.fast_handover,
        skip_check_adv_addr: instance.skip_check_adv_addr,
        v3_checksum: match instance.v3_checksum {
            V3Checksum::Auto => None,
            V3Checksum::Rfc9568 => Some(ChecksumForm::Message),
            V3Checksum::PseudoHeader => Some(ChecksumForm::PseudoHeader),
        },
        // Only adverts of VRRPv2 carry it.
        auth_pass: instance.auth_pass.filter(|_| family == Family::V4),
        addresses,
        garp: Garp {
            master_delay: instance.garp_master_delay,
            master_repeat: instance.garp_master_repeat,
            master_refresh: instance.garp_master_refresh,
            master_refresh_repeat: instance.garp_master_refresh_repeat,
            lower_prio_delay: instance.garp_lower_prio_delay,
            lower_prio_repeat: instance.garp_lower_prio_repeat,
        },
    }
}

impl VirtualRouter {
    /// The sockets that its adverts leave through, by number.
    #[must_use]
    pub fn sends_through(&self) -> usize {
        self.vmac.filter(|vmac| vmac.sends).map_or(self.net, |vmac| vmac.net)
    }

    /// Says once that its interface, which is this one, has an address that belongs to the virtual
    /// MAC address alone.
    pub fn tell_of_two_homes(&mut self, below: &Link, instance: &str) {
        let Some(vmac) = self.vmac.as_mut().filter(|vmac| !vmac.told) else { return };
        let mut ours = self.core.settings().addresses.iter();
        if let Some(address) = ours.find(|address| below.find(**address).is_some()) {
            vmac.told = true;
            log::warn!(
                "{instance}: {address} is on {0} as well, and {0} answers for it with its own MAC \
                 address: remove it there",
                below.name
            );
        }
    }

    /// Makes the advertisement ready for the address that it is sent from.
    pub fn prepare_advert(&mut self, source: Option<IpAddr>) {
        self.templates.clear();
        let Some(source) = source else { return };
        let settings = self.core.settings();
        for fields in [Some(settings.fields()), settings.fields_of_v2()].into_iter().flatten() {
            let ready = |to: IpAddr| (to, Template::new(&fields, source, to));
            self.templates.extend(self.transport.destinations().map(ready));
        }
    }

    /// Makes the announcements ready. `vips` gives interface and address of each number.
    pub fn prepare_announcements(
        &mut self,
        links: &Links,
        vips: impl Fn(usize) -> (usize, IpAddr),
    ) {
        self.announcements.clear();
        for vip in &self.vips {
            let (link, address) = vips(*vip);
            let link = links.get(link);
            let (Some(index), Some(mac)) = (link.index, link.mac) else { continue };
            let announcement = Announcement::new(mac, address, link.forwarding);
            Burst::collect(&mut self.announcements, index, &announcement);
        }
    }

    /// The address to send adverts from: the one in use as long as it is there, else the first that
    /// is nobody's virtual address (V3-001), over IPv6 the first link-local one (V3-007). An owner
    /// may use its own. One that is configured is used though it is not there, unless that is tracked.
    #[must_use]
    pub fn choose_source(
        &self,
        links: &Links,
        is_vip: impl Fn(&super::link::Address) -> bool,
    ) -> Option<IpAddr> {
        let settings = self.core.settings();
        let usable = |address: &&super::link::Address| {
            self.transport.may_send_from(address.address) && !address.tentative
        };
        if let Some(wanted) = self.transport.source {
            let there = links.get(self.link).find(wanted).is_some_and(|it| !it.tentative);
            return Some(wanted).filter(|_| there || !self.transport.track_src_ip);
        }
        let candidates = || links.get(self.link).addresses.iter().filter(usable);
        let real = |address: &&super::link::Address| !is_vip(address);
        let in_use = self.core.source();
        let owner = settings.priority == crate::wire::Priority::OWNER;
        let virtually = self.vmac.is_some_and(|vmac| vmac.sends);
        // Whether an address is real is asked last: of a link with many virtual ones that takes long.
        candidates()
            .find(|address| Some(address.address) == in_use && real(address))
            .or_else(|| candidates().find(|address| !address.secondary && real(address)))
            .or_else(|| candidates().find(real))
            .or_else(|| candidates().find(|address| owner && !address.ours))
            .map(|address| address.address)
            // What it owns may be on its virtual MAC address alone, and has to be (V3-102).
            .or_else(|| {
                self.core.settings().addresses.first().copied().filter(|_| owner && virtually)
            })
    }
}
