//! What to write, in the syntax of the file that is complained of.

use super::error::Report;
use super::Format;

impl Report {
    /// What to write to give a keyword a value.
    #[must_use]
    pub fn example(&self, word: &str, value: &str) -> String {
        match self.format() {
            Format::Toml if value.bytes().all(|byte| byte.is_ascii_digit()) || value == "true" => {
                format!("write {word} = {value}")
            }
            Format::Toml => format!("write {word} = \"{value}\""),
            Format::Keepalived => format!("write {word} {value}"),
            Format::Uci => format!("write option {word} '{value}'"),
        }
    }

    /// What to write to begin a section.
    #[must_use]
    pub fn example_section(&self, word: &str, named: bool) -> String {
        match (self.format(), named) {
            (Format::Toml, true) => format!("write [{word}.NAME]"),
            (Format::Toml, false) => format!("write [{word}]"),
            (Format::Keepalived, true) => format!("write {word} NAME {{ ... }}"),
            (Format::Keepalived, false) => format!("write {word} {{ ... }}"),
            (Format::Uci, true) => format!("write config {word} 'NAME'"),
            (Format::Uci, false) => format!("write config {word}"),
        }
    }

    /// What to write to give a keyword a list of values.
    #[must_use]
    pub fn example_list(&self, word: &str, value: &str) -> String {
        match self.format() {
            Format::Toml => format!("write {word} = [\"{value}\"]"),
            Format::Keepalived => format!("write {word} {{ {value} }}"),
            Format::Uci => format!("write list {word} '{value}'"),
        }
    }
}
