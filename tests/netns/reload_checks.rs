//! Checks across a reload: what has not changed runs on, what has is ended, nobody changes its state.

use crate::lab::{poll, SOON};
use crate::setup::{reload, toml, Pair, V3};
use std::fs;
use std::path::Path;

fn pids(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn is_there(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}

/// The same run goes on while another check comes before it; changed, it does not heed SIGTERM, and
/// is killed.
#[test]
fn a_running_check_stays_and_a_changed_one_is_killed() {
    let pair = Pair::new();
    let ran = pair.lab.directory().join("ran");
    let first = format!("echo $$ >> {}\n", ran.display());
    let script = pair.lab.script(
        "slow",
        // The first run succeeds, so that there is a MASTER; the second never ends.
        &format!("#!/bin/sh\n{first}trap '' TERM\n[ $(wc -l < {0}) = 1 ] && exit 0\nwhile :; do sleep 1; done\n", ran.display()),
    );
    let slow = |interval: &str| {
        format!(
            "[vrrp_script.slow]\nscript = \"{}\"\ninterval = {interval}\ntimeout = 60\n",
            script.display()
        )
    };
    let other = "[vrrp_script.another]\nscript = \"true\"\ninterval = 1\nweight = 5\n";
    let one = toml(150, &format!("{V3}\ntrack_script = [\"slow\"]"));
    let both = toml(150, &format!("{V3}\ntrack_script = [\"another\", \"slow\"]"));
    let a = pair.start_a(&format!("{}{one}", slow("1")));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    poll(SOON, "the second run is under way", || pids(&ran).len() == 2);
    let running = pids(&ran)[1].clone();
    let mark = a.mark();
    let reload = |text: &str| reload(&pair.lab, "a", &a, text);
    reload(&format!("{other}{}{both}", slow("1")));
    a.wait_log_after(mark, "vip: priority 150 -> 155", SOON);
    assert!(is_there(&running), "it runs on");
    assert_eq!(pids(&ran).len(), 2, "and no other was started");
    reload(&format!("{other}{}{both}", slow("2")));
    poll(SOON, "it was killed", || !is_there(&running));
    assert!(a.is_running());
    assert_eq!(a.lines_after(mark, "->").iter().filter(|it| it.text.contains("MASTER")).count(), 0);
}
