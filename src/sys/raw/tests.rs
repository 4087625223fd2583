use super::*;
use crate::sys::poll_readable;
use crate::sys::testnet::{built, order, with_pair, Pair, A4, A6, B4, B6};
use std::net::Ipv6Addr;

const PROTOCOL: u8 = 253; // For experiments, RFC 3692.
const GROUP4: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 200));
const GROUP6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x200));

fn options(interface: &str, ifindex: u32, ipv6: bool) -> Options<'_> {
    Options {
        ipv6,
        protocol: PROTOCOL,
        interface,
        ifindex,
        group: Some(if ipv6 { GROUP6 } else { GROUP4 }),
        ttl: 255,
        traffic_class: 0xc0,
        receive_buffer: 0,
        free_source: false,
    }
}

const fn step(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
    Instruction { code, jt, jf, k }
}

/// A filter that lets in everything.
const ALL: [Instruction; 1] = [step(0x06, 0, 0, u32::MAX)];

/// A socket on each end of the cable.
fn sockets(pair: &Pair, ipv6: bool, filter: &[Instruction]) -> (RawSocket, RawSocket) {
    pair.to_a();
    let a = RawSocket::open(&options("a0", pair.a_index, ipv6), &ALL).unwrap();
    pair.to_b();
    (a, RawSocket::open(&options("b0", pair.b_index, ipv6), filter).unwrap())
}

/// Sends; returns how many there were and which of them were refused, and why.
fn send(socket: &RawSocket, outbox: &mut Outbox) -> (usize, Vec<(usize, io::Error)>) {
    let mut refused = Vec::new();
    socket.send(outbox, |number, error| refused.push((number, error)));
    (outbox.point().len(), refused)
}

/// Sends what nobody refuses.
fn send_all(socket: &RawSocket, outbox: &mut Outbox, wanted: usize) {
    let (count, refused) = send(socket, outbox);
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(count, wanted);
}

/// Receives exactly as many packets as are awaited; what they are is in the answer.
fn receive(socket: &RawSocket, wanted: usize) -> Vec<(Vec<u8>, IpAddr, IpAddr, u8, u32, bool)> {
    let (mut inbox, mut all) = (Inbox::new(4, 100), Vec::new());
    while all.len() < wanted {
        assert!(poll_readable(socket.as_fd(), 5000).unwrap(), "{} of {wanted}", all.len());
        let count = socket.receive(&mut inbox).unwrap();
        for packet in (0..count).map(|index| inbox.packet(index)) {
            let Packet { payload, source, destination, ttl, ifindex, truncated, .. } = packet;
            let now = u128::from(packet.arrived_ns).abs_diff(since_1970());
            assert!(now < 10_000_000_000, "arrived {now} ns from now");
            all.push((payload.to_vec(), source, destination, ttl, ifindex, truncated));
        }
    }
    assert_eq!(socket.receive(&mut inbox).unwrap(), 0);
    all
}

fn since_1970() -> u128 {
    let (seconds, nanoseconds) = crate::sys::clock::realtime();
    seconds as u128 * 1_000_000_000 + u128::from(nanoseconds)
}

/// Neither a default route nor one for multicast: `unreachable default` in its place.
fn without_route() {
    use crate::sys::netlink::{AF_INET, NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST};
    const RTM_NEWROUTE: u16 = 24;
    // struct rtmsg: table main, protocol static, scope universe, type unreachable.
    let fixed = [AF_INET, 0, 0, 0, 254, 4, 0, 7, 0, 0, 0, 0];
    order(&built(|orders| {
        orders.begin(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 1);
        orders.header(&fixed);
        orders.end();
    }));
}

#[test]
fn multicast_arrives_with_all_that_belongs_to_it() {
    with_pair(|pair| {
        for (ipv6, group, source) in [(false, GROUP4, A4), (true, GROUP6, A6)] {
            let (a, b) = sockets(pair, ipv6, &ALL);
            if !ipv6 {
                pair.to_a();
                without_route();
            }
            let mut outbox = Outbox::default();
            for index in [pair.a_index, 0] {
                outbox.push(b"hello", Some(source), group, index, None);
            }
            send_all(&a, &mut outbox, 2);
            for packet in receive(&b, 2) {
                let wanted = (b"hello".to_vec(), source, group, 255, pair.b_index, false);
                assert_eq!(packet, wanted);
            }
        }
    });
}

#[test]
fn unicast_arrives_and_the_kernel_chooses_the_source() {
    with_pair(|pair| {
        for (ipv6, source, destination) in [(false, A4, B4), (true, A6, B6)] {
            let (a, b) = sockets(pair, ipv6, &ALL);
            let mut outbox = Outbox::default();
            outbox.push(b"one", Some(source), destination, pair.a_index, None);
            send_all(&a, &mut outbox, 1);
            let packet = receive(&b, 1).remove(0);
            let wanted = (b"one".to_vec(), source, destination, 255, pair.b_index, false);
            assert_eq!(packet, wanted);
            outbox.clear();
            outbox.push(b"two", None, destination, 0, None);
            send_all(&a, &mut outbox, 1);
            let packet = receive(&b, 1).remove(0);
            assert_eq!((packet.0, packet.2), (b"two".to_vec(), destination));
        }
    });
}

#[test]
fn many_go_in_one_call_and_arrive_in_order() {
    with_pair(|pair| {
        for (ipv6, group) in [(false, GROUP4), (true, GROUP6)] {
            let (a, b) = sockets(pair, ipv6, &ALL);
            let mut outbox = Outbox::default();
            for number in 0..100u8 {
                outbox.push(&vec![number; usize::from(number)], None, group, pair.a_index, None);
            }
            send_all(&a, &mut outbox, 100);
            for (number, packet) in receive(&b, 100).into_iter().enumerate() {
                // A slot has 100 bytes, and in IPv4 the header takes 20 of them.
                let room = if ipv6 { 100 } else { 80 };
                assert_eq!(packet.0, vec![number as u8; number.min(room)]);
                assert_eq!(packet.5, number > room);
            }
        }
    });
}

#[test]
fn one_that_fails_does_not_keep_the_others_back() {
    with_pair(|pair| {
        let strangers = [IpAddr::from([192, 0, 2, 99]), "2001:db8::99".parse().unwrap()];
        for (ipv6, group, stranger) in [(false, GROUP4, strangers[0]), (true, GROUP6, strangers[1])]
        {
            let (a, b) = sockets(pair, ipv6, &ALL);
            let mut outbox = Outbox::default();
            outbox.push(b"1", Some(stranger), group, pair.a_index, None);
            outbox.push(b"2", None, group, pair.a_index, None);
            outbox.push(b"3", Some(stranger), group, pair.a_index, None);
            outbox.push(b"4", None, group, pair.a_index, None);
            let (_, refused) = send(&a, &mut outbox);
            let numbers: Vec<_> = refused.iter().map(|(number, _)| *number).collect();
            assert_eq!(numbers, [0, 2]);
            for (_, error) in refused {
                // Which of the two depends on family and kernel.
                let code = error.raw_os_error();
                assert!([Some(libc::EINVAL), Some(libc::ENETUNREACH)].contains(&code), "{error}");
            }
            let payloads: Vec<_> = receive(&b, 2).into_iter().map(|packet| packet.0).collect();
            assert_eq!(payloads, [b"2", b"4"]);
        }
    });
}

#[test]
fn what_we_send_does_not_come_back() {
    with_pair(|pair| {
        for (ipv6, group) in [(false, GROUP4), (true, GROUP6)] {
            let (a, b) = sockets(pair, ipv6, &ALL);
            pair.to_a();
            let neighbour = RawSocket::open(&options("a0", pair.a_index, ipv6), &ALL).unwrap();
            let mut outbox = Outbox::default();
            outbox.push(b"out", None, group, pair.a_index, None);
            send_all(&a, &mut outbox, 1);
            assert_eq!(receive(&b, 1).len(), 1);
            // It has arrived at the other end, so it would have been here long ago.
            let mut inbox = Inbox::new(1, 100);
            assert_eq!(a.receive(&mut inbox).unwrap(), 0);
            assert_eq!(neighbour.receive(&mut inbox).unwrap(), 0);
        }
    });
}

/// Accepts payloads that begin with this byte.
fn begins_with(byte: u8, ipv6: bool) -> Vec<Instruction> {
    // X = length of the IPv4 header; in IPv6 the payload is where the packet begins.
    let first = if ipv6 { step(0x01, 0, 0, 0) } else { step(0xb1, 0, 0, 0) };
    vec![
        first,
        step(0x50, 0, 0, 0),
        step(0x15, 0, 1, u32::from(byte)),
        step(0x06, 0, 0, u32::MAX),
        step(0x06, 0, 0, 0),
    ]
}

#[test]
fn a_filter_lets_in_what_it_accepts_and_can_be_replaced() {
    with_pair(|pair| {
        for (ipv6, group) in [(false, GROUP4), (true, GROUP6)] {
            let (a, b) = sockets(pair, ipv6, &begins_with(b'x', ipv6));
            let mut outbox = Outbox::default();
            for message in [b"x1", b"y1", b"y2", b"x2"] {
                outbox.push(message, None, group, pair.a_index, None);
            }
            send_all(&a, &mut outbox, 4);
            let payloads = |count| -> Vec<_> {
                receive(&b, count).into_iter().map(|packet| packet.0).collect()
            };
            assert_eq!(payloads(2), [b"x1", b"x2"]);
            b.attach_filter(&begins_with(b'y', ipv6)).unwrap();
            send_all(&a, &mut outbox, 4);
            assert_eq!(payloads(2), [b"y1", b"y2"]);
            // What a filter refuses is not lost.
            assert_eq!(b.dropped(), 0);
            let nonsense = [Instruction { code: 0xffff, jt: 0, jf: 0, k: 0 }];
            assert!(b.attach_filter(&nonsense).is_err());
        }
    });
}

#[test]
fn what_nobody_read_in_time_is_counted() {
    with_pair(|pair| {
        let (a, _) = sockets(pair, false, &ALL);
        pair.to_b();
        let small = Options { receive_buffer: 1, ..options("b0", pair.b_index, false) };
        let b = RawSocket::open(&small, &ALL).unwrap();
        let (mut outbox, mut inbox) = (Outbox::default(), Inbox::new(8, 100));
        for _ in 0..200 {
            outbox.push(b"flood", None, GROUP4, pair.a_index, None);
        }
        send_all(&a, &mut outbox, 200);
        assert!(poll_readable(b.as_fd(), 5000).unwrap());
        let mut kept = 0;
        loop {
            match b.receive(&mut inbox).unwrap() {
                0 => break,
                count => kept += count,
            }
        }
        assert!(kept < 200, "{kept}");
        outbox.clear();
        outbox.push(b"after", None, GROUP4, pair.a_index, None);
        send_all(&a, &mut outbox, 1);
        assert!(poll_readable(b.as_fd(), 5000).unwrap());
        assert_eq!(b.receive(&mut inbox).unwrap(), 1);
        assert_eq!(b.dropped() as usize, 200 - kept);
    });
}

#[test]
fn a_group_can_be_joined_again() {
    with_pair(|pair| {
        for (ipv6, group) in [(false, GROUP4), (true, GROUP6)] {
            let (a, b) = sockets(pair, ipv6, &ALL);
            b.leave();
            let mut outbox = Outbox::default();
            outbox.push(b"lost", None, group, pair.a_index, None);
            send_all(&a, &mut outbox, 1);
            for _ in 0..2 {
                b.leave();
                b.join().unwrap();
            }
            outbox.clear();
            outbox.push(b"heard", None, group, pair.a_index, None);
            send_all(&a, &mut outbox, 1);
            assert_eq!(receive(&b, 1)[0].0, b"heard");
        }
    });
}

#[test]
fn an_interface_that_is_not_there_is_an_error() {
    with_pair(|pair| {
        pair.to_a();
        for (name, index) in [("no-such", 4711), ("", pair.a_index), ("a-name-beyond-the-bound", 1)]
        {
            let error = RawSocket::open(&options(name, index, false), &ALL).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ENODEV), "{name}");
        }
    });
}
