//! The thresholds of a client's reports.

use std::sync::Arc;

use fixstream_core::registry::{CONFIG_MISSING, RegistryError, ReportConfig, Thresholds};
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

/// The documented shape: two of the speeds are texts.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ConfigView {
    id_config: u32,
    id_client: u32,
    min_stop_minutes: u32,
    max_stop_speed_kmh: String,
    max_stop_distance_meters: u32,
    min_movement_speed_kmh: String,
    min_movement_distance_meters: u32,
    gap_threshold_seconds: u32,
    max_speed_kmh: u32,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    const PATH: &[&str] = &["/config"];
    vec![
        Operation::new(
            Method::POST,
            "create_config",
            PATH,
            "Sets the thresholds of the client's reports",
            create,
        )
        .body(fields::CONFIG)
        .answers::<Success>(201, "They hold from now on")
        .refuses(&codes::ENTITY_ALREADY_EXISTS),
        Operation::new(
            Method::GET,
            "get_config",
            PATH,
            "The thresholds that the client has set",
            get,
        )
        .answers::<Vec<ConfigView>>(200, "One element, or none when the defaults hold"),
        Operation::new(
            Method::PATCH,
            "update_config",
            PATH,
            "Changes some of the thresholds",
            update,
        )
        .body(fields::CONFIG_CHANGE)
        .answers::<Success>(200, "They hold from now on")
        .refuses(&codes::ENTITY_NOT_FOUND),
        Operation::new(
            Method::DELETE,
            "delete_config",
            PATH,
            "Forgets the thresholds: the defaults hold again",
            delete,
        )
        .body(fields::CONFIG_CHOICE)
        .answers::<Success>(200, "They are forgotten")
        .refuses(&codes::ENTITY_NOT_FOUND),
    ]
}

/// `POST /config`.
async fn create(call: Call) -> Result<Response, ApiError> {
    let fields = validate::body(&call.body, fields::CONFIG)?;
    let thresholds = changed(&fields, Thresholds::default());
    call.rest
        .registry
        .set_config(call.client.id, None, move |now| match now {
            Some(_) => Err(RegistryError::Exists {
                entity: "CONFIG",
                field: "IDCLIENT",
            }),
            None => Ok(thresholds),
        })
        .await?;
    Ok(envelope::success(
        StatusCode::CREATED,
        "Config created successfully",
    ))
}

/// `GET /config`.
async fn get(call: Call) -> Result<Response, ApiError> {
    let config: Vec<_> = call.rest.registry.config(call.client.id).into_iter().collect();
    Ok(envelope::list(config, |config| Some(view(config))))
}

/// `PATCH /config`.
async fn update(call: Call) -> Result<Response, ApiError> {
    let fields = validate::body(&call.body, fields::CONFIG_CHANGE)?;
    update_with(&call, None, fields).await?;
    Ok(envelope::success(StatusCode::OK, envelope::PROCESSED))
}

/// `DELETE /config`; no body is the same as an empty one.
async fn delete(call: Call) -> Result<Response, ApiError> {
    let body = if call.body.is_empty() {
        b"{}"
    } else {
        &call.body[..]
    };
    let fields = validate::body(body, fields::CONFIG_CHOICE)?;
    call.rest
        .registry
        .delete_config(call.client.id, fields.id("idConfig"), None)
        .await?;
    Ok(envelope::success(StatusCode::OK, envelope::PROCESSED))
}

/// Changes what the fields mention; there must be a configuration. `seen`: only if it is still so.
pub(super) async fn update_with(
    call: &Call,
    seen: Option<Arc<ReportConfig>>,
    fields: Checked,
) -> Result<Arc<ReportConfig>, ApiError> {
    let next = move |now: Option<&ReportConfig>| {
        let now = now.ok_or(CONFIG_MISSING)?;
        Ok(changed(&fields, now.thresholds))
    };
    Ok(call.rest.registry.set_config(call.client.id, seen, next).await?)
}

/// `now` with what the fields mention.
pub(super) fn changed(fields: &Checked, now: Thresholds) -> Thresholds {
    let value = |name, now| fields.id(name).unwrap_or(now);
    Thresholds {
        max_speed_kmh: value("maxSpeedKmh", now.max_speed_kmh),
        min_stop_minutes: value("minStopMinutes", now.min_stop_minutes),
        max_stop_speed_kmh: value("maxStopSpeedKmh", now.max_stop_speed_kmh),
        max_stop_distance_meters: value("maxStopDistanceMeters", now.max_stop_distance_meters),
        min_movement_speed_kmh: value("minMovementSpeedKmh", now.min_movement_speed_kmh),
        min_movement_distance_meters: value("minMovementDistanceMeters", now.min_movement_distance_meters),
        gap_threshold_seconds: value("gapThresholdSeconds", now.gap_threshold_seconds),
    }
}

fn view(config: &ReportConfig) -> ConfigView {
    let Thresholds {
        max_speed_kmh,
        min_stop_minutes,
        max_stop_speed_kmh,
        max_stop_distance_meters,
        min_movement_speed_kmh,
        min_movement_distance_meters,
        gap_threshold_seconds,
    } = config.thresholds;
    ConfigView {
        id_config: config.id,
        id_client: config.client.0,
        min_stop_minutes,
        max_stop_speed_kmh: max_stop_speed_kmh.to_string(),
        max_stop_distance_meters,
        min_movement_speed_kmh: min_movement_speed_kmh.to_string(),
        min_movement_distance_meters,
        gap_threshold_seconds,
        max_speed_kmh,
    }
}
