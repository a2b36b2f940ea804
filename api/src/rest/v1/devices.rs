//! `/v1/devices`: the things that are tracked.

use std::collections::HashSet;
use std::sync::Arc;

use fixstream_core::model::{DeviceId, TrackerId};
use fixstream_core::registry::{Device, DeviceChange, GroupId, NewDevice, Remembered};
use poem::Response;
use poem::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::create::{self, Repeatable};
use super::{etag, page};
use crate::rest::codes;
use crate::rest::devices::delete_unused;
use crate::rest::envelope::json_response;
use crate::rest::error::ApiError;
use crate::rest::operation::{Call, Content, Operation};
use crate::rest::resource::Page;
use crate::rest::trackers::DEFAULT_STATUS;
use crate::rest::validate::{self, Field};

/// Worksite and team of who has none: what the hub itself registers has these too.
const NONE: u32 = 1;

/// Query of the list.
pub(super) const LIST: &[Field] = &[
    Field::id("trackerId"),
    Field::id("typeId"),
    Field::id("worksiteId"),
    Field::id("teamId"),
    Field::id("groupId"),
    Field::text("name", 150),
    Field::text("code", 50),
    Field::text("uuid", 50),
    Field::text("status", 20),
    page::number(),
    page::size(),
    page::sort(&["id", "name", "code", "uuid", "status", "trackerId", "typeId"]),
];

/// A new device.
pub(super) const NEW: &[Field] = &[
    Field::id("trackerId").required(),
    Field::text("name", 150).required(),
    Field::id("typeId").required(),
    Field::id("worksiteId"),
    Field::id("teamId"),
    Field::text("code", 50),
    Field::text("uuid", 50),
    Field::text("status", 20),
];

/// A change. Null empties what can be empty.
pub(super) const CHANGE: &[Field] = &[
    Field::id("trackerId").never_null(),
    Field::text("name", 150).never_null(),
    Field::id("typeId").never_null(),
    Field::id("worksiteId").never_null(),
    Field::id("teamId").never_null(),
    Field::text("code", 50),
    Field::text("uuid", 50),
    Field::text("status", 20).never_null(),
];

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DeviceResource {
    id: u32,
    name: String,
    tracker_id: u32,
    type_id: u32,
    worksite_id: u32,
    team_id: u32,
    /// Usually the plate.
    code: Option<String>,
    /// Usually the chassis; unique.
    uuid: Option<String>,
    status: String,
    /// The client-vendor link under which it was registered.
    link_id: u32,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    const ALL: &[&str] = &["/devices"];
    const ONE: &[&str] = &["/devices/{id}"];
    vec![
        Operation::new(Method::GET, "list_device_resources", ALL, "The devices", list)
            .resource()
            .query(LIST)
            .answers::<Page<DeviceResource>>(200, "One page of those that match all filters")
            .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND),
        Operation::new(
            Method::POST,
            "create_device_resource",
            ALL,
            "Registers a device with its tracker",
            create,
        )
        .resource()
        .body(NEW)
        .answers::<DeviceResource>(201, "The device, at Location")
        .refuses(&codes::ENTITY_NOT_FOUND)
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(&codes::ENTITY_WITH_FIELD_ALREADY_EXISTS)
        .refuses(&codes::IDEMPOTENCY_KEY_REUSED),
        Operation::new(Method::GET, "get_device_resource", ONE, "A device", get)
            .resource()
            .parameters(page::BY_ID)
            .answers::<DeviceResource>(200, "It, with its ETag")
            .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND),
        Operation::new(
            Method::PATCH,
            "update_device_resource",
            ONE,
            "Changes what the body mentions; another trackerId switches trackers",
            update,
        )
        .resource()
        .parameters(page::BY_ID)
        .body(CHANGE)
        .answers::<DeviceResource>(200, "As it is now")
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(&codes::ENTITY_WITH_FIELD_ALREADY_EXISTS)
        .refuses(&codes::PRECONDITION_FAILED),
        Operation::new(
            Method::DELETE,
            "delete_device_resource",
            ONE,
            "Deletes a device that has no positions; it leaves its groups",
            delete,
        )
        .resource()
        .parameters(page::BY_ID)
        .answers_with(204, "It is deleted", Content::Empty)
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(&codes::PRECONDITION_FAILED)
        .refuses(&codes::ENTITY_IN_USE)
        .refuses(&codes::HISTORY_AWAY),
    ]
}

async fn list(mut call: Call) -> Result<Response, ApiError> {
    let query = validate::exact_query(std::mem::take(&mut call.query), LIST)?;
    let registry = &call.rest.registry;
    let members: Option<HashSet<DeviceId>> = match query.id("groupId") {
        None => None,
        Some(group) => {
            let devices = registry.group_devices(call.client.id, GroupId(group));
            let devices = devices.ok_or(ApiError::NotFound {
                entity: "GROUP",
                field: "groupId",
            })?;
            Some(devices.into_iter().collect())
        }
    };
    let id = |name, value| query.id(name).is_none_or(|wanted| wanted == value);
    let text = |name, value: Option<&str>| query.text(name).is_none_or(|wanted| value == Some(wanted));
    let mut devices = registry.devices(call.client.id);
    devices.retain(|device| {
        members
            .as_ref()
            .is_none_or(|members| members.contains(&device.id))
            && id("trackerId", device.tracker.0)
            && id("typeId", device.device_type)
            && id("worksiteId", device.worksite)
            && id("teamId", device.team)
            && text("name", Some(&device.name))
            && text("code", device.code.as_deref())
            && text("uuid", device.uuid.as_deref())
            && text("status", Some(&device.status))
    });
    let page = page::of(
        devices,
        &query,
        |attribute, one, other| match attribute {
            "name" => one.name.cmp(&other.name),
            "code" => one.code.cmp(&other.code),
            "uuid" => one.uuid.cmp(&other.uuid),
            "status" => one.status.cmp(&other.status),
            "trackerId" => one.tracker.cmp(&other.tracker),
            "typeId" => one.device_type.cmp(&other.device_type),
            _ => one.id.cmp(&other.id),
        },
        |device| view(device),
    );
    Ok(json_response(StatusCode::OK, &page))
}

async fn create(call: Call) -> Result<Response, ApiError> {
    let fields = validate::exact_body(&call.body, NEW)?;
    let link = call.key.link.ok_or_else(ApiError::no_link)?;
    let new = NewDevice {
        tracker: TrackerId(fields.required_id("trackerId")),
        worksite: fields.id("worksiteId").unwrap_or(NONE),
        team: fields.id("teamId").unwrap_or(NONE),
        name: fields.required_text("name"),
        device_type: fields.required_id("typeId"),
        code: fields.text("code").map(str::to_owned),
        uuid: fields.text("uuid").map(str::to_owned),
        status: fields.text("status").unwrap_or(DEFAULT_STATUS).to_owned(),
    };
    let (registry, client) = (&call.rest.registry, call.client.id);
    match Repeatable::of(&call, "create_device")? {
        None => {
            let device = registry.create_device(client, link, new).await?;
            Ok(create::respond(made(&device)))
        }
        Some(repeatable) => {
            let once = repeatable.once(made);
            let created = registry.create_device_once(client, link, new, once).await?;
            Ok(create::settle(created, |device| create::respond(made(&device))))
        }
    }
}

async fn get(call: Call) -> Result<Response, ApiError> {
    Ok(etag::entity(StatusCode::OK, &view(&*owned(&call)?)))
}

async fn update(call: Call) -> Result<Response, ApiError> {
    let now = owned(&call)?;
    let fields = validate::exact_body(&call.body, CHANGE)?;
    let text = |name| fields.text(name).map(str::to_owned);
    let change = DeviceChange {
        tracker: fields.id("trackerId").map(TrackerId),
        worksite: fields.id("worksiteId"),
        team: fields.id("teamId"),
        name: text("name"),
        device_type: fields.id("typeId"),
        code: fields.change("code"),
        uuid: fields.change("uuid"),
        status: text("status"),
    };
    let seen = etag::demanded(&call.headers, "DEVICE", &view(&now))?.then(|| Arc::clone(&now));
    let registry = &call.rest.registry;
    let device = registry
        .update_device(call.client.id, now.id, seen, change)
        .await?;
    Ok(etag::entity(StatusCode::OK, &view(&device)))
}

async fn delete(call: Call) -> Result<Response, ApiError> {
    let now = owned(&call)?;
    let seen = etag::demanded(&call.headers, "DEVICE", &view(&now))?.then(|| Arc::clone(&now));
    delete_unused(&call, now.id, seen).await?;
    Ok(create::nothing())
}

/// The client's device of the id in the path.
fn owned(call: &Call) -> Result<Arc<Device>, ApiError> {
    let device = call.rest.registry.device(DeviceId(page::id(call)?));
    device
        .filter(|device| call.owns(device.client))
        .ok_or(ApiError::NotFound {
            entity: "DEVICE",
            field: "id",
        })
}

fn made(device: &Device) -> Remembered {
    create::answer(format!("/v1/devices/{}", device.id), &view(device))
}

fn view(device: &Device) -> DeviceResource {
    DeviceResource {
        id: device.id.0,
        name: device.name.clone(),
        tracker_id: device.tracker.0,
        type_id: device.device_type,
        worksite_id: device.worksite,
        team_id: device.team,
        code: device.code.clone(),
        uuid: device.uuid.clone(),
        status: device.status.clone(),
        link_id: device.link.0,
    }
}
