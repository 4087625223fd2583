//! Did you mean ...?

/// Words longer than this are not compared.
const LONGEST: usize = 64;

/// The candidate that a misspelt word most likely stands for, if any is near enough: up to a third
/// of its letters may be wrong, missing, too many or swapped with their neighbour.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut best = None;
    let mut limit = word.len().min(LONGEST) / 3 + 1;
    for candidate in candidates {
        let near = distance(word.as_bytes(), candidate.as_bytes());
        // Of two that are as near the first one is taken.
        if near < limit || near == 0 {
            (best, limit) = (Some(candidate), near);
        }
    }
    best
}

/// Damerau-Levenshtein distance, without regard to case, in bytes; `usize::MAX` where it is
/// not worth knowing.
fn distance(a: &[u8], b: &[u8]) -> usize {
    if a.len() > LONGEST || b.len() > LONGEST || a.len().abs_diff(b.len()) > LONGEST / 3 {
        return usize::MAX;
    }
    // Three rows of the matrix: the one before the last is for swapped letters.
    let mut rows = [[0usize; LONGEST + 1]; 3];
    for (column, cell) in rows[1].iter_mut().enumerate() {
        *cell = column;
    }
    for (i, x) in a.iter().enumerate() {
        let [older, above, row] = &mut rows;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let same = x.eq_ignore_ascii_case(y);
            let mut cost = (above[j] + usize::from(!same)).min(above[j + 1] + 1).min(row[j] + 1);
            let swapped = i > 0
                && j > 0
                && x.eq_ignore_ascii_case(&b[j - 1])
                && y.eq_ignore_ascii_case(&a[i - 1]);
            if swapped {
                cost = cost.min(older[j - 1] + 1);
            }
            row[j + 1] = cost;
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

/// What is odd about a text that looks right: a letter of another script, a curly quote.
pub fn odd_character(text: &str) -> Option<String> {
    let odd = text.chars().find(|char| !char.is_ascii())?;
    let what = match odd {
        odd if odd.is_whitespace() => "a blank".into(),
        '\u{200b}'..='\u{200f}' | '\u{feff}' => "an invisible character".into(),
        char::REPLACEMENT_CHARACTER => return Some("a byte in it is not UTF-8".into()),
        odd => format!("\"{odd}\""),
    };
    Some(format!("it has {what} in it (U+{:04X}) that is not ASCII", u32::from(odd)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("abc", "", 3),
            ("", "abc", 3),
            ("interval", "interval", 0),
            ("Interval", "interval", 0),
            ("interval_", "interval", 1),
            ("inetrval", "interval", 1),
            ("priorty", "priority", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
            assert_eq!(distance(b.as_bytes(), a.as_bytes()), expected, "{b} {a}");
        }
        assert_eq!(distance(&[b'a'; 65], b"a"), usize::MAX);
    }

    #[test]
    fn the_nearest_is_near() {
        let words = ["interval", "interface", "priority", "fall", "PASS"];
        for (word, expected) in [
            ("intervall", Some("interval")),
            ("intrface", Some("interface")),
            ("priorty", Some("priority")),
            ("fal", Some("fall")),
            ("pass", Some("PASS")),
            ("x", None),
            ("", None),
            ("colour", None),
        ] {
            assert_eq!(nearest(word, words.into_iter()), expected, "{word}");
        }
    }
}
