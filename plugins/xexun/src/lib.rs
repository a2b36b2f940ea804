//! Xexun decoder: an NMEA RMC sentence with the tracker's own fields before and behind it.
//!
//! What comes in: `[<serial date>,<phone>,]GPRMC,…,F|L,[text,] imei:<imei>,[satellites,altitude,F:<volts>V,…]`,
//! once or more. What goes out: one position per sentence that has coordinates. The NMEA checksum is not
//! looked at, because its digits are often stale; what does not look as it must is refused instead.

mod keys;
mod own_fields;
mod rmc;

use fixstream_decoder::{DecodeError, DecodeResult, Decoded, Message, Position, malformed, text};

pub use keys::KEYS;

fixstream_decoder::decoder! { name: "xexun", keys: KEYS, decode: decode }

/// Most positions that the contract lets through in one message.
const MOST_POSITIONS: usize = 1024;

/// Decodes one message of a Xexun tracker.
pub fn decode(message: &Message) -> DecodeResult {
    let text = text::of_bytes(&message.payload);
    if text.trim_matches(is_filler).is_empty() {
        return Err(malformed("empty payload"));
    }
    // what stands between two sentences belongs to the first; the second's own prefix is at its end,
    // behind all that is read of it
    let starts: Vec<usize> = rmc::starts(&text).take(MOST_POSITIONS + 1).collect();
    if starts.len() > MOST_POSITIONS {
        return Err(malformed("more positions than one message may have"));
    }
    if starts.is_empty() {
        return without_gps(&text);
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let mut decoded = Decoded::nothing();
    for (start, end) in starts.iter().zip(ends) {
        let sentence = text.get(*start..end).unwrap_or_default();
        decoded.positions.extend(report(sentence)?);
    }
    Ok(decoded)
}

/// The position of a sentence and the fields behind it; `None` when it has no coordinates.
fn report(sentence: &str) -> Result<Option<Position>, DecodeError> {
    let (rmc, behind) =
        own_fields::split(sentence).ok_or_else(|| malformed("no imei behind the sentence"))?;
    let Some(mut position) = rmc::position(rmc)? else {
        return Ok(None);
    };
    own_fields::add(rmc, behind, &mut position);
    Ok(Some(position))
}

/// A tracker that sees no satellites sends all but the sentence.
fn without_gps(text: &str) -> DecodeResult {
    if own_fields::split(text).is_some() {
        return Ok(Decoded::nothing());
    }
    Err(if text.contains(own_fields::IMEI) {
        malformed("no imei")
    } else {
        DecodeError::NotMine
    })
}

/// What stands between messages and around them.
fn is_filler(character: char) -> bool {
    character.is_ascii_whitespace() || character == '\0'
}
