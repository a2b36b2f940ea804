//! The JSON of The Things Stack's events, read in one pass. What has a place that is not the device's
//! (gateways, map pins) is not read at all.

use std::borrow::Cow;

use fixstream_decoder::json::{Flat, Scalar, next_name};
use fixstream_decoder_lorawan::{Node, Reception};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

/// One event of an end device.
#[derive(Debug, Default)]
pub struct Event<'text> {
    pub end_device_ids: Option<Flat<'text>>,
    pub received_at: Scalar<'text>,
    pub uplink_message: Option<UplinkMessage<'text>>,
    pub location_solved: Option<LocationSolved<'text>>,
    /// It is of a kind that has no place: join, downlink, service data, repetition of an uplink.
    pub without_place: bool,
}

/// `uplink_message`
#[derive(Debug, Default, Deserialize)]
pub struct UplinkMessage<'text> {
    #[serde(borrow, default)]
    pub f_port: Scalar<'text>,
    #[serde(borrow, default)]
    pub frm_payload: Scalar<'text>,
    #[serde(borrow, default)]
    pub decoded_payload: Node<'text>,
    #[serde(borrow, default)]
    pub rx_metadata: Option<Vec<Reception<'text>>>,
    #[serde(borrow, default)]
    pub received_at: Scalar<'text>,
    #[serde(borrow, default)]
    pub locations: Option<Locations<'text>>,
    #[serde(borrow, default)]
    pub last_battery_percentage: Option<Flat<'text>>,
}

/// `locations` of an uplink. The others in it are pins that a user set.
#[derive(Debug, Default, Deserialize)]
pub struct Locations<'text> {
    #[serde(borrow, default, rename = "frm-payload")]
    pub frm_payload: Option<Flat<'text>>,
}

/// `location_solved`
#[derive(Debug, Default, Deserialize)]
pub struct LocationSolved<'text> {
    #[serde(borrow, default)]
    pub service: Scalar<'text>,
    #[serde(borrow, default)]
    pub location: Option<Flat<'text>>,
}

impl<'de> Event<'de> {
    fn read<A: MapAccess<'de>>(&mut self, name: &Cow<'de, str>, entries: &mut A) -> Result<(), A::Error> {
        match &**name {
            "end_device_ids" => self.end_device_ids = entries.next_value()?,
            "received_at" => self.received_at = entries.next_value()?,
            "uplink_message" => self.uplink_message = entries.next_value()?,
            "location_solved" => self.location_solved = entries.next_value()?,
            other => {
                self.without_place |= matches!(other, "join_accept" | "service_data" | "uplink_normalized")
                    || other.starts_with("downlink_");
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Event<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EventVisitor;
        impl<'de> Visitor<'de> for EventVisitor {
            type Value = Event<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an event")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut event = Event::default();
                while let Some(name) = next_name(&mut entries)? {
                    event.read(&name, &mut entries)?;
                }
                Ok(event)
            }
        }
        deserializer.deserialize_map(EventVisitor)
    }
}
