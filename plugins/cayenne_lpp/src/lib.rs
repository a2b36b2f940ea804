//! Cayenne Low Power Payload on its own: the bytes of a device, without a network's JSON around them.
//!
//! In: channel, type, value, repeated. Out: one position for each GPS value.

use fixstream_decoder::{DecodeError, Decoded, Message};
use fixstream_decoder_lorawan::cayenne_lpp;

pub use fixstream_decoder_lorawan::KEYS;

fixstream_decoder::decoder! { name: "cayenne_lpp", keys: KEYS, decode: decode }

/// Decodes one message.
pub fn decode(message: &Message) -> Result<Decoded, DecodeError> {
    Ok(cayenne_lpp::positions(&message.payload)?.into())
}
