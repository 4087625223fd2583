use super::*;
use crate::sys::{netns, user};

/// Runs a test in a namespace of its own, with nftables to look at what became of it.
fn alone(test: impl FnOnce(&mut Nft) + Send) {
    if user::effective_uid() != 0 {
        println!("skipped: needs root");
        return;
    }
    std::thread::scope(|scope| {
        let run = || {
            netns::unshare_thread().unwrap();
            test(&mut Nft::open().unwrap());
        };
        let result = scope.spawn(run).join();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

fn firewall() -> (Firewall, usize) {
    let mut firewall = Firewall::default();
    let element = firewall.no_accept("eth0", "192.0.2.1".parse().unwrap());
    (firewall, element)
}

/// Whether the set holds 192.0.2.1: it cannot be taken out of it if not.
fn holds(nft: &mut Nft) -> bool {
    let mut batch = Batch::new(NFPROTO_INET, TABLE);
    batch.delete_element(V4, &[192, 0, 2, 1]);
    let held = nft.commit(&mut batch).is_ok();
    if held {
        batch.add_element(V4, &[192, 0, 2, 1]);
        nft.commit(&mut batch).unwrap();
    }
    held
}

fn table(nft: &mut Nft) -> Option<bool> {
    nft.find(NFPROTO_INET, TABLE, V4).unwrap()
}

fn change(nft: &mut Nft, change: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new(NFPROTO_INET, TABLE);
    change(&mut batch);
    nft.commit(&mut batch).unwrap();
}

#[test]
fn a_link_local_address_counts_on_its_interface() {
    let mut firewall = Firewall::default();
    let [v4, v6, local] = ["192.0.2.1", "2001:db8::1", "fe80::1"].map(|it| it.parse().unwrap());
    for address in [v4, v6] {
        let first = firewall.no_accept("eth0", address);
        assert_eq!(firewall.no_accept("eth1", address), first);
    }
    let first = firewall.no_accept("eth0", local);
    assert_ne!(firewall.no_accept("eth1", local), first);
    assert_eq!(firewall.no_accept("eth0", local), first);
    let key = &firewall.elements[first].key;
    assert_eq!(key[..16], *b"eth0\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(key[16..18], [0xfe, 0x80]);
    assert_eq!(key.len(), 32);
    assert_eq!(name("fifteen-letters"), *b"fifteen-letters\0");
}

#[test]
fn what_two_want_stays_until_none_does() {
    alone(|nft| {
        let (mut firewall, element) = firewall();
        firewall.start(false, false);
        for (puts, takes, there) in [(1, 0, true), (1, 1, true), (0, 1, false), (1, 0, true)] {
            (0..puts).for_each(|_| firewall.put(element));
            (0..takes).for_each(|_| firewall.take(element));
            firewall.flush();
            assert_eq!(holds(nft), there);
        }
        firewall.remove();
        assert_eq!(table(nft), None);
        assert_eq!(firewall.failure(), None);
    });
}

#[test]
fn nobody_wants_anything_so_there_is_no_table() {
    alone(|nft| {
        let mut firewall = Firewall::default();
        firewall.start(false, false);
        firewall.flush();
        assert!(firewall.nft.is_none() && firewall.news_fd().is_none());
        firewall.start(true, false);
        assert_eq!(table(nft), None);
        firewall.remove();
    });
}

#[test]
fn what_was_left_is_removed_by_a_start_that_looks() {
    alone(|nft| {
        let (mut killed, element) = firewall();
        killed.start(false, false);
        killed.put(element);
        killed.flush();
        drop(killed);
        assert!(holds(nft));
        Firewall::default().start(true, false);
        assert_eq!(table(nft), None);
    });
}

#[test]
fn a_removed_table_is_put_back_with_all_that_was_in_it() {
    alone(|nft| {
        let (mut firewall, element) = firewall();
        firewall.start(false, false);
        firewall.put(element);
        firewall.flush();
        firewall.read_news();
        change(nft, Batch::delete_table);
        firewall.read_news();
        assert!(holds(nft));
        // A change notices it by itself.
        change(nft, Batch::delete_table);
        firewall.take(element);
        firewall.flush();
        assert_eq!((table(nft), holds(nft)), (Some(true), false));
        assert_eq!(firewall.failure(), None);
    });
}

#[test]
fn a_table_that_is_not_ours_is_left_alone_and_waited_for() {
    alone(|nft| {
        change(nft, |theirs| theirs.add_table("theirs"));
        let (mut firewall, element) = firewall();
        firewall.start(true, false);
        let failure = firewall.failure().unwrap().to_owned();
        assert!(failure.contains("vipd has not made"), "{failure}");
        firewall.put(element);
        firewall.flush();
        firewall.retry();
        assert_eq!(table(nft), Some(false));
        firewall.remove();
        assert_eq!(table(nft), Some(false));
        change(nft, Batch::delete_table);
        firewall.retry();
        assert_eq!(firewall.failure(), None);
        assert!(holds(nft), "what was wanted meanwhile");
    });
}

#[test]
fn a_kernel_without_nftables_is_told_by_its_options() {
    for (errno, hint) in [(93, true), (95, true), (22, true), (97, true), (2, true), (12, false)] {
        let error = io::Error::from_raw_os_error(errno);
        assert_eq!(remedy(&error).contains("CONFIG_NF_TABLES_INET"), hint, "{error}");
    }
}
