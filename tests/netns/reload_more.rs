//! Reloads that come at a bad moment, and what is told of them.

use crate::lab::monitor::Monitor;
use crate::lab::tap::gaps;
use crate::lab::{poll, wall_clock, SOON, VIP};
use crate::scripts::Notes;
use crate::setup::{dead_end, keepalived, reload, toml, vipd, Pair, V3, V3_ONCE};
use std::time::Duration;

/// The virtual router is the same if interface, VRID and family are; its scripts are those of the new
/// name from then on.
#[test]
fn a_renamed_instance_goes_on_and_its_next_change_has_the_new_name() {
    let pair = Pair::new();
    let told = Notes::new(&pair.lab, "told");
    let append = format!("#!/bin/sh\necho $1 $2 $3 >> {}\n", told.path().display());
    let script = pair.lab.script("notify", &append);
    let config = |name: &str, what: &str| {
        let notify = format!("{V3_ONCE}\n{what} = \"{}\"", script.display());
        toml(150, &notify).replace(".vip]", &format!(".{name}]"))
    };
    let (a, b) = pair.start_both(&config("vip", "notify"), &toml(100, V3));
    assert_eq!(told.wait(2), ["INSTANCE vip BACKUP", "INSTANCE vip MASTER"]);
    let monitor = Monitor::begin(&pair.lab, &pair.a, &["address"]);
    let (mark, seen, from) = (a.mark(), monitor.mark(), wall_clock());
    reload(&pair.lab, "a", &a, &config("renamed", "notify"));
    pair.hears_a.wait_adverts(wall_clock(), 3, SOON);
    assert!(a.lines_after(mark, "->").is_empty() && b.lines("BACKUP -> MASTER").is_empty());
    assert!(pair.hears_a.announcements_after(from, VIP).is_empty());
    pair.a.ip(&["address add 127.9.9.8/32 dev lo"]);
    monitor.wait(seen, "127.9.9.8");
    assert!(monitor.lines_after(seen, "eth0").is_empty());
    assert_eq!(told.lines().len(), 2, "nothing has happened");
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    assert_eq!(told.lines()[2..], ["INSTANCE renamed STOP"]);
}

/// Into a group, out of it, into another: a MASTER stays MASTER, as long as all of it can be.
#[test]
fn instances_join_and_leave_groups() {
    let pair = Pair::new();
    dead_end(&pair.a);
    let inside = "[vrrp_instance.inside]\ninterface = \"eth1\"\nvirtual_router_id = 9\n\
                  priority = 150\nversion = 3\nadvert_int = 0.2\n\
                  virtual_ipaddress = [\"10.88.0.100/24\"]\n";
    let config = |group: &str| format!("{}{inside}{group}", toml(150, V3));
    let group = |name: &str| format!("[vrrp_sync_group.{name}]\ngroup = [\"vip\", \"inside\"]\n");
    let a = pair.start_a(&config(""));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    a.wait_log("inside: BACKUP -> MASTER", SOON);
    let b = pair.start_b(&toml(100, V3));
    b.wait_log("vip: INIT -> BACKUP", SOON);
    let (mark, from) = (a.mark(), wall_clock());
    for it in [group("one"), group("two"), String::new(), group("one")] {
        reload(&pair.lab, "a", &a, &config(&it));
        pair.hears_a.wait_adverts(wall_clock(), 3, SOON);
    }
    for name in ["vip", "inside"] {
        assert!(a.lines_after(mark, &format!("{name}: MASTER ->")).is_empty(), "{name} stays");
    }
    assert!(pair.hears_b.adverts_after(from).is_empty());
    assert!(pair.a.holds(VIP));
    // And it is a group: what one loses, the other gives up.
    pair.a.ip(&["link set eth1 down"]);
    a.wait_log_after(mark, "vip: MASTER -> ", SOON);
    pair.lab.wait_holder(&pair.b, SOON);
}

/// A reader that was there before goes on reading; it hears every state if that is asked for.
#[test]
fn every_state_is_written_to_the_fifo_if_that_is_asked_for() {
    let pair = Pair::new();
    let read = Notes::new(&pair.lab, "read");
    let append = format!("#!/bin/sh\nexec cat \"$1\" >> {}\n", read.path().display());
    let reader = pair.lab.script("reader", &append);
    let fifo = pair.lab.directory().join("fifo");
    let config = |more: &str, priority| {
        format!(
            "[global_defs]\nnotify_fifo = \"{}\"\nnotify_fifo_script = \"{}\"\n{more}\n{}\
             [vrrp_sync_group.group]\ngroup = [\"vip\"]\n",
            fifo.display(),
            reader.display(),
            toml(priority, V3)
        )
    };
    let states = "fifo_write_vrrp_states_on_reload = true";
    let a = pair.start_a(&config("", 150));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    assert_eq!(read.wait(4).len(), 4);
    reload(&pair.lab, "a", &a, &config("", 140));
    reload(&pair.lab, "a", &a, &config(states, 130));
    let lines = read.wait(6);
    assert_eq!(lines[4..], ["INSTANCE \"vip\" MASTER 130", "GROUP \"group\" MASTER 0"]);
    // Without a FIFO its reader is told to end, and a stop waits for it no longer than it takes.
    let readers = a.children();
    assert_eq!(readers.len(), 1);
    reload(&pair.lab, "a", &a, &toml(130, V3));
    poll(SOON, "the reader has ended", || a.children().is_empty());
    assert!(!fifo.exists());
    assert_eq!(a.lines("MASTER -> ").len(), 0);
}

/// The first thing that it hears, twice at once, and while it stops.
#[test]
fn hangups_at_any_time() {
    let pair = Pair::new();
    let slow = pair.lab.script("slow", "#!/bin/sh\nsleep 0.7\n");
    let config = |priority| toml(priority, &format!("{V3}\nnotify = \"{}\"", slow.display()));
    for _ in 0..5 {
        pair.lab.file("a.toml", &config(150));
        let a = pair.start_a(&config(150));
        pair.lab.file("a.toml", &config(120));
        a.signal("HUP");
        a.wait_log("vip: priority 150 -> 120", SOON);
        a.wait_log("vip: BACKUP -> MASTER", SOON);
        // While notify_master runs.
        pair.lab.file("a.toml", &config(110));
        a.signal("HUP");
        a.signal("HUP");
        a.wait_log("priority 120 -> 110", SOON);
        let advert = pair.hears_a.wait_adverts(wall_clock(), 2, SOON);
        assert_eq!(advert[1].priority, 110);
        a.signal("TERM");
        a.signal("HUP");
        assert!(a.wait_end(SOON).success());
        assert!(!pair.a.holds(VIP));
    }
}

/// Whatever is wrong with the file, the daemon goes on with what it has.
#[test]
fn a_file_that_cannot_be_read_changes_nothing() {
    let pair = Pair::new();
    let a = pair.start_a(&toml(150, V3));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let file = pair.lab.directory().join("a.toml");
    let from = wall_clock();
    let tries: [(&str, &dyn Fn()); 6] = [
        ("No such file", &|| std::fs::remove_file(&file).expect("removed")),
        ("Is a directory", &|| std::fs::create_dir(&file).expect("a folder")),
        ("a.toml:", &|| {
            std::fs::remove_dir(&file).expect("removed");
            std::fs::write(&file, [0xff, 0xfe, 0, 1]).expect("written");
        }),
        ("a.toml:1:", &|| std::fs::write(&file, "x".repeat(1 << 20)).expect("written")),
        ("a.toml:2:", &|| {
            std::fs::write(&file, "[vrrp_instance.vip]\nprio = 3\n").expect("written")
        }),
        ("a.toml:", &|| {
            std::fs::write(&file, toml(150, "track_script = [\"none\"]")).expect("written")
        }),
    ];
    for (says, spoil) in tries {
        spoil();
        let mark = a.mark();
        a.signal("HUP");
        a.wait_log_after(mark, "reload: the configuration stays as it is", SOON);
        a.wait_log_after(mark, says, SOON);
    }
    let adverts = pair.hears_a.wait_adverts(wall_clock(), 3, SOON);
    assert!(adverts.iter().all(|advert| advert.priority == 150));
    let longest = gaps(&pair.hears_a.adverts_after(from)).into_iter().max().unwrap_or_default();
    assert!(longest < Duration::from_millis(400), "{longest:?}: an advert is missing");
    std::fs::write(&file, toml(140, V3)).expect("written");
    a.signal("HUP");
    a.wait_log("priority 150 -> 140", SOON);
    assert_eq!(a.lines("MASTER -> ").len(), 0);
}

/// The other two syntaxes are read anew as well.
#[test]
fn a_keepalived_conf_and_uci_are_reloaded() {
    let uci = |priority: u8| {
        format!(
            "config vrrp_instance 'vip'\n\toption interface 'eth0'\n\
             \toption virtual_router_id '51'\n\toption priority '{priority}'\n\
             \toption version '3'\n\toption advert_int '0.2'\n\
             \tlist virtual_ipaddress '{VIP}/24'\n"
        )
    };
    let conf = |priority| keepalived(priority, "version 3\nadvert_int 0.2");
    for (format, name) in [("keepalived", "a.conf"), ("uci", "vipd")] {
        let text = |priority| if format == "uci" { uci(priority) } else { conf(priority) };
        let pair = Pair::new();
        let file = pair.lab.file(name, &text(150));
        let a = pair.lab.vipd_of(vipd(), &pair.a, &file, &["-F", format]);
        a.wait_log("vip: BACKUP -> MASTER", SOON);
        pair.lab.file(name, &text(140));
        a.signal("HUP");
        a.wait_log("vip: priority 150 -> 140", SOON);
        let adverts = pair.hears_a.wait_adverts(wall_clock(), 2, SOON);
        assert_eq!(adverts[1].priority, 140, "{format}");
        assert_eq!(a.lines("MASTER -> ").len(), 0);
    }
}
