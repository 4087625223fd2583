//! All that is known of a daemon and its host: what it says before and after a while, and what was on
//! the wire meanwhile.

use super::super::call::Call;
use super::super::node::{parse, Node};
use super::listen::{Heard, Wire};
use crate::exit::{self, Failure};
use crate::sys::ifaddrs::{self, Interface};
use std::collections::BTreeMap;
use tinyjson::JsonValue;

/// Seconds: a moment is told by the clock of the day, which is read anew each time.
const INACCURATE: f64 = 0.1;

/// What the daemon has answered.
pub struct Answers {
    status: JsonValue,
    peers: Vec<JsonValue>,
}

impl Answers {
    /// Asks.
    ///
    /// # Errors
    /// It does not answer.
    pub fn of(call: &Call) -> Result<Self, Failure> {
        let status = parse(&call.ask_line(&["status"], false)?)?;
        let (mut peers, mut lines) = (Vec::new(), call.ask(&["peers"], false)?);
        while let Some(line) = lines.next_line()? {
            peers.push(parse(&line)?);
        }
        Ok(Self { status, peers })
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> Node<'_> {
        Node::new(&self.status)
    }
}

/// What is examined.
pub struct Patient<'a> {
    before: Node<'a>,
    /// The status after the time of listening.
    pub status: Node<'a>,
    peers: &'a [JsonValue],
    /// What was heard; else why nothing could be.
    pub wire: Result<Wire, String>,
    /// The interfaces of the host.
    pub host: BTreeMap<String, Interface>,
}

/// A virtual router at both times.
#[derive(Clone, Copy)]
pub struct Router<'a> {
    /// When listening began.
    pub before: Node<'a>,
    /// When it ended.
    pub it: Node<'a>,
    /// Of the interface and family, at both times.
    interface: [Node<'a>; 2],
}

impl<'a> Patient<'a> {
    /// Of these answers.
    ///
    /// # Errors
    /// The interfaces cannot be listed.
    pub fn new(
        before: &'a Answers,
        after: &'a Answers,
        wire: Result<Wire, String>,
    ) -> Result<Self, Failure> {
        let host = ifaddrs::all().map_err(|error| {
            Failure::new(exit::OSERR, format!("cannot list the interfaces: {error}"))
        })?;
        let (peers, status) = (after.peers.as_slice(), after.status());
        Ok(Self { before: before.status(), status, peers, wire, host })
    }

    /// The virtual routers that were there all the time.
    pub fn routers(&self) -> impl Iterator<Item = Router<'a>> + '_ {
        let same = |a: Node<'_>, b: Node<'_>, keys: &[&str]| {
            keys.iter().all(|key| a.at(key).show() == b.at(key).show())
        };
        let (before, status) = (self.before, self.status);
        status.at("instances").list().filter_map(move |it| {
            let keys = ["name", "family", "interface", "virtual_router_id"];
            let before_it = before.at("instances").list().find(|old| same(*old, it, &keys))?;
            let row = |of: Node<'a>| {
                let mine = |row: &Node<'a>| {
                    row.at("name").text() == it.at("interface").text()
                        && row.at("family").text() == it.at("family").text()
                };
                of.at("interfaces").list().find(mine).unwrap_or(Node(None))
            };
            Some(Router { before: before_it, it, interface: [row(before), row(status)] })
        })
    }

    /// Speakers that were heard while we listened, as the daemon knows them.
    pub fn speakers(&self) -> impl Iterator<Item = Node<'a>> + '_ {
        let begin = self.before.at("time").number().unwrap_or_default();
        let recent = move |it: &Node<'_>| it.at("last_seen").number().is_some_and(|at| at >= begin);
        self.peers.iter().map(Node::new).filter(recent)
    }

    /// The interfaces that virtual routers are on.
    pub fn interfaces(&self) -> Vec<&'a str> {
        let mut names: Vec<_> =
            self.status.at("instances").list().map(|it| it.at("interface").text()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Router<'_> {
    /// Its name, as it is told of.
    #[must_use]
    pub fn name(&self) -> String {
        let (name, family) = (self.it.at("name").text(), self.it.at("family").text());
        if family == "ipv6" {
            format!("{name} (ipv6)")
        } else {
            name.to_owned()
        }
    }

    /// Whether a packet has its interface, family and virtual router id.
    #[must_use]
    pub fn matches(&self, heard: &Heard) -> bool {
        self.it.at("interface").text() == heard.interface
            && (self.it.at("family").text() == "ipv6") == heard.source.is_ipv6()
            && self.it.at("virtual_router_id").integer() == i64::from(heard.vrid)
    }

    /// It was in this state at both times.
    #[must_use]
    pub fn stayed(&self, state: &str) -> bool {
        let since = |it: Node<'_>| it.at("since").number().unwrap_or_default();
        [self.before, self.it].iter().all(|it| it.at("state").text() == state)
            && (since(self.it) - since(self.before)).abs() < INACCURATE
    }

    /// How much a counter has grown.
    #[must_use]
    pub fn grown(&self, counter: &str) -> i64 {
        let count = |it: Node<'_>| it.at("statistics").at(counter).integer();
        count(self.it) - count(self.before)
    }

    /// How many packets the daemon has counted as received for it, heeded or not. What the interface
    /// counts may be for another: then it is not known.
    #[must_use]
    pub fn received(&self) -> i64 {
        const NOT: [&str; 4] =
            ["advertisement_sent", "priority_zero_pkts_sent", "master_transitions", "vrid_errors"];
        let sum = |it: Node<'_>| -> i64 {
            let counted = it.at("statistics").fields().filter(|(name, _)| !NOT.contains(name));
            counted.map(|(_, count)| count.integer()).sum()
        };
        let [before, after] = self.interface;
        sum(self.it) - sum(self.before) + sum(after) - sum(before)
    }

    /// How many adverts the kernel has refused to send on its interface.
    #[must_use]
    pub fn refused(&self) -> i64 {
        let [before, after] = self.interface.map(|it| it.at("send_errors").integer());
        after - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_that_is_told_twice_may_differ_a_little() {
        for (before, after, stayed) in [
            (r#"{"state":"MASTER","since":7.001}"#, r#"{"state":"MASTER","since":7.003}"#, true),
            (r#"{"state":"MASTER","since":7.001}"#, r#"{"state":"MASTER","since":8.5}"#, false),
            (r#"{"state":"BACKUP","since":7.001}"#, r#"{"state":"MASTER","since":7.001}"#, false),
        ] {
            let (before, after) = (parse(before).unwrap(), parse(after).unwrap());
            let interface = [Node(None); 2];
            let (before, it) = (Node::new(&before), Node::new(&after));
            assert_eq!(Router { before, it, interface }.stayed("MASTER"), stayed);
        }
    }
}
