//! What the kernel tells of addresses, links and routes of a host: `ip monitor`.

use super::process::{Line, Process};
use super::{poll, Host, Lab, SOON};
use std::path::Path;

/// `ip monitor` in a host.
pub struct Monitor {
    process: Process,
}

impl Monitor {
    /// Listens to these objects (`address`, `link`, `route`); when this returns, nothing is missed any
    /// more.
    pub fn begin(lab: &Lab, host: &Host, objects: &[&str]) -> Self {
        let mut ip = host.namespace.command(Path::new("stdbuf"));
        ip.args(["-oL", "ip", "-o", "monitor"]).args(objects);
        let process = lab.spawn("ip monitor", ip);
        let monitor = Self { process };
        // It says nothing of having begun: an address on lo comes and goes until it tells of it.
        poll(SOON, "ip monitor is at work", || {
            host.ip(&["address add 127.9.9.9/32 dev lo", "address delete 127.9.9.9/32 dev lo"]);
            !monitor.process.lines("127.9.9.9").is_empty()
        });
        monitor
    }

    /// How many lines there are.
    pub fn mark(&self) -> usize {
        self.process.mark()
    }

    /// The lines after a mark that have this text in them.
    pub fn lines_after(&self, mark: usize, text: &str) -> Vec<Line> {
        self.process.lines_after(mark, text)
    }

    /// Waits for a line after a mark.
    #[track_caller]
    pub fn wait(&self, mark: usize, text: &str) -> Line {
        self.process.wait_log_after(mark, text, SOON)
    }
}
