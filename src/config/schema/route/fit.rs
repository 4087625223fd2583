//! Which parts of a route go together.

use super::super::words::{Family, Words};
use super::{Draft, DESTINATION, KINDS, LOCAL, UNICAST};
use crate::config::error::Place;
use crate::config::route::{Prefix, Route, Table};
use core::net::IpAddr;

/// What fits together, and what follows from it.
pub(super) fn finish(draft: Draft, words: &mut Words<'_, '_>) -> Option<Route> {
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
