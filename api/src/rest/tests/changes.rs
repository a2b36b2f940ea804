//! The documented surface: changes and deletes of trackers and devices, the report configuration.

use fixstream_core::model::DeviceId;
use fixstream_core::registry::{Role, Scope};
use poem::http::Method;
use serde_json::{Value, json};

use super::world::{Answer, World};

const PROCESSED: &str = "Entity processed successfully";
const NOT_FOUND: &str = "ENTITY_WITH_FIELD_NOT_FOUND";

async fn patch(world: &World, path: &str, body: Value) -> Answer {
    let key = Some(world.key.as_str());
    world.send(Method::PATCH, path, key, body.to_string()).await
}

async fn delete(world: &World, path: &str, body: Value) -> Answer {
    let key = Some(world.key.as_str());
    world.send(Method::DELETE, path, key, body.to_string()).await
}

async fn tracker(world: &World, body: Value) -> u32 {
    world.post("/tracker", &body).await.ok(201);
    world.registry.trackers(world.ours).last().unwrap().id.0
}

/// A tracker of the other client.
async fn their_tracker(world: &World) -> u32 {
    let body = json!({ "trackerName": "theirs", "imei": "theirs" }).to_string();
    world
        .send(Method::POST, "/tracker", Some(&world.their_key), body)
        .await
        .ok(201);
    let listed = world
        .send(Method::GET, "/tracker", Some(&world.their_key), ())
        .await;
    listed.body[0]["id_tracker"].as_u64().unwrap() as u32
}

#[tokio::test]
async fn a_tracker_is_changed_in_what_the_body_mentions() {
    let world = World::new().await;
    let id = tracker(
        &world,
        json!({ "trackerName": "t", "trackerDesc": "d", "imei": "1", "status": "spare" }),
    )
    .await;
    let shown = |name: &str, desc: &str, imei: &str, status: &str| {
        json!([{ "id_tracker": id, "id_client": world.ours.0, "tracker_name": name, "tracker_desc": desc,
                 "tracker_imei": imei, "status": status }])
    };
    // null is the same as leaving a field out, an unknown field is ignored
    for (change, expected) in [
        (json!({}), shown("t", "d", "1", "spare")),
        (
            json!({ "trackerName": null, "trackerDesc": null, "extra": [1] }),
            shown("t", "d", "1", "spare"),
        ),
        (json!({ "trackerName": "new" }), shown("new", "d", "1", "spare")),
        (json!({ "imei": "2" }), shown("new", "d", "2", "spare")),
        (
            json!({ "trackerDesc": "e", "status": "active" }),
            shown("new", "e", "2", "active"),
        ),
    ] {
        let mut body = change.clone();
        body["idTracker"] = json!(id);
        let answer = patch(&world, "/tracking/write/tracker", body).await.ok(200);
        assert_eq!(answer.body["message"], PROCESSED);
        assert_eq!(world.get("/tracker").await.body, expected, "{change}");
    }
}

#[tokio::test]
async fn a_change_of_a_tracker_needs_one_of_the_clients_own_and_a_free_imei() {
    let world = World::new().await;
    let first = tracker(&world, json!({ "trackerName": "t", "imei": "1" })).await;
    tracker(&world, json!({ "trackerName": "t", "imei": "2" })).await;
    let theirs = their_tracker(&world).await;
    let mut answers = Vec::new();
    for id in [theirs, 999] {
        let answer = patch(&world, "/tracker", json!({ "idTracker": id, "trackerName": "x" })).await;
        answer.error(400, NOT_FOUND, "TRACKER not found with field idTracker");
        answers.push(answer.body["error"]["message"].clone());
    }
    assert_eq!(answers[0], answers[1]);
    patch(&world, "/tracker", json!({ "idTracker": first, "imei": "2" }))
        .await
        .error(
            409,
            "ENTITY_WITH_FIELD_ALREADY_EXISTS",
            "TRACKER already exists with this IMEI",
        );
    // its own is no conflict
    patch(&world, "/tracker", json!({ "idTracker": first, "imei": "1" }))
        .await
        .ok(200);
    patch(&world, "/tracker", json!({ "trackerName": "x" }))
        .await
        .violates("FIELD_MUST_BE_DEFINED", "idTracker");
}

#[tokio::test]
async fn a_tracker_is_deleted_by_id_by_imei_or_by_both() {
    let world = World::new().await;
    for choice in 0..3 {
        let id = tracker(&world, json!({ "trackerName": "t", "imei": "1" })).await;
        let body = match choice {
            0 => json!({ "idTracker": id }),
            1 => json!({ "imei": "1" }),
            _ => json!({ "idTracker": id, "imei": "1", "extra": true }),
        };
        let answer = delete(&world, "/tracker", body).await.ok(200);
        assert_eq!(answer.body, json!({ "status": "ok", "message": PROCESSED }));
        assert_eq!(world.get("/tracker").await.body, json!([]));
    }
}

#[tokio::test]
async fn what_is_said_about_a_tracker_to_delete_must_mean_one() {
    let world = World::new().await;
    let first = tracker(&world, json!({ "trackerName": "t", "imei": "1" })).await;
    tracker(&world, json!({ "trackerName": "t", "imei": "2" })).await;
    let theirs = their_tracker(&world).await;
    for body in [json!({}), json!({ "idTracker": null, "imei": null })] {
        delete(&world, "/tracker", body)
            .await
            .violates("FIELD_MUST_BE_DEFINED", "idTracker")
            .error(400, "FIELD_MUST_BE_DEFINED", "Field idTracker must be defined");
    }
    for id in [theirs, 999] {
        delete(&world, "/tracker", json!({ "idTracker": id }))
            .await
            .error(400, NOT_FOUND, "TRACKER not found with field idTracker");
    }
    for imei in ["theirs", "nobody"] {
        delete(&world, "/tracker", json!({ "imei": imei })).await.error(
            400,
            NOT_FOUND,
            "TRACKER not found with field imei",
        );
    }
    let both = json!({ "idTracker": first, "imei": "2" });
    let answer = delete(&world, "/tracker", both.clone()).await;
    answer.error(
        400,
        "ENTITY_NOT_FOUND",
        &format!("TRACKER {first} with imei 2 not found"),
    );
    assert_eq!(
        answer.body["error"]["details"],
        json!({ "field": "TRACKER", "value": both })
    );
    assert_eq!(world.get("/tracker").await.body.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_tracker_in_use_is_a_failed_query() {
    let world = World::new().await;
    let device = world.device("1").await;
    let in_use = || async {
        delete(&world, "/tracker", json!({ "imei": "1" })).await.error(
            422,
            "QUERY_FAILED",
            "Database query error occurred",
        );
    };
    in_use().await;
    delete(&world, "/device", json!({ "idDevice": device }))
        .await
        .ok(200);
    let tracker = world.registry.tracker_by_imei(world.ours, "1").unwrap().id;
    world
        .registry
        .create_credential("u", None, world.ours, None, Role::Tracker(tracker))
        .await
        .unwrap();
    in_use().await;
    world.registry.delete_credential("u").await.unwrap();
    delete(&world, "/tracker", json!({ "imei": "1" })).await.ok(200);
}

#[tokio::test]
async fn a_device_is_changed_by_id_or_by_its_uuid() {
    let world = World::new().await;
    let id = world.device("1").await;
    let free = tracker(&world, json!({ "trackerName": "free" })).await;
    let device = || async { world.get("/device").await.body[0].clone() };
    let before = device().await;
    patch(&world, "/device", json!({ "idDevice": id })).await.ok(200);
    assert_eq!(device().await, before);

    let all = json!({ "idTracker": free, "idWorksite": 6, "idTeam": 7, "deviceName": "testing device", "idType": 2,
                      "deviceCode": "NEW-1", "deviceUuid": "chassis-1", "status": "parked" });
    let answer = patch(&world, "/device", all).await.ok(200);
    assert_eq!(answer.body["message"], PROCESSED);
    let after = json!({
        "id_device": id, "id_client": world.ours.0, "id_tracker": free, "id_worksite": 6, "id_team": 7,
        "device_name": "testing device", "id_device_type": 2, "device_code": "NEW-1", "device_uuid": "chassis-1",
        "status": "parked"
    });
    assert_eq!(device().await, after);
    assert_eq!(
        world.registry.tracker_by_imei(world.ours, "1").unwrap().device,
        None
    );
    // with the id, the uuid is something to change
    patch(
        &world,
        "/device",
        json!({ "idDevice": id, "deviceUuid": "other" }),
    )
    .await
    .ok(200);
    assert_eq!(device().await["device_uuid"], "other");
}

#[tokio::test]
async fn a_change_of_a_device_refers_to_the_clients_own_things() {
    let world = World::new().await;
    let first = world.device("1").await;
    world.device("2").await;
    let theirs = their_tracker(&world).await;
    let error = |body: Value, code: &'static str, message: &'static str| {
        let world = &world;
        async move {
            let status = if code == NOT_FOUND { 400 } else { 409 };
            patch(world, "/device", body).await.error(status, code, message);
        }
    };
    let taken = "ENTITY_WITH_FIELD_ALREADY_EXISTS";
    patch(&world, "/device", json!({ "deviceName": "x" }))
        .await
        .violates("FIELD_MUST_BE_DEFINED", "idDevice");
    error(
        json!({ "idDevice": 999 }),
        NOT_FOUND,
        "DEVICE not found with field idDevice",
    )
    .await;
    error(
        json!({ "deviceUuid": "nobody" }),
        NOT_FOUND,
        "DEVICE not found with field deviceUuid",
    )
    .await;
    for tracker in [theirs, 999] {
        let body = json!({ "idDevice": first, "idTracker": tracker });
        error(body, NOT_FOUND, "TRACKER not found with field idTracker").await;
    }
    let body = json!({ "idDevice": first, "idType": 99 });
    error(body, NOT_FOUND, "DEVICE_TYPE not found with field idType").await;
    let body = json!({ "idDevice": first, "idTracker": 2 });
    error(body, taken, "DEVICE already exists with this IDTRACKER").await;
    let body = json!({ "idDevice": first, "deviceUuid": "chassis-2" });
    error(body, taken, "DEVICE already exists with this DEVICEUUID").await;
    // of another client: the same as what never existed
    let body = json!({ "idDevice": first, "deviceName": "stolen" }).to_string();
    let answer = world
        .send(Method::PATCH, "/device", Some(&world.their_key), body)
        .await;
    answer.error(400, NOT_FOUND, "DEVICE not found with field idDevice");
    let body = json!({ "deviceUuid": "chassis-1", "deviceName": "stolen" }).to_string();
    let answer = world
        .send(Method::PATCH, "/device", Some(&world.their_key), body)
        .await;
    answer.error(400, NOT_FOUND, "DEVICE not found with field deviceUuid");
    assert_eq!(world.get("/device").await.body[0]["device_name"], "d");
}

#[tokio::test]
async fn a_device_without_positions_is_deleted_and_frees_its_tracker() {
    let world = World::new().await;
    let id = world.device("1").await;
    let answer = delete(&world, "/device", json!({ "idDevice": id })).await.ok(200);
    assert_eq!(answer.body, json!({ "status": "ok", "message": PROCESSED }));
    assert_eq!(world.get("/device").await.body, json!([]));
    delete(&world, "/device", json!({ "idDevice": id })).await.error(
        400,
        NOT_FOUND,
        "DEVICE not found with field idDevice",
    );
    // the id is never used twice
    let body = json!({ "idTracker": 1, "idWorksite": 1, "idTeam": 1, "deviceName": "d", "idType": 1 });
    world.post("/device", &body).await.ok(201);
    assert!(world.get("/device").await.body[0]["id_device"].as_u64().unwrap() > u64::from(id));
}

#[tokio::test]
async fn a_device_with_positions_stays() {
    let world = World::new().await;
    let id = world.device("1").await;
    let body = json!({ "idDevice": id });
    let in_use = |answer: Answer| {
        answer.error(422, "QUERY_FAILED", "Database query error occurred");
    };
    world.positions.0.lock().as_mut().unwrap().insert(DeviceId(id));
    in_use(delete(&world, "/device", body.clone()).await);
    // another client learns nothing about it
    let answer = world
        .send(
            Method::DELETE,
            "/device",
            Some(&world.their_key),
            body.to_string(),
        )
        .await;
    answer.error(400, NOT_FOUND, "DEVICE not found with field idDevice");

    // one that was accepted and is not stored yet
    world.positions.0.lock().as_mut().unwrap().clear();
    world.latest.put(DeviceId(id), &super::latest::position(7));
    in_use(delete(&world, "/device", body.clone()).await);
    world.latest.clear(DeviceId(id));

    // where that can't be known, nothing is deleted
    *world.positions.0.lock() = None;
    let answer = delete(&world, "/device", body.clone()).await;
    assert_eq!(
        (answer.status, &answer.body["error"]["error_code"]),
        (503, &json!("HISTORY_AWAY"))
    );
    assert!(answer.response.header("retry-after").is_some());
    assert_eq!(world.get("/device").await.body.as_array().unwrap().len(), 1);
    *world.positions.0.lock() = Some(std::collections::HashSet::new());
    delete(&world, "/device", body).await.ok(200);
}

fn thresholds() -> Value {
    json!({ "maxSpeedKmh": 90, "minStopMinutes": 4, "maxStopSpeedKmh": 2, "maxStopDistanceMeters": 40,
            "minMovementSpeedKmh": 6, "minMovementDistanceMeters": 120, "gapThresholdSeconds": 900 })
}

#[tokio::test]
async fn a_configuration_is_set_read_changed_and_forgotten() {
    let world = World::new().await;
    assert_eq!(world.get("/config").await.ok(200).body, json!([]));
    for answer in [
        patch(&world, "/config", json!({ "maxSpeedKmh": 1 })).await,
        delete(&world, "/config", json!({})).await,
    ] {
        answer.error(400, "ENTITY_NOT_FOUND", "CONFIG of this client not found");
    }
    let answer = world.post("/config", &thresholds()).await.ok(201);
    assert_eq!(answer.body["message"], "Config created successfully");
    let shown = |max_speed: u32, stop: &str| {
        json!([{ "idConfig": 1, "idClient": world.ours.0, "minStopMinutes": 4, "maxStopSpeedKmh": stop,
                 "maxStopDistanceMeters": 40, "minMovementSpeedKmh": "6", "minMovementDistanceMeters": 120,
                 "gapThresholdSeconds": 900, "maxSpeedKmh": max_speed }])
    };
    assert_eq!(world.get("/config").await.ok(200).body, shown(90, "2"));
    world
        .post("/config", &thresholds())
        .await
        .error(409, "ENTITY_ALREADY_EXISTS", "CONFIG already exists");
    let change =
        json!({ "maxSpeedKmh": 0, "maxStopSpeedKmh": u32::MAX, "gapThresholdSeconds": null, "extra": 1 });
    let answer = patch(&world, "/config", change).await.ok(200);
    assert_eq!(answer.body["message"], PROCESSED);
    assert_eq!(world.get("/config").await.body, shown(0, "4294967295"));
    // the other client has its own, or none
    let theirs = world
        .send(Method::GET, "/config", Some(&world.their_key), ())
        .await;
    assert_eq!(theirs.body, json!([]));
    let answer = world
        .send(
            Method::DELETE,
            "/config",
            Some(&world.their_key),
            r#"{"idConfig":1}"#,
        )
        .await;
    answer.error(400, "ENTITY_NOT_FOUND", "CONFIG of this client not found");

    delete(&world, "/config", json!({ "idConfig": 2 })).await.error(
        400,
        "ENTITY_NOT_FOUND",
        "CONFIG of this client not found",
    );
    delete(&world, "/config", json!({ "idConfig": 1 })).await.ok(200);
    world.post("/config", &thresholds()).await.ok(201);
    // no body at all
    let answer = world.send(Method::DELETE, "/config", Some(&world.key), ()).await;
    answer.ok(200);
    assert_eq!(world.get("/config").await.body, json!([]));
}

#[tokio::test]
async fn all_seven_thresholds_are_needed_at_first() {
    let world = World::new().await;
    for name in thresholds().as_object().unwrap().keys() {
        let mut body = thresholds();
        body.as_object_mut().unwrap().remove(name);
        world
            .post("/config", &body)
            .await
            .violates("FIELD_MUST_BE_DEFINED", name);
        for (value, code) in [
            (json!(-1), "VALUE_BELOW_MINIMUM"),
            (json!(1.5), "FIELD_MUST_BE_INTEGER"),
            (json!("5"), "FIELD_MUST_BE_INTEGER"),
            (json!(""), "FIELD_MUST_NOT_BE_EMPTY"),
            (json!(u64::from(u32::MAX) + 1), "VALUE_ABOVE_MAXIMUM"),
        ] {
            body[name] = value;
            world.post("/config", &body).await.violates(code, name);
        }
    }
    assert_eq!(world.get("/config").await.body, json!([]));
}

#[tokio::test]
async fn a_reading_key_changes_nothing() {
    let world = World::new().await;
    let id = world.device("1").await;
    let (_, reader) = world
        .registry
        .create_api_key("r", world.ours, Some(world.our_link), &[Scope::Read])
        .await
        .unwrap();
    for (method, path) in [
        (Method::PATCH, "/tracker"),
        (Method::DELETE, "/tracker"),
        (Method::PATCH, "/device"),
        (Method::DELETE, "/device"),
        (Method::POST, "/config"),
        (Method::PATCH, "/config"),
        (Method::DELETE, "/config"),
    ] {
        let body = json!({ "idTracker": 1, "idDevice": id }).to_string();
        let answer = world.send(method, path, Some(&reader), body).await;
        assert_eq!(answer.status, 403, "{path}");
    }
    assert_eq!(world.get("/device").await.body.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn latest_positions_are_of_the_keys_own_instance() {
    let world = World::new().await;
    let instance = world.registry.client(world.ours).unwrap().instance;
    let path = |instance: &str| format!("/latest-position?instanceUuid={instance}");
    world.get(&path(&instance.to_string())).await.ok(200);
    world
        .get(&path(&instance.to_string().to_uppercase()))
        .await
        .ok(200);
    world
        .get(&path("123"))
        .await
        .violates("FIELD_MUST_BE_UUID", "instanceUuid")
        .error(
            400,
            "FIELD_MUST_BE_UUID",
            "Field instanceUuid must be a valid UUID",
        );
    world
        .get(&path("00000000-0000-4000-8000-000000000000"))
        .await
        .error(400, "INSTANCE_NOT_FOUND", "Instance not found");
}
