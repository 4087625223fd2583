//! Which of the two programs it is, the options of the daemon, and the only `exit()`.

use getopts::{Matches, Options};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vipd::config::error::Report;
use vipd::config::{self, Config, Format, Reading};
use vipd::control;
use vipd::daemon::{preflight, Daemon};
use vipd::exit::{self, Failure};
use vipd::log::Sink;
use vipd::sys::host::{self, Fork, Lock};

const CONFIG_FILE: &str = "/etc/vipd.toml";
/// Where a configuration may be, if it is not there.
const OTHER_FILES: [&str; 2] = ["/etc/config/vipd", "/etc/keepalived/keepalived.conf"];
const RUN_DIRECTORY: &str = "/run/vipd";
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
        .optopt("p", "pid", "pid file (default vipd.pid in the run directory)", "FILE")
        .optopt("l", "log", "where to log: stderr or syslog", "SINK")
        .optflagmulti("D", "log-detail", "log more; twice: everything")
        .optflag("V", "version", "print the version, and exit")
        .optflag("h", "help", "print this, and exit");
    options
}

fn run(arguments: impl Iterator<Item = OsString>) -> Result<u8, Failure> {
    let options = options();
    let matches = options
        .parse(arguments)
        .map_err(|error| Failure::new(exit::USAGE, format!("{error}; see vipd -h")))?;
    if matches.opt_present("h") {
        exit::print(&options.usage(BRIEF))?;
        return Ok(exit::OK);
    }
    if matches.opt_present("V") {
        exit::print(concat!("vipd ", env!("CARGO_PKG_VERSION"), "\n"))?;
        return Ok(exit::OK);
    }
    if let Some(word) = matches.free.first() {
        return Err(Failure::new(
            exit::USAGE,
            format!("unexpected argument \"{word}\"; see vipd -h"),
        ));
    }
    let (text_only, test) = (matches.opt_present("T"), matches.opt_present("t"));
    let (config, report) = configuration(&matches, !text_only)?;
    if test || text_only {
        exit::say(&report.to_string());
        return Ok(if config.is_some() { exit::OK } else { exit::CONFIG });
    }
    let Some(config) = config else {
        return Err(Failure::new(exit::CONFIG, format!("not started\n{report}")));
    };
    start(&matches, &config, &report)
}

/// Reads the configuration; `here`: and what it needs of this host.
fn configuration(matches: &Matches, here: bool) -> Result<(Option<Config>, Report), Failure> {
    let file = matches.opt_str("f").unwrap_or_else(|| CONFIG_FILE.to_owned());
    let format = exit::option(matches, "F", &Format::NAMES)?;
    let format = format.unwrap_or_else(|| Format::of_file(&file));
    let config_id = matches.opt_str("i").unwrap_or_else(host::short_name);
    let how = Reading { format, config_id: &config_id, lenient: matches.opt_present("lenient") };
    let bytes = std::fs::read(&file).map_err(|error| {
        let other = OTHER_FILES.iter().find(|other| Path::new(other).exists());
        let hint = match other.filter(|_| file == CONFIG_FILE) {
            Some(other) => format!("; to use {other}, start vipd with -f {other}"),
            None => String::new(),
        };
        Failure::new(exit::CONFIG, format!("cannot read {file}: {error}{hint}"))
    })?;
    Ok(config::read(&file, &bytes, &how, &|config, report| {
        if here {
            preflight::check(config, report);
        }
    }))
}

/// From here on there are a log, a pid file and, unless it stays in the foreground, a process of
/// its own.
fn start(matches: &Matches, config: &Config, report: &Report) -> Result<u8, Failure> {
    let foreground = matches.opt_present("n");
    let sink = match matches.opt_str("l").as_deref() {
        Some("stderr") => Sink::Stderr,
        Some("syslog") => Sink::Syslog,
        None if foreground => Sink::Stderr,
        None => Sink::Syslog,
        Some(other) => {
            let message = format!("unknown log \"{other}\"; there are: stderr, syslog");
            return Err(Failure::new(exit::USAGE, message));
        }
    };
    let readiness = if foreground {
        None
    } else {
        match host::daemonize(sink == Sink::Stderr) {
            Ok(Fork::Parent(code)) => return Ok(u8::try_from(code).unwrap_or(exit::OSERR)),
            Ok(Fork::Child(readiness)) => Some(readiness),
            Err(error) => {
                return Err(Failure::new(exit::OSERR, format!("cannot fork: {error}")));
            }
        }
    };
    let started = begin(matches, config, report, sink);
    let (mut daemon, _lock) = match (started, readiness) {
        (Ok(daemon), Some(readiness)) => {
            readiness.ready();
            daemon
        }
        (Err(failure), Some(readiness)) => {
            // First the reason, then the code: with that the command returns.
            failure.print("vipd");
            readiness.fail(i32::from(failure.code));
            return Ok(failure.code);
        }
        (started, None) => started?,
    };
    daemon.run().map_err(|error| Failure::new(exit::OSERR, format!("the loop failed: {error}")))?;
    log::info!("stopped");
    Ok(exit::OK)
}

fn begin(
    matches: &Matches,
    config: &Config,
    report: &Report,
    sink: Sink,
) -> Result<(Daemon, Lock), Failure> {
    let lock = lock(matches)?;
    vipd::log::init(sink, matches.opt_count("D"))
        .map_err(|error| Failure::new(exit::OSERR, format!("cannot log to {sink}: {error}")))?;
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
    log::info!("vipd {} starts", env!("CARGO_PKG_VERSION"));
    let daemon = Daemon::new(config, report).map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            let message = format!("cannot start: {error}; it needs CAP_NET_ADMIN and CAP_NET_RAW");
            Failure::new(exit::NOPERM, message)
        }
        _ => Failure::new(exit::OSERR, format!("cannot start: {error}")),
    })?;
    Ok((daemon, lock))
}

/// The run directory and the locked pid file: one daemon on each.
fn lock(matches: &Matches) -> Result<Lock, Failure> {
    let directory =
        matches.opt_str("r").map_or_else(|| PathBuf::from(RUN_DIRECTORY), PathBuf::from);
    let file = matches.opt_str("p").map_or_else(|| directory.join("vipd.pid"), PathBuf::from);
    make_directory(&directory)?;
    match host::lock_file(&file) {
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
