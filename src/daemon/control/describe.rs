//! What a virtual router itself knows, as JSON: all of the status that needs no names.

use crate::json::{Object, Value};
use crate::vrrp::router::memory::State;
use crate::vrrp::router::Router;
use crate::vrrp::statistics::Statistics;
use crate::vrrp::time::Instant;
use crate::vrrp::tracker::Effect;
use crate::vrrp::StateName;
use crate::wire::advert::ChecksumForm;
use crate::wire::{Family, Version};

/// Puts its fields. `wall`: a moment by the clock on the wall, in milliseconds since 1970.
pub fn router(core: &Router, now: Instant, wall: &dyn Fn(Instant) -> i64, out: &mut Object<'_>) {
    let settings = core.settings();
    out.put("state", core.state().as_str());
    out.show("family", settings.family);
    out.put("virtual_router_id", settings.virtual_router_id.get());
    match settings.election.both_versions {
        true => out.put("version", "2+3"),
        false => out.put("version", settings.version.number()),
    }
    out.put("effective_priority", core.effective_priority().0);
    out.put("advert_int", settings.advert_int.duration());
    out.show_some("source", core.source());
    out.put("preempt", settings.preempts());
    out.put("preempt_delay", settings.election.preempt_delay);
    out.put("fast_handover", settings.fast_handover);
    out.put("garp_master_delay", settings.garp.master_delay);
    out.put("deaf", Some(core.deaf_until().since(now)).filter(|left| !left.is_zero()));
    out.put("held", core.effects().contains(&Effect::Hold));
    out.put("grouped", settings.grouped);
    out.put("drained", core.is_drained());
    out.put("handing_over", core.is_handing_over());
    master(core, wall, out);
    timers(core, now, out.object("timers"));
    let v3 = settings.version == Version::V3 && settings.family == Family::V4;
    let checksum = match core.checksum() {
        ChecksumForm::Message => "message",
        ChecksumForm::PseudoHeader => "pseudo-header",
    };
    out.put("checksum", v3.then_some(checksum));
    counters(core.statistics(), out.object("statistics"));
}

fn master(core: &Router, wall: &dyn Fn(Instant) -> i64, out: &mut Object<'_>) {
    match (core.state(), core.master()) {
        (StateName::Master, _) => {
            let mut it = out.object("master");
            it.show_some("address", core.source());
            it.put("priority", core.effective_priority().0);
            it.put("advert_int", core.settings().advert_int.duration());
            it.put("last_seen", Value::Null);
        }
        (_, Some(heard)) => {
            let mut it = out.object("master");
            it.show("address", heard.address);
            it.put("priority", heard.priority.0);
            it.put("advert_int", heard.interval.duration());
            it.put("last_seen", Value::Moment(wall(heard.at)));
        }
        (_, None) => out.put("master", Value::Null),
    }
}

/// What is left of each timer.
fn timers(core: &Router, now: Instant, mut out: Object<'_>) {
    let left = |at: Instant| at.since(now);
    let (settings, ours) = (core.settings(), core.effective_priority());
    let interval = match core.memory_of_state() {
        State::Backup(backup) => backup.active_adver_interval,
        State::Init | State::Master(_) | State::Fault(_) => settings.advert_int,
    };
    out.put("skew_time", settings.skew_time(ours, interval));
    out.put("master_down_interval", settings.master_down_interval(ours, interval));
    let (mut down, mut advert, mut preempt) = (None, None, None);
    match core.memory_of_state() {
        State::Backup(backup) => {
            down = (!backup.overdue).then(|| left(backup.master_down_at));
            preempt = backup.preempt_at.map(left);
        }
        State::Master(master) => advert = Some(left(master.adver_at)),
        State::Init | State::Fault(_) => {}
    }
    out.put("master_down", down);
    out.put("advert", advert);
    out.put("preempt_delay", preempt);
}

/// Counters, by the names of RFC 8347.
pub fn counters(statistics: &Statistics, mut out: Object<'_>) {
    statistics.named().for_each(|(name, count)| out.put(name, count));
}
