//! A well-behaved plugin's latency alone, and beside one that does its worst.
//!
//! Both are taken in turns within one run, the quiet phase first in one turn and second in the next, and what is told
//! is the median of the turns: two runs one after the other differ by more than what is looked for. At the beginning
//! of each turn the hostile plugin is put into service again, so that its breaker is closed and its deed is done, not
//! refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use fixstream_core::decode::{
    BreakerOptions, DecodeHost, DecodeOptions, DecodeTuning, FailureKind, Input, Outcome, Transport,
};
use fixstream_core::model::TimeMs;
use tokio::runtime::Runtime;

use crate::Failure;

/// `fixstream-bench hostile`
#[derive(Debug, Args)]
pub struct Hostile {
    /// Plugin bundles; built by deploy/setup
    #[arg(long, default_value = "target/plugins")]
    plugins: PathBuf,
    /// Turns of a quiet and a hostile phase, for each deed
    #[arg(long, default_value_t = 11)]
    turns: usize,
    /// Batches of the neighbour in a phase
    #[arg(long, default_value_t = 1_000)]
    batches: usize,
    /// Messages in a batch
    #[arg(long, default_value_t = 16)]
    messages: usize,
    /// Milliseconds between two batches
    #[arg(long, default_value_t = 1)]
    every_ms: u64,
    /// The hostile plugin is never taken out of service: the worst that it could do
    #[arg(long)]
    no_breaker: bool,
}

/// What the hostile plugin is asked to do, by its first payload byte. The first one is no deed: a well-behaved
/// neighbour that is asked as often, for what company costs at all.
const DEEDS: [(&str, u8); 9] = [
    ("does nothing wrong", b'-'),
    ("loops for ever", b'l'),
    ("panics", b'p'),
    ("takes memory without end", b'm'),
    ("recurses without end", b's'),
    ("answers 12 MiB", b'a'),
    ("answers 10,000 positions", b'z'),
    ("answers too few", b'c'),
    ("answers no UTF-8", b'u'),
];

/// Milliseconds.
#[derive(Debug, Clone, Copy)]
struct Percentiles {
    p50: f64,
    p99: f64,
}

/// Measures each deed in turns with quiet; prints a table.
pub fn run(args: &Hostile) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!(
        "| beside a plugin that … | quiet p50 ms | p50 ms | quiet p99 ms | p99 ms | p99, times quiet: median | quartiles | messages done to |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (deed, byte) in DEEDS {
        measure(args, &runtime, deed, byte)?;
    }
    Ok(())
}

fn measure(args: &Hostile, runtime: &Runtime, deed: &str, byte: u8) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut tuning = DecodeTuning::default();
    if args.no_breaker {
        tuning.breaker = BreakerOptions {
            failures: u32::MAX,
            ..BreakerOptions::default()
        };
    }
    let host = DecodeHost::start_with(DecodeOptions::new(folder.path().join("cache")), tuning)?;
    load(&host, &args.plugins.join("owntracks"))?;
    let (mut quiet, mut beside) = (Vec::new(), Vec::new());
    let done = Arc::new(AtomicU64::new(0));
    for turn in 0..=args.turns.max(1) {
        // a breaker that is open would flatter it
        load(&host, &args.plugins.join("hostile"))?;
        for hostile in [turn % 2 == 1, turn % 2 == 0] {
            let figures = runtime.block_on(phase(args, &host, hostile.then_some((byte, &done))));
            // the first turn warms up
            match (turn, hostile) {
                (0, _) => {}
                (_, false) => quiet.push(figures),
                (_, true) => beside.push(figures),
            }
        }
    }
    host.stop();
    let ratios = quiet
        .iter()
        .zip(&beside)
        .map(|(quiet, beside)| beside.p99 / quiet.p99);
    let ratios = sorted(ratios);
    let median =
        |all: &[Percentiles], which: fn(&Percentiles) -> f64| at(&sorted(all.iter().map(which)), 0.5);
    println!(
        "| {deed} | {:.3} | {:.3} | {:.3} | {:.3} | {:.2} | {:.2} to {:.2} | {} |",
        median(&quiet, |one| one.p50),
        median(&beside, |one| one.p50),
        median(&quiet, |one| one.p99),
        median(&beside, |one| one.p99),
        at(&ratios, 0.5),
        at(&ratios, 0.25),
        at(&ratios, 0.75),
        done.load(Ordering::Relaxed),
    );
    Ok(())
}

/// The neighbour's times for a batch, alone or beside a deed.
async fn phase(args: &Hostile, host: &DecodeHost, deed: Option<(u8, &Arc<AtomicU64>)>) -> Percentiles {
    let stop = Arc::new(AtomicBool::new(false));
    let flood =
        deed.map(|(byte, done)| tokio::spawn(flood(host.clone(), byte, Arc::clone(&stop), Arc::clone(done))));
    let mut times = Vec::with_capacity(args.batches);
    let mut tick = tokio::time::interval(Duration::from_millis(args.every_ms.max(1)));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for _ in 0..args.batches.max(1) {
        tick.tick().await;
        let message = br#"{"_type":"location","lat":1.5,"lon":-70.5,"tst":1780000000}"#;
        let inputs = vec![input(message.to_vec()); args.messages];
        let began = Instant::now();
        host.decode("owntracks", inputs).await;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    stop.store(true, Ordering::Relaxed);
    if let Some(flood) = flood {
        let _ = flood.await;
    }
    let times = sorted(times);
    Percentiles {
        p50: at(&times, 0.5),
        p99: at(&times, 0.99),
    }
}

/// Poison without a pause; counts the messages that the plugin really was asked.
async fn flood(host: DecodeHost, deed: u8, stop: Arc<AtomicBool>, done: Arc<AtomicU64>) {
    while !stop.load(Ordering::Relaxed) {
        let inputs = vec![input(vec![deed]); 64];
        let batch = host.decode("hostile", inputs).await;
        let refused = |outcome: &&Outcome| matches!(outcome, Outcome::Failed(failure) if failure.kind == FailureKind::OutOfService);
        let asked = batch.outcomes.len() - batch.outcomes.iter().filter(refused).count();
        done.fetch_add(asked as u64, Ordering::Relaxed);
        // out of service it answers at once, and a real sender would not ask in a circle
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The value below which this share of the sorted values lies.
fn at(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share) as usize;
    let last = sorted.len().saturating_sub(1);
    sorted.get(place.min(last)).copied().unwrap_or_default()
}

fn load(host: &DecodeHost, bundle: &Path) -> Result<(), Failure> {
    host.load(bundle)
        .map(drop)
        .map_err(|error| format!("{error}: run deploy/setup").into())
}

fn input(payload: Vec<u8>) -> Input {
    Input {
        transport: Transport::Mqtt,
        channel: "owntracks/ana/phone".to_owned(),
        device: None,
        received: TimeMs(1_790_000_000_000),
        context: Vec::new(),
        state: Vec::new(),
        payload: payload.into(),
    }
}
