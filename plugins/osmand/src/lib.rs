//! OsmAnd decoder: what OsmAnd, the Traccar Client and many scripts send to port 5055 of a Traccar server.
//!
//! What comes in: the path and query of an HTTP request (in the payload, or in the channel when the
//! payload is empty), a form body, or the JSON of newer Traccar Clients. What goes out: one position, or
//! nothing when the message has no coordinates. A message that names no device is refused.

mod client;
mod keys;
mod moment;
mod parameters;
mod report;

use fixstream_decoder::{DecodeError, DecodeResult, Decoded, Message, Position, malformed, text};

pub use keys::KEYS;

fixstream_decoder::decoder! { name: "osmand", keys: KEYS, decode: decode }

/// Decodes one message.
pub fn decode(message: &Message) -> DecodeResult {
    let body = message.payload.trim_ascii();
    let query = parameters::query_of(message.channel.as_bytes());
    let position = match (body, query) {
        ([], None) => return Err(malformed("empty payload")),
        ([b'{' | b'[', ..], query) => client::position(body, query)?,
        (body, query) => {
            let body = parameters::query_of(body).unwrap_or(body);
            report::position(&parameters::parse(query.unwrap_or_default(), body)?)?
        }
    };
    Ok(position.map_or_else(Decoded::nothing, Decoded::from))
}

/// The device that a message must name.
fn required_device(id: Option<&str>) -> Result<String, DecodeError> {
    id.and_then(text::device_id)
        .ok_or_else(|| malformed("no device identifier"))
}

/// What happened: an alarm counts more than the app's own reason to report.
fn set_event(position: &mut Position, alarm: Option<String>, reason: Option<String>) {
    let Some(alarm) = alarm else {
        position.event = reason.map(text::clipped);
        return;
    };
    position.event = text::snake_case(&alarm);
    position.add(keys::ALARM, alarm);
    position.add_some(keys::TRIGGER, reason);
}
