//! Queclink decoder: the @Track protocol in ASCII.
//!
//! What comes in: one or more frames from `+RESP:`, `+BUFF:` or `+ACK:` to `$`. What goes out: one
//! position per position group. Where a group stands depends on report, model and firmware, so it is
//! found by its shape; a report without one has nothing to locate. Frames have no checksum: what
//! does not look as it must is refused rather than guessed.

mod can;
mod event;
mod frame;
mod keys;
mod number;
mod place;
mod report;

use std::borrow::Cow;

use fixstream_decoder::{DecodeError, DecodeResult, Decoded, Message, malformed};

use frame::{Frame, Kind};

pub use keys::KEYS;

fixstream_decoder::decoder! { name: "queclink", keys: KEYS, decode: decode }

/// Most positions that the contract lets through in one message.
const MOST_POSITIONS: usize = 1024;

/// Reports without position group. Some hold coordinates of something else (cells, Wi-Fi).
const WITHOUT_POSITION: [&str; 9] = ["INF", "LBS", "GSM", "WIF", "PNA", "PFA", "VER", "DTT", "HBD"];

/// Decodes one message of a Queclink tracker.
pub fn decode(message: &Message) -> DecodeResult {
    let text = text_of(&message.payload);
    let mut rest = text.trim_matches(is_filler);
    if rest.is_empty() {
        return Err(malformed("empty payload"));
    }
    let mut decoded = Decoded::nothing();
    while !rest.is_empty() {
        let (frame, behind) = frame::split(rest)?;
        decode_frame(&Frame::parse(frame)?, &mut decoded)?;
        if decoded.positions.len() > MOST_POSITIONS {
            return Err(malformed("more positions than one message may have"));
        }
        rest = behind.trim_start_matches(is_filler);
    }
    Ok(decoded)
}

fn decode_frame(frame: &Frame<'_>, decoded: &mut Decoded) -> Result<(), DecodeError> {
    if frame.kind == Kind::CommandReply || WITHOUT_POSITION.contains(&frame.report) {
        return Ok(());
    }
    report::positions(frame, &place::groups(frame)?, decoded);
    Ok(())
}

/// What stands between frames and around them.
fn is_filler(character: char) -> bool {
    character.is_ascii_whitespace() || character == '\0'
}

/// The payload as text: UTF-8 where it is that, else every byte is one character (ISO 8859-1).
fn text_of(payload: &[u8]) -> Cow<'_, str> {
    match core::str::from_utf8(payload) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => payload.iter().copied().map(char::from).collect(),
    }
}
