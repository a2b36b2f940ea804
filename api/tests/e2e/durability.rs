//! What was acknowledged survives: our own `kill -9`, and ClickHouse away under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fixstream_core::engine::{Engine, EngineOptions, Launch};

use crate::harness::{Hub, PATIENCE, PROGRAM, Tracked, eventually, now_ms, sql, teltonika_frame};
use crate::mqtt::{connect, publish};

const CONNECTIONS: usize = 10;

/// A day ago: no fix of a test is in the future.
fn yesterday() -> i64 {
    now_ms() / 1000 * 1000 - 86_400_000
}

/// Each of its connections publishes fixes of its own tracker with times that are its own.
fn flood(
    port: u16,
    trackers: &[Tracked],
    per_connection: usize,
    start: i64,
    acknowledged: &Arc<AtomicU64>,
) -> Vec<std::thread::JoinHandle<()>> {
    trackers
        .iter()
        .map(|tracked| {
            let (username, password) = (tracked.username.clone(), tracked.password.clone());
            let topic = format!("trackers/teltonika/{}/up", tracked.imei);
            let acknowledged = Arc::clone(acknowledged);
            std::thread::spawn(move || {
                let mut connection = connect(port, &username, &username, &password).unwrap();
                for window in (0..per_connection).collect::<Vec<_>>().chunks(50) {
                    let packets: Vec<u8> = window
                        .iter()
                        .flat_map(|&number| {
                            let frame = teltonika_frame(
                                start + number as i64 * 1000,
                                10.0 + number as f64 * 1e-4,
                                20.0,
                            );
                            publish(&topic, number as u16 + 1, &frame)
                        })
                        .collect();
                    if connection.write(&packets).is_err() {
                        return;
                    }
                    for &number in window {
                        match connection.puback() {
                            Some(id) => assert_eq!(id, number as u16 + 1, "acknowledgements out of order"),
                            None => return,
                        }
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_acknowledged_publishes_survive_kill_9_and_are_stored_once() {
    const EACH: usize = 1_000;
    let mut hub = Hub::new(&["teltonika"]);
    let tenant = hub.tenant("teltonika").await;
    let mut trackers = Vec::new();
    for number in 0..CONNECTIONS {
        trackers.push(hub.tracked(&tenant, &format!("35209308145{number:04}")).await);
    }
    hub.start().await;
    let acknowledged = Arc::new(AtomicU64::new(0));
    let floods = flood(hub.ports.mqtt, &trackers, EACH, yesterday(), &acknowledged);
    tokio::task::spawn_blocking(move || floods.into_iter().for_each(|flood| flood.join().unwrap()))
        .await
        .unwrap();
    hub.kill();
    let acknowledged = acknowledged.load(Ordering::Relaxed);
    assert_eq!(acknowledged, (CONNECTIONS * EACH) as u64);

    hub.start().await;
    hub.sql_becomes(
        "SELECT count(), uniqExact(id), uniqExact(device_id, time) FROM fixstream.positions",
        "10000\t10000\t10000",
    )
    .await;
    hub.sql_becomes(
        "SELECT count(), uniqExact(offset) FROM fixstream.raw_messages",
        "10000\t10000",
    )
    .await;
    for tracked in &trackers {
        let expected = (10.0 + (EACH - 1) as f64 * 1e-4) * 1e7;
        hub.latest(&tenant.key, tracked.device, |latest| {
            (latest["latitude"].as_f64().unwrap() * 1e7 - expected).abs() < 2.0
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_in_the_middle_of_the_load_loses_nothing_acknowledged_and_stores_nothing_twice() {
    let mut hub = Hub::new(&["teltonika"]);
    hub.set("FIXSTREAM_HISTORY__BATCH_MS", "50");
    let tenant = hub.tenant("teltonika").await;
    let mut trackers = Vec::new();
    for number in 0..CONNECTIONS {
        trackers.push(hub.tracked(&tenant, &format!("35209308146{number:04}")).await);
    }
    let start = yesterday();
    for round in 1..=3 {
        hub.start().await;
        let acknowledged = Arc::new(AtomicU64::new(0));
        let floods = flood(hub.ports.mqtt, &trackers, 2_000, start, &acknowledged);
        let enough = round * 2_000;
        while acknowledged.load(Ordering::Relaxed) < enough {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        hub.kill();
        tokio::task::spawn_blocking(move || floods.into_iter().for_each(|flood| flood.join().unwrap()))
            .await
            .unwrap();
        let acknowledged = acknowledged.load(Ordering::Relaxed);

        hub.start().await;
        // the rounds send the same fixes again: what a device re-sends must not be stored twice
        let found = eventually(async || {
            let answer = hub
                .sql("SELECT uniqExact(device_id, time), count() - uniqExact(id) FROM fixstream.positions")
                .await;
            let (stored, doubled) = answer.split_once('\t').unwrap();
            assert_eq!(doubled, "0", "rows stored twice");
            stored.parse::<u64>().unwrap() >= acknowledged
        });
        assert!(
            found.await,
            "round {round}: {acknowledged} acknowledged, fewer stored\n{}",
            hub.log()
        );
        hub.stop();
    }
    hub.start().await;
    let merged = hub
        .sql("SELECT count() - uniqExact(device_id, time) FROM fixstream.positions FINAL")
        .await;
    assert_eq!(merged, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_go_on_while_clickhouse_is_dead_for_20_s_and_rows_arrive_after_none_twice() {
    const AWAY: Duration = Duration::from_secs(20);
    let outside = tempfile::tempdir().unwrap();
    let mut hub = Hub::new(&["teltonika"]);
    let options = EngineOptions {
        library: None,
        data: outside.path().join("clickhouse"),
        http_port: hub.ports.clickhouse,
        tcp_port: None,
        max_memory: 2 << 30,
    };
    let launch = Launch {
        executable: Some(PROGRAM.into()),
        ..Launch::default()
    };
    // a server of its own, as `history.url` names one, so that it stays dead for as long as we want
    let engine = Engine::start_with(options.clone(), launch.clone()).await.unwrap();
    let access = engine.access().clone();
    hub.set("FIXSTREAM_HISTORY__URL", &access.url);
    hub.set("FIXSTREAM_HISTORY__USER", &access.user);
    hub.set("FIXSTREAM_HISTORY__PASSWORD", &access.password);
    let tenant = hub.tenant("teltonika").await;
    let tracked = hub.tracked(&tenant, "352093081452256").await;
    hub.start().await;

    let (stop, acknowledged, longest) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicU64::new(0)),
    );
    let load = {
        let (stop, acknowledged, longest, port) = (
            Arc::clone(&stop),
            Arc::clone(&acknowledged),
            Arc::clone(&longest),
            hub.ports.mqtt,
        );
        let (topic, username, password) = (
            format!("trackers/teltonika/{}/up", tracked.imei),
            tracked.username.clone(),
            tracked.password.clone(),
        );
        std::thread::spawn(move || {
            let mut connection = connect(port, "load", &username, &password).unwrap();
            let start = yesterday();
            while !stop.load(Ordering::Relaxed) {
                let number = acknowledged.load(Ordering::Relaxed);
                let frame = teltonika_frame(start + number as i64 * 1000, 10.0 + number as f64 * 1e-6, 20.0);
                let began = Instant::now();
                connection
                    .publish(&topic, (number % 60_000) as u16 + 1, &frame)
                    .unwrap();
                assert!(connection.puback().is_some(), "the connection was closed");
                longest.fetch_max(began.elapsed().as_millis() as u64, Ordering::Relaxed);
                acknowledged.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
            }
        })
    };
    assert!(eventually(async || acknowledged.load(Ordering::Relaxed) > 200).await);
    let pid = rustix::process::Pid::from_raw(engine.pid().unwrap() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    // and its supervisor, which would start it again at once
    engine.stop().await;
    let before = acknowledged.load(Ordering::Relaxed);
    tokio::time::sleep(AWAY).await;
    let during = acknowledged.load(Ordering::Relaxed) - before;
    assert!(
        during > 500,
        "only {during} acknowledged while ClickHouse was away\n{}",
        hub.log()
    );
    hub.latest(&tenant.key, tracked.device, |latest| {
        latest["latitude"].as_f64().unwrap() > 10.0
    })
    .await;

    let engine = Engine::start_with(options, launch).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    tokio::task::spawn_blocking(move || load.join().unwrap())
        .await
        .unwrap();
    let total = acknowledged.load(Ordering::Relaxed).to_string();
    let mut last = String::new();
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let query = "SELECT count(), uniqExact(id), uniqExact(time) FROM fixstream.positions";
        last = sql(
            &hub.http,
            hub.ports.clickhouse,
            &access.user,
            &access.password,
            query,
        )
        .await
        .unwrap_or_else(|error| error);
        if last == format!("{total}\t{total}\t{total}") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(last, format!("{total}\t{total}\t{total}"), "{}", hub.log());
    hub.stop();
    engine.stop().await;
}
