//! What makes things run out for one program that runs: limits that are lowered, and system calls that
//! fail by the hand of strace(1).

use super::process::Process;
use super::{poll, SOON};
use std::process::Command;

/// Sets the soft limit of a resource of a running program, by the name that prlimit(1) has for it;
/// `None` for as much as it had at the start.
#[track_caller]
pub fn limit(process: &Process, what: &str, most: Option<u64>) {
    let most = most.map_or_else(|| hard(process, what), |most| most.to_string());
    let option = format!("--{what}={most}:");
    let status =
        Command::new("prlimit").args(["--pid", &process.pid().to_string(), &option]).status();
    assert!(status.is_ok_and(|status| status.success()), "prlimit {option}");
}

fn hard(process: &Process, what: &str) -> String {
    let pid = process.pid().to_string();
    let option = format!("--{what}");
    let arguments = ["--pid", &pid, &option, "--raw", "--noheadings", "-o", "HARD"];
    let output = Command::new("prlimit").args(arguments).output().expect("prlimit(1)");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// One more than the highest descriptor of a program: with this limit it can open no more.
pub fn descriptors(process: &Process) -> u64 {
    let folder = std::fs::read_dir(format!("/proc/{}/fd", process.pid())).expect("it runs");
    let numbers = folder.flatten().filter_map(|it| it.file_name().to_str()?.parse::<u64>().ok());
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.sort_unstable();
    // The lowest that is free is what it gets next.
    (0..).find(|number| numbers.get(*number as usize) != Some(number)).expect("there is an end")
}

/// How many sockets a program has open. Files may come later, as it writes the first time.
pub fn sockets(process: &Process) -> usize {
    let folder = std::fs::read_dir(format!("/proc/{}/fd", process.pid())).expect("it runs");
    let links = folder.flatten().filter_map(|it| std::fs::read_link(it.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

/// System calls of a program fail from now on, until this is dropped.
pub struct Injection(Process);

impl Injection {
    /// As strace(1) has it: `sendmmsg:error=ENOBUFS:when=1..40`.
    pub fn begin(process: &Process, what: &str) -> Self {
        let call = what.split(':').next().unwrap_or_default();
        let mut command = Command::new("strace");
        command.args(["-p", &process.pid().to_string(), "-e", &format!("trace={call}")]);
        command.args(["-e", &format!("inject={what}")]);
        let strace = Process::spawn("strace", command);
        strace.wait_log("attached", SOON);
        Self(strace)
    }

    /// How many have failed so far.
    pub fn count(&self) -> usize {
        self.0.lines("(INJECTED)").len()
    }

    /// Waits until so many have failed.
    #[track_caller]
    pub fn wait(&self, count: usize) {
        poll(SOON, &format!("{count} calls have failed"), || self.count() >= count);
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        // Not SIGKILL: what it traces is to be let go in an orderly way.
        if self.0.is_running() {
            self.0.signal("INT");
            self.0.wait_end(SOON);
        }
    }
}
