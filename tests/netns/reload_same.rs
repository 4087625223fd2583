//! A reload from anything to anything else comes to what a fresh start would come to, and leaves
//! nothing behind.

use crate::lab::process::Process;
use crate::lab::{holds_within, poll, Host, Lab, SOON};
use crate::setup::{dead_end, reload, vipd};
use std::collections::BTreeMap;
use std::path::Path;

/// How many reloads, unless RELOADS says so.
const RELOADS: usize = 40;

/// An instance of VRID 51 on eth0, and what more there is.
fn instance(more: &str, addresses: &str, sections: &str) -> String {
    format!(
        "[vrrp_instance.vip]\ninterface = \"eth0\"\nvirtual_router_id = 51\npriority = 100\n\
         virtual_ipaddress = [{addresses}]\n{more}\n{sections}\n"
    )
}

const V3: &str = "version = 3\nadvert_int = 0.1";
const ONE: &str = "\"10.77.0.100/24\"";

/// Configurations that have as little in common as possible.
fn configurations() -> Vec<(&'static str, String)> {
    let v3 = |more: &str| instance(&format!("{V3}\n{more}"), ONE, "");
    let inside = "[vrrp_instance.inside]\ninterface = \"eth1\"\nvirtual_router_id = 51\n\
                  priority = 120\nversion = 3\nadvert_int = 0.1\n\
                  virtual_ipaddress = [\"10.88.0.100/24\"]";
    let both = "\"10.77.0.100/24\", \"fe80::77:100/64\", \"2001:db8:77::100/64\"";
    vec![
        ("plain", v3("")),
        ("version 2", instance("authentication = { auth_type = \"PASS\", auth_pass = \"secret\" }", ONE, "")),
        ("addresses", instance(V3, "\"10.77.0.100/24\", \"10.77.0.101/32 dev eth1\", \"10.79.0.1/16 label eth0:x\"", "")),
        ("both families", instance(V3, both, "")),
        ("IPv6", instance("advert_int = 0.1", "\"fe80::77:100/64\", \"2001:db8:77::100/64\"", "")),
        ("virtual MAC", v3("use_vmac = true")),
        (
            "virtual MACs",
            instance(&format!("{V3}\nuse_vmac = true"), both, ""),
        ),
        ("unicast", v3("unicast_peer = [\"10.77.0.2\", \"10.77.0.3\"]")),
        ("routes", v3("virtual_routes = [\"192.0.2.0/24 via 10.77.0.9 dev eth0\", \"blackhole 198.51.100.0/24\"]\nvirtual_rules = [\"from 10.77.0.100 table 100 preference 1000\"]")),
        ("other routes", v3("virtual_routes = [\"192.0.2.0/24 via 10.77.0.8 dev eth0\", \"2001:db8:9::/48 dev eth1\"]")),
        ("not accepted", instance(&format!("{V3}\naccept = false"), both, "")),
        ("lifetime", v3("vip_lease = \"lifetime\"")),
        ("no lease", v3("vip_lease = \"off\"\nvip_conflict = \"probe\"")),
        ("excluded", v3("virtual_ipaddress_excluded = [\"10.77.0.110/32\", \"2001:db8:77::110/64\"]\nnopreempt = true")),
        ("two", instance(V3, ONE, inside)),
        (
            "group",
            instance(V3, ONE, &format!("{inside}\n[vrrp_sync_group.group]\ngroup = [\"vip\", \"inside\"]")),
        ),
        (
            "trackers",
            instance(
                &format!("{V3}\ntrack_script = [\"fine\"]\ntrack_interface = [\"eth1 weight 3\"]\ntrack_file = [\"number\"]\ntrack_process = [\"none\"]"),
                ONE,
                "[vrrp_script.fine]\nscript = \"/bin/true\"\ninterval = 0.3\nweight = 10\n\
                 [track_file.number]\nfile = \"/nowhere/number\"\nweight = 2\n\
                 [track_process.none]\nprocess = \"no-such-process\"\nweight = 7",
            ),
        ),
        ("another VRID", v3("").replace("= 51", "= 52")),
        ("elsewhere", v3("").replace("\"eth0\"", "\"eth1\"").replace("10.77.0.100", "10.88.0.100")),
        ("renamed", v3("").replace(".vip]", ".\"other name\"]")),
    ]
}

/// A router alone, with two interfaces.
fn router() -> (Lab, Host) {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    dead_end(&a);
    (lab, a)
}

/// All that the daemon has made of the world, without times, counters and numbers that are never the
/// same.
fn world(a: &Host, process: &Process) -> BTreeMap<&'static str, Vec<String>> {
    let ip = |arguments: &[&str]| a.namespace.ip_output(arguments);
    let mut nft = a.namespace.command(Path::new("nft"));
    let nft = nft.args(["list", "ruleset"]).output().expect("nft can be run").stdout;
    let mut seen = BTreeMap::new();
    let mut put = |what, text: &str, plain: &dyn Fn(&str) -> Option<String>| {
        let mut lines: Vec<String> = text.lines().filter_map(plain).collect();
        lines.sort();
        seen.insert(what, lines);
    };
    put("addresses", &ip(&["-o", "address"]), &|line| {
        let (_, line) = line.split_once(": ")?;
        // The lifetime of a lease.
        Some(line.split("valid_lft").next()?.trim_end().to_owned())
    });
    put("links", &ip(&["-o", "link"]), &|line| {
        Some(line.split_once(": ")?.1.split(" mtu").next()?.to_owned())
    });
    put("routes", &ip(&["route", "show", "table", "all"]), &|line| Some(line.to_owned()));
    put("IPv6 routes", &ip(&["-6", "route", "show", "table", "all"]), &|line| {
        // When the kernel has heard of a router.
        (!line.contains("ra")).then(|| line.to_owned())
    });
    put("rules", &ip(&["rule"]), &|line| Some(line.to_owned()));
    put("nftables", &String::from_utf8_lossy(&nft), &|line| {
        // Room is not taken away, nor are rules for which there are no elements any more.
        if !["table", "elements"].iter().any(|it| line.trim().starts_with(it)) {
            return None;
        }
        let words = line.split_whitespace().filter(|word| {
            // What is left of a lease.
            !word.trim_end_matches(',').ends_with('s')
                || !word.starts_with(|c: char| c.is_ascii_digit())
        });
        Some(words.collect::<Vec<_>>().join(" "))
    });
    let memberships = ip(&["maddress", "show", "dev", "eth0"]);
    put("memberships", &memberships, &|line| Some(line.trim().split(" users").next()?.to_owned()));
    // Sockets of netlink stay, once they were needed.
    for (what, columns) in [("raw", 1..4), ("raw6", 1..4), ("packet", 2..4)] {
        let file = format!("/proc/{}/net/{what}", process.pid());
        let sockets = std::fs::read_to_string(file).unwrap_or_default();
        put(what, &sockets, &|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let says = words.get(columns.clone())?.join(" ");
            // What has heard others claim an address is kept for the next that is to hear that, as
            // the kernel takes its time to close it.
            (!says.ends_with("0806") && !says.contains(":003A")).then_some(says)
        });
    }
    seen
}

/// Once everybody is MASTER, and the same in so many looks in a row: what a start comes to.
fn wait_world(a: &Host, process: &Process, masters: usize) -> BTreeMap<&'static str, Vec<String>> {
    const LOOKS: usize = 5;
    poll(SOON, "all are MASTER", || process.lines("-> MASTER").len() >= masters);
    let mut before = BTreeMap::new();
    let (mut differs, mut same) = (String::new(), 0);
    let stands = holds_within(SOON, || {
        let now = world(a, process);
        let last = std::mem::replace(&mut before, now);
        differs = if last.is_empty() { "new".into() } else { differences(&before, &last) };
        same = if last == before { same + 1 } else { 0 };
        same == LOOKS
    });
    assert!(stands, "the world does not stand still: {differs}");
    before
}

/// In how many lines of the log somebody becomes MASTER.
fn masters(toml: &str) -> usize {
    toml.matches("[vrrp_instance.").count() + toml.matches("[vrrp_sync_group.").count()
}

fn differences(
    is: &BTreeMap<&'static str, Vec<String>>,
    should: &BTreeMap<&'static str, Vec<String>>,
) -> String {
    let mut text = String::new();
    for (what, should) in should {
        let is = &is[what];
        for line in should.iter().filter(|line| !is.contains(line)) {
            text += &format!("{what}: missing: {line}\n");
        }
        for line in is.iter().filter(|line| !should.contains(line)) {
            text += &format!("{what}: too much: {line}\n");
        }
        if is.len() != should.len() {
            text += &format!("{what}: {is:#?} instead of {should:#?}\n");
        }
    }
    text
}

/// Which comes after which: every pair comes up sooner or later.
fn walk(count: usize, seed: u64) -> impl Iterator<Item = usize> {
    let mut state = seed | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % count as u64) as usize
    })
}

#[test]
fn a_reload_comes_to_what_a_start_comes_to() {
    let all = configurations();
    let (lab, a) = router();
    let fresh: Vec<_> = all
        .iter()
        .map(|(name, toml)| {
            let process = lab.vipd(vipd(), &a, toml);
            let world = wait_world(&a, &process, masters(toml));
            process.signal("TERM");
            assert!(process.wait_end(SOON).success(), "{name}");
            world
        })
        .collect();
    let number = |name: &str| std::env::var(name).ok().and_then(|it| it.parse().ok());
    let (reloads, seed) = (number("RELOADS").unwrap_or(RELOADS), number("SEED").unwrap_or(4));
    let process = lab.vipd(vipd(), &a, &all[0].1);
    wait_world(&a, &process, masters(&all[0].1));
    let mut before = 0;
    for next in walk(all.len(), seed as u64).take(reloads) {
        let (name, toml) = &all[next];
        reload(&lab, "a", &process, toml);
        let mut is = BTreeMap::new();
        let same = holds_within(SOON, || {
            is = world(&a, &process);
            is == fresh[next]
        });
        let from = all[before].0;
        assert!(same, "from {from} to {name}:\n{}", differences(&is, &fresh[next]));
        before = next;
    }
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    assert!(process.lines("panic").is_empty());
}

/// A reload after the other leaves no descriptor and no memory behind.
#[test]
fn two_hundred_reloads_leave_nothing_behind() {
    let all = configurations();
    let (lab, a) = router();
    let process = lab.vipd(vipd(), &a, &all[0].1);
    process.wait_log("-> MASTER", SOON);
    let reload = |toml: &str| {
        let mark = reload(&lab, "a", &process, toml);
        assert!(process.lines_after(mark, "stays as it is").is_empty(), "{toml}");
    };
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid()));
        let status = status.unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("RssAnon")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok()).unwrap_or_default()
    };
    let descriptors = || {
        std::fs::read_dir(format!("/proc/{}/fd", process.pid())).map(Iterator::count).unwrap_or(0)
    };
    let round = |count: usize| walk(all.len(), 7).take(count).for_each(|it| reload(&all[it].1));
    round(50);
    reload(&all[0].1);
    let (memory_before, descriptors_before) = (memory(), descriptors());
    round(150);
    reload(&all[0].1);
    let (memory, descriptors) = (memory(), descriptors());
    println!(
        "RssAnon {memory_before} -> {memory} kB, descriptors {descriptors_before} -> {descriptors}"
    );
    // Those of a child that was told to end may be there yet.
    assert!(descriptors <= descriptors_before + 2, "{descriptors_before} -> {descriptors}");
    assert!(memory <= memory_before + memory_before / 4, "{memory_before} -> {memory} kB");
}
