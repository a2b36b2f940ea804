//! The raw uplink: what the journal keeps of a message, enough to decode it again at any time.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{ClientId, Correction, DeviceId, Fix, LinkId, Offset, TimeMs, TrackerId};

/// One received message, as it stands in a journal record (postcard encoding, first byte a version).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Uplink {
    /// Time of receipt.
    pub received: TimeMs,
    /// Whose message it is.
    pub sender: Sender,
    /// What was received.
    pub source: Source,
}

/// Who sent it, from the credential or API key that was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The tenant.
    pub client: ClientId,
    /// The client-vendor link of the credential or key, where there is one.
    pub link: Option<LinkId>,
    /// The tracker that the credential belongs to; `None` for gateways and REST clients.
    pub tracker: Option<TrackerId>,
}

/// What was received, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Source {
    /// An MQTT PUBLISH.
    Mqtt {
        /// The vendor whose decoder understands it.
        vendor: String,
        /// The topic as published.
        topic: String,
        /// Device identifier captured from the topic, where the topic carries one.
        device: Option<String>,
        /// The payload as published.
        payload: Bytes,
    },
    /// A vendor's payload posted to `/position/vendor/{vendor}`.
    Http {
        /// The vendor whose decoder understands it.
        vendor: String,
        /// Path and query of the request.
        path: String,
        /// The body.
        payload: Bytes,
    },
    /// A position in the hub's own format, already validated (`/position/create`).
    Position {
        /// The device, checked to be the client's.
        device: DeviceId,
        /// The fix.
        fix: Box<Fix>,
    },
    /// A position of the sender's client, corrected after the fact.
    Correction(Box<Correction>),
}

/// A journal record that can't be read as an uplink.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// Written by a newer version of fixstream.
    #[error("journal record has format version {0}, this program knows up to {VERSION}")]
    Version(u8),
    /// The record's bytes are not what its version says.
    #[error("journal record can not be read: {0}")]
    Encoding(#[from] postcard::Error),
}

const VERSION: u8 = 1;

impl Uplink {
    /// Appends the record's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), UplinkError> {
        out.push(VERSION);
        let taken = std::mem::take(out);
        *out = postcard::to_extend(self, taken)?;
        Ok(())
    }

    /// Reads a record back.
    pub fn decode(record: &[u8]) -> Result<Self, UplinkError> {
        match record.split_first() {
            Some((&VERSION, rest)) => Ok(postcard::from_bytes(rest)?),
            Some((&version, _)) => Err(UplinkError::Version(version)),
            None => Err(UplinkError::Encoding(postcard::Error::DeserializeUnexpectedEnd)),
        }
    }

    /// Everything but the payload, in the encoding of a record: with the payload beside it, the uplink can be
    /// made again ([`Self::restore`]) without keeping those bytes twice.
    pub fn envelope(&self) -> Result<Bytes, UplinkError> {
        let mut rest = self.clone();
        if let Some(payload) = rest.payload_mut() {
            *payload = Bytes::new();
        }
        let mut out = Vec::with_capacity(96);
        rest.encode(&mut out)?;
        Ok(out.into())
    }

    /// The uplink that was taken apart into `envelope` and its payload.
    pub fn restore(envelope: &[u8], bytes: Bytes) -> Result<Self, UplinkError> {
        let mut uplink = Self::decode(envelope)?;
        if let Some(payload) = uplink.payload_mut() {
            *payload = bytes;
        }
        Ok(uplink)
    }

    fn payload_mut(&mut self) -> Option<&mut Bytes> {
        match &mut self.source {
            Source::Mqtt { payload, .. } | Source::Http { payload, .. } => Some(payload),
            Source::Position { .. } | Source::Correction(_) => None,
        }
    }

    /// The vendor whose decoder is responsible; `None` for the hub's own formats.
    pub fn vendor(&self) -> Option<&str> {
        match &self.source {
            Source::Mqtt { vendor, .. } | Source::Http { vendor, .. } => Some(vendor),
            Source::Position { .. } | Source::Correction(_) => None,
        }
    }

    /// Topic or path, for people and for decoders.
    pub fn channel(&self) -> &str {
        match &self.source {
            Source::Mqtt { topic, .. } => topic,
            Source::Http { path, .. } => path,
            Source::Position { .. } => "/position/create",
            Source::Correction(_) => "/position",
        }
    }

    /// The raw bytes, shared; empty for the hub's own formats.
    pub fn payload_bytes(&self) -> Bytes {
        match &self.source {
            Source::Mqtt { payload, .. } | Source::Http { payload, .. } => payload.clone(),
            Source::Position { .. } | Source::Correction(_) => Bytes::new(),
        }
    }
}

/// Why an acknowledged message gave no position although it should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadReason {
    /// The decoder says: not this format, or broken.
    Undecodable,
    /// The decoder says: this format, unsupported variant.
    Unsupported,
    /// No such tracker under this client.
    UnknownTracker,
    /// The tracker has no device.
    NoDevice,
    /// The identifier in the payload is not the one that the credential allows.
    ForeignTracker,
    /// No plugin of that vendor is installed.
    UnknownVendor,
    /// The plugin trapped, ran out of time or memory, or answered nonsense on this message.
    PluginFailed,
    /// The plugin is out of service (its breaker is open).
    PluginUnavailable,
    /// The journal record itself could not be read.
    Unreadable,
}

impl DeadReason {
    /// All reasons, for tables of metrics and documentation.
    pub const ALL: [Self; 9] = [
        Self::Undecodable,
        Self::Unsupported,
        Self::UnknownTracker,
        Self::NoDevice,
        Self::ForeignTracker,
        Self::UnknownVendor,
        Self::PluginFailed,
        Self::PluginUnavailable,
        Self::Unreadable,
    ];

    /// The name in rows, metrics and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::Unsupported => "unsupported",
            Self::UnknownTracker => "unknown_tracker",
            Self::NoDevice => "no_device",
            Self::ForeignTracker => "foreign_tracker",
            Self::UnknownVendor => "unknown_vendor",
            Self::PluginFailed => "plugin_failed",
            Self::PluginUnavailable => "plugin_unavailable",
            Self::Unreadable => "unreadable",
        }
    }
}

/// An acknowledged message that is kept because it could not be turned into positions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its journal record.
    pub offset: Offset,
    /// Whose it is; 0 where even that could not be read.
    pub client: ClientId,
    /// Time of receipt.
    pub received: TimeMs,
    /// The vendor, or empty.
    pub vendor: String,
    /// Topic or path.
    pub channel: String,
    /// Device identifier where one is known.
    pub device: Option<String>,
    /// Why.
    pub reason: DeadReason,
    /// Why, in words.
    pub detail: String,
    /// The plugin and version that failed (`teltonika@1.0.0`), where one ran.
    pub plugin: Option<String>,
    /// The raw bytes.
    pub payload: Bytes,
    /// The rest of the uplink ([`Uplink::envelope`]), so that it can be replayed; empty where there is none.
    pub envelope: Bytes,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn an_uplink_is_the_same_after_it_was_taken_apart() {
        let payload = Bytes::from_static(b"\0\xff raw");
        let sources = [
            Source::Mqtt {
                vendor: "teltonika".into(),
                topic: "1/data".into(),
                device: Some("1".into()),
                payload: payload.clone(),
            },
            Source::Http {
                vendor: "owntracks".into(),
                path: "/position/vendor/owntracks?u=1".into(),
                payload,
            },
            Source::Position {
                device: DeviceId(7),
                fix: Box::new(Fix {
                    latitude: 1.5,
                    ..Fix::default()
                }),
            },
        ];
        for source in sources {
            let sender = Sender {
                client: ClientId(1),
                link: Some(LinkId(2)),
                tracker: Some(TrackerId(3)),
            };
            let uplink = Uplink {
                received: TimeMs(1_750_000_000_000),
                sender,
                source,
            };
            let envelope = uplink.envelope().unwrap();
            assert_eq!(
                Uplink::restore(&envelope, uplink.payload_bytes()).unwrap(),
                uplink
            );
        }
        assert!(Uplink::restore(&[], Bytes::new()).is_err());
    }
}
