//! `fixstream serve`

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Failure;
use crate::Server;
use crate::config::Config;

/// Runs until SIGINT or SIGTERM; a second signal ends the process at once.
pub(super) async fn serve(config: &Config) -> Result<(), Failure> {
    fixstream_core::crash::arm();
    super::init_log(&config.log)?;
    // One listener for the whole run: a signal that comes between two looks is not lost.
    let mut signals = StopSignals::listen()?;
    let server = tokio::select! {
        server = Server::start(config) => server?,
        () = signals.next() => return Ok(()),
    };
    signals.next().await;
    tracing::info!("stopping; a second signal ends at once");
    tokio::select! {
        () = server.stop() => {}
        () = signals.next() => tracing::warn!("stopped at once; what was acknowledged is replayed at the next start"),
    }
    Ok(())
}

/// SIGINT and SIGTERM from the moment it is made.
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Listens from now on.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns at the next signal, also one that came since the last call.
    pub(crate) async fn next(&mut self) {
        tokio::select! { _ = self.terminate.recv() => {} _ = self.interrupt.recv() => {} }
    }
}
