//! A second segment, for routers between two networks: `eth1` of a host is on `br1`.

use super::frames::mac_text;
use super::{ip, Host, Lab};
use std::net::Ipv4Addr;

/// The virtual address of the second segment.
pub const VIP_SECOND: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 100);

impl Lab {
    /// A lab with two segments.
    pub fn with_second() -> Self {
        let lab = Self::new();
        lab.segment()
            .ip(&["link add br1 type bridge forward_delay 0 mcast_snooping 0", "link set br1 up"]);
        lab
    }

    /// Gives a host an `eth1` on the second segment, and returns the host as it is known there.
    pub fn second(&self, host: &Host, address: &str) -> Host {
        let mut mac = host.mac;
        mac[3] = 1;
        let there = Host {
            port: format!("q-{}", host.name),
            address: address.split('/').next().and_then(|a| a.parse().ok()).expect("an address"),
            link_local: super::frames6::link_local(mac),
            mac,
            ..host.clone()
        };
        let (segment, port) = (&self.segment().name, &there.port);
        let (namespace, mac) = (&host.namespace.name, mac_text(mac));
        ip::run(&[&format!(
            "link add {port} netns {segment} type veth peer name eth1 address {mac} netns {namespace}"
        )]);
        self.segment().ip(&[&format!("link set {port} master br1 up")]);
        host.ip(&["link set eth1 up", &format!("address add {address} dev eth1")]);
        there
    }
}
