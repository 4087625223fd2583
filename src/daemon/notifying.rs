//! Notify scripts: started one after the other, ended when they take too long.

use super::children::{Ended, Owner};
use super::notify::{News, Script};
use super::shortage::{not_started, Lack, RETRY};
use super::teller::{keyword, Notifying};
use super::{Daemon, Object};
use crate::sys::process::Exit;
use crate::sys::shortage;
use crate::vrrp::check::KILL_DELAY;
use crate::vrrp::reason::Span;
use signal_hook::consts::{SIGKILL, SIGTERM};

impl Daemon {
    /// Queues a change of state for the scripts of an instance or a group.
    pub(super) fn notify(&mut self, teller: usize, news: News) {
        self.write_news(teller, &news);
        let it = &mut self.tellers[teller];
        if let Some(skipped) = it.queue.push(news) {
            log::info!(
                "{}: {} is not notified: it was over before the scripts before it had ended",
                it.name,
                skipped.told.as_str()
            );
        }
        self.start_teller(teller);
    }

    /// A MASTER has heard one of lower rank: tells the scripts of its instance, if that is wanted.
    pub(super) fn notify_lower_priority(&mut self, instance: usize, news: News) {
        match self.tellers[instance].scripts.lower_priority {
            Some(_) => self.notify(instance, news),
            None => self.write_news(instance, &news),
        }
    }

    /// What an instance had to wait for is over.
    pub(super) fn go_on_telling(&mut self, instance: usize) {
        self.start_teller(instance);
        if self.tellers[instance].queue.is_idle() {
            self.start_after(instance);
        }
    }

    /// Starts the next script, unless addresses have to move or somebody's scripts to end before.
    pub(super) fn start_teller(&mut self, teller: usize) {
        if self.moves_are_held(teller) {
            return;
        }
        let busy = |before: &usize| !self.tellers[*before].queue.is_idle();
        if self.tellers[teller].after.iter().any(busy) {
            return;
        }
        if let Some((news, script)) = self.tellers[teller].queue.start() {
            let (news, script) = (news.clone(), script);
            self.run_notify(teller, news, script);
        }
    }

    /// Starts a script, or the next if there is none of the kind or it cannot be started; if something
    /// has run out, a moment later: the last state is always told.
    fn run_notify(&mut self, teller: usize, news: News, script: Script) {
        let mut next = Some((news, script));
        while let Some((news, script)) = next.take() {
            if self.start_notify(teller, &news, script) {
                return;
            }
            let queue = &mut self.tellers[teller].queue;
            next = queue.done().map(|(news, script)| (news.clone(), script));
        }
    }

    fn start_notify(&mut self, teller: usize, news: &News, script: Script) -> bool {
        let it = &self.tellers[teller];
        let Some(runnable) = it.scripts.find(news.told, script) else { return false };
        let (state, priority) = (news.told.as_str(), news.priority.to_string());
        let arguments: &[&str] = match script {
            Script::General => &[it.kind, &it.name, state, &priority],
            Script::Specific => &[],
        };
        let variables = self.variables(teller, news);
        let variables: Vec<_> = variables.iter().map(|(name, it)| (*name, it.as_str())).collect();
        let (registry, owner) = (self.poll.registry(), Owner::Notify(teller));
        let started =
            self.children.start(registry, self.now, owner, runnable, arguments, &variables);
        let (now, keyword) = (self.now, keyword(news.told, script));
        let it = &mut self.tellers[teller];
        let waited = it.again_at.take().is_some();
        match started {
            Ok(()) => {
                if waited {
                    log::info!("{}: {keyword} for {state} could be started at last", it.name);
                }
                log::debug!("{}: {keyword} started for {state}", it.name);
                let deadline = now + it.scripts.timeout;
                it.notifying = Some(Notifying { deadline, terminated: false });
                self.touch(Object::Notify(teller));
                true
            }
            Err(error) if shortage::of(&error).is_some() => {
                self.shortage.count(Lack::Script);
                if !waited {
                    let why = not_started(&error);
                    log::error!(
                        "{}: {keyword} for {state}: {why}; trying again every second",
                        it.name
                    );
                }
                it.again_at = Some(now + RETRY);
                self.touch(Object::Notify(teller));
                true
            }
            Err(error) => {
                log::error!("{}: {keyword} for {state} was not run: {error}", it.name);
                false
            }
        }
    }

    /// Tries again to start a script, or a newer one.
    fn notify_again(&mut self, teller: usize) {
        let queue = &mut self.tellers[teller].queue;
        let next = if queue.overtakes() { queue.done() } else { queue.current() };
        let next = next.map(|(news, script)| (news.clone(), script));
        match next {
            Some((news, script)) => self.run_notify(teller, news, script),
            None => self.tellers[teller].again_at = None,
        }
        if self.tellers[teller].queue.is_idle() {
            self.start_after(teller);
        }
    }

    /// What the environment of a script says.
    pub(super) fn variables(&self, teller: usize, news: &News) -> [(&'static str, String); 8] {
        let it = &self.tellers[teller];
        let (interface, vrid) = self.place_of_teller(teller);
        [
            ("VRRP_TYPE", it.kind.to_owned()),
            ("VRRP_NAME", it.name.clone()),
            ("VRRP_STATE", news.told.as_str().to_owned()),
            ("VRRP_PREVIOUS_STATE", news.previous.as_str().to_owned()),
            ("VRRP_PRIORITY", news.priority.to_string()),
            ("VRRP_REASON", news.reason.clone()),
            ("VRRP_INTERFACE", interface),
            ("VRRP_VRID", vrid),
        ]
    }

    /// The interface and the VRID that scripts are told of; a group has none.
    fn place_of_teller(&self, teller: usize) -> (String, String) {
        let router = self.instances.get(teller).and_then(|it| it.routers.first());
        let Some(router) = router.map(|router| &self.routers[*router]) else {
            return Default::default();
        };
        let vrid = router.core.settings().virtual_router_id.to_string();
        (self.links.get(router.link).name.clone(), vrid)
    }

    /// A script takes too long.
    pub(super) fn notify_overdue(&mut self, teller: usize) {
        let it = &mut self.tellers[teller];
        if it.again_at.is_some() {
            self.notify_again(teller);
            return;
        }
        let Some(notifying) = &mut it.notifying else { return };
        if notifying.terminated {
            self.children.signal(Owner::Notify(teller), SIGKILL);
            notifying.deadline = self.now + KILL_DELAY;
            return;
        }
        *notifying = Notifying { deadline: self.now + KILL_DELAY, terminated: true };
        if let Some((news, script)) = it.queue.current() {
            log::error!(
                "{}: {} for {} is still running after {}: ending it (notify_timeout)",
                it.name,
                keyword(news.told, script),
                news.told.as_str(),
                Span(it.scripts.timeout)
            );
        }
        self.children.signal(Owner::Notify(teller), SIGTERM);
    }

    /// A script has ended: its result is logged, and the next one starts.
    pub(super) fn notify_ended(&mut self, teller: usize, ended: &Ended) {
        let took = Span(self.now.since(ended.started));
        let it = &mut self.tellers[teller];
        it.notifying = None;
        self.touched.push(Object::Notify(teller));
        if let Some((news, script)) = it.queue.current() {
            let what = keyword(news.told, script);
            let (name, state) = (&it.name, news.told.as_str());
            let said = match ended.output.as_str() {
                "" => String::new(),
                output => format!(", it said: {output}"),
            };
            match ended.exit {
                Exit::Code(0) => log::info!("{name}: {what} for {state}: done in {took}{said}"),
                _ => log::warn!("{name}: {what} for {state}: {} after {took}{said}", ended.exit),
            }
            self.tell_notified(teller, what, ended);
        }
        let it = &mut self.tellers[teller];
        let next = it.queue.end().map(|(news, script)| (news.clone(), script));
        match next {
            Some((news, script)) => self.run_notify(teller, news, script),
            None => self.start_teller(teller),
        }
        if self.tellers[teller].queue.is_idle() {
            self.start_after(teller);
            // Whoever is told twice, because we are killed before that is written, is told the truth.
            self.state.refresh = true;
        }
    }

    /// The scripts of an instance have ended: those of its group may run.
    fn start_after(&mut self, teller: usize) {
        let group = self.instances.get(teller).and_then(|it| it.group);
        if let Some(next) = group.and_then(|group| self.groups[group].teller) {
            self.start_teller(next);
        }
    }

    pub(super) fn child_ready(&mut self, token: usize) {
        let Some(ended) = self.children.ready(self.poll.registry(), self.now, token) else {
            return;
        };
        match ended.owner {
            Owner::Check(script) => self.check_ended(script, ended),
            Owner::Notify(teller) => self.notify_ended(teller, &ended),
            Owner::Pre(hook) => self.pre_ended(hook, &ended),
            Owner::Fifo(fifo) => self.fifo_script_ended(fifo, &ended),
            Owner::Upgrade => self.rehearsal_ended(&ended),
            Owner::Try(number) => self.try_ended(number, &ended),
            Owner::Nobody => {}
        }
    }
}
