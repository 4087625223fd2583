//! What is needed of a packet to know who has sent it.

use super::{ip, link, message as full};
use crate::sys::sniffer::Heard;
use std::net::IpAddr;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// VRRP, of any version.
    Vrrp,
    /// CARP.
    Carp,
}

/// A message, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// This host has sent it.
    pub outgoing: bool,
    /// Its address.
    pub source: IpAddr,
    /// Virtual router id, or CARP's vhid.
    pub vrid: u8,
    /// Priority, or CARP's advskew.
    pub priority: u8,
    /// Which of the two.
    pub protocol: Protocol,
}

/// Reads a packet without a VLAN tag: what has one is for another interface.
#[must_use]
pub fn message(heard: &Heard, bytes: &[u8]) -> Option<Message> {
    let captured = link::of_interface(heard, bytes).filter(|it| it.vlan.is_none())?;
    let datagram = ip::read(captured.packet)?;
    let (source, outgoing) = (datagram.meta.source, heard.outgoing);
    Some(match full::read(&datagram.meta, datagram.message, datagram.cut)? {
        full::Message::Vrrp(it) => {
            let (vrid, priority) = (it.vrid, it.priority);
            Message { outgoing, source, vrid, priority, protocol: Protocol::Vrrp }
        }
        full::Message::Carp { vhid: vrid, advskew: priority, .. } => {
            Message { outgoing, source, vrid, priority, protocol: Protocol::Carp }
        }
    })
}
