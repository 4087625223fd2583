//! How late the machine is: who wants to be woken every 10 ms, and when it was.

use crate::lab::pass;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const PACE: Duration = Duration::from_millis(10);
/// Less is as it should be.
const USUAL: Duration = Duration::from_millis(5);

/// Measures until it is dropped.
pub struct Lag {
    total: Arc<Mutex<Duration>>,
}

impl Lag {
    pub fn new() -> Self {
        let total = Arc::new(Mutex::new(Duration::ZERO));
        let ours = Arc::downgrade(&total);
        std::thread::spawn(move || {
            let mut before = Instant::now();
            while let Some(total) = ours.upgrade() {
                pass(PACE);
                let late = before.elapsed().saturating_sub(PACE);
                if late > USUAL {
                    *total.lock().unwrap_or_else(PoisonError::into_inner) += late;
                }
                before = Instant::now();
            }
        });
        Self { total }
    }

    /// How late in sum, so far.
    pub fn total(&self) -> Duration {
        *self.total.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
