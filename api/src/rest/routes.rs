//! All paths, and the door that every request passes.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use poem::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, Request, Response, Route, RouteMethod};

use super::dialect::Dialect;
use super::error::ApiError;
use super::metrics::RestMetrics;
use super::operation::{Answered, Operation};
use super::{
    Rest, config, dead_letters, devices, error_pages, health, latest, openapi, plugins, position_history,
    positions, trackers, v1, vendors,
};

/// From the head of a request to its answer, at most.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Ties a request to its log line; the caller's is kept when it is harmless.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Every endpoint that needs a key, in the order of the documents.
pub(super) fn operations() -> Vec<Operation> {
    [
        devices::operations(),
        trackers::operations(),
        positions::operations(),
        position_history::operations(),
        vendors::operations(),
        latest::operations(),
        config::operations(),
        health::operations(),
        dead_letters::operations(),
        v1::operations(),
        plugins::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The whole surface as an endpoint to serve.
pub fn routes(rest: Rest) -> impl Endpoint<Output = Response> {
    let rest = Arc::new(rest);
    let metrics = RestMetrics::default();
    metrics.register(&mut rest.metrics.lock());
    let mut known: BTreeMap<String, Methods> = BTreeMap::new();
    for operation in operations() {
        let (method, paths) = (operation.method.clone(), operation.paths);
        let prefixes = operation.dialect.prefixes();
        let served = operation.serve(&rest);
        for path in prefixes
            .iter()
            .flat_map(|prefix| paths.iter().map(move |path| at(prefix, path)))
        {
            known.entry(path).or_default().add(method.clone(), served.clone());
        }
    }
    let route = Route::new()
        .at("/healthz", Methods::get(health::alive()))
        .at("/readyz", Methods::get(health::ready(&rest)))
        .at("/metrics", Methods::get(health::metrics(&rest)))
        .at(
            openapi::path(Dialect::TrackerHub),
            Methods::get(openapi::serve(Dialect::TrackerHub)),
        )
        .at(
            openapi::path(Dialect::Resource),
            Methods::get(openapi::serve(Dialect::Resource)),
        )
        .at("/docs", Methods::get(openapi::ui()))
        .at("/docs/", Methods::get(openapi::ui()))
        .at("/docs/*file", Methods::get(openapi::ui()))
        .at("/docs/errors", Methods::get(error_pages::serve()))
        .at("/docs/errors/:code", Methods::get(error_pages::serve()));
    let route = known
        .into_iter()
        .fold(route, |route, (path, methods)| route.at(path, methods));
    Door { route, metrics }
}

/// A documented path in the router's form: `{id}` is `:id` there.
fn at(prefix: &str, path: &str) -> String {
    format!("{prefix}{}", path.replace('{', ":").replace('}', ""))
}

/// The methods of one path. Refuses the others with the list of those that it knows, as RFC 9110 has it.
#[derive(Default)]
struct Methods {
    route: RouteMethod,
    names: Vec<Method>,
}

/// The methods that a path knows, beside poem's refusal of another one.
#[derive(Clone)]
struct Allowed(HeaderValue);

impl Methods {
    /// Those of a path that is only read.
    fn get(endpoint: impl Endpoint + 'static) -> Self {
        let mut methods = Self::default();
        methods.add(Method::GET, endpoint);
        methods
    }

    fn add(&mut self, method: Method, endpoint: impl Endpoint + 'static) {
        self.route = std::mem::take(&mut self.route).method(method.clone(), endpoint);
        self.names.push(method);
    }
}

impl Endpoint for Methods {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        self.route.call(request).await.map_err(|mut error| {
            let names: Vec<&str> = self.names.iter().map(Method::as_str).collect();
            if let Ok(names) = HeaderValue::try_from(names.join(", ")) {
                error.set_data(Allowed(names));
            }
            error
        })
    }
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
            Ok(Ok(Err(error))) => {
                let refusal = refused(&error);
                let mut response = dialect.failure(&refusal, &[]);
                if let (ApiError::NoMethod, Some(Allowed(names))) = (refusal, error.data()) {
                    response.headers_mut().insert(header::ALLOW, names.clone());
                }
                response
            }
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
            route: Route::new().at("/broken", poem::get(broken)),
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
