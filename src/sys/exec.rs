//! Another program in our place: same process, and the descriptors that it is to have.

use super::{cvt, owned};
use std::ffi::{CStr, CString, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What this process was started from.
#[derive(Debug)]
pub struct Image {
    /// Where its file was: another may be there by now.
    pub path: PathBuf,
    /// The file itself.
    file: File,
    /// Its arguments, the name it was called by first.
    pub arguments: Vec<OsString>,
    /// The folder from which their relative paths lead.
    pub folder: PathBuf,
}

impl Image {
    /// Of this process. To be asked for at the start, before anybody replaces the file.
    ///
    /// # Errors
    /// Without /proc nobody knows.
    pub fn of_this_process() -> io::Result<Self> {
        let file = File::open("/proc/self/exe")?;
        let mut arguments: Vec<_> = std::env::args_os().collect();
        let called = arguments.first().filter(|name| name.as_bytes().contains(&b'/'));
        let path = match called.and_then(|name| leads_to(Path::new(name), &file)) {
            Some(path) => path,
            None => {
                let path = std::fs::read_link("/proc/self/exe")?;
                let name = path.as_os_str().as_bytes();
                // What the kernel appends once the file has gone.
                match name.strip_suffix(b" (deleted)") {
                    Some(name) => PathBuf::from(OsString::from_vec(name.to_vec())),
                    None => path,
                }
            }
        };
        // The next one may be in another folder.
        if let Some(name) = arguments.first_mut() {
            path.as_os_str().clone_into(name);
        }
        Ok(Self { path, file, arguments, folder: std::env::current_dir()? })
    }

    /// The descriptor of its file.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

/// The path by which we were called, made absolute, if it leads to our file: through a symbolic link
/// it may lead to another one later, which the name of the file itself would not.
fn leads_to(path: &Path, file: &File) -> Option<PathBuf> {
    let identity = |meta: std::fs::Metadata| (meta.dev(), meta.ino());
    let ours = identity(file.metadata().ok()?);
    let path = std::path::absolute(path).ok()?;
    (identity(std::fs::metadata(&path).ok()?) == ours).then_some(path)
}

/// Executes a file in our place, with one more variable in the environment. Returns only if that
/// failed.
#[must_use]
pub fn exec(file: &Path, arguments: &[OsString], variable: (&str, &str)) -> io::Error {
    let c_string = |bytes: &[u8]| CString::new(bytes);
    let prepared = || -> Result<_, std::ffi::NulError> {
        let file = c_string(file.as_os_str().as_bytes())?;
        let argv = arguments.iter().map(|it| c_string(it.as_bytes()));
        let own = format!("{}={}", variable.0, variable.1);
        let envp = std::env::vars_os()
            .filter(|(name, _)| name != variable.0)
            .map(|(name, value)| c_string(&[name.as_bytes(), b"=", value.as_bytes()].concat()))
            .chain([c_string(own.as_bytes())]);
        let argv = argv.collect::<Result<Vec<_>, _>>()?;
        Ok((file, argv, envp.collect::<Result<Vec<_>, _>>()?))
    };
    let (file, argv, envp) = match prepared() {
        Ok(prepared) => prepared,
        Err(error) => return io::Error::new(io::ErrorKind::InvalidInput, error),
    };
    let pointers = |strings: &[CString]| -> Vec<*const libc::c_char> {
        strings.iter().map(|it| it.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (argv, envp) = (pointers(&argv), pointers(&envp));
    // SAFETY: both lists end with a null pointer, and all strings live until the call returns.
    unsafe { libc::execve(file.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    io::Error::last_os_error()
}

/// A file in memory with this in it, which stays open when another program is executed.
///
/// # Errors
/// What the kernel says.
pub fn memory_file(name: &CStr, bytes: &[u8]) -> io::Result<OwnedFd> {
    // SAFETY: `name` is a string that lives until the call returns.
    let fd = owned(unsafe { libc::memfd_create(name.as_ptr(), 0) })?;
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    Ok(file.into())
}

/// What is in such a file, whatever was read of it before.
///
/// # Errors
/// What the kernel says; if it is not text.
pub fn read_memory_file(fd: RawFd) -> io::Result<String> {
    let mut text = String::new();
    File::open(format!("/proc/self/fd/{fd}"))?.read_to_string(&mut text)?;
    Ok(text)
}

/// Whether a descriptor stays open when another program is executed.
///
/// # Errors
/// If there is no such descriptor.
pub fn keep_open(fd: RawFd, keep: bool) -> io::Result<()> {
    let flags = if keep { 0 } else { libc::FD_CLOEXEC };
    // SAFETY: the call has no pointers.
    cvt(unsafe { libc::fcntl(fd, libc::F_SETFD, flags) }).map(|_| ())
}

/// A descriptor of our own for what was handed to us: the one that was handed stays as it is.
///
/// # Errors
/// If there is no such descriptor.
pub fn copy(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: fcntl says so if there is no such descriptor; it is borrowed for the call alone.
    unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()
}

/// Closes a descriptor that was handed to us.
pub fn close(fd: RawFd) {
    // Not those that are everybody's.
    if fd > 2 && copy(fd).is_ok() {
        // SAFETY: it was handed to us, is open, and nobody but the caller knows of it.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_memory_is_read_as_often_as_one_likes() {
        let fd = memory_file(c"vipd-test", b"a line\n").unwrap();
        for _ in 0..2 {
            assert_eq!(read_memory_file(fd.as_raw_fd()).unwrap(), "a line\n");
        }
        let copied = copy(fd.as_raw_fd()).unwrap();
        assert_eq!(read_memory_file(copied.as_raw_fd()).unwrap(), "a line\n");
        assert!(copy(-1).is_err() && read_memory_file(-1).is_err());
        keep_open(copied.as_raw_fd(), true).unwrap();
        assert!(keep_open(-1, true).is_err());
    }

    #[test]
    fn what_cannot_be_executed_says_why() {
        let error = exec(std::path::Path::new("/no/such/file"), &["x".into()], ("A", "1"));
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
