//! Places as the networks themselves write them.

use fixstream_decoder::json::Flat;
use fixstream_decoder::{DecodeError, Position, malformed};

use crate::keys;

/// The position in a network's location object. `None` when it has no coordinates, and when its source
/// says that it was typed in: a map pin is no fix.
pub fn position_of_location(location: &Flat<'_>) -> Result<Option<Position>, DecodeError> {
    let source = location.get("source");
    if matches!(source.text(), Some("SOURCE_REGISTRY" | "CONFIG")) {
        return Ok(None);
    }
    let (latitude, longitude) = (location.get("latitude"), location.get("longitude"));
    match (latitude.is_absent(), longitude.is_absent()) {
        (true, true) => return Ok(None),
        (false, false) => {}
        _ => return Err(malformed("half a place")),
    }
    let mut position = Position {
        valid: Some(true),
        altitude_m: location.get("altitude").number(),
        // 0 is the networks' default, not a claim
        accuracy_m: location
            .get("accuracy")
            .number()
            .filter(|accuracy| *accuracy > 0.0),
        ..Position::at(
            latitude.required_number("latitude")?,
            longitude.required_number("longitude")?,
        )?
    };
    position.add_some(keys::LOCATION_SOURCE, source.text());
    Ok(Some(position))
}
