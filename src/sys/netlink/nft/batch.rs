//! Changes to a table, as messages.

use super::{header, kind};
use super::{DELRULE, DELSETELEM, DELTABLE, NEWCHAIN, NEWRULE, NEWSET, NEWSETELEM, NEWTABLE};
use super::{NAME_OF_SET, NAME_OF_TABLE};
use crate::sys::netlink::{Builder, NLM_F_CREATE, NLM_F_REQUEST};
use std::time::Duration;

/// NLM_F_APPEND: a rule goes behind the others.
const APPEND: u16 = 0x800;
/// An item of a list (NFTA_LIST_ELEM).
const ITEM: u16 = 1;
/// Keys in one message: with the longest of them it stays well below what one can hold.
const MESSAGE: usize = 500;

/// Where a chain sees packets. The numbers are those of the families inet, ip and ip6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// What is for this host.
    Input = 1,
    /// What goes through.
    Forward = 2,
    /// What comes from this host.
    Output = 3,
}

/// What the keys of a set are. The type is for programs that list the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// The name of an interface: 16 bytes, filled up with zeros.
    Name,
    /// Such a name and an IPv6 address behind it.
    NameAndIpv6,
}

impl Key {
    /// The number of the type, and the length.
    const fn parts(self) -> (u32, u32) {
        const IPV4: u32 = 7;
        const IPV6: u32 = 8;
        const NAME: u32 = 41;
        match self {
            Self::Ipv4 => (IPV4, 4),
            Self::Ipv6 => (IPV6, 16),
            Self::Name => (NAME, 16),
            Self::NameAndIpv6 => (NAME << 6 | IPV6, 32),
        }
    }
}

/// Where a rule keeps what it has loaded: two places of 16 bytes, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// The first.
    One = 1,
    /// The second.
    Two = 2,
}

/// A part of a rule. They are worked off in order, until one does not hold. What has no register
/// of its own uses the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expr<'a> {
    /// Loads the family of the packet: [`Expr::IPV4`] or [`Expr::IPV6`].
    LoadFamily,
    /// Loads the protocol above IP: one byte.
    LoadProtocol,
    /// Loads the name of the interface that the packet came in on: 16 bytes.
    LoadInputName,
    /// Loads the name of the interface that the packet goes out on: 16 bytes.
    LoadOutputName,
    /// Loads bytes of the IP header: offset, length, and where to.
    LoadIp(u32, u32, Register),
    /// Loads bytes of what follows the IP header: offset and length.
    LoadTransport(u32, u32),
    /// Goes on if these bytes were loaded.
    Is(&'a [u8]),
    /// Loads the type of the frame: two bytes.
    LoadEtherType,
    /// Goes on if what was loaded is in the set of this name.
    In(&'a str),
    /// Goes on if it is not.
    NotIn(&'a str),
    /// Goes on with the rules of the chain of this name, and comes back if none of them decides.
    Jump(&'a str),
    /// Counts packets and bytes.
    Count,
    /// Done with this chain: the packet goes on.
    Accept,
    /// The packet goes no further.
    Drop,
}

impl Expr<'_> {
    /// What [`Expr::LoadFamily`] loads of an IPv4 packet.
    pub const IPV4: &'static [u8] = &[2];
    /// What [`Expr::LoadFamily`] loads of an IPv6 packet.
    pub const IPV6: &'static [u8] = &[10];

    fn write(self, to: &mut Builder<'_>) {
        const ETHER_TYPE: u32 = 1;
        const FAMILY: u32 = 15;
        const PROTOCOL: u32 = 16;
        const INPUT_NAME: u32 = 6;
        const OUTPUT_NAME: u32 = 7;
        const NETWORK: u32 = 1;
        const TRANSPORT: u32 = 2;
        const ACCEPT: i32 = 1;
        const DROP: i32 = 0;
        const JUMP: i32 = -3;
        match self {
            Self::LoadEtherType => meta(to, ETHER_TYPE),
            Self::LoadFamily => meta(to, FAMILY),
            Self::LoadProtocol => meta(to, PROTOCOL),
            Self::LoadInputName => meta(to, INPUT_NAME),
            Self::LoadOutputName => meta(to, OUTPUT_NAME),
            Self::LoadIp(offset, length, register) => {
                payload(to, register, [NETWORK, offset, length]);
            }
            Self::LoadTransport(offset, length) => {
                payload(to, Register::One, [TRANSPORT, offset, length]);
            }
            Self::Is(value) => expression(to, "cmp", |data| {
                const EQUAL: u32 = 0;
                number(data, 1, Register::One as u32);
                number(data, 2, EQUAL);
                data.nested(3, |data| data.attribute(1, value));
            }),
            Self::In(set) => lookup(to, set, 0),
            Self::NotIn(set) => lookup(to, set, 1),
            Self::Count => expression(to, "counter", |_| {}),
            Self::Accept => verdict(to, ACCEPT, None),
            Self::Drop => verdict(to, DROP, None),
            Self::Jump(chain) => verdict(to, JUMP, Some(chain)),
        }
    }
}

fn meta(to: &mut Builder<'_>, key: u32) {
    expression(to, "meta", |data| {
        number(data, 1, Register::One as u32);
        number(data, 2, key);
    });
}

fn payload(to: &mut Builder<'_>, register: Register, [base, offset, length]: [u32; 3]) {
    expression(to, "payload", |data| {
        for (kind, value) in [(1, register as u32), (2, base), (3, offset), (4, length)] {
            number(data, kind, value);
        }
    });
}

/// `flags`: 1 for the opposite.
fn lookup(to: &mut Builder<'_>, set: &str, flags: u32) {
    expression(to, "lookup", |data| {
        data.attribute(1, &c_string(set));
        number(data, 2, Register::One as u32);
        if flags != 0 {
            number(data, 5, flags);
        }
    });
}

fn verdict(to: &mut Builder<'_>, code: i32, chain: Option<&str>) {
    expression(to, "immediate", |data| {
        // Into the register of verdicts.
        number(data, 1, 0);
        data.nested(2, |data| {
            data.nested(2, |verdict| {
                verdict.attribute(1, &code.to_be_bytes());
                if let Some(chain) = chain {
                    verdict.attribute(2, &c_string(chain));
                }
            });
        });
    });
}

fn expression(to: &mut Builder<'_>, name: &str, data: impl FnOnce(&mut Builder<'_>)) {
    to.nested(ITEM, |item| {
        item.attribute(1, &c_string(name));
        item.nested(2, data);
    });
}

fn number(to: &mut Builder<'_>, kind: u16, value: u32) {
    to.attribute(kind, &value.to_be_bytes());
}

/// Milliseconds are what the kernel takes; one whose time is over would be there for good. How long
/// it lasts, and what is left of that: without the second a time that is the same again is no news.
fn element(to: &mut Builder<'_>, key: &[u8], time: Option<Duration>) {
    const TIMEOUT: u16 = 4;
    const EXPIRATION: u16 = 5;
    to.nested(1, |data| data.attribute(1, key));
    if let Some(time) = time {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1).to_be_bytes();
        to.attribute(TIMEOUT, &millis);
        to.attribute(EXPIRATION, &millis);
    }
}

/// Text with a zero behind it.
pub(super) fn c_string(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

/// Changes to one table, in order.
#[derive(Clone, Debug)]
pub struct Batch {
    family: u8,
    table: Vec<u8>,
    pub(super) bytes: Vec<u8>,
    seq: u32,
}

impl Batch {
    /// No changes yet, to a table of this family and name.
    #[must_use]
    pub fn new(family: u8, table: &str) -> Self {
        Self { family, table: c_string(table), bytes: Vec::new(), seq: 0 }
    }

    /// Whether nothing is to be changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Forgets all changes.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.seq = 0;
    }

    fn message(&mut self, what: u16, flags: u16, rest: impl FnOnce(&mut Builder<'_>)) {
        self.seq += 1;
        let mut message = Builder::new(&mut self.bytes);
        message.begin(kind(what), NLM_F_REQUEST | flags, self.seq);
        message.header(&header(self.family, 0));
        message.attribute(NAME_OF_TABLE, &self.table);
        rest(&mut message);
        message.end();
    }

    /// Makes the table, if it is not there. The comment is for people; it has at most 127 bytes, and
    /// kernels before 5.10 do not keep it.
    pub fn add_table(&mut self, comment: &str) {
        let comment = c_string(comment);
        let length = u8::try_from(comment.len()).unwrap_or(u8::MAX);
        let user_data = [&[0, length], comment.as_slice()].concat();
        self.message(NEWTABLE, NLM_F_CREATE, |table| table.attribute(6, &user_data));
    }

    /// Removes the table and all that is in it.
    pub fn delete_table(&mut self) {
        self.message(DELTABLE, 0, |_| {});
    }

    /// Makes a set, if it is not there. `id` tells the sets of one batch apart.
    pub fn add_set(&mut self, name: &str, key: Key, id: u32) {
        self.set(name, key, id, (0, None));
    }

    /// The same of a set for so many keys at most: it is quicker to fill.
    pub fn add_sized_set(&mut self, name: &str, key: Key, id: u32, size: u32) {
        self.set(name, key, id, (0, Some(size)));
    }

    /// The same, and what is put into it may have a time after which it is gone. What is gone counts
    /// for some time.
    pub fn add_timed_set(&mut self, name: &str, key: Key, id: u32, size: u32) {
        const TIMEOUT: u32 = 0x10;
        self.set(name, key, id, (TIMEOUT, Some(size)));
    }

    fn set(&mut self, name: &str, key: Key, id: u32, (flags, size): (u32, Option<u32>)) {
        // What nft(8) wants to know of a key that is text: kind, length and value of "in the order of
        // this machine's bytes".
        let [a, b, c, d] = 1u32.to_ne_bytes();
        let text = [0, 4, a, b, c, d];
        let (key_type, key_length) = key.parts();
        self.message(NEWSET, NLM_F_CREATE, |set| {
            set.attribute(NAME_OF_SET, &c_string(name));
            for (kind, value) in [(3, flags), (4, key_type), (5, key_length), (10, id)] {
                number(set, kind, value);
            }
            if let Some(size) = size {
                set.nested(9, |description| number(description, 1, size));
            }
            if key == Key::Name {
                set.attribute(13, &text);
            }
        });
    }

    /// Makes a chain, if it is not there, in which packets are accepted that no rule is about. Of
    /// the chains at a hook that with the least priority comes first.
    pub fn add_chain(&mut self, name: &str, hook: Hook, priority: i32) {
        self.base_chain(name, hook as u32, priority, None);
    }

    /// The same in a table of the family netdev: it sees what comes in on an interface, before
    /// anybody else. The interface has to be there.
    pub fn add_ingress_chain(&mut self, name: &str, interface: &str, priority: i32) {
        const INGRESS: u32 = 0;
        self.base_chain(name, INGRESS, priority, Some(interface));
    }

    /// Makes a chain that sees only what another one hands on.
    pub fn add_plain_chain(&mut self, name: &str) {
        self.message(NEWCHAIN, NLM_F_CREATE, |chain| chain.attribute(3, &c_string(name)));
    }

    fn base_chain(&mut self, name: &str, hook: u32, priority: i32, interface: Option<&str>) {
        const ACCEPT: u32 = 1;
        self.message(NEWCHAIN, NLM_F_CREATE, |chain| {
            chain.attribute(3, &c_string(name));
            chain.nested(4, |at| {
                number(at, 1, hook);
                at.attribute(2, &priority.to_be_bytes());
                if let Some(interface) = interface {
                    at.attribute(3, &c_string(interface));
                }
            });
            number(chain, 5, ACCEPT);
            chain.attribute(7, &c_string("filter"));
        });
    }

    /// Removes all rules of a chain.
    pub fn flush_chain(&mut self, chain: &str) {
        self.message(DELRULE, 0, |rule| rule.attribute(2, &c_string(chain)));
    }

    /// Appends a rule to a chain.
    pub fn add_rule(&mut self, chain: &str, expressions: &[Expr<'_>]) {
        self.message(NEWRULE, NLM_F_CREATE | APPEND, |rule| {
            rule.attribute(2, &c_string(chain));
            rule.nested(4, |list| expressions.iter().for_each(|it| it.write(list)));
        });
    }

    /// Puts a key into a set, if it is not there.
    pub fn add_element(&mut self, set: &str, key: &[u8]) {
        self.add_elements(set, &[(key, None)]);
    }

    /// Puts keys into a set, each for some time, or for good without one. Of a key that is there
    /// kernels from 6.12 on change the time; to older ones it is no news.
    pub fn add_elements<K: AsRef<[u8]>>(&mut self, set: &str, keys: &[(K, Option<Duration>)]) {
        self.elements(NEWSETELEM, NLM_F_CREATE, set, keys);
    }

    /// Takes a key out of a set. The whole batch fails if it is not there.
    pub fn delete_element(&mut self, set: &str, key: &[u8]) {
        self.delete_elements(set, &[(key, None)]);
    }

    /// Takes keys out of a set. The whole batch fails if one is not there. The times are not looked
    /// at.
    pub fn delete_elements<K: AsRef<[u8]>>(&mut self, set: &str, keys: &[(K, Option<Duration>)]) {
        self.elements(DELSETELEM, 0, set, keys);
    }

    fn elements<K: AsRef<[u8]>>(
        &mut self,
        what: u16,
        flags: u16,
        set: &str,
        keys: &[(K, Option<Duration>)],
    ) {
        for keys in keys.chunks(MESSAGE) {
            self.message(what, flags, |message| {
                message.text(NAME_OF_SET, set);
                message.nested(3, |list| {
                    for (key, time) in keys {
                        list.nested(ITEM, |item| element(item, key.as_ref(), *time));
                    }
                });
            });
        }
    }
}
