//! From the number of a frame to what its content means.

use fixstream_decoder::{DecodeError, Position, Reader};

use crate::block::{self, Certainty, DATE_LENGTH};
use crate::frame::{Form, Frame};
use crate::{camera, login, modular, prefixed, tail, text_report};

/// What a frame said.
pub(crate) enum Contents {
    /// The device that the following frames of the connection are from.
    Login(String),
    Positions(Vec<Position>),
    /// Heartbeat, status, cells, answer to a command, or an unknown number.
    Nothing,
}

/// Models that put an identifier and their time before the block.
const WITH_DEVICE_TIME: [&str; 2] = ["NT20", "XT40"];

/// Model that puts eight BCD bytes before the block.
const WITH_DIGITS: &str = "QH302R";

/// Decodes the content of a frame. `model` is empty when it is not known.
pub(crate) fn contents(frame: &Frame<'_>, model: &str) -> Result<Contents, DecodeError> {
    let content = frame.content;
    let position = match (frame.number, frame.form) {
        (login::NUMBER, _) => return login::device(content).map(Contents::Login),
        (0x70, Form::Long) => return modular::positions(content).map(Contents::Positions),
        (0x22 | 0x25, _) if WITH_DEVICE_TIME.contains(&model) => prefixed::with_device_time(content)?,
        (0x12, _) if model == WITH_DIGITS => prefixed::behind_digits(content)?,
        (0x32, Form::Long) => with_length(content)?,
        (0x34, Form::Short) => prefixed::header(content)?,
        (0x61, _) => prefixed::behind_imei(content)?,
        (0x95, _) => camera::event(content)?,
        (0x21, _) => text_report::position(content)?,
        (number, _) => direct(number, content, model)?,
    };
    Ok(position.map_or(Contents::Nothing, |position| Contents::Positions(vec![position])))
}

/// Messages that begin with the block.
fn direct(number: u8, content: &[u8], model: &str) -> Result<Option<Position>, DecodeError> {
    let certainty = match number {
        0x10 | 0x11 | 0x12 | 0x16 | 0x1e | 0x22 | 0x26 | 0x27 | 0x31 | 0x32 | 0x37 | 0x38 | 0xa0 | 0xa4 => {
            Certainty::Position
        }
        0x15 | 0x2d | 0xa2 | 0xa3 => Certainty::Shared,
        0x17 | 0x24 | 0x36 => Certainty::UsualNibble,
        _ => return Ok(None),
    };
    let mut position = block::read(content, certainty)?;
    if let Some(position) = &mut position {
        tail::add(number, content, model, position);
    }
    Ok(position)
}

/// 0x32 in long frames: date, length of the GPS information (0: no fix), then as in the block.
fn with_length(content: &[u8]) -> Result<Option<Position>, DecodeError> {
    let mut reader = Reader::new(content);
    let date: [u8; DATE_LENGTH] = reader.array()?;
    let Some(time_ms) = block::date_ms(date) else {
        return Ok(None);
    };
    if reader.u8()? == 0 {
        return Ok(None);
    }
    block::behind_date(&mut reader, time_ms).map(Some)
}
