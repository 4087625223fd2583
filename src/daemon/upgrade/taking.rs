//! What another vipd has handed to us is taken over, by what it was made for.

use super::handing::vmac;
use crate::daemon::children::{Owner, Running};
use crate::daemon::fifo::lines::{Kind, Line};
use crate::daemon::fifo::Fifo;
use crate::daemon::net::Net;
use crate::daemon::state::words::Words;
use crate::daemon::state::Legacy;
use crate::daemon::{Daemon, Source};
use crate::sys::process::{self, Child};
use crate::sys::{exec, limits};
use crate::vrrp::time::Instant;
use crate::wire::Family;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

/// Before anything else: what every child is to get.
pub fn take_limits(legacy: &Legacy) {
    if let Some(before) = legacy.lines("limit").find_map(|words| words.read("descriptors")) {
        limits::set_descriptors_before(before);
    }
    if let Some(fd) = legacy.lines("lifeline").find_map(|words| words.read("fd")) {
        // Without it the next child makes another: those that run are tied to the one that was
        // handed, which stays open.
        let _ = process::adopt_lifeline(fd);
    }
}

impl Daemon {
    /// Takes over what is open.
    pub(in crate::daemon) fn adopt_handed(&mut self, legacy: &Legacy) {
        if legacy.is_handed_over() {
            self.adopt_nets(legacy);
            self.adopt_fifos(legacy);
            self.adopt_children(legacy);
            self.files.leave_alone();
        }
    }

    /// Takes the sockets over that another vipd has handed to us.
    fn adopt_nets(&mut self, legacy: &Legacy) {
        for words in legacy.lines("net") {
            let is_it = |net: &Net| is_it(net, &self.links.get(net.link).name, &words);
            let Some(number) = self.nets.iter().position(is_it) else { continue };
            let ifindex = self.links.get(self.nets[number].link).index;
            if ifindex.is_none() || ifindex != words.read("ifindex") {
                continue;
            }
            if let Err(error) = self.adopt_net(number, &words) {
                log::info!("upgrade: a socket is opened anew: {error}");
                self.nets[number].close();
            }
        }
    }

    fn adopt_net(&mut self, number: usize, words: &Words<'_>) -> io::Result<()> {
        let copy = |key| words.read(key).map(exec::copy).transpose();
        let socket = copy("fd")?.ok_or(io::ErrorKind::InvalidData)?;
        let fd = socket.as_raw_fd();
        let up = self.links.get(self.nets[number].link).running;
        let it = &mut self.nets[number];
        it.send_errors = words.read("send_errors").unwrap_or_default();
        it.adopt(socket, copy("strangers")?, words.read("ifindex").unwrap_or_default(), up)?;
        self.watch(fd, Source::Net(number))
    }

    fn adopt_fifos(&mut self, legacy: &Legacy) {
        for words in legacy.lines("fifo").filter(|words| words.is("made")) {
            let path = words.text("path");
            let it = self.fifos.iter_mut().find(|it| Some(it.path()) == path.as_deref());
            it.into_iter().for_each(Fifo::make_ours);
        }
        for words in legacy.lines("line") {
            let (path, name, text) = (words.text("path"), words.text("name"), words.text("text"));
            let fifo = self.fifos.iter_mut().find(|it| Some(it.path()) == path.as_deref());
            let about = self.tellers.iter().position(|it| {
                Some(&it.name) == name.as_ref() && words.get("kind") == Some(it.kind)
            });
            if let (Some(fifo), Some(about), Some(text)) = (fifo, about, text) {
                let kind = if words.is("state") { Kind::State } else { Kind::Event };
                fifo.write(Line { about, kind, text: text + "\n" });
            }
        }
    }

    fn adopt_children(&mut self, legacy: &Legacy) {
        for words in legacy.lines("child") {
            let path = words.text("fifo");
            let fifo = self.fifos.iter().position(|it| Some(it.path()) == path.as_deref());
            let fifo = fifo.filter(|number| self.fifos[*number].has_script());
            let owner = fifo.map_or(Owner::Nobody, Owner::Fifo);
            let (Some(pid), Some(pidfd)) = (words.read("pid"), words.read("pidfd")) else {
                continue;
            };
            let child =
                Child::handed_over(pid, pidfd, words.read("output"), words.read("lifeline"));
            let started = Instant::from_nanos(words.read("started").unwrap_or_default());
            let adopted = child.and_then(|child| {
                let running = Running::new(owner, child, started, words.is("ended"));
                self.children.adopt(self.poll.registry(), self.now, running)
            });
            if let Err(error) = adopted {
                log::warn!("upgrade: process {pid}, a script of ours, is nobody's now: {error}");
            }
        }
    }
}

/// Whether a line is about these sockets, and they were made for the same.
fn is_it(net: &Net, interface: &str, words: &Words<'_>) -> bool {
    let family = [Family::V4, Family::V6]
        .into_iter()
        .find(|family| words.get("family") == Some(family.to_string().as_str()));
    let vmac = net.vmac.map(|mac| vmac(&mac));
    words.text("interface").as_deref() == Some(interface)
        && family == Some(net.family)
        && words.read::<IpAddr>("group") == net.group
        && words.get("vmac") == vmac.as_deref()
        && words.is("free_source") == net.free_source
}
