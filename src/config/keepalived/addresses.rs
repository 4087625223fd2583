//! What keepalived makes of virtual addresses that vipd would not take.

use super::shape::reason;
use crate::config::dialect::{find, Row, Support};
use crate::config::error::{quote, Report};
use crate::config::tree::{Data, LeftOut, Section, Value, Word};
use core::net::{IpAddr, Ipv4Addr};
use std::collections::BTreeSet;

/// Words behind an address that vipd has no use for yet. `list`: which has words beside those of
/// `virtual_ipaddress`.
pub fn address_words(
    list: &str,
    value: &mut Value,
    left_out: &mut Vec<LeftOut>,
    report: &mut Report,
) {
    const WITH_VALUE: [&str; 1] = ["track_group"];
    let Data::List(items) = &mut value.data else {
        return;
    };
    for item in items {
        let Data::Line(words) = &mut item.data else {
            continue;
        };
        let mut at = 1;
        while let Some(word) = words.get(at).cloned() {
            let row = find(list, &word.text).or_else(|| find("virtual_ipaddress", &word.text));
            let Some(row) = row.filter(is_absent) else {
                at += 1;
                continue;
            };
            let end = at + 1 + usize::from(WITH_VALUE.contains(&word.text.as_str()));
            let gone: Vec<_> = words.drain(at..end.min(words.len())).map(|w| w.text).collect();
            let reason = reason(&row);
            report.warning(word.place, format!("{} is {reason}", word.text));
            left_out.push(LeftOut { text: gone.join(" "), reason, place: word.place });
        }
    }
}

fn is_absent(row: &Row) -> bool {
    matches!(row.support, Support::Later | Support::Ignored)
}

/// An address that is there twice is there once, and one whose prefix has no length has the longest.
pub fn addresses(value: &mut Value, report: &mut Report) {
    let Data::List(items) = &mut value.data else {
        return;
    };
    for item in items.iter_mut() {
        if let Data::Line(words) = &mut item.data {
            words.first_mut().into_iter().for_each(|word| longest(word, report));
        }
    }
    let mut seen = BTreeSet::new();
    items.retain(|item| match first_address(item) {
        Some(address) if !seen.insert(address) => {
            report.warning(item.place, format!("{address} is there already"));
            false
        }
        _ => true,
    });
}

/// A static address that names no interface goes to the first of Ethernet.
pub fn default_dev(value: &mut Value, report: &mut Report) {
    const DEFAULT: &str = "eth0";
    let Data::List(items) = &mut value.data else {
        return;
    };
    for item in items {
        let Data::Line(words) = &mut item.data else {
            continue;
        };
        let Some(address) = words.first().filter(|_| !words.iter().any(|it| it.text == "dev"))
        else {
            continue;
        };
        let message = format!("{} goes to {DEFAULT}, as with keepalived", address.text);
        report.warning(address.place, message).help("write dev INTERFACE behind it");
        let word = |text: &str| Word { text: text.into(), place: address.place };
        let dev = [word("dev"), word(DEFAULT)];
        words.extend(dev);
    }
}

/// keepalived takes 32 for a length that is none.
fn longest(word: &mut Word, report: &mut Report) {
    let Some((address, len)) = word.text.split_once('/') else {
        return;
    };
    if address.parse::<Ipv4Addr>().is_err() || len.parse().is_ok_and(|len: u8| len <= 32) {
        return;
    }
    let place = word.part(address.len() + 1, len.len());
    let message = format!("{} is no length of a prefix: 32 is taken, as by keepalived", quote(len));
    let help = match len.trim_end_matches([';', ',']).parse() {
        Ok(1..=32u8) => "leave out what stands behind the number",
        _ => "write 1 to 32",
    };
    report.warning(place, message).help(help);
    word.text = format!("{address}/32");
}

fn first_address(item: &Value) -> Option<IpAddr> {
    let words = item.words()?;
    words.first()?.text.split('/').next()?.parse().ok()
}

/// Whether the first address of an instance is one of IPv6: so is the instance.
pub fn is_ipv6(section: &Section) -> bool {
    let addresses = section.entries.iter().find(|entry| entry.word.text == "virtual_ipaddress");
    let first = addresses.and_then(|entry| entry.value.items().first());
    first.and_then(first_address).is_some_and(|address| address.is_ipv6())
}
