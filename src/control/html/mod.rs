//! `vipctl html`: how it is and how it was, as one page without anything beside it. For a CGI, or to
//! be sent to somebody.

mod timeline;

use super::call::Call;
use super::node::{parse, Node};
use super::status::{addresses, name, seconds, sum};
use super::time::{ago, date, date_exactly};
use super::Command;
use crate::exit::{self, Failure};
use getopts::Options;
use std::fmt::Write;
use tinyjson::JsonValue;

/// The command.
pub const COMMAND: Command = Command {
    name: "html",
    arguments: "",
    about: "a page with all of it and a timeline",
    options: |_: &mut Options| {},
    run,
};

/// Events that are listed, the newest first.
const LISTED: usize = 50;
/// On a telephone each row of a table is a paragraph.
const STYLE: &str = "body{font:14px sans-serif;margin:1.5em;color:#222;background:#fff}\
    table{border-collapse:collapse;margin:1em 0}th,td{text-align:left;padding:.3em .8em;\
    border-bottom:1px solid #ddd;vertical-align:top}.MASTER{color:#080}.FAULT,.INIT{color:#b00}\
    .BACKUP{color:#226}.why{color:#666}\
    .bar{display:flex;align-items:center;margin:.2em 0;max-width:60em}\
    .bar b{width:9em;font-weight:normal;overflow-wrap:anywhere}.bar svg{flex:1;height:20px;min-width:0}\
    .ends{display:flex;justify-content:space-between;max-width:60em}\
    .key{display:inline-block;width:.9em;height:.9em;margin:0 .4em 0 1em}\
    @media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}td,th{border-color:#444}\
    .why{color:#999}.MASTER{color:#6c6}.FAULT,.INIT{color:#f77}.BACKUP{color:#9bf}}\
    @media(max-width:40em){body{margin:.8em}table,tbody,tr,td{display:block}th,td:empty{display:none}\
    td{border:0;padding:.1em 0}td[data-l]::before{content:attr(data-l)': ';color:#888}\
    tr{border-bottom:1px solid #888;padding:.5em 0}.bar b{width:6em}}";

fn run(call: &Call) -> Result<u8, Failure> {
    call.words::<0>([], 0)?;
    let status = parse(&call.ask_line(&["status"], false)?)?;
    let mut answers = call.ask(&["events"], false)?;
    let mut events = Vec::new();
    while let Some(line) = answers.next_line()? {
        events.push(parse(&line)?);
    }
    exit::print(&page(Node::new(&status), &events))?;
    Ok(exit::OK)
}

/// The whole page.
fn page(status: Node<'_>, events: &[JsonValue]) -> String {
    let now = status.at("time").number().unwrap_or_default();
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\
         <meta name=\"viewport\" content=\"width=device-width\"/><title>vipd</title>\
         <style>{STYLE}</style></head><body>\n<h1>vipd</h1>\n<p>{}; running for {}, version {}</p>\n",
        date(now),
        ago(now, status.at("started").number().unwrap_or(now)),
        safe(status.at("version").text()),
    );
    instances(status, now, &mut out);
    timeline::draw(status, events, now, &mut out);
    trackers(status, now, &mut out);
    history(events, &mut out);
    out.push_str("</body></html>\n");
    out
}

fn instances(status: Node<'_>, now: f64, out: &mut String) {
    let mut rows = Vec::new();
    for it in status.at("instances").list() {
        let state = it.at("state").text();
        let drained = if it.at("drained").is() { ", drained" } else { "" };
        let master = match (state, it.at("master").is_some()) {
            ("MASTER", _) => "this router".to_owned(),
            (_, true) => safe(it.at("master").at("address").text()),
            (_, false) => String::new(),
        };
        let since = it.at("since").number().unwrap_or(now);
        rows.push([
            safe(&name(status, it)),
            format!("<b class=\"{0}\">{0}</b>{drained}", safe(state)),
            safe(&sum(it)),
            safe(&addresses(it)),
            master,
            format!(
                "{}<br/><span class=\"why\">{}</span>",
                ago(now, since),
                safe(it.at("reason").text())
            ),
        ]);
    }
    table(["Instance", "State", "Priority", "Addresses", "MASTER", "For"], &rows, out);
}

fn trackers(status: Node<'_>, now: f64, out: &mut String) {
    let mut rows = Vec::new();
    for it in status.at("instances").list() {
        for tracker in it.at("trackers").list() {
            let at = tracker.at("last_run").number();
            rows.push([
                safe(&name(status, it)),
                safe(&format!("{} {}", tracker.at("kind").text(), tracker.at("name").text())),
                safe(&tracker.at("state").show()),
                safe(tracker.at("last_result").text()),
                at.map_or_else(String::new, |at| format!("{} ago", ago(now, at))),
                seconds_or_nothing(tracker.at("last_took")),
            ]);
        }
    }
    if !rows.is_empty() {
        table(["Instance", "Tracker", "State", "Last result", "When", "Took"], &rows, out);
    }
}

fn seconds_or_nothing(node: Node<'_>) -> String {
    if node.is_some() {
        seconds(node)
    } else {
        String::new()
    }
}

fn history(events: &[JsonValue], out: &mut String) {
    let mut rows = Vec::new();
    for event in events.iter().rev().take(LISTED) {
        let it = Node::new(event);
        let change = match it.at("from").is_some() {
            true => {
                format!("{} &#8594; {}", safe(&it.at("from").show()), safe(&it.at("to").show()))
            }
            false => safe(&it.at("to").show()),
        };
        rows.push([
            date_exactly(it.at("time").number().unwrap_or_default()),
            safe(it.at("event").text()),
            safe(it.at("name").text()),
            change,
            safe(it.at("reason").text()),
        ]);
    }
    table(["When", "What", "", "", "Why"], &rows, out);
}

/// A table; a column without a heading has an empty one.
fn table<const N: usize>(heads: [&str; N], rows: &[[String; N]], out: &mut String) {
    out.push_str("<table><tr>");
    for head in heads {
        // A String takes everything.
        let _ = write!(out, "<th>{head}</th>");
    }
    out.push_str("</tr>\n");
    for cells in rows {
        out.push_str("<tr>");
        for (head, cell) in heads.iter().zip(cells) {
            let label = if head.is_empty() { String::new() } else { format!(" data-l=\"{head}\"") };
            let _ = write!(out, "<td{label}>{cell}</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
}

/// A text that means nothing to a browser.
fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tags of a page, each that is opened closed again, in order.
    fn assert_balanced(page: &str) {
        let mut open = Vec::new();
        for part in page.split('<').skip(1) {
            let (tag, _) = part.split_once('>').expect("a tag ends");
            let word = tag.split([' ', '/']).next().unwrap_or_default();
            match tag.strip_prefix('/') {
                Some(closed) => assert_eq!(open.pop(), Some(closed), "{tag}"),
                None if tag.ends_with('/') || tag.starts_with('!') => {}
                None => open.push(word),
            }
        }
        assert_eq!(open, [""; 0]);
    }

    #[test]
    fn whatever_things_are_called_the_page_is_whole() {
        let nasty = "<script>alert('\\\"&')</script>";
        let status = format!(
            r#"{{"time":1000,"started":10,"version":"1","instances":[{{"name":"{nasty}",
            "state":"MASTER","since":500,"reason":"{nasty}","priority":100,"effective_priority":120,
            "virtual_ipaddress":["10.0.0.1/24"],"trackers":[{{"kind":"vrrp_script","name":"{nasty}",
            "state":"up","effect":20,"last_result":"exit 0","last_run":999}}]}}]}}"#
        );
        let event = |at: u32, to: &str| {
            let line = format!(
                r#"{{"time":{at},"event":"instance","name":"{nasty}","from":"{nasty}","to":"{to}",
                "reason":"{nasty}"}}"#
            );
            parse(&line).unwrap()
        };
        let events = [event(100, "INIT"), event(200, "BACKUP"), event(500, "MASTER")];
        let page = page(Node::new(&parse(&status).unwrap()), &events);
        assert_balanced(&page);
        assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("href="));
        assert_eq!(page.matches("<rect").count(), 3, "{page}");
        assert!(page.contains("fill=\"#3a3\"") && page.contains("120=100+20"), "{page}");
    }

    #[test]
    fn nothing_to_show_is_a_page_as_well() {
        assert_balanced(&page(Node(None), &[]));
    }
}
