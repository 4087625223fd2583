//! `vipctl`: the client's command line.

mod convert;

use crate::exit::{self, Failure};
use getopts::{Matches, Options};
use std::ffi::OsString;

/// The name by which the program is called to be the client.
pub const NAME: &str = "vipctl";
const BRIEF: &str =
    "Usage: vipctl [options] COMMAND\n\nCommands:\n    convert FILE        write a \
                     configuration anew, in another syntax, to standard output";

/// A command: it gets the options and the words behind it.
type Command = fn(&Matches, &[String]) -> Result<u8, Failure>;

/// All of them, by name.
const COMMANDS: &[(&str, Command)] = &[("convert", convert::run)];

/// Does what the arguments say, and returns the exit code.
///
/// # Errors
/// It could not be done.
pub fn run(arguments: impl Iterator<Item = OsString>) -> Result<u8, Failure> {
    let options = options();
    let matches = options.parse(arguments).map_err(|error| usage(&error.to_string()))?;
    if matches.opt_present("h") {
        exit::print(&options.usage(BRIEF))?;
        return Ok(exit::OK);
    }
    if matches.opt_present("V") {
        exit::print(concat!("vipctl ", env!("CARGO_PKG_VERSION"), "\n"))?;
        return Ok(exit::OK);
    }
    let names: Vec<_> = COMMANDS.iter().map(|(name, _)| *name).collect();
    let names = names.join(", ");
    let Some((word, words)) = matches.free.split_first() else {
        return Err(usage(&format!("a command is missing; there is: {names}")));
    };
    let Some((_, command)) = COMMANDS.iter().find(|(name, _)| name == word) else {
        return Err(usage(&format!("\"{word}\": no such command; there is: {names}")));
    };
    command(&matches, words)
}

fn options() -> Options {
    let mut options = Options::new();
    options
        .optopt(
            "F",
            "format",
            "syntax of FILE: toml, keepalived or uci (default: by its name)",
            "FORMAT",
        )
        .optopt(
            "i",
            "config-id",
            "which @ID lines of keepalived.conf count (default: host name)",
            "ID",
        )
        .optflag("", "lenient", "succeed even if something had to be left out")
        .optopt("", "to", "syntax to write: toml or uci (default: toml)", "FORMAT")
        .optflag("V", "version", "print the version, and exit")
        .optflag("h", "help", "print this, and exit");
    options
}

fn usage(message: &str) -> Failure {
    Failure::new(exit::USAGE, format!("{message}; see vipctl -h"))
}
