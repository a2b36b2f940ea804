//! Sentences: `$` or `!`, body, `*`, two hex digits: the bytes of the body exclusive-or'ed.

use fixstream_decoder::checksum::xor;
use fixstream_decoder::{DecodeError, malformed};

/// The bodies of all sentences, in order. They come one a line or right behind each other. One that
/// is broken spoils the message: what is cut or damaged once may be so elsewhere.
///
/// What begins with `!` (AIS: the places of other ships) is checked like the rest and left out, and so
/// is what is not ASCII.
pub(crate) fn bodies(payload: &[u8]) -> Result<Vec<&str>, DecodeError> {
    let mut bodies = Vec::new();
    let mut is_empty = true;
    for line in payload.split(|byte| matches!(byte, b'\r' | b'\n')) {
        let line = without_tags(trimmed(line))?;
        if line.is_empty() {
            continue;
        }
        if !starts_sentence(line) {
            return Err(if is_empty {
                DecodeError::NotMine
            } else {
                malformed("a line that is no sentence")
            });
        }
        is_empty = false;
        let mut rest = line;
        while !rest.is_empty() {
            let end = rest
                .iter()
                .skip(1)
                .position(|byte| matches!(byte, b'$' | b'!'))
                .map_or(rest.len(), |at| at + 1);
            let (sentence, behind) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            let body = checked(trimmed(sentence))?;
            if sentence.starts_with(b"$") {
                bodies.extend(core::str::from_utf8(body));
            }
            rest = behind;
        }
    }
    if is_empty {
        return Err(malformed("empty payload"));
    }
    Ok(bodies)
}

fn starts_sentence(line: &[u8]) -> bool {
    matches!(line.first(), Some(b'$' | b'!'))
}

/// What stands around sentences: blanks, and zeros of a gateway's buffer.
fn trimmed(mut bytes: &[u8]) -> &[u8] {
    let is_filler = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    while let Some((_, rest)) = bytes.split_first().filter(|(first, _)| is_filler(first)) {
        bytes = rest;
    }
    while let Some((_, rest)) = bytes.split_last().filter(|(last, _)| is_filler(last)) {
        bytes = rest;
    }
    bytes
}

/// The line without the tag block (`\s:GPS,c:1717243200*hh\`) that NMEA 4 allows before a sentence.
fn without_tags(line: &[u8]) -> Result<&[u8], DecodeError> {
    let Some(tags) = line.strip_prefix(b"\\") else {
        return Ok(line);
    };
    tags.iter()
        .position(|byte| *byte == b'\\')
        .and_then(|end| tags.get(end + 1..))
        .ok_or_else(|| malformed("cut short in the tags"))
}

/// The body of a sentence whose checksum is right.
fn checked(sentence: &[u8]) -> Result<&[u8], DecodeError> {
    let (body, digits) = sentence
        .iter()
        .rposition(|byte| *byte == b'*')
        .and_then(|star| Some((sentence.get(1..star)?, sentence.get(star + 1..)?)))
        .ok_or_else(|| malformed("no checksum"))?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let declared = match digits {
        [high, low] => digit(*high)
            .zip(digit(*low))
            .map(|(high, low)| (high << 4 | low) as u8),
        _ => None,
    };
    match declared {
        Some(declared) if declared == xor(body) => Ok(body),
        Some(_) => Err(malformed("wrong checksum")),
        None => Err(malformed("no checksum of two digits")),
    }
}
