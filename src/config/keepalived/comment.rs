//! A line of a file, without its comment.

use super::line::Line;
use crate::config::error::{Place, Report};
use crate::config::tree::Comment;

/// What is left of a line of a file.
#[derive(Debug, Default)]
pub struct Stripped {
    /// Without comment, and without white space around.
    pub line: Line,
    /// The comment, if there is one.
    pub comment: Option<Comment>,
    /// It ended with a backslash, which is not part of `line`: it goes on with the next one.
    pub goes_on: bool,
}

/// Takes the comment off a line of a file, which begins at `start`. `#` and `!` begin a comment
/// anywhere but in double quotes and behind a backslash.
pub fn strip(text: &str, start: usize, report: &mut Report) -> Stripped {
    let mut out = Stripped::default();
    let mut line = Line::default();
    let (mut quoted, mut from, mut chars) = (false, 0, text.char_indices().peekable());
    let mut end = text.len();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => quoted = !quoted,
            '\\' => match chars.next() {
                Some((next, '#' | '!')) if !quoted => {
                    line.push_exact(&text[from..at], start + from);
                    from = next;
                }
                Some(_) => {}
                None => {
                    out.goes_on = true;
                    end = at;
                }
            },
            '#' | '!' if !quoted => {
                end = at;
                remark(text, at, start, report);
                let comment = text[at..].trim_end();
                let place = Place::new(start + at, comment.len());
                let text = comment.trim_start_matches(['#', '!']).trim().into();
                out.comment = Some(Comment { text, place });
                break;
            }
            _ => {}
        }
    }
    line.push_exact(&text[from..end], start + from);
    out.line = line.trimmed();
    out
}

/// A comment that begins in the middle of a word was perhaps not meant to be one.
fn remark(text: &str, at: usize, start: usize, report: &mut Report) {
    let before = text[..at].chars().next_back();
    let sign = &text[at..=at];
    let after = text[at + 1..].chars().next();
    let in_word = before.is_some_and(|char| !char.is_whitespace() && !"{};#!".contains(char))
        && after.is_none_or(|char| !char.is_whitespace() && char != '#');
    if in_word {
        let message = format!("{sign} begins a comment here: the word ends before it");
        report
            .warning(Place::new(start + at, 1), message)
            .secret(text.contains("pass"))
            .help(format!("write \\{sign} if it belongs to the word, or a blank before it"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(text: &str) -> (String, Option<String>, bool, usize) {
        let mut report = Report::new("f", text);
        let out = strip(text, 0, &mut report);
        let comment = out.comment.map(|comment| comment.text);
        (out.line.text, comment, out.goes_on, report.warning_count())
    }

    #[test]
    fn comments_begin_anywhere_but_in_double_quotes() {
        for (text, line, comment, warnings) in [
            ("  a b  # c", "a b", Some("c"), 0),
            ("a ! b # c", "a", Some("b # c"), 0),
            ("a \"b # c\" d", "a \"b # c\" d", None, 0),
            ("a 'b # c'", "a 'b", Some("c'"), 0),
            (r"a \#b \! c", "a #b ! c", None, 0),
            (r#"a "x \" # y" # z"#, r#"a "x \" # y""#, Some("z"), 0),
            ("pass secret!", "pass secret", Some(""), 1),
            ("a b#c", "a b", Some("c"), 1),
            ("a {#c", "a {", Some("c"), 0),
            ("###", "", Some(""), 0),
            ("ä#", "ä", Some(""), 1),
            ("", "", None, 0),
        ] {
            let expected = (line.to_owned(), comment.map(str::to_owned), false, warnings);
            assert_eq!(stripped(text), expected, "{text}");
        }
    }

    #[test]
    fn a_backslash_at_the_end_goes_on() {
        assert_eq!(stripped("a \\"), ("a".into(), None, true, 0));
        assert_eq!(stripped("a \\\\"), ("a \\\\".into(), None, false, 0));
        assert_eq!(stripped("\\"), (String::new(), None, true, 0));
    }
}
