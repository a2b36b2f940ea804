//! Dragino LGT-92 and TrackerD. Sources: their codecs in the device repository of The Things Network,
//! and the LGT-92's user manual.

use fixstream_decoder::{DecodeError, Position, Reader, malformed};

use crate::codec::finished;
use crate::keys;

/// What the LGT-92 sends for both coordinates when its battery is too low for GPS.
const NO_POWER_FOR_GPS: i32 = 0x0fff_ffff;

/// The beginning that all have in common, 11 bytes. `None`: no fix.
fn start(reader: &mut Reader<'_>) -> Result<(Option<Position>, u8), DecodeError> {
    let latitude = reader.i32_be()?;
    let longitude = reader.i32_be()?;
    let battery = reader.u16_be()?;
    let flags = reader.u8()?;
    if matches!(
        (latitude, longitude),
        (0, 0) | (NO_POWER_FOR_GPS, NO_POWER_FOR_GPS)
    ) {
        return Ok((None, flags));
    }
    let mut position = Position {
        valid: Some(true),
        battery_v: Some(f64::from(battery & 0x3fff) / 1000.0),
        ..Position::at(f64::from(latitude) / 1e6, f64::from(longitude) / 1e6)?
    };
    if battery & 0x4000 != 0 {
        set_alarm(&mut position);
    }
    Ok((Some(position), flags))
}

/// The red button was pressed.
pub(crate) fn set_alarm(position: &mut Position) {
    position.event = Some("sos".to_owned());
    position.add(keys::ALARM, "sos");
}

/// Port 2 of the LGT-92: 11 bytes with the motion sensor switched off, 15 with its angles, and 1 or 3
/// more for HDOP and altitude.
pub(crate) fn lgt92(payload: &[u8]) -> Result<Option<Position>, DecodeError> {
    if !matches!(payload.len(), 11 | 15 | 16 | 18) {
        return Err(malformed(format_args!(
            "an LGT-92 does not send {} bytes",
            payload.len()
        )));
    }
    let mut reader = Reader::new(payload);
    let (position, flags) = start(&mut reader)?;
    let Some(mut position) = position else {
        return Ok(None);
    };
    position.add(keys::MOTION_MODE, flags >> 6);
    position.add(keys::LED, flags & 0x20 != 0);
    if !reader.is_empty() {
        position.add(keys::ROLL, f64::from(reader.i16_be()?) / 100.0);
        position.add(keys::PITCH, f64::from(reader.i16_be()?) / 100.0);
    }
    if !reader.is_empty() {
        // no dilution is 0: not known
        position.hdop = Some(reader.u8()?)
            .filter(|hdop| *hdop > 0)
            .map(|hdop| f64::from(hdop) / 100.0);
    }
    if !reader.is_empty() {
        position.altitude_m = Some(f64::from(reader.i16_be()?) / 100.0);
    }
    Ok(Some(position))
}

/// Port 2 of the TrackerD, 15 bytes.
pub(crate) fn trackerd(payload: &[u8]) -> Result<Option<Position>, DecodeError> {
    let mut reader = Reader::new(payload);
    let (position, flags) = start(&mut reader)?;
    let humidity = f64::from(reader.u16_be()?) / 10.0;
    let temperature = f64::from(reader.i16_be()?) / 10.0;
    finished(&reader)?;
    Ok(position.map(|mut position| {
        set_trackerd_flags(&mut position, flags);
        position.add(keys::HUMIDITY, humidity);
        position.add(keys::TEMPERATURE, temperature);
        position
    }))
}

/// Port 3 of the TrackerD: the same without humidity and temperature, 11 bytes.
pub(crate) fn trackerd_short(payload: &[u8]) -> Result<Option<Position>, DecodeError> {
    let mut reader = Reader::new(payload);
    let (position, flags) = start(&mut reader)?;
    finished(&reader)?;
    Ok(position.map(|mut position| {
        set_trackerd_flags(&mut position, flags);
        position
    }))
}

fn set_trackerd_flags(position: &mut Position, flags: u8) {
    position.add(keys::MOTION_MODE, flags >> 6);
    position.add(keys::LED, flags & 0x20 != 0);
    position.add(keys::MOVING, flags & 0x10 != 0);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// 1.0 N 2.0 W; alarm, 3.7 V; LED on; roll -1, pitch 4; HDOP 1.2, altitude -10 m.
    const LGT92: [u8; 18] = [
        0, 0x0f, 0x42, 0x40, 0xff, 0xe1, 0x7b, 0x80, 0x4e, 0x74, 0x60, 0xff, 0x9c, 1, 0x90, 120, 0xfc, 0x18,
    ];

    #[test]
    fn hdop_and_altitude_are_optional() {
        let whole = lgt92(&LGT92).unwrap().unwrap();
        assert_eq!((whole.latitude, whole.longitude), (Some(1.0), Some(-2.0)));
        assert_eq!(
            (whole.battery_v, whole.event.as_deref()),
            (Some(3.7), Some("sos"))
        );
        assert_eq!((whole.hdop, whole.altitude_m), (Some(1.2), Some(-10.0)));
        assert!(
            whole
                .attributes
                .iter()
                .any(|one| one.key == keys::ROLL.into() && one.value == (-1.0).into())
        );
        for (length, hdop) in [(16, Some(1.2)), (15, None), (11, None)] {
            let position = lgt92(&LGT92[..length]).unwrap().unwrap();
            assert_eq!((position.hdop, position.altitude_m), (hdop, None));
        }
        for length in [0, 8, 10, 12, 14, 17] {
            assert!(lgt92(&LGT92[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn zero_and_the_low_battery_mark_are_no_fix() {
        let mut payload = LGT92;
        payload[..8].fill(0);
        assert_eq!(lgt92(&payload), Ok(None));
        assert_eq!(trackerd(&payload[..15]), Ok(None));
        assert_eq!(trackerd_short(&payload[..11]), Ok(None));
        payload[..8].copy_from_slice(&[0x0f, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff]);
        assert_eq!(lgt92(&payload), Ok(None));
        payload[7] = 0xfe;
        assert!(lgt92(&payload).is_err());
        // only one coordinate is 0: that is a place
        payload[..8].copy_from_slice(&[0, 0, 0, 0, 0, 0x0f, 0x42, 0x40]);
        assert!(lgt92(&payload).unwrap().is_some());
    }

    #[test]
    fn a_trackerd_measures_the_air() {
        let payload = [
            0, 0x0f, 0x42, 0x40, 0xff, 0xe1, 0x7b, 0x80, 0x0f, 0xa2, 0x30, 1, 0xae, 0xff, 0xf6,
        ];
        let position = trackerd(&payload).unwrap().unwrap();
        assert_eq!(position.battery_v, Some(4.002));
        assert_eq!(position.event, None);
        let has = |key: fixstream_decoder::Key, value: fixstream_decoder::Value| {
            position
                .attributes
                .iter()
                .any(|one| one.key == key.into() && one.value == value)
        };
        assert!(has(keys::HUMIDITY, 43.0.into()));
        assert!(has(keys::TEMPERATURE, (-1.0).into()));
        assert!(has(keys::MOVING, true.into()));
        assert!(trackerd(&payload[..14]).is_err());
        assert!(trackerd_short(&payload[..11]).unwrap().is_some());
        assert!(trackerd_short(&payload).is_err());
    }
}
