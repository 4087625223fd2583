//! `vipctl` and the control socket: what is asked is answered, and by whom it may be asked.

use crate::lab::{poll, Lab, SOON};
use crate::setup::{toml, vipd, Pair, V3};
use crate::vipctl::{said, Said, Vipctl};
use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use tinyjson::JsonValue;

/// The names of all fields, with those that they are in: `instances[].master.address`.
fn fields(value: &JsonValue, prefix: &str, out: &mut BTreeSet<String>) {
    match value {
        JsonValue::Object(all) => {
            for (key, value) in all {
                let name = format!("{prefix}{key}");
                fields(value, &format!("{name}."), out);
                out.insert(name);
            }
        }
        JsonValue::Array(all) => {
            let inner = format!("{}[].", prefix.trim_end_matches('.'));
            all.iter().for_each(|value| fields(value, &inner, out));
        }
        _ => {}
    }
}

fn all_fields(value: &JsonValue) -> Vec<String> {
    let mut out = BTreeSet::new();
    fields(value, "", &mut out);
    out.into_iter().collect()
}

fn text<'a>(value: &'a JsonValue, path: &[&str]) -> &'a str {
    let mut value = value;
    for key in path {
        value = match key.parse::<usize>() {
            Ok(index) => &value[index],
            Err(_) => &value[*key],
        };
    }
    value.get::<String>().map_or("", String::as_str)
}

/// With a script of each kind.
fn rich(lab: &Lab) -> String {
    let script = lab.script("notify.sh", "#!/bin/sh\necho told $3 of $2; test $3 != FAULT");
    let check = "[vrrp_script.chk]\nscript = [\"echo\", \"fine\"]\ninterval = 0.2\n\
                 [vrrp_script.broken]\nscript = [\"sh\", \"-c\", \"echo no; echo good; exit 3\"]\n\
                 interval = 0.2\n[vrrp_script.slow]\nscript = \"sleep 60\"\ninterval = 1\n";
    let more = format!(
        "{V3}\ntrack_script = [\"chk\", {{ name = \"broken\", weight = -20 }}]\nnotify = {:?}",
        script.display().to_string()
    );
    let second = "[vrrp_instance.vip2]\ninterface = \"eth0\"\nvirtual_router_id = 52\n\
                  virtual_ipaddress = [\"10.77.0.101/24\"]\nversion = 3\nadvert_int = 0.2\n\
                  [vrrp_sync_group.pair]\ngroup = [\"vip\", \"vip2\"]\n\
                  sync_group_tracking_weight = true\n";
    format!("{}{check}{second}", toml(150, &more))
}

/// The names that others rely on: whoever changes one has to mean it, and say so in CHANGELOG.md.
const STATUS_FIELDS: &str = include_str!("status_fields.txt");

#[test]
fn what_is_asked_is_answered() {
    let pair = Pair::new();
    let a = pair.start_a(&rich(&pair.lab));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let b = pair.start_b(&toml(100, V3));
    b.wait_log("vip: INIT -> BACKUP", SOON);
    let (ctl, other) = (Vipctl::of(&pair.lab, &pair.a), Vipctl::of(&pair.lab, &pair.b));
    poll(SOON, "the second follows", || other.ok(&["status"]).contains(" 10.77.0.1\n"));
    a.wait_log("check broken: has failed", SOON);

    let status = ctl.json(&["status"]).remove(0);
    let of_backup = other.json(&["status"]).remove(0);
    let mut names: BTreeSet<String> = all_fields(&status).into_iter().collect();
    names.extend(all_fields(&of_backup));
    let expected: BTreeSet<String> = STATUS_FIELDS.lines().map(str::to_owned).collect();
    assert!(names == expected, "{}", names.into_iter().collect::<Vec<_>>().join("\n"));
    assert_eq!(text(&status, &["instances", "0", "state"]), "MASTER");
    assert_eq!(text(&status, &["instances", "0", "trackers", "1", "last_output"]), "good");
    assert_eq!(text(&of_backup, &["instances", "0", "master", "address"]), "10.77.0.1");
    assert_eq!(text(&status, &["groups", "0", "members", "1"]), "vip2");

    // For people: no line is wider than a terminal, and a pipe has no colours.
    for words in [&["status"][..], &["status", "vip"], &["explain", "vip"], &["events"], &["-h"]] {
        let said = ctl.ok(words);
        let wide: Vec<_> = said.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty() && !said.contains('\x1b'), "{words:?}: {wide:#?}");
    }
    let overview = ctl.ok(&["status"]);
    assert!(overview.contains("vip              MASTER  130=150-20"), "{overview}");
    let explained = other.ok(&["explain", "vip"]).replace('\n', " ");
    let says = "10.77.0.1 is MASTER with priority 130, more than our 100";
    assert!(explained.contains(says), "{explained}");

    let page = ctl.ok(&["html"]);
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("130=150-20"), "{page}");

    // By exit code.
    for (ctl, name, code) in [(&ctl, "vip", 0), (&other, "vip", 1), (&ctl, "pair", 0)] {
        assert_eq!(ctl.run(&["is-master", name]).code, code, "{name}");
    }
    let said = ctl.run(&["status", "vpi"]);
    let says = "vipctl: there is no instance or group \"vpi\"; did you mean \"vip\"?\n";
    assert_eq!((said.code, said.err.as_str()), (64, says));

    // Scripts, exactly as the daemon runs them.
    let Said { code, out, .. } = ctl.run(&["check", "broken"]);
    assert!(code == 1 && out.starts_with("broken: exit 3 in "), "{out}");
    assert!(out.ends_with("\n    no\n    good\n"), "{out}");
    let run = ctl.json(&["check", "chk"]).remove(0);
    assert_eq!((text(&run, &["output"]), run["exit"].get::<f64>()), ("fine\n", Some(&0.0)));
    let Said { code, out, .. } = ctl.run(&["check", "slow"]);
    assert!(code == 1 && out.starts_with("slow: timed out after 1.00 s in 1"), "{out}");
    assert!(ctl.ok(&["notify", "vip", "backup"]).contains("    told BACKUP of vip\n"));
    assert_eq!(ctl.run(&["notify", "vip", "FAULT"]).code, 1);
    assert_eq!(ctl.run(&["notify", "vip2", "MASTER"]).code, 64, "it has none");
    assert_eq!(a.lines("vip: MASTER -> ").len(), 0, "nothing of this has any effect");
}

#[test]
fn a_reload_is_told_beforehand_and_afterwards() {
    let pair = Pair::new();
    let (a, _b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    let ctl = Vipctl::of(&pair.lab, &pair.a);
    let another = "[vrrp_instance.more]\ninterface = \"eth0\"\nvirtual_router_id = 9\n\
                   virtual_ipaddress = [\"10.77.0.109/24\"]\n";
    let new = pair.lab.file("new.toml", &(toml(90, V3) + another));
    let diff = ctl.ok(&["diff", &new.display().to_string()]);
    let says = "vrrp_instance vip changed\nvrrp_instance more added\nvip: MASTER -> BACKUP, if \
                somebody is there with more than our 90 to be\nmore: begins as BACKUP: it is new\n";
    assert_eq!(diff, says);
    assert_eq!(a.lines("reload: ").len(), 0);

    assert_eq!(ctl.ok(&["reload"]), "nothing has changed\n");
    let bad = pair.lab.file("a.toml", &toml(90, "prioritty = 3"));
    let refused = ctl.run(&["reload"]);
    assert!(refused.code == 78 && refused.err.contains("prioritty"), "{refused:?}");
    assert_eq!(ctl.run(&["diff", &bad.display().to_string()]).code, 78);
    assert_eq!(ctl.run(&["diff", "/nowhere.toml"]).code, 78);
    assert_eq!(ctl.run(&["is-master", "vip"]).code, 0, "all is as it was");

    pair.lab.file("a.toml", &(toml(90, V3) + another));
    assert_eq!(ctl.ok(&["reload"]), "vrrp_instance vip changed\nvrrp_instance more added\n");
    a.wait_log("vip: MASTER -> BACKUP", SOON);
    let end = ctl.ok(&["stop"]);
    assert_eq!(end, "");
    assert!(a.wait_end(SOON).success());
    assert_eq!(ctl.run(&["is-master", "vip"]).code, 69);
    assert!(!ctl.socket().exists(), "nothing is left behind");
}

/// Root may everything, the group may look, and nobody else may even that.
#[test]
fn who_may_ask_for_what() {
    const GROUP: u32 = 4711;
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let global = format!("[global_defs]\nsocket_group = \"{GROUP}\"\n");
    let process = lab.vipd(vipd(), &a, &(global + &toml(100, V3)));
    let ctl = Vipctl::of(&lab, &a);
    poll(SOON, "the socket is there", || ctl.socket().exists());
    let meta = std::fs::metadata(ctl.socket()).expect("it is there");
    assert_eq!((meta.mode() & 0o7777, meta.uid(), meta.gid()), (0o660, 0, GROUP));
    // Its folders may be entered.
    for folder in [lab.directory(), ctl.socket().parent().expect("it has one")] {
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).expect("it is ours");
    }
    let by = |uid, gid, words: &[&str]| {
        let mut command = ctl.command(words);
        command.uid(uid).gid(gid);
        said(command)
    };
    assert_eq!(by(4712, GROUP, &["is-master", "vip"]).err, "");
    for words in [&["reload"][..], &["stop"], &["check", "x"], &["notify", "vip", "MASTER"]] {
        let refused = by(4712, GROUP, words);
        let says = format!("vipctl: only root may ask for {}\n", words[0]);
        assert_eq!((refused.code, refused.err), (77, says));
    }
    let refused = by(4712, 4712, &["status"]);
    assert!(refused.code == 77 && refused.err.contains("socket_group"), "{refused:?}");
    // Another group, by a reload.
    lab.file("a.toml", &toml(100, V3));
    ctl.ok(&["reload"]);
    assert_eq!(by(4712, GROUP, &["status"]).code, 77);
    assert_eq!(ctl.run(&["reload"]).code, 0);
    assert!(process.is_running());
}

#[test]
fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
    let lab = Lab::new();
    let (a, b) = (lab.host("a", "10.77.0.1/24"), lab.host("b", "10.77.0.2/24"));
    let socket = lab.directory().join("own.sock");
    drop(UnixListener::bind(&socket).expect("a socket"));
    let socket = socket.display().to_string();
    let process = lab.vipd_with(vipd(), &a, &toml(100, V3), &["-s", &socket]);
    poll(SOON, "it listens", || UnixStream::connect(&socket).is_ok());
    let ctl = Vipctl::of(&lab, &a);
    assert_eq!(ctl.run(&["status"]).code, 69, "not in the run directory");
    ctl.ok(&["status", "-s", &socket]);
    ctl.ok(&["-s", &socket, "status"]);
    // Killed, it leaves its socket. Another one takes it; a third does not.
    process.kill();
    let dead = ctl.run(&["-s", &socket, "status"]);
    assert!(dead.code == 69 && dead.err.contains("its daemon has ended"), "{dead:?}");
    let again = lab.vipd_with(vipd(), &a, &toml(100, V3), &["-s", &socket]);
    poll(SOON, "it listens", || UnixStream::connect(&socket).is_ok());
    let file = lab.file("b.toml", &toml(90, V3));
    let mut command = b.namespace.command(vipd());
    command.args(["-n", "-l", "stderr", "-s", &socket, "-f"]).arg(file);
    command.arg("-r").arg(lab.directory().join("run-b"));
    let refused = said(command);
    assert!(refused.code == 69 && refused.err.contains("of another daemon"), "{refused:?}");
    ctl.ok(&["-s", &socket, "status"]);
    assert!(again.is_running());
    // What is no socket is left alone, and so is a daemon without one.
    let plain = lab.file("plain", "");
    let third = lab.vipd_with(vipd(), &b, &toml(90, V3), &["-s", "/nowhere/own.sock"]);
    third.wait_log("cannot make the control socket /nowhere/own.sock: ", SOON);
    third.wait_log("vip: INIT -> BACKUP", SOON);
    let mut command = b.namespace.command(vipd());
    command.arg("-n").arg("-s").arg(&plain).arg("-f").arg(lab.directory().join("b.toml"));
    command.arg("-r").arg(lab.directory().join("run-c"));
    assert_eq!(said(command).code, 69);
    assert!(plain.exists());
}
