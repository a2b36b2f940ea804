//! Times on the wire.

use std::borrow::Cow;
use std::fmt;

use fixstream_core::model::TimeMs;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use time::{Date, Month, OffsetDateTime, Time};

/// A point in time as it is answered: RFC 3339 in UTC with milliseconds and `Z`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Stamp(String);

impl Stamp {
    /// Its day, `YYYY-MM-DD`.
    pub(super) fn day(&self) -> String {
        self.0.chars().take(DAY).collect()
    }

    /// The text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

impl JsonSchema for Stamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// Characters of a day.
const DAY: usize = 10;

/// Reads RFC 3339, and the form of the contract's example (`2025-02-12 10:00:00.000 -0300`): `T` or a
/// blank between date and time, an optional fraction (kept to milliseconds), an optional blank, then `Z`,
/// `±HH:MM` or `±HHMM`. Without an offset the time is UTC.
pub(super) fn parse(text: &str) -> Option<TimeMs> {
    let mut rest = Cursor(text.as_bytes());
    let year = rest.digits(4)?;
    rest.one_of(b"-")?;
    let month = rest.digits(2)?;
    rest.one_of(b"-")?;
    let day = rest.digits(2)?;
    rest.one_of(b"Tt ")?;
    let hour = rest.digits(2)?;
    rest.one_of(b":")?;
    let minute = rest.digits(2)?;
    rest.one_of(b":")?;
    let second = rest.digits(2)?;
    let millis = if rest.one_of(b".,").is_some() {
        rest.fraction()?
    } else {
        0
    };
    rest.one_of(b" ");
    let offset_seconds = rest.offset()?;
    if !rest.0.is_empty() {
        return None;
    }

    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    // A leap second is the first moment of the next minute.
    let leap = i64::from(second == 60);
    let second = u8::try_from(second).ok()? - u8::try_from(leap).ok()?;
    let time = Time::from_hms(u8::try_from(hour).ok()?, u8::try_from(minute).ok()?, second).ok()?;
    let seconds = date.with_time(time).assume_utc().unix_timestamp() + leap - offset_seconds;
    Some(TimeMs(seconds * 1000 + i64::from(millis)))
}

/// As it is answered; `None` beyond the years 1 to 9999, which the date types of other languages do not hold.
pub(super) fn format(time: TimeMs) -> Option<Stamp> {
    let at = OffsetDateTime::from_unix_timestamp(time.0.div_euclid(1000)).ok()?;
    if !(1..=9999).contains(&at.year()) {
        return None;
    }
    let year = u32::try_from(at.year()).ok()?;
    let two = |number: u8| (u32::from(number), 2);
    let millis = u32::try_from(time.0.rem_euclid(1000)).ok()?;
    let mut text = String::with_capacity(24);
    // by hand: a report has millions of them
    for ((number, digits), behind) in [
        ((year, 4), '-'),
        (two(u8::from(at.month())), '-'),
        (two(at.day()), 'T'),
        (two(at.hour()), ':'),
        (two(at.minute()), ':'),
        (two(at.second()), '.'),
        ((millis, 3), 'Z'),
    ] {
        for place in (0..digits).rev() {
            let digit = number / 10_u32.pow(place) % 10;
            text.push(char::from_digit(digit, 10).unwrap_or('0'));
        }
        text.push(behind);
    }
    Some(Stamp(text))
}

/// What is not read yet.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    /// Exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let mut number = 0;
        for digit in digits {
            number = number * 10 + u32::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        }
        self.0 = rest;
        Some(number)
    }

    /// The next byte, if it is one of `allowed`.
    fn one_of(&mut self, allowed: &[u8]) -> Option<u8> {
        let (&next, rest) = self.0.split_first()?;
        allowed.contains(&next).then(|| {
            self.0 = rest;
            next
        })
    }

    /// One to nine digits after the point, as whole milliseconds.
    fn fraction(&mut self) -> Option<u32> {
        let length = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&length) {
            return None;
        }
        let (digits, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        let digit = |place: usize| u32::from(digits.get(place).map_or(0, |digit| digit - b'0'));
        Some(digit(0) * 100 + digit(1) * 10 + digit(2))
    }

    /// Seconds east of UTC; 0 when nothing is left.
    fn offset(&mut self) -> Option<i64> {
        if self.0.is_empty() || self.one_of(b"Zz").is_some() {
            return Some(0);
        }
        let sign = if self.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.digits(2)?;
        self.one_of(b":");
        let minutes = self.digits(2)?;
        (hours < 24 && minutes < 60).then(|| sign * i64::from(hours * 3600 + minutes * 60))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    const YEAR_ONE: i64 = -62_135_596_800_000;

    fn written(ms: i64) -> Option<String> {
        format(TimeMs(ms)).map(|stamp| stamp.to_string())
    }

    #[test]
    fn accepted_forms_mean_the_same_moment() {
        let moment = Some(TimeMs(1_739_365_200_000));
        for text in [
            "2025-02-12T13:00:00Z",
            "2025-02-12t13:00:00z",
            "2025-02-12T10:00:00-03:00",
            "2025-02-12 10:00:00.000 -0300",
            "2025-02-12 10:00:00 -0300",
            "2025-02-12 13:00:00",
            "2025-02-12T13:00:00.0004999Z",
            "2025-02-12T18:30:00.000+05:30",
            "2025-02-12T12:59:60Z",
        ] {
            assert_eq!(parse(text), moment, "{text}");
        }
        assert_eq!(parse("2025-02-12T13:00:00.5Z"), Some(TimeMs(1_739_365_200_500)));
        assert_eq!(parse("1969-12-31T23:59:59.999Z"), Some(TimeMs(-1)));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "now",
            "2025-02-12",
            "2025-02-30T00:00:00Z",
            "2025-13-01T00:00:00Z",
            "2025-02-12T24:00:00Z",
            "2025-02-12T10:60:00Z",
            "2025-02-12T10:00:61Z",
            "2025-02-12T10:00:00.Z",
            "2025-02-12T10:00:00+24:00",
            "2025-02-12T10:00:00+0",
            "2025-02-12T10:00:00Zulu",
            "2025-2-12T10:00:00Z",
            "1739365200",
            "２025-02-12T13:00:00Z",
            "2025-02-12T10:00:00.1234567890Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_is_written_in_utc_with_milliseconds() {
        assert_eq!(
            written(1_739_365_200_007).as_deref(),
            Some("2025-02-12T13:00:00.007Z")
        );
        assert_eq!(written(-1).as_deref(), Some("1969-12-31T23:59:59.999Z"));
        assert_eq!(written(YEAR_ONE).as_deref(), Some("0001-01-01T00:00:00.000Z"));
        for beyond in [i64::MAX, i64::MIN, YEAR_ONE - 1, 253_402_300_800_000] {
            assert_eq!(written(beyond), None, "{beyond}");
        }
        let day = format(TimeMs(1_739_365_200_007)).map(|stamp| stamp.day());
        assert_eq!(day.as_deref(), Some("2025-02-12"));
    }

    #[test]
    fn no_text_makes_it_panic() {
        for valid in [
            "2025-02-12T10:00:00.123+05:30",
            "2025-02-12 10:00:00.000 -0300",
            "9999-12-31T23:59:60Z",
            "0000-01-01T00:00:00+23:59",
        ] {
            assert!(parse(valid).is_some(), "{valid}");
            for place in 0..valid.len() {
                for byte in 0..128_u8 {
                    let mut bytes = valid.as_bytes().to_vec();
                    bytes[place] = byte;
                    let _ = parse(std::str::from_utf8(&bytes).unwrap());
                }
                let _ = parse(&valid[place..]);
                let _ = parse(&valid[..place]);
            }
        }
    }

    #[test]
    fn a_written_time_is_read_back() {
        for ms in [0, 1, -1, 1_739_365_200_007, YEAR_ONE, 253_402_300_799_999] {
            assert_eq!(parse(&written(ms).unwrap()), Some(TimeMs(ms)));
        }
    }
}
