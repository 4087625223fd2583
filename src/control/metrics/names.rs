//! The metrics that are a field of the status, as it is.

use super::text::Kind::{self, Counter, Gauge};

/// A metric.
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The field.
    pub path: &'static [&'static str],
    /// What it says, for a person.
    pub help: &'static str,
}

const fn gauge(name: &'static str, path: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Gauge, path, help }
}

const fn counter(name: &'static str, path: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Counter, path, help }
}

/// Of the daemon.
pub const DAEMON: &[Metric] = &[
    gauge("vipd_start_time_seconds", &["started"], "When vipd was started, in Unix time."),
    gauge(
        "vipd_config_skipped",
        &["skipped"],
        "Things in the configuration that are wrong and not used (--lenient).",
    ),
    gauge("vipd_stopping", &["stopping"], "1 while vipd is about to end."),
];

/// Of a virtual router.
pub const INSTANCE: &[Metric] = &[
    gauge(
        "vipd_instance_since_seconds",
        &["since"],
        "Since when the instance is in its state, in Unix time.",
    ),
    gauge("vipd_priority", &["priority"], "Priority of the configuration."),
    gauge(
        "vipd_effective_priority",
        &["effective_priority"],
        "Priority with what trackers and vipctl make of it: that of its adverts.",
    ),
    gauge(
        "vipd_priority_override",
        &["priority_override", "priority"],
        "Priority that vipctl has put in the place of the configuration's.",
    ),
    gauge("vipd_drained", &["drained"], "1 while the instance is drained (vipctl drain)."),
    gauge("vipd_held", &["held"], "1 while a tracker without a result keeps it from being MASTER."),
    gauge("vipd_advert_interval_seconds", &["advert_int"], "Interval of its adverts."),
    gauge("vipd_skew_time_seconds", &["timers", "skew_time"], "Skew_Time of RFC 9568."),
    gauge(
        "vipd_master_down_interval_seconds",
        &["timers", "master_down_interval"],
        "Master_Down_Interval of RFC 9568.",
    ),
    gauge(
        "vipd_garp_master_delay_seconds",
        &["garp_master_delay"],
        "How long after it has become MASTER addresses are announced again.",
    ),
    gauge(
        "vipd_master_priority",
        &["master", "priority"],
        "Priority of the MASTER, this router or the one that is heard.",
    ),
    gauge(
        "vipd_master_last_seen_seconds",
        &["master", "last_seen"],
        "When the MASTER was heard last, in Unix time; not there while this router is MASTER.",
    ),
    counter(
        "vipd_advertisements_sent_total",
        &["statistics", "advertisement_sent"],
        "Adverts sent.",
    ),
    counter(
        "vipd_advertisements_received_total",
        &["statistics", "advertisement_rcvd"],
        "Valid adverts received.",
    ),
    counter(
        "vipd_priority_zero_sent_total",
        &["statistics", "priority_zero_pkts_sent"],
        "Adverts of priority 0 sent: the MASTER has resigned.",
    ),
    counter(
        "vipd_priority_zero_received_total",
        &["statistics", "priority_zero_pkts_rcvd"],
        "Valid adverts of priority 0 received: another MASTER has resigned.",
    ),
];

/// Of a tracker.
pub const TRACKER: &[Metric] = &[
    gauge(
        "vipd_tracker_weight",
        &["weight"],
        "Its weight; 0 if the instance is in FAULT when it is down.",
    ),
    gauge("vipd_tracker_effect", &["effect"], "What it adds to the priority now."),
    gauge(
        "vipd_tracker_against",
        &["against"],
        "Results of its script in a row that speak against its state (rise, fall).",
    ),
    gauge(
        "vipd_tracker_last_exit_status",
        &["last_exit"],
        "Exit status of the last run of its script; not there if that was killed or never ended.",
    ),
    gauge(
        "vipd_tracker_last_run_seconds",
        &["last_run"],
        "When its script has ended last, in Unix time.",
    ),
    gauge(
        "vipd_tracker_last_duration_seconds",
        &["last_took"],
        "How long the last run of its script took.",
    ),
    gauge("vipd_tracker_interval_seconds", &["interval"], "Interval of its script."),
    gauge("vipd_tracker_timeout_seconds", &["timeout"], "How long a run of its script may take."),
];

/// Of another router that is heard.
pub const PEER: &[Metric] = &[
    gauge("vipd_peer_priority", &["priority"], "Priority in the last advert of another router."),
    gauge(
        "vipd_peer_advert_interval_seconds",
        &["advert_int"],
        "Interval in the last advert of another router.",
    ),
    gauge(
        "vipd_peer_last_seen_seconds",
        &["last_seen"],
        "When another router was heard last, in Unix time.",
    ),
    counter(
        "vipd_peer_advertisements_total",
        &["adverts"],
        "Adverts of another router that were heeded.",
    ),
    counter(
        "vipd_peer_rejections_total",
        &["rejections"],
        "Adverts of another router that were refused.",
    ),
];
