//! Options, exit codes, and what is said of a configuration. No network is needed for these.

use crate::lab::Lab;
use crate::setup::{toml, vipd, V3};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Runs vipd to its end: exit code, standard output, standard error. Should it go on, against what
/// the test expects, then not for ever, and not in the network of this machine.
pub fn run(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new("unshare");
    command.args(["--net", "timeout", "20"]).arg(vipd()).args(arguments);
    let output = command.output().expect("vipd can be run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("an exit code"), text(&output.stdout), text(&output.stderr))
}

/// A file with this configuration.
fn file(lab: &Lab, text: &str) -> String {
    lab.file("vipd.toml", text).display().to_string()
}

#[test]
fn help_and_version() {
    for option in ["-h", "--help"] {
        let (code, out, err) = run(&[option]);
        assert!(code == 0 && out.starts_with("Usage: vipd ") && err.is_empty(), "{out}{err}");
        assert!(out.contains("--config-test"));
    }
    for option in ["-V", "--version"] {
        let version = format!("vipd {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(run(&[option]), (0, version, String::new()));
    }
}

#[test]
fn wrong_usage_is_64() {
    let lab = Lab::new();
    let good = file(&lab, &toml(100, V3));
    for (arguments, says) in [
        (&["-x"][..], "vipd: Unrecognized option: 'x'"),
        (&["--no-such-option"], "no-such-option"),
        (&["-f"], "Argument to option 'f' missing"),
        (&["start"], "vipd: unexpected argument \"start\""),
        (&["-n", "-f", &good, "and", "more"], "vipd: unexpected argument \"and\""),
        (&["-t", "-f", &good, "-F", "yaml"], "vipd: unknown format \"yaml\""),
        (&["-n", "-f", &good, "-l", "printer"], "vipd: unknown log \"printer\""),
    ] {
        let (code, out, err) = run(arguments);
        assert!(code == 64 && err.contains(says) && out.is_empty(), "{arguments:?}: {code} {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
}

#[test]
fn a_good_configuration_passes_and_an_absent_interface_is_a_warning() {
    let lab = Lab::new();
    let text = toml(100, V3).replace("eth0", "no-such-if0");
    let good = file(&lab, &text);
    let (code, out, err) = run(&["-t", "-f", &good]);
    assert_eq!((code, out.as_str()), (0, ""));
    let says = format!("{good}:2:13: warning: there is no interface no-such-if0 here");
    assert!(err.contains(&says), "{err}");
    assert_eq!(run(&["-T", "-f", &good]), (0, String::new(), String::new()));
    let good = file(&lab, &text.replace("/24\"]", "/24 dev no-such-if1 scope link\"]"));
    let (_, _, err) = run(&["-t", "-f", &good]);
    let says = format!("{good}:5:42: warning: there is no interface no-such-if1 here");
    assert!(err.contains(&says), "{err}");
}

/// A start, `-t` and `-T` of each: message, with its place, and exit code.
#[test]
fn what_the_host_lacks_is_78_and_the_text_alone_passes() {
    let lab = Lab::new();
    let script = lab.script("open.sh", "#!/bin/sh\n");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o777)).expect("ours");
    let plain = lab.file("plain.sh", "#!/bin/sh\n").display().to_string();
    let script = script.display().to_string();
    let check = |script: &str, more: &str| {
        format!("track_script = [\"c\"]\n[vrrp_script.c]\n{more}script = '{script}'")
    };
    let place = lab.directory().join("vipd.toml").display().to_string();
    for (more, line, says) in [
        (check("/no/such/script", ""), 10, "10: error: cannot run /no/such/script: No such file"),
        (check("no-such-program -x", ""), 10, "10: error: there is no program \"no-such-program\""),
        (check(&script, ""), 10, "can be written by everybody; try chmod o-w"),
        (check(&plain, ""), 10, "it is not executable; try chmod +x"),
        (
            check("true", "user = 'no-such-user'\n"),
            10,
            "8: error: there is no user \"no-such-user\"",
        ),
        (format!("notify = '{script}'"), 8, "10: error: "),
        ("notify_stop = '/no/such | true'".to_owned(), 8, "15: error: cannot run /no/such: "),
        (
            "notify = { script = 'true', user = 'no-such-user' }".to_owned(),
            8,
            "36: error: there is no user \"no-such-user\" here",
        ),
        (
            "notify = { user = 'root', script = '/no/such' }".to_owned(),
            8,
            "36: error: cannot run /no/such: ",
        ),
        // Not the harmless user of all others is asked, but the command's own.
        (
            format!(
                "notify = {{ script = '{script}', user = 'root' }}\n\
                 [global_defs]\nscript_user = 'nobody'"
            ),
            8,
            "can be written by everybody; try chmod o-w",
        ),
    ] {
        let bad = file(&lab, &toml(100, &format!("{V3}\n{more}")));
        let place = format!("{place}:{line}:");
        for option in ["-t", "-n"] {
            let (code, out, err) = run(&[option, "-f", &bad]);
            assert!(code == 78 && out.is_empty(), "{option} {more}: {code} {err}");
            assert!(err.contains(&place) && err.contains(says), "{option} {more}: {err}");
        }
        let (code, _, err) = run(&["-T", "-f", &bad]);
        assert!(code == 0 && !err.contains("error"), "{more}: {code} {err}");
    }
}

#[test]
fn what_cannot_be_read_is_78() {
    let lab = Lab::new();
    let directory = lab.directory().display().to_string();
    let garbage = lab.directory().join("garbage.toml");
    std::fs::write(&garbage, b"\xff\xfe\x00").expect("a file of the lab");
    let garbage = garbage.display().to_string();
    let missing = format!("{directory}/none.toml");
    for (file, says) in [
        (&missing, format!("vipd: cannot read {missing}: No such file or directory")),
        (&directory, format!("vipd: cannot read {directory}: Is a directory")),
        (&garbage, format!("{garbage}:1:1: error: ")),
    ] {
        for option in ["-t", "-T", "-n"] {
            let (code, out, err) = run(&[option, "-f", file]);
            assert!(code == 78 && out.is_empty() && err.contains(&says), "{option} {file}: {err}");
        }
    }
}

/// In the text, in what belongs together, and on this host: all of it, in one go.
#[test]
fn all_errors_are_shown_at_once() {
    let lab = Lab::new();
    let bad = file(
        &lab,
        "[vrrp_script.c]\nscript = '/no/such/script'\nintervall = 2\n\
         [vrrp_instance.vip]\ninterface = \"eth0\"\nvirtual_router_id = 256\npriority = \"high\"\n\
         virtual_ipaddress = [\"10.0.0.300\"]\ntrack_script = [\"d\"]\n\
         [vrrp_instance.other]\ninterface = \"eth0\"\nvirtual_router_id = 2\n\
         virtual_ipaddress = [\"10.0.0.3\"]\nnotify = '/no/such/notify'\n",
    );
    for option in ["-t", "-n"] {
        let (code, _, err) = run(&[option, "-f", &bad]);
        assert_eq!(code, 78);
        let all = [
            (2, "cannot run /no/such/script"),
            (3, "unknown word \"intervall\""),
            (6, "virtual_router_id must be"),
            (7, "priority must be"),
            (8, "10.0.0.300"),
            (9, "\"d\""),
            (14, "cannot run /no/such/notify"),
        ];
        let mut at = 0;
        for (line, says) in all {
            let place = format!("{bad}:{line}:");
            let here = err.lines().position(|l| l.starts_with(&place) && l.contains(says));
            let here = here.unwrap_or_else(|| panic!("{option}: no {place} {says} in\n{err}"));
            assert!(here >= at, "in the order of the file: {err}");
            at = here;
        }
    }
}
