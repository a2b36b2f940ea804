//! A latest position and its packing into words.

use crate::model::{PositionId, TimeMs};

/// Words that a packed [`Latest`] takes.
///
/// A slot of 64 bytes (seven words and the version) would hold id, times, place and little else. The REST
/// answer also shows odometer, rpm, fuel, temperature, distance, signal, accuracy, battery and ignition, and a
/// second look-up per device would cost more than the second cache line: so a slot is two lines, 128 bytes,
/// of which four words are still free.
pub(super) const WORDS: usize = 11;

const PRESENT: u64 = 1;
const IGNITION_KNOWN: u64 = 1 << 1;
const IGNITION_ON: u64 = 1 << 2;

/// A latest position. Units as in [`crate::model::Fix`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latest {
    /// Position id.
    pub id: PositionId,
    /// Fix time.
    pub time: TimeMs,
    /// Time of receipt.
    pub received: TimeMs,
    /// Degrees (kept to 1e-7).
    pub latitude: f64,
    /// Degrees (kept to 1e-7).
    pub longitude: f64,
    /// km.
    pub odometer_km: Option<f64>,
    /// km/h.
    pub speed_kmh: Option<f32>,
    /// Degrees.
    pub heading_deg: Option<f32>,
    /// Metres.
    pub altitude_m: Option<f32>,
    /// 1/min.
    pub engine_rpm: Option<f32>,
    /// Percent.
    pub fuel_percent: Option<f32>,
    /// °C.
    pub engine_temperature_c: Option<f32>,
    /// km.
    pub distance_km: Option<f32>,
    /// Vendor scale.
    pub signal: Option<f32>,
    /// Metres.
    pub accuracy_m: Option<f32>,
    /// Volts: external supply where known, else internal battery (the contract's `batteryVoltage`).
    pub battery_v: Option<f32>,
    /// Engine on.
    pub ignition: Option<bool>,
}

impl Latest {
    /// Packs by hand: an absent number is a NaN, degrees are whole 1e-7ths.
    pub(super) fn pack(&self) -> [u64; WORDS] {
        let ignition = match self.ignition {
            None => 0,
            Some(false) => IGNITION_KNOWN,
            Some(true) => IGNITION_KNOWN | IGNITION_ON,
        };
        [
            PRESENT | ignition,
            self.id.0,
            self.time.0 as u64,
            self.received.0 as u64,
            halves(scaled(self.latitude) as u32, scaled(self.longitude) as u32),
            self.odometer_km.unwrap_or(f64::NAN).to_bits(),
            pair(self.speed_kmh, self.heading_deg),
            pair(self.altitude_m, self.engine_rpm),
            pair(self.fuel_percent, self.engine_temperature_c),
            pair(self.distance_km, self.signal),
            pair(self.accuracy_m, self.battery_v),
        ]
    }

    /// Latitude and longitude of packed words, 1e-7 degrees.
    pub(super) fn place(words: &[u64; WORDS]) -> (i32, i32) {
        let [_, _, _, _, place, ..] = *words;
        ((place >> 32) as u32 as i32, place as u32 as i32)
    }

    /// `None` for the words of an empty slot.
    pub(super) fn unpack(words: &[u64; WORDS]) -> Option<Self> {
        let [
            flags,
            id,
            time,
            received,
            _place,
            odometer,
            motion,
            height,
            fuel,
            way,
            end,
        ] = *words;
        if flags & PRESENT == 0 {
            return None;
        }
        let (latitude, longitude) = Self::place(words);
        let odometer_km = f64::from_bits(odometer);
        let (speed_kmh, heading_deg) = unpair(motion);
        let (altitude_m, engine_rpm) = unpair(height);
        let (fuel_percent, engine_temperature_c) = unpair(fuel);
        let (distance_km, signal) = unpair(way);
        let (accuracy_m, battery_v) = unpair(end);
        Some(Self {
            id: PositionId(id),
            time: TimeMs(time as i64),
            received: TimeMs(received as i64),
            latitude: f64::from(latitude) / 1e7,
            longitude: f64::from(longitude) / 1e7,
            odometer_km: (!odometer_km.is_nan()).then_some(odometer_km),
            speed_kmh,
            heading_deg,
            altitude_m,
            engine_rpm,
            fuel_percent,
            engine_temperature_c,
            distance_km,
            signal,
            accuracy_m,
            battery_v,
            ignition: (flags & IGNITION_KNOWN != 0).then_some(flags & IGNITION_ON != 0),
        })
    }
}

/// 1e-7 degrees; saturates, and not-a-number becomes 0 (the device room lets neither through).
fn scaled(degrees: f64) -> i32 {
    (degrees * 1e7).round() as i32
}

fn halves(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn pair(high: Option<f32>, low: Option<f32>) -> u64 {
    halves(
        high.unwrap_or(f32::NAN).to_bits(),
        low.unwrap_or(f32::NAN).to_bits(),
    )
}

fn unpair(word: u64) -> (Option<f32>, Option<f32>) {
    let number = |bits: u32| Some(f32::from_bits(bits)).filter(|value| !value.is_nan());
    (number((word >> 32) as u32), number(word as u32))
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = Option<f32>> {
        proptest::option::of(proptest::num::f32::NORMAL | proptest::num::f32::ZERO)
    }

    fn latest() -> impl Strategy<Value = Latest> {
        let place = (-900_000_000..=900_000_000i32, -1_800_000_000..=1_800_000_000i32);
        let odometer = proptest::option::of(proptest::num::f64::NORMAL);
        let ids = (any::<u64>(), any::<i64>(), any::<i64>());
        let numbers = proptest::array::uniform10(number());
        (ids, place, odometer, numbers, any::<Option<bool>>()).prop_map(
            |((id, time, received), (lat, lon), odometer_km, n, ignition)| Latest {
                id: PositionId(id),
                time: TimeMs(time),
                received: TimeMs(received),
                latitude: f64::from(lat) / 1e7,
                longitude: f64::from(lon) / 1e7,
                odometer_km,
                speed_kmh: n[0],
                heading_deg: n[1],
                altitude_m: n[2],
                engine_rpm: n[3],
                fuel_percent: n[4],
                engine_temperature_c: n[5],
                distance_km: n[6],
                signal: n[7],
                accuracy_m: n[8],
                battery_v: n[9],
                ignition,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back_the_same(latest in latest()) {
            prop_assert_eq!(Latest::unpack(&latest.pack()), Some(latest));
        }
    }

    #[test]
    fn empty_words_are_no_position() {
        assert_eq!(Latest::unpack(&[0; WORDS]), None);
    }
}
