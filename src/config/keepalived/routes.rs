//! What keepalived makes of lines of routes and rules that vipd would not take.

use super::shape::reason;
use crate::config::dialect::{find, Support};
use crate::config::error::{Place, Report};
use crate::config::schema::words_of;
use crate::config::tree::{Data, LeftOut, Section, Tree, Value, Word};

/// Where keepalived begins to count down when a rule says no preference.
const FIRST_PREFERENCE: u32 = 16_384;

/// The preferences that are given to rules without one, of IPv4 and of IPv6.
struct Preferences {
    ipv4: u32,
    ipv6: u32,
}

/// Puts the routes and rules of a tree right.
pub fn routes(tree: &mut Tree, report: &mut Report) {
    let mut preferences = Preferences { ipv4: FIRST_PREFERENCE, ipv6: FIRST_PREFERENCE };
    let left_out = &mut tree.left_out;
    for Section { keyword, entries, .. } in &mut tree.sections {
        for entry in entries {
            let list = match (keyword.text.as_str(), entry.word.text.as_str()) {
                ("vrrp_instance", "virtual_routes") => "virtual_routes",
                ("vrrp_instance", "virtual_rules") => "virtual_rules",
                ("static_routes", _) => "static_routes",
                ("static_rules", _) => "static_rules",
                _ => continue,
            };
            lines(list, &mut entry.value, left_out, report);
            if words_of(list) == "virtual_rules" {
                preferred(&mut entry.value, &mut preferences, report);
            }
        }
    }
}

/// A line with a word that vipd has no use for is left out; old words are replaced.
fn lines(list: &'static str, value: &mut Value, left_out: &mut Vec<LeftOut>, report: &mut Report) {
    let Data::List(items) = &mut value.data else {
        return;
    };
    items.retain_mut(|item| {
        let Data::Line(words) = &mut item.data else {
            return true;
        };
        without_group(list, words, left_out, report);
        match unusable(list, words, report) {
            Some((word, reason)) => {
                report.warning(word.place, format!("{} is {reason}", word.text));
                let texts: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
                left_out.push(LeftOut { text: texts.join(" "), reason, place: item.place });
                false
            }
            None => true,
        }
    });
}

/// `track_group NAME` alone is left out: what is static is there all the same.
fn without_group(
    list: &'static str,
    words: &mut Vec<Word>,
    left_out: &mut Vec<LeftOut>,
    report: &mut Report,
) {
    let Some(row) = find(list, "track_group") else {
        return;
    };
    while let Some(at) = words.iter().position(|word| word.text == "track_group") {
        let gone: Vec<_> = words.drain(at..(at + 2).min(words.len())).collect();
        let place = gone.first().map(|word| word.place).unwrap_or_default();
        let texts: Vec<_> = gone.into_iter().map(|word| word.text).collect();
        let reason = reason(&row);
        report.warning(place, format!("track_group is {reason}"));
        left_out.push(LeftOut { text: texts.join(" "), reason, place });
    }
}

/// The first word of a line that vipd has no use for, and why. Renames old words on the way.
fn unusable(list: &'static str, words: &mut [Word], report: &mut Report) -> Option<(Word, String)> {
    let (section, mut at) = (words_of(list), 0);
    while let Some(word) = words.get_mut(at) {
        let row = find(section, &word.text);
        match row.map(|row| (row, row.support)) {
            Some((row, Support::Later | Support::Ignored | Support::Refused)) => {
                return Some((word.clone(), reason(&row)));
            }
            Some((row, Support::Renamed)) => {
                let message = format!("{} is an old word for {}", word.text, row.note);
                report.warning(word.place, message).help(format!("write {}", row.note));
                word.text = row.note.into();
            }
            _ => {}
        }
        at += 1 + values(section, words, at);
    }
    None
}

/// How many words behind one are its value.
fn values(section: &str, words: &[Word], at: usize) -> usize {
    const ALONE: &[&str] = &[
        "to", "inet", "inet6", "unicast", "local", "onlink", "nexthop", "no_track", "not", "nop",
        "type",
    ];
    let text = |at: usize| words.get(at).map_or("", |word| word.text.as_str());
    let word = text(at);
    let is_rule = section == "virtual_rules";
    let is_alone = ALONE.contains(&word) && !(is_rule && word == "to");
    let is_kind = ["blackhole", "unreachable", "prohibit", "throw"].contains(&word);
    if is_alone || is_kind || find(section, word).is_none() {
        return 0;
    }
    1 + usize::from(["inet", "inet6", "lock"].contains(&text(at + 1)))
}

/// Rules without a preference get one, as keepalived gives it.
fn preferred(value: &mut Value, preferences: &mut Preferences, report: &mut Report) {
    let Data::List(items) = &mut value.data else {
        return;
    };
    for item in items {
        let Data::Line(words) = &mut item.data else {
            continue;
        };
        let has = |name: &str| words.iter().any(|word| word.text == name);
        if words.is_empty() || has("preference") || has("priority") {
            continue;
        }
        let is_ipv6 = has("inet6") || words.iter().any(|word| word.text.contains(':'));
        let next = if is_ipv6 { &mut preferences.ipv6 } else { &mut preferences.ipv4 };
        let preference = *next;
        *next = next.saturating_sub(1).max(1);
        let message =
            format!("the rule has no preference: {preference} is taken, as by keepalived");
        report
            .warning(item.place, message)
            .help("write preference NUMBER: what is taken changes with the rules before it");
        let place = Place::new(item.place.start(), item.place.len());
        let word = |text: &str| Word { text: text.into(), place };
        words.extend([word("preference"), word(&preference.to_string())]);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{read_tree, Format, Reading};

    /// What stays of lines, and what is said.
    fn read(list: &str, text: &str) -> (Vec<String>, String) {
        let file = format!("{list} {{\n{text}\n}}\n");
        let how = Reading::strict(Format::Keepalived);
        let (tree, report) = read_tree("f", file.as_bytes(), &how);
        let tree = tree.unwrap();
        let items = tree.sections[0].entries[0].value.items();
        let join = |value: &super::Value| {
            let words: Vec<_> = value.words().unwrap().into_iter().map(|word| word.text).collect();
            words.join(" ")
        };
        (items.iter().map(join).collect(), report.to_string())
    }

    #[test]
    fn a_line_with_a_word_that_is_not_there_is_left_out() {
        let (lines, said) = read(
            "static_routes",
            "192.0.2.0/24 gw 10.0.0.1 oif eth1\n10.0.0.0/8 via 10.0.0.1 realms 5\n\
             198.51.100.0/24 dev realms track_group g",
        );
        let expected = ["192.0.2.0/24 via 10.0.0.1 dev eth1", "198.51.100.0/24 dev realms"];
        assert_eq!(lines, expected);
        for part in ["gw is an old word for via", "realms is not supported yet", "track_group is"] {
            assert_eq!(said.matches(part).count(), 1, "{said}");
        }
    }

    #[test]
    fn rules_without_a_preference_get_that_of_keepalived() {
        let (lines, said) = read(
            "static_rules",
            "from 10.0.0.1 table 5\nto 2001:db8::/32 lookup 6\niif a table 7 preference 9\n\
             to realms sup_pl 0 table 8",
        );
        assert_eq!(lines[0], "from 10.0.0.1 table 5 preference 16384");
        assert_eq!(lines[1], "to 2001:db8::/32 lookup 6 preference 16384");
        assert_eq!(lines[2], "iif a table 7 preference 9");
        assert_eq!(lines[3], "to realms suppress_prefixlength 0 table 8 preference 16383");
        assert_eq!(said.matches("has no preference").count(), 3, "{said}");
    }
}
