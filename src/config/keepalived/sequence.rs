//! `~SEQ(VAR, START, STEP, END) LINE` and `~LST(VAR, A, B, ...) LINE`: a line several times.

use super::line::Line;

/// So many values may a list have.
const MOST: usize = 65_536;

/// A line that is still to be repeated.
#[derive(Debug)]
pub struct Repeat {
    /// The names that are defined anew each time.
    pub names: Vec<String>,
    values: Values,
    /// What is repeated.
    pub line: Line,
}

#[derive(Debug)]
enum Values {
    Sequence { next: Option<i64>, step: i64, end: i64, hex: bool },
    List(std::vec::IntoIter<Vec<String>>),
}

impl Repeat {
    /// The values of the names for the next time; `None` if that was all.
    pub fn next(&mut self) -> Option<Vec<String>> {
        match &mut self.values {
            Values::List(values) => values.next(),
            Values::Sequence { next, step, end, hex } => {
                let value = (*next)?;
                let over = if *step > 0 { value > *end } else { value < *end };
                if over {
                    return None;
                }
                *next = value.checked_add(*step);
                Some(vec![if *hex { format!("{value:x}") } else { value.to_string() }])
            }
        }
    }
}

/// How long the head of a line is that is to be repeated, `~SEQ(...)` or `~LST(...)`; `None` if
/// it is no such line.
#[must_use]
pub fn head(text: &str) -> Option<usize> {
    if !text.starts_with("~SEQ") && !text.starts_with("~LST") {
        return None;
    }
    text.find(')').map(|at| at + 1)
}

/// Reads a head, in which references are replaced already.
///
/// # Errors
/// What is wrong with it.
pub fn parse(head: &str, line: Line) -> Result<Repeat, String> {
    let (name, behind) = head.split_at(4.min(head.len()));
    let (hex, behind) = match behind.strip_prefix('x') {
        Some(behind) if name == "~SEQ" => (true, behind),
        _ => (false, behind),
    };
    let inner = behind.trim_start().strip_prefix('(').and_then(|inner| inner.strip_suffix(')'));
    let inner = inner.ok_or_else(|| format!("{name} is followed by something in parentheses"))?;
    let (names, values) = match name {
        "~LST" => list(inner)?,
        _ => sequence(inner, hex)?,
    };
    match names.iter().find(|name| !is_name(name)) {
        Some(wrong) => Err(format!("\"{wrong}\" cannot be the name of a variable")),
        None => Ok(Repeat { names, values, line }),
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}

fn sequence(inner: &str, hex: bool) -> Result<(Vec<String>, Values), String> {
    let mut parts = inner.split(',').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let mut numbers = Vec::new();
    for part in parts {
        let number = number(part).ok_or_else(|| format!("\"{part}\" is no number"))?;
        numbers.push(number);
    }
    let sign = |up: bool| if up { 1 } else { -1 };
    let (start, step, end) = match *numbers.as_slice() {
        [end] => (sign(end >= 0), sign(end >= 1), end),
        [start, end] => (start, sign(start <= end), end),
        [start, step, end] => (start, step, end),
        _ => return Err("write ~SEQ(NAME, START, STEP, END)".into()),
    };
    if step == 0 || (start < end && step < 0) || (start > end && step > 0) {
        return Err(format!("steps of {step} do not lead from {start} to {end}"));
    }
    if hex && (start < 0 || end < 0) {
        return Err("~SEQx counts from 0 up".into());
    }
    Ok((vec![name.into()], Values::Sequence { next: Some(start), step, end, hex }))
}

/// A number as C writes it: `10`, `0x1f`, `017`, with a sign perhaps.
fn number(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (16, digits),
        None if digits.len() > 1 && digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    let number =
        i64::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with(['+', '-']))?;
    Some(if negative { -number } else { number })
}

fn list(inner: &str) -> Result<(Vec<String>, Values), String> {
    let mut groups = groups(inner)?.into_iter();
    let names = groups.next().unwrap_or_default();
    let mut values: Vec<Vec<String>> = groups.collect();
    if values.is_empty() {
        return Err("write ~LST(NAME, VALUE, VALUE...)".into());
    }
    for group in &mut values {
        if group.len() > names.len() {
            return Err(format!("{} values for {} names", group.len(), names.len()));
        }
        group.resize(names.len(), String::new());
    }
    Ok((names, Values::List(values.into_iter())))
}

/// `A, {B, C}, D`: what stands between commas, several in braces.
fn groups(inner: &str) -> Result<Vec<Vec<String>>, String> {
    let mut groups = Vec::new();
    let mut rest = inner.trim();
    loop {
        let (group, behind) = match rest.strip_prefix('{') {
            Some(behind) => behind.split_once('}').ok_or("a } is missing")?,
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        if groups.len() == MOST {
            return Err(format!("more than {MOST} values"));
        }
        groups.push(group.split(',').map(|word| word.trim().to_owned()).collect());
        let behind = behind.trim_start();
        rest = match behind.strip_prefix(',') {
            Some(rest) => rest.trim_start(),
            None if behind.is_empty() => return Ok(groups),
            None => return Err("a comma is missing".into()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<String>, String> {
        let mut repeat = parse(text, Line::default())?;
        let mut all = Vec::new();
        while let Some(values) = repeat.next() {
            all.push(values.join("/"));
            assert!(all.len() < 1000);
        }
        Ok(all)
    }

    #[test]
    fn sequences() {
        for (text, expected) in [
            ("~SEQ(A, 0, 3)", "0 1 2 3"),
            ("~SEQ (A,3,0)", "3 2 1 0"),
            ("~SEQ(A, 3)", "1 2 3"),
            ("~SEQ(A, -2)", "-1 -2"),
            ("~SEQ(A, 0)", "1 0"),
            ("~SEQ(A, 144, 16, 0xb0)", "144 160 176"),
            ("~SEQ(A, 1, 2, 6)", "1 3 5"),
            ("~SEQ(A, 010, 9)", "8 9"),
            ("~SEQx(A, 0x90, 0x10, 0xb0)", "90 a0 b0"),
            ("~SEQ(A, 5, 5)", "5"),
            (
                "~SEQ(A, 9223372036854775806, 9223372036854775807)",
                "9223372036854775806 9223372036854775807",
            ),
        ] {
            assert_eq!(all(text).unwrap().join(" "), expected, "{text}");
        }
        for text in [
            "~SEQ(A)",
            "~SEQ()",
            "~SEQ(A, x)",
            "~SEQ(A,1,0,2)",
            "~SEQ(A,1,-1,2)",
            "~SEQx(A,-1,2)",
            "~SEQ(A,1,2,3,4)",
            "~SEQ(1,2,3)",
            "~SEQy(A,1,2)",
            "~SEQ",
            "~SEQ(A, 99999999999999999999)",
            "~SEQ(A, --1)",
        ] {
            assert!(all(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lists() {
        for (text, expected) in [
            ("~LST(A, x, y ,z)", "x y z"),
            ("~LST({A, B}, {1,2}, {3}, 4)", "1/2 3/ 4/"),
            ("~LST(A,)", ""),
        ] {
            assert_eq!(all(text).unwrap().join(" "), expected, "{text}");
        }
        for text in ["~LST(A)", "~LST(A,{1,2})", "~LST({A,1)", "~LST({A}{1})", "~LST()"] {
            assert!(all(text).is_err(), "{text}");
        }
    }

    #[test]
    fn heads_end_with_a_parenthesis() {
        assert_eq!(head("~SEQ(A,1,2) x"), Some(11));
        assert_eq!((head("~SEQ(A"), head("~X()"), head("x")), (None, None, None));
    }
}
