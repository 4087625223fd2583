//! A packet as a line for a person.

use super::message::{Message, Vrrp};
use super::seen::{Fact, Seen};
use crate::control::colour::Paint;
use crate::sys::clock;
use crate::wire::Family;
use std::fmt::Write;

/// So many addresses are shown.
const ADDRESSES: usize = 2;

/// The line, with its end.
#[must_use]
pub fn line(seen: &Seen<'_>, paint: Paint) -> String {
    let meta = &seen.datagram.meta;
    let mut line = format!("{} {}", time(seen.captured.time_ns), meta.source);
    // A String takes everything.
    if meta.destination != Family::of(meta.source).group() {
        let _ = write!(line, " > {}", meta.destination);
    }
    if let Some(vlan) = seen.captured.vlan {
        let _ = write!(line, " vlan {vlan}");
    }
    match &seen.message {
        None => {}
        Some(Message::Carp { vhid, advbase, advskew }) => {
            let _ = write!(line, " CARP vhid {vhid} advbase {advbase} advskew {advskew}");
        }
        Some(Message::Vrrp(vrrp)) => said(&mut line, vrrp),
    }
    let facts: Vec<_> = seen
        .facts()
        .into_iter()
        .map(|fact| match fact {
            Fact::Plain(text) => text,
            Fact::Odd(text) => paint.warn(text),
            Fact::Bad(text) => paint.bad(text),
        })
        .collect();
    if !facts.is_empty() {
        let _ = write!(line, ": {}", facts.join(", "));
    }
    line.push('\n');
    line
}

fn said(line: &mut String, vrrp: &Vrrp) {
    let Vrrp { vrid, version, priority, .. } = vrrp;
    let _ = write!(line, " VRID {vrid} v{version} {priority}");
    line.push_str(match priority {
        0 => " resigns",
        255 => " owner",
        _ => "",
    });
    match vrrp.interval {
        Some(interval) => {
            let text = interval.to_string().replace(' ', "");
            let _ = write!(line, " {text}");
        }
        None => line.push_str(" 0s"),
    }
    for address in vrrp.addresses.iter().take(ADDRESSES) {
        let _ = write!(line, " {address}");
    }
    if let Some(more) = vrrp.addresses.len().checked_sub(ADDRESSES).filter(|more| *more > 0) {
        let _ = write!(line, " +{more} more");
    }
}

/// `09:12:01.482`, in the time zone of whoever reads it.
fn time(time_ns: u64) -> String {
    let millis = time_ns / 1_000_000;
    let t = clock::local_time((millis / 1000) as i64);
    format!("{:02}:{:02}:{:02}.{:03}", t.hour, t.minute, t.second, millis % 1000)
}
