//! The position record: checked construction and attributes.

use crate::text::clipped;
use crate::{Attribute, AttributeKey, DecodeError, Position, Value, malformed};

/// Room for attributes that a position with any has from the start, so that the list seldom moves.
const USUAL_ATTRIBUTES: usize = 16;

#[allow(clippy::derivable_impls)] // the type is generated
impl Default for Position {
    fn default() -> Self {
        Self {
            device: None,
            time_ms: None,
            valid: None,
            latitude: None,
            longitude: None,
            altitude_m: None,
            speed_kmh: None,
            heading_deg: None,
            accuracy_m: None,
            hdop: None,
            satellites: None,
            odometer_km: None,
            distance_km: None,
            ignition: None,
            fuel_percent: None,
            engine_temperature_c: None,
            engine_rpm: None,
            battery_v: None,
            battery_percent: None,
            power_v: None,
            signal: None,
            event: None,
            attributes: Vec::new(),
        }
    }
}

impl Position {
    /// A position at these WGS 84 degrees; an impossible place is malformed. Fill the other fields
    /// directly: `Position { speed_kmh: Some(50.0), ..Position::at(-23.5, -46.6)? }`.
    pub fn at(latitude: f64, longitude: f64) -> Result<Self, DecodeError> {
        let (latitude, longitude) = checked_place(latitude, longitude)?;
        Ok(Self {
            latitude: Some(latitude),
            longitude: Some(longitude),
            ..Self::default()
        })
    }

    /// Adds a value that the record has no field for. A real that is not finite is left out, as
    /// the contract wants; a text is cut to 4 KiB.
    pub fn add(&mut self, key: impl Into<AttributeKey>, value: impl Into<Value>) {
        let value = match value.into() {
            Value::Real(real) if !real.is_finite() => return,
            Value::Text(text) => Value::Text(clipped(text)),
            other => other,
        };
        if self.attributes.capacity() == 0 {
            self.attributes.reserve(USUAL_ATTRIBUTES);
        }
        self.attributes.push(Attribute {
            key: key.into(),
            value,
        });
    }

    /// [`add`](Self::add) when there is a value.
    pub fn add_some(&mut self, key: impl Into<AttributeKey>, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.add(key, value);
        }
    }
}

/// The same pair when it is a place on earth, else malformed.
pub fn checked_place(latitude: f64, longitude: f64) -> Result<(f64, f64), DecodeError> {
    // written so that NaN fails
    if !(-90.0..=90.0).contains(&latitude) {
        return Err(malformed(format_args!("latitude {latitude} out of range")));
    }
    if !(-180.0..=180.0).contains(&longitude) {
        return Err(malformed(format_args!("longitude {longitude} out of range")));
    }
    Ok((latitude, longitude))
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Flag(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        Self::Real(f64::from(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<u64> for Value {
    /// Above `i64::MAX` the number becomes text: exact beats numeric for what are then serials.
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or_else(|_| Self::Text(value.to_string()), Self::Integer)
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Value {
            fn from(value: $integer) -> Self {
                Self::Integer(i64::from(value))
            }
        }
    )*};
}
integers!(u8, i8, u16, i16, u32, i32, i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_not_on_earth_is_malformed() {
        for (latitude, longitude) in [
            (90.1, 0.0),
            (0.0, 180.1),
            (-90.1, 0.0),
            (f64::NAN, 0.0),
            (0.0, f64::INFINITY),
        ] {
            assert!(matches!(
                Position::at(latitude, longitude),
                Err(DecodeError::Malformed(_))
            ));
        }
        assert!(Position::at(90.0, -180.0).is_ok());
    }

    #[test]
    fn a_real_that_is_not_finite_is_left_out() {
        let mut position = Position::default();
        position.add("a", f64::NAN);
        position.add("b", 1.5);
        assert_eq!(position.attributes.len(), 1);
    }
}
