//! Check scripts: their runs, their results, and what these do to the instances that track them.

use super::children::{Ended, Owner};
use super::command::Runnable;
use super::script::{self, LastRun, Script};
use super::shortage::{not_started, Lack};
use super::track::{Kind, Sense, Tracker};
use super::{Daemon, Object};
use crate::config::{ScriptUser, VrrpScript};
use crate::sys::process::Exit;
use crate::sys::shortage;
use crate::vrrp::check::{Action, Check, Event};
use crate::vrrp::reason::Span;
use crate::vrrp::tracker::Verdict;
use signal_hook::consts::{SIGKILL, SIGTERM};

/// Makes a check out of its configuration.
pub(super) fn build(from: &VrrpScript, script_user: Option<&ScriptUser>, tracker: usize) -> Script {
    let runnable = Runnable::new(&from.script, from.user.as_ref().or(script_user));
    if let Err(error) = &runnable {
        log::error!("check {}: {error}; it counts as failed", from.name);
    }
    Script {
        name: from.name.clone(),
        check: Check::new(script::settings(from)),
        runnable,
        tracker,
        only_while: from.only_while,
        last: None,
    }
}

impl Daemon {
    /// Tells the instances where their trackers stand, and starts the checks that are tracked.
    pub(super) fn start_checks(&mut self) {
        let count = self.scripts.len();
        for script in 0..count {
            self.tell_trackers(script);
            if self.trackers[self.scripts[script].tracker].subscribers.is_empty() {
                continue;
            }
            let interval = self.scripts[script].check.settings().interval;
            let (first, phase) = script::start_times(script, count, interval);
            self.check_event(script, Event::Startup { first, phase });
        }
    }

    /// Hands an event to a check and performs what it wants done.
    pub(super) fn check_event(&mut self, script: usize, event: Event) {
        let mut actions = std::mem::take(&mut self.check_actions);
        self.scripts[script].check.handle(self.now, event, &mut actions);
        self.touch(Object::Check(script));
        for action in actions.drain(..) {
            match action {
                Action::Run => self.run_check(script),
                Action::Terminate => self.check_timed_out(script),
                Action::Kill => self.children.signal(Owner::Check(script), SIGKILL),
                Action::Verdict(verdict) => self.verdict(script, verdict),
            }
        }
        self.check_actions = actions;
    }

    fn run_check(&mut self, script: usize) {
        if self.stopping.is_some() {
            return;
        }
        let it = &self.scripts[script];
        let owner = Owner::Check(script);
        let started = match &it.runnable {
            Ok(runnable) => self
                .children
                .start(self.poll.registry(), self.now, owner, runnable, &[], &[])
                .map_err(|error| {
                    // What it would say is not known. That is a failure, too (`fall` is for those that
                    // pass): nobody is to be MASTER because it can no longer look.
                    if shortage::of(&error).is_some() {
                        self.shortage.count(Lack::Script);
                    }
                    not_started(&error)
                }),
            Err(error) => Err(error.clone()),
        };
        if let Err(error) = started {
            self.check_result(script, LastRun::failed(self.now, error));
        }
    }

    fn check_timed_out(&mut self, script: usize) {
        self.children.signal(Owner::Check(script), SIGTERM);
        let it = &mut self.scripts[script];
        let result = format!("timed out after {}", Span(it.check.settings().timeout));
        if it.remember(LastRun::failed(self.now, result)) {
            log::warn!("check {}: {}", it.name, it.last_result());
        }
    }

    pub(super) fn check_ended(&mut self, script: usize, ended: Ended) {
        if self.stopping.is_some() {
            // Whatever it says, it was us who ended it.
            return;
        }
        let run = LastRun {
            success: ended.exit == Exit::Code(0),
            result: ended.exit.to_string(),
            exit: ended.exit.code(),
            took: Some(self.now.since(ended.started)),
            output: ended.output,
            at: self.now,
        };
        self.check_result(script, run);
    }

    fn check_result(&mut self, script: usize, run: LastRun) {
        let success = run.success;
        let it = &mut self.scripts[script];
        // A corpse says nothing new: the timeout was the result.
        if it.check.is_running() && it.remember(run) {
            let level = if success { log::Level::Info } else { log::Level::Warn };
            log::log!(level, "check {}: {}", it.name, it.last_result());
        }
        self.check_event(script, Event::Ended { success });
    }

    fn verdict(&mut self, script: usize, verdict: Verdict) {
        let it = &self.scripts[script];
        let (name, settings) = (&it.name, it.check.settings());
        match verdict {
            Verdict::Up if it.last.as_ref().is_some_and(|last| !last.success) => {
                log::info!("check {name}: counts as fine again (fault_hold is over)");
            }
            Verdict::Up => log::info!("check {name}: is fine now (rise {})", settings.rise),
            Verdict::Down => log::warn!(
                "check {name}: has failed now (fall {}): {}",
                settings.fall,
                it.last_result()
            ),
            Verdict::Unknown => {}
        }
        self.tell_trackers(script);
    }

    fn tell_trackers(&mut self, script: usize) {
        let it = &self.scripts[script];
        let (tracker, verdict) = (it.tracker, it.check.verdict());
        self.trackers[tracker].says = it.last_result();
        self.sense(tracker, Sense::Verdict(verdict));
    }

    /// An instance has changed its state: opens and closes the gates of `only_while`. While any of
    /// the instances that track a check is in the state, it runs.
    pub(super) fn turn_gates(&mut self, instance: usize) {
        for slot in 0..self.instances[instance].trackers.len() {
            let Tracker { kind, subscribers, .. } =
                &self.trackers[self.instances[instance].trackers[slot]];
            let Kind::Script(script) = *kind else { continue };
            let Some(state) = self.scripts[script].only_while else { continue };
            let open = subscribers.iter().any(|it| self.instances[it.instance].state == state);
            self.check_event(script, Event::Gate { open });
        }
    }
}
