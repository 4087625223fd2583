//! Notify scripts, FIFOs and running children: nobody is told twice, and nothing is forgotten.

use super::{Heirs, Old};
use crate::daemon::children::Owner;
use crate::daemon::fifo::lines::Line;
use crate::daemon::Daemon;
use std::mem::take;

impl Daemon {
    /// What is being told, and what waits to be told.
    pub(super) fn inherit_telling(&mut self, old: &mut Old, heirs: &mut Heirs) {
        let mut tellers = Vec::with_capacity(old.tellers.len());
        for (number, mut before) in take(&mut old.tellers).into_iter().enumerate() {
            let heir = match heirs.instances.get(number) {
                Some(heir) => *heir,
                None => self.tellers.iter().position(|it| it.is_same(&before)),
            };
            tellers.push(match heir {
                Some(heir) => {
                    let it = &mut self.tellers[heir];
                    it.queue = take(&mut before.queue);
                    (it.notifying, it.again_at) = (before.notifying, before.again_at);
                    Some(heir)
                }
                // The last words of one that a reload has removed.
                None if !before.queue.is_idle() => {
                    before.after.clear();
                    before.fifos.clear();
                    self.tellers.push(before);
                    Some(self.tellers.len() - 1)
                }
                None => None,
            });
        }
        heirs.tellers = tellers;
        self.rename_waits(&heirs.tellers);
        heirs.fifos = self.inherit_fifos(take(&mut old.fifos), &heirs.tellers);
        let heir = |teller: usize| heirs.tellers.get(teller).copied().flatten();
        let lines = take(&mut self.held_lines).into_iter();
        self.held_lines =
            lines.filter_map(|line| Some(Line { about: heir(line.about)?, ..line })).collect();
    }

    /// Children belong to whoever is in the place of their owners. Those of checks that are no more,
    /// or are others now, are told to end.
    pub(super) fn rename_children(&mut self, heirs: &Heirs) {
        let heir =
            |numbers: &[Option<usize>], number: usize| numbers.get(number).copied().flatten();
        self.children.rename(self.now, |owner| match owner {
            Owner::Check(it) => heir(&heirs.scripts, it).map(Owner::Check),
            Owner::Notify(it) => heir(&heirs.tellers, it).map(Owner::Notify),
            Owner::Pre(it) => {
                heir(&heirs.instances, it / 2).map(|heir| Owner::Pre(2 * heir + it % 2))
            }
            Owner::Fifo(it) => heir(&heirs.fifos, it).map(Owner::Fifo),
            Owner::Upgrade | Owner::Try(_) => Some(owner),
            Owner::Nobody => None,
        });
    }

    /// What waits for a script that runs before addresses move.
    pub(super) fn inherit_pres(&mut self, old: &mut Old, heirs: &Heirs) {
        let free = self.pres.inherit(take(&mut old.pres), &heirs.instances, &heirs.routers);
        self.pending.extend(free);
    }

    /// After a reload: whoever waits for something that is no more goes on.
    pub(super) fn go_on_with_telling(&mut self, heirs: &Heirs) {
        self.go_on_with_fifos(&heirs.fifos);
        if self.config.global_defs.fifo_write_vrrp_states_on_reload {
            self.write_all_states();
        }
        for teller in 0..self.tellers.len() {
            self.start_teller(teller);
        }
    }
}
