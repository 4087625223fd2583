//! `vrrp_instance` and what stands in it.

use super::Support::{Differs, Ignored, Later, Renamed, Same};
use super::{
    Table, BFD, BUFFERS, CHECKSUM, EXTRA, IPVS, LINKBEAT, LIST, MAIL, OWNER, STRICT, UNICAST,
    WEIGHT,
};

const ADVERT_INT: &str = "it is rounded with a warning: VRRPv2 takes whole seconds, VRRPv3 \
                          hundredths of a second; out of its range it is an error";
const EXCLUDED: &str =
    "an address that somebody else removes is put back without a change of state";
const ACTIVE: &str = "one that is missing, or names no key, is an error";
const HMAC: &str = "with authentication that is passed over, with a warning";
const KEY: &str = "one that is wrong is an error; a file has an absolute path";
pub(super) const UNDEFINED: &str =
    "one that is not defined is an error; it may be defined further down";
const INTERFACES: &str = "several that are down are all waited for, and the interface of the \
                          instance may be among them";
const NO_ACCEPT: &str =
    "it needs nftables, and what the addresses send is not dropped; off means off";
const MAC: &str =
    "its interface is up on the MASTER alone; netlink_notify_msg is not needed, group \
                   is passed over with a warning";
const MAC_ELSEWHERE: &str =
    "an address on another interface than that of the instance keeps the MAC \
                             address of that one";
const NOPREEMPT: &str = "it holds with state MASTER as well; off means off";
const NOTIFY: &str = "one script of the instance runs at a time, and a state that is over before \
                      its turn is skipped";
const LOWER: &str = "once an advert_int at most, and never beside another script of the instance";
const ROUTES: &str =
    "one that somebody else removes is put back without a change of state, and one \
                      of two instances stays until both give it up";
const PRIMARY: &str = "one that does not exist, or has no address to send from, is FAULT all the \
                       same";
const PEER: &str = "one that is empty is an error; what comes from others is discarded";
const SOURCE: &str = "an address that is not there is waited for with track_src_ip alone";
const SECONDARIES: &str =
    "an address that the kernel takes away with another is put back a moment later";
const STATE: &str = "it has no effect: all start as BACKUP, and the highest priority wins";
const STOP: &str = "it is waited for, 10 seconds at most";
const VIPS: &str =
    "an address of another family than the first is an error; one that somebody else \
                    removes is put back without a change of state";

const VRRP_INSTANCE: Table = rows! { "vrrp_instance":
    "state"                      Line     Differs, STATE;
    "interface"                  Line     Differs, "one that is missing is FAULT until it comes";
    "virtual_router_id"          Line     Same, "";
    "priority"                   Line     Differs, "one out of range is an error, and not 100";
    "version"                    Line     Differs, "with IPv6 it is 3 in any case, keepalived takes 2 there as well";
    "advert_int"                 Line     Differs, ADVERT_INT;
    "authentication"             Table    Differs, "with VRRPv3 and with vrrp_strict it is passed over with a warning";
    "auth_hmac"                  Table    Differs, HMAC;
    "virtual_ipaddress"          List     Differs, VIPS;
    "virtual_ipaddress_excluded" List     Differs, EXCLUDED;
    "no_virtual_ipaddress"       Line     Differs,
        "for VRRPv2 alone: an advert of VRRPv3 has an address";
    "virtual_routes"             List     Differs, ROUTES;
    "virtual_rules"              List     Differs, ROUTES;
    "promote_secondaries"        Line     Later, SECONDARIES;
    "accept"                     Line     Differs, "off means no_accept, and both are an error";
    "no_accept"                  Line     Differs, NO_ACCEPT;
    "native_ipv6"                Line     Ignored,
        "it is not needed, the addresses tell their family";

    "preempt"                    Line     Differs, "off means nopreempt";
    "nopreempt"                  Line     Differs, NOPREEMPT;
    "preempt_delay"              Line     Differs,
        "it holds with state MASTER as well";
    "down_timer_adverts"         Line     Same, "";
    "timer_expired_backup"       Line     Ignored,
        "it is not needed, a MASTER that wakes up late gives way to whoever took over";
    "thread_timer_expired"       Line     Renamed, "timer_expired_backup";
    "lower_prio_no_advert"       Line     Same, "";
    "higher_prio_send_advert"    Line     Same, "";
    "owner_ignore_adverts"       Line     Differs, OWNER;
    "skip_check_adv_addr"        Line     Differs, LIST;
    "v3_checksum_as_v2"          Line     Differs, CHECKSUM;
    "old_unicast_checksum"       Line     Ignored,
        "what keepalived 1.3.6 and older sent is not understood";
    "strict_mode"                Line     Differs, STRICT;

    "unicast_peer"               List     Differs, PEER;
    "unicast_src_ip"             Line     Differs, SOURCE;
    "unicast_ttl"                Line     Differs, "without unicast_peer it has no effect";
    "unicast_fault_no_peer"      Line     Ignored, "it is not needed, a unicast_peer that is empty is an error";
    "check_unicast_src"          Line     Differs, UNICAST;
    "mcast_src_ip"               Line     Differs, SOURCE;
    "mcast_dst_ip"               Line     Same, "";
    "track_src_ip"               Line     Same, "";
    "vrf"                        Line     Later, "an instance without interface is an error";
    "use_vmac"                   Line     Differs, MAC;
    "use_vmac_addr"              Line     Ignored, MAC_ELSEWHERE;
    "vmac_xmit_base"             Line     Same, "";
    "use_ipvlan"                 Line     Ignored, "addresses go to the interface itself; use_vmac is supported";
    "kernel_rx_buf_size"         Line     Ignored, BUFFERS;

    "track_script"               List     Differs,
        "a script that is not defined is an error; it may be defined further down";
    "track_interface"            List     Differs, INTERFACES;
    "track_file"                 List     Differs, UNDEFINED;
    "track_process"              List     Differs, UNDEFINED;
    "track_bfd"                  List     Ignored, BFD;
    "dont_track_primary"         Line     Differs, PRIMARY;
    "linkbeat_use_polling"       Line     Ignored, LINKBEAT;

    "notify_master"              Command  Differs, NOTIFY;
    "notify_backup"              Command  Differs, NOTIFY;
    "notify_fault"               Command  Differs, NOTIFY;
    "notify_stop"                Command  Differs, STOP;
    "notify_deleted"             Command  Differs,
        "it runs when a reload removes the instance";
    "notify_master_rx_lower_pri" Command  Differs, LOWER;
    "notify"                     Command  Differs,
        "it runs after the script for the state, one at a time; variables VRRP_* tell it more";
    "notify_priority_changes"    Line     Same, "";
    "smtp_alert"                 Line     Ignored, MAIL;
    "debug"                      Line     Ignored, "it is not needed, vipd -D tells more";

    "garp_master_delay"          Line     Same, "";
    "garp_master_repeat"         Line     Same, "";
    "garp_master_refresh"        Line     Same, "";
    "garp_master_refresh_repeat" Line     Same, "";
    "garp_lower_prio_delay"      Line     Same, "";
    "garp_lower_prio_repeat"     Line     Same, "";
    "garp_extra_if"              Line     Differs, EXTRA;
    "vmac_garp_intvl"            Line     Renamed, "garp_extra_if";

    "lvs_sync_daemon_interface"  Line     Ignored, IPVS;
    "lvs_sync_daemon_inteface"   Line     Renamed, "lvs_sync_daemon_interface";
};

const AUTHENTICATION: Table = rows! { "authentication":
    "auth_type"                  Line     Differs, "AH is an error, for RFC 3768 has removed it";
    "auth_pass"                  Line     Differs,
        "there must be one; 8 bytes of it count, and a longer one is cut with a warning";
};

const AUTH_HMAC: Table = rows! { "auth_hmac":
    "key"                        Line     Differs, KEY;
    "active_key"                 Line     Differs, ACTIVE;
    "time_window"                Line     Same, "";
    "anti_replay"                Line     Same, "";
    "mode"                       Line     Same, "";
};

const VIRTUAL_IPADDRESS: Table = rows! { "virtual_ipaddress":
    "dev"                        Line     Same, "";
    "label"                      Line     Same, "";
    "brd"                        Line     Differs, "with - there is none";
    "broadcast"                  Line     Differs, "with - there is none";
    "scope"                      Line     Differs,
        "global, site, link, host or a number; other names are errors";
    "no_track"                   Line     Differs,
        "an address that vanishes is put back all the same";
    "peer"                       Line     Same, "";
    "preferred_lft"              Line     Same, "";
    "noprefixroute"              Line     Same, "";
    "autojoin"                   Line     Same, "";
    "home"                       Line     Same, "";
    "-nodad"                     Line     Same, "";
    "mngtmpaddr"                 Line     Same, "";
    "use_vmac"                   Line     Ignored, MAC_ELSEWHERE;
};

const UNICAST_PEER: Table = rows! { "unicast_peer":
    "min_ttl"                    Line     Same, "";
    "max_ttl"                    Line     Same, "";
};

const TRACK_SCRIPT: Table = rows! { "track_script":
    "weight"                     Line     Differs, WEIGHT;
    "reverse"                    Line     Same, "";
    "noreverse"                  Line     Same, "";
};

const TRACK_INTERFACE: Table = rows! { "track_interface":
    "weight"                     Line     Differs, WEIGHT;
    "reverse"                    Line     Same, "";
};

const TRACK_BFD: Table = rows! { "track_bfd":
    "weight"                     Line     Ignored, BFD;
    "reverse"                    Line     Ignored, BFD;
    "noreverse"                  Line     Ignored, BFD;
};

pub(super) const TABLES: &[Table] = &[
    VRRP_INSTANCE,
    AUTHENTICATION,
    AUTH_HMAC,
    VIRTUAL_IPADDRESS,
    UNICAST_PEER,
    TRACK_SCRIPT,
    TRACK_INTERFACE,
    TRACK_BFD,
];
