//! Lists of what an instance or a group tracks: `NAME [weight WEIGHT [reverse|noreverse]]`.

use super::settings::Settings;
use super::table::{HEAVY_ENTRY, TRACK_ENTRY};
use super::tracked::Names;
use super::value::{describe, did_you_mean, weight_of};
use crate::config::error::{quote, Place, Report};
use crate::config::tree::{Data, Value, Word};
use crate::config::TrackScript;
use crate::vrrp::bounds;
use crate::vrrp::tracker::Weight;

/// A list of trackers.
pub struct List<'a> {
    /// Its keyword: `track_script`.
    pub word: &'a str,
    /// The largest weight, either way.
    pub most: i16,
    /// What is tracked where the whole entry is a name, blanks and all.
    pub is_name: &'a dyn Fn(&str) -> bool,
}

/// An entry of such a list.
#[derive(Debug)]
pub struct Entry {
    /// What is tracked.
    pub name: Word,
    /// Its weight and whether it is inverted, as far as the entry says so.
    weight: Option<(i16, Option<bool>)>,
    /// Where it stands.
    pub place: Place,
}

impl Entry {
    /// Its weight: what it does not say is as in `default`, the weight of the thing itself.
    pub fn weight(&self, default: Weight) -> Weight {
        let Some((value, reverse)) = self.weight else {
            return default;
        };
        Weight::new(value, reverse.unwrap_or(default.reverse())).unwrap_or(default)
    }
}

/// Sections of a kind, which the entries of a list name.
pub struct Known<'a> {
    /// The keyword of the sections: `vrrp_script`.
    pub section: &'a str,
    /// Their names.
    pub names: &'a Names<'a>,
    /// The weight of each where the list says nothing.
    pub weights: Vec<Weight>,
}

impl Known<'_> {
    /// Reads the list of that keyword: the number of what is tracked, its weight, and the place.
    pub fn read(
        &self,
        settings: &Settings<'_>,
        (word, most): (&str, i16),
        report: &mut Report,
    ) -> Vec<(usize, Weight, Place)> {
        let is_name = |name: &str| self.names.contains_key(name);
        let mut found = Vec::new();
        for entry in read(settings, &List { word, most, is_name: &is_name }, report) {
            let Some(index) = self.names.get(entry.name.text.as_str()).copied() else {
                self.undefined(&entry.name, report);
                continue;
            };
            let default = self.weights.get(index).copied().unwrap_or_default();
            found.push((index, entry.weight(default), entry.place));
        }
        found
    }

    fn undefined(&self, name: &Word, report: &mut Report) {
        const NAMED: usize = 5;
        let section = self.section;
        let names = || self.names.keys().copied();
        let near = did_you_mean(&name.text, names());
        let help = match (near.is_empty(), self.names.len()) {
            (false, _) => near,
            (true, 0) => format!("there is no {section} at all"),
            (true, count) => {
                let some: Vec<_> = names().take(NAMED).collect();
                let more = if count > NAMED { ", ..." } else { "" };
                format!("the file has {}{more}", some.join(", "))
            }
        };
        report.error(name.place, format!("there is no {section} {}", quote(&name.text))).help(help);
    }
}

/// Reads `track_script`.
pub fn track_script(
    settings: &Settings<'_>,
    scripts: &Known<'_>,
    report: &mut Report,
) -> Vec<TrackScript> {
    let list = scripts.read(settings, ("track_script", bounds::WEIGHT), report);
    list.into_iter().map(|(script, weight, place)| TrackScript { script, weight, place }).collect()
}

/// Reads a list of trackers; each is there once.
pub fn read(settings: &Settings<'_>, list: &List<'_>, report: &mut Report) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for item in settings.value(list.word).map(Value::items).unwrap_or_default() {
        let Some(entry) = entry(item, list, report) else {
            continue;
        };
        let name = &entry.name;
        if entries.iter().any(|other| other.name.text == name.text) {
            report.error(name.place, format!("{} tracks {} twice", settings.label, name.text));
        } else if entries.len() == bounds::TRACKERS {
            let message = format!("more than {} entries in {}", bounds::TRACKERS, list.word);
            report.error(item.place, message);
            break;
        } else {
            entries.push(entry);
        }
    }
    entries
}

fn entry(item: &Value, list: &List<'_>, report: &mut Report) -> Option<Entry> {
    let place = item.place;
    if let Data::Table(entries) = &item.data {
        let label = (list.word.to_owned(), place);
        let table = if list.most > bounds::WEIGHT { HEAVY_ENTRY } else { TRACK_ENTRY };
        let settings = Settings::read(list.word, table, label, entries, report);
        let name = settings.need("name", "write { name = \"...\" }", report)?.word()?;
        return Some(Entry { name, weight: table_weight(&settings), place });
    }
    // A name may have blanks in it.
    let whole = item.word().filter(|word| (list.is_name)(&word.text));
    let words = match (&item.data, whole) {
        (_, Some(name)) => return Some(Entry { name, weight: None, place }),
        (Data::Line(words), None) if words.len() > 1 => Some(words.clone()),
        (_, None) => item.words(),
    };
    let Some(words) = words else {
        let message = format!("{} must be a list of names, not {}", list.word, describe(item));
        report.error(place, message);
        return None;
    };
    line(&words, place, list, report)
}

/// `weight` and `reverse` of a table.
fn table_weight(settings: &Settings<'_>) -> Option<(i16, Option<bool>)> {
    let flag = settings.flag("reverse");
    let Some(weight) = settings.weight("weight") else {
        return flag.filter(|reverse| *reverse).map(|reverse| (0, Some(reverse)));
    };
    let words = settings.value("weight").and_then(Value::words).unwrap_or_default();
    let behind = words.get(1).map(|_| weight.reverse());
    let reverse = match (behind, flag) {
        (Some(behind), Some(flag)) => Some(behind || flag),
        (behind, flag) => behind.or(flag),
    };
    Some((weight.value(), reverse))
}

/// `NAME [weight WEIGHT [reverse|noreverse]]`
fn line(words: &[Word], place: Place, list: &List<'_>, report: &mut Report) -> Option<Entry> {
    let Some((name, rest)) = words.split_first() else {
        report.error(place, "a name is missing");
        return None;
    };
    let entry = |weight| Some(Entry { name: name.clone(), weight, place });
    let Some((keyword, rest)) = rest.split_first() else {
        return entry(None);
    };
    if keyword.text != "weight" {
        let message = format!("unknown word {} behind {}", quote(&keyword.text), name.text);
        report.error(keyword.place, message).help("write NAME weight WEIGHT [reverse]");
        return entry(None);
    }
    let texts: Vec<_> = rest.iter().map(|word| word.text.as_str()).collect();
    let weight = weight_of(&texts, list.most);
    if weight.is_none() {
        let place = rest.first().map_or(keyword.place, |word| word.place);
        let most = list.most;
        let message = format!("weight must be -{most} to {most}, perhaps with reverse behind it");
        report.error(place, message);
    }
    entry(weight)
}
