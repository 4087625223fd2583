//! The order of notify scripts: one at a time for each instance, in order. A state that was
//! overtaken while a script ran is skipped, the last state is always delivered, so that a service
//! is never left stopped on the MASTER because two scripts raced.

use crate::vrrp::StateName;
use crate::wire::Priority;

/// What a notify script is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A state was entered.
    State(StateName),
    /// The daemon stops.
    Stop,
    /// A reload has removed the instance, and `notify_deleted` is to be told.
    Deleted,
    /// A MASTER has heard one of lower rank. Not a state: what follows may replace it, and it replaces
    /// nothing.
    LowerPriority,
}

impl Told {
    /// The word that stands in `$3` and `VRRP_STATE`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::State(state) => state.as_str(),
            Self::Stop => "STOP",
            Self::Deleted => "DELETED",
            Self::LowerPriority => "MASTER_RX_LOWER_PRI",
        }
    }
}

/// Which of an instance's scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// `notify_master`, `notify_backup`, `notify_fault`, `notify_stop` or
    /// `notify_master_rx_lower_pri`, without arguments.
    Specific,
    /// `notify`, with arguments.
    General,
}

/// A change of state to tell the scripts of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// What is told.
    pub told: Told,
    /// The state before.
    pub previous: StateName,
    /// The effective priority at that moment.
    pub priority: Priority,
    /// Why.
    pub reason: String,
}

/// What is running and what waits.
#[derive(Debug, Default)]
pub struct Queue {
    current: Option<(News, Script)>,
    waiting: Option<News>,
}

impl Queue {
    /// Takes a change of state, or something else to tell; returns the state that was skipped because
    /// of it.
    pub fn push(&mut self, news: News) -> Option<News> {
        if news.told == Told::LowerPriority && self.waiting.is_some() {
            return None;
        }
        self.waiting.replace(news).filter(|skipped| skipped.told != Told::LowerPriority)
    }

    /// The script to start now. `None` while one runs, and when there is nothing to tell. The
    /// caller says [`Queue::done`] when it has ended, could not be started, or does not exist.
    pub fn start(&mut self) -> Option<(&News, Script)> {
        if self.current.is_some() {
            return None;
        }
        let news = self.waiting.take()?;
        self.current = Some((news, Script::Specific));
        self.current()
    }

    /// What is running.
    #[must_use]
    pub fn current(&self) -> Option<(&News, Script)> {
        self.current.as_ref().map(|(news, script)| (news, *script))
    }

    /// The script that was running has ended; returns what comes next for the same news, unless
    /// newer news wait.
    pub fn done(&mut self) -> Option<(&News, Script)> {
        if self.end().is_some() {
            return self.current();
        }
        self.start()
    }

    /// What is running has ended, and nothing is to start now unless it belongs to the same news.
    pub fn end(&mut self) -> Option<(&News, Script)> {
        match self.current.take() {
            Some((news, Script::Specific)) if !self.overtakes() => {
                self.current = Some((news, Script::General));
                self.current()
            }
            Some(_) | None => None,
        }
    }

    /// A newer state waits.
    #[must_use]
    pub fn overtakes(&self) -> bool {
        self.waiting.as_ref().is_some_and(|news| news.told != Told::LowerPriority)
    }

    /// Nothing runs and nothing waits.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.current.is_none() && self.waiting.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(state: StateName) -> News {
        News {
            told: Told::State(state),
            previous: StateName::Init,
            priority: Priority(100),
            reason: String::new(),
        }
    }

    fn told(next: Option<(&News, Script)>) -> Option<(Told, Script)> {
        next.map(|(news, script)| (news.told, script))
    }

    const MASTER: Told = Told::State(StateName::Master);
    const BACKUP: Told = Told::State(StateName::Backup);

    #[test]
    fn the_specific_script_comes_first() {
        let mut queue = Queue::default();
        assert_eq!(queue.push(news(StateName::Master)), None);
        assert_eq!(told(queue.start()), Some((MASTER, Script::Specific)));
        assert_eq!(told(queue.start()), None);
        assert_eq!(told(queue.done()), Some((MASTER, Script::General)));
        assert_eq!(told(queue.done()), None);
        assert!(queue.is_idle());
    }

    /// What is no state neither comes between the scripts of one nor takes its place.
    #[test]
    fn a_lower_priority_is_told_when_nothing_else_is() {
        let lower = News { told: Told::LowerPriority, ..news(StateName::Master) };
        let mut queue = Queue::default();
        queue.push(news(StateName::Master));
        queue.push(lower.clone());
        assert_eq!(told(queue.start()), Some((MASTER, Script::Specific)), "it replaces nothing");
        queue.push(lower.clone());
        assert_eq!(told(queue.done()), Some((MASTER, Script::General)));
        assert_eq!(told(queue.done()), Some((Told::LowerPriority, Script::Specific)));
        queue.push(lower.clone());
        assert_eq!(queue.push(news(StateName::Backup)), None, "nobody misses it");
        assert_eq!(told(queue.done()), Some((BACKUP, Script::Specific)));
        queue.push(lower);
        assert_eq!(told(queue.end()), Some((BACKUP, Script::General)));
        assert_eq!(told(queue.end()), None);
        assert_eq!(told(queue.start()), Some((Told::LowerPriority, Script::Specific)));
    }

    #[test]
    fn what_was_overtaken_is_skipped_and_the_last_is_delivered() {
        let mut queue = Queue::default();
        queue.push(news(StateName::Backup));
        assert_eq!(told(queue.start()), Some((BACKUP, Script::Specific)));
        assert_eq!(queue.push(news(StateName::Master)), None);
        assert_eq!(queue.push(news(StateName::Fault)), Some(news(StateName::Master)));
        assert_eq!(queue.push(news(StateName::Master)), Some(news(StateName::Fault)));
        assert!(!queue.is_idle());
        assert_eq!(told(queue.done()), Some((MASTER, Script::Specific)));
        assert_eq!(told(queue.done()), Some((MASTER, Script::General)));
        assert_eq!(told(queue.done()), None);
    }
}
