//! What the file says and vipd does not have: told once for each word, and kept for people.

use super::syntax::{is_secret, quoted};
use crate::config::dialect::{find_known, Form, Row, Support};
use crate::config::error::{Place, Report};
use crate::config::tree::{LeftOut, Word};
use std::collections::BTreeSet;

/// What OpenWrt's package has beside the words of keepalived, and why it is left out.
const OTHERS: &[(&str, &str, &str)] = &[
    ("", "real_server", "vipd balances no load"),
    ("", "url", "vipd balances no load"),
    ("peer", "sync", COPYING),
    ("peer", "sync_mode", COPYING),
    ("peer", "sync_dir", COPYING),
    ("peer", "last_sync_time", COPYING),
    ("peer", "last_sync_status", COPYING),
];
const COPYING: &str = "vipd copies no files";

/// What has been left out so far.
#[derive(Default)]
pub struct LeftOuts {
    /// In the order it was found.
    pub all: Vec<LeftOut>,
    told: BTreeSet<(String, String)>,
}

impl LeftOuts {
    /// Leaves a line out. The first one with this word in this kind of section is told of.
    pub fn add(
        &mut self,
        (section, word): (&str, &Word),
        reason: &str,
        text: String,
        report: &mut Report,
    ) {
        let secret = is_secret(text.as_bytes());
        if self.told.insert((section.into(), word.text.clone())) {
            report.warning(word.place, format!("{} is {reason}", word.text)).secret(secret);
        }
        self.keep(word.place, reason.into(), text);
    }

    /// Leaves a line out that has been told of.
    pub fn keep(&mut self, place: Place, reason: String, text: String) {
        self.all.push(LeftOut { text, reason, place });
    }
}

/// Why a word is to be left out of a section, behind the word; `None` if it is not to be. For a
/// section it is a word of the section "".
pub fn reason(section: &str, word: &str) -> Option<String> {
    if let Some((.., note)) = OTHERS.iter().find(|(at, it, _)| (*at, *it) == (section, word)) {
        return Some(format!("ignored: {note}"));
    }
    match row(section, word)? {
        Row { support: Support::Later, note, .. } => Some(format!("not supported yet: {note}")),
        Row { support: Support::Ignored, note, .. } => Some(format!("ignored: {note}")),
        _ => None,
    }
}

/// The word that has taken the place of an old one.
pub fn renamed(section: &str, word: &str) -> Option<&'static str> {
    row(section, word).filter(|row| row.support == Support::Renamed).map(|row| row.note)
}

/// What keepalived has by that word. What stands outside of its sections is in `global_defs` here.
fn row(section: &str, word: &str) -> Option<Row> {
    let outermost = || find_known("", word).filter(|row| row.form == Form::Line);
    find_known(section, word).or_else(|| outermost().filter(|_| section == "global_defs"))
}

/// `option WORD 'VALUE'`, without passwords.
pub fn line(command: &str, word: &str, value: &str) -> String {
    let value = if is_secret(word.as_bytes()) { "..." } else { value };
    format!("{command} {word} {}", quoted(value))
}

/// `config TYPE 'NAME'`
pub fn section(keyword: &str, name: &str) -> String {
    let name = if name.is_empty() { String::new() } else { format!(" {}", quoted(name)) };
    format!("config {keyword}{name}")
}
