//! The interfaces of this host with their addresses, as a program sees them that only looks.

use super::{cvt, socket};
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io;
use std::net::IpAddr;

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its hardware address, if it has one of six octets.
    pub mac: Option<[u8; 6]>,
    /// It is up.
    pub up: bool,
    /// It has multicast.
    pub multicast: bool,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// All of them, by name.
///
/// # Errors
/// What the kernel says.
pub fn all() -> io::Result<BTreeMap<String, Interface>> {
    let mut first = std::ptr::null_mut();
    // SAFETY: `first` is writable; what it points to then is ours until it is freed below.
    cvt(unsafe { libc::getifaddrs(&mut first) })?;
    let mut all: BTreeMap<String, Interface> = BTreeMap::new();
    let mut next = first;
    // SAFETY: the pointer is null or one to an entry of the list, which lives until it is freed.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ifa_next;
        if entry.ifa_name.is_null() {
            continue;
        }
        // SAFETY: the name ends with a NUL and lives as long as the list.
        let name = unsafe { CStr::from_ptr(entry.ifa_name) }.to_string_lossy().into_owned();
        read(entry, all.entry(name).or_default());
    }
    // SAFETY: it came from getifaddrs, and nothing of it is used any more.
    unsafe { libc::freeifaddrs(first) };
    Ok(all)
}

fn read(entry: &libc::ifaddrs, into: &mut Interface) {
    let has = |flag: libc::c_int| entry.ifa_flags & flag as libc::c_uint != 0;
    (into.up, into.multicast) = (has(libc::IFF_UP), has(libc::IFF_MULTICAST));
    // SAFETY: the address is null or one that is readable for its family's structure.
    let Some(address) = (unsafe { entry.ifa_addr.as_ref() }) else { return };
    match i32::from(address.sa_family) {
        libc::AF_PACKET => {
            // SAFETY: that family's structure is a sockaddr_ll; it may be read wherever it lies.
            let link = unsafe { entry.ifa_addr.cast::<libc::sockaddr_ll>().read_unaligned() };
            into.mac = socket::mac(&link);
        }
        family @ (libc::AF_INET | libc::AF_INET6) => {
            // SAFETY: all-zero is a valid sockaddr_storage, and it has room for both structures,
            // of which the one of this family is readable.
            let storage = unsafe {
                let mut storage: libc::sockaddr_storage = std::mem::zeroed();
                let length = if family == libc::AF_INET {
                    std::mem::size_of::<libc::sockaddr_in>()
                } else {
                    std::mem::size_of::<libc::sockaddr_in6>()
                };
                let to = (&raw mut storage).cast::<u8>();
                std::ptr::copy_nonoverlapping(entry.ifa_addr.cast::<u8>(), to, length);
                storage
            };
            into.addresses.push(socket::from_sockaddr(&storage));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn the_loopback_is_there() {
        let all = all().unwrap();
        let lo = all.get("lo").unwrap();
        assert_eq!((lo.mac, lo.multicast), (Some([0; 6]), false));
        assert!(lo.addresses.contains(&Ipv4Addr::LOCALHOST.into()), "{lo:?}");
    }
}
