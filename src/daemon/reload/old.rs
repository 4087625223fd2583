//! The tables of the configuration that was in force until now.

use crate::config::Config;
use crate::daemon::addresses::Addresses;
use crate::daemon::duplicate::Duplicates;
use crate::daemon::fib::{self, Fib};
use crate::daemon::fifo::Fifo;
use crate::daemon::filter::Filter;
use crate::daemon::group::Group;
use crate::daemon::instance::Instance;
use crate::daemon::link::Known;
use crate::daemon::net::Net;
use crate::daemon::pre::Pres;
use crate::daemon::router::VirtualRouter;
use crate::daemon::script::Script;
use crate::daemon::teller::Teller;
use crate::daemon::track::file::Files;
use crate::daemon::track::probe::Probe;
use crate::daemon::track::processes::Processes;
use crate::daemon::track::Tracker;
use crate::daemon::vmac::Vmacs;
use crate::daemon::Daemon;
use std::mem::take;

/// Everything that [`Daemon::build`] makes.
pub(super) struct Old {
    pub config: Config,
    pub links: Vec<Known>,
    pub addresses: Addresses,
    pub filter: Filter,
    pub fib: Fib,
    pub fib_events: Option<fib::Watch>,
    pub vmacs: Vmacs,
    pub nets: Vec<Net>,
    pub routers: Vec<VirtualRouter>,
    pub instances: Vec<Instance>,
    pub groups: Vec<Group>,
    pub tellers: Vec<Teller>,
    pub pres: Pres,
    pub fifos: Vec<Fifo>,
    pub trackers: Vec<Tracker>,
    pub scripts: Vec<Script>,
    pub probes: Vec<Probe>,
    pub first_ping: usize,
    pub files: Files,
    pub processes: Processes,
    pub duplicates: Duplicates,
}

impl Old {
    /// Takes them out of the daemon, which has none then.
    pub fn take(daemon: &mut Daemon) -> Self {
        // Of these nothing is remembered: the first only has numbers, the second asks anew.
        take(&mut daemon.fixed);
        take(&mut daemon.tracked_routes);
        Self {
            config: take(&mut daemon.config),
            links: daemon.links.begin_anew(),
            addresses: take(&mut daemon.addresses),
            filter: take(&mut daemon.filter),
            fib: take(&mut daemon.fib),
            fib_events: daemon.fib_events.take(),
            vmacs: take(&mut daemon.vmacs),
            nets: take(&mut daemon.nets),
            routers: take(&mut daemon.routers),
            instances: take(&mut daemon.instances),
            groups: take(&mut daemon.groups),
            tellers: take(&mut daemon.tellers),
            pres: take(&mut daemon.pres),
            fifos: take(&mut daemon.fifos),
            trackers: take(&mut daemon.trackers),
            scripts: take(&mut daemon.scripts),
            probes: take(&mut daemon.probes),
            first_ping: take(&mut daemon.first_ping),
            files: take(&mut daemon.files),
            processes: take(&mut daemon.processes),
            duplicates: take(&mut daemon.duplicates),
        }
    }
}
