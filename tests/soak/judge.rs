//! What is written into the table after a fault, and what of it is a failure.

use crate::ear::{History, Holders};
use crate::fault::Fault;
use crate::lab::{span, wall_clock};
use crate::soak::{names, who, Moments, Soak};
use crate::step::Step;
use crate::table::Double;
use crate::world::{vip, Daemon, Life, World};
use std::time::Duration;

/// What is promised of a vipd: how long it may be silent where it has no reason to, and how long it
/// may answer when it is dead and another one has begun.
const PROMISED: Duration = Duration::from_millis(100);
/// The two of a double have been heard for this long at least.
const DOUBLE: Duration = Duration::from_millis(20);

impl Soak<'_> {
    /// Who took over and how long that took; and who kept what he had.
    pub fn record(&mut self, step: Step, times: &Moments, before: &World) -> Result<(), String> {
        let mut told = Vec::new();
        for (side, address, holder) in self.world.holders() {
            let Some(holder) = holder else { continue };
            let history = self.stage.ears[side].history(address);
            let ignored = self.undead(&[&self.world]);
            let since = history.since(1 << holder, ignored).unwrap_or_else(wall_clock);
            let alone = span(times.last, since);
            let daemon = self.world.routers[holder].daemon;
            let theory = step.theory(&self.world, address, holder);
            let name = step.name();
            if step.soon.is_some() {
                if since > times.fault {
                    self.table.moved((name, daemon), alone, alone, theory);
                }
                continue;
            }
            let deleted = step.fault == Fault::Delete(holder, address);
            let was_on = before.routers[holder].side;
            let had = before.holder(was_on, address) == Some(holder);
            if had && !deleted && step.fault != Fault::Join {
                // On a segment that it has just come to nobody has heard it before.
                if was_on != side {
                    continue;
                }
                let silence = silence(&history, holder, times.fault);
                self.table.kept((name, daemon), silence);
                self.judge_silence(step.fault, times, holder, silence)?;
            } else if before.holder(side, address) != Some(holder) || deleted {
                let answered = bit_at(&history, times.fault) & (1 << holder) != 0;
                let first = history.first(holder, times.fault, !answered && !deleted);
                let first = first.map_or(alone, |at| span(times.fault, at));
                let first = if step.fault == Fault::Join { alone } else { first };
                self.table.moved((name, daemon), first, alone, theory);
                told.push(format!(
                    "{}: {} after {} ms (theory {})",
                    vip(address),
                    World::name(holder),
                    first.as_millis(),
                    theory.as_millis()
                ));
            }
        }
        told.iter().for_each(|line| println!("           {line}"));
        Ok(())
    }

    /// A vipd that nothing was done to, or nothing that moves addresses, goes on.
    fn judge_silence(
        &self,
        fault: Fault,
        times: &Moments,
        holder: usize,
        silence: Duration,
    ) -> Result<(), String> {
        let harmless = matches!(fault, Fault::Upgrade(_) | Fault::Priority(..))
            || fault.router() != Some(holder);
        let is_vipd = self.world.routers[holder].daemon == Daemon::Vipd;
        if is_vipd && harmless && silence > PROMISED + self.late(times) {
            let name = World::name(holder);
            return Err(format!("{name} has kept an address, but was silent for {silence:?}"));
        }
        Ok(())
    }

    /// Counts two holders at once, from one moment to another; in between one world became the
    /// other.
    pub fn count_doubles(
        &mut self,
        step: Step,
        times: &Moments,
        (from, to): (u64, u64),
        worlds: &[&World],
    ) -> Result<(), String> {
        let (undead, down) = (self.undead(worlds), vipd_down(worlds));
        // A stronger one that is about to take over anyway does not wait for the end of the lease. That
        // can only be if something has happened just before.
        let lease = 3 * self.world.advert_int;
        let promised = if step.soon.is_some() { lease + PROMISED } else { PROMISED };
        for (side, address, _) in self.world.holders() {
            let history = self.stage.ears[side].history(address);
            for run in &history.runs {
                let length = span(run.from.max(from), run.to.min(to));
                if run.holders.count_ones() < 2 || run.questions < 2 || length < DOUBLE {
                    continue;
                }
                let who = match run.holders {
                    all if (all & !undead).count_ones() < 2 => Double::KeepalivedDown,
                    all if (all & !undead & !down).count_ones() < 2 => Double::VipdDown,
                    _ => Double::AtWork,
                };
                self.table.double(step.name(), who, length);
                let (vip, holders) = (vip(address), names(run.holders));
                println!("           {vip}: {holders} for {} ms: {who}", length.as_millis());
                if who == Double::VipdDown && length > promised + self.late(times) {
                    return Err(format!("{vip} was held by {holders} for {length:?}: {who}"));
                }
            }
        }
        Ok(())
    }
}

fn vipd_down(worlds: &[&World]) -> Holders {
    who(worlds, |router| {
        router.daemon == Daemon::Vipd && matches!(router.life, Life::Stopped | Life::Killed)
    })
}

/// Who answered at a moment.
fn bit_at(history: &History, moment: u64) -> Holders {
    let then = history.runs.iter().rev().find(|run| run.from <= moment);
    then.map_or(0, |run| run.holders)
}

/// The longest time since a moment that a router did not answer.
fn silence(history: &History, router: usize, since: u64) -> Duration {
    let (mut longest, mut silent_from) = (Duration::ZERO, None);
    for run in &history.runs {
        if run.holders & (1 << router) != 0 {
            silent_from = None;
        } else {
            let from = *silent_from.get_or_insert(run.from.max(since));
            longest = longest.max(span(from, run.to));
        }
    }
    // A question that was answered late is not silence.
    longest.max(DOUBLE) - DOUBLE
}
