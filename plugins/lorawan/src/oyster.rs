//! Digital Matter Oyster. Source: its codec in the device repository of The Things Network.

use fixstream_decoder::{DecodeError, Position, Reader};

use crate::codec::finished;
use crate::keys;

/// Volts of one step of the battery byte.
const BATTERY_STEPS_PER_VOLT: f64 = 40.0;

/// Port 1, 11 bytes: places in 1e-7 degrees.
pub(crate) fn full(payload: &[u8]) -> Result<Position, DecodeError> {
    let mut reader = Reader::new(payload);
    let latitude = f64::from(reader.i32_le()?) / 1e7;
    let longitude = f64::from(reader.i32_le()?) / 1e7;
    let flags = reader.u8()?;
    let speed_kmh = f64::from(reader.u8()?);
    let battery = reader.u8()?;
    finished(&reader)?;
    let mut position = Position {
        heading_deg: Some(f64::from(flags >> 2) * 5.625),
        speed_kmh: Some(speed_kmh),
        battery_v: Some(f64::from(battery) / BATTERY_STEPS_PER_VOLT),
        ..Position::at(latitude, longitude)?
    };
    set_flags(&mut position, flags);
    Ok(position)
}

/// Port 4, 9 bytes: places in 256e-7 degrees, for data rates with little room.
pub(crate) fn short(payload: &[u8]) -> Result<Position, DecodeError> {
    let mut reader = Reader::new(payload);
    let latitude = f64::from(reader.i24_le()?) * 256e-7;
    let longitude = f64::from(reader.i24_le()?) * 256e-7;
    let motion = reader.u8()?;
    let battery = reader.u8()?;
    let flags = reader.u8()?;
    finished(&reader)?;
    let mut position = Position {
        heading_deg: Some(f64::from(motion & 7) * 45.0),
        speed_kmh: Some(f64::from(motion >> 3) * 5.0),
        battery_v: Some(f64::from(battery) / BATTERY_STEPS_PER_VOLT),
        ..Position::at(latitude, longitude)?
    };
    set_flags(&mut position, flags);
    let man_down = flags & 4 != 0;
    position.add(keys::MAN_DOWN, man_down);
    if man_down {
        position.event = Some("man_down".to_owned());
    }
    Ok(position)
}

/// Bit 0: in a trip. Bit 1: the fix failed and the place is the last known one.
fn set_flags(position: &mut Position, flags: u8) {
    position.valid = Some(flags & 2 == 0);
    position.add(keys::IN_TRIP, flags & 1 != 0);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// 1.0 N 2.0 W; in a trip, fix failed, 63 steps of heading; 255 km/h; 5.55 V.
    const FULL: [u8; 11] = [0x80, 0x96, 0x98, 0, 0, 0xd3, 0xce, 0xfe, 0xff, 255, 222];

    #[test]
    fn a_failed_fix_keeps_its_place() {
        let position = full(&FULL).unwrap();
        assert_eq!(
            (position.latitude, position.longitude, position.valid),
            (Some(1.0), Some(-2.0), Some(false))
        );
        assert_eq!(
            (position.heading_deg, position.speed_kmh, position.battery_v),
            (Some(354.375), Some(255.0), Some(5.55))
        );
        assert_eq!(position.attributes.len(), 1);
    }

    #[test]
    fn the_short_form_has_45_degrees_and_5_kmh_steps() {
        // 1000 · 256e-7 = 0.0256 N, 0.0256 W; 7 · 45 degrees, 31 · 5 km/h; 4 V; man down
        let position = short(&[0xe8, 3, 0, 0x18, 0xfc, 0xff, 0xff, 160, 4]).unwrap();
        assert!((position.latitude.unwrap() - 0.0256).abs() < 1e-9);
        assert!((position.longitude.unwrap() + 0.0256).abs() < 1e-9);
        assert_eq!(
            (
                position.heading_deg,
                position.speed_kmh,
                position.battery_v,
                position.valid
            ),
            (Some(315.0), Some(155.0), Some(4.0), Some(true))
        );
        assert_eq!(position.event.as_deref(), Some("man_down"));
    }

    #[test]
    fn another_length_is_malformed() {
        for length in 0..FULL.len() {
            assert!(full(FULL.get(..length).unwrap()).is_err());
        }
        assert!(full(&[0; 12]).is_err());
        assert!(short(&[0; 8]).is_err());
        assert!(short(&[0; 10]).is_err());
        // 100 degrees north
        assert!(full(&[0, 0xca, 0x9a, 0x3b, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }
}
