//! Suntech decoder: text reports of several generations, their binary and zip forms.
//!
//! What comes in: one binary frame, or one or more text messages whose fields are separated by `;`.
//! What goes out: one position per report that has coordinates. There is no checksum: what is cut
//! before the end of the position, or does not look as it must, is refused rather than guessed.

mod alert;
mod binary;
mod config;
mod extension;
mod fields;
mod keys;
mod legacy;
mod place;
mod st4;
mod st9;
mod universal;
mod zip;

use fixstream_decoder::text::{device_id, of_bytes, shown};
use fixstream_decoder::{
    DecodeError, DecodeResult, Decoded, Message, Position, Reader, malformed, unsupported,
};

use config::Added;
use fields::Fields;

pub use keys::KEYS;

fixstream_decoder::decoder! { name: "suntech", keys: KEYS, decode: decode }

/// Most positions that the contract lets through in one message.
const MOST_POSITIONS: usize = 1024;

/// Decodes one message of a Suntech tracker.
pub fn decode(message: &Message) -> DecodeResult {
    let decoded = match message.payload.first() {
        None => return Err(malformed("empty payload")),
        Some(&(zip::MARKER | binary::STATUS | binary::ALERT)) => frames(&message.payload)?,
        Some(_) => texts(message)?,
    };
    if decoded.positions.len() > MOST_POSITIONS {
        return Err(malformed("more reports than one message may have"));
    }
    Ok(decoded)
}

/// Decodes binary frames, one behind the other.
fn frames(payload: &[u8]) -> DecodeResult {
    let mut reader = Reader::new(payload);
    let mut decoded = Decoded::nothing();
    while let Some(first) = reader.peek() {
        decoded.positions.extend(match first {
            zip::MARKER => Some(zip::decode(&mut reader)?),
            binary::STATUS | binary::ALERT => binary::decode(&mut reader)?,
            _ => return Err(malformed("bytes behind the frame")),
        });
    }
    Ok(decoded)
}

/// Decodes text messages.
fn texts(message: &Message) -> DecodeResult {
    let text = of_bytes(&message.payload);
    let mut rest = text.trim_matches(is_filler);
    if rest.is_empty() {
        return Err(malformed("empty payload"));
    }
    let added = Added::of(message);
    let mut decoded = Decoded::nothing();
    while !rest.is_empty() {
        let (one, behind) = rest.split_at_checked(end_of_first(rest)).unwrap_or((rest, ""));
        decoded
            .positions
            .extend(report(one.trim_matches(is_filler), added)?);
        rest = behind.trim_matches(is_filler);
    }
    Ok(decoded)
}

/// What stands between messages and around them.
fn is_filler(character: char) -> bool {
    character.is_ascii_whitespace() || character == '\0'
}

/// Where the first message ends: at a line end before the header of another one. Data of a serial port
/// inside a message have line ends, too.
fn end_of_first(text: &str) -> usize {
    /// Longest header with its semicolon, and a bit.
    const LONGEST: usize = 12;
    let bytes = text.as_bytes();
    let is_filler_byte = |byte: &u8| is_filler(char::from(*byte));
    let begins_message = |at: usize| {
        let behind = bytes.get(at..).unwrap_or_default();
        let header = behind.iter().take(LONGEST).position(|byte| *byte == b';');
        let header = header.and_then(|length| text.get(at..at + length));
        header.is_some_and(|header| Header::parse(header).is_some())
    };
    // each run of fillers is looked at once
    let mut at = 0;
    while let Some(found) = bytes.iter().skip(at).position(is_filler_byte) {
        let from = at + found;
        let run = bytes.iter().skip(from).take_while(|byte| is_filler_byte(byte));
        let (length, has_line_end) = run.fold((0, false), |(length, has_line_end), byte| {
            (length + 1, has_line_end || matches!(byte, b'\r' | b'\n'))
        });
        if has_line_end && begins_message(from + length) {
            return from;
        }
        at = from + length;
    }
    text.len()
}

/// The first field of a message: which generation, and which kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header<'text> {
    /// `STT`, `ALT` …: fields by a mask.
    Universal(&'text str),
    /// `ST910`; the kind is a field of its own.
    St9,
    /// `ST410STT`: neighbour cells before the position.
    St4(&'text str),
    /// `ST300STT`, `SA200ALT` …
    Legacy(&'text str),
}

/// Length of `ST300`.
const FAMILY_LENGTH: usize = 5;

/// Length of `STT`.
const KIND_LENGTH: usize = 3;

/// Kinds of universal messages.
const UNIVERSAL: [&str; 10] = [
    "STT", "ALT", "UEX", "BLE", "BSA", "RES", "CMD", "ALV", "HTE", "CRR",
];

impl<'text> Header<'text> {
    fn parse(header: &'text str) -> Option<Self> {
        if UNIVERSAL.contains(&header) {
            return Some(Self::Universal(header));
        }
        let (family, kind) = header.split_at_checked(FAMILY_LENGTH)?;
        let is_family = match family.as_bytes() {
            [b'S', b'T' | b'A', number @ ..] => number.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        let is_kind = kind.is_empty() && family.starts_with("ST9")
            || kind.len() == KIND_LENGTH && kind.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_family || !is_kind {
            return None;
        }
        Some(match family.get(..3) {
            Some("ST9") if kind.is_empty() => Self::St9,
            Some("ST4") => Self::St4(kind),
            _ => Self::Legacy(kind),
        })
    }
}

/// The position of one text message; `None` when it has nothing to locate.
fn report(text: &str, added: Option<Added>) -> Result<Option<Position>, DecodeError> {
    let fields = Fields::of(text);
    let second = fields.get(1).unwrap_or_default();
    if [fields.first(), second]
        .iter()
        .any(|field| field.contains("-Error"))
    {
        return Ok(None);
    }
    let header = Header::parse(fields.first()).ok_or(DecodeError::NotMine)?;
    // messages without position have one, too, or what else stands there
    let id_at = if header == Header::St9 { 2 } else { 1 };
    let id = fields.get(id_at).unwrap_or_default();
    let device = device_id(id).ok_or_else(|| malformed(format_args!("no identifier: {}", shown(id))))?;
    let position = match header {
        Header::Universal("STT" | "ALT" | "UEX") => universal::decode(&fields)?,
        Header::Universal("BLE") => universal::decode_beacons(&fields)?,
        // crash data in many parts, of which only all together have a place
        Header::Universal("CRR") => return Err(unsupported("crash report in parts")),
        Header::St4("STT" | "ALT") => st4::decode(&fields)?,
        Header::St9 if st9::KINDS.contains(&second) => st9::decode(&fields)?,
        Header::Legacy(kind @ ("STT" | "EMG" | "EVT" | "ALT" | "UEX")) => {
            legacy::decode(&fields, kind, added)?
        }
        // beacons that were seen, answers to commands, trips, signs of life
        Header::Universal(_) | Header::St4(_) | Header::St9 | Header::Legacy(_) => return Ok(None),
    };
    Ok(position.map(|position| Position {
        device: Some(device),
        ..position
    }))
}
