//! Virtual MAC addresses across a reload.

use super::{problem, Vmac, Vmacs};
use crate::daemon::link::Links;

impl Vmacs {
    /// Takes over the macvlans that are there. `numbers` has the new number of each interface. Those
    /// that nobody has any more are removed, and what was set on the interfaces below is put back.
    pub fn inherit(&mut self, old: Self, numbers: &[usize], links: &Links) {
        self.kernel = old.kernel;
        self.next_down = old.next_down;
        let belows: Vec<usize> = old.below.iter().map(|below| numbers[below.link]).collect();
        for (mut before, link) in old.below.into_iter().zip(belows.iter().copied()) {
            match self.below.iter_mut().find(|below| below.link == link) {
                Some(below) => (below.index, below.before) = (before.index, before.before),
                None => problem::tell(&before.before.restore(&links.get(link).name)),
            }
        }
        let mut gone = Vec::new();
        for before in old.list {
            let (link, below) = (numbers[before.link], belows[before.below]);
            let same = |it: &Vmac| {
                (it.link, it.mac, it.family) == (link, before.mac, before.family)
                    && self.below[it.below].link == below
            };
            match self.list.iter().position(same) {
                Some(heir) => self.succeed(heir, before),
                None => gone.extend(before.index),
            }
        }
        self.kernel.remove(&gone);
    }

    fn succeed(&mut self, heir: usize, before: Vmac) {
        let it = &mut self.list[heir];
        (it.raised, it.down_at, it.problem) = (before.raised, before.down_at, before.problem);
        if let Some(index) = before.index {
            it.index = Some(index);
            it.prepare_orders(heir, index);
        }
    }
}
