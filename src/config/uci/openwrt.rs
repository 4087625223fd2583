//! Options that OpenWrt's package has and keepalived has not, or not there.

use super::left_out::{self, LeftOuts};
use super::syntax::{is_secret, quoted};
use super::truth;
use crate::config::dialect;
use crate::config::error::{quote, Report};
use crate::config::nearest::nearest;
use crate::config::schema::{did_you_mean, keywords};
use crate::config::tree::{Data, Entry, Section, Value, Word};

/// Makes of a section what the schema knows. `id` is its name for `uci(1)`.
pub fn adapt(section: &mut Section, id: &str, left_out: &mut LeftOuts, report: &mut Report) {
    match section.keyword.text.as_str() {
        "global_defs" => {
            enabled(&mut section.entries, id, report);
            alt_config_file(&mut section.entries, report);
        }
        "vrrp_script" => direction(&mut section.entries, left_out, report),
        "vrrp_instance" => authentication(&mut section.entries, left_out, report),
        _ => {}
    }
}

/// The value of an option, which is taken out.
fn take(entries: &mut Vec<Entry>, word: &str) -> Option<Word> {
    let at = entries.iter().position(|entry| entry.word.text == word)?;
    entries.remove(at).value.items().last()?.word()
}

fn enabled(entries: &mut Vec<Entry>, id: &str, report: &mut Report) {
    let Some(value) = take(entries, "enabled") else {
        return;
    };
    match truth(&value.text) {
        Some(true) => {}
        Some(false) => {
            let help = match report.file().strip_prefix("/etc/config/") {
                Some(package) => {
                    format!("switch it on: uci set {package}.{id}.enabled=1; uci commit {package}")
                }
                None => "write option enabled '1'".into(),
            };
            report.error(value.place, "this configuration is switched off").help(help);
        }
        None => {
            let message = format!("enabled must be 0 or 1, not {}", quote(&value.text));
            report.error(value.place, message);
        }
    }
}

fn alt_config_file(entries: &mut Vec<Entry>, report: &mut Report) {
    if let Some(Word { text, place }) = take(entries, "alt_config_file") {
        let message = format!("the configuration is in another file: {}", quote(&text));
        let help = format!("start with vipd -f {text} -F keepalived");
        report.error(place, message).help(help);
    }
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
            let reason = "has no effect without weight";
            let word = Word { text: "direction".into(), place: direction.place };
            let line = left_out::line("option", "direction", &direction.text);
            left_out.add(("vrrp_script", &word), reason, line, report);
        }
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
            report.warning(word.place, format!("auth_type {reason}"));
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
