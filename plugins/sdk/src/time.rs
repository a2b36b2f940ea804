//! Times as milliseconds since 1970-01-01T00:00:00Z. Impossible dates are refused, not clamped.

use ::time::format_description::well_known::Rfc3339;
use ::time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use crate::text::is_digits;
use crate::{DecodeError, malformed};

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// Milliseconds per minute, for offsets.
const MINUTE_MS: i64 = 60_000;

/// A time as its fields, UTC unless the caller subtracts an offset. `None` when there is no such
/// date or time; second 60 counts as the last millisecond of 59.
pub fn ms_from_civil(
    year: i32,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    millisecond: u16,
) -> Option<i64> {
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    let (second, millisecond) = if second == 60 {
        (59, 999)
    } else {
        (second, millisecond)
    };
    let time = Time::from_hms_milli(hour, minute, second, millisecond).ok()?;
    Some(ms_of(PrimitiveDateTime::new(date, time).assume_utc()))
}

/// The fields of a moment, UTC: year, month, day, hour, minute, second. `None` outside the years that
/// have a date.
pub fn civil_from_ms(ms: i64) -> Option<(i32, u8, u8, u8, u8, u8)> {
    let moment = OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000)).ok()?;
    let (year, month, day) = moment.to_calendar_date();
    let (hour, minute, second) = moment.to_hms();
    Some((year, u8::from(month), day, hour, minute, second))
}

/// Milliseconds since midnight of `hhmmss`, with or without a fraction (`hhmmss.sss`). Second 60 is
/// refused, because here it can only be a broken message.
pub fn clock_ms(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if whole.len() != 6 || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let pair = |at: usize| whole.get(at..at + 2)?.parse::<i64>().ok();
    let (hours, minutes, seconds) = (pair(0)?, pair(2)?, pair(4)?);
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    // three digits of the fraction are all that is kept
    let milliseconds = fraction
        .bytes()
        .chain(*b"00")
        .take(3)
        .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds)
}

/// Midnight of a day of six digits in the given order; years are 20yy.
pub fn midnight_ms(digits: &str, order: DateOrder) -> Option<i64> {
    if digits.len() != 6 || !is_digits(digits) {
        return None;
    }
    let pair = |at: usize| digits.get(at..at + 2)?.parse::<u8>().ok();
    let (first, month, last) = (pair(0)?, pair(2)?, pair(4)?);
    let (year, day) = match order {
        DateOrder::YearFirst => (first, last),
        DateOrder::DayFirst => (last, first),
    };
    ms_from_civil(2000 + i32::from(year), month, day, 0, 0, 0, 0)
}

/// Which of six digits of a date come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// `yymmdd`
    YearFirst,
    /// `ddmmyy`
    DayFirst,
}

/// `YYYYMMDDhhmmss` or `YYMMDDhhmmss` (20yy), UTC.
pub fn ms_from_digits(digits: &str) -> Result<i64, DecodeError> {
    let wrong = || malformed(format_args!("no date and time: {}", crate::text::shown(digits)));
    let bytes = digits.as_bytes();
    if !bytes.iter().all(u8::is_ascii_digit) {
        return Err(wrong());
    }
    let (year, rest) = match bytes.len() {
        14 => bytes.split_at_checked(4),
        12 => bytes.split_at_checked(2),
        _ => None,
    }
    .ok_or_else(wrong)?;
    let number = |digits: &[u8]| {
        digits
            .iter()
            .fold(0_u16, |number, digit| number * 10 + u16::from(digit - b'0'))
    };
    let century = if year.len() == 2 { 2000 } else { 0 };
    let mut pairs = rest.chunks_exact(2).map(|pair| number(pair) as u8);
    let mut next = || pairs.next().unwrap_or(0);
    let (month, day, hour, minute, second) = (next(), next(), next(), next(), next());
    ms_from_civil(
        century + i32::from(number(year)),
        month,
        day,
        hour,
        minute,
        second,
        0,
    )
    .ok_or_else(wrong)
}

/// Seconds since 1970 as a number that may have a fraction. `None` outside the years 1 to 9999.
pub fn ms_from_unix_seconds(seconds: f64) -> Option<i64> {
    let ms = (seconds * 1000.0).round();
    ms_in_range(ms).then_some(ms as i64)
}

/// Milliseconds since 1970 as a number. `None` outside the years 1 to 9999.
pub fn ms_from_unix_ms(ms: f64) -> Option<i64> {
    ms_in_range(ms).then_some(ms.round() as i64)
}

/// RFC 3339 (`2024-06-01T12:00:00.000+00:00`), also with an offset without colon (`+0000`), without
/// seconds' fraction, with a blank instead of `T`, and without any zone, which means UTC.
pub fn ms_from_rfc3339(text: &str) -> Result<i64, DecodeError> {
    ms_from_iso(text, 0)
}

/// [`ms_from_rfc3339`] where a time without a zone is `offset_minutes` ahead of UTC.
pub fn ms_from_iso(text: &str, offset_minutes: i32) -> Result<i64, DecodeError> {
    ms_from_local_iso(text, |local_ms| local_ms - i64::from(offset_minutes) * MINUTE_MS)
}

/// [`ms_from_rfc3339`] where `utc_of` turns a time without a zone into UTC: it gets the milliseconds of
/// the local clock, counted as if that clock showed UTC.
pub fn ms_from_local_iso(text: &str, utc_of: impl FnOnce(i64) -> i64) -> Result<i64, DecodeError> {
    let wrong = || malformed(format_args!("no date and time: {}", crate::text::shown(text)));
    let (moment, zoned) = normalised(text.trim()).ok_or_else(wrong)?;
    let ms = OffsetDateTime::parse(&moment, &Rfc3339)
        .map(ms_of)
        .map_err(|_| wrong())?;
    Ok(if zoned { ms } else { utc_of(ms) })
}

/// The text in the one form of RFC 3339 that the parser takes, and whether it named a zone.
fn normalised(text: &str) -> Option<(String, bool)> {
    /// Length of `2024-06-01T12:00`, behind which seconds, fraction and zone may follow.
    const UP_TO_MINUTES: usize = 16;
    if !text.is_ascii() {
        return None;
    }
    let (head, tail) = text.split_at_checked(UP_TO_MINUTES)?;
    let zone_at = tail.find(['Z', 'z', '+', '-']).unwrap_or(tail.len());
    let (clock, zone) = tail.split_at_checked(zone_at)?;
    let (clock, zone) = (clock.trim_end(), zone.trim());

    let mut moment = String::with_capacity(text.len() + 4);
    let (date, minutes) = head.split_at_checked(10)?;
    moment.push_str(date);
    moment.push('T');
    moment.push_str(minutes.strip_prefix(['T', 't', ' '])?);
    moment.push_str(if clock.is_empty() { ":00" } else { clock });
    match (zone.len(), zone.contains(':')) {
        (0, _) => moment.push('Z'),
        (3, false) => {
            moment.push_str(zone);
            moment.push_str(":00");
        }
        (5, false) => {
            let (hours, minutes) = zone.split_at_checked(3)?;
            moment.push_str(hours);
            moment.push(':');
            moment.push_str(minutes);
        }
        // `Z` and `+00:00`; what is neither, the parser refuses
        _ => moment.push_str(zone),
    }
    Some((moment, !zone.is_empty()))
}

fn ms_of(moment: OffsetDateTime) -> i64 {
    moment.unix_timestamp() * 1000 + i64::from(moment.millisecond())
}

fn ms_in_range(ms: f64) -> bool {
    (-62_135_596_800_000.0..253_402_300_800_000.0).contains(&ms)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NOON: i64 = 1_717_243_200_000;

    #[test]
    fn impossible_dates_are_refused() {
        assert_eq!(ms_from_civil(2024, 6, 1, 12, 0, 0, 0), Some(NOON));
        assert_eq!(ms_from_civil(2024, 2, 29, 0, 0, 0, 0), Some(1_709_164_800_000));
        for (month, day, hour, minute, second) in [
            (2, 30, 0, 0, 0),
            (13, 1, 0, 0, 0),
            (0, 1, 0, 0, 0),
            (1, 0, 0, 0, 0),
            (1, 1, 24, 0, 0),
            (1, 1, 0, 60, 0),
            (1, 1, 0, 0, 61),
        ] {
            assert_eq!(ms_from_civil(2024, month, day, hour, minute, second, 0), None);
        }
        assert_eq!(ms_from_digits("20240601120000").unwrap(), NOON);
        assert_eq!(ms_from_digits("240601120000").unwrap(), NOON);
        for wrong in ["", "20240631120000", "2024060112000", "2024060112000x"] {
            assert!(ms_from_digits(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_day_and_a_clock_of_six_digits_make_a_moment() {
        let day = midnight_ms("240601", DateOrder::YearFirst).unwrap();
        assert_eq!(midnight_ms("010624", DateOrder::DayFirst), Some(day));
        assert_eq!(day + clock_ms("120000").unwrap(), NOON);
        assert_eq!(clock_ms("000000.4"), Some(400));
        assert_eq!(clock_ms("235959.9999"), Some(DAY_MS - 1));
        for wrong in [
            "", "240000", "006000", "000060", "12000", "1200000", "120000.", "12000x", "12é00",
        ] {
            assert_eq!(clock_ms(wrong), None, "{wrong}");
        }
        for wrong in ["240631", "241301", "000000", "2406", "24é01", "24060a"] {
            assert_eq!(midnight_ms(wrong, DateOrder::YearFirst), None, "{wrong}");
        }
    }

    #[test]
    fn a_moment_comes_apart_into_its_fields() {
        assert_eq!(civil_from_ms(NOON + 61_999), Some((2024, 6, 1, 12, 1, 1)));
        assert_eq!(civil_from_ms(-1), Some((1969, 12, 31, 23, 59, 59)));
        assert_eq!(civil_from_ms(i64::MAX), None);
    }

    #[test]
    fn every_common_form_of_the_same_moment_is_the_same_number() {
        for text in [
            "2024-06-01T12:00:00Z",
            "2024-06-01T12:00:00.000+00:00",
            "2024-06-01T12:00:00.000000000+00:00",
            "2024-06-01T12:00:00+0000",
            "2024-06-01T09:00:00.0-03",
            "2024-06-01 09:00:00 -0300",
            "2024-06-01T12:00Z",
            "2024-06-01 12:00:00",
            "2024-06-01T14:00+02:00",
        ] {
            assert_eq!(ms_from_rfc3339(text).unwrap(), NOON, "{text}");
        }
        assert_eq!(ms_from_rfc3339("2024-06-01T12:00:00.25Z").unwrap(), NOON + 250);
        assert_eq!(ms_from_iso("2024-06-01 08:00:00", -240).unwrap(), NOON);
        let an_hour_later = |local_ms| local_ms + 3_600_000;
        assert_eq!(
            ms_from_local_iso("2024-06-01T11:00:00", an_hour_later).unwrap(),
            NOON
        );
        assert_eq!(
            ms_from_local_iso("2024-06-01T12:00:00Z", an_hour_later).unwrap(),
            NOON
        );
    }

    #[test]
    fn what_is_no_time_is_malformed() {
        for text in [
            "",
            "null",
            "2024-02-30T12:00:00Z",
            "2024-06-01",
            "2024-06-01T25:00:00Z",
            "2024-06-01T12:00:00+9",
            "日本語日本語日本語",
        ] {
            assert!(ms_from_rfc3339(text).is_err(), "{text}");
        }
        assert_eq!(ms_from_unix_seconds(f64::NAN), None);
        assert_eq!(ms_from_unix_seconds(1e300), None);
        assert_eq!(ms_from_unix_seconds(1_717_243_200.5), Some(NOON + 500));
    }
}
