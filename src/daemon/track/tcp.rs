//! `track_tcp`: whether somebody can be connected to.

use super::probe::{plain, Way};
use crate::config::TrackTcp;
use crate::daemon::{Daemon, Source};
use crate::sys::connect::{Attempt, Target};
use mio::unix::SourceFd;
use mio::Interest;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

/// Whom to connect to.
pub struct Tcp {
    connect: SocketAddr,
    source: Option<IpAddr>,
    dev: Option<String>,
    /// The try under way. Its end closes the connection.
    pub attempt: Option<Attempt>,
}

impl Tcp {
    /// As the configuration has it.
    #[must_use]
    pub fn new(from: &TrackTcp) -> Self {
        Self { connect: from.connect, source: from.source, dev: from.dev.clone(), attempt: None }
    }
}

impl Daemon {
    /// Begins to connect.
    pub(super) fn connect(&mut self, probe: usize) -> Result<(), String> {
        let Way::Tcp(tcp) = &mut self.probes[probe].way else { return Ok(()) };
        let target = Target { to: tcp.connect, source: tcp.source, interface: tcp.dev.as_deref() };
        let attempt = Attempt::start(&target).map_err(|error| plain(&error))?;
        let fd = attempt.as_raw_fd();
        let token = Source::Tcp(probe).token();
        tcp.attempt = Some(attempt);
        let watched = self.poll.registry().register(&mut SourceFd(&fd), token, Interest::WRITABLE);
        watched.map_err(|error| plain(&error))
    }

    /// After a reload: what becomes of a try that was taken over is to be heard of.
    pub(in crate::daemon) fn take_over_try(&mut self, probe: usize) {
        let Way::Tcp(tcp) = &self.probes[probe].way else { return };
        let Some(attempt) = &tcp.attempt else { return };
        let (fd, token) = (attempt.as_raw_fd(), Source::Tcp(probe).token());
        // If that fails, the try times out.
        let _ = self.poll.registry().reregister(&mut SourceFd(&fd), token, Interest::WRITABLE);
    }

    /// Something has become of a connection.
    pub(in crate::daemon) fn tcp_ready(&mut self, probe: usize) {
        let Some(Way::Tcp(tcp)) = self.probes.get(probe).map(|probe| &probe.way) else { return };
        match tcp.attempt.as_ref().map(Attempt::is_connected) {
            None | Some(Ok(false)) => {}
            Some(Ok(true)) => self.probe_result(probe, Ok("connected")),
            Some(Err(error)) => self.probe_result(probe, Err(plain(&error))),
        }
    }
}
