//! Whether the hub is well: for clients, for probes, for Prometheus.

use std::sync::Arc;

use fixstream_core::clock;
use fixstream_core::registry::Scope;
use fixstream_core::telemetry::Condition;
use poem::http::StatusCode;
use poem::{Endpoint, Response};
use serde_json::{Map, Value, json};

use super::Rest;
use super::envelope;
use super::error::ApiError;
use super::operation::Call;

/// `GET /healthcheck`: 503 only when a part is down. Why is for administrators: it may name hosts and files.
pub(super) async fn check(call: Call) -> Result<Response, ApiError> {
    let rest = &call.rest;
    let reasons = call.key.may(Scope::Admin);
    let mut parts = Map::new();
    let mut degraded = false;
    for (name, condition) in rest.health.parts() {
        let (condition, reason) = match condition {
            Condition::Ok => ("ok", None),
            Condition::Degraded(reason) => ("degraded", Some(reason)),
            Condition::Down(reason) => ("down", Some(reason)),
        };
        degraded |= condition != "ok";
        let mut part = json!({ "condition": condition });
        if let (true, Some(reason), Some(part)) = (reasons, reason, part.as_object_mut()) {
            part.insert("reason".into(), Value::String(reason));
        }
        parts.insert(name.to_owned(), part);
    }
    let up = rest.health.is_up();
    let message = match (up, degraded) {
        (false, _) => "At least one part is down",
        (true, true) => "Working, but at least one part is degraded",
        (true, false) => "All parts are working",
    };
    let status = if up {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let uptime_seconds = (clock::now().0 - rest.started.0).max(0) / 1000;
    Ok(envelope::json_response(
        status,
        &json!({
            "status": if up { "ok" } else { "error" },
            "message": message,
            "uptimeSeconds": uptime_seconds,
            "parts": parts,
        }),
    ))
}

/// `GET /healthz`: the process answers.
pub(super) fn alive() -> impl Endpoint {
    poem::endpoint::make_sync(|_| envelope::success(StatusCode::OK, "up"))
}

/// `GET /readyz`: no part is down.
pub(super) fn ready(rest: &Arc<Rest>) -> impl Endpoint + use<> {
    let health = rest.health.clone();
    poem::endpoint::make_sync(move |_| {
        if health.is_up() {
            envelope::success(StatusCode::OK, "ready")
        } else {
            envelope::failure(&ApiError::Overloaded { retry_after: 5 }, &[])
        }
    })
}

/// `GET /metrics`: OpenMetrics text.
pub(super) fn metrics(rest: &Arc<Rest>) -> impl Endpoint + use<> {
    let registry = Arc::clone(&rest.metrics);
    poem::endpoint::make_sync(move |_| {
        let mut text = String::new();
        match prometheus_client::encoding::text::encode(&mut text, &registry.lock()) {
            Ok(()) => Response::builder()
                .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
                .body(text),
            Err(error) => {
                tracing::error!(%error, "metrics can not be written");
                envelope::failure(&ApiError::Failed, &[])
            }
        }
    })
}
