//! `auth_hmac` and `version 2+3`: what becomes of them, whatever the syntax.

use super::{accepted, case, parse};
use std::time::Duration;
use vipd::config::convert::{convert, Target};
use vipd::config::hmac::{AuthHmac, KeyValue};
use vipd::config::{read, Config, Format, Reading};
use vipd::vrrp::auth_hmac::{AntiReplay, Mode};
use vipd::wire::{Interval, Version};

/// Everything but the key.
const START: &str = "[vrrp_instance.a]\ninterface = \"eth0\"\nvirtual_router_id = 5\n\
                     virtual_ipaddress = [\"192.0.2.1\"]\n";
const KEYED: &str = "key = { 1 = \"0123456789abcdef0123456789abcdef\" }, active_key = 1";

fn hmac_of(config: &Config) -> &AuthHmac {
    config.vrrp_instance[0].auth_hmac.as_ref().expect("auth_hmac")
}

fn anti_replay(words: &str) -> AntiReplay {
    hmac_of(&accepted(&format!("{START}{words}"))).settings.anti_replay
}

#[test]
fn the_window_is_three_intervals_and_five_seconds_at_least() {
    for (words, seconds) in [
        ("", 5),
        ("advert_int = 2\n", 6),
        ("advert_int = 255\n", 300),
        ("version = 3\nadvert_int = 0.01\n", 5),
        ("version = 3\nadvert_int = 40.95\n", 122),
    ] {
        let words = format!("{words}auth_hmac = {{ {KEYED} }}");
        assert_eq!(anti_replay(&words), AntiReplay::Time(seconds), "{words}");
    }
    let window = format!("auth_hmac = {{ {KEYED}, time_window = 1 }}");
    assert_eq!(anti_replay(&window), AntiReplay::Time(1));
    let monotonic = format!("auth_hmac = {{ {KEYED}, anti_replay = \"monotonic\" }}");
    assert_eq!(anti_replay(&monotonic), AntiReplay::Monotonic);
}

#[test]
fn a_mode_is_what_it_says() {
    for (words, mode) in [
        ("", Mode::Enforce),
        (", mode = \"enforce\"", Mode::Enforce),
        (", mode = \"permissive\"", Mode::Permissive),
        (", mode = \"receive-only\"", Mode::ReceiveOnly),
    ] {
        let config = accepted(&format!("{START}auth_hmac = {{ {KEYED}{words} }}"));
        assert_eq!(hmac_of(&config).settings.mode, mode);
    }
}

/// The first instance of the case of each syntax.
#[test]
fn all_syntaxes_say_the_same() {
    let first = |name: &str, format: Format| {
        let text = case(name);
        let end = match format {
            Format::Keepalived => text.find("vrrp_instance wrong"),
            Format::Uci => text.find("config vrrp_instance 'wrong'"),
            Format::Toml => None,
        };
        let text = &text[..end.unwrap_or(text.len())];
        let (config, report) = read(name, text.as_bytes(), &Reading::strict(format), &|_, _| {});
        hmac_of(&config.unwrap_or_else(|| panic!("{report}"))).clone()
    };
    let ids = |hmac: &AuthHmac| hmac.key.iter().map(|key| key.id).collect::<Vec<_>>();
    let toml = first("auth-hmac-right.toml", Format::Toml);
    let keepalived = first("auth-hmac-keepalived.conf", Format::Keepalived);
    let uci = first("auth-hmac-uci.uci", Format::Uci);
    assert_eq!(
        [ids(&toml), ids(&keepalived), ids(&uci)],
        [vec![1, 255], vec![1, 2, 3], vec![1, 2]]
    );
    assert_eq!(toml.key[0].value, keepalived.key[0].value);
    assert_eq!(toml.key[0].value, uci.key[0].value);
    assert_eq!(keepalived.key[1].value, uci.key[1].value, "blanks and all");
    assert_eq!(toml.key[1].value, KeyValue::File("/etc/vipd.key".into()));
    assert_eq!(keepalived.settings.mode, Mode::Permissive);
    assert_eq!(keepalived.settings.active_key, 2);
    assert_eq!(uci.settings.anti_replay, AntiReplay::Time(300));
}

/// What is written in another syntax means the same there.
#[test]
fn it_is_converted() {
    let original = case("auth-hmac-right.toml");
    let meaning = |text: &str, format| {
        let (config, report) = read("f", text.as_bytes(), &Reading::strict(format), &|_, _| {});
        let config = config.unwrap_or_else(|| panic!("{report}\n{text}"));
        let hmac = |hmac: &AuthHmac| {
            let keys: Vec<_> = hmac.key.iter().map(|key| (key.id, key.value.clone())).collect();
            (hmac.settings, keys)
        };
        let all = config.vrrp_instance.iter().map(|it| it.auth_hmac.as_ref().map(hmac));
        all.collect::<Vec<_>>()
    };
    let expected = meaning(&original, Format::Toml);
    assert!(expected.iter().all(Option::is_some));
    for (to, format) in [(Target::Uci, Format::Uci), (Target::Toml, Format::Toml)] {
        let how = Reading::strict(Format::Toml);
        let (text, report) = convert("f", original.as_bytes(), &how, to);
        let text = text.unwrap_or_else(|| panic!("{report}"));
        assert_eq!(meaning(&text, format), expected, "{text}");
        let (back, _) = convert("f", text.as_bytes(), &Reading::strict(format), Target::Toml);
        assert_eq!(meaning(&back.expect("TOML"), Format::Toml), expected);
    }
}

/// Nothing that is said about a file shows a key.
#[test]
fn no_report_shows_a_key() {
    for (name, format) in [
        ("auth-hmac.toml", Format::Toml),
        ("auth-hmac-right.toml", Format::Toml),
        ("auth-hmac-keepalived.conf", Format::Keepalived),
        ("auth-hmac-uci.uci", Format::Uci),
    ] {
        let text = case(name);
        for lenient in [false, true] {
            let how = Reading { lenient, ..Reading::strict(format) };
            let (config, report) = read(name, text.as_bytes(), &how, &|_, _| {});
            let said = format!("{report} {config:?}");
            assert!(!said.contains("s3cret") && !said.contains("0b0c0d"), "{said}");
            let (_, report) = convert(name, text.as_bytes(), &how, Target::Uci);
            assert!(!report.to_string().contains("s3cret"), "{report}");
        }
        // Wherever a file ends, too.
        for end in (0..text.len()).step_by(7) {
            let how = Reading::strict(format);
            let (_, report) = read(name, &text.as_bytes()[..end], &how, &|_, _| {});
            assert!(!report.to_string().contains("s3cret"), "{end}: {report}");
        }
    }
}

#[test]
fn both_versions_are_version_3_with_2_beside_it() {
    let config = accepted(&format!("{START}version = \"2+3\"\nadvert_int = 0.2"));
    let instance = &config.vrrp_instance[0];
    assert!(instance.election.both_versions);
    assert_eq!(instance.version, Version::V3);
    assert_eq!(instance.advert_int.duration(), Duration::from_millis(200));
    for (words, version) in [("2", Version::V2), ("3", Version::V3)] {
        let config = accepted(&format!("{START}version = {words}"));
        let instance = &config.vrrp_instance[0];
        assert_eq!((instance.election.both_versions, instance.version), (false, version));
    }
}

#[test]
fn v3_121_a_sub_second_interval_beside_version_2_is_warned_of() {
    let warned = |words: &str| {
        let (config, report) = parse(&format!("{START}{words}"));
        assert!(config.is_some(), "{report}");
        let said = report.to_string();
        (
            said.contains("for the time of a migration"),
            said.contains("speaks once a second at most"),
        )
    };
    assert_eq!(warned("version = \"2+3\"\nadvert_int = 0.99"), (true, true));
    assert_eq!(warned("version = \"2+3\"\nadvert_int = 1"), (true, false));
    assert_eq!(warned("version = 3\nadvert_int = 0.99"), (false, false));
    assert_eq!(Interval::SECOND.whole_seconds(), Interval::SECOND);
}
