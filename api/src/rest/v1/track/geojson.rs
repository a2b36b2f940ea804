//! RFC 7946.

use fixstream_core::history::{HistoryError, TrackPoint};
use fixstream_core::model::DeviceId;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::reports::unwritten;
use super::{Gaps, Writer};
use crate::rest::time::{self, Stamp};

/// What the file is, for the documents: points, or a line.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)] // written piece by piece
pub(super) enum TrackDocument {
    Points(FeatureCollection),
    Line(LineFeature),
}

#[derive(Serialize, JsonSchema)]
pub(super) struct FeatureCollection {
    #[serde(rename = "type")]
    kind: CollectionType,
    // last, so that they can be written behind a head
    features: Vec<PointFeature>,
}

#[derive(Serialize, JsonSchema)]
enum CollectionType {
    FeatureCollection,
}

#[derive(Serialize, JsonSchema)]
enum FeatureType {
    Feature,
}

#[derive(Serialize, JsonSchema)]
enum PointType {
    Point,
}

#[derive(Serialize, JsonSchema)]
enum LineType {
    MultiLineString,
}

/// A position.
#[derive(Serialize, JsonSchema)]
struct PointFeature {
    #[serde(rename = "type")]
    kind: FeatureType,
    /// The position's id.
    id: u64,
    geometry: PointGeometry,
    properties: PointProperties,
}

#[derive(Serialize, JsonSchema)]
struct PointGeometry {
    #[serde(rename = "type")]
    kind: PointType,
    coordinates: Place,
}

/// Longitude, latitude, and where known the altitude in metres.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Place {
    Flat([f64; 2]),
    High([f64; 3]),
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PointProperties {
    device_id: u32,
    time: Option<Stamp>,
    speed_kmh: Option<f64>,
    heading_deg: Option<f64>,
    verdict: String,
}

/// The way.
#[derive(Serialize, JsonSchema)]
pub(super) struct LineFeature {
    #[serde(rename = "type")]
    kind: FeatureType,
    properties: LineProperties,
    // last, and in it the coordinates, so that they can be written behind a head
    geometry: LineGeometry,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LineProperties {
    device_id: u32,
    device_name: String,
}

#[derive(Serialize, JsonSchema)]
struct LineGeometry {
    #[serde(rename = "type")]
    kind: LineType,
    /// A line for each part between gaps.
    coordinates: Vec<Vec<Place>>,
}

fn place(point: &TrackPoint) -> Place {
    match point.altitude_m {
        Some(altitude) => Place::High([point.longitude, point.latitude, altitude]),
        None => Place::Flat([point.longitude, point.latitude]),
    }
}

/// A feature for each position.
pub(super) struct Points {
    device: DeviceId,
    begun: bool,
}

impl Points {
    pub(super) fn new(device: DeviceId) -> Self {
        let begun = false;
        Self { device, begun }
    }
}

impl Writer for Points {
    fn begin(&mut self, bytes: &mut Vec<u8>) -> Result<(), HistoryError> {
        let whole = FeatureCollection {
            kind: CollectionType::FeatureCollection,
            features: Vec::new(),
        };
        serde_json::to_writer(&mut *bytes, &whole).map_err(unwritten)?;
        bytes.truncate(bytes.len().saturating_sub(b"]}".len()));
        Ok(())
    }

    fn points(&mut self, points: &[TrackPoint], bytes: &mut Vec<u8>) -> Result<(), HistoryError> {
        for point in points {
            if std::mem::replace(&mut self.begun, true) {
                bytes.push(b',');
            }
            let feature = PointFeature {
                kind: FeatureType::Feature,
                id: point.id.0,
                geometry: PointGeometry {
                    kind: PointType::Point,
                    coordinates: place(point),
                },
                properties: PointProperties {
                    device_id: self.device.0,
                    time: time::format(point.time),
                    speed_kmh: point.speed_kmh,
                    heading_deg: point.heading_deg,
                    verdict: point.verdict.clone(),
                },
            };
            serde_json::to_writer(&mut *bytes, &feature).map_err(unwritten)?;
        }
        Ok(())
    }

    fn end(&mut self, bytes: &mut Vec<u8>) -> Result<(), HistoryError> {
        bytes.extend_from_slice(b"]}");
        Ok(())
    }
}

/// One feature, a line for each part of the way.
pub(super) struct Line {
    device: DeviceId,
    name: String,
    gaps: Gaps,
    /// The first point of a part, until there is a second: a line has two.
    lone: Option<Place>,
    begun: bool,
    /// Whether a line is open.
    open: bool,
}

impl Line {
    pub(super) fn new(device: DeviceId, name: String, gap_ms: i64) -> Self {
        Self {
            device,
            name,
            gaps: Gaps::new(gap_ms),
            lone: None,
            begun: false,
            open: false,
        }
    }

    fn close(&mut self, bytes: &mut Vec<u8>) {
        if std::mem::replace(&mut self.open, false) {
            bytes.push(b']');
        }
    }
}

impl Writer for Line {
    fn begin(&mut self, bytes: &mut Vec<u8>) -> Result<(), HistoryError> {
        let feature = LineFeature {
            kind: FeatureType::Feature,
            properties: LineProperties {
                device_id: self.device.0,
                device_name: self.name.clone(),
            },
            geometry: LineGeometry {
                kind: LineType::MultiLineString,
                coordinates: Vec::new(),
            },
        };
        serde_json::to_writer(&mut *bytes, &feature).map_err(unwritten)?;
        bytes.truncate(bytes.len().saturating_sub(b"]}}".len()));
        Ok(())
    }

    fn points(&mut self, points: &[TrackPoint], bytes: &mut Vec<u8>) -> Result<(), HistoryError> {
        for point in points {
            if self.gaps.before(point) {
                self.close(bytes);
                self.lone = Some(place(point));
                continue;
            }
            if let Some(first) = self.lone.take() {
                if std::mem::replace(&mut self.begun, true) {
                    bytes.push(b',');
                }
                bytes.push(b'[');
                self.open = true;
                serde_json::to_writer(&mut *bytes, &first).map_err(unwritten)?;
            }
            bytes.push(b',');
            serde_json::to_writer(&mut *bytes, &place(point)).map_err(unwritten)?;
        }
        Ok(())
    }

    fn end(&mut self, bytes: &mut Vec<u8>) -> Result<(), HistoryError> {
        self.close(bytes);
        bytes.extend_from_slice(b"]}}");
        Ok(())
    }
}
