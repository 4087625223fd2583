//! `virtual_rules` and `static_rules`: lines as ip(8) and keepalived write them.

use super::route::lines;
use super::words::{number, Family, Words};
use crate::config::error::{Place, Report};
use crate::config::route::{Rule, RuleAction, VirtualRule};
use crate::config::tree::{Value, Word};

/// Reads a list of rules.
pub fn read(list: &'static str, value: Option<&Value>, report: &mut Report) -> Vec<VirtualRule> {
    let mut rules: Vec<VirtualRule> = Vec::new();
    for (words, place) in lines(list, value, report) {
        let Some(rule) = line(Words::new(list, &words, place, report)) else {
            continue;
        };
        match rules.iter().any(|other| other.rule == rule.rule) {
            true => drop(report.error(place, format!("the same rule twice in {list}"))),
            false => rules.push(rule),
        }
    }
    rules
}

/// What a line has said so far.
struct Draft {
    rule: Rule,
    action: Option<(RuleAction, Place)>,
    preference: Option<u32>,
    suppress: Option<u32>,
}

/// Reads a line. `None` if it is wrong, and that has been told.
fn line(mut words: Words<'_, '_>) -> Option<VirtualRule> {
    let rule = Rule {
        is_ipv6: false,
        not: false,
        from: None,
        to: None,
        tos: 0,
        fwmark: None,
        iif: None,
        oif: None,
        uidrange: None,
        ipproto: None,
        sport: None,
        dport: None,
        action: RuleAction::Nop,
        suppress_prefixlength: None,
        preference: 0,
        protocol: None,
    };
    let mut draft = Draft { rule, action: None, preference: None, suppress: None };
    while let Some(word) = words.next() {
        if !selector(word, &mut draft, &mut words)? {
            action(word, &mut draft, &mut words)?;
        }
    }
    let rule = finish(draft, &mut words)?;
    Some(VirtualRule { rule, line: words.line })
}

/// What a rule is for. False if the word is none of these.
fn selector(word: &Word, draft: &mut Draft, words: &mut Words<'_, '_>) -> Option<bool> {
    let rule = &mut draft.rule;
    match word.text.as_str() {
        "inet" => words.is_of(Family::V4, word.place)?,
        "inet6" => words.is_of(Family::V6, word.place)?,
        "not" => rule.not = true,
        "from" => {
            let value = words.value(word)?;
            rule.from = words.prefix("from", value)?;
        }
        "to" => {
            let value = words.value(word)?;
            rule.to = words.prefix("to", value)?;
        }
        "tos" | "dsfield" => rule.tos = words.tos(word)?,
        "fwmark" => {
            let mark = fwmark(word, words)?;
            words.once(word, &mut rule.fwmark, mark)?;
        }
        "iif" => {
            let iif = words.interface(word)?;
            words.once(word, &mut rule.iif, iif)?;
        }
        "oif" => {
            let oif = words.interface(word)?;
            words.once(word, &mut rule.oif, oif)?;
        }
        "uidrange" => {
            let range = words.range(word, u32::MAX - 1)?;
            words.once(word, &mut rule.uidrange, range)?;
        }
        "ipproto" => {
            let protocol = ip_protocol(word, words)?;
            words.once(word, &mut rule.ipproto, protocol)?;
        }
        "sport" => {
            let ports = ports(word, words)?;
            words.once(word, &mut rule.sport, ports)?;
        }
        "dport" => {
            let ports = ports(word, words)?;
            words.once(word, &mut rule.dport, ports)?;
        }
        "protocol" => {
            let protocol = words.protocol(word)?;
            words.once(word, &mut rule.protocol, protocol)?;
        }
        "preference" | "priority" => {
            let preference = words.number(word, 1, u32::MAX)?;
            words.once(word, &mut draft.preference, preference)?;
        }
        "no_track" => words.line.no_track = true,
        _ => return Some(false),
    }
    Some(true)
}

/// What a rule does.
fn action(word: &Word, draft: &mut Draft, words: &mut Words<'_, '_>) -> Option<()> {
    let mut word = word;
    if word.text == "type" {
        word = words.value(word)?;
    }
    let action = match word.text.as_str() {
        "table" | "lookup" => RuleAction::Table(words.table(word)?),
        "goto" => RuleAction::Goto(words.number(word, 1, u32::MAX)?),
        "nop" => RuleAction::Nop,
        "blackhole" => RuleAction::Blackhole,
        "unreachable" => RuleAction::Unreachable,
        "prohibit" => RuleAction::Prohibit,
        "suppress_prefixlength" => {
            let len = words.number(word, 0, 128)?;
            return words.once(word, &mut draft.suppress, len);
        }
        _ => {
            words.unknown(word, "");
            return None;
        }
    };
    if draft.action.replace((action, word.place)).is_some() {
        let message = format!("{}: a rule does one thing", word.text);
        return words.error(word.place, message, "each rule is a line of its own");
    }
    Some(())
}

/// `MARK[/MASK]`
fn fwmark(keyword: &Word, words: &mut Words<'_, '_>) -> Option<(u32, Option<u32>)> {
    let value = words.value(keyword)?;
    let (mark, mask) = match value.text.split_once('/') {
        Some((mark, mask)) => (number(mark), Some(number(mask))),
        None => (number(&value.text), None),
    };
    match (mark, mask) {
        (Some(mark), None) => Some((mark, None)),
        (Some(mark), Some(Some(mask))) => Some((mark, Some(mask))),
        _ => words.wrong("fwmark", value, "a number, or two like 0x10/0xff"),
    }
}

fn ip_protocol(keyword: &Word, words: &mut Words<'_, '_>) -> Option<u8> {
    const NAMES: &[(&str, u8)] = &[
        ("icmp", 1),
        ("tcp", 6),
        ("udp", 17),
        ("gre", 47),
        ("esp", 50),
        ("ah", 51),
        ("icmpv6", 58),
        ("ipv6-icmp", 58),
        ("ospf", 89),
        ("vrrp", 112),
        ("sctp", 132),
    ];
    let value = words.value(keyword)?;
    let named = NAMES.iter().find(|(name, _)| *name == value.text).map(|(_, number)| *number);
    match named.or_else(|| number(&value.text).and_then(|number| u8::try_from(number).ok())) {
        Some(protocol) => Some(protocol),
        None => words.wrong("ipproto", value, "0 to 255, or a name like tcp"),
    }
}

fn ports(keyword: &Word, words: &mut Words<'_, '_>) -> Option<(u16, u16)> {
    let (first, last) = words.range(keyword, 65_535)?;
    Some((u16::try_from(first).ok()?, u16::try_from(last).ok()?))
}

/// What fits together, and what follows from it.
fn finish(draft: Draft, words: &mut Words<'_, '_>) -> Option<Rule> {
    let place = words.line.place;
    let Some((action, at)) = draft.action else {
        let help = "write table TABLE, goto NUMBER, blackhole, unreachable or prohibit";
        return words.error(place, "the rule says nothing to do".into(), help);
    };
    let Some(preference) = draft.preference else {
        let help =
            "write preference NUMBER; the smallest is asked first, and main is asked at 32766";
        return words.error(place, "the rule has no preference".into(), help);
    };
    if draft.suppress.is_some() && !matches!(action, RuleAction::Table(_)) {
        let message = "suppress_prefixlength is for rules with a table";
        return words.error(at, message.into(), "");
    }
    if let RuleAction::Goto(target) = action {
        if target <= preference {
            let message = format!("goto {target} leads back: the rule itself has {preference}");
            return words.error(at, message, "write a greater number");
        }
    }
    let is_ipv6 = words.family == Some(Family::V6);
    let most = if is_ipv6 { 128 } else { 32 };
    if draft.suppress.is_some_and(|len| len > most) {
        let message = format!("suppress_prefixlength must be 0 to {most} here");
        return words.error(place, message, "");
    }
    let suppress_prefixlength = draft.suppress;
    Some(Rule { is_ipv6, action, preference, suppress_prefixlength, ..draft.rule })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::route::{Prefix, Table};
    use crate::config::tree::Data;

    fn read_line(text: &str) -> Result<Rule, String> {
        let mut report = Report::new("f", text);
        let value = Value { data: Data::Text(text.into()), place: Place::new(0, text.len()) };
        match (read("virtual_rules", Some(&value), &mut report).pop(), report.has_errors()) {
            (Some(rule), false) => Ok(rule.rule),
            (None, true) => Err(report.to_string()),
            (rule, _) => panic!("{text}: {rule:?} {report}"),
        }
    }

    #[test]
    fn lines_that_are_right() {
        let rule = read_line("from 192.0.2.0/24 to 10.0.0.1 iif eth0 table 100 preference 5");
        let rule = rule.unwrap();
        let prefix = |text: &str, len| Some(Prefix { address: text.parse().unwrap(), len });
        assert_eq!((rule.from, rule.to), (prefix("192.0.2.0", 24), prefix("10.0.0.1", 32)));
        assert_eq!((rule.iif.as_deref(), rule.preference, rule.is_ipv6), (Some("eth0"), 5, false));
        assert_eq!(rule.action, RuleAction::Table(Table::Number(100)));
        let rule = read_line("not inet6 fwmark 0x10/0xff lookup wan priority 7 no_track").unwrap();
        assert!(rule.not && rule.is_ipv6);
        assert_eq!(rule.fwmark, Some((16, Some(255))));
        assert_eq!(rule.action, RuleAction::Table(Table::Name("wan".into())));
        let rule = read_line(
            "ipproto tcp sport 1000-2000 dport 80 uidrange 0-99 tos 8 oif a type prohibit priority 1",
        );
        let rule = rule.unwrap();
        assert_eq!(
            (rule.ipproto, rule.sport, rule.dport),
            (Some(6), Some((1000, 2000)), Some((80, 80)))
        );
        assert_eq!(
            (rule.uidrange, rule.tos, rule.action),
            (Some((0, 99)), 8, RuleAction::Prohibit)
        );
        let rule = read_line("from any goto 20 preference 10").unwrap();
        assert_eq!((rule.from, rule.action), (None, RuleAction::Goto(20)));
        let rule = read_line("table main suppress_prefixlength 0 preference 10").unwrap();
        assert_eq!(rule.suppress_prefixlength, Some(0));
    }

    #[test]
    fn lines_that_are_wrong() {
        for (text, reason) in [
            ("from 10.0.0.1 preference 5", "nothing to do"),
            ("from 10.0.0.1 table 5", "no preference"),
            ("table 5 blackhole preference 5", "does one thing"),
            ("goto 5 preference 5", "leads back"),
            ("nop suppress_prefixlength 0 preference 5", "for rules with a table"),
            ("table 5 suppress_prefixlength 64 preference 5", "0 to 32 here"),
            ("from 10.0.0.1 to 2001:db8::1 nop preference 5", "both families"),
            ("from x nop preference 5", "default, or an address"),
            ("fwmark 1/x nop preference 5", "a number, or two"),
            ("uidrange 5-1 nop preference 5", "two like"),
            ("dport 65536 nop preference 5", "0 to 65535"),
            ("ipproto 256 nop preference 5", "a name like tcp"),
            ("table 0 preference 5", "routing table"),
            ("nop preference 0", "1 to"),
            ("nop preference 5 priority 6", "twice"),
            ("l3mdev preference 5", "l3mdev is not supported"),
            ("lokup 5 preference 5", "did you mean \"lookup\"?"),
            ("type", "something is missing"),
        ] {
            let error = read_line(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
