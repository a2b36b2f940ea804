//! Benchmarks of the whole hub: a load generator on its own connections, the server's CPU from the kernel.
//!
//! Absolute rates depend on the machine and on what else it does; CPU per message and the ratio to
//! mosquitto in the same run are the figures to compare.

mod codec;
mod cpu;
mod hostile;
mod hub;
mod load;
mod mosquitto;
mod plugins;
mod redecode;
mod rest;
mod rest_client;
mod startup;

use std::collections::{BTreeMap, BTreeSet};
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
    /// Time per message of each plugin: native, in the sandbox one by one, and in batches
    Plugins(plugins::Plugins),
    /// What a hostile plugin does to the latency of its neighbours
    Hostile(hostile::Hostile),
    /// Decoding history again, with nothing and with everything different, against decoding it live
    Redecode(redecode::Redecode),
    /// REST over many devices while messages come in: latest positions, areas, history, reports
    Rest(rest::RestArgs),
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
    #[arg(long, value_delimiter = ',', default_value = "50")]
    connections: Vec<usize>,
    /// Also with a journal that is not synced, for the price of durability
    #[arg(long)]
    unsynced: bool,
    /// Also where the hub's CPU time goes, by kind of thread
    #[arg(long)]
    parts: bool,
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
        Command::Plugins(args) => plugins::run(&args),
        Command::Hostile(args) => hostile::run(&args),
        Command::Redecode(args) => redecode::run(&args),
        Command::Rest(args) => rest::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fixstream-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy)]
struct Load {
    connections: usize,
    inflight: usize,
    messages: usize,
    /// Whether the hub's journal is synced.
    synced: bool,
}

/// One run: acknowledged and, for us, stored.
#[derive(Debug, Clone, Default)]
struct Figures {
    acknowledged_per_s: f64,
    stored_per_s: f64,
    cpu_us: f64,
    engine_cpu_us: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// Mean of the journal's syncs, which `load.synced` decides about; 0: not ours.
    sync_ms: f64,
    /// CPU µs per message by kind of thread.
    parts: BTreeMap<String, f64>,
}

fn ingest(args: &Ingest) -> Result<(), Failure> {
    println!(
        "| broker | connections | in flight | acknowledged/s | stored/s | CPU µs/message | ClickHouse CPU µs/message | ack p50 ms | ack p99 ms | one sync ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for &connections in &args.connections {
        for &inflight in &args.inflight {
            compare(args, connections, inflight)?;
        }
    }
    Ok(())
}

/// All brokers with one load, side by side and in turns, so that all see the same machine.
fn compare(args: &Ingest, connections: usize, inflight: usize) -> Result<(), Failure> {
    let load = Load {
        connections,
        inflight,
        messages: args.messages,
        synced: true,
    };
    let (mut ours, mut unsynced, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..args.runs.max(1) {
        ours.push(hub::run(args, load)?);
        if args.unsynced {
            unsynced.push(hub::run(
                args,
                Load {
                    synced: false,
                    ..load
                },
            )?);
        }
        theirs.extend(mosquitto::run(load)?);
    }
    let ours = median(&ours);
    print("fixstream (durable, decoded, stored)", load, &ours);
    if args.parts {
        let parts: Vec<String> = ours
            .parts
            .iter()
            .filter(|(_, cpu_us)| **cpu_us >= 0.05)
            .map(|(part, cpu_us)| format!("{part} {cpu_us:.1}"))
            .collect();
        println!(
            "| CPU µs by threads: {} | {connections} | {inflight} | | | | | | | |",
            parts.join(", ")
        );
    }
    if args.unsynced {
        let unsynced = median(&unsynced);
        print("fixstream without sync", load, &unsynced);
        println!(
            "| ratio of rates, synced to not | {connections} | {inflight} | {:.2} | {:.2} | | | | | |",
            ours.acknowledged_per_s / unsynced.acknowledged_per_s,
            ours.stored_per_s / unsynced.stored_per_s
        );
    }
    if theirs.is_empty() {
        println!("| mosquitto | {connections} | {inflight} | not installed | | | | | | |");
    } else {
        let theirs = median(&theirs);
        print("mosquitto (acknowledgement only)", load, &theirs);
        println!(
            "| ratio of CPU | {connections} | {inflight} | | | {:.2} | | | | |",
            ours.cpu_us / theirs.cpu_us
        );
    }
    Ok(())
}

fn print(name: &str, load: Load, figures: &Figures) {
    let shown = |value: f64, digits: usize| {
        if value > 0.0 {
            format!("{value:.digits$}")
        } else {
            String::new()
        }
    };
    println!(
        "| {name} | {} | {} | {:.0} | {} | {:.1} | {} | {:.2} | {:.2} | {} |",
        load.connections,
        load.inflight,
        figures.acknowledged_per_s,
        shown(figures.stored_per_s, 0),
        figures.cpu_us,
        shown(figures.engine_cpu_us, 1),
        figures.p50_ms,
        figures.p99_ms,
        shown(figures.sync_ms, 2)
    );
}

/// The median of each figure by itself.
fn median(runs: &[Figures]) -> Figures {
    let middle = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    let of = |field: fn(&Figures) -> f64| middle(runs.iter().map(field).collect());
    let parts = runs
        .iter()
        .flat_map(|run| run.parts.keys())
        .collect::<BTreeSet<_>>();
    let part = |name: &String| {
        let values = runs.iter().filter_map(|run| run.parts.get(name)).copied();
        (name.clone(), middle(values.collect()))
    };
    Figures {
        acknowledged_per_s: of(|run| run.acknowledged_per_s),
        stored_per_s: of(|run| run.stored_per_s),
        cpu_us: of(|run| run.cpu_us),
        engine_cpu_us: of(|run| run.engine_cpu_us),
        p50_ms: of(|run| run.p50_ms),
        p99_ms: of(|run| run.p99_ms),
        sync_ms: of(|run| run.sync_ms),
        parts: parts.into_iter().map(part).collect(),
    }
}
