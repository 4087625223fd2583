//! A command as it was called.

use super::{misuse, RUN_DIRECTORY, SOCKET};
use crate::exit::Failure;
use getopts::Matches;
use std::path::PathBuf;

/// A command's options and words.
#[derive(Debug)]
pub struct Call {
    /// The word of the command.
    pub name: &'static str,
    /// The options behind it.
    pub matches: Matches,
    /// `-j`
    pub json: bool,
    /// The control socket.
    pub socket: PathBuf,
}

impl Call {
    /// `before`: the options that stand before the command.
    #[must_use]
    pub fn new(name: &'static str, before: &Matches, behind: Matches) -> Self {
        let option = |name| behind.opt_str(name).or_else(|| before.opt_str(name));
        let directory = option("r").map_or_else(|| PathBuf::from(RUN_DIRECTORY), PathBuf::from);
        let socket = option("s").map_or_else(|| directory.join(SOCKET), PathBuf::from);
        let json = before.opt_present("j") || behind.opt_present("j");
        Self { name, matches: behind, json, socket }
    }

    /// The words behind the command, which takes so many.
    ///
    /// # Errors
    /// It takes another number.
    pub fn words<const MOST: usize>(
        &self,
        names: [&str; MOST],
        least: usize,
    ) -> Result<&[String], Failure> {
        let words = &self.matches.free;
        if let Some(missing) = names.get(..least).and_then(|names| names.get(words.len())) {
            return Err(misuse(&format!("{} needs {missing}", self.name)));
        }
        match words.get(MOST) {
            Some(word) => Err(misuse(&format!("unexpected argument \"{word}\""))),
            None => Ok(words),
        }
    }
}
