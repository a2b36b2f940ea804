//! Ruptela decoder: frames with length, IMEI, command and checksum.
//!
//! What comes in: one or more frames. What goes out: one position per record that has coordinates,
//! and the acknowledgements without which the tracker sends its records again. A frame is believed
//! only when its length and its checksum are right and its records use up every byte.

mod frame;
mod io;
mod keys;
mod records;

use fixstream_decoder::{DecodeError, DecodeResult, Decoded, Message, Reader, malformed, unsupported};

use frame::Frame;

pub use keys::KEYS;

fixstream_decoder::decoder! { name: "ruptela", keys: KEYS, decode: decode }

/// Most positions that the contract lets through in one message.
const MOST_POSITIONS: usize = 1024;

/// Longest reply that the contract lets through.
const LONGEST_REPLY: usize = 4096;

/// Numbers of the commands that a tracker sends.
mod command {
    pub(super) const RECORDS: u8 = 0x01;
    /// Configuration, version, firmware, connection, odometer, SMS: answers in text or as a number.
    pub(super) const FIRST_ANSWER: u8 = 0x02;
    pub(super) const LAST_ANSWER: u8 = 0x08;
    pub(super) const TROUBLE_CODES: u8 = 0x09;
    /// Tachograph and smart card.
    pub(super) const TACHOGRAPH: u8 = 0x0a;
    pub(super) const SMART_CARD: u8 = 0x0b;
    pub(super) const IDENTIFICATION: u8 = 0x0f;
    pub(super) const HEARTBEAT: u8 = 0x10;
    pub(super) const OUTPUTS_SET: u8 = 0x11;
    pub(super) const DRIVER_CARD: u8 = 0x24;
    pub(super) const FILE: u8 = 0x25;
    pub(super) const EXTENDED_RECORDS: u8 = 0x44;
}

/// Decodes one message of a Ruptela tracker.
pub fn decode(message: &Message) -> DecodeResult {
    if message.payload.is_empty() {
        return Err(malformed("empty payload"));
    }
    let mut reader = Reader::new(&message.payload);
    let mut decoded = Decoded::nothing();
    let mut reply = Vec::new();
    while !reader.is_empty() {
        let frame = frame::read(&mut reader)?;
        take(&frame, &mut decoded)?;
        if let Some(command) = acknowledged(frame.command) {
            reply.extend(frame::acknowledgement(command));
        }
        if decoded.positions.len() > MOST_POSITIONS || reply.len() > LONGEST_REPLY {
            return Err(malformed("more frames than one message may have"));
        }
    }
    decoded.reply = Some(reply).filter(|reply| !reply.is_empty());
    Ok(decoded)
}

fn take(frame: &Frame<'_>, decoded: &mut Decoded) -> Result<(), DecodeError> {
    match frame.command {
        command::RECORDS => records::decode(frame, &records::STANDARD, decoded),
        command::EXTENDED_RECORDS => records::decode(frame, &records::EXTENDED, decoded),
        // trouble codes have coordinates, but those of when a code was read, not of a report
        command::FIRST_ANSWER..=command::LAST_ANSWER
        | command::TROUBLE_CODES
        | command::TACHOGRAPH
        | command::SMART_CARD
        | command::IDENTIFICATION
        | command::HEARTBEAT
        | command::OUTPUTS_SET
        | command::DRIVER_CARD
        | command::FILE => Ok(()),
        other => Err(unsupported(format_args!("command 0x{other:02x}"))),
    }
}

/// The number of the server's acknowledgement, for the commands that wait for one.
fn acknowledged(command: u8) -> Option<u8> {
    match command {
        command::RECORDS | command::EXTENDED_RECORDS => Some(0x64),
        command::TROUBLE_CODES => Some(0x6d),
        command::IDENTIFICATION => Some(0x73),
        command::HEARTBEAT => Some(0x74),
        _ => None,
    }
}
