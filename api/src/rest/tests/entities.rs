//! Device types, trackers, devices.

use fixstream_core::registry::Scope;
use poem::http::Method;
use serde_json::{Value, json};

use super::world::World;

#[tokio::test]
async fn device_types_are_listed_in_snake_case_by_id() {
    let world = World::new().await;
    let answer = world.get("/device-type").await.ok(200);
    assert_eq!(
        answer.body[0],
        json!({ "id_device_type": 1, "name": "Vehicle", "code": "VEHICLE" })
    );
    assert_eq!(answer.body.as_array().unwrap().len(), 5);
    assert_eq!(
        world
            .send(Method::GET, "/deviceType", Some(&world.their_key), ())
            .await
            .body,
        answer.body
    );
}

#[tokio::test]
async fn a_tracker_is_created_and_listed() {
    let world = World::new().await;
    assert_eq!(world.get("/tracker").await.body, json!([]));
    let body = json!({ "trackerName": " tracker 7", "trackerDesc": "tracker description", "imei": "123-ABC-4567", "extra": [1] });
    let answer = world.post("/tracker", &body).await.ok(201);
    assert_eq!(
        answer.body,
        json!({ "status": "ok", "message": "Tracker created successfully" })
    );
    world
        .post("/tracker", &json!({ "trackerName": "second", "status": "spare" }))
        .await
        .ok(201);
    let listed = world.get("/tracking/read/tracker").await.ok(200).body;
    let first = json!({
        "id_tracker": 1, "id_client": world.ours.0, "tracker_name": " tracker 7", "tracker_desc": "tracker description",
        "tracker_imei": "123-ABC-4567", "status": "active"
    });
    assert_eq!(listed[0], first);
    assert_eq!(listed[1]["tracker_imei"], Value::Null);
    for (query, count) in [
        ("idTracker=1", 1),
        ("idTracker=9", 0),
        ("imei=123-ABC-4567", 1),
        ("imei=x", 0),
        ("status=spare", 1),
        ("status=active&idTracker=1", 1),
        ("status=spare&idTracker=1", 0),
        ("unknown=1", 2),
    ] {
        let answer = world.get(&format!("/tracker?{query}")).await.ok(200);
        assert_eq!(answer.body.as_array().unwrap().len(), count, "{query}");
    }
    world
        .get("/tracker?idTracker=x")
        .await
        .violates("FIELD_MUST_BE_INTEGER", "idTracker");
    world
        .get("/tracker?idTracker=0")
        .await
        .violates("VALUE_BELOW_MINIMUM", "idTracker");
}

#[tokio::test]
async fn a_taken_imei_is_a_conflict_with_the_request_in_the_details() {
    let world = World::new().await;
    let body = json!({ "trackerName": "tracker test", "imei": "123-ABC-4567", "status": "active" });
    world.post("/tracker", &body).await.ok(201);
    let answer = world.post("/tracker", &body).await;
    answer.error(
        409,
        "ENTITY_WITH_FIELD_ALREADY_EXISTS",
        "TRACKER already exists with this IMEI",
    );
    assert_eq!(
        answer.body["error"]["details"],
        json!({ "field": "TRACKER", "value": body })
    );
    // The other client may have the same.
    world
        .send(Method::POST, "/tracker", Some(&world.their_key), body.to_string())
        .await
        .ok(201);
    assert_eq!(world.get("/tracker").await.body.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn several_violations_are_reported_first_and_all() {
    let world = World::new().await;
    let answer = world.post("/tracker", &json!({ "imei": 5, "status": "" })).await;
    answer
        .error(400, "FIELD_MUST_BE_DEFINED", "Field trackerName must be defined")
        .violates("FIELD_MUST_BE_DEFINED", "trackerName");
    let codes: Vec<_> = answer.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["field"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["trackerName", "imei", "status"]);
    assert_eq!(world.get("/tracker").await.body, json!([]));
}

#[tokio::test]
async fn a_device_is_created_and_found_by_every_filter() {
    let world = World::new().await;
    let first = world.device("1").await;
    world.device("2").await;
    let listed = world.get("/device").await.ok(200).body;
    let expected = json!({
        "id_device": first, "id_client": world.ours.0, "id_tracker": 1, "id_worksite": 1, "id_team": 2, "device_name": "d",
        "id_device_type": 1, "device_code": "ABC-1234", "device_uuid": "chassis-1", "status": "active"
    });
    assert_eq!(listed[0], expected);
    assert_eq!(world.post("/device/list", &json!({})).await.ok(200).body, listed);
    for (filter, count) in [
        (json!({ "idDevice": first }), 1),
        (json!({ "idTracker": 2 }), 1),
        (json!({ "idWorksite": 1 }), 2),
        (json!({ "idTeam": 3 }), 0),
        (json!({ "deviceName": "d" }), 2),
        (json!({ "idType": 2 }), 0),
        (json!({ "deviceCode": "ABC-1234" }), 2),
        (json!({ "deviceUuid": "chassis-2" }), 1),
        (json!({ "status": "active", "idDevice": first }), 1),
        (json!({ "idDevice": null }), 2),
    ] {
        assert_eq!(
            world
                .post("/device/list", &filter)
                .await
                .ok(200)
                .body
                .as_array()
                .unwrap()
                .len(),
            count,
            "{filter}"
        );
    }
    assert_eq!(
        world
            .get("/device?idDevice=1&deviceUuid=chassis-1")
            .await
            .ok(200)
            .body
            .as_array()
            .unwrap()
            .len(),
        1
    );
    world
        .post("/device/list", &json!({ "idType": "x" }))
        .await
        .violates("FIELD_MUST_BE_INTEGER", "idType");
    // The other client sees none of it, also not by id.
    for path in [
        "/device",
        "/device?idDevice=1",
        "/tracker",
        "/tracker?idTracker=1",
        "/tracker?imei=1",
    ] {
        assert_eq!(
            world
                .send(Method::GET, path, Some(&world.their_key), ())
                .await
                .ok(200)
                .body,
            json!([]),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_device_needs_its_own_clients_free_tracker_a_type_and_a_link() {
    let world = World::new().await;
    world.device("1").await;
    world
        .post("/tracker", &json!({ "trackerName": "free" }))
        .await
        .ok(201);
    world
        .send(
            Method::POST,
            "/tracker",
            Some(&world.their_key),
            json!({ "trackerName": "theirs" }).to_string(),
        )
        .await
        .ok(201);
    let body = |tracker: u32, kind: u32, uuid: &str| json!({ "idTracker": tracker, "idWorksite": 1, "idTeam": 1, "deviceName": "d", "idType": kind, "deviceUuid": uuid });
    let missing = "ENTITY_WITH_FIELD_NOT_FOUND";
    world.post("/device", &body(3, 1, "u")).await.error(
        400,
        missing,
        "TRACKER not found with field idTracker",
    );
    world.post("/device", &body(99, 1, "u")).await.error(
        400,
        missing,
        "TRACKER not found with field idTracker",
    );
    world.post("/device", &body(2, 99, "u")).await.error(
        400,
        missing,
        "DEVICE_TYPE not found with field idType",
    );
    let taken = "ENTITY_WITH_FIELD_ALREADY_EXISTS";
    world.post("/device", &body(1, 1, "u")).await.error(
        409,
        taken,
        "DEVICE already exists with this IDTRACKER",
    );
    world.post("/device", &body(2, 1, "chassis-1")).await.error(
        409,
        taken,
        "DEVICE already exists with this DEVICEUUID",
    );
    let (_, unlinked) = world
        .registry
        .create_api_key("u", world.ours, None, &[Scope::Write])
        .await
        .unwrap();
    let answer = world
        .send(
            Method::POST,
            "/device",
            Some(&unlinked),
            body(2, 1, "u").to_string(),
        )
        .await;
    answer.error(400, "ENTITY_NOT_FOUND", "CLIENT_VENDOR link not found");
    world.post("/device", &body(2, 1, "u")).await.ok(201);
}

#[tokio::test]
async fn long_lists_are_sent_in_pieces_that_make_one_array() {
    let world = World::new().await;
    for number in 0..600 {
        world
            .post("/tracker", &json!({ "trackerName": format!("t{number}") }))
            .await
            .ok(201);
    }
    let listed = world.get("/tracker").await.ok(200).body;
    assert_eq!(listed.as_array().unwrap().len(), 600);
    assert_eq!(listed[599]["tracker_name"], "t599");
}
