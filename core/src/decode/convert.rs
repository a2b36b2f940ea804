//! From the contract's records to the hub's, and back: everything that a decoder says is checked here.
//!
//! A sandboxed decoder can still lie. Sizes, indexes and coordinates that the contract forbids fail
//! the message ([`FailureKind::Contract`]); its raw bytes are kept, so nothing is lost by that.
//! Numbers that are not finite elsewhere are taken as not said.

use super::message::{Decoded, Failure, FailureKind, Input, Outcome, Transport};
use super::wit::v1::fixstream::decoder::types as wit;
use crate::model::{AttributeValue, Fix, MAX_ATTRIBUTES, MAX_FIXES_PER_MESSAGE, TimeMs};

/// Bytes of a text (event, attribute), at most.
const MAX_TEXT: usize = 4096;
/// Bytes of an attribute's key, at most.
const MAX_KEY: usize = 128;
/// Bytes of a device identifier, at most.
const MAX_DEVICE: usize = 256;
/// Bytes of a reply and of a state, at most.
pub(super) const MAX_BYTES: usize = 4096;
/// Warnings of a message that are counted, at most.
pub(super) const MAX_WARNINGS: usize = 16;
/// Milliseconds from the epoch that calendars of other programs can express (±275 000 years).
const MAX_TIME_MS: i64 = 8_640_000_000_000_000;

/// What the contract limits in a descriptor.
pub(super) const MAX_DECLARED_KEYS: usize = 4096;

/// Whether a text may be the key of an attribute.
pub(super) fn is_key(key: &str) -> bool {
    (1..=MAX_KEY).contains(&key.len()) && !has_control(key)
}

/// Whether there is a control character. Nearly all texts are ASCII, and then bytes tell.
fn has_control(text: &str) -> bool {
    if text.is_ascii() {
        text.bytes().any(|byte| byte.is_ascii_control())
    } else {
        text.chars().any(char::is_control)
    }
}

/// The contract's message.
pub(super) fn message(input: &Input) -> wit::Message {
    wit::Message {
        transport: match input.transport {
            Transport::Mqtt => wit::Transport::Mqtt,
            Transport::Http => wit::Transport::Http,
            Transport::File => wit::Transport::File,
        },
        channel: input.channel.clone(),
        device: input.device.clone(),
        received_ms: input.received.0,
        context: input.context.clone(),
        state: input.state.clone(),
        payload: input.payload.to_vec(),
    }
}

/// The outcome that a decoder's answer for one message amounts to. `keys` are its declared keys.
pub(super) fn outcome(answer: Result<wit::Decoded, wit::DecodeError>, keys: &[String]) -> Outcome {
    match answer {
        Ok(decoded) => match understood(decoded, keys) {
            Ok(decoded) => Outcome::Decoded(decoded),
            Err(what) => Outcome::Failed(Failure::new(FailureKind::Contract, what)),
        },
        Err(wit::DecodeError::NotMine) => not_mine(),
        Err(wit::DecodeError::Malformed(why)) => Outcome::Failed(Failure::new(FailureKind::Malformed, why)),
        Err(wit::DecodeError::Unsupported(why)) => {
            Outcome::Failed(Failure::new(FailureKind::Unsupported, why))
        }
    }
}

pub(super) fn not_mine() -> Outcome {
    Outcome::Failed(Failure::new(FailureKind::NotMine, "not this format"))
}

/// Another number of answers than of messages: whose they are is not known.
pub(super) fn miscounted(answers: usize, messages: usize) -> Failure {
    Failure::new(
        FailureKind::Contract,
        format!("{answers} answers for {messages} messages"),
    )
}

pub(super) fn too_many(count: usize, what: &str, most: usize) -> String {
    format!("{count} {what}, at most {most} are allowed")
}

pub(super) fn too_many_bytes(what: &str, bytes: usize) -> String {
    format!("{what} of {bytes} bytes, at most {MAX_BYTES} are allowed")
}

fn understood(decoded: wit::Decoded, keys: &[String]) -> Result<Decoded, String> {
    let count = decoded.positions.len();
    if count > MAX_FIXES_PER_MESSAGE {
        return Err(too_many(count, "positions in a message", MAX_FIXES_PER_MESSAGE));
    }
    for (what, bytes) in [("reply", &decoded.reply), ("state", &decoded.state)] {
        if let Some(bytes) = bytes
            && bytes.len() > MAX_BYTES
        {
            return Err(too_many_bytes(what, bytes.len()));
        }
    }
    let mut fixes = Vec::with_capacity(count);
    for (index, mut position) in decoded.positions.into_iter().enumerate() {
        let attributes = attributes(std::mem::take(&mut position.attributes), keys);
        match attributes.and_then(|attributes| fix(position, attributes)) {
            Ok(Some(fix)) => fixes.push(fix),
            Ok(None) => {}
            Err(what) => return Err(format!("position {index}: {what}")),
        }
    }
    Ok(Decoded {
        fixes,
        reply: decoded.reply,
        state: decoded.state,
    })
}

/// What a position and its attributes amount to. `None`: without both coordinates there is nothing to locate.
pub(super) fn fix(
    position: wit::Position,
    attributes: Vec<(String, AttributeValue)>,
) -> Result<Option<(Option<String>, Fix)>, String> {
    let (Some(latitude), Some(longitude)) = (position.latitude, position.longitude) else {
        return Ok(None);
    };
    // NaN is in no range
    if !(-90.0..=90.0).contains(&latitude) {
        return Err(format!("latitude {latitude} is not within -90 to 90"));
    }
    if !(-180.0..=180.0).contains(&longitude) {
        return Err(format!("longitude {longitude} is not within -180 to 180"));
    }
    if let Some(time) = position.time_ms
        && !(-MAX_TIME_MS..=MAX_TIME_MS).contains(&time)
    {
        return Err(format!("time {time} is beyond every calendar"));
    }
    let device = position.device.filter(|device| !device.is_empty());
    if let Some(device) = &device
        && (device.len() > MAX_DEVICE || has_control(device))
    {
        return Err(format!(
            "a device identifier must have at most {MAX_DEVICE} bytes and no control characters"
        ));
    }
    let event = position.event.filter(|event| !event.is_empty());
    if event.as_ref().is_some_and(|event| event.len() > MAX_TEXT) {
        return Err(format!("event is longer than {MAX_TEXT} bytes"));
    }
    let fix = Fix {
        time: position.time_ms.map(TimeMs),
        valid: position.valid,
        latitude,
        longitude,
        altitude_m: finite(position.altitude_m),
        speed_kmh: finite(position.speed_kmh),
        heading_deg: finite(position.heading_deg).map(full_circle),
        accuracy_m: finite(position.accuracy_m),
        hdop: finite(position.hdop),
        satellites: position.satellites,
        odometer_km: finite(position.odometer_km),
        distance_km: finite(position.distance_km),
        ignition: position.ignition,
        fuel_percent: finite(position.fuel_percent),
        engine_temperature_c: finite(position.engine_temperature_c),
        engine_rpm: finite(position.engine_rpm),
        battery_v: finite(position.battery_v),
        battery_percent: finite(position.battery_percent),
        power_v: finite(position.power_v),
        signal: finite(position.signal),
        event,
        attributes,
    };
    Ok(Some((device, fix)))
}

fn attributes(list: Vec<wit::Attribute>, keys: &[String]) -> Result<Vec<(String, AttributeValue)>, String> {
    if list.len() > MAX_ATTRIBUTES {
        return Err(too_many(list.len(), "attributes", MAX_ATTRIBUTES));
    }
    let mut out = Vec::with_capacity(list.len());
    for wit::Attribute { key, value } in list {
        let value = match value {
            wit::Value::Flag(flag) => AttributeValue::Flag(flag),
            wit::Value::Integer(integer) => AttributeValue::Integer(integer),
            wit::Value::Real(real) => AttributeValue::Real(real),
            wit::Value::Text(text) => AttributeValue::Text(text),
        };
        let key = match &key {
            wit::AttributeKey::Declared(index) => Key::Declared(*index as usize),
            wit::AttributeKey::Named(name) => Key::Named(name),
        };
        if let Some(attribute) = attribute(key, value, keys)? {
            out.push(attribute);
        }
    }
    Ok(out)
}

/// How a decoder names an attribute.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key<'a> {
    /// By its place among the declared keys.
    Declared(usize),
    Named(&'a str),
}

/// An attribute as it is kept. `None`: a number that is not finite.
pub(super) fn attribute(
    key: Key<'_>,
    value: AttributeValue,
    keys: &[String],
) -> Result<Option<(String, AttributeValue)>, String> {
    match &value {
        AttributeValue::Real(real) if !real.is_finite() => return Ok(None),
        AttributeValue::Text(text) if text.len() > MAX_TEXT => {
            return Err(format!(
                "an attribute's text has {} bytes, at most {MAX_TEXT} are allowed",
                text.len()
            ));
        }
        _ => {}
    }
    let key = match key {
        Key::Declared(index) => keys.get(index).ok_or_else(|| {
            format!(
                "attribute key {index} is not among the {} declared ones",
                keys.len()
            )
        })?,
        Key::Named(name) if is_key(name) => name,
        Key::Named(_) => {
            return Err(format!(
                "an attribute's key must have 1 to {MAX_KEY} bytes and no control characters"
            ));
        }
    };
    Ok(Some((key.to_owned(), value)))
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// Degrees from 0 to below 360.
fn full_circle(degrees: f64) -> f64 {
    let heading = degrees.rem_euclid(360.0);
    // tiny negative angles round up to the full circle
    if heading >= 360.0 { 0.0 } else { heading }
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
