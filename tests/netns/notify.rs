//! Notify scripts: what they are told, in which order, and that nothing they do holds up the rest.

use crate::lab::process::Process;
use crate::lab::{poll, span, wall_clock, Host, Lab, SOON, VIP};
use crate::scripts::{
    assert_roughly, assert_steady, check, is_gone, status, vipd_after, wait_gone, Knob, Notes,
    FAST, FAST_TICK,
};
use crate::setup::{toml, vipd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// A host, a knob that takes its virtual router into FAULT, and a file for the scripts.
struct Scene {
    a: Host,
    knob: Knob,
    notes: Notes,
    lab: Lab,
}

impl Scene {
    fn new() -> Self {
        let lab = Lab::new();
        let (a, knob) = (lab.host("a", "10.77.0.1/24"), Knob::turned_on(&lab, "ok"));
        let notes = Notes::new(&lab, "notes");
        Self { a, knob, notes, lab }
    }

    /// A script that knows the notes as `$NOTES`.
    fn script(&self, name: &str, text: &str) -> String {
        let head = format!("#!/bin/sh\nNOTES={}\n", self.notes.path().display());
        self.lab.script(name, &(head + text)).display().to_string()
    }

    /// With these lines in the instance.
    fn toml(&self, more: &str) -> String {
        let check = check(&self.knob.command(), "interval = 0.1");
        toml(100, &format!("{FAST}\n{more}\ntrack_script = [\"chk\"]\n{check}"))
    }

    fn start(&self, more: &str) -> Process {
        self.lab.vipd(vipd(), &self.a, &self.toml(more))
    }

    /// Waits until the instance has come into a state, after a mark.
    #[track_caller]
    fn wait(&self, process: &Process, mark: usize, state: &str) {
        process.wait_log_after(mark, &format!("-> {state}"), SOON);
    }
}

/// Arguments and environment, in one line.
const RECORD: &str = "echo \"$#:$*:$VRRP_TYPE:$VRRP_NAME:$VRRP_STATE:$VRRP_PREVIOUS_STATE:\
$VRRP_PRIORITY:$VRRP_INTERFACE:$VRRP_VRID:$VRRP_REASON\" >> $NOTES\n";

#[test]
fn arguments_environment_and_order() {
    let scene = Scene::new();
    let script = scene.script("record.sh", RECORD);
    let all: String = ["master", "backup", "fault", "stop"]
        .map(|state| format!("notify_{state} = \"{script} {state}\"\n"))
        .concat();
    let toml = scene.toml(&format!("{all}notify = \"{script}\"")).replace(".vip]", ".api_vip]");
    let process = scene.lab.vipd(vipd(), &scene.a, &toml);
    scene.notes.wait(4);
    scene.knob.off();
    scene.notes.wait(6);
    scene.knob.on();
    scene.notes.wait(10);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());

    let expected = [
        ("backup", "BACKUP", "INIT", "started"),
        ("master", "MASTER", "BACKUP", "no advert from anybody for "),
        ("fault", "FAULT", "MASTER", "check chk failed: exit 1"),
        ("backup", "BACKUP", "FAULT", "check chk is fine again"),
        ("master", "MASTER", "BACKUP", "no advert from anybody for "),
        ("stop", "STOP", "MASTER", "stopping"),
    ];
    let lines = scene.notes.lines();
    assert_eq!(lines.len(), 2 * expected.len(), "{lines:#?}");
    for (pair, (word, state, previous, reason)) in lines.chunks(2).zip(expected) {
        let rest = format!("INSTANCE:api_vip:{state}:{previous}:100:eth0:51:{reason}");
        let specific = format!("1:{word}:{rest}");
        let general = format!("4:INSTANCE api_vip {state} 100:{rest}");
        assert!(pair[0].starts_with(&specific), "{} is not {specific}", pair[0]);
        assert!(pair[1].starts_with(&general), "{} is not {general}", pair[1]);
    }
    let done = process.lines("api_vip: notify_master for MASTER: done in ");
    assert_eq!(done.len(), 2);
}

#[test]
fn addresses_are_in_place_or_gone_before_the_scripts_run() {
    let scene = Scene::new();
    let text = format!(
        "ip -4 -o address show dev eth0 | grep -q {VIP}/24 && vip=there || vip=gone\n\
         echo ${{4:-$3}} $vip >> $NOTES\n"
    );
    let script = scene.script("look.sh", &text);
    let process = scene.start(&format!(
        "notify_master = \"{script} x x specific\"\nnotify_stop = \"{script} x x stop\"\n\
         notify = [\"{script}\", \"x\"]"
    ));
    scene.notes.wait(3);
    scene.knob.off();
    scene.notes.wait(4);
    scene.knob.on();
    scene.notes.wait(7);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    // With one word before them, the fourth is the state.
    let expected = [
        "BACKUP gone",
        "specific there",
        "MASTER there",
        "FAULT gone",
        "BACKUP gone",
        "specific there",
        "MASTER there",
        "stop gone",
        "STOP gone",
    ];
    assert_eq!(scene.notes.lines(), expected);
}

#[test]
fn the_first_state_is_notified_if_it_is_fault() {
    let lab = Lab::new();
    let (a, notes) = (lab.unplugged("a", "10.77.0.1/24"), Notes::new(&lab, "notes"));
    let notify = format!("notify = 'echo >> {}'", notes.path().display());
    let _process = lab.vipd(vipd(), &a, &toml(100, &format!("{FAST}\n{notify}")));
    assert_eq!(notes.wait(1), ["INSTANCE vip FAULT 100"]);
    lab.plug(&a);
    a.ip(&["address add 10.77.0.1/24 dev eth0"]);
    let lines = notes.wait(3);
    assert_eq!(lines[1..], ["INSTANCE vip BACKUP 100", "INSTANCE vip MASTER 100"]);
}

/// A script of 0.4 s, and a check that flaps more quickly than that.
#[test]
fn one_at_a_time_and_the_last_state_is_always_delivered() {
    let scene = Scene::new();
    let script =
        scene.script("slow.sh", "echo begin $3 >> $NOTES\nsleep 0.4\necho end $3 >> $NOTES\n");
    let process = scene.start(&format!("notify = \"{script}\""));
    scene.wait(&process, 0, "MASTER");
    for _ in 0..8 {
        let mark = process.mark();
        scene.knob.off();
        scene.wait(&process, mark, "FAULT");
        scene.knob.on();
        scene.wait(&process, mark, "BACKUP");
    }
    process.wait_log_after(process.mark(), "vip: BACKUP -> MASTER", SOON);
    let settled = || {
        let lines = scene.notes.lines();
        lines.len() % 2 == 0 && lines.last().is_some_and(|line| line == "end MASTER")
    };
    poll(SOON, "the last state is delivered", settled);
    // The script's last line comes before its end.
    let mut skipped = 0;
    poll(SOON, "every change was told or skipped", || {
        skipped = process.lines("is not notified: it was over before").len();
        let told = process.lines("vip: notify for ").len();
        told + skipped == process.lines(" -> ").iter().filter(is_transition).count()
    });
    assert!(settled() && skipped > 0, "{skipped} were skipped");
    let lines = scene.notes.lines();
    for pair in lines.chunks(2) {
        let state = pair[0].strip_prefix("begin ").expect("nothing else runs meanwhile");
        assert_eq!(pair[1], format!("end {state}"));
    }
    // What was told is told in the order of what happened.
    let happened = process.lines(" -> ");
    let mut happened = happened.iter().filter(is_transition).map(|line| &line.text);
    for begin in lines.iter().filter_map(|line| line.strip_prefix("begin ")) {
        assert!(happened.any(|text| text.contains(&format!("-> {begin}"))), "{begin}: {lines:?}");
    }
}

fn is_transition(line: &&crate::lab::process::Line) -> bool {
    let word = " vip: ";
    let Some(at) = line.text.find(word) else { return false };
    ["INIT -> ", "BACKUP -> ", "MASTER -> ", "FAULT -> "]
        .iter()
        .any(|begin| line.text[at + word.len()..].starts_with(begin))
}

#[test]
fn a_stuck_script_is_killed_with_its_group_and_the_queue_goes_on() {
    let scene = Scene::new();
    let text = "if [ $3 = MASTER ]; then trap '' TERM; sleep 1000 & echo $$ $! | tr ' ' '\\n' > $NOTES.pids\n\
                while :; do wait; done; fi\necho $3 >> $NOTES\n";
    let script = scene.script("stuck.sh", text);
    let process = scene.start(&format!("notify = \"{script}\"\nnotify_timeout = 1"));
    let tap = scene.lab.tap(&scene.a);
    let master = process.wait_log("vip: BACKUP -> MASTER", SOON);
    let late = "vip: notify for MASTER is still running after 1.00 s: ending it (notify_timeout)";
    let late = process.wait_log(late, SOON);
    assert_roughly("notify_timeout", span(master.at, late.at), Duration::from_secs(1));
    let pids = std::fs::read_to_string(format!("{}.pids", scene.notes.path().display()));
    let pids: Vec<u32> =
        pids.expect("it runs").lines().map(|pid| pid.parse().expect("a pid")).collect();
    assert!(pids.len() == 2 && !pids.iter().any(|pid| is_gone(*pid)), "{pids:?}");
    let killed = process.wait_log("vip: notify for MASTER: killed by SIGKILL after ", SOON);
    assert_roughly("from SIGTERM to SIGKILL", span(late.at, killed.at), Duration::from_secs(1));
    wait_gone(&pids);
    tap.wait_adverts(wall_clock(), 12, SOON);
    assert_steady(&tap.adverts(), FAST_TICK);
    scene.knob.off();
    assert_eq!(scene.notes.wait(2), ["BACKUP", "FAULT"]);
}

/// The script heeds SIGTERM, what it has started does not.
#[test]
fn what_a_stuck_script_has_started_is_killed_with_it() {
    let scene = Scene::new();
    let text = "(trap '' TERM; exec sleep 1000) & echo $$ $! | tr ' ' '\\n' >> $NOTES\nwait\n";
    let script = scene.script("stuck.sh", text);
    let process = scene.start(&format!("notify_master = \"{script}\"\nnotify_timeout = 0.5"));
    process.wait_log("vip: notify_master for MASTER: killed by SIGTERM after ", SOON);
    wait_gone(&scene.notes.pids());
}

/// A service that a script has started in the background stays, although it prints to where the
/// script has printed.
#[test]
fn what_a_script_leaves_behind_is_left_alone() {
    let scene = Scene::new();
    let text = "(while sleep 0.1; do echo $$; echo tick >> $NOTES; done) &\necho started\n";
    let script = scene.script("start.sh", text);
    let process = scene.start(&format!("notify_master = \"{script}\"\nnotify_timeout = 0.5"));
    let done = process.wait_log("vip: notify_master for MASTER: done in ", SOON);
    assert!(done.text.ends_with(", it said: started"), "{done:?}");
    // Longer than notify_timeout; and the other states have their scripts meanwhile.
    scene.notes.wait(12);
    scene.knob.off();
    process.wait_log("vip: MASTER -> FAULT", SOON);
    let ticks = scene.notes.lines().len();
    scene.notes.wait(ticks + 3);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
}

#[test]
fn how_it_ended_and_what_it_said_is_logged() {
    let scene = Scene::new();
    let script = scene.script("fails.sh", "echo trying; echo no such service >&2; exit 3\n");
    let process = scene.start(&format!("notify_backup = \"{script}\"\nnotify = 'kill -HUP $$;'"));
    let line = process.wait_log("vip: notify_backup for BACKUP: exit 3 after ", SOON);
    assert!(line.text.ends_with(", it said: no such service"), "{line:?}");
    process.wait_log("vip: notify for BACKUP: killed by SIGHUP after ", SOON);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
}

#[test]
fn a_line_for_the_shell_and_a_list() {
    let scene = Scene::new();
    let script = scene.script("words.sh", "printf '<%s>' \"$@\"; echo\n");
    let notes = scene.notes.path().display();
    let process = scene.start(&format!(
        "notify = \"{script} one >> {notes}\"\n\
         notify_master = [\"{script}\", \"two words\", \"$HOME;\"]"
    ));
    process.wait_log("notify_master for MASTER: done in ", SOON);
    let said = process.lines("notify_master for MASTER: done in ").swap_remove(0);
    assert!(said.text.ends_with("it said: <two words><$HOME;>"), "{said:?}");
    let expected = ["<one><INSTANCE><vip><BACKUP><100>", "<one><INSTANCE><vip><MASTER><100>"];
    assert_eq!(scene.notes.wait(2), expected);
}

#[test]
fn a_command_is_run_by_its_own_user_else_by_that_of_all() {
    let scene = Scene::new();
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("a file of the lab");
    };
    mode(scene.notes.path(), 0o666);
    let who = scene.script("who.sh", "echo $1 $(id -u) $(id -g) $(id -G) >> $NOTES\n");
    // What everybody can change is not for root, and no harm to others.
    let open = scene.script("open.sh", "echo $1 $(id -u) $(id -g) $(id -G) >> $NOTES\n");
    mode(Path::new(&open), 0o777);
    let toml = scene.toml(&format!(
        "notify_backup = {{ script = \"{who} backup\", user = \"daemon\" }}\n\
         notify_master = {{ script = [\"{open}\", \"master\"], user = \"54321 daemon\" }}\n\
         notify_fault = {{ script = \"{who} fault\", user = \"root\" }}\n\
         notify_stop = {{ script = \"{open} stop\" }}"
    ));
    let toml = format!("[global_defs]\nscript_user = \"nobody\"\n{toml}");
    let process = scene.lab.vipd(vipd(), &scene.a, &toml);
    scene.notes.wait(2);
    scene.knob.off();
    scene.notes.wait(3);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    let id = |of: &str| {
        let output = std::process::Command::new("id").args(of.split(' ')).output().expect("id(1)");
        String::from_utf8(output.stdout).expect("numbers").trim().to_owned()
    };
    let ids = |user: &str| ["-u", "-g", "-G"].map(|what| id(&format!("{what} {user}"))).join(" ");
    let group = id("-g daemon");
    let expected = [
        format!("backup {}", ids("daemon")),
        format!("master 54321 {group} {group}"),
        format!("fault {}", ids("root")),
        format!("stop {}", ids("nobody")),
    ];
    assert_eq!(scene.notes.lines(), expected);
}

/// In what a shell runs, too.
#[test]
fn a_name_with_a_blank_is_one_argument() {
    let scene = Scene::new();
    let script = scene.script("name.sh", "echo \"$#:$2:$VRRP_NAME\" >> $NOTES\n");
    let more = format!("notify_backup = \"{script} backup\"\nnotify = \"exec {script}\"");
    let toml = scene.toml(&more).replace(".vip]", ".\"front door\"]");
    let toml = toml.replace(".chk]", ".\"web server\"]").replace("[\"chk\"]", "[\"web server\"]");
    let process = scene.lab.vipd(vipd(), &scene.a, &toml);
    let general = "4:front door:front door";
    assert_eq!(scene.notes.wait(3), ["1::front door", general, general]);
    process.wait_log("front door: notify for MASTER: done in ", SOON);
    assert!(status(&process, "front door").contains("status: front door: MASTER for "));
    assert!(status(&process, "check web server").contains("check web server: OK, exit 0"));
    scene.knob.off();
    process.wait_log("front door: MASTER -> FAULT: check web server failed: exit 1", SOON);
}

#[test]
fn a_script_that_vanishes_does_not_block_the_queue() {
    let scene = Scene::new();
    let gone = scene.script("gone.sh", "echo fault >> $NOTES\n");
    let script = scene.script("stays.sh", "echo $3 >> $NOTES\n");
    let process = scene.start(&format!("notify_fault = \"{gone}\"\nnotify = \"{script}\""));
    scene.notes.wait(2);
    std::fs::remove_file(&gone).expect("it was there");
    scene.knob.off();
    let says = format!("vip: notify_fault for FAULT was not run: cannot run {gone}: ");
    process.wait_log(&says, SOON);
    assert_eq!(scene.notes.wait(3), ["BACKUP", "MASTER", "FAULT"]);
    scene.script("gone.sh", "echo back >> $NOTES\n");
    scene.knob.on();
    scene.notes.wait(5);
    scene.knob.off();
    let lines = scene.notes.wait(7);
    assert_eq!(lines[3..], ["BACKUP", "MASTER", "back", "FAULT"]);
}

/// seed.md's script as it is printed. What it calls is not here: a service(8) of our own stands in
/// its place.
#[test]
fn the_script_of_the_seed() {
    const SEED: &str = include_str!("../demo/seed/notify-haproxy.sh");
    let scene = Scene::new();
    let sbin = scene.lab.directory().join("sbin");
    std::fs::create_dir(&sbin).expect("a directory of the lab");
    scene.script("sbin/service", "echo $* >> $NOTES\n");
    let script = scene.lab.script("notify-haproxy.sh", SEED).display().to_string();
    let mount = format!("mount --bind {} /usr/sbin", sbin.display());
    let toml = scene.toml(&format!("notify = \"{script}\""));
    let process = vipd_after(&scene.lab, &scene.a, &mount, &toml, &["-l", "stderr"]);
    assert_eq!(scene.notes.wait(2), ["haproxy stop", "haproxy start"]);
    scene.knob.off();
    assert_eq!(scene.notes.wait(3)[2..], ["haproxy stop"]);
    process.wait_log("vip: notify for FAULT: done in ", SOON);
    scene.knob.on();
    assert_eq!(scene.notes.wait(5)[3..], ["haproxy stop", "haproxy start"]);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    assert_eq!(scene.notes.lines().len(), 5);
    process.wait_log("vip: notify for STOP: exit 1 after ", SOON);
    assert!(process.lines("it said: unknown state").len() == 1);
}
