//! What is seen, from the first packet to the last.

use super::ip;
use super::link::Captured;
use super::message::{self, Message};
use super::ours::Ours;
use super::seen::{Seen, Sender};
use super::{lines, text};
use crate::control::colour::Paint;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// No more senders are counted, each by itself.
const MOST_SENDERS: usize = 1000;
/// No more of them are shown.
const SHOWN: usize = 8;
/// What all virtual MAC addresses begin with, which are nobody's own.
const VIRTUAL: [u8; 4] = [0, 0, 0x5e, 0];

/// How it is shown, and what it is compared with.
#[derive(Debug)]
pub struct Session {
    /// In JSON.
    pub json: bool,
    /// In colours.
    pub paint: Paint,
    /// Our configuration, if there is one.
    pub ours: Option<Ours>,
    /// Where packets are heard; `None` for a file.
    pub interface: Option<String>,
    /// Our own hardware addresses.
    pub macs: Vec<[u8; 6]>,
    /// The addresses of the interface.
    pub addresses: Vec<IpAddr>,
    /// What was seen.
    pub counts: Counts,
}

/// How many packets were seen.
#[derive(Debug, Default)]
pub struct Counts {
    /// All of them.
    pub packets: u64,
    /// Of each sender, with what it calls itself.
    senders: BTreeMap<(IpAddr, String), u64>,
}

impl Session {
    /// Of a file, on a machine of which nothing is known. `ours`: our configuration.
    #[must_use]
    pub fn new(json: bool, ours: Option<Ours>) -> Self {
        let (interface, macs, addresses) = (None, Vec::new(), Vec::new());
        let (paint, counts) = (Paint::of_stdout(), Counts::default());
        Self { json, paint, ours, interface, macs, addresses, counts }
    }

    /// The line for a packet. `None` if it has neither VRRP nor CARP in it.
    pub fn line(&mut self, captured: &Captured<'_>) -> Option<String> {
        let datagram = ip::read(captured.packet)?;
        let message = message::read(&datagram.meta, datagram.message, datagram.cut);
        let sender = self.sender(captured, datagram.meta.source);
        self.counts.add(datagram.meta.source, message.as_ref());
        let signed = crate::wire::advert::parse(&datagram.meta, datagram.message)
            .is_ok_and(|advert| advert.trailer.is_some());
        let interface = self.interface.as_deref();
        let sent = sender == Sender::Ours;
        let verdict =
            self.ours.as_mut().map(|ours| ours.judge(interface, captured, &datagram, sent));
        let captured = *captured;
        let seen = Seen { captured, datagram, message, signed, sender, verdict };
        Some(if self.json { lines::line(&seen) } else { text::line(&seen, self.paint) })
    }

    fn sender(&self, captured: &Captured<'_>, source: IpAddr) -> Sender {
        let own = captured.source_mac.filter(|mac| !mac.starts_with(&VIRTUAL));
        if captured.outgoing || own.is_some_and(|mac| self.macs.contains(&mac)) {
            Sender::Ours
        } else if own.is_some() && self.addresses.contains(&source) {
            Sender::OurAddress
        } else {
            Sender::Other
        }
    }
}

impl Counts {
    fn add(&mut self, source: IpAddr, message: Option<&Message>) {
        self.packets += 1;
        let what = match message {
            Some(Message::Vrrp(vrrp)) => format!("VRID {}", vrrp.vrid),
            Some(Message::Carp { vhid, .. }) => format!("CARP vhid {vhid}"),
            None => "cut short".to_owned(),
        };
        let key = (source, what);
        if self.senders.len() < MOST_SENDERS || self.senders.contains_key(&key) {
            *self.senders.entry(key).or_default() += 1;
        }
    }

    /// All of it in one line, with its end.
    #[must_use]
    pub fn summary(&self) -> String {
        let senders = self.senders.iter().take(SHOWN);
        let each: Vec<_> =
            senders.map(|((source, what), count)| format!("{source} {what} {count}")).collect();
        let more = match self.senders.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(", and {more} more senders"),
        };
        let packets = if self.packets == 1 { "packet" } else { "packets" };
        let colon = if each.is_empty() { "" } else { ": " };
        format!("{} {packets}{colon}{}{more}\n", self.packets, each.join(", "))
    }
}

#[cfg(test)]
mod tests;
