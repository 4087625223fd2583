//! `vip_lease`: what is there while vipd is at work, what it leaves behind, and how a lease that has
//! ended heals. And scripts that end with a vipd that was killed.

use crate::lab::asking::{answers, Asking};
use crate::lab::process::Process;
use crate::lab::{poll, wall_clock, Host, Lab, SOON, VIP, VIP_GLOBAL, VIP_LOCAL};
use crate::scripts::{check, wait_gone, Notes};
use crate::setup::{dead_end, toml, toml_both, vipd, wait_master, Pair, TICK, V3};
use std::path::Path;

const TENTH: &str = "version = 3\nadvert_int = 0.1";

/// What nft(8) tells of the leases of a host.
fn leases(host: &Host) -> String {
    let mut nft = host.namespace.command(Path::new("nft"));
    let output = nft.args(["list", "ruleset", "netdev"]).output().expect("nft can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether the address is leased, and until when it is.
fn is_leased(host: &Host) -> bool {
    leases(host).contains(&format!("{VIP} timeout"))
}

fn alone(more: &str) -> (Lab, Host, Process) {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let process = lab.vipd(vipd(), &a, &toml(100, more));
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    lab.wait_holder(&a, SOON);
    (lab, a, process)
}

#[test]
fn whoever_is_not_master_leases_nothing_and_a_clean_end_leaves_nothing() {
    let pair = Pair::new();
    let (a, b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    assert!(is_leased(&pair.a));
    let of_b = leases(&pair.b);
    assert!(of_b.contains("hook ingress device \"eth0\"") && !of_b.contains(&VIP.to_string()));
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    assert_eq!(leases(&pair.a), "");
    pair.lab.wait_holder(&pair.b, SOON);
    poll(SOON, "the other one leases it", || is_leased(&pair.b));
    let better = pair.start_a(&toml(150, V3));
    better.wait_log("vip: BACKUP -> MASTER", SOON);
    b.wait_log("vip: MASTER -> BACKUP", SOON);
    poll(SOON, "it does not any more", || !leases(&pair.b).contains(&VIP.to_string()));
    assert_eq!(better.lines("removing").len(), 0);
}

#[test]
fn the_next_start_removes_what_a_crash_has_left() {
    let (lab, a, process) = alone(TENTH);
    process.kill();
    poll(SOON, "the lease ends", || !is_leased(&a));
    assert!(leases(&a).contains(&VIP.to_string()) && a.holds(VIP), "dropped, not answered");
    let next = lab.vipd(vipd(), &a, &toml(100, TENTH));
    next.wait_log("removing 10.77.0.100 from eth0: an earlier run has left it there", SOON);
    next.wait_log("removing the nftables table netdev vipd_", SOON);
    next.wait_log("vip: BACKUP -> MASTER", SOON);
    poll(SOON, "it is leased", || is_leased(&a));
    // Also if nobody wants any of it now.
    next.kill();
    let last = lab.vipd(vipd(), &a, &toml(100, &format!("{TENTH}\nvip_lease = \"off\"")));
    last.wait_log("removing the nftables table netdev vipd_", SOON);
    wait_master(&last);
    assert_eq!(leases(&a), "");
}

/// `nft flush ruleset` is what many a firewall begins with.
#[test]
fn a_table_that_somebody_removes_is_made_again() {
    let (_lab, a, process) = alone(TENTH);
    for _ in 0..2 {
        let mark = process.mark();
        let mut nft = a.namespace.command(Path::new("nft"));
        assert!(nft.args(["flush", "ruleset"]).status().expect("nft can be run").success());
        poll(SOON, "it is leased again", || is_leased(&a));
        assert!(leases(&a).contains("hook ingress device \"eth0\""));
        let told = process.wait_log_after(mark, "making the table netdev vipd_", SOON);
        assert!(told.text.contains(" warning "), "a person is to see it: {}", told.text);
    }
    assert_eq!(process.lines("vip: MASTER -> ").len(), 0);
}

/// The table knows an interface by what it was.
#[test]
fn an_interface_that_is_made_again_is_looked_at_again() {
    let (lab, a, process) = alone(TENTH);
    let mark = process.mark();
    a.ip(&["link delete eth0"]);
    process.wait_log_after(mark, "vip: MASTER -> FAULT", SOON);
    lab.plug(&a);
    a.ip(&["address add 10.77.0.1/24 dev eth0"]);
    process.wait_log_after(mark, "vip: BACKUP -> MASTER", SOON);
    lab.wait_holder(&a, SOON);
    assert!(is_leased(&a) && leases(&a).contains("hook ingress device \"eth0\""));
    let client = lab.host("client", "10.77.0.9/24");
    let tap = lab.tap(&a);
    let _asking = Asking::for_all(&client, &[VIP.into()]);
    poll(SOON, "it answers", || !answers(&tap, VIP.into(), 0).is_empty());
    process.stop();
    wait_silent(&lab, &a);
}

/// What was dropped because a lease had ended.
fn dropped(host: &Host) -> Vec<u64> {
    let text = leases(host);
    let counts = text.split("counter packets ").skip(1);
    counts.map(|it| it.split(' ').next().unwrap_or_default().parse().expect("a number")).collect()
}

/// A lease is renewed for the same time again and again, and there is no moment without it.
#[test]
fn a_master_at_work_drops_nothing() {
    let lab = Lab::new();
    let (a, client) = (lab.host("a", "10.77.0.1/24"), lab.host("client", "10.77.0.9/24"));
    let process = lab.vipd(vipd(), &a, &toml_both(100, TENTH));
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    let (tap, mark) = (lab.tap(&a), process.mark());
    let addresses = [VIP.into(), VIP_LOCAL.into(), VIP_GLOBAL.into()];
    let _asking = Asking::for_all(&client, &addresses);
    tap.wait_adverts(wall_clock(), 60, SOON);
    for address in addresses {
        assert!(!answers(&tap, address, 0).is_empty(), "{address}");
    }
    let late = !process.lines_after(mark, "woke up ").is_empty();
    assert!(late || dropped(&a) == [0; 4], "{:?}", dropped(&a));
}

/// Waits until a host is asked for the address and does not answer any more.
#[track_caller]
fn wait_silent(lab: &Lab, host: &Host) {
    // The first rule is about ARP.
    poll(SOON, "questions are dropped", || dropped(host)[0] > 3);
    assert!(lab.holders(VIP) == [host.name.as_str()], "the address is still there");
}

/// Nobody else is there: what was lost by standing still comes back by itself.
#[test]
fn a_master_that_stood_still_answers_again() {
    let (lab, a, process) = alone(TENTH);
    let client = lab.host("client", "10.77.0.9/24");
    let tap = lab.tap(&a);
    let _asking = Asking::for_all(&client, &[VIP.into()]);
    poll(SOON, "it answers", || !answers(&tap, VIP.into(), 0).is_empty());
    process.stop();
    wait_silent(&lab, &a);
    let woken = wall_clock();
    process.signal("CONT");
    poll(SOON, "it answers again", || !answers(&tap, VIP.into(), woken).is_empty());
    process.wait_log("woke up ", SOON);
    assert_eq!(process.lines("vip: MASTER -> ").len(), 0);
}

#[test]
fn an_address_whose_lifetime_has_ended_is_put_back() {
    let (lab, a, process) = alone(&format!("{TENTH}\nvip_lease = \"lifetime\""));
    let tap = lab.tap(&a);
    assert_eq!(leases(&a), "", "one kind is enough");
    poll(SOON, "it has a lifetime", || lifetime(&a).is_some());
    for _ in 0..2 {
        process.stop();
        poll(SOON, "it is gone", || !a.holds(VIP));
        let woken = wall_clock();
        process.signal("CONT");
        poll(SOON, "it is back", || a.holds(VIP));
        tap.wait_announcement(woken, VIP, SOON);
    }
    // It is renewed, and nobody takes that for news.
    tap.wait_adverts(wall_clock(), 20, SOON);
    assert!(lifetime(&a).is_some());
    assert!(!process.lines("has vanished from eth0: putting it back").is_empty());
    assert_eq!(process.lines("vip: MASTER -> ").len(), 0);
}

/// The same as without nftables: somebody else has a table of that name. It is said once, and is left
/// alone.
#[test]
fn where_no_table_can_be_made_the_addresses_have_a_lifetime() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let run = lab.file("a.toml", "").with_file_name("run-a").display().to_string();
    let name = format!("vipd{}", run.replace(|char: char| !char.is_ascii_alphanumeric(), "_"));
    let mut nft = a.namespace.command(Path::new("nft"));
    assert!(nft
        .args(["add", "table", "netdev", &name])
        .status()
        .expect("nft can be run")
        .success());
    let process = lab.vipd(vipd(), &a, &toml(100, TENTH));
    wait_master(&process);
    poll(SOON, "it has a lifetime", || lifetime(&a).is_some());
    let tap = lab.tap(&a);
    tap.wait_adverts(wall_clock(), 20, SOON);
    assert!(lifetime(&a).is_some() && !is_leased(&a) && leases(&a).contains(&name));
    let said = process.lines("vip_lease: cannot make the nftables table netdev vipd_");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].text.contains("the addresses have a lifetime instead"));
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    assert!(leases(&a).contains(&name) && !a.holds(VIP));
}

/// How many seconds the address has, if not for ever.
fn lifetime(host: &Host) -> Option<u32> {
    let text = host.namespace.ip_output(&["address", "show", "dev", "eth0"]);
    let (_, rest) = text.split_once(&format!("inet {VIP}/"))?;
    let (_, rest) = rest.split_once("valid_lft ")?;
    rest.split("sec").next()?.parse().ok()
}

/// Another kind of lease, at work.
#[test]
fn a_reload_changes_the_kind_of_lease() {
    let (lab, a, process) = alone(TENTH);
    for (kind, leased, lives) in
        [("lifetime", false, true), ("off", false, false), ("nft", true, false)]
    {
        lab.file("a.toml", &toml(100, &format!("{TENTH}\nvip_lease = \"{kind}\"")));
        process.signal("HUP");
        poll(SOON, kind, || is_leased(&a) == leased && lifetime(&a).is_some() == lives);
        assert!(a.holds(VIP));
    }
    assert_eq!(process.lines("vip: MASTER -> ").len(), 0);
    assert_eq!(process.lines("vanished").len(), 0);
}

/// A script, what it has started, and what that has started; all in one process group.
const TREE: &str = "#!/bin/sh\ntrap '' TERM HUP\n\
    sh -c 'sleep 1000 & echo $! >> PIDS; sleep 1000; true' & echo $$ $! | tr ' ' '\\n' >> PIDS\n\
    wait\n";

#[test]
fn whatever_a_script_has_started_ends_with_a_killed_vipd() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let (checks, notified) = (Notes::new(&lab, "checks"), Notes::new(&lab, "notified"));
    let script = |name: &str, notes: &Notes| {
        let text = TREE.replace("PIDS", &notes.path().display().to_string());
        lab.script(name, &text).display().to_string()
    };
    let (tree, notify) = (script("check.sh", &checks), script("notify.sh", &notified));
    let more = format!("{V3}\nnotify_backup = \"{notify}\"\ntrack_script = [\"chk\"]");
    let config = toml(100, &more) + &check(&tree, "interval = 300");
    let process = lab.vipd(vipd(), &a, &config);
    poll(SOON, "all are there", || checks.pids().len() == 3 && notified.pids().len() == 3);
    process.signal("KILL");
    wait_gone(&checks.pids());
    wait_gone(&notified.pids());
}

/// A service that a script has started is none of ours once the script is done.
#[test]
fn what_a_script_has_left_behind_goes_on_without_vipd() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let notes = Notes::new(&lab, "service");
    let text = format!("#!/bin/sh\nsleep 1000 & echo $! >> {}\n", notes.path().display());
    let script = lab.script("notify.sh", &text).display().to_string();
    let process = lab.vipd(vipd(), &a, &toml(100, &format!("{V3}\nnotify_backup = \"{script}\"")));
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    notes.wait(1);
    poll(SOON, "the script is done", || process.children().is_empty());
    process.signal("KILL");
    process.wait_end(SOON);
    let service = notes.pids()[0];
    assert!(!crate::scripts::is_gone(service), "it serves on");
    crate::lab::process::signal_pid(service, "KILL");
}

/// Linux answers on one interface for the addresses of another.
#[test]
fn an_address_on_another_interface_is_silent_too() {
    let lab = Lab::new();
    let (a, client) = (lab.host("a", "10.77.0.1/24"), lab.host("client", "10.77.0.9/24"));
    dead_end(&a);
    let elsewhere = toml(100, TENTH).replace(&format!("{VIP}/24"), &format!("{VIP}/32 dev eth1"));
    let process = lab.vipd(vipd(), &a, &elsewhere);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    let tap = lab.tap(&a);
    let _asking = Asking::for_all(&client, &[VIP.into()]);
    poll(SOON, "it answers", || !answers(&tap, VIP.into(), 0).is_empty());
    let rules = leases(&a);
    assert!(rules.contains("device \"eth0\"") && rules.contains("device \"eth1\""), "{rules}");
    process.signal("KILL");
    wait_silent(&lab, &a);
}

/// One of them gives it up, the other does not: it is answered for all the time.
#[test]
fn an_address_of_two_instances_is_leased_as_long_as_one_wants_it() {
    let pair = Pair::new();
    let other = toml(100, V3).replace(".vip]", ".other]").replace("= 51", "= 52");
    let client = pair.lab.host("client", "10.77.0.9/24");
    let a = pair.start_a(&(toml(100, TENTH) + &other));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    a.wait_log("other: BACKUP -> MASTER", SOON);
    let mark = a.mark();
    let _asking = Asking::for_all(&client, &[VIP.into()]);
    let _b = pair.start_b(&toml(150, TENTH));
    a.wait_log("vip: MASTER -> BACKUP", SOON);
    let given_up = wall_clock();
    // Longer than the lease of the one was.
    pair.hears_a.wait_adverts(given_up, 20, SOON);
    assert!(is_leased(&pair.a));
    assert!(!answers(&pair.hears_a, VIP.into(), wall_clock() - TICK.as_nanos() as u64).is_empty());
    let late = !a.lines_after(mark, "woke up ").is_empty();
    assert!(late || dropped(&pair.a) == [0; 4], "{:?}", dropped(&pair.a));
}
