//! Events of ChirpStack v4, over MQTT or HTTP.
//!
//! In: one JSON object with `deviceInfo`. Out: the positions of an uplink or of a location event;
//! nothing for the other events.

use fixstream_decoder::json::{self, Scalar};
use fixstream_decoder::time::ms_from_rfc3339;
use fixstream_decoder::{DecodeError, Decoded, Message, malformed, unsupported};
use fixstream_decoder_lorawan::{Uplink, keys, payload_from_base64, position_of_location, strongest};

use crate::event::{Event, Kind};

mod event;

pub use fixstream_decoder_lorawan::KEYS;

fixstream_decoder::decoder! { name: "chirpstack", keys: KEYS, decode: decode }

/// Decodes one message.
pub fn decode(message: &Message) -> Result<Decoded, DecodeError> {
    let mut event: Event<'_> = json::parse(&message.payload)?;
    let Some(device) = event.device_info.take() else {
        return Err(malformed("no deviceInfo"));
    };
    let time_ms = match &event.time {
        Scalar::Absent => None,
        Scalar::Text(text) => Some(ms_from_rfc3339(text)?),
        _ => return Err(malformed("time is no text")),
    };
    let kind = Kind::of_channel(message).unwrap_or_else(|| Kind::of_fields(&event));
    let mut decoded = match kind {
        Kind::Up => from_uplink(event, time_ms, message.setting("device_codec"))?,
        Kind::Location => from_location(&event, time_ms)?,
        Kind::WithoutPlace => Decoded::nothing(),
        Kind::Unknown => return Err(unsupported("event of an unknown kind")),
    };
    for position in &mut decoded.positions {
        position.device = device.get("devEui").identifier();
        position.add_some(keys::DEVICE_NAME, device.get("deviceName").text());
    }
    Ok(decoded)
}

fn from_uplink(
    event: Event<'_>,
    received_ms: Option<i64>,
    codec: Option<&str>,
) -> Result<Decoded, DecodeError> {
    let mut decoded = Uplink {
        object: event.object.into_object(),
        location: None,
        port: event.f_port.number_in(0.0..=255.0).map(|port| port as u8),
        payload: event.data.text().map(payload_from_base64),
        codec,
        received_ms,
    }
    .decode()?;
    if let Some((rssi, snr)) = strongest(&event.rx_info.unwrap_or_default()) {
        for position in &mut decoded.positions {
            position.signal = Some(rssi);
            position.add_some(keys::SNR, snr);
        }
    }
    Ok(decoded)
}

fn from_location(event: &Event<'_>, time_ms: Option<i64>) -> Result<Decoded, DecodeError> {
    let position = match &event.location {
        Some(location) => position_of_location(location)?,
        None => None,
    };
    let Some(mut position) = position else {
        return Ok(Decoded::nothing());
    };
    position.time_ms = time_ms;
    Ok(position.into())
}
