//! Sections as UCI, as OpenWrt has it in `/etc/config`.

use super::document::{is_secret, Document, EntryPart, ItemPart, SectionPart};
use super::quote::uci as quoted;
use super::typed::{self, Typed};
use super::write::{behind, behind_alone, comment, left_out, notes};
use super::{prune, toml};
use crate::config::error::Report;
use crate::config::schema::has_name;
use crate::config::source::Sources;
use std::collections::BTreeSet;

const INDENT: &str = "\t";

/// Leaves out what UCI cannot say, and reports it as an error.
pub fn refuse(document: &mut Document<'_>, sources: &Sources, report: &mut Report) {
    for section in &mut document.sections {
        let keyword = section.section.keyword.text.as_str();
        for part in section.entries.iter_mut().filter(|part| part.around.is_kept()) {
            let word = &part.entry.word;
            let Some(items) = &mut part.items else {
                let value = typed::typed(keyword, &word.text, &part.entry.value);
                let is_command = typed::is_command(keyword, &word.text);
                if let Some(reason) = unsayable(&value).filter(|_| is_command) {
                    let text = prune::excerpt(part.entry, sources, false);
                    report.error(word.place, format!("{}: {reason}", word.text));
                    prune::refuse(&mut part.around, text, reason);
                }
                continue;
            };
            for item in items.iter_mut().filter(|item| item.around.is_kept()) {
                let value = typed::item(&word.text, item.value);
                if let Err(reason) = line(&value) {
                    report.error(item.value.place, format!("{}: {reason}", word.text));
                    prune::refuse(&mut item.around, toml::inline(&value), reason);
                }
            }
        }
    }
}

/// Why a command cannot be said.
fn unsayable(value: &Typed) -> Option<&'static str> {
    let is_empty = |item: &Typed| *item == Typed::Text(String::new());
    match value {
        Typed::Table(_) => {
            Some("in UCI a command cannot have a user of its own; write script_user in global_defs")
        }
        Typed::List(items) if items.iter().any(is_empty) => {
            Some("in UCI a word of a command cannot be empty")
        }
        _ => None,
    }
}

/// An item of a list as a line, or why it cannot be one.
fn line(value: &Typed) -> Result<String, &'static str> {
    let entries = match value {
        Typed::Table(entries) => entries,
        other => return Ok(scalar(other)),
    };
    let (mut words, mut last) = (Vec::new(), None);
    let has = |word: &str| entries.iter().any(|(key, _)| key == word);
    for (key, value) in entries {
        let text = scalar(value);
        let first = matches!(key.as_str(), "address" | "name");
        if text.is_empty() || (key != "weight" && text.contains(char::is_whitespace)) {
            return Err("in UCI an item is a line, so that no word of it can have blanks");
        }
        match (key.as_str(), value) {
            // The other word for it is there, too, and is the one that counts.
            ("broadcast", _) if has("brd") => {}
            ("reverse", Typed::Flag(true)) if has("weight") => last = Some("reverse"),
            ("reverse", Typed::Flag(true)) => last = Some("weight 0 reverse"),
            ("reverse", _) if has("weight") => last = Some("noreverse"),
            ("reverse", _) => {}
            (flag, Typed::Flag(truth)) if *truth => words.push(flag.into()),
            (_, Typed::Flag(_)) => {}
            _ if first => words.insert(0, text),
            _ => words.push(format!("{key} {text}")),
        }
    }
    words.extend(last.map(str::to_owned));
    Ok(words.join(" "))
}

fn scalar(value: &Typed) -> String {
    match value {
        Typed::Flag(truth) => u8::from(*truth).to_string(),
        Typed::Integer(number) => number.to_string(),
        Typed::Number(text) | Typed::Text(text) => text.clone(),
        // These are for comments alone.
        Typed::List(_) | Typed::Table(_) => toml::inline(value),
    }
}

/// Writes a section. The passwords of one that is not to be used stay out. `taken` are the names of
/// the sections before: here even sections of different kinds cannot share one.
pub fn section<'a>(out: &mut String, part: &SectionPart<'a>, taken: &mut BTreeSet<&'a str>) {
    let keyword = &part.section.keyword.text;
    let name = part.section.name.as_ref().filter(|_| has_name(keyword) != Some(false));
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let (id, name) = match name {
        Some(name) if name.text.bytes().all(is_id) && taken.insert(&name.text) => {
            (Some(&name.text), None)
        }
        name => (None, name.map(|name| &name.text)),
    };
    out.push_str(&format!("config {keyword}"));
    if let Some(id) = id {
        out.push_str(&format!(" {}", quoted(id)));
    }
    behind(out, part.around.behind.as_deref());
    if let Some(name) = name {
        setting(out, "option", "name", name, None);
    }
    for entry in &part.entries {
        notes(out, INDENT, &entry.around.before);
        if !entry.around.is_kept() {
            left_out(out, INDENT, entry);
        } else if part.around.is_kept() || !is_secret(&entry.entry.word) {
            options(out, keyword, entry);
        } else {
            setting(out, "option", &entry.entry.word.text, "...", entry.around.behind.as_deref());
        }
    }
    notes(out, INDENT, &part.around.end);
}

fn setting(out: &mut String, command: &str, word: &str, value: &str, comment: Option<&str>) {
    out.push_str(&format!("{INDENT}{command} {word} {}", quoted(value)));
    behind(out, comment);
}

fn options(out: &mut String, section: &str, part: &EntryPart<'_>) {
    let word = part.entry.word.text.as_str();
    if let Some(items) = &part.items {
        return list(out, word, items, part);
    }
    let comment = part.around.behind.as_deref();
    if let (Typed::Table(entries), "auth_hmac") =
        (typed::typed(section, word, &part.entry.value), word)
    {
        return signatures(out, &entries, comment);
    }
    let (command, pairs) = match typed::typed(section, word, &part.entry.value) {
        Typed::Table(entries) => ("option", entries),
        Typed::List(items) => {
            ("list", items.into_iter().map(|item| (word.to_owned(), item)).collect())
        }
        other => ("option", vec![(word.to_owned(), other)]),
    };
    let last = pairs.len().saturating_sub(1);
    for (index, (word, value)) in pairs.iter().enumerate() {
        setting(out, command, word, &scalar(value), comment.filter(|_| index == last));
    }
}

/// `auth_hmac` stands among the other options, with its name before those of its own.
fn signatures(out: &mut String, entries: &[(String, Typed)], comment: Option<&str>) {
    let last = entries.len().saturating_sub(1);
    for (index, (word, value)) in entries.iter().enumerate() {
        let (word, mut comment) = (format!("auth_hmac_{word}"), comment.filter(|_| index == last));
        match value {
            Typed::Table(keys) => {
                for (id, key) in keys {
                    let line = format!("{id} {}", scalar(key));
                    setting(out, "list", &word, &line, comment.take());
                }
            }
            other => setting(out, "option", &word, &scalar(other), comment),
        }
    }
}

fn list(out: &mut String, word: &str, items: &[ItemPart<'_>], part: &EntryPart<'_>) {
    let mut behind = part.around.behind.as_deref();
    for (index, item) in items.iter().enumerate() {
        let own = item.around.behind.as_deref();
        notes(out, INDENT, &item.around.before);
        if !item.around.is_kept() {
            comment(out, INDENT, &item.around.told());
            behind_alone(out, INDENT, own);
            continue;
        }
        let is_last = index + 1 == items.len();
        let text = own.or_else(|| behind.take_if(|_| is_last));
        setting(out, "list", word, &line(&typed::item(word, item.value)).unwrap_or_default(), text);
    }
    notes(out, INDENT, &part.around.end);
    behind_alone(out, INDENT, behind);
}
