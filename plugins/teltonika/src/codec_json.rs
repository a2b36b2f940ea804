//! Codec JSON, as trackers send it over MQTT: `{"state":{"reported":{…}}}` or `{"RSP":"…"}`.

use std::borrow::Cow;

use fixstream_decoder::json::{self, Scalar};
use fixstream_decoder::{DecodeError, Decoded, Position, malformed, time};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::{io, keys};

#[derive(Deserialize)]
struct Envelope<'text> {
    #[serde(default, borrow)]
    state: Option<State<'text>>,
    #[serde(rename = "RSP", default, borrow)]
    reply: Scalar<'text>,
}

#[derive(Deserialize)]
struct State<'text> {
    #[serde(default, borrow)]
    reported: Option<Reported<'text>>,
}

/// Keys and values in the order they came; the keys are not known beforehand (AVL ids).
struct Reported<'text>(Vec<(Cow<'text, str>, Scalar<'text>)>);

/// Decodes one JSON payload.
pub(crate) fn decode(payload: &[u8]) -> Result<Decoded, DecodeError> {
    let envelope: Envelope<'_> = json::parse(payload)?;
    match envelope {
        Envelope {
            state: Some(State {
                reported: Some(reported),
            }),
            ..
        } => reported_position(reported.0),
        Envelope { reply, .. } if !reply.is_absent() => Ok(Decoded::nothing()),
        _ => Err(DecodeError::NotMine),
    }
}

fn reported_position(entries: Vec<(Cow<'_, str>, Scalar<'_>)>) -> Result<Decoded, DecodeError> {
    let mut position = Position::default();
    for (key, value) in entries {
        if value.is_absent() {
            continue;
        }
        match key.as_ref() {
            "ts" => {
                let ms = value.required_number("ts")?;
                position.time_ms =
                    Some(time::ms_from_unix_ms(ms).ok_or_else(|| malformed("impossible time"))?);
            }
            "latlng" => {
                if let Some((latitude, longitude)) = place(&value)? {
                    let at = Position::at(latitude, longitude)?;
                    position.latitude = at.latitude;
                    position.longitude = at.longitude;
                }
            }
            "alt" => position.altitude_m = value.number(),
            "ang" => position.heading_deg = value.number_in(0.0..=360.0),
            "sp" => position.speed_kmh = value.number_in(0.0..),
            "sat" => {
                let satellites = value.number_in(0.0..=f64::from(u16::MAX));
                position.valid = satellites.map(|satellites| satellites > 0.0);
                position.satellites = satellites.map(|satellites| satellites as u16);
            }
            "evt" => position.event = value.identifier(),
            "pr" => position.add_some(keys::PRIORITY, value.into_value()),
            other => {
                if let (Ok(id), Some(value)) = (other.parse(), value.into_value()) {
                    io::set_value(&mut position, id, value);
                }
            }
        }
    }
    if position.latitude.is_none() {
        return Ok(Decoded::nothing());
    }
    let too_many = io::limit(&mut position);
    let mut decoded = Decoded::from(position);
    if too_many {
        decoded.warn("more io elements than a position may have");
    }
    Ok(decoded)
}

/// `"lat,lon"`; an empty text means that there is no fix.
fn place(value: &Scalar<'_>) -> Result<Option<(f64, f64)>, DecodeError> {
    let Scalar::Text(text) = value else {
        return Err(malformed("latlng is not a text"));
    };
    if text.trim().is_empty() {
        return Ok(None);
    }
    let number = |text: &str| text.trim().parse::<f64>().ok();
    text.split_once(',')
        .and_then(|(latitude, longitude)| number(latitude).zip(number(longitude)))
        .map(Some)
        .ok_or_else(|| malformed("latlng is not two numbers"))
}

impl<'de: 'text, 'text> Deserialize<'de> for Reported<'text> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Reported<'de>;

            fn expecting(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, value)) = map.next_entry::<Key<'de>, Scalar<'de>>()? {
                    entries.push((key.0, value));
                }
                Ok(Reported(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

/// A key that borrows from the payload where it has no escapes.
#[derive(Deserialize)]
struct Key<'text>(#[serde(borrow)] Cow<'text, str>);
