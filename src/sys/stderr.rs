//! Standard error, written to without ever waiting for who reads it.
//!
//! Who has started us may share the open file with others, so its O_NONBLOCK is not ours to set. A
//! pipe or a terminal is opened once more, which gives an open file of our own; a socket takes a flag
//! with each call; and for the rest we look before we write.

use super::{cvt, cvt_len, retry};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

const FD: RawFd = libc::STDERR_FILENO;
/// Its open file, for a second open of the same pipe or terminal.
const PATH: &str = "/proc/self/fd/2";

/// Standard error.
#[derive(Debug)]
pub enum Stderr {
    /// A pipe or a terminal, by an open file of our own that does not block.
    Own(File),
    /// A socket, as the journal gives it.
    Socket,
    /// A file, which does not block; or what could not be opened once more. In a pipe that others
    /// write to at the same moment there may be no room left after the look.
    Looked,
}

impl Stderr {
    /// Finds out what it is.
    #[must_use]
    pub fn open() -> Self {
        let Ok(kind) = std::fs::metadata(PATH).map(|meta| meta.file_type()) else {
            return Self::Looked;
        };
        if kind.is_socket() {
            return Self::Socket;
        }
        if !kind.is_fifo() && !kind.is_char_device() {
            return Self::Looked;
        }
        // A pipe of another user cannot be opened without rights to it.
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let own = File::options().write(true).custom_flags(flags).open(PATH);
        own.map_or(Self::Looked, Self::Own)
    }

    /// Writes as much as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` if there is none now, and what else the kernel says.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Own(file) => retry(|| file.write(bytes)),
            Self::Socket => {
                let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
                let (place, length) = (bytes.as_ptr().cast(), bytes.len());
                // SAFETY: `bytes` is readable for its length until the call returns.
                retry(|| cvt_len(unsafe { libc::send(FD, place, length, flags) }))
            }
            Self::Looked if !has_room()? => Err(io::ErrorKind::WouldBlock.into()),
            Self::Looked => {
                // Room for so much is what the look has found.
                let (place, length) = (bytes.as_ptr().cast(), bytes.len().min(libc::PIPE_BUF));
                // SAFETY: `bytes` is readable for this length until the call returns.
                retry(|| cvt_len(unsafe { libc::write(FD, place, length) }))
            }
        }
    }
}

impl AsRawFd for Stderr {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Own(file) => file.as_raw_fd(),
            Self::Socket | Self::Looked => FD,
        }
    }
}

fn has_room() -> io::Result<bool> {
    let mut poll = libc::pollfd { fd: FD, events: libc::POLLOUT, revents: 0 };
    // SAFETY: `poll` is one pollfd, writable until the call returns.
    retry(|| cvt(unsafe { libc::poll(&mut poll, 1, 0) })).map(|ready| ready > 0)
}
