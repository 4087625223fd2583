use super::*;
use crate::vrrp::statistics::Statistics;

const STATUS: &str = r#"{"version":"0.1.0","started":1795455600.1,"skipped":0,"stopping":false,
"instances":[{"name":"a \"b\"","state":"MASTER","family":"ipv4","since":1795455644.482,
"interface":"eth0","virtual_router_id":5,"version":"2+3","group":null,"priority":100,
"effective_priority":120,"drained":false,"timers":{"skew_time":0.6},
"master":{"address":"10.77.0.1","priority":120,"last_seen":null},
"virtual_ipaddress":["192.0.2.10/24"],"virtual_ipaddress_excluded":["192.0.2.11/32 dev eth1"],
"refused":[{"address":"192.0.2.11","error":"no"}],
"trackers":[{"name":"chk","kind":"vrrp_script","state":"unknown","effect":"hold","last_exit":null},
{"name":"chk","kind":"vrrp_script","state":"up","effect":20},
{"name":"f","kind":"track_file","state":-3,"effect":-3,"weight":1},
{"name":"g","kind":"track_tcp","state":"down","effect":"fault","weight":0}],
"peers":[{"address":"10.77.0.2","priority":150,"advert_int":1.5,"version":3,
"checksum":"message","last_seen":1795455644.4,"adverts":17,"rejected":"why","rejections":2}],
"statistics":{"master_transitions":3,"advertisement_sent":7,"checksum_errors":2}}],
"groups":[{"name":"pair","state":"FAULT","members":["a"]}],
"duplicates":[{"name":"a","kind":"address","address":"192.0.2.10","mac":null,"count":4}],
"interfaces":[{"name":"eth0","family":"ipv4","send_errors":1,"statistics":{"vrid_errors":9}}],
"shortage":{"log_lines_lost":5}}"#;

fn text() -> String {
    let value = parse(STATUS).unwrap();
    metrics(Node::new(&value))
}

#[test]
fn what_the_status_says_is_a_number() {
    let text = text();
    let of = "name=\"a \\\"b\\\"\",family=\"ipv4\"";
    let chk = "tracker=\"chk\",kind=\"vrrp_script\"";
    let peer = "peer=\"10.77.0.2\"";
    let expected = [
        "vipd_up 1".to_owned(),
        "vipd_build_info{version=\"0.1.0\"} 1".to_owned(),
        "vipd_start_time_seconds 1795455600.1".to_owned(),
        "vipd_stopping 0".to_owned(),
        format!("vipd_instance_info{{{of},interface=\"eth0\",virtual_router_id=\"5\",version=\"2+3\",group=\"\"}} 1"),
        format!("vipd_instance_state{{{of},state=\"MASTER\"}} 1"),
        format!("vipd_instance_state{{{of},state=\"FAULT\"}} 0"),
        "vipd_group_state{name=\"pair\",state=\"FAULT\"} 1".to_owned(),
        format!("vipd_virtual_address{{{of},address=\"192.0.2.10/24\",excluded=\"false\"}} 1"),
        format!("vipd_virtual_address{{{of},address=\"192.0.2.11/32 dev eth1\",excluded=\"true\"}} 0"),
        format!("vipd_master_info{{{of},address=\"10.77.0.1\"}} 1"),
        format!("vipd_effective_priority{{{of}}} 120"),
        format!("vipd_drained{{{of}}} 0"),
        format!("vipd_skew_time_seconds{{{of}}} 0.6"),
        format!("vipd_transitions_total{{{of},to=\"MASTER\"}} 3"),
        format!("vipd_releases_total{{{of}}} 2"),
        format!("vipd_discarded_total{{{of},reason=\"checksum_errors\"}} 2"),
        "vipd_interface_discarded_total{interface=\"eth0\",family=\"ipv4\",reason=\"vrid_errors\"} 9".to_owned(),
        "vipd_send_errors_total{interface=\"eth0\",family=\"ipv4\"} 1".to_owned(),
        format!("vipd_tracker_up{{{of},{chk}}} NaN"),
        format!("vipd_tracker_up{{{of},tracker=\"g\",kind=\"track_tcp\"}} 0"),
        format!("vipd_tracker_fault{{{of},tracker=\"g\",kind=\"track_tcp\"}} 1"),
        format!("vipd_tracker_value{{{of},tracker=\"f\",kind=\"track_file\"}} -3"),
        format!("vipd_tracker_effect{{{of},{chk}}} 20"),
        format!("vipd_peer_info{{{of},{peer},version=\"3\",checksum=\"message\"}} 1"),
        format!("vipd_peer_advertisements_total{{{of},{peer}}} 17"),
        format!("vipd_peer_rejections_total{{{of},{peer}}} 2"),
        "vipd_duplicate_seen_total{name=\"a\",kind=\"address\",address=\"192.0.2.10\",mac=\"\"} 4".to_owned(),
        "vipd_shortage_total{what=\"log_lines_lost\"} 5".to_owned(),
    ];
    for line in expected {
        assert!(text.lines().any(|it| it == line), "{line} is missing in\n{text}");
    }
    for absent in ["vipd_master_last_seen_seconds", "vipd_priority_override", "master_transitions"]
    {
        assert!(!text.contains(absent), "{absent}");
    }
}

#[test]
fn a_metric_stands_in_one_place_and_each_sample_once() {
    let (mut metrics, mut samples) = (Vec::new(), Vec::new());
    for line in text().lines() {
        match line.strip_prefix("# HELP ") {
            Some(help) => {
                let (name, help) = help.split_once(' ').unwrap();
                assert!(help.ends_with('.') && !help.contains('\\'), "{help}");
                metrics.push(name.to_owned());
            }
            None if line.starts_with("# TYPE ") => {
                let name = metrics.last().unwrap();
                let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
                assert_eq!(line, format!("# TYPE {name} {kind}"));
            }
            None => {
                let (series, _) = line.rsplit_once(' ').unwrap();
                assert_eq!(series.split('{').next(), metrics.last().map(String::as_str));
                samples.push(series.to_owned());
            }
        }
    }
    for mut names in [metrics, samples] {
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}

#[test]
fn the_counters_of_traffic_are_those_that_come_first() {
    let names: Vec<_> = Statistics::default().named().map(|(name, _)| name).collect();
    assert_eq!(names[..Statistics::TRAFFIC], TRAFFIC);
}

/// A daemon of another version may say less.
#[test]
fn an_empty_answer_is_no_failure() {
    let value = parse("{}").unwrap();
    assert!(metrics(Node::new(&value)).contains("vipd_up 1\n"));
}
