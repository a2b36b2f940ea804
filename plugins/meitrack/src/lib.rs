//! Meitrack decoder: frames `$$<flag><length>,<IMEI>,<command>,…*<checksum>\r\n`.
//!
//! What comes in: one or more frames. What goes out: one position per report in them, and the answer to
//! CCC reports, which the tracker keeps until then. A frame is believed only when its length and its
//! checksum are right; commands that are no report have nothing to locate.

mod binary;
mod event;
mod frame;
mod keys;
mod modular;
mod report;
mod tail;
mod voltage;

use fixstream_decoder::{DecodeError, DecodeResult, Decoded, Message, Position, Reader, malformed};

use frame::Frame;

pub use keys::KEYS;

fixstream_decoder::decoder! { name: "meitrack", keys: KEYS, decode: decode }

/// Most positions that the contract lets through in one message.
const MOST_POSITIONS: usize = 1024;

/// Longest reply that the contract lets through.
const LONGEST_REPLY: usize = 4096;

/// Decodes one message of a Meitrack tracker.
pub fn decode(message: &Message) -> DecodeResult {
    let payload = message.payload.trim_ascii_start();
    if payload.is_empty() {
        return Err(malformed("empty payload"));
    }
    let model = message.setting("model").unwrap_or_default();
    let mut reader = Reader::new(payload);
    let mut decoded = Decoded::nothing();
    let mut reply = Vec::new();
    // more line ends than one may follow the last frame
    while !reader.rest().trim_ascii_start().is_empty() {
        let frame = frame::read(&mut reader)?;
        let mut positions = positions(&frame, model, &mut decoded)?;
        if frame.command == "CCC" {
            reply.extend(frame::answer(&frame, positions.len()));
        }
        for position in &mut positions {
            position.device = Some(frame.imei.to_owned());
        }
        decoded.positions.append(&mut positions);
        if decoded.positions.len() > MOST_POSITIONS || reply.len() > LONGEST_REPLY {
            return Err(malformed("more frames than one message may have"));
        }
    }
    decoded.reply = Some(reply).filter(|reply| !reply.is_empty());
    Ok(decoded)
}

fn positions(frame: &Frame<'_>, model: &str, decoded: &mut Decoded) -> Result<Vec<Position>, DecodeError> {
    let one = |position: Option<Position>| position.into_iter().collect();
    match frame.command {
        "AAA" => report::decode(frame.body, model).map(one),
        // what was recorded without network, behind a number
        "AFF" => report::decode_numbered(frame.body, model).map(one),
        "CCC" => binary::decode(frame.body),
        "CCE" => modular::decode(frame.body, decoded),
        // answers to commands, pictures, requests
        _ => Ok(Vec::new()),
    }
}
