//! Benchmarks of the whole hub: a load generator on its own connections, the server's CPU from the kernel.
//!
//! Absolute rates depend on the machine and on what else it does; CPU per message and the ratio to
//! mosquitto in the same run are the figures to compare.

mod codec;
mod cpu;
mod hub;
mod load;
mod mosquitto;
mod startup;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

type Failure = Box<dyn std::error::Error>;

#[derive(Debug, Parser)]
#[command(name = "fixstream-bench", about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// MQTT QoS 1 with the journal on, through decoder, actors and ClickHouse; mosquitto's bare
    /// acknowledgement beside it when it is installed
    Ingest(Ingest),
    /// Time until `fixstream serve` is ready, and its memory, by the number of devices
    Startup(startup::Startup),
}

#[derive(Debug, Args)]
struct Ingest {
    /// The program; built by deploy/setup
    #[arg(long, default_value = "target/debug/fixstream")]
    program: PathBuf,
    /// Plugin bundles; built by deploy/setup
    #[arg(long, default_value = "target/plugins")]
    plugins: PathBuf,
    /// Connections, one tracker each
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Publishes in flight per connection
    #[arg(long, value_delimiter = ',', default_value = "1,20")]
    inflight: Vec<usize>,
    /// Messages per run
    #[arg(long, default_value_t = 100_000)]
    messages: usize,
    /// Runs of each; the median is printed
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Ingest(args) => ingest(&args),
        Command::Startup(args) => startup::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fixstream-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One run: acknowledged and, for us, stored.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    acknowledged_per_s: f64,
    stored_per_s: f64,
    cpu_us: f64,
    engine_cpu_us: f64,
    p50_ms: f64,
    p99_ms: f64,
}

fn ingest(args: &Ingest) -> Result<(), Failure> {
    println!(
        "| broker | in flight | acknowledged/s | stored/s | CPU µs/message | ClickHouse CPU µs/message | ack p50 ms | ack p99 ms |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for &inflight in &args.inflight {
        // side by side and in turns, so that both see the same machine
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..args.runs.max(1) {
            ours.push(hub::run(args, inflight)?);
            if let Some(figures) = mosquitto::run(args, inflight)? {
                theirs.push(figures);
            }
        }
        let ours = median(&ours);
        print("fixstream (durable, decoded, stored)", inflight, &ours);
        if theirs.is_empty() {
            println!("| mosquitto | {inflight} | not installed | | | | | |");
        } else {
            let theirs = median(&theirs);
            print("mosquitto (acknowledgement only)", inflight, &theirs);
            println!(
                "| ratio of CPU | {inflight} | | | {:.2} | | | |",
                ours.cpu_us / theirs.cpu_us
            );
        }
    }
    Ok(())
}

fn print(name: &str, inflight: usize, figures: &Figures) {
    let shown = |value: f64, digits: usize| {
        if value > 0.0 {
            format!("{value:.digits$}")
        } else {
            String::new()
        }
    };
    println!(
        "| {name} | {inflight} | {:.0} | {} | {:.1} | {} | {:.2} | {:.2} |",
        figures.acknowledged_per_s,
        shown(figures.stored_per_s, 0),
        figures.cpu_us,
        shown(figures.engine_cpu_us, 1),
        figures.p50_ms,
        figures.p99_ms
    );
}

/// The median of each figure by itself.
fn median(runs: &[Figures]) -> Figures {
    let of = |field: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(field).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Figures {
        acknowledged_per_s: of(|run| run.acknowledged_per_s),
        stored_per_s: of(|run| run.stored_per_s),
        cpu_us: of(|run| run.cpu_us),
        engine_cpu_us: of(|run| run.engine_cpu_us),
        p50_ms: of(|run| run.p50_ms),
        p99_ms: of(|run| run.p99_ms),
    }
}
