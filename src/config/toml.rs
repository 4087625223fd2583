//! TOML 1.1 to [`Tree`]: `[global_defs]`, `[vrrp_script.NAME]`, `[vrrp_instance.NAME]`.

use super::error::{quote, Place, Report};
use super::schema::has_name;
use super::tree::{Comment, Data, Entry, Section, Tree, Value, Word};
use core::ops::Range;
use toml::de::{DeString, DeTable, DeValue};
use toml::Spanned;

/// The longest text that is read: room for every bound of [`crate::vrrp::bounds`] at once is not
/// needed, for 4096 instances of 1000 bytes it is.
const LONGEST: usize = 4 << 20;
/// Beyond this only the first error of syntax is reported: the parser keeps some 250 bytes for
/// each, and a text of nothing else holds one at every byte.
const RECOVERED: usize = 128 << 10;
/// Parts of a dotted key. The parser makes a table of each, and tables are dropped recursively.
const DOTS: usize = 16;
/// Levels of values in values. No keyword has more than three, so none takes what is cut off.
const DEPTH: usize = 8;

/// Reads TOML. The tree is empty, and the report tells why, if the syntax is wrong.
pub fn parse(text: &str, report: &mut Report) -> Option<Tree> {
    if text.len() > LONGEST {
        let message = format!("{} bytes are too long: at most {LONGEST}", text.len());
        report.error(Place::default(), message);
        return None;
    }
    if let Some(offset) = too_many_dots(text.as_bytes()) {
        let message = format!("a key of more than {DOTS} parts");
        report.error(Place::new(offset, 1), message);
        return None;
    }
    let table = if text.len() <= RECOVERED {
        let (table, errors) = DeTable::parse_recoverable(text);
        errors.iter().for_each(|error| syntax_error(text, error, report));
        errors.is_empty().then_some(table)?
    } else {
        match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                syntax_error(text, &error, report);
                return None;
            }
        }
    };
    let comments = comments(text);
    Some(Tree { comments, ..tree(table.into_inner()) })
}

/// What the parser says, in our words where a user of `keepalived.conf` will stumble.
fn syntax_error(text: &str, error: &toml::de::Error, report: &mut Report) {
    let span = error.span().unwrap_or_default();
    let there = text.get(span.clone()).unwrap_or_default();
    let place = place(span);
    let message = error.message();
    if message.starts_with("string values must be quoted") {
        match there {
            "" => report.error(place, "a value is missing"),
            "yes" | "on" => report.error(place, format!("{there} is no value")).help("write true"),
            "no" | "off" => report.error(place, format!("{there} is no value")).help("write false"),
            _ => report.error(place, "text needs quotes").help(format!("write {}", quote(there))),
        };
    } else if message == "duplicate key" {
        report.error(place, format!("{} is there twice", quote(there)));
    } else {
        report.error(place, message);
    }
}

fn place(span: Range<usize>) -> Place {
    Place::new(span.start, span.end.saturating_sub(span.start))
}

/// Where a key with more than [`DOTS`] parts is, if there is one. Strings and comments are passed
/// over as the parser does it, with the same idea of where a string without an end ends.
fn too_many_dots(text: &[u8]) -> Option<usize> {
    let (mut at, mut dots) = (0, 0);
    while let Some(byte) = text.get(at) {
        let rest = &text[at..];
        at += match byte {
            b'"' | b'\'' => string_len(rest),
            b'#' => comment_len(rest),
            _ => 1,
        };
        match byte {
            b'.' => dots += 1,
            b'=' | b',' | b'[' | b']' | b'{' | b'}' | b'\n' => dots = 0,
            _ => {}
        }
        if dots >= DOTS {
            return Some(at - 1);
        }
    }
    None
}

/// The comments of a text that the parser takes.
fn comments(text: &str) -> Vec<Comment> {
    let (bytes, mut at) = (text.as_bytes(), 0);
    let mut comments = Vec::new();
    while let Some(byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let len = match byte {
            b'"' | b'\'' => string_len(rest),
            b'#' => comment_len(rest),
            _ => 1,
        };
        if *byte == b'#' {
            let text = text.get(at + 1..at + len).unwrap_or_default().trim();
            comments.push(Comment { text: text.into(), place: Place::new(at, len) });
        }
        at += len;
    }
    comments
}

/// The length of the comment that the text begins with, without the line end.
fn comment_len(text: &[u8]) -> usize {
    text.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(text.len())
}

/// The length of the string that the text begins with, quotes included.
fn string_len(text: &[u8]) -> usize {
    let quote = text.first().copied().unwrap_or_default();
    let long = text.starts_with(&[quote; 3]);
    let mut at = if long { 3 } else { 1 };
    while let Some(byte) = text.get(at) {
        let rest = &text[at..];
        if *byte == b'\\' && quote == b'"' {
            at += if matches!(rest.get(1), Some(b'"' | b'\\')) { 2 } else { 1 };
        } else if long && rest.starts_with(&[quote; 3]) {
            // Up to two quotes may stand before the three that end it.
            return at + rest.iter().take(5).take_while(|byte| **byte == quote).count();
        } else if !long && *byte == quote {
            return at + 1;
        } else if !long && *byte == b'\n' {
            return at;
        } else {
            at += 1;
        }
    }
    text.len()
}

fn tree(table: DeTable<'_>) -> Tree {
    let mut tree = Tree::default();
    for (key, value) in table {
        let keyword = word(key);
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) if has_name(&keyword.text) != Some(false) => {
                named_sections(&keyword, table, &mut tree);
            }
            DeValue::Table(table) => {
                let entries = entries(table, DEPTH);
                tree.sections.push(Section { keyword, name: None, entries });
            }
            other => {
                let value = value_of(Spanned::new(span, other), DEPTH);
                tree.stray.push(Entry { word: keyword, value });
            }
        }
    }
    // The parser sorts by name.
    let start = |word: &Word| word.place.start();
    tree.sections
        .sort_unstable_by_key(|section| start(section.name.as_ref().unwrap_or(&section.keyword)));
    tree.stray.sort_unstable_by_key(|entry| start(&entry.word));
    tree
}

/// The tables in a table are sections. What else stands there makes a section without a name.
fn named_sections(keyword: &Word, table: DeTable<'_>, tree: &mut Tree) {
    let (mut nameless, before) = (Vec::new(), tree.sections.len());
    for (key, value) in table {
        let word = word(key);
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => {
                let entries = entries(table, DEPTH);
                let (keyword, name) = (keyword.clone(), Some(word));
                tree.sections.push(Section { keyword, name, entries });
            }
            other => {
                let value = value_of(Spanned::new(span, other), DEPTH);
                nameless.push(Entry { word, value });
            }
        }
    }
    if !nameless.is_empty() || tree.sections.len() == before {
        let keyword = keyword.clone();
        tree.sections.push(Section { keyword, name: None, entries: nameless });
    }
}

fn word(key: Spanned<DeString<'_>>) -> Word {
    let place = place(key.span());
    Word { text: key.into_inner().into_owned(), place }
}

fn entries(table: DeTable<'_>, depth: usize) -> Vec<Entry> {
    let entry = |(key, value)| Entry { word: word(key), value: value_of(value, depth) };
    let mut entries: Vec<_> = table.into_iter().map(entry).collect();
    entries.sort_unstable_by_key(|entry| entry.word.place.start());
    entries
}

fn value_of(value: Spanned<DeValue<'_>>, depth: usize) -> Value {
    let place = place(value.span());
    let Some(depth) = depth.checked_sub(1) else {
        return Value { data: Data::Other("lists in lists"), place };
    };
    let data = match value.into_inner() {
        DeValue::String(text) => Data::Text(text.into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Data::Integer(number),
            Err(_) => Data::Other("a number that is too large"),
        },
        DeValue::Float(number) => Data::Float(number.as_str().into()),
        DeValue::Boolean(truth) => Data::Bool(truth),
        DeValue::Datetime(_) => Data::Other("a date or time"),
        DeValue::Array(list) => {
            Data::List(list.into_iter().map(|item| value_of(item, depth)).collect())
        }
        DeValue::Table(table) => Data::Table(entries(table, depth)),
    };
    Value { data, place }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Option<Tree>, String) {
        let mut report = Report::new("f", text);
        let tree = parse(text, &mut report);
        (tree, report.to_string())
    }

    #[test]
    fn sections_come_in_the_order_of_the_file() {
        let text =
            "[vrrp_instance.z]\nb = 1\na = 2\n[vrrp_script.s]\n[global_defs]\n[vrrp_instance.a]\n";
        let (tree, errors) = parsed(text);
        assert_eq!(errors, "");
        let tree = tree.unwrap();
        let name = |s: &Section| s.name.as_ref().unwrap_or(&s.keyword).text.clone();
        let names: Vec<_> = tree.sections.iter().map(name).collect();
        assert_eq!(names, ["z", "s", "global_defs", "a"]);
        let words: Vec<_> = tree.sections[0].entries.iter().map(|e| e.word.text.as_str()).collect();
        assert_eq!(words, ["b", "a"]);
        assert_eq!(tree.sections[0].name.as_ref().unwrap().place.start(), 15);
        assert_eq!(tree.sections[0].entries[0].value.place.start(), 22);
    }

    #[test]
    fn every_error_of_syntax_is_told() {
        let (tree, errors) = parsed("a = yes\nb = eth0\nc =\n[d\n");
        assert!(tree.is_none());
        assert_eq!(errors.matches("error:").count(), 4, "{errors}");
        assert!(errors.contains("write true") && errors.contains("write \"eth0\""), "{errors}");
    }

    #[test]
    fn strings_end_where_the_parser_ends_them() {
        for (text, len) in [
            (r#""a" x"#, 3),
            (r#""a\" x" y"#, 7),
            (r#""a\\" x"#, 5),
            ("\"a\nb", 2),
            ("'a\\' x", 4),
            ("'''a'b''' x", 9),
            ("'''a''''' x", 9),
            ("\"\"\"a\n\\\"\"\"\"\" x", 11),
            ("\"\"\"a", 4),
            ("\"", 1),
            ("\"\" x", 2),
        ] {
            assert_eq!(string_len(text.as_bytes()), len, "{text}");
        }
    }

    #[test]
    fn comments_are_found_outside_of_strings_alone() {
        let text = "\u{feff}# one\r\n[a]#two\nx = \"# no\" #  th#ree \ny = '''\n# no\n'''\n#";
        let (tree, errors) = parsed(text);
        let comments = tree.unwrap_or_else(|| panic!("{errors}")).comments;
        let found: Vec<_> = comments.iter().map(|c| (c.text.as_str(), c.place)).collect();
        assert_eq!(found.iter().map(|c| c.0).collect::<Vec<_>>(), ["one", "two", "th#ree", ""]);
        assert_eq!((found[0].1.start(), found[0].1.len()), (3, 5));
        assert_eq!(&text[found[2].1.start()..][..found[2].1.len()], "#  th#ree ");
    }

    #[test]
    fn dots_are_counted_in_keys_alone() {
        let dots = "a.".repeat(DOTS + 1);
        for (text, too_many) in [
            (format!("{dots}a = 1"), true),
            (format!("x = {{{dots}a = 1}}"), true),
            (format!("[{dots}a]"), true),
            (format!("x = \"{dots}\""), false),
            (format!("# {dots}"), false),
            (format!("x = '{dots}'\ny = \"\"\"\n{dots}\"\"\""), false),
            ("a.b = 1\n".repeat(DOTS), false),
        ] {
            assert_eq!(too_many_dots(text.as_bytes()).is_some(), too_many, "{text}");
        }
    }

    #[test]
    fn what_is_too_much_is_an_error() {
        assert!(parsed(&"#\n".repeat(LONGEST)).1.contains("too long"));
        let errors = parsed(&"=\n".repeat(RECOVERED)).1;
        assert_eq!(errors.matches("error:").count(), 1, "{errors}");
    }
}
