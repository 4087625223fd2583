//! What all kinds of sockets have in common.

use super::raw::Instruction;
use super::{cvt, owned};
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};

/// Room for the control messages of a packet, aligned for their headers.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Control(pub(super) [u8; 128]);

impl Control {
    pub(super) const EMPTY: Self = Self([0; 128]);
}

pub(super) fn open(domain: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    let kind = kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: the call has no pointers.
    owned(unsafe { libc::socket(domain, kind, protocol) })
}

/// Sends messages in one system call; how many went. The call itself, because musl's function of
/// that name makes one call a message on 64-bit machines. The headers have to be made from zeros:
/// where the kernel's fields are wider than musl's, musl has padding.
pub(super) fn send_many(
    fd: &OwnedFd,
    headers: &mut [libc::mmsghdr],
    flags: i32,
) -> io::Result<usize> {
    // SAFETY: the callers' headers point to live memory, with its length; the kernel only reads it.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_sendmmsg,
            fd.as_raw_fd(),
            headers.as_mut_ptr(),
            headers.len() as libc::c_uint,
            flags,
        )
    };
    cvt(sent as libc::c_int).map(|sent| sent as usize)
}

/// Sets an option to a value that the kernel reads as plain bytes.
pub(super) fn set<T: Copy>(fd: &OwnedFd, level: i32, name: i32, value: &T) -> io::Result<()> {
    // SAFETY: `value` is readable for its size; every T here is a C structure or an integer.
    cvt(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            mem::size_of::<T>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// The hardware address in what the kernel wrote, if it has six octets.
pub(super) fn mac(name: &libc::sockaddr_ll) -> Option<[u8; 6]> {
    match name.sll_addr {
        [mac @ .., _, _] if name.sll_halen == 6 => Some(mac),
        _ => None,
    }
}

/// From now on it sends and hears through this interface alone.
pub(super) fn bind_to_device(fd: &OwnedFd, interface: &str) -> io::Result<()> {
    // The kernel would cut off a name that is too long, and unbind for an empty one.
    if interface.is_empty() || interface.len() >= libc::IF_NAMESIZE {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    // SAFETY: the name is readable for its length.
    cvt(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_BINDTODEVICE,
            interface.as_ptr().cast(),
            interface.len() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// From now on it hears only what a classic BPF program lets through; EINVAL if that is not valid.
pub(super) fn attach_filter(fd: &OwnedFd, filter: &[Instruction]) -> io::Result<()> {
    let mut program: Vec<libc::sock_filter> = filter
        .iter()
        .map(|op| libc::sock_filter { code: op.code, jt: op.jt, jf: op.jf, k: op.k })
        .collect();
    let len = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len, filter: program.as_mut_ptr() };
    set(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

/// A receive buffer of so many bytes, beyond the system's limit if we may; 0 leaves it alone.
pub(super) fn receive_buffer(fd: &OwnedFd, bytes: usize) -> io::Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    set(fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &bytes)
        .or_else(|_| set(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, &bytes))
}

/// An address as the kernel wants it, and the length of it.
pub(super) fn to_sockaddr(
    address: IpAddr,
    ifindex: u32,
) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: all-zero is a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
    let length = match address {
        IpAddr::V4(address) => {
            // SAFETY: sockaddr_storage is large enough and aligned for every kind of address.
            let inet =
                unsafe { &mut *std::ptr::from_mut(&mut storage).cast::<libc::sockaddr_in>() };
            inet.sin_family = libc::AF_INET as _;
            inet.sin_addr.s_addr = u32::from_ne_bytes(address.octets());
            mem::size_of::<libc::sockaddr_in>()
        }
        IpAddr::V6(address) => {
            // SAFETY: as above.
            let inet =
                unsafe { &mut *std::ptr::from_mut(&mut storage).cast::<libc::sockaddr_in6>() };
            inet.sin6_family = libc::AF_INET6 as _;
            inet.sin6_addr.s6_addr = address.octets();
            inet.sin6_scope_id = ifindex;
            mem::size_of::<libc::sockaddr_in6>()
        }
    };
    (storage, length as libc::socklen_t)
}

/// The address in what the kernel wrote; unspecified if it is of another kind.
pub(super) fn from_sockaddr(storage: &libc::sockaddr_storage) -> IpAddr {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that it is one, and the storage is large enough.
            let inet = unsafe { &*std::ptr::from_ref(storage).cast::<libc::sockaddr_in>() };
            Ipv4Addr::from(inet.sin_addr.s_addr.to_ne_bytes()).into()
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let inet = unsafe { &*std::ptr::from_ref(storage).cast::<libc::sockaddr_in6>() };
            Ipv6Addr::from(inet.sin6_addr.s6_addr).into()
        }
        _ => Ipv4Addr::UNSPECIFIED.into(),
    }
}
