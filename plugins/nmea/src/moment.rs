//! Clocks and days of sentences, UTC. What is empty is not known; what is impossible is refused.

use fixstream_decoder::text::{is_digits, shown};
use fixstream_decoder::time::{DAY_MS, clock_ms, ms_from_civil};
use fixstream_decoder::{DecodeError, malformed};

/// Years of two digits from here on are 19yy.
const FIRST_YEAR_OF_1900: i32 = 80;

/// Milliseconds since midnight of `hhmmss[.sss]`.
pub(crate) fn clock(text: &str) -> Result<Option<i64>, DecodeError> {
    if text.is_empty() {
        return Ok(None);
    }
    clock_ms(text.trim_end_matches('.'))
        .map(Some)
        .ok_or_else(|| malformed(format_args!("no time of day: {}", shown(text))))
}

/// Midnight of `ddmmyy`.
pub(crate) fn day(text: &str) -> Result<Option<i64>, DecodeError> {
    if text.is_empty() {
        return Ok(None);
    }
    let pair = |at: usize| text.get(at..at + 2)?.parse::<u8>().ok();
    let midnight = || {
        let year = i32::from(pair(4)?);
        let century = if year < FIRST_YEAR_OF_1900 { 2000 } else { 1900 };
        ms_from_civil(century + year, pair(2)?, pair(0)?, 0, 0, 0, 0)
    };
    Some(text)
        .filter(|text| text.len() == 6 && is_digits(text))
        .and_then(|_| midnight())
        .map(Some)
        .ok_or_else(|| malformed(format_args!("no date: {}", shown(text))))
}

/// Midnight of a day in three fields, the year with four digits.
pub(crate) fn day_of(day: &str, month: &str, year: &str) -> Result<Option<i64>, DecodeError> {
    if day.is_empty() || month.is_empty() || year.is_empty() {
        return Ok(None);
    }
    let midnight = || {
        ms_from_civil(
            year.parse().ok()?,
            month.parse().ok()?,
            day.parse().ok()?,
            0,
            0,
            0,
            0,
        )
    };
    Some(())
        .filter(|()| [day, month, year].into_iter().all(is_digits))
        .and_then(|()| midnight())
        .map(Some)
        .ok_or_else(|| malformed("no date"))
}

/// The moment of this clock that is nearest to `near`.
pub(crate) fn nearest(clock: i64, near: i64) -> i64 {
    let same_day = near - near.rem_euclid(DAY_MS) + clock;
    if same_day - near > DAY_MS / 2 {
        same_day - DAY_MS
    } else if near - same_day > DAY_MS / 2 {
        same_day + DAY_MS
    } else {
        same_day
    }
}
