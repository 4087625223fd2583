//! `track_file`: files with a number in them. inotify tells when one may have changed; then the whole
//! way to it is gone again, and it is read anew.

use super::super::{Daemon, Object, Source};
use super::content::{self, Content};
use super::walk::walk;
use super::{Kind, Sense, Tracker};
use crate::config::{Config, InitFile};
use crate::sys::file::{file_system, FileSystem};
use crate::sys::inotify::{Change, Inotify};
use crate::vrrp::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a file is read where nobody tells of changes.
const POLL: Duration = Duration::from_secs(1);
/// So often the way is gone until it stays the same: it may change while it is being watched.
const ROUNDS: usize = 4;
/// Batches of events that are read in one turn.
const BATCHES: usize = 16;

/// All tracked files.
#[derive(Default)]
pub struct Files {
    inotify: Option<Inotify>,
    files: Vec<File>,
    /// The folders that are watched, and by how many files.
    folders: BTreeMap<i32, usize>,
    /// When those are read that nobody tells of; `None` if there is none.
    poll_at: Option<Instant>,
    /// More events may be waiting than one turn takes.
    pub backlog: bool,
    refusals: u32,
}

/// A tracked file.
struct File {
    name: String,
    path: PathBuf,
    init: Option<InitFile>,
    tracker: usize,
    /// The folders that are watched for it, and the name in each; empty if none in it matters.
    steps: Vec<(i32, OsString)>,
    /// Nobody tells of changes.
    polled: bool,
    /// It could not be read, because something has run out, and that was said.
    unread: bool,
    content: Content,
}

impl Files {
    /// The tracker of a file.
    #[must_use]
    pub fn tracker(&self, file: usize) -> Option<usize> {
        Some(self.files.get(file)?.tracker)
    }

    /// They were tracked already, by another vipd: nothing is written into them.
    pub fn leave_alone(&mut self) {
        self.files.iter_mut().for_each(|file| file.init = None);
    }

    /// What was read before a reload; nothing is written into a file that was tracked already.
    pub fn inherit(&mut self, old: &Self) {
        self.refusals = old.refusals;
        for file in &mut self.files {
            let same = |before: &&File| (&before.name, &before.path) == (&file.name, &file.path);
            if let Some(before) = old.files.iter().find(same) {
                file.init = None;
                file.content = before.content.clone();
                file.unread = before.unread;
            }
        }
    }

    /// When [`Daemon::files_due`] wants to be called.
    #[must_use]
    pub const fn due_at(&self) -> Option<Instant> {
        self.poll_at
    }

    /// Watches the way to a file as it is now, and reads the file. If something has run out, what was
    /// read last stands, and it is read again in a second.
    fn look(&mut self, file: usize) -> Content {
        let path = self.files[file].path.clone();
        let mut way = walk(&path);
        for _ in 0..ROUNDS {
            let complete = self.watch(file, &way.steps);
            let last = way.end.as_ref().map_or(&path, |end| end);
            let polled = !complete || file_system(last) == FileSystem::Silent;
            self.files[file].polled = polled;
            let again = walk(&path);
            if again == way {
                break;
            }
            way = again;
        }
        let it = &mut self.files[file];
        match content::read(&way.end) {
            Ok(content) => {
                if std::mem::take(&mut it.unread) {
                    log::info!("file {}: it can be read again", it.name);
                }
                content
            }
            Err(error) => {
                it.polled = true;
                self.refusals = self.refusals.saturating_add(1);
                if !std::mem::replace(&mut it.unread, true) {
                    log::error!("file {}: {error}: what it said last stands", it.name);
                }
                it.content.clone()
            }
        }
    }

    /// How often a file could not be read because something had run out.
    #[must_use]
    pub const fn refusals(&self) -> u32 {
        self.refusals
    }

    /// Watches these folders for a file and no others; false if one cannot be watched.
    fn watch(&mut self, file: usize, steps: &[(PathBuf, OsString)]) -> bool {
        let Some(inotify) = &self.inotify else { return false };
        let mut watched = Vec::new();
        for (folder, name) in steps {
            // One that is gone already is no longer part of the way.
            if let Ok(watch) = inotify.watch(folder, !name.is_empty()) {
                *self.folders.entry(watch).or_default() += 1;
                watched.push((watch, name.clone()));
            }
        }
        let complete = watched.len() == steps.len();
        let before = std::mem::replace(&mut self.files[file].steps, watched);
        for (watch, _) in before {
            self.release(watch);
        }
        complete
    }

    fn release(&mut self, watch: i32) {
        let Some(users) = self.folders.get_mut(&watch) else { return };
        *users = users.saturating_sub(1);
        if *users == 0 {
            self.folders.remove(&watch);
            if let Some(inotify) = &self.inotify {
                inotify.unwatch(watch);
            }
        }
    }

    /// Reads what inotify tells; returns the files that it is about.
    fn changed(&mut self) -> io::Result<BTreeSet<usize>> {
        let mut found = BTreeSet::new();
        let Some(inotify) = &mut self.inotify else { return Ok(found) };
        let (files, folders) = (&mut self.files, &mut self.folders);
        self.backlog = true;
        for _ in 0..BATCHES {
            let more = inotify.read(|change| match change {
                Change::Name(watch, name) => found.extend(files_of(files, watch, Some(name))),
                Change::Folder(watch) => found.extend(files_of(files, watch, None)),
                Change::Ended(watch) => {
                    found.extend(files_of(files, watch, None));
                    folders.remove(&watch);
                    files.iter_mut().for_each(|it| it.steps.retain(|step| step.0 != watch));
                }
                Change::Lost => found.extend(0..files.len()),
            })?;
            if !more {
                self.backlog = false;
                break;
            }
        }
        Ok(found)
    }
}

/// The files that a name in a folder, or the folder itself, is about.
fn files_of<'a>(
    files: &'a [File],
    watch: i32,
    name: Option<&'a [u8]>,
) -> impl Iterator<Item = usize> + 'a {
    let is_meant = move |step: &(i32, OsString)| {
        step.0 == watch && name.is_none_or(|name| step.1.as_bytes() == name)
    };
    let concerned = move |file: &File| file.steps.iter().any(is_meant);
    files.iter().enumerate().filter(move |(_, file)| concerned(file)).map(|(number, _)| number)
}

impl Daemon {
    /// Makes them out of the configuration.
    pub(in super::super) fn add_files(&mut self, config: &Config) {
        for (number, from) in config.track_file.iter().enumerate() {
            let tracker = self.trackers.len();
            self.trackers.push(Tracker::new(Kind::File(number), &from.name));
            self.files.files.push(File {
                name: from.name.clone(),
                path: from.file.clone().into(),
                init: from.init_file,
                tracker,
                steps: Vec::new(),
                polled: false,
                unread: false,
                content: Content::Missing,
            });
        }
    }

    /// Makes the files that are to be made, begins to watch them, and reads them.
    pub(in super::super) fn start_files(&mut self) -> io::Result<()> {
        if self.files.files.is_empty() {
            return Ok(());
        }
        match Inotify::new() {
            Ok(inotify) => {
                self.watch(inotify.as_raw_fd(), Source::Files)?;
                self.files.inotify = Some(inotify);
            }
            Err(error) => log::warn!(
                "the kernel does not tell of changes of files ({error}): each track_file is read \
                 once a second"
            ),
        }
        for file in 0..self.files.files.len() {
            if self.is_tracked(file) {
                self.start_file(file);
            }
        }
        self.poll_files();
        Ok(())
    }

    fn is_tracked(&self, file: usize) -> bool {
        !self.trackers[self.files.files[file].tracker].subscribers.is_empty()
    }

    fn start_file(&mut self, file: usize) {
        let File { name, path, init, .. } = &self.files.files[file];
        if let Some(Err(error)) = init.map(|init| content::init(path, init)) {
            log::error!("file {name}: cannot write {}: {error}", path.display());
        }
        let content = self.files.look(file);
        let File { name, path, polled, .. } = &self.files.files[file];
        if *polled && self.files.inotify.is_some() {
            let path = path.display();
            log::info!("file {name}: nobody tells when {path} changes: it is read once a second");
        }
        // That it is not there is how it is as a rule.
        if content != self.files.files[file].content {
            self.tell_content(file, &content);
        }
        self.file_says(file, content);
    }

    /// inotify has something to tell.
    pub(in super::super) fn files_ready(&mut self) {
        match self.files.changed() {
            Ok(changed) => changed.into_iter().for_each(|file| self.look_at_file(file)),
            Err(error) => {
                self.files.backlog = false;
                log::error!("cannot hear of changes of files: {error}");
            }
        }
        self.poll_files();
    }

    /// A second is over.
    pub(in super::super) fn files_due(&mut self) {
        for file in 0..self.files.files.len() {
            if self.files.files[file].polled {
                self.look_at_file(file);
            }
        }
        self.files.poll_at = None;
        self.poll_files();
    }

    fn poll_files(&mut self) {
        let any = self.files.files.iter().any(|file| file.polled);
        let at = self.files.poll_at.unwrap_or(self.now + POLL);
        self.files.poll_at = any.then_some(at);
        self.touch(Object::Files);
    }

    fn look_at_file(&mut self, file: usize) {
        if !self.is_tracked(file) {
            return;
        }
        let content = self.files.look(file);
        if content != self.files.files[file].content {
            self.tell_content(file, &content);
            self.file_says(file, content);
        }
    }

    fn tell_content(&self, file: usize, content: &Content) {
        let File { name, path, .. } = &self.files.files[file];
        let path = path.display();
        match content {
            Content::Missing => log::info!("file {name}: {path} is gone: it counts as 0"),
            Content::Number(number) => log::info!("file {name}: {path} says {number}"),
            Content::Unusable(reason) => {
                log::warn!("file {name}: {path}: {reason}: it counts as 0")
            }
        }
    }

    /// Tells who tracks it.
    fn file_says(&mut self, file: usize, content: Content) {
        let it = &mut self.files.files[file];
        let (tracker, number) = (it.tracker, content.number());
        self.trackers[tracker].says = says(&it.path, &content);
        it.content = content;
        self.sense(tracker, Sense::Number(number));
    }
}

fn says(path: &Path, content: &Content) -> String {
    let path = path.display();
    match content {
        Content::Missing => format!("{path} is not there"),
        Content::Number(number) => format!("{path} says {number}"),
        Content::Unusable(reason) => format!("{path}: {reason}"),
    }
}
