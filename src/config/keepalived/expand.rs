//! The lines of a configuration, one after the other: of the file itself and of those it includes,
//! without comments, for this router alone, with every `$NAME` put in and every `~SEQ` repeated.

use super::define::{definition, Definition, Definitions};
use super::include::{files, has_wildcard, include, is_bare, missing_folder, Include};
use super::line::Line;
use super::sequence::{self, Repeat};
use crate::config::error::{Place, Report};
use crate::config::text::decode;
use crate::config::tree::{Comment, LeftOut};
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// So many lines may be read, and so many may come out.
pub(super) const LINES: usize = 100_000;
/// So many bytes may be read and come out.
const BYTES: usize = 4 << 20;
/// Files in files, lines in lines.
const DEPTH: usize = 64;
/// Files in all.
const FILES: usize = 1000;
/// So often is a line looked at again because something was put in.
const ROUNDS: usize = 16;

/// Where the next line comes from.
pub(super) enum Frame {
    /// A file: its text, how far it is read, the offset of its first byte, its folder.
    File { text: Rc<str>, at: usize, start: usize, folder: PathBuf },
    /// The value of a `$NAME`.
    Lines { lines: Rc<[Line]>, next: usize },
    /// A `~SEQ` or `~LST`.
    Repeat(Repeat),
}

/// Reads line after line.
pub struct Expander<'a> {
    pub(super) report: &'a mut Report,
    pub(super) definitions: Definitions,
    pub(super) frames: Vec<Frame>,
    pub(super) read: usize,
    lines: usize,
    bytes: usize,
    files: usize,
    /// What the user wrote for people.
    pub comments: Vec<Comment>,
    /// Lines for other routers.
    pub left_out: Vec<LeftOut>,
    /// Where these stand.
    for_others: BTreeSet<usize>,
    /// There was too much of something; no line comes any more.
    pub stopped: bool,
}

impl<'a> Expander<'a> {
    /// For a text, which is that of the first source of the report.
    pub fn new(text: &str, config_id: &str, report: &'a mut Report) -> Self {
        let folder = Path::new(report.file()).parent().map(Path::to_path_buf).unwrap_or_default();
        let mut expander = Self {
            report,
            definitions: Definitions::new(config_id),
            frames: Vec::new(),
            read: LINES,
            lines: LINES,
            bytes: BYTES,
            files: FILES,
            comments: Vec::new(),
            left_out: Vec::new(),
            for_others: BTreeSet::new(),
            stopped: false,
        };
        expander.open(text, 0, folder, Place::default());
        expander
    }

    /// The report, for who reads the lines.
    pub fn report(&mut self) -> &mut Report {
        self.report
    }

    /// The next line that says something.
    pub fn next(&mut self) -> Option<Line> {
        while let Some(frame) = self.frames.last_mut() {
            let line = match frame {
                Frame::File { .. } => self.next_of_file(),
                Frame::Lines { lines, next } => {
                    *next += 1;
                    lines.get(*next - 1).cloned()
                }
                Frame::Repeat(repeat) => match repeat.next() {
                    Some(values) => {
                        for (name, value) in repeat.names.iter().zip(values) {
                            let mut text = Line::default();
                            text.push_for(&value, repeat.line.whole());
                            self.definitions.set(name, Definition::Text(text));
                        }
                        Some(repeat.line.clone())
                    }
                    None => None,
                },
            };
            let Some(line) = line else {
                self.frames.pop();
                self.enter_folder();
                continue;
            };
            self.spend(line.text.len(), line.whole());
            if self.stopped {
                break;
            }
            if let Some(line) = self.process(line) {
                return Some(line);
            }
        }
        None
    }

    fn spend(&mut self, bytes: usize, place: Place) {
        match (self.lines.checked_sub(1), self.bytes.checked_sub(bytes)) {
            (Some(lines), Some(bytes)) => (self.lines, self.bytes) = (lines, bytes),
            (None, _) => self.stop(place, format!("with this there are more than {LINES} lines")),
            (_, None) => self.stop(place, format!("with this there are more than {BYTES} bytes")),
        }
    }

    pub(super) fn stop(&mut self, place: Place, message: String) {
        self.report.error(place, message);
        self.frames.clear();
        self.stopped = true;
    }

    fn push(&mut self, frame: Frame, place: Place) {
        if self.frames.len() == DEPTH {
            let message = format!("more than {DEPTH} levels: does something contain itself?");
            self.stop(place, message);
        } else {
            self.frames.push(frame);
        }
    }

    fn open(&mut self, text: &str, start: usize, folder: PathBuf, place: Place) {
        // A byte-order mark is nothing that anybody wrote.
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        self.push(Frame::File { text: text.into(), at, start, folder }, place);
        self.enter_folder();
    }

    /// `${_PWD}` is the folder of the file that is read.
    fn enter_folder(&mut self) {
        let folder = self.folder();
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let whole = fs::canonicalize(folder).unwrap_or_else(|_| folder.into());
        self.definitions.folder = whole.to_string_lossy().into_owned();
    }

    fn folder(&self) -> &Path {
        let folder = |frame: &'_ Frame| match frame {
            Frame::File { .. } => true,
            Frame::Lines { .. } | Frame::Repeat(_) => false,
        };
        match self.frames.iter().rfind(|frame| folder(frame)) {
            Some(Frame::File { folder, .. }) => folder,
            _ => Path::new(""),
        }
    }

    /// Whether a line `@ID ...` is for this router: then what follows.
    pub(super) fn for_us(&mut self, line: Line) -> Option<Line> {
        let Some(behind) = line.text.strip_prefix('@') else {
            return Some(line);
        };
        let (not, behind) = match behind.strip_prefix('^') {
            Some(behind) => (true, behind),
            None => (false, behind),
        };
        let id = behind.split([' ', '\t']).next().unwrap_or_default();
        if (id == self.definitions.config_id) != not {
            let rest = line.text.len() - behind.len() + id.len();
            return Some(line.part(rest..line.text.len()).trimmed());
        }
        let reason = match not {
            true => format!("for every router but {id}"),
            false => format!("for router {id} alone"),
        };
        let (text, place) = (line.text.clone(), line.whole());
        // A line that is repeated is left out once.
        if self.for_others.insert(place.start()) {
            self.left_out.push(LeftOut { text, reason, place });
        }
        None
    }

    /// Does what a line says to be done while reading. What is left is the line that was meant.
    fn process(&mut self, line: Line) -> Option<Line> {
        let mut line = line;
        for _ in 0..ROUNDS {
            line = self.for_us(line)?;
            if let Some((name, value)) = definition(&line.text) {
                let text = line.part(value..line.text.len()).trimmed();
                self.definitions.set(name, Definition::Text(text));
                return None;
            }
            if line.text.starts_with("~SEQ") || line.text.starts_with("~LST") {
                self.repeat(&line);
                return None;
            }
            if !line.text.contains('$') {
                break;
            }
            let replaced = self.definitions.replace(&line);
            for (place, message) in replaced.problems {
                self.report.warning(place, message);
            }
            self.spend(replaced.line.text.len(), line.whole());
            let first_of_several = replaced.lines.is_some();
            if let Some(lines) = replaced.lines {
                self.push(Frame::Lines { lines, next: 1 }, line.whole());
            }
            line = replaced.line.trimmed();
            let again = first_of_several || line.text.starts_with(['@', '$', '~']);
            if !replaced.changed || !again {
                break;
            }
        }
        if is_bare(&line.text) {
            let message = format!("{} is followed by the name of a file", line.text);
            self.report.error(line.whole(), message);
            return None;
        }
        if let Some(include) = include(&line.text) {
            self.include(&include, &line);
            return None;
        }
        (!line.text.is_empty() && !self.stopped).then_some(line)
    }

    fn repeat(&mut self, line: &Line) {
        let Some(end) = sequence::head(&line.text) else {
            self.report
                .error(line.whole(), "~SEQ and ~LST are followed by something in parentheses")
                .help("write ~SEQ(NAME, START, STEP, END) LINE");
            return;
        };
        let head = self.definitions.replace(&line.part(0..end)).line;
        match sequence::parse(&head.text, line.part(end..line.text.len()).trimmed()) {
            Ok(repeat) => self.push(Frame::Repeat(repeat), line.whole()),
            Err(message) => {
                self.report.error(line.place(0..end), message);
            }
        }
    }

    /// Opens the files that a line includes. The first is read first.
    fn include(&mut self, include: &Include<'_>, line: &Line) {
        let place = line.place(include.at..line.text.len());
        let found = files(include.pattern, self.folder());
        if found.is_empty() && include.must_match {
            self.report.error(place, "there is no such file");
        } else if let Some(folder) = missing_folder(include.pattern, self.folder()) {
            let message = format!("there is no folder {}: nothing is included", folder.display());
            self.report.warning(place, message);
        }
        for path in found.iter().rev() {
            match self.load(path) {
                Ok((text, start)) => {
                    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
                    self.open(&text, start, folder, place);
                }
                Err(reason) => {
                    let message = format!("cannot include {}: {reason}", path.display());
                    let message = without_number(&message);
                    // A pattern may mean nothing, and a broken link is nothing.
                    if !has_wildcard(include.pattern) || path.exists() {
                        match include.must_read {
                            true => self.report.error(place, message),
                            false => self.report.warning(place, message),
                        };
                    }
                }
            }
            if self.stopped {
                return;
            }
        }
    }

    /// Reads a file. Returns its text, and the offset of its first byte.
    fn load(&mut self, path: &Path) -> Result<(String, usize), String> {
        let about = fs::metadata(path).map_err(|error| error.to_string())?;
        if !about.is_file() {
            return Err("it is no file".into());
        }
        if about.permissions().mode() & 0o111 != 0 {
            return Err("it is a program: files that may be executed are not read".into());
        }
        self.files = self.files.checked_sub(1).ok_or_else(|| format!("more than {FILES} files"))?;
        if about.len() > BYTES as u64 {
            return Err(format!("it has more than {BYTES} bytes"));
        }
        // What the kernel makes up has no length of its own.
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(|error| error.to_string())?;
        file.take(BYTES as u64).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let decoded = decode(&bytes)?;
        let text = &decoded.text;
        self.bytes = self.bytes.checked_sub(text.len()).ok_or("it is too much in all")?;
        let start = self.report.add_source(&path.to_string_lossy(), text);
        decoded.tell(start, self.report);
        Ok((decoded.text, start))
    }
}

/// A message without the number that the system has for it.
fn without_number(message: &str) -> &str {
    message.split_once(" (os error").map_or(message, |(message, _)| message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> (Vec<String>, String) {
        let mut report = Report::new("f", text);
        let mut expander = Expander::new(text, "main", &mut report);
        let mut lines = Vec::new();
        while let Some(line) = expander.next() {
            lines.push(line.text);
        }
        (lines, report.to_string())
    }

    fn lines(text: &str) -> Vec<String> {
        let (lines, report) = expanded(text);
        assert_eq!(report, "", "{text}");
        lines
    }

    #[test]
    fn lines_for_this_router() {
        let text =
            "@main a\n@backup b\n@^main c\n@^backup\td\n@main $X=1\n@backup $X=2\ne $X\n@main\n";
        assert_eq!(lines(text), ["a", "d", "e 1"]);
        assert_eq!(lines("$IF=@main\n$IF x\n$NOT=@^main\n$NOT y"), ["x"]);
    }

    #[test]
    fn line_ends_and_marks() {
        assert_eq!(lines("\u{feff}a\r\n\r\n  b\t\n\n# x\nc"), ["a", "b", "c"]);
        assert_eq!(lines("a \\\n  b \\\n c\nd"), ["a b c", "d"]);
        assert_eq!(lines("a \\"), ["a"]);
    }

    #[test]
    fn definitions_of_several_lines() {
        let text = "$I= \\\nvrrp_instance VI_${N} { \\\n  # comment\n  @main priority 130 \\\n  \
                    @low priority 120 \\\n}\n$N=0\n$I\n$N=1\n$I\n";
        let expected = [
            "vrrp_instance VI_0 {",
            "priority 130",
            "}",
            "vrrp_instance VI_1 {",
            "priority 130",
            "}",
        ];
        assert_eq!(expanded(text).0, expected);
        assert_eq!(expanded(text).1.matches("ends the definition at this comment").count(), 1);
        let told = |text: &str| expanded(text).1.matches("warning").count();
        assert_eq!((told("$I= \\\n# c\na \\\n# d\nb\n$I"), told("$I= \\\na # c \\\nb\n")), (1, 1));
        // One in the other.
        let text = "$B= \\\nb${N} \\\nbb\n$A= \\\na \\\n$N=1 \\\n$B \\\n$N=2 \\\n$B\n$A\nend\n";
        assert_eq!(lines(text), ["a", "b1", "bb", "b2", "bb", "end"]);
        assert_eq!(lines("@backup $A= \\\n x \\\n y\nz\n"), ["z"]);
    }

    #[test]
    fn lines_are_repeated() {
        let text = "~SEQ(A, 1, 2) ~LST({B,C},{x,y},z) p${A}${B}${C}\nend";
        assert_eq!(lines(text), ["p1xy", "p1z", "p2xy", "p2z", "end"]);
        let text = "$V= \\\na ${I} \\\nb\n~SEQ(I,0,1) $V\nc";
        assert_eq!(lines(text), ["a 0", "b", "a 1", "b", "c"]);
        assert_eq!(lines("$N=2\n~SEQ(I,1,$N) a ${I}"), ["a 1", "a 2"]);
    }

    #[test]
    fn a_repeated_line_is_left_out_once() {
        let text = "$A= \\\na \\\n@backup b\n~SEQ(N,1,3) $A\n@backup b\n";
        let mut report = Report::new("f", text);
        let mut expander = Expander::new(text, "main", &mut report);
        assert_eq!(core::iter::from_fn(|| expander.next()).count(), 3);
        let places: Vec<_> = expander.left_out.iter().map(|it| it.place.start()).collect();
        assert_eq!(places.len(), 2, "{places:?}");
    }

    #[test]
    fn what_never_ends_is_stopped() {
        for text in [
            "~SEQ(A, 1, 1000000000) x",
            "~SEQ(A,1,1000000000) ~SEQ(B,1,1000000000) ~SEQ(C,1,1000000000) $NONE",
            "$A= \\\nx \\\n$A\n$A\n",
            "$A= \\\n$B \\\n$B\n$B= \\\n$A \\\n$A\n$A\n",
            "~LST(X,1,2) ~LST(X,1,2) $X=$X",
        ] {
            let (_, report) = expanded(text);
            assert!(report.len() < 20_000, "{text}: {report}");
        }
        assert!(expanded("~SEQ(A, 1, 1000000000) x").1.contains("more than 100000 lines"));
        assert!(expanded("$A= \\\nx \\\n$A\n$A\n").1.contains("more than 64 levels"));
        assert!(expanded("$A=$A\na $A\n").1.contains("refers to itself"));
    }

    #[test]
    fn files_include_files() {
        let folder = std::env::temp_dir().join(format!("vipd-expand-{}", std::process::id()));
        fs::create_dir_all(folder.join("d")).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        write("a.conf", "a1\ninclude d/*.conf\na2\n");
        write("d/1.conf", "one ${_PWD}\ninclude 2.x\n");
        write("d/2.x", "two");
        write("loop.conf", "include loop.conf\n");
        write("run.conf", "never");
        fs::set_permissions(folder.join("run.conf"), fs::Permissions::from_mode(0o755)).unwrap();
        let read = |text: &str| {
            let file = folder.join("main.conf").display().to_string();
            let mut report = Report::new(&file, text);
            let mut expander = Expander::new(text, "main", &mut report);
            let mut lines = Vec::new();
            while let Some(line) = expander.next() {
                lines.push(line.text);
            }
            (lines, report)
        };
        let (lines, report) = read("x\ninclude a.conf\ny");
        let one = format!("one {}", fs::canonicalize(folder.join("d")).unwrap().display());
        assert_eq!(lines, ["x", "a1", &one, "two", "a2", "y"]);
        assert!(report.is_empty(), "{report}");
        assert!(read("include loop.conf").1.to_string().contains("more than 64 levels"));
        for (text, errors, warnings) in [
            ("include none", 0, 1),
            ("include n*", 0, 0),
            ("includer none", 1, 0),
            ("includer n*", 0, 0),
            ("includea n*", 1, 0),
            ("include run.conf", 0, 1),
            ("include *n.conf", 0, 1),
            ("include d", 0, 1),
        ] {
            let report = read(text).1;
            assert_eq!(
                (report.error_count(), report.warning_count()),
                (errors, warnings),
                "{text}"
            );
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
