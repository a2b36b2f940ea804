//! History against the real engine: exactly once, over crashes of either side. Needs `libchdb.so`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{engine, kill_9, writer};
use fixstream_core::engine::Access;
use fixstream_core::history::{Chunk, History, HistoryError, HistoryOptions, PositionRow, RawRow};
use fixstream_core::model::{
    AttributeValue, ClientId, DeadLetter, DeadReason, DeviceId, Fix, Offset, PositionId, TimeMs, Verdict,
};

const JOURNAL: &str = "0123456789abcdef";
const START: i64 = 1_750_000_000_000;

fn options(access: &Access, spool: &Path, batch_rows: usize) -> HistoryOptions {
    HistoryOptions {
        url: access.url.clone(),
        user: access.user.clone(),
        password: access.password.clone(),
        database: "fixstream".into(),
        spool: spool.to_path_buf(),
        batch_rows,
        batch_age: Duration::from_millis(200),
        max_spool_bytes: 1 << 30,
        min_free_bytes: 0,
    }
}

fn position(offset: u64, index: usize) -> PositionRow {
    let id = PositionId::new(Offset(offset), index);
    // Rows of one batch fall into several daily partitions: such inserts are not atomic.
    let day = i64::try_from(offset % 5).unwrap();
    let time = TimeMs(START - day * 86_400_000 + i64::try_from(offset).unwrap() * 1000);
    PositionRow {
        client: ClientId(1),
        device: DeviceId(u32::try_from(id.0 % 7).unwrap() + 1),
        id,
        revision: 0,
        time,
        received: TimeMs(time.0 + 500),
        verdict: Verdict::Ok,
        content: id.0.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        vendor: "test".into(),
        plugin: "test@1.0.0".into(),
        fix: Fix {
            time: Some(time),
            latitude: 52.5,
            longitude: 13.4,
            speed_kmh: Some(50.25),
            attributes: vec![
                ("door".into(), AttributeValue::Flag(true)),
                ("n".into(), AttributeValue::Text("12".into())),
            ],
            ..Fix::default()
        },
    }
}

/// Records `from..to` with three positions and a raw message each, and a dead letter for every tenth.
fn chunk(from: u64, to: u64) -> Chunk {
    let dead = |offset: u64| DeadLetter {
        offset: Offset(offset),
        client: ClientId(1),
        received: TimeMs(START),
        vendor: "test".into(),
        channel: "trackers/test/1/up".into(),
        device: None,
        reason: DeadReason::Undecodable,
        detail: "no".into(),
        plugin: None,
        payload: vec![0, 255].into(),
        envelope: vec![1, 2].into(),
    };
    let raw = |offset: u64| RawRow {
        offset: Offset(offset),
        client: ClientId(1),
        device: DeviceId(1),
        received: TimeMs(START),
        vendor: "test".into(),
        channel: "trackers/test/1/up".into(),
        payload: vec![1, 2, 3, 0xff].into(),
        envelope: vec![1, 3].into(),
    };
    Chunk {
        range: Offset(from)..Offset(to),
        positions: (from..to)
            .flat_map(|offset| (0..3).map(move |index| position(offset, index)))
            .collect(),
        raw: (from..to).map(raw).collect(),
        dead: (from..to).filter(|offset| offset % 10 == 0).map(dead).collect(),
    }
}

/// Rows as they stand in the tables, before any merge.
async fn counts(access: &Access) -> (u64, u64, u64, u64) {
    let client = writer(access).with_database("fixstream");
    let count = async |what: &str| {
        client
            .query(&format!("SELECT {what}"))
            .fetch_one::<u64>()
            .await
            .unwrap()
    };
    (
        count("count() FROM positions").await,
        count("uniqExact(id) FROM positions").await,
        count("count() FROM raw_messages").await,
        count("count() FROM dead_letters").await,
    )
}

/// Of each device the row with the greatest time, by device.
fn newest_of(rows: &[PositionRow]) -> Vec<PositionRow> {
    let of = |device| rows.iter().filter(move |row| row.device == DeviceId(device));
    (1..=7)
        .filter_map(|device| of(device).max_by_key(|row| (row.time, row.id)).cloned())
        .collect()
}

/// The line of a metric.
fn metric(history: &History, name: &str) -> String {
    let mut registry = prometheus_client::registry::Registry::default();
    history.metrics().register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    text.lines()
        .find(|line| !line.starts_with('#') && line.contains(name))
        .unwrap_or_default()
        .to_owned()
}

async fn drained(history: &History) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while history.lag().rows > 0 {
        assert!(
            Instant::now() < deadline,
            "{:?} {:?}",
            history.lag(),
            history.trouble()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Starts history on a spool that a dropped one may still be letting go of.
async fn restart(options: &HistoryOptions) -> History {
    for _ in 0..100 {
        match History::start(options.clone(), JOURNAL) {
            Err(HistoryError::State(why)) if why.contains("in use") => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            other => return other.unwrap(),
        }
    }
    panic!("the spool stays locked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn submitted_rows_are_stored_and_read_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(&folder.path().join("engine")).await;
    let access = engine.access().clone();
    let options = options(&access, &folder.path().join("spool"), 200);
    let history = History::start(options.clone(), JOURNAL).unwrap();
    assert_eq!(
        history.resume_from(Offset(1)),
        Offset(1),
        "nothing was sealed yet"
    );
    for index in 0..5 {
        history
            .submit(chunk(1 + index * 50, 51 + index * 50))
            .await
            .unwrap();
    }
    assert!(
        history.submit(chunk(400, 401)).await.is_err(),
        "a hole is refused"
    );
    drained(&history).await;
    assert_eq!(*history.sealed().borrow(), Offset(251));
    assert_eq!(counts(&access).await, (750, 750, 250, 25));

    // newest: per device the row of the greatest time, whole
    let mut newest = history.newest().await.unwrap();
    newest.sort_by_key(|row| row.device);
    let all: Vec<PositionRow> = (1..251)
        .flat_map(|offset| (0..3).map(move |index| position(offset, index)))
        .collect();
    let expected = newest_of(&all);
    assert_eq!(newest, expected);

    // a later judgement takes the newest row of device 1 back; the row before it is the newest then
    let mut revised = expected[0].clone();
    revised.revision = 1;
    revised.verdict = Verdict::Jump;
    let before = all
        .iter()
        .filter(|row| row.device == DeviceId(1) && row.id != revised.id);
    let before = before.max_by_key(|row| (row.time, row.id)).unwrap().clone();
    history
        .submit(Chunk {
            range: Offset(251)..Offset(252),
            positions: vec![revised],
            ..Chunk::default()
        })
        .await
        .unwrap();
    drained(&history).await;
    let newest = history.newest().await.unwrap();
    assert_eq!(newest.iter().find(|row| row.device == DeviceId(1)), Some(&before));

    // the same fixes once more, from other records: they collapse, and the first id stays
    let again = Chunk {
        range: Offset(252)..Offset(253),
        positions: all
            .iter()
            .take(3)
            .map(|row| PositionRow {
                id: PositionId(row.id.0 + 1_000_000),
                ..row.clone()
            })
            .collect(),
        ..Chunk::default()
    };
    history.submit(again).await.unwrap();
    drained(&history).await;
    let client = writer(&access).with_database("fixstream");
    let collapsed = client
        .query("SELECT count(), max(id) FROM positions FINAL")
        .fetch_one::<(u64, u64)>()
        .await
        .unwrap();
    assert_eq!(collapsed, (750, PositionId::new(Offset(250), 2).0));
    let readable = client
        .query("SELECT toString(verdict), latitude, speed_kmh, attributes['n'] FROM positions WHERE revision = 0 LIMIT 1")
        .fetch_one::<(String, f64, Option<f64>, String)>()
        .await
        .unwrap();
    assert_eq!(readable, ("ok".into(), 52.5, Some(50.25), "\"12\"".into()));
    history.stop(Duration::from_secs(10)).await;
    drop(history);
    let history = restart(&options).await;
    assert_eq!(
        history.resume_from(Offset(1)),
        Offset(253),
        "the end is remembered though the spool is empty"
    );
    history.stop(Duration::from_secs(10)).await;
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_rows_of_more_devices_than_are_on_a_page_are_all_there() {
    const DEVICES: u32 = 45_000;
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(&folder.path().join("engine")).await;
    let access = engine.access().clone();
    let options = options(&access, &folder.path().join("spool"), 20_000);
    let history = History::start(options, JOURNAL).unwrap();
    let row = |device: u32, time: i64| PositionRow {
        // two clients take turns, so that pages end with the one and with the other
        client: ClientId(1 + device / 30_000),
        device: DeviceId(device),
        id: PositionId(u64::try_from(time).unwrap() * u64::from(DEVICES) + u64::from(device)),
        time: TimeMs(START + time),
        ..position(1, 0)
    };
    let revoked = |device: &u32| device.is_multiple_of(10_000);
    for time in 1..=2_i64 {
        let offset = u64::try_from(time).unwrap();
        let positions = (1..=DEVICES).map(|device| row(device, time)).collect();
        let range = Offset(offset)..Offset(offset + 1);
        let chunk = Chunk {
            range,
            positions,
            ..Chunk::default()
        };
        history.submit(chunk).await.unwrap();
    }
    // of some, the newest is taken back
    let positions = (1..=DEVICES)
        .filter(revoked)
        .map(|device| PositionRow {
            revision: 1,
            verdict: Verdict::Jump,
            ..row(device, 2)
        })
        .collect();
    let chunk = Chunk {
        range: Offset(3)..Offset(4),
        positions,
        ..Chunk::default()
    };
    history.submit(chunk).await.unwrap();
    drained(&history).await;
    let (mut newest, corrected): (Vec<_>, Vec<_>) = history
        .newest()
        .await
        .unwrap()
        .into_iter()
        .partition(|row| row.verdict == Verdict::Ok);
    newest.sort_by_key(|row| row.device);
    let expected: Vec<PositionRow> = (1..=DEVICES)
        .map(|device| row(device, if revoked(&device) { 1 } else { 2 }))
        .collect();
    assert_eq!(newest.len(), expected.len());
    assert!(newest == expected);
    assert_eq!(corrected.len(), 4);
    history.stop(Duration::from_secs(10)).await;
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_killed_in_the_middle_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(&folder.path().join("engine")).await;
    let access = engine.access().clone();
    let history = History::start(options(&access, &folder.path().join("spool"), 300), JOURNAL).unwrap();
    let mut at = 1;
    for round in 0..6u64 {
        // Each kill comes while batches are being inserted, a little later in their life than the one before.
        let stored = history.lag().stored;
        let deadline = Instant::now() + Duration::from_secs(60);
        while history.lag().stored == stored {
            assert!(Instant::now() < deadline, "{:?}", history.trouble());
            if history.lag().rows < 2000 {
                history.submit(chunk(at, at + 100)).await.unwrap();
                at += 100;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for _ in 0..4 {
            history.submit(chunk(at, at + 100)).await.unwrap();
            at += 100;
        }
        tokio::time::sleep(Duration::from_millis(round * 23)).await;
        if let Some(pid) = engine.pid() {
            kill_9(pid);
        }
    }
    drained(&history).await;
    let rows = at - 1;
    assert_eq!(counts(&access).await, (rows * 3, rows * 3, rows, rows / 10));
    let mut newest = history.newest().await.unwrap();
    newest.sort_by_key(|row| row.device);
    let all: Vec<PositionRow> = (1..at)
        .flat_map(|offset| (0..3).map(move |index| position(offset, index)))
        .collect();
    assert_eq!(newest, newest_of(&all), "the views hold what the table holds");
    eprintln!("{} records, {}", rows, metric(&history, "reconciliations"));
    history.stop(Duration::from_secs(10)).await;
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_dies_between_seal_and_insert_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(&folder.path().join("engine")).await;
    let access = engine.access().clone();
    let options = options(&access, &folder.path().join("spool"), 150);
    for round in 0..12u64 {
        let history = restart(&options).await;
        // The journal is read again from the last sealed record, whatever had been submitted.
        let mut at = history.resume_from(Offset(1)).0;
        for _ in 0..6 {
            history.submit(chunk(at, at + 50)).await.unwrap();
            at += 50;
        }
        tokio::time::sleep(Duration::from_millis(round * 13)).await;
        drop(history);
    }
    let history = restart(&options).await;
    let end = history.resume_from(Offset(1)).0;
    drained(&history).await;
    let rows = end - 1;
    assert!(rows > 0);
    eprintln!("{} records, {}", rows, metric(&history, "reconciliations"));
    assert_eq!(counts(&access).await, (rows * 3, rows * 3, rows, rows / 10));
    history.stop(Duration::from_secs(10)).await;
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_is_away_rows_wait_in_the_spool_and_then_submit_waits() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("engine");
    let first = engine(&data).await;
    let access = first.access().clone();
    first.stop().await;
    let mut options = options(&access, &folder.path().join("spool"), 100);
    options.max_spool_bytes = 100_000;
    let history = restart(&options).await;
    let mut at = 1;
    loop {
        let waiting = history.submit(chunk(at, at + 50));
        if tokio::time::timeout(Duration::from_secs(2), waiting)
            .await
            .is_err()
        {
            break;
        }
        at += 50;
        assert!(at < 100_000, "submit never waits");
    }
    let lag = history.lag();
    assert!(
        lag.bytes >= options.max_spool_bytes && lag.bytes < 2 * options.max_spool_bytes,
        "{lag:?}"
    );
    assert!(history.trouble().is_some());
    let sealed = history.sealed().borrow().0;
    assert!(sealed > 1 && sealed < at);
    drop(history);

    let second = engine(&data).await;
    options.url = second.access().url.clone();
    let history = restart(&options).await;
    assert_eq!(history.resume_from(Offset(1)), Offset(sealed));
    history.submit(chunk(sealed, at)).await.unwrap();
    drained(&history).await;
    assert_eq!(history.trouble(), None);
    let rows = at - 1;
    assert_eq!(
        counts(second.access()).await,
        (rows * 3, rows * 3, rows, rows / 10)
    );
    history.stop(Duration::from_secs(10)).await;
    second.stop().await;
}
