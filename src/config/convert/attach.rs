//! Comments to the parts that they stand at: before one, at the end of its line, or behind the last
//! part of a list, a section or the file. What was left out of the tree is a comment, too.

use super::document::{end, end_of_entry, Address, Document, Note};
use crate::config::error::{Place, Report};
use crate::config::source::Sources;
use crate::config::tree::{Section, Tree};
use crate::config::Format;

/// Something that is to be said where it was found.
struct Remark {
    text: String,
    place: Place,
    kind: Kind,
    /// Where the outermost and the innermost block begin that it stands in, in a syntax with braces.
    block: Option<(usize, usize)>,
    /// Nothing stands before it on its line.
    alone: bool,
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
#[derive(Clone, Copy)]
struct Anchor {
    start: usize,
    end: usize,
    /// The line of its first byte, and that of its last.
    lines: (usize, usize),
    at: Address,
    is_list: bool,
}

/// Puts all comments of a tree into the document that was made of it, each once.
pub fn attach(document: &mut Document<'_>, tree: &Tree, format: Format, report: &Report) {
    let lines = Lines::new(report.sources());
    let mut remarks = remarks(document, tree, format);
    blocks(&mut remarks, format, report.sources());
    runs(&mut remarks, &lines);
    let (anchors, items) = anchors(document, format, &lines);
    let mut places = Places { document, anchors, items, lines, format, report, last: None };
    for remark in remarks {
        places.put(remark);
    }
}

/// Comments and what was left out, in the order of the file.
fn remarks(document: &Document<'_>, tree: &Tree, format: Format) -> Vec<Remark> {
    let remark = |text, place, kind| Remark { text, place, kind, block: None, alone: true, run: 0 };
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

/// Finds the blocks that each remark of a `keepalived.conf` stands in.
fn blocks(remarks: &mut [Remark], format: Format, sources: &Sources) {
    if format != Format::Keepalived {
        return;
    }
    let mut remarks = remarks.iter_mut().peekable();
    for (start, text) in sources.texts() {
        let (mut open, mut quoted, mut alone, mut skip) = (Vec::new(), false, true, 0);
        for (at, byte) in text.bytes().enumerate() {
            while let Some(remark) = remarks.next_if(|remark| remark.place.start() <= start + at) {
                remark.block = open.first().copied().zip(open.last().copied());
                remark.alone = alone;
                if remark.kind == Kind::Comment {
                    skip = end(remark.place);
                }
            }
            alone = byte == b'\n' || alone && byte.is_ascii_whitespace();
            match byte {
                _ if start + at < skip => {}
                b'\n' => quoted = false,
                b'"' => quoted = !quoted,
                b'{' if !quoted => open.push(start + at),
                b'}' if !quoted => drop(open.pop()),
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
fn anchors(document: &Document<'_>, format: Format, lines: &Lines) -> (Vec<Anchor>, Vec<Anchor>) {
    let (mut anchors, mut items) = (Vec::new(), Vec::new());
    let anchor = |start: usize, end: usize, at, is_list| {
        let len = end.saturating_sub(start);
        Anchor { start, end, lines: lines.of_place(Place::new(start, len)), at, is_list }
    };
    for (section, part) in document.sections.iter().enumerate() {
        let at = Address { section, entry: None, item: None };
        let (start, end_of_head) = head(part.section, format);
        anchors.push(anchor(start, end_of_head, at, false));
        for (entry, part) in part.entries.iter().enumerate() {
            let at = Address { entry: Some(entry), ..at };
            let (start, end_of_entry) = (part.entry.word.place.start(), end_of_entry(part.entry));
            anchors.push(anchor(start, end_of_entry, at, part.items.is_some()));
            for (item, part) in part.items.iter().flatten().enumerate() {
                let at = Address { item: Some(item), ..at };
                let place = part.value.place;
                items.push(anchor(place.start(), end(place), at, false));
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

    /// The first and the last line.
    fn of_place(&self, place: Place) -> (usize, usize) {
        let first = self.of(place.start());
        (first, self.of(end(place).saturating_sub(1)).max(first))
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
        let (previous, next) = self.neighbours(&self.anchors, at);
        let Some(previous) = previous else {
            return self.put_between(remark, None, next);
        };
        let in_block = remark.block.is_some_and(|(outer, inner)| {
            outer < inner && (previous.start..previous.end).contains(&inner)
        });
        if previous.is_list && (at < previous.end || in_block) {
            self.put_into_list(remark, previous.at);
        } else if at < previous.end && previous.at.entry.is_some() {
            self.put_before(remark, previous.at);
        } else if !self.put_behind(&remark, previous) {
            self.put_between(remark, Some(previous), next);
        }
    }

    /// The last part that begins before an offset, and the next one, in the same file.
    fn neighbours(&self, anchors: &[Anchor], at: usize) -> (Option<Anchor>, Option<Anchor>) {
        let sources = self.report.sources();
        let file = sources.index(at);
        let count = anchors.partition_point(|anchor| anchor.start <= at);
        let in_file = |anchor: &Anchor| sources.index(anchor.start) == file;
        let previous = count.checked_sub(1).and_then(|index| anchors.get(index));
        (previous.copied().filter(in_file), anchors.get(count).copied().filter(in_file))
    }

    /// Puts a comment behind what ends on its line. Returns whether it could.
    fn put_behind(&mut self, remark: &Remark, anchor: Anchor) -> bool {
        let line = self.lines.of(remark.place.start());
        if remark.kind != Kind::Comment || line != anchor.lines.1 {
            return false;
        }
        match self.document.around(anchor.at) {
            Some(around) if around.behind.is_none() => {
                around.behind = Some(remark.text.clone());
                true
            }
            _ => false,
        }
    }

    fn put_into_list(&mut self, remark: Remark, list: Address) {
        let (previous, next) = self.neighbours(&self.items, remark.place.start());
        let is_in = |anchor: &Anchor| Address { item: None, ..anchor.at } == list;
        if previous.filter(is_in).is_some_and(|item| self.put_behind(&remark, item)) {
            return;
        }
        if let Some(item) = next.filter(is_in) {
            self.put_before(remark, item.at);
        } else if let Some(around) = self.document.around(list) {
            around.end.push(Note { text: remark.text, gap: false });
        }
    }

    fn put_before(&mut self, remark: Remark, at: Address) {
        if let Some(around) = self.document.around(at) {
            around.before.push(Note { text: remark.text, gap: false });
        }
    }

    /// Puts a remark that stands between two parts before the second, or at the end of the section
    /// that the first is of.
    fn put_between(&mut self, remark: Remark, previous: Option<Anchor>, next: Option<Anchor>) {
        if let Some(next) = next.filter(|next| next.at.entry.is_some()) {
            return self.put_before(remark, next.at);
        }
        let lines = self.lines.of_place(remark.place);
        let own = previous.filter(|previous| self.is_inside(&remark, *previous, next));
        let spot = match (own, next) {
            (Some(own), _) => Spot::End(own.at.section),
            (None, Some(next)) => Spot::Before(next.at.section),
            (None, None) => Spot::Tail,
        };
        let last = self.last.replace((spot, lines.1));
        let gap = last.is_some_and(|(last, line)| last == spot && lines.0 > line + 1);
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
                    around.apart = next.is_some_and(|next| next.lines.0 > lines.1 + 1);
                }
            }
        }
    }

    /// Whether a remark behind the last entry of a section still belongs to it. Where no brace tells,
    /// it does if no empty line is before it, and one is behind it.
    fn is_inside(&self, remark: &Remark, previous: Anchor, next: Option<Anchor>) -> bool {
        let section = previous.at.section;
        match (self.format, remark.kind) {
            (Format::Keepalived, _) => return self.is_in_block(remark, previous),
            (_, Kind::Inner) => return true,
            (_, Kind::Outer) => return false,
            (_, Kind::Comment) => {}
        }
        let behind = self.last.filter(|(spot, _)| *spot == Spot::End(section));
        let end = behind.map_or(previous.lines.1, |(_, line)| line.max(previous.lines.1));
        let before_next = next.is_some_and(|next| next.lines.0 <= remark.run + 1);
        self.lines.of(remark.place.start()) <= end + 1 && !before_next
    }

    /// Whether the block of a section is open, or ends on the line of the remark.
    fn is_in_block(&self, remark: &Remark, previous: Anchor) -> bool {
        let between = match self.last {
            Some((Spot::Before(section), _)) => section > previous.at.section,
            Some((Spot::Tail, _)) => true,
            Some((Spot::End(_), _)) | None => false,
        };
        match remark.block {
            // A block that begins behind an entry is another one.
            Some((outer, _)) => previous.at.entry.is_none() || outer < previous.start,
            None => !remark.alone && !between || self.is_included(previous.at.section, remark),
        }
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
