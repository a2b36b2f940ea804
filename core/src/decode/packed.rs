//! The batch and its answers as one block of bytes each (`wit/packed-1.0.0/packed.wit`): what costs in a crossing is
//! every text and list that is allocated, copied and freed for itself, and this does without them.
//!
//! A block that is not in the format fails the call. What a block says is judged as records are, in `convert`.

use super::convert::{self, MAX_BYTES, too_many, too_many_bytes};
use super::message::{Decoded, Failure, FailureKind, Input, Outcome, Transport};
use super::wit::v1::fixstream::decoder::types as wit;
use crate::model::{AttributeValue, MAX_ATTRIBUTES, MAX_FIXES_PER_MESSAGE};

/// Fields of a position that have a bit.
const FIELDS: u32 = 22;
/// Added to the kind of an attribute whose key is a text.
const NAMED: u8 = 8;

/// What is wrong with a block.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answers' block is broken: {0}")]
pub(super) struct Broken(&'static str);

/// Writes a batch, instead of what the buffer holds.
pub(super) fn write(inputs: &[Input], block: &mut Vec<u8>) {
    block.clear();
    number(block, inputs.len());
    for input in inputs {
        block.push(match input.transport {
            Transport::Mqtt => 0,
            Transport::Http => 1,
            Transport::File => 4,
        });
        block.extend_from_slice(&input.received.0.to_le_bytes());
        blob(block, input.channel.as_bytes());
        block.push(input.device.is_some().into());
        if let Some(device) = &input.device {
            blob(block, device.as_bytes());
        }
        number(block, input.context.len());
        for (name, value) in &input.context {
            blob(block, name.as_bytes());
            blob(block, value.as_bytes());
        }
        blob(block, &input.state);
        blob(block, &input.payload);
    }
}

/// The outcomes of `count` messages, and how many warnings there were. `keys` are the declared keys.
pub(super) fn read(block: &[u8], count: usize, keys: &[String]) -> Result<(Vec<Outcome>, u64), Failure> {
    let broken = |broken: Broken| Failure::new(FailureKind::Contract, broken.to_string());
    let mut cursor = Cursor {
        rest: block,
        keys,
        warnings: 0,
    };
    let answers = cursor.number().map_err(broken)?;
    if answers != count {
        return Err(convert::miscounted(answers, count));
    }
    let mut outcomes = Vec::with_capacity(count);
    for _ in 0..count {
        outcomes.push(cursor.answer().map_err(broken)?);
    }
    if !cursor.rest.is_empty() {
        return Err(broken(Broken("it goes on behind the last answer")));
    }
    Ok((outcomes, cursor.warnings))
}

fn number(block: &mut Vec<u8>, number: usize) {
    // nothing that the hub takes in comes near 4 GiB
    block.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

fn blob(block: &mut Vec<u8>, bytes: &[u8]) {
    number(block, bytes.len());
    block.extend_from_slice(bytes);
}

struct Cursor<'a> {
    rest: &'a [u8],
    keys: &'a [String],
    warnings: u64,
}

impl<'a> Cursor<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(Broken("it is cut"))?;
        self.rest = rest;
        Ok(*head)
    }

    fn byte(&mut self) -> Result<u8, Broken> {
        self.array().map(|[byte]| byte)
    }

    fn number(&mut self) -> Result<usize, Broken> {
        self.array().map(|bytes| u32::from_le_bytes(bytes) as usize)
    }

    fn flag(&mut self) -> Result<bool, Broken> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Broken("a flag is neither 0 nor 1")),
        }
    }

    fn integer(&mut self) -> Result<i64, Broken> {
        self.array().map(i64::from_le_bytes)
    }

    fn real(&mut self) -> Result<f64, Broken> {
        self.array().map(f64::from_le_bytes)
    }

    fn blob(&mut self) -> Result<&'a [u8], Broken> {
        let length = self.number()?;
        let (head, rest) = self.rest.split_at_checked(length).ok_or(Broken("it is cut"))?;
        self.rest = rest;
        Ok(head)
    }

    fn text(&mut self) -> Result<&'a str, Broken> {
        std::str::from_utf8(self.blob()?).map_err(|_| Broken("a text is no UTF-8"))
    }

    fn answer(&mut self) -> Result<Outcome, Broken> {
        Ok(match self.byte()? {
            0 => match self.decoded()? {
                Ok(decoded) => Outcome::Decoded(decoded),
                Err(what) => Outcome::Failed(Failure::new(FailureKind::Contract, what)),
            },
            1 => convert::not_mine(),
            2 => Outcome::Failed(Failure::new(FailureKind::Malformed, self.text()?)),
            3 => Outcome::Failed(Failure::new(FailureKind::Unsupported, self.text()?)),
            _ => return Err(Broken("an answer is of no known kind")),
        })
    }

    /// The inner error is about this message only; what stands behind it can still be read.
    fn decoded(&mut self) -> Result<Result<Decoded, String>, Broken> {
        let mut wrong = None;
        let reply = self.optional_blob("reply", &mut wrong)?;
        let state = self.optional_blob("state", &mut wrong)?;
        let warnings = self.number()?;
        for _ in 0..warnings {
            self.blob()?;
        }
        self.warnings += warnings.min(convert::MAX_WARNINGS) as u64;
        let count = self.number()?;
        if count > MAX_FIXES_PER_MESSAGE {
            wrong = Some(too_many(count, "positions in a message", MAX_FIXES_PER_MESSAGE));
        }
        let mut fixes = Vec::with_capacity(count.min(MAX_FIXES_PER_MESSAGE));
        for index in 0..count {
            let (position, attributes) = self.position()?;
            if wrong.is_some() {
                continue;
            }
            match attributes.and_then(|attributes| convert::fix(position, attributes)) {
                Ok(Some(fix)) => fixes.push(fix),
                Ok(None) => {}
                Err(what) => wrong = Some(format!("position {index}: {what}")),
            }
        }
        Ok(match wrong {
            None => Ok(Decoded { fixes, reply, state }),
            Some(what) => Err(what),
        })
    }

    fn optional_blob(&mut self, what: &str, wrong: &mut Option<String>) -> Result<Option<Vec<u8>>, Broken> {
        if !self.flag()? {
            return Ok(None);
        }
        let bytes = self.blob()?;
        if bytes.len() > MAX_BYTES {
            *wrong = Some(too_many_bytes(what, bytes.len()));
            return Ok(None);
        }
        Ok(Some(bytes.to_vec()))
    }

    /// The position without its attributes, and these.
    #[expect(clippy::type_complexity, reason = "used once")]
    fn position(&mut self) -> Result<(wit::Position, Result<Vec<(String, AttributeValue)>, String>), Broken> {
        let fields = u32::from_le_bytes(self.array()?);
        if fields >> FIELDS != 0 {
            return Err(Broken("a position has a field that does not exist"));
        }
        let position = wit::Position {
            device: self.named(fields, 0, |cursor| cursor.text().map(str::to_owned))?,
            time_ms: self.named(fields, 1, Self::integer)?,
            valid: self.named(fields, 2, Self::flag)?,
            latitude: self.named(fields, 3, Self::real)?,
            longitude: self.named(fields, 4, Self::real)?,
            altitude_m: self.named(fields, 5, Self::real)?,
            speed_kmh: self.named(fields, 6, Self::real)?,
            heading_deg: self.named(fields, 7, Self::real)?,
            accuracy_m: self.named(fields, 8, Self::real)?,
            hdop: self.named(fields, 9, Self::real)?,
            satellites: self.named(fields, 10, |cursor| cursor.array().map(u16::from_le_bytes))?,
            odometer_km: self.named(fields, 11, Self::real)?,
            distance_km: self.named(fields, 12, Self::real)?,
            ignition: self.named(fields, 13, Self::flag)?,
            fuel_percent: self.named(fields, 14, Self::real)?,
            engine_temperature_c: self.named(fields, 15, Self::real)?,
            engine_rpm: self.named(fields, 16, Self::real)?,
            battery_v: self.named(fields, 17, Self::real)?,
            battery_percent: self.named(fields, 18, Self::real)?,
            power_v: self.named(fields, 19, Self::real)?,
            signal: self.named(fields, 20, Self::real)?,
            event: self.named(fields, 21, |cursor| cursor.text().map(str::to_owned))?,
            attributes: Vec::new(),
        };
        Ok((position, self.attributes()?))
    }

    /// A field, if `fields` names it.
    #[inline]
    fn named<T>(
        &mut self,
        fields: u32,
        bit: u32,
        read: impl FnOnce(&mut Self) -> Result<T, Broken>,
    ) -> Result<Option<T>, Broken> {
        if fields & (1 << bit) == 0 {
            return Ok(None);
        }
        read(self).map(Some)
    }

    /// The inner error is about this message only, as above.
    fn attributes(&mut self) -> Result<Result<Vec<(String, AttributeValue)>, String>, Broken> {
        let count = self.number()?;
        let mut wrong = (count > MAX_ATTRIBUTES).then(|| too_many(count, "attributes", MAX_ATTRIBUTES));
        let mut attributes = Vec::with_capacity(count.min(MAX_ATTRIBUTES));
        for _ in 0..count {
            let kind = self.byte()?;
            let key = if kind & NAMED == 0 {
                convert::Key::Declared(self.number()?)
            } else {
                convert::Key::Named(self.text()?)
            };
            let value = match kind & !NAMED {
                0 => AttributeValue::Flag(false),
                1 => AttributeValue::Flag(true),
                2 => AttributeValue::Integer(self.integer()?),
                3 => AttributeValue::Real(self.real()?),
                4 => AttributeValue::Text(self.text()?.to_owned()),
                _ => return Err(Broken("an attribute is of no known kind")),
            };
            if wrong.is_some() {
                continue;
            }
            match convert::attribute(key, value, self.keys) {
                Ok(Some(attribute)) => attributes.push(attribute),
                Ok(None) => {}
                Err(what) => wrong = Some(what),
            }
        }
        Ok(match wrong {
            None => Ok(attributes),
            Some(what) => Err(what),
        })
    }
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;
