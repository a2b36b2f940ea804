//! Latest positions.

use std::sync::Arc;

use fixstream_core::latest::Latest;
use fixstream_core::model::DeviceId;
use fixstream_core::registry::{Device, Scope};
use poem::Response;
use poem::http::Method;
use schemars::JsonSchema;
use serde::Serialize;

use super::codes;
use super::envelope;
use super::error::ApiError;
use super::fields;
use super::operation::{Call, Operation};
use super::time::{self, Stamp};
use super::validate;

/// The documented shape, plus `idPosition`. `f32` fields are written with the digits that they have.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LatestView {
    instance_uuid: String,
    device_id: u32,
    device_uuid: Option<String>,
    device_code: Option<String>,
    longitude: f64,
    latitude: f64,
    created_at: Option<Stamp>,
    velocity: Option<f32>,
    odometer: Option<f64>,
    direction: Option<f32>,
    altitude: Option<f32>,
    rpm: Option<f32>,
    fuel_level: Option<f32>,
    engine_temperature: Option<f32>,
    distance_delta: Option<f32>,
    mobile_signal_strength: Option<f32>,
    gps_accuracy: Option<f32>,
    battery_voltage: Option<f32>,
    engine_status: Option<bool>,
    id_position: u64,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    // The contract's sample URL ends in a slash with nothing behind it; the id is then in the query.
    const ONE: &[&str] = &[
        "/latest-positions/{deviceId}",
        "/latest-positions",
        "/latest-positions/",
    ];
    vec![
        Operation::new(
            Method::GET,
            "latest_of_all",
            &["/latest-position"],
            "The latest position of every device, or of one",
            all,
        )
        .query(fields::LATEST_OF_ALL)
        .answers::<Vec<LatestView>>(200, "Devices without a position are left out")
        .refuses(&codes::INSTANCE_NOT_FOUND)
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND),
        Operation::new(
            Method::POST,
            "latest_of_some",
            &["/latest-positions", "/latest-positions/"],
            "The latest positions of these devices",
            of_some,
        )
        .scope(Scope::Read)
        .body(fields::LATEST_OF_SOME)
        .answers::<Vec<LatestView>>(200, "Unknown devices and those without a position are left out"),
        Operation::new(
            Method::GET,
            "latest_of_one",
            ONE,
            "The latest position of a device",
            of_one,
        )
        .parameters(fields::LATEST_OF_ONE_REQUIRED)
        .answers::<Vec<LatestView>>(200, "One element, or none when it has no position yet")
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND),
    ]
}

/// `GET /latest-position`: of all the client's devices, or of `?deviceId=`; with `?instanceUuid=` only if that is
/// the key's own.
pub(super) async fn all(mut call: Call) -> Result<Response, ApiError> {
    let filter = validate::query(std::mem::take(&mut call.query), fields::LATEST_OF_ALL)?;
    let instance = filter.text("instanceUuid").map(str::parse);
    if instance.is_some_and(|instance| instance != Ok(call.client.instance)) {
        return Err(ApiError::UnknownInstance);
    }
    let devices = match filter.id("deviceId") {
        Some(id) => vec![owned(&call, id).ok_or(UNKNOWN_DEVICE)?],
        None => call.rest.registry.devices(call.client.id),
    };
    Ok(positions(&call, devices))
}

/// `POST /latest-positions`: of the devices in the body; unknown and foreign ones are left out.
pub(super) async fn of_some(call: Call) -> Result<Response, ApiError> {
    let wanted = validate::body(&call.body, fields::LATEST_OF_SOME)?;
    let mut seen = std::collections::HashSet::new();
    let devices = wanted
        .ids("deviceIds")
        .into_iter()
        .filter(|id| seen.insert(*id))
        .filter_map(|id| owned(&call, id));
    let devices = devices.collect();
    Ok(positions(&call, devices))
}

/// `GET /latest-positions/{deviceId}`; the path wins over `?deviceId=`.
pub(super) async fn of_one(mut call: Call) -> Result<Response, ApiError> {
    let pairs = if call.parameters.is_empty() {
        std::mem::take(&mut call.query)
    } else {
        std::mem::take(&mut call.parameters)
    };
    let wanted = validate::query(pairs, fields::LATEST_OF_ONE_REQUIRED)?;
    let device = owned(&call, wanted.required_id("deviceId")).ok_or(UNKNOWN_DEVICE)?;
    Ok(positions(&call, vec![device]))
}

const UNKNOWN_DEVICE: ApiError = ApiError::NotFound {
    entity: "DEVICE",
    field: "deviceId",
};

/// The client's device of that id.
fn owned(call: &Call, id: u32) -> Option<Arc<Device>> {
    call.rest
        .registry
        .device(DeviceId(id))
        .filter(|device| device.client == call.client.id)
}

/// The latest positions of `devices`; those without one are left out.
fn positions(call: &Call, devices: Vec<Arc<Device>>) -> Response {
    let store = Arc::clone(&call.rest.latest);
    let instance = call.client.instance.to_string();
    envelope::list(devices, move |device| {
        let latest = store.get(device.id)?;
        Some(view(&instance, device, &latest))
    })
}

fn view(instance: &str, device: &Device, latest: &Latest) -> LatestView {
    LatestView {
        instance_uuid: instance.to_owned(),
        device_id: device.id.0,
        device_uuid: device.uuid.clone(),
        device_code: device.code.clone(),
        longitude: latest.longitude,
        latitude: latest.latitude,
        created_at: time::format(latest.time),
        velocity: latest.speed_kmh,
        odometer: latest.odometer_km,
        direction: latest.heading_deg,
        altitude: latest.altitude_m,
        rpm: latest.engine_rpm,
        fuel_level: latest.fuel_percent,
        engine_temperature: latest.engine_temperature_c,
        distance_delta: latest.distance_km,
        mobile_signal_strength: latest.signal,
        gps_accuracy: latest.accuracy_m,
        battery_voltage: latest.battery_v,
        engine_status: latest.ignition,
        id_position: latest.id.0,
    }
}
