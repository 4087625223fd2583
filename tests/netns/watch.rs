//! `vipctl watch`, on a terminal: `script` makes one.

use crate::lab::{poll, SOON};
use crate::setup::{toml, Pair, V3};
use crate::vipctl::Vipctl;
use std::fs;
use std::io::Write;
use std::process::Stdio;

#[test]
fn the_screen_shows_what_changes_and_is_left_as_it_was() {
    let pair = Pair::new();
    let (a, b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    let ctl = Vipctl::of(&pair.lab, &pair.b);
    assert_eq!(ctl.run(&["watch"]).code, 64, "without a terminal");

    let (seen, inner) = (pair.lab.file("screen", ""), ctl.command(&["watch", "vip"]));
    let words: Vec<_> = inner.get_args().map(|word| word.to_string_lossy()).collect();
    let program = inner.get_program().to_string_lossy();
    let line = format!("bash -c 'exec -a vipctl {program} {}; exit $?'", words.join(" "));
    let mut script = std::process::Command::new("script");
    script.args(["-q", "-e", "-f", "-c", &line]).arg(&seen).env("TERM", "xterm");
    script.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = script.spawn().expect("script can be run");
    let screen = || fs::read_to_string(&seen).unwrap_or_default();
    let shows = |text: &str| screen().contains(text);
    poll(SOON, "it begins", || shows("\x1b[?1049h") && shows("vip              BACKUP  100"));
    poll(SOON, "the timer runs", || shows("master down [") && shows(" heard"));
    a.kill();
    b.wait_log("vip: BACKUP -> MASTER", SOON);
    poll(SOON, "it has changed", || shows("\x1b[32mMASTER  \x1b[0m100") && shows("advert      ["));
    poll(SOON, "it is told", || shows("vip: BACKUP -> \x1b[32mMASTER\x1b[0m: no advert from"));
    assert!(!shows("\x1b[?1049l"));
    child.stdin.take().expect("it is a pipe").write_all(b"xq").expect("it reads");
    assert!(child.wait().expect("it ends").success());
    poll(SOON, "the screen is as it was", || shows("\x1b[?25h\x1b[?1049l"));
}
