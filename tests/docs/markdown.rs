//! As much of Markdown as our own files use.

/// The fenced blocks of a language.
pub fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}");
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while lines.any(|line| line == fence) {
        let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push(block.join("\n") + "\n");
    }
    blocks
}

/// Where the links go.
pub fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// The headings, as links name them.
pub fn headings(text: &str) -> impl Iterator<Item = String> + '_ {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"))
}

#[test]
fn blocks_and_links_are_found() {
    let text =
        "# A b\n[x](y#z) ```toml\n```toml\na = 1\n```\n```sh\nls\n```\n```toml\nb = 2\n```\n";
    assert_eq!(blocks(text, "toml"), ["a = 1\n", "b = 2\n"]);
    assert_eq!(links(text).collect::<Vec<_>>(), ["y#z"]);
    assert_eq!(headings(text).collect::<Vec<_>>(), ["a-b"]);
}
