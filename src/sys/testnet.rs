//! Two hosts and a cable: network namespaces with a veth pair `a0`–`b0`, made by our own netlink. For
//! the tests of this folder; they vanish with the thread of the test.

use super::netlink::*;
use super::netns::{enter, interface_index, unshare_thread};
use super::{poll_readable, user};
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd};

const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const NESTED: u16 = 0x8000;
/// The kernel need not ask the neighbours whether an address is free.
const IFA_F_NODAD: u8 = 0x02;

pub(super) struct Pair {
    a: File,
    b: File,
    pub(super) a_index: u32,
    pub(super) b_index: u32,
}

pub(super) const A4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1));
pub(super) const B4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 2));
pub(super) const A6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xa));
pub(super) const B6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xb));

/// Runs a test, in a thread of its own that begins on host `a`.
pub(super) fn with_pair(test: impl FnOnce(&Pair) + Send) {
    if user::effective_uid() != 0 {
        println!("skipped: needs root");
        return;
    }
    std::thread::scope(|scope| {
        let result = scope.spawn(|| test(&Pair::new())).join();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

impl Pair {
    fn new() -> Self {
        let a = new_namespace();
        let b = new_namespace();
        order(&new_veth(&a));
        let b_index = configure("b0", &[(B4, 24), (B6, 64)]);
        enter(&a).unwrap();
        let a_index = configure("a0", &[(A4, 24), (A6, 64)]);
        Self { a, b, a_index, b_index }
    }

    /// From now on this thread is on host `a`.
    pub(super) fn to_a(&self) {
        enter(&self.a).unwrap();
    }

    /// From now on this thread is on host `b`.
    pub(super) fn to_b(&self) {
        enter(&self.b).unwrap();
    }
}

/// The thread goes into it, too.
fn new_namespace() -> File {
    unshare_thread().unwrap();
    File::open("/proc/thread-self/ns/net").unwrap()
}

/// `b0` here, `a0` there.
fn new_veth(peer_namespace: &File) -> Vec<u8> {
    let fd = peer_namespace.as_raw_fd().to_ne_bytes();
    let peer = built(|peer| {
        peer.header(&if_info(0, 0));
        peer.attribute(IFLA_IFNAME, b"a0\0");
        peer.attribute(IFLA_NET_NS_FD, &fd);
    });
    let data = built(|data| data.attribute(VETH_INFO_PEER | NESTED, &peer));
    let info = built(|info| {
        info.attribute(IFLA_INFO_KIND, b"veth");
        info.attribute(IFLA_INFO_DATA | NESTED, &data);
    });
    built(|new| {
        new.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 1);
        new.header(&if_info(0, 0));
        new.attribute(IFLA_IFNAME, b"b0\0");
        new.attribute(IFLA_LINKINFO | NESTED, &info);
        new.end();
    })
}

/// `struct ifinfomsg` that sets these flags; index 0 is a new link.
fn if_info(index: u32, flags: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[4..8].copy_from_slice(&index.to_ne_bytes());
    bytes[8..12].copy_from_slice(&flags.to_ne_bytes());
    bytes[12..].copy_from_slice(&flags.to_ne_bytes());
    bytes
}

/// What a builder makes: messages, or attributes alone.
pub(super) fn built(build: impl FnOnce(&mut Builder<'_>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    build(&mut Builder::new(&mut bytes));
    bytes
}

/// Sets a link up and gives it addresses; returns its index.
pub(super) fn configure(name: &str, addresses: &[(IpAddr, u8)]) -> u32 {
    let index = interface_index(name).unwrap();
    order(&built(|orders| {
        orders.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, 2);
        orders.header(&if_info(index, IFF_UP));
        orders.end();
        for &(address, prefix_len) in addresses {
            new_address(orders, RTM_NEWADDR, address, prefix_len, index);
        }
    }));
    index
}

/// Appends an order to add or remove an address.
pub(super) fn new_address(
    orders: &mut Builder<'_>,
    kind: u16,
    address: IpAddr,
    prefix_len: u8,
    index: u32,
) {
    let create = if kind == RTM_NEWADDR { NLM_F_CREATE | NLM_F_EXCL } else { 0 };
    orders.begin(kind, NLM_F_REQUEST | NLM_F_ACK | create, 3);
    match address {
        IpAddr::V4(address) => {
            orders.header(&if_addr(AF_INET, prefix_len, 0, 0, index));
            orders.attribute(IFA_LOCAL, &address.octets());
        }
        IpAddr::V6(address) => {
            orders.header(&if_addr(AF_INET6, prefix_len, IFA_F_NODAD, 0, index));
            orders.attribute(IFA_LOCAL, &address.octets());
        }
    }
    orders.end();
}

/// Sends orders to this thread's namespace; all must be carried out.
pub(super) fn order(orders: &[u8]) {
    let codes = ask(&Netlink::open(&[], 0).unwrap(), orders);
    assert!(codes.iter().all(|code| *code == 0), "{codes:?}");
}

/// Sends orders and returns the error number of each.
pub(super) fn ask(socket: &Netlink, orders: &[u8]) -> Vec<i32> {
    let wanted = messages(orders).count();
    socket.send(orders).unwrap();
    let (mut codes, mut buffer) = (Vec::new(), Vec::new());
    while codes.len() < wanted {
        assert!(poll_readable(socket.as_fd(), 5000).unwrap(), "no answer");
        let length = socket.receive(&mut buffer).unwrap().unwrap();
        let answers = messages(&buffer[..length]).filter(|message| message.kind == NLMSG_ERROR);
        codes.extend(answers.map(|message| error_code(message.body)));
    }
    codes
}
