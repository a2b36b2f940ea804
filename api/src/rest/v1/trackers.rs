//! `/v1/trackers`: the sending hardware, with the settings that its decoder is given.

use std::collections::BTreeMap;
use std::sync::Arc;

use fixstream_core::model::TrackerId;
use fixstream_core::registry::{NewTracker, Remembered, Tracker, TrackerChange};
use poem::Response;
use poem::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::create::{self, Repeatable};
use super::{etag, page};
use crate::rest::codes;
use crate::rest::envelope::json_response;
use crate::rest::error::ApiError;
use crate::rest::operation::{Call, Content, Operation};
use crate::rest::resource::Page;
use crate::rest::trackers::DEFAULT_STATUS;
use crate::rest::validate::{self, Field, Rule};

/// Query of the list. Stored IMEIs may be longer than new ones.
pub(super) const LIST: &[Field] = &[
    Field::text("name", 150),
    Field::text("imei", 64),
    Field::text("status", 20),
    page::number(),
    page::size(),
    page::sort(&["id", "name", "imei", "status"]),
];

/// A new tracker.
pub(super) const NEW: &[Field] = &[
    Field::text("name", 150).required(),
    Field::text("description", 200),
    Field::text("imei", 15),
    Field::text("status", 20),
    Field::new("context", Rule::Settings),
];

/// A change. Null empties what can be empty.
pub(super) const CHANGE: &[Field] = &[
    Field::text("name", 150).never_null(),
    Field::text("description", 200),
    Field::text("imei", 15),
    Field::text("status", 20).never_null(),
    Field::new("context", Rule::Settings).never_null(),
];

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TrackerResource {
    id: u32,
    name: String,
    description: Option<String>,
    /// IMEI or other identifier that it sends.
    imei: Option<String>,
    status: String,
    /// The device that it serves.
    device_id: Option<u32>,
    /// Settings for its decoder, such as `model`.
    context: BTreeMap<String, String>,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    const ALL: &[&str] = &["/trackers"];
    const ONE: &[&str] = &["/trackers/{id}"];
    vec![
        Operation::new(Method::GET, "list_tracker_resources", ALL, "The trackers", list)
            .resource()
            .query(LIST)
            .answers::<Page<TrackerResource>>(200, "One page of those that match all filters"),
        Operation::new(
            Method::POST,
            "create_tracker_resource",
            ALL,
            "Registers a tracker",
            create,
        )
        .resource()
        .body(NEW)
        .answers::<TrackerResource>(201, "The tracker, at Location")
        .refuses(&codes::ENTITY_WITH_FIELD_ALREADY_EXISTS)
        .refuses(&codes::IDEMPOTENCY_KEY_REUSED),
        Operation::new(Method::GET, "get_tracker_resource", ONE, "A tracker", get)
            .resource()
            .parameters(page::BY_ID)
            .answers::<TrackerResource>(200, "It, with its ETag")
            .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND),
        Operation::new(
            Method::PATCH,
            "update_tracker_resource",
            ONE,
            "Changes what the body mentions",
            update,
        )
        .resource()
        .parameters(page::BY_ID)
        .body(CHANGE)
        .answers::<TrackerResource>(200, "As it is now")
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(&codes::ENTITY_WITH_FIELD_ALREADY_EXISTS)
        .refuses(&codes::PRECONDITION_FAILED),
        Operation::new(
            Method::DELETE,
            "delete_tracker_resource",
            ONE,
            "Deletes a tracker that no device and no MQTT credential refers to",
            delete,
        )
        .resource()
        .parameters(page::BY_ID)
        .answers_with(204, "It is deleted", Content::Empty)
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(&codes::PRECONDITION_FAILED)
        .refuses(&codes::ENTITY_IN_USE),
    ]
}

async fn list(mut call: Call) -> Result<Response, ApiError> {
    let query = validate::exact_query(std::mem::take(&mut call.query), LIST)?;
    let mut trackers = call.rest.registry.trackers(call.client.id);
    let text = |name, value: Option<&str>| query.text(name).is_none_or(|wanted| value == Some(wanted));
    trackers.retain(|tracker| {
        text("name", Some(&tracker.name))
            && text("imei", tracker.imei.as_deref())
            && text("status", Some(&tracker.status))
    });
    let page = page::of(
        trackers,
        &query,
        |attribute, one, other| match attribute {
            "name" => one.name.cmp(&other.name),
            "imei" => one.imei.cmp(&other.imei),
            "status" => one.status.cmp(&other.status),
            _ => one.id.cmp(&other.id),
        },
        |tracker| view(tracker),
    );
    Ok(json_response(StatusCode::OK, &page))
}

async fn create(call: Call) -> Result<Response, ApiError> {
    let fields = validate::exact_body(&call.body, NEW)?;
    let new = NewTracker {
        name: fields.required_text("name"),
        description: fields.text("description").map(str::to_owned),
        imei: fields.text("imei").map(str::to_owned),
        status: fields.text("status").unwrap_or(DEFAULT_STATUS).to_owned(),
        context: fields.settings("context").unwrap_or_default(),
    };
    let registry = &call.rest.registry;
    match Repeatable::of(&call, "create_tracker")? {
        None => {
            let tracker = registry.create_tracker(call.client.id, new).await?;
            Ok(create::respond(made(&tracker)))
        }
        Some(repeatable) => {
            let once = repeatable.once(made);
            let created = registry.create_tracker_once(call.client.id, new, once).await?;
            Ok(create::settle(created, |tracker| create::respond(made(&tracker))))
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
    let change = TrackerChange {
        name: text("name"),
        description: fields.change("description"),
        imei: fields.change("imei"),
        status: text("status"),
        context: fields.settings("context"),
    };
    let seen = etag::demanded(&call.headers, "TRACKER", &view(&now))?.then(|| Arc::clone(&now));
    let registry = &call.rest.registry;
    let tracker = registry
        .update_tracker(call.client.id, now.id, seen, change)
        .await?;
    Ok(etag::entity(StatusCode::OK, &view(&tracker)))
}

async fn delete(call: Call) -> Result<Response, ApiError> {
    let now = owned(&call)?;
    let seen = etag::demanded(&call.headers, "TRACKER", &view(&now))?.then(|| Arc::clone(&now));
    call.rest
        .registry
        .delete_tracker(call.client.id, now.id, seen)
        .await?;
    Ok(create::nothing())
}

/// The client's tracker of the id in the path.
fn owned(call: &Call) -> Result<Arc<Tracker>, ApiError> {
    let tracker = call.rest.registry.tracker(TrackerId(page::id(call)?));
    tracker
        .filter(|tracker| call.owns(tracker.client))
        .ok_or(ApiError::NotFound {
            entity: "TRACKER",
            field: "id",
        })
}

fn made(tracker: &Tracker) -> Remembered {
    create::answer(format!("/v1/trackers/{}", tracker.id), &view(tracker))
}

fn view(tracker: &Tracker) -> TrackerResource {
    TrackerResource {
        id: tracker.id.0,
        name: tracker.name.clone(),
        description: tracker.description.clone(),
        imei: tracker.imei.as_deref().map(str::to_owned),
        status: tracker.status.clone(),
        device_id: tracker.device.map(|device| device.0),
        context: tracker.context.iter().cloned().collect(),
    }
}
