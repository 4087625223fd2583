//! `track_ping`: whether a host answers echo requests.
//!
//! One socket of each family serves all hosts. A reply counts if it comes from the host that was
//! asked, with the sequence number and the random number of the request that it is waited for.

use super::probe::{plain, Probe, Way};
use crate::daemon::{Daemon, Source};
use crate::sys::icmp::{Echo, EchoSocket};
use crate::sys::random::random;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

/// Replies that are read of one socket in one turn, so that no flood of them can starve the timers.
/// That is one of each host; what is left is read with the next.
const TURN: usize = 2 * crate::vrrp::bounds::PROBES;
/// What is sent along: which host is asked, and a random number.
const PAYLOAD: usize = 16;

/// Whom to ask.
pub struct Ping {
    host: IpAddr,
    /// The interface to go through, by its number in the link table.
    dev: Option<usize>,
    /// What the reply must have that is waited for: sequence number and random number.
    pub request: Option<(u16, u64)>,
}

impl Ping {
    /// A host, and the interface to it if that is said.
    #[must_use]
    pub const fn new(host: IpAddr, dev: Option<usize>) -> Self {
        Self { host, dev, request: None }
    }

    /// Its family.
    #[must_use]
    pub const fn is_ipv6(&self) -> bool {
        self.host.is_ipv6()
    }
}

/// The sockets, and what makes requests differ.
pub struct Echoes {
    v4: Option<EchoSocket>,
    v6: Option<EchoSocket>,
    identifier: u16,
    seed: u64,
    sent: u64,
}

impl Default for Echoes {
    fn default() -> Self {
        let seed = random();
        Self { v4: None, v6: None, identifier: (seed >> 48) as u16, seed, sent: 0 }
    }
}

impl Echoes {
    fn socket(&mut self, ipv6: bool) -> &mut Option<EchoSocket> {
        if ipv6 {
            &mut self.v6
        } else {
            &mut self.v4
        }
    }

    /// The sequence number and the random number of a new request. The second is what SplitMix64
    /// makes of a number that only we know.
    fn request(&mut self) -> (u16, u64) {
        self.sent += 1;
        let mut number = self.seed.wrapping_add(self.sent.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (self.sent as u16, number ^ (number >> 31))
    }
}

/// What is sent along with a request.
fn payload(probe: usize, number: u64) -> [u8; PAYLOAD] {
    let mut bytes = [0; PAYLOAD];
    bytes[..8].copy_from_slice(&(probe as u64).to_be_bytes());
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    bytes
}

impl Daemon {
    /// Sends a request.
    pub(super) fn ping(&mut self, probe: usize) -> Result<(), String> {
        let Way::Ping(Ping { host, dev, .. }) = &self.probes[probe].way else { return Ok(()) };
        let (host, dev) = (*host, *dev);
        let ifindex = match dev.map(|dev| self.links.get(dev)) {
            None => 0,
            Some(link) => {
                link.index.ok_or_else(|| format!("there is no interface {}", link.name))?
            }
        };
        let request = self.echoes.request();
        let Way::Ping(ping) = &mut self.probes[probe].way else { return Ok(()) };
        ping.request = Some(request);
        let bytes = payload(probe, request.1);
        let send = |it: &mut Self| {
            let socket = it.echo_socket(host.is_ipv6())?;
            socket.send(host, ifindex, request.0, &bytes)
        };
        if send(self).is_ok() {
            return Ok(());
        }
        // That may have been about another host. Once all of that is read, it is about this one.
        self.echo_refusals(host.is_ipv6());
        send(self).map_err(|error| plain(&error))
    }

    /// The socket of a family, opened when it is first needed.
    fn echo_socket(&mut self, ipv6: bool) -> io::Result<&mut EchoSocket> {
        if self.echoes.socket(ipv6).is_none() {
            let socket = EchoSocket::open(ipv6, self.echoes.identifier)?;
            self.watch(socket.as_raw_fd(), Source::Echo(ipv6))?;
            *self.echoes.socket(ipv6) = Some(socket);
        }
        let socket = self.echoes.socket(ipv6).as_mut();
        socket.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Reads the replies of a family, and what tells that a request did not get there.
    pub(in crate::daemon) fn echo_ready(&mut self, ipv6: bool) {
        self.echo_refusals(ipv6);
        for _ in 0..TURN {
            let Some(socket) = self.echoes.socket(ipv6) else { return };
            match socket.reply() {
                Ok(Some(echo)) => {
                    let found = answered(&echo);
                    let (host, sequence) = (echo.host, echo.sequence);
                    if let Some((probe, number)) = found {
                        self.echo(probe, host, (sequence, number), Ok("answered"));
                    }
                }
                Ok(None) => return,
                // It tells of a request that did not get there. The queue of those has more of it.
                Err(_) => self.echo_refusals(ipv6),
            }
        }
    }

    fn echo_refusals(&mut self, ipv6: bool) {
        for _ in 0..TURN {
            let Some(socket) = self.echoes.socket(ipv6) else { return };
            let Ok(Some(echo)) = socket.refusal() else { return };
            let (host, sequence, errno) = (echo.host, echo.sequence, echo.errno);
            // A router may quote no more than the header.
            let found = answered(&echo).or_else(|| self.asked(host, sequence));
            if let Some((probe, number)) = found {
                let error = plain(&io::Error::from_raw_os_error(errno));
                self.echo(probe, host, (sequence, number), Err(error));
            }
        }
    }

    /// The probe that has asked a host with a sequence number.
    fn asked(&self, asked: IpAddr, sequence: u16) -> Option<(usize, u64)> {
        self.probes.iter().enumerate().find_map(|(probe, it)| match &it.way {
            Way::Ping(Ping { host, request: Some((sent, number)), .. }) => {
                ((*host, *sent) == (asked, sequence)).then_some((probe, *number))
            }
            Way::Ping(_) | Way::Tcp(_) => None,
        })
    }

    fn echo(
        &mut self,
        probe: usize,
        from: IpAddr,
        request: (u16, u64),
        result: Result<&str, String>,
    ) {
        let is_it = |it: &Probe| match &it.way {
            Way::Ping(ping) => ping.host == from && ping.request == Some(request),
            Way::Tcp(_) => false,
        };
        // A reload may have given it another number since it asked.
        let found = match self.probes.get(probe).is_some_and(is_it) {
            true => Some(probe),
            false => self.probes.iter().position(is_it),
        };
        if let Some(probe) = found {
            self.probe_result(probe, result);
        }
    }
}

/// The probe and the random number in what was sent along.
fn answered(echo: &Echo<'_>) -> Option<(usize, u64)> {
    let (probe, number) = echo.payload.split_at_checked(8)?;
    let probe = u64::from_be_bytes(probe.try_into().ok()?);
    let number = u64::from_be_bytes(number.get(..8)?.try_into().ok()?);
    Some((usize::try_from(probe).ok()?, number))
}
