//! A program under test, and what it says.

use super::{holds_within, poll, wall_clock, SOON};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A line of output.
#[derive(Clone, Debug)]
pub struct Line {
    /// When it came, in nanoseconds since 1970.
    pub at: u64,
    /// What it says.
    pub text: String,
}

/// A running program. Copies are the same program.
#[derive(Clone)]
pub struct Process {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    pid: u32,
    child: Mutex<Child>,
    log: Arc<Mutex<Vec<Line>>>,
}

impl Process {
    /// Starts a command; what it prints is collected.
    pub fn spawn(name: &str, command: Command) -> Self {
        Self::spawn_to(name, command, Stdio::piped())
    }

    /// Starts a command with a standard error of its own.
    pub fn spawn_to(name: &str, mut command: Command, stderr: Stdio) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let log = Arc::new(Mutex::new(Vec::new()));
        collect(child.stdout.take(), &log);
        collect(child.stderr.take(), &log);
        let (name, pid) = (name.to_owned(), child.id());
        Self { shared: Arc::new(Shared { name, pid, child: Mutex::new(child), log }) }
    }

    /// Where it runs.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.shared.pid
    }

    /// What it has said so far.
    pub fn log(&self) -> Vec<Line> {
        lock(&self.shared.log).clone()
    }

    /// How many lines it has said so far: a mark for [`Process::wait_log_after`].
    pub fn mark(&self) -> usize {
        lock(&self.shared.log).len()
    }

    /// The lines after a mark that contain a text.
    pub fn lines_after(&self, mark: usize, text: &str) -> Vec<Line> {
        let log = lock(&self.shared.log);
        log.iter().skip(mark).filter(|line| line.text.contains(text)).cloned().collect()
    }

    /// The lines that contain a text.
    pub fn lines(&self, text: &str) -> Vec<Line> {
        self.lines_after(0, text)
    }

    /// Waits for a line that contains a text, and returns the first.
    #[track_caller]
    pub fn wait_log(&self, text: &str, deadline: Duration) -> Line {
        self.wait_log_after(0, text, deadline)
    }

    /// Waits for a line after a mark that contains a text, and returns the first.
    #[track_caller]
    pub fn wait_log_after(&self, mark: usize, text: &str, deadline: Duration) -> Line {
        let what = format!("{} logs \"{text}\"", self.shared.name);
        poll(deadline, &what, || !self.lines_after(mark, text).is_empty());
        self.lines_after(mark, text).swap_remove(0)
    }

    /// Sends a signal, by name as in `STOP`.
    #[track_caller]
    pub fn signal(&self, signal: &str) {
        signal_pid(self.shared.pid, signal);
    }

    /// Kills it and all its children with SIGKILL, and waits for their end. Does not complain.
    pub fn kill(&self) {
        // The number of one that has ended may be somebody else's by now.
        let children = if self.is_running() { self.children() } else { Vec::new() };
        for pid in &children {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).output();
        }
        let mut child = lock(&self.shared.child);
        let _ = child.kill();
        let _ = child.wait();
        // Orphans are somebody else's to bury.
        let gone = |pid: &u32| !Path::new("/proc").join(pid.to_string()).exists();
        holds_within(SOON, || children.iter().all(gone));
    }

    /// Its children, grandchildren and so on.
    pub fn children(&self) -> Vec<u32> {
        let mut all = children(self.shared.pid);
        let mut at = 0;
        while let Some(pid) = all.get(at).copied() {
            all.extend(children(pid));
            at += 1;
        }
        all
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait_end(&self, deadline: Duration) -> ExitStatus {
        let mut status = None;
        poll(deadline, &format!("{} ends", self.shared.name), || {
            status = lock(&self.shared.child).try_wait().expect("it is our child");
            status.is_some()
        });
        status.expect("it has ended")
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        matches!(lock(&self.shared.child).try_wait(), Ok(None))
    }

    /// Whether it does nothing because of SIGSTOP.
    pub fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.shared.pid));
        // The state follows the name, which stands in parentheses.
        stat.is_ok_and(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')))
    }

    /// Stops it while it waits for something to happen. One that stands between a look at the clock
    /// and the sending of what it has decided sends it when it wakes up: nobody can prevent that.
    #[track_caller]
    pub fn stop(&self) {
        poll(SOON, "it stands still between two turns", || {
            let waits = self.system_call();
            self.signal("STOP");
            poll(SOON, "it stands still", || self.is_stopped());
            let between = self.system_call() == waits;
            if !between {
                self.signal("CONT");
            }
            between
        });
    }

    /// The number of the system call that it is in, or was stopped in; or `running`.
    fn system_call(&self) -> String {
        let call = std::fs::read_to_string(format!("/proc/{}/syscall", self.shared.pid));
        let call = call.expect("the system call");
        call.split_whitespace().next().expect("a number").to_owned()
    }
}

/// Sends a signal to a process that we have started.
#[track_caller]
pub fn signal_pid(pid: u32, signal: &str) {
    let status = Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "kill -{signal} {pid}");
}

/// The children of a process.
fn children(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    text.unwrap_or_default().split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn collect(pipe: Option<impl Read + Send + 'static>, log: &Arc<Mutex<Vec<Line>>>) {
    let Some(pipe) = pipe else { return };
    let log = Arc::clone(log);
    std::thread::spawn(move || {
        for text in BufReader::new(pipe).lines() {
            let Ok(text) = text else { return };
            lock(&log).push(Line { at: wall_clock(), text });
        }
    });
}

/// A panic elsewhere does not make the data worse.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
