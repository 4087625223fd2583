//! Where log lines go: to stderr with a level that its reader understands, or to syslog.
//!
//! Nobody's adverts wait for a reader of the log. What it cannot take now waits in a [`Queue`], and
//! what has no room there is lost, counted, and told of when the log takes lines again.

mod queue;

use crate::sys::stderr::Stderr;
use crate::sys::{clock, signalfd};
use env_logger::{Builder, Target};
use log::{Level, LevelFilter, Record};
use queue::Queue;
use signal_hook::consts::SIGTTOU;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Where to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard error.
    Stderr,
    /// The system's log daemon.
    Syslog,
}

impl std::fmt::Display for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stderr => "stderr",
            Self::Syslog => "syslog",
        })
    }
}

/// The socket of the system's log daemon.
const SYSLOG: &str = "/dev/log";
/// Facility daemon, in a syslog priority.
const FACILITY: u8 = 3 << 3;

/// Room for lines that wait, in bytes, where nobody says otherwise.
const ROOM: usize = 64 * 1024;
/// How long the last lines may take at our end, and how often they are tried.
const LAST_LINES: Duration = Duration::from_millis(200);
const LOOK: Duration = Duration::from_millis(10);

/// How a line begins on stderr.
#[derive(Clone, Copy)]
enum Prefix {
    /// `<4>`: for the journal.
    Number,
    /// Time and level: for a person or a file.
    Time,
}

/// Begins to log. `detail` 0 shows info and above, 1 debug, 2 trace.
///
/// # Errors
/// If the log daemon cannot be reached.
pub fn init(sink: Sink, detail: usize) -> io::Result<()> {
    let level = match detail {
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    let mut builder = Builder::new();
    builder.filter_level(LevelFilter::Warn).filter_module("vipd", level);
    builder.target(Target::Pipe(Box::new(Writer)));
    let outlet = match sink {
        Sink::Stderr => {
            let prefix = stderr_prefix();
            // In the background of a terminal that has tostop set, the first line would stop us.
            signalfd::ignore(SIGTTOU)?;
            builder.format(move |out, record| stderr_line(out, prefix, record));
            Outlet::Stderr(Stderr::open())
        }
        Sink::Syslog => {
            builder.format(|out, record| {
                let priority = FACILITY | severity(record.level());
                write!(out, "<{priority}>vipd[{}]: {}", std::process::id(), record.args())
            });
            Outlet::Syslog(connect()?)
        }
    };
    *log() = Some(Log { outlet, queue: Queue::new(ROOM) });
    builder.try_init().map_err(io::Error::other)
}

/// The log, and the lines that wait for it. There is one, as there is one logger.
static LOG: Mutex<Option<Log>> = Mutex::new(None);
/// Something waits: so that a turn of the loop costs no lock.
static WAITING: AtomicBool = AtomicBool::new(false);

struct Log {
    outlet: Outlet,
    queue: Queue,
}

/// What takes lines.
enum Outlet {
    Stderr(Stderr),
    /// One datagram a line.
    Syslog(UnixDatagram),
}

fn log() -> MutexGuard<'static, Option<Log>> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Log {
    fn flush(&mut self) {
        let Self { outlet, queue } = self;
        queue.flush(|line| outlet.write(line));
        WAITING.store(queue.is_waiting(), Ordering::Relaxed);
    }
}

impl Outlet {
    /// Writes a line, or as much of it as there is room for. Never waits.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stderr(stderr) => stderr.write(line),
            Self::Syslog(socket) => match socket.send(line) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    // The log daemon was restarted: find its new socket.
                    socket.connect(SYSLOG)?;
                    socket.send(line)
                }
                result => result,
            },
        }
    }
}

/// Whether lines wait for the log: then [`go_on`] wants to be called when its descriptor is writable,
/// and once a second.
#[must_use]
pub fn is_waiting() -> bool {
    WAITING.load(Ordering::Relaxed)
}

/// The descriptor that becomes writable when the log takes lines again. It stays the same.
#[must_use]
pub fn descriptor() -> Option<RawFd> {
    log().as_ref().map(|log| match &log.outlet {
        Outlet::Stderr(stderr) => stderr.as_raw_fd(),
        Outlet::Syslog(socket) => socket.as_raw_fd(),
    })
}

/// Room for all that the state of so many things may say at once.
pub fn make_room(things: usize) {
    /// Two lines of an instance.
    const THING: usize = 1024;
    if let Some(log) = log().as_mut() {
        log.queue.set_room(ROOM + things * THING);
    }
}

/// Writes what waits, and tells how much was lost once all before it is written.
pub fn go_on() {
    let lost = log().as_mut().and_then(|log| {
        log.flush();
        log.queue.take_lost()
    });
    if let Some(lost) = lost {
        log::warn!("lines lost here: {lost}; the log could not take them");
    }
}

/// How many lines were ever lost.
#[must_use]
pub fn lost() -> u32 {
    log().as_ref().map_or(0, |log| log.queue.total())
}

/// Writes the last lines, if the log takes them in a moment.
pub fn finish() {
    let end = Instant::now() + LAST_LINES;
    while is_waiting() && Instant::now() < end {
        go_on();
        std::thread::sleep(LOOK);
    }
}

/// The journal says that it reads our stderr by naming the file; a terminal or a file wants times.
fn stderr_prefix() -> Prefix {
    match std::env::var_os("JOURNAL_STREAM") {
        Some(_) if !io::stderr().is_terminal() => Prefix::Number,
        Some(_) | None => Prefix::Time,
    }
}

fn stderr_line(out: &mut impl Write, prefix: Prefix, record: &Record<'_>) -> io::Result<()> {
    match prefix {
        Prefix::Number => writeln!(out, "<{}>{}", severity(record.level()), record.args()),
        Prefix::Time => {
            let (seconds, nanos) = clock::realtime();
            let t = clock::local_time(seconds);
            writeln!(
                out,
                "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} {:<7} {}",
                t.year,
                t.month,
                t.day,
                t.hour,
                t.minute,
                t.second,
                nanos / 1_000_000,
                name(record.level()),
                record.args()
            )
        }
    }
}

/// RFC 5424's numbers.
const fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

const fn name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

fn connect() -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(SYSLOG)?;
    Ok(socket)
}

/// Where the logger writes: each call is a line.
struct Writer;

impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(log) = log().as_mut() {
            // First what came before: that may make room.
            if log.queue.is_waiting() {
                log.flush();
            }
            log.queue.push(line);
            log.flush();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
