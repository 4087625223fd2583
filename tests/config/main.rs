//! Configurations and what is said about them.
//!
//! For each `cases/NAME.EXTENSION` the whole report is compared with `NAME.txt`, and with
//! `NAME.lenient.txt` if there is one. `UPDATE=1` writes them anew; read the difference before you
//! commit it.

mod convert;
mod corpus;
mod hmac;
mod keepalived;
mod uci;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vipd::config::error::Report;
use vipd::config::{read, Command, CommandLine, Config, Format, Reading, ScriptUser, V3Checksum};
use vipd::wire::{Interval, Priority, Version};

/// The syntaxes of the cases, by extension.
const FORMATS: &[(&str, Format)] =
    &[("toml", Format::Toml), ("uci", Format::Uci), ("conf", Format::Keepalived)];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn case(name: &str) -> String {
    fs::read_to_string(root().join("tests/config/cases").join(name)).unwrap()
}

fn parse(text: &str) -> (Option<Config>, Report) {
    read("vipd.toml", text.as_bytes(), &Reading::strict(Format::Toml), &|_, _| {})
}

fn accepted(text: &str) -> Config {
    let (config, report) = parse(text);
    config.unwrap_or_else(|| panic!("{report}"))
}

/// The cases with their syntax, sorted by name.
fn cases() -> Vec<(PathBuf, Format)> {
    let entries = fs::read_dir(root().join("tests/config/cases")).unwrap();
    let format = |path: &Path| {
        let extension = path.extension()?;
        FORMATS.iter().find(|(known, _)| extension == *known).map(|(_, format)| *format)
    };
    let mut cases: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| format(&path).map(|format| (path, format)))
        .collect();
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(cases.len() >= 50, "only {} cases", cases.len());
    for pair in cases.windows(2) {
        assert_ne!(pair[0].0.file_stem(), pair[1].0.file_stem(), "two cases with one report");
    }
    cases
}

/// Compares what is said of a case with `NAME.txt`, and if there is a `NAME.lenient.txt`, what is said
/// leniently with that.
fn differs(path: &Path, format: Format) -> Option<String> {
    let lenient = path.with_extension("lenient.txt");
    let strictly = compare(path, format, false, &path.with_extension("txt"));
    let leniently = lenient.exists().then(|| compare(path, format, true, &lenient)).flatten();
    let both: Vec<String> = strictly.into_iter().chain(leniently).collect();
    (!both.is_empty()).then(|| both.join("\n"))
}

fn compare(path: &Path, format: Format, lenient: bool, expected: &Path) -> Option<String> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let bytes = fs::read(path).unwrap();
    let how = Reading { lenient, config_id: "main", ..Reading::strict(format) };
    let (config, report) = read(name, &bytes, &how, &|_, _| {});
    assert_eq!(config.is_none(), report.has_errors(), "{name}");
    let said = report.to_string();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(expected, &said).unwrap();
    }
    let expected = fs::read_to_string(expected).unwrap_or_default();
    (said != expected).then(|| format!("--- {name}, expected:\n{expected}--- but was:\n{said}"))
}

#[test]
fn every_case_is_reported_as_written() {
    let differences: Vec<_> =
        cases().iter().filter_map(|(path, format)| differs(path, *format)).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn what_must_be_accepted_is() {
    for (name, warnings) in [
        ("seed", 3),
        ("benchmark", 2),
        ("address-tables", 0),
        ("globals", 1),
        ("password", 1),
        ("weights", 8),
        ("slow-check", 3),
        ("shared-address", 1),
        ("command-users", 0),
        ("names-with-blanks", 2),
    ] {
        let (config, report) = parse(&case(&format!("{name}.toml")));
        assert!(config.is_some(), "{name}: {report}");
        assert!(report.warning_count() <= warnings, "{name}: {report}");
    }
}

#[test]
fn the_seed_is_understood() {
    let config = accepted(&case("seed.toml"));
    let script = &config.vrrp_script[0];
    assert_eq!((script.name.as_str(), script.interval), ("chk_haproxy", Duration::from_secs(2)));
    assert_eq!((script.fall, script.rise, script.weight.value()), (2, 2, 20));
    let instance = &config.vrrp_instance[0];
    assert_eq!((instance.interface.as_str(), instance.virtual_router_id.get()), ("eth0", 5));
    assert_eq!((instance.priority, instance.version), (Priority(100), Version::V2));
    assert_eq!(instance.advert_int, Interval::SECOND);
    assert_eq!(instance.virtual_ipaddress[0].dev.as_deref(), Some("eth0"));
    assert_eq!((instance.track_script[0].script, instance.track_script[0].weight.value()), (0, 20));
    assert!(instance.notify.notify.is_some() && instance.fast_handover && !instance.nopreempt);
}

#[test]
fn a_command_names_who_runs_it() {
    let instance = &accepted(&case("command-users.toml")).vrrp_instance[0];
    let read = |command: &Option<Command>| {
        let Command { line, user, .. } = command.clone().unwrap();
        let words = match line {
            CommandLine::Text(text) => vec![text],
            CommandLine::Words(words) => words,
        };
        let user = user.map(|it| format!("{} {}", it.user, it.group.unwrap_or_default()));
        (words.join("|"), user.unwrap_or_default())
    };
    for (command, line, user) in [
        (&instance.notify.notify_master, "/etc/vipd/master now", "nobody "),
        (&instance.notify.notify_backup, "/etc/vipd/backup|right now", "nobody nogroup"),
        (&instance.notify.notify_fault, "/etc/vipd/fault", "65534 0"),
        (&instance.notify.notify_stop, "/etc/vipd/stop", ""),
        (&instance.notify.notify, "/etc/vipd/notify", "daemon "),
    ] {
        assert_eq!(read(command), (line.to_owned(), user.to_owned()));
    }
}

#[test]
fn a_name_with_blanks_is_one_name() {
    let config = accepted(&case("names-with-blanks.toml"));
    let instance = &config.vrrp_instance[0];
    assert_eq!(instance.name, "front door");
    let tracked = instance.track_script.iter();
    let tracked: Vec<_> = tracked.map(|it| (it.script, it.weight.value())).collect();
    assert_eq!(tracked, [(0, 0), (2, 5), (1, -5)]);
}

/// A user's other groups are always set, so that asking for them changes nothing.
#[test]
fn a_colon_before_a_group_asks_for_what_is_there() {
    let text =
        "global_defs {\n script_user nobody :\n}\nvrrp_script s {\n script x\n user a :b\n}\n\
                vrrp_instance v {\n interface e\n virtual_router_id 1\n\
                virtual_ipaddress { 192.0.2.1 }\n notify /x a :b\n notify_stop \"/x 'y'\" c :\n}\n";
    let how = Reading::strict(Format::Keepalived);
    let (config, report) = read("f", text.as_bytes(), &how, &|_, _| {});
    let config = config.unwrap_or_else(|| panic!("{report}"));
    let user = |user: &Option<ScriptUser>| user.clone().map(|it| (it.user, it.group)).unwrap();
    let (a, b) = ("a".to_owned(), Some("b".to_owned()));
    assert_eq!(user(&config.global_defs.script_user), ("nobody".into(), None));
    assert_eq!(user(&config.vrrp_script[0].user), (a.clone(), b.clone()));
    let instance = &config.vrrp_instance[0];
    assert_eq!(user(&instance.notify.notify.as_ref().unwrap().user), (a, b));
    assert_eq!(user(&instance.notify.notify_stop.as_ref().unwrap().user), ("c".into(), None));
}

#[test]
fn defaults() {
    let text = "[vrrp_script.s]\nscript = 'x'\n[vrrp_instance.a]\ninterface = 'e'\n\
                virtual_router_id = 1\nvirtual_ipaddress = '192.0.2.1'\ntrack_script = 's'\n";
    let config = accepted(text);
    let script = &config.vrrp_script[0];
    let second = Duration::from_secs(1);
    assert_eq!((script.interval, script.timeout, script.start_delay), (second, second, second));
    assert_eq!((script.rise, script.fall, script.weight.value()), (1, 1, 0));
    assert_eq!((script.fault_hold, script.only_while), (Duration::from_secs(60), None));
    let instance = &config.vrrp_instance[0];
    assert_eq!((instance.priority, instance.advert_int), (Priority(100), Interval::SECOND));
    assert_eq!((instance.garp_master_delay, instance.garp_master_repeat), (5 * second, 5));
    assert_eq!((instance.garp_lower_prio_delay, instance.garp_lower_prio_repeat), (5 * second, 5));
    assert_eq!(
        (instance.garp_master_refresh, instance.garp_master_refresh_repeat),
        (Duration::ZERO, 1)
    );
    assert_eq!(
        (instance.notify.notify_timeout, instance.v3_checksum),
        (60 * second, V3Checksum::Auto)
    );
    assert!(instance.fast_handover && !instance.skip_check_adv_addr && !instance.nopreempt);
}

#[test]
fn global_defs_change_the_defaults_of_instances() {
    let instance = &accepted(&case("globals.toml")).vrrp_instance[0];
    let second = Duration::from_secs(1);
    assert_eq!((instance.version, instance.advert_int.centiseconds()), (Version::V3, 1));
    assert_eq!((instance.garp_master_delay, instance.garp_master_repeat), (second, 2));
    assert_eq!(
        (instance.garp_master_refresh, instance.garp_master_refresh_repeat),
        (60 * second, 3)
    );
    assert_eq!((instance.garp_lower_prio_delay, instance.garp_lower_prio_repeat), (second / 10, 0));
    assert!(instance.skip_check_adv_addr && !instance.fast_handover);
    assert_eq!(
        (instance.v3_checksum, instance.notify.notify_timeout),
        (V3Checksum::Rfc9568, 5 * second)
    );
}

/// A comment or an empty line more is no other configuration: a reload has nothing to do.
#[test]
fn a_configuration_that_only_moved_is_the_same() {
    let text = case("seed.toml");
    assert_eq!(accepted(&text), accepted(&format!("# moved\n\n{text}")));
    assert_ne!(accepted(&text), accepted(&text.replace("interval = 2", "interval = 3")));
}

#[test]
fn the_sample_is_accepted_and_names_every_keyword() {
    let sample = fs::read_to_string(root().join("conf/vipd.toml")).unwrap();
    let (config, report) = parse(&sample);
    assert!(config.is_some() && report.is_empty(), "{report}");
    for (section, word) in vipd::config::schema::keywords() {
        let there = sample.contains(&format!("{word} ")) || sample.contains(&format!("{word}="));
        assert!(there, "{section} {word} is not in the sample");
    }
}

/// The sample with every `#keyword = value` in it.
fn opened_sample() -> String {
    let sample = fs::read_to_string(root().join("conf/vipd.toml")).unwrap();
    let is_keyword = |line: &str| {
        let word = line.split(' ').next().unwrap_or_default();
        line.starts_with('[')
            || vipd::config::schema::keywords().any(|(_, keyword)| keyword == word)
    };
    let mut opened = 0;
    let all: String = sample
        .lines()
        .map(|line| match line.strip_prefix('#').filter(|rest| is_keyword(rest)) {
            Some(rest) => {
                opened += 1;
                format!("{rest}\n")
            }
            None => format!("{line}\n"),
        })
        .collect();
    assert!(opened > 30, "only {opened} lines were commented out");
    all
}

/// What is commented out is right, too, and the line above it tells no lie.
#[test]
fn what_is_commented_out_in_the_sample_is_accepted() {
    let all = opened_sample();
    let (config, report) = parse(&all);
    assert!(config.is_some(), "{report}\n{all}");
}

#[test]
fn bytes_that_are_no_text_have_a_place() {
    let (config, report) =
        read("f", b"# ok\nx = \"\xff\"\n", &Reading::strict(Format::Toml), &|_, _| {});
    assert!(config.is_none());
    assert_eq!(
        report.to_string(),
        "f:2:6: error: this is not UTF-8\n  2 | x = \"\u{fffd}\"\n    |      ^\n    = save the \
         file as UTF-8\n"
    );
    let seed = case("seed.toml");
    assert!(read("f", seed.as_bytes(), &Reading::strict(Format::Toml), &|_, _| {}).0.is_some());
}

/// Whatever the bytes are: no panic, and no configuration together with an error.
fn survives(bytes: &[u8], format: Format) {
    let (config, report) = read("f", bytes, &Reading::strict(format), &|_, _| {});
    assert_eq!(config.is_none(), report.has_errors());
    assert!(report.to_string().len() < 100_000);
}

#[test]
fn no_truncation_and_no_mutation_panics() {
    let all: Vec<_> =
        cases().iter().map(|(path, format)| (fs::read(path).unwrap(), *format)).collect();
    let begin = Instant::now();
    let mut runs = 0;
    for (text, format) in &all {
        // All of a small file; of a larger one so much that it takes no longer.
        let step = text.len().div_ceil(400).max(1);
        for end in (0..text.len()).step_by(step) {
            survives(&text[..end], *format);
            runs += 1;
        }
        for at in (0..text.len()).step_by(step) {
            let mut mutant = text.clone();
            for byte in b"\0\"'[]{}.=,#\n\\ 0-\xff" {
                mutant[at] = *byte;
                survives(&mutant, *format);
                runs += 1;
            }
            mutant.remove(at);
            survives(&mutant, *format);
            runs += 1;
        }
    }
    let each = begin.elapsed() / runs;
    assert!(each < Duration::from_millis(20), "{each:?} for each of {runs}");
}

#[test]
fn a_megabyte_of_anything_ends() {
    const SIZE: usize = 1 << 20;
    let begin = Instant::now();
    for piece in [
        "[", "{", "\"", "'", "]", "}", "=", "=\n", ".", "a.", "[a.", "x\n", "#", "\n", ",", "\\",
        "[[a]]\n", "a=[", "a={", "a={a.", "\"\"\"", "\u{feff}", "漢", "[a]\n", "\t", "\r",
    ] {
        let text = piece.repeat(SIZE / piece.len());
        survives(text.as_bytes(), Format::Toml);
        for before in ["x = ", "x = [", "x = {", "x = 1\nx = {", "[vrrp_instance.a]\nnotify = "] {
            survives(format!("{before}{text}").as_bytes(), Format::Toml);
        }
    }
    assert!(begin.elapsed() < Duration::from_secs(120), "{:?}", begin.elapsed());
}

/// As many keys as fit: a table in which every lookup is a search would take minutes.
#[test]
fn the_largest_configuration_is_read_quickly() {
    let mut text = String::new();
    for n in 0..1024 {
        text += &format!("[vrrp_script.s{n}]\nscript = 'x'\n");
    }
    for n in 0..4096 {
        let (vrid, interface, script) = (n % 255 + 1, n / 255, n % 1024);
        text += &format!(
            "[vrrp_instance.i{n}]\ninterface = 'eth{interface}'\nvirtual_router_id = {vrid}\n\
             virtual_ipaddress = ['10.{}.{}.1/24']\ntrack_script = ['s{script}']\n",
            n / 256,
            n % 256
        );
    }
    let begin = Instant::now();
    let (config, report) = parse(&text);
    assert!(config.is_some_and(|config| config.vrrp_instance.len() == 4096), "{report}");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());

    let one_more = "[vrrp_instance.more]\ninterface = 'e'\nvirtual_router_id = 1\n\
                    virtual_ipaddress = ['10.200.0.1']\n";
    let (config, report) = parse(&(text + one_more));
    assert!(config.is_none() && report.to_string().contains("more than 4096"), "{report}");
}

#[test]
fn an_instance_has_at_most_255_addresses_and_64_trackers() {
    let addresses: Vec<_> = (0..256).map(|n| format!("'10.0.{n}.1'")).collect();
    let names: Vec<_> = (0..65).map(|n| format!("'s{n}'")).collect();
    let scripts: String = (0..65).map(|n| format!("[vrrp_script.s{n}]\nscript = 'x'\n")).collect();
    let text = format!(
        "{scripts}[vrrp_instance.a]\ninterface = 'e'\nvirtual_router_id = 1\n\
         virtual_ipaddress = [{}]\ntrack_script = [{}]\n",
        addresses.join(", "),
        names.join(", ")
    );
    let (config, report) = parse(&text);
    let said = report.to_string();
    assert!(config.is_none() && report.error_count() == 2, "{said}");
    assert!(said.contains("more than 255 addresses") && said.contains("more than 64"), "{said}");
    let fits = text.replace(", '10.0.255.1'", "").replace(", 's64'", "");
    assert_eq!(accepted(&fits).vrrp_instance[0].virtual_ipaddress.len(), 255);
}

/// What a file of TOML with one virtual router is refused for.
fn refused(lines: &str) -> String {
    let text = format!(
        "[vrrp_instance.a]\ninterface = \"eth0\"\nvirtual_router_id = 5\nversion = 2\n{lines}\n"
    );
    let how = Reading::strict(Format::Toml);
    let (config, report) = read("f.toml", text.as_bytes(), &how, &|_, _| {});
    assert!(config.is_none(), "{text}");
    report.to_string()
}

#[test]
fn v3_065_there_is_an_address_at_least() {
    assert!(refused("").contains("vrrp_instance a has no virtual_ipaddress"), "{}", refused(""));
    let empty = refused("virtual_ipaddress = []");
    assert!(empty.contains("virtual_ipaddress is empty"), "{empty}");
}

#[test]
fn v2a_03_a_password_is_written_out_and_has_eight_octets_at_most() {
    let with = |password: &str| {
        refused(&format!(
            "virtual_ipaddress = [\"192.0.2.1/24\"]\nauthentication = {{ {password} }}"
        ))
    };
    let none = with("auth_type = \"PASS\"");
    assert!(none.contains("has no auth_pass"), "{none}");
    let long = with("auth_type = \"PASS\", auth_pass = \"nine-char\"");
    assert!(long.contains("auth_pass has 9 bytes; VRRPv2 carries 1 to 8"), "{long}");
    assert!(!long.contains("nine-char"), "{long}");
}
