//! `vipctl metrics`, read by Prometheus over HTTP, and what the dashboard makes of it.

use crate::lab::process::Process;
use crate::lab::{poll, Host, Lab, SOON};
use crate::setup::{toml, vipd, Pair, V3};
use crate::vipctl::Vipctl;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use tinyjson::JsonValue;

const DASHBOARD: &str = include_str!("../../conf/grafana/vipd.json");
/// Where the lab's Prometheus listens, and where what it asks.
const PROMETHEUS: &str = "127.0.0.1:9090";
const SERVER: &str = "127.0.0.1:9100";

/// A web server that runs the CGI script: `/a` is for the daemon of that name.
fn serve(lab: &Lab, host: &Host) {
    let program = vipd().display();
    let run = lab.directory().join("run-").display().to_string();
    let client = format!("#!/bin/bash\nexec -a vipctl {program} -r {run}$ROUTER \"$@\"\n");
    let folder = lab.script("vipctl", &client).parent().expect("it has one").display().to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").expect("there is one"));
    host.namespace.spawn(move || {
        let listener = TcpListener::bind(SERVER).expect("it is free");
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a client"));
            let mut lines = Vec::new();
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|length| length > 2) {
                lines.push(std::mem::take(&mut line));
            }
            let Some(router) = lines.first().and_then(|line| line.split([' ', '/']).nth(2)) else {
                continue;
            };
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/cgi/vipd-metrics");
            let mut command = Command::new(script);
            command.env("PATH", &path).env("ROUTER", router).stderr(Stdio::null());
            let answer = command.output().expect("it can be run").stdout;
            // Whoever has asked may have gone.
            let stream = stream.get_mut();
            let _ =
                stream.write_all(b"HTTP/1.0 200 OK\r\n").and_then(|()| stream.write_all(&answer));
        }
    });
}

/// A Prometheus that asks for `a` and `b`, and calls them so.
fn prometheus(lab: &Lab, host: &Host) -> Process {
    let job = |name: &str| {
        format!(
            "- job_name: {name}\n  metrics_path: /{name}\n  static_configs:\n  \
             - targets: ['{SERVER}']\n    labels: {{instance: {name}}}\n"
        )
    };
    let global = "global: {scrape_interval: 400ms, scrape_timeout: 400ms}\nscrape_configs:\n";
    let config = lab.file("prometheus.yml", &(global.to_owned() + &job("a") + &job("b")));
    let mut command = host.namespace.command(Path::new("prometheus"));
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}", lab.directory().join("tsdb").display()));
    command.arg("--log.level=warn");
    command.arg(format!("--web.listen-address={PROMETHEUS}"));
    lab.spawn("prometheus", command)
}

/// What Prometheus answers: the rows, each a series with its newest value. `None` while it does
/// not listen.
fn query(host: &Host, expression: &str) -> Option<Vec<(JsonValue, f64)>> {
    let encoded: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer = host.namespace.run(|| {
        let mut stream = TcpStream::connect(PROMETHEUS).ok()?;
        let request = format!("GET /api/v1/query?query={encoded} HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    })?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if head.contains(" 503 ") {
        return None;
    }
    let body: JsonValue = body.parse().unwrap_or_else(|error| panic!("{error}: {answer}"));
    assert_eq!(text(&body["status"]), "success", "{expression}: {answer}");
    let rows: &Vec<JsonValue> = body["data"]["result"].get().expect("rows");
    let value = |row: &JsonValue| text(&row["value"][1]).parse().expect("a number");
    Some(rows.iter().map(|row| (row["metric"].clone(), value(row))).collect())
}

fn text(value: &JsonValue) -> &str {
    value.get::<String>().expect("a text")
}

/// Waits until an expression has one series, with this value.
#[track_caller]
fn wait_value(host: &Host, expression: &str, value: f64) {
    poll(2 * SOON, &format!("{expression} is {value}"), || {
        query(host, expression).is_some_and(|rows| rows.len() == 1 && rows[0].1 == value)
    });
}

/// Every text below a key of this name, as Prometheus can understand it: Grafana puts its own
/// values for what begins with a dollar sign.
fn expressions(value: &JsonValue, key: &str, out: &mut Vec<String>) {
    match value {
        JsonValue::Object(fields) => {
            for (name, field) in fields {
                match field {
                    JsonValue::String(text) if name == key => out.push(
                        text.replace("$__rate_interval", "1m")
                            .replace("$host", ".*")
                            .replace("$name", ".*"),
                    ),
                    field => expressions(field, key, out),
                }
            }
        }
        JsonValue::Array(all) => all.iter().for_each(|value| expressions(value, key, out)),
        _ => {}
    }
}

/// Those that are judged by who wrote Prometheus: nothing is to be said of them.
#[track_caller]
fn lint(metrics: &str) {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool can be run");
    child.stdin.take().expect("a pipe").write_all(metrics.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    assert!(output.status.success() && said.concat().is_empty(), "{said:?}\n{metrics}");
}

/// A MASTER with scripts that is drained, and a BACKUP with one address more and an instance of its own.
fn daemons(pair: &Pair) -> (Process, Process) {
    let check = "[vrrp_script.chk]\nscript = [\"true\"]\ninterval = 0.2\n\
                 [vrrp_script.broken]\nscript = [\"false\"]\ninterval = 0.2\n";
    let more = "track_script = [\"chk\", { name = \"broken\", weight = -20 }]\n";
    let a = pair.start_a(&(toml(150, &format!("{V3}\n{more}")) + check));
    let own = "[vrrp_instance.own]\ninterface = \"eth0\"\nvirtual_router_id = 52\n\
               virtual_ipaddress = [\"10.77.0.101/24\"]\nversion = 3\nadvert_int = 0.2\n\
               [vrrp_sync_group.\"a pair\"]\ngroup = [\"own\"]\n";
    let b = toml(100, V3).replace("/24\"]", "/24\", \"10.77.0.102/24\"]") + own;
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let b = pair.start_b(&b);
    b.wait_log("vip: INIT -> BACKUP", SOON);
    (a, b)
}

#[test]
fn prometheus_reads_them_and_the_dashboard_shows_them() {
    let pair = Pair::new();
    // It begins to ask 5 s after its start, and there is something to be done until then.
    let host = pair.lab.host("mon", "10.77.0.3/24");
    serve(&pair.lab, &host);
    let prometheus = prometheus(&pair.lab, &host);
    let (a, b) = daemons(&pair);
    let (ctl, other) = (Vipctl::of(&pair.lab, &pair.a), Vipctl::of(&pair.lab, &pair.b));
    poll(SOON, "they answer", || ctl.run(&["status"]).code + other.run(&["status"]).code == 0);
    lint(&ctl.ok(&["metrics"]));
    lint(&other.ok(&["metrics"]));
    assert_eq!(ctl.run(&["-j", "metrics"]).code, 64);

    // What is said there is what is.
    wait_value(&host, "vipd_instance_state{instance='a',name='vip',state='MASTER'}", 1.0);
    wait_value(&host, "vipd_instance_state{instance='b',name='vip',state='BACKUP'}", 1.0);
    wait_value(&host, "sum(vipd_instance_state{name='vip'})", 2.0);
    wait_value(&host, "sum(vipd_virtual_address{address='10.77.0.100/24'})", 1.0);
    wait_value(&host, "vipd_group_state{name='a pair',state='MASTER'}", 1.0);
    wait_value(&host, "vipd_effective_priority{instance='a'}", 130.0);
    wait_value(&host, "vipd_tracker_last_exit_status{tracker='broken'}", 1.0);
    wait_value(&host, "vipd_tracker_up{tracker='chk'}", 1.0);
    wait_value(&host, "abs(time() - vipd_start_time_seconds{instance='a'}) < bool 600", 1.0);

    // Each expression of the dashboard has data, and each list of choices.
    let dashboard: JsonValue = DASHBOARD.parse().expect("JSON");
    let (mut all, mut lists) = (Vec::new(), Vec::new());
    expressions(&dashboard["panels"], "expr", &mut all);
    expressions(&dashboard["templating"], "definition", &mut lists);
    assert!(all.len() > 15 && lists.len() == 2, "{all:#?} {lists:#?}");
    for list in lists {
        let inner = list.strip_prefix("label_values(").and_then(|list| list.strip_suffix(')'));
        let (metric, label) = inner.and_then(|list| list.rsplit_once(", ")).expect("a list");
        all.push(format!("count by ({label}) ({metric})"));
    }
    for expression in all {
        poll(2 * SOON, &format!("there is data for {expression}"), || {
            query(&host, &expression).is_some_and(|rows| rows.iter().any(|row| row.1.is_finite()))
        });
    }

    // One hands over and ends.
    ctl.ok(&["drain", "vip"]);
    wait_value(&host, "vipd_releases_total{instance='a'}", 1.0);
    wait_value(&host, "vipd_drained{instance='a'}", 1.0);
    wait_value(&host, "vipd_transitions_total{instance='b',name='vip',to='MASTER'}", 1.0);
    ctl.ok(&["stop"]);
    assert!(a.wait_end(SOON).success());
    wait_value(&host, "vipd_up{instance='a'}", 0.0);
    wait_value(&host, "count(vipd_up)", 2.0);
    let said = ctl.run(&["metrics"]);
    assert!(said.code == 69 && said.out.ends_with("\nvipd_up 0\n"), "{said:?}");
    lint(&said.out);
    assert!(b.is_running() && prometheus.is_running());
}
