//! Virtual MAC addresses (`use_vmac`) as they are seen on the wire.

use crate::lab::frames::{checksum, Arp, Envelope, Message, BROADCAST};
use crate::lab::injector::Injector;
use crate::lab::recorder::{Frame, Recorder};
use crate::lab::{poll, wall_clock, Host, Lab, SOON, VIP};
use crate::setup::{counter, toml, Pair, V3, VRID};
use std::cell::Cell;
use std::net::Ipv4Addr;
use std::path::Path;
use vipd::sys::netns::interface_index;
use vipd::sys::packet::PacketSocket;

/// V3-012: 00-00-5E-00-01-VRID.
pub const VMAC: [u8; 6] = [0, 0, 0x5e, 0, 1, VRID];
/// Its interface.
pub const DEVICE: &str = "vrrp.51";

/// A configuration with a virtual MAC address.
pub fn with_vmac(priority: u8) -> String {
    toml(priority, &format!("{V3}\nuse_vmac = true"))
}

/// What ip(8) says of an interface; nothing if there is none.
pub fn link(host: &Host, name: &str) -> String {
    let mut ip = host.namespace.command(Path::new("ip"));
    let output = ip.args(["-d", "-o", "link", "show", "dev", name]).output().expect("ip(8)");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether somebody has set an interface up.
pub fn is_up(host: &Host, name: &str) -> bool {
    let says = link(host, name);
    says.split(['<', '>']).nth(1).is_some_and(|flags| flags.split(',').any(|flag| flag == "UP"))
}

/// Waits until the device is down: that has time, and so is not done at once.
#[track_caller]
pub fn wait_down(host: &Host) {
    poll(SOON, "the interface is down", || !is_up(host, DEVICE));
}

/// Everything that says that the virtual address is at this hardware address.
fn claims(frames: &[Frame], mac: [u8; 6]) -> Vec<Arp> {
    let of_vip = |arp: &Arp| arp.sender == VIP && arp.sender_mac == mac;
    frames.iter().filter_map(Frame::arp).filter(of_vip).collect()
}

/// From the first advert to the last, which has priority 0; and the announcements.
#[test]
fn v3_011_v3_012_v3_090_v2_020_all_that_is_said_comes_from_the_virtual_mac() {
    for version in [2, 3] {
        let pair = Pair::new();
        let frames = Recorder::open(&pair.lab, &pair.a);
        let more = format!("version = {version}\nuse_vmac = true\ngarp_master_delay = 1");
        let a = pair.start_a(&toml(250, &more));
        a.wait_log("vip: BACKUP -> MASTER", SOON);
        pair.hears_a.wait_adverts(0, 3, SOON);
        let announced = || pair.hears_a.announcements_after(0, VIP).len();
        poll(SOON, "it is announced twice", || announced() > 5);
        a.signal("TERM");
        assert!(a.wait_end(SOON).success());
        let adverts = pair.hears_a.adverts();
        assert!(adverts.last().is_some_and(|last| last.priority == 0), "{adverts:?}");
        for advert in &adverts {
            advert.assert_envelope(VMAC, pair.a.address);
        }
        let all = frames.after(0);
        for (frame, arp) in all.iter().filter_map(|frame| frame.arp().map(|arp| (frame, arp))) {
            if arp.is_gratuitous() {
                assert_eq!((arp.operation, arp.sender_mac, arp.sender), (1, VMAC, VIP));
                assert_eq!((frame.source(), &frame.bytes[..6]), (&VMAC[..], &BROADCAST[..]));
            }
        }
        assert_eq!(claims(&all, pair.a.mac), []);
        assert_eq!(link(&pair.a, DEVICE), "", "it is removed");
    }
}

/// Whoever asks, and whatever the MASTER asks for itself: the address is at the virtual MAC address.
#[test]
fn v3_093_v3_094_v3_110_v2_017_the_virtual_mac_alone_has_the_address() {
    let pair = Pair::new();
    let client = pair.lab.host("c", "10.77.0.3/24");
    let (of_a, of_b) = (Recorder::open(&pair.lab, &pair.a), Recorder::open(&pair.lab, &pair.b));
    // The strictest that a host may have set.
    pair.a.namespace.set("ipv4/conf/all/rp_filter", "1");
    pair.a.namespace.set("ipv4/conf/eth0/rp_filter", "1");
    let (a, _b) = pair.start_both(&with_vmac(150), &with_vmac(100));
    let injector = Injector::open(&client);
    assert_eq!(injector.holders(VIP), [VMAC]);
    assert_eq!(injector.holders(pair.a.address), [pair.a.mac]);
    assert!(ping(&client, &[&VIP.to_string()]));
    // In the name of the virtual address it looks for somebody whom it does not know.
    let other = pair.lab.host("d", "10.77.0.4/24");
    assert!(ping(&pair.a, &["-I", &VIP.to_string(), &other.address.to_string()]));
    assert!(ping(&pair.a, &[&other.address.to_string()]));

    let before = wall_clock();
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    pair.hears_b.wait_announcement(before, VIP, SOON);
    assert_eq!(injector.holders(VIP), [VMAC]);
    assert!(ping(&client, &[&VIP.to_string()]));
    assert!(!claims(&of_a.after(0), VMAC).is_empty() && !claims(&of_b.after(0), VMAC).is_empty());
    for (host, frames) in [(&pair.a, of_a.after(0)), (&pair.b, of_b.after(0))] {
        assert_eq!(claims(&frames, host.mac), []);
    }
    // Nothing came from it while it was not MASTER: a switch would have sent everything there.
    let early = |frame: &&Frame| frame.at < before && frame.source() == VMAC;
    assert_eq!(of_b.after(0).iter().filter(early).count(), 0);
}

fn ping(from: &Host, arguments: &[&str]) -> bool {
    let mut ping = from.namespace.command(Path::new("ping"));
    ping.args(["-q", "-c", "3", "-i", "0.2", "-W", "2"]).args(arguments);
    ping.output().expect("ping can be run").status.success()
}

/// A router between the segment and somebody far away, and a hand at its port of the segment.
struct Way<'a> {
    router: &'a Host,
    far: PacketSocket,
    port: (PacketSocket, u32),
    number: Cell<u8>,
}

impl<'a> Way<'a> {
    const FAR: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);

    fn new(lab: &Lab, router: &'a Host) -> Self {
        let far = lab.unplugged("far", "10.99.0.2/24");
        router.ip(&[
            &format!("link add eth1 type veth peer name eth0 netns {}", far.namespace.name),
            "address add 10.99.0.1/24 dev eth1",
            "link set eth1 up",
        ]);
        far.ip(&["link set eth0 address 02:00:00:00:99:02 up"]);
        router.ip(&["neighbour replace 10.99.0.2 lladdr 02:00:00:00:99:02 dev eth1"]);
        router.namespace.set("ipv4/ip_forward", "1");
        let port = lab.segment().run(|| {
            let index = interface_index(&router.port).expect("the port exists");
            (PacketSocket::open().expect("root may send frames"), index)
        });
        let far = far.namespace.run(|| {
            let index = interface_index("eth0").expect("it has one");
            PacketSocket::capture(index).expect("root may capture")
        });
        Self { router, far, port, number: Cell::new(0) }
    }

    /// Sends a numbered packet for the one far away.
    fn send(&self, to: [u8; 6]) -> u8 {
        let number = self.number.get().wrapping_add(1);
        self.number.set(number);
        let mut ip = vec![0x45, 0, 0, 24, 0, 0, 0, 0, 64, 253, 0, 0, 10, 77, 0, 3];
        ip.extend(Self::FAR.octets());
        let sum = checksum(&[&ip]).to_be_bytes();
        ip[10..12].copy_from_slice(&sum);
        let from = [2, 0, 0, 0, 0x77, 0x33];
        let mut frame = [&to[..], &from, &[8, 0], &ip, &[number; 4]].concat();
        frame.resize(60, 0);
        self.port.0.send(self.port.1, &frame, frame.len()).expect("it is sent");
        number
    }

    /// Whether what is sent to a hardware address is forwarded: it would come out before what is
    /// sent to the router's own.
    fn forwards(&self, to: [u8; 6]) -> bool {
        let (number, control) = (self.send(to), self.send(self.router.mac));
        let (mut arrived, mut buffer) = (Vec::new(), [0; 2048]);
        poll(SOON, "what is sent to the router itself is forwarded", || {
            while let Ok(Some(frame)) = self.far.receive(&mut buffer) {
                if frame.len > 34 && buffer[23] == 253 {
                    arrived.push(buffer[34]);
                }
            }
            arrived.contains(&control)
        });
        arrived.contains(&number)
    }
}

/// A MASTER forwards what is sent to the virtual MAC address, a BACKUP does not even if it gets it,
/// from the moment on at which it is BACKUP.
#[test]
fn v3_073_v3_109_v2_016_the_master_alone_forwards() {
    let pair = Pair::new();
    let way = Way::new(&pair.lab, &pair.a);
    let a = pair.start_a(&with_vmac(100));
    a.wait_log("vip: INIT -> BACKUP", SOON);
    assert!(!is_up(&pair.a, DEVICE) && !way.forwards(VMAC));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    assert!(way.forwards(VMAC));

    let b = pair.start_b(&with_vmac(150));
    a.wait_log("vip: MASTER -> BACKUP", SOON);
    assert!(!way.forwards(VMAC), "whether it is down by now or not");
    // While it is still up, the new MASTER is heard through it.
    pair.hears_b.wait_adverts(wall_clock(), 8, SOON);
    wait_down(&pair.a);
    assert!(!way.forwards(VMAC));
    assert_eq!(a.lines("BACKUP -> MASTER").len(), 1);

    let before = a.mark();
    b.signal("TERM");
    a.wait_log_after(before, "vip: BACKUP -> MASTER", SOON);
    assert!(way.forwards(VMAC));
}

/// Every advert is counted once, whatever MAC address it comes from and whatever we are.
#[test]
fn v3_055_every_advert_counts_once() {
    let pair = Pair::new();
    let a = pair.start_a(&with_vmac(150));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let injector = Injector::open(&pair.b);
    let send = |priority| {
        for mac in [pair.b.mac, VMAC] {
            let message = Message::v3(VRID, priority, 20, VIP).bytes();
            injector.send(&Envelope::new(mac, pair.b.address).frame(&message));
        }
    };
    (0..10).for_each(|_| send(100));
    let heard = || counter(&a, "vip", "advertisement_rcvd");
    poll(SOON, "all are heard", || heard() >= 20);
    // It gives way, and hears the rest as BACKUP.
    (0..10).for_each(|_| send(200));
    a.wait_log("vip: MASTER -> BACKUP: 10.77.0.2 has priority 200", SOON);
    poll(SOON, "all are heard", || heard() >= 40);
    wait_down(&pair.a);
    (0..10).for_each(|_| send(200));
    poll(SOON, "all are heard", || heard() >= 60);
    assert_eq!(heard(), 60);
    assert_eq!(counter(&a, "interface eth0 ipv4", "vrid_errors"), 0);
}

/// `vmac_xmit_base`: the adverts come from the interface, the address is at the virtual MAC address.
#[test]
fn adverts_from_the_interface_itself() {
    let pair = Pair::new();
    let client = pair.lab.host("c", "10.77.0.3/24");
    let more = format!(
        "{V3}\nuse_vmac = true\nvmac_xmit_base = true\ngarp_extra_if = 1\ngarp_master_delay = 0"
    );
    let (a, b) = pair.start_both(&toml(150, &more), &toml(100, &more));
    let injector = Injector::open(&client);
    assert_eq!(injector.holders(VIP), [VMAC]);
    // Announced again and again, since no advert tells the switches where it is.
    let all = || pair.hears_a.announcements_after(0, VIP);
    poll(SOON, "it is announced again and again", || all().len() > 7);
    assert!(all().iter().all(|(_, arp)| arp.sender_mac == VMAC));
    a.signal("TERM");
    b.wait_log("vip: BACKUP -> MASTER: 10.77.0.1 resigned", SOON);
    assert!(a.wait_end(SOON).success());
    for advert in pair.hears_a.adverts() {
        advert.assert_envelope(pair.a.mac, pair.a.address);
    }
    assert_eq!(injector.holders(VIP), [VMAC]);
}

/// Unicast adverts do that without being told.
#[test]
fn unicast_leaves_through_the_interface() {
    let pair = Pair::new();
    let client = pair.lab.host("c", "10.77.0.3/24");
    let to = |peer: &Host, priority| {
        let peer = format!("unicast_peer = [\"{}\"]", peer.address);
        toml(priority, &format!("{V3}\nuse_vmac = true\n{peer}"))
    };
    let (a, b) = pair.start_both(&to(&pair.b, 150), &to(&pair.a, 100));
    assert_eq!(Injector::open(&client).holders(VIP), [VMAC]);
    a.signal("TERM");
    b.wait_log("vip: BACKUP -> MASTER: 10.77.0.1 resigned", SOON);
    assert!(a.wait_end(SOON).success());
    let adverts = pair.hears_a.adverts();
    assert!(adverts.len() > 2);
    for advert in &adverts {
        assert_eq!((&advert.frame[..6], &advert.frame[6..12]), (&pair.b.mac[..], &pair.a.mac[..]));
    }
    assert_eq!(Injector::open(&client).holders(VIP), [VMAC]);
}

/// One has a virtual MAC address, the other has not: each hears the other, in either state.
#[test]
fn a_group_of_both_kinds() {
    for (first, second) in [(with_vmac(150), toml(100, V3)), (toml(150, V3), with_vmac(100))] {
        let pair = Pair::new();
        let client = pair.lab.host("c", "10.77.0.3/24");
        let (a, b) = pair.start_both(&first, &second);
        let vmac = first.contains("use_vmac");
        let mac = |host: &Host, own: bool| if own { VMAC } else { host.mac };
        let injector = Injector::open(&client);
        assert_eq!(injector.holders(VIP), [mac(&pair.a, vmac)]);
        a.signal("TERM");
        b.wait_log("vip: BACKUP -> MASTER: 10.77.0.1 resigned", SOON);
        assert!(a.wait_end(SOON).success());
        let again = pair.start_a(&first);
        again.wait_log("vip: BACKUP -> MASTER: 10.77.0.2 has priority 100", SOON);
        b.wait_log("vip: MASTER -> BACKUP: 10.77.0.1 has priority 150", SOON);
        pair.lab.wait_holder(&pair.a, SOON);
        poll(SOON, "the client asks the right one", || {
            injector.holders(VIP) == [mac(&pair.a, vmac)]
        });
    }
}
