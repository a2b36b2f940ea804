//! `/v1/config`: the thresholds of the client's reports. There is one or none.

use std::sync::Arc;

use fixstream_core::registry::{CONFIG_MISSING, ReportConfig, Thresholds};
use poem::Response;
use poem::http::{HeaderValue, Method, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use super::{create, etag};
use crate::rest::codes;
use crate::rest::config::{changed, update_with};
use crate::rest::error::ApiError;
use crate::rest::fields;
use crate::rest::operation::{Call, Content, Operation};
use crate::rest::validate::{self, Field};

const PATH: &str = "/v1/config";

/// A change.
pub(super) const CHANGE: &[Field] = &[
    fields::threshold("maxSpeedKmh").never_null(),
    fields::threshold("minStopMinutes").never_null(),
    fields::threshold("maxStopSpeedKmh").never_null(),
    fields::threshold("maxStopDistanceMeters").never_null(),
    fields::threshold("minMovementSpeedKmh").never_null(),
    fields::threshold("minMovementDistanceMeters").never_null(),
    fields::threshold("gapThresholdSeconds").never_null(),
];

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ConfigResource {
    id: u32,
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
    const PATHS: &[&str] = &["/config"];
    vec![
        Operation::new(
            Method::GET,
            "get_config_resource",
            PATHS,
            "The thresholds that the client has set",
            get,
        )
        .resource()
        .answers::<ConfigResource>(200, "They, with their ETag")
        .refuses(&codes::ENTITY_NOT_FOUND),
        Operation::new(
            Method::PUT,
            "put_config_resource",
            PATHS,
            "Sets all thresholds",
            put,
        )
        .resource()
        .body(fields::CONFIG)
        .answers::<ConfigResource>(200, "As they are now")
        .answers::<ConfigResource>(201, "There were none")
        .refuses(&codes::PRECONDITION_FAILED),
        Operation::new(
            Method::PATCH,
            "update_config_resource",
            PATHS,
            "Changes what the body mentions",
            update,
        )
        .resource()
        .body(CHANGE)
        .answers::<ConfigResource>(200, "As they are now")
        .refuses(&codes::ENTITY_NOT_FOUND)
        .refuses(&codes::PRECONDITION_FAILED),
        Operation::new(
            Method::DELETE,
            "delete_config_resource",
            PATHS,
            "Forgets the thresholds: the defaults hold again",
            delete,
        )
        .resource()
        .answers_with(204, "They are forgotten", Content::Empty)
        .refuses(&codes::ENTITY_NOT_FOUND)
        .refuses(&codes::PRECONDITION_FAILED),
    ]
}

async fn get(call: Call) -> Result<Response, ApiError> {
    Ok(etag::entity(StatusCode::OK, &view(&*set(&call)?)))
}

async fn put(call: Call) -> Result<Response, ApiError> {
    let fields = validate::exact_body(&call.body, fields::CONFIG)?;
    let thresholds = changed(&fields, Thresholds::default());
    let registry = &call.rest.registry;
    let now = registry.config(call.client.id);
    let seen = if let Some(now) = &now {
        etag::demanded(&call.headers, "CONFIG", &view(now))?.then(|| Arc::clone(now))
    } else {
        etag::demanded_of_none(&call.headers, "CONFIG")?;
        None
    };
    let config = registry
        .set_config(call.client.id, seen, move |_| Ok(thresholds))
        .await?;
    if now.is_some() {
        return Ok(etag::entity(StatusCode::OK, &view(&config)));
    }
    let mut response = etag::entity(StatusCode::CREATED, &view(&config));
    response
        .headers_mut()
        .insert(header::LOCATION, HeaderValue::from_static(PATH));
    Ok(response)
}

async fn update(call: Call) -> Result<Response, ApiError> {
    let now = set(&call)?;
    let fields = validate::exact_body(&call.body, CHANGE)?;
    let seen = etag::demanded(&call.headers, "CONFIG", &view(&now))?.then_some(now);
    let config = update_with(&call, seen, fields).await?;
    Ok(etag::entity(StatusCode::OK, &view(&config)))
}

async fn delete(call: Call) -> Result<Response, ApiError> {
    let now = set(&call)?;
    let seen = etag::demanded(&call.headers, "CONFIG", &view(&now))?.then_some(now);
    call.rest
        .registry
        .delete_config(call.client.id, None, seen)
        .await?;
    Ok(create::nothing())
}

/// What the client has set.
fn set(call: &Call) -> Result<Arc<ReportConfig>, ApiError> {
    let config = call.rest.registry.config(call.client.id);
    config.ok_or_else(|| CONFIG_MISSING.into())
}

fn view(config: &ReportConfig) -> ConfigResource {
    let Thresholds {
        max_speed_kmh,
        min_stop_minutes,
        max_stop_speed_kmh,
        max_stop_distance_meters,
        min_movement_speed_kmh,
        min_movement_distance_meters,
        gap_threshold_seconds,
    } = config.thresholds;
    ConfigResource {
        id: config.id,
        max_speed_kmh,
        min_stop_minutes,
        max_stop_speed_kmh,
        max_stop_distance_meters,
        min_movement_speed_kmh,
        min_movement_distance_meters,
        gap_threshold_seconds,
    }
}
