//! The payload formats, by the name that the setting `device_codec` has for them.

use fixstream_decoder::{DecodeError, Position, Reader, malformed};

use crate::{browan, cayenne_lpp, dragino, oyster};

/// Payload format of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Cayenne Low Power Payload, of many devices.
    CayenneLpp,
    /// Digital Matter Oyster.
    Oyster,
    /// Dragino LGT-92.
    Lgt92,
    /// Dragino TrackerD.
    TrackerD,
    /// Browan Object Locator.
    ObjectLocator,
}

impl Codec {
    /// The format with this name in the setting `device_codec`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "cayenne_lpp" => Self::CayenneLpp,
            "digitalmatter_oyster" => Self::Oyster,
            "dragino_lgt92" => Self::Lgt92,
            "dragino_trackerd" => Self::TrackerD,
            "browan_objectlocator" => Self::ObjectLocator,
            _ => return None,
        })
    }

    /// Whether the device says "no fix" by 0/0.
    pub(crate) fn zero_is_no_fix(self) -> bool {
        matches!(self, Self::Lgt92 | Self::TrackerD)
    }

    /// Decodes the payload of one uplink. Empty when there is nothing to locate: no fix, or a port
    /// that carries something else.
    pub fn decode(self, port: Option<u8>, payload: &[u8]) -> Result<Vec<Position>, DecodeError> {
        // port 0 is the network's own: MAC commands, no data of the device
        if payload.is_empty() || port == Some(0) {
            return Ok(Vec::new());
        }
        match (self, port) {
            // not even one value; ChirpStack's documentation shows such an uplink
            (Self::CayenneLpp, _) if payload.len() == 1 => Ok(Vec::new()),
            (Self::CayenneLpp, _) => cayenne_lpp::positions(payload),
            (Self::Oyster, Some(1)) => oyster::full(payload).map(one),
            (Self::Oyster, Some(4)) => oyster::short(payload).map(one),
            (Self::Lgt92, Some(2)) => dragino::lgt92(payload).map(some),
            (Self::TrackerD, Some(2)) => dragino::trackerd(payload).map(some),
            (Self::TrackerD, Some(3)) => dragino::trackerd_short(payload).map(some),
            (Self::ObjectLocator, Some(136)) => browan::object_locator(payload).map(one),
            _ => Ok(Vec::new()),
        }
    }
}

fn one(position: Position) -> Vec<Position> {
    vec![position]
}

fn some(position: Option<Position>) -> Vec<Position> {
    position.into_iter().collect()
}

/// Complains when the payload is longer than its format: then it is another one.
pub(crate) fn finished(reader: &Reader<'_>) -> Result<(), DecodeError> {
    if reader.is_empty() {
        Ok(())
    } else {
        Err(malformed(format_args!(
            "{} bytes more than the device payload has",
            reader.remaining()
        )))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn other_ports_and_empty_payloads_are_nothing_to_locate() {
        for (name, port) in [
            ("digitalmatter_oyster", 2),
            ("dragino_lgt92", 5),
            ("dragino_trackerd", 4),
            ("browan_objectlocator", 204),
            ("cayenne_lpp", 0),
        ] {
            let codec = Codec::from_name(name).unwrap();
            assert_eq!(codec.decode(Some(port), &[1; 11]), Ok(Vec::new()), "{name}");
            assert_eq!(codec.decode(Some(1), &[]), Ok(Vec::new()), "{name}");
        }
        assert_eq!(Codec::from_name("milesight"), None);
    }
}
