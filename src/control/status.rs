//! `vipctl status [NAME]`

use super::call::Call;
use super::colour::Paint;
use super::node::{parse, Node};
use super::table::{cut, entry, wrap, WIDTH};
use super::time::{ago, date, span};
use super::Command;
use crate::exit::{self, Failure};
use getopts::Options;

pub const COMMAND: Command = Command {
    name: "status",
    arguments: "[NAME]",
    about: "show all instances, or one of them in full",
    options: |_: &mut Options| {},
    run,
};

fn run(call: &Call) -> Result<u8, Failure> {
    let words = call.words(["NAME"], 0)?;
    let mut request = vec!["status"];
    request.extend(words.first().map(String::as_str));
    let line = call.ask_line(&request, false)?;
    if call.json {
        exit::print(&(line + "\n"))?;
        return Ok(exit::OK);
    }
    let value = parse(&line)?;
    let (status, paint) = (Node::new(&value), Paint::of_stdout());
    exit::print(&match words.is_empty() {
        true => overview(status, paint),
        false => in_full(status, paint),
    })?;
    Ok(exit::OK)
}

/// The table of all instances, in no more than 80 columns.
#[must_use]
pub fn overview(status: Node<'_>, paint: Paint) -> String {
    let now = status.at("time").number().unwrap_or_default();
    let mut out = paint.dim(format!(
        "{:<17}{:<8}{:<16}{:<21}{}",
        "INSTANCE", "STATE", "PRIORITY", "ADDRESSES", "MASTER"
    ));
    out.push('\n');
    for it in status.at("instances").list() {
        let state = it.at("state").text();
        let shown = if it.at("drained").is() { "drained" } else { state };
        let shown = format!("{shown:<8}");
        let shown = match it.at("drained").is() {
            true => paint.warn(shown),
            false => paint.state(state, shown),
        };
        let line = format!(
            "{:<17}{shown}{:<16}{:<21}{}",
            cut(&name(status, it), 16),
            cut(&sum(it), 15),
            cut(&addresses(it), 20),
            cut(&master(it), WIDTH - 62),
        );
        out.push_str(line.trim_end());
        out.push('\n');
        let since = it.at("since").number().unwrap_or(now);
        let why = format!("for {}: {}", ago(now, since), it.at("reason").text());
        out.push_str(&paint.dim(format!("  {}", wrap(&why, 2))));
        out.push('\n');
    }
    for group in status.at("groups").list() {
        let members: Vec<_> = group.at("members").list().map(Node::text).collect();
        let state = group.at("state").text();
        let text = format!("{}: {}", paint.state(state, state), members.join(", "));
        out.push_str(&entry(&format!("group {} ", group.at("name").text()), 17, &text));
    }
    out.push_str(&notices(status, paint));
    out
}

/// What is wrong beside the instances.
fn notices(status: Node<'_>, paint: Paint) -> String {
    let mut notices = Vec::new();
    if status.at("stopping").is() {
        notices.push("vipd is stopping".to_owned());
    }
    if status.at("skipped").integer() > 0 {
        let (file, skipped) = (status.at("file").text(), status.at("skipped").integer());
        notices.push(format!("{file}: {skipped} things in it are wrong and not used (--lenient)"));
    }
    for it in status.at("instances").list() {
        for refused in it.at("refused").list() {
            let (address, error) = (refused.at("address").text(), refused.at("error").text());
            notices.push(format!(
                "{}: the kernel does not take {address}: {error}",
                it.at("name").text()
            ));
        }
    }
    for row in status.at("duplicates").list() {
        notices.push(format!(
            "{}: {} {} at {}",
            row.at("name").text(),
            row.at("kind").text(),
            row.at("address").text(),
            if row.at("mac").is_some() { row.at("mac").text() } else { "an unknown place" }
        ));
    }
    for (name, count) in status.at("shortage").fields() {
        if count.integer() > 0 {
            notices.push(format!("{name}: {}", count.integer()));
        }
    }
    notices.iter().map(|it| paint.warn(format!("! {}", wrap(it, 2))) + "\n").collect()
}

/// Its name, with the family if it has both.
pub fn name(status: Node<'_>, it: Node<'_>) -> String {
    let name = it.at("name").text();
    let same = status.at("instances").list().filter(|other| other.at("name").text() == name);
    match same.count() {
        0 | 1 => name.to_owned(),
        _ => format!("{} {}", cut(name, 11), it.at("family").text()),
    }
}

/// The priority and how it comes about: `120 = 100 + 20`.
pub fn sum(it: Node<'_>) -> String {
    let base = match it.at("priority_override").is_some() {
        true => it.at("priority_override").at("priority").integer(),
        false => it.at("priority").integer(),
    };
    let effective = it.at("effective_priority").integer();
    let terms: Vec<i64> = it
        .at("trackers")
        .list()
        .map(|tracker| tracker.at("effect").integer())
        .filter(|term| *term != 0)
        .collect();
    if terms.is_empty() && effective == base {
        return effective.to_string();
    }
    let terms: String = terms.iter().map(|term| format!("{term:+}")).collect();
    format!("{effective}={base}{terms}")
}

/// The first virtual address, and how many more there are.
pub fn addresses(it: Node<'_>) -> String {
    let all = it.at("virtual_ipaddress").list().chain(it.at("virtual_ipaddress_excluded").list());
    let mut all = all.map(Node::text);
    let first = all.next().unwrap_or("none");
    match all.count() {
        0 => first.to_owned(),
        more => format!("{} +{more}", cut(first, 16)),
    }
}

fn master(it: Node<'_>) -> String {
    match (it.at("state").text(), it.at("master").is_some()) {
        ("MASTER", _) => "this router".to_owned(),
        (_, true) => it.at("master").at("address").text().to_owned(),
        (_, false) => "-".to_owned(),
    }
}

/// Each virtual router of an answer with everything that is known of it.
#[must_use]
pub fn in_full(status: Node<'_>, paint: Paint) -> String {
    let now = status.at("time").number().unwrap_or_default();
    let mut out = String::new();
    for it in status.at("instances").list() {
        if !out.is_empty() {
            out.push('\n');
        }
        let state = it.at("state").text();
        out.push_str(&format!("{}: {}", paint.bold(name(status, it)), paint.state(state, state)));
        if it.at("drained").is() {
            out.push_str(&paint.warn(", drained"));
        }
        let since = it.at("since").number().unwrap_or(now);
        out.push_str(&format!(" for {} (since {})\n", ago(now, since), date(since)));
        for (name, text) in paragraphs(it, now) {
            out.push_str(&entry(&format!("  {name}"), 14, &text));
        }
    }
    out + &notices(status, paint)
}

fn paragraphs(it: Node<'_>, now: f64) -> Vec<(&'static str, String)> {
    let mut all = vec![("reason", it.at("reason").text().to_owned())];
    if it.at("fault").is_some() {
        all.push(("fault", it.at("fault").text().to_owned()));
    }
    all.push(("interface", interface(it)));
    for key in ["virtual_ipaddress", "virtual_ipaddress_excluded"] {
        let list: Vec<_> = it.at(key).list().map(Node::text).collect();
        if !list.is_empty() {
            all.push((
                if key.ends_with("excluded") { "excluded" } else { "addresses" },
                list.join(", "),
            ));
        }
    }
    all.push(("priority", priority(it)));
    if it.at("group").is_some() {
        all.push(("group", it.at("group").text().to_owned()));
    }
    all.push(("timers", timers(it)));
    if let Some(text) = heard(it, now) {
        all.push(("master", text));
    }
    for tracker in it.at("trackers").list() {
        all.push(("tracker", tracker_text(tracker, now)));
    }
    for peer in it.at("peers").list() {
        all.push(("peer", peer_text(peer, now)));
    }
    let mut counters = Vec::new();
    for (name, count) in it.at("statistics").fields() {
        if count.integer() > 0 {
            counters.push(format!("{name} {}", count.integer()));
        }
    }
    all.push(("counters", counters.join(", ")));
    all
}

fn interface(it: Node<'_>) -> String {
    let mut text = format!(
        "{}, {}, virtual_router_id {}, version {}, every {}",
        it.at("interface").text(),
        it.at("family").text(),
        it.at("virtual_router_id").integer(),
        it.at("version").show(),
        seconds(it.at("advert_int")),
    );
    if it.at("source").is_some() {
        text.push_str(&format!(", from {}", it.at("source").text()));
    }
    if it.at("checksum").is_some() {
        text.push_str(&format!(", checksum {}", it.at("checksum").text()));
    }
    if it.at("vip_lease").is_some() {
        text.push_str(&format!(", vip_lease {}", it.at("vip_lease").text()));
    }
    text
}

fn priority(it: Node<'_>) -> String {
    let mut text = sum(it).replace('=', " = ").replace('+', " + ");
    for tracker in it.at("trackers").list().filter(|tracker| tracker.at("effect").integer() != 0) {
        text.push_str(&format!(
            ", {:+} {}",
            tracker.at("effect").integer(),
            tracker.at("name").text()
        ));
    }
    let over = it.at("priority_override");
    if over.is_some() {
        let until = over.at("until").number();
        let until = until.map_or_else(
            || "until vipctl says otherwise".to_owned(),
            |until| format!("until {}", date(until)),
        );
        let (ours, file) = (over.at("priority").integer(), it.at("priority").integer());
        text.push_str(&format!("; {ours} instead of {file} by vipctl priority, {until}"));
    }
    if !it.at("preempt").is() {
        text.push_str("; nopreempt");
    }
    text
}

fn timers(it: Node<'_>) -> String {
    let timers = it.at("timers");
    let mut parts = Vec::new();
    for (key, says) in [
        ("advert", "next advert in"),
        ("master_down", "master down in"),
        ("preempt_delay", "preempt delay ends in"),
    ] {
        if let Some(left) = timers.at(key).span() {
            parts.push(format!("{says} {}", span(left)));
        }
    }
    if let Some(left) = it.at("deaf").span() {
        parts.push(format!("listens to nobody for {}", span(left)));
    }
    parts.push(format!("skew time {}", seconds(timers.at("skew_time"))));
    parts.push(format!("master down interval {}", seconds(timers.at("master_down_interval"))));
    parts.join(", ")
}

fn heard(it: Node<'_>, now: f64) -> Option<String> {
    let master = it.at("master");
    if !master.is_some() || it.at("state").text() == "MASTER" {
        return None;
    }
    let seen = master.at("last_seen").number().unwrap_or(now);
    Some(format!(
        "{} with priority {}, every {}, heard {} ago",
        master.at("address").text(),
        master.at("priority").integer(),
        seconds(master.at("advert_int")),
        ago(now, seen)
    ))
}

/// `vrrp_script web: down (2 of 3 against it), exit 1 0.2 s ago in 4 ms: what it said`
#[must_use]
pub fn tracker_text(it: Node<'_>, now: f64) -> String {
    let mut text =
        format!("{} {}: {}", it.at("kind").text(), it.at("name").text(), it.at("state").show());
    let against = it.at("against").integer();
    if against > 0 {
        text.push_str(&format!(" ({against} in a row against it)"));
    }
    let weight = it.at("weight").integer();
    if weight != 0 {
        text.push_str(&format!(", weight {weight}"));
    }
    text.push_str(&format!(", {}", it.at("last_result").text()));
    if let Some(at) = it.at("last_run").number() {
        text.push_str(&format!(" {} ago", ago(now, at)));
    }
    if let Some(took) = it.at("last_took").span() {
        text.push_str(&format!(" in {}", span(took)));
    }
    if !it.at("last_output").text().is_empty() {
        text.push_str(&format!(": {}", it.at("last_output").text()));
    }
    text
}

fn peer_text(it: Node<'_>, now: f64) -> String {
    let mut text = format!(
        "{}: priority {}, every {}, version {}",
        it.at("address").text(),
        it.at("priority").integer(),
        seconds(it.at("advert_int")),
        it.at("version").show()
    );
    if it.at("checksum").is_some() {
        text.push_str(&format!(", checksum {}", it.at("checksum").text()));
    }
    let seen = it.at("last_seen").number().unwrap_or(now);
    text.push_str(&format!(", heard {} ago", ago(now, seen)));
    if it.at("rejected").is_some() {
        text.push_str(&format!(", rejected: {}", it.at("rejected").text()));
    }
    text
}

/// A span, or nothing.
#[must_use]
pub fn seconds(node: Node<'_>) -> String {
    node.span().map_or_else(|| "?".to_owned(), span)
}
