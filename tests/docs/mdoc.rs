//! As much of mdoc as our manual pages use.

use std::collections::BTreeSet;

/// A manual page.
pub struct Page {
    lines: Vec<String>,
}

impl Page {
    pub fn new(text: &str) -> Self {
        Self { lines: text.lines().map(str::to_owned).collect() }
    }

    /// What stands in `.Bd -literal` blocks, without escapes.
    pub fn literal_blocks(&self) -> Vec<String> {
        let mut blocks = Vec::new();
        let mut lines = self.lines.iter();
        while lines.any(|line| line.starts_with(".Bd -literal")) {
            let block = lines.by_ref().take_while(|line| *line != ".Ed");
            blocks.push(block.map(|line| unescape(line) + "\n").collect());
        }
        blocks
    }

    /// The lines of a section.
    fn section<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let heading = format!(".Sh {name}");
        let lines = self.lines.iter().map(String::as_str);
        lines
            .skip_while(move |line| *line != heading)
            .skip(1)
            .take_while(|line| !line.starts_with(".Sh "))
    }

    /// The heads of the items of a section that are messages: `.It Sy MESSAGE`.
    pub fn items(&self, section: &str) -> Vec<String> {
        self.section(section)
            .filter_map(|line| line.strip_prefix(".It Sy "))
            .map(unescape)
            .collect()
    }

    /// The options of `.It Fl x , Fl -long`.
    pub fn options(&self) -> BTreeSet<String> {
        let mut options = BTreeSet::new();
        for line in self.section("OPTIONS").filter(|line| line.starts_with(".It ")) {
            let words: Vec<_> = line.split(' ').collect();
            let flags = words.windows(2).filter(|pair| pair[0] == "Fl");
            options.extend(flags.map(|pair| format!("-{}", pair[1])));
        }
        options
    }

    /// The keywords of `.It Ic keyword`, with the section of the file: the first word of `.Ss`.
    pub fn keywords(&self) -> Vec<(String, String)> {
        let mut section = String::new();
        let mut keywords = Vec::new();
        for line in self.section("KEYWORDS") {
            if let Some(heading) = line.strip_prefix(".Ss ") {
                section = heading.split('.').next().unwrap_or_default().to_owned();
            }
            if let Some(item) = line.strip_prefix(".It Ic ") {
                let word = item.split(' ').next().unwrap_or_default();
                keywords.push((section.clone(), word.to_owned()));
            }
        }
        keywords
    }
}

fn unescape(line: &str) -> String {
    let line = line.replace("\\(dq", "\"").replace("\\(aq", "'").replace("\\-", "-");
    line.replace("\\&", "").replace("\\e", "\\")
}

#[test]
fn the_parts_of_a_page_are_found() {
    let page = Page::new(
        ".Sh OPTIONS\n.It Fl f Ar file , Fl -use-file Ar file\n.Sh KEYWORDS\n.Ss a.NAME\n.It Ic b No = \
         Ar c\n.Bd -literal -offset indent\n[a.x]\nb = \\(dq\\e\\(dq\n.Ed\n.Sh DIAGNOSTICS\n.It Sy X\n",
    );
    assert_eq!(page.options().into_iter().collect::<Vec<_>>(), ["--use-file", "-f"]);
    assert_eq!(page.keywords(), [("a".to_owned(), "b".to_owned())]);
    assert_eq!(page.literal_blocks(), ["[a.x]\nb = \"\\\"\n"]);
    assert_eq!(page.items("DIAGNOSTICS"), ["X"]);
}
