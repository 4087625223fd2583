//! What makes a process a daemon: the lock, the background.

use super::{cvt, cvt_len};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A locked pid file. It is removed, and with that unlocked, when this is dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes a pid file, locks it and writes our process id. If somebody else holds the lock, `Err` has
/// the process id that stands in the file. A file that a crash has left is locked by nobody.
///
/// # Errors
/// If the file cannot be made or locked.
pub fn lock_file(path: &Path) -> io::Result<Result<Lock, Option<i32>>> {
    let path = std::path::absolute(path)?;
    loop {
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)?;
        if !lock(&file)? {
            let mut text = String::new();
            let _ = file.take(32).read_to_string(&mut text);
            return Ok(Err(text.trim().parse().ok()));
        }
        if !is_at(&file, &path) {
            // Whoever held it has just removed it: what we have locked is not there any more.
            continue;
        }
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        return Ok(Ok(Lock { path, _file: file }));
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |meta: fs::Metadata| (meta.dev(), meta.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(there)) => identity(ours) == identity(there),
        _ => false,
    }
}

/// Locks the whole file for this open of it; false if another has it.
fn lock(file: &File) -> io::Result<bool> {
    // SAFETY: all-zero is a valid flock: from the beginning to the end, pid 0 as is demanded.
    let mut lock: libc::flock = unsafe { mem::zeroed() };
    lock.l_type = libc::F_WRLCK as _;
    lock.l_whence = libc::SEEK_SET as _;
    // SAFETY: `lock` is readable until the call returns.
    match cvt(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &lock) }) {
        Ok(_) => Ok(true),
        Err(error) => match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => Ok(false),
            _ => Err(error),
        },
    }
}

/// What we are after [`daemonize`].
#[derive(Debug)]
pub enum Fork {
    /// The process that was called: exit with this code.
    Parent(i32),
    /// The daemon; it tells the other when it is ready.
    Child(Readiness),
}

/// Tells the process that was called how the start went. If it is dropped without a word, that
/// process takes it for a failure.
#[derive(Debug)]
pub struct Readiness {
    pipe: OwnedFd,
    keep_stderr: bool,
}

impl Readiness {
    /// The daemon is ready: lets go of the terminal, and the process that was called exits with 0.
    pub fn ready(self) {
        let null = File::options().read(true).write(true).open("/dev/null");
        if let Ok(null) = null {
            let last = if self.keep_stderr { 1 } else { 2 };
            for fd in 0..=last {
                // SAFETY: the call has no pointers; both descriptors are open.
                unsafe { libc::dup2(null.as_raw_fd(), fd) };
            }
        }
        let _ = std::env::set_current_dir("/");
        self.tell(0);
    }

    /// The daemon could not start: the process that was called exits with this code.
    pub fn fail(self, code: i32) {
        self.tell(code as u8);
    }

    fn tell(&self, code: u8) {
        // SAFETY: the byte is readable until the call returns.
        unsafe { libc::write(self.pipe.as_raw_fd(), [code].as_ptr().cast(), 1) };
    }
}

/// Goes to the background: a new session, and no way back to a terminal. Must be called while there
/// is one thread. With `keep_stderr` standard error stays open.
///
/// # Errors
/// If a process cannot be made.
pub fn daemonize(keep_stderr: bool) -> io::Result<Fork> {
    let (reader, writer) = pipe()?;
    if fork()? {
        drop(writer);
        return Ok(Fork::Parent(read_code(&reader)));
    }
    drop(reader);
    // SAFETY: the calls have no pointers. We are no group's leader after a fork, so setsid works.
    unsafe { libc::setsid() };
    if fork()? {
        // SAFETY: ends this process at once; nothing of it is to be written twice.
        unsafe { libc::_exit(0) };
    }
    Ok(Fork::Child(Readiness { pipe: writer, keep_stderr }))
}

/// True in the parent.
fn fork() -> io::Result<bool> {
    // SAFETY: there is one thread, so the child may go on as the parent could.
    cvt(unsafe { libc::fork() }).map(|pid| pid != 0)
}

/// The code that the daemon tells; EX_OSERR (71) if it died without a word.
fn read_code(reader: &OwnedFd) -> i32 {
    let mut code = [0u8];
    loop {
        // SAFETY: `code` is writable for one byte until the call returns.
        let read = unsafe { libc::read(reader.as_raw_fd(), code.as_mut_ptr().cast(), 1) };
        match cvt_len(read) {
            Ok(1) => return i32::from(code[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return 71,
        }
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds: [RawFd; 2] = [0; 2];
    // SAFETY: `fds` has room for two descriptors.
    cvt(unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: both descriptors are new and nobody else's.
    Ok(unsafe { (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_the_lock_and_a_file_left_behind_is_no_lock() {
        let path = std::env::temp_dir().join(format!("vipd-lock-{}", std::process::id()));
        fs::write(&path, "12345\n").unwrap();
        let lock = lock_file(&path).unwrap().expect("left behind");
        let ours = std::process::id() as i32;
        assert_eq!(lock_file(&path).unwrap().map(drop), Err(Some(ours)));
        drop(lock);
        assert!(!path.exists());
        drop(lock_file(&path).unwrap().expect("free again"));
    }
}
