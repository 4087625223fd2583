//! Classic BPF programs that let through what claims one of some addresses, and nothing else: no
//! other ARP packet or neighbour advertisement wakes us.

use crate::sys::raw::Instruction;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Instructions of a program, at most (BPF_MAXINSNS), less those around the list.
const ROOM: usize = 4096 - 16;
/// Instructions for an address of IPv4, and of IPv6 in full and by its last four octets alone.
const V4: usize = 2;
const V6: usize = 9;
const V6_IN_PART: usize = 2;

/// Lets nothing through.
pub const NOTHING: [Instruction; 1] = [op(RET, 0, 0, 0)];

const LD_W: u16 = 0x20;
const LD_H: u16 = 0x28;
const LD_B: u16 = 0x30;
const JEQ: u16 = 0x15;
const RET: u16 = 0x06;
/// The whole packet.
const ALL: u32 = u32::MAX;

const fn op(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
    Instruction { code, jt, jf, k }
}

/// For ARP frames: the sender has one of these addresses, and not this MAC address. With more of
/// them than a program can hold, whatever others claim comes through.
#[must_use]
pub fn arp(own: [u8; 6], addresses: &[Ipv4Addr]) -> Vec<Instruction> {
    const SENDER_MAC: u32 = 22;
    const SENDER: u32 = 28;
    if addresses.is_empty() {
        return NOTHING.to_vec();
    }
    let [a, b, c, d, e, f] = own;
    let mut program = vec![
        op(LD_W, 0, 0, SENDER_MAC),
        op(JEQ, 0, 3, u32::from_be_bytes([a, b, c, d])),
        op(LD_H, 0, 0, SENDER_MAC + 4),
        op(JEQ, 0, 1, u32::from_be_bytes([0, 0, e, f])),
        op(RET, 0, 0, 0),
        op(LD_W, 0, 0, SENDER),
    ];
    for address in addresses.iter().take(ROOM / V4) {
        program.extend([op(JEQ, 0, 1, u32::from(*address)), op(RET, 0, 0, ALL)]);
    }
    program.push(op(RET, 0, 0, if addresses.len() > ROOM / V4 { ALL } else { 0 }));
    program
}

/// For messages of ICMPv6: a neighbour advertisement whose target is one of these addresses. Of many
/// only the last four octets are compared.
#[must_use]
pub fn neighbour(addresses: &[Ipv6Addr]) -> Vec<Instruction> {
    const ADVERTISEMENT: u32 = 136;
    const TARGET: u32 = 8;
    if addresses.is_empty() {
        return NOTHING.to_vec();
    }
    let mut program = vec![op(LD_B, 0, 0, 0), op(JEQ, 1, 0, ADVERTISEMENT), op(RET, 0, 0, 0)];
    let in_full = addresses.len() <= ROOM / V6;
    let most = if in_full { V6 } else { V6_IN_PART };
    if !in_full {
        program.push(op(LD_W, 0, 0, TARGET + 12));
    }
    for address in addresses.iter().take(ROOM / most) {
        let words = words(*address);
        if !in_full {
            program.extend([op(JEQ, 0, 1, words[3]), op(RET, 0, 0, ALL)]);
            continue;
        }
        // The last word first: it tells most addresses apart.
        for word in (0..4).rev() {
            program.push(op(LD_W, 0, 0, TARGET + 4 * word as u32));
            // Behind the words that are still to come, and what lets it through.
            program.push(op(JEQ, 0, 2 * word as u8 + 1, words[word]));
        }
        program.push(op(RET, 0, 0, ALL));
    }
    program.push(op(RET, 0, 0, if addresses.len() > ROOM / most { ALL } else { 0 }));
    program
}

fn words(address: Ipv6Addr) -> [u32; 4] {
    let [a, b, c, d, e, f, g, h] = address.segments().map(u32::from);
    [a << 16 | b, c << 16 | d, e << 16 | f, g << 16 | h]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::announce::{gratuitous_arp, neighbour_advertisement};
    use crate::wire::claim::Question;

    const OWN: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 2];

    /// What the kernel would do with the few instructions that we use.
    fn run(program: &[Instruction], packet: &[u8]) -> bool {
        assert!(program.len() <= 4096);
        let (mut a, mut at) = (0u32, 0usize);
        loop {
            let op = &program[at];
            at += 1;
            let octets = match op.code {
                LD_W => 4,
                LD_H => 2,
                LD_B => 1,
                JEQ => {
                    at += usize::from(if a == op.k { op.jt } else { op.jf });
                    continue;
                }
                RET => return op.k != 0,
                code => panic!("unknown instruction {code:#x}"),
            };
            let Some(octets) = packet.get(op.k as usize..).and_then(|rest| rest.get(..octets))
            else {
                return false;
            };
            a = octets.iter().fold(0, |word, octet| word << 8 | u32::from(*octet));
        }
    }

    fn v4(number: usize) -> Ipv4Addr {
        Ipv4Addr::from(0x0a4d_0000 + number as u32)
    }

    fn v6(number: usize) -> Ipv6Addr {
        // Those next to each other differ in the first word, others in the last one as well.
        Ipv6Addr::new(0x2001, number as u16 % 2, 0, 0, 0, 7, 0, number as u16 / 2)
    }

    #[test]
    fn claims_of_our_addresses_by_others_and_nothing_else() {
        for count in [0, 1, 2, 300, ROOM / V4, ROOM / V4 + 1] {
            let ours: Vec<_> = (0..count).map(v4).collect();
            let program = arp(OWN, &ours);
            let passes = |mac, address| run(&program, &gratuitous_arp(mac, address));
            assert!(ours.iter().all(|address| passes(OTHER, *address)));
            assert!(!ours.iter().any(|address| passes(OWN, *address)));
            let beyond = count > ROOM / V4;
            assert_eq!(passes(OTHER, Ipv4Addr::new(10, 78, 0, 1)), beyond, "{count}");
            for octet in 0..6 {
                let mut mac = OWN;
                mac[octet] ^= 0x10;
                assert!(count == 0 || passes(mac, v4(0)), "{octet}");
            }
            let question = Question::new(OTHER, v4(0).into());
            assert_eq!(run(&program, question.bytes()), beyond, "a question claims nothing");
            assert!(!run(&program, &gratuitous_arp(OTHER, v4(0))[..27]));
        }
    }

    #[test]
    fn advertisements_of_our_addresses_and_nothing_else() {
        for count in [0, 1, 2, 300, ROOM / V6, ROOM / V6 + 1, ROOM / V6_IN_PART + 1] {
            let ours: Vec<_> = (0..count).map(v6).collect();
            let program = neighbour(&ours);
            let message = |address| neighbour_advertisement(OTHER, address, true)[54..].to_vec();
            assert!(ours.iter().all(|address| run(&program, &message(*address))), "{count}");
            let unlike = Ipv6Addr::new(0x2001, 0, 0, 0, 0, 7, 1, 1);
            assert_eq!(run(&program, &message(unlike)), count > ROOM / V6_IN_PART, "{count}");
            let like = Ipv6Addr::new(0x2002, 0, 0, 0, 0, 7, 0, 0);
            assert_eq!(run(&program, &message(like)), count > ROOM / V6, "{count}");
            let mut solicitation = message(v6(0));
            solicitation[0] = 135;
            assert!(!run(&program, &solicitation));
            assert!(!run(&program, &message(v6(0))[..7]));
        }
    }
}
