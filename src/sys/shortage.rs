//! Errors that say that something has run out: later, the same may work.

use std::io;

/// What has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Our own descriptors (EMFILE).
    Descriptors,
    /// Open files of the whole system (ENFILE).
    SystemFiles,
    /// Processes, where one was to be started (EAGAIN).
    Processes,
    /// Memory of the kernel (ENOMEM).
    Memory,
    /// Room in a queue (ENOBUFS).
    Queue,
    /// Things to watch (ENOSPC of epoll and inotify).
    Watches,
}

/// What an error is a sign of; `None` if nothing has run out.
#[must_use]
pub fn of(error: &io::Error) -> Option<What> {
    match (error.raw_os_error(), error.kind()) {
        (Some(libc::EMFILE), _) => Some(What::Descriptors),
        (Some(libc::ENFILE), _) => Some(What::SystemFiles),
        (Some(libc::ENOBUFS), _) => Some(What::Queue),
        (Some(libc::ENOSPC), _) => Some(What::Watches),
        // The same in an error that has words of its own.
        (_, io::ErrorKind::WouldBlock) => Some(What::Processes),
        (_, io::ErrorKind::OutOfMemory) => Some(What::Memory),
        _ => None,
    }
}

/// Whether the kernel had no memory for a moment, so that a second try may do.
pub(super) fn is_momentary(error: &io::Error) -> bool {
    matches!(of(error), Some(What::Queue | What::Memory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_run_out_is_told_from_what_is_wrong() {
        for (errno, what) in [
            (libc::EMFILE, Some(What::Descriptors)),
            (libc::ENFILE, Some(What::SystemFiles)),
            (libc::EAGAIN, Some(What::Processes)),
            (libc::ENOMEM, Some(What::Memory)),
            (libc::ENOBUFS, Some(What::Queue)),
            (libc::ENOSPC, Some(What::Watches)),
            (libc::ENOENT, None),
            (libc::EPERM, None),
        ] {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(of(&error), what, "{error}");
        }
        let told = io::Error::new(io::ErrorKind::WouldBlock, "cannot run it");
        assert_eq!(of(&told), Some(What::Processes));
    }
}
