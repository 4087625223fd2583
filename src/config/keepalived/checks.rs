//! What keepalived makes of check scripts and other things to track, and of their names.

use crate::config::error::{quote, Report};
use crate::config::tree::{Data, LeftOut, Section, Tree, Value};
use std::collections::BTreeSet;

/// What lists of an instance name: the section, and the list.
const TRACKED: [(&str, &str); 3] = [
    ("vrrp_script", "track_script"),
    ("track_file", "track_file"),
    ("track_process", "track_process"),
];

/// Of two sections of one name keepalived uses the first, and says nothing.
pub fn first_of_a_name(tree: &mut Tree, report: &mut Report) {
    let mut seen = BTreeSet::new();
    let left_out = &mut tree.left_out;
    tree.sections.retain(|section| {
        let keyword = section.keyword.text.as_str();
        let is_tracked = TRACKED.iter().any(|(tracked, _)| *tracked == keyword);
        let Some(name) = section.name.as_ref().filter(|_| is_tracked) else {
            return true;
        };
        if seen.insert((keyword.to_owned(), name.text.clone())) {
            return true;
        }
        let reason = format!("there is a {keyword} of that name already, and the first one counts");
        report.warning(name.place, &*reason);
        let text = format!("{keyword} {} {{ ... }}", name.text);
        left_out.push(LeftOut { text, reason, place: name.place });
        false
    });
}

/// What is defined behind its use is not there for keepalived.
pub fn late(tree: &Tree, report: &mut Report) {
    let mut late: BTreeSet<(&str, &str)> = BTreeSet::new();
    for section in tree.sections.iter().rev() {
        match (section.keyword.text.as_str(), &section.name) {
            ("vrrp_instance", _) => {
                for (keyword, list) in TRACKED {
                    late_names(section, (keyword, list), &late, report);
                }
            }
            (keyword, Some(name)) => {
                late.insert((keyword, &name.text));
            }
            _ => {}
        }
    }
}

fn late_names(
    section: &Section,
    (keyword, list): (&str, &str),
    late: &BTreeSet<(&str, &str)>,
    report: &mut Report,
) {
    let lists = section.entries.iter().filter(|entry| entry.word.text == list);
    for item in lists.flat_map(|entry| entry.value.items()) {
        let name = item.words().into_iter().flatten().next();
        if let Some(name) = name.filter(|name| late.contains(&(keyword, name.text.as_str()))) {
            let message = format!(
                "{} is defined further down: keepalived does not track it here, vipd does",
                name.text
            );
            report.warning(name.place, message).help(format!("put the {keyword} first"));
        }
    }
}

/// A script that is tracked twice is tracked once, and words behind its weight mean nothing.
pub fn tracked(value: &mut Value, report: &mut Report) {
    let Data::List(items) = &mut value.data else {
        return;
    };
    let mut seen = BTreeSet::new();
    items.retain_mut(|item| {
        let Data::Line(words) = &mut item.data else {
            return true;
        };
        let texts: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
        let most = match texts.as_slice() {
            [_, "weight", _, "reverse" | "noreverse", ..] => 4,
            _ => usize::MAX,
        };
        if let Some(more) = words.get(most) {
            let message = format!("{} behind the weight is not used", quote(&more.text));
            report.warning(more.place, message);
            words.truncate(most);
        }
        let Some(name) = words.first() else {
            return true;
        };
        let first = seen.insert(name.text.clone());
        if !first {
            let message = format!("{} is tracked already, and the first one counts", name.text);
            report.warning(name.place, message);
        }
        first
    });
}
