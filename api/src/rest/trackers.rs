//! Trackers.

use std::sync::Arc;

use fixstream_core::model::TrackerId;
use fixstream_core::registry::{NewTracker, Tracker, TrackerChange};
use poem::Response;
use poem::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::codes;
use super::envelope::{self, Success};
use super::error::ApiError;
use super::fields;
use super::operation::{Call, Operation};
use super::validate::{self, Checked};

/// Where the request says nothing.
pub(super) const DEFAULT_STATUS: &str = "active";

#[derive(Serialize, JsonSchema)]
struct TrackerView {
    id_tracker: u32,
    id_client: u32,
    tracker_name: String,
    tracker_desc: Option<String>,
    tracker_imei: Option<String>,
    status: String,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::POST,
            "create_tracker",
            &["/tracker"],
            "Registers a tracker",
            create,
        )
        .body(fields::TRACKER)
        .answers::<Success>(201, "The tracker is registered")
        .refuses(&codes::ENTITY_WITH_FIELD_ALREADY_EXISTS),
        Operation::new(
            Method::GET,
            "list_trackers",
            &["/tracker"],
            "The trackers, by id",
            list,
        )
        .query(fields::TRACKER_FILTERS)
        .answers::<Vec<TrackerView>>(200, "Those that match all filters"),
        Operation::new(
            Method::PATCH,
            "update_tracker",
            &["/tracker"],
            "Changes what the body mentions",
            update,
        )
        .body(fields::TRACKER_CHANGE)
        .answers::<Success>(200, "It is changed")
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(&codes::ENTITY_WITH_FIELD_ALREADY_EXISTS),
        Operation::new(
            Method::DELETE,
            "delete_tracker",
            &["/tracker"],
            "Deletes a tracker that no device and no MQTT credential refers to, by id, IMEI or both",
            delete,
        )
        .body(fields::TRACKER_CHOICE)
        .answers::<Success>(200, "It is deleted")
        .refuses(&codes::ENTITY_NOT_FOUND)
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(codes::IN_USE),
    ]
}

/// `POST /tracker`.
pub(super) async fn create(call: Call) -> Result<Response, ApiError> {
    let fields = validate::body(&call.body, fields::TRACKER)?;
    let new = NewTracker {
        name: fields.required_text("trackerName"),
        description: fields.text("trackerDesc").map(str::to_owned),
        imei: fields.text("imei").map(str::to_owned),
        status: fields.text("status").unwrap_or(DEFAULT_STATUS).to_owned(),
        context: Vec::new(),
    };
    call.rest.registry.create_tracker(call.client.id, new).await?;
    Ok(envelope::success(
        StatusCode::CREATED,
        "Tracker created successfully",
    ))
}

/// `GET /tracker`.
pub(super) async fn list(call: Call) -> Result<Response, ApiError> {
    let filters = validate::query(call.query, fields::TRACKER_FILTERS)?;
    let wanted = |tracker: &Arc<Tracker>| {
        filters.id("idTracker").is_none_or(|id| tracker.id.0 == id)
            && filters
                .text("imei")
                .is_none_or(|imei| tracker.imei.as_deref() == Some(imei))
            && filters
                .text("status")
                .is_none_or(|status| tracker.status == status)
    };
    let mut trackers = call.rest.registry.trackers(call.client.id);
    trackers.retain(wanted);
    Ok(envelope::list(trackers, |tracker| {
        Some(TrackerView {
            id_tracker: tracker.id.0,
            id_client: tracker.client.0,
            tracker_name: tracker.name.clone(),
            tracker_desc: tracker.description.clone(),
            tracker_imei: tracker.imei.as_deref().map(str::to_owned),
            status: tracker.status.clone(),
        })
    }))
}

/// `PATCH /tracker`. Null is the same as leaving a field out.
async fn update(call: Call) -> Result<Response, ApiError> {
    let fields = validate::body(&call.body, fields::TRACKER_CHANGE)?;
    let text = |name| fields.text(name).map(str::to_owned);
    let change = TrackerChange {
        name: text("trackerName"),
        description: text("trackerDesc").map(Some),
        imei: text("imei").map(Some),
        status: text("status"),
        context: None,
    };
    let id = TrackerId(fields.required_id("idTracker"));
    call.rest
        .registry
        .update_tracker(call.client.id, id, None, change)
        .await?;
    Ok(envelope::success(StatusCode::OK, envelope::PROCESSED))
}

/// `DELETE /tracker`.
async fn delete(call: Call) -> Result<Response, ApiError> {
    let fields = validate::body(&call.body, fields::TRACKER_CHOICE)?;
    let id = chosen(&call, &fields)?;
    call.rest
        .registry
        .delete_tracker(call.client.id, id, None)
        .await?;
    Ok(envelope::success(StatusCode::OK, envelope::PROCESSED))
}

/// The tracker that `idTracker`, `imei` or both mean.
fn chosen(call: &Call, fields: &Checked) -> Result<TrackerId, ApiError> {
    let registry = &call.rest.registry;
    let not_found = |field| ApiError::NotFound {
        entity: "TRACKER",
        field,
    };
    let by_imei = |imei| registry.tracker_by_imei(call.client.id, imei);
    match (fields.id("idTracker").map(TrackerId), fields.text("imei")) {
        (None, None) => Err(ApiError::Violations(vec![validate::violation(
            &codes::FIELD_MUST_BE_DEFINED,
            "idTracker",
            &[],
        )])),
        (Some(id), None) => Ok(id),
        (None, Some(imei)) => by_imei(imei)
            .map(|tracker| tracker.id)
            .ok_or_else(|| not_found("imei")),
        (Some(id), Some(imei)) => {
            if by_imei(imei).is_some_and(|tracker| tracker.id == id) {
                Ok(id)
            } else {
                Err(ApiError::UnknownName {
                    entity: "TRACKER",
                    name: format!("{id} with imei {imei}"),
                })
            }
        }
    }
}
