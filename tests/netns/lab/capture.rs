//! What others read of the wire: tcpdump captures, tshark dissects.

use super::process::Process;
use super::{poll, Host, Lab, SOON};
use std::path::Path;
use std::process::Command;

/// tcpdump at the port of a host.
pub struct Capture {
    file: String,
    tcpdump: Process,
}

impl Capture {
    /// Begins to capture what passes a filter; when this returns, nothing is missed any more.
    pub fn begin(lab: &Lab, host: &Host, filter: &str) -> Self {
        let file = lab.directory().join(format!("{}.pcap", host.name)).display().to_string();
        let mut tcpdump = lab.segment().command(Path::new("tcpdump"));
        let user = ["-Z", "root"];
        tcpdump.args(user).args(["-i", &host.port, "-U", "-s", "0", "-w", &file, filter]);
        let tcpdump = lab.spawn("tcpdump", tcpdump);
        tcpdump.wait_log("listening on", SOON);
        Self { file, tcpdump }
    }

    /// Ends when frames of these lengths are in the file, and no sooner; returns the file.
    pub fn end(self, frames: impl Iterator<Item = usize>) -> String {
        // A header of the file, and one of each packet.
        let size = 24 + frames.map(|length| 16 + length).sum::<usize>();
        poll(SOON, "tcpdump has written everything", || {
            std::fs::metadata(&self.file).is_ok_and(|meta| meta.len() >= size as u64)
        });
        self.tcpdump.signal("INT");
        self.tcpdump.wait_end(SOON);
        self.file
    }
}

/// Lets tshark read a file: the values of some fields, for each packet.
pub fn dissect(file: &str, options: &[&str], fields: &[&str]) -> Vec<Vec<String>> {
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-r", file, "-T", "fields", "-E", "separator=;"]).args(options);
    for field in fields {
        tshark.args(["-e", field]);
    }
    let output = tshark.output().expect("tshark can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let packet = |line: &str| {
        let mut words: Vec<String> = line.split(';').map(str::to_owned).collect();
        words.resize(words.len().max(fields.len()), String::new());
        words
    };
    text.lines().map(packet).collect()
}
