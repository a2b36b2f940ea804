//! Events as protobuf (`json=false` in ChirpStack's configuration). What it is, only the topic says.

use fixstream_decoder::json::{Flat, Scalar};
use fixstream_decoder::{DecodeError, Message, malformed, unsupported};
use fixstream_decoder_lorawan::{Node, Object, Uplink, position_of_location};

use crate::kind::Kind;
use crate::proto::{self, AnyEvent, DeviceInfo, LocationEvent, LogEvent, Timestamp, UplinkEvent};
use crate::report::{Content, Report};

/// Levels of objects that are read, as in JSON.
const LEVELS: u8 = 3;

pub(crate) fn read(message: &Message) -> Result<Report<'_>, DecodeError> {
    let payload = message.payload.as_slice();
    let (time_ms, device, content) = match Kind::of_channel(message) {
        Some(Kind::Up) => {
            let event: UplinkEvent = decoded(payload)?;
            let time_ms = time_of(event.time.as_ref())?;
            let content = Content::Up {
                signal: strongest(&event),
                uplink: Uplink {
                    object: event.object.map(|object| object_of(object, LEVELS)).transpose()?,
                    location: None,
                    port: u8::try_from(event.f_port).ok(),
                    payload: Some(Ok(event.data)),
                    codec: message.setting("device_codec"),
                    received_ms: time_ms,
                },
            };
            (time_ms, event.device_info, content)
        }
        Some(Kind::Location) => {
            let event: LocationEvent = decoded(payload)?;
            let position = match event.location {
                Some(location) => position_of_location(&location_of(&location))?,
                None => None,
            };
            (
                time_of(event.time.as_ref())?,
                event.device_info,
                Content::Location(position),
            )
        }
        Some(Kind::Log) => {
            let event: LogEvent = decoded(payload)?;
            (None, event.device_info, Content::WithoutPlace)
        }
        Some(Kind::WithoutPlace) => {
            let event: AnyEvent = decoded(payload)?;
            (None, event.device_info, Content::WithoutPlace)
        }
        Some(Kind::Unknown) => return Err(unsupported("event of an unknown kind")),
        None => return Err(unsupported("protobuf without an event in the topic")),
    };
    let DeviceInfo { device_name, dev_eui } = device.ok_or_else(|| malformed("no device_info"))?;
    Ok(Report {
        time_ms,
        device: Scalar::Text(dev_eui.into()).identifier(),
        device_name: (!device_name.is_empty()).then_some(device_name),
        content,
    })
}

fn decoded<M: prost::Message + Default>(bytes: &[u8]) -> Result<M, DecodeError> {
    M::decode(bytes).map_err(|_| malformed("neither JSON nor the protobuf message that it should be"))
}

fn time_of(time: Option<&Timestamp>) -> Result<Option<i64>, DecodeError> {
    /// 9999-12-31T23:59:59Z, the last that a timestamp may hold.
    const LAST_SECOND: i64 = 253_402_300_799;
    match time {
        None => Ok(None),
        Some(Timestamp { seconds, nanos })
            if (0..=LAST_SECOND).contains(seconds) && (0..1_000_000_000).contains(nanos) =>
        {
            Ok(Some(seconds * 1000 + i64::from(nanos / 1_000_000)))
        }
        Some(_) => Err(malformed("time out of range")),
    }
}

/// RSSI and SNR at the gateway that heard it loudest; 0 is not known.
fn strongest(event: &UplinkEvent) -> Option<(f64, Option<f64>)> {
    event
        .rx_info
        .iter()
        .filter(|reception| reception.rssi != 0)
        .max_by_key(|reception| reception.rssi)
        .map(|reception| (f64::from(reception.rssi), Some(f64::from(reception.snr))))
}

/// The location in the words of the JSON form.
fn location_of(location: &proto::Location) -> Flat<'static> {
    let source = match location.source {
        1 => "GPS",
        2 => "CONFIG",
        3 => "GEO_RESOLVER_TDOA",
        4 => "GEO_RESOLVER_RSSI",
        5 => "GEO_RESOLVER_GNSS",
        6 => "GEO_RESOLVER_WIFI",
        _ => "UNKNOWN",
    };
    let real = |value: Option<f64>| value.map_or(Scalar::Absent, Scalar::Real);
    let mut fields = Flat::default();
    fields.push("latitude".into(), real(location.latitude));
    fields.push("longitude".into(), real(location.longitude));
    fields.push("altitude".into(), real(Some(location.altitude)));
    fields.push("accuracy".into(), real(Some(f64::from(location.accuracy))));
    fields.push("source".into(), Scalar::Text(source.into()));
    fields
}

/// The object in the form of the JSON one. The depth of the calls is that of `levels`.
fn object_of(object: proto::Struct, levels: u8) -> Result<Object<'static>, DecodeError> {
    let mut fields = Vec::with_capacity(object.fields.len());
    for field in object.fields {
        let Some(value) = field.value else { continue };
        let node = match (value, levels.checked_sub(1)) {
            (
                proto::Value {
                    object: Some(inner), ..
                },
                Some(below @ 1..),
            ) => Node::Object(object_of(decoded(&inner)?, below)?),
            (
                proto::Value {
                    number: Some(number), ..
                },
                _,
            ) => Node::Value(scalar_of(number)),
            (proto::Value { text: Some(text), .. }, _) => Node::Value(Scalar::Text(text.into())),
            (proto::Value { flag: Some(flag), .. }, _) => Node::Value(Scalar::Flag(flag)),
            // null, a list, or too deep
            _ => continue,
        };
        fields.push((field.key.into(), node));
    }
    Ok(Object(fields))
}

/// All numbers of an object are doubles on the wire; whole ones were integers.
fn scalar_of(number: f64) -> Scalar<'static> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        Scalar::Integer(number as i64)
    } else {
        Scalar::Real(number)
    }
}
