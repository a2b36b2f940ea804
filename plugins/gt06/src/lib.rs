//! GT06 decoder: the protocol of Concox and Jimi trackers and their many relatives.
//!
//! What comes in: one or more frames. What goes out: the positions in them, and the answers to login,
//! heartbeat, alarm and time request that the tracker waits for. A frame is believed only when its
//! length and its checksum are right; a message number that is not known has nothing to locate.
//! Most frames do not name the device: the login leaves its IMEI in the state.

mod alarm;
mod block;
mod camera;
mod frame;
mod keys;
mod login;
mod message;
mod modular;
mod prefixed;
mod reply;
mod status;
mod tail;
mod text_report;

use fixstream_decoder::{DecodeError, DecodeResult, Decoded, Message, Reader, malformed};

use message::Contents;

pub use keys::KEYS;

fixstream_decoder::decoder! { name: "gt06", keys: KEYS, decode: decode }

/// Most positions that the contract lets through in one message.
const MOST_POSITIONS: usize = 1024;

/// Longest reply that the contract lets through.
const LONGEST_REPLY: usize = 4096;

/// Decodes one message of a GT06 tracker.
pub fn decode(message: &Message) -> DecodeResult {
    if message.payload.is_empty() {
        return Err(malformed("empty payload"));
    }
    let mut decoded = frames(message)?;
    if message.device.is_none() {
        let state = decoded.state.as_deref().unwrap_or(&message.state);
        let device = login::device_of_state(state)
            .map(str::to_owned)
            .or_else(|| login::device_of_packet(&message.login_packet()?));
        if let Some(device) = device {
            decoded.name_positions(&device);
        }
    }
    Ok(decoded)
}

/// Decodes all frames. One that is broken spoils the message, because where the next one begins is
/// then unknown.
fn frames(message: &Message) -> Result<Decoded, DecodeError> {
    let model = message.setting("model").unwrap_or_default();
    let mut reader = Reader::new(&message.payload);
    let mut decoded = Decoded::nothing();
    let mut reply = Vec::new();
    while !reader.is_empty() {
        let Some(frame) = frame::read(&mut reader)? else {
            continue;
        };
        match message::contents(&frame, model)? {
            Contents::Login(device) => decoded.state = Some(device.into_bytes()),
            Contents::Positions(positions) => decoded.positions.extend(positions),
            Contents::Nothing => {}
        }
        if let Some(answer) = reply::to(&frame, message.received_ms) {
            reply.extend(answer);
        }
        if decoded.positions.len() > MOST_POSITIONS || reply.len() > LONGEST_REPLY {
            return Err(malformed("more frames than one message may have"));
        }
    }
    decoded.reply = Some(reply).filter(|reply| !reply.is_empty());
    Ok(decoded)
}
