//! Interfaces, sockets, virtual MAC addresses, addresses, routes: what is there stays there.

use super::{Heirs, Old};
use crate::daemon::net::Net;
use crate::daemon::{Daemon, Source};
use mio::unix::SourceFd;
use mio::Interest;
use std::os::fd::AsRawFd;

impl Daemon {
    /// What is known of the interfaces. One with a new name is looked up.
    pub(super) fn inherit_links(&mut self, old: &mut Old, heirs: &mut Heirs) {
        let (links, unknown) = self.links.inherit(&mut old.links);
        heirs.links = links;
        if unknown {
            if let Err(error) = self.links.resync() {
                log::error!("cannot read the interfaces and addresses: {error}");
            }
        }
    }

    /// The sockets, with what waits in them.
    pub(super) fn inherit_nets(&mut self, old: &mut Old, heirs: &Heirs) {
        for (number, mut net) in std::mem::take(&mut old.nets).into_iter().enumerate() {
            let link = heirs.links[net.link];
            let same = |it: &Net| {
                (it.link, it.family, it.group, it.vmac) == (link, net.family, net.group, net.vmac)
            };
            let Some(heir) = self.nets.iter_mut().position(|it| same(it)) else {
                continue;
            };
            let it = &mut self.nets[heir];
            it.inherit(&mut net);
            let fd = it.socket.as_ref().map(AsRawFd::as_raw_fd).filter(|_| heir != number);
            if let Some(fd) = fd {
                let token = Source::Net(heir).token();
                let registry = self.poll.registry();
                let told = registry.reregister(&mut SourceFd(&fd), token, Interest::READABLE);
                if let Err(error) = told {
                    log::error!("cannot wait for packets: {error}; opening the socket anew");
                    self.nets[heir].close();
                }
            }
        }
    }

    /// The macvlans. Those that nobody has any more are removed.
    pub(super) fn inherit_vmacs(&mut self, old: &mut Old, heirs: &Heirs) {
        let vmacs = std::mem::take(&mut old.vmacs);
        self.vmacs.inherit(vmacs, &heirs.links, &self.links);
    }

    /// Which addresses are there, and whose they are.
    pub(super) fn inherit_addresses(&mut self, old: &mut Old, heirs: &Heirs) {
        let addresses = std::mem::take(&mut old.addresses);
        self.addresses.inherit(addresses, &heirs.links, &mut self.links);
        for vip in &self.fixed.addresses {
            self.addresses.acquire(*vip, &mut self.links);
        }
    }

    /// Which routes and rules are there, and whose they are.
    pub(super) fn inherit_fib(&mut self, old: &mut Old, heirs: &Heirs) {
        let same = self.fib.protocols().eq(old.fib.protocols());
        match old.fib_events.take().filter(|_| same && !self.fib.is_empty()) {
            Some(watch) => self.fib_events = Some(watch),
            None => {
                if let Err(error) = self.watch_routes() {
                    log::error!("cannot hear of routes that are removed: {error}");
                }
            }
        }
        let fib = std::mem::take(&mut old.fib);
        self.fib.inherit(fib, &heirs.links, &self.links, self.addresses.batch());
        for number in &self.fixed.fib {
            self.fib.acquire(*number, &self.links, self.addresses.batch());
        }
    }
}
