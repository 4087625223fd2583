//! /proc: who runs, under which name and with which command line.

use crate::sys::poll_readable;
use crate::sys::process::pidfd;
use crate::sys::shortage;
use std::fs::{self, File, ReadDir};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

/// More than a name of the kernel's has.
const COMM: usize = 64;
/// The beginning of /proc/PID/stat, with the state in it.
const STAT: usize = 256;

/// Reads what is known of single processes.
#[derive(Debug, Default)]
pub struct Reader {
    /// Whether names are wanted.
    comm: bool,
    /// How much of the command lines is wanted.
    command: usize,
    name: Vec<u8>,
    line: Vec<u8>,
}

impl Reader {
    /// Reads names, if they are wanted, and so much of command lines.
    #[must_use]
    pub fn new(comm: bool, command: usize) -> Self {
        let (name, line) = (Vec::with_capacity(COMM), Vec::with_capacity(command));
        Self { comm, command, name, line }
    }

    /// The name and the beginning of the command line of a process; `None` if it is gone.
    ///
    /// # Errors
    /// Something has run out, so nothing is known.
    pub fn read(&mut self, pid: u32) -> io::Result<Option<(&[u8], &[u8])>> {
        match self.try_read(pid) {
            Ok(()) => Ok(Some((&self.name, &self.line))),
            Err(error) if shortage::of(&error).is_some() => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn try_read(&mut self, pid: u32) -> io::Result<()> {
        self.name.clear();
        self.line.clear();
        if self.comm {
            read(&format!("/proc/{pid}/comm"), COMM, &mut self.name)?;
            if self.name.last() == Some(&b'\n') {
                self.name.pop();
            }
        }
        if self.command > 0 {
            read(&format!("/proc/{pid}/cmdline"), self.command, &mut self.line)?;
        }
        Ok(())
    }
}

/// The kernel gives all that there is at once.
fn read(path: &str, most: usize, into: &mut Vec<u8>) -> io::Result<()> {
    let mut file = File::open(path)?;
    into.resize(most, 0);
    let length = file.read(into)?;
    into.truncate(length);
    Ok(())
}

/// Whether a process runs, and what tells of its end: `None` if nothing does.
pub enum Life {
    /// It runs.
    Running(Option<OwnedFd>),
    /// It has ended, though perhaps nobody has taken notice yet.
    Ended,
}

/// Looks whether a process has not ended.
#[must_use]
pub fn life(pid: u32, with_pidfd: bool) -> Life {
    let fd = match with_pidfd.then(|| pidfd(pid)) {
        Some(Ok(fd)) => fd,
        // Before Linux 5.3, or when there are too many descriptors.
        None | Some(Err(_)) if has_ended(pid) => return Life::Ended,
        None | Some(Err(_)) => return Life::Running(None),
    };
    match poll_readable(fd.as_fd(), 0) {
        Ok(true) => Life::Ended,
        Ok(false) | Err(_) => Life::Running(Some(fd)),
    }
}

/// Whether it is gone, or a zombie: behind the name, which may have a `)` in it, stands the state.
fn has_ended(pid: u32) -> bool {
    let mut stat = Vec::with_capacity(STAT);
    if let Err(error) = read(&format!("/proc/{pid}/stat"), STAT, &mut stat) {
        return shortage::of(&error).is_none();
    }
    let behind = stat.rsplit(|byte| *byte == b')').next().unwrap_or_default();
    matches!(behind.trim_ascii_start().first(), None | Some(b'Z' | b'X' | b'x'))
}

/// All processes, one after the other.
#[derive(Debug)]
pub struct Scan(ReadDir);

impl Scan {
    /// Begins.
    ///
    /// # Errors
    /// If there is no /proc.
    pub fn new() -> io::Result<Self> {
        fs::read_dir("/proc").map(Self)
    }
}

impl Iterator for Scan {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        loop {
            let entry = self.0.next()?.ok()?;
            if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                return Some(pid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_is_found_by_what_it_is_called() {
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        let pid = child.id();
        assert!(Scan::new().unwrap().any(|found| found == pid));
        let mut reader = Reader::new(true, 9);
        // The name is there a moment before the command line is.
        while reader.read(pid).unwrap().is_some_and(|(_, line)| line.is_empty()) {}
        assert_eq!(reader.read(pid).unwrap(), Some((&b"sleep"[..], &b"sleep\x0060\0"[..])));
        assert_eq!(Reader::new(false, 3).read(pid).unwrap(), Some((&b""[..], &b"sle"[..])));
        assert!(matches!(life(pid, true), Life::Running(Some(_))));
        assert!(matches!(life(pid, false), Life::Running(None)));
        child.kill().unwrap();
        // A zombie has ended; that is known when it can be waited for.
        let fd = pidfd(pid).unwrap();
        assert!(poll_readable(fd.as_fd(), 20_000).unwrap());
        assert!(matches!(life(pid, true), Life::Ended));
        assert!(matches!(life(pid, false), Life::Ended));
        child.wait().unwrap();
        assert!(matches!(life(pid, true), Life::Ended));
        assert_eq!(reader.read(pid).unwrap(), None);
    }

    #[test]
    fn threads_are_no_processes() {
        let (stop, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || wait.recv());
        let tasks = fs::read_dir("/proc/self/task").unwrap().count();
        let own = Scan::new().unwrap().filter(|pid| *pid == std::process::id()).count();
        assert!(tasks > 1 && own == 1);
        drop(stop);
        let _ = thread.join();
    }
}
