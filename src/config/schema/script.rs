//! `vrrp_script NAME`

use super::advice::Notes;
use super::settings::Settings;
use super::table::{STATES, VRRP_SCRIPT};
use super::value::seconds;
use crate::config::error::Report;
use crate::config::tree::{Section, Word};
use crate::config::VrrpScript;
use crate::vrrp::StateName;
use core::time::Duration;

/// Reads a check. `None` if it has no `script` that can be read.
pub fn read(
    name: &Word,
    section: &Section,
    notes: &mut Notes,
    report: &mut Report,
) -> Option<VrrpScript> {
    let label = (format!("vrrp_script {}", name.text), name.place);
    let settings = Settings::read("vrrp_script", VRRP_SCRIPT, label, &section.entries, report);
    let help = report.example("script", "...") + ": the command that checks";
    settings.need("script", &help, report);
    let interval = settings.time("interval").unwrap_or(Duration::from_secs(1));
    let timeout = settings.time("timeout").unwrap_or(interval);
    let only_while = only_while(&settings, report);
    remark(&settings, interval, timeout, report);
    notes.weights.push(settings.place_of("weight"));
    Some(VrrpScript {
        name: name.text.clone(),
        place: name.place,
        script: settings.command("script")?,
        interval,
        timeout,
        weight: settings.weight("weight").unwrap_or_default(),
        rise: count(&settings, "rise"),
        fall: count(&settings, "fall"),
        user: settings.user("user"),
        init_fail: settings.flag("init_fail").unwrap_or(false),
        only_while,
        start_delay: settings.time("start_delay").unwrap_or(interval),
        fault_hold: settings.time("fault_hold").unwrap_or_default(),
    })
}

/// `rise` or `fall`.
pub fn count(settings: &Settings<'_>, word: &str) -> u32 {
    settings.integer(word).and_then(|number| u32::try_from(number).ok()).unwrap_or(1)
}

fn only_while(settings: &Settings<'_>, report: &mut Report) -> Option<StateName> {
    let state = STATES.get(settings.choice("only_while")?)?;
    if *state != StateName::Master.as_str() {
        let message = format!("only_while {state} is not supported yet: MASTER alone is");
        settings.error("only_while", message, report);
        return None;
    }
    Some(StateName::Master)
}

fn remark(settings: &Settings<'_>, interval: Duration, timeout: Duration, report: &mut Report) {
    warn_of_timeout(settings, interval, timeout, report);
    for word in ["start_delay", "fault_hold"] {
        if settings.has(word) && !settings.has("only_while") {
            let message = format!("{word} has no effect without only_while");
            report.warning(settings.place_of(word), message);
        }
    }
}

/// Warns of a `timeout` longer than the `interval`.
pub fn warn_of_timeout(
    settings: &Settings<'_>,
    interval: Duration,
    timeout: Duration,
    report: &mut Report,
) {
    if timeout > interval && settings.has("timeout") {
        let (timeout, interval) = (seconds(timeout), seconds(interval));
        let message = format!(
            "timeout {timeout} is longer than interval {interval}: a run that hangs is noticed \
             only after {timeout}"
        );
        report.warning(settings.place_of("timeout"), message);
    }
}
