//! `vipctl check NAME` and `vipctl notify NAME STATE`: scripts, run now by the daemon, as it runs them.

use super::call::Call;
use super::node::{parse, Node};
use super::time::span;
use super::Command;
use crate::exit::{self, Failure};
use getopts::Options;

pub const CHECK: Command = Command {
    name: "check",
    arguments: "NAME",
    about: "run a check once, without effect; 1 if it fails",
    options: |_: &mut Options| {},
    run: check,
};

pub const NOTIFY: Command = Command {
    name: "notify",
    arguments: "NAME STATE",
    about: "run its notify scripts for a state",
    options: |_: &mut Options| {},
    run: notify,
};

fn check(call: &Call) -> Result<u8, Failure> {
    let words = call.words(["NAME"], 1)?;
    tell(call, &["check", &words[0]])
}

fn notify(call: &Call) -> Result<u8, Failure> {
    let words = call.words(["NAME", "STATE"], 2)?;
    tell(call, &["notify", &words[0], &words[1]])
}

/// Shows how each script has ended. 1 if one of them has failed.
fn tell(call: &Call, request: &[&str]) -> Result<u8, Failure> {
    let mut answers = call.ask(request, true)?;
    let mut code = exit::OK;
    while let Some(line) = answers.next_line()? {
        let value = parse(&line)?;
        let it = Node::new(&value);
        if !it.at("success").is() {
            code = exit::NO;
        }
        if call.json {
            exit::print(&(line + "\n"))?;
            continue;
        }
        let took =
            it.at("took").span().map_or_else(String::new, |took| format!(" in {}", span(took)));
        let (name, result) = (it.at("name").text(), it.at("result").text());
        let mut text = format!("{name}: {result}{took}\n");
        for line in it.at("output").text().lines() {
            text.push_str(&format!("    {line}\n"));
        }
        exit::print(&text)?;
    }
    Ok(code)
}
