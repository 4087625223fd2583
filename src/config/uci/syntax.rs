//! Statements, and the sections that they make: the grammar of libuci's strict mode.

use super::lexer::{Lexer, Unclosed};
use crate::config::error::{quote, Place, Report};
use crate::config::nearest::nearest;
use crate::config::schema::{has_name, keywords};
use crate::config::tree::{Comment, Word};
use std::collections::BTreeMap;

/// A file.
pub struct File {
    /// In the order of the file.
    pub sections: Vec<Section>,
    /// In the order of the file.
    pub comments: Vec<Comment>,
}

/// `config TYPE ['NAME']`
pub struct Section {
    /// The type.
    pub keyword: Word,
    /// The name, if it has one.
    pub name: Option<Word>,
    /// In the order of the file.
    pub settings: Vec<Setting>,
}

/// All that is said of one keyword in a section.
pub struct Setting {
    /// The keyword.
    pub word: Word,
    /// The value of an option, or the items of a list. Never empty, and no value is.
    pub values: Vec<Word>,
    /// `list`, not `option`.
    pub list: bool,
}

impl Section {
    /// The value of an option, or the last one of a list.
    pub fn last(&self, word: &str) -> Option<&Word> {
        self.settings.iter().find(|setting| setting.word.text == word)?.values.last()
    }

    /// What to call it in a message.
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => format!("{} {}", self.keyword.text, name.text),
            None => format!("this {}", self.keyword.text),
        }
    }
}

/// Whether a text has to do with passwords, so that it is not to be shown.
pub fn is_secret(text: &[u8]) -> bool {
    let any = |word: &[u8]| text.windows(word.len()).any(|part| part == word);
    any(b"auth") || any(b"pass")
}

/// Reads the statements. Returns nothing, and the report tells why, if one of them is wrong.
pub fn read(text: &str, report: &mut Report) -> Option<File> {
    let mut first = report.fresh();
    let (file, doubtful) = Parser::new(text, false, &mut first).file();
    let (file, found) = if first.has_errors() && doubtful {
        // A quote is missing somewhere, and what followed it was taken for a value.
        let mut second = report.fresh();
        let (file, _) = Parser::new(text, true, &mut second).file();
        (file, second)
    } else {
        (file, first)
    };
    let wrong = found.has_errors();
    report.append(found);
    (!wrong).then_some(file)
}

struct Parser<'t, 'r> {
    text: &'t str,
    lexer: Lexer<'t>,
    report: &'r mut Report,
    sections: Vec<Section>,
    /// The sections with a name.
    by_name: BTreeMap<String, usize>,
    /// Where the settings of a section are.
    by_word: BTreeMap<(usize, String), usize>,
    /// The section that options go to.
    current: Option<usize>,
    /// Options outside of any section have been complained of.
    told_outside: bool,
    /// Where the statement begins.
    start: usize,
}

impl<'t, 'r> Parser<'t, 'r> {
    fn new(text: &'t str, wary: bool, report: &'r mut Report) -> Self {
        Self {
            text,
            lexer: Lexer::new(text, wary),
            report,
            sections: Vec::new(),
            by_name: BTreeMap::new(),
            by_word: BTreeMap::new(),
            current: None,
            told_outside: false,
            start: 0,
        }
    }

    /// The file, and whether a quote may be missing.
    fn file(mut self) -> (File, bool) {
        let mut begin = 0;
        while let Some(command) = self.lexer.command() {
            let before = core::mem::replace(&mut begin, command.place.start());
            self.start = begin;
            match command.text.as_str() {
                "config" | "c" => self.config(),
                "option" | "o" => self.setting(false),
                "list" | "l" => self.setting(true),
                "package" | "p" => self.package(),
                _ => self.unknown(&command, before),
            }
        }
        let doubtful = self.lexer.is_doubtful();
        for section in &mut self.sections {
            section.settings.retain(|setting| !setting.values.is_empty());
        }
        (File { sections: self.sections, comments: self.lexer.into_comments() }, doubtful)
    }

    fn config(&mut self) {
        let help = "write config vrrp_instance 'NAME'";
        let Some(words) = self.arguments(2, "behind config stand a type and perhaps a name") else {
            return self.open_unknown();
        };
        let mut words = words.into_iter();
        let (keyword, name) = (words.next(), words.next().filter(|name| !name.text.is_empty()));
        let Some(keyword) = keyword.filter(|keyword| !keyword.text.is_empty()) else {
            self.error(self.here(), "the type of the section is missing", help);
            return self.open_unknown();
        };
        if !keyword.text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!("{} cannot be the type of a section", self.shown(&keyword));
            self.error(keyword.place, message, help);
        }
        let Some(name) = name else {
            return self.open(Section { keyword, name: None, settings: Vec::new() });
        };
        if !is_identifier(&name.text) {
            let message = format!("{} cannot be the name of a section", self.shown(&name));
            let help = format!(
                "only letters, digits and _; write config {} and below it option name {}",
                keyword.text,
                quoted(&name.text)
            );
            self.error(name.place, message, &help);
        }
        match self.by_name.get(&name.text).copied() {
            None => {
                self.by_name.insert(name.text.clone(), self.sections.len());
                self.open(Section { keyword, name: Some(name), settings: Vec::new() });
            }
            Some(index) => self.reopen(index, &keyword, &name),
        }
    }

    /// What follows belongs to a section that cannot be read.
    fn open_unknown(&mut self) {
        let keyword = Word { text: String::new(), place: self.here() };
        self.open(Section { keyword, name: None, settings: Vec::new() });
    }

    fn open(&mut self, section: Section) {
        self.current = Some(self.sections.len());
        self.sections.push(section);
    }

    /// A name that is there already is the same section.
    fn reopen(&mut self, index: usize, keyword: &Word, name: &Word) {
        self.current = Some(index);
        let Some(section) = self.sections.get(index) else {
            return;
        };
        if section.keyword.text == keyword.text {
            let message = format!("{} is there twice: both are read as one", section.label());
            self.warning(name.place, message, "");
        } else {
            let message = format!("{} is the name of a {}", name.text, section.keyword.text);
            let help = "names in UCI are for sections of all types; write option name instead";
            self.error(name.place, message, help);
        }
    }

    fn setting(&mut self, list: bool) {
        let command = if list { "list" } else { "option" };
        let help = format!("write {command} NAME 'VALUE'");
        let Some(words) = self.arguments(2, "put quotes around a value of several words") else {
            return;
        };
        let mut words = words.into_iter();
        let Some(word) = words.next().filter(|word| !word.text.is_empty()) else {
            let message = format!("the name of the {command} is missing");
            self.error(self.here(), message, &help);
            return;
        };
        if !is_identifier(&word.text) {
            let message = format!("{} cannot be the name of an option", self.shown(&word));
            self.error(word.place, message, "only letters, digits and _");
            return;
        }
        let Some(section) = self.current else {
            if !core::mem::replace(&mut self.told_outside, true) {
                let message = format!("{} stands outside of any section", word.text);
                self.error(word.place, message, "write config vrrp_instance 'NAME' before it");
            }
            return;
        };
        match words.next() {
            Some(value) if !value.text.is_empty() => self.assign(section, word, value, list),
            // For libuci the line is not there.
            value => {
                let message = format!("{} has no value: the line is not used", word.text);
                let help = match value {
                    Some(_) => String::new(),
                    None => format!("write {command} {} '1' for a yes", word.text),
                };
                self.warning(word.place, message, &help);
            }
        }
    }

    /// An option takes the place of what was there, an item of a list is added to it.
    fn assign(&mut self, index: usize, word: Word, value: Word, list: bool) {
        let Some(section) = self.sections.get_mut(index) else {
            return;
        };
        let key = (index, word.text.clone());
        let Some(setting) = self.by_word.get(&key).and_then(|at| section.settings.get_mut(*at))
        else {
            self.by_word.insert(key, section.settings.len());
            section.settings.push(Setting { word, values: vec![value], list });
            return;
        };
        let (place, text) = (word.place, word.text.clone());
        let before = core::mem::replace(&mut setting.list, list);
        let there = !setting.values.is_empty();
        if !list {
            setting.values.clear();
            setting.word = word;
        }
        setting.values.push(value);
        let message = match (before, list) {
            _ if !there => return,
            (true, true) => return,
            (false, false) => "is there twice: the last one counts",
            (true, false) => "is a list and an option: the option takes the place of the list",
            (false, true) => "is an option and a list: both make one list",
        };
        let message = format!("{text} {message}");
        self.warning(place, message, "");
    }

    /// Says which package the file is for. There is only one.
    fn package(&mut self) {
        let Some(words) = self.arguments(1, "behind package stands its name alone") else {
            return;
        };
        let is_name = |name: &str| is_identifier(&name.replace('-', "_"));
        match words.first() {
            None => self.error(self.here(), "the name of the package is missing", ""),
            Some(name) if !is_name(&name.text) => {
                let message = format!("{} cannot be the name of a package", self.shown(name));
                self.error(name.place, message, "only letters, digits, - and _");
            }
            Some(_) => {}
        }
    }

    fn unknown(&mut self, command: &Word, before: usize) {
        // It may be what is missing in the statement before.
        self.start = before;
        let word = command.text.as_str();
        let near = nearest(word, ["config", "option", "list", "package"].into_iter());
        let help = match (near, has_name(word)) {
            (_, Some(true)) => format!("write config {word} 'NAME'"),
            (_, Some(false)) => format!("write config {word}"),
            (_, None) if keywords().any(|(_, known)| known == word) => {
                format!("write option {word} 'VALUE'")
            }
            (Some(near), None) => format!("did you mean \"{near}\"?"),
            (None, None) => "a line begins with config, option or list".into(),
        };
        let message = format!("{} is no command", self.shown(command));
        self.error(command.place, message, &help);
        self.lexer.skip_line();
    }

    /// The rest of the statement: at most so many words. `None` if the statement is not to be used.
    fn arguments(&mut self, most: usize, help: &str) -> Option<Vec<Word>> {
        let mut words = Vec::new();
        let mut told = false;
        loop {
            match self.lexer.word() {
                Ok(Some(word)) if words.len() < most => words.push(word),
                Ok(Some(word)) => {
                    if !core::mem::replace(&mut told, true) {
                        let message = format!("{} is a word too many", self.shown(&word));
                        self.error(word.place, message, help);
                    }
                }
                Ok(None) => return (!told).then_some(words),
                Err(Unclosed(place)) => {
                    self.error(place, "this quote is not closed", "");
                    return None;
                }
            }
        }
    }

    /// A word for a message; not if it may be a part of a password.
    fn shown(&self, word: &Word) -> String {
        if self.secret(word.place) {
            "this".into()
        } else {
            quote(&word.text)
        }
    }

    /// The end of what has been read.
    fn here(&self) -> Place {
        Place::new(self.lexer.offset(), 0)
    }

    /// Whether there may be a password in what is shown for a place: in this statement, or on the
    /// same line.
    fn secret(&self, place: Place) -> bool {
        /// No more than this of a line is shown on either side: 100 characters.
        const NEAR: usize = 400;
        let (text, at) = (self.text.as_bytes(), place.start().min(self.text.len()));
        let before = text.get(at.saturating_sub(NEAR)..at).unwrap_or_default();
        let after = text.get(at..).unwrap_or_default();
        let is_line_end = |byte: &u8| *byte == b'\n';
        let begin = before.iter().rev().position(is_line_end).unwrap_or(before.len());
        let end = after.iter().take(NEAR).position(is_line_end).unwrap_or(NEAR.min(after.len()));
        text.get(self.start.min(at - begin)..at + end).is_some_and(is_secret)
    }

    fn error(&mut self, place: Place, message: impl Into<String>, help: &str) {
        let secret = self.secret(place);
        self.report.error(place, message).help(help).secret(secret);
    }

    fn warning(&mut self, place: Place, message: impl Into<String>, help: &str) {
        let secret = self.secret(place);
        self.report.warning(place, message).help(help).secret(secret);
    }
}

/// What UCI takes as the name of a section or an option.
fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A value as it is written in a file.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Option<File>, String) {
        let mut report = Report::new("f", text);
        let file = read(text, &mut report);
        (file, report.to_string())
    }

    /// Each section as `TYPE NAME: WORD=VALUE,VALUE ...`.
    fn shown(file: &File) -> Vec<String> {
        let setting = |it: &Setting| {
            let values: Vec<_> = it.values.iter().map(|value| value.text.as_str()).collect();
            format!(" {}{}{}", it.word.text, if it.list { "+=" } else { "=" }, values.join(","))
        };
        let section = |it: &Section| {
            let settings: String = it.settings.iter().map(setting).collect();
            format!("{}:{settings}", it.label())
        };
        file.sections.iter().map(section).collect()
    }

    #[test]
    fn sections_are_what_libuci_makes_of_them() {
        for (text, sections, warnings) in [
            ("config a b\noption c d\n", &["a b: c=d"][..], 0),
            ("c a\no c d\nc a\nl c d\nl c e", &["this a: c=d", "this a: c+=d,e"], 0),
            ("c a b\no c d\nc x y\nc a b\no c e\no f g", &["a b: c=e f=g", "x y:"], 2),
            ("c a b\no c d\nl c e", &["a b: c+=d,e"], 1),
            ("c a b\nl c d\nl c e\no c f", &["a b: c=f"], 1),
            ("c a b\no c d\no c\no x ''", &["a b: c=d"], 2),
            ("c a b ; o c 'd';o e 'f'", &["a b: c=d e=f"], 0),
            ("package x-y\nc a b\n\n", &["a b:"], 0),
            ("c a ''\no c 'd'\r\n", &["this a: c=d"], 0),
            ("\u{feff}c a b\r\n\to c 'd'\r\n", &["a b: c=d"], 0),
            ("", &[], 0),
        ] {
            let (file, said) = parsed(text);
            assert_eq!(shown(&file.unwrap_or_else(|| panic!("{said}"))), sections, "{text}");
            assert_eq!(said.matches("warning:").count(), warnings, "{said}");
        }
    }

    #[test]
    fn every_wrong_statement_is_told() {
        let text = "config\nconfig a-b c-d\noption\no 'x y' z\no x y z\nfoo\nl\no a 'b\n\tlist x\n";
        let (file, said) = parsed(text);
        assert!(file.is_none());
        assert_eq!(said.matches("error:").count(), 8, "{said}");
        assert!(said.contains("f:8:5: error: this quote is not closed"), "{said}");
    }

    #[test]
    fn a_quoted_text_may_hold_what_looks_like_a_command() {
        let text = "c a b\no script 'cat <<E\noption x\nE'\no c 'd'\n";
        let (file, said) = parsed(text);
        let file = file.unwrap_or_else(|| panic!("{said}"));
        assert_eq!(shown(&file), ["a b: script=cat <<E\noption x\nE c=d"]);
    }

    #[test]
    fn no_password_is_shown() {
        for line in [
            "option auth_pass 's3cret' more",
            "option auth_pass s3cret more",
            "option auth_pass more s3cret",
            "option auth-pass s3cret",
            "option auth_pass 's3cret",
            "auth_pass s3cret",
            "optio auth_pass 's3cret'",
            "o auth_pass 's3cret'; foo",
            "foo; o auth_pass 's3cret'",
            "option auth_pass 'a\nb' s3cret",
            "option auth_pass 's3cret'\n\toption auth_pass 's3cret'",
            "option password 's3cret' x",
        ] {
            let (_, said) = parsed(&format!("config vrrp_instance 'a'\n\t{line}\n"));
            assert!(!said.is_empty() && !said.contains("s3cret"), "{line}: {said}");
        }
    }
}
