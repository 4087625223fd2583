//! Reload (SIGHUP): the new configuration is read and judged as a whole; if it is good, all tables
//! are made anew, exactly as at a start, and everything that has a counterpart in the old ones takes
//! over what that remembers. So there is one way from a configuration to tables, and a reload
//! comes to what a restart would come to, without anybody outside noticing.
//!
//! ```text
//!   read ──▶ errors: told, nothing changes
//!     │
//!   whoever is no more resigns, with the old tables
//!   old tables taken out; build(config)
//!   inherit: links, sockets, macvlans, addresses, routes, filter, trackers, scripts, instances
//!   resume: each virtual router goes on where its predecessor was
//!   what is held and nobody wants any more goes
//! ```
//!
//! All numbers are new then. What keeps a number across a reload has to be told its new one.

mod changes;
mod diff;
mod heirs;
mod network;
mod old;
mod resume;
mod telling;
mod tracking;

use super::load::Load;
use super::{now, Daemon, Happened};
use crate::config::error::Report;
use crate::config::Config;
use crate::vrrp::reason::Span;
use heirs::Heirs;
use log::Level;
use mio::Events;
use old::Old;
use std::time::Duration;

/// A reload begins when nothing is due for so long: most are over then.
const ROOM: Duration = Duration::from_millis(3);
/// If there is no such moment, it begins after this time all the same.
const PATIENCE: Duration = Duration::from_millis(100);

impl Daemon {
    /// Somebody wants the configuration read anew.
    pub(super) fn want_reload(&mut self) {
        self.reload_by.get_or_insert(self.now + PATIENCE);
    }

    /// Whether it is time for that: right behind an advert if there are many, not right before one.
    pub(super) fn reload_is_timely(&self) -> bool {
        let Some(by) = self.reload_by.filter(|_| self.stopping.is_none()) else { return false };
        let room = self.wheel.earliest().is_none_or(|next| next > self.now + ROOM);
        room || self.now >= by
    }

    /// Reads the configuration anew and applies what has changed. If anything is wrong with it, all
    /// stays as it is.
    ///
    /// # Errors
    /// What is wrong, for whoever asked.
    pub(super) fn reload(&mut self, events: &mut Events) -> Result<Vec<String>, String> {
        self.reload_by = None;
        let began = now();
        let config = match self.read_anew(events) {
            Ok((Some(_), _)) if self.stopping.is_some() => return Err("stopping".into()),
            Ok((Some(config), report)) => {
                tell(&report, Level::Warn);
                self.skipped = report.skipped();
                config
            }
            Ok((None, report)) => {
                tell(&report, Level::Error);
                log::error!("reload: the configuration stays as it is: see the errors above");
                return Err(report.to_string());
            }
            Err(error) => {
                log::error!("reload: the configuration stays as it is: {error}");
                return Err(error);
            }
        };
        let changes = changes::between(&self.config, &config);
        let group = self.config.global_defs.socket_group.clone();
        self.interrupt_clients();
        self.apply(config);
        self.regroup_control(group.as_deref());
        let took = Span(now().since(began));
        match changes.as_slice() {
            [] => log::info!("reload: {} says nothing new ({took})", self.load.file),
            changes => log::info!("reload: {} ({took})", changes.join("; ")),
        }
        self.history.push(&Happened::daemon("reloaded", &changes.join("; ")));
        Ok(changes)
    }

    /// Reads the configuration file. Whatever is due meanwhile is done.
    ///
    /// # Errors
    /// A sentence for a person, if the file cannot be read at all.
    pub(super) fn read_anew(
        &mut self,
        events: &mut Events,
    ) -> Result<(Option<Config>, Report), String> {
        let load = self.load.clone();
        self.read_file(&load, events)
    }

    fn read_file(
        &mut self,
        load: &Load,
        events: &mut Events,
    ) -> Result<(Option<Config>, Report), String> {
        load.read_in_steps(&mut || {
            // What goes wrong there will in the next turn as well.
            let _ = self.turn(events, Some(Duration::ZERO));
        })
    }

    /// Puts a configuration in force that has passed every check.
    fn apply(&mut self, config: Config) {
        self.now = now();
        let heirs = Heirs::of_routers(self, &config);
        self.resign_without_heir(&heirs, &config);
        let mut old = Old::take(self);
        self.build(&config);
        self.make_room_in_log();
        self.config = config;
        self.inherit(&mut old, heirs);
        self.state.changed = true;
        self.file_everything();
        self.finish_turn();
    }

    fn inherit(&mut self, old: &mut Old, mut heirs: Heirs) {
        self.inherit_links(old, &mut heirs);
        self.inherit_nets(old, &heirs);
        self.inherit_vmacs(old, &heirs);
        self.inherit_addresses(old, &heirs);
        self.inherit_fib(old, &heirs);
        self.inherit_instances(old, &mut heirs);
        self.inherit_trackers(old, &mut heirs);
        self.inherit_telling(old, &mut heirs);
        self.rename_children(&heirs);
        self.resume(old, &heirs);
        let routers = old.routers.iter().zip(heirs.routers.iter().copied());
        self.inherit_duplicates(&mut old.duplicates, &heirs.links, routers);
        self.start_sensing(&heirs);
        self.go_on_with_telling(&heirs);
    }
}

/// What was said about a configuration, for the log.
fn tell(report: &Report, level: Level) {
    for line in report.to_string().lines() {
        log::log!(level, "{line}");
    }
}
