//! `virtual_routes` and `static_routes`: lines as ip(8) and keepalived write them.

mod fit;

use super::value::describe;
use super::words::{network, Family, Words};
use crate::config::error::{Place, Report};
use crate::config::route::{Metric, Nexthop, Prefix, Table, VirtualRoute};
use crate::config::tree::{Value, Word};
use crate::vrrp::bounds;
use core::net::IpAddr;

/// The words of a list, line by line: those that are words at all, and not too many.
pub fn lines(list: &str, value: Option<&Value>, report: &mut Report) -> Vec<(Vec<Word>, Place)> {
    let items = value.map(Value::items).unwrap_or_default();
    if let Some(item) = items.get(bounds::LINES) {
        report.error(item.place, format!("more than {} lines in {list}", bounds::LINES));
    }
    let mut lines = Vec::new();
    for item in items.iter().take(bounds::LINES) {
        match item.words() {
            Some(words) if !words.is_empty() => lines.push((words, item.place)),
            Some(_) => drop(report.error(item.place, format!("an empty line in {list}"))),
            None => {
                let message = format!("{list} must be a list of lines, not {}", describe(item));
                report.error(item.place, message);
            }
        }
    }
    lines
}

/// Reads a list of routes.
pub fn read(list: &'static str, value: Option<&Value>, report: &mut Report) -> Vec<VirtualRoute> {
    let mut routes: Vec<VirtualRoute> = Vec::new();
    for (words, place) in lines(list, value, report) {
        let Some(route) = line(Words::new(list, &words, place, report)) else {
            continue;
        };
        match routes.iter().any(|other| other.route == route.route) {
            true => drop(report.error(place, format!("the same route twice in {list}"))),
            false => routes.push(route),
        }
    }
    routes
}

/// The kinds of routes: RTN_.
const KINDS: &[(&str, u8)] = &[
    ("unicast", UNICAST),
    ("local", LOCAL),
    ("blackhole", 6),
    ("unreachable", 7),
    ("prohibit", 8),
    ("throw", 9),
];
const UNICAST: u8 = 1;
const LOCAL: u8 = 2;

/// What a route tells the protocols above it: the word, RTAX_, and the least and the greatest value.
const METRICS: &[(&str, u16, u32, u32)] = &[
    ("mtu", 2, 68, 65_535),
    ("window", 3, 0, u32::MAX),
    ("ssthresh", 6, 0, u32::MAX),
    ("cwnd", 7, 0, u32::MAX),
    ("advmss", 8, 1, 65_535),
    ("reordering", 9, 0, u32::MAX),
    ("hoplimit", 10, 1, 255),
    ("initcwnd", 11, 0, u32::MAX),
    ("initrwnd", 14, 0, u32::MAX),
    ("quickack", 15, 0, 1),
];

/// What a line has said so far.
#[derive(Default)]
struct Draft {
    kind: Option<u8>,
    to: Option<(Option<Prefix>, Place)>,
    via: Option<(IpAddr, Place)>,
    dev: Option<String>,
    src: Option<(IpAddr, Place)>,
    table: Option<Table>,
    metric: Option<u32>,
    scope: Option<u8>,
    tos: Option<(u8, Place)>,
    protocol: Option<u8>,
    pref: Option<(u8, Place)>,
    onlink: bool,
    metrics: Vec<Metric>,
    nexthops: Vec<(Nexthop, Place)>,
}

/// Reads a line. `None` if it is wrong, and that has been told.
fn line(mut words: Words<'_, '_>) -> Option<VirtualRoute> {
    let mut draft = Draft::default();
    while let Some(word) = words.next() {
        if word.text == "nexthop" {
            draft.nexthops = nexthops(word, &mut words)?;
        } else {
            one(word, &mut draft, &mut words)?;
        }
    }
    let route = fit::finish(draft, &mut words)?;
    Some(VirtualRoute { route, line: words.line })
}

/// One word and what belongs to it.
fn one(word: &Word, draft: &mut Draft, words: &mut Words<'_, '_>) -> Option<()> {
    match word.text.as_str() {
        "inet" => words.is_of(Family::V4, word.place),
        "inet6" => words.is_of(Family::V6, word.place),
        "to" => {
            let value = words.value(word)?;
            destination(value, draft, words)
        }
        "via" => {
            let via = words.address(word)?;
            words.once(word, &mut draft.via, via)
        }
        "dev" => {
            let dev = words.dev(word)?;
            words.once(word, &mut draft.dev, dev)
        }
        "src" => {
            let src = words.address(word)?;
            words.once(word, &mut draft.src, src)
        }
        "table" => {
            let table = words.table(word)?;
            words.once(word, &mut draft.table, table)
        }
        "metric" | "priority" | "preference" => {
            let metric = words.number(word, 0, u32::MAX)?;
            words.once(word, &mut draft.metric, metric)
        }
        "scope" => {
            let scope = scope(word, words)?;
            words.once(word, &mut draft.scope, scope)
        }
        "tos" | "dsfield" => {
            let tos = (words.tos(word)?, word.place);
            words.once(word, &mut draft.tos, tos)
        }
        "protocol" => {
            let protocol = words.protocol(word)?;
            words.once(word, &mut draft.protocol, protocol)
        }
        "pref" => {
            let pref = (pref(word, words)?, word.place);
            words.once(word, &mut draft.pref, pref)
        }
        "onlink" => {
            draft.onlink = true;
            Some(())
        }
        "no_track" => {
            words.line.no_track = true;
            Some(())
        }
        _ => match METRICS.iter().find(|(name, ..)| *name == word.text) {
            Some((_, number, least, most)) => {
                let lock = words.take("lock");
                let value = words.number(word, *least, *most)?;
                if draft.metrics.iter().any(|metric| metric.number == *number) {
                    return words.error(word.place, format!("{} is there twice", word.text), "");
                }
                draft.metrics.push(Metric { number: *number, value, lock });
                Some(())
            }
            None => destination(word, draft, words),
        },
    }
}

/// `[KIND] PREFIX`
fn destination(word: &Word, draft: &mut Draft, words: &mut Words<'_, '_>) -> Option<()> {
    let mut word = word.clone();
    if let Some((name, kind)) = KINDS.iter().find(|(name, _)| *name == word.text) {
        words.once(&word, &mut draft.kind, *kind)?;
        let Some(next) = words.next() else {
            return words.error(word.place, format!("{name} has no destination"), DESTINATION);
        };
        word = next.clone();
    }
    let is_one = matches!(word.text.as_str(), "default" | "any" | "all")
        || word.text.starts_with(|c: char| c.is_ascii_digit() || c == ':')
        || word.text.contains([':', '/']);
    if !is_one && draft.kind.is_none() {
        words.unknown(&word, "");
        return None;
    }
    let prefix = words.prefix("a destination", &word)?;
    if draft.to.replace((prefix, word.place)).is_some() {
        return words.error(word.place, "a second destination".into(), EACH);
    }
    if let Some(prefix) = prefix.filter(|prefix| network(*prefix) != *prefix) {
        let Prefix { address, len } = network(prefix);
        let message = format!("{}/{len} is not the first address of its network", prefix.address);
        return words.error(word.place, message, &format!("write {address}/{len}"));
    }
    Some(())
}

const DESTINATION: &str = "write default or ADDRESS/LENGTH";
const EACH: &str = "each route is a line of its own";

fn scope(keyword: &Word, words: &mut Words<'_, '_>) -> Option<u8> {
    const NAMES: &[(&str, u8)] =
        &[("global", 0), ("universe", 0), ("site", 200), ("link", 253), ("host", 254)];
    let value = words.value(keyword)?;
    let named = NAMES.iter().find(|(name, _)| *name == value.text).map(|(_, scope)| *scope);
    match named.or_else(|| value.text.parse().ok()) {
        Some(scope @ 0..=254) => Some(scope),
        _ => words.wrong("scope", value, "global, site, link, host or 0 to 254"),
    }
}

fn pref(keyword: &Word, words: &mut Words<'_, '_>) -> Option<u8> {
    let value = words.value(keyword)?;
    match value.text.as_str() {
        "medium" => Some(0),
        "high" => Some(1),
        "low" => Some(3),
        _ => words.wrong("pref", value, "low, medium or high"),
    }
}

/// `nexthop via ADDRESS dev IF weight N nexthop ...`, to the end of the line.
fn nexthops(first: &Word, words: &mut Words<'_, '_>) -> Option<Vec<(Nexthop, Place)>> {
    /// The kernel counts them in messages of 64 KiB; nobody has so many.
    const MOST: usize = 64;
    let fresh = || Nexthop { weight: 1, ..Nexthop::default() };
    let mut hops = vec![(fresh(), first.place)];
    while let Some(word) = words.next() {
        let count = hops.len();
        let Some((hop, _)) = hops.last_mut() else { break };
        match word.text.as_str() {
            "nexthop" if count == MOST => {
                return words.error(word.place, format!("more than {MOST} nexthops"), "");
            }
            "nexthop" => hops.push((fresh(), word.place)),
            "via" => {
                let via = words.address(word)?.0;
                words.once(word, &mut hop.via, via)?;
            }
            "dev" => {
                let dev = words.dev(word)?;
                words.once(word, &mut hop.dev, dev)?;
            }
            "weight" => {
                hop.weight = words.number(word, 1, 256).and_then(|n| u16::try_from(n).ok())?;
            }
            "onlink" => hop.onlink = true,
            "no_track" => words.line.no_track = true,
            _ => {
                let help =
                    "behind nexthop stand via, dev, weight and onlink, to the end of the line";
                words.unknown(word, help);
                return None;
            }
        }
    }
    for (hop, place) in &hops {
        if hop.via.is_none() && hop.dev.is_none() {
            return words.error(*place, "nexthop needs via or dev".into(), "");
        }
    }
    Some(hops)
}

#[cfg(test)]
mod tests;
