//! Who was what when, as a picture.

use super::super::node::Node;
use super::super::time::{ago, date, date_exactly};
use super::safe;
use std::collections::BTreeMap;
use std::fmt::Write;
use tinyjson::JsonValue;

/// The width of a bar, in units of its own: the page stretches it.
const WIDTH: f64 = 1000.0;
/// The shortest time that is shown, in seconds.
const SHORTEST: f64 = 60.0;
/// States and their colours. INIT is when it does not run.
const COLOURS: [(&str, &str); 4] =
    [("MASTER", "#3a3"), ("BACKUP", "#99b"), ("FAULT", "#c33"), ("not running", "#ccc")];

/// When a state began, and why.
struct Change {
    at: f64,
    state: String,
    reason: String,
}

/// A bar for each instance, the states that it was in one behind the other.
pub fn draw(status: Node<'_>, events: &[JsonValue], now: f64, out: &mut String) {
    let all = changes(status, events);
    if all.is_empty() {
        return;
    }
    let first = all.values().flatten().map(|it| it.at).fold(now - SHORTEST, f64::min);
    let x = |at: f64| (at - first) / (now - first) * WIDTH;
    for (name, changes) in &all {
        // A String takes everything.
        let _ = writeln!(
            out,
            "<div class=\"bar\"><b>{0}</b><svg viewBox=\"0 0 {WIDTH} 20\" role=\"img\" \
             preserveAspectRatio=\"none\" aria-label=\"states of {0} over time\">",
            safe(name)
        );
        for (place, it) in changes.iter().enumerate() {
            let end = changes.get(place + 1).map_or(now, |next| next.at);
            let _ = writeln!(
                out,
                "<rect x=\"{:.1}\" y=\"0\" width=\"{:.1}\" height=\"20\" fill=\"{}\">\
                 <title>{} from {} for {}: {}</title></rect>",
                x(it.at),
                // What was short is seen all the same.
                (x(end) - x(it.at)).max(1.5),
                colour(&it.state),
                safe(&it.state),
                date_exactly(it.at),
                ago(end, it.at),
                safe(&it.reason),
            );
        }
        out.push_str("</svg></div>\n");
    }
    let (first, last) = (date(first), date(now));
    let _ = writeln!(out, "<div class=\"ends\"><span>{first}</span><span>{last}</span></div>\n<p>");
    for (state, colour) in COLOURS {
        let _ = write!(out, "<i class=\"key\" style=\"background:{colour}\"></i>{state}");
    }
    out.push_str("</p>\n");
}

fn colour(state: &str) -> &'static str {
    COLOURS.iter().find(|(known, _)| *known == state).map_or(COLOURS[3].1, |it| it.1)
}

/// When each instance came into which state, as far as that is known.
fn changes(status: Node<'_>, events: &[JsonValue]) -> BTreeMap<String, Vec<Change>> {
    let mut all = BTreeMap::new();
    for it in status.at("instances").list() {
        let since = it.at("since").number().unwrap_or_default();
        all.insert(it.at("name").text().to_owned(), vec![change(since, it.at("state"), it)]);
    }
    for event in events.iter().rev().map(Node::new) {
        let at = event.at("time").number().unwrap_or_default();
        let Some(changes) = all.get_mut(event.at("name").text()) else { continue };
        let is_older = changes.first().is_none_or(|first: &Change| at < first.at - 0.001);
        if event.at("event").text() == "instance" && is_older {
            changes.insert(0, change(at, event.at("to"), event));
        }
    }
    all
}

fn change(at: f64, state: Node<'_>, of: Node<'_>) -> Change {
    Change { at, state: state.text().to_owned(), reason: of.at("reason").text().to_owned() }
}
