//! Latest positions.

use fixstream_core::latest::Latest;
use fixstream_core::model::{DeviceId, PositionId, TimeMs};
use poem::http::Method;
use serde_json::{Value, json};

use super::world::World;

pub(super) fn position(id: u64) -> Latest {
    Latest {
        id: PositionId(id),
        time: TimeMs(1_739_365_200_007),
        received: TimeMs(1_739_365_201_000),
        latitude: 25.997_053,
        longitude: -97.155_282,
        odometer_km: Some(150_350.75),
        speed_kmh: Some(12.34),
        heading_deg: Some(180.5),
        altitude_m: None,
        engine_rpm: Some(2500.0),
        fuel_percent: Some(75.1),
        engine_temperature_c: Some(90.2),
        distance_km: Some(1.1),
        signal: None,
        accuracy_m: None,
        battery_v: Some(12.6),
        ignition: Some(true),
    }
}

#[tokio::test]
async fn a_latest_position_has_the_documented_shape_without_binary_noise() {
    let world = World::new().await;
    let device = world.device("1").await;
    world.latest.put(DeviceId(device), &position(5120));
    let answer = world.get(&format!("/latest-positions/{device}")).await.ok(200);
    // 12.34000015 would parse to another number than 12.34.
    let instance = world.registry.client(world.ours).unwrap().instance;
    for expected in [
        json!({ "instanceUuid": instance.to_string(), "deviceId": device, "deviceUuid": "chassis-1", "deviceCode": "ABC-1234" }),
        json!({ "longitude": -97.155_282, "latitude": 25.997_053, "createdAt": "2025-02-12T13:00:00.007Z", "velocity": 12.34 }),
        json!({ "odometer": 150_350.75, "direction": 180.5, "altitude": null, "rpm": 2500.0, "fuelLevel": 75.1 }),
        json!({ "engineTemperature": 90.2, "distanceDelta": 1.1, "mobileSignalStrength": null, "gpsAccuracy": null }),
        json!({ "batteryVoltage": 12.6, "engineStatus": true, "idPosition": 5120 }),
    ] {
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(answer.body[0].get(name), Some(value), "{name}");
        }
    }
    assert_eq!(answer.body[0].as_object().unwrap().len(), 20);
    assert_eq!(answer.body.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn latest_positions_are_asked_for_one_some_or_all() {
    let world = World::new().await;
    let first = world.device("1").await;
    let second = world.device("2").await;
    let silent = world.device("3").await;
    world.latest.put(DeviceId(first), &position(1024));
    world.latest.put(DeviceId(second), &position(2048));
    let ids = |body: &Value| {
        body.as_array()
            .unwrap()
            .iter()
            .map(|one| one["deviceId"].as_u64().unwrap() as u32)
            .collect::<Vec<_>>()
    };

    assert_eq!(
        ids(&world.get("/latest-position").await.ok(200).body),
        [first, second]
    );
    assert_eq!(
        ids(&world
            .get(&format!("/latest-position?deviceId={second}"))
            .await
            .ok(200)
            .body),
        [second]
    );
    assert_eq!(
        ids(&world
            .get(&format!("/latest-positions/{first}?deviceId={second}"))
            .await
            .ok(200)
            .body),
        [first]
    );
    assert_eq!(
        ids(&world
            .get(&format!("/latest-positions/?deviceId={second}"))
            .await
            .ok(200)
            .body),
        [second]
    );
    assert_eq!(
        world
            .get(&format!("/latest-positions/{silent}"))
            .await
            .ok(200)
            .body,
        json!([])
    );
    let some = world
        .post(
            "/latest-positions",
            &json!({ "deviceIds": [second, first, second, silent, 999] }),
        )
        .await
        .ok(200);
    assert_eq!(ids(&some.body), [second, first]);
}

#[tokio::test]
async fn ids_that_are_wrong_unknown_or_foreign_are_told_apart_only_where_they_should_be() {
    let world = World::new().await;
    let device = world.device("1").await;
    world.latest.put(DeviceId(device), &position(1024));
    let missing = "DEVICE not found with field deviceId";
    for path in ["/latest-position?deviceId=999", "/latest-positions/999"] {
        world
            .get(path)
            .await
            .error(400, "ENTITY_WITH_FIELD_NOT_FOUND", missing);
    }
    for path in [
        format!("/latest-position?deviceId={device}"),
        format!("/latest-positions/{device}"),
    ] {
        let answer = world.send(Method::GET, &path, Some(&world.their_key), ()).await;
        answer.error(400, "ENTITY_WITH_FIELD_NOT_FOUND", missing);
    }
    let body = json!({ "deviceIds": [device] }).to_string();
    assert_eq!(
        world
            .send(Method::POST, "/latest-positions", Some(&world.their_key), body)
            .await
            .ok(200)
            .body,
        json!([])
    );
    assert_eq!(
        world
            .send(Method::GET, "/latest-position", Some(&world.their_key), ())
            .await
            .ok(200)
            .body,
        json!([])
    );

    world
        .get("/latest-positions/abc")
        .await
        .violates("FIELD_MUST_BE_INTEGER", "deviceId");
    world
        .get("/latest-positions/0")
        .await
        .violates("VALUE_BELOW_MINIMUM", "deviceId");
    world
        .get("/latest-positions/-1")
        .await
        .violates("VALUE_BELOW_MINIMUM", "deviceId");
    world
        .get("/latest-positions/4294967296")
        .await
        .violates("VALUE_ABOVE_MAXIMUM", "deviceId");
    world
        .get("/latest-positions/")
        .await
        .violates("FIELD_MUST_BE_DEFINED", "deviceId");
    world
        .post("/latest-positions", &json!({ "deviceIds": [] }))
        .await
        .violates("ARRAY_MUST_NOT_BE_EMPTY", "deviceIds");
    world
        .post("/latest-positions", &json!({}))
        .await
        .violates("FIELD_MUST_BE_DEFINED", "deviceIds");
}
