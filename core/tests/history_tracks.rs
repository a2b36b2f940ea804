//! Tracks against the real engine: cut into parts or not, what is read is what stands. Needs `libchdb.so`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use common::engine;
use fixstream_core::history::{Chunk, History, HistoryOptions, PositionRow, TrackError, TrackFilter, Tracks};
use fixstream_core::model::{ClientId, DeviceId, Fix, Offset, PositionId, TimeMs, Verdict};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Midnight.
const START: i64 = 1_749_945_600_000;
const DAY_MS: i64 = 86_400_000;
const DEVICES: u32 = 9;
/// More than a question is about at once.
const DAYS: i64 = 40;
/// It has more than one part may have.
const LARGE: u32 = 5;
const OURS: ClientId = ClientId(1);
const THEIRS: ClientId = ClientId(2);

/// What the tables should hold: the row that stands at each place.
#[derive(Default)]
struct Model {
    rows: BTreeMap<(ClientId, DeviceId, TimeMs, u64), PositionRow>,
    chunks: Vec<Chunk>,
    next: u64,
}

impl Model {
    /// Submits rows as one record, and notes them.
    fn submit(&mut self, mut rows: Vec<PositionRow>, keep_ids: bool) {
        self.next += 1;
        for (index, row) in rows.iter_mut().enumerate() {
            if !keep_ids {
                row.id = PositionId::new(Offset(self.next), index % 500);
            }
            let place = (row.client, row.device, row.time, row.content);
            let wins = |held: &PositionRow| {
                (row.revision, std::cmp::Reverse(row.id)) > (held.revision, std::cmp::Reverse(held.id))
            };
            if self.rows.get(&place).is_none_or(wins) {
                self.rows.insert(place, row.clone());
            }
        }
        self.chunks.push(Chunk {
            range: Offset(self.next)..Offset(self.next + 1),
            positions: rows,
            ..Chunk::default()
        });
    }

    /// Of these devices and this time, what a track shows: device, time, latitude, by device and time.
    fn shown(&self, client: ClientId, devices: Option<&[u32]>, from: i64, to: i64) -> Vec<(u32, i64, i32)> {
        let meant = |row: &&PositionRow| {
            row.client == client
                && devices.is_none_or(|devices| devices.contains(&row.device.0))
                && (from..to).contains(&row.time.0)
                && matches!(row.verdict, Verdict::Ok | Verdict::Late | Verdict::Clock)
        };
        let rows = self.rows.values().filter(meant);
        let mut shown: Vec<_> = rows
            .map(|row| (row.device.0, row.time.0, (row.fix.latitude * 1e7).round() as i32))
            .collect();
        shown.sort_unstable();
        shown
    }
}

fn row(random: &mut StdRng, client: ClientId, device: u32) -> PositionRow {
    // few moments, so that some are met twice; the first and last of the days are among them
    let time = START + random.random_range(0..DAYS) * DAY_MS + random.random_range(0..8) * (DAY_MS / 8);
    let verdict = match random.random_range(0..8) {
        0 => Verdict::Late,
        1 => Verdict::Clock,
        2 => Verdict::Jump,
        3 => Verdict::Invalid,
        _ => Verdict::Ok,
    };
    PositionRow {
        client,
        device: DeviceId(device),
        id: PositionId(0),
        revision: 0,
        time: TimeMs(time),
        received: TimeMs(time + 500),
        verdict,
        content: random.random_range(0..3),
        vendor: "test".into(),
        plugin: "test@1.0.0".into(),
        fix: Fix {
            time: Some(TimeMs(time)),
            latitude: f64::from(random.random_range(0..1_000_000)) / 1e5,
            longitude: 13.4,
            speed_kmh: random.random_bool(0.7).then_some(50.25),
            ..Fix::default()
        },
    }
}

/// Fixes of several devices, some sent again, judged again, taken back, or moved to another device.
fn model(random: &mut StdRng) -> Model {
    let mut model = Model::default();
    let devices = |device| if device == LARGE { 600 } else { 60 };
    for _ in 0..3 {
        let mut rows = Vec::new();
        for device in 1..=DEVICES {
            rows.extend((0..devices(device) / 3).map(|_| row(random, OURS, device)));
        }
        rows.extend((0..20).map(|_| row(random, THEIRS, 3)));
        for some in rows.chunks(400) {
            model.submit(some.to_vec(), false);
        }
        // the same once more, under other ids
        let again: Vec<_> = rows.iter().step_by(7).cloned().collect();
        model.submit(again, false);
        let standing: Vec<PositionRow> = model.rows.values().cloned().collect();
        let mut corrected = Vec::new();
        // what was taken back or has moved is not corrected where it no longer stands
        let standing = standing
            .into_iter()
            .filter(|row| row.client == OURS && row.verdict != Verdict::Deleted);
        for mut row in standing {
            match random.random_range(0..12) {
                0 => row.verdict = Verdict::Deleted,
                1 => row.verdict = Verdict::Ok,
                2 => row.verdict = Verdict::Jump,
                3 => {
                    // to a device of another part: a tombstone here, the position there
                    let mut moved = row.clone();
                    moved.device = DeviceId(DEVICES + 1 - row.device.0);
                    moved.revision += 2;
                    moved.verdict = Verdict::Ok;
                    corrected.push(moved);
                    row.verdict = Verdict::Deleted;
                }
                _ => continue,
            }
            row.revision += 1;
            corrected.push(row);
        }
        model.submit(corrected, true);
    }
    model
}

async fn read(tracks: &Tracks, filter: &TrackFilter) -> Vec<(u32, i64, i32)> {
    let mut track = tracks.fixes(filter).await.unwrap();
    let mut found: Vec<(u32, i64, i32)> = Vec::new();
    while let Some(part) = track.next().await.unwrap() {
        assert!(!part.fixes.is_empty());
        for fix in part.fixes {
            let before = found.last().map(|(device, time, _)| (*device, *time));
            assert!(before <= Some((part.device.0, fix.time.0)), "not in order");
            found.push((part.device.0, fix.time.0, fix.lat_e7));
        }
    }
    // of one moment they may come in any order
    found.sort_unstable();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_track_is_what_stands_however_many_parts_it_is_read_in() {
    let mut random = StdRng::seed_from_u64(4);
    let mut model = model(&mut random);
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(&folder.path().join("engine")).await;
    let access = engine.access().clone();
    let options = HistoryOptions {
        url: access.url.clone(),
        user: access.user.clone(),
        password: access.password.clone(),
        database: "fixstream".into(),
        spool: folder.path().join("spool"),
        // every record is a batch: many parts of tables, merged when the engine likes
        batch_rows: 1,
        batch_age: Duration::from_millis(50),
        max_spool_bytes: 1 << 30,
        min_free_bytes: 0,
    };
    let history = History::start(options, "0123456789abcdef").unwrap();
    for chunk in std::mem::take(&mut model.chunks) {
        history.submit(chunk).await.unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(120);
    while history.lag().rows > 0 {
        assert!(Instant::now() < deadline, "{:?}", history.trouble());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let whole = (START, START + DAYS * DAY_MS);
    let within = (START + 3 * DAY_MS + 1, START + 36 * DAY_MS);
    let some: &[u32] = &[2, 3, LARGE, 8];
    let mut parts = BTreeSet::new();
    for rows in [70, 200, 1 << 20] {
        let tracks = history.tracks().in_parts_of(rows);
        for (from, to) in [whole, within, (START, START), (START, START + 2 * DAY_MS)] {
            for devices in [None, Some(some), Some(&[LARGE]), Some(&[77])] {
                let filter = TrackFilter {
                    client: OURS,
                    devices: devices.map(|ids| ids.iter().copied().map(DeviceId).collect()),
                    from: TimeMs(from),
                    to: TimeMs(to),
                };
                let expected = model.shown(OURS, devices, from, to);
                assert_eq!(
                    read(&tracks, &filter).await,
                    expected,
                    "{rows} {devices:?} {from}..{to}"
                );
                parts.insert(expected.len());
            }
        }
        let theirs = TrackFilter {
            client: THEIRS,
            devices: None,
            from: TimeMs(whole.0),
            to: TimeMs(whole.1),
        };
        let expected = model.shown(THEIRS, None, whole.0, whole.1);
        assert_eq!(read(&tracks, &theirs).await, expected);
    }
    assert!(parts.contains(&0) && parts.last() > Some(&500), "{parts:?}");

    // an export of one device, over more days than one question is about
    let (from, to) = (TimeMs(whole.0), TimeMs(whole.1));
    for device in [1, LARGE] {
        let mut track = history
            .tracks()
            .points(OURS, DeviceId(device), from, to)
            .await
            .unwrap();
        let mut found = Vec::new();
        while let Some(point) = track.next().await.unwrap() {
            found.push((point.time.0, point.id, point.speed_kmh, point.verdict));
        }
        let mut expected: Vec<_> = model.rows.values().cloned().collect();
        expected.retain(|row| {
            (row.client, row.device.0) == (OURS, device)
                && matches!(row.verdict, Verdict::Ok | Verdict::Late | Verdict::Clock)
        });
        expected.sort_by_key(|row| (row.time, row.id));
        let expected: Vec<_> = expected
            .iter()
            .map(|row| {
                (
                    row.time.0,
                    row.id,
                    row.fix.speed_kmh,
                    row.verdict.name().to_owned(),
                )
            })
            .collect();
        assert_eq!(found, expected, "{device}");
    }

    // who stops in the middle leaves the place to others
    let all = TrackFilter {
        client: OURS,
        devices: None,
        from,
        to,
    };
    let tracks = history.tracks().in_parts_of(70);
    for _ in 0..20 {
        let mut track = tracks.fixes(&all).await.unwrap();
        assert!(track.next().await.unwrap().is_some());
    }
    // and an engine that goes away in the middle is no end
    let mut track = tracks.fixes(&all).await.unwrap();
    engine.stop().await;
    let broken = loop {
        match track.next().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert!(broken.is_err(), "{broken:?}");
    assert!(matches!(tracks.fixes(&all).await, Err(TrackError::History(_))));
    history.stop(Duration::from_secs(10)).await;
}
