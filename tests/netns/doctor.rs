//! `vipctl doctor`: each thing that it looks for is broken here, and it says which.

use crate::exhaustion::Scene;
use crate::lab::frames::{seal, Envelope, Message};
use crate::lab::injector::Injector;
use crate::lab::process::Process;
use crate::lab::shortage::{descriptors, limit};
use crate::lab::{holds_within, pass, poll, Host, Lab, SOON, VIP};
use crate::setup::{dead_end, toml, vipd, wait_master, Pair, TICK, V3, VRID};
use crate::vipctl::{said, Said, Vipctl};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// Without its line breaks.
fn flat(said: &Said) -> String {
    assert!(said.out.lines().all(|line| line.chars().count() <= 80), "{}", said.out);
    said.out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// It finds all of that, and ends with this code.
#[track_caller]
fn finds(said: &Said, code: i32, all: &[&str]) {
    let out = flat(said);
    assert_eq!(said.code, code, "{said:?}");
    for says in all {
        assert!(out.contains(says), "{says}: {out}");
    }
}

/// It looks again until it finds all of that: what it finds is what was so while it listened.
#[track_caller]
fn comes_to_find(ctl: &Vipctl, all: &[&str]) {
    let mut last = None;
    let found = holds_within(3 * SOON, || {
        let said = ctl.run(&["doctor"]);
        let out = flat(&said);
        let found = said.code == 1 && all.iter().all(|says| out.contains(says));
        last = Some(out);
        found
    });
    assert!(found, "{all:?}: {}", last.unwrap_or_default());
}

/// nft(8) does something in a host.
#[track_caller]
fn nft(host: &Host, commands: &str) {
    let mut nft = host.namespace.command(Path::new("nft"));
    assert!(nft.arg(commands).status().expect("nft can be run").success(), "nft {commands}");
}

fn answers(ctl: &Vipctl) {
    poll(SOON, "it answers", || ctl.run(&["status"]).code == 0);
}

#[test]
fn where_all_is_well_nothing_is_found() {
    let pair = Pair::new();
    let (_a, _b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    for host in [&pair.a, &pair.b] {
        let ctl = Vipctl::of(&pair.lab, host);
        assert_eq!(ctl.ok(&["doctor", "-j"]), "", "findings only");
        // Findings that are fine are told of when that is asked for.
        let said = ctl.run(&["doctor", "-v"]);
        finds(&said, 0, &["nothing wrong was found"]);
        let marks = said.out.lines().filter(|line| line.starts_with("+ ")).count();
        assert_eq!(marks, 9, "{}", said.out);
        for line in ctl.json(&["doctor", "-v"]) {
            assert_eq!(line["state"].get::<String>().map(String::as_str), Some("ok"), "{line:?}");
        }
    }
}

/// The firewall of the BACKUP drops what comes in: there are two MASTERs, and it says why.
#[test]
fn a_firewall_that_lets_nothing_in() {
    let pair = Pair::new();
    let (_a, b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    nft(
        &pair.b,
        "add table inet filter; add chain inet filter input { type filter hook input priority 0 ; }; \
         add rule inet filter input ip protocol 112 drop",
    );
    wait_master(&b);
    let came_in = "adverts for vip came in on eth0, the last from 10.77.0.1, and none reached vipd";
    let two = "vip: there are two MASTERs, this router with priority 100 and 10.77.0.1 with 150";
    comes_to_find(
        &Vipctl::of(&pair.lab, &pair.b),
        &[came_in, "! election: ", two, "Let protocol 112 in", "-I INPUT -i eth0 -p 112 -j ACCEPT"],
    );
    // The other one hears it, and knows of no firewall.
    let said = Vipctl::of(&pair.lab, &pair.a).run(&["doctor"]);
    assert!(!said.out.contains("firewall:") && said.out.contains("two MASTERs"), "{said:?}");
}

#[test]
fn a_firewall_that_lets_nothing_out() {
    let pair = Pair::new();
    let (_a, _b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    nft(
        &pair.a,
        "add table inet filter; add chain inet filter out { type filter hook output priority 0 ; }; \
         add rule inet filter out ip protocol 112 drop",
    );
    let none = "vip is MASTER, none of its adverts left eth0, and the kernel has refused";
    comes_to_find(&Vipctl::of(&pair.lab, &pair.a), &["! firewall: ", none, "Let protocol 112 out"]);
}

#[test]
fn interfaces_that_are_not_as_they_should_be() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let elsewhere = toml(100, V3).replace(".vip]", ".gone]").replace("eth0", "eth9");
    let process = lab.vipd(vipd(), &a, &(toml(100, V3) + &elsewhere));
    wait_master(&process);
    let ctl = Vipctl::of(&lab, &a);
    a.ip(&["link set eth0 multicast off"]);
    comes_to_find(
        &ctl,
        &[
            "! interfaces: eth0 has multicast switched off",
            "ip link set eth0 multicast on",
            "! interfaces: there is no interface eth9",
            "! instances: gone is in FAULT: ",
        ],
    );
    a.ip(&["link set eth0 multicast on", "link set eth0 down"]);
    comes_to_find(
        &ctl,
        &["! interfaces: eth0 is down", "ip link set eth0 up", "! instances: vip is in FAULT: "],
    );
}

/// No group more can be joined.
#[test]
fn the_kernel_lets_it_join_no_group() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    a.namespace.set("ipv4/igmp_max_memberships", "0");
    let _process = lab.vipd(vipd(), &a, &toml(100, V3));
    let ctl = Vipctl::of(&lab, &a);
    answers(&ctl);
    comes_to_find(
        &ctl,
        &[
            "! interfaces: eth0 is not in the group 224.0.0.18",
            "raise net.ipv4.igmp_max_memberships",
        ],
    );
}

/// The other router's primary address is of a subnet that we have no route to.
#[test]
fn the_reverse_path_filter() {
    let pair = Pair::with("10.77.0.1/24", "10.99.0.2/24");
    pair.a.namespace.set("ipv4/conf/eth0/rp_filter", "1");
    let a = pair.start_a(&toml(100, V3));
    wait_master(&a);
    let b = pair.start_b(&toml(150, V3));
    wait_master(&b);
    let ctl = Vipctl::of(&pair.lab, &pair.a);
    let what = "the adverts of 10.99.0.2 come in on eth0, and there is no route to it";
    comes_to_find(&ctl, &["! rp_filter: ", what, "sysctl net.ipv4.conf.eth0.rp_filter=0"]);
    let out = flat(&ctl.run(&["doctor"]));
    assert!(!out.contains("! firewall:"), "it is no firewall: {out}");
    pair.a.namespace.set("ipv4/conf/eth0/rp_filter", "2");
    let through = "and the route to it leads through eth1";
    assert!(flat(&ctl.run(&["doctor"])).contains("there is no route to it"), "loose wants one");
    pair.a.namespace.set("ipv4/conf/eth0/rp_filter", "1");
    dead_end(&pair.a);
    pair.a.ip(&["route add 10.99.0.0/24 dev eth1"]);
    comes_to_find(&ctl, &["! rp_filter: ", through, "sysctl net.ipv4.conf.eth0.rp_filter=2"]);
    pair.a.namespace.set("ipv4/conf/eth0/rp_filter", "2");
    a.wait_log("vip: MASTER -> BACKUP", SOON);
    poll(SOON, "it is no more found", || !ctl.run(&["doctor"]).out.contains("rp_filter"));
}

/// Others with our id: CARP, another version, a damaged checksum.
#[test]
fn who_else_speaks() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let process = lab.vipd(vipd(), &a, &toml(150, V3));
    wait_master(&process);
    let host = lab.host("c", "10.77.0.3/24");
    let from = |last: u8| Envelope::new(host.mac, Ipv4Addr::new(10, 77, 0, last));
    let mut carp = vec![0x21, VRID, 9, 7, 0, 1, 0, 0];
    carp.resize(36, 0x5a);
    seal(&mut carp);
    let mut damaged = Message::v3(VRID, 100, 20, VIP).bytes();
    damaged[6] ^= 1;
    let frames = [
        from(12).frame(&carp),
        from(13).frame(&damaged),
        from(15).frame(&Message::v2(VRID, 100, 1, VIP).bytes()),
    ];
    let (injector, end) = (Injector::open(&host), Arc::new(AtomicBool::new(false)));
    let speaks = {
        let end = end.clone();
        std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                frames.iter().for_each(|frame| injector.send(frame));
                pass(TICK);
            }
        })
    };
    comes_to_find(
        &Vipctl::of(&lab, &a),
        &[
            "! speakers: 10.77.0.12 on eth0 has the id 51 of vip; it is CARP",
            "Give one of the two another id; here these are free: 52, 53, 54",
            "! speakers: vip: adverts of 10.77.0.13 are not heeded: wrong checksum",
            "! speakers: vip: adverts of 10.77.0.15 are not heeded: another VRRP version",
            "10.77.0.15 speaks version 2: set the same version on both routers",
        ],
    );
    end.store(true, Ordering::Relaxed);
    speaks.join().expect("it ends");
}

#[test]
fn v3_118_two_routers_with_the_same_priority() {
    let pair = Pair::new();
    let (_a, _b) = pair.start_both(&toml(100, V3), &toml(100, V3));
    let same = "! election: vip: 10.77.0.1 has priority 100, as this router has";
    comes_to_find(&Vipctl::of(&pair.lab, &pair.b), &[same, "a priority of its own"]);
}

/// vipctl in the namespace of a host, for where no daemon is that it could follow.
fn doctor_in(host: &Host, run: &str) -> Said {
    let mut command = host.namespace.command(Path::new("bash"));
    command.args(["-c", "exec -a vipctl \"$0\" -r \"$1\" doctor"]).arg(vipd()).arg(run);
    said(command)
}

fn kill(process: &Process) {
    process.signal("KILL");
    process.wait_end(SOON);
}

#[test]
fn what_a_crash_has_left() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let process = lab.vipd(vipd(), &a, &toml(100, V3));
    wait_master(&process);
    poll(SOON, "it has the address", || a.holds(VIP));
    kill(&process);
    let run = |name: &str| lab.directory().join(name).display().to_string();
    let table = "the nftables table netdev vipd_";
    finds(
        &doctor_in(&a, &run("run-a")),
        69,
        &[
            "! daemon: no vipd answers at ",
            "! leftovers: vipd has added 10.77.0.100, and no vipd looks after that now",
            table,
            "is left from a run that was killed",
        ],
    );
    // Another daemon runs by now, with another run directory and without that address.
    let other = toml(100, V3).replace("10.77.0.100", "10.77.0.101");
    let (file, run) = (lab.file("other.toml", &other).display().to_string(), run("run-other"));
    let next = lab.start(&a, vipd(), &["-n", "-l", "stderr", "-f", &file, "-r", &run]);
    wait_master(&next);
    finds(
        &doctor_in(&a, &run),
        1,
        &["vipd has added 10.77.0.100, and no vipd looks after that now", "ip address delete it"],
    );
}

#[test]
fn a_daemon_that_stands_still() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let process = lab.vipd(vipd(), &a, &toml(100, V3));
    wait_master(&process);
    let ctl = Vipctl::of(&lab, &a);
    answers(&ctl);
    process.stop();
    let (pid, found) = (process.pid(), ctl.run(&["doctor"]));
    let what = format!("! daemon: vipd (process {pid}) was stopped by a signal");
    finds(&found, 69, &[&what, &format!("kill -CONT {pid}")]);
    process.signal("CONT");
    answers(&ctl);
}

/// Somebody else has a table of that name.
#[test]
fn a_lease_that_cannot_be_had() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let run = lab.file("a.toml", "").with_file_name("run-a").display().to_string();
    let name = run.replace(|char: char| !char.is_ascii_alphanumeric(), "_");
    nft(&a, &format!("add table netdev vipd{name}"));
    let nft_only = format!("{V3}\nvip_lease = \"nft\"");
    let process = lab.vipd(vipd(), &a, &toml(100, &nft_only));
    wait_master(&process);
    comes_to_find(
        &Vipctl::of(&lab, &a),
        &["! instances: vip: vip_lease nft is not available", "CONFIG_NF_TABLES_NETDEV"],
    );
}

#[test]
fn something_that_has_run_out() {
    let scene = Scene::new(|_| {
        "track_script = [\"chk\"]\n[vrrp_script.chk]\nscript = \"/bin/true\"\ninterval = 0.3\n"
            .into()
    });
    let ctl = Vipctl::of(&scene.lab, &scene.a);
    limit(&scene.process, "nofile", Some(descriptors(&scene.process)));
    poll(SOON, "it is short of them", || scene.shortage("scripts_not_started") > 0);
    limit(&scene.process, "nofile", None);
    comes_to_find(
        &ctl,
        &["! shortage: scripts_not_started: ", "times since it was started", "LimitNOFILE"],
    );
}
