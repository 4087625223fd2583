//! `global_defs`

use super::Support::{Differs, Ignored, Later, Renamed, Same};
use super::{Table, BFD, BUFFERS, CHECKSUM, EXTRA, IPVS, LIST, MAIL, OWNER, PACE, STRICT, UNICAST};

const BUS: &str = "vipd is not on the bus";
const DUMP: &str = "vipd writes no such file; SIGUSR1 puts the state into the log";
const FIFO: &str =
    "its mode is 0600, with a group 0640; a full one loses no last state; none but vipd, \
                    root or its user may own it";
const FIFO_SCRIPT: &str =
    "it is started again when it ends, and may read to the end when vipd stops";
const FIREWALL: &str = "vipd makes a table of its own with nftables, inet vipd, if it needs one";
const PROCESS: &str = "priority, memory and CPUs of vipd are the business of what starts it";
const RELOAD: &str = "vipd reads its configuration when it is told to, and never by itself";
const SCRIPT: &str = "the script is not run; let the service manager run it";
const SNMP: &str = "vipd has no SNMP agent";
const USER: &str = "without it scripts run as the user of vipd, also where there is a user \
                    keepalived_script";

pub(super) const TABLES: &[Table] = &[rows! { "global_defs":
    "router_id"                          Line     Same, "";
    "lvs_id"                             Line     Ignored, "router_id has taken its place";

    "script_user"                        Line     Differs, USER;
    "enable_script_security"             Line     Differs, "it is always on, whatever it is set to";
    "use_symlink_paths"                  Line     Ignored,
        "it is not needed, a script is run by the path that is written";
    "set_supplementary_groups"           Line     Ignored,
        "it is not needed, a script has all groups of its user unless one is named";
    "startup_script"                     Command  Ignored, SCRIPT;
    "startup_script_timeout"             Line     Ignored, SCRIPT;
    "shutdown_script"                    Command  Ignored, SCRIPT;
    "shutdown_script_timeout"            Line     Ignored, SCRIPT;

    "vrrp_version"                       Line     Same, "";
    "vrrp_skip_check_adv_addr"           Line     Differs, LIST;
    "v3_checksum_as_v2"                  Line     Differs, CHECKSUM;
    "vrrp_strict"                        Line     Differs, STRICT;
    "vrrp_mcast_group4"                  Line     Same, "";
    "vrrp_mcast_group6"                  Line     Same, "";
    "vrrp_check_unicast_src"             Line     Differs, UNICAST;
    "vrrp_down_timer_adverts"            Line     Same, "";
    "vrrp_lower_prio_no_advert"          Line     Same, "";
    "vrrp_higher_prio_send_advert"       Line     Same, "";
    "vrrp_owner_ignore_adverts"          Line     Differs, OWNER;
    "vrrp_startup_delay"                 Line     Same, "";
    "vrrp_delay_after_boot"              Line     Same, "";
    "log_unknown_vrids"                  Line     Later,
        "adverts for a virtual_router_id that is not ours are only counted";

    "vrrp_garp_master_delay"             Line     Same, "";
    "vrrp_garp_master_repeat"            Line     Same, "";
    "vrrp_garp_master_refresh"           Line     Same, "";
    "vrrp_garp_master_refresh_repeat"    Line     Same, "";
    "vrrp_garp_lower_prio_delay"         Line     Same, "";
    "vrrp_garp_lower_prio_repeat"        Line     Same, "";
    "vrrp_min_garp"                      Line     Differs,
        "it stands for vrrp_garp_master_repeat 1 and vrrp_garp_master_delay 0";
    "vrrp_garp_interval"                 Line     Later,
        "announcements follow each other without a pause, as with 0";
    "vrrp_gna_interval"                  Line     Later, PACE;
    "vrrp_garp_extra_if"                 Line     Differs, EXTRA;
    "vrrp_vmac_garp_intvl"               Line     Renamed, "vrrp_garp_extra_if";

    "dynamic_interfaces"                 Line     Ignored,
        "it is not needed, an interface may always come and go";
    "default_interface"                  Line     Later,
        "it is for static addresses, and none are set";
    "disable_local_igmp"                 Line     Ignored,
        "the kernel goes on to report the multicast groups of a link";
    "vmac_prefix"                        Line     Differs, "it has 10 bytes at most";
    "vmac_addr_prefix"                   Line     Ignored,
        "no address on another interface than that of its instance has a virtual MAC address";
    "vrrp_iptables"                      Line     Ignored, FIREWALL;
    "vrrp_ipsets"                        Line     Ignored, FIREWALL;
    "nftables"                           Line     Ignored, FIREWALL;
    "nftables_priority"                  Line     Ignored, FIREWALL;
    "nftables_ifindex"                   Line     Ignored, FIREWALL;
    "nftables_counters"                  Line     Ignored, FIREWALL;
    "iproute_usr_dir"                    Line     Ignored,
        "names of scopes are not looked up there";
    "iproute_etc_dir"                    Line     Ignored,
        "names of scopes are not looked up there";

    "notify_fifo"                        Line     Differs, FIFO;
    "notify_fifo_script"                 Command  Differs, FIFO_SCRIPT;
    "vrrp_notify_fifo"                   Line     Differs, FIFO;
    "vrrp_notify_fifo_script"            Command  Differs, FIFO_SCRIPT;
    "vrrp_notify_priority_changes"       Line     Same, "";
    "fifo_write_vrrp_states_on_reload"   Line     Differs, "the states of a MASTER are written, too";

    "notification_email"                 List     Ignored, MAIL;
    "notification_email_from"            Line     Ignored, MAIL;
    "smtp_server"                        Line     Ignored, MAIL;
    "smtp_helo_name"                     Line     Ignored, MAIL;
    "smtp_connect_timeout"               Line     Ignored, MAIL;
    "smtp_alert"                         Line     Ignored, MAIL;
    "smtp_alert_vrrp"                    Line     Ignored, MAIL;
    "email_faults"                       Line     Ignored, MAIL;
    "no_email_faults"                    Line     Ignored, MAIL;

    "reload_check_config"                Line     Ignored,
        "it is not needed, a configuration is always checked before it is used";
    "reload_time_file"                   Line     Ignored, RELOAD;
    "reload_repeat"                      Line     Ignored, RELOAD;
    "reload_file"                        Line     Ignored, RELOAD;
    "include_check"                      Line     Ignored,
        "what include does about a missing file cannot be changed";
    "config_save_dir"                    Line     Ignored,
        "vipd keeps no copies of its configuration";
    "tmp_config_directory"               Line     Ignored,
        "it is not needed, vipd makes no copies of its configuration";
    "random_seed"                        Line     Ignored,
        "random numbers are not the same each time";
    "umask"                              Line     Ignored, "scripts have umask 022";

    "state_dump_file"                    Line     Ignored, DUMP;
    "stats_dump_file"                    Line     Ignored, DUMP;
    "json_dump_file"                     Line     Ignored, DUMP;
    "state_file_location"                Line     Ignored, DUMP;
    "stats_file_location"                Line     Ignored, DUMP;
    "json_file_location"                 Line     Ignored, DUMP;
    "json_version"                       Line     Ignored, DUMP;
    "data_use_instance"                  Line     Ignored, DUMP;
    "snmp_socket"                        Line     Ignored, SNMP;
    "enable_traps"                       Line     Ignored, SNMP;
    "enable_snmp_vrrp"                   Line     Ignored, SNMP;
    "enable_snmp_keepalived"             Line     Renamed, "enable_snmp_vrrp";
    "enable_snmp_rfc"                    Line     Ignored, SNMP;
    "enable_snmp_rfcv2"                  Line     Ignored, SNMP;
    "enable_snmp_rfcv3"                  Line     Ignored, SNMP;
    "enable_snmp_checker"                Line     Ignored, SNMP;
    "snmp_vs_stats_update_interval"      Line     Ignored, SNMP;
    "snmp_rs_stats_update_interval"      Line     Ignored, SNMP;
    "enable_dbus"                        Line     Ignored, BUS;
    "dbus_service_name"                  Line     Ignored, BUS;
    "dbus_no_interface_name"             Line     Ignored, BUS;

    "max_auto_priority"                  Line     Ignored, PROCESS;
    "min_auto_priority_delay"            Line     Ignored, PROCESS;
    "vrrp_priority"                      Line     Ignored, PROCESS;
    "vrrp_no_swap"                       Line     Ignored, PROCESS;
    "vrrp_rt_priority"                   Line     Ignored, PROCESS;
    "vrrp_cpu_affinity"                  Line     Ignored, PROCESS;
    "vrrp_rlimit_rttime"                 Line     Ignored, PROCESS;
    "vrrp_rlimit_rtime"                  Line     Renamed, "vrrp_rlimit_rttime";
    "process_names"                      Line     Ignored, "vipd is one process, of that name";
    "process_name"                       Line     Ignored, "vipd is one process, of that name";
    "vrrp_process_name"                  Line     Ignored, "vipd is one process, of that name";
    "vrrp_rx_bufs_policy"                Line     Ignored, BUFFERS;
    "vrrp_rx_bufs_multiplier"            Line     Ignored, BUFFERS;
    "vrrp_netlink_cmd_rcv_bufs"          Line     Ignored, BUFFERS;
    "vrrp_netlink_cmd_rcv_bufs_force"    Line     Ignored, BUFFERS;
    "vrrp_netlink_monitor_rcv_bufs"      Line     Ignored, BUFFERS;
    "vrrp_netlink_monitor_rcv_bufs_force" Line    Ignored, BUFFERS;
    "process_monitor_rcv_bufs"           Line     Ignored, BUFFERS;
    "process_monitor_rcv_bufs_force"     Line     Ignored, BUFFERS;

    "bfd_process_name"                   Line     Ignored, BFD;
    "bfd_priority"                       Line     Ignored, BFD;
    "bfd_no_swap"                        Line     Ignored, BFD;
    "bfd_rt_priority"                    Line     Ignored, BFD;
    "bfd_cpu_affinity"                   Line     Ignored, BFD;
    "bfd_rlimit_rttime"                  Line     Ignored, BFD;
    "bfd_rlimit_rtime"                   Line     Renamed, "bfd_rlimit_rttime";

    "checker_process_name"               Line     Ignored, IPVS;
    "lvs_process_name"                   Line     Renamed, "checker_process_name";
    "checker_priority"                   Line     Ignored, IPVS;
    "checker_no_swap"                    Line     Ignored, IPVS;
    "checker_rt_priority"                Line     Ignored, IPVS;
    "checker_cpu_affinity"               Line     Ignored, IPVS;
    "checker_rlimit_rttime"              Line     Ignored, IPVS;
    "checker_rlimit_rtime"               Line     Renamed, "checker_rlimit_rttime";
    "checker_log_all_failures"           Line     Ignored, IPVS;
    "smtp_alert_checker"                 Line     Ignored, IPVS;
    "no_checker_emails"                  Line     Ignored, IPVS;
    "rs_init_notifies"                   Line     Ignored, IPVS;
    "lvs_timeouts"                       Line     Ignored, IPVS;
    "lvs_flush"                          Line     Ignored, IPVS;
    "lvs_flush_on_stop"                  Line     Ignored, IPVS;
    "lvs_flush_onstop"                   Line     Renamed, "lvs_flush_on_stop";
    "lvs_sync_daemon"                    Line     Ignored, IPVS;
    "lvs_notify_fifo"                    Line     Ignored, IPVS;
    "lvs_notify_fifo_script"             Command  Ignored, IPVS;
    "lvs_netlink_cmd_rcv_bufs"           Line     Ignored, IPVS;
    "lvs_netlink_cmd_rcv_bufs_force"     Line     Ignored, IPVS;
    "lvs_netlink_monitor_rcv_bufs"       Line     Ignored, IPVS;
    "lvs_netlink_monitor_rcv_bufs_force" Line     Ignored, IPVS;
    "nftables_ipvs"                      Line     Ignored, IPVS;
    "nftables_ipvs_priority"             Line     Ignored, IPVS;
    "nftables_ipvs_start_fwmark"         Line     Ignored, IPVS;
}];
