//! PUI decoder: reports of PUI trackers, JSON over MQTT.
//!
//! What comes in: one object that says in `rpt` what it is. What goes out: one position for `hf` (high
//! frequency) and `loc`, nothing for other reports.

mod moment;

use fixstream_decoder::json::{self, Flat};
use fixstream_decoder::text::{shown, snake_case};
use fixstream_decoder::units::{heading_deg, kmh_from_mps};
use fixstream_decoder::{DecodeError, DecodeResult, Decoded, Message, Position, malformed};

fixstream_decoder::keys! {
    /// Names of the values that the position record has no field for.
    pub KEYS {
        REPORT = "report",
    }
}

fixstream_decoder::decoder! { name: "pui", keys: KEYS, decode: decode }

/// The contract allows 256 attributes.
const MOST_UNLISTED: usize = 200;

/// Speeds are in centimetres per second.
const CM_PER_M: f64 = 100.0;

/// Decodes one message of a PUI tracker.
pub fn decode(message: &Message) -> DecodeResult {
    let fields = json::parse_paths(&message.payload)?;
    if fields.get("rpt").is_absent() {
        return Err(DecodeError::NotMine);
    }
    match fields.get("rpt").text() {
        Some("hf" | "loc") => Ok(report(fields)?.into()),
        Some(_) => Ok(Decoded::nothing()),
        None => Err(malformed("rpt is no text")),
    }
}

/// The position of a report; one without a place is broken, because a place is what it is for.
fn report(fields: Flat<'_>) -> Result<Position, DecodeError> {
    let mut position = Position {
        device: fields.get("id").identifier(),
        valid: Some(true),
        ..Position::at(
            fields.get("location.lat").required_number("location.lat")?,
            fields.get("location.lon").required_number("location.lon")?,
        )?
    };
    let mut unlisted = 0;
    for (name, value) in fields.0 {
        match &*name {
            "id" | "location" | "location.lat" | "location.lon" => {}
            "ts" => {
                let text = value.text().ok_or_else(|| malformed("ts is no text"))?;
                let ms = moment::ms(text)
                    .ok_or_else(|| malformed(format_args!("no date and time: {}", shown(text))))?;
                position.time_ms = Some(ms);
            }
            "bear" => position.heading_deg = value.number_in(0.0..).and_then(heading_deg),
            "spd" => {
                position.speed_kmh = value.number_in(0.0..).map(|speed| kmh_from_mps(speed / CM_PER_M));
            }
            "ign" => position.ignition = value.flag(),
            "rpt" => position.add_some(REPORT, value.into_value()),
            other if unlisted < MOST_UNLISTED => {
                unlisted += 1;
                if let (Some(key), Some(value)) = (snake_case(other), value.into_value()) {
                    position.add(key, value);
                }
            }
            _ => {}
        }
    }
    Ok(position)
}
