//! What another run has left, damaged in any way: nothing panics, and whoever goes on with it is a
//! virtual router like any other.

use super::{fuzz, Random};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use vipd::daemon::state::file::{checksum, parse, Left};
use vipd::daemon::state::words::Words;
use vipd::daemon::state::{memory, Legacy};
use vipd::vrrp::event::{Event, Link};
use vipd::vrrp::router::memory::{Memory, State};
use vipd::vrrp::router::Router;
use vipd::vrrp::settings::{Election, Garp, Settings};
use vipd::vrrp::time::Instant;
use vipd::vrrp::StateName;
use vipd::wire::advert::{parse as read_advert, ChecksumForm, Template};
use vipd::wire::trailer::Stamp;
use vipd::wire::{Family, Meta, Priority, Vrid};

const BOOT: &str = "2c7d1f3e-0000-4000-8000-0123456789ab";
const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const SECOND: Duration = Duration::from_secs(1);

fn settings(priority: u8) -> Settings {
    let election = Election { preempt_delay: 2 * SECOND, ..Election::default() };
    let garp = Garp {
        master_refresh: 60 * SECOND,
        lower_prio_delay: SECOND,
        lower_prio_repeat: 1,
        ..Garp::default()
    };
    let (vrid, vip) = (Vrid::new(5).expect("it is not 0"), Ipv4Addr::new(192, 0, 2, 100));
    Settings { election, garp, ..Settings::new(vrid, Priority(priority), vec![vip.into()]) }
}

/// One that has begun at this moment, or is about to.
fn router(now: Instant, event: Event<'_>) -> Router {
    let (mut router, mut out) = (Router::new(settings(100), 0), Vec::new());
    for event in [Event::Source(Some(SOURCE)), Event::Link(Link::Up), event] {
        router.handle(now, event, &mut out);
    }
    router
}

/// The lines of a MASTER, of a BACKUP that has heard somebody, and of what goes with them.
fn lines(now: Instant) -> String {
    let begin = now - 10 * SECOND;
    let mut master = router(begin, Event::Startup { deaf_until: begin });
    let mut backup = router(begin, Event::Startup { deaf_until: begin });
    let peer = settings(120);
    let group = Family::V4.group();
    let meta = Meta { source: PEER, destination: group, ttl: 255 };
    let mut template = Template::new(&peer.fields(), PEER, group);
    let message = template.message(Priority(90), ChecksumForm::PseudoHeader).to_vec();
    let advert = read_advert(&meta, &message).expect("it is one");
    let mut out = Vec::new();
    for step in 0..10 {
        let at = begin + SECOND * step;
        master.handle(at, Event::Timer, &mut out);
        backup.handle(
            at,
            Event::Advert { source: PEER, clock: Stamp::default(), advert: &advert },
            &mut out,
        );
    }
    assert_eq!((master.state(), backup.state()), (StateName::Master, StateName::Backup));
    let mut lines = String::new();
    for (vrid, router) in [(5, &master), (6, &backup)] {
        lines +=
            &format!("router interface=eth0 family=IPv4 virtual_router_id={vrid} instance=a%20b");
        memory::write(&router.memory(), &mut lines);
        lines.push('\n');
    }
    lines
        + "instance name=a%20b state=MASTER since=5 reason=no%20advert told=1\n\
           group name=g state=MASTER told=1\naddress interface=eth0 address=192.0.2.100 prefix_len=24\n\
           tracker label=check%20c verdict=up\n"
}

fn file(beat: Instant, lines: &str) -> Vec<u8> {
    let (beat, sum) = (beat.as_nanos(), checksum(lines.as_bytes()));
    format!("vipd-state 1 boot={BOOT} suspended=7 beat={beat:016x},1\n{lines}end {sum:08x}\n")
        .into()
}

/// Puts another value behind a word: mutations of single bytes seldom make one that reads well.
fn replace_value(text: &str, random: &mut Random) -> String {
    const VALUES: [&str; 8] = [
        "",
        "0",
        "1",
        "255",
        "40000000000",
        "18446744073709551615",
        "3600000000001,3",
        "::1,255;x",
    ];
    let begins: Vec<usize> = text.match_indices('=').map(|(at, _)| at + 1).collect();
    let Some(begin) = begins.get(random.below(begins.len())) else { return text.to_owned() };
    let (before, rest) = text.split_at(*begin);
    let end = rest.find([' ', '\n']).unwrap_or(rest.len());
    [before, VALUES[random.below(VALUES.len())], &rest[end..]].concat()
}

/// What was read survives being written and read again.
fn assert_survives(line: &str) {
    let read = memory::read(&Words::of(line), &settings(100));
    let mut again = "router".to_owned();
    memory::write(&read, &mut again);
    assert_eq!(memory::read(&Words::of(&again), &settings(100)), read, "{line}");
}

/// Goes on with it; its timers are set, and nobody is MASTER without an advert soon.
fn assert_goes_on(now: Instant, memory: &Memory) {
    let (mut router, mut out) = (router(now, Event::Resume(memory)), Vec::new());
    for step in 0..5 {
        let at = now + SECOND * step;
        router.handle(at, Event::Timer, &mut out);
        assert!(router.deadline().is_none_or(|deadline| deadline > at), "{memory:?}");
        if router.state() == StateName::Master {
            assert!(router.deadline().is_some_and(|it| it <= at + SECOND), "{memory:?}");
        }
    }
}

fn use_all(left: Left, now: Instant) {
    for line in left.text.lines().filter(|line| line.starts_with("router")) {
        assert_survives(line);
    }
    let (text, beat) = (left.text.clone(), left.beat);
    for legacy in [Legacy::of_dead(left), Legacy::handed_over(text)] {
        let _ = (legacy.instance("a b"), legacy.group("g"), legacy.verdict("check c"));
        for (interface, it) in legacy.addresses() {
            let longest = if it.address.is_ipv4() { 32 } else { 128 };
            assert!(!interface.is_empty() && it.prefix_len <= longest);
        }
        for vrid in [5, 6] {
            let vrid = Vrid::new(vrid).expect("it is not 0");
            let settings = Settings { virtual_router_id: vrid, ..settings(100) };
            let Some(memory) = legacy.memory(("eth0", "a b"), &settings, now) else { continue };
            if !legacy.is_handed_over() {
                let is_master = matches!(memory.state, State::Master(_));
                assert!(is_master || memory.state == State::Init, "{memory:?}");
                assert!(!is_master || beat.is_some_and(|beat| beat <= now), "{memory:?}");
            }
            assert_goes_on(now, &memory);
        }
    }
}

#[test]
fn state_files() {
    let beat = Instant::from_nanos(3_600_000_000_000);
    let lines = lines(beat);
    let corpus = [file(beat, &lines), file(beat, ""), lines.clone().into_bytes()];
    let mut gone_on = 0u32;
    fuzz("state_files", &corpus, |bytes, random: &mut Random| {
        let now = beat + Duration::from_millis(random.below(5000) as u64);
        // Half of the mutations get a right checksum, or nearly nothing would pass it.
        let whole = match random.below(2) {
            0 => bytes.to_vec(),
            _ => {
                let text = String::from_utf8_lossy(bytes).replace("end ", "");
                file(beat, &(0..random.below(4)).fold(text, |text, _| replace_value(&text, random)))
            }
        };
        for suspended in [0, 7] {
            let read = parse(&whole, BOOT, Duration::from_nanos(suspended));
            if let Ok(Some(left)) = read {
                gone_on += 1;
                use_all(left, now);
            }
        }
    });
    assert!(gone_on > 0, "nothing was ever used");
}
