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
    Backup {
        /// The first member that follows it, counted from 0: everybody waits so many intervals
        /// longer for the timer to fire. Two groups that each lose on another segment, by their
        /// priorities or because their addresses are in another order, would else yield to each
        /// other and come back at the same moment again and again. For this the members have to
        /// be in the same order on all nodes.
        rank: u8,
    },
    /// Go into FAULT; a MASTER resigns.
    Fault,
    /// Nothing is in anybody's way any more: leave FAULT.
    Recover,
    /// One of us has won a contest ([`LowerPriority`](super::event::Action::LowerPriority)): whoever
    /// has lost it was MASTER on the other segments as well and leaves them without a word, so
    /// every MASTER announces its addresses again. Not of [`decide`].
    Announce,
}

/// A group does not wait for more intervals than this.
const LAST_RANK: usize = 15;

/// What all members have to be told, given where each of them stands; `None` if they agree. To be
/// asked again until it says so: telling them changes where they stand. Once a turn is enough, when
/// its packets have been read and its timers have fired: not earlier, for a packet that still waits
/// may take somebody's wish away (V3-082).
///
/// * One has a cause of its own to be in FAULT, or had one: so are all. None has one any more: all
///   begin anew.
/// * One wants to be MASTER, and all others want it too, hear only a weaker one, or are it: all
///   become it. A segment that has lost its MASTER cannot pull the others along, and a member that
///   a group gets while it is MASTER joins it when its own timer fires.
/// * One follows a MASTER while others are MASTER: they yield as well.
#[must_use]
pub fn decide(stands: impl Iterator<Item = Stand> + Clone) -> Option<Command> {
    let any = |wanted: Stand| stands.clone().any(|stand| stand == wanted);
    if any(Stand::Fault) || any(Stand::Waits) {
        let not_told = |stand| !matches!(stand, Stand::Init | Stand::Fault | Stand::Waits);
        if stands.clone().any(not_told) {
            return Some(Command::Fault);
        }
        return (!any(Stand::Fault)).then_some(Command::Recover);
    }
    let first = stands.clone().position(|stand| stand == Stand::Follows);
    if let Some(first) = first.filter(|_| any(Stand::Master)) {
        return Some(Command::Backup { rank: first.min(LAST_RANK) as u8 });
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
            (&[Follows, Master], Some(Command::Backup { rank: 0 })),
            (&[Master, Follows, Wants], Some(Command::Backup { rank: 1 })),
            (&[Master, Weaker, Follows, Follows], Some(Command::Backup { rank: 2 })),
            (&[Master, Fault], Some(Command::Fault)),
            (&[Follows, Fault, Waits], Some(Command::Fault)),
            (&[Fault, Waits, Fault], None),
            (&[Fault, Init], None),
            (&[Waits, Waits], Some(Command::Recover)),
            (&[Waits, Init], Some(Command::Recover)),
            // A fault that has come and gone within one turn: the others have not heard of it.
            (&[Waits, Master], Some(Command::Fault)),
            (&[Init, Init], None),
            (&[], None),
        ] {
            assert_eq!(decide(stands.iter().copied()), command, "{stands:?}");
        }
    }
}
