//! [`Tree`] to [`Config`]: every keyword, what it takes, what it is by default, and what fits
//! together.

mod accept;
mod address;
mod address_part;
mod advice;
mod command;
mod compare;
mod election;
mod family;
mod fixed;
pub(super) mod hmac;
mod implicit;
mod instance;
mod interface_delays;
mod notify;
mod probe;
mod route;
mod rule;
mod script;
mod settings;
mod strict;
mod sync_group;
pub(super) mod table;
mod track;
mod track_file;
mod track_process;
mod tracked;
mod transport;
pub(super) mod value;
pub(super) mod versions;
mod vmac;
pub(super) mod words;

use super::dialect::refusal;
use super::error::{quote, Place, Report};
use super::tree::{Section, Tree, Word};
use super::{Config, Format, GlobalDefs};
use crate::vrrp::bounds;
use advice::Notes;
use settings::Settings;
use std::collections::BTreeMap;
pub use table::most_words;
use table::{GLOBAL_DEFS, SECTIONS, TABLES};
use tracked::Found;
pub(super) use value::did_you_mean;
pub use value::{time, truth};
pub use words::words_of;

/// Every keyword, with the section or table it belongs to, in the order of the manual.
pub fn keywords() -> impl Iterator<Item = (&'static str, &'static str)> {
    let words = |s: &'static table::Section| s.keys.iter().map(move |key| (s.word, key.word));
    SECTIONS.iter().chain(TABLES).flat_map(words)
}

/// Every section, as the keyword of the section "".
pub fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    SECTIONS.iter().map(|section| ("", section.word))
}

/// Whether a name follows the keyword of a section. `None` if there is no such section.
#[must_use]
pub fn has_name(keyword: &str) -> Option<bool> {
    SECTIONS.iter().find(|section| section.word == keyword).map(|section| section.named)
}

/// Makes the configuration. Reports all that is wrong; then the configuration holds what could be
/// read all the same, and is not to be used.
#[must_use]
pub fn build(tree: &Tree, report: &mut Report) -> Config {
    unknown_sections(tree, report);
    stray_words(tree, report);
    let globals = read_globals(tree, report);
    transport::check_groups(&globals, report);
    let mut notes = Notes::default();
    let found = Found::read(tree, &mut notes, report);
    let instances = named(tree, "vrrp_instance", bounds::INSTANCES, report);
    let sensors = found.sensors();
    let mut vrrp_instance: Vec<_> = instances
        .iter()
        .map(|(name, section)| {
            instance::read(name, section, &globals, &sensors, &mut notes, report)
        })
        .collect();
    vmac::name(&globals, &mut vrrp_instance, report);
    if instances.is_empty() && !report.has_errors() {
        let message = "there is no vrrp_instance: vipd would have nothing to do";
        // A file of keepalived's may well be about load balancing alone.
        match report.format() {
            Format::Keepalived => report.warning(Place::default(), message),
            Format::Toml | Format::Uci => report.error(Place::default(), message),
        };
    }
    // Those that could be read are compared even if others could not.
    let readable: Vec<_> = vrrp_instance.iter().flatten().collect();
    compare::routers(&readable, &notes.routers, report);
    compare::addresses(&readable, report);
    let (static_ipaddress, static_routes, static_rules) = fixed::read(tree, report);
    let interface_up_down_delays = interface_delays::read(tree, &readable, report);
    let mut vrrp_instance: Vec<_> = vrrp_instance.into_iter().flatten().collect();
    let vrrp_sync_group = sync_group::read(tree, &globals, &sensors, &mut vrrp_instance, report);
    notify::settle(&globals, &mut vrrp_instance, report);
    let config = Config {
        static_ipaddress,
        static_routes,
        static_rules,
        global_defs: global_defs(&globals, report),
        vrrp_script: found.scripts.readable(),
        vrrp_instance,
        vrrp_sync_group,
        track_file: found.files.readable(),
        track_process: found.processes.readable(),
        track_route: found.routes.readable(),
        track_tcp: found.tcp.readable(),
        track_ping: found.ping.readable(),
        interface_up_down_delays,
    };
    if !report.has_errors() {
        advice::give(&config, &notes, report);
    }
    config
}

fn unknown_sections(tree: &Tree, report: &mut Report) {
    let mut last = "";
    for section in &tree.sections {
        let Word { text, place } = &section.keyword;
        let told = core::mem::replace(&mut last, text) == text;
        if has_name(text).is_some() || told {
            continue;
        }
        if let Some((message, help)) = refusal("", text) {
            report.error(*place, message).help(help);
        } else {
            let help = did_you_mean(text, SECTIONS.iter().map(|section| section.word));
            report.error(*place, format!("unknown section {}", quote(text))).help(help);
        }
    }
}

/// Words before the first section.
fn stray_words(tree: &Tree, report: &mut Report) {
    for Word { text, place } in tree.stray.iter().map(|entry| &entry.word) {
        let home = keywords().find(|(_, word)| word == text).map(|(section, _)| section);
        let example = report.example_section(text, has_name(text) == Some(true));
        match (has_name(text), home) {
            (Some(true), _) => {
                report.error(*place, format!("{text} is a section with a name")).help(example)
            }
            (Some(false), _) => report.error(*place, format!("{text} is a section")).help(example),
            (None, Some(section)) => report
                .error(*place, format!("{text} stands outside of any section"))
                .help(format!("it belongs into a {section}")),
            (None, None) => {
                let help = did_you_mean(text, keywords().chain(sections()).map(|(_, word)| word));
                report
                    .error(*place, format!("unknown word {} outside of any section", quote(text)))
                    .help(help)
            }
        };
    }
}

/// The sections of a kind, with their names: those whose name can be one, and is not taken.
fn named<'a>(
    tree: &'a Tree,
    keyword: &str,
    most: usize,
    report: &mut Report,
) -> Vec<(&'a Word, &'a Section)> {
    let mut sections: Vec<(&Word, &Section)> = Vec::new();
    let mut taken = BTreeMap::new();
    for section in tree.sections.iter().filter(|section| section.keyword.text == keyword) {
        let Some(name) = &section.name else {
            let help = report.example_section(keyword, true);
            report.error(section.keyword.place, format!("a {keyword} needs a name")).help(help);
            continue;
        };
        if !is_name(&name.text) {
            let message = format!("{} cannot be the name of a {keyword}", quote(&name.text));
            let help = format!(
                "1 to {} bytes, no quotes, no white space but blanks between words",
                bounds::NAME
            );
            report.error(name.place, message).help(help);
        } else if taken.insert(name.text.as_str(), ()).is_some() {
            report.error(name.place, format!("{keyword} {} is there twice", name.text));
        } else if sections.len() == most {
            report.error(name.place, format!("more than {most} sections {keyword}"));
            break;
        } else {
            sections.push((name, section));
        }
    }
    sections
}

/// Names stand in messages, in the arguments of scripts and in their environment. One that begins or
/// ends with a blank would not be recognized there.
fn is_name(name: &str) -> bool {
    (1..=bounds::NAME).contains(&name.len())
        && name.trim() == name
        && !name.contains(|char: char| match char {
            ' ' => false,
            '"' | '\'' | '`' => true,
            char => char.is_whitespace() || char.is_control(),
        })
}

fn read_globals<'a>(tree: &'a Tree, report: &mut Report) -> Settings<'a> {
    let mut sections = tree.sections.iter().filter(|s| s.keyword.text == "global_defs");
    let first = sections.next();
    let place = first.map(|section| section.keyword.place).unwrap_or_default();
    let entries = first.map(|section| section.entries.as_slice()).unwrap_or_default();
    for section in sections {
        report.error(section.keyword.place, "global_defs is there twice");
    }
    Settings::read("global_defs", GLOBAL_DEFS, ("global_defs".into(), place), entries, report)
}

fn global_defs(globals: &Settings<'_>, report: &mut Report) -> GlobalDefs {
    if globals.flag("enable_script_security") == Some(false) {
        let message = "enable_script_security is always on: a script that runs as root and that \
                       others could change is refused";
        report.warning(globals.place_of("enable_script_security"), message);
    }
    GlobalDefs {
        router_id: globals.text("router_id"),
        script_user: globals.user("script_user"),
        socket_group: globals.text("socket_group"),
        socket_group_place: globals.place_of("socket_group"),
        no_accept_failure: accept::failure(globals),
        vrrp_startup_delay: globals.time("vrrp_startup_delay").unwrap_or_default(),
        vrrp_delay_after_boot: globals.time("vrrp_delay_after_boot").unwrap_or_default(),
        notify_fifo: notify::fifos(globals, report),
        fifo_write_vrrp_states_on_reload: globals
            .flag("fifo_write_vrrp_states_on_reload")
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Data, Entry, Value};
    use super::*;

    fn line(word: &str, words: &[&str]) -> Entry {
        let to_word = |text: &str| Word { text: text.into(), place: Place::default() };
        let data = Data::Line(words.iter().map(|text| to_word(text)).collect());
        Entry { word: to_word(word), value: Value { data, place: Place::default() } }
    }

    fn list(word: &str, lines: &[&[&str]]) -> Entry {
        let items = lines.iter().map(|words| line("", words).value).collect();
        let mut entry = line(word, &[]);
        entry.value.data = Data::List(items);
        entry
    }

    fn section(keyword: &str, name: &str, entries: Vec<Entry>) -> Section {
        let to_word = |text: &str| Word { text: text.into(), place: Place::default() };
        let name = (!name.is_empty()).then(|| to_word(name));
        Section { keyword: to_word(keyword), name, entries }
    }

    fn seed() -> Tree {
        let script = vec![
            line("script", &["killall -0 haproxy"]),
            line("interval", &["2"]),
            line("timeout", &["2"]),
            line("fall", &["2"]),
            line("rise", &["2"]),
            line("weight", &["20", "reverse"]),
            line("init_fail", &[]),
            line("user", &["nobody", "nogroup"]),
        ];
        let instance = vec![
            line("state", &["MASTER"]),
            line("interface", &["eth0"]),
            line("virtual_router_id", &["5"]),
            line("priority", &["100"]),
            line("advert_int", &["1"]),
            line("nopreempt", &[]),
            list("virtual_ipaddress", &[&["192.168.1.100/32", "dev", "eth0"], &["10.0.0.1"]]),
            list("track_script", &[&["chk_haproxy", "weight", "-5"]]),
            line("notify", &["/usr/local/bin/notify-haproxy.sh"]),
        ];
        let sections = vec![
            section("global_defs", "", vec![line("enable_script_security", &[])]),
            section("vrrp_script", "chk_haproxy", script),
            section("vrrp_instance", "api_vip", instance),
        ];
        Tree { sections, ..Tree::default() }
    }

    #[test]
    fn untyped_words_make_the_same_configuration() {
        let mut report = Report::new("f", "");
        let config = build(&seed(), &mut report);
        assert_eq!(report.error_count(), 0, "{report}");
        let script = &config.vrrp_script[0];
        assert_eq!((script.rise, script.fall, script.init_fail), (2, 2, true));
        assert_eq!((script.weight.value(), script.weight.reverse()), (20, true));
        assert_eq!(script.user.as_ref().unwrap().group.as_deref(), Some("nogroup"));
        let instance = &config.vrrp_instance[0];
        assert!(instance.nopreempt);
        assert_eq!(instance.virtual_ipaddress[0].dev.as_deref(), Some("eth0"));
        assert_eq!(instance.virtual_ipaddress.len(), 2);
        assert_eq!(instance.track_script[0].weight.value(), -5);
    }

    /// A name in quotes is one word of a line, whatever is in it.
    #[test]
    fn untyped_names_with_blanks_are_tracked() {
        let mut tree = seed();
        tree.sections[1] = section("vrrp_script", "web server", vec![line("script", &["true"])]);
        for (words, weight) in [
            (&["web server"][..], 0),
            (&["web server", "weight", "-5"], -5),
            (&["web server", "weight", "5", "reverse"], 5),
        ] {
            tree.sections[2].entries[7] = list("track_script", &[words]);
            let mut report = Report::new("f", "");
            let config = build(&tree, &mut report);
            assert_eq!(report.error_count(), 0, "{report}");
            assert_eq!(config.vrrp_instance[0].track_script[0].weight.value(), weight);
        }
    }

    /// As keepalived does it: `reverse` of the script holds where the entry does not say otherwise.
    #[test]
    fn a_weight_says_what_it_changes() {
        for (words, value, reverse) in [
            (&["chk_haproxy"][..], 20, true),
            (&["chk_haproxy", "weight", "-5"], -5, true),
            (&["chk_haproxy", "weight", "5", "noreverse"], 5, false),
            (&["chk_haproxy", "weight", "5", "reverse"], 5, true),
        ] {
            let mut tree = seed();
            tree.sections[2].entries[7] = list("track_script", &[words]);
            let weight =
                build(&tree, &mut Report::new("f", "")).vrrp_instance[0].track_script[0].weight;
            assert_eq!((weight.value(), weight.reverse()), (value, reverse), "{words:?}");
        }
    }

    #[test]
    fn a_section_and_a_word_are_there_once() {
        let mut tree = seed();
        tree.sections[1].entries.push(line("rise", &["3"]));
        let again = tree.sections.clone();
        tree.sections.extend(again);
        let mut report = Report::new("f", "");
        let _ = build(&tree, &mut report);
        let text = report.to_string();
        for expected in [
            "error: rise is there twice in vrrp_script chk_haproxy",
            "error: global_defs is there twice",
            "error: vrrp_script chk_haproxy is there twice",
            "error: vrrp_instance api_vip is there twice",
        ] {
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn names() {
        for name in ["a", "api-vip.1", "VI_1", "a b", "a  b c", "漢字", "a/b", "a;b", "a=(b)|$c"]
        {
            assert!(is_name(name), "{name}");
        }
        for name in
            ["", " ", " a", "a ", "a\tb", "a\nb", "a\u{a0}b", "a\u{1b}b", "a\"b", "a'b", "a`b"]
        {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_name(&"x".repeat(64)) && !is_name(&"x".repeat(65)));
    }

    #[test]
    fn keywords_are_listed_once() {
        let mut all: Vec<_> = keywords().collect();
        assert!(all.contains(&("vrrp_script", "interval")) && all.len() > 50);
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
