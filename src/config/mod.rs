//! Text to [`Config`], whatever the syntax: `toml.rs`, `keepalived/` and `uci/` make a [`tree`],
//! [`schema`] makes the configuration out of it, and every complaint on the way is an
//! [`error::Problem`] with its place.
//!
//! The names of the fields are the keywords of the configuration files.

pub mod convert;
pub mod dialect;
pub mod error;
mod example;
mod excerpt;
pub mod hmac;
pub mod keepalived;
mod lenient;
pub mod model;
pub(crate) mod nearest;
pub mod probe;
pub mod route;
pub mod schema;
pub mod source;
mod text;
pub mod toml;
pub mod tree;
pub mod uci;
pub mod watched;

pub use model::{
    NoAcceptFailure, Notify, NotifyFifo, Track, Tracked, Transport, UnicastPeer, UseVmac,
    VipConflict, VipLease, VrrpSyncGroup,
};
pub use probe::{InterfaceDelays, TrackPing, TrackRoute, TrackTcp};
pub use watched::{InitFile, ParamMatch, TrackFile, TrackProcess};

use crate::vrrp::settings::Election;
use crate::vrrp::tracker::Weight;
use crate::vrrp::StateName;
use crate::wire::{Interval, Priority, Version, Vrid};
use error::{Place, Report};
use route::{VirtualRoute, VirtualRule};
use std::net::IpAddr;
use std::time::Duration;
use tree::Tree;

/// Everything that was asked for, checked as far as the text alone allows.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Config {
    /// `global_defs`
    pub global_defs: GlobalDefs,
    /// `vrrp_script NAME`, in the order of the file.
    pub vrrp_script: Vec<VrrpScript>,
    /// `vrrp_instance NAME`, in the order of the file.
    pub vrrp_instance: Vec<VrrpInstance>,
    /// `static_ipaddress`: there while vipd runs. Each has a `dev`.
    pub static_ipaddress: Vec<VirtualIpAddress>,
    /// `static_routes`: there while vipd runs.
    pub static_routes: Vec<VirtualRoute>,
    /// `static_rules`: there while vipd runs.
    pub static_rules: Vec<VirtualRule>,
    /// `vrrp_sync_group NAME`, in the order of the file.
    pub vrrp_sync_group: Vec<VrrpSyncGroup>,
    /// `track_file NAME`, in the order of the file.
    pub track_file: Vec<TrackFile>,
    /// `track_process NAME`, in the order of the file.
    pub track_process: Vec<TrackProcess>,
    /// `track_route NAME`, in the order of the file.
    pub track_route: Vec<TrackRoute>,
    /// `track_tcp NAME`, in the order of the file.
    pub track_tcp: Vec<TrackTcp>,
    /// `track_ping NAME`, in the order of the file.
    pub track_ping: Vec<TrackPing>,
    /// `interface_up_down_delays`, in the order of the file.
    pub interface_up_down_delays: Vec<InterfaceDelays>,
}

/// `global_defs`: what holds for all. Defaults of an instance are already applied to the instances.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct GlobalDefs {
    /// `router_id`: a name for this router, for people only.
    pub router_id: Option<String>,
    /// `script_user`: who runs scripts that name nobody. Default: whoever runs vipd.
    pub script_user: Option<ScriptUser>,
    /// `socket_group`: who may ask `vipctl`, beside root.
    pub socket_group: Option<String>,
    /// Where that was said.
    pub socket_group_place: Place,
    /// `no_accept_failure`. Default warn.
    pub no_accept_failure: NoAcceptFailure,
    /// `vrrp_startup_delay`: so long after the start all listen to nobody and stay BACKUP. Default 0.
    pub vrrp_startup_delay: Duration,
    /// `vrrp_delay_after_boot`: the same, counted from when the machine was started. Default 0.
    pub vrrp_delay_after_boot: Duration,
    /// `notify_fifo` and `vrrp_notify_fifo`, which are told of all instances and groups.
    pub notify_fifo: Vec<NotifyFifo>,
    /// `fifo_write_vrrp_states_on_reload`: after a reload every state is written to them. Default false.
    pub fifo_write_vrrp_states_on_reload: bool,
}

/// A user and perhaps a group, by name or number, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptUser {
    /// User name or number.
    pub user: String,
    /// Group name or number; the user's own group if absent.
    pub group: Option<String>,
    /// Where it was said.
    pub place: Place,
}

/// A command to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// How it is to be run.
    pub line: CommandLine,
    /// Who runs it, if it says so itself.
    pub user: Option<ScriptUser>,
    /// Where it was said.
    pub place: Place,
}

/// The two ways to write a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandLine {
    /// A string, as keepalived takes it: run without a shell if its first word is a program and no
    /// shell character is in it, else by `/bin/sh -c`.
    Text(String),
    /// A list of words, which never sees a shell. Never empty.
    Words(Vec<String>),
}

/// `vrrp_script NAME`: a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VrrpScript {
    /// The name after the keyword.
    pub name: String,
    /// Where the section begins.
    pub place: Place,
    /// `script`; its user stands in `user`.
    pub script: Command,
    /// `interval` between the starts of two runs. Default 1 s.
    pub interval: Duration,
    /// `timeout`: a run that takes longer has failed. Default: the interval.
    pub timeout: Duration,
    /// `weight` where the instance says nothing else. Default 0: failed means FAULT.
    pub weight: Weight,
    /// `rise`: so many successes in a row end a failure. Default 1.
    pub rise: u32,
    /// `fall`: so many failures in a row are a failure. Default 1.
    pub fall: u32,
    /// `user` and perhaps a group. Default: `script_user`.
    pub user: Option<ScriptUser>,
    /// `init_fail`: failed until the first success. Default false.
    pub init_fail: bool,
    /// `only_while`: run in this state alone, and count as OK elsewhere.
    pub only_while: Option<StateName>,
    /// `start_delay` after entering the state of `only_while`. Default: the interval.
    pub start_delay: Duration,
    /// `fault_hold`: how long a failure lasts after it ended the state of `only_while`. Default 60 s.
    pub fault_hold: Duration,
}

/// `vrrp_instance NAME`: a virtual router, by the user's name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VrrpInstance {
    /// The name after the keyword.
    pub name: String,
    /// Where the section begins.
    pub place: Place,
    /// `interface` that the adverts use.
    pub interface: String,
    /// Where the value of `interface` stands.
    pub interface_place: Place,
    /// `virtual_router_id`
    pub virtual_router_id: Vrid,
    /// `priority`, 1 to 255. Default 100; 255 owns the addresses.
    pub priority: Priority,
    /// `version`. Default 2 for IPv4 (or `vrrp_version`), always 3 for IPv6. `2+3` is 3 here, with
    /// `both_versions` in `election`.
    pub version: Version,
    /// `advert_int`. Default 1 s.
    pub advert_int: Interval,
    /// `nopreempt`: leave a MASTER of lower priority alone. Default false.
    pub nopreempt: bool,
    /// `fast_handover`: wait only the skew time when the MASTER falls below us. Default true.
    pub fast_handover: bool,
    /// `accept`, `no_accept`: the MASTER takes packets for its addresses. An owner takes them always.
    /// Default true.
    pub accept: bool,
    /// `vip_lease`. Default: the best that the kernel has.
    pub vip_lease: Option<VipLease>,
    /// `skip_check_adv_addr`: in VRRPv2, take adverts with another address list. Default false.
    pub skip_check_adv_addr: bool,
    /// `v3_checksum`. Default auto.
    pub v3_checksum: V3Checksum,
    /// `authentication`: the password of VRRPv2's `auth_type PASS`, padded with zeros.
    pub auth_pass: Option<[u8; 8]>,
    /// `auth_hmac`: adverts are signed, and perhaps must be.
    pub auth_hmac: Option<hmac::AuthHmac>,
    /// `virtual_ipaddress`, in the order of the file, never more than 255 of a family; empty only
    /// with `no_virtual_ipaddress`. Addresses of both families make two virtual routers.
    pub virtual_ipaddress: Vec<VirtualIpAddress>,
    /// `virtual_ipaddress_excluded`: set and not advertised, of any family.
    pub virtual_ipaddress_excluded: Vec<VirtualIpAddress>,
    /// `virtual_routes`
    pub virtual_routes: Vec<VirtualRoute>,
    /// `virtual_rules`
    pub virtual_rules: Vec<VirtualRule>,
    /// `track_script`
    pub track_script: Vec<TrackScript>,
    /// `garp_master_delay` until announcements are repeated; 0 for never. Default 5 s.
    pub garp_master_delay: Duration,
    /// `garp_master_repeat`: announcements of each address at a time, 1 to 255. Default 5.
    pub garp_master_repeat: u8,
    /// `garp_master_refresh`: announce again so often while MASTER; 0 for never. Default 0.
    pub garp_master_refresh: Duration,
    /// `garp_master_refresh_repeat`, 1 to 255. Default 1.
    pub garp_master_refresh_repeat: u8,
    /// `garp_lower_prio_delay`, after a contest won. Default: `garp_master_delay`.
    pub garp_lower_prio_delay: Duration,
    /// `garp_lower_prio_repeat`, after a contest won, 0 to 255. Default: `garp_master_repeat`.
    pub garp_lower_prio_repeat: u8,
    /// `preempt_delay` and what else changes its election.
    pub election: Election,
    /// `dont_track_primary`: an interface that is down is no FAULT. Default false.
    pub dont_track_primary: bool,
    /// Where its adverts come from and go to.
    pub transport: Transport,
    /// `vip_conflict`. Default detect.
    pub vip_conflict: VipConflict,
    /// `use_vmac`
    pub use_vmac: Option<UseVmac>,
    /// `track_interface` and all other trackers but scripts.
    pub track: Vec<Track>,
    /// Its notify scripts.
    pub notify: Notify,
}

/// `v3_checksum`: what the checksum of VRRPv3 over IPv4 covers when we send. Both forms are
/// always accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum V3Checksum {
    /// `auto`: the form last heard from a peer, at first with the pseudo-header.
    #[default]
    Auto,
    /// `rfc9568`: the message alone.
    Rfc9568,
    /// `pseudo-header`: with a pseudo-header, as keepalived and FRR read RFC 5798.
    PseudoHeader,
}

/// One line of `virtual_ipaddress`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualIpAddress {
    /// The address.
    pub address: IpAddr,
    /// Length of the prefix. Default: the whole address (32 or 128).
    pub prefix_len: u8,
    /// `dev`: the interface it goes to, if not the instance's.
    pub dev: Option<String>,
    /// Where the value of `dev` stands.
    pub dev_place: Place,
    /// `label`: at most 15 characters.
    pub label: Option<String>,
    /// `brd`: the broadcast address.
    pub brd: Option<std::net::Ipv4Addr>,
    /// `scope`: 0 global, 200 site, 253 link, 254 host. Default global.
    pub scope: u8,
    /// `peer`: the other end; then the length of the prefix is that of its network.
    pub peer: Option<IpAddr>,
    /// `preferred_lft`: for so many seconds it may be chosen to send from; `u32::MAX` for ever.
    /// Default: 0 for IPv6 alone with a prefix of 128 bits, else for ever.
    pub preferred_lft: u32,
    /// The words that stand for themselves.
    pub flags: AddressFlags,
    /// `no_track`: whether its interface is up does not matter to the instance.
    pub no_track: bool,
    /// Where it was said.
    pub place: Place,
}

/// What an address is to be beside itself. Default: none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressFlags {
    /// `home`, IPv6: the home address of Mobile IPv6.
    pub home: bool,
    /// `-nodad`, IPv6: looks for a duplicate before it is used, which a virtual address does not.
    pub dad: bool,
    /// `mngtmpaddr`, IPv6: the kernel makes temporary addresses from it.
    pub mngtmpaddr: bool,
    /// `noprefixroute`: no route to its network is made.
    pub noprefixroute: bool,
    /// `autojoin`: a multicast group, which is joined.
    pub autojoin: bool,
}

/// One entry of `track_script`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackScript {
    /// Which `vrrp_script`: its index in [`Config::vrrp_script`].
    pub script: usize,
    /// The weight here: the entry's own, or the script's.
    pub weight: Weight,
    /// Where it was said.
    pub place: Place,
}

/// The syntaxes that a configuration can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// `vipd.toml(5)`
    #[default]
    Toml,
    /// `keepalived.conf`, see `vipd.keepalived(5)`
    Keepalived,
    /// OpenWrt's `/etc/config/NAME`, see `vipd.uci(5)`
    Uci,
}

impl Format {
    /// All of them, by name.
    pub const NAMES: [(&'static str, Self); 3] =
        [("toml", Self::Toml), ("keepalived", Self::Keepalived), ("uci", Self::Uci)];

    /// What the name of a file tells: `.toml`, or in a folder `/etc/config`, else keepalived's.
    #[must_use]
    pub fn of_file(file: &str) -> Self {
        if file.ends_with(".toml") {
            Self::Toml
        } else if file.contains("/etc/config/") {
            Self::Uci
        } else {
            Self::Keepalived
        }
    }
}

/// How to read a configuration.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Its syntax.
    pub format: Format,
    /// Which lines `@ID` of `keepalived.conf` count: those for this router.
    pub config_id: &'a str,
    /// Skip what cannot be used, as keepalived does, but tell of it.
    pub lenient: bool,
}

impl Reading<'_> {
    /// A syntax, strictly, for no router in particular.
    #[must_use]
    pub const fn strict(format: Format) -> Self {
        Self { format, config_id: "", lenient: false }
    }
}

/// More to find out about a configuration: what this host has to say of it. It is asked even if the
/// text has errors, with what could be read, so that all that is wrong is told at once.
pub type Further<'a> = &'a dyn Fn(&Config, &mut Report);

/// How often something is skipped and the rest looked at again: what is left may be wrong, too.
const ROUNDS: usize = 100;

/// Reads a configuration. Returns all that is wrong with it, not the first thing; the
/// configuration is there if and only if the report holds no error.
#[must_use]
pub fn read(
    file: &str,
    bytes: &[u8],
    how: &Reading<'_>,
    further: Further<'_>,
) -> (Option<Config>, Report) {
    read_in_steps(file, bytes, how, further, &mut || ())
}

/// The same for somebody who has other things to do: `between` is called between the steps.
#[must_use]
pub fn read_in_steps(
    file: &str,
    bytes: &[u8],
    how: &Reading<'_>,
    further: Further<'_>,
    between: &mut dyn FnMut(),
) -> (Option<Config>, Report) {
    let (tree, mut report) = read_tree(file, bytes, how);
    between();
    // Where the syntax is wrong, half of what the schema would miss is only misread.
    let Some(mut tree) = tree else {
        return (None, report);
    };
    let config = check(&mut tree, how, &mut report);
    between();
    // What this host lacks is never skipped: a check that cannot be run must not count as one that
    // succeeds.
    further(&config, &mut report);
    (Some(config).filter(|_| !report.has_errors()), report)
}

/// The second half of [`read`]: what the tree means. Takes out of it what is skipped.
fn check(tree: &mut Tree, how: &Reading<'_>, report: &mut Report) -> Config {
    if how.lenient {
        report.skip_errors();
    }
    let mut rounds = ROUNDS;
    loop {
        let mut round = report.fresh();
        let config = schema::build(tree, &mut round);
        let again = how.lenient && round.has_errors() && rounds > 0;
        if again && lenient::skip(tree, &round) > 0 {
            rounds -= 1;
            report.append(round.skipped_errors());
            continue;
        }
        // What stayed has not been skipped, whatever an earlier round said.
        report.forget_skipped(&round);
        report.append(round);
        return config;
    }
}

/// The first half of [`read`]: what the file says, before it is checked.
#[must_use]
pub fn read_tree(file: &str, bytes: &[u8], how: &Reading<'_>) -> (Option<Tree>, Report) {
    let parse: fn(&str, &mut Report) -> Option<Tree> = match how.format {
        Format::Keepalived => return keepalived_tree(file, bytes, how.config_id),
        Format::Toml => toml::parse,
        Format::Uci => uci::parse,
    };
    let (text, wrong) = match core::str::from_utf8(bytes) {
        Ok(text) => (text.into(), None),
        Err(error) => (String::from_utf8_lossy(bytes), Some(error.valid_up_to())),
    };
    let mut report = Report::new(file, &text).in_format(how.format);
    if let Some(at) = wrong {
        // The first wrong byte has become a replacement character of three.
        let place = Place::new(at, char::REPLACEMENT_CHARACTER.len_utf8());
        report.error(place, "this is not UTF-8").help("save the file as UTF-8");
        return (None, report);
    }
    (parse(&text, &mut report), report)
}

/// keepalived reads bytes, so a file of any encoding is one that somebody has.
fn keepalived_tree(file: &str, bytes: &[u8], config_id: &str) -> (Option<Tree>, Report) {
    let report = |text| Report::new(file, text).in_format(Format::Keepalived);
    match text::decode(bytes) {
        Ok(decoded) => {
            let mut report = report(&decoded.text);
            decoded.tell(0, &mut report);
            (keepalived::parse(&decoded.text, config_id, &mut report), report)
        }
        Err(reason) => {
            let mut report = report("");
            report.error(Place::default(), reason);
            (None, report)
        }
    }
}
