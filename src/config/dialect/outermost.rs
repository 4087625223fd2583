//! What stands outside of any braces.

use super::Support::{Differs, Ignored, Later, Renamed, Same};
use super::{Table, BFD, IPVS, LINKBEAT, PACE, STATIC};

const NAMESPACE: &str = "vipd stays in the network namespace it was started in, and takes the \
                         addresses there; start it in the right one with ip netns exec";
const GROUP: &str = "it becomes MASTER where all members can win, as soon as one of them has lost \
                     its MASTER";

pub(super) const TABLES: &[Table] = &[rows! { "":
    "include"                  Line          Same, "";
    "includer"                 Line          Same, "";
    "includem"                 Line          Same, "";
    "includew"                 Line          Same, "";
    "includeb"                 Line          Same, "";
    "includea"                 Line          Same, "";
    "global_defs"              Section       Same, "";
    "vrrp_script"              NamedSection  Same, "";
    "vrrp_instance"            NamedSection  Same, "";
    "vrrp_sync_group"          NamedSection  Differs, GROUP;
    "track_file"               NamedSection  Same, "";
    "vrrp_track_file"          NamedSection  Renamed, "track_file";
    "vrrp_track_process"       NamedSection  Renamed, "track_process";
    "track_process"            NamedSection  Differs,
        "the name that vipd has for vrrp_track_process; both are taken";
    "interface_up_down_delays" List          Differs,
        "without an up delay it is as long as the down delay, as the manual of keepalived says";
    "garp_group"               Section       Later, PACE;
    "static_ipaddress"         List          Differs,
        "without dev an address goes to eth0, whatever default_interface says";
    "static_routes"            List          Differs, "as virtual_routes";
    "static_rules"             List          Differs, "as virtual_rules";
    "track_group"              NamedSection  Later, STATIC;
    "bfd_instance"             NamedSection  Ignored, BFD;
    "linkbeat_interfaces"      List          Ignored, LINKBEAT;
    "linkbeat_use_polling"     Line          Ignored, LINKBEAT;
    "net_namespace"            Line          Later, NAMESPACE;
    "net_namespace_ipvs"       Line          Ignored, IPVS;
    "namespace_with_ipsets"    Line          Ignored, "vipd makes no ipsets";
    "instance"                 Line          Ignored,
        "vipd names nothing after it; give each vipd a run directory of its own with -r";
    "use_pid_dir"              Line          Ignored,
        "it is not needed, all files of vipd are in its run directory";
    "child_wait_time"          Line          Ignored, "it is not needed, vipd is one process";
    "virtual_server"           NamedSection  Ignored, IPVS;
    "virtual_server_group"     NamedSection  Ignored, IPVS;
    "SSL"                      Section       Ignored, IPVS;
}];
