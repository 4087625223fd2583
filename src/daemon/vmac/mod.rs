//! Virtual MAC addresses (RFC 9568 7.3): each is a macvlan on the interface of a virtual router,
//! where its virtual addresses go and its adverts come from.
//!
//! ```text
//!   BACKUP, FAULT    down, or deaf and soon down      adverts arrive at the interface below
//!   MASTER           up, private                      those from its own MAC address arrive at it
//! ```
//!
//! A macvlan that is up forwards what is sent to its MAC address, and a BACKUP must not (V3-073). To
//! set one down takes the kernel 15 ms, which is too long in the middle of a change of state. So
//! whoever stops being MASTER has a macvlan first made deaf (it hears nothing but frames from its own
//! MAC address, which are those of the new MASTER), in no time, and set down when there is leisure.
//!
//! The device is ours if it is a macvlan with our MAC address on the right interface: so it is found
//! again after a crash. What a crash has left of an instance that is no more is known by its alias.

mod apply;
mod inherit;
mod kernel;
mod problem;
mod settings;

use super::link::Links;
use crate::sys::netlink::link::{self as macvlan, Interface, Mode, MACVLAN};
use crate::sys::netlink::Builder;
use crate::vrrp::time::Instant;
use crate::wire::Family;
use kernel::{Kernel, Refusal};
pub use problem::text as mac_text;
use settings::Before;
use std::time::Duration;

/// How long a macvlan that nobody needs any more stays deaf before it is set down: what a change of
/// state has to do comes first.
const LEISURE: Duration = Duration::from_millis(200);
/// From one that is set down to the next: the daemon stands still for a quarter of this at most.
const PACE: Duration = Duration::from_millis(60);

/// A virtual MAC address.
struct Vmac {
    /// Of which instance.
    instance: String,
    family: Family,
    mac: [u8; 6],
    /// The macvlan, by its number in the link table.
    link: usize,
    /// The interface below, by its number in the list of them.
    below: usize,
    /// The macvlan's index, once it is known to be ours.
    index: Option<u32>,
    /// The orders that set it up and that make it deaf.
    raise: Vec<u8>,
    deafen: Vec<u8>,
    /// It is to be up.
    raised: bool,
    /// Nobody needs it up any more; when to set it down.
    down_at: Option<Instant>,
    /// Why it cannot be used.
    problem: Option<String>,
}

/// An interface that macvlans of ours are on top of.
struct Below {
    /// Its number in the link table.
    link: usize,
    /// Its index when it was last looked at.
    index: Option<u32>,
    /// What was set on it before us.
    before: Before,
}

/// All virtual MAC addresses of the configuration.
#[derive(Default)]
pub struct Vmacs {
    kernel: Kernel,
    list: Vec<Vmac>,
    below: Vec<Below>,
    /// The orders of this turn.
    batch: Vec<u8>,
    /// None is set down before this moment.
    next_down: Instant,
}

/// The interface that an order is about is no more.
fn has_vanished(refusal: &Refusal) -> bool {
    refusal.error.raw_os_error() == Some(crate::sys::netlink::ENODEV)
}

impl Vmac {
    /// Makes the orders ready that set it up and that make it deaf.
    fn prepare_orders(&mut self, number: usize, index: u32) {
        let order = |mode, up| {
            let mut bytes = Vec::new();
            macvlan::set_mode(&mut Builder::new(&mut bytes), number as u32, index, mode, up);
            bytes
        };
        (self.raise, self.deafen) = (order(Mode::Private, true), order(Mode::Deaf, false));
    }
}

impl Vmacs {
    /// A virtual MAC address for an instance: `link` and `below` are numbers in the link table, of
    /// the macvlan and of the interface below.
    pub fn add(
        &mut self,
        (instance, family, mac): (&str, Family, [u8; 6]),
        (link, below): (usize, usize),
    ) -> usize {
        let below = self.below.iter().position(|known| known.link == below).unwrap_or_else(|| {
            self.below.push(Below { link: below, index: None, before: Before::default() });
            self.below.len() - 1
        });
        self.list.push(Vmac {
            instance: instance.to_owned(),
            family,
            mac,
            link,
            below,
            index: None,
            raise: Vec::new(),
            deafen: Vec::new(),
            raised: false,
            down_at: None,
            problem: None,
        });
        self.list.len() - 1
    }

    /// Why a virtual MAC address cannot be used.
    #[must_use]
    pub fn problem(&self, vmac: usize) -> Option<&str> {
        self.list[vmac].problem.as_deref()
    }

    /// The macvlan, by its number in the link table.
    #[must_use]
    pub fn link(&self, vmac: usize) -> usize {
        self.list[vmac].link
    }

    /// Those that a link in the table concerns: it is the macvlan, or the interface below.
    fn concerned(&self, link: usize) -> impl Iterator<Item = usize> + use<'_> {
        let list = self.list.iter().enumerate();
        let concerned = move |it: &&Vmac| it.link == link || self.below[it.below].link == link;
        list.filter(move |(_, it)| concerned(it)).map(|(vmac, _)| vmac)
    }

    /// Removes what a crash has left of instances that are no more, and learns what it has kept us
    /// from putting back. Returns the names of what was removed.
    pub fn sweep(&mut self, links: &Links) -> Vec<String> {
        let there = self.kernel.ask(|builder| macvlan::ask_all(builder, 0));
        let (mut indices, mut names) = (Vec::new(), Vec::new());
        for it in there.iter().filter(|it| it.kind == MACVLAN) {
            let Some((on, mut before)) = settings::read_alias(&it.alias) else { continue };
            if !self.list.iter().any(|vmac| links.get(vmac.link).name == it.name) {
                indices.push(it.index);
                names.push(it.name.clone());
            }
            if let Some(below) = self.below.iter_mut().find(|it| links.get(it.link).name == on) {
                below.index = links.get(below.link).index;
                below.before.learn(&before);
            } else if there.iter().any(|below| below.name == on) {
                problem::tell(&before.restore(on));
            }
        }
        self.kernel.remove(&indices);
        if self.list.is_empty() {
            self.kernel.rest();
        }
        names
    }

    /// Makes a macvlan what it should be, if it is not: after something was heard of it or of the
    /// interface below.
    pub fn ensure(&mut self, vmac: usize, now: Instant, links: &mut Links) {
        let it = &self.list[vmac];
        let (there, below) = (links.get(it.link), links.get(self.below[it.below].link));
        match (below.index, there.index) {
            (None, there) => {
                // The kernel removes it with the interface below, but not if that has a new name.
                let index = self.list[vmac].index.take().filter(|index| there == Some(*index));
                self.kernel.remove(index.as_slice());
                self.list[vmac].problem = None;
            }
            (Some(_), Some(index)) if it.index == Some(index) => {
                let (up, mac) = (there.up, there.mac);
                self.keep(vmac, up, now);
                self.keep_mac(vmac, mac, links);
            }
            (Some(below), _) => self.take(vmac, below, now, links),
        }
    }

    /// Somebody else may have set it up or down.
    fn keep(&mut self, vmac: usize, up: bool, now: Instant) {
        let it = &mut self.list[vmac];
        if it.raised && !up {
            let refused = self.kernel.send(&it.raise);
            self.refused(&refused);
        } else if !it.raised && up && it.down_at.is_none() {
            it.down_at = Some(now + LEISURE);
        }
    }

    /// Somebody else may have given it another hardware address.
    fn keep_mac(&mut self, vmac: usize, mac: Option<[u8; 6]>, links: &mut Links) {
        let it = &self.list[vmac];
        let (wanted, Some(index)) = (it.mac, it.index) else { return };
        if mac == Some(wanted) {
            return;
        }
        let name = &links.get(it.link).name;
        log::warn!("{name} has another MAC address: giving it {} again", problem::text(wanted));
        let refused =
            self.kernel.order(|orders| macvlan::set_mac(orders, vmac as u32, index, wanted));
        if refused.is_empty() {
            links.got_mac(it.link, wanted);
        }
        self.refused(&refused);
    }

    /// Makes a macvlan, or takes the one that a crash has left.
    fn take(&mut self, vmac: usize, parent: u32, now: Instant, links: &mut Links) {
        let it = &self.list[vmac];
        let below = &mut self.below[it.below];
        let (name, on) = (links.get(it.link).name.clone(), links.get(below.link).name.clone());
        if below.index != Some(parent) {
            (below.index, below.before) = (Some(parent), Before::default());
        }
        if it.family == Family::V4 {
            below.before.remember(&on);
        }
        let (mac, alias) = (it.mac, settings::alias(&it.instance, &on, &below.before));
        let refused = self.kernel.order(|orders| {
            macvlan::make(orders, 0, &name, parent, mac);
        });
        let found = self.kernel.ask(|question| macvlan::ask_named(question, 0, &name)).pop();
        let problem = match (&found, refused.first()) {
            (Some(found), _) if self.is_ours(found, mac, parent) => None,
            (Some(_), _) => Some(problem::taken(&name, mac, &on)),
            (None, Some(refusal)) if has_vanished(refusal) => {
                // The interface below: that is told of as an event. Until then it cannot be had.
                self.list[vmac].problem = Some(problem::not_made(&name, &on, Some(refusal)));
                return;
            }
            (None, refusal) => Some(problem::not_made(&name, &on, refusal)),
        };
        let Some(index) = found.filter(|_| problem.is_none()).map(|found| found.index) else {
            self.complain_of(vmac, problem);
            return;
        };
        // What was set before us is written down first, then changed.
        let refused = self.kernel.order(|orders| {
            macvlan::set_alias(orders, 0, &name, &alias);
            macvlan::make_no_address(orders, 0, &name);
        });
        for refusal in refused {
            log::warn!("cannot prepare {name}: {}", refusal.error);
        }
        problem::tell(&settings::prepare(&name, self.list[vmac].family));
        if self.list[vmac].family == Family::V4 {
            problem::tell(&self.below[self.list[vmac].below].before.change(&on));
        }
        links.found(self.list[vmac].link, index, mac);
        self.use_it(vmac, index, now);
    }

    /// On a macvlan another is on top of what that is on top of.
    fn is_ours(&mut self, it: &Interface, mac: [u8; 6], below: u32) -> bool {
        let same = |other: Interface| other.kind == MACVLAN && other.parent == it.parent;
        it.kind == MACVLAN
            && it.mac == Some(mac)
            && (it.parent == Some(below)
                || self
                    .kernel
                    .ask(|question| macvlan::ask(question, 0, below))
                    .pop()
                    .is_some_and(same))
    }

    /// It is ours now: brings it where it should be.
    fn use_it(&mut self, vmac: usize, index: u32, now: Instant) {
        let it = &mut self.list[vmac];
        (it.index, it.problem) = (Some(index), None);
        it.prepare_orders(vmac, index);
        let first = if it.raised { &it.raise } else { &it.deafen };
        let refused = self.kernel.send(first);
        if !it.raised {
            it.down_at = Some(now);
        }
        self.refused(&refused);
    }

    /// From now on it is to be up, and hears all that is sent to its MAC address: with the next
    /// `flush`.
    pub fn raise(&mut self, vmac: usize) {
        let it = &mut self.list[vmac];
        (it.raised, it.down_at) = (true, None);
        if it.index.is_some() {
            self.batch.extend_from_slice(&it.raise);
        }
    }

    /// From now on it is to hear nothing, with the next `flush`, and to be down, when there is
    /// leisure.
    pub fn lower(&mut self, vmac: usize, now: Instant) {
        let it = &mut self.list[vmac];
        it.raised = false;
        if it.index.is_some() {
            it.down_at = Some(now + LEISURE);
            self.batch.extend_from_slice(&it.deafen);
        }
    }

    /// Gives the orders of this turn, in one system call.
    pub fn flush(&mut self) {
        if !self.batch.is_empty() {
            let refused = self.kernel.send(&self.batch);
            self.batch.clear();
            self.refused(&refused);
        }
    }

    fn refused(&mut self, refused: &[Refusal]) {
        for refusal in refused {
            let vmac = refusal.seq as usize;
            let Some(it) = self.list.get_mut(vmac) else { continue };
            // That is told of as an event.
            if has_vanished(refusal) {
                continue;
            }
            let problem = problem::not_up(it.mac, &refusal.error);
            it.index = None;
            self.complain_of(vmac, Some(problem));
        }
    }

    /// When one is to be set down.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let earliest = self.list.iter().filter_map(|it| it.down_at).min();
        earliest.map(|at| at.max(self.next_down))
    }

    /// Sets one down.
    pub fn due(&mut self, now: Instant) {
        let due = |it: &&mut Vmac| it.down_at.is_some_and(|at| at <= now);
        let Some(it) = self.list.iter_mut().find(due) else { return };
        it.down_at = None;
        self.next_down = now + PACE;
        if let Some(index) = it.index {
            // One that is gone is down, too.
            let _ = self.kernel.order(|orders| macvlan::set_down(orders, 0, index));
        }
    }

    /// Removes all, and puts back what was set on the interfaces below.
    pub fn remove_all(&mut self, links: &Links) {
        let indices: Vec<u32> = self.list.iter_mut().filter_map(|it| it.index.take()).collect();
        self.kernel.remove(&indices);
        for below in &mut self.below {
            problem::tell(&below.before.restore(&links.get(below.link).name));
        }
        self.list.clear();
    }

    /// Says so once.
    fn complain_of(&mut self, vmac: usize, problem: Option<String>) {
        let it = &mut self.list[vmac];
        if let Some(problem) = problem.as_ref().filter(|_| it.problem != problem) {
            log::error!("{}: no virtual MAC address: {problem}", it.instance);
        }
        it.problem = problem;
    }
}
