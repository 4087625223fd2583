//! `vipctl convert`: what it writes, and that nothing is lost.
//!
//! Each `converted/NAME` becomes `converted/NAME.to.toml` and `NAME.to.uci`. `UPDATE=1` writes these
//! anew; read the difference before you commit it.

use super::{accepted, parse, root};
use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use vipd::config::convert::{convert, Target};
use vipd::config::{read, read_tree, Config, Format, Reading};

/// The texts of the cases in TOML, with their names.
fn cases() -> Vec<(String, String)> {
    let files = fs::read_dir(root().join("tests/config/cases")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut cases: Vec<_> = names
        .filter(|name| name.ends_with(".toml"))
        .map(|name| (name.clone(), super::case(&name)))
        .collect();
    cases.sort();
    assert!(cases.len() > 25, "only {} cases", cases.len());
    cases
}

/// The text, whatever is wrong with the file, if its syntax is not.
fn converted(text: &str, to: Target) -> Option<String> {
    convert("f", text.as_bytes(), &Reading::strict(Format::Toml), to).0
}

fn to_toml(text: &str) -> String {
    converted(text, Target::Toml).unwrap_or_else(|| panic!("no TOML:\n{text}"))
}

/// Converting again what was written changes nothing.
fn stable(text: &str, to: Target) {
    let how = Reading::strict(format_of(to));
    let (again, report) = convert("f", text.as_bytes(), &how, to);
    assert_eq!(again.unwrap_or_else(|| panic!("{report}\n{text}")), text, "not stable");
}

fn format_of(to: Target) -> Format {
    match to {
        Target::Toml => Format::Toml,
        Target::Uci => Format::Uci,
    }
}

/// What was written says the same, but for what UCI cannot say. Returns whether that was nothing.
fn same(text: &str, format: Format, config: &Config) -> bool {
    let mut whole = true;
    for (_, to) in Target::NAMES {
        let (out, told) = convert("f", text.as_bytes(), &Reading::strict(format), to);
        let out = out.unwrap_or_else(|| panic!("{told}\n{text}"));
        stable(&out, to);
        if told.has_errors() && to == Target::Uci {
            assert!(told.errors().all(|e| e.message.contains(": in UCI ")), "{told}\n{text}");
            whole = false;
            continue;
        }
        let (read, report) = read("f", out.as_bytes(), &Reading::strict(format_of(to)), &|_, _| {});
        let read = read.unwrap_or_else(|| panic!("{text}\n--- became\n{out}\n{report}"));
        assert_eq!(read, *config, "{text}\n--- became\n{out}");
    }
    whole
}

#[test]
fn every_accepted_case_says_the_same() {
    let (mut toml, mut uci, mut in_uci) = (0, 0, 0);
    for (path, format) in super::cases() {
        // Some are no text at all.
        let Ok(text) = fs::read_to_string(path) else {
            continue;
        };
        let (config, _) = read("f", text.as_bytes(), &Reading::strict(format), &|_, _| {});
        if let Some(config) = config.filter(|config| !config.vrrp_instance.is_empty()) {
            in_uci += usize::from(same(&text, format, &config));
            *(if format == Format::Uci { &mut uci } else { &mut toml }) += 1;
        }
    }
    assert!(toml >= 8 && uci >= 3, "only {toml} and {uci} cases were accepted");
    assert!(in_uci + 3 >= toml + uci, "only {in_uci} can be said in UCI");
    let sample = super::opened_sample();
    same(&sample, Format::Toml, &accepted(&sample));
}

fn differs(path: &Path, to: Target, name: &str) -> Option<String> {
    let bytes = fs::read(path).unwrap();
    let format = Format::of_file(path.to_str().unwrap());
    let (text, report) = convert("f", &bytes, &Reading::strict(format), to);
    let text = text.unwrap_or_else(|| panic!("{report}"));
    let expected = format!("{}.to.{name}", path.display());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&expected, &text).unwrap();
    }
    let wanted = fs::read_to_string(&expected).unwrap_or_default();
    stable(&text, to);
    (text != wanted).then(|| format!("--- {expected}:\n{wanted}--- but was:\n{text}"))
}

#[test]
fn files_with_comments_everywhere_are_converted_as_written() {
    let files = ["everything.conf", "comments.toml"];
    let paths = files.map(|name| root().join("tests/config/converted").join(name));
    let differences: Vec<_> = paths
        .iter()
        .flat_map(|path| Target::NAMES.map(|(name, to)| differs(path, to, name)))
        .flatten()
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// What could not be carried over is a comment, so that the rest is right.
#[test]
fn every_case_becomes_something_without_errors() {
    for (name, text) in cases() {
        let Some(toml) = converted(&text, Target::Toml) else { continue };
        assert_eq!(to_toml(&toml), toml, "{name}");
        let (_, report) = parse(&toml);
        let mut errors = report.errors().map(|error| &error.message);
        // Who runs a script stays wrong.
        let may_stay = |message: &str| {
            message.starts_with("there is no vrrp_instance:") || message.contains("user must be")
        };
        assert!(errors.all(|message| may_stay(message)), "{name}:\n{toml}\n{report}");
    }
}

/// A script must never run as somebody else than it was meant to, least of all as root.
#[test]
fn who_runs_a_script_is_never_left_out() {
    let seed = super::case("seed.toml");
    for (before, after) in [
        ("interval = 2", "interval = 2\nuser = 'a b c'"),
        ("[vrrp_script", "[global_defs]\nscript_user = 3\n[vrrp_script"),
        ("notify  ", "notify_master = { script = '/bin/x', user = 'a b c' }\nnotify  "),
    ] {
        let text = seed.replacen(before, after, 1);
        assert_ne!(text, seed);
        for lenient in [false, true] {
            let how = Reading { lenient, ..Reading::strict(Format::Toml) };
            let (toml, report) = convert("f", text.as_bytes(), &how, Target::Toml);
            let toml = toml.unwrap();
            match parse(&toml).0 {
                Some(config) => {
                    assert_eq!(config.vrrp_instance[0].notify.notify_master, None, "{toml}")
                }
                None => assert!(report.has_errors() && !before.starts_with("notify"), "{report}"),
            }
        }
    }
}

/// What is odd, and is taken.
#[test]
fn what_is_but_a_warning_is_carried_over() {
    let text = "vrrp_instance a {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n  \
                192.0.2.0/24\n  192.0.2.1/24 dev lo\n }\n}\n";
    let how = Reading::strict(Format::Keepalived);
    let (toml, report) = convert("f", text.as_bytes(), &how, Target::Toml);
    assert!(!report.has_errors() && report.warning_count() == 2, "{report}");
    assert_eq!(accepted(&toml.unwrap()).vrrp_instance[0].virtual_ipaddress.len(), 2);
}

#[test]
fn a_password_of_what_is_left_out_is_not_shown() {
    for text in [
        "[vrrp_instance.a]\nversion = 3\nauthentication = { auth_type = 'PASS', auth_pass = 'xyzzy' }",
        "[vrrp_instance.a]\nauth_pas = 'xyzzy'",
        "[vrrp_instance.a]\nauthentication = { auth_pass = 'xyzzy'\n}",
        "auth_pass = 'xyzzy'",
        "[authentcation]\nauth_pass = 'xyzzy'",
    ] {
        for (_, to) in Target::NAMES {
            let out = converted(text, to).unwrap();
            assert!(out.contains("auth") && !out.contains("xyzzy"), "{out}");
        }
    }
}

/// xorshift64*: the same numbers each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    fn text(&mut self, alphabet: &[char], most: usize) -> String {
        let len = 1 + self.below(most);
        (0..len).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }
}

/// A string of TOML in which every character is an escape.
fn escaped(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars() {
        write!(out, "\\U{:08x}", u32::from(char)).unwrap();
    }
    out + "\""
}

#[test]
fn strange_names_and_strings_stay_what_they_are() {
    const NAME: &[char] =
        &['a', ' ', 'B', '0', '_', '-', '.', '#', '\\', '[', ']', '=', 'ä', '漢', ','];
    const TEXT: &[char] = &[
        'a',
        ' ',
        '"',
        '\'',
        '\\',
        '\n',
        '\t',
        '\r',
        '#',
        '{',
        '}',
        '[',
        ']',
        '=',
        ',',
        '$',
        'n',
        'u',
        'ä',
        '漢',
        '\u{1}',
        '\u{7f}',
        '\u{85}',
        '\u{2028}',
        '\u{feff}',
        '\u{1f600}',
    ];
    let (mut random, mut in_uci) = (Random(17), 0);
    for _ in 0..3000 {
        // A name may have blanks, but not around it.
        let name = |random: &mut Random| format!("n{}_", random.text(NAME, 6));
        let check = name(&mut random);
        let script = format!("x{}", random.text(TEXT, 12));
        let mut words = vec!["/bin/x".to_owned()];
        for _ in 0..random.below(4) {
            words.push(random.text(TEXT, 8));
        }
        let words: Vec<_> = words.iter().map(|word| escaped(word)).collect();
        let text = format!(
            "[vrrp_script.{name}]\nscript = {script}\n[vrrp_instance.{}]\ninterface = {}\n\
             virtual_router_id = 1\nvirtual_ipaddress = '192.0.2.1'\ntrack_script = [{name}]\n\
             {user}notify = [{}]\nnotify_stop = {}\n",
            escaped(&name(&mut random)),
            escaped(&format!("e{}", random.text(&['0', '#', '\\', '"', 'ä'], 5))),
            words.join(", "),
            escaped(&format!("y{}", random.text(&['\n', '\'', 'a', '\\', '"'], 12))),
            name = escaped(&check),
            script = escaped(&script),
            // UCI cannot say this.
            user = if random.below(8) > 0 {
                String::new()
            } else {
                format!("notify_master = {{ script = {}, user = 'nobody' }}\n", escaped(&script))
            },
        );
        in_uci += usize::from(same(&text, Format::Toml, &accepted(&text)));
    }
    assert!(in_uci > 2000, "only {in_uci} can be said in UCI");
}

/// Comments at the end of random lines, and between them.
fn with_comments(text: &str, random: &mut Random) -> String {
    let mut mixed = String::new();
    for (number, line) in text.lines().enumerate() {
        mixed += line;
        match random.below(6) {
            0 => mixed += &format!(" # <{number}>"),
            1 => mixed += &format!("\n# <{number}>"),
            2 => mixed += &format!("\n\n#<{number}>\n"),
            _ => {}
        }
        mixed += "\n";
    }
    mixed
}

/// Each comment is there once, and the second conversion changes nothing. Returns their number.
fn keeps_comments(text: &str, format: Format) -> usize {
    let how = Reading::strict(format);
    let (Some(tree), _) = read_tree("f", text.as_bytes(), &how) else {
        return 0;
    };
    let mut comments: Vec<_> = tree.comments.iter().map(|comment| &comment.text).collect();
    comments.retain(|text| text.starts_with('<') && text.ends_with('>'));
    for (_, to) in Target::NAMES {
        let out = convert("f", text.as_bytes(), &how, to).0.unwrap();
        for comment in &comments {
            let times = out.matches(&format!("# {comment}\n")).count();
            assert_eq!(times, 1, "{comment}:\n{text}\n--- became\n{out}");
        }
        stable(&out, to);
    }
    comments.len()
}

#[test]
fn no_comment_is_lost_or_doubled() {
    let mut random = Random(4);
    let mut toml = 0;
    for (_, text) in cases() {
        for _ in 0..20 {
            toml += keeps_comments(&with_comments(&text, &mut random), Format::Toml);
        }
    }
    let path = root().join("tests/config/converted/everything.conf");
    let text = fs::read_to_string(path).unwrap();
    let mut keepalived = 0;
    for _ in 0..200 {
        keepalived += keeps_comments(&with_comments(&text, &mut random), Format::Keepalived);
    }
    assert!(toml > 2500 && keepalived > 2500, "only {toml} and {keepalived} comments");
}

/// As many comments and left-outs as fit must not take minutes.
#[test]
fn a_large_file_is_converted_quickly() {
    let mut text = String::new();
    for n in 0..4000 {
        let (vrid, interface) = (n % 255 + 1, n / 255);
        writeln!(
            text,
            "# {n}\n[vrrp_instance.i{n}] # {n}\n# {n}\ninterface = 'eth{interface}'\n\
             virtual_router_id = {vrid} # {n}\nvirtual_ipaddress = ['10.{}.{}.1/24']\nx = {n}\n# {n}\n",
            n / 256,
            n % 256
        )
        .unwrap();
    }
    text += &"# more\n\n".repeat(100_000);
    let begin = std::time::Instant::now();
    let toml = to_toml(&text);
    assert!(toml.len() > text.len() && toml.matches("unknown word").count() == 4000);
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}

fn vipctl(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vipd"));
    command.arg0("/usr/sbin/vipctl").args(arguments);
    command
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = vipctl(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn file(name: &str, text: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_client_is_told_by_its_name() {
    let seed = super::case("seed.toml");
    let right = file("convert-right.toml", &seed);
    let (code, out, said) = run(&["convert", &right]);
    assert_eq!((code, out), (Some(0), to_toml(&seed)));
    assert!(said.contains("warning: weight 20"), "{said}");
    let (code, out, _) = run(&["convert", "--to", "uci", &right]);
    assert!(code == Some(0) && out.starts_with("config vrrp_script 'chk_haproxy'\n"), "{out}");

    let wrong = file("convert-wrong.toml", &format!("{seed}\nintrface = 1\n"));
    let (code, out, said) = run(&["convert", &wrong]);
    assert!(code == Some(78) && out.contains("\n# intrface = 1: unknown word"), "{out}");
    assert!(said.contains("error: unknown word \"intrface\""), "{said}");
    let (code, lenient, said) = run(&["convert", &wrong, "--lenient"]);
    assert_eq!((code, &lenient), (Some(0), &out));
    assert!(said.contains("warning: skipped: unknown word \"intrface\""), "{said}");

    let broken = file("convert-broken.toml", "[x");
    let (code, out, said) = run(&["convert", &broken]);
    assert!(code == Some(78) && out.is_empty() && said.contains("1:3: error:"), "{said}");
    let (code, _, said) = run(&["convert", "/nowhere/x.toml"]);
    assert!(code == Some(78) && said.starts_with("vipctl: cannot read /nowhere/x.toml"), "{said}");
}

#[test]
fn wrong_arguments_of_the_client_are_told() {
    for (arguments, message) in [
        (&["stats"][..], "there is no command \"stats\"; did you mean status?; see vipctl -h"),
        (&["convert"], "convert needs FILE; see vipctl -h"),
        (&["notify", "vip"], "notify needs STATE; see vipctl -h"),
        (&["status", "a", "b"], "unexpected argument \"b\"; see vipctl -h"),
        (&["convert", "a", "b"], "unexpected argument \"b\"; see vipctl -h"),
        (
            &["convert", "a", "--to", "keepalived"],
            "unknown format \"keepalived\"; there are: toml, uci",
        ),
        (&["convert", "a", "-F", "x"], "unknown format \"x\"; there are: toml, keepalived, uci"),
        (&["convert", "-x"], "convert: Unrecognized option: 'x'; see vipctl -h"),
        (&["-x"], "Unrecognized option: 'x'; see vipctl -h"),
    ] {
        let (code, out, said) = run(arguments);
        assert_eq!((code, out), (Some(64), String::new()), "{arguments:?}");
        assert_eq!(said, format!("vipctl: {message}\n"));
    }
    for arguments in [&[][..], &["xyzzyx"]] {
        let (code, _, said) = run(arguments);
        assert!(code == Some(64) && said.contains("; there are: status, "), "{said}");
    }
    assert_eq!(run(&["-V"]).1, concat!("vipctl ", env!("CARGO_PKG_VERSION"), "\n"));
}

/// `vipctl convert FILE | head -1`
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let comments = file("convert-long.toml", &"# a comment\n".repeat(100_000));
    let mut child = vipctl(&["convert", "--lenient", &comments])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 12];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code().is_some() && !said.contains("panic"), "{said}");
    assert_eq!(&first, b"# a comment\n");
}
