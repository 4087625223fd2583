//! `vipctl`: the client's command line. A command stands in a file of its own.

mod ask;
mod call;
pub mod colour;
mod convert;
mod doctor;
mod drain;
mod events;
pub mod explain;
mod html;
mod is_master;
mod list;
mod metrics;
pub mod node;
mod peers;
mod reload;
pub mod sniff;
mod status;
mod stop;
mod table;
mod time;
mod tries;
mod watch;

use crate::config::nearest::nearest;
use crate::exit::{self, Failure};
use call::Call;
use getopts::{Options, ParsingStyle};
use std::ffi::OsString;

/// The name by which the program is called to be the client.
pub const NAME: &str = "vipctl";
/// Where the daemon has its files, unless it is told otherwise.
pub const RUN_DIRECTORY: &str = "/run/vipd";
/// The name of the control socket there.
pub const SOCKET: &str = "vipd.sock";

/// A command.
pub struct Command {
    /// Its word.
    name: &'static str,
    /// What stands behind it.
    arguments: &'static str,
    /// What it does, in a few words.
    about: &'static str,
    /// Adds the options that it has beside those of all commands.
    options: fn(&mut Options),
    /// Does it; returns the exit code.
    run: fn(&Call) -> Result<u8, Failure>,
}

/// Does what the arguments say, and returns the exit code.
///
/// # Errors
/// It could not be done.
pub fn run(arguments: impl Iterator<Item = OsString>) -> Result<u8, Failure> {
    let mut options = general();
    options.parsing_style(ParsingStyle::StopAtFirstFree);
    let before = options.parse(arguments).map_err(|error| misuse(&error.to_string()))?;
    if before.opt_present("h") {
        exit::print(&help())?;
        return Ok(exit::OK);
    }
    if before.opt_present("V") {
        exit::print(concat!("vipctl ", env!("CARGO_PKG_VERSION"), "\n"))?;
        return Ok(exit::OK);
    }
    let Some((word, rest)) = before.free.split_first() else {
        return Err(misuse(&format!("a command is missing; there are: {}", names())));
    };
    let Some(command) = list::COMMANDS.iter().find(|command| command.name == word) else {
        let known = list::COMMANDS.iter().map(|command| command.name);
        return Err(misuse(&match nearest(word, known) {
            Some(near) => format!("there is no command \"{word}\"; did you mean {near}?"),
            None => format!("there is no command \"{word}\"; there are: {}", names()),
        }));
    };
    let mut options = general();
    (command.options)(&mut options);
    let behind = options.parse(rest).map_err(|error| misuse(&format!("{word}: {error}")))?;
    if behind.opt_present("h") {
        exit::print(&options.usage(&brief(command)))?;
        return Ok(exit::OK);
    }
    (command.run)(&Call::new(command.name, &before, behind))
}

/// The options of all commands.
fn general() -> Options {
    let mut options = Options::new();
    options
        .optopt("r", "run-directory", "run directory of vipd (default /run/vipd)", "DIR")
        .optopt("s", "socket", "control socket (default vipd.sock in the run directory)", "FILE")
        .optflag("j", "json", "answer in JSON, a line for each thing")
        .optflag("V", "version", "print the version, and exit")
        .optflag("h", "help", "print this, or what a command takes, and exit");
    options
}

fn names() -> String {
    let names: Vec<_> = list::COMMANDS.iter().map(|command| command.name).collect();
    names.join(", ")
}

fn brief(command: &Command) -> String {
    let Command { name, arguments, about, .. } = command;
    ["Usage: vipctl ", name, " ", arguments, "\n", about, "."].concat()
}

/// What brings the options of a command below it, and their meaning below its own.
const INDENT: &str = "       ";

/// Every command with its own options.
fn help() -> String {
    let mut text = general().usage("Usage: vipctl [options] COMMAND");
    text.push_str("\nCommands:\n");
    for command in list::COMMANDS {
        let Command { name, arguments, about, .. } = command;
        text.push_str(&format!("  {:<28} {about}\n", format!("{name} {arguments}")));
        let mut options = Options::new();
        (command.options)(&mut options);
        let own = options.usage("");
        let own = own.lines().skip_while(|line| !line.trim_start().starts_with('-'));
        own.filter(|line| !line.is_empty()).for_each(|line| {
            text.push_str(&format!("{INDENT}{line}\n"));
        });
    }
    text
}

/// A mistake in the command line.
fn misuse(message: &str) -> Failure {
    Failure::new(exit::USAGE, format!("{message}; see vipctl -h"))
}
