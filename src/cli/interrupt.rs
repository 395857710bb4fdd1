//! Ctrl-C: the first asks a run to stop between two files, the second ends it at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::Status;

static WANTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on, an interrupt only raises the flag.
pub fn listen() {
    for signal in [SIGINT, SIGTERM] {
        // Order matters: the exit is looked at first, and does nothing until the flag was raised once. Where signals cannot be
        // listened to, they end the process as ever.
        let _ = flag::register_conditional_shutdown(signal, Status::Interrupted as i32, Arc::clone(&WANTED))
            .and_then(|_| flag::register(signal, Arc::clone(&WANTED)));
    }
}

/// Whether the user has asked to stop.
pub fn is_wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}
