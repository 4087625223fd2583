//! Signals, and the way to a clean end.

use super::children::Owner;
use super::{Daemon, Happened, Object};
use crate::vrrp::event::Event;
use signal_hook::consts::{SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::low_level::signal_name;
use std::time::Duration;

/// How long the scripts may take when we stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

impl Daemon {
    pub(super) fn read_signals(&mut self) {
        loop {
            match self.signals.read() {
                Ok(Some(signal)) => self.signal(signal.signo),
                Ok(None) => return,
                Err(error) => {
                    log::error!("cannot read signals: {error}");
                    return;
                }
            }
        }
    }

    fn signal(&mut self, signal: i32) {
        let name = signal_name(signal).unwrap_or("signal");
        match signal {
            SIGTERM | SIGINT if self.stopping.is_some() => {
                log::warn!("{name} again: not waiting for scripts any more");
                self.stop_overdue();
            }
            SIGTERM | SIGINT => self.stop(name),
            SIGHUP if self.stopping.is_some() => log::info!("{name}: no use for it while stopping"),
            SIGHUP => self.want_reload(),
            SIGUSR1 => self.log_status(),
            SIGUSR2 => self.want_upgrade(),
            _ => log::info!("{name}: no use for it"),
        }
    }

    /// Resigns wherever we are MASTER, takes the addresses off, and lets the scripts know.
    pub(super) fn stop(&mut self, name: &str) {
        log::info!("{name}: stopping");
        self.history.push(&Happened::daemon("stopping", name));
        self.stopping = Some(self.now + STOP_TIMEOUT);
        // Who is killed while scripts are waited for has resigned all the same.
        self.state.remove();
        self.touch(Object::Stop);
        self.touch(Object::Fifos);
        for router in 0..self.routers.len() {
            self.feed(router, Event::Shutdown);
        }
        for script in 0..self.scripts.len() {
            self.children.signal(Owner::Check(script), SIGTERM);
            self.touch(Object::Check(script));
        }
    }

    /// We have waited long enough for the scripts.
    pub(super) fn stop_overdue(&mut self) {
        if self.stopping.is_none() {
            return;
        }
        let running: Vec<Owner> = self.children.owners().collect();
        for owner in running {
            if let Owner::Notify(teller) = owner {
                let name = &self.tellers[teller].name;
                log::error!("{name}: a notify script is still running: killing it");
            }
            self.children.signal(owner, SIGKILL);
        }
        self.let_all_move();
        self.stopping = Some(crate::vrrp::time::Instant::ZERO);
    }

    /// The end of a run whose state the next one takes over, as if this one had been killed: scripts
    /// that are running end with us.
    pub(super) fn keep_everything(&mut self) {
        self.history.push(&Happened::daemon("stopping", "addresses and states stay"));
        self.history.save(self.now);
        let lines = self.state_lines();
        self.state.write(self.now, &lines, super::now);
        self.state.beat(self.now);
    }

    /// All is done that was to be done before the end.
    pub(super) fn stopped(&mut self) -> bool {
        if self.control.keep {
            return true;
        }
        let Some(until) = self.stopping else { return false };
        let late = self.now >= until;
        let told = self.tellers.iter().all(|it| it.queue.is_idle()) && self.pres_are_idle();
        if !(late || told && self.fifos_closed()) {
            return false;
        }
        self.close_fifos();
        self.release_fixed();
        // Checks that did not heed SIGTERM must not outlive us.
        let left: Vec<Owner> = self.children.owners().collect();
        for owner in left {
            self.children.signal(owner, SIGKILL);
        }
        self.vmacs.remove_all(&self.links);
        true
    }
}
