//! What is wrong with a configuration: [`Problem`]s with their [`Place`], collected in a [`Report`]
//! that knows the text and can therefore show the line.

pub use super::excerpt::quote;
use super::excerpt::{excerpt, holds_password};
use super::source::{FoundLine, Sources};
use super::Format;
use core::fmt::{self, Write};
use std::rc::Rc;

/// So many problems of a kind are kept; the others are counted.
const KEPT: usize = 1000;
/// How a warning begins that was an error.
const SKIPPED: &str = "skipped: ";
/// So many problems are shown.
const SHOWN: usize = 100;

/// A part of the text, in bytes. Places are always equal: a configuration that only moved within
/// its file says what it said before. The default is the file as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    start: u32,
    len: u32,
}

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

impl Place {
    /// From the offset of the first byte and the number of bytes.
    #[must_use]
    pub fn new(start: usize, len: usize) -> Self {
        let fit = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { start: fit(start), len: fit(len) }
    }

    /// Offset of the first byte.
    #[must_use]
    pub const fn start(self) -> usize {
        self.start as usize
    }

    /// Number of bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        self.len as usize
    }

    /// Whether it marks no byte: the file as a whole, or its end.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// A part of this place: `len` bytes from the byte `offset` on.
    #[must_use]
    pub fn part(self, offset: usize, len: usize) -> Self {
        Self::new(self.start().saturating_add(offset), len)
    }

    const fn is_whole_file(self) -> bool {
        self.start == 0 && self.len == 0
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but it will surprise.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One complaint.
#[derive(Clone, Debug)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
    /// The line holds a password: it is not to be shown.
    pub secret: bool,
}

impl Problem {
    fn new(severity: Severity, place: Place, message: String) -> Self {
        Self { severity, place, message, help: String::new(), secret: false }
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.place.start, self.place.len) == (other.place.start, other.place.len)
            && self.message == other.message
    }

    /// Adds what to do about it.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = help.into();
        self
    }

    /// Keeps the line out of what is shown, for it holds a password.
    pub fn secret(&mut self, secret: bool) -> &mut Self {
        self.secret = secret;
        self
    }
}

/// Problems of one severity: the first [`KEPT`], and how many there were.
#[derive(Clone, Debug, Default)]
struct Pile {
    kept: Vec<Problem>,
    count: usize,
    overflow: Option<Problem>,
}

impl Pile {
    /// What a line says that is repeated is wrong once.
    fn add(&mut self, problem: Problem) -> &mut Problem {
        let looked_at = if self.kept.len() < KEPT { self.kept.as_slice() } else { &[] };
        if let Some(same) = looked_at.iter().position(|kept| kept.is_same(&problem)) {
            return &mut self.kept[same];
        }
        self.count += 1;
        if self.kept.len() >= KEPT {
            return self.overflow.insert(problem);
        }
        let index = self.kept.len();
        self.kept.push(problem);
        &mut self.kept[index]
    }

    fn append(&mut self, other: Self) {
        let lost = other.count - other.kept.len();
        for problem in other.kept.into_iter().chain(other.overflow) {
            self.add(problem);
        }
        self.count += lost.saturating_sub(1);
    }
}

/// All that is wrong with one configuration.
#[derive(Clone, Debug, Default)]
pub struct Report {
    format: Format,
    sources: Rc<Sources>,
    errors: Pile,
    warnings: Pile,
    skipped: usize,
    lossy: bool,
}

impl Report {
    /// For a file of that name with that text.
    #[must_use]
    pub fn new(file: &str, text: &str) -> Self {
        let mut sources = Sources::default();
        sources.add(file, text);
        Self { sources: Rc::new(sources), ..Self::default() }
    }

    /// The same, for a syntax: what is to be written is said in it.
    #[must_use]
    pub fn in_format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Notes that not all of the text is what its bytes were.
    pub fn set_lossy(&mut self) {
        self.lossy = true;
    }

    /// Whether a [`char::REPLACEMENT_CHARACTER`] may stand for something else.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.lossy
    }

    /// The syntax.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Adds a file that the first one includes. Returns the offset of its first byte.
    pub fn add_source(&mut self, file: &str, text: &str) -> usize {
        Rc::make_mut(&mut self.sources).add(file, text)
    }

    /// The texts.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// A report of the same files, with nothing in it.
    #[must_use]
    pub fn fresh(&self) -> Self {
        let sources = Rc::clone(&self.sources);
        Self { format: self.format, lossy: self.lossy, sources, ..Self::default() }
    }

    /// Takes over what another report of the same files holds.
    pub fn append(&mut self, other: Self) {
        self.errors.append(other.errors);
        self.warnings.append(other.warnings);
        self.skipped += other.skipped;
    }

    /// Makes a warning of every error: what was wrong is skipped.
    pub fn skip_errors(&mut self) {
        let mut errors = core::mem::take(&mut self.errors);
        for problem in errors.kept.iter_mut().chain(&mut errors.overflow) {
            problem.severity = Severity::Warning;
            problem.message.insert_str(0, SKIPPED);
        }
        self.skipped += errors.count;
        self.warnings.append(errors);
    }

    /// The errors alone, as warnings: what was wrong is skipped, and the rest is looked at again.
    #[must_use]
    pub fn skipped_errors(mut self) -> Self {
        self.warnings = Pile::default();
        self.skip_errors();
        self
    }

    /// Takes back that something was skipped which is still an error in another report.
    pub fn forget_skipped(&mut self, other: &Self) {
        let before = self.warnings.kept.len();
        self.warnings.kept.retain(|warning| {
            let text = warning.message.strip_prefix(SKIPPED);
            let same = |error: &Problem| {
                error.place.start == warning.place.start && text == Some(&*error.message)
            };
            !other.errors().any(same)
        });
        let gone = before - self.warnings.kept.len();
        self.warnings.count -= gone;
        self.skipped -= gone.min(self.skipped);
    }

    /// How many errors have become warnings, because what was wrong is skipped.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Adds an error.
    pub fn error(&mut self, place: Place, message: impl Into<String>) -> &mut Problem {
        self.errors.add(Problem::new(Severity::Error, place, message.into()))
    }

    /// Adds a warning.
    pub fn warning(&mut self, place: Place, message: impl Into<String>) -> &mut Problem {
        self.warnings.add(Problem::new(Severity::Warning, place, message.into()))
    }

    /// Whether the configuration cannot be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors.count > 0
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.errors.count == 0 && self.warnings.count == 0
    }

    /// How many errors there are; not all of them may have been kept.
    #[must_use]
    pub fn error_count(&self) -> usize {
        self.errors.count
    }

    /// How many warnings there are; not all of them may have been kept.
    #[must_use]
    pub fn warning_count(&self) -> usize {
        self.warnings.count
    }

    /// The errors, in the order they were found; the first 1000.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.errors.kept.iter()
    }

    /// The warnings, in the order they were found; the first 1000.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.warnings.kept.iter()
    }

    /// What is to be shown: the first 100 problems, errors before warnings where not all fit,
    /// sorted by place.
    #[must_use]
    pub fn shown(&self) -> Vec<&Problem> {
        let mut shown: Vec<_> =
            self.errors().chain(self.warnings()).take(SHOWN).enumerate().collect();
        shown.sort_unstable_by_key(|(index, it)| (it.place.start, it.severity, *index));
        let shown: Vec<_> = shown.into_iter().map(|(_, problem)| problem).collect();
        shown
    }

    /// The name of the file.
    #[must_use]
    pub fn file(&self) -> &str {
        self.sources.name()
    }

    /// Line and column of a place, both from 1; the column counts characters.
    #[must_use]
    pub fn line_and_column(&self, place: Place) -> (usize, usize) {
        let line = self.sources.line(place.start());
        (line.number, column(&line))
    }

    /// One problem as a text of one to three lines, without the last line end:
    /// `FILE:LINE:COLUMN: error: MESSAGE`, the line with the place marked, and the help.
    #[must_use]
    pub fn render(&self, problem: &Problem) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(problem, &mut out);
        out
    }

    fn write(&self, problem: &Problem, out: &mut dyn Write) -> fmt::Result {
        let severity = problem.severity.as_str();
        if problem.place.is_whole_file() {
            write!(out, "{}: {severity}: {}", self.file(), problem.message)?;
            if !problem.help.is_empty() {
                write!(out, "\n    = {}", problem.help)?;
            }
            return Ok(());
        }
        let line = self.sources.line(problem.place.start());
        let (number, column) = (line.number, column(&line));
        write!(out, "{}:{number}:{column}: {severity}: {}", line.file, problem.message)?;
        if !problem.secret && !holds_password(line.text) {
            let (shown, before, marked) = excerpt(line.text, line.offset, problem.place.len());
            write!(out, "\n{number:>3} | {shown}\n    | {:before$}{:^<marked$}", "", "")?;
        }
        if !problem.help.is_empty() {
            write!(out, "\n    = {}", problem.help)?;
        }
        Ok(())
    }
}

/// The column of the byte that a line was found by, in characters from 1.
fn column(line: &FoundLine<'_>) -> usize {
    line.text.get(..line.offset).unwrap_or(line.text).chars().count() + 1
}

impl fmt::Display for Report {
    /// Every problem that is shown, one after the other, each with its line end, and how many more
    /// there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.shown();
        for problem in &shown {
            self.write(problem, f)?;
            f.write_str("\n")?;
        }
        match self.errors.count + self.warnings.count - shown.len() {
            0 => Ok(()),
            more => writeln!(f, "{}: and {more} more", self.file()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::excerpt::COLUMNS;
    use super::*;

    fn rendered(text: &str, start: usize, len: usize) -> String {
        let mut report = Report::new("f", text);
        report.error(Place::new(start, len), "wrong");
        report.to_string()
    }

    #[test]
    fn a_problem_has_a_line_a_caret_and_a_help() {
        let text = "[a]\ninterval_   = 2\n";
        let mut report = Report::new("vipd.toml", text);
        report
            .error(Place::new(4, 9), "unknown word \"interval_\"")
            .help("did you mean \"interval\"?");
        assert_eq!(
            report.to_string(),
            "vipd.toml:2:1: error: unknown word \"interval_\"\n  2 | interval_   = 2\n    \
             | ^^^^^^^^^\n    = did you mean \"interval\"?\n"
        );
        assert!(report.has_errors() && report.warning_count() == 0);
        assert_eq!(report.render(report.errors().next().unwrap()).lines().count(), 4);
    }

    #[test]
    fn tabs_line_ends_and_wide_characters_keep_the_caret_under_its_word() {
        assert_eq!(
            rendered("\tx = 1\r\n", 1, 1),
            "f:1:2: error: wrong\n  1 |     x = 1\n    |     ^\n"
        );
        assert_eq!(rendered("ä漢 x\n", 6, 1), "f:1:4: error: wrong\n  1 | ä漢 x\n    |     ^\n");
        assert_eq!(rendered("\u{feff}x = 1", 3, 1), "f:1:1: error: wrong\n  1 | x = 1\n    | ^\n");
        assert_eq!(
            rendered("a\u{1b}[31mb", 0, 2),
            "f:1:1: error: wrong\n  1 | a?[31mb\n    | ^^\n"
        );
    }

    #[test]
    fn the_end_of_the_text_and_beyond_have_a_place() {
        assert_eq!(rendered("x = ", 4, 0), "f:1:5: error: wrong\n  1 | x = \n    |     ^\n");
        assert_eq!(rendered("x\n", 2, 0), "f:2:1: error: wrong\n  2 | \n    | ^\n");
        assert_eq!(rendered("x", 100, 100), "f:1:2: error: wrong\n  1 | x\n    |  ^\n");
        assert_eq!(rendered("漢", 1, 1), "f:1:1: error: wrong\n  1 | 漢\n    | ^^\n");
        assert_eq!(rendered("x", 0, 0), "f: error: wrong\n");
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let text = format!("{}HERE{}", "a".repeat(500), "b".repeat(500));
        let out = rendered(&text, 500, 4);
        let lines: Vec<_> = out.lines().collect();
        assert!(lines.iter().all(|line| line.len() <= COLUMNS + 12), "{out}");
        assert_eq!(lines[1].find("HERE"), lines[2].find("^^^^"), "{out}");
        for (start, len) in [(0, 4), (0, 1004), (1000, 4), (300, 600), (1004, 0)] {
            let out = rendered(&text, start, len);
            let lines: Vec<_> = out.lines().collect();
            assert!(lines.iter().all(|line| line.len() <= COLUMNS + 13), "{start} {len}: {out}");
        }
    }

    #[test]
    fn many_problems_are_sorted_cut_and_counted() {
        let text = "x".repeat(5000);
        let mut report = Report::new("f", &text);
        for at in (1..=4000).rev() {
            report.warning(Place::new(at, 1), "odd").help("even");
        }
        report.error(Place::new(4500, 1), "wrong");
        assert_eq!((report.warning_count(), report.warnings().count()), (4000, KEPT));
        let shown = report.shown();
        assert_eq!(shown.len(), SHOWN);
        assert!(shown.is_sorted_by_key(|problem| problem.place.start()));
        assert!(shown.iter().any(|problem| problem.message == "wrong"));
        assert!(report.to_string().ends_with("f: and 3901 more\n"));
    }

    #[test]
    fn a_secret_line_is_not_shown() {
        let mut report = Report::new("f", "auth_pass = \"hidden\"");
        report.error(Place::new(12, 8), "wrong").secret(true).help("right");
        assert_eq!(report.to_string(), "f:1:13: error: wrong\n    = right\n");
    }
}
