//! Sections and options to a [`Tree`].

use super::definitions::Definitions;
use super::left_out::{self, LeftOuts};
use super::openwrt;
use super::syntax::{File, Section, Setting};
use crate::config::error::{quote, Place, Report};
use crate::config::keepalived::translate;
use crate::config::nearest::nearest;
use crate::config::schema::{has_name, sections, truth};
use crate::config::tree::{self, Data, Entry, Tree, Value, Word};

/// Makes the tree, if the file is to be used. What vipd does not have is told of and left out.
pub fn read(mut file: File, report: &mut Report) -> Option<Tree> {
    if !openwrt::is_in_use(&file.sections, report) {
        return None;
    }
    let is_openwrt = openwrt::is_layout(&file.sections);
    file.sections.iter_mut().for_each(name);
    let mut left_out = LeftOuts::default();
    let definitions = Definitions::new(&file.sections, &mut left_out, report);
    let mut layout = Layout { definitions, left_out, report };
    let sections =
        file.sections.into_iter().filter_map(|section| layout.section(section)).collect();
    let Layout { definitions, mut left_out, report } = layout;
    definitions.tell_unused(&mut left_out, report);
    let (comments, left_out) = (file.comments, left_out.all);
    let mut tree = Tree { sections, stray: Vec::new(), comments, left_out };
    if is_openwrt {
        // What its package handed on to keepalived is read as keepalived reads it.
        translate(&mut tree, report);
    }
    Some(tree)
}

/// `globals` is another word for `global_defs`. Other sections may have their name as an option:
/// there it may have any characters.
pub fn name(section: &mut Section) {
    if section.keyword.text == "globals" {
        section.keyword.text = "global_defs".into();
    }
    let keyword = section.keyword.text.as_str();
    if has_name(keyword) == Some(false) {
        return;
    }
    // OpenWrt's package has the interface as an option, too, and calls it so.
    let is_name = |word: &str| match keyword {
        "interface_up_down_delays" => matches!(word, "name" | "device"),
        _ => word == "name",
    };
    if let Some(at) = section.settings.iter().position(|setting| is_name(&setting.word.text)) {
        let name = section.settings.remove(at).values.pop();
        section.name = name.or(section.name.take());
    }
}

struct Layout<'r> {
    definitions: Definitions,
    left_out: LeftOuts,
    report: &'r mut Report,
}

impl Layout<'_> {
    fn section(&mut self, section: Section) -> Option<tree::Section> {
        let keyword = section.keyword.text.as_str();
        if Definitions::kinds().any(|kind| kind == keyword) || self.is_misspelt(&section.keyword) {
            return None;
        }
        if let Some(reason) = left_out::reason("", keyword) {
            // So that nothing is told of as unused that is only left out.
            section.settings.iter().for_each(|setting| drop(self.values(keyword, setting)));
            let name = section.name.as_ref().map_or("", |name| &name.text);
            let line = left_out::section(keyword, name);
            self.left_out.add(("", &section.keyword), &reason, line, self.report);
            return None;
        }
        let Section { keyword, name, settings } = section;
        let entries = settings.into_iter().filter_map(|it| self.entry(&keyword.text, it)).collect();
        let name = name.filter(|_| has_name(&keyword.text) != Some(false));
        let mut section = tree::Section { keyword, name, entries };
        openwrt::adapt(&mut section, &mut self.left_out, self.report);
        Some(section)
    }

    /// Whether the type is nearest to one that the schema does not know, and would not suggest.
    fn is_misspelt(&mut self, keyword: &Word) -> bool {
        let Word { text, place } = keyword;
        if has_name(text).is_some() || left_out::reason("", text).is_some() {
            return false;
        }
        let known = sections().map(|(_, word)| word).chain(Definitions::kinds()).chain(["globals"]);
        match nearest(text, known) {
            Some(near) if has_name(near).is_none() => {
                let message = format!("unknown section {}", quote(text));
                self.report.error(*place, message).help(format!("did you mean \"{near}\"?"));
                true
            }
            _ => false,
        }
    }

    /// What a section says of a keyword; nothing if it is to be left out.
    fn entry(&mut self, section: &str, mut setting: Setting) -> Option<Entry> {
        if section == "global_defs" && openwrt::SWITCHES.contains(&setting.word.text.as_str()) {
            return None;
        }
        if let Some(new) = left_out::renamed(section, &setting.word.text) {
            setting.word.text = new.into();
        }
        let values = self.values(section, &setting);
        if let Some(reason) = left_out::reason(section, &setting.word.text) {
            self.leave_out(section, &setting, &values, &reason);
            return None;
        }
        let place = setting.values.first()?.place;
        let items: Vec<_> = values.into_iter().map(value).collect();
        let value = match items.as_slice() {
            [Value { data: Data::Line(words), .. }] if words.len() == 1 && !setting.list => {
                items.into_iter().next()?
            }
            _ => Value { data: Data::List(items), place },
        };
        Some(Entry { word: setting.word, value })
    }

    /// The lines of a setting, with what names stand for in their place.
    fn values(&mut self, section: &str, setting: &Setting) -> Vec<Vec<Word>> {
        let at = (section, setting.word.text.as_str());
        let mut lines = Vec::new();
        for value in &setting.values {
            lines.extend(self.definitions.lines(at, value, self.report));
        }
        lines
    }

    fn leave_out(&mut self, section: &str, setting: &Setting, lines: &[Vec<Word>], reason: &str) {
        let word = &setting.word;
        for line in lines {
            let words: Vec<_> = line.iter().map(|word| word.text.as_str()).collect();
            let value = words.join(" ");
            // To say no to what is not there changes nothing.
            if setting.list || truth(&value) != Some(false) {
                let command = if setting.list { "list" } else { "option" };
                let text = left_out::line(command, &word.text, &value);
                self.left_out.add((section, word), reason, text, self.report);
            }
        }
    }
}

/// A line as a value. Its words may be from several lines of the file.
fn value(words: Vec<Word>) -> Value {
    let start = words.iter().map(|word| word.place.start()).min().unwrap_or_default();
    let end = words.iter().map(|word| word.place.start() + word.place.len()).max();
    let place = Place::new(start, end.unwrap_or_default().saturating_sub(start));
    Value { data: Data::Line(words), place }
}
