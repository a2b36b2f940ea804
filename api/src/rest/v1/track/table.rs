//! CSV.

use fixstream_core::history::{HistoryError, TrackPoint};
use fixstream_core::model::DeviceId;
use serde::Serialize;

use super::super::reports::{Row, Table};
use super::Writer;
use crate::rest::time::{self, Stamp};

/// A line for each position.
pub(super) struct Csv {
    device: DeviceId,
}

impl Csv {
    pub(super) fn new(device: DeviceId) -> Self {
        Self { device }
    }
}

#[derive(Serialize)]
struct PointRow {
    device_id: u32,
    id: u64,
    time: Option<Stamp>,
    latitude: f64,
    longitude: f64,
    altitude_m: Option<f64>,
    speed_kmh: Option<f64>,
    heading_deg: Option<f64>,
    verdict: String,
}

impl Row for PointRow {
    const COLUMNS: &'static [&'static str] = &[
        "deviceId",
        "id",
        "time",
        "latitude",
        "longitude",
        "altitudeM",
        "speedKmh",
        "headingDeg",
        "verdict",
    ];
}

impl Writer for Csv {
    fn begin(&mut self, bytes: &mut Vec<u8>) -> Result<(), HistoryError> {
        bytes.extend(Table::head::<PointRow>());
        Ok(())
    }

    fn points(&mut self, points: &[TrackPoint], bytes: &mut Vec<u8>) -> Result<(), HistoryError> {
        let rows: Vec<PointRow> = points
            .iter()
            .map(|point| PointRow {
                device_id: self.device.0,
                id: point.id.0,
                time: time::format(point.time),
                latitude: point.latitude,
                longitude: point.longitude,
                altitude_m: point.altitude_m,
                speed_kmh: point.speed_kmh,
                heading_deg: point.heading_deg,
                verdict: point.verdict.clone(),
            })
            .collect();
        Table::Csv.write(&rows, bytes)
    }

    fn end(&mut self, _bytes: &mut Vec<u8>) -> Result<(), HistoryError> {
        Ok(())
    }
}
