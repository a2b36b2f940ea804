//! Which web pages may call the API from a browser.

use poem::endpoint::BoxEndpoint;
use poem::error::CorsError;
use poem::http::Method;
use poem::middleware::Cors;
use poem::{Endpoint, EndpointExt as _, Response};

use super::codes::{self, Code};
use super::dialect::Dialect;
use super::error::ApiError;

/// Lets pages of these origins in (`*`: of all); without any, browsers keep every page out.
pub fn cors(
    endpoint: impl Endpoint<Output = Response> + 'static,
    origins: &[String],
) -> BoxEndpoint<'static, Response> {
    if origins.is_empty() {
        return endpoint.boxed();
    }
    let cors = Cors::new()
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([
            "apikey",
            "content-type",
            "if-match",
            "idempotency-key",
            "x-request-id",
        ])
        .expose_headers(["etag", "location", "retry-after", "x-request-id"]);
    let cors = if origins.iter().any(|origin| origin == "*") {
        cors.allow_origins_fn(|_| true)
    } else {
        cors.allow_origins(origins.iter().map(String::as_str))
    };
    endpoint
        .with(cors)
        .around(|inner, request| async move {
            let dialect = Dialect::of(request.uri().path());
            inner
                .call(request)
                .await
                .or_else(|error| match error.downcast_ref() {
                    Some(why) => Ok(dialect.failure(&ApiError::KeptOut(code(why)), &[])),
                    None => Err(error),
                })
        })
        .map_to_response()
        .boxed()
}

/// What is wrong with a page, or with what it wants to send.
const fn code(why: &CorsError) -> &'static Code {
    match why {
        CorsError::OriginNotAllowed => &codes::ORIGIN_NOT_ALLOWED,
        CorsError::MethodNotAllowed => &codes::PREFLIGHT_METHOD_NOT_ALLOWED,
        CorsError::HeadersNotAllowed => &codes::PREFLIGHT_HEADER_NOT_ALLOWED,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use poem::Request;
    use poem::http::StatusCode;

    use super::*;

    async fn ask(origins: &[&str], method: Method, origin: Option<&str>) -> Response {
        let origins: Vec<String> = origins.iter().map(|origin| (*origin).to_owned()).collect();
        let endpoint = cors(
            poem::endpoint::make_sync(|_| Response::builder().body("in")),
            &origins,
        );
        let mut request = Request::builder().method(method);
        if let Some(origin) = origin {
            request = request
                .header("origin", origin)
                .header("access-control-request-method", "PATCH")
                .header("access-control-request-headers", "apikey");
        }
        endpoint.get_response(request.finish()).await
    }

    #[tokio::test]
    async fn a_page_of_a_configured_origin_may_call_and_others_may_not() {
        let ours = &["https://ours.example"];
        for method in [Method::GET, Method::OPTIONS] {
            let fine = ask(ours, method.clone(), Some("https://ours.example")).await;
            assert_eq!(fine.status(), StatusCode::OK);
            assert_eq!(
                fine.header("access-control-allow-origin"),
                Some("https://ours.example")
            );
            let refused = ask(ours, method.clone(), Some("https://theirs.example")).await;
            assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{method}");
            assert!(
                refused
                    .into_body()
                    .into_string()
                    .await
                    .unwrap()
                    .contains("ORIGIN_NOT_ALLOWED")
            );
            let any = ask(&["*"], method, Some("https://theirs.example")).await;
            assert_eq!(any.status(), StatusCode::OK);
        }
        // no browser, no origin
        assert_eq!(ask(ours, Method::GET, None).await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn a_preflight_is_told_which_part_of_it_is_wrong() {
        let endpoint = cors(
            poem::endpoint::make_sync(|_| Response::builder().body("in")),
            &["https://ours.example".to_owned()],
        );
        for (path, method, header, code) in [
            (
                "/tracker",
                Some("TRACE"),
                "apikey",
                "PREFLIGHT_METHOD_NOT_ALLOWED",
            ),
            (
                "/v1/trackers",
                Some("patch"),
                "apikey",
                "preflight_method_not_allowed",
            ),
            ("/v1/trackers", None, "apikey", "preflight_method_not_allowed"),
            (
                "/v1/trackers",
                Some("GET"),
                "x-secret",
                "preflight_header_not_allowed",
            ),
            (
                "/tracker",
                Some("GET"),
                "x-secret",
                "PREFLIGHT_HEADER_NOT_ALLOWED",
            ),
        ] {
            let uri: poem::http::Uri = path.parse().unwrap();
            let mut request = Request::builder().method(Method::OPTIONS).uri(uri);
            request = request
                .header("origin", "https://ours.example")
                .header("access-control-request-headers", header);
            if let Some(method) = method {
                request = request.header("access-control-request-method", method);
            }
            let refused = endpoint.get_response(request.finish()).await;
            assert_eq!(
                refused.status(),
                StatusCode::FORBIDDEN,
                "{path} {method:?} {header}"
            );
            let text = refused.into_body().into_string().await.unwrap();
            assert!(text.contains(&format!("\"{code}\"")), "{path} {method:?}: {text}");
        }
    }

    #[tokio::test]
    async fn without_origins_browsers_are_told_nothing() {
        let answer = ask(&[], Method::GET, Some("https://theirs.example")).await;
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}
