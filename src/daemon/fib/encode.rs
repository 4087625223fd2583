//! Routes and rules as netlink requests.

use super::super::link::ADDRESS_PROTO;
use super::Request;
use crate::config::route::{Metric, Nexthop, Prefix, Route, Rule, RuleAction};
use crate::sys::netlink::route::{self as nl, Header};
use crate::sys::netlink::{Builder, AF_INET, AF_INET6};
use std::net::IpAddr;

/// Appends a request for a route. `index` is that of each interface it names, in its own order; the
/// table has been looked up.
pub fn route(request: Request, route: &Route, table: u32, index: &[u32], batch: &mut Vec<u8>) {
    let mut builder = Builder::new(batch);
    builder.begin(request.kind, request.flags, request.seq);
    let onlink = if route.onlink { nl::RTNH_F_ONLINK } else { 0 };
    let header = Header {
        family: family(route.to.address),
        dst_len: route.to.len,
        tos: route.tos,
        table: octet(table),
        protocol: route.protocol.unwrap_or(ADDRESS_PROTO),
        scope: route.scope,
        kind: route.kind,
        flags: u32::from(onlink),
        ..Header::default()
    };
    builder.header(&header.bytes());
    builder.attribute(nl::RTA_TABLE, &table.to_ne_bytes());
    // Every destination is in the attribute that is not there.
    if route.to.len > 0 {
        address(&mut builder, nl::RTA_DST, route.to.address);
    }
    if let Some(via) = route.via {
        gateway(&mut builder, family(route.to.address), via);
    }
    if let Some(index) = index.first().filter(|_| route.dev.is_some()) {
        builder.attribute(nl::RTA_OIF, &index.to_ne_bytes());
    }
    if let Some(src) = route.src {
        address(&mut builder, nl::RTA_PREFSRC, src);
    }
    if let Some(metric) = route.metric {
        builder.attribute(nl::RTA_PRIORITY, &metric.to_ne_bytes());
    }
    if let Some(pref) = route.pref {
        builder.attribute(nl::RTA_PREF, &[pref]);
    }
    if !route.metrics.is_empty() {
        builder.nested(nl::RTA_METRICS, |inside| metrics(inside, &route.metrics));
    }
    if !route.nexthops.is_empty() {
        let ways = ways(family(route.to.address), &route.nexthops, index);
        builder.attribute(nl::RTA_MULTIPATH, &ways);
    }
    builder.end();
}

fn metrics(builder: &mut Builder<'_>, metrics: &[Metric]) {
    for metric in metrics {
        builder.attribute(metric.number, &metric.value.to_ne_bytes());
    }
    let locked = metrics.iter().filter(|metric| metric.lock);
    let lock = locked.fold(0u32, |lock, metric| lock | 1 << (metric.number & 31));
    if lock != 0 {
        builder.attribute(nl::RTAX_LOCK, &lock.to_ne_bytes());
    }
}

fn ways(of: u8, nexthops: &[Nexthop], index: &[u32]) -> Vec<u8> {
    let (mut ways, mut index) = (Vec::new(), index.iter());
    for hop in nexthops {
        let onlink = if hop.onlink { nl::RTNH_F_ONLINK } else { 0 };
        let interface = hop.dev.as_ref().and_then(|_| index.next().copied()).unwrap_or(0);
        nl::nexthop(&mut ways, (onlink, hop.weight, interface), |way| {
            if let Some(via) = hop.via {
                gateway(way, of, via);
            }
        });
    }
    ways
}

/// A gateway, of the family of the route or of the other.
fn gateway(builder: &mut Builder<'_>, of: u8, via: IpAddr) {
    if family(via) == of {
        address(builder, nl::RTA_GATEWAY, via);
        return;
    }
    let mut value = u16::from(family(via)).to_ne_bytes().to_vec();
    match via {
        IpAddr::V4(via) => value.extend(via.octets()),
        IpAddr::V6(via) => value.extend(via.octets()),
    }
    builder.attribute(nl::RTA_VIA, &value);
}

/// Appends a request for a rule; its table has been looked up.
pub fn rule(request: Request, rule: &Rule, table: u32, batch: &mut Vec<u8>) {
    let mut builder = Builder::new(batch);
    builder.begin(request.kind, request.flags, request.seq);
    let len = |prefix: &Option<Prefix>| prefix.map_or(0, |prefix| prefix.len);
    let kind = match rule.action {
        RuleAction::Table(_) => nl::FR_ACT_TO_TBL,
        RuleAction::Goto(_) => nl::FR_ACT_GOTO,
        RuleAction::Nop => nl::FR_ACT_NOP,
        RuleAction::Blackhole => nl::FR_ACT_BLACKHOLE,
        RuleAction::Unreachable => nl::FR_ACT_UNREACHABLE,
        RuleAction::Prohibit => nl::FR_ACT_PROHIBIT,
    };
    let header = Header {
        family: if rule.is_ipv6 { AF_INET6 } else { AF_INET },
        dst_len: len(&rule.to),
        src_len: len(&rule.from),
        tos: rule.tos,
        table: octet(table),
        kind,
        flags: if rule.not { nl::FIB_RULE_INVERT } else { 0 },
        ..Header::default()
    };
    builder.header(&header.bytes());
    builder.attribute(nl::FRA_PRIORITY, &rule.preference.to_ne_bytes());
    builder.attribute(nl::FRA_PROTOCOL, &[rule.protocol.unwrap_or(ADDRESS_PROTO)]);
    if table != 0 {
        builder.attribute(nl::FRA_TABLE, &table.to_ne_bytes());
    }
    selectors(&mut builder, rule);
    if let RuleAction::Goto(target) = rule.action {
        builder.attribute(nl::FRA_GOTO, &target.to_ne_bytes());
    }
    if let Some(len) = rule.suppress_prefixlength {
        builder.attribute(nl::FRA_SUPPRESS_PREFIXLEN, &len.to_ne_bytes());
    }
    builder.end();
}

/// What a rule is for.
fn selectors(builder: &mut Builder<'_>, rule: &Rule) {
    for (kind, prefix) in [(nl::FRA_SRC, rule.from), (nl::FRA_DST, rule.to)] {
        if let Some(prefix) = prefix.filter(|prefix| prefix.len > 0) {
            address(builder, kind, prefix.address);
        }
    }
    for (kind, name) in [(nl::FRA_IIFNAME, &rule.iif), (nl::FRA_OIFNAME, &rule.oif)] {
        if let Some(name) = name {
            builder.attribute(kind, &[name.as_bytes(), &[0]].concat());
        }
    }
    if let Some((mark, mask)) = rule.fwmark {
        builder.attribute(nl::FRA_FWMARK, &mark.to_ne_bytes());
        if let Some(mask) = mask {
            builder.attribute(nl::FRA_FWMASK, &mask.to_ne_bytes());
        }
    }
    if let Some((first, last)) = rule.uidrange {
        builder.attribute(nl::FRA_UID_RANGE, &[first.to_ne_bytes(), last.to_ne_bytes()].concat());
    }
    if let Some(protocol) = rule.ipproto {
        builder.attribute(nl::FRA_IP_PROTO, &[protocol]);
    }
    for (kind, ports) in [(nl::FRA_SPORT_RANGE, rule.sport), (nl::FRA_DPORT_RANGE, rule.dport)] {
        if let Some((first, last)) = ports {
            builder.attribute(kind, &[first.to_ne_bytes(), last.to_ne_bytes()].concat());
        }
    }
}

/// The number of a table as far as it fits into the header.
fn octet(table: u32) -> u8 {
    u8::try_from(table).unwrap_or_default()
}

/// The family of an address, as the kernel counts.
pub const fn family(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => AF_INET,
        IpAddr::V6(_) => AF_INET6,
    }
}

fn address(builder: &mut Builder<'_>, kind: u16, address: IpAddr) {
    match address {
        IpAddr::V4(address) => builder.attribute(kind, &address.octets()),
        IpAddr::V6(address) => builder.attribute(kind, &address.octets()),
    }
}
