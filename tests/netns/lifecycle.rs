//! The daemon's life: how it starts, in the foreground and in the background, what it does with
//! signals, how it ends, and what it leaves.

use crate::lab::process::Process;
use crate::lab::{poll, span, wall_clock, Host, Lab, SOON, VIP};
use crate::scripts::{is_gone, status, vipd_after, wait_gone, wait_priority, Notes, FAST};
use crate::setup::{toml, vipd, Pair, V3, VRID};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// A host, and a file with a configuration.
struct Scene {
    a: Host,
    file: PathBuf,
    run: PathBuf,
    lab: Lab,
}

impl Scene {
    fn new(more: &str) -> Self {
        let lab = Lab::new();
        let a = lab.host("a", "10.77.0.1/24");
        let file = lab.file("vipd.toml", &toml(100, &format!("{FAST}\n{more}")));
        let run = lab.directory().join("run");
        Self { a, file, run, lab }
    }

    /// vipd with the file and the run directory, behind a prefix such as `setpriv`.
    fn command(&self, prefix: &[&str], more: &[&str]) -> Command {
        let vipd = vipd().display().to_string();
        let all = [prefix, &[vipd.as_str()]].concat();
        let mut command = self.a.namespace.command(all[0].as_ref());
        command.args(&all[1..]).arg("-f").arg(&self.file).arg("-r").arg(&self.run).args(more);
        command.stdin(Stdio::null());
        command
    }

    /// Runs to its end: code, and all that was said.
    fn output(&self, prefix: &[&str], more: &[&str]) -> (i32, String) {
        // Should it go on, against what the test expects, then not for ever.
        let prefix = [&["timeout", "20"], prefix].concat();
        outcome(self.command(&prefix, more).output().expect("vipd can be run"))
    }

    /// In the foreground.
    fn start(&self) -> Process {
        self.lab.spawn("a", self.command(&[], &["-n"]))
    }

    fn pid_file(&self) -> PathBuf {
        self.run.join("vipd.pid")
    }

    /// What stands in the pid file.
    fn pid(&self) -> u32 {
        let text = std::fs::read_to_string(self.pid_file()).expect("the pid file is there");
        text.strip_suffix('\n').and_then(|pid| pid.parse().ok()).expect("a number and a newline")
    }
}

fn outcome(output: Output) -> (i32, String) {
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().expect("an exit code"), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_second_daemon_does_not_start() {
    let scene = Scene::new("");
    let process = scene.start();
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    assert_eq!(scene.pid(), process.pid(), "in the foreground, too");
    for more in [&["-n"][..], &[]] {
        let (code, said) = scene.output(&[], [more, &["-l", "stderr"]].concat().as_slice());
        let message = format!("vipd: already running (process {}): ", process.pid());
        assert!(code == 69 && said.contains(&message), "{code}: {said}");
    }
    assert_eq!(scene.pid(), process.pid());
    assert!(status(&process, "vip").contains("MASTER"));
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    assert!(!scene.pid_file().exists());
}

#[test]
fn a_pid_file_left_behind_is_no_obstacle() {
    let scene = Scene::new("");
    std::fs::create_dir_all(&scene.run).expect("a directory of the lab");
    // A process that lives, but is no vipd.
    std::fs::write(scene.pid_file(), format!("{}\n", std::process::id())).expect("a file");
    let process = scene.start();
    process.wait_log(" starts", SOON);
    assert_eq!(scene.pid(), process.pid());
    process.signal("KILL");
    process.wait_end(SOON);
    assert_eq!(scene.pid(), process.pid(), "a killed daemon leaves it");
    let process = scene.start();
    process.wait_log(" starts", SOON);
    assert_eq!(scene.pid(), process.pid());
}

#[test]
fn without_the_rights_it_does_not_start() {
    let scene = Scene::new("");
    let rights = "it needs CAP_NET_ADMIN and CAP_NET_RAW";
    for set in ["-all", "-net_admin", "-net_raw"] {
        for more in [&["-n"][..], &[]] {
            let prefix = ["setpriv", "--bounding-set", set];
            let (code, said) = scene.output(&prefix, [more, &["-l", "stderr"]].concat().as_slice());
            assert!(code == 77 && said.contains(rights), "{set} {more:?}: {code}: {said}");
            assert!(!scene.pid_file().exists());
        }
    }
    let nobody = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"];
    let (code, said) = scene.output(&nobody, &["-n"]);
    let says = format!("vipd: cannot use {}: Permission denied", scene.pid_file().display());
    assert!(code == 77 && said.contains(&says), "{code}: {said}");
}

/// With the pipes of its caller: `output` returns when nobody holds them any more.
#[test]
fn in_the_background_it_is_ready_when_the_command_returns() {
    let scene = Scene::new("");
    let log = Syslog::new(&scene.lab);
    let mount = ["sh", "-c", &format!("{} && exec \"$@\"", log.mount()), "sh"];
    let (code, said) = scene.output(&mount, &[]);
    assert_eq!((code, said.as_str()), (0, ""));
    let pid = scene.pid();
    assert!(!is_gone(pid));
    log.wait(pid, "vipd 0");
    let link = |path: &str| std::fs::read_link(format!("/proc/{pid}/{path}")).expect("it runs");
    for fd in 0..=2 {
        assert_eq!(link(&format!("fd/{fd}")), PathBuf::from("/dev/null"));
    }
    assert_eq!(link("cwd"), PathBuf::from("/"));
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    let (session, terminal) = (fields[3], fields[4]);
    assert!(session != pid.to_string() && terminal == "0", "it can get no terminal: {stat}");

    log.wait(pid, "vip: BACKUP -> MASTER");
    assert!(scene.a.holds(VIP));
    crate::lab::process::signal_pid(pid, "TERM");
    wait_gone(&[pid]);
    assert!(!scene.pid_file().exists() && !scene.a.holds(VIP));
    log.wait(pid, "stopped");
}

#[test]
fn syslog_has_every_line_with_its_severity() {
    let scene = Scene::new("");
    let log = Syslog::new(&scene.lab);
    let bad =
        "track_script = [\"chk\"]\nnotify_master = 'exit 1'\n[vrrp_script.chk]\nscript = 'true'\n\
               interval = 0.2\nweight = 20";
    let toml = toml(100, &format!("{FAST}\n{bad}"));
    let process = vipd_after(&scene.lab, &scene.a, &log.mount(), &toml, &["-l", "syslog"]);
    let pid = process.pid();
    // Facility daemon is 24; a warning 4, information 6, an error 3.
    log.wait(pid, "vip: BACKUP -> MASTER");
    let (all, tag) = (log.lines(), format!("vipd[{pid}]: "));
    let severity = |text: &str| {
        let line = all.iter().find(|line| line.contains(text)).expect("it was said");
        line.split_once('>').map(|(number, _)| number.to_owned()).expect("a severity")
    };
    assert!(all.iter().all(|line| line.split_once('>').is_some_and(|l| l.1.starts_with(&tag))));
    assert!(all.iter().all(|line| !line.ends_with('\n')), "{all:?}");
    assert_eq!(severity(" starts"), "<30");
    assert_eq!(severity("vip: BACKUP -> MASTER"), "<28");
    assert_eq!(severity("weight 20: chk failing lowers"), "<28");
    log.wait(pid, "vip: notify_master for MASTER: exit 1");
    assert!(process.log().is_empty(), "nothing goes to stderr");

    // The log daemon is restarted: another socket at the same place.
    drop(log);
    let log = Syslog::new(&scene.lab);
    process.signal("HUP");
    log.wait(pid, "reload: ");
    // There is none any more: nothing is lost but the lines.
    drop(log);
    process.signal("USR1");
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
}

/// A log daemon.
pub struct Syslog {
    directory: PathBuf,
    socket: UnixDatagram,
    lines: std::cell::RefCell<Vec<String>>,
}

impl Syslog {
    /// It listens in a folder of the lab.
    pub fn new(lab: &Lab) -> Self {
        let directory = lab.directory().join("dev");
        std::fs::create_dir_all(&directory).expect("a directory of the lab");
        std::fs::write(directory.join("null"), "").ok();
        let path = directory.join("log");
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(path).expect("a socket of the lab");
        socket.set_nonblocking(true).expect("it may be");
        Self { directory, socket, lines: std::cell::RefCell::default() }
    }

    /// Puts it at `/dev/log`, and nothing but `/dev/null` beside it.
    pub fn mount(&self) -> String {
        let dev = self.directory.display();
        format!("mount --bind /dev/null {dev}/null && mount --rbind {dev} /dev")
    }

    /// What it was told so far.
    pub fn lines(&self) -> Vec<String> {
        let mut buffer = [0; 8192];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let line = String::from_utf8_lossy(&buffer[..length]).into_owned();
            self.lines.borrow_mut().push(line);
        }
        self.lines.borrow().clone()
    }

    #[track_caller]
    fn wait(&self, pid: u32, text: &str) {
        let begin = format!("vipd[{pid}]: {text}");
        poll(SOON, &format!("the log has \"{begin}\""), || {
            self.lines().iter().any(|line| line.contains(&begin))
        });
    }
}

#[test]
fn without_a_log_daemon_it_says_so() {
    let scene = Scene::new("");
    let mount = format!(
        "mkdir {0}/dev && touch {0}/dev/null && mount --bind /dev/null {0}/dev/null && \
         mount --rbind {0}/dev /dev && exec \"$@\"",
        scene.lab.directory().display()
    );
    for more in [&[][..], &["-n", "-l", "syslog"]] {
        let (code, said) =
            scene.output(&["sh", "-c", &mount.replace("mkdir", "mkdir -p"), "sh"], more);
        let says = "vipd: cannot log to syslog: No such file or directory";
        assert!(code == 71 && said.contains(says), "{code}: {said}");
    }
}

#[test]
fn a_stop_resigns_at_once_and_waits_for_notify_stop() {
    let pair = Pair::new();
    let notes = Notes::new(&pair.lab, "notes");
    let script = format!("#!/bin/sh\nsleep 2\necho stopped >> {}\n", notes.path().display());
    let script = pair.lab.script("stop.sh", &script).display().to_string();
    let a = toml(150, &format!("{V3}\nnotify_stop = \"{script}\""));
    let (a, _b) = pair.start_both(&a, &toml(100, V3));
    let begin = wall_clock();
    a.signal("TERM");
    pair.lab.wait_holder(&pair.b, SOON);
    assert!(a.is_running() && notes.lines().is_empty(), "the other has it while the script runs");
    assert!(a.wait_end(SOON).success());
    let took = span(begin, wall_clock()).as_secs_f64();
    assert!((2.0..5.0).contains(&took), "{took} s");
    assert_eq!(notes.lines(), ["stopped"]);
    let sent = pair.hears_a.adverts_after(begin);
    let last: Vec<u8> = sent.iter().map(|advert| advert.priority).collect();
    assert_eq!(last.iter().filter(|priority| **priority == 0).count(), 1, "{last:?}");
    assert_eq!(last.last(), Some(&0));
    assert!(span(begin, sent[sent.len() - 1].at) < Duration::from_secs(1));
    a.wait_log("vip: notify_stop for STOP: done in 2.", SOON);
    a.wait_log("stopped", SOON);
}

/// Whoever asks for a reload before the daemon has begun has not ended it: the configuration is
/// still being read, from a FIFO, which is not waited for a second time.
#[test]
fn a_hangup_before_the_beginning() {
    let scene = Scene::new("");
    let text = std::fs::read(&scene.file).expect("a file of the lab");
    std::fs::remove_file(&scene.file).expect("removed");
    let made = Command::new("mkfifo").arg(&scene.file).status().expect("mkfifo can be run");
    assert!(made.success());
    let process = scene.start();
    let about = format!("/proc/{}/status", process.pid());
    poll(SOON, "it minds its signals", || {
        let about = std::fs::read_to_string(&about).expect("it runs");
        let blocked = about.lines().find_map(|line| line.strip_prefix("SigBlk:\t"));
        blocked.is_some_and(|mask| u64::from_str_radix(mask, 16).expect("hexadecimal") & 1 == 1)
    });
    process.signal("HUP");
    std::fs::write(&scene.file, text).expect("it reads");
    process.wait_log("vipd.toml again: it is no regular file", SOON);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
}

/// Not one more is started, and that we end the one that runs is no failure of it.
#[test]
fn a_stop_ends_the_checks() {
    let scene = Scene::new("");
    let notes = Notes::new(&scene.lab, "notes");
    let script = format!("echo run >> {}; sleep 0.3", notes.path().display());
    let stops = format!(
        "{FAST}\nnotify_stop = 'sleep 1'\ntrack_script = [\"chk\"]\n\
         [vrrp_script.chk]\nscript = '{script}'\ninterval = 0.4"
    );
    std::fs::write(&scene.file, toml(100, &stops)).expect("a file of the lab");
    let process = scene.start();
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    let mark = process.mark();
    let before = notes.lines().len();
    // With the next line a run has begun, and it takes a while.
    let runs = notes.wait(before + 1).len();
    process.signal("TERM");
    process.wait_log("vip: notify_stop for STOP: done in 1.", SOON);
    assert!(process.wait_end(SOON).success());
    let said = process.lines_after(mark, "check chk:");
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(notes.lines().len(), runs);
}

/// Also its group, although the script heeds no SIGTERM.
#[test]
fn a_stop_does_not_wait_for_ever() {
    let text = "#!/bin/sh\ntrap '' TERM\nsleep 1000 & echo $$ $! | tr ' ' '\\n' > $0.pids\n\
                while :; do wait; done\n";
    let scene = Scene::new("");
    let script = scene.lab.script("stop.sh", text).display().to_string();
    let notify = format!("{FAST}\nnotify_stop = \"{script}\"");
    std::fs::write(&scene.file, toml(100, &notify)).expect("a file of the lab");
    let pids = || -> Vec<u32> {
        let text = std::fs::read_to_string(format!("{script}.pids")).unwrap_or_default();
        text.lines().filter_map(|pid| pid.parse().ok()).collect()
    };
    let process = scene.start();
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    let begin = wall_clock();
    process.signal("TERM");
    assert!(process.wait_end(2 * SOON).success());
    let took = span(begin, wall_clock()).as_secs_f64();
    assert!((9.9..13.0).contains(&took), "{took} s");
    process.wait_log("vip: a notify script is still running: killing it", SOON);
    wait_gone(&pids());
    assert!(!scene.a.holds(VIP));

    // A second signal does not wait at all.
    let process = scene.start();
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    std::fs::remove_file(format!("{script}.pids")).expect("it was there");
    process.signal("TERM");
    poll(SOON, "the script runs", || pids().len() == 2);
    let begin = wall_clock();
    process.signal("INT");
    assert!(process.wait_end(SOON).success());
    assert!(span(begin, wall_clock()) < Duration::from_secs(3));
    process.wait_log("SIGINT again: not waiting for scripts any more", SOON);
    wait_gone(&pids());
}

#[test]
fn a_hangup_changes_nothing_and_usr1_shows_the_state() {
    let scene = Scene::new("");
    let tap = scene.lab.tap(&scene.a);
    let process = scene.start();
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    std::fs::write(&scene.file, "nonsense").expect("a file of the lab");
    process.signal("HUP");
    let line = process.wait_log("reload: the configuration stays as it is", SOON);
    let adverts = tap.wait_adverts(line.at, 5, SOON);
    assert!(adverts.iter().all(|advert| advert.priority == 100));
    let says = status(&process, "vip");
    assert!(says.contains("status: vip: MASTER for ") && says.contains(", priority 100 of 100"));
    assert_eq!(process.lines("MASTER -> ").len(), 0);
    assert!(scene.a.holds(VIP));
}

#[test]
fn what_a_killed_run_has_left_is_removed_and_nothing_else() {
    let pair = Pair::new();
    let foreign = "10.77.0.101";
    let with_both = |priority| {
        let one = format!("\"{VIP}/24\"");
        toml(priority, V3).replace(&one, &format!("{one}, \"{foreign}/24\""))
    };
    pair.a.ip(&[&format!("address add {foreign}/24 dev eth0")]);
    let (a, b) = pair.start_both(&with_both(150), &with_both(120));
    a.signal("KILL");
    a.wait_end(SOON);
    b.wait_log("vip: BACKUP -> MASTER", SOON);
    let of_a = || pair.a.namespace.ip_output(&["-4", "-o", "address", "show", "dev", "eth0"]);
    assert!(of_a().contains(&format!(" {VIP}/24 ")), "{}", of_a());
    let a = pair.start_a(&with_both(100));
    a.wait_log("vip: INIT -> BACKUP", SOON);
    a.wait_log("removing 10.77.0.100 from eth0: an earlier run has left it there", SOON);
    poll(SOON, "it is gone", || !pair.a.holds(VIP));
    assert!(of_a().contains(&format!(" {foreign}/24 ")), "{}", of_a());
    assert_eq!(a.lines("from eth0: an earlier run").len(), 1);
    assert_eq!(pair.lab.holders(VIP), ["b"]);
    // As MASTER it uses what was there, and leaves it.
    b.signal("TERM");
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    wait_priority(&pair.hears_a, VRID, 100, 0);
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    assert!(!pair.a.holds(VIP) && of_a().contains(&format!(" {foreign}/24 ")), "{}", of_a());
}

/// Nobody promises that an environment is UTF-8, and a script sees what we were given.
#[test]
fn an_environment_that_is_not_text() {
    use std::os::unix::ffi::OsStrExt;
    let scene = Scene::new("notify_backup = 'echo $PLAIN; env | od -c'");
    let mut command = scene.command(&[], &["-n"]);
    command.env("PLAIN", "seen").env("LD_LIBRARY_PATH", "/none").env("VRRP_NAME", "other");
    command.env("ODD", std::ffi::OsStr::from_bytes(b"\xff\xfe"));
    let process = scene.lab.spawn("a", command);
    process.wait_log("vip: notify_backup for BACKUP: done in ", SOON);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
}
