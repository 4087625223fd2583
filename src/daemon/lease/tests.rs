use super::table::name;
use super::*;
use crate::sys::{netns, user};
use std::net::IpAddr;

fn lease() -> Lease {
    Lease::new(Path::new("/run/vipd"))
}

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

fn entry(last: u8, millis: u64) -> Entry {
    (IpAddr::from([192, 0, 2, last]), at(millis))
}

#[test]
fn the_next_best_is_taken_where_there_are_no_sets() {
    let mut lease = lease();
    let kinds = |lease: &Lease| {
        [None, Some(VipLease::Nft), Some(VipLease::Lifetime), Some(VipLease::Off)]
            .map(|asked| lease.kind(asked))
    };
    assert_eq!(kinds(&lease), [VipLease::Nft, VipLease::Nft, VipLease::Lifetime, VipLease::Off]);
    lease.failure = Some(String::new());
    let without = [VipLease::Lifetime, VipLease::Lifetime, VipLease::Lifetime, VipLease::Off];
    assert_eq!(kinds(&lease), without);
}

#[test]
fn what_is_wanted_is_compared_with_what_is_there() {
    let mut lease = lease();
    lease.held = vec![entry(1, 100), entry(2, 100), entry(3, 100), entry(4, 100)];
    // Two share the second: the one that ends first counts.
    lease.wanted = vec![entry(5, 200), entry(2, 300), entry(1, 100), entry(2, 200)];
    // A script has not let go of the third yet.
    lease.compare(|address| address == entry(3, 0).0);
    assert_eq!(lease.change.fresh, [entry(5, 200)]);
    assert_eq!(lease.change.renewed, [entry(2, 200)]);
    assert_eq!(lease.change.gone, [entry(4, 100)]);
    lease.enter();
    assert_eq!(lease.held, [entry(1, 100), entry(2, 200), entry(3, 100), entry(5, 200)]);
    lease.wanted.clear();
    lease.compare(|_| false);
    lease.enter();
    assert_eq!(lease.held, []);
}

/// One that must wait longer waits for nobody: what is due is due when an advertisement was sent.
#[test]
fn nothing_is_due_without_an_advertisement() {
    let mut lease = lease();
    lease.next = at(500);
    assert_eq!(lease.deadline(), None);
    lease.advertised = true;
    assert_eq!(lease.deadline(), Some(at(500)));
}

#[test]
fn each_run_directory_has_a_table_of_its_own() {
    let name = |path: &str| name(Path::new(path));
    assert_eq!(name("/run/vipd"), "vipd");
    assert_eq!(name("/run/vipd-lan"), "vipd_run_vipd_lan");
    assert_ne!(name("/a/vipd"), name("/b/vipd"));
    let long = format!("/{}/end", "x".repeat(5000));
    assert!(name(&long).len() < 255 && name(&long).ends_with("_end"));
    assert!(name("/é/ß").is_ascii());
}

/// What stands in the kernel is what was asked for, and nothing of it is left.
#[test]
fn a_table_is_made_changed_and_removed() {
    if user::effective_uid() != 0 {
        println!("skipped: needs root");
        return;
    }
    let run = || {
        netns::unshare_thread().unwrap();
        let mut table = Table::new(Path::new("/run/vipd"));
        assert!(!table.is_left() && !table.is_made());
        let second = at(1_000_000);
        let v6: Entry = ("fe80::1".parse().unwrap(), second);
        let hooks = [(1, "lo".to_owned())];
        table.make((&hooks, 9), &[entry(1, 1_000_000), v6], at(0)).unwrap();
        assert!(table.is_left() && table.is_for(&hooks, 1) && !table.is_for(&[], 1));
        for renews in [true, false] {
            table.renews = renews;
            let change = Change {
                fresh: vec![entry(2, 1_000_000), entry(3, 1_000_000)],
                renewed: vec![entry(1, 2_000_000), v6],
                gone: Vec::new(),
            };
            table.change(&change, at(0)).unwrap();
            assert!(table.refused().is_none(), "{renews}");
            let gone = Change { gone: change.fresh, ..Change::default() };
            table.change(&gone, at(0)).unwrap();
            assert!(table.refused().is_none(), "{renews}");
            table.change(&gone, at(0)).unwrap();
            assert!(table.refused().is_some(), "they are not there any more");
        }
        // In the place of what is there.
        table.make((&[], 0), &[], at(0)).unwrap();
        table.remove().unwrap();
        assert!(!table.is_left() && !table.is_made());
        table.make((&[(7, "no such interface".into())], 9), &[], at(0)).unwrap_err();
        assert!(!table.is_left());
    };
    std::thread::scope(|scope| {
        let result = scope.spawn(run).join();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}
