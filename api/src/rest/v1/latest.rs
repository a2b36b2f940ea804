//! `/v1/latest`: where the devices are, all of them or those of an area; and `/v1/devices/{id}/latest`.

use std::sync::Arc;

use fixstream_core::latest::{Area, Bounds, Circle, Latest};
use fixstream_core::model::DeviceId;
use fixstream_core::registry::Device;
use poem::Response;
use poem::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::{page, range};
use crate::rest::codes;
use crate::rest::envelope::json_response;
use crate::rest::error::ApiError;
use crate::rest::operation::{Call, Operation};
use crate::rest::positions::owned_device;
use crate::rest::resource::Page;
use crate::rest::time::{self, Stamp};
use crate::rest::validate::{self, Bound, Checked, Field, Rule};

/// The greatest radius, metres: the way around the earth.
const MAX_RADIUS_M: f64 = 4e7;
/// So many devices around an area are looked at, however few the client has.
const LOOKED_AT: usize = 64;
const CIRCLE: [&str; 3] = ["latitude", "longitude", "radiusM"];

/// Query of the list.
pub(super) const LIST: &[Field] = &[
    Field::new(
        "ids",
        Rule::IdList {
            max: range::MAX_DEVICES,
        },
    ),
    range::GROUP,
    Field::new("bbox", Rule::Bounds),
    degrees(CIRCLE[0], 90.0),
    degrees(CIRCLE[1], 180.0),
    Field::new(CIRCLE[2], Rule::Positive { max: MAX_RADIUS_M }),
    page::number(),
    page::size(),
];

/// The latest trusted position of a device. WGS 84 degrees; the other units are in the names.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LatestResource {
    device_id: u32,
    device_name: String,
    device_code: Option<String>,
    /// The position's id.
    id: u64,
    time: Option<Stamp>,
    received: Option<Stamp>,
    latitude: f64,
    longitude: f64,
    speed_kmh: Option<f32>,
    heading_deg: Option<f32>,
    altitude_m: Option<f32>,
    accuracy_m: Option<f32>,
    odometer_km: Option<f64>,
    /// Since the fix before, as stated by the sender.
    distance_km: Option<f32>,
    ignition: Option<bool>,
    fuel_percent: Option<f32>,
    engine_temperature_c: Option<f32>,
    /// Per minute.
    engine_rpm: Option<f32>,
    /// External supply where it is known, else the battery.
    supply_v: Option<f32>,
    /// Mobile signal in the vendor's own scale.
    signal: Option<f32>,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "v1_list_latest",
            &["/latest"],
            "The latest positions: of all devices, of some, in a box, in a circle",
            list,
        )
        .resource()
        .query(LIST)
        .answers::<Page<LatestResource>>(
            200,
            "One page of those that match all filters, by device; unknown devices and those without a position are left out",
        )
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND),
        Operation::new(
            Method::GET,
            "v1_get_latest",
            &["/devices/{id}/latest"],
            "The latest position of a device",
            of_device,
        )
        .resource()
        .parameters(page::BY_ID)
        .answers::<LatestResource>(200, "It")
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND),
    ]
}

/// `GET /v1/latest`.
async fn list(mut call: Call) -> Result<Response, ApiError> {
    let query = validate::exact_query(std::mem::take(&mut call.query), LIST)?;
    let areas = areas(&query)?;
    let devices = candidates(&call, &query, &areas)?;
    let (number, size) = page::asked(&query);
    let shown = number.saturating_mul(size)..(number + 1).saturating_mul(size);
    let (mut total, mut content) = (0, Vec::new());
    for device in devices {
        let Some(latest) = call.rest.latest.get(device.id) else {
            continue;
        };
        let inside = |area: &Area| area.contains(latest.latitude, latest.longitude);
        if !areas.iter().all(inside) {
            continue;
        }
        if shown.contains(&total) {
            content.push(view(&device, &latest));
        }
        total += 1;
    }
    let page = Page::new(content, total, number, size);
    Ok(json_response(StatusCode::OK, &page))
}

/// `GET /v1/devices/{id}/latest`. A device that has none, and one that is not there, are told apart.
async fn of_device(call: Call) -> Result<Response, ApiError> {
    let id = owned_device(&call, page::id(&call)?, "id")?;
    let device = call.rest.registry.device(id);
    let latest = call.rest.latest.get(id);
    let (Some(device), Some(latest)) = (device, latest) else {
        return Err(ApiError::NotFound {
            entity: "POSITION",
            field: "id",
        });
    };
    Ok(json_response(StatusCode::OK, &view(&device, &latest)))
}

/// The client's devices that may be meant, by id: those that are named, else those around an area, else all.
fn candidates(call: &Call, query: &Checked, areas: &[Area]) -> Result<Vec<Arc<Device>>, ApiError> {
    let registry = &call.rest.registry;
    let owned = |id: DeviceId| registry.device(id).filter(|device| call.owns(device.client));
    let group = match query.id(range::GROUP.name) {
        Some(id) => Some(range::members(call, id)?),
        None => None,
    };
    let mut ids: Vec<DeviceId> = query.ids("ids").into_iter().map(DeviceId).collect();
    if !ids.is_empty() {
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| {
            group
                .as_ref()
                .is_none_or(|members| members.binary_search(id).is_ok())
        });
        return Ok(ids.into_iter().filter_map(owned).collect());
    }
    if let Some(members) = group {
        return Ok(members.into_iter().filter_map(owned).collect());
    }
    if let Some(area) = areas.first() {
        // To look at others' devices is no cheaper than at all of one's own.
        let limit = registry.device_count(call.client.id).max(LOOKED_AT);
        if let Some(found) = call.rest.latest.within(area, limit, owned) {
            return Ok(found.into_iter().map(|(device, _)| device).collect());
        }
    }
    Ok(registry.devices(call.client.id))
}

/// The areas in which the devices must be.
fn areas(query: &Checked) -> Result<Vec<Area>, ApiError> {
    let mut areas = Vec::new();
    if let [west, south, east, north] = query.numbers("bbox")[..] {
        areas.push(Area::Box(Bounds {
            west,
            south,
            east,
            north,
        }));
    }
    match CIRCLE.map(|name| query.number(name)) {
        [Some(latitude), Some(longitude), Some(radius_m)] => areas.push(Area::Circle(Circle {
            latitude,
            longitude,
            radius_m,
        })),
        [None, None, None] => {}
        given => {
            let missing = CIRCLE.iter().zip(given).filter(|(_, given)| given.is_none());
            let violation =
                |(name, _): (&&str, _)| validate::violation(&codes::FIELD_MUST_BE_DEFINED, name, &[]);
            return Err(ApiError::Violations(missing.map(violation).collect()));
        }
    }
    Ok(areas)
}

fn view(device: &Device, latest: &Latest) -> LatestResource {
    LatestResource {
        device_id: device.id.0,
        device_name: device.name.clone(),
        device_code: device.code.clone(),
        id: latest.id.0,
        time: time::format(latest.time),
        received: time::format(latest.received),
        latitude: latest.latitude,
        longitude: latest.longitude,
        speed_kmh: latest.speed_kmh,
        heading_deg: latest.heading_deg,
        altitude_m: latest.altitude_m,
        accuracy_m: latest.accuracy_m,
        odometer_km: latest.odometer_km,
        distance_km: latest.distance_km,
        ignition: latest.ignition,
        fuel_percent: latest.fuel_percent,
        engine_temperature_c: latest.engine_temperature_c,
        engine_rpm: latest.engine_rpm,
        supply_v: latest.battery_v,
        signal: latest.signal,
    }
}

const fn degrees(name: &'static str, limit: f64) -> Field {
    let (min, max) = (Bound::Inclusive(-limit), Bound::Inclusive(limit));
    Field::new(name, Rule::Number { min, max })
}
