//! Interfaces that are made, changed and removed: macvlans, each with a MAC address of its own on
//! top of another interface.

use super::{
    attributes, text, Builder, IfInfo, AF_INET6, IFF_UP, IFLA_ADDRESS, IFLA_IFNAME, NLM_F_CREATE,
    NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK,
};

/// Attributes of an interface: the one that it is on top of.
const IFLA_LINK: u16 = 5;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_INFO_SLAVE_KIND: u16 = 4;
const IFLA_IFALIAS: u16 = 20;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_GROUP: u16 = 27;
const IFLA_MACVLAN_MODE: u16 = 1;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
/// No link-local address is made out of the MAC address.
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;
const NESTED: u16 = 0x8000;

/// The kind of interface that is meant here.
pub const MACVLAN: &str = "macvlan";
/// The longest alias that the kernel keeps.
pub const ALIAS: usize = 255;

/// What a macvlan hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What is sent to its MAC address or to many, but for what other macvlans of the same
    /// interface send.
    Private,
    /// Only what comes from a list of MAC addresses, and ours is empty. But for what is sent to
    /// many and bears its own MAC address as source: that still goes to it alone.
    Deaf,
}

impl Mode {
    /// MACVLAN_MODE_PRIVATE and MACVLAN_MODE_SOURCE.
    const fn number(self) -> u32 {
        match self {
            Self::Private => 1,
            Self::Deaf => 16,
        }
    }
}

/// An interface, by what this module is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its hardware address, if it is one of Ethernet.
    pub mac: Option<[u8; 6]>,
    /// The interface that it is on top of.
    pub parent: Option<u32>,
    /// `macvlan`, `vlan`, and so on; a real one is of no kind.
    pub kind: String,
    /// What somebody has called it besides its name.
    pub alias: String,
}

impl Interface {
    /// Reads the body of an RTM_NEWLINK.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (info, rest) = IfInfo::parse(body)?;
        // A port of a bridge is told of in the same words, for another family.
        if info.family != 0 {
            return None;
        }
        let (name, kind, alias) = (String::new(), String::new(), String::new());
        let mut it = Self { index: info.index, name, mac: None, parent: None, kind, alias };
        let owned = |value| text(value).unwrap_or_default().to_owned();
        for (attribute, value) in attributes(rest) {
            match attribute {
                IFLA_IFNAME => it.name = owned(value),
                IFLA_ADDRESS => it.mac = value.try_into().ok(),
                IFLA_LINK => it.parent = value.try_into().ok().map(u32::from_ne_bytes),
                IFLA_IFALIAS => it.alias = owned(value),
                IFLA_LINKINFO => {
                    let kind = attributes(value).find(|(kind, _)| *kind == IFLA_INFO_KIND);
                    it.kind = kind.map(|(_, kind)| owned(kind)).unwrap_or_default();
                }
                _ => {}
            }
        }
        Some(it)
    }
}

/// Whether the attributes of RTM_NEWLINK say that an interface is a port: of a bridge or of what
/// makes one interface of several. What arrives there is delivered to that.
#[must_use]
pub fn is_port(link: &[u8]) -> bool {
    const KINDS: [&str; 4] = ["bridge", "bond", "team", "openvswitch"];
    let info = attributes(link).find(|(kind, _)| *kind == IFLA_LINKINFO);
    let kind =
        info.and_then(|(_, info)| attributes(info).find(|(kind, _)| *kind == IFLA_INFO_SLAVE_KIND));
    kind.and_then(|(_, kind)| text(kind)).is_some_and(|kind| KINDS.contains(&kind))
}

/// Asks for an interface.
pub fn ask(builder: &mut Builder<'_>, seq: u32, index: u32) {
    builder.begin(RTM_GETLINK, NLM_F_REQUEST, seq);
    builder.header(&header(index, 0, 0));
    builder.end();
}

/// Asks for an interface by its name.
pub fn ask_named(builder: &mut Builder<'_>, seq: u32, name: &str) {
    builder.begin(RTM_GETLINK, NLM_F_REQUEST, seq);
    builder.header(&header(0, 0, 0));
    builder.attribute(IFLA_IFNAME, &[name.as_bytes(), &[0]].concat());
    builder.end();
}

/// Asks for all interfaces.
pub fn ask_all(builder: &mut Builder<'_>, seq: u32) {
    builder.begin(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, seq);
    builder.header(&header(0, 0, 0));
    builder.end();
}

/// Makes a macvlan on top of an interface. It is down, and hears nothing.
pub fn make(builder: &mut Builder<'_>, seq: u32, name: &str, parent: u32, mac: [u8; 6]) {
    builder.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL, seq);
    builder.header(&header(0, 0, 0));
    builder.attribute(IFLA_IFNAME, &[name.as_bytes(), &[0]].concat());
    builder.attribute(IFLA_LINK, &parent.to_ne_bytes());
    builder.attribute(IFLA_ADDRESS, &mac);
    builder.attribute(IFLA_LINKINFO | NESTED, &macvlan(Mode::Deaf));
    builder.end();
}

/// Has an interface make no IPv6 address out of its MAC address. The kernel does not take this
/// while it makes one.
pub fn make_no_address(builder: &mut Builder<'_>, seq: u32, name: &str) {
    let mode = nest(|inet6| inet6.attribute(IFLA_INET6_ADDR_GEN_MODE, &[IN6_ADDR_GEN_MODE_NONE]));
    let spec = nest(|spec| spec.attribute(u16::from(AF_INET6) | NESTED, &mode));
    change(builder, seq, name, IFLA_AF_SPEC | NESTED, &spec);
}

/// Writes an alias to an interface, of at most [`ALIAS`] bytes.
pub fn set_alias(builder: &mut Builder<'_>, seq: u32, name: &str, alias: &str) {
    change(builder, seq, name, IFLA_IFALIAS, alias.as_bytes());
}

fn change(builder: &mut Builder<'_>, seq: u32, name: &str, attribute: u16, value: &[u8]) {
    builder.begin(RTM_NEWLINK, NLM_F_REQUEST, seq);
    builder.header(&header(0, 0, 0));
    builder.attribute(IFLA_IFNAME, &[name.as_bytes(), &[0]].concat());
    builder.attribute(attribute, value);
    builder.end();
}

/// Sets the mode of a macvlan, and sets it up if asked to.
pub fn set_mode(builder: &mut Builder<'_>, seq: u32, index: u32, mode: Mode, up: bool) {
    let flags = if up { IFF_UP } else { 0 };
    builder.begin(RTM_NEWLINK, NLM_F_REQUEST, seq);
    builder.header(&header(index, flags, flags));
    builder.attribute(IFLA_LINKINFO | NESTED, &macvlan(mode));
    builder.end();
}

/// Gives an interface another hardware address.
pub fn set_mac(builder: &mut Builder<'_>, seq: u32, index: u32, mac: [u8; 6]) {
    builder.begin(RTM_NEWLINK, NLM_F_REQUEST, seq);
    builder.header(&header(index, 0, 0));
    builder.attribute(IFLA_ADDRESS, &mac);
    builder.end();
}

/// Sets an interface down. With a macvlan the kernel waits some 15 ms in this, until nobody can
/// still be using it.
pub fn set_down(builder: &mut Builder<'_>, seq: u32, index: u32) {
    builder.begin(RTM_NEWLINK, NLM_F_REQUEST, seq);
    builder.header(&header(index, 0, IFF_UP));
    builder.end();
}

/// Puts an interface into a group.
pub fn set_group(builder: &mut Builder<'_>, seq: u32, index: u32, group: u32) {
    builder.begin(RTM_NEWLINK, NLM_F_REQUEST, seq);
    builder.header(&header(index, 0, 0));
    builder.attribute(IFLA_GROUP, &group.to_ne_bytes());
    builder.end();
}

/// Removes all interfaces of a group at once: the kernel waits once for all of them.
pub fn remove_group(builder: &mut Builder<'_>, seq: u32, group: u32) {
    builder.begin(RTM_DELLINK, NLM_F_REQUEST, seq);
    builder.header(&header(0, 0, 0));
    builder.attribute(IFLA_GROUP, &group.to_ne_bytes());
    builder.end();
}

/// `struct ifinfomsg` that sets some flags.
fn header(index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[4..8].copy_from_slice(&index.to_ne_bytes());
    bytes[8..12].copy_from_slice(&flags.to_ne_bytes());
    bytes[12..].copy_from_slice(&change.to_ne_bytes());
    bytes
}

fn macvlan(mode: Mode) -> Vec<u8> {
    let mode = nest(|data| data.attribute(IFLA_MACVLAN_MODE, &mode.number().to_ne_bytes()));
    nest(|info| {
        info.attribute(IFLA_INFO_KIND, MACVLAN.as_bytes());
        info.attribute(IFLA_INFO_DATA | NESTED, &mode);
    })
}

/// The attributes that stand in an attribute.
fn nest(build: impl FnOnce(&mut Builder<'_>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    build(&mut Builder::new(&mut bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::netlink::{messages, Netlink, NLM_F_ACK};
    use crate::sys::netns::interface_index;
    use crate::sys::testnet::{ask as answers, built, with_pair};

    const VMAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 5];

    /// The same request, and the kernel answers in any case.
    fn acknowledged(build: impl FnOnce(&mut Builder<'_>)) -> Vec<u8> {
        let mut bytes = built(build);
        let mut at = 0;
        while at < bytes.len() {
            let length = u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
            let flags = u16::from_ne_bytes(bytes[at + 6..at + 8].try_into().unwrap()) | NLM_F_ACK;
            bytes[at + 6..at + 8].copy_from_slice(&flags.to_ne_bytes());
            at += length;
        }
        bytes
    }

    fn order(build: impl FnOnce(&mut Builder<'_>)) -> Vec<i32> {
        answers(&Netlink::open(&[], 0).unwrap(), &acknowledged(build))
    }

    fn look(question: impl FnOnce(&mut Builder<'_>)) -> Option<Interface> {
        let socket = Netlink::open(&[], 0).unwrap();
        socket.send(&built(question)).unwrap();
        let mut buffer = Vec::new();
        let length = socket.receive(&mut buffer).unwrap().unwrap();
        let found = messages(&buffer[..length]).find(|message| message.kind == RTM_NEWLINK);
        found.and_then(|message| Interface::parse(message.body))
    }

    /// Whether ip(8) says so of an interface.
    fn shows(interface: &str, what: &str) -> bool {
        let mut ip = std::process::Command::new("ip");
        let output = ip.args(["-d", "link", "show", interface]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().contains(what)
    }

    #[test]
    fn a_macvlan_is_made_changed_and_removed() {
        with_pair(|pair| {
            pair.to_a();
            let parent = pair.a_index;
            let made = order(|builder| {
                make(builder, 1, "vrrp.5", parent, VMAC);
                make_no_address(builder, 2, "vrrp.5");
                set_alias(builder, 3, "vrrp.5", "whose it is");
            });
            assert_eq!(made, [0, 0, 0]);
            let index = interface_index("vrrp.5").unwrap();
            let it = look(|builder| ask(builder, 1, index)).unwrap();
            let wanted = Interface {
                index,
                name: "vrrp.5".into(),
                mac: Some(VMAC),
                parent: Some(parent),
                kind: MACVLAN.into(),
                alias: "whose it is".into(),
            };
            assert_eq!(it, wanted);
            assert_eq!(look(|builder| ask_named(builder, 1, "vrrp.5")), Some(wanted));
            for text in ["mode source", "addrgenmode none", "state DOWN"] {
                assert!(shows("vrrp.5", text), "{text}");
            }
            assert_eq!(order(|builder| set_mode(builder, 4, index, Mode::Private, true)), [0]);
            assert!(shows("vrrp.5", "mode private"));
            assert!(shows("vrrp.5", ",UP"));
            assert_eq!(order(|builder| set_mode(builder, 5, index, Mode::Deaf, false)), [0]);
            assert!(shows("vrrp.5", "mode source"));
            assert!(shows("vrrp.5", ",UP"), "it is as it was");
            let other = [2, 0, 0, 0, 0, 9];
            assert_eq!(order(|builder| set_mac(builder, 6, index, other)), [0]);
            assert_eq!(look(|builder| ask(builder, 1, index)).unwrap().mac, Some(other));
            assert_eq!(order(|builder| set_down(builder, 6, index)), [0]);
            assert!(!shows("vrrp.5", ",UP"));
            let again = order(|builder| make(builder, 7, "vrrp.5", parent, VMAC));
            assert_eq!(again, [libc::EEXIST]);
            let gone = order(|builder| {
                set_group(builder, 8, index, 0x7670_0001);
                remove_group(builder, 9, 0x7670_0001);
            });
            assert_eq!(gone, [0, 0]);
            assert_eq!(look(|builder| ask(builder, 1, index)), None);
            let below = look(|builder| ask(builder, 1, parent)).unwrap();
            assert_eq!((below.kind.as_str(), below.name.as_str()), ("veth", "a0"));
        });
    }

    #[test]
    fn a_message_that_lies_is_none() {
        let whole = built(|builder| make(builder, 1, "vrrp.5", 7, VMAC));
        let body = &whole[16..];
        let it = Interface::parse(body).unwrap();
        assert_eq!((it.parent, it.kind.as_str(), it.mac), (Some(7), MACVLAN, Some(VMAC)));
        for length in 0..body.len() {
            let _ = Interface::parse(&body[..length]);
        }
        for at in 0..body.len() {
            let mut bytes = body.to_vec();
            bytes[at] ^= 0xff;
            let _ = Interface::parse(&bytes);
        }
        assert_eq!(Interface::parse(&body[..15]), None);
    }
}
