//! A host that pings an address without a pause.

use super::Host;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Pings under way, a hundred a second.
pub struct Ping(Option<Child>);

impl Ping {
    /// Begins.
    pub fn begin(host: &Host, address: impl Into<IpAddr>) -> Self {
        let mut ping = host.namespace.command(Path::new("ping"));
        ping.args(["-q", "-n", "-i", "0.01", "-W", "1", &address.into().to_string()]);
        ping.stdout(Stdio::piped());
        Self(Some(ping.spawn().expect("ping can be run")))
    }

    /// Ends; how many were sent, and how many were not answered.
    pub fn end(mut self) -> (u32, u32) {
        let child = self.0.take().expect("it runs");
        let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let before = |what: &str| {
            let number = text.split(what).next().and_then(|it| it.split_whitespace().last());
            number.and_then(|it| it.parse::<u32>().ok())
        };
        match (before(" packets transmitted"), before(" received")) {
            // The last one may still be under way.
            (Some(sent), Some(heard)) => (sent, (sent - heard).saturating_sub(1)),
            _ => panic!("ping said: {text}"),
        }
    }
}

impl Drop for Ping {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
