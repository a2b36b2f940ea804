//! ClickHouse away for long under a steady load: memory stays flat, nothing is lost or doubled, and the backlog
//! drains at many times the rate of the load. Ten minutes with `FIXSTREAM_LONG=1`, else ten seconds.

use std::time::{Duration, Instant};

use crate::harness::{Hub, Outside, eventually};
use crate::load::{Load, Pace};

const CONNECTIONS: usize = 4;
/// 100 messages per second over all connections: a busy machine can do five times that.
const STEADY: Pace = Pace {
    window: 20,
    every: Duration::from_millis(1000 * CONNECTIONS as u64 / 100),
};
/// What memory may grow by while ClickHouse is away, KiB: allocator slack and one open batch. The backlog of ten
/// minutes is 120,000 rows of two tables, some 60 MiB as they stand in memory.
const GROWTH_KIB: u64 = 48 << 10;

/// Resident memory of a process, KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_clickhouse_is_away_memory_stays_flat_and_the_backlog_drains_fast_when_it_is_back() {
    let away = if std::env::var_os("FIXSTREAM_LONG").is_some() {
        Duration::from_secs(600)
    } else {
        Duration::from_secs(10)
    };
    let mut hub = Hub::new(&["teltonika"]);
    let mut outside = Outside::start(hub.ports.clickhouse).await;
    hub.history_at(&outside.access);
    let tenant = hub.tenant("teltonika").await;
    let admin = hub.admin_key(&tenant).await;
    let mut trackers = Vec::new();
    for number in 0..CONNECTIONS {
        trackers.push(hub.tracked(&tenant, &format!("35209308148{number:04}")).await);
    }
    hub.start().await;
    let load = Load::start(hub.ports.mqtt, &trackers, STEADY);
    let stored = async || {
        hub.metric("fixstream_history_rows_total")
            .await
            .unwrap_or_default()
    };
    // past the growth of the first messages: pools, caches, the decoders' instances
    assert!(eventually(async || stored().await > 500.0).await, "{}", hub.log());
    assert_eq!(hub.metric("fixstream_history_breaker_state").await, Some(0.0));

    let (before, acknowledged_before) = (resident(hub.pid()), load.acknowledged());
    let began = Instant::now();
    outside.kill().await;
    let opened = eventually(async || hub.metric("fixstream_history_breaker_state").await == Some(1.0));
    assert!(opened.await, "the circuit breaker did not open\n{}", hub.log());
    let said = eventually(async || {
        let (status, health) = hub.get(&admin, "/healthcheck").await;
        let part = &health["parts"]["history"];
        let reason = part["reason"].as_str().unwrap_or_default();
        status == 200 && part["condition"] == "degraded" && reason.contains("circuit breaker open")
    });
    assert!(said.await, "the health check does not name the breaker");
    let mut greatest = 0;
    while began.elapsed() < away {
        tokio::time::sleep(Duration::from_millis(500)).await;
        greatest = greatest.max(resident(hub.pid()));
    }
    let during = load.acknowledged() - acknowledged_before;
    let live = during as f64 / began.elapsed().as_secs_f64();
    for (name, least) in [
        ("fixstream_history_lag_rows", during as f64 / 2.0),
        ("fixstream_history_lag_bytes", 1.0),
        ("fixstream_history_lag_seconds", away.as_secs_f64() / 2.0),
        ("fixstream_history_probes_total", 1.0),
    ] {
        let value = hub.metric(name).await;
        assert!(value >= Some(least), "{name} is {value:?}, not {least} at least");
    }
    println!(
        "away for {away:?} at {live:.0} messages/s: resident {before} KiB before, {greatest} KiB at most"
    );
    assert!(
        greatest <= before + GROWTH_KIB,
        "memory grew from {before} to {greatest} KiB"
    );

    outside.back().await;
    let (rows_before, behind) = (
        stored().await,
        hub.metric("fixstream_history_lag_rows").await.unwrap(),
    );
    // until the next question it is not known to be back: that pause is no part of the rate
    let back = Instant::now();
    let noticed = eventually(async || hub.metric("fixstream_history_breaker_state").await != Some(1.0));
    assert!(noticed.await, "{}", hub.log());
    let (noticed, draining) = (back.elapsed(), Instant::now());
    let caught_up = 3.0 * live.max(100.0);
    let drained = eventually(async || hub.metric("fixstream_history_lag_rows").await < Some(caught_up));
    assert!(drained.await, "the backlog does not drain\n{}", hub.log());
    let took = draining.elapsed();
    let rows = stored().await - rows_before;
    // rows per message: a position and the raw message
    let rate = rows / 2.0 / took.as_secs_f64();
    println!(
        "noticed after {noticed:?}; drained {rows:.0} rows ({behind:.0} behind) in {took:?}: {:.1} times the live rate",
        rate / live
    );
    assert!(rate >= 5.0 * live, "drained at {rate:.0}/s, live {live:.0}/s");
    assert_eq!(hub.metric("fixstream_history_breaker_state").await, Some(0.0));

    let acknowledged = load.finish().await;
    let expected = format!("{acknowledged}\t{acknowledged}\t{acknowledged}");
    let query = "SELECT count(), uniqExact(id), uniqExact(device_id, time) FROM fixstream.positions";
    let mut last = String::new();
    let complete = eventually(async || {
        last = outside.sql(query).await.unwrap_or_else(|error| error);
        last == expected
    });
    assert!(complete.await, "expected {expected}, still {last}\n{}", hub.log());
    hub.stop();
    outside.stop().await;
}
