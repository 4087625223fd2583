//! The routers, their daemons, and the hands that do what the seed says.

use crate::ear::{Ear, Holders};
use crate::fault::Fault;
use crate::files;
use crate::lab::process::Process;
use crate::lab::{holds_within, Host, Lab, SOON};
use crate::world::{vip, Daemon, Life, Link, World, ADDRESSES, ROUTERS};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The segment that a partition's other side is on.
const AWAY: &str = "br1";

/// The executables.
#[derive(Clone, Debug)]
pub struct Programs {
    pub vipd: PathBuf,
    /// `None`: all routers run vipd.
    pub keepalived: Option<PathBuf>,
}

impl Programs {
    /// What runs on each router.
    pub fn daemons(&self) -> [Daemon; ROUTERS] {
        let other = if self.keepalived.is_some() { Daemon::Keepalived } else { Daemon::Vipd };
        [Daemon::Vipd, Daemon::Vipd, other, other]
    }
}

/// Four routers and two clients.
pub struct Stage {
    /// The client of each segment.
    pub ears: [Ear; 2],
    hosts: Vec<Host>,
    /// All daemons that have ever run on a router, the newest last.
    processes: Vec<Vec<Process>>,
    programs: Programs,
    lab: Lab,
}

impl Stage {
    /// Nothing runs yet.
    pub fn new(programs: Programs) -> Self {
        let lab = Lab::with_second();
        let address = |number: usize| format!("10.77.0.{}/24", number + 1);
        let host = |router: usize| lab.host(&World::name(router), &address(router));
        let hosts: Vec<Host> = (0..ROUTERS).map(host).collect();
        let (client, away) = (lab.host("client", "10.77.0.8/24"), lab.host("away", "10.77.0.9/24"));
        lab.segment().ip(&[&format!("link set {} master {AWAY}", away.port)]);
        let macs: Vec<[u8; 6]> = hosts.iter().map(|host| host.mac).collect();
        let ears = [&client, &away].map(|client| Ear::open(client, &macs));
        for router in 0..ROUTERS {
            lab.file(&files::flag(router, "sound"), "");
            lab.file(&files::flag(router, "fit"), "");
        }
        Self { ears, hosts, processes: vec![Vec::new(); ROUTERS], programs, lab }
    }

    /// Starts a daemon; it has begun when this returns, no more.
    pub fn start(&mut self, world: &World, router: usize) {
        let (file, host) = (self.write(world, router), &self.hosts[router]);
        let process = match (world.routers[router].daemon, &self.programs.keepalived) {
            (Daemon::Keepalived, Some(program)) => {
                self.lab.keepalived_at(program, host, &file, &[])
            }
            _ => self.lab.vipd_of(&self.programs.vipd, host, &file, &[]),
        };
        self.processes[router].push(process);
    }

    /// Writes the file of a router. One vipd reads what keepalived reads.
    fn write(&self, world: &World, router: usize) -> PathBuf {
        let (name, directory) = (World::name(router), self.lab.directory());
        if router == 0 {
            self.lab.file(&format!("{name}.toml"), &files::toml(world, router, directory))
        } else {
            self.lab.file(&format!("{name}.conf"), &files::keepalived(world, router, directory))
        }
    }

    /// Does it. `world` is what it should become. What has not happened is the error.
    pub fn perform(&mut self, fault: Fault, world: &World) -> Result<(), String> {
        match fault {
            Fault::Kill(router) => {
                // keepalived's first process would start the second one again.
                self.signal_all(world, router, "STOP");
                let second = self.second(world, router);
                self.signal_all(world, router, "KILL");
                self.wait_end(router)?;
                // An orphan is buried by somebody else; until then keepalived does not start.
                let gone = |pid: &u32| !Path::new("/proc").join(pid.to_string()).exists();
                holds_within(SOON, || second.iter().all(gone));
            }
            Fault::Stop(router) => self.signal_all(world, router, "STOP"),
            Fault::Continue(router) => self.signal_all(world, router, "CONT"),
            Fault::End(router) => {
                self.signal(router, "TERM");
                self.wait_end(router)?;
            }
            Fault::Start(router) => self.start(world, router),
            Fault::Cut(router, Link::DownHere) => self.hosts[router].ip(&["link set eth0 down"]),
            Fault::Cut(router, _) => self.lab.carrier(&self.hosts[router], false),
            Fault::Mend(router) => {
                self.hosts[router].ip(&["link set eth0 up"]);
                self.lab.carrier(&self.hosts[router], true);
            }
            Fault::Part(_) | Fault::Join => self.plug(world),
            Fault::Priority(router, ..) => self.reload(world, router),
            Fault::Addresses(_) => (0..ROUTERS).for_each(|router| self.reload(world, router)),
            Fault::Upgrade(router) => self.upgrade(router)?,
            Fault::Unsound(router) => self.flag(router, "sound", false),
            Fault::Sound(router) => self.flag(router, "sound", true),
            Fault::Unfit(router) => self.flag(router, "fit", false),
            Fault::Fit(router) => self.flag(router, "fit", true),
            Fault::Delete(router, address) => {
                let command = format!("address delete {}/32 dev eth0", vip(address));
                self.hosts[router].ip(&[&command]);
            }
        }
        Ok(())
    }

    /// Connects the routers with the segments that they should be on.
    fn plug(&self, world: &World) {
        let place = |router: usize| {
            let bridge = if world.routers[router].side == 0 { "br0" } else { AWAY };
            format!("link set {} master {bridge}", self.hosts[router].port)
        };
        let places: Vec<String> = (0..ROUTERS).map(place).collect();
        self.lab.segment().ip(&places.iter().map(String::as_str).collect::<Vec<_>>());
    }

    fn reload(&self, world: &World, router: usize) {
        self.write(world, router);
        if matches!(world.routers[router].life, Life::Runs | Life::Stopped) {
            self.signal(router, "HUP");
        }
    }

    fn upgrade(&self, router: usize) -> Result<(), String> {
        let (process, name) = (self.newest(router), World::name(router));
        let mark = process.mark();
        self.signal(router, "USR2");
        let over = || !process.lines_after(mark, " has taken over").is_empty();
        holds_within(SOON, over)
            .then_some(())
            .ok_or_else(|| format!("{name}: nothing has taken over after SIGUSR2"))
    }

    fn flag(&self, router: usize, check: &str, there: bool) {
        let name = files::flag(router, check);
        if there {
            self.lab.file(&name, "");
        } else {
            let _ = std::fs::remove_file(self.lab.directory().join(name));
        }
    }

    /// Signals the first process of a daemon.
    fn signal(&self, router: usize, signal: &str) {
        signal_pids(signal, &[self.newest(router).pid()]);
    }

    /// Signals all of a daemon.
    fn signal_all(&self, world: &World, router: usize, signal: &str) {
        let mut pids = vec![self.newest(router).pid()];
        pids.extend(self.second(world, router));
        signal_pids(signal, &pids);
    }

    /// The second process of a keepalived, without its scripts. vipd has none.
    fn second(&self, world: &World, router: usize) -> Vec<u32> {
        if world.routers[router].daemon == Daemon::Vipd {
            return Vec::new();
        }
        let named = |pid: &u32| {
            std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|name| name.starts_with("keepalived"))
        };
        self.newest(router).children().into_iter().filter(named).collect()
    }

    fn wait_end(&self, router: usize) -> Result<(), String> {
        let ended = || !self.newest(router).is_running();
        holds_within(SOON, ended)
            .then_some(())
            .ok_or_else(|| format!("{} does not end", World::name(router)))
    }

    fn newest(&self, router: usize) -> &Process {
        self.processes[router].last().expect("each router has been started")
    }

    /// The first daemon that has ended though nobody has told it to.
    pub fn missing(&self, world: &World) -> Option<usize> {
        let alive =
            |router: &usize| matches!(world.routers[*router].life, Life::Runs | Life::Stopped);
        (0..ROUTERS).filter(alive).find(|router| !self.newest(*router).is_running())
    }

    /// Which routers have each address on an interface.
    pub fn with_address(&self) -> [Holders; ADDRESSES] {
        let mut with = [0; ADDRESSES];
        for (router, host) in self.hosts.iter().enumerate() {
            let text = host.namespace.ip_output(&["-4", "-o", "address", "show", "dev", "eth0"]);
            for (address, holders) in with.iter_mut().enumerate() {
                *holders |= Holders::from(text.contains(&format!("{}/", vip(address)))) << router;
            }
        }
        with
    }

    /// What all daemons have said since a moment, in order, at most so many lines of each.
    pub fn logs(&self, since: u64, most: usize) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        for (router, processes) in self.processes.iter().enumerate() {
            let lines = processes.iter().flat_map(Process::log).filter(|line| line.at >= since);
            let lines: Vec<(u64, String)> = lines
                .map(|line| (line.at, format!("{}: {}", World::name(router), line.text)))
                .collect();
            all.extend_from_slice(&lines[lines.len().saturating_sub(most)..]);
        }
        all.sort();
        all
    }
}

/// One that has ended is no failure here: who has ended without being told to is found out later.
fn signal_pids(signal: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    let _ = Command::new("kill").arg(format!("-{signal}")).args(pids).output();
}
