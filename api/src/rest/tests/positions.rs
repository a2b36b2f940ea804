//! Positions in both formats.

use fixstream_core::model::Source;
use poem::http::Method;
use serde_json::{Value, json};

use super::world::World;

fn position(device: u32) -> Value {
    json!({ "idDevice": device, "latitude": -23.55, "longitude": -46.63, "createdAt": "2025-02-12 10:00:00.000 -0300", "velocity": 60.505 })
}

#[tokio::test]
async fn a_created_position_is_in_the_journal_when_it_is_answered() {
    let world = World::new().await;
    let device = world.device("1").await;
    let answer = world
        .post("/tracking/write/position/create", &position(device))
        .await
        .ok(201);
    assert_eq!(
        answer.body,
        json!({ "status": "ok", "message": "Position created successfully" })
    );
    let journalled = world.journalled();
    assert_eq!(journalled.len(), 1);
    let uplink = &journalled[0];
    assert_eq!(
        (uplink.sender.client, uplink.sender.link, uplink.sender.tracker),
        (world.ours, Some(world.our_link), None)
    );
    let Source::Position { device: stored, fix } = &uplink.source else {
        panic!("{uplink:?}")
    };
    assert_eq!(
        (stored.0, fix.latitude, fix.longitude, fix.speed_kmh),
        (device, -23.55, -46.63, Some(60.51))
    );
    assert_eq!(fix.time.unwrap().0, 1_739_365_200_000);
}

#[tokio::test]
async fn a_refused_position_leaves_nothing_in_the_journal() {
    let world = World::new().await;
    let device = world.device("1").await;
    let mut bad = position(device);
    bad["latitude"] = json!(90.5);
    world
        .post("/position/create", &bad)
        .await
        .violates("VALUE_ABOVE_MAXIMUM", "latitude");
    world
        .post("/position/create", &json!([position(device)]))
        .await
        .error(
            400,
            "INVALID_PARAMETERS",
            "There were one or more validation errors in the request",
        );
    for unknown in [device + 1, 4_000_000_000] {
        let answer = world.post("/position/create", &position(unknown)).await;
        answer.error(
            400,
            "ENTITY_WITH_FIELD_NOT_FOUND",
            "DEVICE not found with field idDevice",
        );
        assert_eq!(
            answer.body["error"]["details"],
            json!({ "field": "DEVICE", "value": position(unknown) })
        );
    }
    // Another client's device answers as one that never existed.
    let answer = world
        .send(
            Method::POST,
            "/position/create",
            Some(&world.their_key),
            position(device).to_string(),
        )
        .await;
    answer.error(
        400,
        "ENTITY_WITH_FIELD_NOT_FOUND",
        "DEVICE not found with field idDevice",
    );
    assert!(world.journalled().is_empty());
}

#[tokio::test]
async fn an_unknown_unlinked_or_uninstalled_vendor_is_not_found() {
    let world = World::new().await;
    // `traccar` is linked but has no plugin; `theirs-only` is the other client's.
    for vendor in ["nobody", "theirs-only", "traccar"] {
        let answer = world
            .post(&format!("/position/vendor/{vendor}"), &json!({ "any": "thing" }))
            .await;
        answer.error(400, "ENTITY_NOT_FOUND", &format!("VENDOR {vendor} not found"));
        assert_eq!(answer.body["error"]["details"]["field"], "VENDOR");
    }
    let long = "v".repeat(5000);
    let answer = world.post(&format!("/position/vendor/{long}"), &json!({})).await;
    answer.error(
        400,
        "ENTITY_NOT_FOUND",
        &format!("VENDOR {} not found", &long[..64]),
    );
    assert!(world.journalled().is_empty());
}

#[tokio::test]
async fn a_stopped_journal_is_overload_with_a_time_to_retry() {
    let world = World::new().await;
    let device = world.device("1").await;
    world.journal.close();
    let answer = world.post("/position/create", &position(device)).await;
    answer.error(
        503,
        "OVERLOADED",
        "The hub can not accept more right now, try again later",
    );
    assert_eq!(answer.response.header("retry-after"), Some("1"));
}
