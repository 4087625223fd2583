//! `notify_master_pre` and `notify_backup_pre`: scripts that end, or run out of time, before the
//! addresses move. The decision has been made then, and adverts are not held up: only what a turn
//! wants done with the addresses waits here.
//!
//! Against two holders of an address: who becomes MASTER advertises meanwhile, so that the old one
//! lets go before we take. Who leaves waits only where nobody else has the addresses yet, never
//! longer than a peer waits for adverts, and no more once somebody else advertises.

use super::children::{Ended, Owner};
use super::command::{Runnable, Runnables};
use super::notify::{News, Told};
use super::shortage::Lack;
use super::{Daemon, Object};
use crate::config::{Config, Notify, VrrpInstance};
use crate::sys::process::Exit;
use crate::vrrp::check::KILL_DELAY;
use crate::vrrp::event::Action;
use crate::vrrp::reason::{Fault, Reason, Span};
use crate::vrrp::time::Instant;
use crate::vrrp::StateName;
use crate::wire::Priority;
use signal_hook::consts::{SIGKILL, SIGTERM};
use std::time::Duration;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// `notify_master_pre`
    Master,
    /// `notify_backup_pre`
    Backup,
}

impl Which {
    const BOTH: [Self; 2] = [Self::Master, Self::Backup];

    const fn keyword(self) -> &'static str {
        match self {
            Self::Master => "notify_master_pre",
            Self::Backup => "notify_backup_pre",
        }
    }
}

/// The scripts of all instances, and what waits for them.
#[derive(Default)]
pub struct Pres {
    /// One for each instance; none at all if no instance has such a script.
    of: Vec<Pre>,
    /// Something waits no more.
    ready: bool,
    /// Whose addresses have moved, so that the other scripts may run.
    moved: Vec<usize>,
}

struct Pre {
    hooks: [Hook; 2],
    timeout: Duration,
    held: Vec<Held>,
}

struct Hook {
    script: Option<Runnable>,
    running: Option<Running>,
}

#[derive(Clone, Copy)]
struct Running {
    /// When it is told to end, and then killed.
    deadline: Instant,
    terminated: bool,
}

/// What a virtual router wants done with its addresses.
struct Held {
    router: usize,
    which: Which,
    actions: Vec<Action>,
    until: Instant,
    ready: bool,
}

impl Pre {
    fn new(name: &str, from: &Notify, runnables: &mut Runnables<'_>) -> Self {
        let mut hook = |command: &Option<crate::config::Command>| {
            let ready = command.as_ref().map(|command| runnables.get(command)).transpose();
            let script = ready.unwrap_or_else(|error| {
                log::error!("{name}: notify script: {error}");
                None
            });
            Hook { script, running: None }
        };
        let hooks = [hook(&from.notify_master_pre), hook(&from.notify_backup_pre)];
        Self { hooks, timeout: from.notify_pre_timeout, held: Vec::new() }
    }

    fn holds(&mut self, router: usize, which: Which) -> Option<&mut Held> {
        self.held.iter_mut().find(|it| (it.router, it.which) == (router, which))
    }

    fn take(&mut self, router: usize, which: Which) -> Option<Held> {
        let at = self.held.iter().position(|it| (it.router, it.which) == (router, which))?;
        Some(self.held.remove(at))
    }
}

/// What comes of a turn's actions.
#[derive(Default)]
pub struct Moves {
    /// These are carried out.
    pub now: Vec<(usize, Action)>,
    /// These had waited for addresses that never came.
    pub dropped: Vec<(usize, Action)>,
}

impl Pres {
    /// Takes over from those before a reload: what runs, and what waits for it, with its new numbers.
    /// Returns what nothing is to be waited for any more.
    pub fn inherit(
        &mut self,
        old: Self,
        instances: &[Option<usize>],
        routers: &[Option<usize>],
    ) -> Vec<(usize, Action)> {
        let mut free = Vec::new();
        for (number, before) in old.of.into_iter().enumerate() {
            let heir = instances.get(number).copied().flatten();
            let heir = heir.and_then(|heir| self.of.get_mut(heir));
            let held = before.held.into_iter().filter_map(|held| {
                Some(Held { router: routers.get(held.router).copied().flatten()?, ..held })
            });
            match heir {
                Some(heir) => {
                    heir.held = held.collect();
                    for (hook, before) in heir.hooks.iter_mut().zip(&before.hooks) {
                        hook.running = before.running;
                    }
                }
                None => free.extend(held.flat_map(|held| {
                    let router = held.router;
                    held.actions.into_iter().map(move |action| (router, action))
                })),
            }
        }
        self.ready = old.ready;
        free
    }
}

impl Daemon {
    /// Makes the scripts of all instances ready.
    pub(super) fn add_pres(&mut self, config: &Config, runnables: &mut Runnables<'_>) {
        let instances = &config.vrrp_instance;
        let has = |it: &Notify| it.notify_master_pre.is_some() || it.notify_backup_pre.is_some();
        if instances.iter().any(|it| has(&it.notify)) {
            let pre = |it: &VrrpInstance| Pre::new(&it.name, &it.notify, runnables);
            self.pres.of = instances.iter().map(pre).collect();
        }
    }

    /// Whether the scripts of an instance or a group have to wait for addresses to move.
    pub(super) fn moves_are_held(&self, teller: usize) -> bool {
        if self.pres.of.is_empty() {
            return false;
        }
        let held = |at: &usize| self.pres.of.get(*at).is_some_and(|it| !it.held.is_empty());
        held(&teller) || self.tellers[teller].after.iter().any(held)
    }

    /// Keeps back what has to wait, and lets go what has waited long enough.
    pub(super) fn hold_moves(&mut self, actions: Vec<(usize, Action)>) -> Moves {
        let moves = |(_, action): &(usize, Action)| {
            matches!(action, Action::Acquire | Action::Release | Action::Announce { .. })
        };
        if self.pres.of.is_empty() || !(self.pres.ready || actions.iter().any(moves)) {
            return Moves { now: actions, dropped: Vec::new() };
        }
        let mut moves = Moves::default();
        for at in 0..actions.len() {
            let (router, action) = actions[at];
            self.sort_move(router, action, &actions, &mut moves);
        }
        self.pres.ready = false;
        for (instance, pre) in self.pres.of.iter_mut().enumerate() {
            let before = pre.held.len();
            pre.held.retain(|it| {
                if it.ready {
                    moves.now.extend(it.actions.iter().map(|action| (it.router, *action)));
                }
                !it.ready
            });
            if pre.held.len() < before {
                self.pres.moved.push(instance);
            }
        }
        self.touch(Object::Pres);
        moves
    }

    fn sort_move(
        &mut self,
        router: usize,
        action: Action,
        all: &[(usize, Action)],
        moves: &mut Moves,
    ) {
        let instance = self.routers[router].instance;
        let acquires = self.pres.of[instance].holds(router, Which::Master);
        match (action, acquires) {
            (Action::Acquire, _) => {
                // Leaving was not over yet: the addresses go, and come again in their order.
                if self.pres.of[instance].take(router, Which::Backup).is_some() {
                    moves.now.push((router, Action::Release));
                }
                let timeout = self.pres.of[instance].timeout;
                if self.wait_for(Which::Master, router, all) {
                    self.hold(router, Which::Master, action, self.now + timeout);
                    return;
                }
            }
            (Action::Announce { .. }, Some(held)) => {
                held.actions.retain(|action| *action == Action::Acquire);
                held.actions.push(action);
                return;
            }
            (Action::Release, Some(_)) => {
                self.pres.of[instance].take(router, Which::Master);
                self.pres.moved.push(instance);
                self.end_hook(instance, Which::Master);
                moves.dropped.push((router, action));
                return;
            }
            (Action::Release | Action::Advertise { priority: Priority::RESIGN, .. }, None) => {
                let patience = self.patience(router, all);
                let starts =
                    self.is_leaving(router, all) && self.wait_for(Which::Backup, router, all);
                if let Some(patience) = patience.filter(|_| starts) {
                    self.hold(router, Which::Backup, action, self.now + patience);
                    return;
                }
            }
            (
                Action::Announce { .. }
                | Action::Advertise { .. }
                | Action::Transition { .. }
                | Action::PriorityChange { .. }
                | Action::LowerPriority { .. }
                | Action::Remark(_),
                _,
            ) => {}
        }
        moves.now.push((router, action));
    }

    fn hold(&mut self, router: usize, which: Which, action: Action, until: Instant) {
        let pre = &mut self.pres.of[self.routers[router].instance];
        match pre.holds(router, which) {
            Some(held) => held.actions.push(action),
            None => {
                let actions = vec![action];
                pre.held.push(Held { router, which, actions, until, ready: false });
            }
        }
    }

    /// Whether one of these actions takes a virtual router out of MASTER.
    fn is_leaving(&self, router: usize, all: &[(usize, Action)]) -> bool {
        self.change(router, all).is_some_and(|(from, ..)| from == StateName::Master)
    }

    fn change(
        &self,
        router: usize,
        all: &[(usize, Action)],
    ) -> Option<(StateName, StateName, Reason)> {
        all.iter().find_map(|(of, action)| match action {
            Action::Transition { from, to, reason } if *of == router => Some((*from, *to, *reason)),
            _ => None,
        })
    }

    /// How long the addresses of one that leaves MASTER may stay; `None` if they go at once: another
    /// is MASTER already, or will be whatever we say. Peers wait for `down_timer_adverts` intervals,
    /// and up to one of them has passed since our last advert.
    fn patience(&self, router: usize, all: &[(usize, Action)]) -> Option<Duration> {
        let (_, _, reason) = self.change(router, all)?;
        match reason {
            Reason::Shutdown
            | Reason::Drained
            | Reason::Fault(Fault::Tracker(_) | Fault::Group) => {}
            Reason::Fault(
                Fault::InterfaceMissing
                | Fault::InterfaceDown
                | Fault::NoVirtualMac
                | Fault::NoPrimaryAddress,
            )
            | Reason::Startup
            | Reason::MasterTimeout { .. }
            | Reason::Resigned { .. }
            | Reason::Preempt { .. }
            | Reason::Owner
            | Reason::HigherPriority { .. }
            | Reason::GreaterAddress { .. }
            | Reason::Stalled { .. }
            | Reason::Suspended { .. }
            | Reason::GroupBackup
            | Reason::Recovered(_) => return None,
        }
        let settings = self.routers[router].core.settings();
        let intervals = u32::from(settings.election.down_timer_adverts).saturating_sub(1);
        let most = settings.advert_int.duration() * intervals;
        let timeout = self.pres.of[self.routers[router].instance].timeout;
        Some(timeout.min(most)).filter(|patience| !patience.is_zero())
    }

    /// Starts the script unless it runs for another virtual router of the instance; false if there
    /// is none to wait for.
    fn wait_for(&mut self, which: Which, router: usize, all: &[(usize, Action)]) -> bool {
        let instance = self.routers[router].instance;
        let name = &self.instances[instance].name;
        let hook = &self.pres.of[instance].hooks[which as usize];
        match hook.running {
            Some(Running { terminated: false, .. }) => return true,
            Some(Running { terminated: true, .. }) => {
                log::warn!("{name}: {} is not run: it has not ended yet", which.keyword());
                return false;
            }
            None => {}
        }
        let Some((previous, to, reason)) = self.change(router, all) else { return false };
        let told = match to {
            StateName::Init => Told::Stop,
            StateName::Backup | StateName::Master | StateName::Fault => Told::State(to),
        };
        let priority = self.routers[router].core.effective_priority();
        let reason = self.explain(router, reason);
        self.start_hook(instance, which, &News { told, previous, priority, reason })
    }

    fn start_hook(&mut self, instance: usize, which: Which, news: &News) -> bool {
        let variables = self.variables(instance, news);
        let variables: Vec<_> = variables.iter().map(|(name, it)| (*name, it.as_str())).collect();
        let (registry, owner) = (self.poll.registry(), owner(instance, which));
        let pre = &mut self.pres.of[instance];
        let hook = &mut pre.hooks[which as usize];
        let Some(script) = &hook.script else { return false };
        let name = &self.instances[instance].name;
        match self.children.start(registry, self.now, owner, script, &[], &variables) {
            Ok(()) => {
                log::debug!("{name}: {} started", which.keyword());
                let deadline = self.now + pre.timeout;
                hook.running = Some(Running { deadline, terminated: false });
                true
            }
            Err(error) => {
                self.shortage.count(Lack::Script);
                log::error!("{name}: {} was not run: {error}", which.keyword());
                false
            }
        }
    }

    /// A script has ended: what waits for it waits no more.
    pub(super) fn pre_ended(&mut self, hook: usize, ended: &Ended) {
        let (instance, which) = (hook / 2, Which::BOTH[hook % 2]);
        let took = Span(self.now.since(ended.started));
        let (name, what) = (&self.instances[instance].name, which.keyword());
        let said = match ended.output.as_str() {
            "" => String::new(),
            output => format!(", it said: {output}"),
        };
        match ended.exit {
            Exit::Code(0) => log::info!("{name}: {what}: done in {took}{said}"),
            _ => log::warn!("{name}: {what}: {} after {took}{said}", ended.exit),
        }
        self.pres.of[instance].hooks[which as usize].running = None;
        self.let_move(|of, held| (of, held.which) == (instance, which));
        self.touch(Object::Pres);
    }

    /// What waits and is meant waits no more.
    fn let_move(&mut self, is_meant: impl Fn(usize, &Held) -> bool) {
        for (instance, pre) in self.pres.of.iter_mut().enumerate() {
            for held in pre.held.iter_mut().filter(|held| is_meant(instance, held)) {
                held.ready = true;
                self.pres.ready = true;
            }
        }
    }

    /// Somebody advertises: the addresses of one that leaves go at once.
    pub(super) fn other_is_heard(&mut self, router: usize) {
        if !self.pres.of.is_empty() {
            self.let_move(|_, held| (held.router, held.which) == (router, Which::Backup));
        }
    }

    /// Nothing waits any more of what these virtual routers want done.
    pub(super) fn let_these_move(&mut self, routers: &[usize]) {
        self.let_move(|_, held| routers.contains(&held.router));
    }

    /// Nothing waits any more.
    pub(super) fn let_all_move(&mut self) {
        self.let_move(|_, _| true);
    }

    /// When the next has waited long enough, or runs too long.
    pub(super) fn pres_due_at(&self) -> Option<Instant> {
        let held = self.pres.of.iter().flat_map(|it| &it.held).map(|it| it.until);
        let hooks = self.pres.of.iter().flat_map(|it| &it.hooks);
        held.chain(hooks.filter_map(|it| it.running).map(|it| it.deadline)).min()
    }

    /// Something has waited long enough, or runs too long.
    pub(super) fn pres_due(&mut self) {
        let now = self.now;
        for (instance, pre) in self.pres.of.iter().enumerate() {
            for held in pre.held.iter().filter(|it| it.until <= now && !it.ready) {
                let (name, what) = (&self.instances[instance].name, held.which.keyword());
                let way = match held.which {
                    Which::Master => "come",
                    Which::Backup => "go",
                };
                log::warn!("{name}: {what} has not ended in time: the addresses {way} without it");
            }
        }
        self.let_move(|_, held| held.until <= now);
        for instance in 0..self.pres.of.len() {
            for which in Which::BOTH {
                let hook = &mut self.pres.of[instance].hooks[which as usize];
                let Some(running) = &mut hook.running else { continue };
                if running.deadline > now {
                    continue;
                }
                running.deadline = now + KILL_DELAY;
                let signal = if running.terminated { SIGKILL } else { SIGTERM };
                running.terminated = true;
                self.children.signal(owner(instance, which), signal);
            }
        }
    }

    /// The addresses that it ran for do not come any more.
    fn end_hook(&mut self, instance: usize, which: Which) {
        let deadline = self.now + KILL_DELAY;
        if let Some(running) = &mut self.pres.of[instance].hooks[which as usize].running {
            *running = Running { deadline, terminated: true };
            self.children.signal(owner(instance, which), SIGTERM);
        }
    }

    /// Something is ready to move.
    pub(super) fn has_ready_moves(&self) -> bool {
        self.pres.ready
    }

    /// Nothing waits, and no such script runs.
    pub(super) fn pres_are_idle(&self) -> bool {
        let idle = |it: &Pre| it.held.is_empty() && it.hooks.iter().all(|it| it.running.is_none());
        self.pres.of.iter().all(idle)
    }

    /// Starts the other scripts of whom addresses have moved.
    pub(super) fn tell_of_moves(&mut self) {
        for instance in std::mem::take(&mut self.pres.moved) {
            self.go_on_telling(instance);
        }
    }
}

const fn owner(instance: usize, which: Which) -> Owner {
    Owner::Pre(2 * instance + which as usize)
}
