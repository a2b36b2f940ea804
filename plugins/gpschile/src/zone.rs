//! The local times of Chile, and fixed offsets, as UTC.
//!
//! The rules are those of the IANA time zone database (file `southamerica`, rule Chile, zones
//! America/Santiago, America/Punta_Arenas, America/Coyhaique and Pacific/Easter; checked against release
//! 2025b). A zone crate with the whole database would be many times the size of this decoder. When Chile
//! changes its rule, [`changes_of`] changes.

use fixstream_decoder::time::{DAY_MS, civil_from_ms, ms_from_civil};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// A live message comes in at most so much after its time.
const LIVE_MS: i64 = HOUR_MS / 2;

/// What the clock on the wall means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// Always as far ahead of UTC.
    Fixed {
        /// Milliseconds ahead of UTC.
        ahead_ms: i64,
    },
    /// Chile's rule.
    Chile {
        /// Milliseconds ahead of UTC in winter; in summer it is an hour more.
        winter_ahead_ms: i64,
        /// From this moment on it is always summer, where the region has left the rule.
        summer_for_good_from: i64,
    },
}

impl Zone {
    /// America/Santiago: UTC−4, in summer −3.
    pub const SANTIAGO: Self = Self::Chile {
        winter_ahead_ms: -4 * HOUR_MS,
        summer_for_good_from: i64::MAX,
    };

    /// The zone of this name: one of Chile's, or a fixed offset (`UTC`, `-03:00`, `UTC-3`). `None` for
    /// all others, so that no time is read in a wrong zone.
    pub fn named(name: &str) -> Option<Self> {
        let since = |year, month, day| ms_from_civil(year, month, day, 3, 0, 0, 0);
        Some(match name {
            "America/Santiago" | "Chile/Continental" => Self::SANTIAGO,
            "America/Punta_Arenas" => Self::Chile {
                winter_ahead_ms: -4 * HOUR_MS,
                summer_for_good_from: since(2016, 12, 4)?,
            },
            "America/Coyhaique" => Self::Chile {
                winter_ahead_ms: -4 * HOUR_MS,
                summer_for_good_from: since(2025, 3, 20)?,
            },
            "Pacific/Easter" | "Chile/EasterIsland" => Self::Chile {
                winter_ahead_ms: -6 * HOUR_MS,
                summer_for_good_from: i64::MAX,
            },
            "UTC" | "GMT" | "Z" | "Etc/UTC" => Self::Fixed { ahead_ms: 0 },
            offset => Self::Fixed {
                ahead_ms: ahead_ms(offset)?,
            },
        })
    }

    /// UTC of a local time, both in milliseconds; the local one counted as if its clock showed UTC.
    ///
    /// The hour that the end of summer repeats is meant the first time, unless the message came in so
    /// soon after the second that it is a live one of then. An hour that the beginning of summer skips
    /// is read by the clock before.
    pub fn utc_ms(self, local_ms: i64, received_ms: i64) -> i64 {
        match self {
            Self::Fixed { ahead_ms } => local_ms.saturating_sub(ahead_ms),
            Self::Chile {
                winter_ahead_ms,
                summer_for_good_from,
            } => {
                let winter = local_ms.saturating_sub(winter_ahead_ms);
                let summer = winter.saturating_sub(HOUR_MS);
                let is_winter = |utc_ms: i64| utc_ms < summer_for_good_from && !is_summer(utc_ms);
                match (!is_winter(summer), is_winter(winter)) {
                    (true, false) => summer,
                    (true, true) if (received_ms.saturating_sub(winter)).unsigned_abs() > LIVE_MS as u64 => {
                        summer
                    }
                    _ => winter,
                }
            }
        }
    }
}

/// Whether Chile's rule has summer time at this moment.
fn is_summer(utc_ms: i64) -> bool {
    civil_from_ms(utc_ms)
        .and_then(|(year, ..)| changes_of(year))
        .is_none_or(|(winter_from, summer_from)| utc_ms < winter_from || utc_ms >= summer_from)
}

/// When winter begins and ends in a year, UTC; `None` for the year that had no winter time. Both
/// are midnights of continental Chile between Saturday and Sunday. Years before 2012 are read by the
/// rule of 2012.
fn changes_of(year: i32) -> Option<(i64, i64)> {
    // the first Sunday from this day of April, May, August or September on
    let ((winter_month, winter_day), (summer_month, summer_day)) = match year {
        ..=2014 => ((4, 23), (9, 2)),
        2015 => return None,
        2016..=2018 => ((5, 9), (8, 9)),
        2022 => ((4, 2), (9, 9)),
        _ => ((4, 2), (9, 2)),
    };
    Some((
        sunday_ms(year, winter_month, winter_day)? + 3 * HOUR_MS,
        sunday_ms(year, summer_month, summer_day)? + 4 * HOUR_MS,
    ))
}

/// Midnight of the first Sunday from a day on.
fn sunday_ms(year: i32, month: u8, day: u8) -> Option<i64> {
    let midnight = ms_from_civil(year, month, day, 0, 0, 0, 0)?;
    // 1970-01-01 was a Thursday, the fourth day after a Sunday
    let after_sunday = (midnight.div_euclid(DAY_MS) + 4).rem_euclid(7);
    Some(midnight + (7 - after_sunday) % 7 * DAY_MS)
}

/// Milliseconds of an offset: `-03:00`, `+0530`, `UTC-3`, `GMT+1`. The names `Etc/GMT+3` have the opposite
/// sign and are not taken.
fn ahead_ms(offset: &str) -> Option<i64> {
    let signed = offset
        .strip_prefix("UTC")
        .or_else(|| offset.strip_prefix("GMT"))
        .unwrap_or(offset);
    let (sign, digits) = match signed.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, signed.strip_prefix('+')?),
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        Some(_) => return None,
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "0"),
    };
    let number = |text: &str, most: i64| {
        let plain = text.len() <= 2 && fixstream_decoder::text::is_digits(text);
        let number = plain.then(|| text.parse::<i64>().ok()).flatten()?;
        (number <= most).then_some(number)
    };
    Some(sign * (number(hours, 14)? * 60 + number(minutes, 59)?) * MINUTE_MS)
}

#[cfg(test)]
#[path = "zone_tests.rs"]
mod tests;
