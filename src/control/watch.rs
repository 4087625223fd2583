//! `vipctl watch [NAME]`: how it is now, on a screen that is drawn again when something changes.

use super::ask::Answers;
use super::call::Call;
use super::colour::Paint;
use super::events;
use super::node::{parse, Node};
use super::status::{name, overview, seconds};
use super::table::cut;
use super::time::span;
use super::{misuse, Command};
use crate::exit::{self, Failure};
use crate::sys::signalfd::SignalFd;
use crate::sys::terminal::{self, Keys};
use crate::sys::wait_readable;
use getopts::Options;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use std::collections::VecDeque;
use std::io::{self, IsTerminal, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// The command.
pub const COMMAND: Command = Command {
    name: "watch",
    arguments: "[NAME]",
    about: "show it live; q quits",
    options: |_: &mut Options| {},
    run,
};

/// How often the timers are looked at.
const PACE: Duration = Duration::from_millis(200);
/// Events that are shown.
const EVENTS: usize = 8;
/// Columns of a bar.
const BAR: usize = 22;
/// A screen of its own, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

fn run(call: &Call) -> Result<u8, Failure> {
    let words = call.words(["NAME"], 0)?;
    if call.json || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(misuse("watch needs a terminal; events -f and status -j do not"));
    }
    // Before the screen is taken: what is wrong is to be read afterwards.
    let first = ask(call, words)?;
    let mut follow = call.ask(&["events", "-f"], true)?;
    let refused = |error: io::Error| Failure::new(exit::OSERR, format!("terminal: {error}"));
    let signals = SignalFd::new(&[SIGINT, SIGTERM, SIGHUP, SIGWINCH]).map_err(refused)?;
    let keys = Keys::of(io::stdin().as_fd()).map_err(refused)?;
    exit::print(ENTER)?;
    let mut screen =
        Screen { paint: Paint::of_stdout(), shown: String::new(), last: VecDeque::new() };
    let ended = screen.watch(call, (words, first), &mut follow, &signals);
    exit::print(LEAVE)?;
    drop(keys);
    ended.map(|()| exit::OK)
}

fn ask(call: &Call, words: &[String]) -> Result<String, Failure> {
    let mut request = vec!["status"];
    request.extend(words.first().map(String::as_str));
    call.ask_line(&request, false)
}

/// What is on the screen.
struct Screen {
    paint: Paint,
    shown: String,
    /// The last events.
    last: VecDeque<String>,
}

impl Screen {
    /// Until somebody has seen enough.
    fn watch(
        &mut self,
        call: &Call,
        (words, first): (&[String], String),
        follow: &mut Answers,
        signals: &SignalFd,
    ) -> Result<(), Failure> {
        let mut line = first;
        loop {
            self.draw(&line)?;
            let stdin = io::stdin();
            let all: [BorrowedFd<'_>; 3] = [stdin.as_fd(), follow.as_fd(), signals.as_fd()];
            let [key, event, signal] = wait_readable(all, Some(PACE))
                .map_err(|error| Failure::new(exit::OSERR, format!("terminal: {error}")))?;
            if signal {
                match signals.read() {
                    Ok(Some(signal)) if signal.signo != SIGWINCH => return Ok(()),
                    _ => self.shown.clear(),
                }
            }
            if key && quits() {
                return Ok(());
            }
            if event {
                self.read_events(follow)?;
            }
            line = ask(call, words)?;
        }
    }

    fn read_events(&mut self, follow: &mut Answers) -> Result<(), Failure> {
        // As many as have come: one more would be waited for.
        loop {
            let Some(line) = follow.next_line()? else {
                return Err(Failure::new(exit::UNAVAILABLE, "vipd has ended"));
            };
            if self.last.len() >= EVENTS {
                self.last.pop_front();
            }
            self.last.push_back(events::text(Node::new(&parse(&line)?), self.paint));
            if !follow.has_more() {
                return Ok(());
            }
        }
    }

    /// Draws it if it is otherwise than before.
    fn draw(&mut self, line: &str) -> Result<(), Failure> {
        let value = parse(line)?;
        let status = Node::new(&value);
        let mut text = overview(status, self.paint);
        text.push('\n');
        for it in status.at("instances").list() {
            if let Some(bar) = bar(&name(status, it), it) {
                text.push_str(&bar);
            }
        }
        text.push('\n');
        self.last.iter().for_each(|event| text.push_str(event));
        text.push_str(&self.paint.dim("\nq quits"));
        if text == self.shown {
            return Ok(());
        }
        let (_, lines) = terminal::size(io::stdout().as_fd()).unwrap_or((80, 24));
        // Line by line over what is there: a screen that is cleared first flickers.
        let mut out = "\x1b[H".to_owned();
        for line in text.lines().take(lines.saturating_sub(1)) {
            out.push_str(line);
            out.push_str("\x1b[K\r\n");
        }
        out.push_str("\x1b[J");
        self.shown = text;
        exit::print(&out)
    }
}

/// Whether the keys that were pressed end it.
fn quits() -> bool {
    let mut keys = [0; 64];
    match io::stdin().read(&mut keys) {
        Ok(0) | Err(_) => true,
        // Escape alone, Ctrl-C, Ctrl-D.
        Ok(length) => keys[..length].iter().any(|key| matches!(key, b'q' | b'Q' | 3 | 4)),
    }
}

/// The timer of a virtual router as a bar that runs down, and how many adverts it has heard or sent.
fn bar(whose: &str, it: Node<'_>) -> Option<String> {
    let timers = it.at("timers");
    let (name, left, whole, counter) = match it.at("state").text() {
        "BACKUP" => (
            "master down",
            timers.at("master_down").span()?,
            timers.at("master_down_interval"),
            "advertisement_rcvd",
        ),
        "MASTER" => {
            ("advert", timers.at("advert").span()?, it.at("advert_int"), "advertisement_sent")
        }
        _ => return None,
    };
    let part = left.as_secs_f64() / whole.span()?.as_secs_f64().max(0.001);
    let full = ((part * BAR as f64).round() as usize).min(BAR);
    let count = it.at("statistics").at(counter).integer();
    let verb = if counter.ends_with("sent") { "sent" } else { "heard" };
    Some(format!(
        "{:<17}{name:<12}[{}{}] {} of {}, {count} {verb}\n",
        cut(whose, 16),
        "#".repeat(full),
        "-".repeat(BAR - full),
        span(left),
        seconds(whole),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_runs_down() {
        for (state, left, shows) in [
            ("BACKUP", 3.6, "master down [######################] 3.60 s of 3.60 s, 7 heard"),
            ("BACKUP", 0.9, "master down [######----------------] 900 ms of 3.60 s, 7 heard"),
            ("BACKUP", 0.0, "master down [----------------------] 0 us of 3.60 s, 7 heard"),
        ] {
            let line = format!(
                r#"{{"name":"vip","state":"{state}","statistics":{{"advertisement_rcvd":7}},
                "timers":{{"master_down":{left},"master_down_interval":3.6}}}}"#
            );
            let text = bar("vip", Node::new(&parse(&line).unwrap())).unwrap();
            assert_eq!(text, format!("vip              {shows}\n"));
            assert!(text.len() <= 81, "{}", text.len());
        }
        assert_eq!(bar("vip", Node::new(&parse(r#"{"state":"FAULT"}"#).unwrap())), None);
    }
}
