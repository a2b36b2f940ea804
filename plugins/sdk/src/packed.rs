//! The batch and its answers as one block of bytes each, see `wit/packed-1.0.0/packed.wit`.
//!
//! The host uses this instead of the records where a decoder has it, and every decoder that is made with
//! this SDK has it. The decoder does not notice.

use crate::bindings_packed::exports::fixstream::packed::decode;
use crate::{
    Attribute, AttributeKey, Cut, DecodeError, DecodeResult, Decoded, Decoder, Message, Position, Reader,
    Transport, Value,
};

/// Added to the kind of an attribute whose key is a text.
const NAMED: u8 = 8;
/// Bytes that an answer seldom exceeds.
const USUAL_ANSWER: usize = 512;

impl<T: Decoder> decode::Guest for T {
    fn decode_packed(batch: Vec<u8>) -> Vec<u8> {
        T::decode_packed(&batch)
    }
}

/// Decodes a batch that is one block into answers that are one block.
///
/// One message is made and used for all: its texts and lists keep their room. Each answer is written and let go of
/// before the next message is read.
pub fn decode<T: Decoder>(batch: &[u8]) -> Vec<u8> {
    let mut reader = Reader::new(batch);
    let mut answers = Vec::new();
    // the host writes no broken block; if one did come, no answer would be the answer
    if decode_all::<T>(&mut reader, &mut answers).is_err() {
        answers.clear();
        number(&mut answers, 0);
    }
    answers
}

fn decode_all<T: Decoder>(reader: &mut Reader, answers: &mut Vec<u8>) -> Result<(), Cut> {
    let count = reader.u32_le()? as usize;
    // no more than the block can hold, whatever it says
    answers.reserve(count.min(reader.remaining()) * USUAL_ANSWER);
    number(answers, count);
    let mut message = empty();
    for _ in 0..count {
        read(reader, &mut message)?;
        write(answers, &T::decode(&message));
    }
    Ok(())
}

fn empty() -> Message {
    Message {
        transport: Transport::File,
        received_ms: 0,
        channel: String::new(),
        device: None,
        context: Vec::new(),
        state: Vec::new(),
        payload: Vec::new(),
    }
}

/// Reads the next message into `message`, instead of what that was.
fn read(reader: &mut Reader, message: &mut Message) -> Result<(), Cut> {
    message.transport = match reader.u8()? {
        0 => Transport::Mqtt,
        1 => Transport::Http,
        2 => Transport::Tcp,
        3 => Transport::Udp,
        _ => Transport::File,
    };
    message.received_ms = reader.i64_le()?;
    read_text(reader, &mut message.channel)?;
    match reader.u8()? {
        0 => message.device = None,
        _ => read_text(reader, message.device.get_or_insert_default())?,
    }
    let pairs = reader.u32_le()? as usize;
    message.context.truncate(pairs);
    for index in 0..pairs {
        if message.context.len() == index {
            message.context.push((String::new(), String::new()));
        }
        if let Some((name, value)) = message.context.get_mut(index) {
            read_text(reader, name)?;
            read_text(reader, value)?;
        }
    }
    read_blob(reader, &mut message.state)?;
    read_blob(reader, &mut message.payload)
}

fn blob<'block>(reader: &mut Reader<'block>) -> Result<&'block [u8], Cut> {
    let length = reader.u32_le()?;
    reader.bytes(length as usize)
}

fn read_blob(reader: &mut Reader, to: &mut Vec<u8>) -> Result<(), Cut> {
    to.clear();
    to.extend_from_slice(blob(reader)?);
    Ok(())
}

fn read_text(reader: &mut Reader, to: &mut String) -> Result<(), Cut> {
    let text = blob(reader)?;
    // SAFETY: the block is the host's, which writes its own strings into it; generated bindings trust the host's
    // strings in the same way. Checking them took a tenth of the time of a small message.
    let text = unsafe { core::str::from_utf8_unchecked(text) };
    to.clear();
    to.push_str(text);
    Ok(())
}

fn write(block: &mut Vec<u8>, answer: &DecodeResult) {
    match answer {
        Ok(decoded) => {
            block.push(0);
            write_decoded(block, decoded);
        }
        Err(DecodeError::NotMine) => block.push(1),
        Err(DecodeError::Malformed(why)) => {
            block.push(2);
            write_blob(block, why.as_bytes());
        }
        Err(DecodeError::Unsupported(why)) => {
            block.push(3);
            write_blob(block, why.as_bytes());
        }
    }
}

fn number(block: &mut Vec<u8>, number: usize) {
    block.extend_from_slice(&(number as u32).to_le_bytes());
}

fn write_blob(block: &mut Vec<u8>, bytes: &[u8]) {
    number(block, bytes.len());
    block.extend_from_slice(bytes);
}

fn write_decoded(block: &mut Vec<u8>, decoded: &Decoded) {
    for bytes in [&decoded.reply, &decoded.state] {
        block.push(bytes.is_some().into());
        if let Some(bytes) = bytes {
            write_blob(block, bytes);
        }
    }
    number(block, decoded.warnings.len());
    for warning in &decoded.warnings {
        write_blob(block, warning.as_bytes());
    }
    number(block, decoded.positions.len());
    for position in &decoded.positions {
        write_position(block, position);
    }
}

fn write_position(block: &mut Vec<u8>, position: &Position) {
    let start = block.len();
    let mut fields = Fields {
        block,
        bits: 0,
        next: 1,
    };
    fields.block.extend_from_slice(&[0; 4]);
    fields.blob(position.device.as_deref());
    fields.value(position.time_ms.map(i64::to_le_bytes));
    fields.value(position.valid.map(|flag| [flag.into()]));
    fields.real(position.latitude);
    fields.real(position.longitude);
    fields.real(position.altitude_m);
    fields.real(position.speed_kmh);
    fields.real(position.heading_deg);
    fields.real(position.accuracy_m);
    fields.real(position.hdop);
    fields.value(position.satellites.map(u16::to_le_bytes));
    fields.real(position.odometer_km);
    fields.real(position.distance_km);
    fields.value(position.ignition.map(|flag| [flag.into()]));
    fields.real(position.fuel_percent);
    fields.real(position.engine_temperature_c);
    fields.real(position.engine_rpm);
    fields.real(position.battery_v);
    fields.real(position.battery_percent);
    fields.real(position.power_v);
    fields.real(position.signal);
    fields.blob(position.event.as_deref());
    let bits = fields.bits.to_le_bytes();
    if let Some(place) = block.get_mut(start..start + 4) {
        place.copy_from_slice(&bits);
    }
    number(block, position.attributes.len());
    for attribute in &position.attributes {
        write_attribute(block, attribute);
    }
}

/// Writes the fields of a position one after the other, and which there were.
struct Fields<'block> {
    block: &'block mut Vec<u8>,
    bits: u32,
    /// The bit of the next field.
    next: u32,
}

impl Fields<'_> {
    #[inline]
    fn value<const N: usize>(&mut self, bytes: Option<[u8; N]>) {
        if let Some(bytes) = bytes {
            self.bits |= self.next;
            self.block.extend_from_slice(&bytes);
        }
        self.next <<= 1;
    }

    #[inline]
    fn real(&mut self, real: Option<f64>) {
        self.value(real.map(f64::to_le_bytes));
    }

    fn blob(&mut self, text: Option<&str>) {
        if let Some(text) = text {
            self.bits |= self.next;
            write_blob(self.block, text.as_bytes());
        }
        self.next <<= 1;
    }
}

fn write_attribute(block: &mut Vec<u8>, Attribute { key, value }: &Attribute) {
    let kind = match value {
        Value::Flag(flag) => u8::from(*flag),
        Value::Integer(_) => 2,
        Value::Real(_) => 3,
        Value::Text(_) => 4,
    };
    match key {
        AttributeKey::Declared(index) => {
            block.push(kind);
            block.extend_from_slice(&index.to_le_bytes());
        }
        AttributeKey::Named(name) => {
            block.push(kind | NAMED);
            write_blob(block, name.as_bytes());
        }
    }
    match value {
        Value::Flag(_) => {}
        Value::Integer(integer) => block.extend_from_slice(&integer.to_le_bytes()),
        Value::Real(real) => block.extend_from_slice(&real.to_le_bytes()),
        Value::Text(text) => write_blob(block, text.as_bytes()),
    }
}
