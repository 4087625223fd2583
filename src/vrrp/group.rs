//! Sync groups: several virtual routers that are MASTER together or not at all.
//!
//! A grouped router decides for itself about everything but becoming MASTER: when its timer fires
//! it only [`Wants`](Stand::Wants). Whoever runs the routers asks [`decide`] whenever the
//! [`Stand`] of one has changed, and hands the [`Command`] to all of them, in the same turn.

/// Where a virtual router stands, as far as its group is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// Not begun, or ended.
    Init,
    /// In FAULT, and the cause is its own.
    Fault,
    /// In FAULT only because its group is.
    Waits,
    /// A tracker without a result holds it back.
    Held,
    /// Hears a MASTER that it would not beat, or has just yielded to one.
    Follows,
    /// Hears nobody, and its Master_Down_Timer runs: a MASTER may speak yet.
    Listens,
    /// Hears a MASTER of lower priority than its own.
    Weaker,
    /// Its timer has fired: it would be MASTER by now if it had no group.
    Wants,
    /// MASTER.
    Master,
}

/// What the group tells all its members. Whoever is there already does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Become MASTER.
    Master,
    /// Leave MASTER, without a word: another is there already.
    Backup,
    /// Go into FAULT; a MASTER resigns.
    Fault,
    /// Nothing is in anybody's way any more: leave FAULT.
    Recover,
    /// One of us has won a contest ([`LowerPriority`](super::event::Action::LowerPriority)): whoever
    /// has lost it was MASTER on the other segments as well and leaves them without a word, so
    /// every MASTER announces its addresses again. Not of [`decide`].
    Announce,
}

/// What all members have to be told, given where each of them stands; `None` if they agree. To be
/// asked again until it says so: telling them changes where they stand.
///
/// * One has a cause of its own to be in FAULT: so are all. None has one any more: all begin anew.
/// * One wants to be MASTER, and all others want it too, hear only a weaker one, or are it: all
///   become it. A segment that has lost its MASTER cannot pull the others along, and a member that
///   a group gets while it is MASTER joins it when its own timer fires.
/// * One follows a MASTER while others are MASTER: they yield as well.
#[must_use]
pub fn decide(stands: impl Iterator<Item = Stand> + Clone) -> Option<Command> {
    let any = |wanted: Stand| stands.clone().any(|stand| stand == wanted);
    if any(Stand::Fault) {
        let still = |stand| !matches!(stand, Stand::Init | Stand::Fault | Stand::Waits);
        return stands.clone().any(still).then_some(Command::Fault);
    }
    if any(Stand::Waits) {
        return Some(Command::Recover);
    }
    if any(Stand::Master) && any(Stand::Follows) {
        return Some(Command::Backup);
    }
    let ready = |stand| matches!(stand, Stand::Wants | Stand::Weaker | Stand::Master);
    (any(Stand::Wants) && stands.clone().all(ready)).then_some(Command::Master)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Stand::{Fault, Follows, Held, Init, Listens, Master, Waits, Wants, Weaker};

    #[test]
    fn the_table() {
        for (stands, command) in [
            (&[Wants][..], Some(Command::Master)),
            (&[Wants, Wants], Some(Command::Master)),
            (&[Wants, Weaker], Some(Command::Master)),
            (&[Wants, Master, Weaker], Some(Command::Master)),
            (&[Weaker, Weaker], None),
            (&[Weaker, Master], None),
            (&[Master, Master], None),
            (&[Wants, Follows], None),
            (&[Wants, Listens], None),
            (&[Wants, Held], None),
            (&[Wants, Init], None),
            (&[Wants, Master, Held], None),
            (&[Master, Held], None),
            (&[Master, Listens], None),
            (&[Master, Init], None),
            (&[Master, Follows], Some(Command::Backup)),
            (&[Master, Follows, Wants], Some(Command::Backup)),
            (&[Master, Fault], Some(Command::Fault)),
            (&[Follows, Fault, Waits], Some(Command::Fault)),
            (&[Fault, Waits, Fault], None),
            (&[Fault, Init], None),
            (&[Waits, Waits], Some(Command::Recover)),
            (&[Init, Init], None),
            (&[], None),
        ] {
            assert_eq!(decide(stands.iter().copied()), command, "{stands:?}");
        }
    }
}
