//! What one run of the daemon leaves for the next: as text, for the next may be another version.

mod adopt;
pub mod file;
mod legacy;
mod lines;
pub mod memory;
pub mod words;

pub use adopt::is_master;
pub use legacy::Legacy;
