//! What this run would leave, in lines.

use super::legacy::{ADDRESS, ROUTER};
use super::memory;
use super::words::{put, put_if, put_some, put_text};
use crate::daemon::track::Sense;
use crate::daemon::Daemon;
use crate::vrrp::tracker::Verdict;

impl Daemon {
    /// A line for each virtual router, instance, group, tracker, and address that is there.
    pub(in crate::daemon) fn state_lines(&self) -> String {
        let mut lines = String::with_capacity(512 * self.routers.len());
        for it in &self.routers {
            let settings = it.core.settings();
            lines.push_str(ROUTER);
            put_text(&mut lines, "interface", &self.links.get(it.link).name);
            put(&mut lines, "family", settings.family);
            put(&mut lines, "virtual_router_id", settings.virtual_router_id);
            put_text(&mut lines, "instance", &self.instances[it.instance].name);
            memory::write(&it.core.memory(), &mut lines);
            lines.push('\n');
        }
        for (number, it) in self.instances.iter().enumerate() {
            lines.push_str("instance");
            put_text(&mut lines, "name", &it.name);
            put(&mut lines, "state", it.state);
            put(&mut lines, "since", it.since.as_nanos());
            put_text(&mut lines, "reason", &it.reason);
            let told = self.tellers.get(number).is_none_or(|teller| teller.queue.is_idle());
            put_if(&mut lines, "told", told);
            lines.push('\n');
        }
        for it in self.groups.iter().filter(|it| it.name.is_some()) {
            lines.push_str("group");
            put_text(&mut lines, "name", it.name.as_deref().unwrap_or_default());
            put(&mut lines, "state", it.state);
            let told = it.teller.is_none_or(|it| self.tellers[it].queue.is_idle());
            put_if(&mut lines, "told", told);
            lines.push('\n');
        }
        for (link, it) in self.addresses.ours() {
            lines.push_str(ADDRESS);
            put_text(&mut lines, "interface", &self.links.get(link).name);
            put(&mut lines, "address", it.address);
            put(&mut lines, "prefix_len", it.prefix_len);
            put_some(&mut lines, "peer", it.peer);
            lines.push('\n');
        }
        for it in &self.trackers {
            let Sense::Verdict(verdict) = it.sense else { continue };
            lines.push_str("tracker");
            put_text(&mut lines, "label", &it.label());
            put(&mut lines, "verdict", word(verdict));
            lines.push('\n');
        }
        lines
    }

    /// At the end of a turn: the next run will know that we were at work now, and what has changed.
    pub(in crate::daemon) fn keep_state(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        if self.state.due_at().is_some_and(|at| at <= self.now) {
            let lines = self.state_lines();
            self.state.write(self.now, &lines, crate::daemon::now);
        } else if self.state.due_at().is_some() {
            self.touch(crate::daemon::Object::State);
        }
        self.state.beat(self.now);
    }
}

/// A verdict in a word.
pub(super) const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unknown => "unknown",
        Verdict::Up => "up",
        Verdict::Down => "down",
    }
}
