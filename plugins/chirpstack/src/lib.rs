//! Events of ChirpStack v4, over MQTT or HTTP.
//!
//! In: one event as JSON or as protobuf, with the device that it is about. Out: the positions of an
//! uplink or of a location event; nothing for the other events.

use fixstream_decoder::{DecodeError, Decoded, Message, malformed};

mod json_event;
mod kind;
mod proto;
mod proto_event;
mod report;

pub use fixstream_decoder_lorawan::KEYS;

fixstream_decoder::decoder! { name: "chirpstack", keys: KEYS, decode: decode }

/// Decodes one message.
pub fn decode(message: &Message) -> Result<Decoded, DecodeError> {
    match message.payload.trim_ascii_start() {
        [] => Err(malformed("empty payload")),
        // protobuf cannot begin so: its first field is an identifier of 36 bytes, or a short time
        [b'{', ..] => json_event::read(message)?.decode(),
        _ => proto_event::read(message)?.decode(),
    }
}
