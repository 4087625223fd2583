//! The tables of vipd.keepalived(5) are those of the source, row by row.

use std::fmt::Write;
use std::fs;
use vipd::config::dialect::{self, Row, Support};

const PAGE: &str = "man/vipd.keepalived.5";
const BEGIN: &str = ".\\\" tables: begin\n";
const END: &str = ".\\\" tables: end\n";

/// The tables in the language of manual pages.
fn rendered() -> String {
    let rows: Vec<_> = dialect::rows().collect();
    let mut text = String::new();
    for table in rows.chunk_by(|a, b| a.section == b.section) {
        let section = table[0].section;
        let heading = if section.is_empty() { "Outside of any section" } else { section };
        let widest = table.iter().map(|row| row.word).max_by_key(|word| word.len()).unwrap();
        let _ = writeln!(text, ".Ss {heading}\n.Bl -column \"{widest}\" \"renamed\"");
        let _ = writeln!(text, ".It Em word Ta Em support Ta Em difference");
        table.iter().for_each(|row| render(row, &mut text));
        text.push_str(".El\n");
    }
    text
}

fn render(row: &Row, text: &mut String) {
    let word = escape(row.word);
    let support = row.support.as_str();
    let _ = match row.support {
        Support::Same => writeln!(text, ".It Ic {word} Ta {support} Ta"),
        Support::Renamed => {
            writeln!(text, ".It Ic {word} Ta {support} Ta Ic {}", escape(row.note))
        }
        // The note has a line of its own, where no word of it can be taken for a macro.
        _ => writeln!(text, ".It Ic {word} Ta {support} Ta\n{}", escape(row.note)),
    };
}

fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) {
        format!("\\&{text}")
    } else {
        text
    }
}

/// `UPDATE=1` writes the tables anew.
#[test]
fn the_tables_of_the_manual_are_those_of_the_source() {
    let path = super::root().join(PAGE);
    let page = super::text(PAGE);
    let (before, rest) = page.split_once(BEGIN).expect("a place where the tables begin");
    let (tables, behind) = rest.split_once(END).expect("a place where the tables end");
    let expected = rendered();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, format!("{before}{BEGIN}{expected}{END}{behind}")).unwrap();
        return;
    }
    for (line, (is, should)) in tables.lines().zip(expected.lines()).enumerate() {
        assert_eq!(is, should, "line {line} of the tables of {PAGE}; try UPDATE=1");
    }
    assert_eq!(tables.len(), expected.len(), "the tables of {PAGE}; try UPDATE=1");
}

/// What a reader of the page sees, and not its source: every word, with what is made of it.
#[test]
fn every_word_can_be_read() {
    let mut mandoc = std::process::Command::new("mandoc");
    mandoc.args(["-T", "utf8", "-O", "width=240"]).arg(super::root().join(PAGE));
    let Ok(output) = mandoc.output() else {
        eprintln!("skipped: mandoc is not installed");
        return;
    };
    let plain = plain(&String::from_utf8(output.stdout).unwrap());
    let lines: Vec<Vec<&str>> = plain.lines().map(|l| l.split_whitespace().collect()).collect();
    for row in dialect::rows() {
        let mut expected = vec![row.word, row.support.as_str()];
        expected.extend(row.note.split_whitespace());
        assert!(lines.contains(&expected), "{expected:?}");
    }
}

/// Without what makes letters bold or underlined on a terminal.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for char in text.chars() {
        if char == '\u{8}' {
            plain.pop();
        } else {
            plain.push(char);
        }
    }
    plain
}
