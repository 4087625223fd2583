//! `vipctl explain NAME`: why an instance is in its state, and what would change that.

use super::call::Call;
use super::node::{parse, Node};
use super::status::{seconds, tracker_text};
use super::table::wrap;
use super::time::{ago, span};
use super::Command;
use crate::exit::{self, Failure};
use getopts::Options;
use std::time::Duration;

/// The command.
pub const COMMAND: Command = Command {
    name: "explain",
    arguments: "NAME",
    about: "say why it is in its state, and what changes that",
    options: |_: &mut Options| {},
    run,
};

/// What will become of a virtual router if nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It has not begun.
    Init,
    /// It stays MASTER.
    Master,
    /// It stays BACKUP, as long as the MASTER speaks: else it is MASTER after this time.
    MasterIn(Duration),
    /// It stays BACKUP, whatever its timer says.
    Held,
    /// It stays in FAULT.
    Fault,
}

fn run(call: &Call) -> Result<u8, Failure> {
    let words = call.words(["NAME"], 1)?;
    let line = call.ask_line(&["status", &words[0]], false)?;
    if call.json {
        exit::print(&(line + "\n"))?;
        return Ok(exit::OK);
    }
    let value = parse(&line)?;
    let status = Node::new(&value);
    let now = status.at("time").number().unwrap_or_default();
    let mut out = String::new();
    for it in status.at("instances").list() {
        if !out.is_empty() {
            out.push('\n');
        }
        for sentence in explain(it, now).0 {
            out.push_str(&wrap(&sentence, 0));
            out.push('\n');
        }
    }
    exit::print(&out)?;
    Ok(exit::OK)
}

/// In sentences, and in a word. `now`: the time of the answer.
#[must_use]
pub fn explain(it: Node<'_>, now: f64) -> (Vec<String>, Outlook) {
    let mut says = Vec::new();
    let name = match it.at("family").text() {
        "ipv6" => format!("{} (ipv6)", it.at("name").text()),
        _ => it.at("name").text().to_owned(),
    };
    let state = it.at("state").text();
    let since = it.at("since").number().unwrap_or(now);
    let reason = it.at("reason").text();
    says.push(format!("{name} is {state} for {}: {reason}.", ago(now, since)));
    says.push(priority(it));
    let outlook = match state {
        "MASTER" => master(it, &mut says),
        "BACKUP" => backup(it, now, &mut says),
        "FAULT" => fault(it, &mut says),
        _ => {
            says.push("It has not begun, or is ending.".to_owned());
            Outlook::Init
        }
    };
    for tracker in it.at("trackers").list() {
        says.push(format!("It tracks {}.", tracker_text(tracker, now)));
    }
    (says, outlook)
}

/// How the priority adds up.
fn priority(it: Node<'_>) -> String {
    let effective = it.at("effective_priority").integer();
    let base = it.at("priority").integer();
    if base == 255 {
        return "It owns the addresses: its priority is 255, and nothing changes that.".to_owned();
    }
    let over = it.at("priority_override");
    let mut terms = match over.is_some() {
        true => {
            let ours = over.at("priority").integer();
            vec![format!("{ours} by vipctl priority (the configuration says {base})")]
        }
        false => vec![format!("{base} by the configuration")],
    };
    let mut sum = if over.is_some() { over.at("priority").integer() } else { base };
    for tracker in it.at("trackers").list() {
        let effect = tracker.at("effect").integer();
        if effect != 0 {
            sum += effect;
            let (kind, name) = (tracker.at("kind").text(), tracker.at("name").text());
            terms.push(format!(
                "{effect:+} by {kind} {name}, which is {}",
                tracker.at("state").show()
            ));
        }
    }
    let bounded = if sum == effective { "" } else { ", kept within 1 to 254" };
    format!("Its priority is {effective}: {}{bounded}.", terms.join(", "))
}

fn master(it: Node<'_>, says: &mut Vec<String>) -> Outlook {
    let ours = it.at("effective_priority").integer();
    if ours == 255 {
        says.push("It yields to nobody.".to_owned());
    } else {
        let source = match it.at("source").is_some() {
            true => format!(", or as much and an address above {}", it.at("source").text()),
            false => String::new(),
        };
        says.push(format!(
            "It stays MASTER until a router with a priority above {ours}{source} advertises."
        ));
    }
    would_fault(it, says);
    Outlook::Master
}

/// What would put it into FAULT.
fn would_fault(it: Node<'_>, says: &mut Vec<String>) {
    let faults: Vec<_> = it
        .at("trackers")
        .list()
        .filter(|tracker| tracker.at("weight").integer() == 0)
        .map(|tracker| format!("{} {}", tracker.at("kind").text(), tracker.at("name").text()))
        .collect();
    let also = match faults.is_empty() {
        true => String::new(),
        false => format!(", and so would a failure of {}", faults.join(" or ")),
    };
    let interface = it.at("interface").text();
    says.push(format!("To lose {interface} or its address would put it in FAULT{also}."));
}

fn backup(it: Node<'_>, now: f64, says: &mut Vec<String>) -> Outlook {
    let ours = it.at("effective_priority").integer();
    let heard = it.at("master");
    if let Some(left) = it.at("deaf").span() {
        says.push(format!("It listens to nobody for another {} (vrrp_startup_delay).", span(left)));
    }
    match heard.is_some() {
        true => compare(it, heard, (ours, now), says),
        false => says.push("It hears no MASTER.".to_owned()),
    }
    let left = it.at("timers").at("master_down").span();
    match (it.at("drained").is(), it.at("handing_over").is(), left) {
        (true, true, Some(left)) => says.push(format!(
            "It is drained, and nobody has taken over yet: if that stays so for another {}, the \
             drain is over.",
            span(left)
        )),
        (true, ..) => {
            says.push("It is drained: it stays BACKUP until vipctl resume.".to_owned());
            return Outlook::Held;
        }
        (false, ..) => {}
    }
    if it.at("held").is() {
        let waits =
            it.at("trackers").list().filter(|tracker| tracker.at("effect").text() == "hold");
        let names: Vec<_> = waits.map(|tracker| tracker.at("name").text()).collect();
        says.push(format!(
            "It cannot be MASTER before the first result of {}.",
            if names.is_empty() { "what it tracks".to_owned() } else { names.join(", ") }
        ));
        return Outlook::Held;
    }
    if it.at("grouped").is() {
        let whom = match it.at("group").is_some() {
            true => format!("all members of {}", it.at("group").text()),
            false => "its other family".to_owned(),
        };
        says.push(match left {
            Some(left) => format!(
                "If it hears nobody for another {}, it is ready to be MASTER, together with {whom}.",
                span(left)
            ),
            None => format!("It is ready to be MASTER, and waits for {whom}."),
        });
        return Outlook::Held;
    }
    match left {
        Some(left) => {
            says.push(format!(
                "If it hears nobody that it follows for another {}, it becomes MASTER.",
                span(left)
            ));
            Outlook::MasterIn(left)
        }
        None => Outlook::Held,
    }
}

/// The MASTER that is heard, beside us.
fn compare(it: Node<'_>, heard: Node<'_>, (ours, now): (i64, f64), says: &mut Vec<String>) {
    let theirs = heard.at("priority").integer();
    let (address, every) = (heard.at("address").text(), seconds(heard.at("advert_int")));
    let seen = heard.at("last_seen").number().unwrap_or(now);
    let relation = match theirs.cmp(&ours) {
        std::cmp::Ordering::Greater => format!("more than our {ours}"),
        std::cmp::Ordering::Equal => "as much as we have".to_owned(),
        std::cmp::Ordering::Less => format!("less than our {ours}"),
    };
    says.push(format!(
        "{address} is MASTER with priority {theirs}, {relation}; it was heard {} ago and advertises \
         every {every}.",
        ago(now, seen)
    ));
    let (preempt, delay) = (it.at("preempt").is(), it.at("timers").at("preempt_delay").span());
    if !preempt {
        says.push(
            "It does not take over as long as somebody else is MASTER, whatever the priorities: \
             nopreempt."
                .to_owned(),
        );
    } else if theirs < ours {
        says.push(match delay.filter(|left| !left.is_zero()) {
            Some(left) => {
                format!("It lets it be MASTER for another {}: preempt_delay.", span(left))
            }
            None => "It does not follow it, and takes over when its timer has run out.".to_owned(),
        });
    } else if theirs < 254 {
        says.push(format!("It would take over with a priority above {theirs}."));
    } else {
        says.push("No priority but an owner's would let it take over.".to_owned());
    }
}

fn fault(it: Node<'_>, says: &mut Vec<String>) -> Outlook {
    says.push(format!("In its way: {}.", it.at("fault").text()));
    says.push(
        "When that is over it listens as a BACKUP, and the usual election follows.".to_owned(),
    );
    Outlook::Fault
}
