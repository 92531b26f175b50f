//! What the controller decides about its processes: start, ready, death, back-off, watchdog, restart, scale, who accepts
//! from which socket, reload, drain, stop, upgrade, and the order of workers.
//!
//! [`Fleet::step`] takes the time and an [`Event`] and returns [`Effect`]s. It reads no clock, draws no random numbers
//! but from its seed, and does nothing itself: whoever drives it spawns processes, binds sockets and writes to the log,
//! and tells what came of it by further events. So a whole node can be run in a test, thousands of times in a second,
//! and a run that has gone wrong can be run again.

mod change;
mod command;
mod due;
mod effect;
mod event;
mod exit;
mod fleet;
mod health;
mod heartbeat;
mod id;
mod life;
mod listeners;
mod operation;
mod order;
mod phase;
mod planted;
mod proceed;
mod process;
mod random;
mod realm;
mod restart;
mod restarting;
mod restore;
mod rolling;
mod scale;
mod sessions;
mod slot;
mod spec;
mod start;
mod stop;
mod timer;
mod turns;
mod under_way;
mod worker;

pub use effect::{Effect, Lent, Tell};
pub use event::{Command, Event, News, Order, Plan, Planned as PlannedWorker};
pub use fleet::{Fleet, Settings};
pub use id::{CallerId, Inode, ProcessId, WorkerKey};
pub use order::Links;
#[cfg(feature = "planted")]
pub use planted::Planted;
pub use process::Process;
pub use random::Random;
pub use restart::Rules;
pub use restore::{ProcessBefore, SlotBefore, WorkerBefore};
pub use slot::{Role, Slot};
pub use spec::{Endpoint, Kind, Listener, Spec};
pub use stop::Farewell;
pub use timer::Timers;
pub use worker::Worker;
