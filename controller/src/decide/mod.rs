//! Decisions, apart from what comes of them: functions of what is known and what has happened, and of nothing else. No
//! clock, no file, no process is here; the supervisor asks, and does what it is told.

pub(crate) mod order;
pub(crate) mod restart;
pub(crate) mod scale;
