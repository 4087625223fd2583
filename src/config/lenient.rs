//! `--lenient`: what cannot be used is taken out of the tree, piece by piece, and told.

use super::error::{Place, Report};
use super::tree::{Data, Entry, Section, Tree, Value};

/// Takes out what the errors of a report point at: an item of a list, else an entry, else a section.
/// Returns how many pieces that were; an error that points elsewhere stays one.
pub fn skip(tree: &mut Tree, report: &Report) -> usize {
    let places: Vec<Place> = report.errors().map(|problem| problem.place).collect();
    let mut skipped = 0;
    tree.stray.retain(|entry| keep(!is_hit(span(entry), &places), &mut skipped));
    for section in &mut tree.sections {
        let entries = &mut section.entries;
        for entry in entries.iter_mut() {
            skip_items(&mut entry.value, &places, &mut skipped);
        }
        entries.retain(|entry| {
            let hit = is_hit(entry.word.place, &places)
                || (!holds_items(&entry.value) && is_hit(span(entry), &places))
                || is_hit_as_a_whole(&entry.value, &places);
            // Of a list of nothing but mistakes nothing is left.
            let emptied = matches!(&entry.value.data, Data::List(items) if items.is_empty());
            keep(!hit && !emptied, &mut skipped)
        });
    }
    tree.sections.retain(|section| keep(!is_hit(head(section), &places), &mut skipped));
    skipped
}

fn keep(keep: bool, skipped: &mut usize) -> bool {
    *skipped += usize::from(!keep);
    keep
}

/// From the keyword to the end of the value.
fn span(entry: &Entry) -> Place {
    let (word, value) = (entry.word.place, entry.value.place);
    let end = word.start() + word.len();
    let end = end.max(value.start() + value.len());
    Place::new(word.start(), end.saturating_sub(word.start()))
}

/// The keyword and the name of a section.
fn head(section: &Section) -> Place {
    let keyword = section.keyword.place;
    let last = section.name.as_ref().map_or(keyword, |name| name.place);
    let end = (last.start() + last.len()).max(keyword.start() + keyword.len());
    Place::new(keyword.start(), end - keyword.start())
}

fn is_hit(part: Place, places: &[Place]) -> bool {
    places
        .iter()
        .any(|place| (part.start()..part.start() + part.len().max(1)).contains(&place.start()))
}

/// Whether an error is about the list or table, and not about something in it.
fn is_hit_as_a_whole(value: &Value, places: &[Place]) -> bool {
    places
        .iter()
        .any(|place| place.start() == value.place.start() && place.len() == value.place.len())
}

fn holds_items(value: &Value) -> bool {
    matches!(value.data, Data::List(_) | Data::Table(_))
}

fn skip_items(value: &mut Value, places: &[Place], skipped: &mut usize) {
    let whole = value.place;
    let own = |place: &Place| place.start() == whole.start() && place.len() == whole.len();
    let places: Vec<Place> = places.iter().copied().filter(|place| !own(place)).collect();
    match &mut value.data {
        Data::List(items) => {
            items.retain(|item| keep(!is_hit(item.place, &places), skipped));
        }
        Data::Table(entries) => {
            entries.retain(|entry| keep(!is_hit(span(entry), &places), skipped));
        }
        _ => {}
    }
}
