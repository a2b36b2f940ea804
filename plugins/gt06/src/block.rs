//! The GPS block of 18 bytes that most messages share, and its parts.

use fixstream_decoder::{Cut, DecodeError, Position, Reader, malformed, time};

/// Date to flags.
pub(crate) const LENGTH: usize = 18;

/// Bytes of a date: YY MM DD hh mm ss, binary.
pub(crate) const DATE_LENGTH: usize = 6;

/// Latitudes and longitudes are minutes · 30 000.
const UNITS_PER_DEGREE: f64 = 1_800_000.0;

/// High nibble of the byte behind the date: length of the GPS information, which almost all
/// trackers set to this.
pub(crate) const USUAL_NIBBLE: u8 = 0xc;

/// Course in degrees, hemispheres and validity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flags(u16);

impl Flags {
    const COURSE: u16 = 0x03ff;
    const NORTH: u16 = 1 << 10;
    const WEST: u16 = 1 << 11;
    const VALID: u16 = 1 << 12;

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Cut> {
        reader.u16_be().map(Self)
    }

    fn course_deg(self) -> Option<f64> {
        Some(self.0 & Self::COURSE)
            .filter(|course| *course <= 360)
            .map(f64::from)
    }
}

/// Milliseconds since 1970 of a date that is possible, years 2000 to 2099.
pub(crate) fn date_ms(date: [u8; DATE_LENGTH]) -> Option<i64> {
    let [year, month, day, hour, minute, second] = date;
    // stricter than the calendar: this is also how a block is told from text and status
    if year > 99 || second > 59 {
        return None;
    }
    time::ms_from_civil(2000 + i32::from(year), month, day, hour, minute, second, 0)
}

/// Two unsigned numbers and flags to a position; course and validity included.
pub(crate) fn place(latitude: u32, longitude: u32, flags: Flags) -> Result<Position, DecodeError> {
    let degrees = |units: u32, positive: bool| {
        let degrees = f64::from(units) / UNITS_PER_DEGREE;
        // 0 has no sign
        if positive || units == 0 { degrees } else { -degrees }
    };
    let mut position = Position::at(
        degrees(latitude, flags.0 & Flags::NORTH != 0),
        degrees(longitude, flags.0 & Flags::WEST == 0),
    )?;
    position.valid = Some(flags.0 & Flags::VALID != 0);
    position.heading_deg = flags.course_deg();
    Ok(position)
}

/// Satellites byte to flags: what follows the date.
pub(crate) fn behind_date(reader: &mut Reader<'_>, time_ms: i64) -> Result<Position, DecodeError> {
    let satellites = reader.u8()? & 0x0f;
    let (latitude, longitude) = (reader.u32_be()?, reader.u32_be()?);
    let speed_kmh = reader.u8()?;
    let mut position = place(latitude, longitude, Flags::read(reader)?)?;
    position.time_ms = Some(time_ms);
    position.satellites = Some(u16::from(satellites));
    position.speed_kmh = Some(f64::from(speed_kmh));
    Ok(position)
}

/// How sure it is that a message of some number begins with a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certainty {
    /// The number means a position.
    Position,
    /// The number also means text, status or cells: what looks like one of those is no block.
    Shared,
    /// As often Wi-Fi or cells: only the usual nibble makes it a block.
    UsualNibble,
}

/// The position of a message that begins with a block. `None`: it is something else.
pub(crate) fn read(content: &[u8], certainty: Certainty) -> Result<Option<Position>, DecodeError> {
    if content.len() < LENGTH {
        return Ok(None);
    }
    let mut reader = Reader::new(content);
    let date = reader.array()?;
    let nibble = reader.peek().unwrap_or(0) >> 4;
    let is_block = match certainty {
        Certainty::Position => true,
        // where a block has its length, a mobile country code and ASCII text have something smaller
        Certainty::Shared => nibble >= 0x7,
        Certainty::UsualNibble => nibble == USUAL_NIBBLE,
    };
    match date_ms(date) {
        Some(time_ms) if is_block => behind_date(&mut reader, time_ms).map(Some),
        // no date yet, or no block at all
        None if certainty == Certainty::Position && nibble == USUAL_NIBBLE && date != [0; DATE_LENGTH] => {
            Err(malformed("impossible date"))
        }
        _ => Ok(None),
    }
}
