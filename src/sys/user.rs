//! Users and groups.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// Room for the strings of an entry.
const BUFFER: usize = 16 * 1024;
/// Groups of one user.
const GROUPS: usize = 256;

/// Whom a process runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// The effective user of this process.
#[must_use]
pub fn effective_uid() -> u32 {
    // SAFETY: the call has no pointers and cannot fail.
    unsafe { libc::geteuid() }
}

/// Looks up a user and a group by name or number; without a group it is the user's own, with the
/// user's supplementary groups. `None` if one of the two does not exist.
///
/// # Errors
/// What the system says of looking them up.
pub fn identity(user: &str, group: Option<&str>) -> io::Result<Option<Identity>> {
    let Some((name, uid, own)) = passwd(user)? else { return Ok(None) };
    let Some(group) = group else {
        let groups = name.map_or_else(|| vec![own], |name| groups_of(&name, own));
        return Ok(Some(Identity { uid, gid: own, groups }));
    };
    Ok(group_id(group)?.map(|gid| Identity { uid, gid, groups: vec![gid] }))
}

/// Name, user id and group id. A number that nobody has is a user without a name.
fn passwd(user: &str) -> io::Result<Option<(Option<CString>, u32, u32)>> {
    let name = CString::new(user)?;
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let mut buffer = vec![0 as libc::c_char; BUFFER];
    let mut found = ptr::null_mut();
    let number = user.parse::<u32>().ok();
    // SAFETY: entry, buffer and result are writable, the name ends with a NUL.
    let error = unsafe {
        let (entry, size) = (entry.as_mut_ptr(), buffer.len());
        match number {
            Some(uid) => libc::getpwuid_r(uid, entry, buffer.as_mut_ptr(), size, &mut found),
            None => libc::getpwnam_r(name.as_ptr(), entry, buffer.as_mut_ptr(), size, &mut found),
        }
    };
    if found.is_null() {
        return missing(error).map(|()| number.map(|uid| (None, uid, uid)));
    }
    // SAFETY: it was found, so the entry is filled in and its strings lie in the buffer.
    let (name, uid, gid) = unsafe {
        let entry = entry.assume_init();
        (CStr::from_ptr(entry.pw_name).to_owned(), entry.pw_uid, entry.pw_gid)
    };
    Ok(Some((Some(name), uid, gid)))
}

fn group_id(group: &str) -> io::Result<Option<u32>> {
    if let Ok(gid) = group.parse() {
        return Ok(Some(gid));
    }
    let name = CString::new(group)?;
    let mut entry = MaybeUninit::<libc::group>::uninit();
    let mut buffer = vec![0 as libc::c_char; BUFFER];
    let mut found = ptr::null_mut();
    // SAFETY: entry, buffer and result are writable, the name ends with a NUL.
    let error = unsafe {
        libc::getgrnam_r(
            name.as_ptr(),
            entry.as_mut_ptr(),
            buffer.as_mut_ptr(),
            buffer.len(),
            &mut found,
        )
    };
    if found.is_null() {
        return missing(error).map(|()| None);
    }
    // SAFETY: it was found, so the entry is filled in.
    Ok(Some(unsafe { entry.assume_init() }.gr_gid))
}

/// The C libraries disagree on how to say that there is no such entry.
fn missing(error: libc::c_int) -> io::Result<()> {
    match error {
        0 | libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

fn groups_of(name: &CStr, gid: u32) -> Vec<u32> {
    let mut groups = vec![0; GROUPS];
    let mut count = GROUPS as libc::c_int;
    // SAFETY: `groups` has room for `count` numbers, the name ends with a NUL.
    let result = unsafe { libc::getgrouplist(name.as_ptr(), gid, groups.as_mut_ptr(), &mut count) };
    if result < 0 {
        return vec![gid];
    }
    groups.truncate(usize::try_from(count).unwrap_or(0));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_found() {
        let root = identity("root", None).unwrap().unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(identity("0", None).unwrap(), Some(root));
        let grouped = identity("root", Some("12345")).unwrap().unwrap();
        assert_eq!((grouped.gid, grouped.groups), (12345, vec![12345]));
        let nameless = identity("54321", None).unwrap().unwrap();
        assert_eq!((nameless.uid, nameless.gid), (54321, 54321));
    }

    #[test]
    fn who_is_not_there_is_none() {
        assert_eq!(identity("no-such-user", None).unwrap(), None);
        assert_eq!(identity("root", Some("no-such-group")).unwrap(), None);
    }
}
