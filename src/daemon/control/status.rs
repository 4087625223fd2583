//! The status, as JSON. Field names are those of the configuration and of RFC 8347, with
//! underscores. Moments are seconds since 1970, spans are seconds.

use super::{describe, Daemon, Doing, Failure};
use crate::config::nearest::nearest;
use crate::config::VipLease;
use crate::daemon::history::{in_json, on_the_wall, wall_clock};
use crate::daemon::router::VirtualRouter;
use crate::daemon::track::{Kind, Tracker};
use crate::exit;
use crate::json::{Array, Object, Value};
use crate::vrrp::reason::Reason;
use crate::vrrp::statistics::Statistics;
use crate::vrrp::time::Instant;
use crate::vrrp::tracker::Effect;
use crate::vrrp::StateName;

/// How far a client has been told.
#[derive(Debug)]
pub struct Cursor {
    /// The instance or the group that it wants to know of.
    only: Option<Only>,
    /// The virtual router that comes next; `None` before the beginning.
    next: Option<usize>,
    /// None was told yet.
    first: bool,
}

#[derive(Clone, Copy, Debug)]
enum Only {
    Instance(usize),
    Group(usize),
}

impl Daemon {
    pub(super) fn begin_status(&mut self, name: Option<String>) -> Result<Doing, Failure> {
        // What strangers have sent is counted when somebody wants to know.
        self.count_strangers();
        let only = name.map(|name| self.find(&name)).transpose()?;
        Ok(Doing::Status(Cursor { only, next: None, first: true }))
    }

    /// An instance or a group of this name.
    fn find(&self, name: &str) -> Result<Only, Failure> {
        let instance = self.instances.iter().position(|it| it.name == name).map(Only::Instance);
        let group = || self.groups.iter().position(|it| it.name.as_deref() == Some(name));
        instance.or_else(|| group().map(Only::Group)).ok_or_else(|| {
            let groups = self.groups.iter().filter_map(|it| it.name.as_deref());
            let names = self.instances.iter().map(|it| it.name.as_str()).chain(groups);
            unknown("instance or group", name, names)
        })
    }

    /// Tells of one more virtual router; true if that was all.
    pub(super) fn write_status(&mut self, cursor: &mut Cursor, out: &mut String) -> bool {
        let Some(next) = cursor.next else {
            self.write_head(out);
            cursor.next = Some(0);
            return false;
        };
        let wanted = |router: &usize| match cursor.only {
            None => true,
            Some(Only::Instance(it)) => self.routers[*router].instance == it,
            Some(Only::Group(it)) => {
                self.instances[self.routers[*router].instance].group == Some(it)
            }
        };
        let Some(router) = (next..self.routers.len()).find(wanted) else {
            self.write_tail(cursor.only, out);
            return true;
        };
        if !std::mem::replace(&mut cursor.first, false) {
            out.push(',');
        }
        self.write_router(router, &mut Object::new(out));
        cursor.next = Some(router + 1);
        false
    }

    fn write_head(&self, out: &mut String) {
        let mut it = Object::new(out);
        it.put("version", env!("CARGO_PKG_VERSION"));
        it.put("pid", std::process::id());
        it.put("time", Value::Moment(wall_clock()));
        it.put("started", self.wall(self.started));
        it.put("file", self.load.file.as_str());
        it.put("skipped", self.skipped);
        it.put("stopping", self.stopping.is_some());
        drop(it);
        // Cut open: the instances follow piece by piece.
        out.pop();
        out.push_str(",\"instances\":[");
    }

    fn write_tail(&self, only: Option<Only>, out: &mut String) {
        out.push_str("],");
        let mut rest = String::new();
        let mut it = Object::new(&mut rest);
        let mut groups = it.array("groups");
        for (number, group) in self.groups.iter().enumerate() {
            let wanted = match only {
                None => true,
                Some(Only::Group(it)) => it == number,
                Some(Only::Instance(it)) => self.instances[it].group == Some(number),
            };
            let Some(name) = group.name.as_deref().filter(|_| wanted) else { continue };
            let mut it = groups.object();
            it.put("name", name);
            it.put("state", group.state.as_str());
            let mut members = it.array("members");
            group.instances.iter().for_each(|it| members.put(self.instances[*it].name.as_str()));
        }
        drop(groups);
        self.write_duplicates(it.array("duplicates"));
        self.write_interfaces(it.array("interfaces"));
        self.write_shortage(it.object("shortage"));
        self.write_totals(it.object("statistics"));
        drop(it);
        out.push_str(&rest[1..]);
    }

    fn write_duplicates(&self, mut rows: Array<'_>) {
        for row in self.duplicates() {
            let mut it = rows.object();
            it.put("name", row.name.as_str());
            it.put("kind", row.kind);
            it.show("address", row.address);
            it.put("mac", row.mac.map(crate::daemon::duplicate::mac_text).as_deref());
            it.put("others", row.others);
            it.put("since", self.wall(row.since));
            it.put("last", self.wall(row.last));
            it.put("count", row.count);
        }
    }

    fn write_interfaces(&self, mut rows: Array<'_>) {
        for net in self.nets.iter().filter(|net| net.vmac.is_none()) {
            let mut it = rows.object();
            it.put("name", self.links.get(net.link).name.as_str());
            it.show("family", net.family);
            it.put("send_errors", net.send_errors);
            describe::counters(&net.statistics, it.object("statistics"));
        }
    }

    fn write_shortage(&self, mut it: Object<'_>) {
        for (name, count) in self.lacks() {
            it.put(name, count);
        }
    }

    /// RFC 8347's counters of all interfaces.
    fn write_totals(&self, mut it: Object<'_>) {
        let cores = self.routers.iter().map(|it| it.core.statistics());
        let all: Vec<&Statistics> =
            cores.chain(self.nets.iter().map(|it| &it.statistics)).collect();
        for name in ["checksum_errors", "version_errors", "vrid_errors", "ip_ttl_errors"] {
            let count = |of: &&Statistics| {
                of.named().find(|(known, _)| *known == name).map_or(0, |(_, count)| count)
            };
            it.put(name, all.iter().map(count).sum::<u64>());
        }
    }

    fn write_router(&self, number: usize, out: &mut Object<'_>) {
        let router = &self.routers[number];
        let core = &router.core;
        let it = &self.instances[router.instance];
        out.put("name", it.name.as_str());
        out.put("since", self.wall(it.since));
        out.put("reason", it.reason.as_str());
        out.put("last_event", it.last_event);
        out.put("new_master_reason", it.new_master_reason);
        out.put("interface", self.links.get(router.link).name.as_str());
        out.put("priority", it.priority.0);
        describe::router(core, self.now, &|at| on_the_wall(self.now, at), out);
        self.write_addresses(router, out);
        let group = it.group.and_then(|group| self.groups[group].name.as_deref());
        out.put("group", group);
        let steer = self.steering.of(&it.name);
        // "priority" is what the configuration says; the core knows what is in its place.
        match steer.and_then(|steer| Some((steer.priority?, steer.until))) {
            Some((priority, until)) => {
                let mut it = out.object("priority_override");
                it.put("priority", priority.0);
                it.put("until", until.map(|until| self.wall(until)));
            }
            None => out.put("priority_override", Value::Null),
        }
        let fault = core.fault_cause().map(|fault| self.explain(number, Reason::Fault(fault)));
        out.put("fault", fault.as_deref());
        out.put("vip_lease", self.lease_of(router));
        out.put("vip_lease_wanted", router.lease.map(lease_name));
        let mut to = out.array("destinations");
        router.transport.destinations().for_each(|address| to.show(address));
        drop(to);
        self.write_trackers(router, out.array("trackers"));
        let mut peers = out.array("peers");
        for peer in router.peers.iter(self.now) {
            self.put_peer(peer, &mut peers.object());
        }
    }

    fn write_addresses(&self, router: &VirtualRouter, out: &mut Object<'_>) {
        let advertised = router.core.settings().addresses.len();
        let (vips, excluded) = router.vips.split_at(advertised.min(router.vips.len()));
        for (key, vips) in [("virtual_ipaddress", vips), ("virtual_ipaddress_excluded", excluded)] {
            let mut list = out.array(key);
            for vip in vips {
                let vip = self.addresses.vip(*vip);
                let (address, length) = (vip.address, vip.prefix_len);
                match vip.link == router.link {
                    true => list.show(format_args!("{address}/{length}")),
                    false => {
                        let dev = &self.links.get(vip.link).name;
                        list.show(format_args!("{address}/{length} dev {dev}"));
                    }
                }
            }
        }
        let mut refused = out.array("refused");
        for vip in &router.vips {
            let vip = self.addresses.vip(*vip);
            let Some(errno) = vip.refused else { continue };
            let mut it = refused.object();
            it.show("address", vip.address);
            it.show("error", std::io::Error::from_raw_os_error(errno));
        }
    }

    fn write_trackers(&self, router: &VirtualRouter, mut rows: Array<'_>) {
        for (slot, number) in self.instances[router.instance].trackers.iter().enumerate() {
            let Some(tracker) = self.trackers.get(*number) else { continue };
            let mut it = rows.object();
            it.put("name", tracker.name.as_str());
            it.put("kind", tracker.kind.keyword());
            it.put("state", in_json(tracker.sense));
            let mine = |of: &&crate::daemon::track::Subscriber| {
                (of.instance, of.slot) == (router.instance, slot)
            };
            let weight = tracker.subscribers.iter().find(mine).map(|it| it.weight);
            it.put("weight", weight.map_or(0, |weight| weight.value()));
            it.put("reverse", weight.is_some_and(|weight| weight.reverse()));
            it.put(
                "effect",
                match router.core.effects().get(slot) {
                    None | Some(Effect::Hold) => Value::Text("hold"),
                    Some(Effect::Fault) => Value::Text("fault"),
                    Some(Effect::Add(sum)) => (*sum).into(),
                },
            );
            self.write_last_run(tracker, &mut it);
        }
    }

    fn write_last_run(&self, tracker: &Tracker, out: &mut Object<'_>) {
        let script = match tracker.kind {
            Kind::Script(script) => self.scripts.get(script),
            _ => None,
        };
        let last = script.and_then(|it| it.last.as_ref());
        out.put("last_exit", last.and_then(|last| last.exit));
        let says = last.map_or(tracker.says.as_str(), |last| last.result.as_str());
        out.put("last_result", says);
        out.put("last_output", last.map(|last| last.output.as_str()));
        out.put("last_run", last.map(|last| self.wall(last.at)));
        out.put("last_took", last.and_then(|last| last.took));
        let check = script.map(|it| &it.check);
        out.put("interval", check.map(|it| it.settings().interval));
        out.put("timeout", check.map(|it| it.settings().timeout));
        out.put("rise", check.map(|it| it.settings().rise));
        out.put("fall", check.map(|it| it.settings().fall));
        out.put("against", check.map(|it| it.tracker().against()));
    }

    /// By what the addresses of a virtual router are leased, while it is MASTER.
    fn lease_of(&self, router: &VirtualRouter) -> Option<&'static str> {
        let vip = *router.vips.first().filter(|_| router.core.state() == StateName::Master)?;
        Some(match self.lease.of(vip, self.addresses.vip(vip).address) {
            Some(lease) => lease_name(lease),
            None => "off",
        })
    }

    /// A moment by the clock on the wall.
    pub(super) fn wall(&self, at: Instant) -> Value<'static> {
        Value::Moment(on_the_wall(self.now, at))
    }
}

const fn lease_name(lease: VipLease) -> &'static str {
    match lease {
        VipLease::Nft => "nft",
        VipLease::Lifetime => "lifetime",
        VipLease::Off => "off",
    }
}

/// There is no such thing.
pub(super) fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let near = nearest(name, known).map(|near| format!("; did you mean \"{near}\"?"));
    let near = near.unwrap_or_default();
    Failure::new(exit::USAGE, format!("there is no {kind} \"{name}\"{near}"))
}
