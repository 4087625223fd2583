//! Between clone and execve: the child runs in our memory, on a stack of its own, while the thread
//! that started it stands still. It may not allocate, lock or ask the C library about threads.

use super::lifeline;
use crate::sys::user::Identity;
use crate::sys::{cvt, owned};
use std::cell::RefCell;
use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::ptr;

/// Stack of a child until it executes its program, with the guard at its lower end.
const STACK: usize = 128 * 1024;
/// Nobody may touch it. As long as the longest page of any machine.
const GUARD: usize = 64 * 1024;
/// Bytes of the kernel's set of signals; MIPS has 128 of them.
const SIGNAL_SET: usize = if cfg!(any(
    target_arch = "mips",
    target_arch = "mips32r6",
    target_arch = "mips64",
    target_arch = "mips64r6"
)) {
    16
} else {
    8
};

thread_local! {
    /// Kept for the next child. We stand still while a child uses it, so one is enough.
    static CHILD_STACK: RefCell<Option<Stack>> = const { RefCell::new(None) };
}

/// What the child needs. It shares our memory, so it reads this and writes `failed` in place.
pub(super) struct Plan<'a> {
    pub(super) program: *const libc::c_char,
    pub(super) argv: *const *const libc::c_char,
    pub(super) envp: *const *const libc::c_char,
    pub(super) identity: Option<&'a Identity>,
    pub(super) input: i32,
    pub(super) output: i32,
    pub(super) parent: i32,
    pub(super) death_signal: i32,
    /// How many descriptors it may have, if not as many as we.
    pub(super) files: Option<&'a libc::rlimit>,
    /// Negative if there is none.
    pub(super) lifeline: i32,
    /// No descriptor is this high; asked only on kernels before 5.9.
    pub(super) descriptors: i32,
    /// The step that failed, and errno.
    pub(super) failed: Option<(&'static str, i32)>,
}

/// Memory with a guard: a child that needs more than this ends, instead of writing elsewhere.
struct Stack(*mut c_void);

impl Stack {
    fn new() -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: new memory, at a place of the kernel's choice.
        let place = unsafe { libc::mmap(ptr::null_mut(), STACK, access, flags, -1, 0) };
        if place == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = Self(place);
        // SAFETY: the lower part of what is ours.
        cvt(unsafe { libc::mprotect(place, GUARD, libc::PROT_NONE) })?;
        Ok(stack)
    }

    fn top(&self) -> *mut c_void {
        self.0.wrapping_byte_add(STACK)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: mapped in this length by `new`, and no child is on it: we have waited for it.
        unsafe { libc::munmap(self.0, STACK) };
    }
}

/// Starts a child that shares our memory, and stands still until it executes or exits.
pub(super) fn clone(plan: &mut Plan<'_>) -> io::Result<(i32, OwnedFd)> {
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    let mut pidfd: libc::c_int = -1;
    let pid = CHILD_STACK.with_borrow_mut(|kept| {
        let stack = match kept {
            Some(stack) => stack,
            None => kept.insert(Stack::new()?),
        };
        let plan = ptr::from_mut(plan).cast::<c_void>();
        let _masked = AllSignalsBlocked::new()?;
        // SAFETY: the child runs `child` on a stack of its own, which outlives it because of
        // CLONE_VFORK, as do the plan and all that it points to. All signals are blocked, so none
        // of our handlers can run on our memory. The stack grows down from its aligned top.
        cvt(unsafe { libc::clone(child, stack.top(), flags, plan, &mut pidfd) })
    })?;
    if pidfd < 0 {
        // SAFETY: the calls have no pointers that are not null; the child is ours.
        unsafe {
            libc::kill(pid, libc::SIGKILL);
            libc::waitpid(pid, ptr::null_mut(), 0);
        }
        let old = "the kernel knows no descriptors of processes; 5.4 is the first that can be used";
        return Err(io::Error::new(io::ErrorKind::Unsupported, old));
    }
    Ok((pid, owned(pidfd)?))
}

/// Runs in the child, in our memory: nothing here may allocate, lock or return before it exits.
extern "C" fn child(plan: *mut c_void) -> libc::c_int {
    // SAFETY: `clone` passes a Plan that it does not touch until we have executed or exited.
    let plan = unsafe { &mut *plan.cast::<Plan<'_>>() };
    let step = run(plan);
    plan.failed = Some((step, io::Error::last_os_error().raw_os_error().unwrap_or(0)));
    127
}

/// Returns only if something failed: what.
fn run(plan: &Plan<'_>) -> &'static str {
    // SAFETY: system calls that are safe after fork, on memory that the parent keeps alive and on
    // descriptors of our own table (it is not shared).
    unsafe {
        default_signals();
        if libc::setpgid(0, 0) != 0 {
            return "set the process group of";
        }
        for (from, to) in [(plan.input, 0), (plan.output, 1), (plan.output, 2)] {
            if libc::dup2(from, to) < 0 {
                return "redirect";
            }
        }
        // Before the change of user: the owner of a descriptor may send what its maker might.
        let tied = plan.lifeline >= 0 && lifeline::tie(plan.lifeline, plan.death_signal);
        close_others(tied && keep(plan.lifeline, lifeline::DESCRIPTOR), plan.descriptors);
        if let Some(files) = plan.files {
            // If it may not, ours does as well.
            libc::setrlimit(libc::RLIMIT_NOFILE, files);
        }
        if let Some(Err(step)) = plan.identity.map(|identity| become_user(identity)) {
            return step;
        }
        libc::umask(0o022);
        if libc::chdir(c"/".as_ptr()) != 0 {
            return "change to the root directory for";
        }
        // After the change of user, which would undo it.
        if libc::prctl(libc::PR_SET_PDEATHSIG, plan.death_signal as libc::c_ulong) != 0 {
            return "set the signal of our end for";
        }
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

/// What is ignored would stay so after execve. By system call: the C library refuses the two or
/// three signals that it keeps for itself, which some parents hand down ignored.
///
/// # Safety
/// In the child only.
unsafe fn default_signals() {
    // All zero is the usual effect, wherever the fields are; no kernel's structure is longer.
    let action = [0usize; 16];
    let old: *mut c_void = ptr::null_mut();
    for signal in 1..=8 * SIGNAL_SET {
        // SAFETY: `action` is readable until the call returns. SIGKILL and SIGSTOP are refused.
        unsafe {
            libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), old, SIGNAL_SET);
        }
    }
}

/// Gives a descriptor this number, across the execution of a program.
///
/// # Safety
/// In the child only.
unsafe fn keep(fd: i32, number: i32) -> bool {
    // SAFETY: the calls have no pointers.
    unsafe {
        if fd == number {
            libc::fcntl(fd, libc::F_SETFD, 0) == 0
        } else {
            libc::dup2(fd, number) == number
        }
    }
}

/// Closes all but the standard three, and the lifeline if there is one.
///
/// # Safety
/// In the child only.
unsafe fn close_others(but_lifeline: bool, limit: i32) {
    const KEPT: i32 = lifeline::DESCRIPTOR;
    let parts = match but_lifeline {
        true => [(3, KEPT - 1), (KEPT + 1, i32::MAX)],
        false => [(3, KEPT), (KEPT + 1, i32::MAX)],
    };
    for (first, last) in parts {
        // SAFETY: the calls have no pointers.
        unsafe {
            let (from, to, flags) =
                (first as libc::c_uint, last as libc::c_uint, 0 as libc::c_uint);
            if libc::syscall(libc::SYS_close_range, from, to, flags) != 0 {
                for fd in first..limit.min(last.saturating_add(1)) {
                    libc::close(fd);
                }
            }
        }
    }
}

/// By system call: the C library would change all threads of ours.
///
/// # Safety
/// In the child only.
unsafe fn become_user(identity: &Identity) -> Result<(), &'static str> {
    #[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
    use libc::{SYS_setgid as SETGID, SYS_setgroups as SETGROUPS, SYS_setuid as SETUID};
    // On the oldest two the plain ones take 16 bits.
    #[cfg(any(target_arch = "x86", target_arch = "arm"))]
    use libc::{SYS_setgid32 as SETGID, SYS_setgroups32 as SETGROUPS, SYS_setuid32 as SETUID};
    let Identity { uid, gid, groups } = identity;
    // SAFETY: the groups are readable for their number, which the kernel is told.
    unsafe {
        if libc::syscall(SETGROUPS, groups.len(), groups.as_ptr()) != 0 {
            return Err("take on the groups of the user for");
        }
        if libc::syscall(SETGID, *gid) != 0 {
            return Err("change the group for");
        }
        if libc::syscall(SETUID, *uid) != 0 {
            return Err("change the user for");
        }
    }
    Ok(())
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
