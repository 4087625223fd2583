//! Checks and notify scripts of a daemon that sleeps: what has ended meanwhile has ended in time.

use crate::lab::process::{signal_pid, Process};
use crate::lab::{poll, span, wall_clock, Host, Lab, SOON};
use crate::scripts::{check, Knob, Notes, FAST};
use crate::setup::{toml, vipd, Awake};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A router, whose check or notify script hangs while a file is there.
struct Scene {
    a: Host,
    hangs: Knob,
    begun: Notes,
    /// It tells how long the router sleeps.
    awake: Awake,
    lab: Lab,
}

impl Scene {
    fn new() -> Self {
        let lab = Lab::new();
        let a = lab.host("a", "10.77.0.1/24");
        let (hangs, begun) = (Knob::new(&lab, "hangs"), Notes::new(&lab, "begun"));
        Self { awake: Awake::start(&lab), a, hangs, begun, lab }
    }

    /// Notes that it has begun, and hangs.
    fn script(&self) -> String {
        let (hangs, begun) = (self.hangs.command(), self.begun.path().display());
        format!("{hangs} || exit 0; echo >> {begun}; while {hangs}; do sleep 0.05; done; exit 0")
    }

    /// With a check that hangs, or would be a FAULT if it timed out.
    fn start(&self) -> Process {
        let check = check(&self.script(), "interval = 1\ntimeout = 2\nfall = 1");
        let toml = toml(100, &format!("{FAST}\ntrack_script = [\"chk\"]\n{check}"));
        let process = self.lab.vipd(vipd(), &self.a, &toml);
        process.wait_log("vip: BACKUP -> MASTER", SOON);
        self.hangs.on();
        self.begun.wait(1);
        process
    }
}

/// Once the run has ended, two runs after it, so that whatever was concluded was said.
#[track_caller]
fn assert_nothing_failed(scene: &Scene, process: &Process) {
    poll(SOON, "the run has ended", || process.children().is_empty());
    scene.hangs.on();
    let before = scene.begun.lines().len();
    scene.begun.wait(before + 1);
    scene.hangs.off();
    assert!(process.lines("timed out").is_empty() && process.lines("MASTER -> ").is_empty());
}

/// The end of the run waits in its pidfd when the daemon wakes up, long after the timeout.
#[test]
fn a_check_that_has_ended_in_our_sleep_has_not_timed_out() {
    let scene = Scene::new();
    let process = scene.start();
    process.stop();
    scene.hangs.off();
    scene.awake.wait_slept(wall_clock(), 4 * SECOND);
    process.signal("CONT");
    process.wait_log("woke up ", SOON);
    assert_nothing_failed(&scene, &process);
}

/// The whole machine sleeps: the run had no more time than the daemon.
#[test]
fn a_check_that_has_slept_as_we_did_has_not_timed_out() {
    let scene = Scene::new();
    let process = scene.start();
    process.stop();
    let children = process.children();
    for child in &children {
        signal_pid(*child, "STOP");
    }
    scene.awake.wait_slept(wall_clock(), 4 * SECOND);
    scene.hangs.off();
    for child in &children {
        signal_pid(*child, "CONT");
    }
    process.signal("CONT");
    process.wait_log("woke up ", SOON);
    assert_nothing_failed(&scene, &process);
}

/// Who hangs on is ended, a second later than he would have been.
#[test]
fn a_check_that_hangs_beyond_our_sleep_has_timed_out() {
    let scene = Scene::new();
    let process = scene.start();
    process.stop();
    scene.awake.wait_slept(wall_clock(), 4 * SECOND);
    process.signal("CONT");
    process.wait_log("vip: MASTER -> FAULT: check chk failed: timed out after 2.00 s", SOON);
}

/// Of the runs that were missed one takes place.
#[test]
fn a_check_that_has_missed_several_runs_runs_once() {
    let lab = Lab::new();
    let awake = Awake::start(&lab);
    let (a, runs) = (lab.host("a", "10.77.0.1/24"), Notes::new(&lab, "runs"));
    let check = check(&format!("date +%s%N >> {}", runs.path().display()), "interval = 2");
    let toml = toml(100, &format!("{FAST}\ntrack_script = [\"chk\"]\n{check}"));
    let process = lab.vipd(vipd(), &a, &toml);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    runs.wait(2);
    poll(SOON, "no run is under way", || process.children().is_empty());
    process.stop();
    let before = runs.lines().len();
    awake.wait_slept(wall_clock(), 7 * SECOND);
    assert_eq!(runs.lines().len(), before);
    let resumed = wall_clock();
    process.signal("CONT");
    runs.wait(before + 2);
    let stamps = runs.stamps();
    let (first, second) = (stamps[before], stamps[before + 1]);
    assert!(first > resumed && span(resumed, first) < SECOND, "the first is made up for");
    // Half an interval at least, less what the first took to begin on a busy machine.
    assert!(span(first, second) > SECOND / 2, "{:?}", span(first, second));
}

/// Likewise a notify script.
#[test]
fn a_notify_script_that_has_ended_in_our_sleep_is_not_overdue() {
    let scene = Scene::new();
    let notify = format!("{FAST}\nnotify_master = '''{}'''\nnotify_timeout = 1", scene.script());
    scene.hangs.on();
    let process = scene.lab.vipd(vipd(), &scene.a, &toml(100, &notify));
    scene.begun.wait(1);
    process.stop();
    scene.hangs.off();
    scene.awake.wait_slept(wall_clock(), 4 * SECOND);
    process.signal("CONT");
    process.wait_log("vip: notify_master for MASTER: done in ", SOON);
    assert!(process.lines("is still running").is_empty());
}
