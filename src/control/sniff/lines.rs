//! A packet as a line of JSON.

use super::message::{Checksum, Message, Vrrp};
use super::ours::Secret;
use super::seen::{Seen, Sender};
use crate::json::{Object, Value};

/// The line, with its end. Nothing in it is a password.
#[must_use]
pub fn line(seen: &Seen<'_>) -> String {
    let mut text = String::new();
    let mut it = Object::new(&mut text);
    let (captured, meta) = (&seen.captured, &seen.datagram.meta);
    it.put("time", Value::Moment((captured.time_ns / 1_000_000) as i64));
    it.show("source", meta.source);
    it.show("destination", meta.destination);
    let mac = captured.source_mac.map(|mac| mac.map(|octet| format!("{octet:02x}")).join(":"));
    it.show_some("source_mac", mac);
    it.put("vlan", captured.vlan);
    it.put("ttl", meta.ttl);
    it.put("outgoing", captured.outgoing);
    it.put("cut", seen.datagram.cut || seen.message.is_none());
    match &seen.message {
        None => it.put("protocol", Value::Null),
        Some(Message::Carp { vhid, advbase, advskew }) => {
            it.put("protocol", "carp");
            it.put("vhid", *vhid);
            it.put("advbase", *advbase);
            it.put("advskew", *advskew);
        }
        Some(Message::Vrrp(vrrp)) => {
            it.put("protocol", "vrrp");
            said(&mut it, seen, vrrp);
        }
    }
    let verdict = seen.verdict.as_ref();
    it.put("ours", seen.sender == Sender::Ours);
    it.put("instance", verdict.and_then(|it| it.router).map(|it| it.name.as_str()));
    it.put("discard", verdict.and_then(|it| it.discard).map(|reason| reason.text()));
    let mut differences = it.array("differences");
    seen.differences().iter().for_each(|text| differences.put(text.as_str()));
    drop(differences);
    drop(it);
    text.push('\n');
    text
}

fn said(it: &mut Object<'_>, seen: &Seen<'_>, vrrp: &Vrrp) {
    it.put("virtual_router_id", vrrp.vrid);
    it.put("version", vrrp.version);
    it.put("priority", vrrp.priority);
    it.put("advert_int", vrrp.interval.map(|interval| interval.duration()));
    let mut list = it.array("virtual_ipaddress");
    vrrp.addresses.iter().for_each(|address| list.show(address));
    drop(list);
    it.put(
        "checksum",
        match vrrp.checksum {
            Checksum::Message => "message",
            Checksum::PseudoHeader => "pseudo-header",
            Checksum::Wrong { .. } => "wrong",
            Checksum::Unchecked => "unchecked",
        },
    );
    if let Checksum::Wrong { is, message, pseudo_header } = vrrp.checksum {
        it.put("checksum_is", is);
        let mut list = it.array("checksum_should_be");
        message.into_iter().chain(pseudo_header).for_each(|word| list.put(word));
    }
    let verdict = seen.verdict.as_ref();
    let (password, signature) =
        verdict.map_or((Secret::None, Secret::None), |it| (it.password, it.signature));
    let kind = vrrp.authentication.map_or(0, |it| it.0);
    it.put(
        "auth",
        match kind {
            _ if seen.signed => "hmac",
            _ if seen.datagram.ah => "ah",
            0 => "none",
            1 => "pass",
            2 => "ah",
            _ => "unknown",
        },
    );
    let matches = match if seen.signed { signature } else { password } {
        Secret::None => None,
        Secret::Same => Some(true),
        Secret::Other | Secret::OtherLength => Some(false),
    };
    it.put("auth_matches", matches);
}
