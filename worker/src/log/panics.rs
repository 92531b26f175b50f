//! A panic in a worker process ends the task it happens in and is written to the log.

use super::Forwarder;
use std::panic;
use std::sync::Once;

/// From now on a panic of a thread that logs to a [`Forwarder`] is an error in its log; a panic of any other
/// thread is printed as before.
pub(crate) fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if tracing::dispatcher::get_default(|d| d.is::<Forwarder>()) {
                tracing::error!("internal error: {info}");
            } else {
                print(info);
            }
        }));
    });
}
