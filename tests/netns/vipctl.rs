//! The client, as a person calls it.

use crate::lab::process::Process;
use crate::lab::{Host, Lab};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tinyjson::JsonValue;

/// vipctl for one daemon.
pub struct Vipctl {
    run_directory: PathBuf,
}

/// What it has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Vipctl {
    /// For the daemon of a host.
    pub fn of(lab: &Lab, host: &Host) -> Self {
        Self { run_directory: lab.directory().join(format!("run-{}", host.name)) }
    }

    /// The control socket.
    pub fn socket(&self) -> PathBuf {
        self.run_directory.join("vipd.sock")
    }

    /// A connection without a client.
    pub fn connect(&self) -> UnixStream {
        UnixStream::connect(self.socket()).expect("the daemon listens")
    }

    /// As it is called by hand.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_vipd")));
        command.arg0("vipctl").arg("-r").arg(&self.run_directory).args(words);
        command
    }

    /// Runs it to its end.
    pub fn run(&self, words: &[&str]) -> Said {
        said(self.command(words))
    }

    /// What it says when all is well.
    #[track_caller]
    pub fn ok(&self, words: &[&str]) -> String {
        let said = self.run(words);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{words:?}: {said:?}");
        said.out
    }

    /// The same as JSON, line by line.
    #[track_caller]
    pub fn json(&self, words: &[&str]) -> Vec<JsonValue> {
        let out = self.ok(&[&["-j"], words].concat());
        let parse = |line: &str| line.parse().unwrap_or_else(|error| panic!("{error}: {line}"));
        out.lines().map(parse).collect()
    }

    /// Starts it, and reads what it says line by line.
    pub fn follow(&self, lab: &Lab, words: &[&str]) -> Process {
        // Its lines are kept as those of a log are.
        let inner = self.command(words);
        let mut command = Command::new("bash");
        command.args(["-c", "exec -a vipctl \"$0\" \"$@\" >&2"]);
        command.arg(inner.get_program()).args(inner.get_args());
        lab.spawn("vipctl", command)
    }
}

/// Runs a client to its end.
pub fn said(mut command: Command) -> Said {
    let Output { status, stdout, stderr } = command.output().expect("it can be run");
    Said {
        code: status.code().unwrap_or(-1),
        out: String::from_utf8(stdout).expect("text"),
        err: String::from_utf8(stderr).expect("text"),
    }
}
