//! An interface, listened to.

use crate::exit::{self, Failure};
use crate::sys::netns::interface_index;
use crate::sys::raw::Instruction;
use crate::sys::sniffer::Sniffer;
use crate::wire::Family;
use std::io;
use std::net::IpAddr;

/// More than the longest message with its headers.
pub const BUFFER: usize = 16_384;

/// Begins to listen. The groups are joined on the interface alone, so that its filters let them
/// through: nobody else notices. `groups`: beside those of the RFC.
///
/// # Errors
/// There is no such interface, or it is not permitted.
pub fn open(name: &str, groups: impl Iterator<Item = IpAddr>) -> Result<Sniffer, Failure> {
    let index = interface_index(name)
        .map_err(|error| Failure::new(exit::OSERR, format!("interface {name}: {error}")))?;
    let all = [Family::V4.group(), Family::V6.group()].into_iter().chain(groups);
    let macs: Vec<_> = all.map(group_mac).collect();
    Sniffer::open(index, &macs, &filter()).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => Failure::new(
            exit::NOPERM,
            format!(
                "may not listen on {name}: that needs root or CAP_NET_RAW; \
                 what tcpdump has written (-w) can be read without"
            ),
        ),
        _ => Failure::new(exit::OSERR, format!("cannot listen on {name}: {error}")),
    })
}

/// The hardware address of a multicast group (RFC 1112 §6.4, RFC 2464 §7).
fn group_mac(group: IpAddr) -> [u8; 6] {
    match group {
        IpAddr::V4(group) => {
            let [_, b, c, d] = group.octets();
            [0x01, 0x00, 0x5e, b & 0x7f, c, d]
        }
        IpAddr::V6(group) => {
            let [.., c, d, e, f] = group.octets();
            [0x33, 0x33, c, d, e, f]
        }
    }
}

const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
/// SKF_AD_OFF + SKF_AD_PROTOCOL: the ethertype.
const ETHERTYPE: u32 = 0xffff_f000;

/// Protocol 112 over IPv4 and IPv6, and what may hide it: an Authentication Header, and over IPv6
/// extension headers. With a VLAN tag before it, too: the kernel has taken the outer one off, or has
/// put one there and shows what is behind it.
fn filter() -> Vec<Instruction> {
    const REFUSE: usize = 26;
    const TAKE: usize = 27;
    let mut program: Vec<Instruction> = Vec::new();
    let mut op = |code, to: usize, or: usize, k| {
        let here = program.len() + 1;
        let jump = |to: usize| u8::try_from(to.saturating_sub(here)).unwrap_or(0);
        program.push(Instruction { code, jt: jump(to), jf: jump(or), k });
    };
    op(LOAD_HALF, 0, 0, ETHERTYPE);
    op(IF_EQUAL, 12, 2, 0x0800);
    op(IF_EQUAL, 17, 3, 0x86dd);
    op(IF_EQUAL, 5, 4, 0x8100);
    op(IF_EQUAL, 5, REFUSE, 0x88a8);
    // 5: a tag, or what is behind it.
    op(LOAD_HALF, 0, 0, 2);
    op(IF_EQUAL, 14, 7, 0x0800);
    op(IF_EQUAL, 19, 8, 0x86dd);
    op(LOAD_BYTE, 0, 0, 0);
    op(AND, 0, 0, 0xf0);
    op(IF_EQUAL, 12, 11, 0x40);
    op(IF_EQUAL, 17, REFUSE, 0x60);
    // 12: IPv4, and 14: behind a tag.
    op(LOAD_BYTE, 0, 0, 9);
    op(JUMP, 0, 0, 1);
    op(LOAD_BYTE, 0, 0, 13);
    op(IF_EQUAL, TAKE, 16, 112);
    op(IF_EQUAL, TAKE, REFUSE, 51);
    // 17: IPv6, and 19: behind a tag.
    op(LOAD_BYTE, 0, 0, 6);
    op(JUMP, 0, 0, 1);
    op(LOAD_BYTE, 0, 0, 10);
    for (at, protocol) in (20..).zip([112, 51, 0, 43, 60]) {
        op(IF_EQUAL, TAKE, at + 1, protocol);
    }
    op(IF_EQUAL, TAKE, REFUSE, 44);
    op(RETURN, 0, 0, 0);
    op(RETURN, 0, 0, BUFFER as u32);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the program says to a packet: how many bytes of it are kept.
    fn run(program: &[Instruction], ethertype: u16, packet: &[u8]) -> u32 {
        let (mut at, mut value) = (0, 0u32);
        loop {
            let op = program[at];
            at += 1;
            let byte = |k: u32| packet.get(k as usize).copied();
            match op.code {
                LOAD_HALF if op.k == ETHERTYPE => value = u32::from(ethertype),
                LOAD_HALF => {
                    let (Some(hi), Some(lo)) = (byte(op.k), byte(op.k + 1)) else { return 0 };
                    value = u32::from(u16::from_be_bytes([hi, lo]));
                }
                LOAD_BYTE => match byte(op.k) {
                    Some(byte) => value = u32::from(byte),
                    None => return 0,
                },
                AND => value &= op.k,
                JUMP => at += op.k as usize,
                IF_EQUAL => at += usize::from(if value == op.k { op.jt } else { op.jf }),
                RETURN => return op.k,
                other => panic!("{other:#x}"),
            }
        }
    }

    #[test]
    fn the_filter_takes_what_may_be_vrrp() {
        let program = filter();
        let v4 = |protocol| [&[0x45, 0, 0, 40, 0, 0, 0, 0, 255, protocol][..], &[0; 30]].concat();
        let v6 = |next| [&[0x60, 0, 0, 0, 0, 40, next, 255][..], &[0; 60]].concat();
        let tag = |ethertype: u16, packet: &[u8]| {
            [&[0, 7][..], &ethertype.to_be_bytes(), packet].concat()
        };
        for (protocol, taken) in [(112, true), (51, true), (6, false), (17, false), (44, false)] {
            for (ethertype, packet) in [
                (0x0800, v4(protocol)),
                (0x8100, v4(protocol)),
                (0x8100, tag(0x0800, &v4(protocol))),
                (0x88a8, tag(0x0800, &v4(protocol))),
            ] {
                let kept = run(&program, ethertype, &packet);
                assert_eq!(kept > 0, taken, "{protocol} {ethertype:#x}");
            }
        }
        for (next, taken) in [(112, true), (0, true), (44, true), (58, false), (6, false)] {
            for (ethertype, packet) in
                [(0x86dd, v6(next)), (0x8100, v6(next)), (0x8100, tag(0x86dd, &v6(next)))]
            {
                assert_eq!(run(&program, ethertype, &packet) > 0, taken, "{next} {ethertype:#x}");
            }
        }
        assert_eq!(run(&program, 0x0806, &v4(112)), 0);
        assert_eq!(run(&program, 0x0800, &[0x45]), 0);
    }

    #[test]
    fn groups_have_hardware_addresses() {
        assert_eq!(group_mac(Family::V4.group()), [1, 0, 0x5e, 0, 0, 0x12]);
        assert_eq!(group_mac(Family::V6.group()), [0x33, 0x33, 0, 0, 0, 0x12]);
    }
}
