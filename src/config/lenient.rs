//! `--lenient`: what cannot be used is taken out of the tree, piece by piece, and told.

use super::error::{Place, Report};
use super::tree::{Data, Entry, Section, Tree, Value};

/// Who runs a script is never taken out: then it would run as somebody else, perhaps as root. Nor is a
/// password that cannot be sent: without it the others discard our adverts, and we theirs.
const STAYS: [&str; 3] = ["user", "script_user", "auth_pass"];
/// Nor is this as a whole: we would believe what nobody has signed.
const SIGNATURES: &str = "auth_hmac";

/// Takes out what the errors of a report point at: an item of a list, else an entry, else a section.
/// Returns how many pieces that were; an error that points elsewhere stays one.
pub fn skip(tree: &mut Tree, report: &Report) -> usize {
    let mut places: Vec<Place> = report.errors().map(|problem| problem.place).collect();
    places.sort_unstable_by_key(|place| place.start());
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
            let stays = stays(entry) || entry.word.text == SIGNATURES;
            keep((!hit && !emptied) || stays, &mut skipped)
        });
    }
    tree.sections.retain(|section| keep(!is_hit(head(section), &places), &mut skipped));
    skipped
}

/// Whether an entry is never taken out.
pub fn stays(entry: &Entry) -> bool {
    STAYS.contains(&entry.word.text.as_str())
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

/// Whether one of the places, which are sorted, begins within a part.
fn is_hit(part: Place, places: &[Place]) -> bool {
    let next = places.partition_point(|place| place.start() < part.start());
    places.get(next).is_some_and(|place| place.start() < part.start() + part.len().max(1))
}

/// Whether an error is about the list or table, and not about something in it.
fn is_hit_as_a_whole(value: &Value, places: &[Place]) -> bool {
    let start = value.place.start();
    let first = places.partition_point(|place| place.start() < start);
    let behind = places.get(first..).unwrap_or_default();
    behind
        .iter()
        .take_while(|place| place.start() == start)
        .any(|place| place.len() == value.place.len())
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
            items.iter_mut().for_each(|item| skip_words(item, &places, skipped));
            items.retain(|item| keep(!is_hit(first(item), &places), skipped));
        }
        Data::Table(entries) => {
            let hit = |entry: &Entry| is_hit(span(entry), &places) && !stays(entry);
            entries.retain(|entry| keep(!hit(entry), skipped));
        }
        _ => {}
    }
}

/// Of a line the words behind the first are taken out one by one: an address counts without what is
/// wrong behind it, and so does the name of a check.
fn skip_words(item: &mut Value, places: &[Place], skipped: &mut usize) {
    if let Data::Line(words) = &mut item.data {
        let mut count = 0;
        words.retain(|word| {
            count += 1;
            keep(count == 1 || !is_hit(word.place, places), skipped)
        });
    }
}

/// The first word of a line; of anything else the whole.
fn first(item: &Value) -> Place {
    match &item.data {
        Data::Line(words) if words.len() > 1 => words.first().map_or(item.place, |word| word.place),
        _ => item.place,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{read, Format, Reading};

    /// Whether it can be used, with `[globals, in a check, in an instance]`.
    fn is_usable([globals, check, instance]: [&str; 3]) -> bool {
        let text = format!(
            "global_defs {{\n{globals}\n}}\nvrrp_script c {{\nscript /bin/x\n{check}\n}}\n\
             vrrp_instance v {{\ninterface eth0\nvirtual_router_id 5\n\
             virtual_ipaddress {{\n192.0.2.1\n}}\ntrack_script {{\nc\n}}\n{instance}\n}}\n"
        );
        let how = Reading { lenient: true, ..Reading::strict(Format::Keepalived) };
        read("f", text.as_bytes(), &how, &|_, _| {}).0.is_some()
    }

    #[test]
    fn what_is_wrong_is_skipped_but_never_who_runs_a_script() {
        assert!(is_usable(["script_user nobody", "user nobody", "priority 10"]));
        assert!(is_usable(["vrrp_version 9", "weight much", "priority 1000"]));
        assert!(is_usable(["", "", "virtual_ipaddress {\n192.0.2.2 dve eth0 scope x\n}"]));
        // Nothing is run then.
        assert!(is_usable(["", "", "notify /bin/x \"\""]));
        assert!(!is_usable(["script_user \"a b c\"", "", ""]));
        assert!(!is_usable(["", "user \"a b c\"", ""]));
        assert!(!is_usable(["", "", "notify \"/bin/x 'a'\" \"a b c\""]));
    }
}
