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
use super::{read_tree, schema, Reading};
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
    let mut wrong = report.fresh();
    let _ = schema::build(&tree, &mut wrong);
    report.append(wrong);
    let mut document = Document::new(&tree);
    if to == Target::Uci {
        uci::refuse(&mut document, &mut report);
    }
    prune::prune(&mut document, report.sources());
    attach::attach(&mut document, &tree, how.format, &report);
    let text = write::write(&document, to);
    if how.lenient {
        report.skip_errors();
    }
    (Some(text), report)
}
