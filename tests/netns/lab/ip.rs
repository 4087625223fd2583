//! ip(8).

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs commands of ip(8) in one batch.
pub fn run(commands: &[&str]) {
    batch(&[], commands);
}

/// Runs commands in one batch, with options before it. All of them have to succeed.
pub fn batch(options: &[&str], commands: &[&str]) {
    let mut child = Command::new("ip")
        .args(options)
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ip(8) can be run");
    let mut stdin = child.stdin.take().expect("its stdin is ours");
    stdin.write_all(commands.join("\n").as_bytes()).expect("ip(8) reads");
    drop(stdin);
    let output = child.wait_with_output().expect("ip(8) ends");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {options:?} {commands:?}: {error}");
}

/// What ip(8) prints.
pub fn output(arguments: &[&str]) -> String {
    let output = Command::new("ip").args(arguments).output().expect("ip(8) can be run");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
