//! What a run that was killed has left: addresses with our mark that nobody looks after, tables of
//! nftables.

use super::super::call::Call;
use super::{Finding, Patient};
use crate::daemon::firewall;
use crate::daemon::lease::table;
use crate::daemon::link::ADDRESS_PROTO;
use crate::sys::netlink::nft::Nft;
use crate::sys::netlink::{self as nl, Builder, Netlink};
use crate::sys::poll_readable;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::path::Path;

/// How long the kernel may take.
const PATIENCE_MS: i32 = 5000;

/// Addresses of a daemon that runs, which is not MASTER for them.
pub fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut ours: Vec<IpAddr> = Vec::new();
    let instances = patient.status.at("instances").list();
    for it in instances.filter(|it| it.at("state").text() == "MASTER") {
        for list in ["virtual_ipaddress", "virtual_ipaddress_excluded"] {
            let parse =
                |text: &str| text.split(['/', ' ']).next().and_then(|it| it.parse::<IpAddr>().ok());
            ours.extend(it.at(list).list().filter_map(|it| parse(it.text())));
        }
    }
    match marked() {
        Err(error) => vec![Finding::Unknown(format!("cannot list the addresses: {error}"))],
        Ok(all) => {
            let lost: Vec<_> = all.into_iter().filter(|address| !ours.contains(address)).collect();
            match lost.is_empty() {
                true => vec![Finding::Fine("no address is left from an earlier run".to_owned())],
                false => vec![addresses(&lost)],
            }
        }
    }
}

/// All of it, if there is no daemon.
pub fn without_daemon(call: &Call) -> Vec<Finding> {
    let mut findings = Vec::new();
    match marked() {
        Err(error) => {
            findings.push(Finding::Unknown(format!("cannot list the addresses: {error}")));
        }
        Ok(all) if all.is_empty() => {}
        Ok(all) => findings.push(addresses(&all)),
    }
    let directory = call.socket.parent().unwrap_or(Path::new("/"));
    let tables = Nft::open().and_then(|mut nft| {
        let lease = table::is_there(&mut nft, directory)?.map(|name| format!("netdev {name}"));
        let filter = firewall::is_there(&mut nft)?.then(|| "inet vipd".to_owned());
        Ok(lease.into_iter().chain(filter).collect::<Vec<_>>())
    });
    match tables {
        Ok(tables) => findings.extend(tables.iter().map(|name| {
            Finding::wrong(
                format!("the nftables table {name} is left from a run that was killed"),
                "It drops what comes in for virtual addresses.",
                format!("Start vipd, which removes it; or nft delete table {name}"),
            )
        })),
        // There can be none.
        Err(error) if nl::nft::is_unsupported(&error) => {}
        Err(error) => findings.push(Finding::Unknown(format!("cannot ask nftables: {error}"))),
    }
    if findings.is_empty() {
        findings.push(Finding::Fine("nothing is left from an earlier run".to_owned()));
    }
    findings
}

fn addresses(all: &[IpAddr]) -> Finding {
    let text: Vec<_> = all.iter().map(IpAddr::to_string).collect();
    Finding::wrong(
        format!("vipd has added {}, and no vipd looks after that now", text.join(", ")),
        "This host answers for it, while another router may be MASTER.",
        "Start vipd with a configuration that has it; or, unless a vipd with another run directory \
         has it, ip address delete it.",
    )
}

/// The addresses that carry our mark. Before Linux 5.18 none does.
fn marked() -> io::Result<Vec<IpAddr>> {
    let socket = Netlink::open(&[], 0)?;
    let mut found = Vec::new();
    for family in [nl::AF_INET, nl::AF_INET6] {
        dump(&socket, family, &mut found)?;
    }
    Ok(found)
}

fn dump(socket: &Netlink, family: u8, found: &mut Vec<IpAddr>) -> io::Result<()> {
    let mut request = Vec::new();
    let mut builder = Builder::new(&mut request);
    builder.begin(nl::RTM_GETADDR, nl::NLM_F_REQUEST | nl::NLM_F_DUMP, u32::from(family));
    builder.header(&nl::if_addr(family, 0, 0, 0, 0));
    builder.end();
    socket.send(&request)?;
    let mut buffer = Vec::new();
    while poll_readable(socket.as_fd(), PATIENCE_MS)? {
        let Some(length) = socket.receive(&mut buffer)? else { continue };
        for message in nl::messages(buffer.get(..length).unwrap_or_default()) {
            match message.kind {
                nl::NLMSG_DONE | nl::NLMSG_ERROR => return Ok(()),
                nl::RTM_NEWADDR => found.extend(marked_address(message.body)),
                _ => {}
            }
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn marked_address(body: &[u8]) -> Option<IpAddr> {
    let (_, rest) = nl::IfAddr::parse(body)?;
    let value = |wanted| nl::attributes(rest).find(|(kind, _)| *kind == wanted).map(|it| it.1);
    if value(nl::IFA_PROTO) != Some(&[ADDRESS_PROTO]) {
        return None;
    }
    let octets = value(nl::IFA_LOCAL).or_else(|| value(nl::IFA_ADDRESS))?;
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}
