//! The ways of devices, read back: their fixes in the order of device and time, as a stream.
//!
//! Of a track are the fixes that the device really had: `ok` and `clock`, and `late` ones too, which are as good but
//! were sent after a newer one (a tracker that stored them where there was no network). What is `invalid`, in the
//! `future`, on the `null_island` or a `jump` is none, and what a later revision took back neither: verdicts are
//! looked at after FINAL has chosen the row that holds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use clickhouse::error::Error;
use clickhouse::query::{Query, RowCursor};
use clickhouse::{Client, Row};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use super::error::HistoryError;
use super::positions::{INSTANT, MEMORY, judged};
use super::record::{self, from_e3};
use crate::model::{ClientId, DeviceId, PositionId, TimeMs};

/// Fixes of one answer, at most: 1,000 devices for a month, one fix in a minute, with room to spare.
pub const MAX_FIXES: u64 = 50_000_000;
/// Device days that may be asked for without counting their fixes first: a device for a month that sends every
/// second has fewer fixes than an answer may have.
const UNCOUNTED_DAYS: u64 = 31;
const _: () = assert!(UNCOUNTED_DAYS * 86_400 < MAX_FIXES);
/// Streams at the same time: of all clients, and of one.
const STREAMS: usize = 8;
const STREAMS_OF_ONE: usize = 4;
/// A free place is waited for so long.
const PLACE: Duration = Duration::from_secs(5);
/// Until the first fix. Together with the wait for a place it is less than a request may take.
const ASK: Duration = Duration::from_secs(20);
/// For the whole of a stream, whoever is slow.
const WHOLE: Duration = Duration::from_secs(300);

/// Whose fixes, and when. Always those of one client.
#[derive(Debug, Clone)]
pub struct TrackFilter {
    /// Whose.
    pub client: ClientId,
    /// Of these devices; `None`: of all.
    pub devices: Option<Vec<DeviceId>>,
    /// From this time on.
    pub from: TimeMs,
    /// Before this time.
    pub to: TimeMs,
}

/// Why there is no track.
#[derive(Debug, thiserror::Error)]
pub enum TrackError {
    /// ClickHouse does not answer, or broke off.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The answer would be too long.
    #[error("the question is about {rows} positions, an answer has at most {MAX_FIXES}")]
    TooLong {
        /// Rows that it is about, before the same ones collapse.
        rows: u64,
    },
    /// Too many are asking.
    #[error("as many tracks as may be are read already")]
    Busy,
}

/// A fix as reports need it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackFix {
    /// Device.
    pub device: DeviceId,
    /// Fix time.
    pub time: TimeMs,
    /// 1e-7 degrees.
    pub lat_e7: i32,
    /// 1e-7 degrees.
    pub lon_e7: i32,
    /// As reported, km/h.
    pub speed_kmh: Option<f64>,
}

/// A fix as it is exported.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackPoint {
    /// Its position.
    pub id: PositionId,
    /// Fix time.
    pub time: TimeMs,
    /// Degrees.
    pub latitude: f64,
    /// Degrees.
    pub longitude: f64,
    /// Metres.
    pub altitude_m: Option<f64>,
    /// km/h.
    pub speed_kmh: Option<f64>,
    /// Degrees.
    pub heading_deg: Option<f64>,
    /// Judgement ([`crate::model::Verdict::name`]).
    pub verdict: String,
}

/// The columns of [`TrackFix`]: as few and as narrow as can be, there are millions of rows.
#[derive(Debug, Row, Deserialize)]
struct FixRow {
    device_id: u32,
    time: i64,
    lat_e7: i32,
    lon_e7: i32,
    /// -1: none.
    speed_e3: i64,
}

#[derive(Debug, Row, Deserialize)]
struct PointRow {
    id: u64,
    time: i64,
    lat_e7: i32,
    lon_e7: i32,
    altitude_e3: Option<i64>,
    speed_e3: Option<i64>,
    heading_e3: Option<i64>,
    verdict: String,
}

impl From<FixRow> for TrackFix {
    fn from(row: FixRow) -> Self {
        Self {
            device: DeviceId(row.device_id),
            time: TimeMs(row.time),
            lat_e7: row.lat_e7,
            lon_e7: row.lon_e7,
            speed_kmh: from_e3(Some(row.speed_e3).filter(|speed| *speed >= 0)),
        }
    }
}

impl From<PointRow> for TrackPoint {
    fn from(row: PointRow) -> Self {
        Self {
            id: PositionId(row.id),
            time: TimeMs(row.time),
            latitude: f64::from(row.lat_e7) / 1e7,
            longitude: f64::from(row.lon_e7) / 1e7,
            altitude_m: from_e3(row.altitude_e3),
            speed_kmh: from_e3(row.speed_e3),
            heading_deg: from_e3(row.heading_e3),
            verdict: row.verdict,
        }
    }
}

/// The tracks of all clients. Cheap to clone.
#[derive(Clone)]
pub struct Tracks {
    client: Client,
    ready: watch::Receiver<bool>,
    places: Arc<Semaphore>,
    /// Those of each client: slow readers of one leave places for others.
    own_places: Arc<Mutex<HashMap<ClientId, Arc<Semaphore>>>>,
}

/// Fixes on their way from ClickHouse.
pub struct Track<T> {
    rows: Rows<T>,
    /// The first one, fetched already: where there is one, ClickHouse answers.
    first: Option<T>,
    deadline: Instant,
    _places: [OwnedSemaphorePermit; 2],
}

enum Rows<T> {
    Fixes(RowCursor<FixRow>, fn(FixRow) -> T),
    Points(RowCursor<PointRow>, fn(PointRow) -> T),
}

impl Tracks {
    pub(super) fn new(client: Client, ready: watch::Receiver<bool>) -> Self {
        Self {
            // A row is not checked against the columns that ClickHouse says it has: they are written below.
            client: client.with_validation(false),
            ready,
            places: Arc::new(Semaphore::new(STREAMS)),
            own_places: Arc::default(),
        }
    }

    /// Fixes for reports, by device and time.
    pub async fn fixes(&self, filter: &TrackFilter) -> Result<Track<TrackFix>, TrackError> {
        let select = "SELECT p.device_id, p.time, p.lat_e7, p.lon_e7, ifNull(p.speed_e3, -1)";
        let order = "ORDER BY p.device_id, p.time";
        self.open(filter, select, order, |query| {
            Ok(Rows::Fixes(query.fetch::<FixRow>()?, TrackFix::from))
        })
        .await
    }

    /// Fixes for an export, by device, time and id.
    pub async fn points(&self, filter: &TrackFilter) -> Result<Track<TrackPoint>, TrackError> {
        let select = "SELECT p.id, p.time, p.lat_e7, p.lon_e7, p.altitude_e3, p.speed_e3, p.heading_e3, toString(p.verdict)";
        let order = "ORDER BY p.device_id, p.time, p.id";
        self.open(filter, select, order, |query| {
            Ok(Rows::Points(query.fetch::<PointRow>()?, TrackPoint::from))
        })
        .await
    }

    async fn open<T>(
        &self,
        filter: &TrackFilter,
        select: &str,
        order: &str,
        fetch: impl FnOnce(Query) -> Result<Rows<T>, Error>,
    ) -> Result<Track<T>, TrackError> {
        if !*self.ready.borrow() {
            return Err(HistoryError::from(Error::TimedOut).into());
        }
        let places = tokio::time::timeout(PLACE, self.place(filter.client));
        let places = places.await.map_err(|_| TrackError::Busy)??;
        let began = Instant::now();
        if device_days(filter) > UNCOUNTED_DAYS {
            let query = bound(&self.client, filter, "SELECT count()", "", "");
            let rows = ask(began, query.fetch_one::<u64>()).await?;
            if rows > MAX_FIXES {
                return Err(TrackError::TooLong { rows });
            }
        }
        let kept = "AND p.verdict IN ('ok', 'late', 'clock')";
        let query = bound(&self.client, filter, select, "FINAL", &format!("{kept} {order}"))
            // The partition is part of what makes rows the same, so that none has its like in another one.
            .with_setting("do_not_merge_across_partitions_select_final", "1")
            // in the order of the key: they are merged as they are read, and never sorted as a whole
            .with_setting("optimize_read_in_order", "1")
            .with_setting("max_memory_usage", MEMORY.to_string())
            .with_setting("max_execution_time", WHOLE.as_secs().to_string());
        let mut rows = fetch(query).map_err(judged)?;
        let first = ask(began, rows.next()).await?;
        Ok(Track {
            rows,
            first,
            deadline: began + WHOLE,
            _places: places,
        })
    }

    /// A place of the client's, then one of all.
    async fn place(&self, client: ClientId) -> Result<[OwnedSemaphorePermit; 2], TrackError> {
        let own = Arc::clone(
            self.own_places
                .lock()
                .entry(client)
                .or_insert_with(|| Arc::new(Semaphore::new(STREAMS_OF_ONE))),
        );
        // never closed
        let own = own.acquire_owned().await.map_err(|_| TrackError::Busy)?;
        let place = Arc::clone(&self.places).acquire_owned().await;
        Ok([own, place.map_err(|_| TrackError::Busy)?])
    }
}

impl<T> Track<T> {
    /// The next one; `None` when there are no more.
    pub async fn next(&mut self) -> Result<Option<T>, HistoryError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        // Rows come in blocks: mostly the next one is here and there is nothing to wait for.
        match tokio::time::timeout_at(self.deadline, self.rows.next()).await {
            Ok(row) => row.map_err(judged),
            Err(_) => Err(Error::TimedOut.into()),
        }
    }
}

impl<T> Rows<T> {
    async fn next(&mut self) -> Result<Option<T>, Error> {
        Ok(match self {
            Self::Fixes(cursor, from) => cursor.next().await?.map(from),
            Self::Points(cursor, from) => cursor.next().await?.map(from),
        })
    }
}

/// A question with the filter as its condition; values are bound, never written into the text.
fn bound(client: &Client, filter: &TrackFilter, select: &str, how: &str, rest: &str) -> Query {
    let of = if filter.devices.is_some() {
        "AND p.device_id IN ?"
    } else {
        ""
    };
    let text = format!(
        "{select} FROM positions AS p {how} WHERE p.client_id = ? {of} \
         AND p.time >= {INSTANT} AND p.time < {INSTANT} {rest}"
    );
    let query = client.query(&text).bind(filter.client.0);
    let query = match &filter.devices {
        Some(devices) => query.bind(devices.iter().map(|device| device.0).collect::<Vec<_>>()),
        None => query,
    };
    query
        .bind(record::clamp(filter.from))
        .bind(record::clamp(filter.to))
}

/// How many days of how many devices it is about; all devices are many.
fn device_days(filter: &TrackFilter) -> u64 {
    let days = filter.to.0.saturating_sub(filter.from.0).max(0) as u64 / 86_400_000 + 1;
    let devices = filter
        .devices
        .as_ref()
        .map_or(u64::MAX, |devices| devices.len() as u64);
    devices.saturating_mul(days)
}

async fn ask<T>(began: Instant, question: impl Future<Output = Result<T, Error>>) -> Result<T, HistoryError> {
    match tokio::time::timeout_at(began + ASK, question).await {
        Ok(answer) => answer.map_err(judged),
        Err(_) => Err(Error::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(devices: Option<Vec<DeviceId>>, days: i64) -> TrackFilter {
        TrackFilter {
            client: ClientId(7),
            devices,
            from: TimeMs(1_000),
            to: TimeMs(1_000 + days * 86_400_000),
        }
    }

    #[test]
    fn a_question_is_always_about_one_client() {
        let client = Client::default();
        let some = filter(Some(vec![DeviceId(3), DeviceId(4)]), 1);
        let text = bound(&client, &some, "SELECT 1", "FINAL", "")
            .sql_display()
            .to_string();
        assert!(
            text.contains("p.client_id = 7 AND p.device_id IN [3,4]"),
            "{text}"
        );
        assert!(
            text.contains("fromUnixTimestamp64Milli(toInt64(86401000), 'UTC')"),
            "{text}"
        );
        let all = bound(&client, &filter(None, 1), "SELECT 1", "", "")
            .sql_display()
            .to_string();
        assert!(
            all.contains("p.client_id = 7") && !all.contains("device_id"),
            "{all}"
        );
    }

    #[test]
    fn only_what_is_small_for_sure_is_not_counted_first() {
        let devices = |count| Some((0..count).map(DeviceId).collect());
        assert_eq!(device_days(&filter(devices(1), 30)), 31);
        assert_eq!(device_days(&filter(devices(10), 3)), 40);
        assert!(device_days(&filter(None, 0)) > UNCOUNTED_DAYS);
    }

    #[tokio::test(start_paused = true)]
    async fn one_client_leaves_places_for_others() {
        let tracks = Tracks::new(Client::default(), watch::channel(true).1);
        let mut held = Vec::new();
        for _ in 0..STREAMS_OF_ONE {
            held.push(tracks.place(ClientId(1)).await);
        }
        let soon = |client| tokio::time::timeout(PLACE, tracks.place(ClientId(client)));
        assert!(soon(1).await.is_err(), "one client has more than its share");
        for _ in STREAMS_OF_ONE..STREAMS {
            held.push(soon(2).await.unwrap_or(Err(TrackError::Busy)));
        }
        assert!(held.iter().all(Result::is_ok));
        assert!(soon(3).await.is_err(), "there are more streams than may be");
        held.pop();
        assert!(soon(3).await.is_ok());
    }
}
