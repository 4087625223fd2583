//! What runs out while the daemon runs: descriptors, processes, memory, room in queues. The adverts go
//! on, it is said once and counted, and it heals by itself.

use crate::lab::process::Process;
use crate::lab::shortage::{descriptors, limit, Injection};
use crate::lab::tap::Tap;
use crate::lab::{poll, span, wall_clock, Host, Lab, SOON};
use crate::scripts::{assert_steady, of_router, vipd_after, wait_priority, Notes, FAST, FAST_TICK};
use crate::setup::{toml, vipd, VRID};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const PROBE: u8 = 52;

/// A MASTER without checks, `vip`, and `probe`, which may have all kinds of things.
pub struct Scene {
    /// The daemon.
    pub process: Process,
    /// What it sends.
    pub tap: Tap,
    /// 10.77.0.1
    pub a: Host,
    /// Their network.
    pub lab: Lab,
}

impl Scene {
    /// `probe` is MASTER, too, with what the lines say.
    pub fn new(probe: impl FnOnce(&Lab) -> String) -> Self {
        let lab = Lab::new();
        let a = lab.host("a", "10.77.0.1/24");
        let (tap, probe) = (lab.tap(&a), probe(&lab));
        let probe = format!(
            "[vrrp_instance.probe]\ninterface = \"eth0\"\nvirtual_router_id = {PROBE}\n\
             virtual_ipaddress = [\"10.77.0.101/24\"]\n{FAST}\n{probe}"
        );
        let process = lab.vipd(vipd(), &a, &(toml(100, FAST) + &probe));
        process.wait_log("vip: BACKUP -> MASTER", SOON);
        process.wait_log("probe: BACKUP -> MASTER", SOON);
        Self { process, tap, a, lab }
    }

    /// The adverts of `vip` since a moment, ten at least, came on their raster.
    #[track_caller]
    pub fn assert_steady_since(&self, begin: u64) {
        let sent = || of_router(&self.tap.adverts_after(begin), VRID);
        poll(SOON, "ten more adverts", || sent().len() > 10);
        assert_steady(&sent(), FAST_TICK);
        assert_eq!(self.process.lines("vip: MASTER -> ").len(), 0);
    }

    /// A counter of what has run out; 0 if it is not told.
    pub fn shortage(&self, name: &str) -> u64 {
        let mark = self.process.mark();
        self.process.signal("USR1");
        self.process.wait_log_after(mark, "status: interface", SOON);
        let lines = self.process.lines_after(mark, "status: shortage:");
        let words: Vec<&str> = lines.iter().flat_map(|line| line.text.split(' ')).collect();
        let found = words.windows(2).find(|pair| pair[0] == name);
        found.map_or(0, |pair| pair[1].parse().expect("a number"))
    }

    /// The log has one line with this text.
    #[track_caller]
    pub fn assert_said_once(&self, text: &str) {
        self.process.wait_log(text, SOON);
        let lines = self.process.lines(text);
        assert_eq!(lines.len(), 1, "{text}: {lines:?}");
    }

    /// Puts up with `begin` and `end` around what is short meanwhile: a check fails, its notify script
    /// waits, and both come back.
    #[track_caller]
    fn assert_check_and_notify_heal(&self, told: &Notes, begin: impl FnOnce(), end: impl FnOnce()) {
        let last = || told.lines().last().is_some_and(|line| line.starts_with("MASTER "));
        poll(SOON, "the first states are told", last);
        let (before, moment) = (told.lines().len(), wall_clock());
        begin();
        self.process.wait_log("probe: MASTER -> FAULT: check chk failed: ", SOON);
        self.process.wait_log("probe: notify for FAULT: ", SOON);
        self.assert_steady_since(moment);
        // It is tried again and fails again: that is no news.
        poll(SOON, "checks and scripts are tried again", || {
            self.shortage("scripts_not_started") >= 5
        });
        self.assert_said_once("check chk: cannot ");
        self.assert_said_once("; trying again every second");
        assert_eq!(told.lines().len(), before);
        end();
        self.process.wait_log("could be started at last", SOON);
        self.process.wait_log("probe: FAULT -> BACKUP: check chk is fine again", SOON);
        // Those that were over by then may be left out.
        poll(SOON, "the last state is told", || told.lines().len() > before && last());
        self.assert_steady_since(moment);
    }
}

/// A check that succeeds, and a notify script that notes the state.
fn check_and_notify(lab: &Lab, more: &str) -> (String, Notes) {
    let told = Notes::new(lab, "told");
    let mode = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(told.path(), mode).expect("every user may write to it");
    let notify = format!("echo $VRRP_STATE >> {}", told.path().display());
    let toml = format!(
        "track_script = [\"chk\"]\nnotify = '''{notify}'''\n\
         [vrrp_script.chk]\nscript = \"/bin/true\"\ninterval = 0.3\n{more}\n"
    );
    (toml, told)
}

fn with_check_and_notify(more: &str) -> (Scene, Notes) {
    let mut notes = None;
    let scene = Scene::new(|lab| {
        let (toml, told) = check_and_notify(lab, more);
        notes = Some(told);
        toml
    });
    (scene, notes.expect("they were made"))
}

#[test]
fn no_descriptor_is_left() {
    let (scene, told) = with_check_and_notify("");
    let few = || limit(&scene.process, "nofile", Some(descriptors(&scene.process)));
    let many = || limit(&scene.process, "nofile", None);
    scene.assert_check_and_notify_heal(&told, few, many);
    let said = &scene.process.lines("check chk: cannot be started: Too many open files")[0].text;
    assert!(said.contains("raise the limit of open files"), "{said}");
}

/// It takes as many as it is allowed, and its scripts get what it was given.
#[test]
fn more_descriptors_than_it_was_given() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let toml = toml(100, &format!("{FAST}\ntrack_script = [\"chk\"]"))
        + "[vrrp_script.chk]\nscript = \"echo $(ulimit -Sn)\"\ninterval = 0.3\n";
    let process = vipd_after(&lab, &a, "ulimit -Sn 64", &toml, &["-l", "stderr"]);
    process.wait_log("check chk: exit 0, it said: 64", SOON);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.pid()));
    let limits = limits.expect("it runs");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    let soft: u32 =
        line.split_whitespace().nth(3).and_then(|it| it.parse().ok()).expect("a number");
    assert!(soft > 64, "{line}");
}

/// As at a fork bomb of the user: who is one too many is told so when it executes.
#[test]
fn the_user_of_a_script_has_too_many_processes() {
    let (scene, told) =
        with_check_and_notify("user = \"nobody\"\n[global_defs]\nscript_user = \"nobody\"");
    let mut other = Command::new("setpriv");
    other.args(["--reuid=nobody", "--clear-groups", "sleep", "1000"]);
    let other = scene.lab.spawn("a process of that user", other);
    poll(SOON, "it belongs to nobody", || owner(other.pid()) == owner_of("nobody"));
    let few = || limit(&scene.process, "nproc", Some(0));
    let many = || limit(&scene.process, "nproc", None);
    scene.assert_check_and_notify_heal(&told, few, many);
    let said = &scene.process.lines("check chk: cannot run /")[0].text;
    assert!(said.contains("has too many processes"), "{said}");
}

fn owner(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn owner_of(user: &str) -> Option<u32> {
    let output = Command::new("id").args(["-u", user]).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

/// The same where the kernel refuses the process itself (EAGAIN: pids.max of a control group), memory
/// for it, or a pipe.
#[test]
fn nothing_can_be_started() {
    for what in ["clone:error=EAGAIN", "clone:error=ENOMEM", "pipe2:error=ENFILE"] {
        let (scene, told) = with_check_and_notify("");
        let injection = std::cell::RefCell::new(None);
        let begin = || *injection.borrow_mut() = Some(Injection::begin(&scene.process, what));
        scene.assert_check_and_notify_heal(&told, begin, || drop(injection.take()));
    }
}

/// What has been started and cannot be waited for is ended: nobody would hear of its result.
#[test]
fn nothing_more_can_be_watched() {
    let (scene, _) = with_check_and_notify("");
    let begin = wall_clock();
    let injection = Injection::begin(&scene.process, "epoll_ctl:error=ENOSPC");
    scene.process.wait_log("probe: MASTER -> FAULT: check chk failed: cannot wait for it: ", SOON);
    injection.wait(5);
    scene.assert_steady_since(begin);
    // The next one may just have been started.
    poll(SOON, "none is left", || scene.process.children().is_empty());
    scene.assert_said_once("warning check chk: cannot wait for it: ");
    drop(injection);
    scene.process.wait_log("probe: FAULT -> BACKUP: check chk is fine again", SOON);
    scene.assert_steady_since(begin);
}

/// A failure that passes is none with `fall`.
#[test]
fn a_moment_without_processes_moves_nothing_with_fall() {
    let (scene, _) = with_check_and_notify("fall = 3");
    let injection = Injection::begin(&scene.process, "clone:error=EAGAIN:when=1..2");
    injection.wait(2);
    scene.process.wait_log_after(0, "check chk: exit 0", SOON);
    poll(SOON, "it has succeeded again", || scene.process.lines("check chk: exit 0").len() == 2);
    assert_eq!(scene.process.lines("FAULT").len(), 0);
    assert_eq!(scene.shortage("scripts_not_started"), 2);
}

/// What cannot be looked at is not gone.
#[test]
fn files_and_processes_cannot_be_looked_at() {
    let mut file = None;
    let scene = Scene::new(|lab| {
        let path = lab.file("weight", "10\n");
        let name = format!("vtx{}", std::process::id());
        let program = lab.program(&name, Path::new("/bin/sleep"));
        lab.spawn("tracked", {
            let mut command = Command::new(&program);
            command.arg("1000");
            command
        });
        let toml = format!(
            "track_file = [{{ name = \"it\", weight = 1 }}]\ntrack_process = [\"ps\"]\n\
             [track_file.it]\nfile = \"{}\"\n[track_process.ps]\nprocess = \"{name}\"\ninterval = 0.1\n",
            path.display()
        );
        file = Some(path);
        toml
    });
    let file = file.expect("it was made");
    wait_priority(&scene.tap, PROBE, 110, 0);
    let begin = wall_clock();
    limit(&scene.process, "nofile", Some(descriptors(&scene.process)));
    std::fs::write(&file, "20\n").expect("a file of the lab");
    scene.process.wait_log("file it: Too many open files", SOON);
    // Whoever executes is looked at, where the kernel tells of it; elsewhere all are, again and again.
    poll(SOON, "they are looked at again", || {
        let _ = Command::new("true").status();
        scene.shortage("looks_refused") >= 4
    });
    scene.assert_steady_since(begin);
    let sent = of_router(&scene.tap.adverts_after(begin), PROBE);
    assert!(sent.iter().all(|advert| advert.priority == 110), "what was known stands");
    limit(&scene.process, "nofile", None);
    wait_priority(&scene.tap, PROBE, 120, begin);
    scene.process.wait_log("file it: it can be read again", SOON);
    scene.assert_said_once("file it: Too many open files");
    assert_eq!(scene.process.lines("probe: MASTER -> ").len(), 0);
}

/// inotify has limits for all programs of a user.
#[test]
fn nobody_tells_of_files() {
    let mut file = None;
    let scene = Scene::new(|lab| {
        let path = lab.directory().join("away").join("weight");
        let toml = format!(
            "track_file = [{{ name = \"it\", weight = 1 }}]\n[track_file.it]\nfile = \"{}\"\n",
            path.display()
        );
        file = Some(path);
        toml
    });
    let file = file.expect("it was chosen");
    let begin = wall_clock();
    let injection = Injection::begin(&scene.process, "inotify_add_watch:error=ENOSPC");
    std::fs::create_dir(file.parent().expect("a folder")).expect("a folder of the lab");
    injection.wait(1);
    std::fs::write(&file, "20\n").expect("a file of the lab");
    wait_priority(&scene.tap, PROBE, 120, begin);
    std::fs::write(&file, "30\n").expect("a file of the lab");
    wait_priority(&scene.tap, PROBE, 130, begin);
    scene.assert_steady_since(begin);
    drop(injection);
    std::fs::write(&file, "40\n").expect("a file of the lab");
    wait_priority(&scene.tap, PROBE, 140, begin);
}

/// A check that prints without end, and a service that does so where a notify script has left it: they
/// are read, but neither the adverts nor the processor are theirs.
#[test]
fn what_prints_without_end_costs_little() {
    let scene = Scene::new(|_| {
        "notify_master = \"setsid yes & true\"\ntrack_script = [\"chk\"]\n\
         [vrrp_script.chk]\nscript = \"yes\"\ninterval = 60\ntimeout = 50\nweight = 5\n"
            .to_owned()
    });
    scene.process.wait_log("probe: notify_master for MASTER: done", SOON);
    let (begin, before) = (wall_clock(), ticks(scene.process.pid()));
    scene.tap.wait_adverts(begin, 60, SOON);
    let used = Duration::from_millis(10) * (ticks(scene.process.pid()) - before);
    let past = span(begin, wall_clock());
    assert!(used * 5 < past, "{used:?} of the processor in {past:?}");
    scene.assert_steady_since(begin);
}

/// The time of the processor that a process has used, in hundredths of a second.
fn ticks(pid: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let behind = stat.rsplit(") ").next().expect("its name stands in parentheses");
    let fields: Vec<u32> = behind.split(' ').skip(11).take(2).flat_map(str::parse).collect();
    fields.iter().sum()
}

/// What it has is enough for all that it does: not a page more is needed.
#[test]
fn no_memory_is_left() {
    let (scene, told) = with_check_and_notify("");
    scene.process.signal("USR1");
    scene.process.wait_log("status: interface", SOON);
    let begin = wall_clock();
    let text = std::fs::read_to_string(format!("/proc/{}/statm", scene.process.pid()));
    let pages: u64 = text.expect("it runs").split(' ').next().unwrap().parse().expect("pages");
    limit(&scene.process, "as", Some(pages * 4096));
    for _ in 0..10 {
        scene.process.signal("USR1");
    }
    let count = told.lines().len();
    scene.lab.carrier(&scene.a, false);
    scene.process.wait_log("probe: MASTER -> FAULT: eth0 is down", SOON);
    scene.lab.carrier(&scene.a, true);
    scene.process.wait_log("probe: FAULT -> BACKUP", SOON);
    let back = scene.process.wait_log_after(scene.process.mark() - 1, "", Duration::ZERO).at;
    told.wait(count + 2);
    poll(SOON, "adverts", || of_router(&scene.tap.adverts_after(back), VRID).len() > 10);
    assert!(begin < back && scene.process.is_running());
    scene.tap.wait_adverts(wall_clock(), 10, SOON);
}
