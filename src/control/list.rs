//! The commands.

use super::{
    convert, doctor, drain, events, explain, html, is_master, metrics, peers, reload, sniff,
    status, stop, tries, watch, Command,
};

/// All of them, as `vipctl -h` shows them.
pub const COMMANDS: &[Command] = &[
    status::COMMAND,
    explain::COMMAND,
    events::COMMAND,
    watch::COMMAND,
    peers::COMMAND,
    html::COMMAND,
    is_master::COMMAND,
    metrics::COMMAND,
    drain::DRAIN,
    drain::RESUME,
    drain::PRIORITY,
    reload::RELOAD,
    stop::COMMAND,
    reload::DIFF,
    tries::CHECK,
    tries::NOTIFY,
    doctor::COMMAND,
    sniff::COMMAND,
    convert::COMMAND,
];
