//! The words of lines: `virtual_routes`, `virtual_rules`, and what is static.

use super::Support::{Differs, Ignored, Later, Renamed, Same};
use super::{Table, STATIC};

const DIRECT: &str = "without via it is link, as ip(8) has it, and not global";
const FIRST: &str = "a route that is no unicast has no via, dev or nexthop";
const HEXADECIMAL: &str = "a hexadecimal number, no name";
const LEFT_OUT: &str = "no route with it is set";
const MARK: &str = "1 to 255, or a common name; it holds without no_track, too; 112 marks what \
                    has none";
const RULE_LEFT_OUT: &str = "no rule with it is set";

const VIRTUAL_ROUTES: Table = rows! { "virtual_routes":
    "to"                         Line     Same, "";
    "inet"                       Line     Same, "";
    "inet6"                      Line     Same, "";
    "unicast"                    Line     Same, "";
    "local"                      Line     Same, "";
    "blackhole"                  Line     Differs, FIRST;
    "unreachable"                Line     Differs, FIRST;
    "prohibit"                   Line     Differs, FIRST;
    "throw"                      Line     Differs, FIRST;
    "via"                        Line     Same, "";
    "gw"                         Line     Renamed, "via";
    "dev"                        Line     Same, "";
    "oif"                        Line     Renamed, "dev";
    "onlink"                     Line     Same, "";
    "nexthop"                    Line     Same, "";
    "weight"                     Line     Same, "";
    "src"                        Line     Same, "";
    "table"                      Line     Same, "";
    "metric"                     Line     Same, "";
    "priority"                   Line     Same, "";
    "preference"                 Line     Same, "";
    "scope"                      Line     Differs, DIRECT;
    "tos"                        Line     Differs, HEXADECIMAL;
    "dsfield"                    Line     Differs, HEXADECIMAL;
    "protocol"                   Line     Differs, MARK;
    "pref"                       Line     Same, "";
    "mtu"                        Line     Same, "";
    "advmss"                     Line     Same, "";
    "hoplimit"                   Line     Same, "";
    "initcwnd"                   Line     Same, "";
    "initrwnd"                   Line     Same, "";
    "quickack"                   Line     Same, "";
    "window"                     Line     Same, "";
    "cwnd"                       Line     Same, "";
    "ssthresh"                   Line     Same, "";
    "reordering"                 Line     Same, "";
    "lock"                       Line     Same, "";
    "no_track"                   Line     Differs,
        "a route that vanishes is put back all the same";
    "from"                       Line     Later, LEFT_OUT;
    "rtt"                        Line     Later, LEFT_OUT;
    "rttvar"                     Line     Later, LEFT_OUT;
    "rto_min"                    Line     Later, LEFT_OUT;
    "realms"                     Line     Later, LEFT_OUT;
    "features"                   Line     Later, LEFT_OUT;
    "congctl"                    Line     Later, LEFT_OUT;
    "ttl-propagate"              Line     Later, LEFT_OUT;
    "fastopen_no_cookie"         Line     Later, LEFT_OUT;
    "expires"                    Line     Later, LEFT_OUT;
    "encap"                      Line     Later, LEFT_OUT;
    "as"                         Line     Later, LEFT_OUT;
    "or"                         Line     Later, LEFT_OUT;
    "add"                        Line     Later, LEFT_OUT;
    "append"                     Line     Later, LEFT_OUT;
    "prepend"                    Line     Later, LEFT_OUT;
    "vrf"                        Line     Later, LEFT_OUT;
    "broadcast"                  Line     Later, LEFT_OUT;
    "anycast"                    Line     Later, LEFT_OUT;
    "multicast"                  Line     Later, LEFT_OUT;
};

const VIRTUAL_RULES: Table = rows! { "virtual_rules":
    "not"                        Line     Same, "";
    "inet"                       Line     Same, "";
    "inet6"                      Line     Same, "";
    "from"                       Line     Same, "";
    "to"                         Line     Same, "";
    "tos"                        Line     Differs, HEXADECIMAL;
    "dsfield"                    Line     Differs, HEXADECIMAL;
    "fwmark"                     Line     Same, "";
    "iif"                        Line     Same, "";
    "dev"                        Line     Renamed, "iif";
    "oif"                        Line     Same, "";
    "uidrange"                   Line     Same, "";
    "ipproto"                    Line     Same, "";
    "sport"                      Line     Differs, "one port alone works as well";
    "dport"                      Line     Differs, "one port alone works as well";
    "preference"                 Line     Same, "";
    "priority"                   Line     Same, "";
    "order"                      Line     Renamed, "preference";
    "protocol"                   Line     Differs, MARK;
    "table"                      Line     Same, "";
    "lookup"                     Line     Same, "";
    "suppress_prefixlength"      Line     Same, "";
    "sup_pl"                     Line     Renamed, "suppress_prefixlength";
    "goto"                       Line     Same, "";
    "nop"                        Line     Same, "";
    "blackhole"                  Line     Same, "";
    "unreachable"                Line     Same, "";
    "prohibit"                   Line     Same, "";
    "type"                       Line     Same, "";
    "no_track"                   Line     Differs,
        "a rule that vanishes is put back all the same, and no interface of a rule is tracked";
    "realms"                     Line     Later, RULE_LEFT_OUT;
    "tunnel-id"                  Line     Later, RULE_LEFT_OUT;
    "l3mdev"                     Line     Later, RULE_LEFT_OUT;
    "suppress_ifgroup"           Line     Later, RULE_LEFT_OUT;
    "sup_group"                  Line     Later, RULE_LEFT_OUT;
};

const STATIC_IPADDRESS: Table = rows! { "static_ipaddress":
    "track_group"                Line     Ignored, STATIC;
};

const STATIC_ROUTES: Table = rows! { "static_routes":
    "track_group"                Line     Ignored, STATIC;
};

const STATIC_RULES: Table = rows! { "static_rules":
    "track_group"                Line     Ignored, STATIC;
};

pub(super) const TABLES: &[Table] =
    &[VIRTUAL_ROUTES, VIRTUAL_RULES, STATIC_IPADDRESS, STATIC_ROUTES, STATIC_RULES];
