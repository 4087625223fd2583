//! A value of the tree, read as what its keyword takes.

use super::command;
use super::table::Kind;
use super::versions::{self, Versions};
use crate::config::error::quote;
use crate::config::nearest::{nearest, odd_character};
use crate::config::tree::{Data, Value};
use crate::config::Command;
use crate::vrrp::tracker::Weight;
use core::time::Duration;

/// The longest span of time.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A value that is as its keyword wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Of [`Kind::Flag`].
    Flag(bool),
    /// Of [`Kind::Text`] and [`Kind::Interface`].
    Text(String),
    /// Of [`Kind::Integer`].
    Integer(i64),
    /// Of [`Kind::Time`].
    Time(Duration),
    /// Of [`Kind::Version`].
    Version(Versions),
    /// Of [`Kind::Choice`]: its index.
    Choice(usize),
    /// Of [`Kind::Command`] and [`Kind::Script`].
    Command(Command),
    /// Of [`Kind::User`].
    User(String, Option<String>),
    /// Of [`Kind::Weight`].
    Weight(Weight),
    /// Of [`Kind::Special`]: yet to be read.
    Special,
    /// It is not as its keyword wants it, and has been complained of.
    Invalid,
}

/// Why a value is not what its keyword takes: what it is instead, and what to do.
#[derive(Clone, Debug, Default)]
pub struct Mismatch {
    /// After `WORD must be EXPECTED, not `.
    pub found: String,
    /// May be empty.
    pub help: String,
}

/// What a keyword takes, after `must be`.
pub fn expected(kind: Kind) -> String {
    match kind {
        Kind::Flag => "true or false".into(),
        Kind::Text => "a string of 1 to 255 bytes in one line".into(),
        Kind::Interface => "the name of an interface, 1 to 15 bytes".into(),
        Kind::Integer(least, most) => format!("an integer from {least} to {most}"),
        Kind::Time(least, zero) => {
            let least = seconds(Duration::from_millis(least.into()));
            let zero = if zero && least != "0 s" { "0, or " } else { "" };
            format!("{zero}a time from {least} to 1 day, like 2, 0.5 or \"500ms\"")
        }
        Kind::Version => "2, 3 or \"2+3\"".into(),
        Kind::Choice(choices) => format!("one of {}", choices.join(", ")),
        Kind::Command => {
            "a command: a string, a list of strings, or a table of script and user".into()
        }
        Kind::Script => "a command: a string, or a list of strings".into(),
        Kind::User => "\"USER\" or \"USER GROUP\"".into(),
        Kind::Weight(most) => format!("-{most} to {most}, or like \"20 reverse\""),
        Kind::Special(text) => text.into(),
    }
}

/// The same, where values have no type: as `keepalived.conf` writes them.
pub fn expected_bare(kind: Kind) -> String {
    match kind {
        Kind::Flag => "on or off, or nothing".into(),
        Kind::Text => "1 to 255 bytes in one line, in quotes if there are blanks in it".into(),
        Kind::Version => "2, 3 or 2+3".into(),
        Kind::Integer(least, most) => format!("a number from {least} to {most}"),
        Kind::Time(least, zero) => {
            let least = seconds(Duration::from_millis(least.into()));
            let zero = if zero && least != "0 s" { "0, or " } else { "" };
            format!("{zero}seconds, from {least} to 1 day, like 2 or 0.5")
        }
        Kind::Command | Kind::Script => "a command, in quotes with its arguments".into(),
        Kind::User => "a user, and perhaps a group".into(),
        Kind::Weight(most) => format!("-{most} to {most}, and perhaps reverse"),
        kind => expected(kind),
    }
}

/// Reads a value.
pub fn read(kind: Kind, value: &Value) -> Result<Setting, Mismatch> {
    let setting = match kind {
        Kind::Flag => flag(value).map(Setting::Flag),
        Kind::Text => text(value).map(Setting::Text),
        Kind::Interface => text(value).filter(|text| is_interface(text)).map(Setting::Text),
        Kind::Integer(least, most) => {
            integer(value).filter(|n| (least..=most).contains(n)).map(Setting::Integer)
        }
        Kind::Time(least, zero) => {
            let range = Duration::from_millis(least.into())..=DAY;
            let fits = |time: &Duration| range.contains(time) || (zero && time.is_zero());
            time(value).filter(fits).map(Setting::Time)
        }
        Kind::Version => versions::read(value).map(Setting::Version),
        Kind::Choice(choices) => choice(choices, value).map(Setting::Choice),
        Kind::Command => command::with_user(value).map(Setting::Command),
        Kind::Script => command::alone(value).map(Setting::Command),
        Kind::User => command::user(value).map(|(user, group)| Setting::User(user, group)),
        Kind::Weight(most) => weight(value, most).map(Setting::Weight),
        Kind::Special(_) => Some(Setting::Special),
    };
    setting.ok_or_else(|| mismatch(kind, value))
}

fn mismatch(kind: Kind, value: &Value) -> Mismatch {
    let found = describe(value);
    let word = value.word();
    let text = word.as_ref().map(|word| word.text.as_str()).unwrap_or_default();
    let help = match (kind, &value.data) {
        _ if text.ends_with(';') => "leave the semicolon out".into(),
        (Kind::Integer(..) | Kind::Time(..) | Kind::Version | Kind::Flag, Data::Line(_))
            if !text.is_ascii() =>
        {
            odd_character(text).unwrap_or_default()
        }
        (Kind::Text, Data::Integer(_) | Data::Float(_) | Data::Bool(_)) => {
            "put it in quotes".into()
        }
        (Kind::Integer(..) | Kind::Version | Kind::Weight(_), Data::Text(text))
            if number(text).is_some() =>
        {
            format!("leave the quotes out: {text}")
        }
        (Kind::Flag, Data::Text(_)) => match truth(text) {
            Some(truth) => format!("write {truth}, without quotes"),
            None => String::new(),
        },
        (Kind::Time(..), _) => without_unit(value).unwrap_or_default(),
        (Kind::Choice(choices), _) => did_you_mean(text, choices.iter().copied()),
        (Kind::Command | Kind::Script, _) => command::help(value),
        _ => String::new(),
    };
    Mismatch { found, help }
}

/// `did you mean "interval"?`, or nothing.
pub fn did_you_mean<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    match nearest(word, candidates) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => String::new(),
    }
}

/// What a value is, for a message.
pub fn describe(value: &Value) -> String {
    match &value.data {
        Data::Integer(number) => number.to_string(),
        Data::Float(number) => number.clone(),
        Data::Bool(truth) => truth.to_string(),
        Data::Text(text) => quote(text),
        Data::Line(words) => match words.as_slice() {
            [] => "nothing".into(),
            [word] => quote(&word.text),
            _ => format!("{} words", words.len()),
        },
        Data::List(items) => match items.iter().find(|item| item.word().is_none()) {
            Some(item) => format!("a list with {} in it", item.data.kind()),
            None if items.is_empty() => "an empty list".into(),
            None => format!("a list of {}", items.len()),
        },
        Data::Table(_) | Data::Other(_) => value.data.kind().into(),
    }
}

/// The one word of a value without a type.
fn untyped(value: &Value) -> Option<&str> {
    match &value.data {
        Data::Line(words) => match words.as_slice() {
            [word] => Some(&word.text),
            _ => None,
        },
        _ => None,
    }
}

/// What a word says of a flag: `on`, `off` and the like.
pub fn truth(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    match () {
        () if is(&["true", "on", "yes", "1"]) => Some(true),
        () if is(&["false", "off", "no", "0"]) => Some(false),
        () => None,
    }
}

fn flag(value: &Value) -> Option<bool> {
    match &value.data {
        Data::Bool(truth) => Some(*truth),
        Data::Line(words) if words.is_empty() => Some(true),
        _ => truth(untyped(value)?),
    }
}

/// Digits, and perhaps a sign before them.
fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// An integer, without regard to any range.
pub fn integer(value: &Value) -> Option<i64> {
    match value.data {
        Data::Integer(number) => Some(number),
        _ => number(untyped(value)?.trim()),
    }
}

fn text(value: &Value) -> Option<String> {
    let text = value.word()?.text;
    let fits = (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
    fits.then_some(text)
}

/// Whether the kernel could have an interface of that name.
pub fn is_interface(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && !matches!(name, "." | "..")
        && !name.contains(|char: char| {
            matches!(char, '/' | ':') || char.is_whitespace() || char.is_control()
        })
}

fn choice(choices: &[&str], value: &Value) -> Option<usize> {
    let word = value.word()?;
    choices.iter().position(|choice| choice.eq_ignore_ascii_case(&word.text))
}

/// A span of time, without regard to any range.
pub fn time(value: &Value) -> Option<Duration> {
    match &value.data {
        Data::Integer(number) => u64::try_from(*number).ok().map(Duration::from_secs),
        Data::Float(number) => Some(span(number.strip_prefix('+').unwrap_or(number))?.0),
        // A number in quotes is no number.
        Data::Text(text) => span(text).filter(|span| span.1).map(|span| span.0),
        _ => loose_span(untyped(value)?),
    }
}

/// What to do about a number in quotes where a time is wanted.
pub fn without_unit(value: &Value) -> Option<String> {
    match &value.data {
        Data::Text(text) if span(text).is_some_and(|span| !span.1) => {
            Some(format!("leave the quotes out, or give a unit: \"{text}s\""))
        }
        _ => None,
    }
}

/// A span of time as keepalived takes it, too: `+2`, ` 2`, `.5`, `5.`.
fn loose_span(text: &str) -> Option<Duration> {
    let text = text.trim();
    let text = text.strip_prefix('+').unwrap_or(text);
    let (whole, rest) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    let Some(rest) = rest.strip_prefix('.') else {
        return Some(span(text)?.0);
    };
    let bare = !rest.starts_with(|char: char| char.is_ascii_digit());
    if bare && whole.is_empty() {
        return None;
    }
    let zero = |missing| if missing { "0" } else { "" };
    Some(span(&format!("{}{whole}.{}{rest}", zero(whole.is_empty()), zero(bare)))?.0)
}

/// `2`, `0.5`, `500ms`: a span of time, and whether it has a unit.
fn span(text: &str) -> Option<(Duration, bool)> {
    const UNITS: &[(&str, u64)] = &[
        ("", 1_000_000_000),
        ("us", 1000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("min", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ];
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let nanos = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(nanos)?;
    let scale = 10u64.pow(fraction.len() as u32);
    let fraction = u128::from(fraction.parse::<u64>().ok()?) * u128::from(nanos);
    let fraction = u64::try_from(fraction / u128::from(scale)).ok()?;
    Some((Duration::from_nanos(whole.checked_add(fraction)?), !unit.is_empty()))
}

/// A span of time for a message: `2 s`, `0.5 s`, `1 ms`.
pub fn seconds(time: Duration) -> String {
    let (unit, scale) = match time.as_nanos() {
        1..=99_999_999 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    let (whole, rest) = (time.as_nanos() / scale, time.as_nanos() % scale);
    let width = if scale == 1_000_000 { 6 } else { 9 };
    let fraction = format!("{rest:0width$}");
    match fraction.trim_end_matches('0') {
        "" => format!("{whole} {unit}"),
        fraction => format!("{whole}.{fraction} {unit}"),
    }
}

fn weight(value: &Value, most: i16) -> Option<Weight> {
    if let Data::Integer(number) = value.data {
        let number = i16::try_from(number).ok().filter(|number| (-most..=most).contains(number))?;
        return Weight::new(number, false);
    }
    let words = value.words()?;
    let words: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
    let (number, reverse) = match (&value.data, words.as_slice()) {
        (Data::Text(_), [_]) => None,
        (_, words) => weight_of(words, most),
    }?;
    Weight::new(number, reverse.unwrap_or(false))
}

/// `20`, `20 reverse`, `20 noreverse`, up to so much either way: the number, and whether it is
/// inverted, if that is said.
pub fn weight_of(words: &[&str], most: i16) -> Option<(i16, Option<bool>)> {
    let (number, reverse) = match words {
        [number] => (number, None),
        [number, "reverse"] => (number, Some(true)),
        [number, "noreverse"] => (number, Some(false)),
        _ => return None,
    };
    let number = number.parse().ok().filter(|number| (-most..=most).contains(number))?;
    Some((number, reverse))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::error::Place;
    use crate::config::tree::Word;

    pub(in super::super) fn value(data: Data) -> Value {
        Value { data, place: Place::default() }
    }

    pub(in super::super) fn line(words: &[&str]) -> Value {
        let word = |text: &&str| Word { text: (*text).into(), place: Place::default() };
        value(Data::Line(words.iter().map(word).collect()))
    }

    pub(in super::super) fn string(text: &str) -> Value {
        value(Data::Text(text.into()))
    }

    const WEIGHT: Kind = Kind::Weight(253);

    #[test]
    fn words_without_a_type_are_what_they_have_to_be() {
        let number = Kind::Integer(1, 9);
        assert_eq!(read(number, &line(&["2"])).unwrap(), Setting::Integer(2));
        assert!(read(number, &string("2")).unwrap_err().help.contains("quotes"));
        assert!(read(number, &line(&["2", "3"])).is_err() && read(number, &line(&[])).is_err());
        for (words, truth) in [(&["on"][..], true), (&[], true), (&["No"], false), (&["0"], false)]
        {
            assert_eq!(read(Kind::Flag, &line(words)).unwrap(), Setting::Flag(truth));
        }
        assert!(read(Kind::Flag, &string("on")).unwrap_err().help.contains("true"));
        assert_eq!(read(Kind::Text, &line(&["2"])).unwrap(), Setting::Text("2".into()));
        let weight = Weight::new(20, true).unwrap();
        for value in [line(&["20", "reverse"]), line(&["20 reverse"]), string("20 reverse")] {
            assert_eq!(read(WEIGHT, &value).unwrap(), Setting::Weight(weight));
        }
        assert!(read(WEIGHT, &string("20")).is_err());
    }

    #[test]
    fn times() {
        for (text, nanos, unit) in [
            ("2", 2_000_000_000, false),
            ("0.1", 100_000_000, false),
            ("0.29", 290_000_000, false),
            ("500ms", 500_000_000, true),
            ("100us", 100_000, true),
            ("1.5 s", 1_500_000_000, true),
            ("1m", 60_000_000_000, true),
            ("2h", 7_200_000_000_000, true),
            ("1d", 86_400_000_000_000, true),
        ] {
            assert_eq!(span(text), Some((Duration::from_nanos(nanos), unit)), "{text}");
        }
        for text in ["", "s", ".", "1.", ".5", "1.2.3", "-1", "1e5", "inf", "1x", "99999999999999d"]
        {
            assert_eq!(span(text), None, "{text}");
        }
        assert_eq!(time(&value(Data::Integer(-1))), None);
        assert_eq!(time(&string("2")), None);
        assert_eq!(time(&line(&["0.5"])), Some(Duration::from_millis(500)));
        assert_eq!(time(&string(".5s")), None);
        let kind = Kind::Time(1000, true);
        for (seconds, fits) in [(0, true), (1, true), (86_400, true), (86_401, false)] {
            assert_eq!(read(kind, &value(Data::Integer(seconds))).is_ok(), fits, "{seconds}");
        }
        assert!(read(kind, &string("999ms")).is_err());
    }

    /// What `keepalived -t` takes, and what it does not. Blanks at the end are ours.
    #[test]
    fn times_without_a_type() {
        for (text, millis) in [
            (".2", 200),
            ("5.", 5000),
            ("1.5", 1500),
            ("+2", 2000),
            ("+.5", 500),
            (" 2 ", 2000),
            ("\t+.25", 250),
            ("010", 10_000),
            ("00.5", 500),
            ("0.", 0),
            (".5s", 500),
            ("2.ms", 2),
        ] {
            assert_eq!(time(&line(&[text])), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "", " ", ".", "+", "+.", "-1", " -1", "+-1", "++1", "+ 2", "1.+5", ". 5", "1.5.",
            "1..5", "..5", "1,5", "0x10", "1e1", "1_0", "2x",
        ] {
            assert_eq!(time(&line(&[text])), None, "{text}");
        }
    }

    #[test]
    fn integers_without_a_type() {
        let read = |text: &str| integer(&line(&[text]));
        for (text, number) in [("5", 5), ("+5", 5), (" 5 ", 5), ("010", 10), ("-5", -5)] {
            assert_eq!(read(text), Some(number), "{text}");
        }
        for text in ["", "5.", "+", "+ 5", "0x10", "1e1", "99999999999999999999"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(integer(&string(" 5")), None);
    }

    #[test]
    fn times_in_messages() {
        for (micros, text) in [
            (0, "0 s"),
            (1000, "1 ms"),
            (1500, "1.5 ms"),
            (500_000, "0.5 s"),
            (2_000_000, "2 s"),
            (86_400_000_000, "86400 s"),
        ] {
            assert_eq!(seconds(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn interfaces() {
        for (name, fits) in [
            ("eth0", true),
            ("br-lan.10", true),
            ("exactly15bytes.", true),
            ("sixteen.bytes..x", false),
            ("", false),
            ("..", false),
            ("a/b", false),
            ("a b", false),
        ] {
            assert_eq!(is_interface(name), fits, "{name}");
        }
    }
}
