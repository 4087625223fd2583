//! A vrrp_instance at work: its virtual router, and what a transition sends, made ready before it
//! is needed.

use super::announcer::Burst;
use super::command::Runnable;
use super::link::Links;
use super::notify::{Queue, Script, Told};
use crate::config::{V3Checksum, VrrpInstance};
use crate::vrrp::router::Router;
use crate::vrrp::settings::{Garp, Settings};
use crate::vrrp::time::Instant;
use crate::vrrp::StateName;
use crate::wire::advert::{ChecksumForm, Template};
use crate::wire::announce::Announcement;
use crate::wire::Family;
use std::net::IpAddr;

/// An instance and all that belongs to it.
pub struct Instance {
    /// Its name.
    pub name: String,
    /// What decides.
    pub router: Router,
    /// Its sockets, by number.
    pub net: usize,
    /// Its interface, by number in the link table.
    pub link: usize,
    /// Its virtual addresses, by number in the table of addresses.
    pub vips: Vec<usize>,
    /// Its trackers: the check of each slot.
    pub checks: Vec<usize>,
    /// Its advertisement; there is none without an address to send from.
    pub template: Option<Template>,
    /// The announcements of its addresses.
    pub announcements: Vec<Burst>,
    /// When it came into its state.
    pub since: Instant,
    /// Why it came into its state.
    pub reason: String,
    /// Its notify scripts.
    pub scripts: Scripts,
    /// What they are told.
    pub queue: Queue,
    /// The notify script that is running.
    pub notifying: Option<Notifying>,
}

/// The notify scripts of an instance.
#[derive(Default)]
pub struct Scripts {
    /// `notify_master`
    pub master: Option<Runnable>,
    /// `notify_backup`
    pub backup: Option<Runnable>,
    /// `notify_fault`
    pub fault: Option<Runnable>,
    /// `notify_stop`
    pub stop: Option<Runnable>,
    /// `notify`
    pub general: Option<Runnable>,
    /// How long one may take.
    pub timeout: std::time::Duration,
}

/// A notify script under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notifying {
    /// When it is told to stop, and if it was told before, killed.
    pub deadline: Instant,
    /// It was told to stop already.
    pub terminated: bool,
}

impl Scripts {
    /// The script for a change of state, if there is one.
    #[must_use]
    pub fn find(&self, told: Told, script: Script) -> Option<&Runnable> {
        match (script, told) {
            (Script::General, _) => self.general.as_ref(),
            (Script::Specific, Told::State(StateName::Master)) => self.master.as_ref(),
            (Script::Specific, Told::State(StateName::Backup)) => self.backup.as_ref(),
            (Script::Specific, Told::State(StateName::Fault)) => self.fault.as_ref(),
            (Script::Specific, Told::State(StateName::Init)) => None,
            (Script::Specific, Told::Stop) => self.stop.as_ref(),
        }
    }
}

/// The keyword of a script, for the log.
#[must_use]
pub const fn keyword(told: Told, script: Script) -> &'static str {
    match (script, told) {
        (Script::General, _) => "notify",
        (Script::Specific, Told::State(StateName::Master)) => "notify_master",
        (Script::Specific, Told::State(StateName::Backup)) => "notify_backup",
        (Script::Specific, Told::State(StateName::Fault | StateName::Init)) => "notify_fault",
        (Script::Specific, Told::Stop) => "notify_stop",
    }
}

/// The settings of the virtual router that an instance asks for.
#[must_use]
pub fn settings(instance: &VrrpInstance) -> Settings {
    let addresses: Vec<IpAddr> = instance.virtual_ipaddress.iter().map(|vip| vip.address).collect();
    Settings {
        family: addresses.first().map_or(Family::V4, |address| Family::of(*address)),
        version: instance.version,
        virtual_router_id: instance.virtual_router_id,
        priority: instance.priority,
        advert_int: instance.advert_int,
        preempt: !instance.nopreempt,
        fast_handover: instance.fast_handover,
        skip_check_adv_addr: instance.skip_check_adv_addr,
        v3_checksum: match instance.v3_checksum {
            V3Checksum::Auto => None,
            V3Checksum::Rfc9568 => Some(ChecksumForm::Message),
            V3Checksum::PseudoHeader => Some(ChecksumForm::PseudoHeader),
        },
        auth_pass: instance.auth_pass,
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

impl Instance {
    /// Makes the advertisement ready for the address that it is sent from.
    pub fn prepare_advert(&mut self, source: Option<IpAddr>) {
        let settings = self.router.settings();
        self.template =
            source.map(|from| Template::new(&settings.fields(), from, settings.family.group()));
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
    /// is nobody's virtual address (V3-001). An owner may use its own.
    #[must_use]
    pub fn choose_source(&self, links: &Links, is_vip: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
        let settings = self.router.settings();
        let usable = |address: &&super::link::Address| {
            Family::of(address.address) == settings.family && !address.tentative
        };
        let candidates = || links.get(self.link).addresses.iter().filter(usable);
        let real = |address: &&super::link::Address| !is_vip(address.address) && !address.ours;
        let in_use = self.router.source();
        let owner = settings.priority == crate::wire::Priority::OWNER;
        candidates()
            .filter(real)
            .find(|address| Some(address.address) == in_use)
            .or_else(|| candidates().filter(real).find(|address| !address.secondary))
            .or_else(|| candidates().find(real))
            .or_else(|| candidates().find(|address| owner && !address.ours))
            .map(|address| address.address)
    }
}
