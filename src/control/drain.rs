//! `vipctl drain`, `resume` and `priority`: who is to be MASTER.

use super::call::Call;
use super::node::{parse, Node};
use super::time::span;
use super::{misuse, Command};
use crate::exit::{self, Failure};
use getopts::Options;

pub const DRAIN: Command = Command {
    name: "drain",
    arguments: "[NAME] [--force]",
    about: "let another router be MASTER, until resume",
    options: |options: &mut Options| {
        options.optflag("", "force", "even if nobody takes over");
    },
    run: drain,
};

pub const RESUME: Command = Command {
    name: "resume",
    arguments: "[NAME]",
    about: "end drain: the usual election again",
    options: |_: &mut Options| {},
    run: resume,
};

pub const PRIORITY: Command = Command {
    name: "priority",
    arguments: "NAME N [--for TIME]",
    about: "have priority N (1 to 254, or default)",
    options: |options: &mut Options| {
        options.optopt("", "for", "for so long: 90, 90s, 10m, 2h or 1d", "TIME");
    },
    run: priority,
};

fn drain(call: &Call) -> Result<u8, Failure> {
    let words = call.words(["NAME"], 0)?;
    let mut request = vec!["drain"];
    request.extend(words.iter().map(String::as_str));
    if call.matches.opt_present("force") {
        request.push("--force");
    }
    let line = call.ask_line(&request, true)?;
    if call.json {
        return exit::print(&(line + "\n")).map(|()| exit::OK);
    }
    let value = parse(&line)?;
    let answer = Node::new(&value);
    let after = answer.at("after").span().map(span).unwrap_or_default();
    let mut text = String::new();
    for it in answer.at("drained").list() {
        let (name, master) = (it.at("name").text(), it.at("master"));
        text.push_str(&match master.is_some() {
            true => format!("{name}: drained; {} is MASTER, after {after}\n", master.text()),
            false => format!("{name}: drained; it is {}\n", it.at("state").text()),
        });
    }
    exit::print(&text)?;
    Ok(exit::OK)
}

fn resume(call: &Call) -> Result<u8, Failure> {
    let words = call.words(["NAME"], 0)?;
    let mut request = vec!["resume"];
    request.extend(words.iter().map(String::as_str));
    let line = call.ask_line(&request, true)?;
    if call.json {
        return exit::print(&(line + "\n")).map(|()| exit::OK);
    }
    let value = parse(&line)?;
    let names: Vec<_> = Node::new(&value).at("resumed").list().map(Node::text).collect();
    exit::print(&match names.is_empty() {
        true => "nothing was drained\n".to_owned(),
        false => format!("{}: not drained any more\n", names.join(", ")),
    })?;
    Ok(exit::OK)
}

fn priority(call: &Call) -> Result<u8, Failure> {
    let words = call.words(["NAME", "N"], 2)?;
    let time = call.matches.opt_str("for").map(|time| seconds(&time)).transpose()?;
    let mut request = vec!["priority", &words[0], &words[1]];
    request.extend(time.as_deref());
    let line = call.ask_line(&request, true)?;
    if call.json {
        return exit::print(&(line + "\n")).map(|()| exit::OK);
    }
    let value = parse(&line)?;
    let it = Node::new(&value);
    let time = it.at("time").span().map_or_else(String::new, |time| format!(" for {}", span(time)));
    exit::print(&format!(
        "{}: priority {}{time}, effectively {}\n",
        it.at("name").text(),
        it.at("priority").integer(),
        it.at("effective_priority").integer()
    ))?;
    Ok(exit::OK)
}

/// Seconds, out of a number and perhaps a unit.
fn seconds(time: &str) -> Result<String, Failure> {
    let digits = time.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match time.get(digits.len()..) {
        Some("" | "s") => 1.0,
        Some("m" | "min") => 60.0,
        Some("h") => 3600.0,
        Some("d") => 86_400.0,
        _ => 0.0,
    };
    match digits.parse::<f64>() {
        Ok(number) if number * factor > 0.0 => Ok((number * factor).to_string()),
        _ => Err(misuse(&format!("\"{time}\" is no time; write 90, 90s, 10m, 2h or 1d"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (time, expected) in [
            ("90", "90"),
            ("1.5s", "1.5"),
            ("10m", "600"),
            ("10min", "600"),
            ("2h", "7200"),
            ("1d", "86400"),
        ] {
            assert_eq!(seconds(time).unwrap(), expected);
        }
        for time in ["", "m", "-5", "0", "5x", "inf", "1 h", "5é"] {
            assert_eq!(seconds(time).unwrap_err().code, exit::USAGE, "{time}");
        }
    }
}
