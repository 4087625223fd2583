//! `track_script`

use super::settings::Settings;
use super::table::TRACK_SCRIPT;
use super::value::{describe, did_you_mean, weight_of};
use super::Scripts;
use crate::config::error::{quote, Place, Report};
use crate::config::tree::{Data, Value, Word};
use crate::config::{TrackScript, VrrpScript};
use crate::vrrp::bounds;
use crate::vrrp::tracker::Weight;

/// The checks that there are.
pub struct Checks<'a> {
    /// Their names.
    pub by_name: &'a Scripts<'a>,
    /// Themselves, as far as they could be read.
    pub scripts: &'a [Option<VrrpScript>],
}

/// Reads `track_script` of an instance.
pub fn read(settings: &Settings<'_>, checks: &Checks<'_>, report: &mut Report) -> Vec<TrackScript> {
    let mut list: Vec<TrackScript> = Vec::new();
    let items = settings.value("track_script").map(Value::items).unwrap_or_default();
    for item in items {
        let Some((name, weight)) = entry(item, checks, report) else {
            continue;
        };
        let Some(index) = checks.by_name.get(name.text.as_str()).copied() else {
            undefined(&name, checks, report);
            continue;
        };
        if list.iter().any(|other| other.script == index) {
            let message = format!("{} tracks {} twice", settings.label, name.text);
            report.error(name.place, message);
            continue;
        }
        if list.len() == bounds::TRACKERS {
            let message = format!("more than {} entries in track_script", bounds::TRACKERS);
            report.error(item.place, message);
            break;
        }
        let script = checks.scripts.get(index).and_then(Option::as_ref);
        let default = script.map(|script| script.weight).unwrap_or_default();
        list.push(TrackScript {
            script: index,
            weight: weight.unwrap_or(default),
            place: item.place,
        });
    }
    list
}

/// A name, and the weight if there is one.
fn entry(item: &Value, checks: &Checks<'_>, report: &mut Report) -> Option<(Word, Option<Weight>)> {
    if let Data::Table(entries) = &item.data {
        let label = ("track_script".into(), item.place);
        let settings = Settings::read("track_script", TRACK_SCRIPT, label, entries, report);
        let name = settings.need("name", "write { name = \"...\" }", report)?.word()?;
        let reverse = settings.flag("reverse").unwrap_or(false);
        let weight = match settings.weight("weight") {
            Some(weight) => Weight::new(weight.value(), weight.reverse() || reverse),
            None if reverse => Weight::new(0, true),
            None => None,
        };
        return Some((name, weight));
    }
    // A name may have blanks in it.
    let whole = item.word().filter(|word| checks.by_name.contains_key(word.text.as_str()));
    let words = match (&item.data, whole) {
        (_, Some(name)) => return Some((name, None)),
        (Data::Line(words), None) if words.len() > 1 => Some(words.clone()),
        (_, None) => item.words(),
    };
    let Some(words) = words else {
        let message = format!("track_script must be a list of names, not {}", describe(item));
        report.error(item.place, message);
        return None;
    };
    line(&words, item.place, report)
}

/// `NAME [weight WEIGHT [reverse|noreverse]]`
fn line(words: &[Word], place: Place, report: &mut Report) -> Option<(Word, Option<Weight>)> {
    let Some((name, rest)) = words.split_first() else {
        report.error(place, "a name is missing");
        return None;
    };
    let Some((keyword, rest)) = rest.split_first() else {
        return Some((name.clone(), None));
    };
    if keyword.text != "weight" {
        let message = format!("unknown word {} behind {}", quote(&keyword.text), name.text);
        report.error(keyword.place, message).help("write NAME weight WEIGHT [reverse]");
        return Some((name.clone(), None));
    }
    let texts: Vec<_> = rest.iter().map(|word| word.text.as_str()).collect();
    let weight = weight_of(&texts);
    if weight.is_none() {
        let place = rest.first().map_or(keyword.place, |word| word.place);
        let message =
            format!("weight must be -{0} to {0}, perhaps with reverse behind it", bounds::WEIGHT);
        report.error(place, message);
    }
    Some((name.clone(), weight))
}

fn undefined(name: &Word, checks: &Checks<'_>, report: &mut Report) {
    const NAMED: usize = 5;
    let names = || checks.by_name.keys().copied();
    let near = did_you_mean(&name.text, names());
    let help = match (near.is_empty(), checks.by_name.len()) {
        (false, _) => near,
        (true, 0) => "there is no vrrp_script at all".into(),
        (true, count) => {
            let some: Vec<_> = names().take(NAMED).collect();
            let more = if count > NAMED { ", ..." } else { "" };
            format!("the file has {}{more}", some.join(", "))
        }
    };
    report.error(name.place, format!("there is no vrrp_script {}", quote(&name.text))).help(help);
}
