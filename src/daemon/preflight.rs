//! What a configuration needs of this host, checked before anything is used: a start fails, and
//! `vipd -t` complains, for the same reasons.

mod routing;

use super::command::{identity, Runnable};
use crate::config::error::{Place, Report};
use crate::config::{Command, Config, Notify, NotifyFifo, ScriptUser, TrackFile, Tracked};
use std::path::Path;

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
    for script in &config.vrrp_script {
        runnable(&script.script, script.user.as_ref().or(script_user), report);
    }
    for command in notified {
        runnable(command, script_user, report);
    }
    super::hmac::check(config, report);
    for fifo in fifos(config) {
        if let Err(error) = super::fifo::look(fifo) {
            report.error(fifo.place, error);
        }
    }
    routing::check(config, report);
    for instance in &config.vrrp_instance {
        interface(&instance.interface, instance.interface_place, report);
        let excluded = &instance.virtual_ipaddress_excluded;
        for vip in instance.virtual_ipaddress.iter().chain(excluded) {
            if let Some(dev) = vip.dev.as_deref().filter(|dev| *dev != instance.interface) {
                interface(dev, vip.dev_place, report);
            }
        }
        for track in instance.track.iter().filter(|track| !track.implicit) {
            match &track.tracked {
                Tracked::Interface(name) if track.weight.value() == 0 => {
                    interface(name, track.place, report);
                }
                Tracked::Interface(name) => counts_as_down(name, track.place, report),
                Tracked::File(_)
                | Tracked::Process(_)
                | Tracked::Route(_)
                | Tracked::Tcp(_)
                | Tracked::Ping(_) => {}
            }
        }
    }
    devices(config, report);
    for file in &config.track_file {
        folder(file, report);
    }
}

/// The interfaces that routes and hosts are tracked through, and those whose changes are delayed.
fn devices(config: &Config, report: &mut Report) {
    let routes = config.track_route.iter().map(|it| (&it.dev, it.dev_place));
    let tcp = config.track_tcp.iter().map(|it| (&it.dev, it.dev_place));
    let pings = config.track_ping.iter().map(|it| (&it.dev, it.dev_place));
    for (dev, place) in routes.chain(tcp).chain(pings) {
        if let Some(name) = dev {
            counts_as_down(name, place, report);
        }
    }
    for it in config.interface_up_down_delays.iter().filter(|it| !exists(&it.name)) {
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
fn runnable(command: &Command, default: Option<&ScriptUser>, report: &mut Report) {
    let user = command.user.as_ref().or(default);
    if user.is_some_and(|user| identity(user).is_err()) {
        return;
    }
    if let Err(error) = Runnable::new(command, default) {
        report.error(command.place, error);
    }
}

fn interface(name: &str, place: Place, report: &mut Report) {
    if !exists(name) {
        report.warning(place, format!("there is no interface {name} here: FAULT until it appears"));
    }
}

fn counts_as_down(name: &str, place: Place, report: &mut Report) {
    if !exists(name) {
        let message = format!("there is no interface {name} here: it counts as down");
        report.warning(place, message);
    }
}

fn exists(name: &str) -> bool {
    Path::new("/sys/class/net").join(name).exists()
}
