//! What is in a tracked file. Whatever stands at its path, reading it does not block and changes
//! nothing.

use super::walk::End;
use crate::config::InitFile;
use crate::sys::file::{self, FileSystem};
use crate::sys::shortage;
use crate::vrrp::tracker;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// So many bytes of a file are looked at, as keepalived does it.
const MOST: u64 = 127;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// There is no such file.
    Missing,
    /// This number; an empty file is a 0.
    Number(i32),
    /// It says nothing that counts, and why.
    Unusable(String),
}

impl Content {
    /// The number that it counts as.
    #[must_use]
    pub const fn number(&self) -> i32 {
        match self {
            Self::Number(number) => *number,
            Self::Missing | Self::Unusable(_) => 0,
        }
    }
}

/// Reads what is at the end of a way.
///
/// # Errors
/// Something has run out, so what is in the file is not known.
pub fn read(end: &Result<PathBuf, End>) -> io::Result<Content> {
    let path = match end {
        Ok(path) => path,
        Err(End::Missing) => return Ok(Content::Missing),
        Err(End::Refused(reason)) => return Ok(Content::Unusable(reason.clone())),
    };
    if file::file_system(path) == FileSystem::Remote {
        let why = "it is on a network file system, which could stop vipd";
        return Ok(Content::Unusable(why.into()));
    }
    Ok(match first_bytes(path) {
        Ok(Some(bytes)) => match tracker::number(&bytes) {
            Some(number) => Content::Number(number),
            None => Content::Unusable("it does not begin with a number".into()),
        },
        Ok(None) => Content::Unusable("it is no regular file".into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Content::Missing,
        Err(error) if shortage::of(&error).is_some() => return Err(error),
        Err(error) => Content::Unusable(error.to_string()),
    })
}

fn first_bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = file::open_regular(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Makes the file at the start (`init_file`).
///
/// # Errors
/// What the kernel says, or why it is not written to.
pub fn init(path: &Path, from: InitFile) -> io::Result<()> {
    let text = format!("{}\n", from.value);
    match OpenOptions::new().write(true).create_new(true).mode(0o644).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()),
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Err(_) if !from.overwrite => Ok(()),
        Err(_) => file::empty_regular(path)?.write_all(text.as_bytes()),
    }
}
