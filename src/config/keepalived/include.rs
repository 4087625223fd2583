//! `include PATTERN` and its variants: which files are meant.

use std::fs;
use std::path::{Path, PathBuf};

/// So many files may one pattern mean.
const FILES: usize = 1000;
/// So many patterns come of the braces in one.
const PATTERNS: usize = 1000;

/// A line that includes files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Include<'a> {
    /// What follows the word.
    pub pattern: &'a str,
    /// Its offset in the line.
    pub at: usize,
    /// Something that cannot be read is an error: all but plain `include`.
    pub must_read: bool,
    /// A pattern that means no file is an error: `includew` and `includea`.
    pub must_match: bool,
}

/// Whether a line would include files, but names none.
#[must_use]
pub fn is_bare(text: &str) -> bool {
    include(&format!("{text} x")).is_some_and(|include| include.pattern == "x")
}

/// Reads a line that includes files; `None` if it is another line.
#[must_use]
pub fn include(text: &str) -> Option<Include<'_>> {
    let word = text.split([' ', '\t']).next()?;
    let kind = word.strip_prefix("include")?;
    if !matches!(kind, "" | "r" | "m" | "w" | "b" | "a") || word.len() == text.len() {
        return None;
    }
    let rest = text.get(word.len()..)?;
    let pattern = rest.trim();
    let at = text.len() - rest.trim_start().len();
    let inner = pattern.strip_prefix('"').and_then(|inner| inner.strip_suffix('"'));
    Some(Include {
        pattern: inner.unwrap_or(pattern),
        at,
        must_read: !kind.is_empty(),
        must_match: matches!(kind, "w" | "a"),
    })
}

/// Whether a pattern may mean no file without being wrong.
#[must_use]
pub fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', '{'])
}

/// The files that a pattern means, sorted by name. Those that are named without a wildcard are in
/// the list even if they are not there.
#[must_use]
pub fn files(pattern: &str, folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for pattern in braces(pattern) {
        let (root, rest) = match pattern.strip_prefix('/') {
            Some(rest) => (PathBuf::from("/"), rest),
            None => (folder.to_path_buf(), pattern.as_str()),
        };
        let segments: Vec<&str> = rest.split('/').filter(|segment| !segment.is_empty()).collect();
        let before = files.len();
        walk(root, &segments, &mut files);
        if pattern.contains(['*', '?', '[']) {
            let found = files.split_off(before);
            files.extend(found.into_iter().filter(|path| path.exists()));
        }
    }
    files
}

/// The folder that a pattern looks for files in, if it is not there.
#[must_use]
pub fn missing_folder(pattern: &str, folder: &Path) -> Option<PathBuf> {
    let plain = pattern.split('/').take_while(|segment| !has_wildcard(segment)).count();
    let is_all = plain == pattern.split('/').count();
    let parts: Vec<_> = pattern.split('/').take(plain).collect();
    let path = folder.join(parts.join("/") + "/");
    (!is_all && plain > 0 && !path.exists()).then(|| folder.join(parts.join("/")))
}

/// Adds what a pattern means below a folder.
fn walk(folder: PathBuf, segments: &[&str], files: &mut Vec<PathBuf>) {
    let Some((segment, rest)) = segments.split_first() else {
        if files.len() < FILES {
            files.push(folder);
        }
        return;
    };
    if !segment.contains(['*', '?', '[']) {
        walk(folder.join(segment), rest, files);
        return;
    }
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    // A leading dot is matched by a dot alone.
    let visible = |name: &String| segment.starts_with('.') || !name.starts_with('.');
    let mut names: Vec<_> = names
        .filter(|name| visible(name) && matches(segment.as_bytes(), name.as_bytes()))
        .collect();
    names.sort_unstable();
    for name in names.iter().take(FILES) {
        walk(folder.join(name), rest, files);
    }
}

/// `a{b,c}d` as `abd` and `acd`. Braces that do not pair are taken as they are.
fn braces(pattern: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(pattern) = open.pop() {
        let parts = alternatives(&pattern).filter(|_| open.len() + done.len() < PATTERNS);
        match parts {
            // What comes first is taken first.
            Some(parts) => open.extend(parts.into_iter().rev()),
            None => done.push(pattern),
        }
    }
    done
}

/// The first pair of braces taken apart, with what stands before and behind it.
fn alternatives(pattern: &str) -> Option<Vec<String>> {
    let start = pattern.find('{')?;
    let (mut depth, mut from, mut cuts) = (0, start + 1, Vec::new());
    for (at, byte) in pattern.bytes().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && byte == b',') {
            cuts.push(pattern.get(from..at)?);
            from = at + 1;
        }
        if depth == 0 {
            let (before, behind) = (pattern.get(..start)?, pattern.get(from..)?);
            return Some(cuts.iter().map(|cut| format!("{before}{cut}{behind}")).collect());
        }
    }
    None
}

/// Whether a name fits a pattern with `*`, `?` and `[...]`.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        let step = match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some(_) => one(&pattern[p..], name[n]),
            None => None,
        };
        match (step, star) {
            (Some(len), _) => (p, n) = (p + len, n + 1),
            // The last star takes one byte more.
            (None, Some((behind, taken))) => {
                star = Some((behind, taken + 1));
                (p, n) = (behind, taken + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[p.min(pattern.len())..].iter().all(|byte| *byte == b'*')
}

/// How much of the pattern fits one byte, if it does.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match *pattern.first()? {
        b'?' => Some(1),
        b'[' => match set(pattern, byte) {
            Some((len, fits)) => fits.then_some(len),
            None => (byte == b'[').then_some(1),
        },
        b'\\' if pattern.len() > 1 => (pattern.get(1) == Some(&byte)).then_some(2),
        plain => (plain == byte).then_some(1),
    }
}

/// `[abc]`, `[a-z]`, `[!a]`: its length, and whether the byte is in it.
fn set(pattern: &[u8], byte: u8) -> Option<(usize, bool)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let first = if negated { 2 } else { 1 };
    let mut at = first;
    let mut found = false;
    loop {
        let from = *pattern.get(at)?;
        if from == b']' && at > first {
            return Some((at + 1, found != negated));
        }
        let to = match (pattern.get(at + 1), pattern.get(at + 2)) {
            (Some(b'-'), Some(to)) if *to != b']' => {
                at += 2;
                *to
            }
            _ => from,
        };
        found |= (from..=to).contains(&byte);
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_include() {
        let it = include("includea  \"a b.conf\" ").unwrap();
        assert_eq!((it.pattern, it.at, it.must_read, it.must_match), ("a b.conf", 10, true, true));
        let it = include("include\tx/*.conf").unwrap();
        assert_eq!((it.pattern, it.must_read, it.must_match), ("x/*.conf", false, false));
        for text in
            ["include", "included x", "include_check +readable", "includes x", "x include y"]
        {
            assert_eq!(include(text), None, "{text}");
        }
        assert!(is_bare("include") && is_bare("includer") && !is_bare("include x"));
        assert!(!is_bare("included") && !is_bare("interface"));
    }

    #[test]
    fn wildcards() {
        for (pattern, name, fits) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.bak", false),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXbY", false),
            ("?[a-c]", "xb", true),
            ("[!a]x", "bx", true),
            ("[!a]x", "ax", false),
            ("[]]", "]", true),
            ("[", "[", true),
            ("[a", "[a", true),
            (r"\*", "*", true),
            (r"\*", "a", false),
            ("*", "", true),
            ("", "a", false),
            ("**********a", "bbbbbbbbbbbbbbbbbbbbbbbbbbbb", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn braces_are_alternatives() {
        assert_eq!(braces("{foo/{,cat,dog},bar}"), ["foo/", "foo/cat", "foo/dog", "bar"]);
        assert_eq!(braces("a{b"), ["a{b"]);
        assert_eq!(braces("a}b,c"), ["a}b,c"]);
        assert!(braces(&"{a,b}".repeat(100)).len() <= PATTERNS + 200);
    }

    #[test]
    fn patterns_mean_files() {
        let folder = std::env::temp_dir().join(format!("vipd-include-{}", std::process::id()));
        fs::create_dir_all(folder.join("d")).unwrap();
        for name in ["b.conf", "a.conf", ".h.conf", "d/c.conf"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let found = |pattern: &str| -> Vec<String> {
            let name = |path: &PathBuf| path.strip_prefix(&folder).unwrap().display().to_string();
            files(pattern, &folder).iter().map(name).collect()
        };
        assert_eq!(found("*.conf"), ["a.conf", "b.conf"]);
        assert_eq!(found("*/c.conf"), ["d/c.conf"]);
        assert_eq!(found("{b,none}.conf"), ["b.conf", "none.conf"]);
        assert_eq!(found(".*f"), [".h.conf"]);
        assert_eq!(found("x*"), Vec::<String>::new());
        fs::remove_dir_all(&folder).unwrap();
    }
}
