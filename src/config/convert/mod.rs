//! A configuration from one syntax to another: a [`Tree`](super::tree::Tree) to text.
//!
//! Names, order and comments stay. What cannot be carried over is a comment with the reason, where it
//! stood.

mod attach;
mod document;
mod prune;
mod quote;
mod toml;
mod typed;
mod uci;
mod write;

use super::error::Report;
use super::{check, read_tree, Format, Reading};
use document::Document;

/// The syntaxes that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `vipd.toml(5)`
    Toml,
    /// OpenWrt's `/etc/config/NAME`
    Uci,
}

impl Target {
    /// All of them, by name.
    pub const NAMES: [(&'static str, Self); 2] = [("toml", Self::Toml), ("uci", Self::Uci)];

    const fn format(self) -> Format {
        match self {
            Self::Toml => Format::Toml,
            Self::Uci => Format::Uci,
        }
    }
}

/// Converts a configuration. Returns the text, and all that is wrong with what it was made of: where
/// the report has errors, the text says less than the file. There is no text if the syntax of the
/// file is wrong. What is lenient in `how` makes warnings of the errors.
#[must_use]
pub fn convert(
    file: &str,
    bytes: &[u8],
    how: &Reading<'_>,
    to: Target,
) -> (Option<String>, Report) {
    let (tree, mut report) = read_tree(file, bytes, how);
    let Some(tree) = tree else {
        return (None, report);
    };
    let _ = check(&mut tree.clone(), how, &mut report);
    let mut document = Document::new(&tree, how.format);
    let sources = report.sources();
    prune::prune(&mut document, how.format, sources);
    // What is right in the file, and wrong or not to be said in the other syntax.
    let mut refused = report.fresh();
    if to == Target::Uci {
        uci::refuse(&mut document, sources, &mut refused);
    }
    for (place, message) in prune::prune(&mut document, to.format(), sources) {
        refused.error(place, message);
    }
    report.append(if how.lenient { refused.skipped_errors() } else { refused });
    attach::attach(&mut document, &tree, how.format, &report);
    (Some(write::write(&document, to)), report)
}
