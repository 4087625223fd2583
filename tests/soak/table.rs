//! What is printed at the end.

use crate::world::Daemon;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Times of one kind.
#[derive(Clone, Debug, Default)]
struct Times {
    /// From the fault to the first sign of the new holder.
    first: Vec<Duration>,
    /// From the fault until nobody else answered any more.
    alone: Duration,
    /// The longest that the theory allowed for one of them.
    theory: Duration,
    /// How many took longer than their theory, and a tenth more.
    late: usize,
}

/// What those felt of a fault who should not have felt anything.
#[derive(Clone, Copy, Debug, Default)]
struct Calm {
    count: usize,
    silent: usize,
    silence: Duration,
}

/// Two holders at once.
#[derive(Clone, Copy, Debug, Default)]
struct Doubles {
    count: usize,
    total: Duration,
    longest: Duration,
}

/// Who the two were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Double {
    /// Both at work.
    AtWork,
    /// One of them is a vipd that was killed or stopped.
    VipdDown,
    /// One of them is a keepalived that was killed or stopped.
    KeepalivedDown,
}

impl fmt::Display for Double {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::AtWork => "both at work",
            Self::VipdDown => "one is a vipd that was killed or stopped",
            Self::KeepalivedDown => "one is a keepalived that was killed or stopped",
        })
    }
}

type Kind = (String, Daemon);

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Table {
    faults: BTreeMap<&'static str, usize>,
    times: BTreeMap<Kind, Times>,
    calm: BTreeMap<Kind, Calm>,
    doubles: BTreeMap<(String, Double), Doubles>,
}

impl Table {
    pub fn fault(&mut self, name: &'static str) {
        *self.faults.entry(name).or_default() += 1;
    }

    pub fn faults(&self) -> usize {
        self.faults.values().sum()
    }

    /// Somebody took over.
    pub fn moved(&mut self, kind: Kind, first: Duration, alone: Duration, theory: Duration) {
        let times = self.times.entry(kind).or_default();
        times.first.push(first);
        times.alone = times.alone.max(alone);
        times.theory = times.theory.max(theory);
        times.late += usize::from(first > theory + theory / 10);
    }

    /// Somebody kept what he had. `silence` is the longest that he did not answer for it.
    pub fn kept(&mut self, kind: Kind, silence: Duration) {
        let calm = self.calm.entry(kind).or_default();
        calm.count += 1;
        calm.silent += usize::from(silence > Duration::ZERO);
        calm.silence = calm.silence.max(silence);
    }

    /// Two answered.
    pub fn double(&mut self, fault: String, who: Double, how_long: Duration) {
        let doubles = self.doubles.entry((fault, who)).or_default();
        doubles.count += 1;
        doubles.total += how_long;
        doubles.longest = doubles.longest.max(how_long);
    }

    /// The whole text.
    pub fn text(&self) -> String {
        let mut lines = vec![format!(
            "Takeovers, from the fault to the first sign of the new holder (ms)\n  {:<36} {:<10} {:>5} {:>7} {:>7} {:>7} {:>7} {:>7} {:>5} {:>7}",
            "fault", "taken by", "count", "min", "median", "p95", "max", "theory", "later", "alone",
        )];
        for ((fault, daemon), times) in &self.times {
            let mut first = times.first.clone();
            first.sort();
            let at = |percent: usize| ms(first[(first.len() - 1) * percent / 100]);
            lines.push(format!(
                "  {fault:<36} {:<10} {:>5} {:>7} {:>7} {:>7} {:>7} {:>7} {:>5} {:>7}",
                daemon.to_string(),
                first.len(),
                at(0),
                at(50),
                at(95),
                at(100),
                ms(times.theory),
                times.late,
                ms(times.alone),
            ));
        }
        lines.push(
            "  theory: the longest it may take; later: how many took a tenth longer than that, or more; \
                    alone: the longest until nobody else answered"
                .to_owned(),
        );
        lines.push(format!(
            "\nAddresses that stayed where they were (ms)\n  {:<36} {:<10} {:>5} {:>7} {:>15}",
            "fault", "held by", "count", "silent", "longest silence",
        ));
        for ((fault, daemon), calm) in &self.calm {
            lines.push(format!(
                "  {fault:<36} {:<10} {:>5} {:>7} {:>15}",
                daemon.to_string(),
                calm.count,
                calm.silent,
                ms(calm.silence),
            ));
        }
        lines.push(format!(
            "\nTwo holders at once, seen for 20 ms or longer (ms)\n  {:<36} {:<47} {:>5} {:>7} {:>9}",
            "fault", "who", "count", "longest", "in all",
        ));
        for ((fault, who), doubles) in &self.doubles {
            lines.push(format!(
                "  {fault:<36} {:<47} {:>5} {:>7} {:>9}",
                who.to_string(),
                doubles.count,
                ms(doubles.longest),
                ms(doubles.total),
            ));
        }
        if self.doubles.is_empty() {
            lines.push("  never".to_owned());
        }
        let faults: Vec<String> =
            self.faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
        lines.push(format!("\n{} faults: {}", self.faults(), faults.join("; ")));
        lines.join("\n")
    }
}

fn ms(time: Duration) -> String {
    time.as_millis().to_string()
}
