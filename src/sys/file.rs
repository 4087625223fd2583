//! Files of others: opened so that nothing blocks, and nobody is led astray.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// What kind of file system something is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// inotify tells of all that happens there.
    Telling,
    /// inotify does not: files are only a picture of what the kernel knows (/proc, /sys).
    Silent,
    /// Others write there, too, or answer, or do not: whoever reads may have to wait for long.
    Remote,
}

/// On what kind of file system a path is; [`FileSystem::Telling`] if that is not known.
#[must_use]
pub fn file_system(path: &Path) -> FileSystem {
    const SILENT: &[u32] = &[
        0x9fa0,      // proc
        0x6265_6572, // sysfs
        0x0027_e0eb, // cgroup
        0x6367_7270, // cgroup2
        0x6462_6720, // debugfs
        0x7472_6163, // tracefs
    ];
    const REMOTE: &[u32] = &[
        0x6969,      // nfs
        0x517b,      // smb
        0xfe53_4d42, // smb2
        0xff53_4d42, // cifs
        0x6573_5546, // fuse
        0x0102_1997, // 9p
        0x00c3_6400, // ceph
        0x5346_414f, // afs
    ];
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else {
        return FileSystem::Telling;
    };
    let mut stat = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: `path` ends with a NUL, and `stat` is writable until the call returns.
    if unsafe { libc::statfs(path.as_ptr(), stat.as_mut_ptr()) } != 0 {
        return FileSystem::Telling;
    }
    // SAFETY: all-zero is valid, and a successful call has filled it in.
    let kind = unsafe { stat.assume_init() }.f_type as u32;
    match kind {
        kind if SILENT.contains(&kind) => FileSystem::Silent,
        kind if REMOTE.contains(&kind) => FileSystem::Remote,
        _ => FileSystem::Telling,
    }
}

/// Opens a regular file for reading; `None` if it is something else. That is looked at before, for
/// opening a device may do something, and after, for it may have been exchanged.
///
/// # Errors
/// What the kernel says.
pub fn open_regular(path: &Path) -> io::Result<Option<File>> {
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

/// Opens a regular file that has no other name, to write it anew. A symbolic link is not followed.
///
/// # Errors
/// What the kernel says (ELOOP for a link), or that it is something else.
pub fn empty_regular(path: &Path) -> io::Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW;
    let file = OpenOptions::new().write(true).custom_flags(flags).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() || found.nlink() != 1 {
        return Err(io::Error::other("it is no regular file, or has several names"));
    }
    file.set_len(0)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn file_systems_are_told_apart() {
        assert_eq!(file_system(Path::new("/proc/version")), FileSystem::Silent);
        assert_eq!(file_system(Path::new("/sys")), FileSystem::Silent);
        assert_eq!(file_system(Path::new("/nonexistent")), FileSystem::Telling);
    }

    /// A pipe would block whoever opens it, a device may do something.
    #[test]
    fn only_regular_files_are_opened() {
        let folder = std::env::temp_dir().join(format!("vipd-regular-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let at = |name: &str| folder.join(name);
        fs::write(at("file"), "5").unwrap();
        symlink(at("file"), at("link")).unwrap();
        fs::hard_link(at("file"), at("twice")).unwrap();
        fs::write(at("single"), "5").unwrap();
        let pipe = CString::new(at("pipe").as_os_str().as_bytes()).unwrap();
        // SAFETY: `pipe` ends with a NUL.
        assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
        for (path, opens) in [
            (at("file"), true),
            (at("link"), true),
            (at("pipe"), false),
            (folder.clone(), false),
            ("/dev/null".into(), false),
        ] {
            assert_eq!(open_regular(&path).unwrap().is_some(), opens, "{path:?}");
        }
        for (name, opens) in [("single", true), ("file", false), ("link", false), ("pipe", false)] {
            assert_eq!(empty_regular(&at(name)).is_ok(), opens, "{name}");
        }
        assert_eq!(fs::read(at("single")).unwrap(), b"");
        assert_eq!(fs::read(at("file")).unwrap(), b"5");
        fs::remove_dir_all(&folder).unwrap();
    }
}
