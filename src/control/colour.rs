//! Colours, on a terminal alone.

use std::env;
use std::fmt::Display;
use std::io::{stdout, IsTerminal};

/// Whether, and how.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// For standard output. NO_COLOR and a terminal that has none are heeded.
    #[must_use]
    pub fn of_stdout() -> Self {
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        let unwanted = env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        Self { on: stdout().is_terminal() && !dumb && !unwanted }
    }

    /// None.
    #[cfg(test)]
    #[must_use]
    pub const fn plain() -> Self {
        Self { on: false }
    }

    /// What is as it should be.
    #[must_use]
    pub fn good(self, text: impl Display) -> String {
        self.with("32", text)
    }

    /// What a person should look at.
    #[must_use]
    pub fn warn(self, text: impl Display) -> String {
        self.with("33", text)
    }

    /// What is wrong.
    #[must_use]
    pub fn bad(self, text: impl Display) -> String {
        self.with("31;1", text)
    }

    /// What is less important.
    #[must_use]
    pub fn dim(self, text: impl Display) -> String {
        self.with("2", text)
    }

    /// What stands out.
    #[must_use]
    pub fn bold(self, text: impl Display) -> String {
        self.with("1", text)
    }

    /// A state, in its colour.
    #[must_use]
    pub fn state(self, state: &str, shown: impl Display) -> String {
        match state {
            "MASTER" => self.good(shown),
            "FAULT" | "INIT" => self.bad(shown),
            _ => shown.to_string(),
        }
    }

    fn with(self, code: &str, text: impl Display) -> String {
        match self.on {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_string(),
        }
    }
}
