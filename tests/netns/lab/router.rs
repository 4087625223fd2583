//! A router: a host with processes and mounts of its own, so that `killall haproxy` means its own
//! haproxy and `/usr/sbin/service` starts that one.

use super::process::{signal_pid, Process};
use super::{poll, Host, Lab, SOON};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the notify script calls.
pub const SERVICE: &str = "/usr/sbin/service";

/// What seed.md prints: the check, the instance, and the line with its notify script.
pub const SEED: &str = include_str!("../../demo/seed/keepalived.conf");

const NOTIFY_SCRIPT: &str = include_str!("../../demo/seed/notify-haproxy.sh");
const SERVICE_SCRIPT: &str = include_str!("../../demo/service.sh");
const HAPROXY_CFG: &str = include_str!("../../demo/haproxy.cfg");

/// Mounts what is private, says so, and stays as the first process, the one that buries orphans: a
/// shell does so while it waits. A haproxy that ended must not go on to be found by killall.
const INIT: &str = "set -e
mount -t tmpfs -o mode=755 tmpfs /usr/local/bin
cp \"$0\" /usr/local/bin/notify-haproxy.sh
mount --bind \"$1\" /usr/sbin/service
echo ready
while :; do sleep 3600; done";

/// A router.
pub struct Router {
    /// Its place in the network.
    pub host: Host,
    /// The process in whose namespaces everything of it runs.
    init: u32,
    vipd: PathBuf,
    file: PathBuf,
    /// What says which scripts were called.
    pub calls: PathBuf,
}

impl Router {
    /// Prepares a router; vipd does not run yet. `file` is what its configuration is called, as in
    /// `vipd.toml`.
    pub fn new(lab: &Lab, host: Host, vipd: &Path, file: &str, configuration: &str) -> Self {
        let name = host.name.as_str();
        let directory = lab.directory().display().to_string();
        let fill = |text: &str| text.replace("@DIRECTORY@", &directory).replace("@NAME@", name);
        lab.file(&format!("{name}.haproxy"), &fill(HAPROXY_CFG));
        std::fs::create_dir_all(lab.directory().join(name)).expect("a directory of the lab");
        let file = lab.file(&format!("{name}/{file}"), configuration);
        let calls = lab.file(&format!("{name}.calls"), "");
        let notify = lab.script("notify-haproxy.sh", NOTIFY_SCRIPT).display().to_string();
        let service = lab.script(&format!("{name}.service"), &fill(SERVICE_SCRIPT));
        let service = service.display().to_string();
        let mut command = host.namespace.command(Path::new("unshare"));
        command.args(["--pid", "--fork", "--mount-proc", "--mount", "--kill-child"]);
        command.args(["sh", "-c", INIT, &notify, &service]);
        let process = lab.spawn(name, command);
        process.wait_log("ready", SOON);
        let mut init = None;
        poll(SOON, "the first process of a router runs", || {
            init = process.children().first().copied();
            init.is_some()
        });
        let init = init.expect("it runs");
        Self { vipd: vipd.to_owned(), file, host, init, calls }
    }

    /// The name that it goes by.
    pub fn name(&self) -> &str {
        &self.host.name
    }

    /// A command that will run in the router.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        let target = self.init.to_string();
        command.args(["--target", &target, "--net", "--pid", "--mount", "--"]).arg(program);
        command
    }

    /// Starts vipd.
    pub fn start(&self, lab: &Lab) -> Process {
        let mut command = self.command(&self.vipd);
        let run = lab.directory().join(format!("run-{}", self.name()));
        command.args(["-n", "-l", "stderr", "-f"]).arg(&self.file).arg("-r").arg(run);
        lab.spawn(self.name(), command)
    }

    /// `service haproxy stop`, by hand.
    pub fn stop_haproxy(&self) -> Result<(), String> {
        let status = self.command(Path::new(SERVICE)).args(["haproxy", "stop"]).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            _ => Err(format!("cannot stop haproxy on {}", self.name())),
        }
    }

    /// Whether its haproxy runs.
    pub fn has_haproxy(&self) -> bool {
        let output = self.command(Path::new("killall")).args(["-0", "haproxy"]).output();
        output.is_ok_and(|output| output.status.success())
    }
}

/// Sends a signal to the vipd that a router was started with: `nsenter` waits for it and stays in
/// front. Not to its children: they have its name until they have become the script that they run.
pub fn signal_vipd(process: &Process, signal: &str) {
    let name = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    // Parents stand before their children.
    if let Some(pid) = process.children().into_iter().find(|pid| name(pid).trim() == "vipd") {
        signal_pid(pid, signal);
    }
}
