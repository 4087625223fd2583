//! A request: one line of words. A word with blanks in it is written as a JSON string.

use super::Failure;
use crate::exit;
use std::time::Duration;

/// The longest time that a priority can be set for, in seconds.
const LONGEST: f64 = 366.0 * 86_400.0;

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `status [NAME]`
    Status(Option<String>),
    /// `peers`
    Peers,
    /// `events [-f]`
    Events {
        /// And those that are to come.
        follow: bool,
    },
    /// `drain [NAME] [--force]`
    Drain {
        /// An instance or a group; all without it.
        name: Option<String>,
        /// Even if nobody takes over.
        force: bool,
    },
    /// `resume [NAME]`
    Resume(Option<String>),
    /// `priority NAME N|default [SECONDS]`
    Priority {
        /// The instance.
        name: String,
        /// 1 to 254, or that of the configuration.
        priority: Option<u8>,
        /// For so long.
        time: Option<Duration>,
    },
    /// `reload`
    Reload,
    /// `stop [--keep]`
    Stop {
        /// What we hold stays for the next run.
        keep: bool,
    },
    /// `diff FILE`
    Diff(String),
    /// `check NAME`
    Check(String),
    /// `notify NAME STATE`
    Notify(String, String),
}

/// Every request: its word, and whether it changes anything or runs something. That takes root.
const WORDS: &[(&str, bool)] = &[
    ("status", false),
    ("events", false),
    ("peers", false),
    ("drain", true),
    ("resume", true),
    ("priority", true),
    ("reload", true),
    ("stop", true),
    ("diff", true),
    ("check", true),
    ("notify", true),
];

impl Request {
    /// Reads a line. `root`: whether the client may change anything.
    ///
    /// # Errors
    /// The client's mistake, or what it may not do.
    pub fn of(line: &str, root: bool) -> Result<Self, Failure> {
        let words = words(line).map_err(usage)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let word = words.first().copied().unwrap_or_default();
        let Some((_, changes)) = WORDS.iter().find(|(known, _)| *known == word) else {
            let known: Vec<_> = WORDS.iter().map(|(known, _)| *known).collect();
            return Err(usage(format!("no request \"{word}\"; there are: {}", known.join(", "))));
        };
        if *changes && !root {
            return Err(Failure::new(exit::NOPERM, format!("only root may ask for {word}")));
        }
        Ok(match words.as_slice() {
            ["status"] => Self::Status(None),
            ["status", name] => Self::Status(Some((*name).to_owned())),
            ["peers"] => Self::Peers,
            ["events"] => Self::Events { follow: false },
            ["events", "-f"] => Self::Events { follow: true },
            ["drain", "--force"] => Self::Drain { name: None, force: true },
            ["drain", name, "--force"] | ["drain", "--force", name] => {
                Self::Drain { name: Some((*name).to_owned()), force: true }
            }
            ["drain"] => Self::Drain { name: None, force: false },
            ["drain", name] => Self::Drain { name: Some((*name).to_owned()), force: false },
            ["resume"] => Self::Resume(None),
            ["resume", name] => Self::Resume(Some((*name).to_owned())),
            ["priority", name, priority, time @ ..] if time.len() < 2 => Self::Priority {
                name: (*name).to_owned(),
                priority: self::priority(priority)?,
                time: time.first().map(|time| seconds(time)).transpose()?,
            },
            ["reload"] => Self::Reload,
            ["stop"] => Self::Stop { keep: false },
            ["stop", "--keep"] => Self::Stop { keep: true },
            ["diff", file] => Self::Diff((*file).to_owned()),
            ["check", name] => Self::Check((*name).to_owned()),
            ["notify", name, state] => Self::Notify((*name).to_owned(), (*state).to_owned()),
            _ => return Err(usage(format!("{word}: too few words, or too many"))),
        })
    }
}

/// A priority that one can be given.
fn priority(word: &str) -> Result<Option<u8>, Failure> {
    match word.parse() {
        Ok(priority @ 1..=254) => Ok(Some(priority)),
        Err(_) if word == "default" => Ok(None),
        _ => Err(usage(format!("\"{word}\" is no priority from 1 to 254, and not default"))),
    }
}

fn seconds(word: &str) -> Result<Duration, Failure> {
    let seconds = word.parse().ok().filter(|seconds| *seconds > 0.0 && *seconds <= LONGEST);
    let time = seconds.and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok());
    time.ok_or_else(|| usage(format!("\"{word}\" is no number of seconds, a year at most")))
}

fn usage(message: String) -> Failure {
    Failure::new(exit::USAGE, message)
}

/// The words of a line.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let length = match rest.strip_prefix('"') {
            Some(inside) => end_of_string(inside).map(|end| end + 2).ok_or("a quote is open")?,
            None => rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len()),
        };
        let (word, behind) = rest.split_at(length);
        words.push(match word.starts_with('"') {
            true => {
                let string: Option<tinyjson::JsonValue> = word.parse().ok();
                let string = string.and_then(|it| it.get::<String>().cloned());
                string.ok_or_else(|| format!("{word} is no JSON string"))?
            }
            false => word.to_owned(),
        });
        rest = behind.trim_ascii_start();
    }
    Ok(words)
}

/// Where the quote is that ends a string.
fn end_of_string(inside: &str) -> Option<usize> {
    let mut escaped = false;
    inside.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_strings() {
        for (line, expected) in [
            ("", &[][..]),
            (" \t ", &[]),
            ("status", &["status"]),
            (" status  vip ", &["status", "vip"]),
            (r#"status "a b""#, &["status", "a b"]),
            (r#"status "a\"b\\" c"#, &["status", "a\"b\\", "c"]),
            (r#""\u0061"x"#, &["a", "x"]),
            (r#"a"b c"#, &["a\"b", "c"]),
        ] {
            assert_eq!(words(line).unwrap(), expected, "{line}");
        }
        for line in [r#"""#, r#"status "a"#, r#"status "a\""#, r#"status "\x""#] {
            assert!(words(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, root, code, says) in [
            ("", true, 64, "no request \"\"; there are: status, "),
            ("stats", true, 64, "no request \"stats\"; there are: status, "),
            ("status a b", true, 64, "status: too few words, or too many"),
            ("stop --now", true, 64, "stop: too few words, or too many"),
            ("notify vip", true, 64, "notify: too few words, or too many"),
            ("priority vip 255", true, 64, "\"255\" is no priority from 1 to 254"),
            ("priority vip 0 5", true, 64, "\"0\" is no priority from 1 to 254"),
            ("priority vip 5 0", true, 64, "\"0\" is no number of seconds"),
            ("priority vip 5 NaN", true, 64, "\"NaN\" is no number of seconds"),
            ("priority vip 5 1e9", true, 64, "\"1e9\" is no number of seconds"),
            ("priority vip 5 6 7", true, 64, "priority: too few words, or too many"),
            ("drain a b", true, 64, "drain: too few words, or too many"),
            ("drain", false, 77, "only root may ask for drain"),
            ("reload", false, 77, "only root may ask for reload"),
            ("notify", false, 77, "only root may ask for notify"),
        ] {
            let failure = Request::of(line, root).unwrap_err();
            assert_eq!(failure.code, code, "{line}");
            assert!(failure.message.starts_with(says), "{line}: {}", failure.message);
        }
        assert_eq!(Request::of("events -f", false).unwrap(), Request::Events { follow: true });
    }
}
