//! `keepalived.conf` as the daemon's file: how it is chosen, judged and shared by routers, and what
//! `--lenient` does with it.

use crate::lab::process::Process;
use crate::lab::{poll, Host, Lab, SOON, VIP};
use crate::options::run;
use crate::scripts::status;
use crate::setup::{keepalived, toml, vipd, Pair, V3};
use std::path::{Path, PathBuf};

/// [`V3`] in the words of keepalived.
const FAST: &str = "version 3\nadvert_int 0.2";
/// Lines that give two routers their priorities.
const BY_ID: &str = "@r1 priority 150\n@r2 priority 100\n";

/// A file with one virtual router.
fn conf(lab: &Lab, name: &str, more: &str) -> PathBuf {
    lab.file(name, &keepalived(100, &format!("{FAST}\n{more}")))
}

/// A file for two routers, `r1` and `r2`; the first is preferred.
fn shared_conf(lab: &Lab) -> PathBuf {
    let text = keepalived(100, FAST).replace("priority 100\n", BY_ID);
    assert!(text.contains(BY_ID));
    lab.file("keepalived.conf", &text)
}

/// Runs `vipd OPTIONS -f FILE`.
pub fn judge(options: &[&str], file: &Path) -> (i32, String) {
    let file = file.display().to_string();
    let (code, out, err) = run(&[options, &["-f", &file]].concat());
    assert_eq!(out, "", "{options:?}");
    (code, err)
}

/// Starts a vipd in a host whose name is its own as well.
fn start_named(lab: &Lab, host: &Host, name: &str, file: &Path) -> Process {
    let shell = format!("echo {name} > /proc/sys/kernel/hostname && exec \"$@\"");
    let mut command = host.namespace.command(Path::new("unshare"));
    command.args(["--uts", "sh", "-c", &shell, "sh"]).arg(vipd()).arg("-n").arg("-f").arg(file);
    command.arg("-r").arg(lab.directory().join(format!("run-{}", host.name)));
    lab.spawn(&host.name, command)
}

/// Waits until `strong` is MASTER, and `weak` knows that it is.
#[track_caller]
fn wait_elected(pair: &Pair, strong: (&Host, &Process), weak: (&Host, &Process)) {
    strong.1.wait_log("vip: BACKUP -> MASTER", SOON);
    let follows = format!("priority 100 of 100, MASTER is {} with 150", strong.0.address);
    poll(SOON, "the weaker one follows", || status(weak.1, "vip: ").contains(&follows));
    assert!(status(strong.1, "vip: ").contains("MASTER for"));
    pair.lab.wait_holder(strong.0, SOON);
}

#[test]
fn the_name_of_the_file_or_an_option_tells_the_syntax() {
    let lab = Lab::new();
    let (ours, theirs) = (toml(100, V3), keepalived(100, FAST));
    let options = |format: &'static str| ["-T", "-F", format];
    for (name, text, format) in [
        ("vipd.toml", &ours, "toml"),
        ("keepalived.conf", &theirs, "keepalived"),
        ("no-ending", &theirs, "keepalived"),
    ] {
        let file = lab.file(name, text);
        assert_eq!(judge(&["-T"], &file), (0, String::new()), "{name}");
        let other = if format == "toml" { "keepalived" } else { "toml" };
        let (code, said) = judge(&options(other), &file);
        assert!(code == 78 && said.contains(&format!("{name}:1:")), "{name}: {code}: {said}");
        let odd = lab.file("odd.toml", text);
        let odd = if format == "toml" { lab.file("odd.conf", text) } else { odd };
        assert_eq!(judge(&["-T"], &odd).0, 78, "{name}");
        assert_eq!(judge(&options(format), &odd), (0, String::new()), "{name}");
        assert_eq!(judge(&["-T", "--format", format], &odd).0, 0, "{name}");
    }
}

#[test]
fn the_option_is_heeded_by_the_daemon() {
    let lab = Lab::new();
    let (a, file) = (lab.host("a", "10.77.0.1/24"), conf(&lab, "odd.toml", ""));
    let process = lab.vipd_of(vipd(), &a, &file, &["-F", "keepalived"]);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    lab.wait_holder(&a, SOON);
}

/// As the text says, and as a start here would.
#[test]
fn what_is_missing_here_is_an_error_of_a_start_alone() {
    let lab = Lab::new();
    let missing = "notify /no/such/script";
    let file = conf(&lab, "keepalived.conf", missing);
    let place = format!("{}:10:8: error: cannot run /no/such/script: ", file.display());
    for options in [&["-t"][..], &["-n"], &["-t", "--lenient"], &["-n", "--lenient"]] {
        let (code, said) = judge(options, &file);
        assert!(code == 78 && said.contains(&place), "{options:?}: {code}: {said}");
    }
    assert_eq!(judge(&["-T"], &file), (0, String::new()));

    let text = keepalived(100, FAST).replace("eth0", "no-such-if0");
    let file = lab.file("keepalived.conf", &text);
    let (code, said) = judge(&["-t"], &file);
    let place = format!("{}:2:11: warning: there is no interface no-such-if0", file.display());
    assert!(code == 0 && said.contains(&place), "{code}: {said}");
    assert_eq!(judge(&["-T"], &file), (0, String::new()));
}

#[test]
fn what_is_wrong_or_cannot_be_read_is_78() {
    let lab = Lab::new();
    let open = lab.file("open.conf", "vrrp_instance vip {\ninterface eth0\n");
    let typo = conf(&lab, "typo.conf", "prioritty 5");
    let garbage = lab.directory().join("garbage.conf");
    std::fs::write(&garbage, b"vrrp_instance a {\ninterface \xff\n}\n").expect("a file of the lab");
    let missing = lab.directory().join("missing.conf");
    for (file, says) in [
        (&open, format!("{}:1:1: error: a }} is missing", open.display())),
        (&typo, format!("{}:10:1: error: unknown word \"prioritty\"", typo.display())),
        (&garbage, format!("{}:2:11: error: interface has a character", garbage.display())),
        (&missing, format!("vipd: cannot read {}: No such file", missing.display())),
        (&lab.directory().to_owned(), "Is a directory".to_owned()),
    ] {
        for option in ["-t", "-T", "-n"] {
            let (code, said) = judge(&[option], file);
            assert!(code == 78 && said.contains(&says), "{option}: {code}: {said}, not {says}");
        }
    }
}

#[test]
fn what_is_wrong_is_refused_and_with_lenient_skipped_and_told() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let file = conf(&lab, "keepalived.conf", "colour blue\ngarp_master_delay soon");
    let name = file.display();
    for option in ["-t", "-T", "-n"] {
        let (code, said) = judge(&[option], &file);
        assert_eq!(code, 78, "{said}");
        assert!(said.contains(&format!("{name}:10:1: error: unknown word \"colour\"")), "{said}");
        assert!(said.contains(&format!("{name}:11:19: error: ")), "{said}");
    }
    let skipped = [
        format!("{name}:10:1: warning: skipped: unknown word \"colour\""),
        format!("{name}:11:19: warning: skipped: "),
    ];
    for option in ["-t", "-T"] {
        let (code, said) = judge(&[option, "--lenient"], &file);
        assert!(code == 0 && skipped.iter().all(|text| said.contains(text)), "{code}: {said}");
    }

    let process = lab.vipd_of(vipd(), &a, &file, &["--lenient"]);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    lab.wait_holder(&a, SOON);
    let all = format!("{name} is used without what is wrong in it (--lenient): 2 skipped");
    let log: Vec<String> = process.log().into_iter().map(|line| line.text).collect();
    let at = |text: &str| {
        let found = log.iter().position(|line| line.contains(text) && line.contains(" warning "));
        found.unwrap_or_else(|| panic!("no warning \"{text}\" in {log:#?}"))
    };
    let [first, second] = skipped.each_ref().map(|text| at(text));
    let summary = at(&format!("{all}, see the warnings above"));
    assert!(first < second && second < summary, "{log:#?}");
    assert!(log[summary + 1].contains(" starts"), "{log:#?}");
    assert!(status(&process, &name.to_string()).ends_with(&format!("status: {all}")));
}

#[test]
fn where_nothing_is_skipped_nothing_is_told() {
    let lab = Lab::new();
    let (a, file) = (lab.host("a", "10.77.0.1/24"), conf(&lab, "keepalived.conf", ""));
    let process = lab.vipd_of(vipd(), &a, &file, &["--lenient"]);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    status(&process, "vip: ");
    assert!(process.lines("lenient").is_empty() && process.lines("skipped").is_empty());
}

/// It is the id that counts, and not which host it is.
#[test]
fn two_routers_share_a_file_by_their_ids() {
    let pair = Pair::new();
    let file = shared_conf(&pair.lab);
    let start = |host: &Host, id: &str| {
        let process = pair.lab.vipd_of(vipd(), host, &file, &["-i", id]);
        process.wait_log("vip: INIT -> BACKUP", SOON);
        process
    };
    let (a, b) = (start(&pair.a, "r1"), start(&pair.b, "r2"));
    wait_elected(&pair, (&pair.a, &a), (&pair.b, &b));
    for process in [&a, &b] {
        process.signal("TERM");
        assert!(process.wait_end(SOON).success());
    }
    let (a, b) = (start(&pair.a, "r2"), start(&pair.b, "r1"));
    wait_elected(&pair, (&pair.b, &b), (&pair.a, &a));
    b.kill();
    a.wait_log_after(0, "vip: BACKUP -> MASTER: no advert from 10.77.0.2", SOON);
    let b = start(&pair.b, "r1");
    wait_elected(&pair, (&pair.b, &b), (&pair.a, &a));
    // For a router that is not in the file the priority is the one that nobody has set.
    let (code, said) = judge(&["-T", "--config-id", "r3"], &file);
    assert_eq!((code, said.as_str()), (0, ""));
}

/// What stands behind the first dot of a name is none of it.
#[test]
fn without_an_id_the_name_of_the_host_counts() {
    let pair = Pair::new();
    let file = shared_conf(&pair.lab);
    let b = start_named(&pair.lab, &pair.b, "r1.example.org", &file);
    let a = start_named(&pair.lab, &pair.a, "r2", &file);
    wait_elected(&pair, (&pair.b, &b), (&pair.a, &a));
}

#[test]
fn included_files_are_read_and_named() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    std::fs::create_dir(lab.directory().join("conf.d")).expect("a directory of the lab");
    let file = lab.file("keepalived.conf", "include conf.d/*.conf\n");
    let one = conf(&lab, "conf.d/one.conf", "track_script {\nchk\n}");
    lab.file("conf.d/two.conf", "vrrp_script chk {\nscript true\ninterval 1\n}\n");
    let process = lab.vipd_of(vipd(), &a, &file, &[]);
    process.wait_log("check chk: exit 0", SOON);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    lab.wait_holder(&a, SOON);

    conf(&lab, "conf.d/one.conf", "colour blue");
    for option in ["-t", "-n"] {
        let (code, said) = judge(&[option], &file);
        let place = format!("{}:10:1: error: unknown word \"colour\"", one.display());
        assert!(code == 78 && said.contains(&place), "{option}: {code}: {said}");
    }
    let file = lab.file("strict.conf", "includea none.conf\n");
    let (code, said) = judge(&["-t"], &file);
    assert!(code == 78 && said.contains("none.conf"), "{code}: {said}");
    assert!(a.holds(VIP), "whoever runs is not concerned");
}
