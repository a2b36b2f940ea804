//! All paths, and the door that every request passes.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fixstream_core::registry::Scope;
use futures_util::FutureExt as _;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{Endpoint, Request, Response, Route, get, post};

use super::dialect::Dialect;
use super::error::ApiError;
use super::metrics::RestMetrics;
use super::operation::{Answered, operation};
use super::{Rest, dead_letters, devices, health, latest, positions, resource, trackers, vendors};

/// From the head of a request to its answer, at most.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Ties a request to its log line; the caller's is kept when it is harmless.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The whole surface as an endpoint to serve.
pub fn routes(rest: Rest) -> impl Endpoint<Output = Response> {
    let rest = Arc::new(rest);
    let metrics = RestMetrics::default();
    metrics.register(&mut rest.metrics.lock());
    // The contract's samples write to the read prefix: both prefixes, and none, serve everything.
    let mut route = Route::new()
        .at("/healthz", get(health::alive()))
        .at("/readyz", get(health::ready(&rest)))
        .at("/metrics", get(health::metrics(&rest)));
    for prefix in ["", "/tracking/read", "/tracking/write"] {
        route = mount(route, prefix, &rest);
    }
    route = mount_resources(route, &rest);
    Door { route, metrics }
}

/// The resource surface.
fn mount_resources(route: Route, rest: &Arc<Rest>) -> Route {
    let at = |path: &str| format!("{}{path}", resource::PREFIX);
    route
        .at(
            at("/dead-letters"),
            get(
                operation(rest, "list_dead_letters", Scope::Read, dead_letters::list)
                    .speaking(Dialect::Resource),
            ),
        )
        .at(
            at("/dead-letters/replay"),
            post(
                operation(rest, "replay_dead_letters", Scope::Write, dead_letters::replay)
                    .speaking(Dialect::Resource),
            ),
        )
}

fn mount(route: Route, prefix: &str, rest: &Arc<Rest>) -> Route {
    let at = |path: &str| format!("{prefix}{path}");
    let mut route = route
        .at(
            at("/healthcheck"),
            get(operation(rest, "healthcheck", Scope::Read, health::check)),
        )
        .at(
            at("/tracker"),
            get(operation(rest, "list_trackers", Scope::Read, trackers::list)).post(operation(
                rest,
                "create_tracker",
                Scope::Write,
                trackers::create,
            )),
        )
        .at(
            at("/device/create"),
            post(operation(rest, "create_device", Scope::Write, devices::create)),
        )
        .at(
            at("/device"),
            get(operation(rest, "get_devices", Scope::Read, devices::get)).post(operation(
                rest,
                "create_device",
                Scope::Write,
                devices::create,
            )),
        )
        .at(
            at("/device/list"),
            post(operation(rest, "list_devices", Scope::Read, devices::list)),
        )
        .at(
            at("/position/create"),
            post(operation(
                rest,
                "create_position",
                Scope::Write,
                positions::create,
            )),
        )
        .at(
            at("/position/vendor/:vendor"),
            post(operation(rest, "vendor_position", Scope::Write, vendors::create)),
        )
        .at(
            at("/latest-position"),
            get(operation(rest, "latest_all", Scope::Read, latest::all)),
        )
        .at(
            at("/latest-positions/:deviceId"),
            get(operation(rest, "latest_of_one", Scope::Read, latest::of_one)),
        );
    // The contract's sample URL ends in a slash with nothing behind it; the id is then in the query.
    for path in ["/latest-positions", "/latest-positions/"] {
        route = route.at(
            at(path),
            get(operation(rest, "latest_of_one", Scope::Read, latest::of_one)).post(operation(
                rest,
                "latest_of_some",
                Scope::Read,
                latest::of_some,
            )),
        );
    }
    for path in ["/device-type", "/device-types", "/deviceType"] {
        route = route.at(
            at(path),
            get(operation(rest, "list_device_types", Scope::Read, devices::types)),
        );
    }
    route
}

/// Around everything: request id, time limit, panics, unknown paths, access log, metrics.
struct Door {
    route: Route,
    metrics: RestMetrics,
}

impl Endpoint for Door {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let started = Instant::now();
        let id = request_id(&request);
        let method = request.method().clone();
        let path = request.uri().path().to_owned();

        let dialect = Dialect::of(&path);

        let answer = AssertUnwindSafe(self.route.call(request)).catch_unwind();
        let mut response = match tokio::time::timeout(TIME_LIMIT, answer).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(error))) => dialect.failure(&refused(&error), &[]),
            Ok(Err(_panic)) => {
                tracing::error!(%method, path, "a request handler panicked");
                dialect.failure(&ApiError::Failed, &[])
            }
            Err(_elapsed) => dialect.failure(&ApiError::TimedOut, &[]),
        };

        let took = started.elapsed();
        let answered = response.data::<Answered>().copied().unwrap_or(Answered {
            operation: "other",
            key: 0,
        });
        let status = response.status().as_u16();
        self.metrics.count(answered.operation, status, took);
        tracing::debug!(
            id = id.to_str().unwrap_or_default(),
            %method,
            path,
            status,
            key = answered.key,
            micros = took.as_micros() as u64,
            "request"
        );
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, id);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

/// What poem itself refused.
fn refused(error: &poem::Error) -> ApiError {
    match error.status() {
        StatusCode::NOT_FOUND => ApiError::NoRoute,
        StatusCode::METHOD_NOT_ALLOWED => ApiError::NoMethod,
        status => {
            tracing::error!(%status, %error, "a request failed");
            ApiError::Failed
        }
    }
}

/// The caller's request id if it is short and plain, else a new one.
fn request_id(request: &Request) -> HeaderValue {
    let plain = |id: &&HeaderValue| {
        let bytes = id.as_bytes();
        (1..=64).contains(&bytes.len())
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
    };
    if let Some(id) = request.headers().get(REQUEST_ID).filter(plain) {
        return id.clone();
    }
    HeaderValue::from_str(&format!("{:016x}", rand::random::<u64>())).unwrap_or(HeaderValue::from_static("-"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[tokio::test]
    async fn a_panicking_handler_is_answered_in_the_envelope() {
        let broken = poem::endpoint::make_sync(|_| -> Response { panic!("on purpose") });
        let door = Door {
            route: Route::new().at("/broken", get(broken)),
            metrics: RestMetrics::default(),
        };
        let mut response = door
            .get_response(Request::builder().uri_str("/broken").finish())
            .await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = response.take_body().into_string().await.unwrap();
        assert!(body.contains("REQUEST_FAILED"), "{body}");
        assert!(!body.contains("on purpose"), "{body}");
        assert!(response.header("x-request-id").is_some());
    }
}
