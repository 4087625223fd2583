//! Every word that a file of keepalived may hold, and what vipd makes of it: the table behind
//! `vipd.keepalived(5)`.

/// What vipd makes of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It means what it means to keepalived.
    Same,
    /// It is there, and something about it is different: the note says what.
    Differs,
    /// An old word for this one, which means the same.
    Renamed(&'static str),
    /// Not supported yet: the note says what that means.
    Later,
    /// Taken, and nothing is done: the note says what is not done, or why nothing has to be.
    Ignored,
    /// An error: the note says why.
    Refused,
}

/// How a word is written in `keepalived.conf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `word VALUE...`
    Line,
    /// `word "COMMAND" [USER [GROUP]]`: with quotes and escapes as a shell has them.
    Command,
    /// `word { ... }`, with lines that begin with no keyword.
    List,
    /// `word { ... }`, with lines that begin with a keyword of the section of that name.
    Table,
    /// The same at the outermost level.
    Section,
    /// `word NAME { ... }` at the outermost level.
    NamedSection,
}

/// A word.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The section or table it stands in; empty for the outermost level.
    pub section: &'static str,
    /// How it is written.
    pub word: &'static str,
    /// What follows it.
    pub form: Form,
    /// What vipd makes of it.
    pub support: Support,
    /// What is different, what is missing, or why; may be empty. It ends a message behind a colon.
    pub note: &'static str,
}

const GROUPS: &str = "instances do not move together";
const MULTICAST: &str = "adverts go to the multicast group alone";
const SOURCE: &str = "adverts come from the first address of the interface";
const MAC: &str = "addresses keep the MAC address of their interface";
const TRACK: &str = "only scripts are tracked, and the interface of the instance";
const ROUTES: &str = "only addresses move; a notify script can move the rest";
const ACCEPT: &str = "the MASTER always answers on its virtual addresses";
const TIMER: &str = "a MASTER counts as down after 3 intervals, as its RFC has it";
const CONTEST: &str = "an advert of lower priority is always answered";
const OUTPUT: &str = "vipd writes no such file";
const MAIL: &str = "vipd sends no mail; a notify script can";
const BURST: &str = "announcements are not spread out";
const DELAY: &str = "a router takes part from the start";
const NOTIFY: &str = "use notify, which is run for every change of state";
const PROCESS: &str = "priority and memory of the process are for the service manager";
const FIREWALL: &str = "vipd leaves the firewall alone";
const NAMESPACE: &str = "start vipd in the namespace instead";
const STRICT: &str = "no checks are made but those of vipd itself";
const STATIC: &str = "vipd changes only what moves";
const SECURITY: &str = "how scripts are run cannot be changed";
const YIELD: &str = "a MASTER that hears a higher priority gives way without an advert";
const OWNER: &str = "in VRRPv2 an owner ignores adverts, in VRRPv3 it does not";
const IPVS: &str = "vipd balances no load";
const BFD: &str = "vipd runs no BFD";
const SNMP: &str = "vipd has no SNMP agent";
const DBUS: &str = "vipd is not on the bus";
const BUFFERS: &str = "vipd sizes its buffers itself";
const HMAC: &str = "adverts of VRRPv3 are not authenticated";
const TODO: &str = "TODO";

const fn row(
    section: &'static str,
    word: &'static str,
    form: Form,
    support: Support,
    note: &'static str,
) -> Row {
    Row { section, word, form, support, note }
}

use Form::{Command, Line, List, NamedSection, Section, Table};
use Support::{Ignored, Later, Renamed, Same};

/// The words of keepalived, in the order of its manual.
pub const ROWS: &[Row] = &[
    row("", "linkbeat_use_polling", Line, Ignored, TODO),
    row("", "net_namespace", Line, Ignored, TODO),
    row("", "net_namespace_ipvs", Line, Ignored, IPVS),
    row("", "namespace_with_ipsets", Line, Ignored, IPVS),
    row("", "use_pid_dir", Line, Ignored, TODO),
    row("", "instance", Line, Ignored, TODO),
    row("", "child_wait_time", Line, Ignored, TODO),
    row("", "global_defs", Section, Same, ""),
    row("global_defs", "process_names", Line, Ignored, PROCESS),
    row("global_defs", "process_name", Line, Ignored, PROCESS),
    row("global_defs", "vrrp_process_name", Line, Ignored, PROCESS),
    row("global_defs", "checker_process_name", Line, Ignored, IPVS),
    row("global_defs", "lvs_process_name", Line, Ignored, IPVS),
    row("global_defs", "bfd_process_name", Line, Ignored, BFD),
    row("global_defs", "use_symlink_paths", Line, Later, SECURITY),
    row("global_defs", "set_supplementary_groups", Line, Later, SECURITY),
    row("global_defs", "router_id", Line, Same, ""),
    row("global_defs", "notification_email_from", Line, Ignored, MAIL),
    row("global_defs", "smtp_server", Line, Ignored, MAIL),
    row("global_defs", "smtp_helo_name", Line, Ignored, MAIL),
    row("global_defs", "smtp_connect_timeout", Line, Ignored, MAIL),
    row("global_defs", "notification_email", List, Ignored, MAIL),
    row("global_defs", "smtp_alert", Line, Ignored, MAIL),
    row("global_defs", "startup_script", Command, Ignored, TODO),
    row("global_defs", "startup_script_timeout", Line, Ignored, TODO),
    row("global_defs", "shutdown_script", Command, Ignored, TODO),
    row("global_defs", "shutdown_script_timeout", Line, Ignored, TODO),
    row("global_defs", "max_auto_priority", Line, Later, PROCESS),
    row("global_defs", "min_auto_priority_delay", Line, Ignored, PROCESS),
    row("global_defs", "smtp_alert_vrrp", Line, Ignored, MAIL),
    row("global_defs", "smtp_alert_checker", Line, Ignored, IPVS),
    row("global_defs", "checker_log_all_failures", Line, Ignored, IPVS),
    row(
        "global_defs",
        "dynamic_interfaces",
        Line,
        Later,
        "leave it out: an interface may always come and go",
    ),
    row("global_defs", "no_email_faults", Line, Ignored, MAIL),
    row("global_defs", "default_interface", Line, Ignored, TODO),
    row("global_defs", "disable_local_igmp", Line, Ignored, TODO),
    row("global_defs", "v3_checksum_as_v2", Line, Ignored, TODO),
    row("global_defs", "lvs_timeouts", Line, Ignored, IPVS),
    row("global_defs", "lvs_flush", Line, Ignored, IPVS),
    row("global_defs", "lvs_flush_on_stop", Line, Ignored, IPVS),
    row("global_defs", "lvs_flush_onstop", Line, Ignored, IPVS),
    row("global_defs", "lvs_sync_daemon", Line, Ignored, IPVS),
    row("global_defs", "vrrp_mcast_group4", Line, Later, MULTICAST),
    row("global_defs", "vrrp_mcast_group6", Line, Later, MULTICAST),
    row("global_defs", "vrrp_garp_master_delay", Line, Same, ""),
    row("global_defs", "vrrp_garp_master_repeat", Line, Same, ""),
    row("global_defs", "vrrp_garp_master_refresh", Line, Same, ""),
    row("global_defs", "vrrp_garp_master_refresh_repeat", Line, Same, ""),
    row("global_defs", "vrrp_garp_lower_prio_delay", Line, Same, ""),
    row("global_defs", "vrrp_garp_lower_prio_repeat", Line, Same, ""),
    row("global_defs", "vrrp_down_timer_adverts", Line, Later, TIMER),
    row("global_defs", "vrrp_garp_interval", Line, Later, BURST),
    row("global_defs", "vrrp_gna_interval", Line, Later, BURST),
    row(
        "global_defs",
        "vrrp_min_garp",
        Line,
        Later,
        "set vrrp_garp_master_repeat and vrrp_garp_master_delay",
    ),
    row("global_defs", "vrrp_garp_extra_if", Line, Ignored, TODO),
    row("global_defs", "vrrp_vmac_garp_intvl", Line, Renamed("vrrp_garp_extra_if"), ""),
    row("global_defs", "vrrp_lower_prio_no_advert", Line, Later, CONTEST),
    row("global_defs", "vrrp_higher_prio_send_advert", Line, Later, YIELD),
    row("global_defs", "vrrp_version", Line, Same, ""),
    row("global_defs", "vrrp_iptables", Line, Later, FIREWALL),
    row("global_defs", "vrrp_ipsets", Line, Ignored, TODO),
    row("global_defs", "nftables", Line, Later, FIREWALL),
    row("global_defs", "nftables_priority", Line, Ignored, PROCESS),
    row("global_defs", "nftables_ifindex", Line, Ignored, TODO),
    row("global_defs", "vrrp_check_unicast_src", Line, Later, MULTICAST),
    row("global_defs", "vrrp_skip_check_adv_addr", Line, Same, ""),
    row("global_defs", "vrrp_strict", Line, Later, STRICT),
    row("global_defs", "vrrp_priority", Line, Later, PROCESS),
    row("global_defs", "vrrp_no_swap", Line, Later, PROCESS),
    row("global_defs", "vrrp_rt_priority", Line, Later, PROCESS),
    row("global_defs", "vrrp_cpu_affinity", Line, Ignored, PROCESS),
    row("global_defs", "vrrp_rlimit_rttime", Line, Ignored, PROCESS),
    row("global_defs", "vrrp_rlimit_rtime", Line, Ignored, PROCESS),
    row("global_defs", "nftables_ipvs", Line, Ignored, IPVS),
    row("global_defs", "nftables_ipvs_priority", Line, Ignored, IPVS),
    row("global_defs", "nftables_ipvs_start_fwmark", Line, Ignored, IPVS),
    row("global_defs", "nftables_counters", Line, Ignored, TODO),
    row("global_defs", "notify_fifo", Line, Later, NOTIFY),
    row("global_defs", "notify_fifo_script", Command, Ignored, TODO),
    row("global_defs", "vrrp_notify_fifo", Line, Later, NOTIFY),
    row("global_defs", "vrrp_notify_fifo_script", Command, Ignored, TODO),
    row("global_defs", "vrrp_notify_priority_changes", Line, Later, NOTIFY),
    row("global_defs", "fifo_write_vrrp_states_on_reload", Line, Ignored, TODO),
    row("global_defs", "lvs_notify_fifo", Line, Ignored, IPVS),
    row("global_defs", "lvs_notify_fifo_script", Command, Ignored, IPVS),
    row("global_defs", "checker_priority", Line, Ignored, IPVS),
    row("global_defs", "checker_no_swap", Line, Ignored, IPVS),
    row("global_defs", "checker_rt_priority", Line, Ignored, IPVS),
    row("global_defs", "checker_cpu_affinity", Line, Ignored, IPVS),
    row("global_defs", "checker_rlimit_rttime", Line, Ignored, IPVS),
    row("global_defs", "checker_rlimit_rtime", Line, Ignored, IPVS),
    row("global_defs", "bfd_priority", Line, Ignored, BFD),
    row("global_defs", "bfd_no_swap", Line, Ignored, BFD),
    row("global_defs", "bfd_rt_priority", Line, Ignored, BFD),
    row("global_defs", "bfd_cpu_affinity", Line, Ignored, BFD),
    row("global_defs", "bfd_rlimit_rttime", Line, Ignored, BFD),
    row("global_defs", "bfd_rlimit_rtime", Line, Ignored, BFD),
    row("global_defs", "snmp_socket", Line, Ignored, SNMP),
    row("global_defs", "enable_traps", Line, Ignored, SNMP),
    row("global_defs", "enable_snmp_vrrp", Line, Ignored, SNMP),
    row("global_defs", "enable_snmp_keepalived", Line, Ignored, SNMP),
    row("global_defs", "enable_snmp_rfc", Line, Ignored, SNMP),
    row("global_defs", "enable_snmp_rfcv2", Line, Ignored, SNMP),
    row("global_defs", "enable_snmp_rfcv3", Line, Ignored, SNMP),
    row("global_defs", "enable_snmp_checker", Line, Ignored, SNMP),
    row("global_defs", "snmp_vs_stats_update_interval", Line, Ignored, IPVS),
    row("global_defs", "snmp_rs_stats_update_interval", Line, Ignored, IPVS),
    row("global_defs", "enable_dbus", Line, Ignored, DBUS),
    row("global_defs", "dbus_service_name", Line, Ignored, DBUS),
    row("global_defs", "dbus_no_interface_name", Line, Ignored, DBUS),
    row("global_defs", "script_user", Line, Same, ""),
    row("global_defs", "enable_script_security", Line, Same, ""),
    row("global_defs", "vrrp_netlink_cmd_rcv_bufs", Line, Ignored, BUFFERS),
    row("global_defs", "vrrp_netlink_cmd_rcv_bufs_force", Line, Ignored, BUFFERS),
    row("global_defs", "vrrp_netlink_monitor_rcv_bufs", Line, Ignored, BUFFERS),
    row("global_defs", "vrrp_netlink_monitor_rcv_bufs_force", Line, Ignored, BUFFERS),
    row("global_defs", "process_monitor_rcv_bufs", Line, Ignored, BUFFERS),
    row("global_defs", "process_monitor_rcv_bufs_force", Line, Ignored, BUFFERS),
    row("global_defs", "lvs_netlink_cmd_rcv_bufs", Line, Ignored, IPVS),
    row("global_defs", "lvs_netlink_cmd_rcv_bufs_force", Line, Ignored, IPVS),
    row("global_defs", "lvs_netlink_monitor_rcv_bufs", Line, Ignored, IPVS),
    row("global_defs", "lvs_netlink_monitor_rcv_bufs_force", Line, Ignored, IPVS),
    row("global_defs", "rs_init_notifies", Line, Ignored, IPVS),
    row("global_defs", "no_checker_emails", Line, Ignored, IPVS),
    row("global_defs", "vrrp_rx_bufs_policy", Line, Ignored, BUFFERS),
    row("global_defs", "vrrp_rx_bufs_multiplier", Line, Ignored, BUFFERS),
    row("global_defs", "vrrp_startup_delay", Line, Later, DELAY),
    row("global_defs", "vrrp_delay_after_boot", Line, Later, DELAY),
    row(
        "global_defs",
        "log_unknown_vrids",
        Line,
        Later,
        "adverts for ids that are not ours are only counted",
    ),
    row("global_defs", "vrrp_owner_ignore_adverts", Line, Later, OWNER),
    row("global_defs", "vmac_prefix", Line, Ignored, TODO),
    row("global_defs", "vmac_addr_prefix", Line, Ignored, TODO),
    row("global_defs", "umask", Line, Ignored, TODO),
    row("global_defs", "random_seed", Line, Ignored, TODO),
    row("global_defs", "reload_check_config", Line, Ignored, TODO),
    row("global_defs", "reload_time_file", Line, Ignored, TODO),
    row("global_defs", "reload_repeat", Line, Ignored, TODO),
    row("global_defs", "reload_file", Line, Ignored, TODO),
    row("global_defs", "include_check", Line, Ignored, TODO),
    row("global_defs", "config_save_dir", Line, Ignored, TODO),
    row("global_defs", "tmp_config_directory", Line, Ignored, TODO),
    row("global_defs", "data_use_instance", Line, Ignored, OUTPUT),
    row("global_defs", "json_version", Line, Ignored, OUTPUT),
    row("global_defs", "iproute_usr_dir", Line, Ignored, TODO),
    row("global_defs", "iproute_etc_dir", Line, Ignored, TODO),
    row("global_defs", "state_dump_file", Line, Later, OUTPUT),
    row("global_defs", "stats_dump_file", Line, Later, OUTPUT),
    row("global_defs", "json_dump_file", Line, Later, OUTPUT),
    row("", "track_group", NamedSection, Later, STATIC),
    row("track_group", "group", List, Later, STATIC),
    row("", "static_ipaddress", List, Later, STATIC),
    row("", "static_routes", List, Later, STATIC),
    row("", "static_rules", List, Later, STATIC),
    row("", "vrrp_sync_group", NamedSection, Later, GROUPS),
    row("vrrp_sync_group", "group", List, Later, GROUPS),
    row("vrrp_sync_group", "track_interface", List, Later, GROUPS),
    row("vrrp_sync_group", "track_script", List, Later, GROUPS),
    row("vrrp_sync_group", "track_file", List, Later, GROUPS),
    row("vrrp_sync_group", "track_process", List, Later, GROUPS),
    row("vrrp_sync_group", "track_bfd", List, Later, GROUPS),
    row("vrrp_sync_group", "notify_backup", Command, Later, GROUPS),
    row("vrrp_sync_group", "notify_master", Command, Later, GROUPS),
    row("vrrp_sync_group", "notify_fault", Command, Later, GROUPS),
    row("vrrp_sync_group", "notify_stop", Command, Later, GROUPS),
    row("vrrp_sync_group", "notify", Command, Later, GROUPS),
    row("vrrp_sync_group", "smtp_alert", Line, Ignored, MAIL),
    row("vrrp_sync_group", "global_tracking", Line, Renamed("sync_group_tracking_weight"), ""),
    row("vrrp_sync_group", "sync_group_tracking_weight", Line, Later, GROUPS),
    row("vrrp_sync_group", "notify_priority_changes", Line, Ignored, PROCESS),
    row("", "garp_group", Section, Later, BURST),
    row("garp_group", "garp_interval", Line, Later, BURST),
    row("garp_group", "gna_interval", Line, Later, BURST),
    row("garp_group", "interface", Line, Later, BURST),
    row("garp_group", "interfaces", List, Later, BURST),
    row("", "linkbeat_interfaces", List, Later, TRACK),
    row("", "vrrp_instance", NamedSection, Same, ""),
    row("vrrp_instance", "use_vmac", Line, Later, MAC),
    row("vrrp_instance", "use_vmac_addr", Line, Later, MAC),
    row("vrrp_instance", "vmac_xmit_base", Line, Later, MAC),
    row("vrrp_instance", "use_ipvlan", Line, Later, MAC),
    row("vrrp_instance", "unicast_peer", List, Later, MULTICAST),
    row("vrrp_instance", "unicast_fault_no_peer", Line, Later, MULTICAST),
    row("vrrp_instance", "check_unicast_src", Line, Later, MULTICAST),
    row("vrrp_instance", "old_unicast_checksum", Line, Ignored, TODO),
    row("vrrp_instance", "native_ipv6", Line, Ignored, TODO),
    row("vrrp_instance", "state", Line, Same, ""),
    row("vrrp_instance", "interface", Line, Same, ""),
    row("vrrp_instance", "vrf", Line, Later, SOURCE),
    row(
        "vrrp_instance",
        "dont_track_primary",
        Line,
        Later,
        "an interface that is down is always a FAULT",
    ),
    row("vrrp_instance", "track_interface", List, Later, TRACK),
    row("vrrp_instance", "track_script", List, Same, ""),
    row("vrrp_instance", "track_file", List, Later, TRACK),
    row("vrrp_instance", "track_process", List, Later, TRACK),
    row("vrrp_instance", "track_bfd", List, Later, TRACK),
    row("vrrp_instance", "mcast_src_ip", Line, Later, SOURCE),
    row("vrrp_instance", "unicast_src_ip", Line, Later, SOURCE),
    row("vrrp_instance", "mcast_dst_ip", Line, Later, MULTICAST),
    row("vrrp_instance", "track_src_ip", Line, Later, SOURCE),
    row("vrrp_instance", "virtual_router_id", Line, Same, ""),
    row("vrrp_instance", "unicast_ttl", Line, Later, MULTICAST),
    row("vrrp_instance", "version", Line, Same, ""),
    row("vrrp_instance", "priority", Line, Same, ""),
    row("vrrp_instance", "advert_int", Line, Same, ""),
    row("vrrp_instance", "virtual_ipaddress", List, Same, ""),
    row(
        "vrrp_instance",
        "virtual_ipaddress_excluded",
        List,
        Later,
        "every address is in the adverts",
    ),
    row("vrrp_instance", "no_virtual_ipaddress", Line, Later, "an instance needs an address"),
    row("vrrp_instance", "promote_secondaries", Line, Later, "set the sysctl of that name"),
    row("vrrp_instance", "linkbeat_use_polling", Line, Ignored, TODO),
    row("vrrp_instance", "v3_checksum_as_v2", Line, Ignored, TODO),
    row("vrrp_instance", "virtual_routes", List, Later, ROUTES),
    row("vrrp_instance", "virtual_rules", List, Later, ROUTES),
    row("vrrp_instance", "accept", Line, Later, ACCEPT),
    row("vrrp_instance", "no_accept", Line, Later, ACCEPT),
    row("vrrp_instance", "skip_check_adv_addr", Line, Same, ""),
    row("vrrp_instance", "strict_mode", Line, Later, STRICT),
    row("vrrp_instance", "preempt", Line, Same, ""),
    row("vrrp_instance", "nopreempt", Line, Same, ""),
    row(
        "vrrp_instance",
        "preempt_delay",
        Line,
        Later,
        "it preempts at once, or with nopreempt never",
    ),
    row("vrrp_instance", "debug", Line, Ignored, TODO),
    row("vrrp_instance", "notify_backup", Command, Same, ""),
    row("vrrp_instance", "notify_master", Command, Same, ""),
    row("vrrp_instance", "notify_fault", Command, Same, ""),
    row("vrrp_instance", "notify_stop", Command, Same, ""),
    row("vrrp_instance", "notify_deleted", Command, Later, NOTIFY),
    row("vrrp_instance", "notify", Command, Same, ""),
    row("vrrp_instance", "notify_master_rx_lower_pri", Command, Later, NOTIFY),
    row("vrrp_instance", "smtp_alert", Line, Ignored, MAIL),
    row("vrrp_instance", "notify_priority_changes", Line, Later, NOTIFY),
    row("vrrp_instance", "lvs_sync_daemon_interface", Line, Ignored, IPVS),
    row("vrrp_instance", "garp_master_delay", Line, Same, ""),
    row("vrrp_instance", "garp_master_refresh", Line, Same, ""),
    row("vrrp_instance", "garp_master_repeat", Line, Same, ""),
    row("vrrp_instance", "garp_master_refresh_repeat", Line, Same, ""),
    row("vrrp_instance", "garp_lower_prio_delay", Line, Same, ""),
    row("vrrp_instance", "garp_lower_prio_repeat", Line, Same, ""),
    row("vrrp_instance", "down_timer_adverts", Line, Later, TIMER),
    row(
        "vrrp_instance",
        "timer_expired_backup",
        Line,
        Later,
        "vipd always listens before it concludes",
    ),
    row("vrrp_instance", "thread_timer_expired", Line, Renamed("timer_expired_backup"), ""),
    row("vrrp_instance", "garp_extra_if", Line, Later, BURST),
    row("vrrp_instance", "vmac_garp_intvl", Line, Renamed("garp_extra_if"), ""),
    row("vrrp_instance", "lower_prio_no_advert", Line, Later, CONTEST),
    row("vrrp_instance", "higher_prio_send_advert", Line, Later, YIELD),
    row("vrrp_instance", "owner_ignore_adverts", Line, Later, OWNER),
    row("vrrp_instance", "kernel_rx_buf_size", Line, Ignored, BUFFERS),
    row("vrrp_instance", "authentication", Table, Same, ""),
    row("authentication", "auth_type", Line, Same, ""),
    row("authentication", "auth_pass", Line, Same, ""),
    row("vrrp_instance", "auth_hmac", Table, Later, "adverts of VRRPv3 are not authenticated"),
    row("auth_hmac", "key", Line, Later, HMAC),
    row("auth_hmac", "active_key", Line, Later, HMAC),
    row("auth_hmac", "time_window", Line, Later, HMAC),
    row("auth_hmac", "anti_replay", Line, Later, HMAC),
    row("auth_hmac", "mode", Line, Later, HMAC),
    row("", "vrrp_script", NamedSection, Same, ""),
    row("vrrp_script", "script", Command, Same, ""),
    row("vrrp_script", "interval", Line, Same, ""),
    row("vrrp_script", "timeout", Line, Same, ""),
    row("vrrp_script", "weight", Line, Same, ""),
    row("vrrp_script", "rise", Line, Same, ""),
    row("vrrp_script", "fall", Line, Same, ""),
    row("vrrp_script", "user", Line, Same, ""),
    row("vrrp_script", "init_fail", Line, Same, ""),
    row("", "vrrp_track_process", NamedSection, Later, TRACK),
    row("vrrp_track_process", "process", Line, Later, TRACK),
    row("vrrp_track_process", "param_match", Line, Later, TRACK),
    row("vrrp_track_process", "weight", Line, Later, TRACK),
    row("vrrp_track_process", "quorum", Line, Later, TRACK),
    row("vrrp_track_process", "quorum_max", Line, Later, TRACK),
    row("vrrp_track_process", "delay", Line, Later, TRACK),
    row("vrrp_track_process", "terminate_delay", Line, Later, TRACK),
    row("vrrp_track_process", "fork_delay", Line, Later, TRACK),
    row("vrrp_track_process", "full_command", Line, Later, TRACK),
    row("", "interface_up_down_delays", List, Later, TRACK),
    row("", "track_file", NamedSection, Later, TRACK),
    row("track_file", "file", Line, Later, TRACK),
    row("track_file", "weight", Line, Later, TRACK),
    row("track_file", "init_file", Line, Later, TRACK),
    row("", "vrrp_track_file", NamedSection, Later, TRACK),
    row("vrrp_track_file", "file", Line, Later, TRACK),
    row("vrrp_track_file", "weight", Line, Later, TRACK),
    row("vrrp_track_file", "init_file", Line, Later, TRACK),
    row("", "virtual_server", List, Ignored, IPVS),
    row("", "virtual_server_group", List, Ignored, IPVS),
    row("", "SSL", List, Ignored, IPVS),
    row("", "bfd_instance", List, Later, TRACK),
    row("virtual_ipaddress", "dev", Line, Same, ""),
    row("virtual_ipaddress", "label", Line, Same, ""),
    row("virtual_ipaddress", "brd", Line, Same, ""),
    row("virtual_ipaddress", "broadcast", Line, Same, ""),
    row("virtual_ipaddress", "scope", Line, Same, ""),
    row("virtual_ipaddress", "peer", Line, Later, "an address has a prefix length instead"),
    row("virtual_ipaddress", "home", Line, Later, "it is for IPv6"),
    row("virtual_ipaddress", "-nodad", Line, Later, "it is for IPv6"),
    row("virtual_ipaddress", "mngtmpaddr", Line, Later, "it is for IPv6"),
    row(
        "virtual_ipaddress",
        "noprefixroute",
        Line,
        Later,
        "the kernel makes a route for the prefix",
    ),
    row("virtual_ipaddress", "autojoin", Line, Later, "join the multicast group otherwise"),
    row("virtual_ipaddress", "no_track", Line, Later, TRACK),
    row("virtual_ipaddress", "preferred_lft", Line, Later, "addresses are always preferred"),
    row("virtual_ipaddress", "use_vmac", Line, Later, MAC),
    row("virtual_ipaddress", "track_group", Line, Later, STATIC),
];

/// Words of vipd alone that are yet to come.
pub const COMING: &[Row] = &[
    row("", "track_process", Line, Later, TRACK),
    row("", "track_route", Line, Later, TRACK),
    row("", "track_tcp", Line, Later, TRACK),
    row("", "track_ping", Line, Later, TRACK),
    row("global_defs", "net_namespace", Line, Later, NAMESPACE),
    row("global_defs", "instance", Line, Later, "give each vipd its own run directory: vipd -r"),
    row("global_defs", "use_pid_dir", Line, Later, "give each vipd its own run directory: vipd -r"),
    row("global_defs", "vip_lease", Line, Later, "addresses stay where a killed vipd left them"),
    row("global_defs", "socket_group", Line, Later, "there is no control socket"),
    row("vrrp_instance", "track_tcp", Line, Later, TRACK),
    row("vrrp_instance", "track_ping", Line, Later, TRACK),
    row("vrrp_instance", "track_route", Line, Later, TRACK),
    row("vrrp_instance", "notify_fifo", Line, Later, NOTIFY),
    row("vrrp_instance", "vip_lease", Line, Later, "addresses stay where a killed vipd left them"),
];

/// What is to be said of a word in a section.
pub fn find(section: &str, word: &str) -> Option<&'static Row> {
    ROWS.iter().chain(COMING).find(|row| row.section == section && row.word == word)
}

/// What the absence of a word means, if it is one that is missing here and not misspelt.
pub fn absent(section: &str, word: &str) -> Option<&'static str> {
    let row = find(section, word)?;
    match row.support {
        Support::Later | Support::Ignored | Support::Refused => Some(row.note),
        Support::Same | Support::Differs | Support::Renamed(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema;

    #[test]
    fn no_word_is_both_there_and_absent() {
        for (section, word) in schema::keywords().chain(schema::sections()) {
            assert_eq!(absent(section, word), None, "{section} {word}");
        }
    }

    #[test]
    fn every_word_is_there_once() {
        let all: Vec<_> = ROWS.iter().chain(COMING).collect();
        for (index, row) in all.iter().enumerate() {
            let twice = all
                .iter()
                .skip(index + 1)
                .any(|other| (other.section, other.word) == (row.section, row.word));
            assert!(!twice, "{} {}", row.section, row.word);
        }
    }
}
