//! `$NAME=VALUE`, and `$NAME` or `${NAME}` where it is used.

use super::line::Line;
use crate::config::error::Place;
use std::collections::BTreeMap;
use std::rc::Rc;

/// So many references are replaced in one line, those within values included.
const REPLACED: usize = 1000;
/// The most bytes that a reference in braces has.
const WIDEST: usize = 256;
/// The longest line that comes out.
const LONGEST: usize = 64 << 10;

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Definition {
    /// A part of a line.
    Text(Line),
    /// Several lines, at least one.
    Lines(Rc<[Line]>),
}

/// All names, and what is to be known for those that are there by themselves.
#[derive(Debug, Default)]
pub struct Definitions {
    by_name: BTreeMap<String, Definition>,
    /// `${_INSTANCE}`: which router this is.
    pub config_id: String,
    /// `${_PWD}`: the folder of the current file.
    pub folder: String,
}

/// A line in which references have been replaced.
#[derive(Debug, Default)]
pub struct Replaced {
    /// The line, the first if there are several.
    pub line: Line,
    /// The definition of the others, of which it is the first line.
    pub lines: Option<Rc<[Line]>>,
    /// Whether anything has been replaced.
    pub changed: bool,
    /// What could not be replaced, and why.
    pub problems: Vec<(Place, String)>,
    count: usize,
}

/// `$NAME` as it stands in a line.
struct Reference<'a> {
    name: &'a str,
    /// What follows the name within the braces.
    parameters: &'a str,
    /// Behind its last byte.
    end: usize,
}

/// The name and the offset of the value, if a line is a definition.
#[must_use]
pub fn definition(text: &str) -> Option<(&str, usize)> {
    let name = name_at(text.strip_prefix('$')?)?;
    let behind = text.get(1 + name.len()..)?;
    behind.starts_with('=').then_some((name, name.len() + 2))
}

fn name_at(text: &str) -> Option<&str> {
    let len = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    text.get(..len).filter(|name| name.starts_with(|char: char| !char.is_ascii_digit()))
}

/// The reference that begins with the `$` at the beginning of the text.
fn reference(text: &str) -> Option<Reference<'_>> {
    let behind = text.strip_prefix('$')?;
    let Some(inner) = behind.strip_prefix('{') else {
        let name = name_at(behind)?;
        let end = 1 + name.len();
        let next = text.get(end..)?.chars().next();
        let ends = next.is_none_or(|char| char.is_whitespace() || matches!(char, ',' | ')'));
        return ends.then_some(Reference { name, parameters: "", end });
    };
    let inner = inner.get(..inner.bytes().take(WIDEST).position(|byte| byte == b'}')?)?;
    let name = name_at(inner)?;
    let parameters = inner.get(name.len()..)?;
    let fits = parameters.chars().all(|c| c == ' ' || c == '\t' || c == '_' || c.is_alphanumeric());
    fits.then_some(Reference { name, parameters: parameters.trim(), end: inner.len() + 3 })
}

/// Whether a text has something that looks like a reference.
#[must_use]
pub fn has_reference(text: &str) -> bool {
    text.match_indices('$').any(|(at, _)| {
        let behind = &text[at + 1..];
        name_at(behind.strip_prefix('{').unwrap_or(behind)).is_some()
    })
}

impl Definitions {
    /// None but those that are there by themselves.
    #[must_use]
    pub fn new(config_id: &str) -> Self {
        Self { config_id: config_id.into(), ..Self::default() }
    }

    /// Defines a name anew.
    pub fn set(&mut self, name: &str, definition: Definition) {
        self.by_name.insert(name.into(), definition);
    }

    /// Replaces every reference to a name that is there. Others stay as they are.
    #[must_use]
    pub fn replace(&self, line: &Line) -> Replaced {
        let mut out = Replaced::default();
        let mut result = Line::default();
        self.expand(line, None, &mut result, &mut Vec::new(), &mut out);
        out.line = result;
        out
    }

    /// Copies a line with its references replaced. `stands_for` is the place of the reference that
    /// the line is the value of, `open` has the names that are being replaced.
    fn expand<'a>(
        &'a self,
        line: &Line,
        stands_for: Option<Place>,
        result: &mut Line,
        open: &mut Vec<&'a str>,
        out: &mut Replaced,
    ) {
        let text = line.text.as_str();
        let (mut from, mut search) = (0, 0);
        while let Some(at) = text.get(search..).and_then(|rest| rest.find('$')).map(|n| search + n)
        {
            search = at + 1;
            let Some(reference) = text.get(at..).and_then(reference) else {
                continue;
            };
            let end = at + reference.end;
            let place = stands_for.unwrap_or_else(|| line.place(at..end));
            let last = end == text.len() && stands_for.is_none();
            copy(line, from..at, stands_for, result);
            if self.put_in(&reference, (place, last), result, open, out) {
                (from, search) = (end, end);
            } else {
                from = at;
            }
            if out.count > REPLACED || result.text.len() > LONGEST {
                if out.problems.is_empty() {
                    let message = format!("${} is too much for one line", reference.name);
                    out.problems.push((place, message));
                }
                return;
            }
        }
        copy(line, from..text.len(), stands_for, result);
    }

    /// Puts the value of a reference in. Returns whether there is one. `last` says whether the
    /// reference is the last of its line.
    fn put_in<'a>(
        &'a self,
        reference: &Reference<'_>,
        (place, last): (Place, bool),
        result: &mut Line,
        open: &mut Vec<&'a str>,
        out: &mut Replaced,
    ) -> bool {
        out.count += 1;
        let Some((name, definition)) = self.by_name.get_key_value(reference.name) else {
            return self.predefined(reference, place, result, out);
        };
        if !reference.parameters.is_empty() {
            return false;
        }
        if open.contains(&name.as_str()) {
            out.problems.push((place, format!("${name} refers to itself")));
            return false;
        }
        open.push(name);
        let put = match definition {
            Definition::Text(value) => {
                self.expand(value, Some(place), result, open, out);
                true
            }
            Definition::Lines(lines) if last => {
                let first = lines.first().cloned().unwrap_or_default();
                // Its references are replaced when it is read again, as those of the others.
                result.push_part(&first, 0..first.text.len());
                out.lines = Some(Rc::clone(lines));
                true
            }
            Definition::Lines(_) => {
                let message = format!("${name} has several lines: nothing may follow it");
                out.problems.push((place, message));
                false
            }
        };
        open.pop();
        out.changed |= put;
        put
    }

    /// Names that are there by themselves.
    fn predefined(
        &self,
        reference: &Reference<'_>,
        place: Place,
        result: &mut Line,
        out: &mut Replaced,
    ) -> bool {
        let value = match (reference.name, reference.parameters) {
            ("_PWD", "") => self.folder.clone(),
            ("_INSTANCE", "") => self.config_id.clone(),
            ("_HASH", "") => "#".into(),
            ("_BANG", "") => "!".into(),
            ("_ENV", name) if !name.is_empty() && !name.contains([' ', '\t']) => {
                std::env::var(name).unwrap_or_else(|_| {
                    let message =
                        format!("there is no {name} in the environment: nothing stands for it");
                    out.problems.push((place, message));
                    String::new()
                })
            }
            ("_RANDOM", range) => match random(range) {
                Some(number) => number.to_string(),
                None => {
                    let message = "_RANDOM takes up to two numbers, the smaller one first";
                    out.problems.push((place, message.into()));
                    return false;
                }
            },
            _ => return false,
        };
        result.push_for(&value, place);
        out.changed = true;
        true
    }
}

fn copy(line: &Line, range: core::ops::Range<usize>, stands_for: Option<Place>, result: &mut Line) {
    match stands_for {
        Some(place) => result.push_for(line.text.get(range).unwrap_or_default(), place),
        None => result.push_part(line, range),
    }
}

/// A number in a range `[MIN [MAX]]`, by default 0 to 32767.
fn random(range: &str) -> Option<u64> {
    use std::hash::{BuildHasher, Hasher};
    let mut numbers = range.split_whitespace().map(|word| word.parse::<u32>().ok());
    let least = u64::from(numbers.next().unwrap_or(Some(0))?);
    let most = u64::from(numbers.next().unwrap_or(Some(32767))?);
    let none_left = numbers.next().is_none();
    let random = std::hash::RandomState::new().build_hasher().finish();
    (none_left && least <= most).then(|| least + random % (most - least + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        let mut line = Line::default();
        line.push_exact(text, 1000);
        line
    }

    fn definitions(list: &[(&str, &str)]) -> Definitions {
        let mut definitions =
            Definitions { config_id: "r1".into(), folder: "/etc".into(), ..Definitions::default() };
        for (name, value) in list {
            definitions.set(name, Definition::Text(line(value)));
        }
        definitions
    }

    #[test]
    fn definitions_are_recognised() {
        assert_eq!(definition("$A=b c"), Some(("A", 3)));
        assert_eq!(definition("$_a1="), Some(("_a1", 5)));
        for text in ["$A =b", "A=b", "$1=b", "$=b", "$A", "${A}=b", "$A-B=c"] {
            assert_eq!(definition(text), None, "{text}");
        }
    }

    #[test]
    fn references_are_replaced_where_they_end() {
        let it = definitions(&[("IF", "eth0"), ("N", "4"), ("BASE", "10.${N}"), ("E", "")]);
        for (text, expected) in [
            ("interface $IF", "interface eth0"),
            ("${IF}.5 $IF", "eth0.5 eth0"),
            ("$IF.5 $IFX ${IFX} $", "$IF.5 $IFX ${IFX} $"),
            ("${BASE}.0.1/24", "10.4.0.1/24"),
            ("a$E b${E}c $E", "a bc "),
            ("\"x $IF\" ($IF,$IF)", "\"x $IF\" (eth0,eth0)"),
            ("${_PWD}/x ${_INSTANCE}${_HASH}${_BANG}", "/etc/x r1#!"),
            ("${IF 1} ${_PWD x} $1 $$ ${", "${IF 1} ${_PWD x} $1 $$ ${"),
        ] {
            assert_eq!(it.replace(&line(text)).line.text, expected, "{text}");
        }
        let number: u64 = it.replace(&line("${_RANDOM 7 9}")).line.text.parse().unwrap();
        assert!((7..=9).contains(&number));
        assert!(random("").unwrap() <= 32767 && random("5 5") == Some(5));
        assert!(random("5 4").is_none() && random("x").is_none() && random("1 2 3").is_none());
    }

    #[test]
    fn a_value_has_the_place_of_its_reference() {
        let it = definitions(&[("A", "$B"), ("B", "long text")]);
        let line = it.replace(&line("x ${A} y")).line;
        assert_eq!(line.text, "x long text y");
        let place = line.place(7..11);
        assert_eq!((place.start(), place.len()), (1002, 4));
        assert_eq!(line.place(12..13).start(), 1007);
    }

    #[test]
    fn what_never_ends_is_a_problem() {
        let it = definitions(&[("A", "$A"), ("B", "x$C"), ("C", "$B")]);
        for text in ["$A", "$B", "${C}"] {
            let replaced = it.replace(&line(text));
            assert!(replaced.problems[0].1.contains("itself"), "{replaced:?}");
        }
        let mut it = definitions(&[("N0", "")]);
        for level in 1..60 {
            let twice = format!("${{N{0}}}${{N{0}}}", level - 1);
            it.set(&format!("N{level}"), Definition::Text(line(&twice)));
        }
        assert!(it.replace(&line("$N59")).problems[0].1.contains("too much"));
        it.set("N0", Definition::Text(line(&"x".repeat(500))));
        let replaced = it.replace(&line("$N59"));
        assert!(replaced.problems[0].1.contains("too much") && replaced.line.text.len() < 100_000);
    }

    #[test]
    fn several_lines_are_the_end_of_a_line() {
        let mut it = definitions(&[]);
        it.set("L", Definition::Lines(vec![line("a $X"), line("b")].into()));
        let replaced = it.replace(&line("c $L"));
        assert_eq!((replaced.line.text.as_str(), replaced.lines.unwrap().len()), ("c a $X", 2));
        let replaced = it.replace(&line("c $L d"));
        assert!(!replaced.changed && replaced.problems[0].1.contains("nothing may follow"));
    }
}
