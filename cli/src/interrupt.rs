//! The end that a user asks for with ctrl-c.

use std::sync::mpsc::{self, Receiver};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::Failure;

/// From now on ctrl-c and SIGTERM do not end the program, but arrive here. A second one ends it.
pub(crate) fn catch() -> Result<Receiver<()>, Failure> {
    let failed = |error| Failure::Io(format!("catching ctrl-c: {error}"));
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let (sender, interrupted) = mpsc::sync_channel(1);
    let waits = move || {
        for signal in &mut signals {
            if sender.try_send(()).is_err() {
                // Nobody has taken the first one yet.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    };
    thread::Builder::new().spawn(waits).map_err(failed)?;
    Ok(interrupted)
}
