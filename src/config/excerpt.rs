//! How a line of a file, or a piece of it, is shown on a terminal.

/// So many columns of a line are shown around the marked part.
pub(super) const COLUMNS: usize = 100;

/// What a line looks like on a terminal, cut to [`COLUMNS`] around the marked part, with the
/// columns before the mark and the columns of the mark (at least 1).
pub(super) fn excerpt(line: &str, start: usize, len: usize) -> (String, usize, usize) {
    let (mut before, mut marked) = (0, 0);
    let mut shown: Vec<(char, usize)> = Vec::new();
    for (at, char) in line.char_indices() {
        let (char, width) = appearance(char);
        if at < start {
            before += width;
        } else if at < start.saturating_add(len) {
            marked += width;
        }
        shown.push((char, width));
    }
    let total: usize = shown.iter().map(|(_, width)| width).sum();
    let mut out = String::new();
    if total <= COLUMNS {
        push(&mut out, &shown);
        return (out, before, marked.max(1));
    }
    // Half of what is left over stands before the mark, unless the line ends earlier.
    let spare = COLUMNS.saturating_sub(marked) / 2;
    let first = before.saturating_sub(spare).min(total - COLUMNS);
    let mut column = 0;
    let mut skipped = 0;
    let window: Vec<_> = shown
        .into_iter()
        .filter(|(_, width)| {
            let inside = column >= first && column + width <= first + COLUMNS;
            if column < first {
                skipped += width;
            }
            column += width;
            inside
        })
        .collect();
    let (head, tail) = (if first > 0 { "..." } else { "" }, first + COLUMNS < total);
    out.push_str(head);
    push(&mut out, &window);
    if tail {
        out.push_str("...");
    }
    let width: usize = window.iter().map(|(_, width)| width).sum();
    let before = before.saturating_sub(skipped).min(width);
    (out, head.len() + before, marked.min(width - before).max(1))
}

fn push(out: &mut String, chars: &[(char, usize)]) {
    for (char, width) in chars {
        match char {
            '\t' => (0..*width).for_each(|_| out.push(' ')),
            char => out.push(*char),
        }
    }
}

/// A character as it may be shown on a terminal, and its columns there.
fn appearance(char: char) -> (char, usize) {
    match char {
        '\t' => ('\t', 4),
        char if char.is_control() || is_direction(char) => ('?', 1),
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' => (char, 0),
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => (char, 2),
        char => (char, 1),
    }
}

/// Characters that change the direction of what follows, and so what a line seems to say.
fn is_direction(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a line may say a password, whatever is wrong with it.
pub(super) fn holds_password(line: &str) -> bool {
    let letters = line.chars().filter(char::is_ascii_alphabetic);
    let letters = letters.map(|char| char.to_ascii_lowercase()).collect::<String>();
    // Of auth_hmac: `key 1 VALUE`, and `1 = "VALUE"` in a table of its own.
    let first = line.trim_start();
    let is_key = first.starts_with("key ") || first.starts_with("key\t");
    let is_number = first.starts_with(|char: char| char.is_ascii_digit()) && first.contains('=');
    // Something else that begins so may be a word misspelt.
    let is_misspelt = letters.starts_with("auth")
        && !["authtype", "authentication"].iter().any(|word| letters.starts_with(word));
    let is_named = letters.contains("authpas") || letters.contains("authhmac");
    is_named || is_misspelt || is_key || is_number
}

/// A text of the user in quotes, for a message: cut where it is long, without control characters.
#[must_use]
pub fn quote(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut out = String::from("\"");
    for (count, char) in text.chars().enumerate() {
        if count == LONGEST {
            out.push_str("...");
            break;
        }
        out.push(match char {
            '\t' => ' ',
            char => appearance(char).0,
        });
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_a_password_are_known() {
        for (line, expected) in [
            ("auth_pass x", true),
            ("authentication { auth_type PASS auth_pass x }", true),
            ("auth-password: x", true),
            ("Auth_Pas x", true),
            ("auth_hmac = { key = { 1 = \"x\" } }", true),
            ("list auth_hmac_key '1 x'", true),
            ("\tkey 1 x", true),
            ("1 = \"x\"", true),
            ("auth_hmca = { key = { 1 = \"x\" } }", true),
            ("keys x", false),
            ("auth_type PASS", false),
            ("passive", false),
        ] {
            assert_eq!(holds_password(line), expected, "{line}");
        }
    }

    #[test]
    fn quotes_are_short_and_harmless() {
        assert_eq!(quote("a\u{7}b\u{202e}"), "\"a?b?\"");
        assert_eq!(quote(&"x".repeat(100)).len(), 45);
    }
}
