//! The lines of a file, each with those that it goes on in.

use super::comment::{strip, Stripped};
use super::define::{definition, Definition};
use super::expand::{Expander, Frame, LINES};
use super::line::Line;
use crate::config::error::Place;
use crate::config::tree::Comment;
use std::rc::Rc;

impl Expander<'_> {
    /// The next line of the file on top, with those that it goes on in. A definition of several
    /// lines is taken in here.
    pub(super) fn next_of_file(&mut self) -> Option<Line> {
        loop {
            let parts = self.parts();
            if parts.is_empty() {
                return None;
            }
            if parts.len() > 1 || parts.iter().any(|part| !part.text.is_empty()) {
                if let Some(line) = self.join(parts) {
                    return Some(line);
                }
            }
        }
    }

    /// A line, and as long as each ends with a backslash the next one. None at the end of the file.
    /// A line with nothing but a comment is not there at all.
    fn parts(&mut self) -> Vec<Line> {
        let mut parts = Vec::new();
        let mut told = false;
        while let Some(Stripped { line, comment, goes_on }) = self.strip_next() {
            let only_comment = comment.is_some() && line.text.is_empty() && !goes_on;
            if let Some(comment) = comment {
                if !parts.is_empty() && !told {
                    told = self.comment_within(&comment, only_comment);
                }
                self.comments.push(comment);
            }
            if only_comment {
                continue;
            }
            parts.push(line);
            if !goes_on {
                break;
            }
        }
        parts
    }

    /// A comment in lines that belong together. Returns whether it was worth a word.
    fn comment_within(&mut self, comment: &Comment, alone: bool) -> bool {
        if alone {
            let message = "keepalived ends the definition at this comment: here it goes on";
            self.report
                .warning(comment.place, message)
                .help("put the comment in front of the definition");
        } else if comment.text.ends_with('\\') {
            let message = "the \\ at the end belongs to the comment: the line does not go on";
            self.report.warning(comment.place, message).help("put the comment elsewhere");
        } else {
            return false;
        }
        true
    }

    fn strip_next(&mut self) -> Option<Stripped> {
        let Some(Frame::File { text, at, start, .. }) = self.frames.last_mut() else {
            return None;
        };
        let (text, from) = (Rc::clone(text), *at);
        let rest = text.get(from..).filter(|rest| !rest.is_empty())?;
        let len = rest.find('\n').map_or(rest.len(), |end| end + 1);
        *at += len;
        let start = *start + from;
        self.read = match self.read.checked_sub(1) {
            Some(read) => read,
            None => {
                let message = format!("with this there are more than {LINES} lines");
                self.stop(Place::new(start, 0), message);
                return None;
            }
        };
        let line = rest.get(..len).unwrap_or_default().trim_end_matches(['\n', '\r']);
        Some(strip(line, start, self.report))
    }

    /// Lines of which all but the last end with a backslash: a definition, or one long line.
    fn join(&mut self, parts: Vec<Line>) -> Option<Line> {
        let first = parts.first()?;
        if parts.len() == 1 {
            return parts.into_iter().next();
        }
        let place = first.whole();
        match self.for_us(first.clone()) {
            None => None,
            Some(first) => match definition(&first.text) {
                Some((name, value)) => {
                    let mut lines = vec![first.part(value..first.text.len()).trimmed()];
                    lines.extend(parts.into_iter().skip(1));
                    lines.retain(|line| !line.text.is_empty());
                    let definition = match lines.is_empty() {
                        true => Definition::Text(Line::default()),
                        false => Definition::Lines(lines.into()),
                    };
                    self.definitions.set(name, definition);
                    None
                }
                None => {
                    let mut long = Line::default();
                    for part in &parts {
                        long.push_for(if long.text.is_empty() { "" } else { " " }, place);
                        long.push_part(part, 0..part.text.len());
                    }
                    Some(long)
                }
            },
        }
    }
}
