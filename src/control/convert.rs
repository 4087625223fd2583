//! `vipctl convert FILE`

use super::usage;
use crate::config::convert::{convert, Target};
use crate::config::{Format, Reading};
use crate::exit::{self, Failure};
use crate::sys::host;
use getopts::Matches;

/// Writes a configuration in another syntax, and what is to be said of it to standard error.
pub fn run(matches: &Matches, words: &[String]) -> Result<u8, Failure> {
    let file = match words {
        [file] => file,
        [] => return Err(usage("convert needs the name of a file")),
        [_, word, ..] => return Err(usage(&format!("unexpected argument \"{word}\""))),
    };
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
