//! `fixstream demo`: the whole hub on embedded defaults, a demo client, and a fleet that drives.

mod fleet;
mod formats;
mod provision;
mod screen;
mod tracks;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use fixstream_core::decode::Archive;
use tokio_util::sync::CancellationToken;

use crate::Server;
use crate::cli::serve::StopSignals;
use crate::cli::{Failure, init_log};
use crate::config::Config;
use crate::plugins::Installer;

/// `fixstream demo …`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Configuration file; defaults when not given
    #[arg(long, short, env = "FIXSTREAM_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder of plugin bundles that are installed at start
    #[arg(long, env = "FIXSTREAM_PLUGINS", value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// Simulated vehicles
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    vehicles: u32,
    /// Seconds between two messages of a vehicle
    #[arg(long, default_value_t = 1.0)]
    interval: f64,
    /// Stop by itself after so many seconds
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
}

/// What the fleet counts.
#[derive(Default)]
struct Sent {
    /// Publishes handed to the MQTT clients.
    published: AtomicU64,
    /// PUBACKs received.
    acknowledged: AtomicU64,
}

/// Runs until Ctrl-C.
pub async fn demo(args: DemoArgs) -> Result<(), Failure> {
    let mut config = Config::load(args.config.as_deref(), std::env::vars())?;
    config.data = args.data.unwrap_or_else(|| config.data.join("demo"));
    // the screen is for the fleet; warnings still come through
    if config.log.filter == "info" {
        config.log.filter = "warn".into();
    }
    init_log(&config.log)?;
    let bundles = args.plugins.or_else(|| {
        std::env::current_exe()
            .ok()
            .and_then(|exe| Some(exe.parent()?.parent()?.join("plugins")))
    });
    install_bundles(bundles.as_deref(), &config)?;
    eprintln!("starting (the first start also sets up ClickHouse) …");
    let mut signals = StopSignals::listen()?;
    let server = tokio::select! {
        server = Server::start(&config) => server?,
        () = signals.next() => return Ok(()),
    };
    let demo = provision::provision(server.registry(), &config.data, args.vehicles).await?;
    let sent = Arc::new(Sent::default());
    let stop = CancellationToken::new();
    let interval = Duration::from_secs_f64(args.interval.clamp(0.01, 3600.0));
    let fleet = fleet::start(&demo, server.mqtt_address(), interval, &sent, &stop);
    let screen = screen::Screen::new(&server, &demo, &sent, &config);
    let end = async {
        match args.seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = screen.show(&server) => {}
        () = signals.next() => {}
        () = end => {}
    }
    eprintln!("\nstopping …");
    stop.cancel();
    tokio::select! {
        () = async {
            fleet.join_all().await;
            server.stop().await;
        } => {}
        () = signals.next() => {}
    }
    eprintln!(
        "{} messages sent, {} acknowledged. The data stays in {}; the next run goes on from it.",
        sent.published.load(Ordering::Relaxed),
        sent.acknowledged.load(Ordering::Relaxed),
        config.data.display()
    );
    Ok(())
}

/// Installs what is newer than the installed ones or missing, except test guests. A new build of the same version
/// replaces the old one: this is the demo.
fn install_bundles(bundles: Option<&std::path::Path>, config: &Config) -> Result<(), Failure> {
    let Some(bundles) = bundles else { return Ok(()) };
    let installer = Installer::for_commands(config)?;
    let mut folders: Vec<_> = std::fs::read_dir(bundles)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|folder| folder.join("plugin.toml").is_file() && !folder.ends_with("hostile"))
        .collect();
    folders.sort();
    let found = folders.len();
    for folder in folders {
        installer.install(&Archive::open(&folder)?, true)?;
    }
    if found == 0 {
        return Err(format!(
            "no plugins in {}: run deploy/run, or deploy/build-plugins",
            bundles.display()
        )
        .into());
    }
    Ok(())
}
