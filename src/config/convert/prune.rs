//! What the schema does not take, and why.

use super::document::{end_of_entry, is_secret, Address, Around, Document};
use crate::config::error::{Place, Problem, Report};
use crate::config::source::Sources;
use crate::config::tree::{Data, Entry, Section, Tree, Value, Word};
use crate::config::{lenient, schema, Format};
use std::collections::BTreeMap;

/// What is left out can make something else an error: a check that is gone, an instance that tracks
/// it. After so many steps of that, what is wrong stays in, and is an error when it is read.
const ROUNDS: usize = 32;
/// The longest piece of the file in a comment, in characters.
const LONGEST: usize = 200;

/// A part that the schema can complain of.
#[derive(Clone, Copy)]
enum Unit {
    Stray(usize),
    Part(Address),
}

/// Marks the smallest part that each error is about, as one that is not written. Returns where these
/// are, and why. Who runs a script stays what it is, so that it does not run as somebody else.
pub fn prune(
    document: &mut Document<'_>,
    format: Format,
    sources: &Sources,
) -> Vec<(Place, String)> {
    let mut all = Vec::new();
    for _ in 0..ROUNDS {
        let (tree, units) = numbered(document);
        let mut report = Report::new("", "").in_format(format);
        let _ = schema::build(&tree, &mut report);
        let before = all.len();
        for problem in report.errors() {
            let unit = problem.place.start().checked_sub(1).and_then(|index| units.get(index));
            let place = unit.and_then(|unit| leave_out(document, *unit, problem, sources));
            all.extend(place.map(|place| (place, problem.message.clone())));
        }
        if all.len() == before {
            break;
        }
        unknown_sections(document);
    }
    // More errors than a report keeps.
    for stray in document.stray.iter_mut().filter(|stray| stray.around.is_kept()) {
        let around = &mut stray.around;
        around.excerpt = excerpt(stray.entry, sources, false);
        around.reasons.push("it stands outside of any section".into());
    }
    all
}

/// Leaves an entry or item out for a reason of our own.
pub fn refuse(around: &mut Around, text: String, reason: &str) {
    around.excerpt = text;
    around.reasons.push(reason.into());
}

/// Returns where the part is, if it was in until now.
fn leave_out(
    document: &mut Document<'_>,
    unit: Unit,
    problem: &Problem,
    sources: &Sources,
) -> Option<Place> {
    // How to write it is said in the syntax of the file.
    let reason = match problem.help.as_str() {
        help if help.is_empty() || help.starts_with("write ") => problem.message.clone(),
        help => format!("{}; {help}", problem.message),
    };
    let (place, text) = describe(document, unit, sources, problem.secret)?;
    let around = match unit {
        Unit::Stray(index) => &mut document.stray.get_mut(index)?.around,
        Unit::Part(at) => document.around(at)?,
    };
    let first = around.is_kept();
    if first {
        around.excerpt = text;
    }
    if !around.reasons.contains(&reason) {
        around.reasons.push(reason);
    }
    first.then_some(place)
}

/// Where a part is, and what to call it; `None` if it stays.
fn describe(
    document: &Document<'_>,
    unit: Unit,
    sources: &Sources,
    secret: bool,
) -> Option<(Place, String)> {
    let of_entry = |entry: &Entry| (entry.word.place, excerpt(entry, sources, secret));
    let at = match unit {
        Unit::Stray(index) => return Some(of_entry(document.stray.get(index)?.entry)),
        Unit::Part(at) => at,
    };
    let section = document.sections.get(at.section)?;
    let Some(entry) = at.entry else {
        let Section { keyword, name, .. } = section.section;
        return Some((name.as_ref().unwrap_or(keyword).place, String::new()));
    };
    let part = section.entries.get(entry)?;
    let Some(item) = at.item else {
        return Some(of_entry(part.entry)).filter(|_| !lenient::stays(part.entry));
    };
    let place = part.items.as_ref()?.get(item)?.value.place;
    Some((place, first_line(sources.text(place))))
}

/// An entry as it is in the file; of several lines the first.
pub fn excerpt(entry: &Entry, sources: &Sources, secret: bool) -> String {
    let start = entry.word.place.start();
    let len = end_of_entry(entry).saturating_sub(start);
    if secret || is_secret(&entry.word) || len == 0 {
        return format!("{} ...", entry.word.text);
    }
    first_line(sources.text(Place::new(start, len)))
}

fn first_line(text: &str) -> String {
    let (first, more) = text.split_once('\n').unwrap_or((text, ""));
    let mut line: String = first.trim().chars().take(LONGEST).collect();
    if more.is_empty() {
        return line;
    }
    line.push_str(match line.as_bytes().last() {
        Some(b'{') => " ... }",
        Some(b'[') => " ... ]",
        _ => " ...",
    });
    line
}

/// The schema tells of sections that nobody knows once for all that follow each other.
fn unknown_sections(document: &mut Document<'_>) {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for part in &mut document.sections {
        let keyword = part.section.keyword.text.as_str();
        if schema::has_name(keyword).is_some() {
            continue;
        }
        match reasons.get(keyword) {
            Some(known) if part.around.is_kept() => part.around.reasons.clone_from(known),
            Some(_) => {}
            None if part.around.is_kept() => {}
            None => {
                reasons.insert(keyword, part.around.reasons.clone());
            }
        }
    }
}

/// What is still in, as a tree in which every place is the number of a part, counted from 1.
fn numbered(document: &Document<'_>) -> (Tree, Vec<Unit>) {
    let mut units = Vec::new();
    let mut tree = Tree::default();
    for (index, stray) in document.stray.iter().enumerate() {
        if stray.around.is_kept() {
            let place = number(Unit::Stray(index), &mut units);
            tree.stray.push(entry_at(place, stray.entry));
        }
    }
    for (section, part) in document.sections.iter().enumerate() {
        if !part.around.is_kept() {
            continue;
        }
        let at = Address { section, entry: None, item: None };
        let place = number(Unit::Part(at), &mut units);
        let mut entries = Vec::new();
        for (index, part) in part.entries.iter().enumerate() {
            if !part.around.is_kept() {
                continue;
            }
            let at = Address { entry: Some(index), ..at };
            let place = number(Unit::Part(at), &mut units);
            let mut entry = entry_at(place, part.entry);
            if let Some(items) = &part.items {
                let mut list = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    if item.around.is_kept() {
                        let at = Address { item: Some(index), ..at };
                        let place = number(Unit::Part(at), &mut units);
                        list.push(value_at(place, item.value));
                    }
                }
                entry.value.data = Data::List(list);
            }
            entries.push(entry);
        }
        let Section { keyword, name, .. } = part.section;
        let name = name.as_ref().map(|name| word_at(place, name));
        tree.sections.push(Section { keyword: word_at(place, keyword), name, entries });
    }
    (tree, units)
}

/// The number of a part as a place. A part of this place, if any, has the same number.
fn number(unit: Unit, units: &mut Vec<Unit>) -> Place {
    units.push(unit);
    Place::new(units.len(), 1)
}

fn word_at(place: Place, word: &Word) -> Word {
    Word { text: word.text.clone(), place }
}

fn entry_at(place: Place, entry: &Entry) -> Entry {
    Entry { word: word_at(place, &entry.word), value: value_at(place, &entry.value) }
}

fn value_at(place: Place, value: &Value) -> Value {
    let data = match &value.data {
        Data::Line(words) => Data::Line(words.iter().map(|word| word_at(place, word)).collect()),
        Data::List(items) => Data::List(items.iter().map(|item| value_at(place, item)).collect()),
        Data::Table(entries) => {
            Data::Table(entries.iter().map(|entry| entry_at(place, entry)).collect())
        }
        other => other.clone(),
    };
    Value { data, place }
}
