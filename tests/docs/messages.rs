//! What the program says, by its sources.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// What begins a message that is logged.
const LOGGED: &[&str] =
    &["log::error!(", "log::warn!(", "log::info!(", "log::debug!(", "log::trace!(", "log::log!("];
/// Files whose other texts are parts of a message, and what begins these there.
const OTHERS: &[(&str, &[&str])] = &[
    ("src/main.rs", &["format!("]),
    ("src/exit.rs", &["format!("]),
    ("src/daemon/load.rs", &["format!("]),
    ("src/control/mod.rs", &["format!(", "misuse("]),
    ("src/control/call.rs", &["format!(", "misuse("]),
    ("src/control/ask.rs", &["format!("]),
    ("src/control/convert.rs", &["format!(", "misuse("]),
    ("src/vrrp/reason.rs", &["write_str(", "write!(f, "]),
    ("src/daemon/act.rs", &["format!("]),
    ("src/daemon/vmac/problem.rs", &["format!("]),
    ("src/daemon/preflight.rs", &["format!("]),
    ("src/daemon/hmac.rs", &["format!(", "Err("]),
    ("src/daemon/command.rs", &["format!(", "Err("]),
];
/// What has fewer constant bytes than this is no sentence: a number with its unit, or glue.
const CONSTANT: usize = 5;

/// A format string: its constant parts, between which something is filled in.
#[derive(Debug, PartialEq, Eq)]
pub struct Message(Vec<String>);

impl Message {
    fn new(format: &str) -> Self {
        let mut parts = vec![String::new()];
        let mut inside = false;
        let format = format.replace("{{", "\u{1}").replace("}}", "\u{2}").replace('\n', " ");
        for char in format.chars() {
            match (char, inside) {
                ('{', _) => {
                    inside = true;
                    parts.push(String::new());
                }
                ('}', _) => inside = false,
                (_, true) => {}
                ('\u{1}', false) => parts.last_mut().unwrap().push('{'),
                ('\u{2}', false) => parts.last_mut().unwrap().push('}'),
                (char, false) => parts.last_mut().unwrap().push(char),
            }
        }
        Self(parts)
    }

    /// Whether an item of the manual, with words in capitals for what is filled in, is this message.
    pub fn describes(&self, item: &str) -> bool {
        let Some((first, rest)) = self.0.split_first() else { return false };
        item.strip_prefix(first.as_str()).is_some_and(|item| matches(rest, item))
    }

    /// A sentence, and not something filled in alone, or a part that is added to a sentence.
    fn is_sentence(&self) -> bool {
        let constant: String = self.0.concat();
        constant.len() >= CONSTANT && !self.0[0].starts_with([' ', ';', ','])
    }
}

/// Whether the text is something filled in, then the first part, and so on to the last.
fn matches(parts: &[String], text: &str) -> bool {
    let Some((part, rest)) = parts.split_first() else { return text.is_empty() };
    let ends = (0..=text.len()).filter(|at| text.is_char_boundary(*at));
    ends.map(|at| text.split_at(at)).any(|(filled_in, behind)| {
        is_filled_in(filled_in)
            && behind.strip_prefix(part.as_str()).is_some_and(|behind| matches(rest, behind))
    })
}

/// Nothing, or what begins with a capital.
fn is_filled_in(text: &str) -> bool {
    text.trim_start().chars().next().is_none_or(char::is_uppercase)
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("{}"))
    }
}

/// All messages, with the file that each is from.
pub fn of_the_program(root: &Path) -> Vec<(String, Message)> {
    let mut messages = Vec::new();
    for path in sources(&root.join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let file = path.strip_prefix(root).unwrap().display().to_string();
        let others = OTHERS.iter().filter(|(name, _)| *name == file).flat_map(|(_, begin)| *begin);
        for begin in LOGGED.iter().chain(others) {
            let found = formats(&text, begin).into_iter().map(|format| Message::new(&format));
            let sentences = found.filter(Message::is_sentence);
            messages.extend(sentences.map(|message| (file.clone(), message)));
        }
    }
    messages
}

/// Every source file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The string literals that follow `begin`, in what is not a test.
fn formats(source: &str, begin: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code: Vec<_> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let starts = code.match_indices(begin).map(|(at, _)| &code[at + begin.len()..]);
    starts.filter_map(argument).collect()
}

/// The first string literal of a call, if it is one of its own arguments: the first, or the second
/// behind a name.
fn argument(call: &str) -> Option<String> {
    let (before, literal) = call.split_once('"')?;
    let before = before.trim();
    let name = before.strip_suffix(',').unwrap_or(before);
    name.chars().all(|char| char.is_alphanumeric() || char == '_').then(|| unescape(literal))
}

/// A literal without its escapes, up to the quote that ends it.
fn unescape(literal: &str) -> String {
    let mut text = String::new();
    let mut chars = literal.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => text.push('\n'),
                // A line that is continued: its indentation does not count.
                Some('\n') => {
                    let rest = chars.as_str().trim_start();
                    chars = rest.chars();
                }
                Some(char) => text.push(char),
                None => break,
            },
            char => text.push(char),
        }
    }
    text
}

#[test]
fn messages_are_found_and_compared() {
    let source = "log::warn!(\n  \"{name}: {{late}} {} \\\n   for \\\"{x:?}\\\"\", y);\nlog::info!(\"stop{}\", z);
        // log::warn!(\"a comment\")\nlog::warn!(level, \"other\")\n#[cfg(test)]\nlog::warn!(\"test\")";
    let found = formats(source, "log::warn!(");
    assert_eq!(found, ["{name}: {{late}} {} for \"{x:?}\"", "other"]);
    let message = Message::new(&found[0]);
    assert_eq!(message.to_string(), "{}: {late} {} for \"{}\"");
    assert!(message.describes("NAME: {late} SPAN for \"WORD\""));
    assert!(!message.describes("NAME: {late} SPAN for \"WORD\" and more"));
    let check = Message::new("check {}: {}");
    assert!(check.describes("check NAME: RESULT") && !check.describes("check NAME: is fine"));
}
