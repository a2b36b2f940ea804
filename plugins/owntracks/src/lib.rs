//! OwnTracks JSON: phone apps, Greenwich and Choral boxes, Queclink trackers through qtripp.
//!
//! In: one JSON object that says in `_type` what it is. Out: one position for `location` and for a
//! `transition` with coordinates, nothing for the other known types.

use fixstream_decoder::json::{self, Flat, Scalar};
use fixstream_decoder::text::{clipped, device_id, snake_case};
use fixstream_decoder::time::{ms_from_unix_ms, ms_from_unix_seconds};
use fixstream_decoder::units::{heading_deg, km_from_m};
use fixstream_decoder::{DecodeError, Decoded, Key, Message, Position, Transport, malformed, unsupported};

fixstream_decoder::keys! {
    /// Values that the position record has no field for.
    pub KEYS {
        TRIGGER = "trigger",
        TRACKER_ID = "tracker_id",
        CONNECTION = "connection",
        WIFI_SSID = "wifi_ssid",
        WIFI_BSSID = "wifi_bssid",
        MONITORING_MODE = "monitoring_mode",
        BATTERY_STATUS = "battery_status",
        VERTICAL_ACCURACY = "vertical_accuracy_m",
        PRESSURE = "pressure_kpa",
        CREATED_AT = "created_at",
        SENT_AT = "sent_at",
        REGIONS = "regions",
        REGION_IDS = "region_ids",
        REGION = "region",
        REGION_ID = "region_id",
        POINT_OF_INTEREST = "point_of_interest",
        TAG = "tag",
        MOTION = "motion",
        TRIP = "trip_m",
        MCC = "mcc",
        MNC = "mnc",
        LAC = "lac",
        CELL = "cell",
        NAME = "name",
    }
}

fixstream_decoder::decoder! { name: "owntracks", keys: KEYS, decode: decode }

/// Numbers of `tst` from here on are milliseconds: as seconds this is the year 5138.
const FIRST_MS: f64 = 1e11;

/// The contract allows 256 attributes; a position keeps room for the ones with a name of their own.
const MOST_UNLISTED: usize = 200;

/// Decodes one message.
pub fn decode(message: &Message) -> Result<Decoded, DecodeError> {
    let fields: Flat<'_> = json::parse(&message.payload)?;
    match fields.get("_type").text() {
        // a transition at a beacon has no place
        Some("transition") if fields.get("lat").is_absent() && fields.get("lon").is_absent() => {
            Ok(Decoded::nothing())
        }
        Some("location" | "transition") => Ok(position_of(message, fields)?.into()),
        Some(
            "lwt" | "waypoint" | "waypoints" | "configuration" | "card" | "cmd" | "status" | "steps"
            | "beacon" | "beacons" | "encrypted" | "dump" | "msg" | "request" | "response" | "tour" | "tours",
        ) => Ok(Decoded::nothing()),
        Some(other) => Err(unsupported(format_args!(
            "type {}",
            fixstream_decoder::text::shown(other)
        ))),
        None => Err(DecodeError::NotMine),
    }
}

fn position_of(message: &Message, fields: Flat<'_>) -> Result<Position, DecodeError> {
    let latitude = fields.get("lat").required_number("lat")?;
    let longitude = fields.get("lon").required_number("lon")?;
    // Greenwich boxes write the place as text, and the supply voltage where phones write percent
    let greenwich = fields.get("lat").text().is_some();
    let mut position = Position {
        device: device_of(message, &fields),
        time_ms: time_of(fields.get("tst"))?,
        valid: Some(true),
        ..Position::at(latitude, longitude)?
    };
    let mut unlisted = 0;
    for (name, value) in fields.0 {
        match &*name {
            "_type" | "lat" | "lon" | "tst" | "topic" | "imei" => {}
            "alt" => position.altitude_m = value.number(),
            "vel" => position.speed_kmh = value.number_in(0.0..),
            "cog" => position.heading_deg = value.number_in(0.0..).and_then(heading_deg),
            "acc" => position.accuracy_m = value.number_in(0.0..),
            "hdop" => position.hdop = value.number_in(0.0..),
            "sat" | "sats" | "satellites" => {
                position.satellites = value.number_in(0.0..=255.0).map(|satellites| satellites as u16);
            }
            "batt" => match value.number() {
                Some(volts) if greenwich => position.power_v = Some(volts),
                percent => {
                    position.battery_percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
                }
            },
            "ubatt" => position.battery_v = value.number(),
            "uext" => position.power_v = value.number(),
            "ign" => position.ignition = value.flag(),
            "odometer" => position.odometer_km = value.number_in(0.0..),
            "dist" => position.distance_km = value.number_in(0.0..).map(km_from_m),
            "rpm" => position.engine_rpm = value.number_in(0.0..),
            "rssi" => position.signal = value.number(),
            "event" => position.event = value.text().map(|event| clipped(event.to_owned())),
            other => match key_of(other) {
                Some(key) => position.add_some(key, value.into_value()),
                None if unlisted < MOST_UNLISTED => {
                    unlisted += 1;
                    if let (Some(key), Some(value)) = (snake_case(other), value.into_value()) {
                        position.add(key, value);
                    }
                }
                None => {}
            },
        }
    }
    Ok(position)
}

/// The attribute behind a name of the format.
fn key_of(name: &str) -> Option<Key> {
    Some(match name {
        "t" => TRIGGER,
        "tid" => TRACKER_ID,
        "conn" => CONNECTION,
        "SSID" => WIFI_SSID,
        "BSSID" => WIFI_BSSID,
        "m" => MONITORING_MODE,
        "bs" => BATTERY_STATUS,
        "vac" => VERTICAL_ACCURACY,
        "p" => PRESSURE,
        "created_at" => CREATED_AT,
        "sent" => SENT_AT,
        "inregions" => REGIONS,
        "inrids" => REGION_IDS,
        "desc" => REGION,
        "rid" => REGION_ID,
        "poi" => POINT_OF_INTEREST,
        "tag" => TAG,
        "motion" => MOTION,
        "trip" => TRIP,
        "mcc" => MCC,
        "mnc" => MNC,
        "lac" => LAC,
        "cid" => CELL,
        "name" => NAME,
        _ => return None,
    })
}

fn time_of(tst: &Scalar<'_>) -> Result<Option<i64>, DecodeError> {
    if tst.is_absent() {
        return Ok(None);
    }
    let number = tst.required_number("tst")?;
    let ms = if number < FIRST_MS {
        ms_from_unix_seconds(number)
    } else {
        ms_from_unix_ms(number)
    };
    ms.map(Some).ok_or_else(|| malformed("tst is no time"))
}

/// The device as the payload knows it. Over MQTT the host has it from the topic already.
fn device_of(message: &Message, fields: &Flat<'_>) -> Option<String> {
    if let Some(imei) = fields.get("imei").identifier() {
        return Some(imei);
    }
    if message.transport == Transport::Mqtt {
        return None;
    }
    let from_topic = fields.get("topic").text().and_then(|topic| {
        let mut levels = topic.trim_start_matches('/').split('/').skip(1);
        Some(format!("{}/{}", levels.next()?, levels.next()?))
    });
    let from_query = || {
        let (_, query) = message.channel.split_once('?')?;
        let of = |name: &str| {
            query
                .split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        Some(format!("{}/{}", of("u")?, of("d")?))
    };
    from_topic.or_else(from_query).as_deref().and_then(device_id)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn message(transport: Transport, channel: &str, payload: &str) -> Message {
        Message {
            transport,
            channel: channel.to_owned(),
            device: None,
            received_ms: 0,
            context: Vec::new(),
            state: Vec::new(),
            payload: payload.as_bytes().to_vec(),
        }
    }

    fn position(payload: &str) -> Position {
        decode(&message(Transport::Mqtt, "owntracks/jane/phone", payload))
            .unwrap()
            .positions
            .remove(0)
    }

    #[test]
    fn minus_one_is_unknown() {
        let position =
            position(r#"{"_type":"location","lat":1,"lon":2,"tst":1,"vel":-1,"cog":-1,"acc":-1,"batt":-1}"#);
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
    fn over_http_the_device_comes_from_the_body_or_the_query() {
        let device = |channel: &str, payload: &str| {
            decode(&message(Transport::Http, channel, payload))
                .unwrap()
                .positions
                .remove(0)
                .device
        };
        let with_topic =
            r#"{"_type":"location","lat":1,"lon":2,"tst":1,"topic":"owntracks/jane/phone/event"}"#;
        assert_eq!(device("/pub", with_topic).as_deref(), Some("jane/phone"));
        let without = r#"{"_type":"location","lat":1,"lon":2,"tst":1}"#;
        assert_eq!(
            device("/pub?u=jane&d=phone", without).as_deref(),
            Some("jane/phone")
        );
        assert_eq!(device("/pub", without), None);
        assert_eq!(position(with_topic).device, None);
    }

    #[test]
    fn a_greenwich_box_sends_volts_and_metres() {
        let position = position(
            r#"{"_type":"location","lat":"1.5","lon":"2","tst":"1406803894","batt":"12.2","dist":18903}"#,
        );
        assert_eq!((position.power_v, position.battery_percent), (Some(12.2), None));
        assert_eq!(position.distance_km, Some(18.903));
        assert_eq!(position.time_ms, Some(1_406_803_894_000));
    }

    #[test]
    fn what_has_no_name_here_keeps_its_own() {
        let position =
            position(r#"{"_type":"location","lat":1,"lon":2,"tst":1,"din1":3,"inregions":["Home","Work"]}"#);
        assert_eq!(position.attributes.len(), 2);
        assert_eq!(position.attributes[0].key, "din1".into());
        assert_eq!(position.attributes[1].key, REGIONS.into());
        assert_eq!(position.attributes[1].value, "Home, Work".into());
    }

    #[test]
    fn other_json_is_not_mine_and_an_unknown_type_is_unsupported() {
        let error = |payload: &str| decode(&message(Transport::Mqtt, "", payload)).unwrap_err();
        assert_eq!(error(r#"{"lat":1}"#), DecodeError::NotMine);
        assert!(matches!(error(r#"{"_type":"x"}"#), DecodeError::Unsupported(_)));
        assert!(matches!(
            error(r#"{"_type":"location","lat":1,"lon":2,"tst":"soon"}"#),
            DecodeError::Malformed(_)
        ));
        assert!(matches!(
            error(r#"{"_type":"transition","lat":1,"tst":1}"#),
            DecodeError::Malformed(_)
        ));
    }
}
