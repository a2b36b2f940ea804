//! Whether the hub is well: for clients, for probes, for Prometheus.

use std::collections::BTreeMap;
use std::sync::Arc;

use fixstream_core::clock;
use fixstream_core::registry::Scope;
use fixstream_core::telemetry::Condition;
use poem::http::{Method, StatusCode};
use poem::{Endpoint, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::Rest;
use super::envelope;
use super::error::ApiError;
use super::operation::{Call, Operation};

/// How the hub and its parts are.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct HealthView {
    /// `ok` or `error`.
    status: &'static str,
    message: &'static str,
    uptime_seconds: i64,
    parts: BTreeMap<String, PartView>,
}

#[derive(Serialize, JsonSchema)]
struct PartView {
    /// `ok`, `degraded` or `down`.
    condition: &'static str,
    /// For administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "healthcheck",
            &["/healthcheck"],
            "Whether the hub and its parts are well",
            check,
        )
        .answers::<HealthView>(200, "No part is down")
        .answers::<HealthView>(503, "A part is down"),
    ]
}

/// `GET /healthcheck`: 503 only when a part is down. Why is for administrators: it may name hosts and files.
pub(super) async fn check(call: Call) -> Result<Response, ApiError> {
    let rest = &call.rest;
    let reasons = call.key.may(Scope::Admin);
    let mut parts = BTreeMap::new();
    let mut degraded = false;
    for (name, condition) in rest.health.parts() {
        let (condition, reason) = match condition {
            Condition::Ok => ("ok", None),
            Condition::Degraded(reason) => ("degraded", Some(reason)),
            Condition::Down(reason) => ("down", Some(reason)),
        };
        degraded |= condition != "ok";
        let reason = reason.filter(|_| reasons);
        parts.insert(name.to_owned(), PartView { condition, reason });
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
        &HealthView {
            status: if up { "ok" } else { "error" },
            message,
            uptime_seconds,
            parts,
        },
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
