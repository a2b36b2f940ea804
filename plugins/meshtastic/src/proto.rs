//! The protobuf messages, as far as they are read. Source: `mqtt.proto`, `mesh.proto` and
//! `portnums.proto` of meshtastic/protobufs. Texts are read as bytes, because the firmware cuts them
//! without regard to UTF-8.

use prost::Message;

/// What a gateway publishes.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ServiceEnvelope {
    #[prost(message, optional, tag = "1")]
    pub packet: Option<MeshPacket>,
    #[prost(bytes = "vec", tag = "2")]
    pub channel_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub gateway_id: Vec<u8>,
}

/// A packet on the mesh.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MeshPacket {
    #[prost(fixed32, tag = "1")]
    pub from: u32,
    /// Absent when the packet is encrypted.
    #[prost(message, optional, tag = "4")]
    pub decoded: Option<Data>,
    /// Seconds since 1970, 0 is unknown.
    #[prost(fixed32, tag = "7")]
    pub rx_time: u32,
    /// dB
    #[prost(float, tag = "8")]
    pub rx_snr: f32,
    #[prost(uint32, tag = "9")]
    pub hop_limit: u32,
    /// dBm, 0 is unknown.
    #[prost(int32, tag = "12")]
    pub rx_rssi: i32,
    /// The hop limit that it began with, 0 is unknown.
    #[prost(uint32, tag = "15")]
    pub hop_start: u32,
}

/// The content of a packet.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Data {
    #[prost(int32, tag = "1")]
    pub portnum: i32,
    #[prost(bytes = "vec", tag = "2")]
    pub payload: Vec<u8>,
}

/// Port 3.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Position {
    #[prost(sfixed32, optional, tag = "1")]
    pub latitude_i: Option<i32>,
    #[prost(sfixed32, optional, tag = "2")]
    pub longitude_i: Option<i32>,
    #[prost(int32, optional, tag = "3")]
    pub altitude: Option<i32>,
    #[prost(fixed32, tag = "4")]
    pub time: u32,
    #[prost(int32, tag = "5")]
    pub location_source: i32,
    #[prost(fixed32, tag = "7")]
    pub timestamp: u32,
    #[prost(uint32, tag = "11")]
    pub pdop: u32,
    #[prost(uint32, tag = "12")]
    pub hdop: u32,
    #[prost(uint32, tag = "13")]
    pub vdop: u32,
    #[prost(uint32, optional, tag = "15")]
    pub ground_speed: Option<u32>,
    #[prost(uint32, optional, tag = "16")]
    pub ground_track: Option<u32>,
    #[prost(uint32, optional, tag = "19")]
    pub sats_in_view: Option<u32>,
    #[prost(uint32, tag = "23")]
    pub precision_bits: u32,
}

/// Port 73: what a node tells the public map about itself.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MapReport {
    #[prost(bytes = "vec", tag = "1")]
    pub long_name: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub short_name: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub firmware_version: Vec<u8>,
    #[prost(sfixed32, optional, tag = "9")]
    pub latitude_i: Option<i32>,
    #[prost(sfixed32, optional, tag = "10")]
    pub longitude_i: Option<i32>,
    #[prost(int32, optional, tag = "11")]
    pub altitude: Option<i32>,
    #[prost(uint32, tag = "12")]
    pub position_precision: u32,
    #[prost(uint32, tag = "13")]
    pub num_online_local_nodes: u32,
}
