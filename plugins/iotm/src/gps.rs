//! The GPS sensor: f32 latitude, f32 longitude, u16 km/h, u8 HDOP in tenths, u8 satellites, u16 course,
//! i16 altitude in metres.

use fixstream_decoder::{Cut, DecodeError, Position, Reader};

/// Type of value that is a GPS reading, whatever the sensor's id.
pub(crate) const TYPE: u8 = 14;

/// A GPS reading as it was sent.
pub(crate) struct Gps {
    latitude: f32,
    longitude: f32,
    kmh: u16,
    hdop_tenths: u8,
    satellites: u8,
    course: u16,
    altitude_m: i16,
}

/// Reads the value of a GPS sensor.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Gps, Cut> {
    Ok(Gps {
        latitude: reader.f32_le()?,
        longitude: reader.f32_le()?,
        kmh: reader.u16_le()?,
        hdop_tenths: reader.u8()?,
        satellites: reader.u8()?,
        course: reader.u16_le()?,
        altitude_m: reader.i16_le()?,
    })
}

impl Gps {
    /// Sets the place and what was measured with it. The tracker sends the sensor only with a fix; there
    /// is no flag for a bad one, and a repeated place has 0 satellites.
    pub(crate) fn add_to(&self, position: &mut Position) -> Result<(), DecodeError> {
        let place = Position::at(f64::from(self.latitude), f64::from(self.longitude))?;
        position.latitude = place.latitude;
        position.longitude = place.longitude;
        position.valid = Some(true);
        position.speed_kmh = Some(f64::from(self.kmh));
        position.hdop = Some(f64::from(self.hdop_tenths) / 10.0);
        position.satellites = Some(u16::from(self.satellites));
        position.heading_deg = Some(f64::from(self.course)).filter(|degrees| *degrees <= 360.0);
        position.altitude_m = Some(f64::from(self.altitude_m));
        Ok(())
    }
}
