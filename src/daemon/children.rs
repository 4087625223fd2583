//! Running children: check and notify scripts. A child is known by its pidfd; what it prints is
//! read as it comes, and the end of it is kept.

use super::command::Runnable;
use crate::sys::poll_readable;
use crate::sys::process::{self, Child, Exit, Spawn};
use crate::vrrp::time::Instant;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGKILL, SIGTERM};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;

/// How much of the end of the output is kept.
const OUTPUT_KEPT: usize = 512;
/// How much output is read of one child in one turn, so that none can hold up the loop.
const OUTPUT_TURN: usize = 64 * 1024;

/// How long a child that was killed may take to be gone, in milliseconds.
const GONE_MS: i32 = 100;
/// How many ended notify scripts may have left something behind that holds their output open.
const LEFT_BEHIND: usize = 32;

/// What a child was started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A run of this check.
    Check(usize),
    /// A notify script of this instance.
    Notify(usize),
    /// A script that runs before addresses move: twice the number of the instance, and 1 if they go.
    Pre(usize),
    /// The script that reads this FIFO.
    Fifo(usize),
}

/// How a child ended.
#[derive(Debug)]
pub struct Ended {
    /// What it was started for.
    pub owner: Owner,
    /// Its exit status or the signal that killed it.
    pub exit: Exit,
    /// The end of what it printed, in one line.
    pub output: String,
    /// When it was started.
    pub started: Instant,
}

struct Running {
    owner: Owner,
    child: Child,
    output: Vec<u8>,
    started: Instant,
    /// It was told to end.
    signalled: bool,
    /// It has ended, but what it has started still holds its output.
    ended: bool,
}

/// What is left of a child's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Nothing now.
    Nothing,
    /// Perhaps more, in another turn.
    More,
    /// Nothing ever.
    End,
}

/// All running children. Each has two tokens: one for its pidfd and one for its output.
#[derive(Default)]
pub struct Children {
    slots: Vec<Option<Running>>,
    first_token: usize,
    environment: Vec<CString>,
}

impl Children {
    /// Tokens from `first_token` on are the children's.
    #[must_use]
    pub fn new(first_token: usize) -> Self {
        Self { slots: Vec::new(), first_token, environment: environment() }
    }

    /// Starts a child.
    ///
    /// # Errors
    /// Why it could not be started, in words for a person.
    pub fn start(
        &mut self,
        registry: &Registry,
        now: Instant,
        owner: Owner,
        runnable: &Runnable,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> io::Result<()> {
        let argv = runnable.argv_with(arguments);
        let own = variables
            .iter()
            .filter_map(|(name, value)| CString::new(format!("{name}={value}")).ok());
        let envp: Vec<CString> = self.environment.iter().cloned().chain(own).collect();
        let child = process::spawn(&Spawn {
            program: &runnable.program,
            argv: &argv,
            envp: &envp,
            identity: runnable.identity.as_ref(),
            death_signal: SIGTERM,
            capture: true,
        })?;
        let slot = self.vacant();
        let token = self.first_token + 2 * slot;
        let watch = |fd: i32, token| {
            registry.register(&mut SourceFd(&fd), Token(token), Interest::READABLE)
        };
        let watched = watch(child.pidfd.as_raw_fd(), token).and_then(|()| match &child.output {
            Some(output) => watch(output.as_raw_fd(), token + 1),
            None => Ok(()),
        });
        if let Err(error) = watched {
            // A child that nobody would hear of must not go on. It is gone in a moment.
            let _ = child.signal_group(SIGKILL);
            let _ = poll_readable(child.pidfd.as_fd(), GONE_MS);
            let _ = child.wait();
            return Err(error);
        }
        let (output, started) = (Vec::new(), now);
        let (signalled, ended) = (false, false);
        self.slots[slot] = Some(Running { owner, child, output, started, signalled, ended });
        Ok(())
    }

    fn vacant(&mut self) -> usize {
        if let Some(slot) = self.slots.iter().position(Option::is_none) {
            return slot;
        }
        self.slots.push(None);
        self.slots.len() - 1
    }

    /// A descriptor of a child is ready. Returns the child if it has ended.
    pub fn ready(&mut self, registry: &Registry, token: usize) -> Option<Ended> {
        let slot = token.checked_sub(self.first_token)? / 2;
        let running = self.slots.get_mut(slot)?.as_mut()?;
        let left = running.read_output();
        if let (Left::More, Some(output)) = (left, &running.child.output) {
            // Edge-triggered: ask to be told of what is left.
            let (fd, token) = (output.as_raw_fd(), Token(self.first_token + 2 * slot + 1));
            let _ = registry.reregister(&mut SourceFd(&fd), token, Interest::READABLE);
        }
        if running.ended {
            if left == Left::End {
                self.close(registry, slot);
            }
            return None;
        }
        if (token - self.first_token) % 2 == 1 {
            return None;
        }
        let exit = running.collect()?;
        let (owner, started) = (running.owner, running.started);
        let output = one_line(&running.output);
        let is_notify = matches!(owner, Owner::Notify(_) | Owner::Pre(_));
        running.ended = is_notify && left != Left::End;
        if !running.ended || self.left_behind() > LEFT_BEHIND {
            self.close(registry, slot);
        }
        Some(Ended { owner, exit, output, started })
    }

    /// A notify script may have started a service. As long as that prints to where the script has
    /// printed, somebody has to read it: SIGPIPE would end it.
    fn left_behind(&self) -> usize {
        self.slots.iter().flatten().filter(|running| running.ended).count()
    }

    fn close(&mut self, registry: &Registry, slot: usize) {
        let Some(running) = self.slots.get_mut(slot).and_then(Option::take) else { return };
        let pidfd = running.child.pidfd.as_raw_fd();
        let output = running.child.output.as_ref().map(AsRawFd::as_raw_fd);
        for fd in [Some(pidfd), output].into_iter().flatten() {
            let _ = registry.deregister(&mut SourceFd(&fd));
        }
    }

    /// Sends a signal that ends it to the process group of what runs for an owner. Of a group that
    /// was told to end nothing is left when its first process has ended.
    pub fn signal(&mut self, owner: Owner, signal: i32) {
        let theirs = |running: &&mut Running| running.owner == owner && !running.ended;
        for running in self.slots.iter_mut().flatten().filter(theirs) {
            running.signalled = true;
            let _ = running.child.signal_group(signal);
        }
    }

    /// Whom children are running for.
    pub fn owners(&self) -> impl Iterator<Item = Owner> + '_ {
        self.slots.iter().flatten().filter(|running| !running.ended).map(|running| running.owner)
    }
}

impl Running {
    /// Reads what is there, up to a bound.
    fn read_output(&mut self) -> Left {
        let Some(output) = &self.child.output else { return Left::End };
        let mut buffer = [0; 4096];
        for _ in 0..OUTPUT_TURN / buffer.len() {
            match process::read_output(output.as_fd(), &mut buffer) {
                Ok(Some(0)) | Err(_) => return Left::End,
                Ok(None) => return Left::Nothing,
                Ok(Some(length)) => {
                    self.output.extend_from_slice(&buffer[..length]);
                    let excess = self.output.len().saturating_sub(OUTPUT_KEPT);
                    self.output.drain(..excess);
                }
            }
        }
        Left::More
    }

    /// How it ended; `None` while it runs.
    fn collect(&self) -> Option<Exit> {
        if self.signalled {
            // Whoever of its group has not heeded the signal ends with it. As long as it was not
            // waited for, nobody else can have its number.
            let _ = self.child.signal_group(SIGKILL);
        }
        self.child.wait().unwrap_or_else(|error| {
            log::error!("cannot wait for process {}: {error}", self.child.pid);
            Some(Exit::Code(127))
        })
    }
}

/// The last line that is not empty, printable.
fn one_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    last.unwrap_or_default().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Our own environment without what would change how a child is loaded or read; a PATH in any case.
fn environment() -> Vec<CString> {
    const OURS: [&[u8]; 3] = [b"IFS", b"NOTIFY_SOCKET", b"RUST_LOG"];
    let keep = |name: &[u8]| {
        !OURS.contains(&name) && !name.starts_with(b"LD_") && !name.starts_with(b"VRRP_")
    };
    let path = std::env::var_os("PATH").unwrap_or_else(|| super::command::DEFAULT_PATH.into());
    // As bytes: nobody promises that they are UTF-8.
    std::env::vars_os()
        .filter(|(name, _)| name != "PATH" && keep(name.as_bytes()))
        .chain([("PATH".into(), path)])
        .filter_map(|(name, value)| {
            CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_kept() {
        for (output, line) in [
            ("", ""),
            ("one\n", "one"),
            ("one\ntwo\n\n  \n", "two"),
            ("tab\there\x1b[1m", "tab here [1m"),
        ] {
            assert_eq!(one_line(output.as_bytes()), line);
        }
        assert_eq!(one_line(&[0xff, b'x']), "\u{fffd}x");
    }
}
