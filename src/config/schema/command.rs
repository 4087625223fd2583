//! A command, and who runs it.

use super::settings::Settings;
use super::table::{Key, Kind, COMMAND};
use crate::config::error::{quote, Place, Report};
use crate::config::tree::{Data, Entry, Value, Word};
use crate::config::{Command, CommandLine, ScriptUser};
use crate::vrrp::bounds;

/// Reads a command without a user: a string, a list of words, or the first word without a type.
/// What stands behind that is for [`not_used`].
pub fn alone(value: &Value) -> Option<Command> {
    let (line, place) = match &value.data {
        Data::List(items) => {
            let word = |item: &Value| item.word().map(|word| word.text).filter(|text| fits(text));
            let words: Vec<_> = items.iter().map(word).collect::<Option<_>>()?;
            let named = words.first().is_some_and(|word| !word.is_empty());
            (named.then_some(CommandLine::Words(words))?, value.place)
        }
        Data::Line(words) => text(words.first()?)?,
        Data::Text(_) => text(&value.word()?)?,
        _ => return None,
    };
    Some(Command { line, user: None, place })
}

/// Reads a command with its user, if that is not written as a table: the second and the third word
/// without a type are user and group.
pub fn with_user(value: &Value) -> Option<Command> {
    let command = alone(value)?;
    let user = match &value.data {
        Data::Line(words) => match words.get(1..).unwrap_or_default() {
            [] => None,
            [user] => Some(script_user(user, None)?),
            [user, group, ..] => Some(script_user(user, Some(group))?),
        },
        _ => None,
    };
    Some(Command { user, ..command })
}

/// Reads a command that is written as a table, and complains of what is wrong in it.
pub fn table(
    label: String,
    place: Place,
    entries: &[Entry],
    report: &mut Report,
) -> Option<Command> {
    let settings = Settings::read("command", COMMAND, (label, place), entries, report);
    settings.need("script", "write { script = \"...\", user = \"...\" }", report);
    let user = settings.user("user");
    // Without a user that was asked for it must not run as anybody else.
    let known = user.is_some() || !settings.has("user");
    known.then_some(Command { user, ..settings.command("script")? })
}

/// Tells of words behind a command that mean nothing.
pub fn not_used(key: &Key, value: &Value, report: &mut Report) {
    let (taken, help) = match key.kind {
        Kind::Command => (3, "behind a command stand a user and a group, and nothing else"),
        Kind::Script => (1, "put command and arguments in one pair of quotes; who runs it is user"),
        _ => return,
    };
    let Data::Line(words) = &value.data else {
        return;
    };
    if let Some(Word { text, place }) = words.get(taken) {
        let more = if words.len() > taken + 1 { " and what follows are" } else { " is" };
        let message = format!("{}: {}{more} not used", key.word, quote(text));
        report.warning(*place, message).help(help);
    }
}

/// What to do about a value that is no command.
pub fn help(value: &Value) -> String {
    let has_user = |entries: &[Entry]| entries.iter().any(|entry| entry.word.text == "user");
    match &value.data {
        Data::Table(entries) if has_user(entries) => "write user beside script".into(),
        Data::Line(words) if words.len() > 1 => {
            "behind the command stand its user and its group, a word each".into()
        }
        _ => String::new(),
    }
}

/// Reads a user and perhaps a group.
pub fn user(value: &Value) -> Option<(String, Option<String>)> {
    let words: Vec<Word> = match &value.data {
        Data::List(items) => items.iter().map(Value::word).collect::<Option<_>>()?,
        _ => value.words()?,
    };
    let user = match words.as_slice() {
        [user] => script_user(user, None),
        [user, group] => script_user(user, Some(group)),
        _ => None,
    }?;
    Some((user.user, user.group))
}

fn script_user(user: &Word, group: Option<&Word>) -> Option<ScriptUser> {
    let name = |word: &Word| {
        let text = &word.text;
        let fits = !text.is_empty() && text.len() <= bounds::NAME;
        (fits && !text.contains(char::is_whitespace)).then(|| text.clone())
    };
    let group = match group {
        Some(group) => Some(name(group)?),
        None => None,
    };
    Some(ScriptUser { user: name(user)?, group, place: user.place })
}

fn text(word: &Word) -> Option<(CommandLine, Place)> {
    let text = &word.text;
    let is_command = !text.trim().is_empty() && fits(text);
    is_command.then(|| (CommandLine::Text(text.clone()), word.place))
}

/// A null byte would end the word; nothing can be run by that name.
fn fits(text: &str) -> bool {
    !text.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::super::settings::Settings;
    use super::super::table::{VRRP_INSTANCE, VRRP_SCRIPT};
    use super::super::value::tests::{line, string, value};
    use super::*;

    fn list(words: &[&str]) -> Value {
        value(Data::List(words.iter().map(|word| string(word)).collect()))
    }

    fn entry(word: &str, value: Value) -> Entry {
        Entry { word: Word { text: word.into(), place: Place::default() }, value }
    }

    /// The command of `notify`, or of `script`, and what is said of it.
    fn read(keyword: &str, value: Value) -> (Option<Command>, String) {
        let table = if keyword == "script" { VRRP_SCRIPT } else { VRRP_INSTANCE };
        let (mut report, entries) = (Report::new("f", ""), [entry(keyword, value)]);
        let label = ("vip".to_owned(), Place::default());
        let settings = Settings::read("", table, label, &entries, &mut report);
        (settings.command(keyword), report.to_string())
    }

    fn command(text: &str, user: Option<(&str, Option<&str>)>) -> Command {
        let place = Place::default();
        let user = user.map(|(user, group)| {
            let group = group.map(str::to_owned);
            ScriptUser { user: user.to_owned(), group, place }
        });
        Command { line: CommandLine::Text(text.into()), user, place }
    }

    #[test]
    fn the_user_stands_behind_the_command_or_beside_it() {
        let table = |user| value(Data::Table(vec![entry("script", string("a b")), user]));
        let (one, both) = (Some(("u", None)), Some(("u", Some("g"))));
        for (value, user) in [
            (string("a b"), None),
            (line(&["a b"]), None),
            (line(&["a b", "u"]), one),
            (line(&["a b", "u", "g"]), both),
            (table(entry("user", string("u"))), one),
            (table(entry("user", string("u g"))), both),
            (table(entry("user", list(&["u", "g"]))), both),
        ] {
            let expected = (Some(command("a b", user)), String::new());
            assert_eq!(read("notify", value.clone()), expected, "{value:?}");
        }
        let (read, _) = read("notify", list(&["a", "b c"]));
        assert_eq!(read.unwrap().line, CommandLine::Words(vec!["a".into(), "b c".into()]));
    }

    #[test]
    fn what_is_no_command() {
        for bad in [
            list(&[]),
            list(&[""]),
            string(" "),
            string("a\0b"),
            line(&[]),
            line(&[""]),
            line(&["a", ""]),
            line(&["a", "u g"]),
            line(&["a", "u", ""]),
            value(Data::Integer(1)),
        ] {
            let (command, said) = read("notify", bad.clone());
            assert!(command.is_none() && said.contains("notify must be a command"), "{bad:?}");
        }
        let (_, said) = read("notify", line(&["a", "u g"]));
        assert!(said.contains("= behind the command stand its user and its group"), "{said}");
    }

    #[test]
    fn a_command_whose_user_is_wrong_is_none() {
        let wrong = vec![entry("script", string("a")), entry("user", string("a b c"))];
        let (command, said) = read("notify", value(Data::Table(wrong)));
        assert!(command.is_none() && said.contains("user must be"), "{said}");
    }

    #[test]
    fn words_that_mean_nothing_are_told_of() {
        let (read_command, said) = read("notify", line(&["a", "u", "g", "x"]));
        assert_eq!(read_command, Some(command("a", Some(("u", Some("g"))))));
        assert!(said.contains("warning: notify: \"x\" is not used"), "{said}");
        let (read_command, said) = read("script", line(&["a", "u", "g"]));
        assert_eq!(read_command, Some(command("a", None)));
        assert!(said.contains("warning: script: \"u\" and what follows are not used"), "{said}");
        assert_eq!(read("script", line(&["a b"])), (Some(command("a b", None)), String::new()));
    }

    #[test]
    fn users() {
        let both = Some(("u".to_string(), Some("g".to_string())));
        assert_eq!(user(&string("u g")), both);
        assert_eq!(user(&list(&["u", "g"])), both);
        assert_eq!(user(&line(&["u", "g"])), both);
        assert_eq!(user(&string("u")), Some(("u".into(), None)));
        for bad in [string(""), string("a b c"), list(&["a b"]), list(&[])] {
            assert_eq!(user(&bad), None, "{bad:?}");
        }
    }
}
