//! What is handed over beside what a killed daemon would leave: whatever is open.

use super::handover::Parcel;
use crate::daemon::children::Owner;
use crate::daemon::net::Net;
use crate::daemon::state::words::{put, put_if, put_some};
use crate::daemon::Daemon;
use crate::sys::exec::Image;
use crate::sys::{limits, process};
use std::os::fd::AsRawFd;

impl Daemon {
    /// All that whoever takes our place has to know and to have.
    pub(super) fn parcel(&self, image: &Image) -> Parcel {
        let mut parcel = Parcel::new(image, self.state_lines());
        parcel.begin("lock");
        parcel.descriptor("fd", self.upgrade.lock);
        parcel.end();
        if let Some(before) = limits::descriptors_before() {
            parcel.begin("limit");
            put(&mut parcel.text, "descriptors", before);
            parcel.end();
        }
        if let Some(fd) = process::lifeline() {
            parcel.begin("lifeline");
            parcel.descriptor("fd", fd);
            parcel.end();
        }
        self.nets.iter().for_each(|net| self.pack_net(net, &mut parcel));
        self.pack_fifos(&mut parcel);
        self.pack_children(&mut parcel);
        parcel
    }

    fn pack_net(&self, net: &Net, parcel: &mut Parcel) {
        let Some(socket) = &net.socket else { return };
        parcel.begin("net");
        parcel.text("interface", &self.links.get(net.link).name);
        put(&mut parcel.text, "family", net.family);
        put_some(&mut parcel.text, "group", net.group);
        put_some(&mut parcel.text, "vmac", net.vmac.map(|mac| vmac(&mac)));
        put(&mut parcel.text, "ifindex", net.ifindex);
        put_if(&mut parcel.text, "free_source", net.free_source);
        put(&mut parcel.text, "send_errors", net.send_errors);
        parcel.descriptor("fd", socket.as_raw_fd());
        if let Some(strangers) = &net.strangers {
            parcel.descriptor("strangers", strangers.as_raw_fd());
        }
        parcel.end();
    }

    /// What is in a FIFO would be lost if nobody had it open.
    fn pack_fifos(&self, parcel: &mut Parcel) {
        for fifo in &self.fifos {
            let Some(fd) = fifo.fd() else { continue };
            parcel.begin("fifo");
            parcel.text("path", fifo.path());
            put_if(&mut parcel.text, "made", fifo.is_ours());
            parcel.descriptor("fd", fd);
            parcel.end();
            for line in fifo.waiting() {
                let Some(teller) = self.tellers.get(line.about) else { continue };
                parcel.begin("line");
                parcel.text("path", fifo.path());
                parcel.text("kind", teller.kind);
                parcel.text("name", &teller.name);
                put_if(&mut parcel.text, "state", line.is_state());
                parcel.text("text", line.text.trim_end());
                parcel.end();
            }
        }
    }

    /// Those who read FIFOs; and what notify scripts have left behind, which somebody has to read.
    fn pack_children(&self, parcel: &mut Parcel) {
        for running in self.children.handed() {
            parcel.begin("child");
            if let Owner::Fifo(number) = running.owner {
                parcel.text("fifo", self.fifos[number].path());
            }
            put_if(&mut parcel.text, "ended", running.ended);
            put(&mut parcel.text, "pid", running.child.pid);
            put(&mut parcel.text, "started", running.started.as_nanos());
            parcel.descriptor("pidfd", running.child.pidfd.as_raw_fd());
            let (output, lifeline) = (running.child.output.as_ref(), running.child.lifeline());
            for (key, fd) in [("output", output), ("lifeline", lifeline)] {
                if let Some(fd) = fd {
                    parcel.descriptor(key, fd.as_raw_fd());
                }
            }
            parcel.end();
        }
    }
}

/// An Ethernet address as a word.
pub(super) fn vmac(mac: &[u8; 6]) -> String {
    mac.iter().map(|byte| format!("{byte:02x}")).collect()
}
