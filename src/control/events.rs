//! `vipctl events [-f]`

use super::call::Call;
use super::colour::Paint;
use super::node::{parse, Node};
use super::table::wrap;
use super::time::{date_exactly, span};
use super::Command;
use crate::exit::{self, Failure};
use getopts::Options;

pub const COMMAND: Command = Command {
    name: "events",
    arguments: "[-f]",
    about: "show the last 1,000 transitions",
    options: |options: &mut Options| {
        options.optflag("f", "follow", "and those to come");
    },
    run,
};

fn run(call: &Call) -> Result<u8, Failure> {
    call.words::<0>([], 0)?;
    let follow = call.matches.opt_present("f");
    let request: &[&str] = if follow { &["events", "-f"] } else { &["events"] };
    let mut answers = call.ask(request, follow)?;
    let paint = Paint::of_stdout();
    while let Some(line) = answers.next_line()? {
        let text = match call.json {
            true => line + "\n",
            false => text(Node::new(&parse(&line)?), paint),
        };
        if exit::write_out(&text)? == exit::Out::Closed {
            return Ok(exit::OK);
        }
    }
    match follow {
        true => Err(Failure::new(exit::UNAVAILABLE, "vipd has ended")),
        false => Ok(exit::OK),
    }
}

/// An event in a line, or a few.
#[must_use]
pub fn text(it: Node<'_>, paint: Paint) -> String {
    let at = date_exactly(it.at("time").number().unwrap_or_default());
    let (event, name) = (it.at("event").text(), it.at("name").text());
    let about = match event {
        "instance" => name.to_owned(),
        "daemon" => String::new(),
        _ => format!("{event} {name}"),
    };
    let to = it.at("to").show();
    let to = match event {
        "instance" | "group" => paint.state(&to, &to),
        _ => to,
    };
    let change = match it.at("from").is_some() {
        true => format!("{} -> {to}", it.at("from").show()),
        false => to,
    };
    let mut words = if about.is_empty() { change } else { format!("{about}: {change}") };
    if !it.at("reason").text().is_empty() {
        words.push_str(&format!(": {}", it.at("reason").text()));
    }
    if let Some(late) = it.at("late_by").span() {
        words.push_str(&format!(" ({} late)", span(late)));
    }
    format!("{} {}\n", paint.dim(&at), wrap(&words, at.len() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_lines() {
        for (line, says) in [
            (
                r#"{"time":0.5,"event":"instance","name":"vip","from":"BACKUP","to":"MASTER",
                "reason":"no advert","peer":null,"late_by":0.000087}"#,
                "vip: BACKUP -> MASTER: no advert (87 us late)\n",
            ),
            (
                r#"{"time":0.5,"event":"track_file","name":"load","from":1,"to":-5,"reason":"-5"}"#,
                "track_file load: 1 -> -5: -5\n",
            ),
            (r#"{"time":0.5,"event":"daemon","name":"vipd","to":"started"}"#, "started\n"),
        ] {
            let text = text(Node::new(&parse(line).unwrap()), Paint::plain());
            assert!(text.ends_with(says), "{text}");
        }
    }
}
