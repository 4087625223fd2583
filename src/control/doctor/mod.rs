//! `vipctl doctor`: what usually breaks VRRP, looked for here. Each check stands in a file of its own.

mod daemon;
mod election;
mod firewall;
mod instances;
mod interfaces;
mod leftovers;
mod listen;
mod patient;
mod rp_filter;
mod shortage;
mod speakers;

use super::call::Call;
use super::colour::Paint;
use super::table::wrap;
use super::Command;
use crate::exit::{self, Failure};
use crate::json::Object;
use getopts::Options;
use patient::Patient;

pub(super) const COMMAND: Command = Command {
    name: "doctor",
    arguments: "[-v]",
    about: "look for what usually breaks VRRP here",
    options: |options: &mut Options| {
        options.optflag("v", "verbose", "tell of what is as it should be, too");
    },
    run,
};

/// What a check has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// As it should be.
    Fine(String),
    /// It could not be looked at, and why.
    Unknown(String),
    /// Something is wrong.
    Wrong {
        /// What is.
        what: String,
        /// What that means.
        meaning: String,
        /// What is to be done.
        remedy: String,
    },
}

impl Finding {
    fn wrong(
        what: impl Into<String>,
        meaning: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Wrong { what: what.into(), meaning: meaning.into(), remedy: remedy.into() }
    }
}

/// What a check has found of a daemon that answers.
type Check = fn(&Patient<'_>) -> Vec<Finding>;

/// All of them, in the order in which a person would look.
const CHECKS: [(&str, Check); 8] = [
    ("instances", instances::check),
    ("interfaces", interfaces::check),
    ("rp_filter", rp_filter::check),
    ("firewall", firewall::check),
    ("speakers", speakers::check),
    ("election", election::check),
    ("leftovers", leftovers::check),
    ("shortage", shortage::check),
];

fn run(call: &Call) -> Result<u8, Failure> {
    call.words::<0>([], 0)?;
    let mut report = Report {
        json: call.json,
        verbose: call.matches.opt_present("v"),
        paint: Paint::of_stdout(),
        wrong: false,
    };
    if let Some((finding, pid)) = daemon::look(call) {
        report.tell("daemon", &[finding])?;
        if pid.is_none() {
            // It cannot clean up: what is there is left from it.
            report.tell("leftovers", &leftovers::without_daemon(call))?;
        }
        return Ok(exit::UNAVAILABLE);
    }
    report.tell("daemon", &[Finding::Fine("vipd answers".to_owned())])?;
    let before = patient::Answers::of(call)?;
    let span = listen::span(before.status());
    if !report.json {
        exit::say(&format!("listening for {}\n", super::time::span(span)));
    }
    let heard = listen::listen(before.status(), span);
    let after = patient::Answers::of(call)?;
    let patient = Patient::new(&before, &after, heard)?;
    for (name, check) in CHECKS {
        report.tell(name, &check(&patient))?;
    }
    if !report.wrong && !report.json {
        exit::print("nothing wrong was found\n")?;
    }
    Ok(if report.wrong { exit::NO } else { exit::OK })
}

/// How it is told.
struct Report {
    json: bool,
    verbose: bool,
    paint: Paint,
    /// Something was wrong.
    wrong: bool,
}

impl Report {
    fn tell(&mut self, check: &str, findings: &[Finding]) -> Result<(), Failure> {
        let mut out = String::new();
        for finding in findings {
            let fine = matches!(finding, Finding::Fine(_));
            self.wrong |= matches!(finding, Finding::Wrong { .. });
            if fine && !self.verbose {
                continue;
            }
            match self.json {
                true => json(check, finding, &mut out),
                false => text(check, finding, self.paint, &mut out),
            }
        }
        exit::print(&out)
    }
}

fn text(check: &str, finding: &Finding, paint: Paint, out: &mut String) {
    let (mark, what) = match finding {
        Finding::Fine(what) => (paint.good("+"), what),
        Finding::Unknown(what) => (paint.warn("?"), what),
        Finding::Wrong { what, .. } => (paint.bad("!"), what),
    };
    out.push_str(&format!("{mark} {}\n", wrap(&format!("{check}: {what}"), 2)));
    if let Finding::Wrong { meaning, remedy, .. } = finding {
        for line in [meaning, remedy] {
            out.push_str(&format!("    {}\n", wrap(line, 4)));
        }
    }
}

fn json(check: &str, finding: &Finding, out: &mut String) {
    let mut it = Object::new(out);
    it.put("check", check);
    let (state, what) = match finding {
        Finding::Fine(what) => ("ok", what),
        Finding::Unknown(what) => ("unknown", what),
        Finding::Wrong { what, .. } => ("wrong", what),
    };
    it.put("state", state);
    it.put("finding", what.as_str());
    if let Finding::Wrong { meaning, remedy, .. } = finding {
        it.put("meaning", meaning.as_str());
        it.put("remedy", remedy.as_str());
    }
    drop(it);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_fit_a_terminal_and_are_json() {
        let long = "word ".repeat(40);
        let wrong = Finding::wrong(&*long, &*long, &*long);
        let fine = Finding::Fine("well".to_owned());
        let (mut out, paint) = (String::new(), Paint::plain());
        for finding in [&wrong, &fine] {
            text("firewall", finding, paint, &mut out);
        }
        assert!(out.lines().all(|line| line.len() <= 80), "{out}");
        assert!(out.starts_with("! firewall: word") && out.ends_with("+ firewall: well\n"));
        out.clear();
        json("firewall", &fine, &mut out);
        assert_eq!(out, "{\"check\":\"firewall\",\"state\":\"ok\",\"finding\":\"well\"}\n");
    }
}
