//! `/v1/positions`: one position by its id; and those of a device, page by page behind a cursor.

use std::collections::BTreeMap;

use fixstream_core::corrections::CorrectionError;
use fixstream_core::device::fix_time;
use fixstream_core::history::{Order, PositionRow, PositionSelection};
use fixstream_core::model::{AttributeValue, DeviceId, Fix, PositionId, Source, Standing, TimeMs, Verdict};
use poem::Response;
use poem::http::{HeaderValue, Method, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use super::cursor::{self, MAX_CURSOR};
use super::etag;
use crate::rest::codes;
use crate::rest::envelope::json_response;
use crate::rest::error::ApiError;
use crate::rest::operation::{Call, Content, Operation};
use crate::rest::positions::{journal, owned_device, sender};
use crate::rest::time;
use crate::rest::validate::{self, Bound, Checked, Field, MAX_RECORD, Rule};

/// Positions on a page: at most, and where the request says nothing.
const MAX_LIMIT: u64 = 1_000;
const LIMIT: u64 = 100;
/// Longest name of an event.
const MAX_EVENT: usize = 64;
/// Trusted fixes are `ok` or `clock`.
const TRUSTED: &str = "trusted";

/// Names of the filter by verdict: all verdicts that a row may have and that can be read, and `trusted`.
const VERDICTS: &[&str] = &[
    TRUSTED,
    Verdict::Ok.name(),
    Verdict::Late.name(),
    Verdict::Future.name(),
    Verdict::Invalid.name(),
    Verdict::NullIsland.name(),
    Verdict::Jump.name(),
    Verdict::Clock.name(),
];
const ORDERS: &[&str] = &["asc", "desc"];

/// `POST /v1/positions`. Units are in the names; `heading` is clockwise from true north.
pub(super) const NEW: &[Field] = &[
    Field::id("deviceId").required(),
    number("latitude", -90.0, 90.0).required(),
    number("longitude", -180.0, 180.0).required(),
    Field::new("time", Rule::Time),
    positive("speedKmh", 1e8),
    Field::new(
        "headingDeg",
        Rule::Number {
            min: Bound::Inclusive(0.0),
            max: Bound::Exclusive(360.0),
        },
    ),
    wide("altitudeM"),
    positive("accuracyM", 1e8),
    positive("hdop", 1e8),
    Field::new(
        "satellites",
        Rule::Integer {
            min: 0,
            max: u16::MAX as u64,
        },
    ),
    positive("odometerKm", 1e13),
    positive("distanceKm", 1e8),
    Field::new("ignition", Rule::Flag),
    wide("fuelPercent"),
    wide("engineTemperatureC"),
    positive("engineRpm", 1e8),
    wide("batteryV"),
    wide("batteryPercent"),
    wide("powerV"),
    wide("signal"),
    Field::text("event", MAX_EVENT),
];

/// `PATCH /v1/positions/{id}`: the same, none of them required.
pub(super) const CHANGE: &[Field] = &{
    let mut table = [NEW[0]; NEW.len()];
    let mut index = 0;
    while index < NEW.len() {
        table[index] = Field {
            required: false,
            ..NEW[index]
        };
        index += 1;
    }
    table
};

/// Path of one position.
const PATH: &[Field] = &[Field::new(
    "id",
    Rule::Integer {
        min: 1,
        max: MAX_RECORD,
    },
)
.required()];

/// Path of a device.
const DEVICE_PATH: &[Field] = &[Field::id("id").required()];

/// Query of `GET /v1/devices/{id}/positions`.
pub(super) const OF_DEVICE: &[Field] = &[
    Field::new("from", Rule::Time),
    Field::new("to", Rule::Time),
    Field::new("verdict", Rule::OneOf(VERDICTS)),
    Field::new(
        "limit",
        Rule::Integer {
            min: 1,
            max: MAX_LIMIT,
        },
    ),
    Field::text("cursor", MAX_CURSOR),
    Field::new("order", Rule::OneOf(ORDERS)),
];

/// A position. WGS 84 degrees; the other units are in the names.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PositionView {
    /// Stable: the same after corrections.
    id: u64,
    device_id: u32,
    /// Of the fix, where needed repaired; of receipt where none was stated.
    time: Option<String>,
    /// As the tracker stated it.
    stated_time: Option<String>,
    received: Option<String>,
    /// What the hub thinks of the fix; null: not judged yet.
    verdict: Option<String>,
    latitude: f64,
    longitude: f64,
    speed_kmh: Option<f64>,
    heading_deg: Option<f64>,
    altitude_m: Option<f64>,
    accuracy_m: Option<f64>,
    hdop: Option<f64>,
    satellites: Option<u16>,
    odometer_km: Option<f64>,
    /// Since the fix before, as stated by the sender.
    distance_km: Option<f64>,
    ignition: Option<bool>,
    fuel_percent: Option<f64>,
    engine_temperature_c: Option<f64>,
    /// Per minute.
    engine_rpm: Option<f64>,
    battery_v: Option<f64>,
    battery_percent: Option<f64>,
    /// External supply.
    power_v: Option<f64>,
    /// Mobile signal in the vendor's own scale.
    signal: Option<f64>,
    event: Option<String>,
    /// Whether the tracker itself calls this a current fix; null: it does not say.
    valid: Option<bool>,
    /// Everything else that the message said.
    attributes: BTreeMap<String, Attribute>,
    /// Null for positions in the hub's own format.
    vendor: Option<String>,
    /// The decoder that understood it, with its version.
    plugin: Option<String>,
    /// How often it was corrected, or judged again.
    revision: u8,
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Attribute {
    Flag(bool),
    Integer(i64),
    Real(f64),
    Text(String),
}

/// One page of positions.
#[derive(Serialize, JsonSchema)]
struct CursorPage {
    content: Vec<PositionView>,
    /// The cursor of the next page; null: this is the last one.
    next: Option<String>,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::POST,
            "v1_create_position",
            &["/positions"],
            "Takes a position",
            create,
        )
        .resource()
        .body(NEW)
        .answers::<PositionView>(201, "The position is on disk; it is judged in a moment")
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND),
        Operation::new(
            Method::GET,
            "v1_get_position",
            &["/positions/{id}"],
            "A position, with all corrections",
            get,
        )
        .resource()
        .parameters(PATH)
        .answers::<PositionView>(200, "The position, with its ETag")
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(&codes::HISTORY_AWAY),
        Operation::new(
            Method::PATCH,
            "v1_update_position",
            &["/positions/{id}"],
            "Corrects a position; what is not given, or null, stays as it is",
            update,
        )
        .resource()
        .parameters(PATH)
        .body(CHANGE)
        .answers::<PositionView>(
            200,
            "The correction is on disk; the position is judged again in a moment",
        )
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(&codes::PRECONDITION_FAILED)
        .refuses(&codes::ENTITY_WITH_FIELD_ALREADY_EXISTS)
        .refuses(&codes::QUERY_FAILED)
        .refuses(&codes::HISTORY_AWAY),
        Operation::new(
            Method::DELETE,
            "v1_delete_position",
            &["/positions/{id}"],
            "Deletes a position; the latest position of its device steps back where it was that",
            delete,
        )
        .resource()
        .parameters(PATH)
        .answers_with(204, "The deletion is on disk", Content::Empty)
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(&codes::PRECONDITION_FAILED)
        .refuses(&codes::QUERY_FAILED)
        .refuses(&codes::HISTORY_AWAY),
        Operation::new(
            Method::GET,
            "v1_list_device_positions",
            &["/devices/{id}/positions"],
            "The positions of a device by time, from a point in time on and before another",
            of_device,
        )
        .resource()
        .parameters(DEVICE_PATH)
        .query(OF_DEVICE)
        .answers::<CursorPage>(200, "One page, and the cursor of the next")
        .refuses(&codes::INVALID_CURSOR)
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(&codes::QUERY_FAILED)
        .refuses(&codes::HISTORY_AWAY),
    ]
}

/// `POST /v1/positions`: answered when the position is on disk.
async fn create(call: Call) -> Result<Response, ApiError> {
    let fields = validate::exact_body(&call.body, NEW)?;
    let device = owned_device(&call, fields.required_id("deviceId"), "deviceId")?;
    let mut fix = Fix::default();
    state(&fields, &mut fix);
    let source = Source::Position {
        device,
        fix: Box::new(fix.clone()),
    };
    let (offset, received) = journal(&call, source).await?;
    let id = PositionId::new(offset, 0);
    let view = Seen {
        id,
        device,
        received,
        revision: 0,
        vendor: "",
        plugin: "",
    };
    let mut response = json_response(StatusCode::CREATED, &view.of(&fix, None));
    etag::put(&mut response, &etag::tag(&view.version()));
    if let Ok(location) = HeaderValue::try_from(format!("/v1/positions/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `GET /v1/positions/{id}`.
async fn get(mut call: Call) -> Result<Response, ApiError> {
    let id = id(&mut call)?;
    let found = call.rest.corrections.position(call.client.id, id).await;
    let row = found.map_err(uncorrected)?;
    Ok(one(&row, Some(row.verdict)))
}

/// `PATCH /v1/positions/{id}`: answered when the correction is on disk.
async fn update(mut call: Call) -> Result<Response, ApiError> {
    let id = id(&mut call)?;
    let fields = validate::exact_body(&call.body, CHANGE)?;
    let device = match fields.id("deviceId") {
        Some(id) => Some(owned_device(&call, id, "deviceId")?),
        None => None,
    };
    let seen = seen(&call, id).await?;
    let corrections = &call.rest.corrections;
    let edited = corrections.update(sender(&call), id, seen, device, |fix| state(&fields, fix));
    let row = edited.await.map_err(uncorrected)?;
    Ok(one(&row, None))
}

/// `DELETE /v1/positions/{id}`: answered when the deletion is on disk.
async fn delete(mut call: Call) -> Result<Response, ApiError> {
    let id = id(&mut call)?;
    let seen = seen(&call, id).await?;
    let deleted = call.rest.corrections.delete(sender(&call), id, seen).await;
    deleted.map_err(uncorrected)?;
    Ok(Response::builder().status(StatusCode::NO_CONTENT).finish())
}

/// `GET /v1/devices/{id}/positions`.
async fn of_device(mut call: Call) -> Result<Response, ApiError> {
    let path = validate::query(std::mem::take(&mut call.parameters), DEVICE_PATH)?;
    let query = validate::exact_query(std::mem::take(&mut call.query), OF_DEVICE)?;
    let after = match query.text("cursor") {
        Some(text) => Some(cursor::read(text).ok_or_else(|| {
            let violation = validate::violation(&codes::INVALID_CURSOR, "cursor", &[]);
            ApiError::Violations(vec![violation])
        })?),
        None => None,
    };
    let device = owned_device(&call, path.required_id("id"), "id")?;
    let limit = query.long("limit").unwrap_or(LIMIT);
    let selection = PositionSelection {
        client: call.client.id,
        devices: vec![device],
        from: query.time("from"),
        to: query.time("to"),
        verdicts: verdicts(query.text("verdict")),
        after,
        order: match query.text("order") {
            Some("desc") => Order::Descending,
            _ => Order::Ascending,
        },
        skip: 0,
        // one more shows whether there is another page
        limit: limit + 1,
    };
    let mut rows = call.rest.corrections.positions(&selection).await?;
    let (mut content, mut next, mut last) = (Vec::new(), None, None);
    while let Some(row) = rows.next().await? {
        if content.len() as u64 == limit {
            next = last.as_ref().map(cursor::behind);
            break;
        }
        content.push(view(&row));
        last = Some(row);
    }
    Ok(json_response(StatusCode::OK, &CursorPage { content, next }))
}

/// The position that the path names.
fn id(call: &mut Call) -> Result<PositionId, ApiError> {
    let path = validate::query(std::mem::take(&mut call.parameters), PATH)?;
    Ok(PositionId(path.long("id").unwrap_or_default()))
}

/// The revision that the caller demands the position to have still, where it demands one.
async fn seen(call: &Call, id: PositionId) -> Result<Option<u8>, ApiError> {
    if !call.headers.contains_key(header::IF_MATCH) {
        return Ok(None);
    }
    let found = call.rest.corrections.position(call.client.id, id).await;
    let row = found.map_err(uncorrected)?;
    let demanded = etag::demanded(&call.headers, "POSITION", &Seen::from(&row).version())?;
    Ok(demanded.then_some(row.revision))
}

/// The answer about one position, with its tag.
fn one(row: &PositionRow, verdict: Option<Verdict>) -> Response {
    let seen = Seen::from(row);
    let mut response = json_response(StatusCode::OK, &seen.of(&row.fix, verdict));
    etag::put(&mut response, &etag::tag(&seen.version()));
    response
}

fn uncorrected(error: CorrectionError) -> ApiError {
    ApiError::uncorrected(error, "id", "time")
}

/// The verdicts that a filter means; empty: any.
fn verdicts(filter: Option<&str>) -> Vec<Verdict> {
    let Some(filter) = filter else {
        return Vec::new();
    };
    let meant = |verdict: &Verdict| verdict.name() == filter || (filter == TRUSTED && verdict.is_trusted());
    Verdict::ALL.into_iter().filter(meant).collect()
}

/// Writes what validated fields state into a fix; the rest of it stays as it is.
fn state(fields: &Checked, fix: &mut Fix) {
    let number = |name, into: &mut f64| *into = fields.number(name).unwrap_or(*into);
    number("latitude", &mut fix.latitude);
    number("longitude", &mut fix.longitude);
    let number = |name, into: &mut Option<f64>| *into = fields.number(name).or(*into);
    number("speedKmh", &mut fix.speed_kmh);
    number("headingDeg", &mut fix.heading_deg);
    number("altitudeM", &mut fix.altitude_m);
    number("accuracyM", &mut fix.accuracy_m);
    number("hdop", &mut fix.hdop);
    number("odometerKm", &mut fix.odometer_km);
    number("distanceKm", &mut fix.distance_km);
    number("fuelPercent", &mut fix.fuel_percent);
    number("engineTemperatureC", &mut fix.engine_temperature_c);
    number("engineRpm", &mut fix.engine_rpm);
    number("batteryV", &mut fix.battery_v);
    number("batteryPercent", &mut fix.battery_percent);
    number("powerV", &mut fix.power_v);
    number("signal", &mut fix.signal);
    let satellites = fields.long("satellites");
    fix.satellites = satellites
        .and_then(|count| u16::try_from(count).ok())
        .or(fix.satellites);
    fix.time = fields.time("time").or(fix.time);
    fix.ignition = fields.flag("ignition").or(fix.ignition);
    if let Some(event) = fields.text("event") {
        fix.event = Some(event.to_owned());
    }
}

/// What is shown of a position besides its fix.
struct Seen<'a> {
    id: PositionId,
    device: DeviceId,
    received: TimeMs,
    revision: u8,
    vendor: &'a str,
    plugin: &'a str,
}

impl<'a> From<&'a PositionRow> for Seen<'a> {
    fn from(row: &'a PositionRow) -> Self {
        Self {
            id: row.id,
            device: row.device,
            received: row.received,
            revision: row.revision,
            vendor: &row.vendor,
            plugin: &row.plugin,
        }
    }
}

impl<'a> From<&'a Standing> for Seen<'a> {
    fn from(row: &'a Standing) -> Self {
        Self {
            id: row.id,
            device: row.device,
            received: row.received,
            revision: row.revision,
            vendor: &row.vendor,
            plugin: &row.plugin,
        }
    }
}

impl Seen<'_> {
    /// What a tag is made of. Every correction takes a new revision; that the hub has judged a fix meanwhile
    /// is no change that anyone could overwrite.
    fn version(&self) -> (u64, u8) {
        (self.id.0, self.revision)
    }

    fn of(&self, fix: &Fix, verdict: Option<Verdict>) -> PositionView {
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        PositionView {
            id: self.id.0,
            device_id: self.device.0,
            time: time::format(fix_time(fix, self.received)),
            stated_time: fix.time.and_then(time::format),
            received: time::format(self.received),
            verdict: verdict.map(|verdict| verdict.name().to_owned()),
            latitude: fix.latitude,
            longitude: fix.longitude,
            speed_kmh: fix.speed_kmh,
            heading_deg: fix.heading_deg,
            altitude_m: fix.altitude_m,
            accuracy_m: fix.accuracy_m,
            hdop: fix.hdop,
            satellites: fix.satellites,
            odometer_km: fix.odometer_km,
            distance_km: fix.distance_km,
            ignition: fix.ignition,
            fuel_percent: fix.fuel_percent,
            engine_temperature_c: fix.engine_temperature_c,
            engine_rpm: fix.engine_rpm,
            battery_v: fix.battery_v,
            battery_percent: fix.battery_percent,
            power_v: fix.power_v,
            signal: fix.signal,
            event: fix.event.clone(),
            valid: fix.valid,
            attributes: fix
                .attributes
                .iter()
                .map(|(name, value)| (name.clone(), attribute(value)))
                .collect(),
            vendor: named(self.vendor),
            plugin: named(self.plugin),
            revision: self.revision,
        }
    }
}

fn view(row: &PositionRow) -> PositionView {
    Seen::from(row).of(&row.fix, Some(row.verdict))
}

/// A position as it stands, or stood.
pub(super) fn standing(row: &Standing) -> PositionView {
    Seen::from(row).of(&row.fix, Some(row.verdict))
}

fn attribute(value: &AttributeValue) -> Attribute {
    match value {
        AttributeValue::Flag(flag) => Attribute::Flag(*flag),
        AttributeValue::Integer(number) => Attribute::Integer(*number),
        AttributeValue::Real(number) => Attribute::Real(*number),
        AttributeValue::Text(text) => Attribute::Text(text.clone()),
    }
}

const fn number(name: &'static str, min: f64, max: f64) -> Field {
    let (min, max) = (Bound::Inclusive(min), Bound::Inclusive(max));
    Field::new(name, Rule::Number { min, max })
}

/// From 0 to below a limit, kept to thousandths in history.
const fn positive(name: &'static str, limit: f64) -> Field {
    let (min, max) = (Bound::Inclusive(0.0), Bound::Exclusive(limit));
    Field::new(name, Rule::Number { min, max })
}

const fn wide(name: &'static str) -> Field {
    let (min, max) = (Bound::Exclusive(-1e8), Bound::Exclusive(1e8));
    Field::new(name, Rule::Number { min, max })
}
