//! Two MASTERs, and priorities that do not decide.

use super::{Finding, Patient};

/// A MASTER that goes on says so more often than this.
const ENOUGH: u32 = 2;
/// Seconds: what a kernel and a switch may take. Backups whose timers run out closer together than
/// that both take over (V3-118).
const CLOSE: f64 = 0.001;

/// Of each virtual router.
pub fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for router in patient.routers() {
        let (it, name) = (router.it, router.name());
        let ours = it.at("effective_priority").integer();
        let others = patient.wire.iter().flat_map(|wire| wire.incoming());
        let mut others = others.filter(|(heard, seen)| {
            router.matches(heard) && !heard.carp && seen.count >= ENOUGH && seen.priority > 0
        });
        if let Some((other, seen)) = others.next().filter(|_| router.stayed("MASTER")) {
            findings.push(Finding::wrong(
                format!(
                    "{name}: there are two MASTERs, this router with priority {ours} and {} with {}",
                    other.source, seen.priority
                ),
                "Clients reach the one or the other, as their switch has it.",
                "What else was found says why they do not hear each other; else look there: vipctl \
                 doctor, or what that router has.",
            ));
        }
        let advert_int = it.at("advert_int").number().unwrap_or_default();
        let peers = it.at("peers").list().filter(|peer| peer.at("rejected").text().is_empty());
        findings.extend(peers.filter_map(|peer| {
            let (address, theirs) = (peer.at("address").text(), peer.at("priority").integer());
            rivals(&name, ours, address, theirs, advert_int)
        }));
    }
    if findings.is_empty() {
        findings.push(match &patient.wire {
            Ok(_) => Finding::Fine("each virtual router has one MASTER".to_owned()),
            Err(why) => Finding::Unknown(why.clone()),
        });
    }
    findings
}

/// Priorities between which the skew time does not decide. `advert_int` is in seconds.
fn rivals(name: &str, ours: i64, address: &str, theirs: i64, advert_int: f64) -> Option<Finding> {
    // An owner needs no timer, and one that resigns is no rival.
    let waits = |priority| (1..255).contains(&priority);
    if !waits(ours) || !waits(theirs) {
        return None;
    }
    let apart = (ours - theirs).abs() as f64 / 256.0 * advert_int;
    let (what, remedy) = if ours == theirs {
        (format!("{name}: {address} has priority {ours}, as this router has"), String::new())
    } else if apart < CLOSE {
        let micros = apart * 1e6;
        let what = format!(
            "{name}: the timers of {address} with priority {theirs} and of this router with {ours} \
             run out within {micros:.0} us"
        );
        let enough = (CLOSE / advert_int * 256.0).ceil();
        let remedy = match enough < 254.0 {
            true => format!(" At least {enough:.0} apart."),
            false => " As far apart as can be, or with a longer advert_int.".to_owned(),
        };
        (what, remedy)
    } else {
        return None;
    };
    Some(Finding::wrong(
        what,
        "When the MASTER fails, both may take over; the lower one gives up when it hears the other.",
        format!("Give each router a priority of its own.{remedy}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v3_118_priorities_that_do_not_decide() {
        for (ours, theirs, advert_int, says) in [
            (100, 100, 1.0, Some("has priority 100, as this router has")),
            (100, 101, 1.0, None),
            (
                100,
                101,
                0.01,
                Some("with priority 101 and of this router with 100 run out within 39 us"),
            ),
            (150, 100, 0.01, None),
            (255, 255, 1.0, None),
            (100, 0, 0.01, None),
        ] {
            let found = rivals("vip", ours, "10.0.0.2", theirs, advert_int);
            let what = found.map(|it| match it {
                Finding::Wrong { what, .. } => what,
                other => panic!("{other:?}"),
            });
            let fits = what.as_deref().zip(says).map(|(what, says)| what.ends_with(says));
            assert_eq!((what.is_some(), fits.unwrap_or(true)), (says.is_some(), true), "{what:?}");
        }
    }
}
