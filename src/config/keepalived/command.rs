//! What stands behind `script` and `notify`: a command, as keepalived splits it.

use crate::config::tree::{Data, Entry, Value, Word};
use core::iter::Peekable;
use core::str::Chars;

/// What is something to a shell, where it is not in quotes.
const OPERATORS: &str = "|&;<>()$`*?[]~\n";

/// The value of a command: its text, or its words where only quotes and escapes are in it that
/// keepalived reads by itself. `user` is who runs it, and perhaps a group.
#[must_use]
pub fn value(command: &Word, user: &[Word]) -> Value {
    let place = command.place;
    let Some(words) = split(&command.text) else {
        let words = core::iter::once(command).chain(user).cloned().collect();
        return Value { data: Data::Line(words), place };
    };
    let text = |text: String| Value { data: Data::Text(text), place };
    let script = Value { data: Data::List(words.into_iter().map(text).collect()), place };
    let Some(first) = user.first() else {
        return script;
    };
    let user = Value { data: Data::Line(user.to_vec()), place: first.place };
    let entry = |word: &str, value: Value| {
        let word = Word { text: word.into(), place: value.place };
        Entry { word, value }
    };
    Value { data: Data::Table(vec![entry("script", script), entry("user", user)]), place }
}

/// The words of a text with quotes or escapes, read as keepalived does. `None` if it has none of
/// them, or something that only a shell can do.
fn split(text: &str) -> Option<Vec<String>> {
    if !text.contains(['"', '\'', '\\']) {
        return None;
    }
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match (char, quote) {
            ('\\', _) => word.get_or_insert_default().push(escape(&mut chars)?),
            (char, Some(open)) if char == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            (char, None) if char.is_ascii_whitespace() => words.extend(word.take()),
            (char, None) if OPERATORS.contains(char) => return None,
            (char, _) => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    let named = words.first().is_some_and(|first| !first.is_empty());
    (quote.is_none() && named).then_some(words)
}

/// What a backslash makes of what follows it: `\n`, `\x41`, `\101`, `\cC`, anything else as it is.
/// `None` for what no text can hold.
fn escape(chars: &mut Peekable<Chars<'_>>) -> Option<char> {
    let char = chars.next()?;
    let code = match char {
        'a' => 7,
        'b' => 8,
        'E' => 27,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'v' => 11,
        'x' if chars.peek().is_some_and(char::is_ascii_hexdigit) => digits(chars, 16, 2),
        'c' => u32::from(chars.next()?) & 0x1f,
        '0'..='7' => {
            let first = char.to_digit(8)?;
            let before = chars.clone().take(2).take_while(|char| char.is_digit(8)).count();
            first * 8u32.pow(u32::try_from(before).ok()?) + digits(chars, 8, 2)
        }
        other => return Some(other),
    };
    char::from_u32(code).filter(|char| char.is_ascii() && *char != '\0')
}

/// A number of at most so many digits.
fn digits(chars: &mut Peekable<Chars<'_>>, radix: u32, most: usize) -> u32 {
    let mut value = 0;
    for _ in 0..most {
        let Some(digit) = chars.peek().and_then(|char| char.to_digit(radix)) else {
            break;
        };
        value = value * radix + digit;
        chars.next();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::error::Place;

    #[test]
    fn quotes_and_escapes_are_read_as_keepalived_does() {
        for (text, words) in [
            (r#"/bin/x 'a b' "c d"e"#, Some(vec!["/bin/x", "a b", "c de"])),
            (r"/bin/x a\ b\tc\x41\101\q \7", Some(vec!["/bin/x", "a b\tcAAq", "\u{7}"])),
            (r#"/bin/x "" '|'"#, Some(vec!["/bin/x", "", "|"])),
            (r"/bin/x \cC\0601", Some(vec!["/bin/x", "\u{3}01"])),
            (r"/bin/x 'a' #b", Some(vec!["/bin/x", "a", "#b"])),
            ("/bin/x a b", None),
            (r#"/bin/x "a" | y"#, None),
            (r#"echo "$X""#, Some(vec!["echo", "$X"])),
            (r"/bin/x \xff", None),
            (r"/bin/x \000", None),
            (r#"/bin/x "a"#, None),
            (r#""" a"#, None),
            ("\\", None),
        ] {
            let words: Option<Vec<String>> =
                words.map(|words| words.into_iter().map(str::to_owned).collect());
            assert_eq!(split(text), words, "{text}");
        }
    }

    #[test]
    fn a_command_has_its_user_behind_it() {
        let word = |text: &str| Word { text: text.into(), place: Place::default() };
        let user = [word("nobody"), word("nogroup")];
        let Data::Line(words) = value(&word("/bin/x a"), &user).data else { panic!() };
        assert_eq!(words.len(), 3);
        let Data::Table(entries) = value(&word("/bin/x 'a'"), &user).data else { panic!() };
        assert_eq!(
            (entries[0].word.text.as_str(), entries[1].word.text.as_str()),
            ("script", "user")
        );
        assert!(matches!(value(&word("/bin/x 'a'"), &[]).data, Data::List(_)));
    }
}
