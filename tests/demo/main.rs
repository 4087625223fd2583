//! Two routers and a client in network namespaces of their own: an address that moves between the
//! routers, haproxy behind it, and somebody who asks over HTTP all the time. `make demo` builds and
//! runs it; it needs root, takes less than two minutes and leaves nothing behind.
//!
//! The story is told by a child process. Whatever becomes of it, its parent cleans up.

#[path = "../netns/lab/mod.rs"]
mod lab;

mod client;
mod story;
mod timeline;

use lab::{namespace, router};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// What the child is called with.
const STORY: &str = "--story";
/// How long the child may take after Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where daemons are, for whoever has them not in the PATH.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn main() -> ExitCode {
    let told = match std::env::args().nth(1).as_deref() {
        None => supervise(),
        Some(STORY) => story::tell(&vipd()),
        Some(_) => Err("usage: demo (without arguments)".to_owned()),
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is_empty() {
                eprintln!("demo: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Built by the same command, one directory up.
fn vipd() -> PathBuf {
    let demo = std::env::current_exe().unwrap_or_default();
    demo.parent().and_then(Path::parent).unwrap_or(Path::new(".")).join("vipd")
}

/// Runs the story in a child, and cleans up behind it.
fn supervise() -> Result<(), String> {
    requirements()?;
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))
            .map_err(|error| format!("cannot listen to signals: {error}"))?;
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let mut child = std::env::current_exe()
        .and_then(|demo| {
            Command::new(demo).arg(STORY).env("PATH", format!("{path}:{SYSTEM_PATH}")).spawn()
        })
        .map_err(|error| format!("cannot run myself: {error}"))?;
    let status = wait(&mut child, &interrupted);
    namespace::sweep_of(child.id());
    match status.and_then(|status| status.code()) {
        Some(0) => Ok(()),
        // It has said why.
        Some(_) => Err(String::new()),
        None => Err("the story was cut short; everything is cleaned up".to_owned()),
    }
}

/// Waits for the child.
fn wait(child: &mut Child, interrupted: &AtomicBool) -> Option<ExitStatus> {
    let ended = |child: &mut Child| !matches!(child.try_wait(), Ok(None));
    lab::holds_within(Duration::MAX / 4, || ended(child) || interrupted.load(Ordering::Relaxed));
    if interrupted.load(Ordering::Relaxed) {
        // Ctrl-C has reached it as well; SIGTERM may have reached us alone.
        let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).output();
        if !lab::holds_within(PATIENCE, || ended(child)) {
            let _ = child.kill();
        }
    }
    child.wait().ok()
}

fn requirements() -> Result<(), String> {
    let missing = |word: &&str| {
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{path}:{SYSTEM_PATH}");
        !std::env::split_paths(&path).any(|folder| folder.join(word).is_file())
    };
    let programs = ["ip", "unshare", "nsenter", "bash", "haproxy", "killall", "ping"];
    let mut absent: Vec<String> =
        programs.iter().filter(|word| missing(word)).map(|word| (*word).to_owned()).collect();
    for file in [Path::new(router::SERVICE), &vipd()] {
        if !file.is_file() {
            absent.push(file.display().to_string());
        }
    }
    if !absent.is_empty() {
        return Err(format!("these are missing here: {}", absent.join(", ")));
    }
    let id = Command::new("id").arg("-u").output();
    if id.is_ok_and(|id| id.stdout.trim_ascii() != b"0") {
        return Err("only root can make network namespaces; try sudo".to_owned());
    }
    Ok(())
}
