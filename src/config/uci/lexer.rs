//! Commands and words, as libuci finds them in a text.

use crate::config::error::Place;
use crate::config::tree::{Comment, Word};

/// Goes through a text.
pub struct Lexer<'a> {
    text: &'a str,
    at: usize,
    wary: bool,
    doubtful: bool,
    comments: Vec<Comment>,
}

/// The place of a quote that nothing closes.
pub struct Unclosed(pub Place);

impl<'a> Lexer<'a> {
    /// At the beginning of a text. A quoted text may go over several lines; a `wary` lexer ends it,
    /// as one that is not closed, before a line that begins with a command.
    pub fn new(text: &'a str, wary: bool) -> Self {
        let at = text.len() - text.trim_start_matches('\u{feff}').len();
        Self { text, at, wary, doubtful: false, comments: Vec::new() }
    }

    /// Whether a line in a quoted text begins with a command, so that a quote may be missing.
    pub fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// The comments up to here.
    pub fn into_comments(self) -> Vec<Comment> {
        self.comments
    }

    /// The offset of the byte that comes next.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// The first word of the next statement; `None` at the end of the text.
    pub fn command(&mut self) -> Option<Word> {
        loop {
            match self.byte(self.at)? {
                b'#' => self.comment(),
                b'\n' | b';' => self.at += 1,
                byte if is_blank(byte) => self.at += 1,
                _ => break,
            }
        }
        let start = self.at;
        self.skip_until(|byte| is_blank(byte) || matches!(byte, b'\n' | b';'));
        Some(self.word_since(start, self.slice(start, self.at).into()))
    }

    /// The next word of the statement; `None` at its end.
    pub fn word(&mut self) -> Result<Option<Word>, Unclosed> {
        self.skip_blanks();
        let (start, mut text) = (self.at, String::new());
        loop {
            match self.byte(self.at) {
                None | Some(b'\n' | b';' | b'#') => break,
                Some(quote @ (b'\'' | b'"')) => self.quoted(quote, &mut text)?,
                Some(b'\\') => {
                    let line_end = self.line_end(self.at + 1);
                    self.at += 1 + line_end;
                    // Whatever character stands behind it is itself.
                    if let (0, Some(char)) = (line_end, self.rest().chars().next()) {
                        text.push(char);
                        self.at += char.len_utf8();
                    }
                }
                Some(byte) if is_blank(byte) => break,
                Some(_) => {
                    let from = self.at;
                    self.skip_until(ends_plain_text);
                    text.push_str(self.slice(from, self.at));
                }
            }
        }
        Ok((self.at > start).then(|| self.word_since(start, text)))
    }

    /// Goes to the end of the line.
    pub fn skip_line(&mut self) {
        self.skip_until(|byte| byte == b'\n');
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    fn rest(&self) -> &'a str {
        self.slice(self.at, self.text.len())
    }

    fn word_since(&self, start: usize, text: String) -> Word {
        Word { text, place: Place::new(start, self.at - start) }
    }

    fn skip_until(&mut self, ends: impl Fn(u8) -> bool) {
        let rest = self.rest();
        self.at += rest.bytes().position(ends).unwrap_or(rest.len());
    }

    /// White space, and a backslash with the end of the line or the text behind it.
    fn skip_blanks(&mut self) {
        while let Some(byte) = self.byte(self.at) {
            self.at += match byte {
                byte if is_blank(byte) => 1,
                b'\\' if self.line_end(self.at + 1) > 0 => 1 + self.line_end(self.at + 1),
                b'\\' if self.at + 1 == self.text.len() => 1,
                _ => return,
            };
        }
    }

    /// The length of the line end that begins there; 0 if none does.
    fn line_end(&self, at: usize) -> usize {
        match (self.byte(at), self.byte(at + 1)) {
            (Some(b'\n'), _) => 1,
            (Some(b'\r'), Some(b'\n')) => 2,
            _ => 0,
        }
    }

    fn comment(&mut self) {
        let start = self.at;
        self.skip_line();
        let text = self.slice(start + 1, self.at).trim();
        let place = Place::new(start, self.at - start);
        self.comments.push(Comment { text: text.into(), place });
    }

    /// A quoted text, from its first quote on. In single quotes no character is special, in double
    /// quotes the backslash is.
    fn quoted(&mut self, quote: u8, out: &mut String) -> Result<(), Unclosed> {
        let open = self.at;
        // What stands before `from` is in `out`.
        let (mut from, mut at) = (open + 1, open + 1);
        while let Some(byte) = self.byte(at) {
            at = match byte {
                byte if byte == quote => {
                    out.push_str(self.slice(from, at));
                    self.at = at + 1;
                    return Ok(());
                }
                b'\\' if quote == b'"' => {
                    out.push_str(self.slice(from, at));
                    let line_end = self.line_end(at + 1);
                    from = at + 1 + line_end;
                    // Even if it is a quote, the next character is only text.
                    if line_end > 0 {
                        from
                    } else {
                        from + 1
                    }
                }
                _ => at + 1,
            };
            if self.byte(at - 1) == Some(b'\n') && is_command(self.slice(at, self.text.len())) {
                self.doubtful = true;
                if self.wary {
                    self.at = at - 1;
                    return Err(Unclosed(Place::new(open, 1)));
                }
            }
        }
        self.skip_line();
        Err(Unclosed(Place::new(open, 1)))
    }
}

/// White space within a line.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c)
}

fn ends_plain_text(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b'\n' | b'\'' | b'"' | b'\\' | b'#' | b';')
}

/// Whether a line begins with a command.
fn is_command(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '\t']);
    ["config", "option", "list"]
        .iter()
        .any(|command| line.strip_prefix(command).is_some_and(|rest| rest.starts_with([' ', '\t'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of the first statement, or `unclosed` and the offset of the quote.
    fn words(text: &str) -> Vec<String> {
        let mut lexer = Lexer::new(text, false);
        let mut words: Vec<_> = lexer.command().into_iter().map(|word| word.text).collect();
        loop {
            match lexer.word() {
                Ok(Some(word)) => words.push(word.text),
                Ok(None) => return words,
                Err(Unclosed(place)) => {
                    words.push(format!("unclosed {}", place.start()));
                    return words;
                }
            }
        }
    }

    #[test]
    fn words_are_split_as_libuci_does() {
        for (text, expected) in [
            ("option a b", &["option", "a", "b"][..]),
            ("\t option\ta \t b\r\n", &["option", "a", "b"]),
            ("o a 'b c'", &["o", "a", "b c"]),
            ("o a \"b c\"", &["o", "a", "b c"]),
            ("o a 'b'\\''c'", &["o", "a", "b'c"]),
            ("o a 'b'\"c\"d", &["o", "a", "bcd"]),
            ("o a ''", &["o", "a", ""]),
            ("o a 'b\\n'", &["o", "a", "b\\n"]),
            ("o a \"b\\n\\\"\\\\\"", &["o", "a", "bn\"\\"]),
            ("o a b\\ c\\'", &["o", "a", "b c'"]),
            ("o a \\漢\\é", &["o", "a", "漢é"]),
            ("o a \"\\漢\"", &["o", "a", "漢"]),
            ("o a 'b\nc'", &["o", "a", "b\nc"]),
            ("o a \"b\\\nc\"", &["o", "a", "bc"]),
            ("o a b\\\r\nc", &["o", "a", "bc"]),
            ("o a \\\n  b", &["o", "a", "b"]),
            ("o a b\\", &["o", "a", "b"]),
            ("o a b \\", &["o", "a", "b"]),
            ("o a b # c", &["o", "a", "b"]),
            ("o a b#c", &["o", "a", "b"]),
            ("o a '#' ; o", &["o", "a", "#"]),
            ("o a b;o", &["o", "a", "b"]),
            ("o a '\"' \"'\"", &["o", "a", "\"", "'"]),
            ("\u{feff}o a", &["o", "a"]),
            ("'o' a", &["'o'", "a"]),
            ("o a 'b", &["o", "a", "unclosed 4"]),
            ("o a \"b\\\"", &["o", "a", "unclosed 4"]),
            ("o a \"b\\", &["o", "a", "unclosed 4"]),
            ("# o\n\n;", &[]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn words_have_places_and_comments_are_kept() {
        let text = "# one\no  'a b'c # two #\n#\n";
        let mut lexer = Lexer::new(text, false);
        let place = |word: Word| (word.place.start(), word.place.len());
        assert_eq!(lexer.command().map(place), Some((6, 1)));
        assert_eq!(lexer.word().ok().flatten().map(place), Some((9, 6)));
        assert!(lexer.word().is_ok_and(|word| word.is_none()) && lexer.command().is_none());
        let comments = lexer.into_comments();
        let found: Vec<_> = comments.iter().map(|c| (c.text.as_str(), c.place.start())).collect();
        assert_eq!(found, [("one", 0), ("two #", 16), ("", 24)]);
    }

    #[test]
    fn a_command_in_a_quoted_text_is_doubtful() {
        for (text, doubtful, at) in [
            ("o a 'b\noption c 'd'", true, 6),
            ("o a \"b\\\n\tlist c\"", true, 7),
            ("o a 'b\n\nconfig c", true, 7),
            ("o a 'b\noptional'", false, 0),
            ("o a 'b option c'", false, 0),
        ] {
            let mut lexer = Lexer::new(text, false);
            let _ = (lexer.command(), lexer.word(), lexer.word());
            assert_eq!(lexer.is_doubtful(), doubtful, "{text}");
            let mut lexer = Lexer::new(text, true);
            let _ = (lexer.command(), lexer.word());
            assert_eq!(lexer.word().is_err(), doubtful, "{text}");
            assert!(!doubtful || lexer.offset() == at, "{text}: {}", lexer.offset());
        }
    }
}
