use super::*;
use crate::config::{read, Format, Reading};
use crate::control::sniff::link::{of_file, LinkType};
use crate::control::sniff::pcap::Reader;

const GOLDEN: &[u8] = include_bytes!("../../../../tests/fuzz/golden.capture");

fn session(toml: Option<&str>, json: bool) -> Session {
    let ours = toml.map(|toml| {
        let how = Reading::strict(Format::Toml);
        let (config, report) = read("test.toml", toml.as_bytes(), &how, &|_, _| {});
        Ours::new(&config.unwrap_or_else(|| panic!("{report}")))
    });
    Session {
        json,
        paint: Paint::plain(),
        ours,
        interface: None,
        macs: vec![[2, 0, 0, 0, 0, 1]],
        addresses: vec!["192.0.2.3".parse().unwrap()],
        counts: Counts::default(),
    }
}

/// What is said of the golden packets, from the source on.
fn golden(toml: Option<&str>) -> Vec<String> {
    let mut session = session(toml, false);
    let mut reader = Reader::new(Box::new(GOLDEN)).unwrap();
    let mut lines = Vec::new();
    while let Some(packet) = reader.packet().unwrap() {
        let captured = packet.captured().unwrap();
        let line = session.line(&captured).unwrap();
        assert!(line.ends_with('\n') && line.lines().count() == 1, "{line}");
        lines.push(line[13..].trim_end().to_owned());
    }
    lines
}

fn instance(more: &str) -> String {
    format!(
        "[vrrp_instance.vip]\ninterface = \"eth0\"\nvirtual_router_id = 10\n\
         virtual_ipaddress = [\"192.0.2.1/24\"]\n{more}\n"
    )
}

#[test]
fn without_a_configuration_they_say_what_they_are() {
    assert_eq!(
        golden(None),
        [
            "192.0.2.2 VRID 10 v3 100 1s 192.0.2.1: checksum of message",
            "192.0.2.2 VRID 10 v3 100 1s 192.0.2.1: checksum with pseudo-header",
            "fe80::2 VRID 10 v3 100 1s fe80::1 2001:db8::1",
            "192.0.2.2 VRID 10 v3 0 resigns 1s 192.0.2.1: checksum of message",
            "192.0.2.2 VRID 10 v2 100 1s 192.0.2.1",
            "192.0.2.2 VRID 10 v2 100 1s 192.0.2.1: password",
            "192.0.2.2 VRID 255 v3 254 0.01s 192.0.2.1 192.0.2.3: checksum of message",
            "192.0.2.2 VRID 1 v3 1 40.95s 192.0.2.1: checksum of message",
        ]
    );
}

#[test]
fn with_one_they_are_compared() {
    let more = "version = 2\npriority = 90\n\
                authentication = { auth_type = \"PASS\", auth_pass = \"secreT\" }";
    let lines = golden(Some(&instance(more)));
    assert_eq!(
        lines[0],
        "192.0.2.2 VRID 10 v3 100 1s 192.0.2.1: checksum of message, version 3, ours 2, refused"
    );
    assert_eq!(
        lines[2],
        "fe80::2 VRID 10 v3 100 1s fe80::1 2001:db8::1: no instance of ours has VRID 10"
    );
    assert!(lines[4].ends_with(": no password, ours has one, refused"), "{}", lines[4]);
    assert!(lines[5].ends_with(": not our password, refused"), "{}", lines[5]);
    assert!(lines[7].ends_with("message, no instance of ours has VRID 1"), "{}", lines[7]);
    for (password, verdict) in
        [("secret", ": our password"), ("secrets", ": password of other length, refused")]
    {
        let lines = golden(Some(&instance(&more.replace("secreT", password))));
        assert!(lines[5].ends_with(verdict), "{}", lines[5]);
    }
    let more = "version = 3\nadvert_int = 0.5";
    let lines = golden(Some(&instance(more).replace("192.0.2.1/24", "192.0.2.9")));
    assert!(
        lines[1].ends_with(
            "pseudo-header, interval 1 s, ours 0.5 s, we have not 192.0.2.1, \
             they have not 192.0.2.9, has our priority"
        ),
        "{}",
        lines[1]
    );
}

/// An Ethernet frame with a message over IPv4.
fn frame(mac: [u8; 6], source: [u8; 4], ttl: u8, message: &[u8]) -> Vec<u8> {
    let mut frame = [&[1, 0, 0x5e, 0, 0, 0x12], &mac[..], &[8, 0, 0x45, 0xc0]].concat();
    frame.extend((20 + message.len() as u16).to_be_bytes());
    frame.extend([0, 0, 0, 0, ttl, 112, 0, 0]);
    frame.extend(source);
    frame.extend([224, 0, 0, 18]);
    frame.extend(message);
    frame
}

const MESSAGE: &[u8] = &[0x31, 10, 100, 1, 0, 100, 0xa8, 0x8e, 192, 0, 2, 1];
const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 2];

fn say(session: &mut Session, frame: &[u8]) -> String {
    let captured = of_file(LinkType::Ethernet, 1_790_000_000_123_000_000, frame).unwrap();
    session.line(&captured).unwrap().trim_end().to_owned()
}

#[test]
fn what_is_wrong_or_ours_is_said() {
    let toml = instance("version = 3\npriority = 90");
    let mut session = session(Some(&toml), false);
    let mut wrong = MESSAGE.to_vec();
    wrong[6] = 0;
    let carp = [&[0x21, 10, 100, 7, 0, 1, 0, 0][..], &[0; 28]].concat();
    let signed = [MESSAGE, &[1, 1, 0, 0], &[7; 24]].concat();
    let us = [2, 0, 0, 0, 0, 1];
    for (frame, end) in [
        (frame(OTHER, [192, 0, 2, 2], 64, MESSAGE), "message, TTL 64, not 255, refused"),
        (
            frame(OTHER, [192, 0, 2, 2], 255, &wrong),
            ": wrong checksum 0x008e, should be 0xa88e or 0x05fd, refused",
        ),
        (
            frame(OTHER, [192, 0, 2, 9], 255, &carp),
            "CARP vhid 10 advbase 1 advskew 100: has our VRID's MAC",
        ),
        (frame(OTHER, [192, 0, 2, 2], 255, &signed), "message, signed, ours is not"),
        (frame(us, [192, 0, 2, 3], 255, MESSAGE), "message, ours (vip)"),
        (frame(OTHER, [192, 0, 2, 3], 255, MESSAGE), "message, has our address, and is not ours"),
        (frame(OTHER, [192, 0, 2, 2], 255, &MESSAGE[..5]), ": cut short"),
    ] {
        let line = say(&mut session, &frame);
        assert!(line.ends_with(end), "{line}");
    }
    let summary = session.counts.summary();
    assert!(summary.starts_with("7 packets: 192.0.2.2 VRID 10 3, "), "{summary}");
    assert!(summary.contains("192.0.2.9 CARP vhid 10 1"), "{summary}");
}

#[test]
fn json_says_all_and_no_password() {
    let more = "version = 2\nauthentication = { auth_type = \"PASS\", auth_pass = \"mine\" }";
    let mut session = session(Some(&instance(more)), true);
    let message = [&[0x21, 10, 100, 1, 1, 1, 0x7b, 0xa5, 192, 0, 2, 1][..], b"secret\0\0"].concat();
    let line = say(&mut session, &frame(OTHER, [192, 0, 2, 2], 255, &message));
    assert!(!line.contains("secret") && !line.contains("mine"), "{line}");
    assert_eq!(
        line,
        concat!(
            r#"{"time":1790000000.123,"source":"192.0.2.2","destination":"224.0.0.18","#,
            r#""source_mac":"02:00:00:00:00:02","vlan":null,"ttl":255,"outgoing":false,"#,
            r#""cut":false,"protocol":"vrrp","virtual_router_id":10,"version":2,"#,
            r#""priority":100,"advert_int":1.0,"virtual_ipaddress":["192.0.2.1"],"#,
            r#""checksum":"message","auth":"pass","auth_matches":false,"ours":false,"#,
            r#""instance":"vip","discard":"their auth_pass is not ours","#,
            r#""differences":["has our priority"]}"#
        )
    );
}

/// On a slow machine a packet would be a burden otherwise. Prints what it takes.
#[test]
fn many_packets_take_no_time() {
    let toml = instance("version = 3");
    let mut session = session(Some(&toml), false);
    let frame = frame(OTHER, [192, 0, 2, 2], 255, MESSAGE);
    let begin = crate::sys::clock::monotonic();
    (0..1000).for_each(|_| drop(say(&mut session, &frame)));
    println!("{} ns a packet", (crate::sys::clock::monotonic() - begin) / 1000);
    assert_eq!(session.counts.packets, 1000);
}
