//! A line as words and braces.

use super::line::Line;
use crate::config::dialect::{self, Form};
use crate::config::error::{Place, Report};
use crate::config::tree::{Comment, Word};

/// What a line consists of.
#[derive(Clone, Debug)]
pub enum Token {
    /// A word, without its quotes.
    Word(Word),
    /// `{`
    Open(Place),
    /// `}`
    Close(Place),
}

/// Words of load balancing that are followed by a command.
const OTHER_COMMANDS: &[&str] =
    &["misc_path", "notify_up", "notify_down", "quorum_up", "quorum_down"];

/// Whether a command follows a word, wherever it stands.
fn is_command(word: &str) -> bool {
    let command = |row: dialect::Row| row.form == Form::Command && row.word == word;
    dialect::rows().any(command) || OTHER_COMMANDS.contains(&word)
}

/// Takes a line apart. Braces stand anywhere; double quotes keep white space and braces together,
/// and for commands single quotes do, too. What stands behind `//` is a comment to many people, and
/// none to keepalived.
#[must_use]
pub fn tokens(line: &Line, report: &mut Report) -> (Vec<Token>, Option<Comment>) {
    let mut tokens = Vec::new();
    let (mut command, mut told) = (false, false);
    // How many words the statement has, and where we are.
    let (mut count, mut at) = (0, 0);
    while let Some(char) = behind(line, at).chars().next() {
        let end = at + char.len_utf8();
        match char {
            char if char.is_whitespace() => {
                if !char.is_ascii() && !core::mem::replace(&mut told, true) {
                    odd_blank(char, line.place(at..end), report);
                }
                at = end;
            }
            '{' | '}' => {
                let place = line.place(at..end);
                tokens.push(if char == '{' { Token::Open(place) } else { Token::Close(place) });
                (count, command, at) = (0, false, end);
            }
            // A path may begin so, too.
            '/' if !(command && count == 1) && behind(line, end).starts_with('/') => {
                return (tokens, Some(slashes(line, at, report)));
            }
            _ => {
                let (word, end) = match command {
                    true => shell_word(line, at, report),
                    false => plain_word(line, at, report),
                };
                if count == 0 {
                    command = is_command(&word.text);
                }
                tokens.push(Token::Word(word));
                (count, at) = (count + 1, end);
            }
        }
    }
    (tokens, None)
}

/// What stands in a line from a byte on.
fn behind(line: &Line, at: usize) -> &str {
    line.text.get(at..).unwrap_or_default()
}

/// How long `${NAME}` is at the beginning of a text: its braces are no braces of ours.
fn reference(text: &str) -> usize {
    const WIDEST: usize = 64;
    let inner = text.strip_prefix("${").unwrap_or_default();
    match inner.bytes().take(WIDEST).position(|byte| matches!(byte, b'{' | b'"' | b'}')) {
        Some(len) if inner.as_bytes().get(len) == Some(&b'}') => len + 3,
        _ => 0,
    }
}

/// A word as most keywords have them. There are no escapes.
fn plain_word(line: &Line, at: usize, report: &mut Report) -> (Word, usize) {
    let rest = behind(line, at);
    if let Some(inner) = rest.strip_prefix('"') {
        let (len, closed) = inner.find('"').map_or((inner.len(), 0), |len| (len, 1));
        let end = at + 1 + len + closed;
        if closed == 0 {
            unclosed(line, at, '"', report);
        }
        let text = inner.get(..len).unwrap_or_default().into();
        return (Word { text, place: line.place(at..end) }, end);
    }
    let mut len = 0;
    while let Some(char) = rest.get(len..).and_then(|rest| rest.chars().next()) {
        match reference(rest.get(len..).unwrap_or_default()) {
            0 if char.is_whitespace() || matches!(char, '"' | '{' | '}') => break,
            0 => len += char.len_utf8(),
            more => len += more,
        }
    }
    (line.word(at..at + len), at + len)
}

/// A word of a command: quotes anywhere, and escapes that stay for later.
fn shell_word(line: &Line, at: usize, report: &mut Report) -> (Word, usize) {
    let rest = behind(line, at);
    let (mut text, mut quote, mut len) = (String::new(), None, 0);
    while let Some(char) = rest.get(len..).and_then(|rest| rest.chars().next()) {
        let left = rest.get(len..).unwrap_or_default();
        let more = reference(left);
        match (char, quote) {
            ('\\', _) if left.len() > 1 => {
                let two: String = left.chars().take(2).collect();
                text.push_str(&two);
                len += two.len();
                continue;
            }
            ('"' | '\'', None) => quote = Some((char, at + len)),
            (char, Some((open, _))) if char == open => quote = None,
            (char, None) if more == 0 && (char.is_whitespace() || "{}".contains(char)) => break,
            _ if more > 0 => {
                text.push_str(left.get(..more).unwrap_or_default());
                len += more;
                continue;
            }
            _ => text.push(char),
        }
        len += char.len_utf8();
    }
    if let Some((open, start)) = quote {
        unclosed(line, start, open, report);
    }
    (Word { text, place: line.place(at..at + len) }, at + len)
}

/// A comment as other languages have it, up to the end of the line.
fn slashes(line: &Line, at: usize, report: &mut Report) -> Comment {
    let place = line.place(at..line.text.len());
    report
        .warning(place, "// is taken for the beginning of a comment")
        .help("write # instead: keepalived knows no other comments than # and !");
    let text = behind(line, at).trim_start_matches('/').trim().to_owned();
    Comment { text, place }
}

/// What looks like a blank, and is none to keepalived.
fn odd_blank(char: char, place: Place, report: &mut Report) {
    let name = match char {
        '\u{a0}' => "a no-break space",
        '\u{3000}' => "an ideographic space",
        _ => "an unusual blank",
    };
    let message = format!("{name} (U+{:04X}) is taken for a blank", u32::from(char));
    report
        .warning(place, message)
        .help("write a plain blank: keepalived takes this one for a letter");
}

fn unclosed(line: &Line, at: usize, quote: char, report: &mut Report) {
    report
        .error(line.place(at..at + 1), format!("there is no second {quote} in this line"))
        .secret(line.text.contains("pass"))
        .help("a text in quotes ends in the line it begins in");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> (String, usize) {
        let mut line = Line::default();
        line.push_exact(text, 0);
        let mut report = Report::new("f", text);
        let show = |token: &Token| match token {
            Token::Word(word) => format!("<{}>", word.text),
            Token::Open(_) => "{".into(),
            Token::Close(_) => "}".into(),
        };
        let (tokens, comment) = tokens(&line, &mut report);
        let comment = comment.map(|comment| format!("#{}", comment.text));
        let shown = tokens.iter().map(show).chain(comment).collect();
        (shown, report.error_count())
    }

    #[test]
    fn words_and_braces() {
        for (text, expected) in [
            ("vrrp_instance VI_1{", "<vrrp_instance><VI_1>{"),
            ("a { b } } c", "<a>{<b>}}<c>"),
            ("router_id \"a {b}\" c", "<router_id><a {b}><c>"),
            ("a b\"c d\"e", "<a><b><c d><e>"),
            ("auth_pass 'a b'", "<auth_pass><'a><b'>"),
            ("interface ${IF}.5 $X{", "<interface><${IF}.5><$X>{"),
            ("script \"a 'b c'\" d", "<script><a 'b c'><d>"),
            ("script '/bin/x \"{y}\"' }", "<script></bin/x \"{y}\">}"),
            ("script /bin/'a b'\"c\"d e", "<script></bin/a bcd><e>"),
            (r#"notify "a \"b\" c" u"#, r#"<notify><a \"b\" c><u>"#),
            ("notify ${X}y }", "<notify><${X}y>}"),
            ("\u{a0}a\u{3000}b ä", "<a><b><ä>"),
            ("script \"a\u{a0}b\"\u{a0}c", "<script><a\u{a0}b><c>"),
            ("a \"\"", "<a><>"),
            ("interval 2 // every {two}", "<interval><2>#every {two}"),
            ("a {//b", "<a>{#b"),
            ("script http://x /a//b", "<script><http://x></a//b>"),
            ("script \"//a\"", "<script><//a>"),
            ("script //a // b", "<script><//a>#b"),
            ("a { script 'b }' }", "<a>{<script><b }>}"),
        ] {
            assert_eq!(shown(text), (expected.to_owned(), 0), "{text}");
        }
    }

    #[test]
    fn quotes_without_an_end_are_errors() {
        assert_eq!(shown("a \"b c }"), ("<a><b c }>".into(), 1));
        assert_eq!(shown("script 'b c }"), ("<script><b c }>".into(), 1));
        assert_eq!(shown("script \\"), ("<script><\\>".into(), 0));
    }
}
