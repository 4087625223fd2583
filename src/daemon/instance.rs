//! A vrrp_instance: the user's name for one virtual router, or for two, one for each family.

use crate::vrrp::time::Instant;
use crate::vrrp::StateName;
use crate::wire::Priority;

/// An instance. Its virtual routers change their state together.
pub struct Instance {
    /// Its name.
    pub name: String,
    /// What the configuration says.
    pub priority: Priority,
    /// Its virtual routers: one for each family that it has addresses of.
    pub routers: Vec<usize>,
    /// The sync group that it belongs to.
    pub group: Option<usize>,
    /// Its trackers: that of each slot, by its number.
    pub trackers: Vec<usize>,
    /// The state of its virtual routers.
    pub state: StateName,
    /// When it came into its state.
    pub since: Instant,
    /// Why it came into its state.
    pub reason: String,
    /// The same by RFC 8347: `last-event`, and `new-master-reason`; not known of what an earlier run
    /// has left.
    pub last_event: Option<&'static str>,
    /// See `last_event`.
    pub new_master_reason: Option<&'static str>,
    /// Into which state it is about to come, and why, while not all of its virtual routers have.
    pub why: Option<(StateName, String)>,
    /// A reload removes it.
    pub leaves: bool,
}
