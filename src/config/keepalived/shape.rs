//! Statements to sections and entries, by the table of keepalived's words. What vipd has no use for
//! is left out here, and told.

use super::block::Statement;
use super::define::has_reference;
use super::{command, habit, translate};
use crate::config::dialect::{find_known as find, is_current, known, Form, Row, Support};
use crate::config::error::{quote, Place, Report};
use crate::config::schema;
use crate::config::tree::{Data, Entry, LeftOut, Section, Tree, Value, Word};
use std::collections::BTreeMap;

/// After so many errors nobody reads advice, nor what was left out.
const ADVISED: usize = 1000;

/// What to do about braces that are part of a value.
pub const BRACES: &str = "{ and } belong to a value only in quotes";

/// Makes the tree.
pub fn shape(statements: Vec<Statement>, tree: Tree, report: &mut Report) -> Tree {
    let mut shaper = Shaper { tree, told: BTreeMap::new(), report };
    for statement in statements {
        shaper.outermost(statement);
    }
    shaper.tell();
    translate::translate(&mut shaper.tree, shaper.report);
    shaper.tree
}

struct Shaper<'a> {
    tree: Tree,
    /// Words that vipd has no use for: where each was first, and how often.
    told: BTreeMap<(&'static str, &'static str), (Place, usize)>,
    report: &'a mut Report,
}

impl Shaper<'_> {
    /// What stands outside of any section.
    fn outermost(&mut self, statement: Statement) {
        let Some(keyword) = statement.words.first().cloned() else {
            return;
        };
        let Some(row) = self.row("", &keyword, &statement) else {
            return;
        };
        if self.is_left_out(row, &statement) {
            self.inner_words(row, &statement);
            return;
        }
        if row.word == "interface_up_down_delays" {
            super::delays::sections(statement, &mut self.tree, self.report);
            return;
        }
        if row.form == Form::List {
            self.outermost_list(row.word, keyword, statement);
            return;
        }
        self.section(row, statement);
    }

    /// A list outside of any section is the only entry of a section here.
    fn outermost_list(&mut self, section: &'static str, keyword: Word, statement: Statement) {
        let Some((_, key)) = schema::keywords().find(|(home, _)| *home == section) else {
            return;
        };
        if statement.block.is_none() {
            let help = self.report.example_section(section, false);
            let message = format!("a {{ is missing behind {section}");
            self.report.error(keyword.place, message).help(help);
            return;
        }
        let value = self.list("", &keyword, statement);
        let entry = Entry { word: Word { text: key.into(), place: keyword.place }, value };
        let same = |known: &&mut Section| known.keyword.text == section;
        match self.tree.sections.iter_mut().find(same) {
            Some(known) => add(entry, &mut known.entries, self.report),
            None => self.tree.sections.push(Section { keyword, name: None, entries: vec![entry] }),
        }
    }

    /// What there is to know of a word; an error if nothing.
    fn row(&mut self, section: &str, word: &Word, statement: &Statement) -> Option<Row> {
        let row = find(section, &word.text);
        match row.map(|row| (row, row.support)) {
            Some((row, Support::Renamed)) => {
                let now = row.note;
                if !is_current(&word.text) {
                    let message = format!("{} is an old word for {now}", word.text);
                    self.report.warning(word.place, message).help(format!("write {now}"));
                }
                Some(find(section, now).unwrap_or(row))
            }
            Some((row, _)) => Some(row),
            None if word.text.chars().all(|char| char == ';') => {
                self.report
                    .warning(word.place, "a semicolon ends nothing: it is passed over")
                    .help("leave it out");
                None
            }
            None => {
                self.unknown(section, word, statement);
                None
            }
        }
    }

    fn unknown(&mut self, section: &str, word: &Word, statement: &Statement) {
        let inside = if section.is_empty() {
            "outside of any section".into()
        } else {
            format!("in {section}")
        };
        let mut message = format!("unknown word {} {inside}", quote(&word.text));
        if self.report.error_count() >= ADVISED {
            self.report.error(word.place, format!("unknown word {inside}"));
            return;
        }
        let words: Vec<_> = known().filter(|row| row.section == section).map(|r| r.word).collect();
        let mut help = habit::advice(&statement.words, words.iter().copied());
        if let Some(home) = habit::home(&word.text) {
            help = home;
        }
        let secret = is_secret(section);
        if secret && help.is_empty() {
            // It may be the password.
            message = format!("unknown word {inside}");
        }
        self.report.error(word.place, &*message).help(help).secret(secret);
        self.leave_out(statement, message);
    }

    /// Whether vipd has no use for a statement. Remembers to tell.
    fn is_left_out(&mut self, row: Row, statement: &Statement) -> bool {
        let word = row.word;
        match row.support {
            Support::Same | Support::Differs | Support::Renamed => return false,
            Support::Refused => {
                let message = format!("{word} is refused: {}", row.note);
                self.report.error(statement.place(), &*message);
                self.leave_out(statement, message);
                return true;
            }
            Support::Later | Support::Ignored => {}
        }
        let told = self.told.entry((row.section, word)).or_insert((statement.place(), 0));
        told.1 += 1;
        self.leave_out(statement, reason(&row));
        true
    }

    fn leave_out(&mut self, statement: &Statement, reason: String) {
        let place = statement.place();
        let mut text = self.report.sources().text(place).to_owned();
        if text.contains("auth_pass") {
            text = "auth_pass ...".into();
        } else if statement.keyword() == "key" {
            text = "key ...".into();
        }
        if statement.block.is_some() {
            text.push_str(" { ... }");
        }
        self.tree.left_out.push(LeftOut { text, reason, place });
    }

    /// Tells what was left out, each word once.
    fn tell(&mut self) {
        for ((section, word), (place, count)) in &self.told {
            let Some(row) = find(section, word) else {
                continue;
            };
            let warning = self.report.warning(*place, format!("{word} is {}", reason(&row)));
            if *count > 1 {
                warning.help(format!("it is there {count} times"));
            }
        }
    }

    /// Words that even keepalived does not know, in a section that vipd has no use for yet.
    fn inner_words(&mut self, row: Row, statement: &Statement) {
        let named = matches!(row.form, Form::Section | Form::NamedSection | Form::Table);
        if row.support != Support::Later || !named {
            return;
        }
        for inner in statement.block.iter().flatten() {
            if let Some(word) = inner.words.first() {
                self.row(row.word, word, inner);
            }
        }
    }

    fn section(&mut self, row: Row, statement: Statement) {
        let Statement { words, block } = statement;
        let mut words = words.into_iter();
        let Some(mut keyword) = words.next() else {
            return;
        };
        keyword.text = row.word.into();
        let name = if row.form == Form::NamedSection { words.next() } else { None };
        if let Some(name) = &name {
            self.undefined(name);
        }
        if let Some(more) = words.next() {
            self.unused(&more, &keyword.text);
        }
        if block.is_none() {
            let message = format!("a {{ is missing behind {}", keyword.text);
            let help = self.report.example_section(&keyword.text, row.form == Form::NamedSection);
            self.report.error(keyword.place, message).help(help);
            return;
        }
        let mut entries = Vec::new();
        for inner in block.into_iter().flatten() {
            self.statement(row.word, inner, &mut entries);
        }
        let same = |section: &&mut Section| section.keyword.text == keyword.text;
        let merged = row.form == Form::Section;
        match self.tree.sections.iter_mut().filter(|_| merged).find(same) {
            Some(section) => {
                for entry in entries {
                    add(entry, &mut section.entries, self.report);
                }
            }
            None => self.tree.sections.push(Section { keyword, name, entries }),
        }
    }

    /// A statement in a section or table.
    fn statement(&mut self, section: &str, statement: Statement, entries: &mut Vec<Entry>) {
        let Some(word) = statement.words.first().cloned() else {
            return;
        };
        let Some(row) = self.row(section, &word, &statement) else {
            return;
        };
        if self.is_left_out(row, &statement) {
            self.inner_words(row, &statement);
            return;
        }
        let word = Word { text: row.word.into(), ..word };
        let takes_block = matches!(row.form, Form::List | Form::Table);
        match (&statement.block, takes_block) {
            (Some(_), false) => {
                let message = format!("{} takes no block", word.text);
                self.report.error(word.place, &*message).help(BRACES);
                self.leave_out(&statement, message);
                return;
            }
            (None, true) => {
                let message = format!("{} is followed by a block in {{ }}", word.text);
                self.report.error(word.place, &*message);
                self.leave_out(&statement, message);
                return;
            }
            _ => {}
        }
        let value = match row.form {
            Form::Command => self.command(&word, &statement),
            Form::Line if (section, word.text.as_str()) == KEY => keys(&word, statement),
            Form::Line | Form::Section | Form::NamedSection => {
                self.line(section, &word, &statement)
            }
            Form::List => self.list(section, &word, statement),
            Form::Table => self.table(&word, statement),
        };
        add(Entry { word, value }, entries, self.report);
    }

    fn command(&mut self, word: &Word, statement: &Statement) -> Value {
        let Some(command) = statement.words.get(1) else {
            return Value { data: Data::Line(Vec::new()), place: word.place };
        };
        let behind = statement.words.get(2..).unwrap_or_default();
        let most = if word.text == "script" { 0 } else { 2 };
        if let Some(more) = behind.get(most) {
            let help = match most {
                0 => {
                    "command and arguments stand in one pair of quotes; who runs it is said by user"
                }
                _ => "command and arguments stand in one pair of quotes, user and group behind it",
            };
            self.unused(more, &word.text).help(help);
        }
        let mut user = behind.get(..most.min(behind.len())).unwrap_or_default().to_vec();
        other_groups(&mut user);
        if let Some(shell) = user.iter().find(|word| word.text.contains(['<', '>', '|', '&', ';']))
        {
            let message = format!("{} is taken for who runs the command", quote(&shell.text));
            self.report
                .warning(shell.place, message)
                .help("what a shell is to read stands in quotes, together with the command");
        }
        command::value(command, &user)
    }

    fn line(&mut self, section: &str, word: &Word, statement: &Statement) -> Value {
        let mut words = statement.words.get(1..).unwrap_or_default().to_vec();
        let most = schema::most_words(section, &word.text).unwrap_or(usize::MAX);
        if let Some(more) = words.get(most).cloned() {
            let help = match find(section, &more.text) {
                Some(_) => "every keyword begins a line",
                None => "",
            };
            self.unused(&more, &word.text).help(help);
            words.truncate(most);
        }
        if matches!(word.text.as_str(), "user" | "script_user") {
            other_groups(&mut words);
        }
        if word.text != "auth_pass" {
            words.iter().for_each(|value| self.undefined(value));
        }
        let place = words.first().map_or(word.place, |_| statement_place(&words));
        Value { data: Data::Line(words), place }
    }

    /// A reference that nothing was put in for.
    fn undefined(&mut self, word: &Word) {
        if !has_reference(&word.text) {
            return;
        }
        let message = format!("nothing is defined for {}: it stays as it is", quote(&word.text));
        let help = match word.text.contains(":-") {
            true => "this is the syntax of a shell: something was to be put in before",
            false => "",
        };
        self.report.warning(word.place, message).help(help);
    }

    fn unused(&mut self, word: &Word, keyword: &str) -> &mut crate::config::error::Problem {
        let secret = keyword.contains("pass");
        let what = if secret { "the second word".into() } else { quote(&word.text) };
        self.report
            .warning(word.place, format!("{what} behind {keyword} is not used"))
            .secret(secret)
    }

    fn list(&mut self, section: &str, word: &Word, statement: Statement) -> Value {
        let mut items = Vec::new();
        if let Some(more) = statement.words.get(1).cloned() {
            self.unused(&more, &word.text);
        }
        for line in statement.block.into_iter().flatten() {
            // One without words has been complained of.
            if line.block.is_some() && !line.words.is_empty() {
                let list = &word.text;
                let message = match find(section, line.keyword()) {
                    Some(_) => format!("a }} is missing: {list} is still open before this"),
                    None => format!("no block can stand in {list}"),
                };
                self.report.error(line.place(), &*message);
                self.leave_out(&line, message);
            } else if !line.words.is_empty() {
                let place = line.place();
                items.push(Value { data: Data::Line(line.words), place });
            }
        }
        Value { data: Data::List(items), place: word.place }
    }

    fn table(&mut self, word: &Word, statement: Statement) -> Value {
        let mut entries = Vec::new();
        for inner in statement.block.into_iter().flatten() {
            self.statement(&word.text, inner, &mut entries);
        }
        Value { data: Data::Table(entries), place: word.place }
    }
}

/// Why vipd has no use for a word.
pub fn reason(row: &Row) -> String {
    match row.support {
        Support::Later => format!("not supported yet: {}", row.note),
        _ => format!("ignored: {}", row.note),
    }
}

/// A section whose values nobody is to see.
fn is_secret(section: &str) -> bool {
    matches!(section, "authentication" | "auth_hmac")
}

/// What is there once for each key: with those before, it makes a list.
const KEY: (&str, &str) = ("auth_hmac", "key");

fn keys(word: &Word, statement: Statement) -> Value {
    let place = word.place;
    let words = statement.words.into_iter().skip(1).collect();
    let line = Value { data: Data::Line(words), place };
    Value { data: Data::List(vec![line]), place }
}

/// `USER :GROUP` and `USER :` ask for the other groups of the user as well. That is always done.
fn other_groups(user: &mut Vec<Word>) {
    let Some(group) = user.get_mut(1).filter(|group| group.text.starts_with(':')) else {
        return;
    };
    group.place = group.part(1, group.text.len() - 1);
    group.text.remove(0);
    if group.text.is_empty() {
        user.truncate(1);
    }
}

fn statement_place(words: &[Word]) -> Place {
    Statement { words: words.to_vec(), block: None }.place()
}

/// Adds an entry to those before it: lists and tables grow, of anything else the last one counts.
fn add(entry: Entry, entries: &mut Vec<Entry>, report: &mut Report) {
    let Some(before) = entries.iter_mut().find(|other| other.word.text == entry.word.text) else {
        entries.push(entry);
        return;
    };
    match (&mut before.value.data, entry.value.data) {
        (Data::List(items), Data::List(more)) if !entry.word.text.starts_with("notify") => {
            items.extend(more);
        }
        (Data::Table(table), Data::Table(more)) if is_secret(&entry.word.text) => {
            for entry in more {
                add(entry, table, report);
            }
        }
        (_, data) => {
            let word = &entry.word;
            let first_counts = word.text.starts_with("notify") || word.text == "version";
            let which = if first_counts { "first" } else { "last" };
            let message = format!("{} is there twice: the {which} one counts", word.text);
            let (first, _) = report.line_and_column(before.word.place);
            report.warning(word.place, message).help(format!("the first one is in line {first}"));
            if first_counts {
                return;
            }
            before.value = Value { data, place: entry.value.place };
            before.word = entry.word;
        }
    }
}
