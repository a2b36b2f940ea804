//! `/v1/keys`, and how many requests a key may send.

use std::num::NonZeroU32;

use fixstream_core::clock;
use fixstream_core::registry::Scope;
use poem::http::Method;
use serde_json::{Value, json};

use super::world::{Answer, World};
use crate::rest::{Limit, Limits};

async fn admin(world: &World) -> (String, impl AsyncFn(Method, &str, Value) -> Answer) {
    let key = world.key_for(&[Scope::Admin]).await;
    let secret = key.clone();
    let ask = async move |method: Method, path: &str, body: Value| {
        world.with(method, path, &secret, &[], &body).await
    };
    (key, ask)
}

#[tokio::test]
async fn a_key_is_made_shown_once_used_and_revoked() {
    let world = World::new().await;
    let (_, ask) = admin(&world).await;
    let new = json!({ "name": "dash", "scopes": ["read"], "linkId": world.our_link.0,
                      "contactEmail": "ops@example.com", "contactPhone": "+49 30 1234567" });
    let made = ask(Method::POST, "/v1/keys", new.clone()).await.is(201);
    let secret = made.body["secret"].as_str().unwrap().to_owned();
    let id = made.body["id"].as_u64().unwrap();
    let path = format!("/v1/keys/{id}");
    assert_eq!(made.header("location"), Some(path.clone()));
    let shown = ask(Method::GET, &path, json!({})).await.is(200);
    assert_eq!(shown.header("etag"), made.header("etag"));
    let mut expected = made.body.clone();
    expected.as_object_mut().unwrap().remove("secret");
    assert_eq!(shown.body, expected);
    for (field, value) in new.as_object().unwrap() {
        assert_eq!(shown.body[field], *value, "{field}");
    }
    for field in ["expiresAt", "revokedAt", "lastUsedAt"] {
        assert_eq!(shown.body[field], Value::Null, "{field}");
    }

    world
        .send(Method::GET, "/v1/trackers", Some(&secret), ())
        .await
        .is(200);
    let used = ask(Method::GET, &path, json!({})).await;
    assert!(used.body["lastUsedAt"].is_string(), "{}", used.body);
    // its use is not a change
    assert_eq!(used.header("etag"), shown.header("etag"));

    ask(Method::DELETE, &path, json!({})).await.nothing();
    let answer = world.send(Method::GET, "/v1/trackers", Some(&secret), ()).await;
    answer.refused(401, "unauthorized");
    // it stays in the books, and to revoke it again is fine
    let revoked = ask(Method::GET, &path, json!({})).await.is(200);
    assert!(revoked.body["revokedAt"].is_string());
    ask(Method::DELETE, &path, json!({})).await.nothing();
}

#[tokio::test]
async fn a_key_may_end_at_a_time_or_after_days() {
    let world = World::new().await;
    let (_, ask) = admin(&world).await;
    let make = async |extra: Value| {
        let mut body = json!({ "name": "short", "scopes": ["read", "write"] });
        for (field, value) in extra.as_object().unwrap() {
            body[field] = value.clone();
        }
        ask(Method::POST, "/v1/keys", body).await.is(201).body
    };
    let past = make(json!({ "expiresAt": "2020-01-01T00:00:00Z", "expiresInDays": 10 })).await;
    assert_eq!(past["expiresAt"], "2020-01-01T00:00:00.000Z");
    let answer = world
        .send(Method::GET, "/v1/trackers", past["secret"].as_str(), ())
        .await;
    answer.refused(401, "unauthorized");
    make(json!({ "expiresInDays": 0.5, "expiresAt": "2999-01-01T00:00:00Z" })).await;
    let now = clock::now();
    let keys = world.registry.api_keys(Some(world.ours)).await.unwrap();
    let left = keys.last().unwrap().expires.unwrap().0 - now.0;
    assert!((43_100_000..=43_200_000).contains(&left), "{left}");

    let names = async |query: &str| {
        let path = format!("/v1/keys?{query}");
        let page = ask(Method::GET, &path, json!({})).await.is(200).body;
        page["totalElements"].as_u64().unwrap()
    };
    // besides the world's key and the administrator's
    assert_eq!(
        (
            names("").await,
            names("active=false").await,
            names("active=true").await
        ),
        (4, 1, 3)
    );
    for sort in ["id", "name", "createdAt", "-lastUsedAt"] {
        assert_eq!(names(&format!("sort={sort}")).await, 4, "{sort}");
    }
}

#[tokio::test]
async fn what_a_key_is_made_of_is_checked() {
    let world = World::new().await;
    let (_, ask) = admin(&world).await;
    let body = json!({ "name": "k", "scopes": [], "linkId": 0, "expiresAt": "tomorrow", "expiresInDays": 0,
                       "contactEmail": "123456789", "contactPhone": "call me", "scope": "read" });
    ask(Method::POST, "/v1/keys", body).await.constraints(&[
        ("field_min_length_not_met", "name"),
        ("array_must_not_be_empty", "scopes"),
        ("value_below_minimum", "linkId"),
        ("invalid_date_format", "expiresAt"),
        ("number_must_be_positive", "expiresInDays"),
        ("field_must_be_email", "contactEmail"),
        ("field_must_be_phone_number", "contactPhone"),
        ("field_is_unknown", "scope"),
    ]);
    let body = json!({ "name": "key", "scopes": ["root"] });
    ask(Method::POST, "/v1/keys", body)
        .await
        .constraints(&[("unsupported_enum_value", "scopes")]);
    // a link of another client is none
    let theirs = world
        .registry
        .link_to(world.registry.clients()[1].id, "theirs-only");
    for link in [theirs.unwrap().id.0, 999] {
        let body = json!({ "name": "key", "scopes": ["read"], "linkId": link });
        ask(Method::POST, "/v1/keys", body)
            .await
            .refused(404, "client_vendor_not_found");
    }
}

#[tokio::test]
async fn keys_of_another_client_do_not_exist() {
    let world = World::new().await;
    let (_, ask) = admin(&world).await;
    let theirs = world.registry.clients()[1].id;
    let foreign = world.registry.api_keys(Some(theirs)).await.unwrap()[0].key.id;
    for method in [Method::GET, Method::DELETE] {
        let mut bodies = Vec::new();
        for id in [foreign, 999] {
            let answer = ask(method.clone(), &format!("/v1/keys/{id}"), json!({})).await;
            bodies.push(answer.refused(404, "api_key_not_found").body.clone());
        }
        assert_eq!(bodies[0], bodies[1]);
    }
    assert!(world.registry.api_key(&world.their_key).is_some());
    let listed = ask(Method::GET, "/v1/keys?size=1000", json!({})).await.body;
    let ids: Vec<_> = listed["content"].as_array().unwrap().iter().collect();
    assert!(ids.iter().all(|key| key["id"] != foreign), "{listed}");
}

#[tokio::test]
async fn a_key_is_revoked_under_if_match_only_as_it_was_seen() {
    let world = World::new().await;
    let key = world.key_for(&[Scope::Admin]).await;
    let tag = world
        .send(Method::GET, "/v1/keys/1", Some(&key), ())
        .await
        .header("etag")
        .unwrap();
    let revoke = |tag: String| {
        let (world, key) = (&world, key.clone());
        async move {
            world
                .with(
                    Method::DELETE,
                    "/v1/keys/1",
                    &key,
                    &[("if-match", &tag)],
                    &json!({}),
                )
                .await
        }
    };
    revoke("\"other\"".into())
        .await
        .refused(412, "precondition_failed");
    revoke(tag).await.nothing();
}

#[tokio::test]
async fn too_many_requests_of_a_key_are_told_when_to_come_again() {
    let limit = |trackerhub| {
        let limit = Limit {
            per_second: NonZeroU32::MIN,
            burst: NonZeroU32::new(2).unwrap(),
        };
        Limits::new(Some(limit), trackerhub)
    };
    let world = World::limited(limit(false)).await;
    for _ in 0..2 {
        world.get("/v1/trackers").await.is(200);
    }
    let answer = world.get("/v1/trackers").await;
    answer.refused(429, "too_many_requests");
    assert_eq!(answer.header("retry-after").as_deref(), Some("1"));
    // another key has an allowance of its own, a stranger none, and the documented surface no limit
    world
        .send(Method::GET, "/v1/trackers", Some(&world.their_key), ())
        .await
        .is(200);
    for _ in 0..5 {
        world
            .send(Method::GET, "/v1/trackers", None, ())
            .await
            .refused(401, "unauthorized");
        world.get("/tracker").await.ok(200);
    }

    let world = World::limited(limit(true)).await;
    for _ in 0..2 {
        world.get("/tracker").await.ok(200);
    }
    let answer = world.get("/tracker").await;
    answer.error(
        429,
        "TOO_MANY_REQUESTS",
        "This key sends more requests than it may, try again later",
    );
    assert!(answer.header("retry-after").is_some());
}
