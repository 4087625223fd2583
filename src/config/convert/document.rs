//! A tree with room for what stands around each of its parts.

use crate::config::error::Place;
use crate::config::tree::{Data, Entry, Section, Tree, Value, Word};
use crate::config::Format;

/// A file, on its way to another syntax.
#[derive(Debug)]
pub struct Document<'a> {
    /// Its sections, in order.
    pub sections: Vec<SectionPart<'a>>,
    /// What stands outside of any section: no syntax can write it.
    pub stray: Vec<StrayPart<'a>>,
    /// Comments behind the last section.
    pub tail: Vec<Note>,
}

/// A section.
#[derive(Debug)]
pub struct SectionPart<'a> {
    /// What the file says.
    pub section: &'a Section,
    /// What stands around it; `end`: behind its last entry.
    pub around: Around,
    /// Its entries.
    pub entries: Vec<EntryPart<'a>>,
}

/// An entry of a section.
#[derive(Debug)]
pub struct EntryPart<'a> {
    /// What the file says.
    pub entry: &'a Entry,
    /// What stands around it; `end`: behind its last item.
    pub around: Around,
    /// Its items, if each of them is written by itself.
    pub items: Option<Vec<ItemPart<'a>>>,
}

/// An item of a list.
#[derive(Debug)]
pub struct ItemPart<'a> {
    /// What the file says.
    pub value: &'a Value,
    /// What stands around it.
    pub around: Around,
}

/// What stands outside of any section.
#[derive(Debug)]
pub struct StrayPart<'a> {
    /// What the file says.
    pub entry: &'a Entry,
    /// Why it is not written.
    pub around: Around,
}

/// What stands around a part, and why it is not written.
#[derive(Debug, Default)]
pub struct Around {
    /// Comments on the lines before it.
    pub before: Vec<Note>,
    /// An empty line stands between these comments and the part.
    pub apart: bool,
    /// The comment at the end of its line.
    pub behind: Option<String>,
    /// Comments behind its last part.
    pub end: Vec<Note>,
    /// What it is called where it is not written.
    pub excerpt: String,
    /// Why it is not written; empty if it is.
    pub reasons: Vec<String>,
}

impl Around {
    /// Whether it is written as a value.
    pub fn is_kept(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Whether a comment stands anywhere around it.
    pub fn has_notes(&self) -> bool {
        !self.before.is_empty() || self.behind.is_some() || !self.end.is_empty()
    }

    /// The comment that stands in the place of what is not written.
    pub fn told(&self) -> String {
        format!("{}: {}", self.excerpt, self.reasons.join("; "))
    }
}

/// A comment on a line of its own.
#[derive(Clone, Debug)]
pub struct Note {
    /// Its text.
    pub text: String,
    /// An empty line stands between the comment before it and itself.
    pub gap: bool,
}

/// Which part of a document: a section, an entry of it, or an item of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The index of the section.
    pub section: usize,
    /// The index of the entry in it.
    pub entry: Option<usize>,
    /// The index of the item in that.
    pub item: Option<usize>,
}

impl<'a> Document<'a> {
    /// A tree with nothing around its parts yet. In UCI the options of a password stand anywhere
    /// among the others, and the tree has them at the end: by their places they are where they were.
    pub fn new(tree: &'a Tree, format: Format) -> Self {
        let mut sections: Vec<_> = tree.sections.iter().map(section).collect();
        if format == Format::Uci {
            for part in &mut sections {
                part.entries.sort_by_key(|part| part.entry.word.place.start());
            }
        }
        let stray = tree.stray.iter().map(|entry| StrayPart { entry, around: Around::default() });
        Self { sections, stray: stray.collect(), tail: Vec::new() }
    }

    /// What stands around a part.
    pub fn around(&mut self, at: Address) -> Option<&mut Around> {
        let section = self.sections.get_mut(at.section)?;
        let Some(entry) = at.entry else {
            return Some(&mut section.around);
        };
        let entry = section.entries.get_mut(entry)?;
        match at.item {
            Some(item) => Some(&mut entry.items.as_mut()?.get_mut(item)?.around),
            None => Some(&mut entry.around),
        }
    }
}

fn section(section: &Section) -> SectionPart<'_> {
    let keyword = section.keyword.text.as_str();
    let entries = section.entries.iter().map(|entry| EntryPart {
        entry,
        around: Around::default(),
        items: is_list(keyword, &entry.word.text).then(|| items(&entry.value)),
    });
    SectionPart { section, around: Around::default(), entries: entries.collect() }
}

fn items(value: &Value) -> Vec<ItemPart<'_>> {
    let part = |value| ItemPart { value, around: Around::default() };
    value.items().iter().map(part).collect()
}

/// Whether each item of a keyword's list stands for itself. The words of a command do not.
fn is_list(section: &str, word: &str) -> bool {
    const LISTS: [&str; 11] = [
        "virtual_ipaddress",
        "virtual_ipaddress_excluded",
        "virtual_routes",
        "virtual_rules",
        "track_script",
        "track_interface",
        "track_file",
        "track_process",
        "track_route",
        "track_tcp",
        "track_ping",
    ];
    match section {
        "vrrp_instance" => LISTS.contains(&word),
        "static_ipaddress" => word == "address",
        "static_routes" => word == "route",
        "static_rules" => word == "rule",
        _ => false,
    }
}

/// The offset of the byte behind a place.
pub fn end(place: Place) -> usize {
    place.start().saturating_add(place.len())
}

/// The offset of the byte behind an entry, with all that is in it.
pub fn end_of_entry(entry: &Entry) -> usize {
    end(entry.word.place).max(end_of_value(&entry.value))
}

fn end_of_value(value: &Value) -> usize {
    let inner = match &value.data {
        Data::Line(words) => words.iter().map(|word| end(word.place)).max(),
        Data::List(items) => items.iter().map(end_of_value).max(),
        Data::Table(entries) => entries.iter().map(end_of_entry).max(),
        _ => None,
    };
    end(value.place).max(inner.unwrap_or_default())
}

/// Whether a keyword, perhaps a misspelt one, has a password behind it.
pub fn is_secret(word: &Word) -> bool {
    const SECRETS: [&str; 3] = ["authentication", "auth_pass", "auth_hmac"];
    word.text.starts_with("auth")
        || crate::config::nearest::nearest(&word.text, SECRETS.into_iter()).is_some()
}
