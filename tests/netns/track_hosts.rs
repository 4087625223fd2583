//! `track_tcp` and `track_ping`: hosts that are asked.

use crate::lab::{poll, span, Host, Lab, SOON};
use crate::scripts::{assert_roughly, assert_steady, of_router, status, wait_priority, FAST};
use crate::setup::{toml, vipd, VRID};
use std::fmt::Write;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// A router and the host that it asks: `b` is 10.77.0.2 and 2001:db8::2.
fn pair(lab: &Lab) -> (Host, Host) {
    let (a, b) = (lab.host("a", "10.77.0.1/24"), lab.host("b", "10.77.0.2/24"));
    a.ip(&["address add 2001:db8::1/64 dev eth0 nodad"]);
    b.ip(&["address add 2001:db8::2/64 dev eth0 nodad"]);
    (a, b)
}

/// From now on somebody listens there.
fn listen(host: &Host, address: &str) -> TcpListener {
    let address: SocketAddr = address.parse().expect("an address");
    host.namespace.run(|| TcpListener::bind(address).expect("a free port"))
}

/// A router that tracks `x` of a kind.
fn tracking(kind: &str, how: &str) -> String {
    toml(100, &format!("{FAST}\n{kind} = [\"x\"]\n[{kind}.x]\n{how}"))
}

#[test]
fn a_port_that_nobody_listens_on_is_refused_at_once() {
    for address in ["10.77.0.2:7007", "[2001:db8::2]:7007"] {
        let lab = Lab::new();
        let (a, b) = pair(&lab);
        let how =
            format!("connect = \"{address}\"\ninterval = 0.3\ntimeout = 20\nrise = 2\nfall = 2");
        let vipd = lab.vipd(vipd(), &a, &tracking("track_tcp", &how));
        let refused = "vip: BACKUP -> FAULT: tcp x failed: Connection refused";
        vipd.wait_log(refused, SOON);
        let listener = listen(&b, address);
        vipd.wait_log("tcp x: is fine now (rise 2)", SOON);
        vipd.wait_log("vip: FAULT -> BACKUP: tcp x is fine again", SOON);
        vipd.wait_log("vip: BACKUP -> MASTER", SOON);
        let line = status(&vipd, "tcp x");
        assert!(line.contains("OK, connected after ") && line.ends_with(" ms"), "{line}");
        // No connection stays behind, on either side.
        let (stream, _) = listener.accept().expect("one that was made");
        let connections = |host: &Host| host.namespace.run(tcp_connections);
        poll(SOON, "nothing is left", || connections(&a) == 0);
        drop((stream, listener));
        vipd.wait_log("tcp x: has failed now (fall 2): Connection refused", SOON);
        vipd.wait_log("vip: MASTER -> FAULT: tcp x failed: Connection refused", SOON);
    }
}

/// TCP connections here that are not in LISTEN, TIME_WAIT among them.
fn tcp_connections() -> usize {
    let tables = ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"];
    let lines = |path: &&str| std::fs::read_to_string(path).unwrap_or_default();
    let tables: Vec<String> = tables.iter().map(lines).collect();
    let states = tables.iter().flat_map(|table| table.lines().skip(1));
    states.filter(|line| line.split_whitespace().nth(3) != Some("0A")).count()
}

#[test]
fn a_host_that_drops_packets_times_out() {
    for (kind, how, what) in [
        ("track_tcp", "connect = \"10.77.0.2:7007\"", "tcp x"),
        ("track_tcp", "connect = \"[2001:db8::2]:7007\"", "tcp x"),
        ("track_ping", "host = \"10.77.0.2\"", "ping x"),
        ("track_ping", "host = \"2001:db8::2\"", "ping x"),
    ] {
        let lab = Lab::new();
        let (a, b) = pair(&lab);
        let _listeners = [listen(&b, "10.77.0.2:7007"), listen(&b, "[2001:db8::2]:7007")];
        let how = format!("{how}\ninterval = 0.3\nfall = 2");
        let vipd = lab.vipd(vipd(), &a, &tracking(kind, &how));
        vipd.wait_log(&format!("{what}: is fine now (rise 1)"), SOON);
        vipd.wait_log("vip: BACKUP -> MASTER", SOON);
        // Neighbours are known and stay so: only what is asked goes unanswered.
        nft(
            &b,
            "add table inet t; add chain inet t c { type filter hook input priority 0; }; \
                 add rule inet t c ip protocol { tcp, icmp } drop; \
                 add rule inet t c icmpv6 type echo-request drop; \
                 add rule inet t c meta nfproto ipv6 meta l4proto tcp drop",
        );
        let fault = vipd.wait_log(
            &format!("vip: MASTER -> FAULT: {what} failed: timed out after 300.0 ms"),
            SOON,
        );
        let failed = vipd.wait_log(&format!("{what}: has failed now (fall 2)"), SOON);
        assert!(failed.at <= fault.at);
        let mark = vipd.mark();
        nft(&b, "delete table inet t");
        vipd.wait_log_after(mark, &format!("vip: FAULT -> BACKUP: {what} is fine again"), SOON);
    }
}

fn nft(host: &Host, commands: &str) {
    let mut nft = host.namespace.command(std::path::Path::new("nft"));
    let output = nft.arg(commands).output().expect("nft is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn errors_that_need_no_answer_are_told_at_once() {
    for (kind, how, says) in [
        ("track_tcp", "connect = \"203.0.113.1:80\"", "tcp x failed: Network is unreachable"),
        ("track_tcp", "connect = \"10.77.0.2:80\"\ndev = \"eth7\"", "tcp x failed: No such device"),
        (
            "track_tcp",
            "connect = \"10.77.0.2:80\"\nsource = \"10.77.0.99\"",
            "tcp x failed: Cannot assign requested address",
        ),
        ("track_ping", "host = \"203.0.113.1\"", "ping x failed: Network is unreachable"),
        ("track_ping", "host = \"2001:db8:7::1\"", "ping x failed: Network is unreachable"),
        (
            "track_ping",
            "host = \"10.77.0.2\"\ndev = \"eth7\"",
            "ping x failed: there is no interface eth7",
        ),
        // Nobody has that address: the kernel asks for it for three seconds.
        ("track_ping", "host = \"10.77.0.77\"", "ping x failed: No route to host"),
        ("track_ping", "host = \"2001:db8::77\"", "ping x failed: No route to host"),
        ("track_tcp", "connect = \"10.77.0.77:80\"", "tcp x failed: No route to host"),
    ] {
        let lab = Lab::new();
        let (a, _b) = pair(&lab);
        let vipd = lab.vipd(vipd(), &a, &tracking(kind, &format!("{how}\ntimeout = 60")));
        vipd.wait_log(&format!("vip: BACKUP -> FAULT: {says}"), SOON);
    }
}

#[test]
fn a_weight_counts_while_the_host_answers_and_reverse_turns_it_round() {
    for (host, weight, before, after) in
        [("10.77.0.2", "20", 120, 100), ("2001:db8::2", "\"-30 reverse\"", 100, 130)]
    {
        let lab = Lab::new();
        let (a, b) = pair(&lab);
        let tap = lab.tap(&a);
        let how = format!("host = \"{host}\"\ninterval = 0.2\nweight = {weight}");
        let vipd = lab.vipd(vipd(), &a, &tracking("track_ping", &how));
        vipd.wait_log("ping x: is fine now", SOON);
        wait_priority(&tap, VRID, before, 0);
        assert!(status(&vipd, "ping x").contains("OK, answered after "));
        b.ip(&["link set eth0 down"]);
        vipd.wait_log(&format!("vip: priority {before} -> {after}"), SOON);
        wait_priority(&tap, VRID, after, 0);
        assert!(vipd.lines("-> FAULT").is_empty());
    }
}

/// A link-local address is another host on every interface: `dev` says on which.
#[test]
fn a_link_local_host_is_asked_through_its_interface() {
    let lab = Lab::new();
    let (a, b) = pair(&lab);
    b.ip(&["address add fe80::2/64 dev eth0 nodad"]);
    let more = "track_tcp = [\"x\"]\n[track_ping.x]\nhost = \"fe80::2\"\ndev = \"eth0\"\n\
                [track_tcp.x]\nconnect = \"[fe80::2]:7007\"\ndev = \"eth0\"\n";
    let config = toml(100, &format!("{FAST}\ntrack_ping = [\"x\"]\n{more}"));
    let vipd = lab.vipd(vipd(), &a, &config);
    vipd.wait_log("ping x: is fine now", SOON);
    vipd.wait_log("vip: BACKUP -> FAULT: tcp x failed: Connection refused", SOON);
}

#[test]
fn until_the_first_answer_nobody_becomes_master() {
    let lab = Lab::new();
    let (a, b) = pair(&lab);
    let tap = lab.tap(&a);
    b.ip(&["link set eth0 down"]);
    let how = "host = \"10.77.0.2\"\ninterval = 60\ntimeout = 50";
    let other = format!(
        "[vrrp_instance.other]\ninterface = \"eth0\"\nvirtual_router_id = 52\n{FAST}\n\
         virtual_ipaddress = [\"10.77.0.101/24\"]\n"
    );
    // The kernel would tell after three seconds that there is no such host.
    a.ip(&["neighbour add 10.77.0.2 lladdr 02:00:00:00:77:02 dev eth0"]);
    let vipd = lab.vipd(vipd(), &a, &(other + &tracking("track_ping", how)));
    poll(SOON, "the other is MASTER for a while", || of_router(&tap.adverts(), 52).len() >= 10);
    assert!(of_router(&tap.adverts(), VRID).is_empty());
    assert!(status(&vipd, "ping x").contains("not known yet, no result yet"));
}

#[test]
fn starts_are_spread_and_the_interval_is_kept() {
    let lab = Lab::new();
    let (a, b) = pair(&lab);
    let listener = listen(&b, "10.77.0.2:7007");
    let how =
        "connect = \"10.77.0.2:7007\"\ninterval = 0.5\nsource = \"10.77.0.1\"\ndev = \"eth0\"";
    let vipd = lab.vipd(vipd(), &a, &tracking("track_tcp", how));
    vipd.wait_log("tcp x: is fine now", SOON);
    let accepted: Vec<u64> = (0..5)
        .map(|_| {
            let (_, from) = listener.accept().expect("a connection");
            assert_eq!(from.ip().to_string(), "10.77.0.1");
            crate::lab::wall_clock()
        })
        .collect();
    let whole = span(accepted[0], accepted[4]);
    assert_roughly("four intervals", whole, Duration::from_secs(2));
}

/// 100 hosts that answer and 100 that do not, each kind by both ways.
#[test]
fn two_hundred_probes_do_not_disturb_the_adverts() {
    let lab = Lab::new();
    let (a, b) = pair(&lab);
    let tap = lab.tap(&a);
    let _listener = listen(&b, "10.77.0.2:7007");
    let mut config = toml(100, FAST);
    let (mut tcp, mut ping) = (String::new(), String::new());
    for n in 0..100 {
        // The odd ones do not exist.
        let host = 2 + 75 * (n % 2);
        let port = 7007 + n % 3;
        let _ = writeln!(
            config,
            "[track_tcp.t{n}]\nconnect = \"10.77.0.{host}:{port}\"\ninterval = 0.5\nweight = 1\n\
             [track_ping.p{n}]\nhost = \"10.77.0.{host}\"\ninterval = 0.5\nweight = 1"
        );
        if n < 60 {
            let _ = write!(tcp, "\"t{n}\",");
            let _ = write!(ping, "\"p{n}\",");
        }
    }
    let lists = format!("track_tcp = [{tcp}]\ntrack_ping = [{ping}]");
    let second = format!(
        "[vrrp_instance.second]\ninterface = \"eth0\"\nvirtual_router_id = 52\n{FAST}\n\
         virtual_ipaddress = [\"10.77.0.101/24\"]\ntrack_tcp = [{}]\ntrack_ping = [{}]\n",
        names("t"),
        names("p")
    );
    let config = config.replacen(FAST, &format!("{FAST}\n{lists}"), 1) + &second;
    let vipd = lab.vipd(vipd(), &a, &config);
    vipd.wait_log("vip: BACKUP -> MASTER", SOON);
    let since = crate::lab::wall_clock();
    poll(SOON, "it is MASTER for a while", || {
        of_router(&tap.adverts_after(since), VRID).len() >= 30
    });
    let mut adverts = of_router(&tap.adverts_after(since), VRID);
    // A change of priority is told at once: those are beside the raster.
    adverts.dedup_by(|later, earlier| span(earlier.at, later.at) < Duration::from_millis(50));
    assert_steady(&adverts, Duration::from_millis(100));
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", vipd.pid())).expect("it runs");
    let count = descriptors.count();
    assert!(count < 100 + 30, "{count} descriptors");
}

/// The other forty of a kind, as a list.
fn names(kind: &str) -> String {
    (60..100).map(|n| format!("\"{kind}{n}\",")).collect()
}
