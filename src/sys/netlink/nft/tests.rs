use super::*;
use crate::sys::netns::unshare_thread;
use crate::sys::{poll_readable, user};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Runs a test in a namespace of its own.
fn alone(test: impl FnOnce(&mut Nft) + Send) {
    if user::effective_uid() != 0 {
        println!("skipped: needs root");
        return;
    }
    std::thread::scope(|scope| {
        let run = || {
            unshare_thread().unwrap();
            test(&mut Nft::open().unwrap());
        };
        let result = scope.spawn(run).join();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

fn batch() -> Batch {
    Batch::new(NFPROTO_INET, "test")
}

/// A set in which nothing stays for good.
fn timed() -> Batch {
    let mut batch = batch();
    batch.add_table("a comment");
    batch.add_timed_set("t", Key::Ipv4, 0, 4);
    batch
}

/// Whether a key is in that set: then it can be removed, and it is the next thing that is refused.
fn is_there(nft: &mut Nft, key: &[u8]) -> bool {
    let mut look = batch();
    look.delete_element("t", key);
    look.flush_chain("there is none");
    nft.commit(&mut look).unwrap_err().what == "a rule"
}

/// The same time again is a new one: from now on. In both ways, for kernels of any age.
#[test]
fn a_key_stays_as_long_as_its_time_begins_anew() {
    const TIME: Duration = Duration::from_millis(400);
    let (key, keys) = (element(1), [(element(1), Some(TIME))]);
    for renews in [true, false] {
        if renews && crate::sys::host::kernel_version() < (6, 12) {
            continue;
        }
        alone(|nft| {
            let mut make = timed();
            make.add_elements("t", &keys);
            nft.commit(&mut make).unwrap();
            let begin = Instant::now();
            let mut last = begin;
            while begin.elapsed() < 5 * TIME {
                // The first look is what may come late on a busy machine, so it is timed.
                let there = is_there(nft, &key);
                assert!(there || last.elapsed() >= TIME, "{renews}");
                last = Instant::now();
                let mut again = batch();
                again.add_elements("t", &keys);
                if !renews {
                    again.delete_elements("t", &keys);
                    again.add_elements("t", &keys);
                }
                nft.post(&mut again).unwrap();
                assert!(nft.refused().is_none());
                std::thread::sleep(TIME / 5);
            }
            while is_there(nft, &key) {
                assert!(last.elapsed() < 50 * TIME, "it never ends");
                std::thread::sleep(TIME / 20);
            }
            // What was posted and cannot be done is heard of.
            let mut gone = batch();
            gone.delete_element("t", &key);
            nft.post(&mut gone).unwrap();
            assert!(nft.refused().is_some());
        });
    }
}

/// A table with a set of each kind, and a chain.
fn table() -> Batch {
    let mut batch = batch();
    batch.add_table("a comment");
    let keys = [Key::Ipv4, Key::Ipv6, Key::Name, Key::NameAndIpv6];
    for (id, (name, key)) in ["a", "b", "c", "d"].into_iter().zip(keys).enumerate() {
        batch.add_set(name, key, id as u32);
    }
    batch.add_chain("input", Hook::Input, -1);
    batch
}

fn element(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

#[test]
fn what_is_made_is_there_and_can_be_made_again() {
    alone(|nft| {
        assert_eq!(nft.find(NFPROTO_INET, "test", "a").unwrap(), None);
        for _ in 0..2 {
            let mut batch = table();
            batch.flush_chain("input");
            batch.add_rule("input", &[Expr::LoadFamily, Expr::Count, Expr::Accept]);
            batch.add_element("a", &element(1));
            batch.add_element("d", &[7; 32]);
            nft.commit(&mut batch).unwrap();
            assert!(batch.is_empty());
        }
        assert_eq!(nft.find(NFPROTO_INET, "test", "a").unwrap(), Some(true));
        assert_eq!(nft.find(NFPROTO_INET, "test", "e").unwrap(), Some(false));
        assert_eq!(nft.find(NFPROTO_INET, "other", "a").unwrap(), None);
        let mut batch = batch();
        batch.delete_table();
        nft.commit(&mut batch).unwrap();
        assert_eq!(nft.find(NFPROTO_INET, "test", "a").unwrap(), None);
    });
}

#[test]
fn all_is_done_or_nothing() {
    alone(|nft| {
        let mut batch = table();
        batch.add_set("e", Key::Ipv4, 9);
        batch.delete_element("e", &element(1));
        batch.add_set("f", Key::Ipv4, 10);
        let refused = nft.commit(&mut batch).unwrap_err();
        assert!(refused.is_missing(), "{refused:?}");
        assert_eq!(refused.what, "an address");
        assert!(batch.is_empty(), "what failed is not tried again by itself");
        assert_eq!(nft.find(NFPROTO_INET, "test", "a").unwrap(), None);
        // Nothing of it is in the way of what comes next.
        nft.commit(&mut table()).unwrap();
        assert_eq!(nft.find(NFPROTO_INET, "test", "e").unwrap(), Some(false));
    });
}

#[test]
fn an_element_that_is_added_and_deleted_is_gone_whether_it_was_there_or_not() {
    alone(|nft| {
        nft.commit(&mut table()).unwrap();
        for before in [false, true] {
            let mut change = batch();
            if before {
                change.add_element("a", &element(1));
                nft.commit(&mut change).unwrap();
            }
            change.add_element("a", &element(1));
            change.delete_element("a", &element(1));
            nft.commit(&mut change).unwrap();
            change.delete_element("a", &element(1));
            assert!(nft.commit(&mut change).unwrap_err().is_missing());
        }
    });
}

#[test]
fn more_than_a_socket_takes_is_sent_in_pieces() {
    alone(|nft| {
        const MANY: u32 = 10_000;
        let mut batch = table();
        (0..MANY).for_each(|number| batch.add_element("a", &element(number)));
        let pieces = std::iter::successors(Some(0), |at| {
            let rest = &batch.bytes[*at..];
            let chunk = Chunk::of(rest);
            assert!(chunk.length <= CHUNK && chunk.last < chunk.length);
            assert_eq!(messages(&rest[chunk.last..]).next().unwrap().seq, chunk.seq);
            Some(at + chunk.length).filter(|at| *at < batch.bytes.len())
        });
        assert!(pieces.count() > 5);
        nft.commit(&mut batch).unwrap();
        (0..MANY).for_each(|number| batch.delete_element("a", &element(number)));
        nft.commit(&mut batch).unwrap();
        // All of a piece are refused, and the answers to all of them find room or are known to be
        // missing.
        (0..MANY).for_each(|number| batch.delete_element("a", &element(number)));
        assert!(nft.commit(&mut batch).unwrap_err().is_missing());
        nft.commit(&mut table()).unwrap();
    });
}

#[test]
fn the_end_of_a_table_is_heard_of() {
    alone(|nft| {
        let mut news = News::open().unwrap();
        assert_eq!(news.drain(NFPROTO_INET, "test").unwrap(), Told::Nothing);
        nft.commit(&mut table()).unwrap();
        assert_eq!(news.drain(NFPROTO_INET, "test").unwrap(), Told::Nothing);
        let mut change = batch();
        change.delete_table();
        nft.commit(&mut change).unwrap();
        assert!(poll_readable(news.socket.as_fd(), 5000).unwrap());
        assert_eq!(news.drain(NFPROTO_INET, "test").unwrap(), Told::Deleted);
        // Another one's is not.
        nft.commit(&mut table()).unwrap();
        change.delete_table();
        nft.commit(&mut change).unwrap();
        assert_eq!(news.drain(NFPROTO_INET, "tes").unwrap(), Told::Nothing);
    });
}

#[test]
fn news_that_are_cut_off_are_none() {
    let mut bytes = Vec::new();
    let mut message = Builder::new(&mut bytes);
    message.begin(kind(DELTABLE), 0, 0);
    message.header(&header(NFPROTO_INET, 0));
    message.attribute(NAME_OF_TABLE, b"test\0");
    message.end();
    let told = |bytes: &[u8]| messages(bytes).any(|it| is_deleted(&it, NFPROTO_INET, "test"));
    assert!(told(&bytes));
    for length in 0..bytes.len() {
        assert!(!told(&bytes[..length]));
        let mut short = bytes.clone();
        short[..4].copy_from_slice(&(length as u32).to_ne_bytes());
        assert!(length > 28 || !told(&short), "{length}");
    }
}

/// Big-endian where nftables wants it, whatever this machine is.
#[test]
fn a_message_is_written_as_the_kernel_reads_it() {
    let mut it = batch();
    it.add_chain("in", Hook::Forward, -1);
    let message = messages(&it.bytes).next().unwrap();
    assert_eq!((message.kind, message.flags, message.seq), (0x0a03, 0x401, 1));
    assert_eq!(message.body[..4], [1, 0, 0, 0]);
    let all: Vec<_> = attributes(&message.body[4..]).collect();
    assert_eq!(all[0], (1, &b"test\0"[..]));
    assert_eq!(all[1], (3, &b"in\0"[..]));
    let hook: Vec<_> = attributes(all[2].1).collect();
    assert_eq!(hook, [(1, &[0, 0, 0, 2][..]), (2, &[255; 4][..])]);
    assert_eq!(all[3], (5, &[0, 0, 0, 1][..]));
    assert_eq!(all[4], (7, &b"filter\0"[..]));
    assert_eq!(header(0, SUBSYSTEM), [0, 0, 0, 10]);
}

#[test]
fn what_a_kernel_without_nftables_says_is_known() {
    let unsupported = |errno| is_unsupported(&io::Error::from_raw_os_error(errno));
    for errno in [libc::EPROTONOSUPPORT, libc::EOPNOTSUPP, libc::EINVAL, libc::EAFNOSUPPORT] {
        assert!(unsupported(errno), "{errno}");
    }
    assert!(!unsupported(libc::EPERM) && !unsupported(libc::ENOMEM));
}
