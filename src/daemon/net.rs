//! The sockets of one interface and family, for all virtual routers on it.

use super::peers::Peers;
use crate::sys::raw::{Instruction, Options, Outbox, RawSocket};
use crate::vrrp::statistics::Statistics;
use crate::wire::{Family, Vrid, PROTOCOL, TRAFFIC_CLASS, TTL};
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

/// No virtual router has this VRID.
const NOBODY: u16 = u16::MAX;
/// Packets of a backlog, at the kernel's accounting of about a KiB each.
const RECEIVE_BUFFER: usize = 512 * 1024;
/// Strangers' packets that are kept until somebody asks; the rest is only counted.
const STRANGERS_BUFFER: usize = 32 * 1024;

/// Sockets and virtual routers of one interface, family and group.
pub struct Net {
    /// The interface, by its number in the link table.
    pub link: usize,
    /// The family.
    pub family: Family,
    /// It belongs to a virtual MAC address: what comes from that is heard here, all else at the
    /// interface below, and nothing twice (V3-055).
    pub vmac: Option<[u8; 6]>,
    /// The multicast group; none for unicast.
    pub group: Option<IpAddr>,
    /// Somebody sends from an address that need not be on the interface.
    pub free_source: bool,
    /// Open while the interface exists.
    pub socket: Option<RawSocket>,
    /// Hears what the other socket's filter drops: VRIDs that are not ours. It wakes nobody, it is
    /// read when somebody wants to know.
    pub strangers: Option<RawSocket>,
    /// Index of the interface that the sockets belong to.
    pub ifindex: u32,
    /// The `births` of the interface when the groups were joined.
    pub births: u32,
    /// It was said that the interface is a port.
    pub port_told: bool,
    /// The interface was up when it was last looked at.
    pub was_up: bool,
    /// The interface has had no link-local address since the sockets were opened.
    lost_ipv6: bool,
    /// Virtual router of each VRID.
    routers: [u16; 256],
    /// More may be waiting than one turn reads.
    pub backlog: bool,
    /// What was refused and belongs to no instance.
    pub statistics: Statistics,
    /// Who speaks for VRIDs that are not ours.
    pub strangers_heard: Peers,
    /// Drops of the strangers' socket that were counted already.
    strangers_dropped: u32,
    /// The advertisements of this turn.
    pub outbox: Outbox,
    /// The virtual router of each of them.
    pub senders: Vec<usize>,
    /// Virtual routers whose last adverts were refused.
    pub in_vain: usize,
    /// Sending has failed, and that was said.
    pub send_failed: bool,
    /// Opening has failed, and that was said.
    pub open_failed: bool,
    /// Advertisements that could not be sent.
    pub send_errors: u64,
}

impl Net {
    /// Without sockets, without instances.
    #[must_use]
    pub fn new(link: usize, family: Family, vmac: Option<[u8; 6]>, group: Option<IpAddr>) -> Self {
        Self {
            link,
            family,
            vmac,
            group,
            free_source: false,
            socket: None,
            strangers: None,
            ifindex: 0,
            births: 0,
            port_told: false,
            was_up: false,
            lost_ipv6: false,
            routers: [NOBODY; 256],
            backlog: false,
            statistics: Statistics::default(),
            strangers_heard: Peers::default(),
            strangers_dropped: 0,
            outbox: Outbox::default(),
            senders: Vec::new(),
            in_vain: 0,
            send_failed: false,
            open_failed: false,
            send_errors: 0,
        }
    }

    /// A virtual router has this VRID here. Returns who had it before: unicast ones may share it, and
    /// are told apart by their peers.
    pub fn add(&mut self, vrid: Vrid, router: usize) -> Option<usize> {
        let before = self.router(vrid);
        self.routers[usize::from(vrid.get())] = router as u16;
        before
    }

    /// The virtual router of a VRID, the last that was added.
    #[must_use]
    pub fn router(&self, vrid: Vrid) -> Option<usize> {
        let router = self.routers[usize::from(vrid.get())];
        (router != NOBODY).then_some(usize::from(router))
    }

    /// Opens the sockets on an interface.
    ///
    /// # Errors
    /// What the kernel says; then no socket is open.
    pub fn open(&mut self, interface: &str, ifindex: u32) -> io::Result<()> {
        self.close();
        let open = |ours: bool, receive_buffer: usize| {
            let options = Options {
                ipv6: self.family == Family::V6,
                protocol: PROTOCOL,
                interface,
                ifindex,
                group: self.group,
                ttl: TTL,
                traffic_class: TRAFFIC_CLASS,
                receive_buffer,
                free_source: self.free_source || self.vmac.is_some(),
            };
            RawSocket::open(&options, &self.filter(ours))
        };
        let socket = open(true, RECEIVE_BUFFER)?;
        let strangers = match self.vmac {
            None => Some(open(false, STRANGERS_BUFFER)?),
            Some(_) => None,
        };
        (self.socket, self.strangers) = (Some(socket), strangers);
        self.ifindex = ifindex;
        self.strangers_dropped = 0;
        Ok(())
    }

    /// Takes over the sockets of the one that was in its place before a reload, and what waits in
    /// them.
    pub fn inherit(&mut self, old: &mut Self) {
        let same = self.bitmap() == old.bitmap();
        self.ifindex = old.ifindex;
        self.was_up = old.was_up;
        (self.births, self.port_told) = (old.births, old.port_told);
        self.lost_ipv6 = old.lost_ipv6;
        self.backlog = old.backlog;
        self.statistics = std::mem::take(&mut old.statistics);
        self.strangers_heard = std::mem::take(&mut old.strangers_heard);
        self.strangers_dropped = old.strangers_dropped;
        (self.send_failed, self.open_failed) = (old.send_failed, old.open_failed);
        self.send_errors = old.send_errors;
        // An address that need not be there has to be allowed when the socket is made.
        if self.free_source && !old.free_source {
            return;
        }
        (self.socket, self.strangers) = (old.socket.take(), old.strangers.take());
        let filters = [(&self.socket, true), (&self.strangers, false)];
        let attached = filters.iter().filter(|_| !same).try_for_each(|(socket, ours)| {
            let filter = self.filter(*ours);
            socket.as_ref().map_or(Ok(()), |socket| socket.attach_filter(&filter))
        });
        if let Err(error) = attached {
            log::error!("cannot change a filter: {error}; opening the sockets anew");
            self.close();
        }
    }

    /// Takes over sockets that another vipd has opened for the same.
    ///
    /// # Errors
    /// What the kernel says of the filter.
    pub fn adopt(
        &mut self,
        socket: OwnedFd,
        strangers: Option<OwnedFd>,
        ifindex: u32,
        up: bool,
    ) -> io::Result<()> {
        let socket = RawSocket::of_fd(socket, self.group, ifindex);
        socket.attach_filter(&self.filter(true))?;
        let strangers = strangers.map(|fd| RawSocket::of_fd(fd, self.group, ifindex));
        if let Some(strangers) = &strangers {
            strangers.attach_filter(&self.filter(false))?;
            self.strangers_dropped = strangers.dropped();
        }
        (self.socket, self.strangers) = (Some(socket), strangers);
        (self.ifindex, self.was_up) = (ifindex, up);
        Ok(())
    }

    /// Whether the interface has a link-local address. When it gets one again, the groups are joined
    /// again: an interface that IPv6 has left forgets them.
    pub fn has_ipv6(&mut self, now: bool) {
        let lost = std::mem::replace(&mut self.lost_ipv6, !now);
        if !(lost && now) {
            return;
        }
        self.rejoin();
    }

    /// Joins the multicast group again, so that the switches hear of it anew. First both sockets leave
    /// it: on an interface that has forgotten its groups the second would else leave it for the first,
    /// and on any other nobody would hear of it.
    pub fn rejoin(&self) {
        let sockets = || [&self.socket, &self.strangers].into_iter().flatten();
        sockets().for_each(RawSocket::leave);
        for socket in sockets() {
            if let Err(error) = socket.join() {
                log::debug!("cannot join the multicast group again: {error}");
            }
        }
    }

    /// Closes the sockets.
    pub fn close(&mut self) {
        (self.socket, self.strangers) = (None, None);
        self.backlog = false;
    }

    /// How many packets of strangers the kernel has dropped since this was last asked.
    pub fn strangers_dropped(&mut self) -> u32 {
        let dropped = self.strangers.as_ref().map_or(0, RawSocket::dropped);
        let new = dropped.wrapping_sub(self.strangers_dropped);
        self.strangers_dropped = dropped;
        new
    }

    /// A classic BPF program that lets through what claims one of our VRIDs, or only the others:
    /// eight words of a bitmap, one of which is shifted by the lower five bits of the VRID.
    fn filter(&self, ours: bool) -> Vec<Instruction> {
        const LD_W_MEM: u16 = 0x60;
        const LD_B_IND: u16 = 0x50;
        const LDX_B_MSH: u16 = 0xb1;
        const LD_W_IMM: u16 = 0x00;
        const LDX_W_IMM: u16 = 0x01;
        const ST: u16 = 0x02;
        const TAX: u16 = 0x07;
        const AND_K: u16 = 0x54;
        const RSH_K: u16 = 0x74;
        const RSH_X: u16 = 0x7c;
        const JEQ_K: u16 = 0x15;
        const JA: u16 = 0x05;
        const RET_K: u16 = 0x06;
        let op = |code, jt, jf, k| Instruction { code, jt, jf, k };
        let mut program = self.vmac.map(from_mac).unwrap_or_default();
        program.extend([
            // X: where the message begins. A raw IPv4 socket sees the IP header, an IPv6 one not.
            match self.family {
                Family::V4 => op(LDX_B_MSH, 0, 0, 0),
                Family::V6 => op(LDX_W_IMM, 0, 0, 0),
            },
            op(LD_B_IND, 0, 0, 1),
            op(ST, 0, 0, 0),
            op(AND_K, 0, 0, 31),
            op(TAX, 0, 0, 0),
            op(LD_W_MEM, 0, 0, 0),
            op(RSH_K, 0, 0, 5),
        ]);
        for (word, bits) in self.bitmap().into_iter().enumerate() {
            // Behind the words that are still to come.
            let rest = 3 * (7 - word as u32);
            program.push(op(JEQ_K, 0, 2, word as u32));
            program.push(op(LD_W_IMM, 0, 0, bits));
            program.push(op(JA, 0, 0, rest));
        }
        let (found, not_found) = if ours { (u32::MAX, 0) } else { (0, u32::MAX) };
        program.extend([
            op(RSH_X, 0, 0, 0),
            op(AND_K, 0, 0, 1),
            op(JEQ_K, 0, 1, 1),
            op(RET_K, 0, 0, found),
            op(RET_K, 0, 0, not_found),
        ]);
        program
    }

    /// A bit for each VRID that is ours.
    fn bitmap(&self) -> [u32; 8] {
        let mut bitmap = [0; 8];
        for (vrid, router) in self.routers.iter().enumerate() {
            if *router != NOBODY {
                bitmap[vrid / 32] |= 1 << (vrid % 32);
            }
        }
        bitmap
    }
}

/// The beginning of a program that goes on only if the frame comes from this MAC address.
fn from_mac(mac: [u8; 6]) -> Vec<Instruction> {
    const LD_W_ABS: u16 = 0x20;
    const LD_H_ABS: u16 = 0x28;
    const JEQ_K: u16 = 0x15;
    const RET_K: u16 = 0x06;
    /// SKF_LL_OFF (-0x200000): from the beginning of the Ethernet header on.
    const ETHERNET: u32 = 0xffe0_0000;
    let op = |code, jt, jf, k| Instruction { code, jt, jf, k };
    let [a, b, c, d, e, f] = mac;
    vec![
        op(LD_W_ABS, 0, 0, ETHERNET + 6),
        op(JEQ_K, 0, 2, u32::from_be_bytes([a, b, c, d])),
        op(LD_H_ABS, 0, 0, ETHERNET + 10),
        op(JEQ_K, 1, 0, u32::from_be_bytes([0, 0, e, f])),
        op(RET_K, 0, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Ethernet header of every packet: to the group, from a virtual MAC address.
    const MACS: [u8; 12] = [1, 0, 0x5e, 0, 0, 0x12, 0, 0, 0x5e, 0, 1, 5];

    #[test]
    fn v3_055_a_virtual_mac_address_hears_what_comes_from_it() {
        let packet = [&[0x45; 20][..], &[0x31, 5, 100, 1]].concat();
        let vmac = [0, 0, 0x5e, 0, 1, 5];
        let heard = |vmac| {
            let mut net = Net::new(0, Family::V4, Some(vmac), Some(Family::V4.group()));
            net.add(Vrid::new(5).unwrap(), 0);
            run(&net.filter(true), &packet) != 0
        };
        assert!(heard(vmac));
        for octet in 0..6 {
            let mut other = vmac;
            other[octet] ^= 1;
            assert!(!heard(other), "{octet}");
        }
    }

    /// What the kernel would do with the few instructions that we use.
    fn run(program: &[Instruction], packet: &[u8]) -> u32 {
        let (mut a, mut x, mut memory, mut at) = (0u32, 0u32, 0u32, 0usize);
        loop {
            let op = &program[at];
            at += 1;
            match op.code {
                0xb1 => x = 4 * u32::from(packet[op.k as usize] & 0x0f),
                0x01 => x = op.k,
                0x50 => match packet.get((x + op.k) as usize) {
                    Some(byte) => a = u32::from(*byte),
                    None => return 0,
                },
                0x02 => memory = a,
                0x54 => a &= op.k,
                0x07 => x = a,
                0x60 => a = memory,
                0x74 => a >>= op.k,
                0x7c => a >>= x,
                0x15 => at += usize::from(if a == op.k { op.jt } else { op.jf }),
                0x00 => a = op.k,
                0x05 => at += op.k as usize,
                0x20 | 0x28 => {
                    let (at, len) =
                        ((op.k - 0xffe0_0000) as usize, if op.code == 0x20 { 4 } else { 2 });
                    a = MACS[at..at + len]
                        .iter()
                        .fold(0, |word, byte| word << 8 | u32::from(*byte));
                }
                0x06 => return op.k,
                code => panic!("unknown instruction {code:#x}"),
            }
        }
    }

    #[test]
    fn the_filters_share_out_the_vrids() {
        for (family, header) in [(Family::V4, 20), (Family::V4, 60), (Family::V6, 0)] {
            let mut net = Net::new(0, family, None, Some(family.group()));
            let ours = [1, 5, 31, 32, 64, 95, 128, 200, 254, 255];
            for vrid in ours {
                net.add(Vrid::new(vrid).unwrap(), usize::from(vrid));
            }
            for vrid in 0..=255u8 {
                let mut packet = vec![0u8; header];
                if let Some(first) = packet.first_mut() {
                    *first = 0x40 | (header / 4) as u8;
                }
                packet.extend([0x31, vrid, 100, 1]);
                let is_ours = ours.contains(&vrid);
                assert_eq!(run(&net.filter(true), &packet) != 0, is_ours, "{family} {vrid}");
                assert_eq!(run(&net.filter(false), &packet) == 0, is_ours, "{family} {vrid}");
                assert_eq!(
                    Vrid::new(vrid).and_then(|vrid| net.router(vrid)),
                    is_ours.then_some(usize::from(vrid))
                );
            }
        }
    }
}
