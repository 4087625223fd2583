//! What `vipctl explain` says, in every state that the stories lead to: what it foretells is what
//! happens.

use crate::lan::Lan;
use crate::node::{Life, Node};
use crate::play::{play_all, Kind};
use crate::worlds::{alone, groups, with_others};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use vipd::control::explain::{explain, Outlook};
use vipd::control::node::{parse, Node as Json};
use vipd::daemon::control::describe;
use vipd::json::{Object, Value};
use vipd::vrrp::event::Event;
use vipd::vrrp::router::{Heard, Router};
use vipd::vrrp::time::Instant;
use vipd::vrrp::tracker::Effect;
use vipd::vrrp::StateName;
use vipd::wire::advert::{parse as parse_advert, ChecksumForm, Fields, Template};
use vipd::wire::trailer::Stamp;
use vipd::wire::{Family, Interval, Meta, Priority};

const SEEDS: u64 = 150;

#[test]
fn explained_alone() {
    play_all(Kind { judge, ..Kind::new("explained_alone", alone) }, SEEDS);
}

#[test]
fn explained_in_groups() {
    play_all(Kind { judge, ..Kind::new("explained_in_groups", groups) }, SEEDS);
}

#[test]
fn explained_beside_others() {
    play_all(Kind { judge, ..Kind::new("explained_beside_others", with_others) }, SEEDS);
}

/// Looks at everybody who runs.
fn judge(lan: &Lan) {
    for (number, node) in lan.nodes.iter().enumerate() {
        if node.life != Life::Running {
            continue;
        }
        if let Err(what) = judge_one(node, node.clock.shows(lan.now)) {
            lan.fail(&format!("router {number}: {what}"));
        }
    }
}

/// The answer of a daemon that has this virtual router.
fn answer(router: &Router, now: Instant) -> String {
    let wall = |at: Instant| (at.as_nanos() / 1_000_000) as i64;
    let mut line = String::new();
    let mut it = Object::new(&mut line);
    it.put("name", "vip");
    it.put("since", Value::Moment(wall(now)));
    it.put("reason", "it was so");
    it.put("interface", "eth0");
    it.put("priority", router.settings().priority.0);
    describe::router(router, now, &wall, &mut it);
    it.show_some("fault", router.fault_cause());
    let mut trackers = it.array("trackers");
    for (slot, effect) in router.effects().iter().enumerate() {
        let mut it = trackers.object();
        it.put("kind", "vrrp_script");
        it.show("name", format_args!("slot{slot}"));
        it.put(
            "effect",
            match effect {
                Effect::Hold => Value::Text("hold"),
                Effect::Fault => Value::Text("fault"),
                Effect::Add(sum) => (*sum).into(),
            },
        );
    }
    drop(trackers);
    drop(it);
    line
}

fn judge_one(node: &Node, now: Instant) -> Result<(), String> {
    let router = &node.router;
    let line = answer(router, now);
    let value = parse(&line).map_err(|failure| failure.message)?;
    let (says, outlook) = explain(Json::new(&value), now.as_nanos() as f64 / 1e9);
    let says = says.join(" ");
    let wrong = |what: &str| Err(format!("{what}: {says}\n{line}"));
    if !says.starts_with(&format!("vip is {} for ", router.state())) {
        return wrong("another state");
    }
    let ours = router.effective_priority();
    let sum = format!("Its priority is {ours}: ");
    if !says.contains(&sum) && !router.settings().priority.eq(&Priority::OWNER) {
        return wrong("another priority");
    }
    if let Some(what) = foretold(router, now, outlook) {
        return wrong(&what);
    }
    match router.state() {
        StateName::Master if ours < Priority(254) && !router.settings().grouped => {
            let stranger = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99));
            let mut router = router.clone();
            let heard = Heard {
                address: stranger,
                priority: Priority(ours.0 + 1),
                interval: router.settings().advert_int,
                at: now,
            };
            hear(&mut router, now, heard);
            if says.contains("It stays MASTER until") == (router.state() == StateName::Master) {
                return wrong("a stronger one does not make it yield");
            }
        }
        StateName::Backup => return judge_backup(router, now, &says).or_else(|what| wrong(&what)),
        StateName::Init | StateName::Master | StateName::Fault => {}
    }
    Ok(())
}

/// What is wrong with what is to come if nothing happens.
fn foretold(router: &Router, now: Instant, outlook: Outlook) -> Option<String> {
    let at = router.deadline().unwrap_or(now).max(now);
    let mut later = router.clone();
    later.handle(at, Event::Timer, &mut Vec::new());
    let becomes = later.state();
    let expected = match outlook {
        Outlook::Init => StateName::Init,
        Outlook::Master | Outlook::MasterIn(_) => StateName::Master,
        Outlook::Held => StateName::Backup,
        Outlook::Fault => StateName::Fault,
    };
    if becomes != expected {
        return Some(format!("{outlook:?}, but it becomes {becomes}"));
    }
    let Outlook::MasterIn(left) = outlook else { return None };
    let is = at.since(now);
    let apart = is.abs_diff(left);
    (apart > Duration::from_micros(1)).then(|| format!("{left:?}, but it is {is:?}"))
}

/// What it says of the MASTER that it hears.
fn judge_backup(router: &Router, now: Instant, says: &str) -> Result<(), String> {
    let Some(heard) = router.master() else {
        return match says.contains("It hears no MASTER.") {
            true => Ok(()),
            false => Err("it hears none".to_owned()),
        };
    };
    let names = format!("{} is MASTER with priority {}, ", heard.address, heard.priority);
    if !says.contains(&names) {
        return Err("it hears another".to_owned());
    }
    let settings = router.settings();
    let held = router.effects().contains(&Effect::Hold) || router.is_drained() || settings.grouped;
    let delayed = !settings.election.preempt_delay.is_zero();
    if held || delayed || settings.priority == Priority::OWNER || heard.priority >= Priority(254) {
        return Ok(());
    }
    // With a priority above that, and with the other one still speaking.
    let above = format!("It would take over with a priority above {}.", heard.priority);
    let stays = "It does not take over as long as somebody else is MASTER";
    let mut stronger = router.clone();
    for slot in 0..stronger.effects().len() {
        stronger.handle(now, Event::Tracker { slot, effect: Effect::Add(0) }, &mut Vec::new());
    }
    let priority = Priority(heard.priority.0 + 1);
    stronger.handle(now, Event::Priority(priority), &mut Vec::new());
    let mut at = now;
    hear(&mut stronger, now, heard);
    for _ in 0..8 * u32::from(settings.election.down_timer_adverts) {
        let next = at + heard.interval.duration();
        if let Some(due) = stronger.deadline().filter(|due| *due < next) {
            stronger.handle(due.max(at), Event::Timer, &mut Vec::new());
        }
        if stronger.state() == StateName::Backup {
            hear(&mut stronger, next, heard);
        }
        at = next;
    }
    let becomes = stronger.state() == StateName::Master;
    match (says.contains(&above), says.contains(stays)) {
        (true, _) if !becomes => Err("a higher priority is not enough".to_owned()),
        (_, true) if becomes => Err("it takes over all the same".to_owned()),
        _ => Ok(()),
    }
}

/// The router hears somebody.
fn hear(router: &mut Router, at: Instant, heard: Heard) {
    let settings = router.settings().clone();
    let interval = Interval::from_centiseconds(heard.interval.centiseconds());
    let fields = Fields { interval: interval.unwrap_or(settings.advert_int), ..settings.fields() };
    let mut template = Template::new(&fields, heard.address, Family::V4.group());
    let message = template.message(heard.priority, ChecksumForm::PseudoHeader);
    let meta = Meta { source: heard.address, destination: Family::V4.group(), ttl: 255 };
    let Ok(advert) = parse_advert(&meta, message) else { return };
    let event = Event::Advert { source: heard.address, clock: Stamp::default(), advert: &advert };
    router.handle(at, event, &mut Vec::new());
}
