//! `vipctl events`: what has happened, over reload, upgrade, restart and crash.

use crate::lab::{poll, wall_clock, SOON};
use crate::setup::{toml, wait_master, Pair, V3};
use crate::vipctl::Vipctl;
use tinyjson::JsonValue;

/// `instance vip BACKUP MASTER`
fn in_words(event: &JsonValue) -> String {
    let word = |key: &str| event[key].get::<String>().cloned().unwrap_or_default();
    format!("{} {} {} {}", word("event"), word("name"), word("from"), word("to"))
}

fn events(ctl: &Vipctl) -> Vec<JsonValue> {
    ctl.json(&["events"])
}

#[test]
fn what_has_happened_is_known_whatever_becomes_of_the_daemon() {
    let pair = Pair::new();
    let file = pair.lab.file("bad", "0");
    let track = format!("[track_file.load]\nfile = {:?}\nweight = 1\n", file.display().to_string());
    let config = toml(150, &format!("{V3}\ntrack_file = [\"load\"]")) + &track;
    let begin = wall_clock();
    let first = pair.start_a(&config);
    let ctl = Vipctl::of(&pair.lab, &pair.a);
    wait_master(&first);
    let live = ctl.follow(&pair.lab, &["-j", "events", "-f"]);
    live.wait_log("\"to\":\"MASTER\"", SOON);
    std::fs::write(&file, "-5").expect("a file of the lab");
    live.wait_log("\"name\":\"load\",\"from\":0,\"to\":-5", SOON);
    live.wait_log("\"event\":\"priority\",\"name\":\"vip\",\"from\":150,\"to\":145", SOON);
    ctl.ok(&["reload"]);
    live.wait_log("\"to\":\"reloaded\"", SOON);
    // Upgraded, killed, stopped and kept: and once more.
    let mark = first.mark();
    first.signal("USR2");
    first.wait_log_after(mark, "vipd 0.1.0 starts", SOON);
    poll(SOON, "it answers again", || ctl.run(&["events"]).code == 0);
    first.kill();
    let second = pair.start_a(&config);
    wait_master(&second);
    poll(SOON, "it answers", || ctl.run(&["status"]).code == 0);
    ctl.ok(&["stop"]);
    second.wait_end(SOON);
    let third = pair.start_a(&config);
    wait_master(&third);
    poll(SOON, "it answers", || ctl.run(&["status"]).code == 0);

    let all = events(&ctl);
    let words: Vec<String> = all.iter().map(in_words).collect();
    let count = |text: &str| words.iter().filter(|line| *line == text).count();
    let (started, upgraded) = (count("daemon vipd  started"), count("daemon vipd  upgraded"));
    assert_eq!((started, upgraded), (3, 1), "{words:#?}");
    assert_eq!((count("daemon vipd  reloaded"), count("daemon vipd  stopping")), (1, 1));
    // Killed, it has never left MASTER; stopped, it has.
    assert_eq!((count("instance vip MASTER INIT"), count("instance vip BACKUP MASTER")), (1, 2));
    let times: Vec<f64> = all.iter().map(|it| *it["time"].get::<f64>().expect("a time")).collect();
    assert!(times.is_sorted() && times[0] > begin as f64 / 1e9 - 1.0, "{times:?}");
    let became = all.iter().find(|it| in_words(it) == "instance vip BACKUP MASTER");
    let late_by = became.and_then(|it| it["late_by"].get::<f64>());
    assert!(late_by.is_some_and(|late| *late < 1.0), "{late_by:?}");
    // In lines, for people.
    assert!(ctl.ok(&["events"]).contains("vip: BACKUP -> MASTER: no advert"), "{words:?}");
}

/// `vipctl stop --keep`: the next run goes on as if nothing had been.
#[test]
fn what_is_kept_is_there_for_the_next_run() {
    let pair = Pair::new();
    let (first, b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    let ctl = Vipctl::of(&pair.lab, &pair.a);
    let begin = wall_clock();
    ctl.ok(&["stop", "--keep"]);
    assert!(first.wait_end(SOON).success());
    assert!(pair.a.holds(crate::lab::VIP), "the address stays");
    let second = pair.start_a(&toml(150, V3));
    second.wait_log("still MASTER: ", SOON);
    let adverts = pair.hears_a.wait_adverts(begin, 10, SOON);
    assert!(adverts.iter().all(|advert| advert.priority == 150), "nobody resigns");
    assert_eq!(b.lines("-> MASTER").len(), 0);
}
