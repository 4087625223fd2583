//! `vipctl stop [--keep]`

use super::call::Call;
use super::Command;
use crate::exit::{self, Failure};
use getopts::Options;

pub const COMMAND: Command = Command {
    name: "stop",
    arguments: "[--keep]",
    about: "end vipd",
    options: |options: &mut Options| {
        options.optflag("", "keep", "leave addresses and states to the next run");
    },
    run,
};

fn run(call: &Call) -> Result<u8, Failure> {
    call.words::<0>([], 0)?;
    let keep = call.matches.opt_present("keep");
    let request: &[&str] = if keep { &["stop", "--keep"] } else { &["stop"] };
    let line = call.ask_line(request, true)?;
    if call.json {
        exit::print(&(line + "\n"))?;
    }
    Ok(exit::OK)
}
