//! `vipctl is-master NAME`: for scripts.

use super::call::Call;
use super::node::{parse, Node};
use super::Command;
use crate::exit::{self, Failure};
use getopts::Options;

pub const COMMAND: Command = Command {
    name: "is-master",
    arguments: "NAME",
    about: "0 if NAME is MASTER here, 1 if not",
    options: |_: &mut Options| {},
    run,
};

fn run(call: &Call) -> Result<u8, Failure> {
    let words = call.words(["NAME"], 1)?;
    let line = call.ask_line(&["status", &words[0]], false)?;
    let value = parse(&line)?;
    let mut states = Node::new(&value).at("instances").list().map(|it| it.at("state").text());
    let all = states.all(|state| state == "MASTER");
    if call.json {
        exit::print(if all { "{\"is_master\":true}\n" } else { "{\"is_master\":false}\n" })?;
    }
    Ok(if all { exit::OK } else { exit::NO })
}
