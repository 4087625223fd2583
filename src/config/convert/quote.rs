//! Strings and keys as TOML and UCI read them back, byte by byte.

use std::fmt::Write;

/// A key of TOML.
pub fn toml_key(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !key.is_empty() && key.bytes().all(bare) {
        key.into()
    } else {
        toml_line(key)
    }
}

/// A string of TOML: over several lines, if it has some.
pub fn toml_string(text: &str) -> String {
    let is_plain = |char: char| !char.is_control() || matches!(char, '\n' | '\t');
    let has_lines = text.trim_end_matches('\n').contains('\n');
    // A quote at the end would end it too early.
    if has_lines && text.chars().all(is_plain) && !text.contains("'''") && !text.ends_with('\'') {
        return format!("'''\n{text}'''");
    }
    toml_line(text)
}

/// A string of TOML on one line.
pub fn toml_line(text: &str) -> String {
    let is_literal = |char: char| char != '\'' && !char.is_control();
    if text.contains(['"', '\\']) && text.chars().all(is_literal) {
        return format!("'{text}'");
    }
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            char if char.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            char => out.push(char),
        }
    }
    out.push('"');
    out
}

/// A value of UCI.
pub fn uci(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_toml_read_well() {
        for (text, quoted) in [
            ("", r#""""#),
            ("a b", r#""a b""#),
            ("it's", r#""it's""#),
            (r#"say "x""#, r#"'say "x"'"#),
            (r"a\b", r"'a\b'"),
            (r#"it's "x"\"#, r#""it's \"x\"\\""#),
            ("a\tb\n", r#""a\tb\n""#),
            ("a\u{1b}\u{85}", r#""a\u001b\u0085""#),
            ("a\n\tb\n", "'''\na\n\tb\n'''"),
            ("a\nit's", "'''\na\nit's'''"),
            ("a\nb'", r#""a\nb'""#),
            ("a\n'''b", r#""a\n'''b""#),
            ("a\r\nb", r#""a\r\nb""#),
        ] {
            assert_eq!(toml_string(text), quoted);
        }
    }

    #[test]
    fn keys_are_quoted_if_they_must_be() {
        for (key, quoted) in [
            ("a-B_9", "a-B_9"),
            ("", "\"\""),
            ("a.b", "\"a.b\""),
            ("ä", "\"ä\""),
            ("a\n", "\"a\\n\""),
        ] {
            assert_eq!(toml_key(key), quoted);
        }
    }

    #[test]
    fn values_of_uci() {
        assert_eq!(uci("it's # \\"), r"'it'\''s # \'");
    }
}
