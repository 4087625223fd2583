//! `virtual_ipaddress`

use super::settings::Settings;
use super::table::VIRTUAL_IPADDRESS;
use super::value::{describe, did_you_mean, is_interface};
use crate::config::dialect::refusal;
use crate::config::error::{quote, Place, Report};
use crate::config::nearest::odd_character;
use crate::config::tree::{Data, Value, Word};
use crate::config::{Format, VirtualIpAddress};
use crate::vrrp::bounds;
use core::net::{IpAddr, Ipv4Addr};

/// The words of an entry.
#[derive(Default)]
struct Parts {
    address: Option<Word>,
    dev: Option<Word>,
    label: Option<Word>,
    brd: Option<Word>,
    scope: Option<Word>,
}

/// Reads `virtual_ipaddress` of an instance.
pub fn read(settings: &Settings<'_>, report: &mut Report) -> Vec<VirtualIpAddress> {
    let help = &report.example_list("virtual_ipaddress", "192.0.2.1/24");
    let Some(value) = settings.need("virtual_ipaddress", help, report) else {
        return Vec::new();
    };
    let mut list: Vec<VirtualIpAddress> = Vec::new();
    for item in value.items() {
        let Some(entry) = entry(item, report) else {
            continue;
        };
        if list.iter().any(|other| other.address == entry.address) {
            let message = format!("{} is there twice in {}", entry.address, settings.label);
            report.error(entry.place, message);
        } else if list.len() == bounds::ADDRESSES {
            let message = format!("more than {} addresses: VRRP cannot say so", bounds::ADDRESSES);
            report.error(entry.place, message).help("use a second instance");
            break;
        } else {
            list.push(entry);
        }
    }
    if value.items().is_empty() {
        settings.error("virtual_ipaddress", "virtual_ipaddress is empty".into(), report).help(help);
    }
    list
}

fn entry(item: &Value, report: &mut Report) -> Option<VirtualIpAddress> {
    let parts = match (&item.data, item.words()) {
        (Data::Table(entries), _) => {
            let label = ("virtual_ipaddress".into(), item.place);
            let settings =
                Settings::read("virtual_ipaddress", VIRTUAL_IPADDRESS, label, entries, report);
            settings.need("address", "write { address = \"192.0.2.1/24\" }", report);
            let word = |word: &str| settings.value(word).map(as_word);
            Parts {
                address: word("address"),
                dev: word("dev"),
                label: word("label"),
                brd: word("brd").or_else(|| word("broadcast")),
                scope: word("scope"),
            }
        }
        (_, Some(words)) => line(&words, item.place, report)?,
        (_, None) => {
            let message =
                format!("virtual_ipaddress must be a list of addresses, not {}", describe(item));
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

/// `ADDRESS[/LENGTH] [dev IF] [label LABEL] [brd ADDRESS|+|-] [scope SCOPE]`
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
    let address = parts.address.as_ref().and_then(|word| address(word, report));
    let net = address.as_ref().map(|(address, len)| (*address, *len));
    let dev = optional(&parts.dev, dev, report);
    let label = optional(&parts.label, label, report);
    let brd = optional(&parts.brd, |word, report| broadcast(word, net, report), report);
    let scope = optional(&parts.scope, scope, report);
    let (address, prefix_len) = address?;
    Some(VirtualIpAddress {
        address: IpAddr::V4(address),
        prefix_len,
        dev: dev?,
        dev_place: parts.dev.as_ref().map_or(place, |word| word.place),
        label: label?,
        brd: brd?.flatten(),
        scope: scope?.unwrap_or(0),
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

/// `ADDRESS[/LENGTH]`
fn address(word: &Word, report: &mut Report) -> Option<(Ipv4Addr, u8)> {
    let (text, len) =
        word.text.split_once('/').map_or((word.text.as_str(), None), |(a, l)| (a, Some(l)));
    let address = match text.parse() {
        Ok(IpAddr::V4(address)) => address,
        Ok(IpAddr::V6(_)) => {
            report.error(word.place, "IPv6 comes with a later version");
            return None;
        }
        Err(_) => {
            let message = format!("{} is no IP address", quote(text));
            let help = odd_character(text).unwrap_or_default();
            report.error(word.part(0, text.len()), message).help(help);
            return None;
        }
    };
    let prefix_len = match len.map(|len| (len, len.parse::<u8>())) {
        None => 32,
        Some((_, Ok(len @ 1..=32))) => len,
        Some((len, _)) => {
            let place = word.part(text.len() + 1, len.len());
            let message = format!("the length of the prefix must be 1 to 32, not {}", quote(len));
            report.error(place, message);
            return None;
        }
    };
    if let Some(reason) = unfit(address) {
        let message = format!("{address} cannot be a virtual address: it is {reason}");
        report.error(word.place, message);
        return None;
    }
    if let Some(reason) = unwise(address, prefix_len) {
        // The kernel takes it.
        let message = format!("{address} should not be a virtual address: it is {reason}");
        report.warning(word.place, message).help("is the length of the prefix right?");
    }
    Some((address, prefix_len))
}

/// Why an address cannot stand on an interface for others to reach.
fn unfit(address: Ipv4Addr) -> Option<&'static str> {
    match address {
        address if address.octets()[0] == 0 => Some("no address of a host"),
        address if address.is_loopback() => Some("a loopback address"),
        address if address.is_multicast() => Some("a multicast address"),
        address if address.is_broadcast() => Some("the broadcast address"),
        _ => None,
    }
}

/// Why others will not reach an address.
fn unwise(address: Ipv4Addr, prefix_len: u8) -> Option<String> {
    let broadcast = broadcast_of(address, prefix_len)?;
    let host = !mask(prefix_len);
    match address {
        address if address == broadcast => {
            Some(format!("the broadcast address of its /{prefix_len}"))
        }
        address if u32::from(address) & host == 0 => {
            Some(format!("the network address of its /{prefix_len}"))
        }
        _ => None,
    }
}

/// The bits of the network. The length is 1 to 32.
fn mask(prefix_len: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix_len.min(32))).unwrap_or(0)
}

/// The broadcast address of a prefix: one of length 31 or 32 has none.
fn broadcast_of(address: Ipv4Addr, prefix_len: u8) -> Option<Ipv4Addr> {
    (prefix_len <= 30).then(|| Ipv4Addr::from(u32::from(address) | !mask(prefix_len)))
}

fn dev(word: &Word, report: &mut Report) -> Option<String> {
    if !is_interface(&word.text) {
        let message = format!("{} cannot be an interface", quote(&word.text));
        report.error(word.place, message).help("1 to 15 bytes, no slash, no white space");
        return None;
    }
    if word.text == "lo" {
        report.warning(word.place, "an address on lo is announced to nobody");
    }
    Some(word.text.clone())
}

fn label(word: &Word, report: &mut Report) -> Option<String> {
    let text = &word.text;
    let fits = (1..=15).contains(&text.len())
        && !text.contains(|char: char| char.is_whitespace() || char.is_control());
    if !fits {
        let message =
            format!("label must be 1 to 15 bytes without white space, not {}", quote(text));
        report.error(word.place, message);
    }
    fits.then(|| text.clone())
}

/// `Some(None)` for `-`: none.
fn broadcast(
    word: &Word,
    net: Option<(Ipv4Addr, u8)>,
    report: &mut Report,
) -> Option<Option<Ipv4Addr>> {
    match word.text.as_str() {
        "-" => Some(None),
        "+" => {
            let (address, len) = net?;
            let broadcast = broadcast_of(address, len);
            if broadcast.is_none() {
                let message = format!("a /{len} has no broadcast address");
                report
                    .error(word.place, message)
                    .help("write the length of the network: ADDRESS/24");
            }
            broadcast.map(Some)
        }
        text => {
            let address = text.parse().ok();
            if address.is_none() {
                let message = format!("brd must be an IPv4 address, + or -, not {}", quote(text));
                report.error(word.place, message);
            }
            address.map(Some)
        }
    }
}

fn scope(word: &Word, report: &mut Report) -> Option<u8> {
    let scope = match word.text.as_str() {
        "global" => Some(0),
        "site" => Some(200),
        "link" => Some(253),
        "host" => Some(254),
        text => text.parse().ok().filter(|scope| *scope <= 254),
    };
    if scope.is_none() {
        let found = quote(&word.text);
        let message = format!("scope must be global, site, link, host or 0 to 254, not {found}");
        report.error(word.place, message);
    }
    scope
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn lines_that_are_odd() {
        for (text, reason) in [
            ("10.0.0.0/24", "network address of its /24"),
            ("10.0.0.255/24", "broadcast address of its /24"),
            ("10.0.0.1 dev lo", "announced to nobody"),
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
            ("fe80::1/64", "IPv6 comes with a later version"),
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
            ("10.0.0.1 use_vmac", "not supported yet"),
        ] {
            let error = read_line(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
