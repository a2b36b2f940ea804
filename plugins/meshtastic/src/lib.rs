//! Meshtastic over MQTT: what a gateway hears on the mesh, as JSON or as protobuf.
//!
//! In: a packet of JSON, a `ServiceEnvelope`, or a gateway's `online` and `offline`. Out: one position
//! for a position or a map report, of the node that sent it and not of the gateway.

use fixstream_decoder::{DecodeError, Decoded, Message, malformed, text};

mod fix;
mod json_packet;
mod proto;
mod proto_packet;

fixstream_decoder::keys! {
    /// Names of the values that the position record has no field for.
    pub KEYS {
        GATEWAY = "gateway",
        CHANNEL_NAME = "channel_name",
        SNR = "snr_db",
        HOPS_AWAY = "hops_away",
        PRECISION_BITS = "precision_bits",
        PDOP = "pdop",
        VDOP = "vdop",
        LOCATION_SOURCE = "location_source",
        LONG_NAME = "long_name",
        SHORT_NAME = "short_name",
        FIRMWARE = "firmware",
        NODES_ONLINE = "nodes_online",
    }
}

fixstream_decoder::decoder! { name: "meshtastic", keys: KEYS, decode: decode }

/// Decodes one message.
pub fn decode(message: &Message) -> Result<Decoded, DecodeError> {
    let payload = message.payload.as_slice();
    match payload {
        [] => Err(malformed("empty payload")),
        // a gateway's state (topic `…/stat/…`)
        b"online" | b"offline" => Ok(Decoded::nothing()),
        // a line feed is no blank here: every envelope begins with it, and `{` may be its packet's length
        [b'{' | b' ' | b'\t' | b'\r', ..] => json_packet::decode(payload),
        _ => proto_packet::decode(payload),
    }
}

/// The id that Meshtastic shows for a node number.
fn node_id(number: u32) -> String {
    let mut id = "!".to_owned();
    id.push_str(&text::hex(&number.to_be_bytes()));
    id
}
