//! SIGUSR2: the file that now stands at our path takes over, and nobody notices.

use crate::lab::monitor::Monitor;
use crate::lab::ping::Ping;
use crate::lab::process::{signal_pid, Process};
use crate::lab::tap::gaps;
use crate::lab::{executable, poll, wall_clock, SOON, VIP};
use crate::setup::{counter, toml, vipd, Pair, V3};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

const ADVERT_100MS: &str = "version = 3\nadvert_int = 0.1";

/// A vipd of its own, which can be replaced.
pub fn own_vipd(pair: &Pair) -> PathBuf {
    let path = pair.lab.directory().join("vipd");
    replace(&path, vipd());
    path
}

/// Another file in its place, as a package manager puts it there.
fn replace(path: &Path, with: &Path) {
    let new = path.with_extension("new");
    executable::copy(with, &new, "755");
    std::fs::rename(&new, path).expect("in place");
}

fn replace_by_text(path: &Path, text: &str, mode: &str) {
    let new = path.with_extension("new");
    executable::write(&new, text, mode);
    std::fs::rename(&new, path).expect("in place");
}

/// Replaces it by itself.
pub fn upgrade(process: &Process) {
    let mark = process.mark();
    process.signal("USR2");
    process.wait_log_after(mark, " has taken over", SOON);
}

#[test]
fn nobody_notices_an_upgrade() {
    let pair = Pair::new();
    let path = own_vipd(&pair);
    let told = pair.lab.directory().join("told");
    let notify = format!("garp_master_delay = 0\nnotify = \"echo >> {} x\"", told.display());
    let config = toml(150, &format!("{ADVERT_100MS}\n{notify}"));
    let a = pair.lab.vipd(&path, &pair.a, &config);
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let b = pair.start_b(&toml(100, ADVERT_100MS));
    b.wait_log("vip: INIT -> BACKUP", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    poll(SOON, "the script has run", || std::fs::read(&told).is_ok_and(|it| !it.is_empty()));
    let before = std::fs::read(&told).unwrap_or_default();
    let calm = gaps(&pair.hears_a.wait_adverts(wall_clock(), 20, SOON));
    let monitor = Monitor::begin(&pair.lab, &pair.a, &["address", "link"]);
    let (seen, from) = (monitor.mark(), wall_clock());
    let ping = Ping::begin(&pair.b, VIP);
    for _ in 0..20 {
        replace(&path, vipd());
        upgrade(&a);
    }
    pair.hears_a.wait_adverts(wall_clock(), 5, SOON);
    let adverts = pair.hears_a.adverts_after(from);
    assert!(adverts.iter().all(|advert| advert.priority == 150));
    let longest = gaps(&adverts).into_iter().max().unwrap_or_default();
    println!("longest gap: calm {:?}, 20 upgrades {longest:?}", calm.iter().max());
    assert!(longest < Duration::from_millis(200), "{longest:?}: an advert is missing");
    assert!(pair.hears_b.adverts_after(from).is_empty());
    assert!(pair.hears_a.announcements_after(from, VIP).is_empty());
    pair.a.ip(&["address add 127.9.9.8/32 dev lo"]);
    monitor.wait(seen, "127.9.9.8");
    assert!(monitor.lines_after(seen, "eth0").is_empty());
    assert_eq!(std::fs::read(&told).unwrap_or_default(), before, "nobody is told twice");
    assert_eq!(a.lines("->").len(), 2, "no change of state");
    let sent = counter(&a, "vip", "advertisement_sent");
    assert!(sent >= adverts.len() as u64, "the counters go on: {sent}, {} heard", adverts.len());
    let (pings, unanswered) = ping.end();
    println!("{unanswered} of {pings} pings were not answered");
    assert!(pings > 50 && unanswered == 0, "{unanswered} of {pings}");
    // Descriptors do not pile up: but for the one that holds the lifeline of each.
    let fds = std::fs::read_dir(format!("/proc/{}/fd", a.pid())).map(Iterator::count);
    assert!(fds.unwrap_or_default() < 64);
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    assert!(!pair.a.holds(VIP));
    assert!(!pair.lab.directory().join("run-a/vipd.pid").exists());
}

#[test]
fn a_backup_that_is_upgraded_hears_its_master_go() {
    let pair = Pair::new();
    let path = own_vipd(&pair);
    let a = pair.start_a(&toml(150, V3));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let b = pair.lab.vipd(&path, &pair.b, &toml(100, V3));
    b.wait_log("vip: INIT -> BACKUP", SOON);
    pair.hears_a.wait_adverts(wall_clock(), 3, SOON);
    for _ in 0..5 {
        upgrade(&b);
    }
    assert!(b.lines("BACKUP -> MASTER").is_empty());
    let mark = b.mark();
    b.signal("USR2");
    a.signal("KILL");
    a.wait_end(SOON);
    b.wait_log_after(mark, " has taken over", SOON);
    b.wait_log("vip: BACKUP -> MASTER: no advert from 10.77.0.1 for ", SOON);
    poll(SOON, "it has the address", || pair.b.holds(VIP));
}

#[test]
fn what_would_not_take_over_leaves_the_old_one_running() {
    let pair = Pair::new();
    let path = own_vipd(&pair);
    let a = pair.lab.vipd(&path, &pair.a, &toml(150, ADVERT_100MS));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let from = wall_clock();
    let tries: [(&str, &dyn Fn()); 6] = [
        ("would not take over: exit 0", &|| replace(&path, Path::new("/bin/true"))),
        ("would not take over: exit 1", &|| replace(&path, Path::new("/bin/false"))),
        ("would not take over: exit 3", &|| {
            replace_by_text(&path, "#!/bin/sh\necho no; exit 3\n", "755");
        }),
        ("going on as before", &|| replace_by_text(&path, "no program", "755")),
        ("going on as before", &|| replace_by_text(&path, "no program", "644")),
        ("going on as before", &|| std::fs::remove_file(&path).expect("removed")),
    ];
    for (says, put) in tries {
        put();
        let mark = a.mark();
        a.signal("USR2");
        a.wait_log_after(mark, says, SOON);
        pair.hears_a.wait_adverts(wall_clock(), 3, SOON);
    }
    // A configuration that it refuses.
    replace(&path, vipd());
    pair.lab.file("a.toml", &toml(150, "prioritty = 3"));
    let mark = a.mark();
    a.signal("USR2");
    a.wait_log_after(mark, "would not take over: exit 78", SOON);
    let adverts = pair.hears_a.wait_adverts(wall_clock(), 3, SOON);
    assert_eq!(adverts[0].priority, 150);
    let longest = gaps(&pair.hears_a.adverts_after(from)).into_iter().max().unwrap_or_default();
    assert!(longest < Duration::from_millis(300), "{longest:?}");
    pair.lab.file("a.toml", &toml(140, ADVERT_100MS));
    upgrade(&a);
    let adverts = pair.hears_a.wait_adverts(wall_clock(), 3, SOON);
    assert_eq!(adverts[2].priority, 140, "what has changed in the file is taken in");
    assert!(pair.a.holds(VIP));
}

/// It passes the rehearsal, and fails in our place: the old one goes on, from its own file.
#[test]
fn the_old_one_comes_back() {
    let pair = Pair::new();
    let path = own_vipd(&pair);
    let a = pair.lab.vipd(&path, &pair.a, &toml(150, ADVERT_100MS));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let real = pair.lab.directory().join("real");
    replace(&real, vipd());
    let fails_with = |options: &str| {
        let real = real.display();
        let text = format!(
            "#!/bin/sh\n[ -n \"$VIPD_REHEARSAL\" ] && exec {real} \"$@\"\nexec {real} {options}\n"
        );
        replace_by_text(&path, &text, "755");
    };
    let (from, pid) = (wall_clock(), a.pid());
    let state = pair.lab.directory().join("run-a");
    let tries = [
        ("--no-such-option", "Unrecognized option"),
        ("-n -l stderr -f /nowhere.toml", "/nowhere.toml"),
        ("\"$@\" -l nowhere", "more than once"),
    ];
    for (options, says) in tries {
        fails_with(options);
        let mark = a.mark();
        a.signal("USR2");
        a.wait_log_after(mark, " goes on as before", SOON);
        let told = a.lines("could not take over");
        assert!(told.last().is_some_and(|line| line.text.contains(says)), "{says}: {told:?}");
        pair.hears_a.wait_adverts(wall_clock(), 3, SOON);
    }
    let adverts = pair.hears_a.adverts_after(from);
    assert!(adverts.iter().all(|advert| advert.priority == 150));
    let longest = gaps(&adverts).into_iter().max().unwrap_or_default();
    println!("longest gap with 4 ways back: {longest:?}");
    assert!(longest < Duration::from_millis(300), "{longest:?}");
    assert_eq!((a.pid(), a.lines("->").len()), (pid, 2));
    assert!(pair.a.holds(VIP) && state.join("vipd.pid").exists());
    // The next good one takes over all the same.
    replace(&path, vipd());
    upgrade(&a);
    pair.hears_a.wait_adverts(wall_clock(), 3, SOON);
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    assert!(!state.join("vipd.pid").exists());
}

/// Who reads a FIFO goes on reading, and what a notify script has left behind can go on printing.
#[test]
fn what_runs_goes_on() {
    let pair = Pair::new();
    let path = own_vipd(&pair);
    let directory = pair.lab.directory();
    let file = |name: &str| directory.join(name).display().to_string();
    let (fifo, read, service) = (file("fifo"), file("read"), file("service"));
    let reader = file("reader.sh");
    let text = format!("#!/bin/sh\necho $$ >> {read}\nexec cat \"$1\" >> {read}\n");
    replace_by_text(Path::new(&reader), &text, "755");
    // It prints for as long as somebody reads, and notes that somebody does.
    let left_behind = file("service.sh");
    let text =
        format!("#!/bin/sh\n(while echo alive; do echo alive >> {service}; sleep 0.05; done) &\n");
    replace_by_text(Path::new(&left_behind), &text, "755");
    let config = format!(
        "[global_defs]\nscript_user = \"root\"\nnotify_fifo = \"{fifo}\"\n\
         notify_fifo_script = \"{reader}\"\n{}",
        toml(150, &format!("{ADVERT_100MS}\nnotify_master = \"{left_behind}\""))
    );
    let a = pair.lab.vipd(&path, &pair.a, &config);
    let content = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    poll(SOON, "both run", || content(&read).contains("MASTER") && !content(&service).is_empty());
    let before = content(&read);
    for _ in 0..3 {
        upgrade(&a);
        let alive = content(&service).len();
        poll(SOON, "it prints", || content(&service).len() > alive + 20);
    }
    assert_eq!(content(&read), before, "neither started again nor told again");
    pair.lab.file("a.toml", &config.replace("priority = 150", "priority = 140"));
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    let read = content(&read);
    assert!(read.lines().last().is_some_and(|line| line.contains("STOP")), "{read}");
    assert_eq!(read.lines().filter(|line| line.parse::<u32>().is_ok()).count(), 1, "{read}");
    assert!(!Path::new(&fifo).exists(), "the one that was made is removed");
}

/// As a service: in the background, called through a symbolic link that leads elsewhere later, with
/// relative paths.
#[test]
fn a_daemon_in_the_background_follows_the_link_that_it_was_called_by() {
    let pair = Pair::new();
    let directory = pair.lab.directory();
    let (old, new, link) = (directory.join("1"), directory.join("2"), directory.join("vipd"));
    replace(&old, vipd());
    replace(&new, vipd());
    symlink("1", &link).expect("a link");
    pair.lab.file("a.toml", &toml(150, ADVERT_100MS));
    let mut command = pair.a.namespace.command(Path::new("sh"));
    command.args(["-c", "exec ./vipd -l stderr -f a.toml -r run"]).current_dir(directory);
    // Whatever it is that we end at the end: it has the log of whom it was called by.
    let a = pair.lab.spawn("a", command);
    assert!(a.wait_end(SOON).success());
    let run = directory.join("run");
    let pid = std::fs::read_to_string(run.join("vipd.pid")).expect("the pid file");
    let pid: u32 = pid.trim().parse().expect("a number");
    let _guard = Guard(pid);
    pair.lab.wait_holder(&pair.a, SOON);
    let exe = || std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    assert_eq!(exe(), old);
    std::fs::remove_file(&link).expect("removed");
    symlink("2", &link).expect("a link");
    let from = wall_clock();
    signal_pid(pid, "USR2");
    poll(SOON, "the other one runs", || exe() == new);
    let adverts = pair.hears_a.wait_adverts(wall_clock(), 5, SOON);
    assert!(adverts.iter().all(|advert| advert.priority == 150));
    let longest = gaps(&pair.hears_a.adverts_after(from)).into_iter().max().unwrap_or_default();
    assert!(longest < Duration::from_millis(200), "{longest:?}");
    pair.lab.file("a.toml", &toml(120, ADVERT_100MS));
    signal_pid(pid, "HUP");
    poll(SOON, "its relative paths still lead there", || {
        pair.hears_a.adverts_after(from).last().is_some_and(|advert| advert.priority == 120)
    });
    let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).expect("it runs");
    assert_eq!(cwd, Path::new("/"));
    signal_pid(pid, "TERM");
    poll(SOON, "it has stopped", || !run.join("vipd.pid").exists());
    poll(SOON, "it has cleared up", || !pair.a.holds(VIP));
}

/// Ends a daemon that is nobody's child.
struct Guard(u32);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::path::Path::new(&format!("/proc/{}", self.0)).exists() {
            let _ =
                std::process::Command::new("kill").args(["-KILL", &self.0.to_string()]).output();
        }
    }
}
