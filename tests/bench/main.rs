//! The hot path, timed: what a packet, a timer and an advertisement cost, without the system calls.
//! `make bench`. Figures are of this machine and this moment: compare two of one run, or one
//! machine with itself.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant as Clock};
use vipd::vrrp::event::{Event, Link};
use vipd::vrrp::router::Router;
use vipd::vrrp::settings::Settings;
use vipd::vrrp::time::Instant;
use vipd::wire::advert::{parse, ChecksumForm, Template};
use vipd::wire::trailer::Stamp;
use vipd::wire::{Family, Meta, Priority, Vrid};

const ROUNDS: u32 = 7;
const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

/// The median of a few rounds, in nanoseconds a call.
fn time(name: &str, mut call: impl FnMut()) {
    let calls = 200_000;
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begin = Clock::now();
            (0..calls).for_each(|_| call());
            begin.elapsed().as_nanos() as f64 / f64::from(calls)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("{name:<44} {:>8.1} ns", rounds[rounds.len() / 2]);
}

fn settings(priority: u8, addresses: u8) -> Settings {
    let vrid = Vrid::new(5).unwrap_or_else(|| unreachable!());
    let addresses = (0..addresses).map(|n| Ipv4Addr::new(198, 51, 100, n).into()).collect();
    Settings::new(vrid, Priority(priority), addresses)
}

fn router(priority: u8, addresses: u8) -> Router {
    let mut router = Router::new(settings(priority, addresses), 0);
    let mut out = Vec::new();
    for event in [
        Event::Link(Link::Up),
        Event::Source(Some(SOURCE)),
        Event::Startup { deaf_until: Instant::ZERO },
    ] {
        router.handle(Instant::ZERO, event, &mut out);
    }
    router
}

fn main() {
    for addresses in [1, 20, 200] {
        let settings = settings(200, addresses);
        let group = Family::V4.group();
        let mut template = Template::new(&settings.fields(), PEER, group);
        let bytes = template.message(Priority(200), ChecksumForm::PseudoHeader).to_vec();
        let meta = Meta { source: PEER, destination: group, ttl: 255 };
        time(&format!("parse an advert of {addresses} addresses"), || {
            let _ = black_box(parse(&meta, black_box(&bytes)));
        });
        time(&format!("emit an advert of {addresses} addresses"), || {
            black_box(template.message(black_box(Priority(100)), ChecksumForm::PseudoHeader));
        });
        let mut backup = router(100, addresses);
        let mut out = Vec::new();
        let mut now = Instant::ZERO;
        time(&format!("BACKUP takes an advert of {addresses} addresses"), || {
            now = now + Duration::from_secs(1);
            if let Ok(advert) = parse(&meta, black_box(&bytes)) {
                backup.handle(
                    now,
                    Event::Advert { source: PEER, clock: Stamp::default(), advert: &advert },
                    &mut out,
                );
            }
            out.clear();
        });
    }
    let mut master = router(255, 1);
    let mut out = Vec::new();
    time("MASTER's timer fires", || {
        if let Some(deadline) = master.deadline() {
            master.handle(black_box(deadline), Event::Timer, &mut out);
        }
        out.clear();
    });
    for objects in [10, 1000, 4000] {
        wheel(objects);
    }
}

/// A daemon of so many BACKUPs that all hear an advert each second: each files its deadline anew.
fn wheel(objects: usize) {
    let mut wheel = vipd::daemon::wheel::Wheel::default();
    wheel.grow(objects);
    let second = Duration::from_secs(1);
    let mut now = Instant::ZERO;
    let mut next = 0;
    time(&format!("wheel of {objects}: file, and expire what is due"), || {
        now = now + second / objects as u32;
        wheel.file(now, next, Some(now + second * 3));
        next = (next + 1) % objects;
        while let Some(object) = wheel.expire(now) {
            wheel.file(now, object, Some(now + second * 2));
        }
        black_box(wheel.earliest());
    });
}
