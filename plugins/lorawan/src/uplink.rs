//! One uplink of a device: which of its sources counts for the place.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use fixstream_decoder::text::shown;
use fixstream_decoder::{DecodeError, Decoded, Position, malformed, unsupported};

use crate::codec::Codec;
use crate::decoded::{self, complete};
use crate::object::Object;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes that a network writes as base64.
pub fn payload_from_base64(text: &str) -> Result<Vec<u8>, DecodeError> {
    BASE64
        .decode(text)
        .map_err(|_| malformed("the device payload is not base64"))
}

/// What an uplink says, whatever the network calls it.
#[derive(Debug, Default)]
pub struct Uplink<'message> {
    /// The payload as the network's codec decoded it.
    pub object: Option<Object<'message>>,
    /// The place that the network itself took from the payload.
    pub location: Option<Position>,
    /// LoRaWAN port; absent counts as the network's own port 0.
    pub port: Option<u8>,
    /// The device's bytes, or why they could not be read.
    pub payload: Option<Result<Vec<u8>, DecodeError>>,
    /// The setting `device_codec`.
    pub codec: Option<&'message str>,
    /// When the network received it: the time of positions that have none of their own.
    pub received_ms: Option<i64>,
}

impl Uplink<'_> {
    /// The positions of the decoded payload, else that of the network, else those in the device's
    /// own bytes.
    pub fn decode(mut self) -> Result<Decoded, DecodeError> {
        let codec = self.codec.and_then(Codec::from_name);
        let read = match &self.object {
            Some(object) => decoded::read(object, codec.is_some_and(Codec::zero_is_no_fix))?,
            None => decoded::Decoded::Nothing,
        };
        let network = self.location.take();
        let mut positions = match (read, network) {
            (decoded::Decoded::Positions(positions), _) => positions,
            (decoded::Decoded::NoFix, _) => {
                // the device's bytes know better than the codec, when they are readable
                let own = self.own(codec).unwrap_or_default();
                return Ok(self.finished(own));
            }
            (_, Some(location)) => vec![location],
            (read, None) => {
                let own = self.own(codec)?;
                if own.is_empty() && matches!(read, decoded::Decoded::Half) {
                    return Err(malformed("half a place"));
                }
                return Ok(self.finished(own));
            }
        };
        // a decoded payload stands, even when the bytes do not
        complete(&mut positions, self.own(codec).unwrap_or_default());
        Ok(self.finished(positions))
    }

    /// The positions in the device's bytes.
    fn own(&mut self, codec: Option<Codec>) -> Result<Vec<Position>, DecodeError> {
        let Some(payload) = self.payload.take() else {
            return Ok(Vec::new());
        };
        let payload = payload?;
        match (codec, self.codec) {
            (Some(codec), _) => codec.decode(Some(self.port.unwrap_or(0)), &payload),
            (None, Some(name)) if !payload.is_empty() => {
                Err(unsupported(format_args!("device codec {}", shown(name))))
            }
            (None, _) => Ok(Vec::new()),
        }
    }

    fn finished(&self, mut positions: Vec<Position>) -> Decoded {
        for position in &mut positions {
            position.valid = position.valid.or(Some(true));
            position.time_ms = position.time_ms.or(self.received_ms);
        }
        positions.into()
    }
}
