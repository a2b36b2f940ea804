//! An event, whichever form it came in.

use fixstream_decoder::{DecodeError, Decoded, Position};
use fixstream_decoder_lorawan::{Uplink, keys};

/// What is read of an event.
#[derive(Debug)]
pub(crate) struct Report<'message> {
    pub time_ms: Option<i64>,
    pub device: Option<String>,
    pub device_name: Option<String>,
    pub content: Content<'message>,
}

/// What it reports.
#[derive(Debug)]
pub(crate) enum Content<'message> {
    Up {
        uplink: Uplink<'message>,
        /// RSSI in dBm, SNR in dB.
        signal: Option<(f64, Option<f64>)>,
    },
    Location(Option<Position>),
    WithoutPlace,
}

impl Report<'_> {
    pub(crate) fn decode(self) -> Result<Decoded, DecodeError> {
        let (mut decoded, signal) = match self.content {
            Content::Up { uplink, signal } => (uplink.decode()?, signal),
            Content::Location(position) => (Vec::from_iter(position).into(), None),
            Content::WithoutPlace => return Ok(Decoded::nothing()),
        };
        for position in &mut decoded.positions {
            position.time_ms = position.time_ms.or(self.time_ms);
            position.device.clone_from(&self.device);
            position.add_some(keys::DEVICE_NAME, self.device_name.as_deref());
            if let Some((rssi, snr)) = signal {
                position.signal = Some(rssi);
                position.add_some(keys::SNR, snr);
            }
        }
        Ok(decoded)
    }
}
