//! `Idempotency-Key`: creates that are asked for again.

use fixstream_core::model::PositionId;
use fixstream_core::registry::Scope;
use poem::http::Method;
use serde_json::{Value, json};

use super::world::{Answer, World};

async fn create(world: &World, path: &str, repeat: &str, body: &Value) -> Answer {
    let key = world.key.clone();
    world
        .with(Method::POST, path, &key, &[("idempotency-key", repeat)], body)
        .await
}

#[tokio::test]
async fn the_same_key_with_the_same_body_gives_the_first_answer_again() {
    let world = World::new().await;
    world.post("/v1/trackers", &json!({ "name": "t" })).await.is(201);
    for (path, body) in [
        ("/v1/trackers", json!({ "name": "t", "imei": "1" })),
        ("/v1/devices", json!({ "trackerId": 1, "name": "d", "typeId": 1 })),
        ("/v1/groups", json!({ "name": "north" })),
    ] {
        let first = create(&world, path, path, &body).await.is(201);
        let location = first.header("location").unwrap();
        // also when it has changed meanwhile
        world
            .patch(&location, &json!({ "name": "renamed" }))
            .await
            .is(200);
        for _ in 0..2 {
            let again = create(&world, path, path, &body).await.is(201);
            assert_eq!(again.body, first.body);
            for header in ["location", "etag", "content-type"] {
                assert_eq!(again.header(header), first.header(header), "{header}");
            }
        }
        let mut other = body.clone();
        other["name"] = json!("other");
        create(&world, path, path, &other)
            .await
            .refused(422, "idempotency_key_reused");
    }
    let count = |path: &'static str| {
        let world = &world;
        async move { world.get(path).await.body["totalElements"].clone() }
    };
    assert_eq!(count("/v1/trackers").await, 2);
    assert_eq!(count("/v1/devices").await, 1);
    assert_eq!(count("/v1/groups").await, 1);
}

#[tokio::test]
async fn a_position_is_taken_once_under_one_key() {
    let world = World::new().await;
    let device = world.device("1").await;
    let path = "/v1/positions";
    for body in [
        json!({ "deviceId": device, "latitude": 1.5, "longitude": 2.5, "time": "2026-01-01T00:00:00Z" }),
        // received at another time it would be another position
        json!({ "deviceId": device, "latitude": 1.5, "longitude": 2.5 }),
    ] {
        let key = body.to_string();
        let first = create(&world, path, &key, &body).await.is(201);
        for _ in 0..2 {
            let again = create(&world, path, &key, &body).await.is(201);
            assert_eq!(again.body, first.body);
            for header in ["location", "etag", "content-type"] {
                assert!(first.header(header).is_some(), "{header}");
                assert_eq!(again.header(header), first.header(header), "{header}");
            }
        }
        // nothing was journalled in between: records are numbered
        let next = create(&world, path, &format!("{key} again"), &body).await.is(201);
        let record = |answer: &Answer| PositionId(answer.body["id"].as_u64().unwrap()).offset().0;
        assert_eq!(record(&next), record(&first) + 1);
        let mut other = body.clone();
        other["latitude"] = json!(1.6);
        create(&world, path, &key, &other)
            .await
            .refused(422, "idempotency_key_reused");
    }
    let body = json!({ "deviceId": device, "latitude": 91, "longitude": 2.5 });
    create(&world, path, "corrected", &body)
        .await
        .constraints(&[("value_above_maximum", "latitude")]);
    let body = json!({ "deviceId": device, "latitude": 90, "longitude": 2.5 });
    create(&world, path, "corrected", &body).await.is(201);
}

#[tokio::test]
async fn of_many_requests_for_a_position_one_creates_it_and_all_get_its_answer() {
    let world = World::new().await;
    let device = world.device("1").await;
    let body = json!({ "deviceId": device, "latitude": 1.5, "longitude": 2.5 });
    let requests = (0..16).map(|_| create(&world, "/v1/positions", "one", &body));
    let answers = futures_util::future::join_all(requests).await;
    let first = &answers[0];
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (201, &first.body));
    }
}

#[tokio::test]
async fn a_key_stands_for_one_kind_of_create_of_one_client() {
    let world = World::new().await;
    let body = json!({ "name": "north" });
    create(&world, "/v1/groups", "a", &body).await.is(201);
    create(&world, "/v1/trackers", "a", &body)
        .await
        .refused(422, "idempotency_key_reused");
    let theirs = world
        .with(
            Method::POST,
            "/v1/groups",
            &world.their_key,
            &[("idempotency-key", "a")],
            &body,
        )
        .await
        .is(201);
    assert_ne!(theirs.body["id"], 1);
}

#[tokio::test]
async fn a_refused_create_may_be_corrected_under_the_same_key() {
    let world = World::new().await;
    create(&world, "/v1/groups", "a", &json!({ "name": "" }))
        .await
        .refused(400, "constraint_violation");
    create(&world, "/v1/groups", "a", &json!({ "name": "north" }))
        .await
        .is(201);
    create(&world, "/v1/groups", "b", &json!({ "name": "north" }))
        .await
        .refused(409, "group_already_exists");
    create(&world, "/v1/groups", "b", &json!({ "name": "south" }))
        .await
        .is(201);
}

#[tokio::test]
async fn a_refused_redecoding_leaves_its_key_to_the_next_request() {
    let world = World::new().await;
    let admin = world.key_for(&[Scope::Admin]).await;
    for vendor in ["acme", "acme", "other"] {
        let body = json!({ "vendor": vendor });
        let heads = [("idempotency-key", "a")];
        let refused = world
            .with(Method::POST, "/v1/redecodes", &admin, &heads, &body)
            .await;
        refused.refused(404, "plugin_not_found");
    }
}

#[tokio::test]
async fn a_repeated_key_is_not_shown_its_secret_again() {
    let world = World::new().await;
    let admin = world.key_for(&[Scope::Admin]).await;
    let body = json!({ "name": "dash", "scopes": ["read"] });
    let make = || async {
        world
            .with(
                Method::POST,
                "/v1/keys",
                &admin,
                &[("idempotency-key", "a")],
                &body,
            )
            .await
            .is(201)
    };
    let first = make().await;
    let again = make().await;
    assert!(first.body["secret"].is_string());
    let mut expected = first.body.clone();
    expected.as_object_mut().unwrap().remove("secret");
    assert_eq!(again.body, expected);
    assert_eq!(again.header("etag"), first.header("etag"));
    assert_eq!(again.header("location"), first.header("location"));
}

#[tokio::test]
async fn a_key_has_one_to_255_characters() {
    let world = World::new().await;
    let body = json!({ "name": "north" });
    create(&world, "/v1/groups", "", &body)
        .await
        .constraints(&[("field_must_not_be_empty", "Idempotency-Key")]);
    create(&world, "/v1/groups", &"k".repeat(256), &body)
        .await
        .constraints(&[("field_max_length_exceeded", "Idempotency-Key")]);
    create(&world, "/v1/groups", "schlüssel", &body)
        .await
        .constraints(&[("field_must_be_string", "Idempotency-Key")]);
    create(&world, "/v1/groups", &"k".repeat(255), &body)
        .await
        .is(201);
}
