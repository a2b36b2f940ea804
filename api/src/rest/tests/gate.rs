//! Unknown paths, sizes, health: what happens before and around every endpoint.

use fixstream_core::registry::Scope;
use fixstream_core::telemetry::Condition;
use poem::Request;
use poem::http::Method;
use serde_json::json;

use super::world::World;

#[tokio::test]
async fn unknown_paths_and_methods_answer_in_the_envelope() {
    let world = World::new().await;
    for path in [
        "/",
        "/nothing",
        "/tracking",
        "/tracking/read",
        "/tracking/other/tracker",
        "/tracker/1",
        "/position/vendor/a/b",
    ] {
        world
            .get(path)
            .await
            .error(404, "ROUTE_NOT_FOUND", "There is no such path");
    }
    for (method, path, allowed) in [
        (Method::PUT, "/tracker", "POST, GET, PATCH, DELETE"),
        (Method::GET, "/position/create", "POST"),
        (Method::POST, "/healthcheck", "GET"),
    ] {
        let answer = world.send(method, path, Some(&world.key), "{}").await;
        assert_eq!(answer.response.header("allow"), Some(allowed), "{path}");
        answer.error(405, "METHOD_NOT_ALLOWED", "This path does not answer this method");
    }
    // those that need no key, too
    for path in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/docs",
        "/docs/",
        "/docs/errors",
        "/docs/errors/FORBIDDEN",
        "/openapi.json",
        "/v1/openapi.json",
    ] {
        for method in [Method::POST, Method::DELETE, Method::OPTIONS] {
            let answer = world.send(method, path, None, ()).await;
            let allowed = answer.response.header("allow");
            assert_eq!((answer.status, allowed), (405, Some("GET")), "{path}");
        }
        let answer = world.send(Method::GET, path, None, ()).await;
        assert!(matches!(answer.status, 200 | 308), "{path}: {}", answer.status);
    }
}

#[tokio::test]
async fn a_body_of_more_than_a_mebibyte_is_refused() {
    let world = World::new().await;
    let mut body = json!({ "trackerName": "t", "filler": "" })
        .to_string()
        .into_bytes();
    body.resize(1 << 20, b' ');
    world
        .send(Method::POST, "/tracker", Some(&world.key), body.clone())
        .await
        .ok(201);
    body.push(b' ');
    let answer = world.send(Method::POST, "/tracker", Some(&world.key), body).await;
    answer.error(413, "BODY_TOO_LARGE", "The body must have at most 1048576 bytes");
}

#[tokio::test]
async fn a_body_that_is_no_object_is_invalid_parameters() {
    let world = World::new().await;
    let long = "[".repeat(500_000);
    for path in [
        "/tracker",
        "/device/create",
        "/device/list",
        "/position/create",
        "/latest-positions",
    ] {
        for body in ["", "nonsense", "[]", "null", long.as_str()] {
            let answer = world
                .send(Method::POST, path, Some(&world.key), body.to_owned())
                .await;
            answer.error(
                400,
                "INVALID_PARAMETERS",
                "There were one or more validation errors in the request",
            );
            assert!(answer.body["error"]["details"]["reason"].is_string());
        }
    }
}

#[tokio::test]
async fn a_request_id_is_kept_when_harmless_and_made_when_not() {
    let world = World::new().await;
    let with = |id: &str| {
        Request::builder()
            .uri_str("/healthz")
            .header("x-request-id", id)
            .finish()
    };
    let id = |answer: &super::world::Answer| answer.response.header("x-request-id").unwrap().to_owned();
    assert_eq!(id(&world.ask(with("abc-1.2_3")).await), "abc-1.2_3");
    for bad in ["", "a b", "<script>", &"x".repeat(65)] {
        let made = id(&world.ask(with(bad)).await);
        assert_eq!(made.len(), 16);
    }
}

#[tokio::test]
async fn health_tells_the_parts_and_reasons_only_to_administrators() {
    let world = World::new().await;
    let (_, admin) = world
        .registry
        .create_api_key("a", world.ours, None, &[Scope::Admin])
        .await
        .unwrap();
    world.health.set("journal", Condition::Ok);
    world.health.set("history", Condition::Degraded("slow".into()));
    let answer = world.get("/healthcheck").await.ok(200);
    let parts = &answer.body["parts"];
    assert_eq!(parts["history"], json!({ "condition": "degraded" }));
    assert_eq!(parts["journal"], json!({ "condition": "ok" }));
    let answer = world
        .send(Method::GET, "/healthcheck", Some(&admin), ())
        .await
        .ok(200);
    assert_eq!(
        answer.body["parts"]["history"],
        json!({ "condition": "degraded", "reason": "slow" })
    );
    assert_eq!(world.send(Method::GET, "/readyz", None, ()).await.status, 200);

    world.health.set("journal", Condition::Down("disk".into()));
    let answer = world.get("/healthcheck").await;
    assert_eq!((answer.status, &answer.body["status"]), (503, &json!("error")));
    assert_eq!(world.send(Method::GET, "/readyz", None, ()).await.status, 503);
    assert_eq!(world.send(Method::GET, "/healthz", None, ()).await.status, 200);
}

#[tokio::test]
async fn metrics_count_requests_by_operation_and_status() {
    let world = World::new().await;
    world.get("/tracker").await;
    world.send(Method::GET, "/tracker", None, ()).await;
    let answer = world.send(Method::GET, "/metrics", None, ()).await;
    let text = answer.body.as_str().unwrap();
    assert!(
        text.contains("fixstream_rest_requests_total{operation=\"list_trackers\",status=\"200\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("fixstream_rest_requests_total{operation=\"list_trackers\",status=\"401\"} 1"),
        "{text}"
    );
    assert!(text.ends_with("# EOF\n"));
}
