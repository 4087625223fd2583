//! `vipctl metrics`: the status for Prometheus, in its text format.

mod names;
mod text;

use super::call::Call;
use super::node::{parse, Node};
use super::{misuse, Command};
use crate::exit::{self, Failure};
use crate::vrrp::StateName;
use getopts::Options;
use names::{Metric, DAEMON, INSTANCE, PEER, TRACKER};
use text::Kind::{Counter, Gauge};
use text::Text;
use tinyjson::JsonValue;

/// The command.
pub const COMMAND: Command = Command {
    name: "metrics",
    arguments: "",
    about: "print all numbers for Prometheus",
    options: |_: &mut Options| {},
    run,
};

const STATES: [StateName; 4] =
    [StateName::Init, StateName::Backup, StateName::Master, StateName::Fault];

/// Counters of adverts that were taken or sent; all others are of what was wrong.
const TRAFFIC: [&str; 5] = [
    "master_transitions",
    "advertisement_rcvd",
    "advertisement_sent",
    "priority_zero_pkts_rcvd",
    "priority_zero_pkts_sent",
];

fn run(call: &Call) -> Result<u8, Failure> {
    call.words([], 0)?;
    if call.json {
        return Err(misuse("metrics are no JSON; status -j is"));
    }
    let answer = call.ask_line(&["status"], false).and_then(|line| parse(&line));
    match answer {
        Ok(value) => exit::print(&metrics(Node::new(&value)))?,
        Err(failure) => {
            // Who may not ask does not know whether it runs.
            if failure.code == exit::UNAVAILABLE {
                let mut text = Text::default();
                up(&mut text, false);
                exit::print(&text.finish())?;
            }
            return Err(failure);
        }
    }
    Ok(exit::OK)
}

fn up(out: &mut Text, answers: bool) {
    out.metric("vipd_up", Gauge, "1 if vipd answers, 0 if not.");
    out.sample(&[], f64::from(u8::from(answers)));
}

/// All metrics out of an answer to `status`.
#[must_use]
fn metrics(status: Node<'_>) -> String {
    let mut out = Text::default();
    up(&mut out, true);
    out.metric("vipd_build_info", Gauge, "1, with the version of vipd.");
    out.sample(&[("version", status.at("version").text())], 1.0);
    put(&mut out, DAEMON, || std::iter::once((Vec::new(), status)));
    instances(&mut out, status);
    put(&mut out, INSTANCE, || routers(status));
    counters(&mut out, status);
    trackers(&mut out, status);
    peers(&mut out, status);
    around(&mut out, status);
    out.finish()
}

/// The labels of a thing.
type Labels<'a> = Vec<(&'static str, &'a str)>;

/// Every metric of a table, of all things.
fn put<'a, I>(out: &mut Text, table: &[Metric], things: impl Fn() -> I)
where
    I: Iterator<Item = (Labels<'a>, Node<'a>)>,
{
    for metric in table {
        out.metric(metric.name, metric.kind, metric.help);
        for (labels, thing) in things() {
            let field = metric.path.iter().fold(thing, |node, key| node.at(key));
            if let Some(value) = number(field) {
                out.sample(&labels, value);
            }
        }
    }
}

/// A number, or 1 and 0 for true and false.
fn number(field: Node<'_>) -> Option<f64> {
    match field.0 {
        Some(JsonValue::Boolean(flag)) => Some(f64::from(u8::from(*flag))),
        _ => field.number(),
    }
}

fn labels<'a>(it: Node<'a>, names: [(&'static str, &'static str); 2]) -> Labels<'a> {
    names.map(|(label, field)| (label, it.at(field).text())).to_vec()
}

/// Virtual routers. Their label is not "instance": so Prometheus calls the host that it asks.
fn routers(status: Node<'_>) -> impl Iterator<Item = (Labels<'_>, Node<'_>)> {
    let names = [("name", "name"), ("family", "family")];
    status.at("instances").list().map(move |it| (labels(it, names), it))
}

/// The parts of virtual routers: their trackers, or their peers.
fn parts<'a>(
    status: Node<'a>,
    key: &'static str,
    names: &'static [(&'static str, &'static str)],
) -> impl Iterator<Item = (Labels<'a>, Node<'a>)> {
    routers(status).flat_map(move |(labels, router)| {
        router.at(key).list().map(move |part| {
            let own = names.iter().map(|(label, field)| (*label, part.at(field).text()));
            (labels.iter().copied().chain(own).collect(), part)
        })
    })
}

fn with<'a>(labels: &Labels<'a>, more: &[(&'static str, &'a str)]) -> Labels<'a> {
    labels.iter().chain(more).copied().collect()
}

fn instances(out: &mut Text, status: Node<'_>) {
    out.metric("vipd_instance_info", Gauge, "1, with what is configured of an instance.");
    for (labels, it) in routers(status) {
        let (id, version) = (it.at("virtual_router_id").show(), it.at("version").show());
        let more = [
            ("interface", it.at("interface").text()),
            ("virtual_router_id", id.as_str()),
            ("version", version.as_str()),
            ("group", it.at("group").text()),
        ];
        out.sample(&with(&labels, &more), 1.0);
    }
    out.metric("vipd_instance_state", Gauge, "1 for the state that the instance is in.");
    for (labels, it) in routers(status) {
        states(out, &labels, it.at("state").text());
    }
    out.metric("vipd_group_state", Gauge, "1 for the state that the sync group is in.");
    for it in status.at("groups").list() {
        states(out, &vec![("name", it.at("name").text())], it.at("state").text());
    }
    out.metric("vipd_virtual_address", Gauge, "1 while this router has the address, 0 while not.");
    for (labels, it) in routers(status) {
        addresses(out, &labels, it);
    }
    out.metric(
        "vipd_master_info",
        Gauge,
        "1, with the address of the MASTER that is heard or is this router.",
    );
    for (labels, it) in routers(status) {
        if it.at("master").at("address").is_some() {
            let address = it.at("master").at("address").text();
            out.sample(&with(&labels, &[("address", address)]), 1.0);
        }
    }
}

fn states(out: &mut Text, labels: &Labels<'_>, is: &str) {
    for state in STATES {
        let value = f64::from(u8::from(state.as_str() == is));
        out.sample(&with(labels, &[("state", state.as_str())]), value);
    }
}

fn addresses(out: &mut Text, labels: &Labels<'_>, it: Node<'_>) {
    let is_master = it.at("state").text() == "MASTER";
    for (key, excluded) in [("virtual_ipaddress", "false"), ("virtual_ipaddress_excluded", "true")]
    {
        for address in it.at(key).list().map(Node::text) {
            let bare = address.split('/').next().unwrap_or_default();
            let refused = it.at("refused").list().any(|it| it.at("address").text() == bare);
            let value = f64::from(u8::from(is_master && !refused));
            out.sample(&with(labels, &[("address", address), ("excluded", excluded)]), value);
        }
    }
}

fn counters(out: &mut Text, status: Node<'_>) {
    out.metric(
        "vipd_transitions_total",
        Counter,
        "Times that the instance has become MASTER; no other state is counted.",
    );
    for (labels, it) in routers(status) {
        let times = it.at("statistics").at("master_transitions").number().unwrap_or_default();
        out.sample(&with(&labels, &[("to", "MASTER")]), times);
    }
    out.metric("vipd_releases_total", Counter, "Times that the instance has ceased to be MASTER.");
    for (labels, it) in routers(status) {
        let times = it.at("statistics").at("master_transitions").integer();
        let now = i64::from(it.at("state").text() == "MASTER");
        out.sample(&labels, (times - now).max(0) as f64);
    }
    out.metric("vipd_discarded_total", Counter, "What was wrong with adverts; those of VRRPv3 with interval_errors or address_list_errors may have been taken all the same.");
    for (labels, it) in routers(status) {
        discarded(out, &labels, it);
    }
    out.metric(
        "vipd_interface_discarded_total",
        Counter,
        "Packets that belong to no virtual router of ours on this interface.",
    );
    for (labels, it) in interfaces(status) {
        discarded(out, &labels, it);
    }
    out.metric("vipd_send_errors_total", Counter, "Adverts that the kernel has not taken.");
    for (labels, it) in interfaces(status) {
        out.sample(&labels, it.at("send_errors").number().unwrap_or_default());
    }
}

fn interfaces(status: Node<'_>) -> impl Iterator<Item = (Labels<'_>, Node<'_>)> {
    let names = [("interface", "name"), ("family", "family")];
    status.at("interfaces").list().map(move |it| (labels(it, names), it))
}

fn discarded(out: &mut Text, labels: &Labels<'_>, it: Node<'_>) {
    for (reason, count) in it.at("statistics").fields() {
        if let Some(count) = count.number().filter(|_| !TRAFFIC.contains(&reason)) {
            let mut labels: Vec<(&str, &str)> = labels.clone();
            labels.push(("reason", reason));
            out.sample(&labels, count);
        }
    }
}

fn trackers(out: &mut Text, status: Node<'_>) {
    let all = || parts(status, "trackers", &[("tracker", "name"), ("kind", "kind")]);
    out.metric(
        "vipd_tracker_up",
        Gauge,
        "1 if the tracker is up, 0 if it is down, NaN as long as it does not know.",
    );
    for (labels, it) in all() {
        match it.at("state").text() {
            "up" => out.sample(&labels, 1.0),
            "down" => out.sample(&labels, 0.0),
            "unknown" => out.sample(&labels, f64::NAN),
            // A number is in the next one.
            _ => {}
        }
    }
    out.metric("vipd_tracker_value", Gauge, "What the tracker says, of one that says a number.");
    for (labels, it) in all() {
        if let Some(value) = it.at("state").number() {
            out.sample(&labels, value);
        }
    }
    out.metric("vipd_tracker_fault", Gauge, "1 while the tracker keeps the instance in FAULT.");
    for (labels, it) in all() {
        out.sample(&labels, f64::from(u8::from(it.at("effect").text() == "fault")));
    }
    put(out, TRACKER, all);
}

fn peers(out: &mut Text, status: Node<'_>) {
    let all = || parts(status, "peers", &[("peer", "address")]);
    out.metric("vipd_peer_info", Gauge, "1, with what another router speaks.");
    for (labels, it) in all() {
        let version = it.at("version").show();
        let more = [("version", version.as_str()), ("checksum", it.at("checksum").text())];
        out.sample(&with(&labels, &more), 1.0);
    }
    put(out, PEER, all);
}

/// What goes on around the instances.
fn around(out: &mut Text, status: Node<'_>) {
    out.metric(
        "vipd_duplicate",
        Gauge,
        "1 while somebody else has our address, our priority or our part.",
    );
    for it in status.at("duplicates").list() {
        let labels = ["name", "kind", "address", "mac"].map(|key| (key, it.at(key).text()));
        out.sample(&labels, 1.0);
    }
    out.metric("vipd_duplicate_seen_total", Counter, "How often a duplicate was seen.");
    for it in status.at("duplicates").list() {
        let labels = ["name", "kind", "address", "mac"].map(|key| (key, it.at(key).text()));
        out.sample(&labels, it.at("count").number().unwrap_or_default());
    }
    out.metric(
        "vipd_shortage_total",
        Counter,
        "What could not be done because something has run out, or was refused.",
    );
    for (what, count) in status.at("shortage").fields() {
        out.sample(&[("what", what)], count.number().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests;
