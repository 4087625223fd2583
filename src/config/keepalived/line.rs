//! A line of the configuration as it is after `$NAME` and the like have been put in: every part
//! still knows where in the files it comes from.

use crate::config::error::Place;
use crate::config::tree::Word;
use core::ops::Range;

/// The places of two parts further apart than this are no place to show.
const WIDEST: usize = 1000;

/// A line.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// What it says.
    pub text: String,
    pieces: Vec<Piece>,
}

/// A part of a line: from its beginning to that of the next piece.
#[derive(Clone, Copy, Debug)]
struct Piece {
    at: usize,
    place: Place,
    /// Whether the text is that of the place, byte for byte. Otherwise the place is that of the
    /// `$NAME` which the text was put in for.
    exact: bool,
}

impl Line {
    /// Adds text as it is in a file.
    pub fn push_exact(&mut self, text: &str, start: usize) {
        self.push(text, Place::new(start, text.len()), true);
    }

    /// Adds text that stands for what is at a place.
    pub fn push_for(&mut self, text: &str, place: Place) {
        self.push(text, place, false);
    }

    fn push(&mut self, text: &str, place: Place, exact: bool) {
        if !text.is_empty() {
            self.pieces.push(Piece { at: self.text.len(), place, exact });
            self.text.push_str(text);
        }
    }

    /// Adds a part of another line.
    pub fn push_part(&mut self, other: &Self, range: Range<usize>) {
        let first = other.piece(range.start);
        for (index, piece) in other.pieces.iter().enumerate().skip(first) {
            let end = other.pieces.get(index + 1).map_or(other.text.len(), |next| next.at);
            let (start, end) = (piece.at.max(range.start), end.min(range.end));
            if start >= range.end {
                break;
            }
            let text = other.text.get(start..end).unwrap_or_default();
            let place = match piece.exact {
                true => piece.place.part(start - piece.at, text.len()),
                false => piece.place,
            };
            self.push(text, place, piece.exact);
        }
    }

    /// A part of this line.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        let mut part = Self::default();
        part.push_part(self, range);
        part
    }

    /// What is left without blanks and tabs around.
    #[must_use]
    pub fn trimmed(&self) -> Self {
        let start = self.text.len() - self.text.trim_ascii_start().len();
        self.part(start..self.text.trim_ascii_end().len().max(start))
    }

    /// The index of the piece that holds a byte of the text.
    fn piece(&self, at: usize) -> usize {
        self.pieces.partition_point(|piece| piece.at <= at).saturating_sub(1)
    }

    /// Where a part of the line comes from.
    #[must_use]
    pub fn place(&self, range: Range<usize>) -> Place {
        let (first, last) = (self.piece(range.start), self.piece(range.end.saturating_sub(1)));
        let (Some(first), Some(last)) = (self.pieces.get(first), self.pieces.get(last)) else {
            return Place::default();
        };
        let start = match first.exact {
            true => first.place.start() + (range.start - first.at),
            false => first.place.start(),
        };
        let end = match last.exact {
            true => last.place.start() + range.end.saturating_sub(last.at),
            false => last.place.start() + last.place.len(),
        };
        match end.checked_sub(start) {
            Some(len) if len <= WIDEST || first.at == last.at => Place::new(start, len),
            _ => first.place,
        }
    }

    /// Where the whole line comes from.
    #[must_use]
    pub fn whole(&self) -> Place {
        self.place(0..self.text.len())
    }

    /// A part of the line as a word.
    #[must_use]
    pub fn word(&self, range: Range<usize>) -> Word {
        let text = self.text.get(range.clone()).unwrap_or_default().into();
        Word { text, place: self.place(range) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(place: Place) -> (usize, usize) {
        (place.start(), place.len())
    }

    #[test]
    fn every_part_knows_its_place() {
        let mut line = Line::default();
        line.push_exact("interface eth", 100);
        line.push_for("01234", Place::new(113, 2));
        line.push_exact(".5", 115);
        assert_eq!(line.text, "interface eth01234.5");
        assert_eq!(of(line.place(0..9)), (100, 9));
        assert_eq!(of(line.place(13..18)), (113, 2));
        assert_eq!(of(line.place(10..20)), (110, 7));
        assert_eq!(of(line.whole()), (100, 17));
        let part = line.part(11..19);
        assert_eq!((part.text.as_str(), of(part.whole())), ("th01234.", (111, 5)));
        assert_eq!(of(part.place(7..8)), (115, 1));
    }

    #[test]
    fn parts_from_far_apart_have_the_place_of_the_first() {
        let mut line = Line::default();
        line.push_exact("a", 5000);
        line.push_exact("b", 10);
        assert_eq!(of(line.whole()), (5000, 1));
        assert_eq!(of(Line::default().whole()), (0, 0));
        assert_eq!(line.trimmed().text, "ab");
    }
}
