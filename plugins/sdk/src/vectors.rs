//! The harness that every decoder is tested with: vectors from the field, and broken input.
//!
//! ```no_run
//! # fn decode(_: &fixstream_decoder::Message) -> fixstream_decoder::DecodeResult { todo!() }
//! # const KEYS: &[&str] = &[];
//! use fixstream_decoder::vectors;
//!
//! vectors::check("tests/vectors.jsonl", decode, KEYS).assert_passed();
//! vectors::survives("tests/vectors.jsonl", decode, KEYS);
//! ```
//!
//! The format is one JSON object per line: `id`, `encoding` (`hex` or `text`), `payload`, `topic`,
//! `device_hint`, `context`, and `expect` with `kind` (`positions`, `no_position`, `error`) and
//! `positions` that hold only the fields to compare.

mod compare;
mod robust;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use crate::{DecodeResult, Message, Transport};

pub use compare::{Report, check, check_one};
pub use robust::{Seal, contract_violations, survives, survives_sealed};

/// A decode function under test.
pub type Decode = fn(&Message) -> DecodeResult;

/// One line of a vectors file.
#[derive(Debug, Clone)]
pub struct Vector {
    /// `<vendor>-<nnnn>`.
    pub id: String,
    /// Kind of message inside the format.
    pub variant: String,
    /// The message as the host would hand it over; its time of receipt is 2024-06-02T00:00:00Z.
    pub message: Message,
    /// What the decoder should make of it.
    pub expect: Json,
}

/// Reads a vectors file; empty lines are skipped.
///
/// # Panics
/// When the file cannot be read or a line is not in the format: a broken test.
#[allow(clippy::panic)]
pub fn load(path: impl AsRef<Path>) -> Vec<Vector> {
    let path = path.as_ref();
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            parse_line(line).unwrap_or_else(|problem| panic!("{}:{}: {problem}", path.display(), number + 1))
        })
        .collect()
}

fn parse_line(line: &str) -> Result<Vector, String> {
    const RECEIVED_MS: i64 = 1_717_286_400_000;
    let json: Json = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let text = |key: &str| json.get(key).and_then(Json::as_str);
    let payload_text = text("payload").ok_or("no payload")?;
    let payload = match text("encoding") {
        Some("hex") => bytes_from_hex(payload_text)?,
        Some("text") => payload_text.as_bytes().to_vec(),
        other => return Err(format!("encoding {other:?}")),
    };
    let context = json.get("context").and_then(Json::as_object).map(|entries| {
        let plain = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        entries
            .iter()
            .map(|(key, value)| (key.clone(), plain(value)))
            .collect()
    });
    Ok(Vector {
        id: text("id").ok_or("no id")?.to_owned(),
        variant: text("variant").unwrap_or_default().to_owned(),
        message: Message {
            transport: Transport::Mqtt,
            channel: text("topic").unwrap_or_default().to_owned(),
            device: text("device_hint").map(str::to_owned),
            received_ms: RECEIVED_MS,
            context: context.unwrap_or_default(),
            state: Vec::new(),
            payload,
        },
        expect: json.get("expect").cloned().ok_or("no expect")?,
    })
}

fn bytes_from_hex(hex: &str) -> Result<Vec<u8>, String> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return Err("payload is not hex".to_owned());
    }
    let byte = |pair: &[u8]| {
        let pair = core::str::from_utf8(pair).map_err(|error| error.to_string())?;
        u8::from_str_radix(pair, 16).map_err(|error| format!("{pair}: {error}"))
    };
    hex.as_bytes().chunks(2).map(byte).collect()
}

/// A payload as it is shown in failures: text where it is text, hex otherwise.
fn shown_payload(payload: &[u8]) -> String {
    const LONGEST: usize = 600;
    let mut shown = match core::str::from_utf8(payload) {
        Ok(text)
            if !text
                .chars()
                .any(|character| character.is_control() && !character.is_whitespace()) =>
        {
            format!("{text:?}")
        }
        _ => payload.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }),
    };
    if let Some((end, _)) = shown.char_indices().nth(LONGEST) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}
