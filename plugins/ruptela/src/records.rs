//! Records: time, place and IO elements grouped by the width of their values.

use fixstream_decoder::{Cut, DecodeError, Decoded, Position, Reader, malformed};

use crate::frame::Frame;
use crate::{io, keys};

/// What differs between records (0x01) and extended records (0x44).
pub(crate) struct Layout {
    /// Bytes of the event and of each IO id.
    id_width: usize,
    /// Whether a byte says how records belong together.
    has_extension: bool,
}

pub(crate) const STANDARD: Layout = Layout {
    id_width: 1,
    has_extension: false,
};
pub(crate) const EXTENDED: Layout = Layout {
    id_width: 2,
    has_extension: true,
};

/// Widths of the values in the groups, in their order.
const VALUE_WIDTHS: [usize; 4] = [1, 2, 4, 8];

/// A latitude or longitude that is none.
const NO_FIX: i32 = i32::MIN;

/// Fewer satellites make no fix in two dimensions.
const FEWEST_SATELLITES: u8 = 3;

/// Decodes the records of a frame.
pub(crate) fn decode(frame: &Frame<'_>, layout: &Layout, decoded: &mut Decoded) -> Result<(), DecodeError> {
    let mut data = frame.data.clone();
    let _left_in_flash = data.u8()?;
    let count = data.u8()?;
    // what a continuation adds to; none when that record has no coordinates
    let mut open: Option<Record> = None;
    for number in 0..count {
        let (record, continues) = header(&mut data, layout)?;
        // the first one of a frame has nothing before it: its own place counts
        if !continues || number == 0 {
            finish(open.take(), frame, decoded);
            open = record.map(Record::from);
        }
        elements(&mut data, layout, open.as_mut())?;
    }
    finish(open, frame, decoded);
    if data.is_empty() {
        Ok(())
    } else {
        Err(malformed("bytes behind the last record"))
    }
}

/// A record that is being read.
struct Record {
    position: Position,
    /// Whether there are elements that make one value together.
    has_parts: bool,
}

impl From<Position> for Record {
    fn from(position: Position) -> Self {
        Self {
            position,
            has_parts: false,
        }
    }
}

/// Hands over a record to which nothing more can come.
fn finish(record: Option<Record>, frame: &Frame<'_>, decoded: &mut Decoded) {
    let Some(Record {
        mut position,
        has_parts,
    }) = record
    else {
        return;
    };
    if has_parts {
        io::join(&mut position);
    }
    if io::limit(&mut position) {
        decoded.warn("more io elements than a position may have");
    }
    position.device.clone_from(&frame.device);
    decoded.positions.push(position);
}

/// Everything before the IO elements: the position, when there is one, and whether the record
/// continues the one before it.
fn header(data: &mut Reader<'_>, layout: &Layout) -> Result<(Option<Position>, bool), DecodeError> {
    let seconds = data.u32_be()?;
    // tells records of the same second apart
    let _time_extension = data.u8()?;
    let continues = layout.has_extension && {
        let extension = data.u8()?;
        let (continuations, number) = (extension >> 4, extension & 15);
        number > 0 && number <= continuations
    };
    let priority = data.u8()?;
    let (longitude, latitude) = (data.i32_be()?, data.i32_be()?);
    let altitude_dm = data.u16_be()?;
    let course_cdeg = data.u16_be()?;
    let satellites = data.u8()?;
    let speed_kmh = data.u16_be()?;
    let hdop_tenths = data.u8()?;
    let event = data.uint_be(layout.id_width)?;
    if longitude == NO_FIX || latitude == NO_FIX {
        return Ok((None, continues));
    }
    let mut position = Position::at(f64::from(latitude) / 1e7, f64::from(longitude) / 1e7)?;
    position.time_ms = Some(i64::from(seconds) * 1000);
    position.valid = Some(satellites >= FEWEST_SATELLITES && satellites != u8::MAX);
    // a value with all bits set is not known
    position.altitude_m = known_u16(altitude_dm).map(|decimetres| decimetres / 10.0);
    position.heading_deg = known_u16(course_cdeg)
        .map(|hundredths| hundredths / 100.0)
        .filter(|course| *course <= 360.0);
    position.satellites = known_u8(satellites).map(u16::from);
    position.speed_kmh = known_u16(speed_kmh);
    position.hdop = known_u8(hdop_tenths).map(|tenths| f64::from(tenths) / 10.0);
    position.event = Some(event.to_string());
    position.add(keys::PRIORITY, priority);
    Ok((Some(position), continues))
}

fn known_u8(value: u8) -> Option<u8> {
    (value != u8::MAX).then_some(value)
}

fn known_u16(value: u16) -> Option<f64> {
    (value != u16::MAX).then_some(f64::from(value))
}

/// Reads the IO elements, and sets those of a record that is kept.
fn elements(data: &mut Reader<'_>, layout: &Layout, mut record: Option<&mut Record>) -> Result<(), Cut> {
    for width in VALUE_WIDTHS {
        for _ in 0..data.u8()? {
            let id = data.uint_be(layout.id_width)? as u16;
            let value = data.uint_be(width)?;
            if let Some(record) = record.as_deref_mut() {
                record.has_parts |= io::is_part(id);
                io::set(&mut record.position, id, width, value);
            }
        }
    }
    Ok(())
}
