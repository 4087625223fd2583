//! `interface_up_down_delays`: each line is about one interface, and becomes a section.

use super::block::Statement;
use crate::config::error::{quote, Report};
use crate::config::tree::{Data, Entry, LeftOut, Section, Tree, Value, Word};
use std::collections::BTreeMap;

/// `INTERFACE DOWN_DELAY [UP_DELAY]`
const WORDS: [&str; 2] = ["down_delay", "up_delay"];

/// Appends a section for each line. Of an interface that is there twice the last line counts.
pub fn sections(statement: Statement, tree: &mut Tree, report: &mut Report) {
    let Some(keyword) = statement.words.first().cloned() else {
        return;
    };
    let Some(lines) = statement.block else {
        let message = format!("{} is followed by a block in {{ }}", keyword.text);
        report.error(keyword.place, message);
        return;
    };
    let (mut all, mut seen): (Vec<Section>, BTreeMap<String, usize>) = Default::default();
    for line in lines {
        let place = line.place();
        let mut words = line.words.into_iter();
        let Some(name) = words.next() else {
            continue;
        };
        if line.block.is_some() {
            let message = format!("no block can stand in {}", keyword.text);
            report.error(place, message);
            continue;
        }
        if words.len() == 0 {
            let reason = format!("{} has no delay, and is passed over", name.text);
            report.warning(name.place, reason.as_str());
            tree.left_out.push(LeftOut { text: name.text, reason, place });
            continue;
        }
        let entries = WORDS.iter().zip(words.by_ref()).map(|(word, value)| entry(word, value));
        let entries = entries.collect();
        if let Some(more) = words.next() {
            let message = format!("{} behind {} is not used", quote(&more.text), keyword.text);
            report.warning(more.place, message);
        }
        let section = Section { keyword: keyword.clone(), name: Some(name.clone()), entries };
        let Some(before) = seen.insert(name.text.clone(), all.len()) else {
            all.push(section);
            continue;
        };
        seen.insert(name.text.clone(), before);
        let message = format!("{} is there twice: the last one counts", name.text);
        report.warning(name.place, message.as_str());
        if let Some(before) = all.get_mut(before) {
            let place = before.name.as_ref().map_or(name.place, |it| it.place);
            let text = report.sources().text(place).to_owned();
            tree.left_out.push(LeftOut { text, reason: message, place });
            *before = section;
        }
    }
    tree.sections.extend(all);
}

fn entry(word: &str, value: Word) -> Entry {
    let place = value.place;
    Entry {
        word: Word { text: word.into(), place },
        value: Value { data: Data::Line(vec![value]), place },
    }
}
