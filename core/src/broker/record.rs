//! A journal record written straight from the packet, without building an owned `Uplink` first.
//!
//! [`UplinkRef`] mirrors [`Uplink`](crate::model::Uplink) field by field; a test holds the two together.

use serde::{Serialize, Serializer};

use crate::model::{Sender, TimeMs, UplinkError};

const VERSION: u8 = 1;

/// An MQTT uplink that borrows everything.
#[derive(Serialize)]
pub struct UplinkRef<'a> {
    /// Time of receipt.
    pub received: TimeMs,
    /// Whose message it is.
    pub sender: Sender,
    /// What was received.
    pub source: SourceRef<'a>,
}

/// Mirrors the one variant of `model::Source` that comes from MQTT.
#[derive(Serialize)]
pub enum SourceRef<'a> {
    /// An MQTT PUBLISH.
    Mqtt {
        /// Vendor.
        vendor: &'a str,
        /// Topic as published.
        topic: &'a str,
        /// Device from the topic.
        device: Option<&'a str>,
        /// Payload as published.
        #[serde(serialize_with = "as_bytes")]
        payload: &'a [u8],
    },
}

fn as_bytes<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

impl UplinkRef<'_> {
    /// Appends the record's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), UplinkError> {
        out.push(VERSION);
        let taken = std::mem::take(out);
        *out = postcard::to_extend(self, taken)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::model::{ClientId, LinkId, Source, TrackerId, Uplink};

    proptest! {
        #[test]
        fn the_borrowed_record_has_the_same_bytes_as_the_owned_one(
            received in any::<i64>(), client in any::<u32>(), link in any::<Option<u32>>(), tracker in any::<Option<u32>>(),
            vendor in "[a-z]{1,10}", topic in "\\PC{0,60}", device in proptest::option::of("[0-9]{1,20}"),
            payload in proptest::collection::vec(any::<u8>(), 0..400), before in proptest::collection::vec(any::<u8>(), 0..9),
        ) {
            let sender = Sender { client: ClientId(client), link: link.map(LinkId), tracker: tracker.map(TrackerId) };
            let source = Source::Mqtt { vendor: vendor.clone(), topic: topic.clone(), device: device.clone(), payload: Bytes::from(payload.clone()) };
            let (mut owned, mut borrowed) = (before.clone(), before);
            Uplink { received: TimeMs(received), sender, source }.encode(&mut owned).unwrap();
            let source = SourceRef::Mqtt { vendor: &vendor, topic: &topic, device: device.as_deref(), payload: &payload };
            UplinkRef { received: TimeMs(received), sender, source }.encode(&mut borrowed).unwrap();
            prop_assert_eq!(owned, borrowed);
        }
    }
}
