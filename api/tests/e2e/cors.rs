//! Which web pages may call the API, as `rest.cors_origins` says: what a browser asks before it sends a page's request,
//! and what it lets the page see of the answer.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::harness::Hub;

const OURS: &str = "https://fleet.example.com";
const THEIRS: &str = "https://elsewhere.example.com";

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

/// The values of a header that is a list, lower case.
fn list(answer: &Response, name: &str) -> Vec<String> {
    let values = header(answer, name).unwrap_or_default().to_ascii_lowercase();
    values.split(',').map(|value| value.trim().to_owned()).collect()
}

/// What a browser asks before a page of `origin` may send a PATCH with a key and a precondition.
async fn preflight(hub: &Hub, origin: &str) -> Response {
    let request = hub.http.request(Method::OPTIONS, hub.url("/v1/trackers/1"));
    let request = request
        .header("origin", origin)
        .header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", "apikey,content-type,if-match");
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_configured_origin_calls_the_api_and_others_do_not() {
    let mut hub = Hub::new(&[]);
    let tenant = hub.tenant("own").await;
    hub.set("FIXSTREAM_REST__CORS_ORIGINS", format!("[\"{OURS}\"]"));
    hub.start().await;

    let asked = preflight(&hub, OURS).await;
    assert_eq!(asked.status(), 200);
    assert_eq!(header(&asked, "access-control-allow-origin"), Some(OURS));
    let methods = list(&asked, "access-control-allow-methods");
    for method in ["get", "post", "put", "patch", "delete"] {
        assert!(methods.iter().any(|one| one == method), "{method}: {methods:?}");
    }
    let headers = list(&asked, "access-control-allow-headers");
    for name in ["apikey", "content-type", "if-match"] {
        assert!(headers.iter().any(|one| one == name), "{name}: {headers:?}");
    }

    // the request itself, of which the page may see where what was made is, and its tag
    let request = hub.http.post(hub.url("/v1/trackers"));
    let request = request.header("origin", OURS).header("apikey", &tenant.key);
    let made = request.json(&json!({ "name": "t" })).send().await.unwrap();
    assert_eq!(made.status(), 201);
    assert_eq!(header(&made, "access-control-allow-origin"), Some(OURS));
    let exposed = list(&made, "access-control-expose-headers");
    for name in ["etag", "location", "retry-after", "x-request-id"] {
        assert!(exposed.iter().any(|one| one == name), "{name}: {exposed:?}");
    }
    assert!(header(&made, "etag").is_some() && header(&made, "location").is_some());
    // a refusal must be readable too
    let request = hub.http.get(hub.url("/v1/trackers")).header("origin", OURS);
    let refused = request.send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(header(&refused, "access-control-allow-origin"), Some(OURS));

    // what no endpoint answers is said to be that, not to be another page's
    let request = hub.http.request(Method::OPTIONS, hub.url("/v1/trackers/1"));
    let request = request
        .header("origin", OURS)
        .header("access-control-request-method", "TRACE");
    let refused = request.send().await.unwrap();
    assert_eq!(refused.status(), 403);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["code"], "preflight_method_not_allowed", "{body}");

    // another page: refused before anything is done, in the form of the surface
    let asked = preflight(&hub, THEIRS).await;
    assert_eq!(asked.status(), 403);
    assert_eq!(header(&asked, "access-control-allow-origin"), None);
    for (path, place, code) in [
        ("/v1/trackers", "/code", "origin_not_allowed"),
        ("/tracker", "/error/error_code", "ORIGIN_NOT_ALLOWED"),
    ] {
        let request = hub.http.post(hub.url(path)).header("origin", THEIRS);
        let request = request.header("apikey", &tenant.key);
        let body = json!({ "name": "stolen", "trackerName": "stolen" });
        let refused = request.json(&body).send().await.unwrap();
        assert_eq!(refused.status(), 403, "{path}");
        assert_eq!(header(&refused, "access-control-allow-origin"), None, "{path}");
        let body: Value = refused.json().await.unwrap();
        assert_eq!(body.pointer(place), Some(&json!(code)), "{body}");
    }
    let (_, listed) = hub.get(&tenant.key, "/v1/trackers").await;
    assert_eq!(listed["totalElements"], 1, "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_origins_a_browser_is_told_nothing_and_keeps_every_page_out() {
    let mut hub = Hub::new(&[]);
    hub.start().await;
    let asked = preflight(&hub, OURS).await;
    assert_eq!(asked.status(), 405);
    let request = hub.http.get(hub.url("/healthz")).header("origin", OURS);
    for answer in [asked, request.send().await.unwrap()] {
        let names: Vec<&str> = answer
            .headers()
            .keys()
            .map(reqwest::header::HeaderName::as_str)
            .collect();
        assert!(
            !names.iter().any(|name| name.starts_with("access-control-")),
            "{names:?}"
        );
    }
}
