//! GPS103 decoder: the ASCII protocol of Coban trackers and their many copies.
//!
//! What comes in: messages that end with `;`, one or more. What goes out: one position per report with
//! a GPS fix, and the answers `LOAD` to a login and `ON` to a heartbeat. There is no checksum: what
//! does not look as it must is refused rather than guessed.

mod decimal_form;
mod event;
mod keys;
mod report;

use fixstream_decoder::{DecodeError, DecodeResult, Decoded, Message, malformed, text};

pub use keys::KEYS;

fixstream_decoder::decoder! { name: "gps103", keys: KEYS, decode: decode }

/// Most positions that the contract lets through in one message.
const MOST_POSITIONS: usize = 1024;

/// Begins a login: `##,imei:<imei>,A;`
const LOGIN: &str = "##";

/// Stands before every identifier but that of a heartbeat.
const IMEI: &str = "imei:";

const LOGIN_ANSWER: &[u8] = b"LOAD";
const HEARTBEAT_ANSWER: &[u8] = b"ON";

/// Decodes one message of a Coban tracker.
pub fn decode(message: &Message) -> DecodeResult {
    let text = text::of_bytes(&message.payload);
    let text = text.trim_matches(is_filler);
    if text.is_empty() {
        return Err(malformed("empty payload"));
    }
    let mut decoded = Decoded::nothing();
    for part in text.split([';', '\n']).map(|part| part.trim_matches(is_filler)) {
        if !part.is_empty() {
            decode_part(part, &mut decoded)?;
        }
        if decoded.positions.len() > MOST_POSITIONS {
            return Err(malformed("more positions than one message may have"));
        }
    }
    Ok(decoded)
}

fn decode_part(part: &str, decoded: &mut Decoded) -> Result<(), DecodeError> {
    if let Some(login) = part.strip_prefix(LOGIN) {
        let imei = login.trim_start_matches(',').strip_prefix(IMEI);
        imei.and_then(|imei| imei.split(',').next())
            .filter(|imei| is_imei(imei))
            .ok_or_else(|| malformed("login without an imei"))?;
        decoded.reply = Some(LOGIN_ANSWER.to_vec());
        return Ok(());
    }
    // a heartbeat may stand right before a report
    let (heartbeat, report) = part
        .split_at_checked(part.find(IMEI).unwrap_or(part.len()))
        .unwrap_or((part, ""));
    if is_imei(heartbeat) {
        decoded.reply = Some(HEARTBEAT_ANSWER.to_vec());
    } else if !heartbeat.is_empty() {
        return Err(DecodeError::NotMine);
    }
    if let Some(report) = report.strip_prefix(IMEI) {
        decoded.positions.extend(report::decode(report)?);
    }
    Ok(())
}

/// IMEI, or what copies use in its place.
fn is_imei(text: &str) -> bool {
    (10..=20).contains(&text.len()) && text::is_digits(text)
}

/// What stands between messages and around them.
fn is_filler(character: char) -> bool {
    character.is_ascii_whitespace() || character == '\0'
}
