//! The sets and rules of a table of leases.

use crate::sys::netlink::nft::{Batch, Expr, Key, Register};

/// IPv4 addresses that are leased.
pub(super) const V4: &str = "vip_4";
/// IPv6 addresses that are leased.
pub(super) const V6: &str = "vip_6";
/// Those of them whose lease has not ended.
pub(super) const LEASE_4: &str = "lease_4";
/// The same of IPv6.
pub(super) const LEASE_6: &str = "lease_6";

/// The chain that has all rules.
const RULES: &str = "lease";
/// Before anybody else who looks at what comes in, such as the fast path of a router.
const PRIORITY: i32 = -500;

/// Makes the sets, with room for so many addresses.
pub(super) fn sets(batch: &mut Batch, size: u32) {
    batch.add_sized_set(V4, Key::Ipv4, 0, size);
    batch.add_sized_set(V6, Key::Ipv6, 1, size);
    batch.add_timed_set(LEASE_4, Key::Ipv4, 2, size);
    batch.add_timed_set(LEASE_6, Key::Ipv6, 3, size);
}

/// Makes the rules.
pub(super) fn rules(batch: &mut Batch) {
    const ARP: &[u8] = &[0x08, 0x06];
    const IPV4: &[u8] = &[0x08, 0x00];
    const IPV6: &[u8] = &[0x86, 0xdd];
    const ICMPV6: &[u8] = &[58];
    const NEIGHBOUR_SOLICITATION: &[u8] = &[135];
    let drop = |all, leased| [Expr::In(all), Expr::NotIn(leased), Expr::Count, Expr::Drop];
    let frame = |kind| [Expr::LoadEtherType, Expr::Is(kind)];
    batch.add_plain_chain(RULES);
    // The address that is asked for, in a request over Ethernet.
    let target = [Expr::LoadIp(24, 4, Register::One)];
    batch.add_rule(RULES, &[&frame(ARP)[..], &target, &drop(V4, LEASE_4)].concat());
    let to = [Expr::LoadIp(16, 4, Register::One)];
    batch.add_rule(RULES, &[&frame(IPV4)[..], &to, &drop(V4, LEASE_4)].concat());
    let to = [Expr::LoadIp(24, 16, Register::One)];
    batch.add_rule(RULES, &[&frame(IPV6)[..], &to, &drop(V6, LEASE_6)].concat());
    // It is sent to a group that many addresses have in common.
    let target = [
        Expr::LoadProtocol,
        Expr::Is(ICMPV6),
        Expr::LoadTransport(0, 1),
        Expr::Is(NEIGHBOUR_SOLICITATION),
        Expr::LoadTransport(8, 16),
    ];
    batch.add_rule(RULES, &[&frame(IPV6)[..], &target, &drop(V6, LEASE_6)].concat());
}

/// Has what comes in on an interface go through the rules.
pub(super) fn hook(batch: &mut Batch, interface: &str, index: u32) {
    let chain = format!("ingress_{index}");
    batch.add_ingress_chain(&chain, interface, PRIORITY);
    batch.add_rule(&chain, &[Expr::Jump(RULES)]);
}
