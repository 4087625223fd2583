//! `track_file`: a number in a file, whatever becomes of the file and its folder.

use crate::lab::process::Process;
use crate::lab::{Host, Lab, SOON};
use crate::scripts::{status, wait_priority, FAST};
use crate::setup::{toml, vipd, Pair, V3, VRID};
use std::cell::Cell;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A router that tracks one file.
fn tracking(priority: u8, speed: &str, file: &Path, more: &str) -> String {
    let file = file.display();
    let section = format!("[track_file.knob]\nfile = \"{file}\"\n{more}");
    toml(priority, &format!("{speed}\ntrack_file = [\"knob\"]\n{section}"))
}

/// One router on its own.
struct One {
    vipd: Process,
    /// Up to here its log has been read.
    read: Cell<usize>,
    _host: Host,
    lab: Lab,
}

impl One {
    /// Tracks a file of the lab's, which `prepare` may make before the start.
    fn new(path: &str, more: &str, prepare: impl Fn(&Path)) -> Self {
        let lab = Lab::new();
        prepare(lab.directory());
        let host = lab.host("a", "10.77.0.1/24");
        let file = lab.directory().join(path);
        let vipd = lab.vipd(vipd(), &host, &tracking(100, FAST, &file, more));
        Self { vipd, read: Cell::new(0), _host: host, lab }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.lab.directory().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.at(path), text).expect("a file of the lab");
    }

    /// Waits for the next change of the priority.
    #[track_caller]
    fn wait_priority(&self, from: u8, to: u8) {
        let text = format!("vip: priority {from} -> {to}");
        self.vipd.wait_log_after(self.read.get(), &text, SOON);
        self.read.set(self.vipd.mark());
    }
}

#[test]
fn the_number_moves_the_address() {
    let pair = Pair::new();
    let file = pair.lab.file("knob", "0\n");
    let (a, _b) = pair.start_both(&tracking(150, V3, &file, ""), &toml(100, V3));
    fs::write(&file, "-60\n").unwrap();
    a.wait_log("file knob: ", SOON);
    a.wait_log("vip: priority 150 -> 90", SOON);
    wait_priority(&pair.hears_a, VRID, 90, 0);
    pair.lab.wait_holder(&pair.b, SOON);
    assert!(status(&a, "file knob").contains("-60, "));
    fs::write(&file, "20\n").unwrap();
    a.wait_log("vip: priority 90 -> 170", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    assert!(a.lines("-> FAULT").is_empty());
}

/// Each weight with the numbers that it is multiplied by.
#[test]
fn every_weight_does_what_it_says() {
    let one = One::new("knob", "weight = \"-2 reverse\"", |_| ());
    one.vipd.wait_log("vip: BACKUP -> MASTER", SOON);
    one.write("knob", "10");
    one.wait_priority(100, 120);
    // -254 and less is FAULT.
    one.write("knob", "-127");
    one.vipd.wait_log("vip: MASTER -> FAULT: file knob failed: ", SOON);
    one.write("knob", "0x5");
    one.vipd.wait_log("vip: FAULT -> BACKUP: file knob is fine again", SOON);
    one.wait_priority(100, 110);
    one.vipd.wait_log("says 5", SOON);
}

#[test]
fn with_weight_0_any_number_is_fault() {
    let one = One::new("maintenance", "weight = 0", |_| ());
    one.vipd.wait_log("vip: BACKUP -> MASTER", SOON);
    one.write("maintenance", "1\n");
    let says = format!("{} says 1", one.at("maintenance").display());
    one.vipd.wait_log(&format!("vip: MASTER -> FAULT: file knob failed: {says}"), SOON);
    fs::remove_file(one.at("maintenance")).unwrap();
    one.vipd.wait_log("vip: FAULT -> BACKUP: file knob is fine again", SOON);
    one.vipd.wait_log("is gone: it counts as 0", SOON);
}

#[test]
fn reverse_makes_a_missing_file_fault() {
    let one = One::new("go", "weight = \"0 reverse\"", |_| ());
    one.vipd.wait_log("vip: INIT -> FAULT: file knob failed: ", SOON);
    one.vipd.wait_log("is not there", SOON);
    one.write("go", "1");
    one.vipd.wait_log("vip: FAULT -> BACKUP: file knob is fine again", SOON);
    one.vipd.wait_log("vip: BACKUP -> MASTER", SOON);
}

#[test]
fn a_file_that_is_renamed_over_is_read() {
    let one = One::new("knob", "", |_| ());
    for (text, from, to) in [("10", 100, 110), ("20", 110, 120), ("5", 120, 105)] {
        one.write("new", text);
        fs::rename(one.at("new"), one.at("knob")).unwrap();
        one.wait_priority(from, to);
    }
    fs::rename(one.at("knob"), one.at("old")).unwrap();
    one.wait_priority(105, 100);
    fs::hard_link(one.at("old"), one.at("knob")).unwrap();
    one.wait_priority(100, 105);
}

#[test]
fn a_folder_that_comes_later_and_goes_is_followed() {
    let one = One::new("a/b/knob", "", |_| ());
    one.vipd.wait_log("vip: BACKUP -> MASTER", SOON);
    fs::create_dir_all(one.at("a/b")).unwrap();
    one.write("a/b/knob", "10");
    one.wait_priority(100, 110);
    fs::rename(one.at("a"), one.at("away")).unwrap();
    one.wait_priority(110, 100);
    fs::rename(one.at("away"), one.at("a")).unwrap();
    one.wait_priority(100, 110);
    fs::remove_dir_all(one.at("a")).unwrap();
    one.wait_priority(110, 100);
    // A whole folder at once.
    fs::create_dir_all(one.at("other/b")).unwrap();
    one.write("other/b/knob", "30");
    fs::rename(one.at("other"), one.at("a")).unwrap();
    one.wait_priority(100, 130);
}

/// As container managers exchange a configuration: a link to a folder is renamed over.
#[test]
fn links_are_followed_when_they_change() {
    let one = One::new("knob", "", |at| {
        for (folder, number) in [("one", "10"), ("two", "20")] {
            fs::create_dir(at.join(folder)).unwrap();
            fs::write(at.join(folder).join("f"), number).unwrap();
        }
        symlink("one", at.join("now")).unwrap();
        symlink(at.join("now/f"), at.join("knob")).unwrap();
    });
    one.vipd.wait_log("says 10", SOON);
    symlink("two", one.at("next")).unwrap();
    fs::rename(one.at("next"), one.at("now")).unwrap();
    one.wait_priority(110, 120);
    // What the old link led to does not matter any more, and the new does.
    one.write("one/f", "50");
    one.write("two/f", "30");
    one.wait_priority(120, 130);
    assert!(one.vipd.lines("says 50").is_empty());
}

#[test]
fn what_is_no_number_counts_as_0_and_is_told() {
    let one = One::new("knob", "weight = 0", |at| fs::write(at.join("knob"), "yes\n").unwrap());
    one.vipd.wait_log("it does not begin with a number: it counts as 0", SOON);
    one.vipd.wait_log("vip: BACKUP -> MASTER", SOON);
    fs::remove_file(one.at("knob")).unwrap();
    // Whoever opens a pipe waits for the other end.
    let made = Command::new("mkfifo").arg(one.at("knob")).status();
    assert!(made.is_ok_and(|status| status.success()));
    one.vipd.wait_log("it is no regular file: it counts as 0", SOON);
    assert!(status(&one.vipd, "vip").contains("MASTER"));
}

/// Where inotify is silent the file is read once a second.
#[test]
fn a_file_of_the_kernel_is_tracked() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let file = Path::new("/proc/sys/net/ipv4/ip_forward");
    a.namespace.set("ipv4/ip_forward", "0");
    let vipd = lab.vipd(vipd(), &a, &tracking(100, FAST, file, "weight = 20"));
    vipd.wait_log("it is read once a second", SOON);
    a.namespace.set("ipv4/ip_forward", "1");
    vipd.wait_log("vip: priority 100 -> 120", SOON);
}

#[test]
fn init_file_makes_it_and_leaves_one_that_is_there_alone() {
    for (before, init, after) in [
        (None, "10", "10\n"),
        (Some("5"), "10", "5"),
        (Some("5\nmore"), "\"10 overwrite\"", "10\n"),
    ] {
        let one = One::new("knob", &format!("init_file = {init}"), |at| {
            if let Some(before) = before {
                fs::write(at.join("knob"), before).unwrap();
            }
        });
        let number = after.trim_end();
        one.vipd.wait_log(&format!("says {number}"), SOON);
        assert_eq!(fs::read_to_string(one.at("knob")).unwrap(), after);
    }
    let one = One::new("link", "init_file = \"overwrite\"", |at| {
        fs::write(at.join("precious"), "text").unwrap();
        symlink(at.join("precious"), at.join("link")).unwrap();
    });
    one.vipd.wait_log("file knob: cannot write ", SOON);
    assert_eq!(fs::read_to_string(one.at("precious")).unwrap(), "text");
}

/// More happens in the folder than the kernel keeps for us: nothing of the file is missed.
#[test]
fn an_overflow_of_events_loses_nothing() {
    let one = One::new("knob", "", |_| ());
    one.vipd.wait_log("vip: BACKUP -> MASTER", SOON);
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let most: usize = most.trim().parse().unwrap();
    one.vipd.stop();
    // Each is made, written and removed. Events of one name in a row would be one event.
    for number in 0..most / 3 + 100 {
        let path = one.at(&format!("other{number}"));
        fs::write(&path, "").unwrap();
        fs::remove_file(&path).unwrap();
    }
    one.write("knob", "10");
    one.vipd.signal("CONT");
    one.wait_priority(100, 110);
    one.write("knob", "20");
    one.wait_priority(110, 120);
}
