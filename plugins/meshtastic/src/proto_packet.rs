//! Packets as protobuf (topics `…/2/e/…`, before `…/2/c/…`, and `…/2/map/`).

use fixstream_decoder::{DecodeError, Decoded, Position, malformed};
use prost::Message;

use crate::fix::Fix;
use crate::proto::{self, MapReport, MeshPacket, ServiceEnvelope};
use crate::{
    CHANNEL_NAME, FIRMWARE, GATEWAY, HOPS_AWAY, LOCATION_SOURCE, LONG_NAME, NODES_ONLINE, SHORT_NAME, SNR,
    node_id,
};

const POSITION_PORT: i32 = 3;
const MAP_REPORT_PORT: i32 = 73;

pub(crate) fn decode(payload: &[u8]) -> Result<Decoded, DecodeError> {
    let envelope: ServiceEnvelope = message(payload)?;
    let Some(packet) = &envelope.packet else {
        return Err(malformed("no packet"));
    };
    // encrypted, and the key is not here
    let Some(data) = &packet.decoded else {
        return Ok(Decoded::nothing());
    };
    let position = match data.portnum {
        POSITION_PORT => of_position(&message(&data.payload)?, packet)?,
        MAP_REPORT_PORT => of_map_report(&message(&data.payload)?, packet)?,
        _ => None,
    };
    let Some(mut position) = position else {
        return Ok(Decoded::nothing());
    };
    if packet.from == 0 {
        return Err(malformed("no sender"));
    }
    position.device = Some(node_id(packet.from));
    // 0 says nothing: a gateway does not hear itself
    if packet.rx_rssi != 0 {
        position.signal = Some(f64::from(packet.rx_rssi));
        position.add(SNR, packet.rx_snr);
    }
    if packet.hop_start > 0 {
        position.add_some(HOPS_AWAY, packet.hop_start.checked_sub(packet.hop_limit));
    }
    position.add_some(GATEWAY, text(&envelope.gateway_id));
    position.add_some(CHANNEL_NAME, text(&envelope.channel_id));
    Ok(position.into())
}

fn message<M: Message + Default>(bytes: &[u8]) -> Result<M, DecodeError> {
    M::decode(bytes).map_err(|_| malformed("not the protobuf message that it should be"))
}

fn of_position(fix: &proto::Position, packet: &MeshPacket) -> Result<Option<Position>, DecodeError> {
    let position = Fix {
        latitude: fix.latitude_i.map(f64::from),
        longitude: fix.longitude_i.map(f64::from),
        altitude_m: fix.altitude.map(f64::from),
        times: [fix.time, fix.timestamp, packet.rx_time].map(|seconds| Some(f64::from(seconds))),
        speed_kmh: fix.ground_speed.map(f64::from),
        track: fix.ground_track.map(f64::from),
        satellites: fix.sats_in_view.map(f64::from),
        hdop: Some(f64::from(fix.hdop)),
        pdop: Some(f64::from(fix.pdop)),
        vdop: Some(f64::from(fix.vdop)),
        precision_bits: Some(f64::from(fix.precision_bits)),
    }
    .into_position()?;
    Ok(position.map(|mut position| {
        let source = match fix.location_source {
            1 => Some("manual"),
            2 => Some("internal"),
            3 => Some("external"),
            _ => None,
        };
        position.add_some(LOCATION_SOURCE, source);
        position
    }))
}

fn of_map_report(report: &MapReport, packet: &MeshPacket) -> Result<Option<Position>, DecodeError> {
    let position = Fix {
        latitude: report.latitude_i.map(f64::from),
        longitude: report.longitude_i.map(f64::from),
        altitude_m: report.altitude.map(f64::from),
        times: [Some(f64::from(packet.rx_time)), None, None],
        precision_bits: Some(f64::from(report.position_precision)),
        ..Fix::default()
    }
    .into_position()?;
    Ok(position.map(|mut position| {
        position.add_some(LONG_NAME, text(&report.long_name));
        position.add_some(SHORT_NAME, text(&report.short_name));
        position.add_some(FIRMWARE, text(&report.firmware_version));
        if report.num_online_local_nodes > 0 {
            position.add(NODES_ONLINE, report.num_online_local_nodes);
        }
        position
    }))
}

/// A text of the firmware; `None` when it is empty.
fn text(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned())
}
