//! `/v1`: trackers, devices, device types and the report configuration, each through its whole life.

use fixstream_core::model::DeviceId;
use fixstream_core::registry::{Role, Scope};
use poem::http::Method;
use serde_json::{Value, json};

use super::world::{Answer, World};

/// Paths of the entities of [`furnish`], with what a change and a create of each may be.
fn entities() -> [(&'static str, Value, Value); 3] {
    [
        (
            "/v1/trackers",
            json!({ "name": "new" }),
            json!({ "name": "t", "imei": "9" }),
        ),
        (
            "/v1/devices",
            json!({ "name": "new" }),
            json!({ "trackerId": 2, "name": "d", "typeId": 1 }),
        ),
        (
            "/v1/groups",
            json!({ "name": "new" }),
            json!({ "name": "another" }),
        ),
    ]
}

/// One of each with id 1, and a free tracker.
async fn furnish(world: &World) {
    world.device("1").await;
    world
        .post("/v1/trackers", &json!({ "name": "free", "imei": "2" }))
        .await
        .is(201);
    world
        .post("/v1/groups", &json!({ "name": "north" }))
        .await
        .is(201);
}

impl Answer {
    #[track_caller]
    pub(super) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

#[tokio::test]
async fn a_tracker_lives_through_create_read_change_and_delete() {
    let world = World::new().await;
    let new = json!({ "name": "t", "description": "d", "imei": "123", "status": "spare",
                      "context": { "model": "NT20", "device_codec": "x" } });
    let made = world.post("/v1/trackers", &new).await.is(201);
    let mut expected = new.clone();
    expected["id"] = json!(1);
    expected["deviceId"] = Value::Null;
    assert_eq!(made.body, expected);
    assert_eq!(made.header("location").as_deref(), Some("/v1/trackers/1"));
    let got = world.get("/v1/trackers/1").await.is(200);
    assert_eq!(got.body, expected);
    assert_eq!(got.header("etag"), made.header("etag"));
    assert!(got.header("etag").is_some());
    // the decoder's settings are the registry's
    let tracker = world.registry.tracker_by_imei(world.ours, "123").unwrap();
    assert_eq!(tracker.context.len(), 2);

    let change = json!({ "description": null, "imei": null, "context": {} });
    let changed = world.patch("/v1/trackers/1", &change).await.is(200);
    for field in ["description", "imei"] {
        expected[field] = Value::Null;
    }
    expected["context"] = json!({});
    assert_eq!(changed.body, expected);
    assert_ne!(changed.header("etag"), got.header("etag"));
    assert_eq!(world.get("/v1/trackers/1").await.body, expected);
    world.delete("/v1/trackers/1").await.nothing();
    for answer in [
        world.get("/v1/trackers/1").await,
        world.delete("/v1/trackers/1").await,
        world.patch("/v1/trackers/1", &json!({})).await,
    ] {
        answer.refused(404, "tracker_not_found");
    }
}

#[tokio::test]
async fn a_device_lives_through_create_read_change_and_delete() {
    let world = World::new().await;
    for imei in ["1", "2"] {
        world
            .post("/v1/trackers", &json!({ "name": "t", "imei": imei }))
            .await
            .is(201);
    }
    let new = json!({ "trackerId": 1, "name": "d", "typeId": 2, "code": "ABC", "uuid": "chassis" });
    let made = world.post("/v1/devices", &new).await.is(201);
    let mut expected = new.clone();
    for (field, value) in [
        ("id", json!(1)),
        ("worksiteId", json!(1)),
        ("teamId", json!(1)),
        ("status", json!("active")),
        ("linkId", json!(world.our_link.0)),
    ] {
        expected[field] = value;
    }
    assert_eq!(made.body, expected);
    assert_eq!(made.header("location").as_deref(), Some("/v1/devices/1"));
    assert_eq!(world.get("/v1/devices/1").await.is(200).body, expected);
    assert_eq!(world.get("/v1/trackers/1").await.body["deviceId"], 1);

    let change = json!({ "trackerId": 2, "code": null, "teamId": 7 });
    let changed = world.patch("/v1/devices/1", &change).await.is(200);
    expected["trackerId"] = json!(2);
    expected["code"] = Value::Null;
    expected["teamId"] = json!(7);
    assert_eq!(changed.body, expected);
    assert_eq!(world.get("/v1/trackers/1").await.body["deviceId"], Value::Null);
    assert_eq!(world.get("/v1/trackers/2").await.body["deviceId"], 1);
    world.delete("/v1/devices/1").await.nothing();
    world.get("/v1/devices/1").await.refused(404, "device_not_found");
}

#[tokio::test]
async fn what_is_in_use_is_not_deleted() {
    let world = World::new().await;
    let device = world.device("1").await;
    world
        .delete("/v1/trackers/1")
        .await
        .refused(422, "tracker_in_use");
    world
        .positions
        .0
        .lock()
        .as_mut()
        .unwrap()
        .insert(DeviceId(device));
    let path = format!("/v1/devices/{device}");
    world.delete(&path).await.refused(422, "device_in_use");
    world.positions.0.lock().as_mut().unwrap().clear();
    world.delete(&path).await.nothing();
    let tracker = world.registry.tracker_by_imei(world.ours, "1").unwrap().id;
    world
        .registry
        .create_credential("u", None, world.ours, None, Role::Tracker(tracker))
        .await
        .unwrap();
    world
        .delete("/v1/trackers/1")
        .await
        .refused(422, "tracker_in_use");
}

#[tokio::test]
async fn conflicts_and_unknown_references_are_told_apart() {
    let world = World::new().await;
    furnish(&world).await;
    let body = json!({ "name": "t", "imei": "1" });
    world
        .post("/v1/trackers", &body)
        .await
        .refused(409, "tracker_already_exists");
    let device = |field: &str, value: u32| {
        let mut body = json!({ "trackerId": 2, "name": "d", "typeId": 1 });
        body[field] = json!(value);
        body
    };
    for (body, status, code) in [
        (device("trackerId", 1), 409, "device_already_exists"),
        (device("trackerId", 99), 404, "tracker_not_found"),
        (device("typeId", 99), 404, "device_type_not_found"),
    ] {
        world.post("/v1/devices", &body).await.refused(status, code);
    }
    world
        .patch("/v1/devices/1", &json!({ "typeId": 99 }))
        .await
        .refused(404, "device_type_not_found");
    world
        .patch("/v1/trackers/2", &json!({ "imei": "1" }))
        .await
        .refused(409, "tracker_already_exists");
    world
        .post("/v1/groups", &json!({ "name": "north" }))
        .await
        .refused(409, "group_already_exists");
    let south = json!({ "name": "south" });
    world.post("/v1/groups", &south).await.is(201);
    let mut taken = device("trackerId", 2);
    taken["uuid"] = json!("chassis-1");
    world
        .post("/v1/devices", &taken)
        .await
        .refused(409, "device_already_exists");
    taken["uuid"] = json!("chassis-2");
    world.post("/v1/devices", &taken).await.is(201);
    for (path, change, status, code) in [
        (
            "/v1/devices/2",
            json!({ "uuid": "chassis-1" }),
            409,
            "device_already_exists",
        ),
        (
            "/v1/devices/2",
            json!({ "trackerId": 1 }),
            409,
            "device_already_exists",
        ),
        (
            "/v1/devices/2",
            json!({ "trackerId": 99 }),
            404,
            "tracker_not_found",
        ),
        (
            "/v1/groups/2",
            json!({ "name": "north" }),
            409,
            "group_already_exists",
        ),
    ] {
        world.patch(path, &change).await.refused(status, code);
    }
    // its own is no conflict
    for (path, change) in [
        ("/v1/devices/2", json!({ "uuid": "chassis-2", "trackerId": 2 })),
        ("/v1/groups/2", json!({ "name": "south" })),
        ("/v1/trackers/1", json!({ "imei": "1" })),
    ] {
        world.patch(path, &change).await.is(200);
    }
    let (_, unlinked) = world
        .registry
        .create_api_key("u", world.ours, None, &[Scope::Write])
        .await
        .unwrap();
    let answer = world
        .send(
            Method::POST,
            "/v1/devices",
            Some(&unlinked),
            device("teamId", 1).to_string(),
        )
        .await;
    answer.refused(404, "client_vendor_not_found");
    assert_eq!(answer.body["message"], "CLIENT_VENDOR link not found");
}

#[tokio::test]
async fn all_violations_are_told_also_about_unknown_fields() {
    let world = World::new().await;
    furnish(&world).await;
    let body =
        json!({ "description": "", "imei": "1234567890123456", "context": { "model": 1 }, "nmae": "t" });
    world.post("/v1/trackers", &body).await.constraints(&[
        ("field_must_be_defined", "name"),
        ("field_must_not_be_empty", "description"),
        ("field_max_length_exceeded", "imei"),
        ("field_must_be_of_type", "context.model"),
        ("field_is_unknown", "nmae"),
    ]);
    let body = json!({ "trackerId": null, "name": null, "status": null, "code": null, "teamId": 0, "x": 1 });
    world.patch("/v1/devices/1", &body).await.constraints(&[
        ("field_must_be_defined", "trackerId"),
        ("field_must_be_defined", "name"),
        ("value_below_minimum", "teamId"),
        ("field_must_be_defined", "status"),
        ("field_is_unknown", "x"),
    ]);
    world
        .patch("/v1/trackers/1", &json!({ "context": null }))
        .await
        .constraints(&[("field_must_be_defined", "context")]);
    for path in ["/v1/trackers/x", "/v1/devices/1.5", "/v1/groups/-"] {
        world
            .get(path)
            .await
            .constraints(&[("field_must_be_integer", "id")]);
    }
    for body in ["", "[]", "nonsense"] {
        for path in ["/v1/trackers", "/v1/devices", "/v1/groups"] {
            let answer = world
                .send(Method::POST, path, Some(&world.key), body.to_owned())
                .await;
            answer.refused(400, "malformed_request");
        }
    }
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_cut_into_pages() {
    let world = World::new().await;
    for (name, imei) in [("b", "1"), ("a", "2"), ("c", "3"), ("a", "4")] {
        let new = json!({ "name": name, "imei": imei });
        world.post("/v1/trackers", &new).await.is(201);
    }
    let ids = |answer: &Answer| -> Vec<u64> {
        let content = answer.body["content"].as_array().unwrap();
        content.iter().map(|one| one["id"].as_u64().unwrap()).collect()
    };
    for (query, expected) in [
        ("", vec![1, 2, 3, 4]),
        ("?sort=name,-id", vec![4, 2, 1, 3]),
        ("?sort=name,%2Bid", vec![2, 4, 1, 3]),
        ("?sort=-name,+id", vec![3, 1, 2, 4]),
        ("?sort=-imei", vec![4, 3, 2, 1]),
        ("?name=a", vec![2, 4]),
        ("?name=a&imei=4", vec![4]),
        ("?status=spare", vec![]),
        ("?size=3", vec![1, 2, 3]),
        ("?size=3&page=1", vec![4]),
        ("?size=3&page=2", vec![]),
    ] {
        let answer = world.get(&format!("/v1/trackers{query}")).await.is(200);
        assert_eq!(ids(&answer), expected, "{query}");
    }
    let page = world.get("/v1/trackers?size=3&page=1").await.body;
    for (field, value) in [
        ("totalElements", 4),
        ("totalPages", 2),
        ("number", 1),
        ("size", 3),
        ("numberOfElements", 1),
    ] {
        assert_eq!(page[field], value, "{field}");
    }
    assert_eq!(world.get("/v1/trackers").await.body["size"], 20);
    for (query, code, field) in [
        ("sort=color", "unsupported_enum_value", "sort"),
        ("sort=", "field_must_not_be_empty", "sort"),
        ("size=0", "value_below_minimum", "size"),
        ("size=1001", "value_above_maximum", "size"),
        ("page=-1", "value_below_minimum", "page"),
        ("page=x", "field_must_be_integer", "page"),
        ("naem=a", "field_is_unknown", "naem"),
    ] {
        let answer = world.get(&format!("/v1/trackers?{query}")).await;
        answer.constraints(&[(code, field)]);
    }
}

#[tokio::test]
async fn devices_are_found_by_every_filter_and_sorted_by_every_attribute() {
    let world = World::new().await;
    let first = world.device("1").await;
    let second = world.device("2").await;
    world
        .patch(
            &format!("/v1/devices/{second}"),
            &json!({ "typeId": 3, "name": "z", "code": null, "teamId": 9, "worksiteId": 8, "status": "x" }),
        )
        .await
        .is(200);
    for query in [
        format!("trackerId={second}"),
        "typeId=3".into(),
        "name=z".into(),
        "teamId=9".into(),
        "worksiteId=8".into(),
        "status=x".into(),
        "uuid=chassis-2".into(),
    ] {
        let page = world.get(&format!("/v1/devices?{query}")).await.is(200).body;
        assert_eq!(
            (&page["totalElements"], &page["content"][0]["id"]),
            (&json!(1), &json!(second)),
            "{query}"
        );
    }
    assert_eq!(
        world.get("/v1/devices?code=ABC-1234").await.body["content"][0]["id"],
        first
    );
    for attribute in ["id", "name", "uuid", "status", "trackerId", "typeId"] {
        let page = world
            .get(&format!("/v1/devices?sort=-{attribute}"))
            .await
            .is(200)
            .body;
        assert_eq!(page["content"][0]["id"], second, "{attribute}");
    }
    // none comes first
    assert_eq!(
        world.get("/v1/devices?sort=code").await.body["content"][0]["id"],
        second
    );
}

#[tokio::test]
async fn a_change_under_if_match_is_made_only_to_what_was_seen() {
    let world = World::new().await;
    furnish(&world).await;
    for (path, change, _) in entities() {
        let one = format!("{path}/1");
        let seen = world.get(&one).await.header("etag").unwrap();
        let with = |method: Method, tag: &str, body: Value| {
            let (world, one, tag) = (&world, one.clone(), tag.to_owned());
            async move {
                world
                    .with(method, &one, &world.key, &[("if-match", &tag)], &body)
                    .await
            }
        };
        for tag in ["\"other\"", "W/\"other\"", "nonsense"] {
            for method in [Method::PATCH, Method::DELETE] {
                with(method, tag, change.clone())
                    .await
                    .refused(412, "precondition_failed");
            }
        }
        let changed = with(Method::PATCH, &seen, change.clone()).await.is(200);
        with(Method::PATCH, &seen, change.clone())
            .await
            .refused(412, "precondition_failed");
        with(Method::PATCH, "*", change.clone()).await.is(200);
        assert_eq!(changed.header("etag"), world.get(&one).await.header("etag"));
    }
    // in an order in which nothing is in use
    for path in ["/v1/groups/1", "/v1/devices/1", "/v1/trackers/1"] {
        let tag = world.get(path).await.header("etag").unwrap();
        let answer = world
            .with(
                Method::DELETE,
                path,
                &world.key,
                &[("if-match", &tag)],
                &json!({}),
            )
            .await;
        answer.nothing();
    }
}

#[tokio::test]
async fn another_clients_things_are_as_if_they_never_existed() {
    let world = World::new().await;
    furnish(&world).await;
    for (path, change, _) in entities() {
        let shown = world.get(&format!("{path}/1")).await.body;
        for method in [Method::GET, Method::PATCH, Method::DELETE] {
            let ask = |id: u32| {
                let (world, method, body) = (&world, method.clone(), change.to_string());
                let path = format!("{path}/{id}");
                async move { world.send(method, &path, Some(&world.their_key), body).await }
            };
            let (foreign, missing) = (ask(1).await, ask(999).await);
            assert_eq!((foreign.status, missing.status), (404, 404));
            assert_eq!(foreign.body, missing.body, "{method} {path}");
        }
        let theirs = world.send(Method::GET, path, Some(&world.their_key), ()).await;
        assert_eq!(theirs.body["totalElements"], 0, "{path}");
        assert_eq!(world.get(&format!("{path}/1")).await.body, shown);
    }
}

#[tokio::test]
async fn every_resource_needs_a_key_with_the_right_scope() {
    let world = World::new().await;
    furnish(&world).await;
    let (revoked, secret) = world
        .registry
        .create_api_key("r", world.ours, None, &[Scope::Admin])
        .await
        .unwrap();
    world.registry.revoke_api_key(revoked.id).await.unwrap();
    let reader = world.key_for(&[Scope::Read]).await;
    let writer = world.key_for(&[Scope::Write]).await;
    let mut requests = vec![
        (Method::GET, "/v1/device-types".to_owned(), Scope::Read),
        (Method::GET, "/v1/device-types/1".to_owned(), Scope::Read),
        (Method::PUT, "/v1/groups/1/devices/1".to_owned(), Scope::Write),
        (Method::DELETE, "/v1/groups/1/devices/1".to_owned(), Scope::Write),
        (Method::GET, "/v1/config".to_owned(), Scope::Read),
        (Method::PUT, "/v1/config".to_owned(), Scope::Write),
        (Method::PATCH, "/v1/config".to_owned(), Scope::Write),
        (Method::DELETE, "/v1/config".to_owned(), Scope::Write),
        (Method::GET, "/v1/keys".to_owned(), Scope::Admin),
        (Method::POST, "/v1/keys".to_owned(), Scope::Admin),
        (Method::GET, "/v1/keys/1".to_owned(), Scope::Admin),
        (Method::DELETE, "/v1/keys/1".to_owned(), Scope::Admin),
    ];
    for (path, ..) in entities() {
        requests.push((Method::GET, path.to_owned(), Scope::Read));
        requests.push((Method::POST, path.to_owned(), Scope::Write));
        requests.push((Method::GET, format!("{path}/999"), Scope::Read));
        requests.push((Method::PATCH, format!("{path}/999"), Scope::Write));
        requests.push((Method::DELETE, format!("{path}/999"), Scope::Write));
    }
    for (method, path, scope) in requests {
        for key in [None, Some("wrong"), Some(secret.as_str())] {
            let answer = world.send(method.clone(), &path, key, "{}").await;
            answer.refused(401, "unauthorized");
        }
        for (key, held) in [(&reader, Scope::Read), (&writer, Scope::Write)] {
            let answer = world.send(method.clone(), &path, Some(key), "{}").await;
            if held == scope {
                assert_ne!(answer.status, 403, "{method} {path}");
            } else {
                answer.refused(403, "forbidden");
            }
        }
    }
}

#[tokio::test]
async fn device_types_are_the_same_for_all_and_have_their_own_paths() {
    let world = World::new().await;
    let page = world.get("/v1/device-types?sort=-id").await.is(200).body;
    assert_eq!(page["totalElements"], 5);
    assert_eq!(
        page["content"][0],
        json!({ "id": 5, "name": "Trailer", "code": "TRAILER" })
    );
    let found = world
        .get("/v1/device-types?code=MACHINE&sort=name,code")
        .await
        .body;
    assert_eq!(found["content"][0]["id"], 2);
    let one = world.get("/v1/device-types/5").await.is(200);
    assert_eq!(one.body, page["content"][0]);
    assert!(one.header("etag").is_some());
    world
        .get("/v1/device-types/99")
        .await
        .refused(404, "device_type_not_found");
}

#[tokio::test]
async fn the_configuration_is_one_resource() {
    let world = World::new().await;
    let put = |body: Value, headers: Vec<(&'static str, String)>| {
        let world = &world;
        async move {
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            world
                .with(Method::PUT, "/v1/config", &world.key, &headers, &body)
                .await
        }
    };
    for answer in [
        world.get("/v1/config").await,
        world.patch("/v1/config", &json!({ "maxSpeedKmh": 1 })).await,
        world.delete("/v1/config").await,
    ] {
        answer.refused(404, "config_not_found");
    }
    let all = json!({ "maxSpeedKmh": 90, "minStopMinutes": 4, "maxStopSpeedKmh": 2, "maxStopDistanceMeters": 40,
                      "minMovementSpeedKmh": 6, "minMovementDistanceMeters": 120, "gapThresholdSeconds": 0 });
    put(all.clone(), vec![("if-match", "*".into())])
        .await
        .refused(412, "precondition_failed");
    let made = put(all.clone(), vec![]).await.is(201);
    assert_eq!(made.header("location").as_deref(), Some("/v1/config"));
    let mut expected = all.clone();
    expected["id"] = json!(1);
    assert_eq!(made.body, expected);
    let tag = made.header("etag").unwrap();
    assert_eq!(world.get("/v1/config").await.header("etag"), Some(tag.clone()));

    let mut without = all.clone();
    without.as_object_mut().unwrap().remove("minStopMinutes");
    without["extra"] = json!(1);
    put(without, vec![]).await.constraints(&[
        ("field_must_be_defined", "minStopMinutes"),
        ("field_is_unknown", "extra"),
    ]);
    let change = json!({ "maxSpeedKmh": 100 });
    world
        .with(
            Method::PATCH,
            "/v1/config",
            &world.key,
            &[("if-match", "\"x\"")],
            &change,
        )
        .await
        .refused(412, "precondition_failed");
    let changed = world
        .with(
            Method::PATCH,
            "/v1/config",
            &world.key,
            &[("if-match", &tag)],
            &change,
        )
        .await
        .is(200);
    expected["maxSpeedKmh"] = json!(100);
    assert_eq!(changed.body, expected);
    put(all.clone(), vec![("if-match", tag)])
        .await
        .refused(412, "precondition_failed");
    world
        .patch("/v1/config", &json!({ "maxSpeedKmh": null }))
        .await
        .constraints(&[("field_must_be_defined", "maxSpeedKmh")]);
    assert_eq!(put(all, vec![]).await.is(200).body["maxSpeedKmh"], 90);
    // the documented surface shows the same
    assert_eq!(world.get("/config").await.body[0]["maxSpeedKmh"], 90);
    let theirs = world
        .send(Method::GET, "/v1/config", Some(&world.their_key), ())
        .await;
    theirs.refused(404, "config_not_found");
    world.delete("/v1/config").await.nothing();
}
