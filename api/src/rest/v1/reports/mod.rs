//! `/v1/reports`: what the positions of devices say about their ways, by the thresholds that the client has set.
//!
//! Made while it is read, device after device: an answer of any length takes little memory.

mod rows;

use fixstream_core::history::{DeviceFixes, HistoryError, Track, TrackFix};
use fixstream_core::model::DeviceId;
use fixstream_core::report::{Movements, Point, Report, Run, Speeding, Summary, Thresholds};
use poem::Response;
use poem::http::Method;
use schemars::JsonSchema;
use serde::Serialize;

use rows::{DeviceDay, Movement, SpeedingEpisode};
pub(super) use rows::{Row, Table, unwritten};

use super::negotiate::{self, Form};
use super::range;
use crate::rest::codes;
use crate::rest::error::ApiError;
use crate::rest::operation::{Call, Content, Operation};
use crate::rest::positions::STORED;
use crate::rest::streamed::{self, Pieces};
use crate::rest::time::{self, Stamp};
use crate::rest::validate::{self, Checked, Field, Rule};

/// Fixes that are looked at, and rows that are found, for one piece of an answer, at most.
const FIXES: usize = 20_000;
const ROWS: usize = 500;
/// Greatest difference of a clock to UTC, minutes.
const MAX_OFFSET: i64 = 14 * 60;

const FORMAT: Field = Field::new("format", Rule::OneOf(&["json", "csv"]));

/// Query of the reports.
pub(super) const REPORT: &[Field] = &[range::FROM, range::TO, range::DEVICES, range::GROUP, FORMAT];

/// Query of the summary.
pub(super) const SUMMARY: &[Field] = &[
    range::FROM,
    range::TO,
    range::DEVICES,
    range::GROUP,
    FORMAT,
    Field::new(
        "utcOffsetMinutes",
        Rule::Signed {
            min: -MAX_OFFSET,
            max: MAX_OFFSET,
        },
    ),
];

#[derive(Clone, Copy)]
enum As {
    Json,
    Csv,
}

const FORMS: &[Form<As>] = &[
    Form {
        name: "json",
        media: &["application/json"],
        is: As::Json,
    },
    Form {
        name: "csv",
        media: &["text/csv"],
        is: As::Csv,
    },
];

/// A report: rows by device and time.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}Report")]
struct ReportResource<T> {
    from: Option<Stamp>,
    to: Option<Stamp>,
    thresholds: ThresholdsInForce,
    // last, so that rows can be written behind a head
    content: Vec<T>,
}

/// The thresholds by which it was made: the client's, or the defaults.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ThresholdsInForce {
    max_speed_kmh: u32,
    min_stop_minutes: u32,
    max_stop_speed_kmh: u32,
    max_stop_distance_meters: u32,
    min_movement_speed_kmh: u32,
    min_movement_distance_meters: u32,
    gap_threshold_seconds: u32,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    const SAYS: &str = "The report, by device and time";
    let report = |operation: Operation, query: &'static [Field]| {
        operation
            .resource()
            .query(query)
            .answers_with(200, "The report", Content::Text(&["text/csv"]))
            .refuses_all(STORED)
            .refuses(&codes::OVERLOADED)
    };
    let movement = Operation::new(
        Method::GET,
        "v1_report_movements",
        &["/reports/movements"],
        "Trips, stops and gaps of devices, from a point in time on and before another",
        movements,
    );
    let speeding = Operation::new(
        Method::GET,
        "v1_report_speeding",
        &["/reports/speeding"],
        "Where devices were faster than the limit",
        speeding,
    );
    let summary = Operation::new(
        Method::GET,
        "v1_report_summary",
        &["/reports/summary"],
        "The days of devices: distances, times, trips and stops",
        summary,
    );
    vec![
        report(movement.answers::<ReportResource<Movement>>(200, SAYS), REPORT),
        report(
            speeding.answers::<ReportResource<SpeedingEpisode>>(200, SAYS),
            REPORT,
        ),
        report(summary.answers::<ReportResource<DeviceDay>>(200, SAYS), SUMMARY),
    ]
}

/// `GET /v1/reports/movements`.
async fn movements(mut call: Call) -> Result<Response, ApiError> {
    let query = validate::exact_query(std::mem::take(&mut call.query), REPORT)?;
    respond(&call, &query, Movements::new, |device, found| {
        rows::movement(device, found)
    })
    .await
}

/// `GET /v1/reports/speeding`.
async fn speeding(mut call: Call) -> Result<Response, ApiError> {
    let query = validate::exact_query(std::mem::take(&mut call.query), REPORT)?;
    respond(&call, &query, Speeding::new, |device, found| {
        rows::episode(device, found)
    })
    .await
}

/// `GET /v1/reports/summary`.
async fn summary(mut call: Call) -> Result<Response, ApiError> {
    let query = validate::exact_query(std::mem::take(&mut call.query), SUMMARY)?;
    let offset = query.signed("utcOffsetMinutes").unwrap_or(0) as i32;
    let report = |thresholds| Summary::new(thresholds, offset);
    respond(&call, &query, report, move |device, found| {
        rows::day(device, found, offset)
    })
    .await
}

/// Reads the fixes and answers with what the report makes of them.
async fn respond<R, T>(
    call: &Call,
    query: &Checked,
    report: impl FnOnce(Thresholds) -> R,
    row: impl Fn(DeviceId, &R::Item) -> T + Send + 'static,
) -> Result<Response, ApiError>
where
    R: Report + Send + 'static,
    R::Item: Send,
    T: Row + Send + 'static,
{
    let filter = range::filter(call, query)?;
    let thresholds = call.rest.registry.thresholds(call.client.id);
    // what was taken back must not show
    call.rest.corrections.settled(filter.client).await?;
    let fixes = call.rest.tracks.fixes(&filter).await?;
    let (media, table, head, tail) = match negotiate::wanted(call, query, FORMS, As::Json) {
        As::Csv => (
            "text/csv; charset=utf-8; header=present",
            Table::Csv,
            Table::head::<T>(),
            &b""[..],
        ),
        As::Json => {
            const TAIL: &[u8] = b"]}";
            let whole = ReportResource::<T> {
                from: time::format(filter.from),
                to: time::format(filter.to),
                thresholds: in_force(&thresholds),
                content: Vec::new(),
            };
            let mut head = serde_json::to_vec(&whole).map_err(unwritten)?;
            head.truncate(head.len().saturating_sub(TAIL.len()));
            ("application/json; charset=utf-8", Table::Json(false), head, TAIL)
        }
    };
    let pieces = Rows {
        track: fixes,
        device: None,
        fixes: Vec::new().into_iter(),
        run: Run::new(report(thresholds)),
        found: Vec::new(),
        row,
        table,
        head,
        tail,
    };
    streamed::respond(pieces, media).await
}

/// A report on its way into a body.
struct Rows<R: Report, F> {
    track: Track<DeviceFixes>,
    device: Option<DeviceId>,
    /// Of it, at hand.
    fixes: std::vec::IntoIter<TrackFix>,
    run: Run<R>,
    found: Vec<R::Item>,
    row: F,
    table: Table,
    head: Vec<u8>,
    tail: &'static [u8],
}

impl<R: Report, F> Rows<R, F> {
    /// What has been found of the device at hand becomes rows.
    fn settle<T>(&mut self, rows: &mut Vec<T>)
    where
        F: Fn(DeviceId, &R::Item) -> T,
    {
        if let Some(device) = self.device {
            rows.extend(self.found.drain(..).map(|item| (self.row)(device, &item)));
        }
    }
}

impl<R, F, T> Pieces for Rows<R, F>
where
    R: Report + Send + 'static,
    R::Item: Send,
    F: Fn(DeviceId, &R::Item) -> T + Send + 'static,
    T: Row + Send,
{
    async fn piece(&mut self) -> Result<(Vec<u8>, bool), HistoryError> {
        let mut bytes = std::mem::take(&mut self.head);
        let (mut rows, mut complete) = (Vec::new(), false);
        for _ in 0..FIXES {
            if let Some(fix) = self.fixes.next() {
                self.run.push(Point::from(&fix), &mut self.found);
                if self.found.len() >= ROWS {
                    break;
                }
                continue;
            }
            let next = self.track.next().await?;
            let device = next.as_ref().map(|next| next.device);
            if device != self.device {
                self.run.end(&mut self.found);
                self.settle(&mut rows);
                self.device = device;
            }
            let Some(next) = next else {
                complete = true;
                break;
            };
            self.fixes = next.fixes.into_iter();
            if rows.len() >= ROWS {
                break;
            }
        }
        self.settle(&mut rows);
        self.table.write(&rows, &mut bytes)?;
        if complete {
            bytes.extend_from_slice(self.tail);
        }
        Ok((bytes, complete))
    }
}

fn in_force(thresholds: &Thresholds) -> ThresholdsInForce {
    ThresholdsInForce {
        max_speed_kmh: thresholds.max_speed_kmh,
        min_stop_minutes: thresholds.min_stop_minutes,
        max_stop_speed_kmh: thresholds.max_stop_speed_kmh,
        max_stop_distance_meters: thresholds.max_stop_distance_meters,
        min_movement_speed_kmh: thresholds.min_movement_speed_kmh,
        min_movement_distance_meters: thresholds.min_movement_distance_meters,
        gap_threshold_seconds: thresholds.gap_threshold_seconds,
    }
}
