//! What keepalived makes of check scripts, and of their names.

use crate::config::error::{quote, Report};
use crate::config::tree::{Data, LeftOut, Tree, Value};
use std::collections::BTreeSet;

/// Of two scripts of one name keepalived runs the first, and says nothing.
pub fn first_scripts(tree: &mut Tree, report: &mut Report) {
    let mut seen = BTreeSet::new();
    let left_out = &mut tree.left_out;
    tree.sections.retain(|section| {
        let Some(name) = section.name.as_ref().filter(|_| section.keyword.text == "vrrp_script")
        else {
            return true;
        };
        if seen.insert(name.text.clone()) {
            return true;
        }
        let reason = "there is a vrrp_script of that name already, and the first one counts";
        report.warning(name.place, reason);
        let text = format!("vrrp_script {} {{ ... }}", name.text);
        left_out.push(LeftOut { text, reason: reason.into(), place: name.place });
        false
    });
}

/// A script that is defined behind its use is not there for keepalived.
pub fn late_scripts(tree: &Tree, report: &mut Report) {
    let mut late: BTreeSet<&str> = BTreeSet::new();
    for section in tree.sections.iter().rev() {
        match (section.keyword.text.as_str(), &section.name) {
            ("vrrp_script", Some(name)) => {
                late.insert(&name.text);
            }
            ("vrrp_instance", _) => {
                let lists = section.entries.iter().filter(|e| e.word.text == "track_script");
                for item in lists.flat_map(|entry| entry.value.items()) {
                    let name = item.words().into_iter().flatten().next();
                    if let Some(name) = name.filter(|name| late.contains(name.text.as_str())) {
                        let message = format!(
                            "{} is defined further down: keepalived does not track it here, vipd does",
                            name.text
                        );
                        report.warning(name.place, message).help("put the vrrp_script first");
                    }
                }
            }
            _ => {}
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
