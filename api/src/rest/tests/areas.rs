//! `/v1/latest`: pages, names, boxes and circles, each client for itself.

use fixstream_core::latest::Latest;
use fixstream_core::model::DeviceId;
use fixstream_core::registry::Scope;
use poem::http::Method;
use serde_json::{Value, json};

use super::latest::position;
use super::world::{Answer, World};

fn at(id: u64, latitude: f64, longitude: f64) -> Latest {
    Latest {
        latitude,
        longitude,
        ..position(id)
    }
}

fn ids(answer: &Answer) -> Vec<u64> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["deviceId"].as_u64().unwrap())
        .collect()
}

/// Four devices with a position (Santiago twice, Fiji, north of it over the antimeridian), one without.
async fn fleet() -> (World, Vec<u32>) {
    let world = World::new().await;
    let places = [
        (-33.45, -70.66),
        (-33.46, -70.65),
        (-18.0, 178.0),
        (-16.0, -179.0),
    ];
    let mut devices = Vec::new();
    for (number, (latitude, longitude)) in places.into_iter().enumerate() {
        let device = world.device(&number.to_string()).await;
        world
            .latest
            .put(DeviceId(device), &at(number as u64 + 1, latitude, longitude));
        devices.push(device);
    }
    devices.push(world.device("silent").await);
    (world, devices)
}

#[tokio::test]
async fn areas_names_and_groups_choose_among_the_latest_positions() {
    let (world, devices) = fleet().await;
    let group = world.post("/v1/groups", &json!({ "name": "north" })).await;
    let group = group.body["id"].as_u64().unwrap();
    for device in [devices[1], devices[2], devices[4]] {
        let path = format!("/v1/groups/{group}/devices/{device}");
        world
            .send(Method::PUT, &path, Some(&world.key), "")
            .await
            .nothing();
    }
    let of = |numbers: &[usize]| -> Vec<u64> {
        numbers.iter().map(|number| u64::from(devices[*number])).collect()
    };
    let (first, third) = (devices[0], devices[2]);
    for (query, expected) in [
        (String::new(), of(&[0, 1, 2, 3])),
        (format!("ids={third},{first},{first},999"), of(&[0, 2])),
        (format!("ids={}", devices[4]), of(&[])),
        (format!("groupId={group}"), of(&[1, 2])),
        (format!("groupId={group}&ids={first},{third}"), of(&[2])),
        ("bbox=-71,-34,-70,-33".into(), of(&[0, 1])),
        // edges belong to it
        ("bbox=-70.66,-33.45,-70.66,-33.45".into(), of(&[0])),
        ("bbox=-70.659,-33.45,-70,-33.45".into(), of(&[])),
        // over the antimeridian
        ("bbox=177,-20,-178,-15".into(), of(&[2, 3])),
        ("bbox=177%2C-20%2C180%2C-15".into(), of(&[2])),
        ("bbox=-180,-90,180,90".into(), of(&[0, 1, 2, 3])),
        // 1,112 m of latitude and 928 m of longitude lie between the first two
        ("latitude=-33.45&longitude=-70.66&radiusM=1400".into(), of(&[0])),
        (
            "latitude=-33.45&longitude=-70.66&radiusM=1500".into(),
            of(&[0, 1]),
        ),
        ("latitude=-17&longitude=180&radiusM=300000".into(), of(&[2, 3])),
        (
            "latitude=0&longitude=0&radiusM=40000000".into(),
            of(&[0, 1, 2, 3]),
        ),
        // all filters hold at once
        (
            "bbox=-71,-34,-70,-33&latitude=-33.46&longitude=-70.65&radiusM=10".into(),
            of(&[1]),
        ),
        (format!("bbox=-71,-34,-70,-33&ids={first},{third}"), of(&[0])),
        (format!("bbox=-71,-34,-70,-33&groupId={group}"), of(&[1])),
    ] {
        let answer = world.get(&format!("/v1/latest?{query}")).await;
        assert_eq!(ids(&answer), expected, "{query}");
        assert_eq!(answer.body["totalElements"], expected.len(), "{query}");
        let theirs = format!("/v1/latest?{query}");
        let theirs = world.send(Method::GET, &theirs, Some(&world.their_key), ()).await;
        if query.contains("groupId") {
            theirs.refused(404, "group_not_found");
        } else {
            assert!(ids(&theirs).is_empty(), "{query}");
        }
    }
}

#[tokio::test]
async fn pages_of_latest_positions_are_pieces_of_the_whole() {
    let (world, devices) = fleet().await;
    for (query, expected, total) in [
        ("size=2", vec![0, 1], 4),
        ("size=2&page=1", vec![2, 3], 4),
        ("size=3&page=1", vec![3], 4),
        ("size=2&page=2", vec![], 4),
        ("size=1000&page=1000000", vec![], 4),
        ("size=1&page=1&bbox=-71,-34,-70,-33", vec![1], 2),
    ] {
        let answer = world.get(&format!("/v1/latest?{query}")).await;
        let expected: Vec<u64> = expected
            .into_iter()
            .map(|number: usize| u64::from(devices[number]))
            .collect();
        assert_eq!(ids(&answer), expected, "{query}");
        assert_eq!(answer.body["totalElements"], total, "{query}");
        assert_eq!(answer.body["numberOfElements"], expected.len(), "{query}");
    }
}

#[tokio::test]
async fn a_crowd_of_others_does_not_hide_the_few_of_a_client() {
    let world = World::new().await;
    let device = world.device("1").await;
    // more than are looked at for a client with one device, in the cell of it
    for stranger in 1_000..2_000 {
        world
            .latest
            .put(DeviceId(stranger), &at(u64::from(stranger), 10.01, 20.01));
    }
    world.latest.put(DeviceId(device), &at(1, 10.0, 20.0));
    for query in [
        "bbox=19.99,9.99,20.02,10.02",
        "latitude=10&longitude=20&radiusM=5000",
    ] {
        let answer = world.get(&format!("/v1/latest?{query}")).await;
        assert_eq!(ids(&answer), [u64::from(device)], "{query}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_area_is_named() {
    let world = World::new().await;
    let fully = "latitude=1&longitude=2&radiusM=3";
    for (query, expected) in [
        ("bbox=1,2,3", vec![("invalid_bbox", "bbox")]),
        ("bbox=1,3,2,2", vec![("invalid_bbox", "bbox")]),
        ("bbox=-181,0,0,1", vec![("invalid_bbox", "bbox")]),
        ("bbox=", vec![("field_must_not_be_empty", "bbox")]),
        (
            "latitude=1",
            vec![
                ("field_must_be_defined", "longitude"),
                ("field_must_be_defined", "radiusM"),
            ],
        ),
        (
            "radiusM=1",
            vec![
                ("field_must_be_defined", "latitude"),
                ("field_must_be_defined", "longitude"),
            ],
        ),
        (
            "latitude=90.1&longitude=-180.1&radiusM=0",
            vec![
                ("value_above_maximum", "latitude"),
                ("value_below_minimum", "longitude"),
                ("number_must_be_positive", "radiusM"),
            ],
        ),
        (
            "latitude=x&longitude=2&radiusM=40000001",
            vec![
                ("field_must_be_numeric", "latitude"),
                ("value_above_maximum", "radiusM"),
            ],
        ),
        ("ids=0", vec![("value_below_minimum", "ids")]),
        ("ids=1,x", vec![("field_must_be_integer", "ids")]),
        ("ids=", vec![("field_must_not_be_empty", "ids")]),
        ("size=0", vec![("value_below_minimum", "size")]),
        ("size=1001", vec![("value_above_maximum", "size")]),
        ("page=-1", vec![("value_below_minimum", "page")]),
        ("groupId=a", vec![("field_must_be_integer", "groupId")]),
        ("box=1,2,3,4", vec![("field_is_unknown", "box")]),
    ] {
        world
            .get(&format!("/v1/latest?{query}"))
            .await
            .constraints(&expected);
    }
    let many = vec!["1"; 1_001].join(",");
    world
        .get(&format!("/v1/latest?ids={many}"))
        .await
        .constraints(&[("value_above_maximum", "ids")]);
    let many = vec!["1"; 1_000].join(",");
    for query in [
        format!("ids={many}"),
        fully.to_owned(),
        "latitude=-90&longitude=180&radiusM=40000000".to_owned(),
    ] {
        world.get(&format!("/v1/latest?{query}")).await.is(200);
    }
    world
        .get("/v1/latest?groupId=9")
        .await
        .refused(404, "group_not_found");
}

#[tokio::test]
async fn one_device_has_a_latest_position_or_none() {
    let (world, devices) = fleet().await;
    let path = |device: u32| format!("/v1/devices/{device}/latest");
    let answer = world.get(&path(devices[0])).await.is(200);
    for (name, expected) in [
        ("deviceId", json!(devices[0])),
        ("deviceName", json!("d")),
        ("deviceCode", json!("ABC-1234")),
        ("id", json!(1)),
        ("time", json!("2025-02-12T13:00:00.007Z")),
        ("latitude", json!(-33.45)),
        ("longitude", json!(-70.66)),
        // 12.34000015 would parse to another number
        ("speedKmh", json!(12.34)),
        ("headingDeg", json!(180.5)),
        ("odometerKm", json!(150_350.75)),
        ("supplyV", json!(12.6)),
        ("ignition", json!(true)),
        ("altitudeM", Value::Null),
    ] {
        assert_eq!(answer.body.get(name), Some(&expected), "{name}");
    }
    let listed = world.get("/v1/latest?size=1").await;
    assert_eq!(listed.body["content"][0], answer.body);
    world
        .get(&path(devices[4]))
        .await
        .refused(404, "position_not_found");
    world.get(&path(999)).await.refused(404, "device_not_found");
    let theirs = world
        .send(Method::GET, &path(devices[0]), Some(&world.their_key), ())
        .await;
    theirs.refused(404, "device_not_found");
    for wrong in ["0", "x", "4294967296"] {
        let answer = world.get(&format!("/v1/devices/{wrong}/latest")).await;
        answer.refused(400, "constraint_violation");
    }
}

#[tokio::test]
async fn latest_reports_and_tracks_need_the_scope_to_read() {
    let world = World::new().await;
    let device = world.device("1").await;
    let writer = world.key_for(&[Scope::Write]).await;
    for path in [
        "/v1/latest".to_owned(),
        format!("/v1/devices/{device}/latest"),
        format!("/v1/devices/{device}/track"),
        "/v1/reports/movements".to_owned(),
        "/v1/reports/speeding".to_owned(),
        "/v1/reports/summary".to_owned(),
    ] {
        let answer = world.send(Method::GET, &path, Some(&writer), ()).await;
        answer.refused(403, "forbidden");
        for key in [None, Some("wrong")] {
            let answer = world.send(Method::GET, &path, key, ()).await;
            answer.refused(401, "unauthorized");
        }
        let answer = world.send(Method::POST, &path, Some(&world.key), "{}").await;
        answer.refused(405, "method_not_allowed");
    }
}
