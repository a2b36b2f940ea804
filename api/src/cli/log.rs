//! Where `tracing` events go: stderr, as text or JSON.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::Failure;
use crate::config::{Log, LogFormat};

/// Installs the subscriber. An info span per actor poll would cost more than the work: `ractor=warn` always.
pub(crate) fn init(log: &Log) -> Result<(), Failure> {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(format!("{},ractor=warn,rumqttd=warn", log.filter))
        .map_err(|error| format!("log.filter = {:?}: {error}", log.filter))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init(),
        LogFormat::Json => builder.json().try_init(),
    }
}
