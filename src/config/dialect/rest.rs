//! The other sections: checks, groups, trackers, and what is static.

use super::instance::UNDEFINED;
use super::Support::{Differs, Ignored, Later, Renamed, Same};
use super::{Table, BFD, IPVS, MAIL, PACE, STATIC, WEIGHT};

const MEMBERS: &str = "a member that is not there is an error";
const SCRIPT: &str = "it must be there and safe to run; one that cannot be run has failed";
const GROUP_SCRIPT: &str =
    "it runs when those of the members have ended; one of the group runs at a time";

const VRRP_SCRIPT: Table = rows! { "vrrp_script":
    "script"                     Command  Differs, SCRIPT;
    "interval"                   Line     Same, "";
    "timeout"                    Line     Differs,
        "a run has failed when its time is over, and so has each start that it is then in the way of";
    "weight"                     Line     Differs, WEIGHT;
    "rise"                       Line     Same, "";
    "fall"                       Line     Same, "";
    "user"                       Line     Differs,
        "without a group the script has all groups of the user";
    "init_fail"                  Line     Differs,
        "it works: the script has failed until it has succeeded rise times";
};

const VRRP_SYNC_GROUP: Table = rows! { "vrrp_sync_group":
    "group"                      List     Differs, MEMBERS;
    "track_interface"            List     Same, "";
    "track_script"               List     Differs, UNDEFINED;
    "track_file"                 List     Differs, UNDEFINED;
    "track_process"              List     Differs, UNDEFINED;
    "track_bfd"                  List     Ignored, BFD;
    "sync_group_tracking_weight" Line     Same, "";
    "global_tracking"            Line     Renamed, "sync_group_tracking_weight";
    "notify_master"              Command  Differs, GROUP_SCRIPT;
    "notify_backup"              Command  Differs, GROUP_SCRIPT;
    "notify_fault"               Command  Differs, GROUP_SCRIPT;
    "notify_stop"                Command  Differs, GROUP_SCRIPT;
    "notify"                     Command  Differs, GROUP_SCRIPT;
    "notify_priority_changes"    Line     Same, "";
    "smtp_alert"                 Line     Ignored, MAIL;
};

const TRACK_FILE: Table = rows! { "track_file":
    "file"                       Line     Differs,
        "its folder may be missing, and move; numbers are decimal or 0x, and 010 is 10";
    "weight"                     Line     Differs, WEIGHT;
    "reverse"                    Line     Same, "";
    "noreverse"                  Line     Same, "";
    "init_file"                  Line     Differs, "a symbolic link is not followed";
};

const TRACK_PROCESS: Table = rows! { "track_process":
    "process"                    Line     Differs,
        "of a name that is longer than the kernel's the first 15 bytes are compared";
    "param_match"                Line     Same, "";
    "weight"                     Line     Differs, WEIGHT;
    "reverse"                    Line     Same, "";
    "noreverse"                  Line     Same, "";
    "quorum"                     Line     Same, "";
    "quorum_max"                 Line     Same, "";
    "delay"                      Line     Same, "";
    "terminate_delay"            Line     Differs, "it holds whatever way a process has gone";
    "fork_delay"                 Line     Differs, "it holds whatever way a process has come";
    "full_command"               Line     Same, "";
};

const GARP_GROUP: Table = rows! { "garp_group":
    "garp_interval"              Line     Later, PACE;
    "gna_interval"               Line     Later, PACE;
    "interface"                  Line     Later, PACE;
    "interfaces"                 List     Later, PACE;
};

const TRACK_GROUP: Table = rows! { "track_group":
    "group"                      List     Later, STATIC;
};

const BFD_INSTANCE: Table = rows! { "bfd_instance":
    "neighbor_ip"                Line     Ignored, BFD;
    "neighbour_ip"               Line     Ignored, BFD;
    "source_ip"                  Line     Ignored, BFD;
    "min_rx"                     Line     Ignored, BFD;
    "min_tx"                     Line     Ignored, BFD;
    "idle_tx"                    Line     Ignored, BFD;
    "multiplier"                 Line     Ignored, BFD;
    "passive"                    Line     Ignored, BFD;
    "ttl"                        Line     Ignored, BFD;
    "hoplimit"                   Line     Ignored, BFD;
    "max_hops"                   Line     Ignored, BFD;
    "multihop"                   Line     Ignored, BFD;
    "weight"                     Line     Ignored, BFD;
    "vrrp"                       Line     Ignored, BFD;
    "checker"                    Line     Ignored, IPVS;
};

pub(super) const TABLES: &[Table] = &[
    VRRP_SCRIPT,
    VRRP_SYNC_GROUP,
    TRACK_FILE,
    TRACK_PROCESS,
    GARP_GROUP,
    TRACK_GROUP,
    BFD_INSTANCE,
];
