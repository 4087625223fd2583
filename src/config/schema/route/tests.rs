use super::*;
use crate::config::route::Route;
use crate::config::tree::Data;

fn read_line(text: &str) -> Result<VirtualRoute, String> {
    let mut report = Report::new("f", text);
    let value = Value { data: Data::Text(text.into()), place: Place::new(0, text.len()) };
    match (read("virtual_routes", Some(&value), &mut report).pop(), report.has_errors()) {
        (Some(route), false) => Ok(route),
        (None, true) => Err(report.to_string()),
        (route, _) => panic!("{text}: {route:?} {report}"),
    }
}

fn route(text: &str) -> Route {
    read_line(text).unwrap_or_else(|error| panic!("{error}")).route
}

#[test]
fn lines_that_are_right() {
    let default = route("default via 192.0.2.1 dev eth1 metric 50");
    assert_eq!(default.to, Prefix { address: Family::V4.unspecified(), len: 0 });
    assert_eq!((default.kind, default.scope, default.metric), (1, 0, Some(50)));
    assert_eq!((default.via, default.dev.as_deref()), ("192.0.2.1".parse().ok(), Some("eth1")));
    assert_eq!((default.table, default.protocol), (Table::MAIN, None));
    // The order is of no account, and there are several words for some things.
    let other = "dev eth1 priority 50 src 192.0.2.9 to default via inet 192.0.2.1 table main";
    assert_eq!(
        Route { src: None, ..route(other) },
        route(other.replace("src 192.0.2.9 ", "").as_str())
    );
    assert_eq!(route("198.51.100.0/24 dev eth1").scope, 253);
    assert_eq!(route("198.51.100.0/24 dev eth1 scope global").scope, 0);
    assert_eq!(route("local 198.51.100.7 dev eth1").scope, 254);
    assert_eq!(route("local 198.51.100.7 dev eth1").table, Table::Number(255));
    assert_eq!(route("blackhole 198.51.100.0/24 table 100").table, Table::Number(100));
    assert_eq!(route("throw default table wan").table, Table::Name("wan".into()));
    let ipv6 = route("default via fe80::1 dev eth0 pref high");
    assert_eq!((ipv6.to.address, ipv6.pref, ipv6.scope), (Family::V6.unspecified(), Some(1), 0));
    assert_eq!(route("inet6 unreachable default").to.address, Family::V6.unspecified());
    let mixed = route("192.0.2.0/24 via inet6 fe80::1 dev eth0 tos 10 protocol static");
    assert_eq!((mixed.tos, mixed.protocol), (16, Some(4)));
    let metrics = route("10.0.0.0/8 dev a mtu lock 1400 advmss 1360 quickack 1 onlink").metrics;
    let metric = |number, value, lock| Metric { number, value, lock };
    let expected = [metric(2, 1400, true), metric(8, 1360, false), metric(15, 1, false)];
    assert_eq!(metrics, expected);
}

#[test]
fn several_ways() {
    let line = read_line(
        "default no_track nexthop via 192.0.2.1 dev a weight 2 nexthop dev b nexthop via \
         192.0.2.3 onlink",
    );
    let VirtualRoute { route, line } = line.unwrap();
    let dev = |name: &str| Some(name.to_owned());
    let via = |text: &str| text.parse().ok();
    let expected = [
        Nexthop { via: via("192.0.2.1"), dev: dev("a"), weight: 2, onlink: false },
        Nexthop { via: None, dev: dev("b"), weight: 1, onlink: false },
        Nexthop { via: via("192.0.2.3"), dev: None, weight: 1, onlink: true },
    ];
    assert_eq!((route.nexthops.as_slice(), route.scope), (&expected[..], 0));
    let devs: Vec<_> = line.devs.iter().map(|(dev, _)| dev.as_str()).collect();
    assert_eq!((devs, line.no_track), (vec!["a", "b"], true));
}

#[test]
fn lines_that_are_wrong() {
    for (text, reason) in [
        ("via 192.0.2.1", "no destination"),
        ("default", "leads nowhere"),
        ("default dev", "something is missing"),
        ("10.0.0.1/24 dev a", "write 10.0.0.0/24"),
        ("2001:db8::1/32 dev a", "write 2001:db8::/32"),
        ("default via x", "an IP address, not \"x\""),
        ("default via inet6 192.0.2.1", "an IPv6 address"),
        ("2001:db8::/32 via 192.0.2.1", "cannot have a gateway of IPv4"),
        ("10.0.0.0/8 dev a src 2001:db8::1", "not of the family"),
        ("inet 2001:db8::/32 dev a", "both families"),
        ("default via fe80::1", "says no interface"),
        ("default nexthop via fe80::1", "says no interface"),
        ("blackhole 10.0.0.0/8 via 192.0.2.1", "leave them out"),
        ("blackhole", "no destination"),
        ("default dev a nexthop dev b", "behind each nexthop"),
        ("default nexthop weight 2", "needs via or dev"),
        ("default nexthop dev a weight 0", "1 to 256"),
        ("default nexthop dev a metric 5", "to the end of the line"),
        ("default dev a metric 1 priority 2", "twice"),
        ("default dev a mtu 1400 mtu 1500", "twice"),
        ("default dev a mtu 10", "68 to 65535"),
        ("default dev a table 0", "routing table"),
        ("default dev a protocol 0", "1 to 255"),
        ("default dev a scope far", "global, site"),
        ("default dev a/b", "name of an interface"),
        ("default dev a encap mpls 5", "encap is not supported"),
        ("default gw 192.0.2.1", "gw is an old word for via"),
        ("default dev a metrik 5", "did you mean \"metric\"?"),
        ("default dev a 10.0.0.0/8", "second destination"),
        ("default dev a pref high", "IPv6 alone"),
        ("2001:db8::/32 dev a tos 10", "IPv4 alone"),
        ("default dev a tos 0x100", "hexadecimal"),
    ] {
        let error = read_line(text).unwrap_err();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn a_route_is_there_once() {
    let mut report = Report::new("f", "");
    let text = |text: &str| Value { data: Data::Text(text.into()), place: Place::default() };
    let items = vec![text("default dev a metric 5"), text("default priority 5 dev a")];
    let value = Value { data: Data::List(items), place: Place::default() };
    assert_eq!(read("virtual_routes", Some(&value), &mut report).len(), 1);
    assert!(report.to_string().contains("the same route twice"), "{report}");
}
