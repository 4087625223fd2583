//! Clients that misbehave: no advert is late because of them.

use crate::exhaustion::Scene;
use crate::lab::shortage::sockets;
use crate::lab::{poll, wall_clock, SOON};
use crate::vipctl::Vipctl;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

/// What is left to read of a connection until its end.
fn rest(stream: &mut UnixStream) -> String {
    let mut text = String::new();
    stream.set_read_timeout(Some(SOON)).expect("a socket");
    match stream.read_to_string(&mut text) {
        Ok(_) => {}
        // It was dropped with something unread.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    text
}

fn ask(ctl: &Vipctl, request: &[u8]) -> UnixStream {
    let mut stream = ctl.connect();
    // It may be dropped while it speaks.
    let _ = stream.write_all(request);
    stream
}

#[test]
fn nobody_can_hold_it_up() {
    let scene = Scene::new(|_| String::new());
    let ctl = Vipctl::of(&scene.lab, &scene.a);
    poll(SOON, "it answers", || ctl.run(&["status"]).code == 0);
    let (begin, before) = (wall_clock(), sockets(&scene.process));

    // Nonsense.
    for (request, says) in [
        (&b"\n"[..], "no request"),
        (b"status \"\n", "a quote is open"),
        (b"status \"\\x\"\n", "is no JSON string"),
        (b"\xff\xfe\n", "the request is no text"),
        (&[b'a'; 5000], "the request is too long"),
        (b"events -f x\n", "too few words, or too many"),
    ] {
        let answer = rest(&mut ask(&ctl, request));
        assert!(answer.contains(says) || answer.is_empty() && says.ends_with("long"), "{answer}");
    }
    // As many as there is room for, who say nothing; the next is told so.
    let silent: Vec<UnixStream> = (0..16).map(|_| ctl.connect()).collect();
    let refused = rest(&mut ask(&ctl, b"status\n"));
    assert!(refused.is_empty() || refused.contains("too many clients"), "{refused}");
    // They are dropped when they have had their time.
    poll(SOON, "there is room again", || ctl.run(&["status"]).code == 0);
    drop(silent);

    // Some follow and never read; their socket is full at some time, and they are dropped.
    let lazy: Vec<UnixStream> = (0..8).map(|_| ask(&ctl, b"events -f\n")).collect();
    let mut reader = ask(&ctl, b"events -f\n");
    for _ in 0..200 {
        ctl.ok(&["reload"]);
    }
    // One that asks and goes away at once.
    for _ in 0..200 {
        drop(ask(&ctl, b"status\n"));
    }
    // One that sends for ever.
    let mut noisy = ask(&ctl, b"events -f\n");
    noisy.set_nonblocking(true).expect("a socket");
    for _ in 0..1000 {
        let _ = noisy.write(&[b'x'; 4096]);
    }
    let mut seen = [0; 65536];
    let length = reader.read(&mut seen).expect("it is told");
    assert!(length > 10_000, "{length}");
    scene.assert_steady_since(begin);
    drop((lazy, reader, noisy));
    poll(SOON, "all are forgotten", || sockets(&scene.process) <= before);
}

/// One that has followed for long, and stops reading, is dropped when too much waits.
#[test]
fn who_does_not_read_is_dropped() {
    let scene = Scene::new(|_| String::new());
    let ctl = Vipctl::of(&scene.lab, &scene.a);
    poll(SOON, "it answers", || ctl.run(&["status"]).code == 0);
    let before = sockets(&scene.process);
    let begin = wall_clock();
    let mut lazy: Vec<UnixStream> = (0..8).map(|_| ask(&ctl, b"events -f\n")).collect();
    poll(SOON, "they are there", || sockets(&scene.process) > before);
    // At some time what it is told fills the socket; then it has some seconds to read.
    poll(3 * SOON, "they are dropped", || {
        ctl.ok(&["reload"]);
        sockets(&scene.process) <= before
    });
    for stream in &mut lazy {
        let text = rest(stream);
        assert!(text.len() < 1 << 20 && text.starts_with("{\"time\":"), "{}", text.len());
    }
    scene.assert_steady_since(begin);
    assert!(scene.process.lines("client").is_empty(), "it is nothing to wake a person for");
}
