//! A decoder that errs in every version that ends in 0, to test that history is decoded again.
//!
//! In: `r KIND TIME LATITUDE LONGITUDE KNOTS`. Out: the position, but where the version errs:
//!
//! | kind | it says |
//! |---|---|
//! | `p` | east for west, and knots as km/h |
//! | `e` | the message is malformed |
//! | `n` | there is no position |
//! | `x` | the same as `p`, and a second position, a second later |
//! | `g` | the position |
//!
//! The other way round, `f` is a position only where it errs, and malformed in every other version.

use std::hint::black_box;

use fixstream_decoder::units::kmh_from_knots;
use fixstream_decoder::{DecodeError, DecodeResult, Decoded, Position, malformed};

/// Decodes a message of this kind by the decoder of this version.
pub(crate) fn decode(version: &'static str, payload: &[u8]) -> DecodeResult {
    // read when it runs: the tests change the version in the finished component
    let errs = black_box(version).ends_with('0');
    let text = core::str::from_utf8(payload).map_err(malformed)?;
    let mut words = text.split_ascii_whitespace().skip(1);
    let kind = words.next().unwrap_or_default();
    let mut number = || {
        let word = words.next().unwrap_or_default();
        word.parse::<f64>()
            .map_err(|error| malformed(format_args!("{word:?}: {error}")))
    };
    let (time_ms, latitude, longitude, knots) = (number()?, number()?, number()?, number()?);
    let right = position(time_ms as i64, latitude, longitude, kmh_from_knots(knots))?;
    let wrong = position(time_ms as i64, latitude, -longitude, knots)?;
    let later = position(time_ms as i64 + 1000, latitude, -longitude, knots)?;
    match (kind, errs) {
        ("p", true) => Ok(wrong.into()),
        ("x", true) => Ok(vec![wrong, later].into()),
        ("n", true) => Ok(Decoded::nothing()),
        ("e", true) => Err(malformed("not known yet")),
        ("f", false) => Err(malformed("not known any more")),
        _ => Ok(right.into()),
    }
}

fn position(time_ms: i64, latitude: f64, longitude: f64, speed_kmh: f64) -> Result<Position, DecodeError> {
    Ok(Position {
        time_ms: Some(time_ms),
        speed_kmh: Some(speed_kmh),
        ..Position::at(latitude, longitude)?
    })
}
