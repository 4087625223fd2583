//! JSON as vipd writes it: one line, the fields in the order in which they are put.
//!
//! A crate would want a tree first, and sort or shuffle the fields; what we write is a stream.

use std::fmt::{Display, Write};
use std::time::Duration;

/// A value that has no parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing is known, or there is none.
    Null,
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Seconds, with up to six decimals.
    Seconds(Duration),
    /// Seconds since 1970, with three decimals, from milliseconds.
    Moment(i64),
    /// A text.
    Text(&'a str),
}

/// An object that is being written. Its end is written when it is dropped.
#[derive(Debug)]
pub struct Object<'a> {
    out: &'a mut String,
    first: bool,
}

/// An array that is being written. Its end is written when it is dropped.
#[derive(Debug)]
pub struct Array<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> Object<'a> {
    /// Begins one at the end of a text.
    pub fn new(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    /// A field.
    pub fn put<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        write(self.key(key), value.into());
    }

    /// A field that is shown as a text.
    pub fn show(&mut self, key: &str, value: impl Display) {
        let text = value.to_string();
        self.put(key, text.as_str());
    }

    /// A field that is shown as a text, or null.
    pub fn show_some(&mut self, key: &str, value: Option<impl Display>) {
        match value {
            Some(value) => self.show(key, value),
            None => self.put(key, Value::Null),
        }
    }

    /// A field that is an object.
    pub fn object(&mut self, key: &str) -> Object<'_> {
        Object::new(self.key(key))
    }

    /// A field that is an array.
    pub fn array(&mut self, key: &str) -> Array<'_> {
        Array::new(self.key(key))
    }

    fn key(&mut self, key: &str) -> &mut String {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(',');
        }
        write(self.out, Value::Text(key));
        self.out.push(':');
        self.out
    }
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        self.out.push('}');
    }
}

impl<'a> Array<'a> {
    /// Begins one at the end of a text.
    pub fn new(out: &'a mut String) -> Self {
        out.push('[');
        Self { out, first: true }
    }

    /// An element.
    pub fn put<'v>(&mut self, value: impl Into<Value<'v>>) {
        write(self.element(), value.into());
    }

    /// An element that is shown as a text.
    pub fn show(&mut self, value: impl Display) {
        let text = value.to_string();
        self.put(text.as_str());
    }

    /// An element that is an object.
    pub fn object(&mut self) -> Object<'_> {
        Object::new(self.element())
    }

    fn element(&mut self) -> &mut String {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(',');
        }
        self.out
    }
}

impl Drop for Array<'_> {
    fn drop(&mut self) {
        self.out.push(']');
    }
}

/// Appends a value.
pub fn write(out: &mut String, value: Value<'_>) {
    // A String takes everything.
    let _ = match value {
        Value::Null => out.write_str("null"),
        Value::Flag(flag) => write!(out, "{flag}"),
        Value::Integer(number) => write!(out, "{number}"),
        Value::Seconds(span) => write_seconds(out, span),
        Value::Moment(millis) => {
            let sign = if millis < 0 { "-" } else { "" };
            let millis = millis.unsigned_abs();
            write!(out, "{sign}{}.{:03}", millis / 1000, millis % 1000)
        }
        Value::Text(text) => write_text(out, text),
    };
}

fn write_seconds(out: &mut String, span: Duration) -> std::fmt::Result {
    write!(out, "{}.{:06}", span.as_secs(), span.subsec_micros())?;
    let kept = out.trim_end_matches('0').len();
    out.truncate(kept);
    if out.ends_with('.') {
        out.push('0');
    }
    Ok(())
}

fn write_text(out: &mut String, text: &str) -> std::fmt::Result {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // U+2028 and U+2029 end a line for some readers.
            '\u{2028}' | '\u{2029}' => write!(out, "\\u{:04x}", character as u32)?,
            _ if character.is_control() => write!(out, "\\u{:04x}", character as u32)?,
            _ => out.push(character),
        }
    }
    out.push('"');
    Ok(())
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<Duration> for Value<'_> {
    fn from(span: Duration) -> Self {
        Self::Seconds(span)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {
        $(impl From<$integer> for Value<'_> {
            /// What is beyond 63 bits is the largest there is.
            fn from(number: $integer) -> Self {
                Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
            }
        })*
    };
}

integers!(u8, u16, u32, u64, usize, i16, i32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_and_arrays() {
        let mut out = String::new();
        let mut it = Object::new(&mut out);
        it.put("name", "vip");
        it.put("up", true);
        it.put("count", u64::MAX);
        it.put("none", None::<&str>);
        it.put("left", Duration::from_micros(3_609_375));
        it.put("second", Duration::from_secs(1));
        it.put("at", Value::Moment(-1));
        let mut list = it.array("list");
        list.put(5u8);
        list.object().put("a", -5i16);
        list.object();
        drop(list);
        it.object("empty");
        it.show_some("address", Some(std::net::Ipv4Addr::LOCALHOST));
        drop(it);
        assert_eq!(
            out,
            concat!(
                r#"{"name":"vip","up":true,"count":9223372036854775807,"none":null,"#,
                r#""left":3.609375,"second":1.0,"at":-0.001,"list":[5,{"a":-5},{}],"#,
                r#""empty":{},"address":"127.0.0.1"}"#
            )
        );
    }

    #[test]
    fn any_text_is_one_line_and_comes_back() {
        for text in ["", "a\"b\\c", "\n\r\t\0\u{7f}\u{85}", "\u{2028}é☃😀", "</script>"] {
            let mut out = String::new();
            write(&mut out, Value::Text(text));
            assert!(out.lines().count() == 1 && !out.contains('\u{2028}'), "{out}");
            let parsed: tinyjson::JsonValue = out.parse().unwrap();
            assert_eq!(parsed.get::<String>().map(String::as_str), Some(text), "{out}");
        }
    }
}
