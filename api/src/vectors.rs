//! The vectors' line format: messages with what a decoder should make of them, and its comparison.

use bytes::Bytes;
use fixstream_core::decode::{Input, Outcome, Transport};
use fixstream_core::model::{AttributeValue, Fix, TimeMs};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// One line: a message, and what is expected of it where that is known.
#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    #[serde(default)]
    pub id: Value,
    /// Whose message it is.
    #[serde(default)]
    pub vendor: Option<String>,
    /// What kind of message it is, in the vendor's words.
    #[serde(default)]
    pub variant: Value,
    #[serde(default = "text")]
    pub encoding: String,
    pub payload: String,
    #[serde(default)]
    topic: Option<String>,
    #[serde(default)]
    device_hint: Option<String>,
    #[serde(default)]
    pub context: Option<Map<String, Value>>,
    #[serde(default)]
    received_ms: Option<i64>,
    pub expect: Option<Expected>,
}

/// `expect` of a line.
#[derive(Debug, Deserialize)]
pub(crate) struct Expected {
    pub kind: Kind,
    #[serde(default)]
    pub positions: Vec<Map<String, Value>>,
    /// Why it is refused; not compared.
    #[serde(default)]
    pub reason: Value,
}

/// What a message may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// It has positions.
    Positions,
    /// It is understood, and there is nothing to locate.
    NoPosition,
    /// It is refused.
    Error,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Positions, Self::NoPosition, Self::Error];

    /// The name in vectors.
    const fn name(self) -> &'static str {
        match self {
            Self::Positions => "positions",
            Self::NoPosition => "no_position",
            Self::Error => "error",
        }
    }
}

fn text() -> String {
    "text".into()
}

/// Time of receipt where a line has none: fixed, so that the same line gives the same answer every time.
const RECEIVED: TimeMs = TimeMs(1_767_225_600_000);

impl Line {
    /// The message as the decode host takes it.
    pub fn input(&self) -> Result<Input, String> {
        let payload = match self.encoding.as_str() {
            "hex" => hex::decode(&self.payload)
                .map_err(|error| format!("{}: payload is not hex: {error}", self.id))?,
            "text" => self.payload.clone().into_bytes(),
            "base64" => base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &self.payload)
                .map_err(|error| format!("{}: payload is not base64: {error}", self.id))?,
            other => {
                return Err(format!(
                    "{}: encoding {other:?}; known are hex, text and base64",
                    self.id
                ));
            }
        };
        let context = self
            .context
            .iter()
            .flatten()
            .map(|(key, value)| (key.clone(), plain(value)))
            .collect();
        Ok(Input {
            transport: Transport::Mqtt,
            channel: self.topic.clone().unwrap_or_default(),
            device: self.device_hint.clone(),
            received: self.received_ms.map_or(RECEIVED, TimeMs),
            context,
            state: Vec::new(),
            payload: Bytes::from(payload),
        })
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What a decoder made of a message, in the vectors' words.
pub(crate) fn result(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Failed(failure) => json!({ "kind": "error", "reason": failure.detail }),
        Outcome::Decoded(decoded) if decoded.fixes.is_empty() => json!({ "kind": "no_position" }),
        Outcome::Decoded(decoded) => {
            let positions: Vec<Value> = decoded
                .fixes
                .iter()
                .map(|(_, fix)| Value::Object(position(fix)))
                .collect();
            json!({ "kind": "positions", "positions": positions })
        }
    }
}

/// A fix under the vectors' keys and units.
fn position(fix: &Fix) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(key.to_owned(), value);
        }
    };
    put("time", fix.time.and_then(rfc3339).map(Value::from));
    put("valid", fix.valid.map(Value::from));
    put("latitude", Some(fix.latitude.into()));
    put("longitude", Some(fix.longitude.into()));
    put("altitude_m", fix.altitude_m.map(Value::from));
    put("speed_kmh", fix.speed_kmh.map(Value::from));
    put("course_deg", fix.heading_deg.map(Value::from));
    put("satellites", fix.satellites.map(Value::from));
    put("hdop", fix.hdop.map(Value::from));
    put("ignition", fix.ignition.map(Value::from));
    put("odometer_km", fix.odometer_km.map(Value::from));
    put("battery_v", fix.battery_v.map(Value::from));
    let mut attributes = Map::new();
    let mut attribute = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            attributes.insert(key.to_owned(), value);
        }
    };
    attribute("battery_pct", fix.battery_percent.map(number));
    attribute("power_v", fix.power_v.map(Value::from));
    attribute("accuracy_m", fix.accuracy_m.map(number));
    attribute("distance_km", fix.distance_km.map(Value::from));
    attribute("fuel_pct", fix.fuel_percent.map(number));
    attribute("engine_temperature_c", fix.engine_temperature_c.map(number));
    attribute("rpm", fix.engine_rpm.map(number));
    attribute("rssi", fix.signal.map(number));
    let event = fix.event.as_deref().map(|event| {
        event
            .parse::<i64>()
            .map_or_else(|_| Value::from(event), Value::from)
    });
    attribute("event", event);
    for (key, value) in &fix.attributes {
        let value = match value {
            AttributeValue::Flag(flag) => Value::from(*flag),
            AttributeValue::Integer(integer) => Value::from(*integer),
            AttributeValue::Real(real) => Value::from(*real),
            AttributeValue::Text(text) => Value::from(text.as_str()),
        };
        attributes.entry(key.clone()).or_insert(value);
    }
    if !attributes.is_empty() {
        out.insert("attributes".into(), Value::Object(attributes));
    }
    out
}

/// Whole numbers without a fraction, as the vectors write them.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

/// RFC 3339 in UTC; milliseconds only where there are any.
fn rfc3339(time: TimeMs) -> Option<String> {
    let instant = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.0) * 1_000_000).ok()?;
    instant.format(&Rfc3339).ok()
}

impl Expected {
    /// Where `outcome` differs from what the line expects, in words; empty = it agrees. Keys that the line
    /// does not have are not checked, and neither are attributes, whose names are the sources' own.
    pub fn differences(&self, outcome: &Outcome) -> Vec<String> {
        let got = result(outcome);
        let kind = got["kind"].as_str().unwrap_or_default();
        if kind != self.kind.name() {
            let reason = got["reason"]
                .as_str()
                .map(|reason| format!(" ({reason})"))
                .unwrap_or_default();
            return vec![format!("expected {}, got {kind}{reason}", self.kind.name())];
        }
        let none = Vec::new();
        let positions = got["positions"].as_array().unwrap_or(&none);
        if positions.len() != self.positions.len() {
            return vec![format!(
                "expected {} positions, got {}",
                self.positions.len(),
                positions.len()
            )];
        }
        let mut differences = Vec::new();
        for (index, (want, got)) in self.positions.iter().zip(positions).enumerate() {
            for (key, want) in want.iter().filter(|(key, _)| *key != "attributes") {
                if !agrees(key, want, &got[key]) {
                    differences.push(format!(
                        "position {index} {key}: expected {want}, got {}",
                        got[key]
                    ));
                }
            }
        }
        differences
    }
}

/// Equality within the tolerance of the field.
fn agrees(key: &str, want: &Value, got: &Value) -> bool {
    let tolerance = match key {
        "time" => {
            let instant = |value: &Value| OffsetDateTime::parse(value.as_str()?, &Rfc3339).ok();
            return matches!((instant(want), instant(got)), (Some(want), Some(got)) if (want - got).abs() <= time::Duration::SECOND);
        }
        "latitude" | "longitude" => 1e-5,
        "speed_kmh" | "course_deg" | "altitude_m" => 0.1,
        "battery_v" => 0.02,
        "odometer_km" => 0.002,
        "hdop" => 0.01,
        _ => return want == got,
    };
    // a rounding error of the comparison itself must not decide
    matches!((want.as_f64(), got.as_f64()), (Some(want), Some(got)) if (want - got).abs() <= tolerance * (1.0 + 1e-9))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use fixstream_core::decode::Decoded;

    fn outcome(fix: Fix) -> Outcome {
        Outcome::Decoded(Decoded {
            fixes: vec![(None, fix)],
            ..Decoded::default()
        })
    }

    fn expected(positions: &Value) -> Expected {
        serde_json::from_value(json!({ "kind": "positions", "positions": positions })).unwrap()
    }

    #[test]
    fn a_value_outside_its_tolerance_is_a_difference() {
        let fix = Fix {
            latitude: 1.0,
            longitude: 2.0,
            speed_kmh: Some(50.0),
            ..Fix::default()
        };
        assert!(
            expected(&json!([{ "latitude": 1.000_009, "speed_kmh": 50.1 }]))
                .differences(&outcome(fix.clone()))
                .is_empty()
        );
        let differences =
            expected(&json!([{ "latitude": 1.000_02, "speed_kmh": 50.2 }])).differences(&outcome(fix));
        assert_eq!(differences.len(), 2, "{differences:?}");
    }

    #[test]
    fn a_kind_that_there_is_not_is_refused() {
        let line = json!({ "payload": "x", "expect": { "kind": "position" } }).to_string();
        let refused = serde_json::from_str::<Line>(&line)
            .map(drop)
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("`positions`, `no_position`, `error`"),
            "{refused}"
        );
        for kind in Kind::ALL {
            assert_eq!(serde_json::from_value::<Kind>(kind.name().into()).unwrap(), kind);
        }
    }

    #[test]
    fn a_missing_value_and_a_wrong_count_are_differences() {
        let fix = Fix {
            latitude: 1.0,
            longitude: 2.0,
            ..Fix::default()
        };
        assert_eq!(
            expected(&json!([{ "ignition": true }]))
                .differences(&outcome(fix.clone()))
                .len(),
            1
        );
        assert_eq!(expected(&json!([{}, {}])).differences(&outcome(fix)).len(), 1);
    }

    #[test]
    fn results_use_the_vectors_keys() {
        let fix = Fix {
            time: Some(TimeMs(1_500)),
            latitude: 1.0,
            longitude: 2.0,
            heading_deg: Some(3.0),
            battery_percent: Some(67.0),
            event: Some("548".into()),
            ..Fix::default()
        };
        let shown = result(&outcome(fix));
        assert_eq!(shown["positions"][0]["time"], "1970-01-01T00:00:01.5Z");
        assert_eq!(shown["positions"][0]["course_deg"], 3.0);
        assert_eq!(
            shown["positions"][0]["attributes"],
            json!({ "battery_pct": 67, "event": 548 })
        );
        assert_eq!(
            result(&Outcome::Decoded(Decoded::default())),
            json!({ "kind": "no_position" })
        );
    }
}
