//! Sections as TOML.

use super::document::{is_secret, EntryPart, ItemPart, SectionPart};
use super::quote::{toml_key, toml_line, toml_string};
use super::typed::{self, Typed};
use super::write::{behind, comment, left_out, notes};

const INDENT: &str = "    ";
/// A list is written over several lines if it does not fit into so many columns.
const COLUMNS: usize = 100;

/// Writes a section. The passwords of one that is not to be used stay out.
pub fn section(out: &mut String, part: &SectionPart<'_>) {
    let keyword = &part.section.keyword.text;
    out.push('[');
    out.push_str(&toml_key(keyword));
    if let Some(name) = &part.section.name {
        out.push('.');
        out.push_str(&toml_key(&name.text));
    }
    out.push(']');
    behind(out, part.around.behind.as_deref());
    let width = |part: &EntryPart<'_>| toml_key(&part.entry.word.text).chars().count();
    let kept = part.entries.iter().filter(|part| part.around.is_kept());
    let width = kept.map(width).max().unwrap_or_default();
    for entry in &part.entries {
        notes(out, "", &entry.around.before);
        if !entry.around.is_kept() {
            left_out(out, "", entry);
            continue;
        }
        let key = toml_key(&entry.entry.word.text);
        out.push_str(&format!("{key:width$} = "));
        if part.around.is_kept() || !is_secret(&entry.entry.word) {
            value(out, keyword, entry, width + " = ".len());
        } else {
            out.push_str("...");
        }
        behind(out, entry.around.behind.as_deref());
    }
    notes(out, "", &part.around.end);
}

fn value(out: &mut String, section: &str, part: &EntryPart<'_>, column: usize) {
    let word = &part.entry.word.text;
    match &part.items {
        Some(items) => list(out, word, items, part, column),
        None => match typed::typed(section, word, &part.entry.value) {
            Typed::Text(text) => out.push_str(&toml_string(&text)),
            other => out.push_str(&inline(&other)),
        },
    }
}

/// Addresses, routes and rules stand on a line each, names beside each other; with comments between, all on lines.
fn list(out: &mut String, word: &str, items: &[ItemPart<'_>], part: &EntryPart<'_>, column: usize) {
    let has_notes = |item: &ItemPart<'_>| item.around.has_notes() || !item.around.is_kept();
    let texts: Vec<_> = items.iter().map(|item| inline(&typed::item(word, item.value))).collect();
    let line = format!("[{}]", texts.join(", "));
    let is_names = word == "track_script";
    let fits = items.len() <= 1 || (is_names && column + line.len() <= COLUMNS);
    if fits && part.around.end.is_empty() && !items.iter().any(has_notes) {
        out.push_str(&line);
        return;
    }
    out.push_str("[\n");
    for (item, text) in items.iter().zip(&texts) {
        notes(out, INDENT, &item.around.before);
        if item.around.is_kept() {
            out.push_str(INDENT);
            out.push_str(text);
            out.push(',');
            behind(out, item.around.behind.as_deref());
        } else {
            comment(out, INDENT, &item.around.told());
            if let Some(text) = &item.around.behind {
                comment(out, INDENT, text);
            }
        }
    }
    notes(out, INDENT, &part.around.end);
    out.push(']');
}

/// A value on one line.
pub fn inline(value: &Typed) -> String {
    match value {
        Typed::Flag(truth) => truth.to_string(),
        Typed::Integer(number) => number.to_string(),
        Typed::Number(number) => number.clone(),
        Typed::Text(text) => toml_line(text),
        Typed::List(items) => {
            let items: Vec<_> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Typed::Table(entries) => {
            let entry =
                |(key, value): &(String, Typed)| format!("{} = {}", toml_key(key), inline(value));
            let entries: Vec<_> = entries.iter().map(entry).collect();
            match entries.as_slice() {
                [] => "{}".into(),
                entries => format!("{{ {} }}", entries.join(", ")),
            }
        }
    }
}
