//! The sets and rules of our table.

use crate::sys::netlink::nft::{Batch, Expr, Hook, Key, Register};

/// IPv4 addresses that are not accepted.
pub(super) const V4: &str = "no_accept_4";
/// IPv6 addresses that are not accepted.
pub(super) const V6: &str = "no_accept_6";
/// Link-local addresses that are not accepted, behind the name of the interface.
pub(super) const LINK_LOCAL: &str = "no_accept_link";
/// Names of interfaces that no reports of multicast groups go out on.
pub(super) const REPORTS: &str = "no_reports";

/// Before the rules of anybody else for packets to this host.
const PRIORITY: i32 = -1;

/// Makes the sets. All of them: they tell our table from one that is not ours.
pub(super) fn sets(batch: &mut Batch) {
    let sets =
        [(V4, Key::Ipv4), (V6, Key::Ipv6), (LINK_LOCAL, Key::NameAndIpv6), (REPORTS, Key::Name)];
    for (id, (set, key)) in (0..).zip(sets) {
        batch.add_set(set, key, id);
    }
}

/// A chain with nothing in it.
fn chain(batch: &mut Batch, name: &str, hook: Hook) {
    batch.add_chain(name, hook, PRIORITY);
    batch.flush_chain(name);
}

/// The chains that keep packets from the addresses.
pub(super) fn accept(batch: &mut Batch) {
    const NEIGHBOUR_SOLICITATION: &[u8] = &[135];
    const NEIGHBOUR_ADVERTISEMENT: &[u8] = &[136];
    let drop = |set| [Expr::In(set), Expr::Count, Expr::Drop];
    let v4 = [Expr::LoadFamily, Expr::Is(Expr::IPV4), Expr::LoadIp(16, 4, Register::One)];
    let v4 = [&v4[..], &drop(V4)].concat();
    let v6 = [Expr::LoadFamily, Expr::Is(Expr::IPV6), Expr::LoadIp(24, 16, Register::One)];
    let v6 = [&v6[..], &drop(V6)].concat();
    let link_local = [
        Expr::LoadFamily,
        Expr::Is(Expr::IPV6),
        Expr::LoadInputName,
        Expr::LoadIp(24, 16, Register::Two),
    ];
    let link_local = [&link_local[..], &drop(LINK_LOCAL)].concat();
    chain(batch, "input", Hook::Input);
    for neighbour in [NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT] {
        batch.add_rule("input", &[&icmpv6(neighbour)[..], &[Expr::Accept]].concat());
    }
    for rule in [&v4, &v6, &link_local] {
        batch.add_rule("input", rule);
    }
    chain(batch, "forward", Hook::Forward);
    for rule in [&v4, &v6] {
        batch.add_rule("forward", rule);
    }
}

/// The chain that keeps reports of multicast groups off interfaces.
pub(super) fn reports(batch: &mut Batch) {
    const IGMP: &[u8] = &[2];
    /// Report and done of version 1, report of version 2.
    const MLD: [&[u8]; 3] = [&[131], &[132], &[143]];
    let drop = [Expr::LoadOutputName, Expr::In(REPORTS), Expr::Count, Expr::Drop];
    chain(batch, "output", Hook::Output);
    let igmp = [Expr::LoadProtocol, Expr::Is(IGMP)];
    batch.add_rule("output", &[&igmp[..], &drop].concat());
    for kind in MLD {
        batch.add_rule("output", &[&icmpv6(kind)[..], &drop].concat());
    }
}

/// Goes on with ICMPv6 messages of a type.
fn icmpv6(kind: &'static [u8]) -> [Expr<'static>; 6] {
    const ICMPV6: &[u8] = &[58];
    [
        Expr::LoadFamily,
        Expr::Is(Expr::IPV6),
        Expr::LoadProtocol,
        Expr::Is(ICMPV6),
        Expr::LoadTransport(0, 1),
        Expr::Is(kind),
    ]
}
