//! `vipctl drain`, `resume` and `priority`: a planned hand-over, and back.

use crate::lab::{poll, span, wall_clock, SOON, VIP};
use crate::setup::{assert_about, down, keepalived, toml, toml_both, Pair, TICK, V3};
use crate::vipctl::Vipctl;

/// The other one is told to take over, and does so in its skew time; whatever becomes of the daemon,
/// this one stays away until it may again.
#[test]
fn a_hand_over_takes_the_skew_time_and_lasts_until_resume() {
    let pair = Pair::new();
    let config = toml(150, V3);
    let (mut a, b) = pair.start_both(&config, &toml(100, V3));
    let ctl = Vipctl::of(&pair.lab, &pair.a);
    let begin = wall_clock();
    let said = ctl.ok(&["drain", "vip"]);
    assert!(said.starts_with("vip: drained; 10.77.0.2 is MASTER, after "), "{said}");
    let last = pair.hears_a.adverts_after(begin).into_iter().find(|advert| advert.priority == 0);
    let last = last.expect("it resigns").at;
    let first = pair.hears_b.wait_advert(last, SOON).at;
    assert_about("the hand-over", span(last, first), down(100, TICK).0);
    println!("handed over after {:?}, skew time {:?}", span(last, first), down(100, TICK).0);
    pair.lab.wait_holder(&pair.b, SOON);
    a.wait_log("vip: drained by user 0 (process ", SOON);
    a.wait_log("vip: MASTER -> BACKUP: drained", SOON);

    // It is shown everywhere.
    assert!(
        ctl.ok(&["status"]).contains("vip              drained 150"),
        "{}",
        ctl.ok(&["status"])
    );
    assert!(ctl.ok(&["status", "vip"]).contains("vip: BACKUP, drained for "));
    assert!(ctl.ok(&["explain", "vip"]).contains("It is drained: it stays BACKUP until"));
    assert!(ctl.ok(&["events"]).contains("drain vip: drained: user 0 "));
    assert_eq!(ctl.run(&["is-master", "vip"]).code, 1);
    let mark = a.mark();
    a.signal("USR1");
    a.wait_log_after(mark, "status: vip: BACKUP, drained, for ", SOON);

    // Reloaded, upgraded, killed, stopped and started.
    let quiet = wall_clock();
    pair.lab.file("a.toml", &toml(200, V3));
    ctl.ok(&["reload"]);
    let mark = a.mark();
    a.signal("USR2");
    a.wait_log_after(mark, "vipd 0.1.0 starts", SOON);
    a.kill();
    a = pair.start_a(&config);
    poll(SOON, "it answers", || ctl.run(&["status"]).code == 0);
    ctl.ok(&["stop"]);
    a.wait_end(SOON);
    a = pair.start_a(&config);
    a.wait_log("vip: INIT -> BACKUP", SOON);
    pair.hears_b.wait_adverts(wall_clock(), 10, SOON);
    assert!(pair.hears_a.adverts_after(quiet).is_empty(), "not a word");
    assert_eq!(pair.lab.holders(VIP), ["b"]);

    assert_eq!(ctl.ok(&["resume"]), "vip: not drained any more\n");
    a.wait_log("vip: BACKUP -> MASTER: 10.77.0.2 has priority 100", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    assert_eq!(ctl.ok(&["resume", "vip"]), "nothing was drained\n");
    assert_eq!(b.lines("vip: MASTER -> BACKUP").len(), 1);
    assert_eq!(ctl.run(&["drain", "vpi"]).code, 64);
}

/// Nobody is there: the addresses are back after a Master_Down_Interval, unless that is wanted.
#[test]
fn an_address_is_not_left_to_nobody_unless_that_is_wanted() {
    let pair = Pair::new();
    let a = pair.start_a(&toml(150, V3));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let ctl = Vipctl::of(&pair.lab, &pair.a);
    let begin = wall_clock();
    let said = ctl.run(&["drain"]);
    let says = "vipctl: vip: nobody has taken over: it is not drained any more\n";
    assert_eq!((said.code, said.err.as_str()), (1, says));
    let adverts = pair.hears_a.wait_adverts(begin, 3, SOON);
    let resigned = adverts.iter().position(|advert| advert.priority == 0).expect("it resigns");
    let back = pair.hears_a.wait_advert(adverts[resigned].at, SOON).at;
    assert_about("it is back", span(adverts[resigned].at, back), down(150, TICK).1);
    pair.hears_a.wait_announcement(back, VIP, SOON);
    assert!(pair.a.holds(VIP));
    a.wait_log("vip: nobody has taken over within ", SOON);

    ctl.ok(&["drain", "--force", "vip"]);
    let quiet = wall_clock();
    // Twice as long as it would wait, by its own clock: another advert of nobody is no event.
    poll(SOON, "its timer has run out", || {
        let status = ctl.json(&["status", "vip"]).remove(0);
        let left = status["instances"][0]["timers"]["master_down"].clone();
        matches!(left, tinyjson::JsonValue::Null)
    });
    let adverts = pair.hears_a.adverts_after(quiet);
    assert!(adverts.is_empty() && !pair.a.holds(VIP), "{adverts:?}");
    assert!(ctl.ok(&["explain", "vip"]).contains("It hears no MASTER."));
    ctl.ok(&["resume", "vip"]);
    pair.hears_a.wait_advert(quiet, SOON);
    pair.lab.wait_holder(&pair.a, SOON);
}

/// A group goes as a whole, and so do both families; keepalived is on the other side.
#[test]
fn a_group_of_both_families_goes_to_keepalived_and_comes_back() {
    let pair = Pair::new();
    let second = "[vrrp_instance.other]\ninterface = \"eth0\"\nvirtual_router_id = 52\n\
                  virtual_ipaddress = [\"10.77.0.101/24\"]\npriority = 150\nversion = 3\n\
                  advert_int = 0.2\n[vrrp_sync_group.pair]\ngroup = [\"vip\", \"other\"]\n";
    let a = pair.start_a(&(toml_both(150, V3) + second));
    a.wait_log("group pair: BACKUP -> MASTER", SOON);
    let v3 = "version 3\nadvert_int 0.2";
    let conf = format!(
        "{}{}{}",
        keepalived(100, v3),
        keepalived(100, v3)
            .replace("instance vip", "instance other")
            .replace("51", "52")
            .replace(&format!("{VIP}/24"), "10.77.0.101/24"),
        crate::setup::keepalived_v6(100, v3).replace("instance vip", "instance vip6")
    );
    let b = pair.lab.keepalived(&pair.b, &conf);
    for name in ["vip", "other", "vip6"] {
        b.wait_log(&format!("({name}) Entering BACKUP STATE"), SOON);
    }
    let ctl = Vipctl::of(&pair.lab, &pair.a);
    // It has heard us: else it would wait a whole interval.
    pair.hears_a.wait_adverts(wall_clock(), 6, SOON);
    let said = ctl.ok(&["drain", "other"]);
    assert_eq!(
        said.lines().filter(|line| line.contains(" is MASTER, after ")).count(),
        3,
        "{said}"
    );
    pair.lab.wait_holder(&pair.b, SOON);
    assert_eq!(pair.lab.holders(std::net::Ipv4Addr::new(10, 77, 0, 101)), ["b"]);
    assert_eq!(ctl.run(&["is-master", "pair"]).code, 1);
    assert_eq!(ctl.ok(&["resume", "pair"]), "vip, other: not drained any more\n");
    a.wait_log("group pair: BACKUP -> MASTER: ", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
}

#[test]
fn a_priority_for_a_while_moves_the_address_there_and_back() {
    let pair = Pair::new();
    let (a, b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    let ctl = Vipctl::of(&pair.lab, &pair.b);
    let said = ctl.ok(&["priority", "vip", "200", "--for", "3s"]);
    assert_eq!(said, "vip: priority 200 for 3 s, effectively 200\n");
    b.wait_log("vip: BACKUP -> MASTER: 10.77.0.1 has priority 150, lower than our 200", SOON);
    assert!(ctl.ok(&["status", "vip"]).contains("200 instead of 100 by vipctl priority, until "));
    // A reload does not end it.
    ctl.ok(&["reload"]);
    a.wait_log("vip: MASTER -> BACKUP: 10.77.0.2 has priority 200", SOON);
    b.wait_log("vip: the priority of the configuration again: its time is over", SOON);
    a.wait_log("vip: BACKUP -> MASTER: 10.77.0.2 has priority 100", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    // Until somebody says otherwise.
    ctl.ok(&["priority", "vip", "160"]);
    pair.lab.wait_holder(&pair.b, SOON);
    b.kill();
    let b = pair.start_b(&toml(100, V3));
    pair.lab.wait_holder(&pair.b, SOON);
    assert_eq!(ctl.ok(&["priority", "vip", "default"]), "vip: priority 100, effectively 100\n");
    b.wait_log("vip: MASTER -> BACKUP: 10.77.0.1 has priority 150", SOON);
    for (words, code) in [
        (&["priority", "vip", "255"][..], 64),
        (&["priority", "vpi", "100"], 64),
        (&["priority", "vip", "100", "--for", "soon"], 64),
        (&["priority", "vip"], 64),
    ] {
        assert_eq!(ctl.run(words).code, code, "{words:?}");
    }
}
