//! The entries of a section, checked against its table.

use super::command;
use super::table::{Key, Kind};
use super::value::{self, did_you_mean, expected, expected_bare, Mismatch, Setting};
use super::versions::Versions;
use crate::config::dialect::refusal;
use crate::config::error::{quote, Place, Problem, Report};
use crate::config::tree::{Data, Entry, Value, Word};
use crate::config::{Command, Format, ScriptUser};
use core::time::Duration;

/// A section with its table.
pub struct Settings<'a> {
    /// What to call it in a message: `vrrp_script chk_haproxy`.
    pub label: String,
    /// Where it begins.
    pub place: Place,
    table: &'static [Key],
    /// One for each key of the table.
    found: Vec<Option<Found<'a>>>,
    /// What `global_defs` says.
    globals: Option<&'a Settings<'a>>,
    /// It holds a password.
    secret: bool,
}

struct Found<'a> {
    value: &'a Value,
    setting: Setting,
}

impl<'a> Settings<'a> {
    /// Reads the entries of a section of the kind `section`, and complains of each that is unknown,
    /// there twice, or not what its keyword takes.
    pub fn read(
        section: &str,
        table: &'static [Key],
        (label, place): (String, Place),
        entries: &'a [Entry],
        report: &mut Report,
    ) -> Self {
        let found = table.iter().map(|_| None).collect();
        let secret = matches!(section, "authentication" | "auth_hmac");
        let mut settings = Self { label, place, table, found, globals: None, secret };
        for entry in entries {
            settings.entry(section, entry, report);
        }
        settings
    }

    /// Takes the defaults that `global_defs` changes from there.
    pub fn with_globals(mut self, globals: &'a Settings<'a>) -> Self {
        self.globals = Some(globals);
        self
    }

    fn entry(&mut self, section: &str, Entry { word, value }: &'a Entry, report: &mut Report) {
        let Some(index) = self.index(&word.text) else {
            self.unknown(section, word, report);
            return;
        };
        let Some(key) = self.table.get(index) else {
            return;
        };
        if self.has(key.word) {
            let message = format!("{} is there twice in {}", word.text, self.label);
            report.error(word.place, message).secret(self.secret);
            return;
        }
        let setting = match (key.kind, &value.data) {
            (Kind::Command, Data::Table(entries)) => {
                let label = format!("{} of {}", key.word, self.label);
                command::table(label, value.place, entries, report)
                    .map_or(Setting::Invalid, Setting::Command)
            }
            _ => value::read(key.kind, value).unwrap_or_else(|mismatch| {
                self.mismatch(key, value.place, mismatch, report);
                Setting::Invalid
            }),
        };
        command::not_used(key, value, report);
        let setting = match setting {
            Setting::Invalid => Setting::Invalid,
            _ if report.is_lossy() && key.word != "router_id" && is_broken(value) => {
                let message = format!("{} has a character in it that is not UTF-8", key.word);
                report
                    .error(value.place, message)
                    .help("save the file as UTF-8")
                    .secret(self.secret);
                Setting::Invalid
            }
            setting => setting,
        };
        if let Some(slot) = self.found.get_mut(index) {
            *slot = Some(Found { value, setting });
        }
    }

    fn unknown(&self, section: &str, word: &Word, report: &mut Report) {
        if let Some((message, help)) = refusal(section, &word.text) {
            report.error(word.place, message).help(help).secret(self.secret);
            return;
        }
        let message = format!("unknown word {} in {}", quote(&word.text), self.label);
        let words = self.table.iter().map(|key| key.word);
        let help = did_you_mean(&word.text, words);
        report.error(word.place, message).help(help).secret(self.secret);
    }

    fn mismatch(&self, key: &Key, place: Place, mismatch: Mismatch, report: &mut Report) {
        let expected = match report.format() {
            Format::Keepalived => expected_bare(key.kind),
            Format::Toml | Format::Uci => expected(key.kind),
        };
        let bare = report.format() == Format::Keepalived;
        let message = match mismatch.found.as_str() {
            "nothing" if bare => format!("{} has no value: it must be {expected}", key.word),
            found => format!("{} must be {expected}, not {found}", key.word),
        };
        report.error(place, message).help(mismatch.help).secret(self.secret);
    }

    fn index(&self, word: &str) -> Option<usize> {
        self.table.iter().position(|key| key.word == word)
    }

    fn found(&self, word: &str) -> Option<&Found<'a>> {
        self.found.get(self.index(word)?)?.as_ref()
    }

    /// Whether the keyword is there, with whatever value.
    pub fn has(&self, word: &str) -> bool {
        self.found(word).is_some()
    }

    /// The value as it is in the file.
    pub fn value(&self, word: &str) -> Option<&'a Value> {
        Some(self.found(word)?.value)
    }

    /// Where the value is; where the section begins, if the keyword is not there.
    pub fn place_of(&self, word: &str) -> Place {
        self.found(word).map_or(self.place, |found| found.value.place)
    }

    /// Complains of the value of a keyword, or of its absence.
    pub fn error<'r>(
        &self,
        word: &str,
        message: String,
        report: &'r mut Report,
    ) -> &'r mut Problem {
        report.error(self.place_of(word), message).secret(self.secret)
    }

    /// Complains if a keyword is not there. Returns its value if it is.
    pub fn need(&self, word: &str, help: &str, report: &mut Report) -> Option<&'a Value> {
        let value = self.value(word);
        if value.is_none() {
            let message = format!("{} has no {word}", self.label);
            report.error(self.place, message).help(help).secret(self.secret);
        }
        value
    }

    /// The setting here, else in `global_defs`, else the default.
    fn setting(&self, word: &str) -> Option<Setting> {
        let key = self.table.get(self.index(word)?)?;
        match self.found(word) {
            Some(Found { setting: Setting::Invalid, .. }) | None => {}
            Some(found) => return Some(found.setting.clone()),
        }
        match self.globals {
            Some(globals) if globals.has(key.global) => globals.setting(key.global),
            _ => default(key),
        }
    }

    /// The value of a [`Kind::Special`] here, else that of a keyword of `global_defs`.
    pub fn special(&self, word: &str, global: &str) -> Option<&'a Value> {
        self.value(word).or_else(|| self.globals?.value(global))
    }

    /// The setting of a [`Kind::Flag`].
    pub fn flag(&self, word: &str) -> Option<bool> {
        match self.setting(word)? {
            Setting::Flag(truth) => Some(truth),
            _ => None,
        }
    }

    /// The setting of a [`Kind::Text`] or [`Kind::Interface`].
    pub fn text(&self, word: &str) -> Option<String> {
        match self.setting(word)? {
            Setting::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The setting of a [`Kind::Integer`].
    pub fn integer(&self, word: &str) -> Option<i64> {
        match self.setting(word)? {
            Setting::Integer(number) => Some(number),
            _ => None,
        }
    }

    /// The setting of a [`Kind::Integer`] of at most 255.
    pub fn octet(&self, word: &str) -> Option<u8> {
        u8::try_from(self.integer(word)?).ok()
    }

    /// The setting of a [`Kind::Time`].
    pub fn time(&self, word: &str) -> Option<Duration> {
        match self.setting(word)? {
            Setting::Time(time) => Some(time),
            _ => None,
        }
    }

    /// The setting of a [`Kind::Version`].
    pub fn version(&self, word: &str) -> Option<Versions> {
        match self.setting(word)? {
            Setting::Version(versions) => Some(versions),
            _ => None,
        }
    }

    /// The setting of a [`Kind::Choice`]: its index.
    pub fn choice(&self, word: &str) -> Option<usize> {
        match self.setting(word)? {
            Setting::Choice(index) => Some(index),
            _ => None,
        }
    }

    /// The setting of a [`Kind::Weight`].
    pub fn weight(&self, word: &str) -> Option<crate::vrrp::tracker::Weight> {
        match self.setting(word)? {
            Setting::Weight(weight) => Some(weight),
            _ => None,
        }
    }

    /// The setting of a [`Kind::Command`] or [`Kind::Script`].
    pub fn command(&self, word: &str) -> Option<Command> {
        match self.setting(word)? {
            Setting::Command(command) => Some(command),
            _ => None,
        }
    }

    /// The setting of a [`Kind::User`].
    pub fn user(&self, word: &str) -> Option<ScriptUser> {
        match self.setting(word)? {
            Setting::User(user, group) => {
                Some(ScriptUser { user, group, place: self.place_of(word) })
            }
            _ => None,
        }
    }
}

/// Whether a word of a value is not what the file says.
fn is_broken(value: &Value) -> bool {
    let broken = |word: &Word| word.text.contains(char::REPLACEMENT_CHARACTER);
    match &value.data {
        Data::Line(words) => words.iter().any(broken),
        Data::List(items) => items.iter().filter_map(Value::word).any(|word| broken(&word)),
        Data::Text(text) => text.contains(char::REPLACEMENT_CHARACTER),
        _ => false,
    }
}

/// What the table has for a keyword that is not there.
fn default(key: &Key) -> Option<Setting> {
    let place = Place::default();
    let word = Word { text: key.default.into(), place };
    match (key.kind, key.default) {
        (_, "") => None,
        (kind, _) => value::read(kind, &Value { data: Data::Line(vec![word]), place }).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{SECTIONS, TABLES, VRRP_INSTANCE};
    use super::*;

    #[test]
    fn every_default_is_what_its_keyword_takes() {
        for key in SECTIONS.iter().chain(TABLES).flat_map(|section| section.keys) {
            assert_eq!(default(key).is_some(), !key.default.is_empty(), "{}", key.word);
        }
    }

    #[test]
    fn every_keyword_of_global_defs_that_an_instance_names_is_there_and_alike() {
        let globals = SECTIONS[0].keys;
        for key in VRRP_INSTANCE.iter().filter(|key| !key.global.is_empty()) {
            let global = globals.iter().find(|global| global.word == key.global).unwrap();
            assert_eq!(expected(global.kind), expected(key.kind), "{}", key.word);
        }
    }
}
