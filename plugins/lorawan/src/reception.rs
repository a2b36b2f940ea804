//! How well the gateways heard an uplink.

use fixstream_decoder::json::Scalar;
use serde::Deserialize;

/// What one gateway says about an uplink, in both networks' JSON. Its place is not read: it is the
/// gateway's, never the device's.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Reception<'text> {
    /// dBm.
    #[serde(borrow, default)]
    pub rssi: Scalar<'text>,
    /// dB.
    #[serde(borrow, default)]
    pub snr: Scalar<'text>,
}

/// RSSI in dBm and SNR in dB at the gateway that heard it loudest.
pub fn strongest(receptions: &[Reception<'_>]) -> Option<(f64, Option<f64>)> {
    receptions
        .iter()
        .filter_map(|reception| Some((reception.rssi.number()?, reception.snr.number())))
        .max_by(|one, other| one.0.total_cmp(&other.0))
}
