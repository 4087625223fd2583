//! nftables over netlink: changes to one table, in batches that happen as a whole or not at all.
//!
//! Numbers in nftables' attributes are big-endian. Keys of sets are as in a packet; a number that the
//! kernel compares for itself, as a protocol, is a single byte here.

mod batch;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Expr, Hook, Key, Register};

use super::{attributes, error_code, is_overrun, messages, text, Builder, Message, Netlink};
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// Tables of this family see IPv4 and IPv6.
pub const NFPROTO_INET: u8 = 1;
/// Tables of this family see whatever comes in on an interface.
pub const NFPROTO_NETDEV: u8 = 5;

const SUBSYSTEM: u16 = 10;
const NEWTABLE: u16 = 0;
const GETTABLE: u16 = 1;
const DELTABLE: u16 = 2;
const NEWCHAIN: u16 = 3;
const NEWRULE: u16 = 6;
const DELRULE: u16 = 8;
const NEWSET: u16 = 9;
const GETSET: u16 = 10;
const NEWSETELEM: u16 = 12;
const DELSETELEM: u16 = 14;

/// The name of the table is the first attribute of every kind of message, the name of a set the
/// second of a set's and of an element's.
const NAME_OF_TABLE: u16 = 1;
const NAME_OF_SET: u16 = 2;

const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

/// The group that hears of every change.
const NFNLGRP_NFTABLES: u32 = 7;

/// Octets that are sent at a time: well below what a socket's send buffer takes on small systems.
const CHUNK: usize = 60 * 1024;
/// Room for the answer to each message of a chunk, should the kernel refuse all of them.
const ANSWERS: usize = 1 << 20;

const fn kind(message: u16) -> u16 {
    SUBSYSTEM << 8 | message
}

/// `struct nfgenmsg`.
const fn header(family: u8, resource: u16) -> [u8; 4] {
    let [high, low] = resource.to_be_bytes();
    [family, 0, high, low]
}

/// Why a change was not made.
#[derive(Debug)]
pub struct Refused {
    /// What the kernel would not have: `"a set"`.
    pub what: &'static str,
    /// What it said.
    pub error: io::Error,
}

impl Refused {
    /// Something that was to be changed is not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.error.raw_os_error() == Some(libc::ENOENT)
    }
}

/// An error that a kernel without nftables gives, or one with only a part of it.
#[must_use]
pub fn is_unsupported(error: &io::Error) -> bool {
    // In this order: no nfnetlink; no nftables below it, asked in a batch and without one; no tables
    // of the family; no such type of chain or expression.
    let errors =
        [libc::EPROTONOSUPPORT, libc::EOPNOTSUPP, libc::EINVAL, libc::EAFNOSUPPORT, libc::ENOENT];
    error.raw_os_error().is_some_and(|error| errors.contains(&error))
}

/// A socket for requests to nftables.
#[derive(Debug)]
pub struct Nft {
    socket: Netlink,
    chunk: Vec<u8>,
    buffer: Vec<u8>,
}

impl Nft {
    /// Opens it.
    ///
    /// # Errors
    /// EPROTONOSUPPORT if the kernel has no nfnetlink, and what else it says.
    pub fn open() -> io::Result<Self> {
        let socket = Netlink::open_protocol(libc::NETLINK_NETFILTER, &[], ANSWERS)?;
        Ok(Self { socket, chunk: Vec::new(), buffer: Vec::new() })
    }

    /// Whether there is a table, and in it a set of this name: `None` if there is no such table.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn find(&mut self, family: u8, table: &str, set: &str) -> io::Result<Option<bool>> {
        if !self.exists(family, GETTABLE, table, None)? {
            return Ok(None);
        }
        self.exists(family, GETSET, table, Some(set)).map(Some)
    }

    fn exists(
        &mut self,
        family: u8,
        what: u16,
        table: &str,
        set: Option<&str>,
    ) -> io::Result<bool> {
        self.chunk.clear();
        let mut request = Builder::new(&mut self.chunk);
        request.begin(kind(what), super::NLM_F_REQUEST | super::NLM_F_ACK, 1);
        request.header(&header(family, 0));
        request.attribute(NAME_OF_TABLE, &batch::c_string(table));
        if let Some(set) = set {
            request.attribute(NAME_OF_SET, &batch::c_string(set));
        }
        request.end();
        match self.submit(1) {
            Ok(()) => Ok(true),
            Err((_, error)) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
            Err((_, error)) => Err(error),
        }
    }

    /// Makes the changes of a batch and empties it. Unless it is longer than 60 KiB, all of them
    /// are made at once or none.
    ///
    /// # Errors
    /// What the kernel refuses first.
    pub fn commit(&mut self, batch: &mut Batch) -> Result<(), Refused> {
        let mut rest = batch.bytes.as_slice();
        let mut result = Ok(());
        while !rest.is_empty() && result.is_ok() {
            let Chunk { length, last, seq } = Chunk::of(rest);
            let (now, later) = rest.split_at(length);
            self.fill(now, Some(last));
            result = self.submit(seq).map_err(|(seq, error)| {
                let what = messages(now).find(|message| message.seq == seq);
                Refused { what: what.map_or("the changes", |it| describe(it.kind)), error }
            });
            rest = later;
        }
        batch.clear();
        result
    }

    /// Makes the changes of a batch and empties it, without waiting to hear what became of them:
    /// what the kernel refuses makes the socket readable, for [`Nft::refused`].
    ///
    /// # Errors
    /// What it says of sending.
    pub fn post(&mut self, batch: &mut Batch) -> io::Result<()> {
        let mut rest = batch.bytes.as_slice();
        let mut result = Ok(());
        while !rest.is_empty() && result.is_ok() {
            let (now, later) = rest.split_at(Chunk::of(rest).length);
            self.fill(now, None);
            result = self.socket.send(&self.chunk);
            rest = later;
        }
        batch.clear();
        result
    }

    /// What the kernel has refused of what was posted, first of all; `None` if nothing.
    pub fn refused(&mut self) -> Option<io::Error> {
        let mut first = None;
        loop {
            let length = match self.socket.receive(&mut self.buffer) {
                Ok(Some(length)) => length,
                Ok(None) => return first,
                Err(error) => return first.or(Some(error)),
            };
            let answers = messages(self.buffer.get(..length).unwrap_or_default());
            for answer in answers.filter(|answer| answer.kind == super::NLMSG_ERROR) {
                let errno = error_code(answer.body);
                let refused = || io::Error::from_raw_os_error(errno);
                first = first.or_else(|| (errno != 0).then(refused));
            }
        }
    }

    /// Puts messages between the marks of a batch, and asks for one acknowledgement if that is
    /// wanted: of the last of them, which begins there.
    fn fill(&mut self, messages: &[u8], last: Option<usize>) {
        let mark = |chunk: &mut Vec<u8>, kind| {
            let mut mark = Builder::new(chunk);
            mark.begin(kind, super::NLM_F_REQUEST, 0);
            mark.header(&header(0, SUBSYSTEM));
            mark.end();
        };
        self.chunk.clear();
        mark(&mut self.chunk, BATCH_BEGIN);
        // The flags stand behind length and type.
        let at = last.map(|last| self.chunk.len() + last + 6);
        self.chunk.extend_from_slice(messages);
        if let Some([low, high]) = at.and_then(|at| self.chunk.get_mut(at..at + 2)) {
            let flags = u16::from_ne_bytes([*low, *high]) | super::NLM_F_ACK;
            [*low, *high] = flags.to_ne_bytes();
        }
        mark(&mut self.chunk, BATCH_END);
    }

    /// Sends what was filled in. The kernel has answered when this returns: it works while we send.
    /// An error comes with the sequence number of the message that it is about.
    fn submit(&mut self, last: u32) -> Result<(), (u32, io::Error)> {
        self.socket.send(&self.chunk).map_err(|error| (0, error))?;
        let (mut done, mut refused) = (false, None);
        loop {
            let length = match self.socket.receive(&mut self.buffer) {
                Ok(Some(length)) => length,
                Ok(None) => break,
                Err(error) if is_overrun(&error) => {
                    refused.get_or_insert((0, error));
                    continue;
                }
                Err(error) => return Err((0, error)),
            };
            let answers = messages(self.buffer.get(..length).unwrap_or_default());
            for answer in answers.filter(|answer| answer.kind == super::NLMSG_ERROR) {
                match error_code(answer.body) {
                    0 => done |= answer.seq == last,
                    errno => {
                        let error = io::Error::from_raw_os_error(errno);
                        refused.get_or_insert((answer.seq, error));
                    }
                }
            }
        }
        match refused {
            Some(refused) => Err(refused),
            None if done => Ok(()),
            None => Err((0, io::Error::other("the kernel did not answer"))),
        }
    }
}

impl AsRawFd for Nft {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// As many whole messages as are sent at a time.
#[derive(Debug, PartialEq, Eq)]
struct Chunk {
    /// Their octets.
    length: usize,
    /// Where the last of them begins.
    last: usize,
    /// Its sequence number.
    seq: u32,
}

impl Chunk {
    /// The first chunk of what a [`Batch`] has built.
    fn of(bytes: &[u8]) -> Self {
        let mut chunk = Self { length: 0, last: 0, seq: 0 };
        for message in messages(bytes) {
            let end = chunk.length + super::HEADER + message.body.len();
            if chunk.length > 0 && end > CHUNK {
                break;
            }
            chunk = Self { length: end, last: chunk.length, seq: message.seq };
        }
        chunk
    }
}

/// What a message is about.
fn describe(kind: u16) -> &'static str {
    match kind & 0xff {
        NEWTABLE | DELTABLE => "the table",
        NEWCHAIN => "a chain",
        NEWRULE | DELRULE => "a rule",
        NEWSET => "a set",
        _ => "an address",
    }
}

/// A socket that hears of changes to nftables, whoever makes them.
#[derive(Debug)]
pub struct News {
    socket: Netlink,
    buffer: Vec<u8>,
}

/// What there is to be known of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing new.
    Nothing,
    /// News were lost, or there are more of them than are taken at a time: whatever they say, it has
    /// happened already.
    Unknown,
    /// It was deleted.
    Deleted,
}

/// Datagrams of news that are taken in at a time.
const TURN: usize = 256;

impl News {
    /// Opens it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open() -> io::Result<Self> {
        let socket = Netlink::open_protocol(libc::NETLINK_NETFILTER, &[NFNLGRP_NFTABLES], 0)?;
        Ok(Self { socket, buffer: Vec::new() })
    }

    /// Takes in what has come, or as much as is taken at a time.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn drain(&mut self, family: u8, table: &str) -> io::Result<Told> {
        let mut told = Told::Nothing;
        for _ in 0..TURN {
            match self.socket.receive(&mut self.buffer) {
                Ok(Some(length)) => {
                    let all = self.buffer.get(..length).unwrap_or_default();
                    if messages(all).any(|message| is_deleted(&message, family, table)) {
                        told = Told::Deleted;
                    }
                }
                Ok(None) => return Ok(told),
                Err(error) if is_overrun(&error) && told == Told::Nothing => told = Told::Unknown,
                Err(error) if is_overrun(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(if told == Told::Nothing { Told::Unknown } else { told })
    }
}

impl AsRawFd for News {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Whether a message tells that a table is gone.
fn is_deleted(message: &Message<'_>, family: u8, table: &str) -> bool {
    let Some((header, rest)) = message.body.split_at_checked(4) else { return false };
    let named = |(kind, value): (u16, &[u8])| kind == NAME_OF_TABLE && text(value) == Some(table);
    message.kind == kind(DELTABLE) && header.first() == Some(&family) && attributes(rest).any(named)
}
