//! What makes a process a daemon: the lock, the background.

use super::{clock, cvt, cvt_len, pipe, retry};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a lock is tried that somebody may be about to let go.
const LOOK: Duration = Duration::from_millis(10);

/// The name of this host up to its first dot, as the kernel has it.
#[must_use]
pub fn short_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim_end().split('.').next().unwrap_or_default().to_owned()
}

/// The version of the kernel: 6 and 12 of `6.12.3-mine`. 0 and 0 if nobody knows.
#[must_use]
pub fn kernel_version() -> (u32, u32) {
    version(&fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default())
}

fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|char: char| !char.is_ascii_digit());
    let mut number = || numbers.next().and_then(|digits| digits.parse().ok()).unwrap_or(0);
    (number(), number())
}

/// Which run of the machine this is; `None` if the kernel does not say.
#[must_use]
pub fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim_end().to_owned()).filter(|id| !id.is_empty())
}

/// Opens a file for reading that is no link, and waits for nobody, whatever it is.
///
/// # Errors
/// What the kernel says.
pub fn open_plain(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    File::options().read(true).custom_flags(flags).open(path)
}

/// A locked pid file. It is removed, and with that unlocked, when this is dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    /// Holds the lock.
    file: File,
}

impl Lock {
    /// One that another program holds in this process: its descriptor was handed to us.
    ///
    /// # Errors
    /// If there is no such descriptor.
    pub fn handed_over(path: &Path, fd: RawFd) -> io::Result<Self> {
        let file = File::from(super::exec::copy(fd)?);
        Ok(Self { path: std::path::absolute(path)?, file })
    }

    /// Its descriptor.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes a pid file, locks it and writes our process id. If somebody else holds the lock, and still
/// does when `patience` has passed, `Err` has the process id that stands in the file. A file that a crash has left is locked by nobody.
///
/// # Errors
/// If the file cannot be made or locked.
pub fn lock_file(path: &Path, patience: Duration) -> io::Result<Result<Lock, Option<i32>>> {
    let path = std::path::absolute(path)?;
    let until = clock::monotonic().saturating_add(patience.as_nanos() as u64);
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
            if clock::monotonic() < until {
                std::thread::sleep(LOOK);
                continue;
            }
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
        return Ok(Ok(Lock { path, file }));
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

/// Locks the file for this open of it and its copies in children; false if another has it. Not
/// fcntl(2)'s lock, whose structure differs between 32-bit machines and C libraries.
fn lock(file: &File) -> io::Result<bool> {
    let fd = file.as_raw_fd();
    // SAFETY: the call has no pointers.
    match retry(|| cvt(unsafe { libc::flock(fd, libc::LOCK_EX | libc::LOCK_NB) })) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
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
                let _ = retry(|| cvt(unsafe { libc::dup2(null.as_raw_fd(), fd) }));
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
    let (fd, mut code) = (reader.as_raw_fd(), [0u8]);
    // SAFETY: `code` is writable for one byte until the call returns.
    match retry(|| cvt_len(unsafe { libc::read(fd, code.as_mut_ptr().cast(), 1) })) {
        Ok(1) => i32::from(code[0]),
        Ok(_) | Err(_) => 71,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn versions_are_read_as_far_as_they_are_numbers() {
        for (release, is) in [("6.18.44-fc\n", (6, 18)), ("5.4", (5, 4)), ("6.12-rc1", (6, 12))] {
            assert_eq!(version(release), is);
        }
        for nonsense in ["", "x.y", "99999999999.1"] {
            assert_eq!(version(nonsense).0, 0, "{nonsense}");
        }
        assert_ne!(kernel_version(), (0, 0));
    }

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("vipd-host-{}-{name}", std::process::id()))
    }

    #[test]
    fn one_holds_the_lock_and_a_file_left_behind_is_no_lock() {
        let path = scratch("lock");
        fs::write(&path, "12345 and more that was left behind\n").unwrap();
        let lock = lock_file(&path, Duration::ZERO).unwrap().expect("left behind");
        let ours = std::process::id() as i32;
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{ours}\n"));
        assert_eq!(lock_file(&path, Duration::ZERO).unwrap().map(drop), Err(Some(ours)));
        drop(lock);
        assert!(!path.exists());
        drop(lock_file(&path, Duration::ZERO).unwrap().expect("free again"));
    }

    #[test]
    fn a_lock_whose_file_is_still_there_is_free_when_its_holder_is_gone() {
        let path = scratch("gone");
        let mut file = Some(File::create(&path).unwrap());
        assert!(lock(file.as_ref().unwrap()).unwrap());
        assert_eq!(lock_file(&path, Duration::ZERO).unwrap().map(drop), Err(None));
        // It goes a moment later. Children that other tests start then hold a copy until they execute.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(3 * LOOK);
                file.take();
            });
            drop(lock_file(&path, Duration::from_secs(10)).unwrap().expect("it is released"));
        });
        assert!(!path.exists());
    }

    #[test]
    fn a_pid_file_is_no_link() {
        let path = scratch("link");
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        let error = lock_file(&path, Duration::ZERO).unwrap_err();
        fs::remove_file(&path).unwrap();
        assert_eq!(error.raw_os_error(), Some(libc::ELOOP));
    }

    fn session() -> i32 {
        // SAFETY: the call has no pointers.
        unsafe { libc::getsid(0) }
    }

    /// The daemon's side of the test below, in a process of its own.
    fn in_background(what: &str, path: &str) -> ! {
        let before = session();
        match daemonize(what == "keep").unwrap() {
            Fork::Parent(code) => std::process::exit(code),
            Fork::Child(readiness) => {
                eprintln!("still heard");
                let session = session();
                let apart = session != before && session != std::process::id() as i32;
                match what {
                    "die" => {}
                    "fail" => readiness.fail(7),
                    _ => readiness.ready(),
                }
                eprintln!("heard after that");
                let at_root = std::env::current_dir().unwrap() == Path::new("/");
                // By another name first, so that it is there as a whole or not at all.
                let draft = format!("{path}-draft");
                fs::write(&draft, format!("{apart} {at_root}")).unwrap();
                fs::rename(&draft, path).unwrap();
                std::process::exit(0);
            }
        }
    }

    /// Its exit code, what it said on standard error, and what the daemon found.
    fn start_in_background(what: &str) -> (Option<i32>, String, String) {
        const NAME: &str = "sys::host::tests::the_start_in_the_background_has_an_exit_code";
        let path = scratch(what);
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture", "--test-threads=1"])
            .env("VIPD_TEST_WHAT", what)
            .env("VIPD_TEST_PATH", &path)
            .output()
            .unwrap();
        let patience = Instant::now() + Duration::from_secs(20);
        let found = loop {
            match fs::read_to_string(&path) {
                Ok(text) => break text,
                Err(error) => assert!(Instant::now() < patience, "{what}: {error}"),
            }
        };
        fs::remove_file(&path).unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), found)
    }

    #[test]
    fn the_start_in_the_background_has_an_exit_code() {
        if let (Ok(what), Ok(path)) =
            (std::env::var("VIPD_TEST_WHAT"), std::env::var("VIPD_TEST_PATH"))
        {
            in_background(&what, &path);
        }
        for (what, code, root, heard) in [
            ("ready", 0, true, false),
            ("keep", 0, true, true),
            ("fail", 7, false, true),
            ("die", 71, false, true),
        ] {
            let (exit, errors, found) = start_in_background(what);
            assert_eq!((exit, found), (Some(code), format!("true {root}")), "{what}: {errors}");
            assert!(errors.contains("still heard"), "{what}: {errors}");
            assert_eq!(errors.contains("heard after that"), heard, "{what}: {errors}");
        }
    }
}
