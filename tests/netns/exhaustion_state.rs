//! No room for `vipd.state`, or no file to write: adverts go on, it is said once and counted, and it
//! heals by itself. Whatever somebody does to the file harms nobody but the next start.

use crate::lab::process::Process;
use crate::lab::tap::Tap;
use crate::lab::{poll, wall_clock, Host, Lab, SOON, VIP};
use crate::restart::{kill, state_file, wait_state};
use crate::scripts::{assert_steady, of_router, vipd_after, FAST, FAST_TICK};
use crate::setup::{toml, Pair, V3, VRID};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{chown, symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

const TRYING: &str = ": after a crash the next start joins as BACKUP; trying again";

/// A MASTER whose run directory is mounted for it alone.
struct Scene {
    process: Process,
    tap: Tap,
    /// The run directory, as it sees it.
    run: PathBuf,
    _a: Host,
    _lab: Lab,
}

impl Scene {
    /// `mount` is shell with `RUN` in it.
    fn new(mount: &str) -> Self {
        let lab = Lab::new();
        let a = lab.host("a", "10.77.0.1/24");
        let (tap, run) = (lab.tap(&a), lab.directory().join("run-mounted"));
        let shell = format!("mkdir -p RUN; {mount}").replace("RUN", &run.display().to_string());
        let pid = lab.directory().join("pid").display().to_string();
        let more = ["-l", "stderr", "-p", &pid];
        let process = vipd_after(&lab, &a, &shell, &toml(100, FAST), &more);
        process.wait_log("vip: BACKUP -> MASTER", SOON);
        let inside = Path::new("/proc").join(process.pid().to_string()).join("root");
        let run = inside.join(run.strip_prefix("/").expect("it is absolute"));
        Self { process, tap, run, _a: a, _lab: lab }
    }

    fn failures(&self) -> u32 {
        let mark = self.process.mark();
        self.process.signal("USR1");
        self.process.wait_log_after(mark, "status: interface", SOON);
        let lines = self.process.lines_after(mark, "status: shortage: state_not_written ");
        let number =
            |line: &str| line.rsplit("state_not_written ").next()?.split(' ').next()?.parse().ok();
        lines.first().map_or(0, |line| number(&line.text).expect("a number"))
    }

    #[track_caller]
    fn assert_steady_since(&self, from: u64) {
        let sent = || of_router(&self.tap.adverts_after(from), VRID);
        poll(SOON, "ten more adverts", || sent().len() > 10);
        assert_steady(&sent(), FAST_TICK);
        assert_eq!(self.process.lines("MASTER -> ").len(), 0);
    }

    fn wait_written(&self) {
        poll(SOON, "it is there", || {
            let text = fs::read_to_string(self.run.join("vipd.state"));
            text.is_ok_and(|text| text.contains("state=MASTER"))
        });
    }
}

fn fill(path: &Path) {
    let mut dd = Command::new("dd");
    dd.args(["if=/dev/zero", "bs=4k", "status=none"]);
    let full = dd.arg(format!("of={}", path.display())).output().expect("dd(1)");
    assert!(!full.status.success(), "the disk is full");
}

#[test]
fn a_full_disk_is_told_once_counted_and_heals() {
    let scene =
        Scene::new("mount -t tmpfs -o size=64k none RUN; cat /dev/zero > RUN/ballast || true");
    let begin = wall_clock();
    let said = || scene.process.lines("vipd.state: No space left on device");
    scene.process.wait_log(TRYING, SOON);
    poll(SOON, "it is tried again", || scene.failures() >= 3);
    assert_eq!(said().len(), 1);
    scene.assert_steady_since(begin);
    fs::remove_file(scene.run.join("ballast")).expect("it is there");
    scene.process.wait_log("vipd.state can be written again", SOON);
    scene.wait_written();
    let counted = scene.failures();
    // While it runs, with a file that is there, too. Its own is given up then, and what that leaves may
    // be enough for the next.
    fill(&scene.run.join("ballast"));
    let from = wall_clock();
    scene.process.signal("HUP");
    poll(SOON, "it is told again", || said().len() == 2);
    assert!(scene.failures() > counted);
    fs::remove_file(scene.run.join("ballast")).expect("it is there");
    scene.wait_written();
    scene.assert_steady_since(from);
    assert_eq!(said().len(), 2);
}

#[test]
fn a_file_system_that_is_read_only_is_told_once_and_heals() {
    let scene = Scene::new("mount -t tmpfs -o size=64k,ro none RUN");
    let begin = wall_clock();
    scene.process.wait_log("vipd.state: Read-only file system", SOON);
    poll(SOON, "it is tried again", || scene.failures() >= 3);
    assert_eq!(scene.process.lines(TRYING).len(), 1);
    scene.assert_steady_since(begin);
    let pid = scene.process.pid().to_string();
    let path = scene.run.display().to_string();
    let path = path.split_once("/root").expect("inside").1;
    let enter = ["-t", &pid, "-m", "mount", "-o", "remount,rw", path];
    let entered = Command::new("nsenter").args(enter).status();
    assert!(entered.is_ok_and(|status| status.success()));
    scene.process.wait_log("vipd.state can be written again", SOON);
    scene.wait_written();
}

/// Once it died of that: the file was mapped.
#[test]
fn whoever_cuts_the_file_short_or_takes_it_away_harms_nobody() {
    let pair = Pair::new();
    let a = pair.start_a(&toml(100, FAST));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    type Ruin = fn(&Path);
    let ruin: [(&str, Ruin); 4] = [
        ("is cut short", |path| drop(File::create(path).expect("it is there"))),
        ("is removed", |path| fs::remove_file(path).expect("it is there")),
        ("is made a directory", |path| {
            fs::remove_file(path).expect("it is there");
            fs::create_dir(path).expect("its place is free");
        }),
        ("vanishes with its directory", |path| {
            let run = path.parent().expect("a directory");
            fs::rename(run, run.with_extension("away")).expect("it is there");
        }),
    ];
    for (what, ruin) in ruin {
        wait_state(&pair.lab, "state=MASTER");
        let from = wall_clock();
        ruin(&state_file(&pair.lab));
        let sent = || pair.hears_a.adverts_after(from);
        poll(SOON, what, || sent().len() > 10);
        assert_steady(&sent(), FAST_TICK);
        // What is new is written, if there is a place for it.
        a.signal("HUP");
        if what.contains("director") {
            let mark = if what.contains("vanishes") { 1 } else { 0 };
            poll(SOON, what, || a.lines(TRYING).len() > mark);
            let _ = fs::remove_dir(state_file(&pair.lab));
            if mark == 0 {
                a.wait_log("vipd.state can be written again", SOON);
            }
        }
    }
    assert!(a.is_running() && a.lines("MASTER -> ").is_empty());
}

/// What stands there in the place of the file of a run that was killed: one clear line, and it begins
/// as if there were none.
#[test]
fn what_is_no_file_of_ours_is_told_and_not_used() {
    let pair = Pair::new();
    let config = toml(150, V3);
    type Put = fn(&Path, &[u8]);
    let foreign: [(&str, Put); 10] = [
        ("it is no file of vipd", |path, _| symlink("/etc/passwd", path).expect("a link")),
        ("it is no file of vipd", |path, text| {
            let other = path.with_extension("other");
            fs::write(&other, text).expect("a file");
            symlink(other, path).expect("a link");
        }),
        ("it is no file of vipd", |path, _| {
            assert!(Command::new("mkfifo").arg(path).status().is_ok_and(|it| it.success()));
        }),
        ("it is no file of vipd", |path, _| fs::create_dir(path).expect("a directory")),
        ("it is no file of vipd", |path, _| {
            let file = File::create(path).expect("a file");
            file.set_len(1 << 40).expect("a file of holes");
        }),
        ("somebody else may have written it", |path, text| {
            fs::write(path, text).expect("a file");
            chown(path, Some(65_534), None).expect("root may");
        }),
        ("somebody else may have written it", |path, text| {
            fs::write(path, text).expect("a file");
            fs::set_permissions(path, Permissions::from_mode(0o666)).expect("it is ours");
        }),
        ("it is damaged", |path, text| {
            fs::write(path, [text, b"\xff\xfe"].concat()).expect("a file");
        }),
        ("it is damaged", |path, _| fs::write(path, "").expect("a file")),
        ("it is damaged", |path, _| fs::write(path, [0; 4096]).expect("a file")),
    ];
    for (says, put) in foreign {
        let a = pair.start_a(&config);
        a.wait_log("vip: BACKUP -> MASTER", SOON);
        wait_state(&pair.lab, "state=MASTER");
        kill(&a);
        let path = state_file(&pair.lab);
        let text = fs::read(&path).expect("it has left a file");
        fs::remove_file(&path).expect("it is there");
        put(&path, &text);
        let a = pair.start_a(&config);
        a.wait_log("vip: INIT -> BACKUP", SOON);
        let lines = a.lines(&format!("which an earlier run has left: {says}"));
        assert_eq!((lines.len(), a.lines("still MASTER").len()), (1, 0), "{says}: {:?}", a.log());
        // At the end there is nothing that the next one could stumble over, but what it cannot remove.
        a.wait_log("vip: BACKUP -> MASTER", SOON);
        a.signal("TERM");
        assert!(a.wait_end(SOON).success());
        let _ = fs::remove_dir(&path);
        assert!(!path.exists() && !pair.a.holds(VIP), "{says}");
    }
    assert_eq!(fs::metadata("/etc/passwd").map(|it| it.len() > 0).ok(), Some(true));
}
