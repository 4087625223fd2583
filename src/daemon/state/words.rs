//! Lines of `key=value` words: what one run of the daemon leaves for the next. A word that is not
//! known is passed over and one that is missing has a default, so that versions may differ. All of
//! it may be damaged: nothing here trusts a word.

use std::fmt::{Display, Write};
use std::str::FromStr;

/// The words of one line.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    /// What the line is about: its first word.
    pub kind: &'a str,
    rest: &'a str,
}

impl<'a> Words<'a> {
    /// Of a line without its end.
    #[must_use]
    pub fn of(line: &'a str) -> Self {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        Self { kind, rest }
    }

    /// What follows a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a str> {
        let mut words = self.rest.split(' ').filter_map(|word| word.split_once('='));
        words.find(|(word, _)| *word == key).map(|(_, value)| value)
    }

    /// What follows a key, if it reads as what it is to be.
    #[must_use]
    pub fn read<T: FromStr>(&self, key: &str) -> Option<T> {
        self.get(key)?.parse().ok()
    }

    /// Whether a key is there and true.
    #[must_use]
    pub fn is(&self, key: &str) -> bool {
        self.get(key) == Some("1")
    }

    /// A text of any characters.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        let mut bytes = Vec::new();
        let mut rest = self.get(key)?.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let mut digit = || (rest.next()? as char).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                bytes.push((16 * high + low) as u8);
            } else {
                bytes.push(byte);
            }
        }
        String::from_utf8(bytes).ok()
    }
}

/// Appends a word.
pub fn put(line: &mut String, key: &str, value: impl Display) {
    // A String takes everything.
    let _ = write!(line, " {key}={value}");
}

/// Appends a word if there is something to say.
pub fn put_some(line: &mut String, key: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        put(line, key, value);
    }
}

/// Appends a word if it is true.
pub fn put_if(line: &mut String, key: &str, value: bool) {
    if value {
        put(line, key, 1);
    }
}

/// Appends a text of any characters.
pub fn put_text(line: &mut String, key: &str, text: &str) {
    put(line, key, "");
    for character in text.chars() {
        if character == '%' || character == ' ' || character.is_control() {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                let _ = write!(line, "%{byte:02x}");
            }
        } else {
            line.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back() {
        for text in ["", "a", "a b", "100 %", "=x= =", "\n\0\u{85}", "é\u{a0}☃", "%41"] {
            let mut line = "kind".to_owned();
            put_text(&mut line, "name", text);
            put(&mut line, "next", 7);
            assert!(!line.contains('\n'));
            let words = Words::of(&line);
            assert_eq!(words.text("name").as_deref(), Some(text), "{line}");
            assert_eq!(words.read("next"), Some(7));
        }
    }

    #[test]
    fn what_is_damaged_is_not_there() {
        let words = Words::of("kind number=x text=%4 text2=%zz text3=%ff =y novalue  two==");
        assert_eq!(words.kind, "kind");
        assert_eq!(words.read::<u8>("number"), None);
        for key in ["text", "text2", "text3", "novalue", "none"] {
            assert_eq!(words.text(key), None, "{key}");
        }
        assert_eq!(words.get("two"), Some("="));
        assert_eq!(Words::of("").get(""), None);
    }
}
