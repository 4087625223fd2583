//! Network namespaces by name, as ip(8) keeps them.

use super::ip;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Once;

/// How the names of all our namespaces begin; the number of our process follows.
pub const PREFIX: &str = "vt";
const DIRECTORY: &str = "/run/netns";

/// A network namespace.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Its name for ip(8).
    pub name: String,
}

impl Namespace {
    /// A new one.
    pub fn add(name: &str) -> Self {
        ip::run(&[&format!("netns add {name}")]);
        Self { name: name.to_owned() }
    }

    /// Ends what runs in it and takes its name away. Does not complain.
    pub fn remove(&self) {
        remove(&self.name);
    }

    /// Runs commands of ip(8) in it.
    pub fn ip(&self, commands: &[&str]) {
        ip::batch(&["-n", &self.name], commands);
    }

    /// What ip(8) prints of it.
    pub fn ip_output(&self, arguments: &[&str]) -> String {
        ip::output(&[&["-n", self.name.as_str()], arguments].concat())
    }

    /// A command that will run in it. `ip netns exec` becomes the program, so the child's process
    /// id is the program's.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Sets a value below `/proc/sys/net`.
    pub fn set(&self, path: &str, value: &str) {
        self.run(|| {
            std::fs::write(Path::new("/proc/sys/net").join(path), value)
                .unwrap_or_else(|error| panic!("{path} = {value}: {error}"));
        });
    }

    /// Runs a function in a thread that has entered the namespace. Sockets that it hands out stay
    /// there.
    pub fn run<T: Send>(&self, function: impl FnOnce() -> T + Send) -> T {
        let file = File::open(Path::new(DIRECTORY).join(&self.name)).expect("the namespace exists");
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                vipd::sys::netns::enter(&file).expect("root may enter namespaces");
                function()
            });
            inside.join().expect("nothing panics in there")
        })
    }

    /// Runs a function in a thread of its own that has entered the namespace; nobody waits for it.
    pub fn spawn(&self, function: impl FnOnce() + Send + 'static) {
        let file = File::open(Path::new(DIRECTORY).join(&self.name)).expect("the namespace exists");
        std::thread::spawn(move || {
            vipd::sys::netns::enter(&file).expect("root may enter namespaces");
            drop(file);
            function();
        });
    }
}

fn remove(name: &str) {
    let pids = Command::new("ip").args(["netns", "pids", name]).output();
    let pids = pids.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    for pid in pids.unwrap_or_default().split_whitespace() {
        let _ = Command::new("kill").args(["-KILL", pid]).output();
    }
    let _ = Command::new("ip").args(["netns", "delete", name]).output();
}

/// Removes what earlier runs have left that were killed, once a process.
pub fn sweep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| sweep_where(|owner| !Path::new("/proc").join(owner.to_string()).exists()));
}

/// Removes what a process has left.
pub fn sweep_of(process: u32) {
    sweep_where(|owner| owner == process);
}

fn sweep_where(gone: impl Fn(u32) -> bool) {
    for name in
        entries(Path::new(DIRECTORY)).into_iter().filter(|name| owner(name).is_some_and(&gone))
    {
        remove(&name);
    }
    let temporary = std::env::temp_dir();
    for name in entries(&temporary).into_iter().filter(|name| owner(name).is_some_and(&gone)) {
        let _ = std::fs::remove_dir_all(temporary.join(name));
    }
}

fn entries(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// The process that a name says it belongs to: `vt123-0-a` belongs to 123.
fn owner(name: &str) -> Option<u32> {
    let (pid, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    pid.parse().ok()
}
