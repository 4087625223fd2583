//! What we send, as other people's tools read it: tcpdump captures, tshark dissects. And byte by
//! byte against messages that were made and checked elsewhere.

use crate::lab::capture::{self, Capture};
use crate::lab::frames::GROUP_MAC;
use crate::lab::tap::Tap;
use crate::lab::{wall_clock, Host, Lab, SOON};
use crate::setup::vipd;
use vipd::wire::advert::ChecksumForm;

/// Made with scapy, checked with tshark and tcpdump: virtual router 10, priority 100, 1 s,
/// 192.0.2.1, from 192.0.2.2.
const GOLDEN_V3_MESSAGE: &str = "310a64010064a88ec0000201";
const GOLDEN_V3_PSEUDO_HEADER: &str = "310a6401006405fdc0000201";
const GOLDEN_V2: &str = "210a64010001b8f1c00002010000000000000000";
const GOLDEN_V2_PASS: &str = "210a640101017ba5c00002017365637265740000";
/// The same with priority 0 and the checksum over the message alone.
const GOLDEN_V3_RESIGNS: &str = "310a000100640c8fc0000201";

/// A network with one host, 192.0.2.2, whose packets are captured.
struct Bench {
    host: Host,
    tap: Tap,
    lab: Lab,
}

/// What tshark says of a packet.
#[derive(Debug, PartialEq)]
struct Dissected {
    checksum_status: String,
    ttl: String,
    dscp: String,
    destination: String,
    source: String,
    complaints: String,
}

impl Bench {
    fn new() -> Self {
        let lab = Lab::new();
        let host = lab.host("a", "192.0.2.2/24");
        let tap = lab.tap(&host);
        Self { host, tap, lab }
    }

    /// Runs vipd as MASTER until it has sent some advertisements, and stops it. Returns the file.
    fn record(&self, more: &str) -> String {
        let capture = Capture::begin(&self.lab, &self.host, "proto 112");
        let begin = wall_clock();
        let toml = format!(
            "[vrrp_instance.vip]\ninterface = \"eth0\"\nvirtual_router_id = 10\n\
             virtual_ipaddress = [\"192.0.2.1/24\"]\n{more}\n"
        );
        let process = self.lab.vipd(vipd(), &self.host, &toml);
        self.tap.wait_adverts(begin, 3, SOON);
        process.signal("TERM");
        assert!(process.wait_end(SOON).success());
        capture.end(self.tap.adverts_after(begin).iter().map(|advert| advert.frame.len()))
    }

    /// The first message, and the last, which resigns.
    #[track_caller]
    fn assert_golden(&self, golden: &str, form: ChecksumForm) {
        let adverts = self.tap.adverts();
        assert_eq!(hex(adverts[0].message()), golden);
        let last = adverts.last().expect("there are some");
        assert_eq!(last.priority, 0);
        for advert in &adverts {
            assert_eq!(advert.checksum, form);
            advert.assert_envelope(self.host.mac, self.host.address);
        }
        assert_eq!(self.tap.refused(), Vec::<String>::new());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What tshark says of the packets of a file.
fn dissect(file: &str, options: &[&str]) -> Vec<Dissected> {
    let fields = [
        "vrrp.checksum.status",
        "ip.ttl",
        "ip.dsfield.dscp",
        "eth.dst",
        "ip.src",
        "_ws.expert",
        "_ws.malformed",
    ];
    let packet = |words: Vec<String>| Dissected {
        complaints: words[5..].concat(),
        checksum_status: words[0].clone(),
        ttl: words[1].clone(),
        dscp: words[2].clone(),
        destination: words[3].clone(),
        source: words[4].clone(),
    };
    capture::dissect(file, options, &fields).into_iter().map(packet).collect()
}

#[track_caller]
fn assert_flawless(file: &str, options: &[&str], count: usize) {
    let packets = dissect(file, options);
    assert_eq!(packets.len(), count);
    for packet in packets {
        let flawless = Dissected {
            checksum_status: "1".to_owned(),
            ttl: "255".to_owned(),
            dscp: "48".to_owned(),
            destination: GROUP_MAC.map(|octet| format!("{octet:02x}")).join(":"),
            source: "192.0.2.2".to_owned(),
            complaints: String::new(),
        };
        assert_eq!(packet, flawless);
    }
}

fn check(more: &str, golden: &str, form: ChecksumForm, options: &[&str]) -> Bench {
    let bench = Bench::new();
    let file = bench.record(more);
    assert_flawless(&file, options, bench.tap.adverts().len());
    bench.assert_golden(golden, form);
    bench
}

#[test]
fn v2_without_a_password() {
    check("version = 2", GOLDEN_V2, ChecksumForm::Message, &[]);
}

#[test]
fn v2_with_a_password() {
    let more = "authentication = { auth_type = \"PASS\", auth_pass = \"secret\" }";
    check(more, GOLDEN_V2_PASS, ChecksumForm::Message, &[]);
}

#[test]
fn v3_with_the_pseudo_header() {
    check("version = 3", GOLDEN_V3_PSEUDO_HEADER, ChecksumForm::PseudoHeader, &[]);
}

#[test]
fn v3_with_the_checksum_of_rfc_9568() {
    let more = "version = 3\nv3_checksum = \"rfc9568\"";
    let options = ["-o", "vrrp.v3_checksum_as_in_v2:TRUE"];
    let bench = check(more, GOLDEN_V3_MESSAGE, ChecksumForm::Message, &options);
    let last = bench.tap.adverts().pop().expect("it has resigned");
    assert_eq!(hex(last.message()), GOLDEN_V3_RESIGNS);
}

/// That the tool would have complained.
#[test]
fn tshark_tells_the_two_checksums_apart() {
    let bench = Bench::new();
    let file = bench.record("version = 3\nv3_checksum = \"rfc9568\"");
    let packets = dissect(&file, &[]);
    assert!(!packets.is_empty());
    assert!(packets.iter().all(|packet| packet.checksum_status == "0"), "{packets:?}");
}
