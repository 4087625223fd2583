//! `auth_hmac` of an instance. No message shows a key.

use super::settings::Settings;
use super::table::{key as keyword, Key, Kind};
use crate::config::error::Report;
use crate::config::hmac::{decode, AuthHmac, HmacKey, KeyValue};
use crate::config::tree::{Data, Value, Word};
use crate::config::Format;
use crate::vrrp::auth_hmac::{self, AntiReplay, Mode};
use crate::wire::Interval;
use core::time::Duration;

/// Its keywords.
pub const AUTH_HMAC: &[Key] = &[
    keyword("key", Kind::Special(EXPECTED), ""),
    keyword("active_key", Kind::Integer(1, 255), ""),
    keyword("anti_replay", Kind::Choice(&["time", "monotonic"]), "time"),
    // Default: three times advert_int, and 5 at least.
    keyword("time_window", Kind::Integer(1, 300), ""),
    keyword("mode", Kind::Choice(&["enforce", "permissive", "receive-only"]), "enforce"),
];

/// The shortest `time_window` that nobody asked for, in seconds.
const LEAST_WINDOW: u64 = 5;
/// The longest that anybody may ask for.
const MOST_WINDOW: u64 = 300;

/// Reads it. `None` if it is not there, or wrong.
pub fn read(
    instance: &Settings<'_>,
    advert_int: Interval,
    report: &mut Report,
) -> Option<AuthHmac> {
    let value = instance.value("auth_hmac")?;
    let Data::Table(entries) = &value.data else {
        let message = format!("auth_hmac must be a table, not {}", value.data.kind());
        let help = match report.format() {
            Format::Uci => example("key", report),
            Format::Toml | Format::Keepalived => {
                "write auth_hmac = { key = { 1 = \"file:/etc/vipd.key\" }, active_key = 1 }".into()
            }
        };
        report.error(value.place, message).help(help).secret(true);
        return None;
    };
    if instance.has("authentication") {
        let message = "auth_hmac and authentication cannot be combined";
        report.error(value.place, message).help("leave authentication out").secret(true);
    }
    let label = (format!("auth_hmac of {}", instance.label), value.place);
    let settings = Settings::read("auth_hmac", AUTH_HMAC, label, entries, report);
    settings.need("key", &example("key", report), report);
    settings.need("active_key", &example("active_key", report), report);
    let key = settings.value("key").map(|value| keys(value, report)).unwrap_or_default();
    let active_key = settings.octet("active_key")?;
    let complete = key.iter().all(Option::is_some);
    let key: Vec<_> = key.into_iter().flatten().collect();
    if complete && settings.has("key") && !key.iter().any(|key| key.id == active_key) {
        let message = format!("active_key {active_key}: there is no key of that number");
        settings.error("active_key", message, report);
        return None;
    }
    let anti_replay = match settings.choice("anti_replay") {
        Some(1) => monotonic(&settings, report),
        _ => AntiReplay::Time(window(&settings, advert_int)),
    };
    let mode = match settings.choice("mode") {
        Some(1) => Mode::Permissive,
        Some(2) => Mode::ReceiveOnly,
        _ => Mode::Enforce,
    };
    let settings = auth_hmac::Settings { active_key, anti_replay, mode };
    complete.then_some(AuthHmac { settings, key })
}

fn example(word: &str, report: &Report) -> String {
    match (word, report.format()) {
        ("key", Format::Keepalived) => "write key 1 file:/etc/vipd.key".into(),
        ("key", Format::Toml) => "write key = { 1 = \"file:/etc/vipd.key\" }".into(),
        ("key", Format::Uci) => "write list auth_hmac_key '1 file:/etc/vipd.key'".into(),
        (_, Format::Uci) => "write option auth_hmac_active_key '1'".into(),
        (_, Format::Keepalived) => "write active_key 1".into(),
        (_, Format::Toml) => "write active_key = 1".into(),
    }
}

/// keepalived's: three intervals, and not less than 5 s.
fn window(settings: &Settings<'_>, advert_int: Interval) -> u16 {
    let asked = settings.integer("time_window").and_then(|seconds| u64::try_from(seconds).ok());
    let three = (advert_int.duration() * 3).max(Duration::from_secs(LEAST_WINDOW)).as_secs();
    asked.unwrap_or(three).min(MOST_WINDOW) as u16
}

fn monotonic(settings: &Settings<'_>, report: &mut Report) -> AntiReplay {
    if settings.has("time_window") {
        let message = "time_window has no effect with anti_replay monotonic";
        report.warning(settings.place_of("time_window"), message).secret(true);
    }
    AntiReplay::Monotonic
}

/// The keys; `None` for one that is wrong, which has been complained of then.
fn keys(value: &Value, report: &mut Report) -> Vec<Option<HmacKey>> {
    let mut keys: Vec<Option<HmacKey>> = Vec::new();
    let Some(pairs) = pairs(value) else {
        let message = format!("key must be {EXPECTED}, not {}", value.data.kind());
        let help = example("key", report);
        report.error(value.place, message).help(help).secret(true);
        return vec![None];
    };
    for (id, value) in pairs {
        let key = key(&id, value, report).filter(|key| {
            let is_new = !keys.iter().flatten().any(|other| other.id == key.id);
            if !is_new {
                report.error(id.place, format!("key {} is there twice", key.id)).secret(true);
            }
            is_new
        });
        keys.push(key);
    }
    if keys.is_empty() {
        let help = example("key", report);
        report.error(value.place, "there is no key").help(help).secret(true);
        keys.push(None);
    }
    keys
}

/// What `key` takes, for messages and the table.
pub const EXPECTED: &str = "a table of numbers and keys";

/// The number and the value of each key, as they are written: a table, or lines of a number and what
/// stands behind it. `None` if it is neither; a value is `None` if it is not text.
pub fn pairs(value: &Value) -> Option<Vec<(Word, Option<Word>)>> {
    if let Data::Table(entries) = &value.data {
        let pair = |entry: &crate::config::tree::Entry| (entry.word.clone(), entry.value.word());
        return Some(entries.iter().map(pair).collect());
    }
    value.items().iter().map(line).collect()
}

fn line(item: &Value) -> Option<(Word, Option<Word>)> {
    match &item.data {
        Data::Line(words) if words.len() != 1 => match words.as_slice() {
            [id, value] => Some((id.clone(), Some(value.clone()))),
            [id, ..] => Some((id.clone(), None)),
            [] => None,
        },
        _ => {
            let word = item.word()?;
            let text = word.text.trim_start();
            let (id, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
            let part = |text: &str| Word { text: text.into(), place: word.place };
            Some((part(id), Some(part(rest.trim()))))
        }
    }
}

fn key(id: &Word, value: Option<Word>, report: &mut Report) -> Option<HmacKey> {
    let place = value.as_ref().map_or(id.place, |value| value.place);
    let mut wrong = |message: String, help: &str| {
        report.error(place, message).help(help).secret(true);
        None
    };
    let number: u8 = match id.text.parse().ok().filter(|id| *id != 0) {
        Some(number) => number,
        None => return wrong("the number of a key must be 1 to 255".into(), ""),
    };
    let Some(value) = value else {
        let help = "put it in quotes, or into a file and write file:PATH";
        return wrong(format!("key {number} is not one text"), help);
    };
    let value = match value.text.strip_prefix("file:") {
        Some(path) if path.starts_with('/') => KeyValue::File(path.into()),
        Some(_) => {
            let message = format!("key {number}: behind file: stands a path that begins with /");
            return wrong(message, "");
        }
        None => match decode(value.text.as_bytes()) {
            Ok(secret) => KeyValue::Here(secret),
            Err(reason) => {
                let help = "one can be made so: openssl rand -hex 32, and hex: before it";
                return wrong(format!("key {number} {reason}"), help);
            }
        },
    };
    Some(HmacKey { id: number, value, place })
}
