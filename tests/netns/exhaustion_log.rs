//! Readers of the log that stop reading: no advert waits for them, and the log says how much it lacks.

use crate::lab::process::{signal_pid, Process};
use crate::lab::tap::Tap;
use crate::lab::{poll, wall_clock, Host, Lab, SOON};
use crate::lifecycle::Syslog;
use crate::scripts::{assert_steady, of_router, vipd_after, FAST, FAST_TICK};
use crate::setup::{toml, vipd, VRID};
use std::fs::File;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// So often it is asked for its state, in some twenty lines: for more than a pipe and its own buffer hold.
const TALK: usize = 200;

/// A MASTER with many others, so that its state is long.
struct Scene {
    a: Host,
    tap: Tap,
    lab: Lab,
}

impl Scene {
    fn new() -> Self {
        let lab = Lab::new();
        let a = lab.host("a", "10.77.0.1/24");
        Self { tap: lab.tap(&a), a, lab }
    }

    fn toml() -> String {
        let others = (60..70).map(|vrid| {
            format!(
                "[vrrp_instance.other{vrid}]\ninterface = \"eth0\"\nvirtual_router_id = {vrid}\n\
                 virtual_ipaddress = [\"10.77.0.{vrid}/24\"]\n"
            )
        });
        toml(100, FAST) + &others.collect::<String>()
    }

    /// Starts it with a standard error of its own.
    fn start(&self, stderr: Stdio) -> Process {
        let file = self.lab.file("a.toml", &Self::toml());
        let mut command = self.a.namespace.command(vipd());
        command.args(["-n", "-l", "stderr"]).arg("-f").arg(file);
        command.arg("-r").arg(self.lab.directory().join("run"));
        self.lab.spawn_to("a", command, stderr)
    }

    /// It says more than anybody takes, and its adverts go on; then the log is read again, and says
    /// once how much is missing.
    #[track_caller]
    fn assert_heals(&self, pid: u32, heal: impl FnOnce(), lines: impl Fn() -> Vec<String>) {
        let begin = wall_clock();
        self.tap.wait_advert(begin, SOON);
        (0..TALK).for_each(|_| signal_pid(pid, "USR1"));
        self.assert_steady_since(begin);
        heal();
        let told = || lines().into_iter().find(|line| line.contains("lines lost here: "));
        poll(SOON, "the log says that it lacks something", || told().is_some());
        let told = told().expect("it was there");
        let lost = told.split("here: ").nth(1).and_then(|rest| rest.split(';').next());
        let lost = lost.expect("a number").to_owned();
        poll(SOON, "the state has the same number", || {
            signal_pid(pid, "USR1");
            lines().iter().any(|line| line.contains(&format!("log_lines_lost {lost}")))
        });
        let again = lines().iter().filter(|line| line.contains("lines lost here: ")).count();
        assert_eq!(again, 1, "all that was said since has come");
        self.assert_steady_since(begin);
    }

    #[track_caller]
    fn assert_steady_since(&self, begin: u64) {
        let sent = || of_router(&self.tap.adverts_after(begin), VRID);
        poll(SOON, "ten more adverts", || sent().len() > 10);
        assert_steady(&sent(), FAST_TICK);
    }
}

/// What has been read, once it is read.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Text {
    fn read(&self, mut from: impl Read + Send + 'static) {
        let text = self.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                text.0.lock().expect("nobody panics").extend_from_slice(&buffer[..length]);
            }
        });
    }

    /// The whole lines; each begins as a line does.
    fn lines(&self) -> Vec<String> {
        let text = self.0.lock().expect("nobody panics");
        let text = String::from_utf8_lossy(&text);
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines: Vec<String> = whole.lines().map(str::to_owned).collect();
        assert!(lines.iter().all(|line| line.starts_with("20")), "{lines:#?}");
        lines
    }
}

#[test]
fn a_pipe_that_nobody_reads() {
    let scene = Scene::new();
    let path = scene.lab.directory().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().is_ok_and(|status| status.success()));
    // Open at both ends, so that nobody waits for the other.
    let pipe = File::options().read(true).write(true).open(&path).expect("a FIFO of the lab");
    let writer = File::options().write(true).open(&path).expect("a FIFO of the lab");
    let shared = writer.try_clone().expect("a descriptor");
    let process = scene.start(writer.into());
    let text = Text::default();
    scene.assert_heals(process.pid(), || text.read(pipe), || text.lines());
    // The open file that it was given is shared: it still blocks for the others who have it.
    let link = format!("/proc/self/fdinfo/{}", std::os::fd::AsRawFd::as_raw_fd(&shared));
    let info = std::fs::read_to_string(link).expect("our own descriptor");
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("flags");
    let flags = u32::from_str_radix(flags.trim(), 8).expect("octal");
    assert_eq!(flags & 0o4000, 0, "O_NONBLOCK");
}

/// As the journal gives it.
#[test]
fn a_socket_that_nobody_reads() {
    let scene = Scene::new();
    let (ours, its) = UnixStream::pair().expect("two sockets");
    let process = scene.start(Stdio::from(std::os::fd::OwnedFd::from(its)));
    let text = Text::default();
    scene.assert_heals(process.pid(), || text.read(ours), || text.lines());
}

#[test]
fn a_log_daemon_that_stands_still() {
    let scene = Scene::new();
    let log = Syslog::new(&scene.lab);
    let toml = Scene::toml();
    let process = vipd_after(&scene.lab, &scene.a, &log.mount(), &toml, &["-l", "syslog"]);
    scene.assert_heals(process.pid(), || {}, || log.lines());
}

/// A terminal whose other end stands still, as with Ctrl-S or a connection that hangs.
#[test]
fn a_terminal_that_stands_still() {
    let scene = Scene::new();
    let file = scene.lab.file("a.toml", &Scene::toml()).display().to_string();
    let run = scene.lab.directory().join("run").display().to_string();
    let line = format!("exec {} -n -l stderr -f {file} -r {run}", vipd().display());
    let mut command = scene.a.namespace.command(Path::new("script"));
    command.args(["-qefc", &line, "/dev/null"]);
    let script = scene.lab.spawn("a", command);
    script.wait_log("vip: BACKUP -> MASTER", SOON);
    let pid = script.children()[0];
    script.stop();
    let lines = || script.log().into_iter().map(|line| line.text).collect();
    scene.assert_heals(pid, || script.signal("CONT"), lines);
}

#[test]
fn a_disk_that_is_full() {
    let scene = Scene::new();
    let disk = scene.lab.directory().join("disk");
    std::fs::create_dir(&disk).expect("a folder of the lab");
    let disk = disk.display();
    // Room for little more than the first lines.
    let mount = format!(
        "mount -t tmpfs -o size=1m tmpfs {disk}; head -c 980000 /dev/zero > {disk}/other; \
         exec 2> {disk}/log"
    );
    let process = vipd_after(&scene.lab, &scene.a, &mount, &Scene::toml(), &["-l", "stderr"]);
    let inside = |name: &str| format!("/proc/{}/root{disk}/{name}", process.pid());
    let lines = || -> Vec<String> {
        let text = std::fs::read_to_string(inside("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    let heal = || std::fs::remove_file(inside("other")).expect("it was there");
    scene.assert_heals(process.pid(), heal, lines);
}

/// Whoever has read it is gone: what is said is lost, and nothing else happens.
#[test]
fn nobody_is_left_to_read() {
    let scene = Scene::new();
    let (ours, its) = UnixStream::pair().expect("two sockets");
    let process = scene.start(Stdio::from(std::os::fd::OwnedFd::from(its)));
    scene.tap.wait_advert(0, SOON);
    drop(ours);
    let begin = wall_clock();
    (0..10).for_each(|_| process.signal("USR1"));
    scene.assert_steady_since(begin);
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
}
