//! `fixstream plugin bench`: what decoding costs in the sandbox, one message at a time and in batches.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use fixstream_core::decode::{Input, Trial};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use super::find::{Bench, find, read_vectors};
use crate::cli::Failure;
use crate::config::Config;
use crate::vectors::Line;

/// Messages that are handed over at once.
const ROUND: usize = 1_024;

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// Names of installed plugins, bundle folders, .fsp files, or folders of crates that were built
    #[arg(required = true)]
    plugins: Vec<String>,
    /// Vectors, instead of the plugins' own
    #[arg(long)]
    vectors: Vec<PathBuf>,
    /// CPU seconds for each figure
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &BenchArgs, config: &Config) -> Result<(), Failure> {
    let bench = Bench::start(config)?;
    let time = Duration::from_secs_f64(args.seconds.clamp(0.01, 600.0));
    let mut given: Vec<Line> = Vec::new();
    for file in &args.vectors {
        given.extend(read_vectors(file)?);
    }
    let mut all = Vec::new();
    if !args.json {
        println!(
            "{:<14} {:<9} {:>8} {:>14} {:>14} {:>13} {:>13}",
            "plugin", "version", "messages", "µs, one by one", "µs, in batches", "1/s, one", "1/s, batches"
        );
    }
    for plugin in &args.plugins {
        let found = find(plugin, config)?;
        let mut trial = bench.trial(&found)?;
        let own = if given.is_empty() {
            found.vectors()?
        } else {
            Vec::new()
        };
        let lines = if given.is_empty() { &own } else { &given };
        let inputs = lines.iter().map(Line::input).collect::<Result<Vec<_>, _>>()?;
        if inputs.is_empty() {
            return Err(format!("{plugin} has no vectors to measure with; give some with --vectors").into());
        }
        let batch = trial.batch();
        // to warm caches up and to grow the instance's memory
        measure(&mut trial, &inputs, batch, time / 10);
        let single = measure(&mut trial, &inputs, 1, time);
        let batched = measure(&mut trial, &inputs, batch, time);
        let manifest = trial.manifest();
        if !args.json {
            println!(
                "{:<14} {:<9} {:>8} {single:>14.2} {batched:>14.2} {:>13.0} {:>13.0}",
                manifest.name,
                manifest.version.to_string(),
                inputs.len(),
                1e6 / single,
                1e6 / batched
            );
        }
        all.push(json!({
            "plugin": manifest.name,
            "version": manifest.version.to_string(),
            "messages": inputs.len(),
            "batch": batch,
            "one_us": single,
            "batch_us": batched,
            "one_per_second": 1e6 / single,
            "batch_per_second": 1e6 / batched,
        }));
    }
    if args.json {
        println!("{}", json!({ "plugins": all }));
    }
    Ok(())
}

/// CPU microseconds per message, over at least `time`.
fn measure(trial: &mut Trial, inputs: &[Input], batch: usize, time: Duration) -> f64 {
    let (mut spent, mut messages) = (Duration::ZERO, 0usize);
    while spent < time {
        let round: Vec<Input> = inputs.iter().cycle().take(ROUND).cloned().collect();
        messages += round.len();
        let before = cpu_time();
        let outcomes = trial.decode(round, batch);
        spent += cpu_time().saturating_sub(before);
        drop(outcomes);
    }
    spent.as_secs_f64() * 1e6 / messages as f64
}

/// CPU time of this thread, on which trials decode.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
