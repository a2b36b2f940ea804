//! Packets as JSON (topic `…/2/json/…`). Source: `MeshPacketSerializer` of the firmware.

use fixstream_decoder::json::{self, Flat, Scalar};
use fixstream_decoder::{DecodeError, Decoded, malformed};
use serde::Deserialize;

use crate::fix::Fix;
use crate::{GATEWAY, HOPS_AWAY, SNR, node_id};

/// The packet of a position; read only when the type says that it is one, because the payload of a
/// text may be anything.
#[derive(Debug, Deserialize)]
struct PositionPacket<'text> {
    #[serde(borrow, default)]
    payload: Option<Flat<'text>>,
}

pub(crate) fn decode(payload: &[u8]) -> Result<Decoded, DecodeError> {
    let packet: Flat<'_> = json::parse(payload)?;
    let Some(kind) = packet.get("type").text() else {
        // an encrypted packet has neither type nor payload
        let encrypted = !packet.get("from").is_absent() && packet.get("payload").is_absent();
        return if encrypted {
            Ok(Decoded::nothing())
        } else {
            Err(DecodeError::NotMine)
        };
    };
    // the other types have no place of the sender: a waypoint's is somebody's mark on the map, and
    // `sendposition` is a command
    if kind != "position" {
        return Ok(Decoded::nothing());
    }
    let sender = sender_of(packet.get("from"))?;
    let position: PositionPacket<'_> = json::parse(payload)?;
    let Some(fields) = position.payload else {
        return Err(malformed("no payload"));
    };
    let number = |name: &str| fields.get(name).number();
    let coordinate = |name: &str| {
        let value = fields.get(name);
        if value.is_absent() {
            Ok(None)
        } else {
            value.required_number(name).map(Some)
        }
    };
    let fix = Fix {
        latitude: coordinate("latitude_i")?,
        longitude: coordinate("longitude_i")?,
        altitude_m: number("altitude"),
        times: [
            number("time"),
            number("timestamp"),
            packet.get("timestamp").number(),
        ],
        speed_kmh: number("ground_speed"),
        track: number("ground_track"),
        satellites: number("sats_in_view"),
        hdop: number("HDOP"),
        pdop: number("PDOP"),
        vdop: number("VDOP"),
        precision_bits: number("precision_bits"),
    };
    let Some(mut position) = fix.into_position()? else {
        return Ok(Decoded::nothing());
    };
    position.device = Some(node_id(sender));
    position.signal = packet.get("rssi").number().filter(|rssi| *rssi != 0.0);
    position.add_some(SNR, packet.get("snr").number());
    position.add_some(
        HOPS_AWAY,
        packet
            .get("hops_away")
            .number_in(0.0..=255.0)
            .map(|hops| hops as u8),
    );
    position.add_some(GATEWAY, packet.get("sender").text());
    Ok(position.into())
}

/// The node number. Old firmware prints it with a sign.
fn sender_of(from: &Scalar<'_>) -> Result<u32, DecodeError> {
    let number = match from {
        Scalar::Text(text) if text.starts_with('!') => {
            u32::from_str_radix(text.trim_start_matches('!'), 16).ok()
        }
        other => other.number().map(|number| number as i64).and_then(|number| {
            u32::try_from(number)
                .ok()
                .or_else(|| i32::try_from(number).ok().map(i32::cast_unsigned))
        }),
    };
    number
        .filter(|number| *number != 0)
        .ok_or_else(|| malformed("no sender"))
}
