//! Comments to the parts that they stand at: before one, at the end of its line, or behind the last
//! part of a list, a section or the file. What was left out of the tree is a comment, too.

use super::document::{self, end, end_of_entry, Address, Document, Note};
use crate::config::error::{Place, Report};
use crate::config::source::Sources;
use crate::config::tree::{Section, Tree};
use crate::config::Format;

/// Something that is to be said where it was found.
struct Remark {
    text: String,
    place: Place,
    kind: Kind,
    /// So many braces are open there, in a syntax that has some.
    depth: usize,
    /// The line on which the remarks end that follow this one without an empty line between.
    run: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A comment of the user.
    Comment,
    /// What was left out, and belongs to a section.
    Inner,
    /// What was left out, and stands outside.
    Outer,
}

/// A part and where it stands.
struct Anchor {
    start: usize,
    end: usize,
    at: Address,
    is_list: bool,
}

/// Puts all comments of a tree into the document that was made of it, each once.
pub fn attach(document: &mut Document<'_>, tree: &Tree, format: Format, report: &Report) {
    let lines = Lines::new(report.sources());
    let mut remarks = remarks(document, tree, format);
    depths(&mut remarks, format, report.sources());
    runs(&mut remarks, &lines);
    let (anchors, items) = anchors(document, format);
    let mut places = Places { document, anchors, items, lines, format, report, last: None };
    for remark in remarks {
        places.put(remark);
    }
}

/// Comments and what was left out, in the order of the file.
fn remarks(document: &Document<'_>, tree: &Tree, format: Format) -> Vec<Remark> {
    let remark = |text, place, kind| Remark { text, place, kind, depth: 0, run: 0 };
    let comments = tree.comments.iter();
    let mut remarks: Vec<_> = comments
        .map(|comment| remark(comment.text.clone(), comment.place, Kind::Comment))
        .collect();
    remarks.extend(tree.left_out.iter().map(|left_out| {
        let is_section = format != Format::Uci || left_out.text.starts_with("config");
        let kind = if is_section { Kind::Outer } else { Kind::Inner };
        remark(format!("{}: {}", left_out.text, left_out.reason), left_out.place, kind)
    }));
    remarks.extend(document.stray.iter().map(|stray| {
        let start = stray.entry.word.place.start();
        let place = Place::new(start, end_of_entry(stray.entry).saturating_sub(start));
        remark(stray.around.told(), place, Kind::Outer)
    }));
    remarks.sort_by_key(|remark| remark.place.start());
    remarks
}

/// How deep in blocks each remark of a `keepalived.conf` stands.
fn depths(remarks: &mut [Remark], format: Format, sources: &Sources) {
    if format != Format::Keepalived {
        return;
    }
    let mut remarks = remarks.iter_mut().peekable();
    for (start, text) in sources.texts() {
        let (mut depth, mut quoted, mut skip) = (0usize, false, 0);
        for (at, byte) in text.bytes().enumerate() {
            while let Some(remark) = remarks.next_if(|remark| remark.place.start() <= start + at) {
                remark.depth = depth;
                if remark.kind == Kind::Comment {
                    skip = end(remark.place);
                }
            }
            match byte {
                _ if start + at < skip => {}
                b'\n' => quoted = false,
                b'"' => quoted = !quoted,
                b'{' if !quoted => depth += 1,
                b'}' if !quoted => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
}

fn runs(remarks: &mut [Remark], lines: &Lines) {
    let mut next: Option<(usize, usize)> = None;
    for remark in remarks.iter_mut().rev() {
        let (first, last) = lines.of_place(remark.place);
        remark.run = match next {
            Some((line, run)) if line <= last + 1 => run,
            _ => last,
        };
        next = Some((first, remark.run));
    }
}

/// Sections and entries, and the items of lists, each in the order of the file. Of parts that stand
/// at the same place, because the file repeats it, the first.
fn anchors(document: &Document<'_>, format: Format) -> (Vec<Anchor>, Vec<Anchor>) {
    let (mut anchors, mut items) = (Vec::new(), Vec::new());
    for (section, part) in document.sections.iter().enumerate() {
        let at = Address { section, entry: None, item: None };
        let (start, end) = head(part.section, format);
        anchors.push(Anchor { start, end, at, is_list: false });
        for (entry, part) in part.entries.iter().enumerate() {
            let at = Address { entry: Some(entry), ..at };
            let (start, end) = (part.entry.word.place.start(), end_of_entry(part.entry));
            anchors.push(Anchor { start, end, at, is_list: part.items.is_some() });
            for (item, part) in part.items.iter().flatten().enumerate() {
                let at = Address { item: Some(item), ..at };
                let place = part.value.place;
                items.push(Anchor {
                    start: place.start(),
                    end: document::end(place),
                    at,
                    is_list: false,
                });
            }
        }
    }
    for list in [&mut anchors, &mut items] {
        list.sort_by_key(|anchor| anchor.start);
        list.dedup_by_key(|anchor| anchor.start);
    }
    (anchors, items)
}

/// Where a section begins, and where the line ends that begins it.
fn head(section: &Section, format: Format) -> (usize, usize) {
    let keyword = section.keyword.place;
    match (&section.name, format) {
        // All sections of a kind share the place of the keyword.
        (Some(name), Format::Toml) => (name.place.start(), end(name.place)),
        (Some(name), Format::Keepalived) => (keyword.start(), end(keyword).max(end(name.place))),
        // The name may be an option.
        (Some(_), Format::Uci) | (None, _) => (keyword.start(), end(keyword)),
    }
}

/// Where the lines of all files begin.
struct Lines(Vec<usize>);

impl Lines {
    fn new(sources: &Sources) -> Self {
        let mut starts = Vec::new();
        for (start, text) in sources.texts() {
            starts.push(start);
            let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            starts.extend(ends.map(|(at, _)| start + at + 1));
        }
        Self(starts)
    }

    fn of(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }

    /// The line of the last byte before an offset.
    fn of_end(&self, end: usize) -> usize {
        self.of(end.saturating_sub(1))
    }

    /// The first and the last line.
    fn of_place(&self, place: Place) -> (usize, usize) {
        let first = self.of(place.start());
        (first, self.of_end(end(place)).max(first))
    }
}

struct Places<'d, 't, 'r> {
    document: &'d mut Document<'t>,
    anchors: Vec<Anchor>,
    items: Vec<Anchor>,
    lines: Lines,
    format: Format,
    report: &'r Report,
    /// The last remark that was put behind a section, or between sections: where, and on which line
    /// it ends.
    last: Option<(Spot, usize)>,
}

/// Where a remark goes that belongs to no entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spot {
    /// Behind the last entry of a section.
    End(usize),
    /// Before a section.
    Before(usize),
    /// Behind everything.
    Tail,
}

impl Places<'_, '_, '_> {
    fn put(&mut self, remark: Remark) {
        let at = remark.place.start();
        let file = self.report.sources().index(at);
        let same_file = |anchor: &&Anchor| self.report.sources().index(anchor.start) == file;
        let count = self.anchors.partition_point(|anchor| anchor.start <= at);
        let previous = count.checked_sub(1).and_then(|index| self.anchors.get(index));
        let previous = previous.filter(same_file);
        let next = self.anchors.get(count).filter(same_file);
        let (next_at, next_line) = match next {
            Some(next) => (Some(next.at), self.lines.of(next.start)),
            None => (None, 0),
        };
        let Some(previous) = previous else {
            return self.put_between(remark, None, next_at, next_line);
        };
        let (previous_at, last_line) = (previous.at, self.lines.of_end(previous.end));
        let in_block = self.format == Format::Keepalived && remark.depth > 1;
        if previous.is_list && (at < previous.end || in_block) {
            return self.put_into_list(remark, previous_at);
        }
        if at < previous.end && previous_at.entry.is_some() {
            return self.put_before(remark, previous_at);
        }
        if self.is_behind(&remark, last_line, previous_at) {
            return;
        }
        self.put_between(remark, Some((previous_at, last_line)), next_at, next_line);
    }

    /// Puts a comment behind what ends on its line. Returns whether it could.
    fn is_behind(&mut self, remark: &Remark, line: usize, at: Address) -> bool {
        if remark.kind != Kind::Comment || self.lines.of(remark.place.start()) != line {
            return false;
        }
        match self.document.around(at) {
            Some(around) if around.behind.is_none() => {
                around.behind = Some(remark.text.clone());
                true
            }
            _ => false,
        }
    }

    fn put_into_list(&mut self, remark: Remark, list: Address) {
        let at = remark.place.start();
        let is_in = |anchor: &&Anchor| Address { item: None, ..anchor.at } == list;
        let count = self.items.partition_point(|anchor| anchor.start <= at);
        let previous = count.checked_sub(1).and_then(|index| self.items.get(index)).filter(is_in);
        let next = self.items.get(count).filter(is_in).map(|anchor| anchor.at);
        let previous = previous.map(|anchor| (self.lines.of_end(anchor.end), anchor.at));
        if previous.is_some_and(|(line, item)| self.is_behind(&remark, line, item)) {
            return;
        }
        match next {
            Some(item) => self.put_before(remark, item),
            None => {
                if let Some(around) = self.document.around(list) {
                    around.end.push(Note { text: remark.text, gap: false });
                }
            }
        }
    }

    fn put_before(&mut self, remark: Remark, at: Address) {
        if let Some(around) = self.document.around(at) {
            around.before.push(Note { text: remark.text, gap: false });
        }
    }

    /// Puts a remark that stands between two parts before the second, or at the end of the section
    /// that the first is of. `previous` comes with the line on which it ends.
    fn put_between(
        &mut self,
        remark: Remark,
        previous: Option<(Address, usize)>,
        next: Option<Address>,
        next_line: usize,
    ) {
        if let Some(next) = next.filter(|next| next.entry.is_some()) {
            return self.put_before(remark, next);
        }
        let (line, last_line) = self.lines.of_place(remark.place);
        let own = previous.filter(|previous| self.is_inside(&remark, *previous, next_line));
        let spot = match (own, next) {
            (Some((own, _)), _) => Spot::End(own.section),
            (None, Some(next)) => Spot::Before(next.section),
            (None, None) => Spot::Tail,
        };
        let gap = match self.last.replace((spot, last_line)) {
            Some((last, end)) if last == spot => line > end + 1,
            _ => spot == Spot::Tail,
        };
        let at = |section| Address { section, entry: None, item: None };
        let note = Note { text: remark.text, gap };
        match spot {
            Spot::Tail => self.document.tail.push(note),
            Spot::End(section) => {
                if let Some(around) = self.document.around(at(section)) {
                    around.end.push(Note { gap: false, ..note });
                }
            }
            Spot::Before(section) => {
                if let Some(around) = self.document.around(at(section)) {
                    around.before.push(note);
                    around.apart = next_line > last_line + 1;
                }
            }
        }
    }

    /// Whether a remark behind the last entry of a section still belongs to it. Where no brace tells,
    /// it does if no empty line is before it, and one is behind it.
    fn is_inside(&self, remark: &Remark, previous: (Address, usize), next_line: usize) -> bool {
        let (Address { section, .. }, mut end) = previous;
        match (self.format, remark.kind) {
            (Format::Keepalived, _) => {
                return remark.depth > 0 || self.is_included(section, remark)
            }
            (_, Kind::Inner) => return true,
            (_, Kind::Outer) => return false,
            (_, Kind::Comment) => {}
        }
        if let Some((_, line)) = self.last.filter(|(spot, _)| *spot == Spot::End(section)) {
            end = end.max(line);
        }
        let before_next = next_line > 0 && next_line <= remark.run + 1;
        self.lines.of(remark.place.start()) <= end + 1 && !before_next
    }

    /// Whether the section begins in another file than the one that the remark is in.
    fn is_included(&self, section: usize, remark: &Remark) -> bool {
        let sources = self.report.sources();
        let place = self.document.sections.get(section).map(|part| part.section.keyword.place);
        place.is_some_and(|place| {
            sources.index(place.start()) != sources.index(remark.place.start())
        })
    }
}
