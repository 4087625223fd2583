//! A client: what it has asked, and what it is still to be told. Everything about it is bounded:
//! how long it may take, and how much we keep for it.

use super::Doing;
use crate::json::Object;
use crate::sys::local::{self, Peer};
use crate::vrrp::time::Instant;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The longest request.
const LONGEST: usize = 4096;
/// So long a client may take to ask, and to read something of what it was told.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Nothing is added for a client that has not read so much.
const ENOUGH: usize = 16 * 1024;
/// One that has not read so much is dropped: nothing that we say at once is longer.
const TOO_MUCH: usize = 1 << 20;

/// A client.
pub struct Client {
    /// The connection.
    pub stream: UnixStream,
    /// Who it is.
    pub peer: Peer,
    /// What is being done for it.
    pub doing: Doing,
    input: Vec<u8>,
    /// What it is to be told, and how much of that it was.
    pub output: String,
    sent: usize,
    /// Nothing more comes from it.
    deaf: bool,
    /// It is dropped at this moment.
    pub until: Option<Instant>,
}

/// What has come of reading from a client.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing to act on.
    Nothing,
    /// A request.
    Line(String),
    /// It is longer than any request, or no text.
    Nonsense(&'static str),
    /// It has gone.
    Gone,
}

impl Client {
    /// One that has just connected.
    pub fn new(stream: UnixStream, now: Instant) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let peer = local::peer(stream.as_fd())?;
        Ok(Self {
            stream,
            peer,
            doing: Doing::Asking,
            input: Vec::new(),
            output: String::new(),
            sent: 0,
            deaf: false,
            until: Some(now + PATIENCE),
        })
    }

    /// Reads what has come. A client that closes only its own direction is still told.
    pub fn read(&mut self) -> Asked {
        let mut buffer = [0; 512];
        while !self.deaf {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.deaf = true,
                Ok(length) => {
                    self.input.extend_from_slice(&buffer[..length]);
                    if self.input.contains(&b'\n') {
                        return self.line();
                    }
                    if self.input.len() > LONGEST {
                        self.listen_no_more();
                        return Asked::Nonsense("the request is too long");
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Asked::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Asked::Gone,
            }
        }
        let asks = matches!(self.doing, Doing::Asking);
        if asks && !self.input.is_empty() {
            return self.line();
        }
        match asks || local::is_hung_up(self.stream.as_fd()) {
            true => Asked::Gone,
            false => Asked::Nothing,
        }
    }

    /// One request a connection: what comes behind it is refused, so that nobody can keep us reading.
    fn listen_no_more(&mut self) {
        self.deaf = true;
        let _ = self.stream.shutdown(Shutdown::Read);
    }

    fn line(&mut self) -> Asked {
        self.listen_no_more();
        let input = std::mem::take(&mut self.input);
        let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
        match String::from_utf8(input[..end].to_vec()) {
            Ok(line) if end <= LONGEST => Asked::Line(line),
            Ok(_) => Asked::Nonsense("the request is too long"),
            Err(_) => Asked::Nonsense("the request is no text"),
        }
    }

    /// Whether more can be said.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.output.len() - self.sent < ENOUGH
    }

    /// Whether it has been told everything so far.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.sent == self.output.len()
    }

    /// Its answer is complete with this error.
    pub fn fail(&mut self, code: u8, message: &str) {
        let mut it = Object::new(&mut self.output);
        let mut error = it.object("error");
        error.put("code", code);
        error.put("message", message);
        drop(error);
        drop(it);
        self.end();
    }

    /// Its answer is complete.
    pub fn end(&mut self) {
        if !self.output.is_empty() && !self.output.ends_with('\n') {
            self.output.push('\n');
        }
        self.doing = Doing::Answering;
    }

    /// Writes as much as it takes. False: it is done with, or gone.
    pub fn write(&mut self, now: Instant) -> bool {
        if self.output.len() - self.sent > TOO_MUCH {
            return false;
        }
        while !self.is_told() {
            match self.stream.write(&self.output.as_bytes()[self.sent..]) {
                Ok(length) => {
                    self.sent += length;
                    self.until = Some(now + PATIENCE);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // Those that have waited for something were not slow until now.
                    self.until.get_or_insert(now + PATIENCE);
                    return true;
                }
                Err(_) => return false,
            }
        }
        self.output.clear();
        self.sent = 0;
        match self.doing {
            Doing::Answering => return false,
            Doing::Asking | Doing::Status(_) | Doing::Peers(_) => {}
            // It waits for us.
            Doing::Events { .. }
            | Doing::Reload { .. }
            | Doing::Drain(..)
            | Doing::Diff(_)
            | Doing::Stop
            | Doing::Check(_)
            | Doing::Notify { .. } => self.until = None,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Client, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Client::new(ours, Instant::ZERO).unwrap(), theirs)
    }

    #[test]
    fn a_line_in_pieces_is_one_request() {
        let (mut client, mut other) = pair();
        assert_eq!(client.read(), Asked::Nothing);
        other.write_all(b"sta").unwrap();
        assert_eq!(client.read(), Asked::Nothing);
        other.write_all(b"tus\nand more").unwrap();
        assert_eq!(client.read(), Asked::Line("status".into()));
        let (mut client, mut other) = pair();
        other.write_all(b"status").unwrap();
        other.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(client.read(), Asked::Line("status".into()), "the end of it ends the line");
        client.doing = Doing::Answering;
        assert_eq!(client.read(), Asked::Nothing, "it still listens");
        drop(other);
        assert_eq!(client.read(), Asked::Gone);
    }

    #[test]
    fn nonsense_is_refused() {
        for (bytes, says) in [
            (vec![b'x'; 5000], "the request is too long"),
            ([&[b'x'; 4500][..], b"\n"].concat(), "the request is too long"),
            (b"\xff\xfe\n".to_vec(), "the request is no text"),
        ] {
            let (mut client, mut other) = pair();
            other.write_all(&bytes).unwrap();
            assert_eq!(client.read(), Asked::Nonsense(says));
        }
        let (mut client, other) = pair();
        drop(other);
        assert_eq!(client.read(), Asked::Gone, "it has asked for nothing");
    }

    #[test]
    fn who_does_not_read_is_given_up() {
        let (mut client, _other) = pair();
        client.doing = Doing::Answering;
        client.output = "x".repeat(TOO_MUCH);
        let later = Instant::ZERO + Duration::from_secs(1);
        assert!(client.write(later) && !client.is_told() && !client.has_room());
        let until = client.until;
        assert!(until.is_some_and(|until| until >= later));
        assert!(client.write(later + Duration::from_secs(3)));
        assert_eq!(client.until, until, "nothing was read");
        client.output.push_str(&"x".repeat(TOO_MUCH));
        assert!(!client.write(later), "it is too far behind");
    }
}
