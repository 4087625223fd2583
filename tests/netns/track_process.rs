//! `track_process`: processes that come and go. They have names that nobody else has: the tests
//! share the processes of the machine with all that runs there.

use crate::lab::process::Process;
use crate::lab::tap::gaps;
use crate::lab::{Host, Lab, SOON};
use crate::scripts::{status, FAST, FAST_TICK};
use crate::setup::{toml, vipd, Pair, V3};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A program of its own, and what runs of it.
struct Program {
    name: String,
    path: PathBuf,
    running: Vec<Child>,
}

impl Program {
    /// A copy of sleep(1), by another name.
    fn new(lab: &Lab) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        // Within the 15 bytes that the kernel keeps.
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("vt{}p{number}", std::process::id());
        let path = lab.program(&name, Path::new("/bin/sleep"));
        Self { name, path, running: Vec::new() }
    }

    fn start(&mut self, more: &[&str]) -> u32 {
        let mut command = Command::new(&self.path);
        command.arg("1000").args(more).stdin(Stdio::null());
        let child = command.spawn().expect("a copy of sleep runs");
        let pid = child.id();
        self.running.push(child);
        pid
    }

    /// Ends the one that was started last, and leaves it a zombie.
    fn kill(&mut self) -> Child {
        let mut child = self.running.pop().expect("one runs");
        child.kill().expect("it is ours");
        child
    }

    fn stop(&mut self) {
        let _ = self.kill().wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        while !self.running.is_empty() {
            self.stop();
        }
    }
}

/// `track_process` of a program.
fn section(program: &Program, more: &str) -> String {
    let name = &program.name;
    format!("[track_process.it]\nprocess = \"{name}\"\ninterval = 0.1\n{more}")
}

fn tracking(priority: u8, speed: &str, section: &str) -> String {
    toml(priority, &format!("{speed}\ntrack_process = [\"it\"]\n{section}"))
}

fn start(lab: &Lab, section: &str) -> (Host, Process) {
    let host = lab.host("a", "10.77.0.1/24");
    let vipd = lab.vipd(vipd(), &host, &tracking(100, FAST, section));
    (host, vipd)
}

#[test]
fn the_end_of_a_process_moves_the_address_and_a_new_one_takes_it_back() {
    let pair = Pair::new();
    let mut program = Program::new(&pair.lab);
    program.start(&[]);
    let (a, b) = pair.start_both(&tracking(150, V3, &section(&program, "")), &toml(100, V3));
    // Nobody has taken notice of its end yet.
    let mut zombie = program.kill();
    a.wait_log("vip: MASTER -> FAULT: process it failed: 0 run, quorum 1", SOON);
    b.wait_log("vip: BACKUP -> MASTER", SOON);
    pair.lab.wait_holder(&pair.b, SOON);
    assert!(status(&a, "process it").contains("failed, 0 run, quorum 1"));
    zombie.wait().unwrap();
    program.start(&[]);
    a.wait_log("vip: FAULT -> BACKUP: process it is fine again", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    assert!(status(&a, "process it").contains("OK, 1 runs, quorum 1"));
}

#[test]
fn a_weight_is_added_while_the_quorum_runs() {
    let lab = Lab::new();
    let mut program = Program::new(&lab);
    program.start(&[]);
    let (_host, vipd) = start(&lab, &section(&program, "weight = 20\nquorum = 2\nquorum_max = 3"));
    vipd.wait_log("process it: 1 runs, quorum 2 to 3: has failed now", SOON);
    for (change, from, to) in [(1, 100, 120), (2, 120, 100), (-1, 100, 120), (-2, 120, 100)] {
        let mark = vipd.mark();
        for _ in 0..i32::abs(change) {
            if change > 0 {
                program.start(&[]);
            } else {
                program.stop();
            }
        }
        vipd.wait_log_after(mark, &format!("vip: priority {from} -> {to}"), SOON);
    }
    assert!(vipd.lines("-> FAULT").is_empty());
}

#[test]
fn none_may_run() {
    let lab = Lab::new();
    let mut program = Program::new(&lab);
    let (_host, vipd) = start(&lab, &section(&program, "quorum_max = 0"));
    vipd.wait_log("vip: BACKUP -> MASTER", SOON);
    program.start(&[]);
    vipd.wait_log("vip: MASTER -> FAULT: process it failed: 1 runs, none should", SOON);
    program.stop();
    vipd.wait_log("vip: FAULT -> BACKUP: process it is fine again", SOON);
}

/// The measure is another tracker of the same process, without a delay.
#[test]
fn a_short_absence_is_not_noticed() {
    let lab = Lab::new();
    let mut program = Program::new(&lab);
    program.start(&[]);
    let name = &program.name;
    let quick = format!("[track_process.quick]\nprocess = \"{name}\"\ninterval = 0.1\nweight = 5");
    let slow = section(&program, "weight = 50\nterminate_delay = 3");
    let lists = "track_process = [\"it\", \"quick\"]";
    let host = lab.host("a", "10.77.0.1/24");
    let config = toml(100, &format!("{FAST}\n{lists}\n{slow}\n{quick}"));
    let vipd = lab.vipd(vipd(), &host, &config);
    vipd.wait_log("vip: BACKUP -> MASTER", SOON);
    program.stop();
    vipd.wait_log("vip: priority 155 -> 150", SOON);
    program.start(&[]);
    vipd.wait_log("vip: priority 150 -> 155", SOON);
    program.stop();
    let quick = vipd.wait_log("process quick: 0 run", SOON);
    let slow = vipd.wait_log("process it: 0 run, quorum 1: has failed now", SOON);
    assert!(slow.at - quick.at > 2_000_000_000, "the delay of 3 s is over too early");
    assert_eq!(vipd.lines("process it: 0 run, quorum 1: has failed now").len(), 1);
}

#[test]
fn parameters_tell_processes_apart() {
    for (section, more, fits) in [
        ("process = [\"NAME\", \"1000\"]", &[][..], true),
        ("process = [\"NAME\", \"1000\"]", &["5"], false),
        ("process = [\"NAME\", \"1000\"]\nparam_match = \"partial\"", &["5"], true),
        ("process = [\"NAME\", \"10\"]\nparam_match = \"partial\"", &[], false),
        ("process = [\"NAME\", \"10\"]\nparam_match = \"initial\"", &[], true),
        ("process = \"NAME\"\nparam_match = \"exact\"", &[], false),
        ("process = \"NAME\"\nfull_command = true", &["5"], true),
        // The name that the kernel has is not the path.
        ("process = \"NAME\"", &[], false),
    ] {
        let lab = Lab::new();
        let mut program = Program::new(&lab);
        program.start(more);
        let path = program.path.display().to_string();
        let section = format!("[track_process.it]\n{section}").replace("NAME", &path);
        let (_host, vipd) = start(&lab, &section);
        let says = if fits { "vip: BACKUP -> MASTER" } else { "vip: INIT -> FAULT: process it" };
        vipd.wait_log(says, SOON);
    }
}

/// A vipd that is told by the kernel, and needs no looking: here it would come an hour later. It runs
/// where the tests were started, the only place where the kernel tells; it does nothing there, for
/// its interface does not exist. `None` if the kernel does not tell here either.
fn told(lab: &Lab, sections: &[&str]) -> Option<Process> {
    let names: Vec<&str> = sections.iter().filter_map(|it| it.split(['.', ']']).nth(1)).collect();
    let config = toml(100, &format!("track_process = {names:?}\n{}", sections.join("\n")));
    let config = config.replace("\"eth0\"", "\"vt-no-such-if\"");
    let mut command = Command::new(vipd());
    let file = lab.file("here.toml", &config).display().to_string();
    let run = lab.directory().join("run-here").display().to_string();
    command.args(["-n", "-D", "-l", "stderr", "-f", &file, "-r", &run]);
    let vipd = lab.spawn("here", command);
    vipd.wait_log(" starts", SOON);
    vipd.wait_log("process it: 0 run", SOON);
    if let Some(line) = vipd.lines("the kernel does not tell of processes here").first() {
        // The first namespace of processes has this number everywhere: there it has to answer.
        let namespace = fs::read_link("/proc/self/ns/pid").unwrap();
        let is_first = namespace.as_os_str() == "pid:[4026531836]";
        assert!(!is_first || !line.text.contains("does not answer"), "{}", line.text);
        println!("skipped: {}", line.text);
        return None;
    }
    Some(vipd)
}

#[test]
fn the_kernel_tells_of_processes() {
    let lab = Lab::new();
    let mut program = Program::new(&lab);
    let shell = lab.program(&format!("{}s", program.name), Path::new("/bin/sh"));
    let it = section(&program, "quorum = 2").replace("0.1", "3600");
    let forks = format!("[track_process.shell]\nprocess = \"{}s\"\ninterval = 3600", program.name);
    let Some(vipd) = told(&lab, &[&it, &forks]) else { return };
    program.start(&[]);
    vipd.wait_log("process it: 1 runs, quorum 2", SOON);
    program.start(&[]);
    vipd.wait_log("process it: 2 run, quorum 2: is fine now", SOON);
    let mark = vipd.mark();
    program.stop();
    vipd.wait_log_after(mark, "process it: 1 runs, quorum 2: has failed now", SOON);
    // A shell forks a child, which is a shell until it executes something else.
    let line = format!("{} 1000 & read x; kill $!; wait", program.path.display());
    let mut shell = Command::new(&shell);
    let mut shell = shell.args(["-c", &line]).stdin(Stdio::piped()).spawn().unwrap();
    // One or two of them run, as it is looked at before or after.
    vipd.wait_log(", quorum 1: is fine now", SOON);
    vipd.wait_log_after(mark, "process it: 2 run, quorum 2: is fine now", SOON);
    drop(shell.stdin.take());
    shell.wait().unwrap();
    vipd.wait_log("process shell: 0 run, quorum 1: has failed now", SOON);
}

/// More happens than the kernel keeps for us: nothing of what is tracked is missed.
#[test]
fn an_overflow_of_process_events_loses_nothing() {
    let lab = Lab::new();
    let mut program = Program::new(&lab);
    let it = section(&program, "").replace("0.1", "3600");
    let Some(vipd) = told(&lab, &[&it]) else { return };
    program.start(&[]);
    vipd.wait_log("process it: 1 runs, quorum 1: is fine now", SOON);
    vipd.stop();
    let line = "i=0; while [ $i -lt 4000 ]; do (:); i=$((i+1)); done";
    let flood = Command::new("sh").args(["-c", line]).stdin(Stdio::null()).status();
    assert!(flood.is_ok_and(|status| status.success()));
    program.start(&[]);
    program.start(&[]);
    vipd.signal("CONT");
    vipd.wait_log("more happened to processes than the kernel could tell", SOON);
    vipd.wait_log("process it: 3 run, quorum 1", SOON);
    // And the kernel goes on to tell.
    program.stop();
    vipd.wait_log("process it: 2 run, quorum 1", SOON);
}

/// Two routers, one of which looks through all processes the whole time: both have their adverts
/// out on time while as many processes come and go as the machine can start.
#[test]
fn a_flood_of_processes_does_not_delay_adverts() {
    let pair = Pair::new();
    let mut program = Program::new(&pair.lab);
    program.start(&[]);
    let busy = section(&program, "").replace("0.1", "0.01");
    let other = toml(100, FAST).replace("virtual_router_id = 51", "virtual_router_id = 52");
    let a = pair.start_a(&tracking(100, FAST, &busy));
    let b = pair.start_b(&other.replace("10.77.0.100", "10.77.0.101"));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    b.wait_log("vip: BACKUP -> MASTER", SOON);
    let line = "while :; do /bin/true; done";
    let mut flood = Command::new("sh").args(["-c", line]).stdin(Stdio::null()).spawn().unwrap();
    let (from_a, from_b) = (pair.hears_a.adverts().len(), pair.hears_b.adverts().len());
    crate::lab::poll(SOON, "adverts are sent", || {
        pair.hears_a.adverts().len() > from_a + 30 && pair.hears_b.adverts().len() > from_b + 30
    });
    flood.kill().unwrap();
    flood.wait().unwrap();
    let worst = |adverts: &[_]| gaps(adverts).into_iter().max().unwrap_or_default();
    let tracking = worst(&pair.hears_a.adverts()[from_a..]);
    let idle = worst(&pair.hears_b.adverts()[from_b..]);
    let bound = (FAST_TICK * 3).max(idle * 3);
    assert!(tracking < bound, "{tracking:?}, and {idle:?} without looking at processes");
    assert!(a.lines("-> FAULT").is_empty());
}
