//! Frames: `$$`, a flag character, the length from the first comma to the line end, IMEI, command, what
//! belongs to it, `*`, checksum, line end.

use fixstream_decoder::checksum::sum8;
use fixstream_decoder::text::is_digits;
use fixstream_decoder::{DecodeError, Reader, malformed};

const BEGINNING: &[u8] = b"$$";

/// Most digits of a length: a frame has 64 KiB at most.
const MOST_LENGTH_DIGITS: usize = 5;

/// Checksum and line end behind the `*`.
const BEHIND_STAR: usize = 4;

const LINE_END: &[u8] = b"\r\n";

/// Longest identifier: an IMEI has 15 digits, copies have fewer.
const MOST_IMEI_DIGITS: usize = 20;

/// A frame whose length and checksum are right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'bytes> {
    /// Tells frames apart; an answer repeats it.
    pub(crate) flag: u8,
    pub(crate) imei: &'bytes str,
    pub(crate) command: &'bytes str,
    /// What follows the comma behind the command, up to the `*`.
    pub(crate) body: &'bytes [u8],
}

/// Reads one frame.
pub(crate) fn read<'bytes>(reader: &mut Reader<'bytes>) -> Result<Frame<'bytes>, DecodeError> {
    let from_beginning = reader.rest();
    if !from_beginning.starts_with(BEGINNING) {
        return Err(match (reader.offset(), from_beginning) {
            (0, [b'$']) => malformed("cut short in the first bytes"),
            (0, _) => DecodeError::NotMine,
            _ => malformed("bytes behind the frame"),
        });
    }
    reader.skip(BEGINNING.len())?;
    let flag = reader.u8()?;
    let length = declared_length(reader)?;
    let (content, ending) = split(reader, length)?;

    let summed = from_beginning.len() - reader.remaining() - ending.len();
    let declared = ending
        .get(..2)
        .and_then(|digits| core::str::from_utf8(digits).ok());
    let declared = declared.and_then(|digits| u8::from_str_radix(digits, 16).ok());
    if declared != Some(sum8(from_beginning.get(..summed).unwrap_or_default())) {
        return Err(malformed("wrong checksum"));
    }
    if !LINE_END.starts_with(ending.get(2..).unwrap_or_default()) {
        return Err(malformed("no line end where the declared length ends"));
    }
    parts(flag, content)
}

/// The digits between the flag and the first comma, which counts already.
fn declared_length(reader: &mut Reader<'_>) -> Result<usize, DecodeError> {
    let digits = reader.rest().iter().position(|byte| *byte == b',');
    let digits = digits
        .filter(|count| (1..=MOST_LENGTH_DIGITS).contains(count))
        .ok_or_else(|| malformed("no length"))?;
    let digits = core::str::from_utf8(reader.bytes(digits)?).unwrap_or_default();
    is_digits(digits)
        .then(|| digits.parse().ok())
        .flatten()
        .ok_or_else(|| malformed("no length"))
}

/// What a frame of this length has from the first comma up to the `*`, and what it has behind that.
/// Bridges that cut at line ends deliver the last frame without its own.
fn split<'bytes>(
    reader: &mut Reader<'bytes>,
    length: usize,
) -> Result<(&'bytes [u8], &'bytes [u8]), DecodeError> {
    let up_to_star = length
        .checked_sub(BEHIND_STAR)
        .ok_or_else(|| malformed(format_args!("declared length {length} is too small")))?;
    let content = reader
        .bytes(up_to_star)?
        .strip_suffix(b"*")
        .ok_or_else(|| malformed("no * where the declared length ends"))?;
    let ending = match reader.remaining() {
        left @ (2 | 3) => left,
        _ => BEHIND_STAR,
    };
    Ok((content, reader.bytes(ending)?))
}

fn parts(flag: u8, content: &[u8]) -> Result<Frame<'_>, DecodeError> {
    let mut parts = content.splitn(4, |byte| *byte == b',');
    let _before_first_comma = parts.next();
    let mut text = || parts.next().and_then(|part| core::str::from_utf8(part).ok());
    let imei = text()
        .filter(|imei| is_digits(imei) && imei.len() <= MOST_IMEI_DIGITS)
        .ok_or_else(|| malformed("no imei"))?;
    let command = text()
        .filter(|command| !command.is_empty())
        .ok_or_else(|| malformed("no command"))?;
    Ok(Frame {
        flag,
        imei,
        command,
        body: parts.next().unwrap_or_default(),
    })
}

/// The server's answer to a frame with so many reports.
pub(crate) fn answer(frame: &Frame<'_>, reports: usize) -> Vec<u8> {
    let Frame { imei, command, .. } = frame;
    let content = format!(",{imei},{command},{reports}*");
    let mut answer = b"@@".to_vec();
    answer.push(frame.flag);
    answer.extend((content.len() + BEHIND_STAR).to_string().into_bytes());
    answer.extend(content.into_bytes());
    let checksum = sum8(&answer);
    answer.extend(format!("{checksum:02X}\r\n").into_bytes());
    answer
}
