//! `vipctl convert FILE`

use super::call::Call;
use super::Command;
use crate::config::convert::{convert, Target};
use crate::config::{Format, Reading};
use crate::exit::{self, Failure};
use crate::sys::host;
use getopts::Options;

pub const COMMAND: Command = Command {
    name: "convert",
    arguments: "FILE",
    about: "write a configuration anew, in another syntax",
    options,
    run,
};

fn options(options: &mut Options) {
    options
        .optopt("F", "format", "its syntax: toml, keepalived or uci", "FORMAT")
        .optopt("i", "config-id", "which @ID lines of it count (default: host name)", "ID")
        .optflag("", "lenient", "succeed even if something had to be left out")
        .optopt("", "to", "syntax to write: toml or uci (default: toml)", "FORMAT");
}

/// Writes a configuration in another syntax, and what is to be said of it to standard error.
fn run(call: &Call) -> Result<u8, Failure> {
    let file = &call.words(["FILE"], 1)?[0];
    let matches = &call.matches;
    let format =
        exit::option(matches, "F", &Format::NAMES)?.unwrap_or_else(|| Format::of_file(file));
    let to = exit::option(matches, "to", &Target::NAMES)?.unwrap_or(Target::Toml);
    let config_id = matches.opt_str("i").unwrap_or_else(host::short_name);
    let how = Reading { format, config_id: &config_id, lenient: matches.opt_present("lenient") };
    let bytes = std::fs::read(file)
        .map_err(|error| Failure::new(exit::CONFIG, format!("cannot read {file}: {error}")))?;
    let (text, report) = convert(file, &bytes, &how, to);
    let code = if text.is_none() || report.has_errors() { exit::CONFIG } else { exit::OK };
    exit::print(&text.unwrap_or_default())?;
    exit::say(&report.to_string());
    Ok(code)
}
