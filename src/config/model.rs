//! What the larger groups of words of a configuration become. The names of the fields are the
//! keywords.

use super::error::Place;
use super::{Command, ScriptUser, VirtualIpAddress};
use crate::vrrp::tracker::Weight;
use crate::wire::Family;
use std::net::IpAddr;
use std::time::Duration;

/// `vip_conflict`: what is done about another host that has a virtual address of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VipConflict {
    /// Nothing.
    Off,
    /// A MASTER notices what others say of the address, and announces it again.
    #[default]
    Detect,
    /// And it asks for others when it takes the address.
    Probe,
}

/// `no_accept_failure`: what becomes of an instance with `no_accept` while the kernel cannot drop
/// packets for its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NoAcceptFailure {
    /// `warn`: it goes on, and says that it answers on them.
    #[default]
    Warn,
    /// `fault`: it is in FAULT.
    Fault,
}

/// `vip_lease`: what takes the addresses away from a MASTER that was killed or stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VipLease {
    /// `nft`: nftables drops what is for them when they are not renewed.
    Nft,
    /// `lifetime`: the kernel removes them when they are not renewed.
    Lifetime,
    /// `off`: nothing.
    Off,
}

/// Where adverts come from and go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transport {
    /// `unicast_src_ip` or `mcast_src_ip`: the address to send from, at most one of each family.
    pub source: Vec<IpAddr>,
    /// `track_src_ip`: FAULT while that address is not there. Default false.
    pub track_src_ip: bool,
    /// `mcast_dst_ip`, `vrrp_mcast_group4`, `vrrp_mcast_group6`: another group than RFC 9568's, at
    /// most one of each family.
    pub group: Vec<IpAddr>,
    /// `unicast_peer`: send to these instead of the group. Empty: multicast.
    pub unicast_peer: Vec<UnicastPeer>,
    /// `unicast_ttl` of what is sent to peers. Default 255.
    pub unicast_ttl: u8,
    /// `check_unicast_src`: heed nobody but the peers. Default true.
    pub check_unicast_src: bool,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            source: Vec::new(),
            track_src_ip: false,
            group: Vec::new(),
            unicast_peer: Vec::new(),
            unicast_ttl: 255,
            check_unicast_src: true,
        }
    }
}

impl Transport {
    /// Where the adverts of a family go to: the group, or each peer.
    pub fn destinations(&self, family: Family) -> impl Iterator<Item = IpAddr> + '_ {
        let of_family = move |address: &IpAddr| Family::of(*address) == family;
        let group = self.group.iter().copied().find(of_family).unwrap_or(family.group());
        let peers = self.unicast_peer.iter().map(|peer| peer.address);
        let group = Some(group).filter(|_| self.unicast_peer.is_empty());
        group.into_iter().chain(peers.filter(of_family))
    }
}

/// An entry of `unicast_peer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnicastPeer {
    /// Its address.
    pub address: IpAddr,
    /// `min_ttl` of what comes from it. Default 0.
    pub min_ttl: u8,
    /// `max_ttl` of what comes from it. Default 255.
    pub max_ttl: u8,
    /// Where it was said.
    pub place: Place,
}

/// `vrrp_sync_group NAME`: instances that are MASTER together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VrrpSyncGroup {
    /// The name after the keyword.
    pub name: String,
    /// Where the section begins.
    pub place: Place,
    /// `group`: the members, by their index in [`super::Config::vrrp_instance`].
    pub group: Vec<usize>,
    /// Its notify scripts; they run after those of its members.
    pub notify: Notify,
}

/// `use_vmac`: a virtual MAC address for each virtual router of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UseVmac {
    /// The names of its interfaces: for IPv4, and for IPv6. Default: `vrrp.VRID` and `vrrp6.VRID`.
    pub names: [String; 2],
    /// The MAC address, if it is not that of the RFC: `00:00:5e:00:01:VRID` for IPv4 and
    /// `00:00:5e:00:02:VRID` for IPv6.
    pub mac: Option<[u8; 6]>,
    /// `vmac_xmit_base`: adverts leave through the interface below, with its own MAC address.
    pub xmit_base: bool,
    /// Where it was said.
    pub place: Place,
}

impl UseVmac {
    /// The name of the interface for a family.
    #[must_use]
    pub fn name(&self, family: Family) -> &str {
        match family {
            Family::V4 => &self.names[0],
            Family::V6 => &self.names[1],
        }
    }
}

/// Something to track, and what it is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// What is tracked.
    pub tracked: Tracked,
    /// The weight here: the entry's own, or that of what is tracked.
    pub weight: Weight,
    /// It was not asked for: an address or a route goes through that interface.
    pub implicit: bool,
    /// Where it was said.
    pub place: Place,
}

/// What can be tracked beside scripts: an interface by its name, all else by its index in the
/// configuration's list of its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tracked {
    /// `track_interface`
    Interface(String),
    /// `track_file`
    File(usize),
    /// `track_process`
    Process(usize),
    /// `track_route`
    Route(usize),
    /// `track_tcp`
    Tcp(usize),
    /// `track_ping`
    Ping(usize),
}

/// Scripts that are told of changes, of an instance or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// `notify_master`, without arguments.
    pub notify_master: Option<Command>,
    /// `notify_backup`, without arguments.
    pub notify_backup: Option<Command>,
    /// `notify_fault`, without arguments.
    pub notify_fault: Option<Command>,
    /// `notify_stop`, without arguments.
    pub notify_stop: Option<Command>,
    /// `notify`, with `INSTANCE` or `GROUP`, name, state and priority.
    pub notify: Option<Command>,
    /// `notify_timeout` for one script. Default 60 s.
    pub notify_timeout: Duration,
    /// `notify_deleted`: for an instance that a reload removes.
    pub notify_deleted: Option<Command>,
    /// `notify_master_rx_lower_pri`: a MASTER has heard one of lower rank.
    pub notify_master_rx_lower_pri: Option<Command>,
    /// `notify_master_pre`: runs before the addresses come.
    pub notify_master_pre: Option<Command>,
    /// `notify_backup_pre`: runs before the addresses go.
    pub notify_backup_pre: Option<Command>,
    /// `notify_pre_timeout`: how long the addresses wait for it. Default 1 s.
    pub notify_pre_timeout: Duration,
    /// `notify_fifo` of the instance.
    pub notify_fifo: Option<NotifyFifo>,
    /// `notify_priority_changes`: the FIFOs are told of them. `None` in an instance does not remain.
    pub notify_priority_changes: Option<bool>,
}

/// `notify_fifo`: a FIFO that lines are written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyFifo {
    /// Its path, from the root.
    pub path: String,
    /// Who may read it. Default: whoever runs vipd.
    pub user: Option<ScriptUser>,
    /// `notify_fifo_script`: reads it.
    pub script: Option<Command>,
    /// Where it was said.
    pub place: Place,
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            notify_master: None,
            notify_backup: None,
            notify_fault: None,
            notify_stop: None,
            notify: None,
            notify_timeout: Duration::from_secs(60),
            notify_deleted: None,
            notify_master_rx_lower_pri: None,
            notify_master_pre: None,
            notify_backup_pre: None,
            notify_pre_timeout: Duration::from_secs(1),
            notify_fifo: None,
            notify_priority_changes: None,
        }
    }
}

impl Notify {
    /// All scripts that there are.
    pub fn commands(&self) -> impl Iterator<Item = &Command> + Clone {
        let Self { notify_master, notify_backup, notify_fault, notify_stop, notify, .. } = self;
        let Self { notify_deleted, notify_master_rx_lower_pri, .. } = self;
        let Self { notify_master_pre, notify_backup_pre, .. } = self;
        let of_states = [notify_master, notify_backup, notify_fault, notify_stop, notify];
        let others =
            [notify_deleted, notify_master_rx_lower_pri, notify_master_pre, notify_backup_pre];
        of_states.into_iter().chain(others).flatten()
    }
}

impl super::VrrpInstance {
    /// The advertised addresses of one family, in the order of the file.
    pub fn addresses(&self, family: Family) -> impl Iterator<Item = &VirtualIpAddress> {
        self.virtual_ipaddress.iter().filter(move |vip| Family::of(vip.address) == family)
    }

    /// The families that it has a virtual router for: those of its addresses, else IPv4.
    pub fn families(&self) -> impl Iterator<Item = Family> + '_ {
        use Family::{V4, V6};
        let has = |family: &Family| self.addresses(*family).next().is_some();
        let none = self.virtual_ipaddress.is_empty();
        [V4, V6].into_iter().filter(move |family| has(family) || (none && *family == V4))
    }

    /// With the virtual router of which family something goes that is of IPv6, or of IPv4: of its
    /// own, if there is one.
    #[must_use]
    pub fn family_of(&self, is_ipv6: bool) -> Family {
        use Family::{V4, V6};
        let own = if is_ipv6 { V6 } else { V4 };
        let mut families = self.families();
        let first = families.next().unwrap_or(own);
        if families.any(|family| family == own) {
            own
        } else {
            first
        }
    }
}
