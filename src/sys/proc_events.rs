//! The kernel's process events: who forks, executes, takes another name or ends (proc connector,
//! CONFIG_PROC_EVENTS).

use super::raw::Instruction;
use super::{cvt, cvt_len, if_ready, socket};
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// CN_IDX_PROC and CN_VAL_PROC; the index is the group of the events, too.
const CONNECTOR: u32 = 1;
/// PROC_CN_MCAST_LISTEN and PROC_CN_MCAST_IGNORE.
const LISTEN: u32 = 1;
const IGNORE: u32 = 2;

// Kinds of events.
const NONE: u32 = 0;
const FORK: u32 = 1;
const EXEC: u32 = 2;
const COMM: u32 = 0x200;
const EXIT: u32 = 0x8000_0000;

// A message: struct nlmsghdr, struct cn_msg, and struct proc_event, which has 40 bytes or more.
const HEADER: usize = 16;
const ACK: usize = HEADER + 12;
const EVENT: usize = HEADER + 20;
const DATA: usize = EVENT + 16;
/// The longest message that is looked at, with room to spare.
const MESSAGE: usize = 256;

/// Bytes that may wait, as the kernel counts: about a thousand events.
const RECEIVE_BUFFER: usize = 1 << 20;

/// The socket of the events.
#[derive(Debug)]
pub struct ProcEvents {
    fd: OwnedFd,
    mark: u32,
}

/// An event. Threads are no processes: theirs are not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcEvent {
    /// The kernel takes us on (0), or not: an error number.
    Answer(i32),
    /// A process has a child.
    Fork {
        /// The process.
        parent: u32,
        /// Its child.
        child: u32,
    },
    /// A process executes another program.
    Exec(u32),
    /// A process has given itself another name.
    Comm(u32),
    /// The first thread of a process has ended.
    Exit(u32),
}

impl ProcEvents {
    /// Opens it and asks for events. The kernel answers with [`ProcEvent::Answer`] if it can tell
    /// us anything at all; from another network or process namespace than the first one it says
    /// nothing or refuses.
    ///
    /// # Errors
    /// EPROTONOSUPPORT if the kernel has it not, EPERM without CAP_NET_ADMIN, ECONNREFUSED in another
    /// network namespace.
    pub fn open() -> io::Result<Self> {
        let fd = socket::open(libc::AF_NETLINK, libc::SOCK_DGRAM, libc::NETLINK_CONNECTOR)?;
        socket::receive_buffer(&fd, RECEIVE_BUFFER)?;
        socket::attach_filter(&fd, &filter())?;
        // SAFETY: all-zero is a valid sockaddr_nl.
        let mut name: libc::sockaddr_nl = unsafe { mem::zeroed() };
        name.nl_family = libc::AF_NETLINK as _;
        name.nl_groups = CONNECTOR;
        let length = mem::size_of_val(&name) as libc::socklen_t;
        // SAFETY: `name` is readable for `length` bytes.
        cvt(unsafe { libc::bind(fd.as_raw_fd(), std::ptr::from_ref(&name).cast(), length) })?;
        // All who listen hear all answers. In ours this number has grown by one.
        let events = Self { fd, mark: std::process::id() };
        events.send(LISTEN)?;
        Ok(events)
    }

    fn send(&self, operation: u32) -> io::Result<()> {
        let message = request(self.mark, operation);
        let (fd, place, length) = (self.fd.as_raw_fd(), message.as_ptr().cast(), message.len());
        // SAFETY: `message` is readable for its length.
        if_ready(|| cvt_len(unsafe { libc::send(fd, place, length, 0) })).map(drop)
    }

    /// The next event; `None` if there is none.
    ///
    /// # Errors
    /// ENOBUFS if events were lost, see [`lost`].
    pub fn read(&self) -> io::Result<Option<ProcEvent>> {
        loop {
            let mut buffer = [0u8; MESSAGE];
            // SAFETY: all-zero is a valid sockaddr_nl.
            let mut name: libc::sockaddr_nl = unsafe { mem::zeroed() };
            let mut name_length = mem::size_of_val(&name) as libc::socklen_t;
            let fd = self.fd.as_raw_fd();
            let from = std::ptr::from_mut(&mut name).cast();
            let to = buffer.as_mut_ptr().cast();
            let flags = libc::MSG_DONTWAIT;
            // SAFETY: the buffer and the name are writable for their lengths until the call returns.
            let mut receive =
                || unsafe { libc::recvfrom(fd, to, MESSAGE, flags, from, &mut name_length) };
            let read = if_ready(|| cvt_len(receive()))?;
            let Some(length) = read else { return Ok(None) };
            let from_kernel = name.nl_pid == 0;
            let event = buffer.get(..length).and_then(|bytes| event(bytes, self.mark));
            if let Some(event) = event.filter(|_| from_kernel) {
                return Ok(Some(event));
            }
        }
    }
}

impl Drop for ProcEvents {
    /// Kernels before 6.6 go on making events for nobody otherwise.
    fn drop(&mut self) {
        let _ = self.send(IGNORE);
    }
}

impl AsRawFd for ProcEvents {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Whether an error says that events were lost.
#[must_use]
pub fn lost(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOBUFS)
}

fn request(mark: u32, operation: u32) -> Vec<u8> {
    let mut message = Vec::with_capacity(EVENT + 4);
    message.extend((EVENT as u32 + 4).to_ne_bytes());
    message.extend((libc::NLMSG_DONE as u16).to_ne_bytes());
    message.extend(0u16.to_ne_bytes());
    for field in [0, 0, CONNECTOR, CONNECTOR, 0, mark] {
        message.extend(field.to_ne_bytes());
    }
    message.extend(4u16.to_ne_bytes());
    message.extend(0u16.to_ne_bytes());
    message.extend(operation.to_ne_bytes());
    message
}

/// The event of a message; `None` if it is of no interest, of a thread, or an answer to others.
fn event(message: &[u8], mark: u32) -> Option<ProcEvent> {
    let field = |at: usize| {
        let bytes = message.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_ne_bytes(bytes))
    };
    if field(HEADER)? != CONNECTOR || field(HEADER + 4)? != CONNECTOR {
        return None;
    }
    let (first, second) = (field(DATA)?, || field(DATA + 4));
    match field(EVENT)? {
        NONE if field(ACK)? == mark.wrapping_add(1) => Some(ProcEvent::Answer(first as i32)),
        FORK => {
            let (parent, child) = (second()?, field(DATA + 8)?);
            (field(DATA + 12)? == child).then_some(ProcEvent::Fork { parent, child })
        }
        EXEC => Some(ProcEvent::Exec(second()?)),
        COMM => (second()? == first).then_some(ProcEvent::Comm(first)),
        EXIT => (second()? == first).then_some(ProcEvent::Exit(first)),
        _ => None,
    }
}

/// Lets through what [`event`] takes, so that threads and changes of user do not wake us.
fn filter() -> Vec<Instruction> {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const TO_X: u16 = (libc::BPF_MISC | libc::BPF_TAX) as u16;
    const EQUALS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const EQUALS_X: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_X) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
    let op = |code, jt, jf, k| Instruction { code, jt, jf, k };
    let load = |at: usize| op(LOAD, 0, 0, at as u32);
    // A load turns the network's order into ours, and these fields are in ours already.
    let is = |kind: u32, jt, jf| op(EQUALS, jt, jf, kind.to_be());
    let accept = op(RETURN, 0, 0, u32::MAX);
    let refuse = op(RETURN, 0, 0, 0);
    vec![
        load(EVENT),
        is(NONE, 13, 0),
        is(EXEC, 12, 0),
        is(FORK, 3, 0),
        is(COMM, 6, 0),
        is(EXIT, 5, 0),
        refuse,
        // Of a fork, the two numbers of the child have to be the same.
        load(DATA + 8),
        op(TO_X, 0, 0, 0),
        load(DATA + 12),
        op(JUMP, 0, 0, 3),
        // Of the others, those of the process.
        load(DATA),
        op(TO_X, 0, 0, 0),
        load(DATA + 4),
        op(EQUALS_X, 0, 1, 0),
        accept,
        refuse,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::poll_readable;
    use std::os::fd::AsFd;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    fn message(kind: u32, ack: u32, data: [u32; 4]) -> Vec<u8> {
        let mut bytes = request(ack, kind);
        bytes.extend([0; 12]);
        data.iter().for_each(|field| bytes.extend(field.to_ne_bytes()));
        bytes.extend([0; 8]);
        bytes
    }

    #[test]
    fn messages_are_read() {
        use ProcEvent::*;
        for (kind, data, read) in [
            (FORK, [1, 2, 3, 3], Some(Fork { parent: 2, child: 3 })),
            (FORK, [1, 2, 4, 3], None),
            (EXEC, [5, 5, 0, 0], Some(Exec(5))),
            (COMM, [5, 5, 0, 0], Some(Comm(5))),
            (COMM, [6, 5, 0, 0], None),
            (EXIT, [5, 5, 0, 0], Some(Exit(5))),
            (EXIT, [6, 5, 0, 0], None),
            (4, [5, 5, 5, 5], None),
        ] {
            let message = message(kind, 0, data);
            assert_eq!(event(&message, 9), read, "{kind}");
            assert_eq!(event(&message[..EVENT], 9), None);
        }
        assert_eq!(event(&message(NONE, 10, [22, 0, 0, 0]), 9), Some(Answer(22)));
        assert_eq!(event(&message(NONE, 11, [0, 0, 0, 0]), 9), None);
    }

    /// `None` if this machine has no events for us.
    fn open() -> Option<ProcEvents> {
        let events = ProcEvents::open().map_err(|error| println!("skipped: {error}")).ok()?;
        // The first namespace of processes has this number everywhere.
        let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap();
        if namespace.as_os_str() != "pid:[4026531836]" {
            println!("skipped: the kernel tells nothing in {namespace:?}");
            return None;
        }
        // The answer is there at once; events of others may stand before it.
        while let Some(event) = events.read().unwrap() {
            if event == ProcEvent::Answer(0) {
                return Some(events);
            }
        }
        panic!("the kernel does not answer");
    }

    #[test]
    fn a_child_is_told_from_its_fork_to_its_end() {
        let Some(events) = open() else { return };
        let mut child = Command::new("sh").args(["-c", "exec sleep 0"]).spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        let wanted = [
            ProcEvent::Fork { parent: std::process::id(), child: pid },
            ProcEvent::Exec(pid),
            ProcEvent::Exec(pid),
            ProcEvent::Exit(pid),
        ];
        let (mut at, until) = (0, Instant::now() + Duration::from_secs(20));
        while at < wanted.len() {
            assert!(Instant::now() < until, "nothing after {:?}", &wanted[..at]);
            let _ = poll_readable(events.fd.as_fd(), 1000).unwrap();
            while let Some(event) = events.read().unwrap() {
                at += usize::from(wanted.get(at) == Some(&event));
            }
        }
    }

    /// The filter, and not the reading, leaves threads out: they would wake us.
    #[test]
    fn threads_do_not_wake_us() {
        let Some(events) = open() else { return };
        let pid = std::process::id();
        for _ in 0..100 {
            std::thread::spawn(|| {}).join().unwrap();
        }
        let mut marker = Command::new("true").stdin(Stdio::null()).spawn().unwrap();
        let (mut told, mut buffer) = (0, [0u8; MESSAGE]);
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            assert!(Instant::now() < until, "the process that comes last is not told");
            let _ = poll_readable(events.fd.as_fd(), 1000).unwrap();
            let (fd, place) = (events.fd.as_raw_fd(), buffer.as_mut_ptr().cast());
            // SAFETY: `buffer` is writable for its length until the call returns.
            let read = if_ready(|| cvt_len(unsafe { libc::recv(fd, place, MESSAGE, 0) }));
            let Ok(Some(length)) = read else { continue };
            match event(&buffer[..length], 0) {
                Some(ProcEvent::Exec(child)) if child == marker.id() => break,
                Some(_) => {}
                None => told += 1,
            }
        }
        marker.wait().unwrap();
        // An answer to another who listens at the same time is none of a thread.
        assert!(told < 50, "{told} messages of threads of {pid}");
    }
}
