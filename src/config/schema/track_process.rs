//! `track_process NAME`

use super::settings::Settings;
use super::table::TRACK_PROCESS;
use super::value::describe;
use crate::config::error::Report;
use crate::config::tree::{Data, Section, Value, Word};
use crate::config::{ParamMatch, TrackProcess};
use crate::vrrp::bounds;
use core::time::Duration;

/// The longest name that the kernel has for a process, in bytes.
const COMM: usize = 15;

/// Reads a tracked process. `None` if it has no `process`.
pub fn read(name: &Word, section: &Section, report: &mut Report) -> Option<TrackProcess> {
    let label = (format!("track_process {}", name.text), name.place);
    let settings = Settings::read("track_process", TRACK_PROCESS, label, &section.entries, report);
    let help = report.example("process", "haproxy") + ": the name of the process";
    settings.need("process", &help, report);
    let process = process(&settings, report)?;
    let param_match = match settings.choice("param_match") {
        Some(0) => ParamMatch::Initial,
        Some(1) => ParamMatch::Partial,
        Some(_) => ParamMatch::Exact,
        None if process.len() > 1 => ParamMatch::Exact,
        None => ParamMatch::Any,
    };
    let full_command =
        param_match != ParamMatch::Any || settings.flag("full_command").unwrap_or(false);
    if !full_command {
        long_name(&process, &settings, report);
    }
    let (quorum, quorum_max) = quorum(&settings, report);
    let delay = |word| settings.time(word).or_else(|| settings.time("delay")).unwrap_or_default();
    Some(TrackProcess {
        name: name.text.clone(),
        place: name.place,
        process,
        param_match,
        full_command,
        weight: settings.weight("weight").unwrap_or_default(),
        quorum,
        quorum_max,
        fork_delay: delay("fork_delay"),
        terminate_delay: delay("terminate_delay"),
        interval: settings.time("interval").unwrap_or(Duration::from_secs(1)),
    })
}

/// A string is the name, a list is the name and the parameters.
fn process(settings: &Settings<'_>, report: &mut Report) -> Option<Vec<String>> {
    let value = settings.value("process")?;
    let words: Option<Vec<Word>> = match &value.data {
        Data::Line(words) => Some(words.clone()),
        Data::List(items) => items.iter().map(Value::word).collect(),
        _ => value.word().map(|word| vec![word]),
    };
    let what = "the name of a process, or a list of its name and its parameters";
    let Some(words) = words.filter(|words| !words.is_empty()) else {
        let message = format!("process must be {what}, not {}", describe(value));
        settings.error("process", message, report);
        return None;
    };
    let words: Vec<String> = words.into_iter().map(|word| word.text).collect();
    let bytes: usize = words.iter().map(|word| word.len() + 1).sum();
    if words.first().is_none_or(String::is_empty) || words.iter().any(|word| word.contains('\0')) {
        settings.error("process", format!("process must be {what}: a name is missing"), report);
        return None;
    }
    if bytes > bounds::COMMAND_LINE {
        let message =
            format!("process has {bytes} bytes: at most {} are compared", bounds::COMMAND_LINE);
        settings.error("process", message, report);
        return None;
    }
    Some(words)
}

/// The kernel cuts names off, and so does whoever compares with them.
fn long_name(process: &[String], settings: &Settings<'_>, report: &mut Report) {
    let Some(name) = process.first() else {
        return;
    };
    let place = settings.place_of("process");
    if name.contains('/') {
        let message = format!("{name} is a path, and the kernel's names of processes have none");
        report
            .warning(place, message)
            .help("write the last part of it, or add full_command if the command line has it so");
    } else if name.len() > COMM {
        let message = format!("{name} is longer than {COMM} bytes: the kernel's name has no more, and only these are compared");
        report.warning(place, message).help("add full_command to compare with the command line");
    }
}

/// `quorum` and `quorum_max`
fn quorum(settings: &Settings<'_>, report: &mut Report) -> (u32, u32) {
    let number = |word| settings.integer(word).and_then(|number| u32::try_from(number).ok());
    let most = number("quorum_max").unwrap_or(u32::MAX);
    let least = number("quorum").unwrap_or(u32::from(most > 0));
    if least > most {
        let message = format!("quorum {least} is more than quorum_max {most}");
        settings.error("quorum", message, report).help("no number of processes would do");
    }
    (least, most)
}
