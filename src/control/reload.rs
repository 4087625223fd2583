//! `vipctl reload`, and `vipctl diff FILE`: what that would do.

use super::call::Call;
use super::node::{parse, Node};
use super::Command;
use crate::exit::{self, Failure};
use getopts::Options;

pub const RELOAD: Command = Command {
    name: "reload",
    arguments: "",
    about: "read the configuration anew; tell what is new",
    options: |_: &mut Options| {},
    run: reload,
};

pub const DIFF: Command = Command {
    name: "diff",
    arguments: "FILE",
    about: "tell what a reload of FILE would change",
    options: |_: &mut Options| {},
    run: diff,
};

fn reload(call: &Call) -> Result<u8, Failure> {
    call.words::<0>([], 0)?;
    let line = call.ask_line(&["reload"], true)?;
    tell(call, line, "nothing has changed")
}

fn diff(call: &Call) -> Result<u8, Failure> {
    let words = call.words(["FILE"], 1)?;
    // The daemon reads it, and stands elsewhere.
    let file = std::path::absolute(&words[0])
        .map_err(|error| Failure::new(exit::OSERR, format!("{}: {error}", words[0])))?;
    let line = call.ask_line(&["diff", &file.to_string_lossy()], true)?;
    tell(call, line, "nothing would change")
}

fn tell(call: &Call, line: String, nothing: &str) -> Result<u8, Failure> {
    if call.json {
        exit::print(&(line + "\n"))?;
        return Ok(exit::OK);
    }
    let value = parse(&line)?;
    let answer = Node::new(&value);
    let lines = answer.at("changes").list().chain(answer.at("transitions").list());
    let text: String = lines.map(|line| line.text().to_owned() + "\n").collect();
    match text.is_empty() {
        true => exit::print(&format!("{nothing}\n"))?,
        false => exit::print(&text)?,
    }
    Ok(exit::OK)
}
