//! Scripts that somebody wants run now: a check, exactly as it runs by itself, but without effect; and
//! notify scripts, in the queue of their instance.

use super::status::unknown;
use super::{Daemon, Doing, Failure};
use crate::daemon::children::{Ended, Owner};
use crate::daemon::notify::{News, Told};
use crate::daemon::shortage::not_started;
use crate::exit;
use crate::json::Object;
use crate::sys::process::Exit;
use crate::vrrp::check::KILL_DELAY;
use crate::vrrp::reason::Span;
use crate::vrrp::time::Instant;
use crate::vrrp::StateName;
use signal_hook::consts::{SIGKILL, SIGTERM};
use std::time::Duration;

/// A run of a check that somebody waits for.
#[derive(Debug)]
pub struct Try {
    /// Which of all such runs it is.
    number: usize,
    name: String,
    timeout: Duration,
    started: Instant,
    terminated: bool,
}

impl Try {
    /// When it is told to end, or killed.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let grace = if self.terminated { KILL_DELAY } else { Duration::ZERO };
        self.started + self.timeout + grace
    }
}

/// The states that notify scripts can be run for.
const STATES: [(&str, Told); 4] = [
    ("MASTER", Told::State(StateName::Master)),
    ("BACKUP", Told::State(StateName::Backup)),
    ("FAULT", Told::State(StateName::Fault)),
    ("STOP", Told::Stop),
];

impl Daemon {
    /// Runs a check for a client.
    pub(super) fn try_check(&mut self, slot: usize, name: &str) -> Result<Doing, Failure> {
        let Some(script) = self.scripts.iter().find(|it| it.name == name) else {
            let names = self.scripts.iter().map(|it| it.name.as_str());
            return Err(unknown("vrrp_script", name, names));
        };
        log::info!("check {name}: {} has it run once more, without effect", self.who(slot));
        let timeout = script.check.settings().timeout;
        self.tries += 1;
        let owner = Owner::Try(self.tries);
        let registry = self.poll.registry();
        let started = script.runnable.as_ref().map_err(Clone::clone).and_then(|runnable| {
            let started = self.children.start(registry, self.now, owner, runnable, &[], &[]);
            started.map_err(|error| not_started(&error))
        });
        match started {
            Ok(()) => Ok(Doing::Check(Try {
                number: self.tries,
                name: name.to_owned(),
                timeout,
                started: self.now,
                terminated: false,
            })),
            Err(error) => {
                let client = self.control.clients[slot].as_mut();
                client.into_iter().for_each(|client| {
                    let mut it = Object::new(&mut client.output);
                    put_run(&mut it, name, (false, None), (&error, ""), Duration::ZERO);
                    drop(it);
                    client.end();
                });
                Ok(Doing::Answering)
            }
        }
    }

    /// A run that somebody waits for has ended.
    pub(in crate::daemon) fn try_ended(&mut self, number: usize, ended: &Ended) {
        let waits = |doing: &Doing| matches!(doing, Doing::Check(it) if it.number == number);
        let clients = self.control.clients.iter();
        let slot =
            clients.enumerate().find(|(_, it)| it.as_ref().is_some_and(|it| waits(&it.doing)));
        let Some((slot, Some(client))) = slot else { return };
        let Doing::Check(it) = &client.doing else { return };
        let took = self.now.since(ended.started);
        let success = ended.exit == Exit::Code(0) && !it.terminated;
        let (name, code) = (it.name.clone(), ended.exit.code());
        let result = match it.terminated {
            true => format!("timed out after {}", Span(it.timeout)),
            false => ended.exit.to_string(),
        };
        let output = ended.output.as_str();
        self.answer(slot, |it| put_run(it, &name, (success, code), (&result, output), took));
    }

    /// A run that somebody waits for may take too long.
    pub(super) fn try_due(&mut self, slot: usize) {
        let now = self.now;
        let Some(client) = &mut self.control.clients[slot] else { return };
        let Doing::Check(it) = &mut client.doing else { return };
        if it.deadline() > now {
            return;
        }
        let signal = if it.terminated { SIGKILL } else { SIGTERM };
        if std::mem::replace(&mut it.terminated, true) {
            // It is killed once.
            it.timeout = Duration::from_secs(u32::MAX.into());
        }
        self.children.signal(Owner::Try(it.number), signal);
    }

    /// Nobody waits for it any more.
    pub(super) fn forget_try(&mut self, doing: &Doing) {
        if let Doing::Check(it) = doing {
            self.children.signal(Owner::Try(it.number), SIGKILL);
        }
    }

    /// Runs the notify scripts of an instance or a group for a state, as if it had come into it.
    pub(super) fn try_notify(
        &mut self,
        slot: usize,
        name: &str,
        state: &str,
    ) -> Result<Doing, Failure> {
        let Some(teller) = self.tellers.iter().position(|it| it.name == name) else {
            let names = self.tellers.iter().map(|it| it.name.as_str());
            return Err(unknown("instance or group", name, names));
        };
        let Some((_, told)) = STATES.iter().find(|(known, _)| known.eq_ignore_ascii_case(state))
        else {
            return Err(unknown("state", state, STATES.iter().map(|(known, _)| *known)));
        };
        let it = &self.tellers[teller];
        if !it.scripts.any_for(*told) {
            let message = format!("{name} has no notify script for {}", told.as_str());
            return Err(Failure::new(exit::USAGE, message));
        }
        if !it.queue.is_idle() {
            let message = format!("the notify scripts of {name} are running now: try again");
            return Err(Failure::new(exit::UNAVAILABLE, message));
        }
        let who = self.who(slot);
        log::info!("{name}: {who} has its notify scripts run for {}", told.as_str());
        let router = self.instances.get(teller).and_then(|it| it.routers.first());
        let news = News {
            told: *told,
            previous: self.state_of_teller(teller),
            priority: router.map_or(crate::wire::Priority(0), |router| {
                self.routers[*router].core.effective_priority()
            }),
            reason: format!("{who} has asked for it"),
        };
        self.tellers[teller].queue.push(news);
        self.start_teller(teller);
        Ok(Doing::Notify { teller, any: false })
    }

    /// The state of an instance or a group.
    fn state_of_teller(&self, teller: usize) -> StateName {
        let group = self.groups.iter().find(|it| it.teller == Some(teller));
        let instance = self.instances.get(teller).map(|it| it.state);
        instance.or(group.map(|it| it.state)).unwrap_or(StateName::Init)
    }

    /// A notify script has ended: who waits for it is told.
    pub(in crate::daemon) fn tell_notified(&mut self, teller: usize, what: &str, ended: &Ended) {
        let took = self.now.since(ended.started);
        for client in self.control.clients.iter_mut().flatten() {
            match &mut client.doing {
                Doing::Notify { teller: it, any } if *it == teller => *any = true,
                _ => continue,
            }
            let (success, code) = (ended.exit == Exit::Code(0), ended.exit.code());
            let said = (ended.exit.to_string(), ended.output.as_str());
            let mut it = Object::new(&mut client.output);
            put_run(&mut it, what, (success, code), (&said.0, said.1), took);
            drop(it);
            client.output.push('\n');
        }
        self.control.more = true;
    }

    /// After a reload: instances and groups have other numbers.
    pub(in crate::daemon) fn rename_waits(&mut self, heirs: &[Option<usize>]) {
        for client in self.control.clients.iter_mut().flatten() {
            if let Doing::Notify { teller, .. } = &mut client.doing {
                // Of one that is gone nothing runs any more.
                *teller = heirs.get(*teller).copied().flatten().unwrap_or(usize::MAX);
            }
        }
    }

    /// Whether the scripts that a client waits for have ended.
    pub(super) fn is_notified(&self, teller: usize) -> bool {
        self.tellers.get(teller).is_none_or(|it| it.queue.is_idle())
    }
}

fn put_run(
    it: &mut Object<'_>,
    name: &str,
    (success, exit): (bool, Option<i32>),
    (result, output): (&str, &str),
    took: Duration,
) {
    it.put("name", name);
    it.put("success", success);
    it.put("exit", exit);
    it.put("result", result);
    it.put("output", output);
    it.put("took", took);
}
