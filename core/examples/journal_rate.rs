//! What the journal costs: records per second, latency and CPU time per 200-byte record, with 1, 50 and 1000
//! tasks that each append a record (or a batch of them) and wait until it is on disk.
//!
//! `cargo run --example journal_rate -- <folder on the disk to measure>`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fixstream_core::journal::{Frames, Journal, JournalOptions};
use tokio::sync::Notify;

const RECORD: usize = 200;
const TIME: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let base = std::env::args_os()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let path = base.join(format!("journal-rate-{}", std::process::id()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    println!(
        "{:>6} {:>8} {:>12} {:>9} {:>14} {:>9}",
        "tasks", "records", "records/s", "syncs/s", "CPU µs/record", "mean ms"
    );
    for (tasks, batch) in [(1, 1), (50, 1), (1000, 1), (1000, 25), (50, 500)] {
        let measured = runtime.block_on(measure(&path, tasks, batch));
        std::fs::remove_dir_all(&path)?;
        measured?;
    }
    Ok(())
}

async fn measure(path: &Path, tasks: usize, batch: usize) -> Result<(), Box<dyn std::error::Error>> {
    let options = JournalOptions {
        path: path.to_owned(),
        segment_bytes: 64 << 20,
        max_bytes: 16 << 30,
        min_free_bytes: 0,
        sync: true,
    };
    let journal = Journal::open(options)?;
    let done = Arc::new(AtomicU64::new(0));
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let waiting: Vec<_> = (0..tasks)
        .map(|_| {
            tokio::spawn(append_and_wait(
                journal.clone(),
                batch,
                Arc::clone(&done),
                started,
            ))
        })
        .collect();
    for task in waiting {
        task.await??;
    }
    let records = done.load(Ordering::Relaxed) as f64;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{tasks:>6} {batch:>8} {:>12.0} {:>9.0} {:>14.2} {:>9.2}",
        records / seconds,
        journal.metrics().syncs.get() as f64 / seconds,
        (cpu_seconds() - cpu) * 1e6 / records,
        seconds * 1e3 * (tasks * batch) as f64 / records,
    );
    Ok(())
}

/// What a connection does: append with a wake, wait for it, look whether the record is durable.
async fn append_and_wait(
    journal: Journal,
    batch: usize,
    done: Arc<AtomicU64>,
    started: Instant,
) -> Result<(), fixstream_core::journal::AppendError> {
    let wake = Arc::new(Notify::new());
    let mut frames = Frames::default();
    while started.elapsed() < TIME {
        frames.clear();
        for _ in 0..batch {
            frames.push(&[0x5a; RECORD]);
        }
        let range = journal.append(&frames, Some(&wake))?;
        while journal.durable() < range.end {
            wake.notified().await;
        }
        done.fetch_add(batch as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// CPU time of this process, seconds.
fn cpu_seconds() -> f64 {
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    clock.tv_sec as f64 + clock.tv_nsec as f64 / 1e9
}
