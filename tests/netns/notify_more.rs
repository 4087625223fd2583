//! More ways to be told: FIFOs, scripts before the addresses move, and another MASTER.

use crate::lab::frames::{Envelope, Message};
use crate::lab::injector::Injector;
use crate::lab::process::{signal_pid, Process};
use crate::lab::{poll, wall_clock, Host, Lab, SOON, VIP};
use crate::scripts::{check, is_gone, Knob, Notes, FAST};
use crate::setup::{keepalived, toml, vipd, VRID};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Two hosts, a knob that takes the virtual router of `a` into FAULT, notes, and a path for a FIFO.
struct Scene {
    a: Host,
    b: Host,
    knob: Knob,
    notes: Notes,
    fifo: PathBuf,
    lab: Lab,
}

impl Scene {
    fn new() -> Self {
        let lab = Lab::new();
        let (a, b) = (lab.host("a", "10.77.0.1/24"), lab.host("b", "10.77.0.2/24"));
        let (knob, notes) = (Knob::turned_on(&lab, "ok"), Notes::new(&lab, "notes"));
        let fifo = lab.directory().join("fifo");
        Self { a, b, knob, notes, fifo, lab }
    }

    /// A script that knows the notes as `$NOTES`, and whether the address is there as `$vip`.
    fn script(&self, name: &str, text: &str) -> String {
        let head = format!(
            "#!/bin/sh\nNOTES={}\nlook() {{ ip -4 -o address show dev eth0 | grep -q {VIP}/24 \
             && vip=there || vip=gone; }}\nlook\n",
            self.notes.path().display()
        );
        self.lab.script(name, &(head + text)).display().to_string()
    }

    /// With these lines in the instance, and these before it.
    fn toml(&self, interval: &str, globals: &str, more: &str) -> String {
        let check = check(&self.knob.command(), "interval = 0.1");
        let more = format!("{interval}\n{more}\ntrack_script = [\"chk\"]\n{check}");
        format!("[global_defs]\n{globals}\n{}", toml(100, &more))
    }

    fn start(&self, globals: &str, more: &str) -> Process {
        self.lab.vipd(vipd(), &self.a, &self.toml(FAST, globals, more))
    }

    fn fifo_line(&self) -> String {
        format!("notify_fifo = \"{}\"", self.fifo.display())
    }
}

/// Lines that are read from a FIFO, by a thread that waits for more.
fn lines_of(fifo: &std::path::Path) -> Arc<Mutex<Vec<String>>> {
    poll(SOON, "the FIFO is made", || fifo.exists());
    let lines = Arc::new(Mutex::new(Vec::new()));
    let (to, file) = (Arc::clone(&lines), fs::File::open(fifo).expect("vipd holds it open"));
    std::thread::spawn(move || {
        for line in BufReader::new(file).lines().map_while(Result::ok) {
            to.lock().expect("nobody panics").push(line);
        }
    });
    lines
}

#[track_caller]
fn wait_lines(lines: &Arc<Mutex<Vec<String>>>, expected: &[&str]) {
    let now = || lines.lock().expect("nobody panics").clone();
    poll(SOON, &format!("{expected:?} is read"), || now().len() >= expected.len());
    assert_eq!(now(), expected);
}

/// An advert of lower priority, from the other host.
fn contend(scene: &Scene) {
    let message = Message::v3(VRID, 50, 10, VIP).bytes();
    let frame = Envelope::new(scene.b.mac, scene.b.address).frame(&message);
    Injector::open(&scene.b).send(&frame);
}

#[test]
fn a_lower_master_is_told_to_its_script_and_the_fifo() {
    let scene = Scene::new();
    let script = scene.script(
        "lower.sh",
        "echo $#:$VRRP_STATE:$VRRP_PREVIOUS_STATE:$VRRP_PRIORITY:$VRRP_REASON >> $NOTES\n",
    );
    let process =
        scene.start(&scene.fifo_line(), &format!("notify_master_rx_lower_pri = \"{script}\""));
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    let lines = lines_of(&scene.fifo);
    contend(&scene);
    let reason = "10.77.0.2 with priority 50 claims to be MASTER as well";
    assert_eq!(scene.notes.wait(1), [format!("0:MASTER_RX_LOWER_PRI:MASTER:100:{reason}")]);
    process.wait_log("vip: notify_master_rx_lower_pri for MASTER_RX_LOWER_PRI: done in ", SOON);
    let expected = [
        "INSTANCE \"vip\" BACKUP 100",
        "INSTANCE \"vip\" MASTER 100",
        "INSTANCE \"vip\" MASTER_RX_LOWER_PRI 100",
    ];
    wait_lines(&lines, &expected);
}

/// The same lines for the same things, as far as keepalived has got to say something.
#[test]
fn the_lines_of_a_fifo_are_those_of_keepalived() {
    let scene = Scene::new();
    let theirs = scene.lab.directory().join("theirs");
    let conf = format!(
        "global_defs {{\nvrrp_notify_fifo {}\nscript_user root\nenable_script_security\n}}\n{}",
        theirs.display(),
        keepalived(100, "version 3\nadvert_int 0.1")
    );
    let made = std::process::Command::new("mkfifo").arg(&theirs).status();
    assert!(made.is_ok_and(|status| status.success()));
    // Somebody who writes, too, so that opening it does not wait for keepalived.
    let open = fs::OpenOptions::new().read(true).write(true).open(&theirs).expect("a FIFO");
    let their_lines = lines_of(&theirs);
    let keepalived = scene.lab.keepalived(&scene.b, &conf);
    let wait = |lines: &Arc<Mutex<Vec<String>>>, count| {
        poll(SOON, "lines", || lines.lock().expect("nobody panics").len() >= count);
    };
    wait(&their_lines, 2);
    keepalived.signal("TERM");
    keepalived.wait_end(SOON);
    wait(&their_lines, 3);
    drop(open);

    let process = scene.start(&scene.fifo_line(), "");
    process.wait_log(" starts", SOON);
    let our_lines = lines_of(&scene.fifo);
    wait(&our_lines, 2);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    wait(&our_lines, 3);
    let ours = our_lines.lock().expect("nobody panics").clone();
    assert_eq!(ours[2], "INSTANCE \"vip\" STOP 100");
    assert_eq!(ours, *their_lines.lock().expect("nobody panics"));
}

#[test]
fn changes_of_priority_and_a_fifo_of_the_instance() {
    let scene = Scene::new();
    let own = scene.lab.directory().join("own");
    let knob = Knob::turned_on(&scene.lab, "heavy");
    let more = format!(
        "notify_fifo = [\"{}\", \"nobody\", \"daemon\"]\nnotify_priority_changes = true\n\
         track_file = [\"load\"]\n[track_file.load]\nfile = \"{}\"\nweight = 1",
        own.display(),
        scene.lab.file("load", "0").display()
    );
    let plain = scene.toml(FAST, "", "").replace("[\"chk\"]", "[\"chk\"]\nMORE");
    let text = plain.replace("\nMORE", &format!("\n{more}"));
    let process = scene.lab.vipd(vipd(), &scene.a, &text);
    drop(knob);
    process.wait_log("vip: INIT -> BACKUP", SOON);
    let meta = fs::metadata(&own).expect("vipd has made it");
    assert!(meta.file_type().is_fifo());
    assert_eq!(meta.permissions().mode() & 0o777, 0o640, "its group may read it");
    assert_ne!(meta.uid(), 0);
    let lines = lines_of(&own);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    scene.lab.file("load", "7");
    wait_lines(
        &lines,
        &[
            "INSTANCE \"vip\" BACKUP 100",
            "INSTANCE \"vip\" MASTER 100",
            "INSTANCE \"vip\" MASTER_PRIORITY 107",
        ],
    );
}

#[test]
fn what_is_no_fifo_of_ours_is_not_used() {
    let scene = Scene::new();
    let refused = |why: &str| {
        let toml = scene.toml(FAST, &scene.fifo_line(), "");
        let process = scene.lab.vipd_with(vipd(), &scene.a, &toml, &[]);
        process.wait_log(why, SOON);
        assert!(!process.wait_end(SOON).success());
    };
    fs::write(&scene.fifo, "important\n").expect("a file");
    refused("is there and is no FIFO: remove it, or choose another path");
    assert_eq!(fs::read_to_string(&scene.fifo).expect("it is there"), "important\n");
    fs::remove_file(&scene.fifo).expect("it was there");
    std::os::unix::fs::symlink("/dev/null", &scene.fifo).expect("a link");
    refused("is there and is no FIFO: remove it, or choose another path");
    fs::remove_file(&scene.fifo).expect("it was there");
    let made = std::process::Command::new("mkfifo").arg(&scene.fifo).status();
    assert!(made.is_ok_and(|status| status.success()));
    std::os::unix::fs::chown(&scene.fifo, Some(12345), None).expect("root may");
    refused("belongs to user 12345: remove it, or name its user here");
}

/// Waits for something that comes within microseconds, and so often that a pause between two looks
/// would make up most of the test.
fn spins_until(condition: impl Fn() -> bool) -> bool {
    let end = Instant::now() + SOON;
    while !condition() {
        if Instant::now() >= end {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

/// Nobody reads until the pipe and the queue behind it have been full for a while.
#[test]
fn a_full_fifo_loses_no_last_state() {
    let scene = Scene::new();
    let long = "i".repeat(64);
    let load = scene.lab.file("load", "0");
    let more = format!(
        "notify_priority_changes = true\ntrack_file = [\"load\"]\n[track_file.load]\n\
         file = \"{}\"\nweight = 1",
        load.display()
    );
    let text = scene.toml(FAST, &scene.fifo_line(), "").replace(".vip]", &format!(".{long}]"));
    let text = text.replace("[\"chk\"]", &format!("[\"chk\"]\n{more}"));
    let process = scene.lab.vipd(vipd(), &scene.a, &text);
    process.wait_log(": BACKUP -> MASTER", SOON);
    let mut number = 0;
    poll(6 * SOON, "the FIFO is full", || {
        for _ in 0..20 {
            number = number % 50 + 1;
            // Two changes that come at once would be one.
            let mark = process.mark();
            fs::write(&load, number.to_string()).expect("a file of the lab");
            let noticed = || !process.lines_after(mark, ": priority ").is_empty();
            assert!(spins_until(noticed), "a change of the file is noticed");
        }
        !process.lines("it is full and nobody reads it").is_empty()
    });
    let mark = process.mark();
    scene.knob.off();
    process.wait_log_after(mark, ": MASTER -> FAULT", SOON);
    let lines = lines_of(&scene.fifo);
    let is_last = || {
        let lines = lines.lock().expect("nobody panics");
        lines.iter().rfind(|line| !line.contains("PRIORITY")).cloned()
    };
    let last = format!("INSTANCE \"{long}\" FAULT 1");
    poll(SOON, "the last state is read", || is_last().is_some_and(|l| l.starts_with(&last)));
    let lines = lines.lock().expect("nobody panics");
    assert!(lines[0].ends_with(" BACKUP 100") && lines[1].ends_with(" MASTER 100"), "{lines:?}");
    assert!(lines.len() > 600, "only {}", lines.len());
    assert_eq!(process.lines("it is full and nobody reads it").len(), 1);
}

#[test]
fn the_script_of_a_fifo_is_kept_running_and_reads_to_the_end() {
    let scene = Scene::new();
    let text = "echo $$ >> $NOTES.pids\nwhile read -r line; do echo \"$1 $line\" >> $NOTES; done \
                < \"$2\"\nsleep 0.2\necho end >> $NOTES\n";
    let script = scene.script("reader.sh", text);
    let globals = format!("{}\nnotify_fifo_script = \"{script} word\"", scene.fifo_line());
    let process = scene.start(&globals, "");
    scene.notes.wait(2);
    let pids = PathBuf::from(format!("{}.pids", scene.notes.path().display()));
    let pids = || fs::read_to_string(&pids).unwrap_or_default();
    let first: u32 = pids().trim().parse().expect("a pid");
    signal_pid(first, "KILL");
    let line = process.wait_log("notify_fifo_script of ", SOON);
    let says = "has ended: killed by SIGKILL after ";
    assert!(line.text.contains(says) && line.text.ends_with("starting it again in 1.00 s"));
    // What nobody reads meanwhile is not lost.
    scene.knob.off();
    process.wait_log("vip: MASTER -> FAULT", SOON);
    scene.notes.wait(3);
    assert_eq!(pids().lines().count(), 2);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    let states = ["BACKUP", "MASTER", "FAULT", "STOP"];
    let mut expected = states.map(|state| format!("word INSTANCE \"vip\" {state} 100")).to_vec();
    expected.push("end".into());
    assert_eq!(scene.notes.lines(), expected);
    assert!(!scene.fifo.exists(), "it is gone with vipd");
}

/// Who reads does not end by itself: it is told to.
#[test]
fn a_script_that_does_not_end_holds_nothing_up() {
    let scene = Scene::new();
    let script = scene.script("deaf.sh", "echo $$ >> $NOTES\nexec sleep 1000\n");
    let globals = format!("{}\nnotify_fifo_script = \"{script}\"", scene.fifo_line());
    let process = scene.start(&globals, "");
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    let pid: u32 = scene.notes.wait(1)[0].parse().expect("a pid");
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    assert!(is_gone(pid) && !scene.fifo.exists());
}

/// The addresses wait for the script, the adverts do not.
#[test]
fn the_addresses_come_after_the_script_and_adverts_go_out_before() {
    let scene = Scene::new();
    let ready = Knob::new(&scene.lab, "ready");
    let wait = format!("echo pre $VRRP_STATE $vip >> $NOTES\n{}\n", ready.wait_command());
    let pre = scene.script("pre.sh", &(wait + "look\necho end $vip >> $NOTES\n"));
    let notify = scene.script("notify.sh", "echo notify $vip >> $NOTES\n");
    let tap = scene.lab.tap(&scene.a);
    let process = scene.start(
        &scene.fifo_line(),
        &format!(
            "notify_master_pre = \"{pre}\"\nnotify_pre_timeout = 10\nnotify_master = \"{notify}\""
        ),
    );
    let lines = lines_of(&scene.fifo);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    tap.wait_adverts(0, 8, SOON);
    assert_eq!(scene.notes.wait(1), ["pre MASTER gone"]);
    wait_lines(&lines, &["INSTANCE \"vip\" BACKUP 100"]);
    assert!(!scene.a.holds(VIP) && tap.announcements_after(0, VIP).is_empty());
    ready.on();
    scene.lab.wait_holder(&scene.a, SOON);
    tap.wait_announcement(0, VIP, SOON);
    assert_eq!(scene.notes.wait(3), ["pre MASTER gone", "end gone", "notify there"]);
    process.wait_log("vip: notify_master_pre: done in ", SOON);
    wait_lines(&lines, &["INSTANCE \"vip\" BACKUP 100", "INSTANCE \"vip\" MASTER 100"]);
}

#[test]
fn addresses_that_wait_are_given_up_when_the_state_changes_again() {
    let scene = Scene::new();
    let script = scene.script("pre.sh", "echo $$ >> $NOTES\nexec sleep 1000\n");
    let notify = scene.script("notify.sh", "echo $3 $vip >> $NOTES.states\n");
    let process = scene.start(
        "",
        &format!(
            "notify_master_pre = \"{script}\"\nnotify_pre_timeout = 10\nnotify = \"{notify}\""
        ),
    );
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    let pid: u32 = scene.notes.wait(1)[0].parse().expect("a pid");
    let tap = scene.lab.tap(&scene.a);
    scene.knob.off();
    process.wait_log("vip: MASTER -> FAULT", SOON);
    poll(SOON, "the script ends", || is_gone(pid));
    process.wait_log("vip: notify for FAULT: done in ", SOON);
    process.wait_log("vip: MASTER is not notified: it was over before", SOON);
    assert!(!scene.a.holds(VIP) && tap.announcements_after(0, VIP).is_empty());
    assert!(tap.adverts().iter().any(|advert| advert.priority == 0), "and yet it resigns");
    let states = fs::read_to_string(format!("{}.states", scene.notes.path().display()));
    assert_eq!(states.expect("it ran"), "BACKUP gone\nFAULT gone\n");
}

/// Whoever leaves because it wants to: the script, the last advert, and then the addresses.
#[test]
fn the_addresses_go_after_the_script_when_nobody_waits_for_them() {
    let scene = Scene::new();
    let script =
        scene.script("pre.sh", "sleep 0.3\nlook\necho $VRRP_STATE $vip $(date +%s%N) >> $NOTES\n");
    let slow = "version = 3\nadvert_int = 0.5";
    let more = format!("notify_backup_pre = \"{script}\"\nnotify_pre_timeout = 5");
    let process = scene.lab.vipd(vipd(), &scene.a, &scene.toml(slow, "", &more));
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    let tap = scene.lab.tap(&scene.a);
    let ended = |line: &str, state: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[..2], [state, "there"]);
        words[2].parse::<u64>().expect("a moment")
    };
    let resigned = |after| {
        let find = move |tap: &crate::lab::tap::Tap| {
            tap.adverts_after(after).into_iter().find(|advert| advert.priority == 0)
        };
        poll(SOON, "it resigns", || find(&tap).is_some());
        find(&tap).expect("it was there").at
    };
    let before = wall_clock();
    scene.knob.off();
    let end = ended(&scene.notes.wait(1)[0], "FAULT");
    assert!(resigned(before) > end, "the last advert comes after the script");
    poll(SOON, "the address is gone", || !scene.a.holds(VIP));
    let mark = process.mark();
    scene.knob.on();
    process.wait_log_after(mark, "vip: BACKUP -> MASTER", SOON);
    scene.lab.wait_holder(&scene.a, SOON);
    let before = wall_clock();
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    let end = ended(&scene.notes.wait(2)[1], "STOP");
    assert!(resigned(before) > end && !scene.a.holds(VIP));
}

/// Never so long that a peer would take over meanwhile: two intervals at most.
#[test]
fn the_addresses_do_not_wait_longer_than_a_peer() {
    let scene = Scene::new();
    let script = scene.script("pre.sh", "echo $$ >> $NOTES\nexec sleep 1000\n");
    let more = format!("notify_backup_pre = \"{script}\"\nnotify_pre_timeout = 5");
    let process = scene.start("", &more);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    scene.lab.wait_holder(&scene.a, SOON);
    scene.knob.off();
    let says = "vip: notify_backup_pre has not ended in time: the addresses go without it";
    process.wait_log(says, SOON);
    poll(SOON, "the address is gone", || !scene.a.holds(VIP));
    let pid: u32 = scene.notes.wait(1)[0].parse().expect("a pid");
    assert!(!is_gone(pid), "it has its 5 s all the same");
    process.wait_log("vip: notify_backup_pre: killed by SIGTERM after ", SOON);
}

/// A stronger MASTER is there: the script runs, and nothing waits for it.
#[test]
fn the_addresses_go_at_once_when_another_has_them() {
    let scene = Scene::new();
    let more = Knob::new(&scene.lab, "more");
    let text = format!("echo begin >> $NOTES\n{}\necho end >> $NOTES\n", more.wait_command());
    let script = scene.script("pre.sh", &text);
    let lines = format!("notify_backup_pre = \"{script}\"\nnotify_pre_timeout = 10");
    let process = scene.start("", &lines);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    scene.lab.wait_holder(&scene.a, SOON);
    let _b = scene.lab.vipd(vipd(), &scene.b, &toml(200, FAST));
    process.wait_log("vip: MASTER -> BACKUP", SOON);
    scene.lab.wait_holder(&scene.b, SOON);
    assert_eq!(scene.notes.wait(1), ["begin"]);
    more.on();
    assert_eq!(scene.notes.wait(2), ["begin", "end"]);
}
