//! IOTM decoder: the MQTT protocol of BCE trackers.
//!
//! What comes in: a version byte, records with type and length, and the sum of all bytes before it. What
//! goes out: one position for each data record with a GPS sensor. All numbers are little-endian. The
//! tracker's own number (its IMEI) is a record too.

mod data;
mod gps;
mod keys;
mod sensor;
mod value;

use fixstream_decoder::checksum::sum8;
use fixstream_decoder::{DecodeResult, Decoded, Message, Reader, malformed};

pub use keys::KEYS;

fixstream_decoder::decoder! { name: "iotm", keys: KEYS, decode: decode }

/// Most positions that the contract lets through in one message.
const MOST_POSITIONS: usize = 1024;

/// Types of records.
mod record {
    /// A moment and the sensors at it.
    pub(super) const DATA: u8 = 1;
    /// The tracker's number, 8 bytes.
    pub(super) const SERIAL: u8 = 2;
    /// A button or another happening without a place.
    pub(super) const EVENT: u8 = 3;
}

/// Decodes one message of an IOTM tracker.
pub fn decode(message: &Message) -> DecodeResult {
    let (checksum, summed) = message
        .payload
        .split_last()
        .ok_or_else(|| malformed("empty payload"))?;
    if *checksum != sum8(summed) {
        return Err(malformed("wrong checksum"));
    }
    let mut reader = Reader::new(summed);
    // structures of all versions are the same, as far as is known
    let _version = reader.u8()?;
    let mut decoded = Decoded::nothing();
    let mut serial = None;
    while !reader.is_empty() {
        let kind = reader.u8()?;
        let length = reader.u16_le()?;
        let mut content = reader.sub(usize::from(length))?;
        match kind {
            record::DATA => decoded.positions.extend(data::position(&mut content)?),
            record::SERIAL => serial = serial_number(content).or(serial),
            record::EVENT => {}
            other => decoded.warn(format!("record of type {other}")),
        }
        if decoded.positions.len() > MOST_POSITIONS {
            return Err(malformed("more positions than one message may have"));
        }
    }
    // the host knows the client id, which is what the operator registered; the serial serves bridges
    if let (None, Some(serial)) = (&message.device, serial) {
        decoded.name_positions(&serial);
    }
    Ok(decoded)
}

/// The IMEI as a number. `None` when the record has another length or holds nothing.
fn serial_number(mut content: Reader<'_>) -> Option<String> {
    let serial = content.u64_le().ok()?;
    (content.is_empty() && serial != 0).then(|| serial.to_string())
}
