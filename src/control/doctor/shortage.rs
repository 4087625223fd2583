//! What the daemon could not do because something had run out.

use super::super::time::ago;
use super::{Finding, Patient};

/// What is counted, what that means, and what helps.
const KNOWN: &[(&str, &str, &str)] = &[
    (
        "log_lines_lost",
        "Its log is read too slowly, or its disk is full.",
        "Look at the disk and at the log daemon.",
    ),
    (
        "scripts_not_started",
        "Checks count as failed then, and notify scripts were tried again.",
        "Raise the limits of open files and processes (LimitNOFILE, TasksMax).",
    ),
    (
        "announcements_not_sent",
        "Clients may have gone on sending to another router for a while.",
        "Look for full queues of the interface (tc -s qdisc), and a firewall.",
    ),
    (
        "timer_not_set",
        "It wakes up without a timer, which costs power and precision.",
        "The log has the error; the kernel is short of memory.",
    ),
    (
        "changes_not_taken",
        "Addresses may have come or gone late.",
        "The log has the error; the kernel is short of memory.",
    ),
    (
        "looks_refused",
        "Changes of files or processes may have been seen late.",
        "Raise fs.inotify.max_user_watches and the limit of open files.",
    ),
    (
        "state_not_written",
        "After a crash it begins as BACKUP, and may not find what it has left.",
        "Look at the disk of the run directory.",
    ),
    (
        "events_not_written",
        "After a restart, vipctl events does not know what was before.",
        "Look at the disk of the run directory.",
    ),
];

/// All counters.
pub fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let status = patient.status;
    let now = status.at("time").number().unwrap_or_default();
    let since = ago(now, status.at("started").number().unwrap_or(now));
    let counters = status.at("shortage").fields();
    let mut findings: Vec<_> = counters
        .filter(|(_, count)| count.integer() > 0)
        .map(|(name, count)| {
            let known = KNOWN.iter().find(|(known, ..)| *known == name);
            let (_, meaning, remedy) =
                known.unwrap_or(&("", "Something had run out.", "See the log."));
            let what =
                format!("{name}: {} times since it was started {since} ago", count.integer());
            Finding::wrong(what, *meaning, *remedy)
        })
        .collect();
    if findings.is_empty() {
        findings.push(Finding::Fine("nothing has run out since it was started".to_owned()));
    }
    findings
}
