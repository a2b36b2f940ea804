//! The protobuf messages, as far as they are read. Sources: `integration.proto`, `common.proto` and
//! `gw.proto` of chirpstack-api, `timestamp.proto` and `struct.proto` of protobuf.

use prost::Message;

/// What all events but the log have in common.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AnyEvent {
    #[prost(message, optional, tag = "3")]
    pub device_info: Option<DeviceInfo>,
}

/// A log entry.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct LogEvent {
    #[prost(message, optional, tag = "2")]
    pub device_info: Option<DeviceInfo>,
}

/// An uplink.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct UplinkEvent {
    #[prost(message, optional, tag = "2")]
    pub time: Option<Timestamp>,
    #[prost(message, optional, tag = "3")]
    pub device_info: Option<DeviceInfo>,
    #[prost(uint32, tag = "8")]
    pub f_port: u32,
    #[prost(bytes = "vec", tag = "10")]
    pub data: Vec<u8>,
    #[prost(message, optional, tag = "11")]
    pub object: Option<Struct>,
    #[prost(message, repeated, tag = "12")]
    pub rx_info: Vec<UplinkRxInfo>,
}

/// A location that was resolved.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct LocationEvent {
    #[prost(message, optional, tag = "2")]
    pub time: Option<Timestamp>,
    #[prost(message, optional, tag = "3")]
    pub device_info: Option<DeviceInfo>,
    #[prost(message, optional, tag = "4")]
    pub location: Option<Location>,
}

/// Which device it is.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DeviceInfo {
    #[prost(string, tag = "7")]
    pub device_name: String,
    #[prost(string, tag = "8")]
    pub dev_eui: String,
}

/// How one gateway heard it. Its place (12) is not read.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct UplinkRxInfo {
    /// dBm
    #[prost(int32, tag = "6")]
    pub rssi: i32,
    /// dB
    #[prost(float, tag = "7")]
    pub snr: f32,
}

/// A place.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Location {
    #[prost(double, optional, tag = "1")]
    pub latitude: Option<f64>,
    #[prost(double, optional, tag = "2")]
    pub longitude: Option<f64>,
    #[prost(double, tag = "3")]
    pub altitude: f64,
    #[prost(int32, tag = "4")]
    pub source: i32,
    #[prost(float, tag = "5")]
    pub accuracy: f32,
}

/// Seconds since 1970, and nanoseconds.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// The codec's object: a map, read as the list that it is on the wire.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Struct {
    #[prost(message, repeated, tag = "1")]
    pub fields: Vec<Field>,
}

/// A field of an object.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Field {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(message, optional, tag = "2")]
    pub value: Option<Value>,
}

/// A value of a field; lists are not read. An inner object stays bytes until it is wanted, so that
/// the depth of reading is ours to choose.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Value {
    #[prost(double, optional, tag = "2")]
    pub number: Option<f64>,
    #[prost(string, optional, tag = "3")]
    pub text: Option<String>,
    #[prost(bool, optional, tag = "4")]
    pub flag: Option<bool>,
    #[prost(bytes = "vec", optional, tag = "5")]
    pub object: Option<Vec<u8>>,
}
