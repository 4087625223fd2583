//! `track_tcp NAME`, `track_ping NAME` and `track_route NAME`

use super::script;
use super::settings::Settings;
use super::table::{TRACK_PING, TRACK_ROUTE, TRACK_TCP};
use super::value::{describe, did_you_mean};
use crate::config::error::Report;
use crate::config::probe::{Schedule, TrackPing, TrackRoute, TrackTcp};
use crate::config::tree::{Data, Section, Word};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Tables of the kernel that have a name everywhere.
const TABLES: [(&str, u32); 3] = [("main", 254), ("local", 255), ("default", 253)];

/// Reads a `track_tcp`. `None` if it has no `connect` that can be read.
pub fn tcp(name: &Word, section: &Section, report: &mut Report) -> Option<TrackTcp> {
    let settings = read("track_tcp", TRACK_TCP, name, section, report);
    let schedule = schedule(&settings, report);
    let help = report.example("connect", "192.0.2.1:443");
    settings.need("connect", &help, report)?;
    let connect: SocketAddr = special(&settings, "connect", &help, report)?;
    let source = special(&settings, "source", "", report);
    if source.is_some_and(|source: IpAddr| source.is_ipv6() != connect.is_ipv6()) {
        let message = "source and connect are addresses of different families";
        settings.error("source", message.into(), report);
    }
    let dev = settings.text("dev");
    if connect.port() == 0 {
        settings.error("connect", "port 0 is nobody's".into(), report).help("1 to 65535");
    }
    host(&settings, "connect", connect.ip(), dev.as_deref(), report);
    let (name, place) = (name.text.clone(), name.place);
    let dev_place = settings.place_of("dev");
    Some(TrackTcp { name, place, connect, source, dev, dev_place, schedule })
}

/// Reads a `track_ping`. `None` if it has no `host` that can be read.
pub fn ping(name: &Word, section: &Section, report: &mut Report) -> Option<TrackPing> {
    let settings = read("track_ping", TRACK_PING, name, section, report);
    let schedule = schedule(&settings, report);
    let help = report.example("host", "192.0.2.1");
    settings.need("host", &help, report)?;
    let address = special(&settings, "host", &help, report)?;
    let dev = settings.text("dev");
    host(&settings, "host", address, dev.as_deref(), report);
    let (name, place) = (name.text.clone(), name.place);
    let dev_place = settings.place_of("dev");
    Some(TrackPing { name, place, host: address, dev, dev_place, schedule })
}

/// Reads a `track_route`. `None` if it has no `to` that can be read.
pub fn route(name: &Word, section: &Section, report: &mut Report) -> Option<TrackRoute> {
    let settings = read("track_route", TRACK_ROUTE, name, section, report);
    let table = table(&settings, report);
    let help = report.example("to", "default");
    settings.need("to", &help, report)?;
    let (address, length) = destination(&settings, report)?;
    let via: Option<IpAddr> = special(&settings, "via", "", report);
    if via.is_some_and(|via| via.is_ipv4() && address.is_ipv6()) {
        let message = "a route of IPv6 has no gateway of IPv4";
        settings.error("via", message.into(), report);
    }
    Some(TrackRoute {
        name: name.text.clone(),
        place: name.place,
        to: (address, length),
        table: table.unwrap_or(254),
        via,
        dev: settings.text("dev"),
        dev_place: settings.place_of("dev"),
        weight: settings.weight("weight").unwrap_or_default(),
    })
}

fn read<'a>(
    keyword: &str,
    table: &'static [super::table::Key],
    name: &Word,
    section: &'a Section,
    report: &mut Report,
) -> Settings<'a> {
    let label = (format!("{keyword} {}", name.text), name.place);
    Settings::read(keyword, table, label, &section.entries, report)
}

fn schedule(settings: &Settings<'_>, report: &mut Report) -> Schedule {
    let interval = settings.time("interval").unwrap_or_default();
    let timeout = settings.time("timeout").unwrap_or(interval);
    script::warn_of_timeout(settings, interval, timeout, report);
    Schedule {
        interval,
        timeout,
        rise: script::count(settings, "rise"),
        fall: script::count(settings, "fall"),
        weight: settings.weight("weight").unwrap_or_default(),
    }
}

/// A value that is written as a string.
fn special<T: core::str::FromStr>(
    settings: &Settings<'_>,
    word: &str,
    help: &str,
    report: &mut Report,
) -> Option<T> {
    let value = settings.value(word)?;
    let read = value.word().and_then(|word| word.text.parse().ok());
    if read.is_none() {
        let message = format!("{word} must be {}, not {}", expected(word), describe(value));
        settings.error(word, message, report).help(help);
    }
    read
}

/// What the keywords take that are read here.
const fn expected(word: &str) -> &'static str {
    match word.as_bytes() {
        b"connect" => "ADDRESS:PORT or [ADDRESS]:PORT, names are not looked up",
        b"to" => "\"default\" or ADDRESS/LENGTH",
        b"table" => "main, local, default or a number from 1 to 4294967295",
        _ => "an address, names are not looked up",
    }
}

/// Whoever is asked must be one host.
fn host(
    settings: &Settings<'_>,
    word: &str,
    address: IpAddr,
    dev: Option<&str>,
    report: &mut Report,
) {
    let is_broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    let link_local = matches!(address, IpAddr::V6(v6) if v6.segments()[0] & 0xffc0 == 0xfe80);
    if address.is_multicast() || address.is_unspecified() || is_broadcast {
        settings.error(word, format!("{address} is not the address of one host"), report);
    } else if link_local && dev.is_none() {
        let message = format!("{address} is another host on every interface: dev is missing");
        let help = report.example("dev", "eth0");
        settings.error(word, message, report).help(help);
    }
}

fn table(settings: &Settings<'_>, report: &mut Report) -> Option<u32> {
    let value = settings.value("table")?;
    let word = value.word().map(|word| word.text).unwrap_or_default();
    let named = TABLES.iter().find(|(name, _)| *name == word).map(|(_, number)| *number);
    let number = match value.data {
        Data::Integer(number) => u32::try_from(number).ok(),
        _ => word.parse().ok(),
    };
    let table = named.or(number).filter(|table| *table != 0);
    if table.is_none() {
        let message = format!("table must be {}, not {}", expected("table"), describe(value));
        let help = did_you_mean(&word, TABLES.into_iter().map(|(name, _)| name));
        settings.error("table", message, report).help(help);
    }
    table
}

/// `default`, `192.0.2.0/24`, `2001:db8::1`.
fn destination(settings: &Settings<'_>, report: &mut Report) -> Option<(IpAddr, u8)> {
    let value = settings.value("to")?;
    let word = value.word().map(|word| word.text).unwrap_or_default();
    if word == "default" {
        return Some((Ipv4Addr::UNSPECIFIED.into(), 0));
    }
    let Some((address, length)) = prefix(&word) else {
        let message = format!("to must be {}, not {}", expected("to"), describe(value));
        let help = "default is that of IPv4; ::/0 is that of IPv6";
        settings.error("to", message, report).help(help);
        return None;
    };
    let network = masked(address, length);
    if network != address {
        let message = format!("{address}/{length} has bits behind its prefix: no route is to that");
        let help = report.example("to", &format!("{network}/{length}"));
        settings.error("to", message, report).help(help);
    }
    Some((network, length))
}

fn prefix(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv6() { 128 } else { 32 };
    let length = match length {
        Some(length) if length.bytes().all(|byte| byte.is_ascii_digit()) => length.parse().ok()?,
        Some(_) => return None,
        None => most,
    };
    (length <= most).then_some((address, length))
}

/// The address with nothing behind the prefix.
fn masked(address: IpAddr, length: u8) -> IpAddr {
    let length = u32::from(length);
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        for (text, expected) in [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("10.1.2.3/8", Some("10.0.0.0/8")),
            ("192.0.2.1", Some("192.0.2.1/32")),
            ("::/0", Some("::/0")),
            ("2001:db8::1/33", Some("2001:db8::/33")),
            ("2001:db8::1", Some("2001:db8::1/128")),
            ("10.0.0.0/33", None),
            ("10.0.0.0/+8", None),
            ("10.0.0.0/", None),
            ("::/129", None),
            ("eth0", None),
        ] {
            let read = prefix(text).map(|(address, len)| format!("{}/{len}", masked(address, len)));
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }
}
