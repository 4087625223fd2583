//! The words of a line, taken from the front: what routes and rules have in common.

use super::value::{did_you_mean, is_interface};
use crate::config::dialect;
use crate::config::error::{quote, Place, Report};
use crate::config::route::{Line, Prefix, Table};
use crate::config::tree::Word;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A line that is being read. Whoever takes a word that is wrong has complained of it when `None`
/// comes back.
pub struct Words<'a, 'r> {
    words: &'a [Word],
    at: usize,
    /// The list that the line stands in: `virtual_routes`.
    pub list: &'static str,
    /// Where complaints go.
    pub report: &'r mut Report,
    /// Of which family the line is, as far as it has said.
    pub family: Option<Family>,
    /// What is to be remembered of it.
    pub line: Line,
}

/// A family, in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `inet`
    V4,
    /// `inet6`
    V6,
}

impl Family {
    /// That of an address.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Its address of nothing but zeros.
    pub const fn unspecified(self) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Self::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }
}

impl<'a, 'r> Words<'a, 'r> {
    /// The words of a line that stands at `place`.
    pub fn new(
        list: &'static str,
        words: &'a [Word],
        place: Place,
        report: &'r mut Report,
    ) -> Self {
        let texts: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
        let line = Line { text: texts.join(" "), place, ..Line::default() };
        Self { words, at: 0, list, report, family: None, line }
    }

    /// The next word.
    pub fn next(&mut self) -> Option<&'a Word> {
        let word = self.words.get(self.at)?;
        self.at += 1;
        Some(word)
    }

    /// The next word, which stays.
    pub fn peek(&self) -> Option<&'a Word> {
        self.words.get(self.at)
    }

    /// Takes the next word if it is this one.
    pub fn take(&mut self, text: &str) -> bool {
        let is_next = self.peek().is_some_and(|word| word.text == text);
        self.at += usize::from(is_next);
        is_next
    }

    /// The value behind a keyword.
    pub fn value(&mut self, keyword: &Word) -> Option<&'a Word> {
        let value = self.next();
        if value.is_none() {
            let message = format!("{} is the last word, something is missing", keyword.text);
            self.report.error(keyword.place, message);
        }
        value
    }

    /// Complains of a value.
    pub fn wrong<T>(&mut self, keyword: &str, value: &Word, expected: &str) -> Option<T> {
        let message = format!("{keyword} must be {expected}, not {}", quote(&value.text));
        self.report.error(value.place, message);
        None
    }

    /// Complains of something, and says what to do.
    pub fn error<T>(&mut self, place: Place, message: String, help: &str) -> Option<T> {
        self.report.error(place, message).help(help);
        None
    }

    /// Puts a value where there was none.
    pub fn once<T>(&mut self, keyword: &Word, slot: &mut Option<T>, value: T) -> Option<()> {
        if slot.replace(value).is_some() {
            self.report.error(keyword.place, format!("{} is there twice", keyword.text));
            return None;
        }
        Some(())
    }

    /// A number behind a keyword, decimal or with `0x`.
    pub fn number(&mut self, keyword: &Word, least: u32, most: u32) -> Option<u32> {
        let value = self.value(keyword)?;
        match number(&value.text).filter(|number| (least..=most).contains(number)) {
            Some(number) => Some(number),
            None => self.wrong(&keyword.text, value, &format!("a number from {least} to {most}")),
        }
    }

    /// `tos`: ip(8) and keepalived read it as hexadecimal, with `0x` or without.
    pub fn tos(&mut self, keyword: &Word) -> Option<u8> {
        let value = self.value(keyword)?;
        let digits = value.text.strip_prefix("0x").unwrap_or(&value.text);
        match u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+')) {
            Some(tos) => Some(tos),
            None => self.wrong(&keyword.text, value, "hexadecimal, from 0 to ff"),
        }
    }

    /// `1000-2000`, or one number.
    pub fn range(&mut self, keyword: &Word, most: u32) -> Option<(u32, u32)> {
        let value = self.value(keyword)?;
        let (first, last) = value.text.split_once('-').unwrap_or((&value.text, &value.text));
        let range = number(first).zip(number(last));
        match range.filter(|(first, last)| first <= last && *last <= most) {
            Some(range) => Some(range),
            None => {
                let expected = format!("a number from 0 to {most}, or two like 1000-2000");
                self.wrong(&keyword.text, value, &expected)
            }
        }
    }

    /// A routing table by number or name.
    pub fn table(&mut self, keyword: &Word) -> Option<Table> {
        let value = self.value(keyword)?;
        let is_name = |text: &str| {
            text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        };
        match (value.text.as_str(), number(&value.text)) {
            ("main", _) => Some(Table::MAIN),
            ("local", _) => Some(Table::Number(255)),
            ("default", _) => Some(Table::Number(253)),
            (_, Some(1..)) => number(&value.text).map(Table::Number),
            (text, None) if is_name(text) => Some(Table::Name(text.into())),
            _ => {
                let expected = "the name of a routing table, or a number from 1 to 4294967295";
                self.wrong(&keyword.text, value, expected)
            }
        }
    }

    /// `protocol`: who a route is from.
    pub fn protocol(&mut self, keyword: &Word) -> Option<u8> {
        const NAMES: &[(&str, u8)] = &[
            ("kernel", 2),
            ("boot", 3),
            ("static", 4),
            ("gated", 8),
            ("ra", 9),
            ("mrt", 10),
            ("zebra", 11),
            ("bird", 12),
            ("dhcp", 16),
            ("keepalived", 18),
            ("babel", 42),
            ("bgp", 186),
            ("isis", 187),
            ("ospf", 188),
            ("rip", 189),
            ("eigrp", 192),
        ];
        let value = self.value(keyword)?;
        let named = NAMES.iter().find(|(name, _)| *name == value.text).map(|(_, number)| *number);
        // 0 is what asks for any in a request to remove one.
        let by_number =
            || number(&value.text).and_then(|n| u8::try_from(n).ok()).filter(|n| *n > 0);
        match named.or_else(by_number) {
            Some(protocol) => Some(protocol),
            None => self.wrong(&keyword.text, value, "1 to 255, or a name like static"),
        }
    }

    /// The name of an interface.
    pub fn interface(&mut self, keyword: &Word) -> Option<String> {
        let value = self.value(keyword)?;
        if !is_interface(&value.text) {
            return self.wrong(&keyword.text, value, "the name of an interface, 1 to 15 bytes");
        }
        Some(value.text.clone())
    }

    /// An interface that packets go through.
    pub fn dev(&mut self, keyword: &Word) -> Option<String> {
        let place = self.peek().map_or(keyword.place, |word| word.place);
        let dev = self.interface(keyword)?;
        self.line.devs.push((dev.clone(), place));
        Some(dev)
    }

    /// The address behind a keyword, with or without `inet` or `inet6` before it.
    pub fn address(&mut self, keyword: &Word) -> Option<(IpAddr, Place)> {
        let said = self.said_family();
        let value = self.value(keyword)?;
        let address = value.text.parse().ok();
        match address.filter(|address| said.is_none_or(|said| said == Family::of(*address))) {
            Some(address) => Some((address, value.place)),
            None => {
                let expected = match said {
                    None => "an IP address",
                    Some(Family::V4) => "an IPv4 address",
                    Some(Family::V6) => "an IPv6 address",
                };
                self.wrong(&keyword.text, value, expected)
            }
        }
    }

    /// `inet` or `inet6`, if it is the next word.
    pub fn said_family(&mut self) -> Option<Family> {
        if self.take("inet6") {
            Some(Family::V6)
        } else {
            self.take("inet").then_some(Family::V4)
        }
    }

    /// What the line is for is of this family; a line has one.
    pub fn is_of(&mut self, family: Family, place: Place) -> Option<()> {
        if *self.family.get_or_insert(family) == family {
            return Some(());
        }
        self.error(place, "addresses of both families cannot stand in one line".into(), "")
    }

    /// `default`, `ADDRESS` or `ADDRESS/LENGTH`. `None` in it: any, of whatever family.
    pub fn prefix(&mut self, keyword: &str, word: &Word) -> Option<Option<Prefix>> {
        if matches!(word.text.as_str(), "default" | "any" | "all") {
            return Some(None);
        }
        let Some(prefix) = prefix(&word.text) else {
            return self.wrong(keyword, word, "default, or an address, and perhaps its /LENGTH");
        };
        self.is_of(Family::of(prefix.address), word.place)?;
        Some(Some(prefix))
    }

    /// A word that is none of the line's, or one that is not there yet.
    pub fn unknown(&mut self, word: &Word, help: &str) {
        let refusal = || dialect::refusal(words_of(self.list), &word.text);
        let (message, near) = match dialect::refusal(self.list, &word.text).or_else(refusal) {
            Some((message, _)) => (message, String::new()),
            None => {
                let section = words_of(self.list);
                let known = super::keywords().filter(|(home, _)| *home == section);
                let near = did_you_mean(&word.text, known.map(|(_, word)| word));
                (format!("unknown word {} in {}", quote(&word.text), self.list), near)
            }
        };
        let help = if help.is_empty() { near } else { help.into() };
        self.report.error(word.place, message).help(help);
    }
}

/// The list whose words a list has.
pub fn words_of(list: &'static str) -> &'static str {
    match list {
        "static_routes" => "virtual_routes",
        "static_rules" => "virtual_rules",
        "static_ipaddress" | "virtual_ipaddress_excluded" => "virtual_ipaddress",
        list => list,
    }
}

/// A number as C writes it, but for leading zeros, which nobody means as octal.
pub fn number(text: &str) -> Option<u32> {
    let is_number = |digits: &str| digits.starts_with(|c: char| c.is_ascii_hexdigit());
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok().filter(|_| is_number(digits)),
        None if text.starts_with('0') && text.len() > 1 => None,
        None => text.parse().ok().filter(|_| is_number(text)),
    }
}

/// `ADDRESS` or `ADDRESS/LENGTH`
pub fn prefix(text: &str) -> Option<Prefix> {
    let (address, len) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let len = match len {
        Some(len) => number(len).and_then(|len| u8::try_from(len).ok())?,
        None => most,
    };
    (len <= most).then_some(Prefix { address, len })
}

/// The network that a prefix is in: without the bits of the host.
pub fn network(prefix: Prefix) -> Prefix {
    let len = u32::from(prefix.len);
    let address = match prefix.address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32u32.saturating_sub(len)).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128u32.saturating_sub(len)).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    };
    Prefix { address, ..prefix }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        for (text, expected) in [
            ("0", Some(0)),
            ("10", Some(10)),
            ("0x1F", Some(31)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("010", None),
            ("+1", None),
            ("0x", None),
            ("0x+1", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn prefixes_have_a_network() {
        for (text, expected) in [
            ("192.0.2.9/24", "192.0.2.0/24"),
            ("192.0.2.9", "192.0.2.9/32"),
            ("192.0.2.9/0", "0.0.0.0/0"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("2001:db8::1/0", "::/0"),
        ] {
            let Prefix { address, len } = network(prefix(text).unwrap());
            assert_eq!(format!("{address}/{len}"), expected, "{text}");
        }
        for text in ["192.0.2.9/33", "::/129", "::/", "10/8", "/8", "x", "1.2.3.4/256", ""] {
            assert_eq!(prefix(text), None, "{text}");
        }
    }
}
