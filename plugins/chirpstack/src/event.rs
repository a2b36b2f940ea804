//! The JSON of ChirpStack's events. The places of gateways are not read at all.

use fixstream_decoder::Message;
use fixstream_decoder::json::{Flat, Scalar};
use fixstream_decoder_lorawan::{Node, Reception};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The fields of all events. Fields with their default value are left out by ChirpStack.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event<'text> {
    #[serde(borrow, default)]
    pub time: Scalar<'text>,
    #[serde(borrow, default)]
    pub device_info: Option<Flat<'text>>,
    #[serde(borrow, default)]
    pub f_port: Scalar<'text>,
    #[serde(borrow, default)]
    pub data: Scalar<'text>,
    #[serde(borrow, default)]
    pub object: Node<'text>,
    #[serde(borrow, default)]
    pub rx_info: Option<Vec<Reception<'text>>>,
    #[serde(borrow, default)]
    pub location: Option<Flat<'text>>,
    #[serde(default)]
    integration_name: Option<IgnoredAny>,
}

/// What an event reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Up,
    Location,
    /// Known, and without a place of the device.
    WithoutPlace,
    Unknown,
}

impl Kind {
    /// The last level of the topic (`…/event/up`), or `event=up` in the query of an HTTP call. `None`
    /// when the channel says nothing.
    pub fn of_channel(message: &Message) -> Option<Self> {
        let channel = message.channel.as_str();
        let name = match channel.split_once('?') {
            Some((_, query)) => query.split('&').find_map(|pair| pair.strip_prefix("event="))?,
            None => channel.rsplit_once("/event/")?.1,
        };
        Some(match name {
            "up" => Self::Up,
            "location" => Self::Location,
            "join" | "ack" | "txack" | "status" | "log" | "integration" => Self::WithoutPlace,
            _ => Self::Unknown,
        })
    }

    /// What the fields say. An integration's event has an `object` too, which is no uplink's.
    pub fn of_fields(event: &Event<'_>) -> Self {
        let has_object = matches!(event.object, Node::Object(_));
        if event.integration_name.is_some() {
            Self::WithoutPlace
        } else if event.location.is_some() {
            Self::Location
        } else if has_object || !event.data.is_absent() || !event.f_port.is_absent() {
            Self::Up
        } else {
            Self::WithoutPlace
        }
    }
}
