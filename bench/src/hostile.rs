//! A well-behaved plugin's latency alone, and beside one that does its worst.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use fixstream_core::decode::{DecodeHost, DecodeOptions, Input, Transport};
use fixstream_core::model::TimeMs;

use crate::Failure;

/// `fixstream-bench hostile`
#[derive(Debug, Args)]
pub struct Hostile {
    /// Plugin bundles; built by deploy/setup
    #[arg(long, default_value = "target/plugins")]
    plugins: PathBuf,
    /// Batches of the neighbour for each figure
    #[arg(long, default_value_t = 4_000)]
    batches: usize,
    /// Messages in a batch
    #[arg(long, default_value_t = 16)]
    messages: usize,
    /// Milliseconds between two batches
    #[arg(long, default_value_t = 2)]
    every_ms: u64,
}

/// What the hostile plugin is asked to do, by its first payload byte.
const DEEDS: [(&str, u8); 8] = [
    ("loops for ever", b'l'),
    ("panics", b'p'),
    ("takes memory without end", b'm'),
    ("recurses without end", b's'),
    ("answers 12 MiB", b'a'),
    ("answers 10,000 positions", b'z'),
    ("answers too few", b'c'),
    ("answers no UTF-8", b'u'),
];

/// Measures alone, then beside each deed; prints a table.
pub fn run(args: &Hostile) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("| beside a plugin that … | p50 ms | p99 ms | p99, times that alone |");
    println!("|---|---|---|---|");
    let (_, alone) = figures(args, &runtime, None, None)?;
    for (deed, byte) in DEEDS {
        figures(args, &runtime, Some((deed, byte)), Some(alone))?;
    }
    Ok(())
}

/// The 50th and 99th percentile of a batch's time, milliseconds.
fn figures(
    args: &Hostile,
    runtime: &tokio::runtime::Runtime,
    deed: Option<(&str, u8)>,
    alone: Option<f64>,
) -> Result<(f64, f64), Failure> {
    let folder = tempfile::tempdir()?;
    // a new one for each figure: a breaker that is open would flatter the next
    let host = DecodeHost::start(DecodeOptions::new(folder.path().join("cache")))?;
    for name in ["owntracks", "hostile"] {
        load(&host, &args.plugins.join(name))?;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let times = runtime.block_on(async {
        let flood = deed.map(|(_, byte)| tokio::spawn(flood(host.clone(), byte, Arc::clone(&stop))));
        let mut times = Vec::with_capacity(args.batches);
        let mut tick = tokio::time::interval(Duration::from_millis(args.every_ms.max(1)));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for _ in 0..args.batches.max(1) {
            tick.tick().await;
            let inputs =
                vec![
                    input(br#"{"_type":"location","lat":1.5,"lon":-70.5,"tst":1780000000}"#.to_vec());
                    args.messages
                ];
            let began = Instant::now();
            host.decode("owntracks", inputs).await;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        stop.store(true, Ordering::Relaxed);
        if let Some(flood) = flood {
            let _ = flood.await;
        }
        times
    });
    host.stop();
    let mut times = times;
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (times.len() as f64 * share) as usize;
        times
            .get(place.min(times.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    };
    let (p50, p99) = (at(0.5), at(0.99));
    let ratio = alone.map_or_else(String::new, |alone| format!("{:.2}", p99 / alone));
    println!(
        "| {} | {p50:.3} | {p99:.3} | {ratio} |",
        deed.map_or("(alone)", |(deed, _)| deed)
    );
    Ok((p50, p99))
}

/// Poison without a pause, from four senders' worth of jobs.
async fn flood(host: DecodeHost, deed: u8, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let inputs = vec![input(vec![deed]); 64];
        host.decode("hostile", inputs).await;
        // out of service it answers at once, and a real sender would not ask in a circle
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
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
