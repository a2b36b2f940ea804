//! A normalised position as a decoder or a REST client states it, before the hub has judged it.

use serde::{Deserialize, Serialize};

/// Positions in one message, at most; also the radix of [`super::PositionId`].
pub const MAX_FIXES_PER_MESSAGE: usize = 1024;
/// Attributes of one position, at most.
pub const MAX_ATTRIBUTES: usize = 256;

/// A value for which [`Fix`] has no field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum AttributeValue {
    /// True or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A finite number.
    Real(f64),
    /// Text, at most 4 KiB.
    Text(String),
}

/// A fix with coordinates. WGS 84 degrees, metres, km/h, km, volts, °C, percent; UTC.
/// `None` means that the message did not say.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Fix {
    /// Time of the fix; `None`: the time of receipt stands in.
    pub time: Option<super::TimeMs>,
    /// False when the device says that this is no current fix.
    pub valid: Option<bool>,
    /// Degrees, -90 to 90.
    pub latitude: f64,
    /// Degrees, -180 to 180.
    pub longitude: f64,
    /// Metres above mean sea level.
    pub altitude_m: Option<f64>,
    /// Speed over ground, km/h.
    pub speed_kmh: Option<f64>,
    /// Degrees clockwise from true north.
    pub heading_deg: Option<f64>,
    /// Radius of the estimated error, metres.
    pub accuracy_m: Option<f64>,
    /// Horizontal dilution of precision.
    pub hdop: Option<f64>,
    /// Satellites used.
    pub satellites: Option<u16>,
    /// Total distance, km.
    pub odometer_km: Option<f64>,
    /// Distance since the previous fix, km, as stated by the sender.
    pub distance_km: Option<f64>,
    /// Ignition or engine on.
    pub ignition: Option<bool>,
    /// Fuel level, percent.
    pub fuel_percent: Option<f64>,
    /// Engine or coolant temperature, °C.
    pub engine_temperature_c: Option<f64>,
    /// Engine speed, 1/min.
    pub engine_rpm: Option<f64>,
    /// Battery inside the tracker, volts.
    pub battery_v: Option<f64>,
    /// Battery inside the tracker, percent.
    pub battery_percent: Option<f64>,
    /// External supply, volts.
    pub power_v: Option<f64>,
    /// Mobile signal in the vendor's own scale.
    pub signal: Option<f64>,
    /// What the message reports.
    pub event: Option<String>,
    /// Everything else; keys are lower snake case with the unit as suffix.
    pub attributes: Vec<(String, AttributeValue)>,
}
