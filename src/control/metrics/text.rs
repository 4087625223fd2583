//! Prometheus' text format 0.0.4.

use std::collections::HashSet;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until the daemon begins anew.
    Counter,
    /// It may take any value.
    Gauge,
}

/// The text, metric by metric.
#[derive(Debug, Default)]
pub struct Text {
    out: String,
    name: &'static str,
    /// What stands above the first sample of a metric; empty behind it.
    head: String,
    /// The labels of this metric's samples.
    seen: HashSet<String>,
}

impl Text {
    /// Begins a metric. Nothing is written of one that has no samples. `help` is one line without
    /// a backslash.
    pub fn metric(&mut self, name: &'static str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.name = name;
        self.head = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        self.seen.clear();
    }

    /// A sample of the metric. A second one with the same labels is left out: because of it
    /// Prometheus would refuse all.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        let labels = join(labels);
        self.out.push_str(&std::mem::take(&mut self.head));
        if self.seen.contains(&labels) {
            return;
        }
        self.out.push_str(&format!("{}{labels} {value}\n", self.name));
        self.seen.insert(labels);
    }

    /// All of it.
    #[must_use]
    pub fn finish(self) -> String {
        self.out
    }
}

/// `{name="vip",family="ipv4"}`; nothing if there are none.
fn join(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let labels: Vec<_> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    format!("{{{}}}", labels.join(","))
}

/// A label's value may hold anything, by these three escapes.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_nothing_is_said_twice() {
        let mut text = Text::default();
        text.metric("a_total", Kind::Counter, "Nothing.");
        text.metric("b", Kind::Gauge, "Some.");
        text.sample(&[("name", "a \"b\" c:\\\nd"), ("x", "")], 1.5);
        text.sample(&[("name", "a \"b\" c:\\\nd"), ("x", "")], 2.0);
        text.metric("c_total", Kind::Counter, "One.");
        text.sample(&[], 1_795_455_644.482);
        text.metric("d", Kind::Gauge, "Not known.");
        text.sample(&[], f64::NAN);
        let expected = "# HELP b Some.\n# TYPE b gauge\n\
                        b{name=\"a \\\"b\\\" c:\\\\\\nd\",x=\"\"} 1.5\n\
                        # HELP c_total One.\n# TYPE c_total counter\nc_total 1795455644.482\n\
                        # HELP d Not known.\n# TYPE d gauge\nd NaN\n";
        assert_eq!(text.finish(), expected);
    }
}
