//! Users and groups.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// An entry whose strings need more than this is none.
const MAX_ENTRY: usize = 1 << 20;
/// The kernel knows no more groups of one process (NGROUPS_MAX).
const MAX_GROUPS: usize = 65_536;

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

/// The effective group of this process.
#[must_use]
pub fn effective_gid() -> u32 {
    // SAFETY: the call has no pointers and cannot fail.
    unsafe { libc::getegid() }
}

/// Looks up a user and a group by name or number; without a group it is the user's own, with the
/// user's supplementary groups. `None` if one of the two does not exist.
///
/// # Errors
/// What the system says of looking them up.
pub fn identity(user: &str, group: Option<&str>) -> io::Result<Option<Identity>> {
    let Some((name, uid, own)) = passwd(user)? else { return Ok(None) };
    let Some(group) = group else {
        let groups = name.map_or_else(|| Ok(vec![own]), |name| groups_of(&name, own))?;
        return Ok(Some(Identity { uid, gid: own, groups }));
    };
    Ok(group_id(group)?.map(|gid| Identity { uid, gid, groups: vec![gid] }))
}

/// Name, user id and group id. A number that nobody has is a user without a name.
fn passwd(user: &str) -> io::Result<Option<(Option<CString>, u32, u32)>> {
    let name = CString::new(user)?;
    let number = user.parse::<u32>().ok();
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let place = entry.as_mut_ptr();
    let found = with_room(
        // SAFETY: entry, room and result are writable, the name ends with a NUL.
        |room, size, found| unsafe {
            match number {
                Some(uid) => libc::getpwuid_r(uid, place, room, size, found),
                None => libc::getpwnam_r(name.as_ptr(), place, room, size, found),
            }
        },
        // SAFETY: it was found, so the entry is filled in and its strings lie in the room.
        |entry: *mut libc::passwd| unsafe {
            (Some(CStr::from_ptr((*entry).pw_name).to_owned()), (*entry).pw_uid, (*entry).pw_gid)
        },
    )?;
    Ok(found.or(number.map(|uid| (None, uid, uid))))
}

/// Looks up a group by name or number; `None` if there is none.
///
/// # Errors
/// What the system says of looking it up.
pub fn group_id(group: &str) -> io::Result<Option<u32>> {
    if let Ok(gid) = group.parse() {
        return Ok(Some(gid));
    }
    let name = CString::new(group)?;
    let mut entry = MaybeUninit::<libc::group>::uninit();
    let place = entry.as_mut_ptr();
    with_room(
        // SAFETY: entry, room and result are writable, the name ends with a NUL.
        |room, size, found| unsafe { libc::getgrnam_r(name.as_ptr(), place, room, size, found) },
        // SAFETY: it was found, so the entry is filled in.
        |entry: *mut libc::group| unsafe { (*entry).gr_gid },
    )
}

/// Calls one of the `get…_r` functions with ever more room for the strings of an entry: that of a
/// group names all its members.
fn with_room<T, R>(
    mut look_up: impl FnMut(*mut libc::c_char, usize, *mut *mut T) -> libc::c_int,
    keep: impl FnOnce(*mut T) -> R,
) -> io::Result<Option<R>> {
    let mut room: Vec<libc::c_char> = vec![0; 1024];
    loop {
        let mut found = ptr::null_mut();
        match look_up(room.as_mut_ptr(), room.len(), &mut found) {
            0 if found.is_null() => return Ok(None),
            0 => return Ok(Some(keep(found))),
            libc::EINTR => {}
            libc::ERANGE if room.len() < MAX_ENTRY => room.resize(room.len() * 4, 0),
            // The C libraries disagree on how to say that there is no such entry.
            libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM => return Ok(None),
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// All groups of a user, the user's own among them.
fn groups_of(name: &CStr, gid: u32) -> io::Result<Vec<u32>> {
    let mut groups = vec![0; 32];
    loop {
        let mut count = groups.len() as libc::c_int;
        // SAFETY: `groups` has room for `count` numbers, the name ends with a NUL.
        let result =
            unsafe { libc::getgrouplist(name.as_ptr(), gid, groups.as_mut_ptr(), &mut count) };
        let count = usize::try_from(count).unwrap_or(0);
        if result >= 0 {
            groups.truncate(count);
            return Ok(groups);
        }
        // Too many for the room. Not every C library says how many there are.
        let wanted = count.max(groups.len() * 2);
        if wanted > MAX_GROUPS {
            return Err(io::Error::other("the user has more groups than the kernel knows"));
        }
        groups.resize(wanted, 0);
    }
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
        let nameless = identity("3999999", Some("4711")).unwrap().unwrap();
        assert_eq!(nameless, Identity { uid: 3_999_999, gid: 4711, groups: vec![4711] });
    }

    #[test]
    fn who_is_not_there_is_none() {
        assert_eq!(identity("no-such-user", None).unwrap(), None);
        assert_eq!(identity("root", Some("no-such-group")).unwrap(), None);
        assert!(identity("a\0b", None).is_err());
        assert!(identity("root", Some("a\0b")).is_err());
    }

    #[test]
    fn room_grows_until_an_entry_fits() {
        let mut entry = 7;
        let place: *mut i32 = &mut entry;
        let look_up = |_: *mut libc::c_char, size: usize, found: *mut *mut i32| {
            if size < 20_000 {
                return libc::ERANGE;
            }
            // SAFETY: `with_room` gives a place for the answer.
            unsafe { *found = place };
            0
        };
        // SAFETY: the entry lives on.
        assert_eq!(with_room(look_up, |entry| unsafe { *entry }).unwrap(), Some(7));
        let never = |_: *mut libc::c_char, _: usize, _: *mut *mut i32| libc::ERANGE;
        assert!(with_room(never, |_| ()).is_err());
    }
}
