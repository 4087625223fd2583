//! Where adverts come from and go to: multicast to a group, or unicast to peers.

use super::settings::Settings;
use super::table::UNICAST_PEER;
use super::value::{describe, did_you_mean};
use crate::config::error::{quote, Place, Report};
use crate::config::tree::{Data, Value, Word};
use crate::config::{Transport, UnicastPeer, VirtualIpAddress};
use crate::vrrp::bounds;
use crate::wire::Family;
use core::net::IpAddr;

/// Reads those words of an instance.
pub fn read(
    settings: &Settings<'_>,
    globals: &Settings<'_>,
    addresses: &[VirtualIpAddress],
    report: &mut Report,
) -> Transport {
    let unicast_peer = peers(settings, report);
    let transport = Transport {
        source: source(settings, report),
        track_src_ip: settings.flag("track_src_ip").unwrap_or(false),
        group: groups(settings, globals, report),
        unicast_ttl: settings.octet("unicast_ttl").unwrap_or(255),
        check_unicast_src: settings.flag("check_unicast_src").unwrap_or(true),
        unicast_peer,
    };
    without_effect(settings, &transport, report);
    every_family(settings, &transport, addresses, report);
    transport
}

/// `unicast_src_ip` and `mcast_src_ip` are one word.
fn source(settings: &Settings<'_>, report: &mut Report) -> Vec<IpAddr> {
    let mut one = |word| {
        one_of_each(settings.value(word), word, report, |address| {
            let wrong = address.is_multicast() || address.is_unspecified() || address.is_loopback();
            wrong.then_some("is no address to send from")
        })
    };
    let (unicast, multicast) = (one("unicast_src_ip"), one("mcast_src_ip"));
    if settings.has("unicast_src_ip") && settings.has("mcast_src_ip") && unicast != multicast {
        let message = "unicast_src_ip and mcast_src_ip are one and the same".into();
        settings.error("mcast_src_ip", message, report).help("write one of them");
    }
    if unicast.is_empty() {
        multicast
    } else {
        unicast
    }
}

/// `mcast_dst_ip` of the instance, else the groups of all.
fn groups(settings: &Settings<'_>, globals: &Settings<'_>, report: &mut Report) -> Vec<IpAddr> {
    let mut all = one_of_each(settings.value("mcast_dst_ip"), "mcast_dst_ip", report, no_group);
    // Those of all are told of once, where the first instance is read.
    let mut quiet = report.fresh();
    for (word, family) in [("vrrp_mcast_group4", Family::V4), ("vrrp_mcast_group6", Family::V6)] {
        let of_all = one_of_each(globals.value(word), word, &mut quiet, no_group);
        if !all.iter().any(|own| Family::of(*own) == family) {
            all.extend(of_all.into_iter().filter(|address| Family::of(*address) == family));
        }
    }
    all
}

/// Why an address cannot be the group that adverts go to.
fn no_group(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(it) if !it.is_multicast() => Some("is no multicast address"),
        IpAddr::V6(it) if it.segments()[0] & 0xff0f != 0xff02 => {
            Some("is no multicast address of the link (ff02::...)")
        }
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

/// The groups of all, looked at once.
pub fn check_groups(globals: &Settings<'_>, report: &mut Report) {
    for (word, family) in [("vrrp_mcast_group4", Family::V4), ("vrrp_mcast_group6", Family::V6)] {
        one_of_each(globals.value(word), word, report, |address| {
            let other = Family::of(address) != family;
            other.then_some("is of the other family").or_else(|| no_group(address))
        });
        let outside = globals.value(word).and_then(Value::word).and_then(|it| it.text.parse().ok());
        if let Some(IpAddr::V4(address)) = outside {
            if address.is_multicast() && address.octets()[..3] != [224, 0, 0] {
                let message = format!(
                    "{address} is not of the link (224.0.0.x): switches and routers may keep it \
                     from the peers, and then all are MASTER"
                );
                report.warning(globals.place_of(word), message);
            }
        }
    }
}

/// Addresses, at most one of each family.
fn one_of_each(
    value: Option<&Value>,
    word: &str,
    report: &mut Report,
    wrong: impl Fn(IpAddr) -> Option<&'static str>,
) -> Vec<IpAddr> {
    let mut all: Vec<IpAddr> = Vec::new();
    let items = value.map(Value::items).unwrap_or_default();
    if let Some(value) = value.filter(|_| items.is_empty()) {
        report.error(value.place, format!("{word} has no value: it must be an address"));
    }
    for item in items {
        let words = item.words().unwrap_or_default();
        if words.is_empty() {
            let message = format!("{word} must be an address, not {}", describe(item));
            report.error(item.place, message);
        }
        for Word { text, place } in words {
            let Ok(address) = text.parse::<IpAddr>() else {
                report.error(place, format!("{word} must be an address, not {}", quote(&text)));
                continue;
            };
            if let Some(why) = wrong(address) {
                report.error(place, format!("{word}: {address} {why}"));
            } else if all.iter().any(|other| Family::of(*other) == Family::of(address)) {
                report.error(place, format!("{word} has two addresses of one family"));
            } else {
                all.push(address);
            }
        }
    }
    all
}

/// `unicast_peer`
fn peers(settings: &Settings<'_>, report: &mut Report) -> Vec<UnicastPeer> {
    let mut all: Vec<UnicastPeer> = Vec::new();
    let Some(value) = settings.value("unicast_peer") else { return all };
    for item in value.items() {
        let Some(peer) = peer(item, report) else { continue };
        if all.iter().any(|other| other.address == peer.address) {
            let message = format!("{} is there twice in {}", peer.address, settings.label);
            report.error(peer.place, message);
        } else if all.len() == bounds::PEERS {
            report.error(peer.place, format!("more than {} peers", bounds::PEERS));
            break;
        } else {
            all.push(peer);
        }
    }
    if value.items().is_empty() {
        let help = report.example_list("unicast_peer", "192.0.2.2")
            + ", or leave unicast_peer out for multicast";
        settings.error("unicast_peer", "unicast_peer is empty".into(), report).help(help);
    }
    all
}

fn peer(item: &Value, report: &mut Report) -> Option<UnicastPeer> {
    let (address, min_ttl, max_ttl) = match (&item.data, item.words()) {
        (Data::Table(entries), _) => {
            let label = ("unicast_peer".into(), item.place);
            let settings = Settings::read("unicast_peer", UNICAST_PEER, label, entries, report);
            let address = settings.need("address", "write { address = \"192.0.2.2\" }", report)?;
            let ttl = |word| settings.octet(word);
            (address.word()?, ttl("min_ttl"), ttl("max_ttl"))
        }
        (_, Some(words)) => line(&words, item.place, report)?,
        (_, None) => {
            let message =
                format!("unicast_peer must be a list of addresses, not {}", describe(item));
            report.error(item.place, message);
            return None;
        }
    };
    let (min_ttl, max_ttl) = (min_ttl.unwrap_or(0), max_ttl.unwrap_or(255));
    let Ok(parsed) = address.text.parse::<IpAddr>() else {
        let message = format!("{} is no IP address", quote(&address.text));
        report.error(address.place, message).help("names are not looked up");
        return None;
    };
    if parsed.is_multicast() || parsed.is_unspecified() || parsed.is_loopback() {
        report.error(address.place, format!("{parsed} is no address of a peer"));
        return None;
    }
    if min_ttl > max_ttl {
        let message = format!("min_ttl {min_ttl} is more than max_ttl {max_ttl}: nothing fits");
        report.error(item.place, message);
    }
    Some(UnicastPeer { address: parsed, min_ttl, max_ttl, place: address.place })
}

/// `ADDRESS [min_ttl N] [max_ttl N]`
fn line(
    words: &[Word],
    place: Place,
    report: &mut Report,
) -> Option<(Word, Option<u8>, Option<u8>)> {
    let Some((address, mut rest)) = words.split_first() else {
        report.error(place, "an address is missing");
        return None;
    };
    let (mut min_ttl, mut max_ttl) = (None, None);
    while let [word, more @ ..] = rest {
        let slot = match word.text.as_str() {
            "min_ttl" => &mut min_ttl,
            "max_ttl" => &mut max_ttl,
            text => {
                let help = match did_you_mean(text, ["min_ttl", "max_ttl"].into_iter()) {
                    help if help.is_empty() => "each peer stands alone in its entry".into(),
                    help => help,
                };
                report.error(word.place, format!("unknown word {}", quote(text))).help(help);
                return None;
            }
        };
        let ttl = more.first().and_then(|ttl| ttl.text.parse::<u8>().ok());
        if ttl.is_none() || slot.is_some() {
            let at = more.first().map_or(word.place, |ttl| ttl.place);
            report.error(at, format!("{} must be 0 to 255, and stand there once", word.text));
            return None;
        }
        *slot = ttl;
        rest = more.get(1..).unwrap_or_default();
    }
    Some((address.clone(), min_ttl, max_ttl))
}

fn without_effect(settings: &Settings<'_>, transport: &Transport, report: &mut Report) {
    let unicast = !transport.unicast_peer.is_empty();
    if settings.has("unicast_ttl") && !unicast && !settings.has("unicast_peer") {
        let message = "unicast_ttl has no effect without unicast_peer: what is multicast has 255";
        report.warning(settings.place_of("unicast_ttl"), message);
    }
    if settings.has("mcast_dst_ip") && unicast {
        let message = "mcast_dst_ip has no effect with unicast_peer";
        report.warning(settings.place_of("mcast_dst_ip"), message);
    }
    if transport.track_src_ip && transport.source.is_empty() {
        let message = "track_src_ip has no effect without unicast_src_ip or mcast_src_ip";
        report.warning(settings.place_of("track_src_ip"), message);
    }
    for peer in &transport.unicast_peer {
        if transport.source.contains(&peer.address) {
            let message = format!("{} is this router's own address, no peer's", peer.address);
            report.warning(peer.place, message).help("leave it out of unicast_peer here");
        }
    }
}

/// A family without peers would be multicast while the other is not.
fn every_family(
    settings: &Settings<'_>,
    transport: &Transport,
    addresses: &[VirtualIpAddress],
    report: &mut Report,
) {
    if transport.unicast_peer.is_empty() {
        return;
    }
    for family in [Family::V4, Family::V6] {
        let has = addresses.iter().any(|vip| Family::of(vip.address) == family);
        let of = |peer: &&UnicastPeer| Family::of(peer.address) == family;
        let peer = transport.unicast_peer.iter().find(of);
        match (has, peer) {
            (true, None) => {
                let message = format!("unicast_peer has no peer of {family}: nobody would hear it");
                settings.error("unicast_peer", message, report);
            }
            (false, Some(peer)) if !addresses.is_empty() => {
                let message = format!(
                    "{} is a peer of {family}, of which there is no address in virtual_ipaddress",
                    peer.address
                );
                report.error(peer.place, message);
            }
            (true, Some(_)) | (false, _) => {}
        }
    }
}
