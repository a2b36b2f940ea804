//! Values of sensors by their type.

use fixstream_decoder::{DecodeError, Reader, Value, text, unsupported};

/// Reads the value of a sensor; `None` is a value that the tracker does not have. A type that is not
/// known has no known length either.
pub(crate) fn read(kind: u8, reader: &mut Reader<'_>) -> Result<Option<Value>, DecodeError> {
    Ok(Some(match kind {
        0 => false.into(),
        1 => true.into(),
        2 => return Ok(None),
        3 => 0_u8.into(),
        4 => reader.u8()?.into(),
        5 => reader.u16_le()?.into(),
        6 => reader.u32_le()?.into(),
        7 | 11 => reader.i64_le()?.into(),
        8 => reader.i8()?.into(),
        9 => reader.i16_le()?.into(),
        10 => reader.i32_le()?.into(),
        12 => reader.f32_le()?.into(),
        13 => reader.f64_le()?.into(),
        32 | 33 => {
            let length = usize::from(reader.u8()?);
            long(kind == 32, reader.bytes(length)?)
        }
        64 | 65 => {
            let length = usize::from(reader.u16_le()?);
            long(kind == 64, reader.bytes(length)?)
        }
        other => return Err(unsupported(format_args!("value of type {other}"))),
    }))
}

/// A string, or bytes in hex.
fn long(is_text: bool, bytes: &[u8]) -> Value {
    if is_text {
        return text::of_bytes(bytes).trim_end_matches('\0').into();
    }
    text::hex(bytes).into()
}
