//! Check scripts that hang, flood, vanish and worse. Beside the instance that tracks the script
//! stands another, whose advertisements have to stay where they are meanwhile.

use crate::lab::process::Process;
use crate::lab::tap::Tap;
use crate::lab::{poll, span, wall_clock, Host, Lab, SOON};
use crate::scripts::{
    assert_roughly, assert_steady, check, is_gone, of_router, status, wait_gone, Notes, FAST,
    FAST_TICK,
};
use crate::setup::{toml, vipd, VRID};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

const PROBE: u8 = 52;

/// A MASTER without checks, and `probe`, which tracks `chk`.
struct Scene {
    process: Process,
    tap: Tap,
    lab: Lab,
}

impl Scene {
    fn new(script: impl FnOnce(&Lab) -> String, more: &str) -> Self {
        let lab = Lab::new();
        let a: Host = lab.host("a", "10.77.0.1/24");
        let (tap, script) = (lab.tap(&a), script(&lab));
        let probe = format!(
            "[vrrp_instance.probe]\ninterface = \"eth0\"\nvirtual_router_id = {PROBE}\n\
             virtual_ipaddress = [\"10.77.0.101/24\"]\n{FAST}\ntrack_script = [\"chk\"]\n"
        );
        let process = lab.vipd(vipd(), &a, &(toml(100, FAST) + &probe + &check(&script, more)));
        process.wait_log("vip: BACKUP -> MASTER", SOON);
        Self { process, tap, lab }
    }

    /// A script that says when it starts and which processes are its own.
    fn with_script(text: &str, more: &str) -> (Self, Notes, Notes) {
        let mut notes = None;
        let scene = Self::new(
            |lab| {
                let (begun, pids) = (Notes::new(lab, "begun"), Notes::new(lab, "pids"));
                let head = format!(
                    "#!/bin/sh\ndate +%s%N >> {}\nPIDS={}\n",
                    begun.path().display(),
                    pids.path().display()
                );
                let script = lab.script("check.sh", &(head + text)).display().to_string();
                notes = Some((begun, pids));
                script
            },
            more,
        );
        let (begun, pids) = notes.expect("the script was made");
        (scene, begun, pids)
    }

    fn wait(&self, text: &str) -> u64 {
        self.process.wait_log(text, SOON).at
    }

    /// The other instance goes on as if nothing was.
    #[track_caller]
    fn assert_steady(&self) {
        let (now, sent) = (wall_clock(), || of_router(&self.tap.adverts(), VRID));
        poll(SOON, "ten more advertisements", || {
            sent().iter().filter(|advert| advert.at > now).count() >= 10
        });
        assert_steady(&sent(), FAST_TICK);
        assert_eq!(self.process.lines("vip: MASTER -> ").len(), 0);
    }
}

#[test]
fn a_timeout_is_a_failure_when_it_expires_and_the_group_is_killed() {
    let text = "trap '' TERM\nsleep 1000 & echo $$ $! | tr ' ' '\\n' >> $PIDS\n\
                while :; do wait; done\n";
    let (scene, begun, pids) = Scene::with_script(text, "interval = 30\ntimeout = 0.8");
    let fault = scene.wait("probe: BACKUP -> FAULT: check chk failed: timed out after 800.0 ms");
    let pids: Vec<u32> = pids.pids();
    assert_eq!(pids.len(), 2, "the script and what it has started");
    assert!(!pids.iter().any(|pid| is_gone(*pid)), "they do not heed SIGTERM");
    let timeout = Duration::from_millis(800);
    assert_roughly("from the start to FAULT", span(begun.stamps()[0], fault), timeout);
    wait_gone(&pids);
    let killed = span(fault, wall_clock());
    assert_roughly("from SIGTERM to SIGKILL", killed, Duration::from_secs(1));
    scene.assert_steady();
    assert_eq!(scene.process.lines("check chk: ").len(), 2, "the corpse is no news");
}

#[test]
fn a_script_that_hangs_but_heeds_the_signal() {
    let text = "sleep 1000 & echo $$ $! | tr ' ' '\\n' >> $PIDS\nwait\n";
    let (scene, _, pids) = Scene::with_script(text, "interval = 30\ntimeout = 0.5");
    let fault = scene.wait("probe: BACKUP -> FAULT: check chk failed: timed out after 500.0 ms");
    wait_gone(&pids.pids());
    assert!(span(fault, wall_clock()) < Duration::from_millis(900), "SIGTERM was enough");
    scene.assert_steady();
}

/// The script itself heeds SIGTERM, what it has started does not.
#[test]
fn what_the_script_has_started_does_not_outlive_a_timeout() {
    let text = "(trap '' TERM; exec sleep 1000) & echo $$ $! | tr ' ' '\\n' >> $PIDS\nwait\n";
    let (scene, _, pids) = Scene::with_script(text, "interval = 30\ntimeout = 0.5");
    scene.wait("probe: BACKUP -> FAULT: check chk failed: timed out after 500.0 ms");
    wait_gone(&pids.pids());
    scene.assert_steady();
}

/// A run that is due while the last one is still there is another failure, and there is never more
/// than one.
#[test]
fn runs_do_not_pile_up() {
    let text = "trap '' TERM\necho $$ >> $PIDS\nwhile :; do sleep 0.1; done\n";
    let (scene, begun, pids) = Scene::with_script(text, "interval = 0.3\nfall = 3");
    scene.wait("probe: BACKUP -> FAULT: check chk failed: timed out after 300.0 ms");
    begun.wait(3);
    let pids = pids.pids();
    assert!(pids.iter().filter(|pid| !is_gone(**pid)).count() <= 1, "{pids:?}");
    scene.assert_steady();
}

#[test]
fn a_flood_of_output_holds_nobody_up() {
    let scene = Scene::new(|_| "yes".to_owned(), "interval = 30\ntimeout = 2");
    scene.wait("probe: BACKUP -> FAULT: check chk failed: timed out after 2.00 s");
    scene.assert_steady();
    assert!(scene.process.children().is_empty());
}

#[test]
fn much_output_and_a_success() {
    let script = "head -c 200000 /dev/zero | tr '\\0' x; echo; echo done";
    let scene = Scene::new(|_| script.to_owned(), "interval = 0.3");
    scene.wait("check chk: exit 0, it said: done");
    scene.wait("probe: BACKUP -> MASTER");
    scene.assert_steady();
    assert_eq!(scene.process.lines("check chk: is fine now").len(), 1);
    assert_eq!(scene.process.lines("FAULT").len(), 0);
}

/// One line that does not end is not kept whole, in no log line and in no memory.
#[test]
fn an_endless_line_is_cut() {
    let script = "head -c 200000 /dev/zero | tr '\\0' x; exit 1";
    let scene = Scene::new(|_| script.to_owned(), "interval = 0.3");
    scene.wait("probe: BACKUP -> FAULT: check chk failed: exit 1, it said: xxx");
    let longest = scene.process.log().iter().map(|line| line.text.len()).max();
    assert!(longest.is_some_and(|longest| longest < 1000), "{longest:?}");
    scene.assert_steady();
}

/// What a script leaves behind may keep its output open; the result does not wait for that.
#[test]
fn a_result_does_not_wait_for_what_was_left_behind() {
    let text = "setsid sleep 1000 & echo $! >> $PIDS\necho left\n";
    let (scene, begun, pids) = Scene::with_script(text, "interval = 30\ntimeout = 20");
    let result = scene.wait("check chk: exit 0, it said: left");
    assert!(span(begun.stamps()[0], result) < Duration::from_secs(5));
    scene.wait("probe: BACKUP -> MASTER");
    let pids = pids.pids();
    assert!(!is_gone(pids[0]), "a success kills nobody");
    scene.assert_steady();
}

#[test]
fn a_script_that_vanishes_has_failed_and_may_come_back() {
    let (scene, begun, _) = Scene::with_script("exit 0\n", "interval = 0.2");
    scene.wait("probe: BACKUP -> MASTER");
    begun.wait(3);
    let (path, away) = (path(&scene.lab), scene.lab.directory().join("away"));
    std::fs::rename(&path, &away).expect("the script is there");
    let says = format!("probe: MASTER -> FAULT: check chk failed: cannot run {}: ", path.display());
    scene.wait(&says);
    assert!(status(&scene.process, "check chk").contains("No such file"));
    std::fs::rename(&away, &path).expect("the script is there");
    scene.wait("probe: FAULT -> BACKUP: check chk is fine again");
    scene.assert_steady();
}

fn path(lab: &Lab) -> std::path::PathBuf {
    lab.directory().join("check.sh")
}

#[test]
fn a_script_that_is_not_executable_any_more_has_failed() {
    let (scene, begun, _) = Scene::with_script("exit 0\n", "interval = 0.2");
    scene.wait("probe: BACKUP -> MASTER");
    begun.wait(3);
    let mode = |bits| std::fs::Permissions::from_mode(bits);
    std::fs::set_permissions(path(&scene.lab), mode(0o644)).expect("the script is there");
    scene.wait("probe: MASTER -> FAULT: check chk failed: cannot run ");
    assert!(status(&scene.process, "check chk").contains("Permission denied"));
    scene.assert_steady();
}

#[test]
fn a_script_whose_interpreter_is_missing_has_failed() {
    let script = |lab: &Lab| lab.script("x.sh", "#!/no/such/shell\n").display().to_string();
    let scene = Scene::new(script, "interval = 0.2");
    scene.wait("probe: BACKUP -> FAULT: check chk failed: cannot run ");
    assert!(status(&scene.process, "check chk").contains("or its interpreter"));
    scene.assert_steady();
}

#[test]
fn a_script_without_a_first_line_has_failed_and_is_told_why() {
    let script = |lab: &Lab| lab.script("x.sh", "exit 0\n").display().to_string();
    let scene = Scene::new(script, "interval = 0.2");
    scene.wait("probe: BACKUP -> FAULT: check chk failed: cannot run ");
    assert!(status(&scene.process, "check chk").contains("does it begin with #!/bin/sh?"));
    scene.assert_steady();
}

#[test]
fn a_script_that_dies_by_a_signal_has_failed() {
    let scene = Scene::new(|_| "kill -SEGV $$".to_owned(), "interval = 0.2");
    scene.wait("probe: BACKUP -> FAULT: check chk failed: killed by SIGSEGV");
    scene.assert_steady();
}

#[test]
fn a_user_of_its_own() {
    let id = |arguments: &[&str]| {
        let output = std::process::Command::new("id").args(arguments).output().expect("id(1)");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let nobody = [id(&["-u", "nobody"]), id(&["-g", "nobody"]), id(&["-G", "nobody"])].join(" ");
    let daemon = [id(&["-u", "nobody"]), id(&["-g", "daemon"]), id(&["-g", "daemon"])].join(" ");
    for (user, is) in [("nobody", nobody), ("nobody daemon", daemon)] {
        let more = format!("user = \"{user}\"\ninterval = 0.3");
        let script = "echo $(id -u) $(id -g) $(id -G) caps $(grep CapEff /proc/self/status)";
        let scene = Scene::new(|_| script.to_owned(), &more);
        let says = format!("check chk: exit 0, it said: {is} caps CapEff: 0000000000000000");
        scene.wait(&says);
        scene.wait("probe: BACKUP -> MASTER");
        scene.assert_steady();
    }
}

#[test]
fn a_check_does_not_outlive_a_killed_daemon() {
    let scene = Scene::new(|_| "sleep 1000".to_owned(), "interval = 30");
    poll(SOON, "the check runs", || !scene.process.children().is_empty());
    let check = scene.process.children();
    let name = |pid: u32| std::fs::read_to_string(Path::new("/proc").join(format!("{pid}/comm")));
    poll(SOON, "it is what was asked for", || name(check[0]).is_ok_and(|name| name == "sleep\n"));
    scene.process.signal("KILL");
    wait_gone(&check);
}
