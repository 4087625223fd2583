//! TCP connections that are only tried.

use super::{cvt, retry, socket};
use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// IP_BIND_ADDRESS_NO_PORT: the port is chosen when it is known whereto. The libc crate has it for
/// some targets only.
const IP_BIND_ADDRESS_NO_PORT: libc::c_int = 24;

/// Where to, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Address and port.
    pub to: SocketAddr,
    /// The address to come from; of the same family. Default: what the kernel chooses.
    pub source: Option<IpAddr>,
    /// The interface to go through, whatever the routes say. A link-local address needs one.
    pub interface: Option<&'a str>,
}

/// A connection that is being tried. When it is dropped it ends with a RST, whatever its state: an
/// orderly end would leave a connection in TIME_WAIT for a minute, here, for every try.
#[derive(Debug)]
pub struct Attempt(OwnedFd);

impl Attempt {
    /// Begins. It becomes writable when it is decided; it may be so at once.
    ///
    /// # Errors
    /// What the kernel says that needs nobody else: ENETUNREACH, EADDRNOTAVAIL, ENODEV; over the
    /// loopback interface ECONNREFUSED, too.
    pub fn start(target: &Target<'_>) -> io::Result<Self> {
        let domain = if target.to.is_ipv6() { libc::AF_INET6 } else { libc::AF_INET };
        let fd = socket::open(domain, libc::SOCK_STREAM, 0)?;
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        socket::set(&fd, libc::SOL_SOCKET, libc::SO_LINGER, &linger)?;
        if let Some(interface) = target.interface {
            socket::bind_to_device(&fd, interface)?;
        }
        if let Some(source) = target.source {
            // An old kernel chooses the port now; that is good for some ten thousand tries at once.
            let _ = socket::set(&fd, libc::IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &1i32);
            let (name, length) = socket::to_sockaddr(source, 0);
            // SAFETY: `name` is readable for `length` bytes.
            cvt(unsafe { libc::bind(fd.as_raw_fd(), std::ptr::from_ref(&name).cast(), length) })?;
        }
        let (name, length) = with_port(target.to);
        // SAFETY: as above.
        let connect =
            || unsafe { libc::connect(fd.as_raw_fd(), std::ptr::from_ref(&name).cast(), length) };
        match retry(|| cvt(connect())) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
            _ => Ok(Self(fd)),
        }
    }

    /// Whether it is connected by now; false if that is not decided yet.
    ///
    /// # Errors
    /// Why it is not and will not be: ECONNREFUSED, EHOSTUNREACH, ETIMEDOUT and what else there is.
    pub fn is_connected(&self) -> io::Result<bool> {
        if let Some(error) = self.take_error()? {
            return Err(error);
        }
        let Some(peer) = self.name(libc::getpeername)? else { return Ok(false) };
        if self.name(libc::getsockname)? == Some(peer) {
            // The kernel may choose the very port that it is to connect to, if it is on this host,
            // nobody listens there, and it is one of those that the kernel chooses from.
            return Err(io::Error::from_raw_os_error(libc::ECONNREFUSED));
        }
        Ok(true)
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        let mut error: libc::c_int = 0;
        let mut length = mem::size_of_val(&error) as libc::socklen_t;
        // SAFETY: `error` is writable for `length` bytes until the call returns.
        cvt(unsafe {
            libc::getsockopt(
                self.0.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ERROR,
                std::ptr::from_mut(&mut error).cast(),
                &mut length,
            )
        })?;
        Ok((error != 0).then(|| io::Error::from_raw_os_error(error)))
    }

    /// Address and port of one end; `None` if it is not connected.
    fn name(&self, of: NameOf) -> io::Result<Option<(IpAddr, u16)>> {
        // SAFETY: all-zero is a valid sockaddr_storage.
        let mut name: libc::sockaddr_storage = unsafe { mem::zeroed() };
        let mut length = mem::size_of_val(&name) as libc::socklen_t;
        // SAFETY: `name` is writable for `length` bytes until the call returns.
        let result = cvt(unsafe {
            of(self.0.as_raw_fd(), std::ptr::from_mut(&mut name).cast(), &mut length)
        });
        match result {
            Ok(_) => Ok(Some((socket::from_sockaddr(&name), port_of(&name)))),
            Err(error) if error.raw_os_error() == Some(libc::ENOTCONN) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// getpeername or getsockname.
type NameOf =
    unsafe extern "C" fn(libc::c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> libc::c_int;

/// An address with its port as the kernel wants it.
fn with_port(to: SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    let (mut storage, length) = socket::to_sockaddr(to.ip(), 0);
    // SAFETY: the port is at the same offset for both families, and the storage is large enough
    // and aligned for either.
    let inet = unsafe { &mut *std::ptr::from_mut(&mut storage).cast::<libc::sockaddr_in>() };
    inet.sin_port = to.port().to_be();
    (storage, length)
}

fn port_of(storage: &libc::sockaddr_storage) -> u16 {
    // SAFETY: as in `with_port`.
    let inet = unsafe { &*std::ptr::from_ref(storage).cast::<libc::sockaddr_in>() };
    u16::from_be(inet.sin_port)
}

impl AsRawFd for Attempt {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testnet::{configure, with_pair, Pair, A4, A6, B4, B6};
    use std::io::Read;
    use std::net::{SocketAddrV6, TcpListener};
    use std::time::{Duration, Instant};

    const PORT: u16 = 7007;

    fn target(to: IpAddr) -> Target<'static> {
        Target { to: SocketAddr::new(to, PORT), source: None, interface: Some("a0") }
    }

    /// What becomes of a try.
    fn outcome(attempt: io::Result<Attempt>) -> io::Result<()> {
        let attempt = attempt?;
        let end = Instant::now() + Duration::from_secs(10);
        while !attempt.is_connected()? {
            assert!(Instant::now() < end, "nothing is decided");
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn listen(pair: &Pair, address: IpAddr) -> TcpListener {
        pair.to_b();
        let listener = TcpListener::bind(match address {
            IpAddr::V4(_) => SocketAddr::new(address, PORT),
            IpAddr::V6(v6) => SocketAddrV6::new(v6, PORT, 0, pair.b_index).into(),
        });
        pair.to_a();
        listener.unwrap()
    }

    #[test]
    fn who_listens_is_connected_to_and_who_does_not_refuses() {
        with_pair(|pair| {
            for (here, there) in [(A4, B4), (A6, B6)] {
                pair.to_a();
                let refused = outcome(Attempt::start(&target(there))).unwrap_err();
                assert_eq!(refused.raw_os_error(), Some(libc::ECONNREFUSED), "{there}");
                let listener = listen(pair, there);
                for source in [None, Some(here)] {
                    outcome(Attempt::start(&Target { source, ..target(there) })).unwrap();
                    let (mut stream, from) = listener.accept().unwrap();
                    assert_eq!(from.ip(), here);
                    // It ended with a RST, so that nothing stays in TIME_WAIT.
                    let end = stream.read(&mut [0]).unwrap_err();
                    assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
                }
            }
        });
    }

    #[test]
    fn what_needs_nobody_else_is_told_at_once() {
        with_pair(|pair| {
            pair.to_a();
            let far = "203.0.113.1:80".parse().unwrap();
            for (target, errno) in [
                (Target { to: far, source: None, interface: None }, libc::ENETUNREACH),
                (Target { source: Some(B4), ..target(B4) }, libc::EADDRNOTAVAIL),
                (Target { interface: Some("a7"), ..target(B4) }, libc::ENODEV),
                (Target { interface: Some(""), ..target(B4) }, libc::ENODEV),
            ] {
                let error = Attempt::start(&target).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(errno), "{target:?}");
            }
        });
    }

    #[test]
    fn an_answer_that_does_not_come_is_not_decided() {
        with_pair(|pair| {
            pair.to_a();
            // Nobody has this address: the kernel asks for three seconds who has it.
            let attempt = Attempt::start(&target("10.9.0.77".parse().unwrap())).unwrap();
            assert!(!attempt.is_connected().unwrap());
        });
    }

    #[test]
    fn a_connection_to_itself_is_none() {
        with_pair(|pair| {
            pair.to_a();
            configure("lo", &[]);
            let fd = socket::open(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap();
            let (name, length) = with_port(SocketAddr::new(A4, PORT));
            let name = std::ptr::from_ref(&name).cast();
            // SAFETY: `name` is readable for `length` bytes.
            cvt(unsafe { libc::bind(fd.as_raw_fd(), name, length) }).unwrap();
            // SAFETY: as above.
            let _ = unsafe { libc::connect(fd.as_raw_fd(), name, length) };
            let error = outcome(Ok(Attempt(fd))).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
        });
    }
}
