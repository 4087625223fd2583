//! Random bytes at everything that reads what others wrote. Nothing may panic, nothing may loop,
//! and what is accepted must survive being written and read again.
//!
//! `make fuzz` for a minute each (SECONDS=n for longer); a plain `make test` runs a moment of it.
//! The seed is printed, and FUZZ_SEED=n repeats it.

mod state;

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};
use vipd::config::{read, Format, Reading};
use vipd::sys::netlink;
use vipd::vrrp::auth_hmac::{self, AntiReplay, AuthHmac, Mode};
use vipd::wire::advert::{parse, ChecksumForm, Fields, Template};
use vipd::wire::announce::{gratuitous_arp, neighbour_advertisement, Announcement};
use vipd::wire::claim::{self, Claim, Question};
use vipd::wire::sha256::Key;
use vipd::wire::trailer::{Stamp, LENGTH};
use vipd::wire::{Family, Meta, Version};

/// A generator of test bytes (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// Changes, cuts, repeats or inserts a few bytes.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.next() as u8),
                2 if at < bytes.len() => bytes[at] = self.next() as u8,
                3 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                _ => {
                    let piece =
                        bytes[at..].iter().copied().take(self.below(16)).collect::<Vec<_>>();
                    let to = self.below(bytes.len() + 1);
                    bytes.splice(to..to, piece);
                }
            }
        }
    }
}

/// Runs a target on mutations of its corpus until the time is over; prints how often.
fn fuzz(name: &str, corpus: &[Vec<u8>], mut target: impl FnMut(&[u8], &mut Random)) {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let span = Duration::from_millis(number("FUZZ_SECONDS").map_or(500, |seconds| seconds * 1000));
    let clock = || Instant::now().elapsed().as_nanos() as u64 ^ u64::from(std::process::id()) << 20;
    let seed = number("FUZZ_SEED").unwrap_or_else(clock);
    println!("{name}: FUZZ_SEED={seed}");
    let mut random = Random(seed);
    let (begin, mut runs) = (Instant::now(), 0u64);
    while begin.elapsed() < span {
        for _ in 0..100 {
            let mut bytes = corpus[random.below(corpus.len())].clone();
            random.mutate(&mut bytes);
            target(&bytes, &mut random);
            runs += 1;
        }
    }
    println!("{name}: {runs} runs");
    assert!(runs > 0);
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .filter_map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok())
        .collect()
}

/// `emit` of what was read is what was read.
#[test]
fn adverts() {
    let corpus: Vec<_> = [
        "310a6401006405fdc0000201",
        "310a64010064a88ec0000201",
        "210a64010001b8f1c00002010000000000000000",
        "210a640101017ba5c00002017365637265740000",
        "310a640200644023fe80000000000000000000000000000120010db8000000000000000000000001",
        // Signed, as keepalived sent it to the group.
        "310a6401006405fdc0000201010100006b03dcac019f00007a9b735a55ce2a7be9cee2034a9502f1",
    ]
    .into_iter()
    .map(hex)
    .collect();
    let v4: IpAddr = Ipv4Addr::new(192, 0, 2, 2).into();
    let v6: IpAddr = "fe80::2".parse().unwrap_or(v4);
    let key: Vec<u8> = (0..32).collect();
    let signed = corpus.last().cloned().unwrap_or_default();
    fuzz("adverts", &corpus, |bytes, random| {
        let source = if random.below(2) == 0 { v4 } else { v6 };
        let destination = Family::of(source).group();
        let meta = Meta { source, destination, ttl: 255 };
        // Half of the mutations get a right checksum, or nearly nothing would pass it.
        let mut bytes = bytes.to_vec();
        if random.below(2) == 0 && bytes.len() >= 8 {
            bytes[6..8].fill(0);
            let sum = vipd::wire::checksum::Sum::default().add_bytes(&bytes);
            bytes[6..8].copy_from_slice(&sum.finish().to_be_bytes());
        }
        let Ok(advert) = parse(&meta, &bytes) else { return };
        let settings = auth_hmac::Settings {
            active_key: 1,
            anti_replay: AntiReplay::Monotonic,
            mode: Mode::Permissive,
        };
        let mut signatures = AuthHmac::new(settings, vec![(1, Key::new(&key))]);
        let verified = signatures.verify(source, &advert, Stamp::default());
        // But for the checksum, and what cannot be changed, nothing passes.
        let is_original = bytes[..6] == signed[..6] && bytes[8..] == signed[8..];
        assert_eq!(verified.is_ok(), advert.trailer.is_none() || is_original, "{bytes:?}");
        let bytes = &bytes[..bytes.len() - advert.trailer.map_or(0, |_| LENGTH)];
        let addresses: Vec<IpAddr> = advert.addresses.iter().collect();
        let fields = Fields {
            version: advert.version,
            vrid: advert.vrid,
            interval: advert.interval,
            auth_pass: advert.authentication.filter(|a| a.kind == 1).map(|a| a.data),
            addresses: &addresses,
        };
        let mut template = Template::new(&fields, source, destination);
        let again = template.message(advert.priority, advert.checksum);
        let read = parse(&meta, again);
        assert!(read.is_ok_and(|read| {
            read.priority == advert.priority && read.addresses.iter().eq(addresses.iter().copied())
        }));
        if advert.version == Version::V3 && advert.checksum == ChecksumForm::Message {
            // All but the reserved bits, which are ours to send as 0.
            assert_eq!((&again[..4], &again[8..]), (&bytes[..4], &bytes[8..]));
        }
    });
}

/// What is claimed, announced anew, is the same claim. What is asked claims nothing.
#[test]
fn claims() {
    let mac = [2, 0, 0, 0, 0, 10];
    let target = "2001:db8::1".parse().unwrap_or(std::net::Ipv6Addr::LOCALHOST);
    let arp = gratuitous_arp(mac, Ipv4Addr::new(192, 0, 2, 1)).to_vec();
    let neighbour = neighbour_advertisement(mac, target, true)[HEADERS..].to_vec();
    let other = [&neighbour[..24], &[14, 1, 1, 2, 3, 4, 5, 6], &neighbour[24..]].concat();
    fuzz("claims", &[arp, neighbour, other], |bytes, _| {
        for claim in [claim::arp(bytes), claim::neighbour(255, bytes)].into_iter().flatten() {
            let Claim { address, mac } = claim;
            let again = Announcement::new(mac, address, false);
            assert_eq!(read_claim(again.bytes()), Some(claim), "{bytes:?}");
            assert_eq!(read_claim(Question::new(mac, address).bytes()), None);
        }
    });
}

/// Octets of the headers of Ethernet and IPv6.
const HEADERS: usize = 14 + 40;

fn read_claim(frame: &[u8]) -> Option<Claim> {
    claim::arp(frame).or_else(|| claim::neighbour(255, frame.get(HEADERS..)?))
}

#[test]
fn toml() {
    let sample = include_bytes!("../../conf/vipd.toml").to_vec();
    let small = b"[vrrp_script.a]\nscript = \"true\"\nweight = -20\n[vrrp_instance.b]\n\
        interface = \"eth0\"\nvirtual_router_id = 5\npriority = 100\nadvert_int = 1\n\
        virtual_ipaddress = [\"192.0.2.1/24 dev eth0 label eth0:1\"]\ntrack_script = [\"a\"]\n"
        .to_vec();
    fuzz("toml", &[small, sample], |bytes, _| {
        let (config, report) = read("fuzz.toml", bytes, &Reading::strict(Format::Toml), &|_, _| {});
        assert_eq!(config.is_none(), report.has_errors());
        assert!(report.to_string().len() < 1 << 20);
    });
}

#[test]
fn uci() {
    let seed = include_bytes!("../config/cases/uci-seed.uci").to_vec();
    let native = include_bytes!("../config/cases/uci-native.uci").to_vec();
    let package = include_bytes!("../config/cases/uci-openwrt.uci").to_vec();
    fuzz("uci", &[seed, native, package], |bytes, _| {
        let (config, report) = read("fuzz.uci", bytes, &Reading::strict(Format::Uci), &|_, _| {});
        assert_eq!(config.is_none(), report.has_errors());
        assert!(report.to_string().len() < 1 << 20);
    });
}

#[test]
fn keepalived() {
    let sample = b"! a comment\nglobal_defs {\n  router_id \"a b\"\n  script_user nobody\n}\n\
        $IF=eth0\n$VI= \\\nvrrp_instance V_${N} { \\\n interface ${IF} \\\n virtual_router_id ${N} \\\n\
        virtual_ipaddress { 192.0.2.${N}/24 } \\\n}\n~SEQ(N, 1, 3) $VI\n\
        vrrp_script chk {\n script \"/bin/x 'a b' \\t\"\n interval .5\n weight -20\n}\n\
        vrrp_instance a{state MASTER\n interface eth0\n virtual_router_id 5\n@r1 priority 120\n\
        @^r1 priority 110\n authentication { auth_type PASS;\n auth_pass secretsecret\n }\n\
        virtual_ipaddress\n{\n 192.0.2.99/24 dev eth0 label eth0:1\n }\n track_script {\n chk weight 5\n }\n\
        notify \"/bin/n x\" nobody nogroup // why\n unicast_peer { 192.0.2.7 }\n}\n\
        virtual_server 192.0.2.1 80 { real_server 192.0.2.2 80 { TCP_CHECK { } } }\n\
        ~LST({A,B},{1,2},{3}) track_file f${A}${B} { file /x }\ninclude /nonexistent/*.conf\n"
        .to_vec();
    fuzz("keepalived", &[sample], |bytes, random| {
        let lenient = random.below(2) == 0;
        let how = Reading { format: Format::Keepalived, config_id: "r1", lenient };
        let (config, report) = read("fuzz.conf", bytes, &how, &|_, _| {});
        assert_eq!(config.is_none(), report.has_errors());
        assert!(report.to_string().len() < 1 << 20);
    });
}

#[test]
fn netlink_messages() {
    let mut link = Vec::new();
    let mut builder = netlink::Builder::new(&mut link);
    builder.begin(netlink::RTM_NEWLINK, 0, 1);
    builder.header(&[0; 16]);
    builder.attribute(netlink::IFLA_IFNAME, b"eth0\0");
    builder.attribute(netlink::IFLA_ADDRESS, &[2, 0, 0, 0, 0, 1]);
    builder.end();
    let mut address = Vec::new();
    let mut builder = netlink::Builder::new(&mut address);
    builder.begin(netlink::RTM_NEWADDR, 0, 2);
    builder.header(&netlink::if_addr(netlink::AF_INET, 24, 0, 0, 1));
    builder.attribute(netlink::IFA_LOCAL, &[192, 0, 2, 1]);
    builder.attribute(netlink::IFA_PROTO, &[112]);
    builder.end();
    let both = [link.clone(), address.clone()].concat();
    fuzz("netlink", &[link, address, both], |bytes, _| {
        let mut seen = 0;
        for message in netlink::messages(bytes) {
            seen += 1;
            let _ = netlink::error_code(message.body);
            if let Some((_, rest)) = netlink::IfInfo::parse(message.body) {
                seen += netlink::attributes(rest).count();
            }
            if let Some((_, rest)) = netlink::IfAddr::parse(message.body) {
                seen += netlink::attributes(rest).count();
            }
        }
        assert!(seen <= 2 * bytes.len());
    });
}

/// Any bytes as a capture file, and what is in there as packets.
#[test]
fn sniffed() {
    use vipd::control::sniff::{pcap, session};
    let golden = include_bytes!("golden.capture").to_vec();
    let kinds = [1u8, 101, 113].into_iter().map(|kind| {
        let mut bytes = golden.clone();
        bytes[20] = kind;
        bytes
    });
    let section = hex("0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000");
    let interface = hex("0100000018000000010000000000040009000100090000001800000018000000");
    let packet = hex("06000000340000000000000000000000010000001000000010000000");
    let next = [section, interface, packet, vec![0x45; 24]].concat();
    let corpus: Vec<_> = kinds.chain([next]).collect();
    fuzz("sniffed", &corpus, |bytes, random| {
        let mut session = session::Session::new(random.below(2) == 0, None);
        let Ok(mut reader) = pcap::Reader::new(Box::new(bytes)) else { return };
        while let Ok(Some(packet)) = reader.packet() {
            let Some(captured) = packet.captured() else { continue };
            if let Some(line) = session.line(&captured) {
                assert!(line.ends_with('\n') && line.lines().count() == 1, "{line}");
            }
        }
        assert!(session.counts.packets <= bytes.len() as u64);
    });
}
