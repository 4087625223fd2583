//! When the daemon needs its virtual MAC addresses.

use crate::daemon::{Daemon, Object};
use crate::vrrp::event::Action;
use crate::vrrp::StateName;

impl Daemon {
    /// Removes what a crash has left of instances that are no more.
    pub(in crate::daemon) fn sweep_vmacs(&mut self) {
        for name in self.vmacs.sweep(&self.links) {
            log::warn!("removing the interface {name}: an earlier run has left it there");
        }
    }

    /// Something was heard of a link: makes the virtual MAC addresses that it concerns what they
    /// should be.
    pub(in crate::daemon) fn refresh_vmacs(&mut self, link: usize) {
        if self.stopping.is_none() {
            for vmac in self.vmacs.concerned(link).collect::<Vec<_>>() {
                self.vmacs.ensure(vmac, self.now, &mut self.links);
                // Before its virtual router hears that the interface below is there.
                self.refresh_sockets(self.vmacs.link(vmac));
            }
            self.touch(Object::Vmacs);
        }
    }

    /// Tries again what could not be had.
    pub(in crate::daemon) fn retry_vmacs(&mut self) {
        for router in 0..self.routers.len() {
            let Some(vmac) = self.routers[router].vmac else { continue };
            if self.vmacs.problem(vmac.number).is_some() {
                self.vmacs.ensure(vmac.number, self.now, &mut self.links);
                self.refresh_router(router);
            }
        }
        self.touch(Object::Vmacs);
    }

    /// Who becomes MASTER has its virtual MAC address before it says a word (V3-011).
    pub(in crate::daemon) fn raise_vmacs(&mut self, actions: &[(usize, Action)]) {
        let mut raised = false;
        for (router, action) in actions {
            let vmac = self.routers[*router].vmac;
            if let (Action::Acquire, Some(vmac)) = (action, vmac) {
                self.vmacs.raise(vmac.number);
                raised = true;
            }
        }
        if !raised {
            return;
        }
        self.vmacs.flush();
        for (router, _) in actions {
            let vmac = self.routers[*router].vmac;
            if vmac.is_some_and(|vmac| self.vmacs.problem(vmac.number).is_some()) {
                self.refresh_router(*router);
            }
        }
    }

    /// Who is MASTER no more has said its last word: from now on it hears nothing that is sent to
    /// its virtual MAC address (V3-073).
    pub(in crate::daemon) fn lower_vmacs(&mut self, actions: &[(usize, Action)]) {
        let mut lowered = false;
        for (router, action) in actions {
            let vmac =
                self.routers[*router].vmac.filter(|_| !self.is_in(*router, StateName::Master));
            if let (Action::Release, Some(vmac)) = (action, vmac) {
                self.vmacs.lower(vmac.number, self.now);
                lowered = true;
            }
        }
        if lowered {
            self.vmacs.flush();
            self.touch(Object::Vmacs);
        }
    }
}
