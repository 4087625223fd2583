//! Habits of people who write `keepalived.conf`: what they mean is clear, and they are told.

use super::block::Statement;
use crate::config::error::Report;
use crate::config::nearest::nearest;
use crate::config::tree::{Comment, Word};

/// Whether a word stands in the file without quotes, as it is.
fn bare(word: &Word) -> bool {
    word.place.len() == word.text.len()
}

/// `// text` is a comment to many people. Returns what is one, cut off the statement.
pub fn slashes(statement: &mut Statement, report: &mut Report) -> Option<Comment> {
    let begins = |word: &Word| word.text.starts_with("//") && bare(word);
    let at = statement.words.iter().position(begins)?;
    if at == 0 && statement.block.is_some() {
        return None;
    }
    let words = statement.words.split_off(at);
    let place = Statement { words, block: None }.place();
    report
        .warning(place, "// is taken for the beginning of a comment")
        .help("write # instead: keepalived knows no other comments than # and !");
    let text = report.sources().text(place).trim_start_matches('/').trim().to_owned();
    Some(Comment { text, place })
}

/// What to do about a word that nobody knows.
pub fn advice<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if word.starts_with("<<<<<<<") || word.starts_with("=======") || word.starts_with(">>>>>>>") {
        return "this is left over from a merge: decide for one of the two versions".into();
    }
    let plain = word.trim_end_matches(';');
    if plain != word && known.clone().any(|known| known == plain) {
        return format!("write {plain} without ;");
    }
    if let Some((word, _)) = word.split_once('=') {
        if known.clone().any(|known| known == word) {
            return format!("write {word} and the value behind it, without =");
        }
    }
    let near = nearest(word, known.clone()).or_else(|| {
        // `script_security`, `garp_master_delay` in global_defs.
        let mut longer = known.clone().filter(|known| word.len() > 5 && known.ends_with(word));
        longer.next()
    });
    let mut help = near.map(|near| format!("did you mean \"{near}\"?")).unwrap_or_default();
    if let Some(odd) = word.chars().find(|char| !char.is_ascii()) {
        if !help.is_empty() {
            help.push(' ');
        }
        let what = match odd {
            odd if odd.is_whitespace() => "a blank".into(),
            '\u{200b}'..='\u{200f}' | '\u{feff}' => "an invisible character".into(),
            odd => format!("\"{odd}\""),
        };
        help.push_str(&format!("it has {what} in it (U+{:04X}) that is not ASCII", u32::from(odd)));
    }
    if help.is_empty() && word.starts_with('[') || word.ends_with(['$', '#']) {
        return "was this line copied from a terminal?".into();
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::error::Place;

    fn statement(text: &str) -> (Statement, Report) {
        let mut words = Vec::new();
        let mut at = 0;
        for part in text.split(' ') {
            words.push(Word { text: part.into(), place: Place::new(at, part.len()) });
            at += part.len() + 1;
        }
        (Statement { words, block: None }, Report::new("f", text))
    }

    fn texts(statement: &Statement) -> Vec<&str> {
        statement.words.iter().map(|word| word.text.as_str()).collect()
    }

    #[test]
    fn slashes_begin_a_comment() {
        let (mut it, mut report) = statement("interval 2 // every two");
        assert_eq!(slashes(&mut it, &mut report).unwrap().text, "every two");
        assert_eq!((texts(&it), report.warning_count()), (vec!["interval", "2"], 1));
        let (mut it, mut report) = statement("script http://x /a//b");
        assert!(slashes(&mut it, &mut report).is_none() && report.is_empty());
    }

    #[test]
    fn unknown_words_get_advice() {
        let known = ["state", "priority", "interface"];
        let advice = |word: &str| advice(word, known.iter().copied());
        assert_eq!(advice("stat"), "did you mean \"state\"?");
        assert_eq!(advice("terface"), "did you mean \"interface\"?");
        assert!(advice("priority=100,").contains("without ="));
        assert_eq!(advice("state;"), "write state without ;");
        assert!(advice("\u{455}tate").contains("\"state\"? it has \"\u{455}\" in it (U+0455)"));
        assert!(advice("\u{a0}state").contains("a blank in it (U+00A0)"));
        assert!(advice(">>>>>>>").contains("merge"));
        assert!(advice("[root@master").contains("terminal"));
        assert_eq!(advice("xyzzy"), "");
    }
}
