//! The text form of what a virtual router knows.

use super::words::{put, put_if, put_some, Words};
use crate::vrrp::bounds::SENDERS;
use crate::vrrp::reason::Fault;
use crate::vrrp::remarks::Remarks;
use crate::vrrp::router::memory::{Backup, Master, Memory, State};
use crate::vrrp::router::Heard;
use crate::vrrp::settings::Settings;
use crate::vrrp::statistics::Statistics;
use crate::vrrp::time::Instant;
use crate::vrrp::StateName;
use crate::wire::advert::ChecksumForm;
use crate::wire::trailer::Stamp;
use crate::wire::{Discard, Interval, Priority, Version};
use std::fmt::{Display, Write};
use std::str::FromStr;
use std::time::Duration;

/// Appends the words.
pub fn write(memory: &Memory, line: &mut String) {
    match &memory.state {
        State::Init => put(line, "state", StateName::Init),
        State::Fault(fault) => {
            put(line, "state", StateName::Fault);
            put_fault(line, *fault);
        }
        State::Master(master) => {
            put(line, "state", StateName::Master);
            put_master(line, master);
        }
        State::Backup(backup) => {
            put(line, "state", StateName::Backup);
            put_backup(line, backup);
        }
    }
    put(line, "priority", memory.priority);
    put(line, "version", memory.version);
    put(line, "advert_int", memory.advert_int.centiseconds());
    put(line, "first_interval", memory.first_interval.centiseconds());
    put(line, "down_timer_adverts", memory.down_timer_adverts);
    put(line, "preempt_delay", nanos(memory.preempt_delay));
    put_if(line, "grouped", memory.grouped);
    put_if(line, "group_fault", memory.group_fault);
    put(line, "deaf_until", memory.deaf_until.as_nanos());
    put_if(line, "checksum_of_message", memory.checksum == ChecksumForm::Message);
    let v3 = memory.versions.v3.map(|(who, until)| Two(who, until.as_nanos()));
    put_some(line, "heard_v3", v3);
    let alone = memory.versions.alone;
    put_some(line, "heard_alone", alone.map(|(who, version, n)| Two(who, Two(version, n))));
    let Remarks { made, standing, forgot_at } = &memory.remarks;
    put(line, "remarks", Two(made, Two(standing, forgot_at.map_or(0, Instant::as_nanos))));
    put_statistics(line, &memory.statistics);
    put(line, "signed", memory.signatures.signed.0);
    let senders = memory.signatures.senders.iter().map(|(who, stamp)| Two(who, stamp.0));
    put_list(line, "senders", senders);
}

/// Reads the words; what is missing or damaged is as for a router with these settings that has not
/// begun.
#[must_use]
pub fn read(words: &Words<'_>, settings: &Settings) -> Memory {
    let mut memory = Memory::new(settings);
    memory.state = read_state(words).unwrap_or(State::Init);
    let or = |key: &str, otherwise: Interval| read_interval(words.get(key)).unwrap_or(otherwise);
    memory.priority = words.read("priority").map_or(memory.priority, Priority);
    memory.version = words.get("version").and_then(version).unwrap_or(memory.version);
    memory.advert_int = or("advert_int", memory.advert_int);
    memory.first_interval = or("first_interval", memory.first_interval);
    let adverts = words.read("down_timer_adverts").filter(|adverts| (1..=100).contains(adverts));
    memory.down_timer_adverts = adverts.unwrap_or(memory.down_timer_adverts);
    let delay = words.read("preempt_delay").map(Duration::from_nanos);
    memory.preempt_delay = delay.unwrap_or(memory.preempt_delay);
    (memory.grouped, memory.group_fault) = (words.is("grouped"), words.is("group_fault"));
    memory.deaf_until = read_instant(words.get("deaf_until")).unwrap_or_default();
    memory.checksum = match words.is("checksum_of_message") {
        true => ChecksumForm::Message,
        false => ChecksumForm::PseudoHeader,
    };
    let mut v3 = words.get("heard_v3").unwrap_or_default().split(',');
    memory.versions.v3 = part(&mut v3).zip(read_instant(v3.next()));
    let mut alone = words.get("heard_alone").unwrap_or_default().split(',');
    memory.versions.alone = read_alone(&mut alone);
    let mut remarks = words.get("remarks").unwrap_or_default().split(',');
    memory.remarks.made = part(&mut remarks).unwrap_or_default();
    memory.remarks.standing = part(&mut remarks).unwrap_or_default();
    memory.remarks.forgot_at = read_instant(remarks.next()).filter(|at| *at != Instant::ZERO);
    memory.statistics = read_statistics(words);
    memory.signatures.signed = words.read("signed").map(Stamp).unwrap_or_default();
    let senders = words.get("senders").unwrap_or_default().split(';').filter_map(|sender| {
        let mut parts = sender.split(',');
        Some((part(&mut parts)?, Stamp(part(&mut parts)?)))
    });
    memory.signatures.senders = senders.take(SENDERS).collect();
    memory
}

/// Two parts of a value.
struct Two<A, B>(A, B);

impl<A: Display, B: Display> Display for Two<A, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{}", self.0, self.1)
    }
}

fn put_list(line: &mut String, key: &str, values: impl Iterator<Item = impl Display>) {
    for (number, value) in values.enumerate() {
        match number {
            0 => put(line, key, value),
            _ => {
                // A String takes everything.
                let _ = write!(line, ";{value}");
            }
        }
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// The next part of a value, if it reads as what it is to be.
fn part<'a, T: FromStr>(parts: &mut impl Iterator<Item = &'a str>) -> Option<T> {
    parts.next()?.parse().ok()
}

fn read_instant(word: Option<&str>) -> Option<Instant> {
    Some(Instant::from_nanos(word?.parse().ok()?))
}

fn read_interval(word: Option<&str>) -> Option<Interval> {
    Interval::from_centiseconds(word?.parse().ok()?)
}

fn version(word: &str) -> Option<Version> {
    [Version::V2, Version::V3].into_iter().find(|version| version.to_string() == word)
}

fn read_alone<'a>(
    parts: &mut impl Iterator<Item = &'a str>,
) -> Option<(std::net::IpAddr, Version, u8)> {
    Some((part(parts)?, version(parts.next()?)?, part(parts)?))
}

const FAULTS: [(&str, Fault); 5] = [
    ("interface-missing", Fault::InterfaceMissing),
    ("interface-down", Fault::InterfaceDown),
    ("no-virtual-mac", Fault::NoVirtualMac),
    ("no-primary-address", Fault::NoPrimaryAddress),
    ("group", Fault::Group),
];

fn put_fault(line: &mut String, fault: Fault) {
    match (fault, FAULTS.iter().find(|(_, known)| *known == fault)) {
        (Fault::Tracker(slot), _) => put(line, "tracker", slot),
        (_, known) => put_some(line, "fault", known.map(|(word, _)| word)),
    }
}

fn read_state(words: &Words<'_>) -> Option<State> {
    let state = words.get("state")?;
    Some(match state {
        _ if state == StateName::Master.as_str() => State::Master(read_master(words)?),
        _ if state == StateName::Backup.as_str() => State::Backup(read_backup(words)?),
        _ if state == StateName::Fault.as_str() => State::Fault(match words.read("tracker") {
            Some(slot) => Fault::Tracker(slot),
            None => FAULTS.iter().find(|(word, _)| words.get("fault") == Some(*word))?.1,
        }),
        _ => State::Init,
    })
}

fn put_master(line: &mut String, master: &Master) {
    put(line, "adver_at", master.adver_at.as_nanos());
    let again = master.announce_again.map(|(at, repeat)| Two(at.as_nanos(), repeat));
    put_some(line, "announce_again", again);
    put_some(line, "refresh_at", master.refresh_at.map(Instant::as_nanos));
    put_some(line, "answered_at", master.answered_at.map(Instant::as_nanos));
}

fn read_master(words: &Words<'_>) -> Option<Master> {
    let mut again = words.get("announce_again").unwrap_or_default().split(',');
    Some(Master {
        adver_at: read_instant(words.get("adver_at"))?,
        announce_again: read_instant(again.next()).zip(part(&mut again)),
        refresh_at: read_instant(words.get("refresh_at")),
        answered_at: read_instant(words.get("answered_at")),
    })
}

fn put_backup(line: &mut String, backup: &Backup) {
    put(line, "master_down_at", backup.master_down_at.as_nanos());
    put(line, "active_adver_interval", backup.active_adver_interval.centiseconds());
    put_if(line, "overdue", backup.overdue);
    put_some(line, "group_waits_at", backup.group_waits_at.map(Instant::as_nanos));
    put(line, "since", backup.since.as_nanos());
    for (key, heard) in
        [("master", backup.master), ("other", backup.other), ("lower", backup.lower)]
    {
        let Some(heard) = heard else { continue };
        let Heard { address, priority, interval, at } = heard;
        put(line, key, Two(Two(address, priority), Two(interval.centiseconds(), at.as_nanos())));
    }
    put(line, "lower_at", backup.lower_at.as_nanos());
    put_if(line, "yielded", backup.yielded);
    let handicap = backup.handicap.map(|(span, until)| Two(nanos(span), until.as_nanos()));
    put_some(line, "handicap", handicap);
    put_if(line, "silent", backup.silent);
    put_if(line, "woke_late", backup.woke_late);
    put_some(line, "preempt_at", backup.preempt_at.map(Instant::as_nanos));
    put_some(line, "resigned", backup.resigned);
    put_if(line, "handing_over", backup.handing_over);
}

fn read_backup(words: &Words<'_>) -> Option<Backup> {
    let mut handicap = words.get("handicap").unwrap_or_default().split(',');
    let since = read_instant(words.get("since"))?;
    Some(Backup {
        master_down_at: read_instant(words.get("master_down_at"))?,
        active_adver_interval: read_interval(words.get("active_adver_interval"))?,
        overdue: words.is("overdue"),
        group_waits_at: read_instant(words.get("group_waits_at")),
        since,
        master: read_heard(words, "master"),
        other: read_heard(words, "other"),
        lower: read_heard(words, "lower"),
        lower_at: read_instant(words.get("lower_at")).unwrap_or(since),
        yielded: words.is("yielded"),
        handicap: part(&mut handicap).map(Duration::from_nanos).zip(read_instant(handicap.next())),
        silent: words.is("silent"),
        woke_late: words.is("woke_late"),
        preempt_at: read_instant(words.get("preempt_at")),
        resigned: words.read("resigned"),
        handing_over: words.is("handing_over"),
    })
}

fn read_heard(words: &Words<'_>, key: &str) -> Option<Heard> {
    let mut parts = words.get(key)?.split(',');
    Some(Heard {
        address: part(&mut parts)?,
        priority: Priority(part(&mut parts)?),
        interval: read_interval(parts.next())?,
        at: read_instant(parts.next())?,
    })
}

/// The counters that are not about errors, by name.
fn traffic(statistics: &mut Statistics) -> [(&'static str, &mut u64); Statistics::TRAFFIC] {
    [
        ("master_transitions", &mut statistics.master_transitions),
        ("advertisement_rcvd", &mut statistics.advertisement_rcvd),
        ("advertisement_sent", &mut statistics.advertisement_sent),
        ("priority_zero_pkts_rcvd", &mut statistics.priority_zero_pkts_rcvd),
        ("priority_zero_pkts_sent", &mut statistics.priority_zero_pkts_sent),
    ]
}

fn put_statistics(line: &mut String, statistics: &Statistics) {
    for (name, count) in traffic(&mut statistics.clone()) {
        put(line, name, count);
    }
    let counted = Discard::ALL.map(|reason| (reason, statistics.discarded(reason)));
    let counted = counted.into_iter().filter(|(_, count)| *count > 0);
    put_list(line, "discarded", counted.map(|(reason, count)| Two(format!("{reason:?}"), count)));
}

fn read_statistics(words: &Words<'_>) -> Statistics {
    let mut statistics = Statistics::default();
    for (name, count) in traffic(&mut statistics) {
        *count = words.read(name).unwrap_or_default();
    }
    for counted in words.get("discarded").unwrap_or_default().split(';') {
        let Some((name, count)) = counted.split_once(',') else { continue };
        let reason = Discard::ALL.into_iter().find(|reason| format!("{reason:?}") == name);
        if let (Some(reason), Ok(count)) = (reason, count.parse()) {
            if let Some(counter) = statistics.discarded.get_mut(reason as usize) {
                *counter = count;
            }
        }
    }
    statistics
}
