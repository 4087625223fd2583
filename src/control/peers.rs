//! `vipctl peers`: who else speaks VRRP or CARP on our segments.

use super::call::Call;
use super::colour::Paint;
use super::node::{parse, Node};
use super::status::seconds;
use super::table::{cut, wrap};
use super::time::ago;
use super::Command;
use crate::exit::{self, Failure};
use crate::sys::clock;
use getopts::Options;

/// The command.
pub const COMMAND: Command = Command {
    name: "peers",
    arguments: "",
    about: "show who else speaks VRRP or CARP here",
    options: |_: &mut Options| {},
    run,
};

fn run(call: &Call) -> Result<u8, Failure> {
    call.words::<0>([], 0)?;
    let mut answers = call.ask(&["peers"], false)?;
    let (seconds, nanos) = clock::realtime();
    let now = seconds as f64 + f64::from(nanos) / 1e9;
    let paint = Paint::of_stdout();
    let mut notes = String::new();
    let mut any = false;
    while let Some(line) = answers.next_line()? {
        if call.json {
            exit::print(&(line + "\n"))?;
            continue;
        }
        let value = parse(&line)?;
        let it = Node::new(&value);
        if !std::mem::replace(&mut any, true) {
            exit::print(&paint.dim(HEAD))?;
        }
        exit::print(&row(it, now))?;
        notes.push_str(&note(it, paint));
    }
    if !any && !call.json {
        exit::print("nobody else was heard\n")?;
    }
    exit::print(&notes)?;
    Ok(exit::OK)
}

const HEAD: &str = "INTERFACE VRID ADDRESS               PROTOCOL PRIO EVERY   SEEN      FOR\n";

/// A speaker in 80 columns.
fn row(it: Node<'_>, now: f64) -> String {
    let carp = it.at("protocol").text() == "CARP";
    let protocol = match carp {
        true => "CARP".to_owned(),
        false => format!("VRRPv{}", it.at("version").integer()),
    };
    let every =
        if it.at("advert_int").is_some() { seconds(it.at("advert_int")) } else { "?".into() };
    let seen = it.at("last_seen").number().map_or_else(String::new, |at| ago(now.max(at), at));
    let whose = match it.at("instance").is_some() {
        true => it.at("instance").text(),
        false => "nobody here",
    };
    let line = format!(
        "{:<10}{:<5}{:<22}{protocol:<9}{:<5}{every:<8}{seen:<10}{}",
        cut(it.at("interface").text(), 9),
        it.at("virtual_router_id").integer(),
        cut(it.at("address").text(), 21),
        if carp { "-".to_owned() } else { it.at("priority").integer().to_string() },
        cut(whose, 11)
    );
    line.trim_end().to_owned() + "\n"
}

/// What is to be said of it beside.
fn note(it: Node<'_>, paint: Paint) -> String {
    let mut says = Vec::new();
    let (address, vrid) = (it.at("address").text(), it.at("virtual_router_id").integer());
    if it.at("collision").is() {
        let free: Vec<_> = it
            .at("free_virtual_router_ids")
            .list()
            .map(|vrid| vrid.integer().to_string())
            .collect();
        says.push(format!(
            "{address} is of another group with our virtual_router_id {vrid}: both have the same \
             virtual MAC address; give one of them another, such as {}",
            free.join(", ")
        ));
    }
    if it.at("rejected").is_some() && it.at("instance").is_some() {
        says.push(format!(
            "{}: {} adverts of {address} were not heeded: {}",
            it.at("instance").text(),
            it.at("rejections").integer(),
            it.at("rejected").text()
        ));
    }
    says.iter().map(|it| paint.warn(format!("! {}", wrap(it, 2))) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speakers_fit_a_terminal() {
        for line in [
            r#"{"interface":"eth0","virtual_router_id":255,"address":"fe80::ffff:ffff:ffff:ffff",
            "protocol":"VRRP","version":3,"priority":254,"advert_int":40.95,"last_seen":1.5,
            "instance":"a_name_of_some_length"}"#,
            r#"{"interface":"a_long_one.4094","virtual_router_id":7,"address":"10.0.0.9",
            "protocol":"CARP","version":2,"priority":0,"last_seen":-900000,"instance":null}"#,
        ] {
            let row = row(Node::new(&parse(line).unwrap()), 2.0);
            assert!(row.len() <= 81, "{row}");
        }
        assert!(HEAD.len() <= 81);
    }
}
