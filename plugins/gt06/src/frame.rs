//! Frames: `7878 <u8 length>` or `7979 <u16 length>`, number, content, serial, checksum, `0d0a`.

use fixstream_decoder::checksum::crc16_x25;
use fixstream_decoder::{DecodeError, Reader, malformed};

/// Number, serial and checksum: what a declared length counts besides the content.
const LENGTH_WITHOUT_CONTENT: usize = 5;

/// Declared length of a frame that has nothing but its checksum.
const LENGTH_OF_NOTHING: u8 = 1;

/// Line end behind each frame.
const END: [u8; 2] = [0x0d, 0x0a];

/// The two forms of a frame, told apart by their first two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `7878`, one byte of length.
    Short,
    /// `7979`, two bytes of length.
    Long,
}

/// A frame whose length and checksum are right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'bytes> {
    pub(crate) form: Form,
    /// Protocol number: the kind of message.
    pub(crate) number: u8,
    pub(crate) content: &'bytes [u8],
    pub(crate) serial: u16,
}

/// Reads one frame. `None` is a frame without number and content.
pub(crate) fn read<'bytes>(reader: &mut Reader<'bytes>) -> Result<Option<Frame<'bytes>>, DecodeError> {
    let form = match (reader.rest(), reader.offset()) {
        ([0x78, 0x78, ..], _) => Form::Short,
        ([0x79, 0x79, ..], _) => Form::Long,
        ([0x78 | 0x79], _) => return Err(malformed("cut short in the first bytes")),
        (_, 0) => return Err(DecodeError::NotMine),
        _ => return Err(malformed("bytes behind the frame")),
    };
    reader.skip(2)?;
    let from_length = reader.rest();
    let declared = match form {
        Form::Short => usize::from(reader.u8()?),
        Form::Long => usize::from(reader.u16_be()?),
    };
    if form == Form::Short && declared == usize::from(LENGTH_OF_NOTHING) {
        // relatives of the protocol send it; its length does not count the checksum
        check(reader.u16_be()?, &[LENGTH_OF_NOTHING])?;
        end(reader)?;
        return Ok(None);
    }
    let Some(content_length) = declared.checked_sub(LENGTH_WITHOUT_CONTENT) else {
        return Err(malformed(format_args!("declared length {declared} is too small")));
    };
    let number = reader.u8()?;
    let content = reader.bytes(content_length)?;
    let serial = reader.u16_be()?;
    let summed = from_length.len() - reader.remaining();
    check(reader.u16_be()?, from_length.get(..summed).unwrap_or_default())?;
    end(reader)?;
    Ok(Some(Frame {
        form,
        number,
        content,
        serial,
    }))
}

fn check(declared: u16, bytes: &[u8]) -> Result<(), DecodeError> {
    if declared == crc16_x25(bytes) {
        Ok(())
    } else {
        Err(malformed("wrong checksum"))
    }
}

/// Steps over the line end. Bridges that cut at the line feed deliver the last frame without it.
fn end(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    if reader.rest() == [0x0d] {
        reader.skip(1)?;
    } else if reader.array()? != END {
        return Err(malformed("no line end where the declared length ends"));
    }
    Ok(())
}

/// The server's answer to a frame: its number and serial again.
pub(crate) fn answer(number: u8, content: &[u8], serial: u16) -> Vec<u8> {
    let mut answer = vec![0x78, 0x78, (content.len() + LENGTH_WITHOUT_CONTENT) as u8, number];
    answer.extend_from_slice(content);
    answer.extend_from_slice(&serial.to_be_bytes());
    let checksum = crc16_x25(answer.get(2..).unwrap_or_default());
    answer.extend_from_slice(&checksum.to_be_bytes());
    answer.extend_from_slice(&END);
    answer
}
