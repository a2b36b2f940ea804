//! Events as JSON. The places of gateways are not read at all.

use fixstream_decoder::json::{self, Flat, Scalar};
use fixstream_decoder::time::ms_from_rfc3339;
use fixstream_decoder::{DecodeError, Message, malformed, unsupported};
use fixstream_decoder_lorawan::{
    Node, Reception, Uplink, payload_from_base64, position_of_location, strongest,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::kind::Kind;
use crate::report::{Content, Report};

/// The fields of all events. Fields with their default value are left out by ChirpStack.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'text> {
    #[serde(borrow, default)]
    time: Scalar<'text>,
    #[serde(borrow, default)]
    device_info: Option<Flat<'text>>,
    #[serde(borrow, default)]
    f_port: Scalar<'text>,
    #[serde(borrow, default)]
    data: Scalar<'text>,
    #[serde(borrow, default)]
    object: Node<'text>,
    #[serde(borrow, default)]
    rx_info: Option<Vec<Reception<'text>>>,
    #[serde(borrow, default)]
    location: Option<Flat<'text>>,
    #[serde(default)]
    integration_name: Option<IgnoredAny>,
}

pub(crate) fn read(message: &Message) -> Result<Report<'_>, DecodeError> {
    let event: Event<'_> = json::parse(&message.payload)?;
    let kind = Kind::of_channel(message).unwrap_or_else(|| kind_of_fields(&event));
    let Some(device) = event.device_info else {
        return Err(malformed("no deviceInfo"));
    };
    let time_ms = match &event.time {
        Scalar::Absent => None,
        Scalar::Text(text) => Some(ms_from_rfc3339(text)?),
        _ => return Err(malformed("time is no text")),
    };
    let content = match kind {
        Kind::Up => Content::Up {
            uplink: Uplink {
                object: event.object.into_object(),
                location: None,
                port: event.f_port.number_in(0.0..=255.0).map(|port| port as u8),
                payload: event.data.text().map(payload_from_base64),
                codec: message.setting("device_codec"),
                received_ms: time_ms,
            },
            signal: strongest(&event.rx_info.unwrap_or_default()),
        },
        Kind::Location => match &event.location {
            Some(location) => Content::Location(position_of_location(location)?),
            None => Content::WithoutPlace,
        },
        Kind::Log | Kind::WithoutPlace => Content::WithoutPlace,
        Kind::Unknown => return Err(unsupported("event of an unknown kind")),
    };
    Ok(Report {
        time_ms,
        device: device.get("devEui").identifier(),
        device_name: device.get("deviceName").text().map(str::to_owned),
        content,
    })
}

/// What the fields say. An integration's event has an `object` too, which is no uplink's.
fn kind_of_fields(event: &Event<'_>) -> Kind {
    let has_object = matches!(event.object, Node::Object(_));
    if event.integration_name.is_some() {
        Kind::WithoutPlace
    } else if event.location.is_some() {
        Kind::Location
    } else if has_object || !event.data.is_absent() || !event.f_port.is_absent() {
        Kind::Up
    } else {
        Kind::WithoutPlace
    }
}
