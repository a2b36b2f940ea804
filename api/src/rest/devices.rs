//! Devices and device types.

use std::sync::Arc;

use fixstream_core::model::{DeviceId, TrackerId};
use fixstream_core::registry::{Device, DeviceChange, NewDevice, Scope};
use poem::Response;
use poem::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::codes;
use super::envelope::{self, Success};
use super::error::ApiError;
use super::fields;
use super::operation::{Call, Operation};
use super::trackers::DEFAULT_STATUS;
use super::validate::{self, Checked};

#[derive(Serialize, JsonSchema)]
struct DeviceView {
    id_device: u32,
    id_client: u32,
    id_tracker: u32,
    id_worksite: u32,
    id_team: u32,
    device_name: String,
    id_device_type: u32,
    device_code: Option<String>,
    device_uuid: Option<String>,
    status: String,
}

#[derive(Serialize, JsonSchema)]
struct DeviceTypeView {
    id_device_type: u32,
    name: String,
    code: String,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    const TYPES: &[&str] = &["/device-type", "/device-types", "/deviceType"];
    vec![
        Operation::new(
            Method::GET,
            "list_device_types",
            TYPES,
            "The device types, by id",
            types,
        )
        .answers::<Vec<DeviceTypeView>>(200, "All types; they are the same for all clients"),
        Operation::new(
            Method::POST,
            "create_device",
            &["/device/create", "/device"],
            "Registers a device with its tracker",
            create,
        )
        .body(fields::DEVICE)
        .answers::<Success>(201, "The device is registered")
        .refuses(&codes::ENTITY_NOT_FOUND)
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(&codes::ENTITY_WITH_FIELD_ALREADY_EXISTS),
        Operation::new(
            Method::POST,
            "list_devices",
            &["/device/list"],
            "The devices, by id, filters in the body",
            list,
        )
        .scope(Scope::Read)
        .body(fields::DEVICE_FILTERS)
        .answers::<Vec<DeviceView>>(200, "Those that match all filters"),
        Operation::new(
            Method::GET,
            "get_devices",
            &["/device"],
            "The devices, by id",
            get,
        )
        .query(fields::DEVICE_FILTERS)
        .answers::<Vec<DeviceView>>(200, "Those that match all filters"),
        Operation::new(
            Method::PATCH,
            "update_device",
            &["/device"],
            "Changes what the body mentions; another idTracker switches trackers",
            update,
        )
        .body(fields::DEVICE_CHANGE)
        .answers::<Success>(200, "It is changed")
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(&codes::ENTITY_WITH_FIELD_ALREADY_EXISTS),
        Operation::new(
            Method::DELETE,
            "delete_device",
            &["/device"],
            "Deletes a device that has no positions",
            delete,
        )
        .body(fields::DEVICE_CHOICE)
        .answers::<Success>(200, "It is deleted")
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(codes::IN_USE)
        .refuses(&codes::HISTORY_AWAY),
    ]
}

/// `POST /device/create`, `POST /device`.
pub(super) async fn create(call: Call) -> Result<Response, ApiError> {
    let fields = validate::body(&call.body, fields::DEVICE)?;
    let link = call.key.link.ok_or_else(ApiError::no_link)?;
    let new = NewDevice {
        tracker: TrackerId(fields.required_id("idTracker")),
        worksite: fields.required_id("idWorksite"),
        team: fields.required_id("idTeam"),
        name: fields.required_text("deviceName"),
        device_type: fields.required_id("idType"),
        code: fields.text("deviceCode").map(str::to_owned),
        uuid: fields.text("deviceUuid").map(str::to_owned),
        status: fields.text("status").unwrap_or(DEFAULT_STATUS).to_owned(),
    };
    call.rest
        .registry
        .create_device(call.client.id, link, new)
        .await?;
    Ok(envelope::success(
        StatusCode::CREATED,
        "Device created successfully",
    ))
}

/// `POST /device/list`: filters in the body.
pub(super) async fn list(call: Call) -> Result<Response, ApiError> {
    let filters = validate::body(&call.body, fields::DEVICE_FILTERS)?;
    Ok(matching(&call, &filters))
}

/// `GET /device`: filters in the query.
pub(super) async fn get(mut call: Call) -> Result<Response, ApiError> {
    let filters = validate::query(std::mem::take(&mut call.query), fields::DEVICE_FILTERS)?;
    Ok(matching(&call, &filters))
}

/// `GET /device-type`.
pub(super) async fn types(call: Call) -> Result<Response, ApiError> {
    Ok(envelope::list(call.rest.registry.device_types(), |device_type| {
        Some(DeviceTypeView {
            id_device_type: device_type.id,
            name: device_type.name.clone(),
            code: device_type.code.clone(),
        })
    }))
}

/// `PATCH /device`. The device is `idDevice`; without it, the one with this `deviceUuid`. Null is the same as
/// leaving a field out.
async fn update(call: Call) -> Result<Response, ApiError> {
    let fields = validate::body(&call.body, fields::DEVICE_CHANGE)?;
    let text = |name| fields.text(name).map(str::to_owned);
    let id = match (fields.id("idDevice"), fields.text("deviceUuid")) {
        (Some(id), _) => DeviceId(id),
        (None, Some(uuid)) => {
            let devices = call.rest.registry.devices(call.client.id);
            let found = devices.iter().find(|device| device.uuid.as_deref() == Some(uuid));
            found.map(|device| device.id).ok_or(ApiError::NotFound {
                entity: "DEVICE",
                field: "deviceUuid",
            })?
        }
        (None, None) => {
            return Err(ApiError::Violations(vec![validate::violation(
                &codes::FIELD_MUST_BE_DEFINED,
                "idDevice",
                &[],
            )]));
        }
    };
    let change = DeviceChange {
        tracker: fields.id("idTracker").map(TrackerId),
        worksite: fields.id("idWorksite"),
        team: fields.id("idTeam"),
        name: text("deviceName"),
        device_type: fields.id("idType"),
        code: text("deviceCode").map(Some),
        uuid: text("deviceUuid").map(Some),
        status: text("status"),
    };
    call.rest
        .registry
        .update_device(call.client.id, id, None, change)
        .await?;
    Ok(envelope::success(StatusCode::OK, envelope::PROCESSED))
}

/// `DELETE /device`.
async fn delete(call: Call) -> Result<Response, ApiError> {
    let fields = validate::body(&call.body, fields::DEVICE_CHOICE)?;
    let id = DeviceId(fields.required_id("idDevice"));
    delete_unused(&call, id, None).await?;
    Ok(envelope::success(StatusCode::OK, envelope::PROCESSED))
}

/// Deletes a device of the caller's client that has no position, neither stored nor on its way. `seen`: only if
/// it is still so.
pub(super) async fn delete_unused(
    call: &Call,
    id: DeviceId,
    seen: Option<Arc<Device>>,
) -> Result<(), ApiError> {
    let rest = &call.rest;
    // asked only about the client's own: of others nothing is told, not even by the time that it takes
    if rest
        .registry
        .device(id)
        .is_some_and(|device| call.owns(device.client))
        && (rest.latest.get(id).is_some() || rest.presence.has_position(call.client.id, id).await?)
    {
        return Err(ApiError::InUse { entity: "DEVICE" });
    }
    Ok(rest.registry.delete_device(call.client.id, id, seen).await?)
}

/// The client's devices that match all filters exactly.
fn matching(call: &Call, filters: &Checked) -> Response {
    let id = |name, value| filters.id(name).is_none_or(|wanted| wanted == value);
    let text = |name, value: Option<&str>| filters.text(name).is_none_or(|wanted| value == Some(wanted));
    let mut devices = call.rest.registry.devices(call.client.id);
    devices.retain(|device| {
        id("idDevice", device.id.0)
            && id("idTracker", device.tracker.0)
            && id("idWorksite", device.worksite)
            && id("idTeam", device.team)
            && id("idType", device.device_type)
            && text("deviceName", Some(&device.name))
            && text("deviceCode", device.code.as_deref())
            && text("deviceUuid", device.uuid.as_deref())
            && text("status", Some(&device.status))
    });
    envelope::list(devices, |device: &Arc<Device>| {
        Some(DeviceView {
            id_device: device.id.0,
            id_client: device.client.0,
            id_tracker: device.tracker.0,
            id_worksite: device.worksite,
            id_team: device.team,
            device_name: device.name.clone(),
            id_device_type: device.device_type,
            device_code: device.code.clone(),
            device_uuid: device.uuid.clone(),
            status: device.status.clone(),
        })
    })
}
