//! Which of the two programs it is, the options of the daemon, and the only `exit()`.

use getopts::{Matches, Options};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use vipd::config::error::Report;
use vipd::config::{Config, Format};
use vipd::control;
use vipd::daemon::control::is_free;
use vipd::daemon::load::Load;
use vipd::daemon::upgrade::{self, Handover};
use vipd::daemon::{heed_signals, Daemon, Start};
use vipd::exit::{self, Failure};
use vipd::log::Sink;
use vipd::sys::host::{self, Fork, Lock};
use vipd::sys::signalfd::SignalFd;

const CONFIG_FILE: &str = "/etc/vipd.toml";
/// Where a configuration may be, if it is not there.
const OTHER_FILES: [&str; 2] = ["/etc/config/vipd", "/etc/keepalived/keepalived.conf"];
/// One that was killed a moment ago has its lock until it is gone.
const DYING: Duration = Duration::from_millis(500);
const BRIEF: &str = "Usage: vipd [options]\nKeeps IP addresses highly available by VRRP.";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let (name, result) = match Path::new(&name).file_name() {
        Some(name) if name == control::NAME => (control::NAME, control::run(arguments)),
        _ => ("vipd", run(arguments)),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.print(name);
            ExitCode::from(failure.code)
        }
    }
}

fn options() -> Options {
    let mut options = Options::new();
    options
        .optopt("f", "use-file", "configuration file (default /etc/vipd.toml)", "FILE")
        .optopt(
            "F",
            "format",
            "its syntax: toml, keepalived or uci (default: by its name)",
            "FORMAT",
        )
        .optflag("n", "dont-fork", "stay in the foreground")
        .optflag("t", "config-test", "check the configuration as a start here would, and exit")
        .optflag("T", "text-test", "check the text of the configuration alone, and exit")
        .optflag("", "lenient", "skip what cannot be used, as keepalived does, and tell of it")
        .optopt(
            "i",
            "config-id",
            "which @ID lines of keepalived.conf count (default: host name)",
            "ID",
        )
        .optopt("r", "run-directory", "run directory (default /run/vipd)", "DIR")
        .optopt("s", "socket", "control socket (default vipd.sock in the run directory)", "FILE")
        .optopt("p", "pid", "pid file (default vipd.pid in the run directory)", "FILE")
        .optopt("l", "log", "where to log: stderr or syslog", "SINK")
        .optflagmulti("D", "log-detail", "log more; twice: everything")
        .optflag("V", "version", "print the version, and exit")
        .optflag("h", "help", "print this, and exit");
    options
}

/// Where the start has led to.
enum Started {
    /// All is done: the process ends with this code.
    Done(u8),
    /// To a daemon, with its lock.
    Running(Box<Daemon>, Lock),
}

fn run(arguments: impl Iterator<Item = OsString>) -> Result<u8, Failure> {
    let handover = Handover::take();
    if let Some(folder) = std::env::var_os(upgrade::REHEARSAL) {
        let _ = std::env::set_current_dir(folder);
    }
    let started = start(arguments, handover.as_ref());
    if let (Err(failure), Some(handover)) = (&started, &handover) {
        handover.go_back(&failure.message);
    }
    let (mut daemon, _lock) = match started? {
        Started::Done(code) => return Ok(code),
        Started::Running(daemon, lock) => (daemon, lock),
    };
    if let Some(handover) = handover {
        handover.close();
    }
    daemon.run().map_err(|error| Failure::new(exit::OSERR, format!("the loop failed: {error}")))?;
    log::info!("stopped");
    vipd::log::finish();
    Ok(exit::OK)
}

/// Does what the options say. `handover`: another vipd has executed us in its place.
fn start(
    arguments: impl Iterator<Item = OsString>,
    handover: Option<&Handover>,
) -> Result<Started, Failure> {
    let options = options();
    let matches = options
        .parse(arguments)
        .map_err(|error| Failure::new(exit::USAGE, format!("{error}; see vipd -h")))?;
    if matches.opt_present("h") {
        exit::print(&options.usage(BRIEF))?;
        return Ok(Started::Done(exit::OK));
    }
    if matches.opt_present("V") {
        exit::print(concat!("vipd ", env!("CARGO_PKG_VERSION"), "\n"))?;
        return Ok(Started::Done(exit::OK));
    }
    if let Some(word) = matches.free.first() {
        return Err(Failure::new(
            exit::USAGE,
            format!("unexpected argument \"{word}\"; see vipd -h"),
        ));
    }
    let load = load(&matches)?;
    let text_only = matches.opt_present("T");
    if matches.opt_present("t") || text_only {
        let (config, report) = read(&load, !text_only)?;
        exit::say(&report.to_string());
        let code = if config.is_some() { exit::OK } else { exit::CONFIG };
        return Ok(Started::Done(code));
    }
    let signals = heed_signals()
        .map_err(|error| Failure::new(exit::OSERR, format!("cannot wait for signals: {error}")))?;
    let (config, report) = read(&load, true)?;
    let Some(config) = config else {
        return Err(Failure::new(exit::CONFIG, format!("not started\n{report}")));
    };
    if std::env::var_os(upgrade::REHEARSAL).is_some() {
        exit::print(&format!("{}\n", upgrade::ready()))?;
        return Ok(Started::Done(exit::OK));
    }
    start_daemon(Plan { matches, load, config, report, signals, handover })
}

fn read(load: &Load, here: bool) -> Result<(Option<Config>, Report), Failure> {
    load.read(here)
        .map_err(|error| Failure::new(exit::CONFIG, format!("{error}{}", other_file(load))))
}

/// What a daemon is started with.
struct Plan<'a> {
    matches: Matches,
    load: Load,
    config: Config,
    report: Report,
    signals: SignalFd,
    /// Another vipd has executed us in its place.
    handover: Option<&'a Handover>,
}

/// Where the configuration is, and how it is to be read.
fn load(matches: &Matches) -> Result<Load, Failure> {
    let file = matches.opt_str("f").unwrap_or_else(|| CONFIG_FILE.to_owned());
    let format = exit::option(matches, "F", &Format::NAMES)?;
    let format = format.unwrap_or_else(|| Format::of_file(&file));
    let config_id = matches.opt_str("i").unwrap_or_else(host::short_name);
    Ok(Load { file, format, config_id, lenient: matches.opt_present("lenient") })
}

/// What to do if the file that nobody named is not there, but another.
fn other_file(load: &Load) -> String {
    let other = OTHER_FILES.iter().find(|other| Path::new(other).exists());
    match other.filter(|_| load.file == CONFIG_FILE) {
        Some(other) => format!("; to use {other}, start vipd with -f {other}"),
        None => String::new(),
    }
}

/// From here on there are a log, a pid file and, unless it stays in the foreground, a process of
/// its own.
fn start_daemon(mut plan: Plan<'_>) -> Result<Started, Failure> {
    let foreground = plan.matches.opt_present("n");
    let sink = match plan.matches.opt_str("l").as_deref() {
        Some("stderr") => Sink::Stderr,
        Some("syslog") => Sink::Syslog,
        None if foreground => Sink::Stderr,
        None => Sink::Syslog,
        Some(other) => {
            let message = format!("unknown log \"{other}\"; there are: stderr, syslog");
            return Err(Failure::new(exit::USAGE, message));
        }
    };
    if foreground {
        return begin(plan, sink);
    }
    // The daemon leaves this folder.
    if let Ok(file) = std::path::absolute(&plan.load.file) {
        plan.load.file = file.to_string_lossy().into_owned();
    }
    if plan.handover.is_some() {
        let started = begin(plan, sink)?;
        let _ = std::env::set_current_dir("/");
        return Ok(started);
    }
    let readiness = match host::daemonize(sink == Sink::Stderr) {
        Ok(Fork::Parent(code)) => {
            return Ok(Started::Done(u8::try_from(code).unwrap_or(exit::OSERR)));
        }
        Ok(Fork::Child(readiness)) => readiness,
        Err(error) => return Err(Failure::new(exit::OSERR, format!("cannot fork: {error}"))),
    };
    match begin(plan, sink) {
        Ok(started) => {
            readiness.ready();
            Ok(started)
        }
        Err(failure) => {
            // First the reason, then the code: with that the command returns.
            failure.print("vipd");
            readiness.fail(i32::from(failure.code));
            Ok(Started::Done(failure.code))
        }
    }
}

fn begin(plan: Plan<'_>, sink: Sink) -> Result<Started, Failure> {
    let Plan { matches, load, config, report, signals, handover } = plan;
    let directory =
        matches.opt_str("r").map_or_else(|| PathBuf::from(control::RUN_DIRECTORY), PathBuf::from);
    let directory = std::path::absolute(&directory).unwrap_or(directory);
    vipd::log::init(sink, matches.opt_count("D")).map_err(|error| {
        let hint = match sink {
            Sink::Syslog => "; does a syslog daemon run here? -l stderr does without",
            Sink::Stderr => "",
        };
        Failure::new(exit::OSERR, format!("cannot log to {sink}: {error}{hint}"))
    })?;
    let lock = lock(&matches, &directory, handover)?;
    for line in report.to_string().lines() {
        log::warn!("{line}");
    }
    if report.skipped() > 0 {
        let (file, skipped) = (report.file(), report.skipped());
        log::warn!(
            "{file} is used without what is wrong in it (--lenient): {skipped} skipped, \
             see the warnings above"
        );
    }
    let socket =
        matches.opt_str("s").map_or_else(|| directory.join(control::SOCKET), PathBuf::from);
    let socket = std::path::absolute(&socket).unwrap_or(socket);
    if handover.is_none() {
        is_free(&socket).map_err(|message| Failure::new(exit::UNAVAILABLE, message))?;
    }
    log::info!("vipd {} starts", env!("CARGO_PKG_VERSION"));
    let legacy = handover.map(|handover| handover.legacy().clone());
    let start =
        Start { run_directory: &directory, lock: lock.fd(), socket: &socket, signals, legacy };
    match Daemon::new(load, config, &report, start) {
        Ok(daemon) => Ok(Started::Running(Box::new(daemon), lock)),
        Err(error) => {
            if handover.is_some() {
                // The pid file is that of the one that goes on.
                std::mem::forget(lock);
            }
            Err(match error.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    let message =
                        format!("cannot start: {error}; it needs CAP_NET_ADMIN and CAP_NET_RAW");
                    Failure::new(exit::NOPERM, message)
                }
                _ => Failure::new(exit::OSERR, format!("cannot start: {error}")),
            })
        }
    }
}

/// The run directory and the locked pid file: one daemon on each.
fn lock(matches: &Matches, directory: &Path, handover: Option<&Handover>) -> Result<Lock, Failure> {
    let file = matches.opt_str("p").map_or_else(|| directory.join("vipd.pid"), PathBuf::from);
    if let Some(fd) = handover.and_then(Handover::lock) {
        return Lock::handed_over(&file, fd).map_err(|error| denied_or(exit::OSERR, &file, &error));
    }
    make_directory(directory)?;
    match host::lock_file(&file, DYING) {
        Ok(Ok(lock)) => Ok(lock),
        Ok(Err(pid)) => {
            let who = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
            let message = format!("already running{who}: {} is locked", file.display());
            Err(Failure::new(exit::UNAVAILABLE, message))
        }
        Err(error) => Err(denied_or(exit::OSERR, &file, &error)),
    }
}

fn make_directory(directory: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(directory).map_err(|error| denied_or(exit::OSERR, directory, &error))
}

fn denied_or(code: u8, path: &Path, error: &std::io::Error) -> Failure {
    let code = match error.kind() {
        std::io::ErrorKind::PermissionDenied => exit::NOPERM,
        _ => code,
    };
    Failure::new(code, format!("cannot use {}: {error}", path.display()))
}
