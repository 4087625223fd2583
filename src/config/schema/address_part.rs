//! The parts of a virtual address: each a word, and why it is wrong.

use super::value::is_interface;
use super::words::prefix;
use crate::config::error::{quote, Report};
use crate::config::nearest::odd_character;
use crate::config::tree::Word;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `peer ADDRESS[/LENGTH]`
pub fn peer(word: &Word, net: Option<(IpAddr, u8)>, report: &mut Report) -> Option<(IpAddr, u8)> {
    let prefix = prefix(&word.text).map(|prefix| (prefix.address, prefix.len));
    let same = |peer: &(IpAddr, u8)| net.is_none_or(|net| net.0.is_ipv4() == peer.0.is_ipv4());
    let peer = prefix.filter(same).filter(|(_, len)| *len > 0);
    if peer.is_none() {
        let found = quote(&word.text);
        let message = format!("peer must be an address of the same family, not {found}");
        report.error(word.place, message).help("write peer ADDRESS or peer ADDRESS/LENGTH");
    }
    peer
}

/// `preferred_lft`: seconds, or `forever`.
pub fn lifetime(word: &Word, report: &mut Report) -> Option<u32> {
    let lifetime = match word.text.as_str() {
        "forever" => Some(u32::MAX),
        text => text.parse().ok().filter(|_| !text.starts_with('+')),
    };
    if lifetime.is_none() {
        let found = quote(&word.text);
        let message = format!("preferred_lft must be seconds or forever, not {found}");
        report.error(word.place, message);
    }
    lifetime
}

/// `ADDRESS[/LENGTH]`. One that is joined may be a multicast address.
pub fn address(word: &Word, joined: bool, report: &mut Report) -> Option<(IpAddr, u8)> {
    let (text, len) =
        word.text.split_once('/').map_or((word.text.as_str(), None), |(a, l)| (a, Some(l)));
    let Ok(address) = text.parse::<IpAddr>() else {
        let message = format!("{} is no IP address", quote(text));
        let help = odd_character(text).unwrap_or_default();
        report.error(word.part(0, text.len()), message).help(help);
        return None;
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix_len = match len.map(|len| (len, len.parse::<u8>())) {
        None => most,
        Some((_, Ok(len))) if (1..=most).contains(&len) => len,
        Some((len, _)) => {
            let place = word.part(text.len() + 1, len.len());
            let found = quote(len);
            let message = format!("the length of the prefix must be 1 to {most}, not {found}");
            report.error(place, message);
            return None;
        }
    };
    if let Some(reason) = unfit(address).filter(|_| !(joined && address.is_multicast())) {
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
fn unfit(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) if address.octets()[0] == 0 => Some("no address of a host"),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Some("no address of a host"),
        address if address.is_loopback() => Some("a loopback address"),
        address if address.is_multicast() => Some("a multicast address"),
        IpAddr::V4(Ipv4Addr::BROADCAST) => Some("the broadcast address"),
        IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => {
            Some("an IPv4 address in the clothes of IPv6")
        }
        _ => None,
    }
}

/// Why others will not reach an address.
fn unwise(address: IpAddr, prefix_len: u8) -> Option<String> {
    let address = match address {
        IpAddr::V4(address) => address,
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(u32::from(prefix_len)).unwrap_or(0);
            let is_router = prefix_len <= 126 && u128::from(address) & host == 0;
            return is_router.then(|| format!("the address of any router of its /{prefix_len}"));
        }
    };
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

/// `dev INTERFACE`
pub fn dev(word: &Word, report: &mut Report) -> Option<String> {
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

/// `label LABEL`
pub fn label(word: &Word, report: &mut Report) -> Option<String> {
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

/// `brd ADDRESS`, `brd +`; `Some(None)` for `brd -`: none.
pub fn broadcast(
    word: &Word,
    net: Option<(IpAddr, u8)>,
    report: &mut Report,
) -> Option<Option<Ipv4Addr>> {
    match word.text.as_str() {
        "-" => Some(None),
        "+" => {
            let (address, len) = net?;
            let broadcast = match address {
                IpAddr::V4(address) => broadcast_of(address, len),
                IpAddr::V6(_) => None,
            };
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

/// `scope SCOPE`
pub fn scope(word: &Word, report: &mut Report) -> Option<u8> {
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
