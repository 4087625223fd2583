//! Sections of OpenWrt's package that stand for a line of keepalived's: `config ipaddress` and the
//! like, to which the lists of other sections refer by name.

use super::left_out::{self, LeftOuts};
use super::syntax::Section;
use crate::config::error::{quote, Place, Report};
use crate::config::schema::{did_you_mean, truth};
use crate::config::tree::Word;
use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

/// So many names are looked up in one file: 16 for each of 4096 instances.
const LOOKUPS: usize = 1 << 16;
/// So many wrong names are compared with so many right ones.
const COMPARED: usize = 100;
/// The longest line that a name stands for, in bytes.
const LONGEST: usize = 255;

/// A kind of section that others refer to.
struct Kind {
    /// Its type.
    word: &'static str,
    /// What may stand in it.
    options: &'static [&'static str],
    /// What it cannot do without.
    need: &'static str,
    /// The line that it stands for.
    line: fn(&Section) -> Vec<Word>,
}

const KINDS: &[Kind] = &[
    Kind {
        word: "ipaddress",
        options: &["address", "device", "scope", "label_suffix"],
        need: "address",
        line: ip_address,
    },
    Kind {
        word: "route",
        options: &["address", "blackhole", "src_addr", "gateway", "device", "scope", "table"],
        need: "address",
        line: route,
    },
    Kind { word: "peer", options: &["address", "min_ttl", "max_ttl"], need: "address", line: peer },
    Kind { word: "track_interface", options: &["value", "weight"], need: "value", line: track },
    Kind {
        word: "track_script",
        options: &["value", "weight", "direction"],
        need: "value",
        line: track,
    },
];

/// Which kind the values of a keyword are names of: the section, the keyword, the kind.
const REFERENCES: &[(&str, &str, &str)] = &[
    ("vrrp_instance", "virtual_ipaddress", "ipaddress"),
    ("vrrp_instance", "virtual_ipaddress_excluded", "ipaddress"),
    ("vrrp_instance", "virtual_routes", "route"),
    ("vrrp_instance", "unicast_peer", "peer"),
    ("vrrp_instance", "track_interface", "track_interface"),
    ("vrrp_instance", "track_script", "track_script"),
    ("vrrp_sync_group", "track_interface", "track_interface"),
    ("vrrp_sync_group", "track_script", "track_script"),
    ("static_ipaddress", "address", "ipaddress"),
    ("static_routes", "route", "route"),
];

/// What the names of a file stand for.
#[derive(Default)]
pub struct Definitions {
    /// By kind and name.
    lines: BTreeMap<(&'static str, String), Line>,
    /// The names of the checks: `track_script` refers to them directly, too.
    scripts: BTreeSet<String>,
    /// How many names have been looked up.
    lookups: usize,
    /// How many of them there are not.
    undefined: usize,
}

struct Line {
    words: Vec<Word>,
    place: Place,
    used: bool,
}

impl Definitions {
    /// Takes in what others refer to.
    pub fn new(sections: &[Section], left_out: &mut LeftOuts, report: &mut Report) -> Self {
        let mut definitions = Self::default();
        for section in sections {
            let kind = KINDS.iter().find(|kind| kind.word == section.keyword.text);
            match (kind, &section.name) {
                (Some(kind), name) => definitions.add(kind, section, name, left_out, report),
                (None, Some(name)) if section.keyword.text == "vrrp_script" => {
                    definitions.scripts.insert(name.text.clone());
                }
                (None, _) => {}
            }
        }
        definitions
    }

    fn add(
        &mut self,
        kind: &Kind,
        section: &Section,
        name: &Option<Word>,
        left_out: &mut LeftOuts,
        report: &mut Report,
    ) {
        let label = section.label();
        for setting in &section.settings {
            let word = &setting.word;
            if kind.options.contains(&word.text.as_str()) {
                continue;
            }
            if let Some(reason) = left_out::reason(kind.word, &word.text) {
                let value = setting.values.last().map_or("", |value| &value.text);
                if truth(value) == Some(false) {
                    continue;
                }
                let line = left_out::line("option", &word.text, value);
                left_out.add((kind.word, word), &reason, line, report);
            } else {
                let help = did_you_mean(&word.text, kind.options.iter().copied());
                let message = format!("unknown word {} in {label}", quote(&word.text));
                report.error(word.place, message).help(help);
            }
        }
        let place = name.as_ref().map_or(section.keyword.place, |name| name.place);
        if section.last(kind.need).is_none() {
            let help = format!("write option {} 'VALUE'", kind.need);
            report.error(place, format!("{label} has no {}", kind.need)).help(help);
        }
        let words = (kind.line)(section);
        if words.iter().map(|word| word.text.len() + 1).sum::<usize>() > LONGEST {
            report.error(place, format!("{label} is longer than {LONGEST} bytes"));
            return;
        }
        let Some(name) = name else {
            let reason = "has no name: nothing can refer to it".to_owned();
            report.warning(place, format!("{label} {reason}")).help("write option name 'NAME'");
            left_out.keep(place, reason, left_out::section(kind.word, ""));
            return;
        };
        let line = Line { words, place, used: false };
        if self.lines.insert((kind.word, name.text.clone()), line).is_some() {
            report.error(place, format!("{label} is there twice"));
        }
    }

    /// The types of sections that others refer to.
    pub fn kinds() -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|kind| kind.word)
    }

    /// The lines that a value of a keyword stands for: those of the names in it, or itself.
    pub fn lines(
        &mut self,
        (section, word): (&str, &str),
        value: &Word,
        report: &mut Report,
    ) -> Vec<Vec<Word>> {
        let Some(kind) = kind_of_reference(section, word) else {
            return vec![vec![value.clone()]];
        };
        let parts = || value.text.split_whitespace();
        // A name may have blanks in it. Else several names may stand in one value; but behind a name
        // there may be words of another kind: `chk weight 5`.
        let (count, whole) = if self.knows(kind, &value.text) {
            (1, true)
        } else if parts().next().is_some() && parts().all(|name| self.knows(kind, name)) {
            (parts().count(), false)
        } else if is_used(section, word) && self.is_undefined(kind, &value.text) {
            self.undefined(kind, value, report);
            return Vec::new();
        } else {
            return vec![vec![value.clone()]];
        };
        self.lookups += count;
        if self.lookups > LOOKUPS {
            report.error(value.place, format!("more than {LOOKUPS} names of sections in lists"));
            return Vec::new();
        }
        let names = if whole { vec![value.clone()] } else { value.split() };
        names.into_iter().map(|name| self.line(kind, name)).collect()
    }

    fn knows(&self, kind: &Kind, name: &str) -> bool {
        let is_script = kind.word == "track_script" && self.scripts.contains(name);
        is_script || self.lines.contains_key(&(kind.word, name.to_owned()))
    }

    /// What a name stands for; that of a check for itself.
    fn line(&mut self, kind: &Kind, name: Word) -> Vec<Word> {
        match self.lines.get_mut(&(kind.word, name.text.clone())) {
            Some(line) => {
                line.used = true;
                line.words.clone()
            }
            None => vec![name],
        }
    }

    /// Whether what must be an address is none, and can only be a name where names are used.
    fn is_undefined(&self, kind: &Kind, text: &str) -> bool {
        let address = text.split('/').next().unwrap_or_default();
        kind.need == "address"
            && !text.contains(char::is_whitespace)
            && address.parse::<IpAddr>().is_err()
            && self.names(kind.word).next().is_some()
    }

    fn undefined(&mut self, kind: &Kind, value: &Word, report: &mut Report) {
        self.undefined += 1;
        let help = match self.undefined {
            ..=COMPARED => did_you_mean(&value.text, self.names(kind.word).take(COMPARED)),
            _ => String::new(),
        };
        let message = format!("there is no {} {}", kind.word, quote(&value.text));
        report.error(value.place, message).help(help);
    }

    fn names<'a>(&'a self, kind: &'static str) -> impl Iterator<Item = &'a str> {
        let from = (kind, String::new());
        let same = move |((at, _), _): &(&(&'static str, String), &Line)| *at == kind;
        self.lines.range(from..).take_while(same).map(|((_, name), _)| name.as_str())
    }

    /// Tells of what nothing refers to.
    pub fn tell_unused(self, left_out: &mut LeftOuts, report: &mut Report) {
        for ((kind, name), line) in self.lines.into_iter().filter(|(_, line)| !line.used) {
            let reason = "not used: nothing refers to it".to_owned();
            report.warning(line.place, format!("{kind} {name} is {reason}"));
            left_out.keep(line.place, reason, left_out::section(kind, &name));
        }
    }
}

fn kind_of_reference(section: &str, word: &str) -> Option<&'static Kind> {
    let row = REFERENCES.iter().find(|(at, it, _)| (*at, *it) == (section, word))?;
    KINDS.iter().find(|kind| kind.word == row.2)
}

/// Whether a keyword has an effect, so that a wrong name matters.
fn is_used(section: &str, word: &str) -> bool {
    left_out::reason("", section).or_else(|| left_out::reason(section, word)).is_none()
}

/// Adds the value of an option, behind a word that says what it is.
fn push(words: &mut Vec<Word>, word: &str, value: Option<&Word>) {
    if let Some(value) = value {
        words.extend([Word { text: word.into(), place: value.place }, value.clone()]);
    }
}

fn ip_address(section: &Section) -> Vec<Word> {
    let mut words: Vec<_> = section.last("address").cloned().into_iter().collect();
    let device = section.last("device");
    push(&mut words, "dev", device);
    if let Some(device) = device {
        push(&mut words, "label", label(section, device).as_ref());
    }
    push(&mut words, "scope", section.last("scope"));
    words
}

/// The package gives every address that names its interface a label. One that nobody asked for must
/// not be an error: IPv6 has none, and the name of the interface may be too long.
fn label(section: &Section, device: &Word) -> Option<Word> {
    const LONGEST_LABEL: usize = 15;
    let suffix = section.last("label_suffix");
    let text = format!("{}:{}", device.text, suffix.map_or("vip", |suffix| &suffix.text));
    let is_v6 = section.last("address").is_some_and(|address| address.text.contains(':'));
    let fits = suffix.is_some() || text.len() <= LONGEST_LABEL;
    let place = suffix.unwrap_or(device).place;
    (fits && !is_v6).then_some(Word { text, place })
}

fn route(section: &Section) -> Vec<Word> {
    let address = section.last("address").cloned();
    if let Some(yes) = section.last("blackhole").filter(|word| truth(&word.text) == Some(true)) {
        let blackhole = Word { text: "blackhole".into(), place: yes.place };
        return [blackhole].into_iter().chain(address).collect();
    }
    let mut words = Vec::new();
    push(&mut words, "src", section.last("src_addr"));
    words.extend(address);
    for (word, option) in
        [("via", "gateway"), ("dev", "device"), ("scope", "scope"), ("table", "table")]
    {
        push(&mut words, word, section.last(option));
    }
    words
}

fn peer(section: &Section) -> Vec<Word> {
    let mut words: Vec<_> = section.last("address").cloned().into_iter().collect();
    for option in ["min_ttl", "max_ttl"] {
        push(&mut words, option, section.last(option));
    }
    words
}

fn track(section: &Section) -> Vec<Word> {
    let mut words: Vec<_> = section.last("value").cloned().into_iter().collect();
    let weight = section.last("weight");
    push(&mut words, "weight", weight);
    words.extend(weight.and(section.last("direction")).cloned());
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::uci::{layout, syntax};

    fn resolved(text: &str, reference: (&str, &str), value: &str) -> (Vec<String>, String) {
        let mut report = Report::new("f", text);
        let mut file = syntax::read(text, &mut report).unwrap();
        file.sections.iter_mut().for_each(layout::name);
        let mut left_out = LeftOuts::default();
        let mut definitions = Definitions::new(&file.sections, &mut left_out, &mut report);
        let value = Word { text: value.into(), place: Place::new(0, value.len()) };
        let lines = definitions.lines(reference, &value, &mut report);
        let text = |line: Vec<Word>| {
            line.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
        };
        (lines.into_iter().map(text).collect(), report.to_string())
    }

    #[test]
    fn names_stand_for_the_lines_of_the_package() {
        const ADDRESSES: (&str, &str) = ("vrrp_instance", "virtual_ipaddress");
        const ROUTES: (&str, &str) = ("vrrp_instance", "virtual_routes");
        const PEERS: (&str, &str) = ("vrrp_instance", "unicast_peer");
        const INTERFACES: (&str, &str) = ("vrrp_instance", "track_interface");
        const SCRIPTS: (&str, &str) = ("vrrp_instance", "track_script");
        for (reference, section, line) in [
            (ADDRESSES, "ipaddress a;o address '10.0.0.1/24'", "10.0.0.1/24"),
            (ADDRESSES, "ipaddress a;o address '10.0.0.1' ;o scope 'link'", "10.0.0.1 scope link"),
            (
                ADDRESSES,
                "ipaddress a;o address '10.0.0.1';o device 'eth0';o label_suffix '1';o scope 'site'",
                "10.0.0.1 dev eth0 label eth0:1 scope site",
            ),
            (
                ADDRESSES,
                "ipaddress a;o address '10.0.0.1';o device 'eth0'",
                "10.0.0.1 dev eth0 label eth0:vip",
            ),
            (
                ADDRESSES,
                "ipaddress a;o address '10.0.0.1';o device 'twelve.bytes'",
                "10.0.0.1 dev twelve.bytes",
            ),
            (ADDRESSES, "ipaddress a;o address 'fd00::1/64';o device 'e'", "fd00::1/64 dev e"),
            (
                ROUTES,
                "route a;o address '10.0.0.0/8';o gateway '10.0.0.1';o device 'e';o table '5'",
                "10.0.0.0/8 via 10.0.0.1 dev e table 5",
            ),
            (
                ROUTES,
                "route a;o src_addr '10.0.0.9';o address '10.0.0.0/8';o device 'e'",
                "src 10.0.0.9 10.0.0.0/8 dev e",
            ),
            (
                ROUTES,
                "route a;o address '10.0.0.0/8';o blackhole '1';o device 'e'",
                "blackhole 10.0.0.0/8",
            ),
            (ROUTES, "route a;o address '10.0.0.0/8';o blackhole '0'", "10.0.0.0/8"),
            (
                PEERS,
                "peer a;o address '10.0.0.2';o min_ttl '254';o max_ttl '255'",
                "10.0.0.2 min_ttl 254 max_ttl 255",
            ),
            (INTERFACES, "track_interface a;o value 'e';o weight '5'", "e weight 5"),
            (INTERFACES, "track_interface a;o value 'e'", "e"),
            (
                SCRIPTS,
                "track_script a;o value 's';o weight '5';o direction 'reverse'",
                "s weight 5 reverse",
            ),
            (SCRIPTS, "track_script a;o value 's';o direction 'reverse'", "s"),
        ] {
            let text = format!("config {}", section.replace(';', "\n"));
            let (lines, said) = resolved(&text, reference, "a");
            assert_eq!((lines, said.as_str()), (vec![line.to_owned()], ""), "{text}");
        }
    }

    #[test]
    fn only_what_is_a_name_is_looked_up() {
        let text = "config ipaddress\no name 'a b'\no address 1\nconfig ipaddress c\no address 2\n\
                    config vrrp_script s\nconfig vrrp_script\no name c\n";
        let addresses = ("vrrp_instance", "virtual_ipaddress");
        let scripts = ("vrrp_instance", "track_script");
        for (reference, value, lines) in [
            (addresses, "c", &["2"][..]),
            (addresses, " c  c ", &["2", "2"]),
            (addresses, "c dev eth0", &["c dev eth0"]),
            (addresses, "10.0.0.1/24", &["10.0.0.1/24"]),
            (addresses, " ", &[" "]),
            (scripts, "s", &["s"]),
            (scripts, "s c", &["s", "c"]),
            (scripts, "s weight 5", &["s weight 5"]),
            (scripts, "x", &["x"]),
            (("vrrp_instance", "interface"), "c", &["c"]),
        ] {
            assert_eq!(resolved(text, reference, value).0, lines, "{value}");
        }
        let text = "config ipaddress lan_vip\no address 1\n";
        let (lines, said) = resolved(text, addresses, "lan_vpi");
        assert!(lines.is_empty(), "{lines:?}");
        let expected = "there is no ipaddress \"lan_vpi\"";
        assert!(said.contains(expected) && said.contains("did you mean \"lan_vip\"?"), "{said}");
        assert_eq!(resolved("", addresses, "cc").0, ["cc"]);
    }

    #[test]
    fn a_line_has_an_end() {
        let long = format!("config ipaddress a\no address '{}'\n", "x".repeat(LONGEST));
        assert!(resolved(&long, ("", ""), "a").1.contains("longer than 255 bytes"));
        assert_eq!(resolved(&long.replacen("xx", "x", 1), ("", ""), "a").1, "");
    }
}
