//! `accept` and `no_accept`: who takes packets for the virtual addresses, what is dropped by whom, and
//! whose rules are whose. nft(8) tells what is there.

use crate::lab::frames::mac_text;
use crate::lab::injector::Injector;
use crate::lab::process::Process;
use crate::lab::recorder::{Frame, Recorder};
use crate::lab::{holds_within, poll, Host, Lab, SOON, VIP, VIP_GLOBAL, VIP_LOCAL};
use crate::setup::{keepalived, toml, vipd, wait_master, Pair, V3};
use crate::vmac::is_up;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr, SocketAddrV6, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::time::Duration;
use vipd::sys::netns::interface_index;

const NO_ACCEPT: &str = "version = 3\nadvert_int = 0.2\nno_accept = true";
const PORT: u16 = 4444;
/// How often something is tried that must not work.
const TRIES: u32 = 3;

/// What nft(8) tells of a host, without counters and without the leases, which are a table of the
/// family netdev.
fn ruleset(host: &Host) -> String {
    let mut nft = host.namespace.command(Path::new("nft"));
    let output =
        nft.args(["--stateless", "list", "ruleset", "inet"]).output().expect("nft can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Changes rules of a host by hand.
fn nft(host: &Host, command: &str) {
    let status = host.namespace.command(Path::new("nft")).arg(command).status();
    assert!(status.expect("nft can be run").success(), "{command}");
}

/// Whether our table is there, and drops packets for the virtual address.
fn drops(host: &Host) -> bool {
    let text = ruleset(host);
    text.contains("table inet vipd {") && text.contains(&format!("elements = {{ {VIP} }}"))
}

/// A client that knows where to send to, and ears in a router.
struct Probe {
    client: Host,
    scope: u32,
    from: UdpSocket,
    at: UdpSocket,
    _listener: TcpListener,
    /// An address of the router's own.
    own: IpAddr,
}

impl Probe {
    /// Packets for the virtual address are sent to `router` by its hardware address.
    fn new(client: &Host, router: &Host) -> Self {
        Self::towards(client, router, &[VIP.into()], router.address.into())
    }

    /// The same with other addresses: virtual ones, and one of the router's own.
    fn towards(client: &Host, router: &Host, vips: &[IpAddr], own: IpAddr) -> Self {
        let mac = mac_text(router.mac);
        for address in [vips, &[own]].concat() {
            client.ip(&[&format!("neighbour replace {address} lladdr {mac} dev eth0")]);
        }
        let (at, listener) = router.namespace.run(|| {
            let at = UdpSocket::bind(("::", PORT)).expect("the port is free");
            (at, TcpListener::bind(("::", PORT)).expect("the port is free"))
        });
        at.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        let from = client.namespace.run(|| UdpSocket::bind(("::", 0)).expect("a port"));
        Self { client: client.clone(), scope: scope(client), from, at, _listener: listener, own }
    }

    /// Whether a datagram for an address is delivered in the router. One for its own address follows
    /// it, and when that has come the other would have.
    fn udp(&self, address: IpAddr) -> bool {
        (0..TRIES).any(|_| {
            self.send(address, b"virtual");
            let mut heard = false;
            poll(SOON, "what is sent to its own address arrives", || {
                self.send(self.own, b"own");
                let mut buffer = [0; 16];
                while let Ok(length) = self.at.recv(&mut buffer) {
                    match &buffer[..length] {
                        b"own" => return true,
                        _ => heard = true,
                    }
                }
                false
            });
            heard
        })
    }

    fn send(&self, to: IpAddr, bytes: &[u8]) {
        self.from.send_to(bytes, self.place(to)).expect("the route exists");
    }

    /// An address for a socket of both families.
    fn place(&self, address: IpAddr) -> SocketAddrV6 {
        match address {
            IpAddr::V4(address) => SocketAddrV6::new(address.to_ipv6_mapped(), PORT, 0, 0),
            IpAddr::V6(address) => SocketAddrV6::new(address, PORT, 0, self.scope),
        }
    }

    fn ping(&self, address: IpAddr) -> bool {
        ping(&self.client, address)
    }

    /// Whether a connection comes about; if not, nothing at all is answered.
    fn tcp(&self, address: IpAddr) -> bool {
        let second = Duration::from_secs(1);
        let to = self.place(address).into();
        match self.client.namespace.run(|| TcpStream::connect_timeout(&to, second)) {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::TimedOut => false,
            Err(error) => panic!("{address}: {error}"),
        }
    }

    #[track_caller]
    fn assert_accepted(&self, address: IpAddr) {
        assert!(holds_within(SOON, || self.udp(address)), "a datagram is delivered");
        assert!(holds_within(SOON, || self.ping(address)), "a ping is answered");
        assert!(holds_within(SOON, || self.tcp(address)), "a connection comes about");
    }

    #[track_caller]
    fn assert_dropped(&self, address: IpAddr) {
        assert!(!self.udp(address), "no datagram is delivered");
        assert!(!self.ping(address), "no ping is answered");
        assert!(!self.tcp(address), "no connection comes about");
        assert!(holds_within(SOON, || self.ping(self.own)), "its own address is answered");
        assert!(holds_within(SOON, || self.tcp(self.own)), "on every port");
    }
}

/// The interface of every host: a link-local address means nothing without it.
fn scope(host: &Host) -> u32 {
    host.namespace.run(|| interface_index("eth0").expect("it is there"))
}

/// Whether one of a few pings is answered.
fn ping(client: &Host, address: IpAddr) -> bool {
    let mut ping = client.namespace.command(Path::new("ping"));
    ping.args(["-q", "-n", "-c", "3", "-i", "0.2", "-W", "1", "-I", "eth0", &address.to_string()]);
    ping.output().expect("ping can be run").status.success()
}

/// A router `a` that becomes MASTER, and a client.
fn alone(config: &str) -> (Lab, Host, Process, Probe) {
    let lab = Lab::new();
    let (a, client) = (lab.host("a", "10.77.0.1/24"), lab.host("client", "10.77.0.200/24"));
    let process = lab.vipd(vipd(), &a, config);
    process.wait_log("vip: ", SOON);
    lab.wait_holder(&a, SOON);
    let probe = Probe::new(&client, &a);
    (lab, a, process, probe)
}

#[test]
fn v3_110_accept_is_the_default_and_needs_no_rules() {
    for more in ["accept = true", ""] {
        let (_lab, a, process, probe) = alone(&toml(100, &format!("{V3}\n{more}")));
        probe.assert_accepted(VIP.into());
        assert_eq!(ruleset(&a), "");
        assert!(process.lines("nftables").is_empty());
    }
}

#[test]
fn v3_110_v2_015_an_owner_accepts_whatever_no_accept_says() {
    let (_lab, a, _process, probe) = alone(&toml(255, "no_accept = true"));
    probe.assert_accepted(VIP.into());
    assert_eq!(ruleset(&a), "");
}

#[test]
fn v3_111_v2_015_with_no_accept_nothing_but_arp_is_answered() {
    for config in [toml(100, NO_ACCEPT), toml(100, "version = 2\naccept = false")] {
        let (_lab, a, _process, probe) = alone(&config);
        assert!(drops(&a), "{}", ruleset(&a));
        probe.assert_dropped(VIP.into());
        assert_eq!(Injector::open(&probe.client).holders(VIP), [a.mac]);
        // And it was these rules.
        nft(&a, "delete table inet vipd");
        poll(SOON, "they are put back", || drops(&a));
        probe.assert_dropped(VIP.into());
    }
}

#[test]
fn keepalived_conf_says_it_in_its_own_words() {
    let lab = Lab::new();
    let (a, client) = (lab.host("a", "10.77.0.1/24"), lab.host("client", "10.77.0.200/24"));
    let conf = keepalived(100, "version 3\nadvert_int 0.2\nno_accept");
    let process = lab.vipd_of(vipd(), &a, &lab.file("a.conf", &conf), &[]);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    lab.wait_holder(&a, SOON);
    Probe::new(&client, &a).assert_dropped(VIP.into());
}

/// ```text
/// client --- a --- far
/// ```
/// The client knows the virtual address as its gateway.
#[test]
fn v3_111_what_goes_through_the_router_goes_on() {
    let (lab, a, _process, probe) = alone(&toml(100, NO_ACCEPT));
    let far = lab.unplugged("far", "10.88.0.2/24");
    a.ip(&[
        &format!("link add eth1 type veth peer name eth0 netns {}", far.namespace.name),
        "address add 10.88.0.1/24 dev eth1",
        "link set eth1 up",
    ]);
    far.ip(&[
        "address add 10.88.0.2/24 dev eth0",
        "link set eth0 up",
        "route add default via 10.88.0.1",
    ]);
    a.namespace.set("ipv4/ip_forward", "1");
    probe.client.ip(&[&format!("route add 10.88.0.0/24 via {VIP}")]);
    assert!(holds_within(SOON, || ping(&probe.client, far.address.into())));
    probe.assert_dropped(VIP.into());
    // From the other side as well.
    assert!(holds_within(SOON, || ping(&far, a.address.into())));
    assert!(!ping(&far, VIP.into()));
}

/// The address is missing for a moment: what is sent to it does not go back to where it came from.
#[test]
fn v3_113_v2_018_packets_for_the_address_are_not_forwarded() {
    for (more, forwarded) in [(V3, true), (NO_ACCEPT, false)] {
        let (lab, a, process, probe) = alone(&toml(100, more));
        let other = lab.host("other", "10.77.0.3/24");
        a.namespace.set("ipv4/ip_forward", "1");
        a.namespace.set("ipv4/conf/all/send_redirects", "0");
        a.namespace.set("ipv4/conf/eth0/send_redirects", "0");
        process.stop();
        a.ip(&[&format!("address delete {VIP}/24 dev eth0")]);
        other.ip(&[&format!("address add {VIP}/32 dev eth0")]);
        // By way of the router, both.
        probe.client.ip(&[&format!("route add {} via {}", other.address, a.address)]);
        let at = other.namespace.run(|| UdpSocket::bind(("::", PORT)).expect("the port is free"));
        at.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        let elsewhere = Probe { own: other.address.into(), at, ..probe };
        match forwarded {
            true => assert!(holds_within(SOON, || elsewhere.udp(VIP.into()))),
            false => assert!(!elsewhere.udp(VIP.into())),
        }
    }
}

/// Both virtual addresses of IPv6, and addresses of the hosts to go with them.
fn alone_v6(config: &str) -> (Lab, Host, Process, Probe) {
    let lab = Lab::new();
    let (a, client) = (lab.host("a", "10.77.0.1/24"), lab.host("client", "10.77.0.200/24"));
    let own = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 1);
    a.ip(&[&format!("address add {own}/64 dev eth0 nodad")]);
    client.ip(&["address add 2001:db8:77::200/64 dev eth0 nodad"]);
    let vips = format!("\"{VIP_LOCAL}/64\", \"{VIP_GLOBAL}/64\"");
    let process = lab.vipd(vipd(), &a, &config.replace(&format!("\"{VIP}/24\""), &vips));
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    let vips = [VIP_LOCAL.into(), VIP_GLOBAL.into()];
    poll(SOON, "the addresses are there", || vips.iter().all(|vip| a.holds(*vip)));
    let probe = Probe::towards(&client, &a, &vips, own.into());
    (lab, a, process, probe)
}

#[test]
fn v3_110_ipv6_accept_is_the_default() {
    let (_lab, a, _process, probe) = alone_v6(&toml(100, V3));
    for vip in [VIP_LOCAL, VIP_GLOBAL] {
        probe.assert_accepted(vip.into());
    }
    assert_eq!(ruleset(&a), "");
}

#[test]
fn v3_111_v3_112_ipv6_nothing_but_neighbour_discovery_is_answered() {
    let (_lab, a, _process, probe) = alone_v6(&toml(100, NO_ACCEPT));
    let rules = ruleset(&a);
    assert!(rules.contains(&format!("elements = {{ \"eth0\" . {VIP_LOCAL} }}")), "{rules}");
    assert!(rules.contains(&format!("elements = {{ {VIP_GLOBAL} }}")), "{rules}");
    let injector = Injector::open(&probe.client);
    for vip in [VIP_LOCAL, VIP_GLOBAL] {
        probe.assert_dropped(vip.into());
        assert_eq!(injector.holders(vip), [a.mac]);
        // What the rules would drop, were it not neighbour discovery: it is sent to the address.
        let wait = Duration::from_millis(300);
        let there = || injector.probe(vip, a.mac, wait).iter().any(|it| it.mac == a.mac);
        poll(SOON, "the router says that it is still there", there);
    }
}

#[test]
fn v3_074_the_rules_are_where_the_master_is() {
    let pair = Pair::new();
    let client = pair.lab.host("client", "10.77.0.200/24");
    let (a, b) = pair.start_both(&toml(150, NO_ACCEPT), &toml(100, NO_ACCEPT));
    assert!(drops(&pair.a) && !drops(&pair.b));
    let probe = Probe::new(&client, &pair.b);
    probe.assert_dropped(VIP.into());
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    assert_eq!(ruleset(&pair.a), "", "a clean end leaves nothing");
    b.wait_log("vip: BACKUP -> MASTER", SOON);
    poll(SOON, "the rules came with the address", || drops(&pair.b));
    probe.assert_dropped(VIP.into());
    // And back.
    let a = pair.start_a(&toml(150, NO_ACCEPT));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    b.wait_log("vip: MASTER -> BACKUP", SOON);
    poll(SOON, "the rules went with it", || drops(&pair.a) && !drops(&pair.b));
}

/// Reports of multicast groups, with the hardware address that they come from.
fn reports(frames: &[Frame]) -> Vec<(u64, Vec<u8>)> {
    let igmp = |bytes: &[u8]| bytes[12..14] == [8, 0] && bytes.get(23) == Some(&2);
    // Behind a header with an option for routers.
    let mld = |bytes: &[u8]| {
        bytes[12..14] == [0x86, 0xdd]
            && bytes.get(20) == Some(&0)
            && bytes.get(62).is_some_and(|kind| [131, 132, 143].contains(kind))
    };
    let is_report = |frame: &&Frame| igmp(&frame.bytes) || mld(&frame.bytes);
    let about = |frame: &Frame| (frame.at, frame.source().to_vec());
    frames.iter().filter(is_report).map(about).collect()
}

/// Who gives the addresses up leaves their groups, and would say so with the virtual MAC address: a
/// switch would take that for the way to the MASTER. As MASTER it says which groups it is in.
#[test]
fn reports_of_groups_come_from_the_virtual_mac_of_the_master_alone() {
    let vips = format!("\"{VIP_LOCAL}/64\", \"{VIP_GLOBAL}/64\"");
    let more = format!("{V3}\nuse_vmac = true");
    let config = |priority| toml(priority, &more).replace(&format!("\"{VIP}/24\""), &vips);
    let pair = Pair::new();
    let frames = Recorder::open(&pair.lab, &pair.a);
    let a = pair.start_a(&config(100));
    let of_vmac = |frames: Vec<Frame>| {
        reports(&frames).into_iter().filter(|(_, mac)| mac[..5] == [0, 0, 0x5e, 0, 2]).collect()
    };
    let became = a.wait_log("vip: BACKUP -> MASTER", SOON).at;
    poll(SOON, "the MASTER reports", || {
        let reports: Vec<_> = of_vmac(frames.after(became));
        !reports.is_empty()
    });
    // So many packets, by the counters of the rules.
    let dropped = || {
        let mut nft = pair.a.namespace.command(Path::new("nft"));
        let output = nft.args(["list", "chain", "inet", "vipd", "output"]).output();
        let text = String::from_utf8(output.expect("nft can be run").stdout).expect("text");
        let counters = text.split("packets ").skip(1).filter_map(|rest| rest.split(' ').next());
        counters.filter_map(|packets| packets.parse::<u32>().ok()).sum::<u32>()
    };
    let before = dropped();
    let _b = pair.start_b(&config(200));
    let over = a.wait_log("vip: MASTER -> BACKUP", SOON).at;
    poll(SOON, "it would have reported", || dropped() > before);
    poll(SOON, "its interface is down", || !is_up(&pair.a, "vrrp6.51"));
    let late: Vec<(u64, Vec<u8>)> = of_vmac(frames.after(over));
    assert_eq!(late, []);
}

/// What is not to be accepted is not accepted either when nobody is there to say so.
#[test]
fn what_a_killed_daemon_has_left_goes_on_to_drop_and_is_not_there_twice() {
    let (lab, a, process, probe) = alone(&toml(100, NO_ACCEPT));
    let before = ruleset(&a);
    process.kill();
    assert!(a.holds(VIP));
    assert_eq!(ruleset(&a), before);
    probe.assert_dropped(VIP.into());
    let again = lab.vipd(vipd(), &a, &toml(100, NO_ACCEPT));
    again.wait_log("removing the nftables table inet vipd: an earlier run has left it", SOON);
    wait_master(&again);
    lab.wait_holder(&a, SOON);
    poll(SOON, "the rules are as they were", || ruleset(&a) == before);
    // Nobody wants it any more.
    again.kill();
    let other = lab.vipd(vipd(), &a, &toml(100, V3));
    wait_master(&other);
    assert_eq!(ruleset(&a), "");
    probe.assert_accepted(VIP.into());
}

#[test]
fn what_others_have_set_up_is_left_alone() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    nft(&a, "add table inet filter; add chain inet filter input; add table ip vipd");
    let theirs = ruleset(&a);
    let process = lab.vipd(vipd(), &a, &toml(100, NO_ACCEPT));
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    poll(SOON, "ours is there", || drops(&a));
    assert!(ruleset(&a).starts_with(&theirs));
    // Somebody reads all rules anew from a file.
    nft(&a, "flush ruleset; add table inet filter");
    process.wait_log("somebody has removed the nftables table inet vipd: putting it back", SOON);
    poll(SOON, "it is back", || drops(&a));
    process.signal("TERM");
    assert!(process.wait_end(SOON).success());
    assert_eq!(ruleset(&a), "table inet filter {\n}\n");
}

/// Both use the table; it is there as long as one of them needs it.
#[test]
fn two_daemons_of_one_host_do_not_take_the_table_from_each_other() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let first = lab.vipd(vipd(), &a, &toml(100, NO_ACCEPT));
    first.wait_log("vip: BACKUP -> MASTER", SOON);
    let other = toml(100, NO_ACCEPT).replace("= 51", "= 52").replace("0.100", "0.101");
    let file = lab.file("second.toml", &other);
    let run = lab.directory().join("run-second").display().to_string();
    let file = file.display().to_string();
    let second = lab.start(&a, vipd(), &["-n", "-l", "stderr", "-f", &file, "-r", &run]);
    second.wait_log("vip: BACKUP -> MASTER", SOON);
    let holds = |address: &str| ruleset(&a).contains(address);
    poll(SOON, "both are dropped", || holds("10.77.0.100") && holds("10.77.0.101"));
    second.signal("TERM");
    assert!(second.wait_end(SOON).success());
    poll(SOON, "one is left", || drops(&a) && !holds("10.77.0.101"));
    first.signal("TERM");
    assert!(first.wait_end(SOON).success());
    assert_eq!(ruleset(&a), "");
}

/// A table of that name that somebody else has made: ours cannot be.
#[test]
fn without_rules_it_says_that_it_answers() {
    let lab = Lab::new();
    let (a, client) = (lab.host("a", "10.77.0.1/24"), lab.host("client", "10.77.0.200/24"));
    nft(&a, "add table inet vipd; add chain inet vipd mine");
    let theirs = ruleset(&a);
    let process = lab.vipd(vipd(), &a, &toml(100, NO_ACCEPT));
    let line = process.wait_log("vip: answers on its addresses in spite of no_accept: ", SOON);
    assert!(line.text.contains("there is one that vipd has not made"), "{line:?}");
    lab.wait_holder(&a, SOON);
    let probe = Probe::new(&client, &a);
    probe.assert_accepted(VIP.into());
    assert_eq!(ruleset(&a), theirs);
    nft(&a, "delete table inet vipd");
    process.wait_log("the nftables table inet vipd is in place now", SOON);
    probe.assert_dropped(VIP.into());
}

#[test]
fn without_rules_it_is_in_fault_if_that_is_wanted() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    nft(&a, "add table inet vipd");
    let config = format!("[global_defs]\nno_accept_failure = \"fault\"\n{}", toml(100, NO_ACCEPT));
    let process = lab.vipd(vipd(), &a, &config);
    let line = process.wait_log("vip: INIT -> FAULT: no_accept failed: ", SOON);
    assert!(line.text.contains("there is one that vipd has not made"), "{line:?}");
    nft(&a, "delete table inet vipd");
    process.wait_log("vip: FAULT -> BACKUP: no_accept is fine again", SOON);
    lab.wait_holder(&a, SOON);
    assert!(drops(&a));
}
