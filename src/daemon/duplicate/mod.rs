//! `vip_conflict`: other hosts that have our virtual addresses, and who they are that should not
//! advertise as they do.
//!
//! [`Conflict`] decides for one address, [`Ears`] hear. A MASTER listens to nothing but what others
//! say of its addresses; who is not MASTER listens to nobody. After something was heard nobody
//! listens for a second: a flood wakes us twice a second and interface, not more.

mod ears;
mod inherit;
mod program;
mod tell;

use super::announcer::Burst;
use super::{Daemon, Object, Source};
use crate::config::{Config, VipConflict};
use crate::vrrp::conflict::{Action, Conflict, Event};
use crate::vrrp::duplicate::Duplicate;
use crate::vrrp::time::Instant;
use crate::vrrp::StateName;
use crate::wire::announce::Announcement;
use crate::wire::claim::{Claim, Question};
use crate::wire::Family;
use ears::{Change, Ears};
use mio::unix::SourceFd;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;
pub(super) use tell::mac_text;
use tell::Quiet;

/// How long we wait for the MAC address of somebody whom we have asked for it.
const PATIENCE: Duration = Duration::from_secs(2);
/// Those who are asked for their MAC addresses at a time.
const SUSPECTS: usize = 64;

/// An address of a virtual router.
struct Watch {
    router: usize,
    /// Where it is heard, by number.
    ears: usize,
    /// A virtual one, or the one that the adverts come from; `None` if there is none.
    address: Option<IpAddr>,
    /// Adverts come from it. Whoever else has it does not hear them, nor we its: the kernel drops
    /// what seems to come from itself.
    is_source: bool,
    conflict: Conflict,
    /// The conflict was told of.
    told: bool,
}

/// Somebody who should not advertise as it does, whose MAC address is wanted.
struct Suspect {
    router: usize,
    kind: Duplicate,
    address: IpAddr,
    /// Where it is asked for, by number; nowhere with `vip_conflict` off.
    ears: Option<usize>,
    mac: Option<[u8; 6]>,
    /// It is told of then at the latest; `None` when it was.
    until: Option<Instant>,
}

/// All of it.
#[derive(Default)]
pub struct Duplicates {
    /// In the order of their virtual routers.
    watches: Vec<Watch>,
    /// The first of each virtual router.
    first: Vec<usize>,
    /// The numbers of all, in the order of ears and address.
    by_address: Vec<usize>,
    /// Some address is another one: that order is to be made anew.
    unordered: bool,
    ears: Vec<Ears>,
    /// Those whose filters may have to change.
    dirty: Vec<bool>,
    /// Where each virtual router would ask for a peer, by number.
    home: Vec<Option<usize>>,
    suspects: Vec<Suspect>,
    /// Addresses that somebody is to be asked for, and where.
    questions: Vec<(usize, IpAddr)>,
    /// Something has to be done at the end of the turn.
    changed: bool,
    /// Some ears are ready to be read.
    heard: bool,
    actions: Vec<Action>,
    quiet: Quiet,
    /// Sockets that nobody needs any more: closing them would take too long.
    retired: Vec<Ears>,
}

impl Duplicates {
    fn of_router(&self, router: usize) -> Range<usize> {
        let at = |router: usize| self.first.get(router).copied().unwrap_or(self.watches.len());
        at(router)..at(router + 1)
    }

    fn ears_of(&mut self, link: usize, family: Family) -> usize {
        let same = |ears: &Ears| (ears.link, ears.family) == (link, family);
        self.ears.iter().position(same).unwrap_or_else(|| {
            self.ears.push(Ears::new(link, family));
            self.dirty.push(false);
            self.ears.len() - 1
        })
    }

    /// An interface has changed, or its MAC address.
    pub fn link_changed(&mut self, link: usize) {
        for (ears, dirty) in self.ears.iter().zip(&mut self.dirty) {
            if ears.link == link {
                (*dirty, self.changed) = (true, true);
            }
        }
    }

    /// These ears can be read.
    pub fn ready(&mut self, ears: usize) {
        if let Some(it) = self.ears.get_mut(ears) {
            (it.ready, self.heard) = (true, true);
        }
    }

    /// When something is to be done at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        let watches = self.watches.iter().filter_map(|it| it.conflict.deadline());
        let ears = self.ears.iter().filter_map(|it| it.paused_until);
        watches.chain(ears).chain(self.suspects.iter().filter_map(|it| it.until)).min()
    }

    /// The watches of an address that is heard there.
    fn watches_of(&self, ears: usize, address: IpAddr) -> Range<usize> {
        let key = |number: &usize| (self.watches[*number].ears, self.watches[*number].address);
        let wanted = (ears, Some(address));
        let first = self.by_address.partition_point(|number| key(number) < wanted);
        let rest = self.by_address.get(first..).unwrap_or_default();
        first..first + rest.partition_point(|number| key(number) == wanted)
    }

    fn put_in_order(&mut self) {
        if std::mem::take(&mut self.unordered) {
            let watches = &self.watches;
            self.by_address = (0..watches.len()).collect();
            let key = |number: &usize| (watches[*number].ears, watches[*number].address);
            self.by_address.sort_unstable_by_key(key);
        }
    }

    /// The address that a virtual router advertises from. A conflict about the one before is forgotten.
    pub fn source_is(&mut self, router: usize, source: Option<IpAddr>) {
        let of_router = self.of_router(router);
        let Some(it) = self.watches[of_router].iter_mut().find(|it| it.is_source) else { return };
        if it.address != source {
            it.address = source;
            it.conflict.forget();
            self.dirty[it.ears] = true;
            (self.unordered, self.changed) = (true, true);
        }
    }

    /// What is to be heard there: the addresses of MASTERs, and of whom we look for.
    fn addresses_of(&self, ears: usize) -> Vec<IpAddr> {
        let ours = self.watches.iter().filter(|it| it.ears == ears && it.conflict.listens());
        let wanted = |it: &&Suspect| it.ears == Some(ears) && it.until.is_some();
        let suspects = self.suspects.iter().filter(wanted).map(|it| it.address);
        let mut all: Vec<IpAddr> = ours.filter_map(|it| it.address).chain(suspects).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Daemon {
    /// Makes the tables, when all virtual routers are there.
    pub(super) fn add_duplicates(&mut self, config: &Config) {
        let Self { duplicates: it, routers, addresses, .. } = self;
        for (number, router) in routers.iter().enumerate() {
            it.first.push(it.watches.len());
            let asked = config.vrrp_instance.get(router.instance).map(|from| from.vip_conflict);
            let probes = match asked.unwrap_or_default() {
                VipConflict::Off => {
                    it.home.push(None);
                    continue;
                }
                VipConflict::Detect => false,
                VipConflict::Probe => true,
            };
            let family = router.core.family();
            let home = it.ears_of(router.link, family);
            it.home.push(Some(home));
            for vip in &router.vips {
                let (link, address) = addresses.get(*vip);
                // Those that are not advertised may be of the other family.
                let ears = it.ears_of(link, Family::of(address));
                let (conflict, told) = (Conflict::new(probes), false);
                let (address, is_source) = (Some(address), false);
                it.watches.push(Watch { router: number, ears, address, is_source, conflict, told });
            }
            let (router, ears, address, is_source) = (number, home, None, true);
            let (conflict, told) = (Conflict::new(false), false);
            it.watches.push(Watch { router, ears, address, is_source, conflict, told });
        }
        it.unordered = true;
    }

    /// A virtual router has changed its state.
    pub(super) fn watch_addresses_of(&mut self, router: usize, state: StateName) {
        let interval = self.routers[router].core.settings().advert_int.duration();
        let event = match state {
            StateName::Master => Event::Master { interval },
            StateName::Init | StateName::Backup | StateName::Fault => Event::NotMaster,
        };
        for watch in self.duplicates.of_router(router) {
            let it = &mut self.duplicates;
            let (ears, before) = (it.watches[watch].ears, it.watches[watch].conflict.listens());
            self.conflict_event(watch, event);
            let it = &mut self.duplicates;
            it.dirty[ears] |= it.watches[watch].conflict.listens() != before;
        }
    }

    fn conflict_event(&mut self, watch: usize, event: Event) {
        let it = &mut self.duplicates;
        it.changed = true;
        let mut actions = std::mem::take(&mut it.actions);
        it.watches[watch].conflict.handle(self.now, event, &mut actions);
        for action in actions.drain(..) {
            match action {
                Action::Ask => {
                    let it = &mut self.duplicates;
                    let Watch { ears, address, .. } = it.watches[watch];
                    it.questions.extend(address.map(|address| (ears, address)));
                }
                Action::Announce => self.announce_again(watch),
                Action::Begin(claimed) => self.tell_of_conflict(watch, claimed),
                Action::Over(claimed) => self.tell_of_end(watch, claimed),
            }
        }
        self.duplicates.actions = actions;
    }

    fn announce_again(&mut self, watch: usize) {
        let it = &self.duplicates.watches[watch];
        let link = self.links.get(self.duplicates.ears[it.ears].link);
        let (Some(index), Some(mac)) = (link.index, link.mac) else { return };
        let Some(address) = it.address else { return };
        let announcement = Announcement::new(mac, address, link.forwarding);
        let mut bursts = Vec::new();
        Burst::collect(&mut bursts, index, &announcement);
        bursts.iter().for_each(|burst| self.announcer.add(burst));
        self.flush_announcements();
    }

    /// Reads the ears that are ready. By now every packet of this turn was heard: a peer that takes
    /// over is known.
    pub(super) fn hear_claims(&mut self) {
        if !std::mem::take(&mut self.duplicates.heard) {
            return;
        }
        for ears in 0..self.duplicates.ears.len() {
            if self.duplicates.ears[ears].ready {
                self.hear(ears);
            }
        }
    }

    fn hear(&mut self, ears: usize) {
        let Some(mut inbox) = self.inbox.take() else { return };
        self.duplicates.put_in_order();
        let it = &mut self.duplicates.ears[ears];
        let fd = it.fd().filter(|_| it.paused_until.is_none());
        let mut claims = Vec::new();
        it.read(self.now, &mut inbox, |claim| claims.push(claim));
        self.inbox = Some(inbox);
        self.duplicates.changed = true;
        if let Some(fd) = fd {
            // A failure would mean that it is not watched.
            let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
        }
        for claim in claims {
            self.claimed(ears, claim);
        }
    }

    fn claimed(&mut self, ears: usize, claim: Claim) {
        let Claim { address, mac } = claim;
        // A virtual MAC address of ours, or another interface that answers for it.
        if self.links.has_mac(mac) {
            return;
        }
        let mut source_is_told = false;
        for at in self.duplicates.watches_of(ears, address) {
            let watch = self.duplicates.by_address[at];
            let it = &self.duplicates.watches[watch];
            // Many virtual routers advertise from one address: one of them is told.
            let again = it.is_source && it.conflict.listens() && source_is_told;
            source_is_told |= it.is_source && it.conflict.listens();
            if !again {
                self.conflict_event(watch, Event::Claim(mac));
            }
        }
        for suspect in 0..self.duplicates.suspects.len() {
            let it = &mut self.duplicates.suspects[suspect];
            if it.ears == Some(ears) && it.address == address && it.until.take().is_some() {
                it.mac = Some(mac);
                self.duplicates.dirty[ears] = true;
                self.tell_who(suspect);
            }
        }
    }

    /// Somebody should not advertise as it does: its MAC address is asked for.
    pub(super) fn suspect(&mut self, router: usize, kind: Duplicate, address: IpAddr) {
        let it = &mut self.duplicates;
        it.suspects.retain(|known| (known.router, known.kind) != (router, kind));
        if it.suspects.len() >= SUSPECTS {
            return;
        }
        let ears = it.home.get(router).copied().flatten();
        let until = Some(self.now + ears.map_or(Duration::ZERO, |_| PATIENCE));
        it.suspects.push(Suspect { router, kind, address, ears, mac: None, until });
        it.changed = true;
        if let Some(ears) = ears {
            it.dirty[ears] = true;
            it.questions.push((ears, address));
        }
    }

    /// What is due.
    pub(super) fn duplicates_due(&mut self) {
        let now = self.now;
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let due = |it: &Watch| is_due(it.conflict.deadline());
        let due: Vec<usize> = (0..self.duplicates.watches.len())
            .filter(|watch| due(&self.duplicates.watches[*watch]))
            .collect();
        // What was said before a question is no answer to it.
        for ears in 0..self.duplicates.ears.len() {
            let it = &self.duplicates.ears[ears];
            if it.paused_until.is_some() && !due.is_empty() {
                self.hear(ears);
            }
        }
        for watch in due {
            self.conflict_event(watch, Event::Timer);
        }
        for suspect in 0..self.duplicates.suspects.len() {
            let it = &mut self.duplicates.suspects[suspect];
            if is_due(it.until) {
                it.until = None;
                if let Some(ears) = it.ears {
                    self.duplicates.dirty[ears] = true;
                }
                self.tell_who(suspect);
            }
        }
        for ears in 0..self.duplicates.ears.len() {
            let it = &mut self.duplicates.ears[ears];
            if is_due(it.paused_until) {
                it.paused_until = None;
                if let Some(fd) = it.fd() {
                    self.listen(ears, fd);
                }
            }
        }
        self.duplicates.changed = true;
    }

    fn listen(&mut self, ears: usize, fd: i32) {
        if let Err(error) = self.watch(fd, Source::Ears(ears)) {
            log::error!("cannot hear of others that have our addresses: {error}");
        }
    }

    /// At the end of a turn, when all that is urgent is done: the filters, then the questions, so that
    /// the answers are heard.
    pub(super) fn settle_duplicates(&mut self) {
        if !std::mem::take(&mut self.duplicates.changed) {
            return;
        }
        self.touch(Object::Duplicates);
        if self.stopping.is_some() {
            return;
        }
        for ears in 0..self.duplicates.ears.len() {
            if std::mem::take(&mut self.duplicates.dirty[ears]) {
                self.set_filter(ears);
            }
        }
        self.ask_for_addresses();
    }

    fn set_filter(&mut self, ears: usize) {
        let addresses = self.duplicates.addresses_of(ears);
        let it = &mut self.duplicates.ears[ears];
        let link = self.links.get(it.link);
        match it.listen((&link.name, link.index, link.mac), addresses) {
            Change::None => {}
            Change::Opened(fd) => self.listen(ears, fd),
            Change::Failed(error) => {
                let name = &link.name;
                log::error!("cannot hear of others that have our addresses on {name}: {error}");
            }
        }
    }

    fn ask_for_addresses(&mut self) {
        let mut bursts = Vec::new();
        for (ears, address) in self.duplicates.questions.drain(..) {
            let link = self.links.get(self.duplicates.ears[ears].link);
            let (Some(index), Some(mac)) = (link.index, link.mac) else { continue };
            Burst::add(&mut bursts, index, Question::new(mac, address).bytes());
        }
        bursts.iter().for_each(|burst| self.announcer.send_now(burst));
    }
}
