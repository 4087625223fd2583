//! `drain`, `resume` and `priority`, for clients.

use super::status::unknown;
use super::{Client, Daemon, Doing, Failure};
use crate::daemon::instance::Instance;
use crate::daemon::router::VirtualRouter;
use crate::exit;
use crate::json::Object;
use crate::vrrp::time::Instant;
use crate::vrrp::StateName;
use crate::wire::Priority;
use std::time::Duration;

impl Daemon {
    /// The instances that a client means.
    fn meant(&self, name: Option<&str>) -> Result<Vec<usize>, Failure> {
        self.steered(name).ok_or_else(|| {
            let groups = self.groups.iter().filter_map(|it| it.name.as_deref());
            let names = self.instances.iter().map(|it| it.name.as_str()).chain(groups);
            unknown("instance or group", name.unwrap_or_default(), names)
        })
    }

    pub(super) fn drain_for(
        &mut self,
        slot: usize,
        name: Option<&str>,
        force: bool,
    ) -> Result<Doing, Failure> {
        let instances = self.meant(name)?;
        let who = self.who(slot);
        self.drain(&instances, force, &who);
        let names = instances.iter().map(|it| self.instances[*it].name.clone()).collect();
        Ok(Doing::Drain(names, self.now))
    }

    /// Tells a client who has taken over, or that nobody has, if that is known by now.
    pub(super) fn tell_drained(&self, client: &mut Client, names: Vec<String>, begin: Instant) {
        let named = |it: &&Instance| names.contains(&it.name);
        let instances = self.instances.iter().filter(named);
        let routers: Vec<&VirtualRouter> =
            instances.flat_map(|it| &it.routers).map(|it| &self.routers[*it]).collect();
        if let Some(back) = routers.iter().find(|it| !it.core.is_drained()) {
            let name = &self.instances[back.instance].name;
            let message = format!("{name}: nobody has taken over: it is not drained any more");
            client.fail(exit::NO, &message);
            return;
        }
        let waits =
            |it: &&VirtualRouter| it.core.is_handing_over() || it.core.state() == StateName::Master;
        if routers.iter().any(waits) {
            client.doing = Doing::Drain(names, begin);
            return;
        }
        let mut out = Object::new(&mut client.output);
        out.put("after", self.now.since(begin));
        let mut list = out.array("drained");
        for router in routers {
            let mut it = list.object();
            it.put("name", self.instances[router.instance].name.as_str());
            it.show("family", router.core.family());
            it.put("state", router.core.state().as_str());
            it.show_some("master", router.core.master().map(|heard| heard.address));
        }
        drop(list);
        drop(out);
        client.end();
    }

    pub(super) fn resume_for(&mut self, slot: usize, name: Option<&str>) -> Result<Doing, Failure> {
        let instances = self.meant(name)?;
        let who = self.who(slot);
        let names = self.end_drain(&instances, &who);
        self.answer(slot, |it| {
            let mut list = it.array("resumed");
            names.iter().for_each(|name| list.put(name.as_str()));
        });
        Ok(Doing::Answering)
    }

    pub(super) fn prioritize_for(
        &mut self,
        slot: usize,
        name: &str,
        priority: Option<u8>,
        time: Option<Duration>,
    ) -> Result<Doing, Failure> {
        let Some(instance) = self.instances.iter().position(|it| it.name == name) else {
            let names = self.instances.iter().map(|it| it.name.as_str());
            return Err(unknown("instance", name, names));
        };
        if self.instances[instance].priority == Priority::OWNER {
            let message = format!("{name} owns its addresses: its priority is 255, and stays so");
            return Err(Failure::new(exit::USAGE, message));
        }
        let (who, until) = (self.who(slot), time.map(|time| self.now + time));
        self.set_priority(instance, priority.map(Priority), until, &who);
        let router = self.instances[instance].routers.first().copied();
        let effective = router.map(|router| self.routers[router].core.effective_priority().0);
        let configured = self.instances[instance].priority.0;
        self.answer(slot, |it| {
            it.put("name", name);
            it.put("priority", priority.unwrap_or(configured));
            it.put("effective_priority", effective);
            it.put("time", time);
        });
        Ok(Doing::Answering)
    }
}
