//! Reads what the kernel tells, all of it or what is new, and sends requests.

use super::{Left, Link, Links, Refusal};
use crate::sys::netlink::{self as nl, Builder};
use crate::vrrp::time::Instant;
use std::io;
use std::time::Duration;

/// Datagrams of events that one turn takes in, so that no flood of them can starve the timers.
const TURN: usize = 1024;
/// Datagrams that are thrown away before everything is read again: more than the socket holds.
const DISCARD: usize = 1 << 14;
/// How often a dump is begun again because the kernel's tables changed under it.
const DUMP_TRIES: u32 = 5;
/// Between two times that everything is read again: with many addresses it takes milliseconds.
const PAUSE: Duration = Duration::from_secs(1);

impl Links {
    /// Asks for everything anew.
    ///
    /// # Errors
    /// What the kernel says; then what was known before still stands.
    pub fn resync(&mut self) -> io::Result<()> {
        let known = self.table.clone();
        for link in &mut self.table {
            let (name, births) = (std::mem::take(&mut link.name), link.births);
            *link = Link { name, births, ..Link::default() };
        }
        self.dirty.fill(true);
        let read = self.dump(nl::RTM_GETLINK).and_then(|()| self.dump(nl::RTM_GETADDR));
        (self.stale, self.unread, self.doubtful) = (read.is_err(), false, false);
        match read {
            Ok(()) => self.compare(&known),
            Err(_) => self.table = known,
        }
        read
    }

    /// What has become of what was known before everything was read.
    fn compare(&mut self, known: &[Link]) {
        for (number, (link, before)) in self.table.iter_mut().zip(known).enumerate() {
            link.compare(before);
            if let Some(index) = before.index.filter(|_| before.index != link.index) {
                self.left.push(Left { link: number, index, name: String::new() });
            }
            for address in &mut link.addresses {
                let known = before.addresses.iter().find(|known| known.is(address));
                known.into_iter().for_each(|known| address.remember(known));
            }
        }
    }

    /// Asks for everything anew because events were lost, or may have been. What waits is older than
    /// the answer: it would undo it. And sockets may have lost their groups unheard.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn recover(&mut self, now: Instant) -> io::Result<()> {
        self.recovered_at = Some(now);
        self.discard_events()?;
        self.resync()?;
        self.table.iter_mut().for_each(|link| link.births = link.births.wrapping_add(1));
        Ok(())
    }

    fn discard_events(&mut self) -> io::Result<()> {
        for _ in 0..DISCARD {
            match self.events.receive(&mut self.buffer) {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(error) if nl::is_overrun(&error) => {}
                Err(error) => return Err(error),
            }
        }
        // Somebody is faster than we are. What is left is not that much older than the answer.
        Ok(())
    }

    /// Events were lost. Everything is read again at once, but not again and again.
    fn overrun(&mut self, now: Instant) -> io::Result<()> {
        if let Some(often) = self.told.tell(now) {
            log::warn!("missed changes of interfaces or addresses: reading them all again{often}");
        }
        if self.recovered_at.is_some_and(|at| now < at + PAUSE) {
            self.stale = true;
            return Ok(());
        }
        self.recover(now)
    }

    fn dump(&mut self, kind: u16) -> io::Result<()> {
        for _ in 0..DUMP_TRIES {
            let mut request = Vec::new();
            let mut builder = Builder::new(&mut request);
            builder.begin(kind, nl::NLM_F_REQUEST | nl::NLM_F_DUMP, u32::MAX);
            // The wider of the two headers (struct ifinfomsg); family 0: all.
            builder.header(&[0; 16]);
            builder.end();
            self.requests.send(&request)?;
            if self.read_dump()? {
                return Ok(());
            }
        }
        Err(io::Error::other("the kernel's tables change faster than they can be read"))
    }

    /// False if the dump is not consistent.
    fn read_dump(&mut self) -> io::Result<bool> {
        let mut consistent = true;
        loop {
            let mut buffer = std::mem::take(&mut self.buffer);
            let read = self.requests.receive(&mut buffer);
            let Some(length) = read? else {
                return Err(io::Error::other("the kernel did not finish its answer"));
            };
            let (mut done, mut failed) = (false, 0);
            for message in nl::messages(&buffer[..length]) {
                consistent &= message.flags & nl::NLM_F_DUMP_INTR == 0;
                match message.kind {
                    nl::NLMSG_DONE | nl::NLMSG_ERROR if message.seq == u32::MAX => {
                        done = true;
                        failed = failed.max(nl::error_code(message.body));
                    }
                    _ => self.message(message.kind, message.seq, message.body),
                }
            }
            self.buffer = buffer;
            match (done, failed) {
                (false, _) => {}
                (true, 0) => return Ok(consistent),
                (true, errno) => return Err(io::Error::from_raw_os_error(errno)),
            }
        }
    }

    /// Takes in the events that wait, or as many as one turn may take; true if there may be more.
    ///
    /// # Errors
    /// What the kernel says, but for ENOBUFS, which is answered with `recover`.
    pub fn drain_events(&mut self, now: Instant) -> io::Result<bool> {
        let mut more = true;
        for _ in 0..TURN {
            match self.take_in(false) {
                Ok(true) => {}
                Ok(false) => {
                    more = false;
                    break;
                }
                Err(error) if nl::is_overrun(&error) => self.overrun(now)?,
                Err(error) => {
                    self.stale = true;
                    return Err(error);
                }
            }
        }
        if std::mem::take(&mut self.unread) {
            let read = self.dump(nl::RTM_GETADDR);
            self.stale |= read.is_err();
            read?;
            self.drop_doubtful();
        }
        Ok(more)
    }

    /// Everything was read: what is expected still is not there.
    fn drop_doubtful(&mut self) {
        if !std::mem::take(&mut self.doubtful) {
            return;
        }
        for (link, dirty) in self.table.iter_mut().zip(&mut self.dirty) {
            let before = link.addresses.len();
            link.addresses.retain(|address| !address.expected);
            *dirty |= link.addresses.len() != before;
        }
    }

    /// Takes in the answers to requests, and hands out what was refused.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn drain_refusals(&mut self) -> io::Result<Vec<Refusal>> {
        loop {
            match self.take_in(true) {
                Ok(true) => {}
                Ok(false) => return Ok(std::mem::take(&mut self.refusals)),
                // Some refusals are lost: what became of the requests has to be looked up.
                Err(error) if nl::is_overrun(&error) => self.stale = true,
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads one datagram, of answers or of events; false if there is none.
    fn take_in(&mut self, answers: bool) -> io::Result<bool> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let socket = if answers { &self.requests } else { &self.events };
        let read = socket.receive(&mut buffer);
        if let Ok(Some(length)) = read {
            for message in nl::messages(&buffer[..length]) {
                self.message(message.kind, message.seq, message.body);
            }
        }
        self.buffer = buffer;
        read.map(|length| length.is_some())
    }

    /// Sends a batch of requests in one system call; the kernel has carried them out when this
    /// returns.
    ///
    /// # Errors
    /// What the kernel says of the batch as a whole; then nobody knows what was carried out.
    pub fn submit(&mut self, batch: &[u8]) -> io::Result<()> {
        let sent = nl::chunks(batch).try_for_each(|chunk| self.requests.send(chunk));
        self.stale |= sent.is_err();
        sent
    }
}
