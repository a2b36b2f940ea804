//! Numbers of the body and their bounds, as the endpoint's page prints them.

use fixstream_decoder::json::{Flat, Scalar};
use fixstream_decoder::{DecodeError, malformed};

/// What a number must be: at least, or more than, `low`, and at most, or less than, `high`.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    low: f64,
    low_is_in: bool,
    high: f64,
    high_is_in: bool,
}

impl Bounds {
    /// 0 ≤ x < 10⁸
    pub const NOT_NEGATIVE: Self = Self::from_zero_below(1e8);
    /// 0 ≤ x < 10¹³
    pub const ODOMETER: Self = Self::from_zero_below(1e13);
    /// −1000 < x ≤ 1000
    pub const DIRECTION: Self = Self {
        low: -1000.0,
        low_is_in: false,
        high: 1000.0,
        high_is_in: true,
    };
    /// |x| < 10⁸: for the fields whose bounds the page does not show
    pub const WIDE: Self = Self {
        low: -1e8,
        low_is_in: false,
        high: 1e8,
        high_is_in: false,
    };

    const fn from_zero_below(high: f64) -> Self {
        Self {
            low: 0.0,
            low_is_in: true,
            high,
            high_is_in: false,
        }
    }

    fn contain(self, number: f64) -> bool {
        let Self {
            low,
            low_is_in,
            high,
            high_is_in,
        } = self;
        (number > low || low_is_in && number >= low) && (number < high || high_is_in && number <= high)
    }
}

/// A JSON number; `null` and absent are `None`, all else is malformed.
pub fn number(body: &Flat<'_>, name: &str) -> Result<Option<f64>, DecodeError> {
    match body.get(name) {
        Scalar::Absent => Ok(None),
        Scalar::Integer(integer) => Ok(Some(*integer as f64)),
        Scalar::Real(real) => Ok(Some(*real)),
        _ => Err(malformed(format_args!("{name} is not a number"))),
    }
}

/// A number within its bounds, rounded to the two places that the hub keeps. Rounding may reach a limit
/// that is out of bounds itself.
pub fn hundredths(body: &Flat<'_>, name: &str, bounds: Bounds) -> Result<Option<f64>, DecodeError> {
    let Some(given) = number(body, name)? else {
        return Ok(None);
    };
    // adding 0 makes 0 of -0
    let rounded = (given * 100.0).round() / 100.0 + 0.0;
    if bounds.contain(given) && bounds.contain(rounded) {
        Ok(Some(rounded))
    } else {
        Err(malformed(format_args!("{name} {given} is out of range")))
    }
}
