//! What has happened: the last 1,000 transitions and changes of trackers, each as a line of JSON, in
//! memory and in `vipd.events` in the run directory. The file outlives reload, upgrade, restart and
//! crash.

use super::track::{Kind, Sense};
use super::Daemon;
use crate::json::{Object, Value};
use crate::sys::clock;
use crate::sys::host::open_plain;
use crate::vrrp::time::Instant;
use crate::vrrp::tracker::Verdict;
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of the file.
const NAME: &str = "vipd.events";
/// So many are kept.
pub const KEPT: usize = 1000;
/// So many lines the file has at most, before it is written anew with those that are kept.
const LINES: usize = 2 * KEPT;
/// The longest line, and so the longest file that is read.
const LONGEST: usize = 1024;
/// After it could not be written.
const RETRY: Duration = Duration::from_secs(10);

/// What has happened.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    lines: VecDeque<Box<str>>,
    /// How many there have been: the number of the next one.
    next: u64,
    /// The file has not got all of them.
    behind: bool,
    /// Those that it has not got, if it has the others.
    unsaved: String,
    file: Option<File>,
    in_file: usize,
    /// It could not be written; when that is tried again.
    failed: Option<Instant>,
    failures: u32,
}

/// What is to be remembered.
#[derive(Clone, Copy, Debug)]
pub struct Happened<'a> {
    /// What it is about: `instance`, `group`, `daemon`, or the keyword of a tracker.
    pub event: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What it was.
    pub from: Value<'a>,
    /// What it is now.
    pub to: Value<'a>,
    /// Why.
    pub reason: &'a str,
    /// The other router that has brought it about.
    pub peer: Option<IpAddr>,
    /// How long after its moment we have done it.
    pub late_by: Option<Duration>,
}

impl Happened<'_> {
    /// Something of the daemon itself.
    #[must_use]
    pub const fn daemon<'a>(to: &'a str, reason: &'a str) -> Happened<'a> {
        Happened {
            event: "daemon",
            name: "vipd",
            from: Value::Null,
            to: Value::Text(to),
            reason,
            peer: None,
            late_by: None,
        }
    }
}

impl History {
    /// Goes on with what stands in the file.
    #[must_use]
    pub fn open(directory: &Path) -> Self {
        let path = directory.join(NAME);
        let text = read(&path).unwrap_or_default();
        let whole = |line: &&str| line.starts_with('{') && line.ends_with('}');
        let all: Vec<&str> = text.lines().filter(whole).collect();
        let kept = all.len().saturating_sub(KEPT);
        let lines: VecDeque<Box<str>> = all[kept..].iter().map(|line| (*line).into()).collect();
        Self {
            path,
            next: lines.len() as u64,
            lines,
            behind: false,
            unsaved: String::new(),
            // What is there may be damaged: the next line makes it anew.
            file: None,
            in_file: 0,
            failed: None,
            failures: 0,
        }
    }

    /// Remembers something.
    pub fn push(&mut self, it: &Happened<'_>) {
        let mut line = String::with_capacity(256);
        let mut object = Object::new(&mut line);
        object.put("time", Value::Moment(wall_clock()));
        object.put("event", it.event);
        object.put("name", it.name);
        object.put("from", it.from);
        object.put("to", it.to);
        let end = it.reason.char_indices().map(|(at, _)| at).find(|at| *at >= LONGEST / 4);
        object.put("reason", &it.reason[..end.unwrap_or(it.reason.len())]);
        object.show_some("peer", it.peer);
        object.put("late_by", it.late_by);
        drop(object);
        if self.file.is_some() {
            self.unsaved.push_str(&line);
            self.unsaved.push('\n');
        }
        self.behind = true;
        if self.lines.len() >= KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line.into());
        self.next += 1;
    }

    /// The number of the next one that will happen.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// The one with this number, or the first after it that is kept, with its number.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<(u64, &str)> {
        let first = self.next - self.lines.len() as u64;
        let number = number.max(first);
        let line = self.lines.get(usize::try_from(number - first).ok()?)?;
        Some((number, line))
    }

    /// Brings the file up to date. What goes wrong is told once.
    pub fn save(&mut self, now: Instant) {
        if !self.behind || self.failed.is_some_and(|at| now < at) {
            return;
        }
        let written = self.append();
        self.unsaved.clear();
        match written {
            Ok(()) => {
                self.behind = false;
                if self.failed.take().is_some() {
                    log::info!("{} can be written again", self.path.display());
                }
            }
            Err(error) => {
                if self.failed.replace(now + RETRY).is_none() {
                    log::error!(
                        "cannot write {}: {error}: vipctl events will not know after a restart what \
                         happened before it; trying again",
                        self.path.display()
                    );
                }
                self.failures = self.failures.saturating_add(1);
                // Perhaps it has half a line: it is made anew from what is kept.
                self.file = None;
            }
        }
    }

    /// How often it could not be written.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    fn append(&mut self) -> io::Result<()> {
        let added = self.unsaved.lines().count();
        match &mut self.file {
            Some(file) if self.in_file + added <= LINES => {
                file.write_all(self.unsaved.as_bytes())?;
                self.in_file += added;
                Ok(())
            }
            Some(_) | None => self.rewrite(),
        }
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let beside = self.path.with_extension("events.new");
        let mut text = String::with_capacity(self.lines.iter().map(|line| line.len() + 1).sum());
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file =
            OpenOptions::new().append(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&beside, &self.path)?;
        (self.file, self.in_file) = (Some(file), self.lines.len());
        Ok(())
    }
}

/// The end of the file, if it is ours.
fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    open_plain(path)?.take((LINES * LONGEST) as u64).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Milliseconds since 1970.
#[must_use]
pub fn wall_clock() -> i64 {
    let (seconds, nanos) = clock::realtime();
    seconds * 1000 + i64::from(nanos / 1_000_000)
}

/// A moment of our clock by the clock on the wall, in milliseconds since 1970.
#[must_use]
pub fn on_the_wall(now: Instant, at: Instant) -> i64 {
    let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    wall_clock() - millis(now.since(at)) + millis(at.since(now))
}

impl Daemon {
    pub(super) fn remember_start(&mut self, upgraded: bool) {
        let to = if upgraded { "upgraded" } else { "started" };
        self.history.push(&Happened::daemon(to, concat!("vipd ", env!("CARGO_PKG_VERSION"))));
    }

    /// A tracker is otherwise than before.
    pub(super) fn remember_sense(&mut self, tracker: usize, before: Sense) {
        let it = &self.trackers[tracker];
        if it.subscribers.is_empty() {
            return;
        }
        self.history.push(&Happened {
            event: it.kind.keyword(),
            name: &it.name,
            from: in_json(before),
            to: in_json(it.sense),
            reason: &it.says,
            peer: None,
            late_by: None,
        });
    }
}

impl Kind {
    /// The keyword of the section that it comes from.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Script(_) => "vrrp_script",
            Self::File(_) => "track_file",
            Self::Process(_) => "track_process",
            Self::Interface(_) => "track_interface",
            Self::Route(_) => "track_route",
            Self::Tcp(_) => "track_tcp",
            Self::Ping(_) => "track_ping",
            Self::NoAccept => "no_accept",
        }
    }
}

/// How a thing is, as JSON has it: `up`, `down`, `unknown`, or a number.
#[must_use]
pub fn in_json(sense: Sense) -> Value<'static> {
    match sense {
        Sense::Verdict(Verdict::Up) => Value::Text("up"),
        Sense::Verdict(Verdict::Down) => Value::Text("down"),
        Sense::Verdict(Verdict::Unknown) => Value::Text("unknown"),
        Sense::Number(number) => number.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("vipd-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        folder
    }

    fn push(history: &mut History, number: usize) {
        let reason = format!("number {number}.");
        history.push(&Happened::daemon("tested", &reason));
    }

    fn has(history: &History, number: u64, says: usize) -> bool {
        let found = history.get(number);
        found.is_some_and(|(_, line)| line.contains(&format!("number {says}.")))
    }

    #[test]
    fn the_last_thousand_are_kept_here_and_in_the_file() {
        let folder = folder("history");
        let mut history = History::open(&folder);
        for number in 0..5 * KEPT {
            push(&mut history, number);
            if number % 7 == 0 {
                history.save(Instant::ZERO);
            }
            let text = fs::read_to_string(folder.join(NAME)).unwrap_or_default();
            assert!(number % 500 != 0 || text.lines().count() <= LINES);
        }
        history.save(Instant::ZERO);
        assert!(has(&history, 0, 4 * KEPT) && has(&history, 4500, 4500));
        assert_eq!(history.get(0).map(|(number, _)| number), Some(4000));
        assert_eq!(history.get(history.next()), None);
        // And damaged at its end.
        let mut file = OpenOptions::new().append(true).open(folder.join(NAME)).unwrap();
        file.write_all(b"{\"time\":\xff").unwrap();
        let mut again = History::open(&folder);
        assert_eq!(again.next(), KEPT as u64);
        assert!(has(&again, 0, 4 * KEPT) && has(&again, 999, 4999));
        push(&mut again, 1);
        again.save(Instant::ZERO);
        let text = fs::read_to_string(folder.join(NAME)).unwrap();
        assert!(text.lines().all(|line| line.parse::<tinyjson::JsonValue>().is_ok()));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_written_is_made_anew_later() {
        let folder = folder("history-lost");
        let mut history = History::open(&folder);
        fs::remove_dir(&folder).unwrap();
        for number in 0..3 {
            push(&mut history, number);
            history.save(Instant::ZERO);
        }
        assert_eq!(history.failures(), 1, "not before it is time");
        fs::create_dir(&folder).unwrap();
        push(&mut history, 3);
        history.save(Instant::ZERO + RETRY);
        assert_eq!(fs::read_to_string(folder.join(NAME)).unwrap().lines().count(), 4);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_reason_of_any_length_is_a_line() {
        let mut history = History::open(Path::new("/nowhere"));
        history.push(&Happened::daemon("tested", &"é\"\n".repeat(1000)));
        let (_, line) = history.get(0).unwrap();
        assert!(line.len() < LONGEST && line.parse::<tinyjson::JsonValue>().is_ok(), "{line}");
    }
}
