//! The command line: one module per command, this one says what there is.

mod admin;
mod deadletter;
mod doctor;
mod hub;
mod journal;
mod log;
mod plugin;
mod redecode;
pub(crate) mod serve;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError};

/// GPS tracker messages in, trustworthy positions out: MQTT, WASM decoders, ClickHouse, REST in one program.
#[derive(Debug, Parser)]
#[command(name = "fixstream", version, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the hub
    Serve(Common),
    /// Run the hub with a demo client and a fleet of simulated trackers in several vendors' formats
    Demo(crate::demo::DemoArgs),
    /// Check ports, data folder, clock, ClickHouse, plugins and limits, and say what to do
    Doctor(Common),
    /// Clients, vendors, links, keys, credentials, device types
    Admin(admin::AdminArgs),
    /// List, install, remove, test, pack and try vendor decoders
    Plugin(plugin::PluginArgs),
    /// List and replay messages that could not be understood or assigned, through a running hub
    Deadletter(deadletter::DeadletterArgs),
    /// Decode history again with the plugin that is in service now, through a running hub
    Redecode(redecode::RedecodeArgs),
    /// Look into the journal while the hub is stopped
    Journal(journal::JournalArgs),
    /// The embedded ClickHouse engine (started by `serve`, not by people)
    #[command(hide = true, disable_help_flag = true)]
    Clickhouse {
        /// Arguments of the launcher
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Configuration file (see deploy/fixstream.toml); defaults when not given
    #[arg(long, short, env = "FIXSTREAM_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Common {
    fn load(&self) -> Result<Config, ConfigError> {
        let mut config = Config::load(self.config.as_deref(), std::env::vars())?;
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        Ok(config)
    }
}

/// An error on its way to the terminal.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command; errors go to stderr in one line, with a non-zero exit code.
pub fn run(cli: Cli) -> ExitCode {
    // the engine's process must not have a runtime or threads of ours before its sandbox closes
    if let Command::Clickhouse { arguments } = cli.command {
        fixstream_core::engine::launcher::main(arguments);
    }
    raise_open_files();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("fixstream: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Serve(common) => serve::serve(&common.load()?).await,
            Command::Demo(args) => crate::demo::demo(args).await,
            Command::Doctor(common) => doctor::doctor(&common).await,
            Command::Admin(args) => admin::admin(args).await,
            Command::Plugin(args) => plugin::plugin(args).await,
            Command::Deadletter(args) => deadletter::deadletter(args).await,
            Command::Redecode(args) => redecode::redecode(args).await,
            Command::Journal(args) => journal::journal(&args),
            Command::Clickhouse { .. } => Ok(()),
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fixstream: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Each connection is an open file: take what the system allows instead of what shells start with. Where
/// that is refused the soft limit stays, and `doctor` says what it means.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if setrlimit(Resource::Nofile, raised).is_err() {
        tracing::debug!("the limit of open files can not be raised");
    }
}

pub(crate) use log::init as init_log;
