//! How many descriptors we may have, and how many those may have whom we start.

use super::cvt;
use std::io;
use std::sync::OnceLock;

/// What we had when we were started: our children get it back. Some programs close all that they could
/// have, one by one.
static BEFORE: OnceLock<libc::rlimit> = OnceLock::new();

/// From now on we may have so many descriptors, or as many as we are allowed to.
///
/// # Errors
/// What the kernel says.
pub fn raise_descriptors(most: u32) -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is writable until the call returns.
    cvt(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) })?;
    let before = *BEFORE.get_or_init(|| limit);
    let wanted = libc::rlim_t::from(most).min(limit.rlim_max).max(before.rlim_cur);
    let limit = libc::rlimit { rlim_cur: wanted, ..limit };
    // SAFETY: `limit` is readable until the call returns.
    cvt(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }).map(drop)
}

/// How many we had before; `None` if that is what we have.
#[must_use]
pub fn descriptors_before() -> Option<u64> {
    // Of another width on other machines.
    #[allow(clippy::useless_conversion)]
    BEFORE.get().map(|limit| u64::from(limit.rlim_cur))
}

/// What another program had before, in whose place we are: our children get that. To be called first.
pub fn set_descriptors_before(descriptors: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is writable until the call returns.
    if cvt(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }).is_ok() {
        let before = libc::rlim_t::try_from(descriptors).unwrap_or(limit.rlim_max);
        let _ = BEFORE.set(libc::rlimit { rlim_cur: before.min(limit.rlim_max), ..limit });
    }
}

/// The limit of our children, if it is not ours.
pub(super) fn of_children() -> Option<&'static libc::rlimit> {
    BEFORE.get()
}
