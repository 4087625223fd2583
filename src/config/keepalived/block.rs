//! Words and braces to statements, with their blocks.

use super::expand::Expander;
use super::shape::BRACES;
use super::word::{tokens, Token};
use crate::config::dialect::{self, Form, Support};
use crate::config::error::{Place, Report};
use crate::config::tree::Word;

/// Blocks in blocks. No keyword needs more than four.
const DEPTH: usize = 32;
/// So many braces are remembered, to find out which one is missing.
const REMEMBERED: usize = 200;

/// What one line says, with the block that follows it.
#[derive(Debug, Default)]
pub struct Statement {
    /// Its words. None in front of a `{` that nothing stands before.
    pub words: Vec<Word>,
    /// The block behind it.
    pub block: Option<Vec<Statement>>,
}

impl Statement {
    /// Its keyword.
    #[must_use]
    pub fn keyword(&self) -> &str {
        self.words.first().map_or("", |word| &word.text)
    }

    /// From its first word to its last.
    #[must_use]
    pub fn place(&self) -> Place {
        let (Some(first), Some(last)) = (self.words.first(), self.words.last()) else {
            return Place::default();
        };
        let end = last.place.start() + last.place.len();
        match end.checked_sub(first.place.start()) {
            Some(len) => Place::new(first.place.start(), len),
            None => first.place,
        }
    }
}

/// After so many errors nobody reads advice.
const ADVISED: usize = 100;

/// Puts statements together.
#[derive(Debug, Default)]
struct Builder {
    done: Vec<Statement>,
    /// The blocks that are open, the innermost last.
    open: Vec<Statement>,
    current: Option<Statement>,
    /// Where blocks of the section began and ended.
    pairs: Vec<(Place, Place)>,
    /// The last section, and the line it ended in.
    closed: Option<(String, usize)>,
}

/// Reads all statements. `None` if there was too much of something.
pub fn statements(expander: &mut Expander<'_>) -> Option<Vec<Statement>> {
    let mut builder = Builder::default();
    while let Some(line) = expander.next() {
        let report = expander.report();
        let (tokens, comment) = tokens(&line, report);
        for token in tokens {
            match token {
                Token::Word(word) => {
                    builder.current.get_or_insert_default().words.push(word);
                }
                Token::Open(place) => builder.open(place, report),
                Token::Close(place) => builder.close(place, report),
            }
            if builder.open.len() > DEPTH {
                let place = builder.open.last().map(Statement::place).unwrap_or_default();
                report.error(place, format!("more than {DEPTH} blocks in blocks"));
                return None;
            }
        }
        builder.finish_line();
        expander.comments.extend(comment);
    }
    if let Some(outermost) = builder.open.first() {
        let (name, place) = (name(outermost), outermost.place());
        let help = builder.suspect(expander.report());
        let message = format!("a }} is missing: {name} is still open at the end");
        expander.report().error(place, message).help(help);
        builder.close_all();
    }
    (!expander.stopped).then_some(builder.done)
}

fn name(statement: &Statement) -> String {
    let words: Vec<_> = statement.words.iter().take(2).map(|word| word.text.as_str()).collect();
    words.join(" ")
}

impl Builder {
    fn list(&mut self) -> &mut Vec<Statement> {
        match self.open.last_mut() {
            Some(open) => open.block.get_or_insert_default(),
            None => &mut self.done,
        }
    }

    fn finish_line(&mut self) {
        if let Some(statement) = self.current.take() {
            self.list().push(statement);
        }
    }

    fn open(&mut self, place: Place, report: &mut Report) {
        // A brace at the beginning of a line belongs to the line before.
        let owner = self.current.take().or_else(|| {
            let list = self.list();
            list.last().is_some_and(|last| last.block.is_none()).then(|| list.pop()).flatten()
        });
        let mut owner = owner.unwrap_or_else(|| {
            report
                .error(place, "nothing stands before this {")
                .help(format!("a block has a keyword; {BRACES}"));
            Statement::default()
        });
        if self.is_misplaced(&owner) {
            let help = self.suspect(report);
            let open = self.open.first().map(name).unwrap_or_default();
            let message = format!("a }} is missing: {open} is still open before this");
            report.error(owner.place(), message).help(help);
            self.close_all();
        }
        owner.block = Some(Vec::new());
        self.open.push(owner);
    }

    /// Whether a section begins in another one, where no such word can stand.
    fn is_misplaced(&self, owner: &Statement) -> bool {
        let Some(outermost) = self.open.first() else {
            return false;
        };
        let word = owner.keyword();
        let section = dialect::find("", word).is_some_and(|row| {
            matches!(row.form, Form::Section | Form::NamedSection)
                || row.support == Support::Ignored
        });
        section && dialect::find(outermost.keyword(), word).is_none()
    }

    fn close(&mut self, place: Place, report: &mut Report) {
        self.finish_line();
        let Some(statement) = self.open.pop() else {
            let help = match &self.closed {
                Some((name, line)) => format!("{name} ends in line {line} already"),
                None => "a { is missing before".into(),
            };
            report.error(place, "there is no { for this }").help(help);
            return;
        };
        if self.pairs.len() < REMEMBERED {
            self.pairs.push((statement.place(), place));
        }
        if self.open.is_empty() {
            self.pairs.clear();
            if dialect::find("", statement.keyword()).is_some() {
                self.closed = Some((name(&statement), report.line_and_column(place).0));
            }
        }
        self.list().push(statement);
    }

    fn close_all(&mut self) {
        self.finish_line();
        while let Some(statement) = self.open.pop() {
            self.list().push(statement);
        }
        self.pairs.clear();
    }

    /// Where the missing brace may be missing: the first block that ends further left than it
    /// began.
    fn suspect(&self, report: &Report) -> String {
        if report.error_count() > ADVISED {
            return String::new();
        }
        let sources = report.sources();
        let mut pairs: Vec<_> = self.pairs.iter().collect();
        pairs.sort_unstable_by_key(|(open, _)| open.start());
        for (open, close) in pairs {
            let (from, to) = (sources.line(open.start()), sources.line(close.start()));
            let indent = |text: &str| text.len() - text.trim_start().len();
            // A brace that stands alone in its line says where its block began.
            let alone = to.text.trim_start().starts_with('}');
            if alone && from.number != to.number && indent(to.text) < indent(from.text) {
                let word = sources.text(*open).split_whitespace().next().unwrap_or_default();
                return format!(
                    "the }} of line {} is taken for that of {word} in line {}",
                    to.number, from.number
                );
            }
        }
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(statements: &[Statement]) -> String {
        let one = |statement: &Statement| {
            let words: Vec<_> = statement.words.iter().map(|word| word.text.as_str()).collect();
            match &statement.block {
                Some(block) => format!("{}[{}]", words.join("_"), show(block)),
                None => words.join("_"),
            }
        };
        statements.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn read(text: &str) -> (Option<String>, String) {
        let mut report = Report::new("f", text);
        let mut expander = Expander::new(text, "", &mut report);
        let statements = statements(&mut expander);
        (statements.map(|list| show(&list)), report.to_string())
    }

    #[test]
    fn braces_stand_anywhere() {
        for text in [
            "a b {\n c d\n e {\n f\n }\n}\ng",
            "a b\n{\nc d\ne\n{\nf }}\ng",
            "a b{c d\ne{f}}g",
            "a b {c d\ne {f} } g",
        ] {
            assert_eq!(read(text), (Some("a_b[c_d e[f]] g".into()), String::new()), "{text}");
        }
        assert_eq!(read("a {}\nb { }").0.unwrap(), "a[] b[]");
    }

    #[test]
    fn a_missing_brace_is_found() {
        let text =
            "vrrp_script a {\n  script \"x\"\n\nvrrp_instance b {\n  track_script {\n    a\n\
                    }\n\nvrrp_instance c {\n  interface d\n}\n";
        let (statements, report) = read(text);
        assert_eq!(
            statements.unwrap(),
            "vrrp_script_a[script_x] vrrp_instance_b[track_script[a]] vrrp_instance_c[interface_d]"
        );
        assert_eq!(report.matches("a } is missing").count(), 2, "{report}");
        assert!(report.contains("f:4:1: error: a } is missing: vrrp_script a is still open"));
        assert!(report.contains("the } of line 7 is taken for that of track_script in line 5"));
        let (_, report) = read("vrrp_instance a {\n virtual_ipaddress {\n  1\n}\n");
        assert!(report.contains("f:1:1: error: a } is missing: vrrp_instance a is still open at"));
    }

    #[test]
    fn braces_that_do_not_pair_are_errors() {
        assert_eq!(read("a }\nb").0.unwrap(), "a b");
        assert!(read("a }\nb").1.contains("f:1:3: error: there is no { for this }"));
        assert!(read("{ a }").1.contains("nothing stands before"));
        assert_eq!(read(&"{".repeat(1_000_000)).0, None);
        assert_eq!(read(&"a {".repeat(1_000_000)).0, None);
        assert!(read(&"}".repeat(100_000)).1.contains("and 99900 more"));
    }
}
