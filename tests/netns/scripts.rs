//! What the tests of check and notify scripts share.

use crate::lab::process::Process;
use crate::lab::tap::{gaps, Advert, Tap};
use crate::lab::{poll, Host, Lab, SOON};
use crate::setup::vipd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// VRRPv3 as quick as the tests of scripts need it.
pub const FAST: &str = "version = 3\nadvert_int = 0.1";
/// The interval of [`FAST`].
pub const FAST_TICK: Duration = Duration::from_millis(100);

/// A file that makes a check succeed while it is there.
pub struct Knob {
    path: PathBuf,
}

impl Knob {
    /// Not there yet.
    pub fn new(lab: &Lab, name: &str) -> Self {
        Self { path: lab.directory().join(name) }
    }

    /// There already.
    pub fn turned_on(lab: &Lab, name: &str) -> Self {
        let knob = Self::new(lab, name);
        knob.on();
        knob
    }

    /// The check succeeds from now on.
    pub fn on(&self) {
        std::fs::write(&self.path, "").expect("a file of the lab");
    }

    /// The check fails from now on.
    pub fn off(&self) {
        std::fs::remove_file(&self.path).expect("a file of the lab");
    }

    /// The check.
    pub fn command(&self) -> String {
        format!("test -e {}", self.path.display())
    }

    /// A command that does not end before the file is there, and then succeeds.
    pub fn wait_command(&self) -> String {
        format!("until {}; do sleep 0.05; done", self.command())
    }
}

/// A file that scripts write lines to.
pub struct Notes {
    path: PathBuf,
}

impl Notes {
    /// An empty one, that every user may write to.
    pub fn new(lab: &Lab, name: &str) -> Self {
        Self { path: lab.file(name, "") }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was written so far, in whole lines.
    pub fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        whole.lines().map(str::to_owned).collect()
    }

    /// Waits until so many lines are there.
    #[track_caller]
    pub fn wait(&self, count: usize) -> Vec<String> {
        let what = format!("{count} lines in {}", self.path.display());
        poll(SOON, &what, || self.lines().len() >= count);
        self.lines()
    }

    /// The lines as nanoseconds since 1970, as `date +%s%N` writes them.
    pub fn stamps(&self) -> Vec<u64> {
        self.lines().iter().map(|line| line.parse().expect("a moment")).collect()
    }

    /// The lines as process ids.
    pub fn pids(&self) -> Vec<u32> {
        self.lines().iter().map(|line| line.trim().parse().expect("a process id")).collect()
    }
}

/// A section `vrrp_script` with the name `chk`.
pub fn check(script: &str, more: &str) -> String {
    named_check("chk", script, more)
}

/// A section `vrrp_script`.
pub fn named_check(name: &str, script: &str, more: &str) -> String {
    format!("[vrrp_script.{name}]\nscript = '''{script}'''\n{more}\n")
}

/// Whether a process has ended; a corpse that nobody has collected yet has.
pub fn is_gone(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| {
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['Z', 'X']))
    })
}

/// Waits until processes have ended.
#[track_caller]
pub fn wait_gone(pids: &[u32]) {
    assert!(!pids.is_empty());
    poll(SOON, &format!("processes {pids:?} have ended"), || pids.iter().all(|pid| is_gone(*pid)));
}

/// A line of the state that SIGUSR1 writes to the log: the first that begins with `status: WHAT`.
#[track_caller]
pub fn status(process: &Process, what: &str) -> String {
    let mark = process.mark();
    process.signal("USR1");
    process.wait_log_after(mark, "status: interface", SOON);
    let lines = process.lines_after(mark, &format!("status: {what}"));
    assert!(!lines.is_empty(), "no status of {what}");
    lines[0].text.clone()
}

/// What a virtual router has sent.
pub fn of_router(adverts: &[Advert], vrid: u8) -> Vec<Advert> {
    adverts.iter().filter(|advert| advert.vrid == vrid).cloned().collect()
}

/// Waits until a virtual router has sent an advertisement with this priority after a moment.
#[track_caller]
pub fn wait_priority(tap: &Tap, vrid: u8, priority: u8, after: u64) -> Advert {
    let find = || {
        let adverts = of_router(&tap.adverts_after(after), vrid);
        adverts.into_iter().find(|advert| advert.priority == priority)
    };
    poll(SOON, &format!("{vrid} advertises priority {priority}"), || find().is_some());
    find().expect("it was there")
}

/// The advertisements come on their raster. One may be late, for machines are busy, but not by as
/// much as if the daemon had waited for a script.
#[track_caller]
pub fn assert_steady(adverts: &[Advert], tick: Duration) {
    let gaps = gaps(adverts);
    assert!(gaps.len() >= 10, "too few to judge: {gaps:?}");
    let mut ratios: Vec<f64> =
        gaps.iter().map(|gap| gap.as_secs_f64() / tick.as_secs_f64()).collect();
    ratios.sort_by(f64::total_cmp);
    let (median, longest) = (ratios[ratios.len() / 2], ratios[ratios.len() - 1]);
    assert!((0.9..1.1).contains(&median), "one every {median} ticks: {gaps:?}");
    assert!(ratios[ratios.len() - 2] < 1.9, "more than one is late: {gaps:?}");
    assert!(longest < 4.0, "{longest} ticks without one: {gaps:?}");
}

/// Within a factor, whose bounds leave room for a busy machine.
#[track_caller]
pub fn assert_roughly(what: &str, is: Duration, should: Duration) {
    let ratio = is.as_secs_f64() / should.as_secs_f64();
    assert!((0.7..2.2).contains(&ratio), "{what}: {is:?}, should be {should:?}");
}

/// Starts a vipd in a host whose mounts are its own, after a few lines of shell have changed them.
pub fn vipd_after(lab: &Lab, host: &Host, mounts: &str, toml: &str, more: &[&str]) -> Process {
    let file = lab.file("mounted.toml", toml).display().to_string();
    let run = lab.directory().join("run-mounted").display().to_string();
    let shell = format!("set -e; {mounts}; exec \"$@\"");
    let mut command = host.namespace.command(Path::new("sh"));
    command.args(["-c", &shell, "sh"]).arg(vipd()).args(["-n", "-f", &file, "-r", &run]);
    command.args(more);
    lab.spawn(&host.name, command)
}
