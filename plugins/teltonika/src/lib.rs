//! Teltonika decoder: login, keep-alive, AVL frames (codecs 7, 8, 8E, 16), command replies (codecs
//! 12, 13, 14) and Codec JSON.
//!
//! What comes in: one message. What goes out: one position per record that has coordinates, and the
//! acknowledgement that the tracker waits for. A frame is believed only when its length, its
//! checksum and both record counts agree and its records use up every byte.

mod avl;
mod beacon;
mod codec7;
mod codec_json;
mod command;
mod frame;
mod io;
mod keys;

use fixstream_decoder::{DecodeResult, Decoded, Message, malformed};

pub use keys::KEYS;

fixstream_decoder::decoder! { name: "teltonika", keys: KEYS, decode: decode }

/// A tracker that has nothing to say sends this byte to keep the connection.
const KEEP_ALIVE: &[u8] = &[0xff];

/// Decodes one message of a Teltonika tracker.
pub fn decode(message: &Message) -> DecodeResult {
    let payload = message.payload.as_slice();
    let first_visible = payload.iter().find(|byte| !byte.is_ascii_whitespace());
    let mut decoded = match (payload, first_visible) {
        ([], _) => return Err(malformed("empty payload")),
        (KEEP_ALIVE, _) => return Ok(Decoded::nothing()),
        (_, Some(b'{')) => codec_json::decode(payload)?,
        _ => frame::decode(payload)?,
    };
    if message.device.is_none() {
        name_device(&mut decoded, &message.state);
    }
    Ok(decoded)
}

/// AVL frames do not carry the IMEI: a login that came earlier left it in the state.
fn name_device(decoded: &mut Decoded, earlier_state: &[u8]) {
    let login = decoded.state.as_deref().unwrap_or(earlier_state);
    let Some(imei) = frame::imei(login) else {
        return;
    };
    for position in &mut decoded.positions {
        position.device.get_or_insert_with(|| imei.to_owned());
    }
}
