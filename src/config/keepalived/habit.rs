//! Words that nobody knows in a `keepalived.conf`, and what was meant.

use crate::config::nearest::nearest;
use crate::config::tree::Word;

/// Commands that people type, and that get into a file with what they were typed for.
const COMMANDS: &[&str] = &[
    "EOF",
    "apt",
    "apt-get",
    "cat",
    "cd",
    "chmod",
    "cp",
    "dnf",
    "echo",
    "exit",
    "fi",
    "mkdir",
    "mv",
    "nano",
    "service",
    "sudo",
    "systemctl",
    "tee",
    "vi",
    "vim",
    "yum",
];

/// What to do about a line that begins with a word that nobody knows.
pub fn advice<'a>(words: &[Word], known: impl Iterator<Item = &'a str> + Clone) -> String {
    let Some(Word { text: word, .. }) = words.first() else {
        return String::new();
    };
    for count in 2..=words.len().min(4) {
        let texts: Vec<_> = words.iter().take(count).map(|word| word.text.as_str()).collect();
        if let Some(whole) = known.clone().find(|known| *known == texts.join("_")) {
            return format!("did you mean \"{whole}\"?");
        }
    }
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
    if near.is_none() {
        let before = known.clone().filter(|known| known.len() > 4 && word.starts_with(known));
        if let Some(before) = before.max_by_key(|known| known.len()) {
            return format!("is a blank missing behind \"{before}\"?");
        }
    }
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
    match word.as_str() {
        _ if !help.is_empty() => help,
        word if word.starts_with('[') || word.ends_with(['$', '#']) => {
            "was this line copied from a terminal?".into()
        }
        word if COMMANDS.contains(&word) => "this is a command, and no line of keepalived's".into(),
        word if word.len() > 1 && word.ends_with(':') => {
            "this looks like YAML: there the configuration begins further down".into()
        }
        word if word.starts_with("```") => "this looks like Markdown: leave it out".into(),
        _ => help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::error::Place;

    #[test]
    fn unknown_words_get_advice() {
        let known = ["state", "priority", "interface", "mcast_src_ip"];
        let advice = |line: &str| {
            let word = |text: &str| Word { text: text.into(), place: Place::default() };
            let words: Vec<_> = line.split(' ').map(word).collect();
            advice(&words, known.iter().copied())
        };
        assert_eq!(advice("stat"), "did you mean \"state\"?");
        assert_eq!(advice("terface"), "did you mean \"interface\"?");
        assert!(advice("priority=100,").contains("without ="));
        assert_eq!(advice("state;"), "write state without ;");
        assert!(advice("\u{455}tate").contains("\"state\"? it has \"\u{455}\" in it (U+0455)"));
        assert!(advice("\u{a0}state").contains("a blank in it (U+00A0)"));
        assert!(advice(">>>>>>>").contains("merge"));
        assert!(advice("[root@master").contains("terminal"));
        assert!(advice("root@master:~#").contains("terminal"));
        assert_eq!(advice("mcast src ip 192.0.2.1"), "did you mean \"mcast_src_ip\"?");
        assert_eq!(advice("interface_eth0"), "is a blank missing behind \"interface\"?");
        assert!(advice("EOF").contains("command") && advice("data:").contains("YAML"));
        assert!(advice("```").contains("Markdown"));
        assert_eq!(advice("xyzzy"), "");
    }
}
