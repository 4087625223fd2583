//! `version`: 2, 3, or both.

use super::value::integer;
use crate::config::tree::Value;

/// Versions of VRRP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// `2`
    V2,
    /// `3`
    V3,
    /// `2+3`
    Both,
}

/// Reads them.
pub fn read(value: &Value) -> Option<Versions> {
    match (integer(value), value.word()) {
        (Some(2), _) => Some(Versions::V2),
        (Some(3), _) => Some(Versions::V3),
        (None, Some(word)) if word.text == "2+3" => Some(Versions::Both),
        _ => None,
    }
}
