use super::*;
use crate::config::{read, Format, Reading};
use crate::sys::netlink::{messages, Message, AF_INET, AF_INET6};

/// Routes and rules of two lists, and how to ask for them.
struct Bench {
    fib: Fib,
    links: Links,
    batch: Vec<u8>,
}

impl Bench {
    fn new(routes: &[&str], rules: &[&str]) -> Self {
        let list = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| format!("{line:?}")).collect();
            lines.join(", ")
        };
        let text = format!(
            "[vrrp_instance.a]\ninterface = \"lo0\"\nvirtual_router_id = 1\n\
             virtual_ipaddress = [\"10.0.0.9\"]\n[static_routes]\nroute = [{}]\n\
             [static_rules]\nrule = [{}]\n",
            list(routes),
            list(rules)
        );
        let how = Reading::strict(Format::Toml);
        let (config, report) = read("f.toml", text.as_bytes(), &how, &|_, _| ());
        let config = config.unwrap_or_else(|| panic!("{report}"));
        let (mut fib, mut links) = (Fib::default(), Links::open().unwrap());
        for route in &config.static_routes {
            fib.add_route(route, &mut links).unwrap();
        }
        for rule in &config.static_rules {
            fib.add_rule(rule).unwrap();
        }
        Self { fib, links, batch: Vec::new() }
    }

    fn acquire(&mut self, number: usize) -> Vec<(u16, u32)> {
        self.fib.acquire(number, &self.links, &mut self.batch);
        self.asked()
    }

    fn release(&mut self, number: usize) -> Vec<(u16, u32)> {
        self.fib.release(number, &self.links, &mut self.batch);
        self.asked()
    }

    fn again(&mut self) -> Vec<(u16, u32)> {
        self.fib.set_again(Instant::ZERO, &self.links, &mut self.batch);
        self.asked()
    }

    /// What was asked of the kernel since the last time: the type and what it was for.
    fn asked(&mut self) -> Vec<(u16, u32)> {
        let asked = messages(&self.batch).map(|it| (it.kind, it.seq >> KIND)).collect();
        self.batch.clear();
        asked
    }

    fn answer(&mut self, purpose: u32, number: u32, errno: i32) {
        let refusal = Refusal { seq: purpose << KIND | number, errno };
        assert!(self.fib.answered(refusal, Instant::ZERO));
    }
}

const NEW: u16 = fib::RTM_NEWROUTE;
const DEL: u16 = fib::RTM_DELROUTE;

#[test]
fn what_two_want_goes_when_nobody_does() {
    let mut bench = Bench::new(&["blackhole 192.0.2.0/24"], &[]);
    assert_eq!(bench.acquire(0), [(NEW, SET)]);
    assert_eq!(bench.acquire(0), []);
    assert_eq!(bench.release(0), []);
    assert_eq!(bench.release(0), [(DEL, REMOVE)]);
    assert_eq!(bench.release(0), []);
}

#[test]
fn what_was_there_before_us_stays() {
    let mut bench =
        Bench::new(&["blackhole 192.0.2.0/24"], &["from 192.0.2.1 table 5 preference 9"]);
    assert_eq!(bench.acquire(0), [(NEW, SET)]);
    assert_eq!(bench.acquire(1), [(nl::RTM_NEWRULE, SET)]);
    bench.answer(SET, 0, EEXIST);
    bench.answer(SET, 1, EEXIST);
    assert_eq!((bench.release(0), bench.release(1)), (vec![], vec![]));
    // It is gone meanwhile, and then it is ours.
    bench.acquire(0);
    bench.answer(SET, 0, EEXIST);
    assert_eq!(bench.again(), [(NEW, AGAIN)]);
    bench.answer(AGAIN, 0, 0);
    assert_eq!(bench.release(0), [(DEL, REMOVE)]);
}

#[test]
fn what_is_there_already_when_asked_again_stays_ours() {
    let mut bench = Bench::new(&["blackhole 192.0.2.0/24"], &[]);
    bench.acquire(0);
    assert_eq!(bench.again(), [(NEW, AGAIN)]);
    bench.answer(AGAIN, 0, EEXIST);
    assert_eq!(bench.release(0), [(DEL, REMOVE)]);
    assert_eq!(bench.again(), []);
}

#[test]
fn what_the_kernel_refuses_is_asked_for_again_and_not_removed() {
    let mut bench = Bench::new(&["192.0.2.0/24 via 198.51.100.1"], &[]);
    bench.acquire(0);
    bench.answer(SET, 0, nl::ENETUNREACH);
    assert_eq!(bench.fib.items[0].failed, Some(nl::ENETUNREACH));
    assert_eq!(bench.again(), [(NEW, AGAIN)]);
    bench.answer(AGAIN, 0, nl::ENETUNREACH);
    assert_eq!(bench.release(0), []);
    bench.acquire(0);
    bench.answer(SET, 0, nl::ENETUNREACH);
    bench.answer(AGAIN, 0, 0);
    assert_eq!((bench.fib.items[0].failed, bench.release(0)), (None, vec![(DEL, REMOVE)]));
}

#[test]
fn a_route_waits_for_its_interface() {
    let mut bench = Bench::new(&["192.0.2.0/24 dev nowhere"], &[]);
    assert_eq!(bench.acquire(0), []);
    assert_eq!(bench.fib.items[0].failed, Some(ENODEV));
    assert_eq!((bench.again(), bench.release(0)), (vec![], vec![]));
}

/// The body of a message about `192.0.2.0/24` in the table main, or about a rule.
fn gone(bench: &mut Bench, kind: u16, header: nl::Header, attributes: &[(u16, &[u8])]) -> bool {
    let mut body = header.bytes().to_vec();
    let mut builder = crate::sys::netlink::Builder::new(&mut body);
    for (kind, value) in attributes {
        builder.attribute(*kind, value);
    }
    bench.fib.is_gone(&Message { kind, flags: 0, seq: 0, body: &body });
    std::mem::take(&mut bench.fib.any_gone)
}

#[test]
fn what_somebody_removes_is_recognised() {
    let rules = ["from 192.0.2.1 table 5 preference 9"];
    let mut bench = Bench::new(&["blackhole 192.0.2.0/24 metric 7 table 1000"], &rules);
    let header = nl::Header { family: AF_INET, dst_len: 24, ..nl::Header::default() };
    let (to, other): (&[u8], &[u8]) = (&[192, 0, 2, 0], &[192, 0, 3, 0]);
    let (metric, table) = (7u32.to_ne_bytes(), 1000u32.to_ne_bytes());
    let full = [(nl::RTA_DST, to), (nl::RTA_PRIORITY, &metric[..]), (nl::RTA_TABLE, &table[..])];
    assert!(!gone(&mut bench, DEL, header, &full), "nobody wants it");
    bench.acquire(0);
    bench.acquire(1);
    assert!(gone(&mut bench, DEL, header, &full));
    assert!(!gone(&mut bench, DEL, header, &full[..2]), "of another table");
    assert!(!gone(&mut bench, DEL, header, &[full[0], full[2]]), "of another metric");
    assert!(!gone(&mut bench, DEL, header, &[(nl::RTA_DST, other), full[1], full[2]]));
    assert!(!gone(&mut bench, NEW, header, &full), "not removed");
    assert!(!gone(&mut bench, DEL, nl::Header { dst_len: 25, ..header }, &full));
    let preference = 9u32.to_ne_bytes();
    let of_rule = [(nl::FRA_PRIORITY, &preference[..])];
    assert!(gone(&mut bench, nl::RTM_DELRULE, header, &of_rule));
    let ipv6 = nl::Header { family: AF_INET6, ..header };
    assert!(!gone(&mut bench, nl::RTM_DELRULE, ipv6, &of_rule));
    assert!(!gone(&mut bench, nl::RTM_DELRULE, header, &[]));
}

#[test]
fn what_is_removed_again_and_again_waits_a_moment() {
    let mut bench = Bench::new(&["blackhole 192.0.2.0/24"], &[]);
    bench.acquire(0);
    let put_back = |bench: &mut Bench, at: Instant| {
        (bench.fib.items[0].gone, bench.fib.any_gone) = (true, true);
        let all = bench.fib.put_back(at, &bench.links, &mut bench.batch);
        (all, bench.asked().len())
    };
    let at = Instant::ZERO + Duration::from_secs(60);
    assert_eq!(put_back(&mut bench, at), (true, 1));
    assert!(bench.fib.answered(Refusal { seq: AGAIN << KIND, errno: 0 }, at));
    assert_eq!(put_back(&mut bench, at), (false, 0));
    assert_eq!(put_back(&mut bench, at + PAUSE), (true, 1));
    assert!(bench.fib.answered(Refusal { seq: AGAIN << KIND, errno: 0 }, at + PAUSE));
}

#[test]
fn answers_to_others_are_not_ours() {
    let mut bench = Bench::new(&["blackhole 192.0.2.0/24"], &[]);
    for seq in [0, 5, 3 << KIND, 7 << KIND, u32::MAX] {
        assert!(!bench.fib.answered(Refusal { seq, errno: EEXIST }, Instant::ZERO));
    }
    // One that there is not any more.
    bench.answer(SET, 99, EEXIST);
}
