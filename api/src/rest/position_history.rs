//! Positions of the past on the TrackerHub surface: listed, corrected, deleted.

use fixstream_core::device::fix_time;
use fixstream_core::history::{PositionRow, PositionSelection};
use fixstream_core::model::{PositionId, TimeMs};
use poem::Response;
use poem::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::codes;
use super::envelope::{self, Success};
use super::error::ApiError;
use super::fields;
use super::operation::{Call, Operation};
use super::positions::{STORED, direction, owned_device, sender, state};
use super::streamed;
use super::time::{self, Stamp};
use super::validate::{self, Field, MAX_RECORD, Rule};

/// Positions in one answer: at most, and where the request says nothing.
const MAX_LIMIT: u64 = 10_000;
const LIMIT: u64 = 1_000;
/// The deepest page.
const LAST_PAGE: u64 = 10_000;

const ID: Field = Field::new(
    "idPosition",
    Rule::Integer {
        min: 1,
        max: MAX_RECORD,
    },
);

/// Query of `GET /position`.
pub(super) const SELECTION: &[Field] = &[
    ID,
    Field::id("idDevice"),
    Field::new("startDate", Rule::Time),
    Field::new("endDate", Rule::Time),
    Field::new(
        "limit",
        Rule::Integer {
            min: 1,
            max: MAX_LIMIT,
        },
    ),
    Field::new(
        "page",
        Rule::Integer {
            min: 0,
            max: LAST_PAGE,
        },
    ),
];

/// `PATCH /position`: the fields of a new position, none of them required.
pub(super) const CHANGE: &[Field] = &{
    let mut table = [ID.required(); fields::POSITION.len() + 1];
    let mut index = 0;
    while index < fields::POSITION.len() {
        table[index + 1] = Field {
            required: false,
            ..fields::POSITION[index]
        };
        index += 1;
    }
    table
};

/// `DELETE /position`.
pub(super) const DELETION: &[Field] = &[ID.required()];

/// A position, in the names of the request.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PositionView {
    id_position: u64,
    id_device: u32,
    latitude: f64,
    longitude: f64,
    created_at: Option<Stamp>,
    velocity: Option<f64>,
    odometer: Option<f64>,
    direction: Option<f64>,
    altitude: Option<f64>,
    rpm: Option<f64>,
    fuel_level: Option<f64>,
    engine_temperature: Option<f64>,
    distance_delta: Option<f64>,
    mobile_signal_strength: Option<f64>,
    gps_accuracy: Option<f64>,
    battery_voltage: Option<f64>,
    engine_status: Option<bool>,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "get_positions",
            &["/position"],
            "Positions, the oldest first: one, those of a device, or all",
            list,
        )
        .query(SELECTION)
        .answers::<Vec<PositionView>>(200, "Those that match all filters; endDate is inclusive")
        .refuses_all(STORED),
        Operation::new(
            Method::PATCH,
            "update_position",
            &["/position"],
            "Corrects a position; what is not given, or null, stays as it is",
            update,
        )
        .body(CHANGE)
        .answers::<Success>(200, "The correction is on disk")
        .refuses(&codes::ENTITY_WITH_FIELD_ALREADY_EXISTS)
        .refuses_all(STORED),
        Operation::new(
            Method::DELETE,
            "delete_position",
            &["/position"],
            "Deletes a position; the latest position of its device steps back where it was that",
            delete,
        )
        .body(DELETION)
        .answers::<Success>(200, "The deletion is on disk")
        .refuses_all(STORED),
    ]
}

/// `GET /position`: by `idPosition`, or by device and time, filters in the query.
pub(super) async fn list(mut call: Call) -> Result<Response, ApiError> {
    let query = validate::query(std::mem::take(&mut call.query), SELECTION)?;
    let device = match query.id("idDevice") {
        Some(id) => Some(owned_device(&call, id, "idDevice")?),
        None => None,
    };
    let (from, last) = (query.time("startDate"), query.time("endDate"));
    if let Some(id) = query.long("idPosition") {
        let found = call.rest.corrections.position(call.client.id, PositionId(id));
        let row = found.await.map_err(uncorrected)?;
        let meant = device.is_none_or(|device| device == row.device)
            && from.is_none_or(|from| from <= row.time)
            && last.is_none_or(|last| row.time <= last);
        let rows = if meant { vec![row] } else { Vec::new() };
        return Ok(envelope::list(rows, |row| Some(view(row))));
    }
    let limit = query.long("limit").unwrap_or(LIMIT);
    let selection = PositionSelection {
        client: call.client.id,
        devices: device.into_iter().collect(),
        from,
        to: last.map(|last| TimeMs(last.0.saturating_add(1))),
        skip: query.long("page").unwrap_or(0).saturating_mul(limit),
        limit,
        ..PositionSelection::default()
    };
    let rows = call.rest.corrections.positions(&selection).await?;
    streamed::array(rows, view).await
}

/// `PATCH /position`: answered when the correction is on disk.
pub(super) async fn update(call: Call) -> Result<Response, ApiError> {
    let fields = validate::body(&call.body, CHANGE)?;
    let device = match fields.id("idDevice") {
        Some(id) => Some(owned_device(&call, id, "idDevice")?),
        None => None,
    };
    let corrections = &call.rest.corrections;
    corrections
        .update(sender(&call), id(&fields), None, device, |fix| {
            state(&fields, fix);
        })
        .await
        .map_err(uncorrected)?;
    Ok(envelope::success(StatusCode::OK, "Entity processed successfully"))
}

/// `DELETE /position`: answered when the deletion is on disk.
pub(super) async fn delete(call: Call) -> Result<Response, ApiError> {
    let fields = validate::body(&call.body, DELETION)?;
    let corrections = &call.rest.corrections;
    corrections
        .delete(sender(&call), id(&fields), None)
        .await
        .map_err(uncorrected)?;
    Ok(envelope::success(StatusCode::OK, "Entity processed successfully"))
}

fn id(fields: &validate::Checked) -> PositionId {
    // 0 is no id
    PositionId(fields.long(ID.name).unwrap_or_default())
}

fn uncorrected(error: fixstream_core::corrections::CorrectionError) -> ApiError {
    ApiError::uncorrected(error, ID.name, "createdAt")
}

fn view(row: &PositionRow) -> PositionView {
    let fix = &row.fix;
    PositionView {
        id_position: row.id.0,
        id_device: row.device.0,
        latitude: fix.latitude,
        longitude: fix.longitude,
        created_at: time::format(fix_time(fix, row.received)),
        velocity: fix.speed_kmh,
        odometer: fix.odometer_km,
        direction: direction(fix),
        altitude: fix.altitude_m,
        rpm: fix.engine_rpm,
        fuel_level: fix.fuel_percent,
        engine_temperature: fix.engine_temperature_c,
        distance_delta: fix.distance_km,
        mobile_signal_strength: fix.signal,
        gps_accuracy: fix.accuracy_m,
        battery_voltage: fix.power_v.or(fix.battery_v),
        engine_status: fix.ignition,
    }
}
