//! What IPv6 has of its own.

use crate::bench::{v3, Bench};
use std::net::{IpAddr, Ipv6Addr};
use vipd::vrrp::event::{Action, Event, Link, Remark};
use vipd::vrrp::router::Router;
use vipd::vrrp::settings::Settings;
use vipd::vrrp::StateName;
use vipd::wire::advert::{parse, ChecksumForm, Template};
use vipd::wire::trailer::Stamp;
use vipd::wire::{Discard, Family, Meta, Priority};

fn address(text: &str) -> IpAddr {
    IpAddr::V6(text.parse::<Ipv6Addr>().expect("an address"))
}

fn settings(addresses: &[&str]) -> Settings {
    let addresses = addresses.iter().map(|text| address(text)).collect();
    Settings { family: Family::V6, addresses, ..v3() }
}

/// A MASTER with these addresses hears an advert with those.
fn hears(ours: &[&str], theirs: &[&str]) -> (StateName, u64, Vec<Action>) {
    // The clock of a bench.
    let now = Bench::new(v3()).now;
    let mut router = Router::new(settings(ours), 0);
    let mut out = Vec::new();
    router.handle(now, Event::Link(Link::Up), &mut out);
    router.handle(now, Event::Source(Some(address("fe80::5"))), &mut out);
    router.handle(now, Event::Startup { deaf_until: now }, &mut out);
    let at = router.deadline().expect("it listens");
    router.handle(at, Event::Timer, &mut out);
    assert_eq!(router.state(), StateName::Master);
    out.clear();
    let (source, destination) = (address("fe80::9"), Family::V6.group());
    let theirs = settings(theirs);
    let mut template = Template::new(&theirs.fields(), source, destination);
    let message = template.message(Priority(200), ChecksumForm::PseudoHeader).to_vec();
    let meta = Meta { source, destination, ttl: 255 };
    let advert = parse(&meta, &message).expect("its form is right");
    router.handle(at, Event::Advert { source, clock: Stamp::default(), advert: &advert }, &mut out);
    let counted = router.statistics().discarded[Discard::NotLinkLocal as usize];
    (router.state(), counted, out)
}

#[test]
fn v3_048_a_first_address_that_is_not_link_local_is_refused() {
    let (state, counted, out) = hears(&["fe80::1", "2001:db8::1"], &["2001:db8::1", "fe80::1"]);
    assert_eq!((state, counted), (StateName::Master, 1));
    assert!(matches!(
        out[..],
        [Action::Remark(Remark::Discarded { reason: Discard::NotLinkLocal, .. })]
    ));
    for first in ["fe80::1", "febf::1"] {
        let (state, counted, _) = hears(&["fe80::1"], &[first, "2001:db8::1"]);
        assert_eq!((state, counted), (StateName::Backup, 0), "{first}");
    }
    for first in ["fec0::1", "fe7f::1", "::1", "ff02::1"] {
        assert_eq!(hears(&["fe80::1"], &[first]).0, StateName::Master, "{first}");
    }
}

/// keepalived's users leave the link-local address out (V3-025). Who does so understands the others
/// that do so, or both would be MASTER.
#[test]
fn v3_048_who_has_none_asks_for_none() {
    let (state, counted, _) = hears(&["2001:db8::1"], &["2001:db8::1"]);
    assert_eq!((state, counted), (StateName::Backup, 0));
}
