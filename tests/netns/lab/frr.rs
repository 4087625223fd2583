//! FRR's VRRP in a host: zebra and vrrpd, with a directory of their own for their sockets. FRR makes
//! no devices: the macvlans with the virtual MACs and the virtual addresses are there before it, for
//! ever, and what it does is to turn them on and off (`protodown`).

use super::process::Process;
use super::{frames, poll, Host, Lab, SOON};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAMS: &str = "/usr/lib/frr";

/// What FRR is to do.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Virtual router id, of both families.
    pub vrid: u8,
    /// Priority.
    pub priority: u8,
    /// Interval in milliseconds, whole centiseconds.
    pub interval_ms: u32,
    /// The virtual addresses; over IPv6 the link-local one first.
    pub addresses: &'a [IpAddr],
}

/// A running FRR. Copies are the same.
#[derive(Clone)]
pub struct Frr {
    /// What speaks VRRP.
    pub vrrpd: Process,
    zebra: Process,
    sockets: PathBuf,
}

/// The virtual MAC of a virtual router for the family of an address (V3-012).
pub fn virtual_mac(vrid: u8, address: IpAddr) -> [u8; 6] {
    [0, 0, 0x5e, 0, if address.is_ipv4() { 1 } else { 2 }, vrid]
}

impl Frr {
    /// Starts it in a host; when this returns, its virtual routers are at work.
    #[track_caller]
    pub fn start(lab: &Lab, host: &Host, order: &Order<'_>) -> Self {
        make_devices(host, order);
        let sockets = lab.directory().join(format!("frr-{}", host.name));
        std::fs::create_dir_all(&sockets).expect("a directory of the lab");
        let status = Command::new("chown").arg("frr").arg(&sockets).status();
        assert!(status.is_ok_and(|status| status.success()), "is FRR installed?");
        let file = lab.file(&format!("{}.frr", host.name), &configuration(order));
        let daemon = |name: &str| {
            let path = |file: &str| sockets.join(file).display().to_string();
            let pid = path(&format!("{name}.pid"));
            let (vty, zebra, file) = (path(""), path("zserv.api"), file.display().to_string());
            let arguments =
                ["--vty_socket", &vty, "-z", &zebra, "-i", &pid, "-f", &file, "--log", "stdout"];
            lab.start(host, &Path::new(PROGRAMS).join(name), &arguments)
        };
        let zebra = daemon("zebra");
        poll(SOON, "zebra listens", || sockets.join("zserv.api").exists());
        let vrrpd = daemon("vrrpd");
        for family in families(order) {
            vrrpd.wait_log(&format!("[{family}] Initialize -> "), SOON);
        }
        Self { vrrpd, zebra, sockets }
    }

    /// What `show vrrp json` says.
    pub fn show(&self) -> String {
        let mut vtysh = Command::new("vtysh");
        vtysh.arg("--vty_socket").arg(&self.sockets).args(["-c", "show vrrp json"]);
        let output = vtysh.output().expect("vtysh can be run");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Ends both without a word. The devices stay as they are.
    pub fn kill(&self) {
        self.vrrpd.kill();
        self.zebra.kill();
        let _ = std::fs::remove_file(self.sockets.join("zserv.api"));
    }

    /// Ends vrrpd in order, then zebra.
    #[track_caller]
    pub fn stop(&self) {
        self.vrrpd.signal("TERM");
        self.vrrpd.wait_end(SOON);
        self.kill();
    }
}

/// `IPv4` and `IPv6` in its log, as far as it has to do with them.
fn families(order: &Order<'_>) -> impl Iterator<Item = &'static str> {
    let has = |v4: bool| order.addresses.iter().any(|address| address.is_ipv4() == v4);
    [(has(true), "IPv4"), (has(false), "IPv6")].into_iter().filter(|it| it.0).map(|it| it.1)
}

/// One macvlan a family. Those of an FRR that ran here before are used again.
fn make_devices(host: &Host, order: &Order<'_>) {
    // Nobody but the macvlan itself may answer for its addresses.
    host.namespace.set("ipv4/conf/all/arp_ignore", "1");
    let links = host.namespace.ip_output(&["-br", "link"]);
    for (family, v4) in [("4", true), ("6", false)] {
        let name = format!("vrrp{family}");
        let addresses = order.addresses.iter().filter(|address| address.is_ipv4() == v4);
        let Some(first) = addresses.clone().next().filter(|_| !links.contains(&name)) else {
            continue;
        };
        let mac = frames::mac_text(virtual_mac(order.vrid, *first));
        let prefix = if v4 { 24 } else { 64 };
        let mut commands = vec![
            format!("link add {name} link eth0 address {mac} type macvlan mode bridge"),
            // Not out of the virtual MAC, which the other router has as well (V3-101).
            format!("link set {name} addrgenmode random"),
        ];
        commands.extend(addresses.map(|it| format!("address add {it}/{prefix} dev {name}")));
        commands.push(format!("link set {name} up"));
        host.ip(&commands.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

fn configuration(order: &Order<'_>) -> String {
    let Order { vrid, priority, interval_ms, addresses } = order;
    let mut text = format!(
        "debug vrrp protocol\n\
         interface eth0\n \
         vrrp {vrid} version 3\n \
         vrrp {vrid} priority {priority}\n \
         vrrp {vrid} advertisement-interval {interval_ms}\n"
    );
    for address in *addresses {
        let word = if address.is_ipv4() { "ip" } else { "ipv6" };
        text.push_str(&format!(" vrrp {vrid} {word} {address}\n"));
    }
    text
}
