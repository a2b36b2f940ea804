//! What the vectors do not show: where the parameters stand, forms of time, unknown values, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::{
    AttributeKey, DecodeError, DecodeResult, Decoded, Message, Position, Transport, Value,
};
use fixstream_decoder_osmand::{KEYS, decode};

/// 2024-06-01T12:00:00Z
const NOON: i64 = 1_717_243_200_000;
const QUERY: &str =
    "id=77&lat=-23.5&lon=-46.6&timestamp=1717243200&speed=10&bearing=90.5&altitude=760&batt=50";
const JSON: &str = r#"{"location":{"timestamp":"2024-06-01T12:00:00.500Z","coords":{"latitude":-23.5,"longitude":-46.6,"accuracy":5,"speed":10,"heading":90.5,"altitude":760},"is_moving":true,"odometer":1500,"event":"motionchange","battery":{"level":0.5,"is_charging":true},"activity":{"type":"walking"},"extras":{}},"device_id":"77"}"#;

fn decoded_from(channel: &str, payload: &str) -> DecodeResult {
    decode(&Message {
        transport: Transport::Http,
        channel: channel.to_owned(),
        device: None,
        received_ms: NOON,
        context: Vec::new(),
        state: Vec::new(),
        payload: payload.as_bytes().to_vec(),
    })
}

fn decoded(payload: &str) -> DecodeResult {
    decoded_from("/", payload)
}

#[track_caller]
fn only(payload: &str) -> Position {
    let mut positions = decoded(payload).unwrap().positions;
    assert_eq!(positions.len(), 1, "{payload}");
    positions.remove(0)
}

fn is_malformed(payload: &str) -> bool {
    matches!(decoded(payload), Err(DecodeError::Malformed(_)))
}

fn attribute(position: &Position, name: &str) -> Option<Value> {
    position
        .attributes
        .iter()
        .find(|attribute| match &attribute.key {
            AttributeKey::Declared(index) => KEYS[*index as usize] == name,
            AttributeKey::Named(key) => key == name,
        })
        .map(|attribute| attribute.value.clone())
}

#[test]
fn parameters_may_stand_in_the_payload_or_in_the_channel() {
    let path = format!("/?{QUERY}");
    for (channel, payload) in [
        ("osmand/77", path.clone()),
        ("osmand/77", format!("/position?{QUERY}\r\n")),
        ("osmand/77", format!("http://example.com:5055/?{QUERY}")),
        ("osmand/77", format!("?{QUERY}")),
        ("osmand/77", QUERY.to_owned()),
        ("/", QUERY.to_owned()),
        (path.as_str(), String::new()),
        (path.as_str(), QUERY.to_owned()),
        (path.as_str(), "hello".to_owned()),
        ("/?id=77", QUERY.replace("id=77&", "")),
        (path.as_str(), "\r\n".to_owned()),
    ] {
        let mut positions = decoded_from(channel, &payload).unwrap().positions;
        assert_eq!(positions.len(), 1, "{channel} {payload}");
        let position = positions.remove(0);
        assert_eq!(position.device.as_deref(), Some("77"));
        assert_eq!(
            (position.latitude, position.longitude),
            (Some(-23.5), Some(-46.6))
        );
        assert_eq!((position.time_ms, position.valid), (Some(NOON), Some(true)));
        assert_eq!(
            (position.speed_kmh, position.heading_deg),
            (Some(18.52), Some(90.5))
        );
        assert_eq!(
            (position.altitude_m, position.battery_percent),
            (Some(760.0), Some(50.0))
        );
    }
    assert!(is_malformed(""));
    assert!(decoded_from("/", "").is_err());
    assert!(decoded_from("/position/vendor/osmand", " ").is_err());
}

#[test]
fn times_come_in_many_forms() {
    for (timestamp, ms) in [
        ("1717243200", NOON),
        ("1717243200.5", NOON + 500),
        ("1717243200000", NOON),
        ("1717243200500", NOON + 500),
        ("2147483647", 2_147_483_647_000),
        ("2147483648", 2_147_483_648),
        ("2024-06-01T12:00:00Z", NOON),
        ("2024-06-01T12%3A00%3A00.500Z", NOON + 500),
        ("2024-06-01T14:00:00%2B02:00", NOON),
        ("2024-06-01T14:00:00+02:00", NOON),
        ("2024-06-01T14:00:00+0200", NOON),
        ("2024-06-01T09:00:00-03:00", NOON),
        ("2024-06-01+12%3A00%3A00", NOON),
        ("2024-06-01%2012:00:00", NOON),
        ("0", 0),
    ] {
        let position = only(&QUERY.replace("1717243200", timestamp));
        assert_eq!(position.time_ms, Some(ms), "{timestamp}");
    }
    assert_eq!(only(&QUERY.replace("1717243200", "")).time_ms, None);
    assert_eq!(only(&QUERY.replace("&timestamp=1717243200", "")).time_ms, None);
    for timestamp in [
        "soon",
        "-1",
        "1e9",
        ".",
        "1717243200000000",
        "2024-02-30T12:00:00Z",
        "2024-06-01T25:00:00Z",
        "2024-13-01 12:00:00",
        "2024-06-01",
        "NaN",
    ] {
        assert!(
            is_malformed(&QUERY.replace("1717243200", timestamp)),
            "{timestamp}"
        );
        // also without a place
        assert!(
            is_malformed(&format!("id=77&timestamp={timestamp}")),
            "{timestamp}"
        );
    }
}

#[test]
fn a_place_is_two_parameters_or_one() {
    for place in [
        "lat=-23.5&lon=-46.6",
        "location=-23.5,-46.6",
        "location=-23.5%2C+-46.6",
        "lat=-2.35E1&lon=%20-46.6",
        "lat=-23.5&lon=-46.6&location=1,2",
        "lat=9&lat=-23.5&lon=-46.6",
    ] {
        let position = only(&format!("deviceid=77&{place}"));
        assert_eq!(
            (position.latitude, position.longitude),
            (Some(-23.5), Some(-46.6)),
            "{place}"
        );
        assert_eq!(position.device.as_deref(), Some("77"));
    }
    for place in [
        "lat=-23.5",
        "lon=-46.6",
        "lat=-23.5&lon=",
        "lat=-23,5&lon=-46.6",
        "lat=NaN&lon=1",
        "lat=inf&lon=1",
        "lat=1e999&lon=1",
        "lat=90.1&lon=1",
        "lat=1&lon=-180.1",
        "location=-23.5",
        "location=-23.5,",
        "location=1,2,3",
        "location=a,b",
        "location=91,2",
    ] {
        assert!(is_malformed(&format!("id=77&{place}")), "{place}");
    }
    let zero = only("id=77&lat=0&lon=0.0");
    assert_eq!((zero.latitude, zero.longitude), (Some(0.0), Some(0.0)));
}

#[test]
fn without_coordinates_there_is_nothing_to_locate() {
    for payload in [
        "/?id=123456&timestamp=1377177267&cell=257,02,16,2224&cell=257,02,16,2223,-90&wifi=00-14-22-01-23-45,-80",
        "id=77&batt=50",
        "id=77&lat=&lon=",
        "id=77&location=",
        r#"{"device_id":"77","location":{"timestamp":"2024-06-01T12:00:00Z"}}"#,
        r#"{"device_id":"77","location":{"coords":null}}"#,
        r#"{"device_id":"77","location":{"coords":{}}}"#,
        r#"{"device_id":"77"}"#,
        // the centre of a region is no place of the device
        r#"{"device_id":"77","location":{"geofence":{"extras":{"center":{"latitude":1,"longitude":2}}}}}"#,
    ] {
        assert_eq!(decoded(payload), Ok(Decoded::nothing()), "{payload}");
    }
}

#[test]
fn a_message_names_its_device() {
    for payload in [
        "/?lat=1&lon=2",
        "/?id=&lat=1&lon=2",
        "/?id=+&lat=1&lon=2",
        "/?id=a%0Ab&lat=1&lon=2",
        "/?batt=50",
        r#"{"location":{"coords":{"latitude":1,"longitude":2}}}"#,
        r#"{"location":{"coords":{"latitude":1,"longitude":2}},"device_id":""}"#,
        r#"{"location":{"event":"motionchange"},"device_id":null}"#,
    ] {
        assert!(is_malformed(payload), "{payload}");
    }
    let nameless = r#"{"location":{"coords":{"latitude":1,"longitude":2}}}"#;
    let from_query = decoded_from("/?id=78", nameless).unwrap();
    assert_eq!(from_query.positions[0].device.as_deref(), Some("78"));
    let number = r#"{"location":{"coords":{"latitude":1,"longitude":2}},"device_id":77}"#;
    assert_eq!(only(number).device.as_deref(), Some("77"));
}

#[test]
fn what_is_unknown_is_none() {
    let position = only("id=7&lat=1&lon=2&speed=-1&bearing=-1&hdop=&batt=101&altitude=x&ignition=maybe&sat=");
    assert_eq!(
        (position.speed_kmh, position.heading_deg, position.hdop),
        (None, None, None)
    );
    assert_eq!(
        (
            position.battery_percent,
            position.altitude_m,
            position.ignition,
            position.satellites
        ),
        (None, None, None, None)
    );
    let position = only(
        &JSON
            .replace("\"speed\":10", "\"speed\":-1.0")
            .replace(":90.5", ":-1")
            .replace("\"accuracy\":5", "\"accuracy\":-1")
            .replace("\"level\":0.5", "\"level\":-1"),
    );
    assert_eq!(
        (
            position.speed_kmh,
            position.heading_deg,
            position.accuracy_m,
            position.battery_percent
        ),
        (None, None, None, None)
    );
}

#[test]
fn a_fix_may_be_marked_as_not_valid() {
    for (valid, expected) in [
        ("true", true),
        ("1", true),
        ("", true),
        ("false", false),
        ("0", false),
        ("perhaps", false),
    ] {
        let position = only(&format!("{QUERY}&valid={valid}"));
        assert_eq!(position.valid, Some(expected), "{valid}");
        assert_eq!(position.latitude, Some(-23.5));
    }
}

#[test]
fn other_parameters_are_kept() {
    let position = only(&format!(
        "{QUERY}&ignition=false&rpm=933&sat=9&hdop=0.8&hacc=4&vacc=3.5&fuel=24&charge=true&alarm=powerCut&event=stop\
         &cell=257,02,16,2224&cell=257,02,16,2223&driverUniqueId=D%2077&tripName=to+town&level=1.5&fast=true"
    ));
    assert_eq!(
        (position.ignition, position.engine_rpm),
        (Some(false), Some(933.0))
    );
    assert_eq!((position.satellites, position.hdop), (Some(9), Some(0.8)));
    assert_eq!(position.accuracy_m, Some(4.0));
    assert_eq!(position.event.as_deref(), Some("power_cut"));
    for (name, value) in [
        ("vertical_accuracy_m", Value::Real(3.5)),
        ("fuel", Value::Integer(24)),
        ("charge", Value::Flag(true)),
        ("alarm", "powerCut".into()),
        ("trigger", "stop".into()),
        ("cell", "257,02,16,2224;257,02,16,2223".into()),
        ("driverUniqueId", "D 77".into()),
        ("trip_name", "to town".into()),
        ("level", Value::Real(1.5)),
        ("fast", Value::Flag(true)),
    ] {
        assert_eq!(attribute(&position, name), Some(value), "{name}");
    }
    assert_eq!(
        only(&format!("{QUERY}&event=stop")).event.as_deref(),
        Some("stop")
    );
    let names: Vec<String> = (0..400).map(|number| format!("p{number}=1")).collect();
    let many = names.join("&");
    assert_eq!(only(&format!("{QUERY}&{many}")).attributes.len(), 200);
    assert!(is_malformed(&format!("{QUERY}&{many}&{many}")));
}

#[test]
fn json_has_other_units() {
    let position = only(JSON);
    assert_eq!(position.device.as_deref(), Some("77"));
    assert_eq!((position.time_ms, position.valid), (Some(NOON + 500), Some(true)));
    assert_eq!(
        (position.speed_kmh, position.heading_deg),
        (Some(36.0), Some(90.5))
    );
    assert_eq!(
        (position.altitude_m, position.accuracy_m),
        (Some(760.0), Some(5.0))
    );
    assert_eq!(
        (position.odometer_km, position.battery_percent),
        (Some(1.5), Some(50.0))
    );
    assert_eq!(position.event.as_deref(), Some("motionchange"));
    assert_eq!(attribute(&position, "motion"), Some(Value::Flag(true)));
    assert_eq!(attribute(&position, "charge"), Some(Value::Flag(true)));
    assert_eq!(attribute(&position, "activity"), Some("walking".into()));

    let alarm = only(&JSON.replace(
        "\"extras\":{}",
        r#""extras":{"alarm":"sos","tripId":7},"geofence":{"identifier":"Home","action":"EXIT","extras":{"latitude":1}},"_":"&lat=9""#,
    ));
    assert_eq!(alarm.event.as_deref(), Some("sos"));
    assert_eq!(attribute(&alarm, "trigger"), Some("motionchange".into()));
    assert_eq!(attribute(&alarm, "trip_id"), Some(Value::Integer(7)));
    assert_eq!(attribute(&alarm, "geofence"), Some("Home".into()));
    assert_eq!(attribute(&alarm, "latitude"), None);
    let seconds = only(&JSON.replace("\"2024-06-01T12:00:00.500Z\"", "1717243200500"));
    assert_eq!(seconds.time_ms, Some(NOON + 500));
}

#[test]
fn what_is_broken_is_refused() {
    for (from, to) in [
        ("\"latitude\":-23.5,", ""),
        ("\"longitude\":-46.6,", ""),
        ("-23.5", "-90.5"),
        ("-46.6", "\"west\""),
        ("2024-06-01T", "2024-06-31T"),
        ("2024-06-01T12:00:00.500Z", ""),
        ("\"2024-06-01T12:00:00.500Z\"", "true"),
        ("}}", "}"),
        ("\"device_id\":\"77\"}", ""),
    ] {
        let payload = JSON.replacen(from, to, 1);
        assert!(is_malformed(&payload), "{payload}");
    }
    for payload in ["{", "[]", "[1]"] {
        assert!(is_malformed(payload), "{payload}");
    }
    for payload in ["hello", "/", "/?", "?id", "{}", r#"{"id":"1","lat":1,"lon":2}"#] {
        assert_eq!(decoded(payload), Err(DecodeError::NotMine), "{payload}");
    }
}
