//! Running children: check and notify scripts. A child is known by its pidfd; what it prints is
//! read as it comes, and the end of it is kept.

use super::command::Runnable;
use crate::sys::poll_readable;
use crate::sys::process::{self, Child, Exit, Spawn};
use crate::vrrp::check::KILL_DELAY;
use crate::vrrp::time::Instant;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGKILL, SIGTERM};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// How much of the end of the output is kept.
const OUTPUT_KEPT: usize = 512;
/// The same of a check that somebody has asked for.
const TRY_KEPT: usize = 4096;
/// How much output is read of one child in one turn, so that none can hold up the loop.
const OUTPUT_TURN: usize = 64 * 1024;
/// How long a child that prints more than that has to wait until more is read: it would have us do
/// nothing else.
const FLOOD_PAUSE: Duration = Duration::from_millis(10);

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
    /// What would take our place.
    Upgrade,
    /// A run of a check that somebody has asked for.
    Try(usize),
    /// For what a reload has removed: it was told to end.
    Nobody,
}

/// How a child ended.
#[derive(Debug)]
pub struct Ended {
    /// What it was started for.
    pub owner: Owner,
    /// Its exit status or the signal that killed it.
    pub exit: Exit,
    /// The end of what it printed, in one line unless somebody has asked for it.
    pub output: String,
    /// When it was started.
    pub started: Instant,
}

/// A child that runs, or what it has left behind.
pub struct Running {
    /// What it was started for.
    pub owner: Owner,
    /// The process.
    pub child: Child,
    output: Vec<u8>,
    /// It prints more than a turn reads; when more of it is read.
    again_at: Option<Instant>,
    /// When it was started.
    pub started: Instant,
    /// It was told to end.
    signalled: bool,
    /// When it is killed if it has not heeded that; for those that nobody owns any more.
    kill_at: Option<Instant>,
    /// It has ended, but what it has started still holds its output.
    pub ended: bool,
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
    /// When more is read of who prints much, or somebody is killed, at the earliest.
    again_at: Option<Instant>,
    environment: Vec<CString>,
}

impl Children {
    /// Tokens from `first_token` on are the children's.
    #[must_use]
    pub fn new(first_token: usize) -> Self {
        Self { slots: Vec::new(), first_token, again_at: None, environment: environment() }
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
            death_signal: SIGKILL,
            capture: true,
        })?;
        self.watch(registry, Running::new(owner, child, now, false)).map_err(|(error, running)| {
            // A child that nobody would hear of must not go on. It is gone in a moment.
            running.end();
            let why = format!("cannot wait for it: {error}; it was ended at once");
            io::Error::other(why)
        })
    }

    /// Hears of it from now on.
    fn watch(&mut self, registry: &Registry, running: Running) -> Result<(), (io::Error, Running)> {
        let slot = self.vacant();
        let token = self.first_token + 2 * slot;
        let watch = |fd: i32, token| {
            registry.register(&mut SourceFd(&fd), Token(token), Interest::READABLE)
        };
        // Of one that has ended nobody wants to hear that again.
        let pidfd = (!running.ended).then(|| running.child.pidfd.as_raw_fd());
        let watched = pidfd.map_or(Ok(()), |fd| watch(fd, token)).and_then(|()| {
            let output = running.child.output.as_ref();
            output.map_or(Ok(()), |output| watch(output.as_raw_fd(), token + 1))
        });
        match watched {
            Ok(()) => {
                self.slots[slot] = Some(running);
                Ok(())
            }
            Err(error) => Err((error, running)),
        }
    }

    /// Takes one over that another program has started in this process. If nobody owns it any more, it
    /// is told to end.
    ///
    /// # Errors
    /// If it cannot be watched.
    pub fn adopt(
        &mut self,
        registry: &Registry,
        now: Instant,
        mut running: Running,
    ) -> io::Result<()> {
        if running.owner == Owner::Nobody && !running.ended {
            self.wake_at(running.dismiss(now));
        }
        self.watch(registry, running).map_err(|(error, _)| error)
    }

    fn vacant(&mut self) -> usize {
        if let Some(slot) = self.slots.iter().position(Option::is_none) {
            return slot;
        }
        self.slots.push(None);
        self.slots.len() - 1
    }

    /// A descriptor of a child is ready. Returns the child if it has ended.
    pub fn ready(&mut self, registry: &Registry, now: Instant, token: usize) -> Option<Ended> {
        let slot = token.checked_sub(self.first_token)? / 2;
        let running = self.slots.get_mut(slot)?.as_mut()?;
        let is_output = (token - self.first_token) % 2 == 1;
        if is_output && running.again_at.is_some_and(|at| at > now) {
            return None;
        }
        let left = running.read_output();
        running.again_at = (left == Left::More).then_some(now + FLOOD_PAUSE);
        if let Some(at) = running.again_at {
            self.again_at = Some(self.again_at.map_or(at, |first| first.min(at)));
        }
        if running.ended {
            if left == Left::End {
                self.close(registry, slot);
            }
            return None;
        }
        if is_output {
            return None;
        }
        let exit = running.collect()?;
        let (owner, started) = (running.owner, running.started);
        let output = match owner {
            Owner::Try(_) => String::from_utf8_lossy(&running.output).into_owned(),
            _ => one_line(&running.output),
        };
        let is_notify = matches!(owner, Owner::Notify(_) | Owner::Pre(_));
        running.ended = is_notify && left != Left::End;
        if !running.ended || self.left_behind() > LEFT_BEHIND {
            self.close(registry, slot);
        }
        Some(Ended { owner, exit, output, started })
    }

    /// When [`Children::go_on`] wants to be called.
    #[must_use]
    pub const fn due_at(&self) -> Option<Instant> {
        self.again_at
    }

    /// Reads on what they print who have printed more than a turn reads; and kills those that were
    /// told to end by a reload and have not.
    pub fn go_on(&mut self, registry: &Registry, now: Instant) {
        if self.again_at.is_none_or(|at| at > now) {
            return;
        }
        self.again_at = None;
        for slot in 0..self.slots.len() {
            let Some(running) = self.slots[slot].as_mut() else { continue };
            if running.kill_at.is_some_and(|at| at <= now) {
                running.kill_at = None;
                let _ = running.child.signal_group(SIGKILL);
            }
            let (again_at, kill_at) = (running.again_at, running.kill_at);
            kill_at.into_iter().for_each(|at| self.wake_at(at));
            match again_at {
                Some(at) if at <= now => {
                    self.ready(registry, now, self.first_token + 2 * slot + 1);
                }
                Some(at) => self.wake_at(at),
                None => {}
            }
        }
    }

    fn wake_at(&mut self, at: Instant) {
        self.again_at = Some(self.again_at.map_or(at, |first| first.min(at)));
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

    /// After a reload: each child belongs to whoever is in the place of its owner. Who has none is told
    /// to end, and killed a second later.
    pub fn rename(&mut self, now: Instant, heir: impl Fn(Owner) -> Option<Owner>) {
        for running in self.slots.iter_mut().flatten() {
            let heir = heir(running.owner).unwrap_or(Owner::Nobody);
            if heir == Owner::Nobody && running.owner != Owner::Nobody && !running.ended {
                let kill_at = running.dismiss(now);
                self.again_at = Some(self.again_at.map_or(kill_at, |first| first.min(kill_at)));
            }
            running.owner = heir;
        }
    }

    /// Ends at once what runs for some.
    pub fn end(&mut self, which: impl Fn(Owner) -> bool) {
        for slot in &mut self.slots {
            let ends = |running: &mut Running| !running.ended && which(running.owner);
            if let Some(running) = slot.take_if(ends) {
                running.end();
            }
        }
    }

    /// What runs, and what was left behind.
    pub fn handed(&self) -> impl Iterator<Item = &Running> {
        self.slots.iter().flatten()
    }

    /// Whom children are running for.
    pub fn owners(&self) -> impl Iterator<Item = Owner> + '_ {
        self.slots.iter().flatten().filter(|running| !running.ended).map(|running| running.owner)
    }
}

impl Running {
    /// One that has printed nothing yet.
    #[must_use]
    pub fn new(owner: Owner, child: Child, started: Instant, ended: bool) -> Self {
        Self {
            owner,
            child,
            output: Vec::new(),
            again_at: None,
            started,
            signalled: false,
            kill_at: None,
            ended,
        }
    }

    /// It is told to end; returns when it is killed if it does not heed that.
    fn dismiss(&mut self, now: Instant) -> Instant {
        self.signalled = true;
        let _ = self.child.signal_group(SIGTERM);
        *self.kill_at.insert(now + KILL_DELAY)
    }

    /// It ends at once.
    fn end(self) {
        let _ = self.child.signal_group(SIGKILL);
        let _ = poll_readable(self.child.pidfd.as_fd(), GONE_MS);
        let _ = self.child.wait();
    }

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
                    let kept = match self.owner {
                        Owner::Try(_) => TRY_KEPT,
                        _ => OUTPUT_KEPT,
                    };
                    let excess = self.output.len().saturating_sub(kept);
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
