//! What the poll watches: each descriptor has a token, which says what it is.

use mio::Token;

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Timer,
    Signals,
    LinkEvents,
    LinkRequests,
    Nftables,
    /// What nftables refuses of leases.
    Leases,
    RouteEvents,
    /// Routes that are tracked.
    TrackedRoutes,
    /// Replies to `track_ping`, of IPv6 or not.
    Echo(bool),
    /// Tracked files.
    Files,
    /// What the kernel tells of processes.
    Processes,
    Net(usize),
    /// A connection of `track_tcp`, by the number of its probe.
    Tcp(usize),
    /// A tracked process, by its number.
    Process(u32),
    /// A FIFO, by its number.
    Fifo(usize),
    /// What others say of our addresses, by number.
    Ears(usize),
    /// The control socket.
    Control,
    /// A client of it, by number.
    Client(usize),
    /// The log, while lines wait for it.
    Log,
    /// With the whole token: the children share theirs out themselves.
    Child(usize),
}

impl Source {
    /// A token holds the kind in its upper octet, and below it which one.
    const KIND: usize = 24;
    /// The first token of the children.
    pub const CHILD: usize = 3 << Self::KIND;

    /// The token of it.
    pub const fn token(self) -> Token {
        Token(match self {
            Self::Timer => 0,
            Self::Signals => 1,
            Self::LinkEvents => 2,
            Self::LinkRequests => 3,
            Self::Nftables => 4,
            Self::RouteEvents => 5,
            Self::TrackedRoutes => 6,
            Self::Echo(false) => 7,
            Self::Echo(true) => 8,
            Self::Files => 9,
            Self::Processes => 10,
            Self::Log => 11,
            Self::Leases => 12,
            Self::Control => 13,
            Self::Net(net) => 1 << Self::KIND | net,
            Self::Tcp(probe) => 2 << Self::KIND | probe,
            Self::Process(pid) => 4 << Self::KIND | pid as usize,
            Self::Fifo(fifo) => 5 << Self::KIND | fifo,
            Self::Client(slot) => 6 << Self::KIND | slot,
            Self::Ears(ears) => 7 << Self::KIND | ears,
            Self::Child(token) => token,
        })
    }

    /// Whose token it is.
    pub const fn of(token: Token) -> Self {
        let index = token.0 & ((1 << Self::KIND) - 1);
        match (token.0 >> Self::KIND, index) {
            (0, 0) => Self::Timer,
            (0, 1) => Self::Signals,
            (0, 2) => Self::LinkEvents,
            (0, 3) => Self::LinkRequests,
            (0, 4) => Self::Nftables,
            (0, 5) => Self::RouteEvents,
            (0, 6) => Self::TrackedRoutes,
            (0, 9) => Self::Files,
            (0, 10) => Self::Processes,
            (0, 11) => Self::Log,
            (0, 12) => Self::Leases,
            (0, 13) => Self::Control,
            (0, echo) => Self::Echo(echo == 8),
            (1, net) => Self::Net(net),
            (2, probe) => Self::Tcp(probe),
            // The kernel's largest number of a process has 22 bits.
            (4, pid) => Self::Process(pid as u32),
            (5, fifo) => Self::Fifo(fifo),
            (6, slot) => Self::Client(slot),
            (7, ears) => Self::Ears(ears),
            _ => Self::Child(token.0),
        }
    }
}
