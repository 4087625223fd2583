//! `vipctl sniff`: what it says of vipd, of keepalived and of what somebody makes up, and that a
//! capture of the same reads the same.

use crate::lab::capture::{dissect, Capture};
use crate::lab::frames::{Envelope, Message, GROUP_MAC};
use crate::lab::injector::Injector;
use crate::lab::process::Process;
use crate::lab::{poll, Host, Lab, SOON, VIP};
use crate::setup::{keepalived, toml, vipd};
use crate::vipctl::said;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::Command;
use tinyjson::JsonValue;

/// The client in a host, listening or reading.
fn sniff(host: &Host, words: &[&str]) -> Command {
    let mut command = host.namespace.command(Path::new("bash"));
    command.args(["-c", "exec -a vipctl \"$0\" sniff \"$@\""]).arg(vipd()).args(words);
    command
}

fn start(lab: &Lab, host: &Host, words: &[&str]) -> Process {
    let process = lab.spawn("sniff", sniff(host, words));
    process.wait_log("listening on eth0", SOON);
    process
}

const OURS: &str = "version = 2\nauthentication = { auth_type = \"PASS\", auth_pass = \"secret\" }";

/// A message of each kind that somebody may make up.
fn made_up(mac: [u8; 6], source: Ipv4Addr) -> Vec<Vec<u8>> {
    let envelope = Envelope::new(mac, source);
    let optional = Envelope { options: &[0x94, 4, 0, 0], ..envelope };
    let far = Envelope { ttl: 64, ..envelope };
    let mut wrong = Message::v3(7, 100, 10, VIP).bytes();
    wrong[6] ^= 0x55;
    let password = Message {
        middle: 0x0101,
        authentication: Some(*b"public\0\0"),
        ..Message::v2(51, 90, 1, VIP)
    };
    let longer = Message { authentication: Some(*b"longer12"), ..password.clone() };
    let right = Message { authentication: Some(*b"secret\0\0"), ..password.clone() };
    let carp = [&[0x21, 51, 100, 7, 0, 1, 0, 0][..], &[0; 28]].concat();
    let tagged = |frame: Vec<u8>| [&frame[..12], &[0x81, 0, 0, 7], &frame[12..]].concat();
    vec![
        envelope.frame(&wrong),
        envelope.frame(&password.bytes()),
        envelope.frame(&longer.bytes()),
        optional.frame(&right.bytes()),
        far.frame(&Message::v3(51, 200, 300, VIP).bytes()),
        envelope.frame(&carp),
        tagged(envelope.frame(&Message::v3(51, 0, 100, VIP).bytes())),
        v6(mac),
    ]
}

/// VRRPv3 over IPv6, behind an extension header.
fn v6(mac: [u8; 6]) -> Vec<u8> {
    let local: Ipv6Addr = "fe80::9".parse().expect("an address");
    let message = Message::v3(9, 254, 1, local).bytes();
    let mut frame = [&[0x33, 0x33, 0, 0, 0, 0x12], &mac[..], &[0x86, 0xdd, 0x60, 0, 0, 0]].concat();
    frame.extend((8 + message.len() as u16).to_be_bytes());
    frame.extend([60, 255]);
    frame.extend(local.octets());
    frame.extend("ff02::12".parse::<Ipv6Addr>().expect("an address").octets());
    frame.extend([112, 0, 1, 4, 0, 0, 0, 0]);
    frame.extend(message);
    frame
}

/// What is to be said of them, behind the time.
const SAID: &[&str] = &[
    " 10.77.0.9 VRID 7 v3 100 0.1s 10.77.0.100: wrong checksum 0x",
    " 10.77.0.9 VRID 51 v2 90 1s 10.77.0.100: not our password, refused",
    " 10.77.0.9 VRID 51 v2 90 1s 10.77.0.100: password of other length, refused",
    " 10.77.0.9 VRID 51 v2 90 1s 10.77.0.100: our password",
    " 10.77.0.9 VRID 51 v3 200 3s 10.77.0.100: checksum of message, TTL 64, not 255, \
     version 3, ours 2, refused",
    " 10.77.0.9 CARP vhid 51 advbase 1 advskew 100: has our VRID's MAC",
    " 10.77.0.9 vlan 7 VRID 51 v3 0 resigns 1s 10.77.0.100: checksum of message, \
     no instance of ours has VRID 51",
    " fe80::9 VRID 9 v3 254 0.01s fe80::9: wrong checksum 0x",
];

#[test]
fn what_is_on_the_wire_is_told_live_and_from_a_file() {
    let lab = Lab::new();
    let (a, b) = (lab.host("a", "10.77.0.1/24"), lab.host("b", "10.77.0.2/24"));
    let stranger = lab.host("c", "10.77.0.9/24");
    let config = lab.file("a.toml", &toml(150, OURS)).display().to_string();
    let text = start(&lab, &a, &["eth0", "-f", &config]);
    let lines = start(&lab, &a, &["eth0", "-j", "-f", &config]);
    // The real ones: ours, and one that speaks another version.
    lab.vipd_of(vipd(), &a, Path::new(&config), &[]);
    lab.keepalived(&b, &keepalived(100, "version 3\nadvert_int 0.2"));
    let capture = Capture::begin(&lab, &a, "proto 112 or ip6 or vlan");
    let injector = Injector::open(&stranger);
    let frames = made_up(stranger.mac, stranger.address);
    frames.iter().for_each(|frame| injector.send(frame));
    for expected in SAID {
        text.wait_log(expected, SOON);
    }
    text.wait_log("10.77.0.1 VRID 51 v2 150 1s 10.77.0.100: our password, ours (vip)", SOON);
    let of_keepalived = "10.77.0.2 VRID 51 v3 100 0.2s 10.77.0.100: checksum with pseudo-header, \
                         version 3, ours 2, refused";
    text.wait_log(of_keepalived, SOON);
    for source in ["10.77.0.1", "10.77.0.2", "fe80::9"] {
        lines.wait_log(&format!("\"source\":\"{source}\""), SOON);
    }
    text.signal("INT");
    assert!(text.wait_end(SOON).success());
    let summary = text.wait_log(" packets: ", SOON).text;
    assert!(summary.contains("10.77.0.9 CARP vhid 51 1"), "{summary}");
    assert!(!text.log().iter().any(|line| line.text.contains("secret")));
    assert_json(&lines);

    // tcpdump was there from the begin; when it has the last of them it has all.
    let last = frames.last().expect("there are some");
    poll(SOON, "tcpdump has written what was made up", || {
        let bytes = std::fs::read(lab.directory().join("a.pcap")).unwrap_or_default();
        bytes.windows(last.len()).any(|window| window == last.as_slice())
    });
    let file = capture.end(frames.iter().map(Vec::len));
    let again = said(sniff(&a, &[&file, "-f", &config]));
    assert_eq!(again.code, 0, "{again:?}");
    let from_file: BTreeSet<&str> = again.out.lines().map(behind_time).collect();
    for line in text.log().iter().filter(|line| line.text.contains(" 10.77.0.9 ")) {
        let live = behind_time(&line.text);
        assert!(line.text.contains("packets: ") || from_file.contains(live), "{live}");
    }
    // And what others read in the same file.
    let fields = ["ip.src", "vrrp.virt_rtr_id", "vrrp.version", "vrrp.prio"];
    let dissected = dissect(&file, &["-Y", "vrrp && ip && !vlan && !carp && ip.opt.type"], &fields);
    assert_eq!(dissected, [["10.77.0.9", "51", "2", "90"]]);
    // No more than was asked for; and a reader that has seen enough ends it without a word.
    let two = said(sniff(&a, &[&file, "--count", "2"]));
    assert_eq!((two.code, two.out.lines().count()), (0, 2));
    assert!(two.err.contains("cannot read /etc/vipd.toml"), "{two:?}");
    assert!(two.err.contains("nothing is compared with ours\n2 packets: "), "{two:?}");
}

fn behind_time(line: &str) -> &str {
    line.split_once(' ').map_or(line, |(_, rest)| rest)
}

/// Each packet is an object, with what it is by the names that others rely on.
fn assert_json(process: &Process) {
    let log = process.log();
    let of = |source: &str| -> Vec<JsonValue> {
        let wanted = format!("\"source\":\"{source}\"");
        let lines = log.iter().filter(|line| line.text.contains(&wanted));
        lines.map(|line| line.text.parse().expect("a line is JSON")).collect()
    };
    let keepalived = of("10.77.0.2").remove(0);
    let text = |value: &JsonValue, key: &str| value[key].get::<String>().cloned();
    assert_eq!(text(&keepalived, "checksum").as_deref(), Some("pseudo-header"));
    assert_eq!(text(&keepalived, "source_mac").as_deref(), Some("02:00:00:00:77:02"));
    assert_eq!(keepalived["advert_int"].get::<f64>(), Some(&0.2));
    assert!(text(&keepalived, "discard").is_some_and(|why| why.starts_with("another VRRP version")));
    let ours = of("10.77.0.1").remove(0);
    assert_eq!((ours["outgoing"].get(), ours["ours"].get()), (Some(&true), Some(&true)));
    assert_eq!(
        (&ours["discard"], text(&ours, "auth").as_deref()),
        (&JsonValue::Null, Some("pass"))
    );
    let matches: Vec<_> = of("10.77.0.9").iter().map(|it| it["cut"] == false.into()).collect();
    assert_eq!(matches, [true; 7]);
}

/// It hears what is for a group though nothing on this host is a member, and changes nothing that
/// others could notice.
#[test]
fn it_needs_a_right_and_an_interface() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let wrong = said(sniff(&a, &["eth9"]));
    assert_eq!(wrong.code, 71);
    assert!(wrong.err.contains("no interface or file \"eth9\"; did you mean eth0?"), "{wrong:?}");
    let mut unprivileged = a.namespace.command(Path::new("setpriv"));
    unprivileged.args(["--bounding-set", "-all", "--inh-caps", "-all", "--reuid", "65534"]);
    unprivileged.args(["--clear-groups", "bash", "-c", "exec -a vipctl \"$0\" sniff eth0"]);
    let copy = lab.program("vipd", vipd());
    let denied = said({
        unprivileged.arg(&copy);
        unprivileged
    });
    assert_eq!(denied.code, 77, "{denied:?}");
    assert!(denied.err.contains("CAP_NET_RAW"), "{denied:?}");
    let before = a.namespace.ip_output(&["-s", "-d", "link", "show", "eth0"]);
    assert!(before.contains("promiscuity 0"), "{before}");
    let listening = start(&lab, &a, &["eth0"]);
    poll(SOON, "it has joined the groups", || {
        let groups = a.namespace.ip_output(&["maddress", "show", "dev", "eth0"]);
        groups.contains("01:00:5e:00:00:12") && groups.contains("33:33:00:00:00:12")
    });
    let groups = a.namespace.ip_output(&["maddress", "show", "dev", "eth0"]);
    assert!(!groups.contains("224.0.0.18"), "{groups}");
    let during = a.namespace.ip_output(&["-d", "link", "show", "eth0"]);
    assert!(during.contains("promiscuity 0"), "{during}");
    listening.signal("INT");
    assert!(listening.wait_end(SOON).success());
    assert_eq!(GROUP_MAC, [1, 0, 0x5e, 0, 0, 0x12]);
}
