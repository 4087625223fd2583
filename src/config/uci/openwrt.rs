//! Options that OpenWrt's package has and keepalived has not, or not there.

use super::definitions::Definitions;
use super::left_out::{self, LeftOuts};
use super::syntax::{self, is_secret, quoted};
use crate::config::dialect;
use crate::config::error::{quote, Report};
use crate::config::nearest::nearest;
use crate::config::schema::{did_you_mean, keywords, truth};
use crate::config::tree::{Data, Entry, Section, Value, Word};

/// Options of `global_defs` that are not for the schema.
pub const SWITCHES: [&str; 2] = ["enabled", "alt_config_file"];

/// Whether the file is to be used. If not, nothing else in it matters.
pub fn is_in_use(sections: &[syntax::Section], report: &mut Report) -> bool {
    let mut used = true;
    for section in
        sections.iter().filter(|it| ["globals", "global_defs"].contains(&it.keyword.text.as_str()))
    {
        if let Some(value) = section.last("enabled").filter(|it| truth(&it.text) != Some(true)) {
            switched_off(section, value, report);
            used = false;
        }
        if let Some(Word { text, place }) = section.last("alt_config_file") {
            let message = format!("the configuration is in another file: {}", quote(text));
            report.error(*place, message).help(format!("start vipd -f {text} -F keepalived"));
            used = false;
        }
    }
    used
}

/// Whether a file is in the layout of OpenWrt's package of keepalived, and not in that of vipd.
pub fn is_layout(sections: &[syntax::Section]) -> bool {
    let theirs = |kind: &str| kind == "globals" || Definitions::kinds().any(|known| known == kind);
    sections.iter().any(|section| theirs(&section.keyword.text))
}

fn switched_off(section: &syntax::Section, value: &Word, report: &mut Report) {
    if truth(&value.text).is_none() {
        let message = format!("enabled must be 0 or 1, not {}", quote(&value.text));
        report.error(value.place, message);
        return;
    }
    let help = match report.file().strip_prefix("/etc/config/") {
        Some(package) => {
            let first = || format!("@{}[0]", section.keyword.text);
            let id = section.name.as_ref().map_or_else(first, |name| name.text.clone());
            format!("uci set {package}.{id}.enabled=1; uci commit {package}")
        }
        None => report.example("enabled", "1"),
    };
    report.error(value.place, "this configuration is switched off").help(help);
}

/// Makes of a section what the schema knows.
pub fn adapt(section: &mut Section, left_out: &mut LeftOuts, report: &mut Report) {
    match section.keyword.text.as_str() {
        "vrrp_script" => direction(&mut section.entries, left_out, report),
        "vrrp_instance" => {
            signatures(&mut section.entries);
            authentication(&mut section.entries, left_out, report);
        }
        _ => {}
    }
}

/// The value of an option, which is taken out.
fn take(entries: &mut Vec<Entry>, word: &str) -> Option<Word> {
    let at = entries.iter().position(|entry| entry.word.text == word)?;
    entries.remove(at).value.items().last()?.word()
}

/// Which way the weight of a check counts: it stands behind the weight.
fn direction(entries: &mut Vec<Entry>, left_out: &mut LeftOuts, report: &mut Report) {
    let Some(direction) = take(entries, "direction") else {
        return;
    };
    const DIRECTIONS: [&str; 2] = ["reverse", "noreverse"];
    if !DIRECTIONS.contains(&direction.text.as_str()) {
        let message =
            format!("direction must be reverse or noreverse, not {}", quote(&direction.text));
        let help = did_you_mean(&direction.text, DIRECTIONS.into_iter());
        report.error(direction.place, message).help(help);
        return;
    }
    let weight = entries.iter_mut().find(|entry| entry.word.text == "weight");
    match weight.map(|entry| &mut entry.value.data) {
        Some(Data::Line(words)) => words.push(direction),
        // The schema says what is wrong with it.
        Some(_) => {}
        None => {
            let reason = "without effect: there is no weight";
            let word = Word { text: "direction".into(), place: direction.place };
            let line = left_out::line("option", "direction", &direction.text);
            left_out.add(("vrrp_script", &word), reason, line, report);
        }
    }
}

/// What belongs to `auth_hmac` stands among the other options, with that before its own name.
fn signatures(entries: &mut Vec<Entry>) {
    let inner = |entry: &Entry| Some(entry.word.text.strip_prefix("auth_hmac_")?.to_owned());
    let mut table = Vec::new();
    let mut place = None;
    entries.retain_mut(|entry| {
        let Some(text) = inner(entry) else { return true };
        place.get_or_insert(entry.word.place);
        let word = Word { text, place: entry.word.place };
        table.push(Entry { word, value: entry.value.clone() });
        false
    });
    if let Some(place) = place {
        let word = Word { text: "auth_hmac".into(), place };
        entries.push(Entry { word, value: Value { data: Data::Table(table), place } });
    }
}

/// The password stands among the other options. A misspelt one must not be shown, either.
fn authentication(entries: &mut Vec<Entry>, left_out: &mut LeftOuts, report: &mut Report) {
    let all = core::mem::take(entries);
    let (table, others): (Vec<_>, _) =
        all.into_iter().partition(|entry| is_authentication(&entry.word.text));
    *entries = others;
    let place = match table.as_slice() {
        [] => return,
        // The package ignores it, so that it may have been forgotten there.
        [Entry { word, value }] if word.text == "auth_type" => {
            let reason = "has no effect without auth_pass: adverts carry no password";
            report.warning(word.place, format!("auth_type {reason}")).secret(true);
            let value = value.word().map_or(String::new(), |word| word.text);
            let line = format!("option auth_type {}", quoted(&value));
            left_out.keep(word.place, reason.into(), line);
            return;
        }
        [first, ..] => first.word.place,
    };
    let word = Word { text: "authentication".into(), place };
    entries.push(Entry { word, value: Value { data: Data::Table(table), place } });
}

fn is_authentication(word: &str) -> bool {
    const WORDS: [&str; 2] = ["auth_type", "auth_pass"];
    let known = keywords().any(|(section, known)| section == "vrrp_instance" && known == word)
        || dialect::find("vrrp_instance", word).is_some();
    !known && (nearest(word, WORDS.into_iter()).is_some() || is_secret(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use crate::config::{read_tree, Format, Reading};

    fn said(file: &str, text: &str) -> String {
        let (tree, report) = read_tree(file, text.as_bytes(), &Reading::strict(Format::Uci));
        assert_eq!(tree.is_none(), report.has_errors(), "{report}");
        report.to_string()
    }

    #[test]
    fn a_configuration_that_is_not_used_says_how_it_would_be() {
        for (file, text, help) in [
            (
                "/etc/config/keepalived",
                "config globals 'globals'\n\toption enabled '0'\n\toption misspelt '1'\n",
                "uci set keepalived.globals.enabled=1; uci commit keepalived",
            ),
            (
                "/etc/config/vipd",
                "config global_defs\n\toption enabled 'no'\n",
                "uci set vipd.@global_defs[0].enabled=1; uci commit vipd",
            ),
            ("f", "config globals\n\toption enabled '0'\n", "write option enabled '1'"),
            ("f", "config globals\n\toption enabled 'so'\n", "enabled must be 0 or 1, not \"so\""),
            (
                "f",
                "config globals\n\toption alt_config_file '/etc/ka.conf'\n",
                "start vipd -f /etc/ka.conf -F keepalived",
            ),
        ] {
            let said = said(file, text);
            assert!(said.contains(help) && said.matches("error:").count() == 1, "{said}");
        }
        assert_eq!(said("f", "config globals\n\toption enabled '1'\n"), "");
    }

    #[test]
    fn a_direction_needs_a_weight() {
        let script = |options: &str| said("f", &format!("config vrrp_script 'a'\n{options}"));
        assert_eq!(script("option weight '5'\noption direction 'noreverse'\n"), "");
        assert!(
            script("option direction 'reverse'\n").contains("without effect: there is no weight")
        );
    }

    #[test]
    fn misspelt_passwords_are_passwords() {
        for (word, expected) in [
            ("auth_type", true),
            ("auth_pass", true),
            ("auth_pas", true),
            ("uath_pass", true),
            ("password", true),
            ("auth_hmac", false),
            ("advert_int", false),
            ("preempt", false),
            ("pritority", false),
        ] {
            assert_eq!(super::is_authentication(word), expected, "{word}");
        }
    }
}
