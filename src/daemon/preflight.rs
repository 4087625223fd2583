//! What a configuration needs of this host, checked before anything is used: a start fails, and
//! `vipd -t` complains, for the same reasons.

mod routing;

use super::command::{identity, Runnables};
use crate::config::error::{Place, Report};
use crate::config::{Command, Config, Notify, NotifyFifo, TrackFile, Tracked};
use crate::sys::user;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Who may ask has to be somebody.
fn socket_group(config: &Config, report: &mut Report) {
    let Some(group) = &config.global_defs.socket_group else { return };
    let place = config.global_defs.socket_group_place;
    let problem = match user::group_id(group) {
        Ok(Some(_)) => return,
        Ok(None) => format!("there is no group \"{group}\" here"),
        Err(error) => format!("cannot look up group \"{group}\": {error}"),
    };
    report.error(place, problem);
}

/// Adds what is wrong on this host to the report: a missing or unsafe script or user is an error, a
/// missing interface a warning, for it may come.
pub fn check(config: &Config, report: &mut Report) {
    let script_user = config.global_defs.script_user.as_ref();
    let users = config.vrrp_script.iter().filter_map(|script| script.user.as_ref());
    let notified = config
        .vrrp_instance
        .iter()
        .map(|instance| &instance.notify)
        .chain(config.vrrp_sync_group.iter().map(|group| &group.notify))
        .flat_map(Notify::commands)
        .chain(fifos(config).filter_map(|fifo| fifo.script.as_ref()));
    let own = notified.clone().filter_map(|command| command.user.as_ref());
    let readers = fifos(config).filter_map(|fifo| fifo.user.as_ref());
    for user in users.chain(script_user).chain(own).chain(readers) {
        if let Err(error) = identity(user) {
            report.error(user.place, error);
        }
    }
    socket_group(config, report);
    for script in &config.vrrp_script {
        runnable(&script.script, &mut Runnables::new(script.user.as_ref().or(script_user)), report);
    }
    let mut runnables = Runnables::new(script_user);
    for command in notified {
        runnable(command, &mut runnables, report);
    }
    super::hmac::check(config, report);
    for fifo in fifos(config) {
        if let Err(error) = super::fifo::look(fifo) {
            report.error(fifo.place, error);
        }
    }
    let there = Interfaces::read();
    routing::check(config, &there, report);
    for instance in &config.vrrp_instance {
        interface(&instance.interface, instance.interface_place, &there, report);
        let excluded = &instance.virtual_ipaddress_excluded;
        for vip in instance.virtual_ipaddress.iter().chain(excluded) {
            if let Some(dev) = vip.dev.as_deref().filter(|dev| *dev != instance.interface) {
                interface(dev, vip.dev_place, &there, report);
            }
        }
        for track in instance.track.iter().filter(|track| !track.implicit) {
            match &track.tracked {
                Tracked::Interface(name) if track.weight.value() == 0 => {
                    interface(name, track.place, &there, report);
                }
                Tracked::Interface(name) => counts_as_down(name, track.place, &there, report),
                Tracked::File(_)
                | Tracked::Process(_)
                | Tracked::Route(_)
                | Tracked::Tcp(_)
                | Tracked::Ping(_) => {}
            }
        }
    }
    devices(config, &there, report);
    for file in &config.track_file {
        folder(file, report);
    }
}

/// The interfaces that routes and hosts are tracked through, and those whose changes are delayed.
fn devices(config: &Config, there: &Interfaces, report: &mut Report) {
    let routes = config.track_route.iter().map(|it| (&it.dev, it.dev_place));
    let tcp = config.track_tcp.iter().map(|it| (&it.dev, it.dev_place));
    let pings = config.track_ping.iter().map(|it| (&it.dev, it.dev_place));
    for (dev, place) in routes.chain(tcp).chain(pings) {
        if let Some(name) = dev {
            counts_as_down(name, place, there, report);
        }
    }
    for it in config.interface_up_down_delays.iter().filter(|it| !there.has(&it.name)) {
        let message = format!("there is no interface {} here: nothing to delay", it.name);
        report.warning(it.place, message);
    }
}

/// The folder of a tracked file may come later.
fn folder(file: &TrackFile, report: &mut Report) {
    let folder = Path::new(&file.file).parent().unwrap_or(Path::new("/"));
    if !folder.is_dir() {
        let message = format!(
            "there is no folder {} here: the file counts as 0 until it appears",
            folder.display()
        );
        report.warning(file.file_place, message);
    }
}

/// All FIFOs of a configuration.
fn fifos(config: &Config) -> impl Iterator<Item = &NotifyFifo> + Clone {
    let own = config.vrrp_instance.iter().filter_map(|it| it.notify.notify_fifo.as_ref());
    config.global_defs.notify_fifo.iter().chain(own)
}

/// Whether a command can be run, if its user is there: that was told.
fn runnable(command: &Command, runnables: &mut Runnables<'_>, report: &mut Report) {
    let user = command.user.as_ref().or(runnables.default_user());
    if user.is_some_and(|user| identity(user).is_err()) {
        return;
    }
    if let Err(error) = runnables.get(command) {
        report.error(command.place, error);
    }
}

fn interface(name: &str, place: Place, there: &Interfaces, report: &mut Report) {
    if !there.has(name) {
        report.warning(place, format!("there is no interface {name} here: FAULT until it appears"));
    }
}

fn counts_as_down(name: &str, place: Place, there: &Interfaces, report: &mut Report) {
    if !there.has(name) {
        let message = format!("there is no interface {name} here: it counts as down");
        report.warning(place, message);
    }
}

/// The names of the interfaces of this host.
struct Interfaces(BTreeSet<OsString>);

impl Interfaces {
    fn read() -> Self {
        let folder = std::fs::read_dir("/sys/class/net");
        Self(folder.into_iter().flatten().flatten().map(|entry| entry.file_name()).collect())
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains(OsStr::new(name))
    }
}
