//! Browan Object Locator. Source: its codec in the device repository of The Things Network.

use fixstream_decoder::{DecodeError, Position, Reader};

use crate::codec::finished;
use crate::keys;

/// Port 136, 11 bytes. Without a fix the place is the last known one.
pub(crate) fn object_locator(payload: &[u8]) -> Result<Position, DecodeError> {
    let mut reader = Reader::new(payload);
    let status = reader.u8()?;
    let battery = reader.u8()?;
    let temperature_c = i16::from(reader.u8()? & 0x7f) - 32;
    // 28 bits with sign; the upper 4 are reserved
    let latitude = (reader.u32_le()? << 4).cast_signed() >> 4;
    // 29 bits with sign, and the accuracy
    let longitude = reader.u32_le()?;
    let accuracy_m = f64::from(1_u32 << ((longitude >> 29) + 2));
    let longitude = (longitude << 3).cast_signed() >> 3;
    finished(&reader)?;

    let mut position = Position {
        valid: Some(status & 8 == 0),
        accuracy_m: Some(accuracy_m),
        ..Position::at(f64::from(latitude) / 1e6, f64::from(longitude) / 1e6)?
    };
    // steps of 0.1 V; 0 as a whole says that it is being charged
    if battery == 0 {
        position.add(keys::CHARGING, true);
    } else {
        position.battery_v = Some(f64::from(25 + (battery & 15)) / 10.0);
    }
    position.add(keys::TEMPERATURE, temperature_c);
    position.add(keys::MOVING, status & 2 != 0);
    if status & 1 != 0 {
        position.add(keys::BUTTON, true);
        position.event = Some("button".to_owned());
    }
    if status & 16 != 0 {
        position.add(keys::GNSS_ERROR, true);
    }
    Ok(position)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// 1.0 S 2.0 W, with all reserved bits of the latitude set; accuracy 3.
    const PLACE: [u8; 8] = [0xc0, 0xbd, 0xf0, 0xff, 0x80, 0x7b, 0xe1, 0x7f];

    fn decoded(status: u8, battery: u8, temperature: u8) -> Position {
        let mut payload = vec![status, battery, temperature];
        payload.extend(PLACE);
        object_locator(&payload).unwrap()
    }

    #[test]
    fn places_have_28_and_29_bits() {
        let position = decoded(0b1_1011, 0xfe, 0x80 | 7);
        assert_eq!(
            (position.latitude, position.longitude, position.accuracy_m),
            (Some(-1.0), Some(-2.0), Some(32.0))
        );
        assert_eq!((position.valid, position.battery_v), (Some(false), Some(3.9)));
        assert!(
            position
                .attributes
                .iter()
                .any(|one| one.key == keys::TEMPERATURE.into() && one.value == (-25_i64).into())
        );
        assert_eq!(position.event.as_deref(), Some("button"));
    }

    #[test]
    fn a_charged_device_has_no_voltage() {
        let position = decoded(0, 0, 0);
        assert_eq!((position.valid, position.battery_v), (Some(true), None));
    }

    #[test]
    fn another_length_or_place_is_malformed() {
        assert!(object_locator(&[0; 10]).is_err());
        assert!(object_locator(&[0; 12]).is_err());
        assert!(object_locator(&[0, 11, 57, 0, 0, 0, 7, 0, 0, 0, 0]).is_err());
    }
}
