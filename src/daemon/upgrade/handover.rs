//! What one program hands to the next: lines in a file in memory, and descriptors that stay open.

use super::HANDOVER;
use crate::daemon::state::words::{put, put_text, Words};
use crate::daemon::state::Legacy;
use crate::sys::exec::{self, Image};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// Between the number of the file and why the one that was to take over could not.
const BACK: &str = ",";
/// What a line of a descriptor begins with: there is one for each.
const OPEN: &str = "open";
/// How much of that is told.
const LONGEST_REASON: usize = 400;

/// What is to be handed over.
#[derive(Debug, Default)]
pub struct Parcel {
    descriptors: Vec<RawFd>,
    /// The lines.
    pub text: String,
}

impl Parcel {
    /// With what another program needs to come back to this one.
    pub fn new(image: &Image, text: String) -> Self {
        let mut it = Self { descriptors: Vec::new(), text };
        it.begin("upgrade");
        it.descriptor("exe", image.fd());
        it.text("folder", &image.folder.to_string_lossy());
        it.end();
        for argument in &image.arguments {
            it.begin("argument");
            let bytes = argument.as_bytes().iter();
            put(&mut it.text, "bytes", bytes.map(|byte| format!("{byte:02x}")).collect::<String>());
            it.end();
        }
        it
    }

    /// Begins a line.
    pub fn begin(&mut self, kind: &str) {
        self.text.push_str(kind);
    }

    /// A word of the line: a descriptor, which stays open.
    pub fn descriptor(&mut self, key: &str, fd: RawFd) {
        put(&mut self.text, key, fd);
        self.descriptors.push(fd);
    }

    /// A word of the line: a text of any characters.
    pub fn text(&mut self, key: &str, text: &str) {
        put_text(&mut self.text, key, text);
    }

    /// Ends a line.
    pub fn end(&mut self) {
        self.text.push('\n');
    }

    /// Gives all of it to whoever is executed by `run`, which returns only if that fails: then we
    /// keep it.
    pub fn give(&self, run: impl FnOnce(&str) -> io::Error) -> io::Error {
        let mut text = self.text.clone();
        for fd in &self.descriptors {
            text.push_str(OPEN);
            put(&mut text, "fd", fd);
            text.push('\n');
        }
        let file = match exec::memory_file(c"vipd-handover", text.as_bytes()) {
            Ok(file) => file,
            Err(error) => return error,
        };
        let error = match self.descriptors.iter().try_for_each(|fd| exec::keep_open(*fd, true)) {
            Ok(()) => run(&file.as_raw_fd().to_string()),
            Err(error) => error,
        };
        for fd in &self.descriptors {
            let _ = exec::keep_open(*fd, false);
        }
        error
    }
}

/// What another vipd has handed to us.
#[derive(Debug)]
pub struct Handover {
    file: RawFd,
    /// Why the one that was to take over could not: there is no other way back.
    why: Option<String>,
    legacy: Legacy,
}

impl Handover {
    /// If there is one. The variable that says so is gone afterwards: it is not our children's. We are
    /// in the folder then from which the arguments lead.
    #[must_use]
    pub fn take() -> Option<Self> {
        let said = std::env::var(HANDOVER).ok()?;
        std::env::remove_var(HANDOVER);
        let (file, why) = match said.split_once(BACK) {
            Some((file, why)) => (file, Some(why.to_owned())),
            None => (said.as_str(), None),
        };
        let file = file.parse().ok()?;
        let text = exec::read_memory_file(file).ok()?;
        let legacy = Legacy::handed_over(text);
        if let Some(folder) = legacy.lines("upgrade").find_map(|words| words.text("folder")) {
            // If it is gone, only relative paths do not lead anywhere.
            let _ = std::env::set_current_dir(folder);
        }
        Some(Self { file, why, legacy })
    }

    /// The lines.
    #[must_use]
    pub const fn legacy(&self) -> &Legacy {
        &self.legacy
    }

    /// The locked pid file.
    #[must_use]
    pub fn lock(&self) -> Option<RawFd> {
        self.legacy.lines("lock").next()?.read("fd")
    }

    /// This one cannot take over: the one before goes on, as it was called then, and tells why.
    /// Returns if that is not possible.
    pub fn go_back(&self, why: &str) {
        let exe = self.legacy.lines("upgrade").next().and_then(|it| it.read::<RawFd>("exe"));
        let Some(exe) = exe.filter(|_| self.why.is_none()) else { return };
        let arguments: Vec<_> = self.legacy.lines("argument").filter_map(|it| bytes(&it)).collect();
        let file = PathBuf::from(format!("/proc/self/fd/{exe}"));
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let why: String = why.trim().chars().map(plain).take(LONGEST_REASON).collect();
        let error = exec::exec(&file, &arguments, (HANDOVER, &format!("{}{BACK}{why}", self.file)));
        log::error!("upgrade: cannot take over: {why}; nor can the one before go on: {error}");
    }

    /// All is taken over: nobody needs what was handed any more.
    pub fn close(self) {
        // Of each descriptor that is still in use there is a copy.
        let open = self.legacy.lines(OPEN);
        open.filter_map(|words| words.read("fd")).for_each(exec::close);
        exec::close(self.file);
        let version = env!("CARGO_PKG_VERSION");
        match self.why {
            None => log::info!("upgrade: vipd {version} has taken over"),
            Some(why) => log::error!(
                "upgrade: what is at our path could not take over: {why}; vipd {version} goes on as \
                 before"
            ),
        }
    }
}

/// An argument, which may be no text.
fn bytes(words: &Words<'_>) -> Option<OsString> {
    let digits = words.get("bytes")?;
    let byte = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
    bytes.map(OsString::from_vec)
}
