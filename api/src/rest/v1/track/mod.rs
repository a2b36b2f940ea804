//! `/v1/devices/{id}/track`: the way of a device as a file, made while it is read.

mod geojson;
mod gpx;
mod table;

use fixstream_core::history::{HistoryError, Track, TrackPoint};
use fixstream_core::model::DeviceId;
use poem::Response;
use poem::http::Method;
use schemars::generate::SchemaGenerator;

use geojson::{Line, Points, TrackDocument};
use gpx::Gpx;
use table::Csv;

use super::negotiate::{self, Form};
use super::{page, range};
use crate::rest::codes;
use crate::rest::error::ApiError;
use crate::rest::operation::{Call, Content, Operation};
use crate::rest::positions::{STORED, owned_device};
use crate::rest::streamed::{self, Pieces};
use crate::rest::validate::{self, Field, Rule};

/// Points that are made into one piece of the file.
const PIECE: usize = 500;

/// Query.
pub(super) const TRACK: &[Field] = &[
    range::FROM,
    range::TO,
    Field::new("format", Rule::OneOf(&["geojson", "geojson-line", "gpx", "csv"])),
];

#[derive(Clone, Copy)]
enum As {
    Points,
    Line,
    Gpx,
    Csv,
}

const GEOJSON: &str = "application/geo+json";
const GPX: &str = "application/gpx+xml";
const CSV: &str = "text/csv";

const FORMS: &[Form<As>] = &[
    Form {
        name: "geojson",
        media: &[GEOJSON, "application/json"],
        is: As::Points,
    },
    Form {
        name: "geojson-line",
        media: &[],
        is: As::Line,
    },
    Form {
        name: "gpx",
        media: &[GPX, "application/xml", "text/xml"],
        is: As::Gpx,
    },
    Form {
        name: "csv",
        media: &[CSV],
        is: As::Csv,
    },
];

/// A form of the file. Points come by time.
trait Writer: Send {
    /// Before the first point.
    fn begin(&mut self, bytes: &mut Vec<u8>) -> Result<(), HistoryError>;

    /// The next points.
    fn points(&mut self, points: &[TrackPoint], bytes: &mut Vec<u8>) -> Result<(), HistoryError>;

    /// After the last one.
    fn end(&mut self, bytes: &mut Vec<u8>) -> Result<(), HistoryError>;
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    const SAYS: &str = "The positions that the device really had, by time: GeoJSON as points with their details or as a \
        line broken at gaps, GPX or CSV";
    vec![
        Operation::new(
            Method::GET,
            "v1_get_track",
            &["/devices/{id}/track"],
            "The way of a device from a point in time on and before another, as a file",
            get,
        )
        .resource()
        .parameters(page::BY_ID)
        .query(TRACK)
        .answers_with(
            200,
            SAYS,
            Content::JsonAs(GEOJSON, SchemaGenerator::subschema_for::<TrackDocument>),
        )
        .answers_with(200, SAYS, Content::Text(&[GPX, CSV]))
        .refuses_all(STORED)
        .refuses(&codes::OVERLOADED),
    ]
}

/// `GET /v1/devices/{id}/track`.
async fn get(mut call: Call) -> Result<Response, ApiError> {
    let id = page::id(&call)?;
    let query = validate::exact_query(std::mem::take(&mut call.query), TRACK)?;
    let (from, to) = range::of(&query)?;
    let device = owned_device(&call, id, "id")?;
    let (rest, client) = (&call.rest, call.client.id);
    let name = rest
        .registry
        .device(device)
        .map_or_else(String::new, |device| device.name.clone());
    let gap_ms = rest.registry.thresholds(client).gap_ms();
    // what was taken back must not show
    rest.corrections.settled(client).await?;
    let track = rest.tracks.points(client, device, from, to).await?;
    let (media, writer) = writer(
        negotiate::wanted(&call, &query, FORMS, As::Points),
        device,
        name,
        gap_ms,
    );
    let begun = false;
    streamed::respond(File { track, writer, begun }, media).await
}

/// Media type and writer of a form.
fn writer(form: As, device: DeviceId, name: String, gap_ms: i64) -> (&'static str, Box<dyn Writer>) {
    match form {
        As::Points => (GEOJSON, Box::new(Points::new(device))),
        As::Line => (GEOJSON, Box::new(Line::new(device, name, gap_ms))),
        As::Gpx => (GPX, Box::new(Gpx::new(&name, gap_ms))),
        As::Csv => (
            "text/csv; charset=utf-8; header=present",
            Box::new(Csv::new(device)),
        ),
    }
}

/// A file on its way into a body.
struct File {
    track: Track<TrackPoint>,
    writer: Box<dyn Writer>,
    begun: bool,
}

impl Pieces for File {
    async fn piece(&mut self) -> Result<(Vec<u8>, bool), HistoryError> {
        let mut bytes = Vec::with_capacity(PIECE * 128);
        if !std::mem::replace(&mut self.begun, true) {
            self.writer.begin(&mut bytes)?;
        }
        let (mut points, mut complete) = (Vec::with_capacity(PIECE), false);
        while points.len() < PIECE && !complete {
            match self.track.next().await? {
                Some(point) => points.push(point),
                None => complete = true,
            }
        }
        self.writer.points(&points, &mut bytes)?;
        if complete {
            self.writer.end(&mut bytes)?;
        }
        Ok((bytes, complete))
    }
}

/// Where a way breaks: nothing was heard for so long.
struct Gaps {
    gap_ms: i64,
    last: Option<i64>,
}

impl Gaps {
    fn new(gap_ms: i64) -> Self {
        Self { gap_ms, last: None }
    }

    /// Whether a point begins a new part. The first one does.
    fn before(&mut self, point: &TrackPoint) -> bool {
        let last = self.last.replace(point.time.0);
        last.is_none_or(|last| point.time.0.saturating_sub(last) >= self.gap_ms)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use fixstream_core::model::{PositionId, TimeMs};
    use serde_json::{Value, json};

    use super::*;

    const NAME: &str = "Truck <\"7\"> & \u{1}sons' ]]>";
    const GAP_MS: i64 = 600_000;

    /// A point so many seconds after a certain moment.
    fn point(second: i64) -> TrackPoint {
        TrackPoint {
            id: PositionId(second as u64 + 1),
            time: TimeMs(1_767_225_600_000 + second * 1000),
            latitude: -33.4 + second as f64 * 1e-5,
            longitude: 180.0,
            altitude_m: (second != 60).then_some(520.5),
            speed_kmh: (second != 60).then_some(36.0),
            heading_deg: Some(359.5),
            verdict: "ok".into(),
        }
    }

    /// Two points, a gap, a lone point, a gap, two points.
    fn way() -> Vec<TrackPoint> {
        [0, 60, 660, 1260, 1859].map(point).to_vec()
    }

    /// The file, however the points are cut into pieces.
    fn file(form: As, points: &[TrackPoint]) -> String {
        let mut made: Vec<Vec<u8>> = [1, 2, 100]
            .map(|size| {
                let (_, mut writer) = writer(form, DeviceId(7), NAME.into(), GAP_MS);
                let mut bytes = Vec::new();
                writer.begin(&mut bytes).unwrap();
                for piece in points.chunks(size) {
                    writer.points(piece, &mut bytes).unwrap();
                }
                writer.points(&[], &mut bytes).unwrap();
                writer.end(&mut bytes).unwrap();
                bytes
            })
            .to_vec();
        made.dedup();
        assert_eq!(made.len(), 1);
        String::from_utf8(made.remove(0)).unwrap()
    }

    fn json_file(form: As, points: &[TrackPoint]) -> Value {
        let value: Value = serde_json::from_str(&file(form, points)).unwrap();
        let schema = schemars::schema_for!(TrackDocument);
        assert!(schema.as_value()["anyOf"].is_array());
        value
    }

    #[test]
    fn geojson_points_carry_what_is_known_of_each() {
        let value = json_file(As::Points, &way());
        assert_eq!(value["type"], "FeatureCollection");
        let features = value["features"].as_array().unwrap();
        assert_eq!(features.len(), 5);
        assert_eq!(
            features[0],
            json!({
                "type": "Feature",
                "id": 1,
                "geometry": { "type": "Point", "coordinates": [180.0, -33.4, 520.5] },
                "properties": { "deviceId": 7, "time": "2026-01-01T00:00:00.000Z", "speedKmh": 36.0, "headingDeg": 359.5,
                                "verdict": "ok" },
            })
        );
        let second = &features[1];
        assert_eq!(second["geometry"]["coordinates"].as_array().unwrap().len(), 2);
        assert_eq!(second["properties"]["speedKmh"], Value::Null);
        let none = json!({ "type": "FeatureCollection", "features": [] });
        assert_eq!(json_file(As::Points, &[]), none);
    }

    #[test]
    fn a_geojson_line_breaks_at_gaps_and_has_no_lone_points() {
        let value = json_file(As::Line, &way());
        assert_eq!(value["type"], "Feature");
        assert_eq!(value["properties"], json!({ "deviceId": 7, "deviceName": NAME }));
        assert_eq!(value["geometry"]["type"], "MultiLineString");
        let lines = value["geometry"]["coordinates"].as_array().unwrap();
        let lengths: Vec<usize> = lines.iter().map(|line| line.as_array().unwrap().len()).collect();
        assert_eq!(lengths, [2, 2]);
        assert_eq!(lines[0][0], json!([180.0, -33.4, 520.5]));
        for few in [&[][..], &[point(1)], &[point(1), point(601)]] {
            assert_eq!(json_file(As::Line, few)["geometry"]["coordinates"], json!([]));
        }
    }

    #[test]
    fn gpx_has_a_segment_between_gaps_and_escapes_names() {
        let text = file(As::Gpx, &way());
        let mut reader = quick_xml::Reader::from_str(&text);
        reader.config_mut().check_end_names = true;
        let (mut open, mut name, mut points) = (Vec::new(), String::new(), Vec::new());
        loop {
            use quick_xml::events::Event;
            match reader.read_event().unwrap() {
                Event::Start(start) => {
                    let element = start.name().as_ref().to_owned();
                    if element == "trkseg" {
                        points.push(0);
                    }
                    if element == "trkpt" {
                        *points.last_mut().unwrap() += 1;
                        let attributes: Vec<_> = start
                            .attributes()
                            .map(|attribute| attribute.unwrap().value.into_owned())
                            .collect();
                        // GPX has no 180 degrees
                        assert_eq!(attributes[1], "-180");
                    }
                    open.push(element);
                }
                Event::End(_) => drop(open.pop()),
                Event::Text(part) if open == ["gpx", "trk", "name"] => {
                    name.push_str(&part);
                }
                Event::GeneralRef(part) if open == ["gpx", "trk", "name"] => {
                    let entity = format!("&{};", &*part);
                    name.push_str(&quick_xml::escape::unescape(&entity).unwrap());
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert!(open.is_empty(), "{text}");
        assert_eq!(name, NAME.replace('\u{1}', ""));
        assert_eq!(points, [2, 1, 2]);
        let first = "<trkpt lat=\"-33.4\" lon=\"-180\"><ele>520.5</ele><time>2026-01-01T00:00:00.000Z</time><extensions>\
            <gpxtpx:TrackPointExtension><gpxtpx:speed>10</gpxtpx:speed><gpxtpx:course>359.5</gpxtpx:course>\
            </gpxtpx:TrackPointExtension></extensions></trkpt>";
        assert!(text.contains(first), "{text}");
        assert!(!file(As::Gpx, &[]).contains("trkseg"));
    }

    #[test]
    fn csv_has_a_head_and_a_line_for_each_point() {
        let text = file(As::Csv, &way());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 6);
        assert_eq!(
            lines[0],
            "deviceId,id,time,latitude,longitude,altitudeM,speedKmh,headingDeg,verdict"
        );
        assert_eq!(
            lines[1],
            "7,1,2026-01-01T00:00:00.000Z,-33.4,180.0,520.5,36.0,359.5,ok"
        );
        assert!(lines[2].contains(",180.0,,,359.5,ok"), "{}", lines[2]);
        assert_eq!(file(As::Csv, &[]).lines().count(), 1);
    }
}
