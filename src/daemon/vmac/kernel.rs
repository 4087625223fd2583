//! The kernel's side of it: questions and orders that are answered before the call returns.

use crate::sys::netlink::link::{remove_group, set_group, Interface};
use crate::sys::netlink::{self as nl, Builder, Netlink};
use std::io;

/// Room for the answers to a batch.
const REPLY_BUFFER: usize = 1 << 20;
/// The group of those that are removed together: a number that nobody else has a reason to use.
const REMOVED: u32 = 0x7669_7064;

/// Where interfaces are asked about, and changed.
#[derive(Default)]
pub struct Kernel {
    /// There is none until somebody needs it.
    socket: Option<Netlink>,
    buffer: Vec<u8>,
}

/// An order that was refused.
#[derive(Debug)]
pub struct Refusal {
    /// The number of the order.
    pub seq: u32,
    /// Why.
    pub error: io::Error,
}

impl Kernel {
    /// Closes the socket; it will be opened again.
    pub fn rest(&mut self) {
        *self = Self::default();
    }

    fn submit(&mut self, bytes: &[u8]) -> io::Result<()> {
        let socket = match &self.socket {
            Some(socket) => socket,
            None => self.socket.insert(Netlink::open(&[], REPLY_BUFFER)?),
        };
        socket.send(bytes)
    }

    /// Asks a question: the interfaces in the answer, none if there is no such interface.
    pub fn ask(&mut self, question: impl FnOnce(&mut Builder<'_>)) -> Vec<Interface> {
        let mut bytes = Vec::new();
        question(&mut Builder::new(&mut bytes));
        let mut found = Vec::new();
        if self.submit(&bytes).is_ok() {
            self.drain(|message| {
                if message.kind == nl::RTM_NEWLINK {
                    found.extend(Interface::parse(message.body));
                }
            });
        }
        found
    }

    /// Gives orders: those that were refused.
    pub fn order(&mut self, orders: impl FnOnce(&mut Builder<'_>)) -> Vec<Refusal> {
        let mut bytes = Vec::new();
        orders(&mut Builder::new(&mut bytes));
        self.send(&bytes)
    }

    /// Gives orders that are ready: those that were refused. What the kernel says of the orders as
    /// a whole is a refusal of the first.
    pub fn send(&mut self, orders: &[u8]) -> Vec<Refusal> {
        let mut refused = Vec::new();
        if let Err(error) = self.submit(orders) {
            let seq = nl::messages(orders).next().map_or(0, |first| first.seq);
            refused.push(Refusal { seq, error });
        }
        self.drain(|message| {
            let errno =
                if message.kind == nl::NLMSG_ERROR { nl::error_code(message.body) } else { 0 };
            if errno != 0 {
                let error = io::Error::from_raw_os_error(errno);
                refused.push(Refusal { seq: message.seq, error });
            }
        });
        refused
    }

    /// Removes interfaces, all at once: one after the other each would take some 20 ms.
    pub fn remove(&mut self, indices: &[u32]) {
        if indices.is_empty() {
            return;
        }
        let refused = self.order(|orders| {
            for index in indices {
                set_group(orders, *index, *index, REMOVED);
            }
            remove_group(orders, 0, REMOVED);
        });
        // One that is not there any more needs no removal; then there may be no such group, too.
        let refused =
            refused.iter().find(|refusal| refusal.error.raw_os_error() != Some(nl::ENODEV));
        if let Some(refusal) = refused {
            log::error!("cannot remove the interface of a virtual MAC address: {}", refusal.error);
        }
    }

    /// The answers: the kernel has given them when sending has returned.
    fn drain(&mut self, mut take: impl FnMut(nl::Message<'_>)) {
        let Some(socket) = &self.socket else { return };
        while let Ok(Some(length)) = socket.receive(&mut self.buffer) {
            let bytes = self.buffer.get(..length).unwrap_or_default();
            nl::messages(bytes).for_each(&mut take);
        }
    }
}
