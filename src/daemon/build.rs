//! Instances, virtual routers, trackers and checks, out of a configuration.

use super::command::Runnables;
use super::group::Group;
use super::instance::Instance;
use super::net::Net;
use super::peers::Peers;
use super::router::{settings, VirtualMac, VirtualRouter};
use super::teller::Teller;
use super::track::{Kind, Tracker};
use super::transport::Transport;
use super::{checks, filter, hmac, Daemon};
use crate::config::{Config, VrrpInstance};
use crate::vrrp::group::Stand;
use crate::vrrp::router::Router;
use crate::vrrp::time::Instant;
use crate::vrrp::tracker::Weight;
use crate::vrrp::StateName;
use crate::wire::Family;
use std::net::IpAddr;

impl Daemon {
    /// Makes everything that the configuration asks for.
    pub(super) fn build(&mut self, config: &Config) {
        let script_user = config.global_defs.script_user.as_ref();
        let mut runnables = Runnables::new(script_user);
        for script in &config.vrrp_script {
            let tracker = self.trackers.len();
            self.trackers.push(Tracker::new(Kind::Script(self.scripts.len()), &script.name));
            self.scripts.push(checks::build(script, script_user, tracker));
        }
        self.add_delays(config);
        self.add_routes(config);
        self.add_probes(config);
        self.add_files(config);
        self.add_processes(config);
        self.prepare_filter(config);
        for instance in &config.vrrp_instance {
            self.add_instance(instance);
            self.tellers.push(Teller::new(
                "INSTANCE",
                &instance.name,
                &instance.notify,
                &mut runnables,
            ));
        }
        self.add_fixed(config);
        self.add_groups(config, &mut runnables);
        self.add_pres(config, &mut runnables);
        self.add_fifos(config);
        self.group_families();
        self.add_duplicates(config);
        self.set_numbers();
        self.apply_steering(config);
        let objects =
            self.routers.len() + self.tellers.len() + self.scripts.len() + self.probes.len();
        self.touched.reserve(objects);
        self.pending.reserve(self.routers.len() * 4);
    }

    /// Makes an instance out of its configuration, with a virtual router for each family.
    fn add_instance(&mut self, from: &VrrpInstance) {
        let number = self.instances.len();
        let trackers = self.subscribe(number, from);
        let routers = from
            .families()
            .map(|family| self.add_router(number, from, family, trackers.len()))
            .collect();
        self.instances.push(Instance {
            name: from.name.clone(),
            priority: from.priority,
            routers,
            group: None,
            trackers,
            state: StateName::Init,
            since: Instant::ZERO,
            reason: String::new(),
            last_event: None,
            new_master_reason: None,
            why: None,
            leaves: false,
        });
    }

    fn add_router(
        &mut self,
        instance: usize,
        from: &VrrpInstance,
        family: Family,
        trackers: usize,
    ) -> usize {
        let number = self.routers.len();
        let link = self.links.watch(&from.interface);
        let settings = settings(from, family);
        let transport = Transport::new(from, family);
        let net = self.net(link, family, None, transport.group());
        self.nets[net].free_source |= transport.source.is_some();
        let same_vrid = self.nets[net].add(settings.virtual_router_id, number);
        let vmac = self.add_vmac(number, link, from, family);
        let home = vmac.map_or(link, |vmac| self.nets[vmac.net].link);
        let mut vips: Vec<usize> = from
            .addresses(family)
            .map(|vip| {
                let link = vip.dev.as_deref().map_or(home, |dev| self.links.watch(dev));
                self.addresses.add(link, vip)
            })
            .collect();
        vips.extend(self.excluded_of(from, home, family));
        let no_accept = self.no_accept(from, &vips);
        let no_reports = self.no_reports(from, family);
        let fib = self.fib_of(from, family);
        let mut core = Router::new(settings, trackers);
        if let Some(auth_hmac) = &from.auth_hmac {
            core.set_auth_hmac(hmac::build(auth_hmac, &from.name));
        }
        self.routers.push(VirtualRouter {
            instance,
            group: None,
            stand: Stand::Init,
            core,
            net,
            link,
            vmac,
            vips,
            no_accept,
            lease: from.vip_lease,
            no_reports,
            fib,
            transport,
            same_vrid,
            templates: Vec::new(),
            announcements: Vec::new(),
            peers: Peers::default(),
            late_by: None,
            refused: false,
            sends_in_vain: false,
        });
        number
    }

    /// The virtual MAC address of a virtual router, if it is to have one.
    fn add_vmac(
        &mut self,
        router: usize,
        below: usize,
        from: &VrrpInstance,
        family: Family,
    ) -> Option<VirtualMac> {
        let vmac = from.use_vmac.as_ref()?;
        let vrid = from.virtual_router_id;
        let (name, mac) = (vmac.name(family), vmac.mac.unwrap_or(family.virtual_mac(vrid)));
        let link = self.links.watch(name);
        let group = Transport::new(from, family).group();
        let net = self.net(link, family, Some(mac), group);
        self.nets[net].add(vrid, router);
        let number = self.vmacs.add((&from.name, family, mac), (link, below));
        // What is sent to one router alone needs no virtual MAC address: no switch learns it there.
        let sends = !vmac.xmit_base && from.transport.unicast_peer.is_empty();
        Some(VirtualMac { number, net, sends, told: false })
    }

    /// The sync groups of the configuration.
    fn add_groups(&mut self, config: &Config, runnables: &mut Runnables<'_>) {
        for from in &config.vrrp_sync_group {
            let number = self.groups.len();
            for instance in &from.group {
                self.instances[*instance].group = Some(number);
            }
            let mut teller = Teller::new("GROUP", &from.name, &from.notify, runnables);
            teller.after.clone_from(&from.group);
            self.add_group(Some(from.name.clone()), from.group.clone(), Some(self.tellers.len()));
            self.tellers.push(teller);
        }
    }

    /// The virtual routers of one instance go together, too; those in a sync group do already.
    fn group_families(&mut self) {
        for instance in 0..self.instances.len() {
            let it = &self.instances[instance];
            if it.routers.len() > 1 && it.group.is_none() {
                self.add_group(None, vec![instance], None);
            }
        }
    }

    fn add_group(&mut self, name: Option<String>, instances: Vec<usize>, teller: Option<usize>) {
        let number = self.groups.len();
        let of_all = instances.iter().flat_map(|instance| &self.instances[*instance].routers);
        let routers: Vec<usize> = of_all.copied().collect();
        for router in &routers {
            self.routers[*router].group = Some(number);
            self.routers[*router].core.join_group();
        }
        self.groups.push(Group {
            name,
            routers,
            instances,
            state: StateName::Init,
            teller,
            cause: None,
            moved: false,
            winners: Vec::new(),
        });
    }

    /// Enters an instance with whatever it tracks; returns the tracker of each slot.
    fn subscribe(&mut self, instance: usize, from: &VrrpInstance) -> Vec<usize> {
        let mut slots = Vec::new();
        for track in &from.track_script {
            let tracker = self.scripts[track.script].tracker;
            self.trackers[tracker].subscribe(instance, slots.len(), track.weight);
            slots.push(tracker);
        }
        for track in &from.track {
            if let Some(tracker) = self.tracker_of(track) {
                self.trackers[tracker].subscribe(instance, slots.len(), track.weight);
                slots.push(tracker);
            }
        }
        if let Some(tracker) = self.filter.tracker.filter(|_| filter::is_wanted(from)) {
            self.trackers[tracker].subscribe(instance, slots.len(), Weight::default());
            slots.push(tracker);
        }
        slots
    }

    fn net(
        &mut self,
        link: usize,
        family: Family,
        vmac: Option<[u8; 6]>,
        group: Option<IpAddr>,
    ) -> usize {
        let known = |net: &Net| (net.link, net.family, net.group) == (link, family, group);
        if let Some(net) = self.nets.iter().position(known) {
            return net;
        }
        self.nets.push(Net::new(link, family, vmac, group));
        self.nets.len() - 1
    }
}
