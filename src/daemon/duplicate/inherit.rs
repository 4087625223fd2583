//! A reload: addresses, ears and suspects go on as they were.

use super::ears::Ears;
use super::{Daemon, Duplicates};
use crate::daemon::router::VirtualRouter;
use crate::wire::Family;
use mio::unix::SourceFd;

/// Sockets that are kept without a use. More than that is closed, whatever it costs.
const RETIRED: usize = 16;

impl Daemon {
    /// Goes on where the tables before left off, when the virtual routers do: the new number of each
    /// old interface, and of each old virtual router.
    pub(in crate::daemon) fn inherit_duplicates<'a>(
        &mut self,
        old: &mut Duplicates,
        links: &[usize],
        routers: impl Iterator<Item = (&'a VirtualRouter, Option<usize>)>,
    ) {
        let mut heirs = Vec::new();
        for (before, heir) in routers {
            heirs.push(heir);
            if let Some(heir) = heir.and_then(|heir| self.routers.get_mut(heir)) {
                heir.core.inherit_duplicates(&before.core);
            }
        }
        self.inherit_watches(old, links);
        self.inherit_suspects(old, &heirs);
        let it = &mut self.duplicates;
        it.quiet = std::mem::take(&mut old.quiet);
        it.retired = std::mem::take(&mut old.retired);
        for mut before in std::mem::take(&mut old.ears) {
            let key = (links.get(before.link).copied(), before.family);
            let heir = self.duplicates.ears.iter().position(|it| (Some(it.link), it.family) == key);
            self.inherit_ears(heir, &mut before);
        }
        self.duplicates.dirty.fill(true);
        self.duplicates.changed = true;
        for router in 0..self.routers.len() {
            // Who stays what it is has made no transition.
            let state = self.routers[router].core.state();
            self.watch_addresses_of(router, state);
        }
    }

    fn inherit_watches(&mut self, old: &mut Duplicates, links: &[usize]) {
        self.duplicates.put_in_order();
        for before in &old.watches {
            let Some(address) = before.address else { continue };
            let ears = &old.ears[before.ears];
            let (link, family) = (links.get(ears.link).copied(), Family::of(address));
            let it = &mut self.duplicates;
            let same = |ears: &Ears| (Some(ears.link), ears.family) == (link, family);
            let Some(ears) = it.ears.iter().position(same) else { continue };
            for at in it.watches_of(ears, address) {
                let watch = it.by_address[at];
                let heir = &mut it.watches[watch];
                // Of those that advertise from one address, only one has heard of it.
                if heir.conflict.listens() || heir.is_source != before.is_source {
                    continue;
                }
                heir.conflict.inherit(&before.conflict);
                heir.told = before.told;
            }
        }
    }

    fn inherit_suspects(&mut self, old: &mut Duplicates, routers: &[Option<usize>]) {
        for mut suspect in std::mem::take(&mut old.suspects) {
            let Some(router) = routers.get(suspect.router).copied().flatten() else { continue };
            suspect.router = router;
            suspect.ears = self.duplicates.home.get(router).copied().flatten();
            self.duplicates.suspects.push(suspect);
        }
    }

    fn inherit_ears(&mut self, heir: Option<usize>, before: &mut Ears) {
        let Some(fd) = before.fd() else { return };
        if before.paused_until.is_none() {
            let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
        }
        match heir {
            Some(heir) => {
                self.duplicates.ears[heir].inherit(before);
                let it = &self.duplicates.ears[heir];
                if it.paused_until.is_none() {
                    self.listen(heir, fd);
                }
            }
            None if self.duplicates.retired.len() < RETIRED => {
                before.fall_silent();
                let empty = Ears::new(0, before.family);
                self.duplicates.retired.push(std::mem::replace(before, empty));
            }
            None => {}
        }
    }
}
