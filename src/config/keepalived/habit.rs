//! Words that nobody knows in a `keepalived.conf`, and what was meant.

use crate::config::dialect::{known, Row, Support};
use crate::config::nearest::{nearest, odd_character};
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

/// Words of load balancing, which are not in the table of words.
const BALANCING: &[&str] = &[
    "HTTP_GET",
    "MISC_CHECK",
    "SSL_GET",
    "TCP_CHECK",
    "connect_port",
    "connect_timeout",
    "delay_before_retry",
    "delay_loop",
    "lb_algo",
    "lb_kind",
    "lvs_method",
    "lvs_sched",
    "nb_get_retry",
    "persistence_timeout",
    "protocol",
    "real_server",
    "retry",
    "sorry_server",
];

/// Where a word belongs that is in the wrong place.
pub fn home(word: &str) -> Option<String> {
    if BALANCING.contains(&word) {
        return Some(
            "it belongs into a virtual_server, which is ignored: vipd balances no load".into(),
        );
    }
    let mut homes: Vec<_> = known().filter(|row| row.word == word).collect();
    if homes.iter().any(|row| row.section.is_empty()) {
        return Some("it stands outside of any section".into());
    }
    // Those that vipd reads are more likely meant.
    let read = |row: &Row| matches!(row.support, Support::Same | Support::Differs);
    let in_a_line = |row: &Row| matches!(row.section, "virtual_routes" | "virtual_rules");
    homes.sort_by_key(|row| (!read(row), in_a_line(row)));
    let names: Vec<_> = homes.iter().take(2).map(|row| row.section).collect();
    (!names.is_empty()).then(|| format!("it belongs into {}", names.join(" or ")))
}

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
    if word.starts_with('$') {
        let apart = words.get(1).is_some_and(|next| next.text.starts_with('='));
        return match apart {
            true => format!("write {word}=VALUE, without a blank before the ="),
            false => "nothing that could stand here is defined for it".into(),
        };
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
    // A letter that only looks like one costs no more than any other.
    let letters: String = word.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
    let near = nearest(&letters, known.clone()).or_else(|| {
        // `script_security`, `garp_master_delay` in global_defs.
        let mut longer = known.clone().filter(|known| word.len() > 5 && known.ends_with(word));
        longer.next()
    });
    if near.is_none() {
        let ends = |known: &&str| {
            let behind = word.strip_prefix(known).and_then(|rest| rest.chars().next());
            let letter =
                |c: char| c.is_ascii_lowercase() || (c == '_' && !known.starts_with("vrrp_"));
            known.len() > 4 && behind.is_some_and(|char| !letter(char))
        };
        let before = known.clone().filter(ends);
        if let Some(before) = before.max_by_key(|known| known.len()) {
            return format!("is a blank missing behind \"{before}\"?");
        }
    }
    let mut help = near.map(|near| format!("did you mean \"{near}\"?")).unwrap_or_default();
    if let Some(odd) = odd_character(word) {
        help = if help.is_empty() { odd } else { format!("{help} {odd}") };
    }
    match word.as_str() {
        _ if !help.is_empty() => help,
        word if word.starts_with('[') || word.ends_with(['$', '#', '~']) => {
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
    fn words_in_the_wrong_place_have_a_home() {
        for (word, expected) in [
            ("virtual_router_id", Some("it belongs into vrrp_instance")),
            ("weight", Some("it belongs into track_script or track_interface")),
            ("vrrp_script", Some("it stands outside of any section")),
            ("real_server", Some("it belongs into a virtual_server, which")),
            ("xyzzy", None),
        ] {
            let home = home(word);
            assert_eq!(home.is_some(), expected.is_some(), "{home:?}");
            assert!(home.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{word}");
        }
    }

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
        assert!(advice("\u{43f}\u{440}iority").starts_with("did you mean \"priority\"? it has"));
        assert_eq!(advice("$IF = eth0"), "write $IF=VALUE, without a blank before the =");
        assert!(advice("\u{a0}state").contains("a blank in it (U+00A0)"));
        assert!(advice(">>>>>>>").contains("merge"));
        assert!(advice("[root@master").contains("terminal"));
        assert!(advice("root@master:~#").contains("terminal"));
        assert_eq!(advice("mcast src ip 192.0.2.1"), "did you mean \"mcast_src_ip\"?");
        assert_eq!(advice("mcast_src_ip192.0.2.1"), "is a blank missing behind \"mcast_src_ip\"?");
        assert!(advice("EOF").contains("command") && advice("data:").contains("YAML"));
        assert!(advice("```").contains("Markdown"));
        assert_eq!(advice("xyzzy"), "");
    }
}
