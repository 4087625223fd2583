//! inotify: what happens in folders.

use super::{cvt, cvt_len, if_ready, owned};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What becomes of a folder itself.
const ITSELF: u32 = libc::IN_DELETE_SELF | libc::IN_MOVE_SELF;
/// What happens in it: names that come, go or are written.
const NAMES: u32 = libc::IN_CLOSE_WRITE
    | libc::IN_CREATE
    | libc::IN_DELETE
    | libc::IN_MOVED_FROM
    | libc::IN_MOVED_TO;
/// A folder and nothing else; what was asked for before stays.
const HOW: u32 = libc::IN_ONLYDIR | libc::IN_MASK_ADD;
/// Bytes of an event before its name: four fields of 32 bits.
const HEADER: usize = 16;
/// Room for several events; one is 16 bytes and at most 256 of a name.
const BUFFER: usize = 4096;

/// An inotify descriptor.
#[derive(Debug)]
pub struct Inotify {
    fd: OwnedFd,
    buffer: Vec<u8>,
}

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// To this name in a folder. Something came, went or was written.
    Name(i32, &'a [u8]),
    /// To the folder itself: it was moved, or is gone.
    Folder(i32),
    /// The watch of a folder has ended.
    Ended(i32),
    /// Events were lost: everything may have changed.
    Lost,
}

impl Inotify {
    /// Opens one that watches nothing yet.
    ///
    /// # Errors
    /// ENOSYS if the kernel has it not, EMFILE if the user has too many of them.
    pub fn new() -> io::Result<Self> {
        // SAFETY: the call has no pointers.
        let fd = owned(unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) })?;
        Ok(Self { fd, buffer: vec![0; BUFFER] })
    }

    /// Watches what becomes of a folder, and of the names in it or not. The number is the folder's:
    /// the same one again if it is watched already.
    ///
    /// # Errors
    /// ENOENT, ENOTDIR, EACCES; ENOSPC if the user has too many watches.
    pub fn watch(&self, folder: &Path, names: bool) -> io::Result<i32> {
        let folder = CString::new(folder.as_os_str().as_bytes())?;
        let mask = HOW | ITSELF | if names { NAMES } else { 0 };
        // SAFETY: `folder` ends with a NUL.
        cvt(unsafe { libc::inotify_add_watch(self.fd.as_raw_fd(), folder.as_ptr(), mask) })
    }

    /// Watches a folder no longer. One that is gone is not watched any more anyway.
    pub fn unwatch(&self, watch: i32) {
        // SAFETY: the call has no pointers.
        let _ = unsafe { libc::inotify_rm_watch(self.fd.as_raw_fd(), watch) };
    }

    /// Takes one batch of events; false if there is none.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn read(&mut self, mut each: impl FnMut(Change<'_>)) -> io::Result<bool> {
        let (fd, place, room) =
            (self.fd.as_raw_fd(), self.buffer.as_mut_ptr().cast(), self.buffer.len());
        // SAFETY: `place` is writable for `room` bytes until the call returns.
        let read = if_ready(|| cvt_len(unsafe { libc::read(fd, place, room) }))?;
        let Some(length) = read.filter(|length| *length > 0) else { return Ok(false) };
        changes(self.buffer.get(..length).unwrap_or_default(), &mut each);
        Ok(true)
    }
}

/// The events in what was read; an incomplete last one is left out.
fn changes(mut bytes: &[u8], each: &mut impl FnMut(Change<'_>)) {
    while let Some((header, rest)) = bytes.split_at_checked(HEADER) {
        let field = |at: usize| {
            let bytes = header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            u32::from_ne_bytes(bytes.unwrap_or_default())
        };
        let (watch, mask, length) = (field(0) as i32, field(4), field(12) as usize);
        let Some((name, rest)) = rest.split_at_checked(length) else { return };
        // The kernel pads with NULs.
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        each(match () {
            () if mask & libc::IN_Q_OVERFLOW != 0 => Change::Lost,
            () if mask & libc::IN_IGNORED != 0 => Change::Ended(watch),
            () if name.is_empty() => Change::Folder(watch),
            () => Change::Name(watch, name),
        });
        bytes = rest;
    }
}

impl AsRawFd for Inotify {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("vipd-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// What is told until nothing is left, as text: the same in a row once.
    fn told(inotify: &mut Inotify) -> Vec<String> {
        let mut told = Vec::new();
        let note = |change: Change<'_>| match change {
            Change::Name(_, name) => String::from_utf8_lossy(name).into_owned(),
            Change::Folder(_) => "folder".into(),
            Change::Ended(_) => "ended".into(),
            Change::Lost => "lost".into(),
        };
        while inotify.read(|change| told.push(note(change))).unwrap() {}
        told.dedup();
        told
    }

    #[test]
    fn what_happens_to_a_name_is_told() {
        let folder = folder("inotify");
        let mut inotify = Inotify::new().unwrap();
        let watch = inotify.watch(&folder, true).unwrap();
        assert_eq!(inotify.watch(&folder, true).unwrap(), watch);
        assert!(told(&mut inotify).is_empty());
        fs::write(folder.join("a"), "1").unwrap();
        assert_eq!(told(&mut inotify), ["a"]);
        fs::rename(folder.join("a"), folder.join("b")).unwrap();
        assert_eq!(told(&mut inotify), ["a", "b"]);
        fs::read(folder.join("b")).unwrap();
        assert!(told(&mut inotify).is_empty());
        fs::remove_file(folder.join("b")).unwrap();
        assert_eq!(told(&mut inotify), ["b"]);
        let moved = folder.with_extension("moved");
        fs::rename(&folder, &moved).unwrap();
        assert_eq!(told(&mut inotify), ["folder"]);
        fs::remove_dir(&moved).unwrap();
        assert_eq!(told(&mut inotify), ["folder", "ended"]);
        inotify.unwatch(watch);
    }

    #[test]
    fn a_folder_is_watched_without_its_names() {
        let folder = folder("inotify-itself");
        let mut inotify = Inotify::new().unwrap();
        let watch = inotify.watch(&folder, false).unwrap();
        fs::write(folder.join("a"), "1").unwrap();
        assert!(told(&mut inotify).is_empty());
        // To ask for more is to ask for both, and to ask for less changes nothing.
        assert_eq!(inotify.watch(&folder, true).unwrap(), watch);
        assert_eq!(inotify.watch(&folder, false).unwrap(), watch);
        fs::remove_file(folder.join("a")).unwrap();
        assert_eq!(told(&mut inotify), ["a"]);
        fs::remove_dir(&folder).unwrap();
        assert_eq!(told(&mut inotify), ["folder", "ended"]);
    }

    #[test]
    fn what_is_no_folder_cannot_be_watched() {
        let inotify = Inotify::new().unwrap();
        let error = |path: &str| inotify.watch(Path::new(path), true).unwrap_err().raw_os_error();
        assert_eq!(error("/nonexistent"), Some(libc::ENOENT));
        assert_eq!(error("/etc/passwd"), Some(libc::ENOTDIR));
    }

    #[test]
    fn lengths_are_not_trusted() {
        let event = |mask: u32, length: u32, name: &[u8]| {
            let mut bytes = Vec::new();
            for field in [7, mask, 0, length] {
                bytes.extend(field.to_ne_bytes());
            }
            bytes.extend(name);
            bytes
        };
        let read = |bytes: &[u8]| {
            let mut found = Vec::new();
            changes(bytes, &mut |change| found.push(format!("{change:?}")));
            found
        };
        assert_eq!(read(&event(libc::IN_Q_OVERFLOW, 0, b"")), ["Lost"]);
        assert_eq!(read(&event(libc::IN_IGNORED, 0, b"")), ["Ended(7)"]);
        assert_eq!(read(&event(libc::IN_CREATE, 4, b"a\0\0\0")), ["Name(7, [97])"]);
        assert!(read(&event(libc::IN_CREATE, 400, b"a\0\0\0")).is_empty());
        assert!(read(&[0; 15]).is_empty());
    }
}
