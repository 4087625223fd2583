//! Where log lines go: to stderr with a level that its reader understands, or to syslog.

use crate::sys::clock;
use env_logger::{Builder, Target};
use log::{Level, LevelFilter, Record};
use std::io::{self, IsTerminal, Write};
use std::os::unix::net::UnixDatagram;

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
    match sink {
        Sink::Stderr => {
            let prefix = stderr_prefix();
            builder.format(move |out, record| stderr_line(out, prefix, record));
        }
        Sink::Syslog => {
            let syslog = Syslog { socket: connect()? };
            builder.target(Target::Pipe(Box::new(syslog)));
            builder.format(|out, record| {
                let priority = FACILITY | severity(record.level());
                write!(out, "<{priority}>vipd[{}]: {}", std::process::id(), record.args())
            });
        }
    }
    builder.try_init().map_err(io::Error::other)
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

/// One datagram a line. What the log daemon cannot take now is lost: nobody's adverts wait for it.
struct Syslog {
    socket: UnixDatagram,
}

fn connect() -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(SYSLOG)?;
    Ok(socket)
}

impl Write for Syslog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.socket.send(line) {
            // The log daemon was restarted: find its new socket.
            if error.kind() != io::ErrorKind::WouldBlock {
                if let Ok(socket) = connect() {
                    self.socket = socket;
                    let _ = self.socket.send(line);
                }
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
