//! Whether there is a daemon, and it is at work.

use super::super::call::Call;
use super::Finding;
use crate::sys::{local, netns};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// What is wrong with it, and its process id if there is one. What is looked at afterwards is looked
/// at in its network namespace.
pub fn look(call: &Call) -> Option<(Finding, Option<i32>)> {
    let socket = call.socket.display();
    let stream = match UnixStream::connect(&call.socket) {
        Ok(stream) => stream,
        // The command itself will say why.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return None,
        Err(error) => {
            let what = format!("no vipd answers at {socket}: {error}");
            let meaning = "No virtual address of this host is looked after.";
            let remedy = "Start it. If it does not stay, its log says why; vipd -t checks the \
                          configuration. With another run directory, say -r.";
            return Some((Finding::wrong(what, meaning, remedy), None));
        }
    };
    // Of a socket that listens, it is who has made it.
    let pid = local::peer(stream.as_fd()).ok()?.pid;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    if let Some(finding) = asleep(pid, &stat) {
        return Some((finding, Some(pid)));
    }
    follow(pid);
    None
}

/// A process that does not run. `stat`: its line in /proc.
fn asleep(pid: i32, stat: &str) -> Option<Finding> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let (why, remedy) = match rest.chars().next()? {
        'T' => ("was stopped by a signal", format!("kill -CONT {pid}")),
        't' => ("is held by a debugger", "Let it go on, or end the debugger.".to_owned()),
        _ => return None,
    };
    Some(Finding::wrong(
        format!("vipd (process {pid}) {why}"),
        "It sends no adverts. Another router takes over; until its lease ends, this one still has \
         the addresses.",
        remedy,
    ))
}

/// Goes where the daemon is, if that is elsewhere and allowed.
fn follow(pid: i32) {
    let theirs = format!("/proc/{pid}/ns/net");
    let identity = |path: &Path| fs::read_link(path).ok();
    let (Some(ours), Some(other)) =
        (identity(Path::new("/proc/self/ns/net")), identity(Path::new(&theirs)))
    else {
        return;
    };
    if ours != other {
        // Without it the interfaces are not found, and that is told.
        let _ = File::open(theirs).and_then(|file| netns::enter(&file));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_stands_still_is_seen() {
        for (state, wrong) in [("S", false), ("R", false), ("D", false), ("T", true), ("t", true)] {
            let stat = format!("7 (a) name)) {state} 1 7 7 0");
            assert_eq!(asleep(7, &stat).is_some(), wrong, "{state}");
        }
        assert_eq!(asleep(7, ""), None);
    }
}
