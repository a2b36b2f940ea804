//! A trip, driven and read back: movements, speeding, days, the track in all forms, and where the devices are.

use std::fmt::Write as _;

use fixstream_core::model::DeviceId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Hub, Tenant, eventually, now_ms};

const DAY_MS: i64 = 86_400_000;
/// Degrees of latitude.
const KM: f64 = 0.008_993_2;

/// RFC 3339.
fn text(time_ms: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(time_ms / 1000).unwrap();
    let (date, (hour, minute, second)) = (at.date(), at.to_hms());
    format!("{date}T{hour:02}:{minute:02}:{second:02}.000Z")
}

/// Yesterday at eight o'clock.
fn start() -> i64 {
    now_ms() / DAY_MS * DAY_MS - DAY_MS + 8 * 3_600_000
}

struct World {
    hub: Hub,
    tenant: Tenant,
    other: Tenant,
    car: DeviceId,
    logger: DeviceId,
    start: i64,
}

impl World {
    async fn new() -> Self {
        let mut hub = Hub::new(&[]);
        let tenant = hub.tenant("own").await;
        let other = hub.tenant("own-too").await;
        let car = hub.tracked(&tenant, "352093081452301").await.device;
        let logger = hub.tracked(&tenant, "352093081452302").await.device;
        hub.start().await;
        Self {
            hub,
            tenant,
            other,
            car,
            logger,
            start: start(),
        }
    }

    /// A position; its id.
    async fn create(&self, device: DeviceId, time_ms: i64, place: (f64, f64), speed_kmh: f64) -> u64 {
        let body = json!({
            "deviceId": device.0, "latitude": place.0, "longitude": place.1, "time": text(time_ms),
            "speedKmh": speed_kmh, "headingDeg": 0.5, "altitudeM": 12.5
        });
        let (status, _, body) = self
            .hub
            .send(Method::POST, &self.tenant.key, "/v1/positions", &body)
            .await;
        assert_eq!(status, 201, "{body}");
        body["id"].as_u64().unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.hub.get(&self.tenant.key, path).await;
        assert_eq!(status, 200, "{path}: {body}\n{}", self.hub.log());
        body
    }

    /// Media type and text of a good answer.
    async fn file(&self, path: &str, accept: &str) -> (String, String) {
        let request = self.hub.http.get(self.hub.url(path));
        let request = request
            .header("apikey", &self.tenant.key)
            .header("accept", accept);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}\n{}", self.hub.log());
        let media = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (media, answer.text().await.unwrap())
    }

    /// The car's day; ids by minute of: the fastest position, and one that is taken back later.
    ///
    /// Ten minutes still, twenty at 60 km/h (three of them reported as 95), six still, silence of 15 with 5 km,
    /// four minutes at 60 km/h.
    async fn drive(&self) -> (u64, u64) {
        let (mut latitude, mut fastest) = (10.0, 0);
        for minute in (0..=36).chain(51..=55) {
            let (km, speed) = match minute {
                20..=22 => (1.0, 95.0),
                11..=30 | 52..=55 => (1.0, 60.0),
                51 => (5.0, 60.0),
                _ => (0.0, 0.0),
            };
            latitude += km * KM;
            let id = self
                .create(self.car, self.minute(minute), (latitude, 20.0), speed)
                .await;
            if minute == 21 {
                fastest = id;
            }
        }
        // faster still, but it will be taken back; and one that is none at all
        let wrong = self
            .create(self.car, self.minute(56), (latitude + KM, 20.0), 150.0)
            .await;
        self.create(self.car, self.minute(57), (0.0, 0.0), 160.0).await;
        (fastest, wrong)
    }

    fn minute(&self, minute: i64) -> i64 {
        self.start + minute * 60_000
    }

    async fn stored(&self, positions: usize) {
        let query = "SELECT count() FROM fixstream.positions FINAL WHERE verdict != 'deleted'";
        self.hub.sql_becomes(query, &positions.to_string()).await;
    }

    fn day(&self) -> String {
        format!("from={}&to={}", text(self.start), text(self.start + 3_600_000))
    }
}

fn brief(report: &Value) -> Vec<(u64, &str, f64)> {
    report["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["deviceId"].as_u64().unwrap(),
                row["kind"].as_str().unwrap(),
                row["durationS"].as_f64().unwrap() / 60.0,
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trip_is_reported_with_its_stops_gap_and_speeding_and_what_was_taken_back_is_gone() {
    let world = World::new().await;
    let (fastest, wrong) = world.drive().await;
    // two more of another device, so that a report is about several
    for minute in [0, 6] {
        world
            .create(world.logger, world.minute(minute), (11.0, 21.0), 0.0)
            .await;
    }
    world.stored(46).await;
    let (car, logger) = (u64::from(world.car.0), u64::from(world.logger.0));
    let (day, both) = (world.day(), format!("deviceIds={car},{logger}"));

    // as long as it stands it shows
    let speeding = world.get(&format!("/v1/reports/speeding?{day}&{both}")).await;
    assert_eq!(speeding["content"].as_array().unwrap().len(), 2, "{speeding}");
    // corrected and deleted, and asked for at once
    let key = &world.tenant.key;
    let path = format!("/v1/positions/{fastest}");
    let answer = world
        .hub
        .send(Method::PATCH, key, &path, &json!({ "speedKmh": 99 }))
        .await;
    assert_eq!(answer.0, 200, "{}", answer.2);
    let path = format!("/v1/positions/{wrong}");
    let answer = world.hub.send(Method::DELETE, key, &path, &json!({})).await;
    assert_eq!(answer.0, 204, "{}", answer.2);
    let speeding = world.get(&format!("/v1/reports/speeding?{day}&{both}")).await;
    let episodes = speeding["content"].as_array().unwrap();
    assert_eq!(episodes.len(), 1, "{speeding}");
    for (name, expected) in [
        ("deviceId", json!(car)),
        ("from", json!(text(world.minute(20)))),
        ("to", json!(text(world.minute(22)))),
        ("durationS", json!(120.0)),
        ("positions", json!(3)),
        ("maxSpeedKmh", json!(99.0)),
        ("averageSpeedKmh", json!(96.33)),
        ("maxTime", json!(text(world.minute(21)))),
    ] {
        assert_eq!(episodes[0][name], expected, "{name}");
    }
    assert_eq!(speeding["thresholds"]["maxSpeedKmh"], 80);

    let expected = [
        (car, "STOPPED", 10.0),
        (car, "MOVING", 20.0),
        (car, "STOPPED", 6.0),
        (car, "GAP", 15.0),
        (car, "MOVING", 4.0),
        (logger, "STOPPED", 6.0),
    ];
    for query in [both.as_str(), "", "format=json"] {
        let movements = world.get(&format!("/v1/reports/movements?{day}&{query}")).await;
        assert_eq!(brief(&movements), expected, "{query}");
        let metres = movements["content"][1]["distanceM"].as_f64().unwrap();
        assert!((metres - 20_000.0).abs() < 5.0, "{metres}");
        assert_eq!(movements["from"], text(world.start));
    }
    let alone = world
        .get(&format!("/v1/reports/movements?{day}&deviceIds={logger}"))
        .await;
    assert_eq!(brief(&alone), expected[5..]);
    // the end of the time is not meant, its beginning is
    let path = format!(
        "/v1/reports/movements?deviceIds={car}&from={}&to={}",
        text(world.minute(10)),
        text(world.minute(30))
    );
    assert_eq!(brief(&world.get(&path).await), [(car, "MOVING", 19.0)]);

    let summary = world
        .get(&format!("/v1/reports/summary?{day}&deviceIds={car}"))
        .await;
    let days = summary["content"].as_array().unwrap();
    assert_eq!(days.len(), 1, "{summary}");
    for (name, expected) in [
        ("day", json!(text(world.start)[..10])),
        ("from", json!(text(world.start))),
        ("to", json!(text(world.minute(55)))),
        ("positions", json!(42)),
        ("movingS", json!(1440.0)),
        ("stoppedS", json!(960.0)),
        ("gapS", json!(900.0)),
        ("trips", json!(2)),
        ("stops", json!(2)),
        ("maxSpeedKmh", json!(99.0)),
    ] {
        assert_eq!(days[0][name], expected, "{name}");
    }

    // CSV says the same
    for accept in ["text/csv", "*/*"] {
        let format = if accept == "*/*" { "&format=csv" } else { "" };
        let path = format!("/v1/reports/movements?{day}&{both}{format}");
        let (media, text) = world.file(&path, accept).await;
        assert!(media.starts_with("text/csv"), "{media}");
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let found: Vec<(u64, String, f64)> = rows
            .deserialize::<std::collections::HashMap<String, String>>()
            .map(|row| {
                let row = row.unwrap();
                let seconds: f64 = row["durationS"].parse().unwrap();
                (
                    row["deviceId"].parse().unwrap(),
                    row["kind"].clone(),
                    seconds / 60.0,
                )
            })
            .collect();
        let found: Vec<_> = found
            .iter()
            .map(|(device, kind, minutes)| (*device, kind.as_str(), *minutes))
            .collect();
        assert_eq!(found, expected);
    }
    for report in ["speeding", "summary"] {
        let path = format!("/v1/reports/{report}?{day}&deviceIds={car}");
        let (_, text) = world.file(&path, "text/csv").await;
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    // thresholds of the client count
    let config = json!({ "maxSpeedKmh": 97, "minStopMinutes": 8, "maxStopSpeedKmh": 3, "maxStopDistanceMeters": 50,
        "minMovementSpeedKmh": 5, "minMovementDistanceMeters": 100, "gapThresholdSeconds": 901 });
    let (status, _, answer) = world.hub.send(Method::PUT, key, "/v1/config", &config).await;
    assert_eq!(status, 201, "{answer}");
    let movements = world
        .get(&format!("/v1/reports/movements?{day}&deviceIds={car}"))
        .await;
    assert_eq!(brief(&movements), [(car, "STOPPED", 10.0), (car, "MOVING", 45.0)]);
    let speeding = world.get(&format!("/v1/reports/speeding?{day}")).await;
    assert_eq!(speeding["content"][0]["positions"], 1, "{speeding}");

    // nothing of it is another client's
    let theirs = eventually(async || {
        let path = format!("/v1/reports/movements?{day}");
        let (status, body) = world.hub.get(&world.other.key, &path).await;
        status == 200 && body["content"] == json!([])
    });
    assert!(theirs.await, "{}", world.hub.log());
    for path in [
        format!("/v1/reports/movements?{day}&deviceIds={car}"),
        format!("/v1/devices/{car}/track?{day}"),
        format!("/v1/devices/{car}/latest"),
    ] {
        let (status, body) = world.hub.get(&world.other.key, &path).await;
        assert_eq!(
            (status, &body["code"]),
            (404, &json!("device_not_found")),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_is_read_in_all_forms_and_devices_are_found_where_they_are() {
    const MANY: usize = 1_200;
    let world = World::new().await;
    let (_, wrong) = world.drive().await;
    let key = &world.tenant.key;
    // second by second, in more than one piece
    let place = |second: usize| (30.0 + second as f64 * 1e-4, 179.99);
    let creates = (0..MANY).map(|second| {
        world.create(
            world.logger,
            world.start + second as i64 * 1000,
            place(second),
            40.0,
        )
    });
    futures_util::future::join_all(creates).await;
    let path = format!("/v1/positions/{wrong}");
    let answer = world.hub.send(Method::DELETE, key, &path, &json!({})).await;
    assert_eq!(answer.0, 204, "{}", answer.2);
    world.stored(43 + MANY).await;
    let (car, logger) = (world.car.0, world.logger.0);
    let track = |device: u32| format!("/v1/devices/{device}/track?{}", world.day());

    let (media, text) = world.file(&track(car), "*/*").await;
    assert_eq!(media, "application/geo+json");
    let points: Value = serde_json::from_str(&text).unwrap();
    let features = points["features"].as_array().unwrap();
    assert_eq!(features.len(), 42);
    assert_eq!(features[0]["geometry"]["coordinates"], json!([20.0, 10.0, 12.5]));
    assert_eq!(features[41]["properties"]["time"], self::text(world.minute(55)));

    let (_, text) = world
        .file(&format!("{}&format=geojson-line", track(car)), "text/csv")
        .await;
    let line: Value = serde_json::from_str(&text).unwrap();
    let parts = line["geometry"]["coordinates"].as_array().unwrap();
    let lengths: Vec<usize> = parts.iter().map(|part| part.as_array().unwrap().len()).collect();
    assert_eq!(lengths, [37, 5]);

    let (media, text) = world.file(&track(car), "application/gpx+xml").await;
    assert_eq!(media, "application/gpx+xml");
    assert_eq!(text.matches("<trkseg>").count(), 2);
    assert_eq!(text.matches("</trkpt>").count(), 42);
    assert!(text.ends_with("</trk></gpx>"), "{text}");

    let (media, text) = world.file(&track(logger), "text/csv").await;
    assert!(media.starts_with("text/csv"), "{media}");
    let mut expected = String::new();
    for second in 0..MANY {
        let (latitude, _) = place(second);
        writeln!(
            expected,
            "{} {latitude:.4}",
            self::text(world.start + second as i64 * 1000)
        )
        .unwrap();
    }
    let mut found = String::new();
    for record in csv::Reader::from_reader(text.as_bytes()).records() {
        let record = record.unwrap();
        let latitude: f64 = record[3].parse().unwrap();
        writeln!(found, "{} {latitude:.4}", &record[2]).unwrap();
    }
    assert_eq!(found, expected);
    let (_, text) = world
        .file(&format!("{}&format=geojson", track(logger)), "*/*")
        .await;
    let points: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(points["features"].as_array().unwrap().len(), MANY);

    // the car stands in the north of where it began, the logger at the antimeridian
    for (query, devices) in [
        ("", vec![car, logger]),
        ("bbox=19.9,9.9,20.1,10.3", vec![car]),
        ("bbox=19.9,9.9,20.1,10.1", vec![]),
        ("bbox=179,30,-179,31", vec![logger]),
        ("latitude=30.12&longitude=-179.99&radiusM=3000", vec![logger]),
        ("latitude=30.12&longitude=-179.99&radiusM=1000", vec![]),
    ] {
        let latest = world.get(&format!("/v1/latest?{query}")).await;
        let found: Vec<u64> = latest["content"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["deviceId"].as_u64().unwrap())
            .collect();
        let devices: Vec<u64> = devices.into_iter().map(u64::from).collect();
        assert_eq!(found, devices, "{query}: {latest}");
    }
    // the latest position steps back from what was taken back
    let latest = world.get(&format!("/v1/devices/{car}/latest")).await;
    assert_eq!(latest["time"], self::text(world.minute(55)), "{latest}");
    assert_eq!(latest["speedKmh"], 60.0);
}
