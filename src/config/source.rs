//! The texts that a configuration was read from. An included file is one more text behind the
//! others, so that one number, the offset of a byte, says which file and where.

use super::error::Place;

/// One file.
#[derive(Clone, Debug)]
struct Source {
    name: String,
    text: String,
    /// The offset of its first byte.
    start: usize,
    /// Where its lines begin in the text. A file may have as many mistakes as lines.
    lines: Vec<u32>,
}

/// All files, in the order they were opened.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

/// A line of a file, found by the offset of one of its bytes.
#[derive(Clone, Copy, Debug)]
pub struct FoundLine<'a> {
    /// The name of the file.
    pub file: &'a str,
    /// From 1.
    pub number: usize,
    /// Without its end.
    pub text: &'a str,
    /// The offset of that byte in the line.
    pub offset: usize,
}

impl Sources {
    /// Adds a file. Returns the offset of its first byte.
    pub fn add(&mut self, name: &str, text: &str) -> usize {
        // The end of a file is a place, too.
        let start = self.files.last().map_or(0, |last| last.start + last.text.len() + 1);
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let behind = ends.filter_map(|(at, _)| u32::try_from(at + 1).ok());
        let lines = core::iter::once(0).chain(behind).collect();
        self.files.push(Source { name: name.into(), text: text.into(), start, lines });
        start
    }

    /// The name of the first file.
    #[must_use]
    pub fn name(&self) -> &str {
        self.files.first().map_or("", |file| &file.name)
    }

    /// Which file holds the byte at that offset, by its number.
    #[must_use]
    pub fn index(&self, offset: usize) -> usize {
        self.files.partition_point(|file| file.start <= offset).saturating_sub(1)
    }

    /// The texts, each with the offset of its first byte.
    pub fn texts(&self) -> impl Iterator<Item = (usize, &str)> {
        self.files.iter().map(|file| (file.start, file.text.as_str()))
    }

    /// The text of a place, as far as it is within one file.
    #[must_use]
    pub fn text(&self, place: Place) -> &str {
        let Some(file) = self.files.get(self.index(place.start())) else {
            return "";
        };
        let start = place.start().saturating_sub(file.start).min(file.text.len());
        let end = start.saturating_add(place.len()).min(file.text.len());
        file.text.get(start..end).unwrap_or_default()
    }

    /// The line that holds the byte at that offset.
    #[must_use]
    pub fn line(&self, offset: usize) -> FoundLine<'_> {
        let Some(file) = self.files.get(self.index(offset)) else {
            return FoundLine { file: "", number: 1, text: "", offset: 0 };
        };
        let text = file.text.as_str();
        let mut start = offset.saturating_sub(file.start).min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let number = file.lines.partition_point(|line| *line as usize <= start);
        let line_at = |index: usize| file.lines.get(index).map_or(text.len(), |at| *at as usize);
        let mut begin = line_at(number.saturating_sub(1));
        let line = text.get(begin..line_at(number)).unwrap_or_default();
        let mut line = line.trim_end_matches(['\n', '\r']);
        // A byte-order mark is no part of its line.
        if let Some(behind) = line.strip_prefix('\u{feff}') {
            begin += line.len() - behind.len();
            line = behind;
        }
        let offset = start.saturating_sub(begin).min(line.len());
        FoundLine { file: &file.name, number, text: line, offset }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_finds_its_file_and_line() {
        let mut sources = Sources::default();
        assert_eq!(sources.add("a", "one\ntwo\n"), 0);
        let second = sources.add("b", "three\r\nfour");
        let at = |offset| {
            let line = sources.line(offset);
            (line.file.to_owned(), line.number, line.text.to_owned(), line.offset)
        };
        assert_eq!(at(5), ("a".into(), 2, "two".into(), 1));
        assert_eq!(at(8), ("a".into(), 3, String::new(), 0));
        assert_eq!(at(second), ("b".into(), 1, "three".into(), 0));
        assert_eq!(at(second + 100), ("b".into(), 2, "four".into(), 4));
        assert_eq!(sources.text(Place::new(second + 7, 4)), "four");
        assert_eq!(sources.texts().nth(1), Some((second, "three\r\nfour")));
        assert_eq!((sources.name(), sources.index(7), sources.index(second)), ("a", 0, 1));
    }
}
