//! Which processes a `track_process` means.

use crate::config::{ParamMatch, TrackProcess};

/// The longest name that the kernel has for a process.
const COMM: usize = 15;

/// What a process must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// The name that the kernel has for it.
    Comm(Vec<u8>),
    /// Its command line.
    Command {
        /// The first word.
        name: Vec<u8>,
        /// The words behind it, each with a NUL at its end, as the kernel has them.
        parameters: Vec<u8>,
        /// Which of them have to be there.
        matching: ParamMatch,
    },
}

impl Pattern {
    /// What the configuration asks for.
    #[must_use]
    pub fn new(from: &TrackProcess) -> Self {
        let mut words = from.process.iter().map(|word| word.as_bytes());
        let name = words.next().unwrap_or_default().to_vec();
        if !from.full_command {
            return Self::Comm(name.get(..COMM).unwrap_or(&name).to_vec());
        }
        let parameters = words.flat_map(|word| word.iter().copied().chain([0])).collect();
        Self::Command { name, parameters, matching: from.param_match }
    }

    /// Whether it is about the command line.
    #[must_use]
    pub const fn wants_command(&self) -> bool {
        matches!(self, Self::Command { .. })
    }

    /// How much of a command line has to be known to tell.
    #[must_use]
    pub fn length(&self) -> usize {
        match self {
            Self::Comm(_) => 0,
            // And what is behind it, to know whether there is anything.
            Self::Command { name, parameters, .. } => name.len() + 1 + parameters.len() + 1,
        }
    }

    /// Whether a process with this name and the beginning of this command line is one.
    #[must_use]
    pub fn matches(&self, comm: &[u8], command: &[u8]) -> bool {
        match self {
            Self::Comm(name) => name == comm,
            Self::Command { name, parameters, matching } => {
                let Some((first, rest)) = split(command) else { return false };
                first == name && fits(rest, parameters, *matching)
            }
        }
    }
}

/// The first word and what is behind it; `None` for a process without words (a kernel thread, or one
/// that has ended).
fn split(command: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = command.iter().position(|byte| *byte == 0).unwrap_or(command.len());
    let first = command.get(..end).filter(|first| !first.is_empty())?;
    Some((first, command.get(end + 1..).unwrap_or_default()))
}

fn fits(found: &[u8], wanted: &[u8], matching: ParamMatch) -> bool {
    match matching {
        ParamMatch::Any => true,
        ParamMatch::Exact => found == wanted,
        ParamMatch::Partial => found.starts_with(wanted),
        // Without the NUL at the end.
        ParamMatch::Initial => found.starts_with(wanted.strip_suffix(&[0]).unwrap_or(wanted)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(words: &[&str], matching: ParamMatch) -> Pattern {
        let (name, parameters) = words.split_first().unwrap();
        let parameters = parameters.iter().flat_map(|word| word.bytes().chain([0])).collect();
        Pattern::Command { name: name.as_bytes().to_vec(), parameters, matching }
    }

    #[test]
    fn a_name_is_the_whole_name() {
        let pattern = Pattern::Comm(b"ssh".to_vec());
        assert!(pattern.matches(b"ssh", b""));
        assert!(!pattern.matches(b"sshd", b"ssh\0") && !pattern.matches(b"", b"ssh\0"));
    }

    #[test]
    fn parameters() {
        use ParamMatch::{Any, Exact, Initial, Partial};
        for (wanted, matching, command, expected) in [
            (&["n"][..], Any, "n\0", true),
            (&["n"], Any, "n\0a\0b\0", true),
            (&["n"], Any, "n", true),
            (&["n"], Any, "", false),
            (&["n"], Any, "nn\0", false),
            (&["n"], Exact, "n\0", true),
            (&["n"], Exact, "n\0a\0", false),
            (&["n", "a"], Exact, "n\0a\0", true),
            (&["n", "a"], Exact, "n\0a\0b\0", false),
            (&["n", "a"], Exact, "n\0", false),
            (&["n", "a"], Exact, "n\0ab\0", false),
            (&["n", "a"], Partial, "n\0a\0", true),
            (&["n", "a"], Partial, "n\0a\0b\0", true),
            (&["n", "a"], Partial, "n\0ab\0", false),
            (&["n", "a"], Initial, "n\0ab\0", true),
            (&["n", "a"], Initial, "n\0a\0b\0", true),
            (&["n", "a"], Initial, "n\0b\0", false),
            (&["n", "a b"], Exact, "n\0a\0b\0", false),
            (&["n", "a b"], Exact, "n\0a b\0", true),
            (&["n"], Partial, "n\0x\0", true),
        ] {
            let found = pattern(wanted, matching).matches(b"", command.as_bytes());
            assert_eq!(found, expected, "{wanted:?} {matching:?} {command:?}");
        }
    }

    /// As much as is read of a command line is enough to tell.
    #[test]
    fn the_length_is_enough() {
        let exact = pattern(&["n", "a"], ParamMatch::Exact);
        let long = b"n\0a\0bcdefg\0";
        assert!(!exact.matches(b"", &long[..exact.length()]));
    }
}
