//! Whether adverts get through: what is on the wire beside what the daemon counts. No rule is read,
//! for there are too many ways to write one.

use super::listen::Wire;
use super::patient::Router;
use super::rp_filter;
use super::{Finding, Patient};
use std::fs;
use std::net::IpAddr;

/// So many must be lost: one may be on its way.
const ENOUGH: u32 = 2;
/// So many must be sent: one at each end may have been sent while nobody listened.
const SENT: i64 = 3;

/// In and out.
pub fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let wire = match &patient.wire {
        Ok(wire) => wire,
        Err(why) => return vec![Finding::Unknown(why.clone())],
    };
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let mut findings = Vec::new();
    for router in patient.routers() {
        let filtered: Vec<_> =
            rp_filter::dropped(patient, router.it.at("interface").text(), &routes).collect();
        let known = |source: IpAddr| filtered.iter().any(|it| IpAddr::V4(*it) == source);
        findings.extend(comes_in(&router, wire, &known));
        findings.extend(goes_out(&router, wire));
    }
    if findings.is_empty() {
        let count = wire.incoming().map(|(_, seen)| seen.count).sum::<u32>();
        let sent = wire.outgoing().map(|(_, seen)| seen.count).sum::<u32>();
        findings.push(Finding::Fine(format!(
            "adverts get through: {count} came in, {sent} went out while we listened"
        )));
    }
    findings
}

/// `known`: senders of whom it is known why they are not heard.
fn comes_in(router: &Router<'_>, wire: &Wire, known: &dyn Fn(IpAddr) -> bool) -> Option<Finding> {
    let listens = ["MASTER", "BACKUP"].iter().any(|state| router.stayed(state));
    if !listens || router.received() > 0 || router.before.at("deaf").is_some() {
        return None;
    }
    let lost = wire.incoming().filter(|(it, _)| router.matches(it) && !known(it.source));
    let (count, source) =
        lost.fold((0, None), |(count, _), (it, seen)| (count + seen.count, Some(it.source)));
    let source = source.filter(|_| count >= ENOUGH)?;
    let (interface, name) = (router.it.at("interface").text(), router.name());
    let way = match source {
        IpAddr::V4(_) => "ip protocol 112",
        IpAddr::V6(_) => "ip6 nexthdr 112",
    };
    let command = if source.is_ipv4() { "iptables" } else { "ip6tables" };
    Some(Finding::wrong(
        format!("{count} adverts for {name} came in on {interface}, the last from {source}, and none \
                 reached vipd"),
        "A firewall on this host drops them. This router does not hear the others: both may be \
         MASTER.",
        format!(
            "Let protocol 112 in, before what drops it: nft insert rule inet filter input iifname \
             {interface} {way} accept (with the names of your table and chain), or {command} -I INPUT \
             -i {interface} -p 112 -j ACCEPT"
        ),
    ))
}

fn goes_out(router: &Router<'_>, wire: &Wire) -> Option<Finding> {
    if !router.stayed("MASTER") || wire.outgoing().any(|(it, _)| router.matches(it)) {
        return None;
    }
    let (sent, refused) = (router.grown("advertisement_sent"), router.refused());
    if sent + refused < SENT {
        return None;
    }
    let (interface, name) = (router.it.at("interface").text(), router.name());
    let what = match refused {
        0 => format!("{name} is MASTER and has sent {sent} adverts, and none left {interface}"),
        _ => format!(
            "{name} is MASTER, none of its adverts left {interface}, and the kernel has refused \
             {refused}"
        ),
    };
    let (way, command) = match router.it.at("family").text() {
        "ipv6" => ("ip6 nexthdr 112", "ip6tables"),
        _ => ("ip protocol 112", "iptables"),
    };
    Some(Finding::wrong(
        what,
        "A firewall or traffic control on this host drops them. Other routers do not hear this one: \
         both may be MASTER.",
        format!(
            "Let protocol 112 out, before what drops it: nft insert rule inet filter output oifname \
             {interface} {way} accept (with the names of your table and chain), or {command} -I OUTPUT \
             -o {interface} -p 112 -j ACCEPT"
        ),
    ))
}
