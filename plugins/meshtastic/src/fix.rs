//! A fix in the numbers of the firmware, whichever form it came in.

use fixstream_decoder::time::ms_from_unix_seconds;
use fixstream_decoder::{DecodeError, Position, malformed};

use crate::{PDOP, PRECISION_BITS, VDOP};

/// `Position` of the firmware. Numbers are real because JSON's are.
#[derive(Debug, Default)]
pub(crate) struct Fix {
    /// 1e-7 degrees.
    pub latitude: Option<f64>,
    /// 1e-7 degrees.
    pub longitude: Option<f64>,
    pub altitude_m: Option<f64>,
    /// Seconds since 1970: the fix, else the receipt; 0 is unknown.
    pub times: [Option<f64>; 3],
    pub speed_kmh: Option<f64>,
    /// 1e-5 degrees: what the firmware sends, although the protocol's comment says 1/100.
    pub track: Option<f64>,
    pub satellites: Option<f64>,
    /// 1/100, as the other two.
    pub hdop: Option<f64>,
    pub pdop: Option<f64>,
    pub vdop: Option<f64>,
    /// Bits of the coordinates that the sender did not blank.
    pub precision_bits: Option<f64>,
}

impl Fix {
    /// The position; `None` without coordinates.
    pub(crate) fn into_position(self) -> Result<Option<Position>, DecodeError> {
        let (latitude, longitude) = match (self.latitude, self.longitude) {
            (Some(latitude), Some(longitude)) => (latitude, longitude),
            (None, None) => return Ok(None),
            _ => return Err(malformed("half a place")),
        };
        let hundredths = |value: Option<f64>| value.filter(|value| *value > 0.0).map(|value| value / 100.0);
        let mut position = Position {
            time_ms: time_ms(self.times)?,
            valid: Some(true),
            altitude_m: self.altitude_m,
            speed_kmh: self.speed_kmh.filter(|speed| *speed >= 0.0),
            heading_deg: self
                .track
                .map(|track| track / 1e5)
                .filter(|heading| (0.0..=360.0).contains(heading)),
            satellites: self
                .satellites
                .filter(|satellites| (0.0..=255.0).contains(satellites))
                .map(|satellites| satellites as u16),
            hdop: hundredths(self.hdop),
            accuracy_m: self.precision_bits.and_then(accuracy_m),
            ..Position::at(latitude / 1e7, longitude / 1e7)?
        };
        position.add_some(PDOP, hundredths(self.pdop));
        position.add_some(VDOP, hundredths(self.vdop));
        let bits = self.precision_bits.filter(|bits| (1.0..=32.0).contains(bits));
        position.add_some(PRECISION_BITS, bits.map(|bits| bits as u8));
        Ok(Some(position))
    }
}

/// The first time that is known.
fn time_ms(times: [Option<f64>; 3]) -> Result<Option<i64>, DecodeError> {
    let Some(seconds) = times.into_iter().flatten().find(|seconds| *seconds != 0.0) else {
        return Ok(None);
    };
    if seconds < 0.0 {
        return Err(malformed("time before 1970"));
    }
    ms_from_unix_seconds(seconds)
        .map(Some)
        .ok_or_else(|| malformed("time out of range"))
}

/// How far the true place may be from one with so many bits: half a cell, north to south. Places with
/// all bits, or with so many that the fix itself is the worse part, have no such error.
fn accuracy_m(bits: f64) -> Option<f64> {
    /// Metres of 2^32 · 1e-7 degrees along a meridian.
    const WHOLE_M: f64 = 429.496_729_6 * 111_195.0;
    (1.0..=24.0)
        .contains(&bits)
        .then(|| (WHOLE_M / f64::powi(2.0, bits as i32 + 1)).round())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fix() -> Fix {
        Fix {
            latitude: Some(1e7),
            longitude: Some(-2e7),
            ..Fix::default()
        }
    }

    #[test]
    fn the_first_time_that_is_known_counts() {
        let time = |times| {
            Fix { times, ..fix() }
                .into_position()
                .map(|position| position.unwrap().time_ms)
        };
        assert_eq!(time([Some(0.0), None, Some(7.0)]), Ok(Some(7000)));
        assert_eq!(time([Some(5.0), Some(6.0), Some(7.0)]), Ok(Some(5000)));
        assert_eq!(time([None, None, Some(0.0)]), Ok(None));
        assert!(time([Some(-1.0), None, None]).is_err());
        assert!(time([Some(1e15), None, None]).is_err());
    }

    #[test]
    fn a_blurred_place_says_how_much() {
        let accuracy = |bits| {
            let precision_bits = Some(bits);
            Fix {
                precision_bits,
                ..fix()
            }
            .into_position()
            .unwrap()
            .unwrap()
            .accuracy_m
        };
        assert_eq!(accuracy(13.0), Some(2915.0));
        assert_eq!(accuracy(32.0), None);
        assert_eq!(accuracy(0.0), None);
    }

    #[test]
    fn a_track_beyond_the_circle_is_none() {
        let heading = |track| {
            let track = Some(track);
            Fix { track, ..fix() }
                .into_position()
                .unwrap()
                .unwrap()
                .heading_deg
        };
        assert_eq!(heading(36_000_000.0), Some(360.0));
        assert_eq!(heading(36_000_001.0), None);
    }

    #[test]
    fn half_a_place_is_malformed_and_none_is_nothing() {
        let half = Fix {
            longitude: None,
            ..fix()
        };
        assert!(half.into_position().is_err());
        assert_eq!(Fix::default().into_position(), Ok(None));
        let outside = Fix {
            latitude: Some(9.1e8),
            ..fix()
        };
        assert!(outside.into_position().is_err());
    }
}
