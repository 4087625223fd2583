//! Who comes after whom: the old numbers, and the new ones of the same things.

use crate::config::{Config, VrrpInstance};
use crate::daemon::Daemon;
use crate::wire::{Family, Vrid};
use std::collections::BTreeMap;

/// For each old number the new one, if there is one.
#[derive(Default)]
pub(super) struct Heirs {
    pub links: Vec<usize>,
    pub routers: Vec<Option<usize>>,
    /// The other way round: the old number of each new virtual router.
    pub predecessors: Vec<Option<usize>>,
    pub instances: Vec<Option<usize>>,
    pub tellers: Vec<Option<usize>>,
    pub scripts: Vec<Option<usize>>,
    pub fifos: Vec<Option<usize>>,
}

/// What makes a virtual router the same one: interface, VRID and family, as in the protocol.
type Key<'a> = (&'a str, Vrid, Family);

impl Heirs {
    /// The virtual routers: the new ones are numbered as [`Daemon::build`] will number them. Those
    /// that share a key (unicast ones may) are told apart by the names of their instances.
    pub fn of_routers(daemon: &Daemon, config: &Config) -> Self {
        let new: Vec<(Key<'_>, &str)> = config.vrrp_instance.iter().flat_map(keys).collect();
        let by_name: BTreeMap<_, usize> =
            new.iter().enumerate().map(|(number, key)| (*key, number)).collect();
        let olds = || 0..daemon.routers.len();
        let mut routers: Vec<Option<usize>> =
            olds().map(|old| by_name.get(&key_of(daemon, old)).copied()).collect();
        let mut predecessors = vec![None; new.len()];
        for (old, heir) in routers.iter().enumerate() {
            heir.iter().for_each(|heir| predecessors[*heir] = Some(old));
        }
        // An instance that has another name now.
        for old in olds().filter(|old| routers[*old].is_none()).collect::<Vec<_>>() {
            let (key, _) = key_of(daemon, old);
            let fits = |at: &usize| predecessors[*at].is_none() && new[*at].0 == key;
            if let Some(heir) = (0..new.len()).find(fits) {
                (routers[old], predecessors[heir]) = (Some(heir), Some(old));
            }
        }
        Self { routers, predecessors, ..Self::default() }
    }
}

fn keys(instance: &VrrpInstance) -> impl Iterator<Item = (Key<'_>, &str)> {
    let key = |family| (instance.interface.as_str(), instance.virtual_router_id, family);
    instance.families().map(move |family| (key(family), instance.name.as_str()))
}

fn key_of(daemon: &Daemon, router: usize) -> (Key<'_>, &str) {
    let it = &daemon.routers[router];
    let settings = it.core.settings();
    let interface = daemon.links.get(it.link).name.as_str();
    let name = daemon.instances[it.instance].name.as_str();
    ((interface, settings.virtual_router_id, settings.family), name)
}
