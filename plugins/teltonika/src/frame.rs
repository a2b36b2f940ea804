//! Frames on a connection: login and AVL packets, one behind the other.

use fixstream_decoder::checksum::crc16_arc;
use fixstream_decoder::{DecodeError, Decoded, Reader, malformed, unsupported};

use crate::{avl, codec7, command};

/// Length of the IMEI in a login packet, and its first two bytes.
const IMEI_LENGTH: usize = 15;

/// More data than any tracker puts into one packet (the largest documented is 1 280 bytes).
const MOST_DATA: u32 = 64 * 1024;

/// Most positions that the contract lets through in one message.
const MOST_POSITIONS: usize = 1024;

/// Longest reply that the contract lets through.
const LONGEST_REPLY: usize = 4096;

/// Answer to a login whose IMEI is welcome.
const LOGIN_ACCEPTED: u8 = 1;

/// What the data of one AVL packet said.
pub(crate) enum Packet {
    /// Records to acknowledge by their number.
    Records { decoded: Decoded, count: u8 },
    /// Answer to a command; nobody waits for an acknowledgement.
    CommandReply,
}

/// Decodes all packets of the payload. One that is broken spoils the message, because where the next
/// one begins is then unknown.
pub(crate) fn decode(payload: &[u8]) -> Result<Decoded, DecodeError> {
    let mut reader = Reader::new(payload);
    let mut whole = Decoded::nothing();
    let mut reply = Vec::new();
    while !reader.is_empty() {
        match reader.rest() {
            [0, 0, ..] => {
                if let Packet::Records { decoded, count } = avl_packet(&mut reader)? {
                    whole.positions.extend(decoded.positions);
                    decoded
                        .warnings
                        .into_iter()
                        .for_each(|warning| whole.warn(warning));
                    reply.extend_from_slice(&u32::from(count).to_be_bytes());
                }
            }
            [0, 0x0f, ..] => {
                whole.state = Some(login(&mut reader)?.as_bytes().to_vec());
                reply.push(LOGIN_ACCEPTED);
            }
            // one byte can still become any of the above
            [0] => return Err(malformed("cut short in the header")),
            _ if reader.offset() == 0 => return Err(DecodeError::NotMine),
            _ => return Err(malformed("bytes behind the packet")),
        }
        if whole.positions.len() > MOST_POSITIONS || reply.len() > LONGEST_REPLY {
            return Err(malformed("more packets than one message may have"));
        }
    }
    whole.reply = Some(reply).filter(|reply| !reply.is_empty());
    Ok(whole)
}

/// The text of an IMEI, when it is one.
pub(crate) fn imei(bytes: &[u8]) -> Option<&str> {
    let plausible = bytes.len() == IMEI_LENGTH && bytes.iter().all(u8::is_ascii_digit);
    plausible.then(|| core::str::from_utf8(bytes).ok()).flatten()
}

fn login<'bytes>(reader: &mut Reader<'bytes>) -> Result<&'bytes str, DecodeError> {
    let length = reader.u16_be()?;
    let text = reader.bytes(usize::from(length))?;
    imei(text).ok_or_else(|| malformed("login without an imei"))
}

fn avl_packet(reader: &mut Reader<'_>) -> Result<Packet, DecodeError> {
    if reader.u32_be()? != 0 {
        return Err(malformed("no preamble of four zero bytes"));
    }
    let length = reader.u32_be()?;
    if length > MOST_DATA {
        return Err(malformed(format_args!("declared length {length} is too large")));
    }
    let data = reader.bytes(length as usize)?;
    let declared_checksum = reader.u32_be()?;
    if declared_checksum != u32::from(crc16_arc(data)) {
        return Err(malformed("wrong checksum"));
    }

    let mut data = Reader::new(data);
    let codec = data.u8()?;
    match codec {
        0x08 => avl::decode(data, &avl::CODEC_8),
        0x8e => avl::decode(data, &avl::CODEC_8_EXTENDED),
        0x10 => avl::decode(data, &avl::CODEC_16),
        0x07 => codec7::decode(data),
        0x0c..=0x0e => command::decode(&data),
        _ => Err(unsupported(format_args!("codec 0x{codec:02x}"))),
    }
}
