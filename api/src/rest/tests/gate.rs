//! Keys, scopes, unknown paths, sizes, health: what happens before and around every endpoint.

use fixstream_core::registry::Scope;
use fixstream_core::telemetry::Condition;
use poem::Request;
use poem::http::Method;
use serde_json::json;

use super::world::World;

const ENDPOINTS: &[(Method, &str)] = &[
    (Method::GET, "/healthcheck"),
    (Method::GET, "/device-type"),
    (Method::GET, "/device-types"),
    (Method::GET, "/deviceType"),
    (Method::GET, "/tracker"),
    (Method::POST, "/tracker"),
    (Method::GET, "/device"),
    (Method::POST, "/device"),
    (Method::POST, "/device/create"),
    (Method::POST, "/device/list"),
    (Method::PATCH, "/tracker"),
    (Method::DELETE, "/tracker"),
    (Method::PATCH, "/device"),
    (Method::DELETE, "/device"),
    (Method::GET, "/config"),
    (Method::PATCH, "/config"),
    (Method::POST, "/config"),
    (Method::DELETE, "/config"),
    (Method::POST, "/position/create"),
    (Method::POST, "/position/vendor/traccar"),
    (Method::GET, "/latest-position"),
    (Method::POST, "/latest-positions"),
    (Method::GET, "/latest-positions/1"),
    (Method::GET, "/latest-positions/"),
];

#[tokio::test]
async fn every_endpoint_needs_a_valid_key_on_every_prefix() {
    let world = World::new().await;
    let (revoked, revoked_secret) = world
        .registry
        .create_api_key("r", world.ours, None, &[Scope::Admin])
        .await
        .unwrap();
    world.registry.revoke_api_key(revoked.id).await.unwrap();
    let cut = &world.key[..world.key.len() - 1];
    let mut bodies = Vec::new();
    for (method, path) in ENDPOINTS {
        for prefix in ["", "/tracking/read", "/tracking/write"] {
            for key in [
                None,
                Some(""),
                Some("wrong"),
                Some(cut),
                Some(revoked_secret.as_str()),
            ] {
                let answer = world
                    .send(method.clone(), &format!("{prefix}{path}"), key, "{}")
                    .await;
                assert_eq!(answer.status, 401, "{method} {prefix}{path}");
                bodies.push(answer.body);
            }
        }
    }
    assert_eq!(bodies[0]["error"]["error_code"], "UNAUTHORIZED");
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}

#[tokio::test]
async fn every_endpoint_answers_on_every_prefix() {
    let world = World::new().await;
    for (method, path) in ENDPOINTS {
        for prefix in ["", "/tracking/read", "/tracking/write"] {
            let answer = world
                .send(method.clone(), &format!("{prefix}{path}"), Some(&world.key), "{}")
                .await;
            assert!(
                matches!(answer.status, 200 | 400),
                "{method} {prefix}{path}: {}",
                answer.body
            );
        }
    }
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say() {
    let world = World::new().await;
    let (_, reader) = world
        .registry
        .create_api_key("r", world.ours, Some(world.our_link), &[Scope::Read])
        .await
        .unwrap();
    let (_, writer) = world
        .registry
        .create_api_key("w", world.ours, Some(world.our_link), &[Scope::Write])
        .await
        .unwrap();
    let (_, admin) = world
        .registry
        .create_api_key("a", world.ours, Some(world.our_link), &[Scope::Admin])
        .await
        .unwrap();
    let writes = [
        "/tracker",
        "/device",
        "/device/create",
        "/position/create",
        "/position/vendor/traccar",
        "/config",
    ];
    for (method, path) in ENDPOINTS {
        let changes = matches!(*method, Method::PATCH | Method::DELETE);
        let needs_write = changes || *method == Method::POST && writes.contains(path);
        for (key, allowed) in [(&reader, !needs_write), (&writer, needs_write), (&admin, true)] {
            let answer = world.send(method.clone(), path, Some(key), "{}").await;
            if allowed {
                assert_ne!(answer.status, 403, "{method} {path}");
            } else {
                assert_eq!(
                    (answer.status, &answer.body["error"]["error_code"]),
                    (403, &json!("FORBIDDEN")),
                    "{method} {path}"
                );
            }
        }
    }
}

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
