use super::*;
use crate::sys::poll_readable;
use crate::sys::testnet::{ask, built, new_address, with_pair, Pair};
use std::net::{IpAddr, Ipv4Addr};

fn sample() -> Vec<u8> {
    let inner = built(|inner| {
        inner.attribute(1, &[]);
        inner.attribute(2, &[7; 6]);
    });
    built(|builder| {
        builder.begin(20, 5, 77);
        builder.header(&[1, 2, 3, 4, 5]);
        builder.attribute(3, b"abc");
        builder.attribute(0x8009, &inner);
        builder.end();
        builder.begin(21, 0, 78);
        builder.end();
    })
}

#[test]
fn what_was_built_is_read() {
    let bytes = sample();
    let all: Vec<_> = messages(&bytes).collect();
    assert_eq!(all.len(), 2);
    assert_eq!((all[0].kind, all[0].flags, all[0].seq), (20, 5, 77));
    assert_eq!(all[0].body[..8], [1, 2, 3, 4, 5, 0, 0, 0]);
    assert_eq!((all[1].kind, all[1].flags, all[1].seq, all[1].body), (21, 0, 78, &[][..]));
    let outer: Vec<_> = attributes(&all[0].body[8..]).collect();
    assert_eq!(outer[0], (3, &b"abc"[..]));
    // Without the flag that says that it is nested.
    assert_eq!(outer[1].0, 9);
    let inner: Vec<_> = attributes(outer[1].1).collect();
    assert_eq!(inner, [(1, &[][..]), (2, &[7; 6][..])]);
    assert_eq!(outer.len(), 2);
}

#[test]
fn every_truncation_and_every_flipped_byte_is_survived() {
    let whole = sample();
    let read = |bytes: &[u8]| {
        for message in messages(bytes) {
            assert!(message.body.len() < bytes.len());
            for (_, value) in attributes(message.body) {
                assert!(attributes(value).all(|(_, inner)| inner.len() < value.len()));
            }
            let _ = (error_code(message.body), IfInfo::parse(message.body));
        }
    };
    for length in 0..whole.len() {
        assert!(messages(&whole[..length]).count() < 2);
        read(&whole[..length]);
    }
    for at in 0..whole.len() {
        for value in [0u8, 1, 3, 15, 16, 17, 127, 128, 255] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            read(&bytes);
        }
    }
}

#[test]
fn an_error_that_is_cut_off_is_no_acknowledgement() {
    assert_eq!(error_code(&0i32.to_ne_bytes()), 0);
    assert_eq!(error_code(&(-17i32).to_ne_bytes()), 17);
    assert_eq!(error_code(&[0, 0, 0]), libc::EPROTO);
    assert_eq!(error_code(&i32::MIN.to_ne_bytes()), i32::MAX);
}

#[test]
fn an_attribute_beyond_the_format_is_left_out() {
    let length = |value: usize| {
        let value = vec![0; value];
        built(|builder| {
            builder.begin(1, 0, 0);
            builder.attribute(1, &value);
            builder.end();
        })
        .len()
    };
    assert_eq!(length(65_531), HEADER + 65_536);
    assert_eq!(length(65_532), HEADER);
}

#[test]
fn fixed_parts_are_as_long_as_the_c_structures() {
    let header = if_addr(AF_INET, 24, 0x80, 253, 9);
    assert_eq!(header.len(), size_of::<libc::ifaddrmsg>());
    let address = IfAddr { family: AF_INET, prefix_len: 24, flags: 0x80, scope: 253, index: 9 };
    assert_eq!(IfAddr::parse(&header), Some((address, &[][..])));
    assert_eq!(IfAddr::parse(&header[..7]), None);
    let link = vec![0; size_of::<libc::ifinfomsg>()];
    assert_eq!(IfInfo::parse(&link).unwrap().1, []);
    assert_eq!(IfInfo::parse(&link[1..]), None);
}

/// Addresses of a link, with what says who added them.
fn dump(index: u32) -> Vec<(Vec<u8>, Option<u8>)> {
    let socket = Netlink::open(&[], 0).unwrap();
    let request = built(|request| {
        request.begin(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 9);
        request.header(&if_addr(AF_INET, 0, 0, 0, 0));
        request.end();
    });
    socket.send(&request).unwrap();
    let (mut found, mut buffer) = (Vec::new(), Vec::new());
    loop {
        assert!(poll_readable(socket.as_fd(), 5000).unwrap(), "the dump does not end");
        let length = socket.receive(&mut buffer).unwrap().unwrap();
        for message in messages(&buffer[..length]) {
            assert_eq!(message.seq, 9);
            if message.kind == NLMSG_DONE {
                assert_eq!(error_code(message.body), 0);
                return found;
            }
            assert_eq!(message.kind, RTM_NEWADDR);
            let (fixed, rest) = IfAddr::parse(message.body).unwrap();
            let value = |wanted| attributes(rest).find(|(kind, _)| *kind == wanted).map(|a| a.1);
            if fixed.index == index {
                let address = value(IFA_LOCAL).unwrap().to_vec();
                found.push((address, value(IFA_PROTO).map(|value| value[0])));
            }
        }
    }
}

#[test]
fn addresses_are_added_listed_and_removed() {
    with_pair(|pair| {
        let vip = [192, 0, 2, 1];
        let before = dump(pair.a_index);
        assert_eq!(before.iter().map(|(a, _)| a.as_slice()).collect::<Vec<_>>(), [[10, 9, 0, 1]]);
        let socket = Netlink::open(&[], 0).unwrap();
        let add = built(|add| {
            add.begin(RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 1);
            add.header(&if_addr(AF_INET, 32, 0, 0, pair.a_index));
            add.attribute(IFA_LOCAL, &vip);
            add.attribute(IFA_PROTO, &[112]);
            add.end();
        });
        assert_eq!(ask(&socket, &add), [0]);
        assert!(dump(pair.a_index).iter().any(|(address, proto)| {
            // Before Linux 5.18 nobody can tell who has added it.
            *address == vip && proto.is_none_or(|proto| proto == 112)
        }));
        assert_eq!(ask(&socket, &add), [EEXIST]);
        let vip = IpAddr::from(vip);
        let delete = built(|delete| new_address(delete, RTM_DELADDR, vip, 32, pair.a_index));
        assert_eq!(ask(&socket, &delete), [0]);
        assert_eq!(ask(&socket, &delete), [EADDRNOTAVAIL]);
        assert_eq!(dump(pair.a_index), before);
    });
}

#[test]
fn several_orders_travel_together_and_a_bad_one_alone_fails() {
    with_pair(|pair| {
        let orders = built(|orders| {
            for last in 1..=5 {
                let index = if last == 3 { 4711 } else { pair.a_index };
                let vip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
                new_address(orders, RTM_NEWADDR, vip, 32, index);
            }
        });
        assert_eq!(ask(&Netlink::open(&[], 0).unwrap(), &orders), [0, 0, ENODEV, 0, 0]);
        assert_eq!(dump(pair.a_index).len(), 5);
    });
}

/// Adds and removes an address, many times.
fn make_noise(pair: &Pair, times: usize) {
    let socket = Netlink::open(&[], 0).unwrap();
    let orders = built(|orders| {
        for kind in [RTM_NEWADDR, RTM_DELADDR] {
            let vip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
            new_address(orders, kind, vip, 32, pair.a_index);
        }
    });
    for _ in 0..times {
        assert_eq!(ask(&socket, &orders), [0, 0]);
    }
}

#[test]
fn news_come_in_order() {
    with_pair(|pair| {
        let news = Netlink::open(&[RTNLGRP_IPV4_IFADDR], 64 * 1024).unwrap();
        let mut buffer = Vec::new();
        assert_eq!(news.receive(&mut buffer).unwrap(), None);
        make_noise(pair, 1);
        let mut kinds = Vec::new();
        while let Some(length) = news.receive(&mut buffer).unwrap() {
            kinds.extend(messages(&buffer[..length]).map(|message| message.kind));
        }
        assert_eq!(kinds, [RTM_NEWADDR, RTM_DELADDR]);
    });
}

#[test]
fn lost_news_are_told() {
    with_pair(|pair| {
        let news = Netlink::open(&[RTNLGRP_IPV4_IFADDR], 1).unwrap();
        make_noise(pair, 100);
        let mut buffer = Vec::new();
        let error = std::iter::from_fn(|| news.receive(&mut buffer).transpose())
            .find_map(Result::err)
            .expect("nothing was lost");
        assert!(is_overrun(&error), "{error}");
        // Told once; then it goes on with what is there.
        while news.receive(&mut buffer).unwrap().is_some() {}
        make_noise(pair, 1);
        assert!(news.receive(&mut buffer).unwrap().is_some());
    });
}

#[test]
fn what_is_not_from_the_kernel_is_thrown_away() {
    with_pair(|pair| {
        // A socket may send to another one's port: to itself here. It is not from the kernel, so
        // nobody hears of it.
        let news = Netlink::open(&[RTNLGRP_IPV4_IFADDR], 256 * 1024).unwrap();
        // SAFETY: all-zero is a valid sockaddr_nl.
        let mut name: libc::sockaddr_nl = unsafe { mem::zeroed() };
        let mut length = mem::size_of_val(&name) as libc::socklen_t;
        let fd = news.as_raw_fd();
        // SAFETY: `name` is writable for `length` bytes.
        cvt(unsafe { libc::getsockname(fd, (&raw mut name).cast(), &mut length) }).unwrap();
        let bytes = vec![0u8; 40_000];
        let (data, size) = (bytes.as_ptr().cast(), bytes.len());
        // SAFETY: data and name are readable for the lengths that are given with them.
        let sent = unsafe { libc::sendto(fd, data, size, 0, (&raw const name).cast(), length) };
        assert_eq!(sent, 40_000);
        let mut buffer = Vec::new();
        assert_eq!(news.receive(&mut buffer).unwrap(), None);
        make_noise(pair, 1);
        assert!(news.receive(&mut buffer).unwrap().is_some());
    });
}
