//! `virtual_routes` and `static_routes`: lines as ip(8) and keepalived write them.

use super::value::describe;
use super::words::{network, Family, Words};
use crate::config::error::{Place, Report};
use crate::config::route::{Metric, Nexthop, Prefix, Route, Table, VirtualRoute};
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
    let route = finish(draft, &mut words)?;
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

/// What fits together, and what follows from it.
fn finish(draft: Draft, words: &mut Words<'_, '_>) -> Option<Route> {
    let place = words.line.place;
    let Some((to, _)) = draft.to else {
        return words.error(place, "the route has no destination".into(), DESTINATION);
    };
    let hop = draft.nexthops.iter().find_map(|(hop, _)| hop.via);
    let from_address = draft.src.or(draft.via).map(|(address, _)| address).or(hop);
    let said = words.family.or(from_address.map(Family::of));
    let family = said.unwrap_or(Family::V4);
    let kind = draft.kind.unwrap_or(UNICAST);
    let is_direct = draft.via.is_none() && draft.nexthops.is_empty();
    ways(&draft, kind, words)?;
    of_family(&draft, family, words)?;
    let scope = match (draft.scope, family, kind) {
        (_, Family::V6, _) => 0,
        (Some(scope), ..) => scope,
        (None, _, LOCAL) => 254,
        (None, _, UNICAST) if is_direct => 253,
        (None, ..) => 0,
    };
    Some(Route {
        kind,
        to: to.unwrap_or(Prefix { address: family.unspecified(), len: 0 }),
        via: draft.via.map(|(via, _)| via),
        dev: draft.dev,
        onlink: draft.onlink,
        src: draft.src.map(|(src, _)| src),
        table: draft.table.unwrap_or(if kind == LOCAL { Table::Number(255) } else { Table::MAIN }),
        metric: draft.metric,
        scope,
        tos: draft.tos.map_or(0, |(tos, _)| tos),
        protocol: draft.protocol,
        metrics: draft.metrics,
        pref: draft.pref.map(|(pref, _)| pref),
        nexthops: draft.nexthops.into_iter().map(|(hop, _)| hop).collect(),
    })
}

/// Where the packets go.
fn ways(draft: &Draft, kind: u8, words: &mut Words<'_, '_>) -> Option<()> {
    let place = words.line.place;
    let single = draft.via.is_some() || draft.dev.is_some();
    if single && !draft.nexthops.is_empty() {
        let help = "write via and dev behind each nexthop";
        return words.error(place, "via or dev, and nexthop as well".into(), help);
    }
    let any = single || !draft.nexthops.is_empty();
    match kind {
        UNICAST | LOCAL if !any => {
            let message = "the route leads nowhere: via, dev and nexthop are missing";
            words.error(place, message.into(), "write via ADDRESS or dev INTERFACE")
        }
        UNICAST | LOCAL => Some(()),
        _ if any => {
            let name = KINDS.iter().find(|(_, known)| *known == kind).map_or("", |(name, _)| name);
            let message = format!("a {name} route leads nowhere: it has no via, dev or nexthop");
            words.error(place, message, "leave them out")
        }
        _ => Some(()),
    }
}

/// What there is for one family alone.
fn of_family(draft: &Draft, family: Family, words: &mut Words<'_, '_>) -> Option<()> {
    let of = |address: &&(IpAddr, Place)| Family::of(address.0) != family;
    if let Some((_, place)) = draft.src.as_ref().filter(of) {
        return words.error(*place, "src is not of the family of the route".into(), "");
    }
    let hops = draft.nexthops.iter().filter_map(|(hop, place)| Some((hop.via?, *place)));
    let gateways: Vec<_> = draft.via.into_iter().chain(hops).collect();
    if let Some((_, place)) = gateways.iter().find(|it| of(it) && family == Family::V6) {
        let message = "a route for IPv6 cannot have a gateway of IPv4";
        return words.error(*place, message.into(), "");
    }
    let named = |at: usize| match draft.nexthops.get(at) {
        Some((hop, _)) => hop.dev.is_some(),
        None => draft.dev.is_some(),
    };
    let link_local = |address: &IpAddr| match address {
        IpAddr::V6(address) => address.is_unicast_link_local(),
        IpAddr::V4(_) => false,
    };
    for (at, (via, place)) in gateways.iter().enumerate() {
        if link_local(via) && !named(at) {
            let message = format!("via {via}: a link-local address says no interface");
            return words.error(*place, message, "write dev INTERFACE as well");
        }
    }
    match (family, draft.tos, draft.pref) {
        (Family::V6, Some((_, place)), _) => {
            words.error(place, "tos is for routes of IPv4 alone".into(), "a rule can have one")
        }
        (Family::V4, _, Some((_, place))) => {
            words.error(place, "pref is for routes of IPv6 alone".into(), "use metric")
        }
        _ => Some(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::Data;

    fn read_line(text: &str) -> Result<VirtualRoute, String> {
        let mut report = Report::new("f", text);
        let value = Value { data: Data::Text(text.into()), place: Place::new(0, text.len()) };
        match (read("virtual_routes", Some(&value), &mut report).pop(), report.has_errors()) {
            (Some(route), false) => Ok(route),
            (None, true) => Err(report.to_string()),
            (route, _) => panic!("{text}: {route:?} {report}"),
        }
    }

    fn route(text: &str) -> Route {
        read_line(text).unwrap_or_else(|error| panic!("{error}")).route
    }

    #[test]
    fn lines_that_are_right() {
        let default = route("default via 192.0.2.1 dev eth1 metric 50");
        assert_eq!(default.to, Prefix { address: Family::V4.unspecified(), len: 0 });
        assert_eq!((default.kind, default.scope, default.metric), (1, 0, Some(50)));
        assert_eq!((default.via, default.dev.as_deref()), ("192.0.2.1".parse().ok(), Some("eth1")));
        assert_eq!((default.table, default.protocol), (Table::MAIN, None));
        // The order is of no account, and there are several words for some things.
        let other = "dev eth1 priority 50 src 192.0.2.9 to default via inet 192.0.2.1 table main";
        assert_eq!(
            Route { src: None, ..route(other) },
            route(other.replace("src 192.0.2.9 ", "").as_str())
        );
        assert_eq!(route("198.51.100.0/24 dev eth1").scope, 253);
        assert_eq!(route("198.51.100.0/24 dev eth1 scope global").scope, 0);
        assert_eq!(route("local 198.51.100.7 dev eth1").scope, 254);
        assert_eq!(route("local 198.51.100.7 dev eth1").table, Table::Number(255));
        assert_eq!(route("blackhole 198.51.100.0/24 table 100").table, Table::Number(100));
        assert_eq!(route("throw default table wan").table, Table::Name("wan".into()));
        let ipv6 = route("default via fe80::1 dev eth0 pref high");
        assert_eq!(
            (ipv6.to.address, ipv6.pref, ipv6.scope),
            (Family::V6.unspecified(), Some(1), 0)
        );
        assert_eq!(route("inet6 unreachable default").to.address, Family::V6.unspecified());
        let mixed = route("192.0.2.0/24 via inet6 fe80::1 dev eth0 tos 10 protocol static");
        assert_eq!((mixed.tos, mixed.protocol), (16, Some(4)));
        let metrics = route("10.0.0.0/8 dev a mtu lock 1400 advmss 1360 quickack 1 onlink").metrics;
        let metric = |number, value, lock| Metric { number, value, lock };
        let expected = [metric(2, 1400, true), metric(8, 1360, false), metric(15, 1, false)];
        assert_eq!(metrics, expected);
    }

    #[test]
    fn several_ways() {
        let line = read_line(
            "default no_track nexthop via 192.0.2.1 dev a weight 2 nexthop dev b nexthop via \
             192.0.2.3 onlink",
        );
        let VirtualRoute { route, line } = line.unwrap();
        let dev = |name: &str| Some(name.to_owned());
        let via = |text: &str| text.parse().ok();
        let expected = [
            Nexthop { via: via("192.0.2.1"), dev: dev("a"), weight: 2, onlink: false },
            Nexthop { via: None, dev: dev("b"), weight: 1, onlink: false },
            Nexthop { via: via("192.0.2.3"), dev: None, weight: 1, onlink: true },
        ];
        assert_eq!((route.nexthops.as_slice(), route.scope), (&expected[..], 0));
        let devs: Vec<_> = line.devs.iter().map(|(dev, _)| dev.as_str()).collect();
        assert_eq!((devs, line.no_track), (vec!["a", "b"], true));
    }

    #[test]
    fn lines_that_are_wrong() {
        for (text, reason) in [
            ("via 192.0.2.1", "no destination"),
            ("default", "leads nowhere"),
            ("default dev", "something is missing"),
            ("10.0.0.1/24 dev a", "write 10.0.0.0/24"),
            ("2001:db8::1/32 dev a", "write 2001:db8::/32"),
            ("default via x", "an IP address, not \"x\""),
            ("default via inet6 192.0.2.1", "an IPv6 address"),
            ("2001:db8::/32 via 192.0.2.1", "cannot have a gateway of IPv4"),
            ("10.0.0.0/8 dev a src 2001:db8::1", "not of the family"),
            ("inet 2001:db8::/32 dev a", "both families"),
            ("default via fe80::1", "says no interface"),
            ("default nexthop via fe80::1", "says no interface"),
            ("blackhole 10.0.0.0/8 via 192.0.2.1", "leave them out"),
            ("blackhole", "no destination"),
            ("default dev a nexthop dev b", "behind each nexthop"),
            ("default nexthop weight 2", "needs via or dev"),
            ("default nexthop dev a weight 0", "1 to 256"),
            ("default nexthop dev a metric 5", "to the end of the line"),
            ("default dev a metric 1 priority 2", "twice"),
            ("default dev a mtu 1400 mtu 1500", "twice"),
            ("default dev a mtu 10", "68 to 65535"),
            ("default dev a table 0", "routing table"),
            ("default dev a protocol 0", "1 to 255"),
            ("default dev a scope far", "global, site"),
            ("default dev a/b", "name of an interface"),
            ("default dev a encap mpls 5", "encap is not supported"),
            ("default gw 192.0.2.1", "gw is an old word for via"),
            ("default dev a metrik 5", "did you mean \"metric\"?"),
            ("default dev a 10.0.0.0/8", "second destination"),
            ("default dev a pref high", "IPv6 alone"),
            ("2001:db8::/32 dev a tos 10", "IPv4 alone"),
            ("default dev a tos 0x100", "hexadecimal"),
        ] {
            let error = read_line(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_route_is_there_once() {
        let mut report = Report::new("f", "");
        let text = |text: &str| Value { data: Data::Text(text.into()), place: Place::default() };
        let items = vec![text("default dev a metric 5"), text("default priority 5 dev a")];
        let value = Value { data: Data::List(items), place: Place::default() };
        assert_eq!(read("virtual_routes", Some(&value), &mut report).len(), 1);
        assert!(report.to_string().contains("the same route twice"), "{report}");
    }
}
