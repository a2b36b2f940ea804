//! Login: who the frames of a connection are from.

use fixstream_decoder::text::imei_from_bcd;
use fixstream_decoder::{DecodeError, malformed};

/// Number of a login.
pub(crate) const NUMBER: u8 = 0x01;

/// Bytes of an identifier.
pub(crate) const ID_LENGTH: usize = 8;

/// The identifier at the beginning of a login's content. Type and time zone may follow; the zone is
/// left aside because trackers send their times in UTC.
pub(crate) fn device(content: &[u8]) -> Result<String, DecodeError> {
    device_in(content).ok_or_else(|| malformed("login without an imei"))
}

/// The identifier in 8 BCD bytes: an IMEI of 15 digits behind a 0.
pub(crate) fn device_in(content: &[u8]) -> Option<String> {
    imei_from_bcd(content.get(..ID_LENGTH)?).filter(|id| id.bytes().any(|digit| digit != b'0'))
}

/// The identifier that an earlier login left.
pub(crate) fn device_of_state(state: &[u8]) -> Option<&str> {
    let is_id = !state.is_empty() && state.len() <= 2 * ID_LENGTH && state.iter().all(u8::is_ascii_digit);
    is_id.then(|| core::str::from_utf8(state).ok()).flatten()
}

/// The identifier in a login packet that was kept elsewhere, which may lack what follows it.
pub(crate) fn device_of_packet(packet: &[u8]) -> Option<String> {
    match packet {
        [0x78, 0x78, _, NUMBER, rest @ ..] | [0x79, 0x79, _, _, NUMBER, rest @ ..] => device_in(rest),
        _ => None,
    }
}
