//! Text in columns and within a width.

/// As wide as a terminal is at least.
pub const WIDTH: usize = 80;

/// A text of so many columns at most; what was cut off shows.
#[must_use]
pub fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(2)).collect();
    kept + ".."
}

/// A text in lines of no more than a width; each but the first begins with so many blanks. A word
/// that is longer than a line has one for itself.
#[must_use]
pub fn wrap(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_ascii_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH - indent {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// A paragraph that begins with a name in its own column.
#[must_use]
pub fn entry(name: &str, columns: usize, text: &str) -> String {
    format!("{name:<columns$}{}\n", wrap(text, columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_no_wider_than_a_terminal() {
        let text = "word ".repeat(60);
        for indent in [0, 2, 20] {
            let wrapped = wrap(&text, indent);
            for (number, line) in wrapped.lines().enumerate() {
                let before = if number == 0 { indent } else { 0 };
                assert!(line.len() + before <= WIDTH, "{line}");
            }
            assert_eq!(wrapped.split_ascii_whitespace().count(), 60);
        }
        assert_eq!(wrap(&"x".repeat(100), 2), "x".repeat(100));
        assert_eq!((cut("abcdef", 4).as_str(), cut("abcd", 4).as_str()), ("ab..", "abcd"));
    }
}
