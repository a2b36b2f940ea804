//! Events of The Things Stack v3 (The Things Network), over MQTT or as webhooks.
//!
//! In: one JSON object with `end_device_ids`. Out: the positions of an uplink or of a solved location;
//! nothing for joins, downlinks and the like.

use fixstream_decoder::json::{self, Scalar};
use fixstream_decoder::time::ms_from_rfc3339;
use fixstream_decoder::{DecodeError, Decoded, Message, malformed};
use fixstream_decoder_lorawan::{Uplink, keys, payload_from_base64, position_of_location, strongest};

use crate::event::{Event, LocationSolved, UplinkMessage};

mod event;

pub use fixstream_decoder_lorawan::KEYS;

fixstream_decoder::decoder! { name: "ttn", keys: KEYS, decode: decode }

/// Decodes one message.
pub fn decode(message: &Message) -> Result<Decoded, DecodeError> {
    let event: Event<'_> = json::parse(&message.payload)?;
    let Some(ids) = event.end_device_ids else {
        return Err(malformed("no end_device_ids"));
    };
    let received_ms = time_of(&event.received_at)?;
    let mut decoded = if let Some(uplink) = event.uplink_message {
        from_uplink(uplink, received_ms, message.setting("device_codec"))?
    } else if let Some(solved) = event.location_solved {
        from_solved(&solved, received_ms)?
    } else if event.without_place || is_topic_without_place(&message.channel) {
        Decoded::nothing()
    } else {
        return Err(malformed("no event that is known"));
    };
    let device = ids.get("device_id").identifier();
    if let Some(device) = device.or_else(|| ids.get("dev_eui").identifier()) {
        decoded.name_positions(&device);
    }
    Ok(decoded)
}

/// Whether the topic is of a kind that has no place, whatever the event is called.
fn is_topic_without_place(topic: &str) -> bool {
    topic.ends_with("/join") || topic.contains("/down/") || topic.contains("/service/")
}

fn from_uplink(
    uplink: UplinkMessage<'_>,
    received_ms: Option<i64>,
    codec: Option<&str>,
) -> Result<Decoded, DecodeError> {
    let received_ms = match received_ms {
        Some(ms) => Some(ms),
        None => time_of(&uplink.received_at)?,
    };
    let location = match uplink.locations.and_then(|locations| locations.frm_payload) {
        Some(location) => position_of_location(&location)?,
        None => None,
    };
    let mut decoded = Uplink {
        object: uplink.decoded_payload.into_object(),
        location,
        port: uplink.f_port.number_in(0.0..=255.0).map(|port| port as u8),
        payload: uplink.frm_payload.text().map(payload_from_base64),
        codec,
        received_ms,
    }
    .decode()?;

    let signal = strongest(&uplink.rx_metadata.unwrap_or_default());
    let battery_percent = uplink
        .last_battery_percentage
        .and_then(|battery| battery.get("value").number_in(0.0..=100.0));
    for position in &mut decoded.positions {
        if let Some((rssi, snr)) = signal {
            position.signal = Some(rssi);
            position.add_some(keys::SNR, snr);
        }
        position.battery_percent = position.battery_percent.or(battery_percent);
    }
    Ok(decoded)
}

fn from_solved(solved: &LocationSolved<'_>, received_ms: Option<i64>) -> Result<Decoded, DecodeError> {
    let position = match &solved.location {
        Some(location) => position_of_location(location)?,
        None => None,
    };
    let Some(mut position) = position else {
        return Ok(Decoded::nothing());
    };
    position.time_ms = received_ms;
    position.add_some(keys::LOCATION_SERVICE, solved.service.text());
    Ok(position.into())
}

fn time_of(time: &Scalar<'_>) -> Result<Option<i64>, DecodeError> {
    match time {
        Scalar::Absent => Ok(None),
        Scalar::Text(text) => ms_from_rfc3339(text).map(Some),
        _ => Err(malformed("received_at is no text")),
    }
}
