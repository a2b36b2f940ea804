//! The ways of devices, read back: their fixes in the order of device and time, as a stream.
//!
//! Of a track are the fixes that the device really had: `ok` and `clock`, and `late` ones too, which are as good but
//! were sent after a newer one (a tracker that stored them where there was no network). What is `invalid`, in the
//! `future`, on the `null_island` or a `jump` is none, and what a later revision took back neither: verdicts are
//! looked at after FINAL has chosen the row that holds.
//!
//! A large question is cut into parts ([`slices`]) that are asked for one after the other, each while the one before is
//! worked on: what ClickHouse and we have in memory at once has a limit, however much is asked for.

mod columns;
mod places;
mod reader;
mod slices;

use std::time::Duration;

use clickhouse::Client;
use clickhouse::error::Error;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use columns::{Fixes, Points, Rows};
use places::{Place, Places};
use reader::{Reader, bound};
use slices::{Devices, Slice};

use super::error::HistoryError;
use super::positions::judged;
use super::record::from_e3;
use crate::model::{ClientId, DeviceId, PositionId, TimeMs};

/// Fixes of one answer, at most: 1,000 devices for a month, one fix in a minute, with room to spare.
pub const MAX_FIXES: u64 = 50_000_000;
/// Device days that may be asked for without counting their fixes first: a device for a month that sends every
/// second has fewer fixes than an answer may have.
const UNCOUNTED_DAYS: u64 = 31;
const _: () = assert!(UNCOUNTED_DAYS * 86_400 < MAX_FIXES);
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

/// A part of the way of a device: fixes in the order of time, none older than those of the part before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceFixes {
    /// Whose.
    pub device: DeviceId,
    /// At least one.
    pub fixes: Vec<TrackFix>,
}

/// A fix as reports need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackFix {
    /// Fix time.
    pub time: TimeMs,
    /// 1e-7 degrees.
    pub lat_e7: i32,
    /// 1e-7 degrees.
    pub lon_e7: i32,
    /// Thousandths of km/h; -1: none.
    speed_e3: i64,
}

impl TrackFix {
    /// As reported, km/h.
    pub fn speed_kmh(&self) -> Option<f64> {
        from_e3(Some(self.speed_e3).filter(|speed| *speed >= 0))
    }
}

impl DeviceFixes {
    fn first(&self) -> Option<TimeMs> {
        self.fixes.first().map(|fix| fix.time)
    }

    fn last(&self) -> Option<TimeMs> {
        self.fixes.last().map(|fix| fix.time)
    }
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

/// The tracks of all clients. Cheap to clone.
#[derive(Clone)]
pub struct Tracks {
    client: Client,
    ready: watch::Receiver<bool>,
    places: Places,
    /// What a part that is collected may have, as it is counted.
    part_rows: u64,
}

/// A track on its way from ClickHouse. Dropping it ends the questions.
pub struct Track<T> {
    parts: mpsc::Receiver<Sent<T>>,
    /// What is used up now.
    part: Part<T>,
    ended: bool,
    _reader: AbortOnDropHandle<()>,
    _place: Place,
}

/// Some of a track, with the room that it takes.
struct Part<T> {
    items: std::vec::IntoIter<T>,
    _room: Option<OwnedSemaphorePermit>,
}

/// A part; `None` behind the last one, so that a reader that dies is not taken for one that is through.
type Sent<T> = Result<Option<Part<T>>, HistoryError>;

impl Tracks {
    pub(super) fn new(client: Client, ready: watch::Receiver<bool>) -> Self {
        Self {
            client,
            ready,
            places: Places::new(),
            part_rows: slices::ROWS,
        }
    }

    /// The same, read in parts of so many rows.
    #[must_use]
    pub fn in_parts_of(mut self, rows: u64) -> Self {
        self.part_rows = rows;
        self
    }

    /// Fixes for reports, by device and time.
    pub async fn fixes(&self, filter: &TrackFilter) -> Result<Track<DeviceFixes>, TrackError> {
        self.open::<Fixes>(filter, |filter, counted| {
            slices::cut(filter, counted, self.part_rows)
        })
        .await
    }

    /// Fixes of a device for an export, by time and id.
    pub async fn points(
        &self,
        client: ClientId,
        device: DeviceId,
        from: TimeMs,
        to: TimeMs,
    ) -> Result<Track<TrackPoint>, TrackError> {
        let filter = TrackFilter {
            client,
            devices: Some(vec![device]),
            from,
            to,
        };
        self.open::<Points>(&filter, |filter, _| slices::whole(filter))
            .await
    }

    /// Opens the track; the rows of each device are counted where they are not few for sure.
    async fn open<R: Rows>(
        &self,
        filter: &TrackFilter,
        cut: impl FnOnce(&TrackFilter, &[(DeviceId, u64)]) -> Vec<Slice>,
    ) -> Result<Track<R::Item>, TrackError> {
        if !*self.ready.borrow() {
            return Err(HistoryError::from(Error::TimedOut).into());
        }
        let place = tokio::time::timeout(PLACE, self.places.take(filter.client));
        let place = place.await.map_err(|_| TrackError::Busy)??;
        let began = Instant::now();
        let slices = if device_days(filter) > UNCOUNTED_DAYS {
            let counted = self.counted(filter, began).await?;
            let rows: u64 = counted.iter().map(|(_, rows)| rows).sum();
            if rows > MAX_FIXES {
                return Err(TrackError::TooLong { rows });
            }
            cut(filter, &counted)
        } else {
            slices::whole(filter)
        };
        let (to, parts) = mpsc::channel(1);
        let reader = Reader {
            client: self.client.clone(),
            whose: filter.client,
            deadline: began + WHOLE,
            room: self.places.room(),
            most: usize::try_from(self.part_rows).unwrap_or(usize::MAX),
            to,
        };
        let reader = tokio::spawn(reader.run::<R>(slices));
        let mut track = Track {
            parts,
            part: Part {
                items: Vec::new().into_iter(),
                _room: None,
            },
            ended: false,
            _reader: AbortOnDropHandle::new(reader),
            _place: place,
        };
        // where there is a first part, ClickHouse answers
        match tokio::time::timeout_at(began + ASK, track.turn()).await {
            Ok(first) => first?,
            Err(_) => return Err(HistoryError::from(Error::TimedOut).into()),
        }
        Ok(track)
    }

    /// How many rows each device has, at most: the same ones have not collapsed.
    async fn counted(
        &self,
        filter: &TrackFilter,
        began: Instant,
    ) -> Result<Vec<(DeviceId, u64)>, HistoryError> {
        let devices = Devices::of(filter);
        let select = "SELECT p.device_id, count()";
        let rest = "GROUP BY p.device_id ORDER BY p.device_id";
        let span = (filter.from, filter.to);
        let query = bound(&self.client, filter.client, &devices, span, select, "", rest);
        let question = query.fetch_all::<(u32, u64)>();
        let rows = match tokio::time::timeout_at(began + ASK, question).await {
            Ok(rows) => rows.map_err(judged)?,
            Err(_) => return Err(Error::TimedOut.into()),
        };
        Ok(rows.into_iter().map(|(id, rows)| (DeviceId(id), rows)).collect())
    }
}

impl<T> Track<T> {
    /// The next one; `None` when there are no more.
    pub async fn next(&mut self) -> Result<Option<T>, HistoryError> {
        loop {
            if let Some(item) = self.part.items.next() {
                return Ok(Some(item));
            }
            if self.ended {
                return Ok(None);
            }
            self.turn().await?;
        }
    }

    /// Gives back the room of what is used up, and waits for the next part.
    async fn turn(&mut self) -> Result<(), HistoryError> {
        self.part = Part {
            items: Vec::new().into_iter(),
            _room: None,
        };
        match self.parts.recv().await {
            Some(Ok(Some(part))) => self.part = part,
            Some(Ok(None)) => self.ended = true,
            Some(Err(error)) => return Err(error),
            None => return Err(HistoryError::State("the reader of a track has gone".into())),
        }
        Ok(())
    }
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
    fn only_what_is_small_for_sure_is_not_counted_first() {
        let devices = |count| Some((0..count).map(DeviceId).collect());
        assert_eq!(device_days(&filter(devices(1), 30)), 31);
        assert_eq!(device_days(&filter(devices(10), 3)), 40);
        assert!(device_days(&filter(None, 0)) > UNCOUNTED_DAYS);
    }
}
