//! What all syntaxes have in common: sections apart, and comments.

use super::document::{Document, EntryPart, Note, SectionPart};
use super::{toml, uci, Target};
use std::collections::BTreeSet;

/// Writes a document.
pub fn write(document: &Document<'_>, to: Target) -> String {
    let mut out = String::new();
    let mut taken = BTreeSet::new();
    for part in &document.sections {
        if !out.is_empty() {
            out.push('\n');
        }
        let around = &part.around;
        notes(&mut out, "", &around.before);
        if around.apart {
            out.push('\n');
        }
        if around.is_kept() {
            section(&mut out, part, to, &mut taken);
            continue;
        }
        for reason in &around.reasons {
            comment(&mut out, "", &format!("left out: {reason}"));
        }
        let mut lines = String::new();
        section(&mut lines, part, to, &mut BTreeSet::new());
        for line in lines.lines().map(str::trim) {
            comment(&mut out, "", line.strip_prefix('#').unwrap_or(line).trim());
        }
    }
    if !out.is_empty() && !document.tail.is_empty() {
        out.push('\n');
    }
    notes(&mut out, "", &document.tail);
    out
}

fn section<'a>(
    out: &mut String,
    part: &SectionPart<'a>,
    to: Target,
    taken: &mut BTreeSet<&'a str>,
) {
    match to {
        Target::Toml => toml::section(out, part),
        Target::Uci => uci::section(out, part, taken),
    }
}

/// Comments, one a line.
pub fn notes(out: &mut String, indent: &str, notes: &[Note]) {
    for (index, note) in notes.iter().enumerate() {
        if note.gap && index > 0 {
            out.push('\n');
        }
        comment(out, indent, &note.text);
    }
}

/// What is left of an entry that is not written: the reason, and all comments in it.
pub fn left_out(out: &mut String, indent: &str, part: &EntryPart<'_>) {
    comment(out, indent, &part.around.told());
    for item in part.items.iter().flatten() {
        notes(out, indent, &item.around.before);
        if !item.around.is_kept() {
            comment(out, indent, &item.around.told());
        }
        behind_alone(out, indent, item.around.behind.as_deref());
    }
    notes(out, indent, &part.around.end);
    behind_alone(out, indent, part.around.behind.as_deref());
}

/// The comment at the end of a line, with the end of the line.
pub fn behind(out: &mut String, text: Option<&str>) {
    if let Some(text) = text {
        out.push_str("  ");
        push(out, text);
    }
    out.push('\n');
}

/// The comment at the end of a line that is not there.
pub fn behind_alone(out: &mut String, indent: &str, text: Option<&str>) {
    if let Some(text) = text {
        comment(out, indent, text);
    }
}

/// A comment on a line of its own.
pub fn comment(out: &mut String, indent: &str, text: &str) {
    out.push_str(indent);
    push(out, text);
    out.push('\n');
}

fn push(out: &mut String, text: &str) {
    out.push('#');
    let text = text.trim();
    if !text.is_empty() && !text.starts_with('#') {
        out.push(' ');
    }
    let harmless = |char: char| if char.is_control() && char != '\t' { '?' } else { char };
    out.extend(text.chars().map(harmless));
}
