//! `vipctl sniff INTERFACE | FILE`: what is on the wire, each packet with a verdict.

pub mod heard;
mod ip;
mod lines;
pub mod link;
pub mod listen;
mod message;
mod ours;
pub mod pcap;
mod seen;
pub mod session;
mod text;

use super::call::Call;
use super::{misuse, Command};
use crate::config::{self, nearest, Format, Reading};
use crate::daemon::hmac;
use crate::exit::{self, Failure, Out};
use crate::sys::ifaddrs::{self, Interface};
use crate::sys::signalfd::SignalFd;
use crate::sys::{host, wait_readable};
use getopts::Options;
use ours::Ours;
use session::Session;
use signal_hook::consts::signal::{SIGINT, SIGTERM};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

pub(super) const COMMAND: Command = Command {
    name: "sniff",
    arguments: "INTERFACE|FILE",
    about: "show what is on the wire, or in a pcap file",
    options,
    run,
};

/// Our configuration, unless it is said to be elsewhere.
const CONFIG_FILE: &str = "/etc/vipd.toml";

fn options(options: &mut Options) {
    options
        .optopt("f", "use-file", "our configuration (default /etc/vipd.toml)", "FILE")
        .optopt("F", "format", "its syntax: toml, keepalived or uci", "FORMAT")
        .optopt("i", "config-id", "which @ID lines of it count (default: host name)", "ID")
        .optflag("", "lenient", "leave out what is wrong in it")
        .optopt("", "count", "end after so many packets", "N");
}

/// Where packets come from, and when it is enough.
struct Source {
    signals: SignalFd,
    most: u64,
}

fn run(call: &Call) -> Result<u8, Failure> {
    let name = &call.words(["INTERFACE or FILE"], 1)?[0];
    let most = match call.matches.opt_str("count").map(|count| count.parse()) {
        None => u64::MAX,
        Some(Ok(count)) if count > 0 => count,
        Some(_) => return Err(misuse("--count wants a number from 1 on")),
    };
    let interfaces = ifaddrs::all().map_err(|error| os("cannot list the interfaces", &error))?;
    let is_file = is_file(name, &interfaces);
    if !is_file {
        known(name, &interfaces)?;
    }
    let here = interfaces.get(name).filter(|_| !is_file);
    let mut session = Session::new(call.json, ours(call)?);
    session.interface = (!is_file).then(|| name.clone());
    let macs = interfaces.values().filter_map(|it| it.mac);
    session.macs = macs.filter(|mac| *mac != [0; 6]).collect();
    session.addresses = here.map(|it| it.addresses.clone()).unwrap_or_default();
    let signals =
        SignalFd::new(&[SIGINT, SIGTERM]).map_err(|error| os("cannot wait for signals", &error))?;
    let source = Source { signals, most };
    let result =
        if is_file { source.read(name, &mut session) } else { source.listen(name, &mut session) };
    if let Ok(Out::Open) | Err(_) = result {
        exit::say(&session.counts.summary());
    }
    result.map(|_| exit::OK)
}

/// A file: what looks like one, or is there and is no interface.
fn is_file(name: &str, interfaces: &BTreeMap<String, Interface>) -> bool {
    let looks = name == "-" || name.contains('/');
    let ends = [".pcap", ".pcapng"].iter().any(|end| name.ends_with(end));
    looks || !interfaces.contains_key(name) && (ends || Path::new(name).exists())
}

fn known(name: &str, interfaces: &BTreeMap<String, Interface>) -> Result<(), Failure> {
    if interfaces.contains_key(name) {
        return Ok(());
    }
    let names = || interfaces.keys().map(String::as_str);
    let hint = match nearest::nearest(name, names()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
    };
    let message = format!("there is no interface or file \"{name}\"; {hint}");
    Err(Failure::new(exit::OSERR, message))
}

/// Our configuration. Without one all is shown and nothing compared, which is said.
fn ours(call: &Call) -> Result<Option<Ours>, Failure> {
    let matches = &call.matches;
    let file = matches.opt_str("f").unwrap_or_else(|| CONFIG_FILE.to_owned());
    let format = exit::option(matches, "F", &Format::NAMES)?;
    let format = format.unwrap_or_else(|| Format::of_file(&file));
    let config_id = matches.opt_str("i").unwrap_or_else(host::short_name);
    let how = Reading { format, config_id: &config_id, lenient: matches.opt_present("lenient") };
    let without = |why: String| {
        exit::say(&format!("vipctl: {why}; nothing is compared with ours\n"));
        None
    };
    Ok(match std::fs::read(&file) {
        Err(error) => without(format!("cannot read {file}: {error}")),
        Ok(bytes) => match config::read(&file, &bytes, &how, &hmac::check) {
            (Some(config), _) => Some(Ours::new(&config)),
            (None, _) => without(format!("{file} has errors (vipd -t shows them)")),
        },
    })
}

impl Source {
    /// Shows what an interface hears, until it is enough.
    fn listen(&self, name: &str, session: &mut Session) -> Result<Out, Failure> {
        let groups: Vec<_> = session.ours.iter().flat_map(|ours| ours.groups(name)).collect();
        let sniffer = listen::open(name, groups.into_iter())?;
        exit::say(&format!("listening on {name}\n"));
        let mut buffer = vec![0; listen::BUFFER];
        loop {
            let ready = wait_readable([sniffer.as_fd(), self.signals.as_fd()], None);
            let [_, stop] = ready.map_err(|error| os("cannot wait", &error))?;
            if stop {
                return Ok(Out::Open);
            }
            loop {
                let heard = match sniffer.receive(&mut buffer) {
                    Ok(Some(heard)) => heard,
                    Ok(None) => break,
                    Err(error) => {
                        self.went_down(name, &error)?;
                        break;
                    }
                };
                let bytes = buffer.get(..heard.len).unwrap_or(&buffer);
                let Some(captured) = link::of_interface(&heard, bytes) else { continue };
                if let Some(out) = self.show(session, &captured)? {
                    return Ok(out);
                }
            }
        }
    }

    /// An interface that is down may come back. One that is gone does not.
    fn went_down(&self, name: &str, error: &io::Error) -> Result<(), Failure> {
        if crate::sys::netns::interface_index(name).is_err() {
            return Err(Failure::new(exit::OSERR, format!("{name} is gone")));
        }
        exit::say(&format!("vipctl: {name}: {error}\n"));
        Ok(())
    }

    /// Shows what is in a file.
    fn read(&self, name: &str, session: &mut Session) -> Result<Out, Failure> {
        let failed = |why: String| Failure::new(exit::OSERR, format!("{name}: {why}"));
        let input: Box<dyn Read + '_> = if name == "-" {
            let file = io::stdin().as_fd().try_clone_to_owned().map(File::from);
            let file = file.map_err(|error| failed(error.to_string()))?;
            Box::new(Interruptible { file, signals: self.signals.as_fd() })
        } else {
            Box::new(File::open(name).map_err(|error| failed(format!("cannot open it: {error}")))?)
        };
        let mut reader = pcap::Reader::new(input).map_err(failed)?;
        let mut unknown = 0u64;
        while let Some(packet) = reader.packet().map_err(failed)? {
            unknown += u64::from(packet.link.is_none());
            let Some(captured) = packet.captured() else { continue };
            if let Some(out) = self.show(session, &captured)? {
                return Ok(out);
            }
        }
        if unknown > 0 && session.counts.packets == 0 {
            let why = "its packets are neither of Ethernet, nor of Linux, nor plain IP";
            return Err(failed(why.to_owned()));
        }
        Ok(Out::Open)
    }

    /// Shows a packet; what there is to say if that is enough.
    fn show(
        &self,
        session: &mut Session,
        captured: &link::Captured<'_>,
    ) -> Result<Option<Out>, Failure> {
        let Some(line) = session.line(captured) else { return Ok(None) };
        let out = exit::write_out(&line)?;
        let enough = session.counts.packets >= self.most || out == Out::Closed;
        Ok(enough.then_some(out))
    }
}

/// A file that may be a pipe: a signal ends it.
struct Interruptible<'a> {
    file: File,
    signals: BorrowedFd<'a>,
}

impl Read for Interruptible<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match wait_readable([self.file.as_fd(), self.signals], None)? {
            [_, true] => Ok(0),
            _ => self.file.read(buffer),
        }
    }
}

fn os(what: &str, error: &io::Error) -> Failure {
    Failure::new(exit::OSERR, format!("{what}: {error}"))
}
