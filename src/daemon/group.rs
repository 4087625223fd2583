//! Groups: the virtual routers of a vrrp_sync_group, or the two of one instance. What they decide
//! together is carried out in the turn that brought it about.

use super::notify::{News, Told};
use super::{Daemon, Happened};
use crate::vrrp::event::{Action, Event};
use crate::vrrp::group::{decide, Command, Stand};
use crate::vrrp::reason::Span;
use crate::vrrp::StateName;

/// More commands than this in one turn would mean that they contradict each other.
const ROUNDS: usize = 8;

/// A group.
pub struct Group {
    /// The name of the vrrp_sync_group; the virtual routers of one instance need none.
    pub name: Option<String>,
    /// Its virtual routers.
    pub routers: Vec<usize>,
    /// Its instances.
    pub instances: Vec<usize>,
    /// The state of all instances, when last they had the same.
    pub state: StateName,
    /// Whom changes are told.
    pub teller: Option<usize>,
    /// The virtual router that made the others do what they did last.
    pub cause: Option<usize>,
    /// One of them has moved.
    pub moved: bool,
    /// Who of them has won a contest in this turn.
    pub winners: Vec<usize>,
}

impl Daemon {
    /// A virtual router of a group has been at work: has it moved, as far as the group can see?
    pub(super) fn watch_group(&mut self, group: usize, router: usize) {
        let it = &mut self.routers[router];
        let stand = it.core.stand();
        let moved = std::mem::replace(&mut it.stand, stand) != stand;
        let won = |action: &Action| matches!(action, Action::LowerPriority { .. });
        let won = self.actions.iter().any(won);
        if moved || won {
            let group = &mut self.groups[group];
            group.moved |= moved;
            if won && !group.winners.contains(&router) {
                group.winners.push(router);
            }
            self.groups_moved = true;
        }
    }

    /// Lets every group decide in which something has moved.
    pub(super) fn settle_groups(&mut self) {
        if !std::mem::take(&mut self.groups_moved) {
            return;
        }
        for group in 0..self.groups.len() {
            self.announce_with_winners(group);
            for _ in 0..ROUNDS {
                if !std::mem::take(&mut self.groups[group].moved) {
                    break;
                }
                let Self { groups, routers, .. } = self;
                let stands = groups[group].routers.iter().map(|router| routers[*router].stand);
                if let Some(command) = decide(stands) {
                    self.command(group, command);
                }
            }
        }
        self.groups_moved = false;
    }

    /// Somebody has won a contest and has announced its addresses: so do the others.
    fn announce_with_winners(&mut self, group: usize) {
        if self.groups[group].winners.is_empty() {
            return;
        }
        for at in 0..self.groups[group].routers.len() {
            let router = self.groups[group].routers[at];
            if !self.groups[group].winners.contains(&router) {
                self.feed(router, Event::Group(Command::Announce));
            }
        }
        self.groups[group].winners.clear();
    }

    fn command(&mut self, group: usize, command: Command) {
        let cause = match command {
            Command::Backup { .. } => Some(Stand::Follows),
            Command::Fault => Some(Stand::Fault),
            Command::Master | Command::Recover | Command::Announce => None,
        };
        let it = &self.groups[group];
        let is_cause = |router: &&usize| Some(self.routers[**router].stand) == cause;
        self.groups[group].cause = it.routers.iter().find(is_cause).copied();
        for at in 0..self.groups[group].routers.len() {
            let router = self.groups[group].routers[at];
            self.feed(router, Event::Group(command));
        }
    }

    /// An instance has changed its state. Its group has when all of its instances have.
    pub(super) fn group_transition(&mut self, instance: usize, why: &str) {
        let Some(group) = self.instances[instance].group else { return };
        let to = self.instances[instance].state;
        let it = &mut self.groups[group];
        let all = it.instances.iter().all(|member| self.instances[*member].state == to);
        let (Some(name), Some(teller), true) = (&it.name, it.teller, all && it.state != to) else {
            return;
        };
        let previous = std::mem::replace(&mut it.state, to);
        let why = format!("{}: {why}", self.instances[instance].name);
        log::info!("group {name}: {previous} -> {to}: {why}");
        self.history.push(&Happened {
            event: "group",
            name,
            from: previous.as_str().into(),
            to: to.as_str().into(),
            reason: &why,
            peer: None,
            late_by: None,
        });
        let told = match to {
            StateName::Init if self.stopping.is_some() => Told::Stop,
            // A reload has removed it, and all its instances.
            StateName::Init => Told::State(StateName::Fault),
            StateName::Backup | StateName::Master | StateName::Fault => Told::State(to),
        };
        let priority = crate::wire::Priority(0);
        self.notify(teller, News { told, previous, priority, reason: why });
    }

    /// Why a group has made one of its virtual routers do something: who was the cause of it.
    pub(super) fn explain_group(&self, router: usize) -> Option<String> {
        let group = &self.groups[self.routers[router].group?];
        let cause = group.cause.filter(|cause| *cause != router)?;
        let it = &self.instances[self.routers[cause].instance];
        Some(match group.name {
            Some(_) => format!("with {} of its group: {}", it.name, it.reason),
            None => format!("with {}", self.routers[cause].core.family()),
        })
    }

    /// A virtual router would be MASTER, and its group keeps it from that.
    pub(super) fn tell_of_wait(&self, router: usize, silent: Span) {
        let (name, why) = (self.router_name(router), self.explain_wait(router));
        let core = &self.routers[router].core;
        match core.master().filter(|heard| heard.priority < core.effective_priority()) {
            Some(weaker) => log::warn!(
                "{name}: only {} with priority {} is MASTER, less than ours, but {why}: it stays \
                 BACKUP",
                weaker.address,
                weaker.priority
            ),
            None => log::warn!(
                "{name}: has no MASTER, nothing was heard for {silent}, but {why}: it stays BACKUP"
            ),
        }
    }

    /// Who of its group follows another MASTER while a virtual router would be one.
    fn explain_wait(&self, router: usize) -> String {
        let group = self.routers[router].group.map(|group| &self.groups[group]);
        let routers = group.map_or(&[][..], |group| &group.routers);
        let follows = |other: &&usize| self.routers[**other].stand == Stand::Follows;
        let Some(other) = routers.iter().find(follows) else {
            return "its group cannot be MASTER as a whole".to_owned();
        };
        let name = self.router_name(*other);
        match self.routers[*other].core.master() {
            Some(master) => format!(
                "{name} of its group follows {} with priority {}",
                master.address, master.priority
            ),
            None => format!("{name} of its group follows another MASTER"),
        }
    }
}
