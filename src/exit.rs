//! What both programs have in common: how they end (exit codes as sysexits.h numbers them, and a
//! sentence), how they print, and options that take one of a few names.

use getopts::Matches;
use std::io::{self, Write};

/// All is well.
pub const OK: u8 = 0;
/// The answer is no.
pub const NO: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 64;
/// It cannot run here.
pub const UNAVAILABLE: u8 = 69;
/// The system has refused something.
pub const OSERR: u8 = 71;
/// It is not permitted.
pub const NOPERM: u8 = 77;
/// The configuration is wrong or not there.
pub const CONFIG: u8 = 78;

/// What went wrong, and the exit code that says so.
#[derive(Clone, Debug)]
pub struct Failure {
    /// One of the codes above.
    pub code: u8,
    /// For a person; may be empty.
    pub message: String,
}

impl Failure {
    /// A failure with its message.
    #[must_use]
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Tells of it on standard error.
    pub fn print(&self, program: &str) {
        if !self.message.is_empty() {
            say(&format!("{program}: {}\n", self.message.trim_end()));
        }
    }
}

/// Writes to standard error. If nobody can hear it, nobody can be told.
pub fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Writes to standard output. A reader that has seen enough is no failure.
///
/// # Errors
/// Nothing can be written there: the disk is full, for instance.
pub fn print(text: &str) -> Result<(), Failure> {
    write_out(text).map(drop)
}

/// Whether somebody reads standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Out {
    /// As far as is known.
    Open,
    /// Nobody any more.
    Closed,
}

/// The same, for who goes on writing only as long as somebody reads.
///
/// # Errors
/// Nothing can be written there: the disk is full, for instance.
pub fn write_out(text: &str) -> Result<Out, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Out::Open),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Out::Closed),
        Err(error) => Err(Failure::new(OSERR, format!("cannot write: {error}"))),
    }
}

/// The value of an option that is one of a few names.
///
/// # Errors
/// It is another name: a mistake of usage.
pub fn option<T: Copy>(
    matches: &Matches,
    option: &str,
    known: &[(&str, T)],
) -> Result<Option<T>, Failure> {
    let Some(name) = matches.opt_str(option) else {
        return Ok(None);
    };
    match known.iter().find(|(known, _)| *known == name) {
        Some((_, value)) => Ok(Some(*value)),
        None => {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            let message = format!("unknown format \"{name}\"; there are: {}", names.join(", "));
            Err(Failure::new(USAGE, message))
        }
    }
}
