//! What a person sees: everything that happens, in order, with the time since the beginning.

use crate::lab::process::{Line, Process};
use crate::lab::router::Router;
use crate::lab::{span, wall_clock};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Lines of different origin wait so long for each other, to be printed in order. Nanoseconds.
const PATIENCE: u64 = 200_000_000;
/// `2025-06-15 12:00:00.000 warning `: what vipd's lines begin with.
const PREFIX: usize = 32;

/// Collects and prints.
pub struct Timeline {
    begin: u64,
    /// Where the files of the story are; nobody wants to read that again and again.
    directory: String,
    sources: Vec<Source>,
    waiting: Vec<Entry>,
}

/// Where lines come from.
struct Source {
    name: String,
    origin: Origin,
    seen: usize,
    /// What the configuration is warned about was read before: nothing is shown until vipd starts.
    muted: bool,
}

enum Origin {
    Log(Process),
    Calls(PathBuf),
}

struct Entry {
    at: u64,
    name: String,
    text: String,
}

impl Timeline {
    /// From now on.
    pub fn new(directory: &Path) -> Self {
        let directory = format!("{}/", directory.display());
        Self { begin: wall_clock(), directory, sources: Vec::new(), waiting: Vec::new() }
    }

    /// Shows what the scripts of a router were called with.
    pub fn watch_calls(&mut self, router: &Router) {
        let (name, origin) = (router.name().to_owned(), Origin::Calls(router.calls.clone()));
        self.sources.push(Source { name, origin, seen: 0, muted: false });
    }

    /// Shows the log of a vipd; of all but the first of a router without the warnings of its
    /// configuration, which are the same each time.
    pub fn watch_log(&mut self, process: &Process) {
        let (name, origin) = (process.name().to_owned(), Origin::Log(process.clone()));
        let log = |source: &Source| matches!(source.origin, Origin::Log(_)) && source.name == name;
        let muted = self.sources.iter().any(log);
        self.sources.push(Source { name, origin, seen: 0, muted });
    }

    /// Looks for what is new, and prints what has waited long enough.
    pub fn pump(&mut self) {
        self.print_until(wall_clock().saturating_sub(PATIENCE));
    }

    /// An empty line, after all that was.
    pub fn pause(&mut self) {
        self.print_until(wall_clock());
        println!();
    }

    /// Something that the story itself has to say; all that was before is printed first.
    pub fn say(&mut self, text: &str) {
        let now = wall_clock();
        self.print_until(now);
        let (bold, plain) =
            if std::io::stdout().is_terminal() { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        println!("{bold}{:>8.3}  ----  {text}{plain}", self.seconds(now));
    }

    /// Prints what is left.
    pub fn finish(&mut self) {
        self.print_until(u64::MAX);
    }

    fn print_until(&mut self, until: u64) {
        for source in &mut self.sources {
            for Line { at, text } in source.origin.lines(source.seen) {
                source.seen += 1;
                source.muted &= !text.ends_with(" starts");
                if !source.muted {
                    let text = text.replace(&self.directory, "");
                    self.waiting.push(Entry { at, name: source.name.clone(), text });
                }
            }
        }
        self.waiting.sort_by_key(|entry| entry.at);
        let ready = self.waiting.partition_point(|entry| entry.at <= until);
        for entry in self.waiting.drain(..ready).collect::<Vec<_>>() {
            println!("{:>8.3}  {:<4}  {}", self.seconds(entry.at), entry.name, entry.text);
        }
    }

    fn seconds(&self, at: u64) -> f64 {
        span(self.begin, at).as_secs_f64()
    }
}

impl Origin {
    /// The lines after the first `seen`.
    fn lines(&self, seen: usize) -> Vec<Line> {
        match self {
            Self::Log(process) => {
                let lines = process.log().into_iter().skip(seen);
                lines.map(|line| Line { text: without_prefix(&line.text), ..line }).collect()
            }
            Self::Calls(file) => {
                let text = std::fs::read_to_string(file).unwrap_or_default();
                // A line that is being written has no end yet.
                let whole = text.rfind('\n').map_or("", |end| &text[..end]);
                whole.lines().skip(seen).filter_map(call).collect()
            }
        }
    }
}

/// The timeline has its own time.
fn without_prefix(line: &str) -> String {
    match line.get(PREFIX..) {
        Some(text) if line.as_bytes().get(10) == Some(&b' ') => text.to_owned(),
        _ => line.to_owned(),
    }
}

/// `TIME WHO -> WHAT`
fn call(line: &str) -> Option<Line> {
    let (at, text) = line.split_once(' ')?;
    Some(Line { at: at.parse().ok()?, text: format!("  script: {text}") })
}
