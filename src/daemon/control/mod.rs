//! The control socket: `vipd.sock` in the run directory. A client sends one line of words and gets
//! lines of JSON; the last of a failure is `{"error": {"code", "message"}}`.
//!
//! Nothing that a client does holds us up: what it is told is made in pieces, a few in each turn, and
//! only as fast as it reads; who does not is dropped. Whoever can open the socket may read, by its
//! mode and group; to change anything takes root.

mod client;
pub mod describe;
mod drain;
mod peers;
mod request;
mod serve;
mod status;
mod tries;

use super::{Daemon, Object, Source};
use crate::exit::{self, Failure};
use crate::sys::user;
use crate::vrrp::time::Instant;
use client::{Asked, Client};
use mio::unix::SourceFd;
use mio::Interest;
use request::Request;
use status::Cursor;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{chown, FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use tries::Try;

/// Clients at a time. One more is told to come back.
const CLIENTS: usize = 16;
/// What a client is told that has to ask again, for what it was being told is not so any more.
pub const AGAIN: u8 = 75;

/// The socket and its clients.
#[derive(Default)]
pub struct Control {
    path: PathBuf,
    listener: Option<UnixListener>,
    clients: [Option<Client>; CLIENTS],
    /// A client can be told more than a turn has made.
    pub more: bool,
    /// The daemon ends without giving up anything.
    pub keep: bool,
}

/// What is being done for a client.
#[derive(Debug)]
pub enum Doing {
    /// It has not said what it wants.
    Asking,
    /// It has to read the end of its answer.
    Answering,
    /// It is told the status.
    Status(Cursor),
    /// It is told what has happened, from this number on.
    Events {
        /// Of what comes next.
        next: u64,
        /// And what is to come.
        follow: bool,
    },
    /// It is told who else speaks: the virtual router, or the interface behind them, that comes next.
    Peers(usize),
    /// It waits for a reload.
    Reload {
        /// Which has begun.
        begun: bool,
    },
    /// It waits for others to take over from these instances, that gave up being MASTER at a moment.
    Drain(Vec<String>, Instant),
    /// It waits to be told what a reload of this file would do; `None` while that is found out.
    Diff(Option<String>),
    /// It waits for our end.
    Stop,
    /// It waits for a run of a check.
    Check(Try),
    /// It waits for notify scripts.
    Notify {
        /// Of this instance or group.
        teller: usize,
        /// It was told of one.
        any: bool,
    },
}

impl Control {
    /// At a path; nothing is open yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), ..Self::default() }
    }

    /// Whether nobody is there.
    fn is_idle(&self) -> bool {
        self.clients.iter().all(Option::is_none)
    }

    /// When somebody's patience, or ours with somebody, ends.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let due = |client: &Client| {
            let other = match &client.doing {
                Doing::Check(it) => Some(it.deadline()),
                _ => None,
            };
            client.until.into_iter().chain(other).min()
        };
        self.clients.iter().flatten().filter_map(due).min()
    }

    /// Removes the socket.
    pub fn remove(&self) {
        if self.listener.is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a daemon answers at a path.
///
/// # Errors
/// The socket of another one that is alive, or something that is no socket.
pub fn is_free(path: &Path) -> Result<(), String> {
    let Ok(there) = fs::symlink_metadata(path) else { return Ok(()) };
    let path = path.display();
    if !there.file_type().is_socket() {
        return Err(format!("{path} is in the place of the control socket, and is none"));
    }
    match UnixStream::connect(Path::new(&path.to_string())) {
        Ok(_) => Err(format!("{path} is the control socket of another daemon that is running")),
        Err(_) => Ok(()),
    }
}

/// Makes the socket, in one step in the place of one that was left behind.
fn open(path: &Path, group: Option<&str>) -> io::Result<UnixListener> {
    let beside = path.with_extension("sock.new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&beside)?;
    listener.set_nonblocking(true)?;
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600))?;
    set_group(&beside, group)?;
    fs::rename(&beside, path)?;
    Ok(listener)
}

/// Lets a group have it, or nobody but its owner.
fn set_group(path: &Path, group: Option<&str>) -> io::Result<()> {
    let gid = match group {
        Some(name) => user::group_id(name)?,
        None => Some(0),
    };
    let missing = || io::Error::other(format!("there is no group \"{}\"", group.unwrap_or("")));
    // Who is not root has no group to give away but its own.
    if user::effective_uid() == 0 || group.is_some() {
        chown(path, None, Some(gid.ok_or_else(missing)?))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))
}

impl Daemon {
    /// Opens the control socket. Without it vipd works all the same.
    pub(super) fn open_control(&mut self) {
        let group = self.config.global_defs.socket_group.as_deref();
        let opened = open(&self.control.path, group);
        let watched = opened.and_then(|listener| {
            self.watch(listener.as_raw_fd(), Source::Control)?;
            Ok(listener)
        });
        match watched {
            Ok(listener) => self.control.listener = Some(listener),
            Err(error) => log::error!(
                "cannot make the control socket {}: {error}: vipctl cannot reach vipd",
                self.control.path.display()
            ),
        }
    }

    /// After a reload: another group may have it.
    pub(super) fn regroup_control(&mut self, before: Option<&str>) {
        let group = self.config.global_defs.socket_group.as_deref();
        if group == before || self.control.listener.is_none() {
            return;
        }
        if let Err(error) = set_group(&self.control.path, group) {
            log::error!("cannot change the group of {}: {error}", self.control.path.display());
        }
    }

    /// Somebody connects.
    pub(super) fn accept_clients(&mut self) {
        for _ in 0..2 * CLIENTS {
            let Some(listener) = &self.control.listener else { return };
            match listener.accept() {
                Ok((stream, _)) => self.accept(stream),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    // Descriptors have run out: nobody tells us when there are some again.
                    log::debug!("cannot accept a client: {error}");
                    return;
                }
            }
        }
        self.control.more = true;
    }

    fn accept(&mut self, stream: UnixStream) {
        let free = self.control.clients.iter().position(Option::is_none);
        let Ok(mut client) = Client::new(stream, self.now) else { return };
        let Some(slot) = free else {
            client.fail(exit::UNAVAILABLE, "too many clients: try again");
            client.write(self.now);
            return;
        };
        let fd = client.stream.as_raw_fd();
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Source::Client(slot).token();
        if self.poll.registry().register(&mut SourceFd(&fd), token, interest).is_ok() {
            self.control.clients[slot] = Some(client);
            self.client_ready(slot);
        }
    }

    /// A client has said something, or reads again.
    pub(super) fn client_ready(&mut self, slot: usize) {
        let Some(client) = self.control.clients.get_mut(slot).and_then(Option::as_mut) else {
            return;
        };
        self.control.more = true;
        match client.read() {
            Asked::Nothing => {}
            Asked::Gone => self.drop_client(slot),
            Asked::Nonsense(what) => client.fail(exit::USAGE, what),
            Asked::Line(line) => {
                let own = user::effective_uid();
                let root = client.peer.uid == 0 || client.peer.uid == own;
                match Request::of(&line, root) {
                    Ok(request) => self.begin_request(slot, request),
                    Err(failure) => client.fail(failure.code, &failure.message),
                }
            }
        }
    }

    fn drop_client(&mut self, slot: usize) {
        let Some(client) = self.control.clients[slot].take() else { return };
        let fd = client.stream.as_raw_fd();
        let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
        self.touch(Object::Control);
        self.forget_try(&client.doing);
    }

    /// Somebody has taken too long.
    pub(super) fn clients_due(&mut self) {
        for slot in 0..CLIENTS {
            let Some(client) = &self.control.clients[slot] else { continue };
            if client.until.is_some_and(|until| until <= self.now) {
                log::debug!("a client of process {} is too slow: dropping it", client.peer.pid);
                self.drop_client(slot);
            } else {
                self.try_due(slot);
            }
        }
        self.touch(Object::Control);
    }

    /// Who a client is, for the log.
    fn who(&self, slot: usize) -> String {
        match &self.control.clients[slot] {
            Some(client) => {
                format!("user {} (process {})", client.peer.uid, client.peer.pid)
            }
            None => "somebody".to_owned(),
        }
    }
}
