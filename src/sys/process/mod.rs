//! Children: started without copying our memory, waited for by pidfd.

mod child;
mod lifeline;

use super::user::{effective_gid, effective_uid, Identity};
use super::{cvt, cvt_len, exec, if_ready, limits, owned, pipe, retry};
pub use lifeline::{adopt_lifeline, lifeline};

use child::{clone, Plan};
use std::ffi::{CStr, CString};
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr;

/// P_PIDFD of waitid(2).
const P_PIDFD: libc::idtype_t = 3;
/// Descriptors that are closed one by one at most, on kernels before 5.9.
const MOST_DESCRIPTORS: libc::c_long = 65_536;

/// What to start.
#[derive(Clone, Copy, Debug)]
pub struct Spawn<'a> {
    /// The file to execute.
    pub program: &'a CStr,
    /// Arguments, with the name first.
    pub argv: &'a [CString],
    /// The whole environment.
    pub envp: &'a [CString],
    /// Whom to become first; `None` stays what we are.
    pub identity: Option<&'a Identity>,
    /// The signal that the child gets when we die, and with it all of its process group; 0 is none.
    pub death_signal: i32,
    /// Whether to keep what it prints; else it goes to /dev/null.
    pub capture: bool,
}

/// A running child, in a process group of its own.
#[derive(Debug)]
pub struct Child {
    /// Its process id, and its process group.
    pub pid: i32,
    /// Becomes readable when it has ended.
    pub pidfd: OwnedFd,
    /// What it prints.
    pub output: Option<OwnedFd>,
    /// What ends its process group when we die.
    lifeline: Option<OwnedFd>,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl Exit {
    /// The status, if it has ended by itself.
    #[must_use]
    pub const fn code(self) -> Option<i32> {
        match self {
            Self::Code(code) => Some(code),
            Self::Signal(_) => None,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit {code}"),
            Self::Signal(signal) => match signal_hook::low_level::signal_name(*signal) {
                Some(name) => write!(f, "killed by {name}"),
                None => write!(f, "killed by signal {signal}"),
            },
        }
    }
}

/// Starts a child.
///
/// # Errors
/// What failed, up to and including the execution of the program.
pub fn spawn(spawn: &Spawn<'_>) -> io::Result<Child> {
    let null = open_null()?;
    let (reader, writer) = match spawn.capture {
        true => output_pipe().map(|(reader, writer)| (Some(reader), Some(writer)))?,
        false => (None, None),
    };
    let pointers = |words: &[CString]| -> Vec<*const libc::c_char> {
        words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect()
    };
    let (argv, envp) = (pointers(spawn.argv), pointers(spawn.envp));
    // Without it there is still the signal to the child itself.
    let lifeline = Some(spawn.death_signal).filter(|signal| *signal != 0);
    let lifeline = lifeline.and_then(|_| lifeline::reader().ok());
    let mut plan = Plan {
        program: spawn.program.as_ptr(),
        argv: argv.as_ptr(),
        envp: envp.as_ptr(),
        identity: spawn.identity.filter(|identity| needs_change(identity)),
        input: null.as_raw_fd(),
        output: writer.as_ref().map_or(null.as_raw_fd(), AsRawFd::as_raw_fd),
        parent: std::process::id() as i32,
        death_signal: spawn.death_signal,
        files: limits::of_children(),
        lifeline: lifeline.as_ref().map_or(-1, AsRawFd::as_raw_fd),
        descriptors: descriptor_limit(),
        failed: None,
    };
    let (pid, pidfd) = clone(&mut plan)?;
    let child = Child { pid, pidfd, output: reader, lifeline };
    match plan.failed {
        None => Ok(child),
        Some((step, errno)) => {
            // It has let go of our memory, but may not have ended yet: without waiting for that it
            // would stay as a zombie.
            let _ = child.wait_for(0);
            Err(failure(step, spawn.program, errno))
        }
    }
}

fn failure(step: &str, program: &CStr, errno: i32) -> io::Error {
    let error = io::Error::from_raw_os_error(errno);
    let hint = match errno {
        libc::ENOEXEC => "; does it begin with #!/bin/sh?",
        libc::ENOENT if step == "run" => "; or its interpreter",
        _ => "",
    };
    let what = format!("cannot {step} {}: {error}{hint}", program.to_string_lossy());
    io::Error::new(error.kind(), what)
}

/// Without root's rights nobody can become whom he is already, so it is not tried.
fn needs_change(identity: &Identity) -> bool {
    let uid = effective_uid();
    uid == 0 || (uid, effective_gid()) != (identity.uid, identity.gid)
}

/// No descriptor of ours is this high.
fn descriptor_limit() -> i32 {
    // SAFETY: the call has no pointers.
    match unsafe { libc::sysconf(libc::_SC_OPEN_MAX) } {
        limit if (0..MOST_DESCRIPTORS).contains(&limit) => limit as i32,
        _ => MOST_DESCRIPTORS as i32,
    }
}

fn open_null() -> io::Result<OwnedFd> {
    std::fs::File::options().read(true).write(true).open("/dev/null").map(OwnedFd::from)
}

/// A pipe whose reading end does not block.
fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = pipe()?;
    // SAFETY: the call has no pointers.
    cvt(unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) })?;
    Ok((reader, writer))
}

impl Child {
    /// One that another program has started in this process: its descriptors were handed to us, and
    /// are copied.
    ///
    /// # Errors
    /// If there is no such descriptor.
    pub fn handed_over(
        pid: i32,
        pidfd: RawFd,
        output: Option<RawFd>,
        lifeline: Option<RawFd>,
    ) -> io::Result<Self> {
        let copy = |fd: Option<RawFd>| fd.map(exec::copy).transpose();
        let (output, lifeline) = (copy(output)?, copy(lifeline)?);
        Ok(Self { pid, pidfd: exec::copy(pidfd)?, output, lifeline })
    }

    /// What ends its process group when we die.
    #[must_use]
    pub const fn lifeline(&self) -> Option<&OwnedFd> {
        self.lifeline.as_ref()
    }

    /// Sends a signal to the whole process group.
    ///
    /// # Errors
    /// If nobody of the group is left.
    pub fn signal_group(&self, signal: i32) -> io::Result<()> {
        // SAFETY: the call has no pointers. The group is the child's own until it was waited for.
        cvt(unsafe { libc::kill(-self.pid, signal) }).map(drop)
    }

    /// How it ended; `None` while it runs. It is gone after that, and what it has left behind does not
    /// end with us any more.
    ///
    /// # Errors
    /// ECHILD if that was told already, or if we ignore SIGCHLD.
    pub fn wait(&self) -> io::Result<Option<Exit>> {
        let exit = self.wait_for(libc::WNOHANG)?;
        if let (Some(_), Some(lifeline)) = (exit, &self.lifeline) {
            lifeline::untie(lifeline);
        }
        Ok(exit)
    }

    fn wait_for(&self, flags: i32) -> io::Result<Option<Exit>> {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        let flags = flags | libc::WEXITED;
        let fd = self.pidfd.as_raw_fd() as libc::id_t;
        // SAFETY: `info` is writable until the call returns.
        retry(|| cvt(unsafe { libc::waitid(P_PIDFD, fd, info.as_mut_ptr(), flags) }))?;
        // SAFETY: all-zero is valid, and a successful call has filled in the fields of SIGCHLD.
        let (pid, code, status) = unsafe {
            let info = info.assume_init();
            (info.si_pid(), info.si_code, info.si_status())
        };
        Ok(match (pid, code) {
            (0, _) => None,
            (_, libc::CLD_EXITED) => Some(Exit::Code(status)),
            (_, _) => Some(Exit::Signal(status)),
        })
    }
}

/// A descriptor of any process, which becomes readable when it has ended.
///
/// # Errors
/// ESRCH if there is no such process (a thread is none), ENOSYS before Linux 5.3, EMFILE.
pub fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: the call has no pointers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::c_int, 0) };
    // Close-on-exec comes with it.
    owned(fd as libc::c_int)
}

/// Reads what a child has printed; `None` if there is nothing now, 0 if there is nothing any more.
///
/// # Errors
/// What the kernel says.
pub fn read_output(output: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    let (fd, place, length) = (output.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: `buffer` is writable for its length until the call returns.
    if_ready(|| cvt_len(unsafe { libc::read(fd, place, length) }))
}

#[cfg(test)]
mod tests;
