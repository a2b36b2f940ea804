//! CPU time per reading of the device room: `cargo run --release --example device_rate`.
//!
//! 10 000 devices round-robin, both layouts, 1 and 10 readings per batch. Making the readings is measured
//! apart and taken off.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use fixstream_core::device::{
    DeviceBatch, DeviceCore, DeviceDirectory, DeviceOptions, Layout, Reading, StepConfig, Ticket,
};
use fixstream_core::history::PositionRow;
use fixstream_core::latest::LatestStore;
use fixstream_core::model::{AttributeValue, ClientId, DeviceId, Fix, PositionId, TimeMs};

const DEVICES: u32 = 10_000;
const READINGS: u64 = 1_000_000;
/// Readings per ticket.
const CHUNK: u64 = 20_000;
/// Tickets outstanding.
const TICKETS: usize = 3;
const START: i64 = 1_767_225_600_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let names: (Arc<str>, Arc<str>) = (Arc::from("bench"), Arc::from("bench@1.0.0"));
    step_alone(&names);
    println!(
        "{:<11} {:>5} {:>14} {:>14} {:>12}",
        "layout", "batch", "cpu ns/reading", "making it, ns", "wall M/s"
    );
    for layout in [Layout::PerDevice, Layout::Sharded] {
        for batch in [1, 10] {
            let making = cpu(|| {
                for round in 0..READINGS / batch {
                    black_box(make(round, batch, &names));
                }
            });
            let wall = std::time::Instant::now();
            // As the pipeline's task does, the producer runs on a worker: from outside, most calls would wake one.
            let producer = run(layout, batch, names.clone());
            let all = cpu(|| runtime.block_on(async { runtime.spawn(producer).await.unwrap_or_default() }));
            let rate = READINGS as f64 / wall.elapsed().as_secs_f64() / 1e6;
            let per = |time: Duration| time.as_nanos() as f64 / READINGS as f64;
            let name = format!("{layout:?}");
            println!(
                "{name:<11} {batch:>5} {:>14.0} {:>14.0} {rate:>12.2}",
                per(all.saturating_sub(making)),
                per(making)
            );
        }
    }
    Ok(())
}

fn step_alone(names: &(Arc<str>, Arc<str>)) {
    let options = options(Layout::PerDevice);
    let config = StepConfig::from(&options);
    let mut core = DeviceCore::default();
    let readings = make(0, 1000, names);
    let time = cpu(|| {
        for _ in 0..1000 {
            for reading in &readings {
                black_box(core.step(black_box(reading), &config));
            }
            core = DeviceCore::default();
        }
    });
    println!(
        "step alone: {} ns; core {} bytes, reading {} bytes, row {} bytes",
        time.as_nanos() / 1_000_000,
        size_of::<DeviceCore>(),
        size_of::<Reading>(),
        size_of::<PositionRow>()
    );
}

fn options(layout: Layout) -> DeviceOptions {
    DeviceOptions {
        layout,
        idle_after: Duration::from_secs(600),
        future_tolerance: Duration::from_secs(300),
        jump_speed_kmh: 400.0,
    }
}

/// `batch` readings for the device whose turn it is.
fn make(round: u64, batch: u64, names: &(Arc<str>, Arc<str>)) -> Vec<Reading> {
    let lap = round / u64::from(DEVICES);
    let one = |index: u64| {
        let number = lap * batch + index;
        let time = TimeMs(START + number as i64 * 10_000);
        let fix = Fix {
            time: Some(time),
            latitude: -33.45 + number as f64 * 1e-5,
            longitude: -70.66,
            speed_kmh: Some(40.0),
            heading_deg: Some(90.0),
            ignition: Some(true),
            attributes: vec![("satellites_used".into(), AttributeValue::Integer(number as i64))],
            ..Fix::default()
        };
        let id = PositionId(round * batch + index + 1);
        Reading {
            id,
            received: time,
            fix,
            vendor: Arc::clone(&names.0),
            plugin: Arc::clone(&names.1),
        }
    };
    (0..batch).map(one).collect()
}

async fn run(layout: Layout, batch: u64, names: (Arc<str>, Arc<str>)) {
    let latest = Arc::new(LatestStore::new());
    let Ok(directory) = DeviceDirectory::start(options(layout), latest).await else {
        return;
    };
    let mut outstanding = std::collections::VecDeque::new();
    let mut rows = 0;
    for chunk in 0..READINGS / CHUNK {
        let (ticket, applied) = Ticket::new();
        for round in chunk * CHUNK / batch..(chunk + 1) * CHUNK / batch {
            let device = DeviceId((round % u64::from(DEVICES)) as u32 + 1);
            let readings = make(round, batch, &names);
            directory.deliver(
                device,
                DeviceBatch {
                    client: ClientId(1),
                    readings,
                    corrections: Vec::new(),
                    ticket: ticket.clone(),
                },
            );
        }
        drop(ticket);
        outstanding.push_back(applied);
        if outstanding.len() >= TICKETS
            && let Some(applied) = outstanding.pop_front()
        {
            rows += applied.await.map_or(0, |applied| applied.rows.len());
        }
    }
    for applied in outstanding {
        rows += applied.await.map_or(0, |applied| applied.rows.len());
    }
    assert_eq!(rows as u64, READINGS);
    assert!(directory.drain(Duration::from_secs(60)).await);
}

/// CPU time of the whole process that `work` takes.
fn cpu(work: impl FnOnce()) -> Duration {
    let before = cpu_now();
    work();
    cpu_now().saturating_sub(before)
}

fn cpu_now() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
