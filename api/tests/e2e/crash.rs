//! The crash matrix: at every fail point the process is ended as by `kill -9`, and what ClickHouse does
//! meanwhile differs; then everything that was promised is checked from outside.
//!
//! All choices of a run follow from its seed, which is printed. `FIXSTREAM_CRASH_SEED=… cargo nextest run …
//! -E 'test(crash::POINT)'` makes the same choices again (not the same timing). With `FIXSTREAM_LONG=1` there
//! are [`LONG`] runs with random seeds at every point instead of one.

mod load;
mod proxy;
mod verify;

use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fixstream_core::crash::POINTS;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::harness::{Hub, Outside, eventually, kill_9};
use crate::load::Load;
use load::{Pace, Sender};
use proxy::{Line, Proxy};

/// Runs at every point with `FIXSTREAM_LONG=1`.
const LONG: usize = 10;
/// New messages of every tracker after the restart.
const FRESH: usize = 15;

/// What becomes of ClickHouse.
#[derive(Debug, Clone, Copy, PartialEq)]
enum ClickHouse {
    /// It ends by itself, in order, because the hub is gone.
    Outlives,
    /// It is killed in the moment in which the hub dies.
    DiesWithHub,
    /// It is killed under load when so many messages are acknowledged; the hub, which starts it again, dies
    /// at the fail point later.
    DiesBefore(u64),
    /// A server of its own behind a bad line, before and after the crash.
    Behind(Line),
}

/// Conditions that the seed chooses among.
const CONDITIONS: u64 = 5;

/// The choices of one run.
#[derive(Debug)]
struct Plan {
    point: &'static str,
    /// How often the point is passed before it is deadly.
    passes: u32,
    /// For how long the other threads go on then, ms.
    delay: u32,
    connections: usize,
    pace: Pace,
    batch_ms: u32,
    /// MiB.
    segment: u32,
    clickhouse: ClickHouse,
}

impl Plan {
    /// Everything follows from the seed; the seed modulo [`CONDITIONS`] is the condition of ClickHouse, so that a
    /// series can go through all.
    fn new(point: &'static str, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        // what happens per batch happens seldom, what happens per message or block often
        let seldom = ["seal", "spool", "clickhouse", "committed", "checkpoint"];
        let is_seldom = seldom.iter().any(|prefix| point.starts_with(prefix));
        // what happens per MiB needs thousands of messages
        let rotates = point.starts_with("journal-rotate");
        let most = match (is_seldom, rotates) {
            (_, true) => 2,
            (true, _) => 8,
            _ => 150,
        };
        Self {
            point,
            segment: if rotates { 1 } else { 4 },
            passes: random.random_range(0..most),
            delay: [0, 0, 1, 5, 25][random.random_range(0..5)],
            connections: random.random_range(1..=6),
            pace: Pace {
                window: if rotates {
                    40
                } else {
                    random.random_range(1..=if is_seldom { 12 } else { 40 })
                },
                // batches take their time: no need to publish ten thousand messages meanwhile
                pause: Duration::from_millis(if rotates {
                    0
                } else {
                    random.random_range(if is_seldom { 3..20 } else { 0..4 })
                }),
            },
            batch_ms: random.random_range(10..80),
            clickhouse: match seed % CONDITIONS {
                0 => ClickHouse::Outlives,
                1 => ClickHouse::DiesWithHub,
                2 => ClickHouse::DiesBefore(random.random_range(1..300)),
                3 => ClickHouse::Behind(Line::Slow(Duration::from_millis(random.random_range(20..400)))),
                _ => ClickHouse::Behind(Line::Cut(random.random_range(2..4))),
            },
        }
    }
}

/// One crash, and what is there after it.
async fn crash(plan: &Plan) {
    let mut hub = Hub::new(&["teltonika"]);
    hub.set("FIXSTREAM_HISTORY__BATCH_MS", plan.batch_ms.to_string());
    hub.set("FIXSTREAM_JOURNAL__SEGMENT_MIB", plan.segment.to_string());
    let behind = if let ClickHouse::Behind(line) = plan.clickhouse {
        let outside = Outside::start(hub.ports.clickhouse).await;
        let proxy = Proxy::start(hub.ports.clickhouse, line).await;
        hub.history_through(&proxy.url, &outside.access);
        Some((outside, proxy))
    } else {
        None
    };
    let tenant = hub.tenant("teltonika").await;
    let mut senders = Vec::new();
    for number in 0..plan.connections {
        let tracked = hub.tracked(&tenant, &format!("35209308147{number:04}")).await;
        senders.push(Sender::new(tracked));
    }
    let deadly = format!("{}={}*off->return({})", plan.point, plan.passes, plan.delay);
    hub.set("FAILPOINTS", deadly);
    hub.start().await;
    let engine = child_of(hub.pid());
    assert!(
        engine.is_some() || behind.is_some(),
        "the hub has not started its ClickHouse"
    );

    let acknowledged = Arc::new(AtomicU64::new(0));
    let load = load::until_closed(hub.ports.mqtt, senders, plan.pace, &acknowledged);
    if let ClickHouse::DiesBefore(messages) = plan.clickhouse {
        load::reaches(&acknowledged, messages).await;
        engine.into_iter().for_each(kill_9);
    }
    let status = hub.ended().await;
    if plan.clickhouse == ClickHouse::DiesWithHub {
        engine.into_iter().for_each(kill_9);
    }
    assert_eq!(status.signal(), Some(6), "it ended with {status}");
    let said = format!("fail point {}: abort", plan.point);
    assert!(hub.log().contains(&said), "it ended elsewhere:\n{}", hub.log());
    let mut senders = load::finish(load).await;
    let (sent, acknowledged) = senders.iter().fold((0, 0), |(sent, acknowledged), sender| {
        (sent + sender.sent, acknowledged + sender.acknowledged)
    });

    hub.unset("FAILPOINTS");
    hub.start().await;
    verify::acknowledged_are_stored(&hub, &senders).await;
    senders = load::again(hub.ports.mqtt, senders, plan.pace.window, FRESH).await;
    verify::all_is_stored_once_and_in_order(&hub, &tenant, &senders).await;
    eprintln!("  {sent} sent and {acknowledged} acknowledged before the crash, nothing lost, nothing twice");
    if let Some((outside, proxy)) = behind {
        let lost = proxy.lost.load(Ordering::Relaxed);
        eprintln!("  {lost} answers of ClickHouse were lost on the way");
        assert!(
            lost > 0 || !matches!(plan.clickhouse, ClickHouse::Behind(Line::Cut(_))),
            "no answer was lost"
        );
        hub.stop();
        outside.stop().await;
    }
}

/// The runs of one point.
async fn matrix(point: &'static str) {
    let place = POINTS.iter().position(|known| *known == point).unwrap();
    let seeds: Vec<u64> = if let Ok(seed) = std::env::var("FIXSTREAM_CRASH_SEED") {
        vec![seed.parse().unwrap()]
    } else if std::env::var_os("FIXSTREAM_LONG").is_some() {
        let random = || rand::random_range(0..u64::from(u32::MAX)) * CONDITIONS;
        (0..LONG).map(|run| random() + run as u64 % CONDITIONS).collect()
    } else {
        // by the name, and so that neighbours have different conditions
        let name = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(point.as_bytes());
        vec![u64::from(name) * CONDITIONS + place as u64 % CONDITIONS]
    };
    for seed in seeds {
        let plan = Plan::new(point, seed);
        eprintln!("seed {seed}: {plan:?}");
        crash(&plan).await;
    }
}

/// The process that `parent` has started.
fn child_of(parent: u32) -> Option<u32> {
    std::fs::read_dir("/proc").unwrap().find_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // pid (name) state parent …
        let (_, rest) = stat.rsplit_once(") ")?;
        (rest.split(' ').nth(1)? == parent.to_string()).then_some(pid)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_waits_for_the_port_of_an_engine_that_is_still_ending() {
    let mut hub = Hub::new(&[]);
    hub.start().await;
    let engine = child_of(hub.pid()).unwrap();
    hub.kill();
    kill_9(engine);
    let mut taken = None;
    assert!(
        eventually(async || {
            taken = std::net::TcpListener::bind(("127.0.0.1", hub.ports.clickhouse)).ok();
            taken.is_some()
        })
        .await
    );
    let given_back = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        drop(taken);
    });
    hub.start().await;
    given_back.join().unwrap();
}

/// The start of a server is known in whole seconds: one that was killed and came back at once looks like the same
/// one, and a deduplication token alone then loses rows. So a failed attempt is always followed by a comparison.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_lost_answer_a_batch_is_compared_though_the_server_never_restarted() {
    let mut hub = Hub::new(&["teltonika"]);
    hub.set("FIXSTREAM_HISTORY__BATCH_MS", "50");
    let outside = Outside::start(hub.ports.clickhouse).await;
    let proxy = Proxy::start(hub.ports.clickhouse, Line::Cut(3)).await;
    hub.history_through(&proxy.url, &outside.access);
    let tenant = hub.tenant("teltonika").await;
    let trackers = [hub.tracked(&tenant, "352093081490001").await];
    hub.start().await;
    let pace = crate::load::Pace {
        window: 1,
        every: Duration::from_millis(5),
    };
    let load = Load::start(hub.ports.mqtt, &trackers, pace);
    let compared = async || {
        let reconciliations = hub.metric("fixstream_history_reconciliations_total").await;
        reconciliations.unwrap_or_default()
    };
    assert!(
        eventually(async || compared().await >= 3.0).await,
        "{}",
        hub.log()
    );
    let acknowledged = load.finish().await;
    assert!(proxy.lost.load(Ordering::Relaxed) > 0, "no answer was lost");
    hub.sql_becomes(
        "SELECT count(), uniqExact(id) FROM fixstream.positions",
        &format!("{acknowledged}\t{acknowledged}"),
    )
    .await;
    hub.stop();
    outside.stop().await;
}

/// A test for every point, so that the runner puts them side by side and names the one that fails.
macro_rules! points {
    ($($test:ident $point:literal)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                matrix($point).await;
            }
        )*

        #[test]
        fn no_point_is_left_out() {
            assert_eq!([$($point),*], POINTS);
        }
    };
}

points! {
    journal_write_before "journal-write-before"
    journal_write_after "journal-write-after"
    journal_sync_before "journal-sync-before"
    journal_sync_after "journal-sync-after"
    journal_rotate_before "journal-rotate-before"
    journal_rotate_after "journal-rotate-after"
    puback_write_before "puback-write-before"
    puback_write_after "puback-write-after"
    decode_before "decode-before"
    decode_after "decode-after"
    apply_before "apply-before"
    apply_after "apply-after"
    seal_before "seal-before"
    spool_rename_before "spool-rename-before"
    seal_after "seal-after"
    checkpoint_before "checkpoint-before"
    checkpoint_after "checkpoint-after"
    clickhouse_send_before "clickhouse-send-before"
    clickhouse_send_after "clickhouse-send-after"
    clickhouse_commit_before "clickhouse-commit-before"
    clickhouse_commit_after "clickhouse-commit-after"
    committed_before "committed-before"
    committed_after "committed-after"
}
