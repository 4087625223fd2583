//! FIFOs that are told of every change of state (`notify_fifo`), and the scripts that read them.

pub mod lines;

use super::children::{Ended, Owner};
use super::command::{identity, Runnable};
use super::notify::{News, Told};
use super::shortage::Lack;
use super::{Daemon, Object, Source};
use crate::config::{Config, NotifyFifo, ScriptUser};
use crate::sys::{fifo, user};
use crate::vrrp::check::KILL_DELAY;
use crate::vrrp::reason::Span;
use crate::vrrp::time::Instant;
use crate::vrrp::StateName;
use crate::wire::Priority;
use lines::{Kind, Line, Lines};
use mio::unix::SourceFd;
use mio::Interest;
use signal_hook::consts::SIGTERM;
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{fchown, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// How long whoever reads may take to read the last lines when we stop.
const LAST_LINES: Duration = Duration::from_secs(1);
/// How often we look whether they have been read.
const LOOK: Duration = Duration::from_millis(20);
/// How long the first pause is before a script that has ended is started again, the longest one, and
/// how long it has to run for the next pause to be the first again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const LONG_RUN: Duration = Duration::from_secs(60);

/// A FIFO at work.
pub struct Fifo {
    path: String,
    /// `None` if it cannot be used, or when it is closed.
    file: Option<File>,
    /// We have made it, so we remove it.
    made: bool,
    lines: Lines,
    /// It was said that lines had to go.
    full: bool,
    script: Option<Runnable>,
    pause: Duration,
    /// When the script is started again.
    again_at: Option<Instant>,
    /// Why it is not running, told already.
    why_not: String,
    /// The script was told to end.
    terminated: bool,
}

impl Fifo {
    /// Opens a FIFO, and makes it if it is not there.
    fn new(from: &NotifyFifo, names: usize, user: Option<&ScriptUser>) -> Self {
        let path = from.path.clone();
        let (file, made) = match open(from) {
            Ok((file, made)) => (Some(file), made),
            Err(error) => {
                log::error!("notify_fifo {error}: nothing is written to it");
                (None, false)
            }
        };
        let script = from.script.as_ref().filter(|_| file.is_some()).and_then(|command| {
            let runnable = Runnable::new(command, user);
            runnable.map_err(|error| log::error!("notify_fifo_script of {path}: {error}")).ok()
        });
        Self {
            path,
            file,
            made,
            lines: Lines::new(names),
            full: false,
            script,
            pause: FIRST_PAUSE,
            again_at: None,
            why_not: String::new(),
            terminated: false,
        }
    }

    /// Takes over from the one with its path before a reload. True if its script goes on.
    fn inherit(&mut self, before: Self, heir: impl Fn(usize) -> Option<usize>) -> bool {
        self.made |= before.made;
        self.lines.inherit(before.lines, heir);
        self.full = before.full;
        let same = match (&self.script, &before.script) {
            (Some(now), Some(before)) => now.is_same(before),
            _ => false,
        };
        if same {
            (self.pause, self.again_at) = (before.pause, before.again_at);
        }
        same
    }

    /// Its descriptor.
    pub fn fd(&self) -> Option<std::os::fd::RawFd> {
        self.file.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it goes when we stop.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        self.made
    }

    /// It was made by a vipd whose place we have taken.
    pub const fn make_ours(&mut self) {
        self.made = true;
    }

    /// Whether a script reads it.
    #[must_use]
    pub const fn has_script(&self) -> bool {
        self.script.is_some()
    }

    /// The lines for which there was no room yet.
    pub fn waiting(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// Writes a line, as soon as there is room for it.
    pub fn write(&mut self, line: Line) {
        if self.file.is_none() {
            return;
        }
        if self.lines.push(line) && !self.full {
            self.full = true;
            log::warn!(
                "notify_fifo {}: it is full and nobody reads it: of each name only the newest \
                 lines are kept for it",
                self.path
            );
        }
        self.flush();
    }

    /// Writes as much as there is room for. A line is written as a whole: none is longer than
    /// [`fifo::ATOMIC`].
    fn flush(&mut self) {
        while let (Some(mut file), Some(line)) = (self.file.as_ref(), self.lines.front()) {
            match file.write(line.text.as_bytes()) {
                Ok(_) => self.lines.pop(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    log::error!("notify_fifo {}: {error}: nothing is written to it", self.path);
                    self.file = None;
                    return;
                }
            }
        }
        self.full = false;
    }

    /// All that was written has been read.
    fn is_read(&self) -> bool {
        let unread = |file: &File| fifo::unread(file.as_fd()).unwrap_or(0);
        self.lines.is_empty() && self.file.as_ref().is_none_or(|file| unread(file) == 0)
    }

    /// No more will be written: who reads to the end comes to it.
    fn close(&mut self) {
        let Some(file) = self.file.take() else { return };
        let same = |ours: &Metadata, there: &Metadata| {
            (ours.dev(), ours.ino()) == (there.dev(), there.ino())
        };
        let there = fs::symlink_metadata(&self.path);
        let ours = file.metadata().and_then(|ours| Ok(same(&ours, &there?)));
        if self.made && ours.unwrap_or(false) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a FIFO can be used, or made: what is there already must be one, and nobody else's.
///
/// # Errors
/// A sentence for a person, which begins with the path.
pub fn look(from: &NotifyFifo) -> Result<(), String> {
    match fs::symlink_metadata(&from.path) {
        Ok(meta) => check(from, &meta),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(format!("{}: {error}", from.path)),
        Err(_) => match Path::new(&from.path).parent().map(Path::is_dir) {
            Some(true) => Ok(()),
            _ => Err(format!("{} cannot be made: there is no such folder", from.path)),
        },
    }
}

fn check(from: &NotifyFifo, meta: &Metadata) -> Result<(), String> {
    let path = &from.path;
    if !meta.file_type().is_fifo() {
        return Err(format!("{path} is there and is no FIFO: remove it, or choose another path"));
    }
    let reader = from.user.as_ref().and_then(|user| identity(user).ok().flatten());
    let owner = meta.uid();
    let trusted = owner == user::effective_uid() || reader.is_some_and(|it| it.uid == owner);
    match trusted {
        true => Ok(()),
        false => Err(format!("{path} belongs to user {owner}: remove it, or name its user here")),
    }
}

/// Opens it; true if it had to be made. Nobody but its user, and the group if one is named, may
/// read it: whoever reads a line takes it away from the others.
fn open(from: &NotifyFifo) -> Result<(File, bool), String> {
    let path = Path::new(&from.path);
    let said = |error: io::Error| format!("{}: {error}", from.path);
    let reader = from.user.as_ref().map(identity).transpose()?.flatten();
    let made = match fifo::make(path, 0o600) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            look(from)?;
            false
        }
        Err(error) => return Err(said(error)),
    };
    let file = fifo::open(path).map_err(said)?;
    // Looked at once more: it may be another by now.
    let meta = file.metadata().map_err(said)?;
    check(from, &meta)?;
    if made {
        let group = from.user.as_ref().is_some_and(|user| user.group.is_some());
        let mode = if group { 0o640 } else { 0o600 };
        file.set_permissions(Permissions::from_mode(mode)).map_err(said)?;
        if let Some(reader) = reader {
            fchown(&file, Some(reader.uid), Some(reader.gid)).map_err(said)?;
        }
    }
    Ok((file, made))
}

impl Daemon {
    /// Opens the FIFOs of the configuration.
    pub(super) fn add_fifos(&mut self, config: &Config) {
        let user = config.global_defs.script_user.as_ref();
        let names = self.tellers.len();
        for from in &config.global_defs.notify_fifo {
            let number = self.add_fifo(Fifo::new(from, names, user));
            self.tellers.iter_mut().for_each(|teller| teller.fifos.push(number));
        }
        for (instance, from) in config.vrrp_instance.iter().enumerate() {
            if let Some(from) = &from.notify.notify_fifo {
                let number = self.add_fifo(Fifo::new(from, 1, user));
                self.tellers[instance].fifos.push(number);
            }
        }
    }

    fn add_fifo(&mut self, fifo: Fifo) -> usize {
        let number = self.fifos.len();
        if let Some(file) = &fifo.file {
            let (fd, token) = (file.as_raw_fd(), Source::Fifo(number).token());
            let watched =
                self.poll.registry().register(&mut SourceFd(&fd), token, Interest::WRITABLE);
            if let Err(error) = watched {
                log::error!("notify_fifo {}: {error}: what it has no room for is late", fifo.path);
            }
        }
        self.fifos.push(fifo);
        number
    }

    /// After a reload: what waits to be written, and the scripts that read. Returns the new number of
    /// each whose script goes on.
    pub(super) fn inherit_fifos(
        &mut self,
        old: Vec<Fifo>,
        tellers: &[Option<usize>],
    ) -> Vec<Option<usize>> {
        let heir = |teller: usize| tellers.get(teller).copied().flatten();
        let heirs = old.into_iter().map(|mut before| {
            match self.fifos.iter().position(|it| it.path == before.path) {
                Some(number) => self.fifos[number].inherit(before, heir).then_some(number),
                None => {
                    before.close();
                    None
                }
            }
        });
        heirs.collect()
    }

    /// After a reload: starts the scripts that do not run yet, and writes what there is room for.
    pub(super) fn go_on_with_fifos(&mut self, heirs: &[Option<usize>]) {
        for number in 0..self.fifos.len() {
            self.fifos[number].flush();
            if !heirs.contains(&Some(number)) {
                self.start_fifo_script(number);
            }
        }
    }

    /// Starts the scripts that read, unless one was handed to us.
    pub(super) fn start_fifo_scripts(&mut self) {
        for number in 0..self.fifos.len() {
            if !self.children.owners().any(|owner| owner == Owner::Fifo(number)) {
                self.start_fifo_script(number);
            }
        }
    }

    fn start_fifo_script(&mut self, number: usize) {
        let it = &mut self.fifos[number];
        it.again_at = None;
        let Some(script) = &it.script else { return };
        let (registry, owner) = (self.poll.registry(), Owner::Fifo(number));
        let path: &[&str] = &[&it.path];
        match self.children.start(registry, self.now, owner, script, path, &[]) {
            Ok(()) => {
                it.why_not.clear();
                log::debug!("notify_fifo_script of {}: started", it.path);
            }
            Err(error) => {
                let why = format!("was not run: {error}");
                self.shortage.count(Lack::Script);
                self.fifo_script_again(number, why);
            }
        }
    }

    /// Starts a script again after a pause.
    fn fifo_script_again(&mut self, number: usize, what: String) {
        let it = &mut self.fifos[number];
        if it.why_not != what {
            log::warn!(
                "notify_fifo_script of {} {what}: starting it again in {}",
                it.path,
                Span(it.pause)
            );
            it.why_not = what;
        }
        it.again_at = Some(self.now + it.pause);
        it.pause = (it.pause * 2).min(LONGEST_PAUSE);
        self.touch(Object::Fifos);
    }

    /// A script has ended, which it should not before we stop.
    pub(super) fn fifo_script_ended(&mut self, number: usize, ended: &Ended) {
        if self.stopping.is_some() {
            return;
        }
        let ran = self.now.since(ended.started);
        if ran >= LONG_RUN {
            self.fifos[number].pause = FIRST_PAUSE;
        }
        let said = match ended.output.as_str() {
            "" => String::new(),
            output => format!(", it said: {output}"),
        };
        self.fifo_script_again(
            number,
            format!("has ended: {} after {}{said}", ended.exit, Span(ran)),
        );
    }

    /// There is room in a FIFO again.
    pub(super) fn fifo_writable(&mut self, number: usize) {
        if let Some(fifo) = self.fifos.get_mut(number) {
            fifo.flush();
        }
    }

    /// A change of state, for the FIFOs that are told of it.
    pub(super) fn write_news(&mut self, teller: usize, news: &News) {
        let kind = match news.told {
            Told::State(_) | Told::Stop | Told::Deleted => Kind::State,
            Told::LowerPriority => Kind::Event,
        };
        self.write_line(teller, kind, news.told.as_str(), news.priority);
    }

    /// A change of priority, where that is wanted.
    pub(super) fn write_priority(&mut self, instance: usize, priority: Priority) {
        if self.tellers[instance].priority_changes {
            let what = match self.instances[instance].state {
                StateName::Master => "MASTER_PRIORITY",
                StateName::Init | StateName::Backup | StateName::Fault => "BACKUP_PRIORITY",
            };
            self.write_line(instance, Kind::Event, what, priority);
        }
    }

    /// Every state, for whoever reads, whether it is new or not. A group has no priority.
    pub(super) fn write_all_states(&mut self) {
        let instances = self.instances.iter().enumerate().map(|(number, it)| {
            let first = it.routers.first().map(|router| &self.routers[*router].core);
            (number, it.state, first.map_or(Priority(0), |core| core.effective_priority()))
        });
        let groups = self.groups.iter().filter_map(|it| Some((it.teller?, it.state, Priority(0))));
        let states: Vec<_> = instances.chain(groups).collect();
        for (teller, state, priority) in states {
            if state != StateName::Init {
                self.write_line(teller, Kind::State, state.as_str(), priority);
            }
        }
    }

    fn write_line(&mut self, teller: usize, kind: Kind, what: &str, priority: Priority) {
        let it = &self.tellers[teller];
        if it.fifos.is_empty() {
            return;
        }
        let text = format!("{} \"{}\" {what} {priority}\n", it.kind, it.name);
        debug_assert!(text.len() <= fifo::ATOMIC);
        let line = Line { about: teller, kind, text };
        if kind == Kind::State && self.moves_are_held(teller) {
            self.held_lines.push(line);
        } else {
            self.write_now(line);
        }
    }

    fn write_now(&mut self, line: Line) {
        for number in &self.tellers[line.about].fifos {
            self.fifos[*number].write(line.clone());
        }
    }

    /// Writes what has waited for addresses to come or go.
    pub(super) fn write_held(&mut self) {
        for line in std::mem::take(&mut self.held_lines) {
            if self.moves_are_held(line.about) {
                self.held_lines.push(line);
            } else {
                self.write_now(line);
            }
        }
    }

    /// When a script has to be started again, or we look again whether all was read.
    pub(super) fn fifos_due_at(&self) -> Option<Instant> {
        match self.stopping {
            Some(_) => (!self.fifos.is_empty()).then_some(self.now + LOOK),
            None => self.fifos.iter().filter_map(|it| it.again_at).min(),
        }
    }

    /// Starts scripts again whose pause is over.
    pub(super) fn fifos_due(&mut self) {
        for number in 0..self.fifos.len() {
            if self.fifos[number].again_at.is_some_and(|at| self.now >= at)
                && self.stopping.is_none()
            {
                self.start_fifo_script(number);
            }
        }
    }

    /// Closes each FIFO when its last line was read, or after [`LAST_LINES`]; a script that does not
    /// end then is told to. True if none is left.
    pub(super) fn fifos_closed(&mut self) -> bool {
        let late_at = *self.fifos_closing.get_or_insert(self.now + LAST_LINES);
        let mut closed = true;
        for number in 0..self.fifos.len() {
            let late = self.now >= late_at;
            let it = &mut self.fifos[number];
            if late || it.is_read() {
                it.close();
            }
            let runs = self.children.owners().any(|owner| owner == Owner::Fifo(number));
            if runs && late && !it.terminated {
                it.terminated = true;
                self.children.signal(Owner::Fifo(number), SIGTERM);
            }
            let gone = !runs || self.now >= late_at + KILL_DELAY;
            closed &= gone && self.fifos[number].file.is_none();
        }
        closed
    }

    /// Closes all FIFOs, read or not.
    pub(super) fn close_fifos(&mut self) {
        self.fifos.iter_mut().for_each(Fifo::close);
    }
}
