//! That the lab can be believed.

use crate::lab::frames::{Envelope, Message};
use crate::lab::injector::Injector;
use crate::lab::{ip, poll, wall_clock, Lab, SOON, VIP};
use crate::setup::{keepalived, VRID};
use std::time::Duration;

#[test]
fn hosts_hear_each_other_unless_isolated() {
    let lab = Lab::new();
    let (a, b) = (lab.host("a", "10.77.0.1/24"), lab.host("b", "10.77.0.2/24"));
    let injector = Injector::open(&a);
    let wait = Duration::from_millis(300);
    assert_eq!(injector.holders(b.address), [b.mac]);
    lab.isolate(&a, true);
    lab.isolate(&b, true);
    assert!(injector.who_has(b.address, wait).is_empty());
    lab.isolate(&a, false);
    assert_eq!(injector.holders(b.address), [b.mac]);
    lab.carrier(&b, false);
    assert!(injector.who_has(b.address, wait).is_empty());
}

#[test]
fn an_ear_hears_its_host_and_nobody_else() {
    let lab = Lab::new();
    let (a, b) = (lab.host("a", "10.77.0.1/24"), lab.host("b", "10.77.0.2/24"));
    let (hears_a, hears_b) = (lab.tap(&a), lab.tap(&b));
    let before = wall_clock();
    let message = Message::v3(VRID, 77, 20, VIP);
    Injector::open(&a).send(&Envelope::new(a.mac, a.address).frame(&message.bytes()));
    let advert = hears_a.wait_advert(before, SOON);
    assert_eq!((advert.version, advert.vrid, advert.priority, advert.interval), (3, VRID, 77, 20));
    assert_eq!(advert.message(), message.bytes());
    advert.assert_envelope(a.mac, a.address);
    Injector::open(&b).send(&Envelope::new(b.mac, b.address).frame(&[0x31, VRID]));
    poll(SOON, "what cannot be read is kept too", || hears_b.refused().len() == 1);
    assert!(hears_b.adverts().is_empty() && hears_a.adverts().len() == 1);
}

#[test]
fn programs_are_heard_and_nothing_is_left() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let tap = lab.tap(&a);
    let daemon = lab.keepalived(&a, &keepalived(200, "version 3\nadvert_int 0.1"));
    daemon.wait_log("Entering MASTER STATE", SOON);
    lab.wait_holder(&a, SOON);
    tap.wait_announcement(0, VIP, SOON);
    assert_eq!(tap.wait_advert(0, SOON).priority, 200);
    let (pids, directory) = (daemon.children(), lab.directory().to_owned());
    assert!(!pids.is_empty() && directory.exists());
    let (mine, others) = (a.namespace.name.clone(), lab.segment().name.clone());
    drop(lab);
    let list = ip::output(&["netns", "list"]);
    assert!(!list.contains(&mine) && !list.contains(&others), "{list}");
    assert!(!directory.exists());
    poll(SOON, "its processes are gone", || {
        pids.iter().all(|pid| !std::path::Path::new("/proc").join(pid.to_string()).exists())
    });
}
