//! A small network in namespaces: hosts on one segment, daemons in the hosts, and ears on every
//! port. Everything is named after this process and a counter, so that many labs can stand side by
//! side, and everything goes when the lab is dropped, also in a panic. What a killed run has left
//! is swept away by the next one.
//!
//! ```text
//!   vt123-0-a      vt123-0-b      vt123-0-client
//!     eth0           eth0            eth0           10.77.0.x/24
//!      |              |               |
//!    p-a ---------- p-b --------- p-client          ports of br0 in vt123-0-seg
//! ```
//!
//! What is captured on a port and comes in there was sent by that host and nobody else.

#![allow(dead_code)] // Each of the programs that share the lab uses its own part of it.

pub mod asking;
pub mod capture;
pub mod executable;
pub mod frames;
pub mod frames6;
pub mod frr;
pub mod injector;
pub mod ip;
pub mod monitor;
pub mod namespace;
pub mod ping;
pub mod process;
pub mod recorder;
pub mod router;
pub mod second;
pub mod shortage;
pub mod tap;

use namespace::Namespace;
use process::Process;
use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tap::Tap;

/// The virtual address of every lab.
pub const VIP: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);
/// The virtual link-local address of a lab with IPv6.
pub const VIP_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0x77, 0x100);
/// The virtual global address of a lab with IPv6.
pub const VIP_GLOBAL: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 0x100);
/// How long something may take that has no reason to take long. Generous: machines are busy.
pub const SOON: Duration = Duration::from_secs(10);

/// A network.
pub struct Lab {
    name: String,
    directory: PathBuf,
    segment: Namespace,
    hosts: RefCell<Vec<Host>>,
    processes: RefCell<Vec<Process>>,
}

/// A host of the network.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name within the lab.
    pub name: String,
    /// Its namespace.
    pub namespace: Namespace,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its link-local address.
    pub link_local: Ipv6Addr,
    /// The hardware address of its `eth0`.
    pub mac: [u8; 6],
    /// Its port of the bridge, in the segment's namespace.
    pub port: String,
}

impl Lab {
    /// A segment without hosts.
    pub fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        namespace::sweep();
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}{}-{number}", namespace::PREFIX, std::process::id());
        let directory = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&directory).expect("a directory for the lab");
        let segment = Namespace::add(&format!("{name}-seg"));
        segment.set("ipv6/conf/all/disable_ipv6", "1");
        segment.set("ipv6/conf/default/disable_ipv6", "1");
        segment
            .ip(&["link add br0 type bridge forward_delay 0 mcast_snooping 0", "link set br0 up"]);
        let (hosts, processes) = (RefCell::default(), RefCell::default());
        Self { name, directory, segment, hosts, processes }
    }

    /// A host with an `eth0` on the segment that has this address, as in `10.77.0.1/24`.
    pub fn host(&self, name: &str, address: &str) -> Host {
        let host = self.unplugged(name, address);
        self.plug(&host);
        host.namespace.ip(&[&format!("address add {address} dev eth0")]);
        poll(SOON, "the kernel gives it a link-local address", || host.holds(host.link_local));
        host
    }

    /// A host that has no `eth0` yet: [`Lab::plug`] gives it one, the address is the test's to set.
    pub fn unplugged(&self, name: &str, address: &str) -> Host {
        let namespace = Namespace::add(&format!("{}-{name}", self.name));
        let number = self.hosts.borrow().len() as u8 + 1;
        let mac = [2, 0, 0, 0, 0x77, number];
        let host = Host {
            name: name.to_owned(),
            port: format!("p-{name}"),
            address: address.split('/').next().and_then(|a| a.parse().ok()).expect("an address"),
            namespace,
            link_local: frames6::link_local(mac),
            mac,
        };
        // Addresses are what the tests say, and there at once: no router's prefixes, and nobody is
        // asked whether an address is free.
        host.namespace.set("ipv6/conf/default/accept_ra", "0");
        host.namespace.set("ipv6/conf/default/accept_dad", "0");
        host.namespace.ip(&["link set lo up"]);
        self.hosts.borrow_mut().push(host.clone());
        host
    }

    /// Gives a host an `eth0`, without an address, and connects it with the segment.
    pub fn plug(&self, host: &Host) {
        let (segment, namespace, port) = (&self.segment.name, &host.namespace.name, &host.port);
        let mac = frames::mac_text(host.mac);
        ip::run(&[&format!(
            "link add {port} netns {segment} type veth peer name eth0 address {mac} netns {namespace}"
        )]);
        self.segment.ip(&[&format!("link set {port} master br0 up")]);
        host.namespace.ip(&["link set eth0 up"]);
    }

    /// Takes the carrier of a host's `eth0` away, or gives it back.
    pub fn carrier(&self, host: &Host, on: bool) {
        let state = if on { "up" } else { "down" };
        self.segment.ip(&[&format!("link set {} {state}", host.port)]);
    }

    /// Keeps a host from all other isolated hosts, though its carrier stays; or lets it back.
    pub fn isolate(&self, host: &Host, on: bool) {
        let state = if on { "on" } else { "off" };
        self.segment.ip(&[&format!("link set {} type bridge_slave isolated {state}", host.port)]);
    }

    /// The segment's namespace.
    pub fn segment(&self) -> &Namespace {
        &self.segment
    }

    /// A directory that goes with the lab.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes a file into the lab's directory and returns its path.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.join(name);
        std::fs::write(&path, text).expect("a file of the lab");
        path
    }

    /// An executable file.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.join(name);
        executable::write(&path, text, "755");
        path
    }

    /// A copy of a program, by another name.
    pub fn program(&self, name: &str, from: &Path) -> PathBuf {
        let path = self.directory.join(name);
        executable::copy(from, &path, "755");
        path
    }

    /// Listens to what a host sends.
    pub fn tap(&self, host: &Host) -> Tap {
        Tap::open(&self.segment, &host.port)
    }

    /// Starts a program in a host. The lab ends it at the latest when it is dropped.
    pub fn start(&self, host: &Host, program: &Path, arguments: &[&str]) -> Process {
        let mut command = host.namespace.command(program);
        command.args(arguments);
        self.spawn(&host.name, command)
    }

    /// Starts a command as it is; `name` is for the log.
    pub fn spawn(&self, name: &str, command: Command) -> Process {
        self.spawn_to(name, command, Stdio::piped())
    }

    /// The same with a standard error of its own.
    pub fn spawn_to(&self, name: &str, command: Command, stderr: Stdio) -> Process {
        let process = Process::spawn_to(name, command, stderr);
        self.processes.borrow_mut().push(process.clone());
        process
    }

    /// Starts a vipd in a host, with this configuration (TOML), and waits until it is at work.
    pub fn vipd(&self, vipd: &Path, host: &Host, toml: &str) -> Process {
        let process = self.vipd_with(vipd, host, toml, &[]);
        process.wait_log(" starts", SOON);
        process
    }

    /// Starts a vipd in a host, with more arguments, and waits for nothing.
    pub fn vipd_with(&self, vipd: &Path, host: &Host, toml: &str, more: &[&str]) -> Process {
        self.vipd_of(vipd, host, &self.file(&format!("{}.toml", host.name), toml), more)
    }

    /// Starts a vipd in a host with a file that is there, and waits for nothing.
    pub fn vipd_of(&self, vipd: &Path, host: &Host, file: &Path, more: &[&str]) -> Process {
        let run = self.directory.join(format!("run-{}", host.name));
        let (file, run) = (file.display().to_string(), run.display().to_string());
        let arguments = [&["-n", "-l", "stderr", "-f", &file, "-r", &run], more].concat();
        self.start(host, vipd, &arguments)
    }

    /// Starts a keepalived in a host, with this configuration.
    pub fn keepalived(&self, host: &Host, conf: &str) -> Process {
        self.keepalived_of(host, &self.file(&format!("{}.conf", host.name), conf), &[])
    }

    /// Starts a keepalived in a host with a file that is there, and more arguments.
    pub fn keepalived_of(&self, host: &Host, file: &Path, more: &[&str]) -> Process {
        self.keepalived_at(Path::new("keepalived"), host, file, more)
    }

    /// The same of another keepalived than the one in the path.
    pub fn keepalived_at(
        &self,
        program: &Path,
        host: &Host,
        file: &Path,
        more: &[&str],
    ) -> Process {
        let file = file.display().to_string();
        let pid = |what: &str| {
            self.directory.join(format!("{}-{what}.pid", host.name)).display().to_string()
        };
        let (main, vrrp) = (pid("keepalived"), pid("vrrp"));
        let arguments = ["-n", "-l", "-D", "-P", "-f", &file, "-p", &main, "-r", &vrrp];
        self.start(host, program, &[&arguments[..], more].concat())
    }

    /// The hosts that have an address on an interface, by name.
    pub fn holders(&self, address: impl Into<IpAddr>) -> Vec<String> {
        let address = address.into();
        let hosts = self.hosts.borrow();
        let holds = |host: &&Host| host.holds(address);
        hosts.iter().filter(holds).map(|host| host.name.clone()).collect()
    }

    /// Waits until one host and no other has the virtual address of the lab.
    #[track_caller]
    pub fn wait_holder(&self, host: &Host, deadline: Duration) {
        self.wait_holder_of(VIP, host, deadline);
    }

    /// Waits until one host and no other has an address.
    #[track_caller]
    pub fn wait_holder_of(&self, address: impl Into<IpAddr>, host: &Host, deadline: Duration) {
        let address = address.into();
        poll(deadline, &format!("{} alone has {address}", host.name), || {
            self.holders(address) == [host.name.as_str()]
        });
    }

    fn print_logs(&self) {
        let mut processes: Vec<Process> = self.processes.borrow().clone();
        processes.dedup_by(|a, b| a.pid() == b.pid());
        for process in processes {
            eprintln!("--- log of {} (process {})", process.name(), process.pid());
            for line in process.log() {
                eprintln!("{}", line.text);
            }
        }
        eprintln!("---");
    }
}

impl Host {
    /// Whether it has an address.
    pub fn holds(&self, address: impl Into<IpAddr>) -> bool {
        let address = address.into();
        let text = self.namespace.ip_output(&["-j", "address", "show"]);
        text.contains(&format!("\"local\":\"{address}\""))
    }

    /// Runs `ip` commands in its namespace.
    pub fn ip(&self, commands: &[&str]) {
        self.namespace.ip(commands);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print_logs();
        }
        for process in self.processes.borrow().iter() {
            process.kill();
        }
        for host in self.hosts.borrow().iter() {
            host.namespace.remove();
        }
        self.segment.remove();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Waits until a condition holds; panics with `what` if it does not until the deadline.
#[track_caller]
pub fn poll(deadline: Duration, what: &str, condition: impl FnMut() -> bool) {
    assert!(holds_within(deadline, condition), "not within {deadline:?}: {what}");
}

/// Waits until a condition holds; false if it does not until the deadline.
pub fn holds_within(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + deadline;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        // Between two looks. What is waited for is the condition, and it may be anything: a file, a
        // line of another process's log, an address.
        pass(Duration::from_millis(10));
    }
}

/// The pace of what is done again and again: of looks, of what is sent. Never to wait for something:
/// that is [`poll`].
pub fn pass(time: Duration) {
    std::thread::sleep(time);
}

/// Nanoseconds since 1970: the clock of the kernel's packet stamps.
pub fn wall_clock() -> u64 {
    let (seconds, nanos) = vipd::sys::clock::realtime();
    seconds as u64 * 1_000_000_000 + u64::from(nanos)
}

/// Nanoseconds between two moments, as a span.
pub fn span(from: u64, to: u64) -> Duration {
    Duration::from_nanos(to.saturating_sub(from))
}
