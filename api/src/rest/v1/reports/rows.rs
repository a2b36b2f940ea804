//! What the reports say, row by row: the same fields as JSON and as CSV.

use fixstream_core::history::HistoryError;
use fixstream_core::model::{DeviceId, TimeMs};
use fixstream_core::report::{Day, Episode, Segment};
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::time::{self, Stamp};

const DAY_MS: i64 = 86_400_000;

/// A flat row.
pub(in crate::rest::v1) trait Row: Serialize {
    /// Its fields, in order.
    const COLUMNS: &'static [&'static str];
}

/// A trip, a stop or a gap. It begins where the one before ends.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Movement {
    device_id: u32,
    /// MOVING, STOPPED or GAP.
    kind: &'static str,
    from: Option<Stamp>,
    to: Option<Stamp>,
    duration_s: f64,
    /// Over all positions.
    distance_m: f64,
    /// Distance by time.
    average_speed_kmh: f64,
    /// The greatest that was reported.
    max_speed_kmh: Option<f64>,
    /// Positions, first and last included.
    positions: u32,
    from_latitude: f64,
    from_longitude: f64,
    to_latitude: f64,
    to_longitude: f64,
}

impl Row for Movement {
    const COLUMNS: &'static [&'static str] = &[
        "deviceId",
        "kind",
        "from",
        "to",
        "durationS",
        "distanceM",
        "averageSpeedKmh",
        "maxSpeedKmh",
        "positions",
        "fromLatitude",
        "fromLongitude",
        "toLatitude",
        "toLongitude",
    ];
}

/// Consecutive positions above the speed limit.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpeedingEpisode {
    device_id: u32,
    /// The first position above the limit.
    from: Option<Stamp>,
    /// The last one.
    to: Option<Stamp>,
    duration_s: f64,
    distance_m: f64,
    positions: u32,
    /// Mean of the reported speeds.
    average_speed_kmh: f64,
    /// The greatest, and when and where.
    max_speed_kmh: f64,
    max_time: Option<Stamp>,
    max_latitude: f64,
    max_longitude: f64,
    from_latitude: f64,
    from_longitude: f64,
    to_latitude: f64,
    to_longitude: f64,
}

impl Row for SpeedingEpisode {
    const COLUMNS: &'static [&'static str] = &[
        "deviceId",
        "from",
        "to",
        "durationS",
        "distanceM",
        "positions",
        "averageSpeedKmh",
        "maxSpeedKmh",
        "maxTime",
        "maxLatitude",
        "maxLongitude",
        "fromLatitude",
        "fromLongitude",
        "toLatitude",
        "toLongitude",
    ];
}

/// A day of a device. What lasts over midnight is shared out by time.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceDay {
    device_id: u32,
    /// YYYY-MM-DD, by the clock that the request asked for.
    #[schemars(extend("format" = "date"))]
    day: Option<String>,
    /// First position; null where the device was silent all day, between positions of other days.
    from: Option<Stamp>,
    /// Last position.
    to: Option<Stamp>,
    positions: u32,
    distance_m: f64,
    moving_distance_m: f64,
    /// Over gaps, as the crow flies.
    gap_distance_m: f64,
    moving_s: f64,
    stopped_s: f64,
    gap_s: f64,
    /// Of its trips.
    average_speed_kmh: f64,
    /// The greatest that was reported.
    max_speed_kmh: Option<f64>,
    /// Those that begin on this day.
    trips: u32,
    /// Those that begin on this day.
    stops: u32,
    from_latitude: Option<f64>,
    from_longitude: Option<f64>,
    to_latitude: Option<f64>,
    to_longitude: Option<f64>,
}

impl Row for DeviceDay {
    const COLUMNS: &'static [&'static str] = &[
        "deviceId",
        "day",
        "from",
        "to",
        "positions",
        "distanceM",
        "movingDistanceM",
        "gapDistanceM",
        "movingS",
        "stoppedS",
        "gapS",
        "averageSpeedKmh",
        "maxSpeedKmh",
        "trips",
        "stops",
        "fromLatitude",
        "fromLongitude",
        "toLatitude",
        "toLongitude",
    ];
}

pub(super) fn movement(device: DeviceId, segment: &Segment) -> Movement {
    Movement {
        device_id: device.0,
        kind: segment.kind.name(),
        from: time::format(segment.from.time),
        to: time::format(segment.to.time),
        duration_s: seconds(segment.ms()),
        distance_m: tenths(segment.distance_m),
        average_speed_kmh: hundredths(segment.average_kmh()),
        max_speed_kmh: segment.max_speed_kmh,
        positions: segment.fixes,
        from_latitude: segment.from.latitude(),
        from_longitude: segment.from.longitude(),
        to_latitude: segment.to.latitude(),
        to_longitude: segment.to.longitude(),
    }
}

pub(super) fn episode(device: DeviceId, episode: &Episode) -> SpeedingEpisode {
    SpeedingEpisode {
        device_id: device.0,
        from: time::format(episode.from.time),
        to: time::format(episode.to.time),
        duration_s: seconds(episode.ms()),
        distance_m: tenths(episode.distance_m),
        positions: episode.fixes,
        average_speed_kmh: hundredths(episode.mean_kmh()),
        max_speed_kmh: episode.max_kmh(),
        max_time: time::format(episode.fastest.time),
        max_latitude: episode.fastest.latitude(),
        max_longitude: episode.fastest.longitude(),
        from_latitude: episode.from.latitude(),
        from_longitude: episode.from.longitude(),
        to_latitude: episode.to.latitude(),
        to_longitude: episode.to.longitude(),
    }
}

/// `offset_minutes`: what the clock of the days is ahead of UTC.
pub(super) fn day(device: DeviceId, day: &Day, offset_minutes: i32) -> DeviceDay {
    let local = TimeMs(day.start.0.saturating_add(i64::from(offset_minutes) * 60_000));
    let date = time::format(TimeMs(local.0.div_euclid(DAY_MS) * DAY_MS));
    let (first, last) = (day.first.as_ref(), day.last.as_ref());
    DeviceDay {
        device_id: device.0,
        day: date.map(|date| date.day()),
        from: first.and_then(|point| time::format(point.time)),
        to: last.and_then(|point| time::format(point.time)),
        positions: day.fixes,
        distance_m: tenths(day.distance_m),
        moving_distance_m: tenths(day.moving_m),
        gap_distance_m: tenths(day.gap_m),
        moving_s: seconds(day.moving_ms),
        stopped_s: seconds(day.stopped_ms),
        gap_s: seconds(day.gap_ms),
        average_speed_kmh: hundredths(day.moving_kmh()),
        max_speed_kmh: day.max_speed_kmh,
        trips: day.trips,
        stops: day.stops,
        from_latitude: first.map(fixstream_core::report::Point::latitude),
        from_longitude: first.map(fixstream_core::report::Point::longitude),
        to_latitude: last.map(fixstream_core::report::Point::latitude),
        to_longitude: last.map(fixstream_core::report::Point::longitude),
    }
}

/// How rows are written.
#[derive(Clone, Copy)]
pub(in crate::rest::v1) enum Table {
    /// Elements of a JSON array; whether there was one already.
    Json(bool),
    /// CSV with a head.
    Csv,
}

impl Table {
    /// Adds rows.
    pub(in crate::rest::v1) fn write<T: Row>(
        &mut self,
        rows: &[T],
        bytes: &mut Vec<u8>,
    ) -> Result<(), HistoryError> {
        match self {
            Self::Json(begun) => {
                for row in rows {
                    if std::mem::replace(begun, true) {
                        bytes.push(b',');
                    }
                    serde_json::to_writer(&mut *bytes, row).map_err(unwritten)?;
                }
            }
            Self::Csv => {
                let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(bytes);
                rows.iter()
                    .try_for_each(|row| writer.serialize(row))
                    .map_err(unwritten)?;
                writer.flush().map_err(unwritten)?;
            }
        }
        Ok(())
    }

    /// The first line of CSV; names of fields need no quotes.
    pub(in crate::rest::v1) fn head<T: Row>() -> Vec<u8> {
        (T::COLUMNS.join(",") + "\n").into_bytes()
    }
}

/// What can't be written is of our own making.
pub(in crate::rest::v1) fn unwritten(error: impl std::fmt::Display) -> HistoryError {
    HistoryError::State(error.to_string())
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1e3
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use fixstream_core::report::{Movements, Point, Report, Run, Speeding, Summary, Thresholds};
    use serde_json::{Value, json};

    use super::*;

    /// An hour around midnight UTC: half of it at 100 km/h to the north, then still.
    fn items<R: Report>(report: R) -> Vec<R::Item> {
        let (mut run, mut out) = (Run::new(report), Vec::new());
        for minute in 0..=60 {
            run.push(
                Point {
                    time: TimeMs(1_767_225_600_000 + (minute - 30) * 60_000),
                    lat_e7: minute.min(30) as i32 * 150_000,
                    lon_e7: -706_600_000,
                    speed_kmh: Some(if minute < 30 { 100.5 } else { 0.0 }),
                },
                &mut out,
            );
        }
        run.end(&mut out);
        out
    }

    /// As JSON, after checking that CSV says the same in the same order.
    fn both<T: Row>(rows: &[T]) -> Value {
        let (mut json_text, mut csv_text) = (b"[".to_vec(), Table::head::<T>());
        Table::Json(false).write(rows, &mut json_text).unwrap();
        json_text.push(b']');
        Table::Csv.write(rows, &mut csv_text).unwrap();
        let value: Value = serde_json::from_slice(&json_text).unwrap();
        let mut reader = csv::Reader::from_reader(&csv_text[..]);
        let head = reader.headers().unwrap().clone();
        let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), rows.len());
        for (record, row) in records.iter().zip(value.as_array().unwrap()) {
            assert_eq!(head.len(), row.as_object().unwrap().len());
            for (name, cell) in head.iter().zip(record) {
                match &row[name] {
                    Value::Null => assert_eq!(cell, "", "{name}"),
                    Value::String(text) => assert_eq!(cell, text, "{name}"),
                    Value::Number(number) => {
                        assert_eq!(cell.parse::<f64>().ok(), number.as_f64(), "{name}");
                    }
                    other => panic!("{name}: {other}"),
                }
            }
        }
        value
    }

    #[test]
    fn movements_are_the_same_as_json_and_as_csv() {
        let rows: Vec<_> = items(Movements::new(Thresholds::default()))
            .iter()
            .map(|segment| movement(DeviceId(7), segment))
            .collect();
        let value = both(&rows);
        let trip = &value[0];
        for (name, expected) in [
            ("deviceId", json!(7)),
            ("kind", json!("MOVING")),
            ("from", json!("2025-12-31T23:30:00.000Z")),
            ("to", json!("2026-01-01T00:00:00.000Z")),
            ("durationS", json!(1800.0)),
            ("positions", json!(31)),
            ("maxSpeedKmh", json!(100.5)),
            ("toLatitude", json!(0.45)),
            ("toLongitude", json!(-70.66)),
        ] {
            assert_eq!(trip[name], expected, "{name}");
        }
        let metres = trip["distanceM"].as_f64().unwrap();
        assert!((metres - 50_037.8).abs() < 0.11, "{metres}");
        assert_eq!(trip["averageSpeedKmh"], json!(100.08));
        assert_eq!(
            (&value[1]["kind"], value.as_array().unwrap().len()),
            (&json!("STOPPED"), 2)
        );
    }

    #[test]
    fn speeding_is_the_same_as_json_and_as_csv() {
        let rows: Vec<_> = items(Speeding::new(Thresholds::default()))
            .iter()
            .map(|found| episode(DeviceId(7), found))
            .collect();
        let value = both(&rows);
        assert_eq!(value.as_array().unwrap().len(), 1);
        for (name, expected) in [
            ("positions", json!(30)),
            ("averageSpeedKmh", json!(100.5)),
            ("maxSpeedKmh", json!(100.5)),
            ("maxTime", json!("2025-12-31T23:30:00.000Z")),
            ("durationS", json!(1740.0)),
        ] {
            assert_eq!(value[0][name], expected, "{name}");
        }
    }

    #[test]
    fn days_are_those_of_the_clock_that_is_asked_for() {
        for (offset, days) in [
            (0, vec!["2025-12-31", "2026-01-01"]),
            (-180, vec!["2025-12-31"]),
            (31, vec!["2026-01-01"]),
            (840, vec!["2026-01-01"]),
        ] {
            let rows: Vec<_> = items(Summary::new(Thresholds::default(), offset))
                .iter()
                .map(|found| day(DeviceId(7), found, offset))
                .collect();
            let value = both(&rows);
            let found: Vec<&str> = value
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["day"].as_str().unwrap())
                .collect();
            assert_eq!(found, days, "{offset}");
        }
    }
}
