//! Every keyword: one table for each section.

use crate::vrrp::bounds;

/// What a keyword takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`; without a type also `on`, `yes`, `1`, nothing, `off`, `no`, `0`.
    Flag,
    /// Any text of 1 to 255 bytes in one line.
    Text,
    /// The name of an interface.
    Interface,
    /// An integer in a range, both ends included.
    Integer(i64, i64),
    /// A span of time: at least so many milliseconds, at most a day, and perhaps 0.
    Time(u32, bool),
    /// A version of VRRP: 2, 3, or both as `2+3`.
    Version,
    /// One of these words, without regard to case.
    Choice(&'static [&'static str]),
    /// A command, and perhaps who runs it: as [`Kind::Script`], or [`COMMAND`] as a table. Without a
    /// type, the user and the group stand behind it.
    Command,
    /// A command alone: a string, or a list of words.
    Script,
    /// A user and perhaps a group: a string of one or two words, or a list.
    User,
    /// A number up to so much, either way, and perhaps `reverse`.
    Weight(i16),
    /// What the schema reads by itself: in words what it takes.
    Special(&'static str),
}

/// A keyword.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// How it is written.
    pub word: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds where nothing is said, written as a word without a type. Empty if there is no
    /// such value, or if it depends on other keywords.
    pub default: &'static str,
    /// The keyword of `global_defs` that changes the default; may be empty.
    pub global: &'static str,
}

/// A keyword that has no other in `global_defs`.
pub const fn key(word: &'static str, kind: Kind, default: &'static str) -> Key {
    Key { word, kind, default, global: "" }
}

const fn shared(
    word: &'static str,
    kind: Kind,
    default: &'static str,
    global: &'static str,
) -> Key {
    Key { word, kind, default, global }
}

const REPEAT: Kind = Kind::Integer(1, 255);
const REPEAT_OR_NONE: Kind = Kind::Integer(0, 255);
const DELAY: Kind = Kind::Time(0, true);
const REFRESH: Kind = Kind::Time(1000, true);
const RUN: Kind = Kind::Time(1, false);
const PRE: Kind = Kind::Special(super::notify::PRE_TIMEOUT);
const FIFO: Kind = Kind::Special(super::notify::FIFO);
const GARP_EXTRA: Kind = Kind::Special(super::vmac::EXTRA);
const WEIGHT: Kind = Kind::Weight(bounds::WEIGHT);
const NAMES: Kind = Kind::Special("a list of names");
const LEASE: Kind = Kind::Choice(&["nft", "lifetime", "off"]);
const CHECKSUM: Kind = Kind::Choice(&["auto", "rfc9568", "pseudo-header"]);

const CONFLICT: Kind = Kind::Choice(&["off", "detect", "probe"]);

/// `global_defs`. A default that belongs to an instance or a script stands there.
pub const GLOBAL_DEFS: &[Key] = &[
    key("router_id", Kind::Text, ""),
    key("script_user", Kind::User, ""),
    key("socket_group", Kind::Text, ""),
    key("enable_script_security", Kind::Flag, "true"),
    key("vrrp_version", Kind::Version, ""),
    key("vrrp_garp_master_delay", DELAY, ""),
    key("vrrp_garp_master_repeat", REPEAT, ""),
    key("vrrp_garp_master_refresh", REFRESH, ""),
    key("vrrp_garp_master_refresh_repeat", REPEAT, ""),
    key("vrrp_garp_lower_prio_delay", DELAY, ""),
    key("vrrp_garp_lower_prio_repeat", REPEAT_OR_NONE, ""),
    key("vrrp_garp_extra_if", GARP_EXTRA, ""),
    key("vmac_prefix", Kind::Text, "vrrp"),
    key("vrrp_skip_check_adv_addr", Kind::Flag, ""),
    key("vrrp_strict", Kind::Flag, ""),
    key("vrrp_check_unicast_src", Kind::Flag, ""),
    key("vrrp_mcast_group4", Kind::Special("a multicast address of IPv4"), "224.0.0.18"),
    key("vrrp_mcast_group6", Kind::Special("a multicast address of IPv6"), "ff02::12"),
    key("vrrp_down_timer_adverts", Kind::Integer(1, 100), ""),
    key("vrrp_lower_prio_no_advert", Kind::Flag, ""),
    key("vrrp_higher_prio_send_advert", Kind::Flag, ""),
    key("vrrp_owner_ignore_adverts", Kind::Flag, ""),
    key("vrrp_startup_delay", DELAY, "0"),
    key("vrrp_delay_after_boot", DELAY, "0"),
    key("v3_checksum", CHECKSUM, ""),
    key("fast_handover", Kind::Flag, ""),
    key("notify_timeout", RUN, ""),
    key("notify_pre_timeout", PRE, ""),
    key("notify_fifo", FIFO, ""),
    key("notify_fifo_script", Kind::Command, ""),
    key("vrrp_notify_fifo", FIFO, ""),
    key("vrrp_notify_fifo_script", Kind::Command, ""),
    key("vrrp_notify_priority_changes", Kind::Flag, "false"),
    key("fifo_write_vrrp_states_on_reload", Kind::Flag, "false"),
    key("no_accept_failure", Kind::Choice(&["warn", "fault"]), "warn"),
    key("vip_conflict", CONFLICT, ""),
    key("vip_lease", LEASE, ""),
];

/// `vrrp_script`.
pub const VRRP_SCRIPT: &[Key] = &[
    key("script", Kind::Script, ""),
    key("interval", RUN, "1"),
    // Default: the interval.
    key("timeout", RUN, ""),
    key("fall", Kind::Integer(1, 10_000), "1"),
    key("rise", Kind::Integer(1, 10_000), "1"),
    key("weight", WEIGHT, "0"),
    key("user", Kind::User, ""),
    key("init_fail", Kind::Flag, "false"),
    key("only_while", Kind::Choice(STATES), ""),
    // Default: the interval.
    key("start_delay", DELAY, ""),
    key("fault_hold", DELAY, "60"),
];

/// `track_file`.
pub const TRACK_FILE: &[Key] = &[
    key("file", Kind::Text, ""),
    key("weight", Kind::Weight(bounds::HEAVIEST), "1"),
    key("init_file", Kind::Special("a number, and perhaps overwrite"), ""),
];

/// `track_process`.
pub const TRACK_PROCESS: &[Key] = &[
    key("process", Kind::Special("a name, or a list of name and parameters"), ""),
    key("param_match", Kind::Choice(&["initial", "partial", "exact"]), ""),
    key("full_command", Kind::Flag, "false"),
    key("weight", Kind::Weight(bounds::HEAVIEST), "0"),
    // Default: 0 if quorum_max is.
    key("quorum", Kind::Integer(1, 65_535), ""),
    key("quorum_max", Kind::Integer(0, 65_535), ""),
    key("delay", DELAY, ""),
    // Default of these two: delay.
    key("fork_delay", DELAY, ""),
    key("terminate_delay", DELAY, ""),
    key("interval", Kind::Time(10, false), "1"),
];

const CONNECT: Kind = Kind::Special("ADDRESS:PORT or [ADDRESS]:PORT");
const DESTINATION: Kind = Kind::Special("\"default\" or ADDRESS/LENGTH");
const KERNEL_TABLE: Kind = Kind::Special("main, local, default or a number from 1 to 4294967295");
const HOST: Kind = Kind::Special("an address");
const TIMES: Kind = Kind::Integer(1, 10_000);
const TRY: Kind = Kind::Time(10, false);

/// `track_route`.
pub const TRACK_ROUTE: &[Key] = &[
    key("to", DESTINATION, ""),
    key("table", KERNEL_TABLE, "main"),
    key("via", HOST, ""),
    key("dev", Kind::Interface, ""),
    key("weight", WEIGHT, "0"),
];

/// `track_tcp`.
pub const TRACK_TCP: &[Key] = &[
    key("connect", CONNECT, ""),
    key("source", HOST, ""),
    key("dev", Kind::Interface, ""),
    key("interval", TRY, "1"),
    // Default: the interval.
    key("timeout", TRY, ""),
    key("fall", TIMES, "1"),
    key("rise", TIMES, "1"),
    key("weight", WEIGHT, "0"),
];

/// `track_ping`.
pub const TRACK_PING: &[Key] = &[
    key("host", HOST, ""),
    key("dev", Kind::Interface, ""),
    key("interval", TRY, "1"),
    // Default: the interval.
    key("timeout", TRY, ""),
    key("fall", TIMES, "1"),
    key("rise", TIMES, "1"),
    key("weight", WEIGHT, "0"),
];

/// `interface_up_down_delays`, of one interface.
pub const INTERFACE_UP_DOWN_DELAYS: &[Key] = &[
    key("down_delay", DELAY, ""),
    // Default: down_delay.
    key("up_delay", DELAY, ""),
];

/// The states that a user may name.
pub const STATES: &[&str] = &["MASTER", "BACKUP", "FAULT"];

/// `vrrp_instance`.
pub const VRRP_INSTANCE: &[Key] = &[
    key("state", Kind::Choice(&["MASTER", "BACKUP"]), ""),
    key("interface", Kind::Interface, ""),
    key("virtual_router_id", Kind::Integer(1, 255), ""),
    key("priority", Kind::Integer(1, 255), "100"),
    shared("version", Kind::Version, "2", "vrrp_version"),
    // What it takes depends on the version.
    key("advert_int", Kind::Special("seconds"), "1"),
    shared("strict_mode", Kind::Flag, "false", "vrrp_strict"),
    key("preempt", Kind::Flag, ""),
    key("nopreempt", Kind::Flag, ""),
    key("preempt_delay", DELAY, "0"),
    shared("down_timer_adverts", Kind::Integer(1, 100), "3", "vrrp_down_timer_adverts"),
    shared("lower_prio_no_advert", Kind::Flag, "false", "vrrp_lower_prio_no_advert"),
    shared("higher_prio_send_advert", Kind::Flag, "false", "vrrp_higher_prio_send_advert"),
    shared("owner_ignore_adverts", Kind::Flag, "false", "vrrp_owner_ignore_adverts"),
    key("accept", Kind::Flag, ""),
    key("no_accept", Kind::Flag, ""),
    // Default: the best that the kernel has.
    shared("vip_lease", LEASE, "", "vip_lease"),
    shared("fast_handover", Kind::Flag, "true", "fast_handover"),
    shared("skip_check_adv_addr", Kind::Flag, "false", "vrrp_skip_check_adv_addr"),
    shared("v3_checksum", CHECKSUM, "auto", "v3_checksum"),
    key("authentication", Kind::Special("a table of auth_type and auth_pass"), ""),
    key("auth_hmac", Kind::Special("a table of key, active_key and more"), ""),
    key("unicast_src_ip", Kind::Special("an address, or one of each family"), ""),
    key("mcast_src_ip", Kind::Special("an address, or one of each family"), ""),
    key("track_src_ip", Kind::Flag, "false"),
    key("mcast_dst_ip", Kind::Special("a multicast address, or one of each family"), ""),
    key("unicast_peer", Kind::Special("a list of addresses"), ""),
    key("unicast_ttl", Kind::Integer(1, 255), "255"),
    shared("check_unicast_src", Kind::Flag, "true", "vrrp_check_unicast_src"),
    key("virtual_ipaddress", Kind::Special("a list of addresses"), ""),
    key("virtual_ipaddress_excluded", Kind::Special("a list of addresses"), ""),
    key("no_virtual_ipaddress", Kind::Flag, "false"),
    key("virtual_routes", Kind::Special("a list of routes"), ""),
    key("virtual_rules", Kind::Special("a list of rules"), ""),
    key("track_script", NAMES, ""),
    key("track_interface", NAMES, ""),
    key("track_file", NAMES, ""),
    key("track_process", NAMES, ""),
    key("track_route", NAMES, ""),
    key("track_tcp", NAMES, ""),
    key("track_ping", NAMES, ""),
    key("dont_track_primary", Kind::Flag, "false"),
    shared("garp_master_delay", DELAY, "5", "vrrp_garp_master_delay"),
    shared("garp_master_repeat", REPEAT, "5", "vrrp_garp_master_repeat"),
    shared("garp_master_refresh", REFRESH, "0", "vrrp_garp_master_refresh"),
    shared("garp_master_refresh_repeat", REPEAT, "1", "vrrp_garp_master_refresh_repeat"),
    // Default of these two: garp_master_delay and garp_master_repeat.
    shared("garp_lower_prio_delay", DELAY, "", "vrrp_garp_lower_prio_delay"),
    shared("garp_lower_prio_repeat", REPEAT_OR_NONE, "", "vrrp_garp_lower_prio_repeat"),
    shared("garp_extra_if", GARP_EXTRA, "", "vrrp_garp_extra_if"),
    shared("vip_conflict", CONFLICT, "detect", "vip_conflict"),
    key("use_vmac", Kind::Special(super::vmac::EXPECTED), ""),
    key("vmac_xmit_base", Kind::Flag, "false"),
    key("notify_master", Kind::Command, ""),
    key("notify_backup", Kind::Command, ""),
    key("notify_fault", Kind::Command, ""),
    key("notify_stop", Kind::Command, ""),
    key("notify_deleted", Kind::Command, ""),
    key("notify_master_rx_lower_pri", Kind::Command, ""),
    key("notify", Kind::Command, ""),
    shared("notify_timeout", RUN, "60", "notify_timeout"),
    key("notify_master_pre", Kind::Command, ""),
    key("notify_backup_pre", Kind::Command, ""),
    shared("notify_pre_timeout", PRE, "1", "notify_pre_timeout"),
    key("notify_fifo", FIFO, ""),
    // Default: that of its group, or vrrp_notify_priority_changes.
    key("notify_priority_changes", Kind::Flag, ""),
];

/// `vrrp_sync_group`.
pub const VRRP_SYNC_GROUP: &[Key] = &[
    key("group", NAMES, ""),
    key("track_script", NAMES, ""),
    key("track_interface", NAMES, ""),
    key("track_file", NAMES, ""),
    key("track_process", NAMES, ""),
    key("track_route", NAMES, ""),
    key("track_tcp", NAMES, ""),
    key("track_ping", NAMES, ""),
    key("sync_group_tracking_weight", Kind::Flag, "false"),
    key("notify_master", Kind::Command, ""),
    key("notify_backup", Kind::Command, ""),
    key("notify_fault", Kind::Command, ""),
    key("notify_stop", Kind::Command, ""),
    key("notify", Kind::Command, ""),
    shared("notify_timeout", RUN, "60", "notify_timeout"),
    // For its members.
    key("notify_priority_changes", Kind::Flag, ""),
];

/// An entry of `unicast_peer`, as a table. In a line the address stands first, without its keyword.
pub const UNICAST_PEER: &[Key] = &[
    key("address", Kind::Special("an address"), ""),
    key("min_ttl", Kind::Integer(0, 255), "0"),
    key("max_ttl", Kind::Integer(0, 255), "255"),
];

/// `authentication` of an instance.
pub const AUTHENTICATION: &[Key] = &[
    key("auth_type", Kind::Choice(&["PASS", "AH"]), ""),
    key("auth_pass", Kind::Special("a string of 1 to 8 bytes"), ""),
];

/// An entry of `virtual_ipaddress`, as a table. In a line the address stands first, without its
/// keyword.
pub const VIRTUAL_IPADDRESS: &[Key] = &[
    key("address", Kind::Special("ADDRESS[/LENGTH]"), ""),
    key("dev", Kind::Special("an interface"), ""),
    key("label", Kind::Special("1 to 15 characters"), ""),
    key("brd", Kind::Special("an address, + or -"), ""),
    key("broadcast", Kind::Special("an address, + or -"), ""),
    key("scope", Kind::Special("global, site, link, host or 0 to 254"), ""),
    key("peer", Kind::Special("ADDRESS[/LENGTH]"), ""),
    key("preferred_lft", Kind::Special("seconds, or forever"), ""),
    key("home", Kind::Flag, "false"),
    key("-nodad", Kind::Flag, "false"),
    key("mngtmpaddr", Kind::Flag, "false"),
    key("noprefixroute", Kind::Flag, "false"),
    key("autojoin", Kind::Flag, "false"),
    key("no_track", Kind::Flag, "false"),
];

/// An entry of `track_script` or of another list of what is tracked, as a table.
pub const TRACK_ENTRY: &[Key] = &track_entry(bounds::WEIGHT);

/// The same of a list of files or processes.
pub const HEAVY_ENTRY: &[Key] = &track_entry(bounds::HEAVIEST);

const fn track_entry(most: i16) -> [Key; 3] {
    [
        key("name", Kind::Text, ""),
        key("weight", Kind::Weight(most), ""),
        key("reverse", Kind::Flag, ""),
    ]
}
/// `static_ipaddress`, `static_routes`, `static_rules`: one list each.
pub const STATIC_IPADDRESS: &[Key] = &[key("address", Kind::Special("a list of addresses"), "")];
pub const STATIC_ROUTES: &[Key] = &[key("route", Kind::Special("a list of routes"), "")];
pub const STATIC_RULES: &[Key] = &[key("rule", Kind::Special("a list of rules"), "")];

/// The words of a line of `virtual_routes`.
const VIRTUAL_ROUTES: &[Key] = &[
    word("to"),
    word("inet"),
    word("inet6"),
    word("unicast"),
    word("local"),
    word("blackhole"),
    word("unreachable"),
    word("prohibit"),
    word("throw"),
    word("via"),
    word("dev"),
    word("onlink"),
    word("nexthop"),
    word("weight"),
    word("src"),
    word("table"),
    word("metric"),
    word("priority"),
    word("preference"),
    word("scope"),
    word("tos"),
    word("dsfield"),
    word("protocol"),
    word("pref"),
    word("mtu"),
    word("advmss"),
    word("hoplimit"),
    word("initcwnd"),
    word("initrwnd"),
    word("quickack"),
    word("window"),
    word("cwnd"),
    word("ssthresh"),
    word("reordering"),
    word("lock"),
    word("no_track"),
];

/// The words of a line of `virtual_rules`.
const VIRTUAL_RULES: &[Key] = &[
    word("not"),
    word("inet"),
    word("inet6"),
    word("from"),
    word("to"),
    word("tos"),
    word("dsfield"),
    word("fwmark"),
    word("iif"),
    word("oif"),
    word("uidrange"),
    word("ipproto"),
    word("sport"),
    word("dport"),
    word("preference"),
    word("priority"),
    word("protocol"),
    word("table"),
    word("lookup"),
    word("suppress_prefixlength"),
    word("goto"),
    word("nop"),
    word("blackhole"),
    word("unreachable"),
    word("prohibit"),
    word("type"),
    word("no_track"),
];

/// A word of a line, which no syntax has by itself.
const fn word(word: &'static str) -> Key {
    key(word, Kind::Special("a word of a line"), "")
}

/// A command of an instance, as a table.
pub const COMMAND: &[Key] = &[key("script", Kind::Script, ""), key("user", Kind::User, "")];

/// A kind of section, or of table in an instance.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Its keyword.
    pub word: &'static str,
    /// Whether a name follows.
    pub named: bool,
    /// What may stand in it.
    pub keys: &'static [Key],
}

/// The sections of a file.
pub const SECTIONS: &[Section] = &[
    Section { word: "global_defs", named: false, keys: GLOBAL_DEFS },
    Section { word: "vrrp_script", named: true, keys: VRRP_SCRIPT },
    Section { word: "track_file", named: true, keys: TRACK_FILE },
    Section { word: "track_process", named: true, keys: TRACK_PROCESS },
    Section { word: "track_route", named: true, keys: TRACK_ROUTE },
    Section { word: "track_tcp", named: true, keys: TRACK_TCP },
    Section { word: "track_ping", named: true, keys: TRACK_PING },
    Section { word: "interface_up_down_delays", named: true, keys: INTERFACE_UP_DOWN_DELAYS },
    Section { word: "vrrp_instance", named: true, keys: VRRP_INSTANCE },
    Section { word: "vrrp_sync_group", named: true, keys: VRRP_SYNC_GROUP },
    Section { word: "static_ipaddress", named: false, keys: STATIC_IPADDRESS },
    Section { word: "static_routes", named: false, keys: STATIC_ROUTES },
    Section { word: "static_rules", named: false, keys: STATIC_RULES },
];

/// The tables in an instance.
pub const TABLES: &[Section] = &[
    Section { word: "authentication", named: false, keys: AUTHENTICATION },
    Section { word: "auth_hmac", named: false, keys: super::hmac::AUTH_HMAC },
    Section { word: "virtual_ipaddress", named: false, keys: VIRTUAL_IPADDRESS },
    Section { word: "unicast_peer", named: false, keys: UNICAST_PEER },
    Section { word: "track_script", named: false, keys: TRACK_ENTRY },
    Section { word: "virtual_routes", named: false, keys: VIRTUAL_ROUTES },
    Section { word: "virtual_rules", named: false, keys: VIRTUAL_RULES },
    Section { word: "track_interface", named: false, keys: TRACK_ENTRY },
    Section { word: "command", named: false, keys: COMMAND },
];

/// What the schema reads by itself and yet is one word.
const ONE_WORD: &[&str] = &[
    "advert_int",
    "auth_pass",
    "connect",
    "host",
    "notify_pre_timeout",
    "source",
    "table",
    "to",
    "via",
];

/// How many words may follow a keyword; `None` if any number, or if there is no such keyword.
pub fn most_words(section: &str, word: &str) -> Option<usize> {
    let section = SECTIONS.iter().chain(TABLES).find(|known| known.word == section)?;
    let key = section.keys.iter().find(|key| key.word == word)?;
    match key.kind {
        Kind::Flag
        | Kind::Text
        | Kind::Interface
        | Kind::Integer(..)
        | Kind::Time(..)
        | Kind::Version
        | Kind::Choice(_)
        | Kind::Script => Some(1),
        Kind::User | Kind::Weight(_) => Some(2),
        Kind::Command => Some(3),
        Kind::Special(_) if ONE_WORD.contains(&word) => Some(1),
        Kind::Special(_) => None,
    }
}
