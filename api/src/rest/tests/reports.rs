//! `/v1/reports/…` and `/v1/devices/{id}/track`: what they refuse. Behind that stands a ClickHouse that is away; what
//! they answer is shown end to end.

use poem::http::Method;
use serde_json::json;

use super::world::World;

const REPORTS: [&str; 3] = [
    "/v1/reports/movements",
    "/v1/reports/speeding",
    "/v1/reports/summary",
];
/// A year and a day of a leap year, the longest that may be.
const YEAR: &str = "from=2024-01-01T00:00:00Z&to=2025-01-01T00:00:00Z";

/// The rules of time that reports and tracks share.
fn times() -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
    vec![
        (
            "",
            vec![("field_must_be_defined", "from"), ("field_must_be_defined", "to")],
        ),
        (
            "from=&to=",
            vec![
                ("field_must_not_be_empty", "from"),
                ("field_must_not_be_empty", "to"),
            ],
        ),
        ("from=2025-01-01T00:00:00Z", vec![("field_must_be_defined", "to")]),
        (
            "from=now&to=2025-13-01T00:00:00Z",
            vec![("invalid_date_format", "from"), ("invalid_date_format", "to")],
        ),
        (
            "from=2025-01-01T00:00:00Z&to=2024-12-31T23:59:59.999Z",
            vec![("value_below_minimum", "to")],
        ),
        (
            "from=2024-01-01T00:00:00Z&to=2025-01-01T00:00:00.001Z",
            vec![("value_above_maximum", "to")],
        ),
        (
            "from=2025-01-01T00:00:00Z&to=2025-01-02T00:00:00Z&until=1",
            vec![("field_is_unknown", "until")],
        ),
    ]
}

#[tokio::test]
async fn reports_check_all_that_they_are_asked() {
    let world = World::new().await;
    let device = world.device("1").await;
    let many = |count: usize| vec![device.to_string(); count].join(",");
    for path in REPORTS {
        for (query, expected) in times() {
            world.get(&format!("{path}?{query}")).await.constraints(&expected);
        }
        for (query, expected) in [
            ("format=xml", ("unsupported_enum_value", "format")),
            ("format=", ("field_must_not_be_empty", "format")),
            ("deviceIds=0", ("value_below_minimum", "deviceIds")),
            ("deviceIds=1,,2", ("field_must_be_integer", "deviceIds")),
            ("deviceIds=4294967296", ("value_above_maximum", "deviceIds")),
            ("groupId=0", ("value_below_minimum", "groupId")),
        ] {
            let answer = world.get(&format!("{path}?{YEAR}&{query}")).await;
            answer.constraints(&[expected]);
        }
        let answer = world
            .get(&format!("{path}?{YEAR}&deviceIds={}", many(1_001)))
            .await;
        answer.constraints(&[("value_above_maximum", "deviceIds")]);
        for (query, code) in [
            (format!("deviceIds={device},999"), "device_not_found"),
            ("groupId=9".to_owned(), "group_not_found"),
        ] {
            let answer = world.get(&format!("{path}?{YEAR}&{query}")).await;
            answer.refused(404, code);
        }
        let foreign = format!("{path}?{YEAR}&deviceIds={device}");
        let foreign = world
            .send(Method::GET, &foreign, Some(&world.their_key), ())
            .await;
        foreign.refused(404, "device_not_found");
        for query in [
            YEAR.to_owned(),
            format!("{YEAR}&deviceIds={}&format=csv", many(1_000)),
            "from=2025-01-01T00:00:00Z&to=2025-01-01T00:00:00Z".to_owned(),
        ] {
            let away = world.get(&format!("{path}?{query}")).await;
            away.refused(503, "history_away");
            assert_eq!(away.header("retry-after").as_deref(), Some("5"));
        }
    }
    for (offset, code) in [
        ("-841", "value_below_minimum"),
        ("841", "value_above_maximum"),
        ("1.5", "field_must_be_integer"),
        ("CET", "field_must_be_integer"),
    ] {
        let answer = world
            .get(&format!("{}?{YEAR}&utcOffsetMinutes={offset}", REPORTS[2]))
            .await;
        answer.constraints(&[(code, "utcOffsetMinutes")]);
    }
    for offset in ["-840", "840", "0"] {
        let answer = world
            .get(&format!("{}?{YEAR}&utcOffsetMinutes={offset}", REPORTS[2]))
            .await;
        answer.refused(503, "history_away");
    }
    // days are the summary's only
    world
        .get(&format!("{}?{YEAR}&utcOffsetMinutes=0", REPORTS[0]))
        .await
        .constraints(&[("field_is_unknown", "utcOffsetMinutes")]);
}

#[tokio::test]
async fn a_group_may_be_empty_and_is_narrowed_by_the_devices_that_are_named() {
    let world = World::new().await;
    let group = world.post("/v1/groups", &json!({ "name": "all" })).await;
    let group = group.body["id"].as_u64().unwrap();
    let query = format!("{}?{YEAR}&groupId={group}", REPORTS[0]);
    world.get(&query).await.refused(503, "history_away");
    let device = world.device("1").await;
    let other = world.device("2").await;
    let path = format!("/v1/groups/{group}/devices/{device}");
    world
        .send(Method::PUT, &path, Some(&world.key), "")
        .await
        .nothing();
    // one that is named but no member is none of them: nobody is left, and that is no error
    let named = format!("{query}&deviceIds={other}");
    world.get(&named).await.refused(503, "history_away");
}

#[tokio::test]
async fn tracks_check_path_time_and_format() {
    let world = World::new().await;
    let device = world.device("1").await;
    let path = format!("/v1/devices/{device}/track");
    for (query, expected) in times() {
        world.get(&format!("{path}?{query}")).await.constraints(&expected);
    }
    for (query, expected) in [
        ("format=kml", ("unsupported_enum_value", "format")),
        ("format=", ("field_must_not_be_empty", "format")),
        ("deviceIds=1", ("field_is_unknown", "deviceIds")),
    ] {
        let answer = world.get(&format!("{path}?{YEAR}&{query}")).await;
        answer.constraints(&[expected]);
    }
    for wrong in ["0", "x"] {
        let answer = world.get(&format!("/v1/devices/{wrong}/track?{YEAR}")).await;
        answer.refused(400, "constraint_violation");
    }
    let other = format!("/v1/devices/{}/track?{YEAR}", device + 1);
    world.get(&other).await.refused(404, "device_not_found");
    let whole = format!("{path}?{YEAR}");
    let theirs = world.send(Method::GET, &whole, Some(&world.their_key), ()).await;
    theirs.refused(404, "device_not_found");
    for form in ["geojson", "geojson-line", "gpx", "csv"] {
        let away = world.get(&format!("{whole}&format={form}")).await;
        away.refused(503, "history_away");
    }
}
