//! Lines that the log cannot take now: kept in their order up to a bound, and counted beyond it.

use std::collections::VecDeque;
use std::io;

/// What a line costs beside its bytes.
const OVERHEAD: usize = 32;

/// Lines that wait.
#[derive(Debug)]
pub struct Queue {
    lines: VecDeque<Vec<u8>>,
    /// So much of the first was written.
    begun: usize,
    /// Bytes of all, with what each costs.
    bytes: usize,
    room: usize,
    /// Lines that were lost, and nobody was told yet.
    lost: u32,
    /// Lines that were ever lost.
    total: u32,
}

impl Queue {
    /// Room for so many bytes.
    #[must_use]
    pub const fn new(room: usize) -> Self {
        Self { lines: VecDeque::new(), begun: 0, bytes: 0, room, lost: 0, total: 0 }
    }

    /// From now on there is room for so many bytes.
    pub fn set_room(&mut self, room: usize) {
        self.room = room;
    }

    /// Takes a line, or counts it. Once one was lost, all are until that was told: what the log shows
    /// has one gap, and says where.
    pub fn push(&mut self, line: &[u8]) {
        let cost = line.len() + OVERHEAD;
        if self.lost > 0 || self.bytes + cost > self.room {
            self.lose(1);
            return;
        }
        self.bytes += cost;
        self.lines.push_back(line.to_vec());
    }

    fn lose(&mut self, lines: u32) {
        self.lost = self.lost.saturating_add(lines);
        self.total = self.total.saturating_add(lines);
    }

    /// Writes what waits until the log takes no more.
    pub fn flush(&mut self, mut write: impl FnMut(&[u8]) -> io::Result<usize>) {
        while let Some(line) = self.lines.front() {
            let rest = line.get(self.begun..).unwrap_or_default();
            match write(rest) {
                Ok(length) if length < rest.len() => self.begun += length,
                Ok(_) => self.pop(),
                Err(error) if is_temporary(&error) => return,
                // Nobody will ever read this one.
                Err(_) => {
                    self.pop();
                    self.lose(1);
                }
            }
        }
        // A burst is rare: what it took is given back.
        self.lines = VecDeque::new();
    }

    fn pop(&mut self) {
        let length = self.lines.pop_front().map_or(0, |line| line.len() + OVERHEAD);
        self.bytes = self.bytes.saturating_sub(length);
        self.begun = 0;
    }

    /// Whether something waits to be written, or to be told.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.lines.is_empty() || self.lost > 0
    }

    /// How many lines were lost, once the log has taken all that came before them.
    pub fn take_lost(&mut self) -> Option<u32> {
        let told = self.lines.is_empty() && self.lost > 0;
        told.then(|| std::mem::take(&mut self.lost))
    }

    /// How many lines were ever lost.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.total
    }
}

/// The log may take the line later: its reader is busy or stopped, the disk is full, the log daemon is
/// being restarted.
fn is_temporary(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionRefused, Interrupted, NotConnected, NotFound, OutOfMemory, QuotaExceeded,
        StorageFull, WouldBlock,
    };
    matches!(
        error.kind(),
        WouldBlock
            | Interrupted
            | StorageFull
            | QuotaExceeded
            | OutOfMemory
            | ConnectionRefused
            | NotConnected
            | NotFound
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log with room for so many bytes.
    struct Log(usize, String);

    impl Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let length = bytes.len().min(self.0);
            if length == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.0 -= length;
            self.1.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
            Ok(length)
        }
    }

    #[test]
    fn what_waits_comes_in_its_order_and_the_gap_is_told_once() {
        let mut queue = Queue::new(2 * (2 + OVERHEAD));
        let mut log = Log(3, String::new());
        for line in ["a\n", "b\n"] {
            queue.push(line.as_bytes());
            queue.flush(|bytes| log.write(bytes));
        }
        assert_eq!((log.1.as_str(), queue.is_waiting()), ("a\nb", true));
        for line in ["c\n", "d\n", "e\n"] {
            queue.push(line.as_bytes());
        }
        assert_eq!((queue.total(), queue.take_lost()), (2, None), "c is to be read first");
        log.0 = 2;
        queue.flush(|bytes| log.write(bytes));
        queue.push(b"f\n");
        log.0 = 100;
        queue.flush(|bytes| log.write(bytes));
        assert_eq!((log.1.as_str(), queue.is_waiting()), ("a\nb\nc\n", true));
        assert_eq!((queue.take_lost(), queue.take_lost()), (Some(3), None));
        queue.push(b"g\n");
        queue.flush(|bytes| log.write(bytes));
        assert_eq!((log.1.as_str(), queue.is_waiting(), queue.total()), ("a\nb\nc\ng\n", false, 3));
    }

    #[test]
    fn what_nobody_will_ever_read_is_counted_and_not_kept() {
        let mut queue = Queue::new(1000);
        queue.push(b"a\n");
        queue.flush(|_| Err(io::ErrorKind::BrokenPipe.into()));
        assert_eq!((queue.take_lost(), queue.is_waiting(), queue.bytes), (Some(1), false, 0));
    }
}
