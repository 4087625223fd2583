//! A part of what the daemon has answered. What is not there, or of another kind, is nothing: the
//! daemon may be of another version than we are.

use crate::exit::{self, Failure};
use std::time::Duration;
use tinyjson::JsonValue;

/// A part of an answer; perhaps nothing.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a>(pub Option<&'a JsonValue>);

/// Reads a line.
///
/// # Errors
/// It is no JSON.
pub fn parse(line: &str) -> Result<JsonValue, Failure> {
    line.parse().map_err(|error| {
        let message =
            format!("the answer cannot be understood: {error}; is vipd of another version?");
        Failure::new(exit::UNAVAILABLE, message)
    })
}

impl<'a> Node<'a> {
    /// Of a whole line.
    #[must_use]
    pub const fn new(value: &'a JsonValue) -> Self {
        Self(Some(value))
    }

    /// A field of an object.
    #[must_use]
    pub fn at(self, key: &str) -> Self {
        Self(match self.0 {
            Some(JsonValue::Object(fields)) => fields.get(key),
            _ => None,
        })
    }

    /// The elements of an array.
    pub fn list(self) -> impl Iterator<Item = Self> {
        let elements = match self.0 {
            Some(JsonValue::Array(elements)) => elements.as_slice(),
            _ => &[],
        };
        elements.iter().map(Self::new)
    }

    /// The fields of an object, by name.
    pub fn fields(self) -> impl Iterator<Item = (&'a str, Self)> {
        let mut fields: Vec<_> = match self.0 {
            Some(JsonValue::Object(fields)) => {
                fields.iter().map(|(key, value)| (key.as_str(), Self::new(value))).collect()
            }
            _ => Vec::new(),
        };
        fields.sort_unstable_by_key(|(key, _)| *key);
        fields.into_iter()
    }

    /// A text; empty if it is none.
    #[must_use]
    pub fn text(self) -> &'a str {
        match self.0 {
            Some(JsonValue::String(text)) => text,
            _ => "",
        }
    }

    /// A number.
    #[must_use]
    pub fn number(self) -> Option<f64> {
        match self.0 {
            Some(JsonValue::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// A whole number; 0 if it is none.
    #[must_use]
    pub fn integer(self) -> i64 {
        self.number().unwrap_or_default() as i64
    }

    /// A span of seconds.
    #[must_use]
    pub fn span(self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.number()?).ok()
    }

    /// Whether it is true.
    #[must_use]
    pub fn is(self) -> bool {
        matches!(self.0, Some(JsonValue::Boolean(true)))
    }

    /// Whether it is there, and something.
    #[must_use]
    pub const fn is_some(self) -> bool {
        !matches!(self.0, None | Some(JsonValue::Null))
    }

    /// A text or a number, as a person reads it.
    #[must_use]
    pub fn show(self) -> String {
        match self.0 {
            Some(JsonValue::String(text)) => text.clone(),
            Some(JsonValue::Number(number)) => number.to_string(),
            Some(JsonValue::Boolean(flag)) => flag.to_string(),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_nothing() {
        let value = parse(r#"{"a":{"b":[1,2.5,"x"]},"n":null,"t":true,"s":-1}"#).unwrap();
        let it = Node::new(&value);
        let list: Vec<_> = it.at("a").at("b").list().map(Node::show).collect();
        assert_eq!(list, ["1", "2.5", "x"]);
        assert!(it.at("t").is() && it.at("t").is_some() && !it.at("n").is_some());
        assert_eq!((it.at("x").at("y").text(), it.at("a").integer()), ("", 0));
        assert_eq!(it.at("s").span(), None);
        assert_eq!(it.at("s").list().count() + it.at("n").fields().count(), 0);
        let fields: Vec<_> = it.fields().map(|(name, _)| name).collect();
        assert_eq!(fields, ["a", "n", "s", "t"]);
        assert_eq!(parse("{").unwrap_err().code, exit::UNAVAILABLE);
    }
}
