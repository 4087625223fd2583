//! The bugs.

/// A piece of the source, and what it is replaced with.
pub struct Bug {
    pub name: &'static str,
    pub file: &'static str,
    pub right: &'static str,
    pub wrong: &'static str,
}

const fn bug(
    name: &'static str,
    file: &'static str,
    right: &'static str,
    wrong: &'static str,
) -> Bug {
    Bug { name, file, right, wrong }
}

pub const BUGS: &[Bug] = &[
    // Three daemons that were read for it compute the skew in whole seconds.
    bug(
        "skew_is_truncated",
        "src/vrrp/timers.rs",
        "unit * (256 - u32::from(priority.0)) / 256",
        "Duration::from_secs((unit * (256 - u32::from(priority.0)) / 256).as_secs())",
    ),
    bug(
        "skew_is_upside_down",
        "src/vrrp/timers.rs",
        "(256 - u32::from(priority.0)) / 256",
        "(1 + u32::from(priority.0)) / 256",
    ),
    bug(
        "centiseconds_as_seconds",
        "src/wire/mod.rs",
        "Duration::from_millis(self.0 as u64 * 10)",
        "Duration::from_secs(self.0 as u64)",
    ),
    bug(
        "two_adverts_are_enough",
        "src/vrrp/timers.rs",
        "interval.duration() * u32::from(adverts) +",
        "interval.duration() * u32::from(adverts - 1) +",
    ),
    // The shell's order: packets come before timers.
    bug(
        "timers_before_packets",
        "tests/sim/node.rs",
        "let inbox = core::mem::take(&mut self.inbox);",
        "if self.router.deadline().is_some_and(|at| at <= now) {
            self.event(now, Kind::Timer, Event::Timer, outcome)?;
        }
        let inbox = core::mem::take(&mut self.inbox);",
    ),
    bug(
        "addresses_stay_away",
        "src/vrrp/router/master.rs",
        "out.push(Action::Acquire);",
        "if reason != Reason::Owner { out.push(Action::Acquire); }",
    ),
    bug("addresses_stay", "src/vrrp/router/member.rs", "out.push(Action::Release);", ""),
    bug(
        "ttl_is_not_looked_at",
        "src/wire/advert.rs",
        "meta.ttl != TTL && meta.destination.is_multicast()",
        "meta.ttl == 0",
    ),
    bug("reserved_bits_count", "src/wire/advert.rs", "[hi & 0x0f, *lo]", "[*hi, *lo]"),
    bug(
        "other_interval_is_refused",
        "src/vrrp/settings.rs",
        "None => self.check_first_address(&advert.addresses),",
        "None if advert.interval != self.advert_int => Err(Discard::Interval),
            None => self.check_first_address(&advert.addresses),",
    ),
    bug(
        "adverts_at_their_interval",
        "src/vrrp/router/master.rs",
        "master.adver_at = now + interval;",
        "master.adver_at = now + advert.interval.duration() * 2;",
    ),
    bug(
        "a_counter_stands_still",
        "src/vrrp/router/master.rs",
        "self.statistics.master_transitions += 1;",
        "",
    ),
    bug(
        "the_smaller_address_wins",
        "src/vrrp/router/master.rs",
        "advert.priority == ours && source > *own",
        "advert.priority == ours && source < *own",
    ),
    bug(
        "equals_take_over",
        "src/vrrp/router/packet.rs",
        "advert.priority >= ours ||",
        "advert.priority > ours ||",
    ),
    bug(
        "nopreempt_is_forgotten",
        "src/vrrp/settings.rs",
        "self.preempt || self.is_owner()",
        "true",
    ),
    bug(
        "nobody_yields",
        "src/vrrp/router/master.rs",
        "} else if advert.priority > ours {",
        "} else if advert.priority > ours && self.settings.grouped {",
    ),
    bug(
        "a_resignation_is_put_off",
        "src/vrrp/router/packet.rs",
        "if backup.resigned.is_none() {",
        "{",
    ),
    bug(
        "a_fault_is_silent",
        "src/vrrp/router/mod.rs",
        "if matches!(self.state, State::Master(_)) {
            self.resign(out);",
        "if false {
            self.resign(out);",
    ),
];
