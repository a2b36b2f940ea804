//! Positions after the fact, in front of a ClickHouse that is away: everything that is settled before it is asked.

use fixstream_core::model::Source;
use fixstream_core::registry::Scope;
use poem::http::Method;
use serde_json::{Value, json};

use super::world::{Answer, World};

const NO_POSITION: (&str, &str) = (
    "ENTITY_WITH_FIELD_NOT_FOUND",
    "POSITION not found with field idPosition",
);
const NO_DEVICE: (&str, &str) = (
    "ENTITY_WITH_FIELD_NOT_FOUND",
    "DEVICE not found with field idDevice",
);

impl World {
    async fn change(&self, method: &Method, path: &str, body: &Value) -> Answer {
        self.send(method.clone(), path, Some(&self.key), body.to_string())
            .await
    }
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (status, &json!(code)),
        "{}",
        answer.body
    );
}

#[track_caller]
fn violates(answer: &Answer, fields: &[&str]) {
    refused(answer, 400, "constraint_violation");
    let violations = answer.body["violations"].as_array().unwrap();
    let named: Vec<_> = violations
        .iter()
        .map(|one| one["field"].as_str().unwrap())
        .collect();
    assert_eq!(named, fields, "{}", answer.body);
}

#[tokio::test]
async fn ids_that_were_never_given_are_not_found_at_once_also_without_clickhouse() {
    let world = World::new().await;
    for id in [1_u64, 1024, (1 << 53) - 1] {
        let body = json!({ "idPosition": id });
        for answer in [
            world.get(&format!("/position?idPosition={id}")).await,
            world.change(&Method::PATCH, "/position", &body).await,
            world.change(&Method::DELETE, "/position", &body).await,
        ] {
            answer.error(400, NO_POSITION.0, NO_POSITION.1);
        }
        let path = format!("/v1/positions/{id}");
        for answer in [
            world.get(&path).await,
            world.change(&Method::PATCH, &path, &json!({})).await,
            world.change(&Method::DELETE, &path, &json!({})).await,
        ] {
            refused(&answer, 404, "position_not_found");
        }
    }
    assert!(world.journalled().is_empty());
}

#[tokio::test]
async fn the_identity_is_required_and_every_rule_of_a_new_position_holds_for_a_change() {
    let world = World::new().await;
    let refuses = async |method: &Method, body: Value, code: &str, field: &str| {
        world
            .change(method, "/tracking/write/position", &body)
            .await
            .violates(code, field);
    };
    for method in [Method::PATCH, Method::DELETE] {
        for (id, code) in [
            (Value::Null, "FIELD_MUST_BE_DEFINED"),
            (json!(""), "FIELD_MUST_NOT_BE_EMPTY"),
            (json!("7"), "FIELD_MUST_BE_INTEGER"),
            (json!(1.5), "FIELD_MUST_BE_INTEGER"),
            (json!(0), "VALUE_BELOW_MINIMUM"),
            (json!(-1), "VALUE_BELOW_MINIMUM"),
            (json!(1_u64 << 53), "VALUE_ABOVE_MAXIMUM"),
        ] {
            refuses(&method, json!({ "idPosition": id }), code, "idPosition").await;
        }
        refuses(&method, json!({}), "FIELD_MUST_BE_DEFINED", "idPosition").await;
    }
    for (field, value, code) in [
        ("latitude", json!(90.01), "VALUE_ABOVE_MAXIMUM"),
        ("longitude", json!(-180.01), "VALUE_BELOW_MINIMUM"),
        ("velocity", json!(-0.01), "VALUE_BELOW_MINIMUM"),
        ("velocity", json!(1e8), "VALUE_ABOVE_MAXIMUM"),
        ("direction", json!(-1000), "VALUE_BELOW_MINIMUM"),
        ("createdAt", json!("yesterday"), "INVALID_DATE_FORMAT"),
        ("engineStatus", json!("on"), "FIELD_MUST_BE_BOOLEAN"),
        ("idDevice", json!(0), "VALUE_BELOW_MINIMUM"),
    ] {
        let mut body = json!({ "idPosition": 1 });
        body[field] = value;
        refuses(&Method::PATCH, body, code, field).await;
    }
    // The documented example of DELETE carries all the fields of a position: they are ignored.
    let example = json!({ "idPosition": 1, "latitude": "nonsense", "velocity": -1 });
    world
        .change(&Method::DELETE, "/position", &example)
        .await
        .error(400, NO_POSITION.0, NO_POSITION.1);
    let theirs = world.device("1").await;
    let body = json!({ "idPosition": 1, "idDevice": theirs });
    let answer = world
        .send(
            Method::PATCH,
            "/position",
            Some(&world.their_key),
            body.to_string(),
        )
        .await;
    answer.error(400, NO_DEVICE.0, NO_DEVICE.1);
}

#[tokio::test]
async fn lists_check_their_filters_and_then_need_clickhouse() {
    let world = World::new().await;
    let device = world.device("1").await;
    for (query, code, field) in [
        ("limit=0", "VALUE_BELOW_MINIMUM", "limit"),
        ("limit=10001", "VALUE_ABOVE_MAXIMUM", "limit"),
        ("limit=many", "FIELD_MUST_BE_INTEGER", "limit"),
        ("page=-1", "VALUE_BELOW_MINIMUM", "page"),
        ("page=10001", "VALUE_ABOVE_MAXIMUM", "page"),
        ("idDevice=0", "VALUE_BELOW_MINIMUM", "idDevice"),
        ("idDevice=x", "FIELD_MUST_BE_INTEGER", "idDevice"),
        ("idPosition=0", "VALUE_BELOW_MINIMUM", "idPosition"),
        ("startDate=now", "INVALID_DATE_FORMAT", "startDate"),
        ("endDate=2025-02-30T00:00:00Z", "INVALID_DATE_FORMAT", "endDate"),
    ] {
        world
            .get(&format!("/position?{query}"))
            .await
            .violates(code, field);
    }
    let unknown = world.get(&format!("/position?idDevice={}", device + 1)).await;
    unknown.error(400, NO_DEVICE.0, NO_DEVICE.1);
    let path = format!("/position?idDevice={device}&limit=10000&page=10000");
    let foreign = world.send(Method::GET, &path, Some(&world.their_key), ()).await;
    foreign.error(400, NO_DEVICE.0, NO_DEVICE.1);
    for path in [path.as_str(), "/position", "/tracking/read/position?limit=1"] {
        let away = world.get(path).await;
        away.error(
            503,
            "HISTORY_AWAY",
            "ClickHouse does not answer at the moment, try again later",
        );
        assert_eq!(away.response.header("retry-after"), Some("5"));
    }
}

#[tokio::test]
async fn a_new_position_is_on_disk_and_answered_with_its_id_and_place() {
    let world = World::new().await;
    let device = world.device("1").await;
    let body = json!({
        "deviceId": device, "latitude": -33.45, "longitude": -70.66, "time": "2025-02-12T13:00:00.5Z",
        "speedKmh": 60.505, "headingDeg": 359.9, "satellites": 9, "ignition": false, "event": "door", "powerV": null
    });
    let answer = world.post("/v1/positions", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let id = answer.body["id"].as_u64().unwrap();
    assert_eq!(
        answer.response.header("location"),
        Some(format!("/v1/positions/{id}").as_str())
    );
    for (name, value) in [
        ("deviceId", json!(device)),
        ("time", json!("2025-02-12T13:00:00.500Z")),
        ("speedKmh", json!(60.505)),
        ("satellites", json!(9)),
        ("ignition", json!(false)),
        ("event", json!("door")),
        ("powerV", Value::Null),
        ("verdict", Value::Null),
        ("revision", json!(0)),
    ] {
        assert_eq!(answer.body[name], value, "{name}");
    }
    let journalled = world.journalled();
    let Source::Position { device: stored, fix } = &journalled[0].source else {
        panic!("{journalled:?}")
    };
    assert_eq!(
        (stored.0, fix.heading_deg, fix.satellites, fix.event.as_deref()),
        (device, Some(359.9), Some(9), Some("door"))
    );
}

#[tokio::test]
async fn a_new_resource_names_all_that_is_wrong_with_it() {
    let world = World::new().await;
    let device = world.device("1").await;
    let post = async |body: Value| world.post("/v1/positions", &body).await;
    violates(&post(json!({})).await, &["deviceId", "latitude", "longitude"]);
    let base = json!({ "deviceId": device, "latitude": 0, "longitude": 0 });
    for (field, values) in [
        ("latitude", [json!(90.1), json!("0"), Value::Null]),
        ("headingDeg", [json!(360), json!(-0.1), json!("north")]),
        ("speedKmh", [json!(-1), json!(1e8), json!(true)]),
        ("satellites", [json!(-1), json!(65_536), json!(1.5)]),
        ("fuelPercent", [json!(-1e8), json!(1e8), json!("full")]),
        ("event", [json!(""), json!("e".repeat(65)), json!(1)]),
        ("time", [json!("now"), json!(1), json!([])]),
        ("velocity", [json!(1), json!("misspelt"), Value::Null]),
    ] {
        for value in values {
            let mut body = base.clone();
            body[field] = value;
            violates(&post(body).await, &[field]);
        }
    }
    for device in [device + 1, u32::MAX] {
        let mut body = base.clone();
        body["deviceId"] = json!(device);
        refused(&post(body).await, 404, "device_not_found");
    }
    let theirs = world
        .send(
            Method::POST,
            "/v1/positions",
            Some(&world.their_key),
            base.to_string(),
        )
        .await;
    refused(&theirs, 404, "device_not_found");
    assert!(world.journalled().is_empty());
}

#[tokio::test]
async fn a_page_of_a_device_checks_path_filters_and_cursor() {
    let world = World::new().await;
    let device = world.device("1").await;
    let path = format!("/v1/devices/{device}/positions");
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("from=now", "from"),
        ("to=2025-13-01T00:00:00Z", "to"),
        ("verdict=deleted", "verdict"),
        ("verdict=fine", "verdict"),
        ("order=up", "order"),
        ("cursor=abc", "cursor"),
        ("cursor=", "cursor"),
        ("form=2025-01-01T00:00:00Z", "form"),
    ] {
        violates(&world.get(&format!("{path}?{query}")).await, &[field]);
    }
    violates(&world.get("/v1/devices/0/positions").await, &["id"]);
    violates(&world.get("/v1/positions/0").await, &["id"]);
    violates(&world.get("/v1/positions/abc").await, &["id"]);
    let other = format!("/v1/devices/{}/positions", device + 1);
    refused(&world.get(&other).await, 404, "device_not_found");
    let theirs = world.send(Method::GET, &path, Some(&world.their_key), ()).await;
    refused(&theirs, 404, "device_not_found");
    let all = format!("{path}?verdict=trusted&limit=1000&order=desc&from=2025-01-01T00:00:00Z");
    refused(&world.get(&all).await, 503, "history_away");
}

#[tokio::test]
async fn reading_and_changing_positions_need_their_scopes() {
    let world = World::new().await;
    let only = async |scope| {
        let made = world
            .registry
            .create_api_key("k", world.ours, None, &[scope])
            .await;
        made.unwrap().1
    };
    let (reader, writer) = (only(Scope::Read).await, only(Scope::Write).await);
    for (method, path, wrong) in [
        (Method::GET, "/position", &writer),
        (Method::PATCH, "/position", &reader),
        (Method::DELETE, "/position", &reader),
        (Method::POST, "/v1/positions", &reader),
        (Method::GET, "/v1/positions/1", &writer),
        (Method::PATCH, "/v1/positions/1", &reader),
        (Method::DELETE, "/v1/positions/1", &reader),
        (Method::GET, "/v1/devices/1/positions", &writer),
    ] {
        let answer = world.send(method.clone(), path, Some(wrong), "{}").await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.body);
        let answer = world.send(method.clone(), path, None, "{}").await;
        assert_eq!(answer.status, 401, "{method} {path}: {}", answer.body);
    }
}
