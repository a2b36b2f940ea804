//! Times: seconds or milliseconds since 1970, or ISO 8601; without a zone they are UTC.

use fixstream_decoder::json::Scalar;
use fixstream_decoder::text::shown;
use fixstream_decoder::time::{ms_from_rfc3339, ms_from_unix_ms, ms_from_unix_seconds};
use fixstream_decoder::{DecodeError, malformed};

/// Numbers from here on are milliseconds (2^31; as milliseconds this is January 1970).
const FIRST_MS: f64 = 2_147_483_648.0;

/// Where the zone begins at the earliest: behind `2024-06-01T12:00`.
const ZONE: usize = 16;

/// The moment in a JSON value; `None` when it is absent.
pub(crate) fn of_scalar(value: &Scalar<'_>) -> Result<Option<i64>, DecodeError> {
    match value {
        Scalar::Absent => Ok(None),
        Scalar::Text(text) => of_text(text).map(Some),
        other => other
            .number()
            .and_then(of_number)
            .map(Some)
            .ok_or_else(|| malformed("timestamp is neither text nor a number")),
    }
}

/// The moment in a parameter.
pub(crate) fn of_text(text: &str) -> Result<i64, DecodeError> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return text
            .parse()
            .ok()
            .and_then(of_number)
            .ok_or_else(|| malformed(format_args!("no time: {}", shown(text))));
    }
    // a plus that the sender did not escape has become a blank
    match text.split_at_checked(ZONE) {
        Some((head, tail)) if tail.contains(' ') && !tail.contains(['+', '-', 'Z']) => {
            ms_from_rfc3339(&format!("{head}{}", tail.replacen(' ', "+", 1)))
        }
        _ => ms_from_rfc3339(text),
    }
}

fn of_number(number: f64) -> Option<i64> {
    if number < 0.0 {
        None
    } else if number < FIRST_MS {
        ms_from_unix_seconds(number)
    } else {
        ms_from_unix_ms(number)
    }
}
