//! H02 decoder: the protocol of SinoTrack trackers and their many relatives.
//!
//! What comes in: text messages `*HQ,<id>,<type>,…#` (also `*TH`, `*hq` …), one or more, or the binary
//! form that begins with `$`. What goes out: one position per message that has coordinates, and the
//! answers to reports and heartbeats. There is no checksum: what does not look as it must is refused
//! rather than guessed.

mod binary;
mod coordinate;
mod group;
mod keys;
mod reply;
mod sentence;
mod status;

use fixstream_decoder::{DecodeError, DecodeResult, Decoded, Message, malformed, text};

use sentence::Sentence;

pub use keys::KEYS;

fixstream_decoder::decoder! { name: "h02", keys: KEYS, decode: decode }

/// Most positions that the contract lets through in one message.
const MOST_POSITIONS: usize = 1024;

/// Longest reply that the contract lets through.
const LONGEST_REPLY: usize = 4096;

/// Decodes one message of an H02 tracker.
pub fn decode(message: &Message) -> DecodeResult {
    let mut rest = without_filler(&message.payload);
    if rest.is_empty() {
        return Err(malformed("empty payload"));
    }
    let mut decoded = Decoded::nothing();
    let mut reply = String::new();
    let mut is_first = true;
    while !rest.is_empty() {
        rest = match rest {
            [b'*', ..] => {
                let (inside, behind) = sentence::split(rest)?;
                let text = text::of_bytes(inside);
                let sentence = Sentence::parse(&text)?;
                decoded.positions.extend(sentence::position(&sentence)?);
                reply.extend(reply::to(&sentence, message.received_ms));
                behind
            }
            [binary::MARKER, ..] => {
                let (frame, behind) = binary::split(rest);
                decoded.positions.push(binary::decode(frame)?);
                behind
            }
            _ if is_first => return Err(DecodeError::NotMine),
            _ => return Err(malformed("something else between messages")),
        };
        rest = without_filler(rest);
        is_first = false;
        if decoded.positions.len() > MOST_POSITIONS || reply.len() > LONGEST_REPLY {
            return Err(malformed("more than one message may have"));
        }
    }
    decoded.reply = Some(reply.into_bytes()).filter(|reply| !reply.is_empty());
    Ok(decoded)
}

/// What stands between messages and before them.
fn without_filler(bytes: &[u8]) -> &[u8] {
    let is_filler = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let filler = bytes.iter().take_while(|byte| is_filler(byte)).count();
    bytes.get(filler..).unwrap_or_default()
}
