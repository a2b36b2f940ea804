//! Codecs 8, 8 extended and 16: a GPS element and IO elements grouped by the width of their values.

use fixstream_decoder::{Cut, DecodeError, Decoded, Position, Reader, malformed, time};

use crate::frame::Packet;
use crate::{io, keys};

/// What differs between the three codecs.
pub(crate) struct Layout {
    /// Bytes of the event and of each IO id.
    id_width: usize,
    /// Bytes of the total and of each group's count.
    count_width: usize,
    has_generation_type: bool,
    has_variable_group: bool,
}

pub(crate) const CODEC_8: Layout = Layout {
    id_width: 1,
    count_width: 1,
    has_generation_type: false,
    has_variable_group: false,
};
pub(crate) const CODEC_8_EXTENDED: Layout = Layout {
    id_width: 2,
    count_width: 2,
    has_generation_type: false,
    has_variable_group: true,
};
pub(crate) const CODEC_16: Layout = Layout {
    id_width: 2,
    count_width: 1,
    has_generation_type: true,
    has_variable_group: false,
};

/// Widths of the values in the groups, in their order.
const VALUE_WIDTHS: [usize; 4] = [1, 2, 4, 8];

/// How a record's IO element ended.
#[derive(PartialEq)]
enum IoEnd {
    Complete,
    /// The data ended although groups were to follow; those that came had all declared elements.
    EmptyGroupsMissing,
}

/// Decodes the records behind the codec byte.
pub(crate) fn decode(mut data: Reader<'_>, layout: &Layout) -> Result<Packet, DecodeError> {
    let count = data.u8()?;
    let mut decoded = Decoded::nothing();
    decoded.positions.reserve(usize::from(count));
    let mut last_end = IoEnd::Complete;
    for _ in 0..count {
        let (position, end) = record(&mut data, layout, &mut decoded)?;
        decoded.positions.push(position);
        last_end = end;
    }
    if last_end == IoEnd::EmptyGroupsMissing {
        // early FM firmware: the declared length stops before the last empty group and the second
        // count, and the checksum was computed over just that
        decoded.warn("the packet ends before its second record count");
    } else if data.u8()? != count {
        return Err(malformed("the two record counts differ"));
    }
    if !data.is_empty() {
        return Err(malformed("bytes behind the last record"));
    }
    Ok(Packet::Records { decoded, count })
}

fn record(
    data: &mut Reader<'_>,
    layout: &Layout,
    decoded: &mut Decoded,
) -> Result<(Position, IoEnd), DecodeError> {
    let time_ms = data.u64_be()?;
    let priority = data.u8()?;
    let longitude = f64::from(data.i32_be()?) / 1e7;
    let latitude = f64::from(data.i32_be()?) / 1e7;
    let altitude_m = data.i16_be()?;
    let course_deg = data.u16_be()?;
    let satellites = data.u8()?;
    let speed_kmh = data.u16_be()?;

    let mut position = Position::at(latitude, longitude)?;
    position.time_ms =
        Some(time::ms_from_unix_ms(time_ms as f64).ok_or_else(|| malformed("impossible time"))?);
    position.valid = Some(satellites > 0);
    position.altitude_m = Some(f64::from(altitude_m));
    position.speed_kmh = Some(f64::from(speed_kmh));
    position.satellites = Some(u16::from(satellites));
    if course_deg <= 360 {
        position.heading_deg = Some(f64::from(course_deg));
    } else {
        decoded.warn("course above 360 degrees");
    }
    position.add(keys::PRIORITY, priority);
    let end = io_element(data, layout, &mut position, decoded)?;
    Ok((position, end))
}

fn io_element(
    data: &mut Reader<'_>,
    layout: &Layout,
    position: &mut Position,
    decoded: &mut Decoded,
) -> Result<IoEnd, DecodeError> {
    position.event = Some(data.uint_be(layout.id_width)?.to_string());
    if layout.has_generation_type {
        position.add(keys::GENERATION_TYPE, data.u8()?);
    }
    let total = data.uint_be(layout.count_width)?;
    let mut seen = 0;
    for width in VALUE_WIDTHS {
        if data.is_empty() && seen == total {
            return Ok(IoEnd::EmptyGroupsMissing);
        }
        let elements = data.uint_be(layout.count_width)?;
        for _ in 0..elements {
            let id = io_id(data, layout)?;
            let value = data.uint_be(width)?;
            io::set_number(position, id, width, value);
        }
        seen += elements;
    }
    if layout.has_variable_group {
        if data.is_empty() && seen == total {
            return Ok(IoEnd::EmptyGroupsMissing);
        }
        let elements = data.uint_be(layout.count_width)?;
        for _ in 0..elements {
            let id = io_id(data, layout)?;
            let length = data.u16_be()?;
            io::set_bytes(position, id, data.bytes(usize::from(length))?);
        }
        seen += elements;
    }
    if seen != total {
        decoded.warn("the number of io elements is not the declared one");
    }
    if io::limit(position) {
        decoded.warn("more io elements than a position may have");
    }
    Ok(IoEnd::Complete)
}

fn io_id(data: &mut Reader<'_>, layout: &Layout) -> Result<u16, Cut> {
    Ok(data.uint_be(layout.id_width)? as u16)
}
