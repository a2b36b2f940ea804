//! Frames: u16 length, u64 IMEI, u8 command, data, u16 checksum. The length counts IMEI to data.

use fixstream_decoder::checksum::crc16_kermit;
use fixstream_decoder::{DecodeError, Reader, malformed, text};

/// What a length counts besides the data: IMEI and command.
const LENGTH_WITHOUT_DATA: usize = 9;

/// Digits of an IMEI.
const IMEI_DIGITS: usize = 15;

/// A frame whose length and checksum are right.
#[derive(Debug, Clone)]
pub(crate) struct Frame<'bytes> {
    /// IMEI with its leading zeros; `None` when the tracker does not know it.
    pub(crate) device: Option<String>,
    pub(crate) command: u8,
    pub(crate) data: Reader<'bytes>,
}

/// Reads one frame.
pub(crate) fn read<'bytes>(reader: &mut Reader<'bytes>) -> Result<Frame<'bytes>, DecodeError> {
    let length = usize::from(reader.u16_be()?);
    let Some(data_length) = length.checked_sub(LENGTH_WITHOUT_DATA) else {
        return Err(malformed(format_args!("declared length {length} is too small")));
    };
    let summed = reader.rest().get(..length).unwrap_or_default();
    let imei = reader.u64_be()?;
    let command = reader.u8()?;
    let data = reader.sub(data_length)?;
    if reader.u16_be()? != crc16_kermit(summed) {
        return Err(malformed("wrong checksum"));
    }
    Ok(Frame {
        device: (imei != 0).then(|| text::padded(imei, IMEI_DIGITS)),
        command,
        data,
    })
}

/// The server's acknowledgement: length, command, 1 for "received", checksum. It has no IMEI.
pub(crate) fn acknowledgement(command: u8) -> [u8; 6] {
    let [high, low] = crc16_kermit(&[command, 1]).to_be_bytes();
    [0, 2, command, 1, high, low]
}
