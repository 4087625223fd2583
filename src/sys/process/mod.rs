//! Children: started without copying our memory, waited for by pidfd.

use super::user::Identity;
use super::{cvt, cvt_len};
use std::cell::RefCell;
use std::ffi::{c_void, CStr, CString};
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

/// Stack of a child until it executes its program.
const STACK: usize = 64 * 1024;
/// The highest signal number there is.
const LAST_SIGNAL: i32 = 64;
/// Descriptors that are closed one by one where the kernel cannot do it in one call.
const LAST_DESCRIPTOR: i32 = 1024;
/// P_PIDFD of waitid(2).
const P_PIDFD: libc::idtype_t = 3;

thread_local! {
    /// The child's stack. We stand still while the child uses it, so one is enough; u128 aligns it
    /// as the machine wants.
    static CHILD_STACK: RefCell<Vec<u128>> = RefCell::new(vec![0; STACK / 16]);
}

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
    /// The signal that the child gets when we die.
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
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By a signal.
    Signal(i32),
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

/// What the child needs. It shares our memory, so it reads this and writes `failed` in place.
struct Plan {
    program: *const libc::c_char,
    argv: *const *const libc::c_char,
    envp: *const *const libc::c_char,
    identity: Option<(libc::uid_t, libc::gid_t, *const libc::gid_t, usize)>,
    input: i32,
    output: i32,
    parent: i32,
    death_signal: i32,
    /// The step that failed, and errno.
    failed: Option<(&'static str, i32)>,
}

/// Starts a child.
///
/// # Errors
/// What failed, up to and including the execution of the program.
pub fn spawn(spawn: &Spawn<'_>) -> io::Result<Child> {
    let null = open_null()?;
    let (reader, writer) = match spawn.capture {
        true => pipe().map(|(reader, writer)| (Some(reader), Some(writer)))?,
        false => (None, None),
    };
    let pointers = |words: &[CString]| -> Vec<*const libc::c_char> {
        words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect()
    };
    let (argv, envp) = (pointers(spawn.argv), pointers(spawn.envp));
    let mut plan = Plan {
        program: spawn.program.as_ptr(),
        argv: argv.as_ptr(),
        envp: envp.as_ptr(),
        identity: spawn.identity.map(|id| (id.uid, id.gid, id.groups.as_ptr(), id.groups.len())),
        input: null.as_raw_fd(),
        output: writer.as_ref().map_or(null.as_raw_fd(), AsRawFd::as_raw_fd),
        parent: std::process::id() as i32,
        death_signal: spawn.death_signal,
        failed: None,
    };
    let (pid, pidfd) = clone(&mut plan)?;
    let child = Child { pid, pidfd, output: reader };
    match plan.failed {
        None => Ok(child),
        Some((step, errno)) => {
            // It has exited already; collect it.
            let _ = child.wait();
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

/// Starts a child that shares our memory, and stands still until it executes or exits.
fn clone(plan: &mut Plan) -> io::Result<(i32, OwnedFd)> {
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    let mut pidfd: libc::c_int = -1;
    let masked = AllSignalsBlocked::new()?;
    let pid = CHILD_STACK.with_borrow_mut(|stack| {
        let top = stack.as_mut_ptr_range().end.cast::<c_void>();
        let plan = ptr::from_mut(plan).cast::<c_void>();
        // SAFETY: the child runs `child` on a stack of its own, which outlives it because of
        // CLONE_VFORK, as do the plan and all that it points to. All signals are blocked, so none
        // of our handlers can run on our memory. The stack grows down from its aligned top.
        cvt(unsafe { libc::clone(child, top, flags, plan, &mut pidfd) })
    });
    drop(masked);
    // SAFETY: clone succeeded, so the descriptor is new and nobody else's.
    Ok((pid?, unsafe { OwnedFd::from_raw_fd(pidfd) }))
}

/// Runs in the child, in our memory: nothing here may allocate, lock or return before it exits.
extern "C" fn child(plan: *mut c_void) -> libc::c_int {
    // SAFETY: `clone` passes a Plan that it does not touch until we have executed or exited.
    let plan = unsafe { &mut *plan.cast::<Plan>() };
    let step = run(plan);
    plan.failed = Some((step, io::Error::last_os_error().raw_os_error().unwrap_or(0)));
    127
}

/// Returns only if something failed: what.
fn run(plan: &Plan) -> &'static str {
    // SAFETY: system calls that are safe after fork, on memory that the parent keeps alive and on
    // descriptors of our own table (it is not shared).
    unsafe {
        for signal in 1..=LAST_SIGNAL {
            libc::signal(signal, libc::SIG_DFL);
        }
        if libc::setpgid(0, 0) != 0 {
            return "set the process group of";
        }
        for (from, to) in [(plan.input, 0), (plan.output, 1), (plan.output, 2)] {
            if libc::dup2(from, to) < 0 {
                return "redirect";
            }
        }
        if libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) != 0 {
            for fd in 3..LAST_DESCRIPTOR {
                libc::close(fd);
            }
        }
        if let Some((uid, gid, groups, count)) = plan.identity {
            if become_user(uid, gid, groups, count) != 0 {
                return "change the user for";
            }
        }
        libc::umask(0o022);
        if libc::chdir(c"/".as_ptr()) != 0 {
            return "change to the root directory for";
        }
        // After the change of user, which would undo it.
        libc::prctl(libc::PR_SET_PDEATHSIG, plan.death_signal);
        if libc::getppid() != plan.parent {
            return "outlive us with";
        }
        let mut none = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
        libc::execve(plan.program, plan.argv, plan.envp);
        "run"
    }
}

/// By system call: the C library would change all threads of ours.
///
/// # Safety
/// `groups` points to `count` numbers.
unsafe fn become_user(
    uid: libc::uid_t,
    gid: libc::gid_t,
    groups: *const libc::gid_t,
    count: usize,
) -> libc::c_long {
    #[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
    use libc::{SYS_setgid as SETGID, SYS_setgroups as SETGROUPS, SYS_setuid as SETUID};
    #[cfg(any(target_arch = "x86", target_arch = "arm"))]
    use libc::{SYS_setgid32 as SETGID, SYS_setgroups32 as SETGROUPS, SYS_setuid32 as SETUID};
    // SAFETY: as the caller promises.
    unsafe {
        match libc::syscall(SETGROUPS, count, groups) {
            0 => match libc::syscall(SETGID, gid) {
                0 => libc::syscall(SETUID, uid),
                error => error,
            },
            error => error,
        }
    }
}

/// No signal reaches this thread while this lives.
struct AllSignalsBlocked(libc::sigset_t);

impl AllSignalsBlocked {
    fn new() -> io::Result<Self> {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        let mut old = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sigfillset initialises `all`; on success `old` is initialised too.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            cvt(libc::sigprocmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr()))?;
            Ok(Self(old.assume_init()))
        }
    }
}

impl Drop for AllSignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: the mask is the one that was set before.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &self.0, ptr::null_mut()) };
    }
}

fn open_null() -> io::Result<OwnedFd> {
    std::fs::File::options().read(true).write(true).open("/dev/null").map(OwnedFd::from)
}

/// A pipe whose reading end does not block.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    // SAFETY: `fds` has room for two descriptors.
    cvt(unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: both descriptors are new and nobody else's.
    let (reader, writer) = unsafe { (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])) };
    // SAFETY: the call has no pointers.
    cvt(unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) })?;
    Ok((reader, writer))
}

impl Child {
    /// Sends a signal to the whole process group.
    ///
    /// # Errors
    /// If nobody of the group is left.
    pub fn signal_group(&self, signal: i32) -> io::Result<()> {
        // SAFETY: the call has no pointers. The group is the child's own until it was waited for.
        cvt(unsafe { libc::kill(-self.pid, signal) }).map(drop)
    }

    /// How it ended; `None` while it runs. It is gone after that.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn wait(&self) -> io::Result<Option<Exit>> {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        let flags = libc::WEXITED | libc::WNOHANG;
        let fd = self.pidfd.as_raw_fd() as libc::id_t;
        // SAFETY: `info` is writable until the call returns.
        cvt(unsafe { libc::waitid(P_PIDFD, fd, info.as_mut_ptr(), flags) })?;
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

/// Reads what a child has printed; `None` if there is nothing now, 0 if there is nothing any more.
///
/// # Errors
/// What the kernel says.
pub fn read_output(output: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    // SAFETY: `buffer` is writable for its length until the call returns.
    let read = unsafe { libc::read(output.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
    match cvt_len(read) {
        Ok(length) => Ok(Some(length)),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests;
