//! Values with the type that their keyword takes, whatever the syntax they come from.

use crate::config::schema::hmac;
use crate::config::schema::table::{Key, Kind, SECTIONS, TABLES};
use crate::config::schema::value::{self, Setting};
use crate::config::schema::versions::Versions;
use crate::config::tree::{Data, Entry, Value, Word};
use crate::vrrp::bounds;
use crate::vrrp::tracker::Weight;
use core::time::Duration;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// Yes or no.
    Flag(bool),
    /// An integer.
    Integer(i64),
    /// A number, as it is written in every syntax.
    Number(String),
    /// A text.
    Text(String),
    /// Several values.
    List(Vec<Typed>),
    /// Values with names.
    Table(Vec<(String, Typed)>),
}

/// The value of an entry. One that is not as its keyword takes it is written as it looks.
pub fn typed(section: &str, word: &str, value: &Value) -> Typed {
    let Some(key) = key(section, word) else {
        return plain(value);
    };
    match (value::read(key.kind, value), key.kind) {
        (Ok(Setting::Flag(truth)), _) => Typed::Flag(truth),
        (Ok(Setting::Integer(number)), _) => Typed::Integer(number),
        (Ok(Setting::Time(time)), _) => span(value, time),
        (Ok(Setting::Choice(index)), Kind::Choice(choices)) => {
            choices.get(index).map_or_else(|| plain(value), |choice| Typed::Text((*choice).into()))
        }
        (Ok(Setting::Version(versions)), _) => match versions {
            Versions::V2 => Typed::Integer(2),
            Versions::V3 => Typed::Integer(3),
            Versions::Both => Typed::Text("2+3".into()),
        },
        (Ok(Setting::User(user, None)), _) => Typed::Text(user),
        (Ok(Setting::User(user, Some(group))), _) => Typed::Text(format!("{user} {group}")),
        (Ok(Setting::Weight(weight)), _) => weight_as(weight),
        (_, Kind::Command | Kind::Script) => command(section, value),
        (_, Kind::Special(_)) => special(word, value),
        _ => plain(value),
    }
}

/// Whether the value of a keyword is a command.
pub fn is_command(section: &str, word: &str) -> bool {
    key(section, word).is_some_and(|key| matches!(key.kind, Kind::Command | Kind::Script))
}

/// An item of a list, `virtual_ipaddress` or `track_script` or the like: a line, or a table.
pub fn item(word: &str, value: &Value) -> Typed {
    match &value.data {
        Data::Table(entries) if matches!(word, "address" | "virtual_ipaddress_excluded") => {
            table("virtual_ipaddress", entries)
        }
        Data::Table(entries) => table(word, entries),
        Data::Line(words) => match words.as_slice() {
            // A name with blanks cannot stand before other words.
            [name, keyword, weight @ ..]
                if keyword.text == "weight" && name.text.contains(char::is_whitespace) =>
            {
                named_weight(name, weight)
            }
            words => Typed::Text(join(words)),
        },
        _ => plain(value),
    }
}

fn named_weight(name: &Word, weight: &[Word]) -> Typed {
    let texts: Vec<_> = weight.iter().map(|word| word.text.as_str()).collect();
    let weight = match value::weight_of(&texts, bounds::HEAVIEST) {
        Some((number, None)) => Typed::Integer(number.into()),
        _ => Typed::Text(join(weight)),
    };
    Typed::Table(vec![("name".into(), Typed::Text(name.text.clone())), ("weight".into(), weight)])
}

fn key(section: &str, word: &str) -> Option<&'static Key> {
    let section = SECTIONS.iter().chain(TABLES).find(|known| known.word == section)?;
    section.keys.iter().find(|key| key.word == word)
}

fn table(section: &str, entries: &[Entry]) -> Typed {
    let entry =
        |Entry { word, value }: &Entry| (word.text.clone(), typed(section, &word.text, value));
    Typed::Table(entries.iter().map(entry).collect())
}

/// Without a type, user and group stand behind the command.
fn command(section: &str, value: &Value) -> Typed {
    match &value.data {
        Data::Table(entries) => table("command", entries),
        Data::Line(words) => match words.as_slice() {
            [command, user @ ..] if !user.is_empty() && section == "vrrp_instance" => {
                Typed::Table(vec![
                    ("script".into(), Typed::Text(command.text.clone())),
                    ("user".into(), Typed::Text(join(user))),
                ])
            }
            [command, ..] => Typed::Text(command.text.clone()),
            [] => plain(value),
        },
        _ => plain(value),
    }
}

fn special(word: &str, value: &Value) -> Typed {
    match (word, &value.data, value::time(value)) {
        ("advert_int" | "garp_extra_if" | "vrrp_garp_extra_if", _, Some(time)) => span(value, time),
        ("authentication" | "auth_hmac", Data::Table(entries), _) => table(word, entries),
        ("key", ..) => keys(value),
        ("init_file", Data::Line(words), _) if words.is_empty() => Typed::Integer(0),
        ("init_file", _, _) => match value.word().and_then(|word| word.text.parse().ok()) {
            Some(number) => Typed::Integer(number),
            None => plain(value),
        },
        ("process", Data::Line(words), _) if words.len() > 1 => {
            Typed::List(words.iter().map(|word| Typed::Text(word.text.clone())).collect())
        }
        _ => plain(value),
    }
}

/// The keys of `auth_hmac`, by their numbers.
fn keys(value: &Value) -> Typed {
    let text = |word: Word| Typed::Text(word.text);
    match hmac::pairs(value) {
        Some(pairs) => Typed::Table(
            pairs.into_iter().filter_map(|(id, key)| Some((id.text, text(key?)))).collect(),
        ),
        None => plain(value),
    }
}

fn weight_as(weight: Weight) -> Typed {
    let number = i64::from(weight.value());
    if weight.reverse() {
        Typed::Text(format!("{number} reverse"))
    } else {
        Typed::Integer(number)
    }
}

/// A span of time as it was written, if it can be written so.
fn span(value: &Value, time: Duration) -> Typed {
    let is_same = |text: &str| {
        let value = Value { data: Data::Text(text.into()), place: value.place };
        value::time(&value) == Some(time)
    };
    let word = value.word().map(|word| word.text).unwrap_or_default();
    match &value.data {
        Data::Integer(number) => Typed::Integer(*number),
        Data::Float(number) if is_number(number) => Typed::Number(number.clone()),
        _ if is_number(&word) => Typed::Number(word),
        _ if is_same(&word) => Typed::Text(word),
        _ => {
            let fraction = format!("{:09}", time.subsec_nanos());
            Typed::Number(match fraction.trim_end_matches('0') {
                "" => time.as_secs().to_string(),
                fraction => format!("{}.{fraction}", time.as_secs()),
            })
        }
    }
}

/// Whether every syntax takes it for a number: `2`, `0.5`.
fn is_number(text: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    is_digits(whole) && is_digits(fraction) && (whole == "0" || !whole.starts_with('0'))
}

/// A value as it looks, where no keyword says of which type it is.
fn plain(value: &Value) -> Typed {
    match &value.data {
        Data::Line(words) if words.is_empty() => Typed::Flag(true),
        Data::Line(words) => Typed::Text(join(words)),
        Data::Text(text) => Typed::Text(text.clone()),
        Data::Integer(number) => Typed::Integer(*number),
        Data::Float(number) => Typed::Number(number.clone()),
        Data::Bool(truth) => Typed::Flag(*truth),
        Data::List(items) => Typed::List(items.iter().map(plain).collect()),
        Data::Table(entries) => table("", entries),
        Data::Other(kind) => Typed::Text((*kind).into()),
    }
}

fn join(words: &[Word]) -> String {
    let texts: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
    texts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::error::Place;

    fn line(words: &[&str]) -> Value {
        let place = Place::default();
        let word = |text: &&str| Word { text: (*text).into(), place };
        Value { data: Data::Line(words.iter().map(word).collect()), place }
    }

    fn text(text: &str) -> Typed {
        Typed::Text(text.into())
    }

    #[test]
    fn words_without_a_type_get_the_type_of_their_keyword() {
        let script = |word, words| typed("vrrp_script", word, &line(words));
        let instance = |word, words| typed("vrrp_instance", word, &line(words));
        let number = |text: &str| Typed::Number(text.into());
        for (value, expected) in [
            (script("rise", &["2"]), Typed::Integer(2)),
            (script("init_fail", &[]), Typed::Flag(true)),
            (script("init_fail", &["off"]), Typed::Flag(false)),
            (script("script", &["killall -0 x"]), text("killall -0 x")),
            (script("interval", &["2"]), number("2")),
            (script("interval", &["0.50"]), number("0.50")),
            (script("interval", &["500ms"]), text("500ms")),
            (script("weight", &["-5", "noreverse"]), Typed::Integer(-5)),
            (script("weight", &["20", "reverse"]), text("20 reverse")),
            (script("user", &["a", "b"]), text("a b")),
            (instance("state", &["master"]), text("MASTER")),
            (instance("interface", &["7"]), text("7")),
            (instance("advert_int", &["1"]), number("1")),
            (instance("nonsense", &["1"]), text("1")),
        ] {
            assert_eq!(value, expected);
        }
        let user = instance("notify", &["/a b", "u", "g"]);
        let pair = |name: &str, value: &str| (name.to_owned(), text(value));
        assert_eq!(user, Typed::Table(vec![pair("script", "/a b"), pair("user", "u g")]));
    }

    #[test]
    fn items_are_lines_unless_a_name_has_blanks() {
        let script = |words| item("track_script", &line(words));
        assert_eq!(script(&["a", "weight", "5"]), text("a weight 5"));
        assert_eq!(script(&["a b"]), text("a b"));
        let name = ("name".to_owned(), text("a b"));
        let table = Typed::Table(vec![name, ("weight".to_owned(), text("5 reverse"))]);
        assert_eq!(script(&["a b", "weight", "5", "reverse"]), table);
    }

    #[test]
    fn numbers_that_every_syntax_takes() {
        for (text, fits) in [
            ("0", true),
            ("10", true),
            ("0.5", true),
            ("1.50", true),
            ("010", false),
            ("+1", false),
            ("1.", false),
            (".5", false),
            ("", false),
            ("1e1", false),
        ] {
            assert_eq!(is_number(text), fits, "{text}");
        }
    }
}
