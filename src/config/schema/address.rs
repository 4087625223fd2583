//! `virtual_ipaddress`, `virtual_ipaddress_excluded`, `static_ipaddress`

use super::address_part::{address, broadcast, dev, label, lifetime, peer, scope};
use super::family;
use super::settings::Settings;
use super::table::VIRTUAL_IPADDRESS;
use super::value::{describe, did_you_mean};
use crate::config::dialect::refusal;
use crate::config::error::{quote, Place, Report};
use crate::config::tree::{Data, Value, Word};
use crate::config::{AddressFlags, Format, VirtualIpAddress};
use crate::vrrp::bounds;
use core::net::IpAddr;
use std::collections::BTreeSet;

/// The words of an entry.
#[derive(Default)]
struct Parts {
    address: Option<Word>,
    dev: Option<Word>,
    label: Option<Word>,
    brd: Option<Word>,
    scope: Option<Word>,
    peer: Option<Word>,
    preferred_lft: Option<Word>,
    /// The flags that are set.
    flags: Vec<Word>,
}

/// The words that stand for themselves.
const FLAGS: [&str; 6] = ["home", "-nodad", "mngtmpaddr", "noprefixroute", "autojoin", "no_track"];

/// Reads `virtual_ipaddress` of an instance.
pub fn read(settings: &Settings<'_>, report: &mut Report) -> Vec<VirtualIpAddress> {
    let help = &report.example_list("virtual_ipaddress", "192.0.2.1/24");
    if settings.flag("no_virtual_ipaddress") == Some(true) {
        without(settings, report);
        return Vec::new();
    }
    let Some(value) = settings.need("virtual_ipaddress", help, report) else {
        return Vec::new();
    };
    let mut list = list("virtual_ipaddress", &settings.label, Some(value), report);
    family::check(&mut list, settings, report);
    if value.items().is_empty() {
        settings.error("virtual_ipaddress", "virtual_ipaddress is empty".into(), report).help(help);
    }
    list
}

/// `no_virtual_ipaddress`: VRRPv3 does not know that (RFC 9568 §5.2.5).
fn without(settings: &Settings<'_>, report: &mut Report) {
    if settings.has("virtual_ipaddress") {
        let message = "virtual_ipaddress and no_virtual_ipaddress";
        settings.error("no_virtual_ipaddress", message.into(), report).help("write one of the two");
    }
    if settings.version("version") != Some(super::versions::Versions::V2) {
        let message = "no_virtual_ipaddress: an advert of VRRPv3 has one address at least";
        settings.error("no_virtual_ipaddress", message.into(), report).help("use version 2");
    }
}

/// Reads `virtual_ipaddress_excluded` of an instance: what is set and not advertised, of any family.
pub fn excluded(
    settings: &Settings<'_>,
    advertised: &[VirtualIpAddress],
    report: &mut Report,
) -> Vec<VirtualIpAddress> {
    let word = "virtual_ipaddress_excluded";
    let list = list(word, &settings.label, settings.value(word), report);
    for vip in &list {
        if advertised.iter().any(|other| other.address == vip.address) {
            let message = format!("{} stands in virtual_ipaddress as well", vip.address);
            report.error(vip.place, message).help("write it in one of the two");
        }
    }
    list
}

/// Reads `static_ipaddress`. There is no interface but that of the line.
pub fn fixed(settings: &Settings<'_>, report: &mut Report) -> Vec<VirtualIpAddress> {
    let list = list("static_ipaddress", &settings.label, settings.value("address"), report);
    for address in list.iter().filter(|address| address.dev.is_none()) {
        let message = format!("{} goes to no interface", address.address);
        report.error(address.place, message).help("write dev INTERFACE behind it");
    }
    list
}

/// The addresses of a list, each once.
fn list(
    word: &str,
    label: &str,
    value: Option<&Value>,
    report: &mut Report,
) -> Vec<VirtualIpAddress> {
    let mut list: Vec<VirtualIpAddress> = Vec::new();
    let mut seen = BTreeSet::new();
    for item in value.map(Value::items).unwrap_or_default() {
        let Some(entry) = entry(word, item, report) else {
            continue;
        };
        if !seen.insert((entry.address, entry.dev.clone().filter(|_| word == "static_ipaddress"))) {
            let message = format!("{} is there twice in {label}", entry.address);
            report.error(entry.place, message);
        } else if list.len() == bounds::LINES {
            report.error(entry.place, format!("more than {} addresses in {word}", bounds::LINES));
            break;
        } else {
            list.push(entry);
        }
    }
    list
}

fn entry(word: &str, item: &Value, report: &mut Report) -> Option<VirtualIpAddress> {
    let parts = match (&item.data, item.words()) {
        (Data::Table(entries), _) => {
            let label = (word.into(), item.place);
            let settings =
                Settings::read("virtual_ipaddress", VIRTUAL_IPADDRESS, label, entries, report);
            settings.need("address", "write { address = \"192.0.2.1/24\" }", report);
            let word = |word: &str| settings.value(word).map(as_word);
            let is_set = |flag: &&str| settings.flag(flag) == Some(true);
            let flag = |flag: &str| Word { text: flag.into(), place: settings.place_of(flag) };
            Parts {
                address: word("address"),
                dev: word("dev"),
                label: word("label"),
                brd: word("brd").or_else(|| word("broadcast")),
                scope: word("scope"),
                peer: word("peer"),
                preferred_lft: word("preferred_lft"),
                flags: FLAGS.into_iter().filter(is_set).map(flag).collect(),
            }
        }
        (_, Some(words)) => line(&words, item.place, report)?,
        (_, None) => {
            let message = format!("{word} must be a list of addresses, not {}", describe(item));
            report.error(item.place, message);
            return None;
        }
    };
    check(&parts, item.place, report)
}

/// A value of a table as the word that a line would have.
fn as_word(value: &Value) -> Word {
    let text = value.word().map_or_else(|| describe(value), |word| word.text);
    Word { text, place: value.place }
}

/// `ADDRESS[/LENGTH] [dev IF] [label LABEL] [brd ADDRESS|+|-] [scope SCOPE] ...`
fn line(words: &[Word], place: Place, report: &mut Report) -> Option<Parts> {
    let mut words = words.iter();
    let Some(address) = words.next() else {
        report.error(place, "an address is missing");
        return None;
    };
    let mut parts = Parts { address: Some(address.clone()), ..Parts::default() };
    while let Some(word) = words.next() {
        let slot = match word.text.as_str() {
            "dev" => &mut parts.dev,
            "label" => &mut parts.label,
            "brd" | "broadcast" => &mut parts.brd,
            "scope" => &mut parts.scope,
            "peer" => &mut parts.peer,
            "preferred_lft" => &mut parts.preferred_lft,
            flag if FLAGS.contains(&flag) => {
                parts.flags.push(word.clone());
                continue;
            }
            _ => {
                unknown(word, report);
                return None;
            }
        };
        let Some(value) = words.next() else {
            report
                .error(word.place, format!("{} is the last word, something is missing", word.text));
            return None;
        };
        if slot.replace(value.clone()).is_some() {
            report.error(word.place, format!("{} is there twice", word.text));
        }
    }
    Some(parts)
}

fn unknown(word: &Word, report: &mut Report) {
    if let Some((message, help)) = refusal("virtual_ipaddress", &word.text) {
        report.error(word.place, message).help(help);
        return;
    }
    // The address has no keyword in a line.
    let words = VIRTUAL_IPADDRESS.iter().skip(1).map(|key| key.word);
    let help = match did_you_mean(&word.text, words) {
        help if help.is_empty() => match report.format() {
            Format::Keepalived => "each address stands in a line of its own".into(),
            Format::Toml | Format::Uci => "each address is a string of its own in the list".into(),
        },
        help => help,
    };
    report.error(word.place, format!("unknown word {}", quote(&word.text))).help(help);
}

fn check(parts: &Parts, place: Place, report: &mut Report) -> Option<VirtualIpAddress> {
    let is_set = |flag: &str| parts.flags.iter().any(|word| word.text == flag);
    let address = parts.address.as_ref().and_then(|word| address(word, is_set("autojoin"), report));
    let dev = optional(&parts.dev, dev, report);
    let label = optional(&parts.label, label, report);
    let brd = optional(&parts.brd, |word, report| broadcast(word, address, report), report);
    let scope = optional(&parts.scope, scope, report);
    let peer = optional(&parts.peer, |word, report| peer(word, address, report), report);
    let preferred_lft = optional(&parts.preferred_lft, lifetime, report);
    let (address, prefix_len) = address?;
    of_family(parts, address, report);
    let (peer, never) = (peer?, u32::MAX);
    let prefix_len = peer.map_or(prefix_len, |(_, len)| len);
    // An address that stands alone is not to be chosen to send from (as keepalived has it).
    let is_alone = address.is_ipv6() && prefix_len == 128;
    Some(VirtualIpAddress {
        address,
        prefix_len,
        dev: dev?,
        dev_place: parts.dev.as_ref().map_or(place, |word| word.place),
        label: label?,
        brd: brd?.flatten(),
        scope: scope?.unwrap_or(0),
        peer: peer.map(|(peer, _)| peer),
        preferred_lft: preferred_lft?.unwrap_or(if is_alone { 0 } else { never }),
        flags: AddressFlags {
            home: is_set("home"),
            dad: is_set("-nodad"),
            mngtmpaddr: is_set("mngtmpaddr"),
            noprefixroute: is_set("noprefixroute"),
            autojoin: is_set("autojoin"),
        },
        no_track: is_set("no_track"),
        place,
    })
}

/// `Some(None)` if the word is not there, `None` if it is wrong.
fn optional<T>(
    word: &Option<Word>,
    read: impl FnOnce(&Word, &mut Report) -> Option<T>,
    report: &mut Report,
) -> Option<Option<T>> {
    match word {
        Some(word) => read(word, report).map(Some),
        None => Some(None),
    }
}

/// Words that do nothing for the other family.
fn of_family(parts: &Parts, address: IpAddr, report: &mut Report) {
    const IPV6_ALONE: [&str; 3] = ["home", "-nodad", "mngtmpaddr"];
    if let (true, Some(word)) = (address.is_ipv6(), parts.label.as_ref().or(parts.brd.as_ref())) {
        report.warning(word.place, "an address of IPv6 has no label and no broadcast address");
    }
    let has_none = |word: &&Word| address.is_ipv4() && IPV6_ALONE.contains(&word.text.as_str());
    if let Some(word) = parts.flags.iter().find(has_none) {
        report.warning(word.place, format!("{} is without effect on IPv4", word.text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    fn read_report(text: &str) -> (Option<VirtualIpAddress>, Report) {
        let mut report = Report::new("f", text);
        let word = Word { text: text.into(), place: Place::new(0, text.len()) };
        let parts = line(&word.split(), word.place, &mut report);
        (parts.and_then(|parts| check(&parts, word.place, &mut report)), report)
    }

    fn read_line(text: &str) -> Result<VirtualIpAddress, String> {
        let (address, report) = read_report(text);
        match (address, report.has_errors()) {
            (Some(address), false) => Ok(address),
            (_, true) => Err(report.to_string()),
            (None, false) => panic!("no address and no reason"),
        }
    }

    #[test]
    fn lines_that_are_right() {
        let full = read_line("10.0.0.1/24 dev eth1 label eth1:0 brd + scope link").unwrap();
        assert_eq!(full.prefix_len, 24);
        assert_eq!(full.dev.as_deref(), Some("eth1"));
        assert_eq!(full.label.as_deref(), Some("eth1:0"));
        assert_eq!(full.brd, Some(Ipv4Addr::new(10, 0, 0, 255)));
        assert_eq!(full.scope, 253);
        let plain = read_line("10.0.0.1").unwrap();
        assert_eq!((plain.prefix_len, plain.dev, plain.brd, plain.scope), (32, None, None, 0));
        assert_eq!(read_line("10.0.0.1/24 broadcast -").unwrap().brd, None);
        assert_eq!(read_line("10.0.0.1/24 scope 17").unwrap().scope, 17);
        for text in ["10.0.0.0/31", "10.0.0.1/31", "10.0.0.0/32", "10.0.0.255", "10.1.2.3/1"] {
            assert!(read_line(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn words_behind_an_address() {
        let ipv6 = read_line("2001:db8::1").unwrap();
        assert_eq!((ipv6.prefix_len, ipv6.preferred_lft, ipv6.flags.dad), (128, 0, false));
        let ipv6 = read_line("2001:db8::1/64 -nodad home mngtmpaddr").unwrap();
        assert_eq!((ipv6.prefix_len, ipv6.preferred_lft), (64, u32::MAX));
        assert!(ipv6.flags.dad && ipv6.flags.home && ipv6.flags.mngtmpaddr);
        let ipv6 = read_line("2001:db8::1/128 preferred_lft forever").unwrap();
        assert_eq!(ipv6.preferred_lft, u32::MAX);
        let peer = read_line("10.0.0.1 peer 10.9.0.2/30 noprefixroute no_track").unwrap();
        assert_eq!((peer.prefix_len, peer.peer), (30, Some("10.9.0.2".parse().unwrap())));
        assert!(peer.flags.noprefixroute && peer.no_track);
        let lifetime = read_line("10.0.0.1/24 preferred_lft 0 dev eth1").unwrap();
        assert_eq!((lifetime.preferred_lft, lifetime.dev.as_deref()), (0, Some("eth1")));
        assert!(read_line("239.1.2.3 autojoin").unwrap().flags.autojoin);
    }

    #[test]
    fn lines_that_are_odd() {
        for (text, reason) in [
            ("10.0.0.0/24", "network address of its /24"),
            ("10.0.0.255/24", "broadcast address of its /24"),
            ("10.0.0.1 dev lo", "announced to nobody"),
            ("2001:db8::/64", "any router of its /64"),
            ("2001:db8::1 label a", "no label"),
            ("10.0.0.1 -nodad", "without effect on IPv4"),
        ] {
            let (address, report) = read_report(text);
            assert!(address.is_some() && !report.has_errors(), "{text}: {report}");
            assert!(report.to_string().contains(reason), "{text}: {report}");
        }
    }

    #[test]
    fn lines_that_are_wrong() {
        for (text, reason) in [
            ("255.255.255.255", "the broadcast address"),
            ("224.0.0.18", "multicast"),
            ("127.0.0.1", "loopback"),
            ("0.0.0.0", "no address of a host"),
            ("10.0.0.1/0", "1 to 32, not \"0\""),
            ("10.0.0.1/33", "1 to 32, not \"33\""),
            ("10.0.0.1/", "1 to 32, not \"\""),
            ("10.0.0.1/255.255.255.0", "1 to 32"),
            ("10.0.0", "no IP address"),
            ("ff02::1", "multicast"),
            ("::1", "loopback"),
            ("::", "no address of a host"),
            ("::ffff:10.0.0.1", "clothes"),
            ("2001:db8::1/129", "1 to 128, not \"129\""),
            ("10.0.0.1 peer 2001:db8::1", "same family"),
            ("10.0.0.1 peer x", "not \"x\""),
            ("10.0.0.1 peer 10.0.0.2/33", "same family"),
            ("10.0.0.1 preferred_lft never", "not \"never\""),
            ("10.0.0.1 nodad", "did you mean \"-nodad\"?"),
            ("10.0.0.1 dve eth0", "did you mean \"dev\"?"),
            ("10.0.0.1 10.0.0.2", "a string of its own"),
            ("10.0.0.1 dev", "something is missing"),
            ("10.0.0.1 dev a/b", "cannot be an interface"),
            ("10.0.0.1 dev a dev b", "twice"),
            ("10.0.0.1 label sixteen.bytes..x", "1 to 15"),
            ("10.0.0.1 brd +", "a /32 has no broadcast"),
            ("10.0.0.1 brd x", "not \"x\""),
            ("10.0.0.1 scope galactic", "not \"galactic\""),
            ("10.0.0.1 scope 255", "not \"255\""),
            ("10.0.0.1 use_vmac", "use_vmac is not supported: "),
        ] {
            let error = read_line(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
