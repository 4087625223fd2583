//! `track_file NAME` and `track_process NAME`.

use super::error::Place;
use crate::vrrp::tracker::Weight;
use std::time::Duration;

/// `track_file NAME`: a file with a number in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackFile {
    /// The name after the keyword.
    pub name: String,
    /// Where the section begins.
    pub place: Place,
    /// `file`: its path, which begins with `/`.
    pub file: String,
    /// Where the value of `file` stands.
    pub file_place: Place,
    /// `weight` where the instance says nothing else: what the number is multiplied by. Default 1.
    pub weight: Weight,
    /// `init_file`: what is written into it at the start.
    pub init_file: Option<InitFile>,
}

/// `init_file`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitFile {
    /// The number. Default 0.
    pub value: i32,
    /// `overwrite`: even if the file is there.
    pub overwrite: bool,
}

/// `track_process NAME`: how many processes of a kind run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackProcess {
    /// The name after the keyword.
    pub name: String,
    /// Where the section begins.
    pub place: Place,
    /// `process`: the name of the process, and its parameters. Never empty.
    pub process: Vec<String>,
    /// `param_match`. Default: exact if there are parameters, else any.
    pub param_match: ParamMatch,
    /// `full_command`: compare with the first word of the command line and not with the name that
    /// the kernel has. Always so where parameters count. Default false.
    pub full_command: bool,
    /// `weight` where the instance says nothing else. Default 0: too few or too many is FAULT.
    pub weight: Weight,
    /// `quorum`: at least so many. Default 1; 0 if `quorum_max` is.
    pub quorum: u32,
    /// `quorum_max`: at most so many. Default: any number.
    pub quorum_max: u32,
    /// `fork_delay` or `delay`: how long a change lasts that a new process makes. Default 0.
    pub fork_delay: Duration,
    /// `terminate_delay` or `delay`: how long a change lasts that the end of one makes. Default 0.
    pub terminate_delay: Duration,
    /// `interval` of looking through all processes, where the kernel does not tell. Default 1 s.
    pub interval: Duration,
}

/// `param_match`: which parameters are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ParamMatch {
    /// Whatever they are.
    #[default]
    Any,
    /// `exact`: these and no others.
    Exact,
    /// `partial`: these, and perhaps others behind them.
    Partial,
    /// `initial`: these, the last of them perhaps longer, and perhaps others behind them.
    Initial,
}
