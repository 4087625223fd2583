//! Notify scripts and FIFOs.

use super::settings::Settings;
use super::value::{describe, time, without_unit};
use crate::config::error::Report;
use crate::config::tree::{Data, Value, Word};
use crate::config::{Notify, NotifyFifo, ScriptUser, VrrpInstance};
use core::time::Duration;
use std::collections::BTreeSet;

/// What `notify_pre_timeout` takes.
pub const PRE_TIMEOUT: &str = "a time from 0.01 s to 10 s";
/// What `notify_fifo` takes.
pub const FIFO: &str = "a path from the root, and perhaps a user and a group";

const LEAST: Duration = Duration::from_millis(10);
const MOST: Duration = Duration::from_secs(10);
const DEFAULT_PRE: Duration = Duration::from_secs(1);

/// The notify scripts of an instance or a group.
pub fn read(settings: &Settings<'_>, report: &mut Report) -> Notify {
    Notify {
        notify_master: settings.command("notify_master"),
        notify_backup: settings.command("notify_backup"),
        notify_fault: settings.command("notify_fault"),
        notify_stop: settings.command("notify_stop"),
        notify: settings.command("notify"),
        notify_timeout: settings.time("notify_timeout").unwrap_or(Duration::from_secs(60)),
        notify_deleted: settings.command("notify_deleted"),
        notify_master_rx_lower_pri: settings.command("notify_master_rx_lower_pri"),
        notify_master_pre: settings.command("notify_master_pre"),
        notify_backup_pre: settings.command("notify_backup_pre"),
        notify_pre_timeout: pre_timeout(settings, report),
        notify_fifo: fifo(settings, "notify_fifo", report),
        notify_priority_changes: settings.flag("notify_priority_changes"),
    }
}

fn pre_timeout(settings: &Settings<'_>, report: &mut Report) -> Duration {
    let word = "notify_pre_timeout";
    let Some(value) = settings.special(word, word) else { return DEFAULT_PRE };
    if let Some(time) = time(value).filter(|time| (LEAST..=MOST).contains(time)) {
        return time;
    }
    // What global_defs says is wrong once, however many take it from there.
    if settings.has(word) {
        let message = format!("{word} must be {PRE_TIMEOUT}, not {}", describe(value));
        let help = without_unit(value).unwrap_or_default();
        report.error(value.place, message).help(help);
    }
    DEFAULT_PRE
}

/// The FIFOs of `global_defs`, with the scripts that read them.
pub fn fifos(globals: &Settings<'_>, report: &mut Report) -> Vec<NotifyFifo> {
    pre_timeout(globals, report);
    let mut fifos: Vec<NotifyFifo> = Vec::new();
    for (word, script) in
        [("notify_fifo", "notify_fifo_script"), ("vrrp_notify_fifo", "vrrp_notify_fifo_script")]
    {
        if globals.has(script) && !globals.has(word) {
            let message = format!("{script} has no {word} to read");
            globals.error(script, message, report).help(format!("add {word} with a path"));
        }
        let Some(mut fifo) = fifo(globals, word, report) else { continue };
        fifo.script = globals.command(script);
        fifos.push(fifo);
    }
    fifos
}

/// What only the whole configuration tells: no FIFO twice, and what instances take from `global_defs`.
pub fn settle(globals: &Settings<'_>, instances: &mut [VrrpInstance], report: &mut Report) {
    let changes = globals.flag("vrrp_notify_priority_changes");
    for instance in &mut *instances {
        let own = &mut instance.notify.notify_priority_changes;
        *own = own.or(changes);
    }
    let mut paths = BTreeSet::new();
    let of_all = ["notify_fifo", "vrrp_notify_fifo"].map(|word| {
        let words = words(globals.value(word)?)?;
        Some((words.first()?.text.clone(), globals.place_of(word)))
    });
    let own = instances.iter().filter_map(|it| it.notify.notify_fifo.as_ref());
    let own = own.map(|fifo| (fifo.path.clone(), fifo.place));
    for (path, place) in of_all.into_iter().flatten().chain(own) {
        if !paths.insert(path.clone()) {
            let message =
                format!("{path} is a notify_fifo already: each line would be there twice");
            report.error(place, message).help("give each its own path");
        }
    }
}

fn fifo(settings: &Settings<'_>, word: &str, report: &mut Report) -> Option<NotifyFifo> {
    let value = settings.value(word)?;
    let words = words(value).unwrap_or_default();
    let (path, owner) = match words.as_slice() {
        [path, owner @ ..] if path.text.starts_with('/') && owner.len() <= 2 => (path, owner),
        _ => {
            let message = format!("{word} must be {FIFO}, not {}", describe(value));
            settings.error(word, message, report).help("like /run/vipd.fifo");
            return None;
        }
    };
    let text = |word: Option<&Word>| word.map(|word| word.text.clone());
    let user = owner.first().map(|user| ScriptUser {
        user: user.text.clone(),
        group: text(owner.get(1)),
        place: user.place,
    });
    Some(NotifyFifo { path: path.text.clone(), user, script: None, place: value.place })
}

fn words(value: &Value) -> Option<Vec<Word>> {
    match &value.data {
        Data::List(items) => items.iter().map(Value::word).collect(),
        _ => value.words(),
    }
}
