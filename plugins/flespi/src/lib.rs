//! flespi decoder: messages of the flespi platform, which gives the values of all trackers the same names.
//!
//! What comes in: one JSON object, or an array of them, with flat dotted names (`position.latitude`). What
//! goes out: one position for each that has coordinates.

mod batch;
mod names;
mod reading;

use fixstream_decoder::{DecodeResult, Decoded, Message, json, malformed};

pub use names::KEYS;

fixstream_decoder::decoder! { name: "flespi", keys: KEYS, decode: decode }

/// Most positions that the contract lets through in one message.
const MOST_POSITIONS: usize = 1024;

/// Decodes one message.
pub fn decode(message: &Message) -> DecodeResult {
    let batch::Batch(messages) = json::parse(&message.payload)?;
    let mut decoded = Decoded::nothing();
    for fields in messages {
        decoded.positions.extend(reading::position(fields)?);
        if decoded.positions.len() > MOST_POSITIONS {
            return Err(malformed("more positions than one message may have"));
        }
    }
    Ok(decoded)
}
